"Two processes that share each batch train as one that has all of it"
import os, subprocess, sys
from pathlib import Path

import pytest

from nbtools import ROOT

torch = pytest.importorskip('torch')
pytest.importorskip('accelerate')
WORKER = Path(__file__).with_name('distributed_worker.py')
CLOSE = 1e-5

def launch(*args, env=(), timeout=300):
    "Two processes on the CPU, one thread each; what they printed on stdout"
    env = os.environ | dict(OMP_NUM_THREADS='1', PYTHONWARNINGS='ignore', CUDA_VISIBLE_DEVICES='') | dict(env)
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2', *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout)
    assert not done.returncode, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout

@pytest.fixture(scope='module')
def found(tmp_path_factory):
    "What one process found alone, and each of two together: by name of the case"
    folder = tmp_path_factory.mktemp('ranks')
    launch(WORKER, folder)
    return [torch.load(folder/f'{n}.pt', weights_only=False) for n in ('one', 'rank0', 'rank1')]

def gap(got, want):
    "Largest difference of two dicts of tensors, relative to the largest number of each tensor"
    assert got.keys() == want.keys()
    diff = [((got[k].double() - w.double()).abs().max()/w.double().abs().max().clamp(min=1e-12)).item()
            for k, w in want.items()
            if w.numel()]
    assert all(d == d for d in diff)
    return max(diff)

def flat(o):
    "Numbers in lists, dicts and tuples, in order; None as they are"
    if isinstance(o, (list, tuple)): return [x for v in o for x in flat(v)]
    return flat(list(o.values())) if isinstance(o, dict) else [o]

def close(got, want):
    got, want = flat(got), flat(want)
    return len(got) == len(want) and all(
        a is b is None or abs(a - b) <= CLOSE*max(1, abs(b)) for a, b in zip(got, want))

CASES = [
    'plain', 'prime', 'prw', 'cb', 'ldam', 'drw', 'ldam_drw', 'one_hot', 'proxy_lr', 'centroid', 'proxynca', 'clip',
    'ranksim', 'conr', 'rnc', 'ordinal_entropy', 'hpn', 'srl', 'two', 'fds', 'fds_online', 'weighted', 'bmc',
    'dist_loss', 'rrt', 'rrt_prime', 'accumulated'
]


def test_there_really_are_two_processes_with_different_halves(found):
    one, a, b = found
    assert a['world'] == b['world'] == (2, 2)
    first = [f['plain']['first'] for f in found]
    assert not set(first[1]) & set(first[2]) and len(first[1]) == len(first[2]) == 16
    assert a['firsts'] == b['firsts'] == first[1] + first[2] == first[0]

@pytest.mark.parametrize('name', CASES)
def test_weights_are_those_of_one_process(found, name):
    one, *ranks = (f[name] for f in found)
    for r in ranks:
        assert gap(r['one'], one['one']) < CLOSE, 'after one step'
        assert gap(r['end'], one['end']) < CLOSE, 'after three epochs'
        assert close(r['added'], one['added'])
    moved = (one['end']['0.weight'] - one['one']['0.weight']).abs().max()
    assert moved > 1e-2, 'nothing was learned, so nothing was compared'

def test_every_case_is_checked(found): assert set(CASES) == set(found[0]) - {'rest', 'apart'}

@pytest.mark.parametrize(
    'name',
    [n for n in CASES if n in ('prime', 'prw', 'cb', 'ldam', 'drw', 'ldam_drw', 'one_hot', 'proxy_lr', 'clip', 'two')])
def test_proxies_are_among_the_weights(found, name):
    for f in found:
        start, end = (f[name][k]['4.proxies.features'] for k in ('one', 'end'))
        assert start.shape == (8, 8) and (end - start).abs().max() > 1e-3

def test_pairs_within_a_rank_only_are_another_loss(found):
    one, a, b = (f['apart'] for f in found)
    assert gap(a['end'], one['end']) > 1e-3 and gap(a['end'], b['end']) == 0

def test_metrics_and_the_best_epoch_are_those_of_all_samples(found):
    one, *ranks = (f['rest'] for f in found)
    assert len(one['values']) == 3 and len(one['values'][0]) == 14 and len(one['curve']) == 3 and one['at'] is not None
    for r in ranks:
        for k in ('values', 'again', 'curve', 'at'): assert close(r[k], one[k]), k

def test_saving_and_loading_under_ddp(found):
    for f in found:
        assert gap(f['rest']['loaded'], f['rest']['kept']) == 0
        assert gap(f['rest']['kept'], found[0]['rest']['kept']) < CLOSE
