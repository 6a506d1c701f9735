"Balanced MSE, FDS and VIR against the outputs of their published code: values, gradients and states"
import re

import numpy as np
import torch

from prime_nb.baselines.balanced_mse import BMC, BNI, GAI, bin_density, bin_targets
from prime_nb.baselines.fds import OFFICIAL_FDS, FeatureSmoother, calibration, fds_window
from prime_nb.baselines.vir import (
    ConjugateHead, EvidentialHead, ProbabilisticSmoother, VIRLoss, ause, evidential_loss, gaussian_nll, kl_to_standard,
    nig_kl, nig_kl_reg, nig_nll, nig_posterior, nig_reg)
from prime_nb.data.nyud2 import NYUD2_TRAIN_COUNTS
from prime_nb.targets import LabelBins
from prime_nb.twins.faces import AGEDB_TRAIN_COUNTS

from .cases import verifies
from .compare import Skip, read_arrays
from .peers import DEPTH_START, PRECISIONS, SCORE_MAX, both_precisions, depth_histogram, settle

BALANCED = re.compile(r'(?:^|_)(gai|bmc|bni)(_lds)?(?:_|$)')
DEPTH_LEAST = DEPTH_START/10    # metres; nearer pixels do not count
AGE_LDS = dict(kernel='gaussian', ks=5, sigma=2, official=True)
MOST_AGES = 200                 # ages of the official histogram


# Balanced MSE

def balanced_loss(case, dtype):
    "Our loss for a case; the parameters of GAI and BNI are in the precision of what the file stores, if that is higher"
    kind, lds = BALANCED.search(case.name).groups()
    sigma = case.hyper['init_noise_sigma']
    if kind == 'bmc': return BMC(sigma=sigma).to(dtype)
    precision = torch.promote_types(dtype, torch.from_numpy(case['loss']).dtype)
    if kind == 'gai':
        mixture = tuple(case[f'gmm_{name}'] for name in ('weights', 'means', 'variances'))
        return GAI(mixture, sigma=sigma, dtype=precision)
    histogram = tuple(case[f'bucket_{name}{lds or ""}'] for name in ('centers', 'weights'))
    return BNI(histogram, sigma=sigma, dtype=precision)

def predictions_and_targets(case):
    "Given, or the pixels of a depth map that count"
    inputs = case.file[case.hyper['inputs_case']].arrays
    if 'pred' in inputs: return inputs['pred'], inputs['target']
    keep = inputs['depth'] >= np.float32(DEPTH_LEAST)
    return inputs['output'][keep].reshape(-1, 1), inputs['depth'][keep].reshape(-1, 1)

def balanced_losses(case):
    "Loss and gradients for each precision"
    for suffix, dtype in PRECISIONS.items():
        loss = balanced_loss(case, dtype)
        loss.sigma.data = loss.sigma.data.to(dtype)
        pred, y = (torch.tensor(a).to(dtype) for a in predictions_and_targets(case))
        value = loss(pred.requires_grad_(), y)
        grad_pred, grad_sigma = torch.autograd.grad(value, (pred, loss.sigma))
        yield f'loss{suffix}', value
        yield f'grad_pred{suffix}', grad_pred
        yield f'grad_noise_sigma{suffix}', grad_sigma

AGE_LABELS = {'lds_agedb.npz': 'labels', 'metrics_agedb.npz': 'train_labels'}    # file -> end of an array's name
OTHER_SPLIT = ('no file of the folder holds the training ages that it was made from: neither the published split nor '
               'the labels in lds_agedb.npz or metrics_agedb.npz have its ages')

def age_counts(case):
    "Training samples at each age: of every list of training ages in the folder, then of the published split"
    for file, end in AGE_LABELS.items():
        if case.folder is None or not (case.folder/file).is_file(): continue
        for name, labels in read_arrays(case.folder/file).items():
            if not name.endswith(f'__{end}'): continue
            labels = labels[(labels >= 0) & (labels < MOST_AGES)].astype(int)
            yield np.bincount(labels.ravel(), minlength=MOST_AGES)
    yield np.r_[AGEDB_TRAIN_COUNTS, np.zeros(MOST_AGES - len(AGEDB_TRAIN_COUNTS), int)]

