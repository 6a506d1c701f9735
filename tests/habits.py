"""What one does with a `Learner` (habits) times the learners one does it with (kinds): every pair is a cell, and every
cell checks something. `tests/test_habits.py` runs the cells as tests, `studies/fastai_habits.py` writes them as a
table. Nothing here needs nbdev, so that the cells also run beside the newest fastai."""
import subprocess, sys, tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from fastai.callback.core import Callback
from fastai.callback.mixup import MixUp
from fastai.callback.schedule import Learner # gives it fit_one_cycle, fine_tune, lr_find
from fastai.callback.tracker import EarlyStoppingCallback, ReduceLROnPlateau, SaveModelCallback
from fastai.callback.training import GradientAccumulation, GradientClip
from fastai.data.block import DataBlock, RegressionBlock
from fastai.data.transforms import ColReader, IndexSplitter
from fastai.interpret import Interpretation
from fastai.learner import load_learner
from fastai.losses import MSELossFlat
from fastai.tabular.core import Categorify, Normalize
from fastai.tabular.data import TabularDataLoaders
from fastai.tabular.learner import tabular_learner
from fastai.text.core import BaseTokenizer, Tokenizer
from fastai.text.data import TextBlock
from fastai.text.learner import text_classifier_learner
from fastai.text.models.awdlstm import AWD_LSTM, awd_lstm_clas_config
from fastai.torch_core import params, set_seed
from fastai.vision.augment import Flip
from fastai.vision.core import PILImage
from fastai.vision.data import ImageBlock
from fastai.vision.learner import vision_learner
from torch import nn

from prime_nb.alignment import alignment_loss, association_logits, target_association
from prime_nb.baselines.conr import ConR
from prime_nb.baselines.ranksim import RankSim
from prime_nb.callback.fds import FDS
from prime_nb.head import find_head, strip
from prime_nb.callback.metrics import ShotMetric
from prime_nb.callback.prime import PRIME
from prime_nb.callback.features import FeatureLoss
from prime_nb.callback.resume import SeedEpochs
from prime_nb.checks import check_close
from prime_nb.data.memory import tensor_dls
from prime_nb.proxies import Proxies
from prime_nb.targets import LabelBins

N, N_VALID = 64, 16    # samples to learn from and to judge by
BS, C = 16, 5          # samples in a batch, proxies


class DoesNotApply(Exception):
    "Why there is nothing to check"


# Kinds of learners

KINDS = {}

def kind(f):
    "Register a kind: a function from a seed (of its data) and arguments of the learner to a `Learner`"
    KINDS[f.__name__] = f
    return f

def targets(seed=0):
    "Skewed: most of them small. The first and the last are the ends of the range"
    y = np.random.default_rng(seed).beta(1, 3, N + N_VALID).astype(np.float32)*10
    y[:2] = 0, 10
    return y

def valid_last(items): return IndexSplitter(range(N, N + N_VALID))(items)

def tiny_cnn(pretrained=False):
    "A backbone as `vision_learner` takes them: a body, pooling, a linear layer"
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))

def picture(row):
    "As bright as its target is large"
    noise = np.random.default_rng(int(row['i'])).normal(0, 20, (12, 12, 3))
    return PILImage.create((25*row['y'] + noise).clip(0, 255).astype(np.uint8))

@kind
def vision(seed=0, **kw):
    "`vision_learner`: a small convolutional network, pictures that flip"
    y = targets(seed)
    block = DataBlock((ImageBlock, RegressionBlock),
                      get_x=picture,
                      get_y=ColReader('y'),
                      splitter=valid_last,
                      batch_tfms=Flip())
    dls = block.dataloaders(pd.DataFrame(dict(y=y, i=range(len(y)))), bs=BS, val_bs=8, num_workers=0)
    return vision_learner(dls, tiny_cnn, pretrained=False, lin_ftrs=[16], **kw)

WORDS = 'awful bad poor dull fair fine good great superb perfect'.split()

