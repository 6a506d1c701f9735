"""Everything that a GPU can tell, in one script of ten minutes at most: one JSON file for each part.

    python studies/cost_gpu.py --out results/cost --data FOLDER

Parts: `steps`, a step of a ResNet-50 at 224 px with each method against SQInv; `losses`, the losses by themselves;
`half`, `to_fp16` of fastai with and without PRIME; `compile`, PRIME's loss compiled as one graph against the eager one;
`faces`, SQInv and PRIME on the pictures of FOLDER (left out without it), a pair of seeds after the other until the time
is up. A part that fails writes its error and the next one begins. `--small` makes every part tiny, for a CPU. Rendered
by nbs/studies/04_cost.ipynb, which says so where it has not been run."""
import argparse, sys, time, traceback
from pathlib import Path

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from fastai.losses import L1LossFlat

import cost_losses, cost_training
from cost_losses import make_problem, milliseconds, step
from prime_nb.bench.results import read_dataset
from prime_nb.bench.run import plan, run_jobs
from prime_nb.bench.tasks.catalog import get_task
from prime_nb.callback.prime import PRIME
from prime_nb.data.memory import tensor_dls
from prime_nb.files import write_json
from prime_nb.methods.training import versions
from prime_nb.models.backbone import backbone
from prime_nb.objective import PrimeLoss
from prime_nb.proxies import make_proxies

METHODS = ['sqinv', 'prime', 'prime+prw', 'prime+cb', 'prime+ldam', 'ranksim', 'conr', 'fds-online']

def steps(a):
    "A step of a network with each method, next to one of SQInv"
    size = '--model small --size 32 --batch 8 --steps 2' if a.small else '--model resnet50 --size 224 --batch 64'
    cost_training.main([
        *METHODS, *size.split(), '--bf16', '--channels-last', '--no-scaling', '--device', a.device,
        '--out', str(a.out/'training-gpu.json')])

def losses(a):
    "The losses by themselves"
    size = '--batch 8 --features 16 --repeats 1' if a.small else '--batch 64 256 1024'
    cost_losses.main([*size.split(), '--no-naive', '--device', a.device, '--out', str(a.out/'losses-gpu.json')])

def half(a):
    "Seconds of an epoch in float32 and with `to_fp16`, with and without PRIME, and whether all losses are finite"
    n, px, arch = (32, 32, 'small') if a.small else (2048, 224, 'resnet50')
    g = torch.Generator().manual_seed(0)
    y = (100*torch.rand(n, 1, generator=g)**2).round()
    x = torch.rand(n, 3, px, px, generator=g)
    class Finite(Callback):
        "Notes a loss that is not finite"
        ok = True
        def after_loss(self): self.ok = self.ok and bool(self.learn.loss.isfinite())
    def epoch(prime, fp16):
        dls = tensor_dls((x, y), (x[:8], y[:8]), bs=8 if a.small else 64, device=a.device)
        finite = Finite()
        cbs = [finite, *([PRIME()] if prime else [])]
        learn = Learner(dls, backbone(arch), loss_func=L1LossFlat(), cbs=cbs, lr=1e-4)
        if fp16: learn.to_fp16()
        with learn.no_bar(), learn.no_logging():
            learn.fit(1)
            start = time.perf_counter()
            learn.fit(1)
            if x.is_cuda or a.device == 'cuda': torch.cuda.synchronize()
        return dict(prime=prime, fp16=fp16, seconds=time.perf_counter() - start, finite=finite.ok)
    precisions = [False, True] if a.device == 'cuda' else [False] # its gradient scaler needs a GPU
    rows = [epoch(prime, fp16) for fp16 in precisions for prime in (False, True)]
    write_json(a.out/'half-gpu.json', dict(rows=rows, model=arch, size=px, versions=versions(a.device)))

def compiled(a):
    "PRIME's loss compiled as one graph: milliseconds next to the eager one, and the largest difference of gradients"
    rows = []
    for B in (8,) if a.small else (64, 256):
        p = make_problem(B, 32 if a.small else 2048, device=a.device)
        proxies = make_proxies(np.arange(102.), 20, p.z.shape[1]).to(a.device)
        loss = PrimeLoss()
        both = [loss, torch.compile(loss, fullgraph=True)]
        ms = [milliseconds(lambda f=f: step(lambda z, y, pred: f(proxies, z, y).total, p), 30) for f in both]
        z = p.z.detach().requires_grad_()
        grads = [torch.autograd.grad(f(proxies, z, p.y).total, z)[0] for f in both]
        gap = float((grads[0] - grads[1]).abs().max()/grads[0].abs().max())
        rows.append(dict(batch=B, eager_ms=ms[0], compiled_ms=ms[1], largest_difference=gap))
    write_json(a.out/'compile-gpu.json', dict(rows=rows, versions=versions(a.device)))

def faces(a):
    "SQInv and PRIME on a folder of pictures, pairs of seeds until the time is up"
    changes = {'epochs': 1, 'data.size': 16} if a.small else {'epochs': 40, 'net': 'resnet18', 'data.size': 64}
    task, out = get_task('folder', a.data), a.out/'faces-gpu'
    seed, longest = 0, 0.
    while time.perf_counter() + longest < a.end and seed < (1 if a.small else 20):
        start = time.perf_counter()
        jobs = plan(task, ['sqinv', 'prime'], [seed], out, changes=changes, folder=a.data, device=a.device)
        failed = run_jobs(jobs)
        if failed: raise RuntimeError(f'{len(failed)} runs failed: see {failed[0].beside(".error.json")}')
        longest, seed = max(longest, time.perf_counter() - start), seed + 1
    runs = read_dataset(out, task.name).runs
    done = [(name, s, run) for name, by_seed in runs.items() for s, run in by_seed.items()]
    rows = [dict(method=name, seed=s, metrics=run['metrics'], seconds=run['seconds']) for name, s, run in done]
    write_json(a.out/'faces-gpu.json', dict(rows=rows, changes=changes, versions=versions(a.device)))

PARTS = dict(steps=steps, losses=losses, half=half, compile=compiled, faces=faces)

def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('parts', nargs='*', help=f'which of {", ".join(PARTS)}; all by default')
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    parser.add_argument('--data', help='folder with pictures and a table, for `faces`')
    parser.add_argument('--minutes', type=float, default=9.5, help='no seed of `faces` is begun after them')
    parser.add_argument('--device', default='cuda', help='cuda, cpu, ...')
    parser.add_argument('--small', action='store_true', help='tiny sizes, to try the script')
    a = parser.parse_args(argv)
    for name in a.parts:
        if name not in PARTS: parser.error(f'unknown part: got {name!r}, expected one of {list(PARTS)}')
    a.end, failed = time.perf_counter() + 60*a.minutes, 0
    a.out.mkdir(parents=True, exist_ok=True)
    for name in a.parts or PARTS:
        if name == 'faces' and not a.data:
            print('faces: left out, no --data')
            continue
        start = time.perf_counter()
        try: PARTS[name](a)
        except Exception as e:
            failed += 1
            error = f'{type(e).__name__}: {e}'
            write_json(a.out/f'{name}-error.json', dict(error=error, traceback=traceback.format_exc()))
            print(f'{name}: FAILED, {error}')
        else: print(f'{name}: done in {time.perf_counter() - start:.0f} s')
    return failed


if __name__ == '__main__': sys.exit(main())
