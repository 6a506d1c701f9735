"""Half precision, memory formats and `torch.compile`: the losses are those of float32 within a stated tolerance, and
compile without a break in the graph. What needs a GPU is skipped where there is none."""
from functools import lru_cache

import numpy as np, pytest, torch
import torch._dynamo as dynamo
from fastai.callback.channelslast import ChannelsLast
from fastai.callback.training import GradientClip
from fastai.learner import Learner
from fastai.losses import MSELossFlat
from fastai.torch_core import set_seed

from prime_nb.alignment import alignment_loss, association_logits, target_association
from prime_nb.baselines.conr import ConR
from prime_nb.baselines.denseweight import DenseWeight
from prime_nb.baselines.dist_loss import DistLoss
from prime_nb.baselines.balanced_mse import BMC
from prime_nb.baselines.ordinal_entropy import OrdinalEntropy
from prime_nb.baselines.rank_n_contrast import RankNContrast
from prime_nb.baselines.ranksim import RankSim
from prime_nb.baselines.srl import SRL
from prime_nb.callback.devices import Autocast
from prime_nb.callback.prime import PRIME
from prime_nb.checks import check_close
from prime_nb.twins.faces import FaceTwin, face_dls
from prime_nb.losses import LOSSES, regression_loss
from prime_nb.models.backbone import SmallResNet
from prime_nb.objective import PrimeLoss
from prime_nb.proxies import CentroidProxies, make_proxies, proxy_loss
from prime_nb.targets import LabelBins

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU with CUDA: none here')
B, F, C = 32, 24, 6
TOLERANCE = {torch.bfloat16: .02, torch.float16: .004} # of losses; the rounding of one feature is 2^-9 and 2^-12


def batch(dtype=torch.float32, seed=0):
    "Features of that precision, targets with ties, predictions"
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 30, (B,), generator=g).float()
    z = torch.randn(B, F, generator=g) + y[:, None]/10
    return z.to(dtype).requires_grad_(), y, (y + torch.randn(B, generator=g)).to(dtype).requires_grad_()

def bins(): return LabelBins(np.arange(30.).repeat(4), n_bins=15)

def prime(cls=None, **kw):
    torch.manual_seed(0)
    proxies, loss = make_proxies(np.arange(31.), C, F, **(dict(cls=cls) if cls else {})), PrimeLoss(**kw)
    return lambda z, y, pred: loss(proxies, z, y).total

def seeded(loss):
    "A loss that draws at random, with the same draw at each call"
    def f(z, y, pred):
        torch.manual_seed(0)
        return loss(z, y)
    return f

PRIMES = {
    'prime': prime(), 'prw': prime(technique='prw'), 'cb': prime(technique='cb'), 'ldam': prime(technique='ldam'),
    'euclidean': prime(distance='euclidean'), 'normalized': prime(distance='normalized_euclidean'), 'one-hot':
        prime(one_hot=True), 'centroid': prime(CentroidProxies)
}
PF = torch.randn(C, F, generator=torch.Generator().manual_seed(5))

def parts(z, y, pred):
    t = torch.linspace(1, 29, C, device=y.device)
    T = target_association(y, t, 5., 30.)
    return alignment_loss(association_logits(z, PF.to(z.device), 5.), T)

def proxy_part(z, y, pred):
    return proxy_loss(PF + z.float().mean(0), torch.linspace(1, 29, C), 5., 5., alpha=.005, scale=30.)
ON_FEATURES = PRIMES | {'alignment': parts, 'proxy_loss': proxy_part}
PAIRS = {
    'ranksim': seeded(RankSim()), 'conr': lambda z, y, pred: ConR()(z, y, pred),
    'rnc': lambda z, y, pred: RankNContrast()(z, y), 'ordinal_entropy': lambda z, y, pred: OrdinalEntropy()(z, y),
    'srl': lambda z, y, pred: SRL(bins(), n_points=50)(z, y)
}
def on_pred(loss): return lambda z, y, pred: loss(pred, y)
ON_PREDICTIONS = {n: on_pred(loss) for n, loss in dict(
    {n: regression_loss(n, bins().lookup('sqrt_inverse')) for n in LOSSES}, bmc=BMC(), dist=DistLoss(np.arange(30.)),
    denseweight=regression_loss('l1', DenseWeight(np.arange(30.)))).items()}
