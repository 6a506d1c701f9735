"""Milliseconds and memory of a loss, forward and backward, next to the naive loop that says the same thing.

    python studies/cost_losses.py [LOSS ...] --threads 2 --out results/cost/losses.json

Rendered by nbs/studies/04_cost.ipynb. Features are as wide as a ResNet-50's, and the time is related to two things that
travel between machines: the product of the features with themselves, which no loss on pairs can do without, and the
naive loop. Timings of a shared machine are upper bounds. Memory on a CPU counts what torch allocates, not the scratch
space of its libraries. Another loss is added by an entry of `COSTED`."""
import argparse, os, platform, sys, time
from collections.abc import Callable
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from naive import naive_conr, naive_fds, naive_ordinal_entropy, naive_rank_n_contrast, naive_ranksim, naive_srl
from prime_nb.baselines.balanced_mse import BMC, BNI, GAI
from prime_nb.baselines.conr import ConR
from prime_nb.baselines.dist_loss import DistLoss
from prime_nb.baselines.fds import FeatureSmoother
from prime_nb.baselines.hpn import HPN
from prime_nb.baselines.ordinal_entropy import OrdinalEntropy
from prime_nb.baselines.rank_n_contrast import RankNContrast
from prime_nb.baselines.ranksim import RankSim
from prime_nb.baselines.srl import SRL
from prime_nb.files import write_json
from prime_nb.losses import regression_loss
from prime_nb.objective import PrimeLoss
from prime_nb.proxies import make_proxies
from prime_nb.targets import LabelBins

AGE_EDGES = np.arange(-.5, 102)


class Problem(NamedTuple):
    "A batch"
    z: torch.Tensor       # (B, F)
    y: torch.Tensor       # (B,)
    pred: torch.Tensor    # (B,)


def make_problem(n, n_features, distinct=False, seed=0, device='cpu'):
    "Random features; labels are ages, or all distinct; predictions are off by five years"
    g = torch.Generator().manual_seed(seed)
    y = 45 + 15*torch.randn(n, generator=g)
    if not distinct: y = y.round().clamp(0, 101)
    pred = y + 5*torch.randn(n, generator=g)
    z = torch.randn(n, n_features, generator=g)
    return Problem(z.to(device), y.to(device), pred.to(device))


# What is costed

class Costed(NamedTuple):
    "A loss to be timed"
    make: Callable                 # Problem -> function (z, y, pred) -> scalar
    naive: Callable | None = None  # Problem -> the same, naively
    distinct: bool = False         # on distinct labels


def bins_of(p): return LabelBins(p.y.cpu().numpy(), edges=AGE_EDGES)

def on_features(make):
    "Entry for a loss of features and targets; `make` gives it, from the problem"
    def new(p):
        loss = make(p)
        return lambda z, y, pred: loss(z, y)
    return new

def on_predictions(make):
    "Entry for a loss of predictions and targets; `make` gives it, from the targets"
    def new(p):
        loss = make(p.y.cpu().numpy()).to(p.z.device)
        return lambda z, y, pred: loss(pred, y)
    return new

def prime(p):
    "Proxy and alignment loss together"
    proxies, loss = make_proxies(p.y.cpu().numpy(), 20, p.z.shape[1]).to(p.z.device), PrimeLoss()
    return lambda z, y, pred: loss(proxies, z, y).total

def srl(p): return SRL(bins_of(p)).to(p.z.device).train()

def srl_loop(p):
    loss = srl(p)
    loss.start(p.z.shape[1], p.z)
    return lambda z, y, pred: naive_srl(z, y, pred, loss.points)

def smoother(p):
    "One that has seen an epoch"
    fds = FeatureSmoother(bins_of(p), p.z.shape[1]).to(p.z.device)
    fds.gather(p.z, p.y)
    fds.end_epoch(0)
    return fds

def smoothing(p):
    fds = smoother(p)
    return lambda z, y, pred: fds.smooth(z, y).square().mean()

def smoothing_loop(p):
    fds = smoother(p)
    return lambda z, y, pred: naive_fds(z, y, fds).square().mean()

def hpn(p): return HPN().see_targets(p.y.cpu().numpy())

COSTED = dict(
    prime=Costed(prime),
    fds_smooth=Costed(smoothing, smoothing_loop),
    hpn=Costed(on_features(hpn)),
    ranksim=Costed(on_features(lambda p: RankSim())),
    ranksim_distinct=Costed(on_features(lambda p: RankSim()), lambda p: naive_ranksim, distinct=True),
    conr=Costed(lambda p: ConR(), lambda p: naive_conr),
    rank_n_contrast=Costed(on_features(lambda p: RankNContrast()), lambda p: naive_rank_n_contrast),
    ordinal_entropy=Costed(on_features(lambda p: OrdinalEntropy()), lambda p: naive_ordinal_entropy),
    ordinal_entropy_distinct=Costed(on_features(lambda p: OrdinalEntropy(tightness=0.)), distinct=True),
    srl=Costed(on_features(srl), srl_loop),
    l1=Costed(on_predictions(lambda y: regression_loss('l1'))),
    focal_l1=Costed(on_predictions(lambda y: regression_loss('focal_l1'))),
    bmc=Costed(on_predictions(lambda y: BMC())),
    gai=Costed(on_predictions(GAI)),
    bni=Costed(on_predictions(lambda y: BNI(LabelBins(y, edges=AGE_EDGES)))),
    dist=Costed(on_predictions(DistLoss)))


