"The comparison finds what it is there for, and a folder that cannot be understood is an error and no crash"
import json, math, subprocess, sys

import numpy as np
import pytest
import torch

from nbtools import ROOT

from .cases import Case, check_case, make_cases
from .compare import Check, Skip, compare, largest_error, read_arrays
from .equations import check_array, check_equations, evaluate, evaluate_gradient, parse_gradient
from .losses import AGE_LDS
from .peers import settle
from .vectors import check_file, summary

from prime_nb.baselines.balanced_mse import bin_density
from prime_nb.targets import LabelBins


def test_the_largest_difference_is_found_where_both_are_finite():
    want = np.array([[1., 2.], [4., np.nan]])
    assert largest_error(want, want) == (0., (0, 0)) and largest_error(np.ones(0), np.ones(0)) == (0., ())
    assert largest_error(want + [[0, .5], [0, 0]], want) == (.125, (0, 1))
    error, at = largest_error(np.ones((2, 2)), want)
    assert np.isnan(error) and at == (1, 1)

@pytest.mark.parametrize('got, want, status, detail', [
    ([2., 4.004], np.array([2., 4.]), 'failed', 'got 4.004, want 4, allowed 1e-06'),
    ([2., 4.004], np.array([2, 4]), 'failed', 'got 4.004, want 4, allowed 0'),
    ([2., 4.004], np.array([2, 4], np.float16), 'passed', ''),
    ([True, False], np.array([1, 0], np.uint8), 'passed', ''),
    ([np.nan, 1.], np.array([np.nan, 1.]), 'passed', ''),
    ([np.nan], np.array([1.]), 'failed', 'got nan, want 1, allowed 1e-06'),
    ([np.inf], np.array([-np.inf]), 'failed', 'got inf, want -inf, allowed 1e-06'),
    (np.ones((3, 1)), np.ones(3), 'failed', 'shapes differ: got (3, 1), want (3,)'),
    ('a', np.array('b'), 'skipped', 'holds no numbers but <U1')])
def test_arrays_are_compared_in_shape_finiteness_and_numbers(got, want, status, detail):
    check = compare('P', got, want)
    assert (check.status, check.detail) == (status, detail)

def test_the_tolerance_can_be_given_for_floats_only():
    assert compare('P', 1 + 5e-10, np.float64(1), rtol=1e-9).status == 'passed'
    assert compare('P', 1 + 5e-9, np.float64(1), rtol=1e-9).status == 'failed'
    assert compare('P', 1, np.int64(2), rtol=1.).status == 'failed'


@pytest.fixture
def known():
    "Three proxies at 0, 1 and 2 with tau_t = ln 2: neighbours are worth 1/2, the outer pair 1/4"
    return dict(proxy_targets=torch.arange(3.).double(), tau_t=math.log(2), target_scale=1.)

class TestEquations:
    def test_what_an_equation_needs_is_computed_first(self, known):
        assert torch.allclose(evaluate('P', known), torch.tensor([[0, .2, .1], [.2, 0, .2], [.1, .2, 0]]).double())
        with pytest.raises(Skip, match='needs tau_f, which is not given'): evaluate('Q', known | dict(d_f=1.))

    @pytest.mark.parametrize('name, want', [
        ('proxy_loss_grad_proxy_features', ('proxy_loss', 'proxy_features')), ('d_align_prw_d_z', ('align_prw', 'z')),
        ('grad_align_prw_wrt_z', ('align_prw', 'z')), ('grad_z__align', ('align', 'z')), ('align_z', None),
        ('grad', None)])
    def test_a_gradient_is_recognised_by_its_name(self, name, want): assert parse_gradient(name) == want

    def test_a_gradient_is_computed(self, known):
        "Two proxies of the same feature: the gradient in y comes through T only, and log A is constant"
        z, y = torch.ones(1, 2).double(), torch.tensor([.3]).double()
        known |= dict(z=z, y=y, proxy_features=torch.ones(3, 2).double(), tau_f=1., feature_distance='cosine')
        assert abs(evaluate('align', known) - math.log(3)) < 1e-12
        assert evaluate_gradient('align', 'y', known).abs() < 1e-12

    def test_what_is_wrong_fails_and_what_is_unknown_is_skipped(self, known):
        P = evaluate('P', known).numpy()
        assert check_array('P', P, known).status == 'passed'
        assert check_array('P', P*(1 + 1e-8), known).status == 'failed'
        assert check_array('P', P.astype(np.float32), known).status == 'passed'
        assert check_array('novelty', P, known) == Check('novelty', 'skipped', detail='no equation has that name')
        assert check_array('align_cb', P, known).detail == 'needs z, which is not given'

    def test_inputs_must_be_finite(self):
        check, = check_equations(dict(z=np.array([[1., 2.], [np.nan, 0]]), P=np.ones(1)), {})
        assert check.status == 'failed' and check.detail.endswith('got nan at [1, 0]')


