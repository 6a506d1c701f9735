"""PRIME's equations, each a function whose parameters name inputs, hyper-parameters or other arrays: the order in which
to compute follows from the names. A gradient is recognised by its name: `align_grad_z`, `grad_proxy_loss_wrt_z`."""
import inspect, re

import numpy as np
import torch

from prime_nb.alignment import (
    CB, LDAM, PRW, alignment_loss, association_logits, proxy_frequency, target_association)
from prime_nb.distances import feature_distance as named_distance, target_distance
from prime_nb.proxies import pair_similarity, proxy_kl, proxy_loss, proxy_spread, uniform_targets

from .compare import Check, Skip, compare, field

INPUTS = 'z', 'y', 'proxy_features', 'proxy_targets', 'proxy_counts'
RTOL = 1e-9    # for float64; arrays stored in float32 have the tolerance of `compare`


class Equations:
    "What each array of a file is; the stored s-hat is the frequency after the floor, and `PRW` returns its inverse"
    def d_t(proxy_targets, target_scale): return target_distance(proxy_targets, proxy_targets, target_scale)

    def d_f(proxy_features, feature_distance):
        return named_distance(feature_distance)(proxy_features, proxy_features)

    def P(d_t, tau_t): return pair_similarity(d_t, tau_t)
    def Q(d_f, tau_f): return pair_similarity(d_f, tau_f)

    def proxy_kl(proxy_features, proxy_targets, tau_f, tau_t, feature_distance, target_scale):
        return proxy_kl(
            proxy_features, proxy_targets, tau_f, tau_t, distance=feature_distance, scale=target_scale)

    def proxy_spread(proxy_features, proxy_targets, alpha, target_scale):
        return proxy_spread(proxy_features, proxy_targets, alpha, target_scale)

    def proxy_loss(proxy_features, proxy_targets, tau_f, tau_t, alpha, feature_distance, target_scale):
        return proxy_loss(
            proxy_features, proxy_targets, tau_f, tau_t, alpha=alpha, distance=feature_distance,
            scale=target_scale)

    def proxy_targets(proxy_targets, target_min, target_max):
        return uniform_targets(target_min, target_max, len(proxy_targets)).reshape(proxy_targets.shape)

    def logits(z, proxy_features, tau_f, feature_distance):
        return association_logits(z, proxy_features, tau_f, feature_distance)

    def A(logits): return logits.softmax(1)
    def T(y, proxy_targets, tau_t, target_scale): return target_association(y, proxy_targets, tau_t, target_scale)
    def align(logits, T): return alignment_loss(logits, T)
    def prw_weights(T, delta_ratio): return PRW(delta_ratio).weights(T, None)
    def prw_s(T): return proxy_frequency(T)
    def prw_s_hat(prw_weights): return 1/prw_weights
    def align_prw(logits, T, prw_weights): return alignment_loss(logits, T, weights=prw_weights)

    def cb_weights(proxy_counts, beta):
        "As printed, without the scaling to a mean of one that is the default of `CB`"
        return CB(beta, normalize=False).weights(proxy_counts, proxy_counts)

    def align_cb(logits, T, cb_weights): return alignment_loss(logits, T, weights=cb_weights)
    def ldam_margins(proxy_counts, max_margin): return LDAM(max_margin).margins(proxy_counts)
    def align_ldam(logits, T, ldam_margins): return alignment_loss(logits, T, margins=ldam_margins)


EQUATIONS = {name: f for name, f in vars(Equations).items() if inspect.isfunction(f)}
LOSSES = [name for name in EQUATIONS if name.startswith(('align', 'proxy_kl', 'proxy_spread', 'proxy_loss'))]

def any_of(names): return '|'.join(sorted(names, key=len, reverse=True))

LOSS, OF = f'(?P<loss>{any_of(LOSSES)})', f'(?P<of>{any_of(INPUTS)})'
GRADIENTS = (
    re.compile(rf'{LOSS}_+(?:grad|d)_+(?:wrt_+)?{OF}'),
    re.compile(rf'(?:grad|d)_+{LOSS}_+(?:d_+|wrt_+)?{OF}'),
    re.compile(rf'grad_+{OF}_+(?:of_+)?{LOSS}'))

def apply(f, known):
    "`f` of what its parameters name"
    return f(**{name: evaluate(name, known) for name in inspect.signature(f).parameters})

def evaluate(name, known):
    "An input, a hyper-parameter or an equation, computed from what is known; `Skip` if something is missing"
    if name in known: return known[name]
    if name in INPUTS or name not in EQUATIONS: raise Skip(f'needs {name}, which is not given')
    return apply(EQUATIONS[name], known)

def parse_gradient(name):
    "(loss, input) that the name of a gradient tells; None for other names"
    for pattern in GRADIENTS:
        m = pattern.fullmatch(name)
        if m: return m['loss'], m['of']

def evaluate_gradient(loss, of, known):
    "Derivative of a loss with respect to one of the inputs"
    x = evaluate(of, known).clone().requires_grad_()
    return torch.autograd.grad(evaluate(loss, known | {of: x}), x)[0]

def compute(name, known):
    gradient = parse_gradient(name)
    if gradient: return evaluate_gradient(*gradient, known)
    if name in EQUATIONS: return apply(EQUATIONS[name], known)
    raise Skip('no equation has that name')

def check_array(name, want, known):
    "Compare an array with what its equation, or the derivative of one, gives"
    try: got = compute(name, known)
    except Skip as e: return Check(name, 'skipped', detail=str(e))
    except (ValueError, TypeError, RuntimeError, IndexError) as e:
        return Check(name, 'failed', detail=f'could not be computed: {e}')
    return compare(name, got, want, RTOL if want.dtype == np.float64 else None)

def bad_inputs(arrays):
    "A failed check for each input that is not finite: NaN would equal NaN all the way down"
    for name in INPUTS:
        a = arrays.get(name)
        if a is None: continue
        if a.dtype.kind not in 'biuf':
            yield Check(name, 'failed', detail=f'an input must hold numbers: got {a.dtype}')
        elif not np.isfinite(a).all():
            first = np.argwhere(~np.isfinite(a))[0].tolist()
            yield Check(name, 'failed', detail=f'an input must be finite: got {a[tuple(first)]} at {first}')

def check_equations(arrays, hyper):
    "Compare every array of a file with PRIME's equations; proxy targets too, where the manifest states their range"
    bad = list(bad_inputs(arrays))
    if bad: return bad
    known = {k: v for k, v in hyper.items() if v is not None}
    known |= {k: torch.as_tensor(arrays[k], dtype=torch.float64) for k in INPUTS if k in arrays}
    wanted = [name for name in arrays if name not in INPUTS]
    targets = arrays.get('proxy_targets')
    claimed = targets is not None and targets.shape[1:] in ((), (1,)) and {'target_min', 'target_max'} <= known.keys()
    if claimed: wanted.append('proxy_targets')
    return [check_array(name, arrays[name], known) for name in wanted]

def equation_files(manifest):
    "File and the function that checks its arrays, for each case of a manifest"
    for i, case in enumerate(manifest['cases']):
        file = field(case, 'file', str, f'case {i}')
        hyper = field(case, 'hyperparameters', dict, f'case {i}')
        yield file, lambda arrays, hyper=hyper: check_equations(arrays, hyper)