def age_histogram(case):
    "Targets and density of the bins that have one, from the training ages that this case is made of"
    ages = case.arrays.get('bucket_centers', ())
    for counts in age_counts(case):
        if not np.array_equal(counts.nonzero()[0], np.floor(ages)): continue
        bins = LabelBins.from_counts(counts, np.arange(MOST_AGES + 1))
        for suffix, lds in {'': None, '_lds': AGE_LDS}.items():
            density = bin_density(bins, lds)
            yield f'bucket_centers{suffix}', bin_targets(bins)[density > 0]
            yield f'bucket_weights{suffix}', density[density > 0]/density.sum()
        return
    for name in case.wanted: yield name, Skip(OTHER_SPLIT)

@verifies('balanced_mse.npz')
def balanced_mse(case):
    "GAI, BMC and BNI, values and gradients, and histograms"
    if BALANCED.search(case.name): yield from balanced_losses(case)
    elif 'bucket_weights_lds' in case.wanted: yield from age_histogram(case)
    elif 'depth' in case.arrays:
        centers, weights = depth_histogram(np.array(NYUD2_TRAIN_COUNTS[DEPTH_START:]))
        yield 'bucket_centers', centers
        yield 'bucket_weights', weights


# FDS

SMOOTHING = 'kernel', 'ks', 'sigma', 'momentum', 'start_update', 'start_smooth'
STATES = dict(    # their name -> ours
    epoch='epoch', num_samples_tracked='tracked', running_mean='running_mean', running_var='running_var',
    running_mean_last_epoch='last_mean', running_var_last_epoch='last_var',
    smoothed_mean_last_epoch='smoothed_mean', smoothed_var_last_epoch='smoothed_var')

def dataset_of(name): return next((d for d in OFFICIAL_FDS if d in name), 'agedb')

def smoothing_bins(case):
    "Bins of a case, and a function from names to its labels, kept off the edges"
    n, start, dataset = case.hyper['bucket_num'], case.hyper['bucket_start'], dataset_of(case.name)
    edges = dict(
        agedb=np.arange(start, n + 1.), nyud2=np.arange(start, n + 1)/10, stsb=np.linspace(0, SCORE_MAX, n + 1))
    edges = edges[dataset]
    bins = LabelBins.from_counts(np.ones(n - start), edges)
    def labels(name):
        y = case[name]
        if dataset == 'nyud2': theirs = (y*np.float32(10)).astype(int) - start
        else: theirs = np.searchsorted(edges.astype(np.float32), y, 'right') - 1
        inside = (theirs >= 0) & (theirs < bins.n_bins)
        settled = settle(y, bins, np.clip(theirs, 0, bins.n_bins - 1))
        return torch.tensor(np.where(inside, settled, y))
    return bins, labels

def smoother(case, bins, cls=FeatureSmoother):
    "Our module with the arguments of a case"
    settings = OFFICIAL_FDS[dataset_of(case.name)] | {k: case.hyper[k] for k in SMOOTHING}
    # there the copy to and from the GPU that separates running statistics from those of the last epoch is missing
    if 'cpu' in case.name: settings['alias'] = True
    return cls(bins, case.hyper['feature_dim'], **settings)

def states(step, fds):
    "Every stored state after a step"
    last_mean, last_var = fds.own()
    own = dict(last_mean=last_mean, last_var=last_var)
    for theirs, ours in STATES.items():
        state = own[ours] if ours in own else getattr(fds, ours)
        yield f'{step}__{theirs}', state.clone()

def smoothed(case, e, fds, labels):
    "Smoothed features of a batch and the gradient of their product with a cotangent"
    z = torch.tensor(case[f'e{e}__batch_features']).requires_grad_()
    out = fds.smooth(z, labels(f'e{e}__batch_labels'), e)
    product = (out*torch.tensor(case[f'e{e}__cotangent'])).sum()
    yield f'e{e}__smoothed', out.detach()
    yield f'e{e}__smoothed_grad', torch.autograd.grad(product, z)[0]