class TestCases:
    entry = dict(cases=dict(c=dict(hyper=dict(k=2), arrays=dict(x=dict(role='input'), y={}, w={}))))

    def case(self): return make_cases('toy.npz', self.entry, dict(c__x=np.arange(3.), c__y=2*np.arange(3.)))[0]

    def test_every_wanted_array_has_a_verdict(self):
        def adapter(case): yield 'y', case.hyper['k']*case['x']
        got = [(c.name, c.status) for c in check_case(self.case(), adapter)]
        assert got == [('c__y', 'passed'), ('c__w', 'failed')]

    def test_reasons_and_crashes_are_told(self):
        def skips(case): yield 'y', Skip('not ours')
        def crashes(case): yield 'n', case['nothing']
        assert check_case(self.case(), skips)[0].detail == 'not ours'
        assert "could not be computed: KeyError" in check_case(self.case(), crashes)[0].detail
        assert check_case(self.case(), lambda case: ())[0].detail == 'no counterpart yet'

    def test_arrays_are_looked_up_in_the_case_then_in_its_inputs_then_in_the_file(self):
        file = {}
        def case(name, arrays, **hyper): file[name] = Case(name, arrays, {}, hyper, note='', file=file)
        case('in', dict(x=1))
        case('b', dict(x=3))
        case('c', {}, inputs_case='b')
        case('d', {}, inputs_case='gone')
        assert [file[name]['x'] for name in ('in', 'b', 'c', 'd')] == [1, 3, 3, 1]

    def test_a_label_next_to_an_edge_is_settled_by_the_official_rule(self):
        bins, y = LabelBins.from_counts([1, 1, 1], [0, 1, 2, 3]), np.array([.5, 1 - 1e-9, 1., 1.5])
        assert bins.index(settle(y, bins, np.array([0, 0, 1, 0]))).tolist() == [0, 0, 1, 1]


def vectors(folder, P, **manifest):
    "A folder with one file of proxy similarities"
    np.savez(folder/'a.npz', proxy_targets=np.arange(3.), P=P)
    case = dict(file='a.npz', hyperparameters=dict(tau_t=math.log(2), target_scale=1.))
    (folder/'manifest.json').write_text(json.dumps(manifest or dict(cases=[case])))

RIGHT = np.array([[0, .2, .1], [.2, 0, .2], [.1, .2, 0]])

