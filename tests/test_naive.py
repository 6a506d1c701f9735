"The naive loops of studies/naive.py and the fast versions say the same, in value and gradient, in double precision"
import math

import numpy as np
import pytest
import torch

from naive import naive_conr, naive_fds, naive_ordinal_entropy, naive_rank_n_contrast, naive_ranksim, naive_srl
from prime_nb.baselines.conr import ConR
from prime_nb.baselines.fds import FeatureSmoother
from prime_nb.baselines.ordinal_entropy import OrdinalEntropy
from prime_nb.baselines.rank_n_contrast import RankNContrast
from prime_nb.baselines.ranksim import RankSim
from prime_nb.baselines.srl import SRL
from prime_nb.checks import check_close
from prime_nb.targets import LabelBins


def batch(n=18, n_features=5, labels=7, seed=0):
    "Features, targets (all different without `labels`) and predictions"
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(labels, (n,), generator=g) if labels else torch.randperm(n, generator=g)
    z = torch.randn(n, n_features, generator=g)
    pred = y + 2*torch.randn(n, generator=g)
    return z.double(), y.double(), pred.double()

def same(fast, naive, z, *others):
    z = z.requires_grad_()
    a, b = fast(z, *others), naive(z, *others)
    check_close(a, b)
    check_close(torch.autograd.grad(a, z)[0], torch.autograd.grad(b, z)[0])

def angles(*degrees):
    a = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([a.cos(), a.sin()], 1)

def without_pred(loss): return lambda z, y, pred: loss(z, y)


@pytest.mark.parametrize('seed', range(3))
class TestAgainstTheFastVersions:
    def test_ranksim(self, seed): same(without_pred(RankSim()), naive_ranksim, *batch(labels=None, seed=seed))

    def test_conr(self, seed):
        same(ConR(), naive_conr, *batch(seed=seed))
        same(ConR(2., .5, .2), lambda *b: naive_conr(*b, 2., .5, .2), *batch(seed=seed))

    def test_rank_n_contrast(self, seed):
        for labels in (3, 7, None):
            same(without_pred(RankNContrast()), naive_rank_n_contrast, *batch(labels=labels, seed=seed))
        same(without_pred(RankNContrast(.4)), lambda *b: naive_rank_n_contrast(*b, .4), *batch(seed=seed))

    def test_ordinal_entropy(self, seed):
        same(without_pred(OrdinalEntropy()), naive_ordinal_entropy, *batch(seed=seed))

    def test_srl(self, seed):
        srl, b = SRL(LabelBins(np.arange(7.), width=1.), n_points=30).eval(), batch(seed=seed)
        srl.start(5, b[0])
        same(without_pred(srl), lambda *b: naive_srl(*b, srl.points), *b)

    def test_fds(self, seed):
        z, y, _ = batch(60, 4, 6, seed=seed)
        fds = FeatureSmoother(LabelBins(y), 4).double()
        fds.gather(z, y)
        fds.end_epoch(0)
        assert not naive_fds(z, y, fds).equal(z)
        def fast(z, y): return fds.smooth(z, y).square().sum()
        def naive(z, y): return naive_fds(z, y, fds).square().sum()
        same(fast, naive, z, y)


class TestByHand:
    def test_ranksim(self):
        check_close(naive_ranksim(angles(0., 90., 30.), torch.tensor([0., 1., 3.]), None), 6/27)

    def test_conr(self):
        z, y, pred = torch.eye(3), torch.tensor([20., 21., 60.]), torch.tensor([30., 40., 30.5])
        check_close(naive_conr(z, y, pred), math.log(1 + math.exp(.4))/3)
        assert naive_conr(z, y, y) == 0 and naive_conr(z, 9*y, pred) == 0

    def test_rank_n_contrast(self):
        rows = (math.log(1 + math.exp(-1)), 2*math.log(math.exp(-3) + math.exp(-1)) + 4, math.log(1 + math.exp(-3)))
        z, y = torch.tensor([[0.], [3.], [4.]]), torch.tensor([0., 1., 2.])
        check_close(naive_rank_n_contrast(z, y, None, 1.), sum(rows)/6)

    def test_ordinal_entropy(self):
        z, y = torch.tensor([[2., 0.], [0., 2.], [-3., 0.]]), torch.tensor([7., 7., 9.])
        check_close(naive_ordinal_entropy(z, y, None), 2*math.sin(math.pi/8) - 4*math.sin(math.radians(67.5)))

    def test_srl(self):
        "One point at 0 degrees, which the curve passes through; the steps have cosines .5 and 0, with variance .125"
        rows = [[1, .5, -.75**.5], [.5, 1, 0], [-.75**.5, 0, 1]]
        contrast = sum(math.log(sum(math.exp(c) for c in row)) - 1 for row in rows)/3
        got = naive_srl(
            angles(0., 60., 150.), torch.tensor([1., 2., 3.]), None, torch.tensor([[1., 0.]]), temperature=1.)
        check_close(got, 10*contrast + .01*(.0125 - .5))