def sentence(y, rng):
    "Words near the target"
    return ' '.join(WORDS[int(i)] for i in (y + rng.normal(0, 1, rng.integers(4, 8))).clip(0, 9))

@kind
def text(seed=0, **kw):
    "`text_classifier_learner`: a small AWD-LSTM"
    y, rng = targets(seed), np.random.default_rng(seed)
    df = pd.DataFrame(dict(text=[sentence(v, rng) for v in y], y=y))
    block = DataBlock((TextBlock(Tokenizer(BaseTokenizer()), min_freq=1), RegressionBlock),
                      get_x=ColReader('text'),
                      get_y=ColReader('y'),
                      splitter=valid_last)
    config = awd_lstm_clas_config | dict(emb_sz=8, n_hid=12, n_layers=2)
    return text_classifier_learner(
        block.dataloaders(df, bs=BS, val_bs=8, num_workers=0),
        AWD_LSTM,
        config=config,
        pretrained=False,
        drop_mult=.2,
        lin_ftrs=[16],
        **kw)

@kind
def tabular(seed=0, **kw):
    "`tabular_learner`: a column of categories, two of numbers"
    y, rng = targets(seed), np.random.default_rng(seed)
    df = pd.DataFrame(
        dict(
            kind=np.array(list('abc'))[(y/4).astype(int).clip(0, 2)],
            a=y + rng.normal(0, 1, len(y)),
            b=rng.normal(0, 1, len(y)),
            y=y))
    dls = TabularDataLoaders.from_df(
        df,
        '.', [Categorify, Normalize], ['kind'], ['a', 'b'],
        'y',
        RegressionBlock(),
        list(range(N, N + N_VALID)),
        bs=BS,
        val_bs=8)
    learn = tabular_learner(dls, layers=[16, 8], **kw)
    learn.row = df.drop(columns='y').iloc[N] # of the first sample to judge by, as it came in
    return learn

class Net(nn.Module):
    "A regressor as one writes it oneself"
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(.1)), nn.Linear(16, 1)
    def forward(self, x): return self.head(self.body(x))

def two_groups(m): return [params(m.body), params(m.head)]

@kind
def plain(seed=0, **kw):
    "`Learner` with an `nn.Module` of two parameter groups, tensors in memory"
    y, rng = targets(seed), np.random.default_rng(seed)
    x = np.stack([y + rng.normal(0, 1, len(y)) for _ in range(4)], 1).astype(np.float32)
    dls = tensor_dls((x[:N], y[:N, None]), (x[N:], y[N:, None]), bs=BS, val_bs=8)
    return Learner(dls, Net(), splitter=two_groups, **kw)


# What the habits share

FOLDERS = {}

def folder(): return FOLDERS.setdefault('here', tempfile.TemporaryDirectory()).name

def prime(**kw): return PRIME(C, **kw)

def new(name, cbs=prime, seed=0, data=0, **kw):
    "A learner of a kind, with PRIME; without anything for `cbs=None`"
    set_seed(seed)
    cbs = [cbs()] if cbs is prime else list(cbs or [])
    learn = KINDS[name](data, **dict(loss_func=MSELossFlat(), path=folder(), cbs=cbs, **kw))
    return quiet(learn)

def quiet(learn):
    "No progress bar, no table"
    learn.remove_cbs([cb for cb in learn.cbs if cb.name == 'progress'])
    learn.logger = lambda row: None
    return learn

def proxies(learn): return find_head(learn.model).proxies

def state(o): return {k: v.detach().clone() for k, v in getattr(o, 'model', o).state_dict().items()}

def same(a, b, rtol=0.):
    "The same tensors by name, exactly unless told otherwise"
    assert a.keys() == b.keys(), sorted(a.keys() ^ b.keys())
    for k in a: check_close(a[k], b[k], rtol=rtol, msg=k)

def moved(learn, before):
    "Names of the parameters that changed"
    now = dict(learn.model.named_parameters())
    return {k for k, p in now.items() if not torch.equal(p.detach(), before[k])}

