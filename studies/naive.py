"""The regularisers again, as one writes them first from their equations: an anchor, a label or a bin at a time.

Slow, short, and a second opinion: `cost_losses.py` compares times with these, and `tests/test_naive.py` tests each fast
version against them in value and gradient. All take features z (B, F), targets y (B,) and predictions (B,), used or
not. These are not the authors' published codes, whose loops are other ones."""
import torch
from torch.nn.functional import normalize

from prime_nb.baselines.ranksim import blackbox_rank


def naive_ranksim(z, y, pred):
    "RankSim, one anchor at a time: each ranks the others twice; labels must be distinct"
    u, total = normalize(z), 0.
    for i in range(len(z)):
        want = blackbox_rank(-(y[i] - y).abs()[None])
        got = blackbox_rank((u @ u[i])[None])
        total = total + (got - want).pow(2).mean()
    return total

def naive_conr(z, y, pred, w=1., temperature=.07, e=.01):
    "ConR, one anchor at a time: each gathers its positives and negatives"
    u, total, others = normalize(z), 0.*z.sum(), torch.arange(len(z))
    for j in range(len(z)):
        near = (y - y[j]).abs() <= w
        positive = near & (others != j)
        negative = ~near & ((pred - pred[j]).abs() <= w)
        if not positive.any() or not negative.any(): continue
        s = u @ u[j]/temperature
        pushed = s[negative] + e*(y - y[j]).abs()[negative]
        total = total + torch.cat([s[positive], pushed]).logsumexp(0) - s[positive].mean()
    return total/len(z)

def naive_rank_n_contrast(z, y, pred, temperature=2.):
    "Rank-N-Contrast, one anchor at a time, with a mask for all its pairs: n² numbers at a time, n³ in all"
    n, total = len(z), 0.
    for i in range(n):
        others = torch.arange(n) != i
        d = (y - y[i]).abs()[others]
        s = -(z[others] - z[i]).norm(dim=1)/temperature
        total = total + (torch.where(d >= d[:, None], s, -torch.inf).logsumexp(1) - s).sum()
    return total/n/(n - 1)

def naive_ordinal_entropy(z, y, pred):
    "Ordinal entropy, one label at a time: each looks at the centres of all others"
    labels, u = y.unique(), normalize(z)
    centers = normalize(torch.stack([z[y == label].mean(0) for label in labels]))
    n = len(centers)
    spread, to_center = 0., []
    for i, label in enumerate(labels):
        spread = spread + ((centers - centers[i]).norm(dim=1)*(labels - label).abs()).sum()
        if (y == label).sum() > 1: to_center.append((u[y == label] - centers[i]).norm(dim=1))
    return torch.cat(to_center).mean() - spread/n/(n - 1)

def naive_srl(z, y, pred, points, temperature=.3):
    "SRL of a batch without surrogates, one label at a time; `points` (n, F) are spread over the sphere"
    labels, u = y.unique(), normalize(z)
    curve = normalize(torch.stack([u[y == label].mean(0) for label in labels]))
    contrast = 0.
    for i, label in enumerate(labels):
        logits = u[y == label] @ curve.detach().T/temperature
        contrast = contrast - logits.log_softmax(1)[:, i].sum()
    nearest = torch.stack([points @ c for c in curve]).amax(0)
    steps = (curve[1:]*curve[:-1]).sum(1)
    homogeneity = .1*steps.var() - steps.sum()
    return 10*contrast/len(z) + 100*(1 - nearest.mean()) + .01*homogeneity

def naive_fds(z, y, fds):
    "Features calibrated by a `FeatureSmoother` that has seen an epoch (Yang et al. 2021, section 3.2), bin by bin"
    out, index = torch.empty_like(z), fds.index(y)
    for b in index.unique():
        rows = z[index == b]
        ok = fds.running_var[b] > 0
        ratio = fds.smoothed_var[b]/torch.where(ok, fds.running_var[b], 1.)
        moved = (rows - fds.running_mean[b])*ratio.clamp(*fds.clip).sqrt() + fds.smoothed_mean[b]
        out[index == b] = torch.where(ok, moved, rows)
    return out
