"""Hostile input, as data: what is passed, and what must come of it.

A case ends in one of four ways: it is refused with a message that names the argument and the value (`Refuses`), it
gives a number that is known otherwise (`Gives`), or NaN stays NaN (`Tells`), or what no number of this precision can
hold becomes infinite (`Overflows`). A wrong number without a word, and NaN out of finite input, are failures."""
import hashlib, io, json, os, struct, warnings, zlib
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from PIL import Image

from prime_nb.alignment import CB, LDAM, PRW, alignment_loss, association_logits, get_technique, target_association
from prime_nb.baselines.balanced_mse import BMC, BNI, GAI
from prime_nb.baselines.conr import ConR
from prime_nb.baselines.denseweight import DenseWeight
from prime_nb.baselines.dist_loss import DistLoss
from prime_nb.baselines.fds import FeatureSmoother
from prime_nb.baselines.hca import HCALoss, Hierarchy
from prime_nb.baselines.hpn import HPN
from prime_nb.baselines.im_context import PFN, IMContext, Localizer, kernel_in_context, load_weights, ridge_in_context
from prime_nb.baselines.ordinal_entropy import OrdinalEntropy
from prime_nb.baselines.proxynca import ProxyNCALoss
from prime_nb.baselines.rank_n_contrast import RankNContrast
from prime_nb.baselines.ranksim import RankSim
from prime_nb.baselines.srl import SRL
from prime_nb.baselines.uvote import UVoteLoss, expert_weights
from prime_nb.baselines.vir import VIRLoss
from prime_nb.files import write_json
from prime_nb.bench.run import Job, finished
from prime_nb.bench.results import read_run
from prime_nb.checks import check_close, check_targets, relative_error, to_numpy
from prime_nb.cache import cached, cached_path
from prime_nb.data.columns import Columns
from prime_nb.data.inputs import ArrayInput, ImageInput, read_image
from prime_nb.data.memory import tensor_dls
from prime_nb.data.stsb import read_pairs
from prime_nb.distances import (
    cosine_distance, euclidean_distance, feature_distance, normalized_euclidean_distance, target_distance)
from prime_nb.losses import WeightedFocal, WeightedHuber, WeightedL1, WeightedMSE
from prime_nb.metrics import (
    GM, MAE, MSE, RMSE, Pearson, Relevance, balanced_mask, cosine_similarity, by_shot, similarity_spearman)
from prime_nb.models.mlp import MLP
from prime_nb.objective import PrimeLoss
from prime_nb.proxies import Proxies, make_proxies, proxy_kl, proxy_loss
from prime_nb.own.saved import load_model, save_model
from prime_nb.data.tables import disarm, read_table
from prime_nb.targets import LabelBins, lds_window

NAN, INF = float('nan'), float('inf')


# What must come of it

def as_numbers(x):
    "All numbers of a result, in one array"
    if isinstance(x, dict): x = list(x.values())
    if isinstance(x, (list, tuple)): return np.concatenate([as_numbers(v) for v in x]) if x else np.zeros(0)
    if x is None: return np.zeros(0)
    return to_numpy(x).astype(np.float64).ravel()

def short(x, n=110):
    s = ' '.join(str(x).split())
    return s if len(s) <= n else s[:n-1] + '…'

@dataclass(frozen=True)
class Refuses:
    "An error whose message says what was got, and names these words: the argument and the value, or what to do"
    words:tuple
    exc:tuple = (ValueError, TypeError)
    def __str__(self): return 'refused, with ' + ' and '.join(map(repr, self.words))
    def judge(self, run):
        try: got = run()
        except self.exc as e:
            text = str(e)
            lacking = [w for w in self.words if w.lower() not in text.lower()]
            said = f'refused: {short(text, 220)}' + (f' [lacks {lacking}]' if lacking else '')
            return not lacking and len(text) > 25, said
        except Exception as e: return False, f'{type(e).__name__}: {short(e, 200)}'
        return False, f'taken, and gave {short(got)}'

def refuses(*words, exc=(ValueError, TypeError)): return Refuses(words, exc)

@dataclass(frozen=True)
class Gives:
    "This value, or that of this function; finite"
    want:object
    rtol:float = 1e-5
    atol:float = 0.
    def __str__(self): return 'the value of a float64 computation' if callable(self.want) else f'{short(self.want, 40)}'
    def judge(self, run):
        try: got = run()
        except Exception as e: return False, f'{type(e).__name__}: {short(e, 200)}'
        want = self.want() if callable(self.want) else self.want
        plain = str, bool, type(None)
        if isinstance(want, plain) or isinstance(got, plain): return got == want, short(got)
        a, b = as_numbers(got), as_numbers(want)
        ok = a.shape == b.shape and bool(np.isfinite(a).all())
        if ok and a.size: ok = np.abs(a - b).max() <= self.atol + self.rtol*np.abs(b).max()
        got, want = (short(np.array2string(x[:4], precision=4)) for x in (a, b))
        return bool(ok), got if ok else f'{got} instead of {want}'

@dataclass(frozen=True)
class Visible:
    "NaN, or infinity: the result says by itself that it is none"
    what:str
    def __str__(self): return self.what
    def judge(self, run):
        try: a = as_numbers(run())
        except (ValueError, TypeError) as e: return len(str(e)) > 25, f'refused: {short(e, 220)}'
        except Exception as e: return False, f'{type(e).__name__}: {short(e, 200)}'
        has_nan = bool(np.isnan(a).any())
        ok = has_nan if self.what == 'NaN stays NaN' else bool(np.isinf(a).any()) and not has_nan
        return ok, short(np.array2string(a[:4], precision=4))

Tells, Overflows = Visible('NaN stays NaN'), Visible('infinite')

@dataclass(frozen=True)
class Case:
    group:str
    name:str
    run:object   # function, of a folder if `files`
    want:object
    files:bool = False

    def judge(self, folder=None):
        "Whether it went as it must, and how it went"
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return self.want.judge(partial(self.run, folder) if self.files else self.run)

CASES = []

def add(group, table, files=False):
    "Cases from a dict: name -> (function, what must come of it)"
    CASES.extend(Case(group, name, run, want, files=files) for name, (run, want) in table.items())


# Targets

def targets(y, **kw): return lambda: check_targets(y, **kw)

add('targets', {
    'NaN': (targets([1., NAN, 3.]), refuses('targets', 'nan', 'index 1')),
    'infinity': (targets([1., INF]), refuses('targets', 'inf', 'index 1')),
    'minus infinity': (targets([-INF, 1.]), refuses('targets', '-inf', 'index 0')),
    'constant': (targets([2., 2., 2.]), refuses('targets', 'constant', '3 times 2.0')),
    'zero and negative zero are one value': (targets([0., -0.]), refuses('constant')),
    'empty': (targets([]), refuses('targets', 'empty', '(0,)')),
    'one': (targets([5.]), refuses('constant', '1 times 5.0')),
    'a number': (targets(5.), refuses('shape', '()')),
    'maps': (targets(np.ones((2, 3, 3))), refuses('shape', '(2, 3, 3)')),
    'a matrix without columns': (targets(np.ones((3, 0))), refuses('empty', '(3, 0)')),
    'words': (targets(['a', 'b']), refuses('targets', 'numbers', "'a'")),
    'None': (targets([1., None]), refuses('targets', 'nan', 'index 1')),
    'objects': (targets([object(), 1]), refuses('targets', 'numbers')),
    'lists of different length': (targets([[1., 2.], [3.]]), refuses('targets', 'numbers')),
    'a dict': (targets({'y': 1.}), refuses('targets', 'numbers')),
    'complex': (targets(np.array([1+2j, 3.])), refuses('targets', 'complex128')),
    'complex tensor': (targets(torch.tensor([1+2j, 3.])), refuses('targets', 'complex64')),
    'dates': (targets(np.array(['2024-01-01', '2024-01-02'], 'M8[D]')), refuses('targets', 'datetime64')),
    'durations': (targets(np.array([1, 2], 'm8[s]')), refuses('targets', 'timedelta64')),
    'masked array': (targets(np.ma.array([1., 2., 3.], mask=[0, 1, 0])), refuses('targets', 'mask')),
    'masked array that hides nothing': (targets(np.ma.array([1., 2.])), Gives([1., 2.])),
    'an integer beyond float64': (targets([1, 10**400]), refuses('targets', 'numbers')),
    'pandas with a gap': (targets(pd.Series([1, None], dtype='Int64')), refuses('targets')),
    'numbers as text': (targets(['1', '2.5']), Gives([1., 2.5])),
    'bool': (targets([True, False]), Gives([1., 0.])),
    'int8': (targets(np.array([-128, 127], np.int8)), Gives([-128., 127.])),
    'uint64': (targets(np.array([0, 2**63], np.uint64)), Gives([0., 2.**63])),
    'float16': (targets(np.array([1., 2.], np.float16)), Gives([1., 2.])),
    'bfloat16': (targets(torch.tensor([1., 2.], dtype=torch.bfloat16)), Gives([1., 2.])),
    'a tensor with a gradient': (targets(torch.tensor([1., 2.], requires_grad=True)), Gives([1., 2.])),
    'huge': (targets([1e300, -1e300]), Gives([1e300, -1e300])),
    'subnormal': (targets([5e-324, 0.]), Gives([5e-324, 0.])),
    'read-only': (targets((lambda a: (a.setflags(write=False), a)[1])(np.array([1., 2.]))), Gives([1., 2.])),
    'negative strides': (targets(np.arange(3.)[::-1]), Gives([2., 1., 0.])),
    'big endian': (targets(np.array([1., 2.], '>f8')), Gives([1., 2.]))})

def close(*a, **kw):
    def run():
        try: check_close(*a, **kw)
        except AssertionError: return 'differs'
        return 'agrees'
    return run

