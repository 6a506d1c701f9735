"""Kills, full disks and read-only folders: nothing finished is lost, nothing half-written is read, and the message is
one line"""
import json, os, resource, subprocess, sys
from pathlib import Path

import pytest

import interruptions as study
from nbtools import ROOT

linux = pytest.mark.skipif(not hasattr(os, 'fork') or not sys.platform.startswith('linux'), reason='needs fork')
GRID = ['toy', '--methods', 'sqinv,prime', '--epochs', '1', '--jobs', '1', '--set', 'data.n_train=300']

CSV = 'y,a,b\n' + ''.join(f'{i*i % 13},{i % 5},{i/7:.3f}\n' for i in range(40))
FIT = ['--target', 'y', '--epochs', '1', '--folds', '2', '--jobs', '1']


def run(name, module, argv, **kw):
    "A command in a process of its own"
    code = f'import sys; from prime_nb.{module} import {name}; sys.exit({name}())'
    command = [sys.executable, '-c', code, *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **kw)

STUDY = """
import json, sys, interruptions as s
s.warm_up()
found = s.study(sys.argv[1], int(sys.argv[2]), 7, s.Path(sys.argv[3]))
json.dump(found, open(sys.argv[4], "w"))"""

@linux
@pytest.mark.parametrize('name, kills', [('grid', 2), ('checkpoints', 2), ('download', 1)])
def test_killed_and_started_again(name, kills, tmp_path):
    "In a process of its own: a fork of one whose PyTorch has worked with several threads may wait for them for ever"
    (tmp_path/'work').mkdir()
    path = os.pathsep.join([str(ROOT/'studies'), os.environ.get('PYTHONPATH', '')])
    found, env = tmp_path/'rows.json', os.environ | dict(PYTHONPATH=path, OMP_NUM_THREADS='1')
    command = [sys.executable, '-c', STUDY, name, str(kills), tmp_path/'work', found]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    rows = json.loads(found.read_text())
    assert len(rows) == kills
    for r in rows: assert not r['wrong'] and not r['end_wrong'] and r['same_figures'] and not r['left_over'], r

def test_the_study_holds():
    d = json.loads((ROOT/'results'/'interruptions.json').read_text())
    assert d['total']['kills'] == len(d['kills']) >= 100 and set(d['tasks']) == set(study.TASKS)
    assert d['total']['lost_or_half_written'] == d['total']['other_figures'] == d['total']['temporary_files_left'] == 0

def test_the_study_would_notice(tmp_path):
    class Broken(study.Task):
        def found(self, folder): return {p.name: study.sha(p) for p in folder.iterdir()}
    (tmp_path/'run.json').write_text('1')
    wrong, done = study.look(Broken(), tmp_path, {})
    assert not wrong and set(done) == {'run.json'}
    (tmp_path/'run.json').write_text('2')
    assert 'lost or changed' in study.look(Broken(), tmp_path, done)[0]
    class Torn(study.Task):
        def found(self, folder): return json.loads((folder/'run.json').read_text()[:0])
    assert 'half-written' in study.look(Torn(), tmp_path, {})[0]

def test_fastai_writes_over_earlier_checkpoints_when_it_resumes(tmp_path):
    "What RecallEpochs is for: fastai issue 2836"
    from fastai.callback.tracker import SaveModelCallback
    from prime_nb.callback.resume import RecallEpochs
    for cbs, kept in (([], False), ([RecallEpochs()], True)):
        save = SaveModelCallback(every_epoch=True, with_opt=True)
        task, folder = study.Checkpoints(), tmp_path/str(kept)
        learn = task.learner(folder)
        with learn.no_bar(), learn.no_logging():
            learn.fit(2, 1e-2, cbs=[save, *cbs])
            before = study.sha(folder/'models'/'model_0.pth')
            learn.fit(3, 1e-2, cbs=[save, *cbs], start_epoch=2)
        assert (study.sha(folder/'models'/'model_0.pth') == before) == kept


# Full disks: a limit on the size of files stands for the end of the disk

def no_room(n): # also no compiled modules: Python would keep truncated ones, and all later imports would fail
    def limit(): resource.setrlimit(resource.RLIMIT_FSIZE, (n, n))
    return dict(preexec_fn=limit, env=os.environ | dict(PYTHONDONTWRITEBYTECODE='1'))

@linux
def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path):
    (tmp_path/'data.csv').write_text(CSV)
    fit = [tmp_path/'data.csv', '--out', tmp_path/'model', *FIT]
    done = run('prime_fit', 'cli.fit', fit, **no_room(4000))
    assert done.returncode in (1, 2) and 'Traceback' not in done.stderr, done.stderr
    assert 'too large' in done.stderr.lower(), done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ['data.csv']

@linux
def test_a_benchmark_on_a_full_disk_goes_on_when_there_is_room(tmp_path):
    first = run('prime_bench', 'cli.bench', [*GRID, '--out', tmp_path])
    assert first.returncode == 0, first.stderr
    before = {p.name: p.read_bytes() for p in (tmp_path/'toy'/'sqinv').glob('*.json')}
    more = [*GRID, '--out', tmp_path, '--seeds', '2']
    done = run('prime_bench', 'cli.bench', more, **no_room(200))
    assert done.returncode in (1, 2) and 'Traceback' not in done.stderr, done.stderr
    assert before == {p.name: p.read_bytes() for p in (tmp_path/'toy'/'sqinv').glob('*.json')}
    assert not list(tmp_path.rglob('*.tmp'))
    assert run('prime_bench', 'cli.bench', more).returncode == 0 and len(list(tmp_path.rglob('[0-9].json'))) == 4

def test_no_space_while_a_file_is_written(tmp_path, monkeypatch):
    from prime_nb.files import write_json
    from prime_nb.cache import cached
    write_json(tmp_path/'a.json', 1)
    def full(self, *a, **kw):
        with open(self, 'w') as f: f.write('ha')
        raise OSError(28, 'No space left on device', str(self))
    monkeypatch.setattr(Path, 'write_text', full)
    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(OSError, match='No space left'): write_json(tmp_path/'a.json', 2)
    assert (tmp_path/'a.json').read_bytes() == b'1\n' and [p.name for p in tmp_path.iterdir()] == ['a.json']
    import numpy as np
    with pytest.warns(UserWarning, match='No space left'): assert cached(['x'], lambda: np.ones(2), tmp_path).sum() == 2
    assert [p.name for p in tmp_path.iterdir()] == ['a.json']

@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='/proc cannot be written to on Linux')
def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path/'data.csv').write_text(CSV)
    fit = [tmp_path/'data.csv', '--out', '/proc/no/model', *FIT]
    grid = [*GRID, '--out', '/proc/no']
    for name, module, argv in (('prime_fit', 'cli.fit', fit), ('prime_bench', 'cli.bench', grid)):
        done = run(name, module, argv)
        assert done.returncode == 2 and 'cannot write to' in done.stderr, done.stderr
        assert done.stderr.count('\n') == 1 and done.stdout == '', done.stderr
