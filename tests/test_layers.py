"Imports point downward only, every one of them can be seen, and what a plain PyTorch loop may use needs no fastai"
import ast, re, subprocess, sys

import pytest

from nbtools import ROOT, directives, notebooks, read

PACKAGE = ROOT/'prime_nb'
# Rooms of the house, lowest first. A module may import from its own room, and from rooms of a lower rank.
ROOMS = {
    'ground': (0, 'checks files cache distributed page'),
    'core': (1, 'distances targets proxies alignment objective head losses metrics plots auto'),
    'baselines': (2, 'baselines'),
    'callback': (3, 'callback interpret'),
    'models': (3, 'models'),
    'data': (4, 'data'),
    'twins': (5, 'twins'),
    'methods': (6, 'methods'),
    'own': (7, 'own'),
    'bench': (7, 'bench'),
    'top': (8, 'cli all')}
ROOM = {part: room for room, (_, parts) in ROOMS.items() for part in parts.split()}
RANK = {room: rank for room, (rank, _) in ROOMS.items()}
PLAIN = {room for room, rank in RANK.items() if rank < 3}
MODULES = [p for p in sorted(PACKAGE.rglob('*.py')) if p.name not in ('__init__.py', '_modidx.py')]
BY_STRING = re.compile(r"\bimport_module\(|\b__import__\(|['\"]prime_nb\.[\w.]+:\w+['\"]")
# Modules that break these rules as they stand: the list only shrinks
YET = set()


def module_name(path): return '.'.join(path.relative_to(ROOT).with_suffix('').parts)

def absolute(node, module):
    "The module that an `import from` names, relative ones resolved"
    if not node.level: return node.module
    parts = module.split('.')[:-node.level]
    return '.'.join(parts + ([node.module] if node.module else []))

def is_package(name): return (ROOT/name.replace('.', '/')).is_dir()

def imports(source, module):
    "Every module that `source` imports, wherever in the file"
    res = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import): res |= {a.name for a in node.names}
        if isinstance(node, ast.ImportFrom):
            base = absolute(node, module)
            res |= {f'{base}.{a.name}' for a in node.names} if is_package(base) else {base}
    return res

def room(name):
    "The room of a module of ours; None for any other"
    return ROOM.get(name.split('.')[1]) if name.startswith('prime_nb.') else None

def upward(source, module):
    "Imports of `module` that point to a higher room or a neighbour, or outside what its room may use"
    here = room(module)
    barred = {'nbdev'} | ({'fastai'} if here in PLAIN else set())
    def wrong(name):
        there = room(name)
        return name.split('.')[0] in barred or there not in (None, here) and RANK[there] >= RANK[here]
    return sorted(filter(wrong, imports(source, module)))


def test_relative_and_absolute_imports_are_seen_alike():
    found = imports(
        'from ..targets import LabelBins\nfrom .features import FeatureLoss\nimport fastai.learner',
        'prime_nb.callback.prime')
    assert found == {'prime_nb.targets', 'prime_nb.callback.features', 'fastai.learner'}
    assert imports('from prime_nb import targets', 'prime_nb.cli.bench') == {'prime_nb.targets'}

@pytest.mark.parametrize('module, source, want', [
    ('prime_nb.targets', 'from prime_nb.baselines.fds import FeatureSmoother', ['prime_nb.baselines.fds']),
    ('prime_nb.losses', 'def f():\n    from fastai.losses import L1LossFlat', ['fastai.losses']),
    ('prime_nb.own.fit', 'from ..bench.run import plan', ['prime_nb.bench.run']),
    ('prime_nb.head', 'import nbdev.showdoc', ['nbdev.showdoc']),
    ('prime_nb.proxies', 'import torch\nfrom .distances import feature_distance', [])])
def test_an_upward_import_is_caught(module, source, want): assert upward(source, module) == want

@pytest.mark.parametrize('source', [
    "import_module('prime_nb.own.maps')", "__import__('x')", "make = 'prime_nb.methods.builders:prime'"])
def test_an_import_by_string_is_caught(source): assert BY_STRING.search(source)

@pytest.mark.parametrize('path', MODULES, ids=module_name)
def test_imports_point_downward(path):
    name, source = module_name(path), path.read_text(encoding='utf-8')
    assert room(name), f'{name} stands in no room: give it one in {__file__}'
    if name in YET: pytest.xfail('to be moved')
    assert not upward(source, name), (
        f'{name} imports from a higher room or a neighbour, or from a package that its room may not use')
    assert not BY_STRING.search(source), (
        f'{name} imports by a string, which this test cannot follow: import where it is used')

def test_no_module_imports_itself_through_others():
    graph = {module_name(p): imports(p.read_text(encoding='utf-8'), module_name(p)) for p in MODULES}
    done = set()
    def walk(name, path):
        assert name not in path, 'imports run in a circle: ' + ' -> '.join([*path, name])
        if name in done: return
        for other in graph.get(name, ()): walk(other, [*path, name])
        done.add(name)
    for name in graph: walk(name, [])

def exported_module(path):
    "The module that a notebook exports; None if there is none"
    return next((directives(c)['default_exp'] for c in read(path)['cells'] if 'default_exp' in directives(c)), None)

API = {exported_module(p): p for p in notebooks(ROOT/'nbs'/'api')}

@pytest.mark.parametrize('module', sorted(API))
def test_a_notebook_has_the_address_of_its_module(module):
    path = API[module].relative_to(ROOT/'nbs'/'api')
    assert re.fullmatch(r'\d\d_' + module.split('.')[-1], path.stem)
    assert path.parent.as_posix() == '/'.join(module.split('.')[:-1] or ['.'])

def test_numbers_are_unique_in_a_folder_and_follow_the_imports():
    number = {f'prime_nb.{m}': (p.parent, int(p.name[:2])) for m, p in API.items()}
    assert len(set(number.values())) == len(number)
    for path in MODULES:
        name = module_name(path)
        if name not in number: continue
        for other in imports(path.read_text(encoding='utf-8'), name) & number.keys():
            (folder, n), (there, m) = number[name], number[other]
            assert folder != there or m <= n, f'{name} is number {n} and imports {other}, number {m} of the same folder'

def test_the_plain_rooms_need_neither_fastai_nor_nbdev():
    names = [module_name(p) for p in MODULES if room(module_name(p)) in PLAIN]
    lines = [
        'import sys, importlib', "sys.modules['fastai'] = sys.modules['nbdev'] = None",
        f'for name in {names}: importlib.import_module(name)']
    script = '\n'.join(lines)
    done = subprocess.run([sys.executable, '-c', script], cwd=ROOT, capture_output=True, text=True)
    assert not done.returncode, done.stderr