add('comparison', {
    'NaN against a number': (close(NAN, 1.), Gives('differs')),
    'a number against NaN': (close(1., NAN), Gives('differs')),
    'NaN tolerance': (close(1., 2., rtol=NAN), refuses('rtol', 'nan')),
    'negative tolerance': (close(1., 1., atol=-1.), refuses('atol', '-1')),
    'infinite tolerance': (close(1., 2., atol=INF), refuses('atol', 'inf')),
    'imaginary parts count': (close(np.array([1+1j]), np.array([1+2j])), Gives('differs')),
    'opposite infinities': (close(INF, -INF), Gives('differs')),
    'broadcast': (close(np.ones((3, 1)), np.ones(3)), Gives('differs')),
    'huge': (close(1e308, -1e308), Gives('differs')),
    'relative error of different shapes': (lambda: relative_error([1., 2.], [1.]), refuses('(2,)', '(1,)'))})


# Bins, shots, density, weights

Y = np.repeat([0., 1, 2, 3, 4], [50, 20, 8, 3, 1])
BINS = LabelBins(Y, shots=(30, 5))
def bins(y=Y, **kw): return lambda: LabelBins(y, **kw).counts
def weigh(**kw): return lambda: BINS.weights(**kw)
def lds(**kw): return lambda: BINS.density(**kw)

add('bins', {
    'edges that fall': (bins(edges=[0, 5, 3]), refuses('edges', '3.')),
    'edges twice': (bins(edges=[0, 1, 1, 5]), refuses('edges', 'repeats')),
    'one edge': (bins(edges=[0]), refuses('edges', '[0.]')),
    'no edges': (bins(edges=[]), refuses('edges', '[]')),
    'NaN edge': (bins(edges=[0, NAN, 5]), refuses('edges', 'nan')),
    'infinite edge': (bins(edges=[0, 3, INF]), refuses('edges', 'inf')),
    'edges in two dimensions': (bins(edges=[[0, 1], [2, 3]]), refuses('edges')),
    'edges in words': (bins(edges=['a', 'b']), refuses('edges', "'a'")),
    'width 0': (bins(width=0), refuses('width', '0')),
    'negative width': (bins(width=-1.), refuses('width', '-1')),
    'NaN width': (bins(width=NAN), refuses('width', 'nan')),
    'infinite width': (bins(width=INF), refuses('width', 'inf')),
    'tiny width': (bins(width=1e-9), refuses('width', '1e-09')),
    'subnormal width': (bins(width=5e-324), refuses('width', '5e-324')),
    'width in words': (bins(width='1'), refuses('width', "'1'")),
    'no bins': (bins(n_bins=0), refuses('n_bins', '0')),
    'half a bin': (bins(n_bins=2.5), refuses('n_bins', '2.5')),
    'NaN bins': (bins(n_bins=NAN), refuses('n_bins', 'nan')),
    'infinitely many bins': (bins(n_bins=INF), refuses('n_bins', 'inf')),
    'a billion bins': (bins(n_bins=10**9), refuses('n_bins', '1000000000')),
    'bins in words': (bins(n_bins='10'), refuses('n_bins', "'10'")),
    'width and bins': (bins(width=1, n_bins=3), refuses('width', 'n_bins')),
    'vector targets': (bins(np.ones((3, 2))*np.arange(3)[:, None]), refuses('scalar', '(3, 2)')),
    'targets too close for the bins': (bins([1., np.nextafter(1, 2)], n_bins=50), refuses('n_bins', '50')),
    'targets too far apart for float64': (bins([-1.5e308, 1.5e308]), refuses('1.5e+308')),
    'huge targets': (bins([-1e30, 0., 1e30], n_bins=2), Gives([1, 2])),
    'subnormal targets': (bins([0., 5e-324], n_bins=2), refuses('n_bins', '2')),
    'tiny targets': (bins([0., 1e-30, 3e-30], n_bins=3), Gives([1, 1, 1])),
    'negative zero lies with zero': (bins([-0., 0., 1.]), Gives([2, 1])),
    'float32 noise does not move a label': (
        lambda: LabelBins(np.arange(50)/10, edges=np.arange(51)/10).index(torch.arange(50)/10), Gives(np.arange(50))),
    'shots the wrong way round': (bins(shots=(20, 100)), refuses('shots', '(20, 100)')),
    'NaN shots': (bins(shots=(NAN, 5)), refuses('shots', 'nan')),
    'three thresholds': (bins(shots=(100, 20, 5)), refuses('shots', '(100, 20, 5)')),
    'shots in words': (bins(shots='many'), refuses('shots', 'many')),
    'shot lists that lack a bin': (bins(shots=dict(many=[0], median=[1], few=[2])), refuses('shots', '5 bins')),
    'shot lists with a bin twice': (bins(shots=dict(many=[0, 1], median=[1, 2], few=[3, 4])), refuses('shots')),
    'shot lists of another name': (bins(shots=dict(lots=[0, 1, 2, 3, 4])), refuses('shots', 'lots')),
    'bin of NaN': (lambda: BINS.index([1., NAN]), refuses('targets', 'nan')),
    'bin of infinity': (lambda: BINS.index(torch.tensor([INF])), refuses('targets', 'inf')),
    'bin of complex numbers': (lambda: BINS.index(np.array([1+2j])), refuses('complex')),
    'bin of what lies outside': (lambda: BINS.index([-1e300, 1e300]), Gives([0, 4])),
    'bin of nothing': (lambda: BINS.index(np.zeros(0)), Gives(np.zeros(0))),
    'counts that are no numbers': (lambda: LabelBins.from_counts([1, NAN], [0, 1, 2]), refuses('counts', 'nan')),
    'half a sample': (lambda: LabelBins.from_counts([1, 2.5], [0, 1, 2]), refuses('counts', '2.5')),
    'negative counts': (lambda: LabelBins.from_counts([1, -2], [0, 1, 2]), refuses('counts', '-2')),
    'no samples at all': (lambda: LabelBins.from_counts([0, 0], [0, 1, 2]), refuses('counts')),
    'counts of other bins': (lambda: LabelBins.from_counts([1, 2, 3], [0, 1, 2]), refuses('counts', '3 numbers')),
    'bins that float32 cannot tell apart': (
        lambda: LabelBins([1.7e9, 1.7e9+5]).lookup()(torch.tensor([1.7e9])), refuses('float32', 'bins')),
    'tiny bins that float32 cannot tell apart': (lambda: LabelBins([0., 1e-50], n_bins=2).lookup(), refuses('float32')),
    'weight of NaN': (lambda: BINS.lookup()(torch.tensor([NAN])), Tells),
    'weights of float16 targets': (
        lambda: BINS.lookup()(torch.tensor([0., 4.], dtype=torch.float16)), Gives(lambda: BINS.weights()[[0, 4]])),
    'weights of whole numbers': (lambda: BINS.lookup()(torch.tensor([0, 4])), Gives(lambda: BINS.weights()[[0, 4]])),
    'weight beyond float32': (
        lambda: BINS.lookup()(torch.tensor([1e300], dtype=torch.float64)), Gives(lambda: BINS.weights()[[4]])),
    'unknown weighting': (weigh(weighting='cubic'), refuses('weighting', 'cubic')),
    'clip the wrong way round': (weigh(weighting='inverse', clip=(1000, 5)), refuses('clip', '(1000, 5)')),
    'NaN clip': (weigh(weighting='inverse', clip=(NAN, 5)), refuses('clip', 'nan')),
    'even kernel': (lds(ks=4), refuses('ks', '4')),
    'kernel of size 0': (lds(ks=0), refuses('ks', '0')),
    'negative kernel': (lds(ks=-3), refuses('ks', '-3')),
    'kernel of NaN': (lds(ks=NAN), refuses('ks', 'nan')),
    'kernel of half a bin': (lds(ks=2.5), refuses('ks', '2.5')),
    'unknown kernel': (lds(kernel='box'), refuses('kernel', 'box')),
    'unknown pad': (lds(pad='wrap'), refuses('pad', 'wrap')),
    'sigma 0': (lds(sigma=0.), refuses('sigma', '0')),
    'sigma NaN': (lds(sigma=NAN), refuses('sigma', 'nan')),
    'sigma infinite': (lds(sigma=INF), refuses('sigma', 'inf')),
    'sigma tiny is no smoothing': (lds(sigma=1e-200), Gives(lambda: BINS.counts)),
    'sigma huge is a sum': (lambda: lds_window('gaussian', 5, 1e200), Gives(np.ones(5))),
    'a kernel larger than the bins': (lds(ks=101, sigma=1e-3), Gives(lambda: BINS.counts)),
    'official kernel of tiny sigma': (
        lambda: lds_window('gaussian', 5, 1e-200, official=True), Gives([0, 0, 1, 0, 0]))})


# Metrics

P, T = np.array([1., 2, 4]), np.array([1., 3, 3])