ALL = ON_FEATURES | PAIRS | ON_PREDICTIONS


def value_and_gradient(f, z, y, pred):
    v = f(z, y, pred)
    g = torch.autograd.grad(v, [z, pred], allow_unused=True)
    return v.detach(), next(x for x in g if x is not None)

@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize('name', ALL)
def test_a_loss_of_half_precision_inputs_is_computed_in_float32(name, dtype):
    z, y, pred = batch(dtype)
    v, g = value_and_gradient(ALL[name], z, y, pred)
    assert v.dtype == torch.float32 and v.isfinite() and g.dtype == dtype and g.isfinite().all()
    wide = [t.detach().float().requires_grad_() for t in (z, pred)]
    w, h = value_and_gradient(ALL[name], wide[0], y, wide[1])
    check_close(v, w, rtol=1e-5)                    # of the same, rounded inputs: nothing more is lost
    # the gradient is rounded on its way back
    check_close(g.float(), h, rtol=2**-7 if dtype == torch.bfloat16 else 2**-9)

@pytest.mark.parametrize('dtype', TOLERANCE, ids=str)
@pytest.mark.parametrize('name', [*ON_FEATURES, *ON_PREDICTIONS, 'rnc', 'srl', 'ordinal_entropy'])
def test_rounded_inputs_give_nearly_the_loss(name, dtype):
    full, half = (ALL[name](*batch(d)).detach() for d in (torch.float32, dtype))
    check_close(half, full, rtol=TOLERANCE[dtype], atol=1e-3)

@pytest.mark.parametrize('name', ALL)
def test_autocast_changes_nothing(name):
    z, y, pred = batch()
    want, grad = value_and_gradient(ALL[name], z, y, pred)
    with torch.autocast('cpu', torch.bfloat16): got = ALL[name](z, y, pred)
    check_close(got.detach(), want, rtol=1e-6)
    g = torch.autograd.grad(got, [z, pred], allow_unused=True)
    check_close(next(x for x in g if x is not None), grad, rtol=1e-5)

@pytest.mark.parametrize('name', PRIMES)
def test_large_features_in_float16_stay_finite(name):
    z, y, pred = batch(torch.float16)
    v, g = value_and_gradient(PRIMES[name], (z.detach()*2e3).requires_grad_(), y, pred)
    assert v.isfinite() and g.isfinite().all()


# On pictures

@lru_cache(maxsize=None)
def twin(): return FaceTwin(.01, 32, 1, 1)

def faces(cbs=(), device='cpu'):
    set_seed(0)
    return Learner(
        face_dls(twin(), 32, seed=0, device=device),
        SmallResNet(n_features=16),
        loss_func=MSELossFlat(),
        cbs=[PRIME(5, lambda_p=1., lambda_a=1., tau_f=5., tau_t=5., alpha=.005, target_scale='range'), *cbs])

def fitted(learn, n=1, lr=1e-3):
    with learn.no_bar(), learn.no_logging(): learn.fit(n, lr)
    return learn

def terms(*cbs, lr=0.): return fitted(faces(cbs), lr=lr).prime.losses[0]

def test_bfloat16_on_the_face_twin():
    half, full = terms(Autocast()), terms()
    for k in full: check_close(half[k], full[k], rtol=.01, msg=k)

def test_training_in_bfloat16_learns_as_float32_does():
    before = faces().validate()[0]
    half, full = (fitted(faces(c), 2, 3e-2).validate()[0] for c in ([Autocast()], []))
    assert half < before and full < before
    check_close(half, full, rtol=.25)

def test_channels_last_changes_nothing():
    a, b = terms(ChannelsLast()), terms()
    for k in b: check_close(a[k], b[k], rtol=1e-4, msg=k)

