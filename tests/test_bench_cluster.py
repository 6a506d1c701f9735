"""Runs handed to a Dask scheduler, with two workers on this machine: the figures of one process, a worker killed at a
random moment, and clear errors before any run"""
import json, os, random, signal, subprocess, sys, time
from pathlib import Path

import pytest

distributed = pytest.importorskip('distributed', reason="needs Dask: pip install 'prime_nb[cluster]'")
CODE = 'import sys; from prime_nb.cli.bench import prime_bench; sys.exit(prime_bench())'
BENCH = [sys.executable, '-c', CODE]
RUNS = 'toy --methods sqinv,prime,prime+prw --seeds 2 --epochs 8'.split()
ENV = os.environ | dict(
    PYTHONWARNINGS='ignore', OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='',
    DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES='20', DASK_DISTRIBUTED__DASHBOARD__LINK='')


def dask(*args, env=ENV, cwd=None):
    command = [sys.executable, '-m', 'dask', *map(str, args)]
    return subprocess.Popen(command, env=env, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

def end(*processes):
    for p in processes:
        p.kill()
        p.wait()

def worker(address, env=ENV, cwd=None):
    "A worker of one process and one thread, which nobody starts again when it dies"
    return dask('worker', address, '--no-nanny', '--nthreads', 1, '--no-dashboard', env=env, cwd=cwd)

class Cluster:
    "A scheduler of its own, and workers"
    def __init__(self, folder, n=2):
        place = Path(folder)/'scheduler.json'
        self.scheduler = dask('scheduler', '--port', 0, '--no-dashboard', '--scheduler-file', place)
        wait_for(place.exists)
        self.address = json.loads(place.read_text())['address']
        self.workers = [worker(self.address) for _ in range(n)]
    def __enter__(self): return self
    def __exit__(self, *error): end(*self.workers, self.scheduler)

def wait_for(ready, seconds=120):
    "What `ready` gives as soon as it is something"
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found = ready()
        if found: return found
        time.sleep(.05)
    raise TimeoutError(f'nothing after {seconds} s')

def bench(out, *args, env=ENV):
    command = [*BENCH, *RUNS, '--out', str(out), *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)

def start(out, *args):
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen([*BENCH, *RUNS, '--out', str(out), *args], env=ENV, **pipes)

def files(out): return sorted(Path(out).rglob('[0-9].json'))

def figures(out):
    read = {p.relative_to(out).as_posix(): json.loads(p.read_text()) for p in files(out)}
    return {name: (run['metrics'], run['dev_curve'], run['best_epoch']) for name, run in read.items()}

def written(out):
    "When each finished file was written: a file that is replaced has another time, and another number"
    return {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in files(out)}


@pytest.fixture(scope='module')
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp('cluster')) as found: yield found

@pytest.fixture(scope='module')
def alone(tmp_path_factory):
    "The same runs in one process"
    out = tmp_path_factory.mktemp('alone')
    done = bench(out, '--jobs', '1')
    assert done.returncode == 0, done.stderr
    return out, done.stdout

def test_two_workers_give_the_figures_of_one_process(tmp_path, cluster, alone):
    out, table = alone
    done = bench(tmp_path, '--cluster', cluster.address, '--arrays')
    assert done.returncode == 0, done.stderr
    first, *lines = done.stderr.splitlines()
    assert first.startswith('6 runs on workers of ') and ' on cpu' in first
    assert len(lines) == 6 and lines[-1].startswith('   6/6')
    assert figures(tmp_path) == figures(out) and done.stdout == table
    assert len(list(tmp_path.rglob('*.npz'))) == 6 and not list(tmp_path.rglob('.lock'))
    before = written(tmp_path)
    again = bench(tmp_path, '--cluster', cluster.address)
    assert (again.returncode, again.stdout, again.stderr) == (0, table, '') and written(tmp_path) == before

def test_epochs_are_told_by_the_workers(tmp_path, cluster):
    from prime_nb.bench.run import plan, run_jobs
    from prime_nb.bench.tasks.catalog import get_task
    jobs, seen = plan(get_task('toy'), ['inv'], range(2), tmp_path, changes=dict(epochs=4)), []
    def note(kind, job, **what): seen.append((kind, str(job), what))
    assert run_jobs(jobs, notify=note, cluster=cluster.address) == []
    epochs = [what['epoch'] for kind, job, what in seen if kind == 'epoch']
    assert len(epochs) >= 4 and set(epochs) <= set(range(4))
    assert [kind for kind, *_ in seen].count('done') == 2

