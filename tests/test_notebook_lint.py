"Notebooks and code keep the rules of notebook_rules.py and of ruff, and each rule catches what it is there for"
import json, subprocess, sys
from functools import lru_cache

import pytest

import notebook_rules as rules
from nbtools import ROOT, name, notebooks, read

API = notebooks(ROOT/'nbs'/'api')
SCRIPTS = sorted(p for folder in ('docs', 'studies', 'tests', 'tools') for p in (ROOT/folder).rglob('*.py'))
CODE = [*notebooks(), *SCRIPTS, ROOT/'conftest.py']
# Files that break a rule as they stand, a line `rule path` each: the list only shrinks
YET = {tuple(line.split()) for line in (ROOT/'tests'/'lint_yet.txt').read_text(encoding='utf-8').splitlines()}


def cell(src, kind='code', id='a', outputs=()):
    extra = dict(outputs=list(outputs), execution_count=None) if kind == 'code' else {}
    return dict(cell_type=kind, id=id, metadata={}, source=src.splitlines(keepends=True), **extra)

def text(src, id='t'): return cell(src, 'markdown', id)

def stream(s, name='stdout'): return dict(output_type='stream', name=name, text=[s])

def good():
    "The smallest notebook that keeps every rule"
    return [
        cell('#| default_exp thing', id='a'), text('# Thing\n\n> It doubles.', 'b'),
        cell('#| export\ndef double(x): return 2*x', id='c'),
        cell('double(2)', id='s', outputs=[stream('4')]), cell('assert double(2) == 4', id='d'),
        text('## What this does not do\n\nHalve.', 'e')]

def complaints(cells):
    nb = dict(cells=cells)
    code = rules.Code.of_notebook(nb)
    found = [c for rule in rules.API_RULES + rules.ALL_RULES for c in rule(nb)]
    return found + [c for rule in rules.CODE_RULES for c in rule(code)]


def test_a_good_notebook_is_left_alone(): assert not complaints(good())

@pytest.mark.parametrize('at, new, complaint', [
    (0, cell('import torch', id='a'), 'default_exp'),
    (1, text('Thing\n> It doubles.', 'b'), '`# Title`'),
    (1, text('# Thing', 'b'), 'promise'),
    (5, text('## Summary', 'e'), 'does not do'),
    (1, text('# Thing\n\n> It doubles.\n\n```python\n' + 'x'*121 + '\n```', 'b'), '121 characters'),
    (2, cell('#| export\nfrom torch import *', id='c'), 'from torch import *'),
    (3, cell('double(2)', id='s'), 'no cell shows an output'),
    (3, cell('#| hide\ndouble(2)', id='s', outputs=[stream('4')]), 'no cell shows an output'),
    (4, cell('assert True', id='c'), 'two cells have the id c'),
    (4, cell('assert True', id='d', outputs=[stream(f'{ROOT}/nbs')]), f'names {ROOT}'),
    (4, cell('assert True', id='d', outputs=[stream('/home/someone/data.csv')]), 'names /home/someone'),
    (4, cell('assert True', id='d', outputs=[stream('Warning: no', 'stderr')]), 'a warning or an error'),
    (4, cell('assert True', id='d', outputs=[stream('10%|#   | 1/10')]), 'progress bar'),
    (4, cell('print(y := 3)', id='d'), 'a walrus'),
    (4, cell('double(1, 2, 3, 4, 5)', id='d'), '5 positional arguments'),
    (4, cell('from prime_nb.targets import LabelBins\nLabelBins.from_counts(1, 2, 3, 4, 5)', id='d'), '5 positional'),
    (4, cell('from prime_nb.targets import *\nLabelBins(1, 2, 3, 4, 5)', id='d'), '5 positional'),
    (4, cell('class A:\n    def f(self): self.f(1, 2, 3, 4, 5)', id='d'), '5 positional'),
    (4, cell('a, b, c, d = 1, 2, 3, 4', id='d'), '4 assignments'),
    (4, cell('f = lambda x: 1 if x else 2', id='d'), 'a condition in a lambda')])
def test_each_rule_catches_what_it_is_there_for(at, new, complaint):
    cells = good()
    cells[at] = new
    assert any(complaint in c for c in complaints(cells)), complaints(cells)

@pytest.mark.parametrize('code', [
    'def run(*words): pass\nrun(1, 2, 3, 4, 5)', 'if (y := 3): print(y)', 'print(1, 2, 3, 4, 5)',
    'double(*range(5), *range(2))', 'double(1, 2, 3, 4, e=5)',
    'b, c, h, w = x.shape', 'f = lambda x: x or 2', 'any(a for a in x if (b := a))', '%matplotlib inline\n!ls'])
def test_other_code_is_left_alone(code):
    cells = good()
    cells[4] = cell(code, id='d')
    assert not complaints(cells)

def test_there_are_notebooks(): assert API


def judge(rule, path, found):
    "Fail on what was found, unless the file is still to be mended"
    if found and (rule, name(path)) in YET: pytest.xfail('to be mended')
    assert not found, f'{name(path)}: ' + '; '.join(found)

@pytest.mark.parametrize('path', API, ids=name)
@pytest.mark.parametrize('rule', rules.API_RULES, ids=lambda r: r.__name__)
def test_api_notebook(path, rule): judge(rule.__name__, path, list(rule(read(path))))

@pytest.mark.parametrize('path', notebooks(), ids=name)
@pytest.mark.parametrize('rule', rules.ALL_RULES, ids=lambda r: r.__name__)
def test_notebook(path, rule): judge(rule.__name__, path, list(rule(read(path))))

@lru_cache(None)
def code(path):
    if path.suffix == '.ipynb': return rules.Code.of_notebook(read(path))
    return rules.Code([path.read_text(encoding='utf-8')])

@pytest.mark.parametrize('path', CODE, ids=name)
@pytest.mark.parametrize('rule', rules.CODE_RULES, ids=lambda r: r.__name__)
def test_code(path, rule): judge(rule.__name__, path, list(rule(code(path))))


# Width and unused names

@lru_cache(None)
def ruff():
    "What ruff says of each file: path -> lines"
    command = [sys.executable, '-m', 'ruff', 'check', '--no-cache', '--output-format', 'json', '.']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    found = {}
    for e in json.loads(done.stdout):
        cell = f'cell {e["cell"]}, ' if e['cell'] else ''
        line = f'{cell}line {e["location"]["row"]}: {e["code"]} {e["message"]}'
        found.setdefault(name(e['filename']), []).append(line)
    return found

@pytest.mark.parametrize('path', CODE, ids=name)
def test_ruff(path): judge('ruff', path, ruff().get(name(path), []))

@pytest.mark.parametrize('folder, width', [('nbs/book', 100), ('nbs/api', 120), ('tests', 120)])
def test_ruff_reads_notebooks_and_knows_their_width(folder, width):
    def check(code):
        command = [sys.executable, '-m', 'ruff', 'check', '--no-cache', '--stdin-filename', f'{folder}/a.py', '-']
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, input=code).stdout
    line = 'x = "' + 'a '*(width//2 - 3) + '"'
    assert len(line) == width and 'E501' not in check(line) and 'E501' in check(line + ' ')
    assert 'F401' in check('import os')
