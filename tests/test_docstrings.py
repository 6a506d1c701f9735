"""Every public name says what it takes, gives and raises, with shapes, units and source; and each rule catches what it
is there for"""
import ast

import pytest

import docstring_rules as rules
from nbtools import ROOT

# Modules of methods that follow no paper, each for a reason
PLUMBING = {
    'baselines.pairs': 'pairs and labels, for all regularisers',
    'callback.devices': 'processes and bfloat16',
    'head': 'where z is kept',
    'callback.metrics': 'metrics of `metrics`, epoch by epoch',
    'callback.features': 'any loss on features',
    'callback.resume': 'seeds and checkpoints'}
# Names that may leave something out, each for a reason: {'module.name': 'reason'}
ALLOWED = {}


@pytest.fixture(scope='module')
def package(): return rules.Package(ROOT/'prime_nb')

@pytest.mark.parametrize('rule', rules.RULES, ids=lambda r: r.__name__)
def test_every_public_name(package, rule):
    found = [f'{n.where}: {c}' for n in package.names if n.where not in ALLOWED for c in rule(n, package)]
    assert not found, f'{len(found)} of {len(package.names)} names:\n' + '\n'.join(found)

def test_modules_name_their_source(package):
    found = list(rules.modules_without_source(package, PLUMBING))
    assert not found, f'name the paper, or the equation, in a docstring of {found}'

def test_exceptions_are_few_and_needed(package):
    assert len(ALLOWED) + len(PLUMBING) <= 10 and PLUMBING.keys() <= set(rules.modules_without_source(package))
    assert ALLOWED.keys() <= {n.where for n in package.names if any(c for r in rules.RULES for c in r(n, package))}

def test_there_are_names(package):
    assert len(package.names) > 300 and sum(len(n.params) for n in package.names) > 600


def complaints(src, module='m'):
    "What the rules say about a small module"
    p = object.__new__(rules.Package)
    p.names, p.modules = [], {}
    p.classes, p.functions = {}, {}
    p.add(module, ast.parse(src), rules.said_comments(src))
    return [c for n in p.names for r in rules.RULES for c in r(n, p)]

GOOD = '''
__all__ = ['f', 'A', 'D']
def check_it(y): raise ValueError('no')
def f(
    y:Tensor,     # (N,) targets
    # on two lines:
    # seconds, at most
    timeout=3.,
    a=1, b=2,     # both are shares
    ax=None,
) -> Tensor:      # (N, F)
    "Does it; `ValueError` for a bad one"
    check_it(y)
    if a > 1: raise ValueError('a')
    try: raise TypeError('inner')
    except TypeError: pass
@dataclass
class D:
    "Holds"
    z:Tensor # (N, F), see `f`
    n:int=1  # how many
class A(nn.Module):
    "It; errors as `f`"
    def __init__(self,
        n_in, # numbers
    ): raise KeyError('n')
    def forward(self,
        x:Tensor, # (N, n_in)
    ) -> Tensor:  # same shape
        "The same, `n_in` of it"
    def twice(self, n_in): "For `n_in`"
    def before_fit(self): pass
    def decodes(self, x): return x
    def extra_repr(self): return ''
    def _own(self, what): pass
@patch
def thrice(self:A, n_in): "Three times"
'''

def test_a_good_module_is_left_alone(): assert complaints(GOOD) == []

@pytest.mark.parametrize(
    'old, new, complaint', [('"Does it; `ValueError` for a bad one"', 'pass', 'no docstring'),
                            ('"Three times"', 'pass', 'no docstring'), ('"For `n_in`"', 'pass', 'no docstring'),
                            ('def before_fit(self): pass', 'def before(self): pass', 'no docstring'),
                            ('decodes(self, x): return x', 'decodes(self, x): return x[0]', 'no docstring'),
                            ('# both are shares', '', 'nothing said about a, b'),
                            ('    # on two lines:\n    # seconds, at most\n', '', 'nothing said about timeout'),
                            ('# on two lines:\n    # seconds, at most', '# the timeout', 'says no more than its name'),
                            ('# on two lines:\n    # seconds, at most', '# at most', 'no unit of timeout'),
                            ('n_in, # numbers', 'n_in,', 'nothing said about n_in'),
                            ('# how many', '', 'nothing said about n'),
                            ('# (N,) targets', '# targets of the samples (all)', 'no shape of y'),
                            ('y:Tensor,     # (N,)', 'y,     #', 'no shape of y'),
                            ('# (N, F), see `f`', '# features', 'no shape of z'),
                            ('# (N, F)\n', '# features\n', 'no shape of what it returns'),
                            ('`ValueError` for a bad one', 'and more', 'ValueError is not named'),
                            ("    if a > 1: raise ValueError('a')\n", '', ''),
                            (
                                '`ValueError` for a bad one"\n    check_it(y)\n    if a > 1:',
                                'and more"\n    check_it(y)\n    if 0: pass #', 'errors of check_it are not named'),
                            ('except TypeError', 'except OSError', 'TypeError is not named'),
                            ('errors as `f`', 'or not', 'KeyError is not named')])
def test_each_rule_catches_what_it_is_there_for(old, new, complaint):
    assert GOOD.count(old) == 1
    found = complaints(GOOD.replace(old, new))
    assert any(complaint in c for c in found) if complaint else not found, found

def test_a_method_without_a_source_is_found():
    def sources(text):
        return list(
            rules.modules_without_source(type('P', (), dict(modules={'baselines.x': text, 'bench.y': ''}, names=[]))))
    assert sources('A loss') == ['baselines.x']
    for text in ('After Ren et al. (2022)', 'A loss (Wang and Wang 2023)', 'PRIME, eq. 9', 'as in Section 3.2',
                 'Table 17'):
        assert not sources(text), text
