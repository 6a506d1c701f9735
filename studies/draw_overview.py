"""Draw nbs/images/overview.png, the picture of the front page: where the data are, and what that costs with each
method.

    python studies/draw_overview.py [OUT]

Left the training ages of the face twin, right its results under results/agedb-twin. The numbers that were drawn are
kept inside the picture (`drawn`), so that a test can tell whether it is still what the results say. The background is
clear, and the tones can be read on white and on black."""
import json, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT, INK = ROOT/'nbs'/'images'/'overview.png', '#808080'
METHODS = {'sqinv': ('weights', '#8C8C8C'), 'prime': ('+ PRIME', '#5B8DEF'), 'prime+prw': ('+ PRIME + PRW', '#2E9E6B')}
SHOTS = {'Many': '#2F7FBF', 'Median': '#D17A00', 'Few': '#B5226F'}    # as in prime_nb.plots


def numbers():
    "Method -> shot -> mean and standard deviation over seeds, of the mean absolute error in years"
    from prime_nb.bench.report import summarize
    rows = {row['method']: row for row in summarize(ROOT/'results', 'agedb-twin')['rows']}
    return {
        m: {s: [round(rows[m]['metrics'][f'MAE/{s}'][k], 3) for k in ('mean', 'std')] for s in SHOTS} for m in METHODS
    }

def drawn(path=OUT):
    "The numbers that a picture was drawn from"
    from PIL import Image
    return json.loads(Image.open(path).text['numbers'])

def draw_ages(ax):
    "Training faces by age, coloured by shot"
    import numpy as np
    from prime_nb.twins.faces import face_ages
    from prime_nb.targets import LabelBins
    bins = LabelBins(face_ages()[0], width=1, shots=(25, 5))
    ax.bar(bins.centers, bins.counts, 1, color=np.array(list(SHOTS.values()))[bins.shot_of_bin])
    ax.set(xlabel='age (years)', ylabel='training faces')
    ax.set_title('Many faces of 35, few of 5 or 90', loc='left')

def draw_errors(ax, found):
    "Error by shot, a bar for each method"
    for i, (m, (label, color)) in enumerate(METHODS.items()):
        mean, std = zip(*found[m].values())
        at = [j + .27*(i-1) for j in range(len(SHOTS))]
        ax.bar(at, mean, .25, yerr=std, color=color, ecolor=INK, capsize=2, label=label)
        for x, v, s in zip(at, mean, std): ax.text(x, v + s + .15, f'{v:.1f}', ha='center', va='bottom', fontsize=8)
    ax.set_xticks(range(len(SHOTS)), [f'{s.lower()}-shot ages' for s in SHOTS])
    for tick, color in zip(ax.get_xticklabels(), SHOTS.values()): tick.set_color(color)
    ax.set(ylabel='error (years)', ylim=(0, 15))
    ax.set_title('Errors are largest where faces are rare, and fall with PRIME', loc='left')
    ax.legend(ncols=3, loc='upper left', fontsize=8, frameon=False)

def main(argv=None):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    out, found = Path((argv or sys.argv[1:] or [OUT])[0]), numbers()
    ink = dict.fromkeys(
        ('text.color', 'axes.labelcolor', 'axes.edgecolor', 'xtick.color', 'ytick.color', 'axes.titlecolor'), INK)
    with plt.rc_context(ink |
                        {'font.size': 10, 'axes.titlesize': 11, 'axes.spines.top': False, 'axes.spines.right': False}):
        fig, axs = plt.subplots(1, 2, figsize=(10, 3.3), dpi=130, width_ratios=(4, 6), layout='constrained')
        draw_ages(axs[0])
        draw_errors(axs[1], found)
        for ax in axs: ax.set_facecolor('none')
        fig.savefig(out, facecolor='none', metadata=dict(numbers=json.dumps(found), Software=None))
    print(f'{out.name}: {out.stat().st_size/1000:.0f} kB')


if __name__ == '__main__': sys.exit(main())
