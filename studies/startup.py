"""Seconds until a command answers or the library is there, next to an import that everybody knows.

    python studies/startup.py --out results/cost/startup.json

Rendered by nbs/studies/04_cost.ipynb. Each start is a process of its own. Ours and the reference take turns, and the
figure is the ratio of their medians. One start of each goes before and does not count: it compiles and warms the
disk's cache. What a start says on standard error is written down too: a user should see no warning of a library."""
import argparse, os, platform, statistics, subprocess, sys, time
from importlib.metadata import version
from typing import NamedTuple

from prime_nb.files import write_json


class Start(NamedTuple):
    "What is started, what it is compared with, and the ratio that is asked for"
    code: str
    reference: str
    limit: float

PANDAS, FASTAI = 'import pandas', 'from fastai.vision.all import *'

def command(module, name, option): return f'from prime_nb.cli.{module} import {name}; {name}(["{option}"])'

STARTS = {
    'prime_fit --help': Start(command('fit', 'prime_fit', '--help'), PANDAS, 1.2),
    'prime_bench --help': Start(command('bench', 'prime_bench', '--help'), PANDAS, 1.2),
    'prime_bench --list': Start(command('bench', 'prime_bench', '--list'), PANDAS, 1.2),
    'from prime_nb.all import *': Start('from prime_nb.all import *', FASTAI, 1.15)}


def seconds(code):
    "Seconds of a process that runs the code, and what it says on standard error"
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONWARNINGS'}
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True)
    took = time.perf_counter() - begin
    if done.returncode: raise RuntimeError(f'{code}: {done.stderr}')
    return took, done.stderr

def measure(start, runs):
    "Medians of alternating runs, and their ratio"
    said = seconds(start.code)[1]
    seconds(start.reference)
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(seconds(start.code)[0])
        theirs.append(seconds(start.reference)[0])
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    return dict(seconds=ours, reference=start.reference, reference_seconds=theirs, ratio=ours/theirs, limit=start.limit,
                stderr=said)

def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=11, help='starts of each')
    parser.add_argument('--out', help='JSON file to write')
    a = parser.parse_args(argv)
    rows = []
    for name, start in STARTS.items():
        r = dict(start=name) | measure(start, a.runs)
        rows.append(r)
        compared = f"{r['ratio']:8.2f}x of {r['reference']}, at most {r['limit']}x"
        print(f"{name:<28}{r['seconds']:8.2f} s{compared}", flush=True)
    if not a.out: return
    versions = {name: version(name) for name in ('prime_nb', 'torch', 'fastai', 'pandas')}
    write_json(a.out, dict(runs=a.runs, rows=rows, versions=versions | dict(python=platform.python_version())))


if __name__ == '__main__': sys.exit(main())
