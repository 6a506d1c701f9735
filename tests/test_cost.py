"""What studies/cost_losses.py and studies/cost_training.py count and time is right; no test depends on how fast a
machine is"""
import json, os, time

import numpy as np
import pytest
import torch

import cost_gpu, cost_losses, cost_training
from cost_losses import COSTED, make_problem, milliseconds, peak_megabytes, step
from cost_training import METHODS, Arm, make_setting, median_ratio, memory_formula, prime_bytes, saved_bytes
from prime_nb.baselines.rank_n_contrast import RankNContrast
from prime_nb.checks import check_close
from prime_nb.losses import WeightedLoss

pytestmark = pytest.mark.usefixtures('one_thread')


class TestLosses:
    @pytest.mark.parametrize('name', [n for n, c in COSTED.items() if c.naive])
    def test_the_naive_loop_says_the_same(self, name):
        p = make_problem(24, 9, COSTED[name].distinct)
        p = p._replace(z=p.z.double().requires_grad_(), y=p.y.double(), pred=p.pred.double())
        value, naive = COSTED[name].make(p)(*p), COSTED[name].naive(p)(*p)
        check_close(value, naive)
        check_close(torch.autograd.grad(value, p.z)[0], torch.autograd.grad(naive, p.z)[0])

    @pytest.mark.parametrize('name', COSTED)
    def test_memory_grows_with_the_square_of_the_batch_at_most(self, name):
        "And no (B, B, F) tensor is held: at F = 512 that would be 134 MB"
        small, large = (make_problem(n, 512, COSTED[name].distinct) for n in (128, 256))
        small, large = (peak_megabytes(lambda: step(COSTED[name].make(p), p)) for p in (small, large))
        assert large < 5*small and large < 256*256*512*4/1e6/4

    def test_labels_are_ages_or_all_distinct(self):
        p = make_problem(500, 2)
        assert torch.equal(p.y, p.y.round()) and 0 <= p.y.min() and p.y.max() <= 101 and 4 < (p.pred - p.y).std() < 6
        assert len(make_problem(40, 7, distinct=True).y.unique()) == 40

    def test_a_step_leaves_no_trace_in_the_problem(self):
        p = make_problem(8, 3)
        step(lambda z, y, pred: (z**2).sum(), p)
        assert p.z.grad is None and not p.z.requires_grad

    def test_time_is_the_median_of_calls_after_the_first(self):
        calls, waits = [], iter([0., .001, .05, .001])
        milliseconds(lambda: calls.append(0), repeats=3)
        assert len(calls) == 4 and milliseconds(lambda: time.sleep(next(waits)), repeats=3) < 45

    def test_memory_is_the_most_that_is_held_at_once(self):
        def one(): torch.ones(1_000_000)
        def five_in_turn():
            for _ in range(5): one()
        def two():
            kept = [torch.ones(1_000_000), torch.ones(1_000_000)]
            kept.clear()
        check_close([peak_megabytes(f) for f in (one, five_in_turn, two)], [4., 4., 8.], rtol=.02)
        assert peak_megabytes(lambda: None) == 0.

    def test_the_script_writes_its_table(self, tmp_path, capsys):
        argv = 'conr ranksim --batch 16 --features 8 --repeats 1 --threads 1 --out'.split()
        cost_losses.main([*argv, str(tmp_path/'cost.json')])
        head, first, second = capsys.readouterr().out.splitlines()
        assert first.split()[:2] == ['conr', '16'] and first.endswith('x') and second.endswith('-')
        written = json.loads((tmp_path/'cost.json').read_text())
        assert [r['loss'] for r in written['rows']] == ['conr', 'ranksim'] and written['threads'] == 1
        with pytest.raises(SystemExit): cost_losses.main(['rankism'])


@pytest.fixture(scope='module')
def setting(): return make_setting('small', 16, 8, n_batches=3)

