"LDS weights, shot-wise metrics, weighted losses and LDAM: which call of ours is which array of the published code"
import re
from functools import partial

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from prime_nb.alignment import CB, LDAM, alignment_loss
from prime_nb.baselines.balanced_mse import bin_targets
from prime_nb.data.ages import age_bins
from prime_nb.data.nyud2 import depth_weights
from prime_nb.distances import cosine_distance
from prime_nb.losses import regression_loss
from prime_nb.metrics import GM, MAE, METRICS, MSE, Pearson, Spearman, balanced_mask, by_shot
from prime_nb.targets import LabelBins, lds_window

from .cases import verifies
from .compare import Skip

PRECISIONS = {'': torch.float32, '_f64': torch.float64, '_f64dd': torch.float64}    # suffix of an array -> dtype
WEIGHTINGS = dict(none='none', inverse='inverse', sqrt_inv='sqrt_inverse')    # their name -> ours
WEIGHTED = re.compile(r'(\w+?)__(none|inverse|sqrt_inv)(?:_lds_([a-z]+)_(\d+)_([\d.]+))?')
SLIVER = 1e-3             # part of a bin's width, next to an edge
AGE_CLIP = (5, 1000)      # of the official AgeDB code, for inverse weights; every bin, empty ones too
DEPTH_START = 7           # first depth bin in use, of 0.1 m each
DEPTH_BINS = 100
SCORE_MAX = 5.            # scores are 0 to 5, the network's outputs 0 to 1


# Values and gradients

def value_and_gradient(f, x):
    "f(x), a scalar, and its gradient in the shape of `x`"
    x = torch.as_tensor(x).clone().requires_grad_()
    value = f(x)
    return value.detach(), torch.autograd.grad(value, x)[0]

def both_precisions(f, case, of):
    "Loss and gradient for each precision; `f` takes the input and a function from names of arrays to tensors"
    for suffix, dtype in PRECISIONS.items():
        def tensor(name): return torch.tensor(case[name]).to(dtype)
        value, gradient = value_and_gradient(lambda x: f(x, tensor), tensor(of))
        yield f'loss{suffix}', value
        yield f'grad_{of}{suffix}', gradient


# Weights

def weightings(case):
    "(array name, what it holds, weighting, lds) of each wanted array that is made of weights"
    for name in case.wanted:
        m = WEIGHTED.fullmatch(name)
        if not m: continue
        what, how, kernel, ks, sigma = m.groups()
        lds = dict(kernel=kernel, ks=int(ks), sigma=float(sigma), official=True) if kernel else None
        yield name, what, WEIGHTINGS[how], lds

def settle(y, bins, theirs):
    """Labels whose bin does not depend on how an edge is rounded. `LabelBins` forgives what float32 may have taken from
    a label, the official code truncates: a label next to an edge moves to the middle of `theirs`, its bin there."""
    gap = np.minimum(np.abs(y - bins.edges[theirs]), np.abs(y - bins.edges[theirs + 1]))
    near = gap < SLIVER*np.diff(bins.edges)[theirs]
    return np.where(near & (bins.index(y) != theirs), bins.centers[theirs], y)

def ages(case):
    "Labels, and the bins of the benchmarks of ages"
    def bins_of(y): return age_bins(pd.DataFrame(dict(age=y, split='train')))
    bins = bins_of(case['labels'])
    y = settle(case['labels'], bins, np.clip(case['labels'].astype(int), 0, bins.n_bins - 1))
    return y, bins_of(y)

@verifies('lds_agedb.npz')
def lds_agedb(case):
    "Windows, and weights by label and by sample; theirs are NaN for a label that does not occur"
    if 'kernel' in case.hyper: yield 'lds_window', lds_window(**case.hyper, official=True)
    for name, what, how, lds in weightings(case):
        y, bins = ages(case)
        weights = bins.weights(how, lds, clip=AGE_CLIP if how == 'inverse' else None)
        each = weights[bins.index(y)]
        if what == 'weights_by_label': yield name, np.where(bins.counts > 0, weights, np.nan)
        if what == 'weights_head': yield name, each[:len(case.arrays[name])]
        if what == 'weights_sum': yield name, each.sum()

@verifies('lds_stsb.npz')
def lds_stsb(case):
    "Histogram, and weights by sample"
    bins = LabelBins(case['labels'], edges=np.linspace(*case.hyper['range'], case.hyper['bucket_num'] + 1))
    yield f'hist{bins.n_bins}', bins.counts
    yield 'edges', bins.edges
    for name, _, how, lds in weightings(case): yield name, bins.weights(how, lds)[bins.index(case['labels'])]

def depth_bins(counts, shots=(100, 20)):
    "Bins of 0.1 m, as many as there are counts"
    return LabelBins.from_counts(counts, np.arange(len(counts) + 1)/10, shots)