def total(learn):
    "Mean loss of the training set with that of PRIME, in training mode, by hand; nothing is changed by it"
    kept, terms = state(learn), []
    set_seed(0)
    learn.model.train()
    with torch.no_grad():
        for *x, y in learn.dls.train.new(shuffle=False, drop_last=False):
            out = learn.model(*x)
            out, z, y = (
                t.as_subclass(torch.Tensor)
                for t in (out[0] if isinstance(out, tuple) else out, find_head(learn.model).z, y))
            terms.append(
                float(learn.loss_func(out, y) + learn.prime.prime_loss(proxies(learn), z, y.reshape(len(z))).total))
    learn.model.load_state_dict(kept)
    return sum(terms)/len(terms)

def learns(learn, fit):
    "Fit, and check that the total loss falls and every proxy moves; what to say"
    before, first = total(learn), proxies(learn).features.detach().clone()
    fit()
    after = total(learn)
    assert after < before, (before, after)
    assert (proxies(learn).features.detach() != first).any(1).all()
    return 'the loss falls, every proxy moves'

def once(learn):
    "Every parameter is in the optimizer once"
    ids = [id(p) for g in learn.opt.param_lists for p in g]
    assert len(ids) == len(set(ids)) == len(list(learn.model.parameters())), (
        'a parameter is missing, or twice, in the optimizer')

def predictions(learn, **kw): return learn.get_preds(**kw)[0]

def n_groups(learn):
    if learn.opt is None: learn.create_opt()
    return len(learn.opt.param_lists)


# The habits

HABITS = {}

def habit(title):
    "Register a habit: a function of the name of a kind that checks, and returns what to say"
    def add(f):
        HABITS[title] = f
        return f
    return add

@habit('`fit`')
def fit(name):
    learn = new(name)
    said = learns(learn, lambda: learn.fit(3, 1e-2))
    assert len(learn.prime.losses) == 3 and set(learn.prime.losses[0]) == {'total', 'proxy', 'align'}
    return said

@habit('`fit_one_cycle`')
def fit_one_cycle(name):
    learn = new(name)
    said, lrs = learns(learn, lambda: learn.fit_one_cycle(3, 1e-2)), learn.recorder.lrs
    assert len(lrs) == 3*len(learn.dls.train) and lrs[0] < max(lrs) > lrs[-1]
    assert len(learn.opt.hypers) == n_groups(learn)
    return said

@habit('`fine_tune`')
def fine_tune(name):
    learn = new(name)
    said = learns(learn, lambda: learn.fine_tune(2, 1e-2))
    once(learn)
    assert all(p.requires_grad for p in learn.model.parameters()) and len(learn.prime.losses) == 2
    return said + ', nothing stays frozen'

@habit('`freeze`, `unfreeze`')
def freeze(name):
    learn = new(name)
    learn.freeze()
    if n_groups(learn) == 1:
        assert all(p.requires_grad for p in learn.model.parameters()) and n_groups(new(name, cbs=None)) == 1
        raise DoesNotApply('one parameter group: `freeze` freezes nothing, with PRIME as without')
    before, frozen = state(learn), {k for k, p in learn.model.named_parameters() if not p.requires_grad}
    learn.fit(1, 1e-2)
    trained = moved(learn, before)
    assert frozen and not trained & frozen and any(k.endswith('proxies.features') for k in trained)
    learn.unfreeze(); learn.fit(1, 1e-2)
    assert frozen <= moved(learn, before)
    return 'frozen layers stay, head and proxies learn; then all do'

@habit('`slice(lr)`')
def slice_lr(name):
    learn, lrs = new(name), []
    class Watch(Callback):
        def after_step(self): lrs.append([h['lr'] for h in self.opt.hypers])
    learn.fit(1, slice(1e-4, 1e-2), cbs=Watch())
    last = learn.opt.param_lists[-1]
    assert any(p is proxies(learn).features for p in last) and abs(lrs[0][-1] - 1e-2) < 1e-9
    assert len(lrs[0]) == n_groups(learn)
    if n_groups(learn) == 1: return 'one parameter group: all, proxies too, at the last rate'
    assert abs(lrs[0][0] - 1e-4) < 1e-9
    return 'proxies learn at the rate of the last group'