# Time and memory

@contextmanager
def torch_threads(n):
    "Use `n` CPU threads in the block; as many as before if it is None"
    old = torch.get_num_threads()
    if n: torch.set_num_threads(n)
    try: yield
    finally: torch.set_num_threads(old)

def step(f, p):
    "Forward and backward, without a trace in the problem"
    z, pred = p.z.detach().requires_grad_(), p.pred.detach().requires_grad_()
    f(z, p.y, pred).backward()
    if z.is_cuda: torch.cuda.synchronize()

def milliseconds(f, repeats=7, budget=3.):
    "Median time of a call, after one that does not count; no repeat is begun after `budget` seconds"
    f()
    times, end = [], time.perf_counter() + budget
    while len(times) < repeats and (not times or time.perf_counter() < end):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return 1e3*float(np.median(times))

@contextmanager
def muted():
    "Standard error of the process goes nowhere: the profiler writes remarks there, past Python"
    keep, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try: yield
    finally:
        os.dup2(keep, 2)
        for fd in (keep, nowhere): os.close(fd)

def peak_megabytes(f, cuda=False):
    "Largest amount of memory held at once by a call; on a CPU the largest running sum of what the profiler records"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        f()
        return (torch.cuda.max_memory_allocated() - before)/1e6
    with muted(), torch.autograd.profiler.profile(profile_memory=True) as profile: f()
    moves = [(e.start_ns(), e.nbytes()) for e in profile.kineto_results.events() if e.name() == '[memory]']
    held = np.cumsum([size for _, size in sorted(moves, key=lambda move: move[0])])
    return float(max(held, default=0.))/1e6


# The table

class Cost(NamedTuple):
    "One line of the table"
    loss: str
    batch: int
    ms: float                 # forward and backward
    products: float           # `ms` over the time of one (B, F) x (F, B) product
    mb: float                 # peak memory
    naive_ms: float | None    # of the naive loop; None if it was not timed
    naive_mb: float | None

def cost(name, n, n_features=2048, naive=True, repeats=7, device='cpu'):
    "Time and memory of a loss for a batch of `n`"
    costed = COSTED[name]
    p = make_problem(n, n_features, costed.distinct, device=device)
    def measure(make):
        f = make(p)
        return milliseconds(lambda: step(f, p), repeats), peak_megabytes(lambda: step(f, p), p.z.is_cuda)
    ms, mb = measure(costed.make)
    product = milliseconds(lambda: p.z @ p.z.T, 20)
    naive_ms, naive_mb = measure(costed.naive) if naive and costed.naive else (None, None)
    return Cost(loss=name, batch=n, ms=ms, products=ms/product, mb=mb, naive_ms=naive_ms, naive_mb=naive_mb)

def statistics_ms(n_features=2048, n=12208, repeats=5):
    "Milliseconds for the mean and variance of the features in each bin, once an epoch: the other half of FDS"
    p = make_problem(n, n_features)
    fds = FeatureSmoother(bins_of(p), n_features)
    def update():
        fds.gather(p.z, p.y)
        fds.end_epoch(int(fds.epoch))
    return milliseconds(update, repeats, budget=10.)

HEAD = f'{"batch":>7}{"ms":>10}{"products":>10}{"MB":>9}{"naive ms":>11}{"naive MB":>10}{"ratio":>8}'

def line(r):
    "A line of the printed table"
    said = f'{r.loss:<26}{r.batch:>7}{r.ms:10.2f}{r.products:10.1f}{r.mb:9.1f}'
    if r.naive_ms is None: return said + f'{"-":>11}{"-":>10}{"-":>8}'
    return said + f'{r.naive_ms:11.1f}{r.naive_mb:10.1f}{r.naive_ms/r.ms:7.1f}x'

def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('losses', nargs='*', help=f'which of {", ".join(COSTED)}; all by default')
    parser.add_argument('--batch', type=int, nargs='+', default=[64, 256], help='batch sizes')
    parser.add_argument('--features', type=int, default=2048, help='features per sample')
    parser.add_argument('--threads', type=int, help='CPU threads')
    parser.add_argument('--repeats', type=int, default=7, help='steps to take the median of')
    parser.add_argument('--device', default='cpu', help='cpu, cuda, ...')
    parser.add_argument('--no-naive', action='store_true', help='leave the naive loops out')
    parser.add_argument('--out', help='JSON file to write as well')
    a = parser.parse_args(argv)
    for name in a.losses:
        if name not in COSTED: parser.error(f'unknown loss: got {name!r}, expected one of {list(COSTED)}')
    settings = dict(n_features=a.features, naive=not a.no_naive, repeats=a.repeats, device=a.device)
    rows = []
    with torch_threads(a.threads):
        print(f'{"loss":<26}{HEAD}')
        for name in a.losses or COSTED:
            for n in a.batch:
                rows.append(cost(name, n, **settings))
                print(line(rows[-1]), flush=True)
        if not a.out: return
        made_with = dict(threads=torch.get_num_threads(), device=a.device, torch=torch.__version__)
        made_with |= dict(python=platform.python_version(), machine=platform.machine())
        statistics = statistics_ms(a.features, repeats=min(5, a.repeats))
    rows = [r._asdict() for r in rows]
    write_json(a.out, dict(rows=rows, n_features=a.features, statistics_ms=statistics, **made_with))


if __name__ == '__main__': sys.exit(main())
