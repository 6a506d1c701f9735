"""How much longer a step of training takes with a method than without it, and how the cost of PRIME's loss grows.

    python studies/cost_training.py [METHOD ...] --threads 2 --out results/cost/training.json

Rendered by nbs/studies/04_cost.ipynb. The step is whole: forward, backward, optimizer, of a ResNet on pictures of
noise. Two models take turns on the same batches in random order, one trained with the weighted loss alone (SQInv), one
with a method on top of it; the ratio of each pair of neighbours is a measurement, and their median is the figure: what
slows the machine down for a second slows both. It times the loop of `Arm`, not that of fastai, and no loading of data.
Peak memory is beyond what is held between steps. A ratio holds for one network, size of picture and class of machine.
"""
import argparse, copy, gc, os, sys, time
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch

from cost_losses import AGE_EDGES, make_problem, milliseconds, peak_megabytes, torch_threads
from prime_nb.baselines.balanced_mse import BMC
from prime_nb.baselines.conr import ConR
from prime_nb.baselines.dist_loss import DistLoss
from prime_nb.baselines.fds import FeatureSmoother
from prime_nb.baselines.ordinal_entropy import OrdinalEntropy
from prime_nb.baselines.rank_n_contrast import RankNContrast
from prime_nb.baselines.ranksim import RankSim
from prime_nb.baselines.srl import SRL
from prime_nb.files import write_json
from prime_nb.head import find_final, find_head, wrap_head
from prime_nb.losses import regression_loss
from prime_nb.methods.training import processor, versions
from prime_nb.models.backbone import backbone
from prime_nb.objective import PrimeLoss
from prime_nb.proxies import make_proxies
from prime_nb.targets import LabelBins


class Setting(NamedTuple):
    "What all methods are trained on"
    model: torch.nn.Module    # a regressor; each method has a copy
    xs: list                  # batches of pictures (B, 3, size, size)
    ys: list                  # their targets (B, 1)
    bins: LabelBins           # of all targets
    n_proxies: int
    bf16: bool                # forward pass in bfloat16

    @property
    def device(self): return self.xs[0].device

    @property
    def targets(self):
        "Targets of all batches, (N,)"
        return torch.cat(self.ys).cpu().numpy()[:, 0]

    @property
    def width(self):
        "Features of a sample"
        return self.model.get_submodule(find_final(self.model)).in_features

def make_setting(
        arch='resnet18',
        size=96,
        bs=64,
        n_batches=4,
        n_proxies=20,
        bf16=False,
        channels_last=False,
        device='cpu',
        seed=0):
    "A network with random weights and random batches: what a step costs does not depend on what it learns"
    torch.manual_seed(seed)
    form = torch.channels_last if channels_last else torch.contiguous_format
    model = backbone(arch).to(device, memory_format=form)
    y = make_problem(n_batches*bs, 1, seed=seed).y
    xs = [torch.rand(bs, 3, size, size).to(device, memory_format=form) for _ in range(n_batches)]
    bins = LabelBins(y.numpy(), edges=AGE_EDGES)
    ys = list(y[:, None].to(device).split(bs))
    return Setting(model=model, xs=xs, ys=ys, bins=bins, n_proxies=n_proxies, bf16=bf16)


class Arm:
    "A copy of the setting's model, its optimizer, and what is added to the loss: `extra(z, y, pred)`"
    def __init__(self, s, extra=None, loss=None, make_proxies=None):
        self.model = wrap_head(copy.deepcopy(s.model), make_proxies).train()
        self.head, self.s, self.extra = find_head(self.model), s, extra
        if loss is None: loss = regression_loss('l1', s.bins.lookup('sqrt_inverse'))
        self.loss = loss.to(s.device)
        self.opt = torch.optim.Adam([*self.model.parameters(), *self.loss.parameters()], 1e-4)

    def step(self, i):
        "Step number `i`; batches come round"
        x, y = self.s.xs[i % len(self.s.xs)], self.s.ys[i % len(self.s.ys)]
        with torch.autocast(x.device.type, torch.bfloat16) if self.s.bf16 else nullcontext(): pred = self.model(x)
        pred = pred.float()
        loss = self.loss(pred, y)
        if self.extra: loss = loss + self.extra(self.head.z, y[:, 0], pred.detach()[:, 0])
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        self.head.z = None
        if x.is_cuda: torch.cuda.synchronize()
        return loss.detach()


class SmoothedArm(Arm):
    "FDS without a second pass over the data: smoothing of what the last layer sees, and statistics"
    def __init__(self, s):
        self.fds, y = FeatureSmoother(s.bins, s.width).to(s.device), torch.cat(s.ys)[:, 0]
        self.fds.gather(torch.randn(len(y), s.width, device=s.device), y)
        self.fds.end_epoch(0)
        super().__init__(s, extra=self.gather)
        self.head.calibrate = lambda z: self.fds.smooth(z, self.y, 1)

    def gather(self, z, y, pred):
        self.fds.gather(z.detach().float(), y)
        return 0.

    def step(self, i):
        self.y = self.s.ys[i % len(self.s.ys)][:, 0]
        return super().step(i)