add('metrics', {
    'NaN prediction': (lambda: MAE([1., NAN], [1., 2.]), refuses('pred', 'nan', 'element 1')),
    'infinite target': (lambda: MAE([1., 2.], [INF, 2.]), refuses('targ', 'inf', 'element 0')),
    'no samples': (lambda: MAE([], []), Gives(None)),
    'other shapes': (lambda: MAE(np.ones((3, 2)), np.ones((2, 3))), refuses('(3, 2)', '(2, 3)')),
    'broadcast': (lambda: MAE([1.], [1., 2.]), refuses('(1,)', '(2,)')),
    'words': (lambda: MAE(['a'], [1.]), refuses('pred', "'a'")),
    'complex': (lambda: MAE(np.array([1+1j]), [1.]), refuses('pred', 'complex')),
    'None among predictions': (lambda: MAE([1., None], [1., 2.]), refuses('pred', 'element 1')),
    'bool': (lambda: MAE([True, False], [False, False]), Gives(.5)),
    'bfloat16': (lambda: MAE(torch.ones(2, dtype=torch.bfloat16), [0., 0.]), Gives(1.)),
    'square beyond float64': (lambda: MSE([1e200], [0.]), Gives(None)),
    'root of a square beyond float64': (lambda: RMSE([1e200, -1e200], [0., 0.]), Gives(1e200)),
    'root of a subnormal square': (lambda: RMSE([1e-200, 1e-200], [0., 0.]), Gives(1e-200)),
    'difference beyond float64': (lambda: MAE([1.5e308], [-1.5e308]), Gives(None)),
    'geometric mean of an exact hit': (lambda: GM([1., 2.], [1., 3.]), Gives(0.)),
    'geometric mean of tiny errors': (lambda: GM([1e-300, 1e-300], [0., 0.]), Gives(1e-300)),
    'geometric mean of huge errors': (lambda: GM([1e300]*3, [0.]*3), Gives(1e300)),
    'correlation of huge numbers': (lambda: Pearson(P*1e200, T*1e200), Gives(lambda: np.corrcoef(P, T)[0, 1])),
    'correlation of tiny numbers': (lambda: Pearson(P*1e-200, T*1e-200), Gives(lambda: np.corrcoef(P, T)[0, 1])),
    'correlation with a constant': (lambda: Pearson([1., 1., 1.], T), Gives(None)),
    'correlation of one': (lambda: Pearson([1.], [1.]), Gives(None)),
    'an empty shot has no error': (lambda: by_shot([0.], [0.], BINS, 'MAE')['MAE/Few'], Gives(None)),
    'the other shots have one': (lambda: by_shot([0.], [1.], BINS, 'MAE')['MAE/Median'], Gives(1.)),
    'labels unseen in training': (lambda: by_shot([99.], [100.], BINS, 'MAE')['MAE/Few'], Gives(1.)),
    'unknown metric': (lambda: by_shot(P, T, BINS, 'MAPE'), refuses('metric', 'MAPE')),
    'vector targets': (lambda: by_shot(np.ones((3, 2)), np.ones((3, 2)), BINS), refuses('by=', '(3, 2)')),
    'by of another length': (
        lambda: by_shot(np.ones((3, 2)), np.ones((3, 2)), BINS, by=[1, 2]), refuses('by', 'got 2')),
    'NaN by': (lambda: by_shot(P, T, BINS, by=[1, NAN, 2]), refuses('nan')),
    'mask of whole numbers': (lambda: by_shot(P, T, BINS, mask=[1, 0, 1]), refuses('mask', 'int64')),
    'mask that hides a NaN': (
        lambda: by_shot([1., NAN], [2., 2.], BINS, 'MAE', mask=[True, False])['MAE/All'], Gives(1.)),
    'mask that hides all': (lambda: by_shot(P, T, BINS, 'MAE', mask=[False]*3)['MAE/All'], Gives(None)),
    'delta of a target of 0': (lambda: by_shot([1.], [0.], BINS, 'delta1'), refuses('delta', 'positive', '0')),
    'SERA without relevance': (lambda: by_shot(P, T, BINS, 'SERA'), refuses('relevance')),
    'relevance of constant targets': (lambda: Relevance([1., 1.]), refuses('constant')),
    'relevance of NaN': (lambda: Relevance(Y)([NAN]), Tells),
    'mask of 0 per bin': (lambda: balanced_mask(Y, BINS, per_bin=0), refuses('per_bin', '0')),
    'mask of -1 per bin': (lambda: balanced_mask(Y, BINS, per_bin=-1), refuses('per_bin', '-1')),
    'mask of more than there are': (lambda: balanced_mask(Y, BINS, per_bin=2), refuses('per_bin', '2')),
    'similarity of zero features': (lambda: cosine_similarity(np.zeros((2, 3))), Gives(np.zeros((2, 2)))),
    'similarity of huge features': (
        lambda: cosine_similarity(np.eye(2)*1e300 + 1e299), Gives(lambda: cosine_similarity(np.eye(2) + .1))),
    'similarity of tiny features': (
        lambda: cosine_similarity(np.eye(2)*1e-300 + 1e-301), Gives(lambda: cosine_similarity(np.eye(2) + .1))),
    'similarity of NaN features': (lambda: cosine_similarity([[1., NAN]]), refuses('features', 'nan')),
    'rank correlation of two samples': (lambda: similarity_spearman(np.eye(2), [1., 2.]), Gives(None)),
    'rank correlation of equal targets': (lambda: similarity_spearman(np.eye(4), [1.]*4), Gives(None))})


# Distances

g = torch.Generator().manual_seed(0)
A, B = torch.randn(4, 3, generator=g), torch.randn(5, 3, generator=g)
def naive(kind, a, b):
    "Distance, pair by pair in float64"
    a, b = to_numpy(a).astype(np.float64), to_numpy(b).astype(np.float64)
    def length(v): return np.abs(v).max()*np.linalg.norm(v/np.abs(v).max()) if v.any() else 0.
    def u(v): return v/length(v) if v.any() else v
    pairs = dict(
        cosine=lambda x, y: 1 - u(x) @ u(y), euclidean=lambda x, y: length(x - y),
        normalized_euclidean=lambda x, y: length(u(x) - u(y)))
    one = pairs[kind]
    return np.array([[one(x, y) for y in b] for x in a])

def distances(name, f, kind):
    d = lambda a, b: lambda: f(a, b)
    same = lambda a, b, rtol=1e-5: (d(a, b), Gives(lambda: naive(kind, a, b), rtol, 1e-6*(kind != 'euclidean')))
    nan = A.clone(); nan[1, 2] = NAN
    inf = A.clone(); inf[1, 2] = INF
    add('distances', {
        f'{name}: huge': same(A*1e30, B*1e30), f'{name}: near the largest number': same(A.sign()*9e37, B.sign()*9e37),
        f'{name}: huge and ordinary': same(A*1e30, B),
        f'{name}: float64, huge': same(A.double()*1e300, B.double()*1e300),
        f'{name}: float16': same(A.half(), B.half()), f'{name}: bfloat16': same(A.bfloat16(), B.bfloat16()),
        f'{name}: float16, huge': same(A.half()*1e4, B.half()*1e4),
        f'{name}: float32 and float64': same(A, B.double()), f'{name}: whole numbers': same((A*5).long(), (B*5).long()),
        f'{name}: zero': same(A*0, B), f'{name}: both zero': same(A*0, B*0), f'{name}: negative zero': same(-A*0, B*0),
        f'{name}: equal': same(A, A, 1e-4), f'{name}: one row': same(A[:1], B[:1]),
        f'{name}: one feature': same(A[:, :1], B[:, :1]),
        f'{name}: no rows': (lambda: f(A[:0], B).shape[0] + f(A, B[:0]).shape[1], Gives(0)),
        f'{name}: NaN': (d(nan, B), Tells),
        f'{name}: infinity': (lambda: f(inf, B)[1], Visible('NaN stays NaN') if kind != 'euclidean' else Overflows),
        f'{name}: complex': (d(A.cfloat(), B), refuses('complex')),
        f'{name}: other widths': (d(A, B[:, :2]), refuses('3', '2', exc=(ValueError, RuntimeError)))})

distances('cosine', cosine_distance, 'cosine')
distances('euclidean', euclidean_distance, 'euclidean')
distances('normalized_euclidean', normalized_euclidean_distance, 'normalized_euclidean')

add('distances', {
    'euclidean: tiny': (
        lambda: euclidean_distance(A*1e-30, B*1e-30), Gives(lambda: naive('euclidean', A*1e-30, B*1e-30))),
    'cosine: too short to have a direction': (lambda: cosine_distance(A*1e-30, B), Gives(np.ones((4, 5)))),
    'unknown distance': (lambda: feature_distance('manhattan'), refuses('distance', 'manhattan')),
    'targets of other width': (
        lambda: target_distance(torch.ones(3, 2), torch.ones(3)), refuses('2', '1', 'components')),
    'targets in maps': (lambda: target_distance(torch.ones(3, 2, 2), torch.ones(3)), refuses('(3, 2, 2)')),
    'huge targets': (lambda: target_distance(torch.tensor([1e30]), torch.tensor([-1e30])), Gives([2e30])),
    'huge vector targets': (lambda: target_distance(torch.full((1, 2), 1e30), torch.zeros(1, 2)), Gives([2**.5*1e30])),
    'NaN target': (lambda: target_distance(torch.tensor([NAN]), torch.tensor([1.])), Tells),
    'complex targets': (lambda: target_distance(torch.tensor([1j]), torch.tensor([1.])), refuses('complex'))})


# Proxies, associations, the objective

F = 3
def same_loss(f):
    "Loss of huge features without that of ordinary ones in the same directions"
    return proxy_loss(1e30*f, torch.arange(4.)) - proxy_loss(f, torch.arange(4.))

def with_seed(f):
    def run(*a):
        torch.manual_seed(0)
        return f(*a)
    return run

def objective(y=Y, C=4, z=None, t=None, dtype=torch.float32, **kw):
    "Total loss of a batch, and its gradient"
    def run():
        torch.manual_seed(0)
        p = make_proxies(y, C, F)
        z_ = (torch.randn(6, F) if z is None else z).to(dtype).requires_grad_()
        loss = PrimeLoss(**kw)(p, z_, torch.arange(6.) % 5 if t is None else t).total
        loss.backward()
        return [loss.double(), z_.grad, p.features.grad]
    return run

def proxies(*a, **kw): return with_seed(lambda: make_proxies(*a, **kw).targets)
def settings(**kw): return lambda: PrimeLoss(**kw)
def near(tau=5., **kw):
    y, targets = torch.tensor([0., 2., 4.]), torch.tensor([1., 2., 3.])
    return lambda: target_association(y, targets, tau, 4., **kw)
ONE_HOT = np.eye(3)

