"""One seed, one figure: whatever process, however many workers, whatever order Python gives to sets."""
import json, os, subprocess, sys
from pathlib import Path

import pytest, torch
from fastai.callback.schedule import Learner # gives it fit_one_cycle
from fastai.data.block import DataBlock, RegressionBlock, TransformBlock
from fastai.data.transforms import IndexSplitter
from fastai.losses import MSELossFlat
from fastai.torch_core import set_seed
from torch import nn

from prime_nb.baselines.conr import ConR
from prime_nb.baselines.ranksim import RankSim
from prime_nb.bench.tasks.catalog import get_task
from prime_nb.bench.run import plan, run_jobs
from prime_nb.callback.fds import FDS
from prime_nb.callback.prime import PRIME
from prime_nb.callback.features import FeatureLoss
from prime_nb.callback.resume import SeedEpochs
from prime_nb.targets import LabelBins

SEED = 3
Y = (10*torch.rand(64, generator=torch.Generator().manual_seed(0))**3).round() # skewed, with ties


def features(i): return torch.stack([Y[i], Y[i]**.5, Y[i]/(1 + Y[i])])

def get_y(i): return float(Y[i])

def loaders(num_workers=0):
    blocks, splitter = (TransformBlock, RegressionBlock), IndexSplitter(range(48, 64))
    block = DataBlock(blocks, get_x=features, get_y=get_y, splitter=splitter)
    return block.dataloaders(list(range(64)), bs=8, num_workers=num_workers, device='cpu')

def figures(num_workers=0):
    "Losses and predictions of a small fit in which all that draws at random takes part, as exact hexadecimal numbers"
    torch.set_num_threads(1)
    set_seed(SEED, reproducible=True)
    net = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Dropout(.2), nn.Linear(16, 1))
    bins = LabelBins(Y[:48].numpy(), width=1.)
    peers = [FeatureLoss(RankSim()), FeatureLoss(ConR()), FDS(bins, online=True)]
    cbs = [PRIME(5, technique='prw'), *peers, SeedEpochs(SEED)]
    learn = Learner(loaders(num_workers), net, loss_func=MSELossFlat(), cbs=cbs)
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(2, 1e-2)
    recorded = [v for row in learn.recorder.values for v in row]
    terms = [v for row in learn.prime.losses for v in row.values()]
    numbers = [*recorded, *learn.get_preds()[0].flatten(), *terms]
    return [float(n).hex() for n in numbers]

def in_a_process(**env):
    path = [str(Path(__file__).parent), *filter(None, sys.path)]
    script = (f'import sys; sys.path[:0] = {path}; import test_determinism as t, json; '
              'print(json.dumps(t.figures()))')
    done = subprocess.run([sys.executable, '-c', script], env={**os.environ, **env}, capture_output=True, text=True)
    assert not done.returncode, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope='module')
def here():
    n = torch.get_num_threads()
    yield figures()
    torch.set_num_threads(n)

def test_two_fits_of_one_process(here): assert figures() == here

def test_another_seed_gives_other_figures(here, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], 'SEED', 4)
    assert figures() != here

def test_other_processes_whatever_the_order_of_their_sets(here):
    assert in_a_process(PYTHONHASHSEED='1') == here
    assert in_a_process(PYTHONHASHSEED='2') == here

@pytest.mark.skipif(sys.platform in ('win32', 'darwin'), reason='fastai loads in the main process there')
def test_workers_of_the_loader(here): assert figures(num_workers=2) == here

def test_one_or_two_processes_of_the_runner(tmp_path):
    task = get_task('toy')
    def run(n):
        jobs = plan(task, ['prime'], [0, 1], tmp_path/str(n), changes=dict(epochs=2))
        assert not run_jobs(jobs, n)
        return {Path(j.path).relative_to(tmp_path/str(n)): json.loads(Path(j.path).read_text()) for j in jobs}
    one, two = run(1), run(2)
    assert one.keys() == two.keys() and len(one) == 2
    for path in one:
        for k in ('metrics', 'dev_metrics', 'dev_curve', 'best_epoch'): assert one[path][k] == two[path][k], (path, k)
