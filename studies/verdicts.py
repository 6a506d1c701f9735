#!/usr/bin/env python
"""Does the verdict of `prime_fit` hold on test files that it never saw?

Usage: python studies/verdicts.py FOLDER --out results/own-data

FOLDER holds pairs NAME_train.csv and NAME_test.csv with the target in the first column. Each NAME_train.csv goes
through `prime_fit` with its defaults, in a process of its own, as a user would run it. Then every method is trained on
the whole training file with several seeds, and judged on the test file. The verdict agrees if no method has a balanced
MAE there that is lower than that of the recommended one by more than chance (the 95 % interval of the paired difference
excludes 0); it agrees strictly if the recommended method has the lowest one. Writes NAME.json and summary.json. With
--keep, an interrupted check goes on where it stopped, and a change in how verdicts are reached is checked without
training again."""
import argparse, json, os, resource, shutil, subprocess, sys, tempfile, time
from pathlib import Path

from prime_nb import __version__
from prime_nb.files import replacing, write_json

FIT = 'import sys; from prime_nb.cli.fit import prime_fit; sys.exit(prime_fit())'


def cpu():
    "Processor time of finished child processes"
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime

def run_fit(train, target, out, options=()):
    "Call `prime_fit`, and keep what it compared; the seconds it took"
    with tempfile.TemporaryDirectory() as temp:
        start, used = time.monotonic(), cpu()
        done = subprocess.run(
            [sys.executable, '-c', FIT,
             str(train), '--target', target, '--out', f'{temp}/model', *options],
            capture_output=True,
            text=True)
        if done.returncode: raise SystemExit(f'prime_fit failed on {train}: {done.stderr}')
        # wall time says little under load
        seconds = dict(
            processor=round(cpu() - used, 1),
            wall=round(time.monotonic() - start, 1),
            load=round(os.getloadavg()[0], 1))
        shutil.copy(Path(temp)/'model'/'judged.csv', out)
    return seconds

def train_all(train, test, target, seeds, epochs=None):
    "Predictions for the test file by every method, trained on the training file with several seeds; a table"
    import torch, warnings
    from prime_nb.targets import auto_bins
    from prime_nb.cli.fit import METHODS, fit_source
    torch.set_num_threads(1)
    warnings.simplefilter('ignore')
    bins, inputs = auto_bins(train[target]), [c for c in train if c != target]
    how = dict(target=target, inputs=inputs, kind='table', bins=bins, device='cpu', epochs=epochs)
    def fit(method, seed): return fit_source(train, method, seed, how).predict(test)
    predictions = {f'{m} {s}': fit(m, s) for m in METHODS for s in range(seeds)}
    return test[[target]].rename(columns={target: 'target'}).assign(**predictions)

def make_predictions(folder, name, keep, seeds, epochs=None):
    "Train, unless that was done before: what `prime_fit` compared, and predictions for the test file"
    from prime_nb.data.tables import read_table
    train, test = (Path(folder)/f'{name}_{s}.csv' for s in ('train', 'test'))
    train, test = (read_table(path).frame for path in (train, test))
    target = train.columns[0]
    judged, tested, took = (Path(keep)/f'{name}_{s}' for s in ('judged.csv', 'tested.csv', 'seconds.json'))
    options = ['--epochs', str(epochs)] if epochs else []
    if not took.exists(): write_json(took, run_fit(Path(folder)/f'{name}_train.csv', target, judged, options))
    if not tested.exists():
        with replacing(tested) as temp:
            train_all(train, test, target, seeds, epochs=epochs).to_csv(temp, index=False)

def judge(folder, name, keep):
    "The verdict from what `prime_fit` compared, and whether it holds on the test file"
    import pandas as pd
    from prime_nb.targets import auto_bins
    from prime_nb.own.judge import compare, imbalance, verdict
    from prime_nb.metrics import Relevance
    from prime_nb.cli.fit import METHODS
    from prime_nb.data.tables import read_table
    y = read_table(Path(folder)/f'{name}_train.csv').frame.iloc[:, 0]
    judged, tested = (pd.read_csv(Path(keep)/f'{name}_{s}.csv') for s in ('judged', 'tested'))
    bins, phi = auto_bins(y), Relevance(y)
    c = compare({m: judged[m] for m in METHODS}, judged.target, bins, phi, groups=judged.fold.to_numpy())
    seeds = (len(tested.columns) - 1)//len(METHODS)
    t = compare({m: tested[[f'{m} {s}' for s in range(seeds)]].T.to_numpy() for m in METHODS}, tested.target.to_numpy(),
                bins, phi)
    v = verdict(c)
    return dict(
        name=name,
        target=y.name,
        rows=len(y),
        test_rows=len(tested),
        version=__version__,
        seconds=json.loads((Path(keep)/f'{name}_seconds.json').read_text()),
        seeds=seeds,
        imbalance=imbalance(y, bins),
        verdict=dict(method=v.method, sentence=v.sentence, clear=v.clear, evidence=v.evidence, warnings=v.warnings),
        judged={n: c.values[n] for n in c.names},
        test={n: t.values[n] for n in t.names},
        differences=[dict(a=a, b=b, **c.difference(a, b)) for i, a in enumerate(c.names) for b in c.names[:i]],
        agreement=agreement(v.method, t),
        agrees_if_sure={str(s): agreement(verdict(c, sure=s).method, t)['agrees'] for s in (.5, .75, .9)})

