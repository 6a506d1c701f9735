"""The package as a user gets it: beside the newest fastai and fastcore, without nbdev. Run by `make test-newest`.

The environment takes about 2 minutes and 6 GB; it is kept in .venv-newest, or where PRIME_NB_NEWEST says."""
import os, shutil, subprocess, sys
from pathlib import Path

import pytest

from nbtools import ROOT, name, notebooks
from test_layers import MODULES, module_name

pytestmark = pytest.mark.newest
ENV = Path(os.environ.get('PRIME_NB_NEWEST', ROOT/'.venv-newest')).resolve()
PACKAGED = 'setup.py', 'settings.ini', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE', 'prime_nb'
# What the API notebooks need beyond the package: a kernel, and what their tests import
FOR_NOTEBOOKS = 'nbclient', 'ipykernel', 'pytest', 'hypothesis'

# A learner that trains with proxies, saves and loads, as a user would write it
FIT = '''
import torch
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from prime_nb.callback.prime import PRIME
torch.manual_seed(0)
x = torch.rand(64, 3)
data = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True))
dls = DataLoaders.from_dsets(data, data, bs=16)
model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
learn = Learner(dls, model, loss_func=torch.nn.L1Loss(), cbs=PRIME(n_proxies=5), path='.')
with learn.no_bar(), learn.no_logging():
    before = learn.validate()[0]
    learn.fit(5, 1e-2)
    after = learn.validate()[0]
    learn.save('model')
    learn.load('model')
    assert after < before and abs(learn.validate()[0] - after) < 1e-6, (before, after)
'''


def run(*command, cwd):
    "Run a command away from this checkout's environment; its output, or a failed test"
    env = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'VIRTUAL_ENV')}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode: pytest.fail((done.stdout + done.stderr)[-4000:], pytrace=False)
    return done.stdout

@pytest.fixture(scope='module')
def python(tmp_path_factory):
    "An interpreter beside which the package is installed, from a copy so that nothing is built in this folder"
    copy = tmp_path_factory.mktemp('package')
    for item in PACKAGED:
        if (ROOT/item).is_dir(): shutil.copytree(ROOT/item, copy/item, ignore=shutil.ignore_patterns('__pycache__'))
        elif (ROOT/item).exists(): shutil.copy(ROOT/item, copy/item)
    python, pip = ENV/'bin'/'python', ('-m', 'pip', 'install', '--quiet', '--no-input')
    if not python.exists(): run(sys.executable, '-m', 'venv', ENV, cwd=copy)
    run(python, *pip, '--upgrade', '--upgrade-strategy', 'eager', copy, *FOR_NOTEBOOKS, cwd=copy)
    run(python, *pip, '--force-reinstall', '--no-deps', copy, cwd=copy)
    return python


def test_it_is_the_newest_and_has_no_nbdev(python, tmp_path):
    script = '''
from importlib.metadata import version
from importlib.util import find_spec
assert find_spec('nbdev') is None, 'nbdev is installed'
assert int(version('fastcore').split('.')[0]) >= 2, version('fastcore')'''
    run(python, '-c', script, cwd=tmp_path)

def test_requirements_do_not_conflict(python, tmp_path): run(python, '-m', 'pip', 'check', cwd=tmp_path)

def test_every_module_imports_from_there(python, tmp_path):
    script = f'''
from importlib import import_module
for name in {[module_name(p) for p in MODULES]}: print(import_module(name).__file__)'''
    found = run(python, '-c', script, cwd=tmp_path).splitlines()
    assert len(found) == len(MODULES) and all(f.startswith(str(ENV)) for f in found), found

def test_a_learner_trains_with_proxies(python, tmp_path): run(python, '-c', FIT, cwd=tmp_path)

def test_every_habit_goes_on_working(python, tmp_path):
    "The cells of habits.py; the table is kept in results/ for the page that shows it"
    table = tmp_path/'habits.json'
    print(run(python, ROOT/'studies'/'fastai_habits.py', '--out', table, cwd=tmp_path))
    (ROOT/'results'/'habits-newest.json').write_text(table.read_text())

@pytest.mark.parametrize('path', notebooks(ROOT/'nbs'/'api'), ids=name)
def test_api_notebook(python, path): run(python, ROOT/'tools'/'run_notebooks.py', '--check', path, cwd=path.parent)
