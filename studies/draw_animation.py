"""Draw nbs/images/proxies.webp: proxies find their order, and features join them.

    python studies/draw_animation.py [OUT] [--frames 72]

The same toy as in chapter 5 of the book: 240 free features in the plane, ten proxies, skewed targets. First the proxies
move alone, then the features join. The background is transparent and the colours stand out on white and on black. The
film plays three times and stops at its last picture."""
import argparse, io, sys
from pathlib import Path

import matplotlib
import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
INK, TONES = '#808080', ['#2F7FBF', '#B5226F', '#D17A00']    # targets: small, middle, large
N, C = 240, 10
ALONE, STEPS = 120, 760    # features, proxies, steps of proxies alone, steps


def train(seed=0):
    "Targets, and features and proxies after each step"
    from prime_nb.objective import PrimeLoss
    from prime_nb.proxies import make_proxies
    torch.manual_seed(seed)
    y = torch.tensor(np.clip(np.random.default_rng(seed).normal(40, 18, N), 0, 100), dtype=torch.float32)
    z, proxies = torch.nn.Parameter(.8*torch.randn(N, 2)), make_proxies(y, C, 2)
    proxies.features.data = torch.randn(C, 2)
    loss, opt, path = PrimeLoss(tau_f=2., distance='euclidean'), torch.optim.Adam([z, proxies.features], .03), []
    for step in range(STEPS):
        path.append((z.detach().clone(), proxies.features.detach().clone()))
        terms = loss(proxies, z, y)
        opt.zero_grad()
        (terms.proxy if step < ALONE else terms.total).backward()
        opt.step()
    return y, proxies.targets, path

def upright(path):
    "Turn the plane so that the final row of proxies runs from left (small targets) to right, in every frame alike"
    last = path[-1][1]
    row = torch.linalg.svd(last - last.mean(0))[2]
    if ((last[-1] - last[0]) @ row[0]) < 0: row = -row
    return [(z @ row.T, p @ row.T) for z, p in path]

def frame(plt, y, targets, z, p, title):
    "One picture, RGBA"
    from PIL import Image
    fig, ax = plt.subplots(figsize=(4.8, 3.3), dpi=100, facecolor='none')
    cmap = matplotlib.colors.LinearSegmentedColormap.from_list('tones', TONES)
    ax.scatter(*z.T, c=y, cmap=cmap, vmin=0, vmax=100, s=13, lw=0)
    ax.scatter(*p.T, c=targets, cmap=cmap, vmin=0, vmax=100, marker='D', s=58, edgecolor=INK, lw=1.3, zorder=3)
    ax.set(xlim=(-2.6, 2.6), ylim=(-1.8, 1.8), aspect='equal')
    ax.axis('off')
    ax.set_title(title, color=INK, fontsize=11)
    fig.subplots_adjust(0, 0, 1, .92)
    buffer = io.BytesIO()
    fig.savefig(buffer, format='png', facecolor='none')
    plt.close(fig)
    return Image.open(buffer).convert('RGBA')

def draw(out, frames=72):
    "Write the film"
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    y, targets, path = train()
    path = upright(path)
    together = ALONE + (STEPS - 1 - ALONE)*np.linspace(0, 1, 2*frames//3)**1.6
    steps = np.unique(np.r_[np.linspace(0, ALONE, frames//3), together].astype(int))
    def title(s): return 'Proxies find their order ...' if s < ALONE else '... and features join them'
    films = [frame(plt, y, targets, *path[s], title(s)) for s in steps]
    pause = [900 if s == 0 else 2500 if s == steps[-1] else 70 for s in steps]
    out.parent.mkdir(parents=True, exist_ok=True)
    films[0].save(
        out, save_all=True, append_images=films[1:], duration=pause, loop=3, quality=70, method=4, minimize_size=True)
    return films

def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out', nargs='?', type=Path, default=ROOT/'nbs'/'images'/'proxies.webp')
    parser.add_argument('--frames', type=int, default=72)
    args = parser.parse_args(argv)
    films = draw(args.out, args.frames)
    print(f'{args.out.name}: {len(films)} frames, {args.out.stat().st_size/1000:.0f} kB')


if __name__ == '__main__': sys.exit(main())