@habit('`lr_find`')
def lr_find(name):
    learn = new(name)
    learn.fit(1, 1e-2)
    before = state(learn)
    learn.lr_find(num_it=20, show_plot=False)
    assert len(learn.recorder.lrs) > 5
    same(state(learn), before)
    learn.fit(1, 1e-2)
    once(learn)
    return 'weights and proxies are put back exactly'

@habit('two fits in a row')
def two_fits(name):
    learn = new(name)
    learn.fit(2, 1e-2)
    opt, before = learn.opt, total(learn)
    learn.fit(2, 1e-2)
    assert learn.opt is opt and total(learn) < before and len(learn.prime.losses) == 2
    once(learn)
    return 'the second goes on where the first ended'

@habit('`EarlyStoppingCallback`')
def early_stopping(name):
    learn = new(name)
    learn.fit(9, 1e-3, cbs=EarlyStoppingCallback(min_delta=1e9, patience=2))
    assert len(learn.recorder.values) == len(learn.prime.losses) == 3 and find_head(learn.model).z is None
    before = total(learn)
    learn.fit(2, 1e-2)
    assert total(learn) < before
    return 'stops when told to; a later fit learns'

@habit('`SaveModelCallback(with_opt=True)`')
def save_model(name):
    learn = new(name)
    learn.fit_one_cycle(4, 5e-2, cbs=SaveModelCallback(fname=f'best-{name}', with_opt=True))
    best = min(v[1] for v in learn.recorder.values)
    check_close(learn.validate()[0], best, rtol=1e-6)
    other = new(name, seed=1)
    other.load(f'best-{name}', with_opt=True)
    same(state(other), state(learn))
    moments = other.opt.state[proxies(other).features]
    check_close(moments['grad_avg'], learn.opt.state[proxies(learn).features]['grad_avg'])
    return 'the best epoch comes back, with the optimizer’s memory of the proxies'

def history(learn):
    """Figures of a fit, epoch by epoch, and the weights it ended with. The `train_loss` that fastai logs is left out:
    a moving average over all batches of a fit, it begins anew where a fit does"""
    logged = [list(map(float, v[1:])) for v in learn.recorder.values if len(v)]
    return [v + list(terms.values()) for v, terms in zip(logged, learn.prime.losses)], state(learn)

def uninterrupted(name, cbs, epochs=4):
    "A run that keeps each epoch"
    learn = new(name, cbs())
    learn.fit_one_cycle(
        epochs, 1e-2, cbs=[SeedEpochs(),
                           SaveModelCallback(fname=f'run-{name}', every_epoch=True, with_opt=True)])
    return history(learn)

def resumed(name, cbs, k, epochs=4):
    "The same from epoch `k` on, by a new learner that is made with another seed"
    learn = new(name, cbs(), seed=7)
    learn.load(f'run-{name}_{k-1}', with_opt=True)
    learn.fit_one_cycle(epochs, 1e-2, start_epoch=k, cbs=SeedEpochs())
    return history(learn)

def check_resumes(name, cbs):
    values, end = uninterrupted(name, cbs)
    for k in (1, 2, 3):
        v, s = resumed(name, cbs, k)
        assert v == values[k:], (k, v, values[k:])
        same(s, end)

@habit('resume at any epoch')
def resume(name):
    check_resumes(name, lambda: [prime(technique='ldam', drw_epoch=2)])
    return 'from each epoch the figures and weights of the run that was never stopped, bit for bit'

@habit('resume, four callbacks')
def resume_several(name):
    check_resumes(name, lambda: [prime(), FDS(bins(), online=True), FeatureLoss(RankSim()), FeatureLoss(ConR())])
    return 'the same with PRIME, FDS, RankSim and ConR'