add('proxies', {
    'one proxy': (proxies(Y, 1, F), refuses('n_proxies', '1')),
    'no proxies': (proxies(Y, 0, F), refuses('n_proxies', '0')),
    'half a proxy': (proxies(Y, 2.5, F), refuses('n_proxies', '2.5')),
    'NaN proxies': (proxies(Y, NAN, F), refuses('n_proxies', 'nan')),
    'infinitely many proxies': (proxies(Y, INF, F), refuses('n_proxies', 'inf')),
    'proxies in words': (proxies(Y, 'many', F), refuses('n_proxies', 'many')),
    'two proxies': (proxies(Y, 2, F), Gives([4/3, 8/3])),
    'more proxies than samples': (proxies([0., 10.], 9, F), Gives(np.arange(1, 10.))),
    'more clusters than distinct targets': (proxies(Y, 6, F, 'kmeans'), refuses('n_proxies', '5', '6')),
    'as many clusters as distinct targets': (proxies(Y, 5, F, 'kmeans'), Gives(np.arange(5.))),
    'unknown placement': (proxies(Y, 3, F, 'grid'), refuses('placement', 'grid')),
    'uniform targets of vectors': (
        proxies(np.ones((3, 2))*np.arange(3)[:, None], 2, F, 'uniform'), refuses('scalar', '(3, 2)')),
    'constant targets': (proxies([1., 1.], 2, F), refuses('constant')),
    'NaN targets': (proxies([1., NAN], 2, F), refuses('nan')),
    'targets beyond float32': (proxies([0., 1e300], 3, F), refuses('targets', 'float32', 'e+299')),
    'targets within what float32 takes for one': (proxies([0., 1e-60], 3, F), refuses('targets', 'float32', 'unit')),
    'range beyond float64': (proxies([-1.5e308, 1.5e308], 3, F), refuses('float32')),
    'huge targets': (proxies([-1e30, 1e30], 3, F), Gives([-5e29, 0., 5e29])),
    'tiny targets': (proxies([0., 4e-30], 3, F), Gives([1e-30, 2e-30, 3e-30])),
    'no features': (proxies(Y, 3, 0), refuses('n_features', '0')),
    'scale 0': (lambda: Proxies([1., 2.], F, 0.), refuses('scale', '0')),
    'scale NaN': (lambda: Proxies([1., 2.], F, NAN), refuses('scale', 'nan')),
    'scale infinite': (lambda: Proxies([1., 2.], F, INF), refuses('scale', 'inf')),
    'NaN proxy target': (lambda: Proxies([1., NAN], F), refuses('targets', 'nan')),
    'counts of other proxies': (lambda: Proxies([1., 2.], F, 1., [1, 2, 3]), refuses('counts', '3')),
    'NaN counts': (lambda: Proxies([1., 2.], F, 1., [1, NAN]), refuses('counts', 'nan')),
    'one proxy made by hand has no pairs': (lambda: proxy_loss(torch.randn(1, F), torch.ones(1)), Gives(0.)),
    'equal features': (lambda: proxy_kl(torch.ones(3, F), torch.arange(3.), 5., 1e-9), Gives(0., atol=1e-6)),
    'zero features': (lambda: proxy_kl(torch.zeros(3, F), torch.arange(3.), 5., 1e-9), Gives(0., atol=1e-6)),
    'huge features have the loss of their directions': (
        with_seed(lambda: same_loss(torch.randn(4, F))),
        Gives(0., atol=1e-5)),
    'a temperature of 1e8 leaves the nearest pairs': (
        with_seed(lambda: proxy_kl(torch.eye(3), torch.tensor([0., 1., 3.]), 5., 1e8)), Gives(np.log(3.))),
    'NaN feature': (lambda: proxy_loss(torch.full((3, F), NAN), torch.arange(3.)), Tells)})

add('association', {
    'tau 1e-8 is even': (near(1e-8), Gives(np.full((3, 3), 1/3))),
    'tau 1e8 is one-hot': (near(1e8), Gives(ONE_HOT)),
    'one-hot': (near(one_hot=True), Gives(ONE_HOT)),
    'NaN target': (lambda: target_association(torch.tensor([NAN]), torch.arange(3.), 5.), Tells),
    'NaN target, one-hot': (lambda: target_association(torch.tensor([NAN]), torch.arange(3.), 5., one_hot=True), Tells),
    'a target far outside goes to the nearest': (
        lambda: target_association(torch.tensor([1e30]), torch.arange(3.), 5.)[0, 2] > .3, Gives(1.)),
    'whole numbers': (
        lambda: target_association(torch.tensor([0, 2, 4]), torch.tensor([1., 2., 3.]), 1e8, 4.), Gives(ONE_HOT)),
    'zero features see all proxies alike': (
        with_seed(lambda: association_logits(torch.zeros(2, F), torch.randn(4, F), 5.).softmax(1)),
        Gives(np.full((2, 4), .25))),
    'sure of the wrong proxy': (
        lambda: alignment_loss(torch.tensor([[0., -1e30]]), torch.tensor([[0., 1.]])), Gives(1e30)),
    'margin, sure of one proxy': (
        lambda: alignment_loss(torch.tensor([[0., -1e4]]), torch.tensor([[1., 0.]]), margins=torch.tensor([.5, .5])),
        Gives(0., atol=1e-6)),
    'margin, one proxy': (
        lambda: alignment_loss(torch.tensor([[-3.]]), torch.tensor([[1.]]), margins=torch.tensor([.5])), Gives(0.)),
    'PRW: a proxy that the batch does not use': (
        lambda: PRW(.05).weights(torch.tensor([[1., 0., 0.]]), None)[0], Gives(1/3)),
    'PRW: its weight is finite': (
        lambda: PRW(.05).weights(torch.tensor([[1., 0., 0.]]), None).isfinite().all(), Gives(1.)),
    'PRW: delta 0': (lambda: PRW(0.), refuses('delta', '0')),
    'PRW: delta NaN': (lambda: PRW(NAN), refuses('delta', 'nan')),
    'PRW: delta infinite': (lambda: PRW(INF), refuses('delta', 'inf')),
    'PRW: delta 1e8 weighs all alike': (
        lambda: (w := PRW(1e8).weights(torch.tensor([[.2, .8], [.4, .6]]), None))/w[0], Gives([1., 1.])),
    'CB: beta 1': (lambda: CB(1.), refuses('beta', '1')),
    'CB: negative beta': (lambda: CB(-.1), refuses('beta', '-0.1')),
    'CB: beta NaN': (lambda: CB(NAN), refuses('beta', 'nan')),
    'CB: beta 0 weighs all alike': (
        lambda: CB(0.).weights(torch.ones(1, 3), torch.tensor([0., 1., 1e9])), Gives(np.ones(3))),
    'CB: beta nearly 1 is the inverse count': (
        lambda: CB(1 - 1e-12).weights(torch.ones(1, 2, dtype=torch.float64), torch.tensor([1., 9.])),
        Gives([1.8, .2], rtol=1e-3)),
    'CB: an empty proxy counts as one': (
        lambda: CB(.99).weights(torch.ones(1, 2), torch.tensor([0., 1.])), Gives([1., 1.])),
    'LDAM: negative margin': (lambda: LDAM(-1.), refuses('max_margin', '-1')),
    'LDAM: NaN margin': (lambda: LDAM(NAN), refuses('max_margin', 'nan')),
    'LDAM: infinite margin': (lambda: LDAM(INF), refuses('max_margin', 'inf')),
    'LDAM: margin of empty proxies': (lambda: LDAM(.5).margins(torch.zeros(3)), Gives([.5]*3)),
    'unknown technique': (lambda: get_technique('focal'), refuses('technique', 'focal')),
    'technique 0': (lambda: get_technique(0), refuses('technique', '0'))})

add('objective', {
    **{f'{k} {v}': (settings(**{k: v}), refuses(k, str(v))) for k in ('tau_f', 'tau_t') for v in (0., -1., NAN, INF)},
    **{f'{k} {v}': (settings(**{k: v}), refuses(k, str(v))) for k in ('lambda_p', 'lambda_a', 'alpha')
        for v in (-1., NAN, INF)},
    'tau_f in words': (settings(tau_f='5'), refuses('tau_f', "'5'")),
    'unknown distance': (settings(distance='manhattan'), refuses('distance', 'manhattan')),
    'epoch of re-weighting without weights': (settings(drw_epoch=3), refuses('drw_epoch', '3')),
    'NaN epoch of re-weighting': (settings(drw_epoch=NAN, technique='prw'), refuses('drw_epoch', 'nan')),
    'all weights 0': (objective(lambda_p=0., lambda_a=0.), Gives(lambda: [0.]*31)),
    'C = 2': (objective(C=2), Gives(objective(C=2, dtype=torch.float64))),
    'more proxies than samples': (objective([0., 4.], C=9), Gives(objective([0., 4.], C=9, dtype=torch.float64))),
    'tau_f 1e-8': (objective(tau_f=1e-8), Gives(objective(tau_f=1e-8, dtype=torch.float64), 1e-4)),
    'tau_t 1e-8': (objective(tau_t=1e-8), Gives(objective(tau_t=1e-8, dtype=torch.float64), 1e-4)),
    'tau_f 1e8': (objective(tau_f=1e8), Gives(objective(tau_f=1e8, dtype=torch.float64), 1e-4)),
    'tau_t 1e8': (objective(tau_t=1e8), Gives(objective(tau_t=1e8, dtype=torch.float64), 1e-4)),
    'alpha 1e8': (objective(alpha=1e8), Gives(objective(alpha=1e8, dtype=torch.float64), 1e-4)),
    'alpha 1e-30': (objective(alpha=1e-30), Gives(objective(alpha=0.))),
    'lambda 1e30': (objective(lambda_a=1e30), Gives(objective(lambda_a=1e30, dtype=torch.float64), 1e-4)),
    'labels unseen in training': (
        objective(t=torch.full((6,), 99.)), Gives(objective(t=torch.full((6,), 99.), dtype=torch.float64), 1e-4)),
    'whole labels': (objective(t=torch.arange(6) % 5), Gives(objective())),
    'bool labels': (objective(t=torch.arange(6) % 2 > 0), Gives(objective(t=torch.arange(6.) % 2))),
    'float16 features': (objective(dtype=torch.float16), Gives(objective(), 1e-2)),
    'bfloat16 features': (objective(dtype=torch.bfloat16), Gives(objective(), 5e-2)),
    'float64 features': (objective(dtype=torch.float64), Gives(objective())),
    'no samples': (objective(z=torch.ones(0, F), t=torch.ones(0)), refuses('features', '(0, 3)')),
    'one sample': (
        objective(z=torch.ones(1, F), t=torch.ones(1)),
        Gives(objective(z=torch.ones(1, F), t=torch.ones(1), dtype=torch.float64))),
    'other width': (objective(z=torch.ones(6, 5)), refuses('features', '(6, 5)')),
    'maps': (objective(z=torch.ones(6, F, 2, 2)), refuses('features', '(6, 3, 2, 2)')),
    'fewer labels': (objective(t=torch.ones(5)), refuses('targets', '(5,)')),
    'complex labels': (objective(t=torch.ones(6)*1j), refuses('complex')),
    'another device': (
        objective(z=torch.ones(6, F, device='meta')), refuses('device', 'meta', exc=(RuntimeError, ValueError)))})


