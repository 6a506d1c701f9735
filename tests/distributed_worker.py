"""What each of two processes does in test_distributed.py: `torchrun --nproc_per_node 2 distributed_worker.py FOLDER`.

Every case is trained by both ranks together. Rank 0 also trains it alone, before there is a process group, in batches
that are what the two ranks see in one step. Each rank writes what it found to FOLDER."""
import sys
from pathlib import Path

import torch
from fastai.callback.core import Callback
from fastai.callback.training import GradientAccumulation, GradientClip
from fastai.learner import Learner
from fastai.losses import L1LossFlat
from fastai.optimizer import SGD
from fastai.torch_core import set_seed
from torch import nn

from prime_nb.baselines.balanced_mse import BMC
from prime_nb.baselines.conr import ConR
from prime_nb.baselines.dist_loss import DistLoss
from prime_nb.baselines.hpn import HPN
from prime_nb.baselines.ordinal_entropy import OrdinalEntropy
from prime_nb.baselines.rank_n_contrast import RankNContrast
from prime_nb.baselines.ranksim import RankSim
from prime_nb.baselines.srl import SRL
from prime_nb.methods.recipes import Splits
from prime_nb.methods.training import KeepBest, judge
from prime_nb.callback.devices import on_ranks
from prime_nb.callback.fds import FDS
from prime_nb.callback.features import TrainLoss
from prime_nb.callback.metrics import shot_metrics
from prime_nb.callback.prime import PRIME
from prime_nb.callback.peers import ProxyNCA
from prime_nb.callback.features import FeatureLoss
from prime_nb.callback.peers import RRT
from prime_nb.data.memory import tensor_dls
from prime_nb.distributed import alone, gather_with_grad, launched, world_size
from prime_nb.losses import WeightedL1
from prime_nb.targets import LabelBins

W, BS = 2, 16
N, N_DEV = 93, 25    # 93 is odd, so a sample comes twice; the last batch of an epoch is smaller

g = torch.Generator().manual_seed(0)
Y = (torch.rand(N + N_DEV, generator=g)**2*10).mul(2).round()/2    # some labels several times
X = torch.stack([Y.sqrt(), Y.log1p(), torch.randn(len(Y), generator=g), torch.randn(len(Y), generator=g)], 1)
BINS = LabelBins(Y[:N].numpy(), width=1., shots=(15, 6))


def interleaved(idxs, bs=BS):
    "Order in which one process sees what `W` ranks see side by side: each has a stretch of the epoch"
    n = -(-len(idxs)//W)
    idxs = idxs + idxs[:n*W - len(idxs)]
    return [i for k in range(0, n, bs) for r in range(W) for i in idxs[r*n + k:r*n + min(k + bs, n)]]

class Look(Callback):
    "Which samples came first, and the weights after the first step"
    order, run_valid = 1, False
    def before_fit(self): self.first, self.one = None, None
    def before_batch(self):
        if self.first is None: self.first = self.xb[0][:, 2].tolist()    # noise: a name for each sample
    def after_step(self):
        if self.one is None: self.one = weights(self.model)

def weights(model): return {k.removeprefix('module.'): v.detach().clone() for k, v in model.state_dict().items()}

def net(): return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))

def is_alone(): return launched()[1] == 1

def learner(cbs, loss, n=N, bs=BS, **kw):
    "A learner for one rank, or for a process that trains alone with the batches of all"
    set_seed(0)
    dls = tensor_dls((X[:n], Y[:n, None]), (X[N:], Y[N:, None]), bs=bs, val_bs=7, seed=0, drop_last=False, device='cpu')
    dl = dls.train
    if is_alone(): dls.loaders[0] = dl.new(bs=W*BS, shuffle=False, get_idxs=lambda: interleaved(dl.get_idxs()))
    return Learner(dls, net(), loss_func=loss or L1LossFlat(), cbs=[Look(), *cbs], opt_func=SGD, lr=.05, wd=0., **kw)

def reg(loss): return lambda: [FeatureLoss(loss(), .5)]

def prime(**kw): return lambda: [PRIME(8, lambda_p=2, lambda_a=2, **kw)]