def bins(): return LabelBins(targets()[:N], n_bins=10, shots=(15, 5))

@lru_cache(maxsize=None)
def elsewhere():
    "Train each kind, save and export it, and let a new process load all of them"
    here, want = {}, {}
    for name in KINDS:
        here[name] = new(name)
        here[name].fit(1, 1e-2)
        here[name].save(f'here-{name}')
        here[name].export(f'{name}.pkl')
        want[name] = predictions(here[name])
    script = 'import sys; sys.path.insert(0, sys.argv[1]); import habits; habits.load_all(sys.argv[2])'
    done = subprocess.run(
        [sys.executable, '-c', script, str(Path(__file__).parent),
         folder()], capture_output=True, text=True)
    assert not done.returncode, done.stderr[-4000:]
    return here, want, torch.load(Path(folder())/'elsewhere.pt')

def load_all(there):
    "In the new process: predictions by `load` and by `load_learner`"
    FOLDERS['here'] = type('Folder', (), dict(name=there))
    def loaded(name):
        learn, exported = new(name, seed=3).load(f'here-{name}'), load_learner(Path(there)/f'{name}.pkl')
        quiet(exported)
        return dict(
            load=predictions(learn),
            load_learner=predictions(exported, dl=learn.dls.valid),
            proxies=proxies(exported).features.detach())
    torch.save({name: loaded(name) for name in KINDS}, Path(there)/'elsewhere.pt')

@habit('`save`, `load` in a new process')
def new_process(name):
    _, want, got = elsewhere()
    check_close(got[name]['load'], want[name])
    return 'the same predictions, bit for bit'

@habit('`export`, `load_learner`')
def export(name):
    here, want, got = elsewhere()
    check_close(got[name]['load_learner'], want[name])
    check_close(got[name]['proxies'], proxies(here[name]).features.detach())
    assert here[name].opt is not None and here[name].dls.train_ds is not None
    return 'the same predictions in a new process, proxies on board'

@habit('`get_preds`')
def get_preds(name):
    learn = new(name)
    learn.fit(1, 1e-2)
    before = state(learn)
    pred, targ, loss = learn.get_preds(with_loss=True)
    learn.model.eval()
    with torch.no_grad(): out = [learn.model(*b[:-1]) for b in learn.dls.valid]
    by_hand = torch.cat([o[0] if isinstance(o, tuple) else o for o in out])
    # a text loader has an order of its own
    check_close(pred.flatten().sort()[0], torch.as_tensor(by_hand).flatten().sort()[0])
    check_close(loss.flatten(), (pred.flatten() - targ.flatten())**2, rtol=1e-5)
    same(state(learn), before)
    assert find_head(learn.model).z is None
    return 'what the model says; nothing changes, no feature is kept'

@habit('`predict`')
def predict(name):
    learn = new(name)
    learn.fit(1, 1e-2)
    item = learn.row if name == 'tabular' else learn.dls.valid_ds[0][
        0] if name == 'plain' else learn.dls.valid_ds.items.iloc[0]
    check_close(torch.as_tensor(learn.predict(item)[2]).flatten(), predictions(learn)[0].flatten(), rtol=1e-4)
    return 'one item as in `get_preds`'

@habit('`validate`')
def validate(name):
    learn = new(name, metrics=ShotMetric(bins()))
    learn.fit(1, 1e-2)
    loss, mae = learn.validate()
    pred, targ = learn.get_preds()
    check_close(loss, ((pred.flatten() - targ.flatten())**2).mean(), rtol=1e-5)
    check_close(mae, (pred.flatten() - targ.flatten()).abs().mean(), rtol=1e-5)
    return 'the regression loss alone'

