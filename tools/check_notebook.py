"""Run one notebook as `nbdev_test` does, and compare what it prints with what it stores.

    python tools/check_notebook.py NOTEBOOK [FLAG ...] [--report FILE]
    python tools/check_notebook.py --serve          what conftest.py starts: see `serve`

It fails if a cell does; with the flag `outputs` also if an output differs (the rules: check_outputs.py)."""
import argparse, json, os, sys
from importlib import import_module
from pathlib import Path

import nbdev.test
from nbdev.config import get_config

from check_outputs import compare, joined
from nbtools import KERNEL_ENV, read

# Nothing of prime_nb, and no module of fastai that patches what others define: a notebook that forgets an import still
# fails.
HEAVY = 'pandas', 'scipy.stats', 'sklearn.mixture', 'matplotlib.pyplot', 'torch', 'torchvision', 'fastai.learner'


class Shell(nbdev.test.CaptureShell):
    """Keeps what the cells that ran put out; a semicolon at the end of a cell hides its value, as in Jupyter, not what
    it prints"""
    ran = None

    def run_all(self, nb, preproc, **kwargs):
        Shell.ran = nb, [c for c in nb.cells if c.cell_type == 'code' and not preproc(c)]
        for cell in Shell.ran[1]: cell.outputs = []
        super().run_all(nb, preproc=preproc, **kwargs)

    def _run(self, raw_cell, *args, **kwargs):
        res = super()._run(raw_cell + '\n#', *args, **kwargs)
        res['quiet'] = raw_cell.rstrip().endswith(';')
        return res


def outputs(path):
    "How many of the cells that ran put something out, and what differs from the outputs stored at `path`"
    if Shell.ran is None: return dict(compared=0, differ=[])
    nb, cells = Shell.ran
    return dict(compared=sum(bool(joined(c.outputs)) for c in cells), differ=list(compare(read(path), nb)))

def main(path, *flags, report=None):
    path, Shell.ran, nbdev.test.CaptureShell = Path(path).resolve(), None, Shell
    cfg = get_config(path=path.parent)
    ok, seconds = nbdev.test.test_nb(
        path, skip_flags=cfg.tst_flags.split(), force_flags=list(flags), basepath=cfg.config_path)
    if not ok: return 1
    found = outputs(path)
    if report: Path(report).write_text(json.dumps(found), encoding='utf-8')
    differ = found['differ']
    print(f"stored outputs: {found['compared']} cells compared, {len(differ)} differ", *differ, sep='\n  ')
    return int('outputs' in flags and bool(found['differ']))


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('notebook', type=Path, nargs='?')
    flags = 'flags of cells to run that are normally skipped; outputs: an output that differs is an error'
    parser.add_argument('flags', nargs='*', help=flags)
    parser.add_argument('--report', type=Path, help='file for the comparison, as JSON')
    parser.add_argument('--serve', action='store_true', help='run what stdin asks for')
    args = parser.parse_args(argv)
    if not (args.notebook or args.serve): parser.error('which notebook?')
    return args

def job(log, argv):
    "One line of what `serve` is asked, run in a fork; everything that it says goes to the file `log`"
    with open(log, 'wb') as said, open(os.devnull, 'rb') as nothing:
        for fd, file in enumerate((nothing, said, said)): os.dup2(file.fileno(), fd)
    sys.argv[1:], args = argv, arguments(argv)
    return main(args.notebook, *args.flags, report=args.report)

def serve(requests=sys.stdin):
    """Import once what every notebook imports (seconds), then run each that is asked for in a fork: a line
    `[log, argv]` as JSON comes, its exit code goes"""
    for name in HEAVY: import_module(name)
    for line in iter(requests.readline, ''):
        if not (pid := os.fork()): return job(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    return 0


if __name__ == '__main__':
    # hashes and threads are settled when Python starts
    if KERNEL_ENV.items() - os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | KERNEL_ENV)
    args = arguments()
    sys.exit(serve() if args.serve else main(args.notebook, *args.flags, report=args.report))
