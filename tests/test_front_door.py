"`from prime_nb.all import *` is all that a training needs and hides nothing of fastai's; README's example runs"
import inspect, re, subprocess, sys

import matplotlib
import pandas as pd
import pytest
from torch import nn

import prime_nb.all
from nbtools import ROOT
from prime_nb.twins.faces import write_faces

matplotlib.use('agg')
NAMES = prime_nb.all.__all__
README = (ROOT/'README.md').read_text(encoding='utf-8')
EXAMPLE = re.search(r'## Five lines in a `Learner`.*?```python\n(.*?)```', README, re.DOTALL)


def star(module):
    "What `from module import *` brings"
    names = {}
    exec(f'from {module} import *', names)
    return names

@pytest.mark.parametrize('module', ['fastai.vision.all', 'fastai.tabular.all', 'fastai.text.all'])
def test_no_name_of_fastais_is_hidden(module):
    theirs, ours = star(module), star('prime_nb.all')
    hidden = {name for name in set(ours) & set(theirs) - {'__builtins__'} if ours[name] is not theirs[name]}
    assert not hidden, f'prime_nb.all and {module} give these names to different things'

def test_there_are_at_most_a_hundred_names(): assert len(NAMES) == len(set(NAMES)) <= 100

@pytest.mark.parametrize('name', NAMES)
def test_every_name_is_there_and_says_what_it_is(name):
    thing = getattr(prime_nb.all, name)
    if not callable(thing): return # a table of values
    assert inspect.getdoc(thing), f'{name} has no docstring'
    assert name in sys.modules[thing.__module__].__all__, f'{name} is not public in {thing.__module__}'

def test_the_package_alone_is_light():
    heavy = 'torch', 'fastai', 'pandas', 'sklearn', 'matplotlib'
    script = f'import sys, prime_nb; assert not [m for m in {heavy} if m in sys.modules]'
    subprocess.run([sys.executable, '-c', script], cwd=ROOT, check=True)

def tiny(pretrained=False):
    "In place of resnet18: no download, and seconds"
    body = nn.Conv2d(3, 8, 3, stride=4), nn.BatchNorm2d(8), nn.ReLU()
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))

def test_the_example_of_the_readme_runs(tmp_path):
    path = write_faces(tmp_path/'faces', scale=.01, size=32, n_val_per_age=1, n_test_per_age=1)
    table = next(path.glob('*.csv'))
    df = pd.read_csv(table).rename(columns=dict(path='file'))
    code = EXAMPLE[1]
    assert sum(line.startswith(('from', 'import')) for line in code.splitlines()) == 2
    imports, _, rest = code.partition('dls =')
    names = {}
    exec(imports, names)
    names |= dict(df=df, path=path, resnet18=tiny)
    exec('dls =' + rest, names)
    learn = names['learn']
    assert list(learn.recorder.metric_names)[-3:-1] == ['proxy', 'align'] and 'MAE/Few' in learn.recorder.metric_names
    assert learn.prime.losses[-1]['align'] < learn.prime.losses[0]['align'] and 'n_proxies=' in repr(learn.prime)
