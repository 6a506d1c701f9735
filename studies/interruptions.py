"""Kill benchmarks, trainings and downloads at random moments, start them again, and see what is left.

    python studies/interruptions.py [--out results/interruptions.json] [--kills 100] [--seed 0]
        [--only grid,fit,checkpoints,download]

Each task is first done undisturbed. Then it is started, killed with SIGKILL at a random moment, looked at, started
again, killed again, and so on; after some kills it may finish. Three things must hold: what was finished is there,
unchanged; what is there is whole; the final figures are those of the undisturbed run. The process that has imported
everything is forked for each start, so a start costs nothing. Kills that came after the end do not count and are
repeated."""
import argparse, contextlib, hashlib, json, os, platform, random, resource, shutil, signal, sys, tempfile, threading
import time, warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARES = dict(grid=.4, fit=.12, checkpoints=.24, download=.24)  # of the kills
IN_A_ROW = dict(grid=8, fit=4, checkpoints=6, download=6)       # kills before a task may finish


def sha(path): return hashlib.sha256(Path(path).read_bytes()).hexdigest()

class Task:
    "What can be started again and again in a folder, until it is done"
    def do(self, folder): "Start, or go on"
    def found(self, folder): "What is finished: name -> content; an error if something is not whole"
    def final(self, folder): "The figures in the end"


class Grid(Task):
    "prime_bench: 3 methods x 2 seeds on made-up data, with arrays"
    argv = [
        'toy', '--methods', 'sqinv,prime,ranksim', '--seeds', '2', '--epochs', '2', '--jobs', '1', '--arrays', '--set',
        'data.n_train=300'
    ]
    def do(self, folder):
        from prime_nb.cli.bench import prime_bench
        return prime_bench([*self.argv, '--out', str(folder/'out')])
    def found(self, folder):
        import numpy as np
        from prime_nb.bench.run import read_run
        runs = {p.relative_to(folder).as_posix(): read_run(p) for p in sorted(folder.rglob('[0-9].json'))}
        for name in runs:
            with np.load((folder/name).with_suffix('.npz')) as z: assert {'pred', 'targ', 'features'} <= set(z.files)
        return {n: sha(folder/n) for n in runs}
    def final(self, folder):
        return {
            p.relative_to(folder).as_posix(): {
                k: v
                for k, v in json.loads(p.read_text()).items()
                if k in ('metrics', 'dev_metrics', 'dev_curve', 'best_epoch')
            } for p in sorted(folder.rglob('[0-9].json'))
        }


class Fit(Task):
    "prime_fit: three methods, two folds, report and model"
    def do(self, folder):
        from prime_nb.cli.fit import prime_fit
        if (folder/'model').exists(): return 0
        rows = [(round(2.7**(i % 7/3 + i/40), 3), i % 7, i/40, 'xyz'[i % 3]) for i in range(40)]
        (folder/'data.csv').write_text('\n'.join(['y,a,b,w', *(','.join(map(str, r)) for r in rows)]) + '\n')
        return prime_fit([
            str(folder/'data.csv'), '--target', 'y', '--out',
            str(folder/'model'), '--epochs', '1', '--folds', '2', '--jobs', '1'
        ])
    def found(self, folder):
        if not (folder/'model').exists(): return {}
        from prime_nb.cli.fit import OURS
        from prime_nb.own.load import load_fitted
        load_fitted(folder/'model'/'model')
        assert set(os.listdir(folder/'model')) == OURS
        return {'model': sha(folder/'model'/'model'/'model.safetensors')}
    def final(self, folder):
        r = json.loads((folder/'model'/'report.json').read_text())
        return dict(
            report={k: r[k] for k in ('methods', 'verdict', 'groups') if k in r},
            judged=sha(folder/'model'/'judged.csv'),
            weights=sha(folder/'model'/'model'/'model.safetensors'))