def settled_depths(depth, n=DEPTH_BINS):
    "Depths, settled by the official rule for their bin: float32 arithmetic, truncated"
    theirs = (depth.astype(np.float32)*np.float32(10)).astype(int)
    return settle(depth, depth_bins(np.ones(n)), np.clip(theirs, 0, n - 1))

def depth_histogram(density):
    "Targets and density of all depth bins from the density of those in use"
    density = np.r_[np.full(DEPTH_START, density[0]), density]
    bins = LabelBins.from_counts(np.ones(len(density)), np.arange(len(density) + 1)/10)
    return bin_targets(bins), density/density.sum()

@verifies('lds_nyud2.npz')
def lds_nyud2(case):
    "Weights by depth bin and by pixel, by the function that the benchmark uses, and the histograms of Balanced MSE"
    counts = case['train_bucket_num']
    bins, used = depth_bins(counts), counts[DEPTH_START:]
    counted = LabelBins.from_counts(used, np.arange(len(used) + 1.))
    for name, what, how, lds in weightings(case):
        weights = depth_weights(bins, how, lds)
        if what == 'bucket_weights': yield name, weights
        if what == 'pixel_weights': yield name, weights[bins.index(settled_depths(case['depth'], len(counts)))]
        if what == 'bni_bucket_weights':
            reflected = dict(lds, pad='reflect') if lds else None
            inverse = counted.weights('inverse' if how == 'none' else how, reflected)
            yield name, depth_histogram(1/inverse)[1]
    yield 'bni_bucket_centers', depth_histogram(used)[0]


# Metrics

GROUPS = dict(overall='All', many='Many', median='Median', medium='Median', few='Few', low='Few')
GROUPED = re.compile(rf'(balanced_)?({"|".join(GROUPS)})_(\w+)')
DEPTH_METRICS = dict(
    MSE='MSE',
    RMSE='RMSE',
    ABS_REL='abs_rel',
    LG10='log10',
    MAE='MAE',
    DELTA1='delta1',
    DELTA2='delta2',
    DELTA3='delta3')

def count(pred, targ): return float(len(pred))

def by_group(case, pred, targ, bins, metrics, mask=None, by=None):
    "(array name, number) of each wanted array that is one of `metrics` of a group; an empty group is 0 in theirs"
    found = by_shot(pred, targ, bins, metrics | dict(_n=count), mask=mask, by=by)
    for name in case.wanted:
        m = GROUPED.fullmatch(name)
        if not m: continue
        balanced, group, metric = m.groups()
        key = (balanced or '') + metric
        if key not in metrics: continue
        value, n = found[f'{key}/{GROUPS[group]}'], found[f'_n/{GROUPS[group]}']
        if value is None: value = 0. if n < 2 else np.nan
        yield name, value

@verifies('metrics_agedb.npz')
def metrics_agedb(case):
    "MSE, MAE and geometric mean, over samples and over labels; their balanced geometric mean is over samples too"
    train, targ = case['train_labels'], case['labels']
    low, high = np.floor(min(train.min(), targ.min())), np.floor(max(train.max(), targ.max()))
    shots = case.hyper['many_shot_thr'], case.hyper['low_shot_thr']
    bins = LabelBins(train, edges=np.arange(low, high + 2), shots=shots)
    metrics = dict(mse=MSE, l1=MAE, gmean=GM, balanced_gmean=GM)
    metrics |= dict(balanced_mse=METRICS['balanced_MSE'], balanced_l1=METRICS['balanced_MAE'])
    yield from by_group(case, case['preds'], targ, bins, metrics=metrics)

def listed_shots(case, n_bins):
    "Shots of the bins as listed in this case, or in another of the file; bins that are never evaluated are few"
    listed = next(c.hyper['shot_idx'] for c in [case, *case.file.values()] if 'shot_idx' in c.hyper)
    shots = {dict(medium='median').get(k, k): list(v) for k, v in listed.items()}
    left = set(range(n_bins)) - {b for bins in shots.values() for b in bins}
    return shots | dict(few=shots['few'] + sorted(left))

@verifies('metrics_stsb.npz')
def metrics_stsb(case):
    "MSE, MAE, geometric mean and correlations"
    n, targ = case.hyper['num_bins'], case['labels']
    bins = LabelBins.from_counts(np.ones(n), np.linspace(0, SCORE_MAX, n + 1), listed_shots(case, n))
    yield 'bin_idx', bins.index(targ)
    metrics = dict(mse=MSE, l1=MAE, gmean=partial(GM, eps=1e-10), pearsonr=Pearson, spearmanr=Spearman)
    pred = SCORE_MAX*case['logits'].astype(np.float64)
    yield from by_group(case, pred, targ, bins, metrics=metrics | dict(num_samples=count))

def balanced_testset(case):
    "As many pixels of each depth bin in use as the rarest bin of all has"
    bins, depth = depth_bins(np.ones(DEPTH_BINS)), settled_depths(case['depth'])
    counts = np.bincount(bins.index(depth).ravel(), minlength=bins.n_bins)
    n = int(counts[counts > 0].min())
    mask = balanced_mask(depth, bins, n, range(DEPTH_START), seed=case.hyper['np_random_seed'])
    yield 'hist', counts
    yield 'select_pixel_num', n
    yield 'mask', mask[:, 0]
    yield 'selected_per_bin', np.bincount(bins.index(depth[mask]), minlength=bins.n_bins)

