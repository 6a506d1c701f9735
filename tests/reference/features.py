"RankSim, ConR, Rank-N-Contrast, Ordinal Entropy and SRL on the inputs of their authors' code: values and gradients"
import random

import numpy as np
import torch

from prime_nb.baselines.conr import ConR
from prime_nb.baselines.ordinal_entropy import OrdinalEntropy, dense_ordinal_entropy
from prime_nb.baselines.pairs import cosines, directions, label_means
from prime_nb.baselines.rank_n_contrast import RankNContrast
from prime_nb.baselines.ranksim import blackbox_rank, ranks, ranksim as ranksim_loss
from prime_nb.baselines.srl import enveloping, homogeneity, srl_terms, surrogate_contrast
from prime_nb.distances import target_distance

from .cases import verifies
from .compare import Skip
from .peers import PRECISIONS, both_precisions, value_and_gradient

UNSTABLE = ('ties sorted by an unstable algorithm: the official figure depends on the machine; '
            'the _stsb arrays are the reference')
STABLE_UP_TO = 16    # longer rows with ties are sorted in an order that depends on the machine
ALPHA = dict(agedb=-1., imdb=1., stsb=1.)    # of SRL's homogeneity, in the scripts


# RankSim

def drawn_per_label(y, seed):
    "Indices of one sample of each label, ascending, as the official code draws them; empty if no label repeats"
    labels, rng = np.unique(y), random.Random(seed)
    if len(labels) == len(y): return []
    return [int(rng.choice(np.flatnonzero(y == label))) for label in labels]

def ranksim_losses(case, keep):
    scale = case.hyper['interpolation_lambda']
    y = torch.tensor(case['targets']).flatten()[keep]
    for code in ('', '_stsb'):
        stable = code or case.hyper.get('agedb_equals_stable', True)
        for suffix, dtype in PRECISIONS.items():
            z = torch.tensor(case['features'], dtype=dtype)
            value, gradient = value_and_gradient(lambda z: ranksim_loss(z[keep], y, scale, official=True), z)
            yield f'loss{code}{suffix}', value if stable else Skip(UNSTABLE)
            yield f'grad_features{code}{suffix}', gradient if stable else Skip(UNSTABLE)

def blackbox(case):
    "Ranks and gradient of one sequence"
    x = torch.tensor(case['sequence']).requires_grad_()
    rank = blackbox_rank(x, case.hyper['lambda_val'], official=True)
    yield 'rank', rank
    yield 'grad_sequence', torch.autograd.grad(rank, x, torch.tensor(case['grad_output']))[0]

def plain_ranks(case):
    rows = torch.tensor(case['seq'])
    rank = ranks(rows).long() - 1
    tied = any(len(row.unique()) < len(row) for row in rows)
    stable = rows.shape[1] <= STABLE_UP_TO or not tied
    yield 'rank_stsb', rank
    yield 'rank_agedb', rank if stable else Skip(UNSTABLE)
    yield 'rank_normalised_agedb', blackbox_rank(rows, official=True) if stable else Skip(UNSTABLE)

@verifies('ranksim.npz')
def ranksim(case):
    "Losses, ranks and blackbox gradients"
    if 'seq' in case.arrays: return (yield from plain_ranks(case))
    if 'sequence' in case.arrays: return (yield from blackbox(case))
    drawn = drawn_per_label(case['targets'].ravel(), case.hyper['py_seed'])
    yield 'sampled_indices', np.array(drawn, dtype=np.int64)
    keep = torch.tensor(drawn or range(len(case['features'])))
    y, z = torch.tensor(case['targets']).flatten()[keep], torch.tensor(case['features'])[keep]
    yield 'label_ranks', blackbox_rank(-target_distance(y, y))
    yield 'feature_ranks', blackbox_rank(cosines(z))
    yield from ranksim_losses(case, keep)


# ConR, Rank-N-Contrast, Ordinal Entropy

def dense_conr(case, hyper, weights):
    "ConR of depth maps; no gradient goes to the predictions"
    def loss(z, t):
        conr = ConR(hyper['w'], hyper['t'], hyper['e'], weights(t), push='linear', official='depth')
        return conr(z, t('depth'), t('output'))
    yield from both_precisions(loss, case, 'feature')
    for suffix in PRECISIONS:
        yield f'grad_output{suffix}', np.zeros_like(case['output'], dtype=np.float64 if suffix else np.float32)