def gathered(case, fds, labels, prefix=''):
    "Moments of the features of a step"
    fds.gather(torch.tensor(case[f'{prefix}features']), labels(f'{prefix}labels'))
    moments, fds.moments = fds.moments, None
    return moments

def diary(case, fds, labels):
    "Epoch by epoch: smooth, advance, update"
    yield from states('init', fds)
    batches = [re.match(r'e(\d+)__batch_features', name) for name in case.arrays]
    for e in sorted({int(m[1]) for m in batches if m}):
        yield from smoothed(case, e, fds, labels)
        if f'e{e}__features' not in case.arrays: continue
        fds.advance(e)
        yield from states(f'e{e}_after_update_last_epoch_stats', fds)
        fds.update(gathered(case, fds, labels, f'e{e}__'), e)
        yield from states(f'e{e}_after_update_running_stats', fds)
        yield from states(f'e{e}_after_update', fds)

def single_steps(case, fds, labels):
    "Single steps, in the order of the file"
    for step in dict.fromkeys(name.split('__')[0] for name in case.wanted):
        kind, e = re.match(r'[a-z]_(last|upd|e)(\d+)', step).groups()
        if kind == 'last': fds.advance(int(e))
        else: fds.update(gathered(case, fds, labels), int(e))
        yield from states(step, fds)

def window(kernel, ks, sigma): return fds_window(kernel, int(ks), float(sigma), official=True).astype(np.float32)

def calibrated(case):
    "Features moved from one pair of moments to another"
    def row(name): return torch.tensor(case[name])[None]
    for name in case.wanted:
        zero, dataset, per_column = re.fullmatch(r'out_(zero_)?(\w+?)(_uint8_semantics)?', name).groups()
        settings = dict(clip=(.1, 10.))
        settings |= {k: v for k, v in OFFICIAL_FDS[dataset].items() if k in ('clip', 'zero_var')}
        if per_column: settings['zero_var'] = 'column'
        v1 = row('v1_with_zero' if zero else 'v1')
        scale, shift = calibration(row('m1'), v1, row('m2'), row('v2'), **settings)
        yield name, torch.tensor(case['matrix'])*scale + shift

@verifies('fds.npz')
def fds(case):
    "Windows, calibration, smoothed features, gradients and states"
    if 'matrix' in case.arrays: return (yield from calibrated(case))
    if 'bucket_num' not in case.hyper:
        for name in case.wanted: yield name, window(*name.split('_'))
        return
    bins, labels = smoothing_bins(case)
    steps = single_steps if 'features' in case.arrays else diary
    yield from steps(case, smoother(case, bins), labels)


# VIR

NIG = 'gamma', 'v', 'alpha', 'beta'

def mean_losses(case, f, inputs, tag=''):
    "Mean of `f` of the named inputs and the gradient of each, for each precision"
    for suffix, dtype in PRECISIONS.items():
        xs = [torch.tensor(case[name]).to(dtype).requires_grad_() for name in inputs]
        value = f(*xs).mean()
        yield f'loss{tag}{suffix}', value
        grads = torch.autograd.grad(value, xs, allow_unused=True, materialize_grads=True)
        for name, g in zip(inputs, grads): yield f'grad_{name}{tag}{suffix}', g

def nig(case):
    "Likelihood and both regularisers of a normal-inverse-gamma"
    def reg(y, gamma, v, alpha, beta): return nig_reg(y, gamma, v, alpha)
    for kind, loss in dict(nll=nig_nll, reg=reg, regkl=nig_kl_reg).items():
        def of_parameters(*p): return loss(torch.tensor(case['y']).to(p[0].dtype), *p)
        yield from mean_losses(case, of_parameters, NIG, f'_{kind}')
        yield f'{kind}_per_sample', loss(*(torch.tensor(case[name]) for name in ('y', *NIG)))
    for suffix in PRECISIONS:
        yield f'grad_beta_regkl{suffix}', Skip('it is zero, and the stored one holds rounding errors only')