def test_gradients_are_clipped_in_bfloat16_too():
    norms = []
    class Norm(GradientClip):
        order = GradientClip.order + 1
        def before_step(self): norms.append(torch.stack([p.grad.norm() for p in self.model.parameters()]).norm())
    fitted(faces([Autocast(), GradientClip(1e-2), Norm()]))
    check_close(torch.stack(norms).max(), 1e-2, rtol=.01)


# torch.compile

WHOLE = [*PRIMES, 'alignment', 'proxy_loss', *LOSSES, 'denseweight']
BREAKS = {
    'ranksim': 'which labels are equal decides the shape', 'conr': 'which pairs are confused decides the shape', 'bmc':
        'it takes fastai’s type from its inputs', 'dist': 'it takes fastai’s type from its inputs', 'rnc':
            'near pairs are listed', 'ordinal_entropy': 'which labels are equal decides the shape', 'srl':
                'which bins are known decides the shape'
}

@pytest.fixture(autouse=True)
def fresh():
    dynamo.reset()
    yield
    dynamo.reset()

@pytest.mark.parametrize('name', WHOLE)
def test_it_compiles_without_a_break_in_the_graph(name):
    z, y, pred = batch()
    f = ALL[name]
    f(z, y, pred) # what is made at the first call is made
    want, grad = value_and_gradient(f, z, y, pred)
    got, g = value_and_gradient(torch.compile(f, fullgraph=True, backend='eager'), z, y, pred)
    check_close(got, want, rtol=1e-6)
    check_close(g, grad, rtol=1e-5)

@pytest.mark.parametrize('name', ['prime', 'ldam', 'l1', 'focal_l1'])
def test_its_backward_pass_is_traced_too(name):
    z, y, pred = batch()
    want, grad = value_and_gradient(ALL[name], z, y, pred)
    got, g = value_and_gradient(torch.compile(ALL[name], fullgraph=True, backend='aot_eager'), z, y, pred)
    check_close(got, want, rtol=1e-6)
    check_close(g, grad, rtol=1e-5)

@pytest.mark.parametrize('name', BREAKS)
def test_others_compile_with_breaks_and_say_the_same(name):
    z, y, pred = batch()
    want, grad = value_and_gradient(ALL[name], z, y, pred)
    got, g = value_and_gradient(torch.compile(ALL[name], backend='eager'), z, y, pred)
    check_close(got, want, rtol=1e-5)
    check_close(g, grad, rtol=1e-4)

@pytest.mark.parametrize('name', BREAKS)
def test_they_really_break(name):
    z, y, pred = batch()
    with pytest.raises(dynamo.exc.TorchDynamoException):
        torch.compile(ALL[name], fullgraph=True, backend='eager')(z, y, pred)

def test_a_wrapped_model_compiles_whole():
    learn = faces()
    x, y = learn.dls.one_batch()
    model = torch.compile(learn.model.eval(), fullgraph=True, backend='eager')
    with torch.no_grad(): check_close(model(x), learn.model(x), rtol=1e-5)

@pytest.mark.slow
@pytest.mark.parametrize('name', ['prime', 'ldam'])
def test_inductor_says_the_same(name):
    z, y, pred = batch()
    want, grad = value_and_gradient(ALL[name], z, y, pred)
    got, g = value_and_gradient(torch.compile(ALL[name], fullgraph=True), z, y, pred)
    check_close(got, want, rtol=1e-5)
    check_close(g, grad, rtol=1e-4)


# On a GPU

@needs_cuda
@pytest.mark.parametrize('how', ['to_fp16', 'to_bf16'])
def test_fastais_mixed_precision_on_the_face_twin(how):
    def losses(half):
        learn = faces(device='cuda')
        if half: getattr(learn, how)()
        return fitted(learn, lr=0.).prime.losses[0]
    half, full = losses(True), losses(False)
    for k in full: check_close(half[k], full[k], rtol=.02, msg=k)

@needs_cuda
def test_a_step_on_the_gpu_equals_that_on_the_cpu():
    z, y, pred = batch()
    want = parts(z, y, pred).detach()
    got = parts(z.cuda(), y.cuda(), pred.cuda()).detach().cpu()
    check_close(got, want, rtol=1e-4)