# name -> callbacks, and perhaps a loss
CASES = dict(
    plain=[list],
    prime=[prime()],
    prw=[prime(technique='prw')],
    cb=[prime(technique='cb')],
    ldam=[prime(technique='ldam')],
    drw=[prime(technique='prw', drw_epoch=1)],
    ldam_drw=[prime(technique='ldam', drw_epoch=1)],
    one_hot=[prime(technique='prw', one_hot=True)],
    proxy_lr=[prime(proxy_lr=5.)],
    centroid=[prime(centroid=True)],
    proxynca=[lambda: [ProxyNCA(8)]],
    clip=[lambda: prime(technique='prw')() + [GradientClip(.5)]],
    ranksim=[reg(RankSim)],
    conr=[reg(ConR)],
    rnc=[reg(RankNContrast)],
    ordinal_entropy=[reg(OrdinalEntropy)],
    hpn=[reg(HPN)],
    srl=[reg(lambda: SRL(BINS, n_points=40, contrast=1., envelop=1.))],
    two=[lambda: prime(technique='prw')() + [FeatureLoss(RankNContrast(), .5)]],
    apart=[lambda: [FeatureLoss(RankNContrast(), .5, gather=False)]],
    fds=[lambda: [FDS(BINS)]],
    fds_online=[lambda: [FDS(BINS, online=True)]],
    weighted=[list, lambda: WeightedL1(BINS.lookup('sqrt_inverse'))],
    bmc=[lambda: [TrainLoss()], lambda: BMC(1.)],
    dist_loss=[list, lambda: DistLoss(Y[:N].numpy())],
    rrt=[lambda: [RRT(start=1, bins=BINS)]],
    rrt_prime=[lambda: prime()() + [RRT(start=1, bins=BINS)]])
ACCUMULATED = dict(accumulated=[lambda: prime(technique='prw')() + [GradientAccumulation(BS)]])

def train(name, epochs=3):
    "Weights after one step and after the fit, epoch means of the added losses, and the first batch"
    cbs, loss = (*(CASES | ACCUMULATED)[name], None)[:2]
    cbs, loss, kw = cbs(), loss and loss(), dict(n=4*BS) if name in ACCUMULATED else {}
    if name in ACCUMULATED and is_alone(): cbs = cbs[:1]
    elif name in ACCUMULATED: kw['bs'] = BS//2
    learn = learner(cbs, loss, **kw)
    with on_ranks(learn), learn.no_bar(), learn.no_logging(): learn.fit(epochs)
    added = [getattr(cb, 'losses', []) for cb in cbs]
    return dict(one=learn.look.one, end=weights(learn.model), added=added, first=learn.look.first)

def rest(folder):
    "Validation with metrics by shot, the best epoch, saving and loading"
    splits = Splits((X[:N], Y[:N]), (X[N:], Y[N:]), lambda: (X[N:], Y[N:]), BINS, model=net)
    metrics = 'MAE', 'GM', 'Pearson'
    best = KeepBest(lambda out: judge(out.flatten(), splits.dev[1], splits, metrics), 'GM/All')
    learn = learner(
        prime(technique='prw')() + [best], None, metrics=shot_metrics(BINS, metrics), path=folder)
    learn.recorder.add_time = False
    with on_ranks(learn), learn.no_bar(), learn.no_logging():
        learn.fit(3)
        curve, at = [row['GM/All'] for row in best.history], best.best_at
        # without the losses: one is that of a rank, one counts repeated samples
        values = [list(row[2:]) for row in learn.recorder.values]
        again = list(learn.validate()[1:])
        learn.save('now')
        kept = weights(learn.model)
        with torch.no_grad(): [p.zero_() for p in learn.model.parameters()]
        learn.load('now')
    return dict(values=values, again=again, curve=curve, at=at, kept=kept, loaded=weights(learn.model))

def main(folder):
    rank, n, _ = launched()
    torch.set_num_threads(1)
    if rank == 0:
        with alone(): one = {name: train(name) for name in [*CASES, *ACCUMULATED]} | dict(rest=rest(Path(folder)/'one'))
        torch.save(one, Path(folder)/'one.pt')
    two = {name: train(name) for name in [*CASES, *ACCUMULATED]} | dict(rest=rest(Path(folder)/'two'))
    two['world'] = world_size(), n
    two['firsts'] = gather_with_grad(torch.tensor(two['plain']['first'])).tolist()
    torch.save(two, Path(folder)/f'rank{rank}.pt')

if __name__ == '__main__': main(sys.argv[1])