def kl_nig(case):
    "Divergence of two of them, by the published formula, with gradients for the first"
    parameters = [f'{name}{i}' for i in '12' for name in ('mu', 'v', 'a', 'b')]
    return mean_losses(case, lambda *x: nig_kl(*x, official=True), parameters)

def conjugate(case):
    "Loss of a head with three columns, and the posterior"
    hyper = case.hyper
    weighted = 'weights' in case.arrays and hyper.get('is_train', True)
    prior = dict(v0=hyper['prior']['v'], alpha0=hyper['prior']['alpha'])
    loss = VIRLoss(None, hyper['coeff'], **prior)
    def weigh(x, t): return loss(x, t('targets'), t('weights') if weighted else None)
    yield from both_precisions(weigh, case, 'inputs')
    weights = torch.tensor(case['weights']) if weighted else None
    posterior = nig_posterior(torch.tensor(case['inputs']), weights, **prior)
    for name, value in zip(NIG, posterior): yield f'normal_{name}', value

def evidential(case):
    "Loss of a head with four columns, and its parts"
    hyper = case.hyper
    weighted = 'weights' in case.arrays and hyper.get('is_train', True)
    def loss(x, t): return evidential_loss(x, t('targets'), t('weights') if weighted else None, hyper['coeff'])
    yield from both_precisions(loss, case, 'inputs')
    x, y = torch.tensor(case['inputs']), torch.tensor(case['targets'])
    gamma, v, alpha, beta = x.split(1, 1)
    yield 'evidential_regression_loss', evidential_loss(x, y, None)
    yield 'evidential_regression_nll', nig_nll(y, gamma, v, alpha, beta=beta).mean()
    yield 'evidential_regression_reg', nig_reg(y, gamma, v, alpha).mean()

def head(case):
    "Output of a head and the gradient of its product with a cotangent"
    x, cotangent = torch.tensor(case['x']).requires_grad_(), torch.tensor(case['cotangent'])
    layer = {3: ConjugateHead, 4: EvidentialHead}[cotangent.shape[1]](x.shape[1])
    layer.load_state_dict({name: torch.tensor(case[name]) for name in ('weight', 'bias')})
    out = layer(x)
    yield 'out', out.detach()
    yield 'grad_x', torch.autograd.grad((out*cotangent).sum(), x)[0]

def uncertainty(case):
    given = [case[name] for name in ('y_true', 'y_pred', 'y_var')]
    yield 'nll', gaussian_nll(*given)
    yield 'ause', ause(*given)

class PublishedSmoother(ProbabilisticSmoother):
    "Probabilistic smoothing as published; `n_features` counts means only"
    def __init__(self, bins, n_features, **kwargs): super().__init__(bins, 2*n_features, unit_start=True, **kwargs)

def probabilistic_smoothing(case):
    "The diary, and the window"
    bins, labels = smoothing_bins(case)
    yield 'kernel_window', window(*(case.hyper[k] for k in ('kernel', 'ks', 'sigma')))
    yield from diary(case, smoother(case, bins, PublishedSmoother), labels)

def standard_kl(case):
    return mean_losses(case, lambda mu, log_var: kl_to_standard(mu, log_var, case.hyper['kl_coeff']), ['mu', 'log_var'])

def head_loss(case): return conjugate(case) if case['inputs'].shape[1] == 3 else evidential(case)

# What a case is about, by what it holds; the first one counts
BY_CONTENT = dict(
    bucket_num=probabilistic_smoothing, cotangent=head, y_true=uncertainty, b2=kl_nig, gamma=nig, targets=head_loss,
    kl_coeff=standard_kl)

@verifies('vir.npz')
def vir(case):
    "Each case by what it holds"
    return next(f for name, f in BY_CONTENT.items() if name in case.hyper or name in case.arrays)(case)