def with_prime(**settings):
    def new(s):
        loss = PrimeLoss(**settings)
        arm = Arm(s, make_proxies=lambda n_features: make_proxies(s.targets, s.n_proxies, n_features))
        arm.extra = lambda z, y, pred: loss(arm.head.proxies, z, y).total
        return arm
    return new

def with_loss(make):
    "Arm with a loss on features besides; `make` gives it, from the setting"
    def new(s):
        loss = make(s).to(s.device).train()
        if getattr(loss, 'needs_pred', False): return Arm(s, extra=loss)
        return Arm(s, extra=lambda z, y, pred: loss(z, y))
    return new

# Rank-N-Contrast has one view of each picture; with two, as in its paper, the whole step doubles
METHODS = {
    'sqinv': Arm, 'prime': with_prime(), 'prime+prw': with_prime(technique='prw'),
    'prime+cb': with_prime(technique='cb'), 'prime+ldam': with_prime(technique='ldam'), 'fds-online': SmoothedArm,
    'ranksim': with_loss(lambda s: RankSim()), 'conr': with_loss(lambda s: ConR()),
    'rnc': with_loss(lambda s: RankNContrast()), 'ordinal_entropy': with_loss(lambda s: OrdinalEntropy()),
    'srl': with_loss(lambda s: SRL(s.bins)), 'bmc': lambda s: Arm(s, loss=BMC()),
    'dist': lambda s: Arm(s, loss=DistLoss(s.targets))}


# Pairs of steps, and an interval for their ratio

def paired_times(a, b, steps=40, warmup=3, seed=0):
    "Seconds (steps, 2) of two functions of the number of a step that take turns in random order"
    rng, out = np.random.default_rng(seed), np.empty((steps, 2))
    for i in range(-warmup, steps):
        for k in rng.permutation(2):
            start = time.perf_counter()
            (a, b)[k](i)
            if i >= 0: out[i, k] = time.perf_counter() - start
    return out

def median_ratio(times, level=.95, n=2000, seed=0):
    "Median of the ratios second/first, and the ends of its bootstrap interval"
    ratio = times[:, 1]/times[:, 0]
    draws = np.median(np.random.default_rng(seed).choice(ratio, (n, len(ratio))), axis=1)
    low, high = np.quantile(draws, [(1 - level)/2, (1 + level)/2])
    return float(np.median(ratio)), float(low), float(high)

class StepCost(NamedTuple):
    "One line of the table"
    method: str
    ratio: float       # of the time of a step to that of SQInv, median of pairs
    low: float         # ends of its 95 % interval
    high: float
    ms: float          # median time of a step
    base_ms: float     # of SQInv, in the same pairs
    mb: float          # peak memory of a step, beyond what is held between steps
    mb_ratio: float    # to that of SQInv

def step_cost(name, s, steps=40, warmup=3, seed=0):
    "Cost of a method on a setting"
    base, arm = METHODS['sqinv'](s), METHODS[name](s)
    times = paired_times(base.step, arm.step, steps, warmup, seed=seed)
    base_mb, mb = (peak_megabytes(lambda: a.step(0), s.device.type == 'cuda') for a in (base, arm))
    base_ms, ms = (float(t) for t in 1e3*np.median(times, axis=0))
    ratio, low, high = median_ratio(times, seed=seed)
    return StepCost(
        method=name, ratio=ratio, low=low, high=high, ms=ms, base_ms=base_ms, mb=mb, mb_ratio=mb/base_mb)


# How the cost of PRIME's loss grows: B samples, C proxies, F features

def saved_bytes(f, without=()):
    "Bytes that autograd keeps for the backward pass of f(), each piece of memory once, without that of some tensors"
    pieces = {}
    def pack(t):
        pieces[t.untyped_storage().data_ptr()] = t.untyped_storage()
        return t
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t): kept = f()
    for t in without: pieces.pop(t.untyped_storage().data_ptr(), None)
    size = sum(piece.nbytes() for piece in pieces.values())
    del kept    # the graph had to live until here
    return size

def prime_problem(B, C, F, device='cpu', **settings):
    "PRIME's loss of a batch, as a function without arguments; and its inputs"
    p = make_problem(B, F, device=device)
    z, y = p.z.requires_grad_(), p.y
    proxies, loss = make_proxies(np.arange(102.), C, F).to(device), PrimeLoss(**settings)
    return lambda: loss(proxies, z, y).total, [z, y, *proxies.parameters(), *proxies.buffers()]

def prime_bytes(B, C, F, **settings):
    "Bytes that PRIME's loss keeps beyond its inputs"
    return saved_bytes(*prime_problem(B, C, F, **settings))

