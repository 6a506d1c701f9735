"Notebooks keep the rules of notebook_rules.py, and each rule catches what it is there for"
import pytest

import notebook_rules as rules
from nbtools import ROOT, name, notebooks, read

API = notebooks(ROOT/'nbs'/'api')
# Functions that are longer than the rule allows, each for a reason: {'nbs/api/01_name.ipynb': ['function']}
ALLOWED = {}


def cell(src, kind='code', id='a', outputs=()):
    extra = dict(outputs=list(outputs), execution_count=None) if kind == 'code' else {}
    return dict(cell_type=kind, id=id, metadata={}, source=src.splitlines(keepends=True), **extra)

def text(src, id='t'): return cell(src, 'markdown', id)

def good():
    "The smallest notebook that keeps every rule"
    return [cell('#| default_exp thing', id='a'), text('# Thing\n\n> It doubles.', 'b'), cell('#| export\ndef double(x): return 2*x', id='c'),
            cell('assert double(2) == 4', id='d'), text('## What this does not do\n\nHalve.', 'e')]

def complaints(cells): return [p for rule in rules.API_RULES + rules.ALL_RULES for p in rule(dict(cells=cells))]

def stream(s, name='stdout'): return dict(output_type='stream', name=name, text=[s])


def test_a_good_notebook_is_left_alone(): assert not complaints(good())

@pytest.mark.parametrize('at, new, complaint', [
    (0, cell('import torch', id='a'), 'default_exp'),
    (1, text('Thing\n> It doubles.', 'b'), '`# Title`'),
    (1, text('# Thing', 'b'), 'promise'),
    (4, text('## Summary', 'e'), 'does not do'),
    (2, cell('#| export\n' + '\n'.join(f'x{i} = {i}' for i in range(21)), id='c'), '21 lines in the export cell'),
    (2, cell('#|export\ndef f(x):\n' + '    x += 1\n'*15, id='c'), '16 lines in `f`'),
    (2, cell('#| exporti\n# one\n"two"\nthree = 3', id='c'), '1 lines of tests for 2 exported lines'),
    (2, cell('#| export\nimport re\ndef f(\n    x, # a number\n):\n    "Says nothing"\n    y = x\n    return y', id='c'), '1 lines of tests for 3 exported lines'),
    (2, cell('#| export\ndef f(\n' + '    x, # a number\n'*20 + '):\n' + '    x += 1\n'*15, id='c'), '16 lines in `f`'),
    (2, cell('#| export\nfrom torch import *', id='c'), 'from torch import *'),
    (3, cell('assert True', id='c'), 'two cells have the id c'),
    (3, cell('assert True', id='d', outputs=[stream(f'{ROOT}/nbs')]), f'names {ROOT}'),
    (3, cell('assert True', id='d', outputs=[stream('/home/someone/data.csv')]), 'names /home/someone'),
    (3, cell('assert True', id='d', outputs=[stream('Warning: no', 'stderr')]), 'a warning or an error'),
    (3, cell('assert True', id='d', outputs=[stream('10%|#   | 1/10')]), 'progress bar')])
def test_each_rule_catches_what_it_is_there_for(at, new, complaint):
    cells = good()
    cells[at] = new
    assert any(complaint in c for c in complaints(cells)), complaints(cells)

def test_a_function_can_be_allowed_to_be_long():
    nb = dict(cells=[cell('#| export\ndef f(x):\n' + '    x += 1\n'*15)])
    assert list(rules.functions_are_short(nb)) and not list(rules.functions_are_short(nb, ['f']))

def test_there_are_notebooks(): assert API

@pytest.mark.parametrize('path', API, ids=name)
@pytest.mark.parametrize('rule', rules.API_RULES, ids=lambda r: r.__name__)
def test_api_notebook(path, rule):
    extra = {'allowed': ALLOWED.get(name(path), [])} if rule is rules.functions_are_short else {}
    found = list(rule(read(path), **extra))
    assert not found, f'{name(path)}: ' + '; '.join(found)

@pytest.mark.parametrize('path', notebooks(), ids=name)
@pytest.mark.parametrize('rule', rules.ALL_RULES, ids=lambda r: r.__name__)
def test_notebook(path, rule):
    found = list(rule(read(path)))
    assert not found, f'{name(path)}: ' + '; '.join(found)