@habit('`tta`')
def tta(name):
    learn = new(name)
    learn.fit(1, 1e-2)
    if name in ('plain', 'tabular'):
        try: learn.tta(n=2)
        except AttributeError:
            raise DoesNotApply('the data have no item transforms to draw again, with PRIME as without')
        raise AssertionError('tta works, and the table says it does not apply')
    pred, average = predictions(learn), learn.tta(n=2)[0]
    assert average.shape == pred.shape and average.isfinite().all()
    aug, plain = learn.tta(n=3, beta=None)[0]
    check_close(plain, pred)
    check_close(learn.tta(n=1, beta=1.)[0], pred)
    return 'predictions of augmented pictures' if name == 'vision' else 'no augmentation to average: the predictions'

class Mixed(Callback):
    "Keeps what MixUp made of the targets, and what PRIME says of them"
    order = 50
    def after_loss(self):
        if not self.training or hasattr(self, 'y'): return
        m = self.mix_up
        want = m.yb1[0] + m.lam.reshape(-1, *[1]*(self.y.ndim-1))*(self.unmixed - m.yb1[0])
        check_close(self.y.as_subclass(torch.Tensor), want.as_subclass(torch.Tensor), rtol=1e-6)
        self.y, head, loss = self.y.as_subclass(torch.Tensor).reshape(len(self.y), -1)[:, 0], find_head(
            self.model), self.prime.prime_loss
        T = target_association(self.y, head.proxies.targets, loss.tau_t, head.proxies.scale)
        logits = association_logits(
            head.z.detach().as_subclass(torch.Tensor), head.proxies.features.detach(), loss.tau_f)
        check_close(T.sum(1), torch.ones(len(T)), rtol=1e-5)
        check_close(self.prime._sums['align'], alignment_loss(logits, T), rtol=1e-5)

class Unmixed(Callback):
    "The targets before MixUp"
    order = MixUp.order - 1
    def before_batch(self): self.mixed.unmixed = self.learn.yb[0].clone()

@habit('MixUp')
def mixup(name):
    learn = new(name)
    if name in ('text', 'tabular'):
        try: learn.fit(1, cbs=MixUp())
        except (RuntimeError, AttributeError):
            raise DoesNotApply(
                'MixUp blends inputs, and ' + ('words' if name == 'text' else 'categories')
                + ' are whole numbers, with PRIME as without')
        raise AssertionError('MixUp works, and the table says it does not apply')
    learn.fit(2, 1e-2, cbs=[MixUp(), Mixed(), Unmixed()])
    learn = new(name)
    said = learns(learn, lambda: learn.fit(3, 1e-2, cbs=MixUp()))
    return 'aligned to the proxies of the mixed target, checked by hand; ' + said

@habit('fresh `DataLoaders`')
def fresh_dls(name):
    learn, other = new(name), new(name, data=1)
    learn.fit(1, 1e-2)
    places = proxies(learn).targets.clone()
    want = predictions(learn, dl=other.dls.valid)
    learn.dls = other.dls
    check_close(predictions(learn), want)
    check_close(predictions(strip_learner(learn)), want)
    learns(learn, lambda: learn.fit(2, 1e-2))
    check_close(proxies(learn).targets, places)
    return 'the same predictions; training goes on with the proxies where they were'

def strip_learner(learn):
    "A learner without callbacks of ours, whose model has no head"
    kept = [type(cb)() for cb in learn.cbs if cb.name in ('model_resetter', 'rnn')]
    return quiet(Learner(learn.dls, strip(learn.model), loss_func=MSELossFlat(), path=learn.path, cbs=kept))

@habit('PRIME, RankSim, ConR, FDS and a metric together')
def several(name):
    def cbs(): return [prime(), FeatureLoss(RankSim(), .5), FeatureLoss(ConR(), .1), FDS(bins(), online=True)]
    class First(Callback):
        order, run_valid = -1, False
        def after_loss(self): self.start = self.loss_grad.detach()
    class Sum(Callback):
        order, run_valid = FDS.order + 1, False
        def after_loss(self):
            parts = [cb._sums['total'] for cb in (self.prime, self.rank_sim, self.con_r)]
            if self.iter == 0:
                check_close((self.loss_grad.detach() - self.first.start).as_subclass(torch.Tensor),
                            sum(parts),
                            rtol=1e-4)
    values = []
    for turn in (cbs(), cbs()[::-1]):
        learn = new(name, turn, metrics=ShotMetric(bins()))
        learn.fit(2, 1e-2, cbs=[SeedEpochs(), First(), Sum()])
        values.append(history(learn))
        once(learn)
    assert all(cb.losses for cb in (learn.prime, learn.rank_sim, learn.con_r))
    a, b = (np.sort(rows) for rows, _ in values) # columns stand in the order of the callbacks
    check_close(a, b, rtol=1e-4)
    return 'losses add up; whichever is named first, the figures are the same'