def prime_ms(B, C, F, repeats=7, device='cpu', **settings):
    "Milliseconds of its forward and backward pass"
    f, inputs = prime_problem(B, C, F, device, **settings)
    def both():
        torch.autograd.grad(f(), [t for t in inputs if t.requires_grad])
        if inputs[0].is_cuda: torch.cuda.synchronize()
    return milliseconds(both, repeats, 2.)

def terms(B, C, F): return {'B F': B*F, 'B C': B*C, 'C F': C*F, 'C C': C*C, 'B': B, 'C': C, 'F': F, '1': 1}

def memory_formula(**settings):
    "Bytes kept, exactly: size -> bytes for each of its entries; what fits no such formula raises `ValueError`"
    sizes = [(B, C, F) for B in (8, 40, 72) for C in (4, 12, 28) for F in (16, 48)]
    A = np.array([list(terms(*size).values()) for size in sizes], float)
    kept = np.array([prime_bytes(*size, **settings) for size in sizes], float)
    x = np.linalg.lstsq(A, kept, rcond=None)[0]
    if not np.allclose(A @ x, kept, rtol=1e-9, atol=1e-3):
        raise ValueError(
            'the memory is no sum of B F, B C, C F, C C and lower terms: a pair of samples is kept somewhere')
    return {name: round(float(v), 3) + 0. for name, v in zip(terms(1, 1, 1), x)}

def exponent(sizes, times):
    "Slope of log time over log size in the upper half, where fixed costs no longer hide it"
    n = max(2, (len(sizes) + 1)//2)
    return float(np.polyfit(np.log(sizes[-n:]), np.log(times[-n:]), 1)[0])

AXES = dict(B=(16, 64, 256, 1024, 4096), C=(10, 30, 100, 300, 1000), F=(128, 512, 2048, 4096))
AT = dict(B=256, C=20, F=512)    # where the other two are held

def scaling(axes=AXES, at=AT, repeats=7, device='cpu'):
    "Time and memory of PRIME's loss along each axis, their exponents, and the formula of the memory"
    def one(size): return dict(size, ms=prime_ms(**size, repeats=repeats, device=device), bytes=prime_bytes(**size))
    rows, exponents = {}, {}
    for axis, sizes in axes.items():
        rows[axis] = [one({**at, axis: n}) for n in sizes]
        exponents[axis] = {what: exponent([r[axis] for r in rows[axis]], [r[what] for r in rows[axis]])
                           for what in ('ms', 'bytes')}
    return dict(rows=rows, at=at, exponents=exponents, bytes_per_entry=memory_formula())

def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('methods', nargs='*', help=f'which of {", ".join(METHODS)}; all by default')
    parser.add_argument('--model', default='resnet18', help='network: small, resnet18, resnet50, ...')
    parser.add_argument('--size', type=int, default=96, help='side of a picture')
    parser.add_argument('--batch', type=int, default=64, help='samples in a batch')
    parser.add_argument('--steps', type=int, default=40, help='pairs of steps')
    parser.add_argument('--warmup', type=int, default=3, help='pairs that do not count')
    parser.add_argument('--proxies', type=int, default=20, help='proxies')
    parser.add_argument('--seed', type=int, default=0, help='of weights, data and order')
    parser.add_argument('--bf16', action='store_true', help='forward pass in bfloat16')
    parser.add_argument('--channels-last', action='store_true', help='memory format of pictures and weights')
    parser.add_argument('--no-scaling', action='store_true', help='leave out the growth with B, C and F')
    parser.add_argument('--threads', type=int, help='CPU threads')
    parser.add_argument('--device', default='cpu', help='cpu, cuda, ...')
    parser.add_argument('--out', help='JSON file to write')
    a = parser.parse_args(argv)
    for name in a.methods:
        if name not in METHODS: parser.error(f'unknown method: got {name!r}, expected one of {list(METHODS)}')
    rows = []
    with torch_threads(a.threads):
        s = make_setting(
            a.model, a.size, a.batch, n_proxies=a.proxies, bf16=a.bf16, channels_last=a.channels_last, device=a.device,
            seed=a.seed)
        for name in a.methods or METHODS:
            r = step_cost(name, s, a.steps, a.warmup, seed=a.seed)
            rows.append(r._asdict())
            gc.collect()
            print(f'{r.method:<16}{r.ratio:7.3f}x [{r.low:.3f}, {r.high:.3f}]{r.ms:10.1f} ms{r.mb:10.1f} MB'
                  f'{r.mb_ratio:8.3f}x', flush=True)
        setting = dict(model=a.model, size=a.size, batch=a.batch, features=s.width, proxies=a.proxies, bf16=a.bf16)
        setting |= dict(channels_last=a.channels_last, steps=a.steps)
        gpu = torch.cuda.get_device_name() if a.device.startswith('cuda') else None
        machine = dict(processor=processor(), cores=os.cpu_count(), gpu=gpu)
        found = dict(setting=setting, rows=rows, versions=versions(a.device), machine=machine)
        if not a.no_scaling: found['scaling'] = scaling(device=a.device)
    if a.out: write_json(a.out, found)


if __name__ == '__main__': sys.exit(main())
