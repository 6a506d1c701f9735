"The tables of the paper as a user makes them: whole, in shards, started twice, and killed in the middle"
import contextlib, io, json, os, signal, subprocess, sys, time
from pathlib import Path

import pytest

from prime_nb.bench.paper.numbers import NUMBERS, needs
from prime_nb.cli.bench import prime_bench
from prime_nb.cli.table import prime_table

CODE = 'import sys; from prime_nb.cli.bench import prime_bench; sys.exit(prime_bench())'
TINY = '--task', 'toy', '--set', 'data.n_test=60', '--set', 'data.n_dev=40'


def command(*args): return [sys.executable, '-c', CODE, *map(str, args)]

def run(*args): return subprocess.run(command(*args), capture_output=True, text=True, timeout=300)

def table(n, out, *args): return ('table', n, *TINY, '--epochs', 1, '--seeds', 2, '--jobs', 1, '--out', out, *args)

def figures(out):
    files = sorted(Path(out).rglob('[0-9].json'))
    return {p.relative_to(out).as_posix(): json.loads(p.read_text())['metrics'] for p in files}

def show(*args):
    "Exit status and output of prime_table, in this process"
    with contextlib.redirect_stdout(io.StringIO()) as out: status = prime_table([str(a) for a in args])
    return status, out.getvalue()

def rendered(out): return show(*f'9 --task toy --seeds 2 --results {out}'.split())[1]

def everything(results, task):
    "All tables in all forms: number, exit status, text"
    res = []
    for n in NUMBERS:
        options = ['--results', results, *([] if n == 10 else task)]
        for form in ([], ['--markdown'], ['--json']): res.append((n, *show(n, *options, *form)))
    return res


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    "Tables 9 and 15 on the toy, two seeds"
    out = tmp_path_factory.mktemp('whole')
    for n in (9, 15):
        done = run(*table(n, out))
        assert done.returncode == 0, done.stderr
    return out

@pytest.mark.parametrize('task', [[], ['--task', 'toy'], ['--twin']], ids=['default', 'toy', 'twin'])
def test_every_table_is_rendered_without_any_results(tmp_path, task):
    made = everything(tmp_path/'nowhere', task)
    assert len(made) == 3*len(NUMBERS)
    for n, status, text in made: assert status == 0 and len(text) > 300 and 'Traceback' not in text, n
    assert not (tmp_path/'nowhere').exists()

def test_every_table_is_rendered_from_some_results(whole):
    (whole/'toy'/'m1'/'77.json').write_text('{')              # damaged, and not asked for
    made = everything(whole, ['--task', 'toy', '--seeds', '2'])
    assert [(n, status) for n, status, _ in made if status] == []
    full = {n: text.count('2/2') for n, _, text in made[::3]}
    assert full[9] == 8 and full[15] == 4 and full[18] == 32 and full[6] == 2
    assert [full[n] for n in (22, 23, 24)] == [8, 8, 8]       # one point of these is PRIME as it is
    assert full[25] == 0                                      # among the alphas of Table 25 there is no .01
    assert full[20] == full[21] == full[12] == 0

def test_tables_share_their_runs(whole):
    methods = {p.split('/')[1] for p in figures(whole)}
    assert methods == {'m1', 'm2', 'm3', 'prime', 'prime+prw', 'prime+cb', 'prime+ldam'}
    for n in (9, 18): assert run(*table(n, whole)).stderr == ''           # nothing is left to do

def test_two_shards_make_the_whole(tmp_path, whole):
    for i, done in [(1, 4), (2, 8)]:
        ended = run(*table(9, tmp_path, '--shard', f'{i}/2'))
        assert ended.returncode == 0 and len(figures(tmp_path)) == done, ended.stderr
    assert rendered(tmp_path) == rendered(whole) and '2/2' in rendered(tmp_path)
    assert figures(tmp_path).items() <= figures(whole).items()

def test_a_table_that_is_started_twice_at_once_is_run_once(tmp_path, whole):
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    both = [subprocess.Popen(command(*table(9, tmp_path)), **pipes) for _ in range(2)]
    texts = [p.communicate(timeout=300) for p in both]
    assert [p.returncode for p in both] == [0, 0], texts
    assert texts[0][0] == texts[1][0] and figures(tmp_path).items() <= figures(whole).items()
    assert sum(err.count(' seed ') for _, err in texts) == 8          # each run was made by one of them

def test_a_table_that_is_killed_in_the_middle_goes_on(tmp_path, whole):
    args = command(*table(9, tmp_path))
    p = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while len(figures(tmp_path)) < 2:
        assert p.poll() is None, 'it ended too early'
        time.sleep(.005)
    os.killpg(p.pid, signal.SIGKILL)
    p.wait()
    before = figures(tmp_path)
    assert 2 <= len(before) < 8
    done = next(iter(before)) # a kill leaves the files of locks
    ((tmp_path/done).parent/'.lock').touch()
    again = subprocess.run(args, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0, again.stderr
    assert rendered(tmp_path) == rendered(whole) and before.items() <= figures(tmp_path).items()
    assert not list(tmp_path.rglob('.lock'))

@pytest.mark.parametrize('args, want', [
    (['table', 9, '--shard', '3/2'], 'expected I/N'),
    (['table', 9, '--shard', 'half'], 'expected I/N'),
    (['toy', '--shard', '0/2'], 'expected I/N'),
    (['table', 0], 'tables 1 to 25'),
    (['table'], 'which table'),
    (['table', 9, '--task', 'cifar'], 'unknown data set'),
    (['table', 1, '--data', '/nowhere'], 'no such data folder')])
def test_a_mistake_is_one_line(args, want, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status = prime_bench([str(a) for a in args])
    out, err = capsys.readouterr()
    assert (status, out, len(err.splitlines())) == (2, '', 1) and want in err

def test_whatever_a_table_needs_is_known_on_every_twin():
    for n in NUMBERS:
        for task, methods in needs(n, task='agedb-twin'): assert task == 'agedb-twin' and methods, n
