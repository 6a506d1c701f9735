"""Every notebook under nbs is a test: it runs as `nbdev_test` would run it, in a process of its own.

`--flags slow` also runs what is normally skipped: cells marked `#| slow` and tests marked `@pytest.mark.slow`."""
import os, subprocess, sys

import pytest

from nbtools import ROOT, read, skip_exec

FLAGS = 'slow', 'newest'
TIMEOUT = 1200
os.environ.setdefault('MPLBACKEND', 'agg')


@pytest.fixture(scope='module')
def one_thread():
    "PyTorch with one thread: small cases are faster, and their figures the same on any machine"
    import torch
    n = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n)


def pytest_addoption(parser):
    parser.addoption('--flags', default='', help=f'run what is normally skipped; any of: {" ".join(FLAGS)}')

def pytest_collect_file(file_path, parent):
    if file_path.suffix == '.ipynb' and file_path.name[0] not in '._': return NotebookFile.from_parent(parent, path=file_path)

def pytest_collection_modifyitems(config, items):
    asked = config.getoption('--flags').split()
    for item in items:
        for flag in FLAGS:
            if item.get_closest_marker(flag) and flag not in asked:
                item.add_marker(pytest.mark.skip(reason=f'{flag}: run with --flags {flag}'))

def pytest_terminal_summary(terminalreporter):
    reports = lambda outcome: [r for r in terminalreporter.stats.get(outcome, []) if r.nodeid.split('::')[0].endswith('.ipynb')]
    passed, failed = len(reports('passed')), len(reports('failed'))
    terminalreporter.write_line(f'notebooks run: {passed + failed}, of which failed: {failed}')


class NotebookFile(pytest.File):
    def collect(self): yield NotebookTest.from_parent(self, name=self.path.stem)


class NotebookTest(pytest.Item):
    def runtest(self):
        if skip_exec(read(self.path)): pytest.skip('the notebook says skip_exec')
        flags = self.config.getoption('--flags').split()
        command = [sys.executable, str(ROOT/'tools'/'check_notebook.py'), str(self.path), *flags]
        try: done = subprocess.run(command, env=notebook_env(), capture_output=True, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired: pytest.fail(f'not finished after {TIMEOUT} s', pytrace=False)
        if done.returncode: pytest.fail((done.stdout + done.stderr)[-8000:], pytrace=False)

    def reportinfo(self): return self.path, None, f'notebook {self.path.relative_to(ROOT)}'


def notebook_env():
    "Several notebooks at a time must not each use every core"
    workers = int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', 1))
    threads = max(1, (os.cpu_count() or 1)//workers)
    return {'OMP_NUM_THREADS': str(threads), **os.environ}
