"The commands as a user runs them: in processes of their own"
import json, os, signal, subprocess, sys, time
from pathlib import Path

import pytest

CODE = 'import sys; from prime_nb.cli.{1} import {0}; sys.exit({0}())'


def command(name, *args):
    "The command line of a command such as prime_bench, whose module is prime_nb.cli.bench"
    return [sys.executable, '-c', CODE.format(name, name.removeprefix('prime_')), *map(str, args)]

def run(name, *args, **kw):
    return subprocess.run(command(name, *args), capture_output=True, text=True, timeout=300, **kw)

def toy(out, *args): return ('toy', '--out', out, '--methods', 'sqinv,prime', '--epochs', 1, *args)

def figures(out):
    files = Path(out).rglob('[0-9].json')
    return {p.relative_to(out).as_posix(): json.loads(p.read_text())['metrics'] for p in files}


COMMANDS = 'prime_demo', 'prime_bench', 'prime_table', 'prime_data', 'prime_fit', 'prime_predict'
HEAVY = {'torch', 'fastai', 'scipy', 'pandas', 'matplotlib', 'sklearn', 'distributed'}
ASKS = [(name, '--help') for name in COMMANDS] + [('prime_bench', '--list'), ('prime_data', 'list')]

@pytest.mark.parametrize('name, ask', ASKS)
def test_help_and_lists_import_nothing_heavy_and_say_no_more(name, ask):
    module = name.removeprefix('prime_')
    code = (f'import sys; from prime_nb.cli.{module} import {name}; status = {name}([{ask!r}])\n'
            f'print(status, sorted({HEAVY} & set(sys.modules)))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    *said, last = done.stdout.splitlines()
    assert (last, done.stderr) == ('0 []', '') and len(said) > 5

def test_the_list_names_the_sources():
    assert run('prime_bench', '--list').stdout.count('paper, Table 1') > 20

def test_the_front_door_opens_without_a_warning_and_silences_no_other():
    code = ("from prime_nb.all import *\nimport warnings\n"
            "warnings.warn('`torch.jit.script` is deprecated', FutureWarning)")
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONWARNINGS'} # a command in this process may have set it
    said = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=env).stderr
    assert said.count('Warning') == 1 and said.startswith('<string>:3: FutureWarning')

def test_two_processes_give_the_figures_of_one_and_a_finished_benchmark_only_prints(tmp_path):
    one, two = (run('prime_bench', *toy(tmp_path/n, '--jobs', n)) for n in '12')
    assert one.returncode == two.returncode == 0, one.stderr + two.stderr
    assert one.stdout == two.stdout and one.stdout.startswith('toy, test set')
    assert len(figures(tmp_path/'1')) == 2 and figures(tmp_path/'1') == figures(tmp_path/'2')
    assert '\x1b' not in two.stderr and '2/2' in two.stderr                     # no bar where there is no terminal
    again = run('prime_bench', *toy(tmp_path/'2', '--jobs', 2))
    assert again.stdout == two.stdout and again.stderr == ''

@pytest.mark.parametrize('args, want', [
    (['cifar'], 'unknown data set'),
    (['folder'], 'Give it with --data DIR'),
    (['table', 'x'], 'which table?'),
    (['replay', 'nothing'], 'no results'),
    (['toy', '--methods', 'primes'], 'unknown method'),
    (['sts-b-dir', '--data', '/nowhere'], 'no such data folder'),
    (['toy', '--out', '/proc/no'], 'cannot write'),
    (['toy', '--set', 'data.n_train=0', '--out', 'here'], 'must not be empty')])
def test_a_mistake_is_one_line(args, want, tmp_path):
    done = run('prime_bench', *args, cwd=tmp_path)
    assert done.returncode == 2 and want in done.stderr
    assert done.stdout == '' and len(done.stderr.splitlines()) == 1

