"The package, its settings, its notebooks and its README agree"
import ast, importlib, re, subprocess, sys

import pytest

import check_clean, readme_from_index
from nbtools import ROOT, settings

CFG = settings()
SOURCES = sorted((ROOT/'prime_nb').rglob('*.py'))
# What a package is called where it is imported, if that is not how it is called where it is installed from
DISTRIBUTIONS = {'sklearn': 'scikit-learn', 'sentence_transformers': 'sentence-transformers', 'PIL': 'pillow'}


# What a user may install; not the tools of development, nor those of the site
EXTRAS = 'tables', 'text', 'images', 'bench', 'export', 'distributed', 'cluster'
REQUIREMENTS = 'requirements', *(f'{extra}_requirements' for extra in EXTRAS)

def requirement_names(key): return {re.split(r'[<>=!~\[;]', r)[0].replace('_', '-') for r in CFG[key].split()}

def third_party(source):
    "The packages from elsewhere that `source` imports"
    tree = ast.parse(source)
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level}
    return {n.split('.')[0] for n in names} - set(sys.stdlib_module_names) - {'prime_nb'}

def test_the_version_is_the_same_everywhere():
    import prime_nb
    assert prime_nb.__version__ == CFG['version']
    assert f"\nversion: {CFG['version']}\n" in (ROOT/'CITATION.cff').read_text()
    assert re.search(rf"^## {re.escape(CFG['version'])}\b", (ROOT/'CHANGELOG.md').read_text(), re.M)

def test_every_folder_of_the_package_can_be_imported():
    folders = {p.parent for p in SOURCES}
    assert all((f/'__init__.py').exists() for f in folders), (
        'a folder under prime_nb has no __init__.py: run nbdev_export')

def test_this_checkout_is_the_one_that_is_installed(tmp_path):
    done = subprocess.run([sys.executable, '-c', 'import prime_nb; print(prime_nb.__file__)'],
                          cwd=tmp_path,
                          capture_output=True,
                          text=True)
    assert done.stdout.strip() == str(ROOT/'prime_nb'/'__init__.py'), (
        'notebooks would test another package. Run: pip install -e .')

@pytest.mark.parametrize('script', CFG['console_scripts'].split())
def test_console_scripts_resolve(script):
    module, function = script.split('=')[1].split(':')
    assert callable(getattr(importlib.import_module(module), function))

@pytest.mark.parametrize('path', SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_import_is_required(path):
    known = {name for key in REQUIREMENTS for name in requirement_names(key)}
    missing = {n for n in third_party(path.read_text()) if DISTRIBUTIONS.get(n, n).replace('_', '-') not in known}
    assert not missing, f'add {missing} to `requirements` in settings.ini, or do without'

def test_setup_reads_the_settings():
    def ask(*what):
        return subprocess.run([sys.executable, 'setup.py', '-q', *what], cwd=ROOT, capture_output=True,
                              text=True).stdout.split()
    assert ask('--name', '--version') == [CFG['lib_name'], CFG['version']]

def test_package_and_notebooks_agree():
    found = check_clean.differences()
    assert not found, 'run `nbdev_export && nbdev_clean`:\n' + '\n\n'.join(found)

def test_the_readme_is_up_to_date():
    assert not readme_from_index.main(['--check']), 'run `make readme`'
