"""Every notebook under nbs is a test: it runs as `nbdev_test` would run it, in a process of its own.

`--flags slow` also runs what is normally skipped: cells marked `#| slow` and tests marked `@pytest.mark.slow`.
What the cells print is compared with what is stored; `--flags outputs` makes an error of a difference."""
import json, os, select, signal, subprocess, sys, tempfile
from pathlib import Path

import pytest

from nbtools import ROOT, read, skip_exec

FLAGS = 'slow', 'newest', 'outputs'
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
    parser.addoption('--vectors', action='append', metavar='DIR',
                     help='a folder of reference vectors for tests/reference; may be given several times')

def pytest_collect_file(file_path, parent):
    if file_path.suffix == '.ipynb' and file_path.name[0] not in '._':
        return NotebookFile.from_parent(parent, path=file_path)

def pytest_collection_modifyitems(config, items):
    asked = config.getoption('--flags').split()
    for item in items:
        for flag in FLAGS:
            if item.get_closest_marker(flag) and flag not in asked:
                item.add_marker(pytest.mark.skip(reason=f'{flag}: run with --flags {flag}'))

def pytest_terminal_summary(terminalreporter):
    def reports(outcome):
        return [r for r in terminalreporter.stats.get(outcome, []) if r.nodeid.split('::')[0].endswith('.ipynb')]
    passed, failed = reports('passed'), reports('failed')
    terminalreporter.write_line(f'notebooks run: {len(passed + failed)}, of which failed: {len(failed)}')
    compared = {
        r.nodeid.split('::')[0]: dict(r.user_properties)['outputs']
        for r in passed + failed
        if 'outputs' in dict(r.user_properties)
    }
    for line in outputs_summary(compared): terminalreporter.write_line(line)

def outputs_summary(compared):
    "Lines on the stored outputs; `compared`: name of a notebook -> what `check_notebook.outputs` says of it"
    if not compared: return
    cells = sum(c['compared'] for c in compared.values())
    differ = {name: c['differ'] for name, c in compared.items() if c['differ']}
    n, colon = sum(map(len, differ.values())), ':' if differ else ''
    yield f'stored outputs: {cells} cells compared in {len(compared)} notebooks, {n} differ{colon}'
    for name, lines in differ.items(): yield from (f'  {name} {line}' for line in lines)


class NotebookFile(pytest.File):
    def collect(self): yield NotebookTest.from_parent(self, name=self.path.stem)


class NotebookTest(pytest.Item):
    def runtest(self):
        if skip_exec(read(self.path)): pytest.skip('the notebook says skip_exec')
        flags = self.config.getoption('--flags').split()
        with tempfile.TemporaryDirectory() as folder:
            report, log = Path(folder)/'outputs.json', Path(folder)/'log.txt'
            code = run_notebook(log, [str(self.path), *flags, '--report', str(report)])
            if code is None: pytest.fail(f'not finished after {TIMEOUT} s', pytrace=False)
            if report.exists(): self.user_properties.append(('outputs', json.loads(report.read_text(encoding='utf-8'))))
            if code: pytest.fail(log.read_text(encoding='utf-8', errors='replace')[-8000:], pytrace=False)

    def reportinfo(self): return self.path, None, f'notebook {self.path.relative_to(ROOT)}'


CHECK = [sys.executable, str(ROOT/'tools'/'check_notebook.py')]

def run_notebook(log, argv, timeout=TIMEOUT):
    "Exit code of `check_notebook.py` with these arguments, None if it took too long; what it says is in the file `log`"
    if sys.platform != 'linux':    # where libraries do not bear a fork
        try:
            return subprocess.run(
                CHECK + argv, stdout=open(log, 'w'), stderr=subprocess.STDOUT, timeout=timeout).returncode
        except subprocess.TimeoutExpired: return None
    return Server.get().run(log, argv, timeout)


class Server:
    """A process that has imported what every notebook imports, and forks for each (`check_notebook.serve`); it ends
    with the one that asks"""
    running = None

    @classmethod
    def get(cls):
        if cls.running is None or cls.running.process.poll() is not None: cls.running = cls()
        return cls.running

    def __init__(self):
        self.process = subprocess.Popen(
            CHECK + ['--serve'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)

    def run(self, log, argv, timeout):
        print(json.dumps([str(log), argv]), file=self.process.stdin, flush=True)
        try: answers = select.select([self.process.stdout], [], [], timeout)[0]
        except KeyboardInterrupt:
            self.stop()
            raise
        if not answers: return self.stop()
        answer = self.process.stdout.readline()
        if not answer.strip():
            raise RuntimeError(f'the process that runs notebooks ended with exit code {self.process.wait()}')
        return int(answer)

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