@verifies('conr.npz')
def conr(case):
    "Loss and gradient with respect to features"
    hyper, dense = case.hyper.get('defaults', {}) | case.hyper, 'depth' in case.arrays
    weighted = hyper.get('use_weights', dense)
    def weights(t):
        if weighted: return lambda y: t('weights')
    if dense: return (yield from dense_conr(case, hyper, weights))
    def loss(z, t):
        conr = ConR(hyper['w'], hyper['effective_temperature'], hyper['e'], weights(t), official='age')
        return conr(z, t('targets'), t('preds'))
    yield from both_precisions(loss, case, 'features')

@verifies('rnc.npz')
def rnc(case):
    "Loss and gradient of two views"
    loss = RankNContrast(case.hyper['temperature'])
    yield from both_precisions(lambda z, t: loss(z, t('labels')), case, 'features')

@verifies('ordinal_entropy.npz')
def ordinal_entropy(case):
    "Loss and gradient of drawn samples, of a batch with centres, or of maps"
    hyper = case.hyper
    if 'sampled_indices' in case.roles:
        drawn = random.Random(hyper['py_seed']).sample(range(len(case['gt']) - 1), hyper['n_sample'])
        yield 'sampled_indices', np.array(drawn)
        loss = OrdinalEntropy(centers=False, official=True)
        return (yield from both_precisions(lambda z, t: loss(z[drawn], t('gt')[drawn]), case, 'features'))
    loss = OrdinalEntropy(hyper['lambda_d'], hyper['lambda_t'], official=True)
    def of_batch(z, t): return loss(z, t('gt'))
    def of_maps(z, t): return dense_ordinal_entropy(z, t('gt'), loss)
    yield from both_precisions(of_maps if case['gt'].ndim == 4 else of_batch, case, 'features')


# SRL

def official_curve(z, labels, surrogate, n_rows):
    "Curve of means, by the official rule for rows, and the place that each sample is compared with"
    means, distinct, _, _ = label_means(directions(z), labels)
    rows = distinct.long()[:, None].expand_as(means)
    index = labels
    if labels.is_floating_point(): index = (labels[:, None] - torch.linspace(0, 5, n_rows)).abs().argmin(1)
    return surrogate.scatter(0, rows, means), index

def srl_step(case):
    "Each of the three losses with its gradient"
    alpha = next(v for k, v in ALPHA.items() if k in case.name)
    for suffix, dtype in PRECISIONS.items():
        z, points, old = (torch.tensor(case[n], dtype=dtype) for n in ('features', 'points', 'surrogate'))
        def terms(z):
            curve, index = official_curve(z, torch.tensor(case['labels']).flatten(), old, len(old))
            return srl_terms(
                directions(z), index, curve, directions(points), temperature=case.hyper['temperature'], alpha=alpha)
        for k, name in enumerate(('con', 'uni', 'smo')):
            value, gradient = value_and_gradient(lambda z: terms(z)[k], z)
            yield f'loss_{name}{suffix}', value
            yield f'grad_{name}{suffix}', gradient

def srl_part(case):
    "Function from embeddings and `t` to the loss that a case is about"
    hyper = case.hyper
    def contrast(z, t):
        return surrogate_contrast(
            z, torch.tensor(case['labels']), t('surrogates'), hyper['temperature'], weighted=hyper['use_weight'])
    if 'use_weight' in hyper: return contrast
    if 'alpha' in hyper: return lambda z, t: homogeneity(z, hyper['alpha'], hyper['beta'])
    return lambda z, t: enveloping(z, t('points'))

@verifies('srl.npz')
def srl(case):
    "Parts, centroids, and whole steps"
    if 'loss_con' in case.wanted: return (yield from srl_step(case))
    if 'centroids' not in case.wanted: return (yield from both_precisions(srl_part(case), case, 'embeddings'))
    z, y = torch.tensor(case['features']), torch.tensor(case['labels'])
    means, labels, _, _ = label_means(z, y)
    yield 'centroids', means
    yield 'centroid_labels', labels
    yield 'complete', torch.zeros(case['complete'].shape).index_copy(0, labels, means)
