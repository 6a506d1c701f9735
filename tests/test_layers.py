"Imports point downward only, and what a plain PyTorch loop may use needs no fastai"
import ast, subprocess, sys

import pytest

from nbtools import ROOT

PACKAGE = ROOT/'prime_nb'
LAYERS = {
    0: 'table_file files checks distances targets distributed',
    1: 'proxies alignment objective losses metrics plots auto judge baselines',
    2: 'callback data models',
    3: 'learner bench verify verify_cases verify_peers verify_features verify_losses saved fitted fitting own own_maps own_source own_cli report_html sklearn cli data_cli'}
LAYER = {name: layer for layer, names in LAYERS.items() for name in names.split()}
PLAIN = [name for name, layer in LAYER.items() if layer < 2]
MODULES = [p for p in sorted(PACKAGE.rglob('*.py')) if p.name not in ('__init__.py', '_modidx.py')]


def module_name(path): return '.'.join(path.relative_to(ROOT).with_suffix('').parts)

def absolute(node, module):
    "The module that an `import from` names, relative ones resolved"
    if not node.level: return node.module
    parts = module.split('.')[:-node.level]
    return '.'.join(parts + ([node.module] if node.module else []))

def imports(source, module):
    "Every module that `source` imports, wherever in the file"
    res = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import): res |= {a.name for a in node.names}
        if isinstance(node, ast.ImportFrom):
            base = absolute(node, module)
            res |= {f'{base}.{a.name}' for a in node.names} if base in ('prime_nb', module.rpartition('.')[0]) else {base}
    return res

def part(name): return name.split('.')[1] if name.startswith('prime_nb.') else None

def upward(source, module):
    "Imports of `module` that point to a higher layer, or outside what its layer may use"
    layer = LAYER[part(module)]
    barred = {'nbdev'} | ({'fastai'} if layer < 2 else set())
    found = imports(source, module)
    return sorted(n for n in found if n.split('.')[0] in barred or LAYER.get(part(n), -1) > layer)


def test_relative_and_absolute_imports_are_seen_alike():
    found = imports('from ..targets import LabelBins\nfrom .head import wrap_head\nimport fastai.learner', 'prime_nb.callback.prime')
    assert found == {'prime_nb.targets', 'prime_nb.callback.head', 'fastai.learner'}
    assert imports('from prime_nb import targets', 'prime_nb.cli') == {'prime_nb.targets'}

@pytest.mark.parametrize('module, source, want', [
    ('prime_nb.targets', 'from prime_nb.proxies import Proxies', ['prime_nb.proxies']),
    ('prime_nb.losses', 'def f():\n    from fastai.losses import L1LossFlat', ['fastai.losses']),
    ('prime_nb.callback.head', 'import nbdev.showdoc', ['nbdev.showdoc']),
    ('prime_nb.proxies', 'import torch\nfrom .distances import feature_distance', [])])
def test_an_upward_import_is_caught(module, source, want): assert upward(source, module) == want

@pytest.mark.parametrize('path', MODULES, ids=module_name)
def test_imports_point_downward(path):
    name = module_name(path)
    assert part(name) in LAYER, f'{name} stands in no layer: give it one in {__file__}'
    assert not upward(path.read_text(), name), f'{name} imports from a higher layer, or from a package that its layer may not use'

def test_no_module_imports_itself_through_others():
    graph = {module_name(p): imports(p.read_text(), module_name(p)) for p in MODULES}
    def walk(name, path):
        assert name not in path, 'imports run in a circle: ' + ' -> '.join([*path, name])
        for other in graph.get(name, ()): walk(other, [*path, name])
    for name in graph: walk(name, [])

def test_the_plain_layers_need_neither_fastai_nor_nbdev():
    names = [module_name(p) for p in MODULES if part(module_name(p)) in PLAIN]
    script = f"import sys, importlib\nsys.modules['fastai'] = sys.modules['nbdev'] = None\nfor n in {names}: importlib.import_module(n)"
    done = subprocess.run([sys.executable, '-c', script], cwd=ROOT, capture_output=True, text=True)
    assert not done.returncode, done.stderr