# Regression losses

def on(loss, pred, y, w=None, **kw):
    "Loss and gradient"
    def run():
        p = torch.as_tensor(pred).clone().requires_grad_()
        l = (loss() if callable(loss) and not isinstance(loss, torch.nn.Module) else loss)(p, torch.as_tensor(y), w)
        l.backward()
        return [l.detach().double(), p.grad.double()]
    return run

def make(cls, **kw): return lambda: cls(**kw)
ones = torch.ones(4)

add('losses', {
    'broadcast': (on(WeightedL1(), torch.ones(4, 1), torch.ones(1, 4)), Gives([0.]*5)),
    'other shapes': (on(WeightedL1(), torch.ones(4, 2), torch.ones(2, 4)), refuses('pred', '(4, 2)', '(2, 4)')),
    'fewer targets': (on(WeightedMSE(), ones, ones[:3]), refuses('(4,)', '(3,)')),
    'no samples': (on(WeightedL1(), ones[:0], ones[:0]), refuses('(0,)')),
    'no samples, summed': (lambda: WeightedL1(reduction='sum')(ones[:0], ones[:0]), Gives(0.)),
    'NaN prediction': (on(WeightedL1(), ones*NAN, ones), Tells),
    'NaN target': (on(WeightedL1(BINS.lookup()), ones, ones*NAN), Tells),
    'NaN weight': (on(WeightedL1(), ones, 0*ones, ones*NAN), Tells),
    'complex prediction': (on(WeightedL1(), ones*1j, ones), refuses('complex')),
    'weights of another length': (on(WeightedL1(), ones, ones, torch.ones(3)), refuses('weights', '(3,)')),
    'weights that are no function': (make(WeightedL1, weights=[1., 2.]), refuses('weights', 'list')),
    'unknown reduction': (make(WeightedL1, reduction='median'), refuses('reduction', 'median')),
    'huge error, L1': (on(WeightedL1(), ones*1e30, ones), Gives([1e30] + [.25]*4)),
    'huge error, MSE': (lambda: WeightedMSE()(ones*1e30, ones), Overflows),
    'huge error, MSE in float64': (on(WeightedMSE(), ones.double()*1e30, ones.double()), Gives([1e60] + [5e29]*4)),
    'huge error, Huber': (on(WeightedHuber(), ones*1e30, ones), Gives([1e30] + [.25]*4)),
    'huge error, Focal': (on(WeightedFocal(), ones*1e30, ones), Gives([1e30] + [.25]*4)),
    'tiny error, Huber': (on(WeightedHuber(), ones*1e-30, 0*ones), Gives([0.]*5, atol=1e-29)),
    'no error, Focal': (on(WeightedFocal(), ones, ones), Gives([0.]*5)),
    'no error, Focal with a root': (on(WeightedFocal(gamma=.5), ones, ones), Gives([0.]*5)),
    'float16 counts in float32': (on(WeightedMSE(), ones.half()*300, 0*ones.half()), Gives([9e4] + [150.]*4)),
    'Huber, beta 0': (make(WeightedHuber, beta=0.), refuses('beta', '0')),
    'Huber, beta NaN': (make(WeightedHuber, beta=NAN), refuses('beta', 'nan')),
    'Huber, beta infinite': (make(WeightedHuber, beta=INF), refuses('beta', 'inf')),
    'Huber, beta tiny is L1': (on(WeightedHuber(beta=1e-30), ones*3, ones), Gives([2.] + [.25]*4)),
    'Focal, beta NaN': (make(WeightedFocal, beta=NAN), refuses('beta', 'nan')),
    'Focal, beta infinite': (make(WeightedFocal, beta=INF), refuses('beta', 'inf')),
    'Focal, gamma NaN': (make(WeightedFocal, gamma=NAN), refuses('gamma', 'nan')),
    'Focal, gamma infinite': (make(WeightedFocal, gamma=INF), refuses('gamma', 'inf')),
    'Focal, negative gamma': (make(WeightedFocal, gamma=-1.), refuses('gamma', '-1')),
    'Focal, unknown base': (make(WeightedFocal, base='l3'), refuses('base', 'l3'))})


# Baselines: every loss in every situation, against the same loss in float64

N, W = 12, 6
AGES = np.random.default_rng(0).gamma(2, 10, 300).round()
AGE_BINS = LabelBins(AGES, shots=(12, 4))

def by_features(f):
    def loss(z, y):
        o = f()
        return o(z, y, z[:, 0].detach()*10) if getattr(o, 'needs_pred', False) else o(z, y)
    return loss
def by_pred(f): return lambda z, y: f()(z[:, :1], y.reshape(-1, 1))
def smoothed(z, y):
    out = smoother().smooth(z, y)
    return out.mean() if z.dtype == torch.float64 else out.float().mean()