class Checkpoints(Task):
    """A Learner with PRIME, RecallEpochs and fastai's SaveModelCallback at every epoch, resumed from the last
    checkpoint that can be read"""
    epochs = 8
    def learner(self, folder):
        import torch
        from fastai.learner import Learner
        from prime_nb.callback.prime import PRIME
        from prime_nb.callback.resume import SeedEpochs
        from prime_nb.data.memory import tensor_dls
        from prime_nb.models.mlp import MLP
        g = torch.Generator().manual_seed(0)
        x = torch.randn(240, 6, generator=g)
        y = (3*x[:, :1].exp()).round()
        torch.manual_seed(0)
        return Learner(
            tensor_dls((x[:200], y[:200]), (x[200:], y[200:]), bs=50, seed=0, device='cpu', path=folder),
            MLP(6, (64, 32), dropout=.1),
            torch.nn.L1Loss(),
            cbs=[PRIME(n_proxies=8), SeedEpochs(0)])
    def saved(self, folder):
        return sorted((folder/'models').glob('model_*.pth'), key=lambda p: int(p.stem[6:]), reverse=True)
    def last(self, folder, learn):
        "Epoch of the newest checkpoint that can be read, which is loaded; -1 if there is none"
        for p in self.saved(folder):
            try: learn.load(p.stem)
            except Exception: continue                 # cut off by the kill: torch notices, and the one before is taken
            return int(p.stem[6:])
        return -1
    def do(self, folder):
        from fastai.callback.tracker import SaveModelCallback
        from prime_nb.callback.resume import RecallEpochs
        learn = self.learner(folder)
        start = self.last(folder, learn) + 1
        with learn.no_bar(), learn.no_logging():
            learn.fit(
                self.epochs,
                1e-2,
                cbs=[RecallEpochs(), SaveModelCallback(every_epoch=True, with_opt=True)],
                start_epoch=start)
        return 0
    def found(self, folder):
        learn, whole = self.learner(folder), {}
        for p in self.saved(folder)[1:]:                       # the newest may be cut off, the others must be whole
            learn.load(p.stem)
            whole[p.name] = sha(p)
        return whole
    def final(self, folder):
        learn = self.learner(folder)
        assert self.last(folder, learn) == self.epochs - 1
        return {k: v.double().sum().item() for k, v in learn.model.state_dict().items()}


DATA = random.Random(0).randbytes(1_500_000)

class Slow(BaseHTTPRequestHandler):
    "A server that takes its time, and can go on in the middle"
    protocol_version = 'HTTP/1.1'
    sent = 0
    def log_message(self, *a): pass
    def do_GET(self):
        start = int(r[6:].partition('-')[0]) if (r := self.headers.get('Range')) else 0
        self.send_response(206 if start else 200)
        if start: self.send_header('Content-Range', f'bytes {start}-{len(DATA)-1}/{len(DATA)}')
        for k, v in dict(ETag='"one"', Connection='close').items(): self.send_header(k, v)
        self.send_header('Content-Length', str(len(DATA) - start))
        self.end_headers()
        with contextlib.suppress(OSError):
            for i in range(start, len(DATA), 30_000):
                self.wfile.write(DATA[i:i+30_000])
                Slow.sent += 30_000
                time.sleep(.01)

class Download(Task):
    "prime_nb.data.download.fetch of 1.5 MB from a slow server"
    def __init__(self):
        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Slow)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
    def do(self, folder):
        from prime_nb.data.download import fetch
        fetch(
            f'http://127.0.0.1:{self.server.server_port}/data.bin',
            folder/'data.bin',
            hashlib.sha256(DATA).hexdigest(),
            progress=False)
        return 0
    def found(self, folder):
        part, whole = folder/'data.bin.part', folder/'data.bin'
        if part.exists(): assert DATA.startswith(part.read_bytes())
        if whole.exists(): assert whole.read_bytes() == DATA
        return {'data.bin': sha(whole)} if whole.exists() else {}
    def final(self, folder): return dict(sha256=sha(folder/'data.bin'))

TASKS = dict(grid=Grid, fit=Fit, checkpoints=Checkpoints, download=Download)


# Starting, killing, looking

def fork(task, folder):
    "A child process that does the task and says nothing; its number"
    if pid := os.fork(): return pid
    status = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        for f in (1, 2): os.dup2(null, f)
        warnings.simplefilter('ignore')
        status = int(task.do(folder) or 0)
    finally: os._exit(status)

