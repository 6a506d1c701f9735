"Every habit of fastai goes on working with PRIME, for every kind of learner: the cells of `habits.py`, and their table"
import json
from importlib.metadata import version

import pytest

import habits
import fastai_habits
from nbtools import ROOT

TABLE = ROOT/'results'/'habits.json'
IDS = [f'{name}-{habits.HABITS[title].__name__}' for title, name in habits.CELLS]


pytestmark = pytest.mark.usefixtures('one_thread')

@pytest.mark.parametrize('title, name', habits.CELLS, ids=IDS)
def test_cell(title, name):
    try: said = habits.run_cell(title, name)
    except habits.DoesNotApply as e: pytest.skip(f'does not apply: {e}')
    assert said

def test_a_cell_can_fail():
    learn = habits.new('plain')
    with pytest.raises(AssertionError): habits.learns(learn, lambda: learn.fit(1, 1e3))
    with pytest.raises(AssertionError): habits.learns(learn, lambda: None)
    with pytest.raises(AssertionError, match='missing, or twice'):
        learn.opt.param_lists[0].append(habits.proxies(learn).features)
        habits.once(learn)

def test_an_interrupted_run_differs_without_the_seeds(monkeypatch):
    monkeypatch.setattr(habits, 'SeedEpochs', habits.Callback)
    with pytest.raises(AssertionError): habits.check_resumes('plain', lambda: [habits.prime()])

def test_the_committed_table_has_every_cell_and_no_other():
    table = json.loads(TABLE.read_text())
    assert [(c['habit'], c['kind']) for c in table['cells']] == habits.CELLS
    assert [c for c in table['cells'] if c['holds'] is False] == []
    assert set(table['kinds']) == set(habits.KINDS)

def test_the_table_says_with_what_it_was_made():
    found = json.loads(TABLE.read_text())['versions']
    assert {'fastai', 'fastcore', 'torch', 'python', 'prime_nb'} <= set(found)
    assert found['prime_nb'] == version('prime_nb')

def test_the_script_tells_failures_apart(capsys, tmp_path, monkeypatch):
    def holds(name): return 'fine'
    def fails(name): raise ValueError(f'not with {name}')
    def not_here(name): raise habits.DoesNotApply('nothing to do')
    monkeypatch.setattr(habits, 'HABITS', dict(holds=holds, fails=fails, other=not_here))
    monkeypatch.setattr(habits, 'CELLS', [('holds', 'plain'), ('fails', 'text'), ('other', 'text')])
    assert fastai_habits.main(['--out', str(tmp_path/'t.json')]) == 1
    cells = json.loads((tmp_path/'t.json').read_text())['cells']
    assert [c['holds'] for c in cells] == [True, False, None]
    assert [c['says'] for c in cells] == ['fine', 'ValueError: not with text', 'nothing to do']
    assert '1 holds, 1 fails, 1 does not apply' in capsys.readouterr().out