def kill_while_running(out, cluster, kills, seed):
    "A benchmark, whose workers are killed one after the other; finished files as they were seen first"
    rng, seen = random.Random(seed), {}
    p = start(out, '--cluster', cluster.address)
    killed = 0
    while p.poll() is None:
        for path, when in written(out).items(): assert seen.setdefault(path, when) == when, f'{path} was written twice'
        if killed < kills and list(out.rglob('.lock')):
            time.sleep(rng.random()*3)
            i = rng.randrange(2)
            end(cluster.workers[i])
            cluster.workers[i] = worker(cluster.address)
            killed += 1
        time.sleep(.02)
    text, err = p.communicate()
    assert p.returncode == 0 and killed >= min(kills, 1), err
    assert 'FAILED' not in err and all(written(out)[path] == when for path, when in seen.items())
    assert not list(out.rglob('.lock')) and not list(out.rglob('*.error.json'))
    return killed

def test_a_worker_that_dies_has_its_run_repeated(tmp_path, cluster, alone):
    assert kill_while_running(tmp_path, cluster, kills=1, seed=0) == 1
    assert figures(tmp_path) == figures(alone[0])

@pytest.mark.slow
def test_ten_workers_are_killed_at_random_moments(tmp_path, cluster, alone):
    killed = 0
    while killed < 10:
        out = tmp_path/str(killed)
        killed += kill_while_running(out, cluster, kills=10 - killed, seed=killed)
        assert figures(out) == figures(alone[0])

def test_ctrl_c_ends_the_runs_of_the_workers(tmp_path, cluster):
    p = start(tmp_path, '--cluster', cluster.address, '--epochs', '100000')
    with distributed.Client(cluster.address, set_as_default=False) as client:
        def at_work(): return [key for keys in client.processing().values() for key in keys]
        wait_for(at_work)
        time.sleep(2)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=60)
        assert p.returncode == 130 and 'Finished runs are kept' in err and 'Traceback' not in err, err
        assert not files(tmp_path)
        def busy(): return client.run(lambda dask_worker: dask_worker.state.executing_count)
        def idle(): return not at_work() and not any(busy().values())
        wait_for(idle, 60)


# Errors before any run: one line, status 2, nothing written

def refused(done, out, *want):
    assert done.returncode == 2 and done.stdout == '' and len(done.stderr.splitlines()) == 1, done.stderr
    for text in want: assert text in done.stderr
    assert not list(Path(out).rglob('*.json')) and not list(Path(out).rglob('.lock'))

@pytest.mark.parametrize('address', ['tcp://127.0.0.1:9', 'tcp:/nowhere'])
def test_an_unreachable_scheduler_is_one_line(tmp_path, address):
    refused(bench(tmp_path, '--cluster', address), tmp_path, 'no Dask scheduler answers', address, 'dask scheduler')

def test_a_device_that_the_workers_lack_is_one_line(tmp_path, cluster):
    done = bench(tmp_path, '--cluster', cluster.address, '--device', 'cuda')
    refused(done, tmp_path, 'the worker tcp://', "cannot compute on 'cuda'")

def test_a_plugin_that_the_workers_lack_is_one_line(tmp_path, cluster):
    (tmp_path/'only_here.py').write_text('')
    env = ENV | dict(PYTHONPATH=os.pathsep.join([str(tmp_path), ENV.get('PYTHONPATH', '')]))
    done = bench(tmp_path, '--cluster', cluster.address, '--plugin', 'only_here', env=env)
    refused(done, tmp_path, 'the worker tcp://', 'no such module: got --plugin only_here')

def test_workers_with_another_version_are_one_line(tmp_path):
    info = tmp_path/'other'/'prime_nb-0.0.1.dist-info'
    info.mkdir(parents=True)
    (info/'METADATA').write_text('Metadata-Version: 2.1\nName: prime_nb\nVersion: 0.0.1\n')
    env = ENV | dict(PYTHONPATH=os.pathsep.join([str(info.parent), ENV.get('PYTHONPATH', '')]))
    with Cluster(tmp_path, n=0) as found:
        found.workers.append(worker(found.address, env, cwd=tmp_path)) # where no prime_nb.egg-info comes first
        done = bench(tmp_path, '--cluster', found.address)
    *waiting, last = done.stderr.splitlines()
    assert done.returncode == 2 and 'has other versions: got prime_nb 0.0.1, ' in last and 'Install the same' in last
    assert all('has no workers yet: waiting' in line for line in waiting) and not files(tmp_path)