def by_outputs(f):
    def loss(z, y):
        o = f()
        return o(z.repeat(1, -(-o.n_outputs//W))[:, :o.n_outputs], y)
    return loss
def by_proxies(f): return lambda z, y: f()(make_proxies(AGES, 5, W), z, y).total
def vir(z, y): return VIRLoss(AGE_BINS.lookup())(torch.cat([z[:, :1], z[:, 1:3].abs() + 1], 1), y)

@torch.no_grad()
def smoother():
    o, g = FeatureSmoother(AGE_BINS, W), torch.Generator().manual_seed(1)
    for e in range(2):
        o.gather(torch.randn(300, W, generator=g), torch.tensor(AGES, dtype=torch.float32))
        o.end_epoch(e)
    return o

LOSSES = {
    'PRIME': by_proxies(PrimeLoss), 'PRIME, Euclidean': by_proxies(make(PrimeLoss, distance='euclidean')),
    'PRIME + PRW': by_proxies(make(PrimeLoss, technique='prw')),
    'PRIME + LDAM': by_proxies(make(PrimeLoss, technique='ldam')), 'ProxyNCA': by_proxies(ProxyNCALoss),
    'RankSim': by_features(RankSim), 'ConR': by_features(ConR), 'Ordinal Entropy': by_features(OrdinalEntropy),
    'Rank-N-Contrast': by_features(RankNContrast),
    'Rank-N-Contrast, cosine': by_features(make(RankNContrast, distance='cosine')),
    'SRL': by_features(lambda: SRL(AGE_BINS, n_points=100)), 'HPN': by_features(lambda: HPN(0, 100)),
    'FDS': smoothed,
    'BMC': by_pred(BMC), 'GAI': by_pred(lambda: GAI(AGES)), 'BNI': by_pred(lambda: BNI(AGE_BINS)),
    'Dist': by_pred(lambda: DistLoss(AGES)),
    'DenseWeight': by_pred(lambda: WeightedL1(DenseWeight(AGES))),
    'inverse weights': by_pred(lambda: WeightedL1(AGE_BINS.lookup('inverse'))),
    'Focal-R': by_pred(make(WeightedFocal, base='mse')),
    'HCA': by_outputs(lambda: HCALoss(Hierarchy(AGE_BINS, AGES), distill=1.)),
    'UVOTE': by_outputs(lambda: UVoteLoss(expert_weights(AGE_BINS))), 'VIR': vir}

g = torch.Generator().manual_seed(0)
Z64, A64 = torch.randn(N, W, generator=g, dtype=torch.float64), torch.tensor(AGES[:N])
def put(x, i, v): x = x.clone(); x[i] = v; return x
SITUATIONS = {  # features, labels
    'one sample': (Z64[:1], A64[:1]),
    'all labels equal': (Z64, A64[:1].repeat(N)),
    'all labels different': (Z64, torch.arange(N).double()*7),
    'a feature of length 0': (put(Z64, 3, 0.), A64),
    'all features of length 0': (Z64*0, A64),
    'all features equal': (Z64[:1].repeat(N, 1), A64),
    'huge features': (Z64*1e30, A64),
    'one huge feature': (put(Z64, 3, Z64[3]*1e30), A64),
    'labels unseen in training': (Z64, A64 + 1000.),
    'NaN in a feature': (put(Z64, (3, 0), NAN), A64),
    'NaN in a label': (Z64, put(A64, 3, NAN)),
    'no samples': (Z64[:0], A64[:0])}
SQUARES = {'BMC', 'GAI', 'BNI', 'Focal-R', 'VIR'}   # 1e60, or the difference of two such numbers, is beyond float32
EMPTY_IS_0 = {'RankSim', 'ConR', 'Ordinal Entropy', 'Rank-N-Contrast', 'Rank-N-Contrast, cosine'}

def value_of(loss, z, y, dtype, gradient=True):
    "Loss and gradient"
    def run():
        torch.manual_seed(0)
        x = z.to(dtype).detach().requires_grad_()
        l = loss(x, y.to(torch.float32).to(x.dtype if dtype == torch.float64 else torch.float32))
        l.backward()
        return [l.detach().double(), x.grad] if gradient else l.detach().double()
    return run

def expected(name, situation, loss, z, y):
    if situation == 'no samples': return Gives(0.) if name in EMPTY_IS_0 else refuses('(0,')
    if situation == 'NaN in a label' and name == 'FDS':
        others = [i for i in range(N) if i != 3]
        return Gives(lambda: smoother().smooth(Z64[others], A64[others]).sum()/N/W + Z64[3].sum()/N/W)
    if 'NaN' in situation: return Tells
    if 'huge' in situation and name in SQUARES: return Overflows
    # which of equal points is nearest decides the gradient
    ties = (name, situation) == ('SRL', 'all features equal')
    return Gives(value_of(loss, z, y, torch.float64, gradient='huge' not in situation and not ties), 1e-3, 1e-5)

for name, loss in LOSSES.items():
    for situation, (z, y) in SITUATIONS.items():
        if (name, situation) == ('FDS', 'no samples'): continue       # it smooths, and averages nothing
        want = expected(name, situation, loss, z, y=y)
        ties = (name, situation) == ('SRL', 'all features equal')
        simple = ties or 'NaN' in situation or 'huge' in situation or situation == 'no samples'
        add('baselines', {f'{name}: {situation}': (value_of(loss, z, y, torch.float32, gradient=not simple), want)})
    for dtype in (torch.float16, torch.bfloat16):
        z = Z64.to(dtype).double()
        add('baselines', {
            f'{name}: {str(dtype)[6:]}': (
                value_of(loss, z, A64, dtype, gradient=False),
                Gives(value_of(loss, z, A64, torch.float64, gradient=False), 1e-2, 1e-5))})

add('baseline settings', {
    **{f'{c.__name__} {k} {v}': (make(c, **{k: v}), refuses(k, str(v))) for c,
        k in ((RankSim, 'interpolation'), (ConR, 'temperature'), (RankNContrast, 'temperature'),
            (OrdinalEntropy, 'target_scale')) for v in (0., -1., NAN, INF)},
    **{f'SRL temperature {v}': (lambda v=v: SRL(AGE_BINS, temperature=v), refuses('temperature must', str(v)))
        for v in (0., NAN, INF)},
    **{f'BMC sigma {v}': (make(BMC, sigma=v), refuses('sigma', str(v))) for v in (0., -1., NAN, INF)},
    **{f'DenseWeight {k} {v}': (lambda k=k, v=v: DenseWeight(AGES, **{k: v}), refuses(k, str(v))) for k,
        v in (('alpha', NAN), ('alpha', -1.), ('alpha', INF), ('eps', 0.), ('bandwidth', 0.), ('bandwidth', INF),
            ('bandwidth', 'big'))},
    'ConR omega NaN': (make(ConR, w=NAN), refuses('w must', 'nan')),
    'ConR growth infinite': (make(ConR, e=INF), refuses('e must', 'inf')),
    'Dist weight NaN': (lambda: DistLoss(AGES, weight=NAN), refuses('weight', 'nan')),
    'Dist of constant targets': (lambda: DistLoss([1., 1.]), refuses('constant')),
    'HPN bounds the wrong way round': (lambda: HPN(5., 1.), refuses('lo', '5.0', '1.0')),
    'HPN bounds NaN': (lambda: HPN(0., NAN), refuses('hi', 'nan')),
    'HPN of one feature': (lambda: HPN(0., 1.)(torch.ones(2, 1), torch.ones(2)), refuses('two features', '1')),
    'HCA levels that fall': (lambda: Hierarchy(AGE_BINS, n_classes=(8, 4)), refuses('n_classes', '[8, 4]')),
    'HCA reg NaN': (lambda: HCALoss(Hierarchy(AGE_BINS), reg=NAN), refuses('reg', 'nan')),
    'UVOTE min_scale NaN': (lambda: UVoteLoss(expert_weights(AGE_BINS), min_scale=NAN), refuses('min_scale', 'nan')),
    'UVOTE of no experts': (lambda: expert_weights(AGE_BINS, 0), refuses('n_experts', '0')),
    'FDS with an even kernel': (lambda: FeatureSmoother(AGE_BINS, W, ks=4), refuses('ks', '4')),
    'FDS with an unknown option': (lambda: FeatureSmoother(AGE_BINS, W, smooth=1), refuses('smooth')),
    'IM-Context: NaN features': (lambda: Localizer(np.full((3, 2), NAN), [1., 2., 3.]), refuses('features', 'nan')),
    'IM-Context: an empty prompt': (
        lambda: Localizer(np.eye(3), [1., 2., 3.], n_neighbors=0, n_rare=0), refuses('n_neighbors', '0')),
    'IM-Context: more neighbours than samples': (
        lambda: IMContext(ridge_in_context, n_neighbors=99, n_rare=0).fit(np.eye(3),
            [1., 2., 3.]).predict(np.eye(3)[:1]).isfinite().all(),
        Gives(1.)),
    'IM-Context: all features equal': (
        lambda: IMContext(kernel_in_context, n_rare=0).fit(np.ones((3, 2)), [1., 2., 3.]).predict(np.ones((1, 2))),
        Gives(2.))})


# Pictures

def encoded(im, kind='PNG', **kw):
    b = io.BytesIO()
    im.save(b, kind, **kw)
    return b.getvalue()

GREY = Image.fromarray(np.full((16, 16), 128, np.uint8))
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8))
RED = Image.new('RGB', (16, 16), (255, 0, 0))
def picture(data, name='a.png', size=8):
    def run(folder):
        (folder/name).write_bytes(data)
        return read_image(folder/name, size)[0, 0]
    return run

def png(width, height, body=b''):
    "A PNG with this header, whatever its body"
    chunk = lambda kind, data: struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    header = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + header + chunk(b'IDAT', zlib.compress(body)) + chunk(b'IEND', b'')

def link(folder, target):
    os.symlink(target, folder/'a.png')
    return read_image(folder/'a.png', 8)

unreadable = refuses('a.png', 'picture')
def names(column): return lambda folder: ImageInput('f', 16, str(folder)).read(pd.DataFrame(dict(f=column)))
def named(name):
    def run(folder):
        (folder/name).write_bytes(encoded(GREY))
        return ImageInput('f', 16, str(folder)).read(pd.DataFrame(dict(f=[name])))[0, :, 0, 0]
    return run

add('pictures', {
    'truncated PNG': (picture(encoded(NOISE)[:-300]), unreadable),
    'truncated JPEG': (picture(encoded(RED.resize((64, 64)), 'JPEG')[:-300]), unreadable),
    'a flipped byte in a PNG': (picture((lambda d: d[:45] + bytes([d[45] ^ 255]) + d[46:])(encoded(GREY))), unreadable),
    'empty file': (picture(b''), unreadable),
    'text': (picture(b'no picture'), unreadable),
    'only the signature': (picture(b'\x89PNG\r\n\x1a\n'), unreadable),
    'a header of 10 gigapixels': (picture(png(100_000, 100_000)), unreadable),
    'a header of 0 pixels': (picture(png(0, 0)), unreadable),
    'a header without pixels': (picture(png(500, 500)), unreadable),
    'EPS, which a reader would run': (
        picture(b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/tmp/x) (w) file\n'), unreadable),
    'a pickle': (picture(b'\x80\x04cos\nsystem\n(S\'true\'\ntR.'), unreadable),
    '1-bit': (picture(encoded(GREY.point(lambda v: 255).convert('1'))), Gives([255]*3)),
    'grey': (picture(encoded(GREY)), Gives([128]*3)),
    'grey and alpha': (picture(encoded(GREY.convert('LA'))), Gives([128]*3)),
    '16-bit grey': (picture(encoded(Image.fromarray(np.full((16, 16), 128*256, np.uint16)))), Gives([128]*3)),
    '16-bit grey TIFF': (
        picture(encoded(Image.fromarray(np.full((16, 16), 128*256, np.uint16)), 'TIFF')), Gives([128]*3)),
    '32-bit levels': (
        picture(encoded(Image.fromarray(np.ones((16, 16), np.float32)), 'TIFF')), refuses('a.png', '32-bit')),
    'transparent red': (picture(encoded(Image.new('RGBA', (16, 16), (255, 0, 0, 0)))), Gives([255]*3)),
    'half transparent black': (picture(encoded(Image.new('RGBA', (16, 16), (0, 0, 0, 128)))), Gives([127]*3)),
    'a palette with a transparent colour': (
        picture(encoded(Image.new('P', (16, 16), 0), transparency=0)), Gives([255]*3)),
    'a name without its ending': (names(['c']), refuses('no such picture', exc=(FileNotFoundError,))),
    'HEIC': (picture(b'\0\0\0\x18ftypheic\0\0\0\0'), refuses('a.png', 'JPEG, PNG', 'HEIC')),
    'CMYK': (picture(encoded(Image.new('CMYK', (16, 16), (0, 255, 255, 0)), 'TIFF')), Gives([255, 0, 0])),
    'palette': (picture(encoded(RED.convert('P'))), Gives([255, 0, 0], 0, 5)),
    'animated GIF: its first picture': (
        picture(encoded(RED, 'GIF', save_all=True, append_images=[GREY.convert('RGB')])), Gives([255, 0, 0], 0, 5)),
    'one pixel': (picture(encoded(GREY.crop((0, 0, 1, 1)))), Gives([128]*3)),
    'a line': (picture(encoded(GREY.resize((2000, 1)))), Gives([128]*3)),
    'a JPEG that says it is a PNG': (picture(encoded(GREY.convert('RGB'), 'JPEG')), Gives([128]*3, 0, 2)),
    'a link to itself': (lambda f: link(f, f/'a.png'), unreadable),
    'a link to nowhere': (lambda f: link(f, f/'b.png'), refuses('a.png', exc=(OSError,))),
    'a link in a circle, as listed': (
        lambda f: (os.symlink(f/'b.png', f/'a.png'), os.symlink(f/'a.png', f/'b.png'), names(['a.png'])(f))[2],
        refuses('a.png', exc=(FileNotFoundError,))),
    'a path that climbs out': (names(['../'*20 + 'etc/passwd']), refuses('cannot be read as a picture')),
    'an absolute path': (names(['/etc/passwd']), refuses('cannot be read as a picture')),
    'a device': (names(['/dev/zero']), refuses('no such picture', '/dev/zero', exc=(FileNotFoundError,))),
    'a folder': (names(['.']), refuses('no such picture', exc=(FileNotFoundError,))),
    'no name': (names(['']), refuses('no such picture', exc=(FileNotFoundError,))),
    'NaN as name': (names([NAN]), refuses('no such picture', 'nan', exc=(FileNotFoundError,))),
    'a zero byte in the name': (names(['a\0.png']), refuses('no such picture', exc=(FileNotFoundError, ValueError))),
    'a name of 5,000 letters': (names(['x'*5000]), refuses('name', exc=(OSError, ValueError))),
    'no pictures': (lambda f: ImageInput('f', 16).read([]), refuses('no pictures', 'empty')),
    **{f'a name with {what}': (named(n), Gives([128]*3)) for what,
        n in {'accents': 'é.png', 'another script': '図.png', 'a line break': 'a\nb.png',
            'text from right to left': '\u202egnp.a.png', 'blanks': ' a .png', 'a formula': '=1+1.png'}.items()},
    **{f'size {v}': (lambda f, v=v: ImageInput('f', v), refuses('size', str(v)))
        for v in (0, 7, 5000, 8.5, True, NAN)}}, files=True)


# Models, weights, caches, runs, locks

class Payload:
    "Creates a file when it is unpickled"
    def __init__(self, path): self.path = str(path)
    def __reduce__(self): return (open, (self.path, 'w'))

def trapped(write, read):
    "A file with a payload is read: refused, and nothing was run"
    def run(folder):
        write(folder, Payload(folder/'owned'))
        try: return read(folder)
        finally:
            if (folder/'owned').exists(): raise RuntimeError('the payload was run')
    return run

def model(spoil, sums=True):
    "A saved model, spoilt, with checksums written anew if `sums`"
    def run(folder):
        save_model(folder/'m', dict(w=torch.ones(2, 3), b=torch.zeros(3)), dict(kind='test', more=1.5))
        spoil(folder/'m')
        if sums: (folder/'m'/'SHA256SUMS').write_text(
        ''.join(f'{hashlib.sha256((folder/"m"/n).read_bytes()).hexdigest()}  {n}\n'
            for n in ('model.json', 'model.safetensors')))
        return load_model(folder/'m')[0]['w']
    return run

def edit(f, change):
    d = json.loads((f/'model.json').read_text())
    change(d)
    (f/'model.json').write_text(json.dumps(d))

def weights(**tensors):
    from safetensors.torch import save_file
    return lambda f: save_file(tensors, f/'model.safetensors')

def cut(name, n): return lambda f: (f/name).write_bytes((f/name).read_bytes()[:n])

add('saved models', {
    'as it was': (model(lambda f: None), Gives(np.ones((2, 3)))),
    'weights cut off': (model(cut('model.safetensors', 90)), refuses('model.safetensors', 'safetensors')),
    'weights empty': (model(cut('model.safetensors', 0)), refuses('safetensors')),
    'weights cut off, checksums old': (
        model(cut('model.safetensors', 90), sums=False), refuses('model.safetensors', 'damaged')),
    'header of 2^60 bytes': (
        model(lambda f: (f/'model.safetensors').write_bytes(struct.pack('<Q', 2**60) + b'{}')), refuses('safetensors')),
    'a pickle as weights': (
        trapped(lambda f, p: None, model(lambda f: torch.save(Payload(f.parent/'owned'), f/'model.safetensors'))),
        refuses('safetensors')),
    'another shape': (model(weights(w=torch.ones(3, 2), b=torch.zeros(3))), refuses("'w'", '[3, 2]', '[2, 3]')),
    'another name': (model(weights(v=torch.ones(2, 3), b=torch.zeros(3))), refuses("'v'", 'expected')),
    'another type': (model(weights(w=torch.ones(2, 3).half(), b=torch.zeros(3))), refuses("'w'", 'float16')),
    'one tensor less': (model(weights(w=torch.ones(2, 3))), refuses("'b'", 'None')),
    'NaN in the weights': (model(weights(w=torch.ones(2, 3)*NAN, b=torch.zeros(3))), refuses("'w'", 'nan')),
    'NaN to be saved': (lambda f: save_model(f/'m', dict(w=torch.tensor([NAN])), {}), refuses("'w'", 'nan')),
    'description cut off': (model(cut('model.json', 50)), refuses('model.json', 'JSON')),
    'description of another format': (model(lambda f: edit(f, lambda d: d.update(format='x'))), refuses('model.json')),
    'a later version': (model(lambda f: edit(f, lambda d: d.update(format_version=99))), refuses('99', 'Update')),
    'a version in words': (
        model(lambda f: edit(f, lambda d: d.update(format_version='1'))), refuses('format_version', "'1'")),
    'NaN in the description': (
        model(lambda f: (f/'model.json').write_text((f/'model.json').read_text().replace('1.5', 'NaN'))),
        refuses('model.json', 'NaN')),
    'a million brackets': (model(lambda f: (f/'model.json').write_text('['*10**6)), refuses('model.json', 'JSON')),
    'tensors that are no dict': (model(lambda f: edit(f, lambda d: d.update(tensors=[1]))), refuses('tensors', '[1]')),
    'bytes that are no text': (
        model(lambda f: (f/'model.json').write_bytes(b'\xff\xfe{}')), refuses('model.json', 'JSON')),
    'no checksums': (model(lambda f: (f/'SHA256SUMS').unlink(), sums=False), refuses('SHA256SUMS')),
    'a file where the folder should be': (
        lambda f: ((f/'m').touch(), save_model(f/'m', dict(w=torch.ones(1)), {}))[1], refuses('folder', '/m')),
    'a folder with other files': (
        lambda f: ((f/'thesis').touch(), save_model(f, dict(w=torch.ones(1)), {}))[1],
        refuses('thesis', 'nothing is overwritten')),
    'a pickle as in-context weights': (
        trapped(lambda f, p: torch.save(dict(a=p), f/'w.pt'), lambda f: load_weights(PFN(), f/'w.pt')),
        refuses('w.pt', 'pickled')),
    'a bare pickle as in-context weights': (
        trapped(lambda f, p: (f/'w.pt').write_bytes(__import__('pickle').dumps(p)),
            lambda f: load_weights(PFN(), f/'w.pt')),
        refuses('w.pt', 'pickled')),
    'in-context weights of another model': (
        lambda f: (torch.save(dict(a=torch.ones(1)), f/'w.pt'), load_weights(PFN(), f/'w.pt'))[1],
        refuses('w.pt', 'PFN', 'missing'))}, files=True)

def cache(spoil):
    "A cached array, spoilt: computed again"
    def run(folder):
        parts = ['what', 1]
        cached(parts, lambda: np.arange(3.), folder)
        spoil(cached_path(parts, folder))
        return cached(parts, lambda: np.arange(3.), folder)
    return run

def run_file(text):
    def run(folder):
        (folder/'0.json').write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_run(folder/'0.json')
    return run

WHOLE = json.dumps(dict(dataset='toy', method='prime', seed=0, config=dict(lr=1.), metrics={'MAE/All': 1.}))
def flip_byte(path):
    d = path.read_bytes()
    path.write_bytes(d[:80] + bytes([d[80] ^ 255]) + d[81:])

def arrays(spoil):
    "Whether a run is finished whose arrays were spoilt"
    def run(folder):
        (folder/'0.json').write_text(WHOLE)
        np.savez_compressed(folder/'0.npz', pred=np.arange(100.))
        spoil(folder/'0.npz')
        return finished(Job(str(folder/'0.json'), 'toy', 'prime', 0, config=dict(lr=1.), arrays=True))
    return run

add('caches and runs', {
    **{f'cache {what}': (cache(spoil), Gives([0., 1, 2])) for what,
        spoil in {'cut off': lambda p: p.write_bytes(p.read_bytes()[:30]), 'empty': lambda p: p.write_bytes(b''),
            'a pickle': lambda p: p.write_bytes(b'\x80\x04cos\nsystem\n'),
        'with a flipped bit': lambda p: p.write_bytes(p.read_bytes()[:-1] + bytes([p.read_bytes()[-1] ^ 1])),
        'of other inputs': lambda p: p.write_bytes(p.read_bytes().replace(b'cached', b'Cached'))}.items()},
    'a pickled object to be cached': (
        lambda f: cached(['x'], lambda: np.array([object()]), f), refuses('numeric', 'compute')),
    'a function as cache key': (lambda f: cached([len], lambda: np.ones(1), f), refuses('key', 'builtin')),
    'run cut off': (run_file(WHOLE[:-9]), refuses('0.json', 'damaged')),
    'run empty': (run_file(''), refuses('damaged')),
    'run of zeros': (run_file('\0'*50), refuses('damaged')),
    'run in no encoding': (run_file(b'\xff\xfe\xff'), refuses('damaged')),
    'run with NaN': (
        run_file(WHOLE.replace('1.0}}', 'NaN}}').replace('"MAE/All": 1.0', '"MAE/All": NaN')),
        refuses('damaged', 'NaN')),
    'run of a million brackets': (run_file('['*10**6), refuses('damaged')),
    'run that is a list': (run_file('[]'), refuses('not a finished run')),
    'run with settings that are a list': (
        run_file(WHOLE.replace('{"lr": 1.0}', '[1]')), refuses('not a finished run', 'config')),
    'run without metrics': (run_file(WHOLE.replace('metrics', 'other')), refuses('metrics')),
    'NaN to be written': (lambda f: write_json(f/'x.json', [NAN]), refuses('x.json', 'nan')),
    'arrays whole': (arrays(lambda p: None), Gives(True)),
    'arrays cut off': (arrays(lambda p: p.write_bytes(p.read_bytes()[:-40])), Gives(False)),
    'arrays with a flipped byte': (
        arrays(flip_byte), Gives(False)),
    'arrays gone': (arrays(lambda p: p.unlink()), Gives(False))}, files=True)


# Tables

def stsb(text):
    def run(folder):
        (folder/'t.tsv').write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_pairs(folder/'t.tsv').y
    return run

def table(text):
    def run(folder):
        (folder/'t.csv').write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(folder/'t.csv').frame.to_numpy(float)
    return run

HEAD = 'sentence1\tsentence2\tscore\n'
add('tables', {
    **{f'formula {c!r} in a cell': (lambda f, c=c: disarm(c), Gives("'" + c))
        for c in ('=cmd|calc', '@SUM(A1)', '+1+1', '-1+1', '\t=1', '\r=1', '\n=1', '  =1', '＝1', '＋1',
            '－1', '＠1', '=',
            '-', '+44 20 7946')},
    **{f'{c!r} in a cell is a number or a word': (lambda f, c=c: disarm(c), Gives(c))
        for c in ('-5', '+5', '-1e-3', '1=1', 'a-b', '', '-.5')},
    'an unclosed quote': (table('a,b\n1,"2\n'), refuses('t.csv', 'quotation')),
    'a zero byte': (table(b'a,b\n1,\x002\n'), refuses('t.csv', 'zero byte')),
    'a workbook': (table(b'PK\x03\x04'), refuses('t.csv', 'cannot be read')),
    'lines of different length': (table('a,b\n1,2\n1,2,3\n'), refuses('line 3', '3 fields')),
    'a column twice': (table('a,a\n1,2\n'), refuses("'a'", '2 times')),
    'no rows': (table('a,b\n'), refuses('t.csv', 'no rows')),
    'empty': (table(''), refuses('empty')),
    'a folder': (lambda f: read_table(f), refuses('folder')),
    'nothing': (lambda f: read_table(f/'no.csv'), refuses('no.csv', exc=(FileNotFoundError,))),
    'other line ends': (table('a,b\r1,2\r3,4\r'), Gives([[1, 2], [3, 4]])),
    'a byte order mark': (table('\ufeffa,b\n1,2\n'), Gives([[1, 2]])),
    'UTF-16': (table('a,b\n1,2\n3,4\n'.encode('utf-16')), Gives([[1, 2], [3, 4]])),
    'huge numbers': (table('a,b\n1e300,-1e300\n1,2\n'), Gives([[1e300, -1e300], [1, 2]])),
    'digits of another script': (table('a,b\n١,2\n'), Gives([[1, 2]])),
    'score in words': (stsb(HEAD + 'A\tB\tgood\n'), refuses('line 2', 'good')),
    'score NaN': (stsb(HEAD + 'A\tB\tnan\n'), refuses('line 2', 'nan')),
    'score infinite': (stsb(HEAD + 'A\tB\tinf\n'), refuses('line 2', 'inf')),
    'score beyond the scale': (stsb(HEAD + 'A\tB\t7\n'), refuses('line 2', '7')),
    'pairs without scores': (stsb('sentence1\tsentence2\nA\tB\n'), refuses('score')),
    'pairs, empty': (stsb(''), refuses('t.tsv', 'empty')),
    'pairs in no encoding': (stsb(HEAD.encode() + b'\xff\xfe\tB\t1\n'), refuses('t.tsv'))}, files=True)

def cells(*texts, **kw):
    "A column of these texts, read from a file"
    def run(folder):
        (folder/'t.csv').write_text('x;y\n' + ''.join(f'"{t}";{i}\n' for i, t in enumerate(texts)), encoding='utf-8')
        found = read_table(folder/'t.csv', **kw).frame['x']
        if isinstance(found.dtype, pd.CategoricalDtype): return ' '.join(found.astype(str))
        return found.dt.strftime('%Y-%m-%d').tolist()[0] if found.dtype != np.float64 else found
    return run

add('cells of tables', {
    **{f'number {t!r}': (cells(t, t), Gives([v, v])) for t, v in {
        '$14,000': 14000, 'HK$5': 5, '5 €': 5, 'CHF 5': 5, '₹5': 5, '14 %': 14, '3‰': 3, '−5': -5, '–5': -5, '(5)': -5,
        '($5)': -5, '5-': -5, '1 234,5': 1234.5, "1'000.5": 1000.5, '1\u00a0000': 1000, '12 m²': 12, '12 m^2': 12,
        '5 kg/m2': 5, '٣': 3, '５': 5, '1,5': 1.5, '1e-3': .001}.items()},
    **{f'date {t!r}': (cells(t, t), Gives(v)) for t, v in {
        '31/12/2019': '2019-12-31', '12/31/2019': '2019-12-31', '31.12.19': '2019-12-31', '31-Dec-2019': '2019-12-31',
        'May 2020': '2020-05-01', '2020-05': '2020-05-01', '9999-12-31': '9999-12-31',
        '2020-01-01T00:00:00+02:00': '2019-12-31'}.items()},
    **{f'words {t!r}': (cells(t, t), Gives(f'{t} {t}')) for t in (
        '10-19', '1/2', '>=5', '10.0.0.1', '0x1f', '1st', 'None or NA')},
    **{f'a gap {t!r} among numbers': (cells('1.5', t, '2.5', '7', '8'), Tells)
        for t in ('—', '.', '#DIV/0!', 'n.a.', '')},
    'mixed decimals': (cells('1.5', '2,5'), refuses("'x'", "'1.5'", 'line 2')),
    'mixed units': (cells('1 kg', '2 kg', '3 lb'), refuses("'x'", "'3 lb'", 'line 4')),
    'some percent': (cells('1 %', '2 %', '3'), refuses("'x'", "'3'", 'line 4')),
    'a limit among numbers': (cells('1.5', '2.5', '3.5', '<0.01'), refuses("'x'", "'<0.01'", 'line 5', '--numbers')),
    'groups of two': (cells('1,00,000', '2,00,000'), refuses("'x'", "'1,00,000'", 'lines 2, 3')),
    'a date that is none': (cells('2020-01-01', '2020-01-02', '2020-13-01'), refuses("'x'", "'2020-13-01'", 'line 4')),
    'a mixture of days and months': (
        cells('31/12/2019', '30/11/2019', '12/31/2019'), refuses("'12/31/2019'", 'line 4')),
    'a web page': (table('<!DOCTYPE html><table>'), refuses('web page')),
    'empty lines in a column by itself': (table('a\n1\n\n3\n\n'), Tells)}, files=True)

def array(a): return lambda: ArrayInput().fit(a).read(a).isfinite().all()
def loaders(x, y, **kw): return lambda: len(tensor_dls((x, y), (x, y), **{'bs': 2, **kw}).train)

add('inputs', {
    'array with infinity': (array([[1., INF], [2., 3.]]), refuses('infinity', 'column 1')),
    'array with NaN': (array([[1., NAN], [2., 3.], [3., 5.]]), Gives(1.)),
    'array in one dimension': (array([1., 2.]), refuses('(N, F)', '(2,)')),
    'array of words': (array([['a'], ['b']]), refuses('numbers', "'a'")),
    'array of constants': (array(np.ones((3, 2))), refuses('column')),
    'array of complex numbers': (array(np.array([[1j], [2]])), refuses('complex')),
    'array of huge numbers': (array(np.array([[1e300], [-1e300], [0.]])), refuses('column', 'spread')),
    'array, empty': (array(np.ones((0, 2))), refuses('empty', '0 rows')),
    'columns: max_levels NaN': (lambda: Columns(max_levels=NAN), refuses('max_levels', 'nan')),
    'columns: a list in a cell': (lambda: Columns().fit(pd.DataFrame(dict(a=[[1], [2]]))), refuses("'a'", 'list')),
    'columns: complex': (lambda: Columns().fit(pd.DataFrame(dict(a=[1j, 2]))), refuses("'a'", 'complex')),
    'loaders: other lengths': (loaders(torch.ones(4, 2), torch.ones(3)), refuses('length', '4', '3')),
    'loaders: no samples': (loaders(torch.ones(0, 2), torch.ones(0)), refuses('train', '0 samples')),
    'loaders: batch of 0': (loaders(torch.ones(4, 2), torch.ones(4), bs=0), refuses('bs', '0')),
    'loaders: batch beyond the data': (loaders(torch.ones(4, 2), torch.ones(4), bs=9), refuses('bs', '9', '4')),
    'loaders: words': (loaders(torch.ones(2, 2), ['a', 'b']), refuses('tensor 1', 'list')),
    'network: width 0': (lambda: MLP(0), refuses('n_in', '0')),
    'network: dropout NaN': (lambda: MLP(3, dropout=NAN), refuses('dropout', 'nan')),
    'network: other width': (lambda: MLP(3)(torch.ones(2, 4)), refuses('3', '(2, 4)')),
    'network: NaN to standardise by': (
        lambda: MLP(2, standardize=torch.full((3, 2), NAN)), refuses('features', 'nan')),
    'network: one row to standardise by': (lambda: MLP(2, standardize=torch.ones(1, 2)), refuses('N >= 2', '(1, 2)'))})