class TestFolders:
    def run(self, folder):
        command = [
            sys.executable, '-m', 'pytest', '-q', '-p', 'no:xdist', 'tests/reference/test_vectors.py', '--vectors',
            folder
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        return done.returncode, done.stdout

    def test_a_folder_of_anybody_is_checked_file_by_file(self, tmp_path):
        vectors(tmp_path, RIGHT)
        np.savez(tmp_path/'b.npz', P=RIGHT)
        code, said = self.run(tmp_path)
        assert code == 0 and 'a.npz: 1 passed; largest relative error' in said
        assert 'b.npz: 1 skipped' in said and 'skipped, is in the folder, but not in the manifest: b.npz' in said

    def test_a_wrong_figure_is_an_error(self, tmp_path):
        vectors(tmp_path, 1.01*RIGHT)
        code, said = self.run(tmp_path)
        assert code == 1 and 'P[0, 1]: relative error 9.9e-03, got 0.2, want 0.202, allowed 1e-09' in said

    @pytest.mark.parametrize('text, complaint', [
        (None, 'holds no prime_manifest.json'), ('{"cases": [', 'is not valid JSON'),
        ('[]', 'expected an object, got list'), ('{"cases": []}', 'lists no file'),
        ('{"case": 1}', "expected a list 'cases' or an object 'files'"),
        ('{"cases": [{}]}', "case 0 must have a str 'file'"),
        ('{"files": {"a.npz": {}}}', "a.npz must have a dict 'cases'")])
    def test_a_folder_that_cannot_be_understood_is_an_error(self, tmp_path, text, complaint):
        if text: (tmp_path/'manifest.json').write_text(text)
        with pytest.raises((OSError, ValueError), match=complaint): check_file(tmp_path, 'the manifest')

    def test_a_file_that_is_torn_or_not_there_is_told(self, tmp_path):
        vectors(tmp_path, RIGHT)
        whole = (tmp_path/'a.npz').read_bytes()
        for content in (b'P = 1', b'', whole[:len(whole)//2], whole[:200] + b'torn' + whole[204:]):
            (tmp_path/'a.npz').write_bytes(content)
            with pytest.raises(ValueError, match='a.npz is not a readable npz'): read_arrays(tmp_path/'a.npz')
        (tmp_path/'a.npz').unlink()
        assert check_file(tmp_path, 'a.npz')[0].detail == 'is in the manifest, but not in the folder'

    def test_the_summary_names_what_failed_and_why_others_were_skipped(self):
        bad, none = Check('Q', 'failed', .1, '[1]', detail='got 1.1'), Check('W', 'skipped', detail='no equation')
        lines = summary('a.npz', [bad]*25 + [none]*5).splitlines()
        assert lines[0] == 'a.npz: 25 failed, 5 skipped; largest relative error 1.0e-01 in Q[1]'
        assert len(lines) == 23
        assert lines[-2:] == ['    and 5 more failed', '    skipped, no equation: W, W, W and 2 more']


class TestFoldersOfAnotherSplit:
    "The histograms of Balanced MSE come from the training ages that the folder holds, not from one split"
    ages = np.r_[np.full(7, 20.), np.full(3, 21.9), 40., 250.]

    def folder(self, root, labels=True):
        root.mkdir(exist_ok=True)
        counts = np.bincount(self.ages[:-1].astype(int))
        bins = LabelBins.from_counts(np.r_[counts, np.zeros(159, int)], np.arange(201))
        smooth = bin_density(bins, AGE_LDS)
        told = dict(
            inputs__bucket_centers=counts.nonzero()[0], inputs__bucket_weights=counts[counts > 0]/counts.sum(),
            inputs__bucket_centers_lds=smooth.nonzero()[0], inputs__bucket_weights_lds=smooth[smooth > 0]/smooth.sum())
        np.savez(root/'balanced_mse.npz', **told)
        if labels: np.savez(root/'lds_agedb.npz', another__labels=self.ages)
        arrays = {name.removeprefix('inputs__'): dict(role='output') for name in told}
        files = {'balanced_mse.npz': dict(cases=dict(inputs=dict(arrays=arrays)))}
        (root/'manifest.json').write_text(json.dumps(dict(files=files)))
        return root

    def test_the_labels_beside_it_are_read(self, tmp_path):
        checks = check_file(self.folder(tmp_path), 'balanced_mse.npz')
        assert [c.status for c in checks] == ['passed']*4

    def test_without_them_it_is_skipped_with_the_reason(self, tmp_path):
        checks = check_file(self.folder(tmp_path, labels=False), 'balanced_mse.npz')
        assert {c.status for c in checks} == {'skipped'} and 'no file of the folder holds' in checks[0].detail

    def test_a_wrong_weight_is_still_an_error(self, tmp_path):
        folder = self.folder(tmp_path)
        arrays = dict(np.load(folder/'balanced_mse.npz'))
        arrays['inputs__bucket_weights'][0] *= 1.01
        np.savez(folder/'balanced_mse.npz', **arrays)
        assert [c.status for c in check_file(folder, 'balanced_mse.npz')].count('failed') == 1