def predicted_depth(case, size):
    "Predicted depth in the size of the map"
    if 'output_lowres' not in case.arrays: return case['output']
    low = torch.tensor(case['output_lowres'])
    return F.interpolate(low, size=size, mode='bilinear', align_corners=True).numpy()

@verifies('metrics_nyud2.npz')
def metrics_nyud2(case):
    "Depth metrics over pixels or over depth bins, and the balanced test mask"
    if 'mask' in case.wanted: return (yield from balanced_testset(case))
    depth, bins = case['depth'], depth_bins(np.ones(DEPTH_BINS), shots=listed_shots(case, DEPTH_BINS))
    settled = settled_depths(depth).ravel()
    yield 'bin_idx', bins.index(settled)
    prefix = 'balanced_' if 'balanced' in case.name + case.note else ''
    metrics = {theirs: METRICS[prefix + ours] for theirs, ours in DEPTH_METRICS.items()} | dict(NUM=count)
    mask = case.arrays['mask'].ravel() if 'mask' in case.arrays else None
    pred = predicted_depth(case, depth.shape[-2:]).ravel()
    yield from by_group(case, pred, depth.ravel(), bins, metrics=metrics, mask=mask, by=settled)


# Losses

OFFICIAL_BETA = dict(agedb=dict(focal=.2, huber=1.), stsb=dict(focal=20., huber=.5))

def official_loss(hyper):
    "Our loss with the arguments of a case"
    names = dict(beta='beta', gamma='gamma', activate='activation')
    given = {ours: hyper[theirs] for theirs, ours in names.items() if theirs in hyper}
    defaults = OFFICIAL_BETA['stsb' if 'sts' in hyper['inputs_case'] else 'agedb']
    kind = hyper['loss'].split('_')[0]
    if kind in defaults: given = dict(beta=defaults[kind]) | given
    return regression_loss(hyper['loss'], **given)

@verifies('losses_weighted.npz')
def losses_weighted(case):
    "L1, MSE, Huber and Focal-R, weighted or not"
    if 'loss' not in case.hyper: return
    loss, weighted = official_loss(case.hyper), case.hyper['weights']
    def weigh(x, t): return loss(x, t('targets'), t('weights') if weighted else None)
    yield from both_precisions(weigh, case, 'inputs')

def class_weights(rule, counts):
    "Class-balanced weights (Cui et al. 2019) by rule and epoch: Reweight from the start, DRW from epoch 160"
    name, epoch = re.fullmatch(r'(none|Reweight|DRW)(?:_epoch)?(\d*)', rule).groups()
    on = name == 'Reweight' or name == 'DRW' and int(epoch) >= 160
    return CB(.9999 if on else 0.).weights(counts, counts)

def ldam_loss(x, t, case):
    "LDAM is divided by the sum of weights, the focal loss by the batch size"
    counts, scale = t('cls_num_list'), case.hyper.get('s', 1.)
    target = torch.tensor(case['target'])
    one_hot = F.one_hot(target, x.shape[1]).to(x.dtype)
    weights = class_weights(case.hyper['weights'], counts)
    if 'max_m' not in case.hyper: return alignment_loss(scale*x, one_hot, weights)
    margins = LDAM(case.hyper['max_m']).margins(counts)
    return alignment_loss(scale*x, one_hot, weights, scale*margins)/weights[target].mean()

def normed_linear(case):
    "A linear layer of unit rows and columns is the cosine"
    x, weight, cotangent = (torch.tensor(case[name]).requires_grad_() for name in ('x', 'weight', 'cotangent'))
    out = 1 - cosine_distance(x, weight.T)
    grad_x, grad_weight = torch.autograd.grad((out*cotangent).sum(), (x, weight))
    yield 'out', out
    yield 'grad_x', grad_x
    yield 'grad_weight', grad_weight

@verifies('ldam.npz')
def ldam(case):
    "Margins, class-balanced weights, the loss, and the layer of cosines"
    for name in case.wanted:
        kind, _, value = name.partition('__') if name.startswith('per_cls') else name.rpartition('_m')
        if kind not in ('per_cls_weights', 'margins_max'): continue
        counts = torch.tensor(case['cls_num_list']).double()
        yield name, class_weights(value, counts) if kind == 'per_cls_weights' else LDAM(float(value)).margins(counts)
    if 'max_m' in case.hyper or case.hyper.get('gamma') == 0:
        yield from both_precisions(lambda x, t: ldam_loss(x, t, case), case, 'x')
    elif 'gamma' in case.hyper:
        for name in case.wanted: yield name, Skip('the focal loss for classes has no counterpart')
    if 'cotangent' in case.arrays: yield from normed_linear(case)
