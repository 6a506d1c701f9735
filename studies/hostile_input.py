"""Judge every case of tests/hostile_cases.py, and write results/hostile.json: what was expected, and what came.

    python studies/hostile_input.py

The exit status is 1 if a case is not as expected."""
import json, platform, re, sys, tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT/'results'/'hostile.json'
sys.path.insert(0, str(ROOT/'tests'))


def shown(text): # no control or bidirectional characters, no temporary folders, no addresses
    "Text as it can stand in a page"
    text = re.sub(re.escape(tempfile.gettempdir()) + r'/[\w./-]*?tmp\w+', '…', str(text))
    text = re.sub(r'0x[0-9a-f]{6,}', '0x…', text)
    return ''.join(c if c.isprintable() else c.encode('unicode_escape').decode() for c in text)

def judged(case):
    "One case, for JSON"
    with tempfile.TemporaryDirectory() as folder: ok, outcome = case.judge(Path(folder))
    kind = type(case.want).__name__ if type(
        case.want).__name__ != 'Visible' else 'Tells' if 'NaN' in case.want.what else 'Overflows'
    return dict(
        group=case.group,
        name=shown(case.name),
        kind=kind,
        expected=shown(case.want),
        outcome=shown(outcome),
        ok=bool(ok))

def main():
    import torch
    from hostile_cases import CASES
    from prime_nb.files import write_json
    torch.set_num_threads(1)
    rows = [judged(c) for c in CASES]
    versions = {n: version(n) for n in ('prime_nb', 'torch', 'numpy', 'pillow', 'safetensors')} | dict(
        python=platform.python_version(), system=platform.system())
    write_json(OUT, dict(versions=versions, cases=rows))
    bad = [r for r in rows if not r['ok']]
    print(f'{len(rows)} cases, {len(bad)} not as expected')
    for r in bad: print(json.dumps(r))
    return int(bool(bad))

if __name__ == '__main__': sys.exit(main())