def agreement(method, c, key='balanced_MAE/All'):
    "Whether a recommendation holds on samples that had no part in it: no method is better there by more than chance"
    values = {n: c.values[n][key] for n in c.names}
    best = min((n for n in values if values[n] is not None), key=values.get)
    gap = c.difference(method, best, key)
    strict = values[method] == values[best]
    agrees = strict or gap['low'] is None or gap['low'] <= 0
    return dict(recommended=method, best=best, strict=strict, agrees=agrees, values=values, gap=gap)

def summary(results):
    "Counts, and a line for each data set"
    def line(r):
        return dict(
            name=r['name'],
            recommended=r['agreement']['recommended'],
            best=r['agreement']['best'],
            agrees=r['agreement']['agrees'],
            strict=r['agreement']['strict'],
            percent=r['agreement']['gap']['percent'],
            judged={n: v['balanced_MAE/All'] for n, v in r['judged'].items()},
            test=r['agreement']['values'],
            seconds=r['seconds'])

    return dict(
        data_sets=len(results),
        agree_if_sure={k: sum(r['agrees_if_sure'][k] for r in results) for k in results[0]['agrees_if_sure']},
        agree=sum(r['agreement']['agrees'] for r in results),
        strict=sum(r['agreement']['strict'] for r in results),
        processor_seconds=max(r['seconds']['processor'] for r in results),
        rows=[line(r) for r in results])

def time_fits(folder, names, out):
    "Only time `prime_fit`, one file after the other; for a machine that does nothing else"
    from prime_nb.data.tables import read_table
    rows = {}
    with tempfile.TemporaryDirectory() as temp:
        for n in names:
            train = read_table(Path(folder)/f'{n}_train.csv')
            used = run_fit(Path(folder)/f'{n}_train.csv', train.frame.columns[0], Path(temp)/'judged.csv')
            rows[n] = dict(rows=len(train.frame), **used)
            print(f"{n}: {used['wall']} s, of which {used['processor']} s of processor time; load {used['load']}",
                  flush=True)
    slowest = max(r['wall'] for r in rows.values())
    found = dict(version=__version__, cores=os.cpu_count(), slowest=slowest, rows=rows)
    write_json(Path(out)/'wall.json', found)

def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('folder', help='with NAME_train.csv and NAME_test.csv')
    p.add_argument('--out', default='results/own-data', help='folder of results (default: %(default)s)')
    p.add_argument('--only', default='', help='names, separated by commas (default: all)')
    p.add_argument(
        '--seeds', type=int, default=2, help='trainings of each method for the test file (default: %(default)s)')
    p.add_argument(
        '--keep',
        help='folder of predictions; what is there is not trained again (default: a folder that is removed in the end)')
    p.add_argument('--epochs', type=int, help='of every training, to try things out (default: that of prime_fit)')
    p.add_argument(
        '--time', action='store_true', help='only measure the wall time of prime_fit on each file, into wall.json')
    a = p.parse_args(argv)
    there = sorted(f.name.removesuffix('_train.csv') for f in Path(a.folder).glob('*_train.csv'))
    names = [n for n in a.only.split(',') if n] or there
    if not names: raise SystemExit(f'no NAME_train.csv in {a.folder}')
    if a.time: return time_fits(a.folder, names, a.out)
    with tempfile.TemporaryDirectory() as temp:
        keep, results = Path(a.keep or temp), []
        keep.mkdir(parents=True, exist_ok=True)
        for n in names:
            make_predictions(a.folder, n, keep, a.seeds, epochs=a.epochs)
            results.append(judge(a.folder, n, keep))
            write_json(Path(a.out)/f'{n}.json', results[-1])
            r = results[-1]['agreement']
            agrees = 'agrees' if r['agrees'] else 'DISAGREES'
            print(f"{n}: {r['recommended']} recommended, {r['best']} best on the test file, {agrees}", flush=True)
    s = summary(results)
    write_json(Path(a.out)/'summary.json', s)
    print(f"agrees in {s['agree']} of {s['data_sets']}, strictly in {s['strict']}; "
          f"{s['processor_seconds']} s of processor time at most")


if __name__ == '__main__': main()
