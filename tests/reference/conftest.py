"One test for each file of each folder of vectors, and a report of what was compared"
from pathlib import Path

from nbtools import ROOT

from .vectors import files_of

SHARED = ROOT.parent/'shared'/'reference'

def folders(config):
    "The folders that `--vectors` names, or those beside the checkout"
    given = config.getoption('--vectors')
    return [Path(f) for f in given] if given else [p for p in sorted(SHARED.glob('*')) if p.is_dir()]

def pytest_generate_tests(metafunc):
    if 'vectors' not in metafunc.fixturenames: return
    found = [(folder, file) for folder in folders(metafunc.config) for file in files_of(folder)]
    metafunc.parametrize('vectors', found, ids=lambda f: f'{f[0].name}/{f[1]}')

def pytest_terminal_summary(terminalreporter):
    reports = [r for found in terminalreporter.stats.values() for r in found if getattr(r, 'when', '') == 'call']
    lines = [value for r in reports for name, value in r.user_properties if name == 'vectors']
    if not lines: return
    terminalreporter.section('reference vectors')
    for line in lines: terminalreporter.write_line(line)
