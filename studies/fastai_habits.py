"""Run the cells of tests/habits.py and write them as a table.

    python studies/fastai_habits.py [--out results/habits.json]

The exit status is 1 if a cell fails. It needs the installed package only, so that it also runs beside the newest
fastai."""
import argparse, contextlib, io, json, platform, sys, warnings
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT/'tests'))
PACKAGES = 'prime_nb', 'fastai', 'fastcore', 'torch', 'torchvision', 'numpy', 'pandas'


def run(title, name):
    "One cell: whether it holds (None: it does not apply), and what it says"
    import habits
    try:
        with contextlib.redirect_stdout(io.StringIO()): return True, habits.run_cell(title, name)
    except habits.DoesNotApply as e: return None, str(e)
    except Exception as e: return False, f'{type(e).__name__}: {e}'

def table():
    "All cells, and with what they were run"
    import habits
    cells = [
        dict(zip(('habit', 'kind', 'holds', 'says'), (title, name, *run(title, name)))) for title, name in habits.CELLS
    ]
    versions = {p: version(p) for p in PACKAGES} | dict(python=platform.python_version(), machine=platform.machine())
    return dict(versions=versions, kinds={name: f.__doc__ for name, f in habits.KINDS.items()}, cells=cells)

def main(argv=None):
    p = argparse.ArgumentParser(description='Run the cells of tests/habits.py.')
    p.add_argument('--out', help='JSON file to write')
    a = p.parse_args(argv)
    import torch
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        found = table()
    for c in found['cells']:
        if c['holds'] is False: print(f'FAILS  {c["habit"]}, {c["kind"]}: {c["says"]}')
    count = [sum(c['holds'] is v for c in found['cells']) for v in (True, False, None)]
    print('{} holds, {} fails, {} does not apply'.format(*count))
    if a.out:
        Path(a.out).parent.mkdir(parents=True, exist_ok=True)
        Path(a.out).write_text(json.dumps(found, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    return int(count[1] > 0)

if __name__ == '__main__': sys.exit(main())
