"""Run notebooks, each in a fresh kernel from its own folder, and store their outputs.

    python tools/run_notebooks.py [NOTEBOOK ...] [--flags "slow"] [--check]

Cells that `nbdev_test` would skip keep the outputs that they have. Warnings, progress bars and whatever else goes
to stderr are not stored. A notebook whose output names a folder of this machine is reported and left as it was.
With --check nothing is stored: it runs the notebooks where nbdev is not installed."""
import argparse, os, re, sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from nbtools import KERNEL_ENV, is_noise, is_skipped, name, notebooks, private_paths, settings, skip_exec, texts

SKIP_TAG = 'skip-execution'
COLOUR = re.compile(r'\x1b\[[\d;]*m')


def execute(nb, folder, flags=(), timeout=1200):
    "Run `nb` in a fresh kernel in `folder`, except for the cells that carry one of `flags`"
    for cell in nb.cells:
        if is_skipped(cell, flags): cell.metadata.setdefault('tags', []).append(SKIP_TAG)
    os.environ.update(KERNEL_ENV)
    NotebookClient(nb, timeout=timeout, kernel_name='python3', record_timing=False, coalesce_streams=True,
                   extra_arguments=['--IPKernelApp.log_level=40'], skip_cells_with_tag=SKIP_TAG,
                   resources=dict(metadata=dict(path=str(folder)))).execute()
    for cell in nb.cells: cell.metadata.pop('tags', None)

def tidy(nb):
    "Drop what is not worth storing"
    for cell in nb.cells:
        if cell.cell_type == 'code': cell.outputs = [o for o in cell.outputs if not is_noise(o)]

def leaks(nb):
    "Folders of this machine that the outputs of `nb` name, with the cell that does"
    return [f'cell {i}: {path}' for i, cell in enumerate(nb.cells) for output in cell.get('outputs', [])
            for text in texts(output) for path in private_paths(text)]

def store(nb, path):
    "Write `nb` as nbdev writes it: clean metadata, sorted keys"
    from nbdev.clean import nbdev_clean
    nbformat.write(nb, path)
    nbdev_clean.__wrapped__(str(path))

def run(path, flags=(), check=False):
    "Run the notebook at `path` and store its outputs; what is wrong with it, or an empty string"
    nb = nbformat.read(path, as_version=4)
    if skip_exec(nb): return ''
    try: execute(nb, path.parent, flags)
    except CellExecutionError as e: return COLOUR.sub('', str(e))
    tidy(nb)
    if found := leaks(nb):
        return 'an output names a folder of this machine (print a relative path instead): ' + ', '.join(found)
    if not check: store(nb, path)
    return ''

def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('notebooks', nargs='*', type=Path, help='all of them if none is given')
    parser.add_argument('--flags', default='', help='flags of cells to run that are normally skipped')
    parser.add_argument('--check', action='store_true', help='run only, store nothing')
    args = parser.parse_args(argv)
    skipped = set(settings()['tst_flags'].split()) - set(args.flags.split())
    failed = 0
    for path in args.notebooks or notebooks():
        problem = run(path.resolve(), skipped, args.check)
        print(
            f"{'FAILED' if problem else 'ok':6} {name(path)}",
            *problem.splitlines(),
            sep='\n       ' if problem else '',
            flush=True)
        failed += bool(problem)
    return min(failed, 1)


if __name__ == '__main__': sys.exit(main())
