"Hostile input: every case of `hostile_cases`, and properties over what Hypothesis comes up with"
import json, math, tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

import hostile_cases as cases
import hostile_input
from prime_nb.checks import check_targets
from prime_nb.distances import cosine_distance, euclidean_distance
from prime_nb.metrics import MAE, RMSE, Pearson, by_shot
from prime_nb.objective import PrimeLoss
from prime_nb.proxies import make_proxies
from prime_nb.own.saved import load_model, save_model
from prime_nb.data.kinds import is_number
from prime_nb.data.tables import disarm
from prime_nb.targets import LabelBins

few = settings(derandomize=True, max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
anything = st.floats(width=64) | st.sampled_from(
    [0., -0., math.nan, math.inf, -math.inf, 5e-324, 1e30, -1e30, 1e-30, 1.7e308])
finite = st.floats(-1e30, 1e30) | st.sampled_from([0., -0., 1e-30, 1e30, -1e30, 5e-324])


pytestmark = pytest.mark.usefixtures('one_thread')

@pytest.mark.parametrize('case', cases.CASES, ids=lambda c: f'{c.group}: {c.name}'.encode('unicode_escape').decode())
def test_case(case, tmp_path):
    ok, outcome = case.judge(tmp_path)
    assert ok, f'{case.group}, {case.name}: {outcome}; expected: {case.want}'

def test_cases_are_many_and_have_names_of_their_own():
    names = [(c.group, c.name) for c in cases.CASES]
    assert len(names) == len(set(names)) > 200

def test_a_wrong_number_fails_its_case():
    assert not cases.Gives(1.).judge(lambda: 2.)[0] and not cases.Gives(1.).judge(lambda: math.nan)[0]
    assert not cases.Gives(math.nan).judge(lambda: math.nan)[0]
    assert not cases.refuses('x').judge(lambda: 1.)[0] and not cases.Tells.judge(lambda: 1.)[0]
    assert not cases.Overflows.judge(lambda: math.nan)[0]
    def fail(): raise ValueError('something is wrong with the input, but what is it')
    assert cases.refuses('wrong').judge(fail)[0] and not cases.refuses('tau_f').judge(fail)[0]
    def crash(): raise IndexError('tau_f')
    assert not cases.refuses('tau_f').judge(crash)[0]

def test_the_list_is_up_to_date():
    have = json.loads(hostile_input.OUT.read_text())
    got = [(c['group'], c['name'], c['expected']) for c in have['cases']]
    assert got == [(c.group, hostile_input.shown(c.name), hostile_input.shown(str(c.want))) for c in cases.CASES]
    assert all(c['ok'] for c in have['cases'])


# Properties

def refused_or(f, check):
    "Either a clear error, or a result that passes"
    try: got = f()
    except (ValueError, TypeError) as e: return len(str(e)) > 25 or pytest.fail(f'no help: {e}')
    check(got)

@few
@given(st.lists(anything, max_size=8))
def test_targets_are_finite_or_refused(y):
    bad = not y or not np.isfinite(y).all() or len(set(np.asarray(y) + 0.)) < 2
    def check(got): assert not bad and got.tolist() == y
    refused_or(lambda: check_targets(y), check)

@few
@given(st.lists(finite, min_size=2, max_size=30), st.integers(1, 60), st.lists(finite, max_size=5))
def test_bins_hold_every_target(y, n_bins, new):
    def check(bins):
        assert bins.counts.sum() == len(y) and (np.diff(bins.edges) > 0).all()
        i = bins.index(np.array(new))
        assert ((i >= 0) & (i < bins.n_bins)).all()
        w = bins.weights('inverse')
        assert np.isfinite(w).all() and (w > 0).all() and abs(w @ bins.counts/len(y) - 1) < 1e-9
    refused_or(lambda: LabelBins(y, n_bins=n_bins), check)

@few
@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=20))
def test_metrics_are_bounded_by_the_largest_error(pairs):
    p, t = np.array(pairs).T
    e = np.abs(p - t)
    assert e.min() <= MAE(p, t)*(1 + 1e-12) and MAE(p, t) <= e.max()*(1 + 1e-12)
    assert MAE(p, t)*(1 - 1e-12) <= RMSE(p, t) <= e.max()*(1 + 1e-12) or e.max() < 1e-300
    r = Pearson(p, t)
    assert r is None or abs(r) <= 1 + 1e-9

@few
@given(st.lists(st.lists(st.floats(-2.**99, 2.**99, width=32), min_size=3, max_size=3), min_size=1, max_size=4))
def test_distances_of_finite_features_are_finite(rows):
    z = torch.tensor(rows, dtype=torch.float32, requires_grad=True)
    for f, top in ((cosine_distance, 2.), (euclidean_distance, 4e30)):
        d = f(z, z.detach().flip(0))
        g, = torch.autograd.grad(d.sum(), z)
        assert d.isfinite().all() and g.isfinite().all() and -1e-5 <= d.min() and d.max() <= top*(1 + 1e-5)

@few
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=12), st.integers(2, 12), st.floats(1e-8, 1e4),
    st.floats(1e-8, 1e4), st.sampled_from([None, 'prw', 'cb', 'ldam']), st.sampled_from([0., 1e-30, 1e-3, 1., 1e30]))
def test_prime_is_finite_or_refused(y, C, tau_f, tau_t, technique, size):
    def run():
        torch.manual_seed(0)
        z = (size*torch.randn(len(y), 4)).requires_grad_()
        p = make_proxies(y, C, 4)
        loss = PrimeLoss(tau_f=tau_f, tau_t=tau_t, technique=technique)(p, z, torch.tensor(y)).total
        loss.backward()
        return torch.cat([loss.detach()[None], p.features.grad.flatten()]
                         + ([] if size == 1e-30 else [z.grad.flatten()]))
    def check(got): assert got.isfinite().all()
    refused_or(run, check)

@few
@given(st.text(max_size=12))
def test_no_cell_begins_like_a_formula(text):
    out = disarm(text)
    assert out.endswith(text) and (not out.strip(' ').startswith(tuple('=+-@\t\r')) or is_number(out))

@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp('saved')/'m'
    save_model(folder, dict(w=torch.arange(6.).view(2, 3)), dict(kind='test'))
    return {p.name: p.read_bytes() for p in folder.iterdir()}

@few
@given(st.data())
def test_a_changed_byte_of_a_model_is_noticed(saved, data):
    name = data.draw(st.sampled_from(sorted(saved)))
    i, v = data.draw(st.integers(0, len(saved[name]) - 1)), data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as tmp:
        for n, content in saved.items(): (Path(tmp)/n).write_bytes(content)
        (Path(tmp)/name).write_bytes(saved[name][:i] + bytes([saved[name][i] ^ v]) + saved[name][i+1:])
        def check(got): assert torch.equal(got[0]['w'], torch.arange(6.).view(2, 3)) and name == 'SHA256SUMS'
        refused_or(lambda: load_model(tmp), check)

def test_a_dense_target_without_valid_pixels_has_no_error():
    bins = LabelBins([0., 1, 2])
    got = by_shot(np.ones((2, 1, 4, 4)), np.ones((2, 1, 4, 4)), bins, 'MAE', mask=np.zeros((2, 1, 4, 4), bool))
    assert got == {f'MAE/{s}': None for s in ('All', 'Many', 'Median', 'Few')}