def wait(pid, limit):
    "Exit status of a child, None if it has not ended after `limit` seconds"
    end = time.monotonic() + limit
    while not (done := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > end: return None
        time.sleep(.002)
    return os.waitstatus_to_exitcode(done[1])

def undisturbed(task, folder, limit=600):
    "Seconds, figures and number of files of the task from start to end"
    start = time.monotonic()
    status = wait(fork(task, folder), limit)
    if status: raise SystemExit(f'{type(task).__name__} failed undisturbed, with exit status {status}')
    return time.monotonic() - start, task.final(folder), n_files(folder)

def n_files(folder): return sum(p.is_file() for p in folder.rglob('*'))

def kill_once(task, folder, after):
    "Kill a start of the task after so many seconds: whether it came in time"
    pid = fork(task, folder)
    if wait(pid, after) is not None: return False
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True

def look(task, folder, before):
    """How it stands: '' if all that was finished is there and all that is there is whole, else what is wrong; and what
    is finished"""
    try: now = task.found(folder)
    except Exception as e: return f'half-written: {type(e).__name__}: {str(e)[:200]}', before
    lost = [k for k, v in before.items() if now.get(k) != v]
    return f'lost or changed: {lost}' if lost else '', now

def one_round(name, task, folder, kills, length, want, n, rng):
    "Kills in a row, then the end: list of dicts"
    out, done, tries = [], {}, 0
    while len(out) < kills and tries < 6*kills:
        tries += 1
        moment = rng.random()*(1 - len(done)/9 if name == 'grid' else 1)    # what is finished is not done again
        if not kill_once(task, folder, moment*length): break
        wrong, done = look(task, folder, done)
        out.append(dict(task=name, moment=round(moment, 4), finished=len(done), wrong=wrong))
    status = wait(fork(task, folder), 600)
    wrong, _ = look(task, folder, done)
    same = status == 0 and task.final(folder) == want
    for o in out: o.update(end_wrong=wrong, same_figures=bool(same), left_over=n_files(folder) - n)
    return out

def study(name, kills, seed, folder):
    "So many kills of a task"
    task, rng = TASKS[name](), random.Random(f'{name} {seed}')
    (folder/'0').mkdir(parents=True)
    length, want, n = undisturbed(task, folder/'0')
    out, rounds = [], 0
    while len(out) < kills:
        rounds += 1
        (folder/str(rounds)).mkdir()
        found = one_round(
            name, task, folder/str(rounds), kills=min(IN_A_ROW[name], kills - len(out)), length=length, want=want, n=n,
            rng=rng)
        out += [o | dict(round=f'{name} {rounds}') for o in found]
        shutil.rmtree(folder/str(rounds))
        print(f'{name}: {len(out)} of {kills} kills', file=sys.stderr, flush=True)
        if rounds > 3*kills + 3: raise SystemExit(f'{name}: kills come too late')
    return out

def warm_up():
    "Import all that the tasks need, in the process that is forked"
    os.environ['OMP_NUM_THREADS'] = '1'
    import torch
    torch.set_num_threads(1)
    import matplotlib
    import fastai.callback.tracker    # noqa: F401
    import prime_nb.bench.report, prime_nb.callback.resume, prime_nb.cli.bench, prime_nb.cli.fit    # noqa: F401
    import prime_nb.data.download, prime_nb.methods.training, prime_nb.own.fit, prime_nb.own.report    # noqa: F401
    matplotlib.use('agg')

def summary(rows):
    "By task: kills, and how many were not as they must be"
    count = lambda f: sum(map(f, rows))
    return dict(
        kills=len(rows),
        lost_or_half_written=count(lambda r: bool(r['wrong'] or r['end_wrong'])),
        other_figures=count(lambda r: not r['same_figures']),
        while_something_was_finished=count(lambda r: r['finished'] > 0),
        temporary_files_left=sum({r['round']: r['left_over'] for r in rows}.values()))

def shares(kills, names):
    total = sum(SHARES[n] for n in names)
    out = {n: max(1, round(kills*SHARES[n]/total)) for n in names}
    out[names[0]] += kills - sum(out.values())
    return out

def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('--out', default=str(ROOT/'results'/'interruptions.json'))
    p.add_argument('--kills', type=int, default=100)
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--only', default=','.join(TASKS), help='tasks, separated by commas')
    a = p.parse_args(argv)
    warm_up()
    from prime_nb.files import write_json
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, n in shares(a.kills, a.only.split(',')).items(): rows += study(name, n, a.seed, Path(folder)/name)
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    versions = {n: version(n) for n in ('prime_nb', 'torch', 'fastai', 'safetensors', 'pooch')} | dict(
        python=platform.python_version(), system=platform.system())
    tasks = {n: dict(about=TASKS[n].__doc__, **summary([r for r in rows if r['task'] == n])) for n in a.only.split(',')}
    write_json(
        a.out,
        dict(
            signal='SIGKILL',
            seed=a.seed,
            processor_seconds=round(sum(u.ru_utime + u.ru_stime for u in used)),
            versions=versions,
            total=summary(rows),
            tasks=tasks,
            kills=rows))
    print(json.dumps(summary(rows)))
    return int(any(r['wrong'] or r['end_wrong'] or not r['same_figures'] for r in rows))

if __name__ == '__main__': sys.exit(main())