class TestTraining:
    def test_a_step_trains_a_copy(self, setting):
        before, arm = [p.clone() for p in setting.model.parameters()], Arm(setting)
        losses = [float(arm.step(0)) for _ in range(8)]
        assert losses[-1] < losses[0] and arm.head.z is None
        for p, q in zip(setting.model.parameters(), before): check_close(p, q)
        check_close(Arm(setting, extra=lambda z, y, pred: 0*z.sum() + 7).step(0), losses[0] + 7, rtol=1e-5)
        check_close(Arm(setting._replace(bf16=True)).step(0), losses[0], rtol=.02)
        assert Arm(setting).step(3) == Arm(setting).step(0) != Arm(setting).step(1)

    @pytest.mark.parametrize('name', METHODS)
    def test_each_method_adds_something_of_its_own_and_trains_it(self, setting, name):
        arm = METHODS[name](setting)
        trained = {id(p) for group in arm.opt.param_groups for p in group['params']}
        assert trained == {id(p) for module in (arm.model, arm.loss) for p in module.parameters()}
        assert isinstance(arm.loss, WeightedLoss) == (name not in ('bmc', 'dist'))
        losses = [float(arm.step(i)) for i in range(2)]
        assert np.isfinite(losses).all()
        if name not in ('sqinv', 'fds-online'): assert losses[0] != float(Arm(setting).step(0))

    def test_the_ratio_is_a_median_with_an_interval(self):
        check_close(median_ratio(np.array([[1., 2.], [2., 4.], [1., 9.], [3., 6.], [1., 2.]])), (2., 2., 9.))
        ratio, low, high = median_ratio(np.random.default_rng(0).uniform(.97, 1.03, (400, 2))*[1, 1.1])
        assert abs(ratio - 1.1) < .01 and low <= ratio <= high < low + .02

    def test_two_functions_take_turns(self):
        calls = []
        times = cost_training.paired_times(
            lambda i: calls.append(('a', i)), lambda i: calls.append(('b', i)), steps=30, warmup=2)
        first = [c[0] for c in calls[::2]]
        assert times.shape == (30, 2) and len(calls) == 64 and 3 < first.count('a') < 29
        assert all(x[1] == y[1] and x[0] != y[0] for x, y in zip(calls[::2], calls[1::2]))

    def test_the_script_writes_its_table(self, tmp_path, capsys):
        argv = 'prime conr --model small --size 16 --batch 8 --steps 3 --threads 1 --no-scaling --bf16 --channels-last'
        cost_training.main([*argv.split(), '--out', str(tmp_path/'training.json')])
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ['prime', 'conr']
        written = json.loads((tmp_path/'training.json').read_text())
        assert written['setting'] == dict(
            model='small', size=16, batch=8, features=64, proxies=20, bf16=True, channels_last=True, steps=3)
        assert written['machine']['cores'] == os.cpu_count() and 'scaling' not in written
        with pytest.raises(SystemExit): cost_training.main(['nothing'])


class TestMemoryOfTheLoss:
    def test_what_autograd_keeps_is_counted_once(self):
        v = torch.ones(100, requires_grad=True)
        assert [saved_bytes(f) for f in (lambda: v**2, v.exp, lambda: v.exp()*v)] == [400, 400, 800]
        assert saved_bytes(lambda: v**2, [v]) == 0

    @pytest.mark.parametrize('settings', [
        {}, dict(technique='prw'), dict(technique='cb'), dict(technique='ldam'), dict(distance='euclidean')])
    @pytest.mark.parametrize('axis, order', [(0, 2), (1, 3), (2, 2)])
    def test_it_is_a_line_in_b_and_f_and_a_parabola_in_c(self, settings, axis, order):
        sizes = [[24, 12, 32] for _ in range(5)]
        for i, size in enumerate(sizes): size[axis] = 16*(i + 1)
        kept = np.array([prime_bytes(*size, **settings) for size in sizes])
        assert (np.diff(kept, n=order) == 0).all() and (np.diff(kept) > 0).all()

    def test_the_formula_predicts_any_size(self):
        m, size = memory_formula(), (50, 9, 70)
        check_close(sum(m[k]*v for k, v in cost_training.terms(*size).items()), float(prime_bytes(*size)))
        for technique in ('prw', 'cb', 'ldam'): assert memory_formula(technique=technique) == m

    def test_a_loss_on_pairs_is_caught(self, monkeypatch):
        def pairs(B, C, F, **settings):
            z = torch.randn(B, F, requires_grad=True)
            return lambda: RankNContrast()(z, torch.arange(B*1.)), [z]
        monkeypatch.setattr(cost_training, 'prime_problem', pairs)
        with pytest.raises(ValueError, match='no sum of B F'): memory_formula()

    def test_an_exponent_is_a_slope_in_the_upper_half(self):
        check_close(cost_training.exponent([1, 2, 4, 8], [5, 2, 8, 32]), 2.)
        found = cost_training.scaling(dict(B=(16, 32), C=(4, 8), F=(8, 16)), dict(B=8, C=5, F=8), repeats=1)
        assert [r['B'] for r in found['rows']['B']] == [16, 32] and found['exponents']['B']['bytes'] <= 1


class TestTheScriptForAGPU:
    def test_its_parts_run_on_a_cpu(self, tmp_path, capsys):
        assert cost_gpu.main(['steps', 'losses', 'half', '--small', '--device', 'cpu', '--out', str(tmp_path)]) == 0
        found = {p.stem: json.loads(p.read_text()) for p in tmp_path.glob('*.json')}
        assert set(found) == {'training-gpu', 'losses-gpu', 'half-gpu'}
        assert [r['method'] for r in found['training-gpu']['rows']] == cost_gpu.METHODS
        assert all(r['finite'] for r in found['half-gpu']['rows'])

    def test_a_part_that_fails_does_not_stop_the_next(self, tmp_path, capsys, monkeypatch):
        def broken(a): raise ValueError('no')
        monkeypatch.setitem(cost_gpu.PARTS, 'steps', broken)
        argv = ['steps', 'faces', 'half', '--small', '--device', 'cpu', '--out', str(tmp_path)]
        assert cost_gpu.main(argv) == 1
        assert {p.name for p in tmp_path.iterdir()} == {'steps-error.json', 'half-gpu.json'}
        assert 'faces: left out' in capsys.readouterr().out
