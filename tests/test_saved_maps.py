"""Folders with a model of maps that were changed, damaged or forged: one message, never a crash of another kind, never
silently another model"""
import hashlib, json, math, struct

import numpy as np
import pytest
import torch

from prime_nb.head import wrap_head
from prime_nb.methods.fitting import Target
from prime_nb.own.fitted import make_network
from prime_nb.own.load import load_maps
from prime_nb.own.maps import MapFitted, MapInput
from prime_nb.proxies import make_proxies
from prime_nb.own.saved import INFO, SUMS, WEIGHTS
from prime_nb.targets import LabelBins


def write_sums(folder, **known):
    "Checksums of the files as they are, as a forger would write them"
    sha = lambda f: known.get(f.partition('.')[2]) or hashlib.sha256((folder/f).read_bytes()).hexdigest()
    (folder/SUMS).write_text(''.join(f'{sha(f)}  {f}\n' for f in (INFO, WEIGHTS)))

@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    "A model that was saved, its description, and the checksum of its weights"
    torch.manual_seed(0)
    spec = dict(kind='maps', arch='resnet18', n_out=1)
    model = wrap_head(make_network(spec), lambda n: make_proxies([0., 1.], 2, n))
    inp, target = MapInput('photo', 32, '.', map_column='depth', unit=.5), Target(['depth'], [2.], [3.])
    fitted = MapFitted(inp, target, spec, model, settings=dict(method='prime'), sources={}, history=[],
                       bins=LabelBins(np.arange(6.)))
    folder = fitted.save(tmp_path_factory.mktemp('maps')/'model')
    return folder, (folder/INFO).read_text(), hashlib.sha256((folder/WEIGHTS).read_bytes()).hexdigest()

@pytest.fixture
def load(saved):
    "Load the model with this text for a description; it is restored afterwards"
    folder, text, sha = saved
    def load(changed):
        (folder/INFO).write_text(changed if isinstance(changed, str) else json.dumps(changed))
        write_sums(folder, safetensors=sha)
        return load_maps(folder, 'cpu')
    yield load
    (folder/INFO).write_text(text)
    write_sums(folder, safetensors=sha)

def changed(text, path, value):
    "The description with another value at a dotted path; `DROP`: without it"
    d = json.loads(text)
    *parents, last = path.split('.')
    inner = d
    for p in parents: inner = inner[p]
    if value is DROP: del inner[last]
    else: inner[last] = value
    return d

DROP = object()
FIELDS = { # what may not stand there
    'input': [None, {}],
    'input.kind': ['films', 'images', 1, DROP],
    'input.column': [1, DROP],
    'input.map_column': [[], DROP],
    'input.size': [True, '32', 31.5, 16, -32, 10**9, DROP],
    'input.unit': [None, 'm', 0, -.5, math.inf, 10**400, DROP],
    'input.missing': ['none', True, [0], DROP],
    'network': [[], DROP],
    'network.kind': ['mlp', 'images', 'x', DROP],
    'network.arch': ['vgg11', 'resnet34', 'no_such_net', '__class__', 18, DROP],
    'network.n_out': [None, 2, -1, DROP],
    'target': [None, {}],
    'target.names': ['depth', [], [None]],
    'target.center': [[], ['2'], [1., 2.]],
    'target.scale': [[0.], [-1.], ['3'], [math.inf]],
    'target.vector': [1, DROP],
    'bins': ['x', [], {}],
    'bins.edges': [None, [3., 2., 1.], [1.]],
    'bins.counts': [[-1]*6, [.5]*6, 'x'],
    'bins.shots': [1, 'x', [1, 2, 3], DROP],
    'centroid': [1, DROP],
    'settings': [None, DROP],
    'sources': ['x'],
    'history': [{}],
    'kind': [None, 'x', DROP],
    'format': ['x', DROP],
    'format_version': [1, 3, '2', True],
    'tensors': [None, {}, DROP]}
CASES = [(k, v) for k, values in FIELDS.items() for v in values]

@pytest.mark.parametrize('path, value', CASES, ids=[f'{k}={"gone" if v is DROP else str(v)[:20]}' for k, v in CASES])
def test_a_description_that_was_changed_is_refused(saved, load, path, value):
    with pytest.raises((ValueError, FileNotFoundError)) as e: load(changed(saved[1], path, value))
    assert len(str(e.value)) > 20 and type(e.value) in (ValueError, FileNotFoundError), repr(e.value)

TEXTS = {'empty': '', 'cut off': '{', 'a list': '[]', 'null': 'null', 'brackets': '['*10**5, 'NaN': '{"format": NaN}'}

@pytest.mark.parametrize('text', TEXTS.values(), ids=TEXTS)
def test_a_description_that_is_no_description_is_refused(load, text):
    with pytest.raises(ValueError, match='model.json'): load(text)

def test_as_it_was_it_is_read(saved, load):
    f = load(saved[1])
    assert type(f) is MapFitted and len(f.head.proxies) == 2
    assert (f.input.size, f.input.unit, f.input.missing) == (32, .5, 0)
    assert load(changed(saved[1], 'input.missing', None)).input.missing is None


def weights(saved, data, sums):
    "Load the model with these bytes for weights"
    folder, text, sha = saved
    was = (folder/WEIGHTS).read_bytes()
    try:
        (folder/WEIGHTS).write_bytes(data(was))
        write_sums(folder, **({} if sums else dict(safetensors=sha)))
        return load_maps(folder, 'cpu')
    finally:
        (folder/WEIGHTS).write_bytes(was)
        write_sums(folder, safetensors=sha)

def flip(b): return b[:-1] + bytes([b[-1] ^ 1])

def half(b): return b[:len(b)//2]

def empty(b): return b''

DAMAGES = {
    'half': (False, half, 'changed or damaged'),
    'a bit': (False, flip, 'changed or damaged'),
    'empty': (False, empty, 'changed or damaged'),
    'half, forged': (True, half, 'no safetensors file'),
    'empty, forged': (True, empty, 'no safetensors file'),
    'header, forged': (True, lambda b: struct.pack('<Q', 2**60) + b[8:], 'no safetensors file'),
    'NaN, forged': (True, lambda b: b[:-4] + struct.pack('<f', math.nan), 'NaN or infinity')}

@pytest.mark.parametrize('sums, data, match', DAMAGES.values(), ids=DAMAGES)
def test_weights_that_were_damaged_are_refused(saved, sums, data, match):
    with pytest.raises(ValueError, match=match): weights(saved, data, sums)

@pytest.mark.parametrize('name', [INFO, WEIGHTS, SUMS])
def test_a_file_that_is_missing_is_named(saved, name):
    folder = saved[0]
    (folder/name).rename(folder.parent/name)
    try:
        with pytest.raises(ValueError, match=f'no complete model: it lacks .*{name}'): load_maps(folder, 'cpu')
    finally: (folder.parent/name).rename(folder/name)

def test_a_folder_that_is_missing_is_named(saved):
    with pytest.raises(FileNotFoundError, match='no such folder: .*nowhere'): load_maps(saved[0].parent/'nowhere')