@habit('`strip` after training')
def stripped(name):
    learn, never = new(name), new(name, cbs=None)
    learn.fit(1, 1e-2)
    lean = strip(learn.model)
    assert lean.state_dict().keys() == never.model.state_dict().keys() and find_head(lean) is None
    assert not any(isinstance(m, Proxies) for m in lean.modules()) and find_head(learn.model) is not None
    check_close(predictions(strip_learner(learn)), predictions(learn))
    never.model.load_state_dict(lean.state_dict())
    check_close(predictions(never), predictions(learn))
    return 'the same predictions, and weights that fit a model that never had PRIME'

@habit('`GradientAccumulation`')
def accumulation(name):
    learn = new(name)
    steps = []
    class Steps(Callback):
        def after_step(self): steps.append(self.iter)
    said = learns(learn, lambda: learn.fit(3, 1e-2, cbs=[GradientAccumulation(2*BS), Steps()]))
    assert len(steps) == 3*(len(learn.dls.train)//2)
    return said + ', one step in two batches'

@habit('`GradientClip`')
def clip(name):
    learn, norms = new(name, [prime(lambda_a=1e3)]), []
    class Norm(Callback):
        order = GradientClip.order + 1
        def before_step(self):
            norms.append(torch.stack([p.grad.norm() for p in self.model.parameters() if p.grad is not None]).norm())
    learn.fit(1, 1e-3, cbs=[GradientClip(1.), Norm()])
    check_close(norms[0].as_subclass(torch.Tensor), 1., rtol=1e-3)
    return 'the norm over weights and proxies is clipped'

@habit('`ReduceLROnPlateau`')
def plateau(name):
    learn = new(name)
    learn.fit(4, 1e-2, cbs=ReduceLROnPlateau(min_delta=1e9, patience=1, factor=10.))
    assert learn.opt.hypers[-1]['lr'] < 1e-2
    return 'the rate of the proxies falls with that of the head'

@habit('`remove_cb`, attached again')
def removed(name):
    learn = new(name)
    learn.fit(1, 1e-2)
    cb, logged = learn.prime, []
    class Watch(Callback):
        run_valid = False
        def after_loss(self): logged.append(float(self.loss - self.learn.loss_func(self.pred, *self.yb)))
    learn.remove_cb(cb)
    learn.fit(1, 1e-3, cbs=Watch())
    assert name == 'text' or max(map(abs, logged)) < 1e-6 # a text learner adds terms of its own
    learn.add_cb(cb)
    assert learns(learn, lambda: learn.fit(2, 1e-2))
    once(learn)
    return 'without it the loss is the regression loss; with it again the proxies go on'

@habit('`Interpretation`')
def interpretation(name):
    learn = new(name)
    learn.fit(1, 1e-2)
    worst, at = quiet_interpretation(learn).top_losses(3)
    pred, targ, losses = learn.get_preds(with_loss=True)
    check_close(worst.flatten(), losses.flatten().sort(descending=True)[0][:3], rtol=1e-5)
    return 'the largest regression losses'

def quiet_interpretation(learn):
    with learn.no_bar(): return Interpretation.from_learner(learn)

CELLS = [(title, name) for title in HABITS for name in KINDS]

def run_cell(title, name):
    "What the cell says; `DoesNotApply` with a reason, or an error"
    return HABITS[title](name)