def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    for part in ('train', 'dev', 'test'): (tmp_path/f'{part}_new.tsv').write_text('sentence1\tscore\nA\t1\n')
    options = '--set', 'data.encoder=hash', '--out', tmp_path/'out', '--jobs', 2
    done = run('prime_bench', 'sts-b-dir', '--data', tmp_path, *options)
    assert done.returncode == 2 and 'lacks the columns' in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1

def test_committed_runs_are_trained_again():
    results = Path(__file__).resolve().parent.parent/'results'
    done = run('prime_bench', 'replay', 'toy', '--sample', 2, '--out', results)
    verdicts = [line.rpartition('  ')[2] for line in done.stdout.splitlines()[1:]]
    assert done.returncode == 0 and len(verdicts) == 2, done.stdout + done.stderr
    assert set(verdicts) <= {'equal', 'within the spread'}

def test_a_folder_of_ones_own_is_a_benchmark(tmp_path):
    letters = dict(train='A', val='L', test='S')
    rows = [f'{i*i},{split},{"G"*i}{letter}' for i in range(20) for split, letter in letters.items()]
    (tmp_path/'letters.csv').write_text('\n'.join(['target,split,sequence', *rows]))
    options = '--data', tmp_path, '--out', tmp_path/'out', '--methods', 'sqinv,prime', '--epochs', 2, '--seeds', 2
    done = run('prime_bench', 'folder', *options, '--jobs', 2, '--set', 'batch_size=8')
    assert done.returncode == 0 and done.stdout.startswith('letters, test set'), done.stderr
    assert len(figures(tmp_path/'out')) == 4
    again = run('prime_bench', 'replay', 'letters', '--out', tmp_path/'out', '--data', tmp_path, '--sample', 1)
    assert again.returncode == 0 and again.stdout.count(' equal') == 1, again.stdout + again.stderr
    (tmp_path/'letters.csv').write_text('target,split\n1,train\n')
    done = run('prime_bench', 'folder', *options)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and 'has no val rows' in done.stderr

def start(out, jobs):
    "A benchmark of hours in a process of its own, at work"
    options = toy(out, '--jobs', jobs)
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    p = subprocess.Popen(command('prime_bench', *options, '--epochs', 100_000), **pipes)
    while len(list(out.rglob('.lock'))) < 2: time.sleep(.05)
    time.sleep(1)
    return p

@pytest.mark.parametrize('jobs', [1, 2])
def test_an_interrupted_benchmark_says_so_and_leaves_no_file_of_a_run(tmp_path, jobs):
    p = start(tmp_path, jobs)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 130 and 'Finished runs are kept' in err and 'Traceback' not in err, err
    assert not [f for f in tmp_path.rglob('*') if f.is_file()]

def running():
    "Id of each process that has not ended -> id of its parent"
    parents = {}
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try: state, parent = stat.read_text().rpartition(')')[2].split()[:2]
        except OSError: continue
        if state != 'Z': parents[int(stat.parent.name)] = int(parent)
    return parents

@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
def test_workers_end_when_their_parent_is_killed(tmp_path):
    p = start(tmp_path, 2)
    def children(): return {child for child, parent in running().items() if parent == p.pid}
    while len(children()) < 2: time.sleep(.05)
    time.sleep(1)
    workers = children()
    p.kill()
    p.wait()
    end = time.monotonic() + 60
    while workers & running().keys() and time.monotonic() < end: time.sleep(.2)
    assert not workers & running().keys()

def test_the_demonstration_writes_a_report(tmp_path):
    options = '--dataset toy --quick --jobs 1 --methods sqinv,prime'.split()
    done = run('prime_demo', *options, '--out', tmp_path/'report')
    assert done.returncode == 0 and 'MAE - sqinv' in done.stdout, done.stderr
    assert {'index.html', 'table.md', 'error.png', 'tsne.png'} <= set(os.listdir(tmp_path/'report'))
    (tmp_path/'mine').mkdir()
    (tmp_path/'mine'/'thesis.tex').touch()
    refused = run('prime_demo', '--out', tmp_path/'mine')
    assert refused.returncode == 2 and 'did not write' in refused.stderr
    assert os.listdir(tmp_path/'mine') == ['thesis.tex']
