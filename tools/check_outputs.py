"""Run notebooks again and compare what they print with what is stored: text must be the same, numbers to three figures.

    python tools/check_outputs.py [NOTEBOOK ...]

Pictures must be there; how they look is not compared. Cells that are skipped in a test are skipped here."""
import argparse, re, sys
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError

from nbtools import name, notebooks, settings, skip_exec
from run_notebooks import COLOUR, execute, is_noise

NUMBER = re.compile(r'(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)')
TIME = re.compile(r'\b\d\d:\d\d\b')
ADDRESS = re.compile(r' at 0x[0-9a-fA-F]+')    # nbdev drops them


def parts(output):
    "The text of an output without its numbers, and the numbers; of a picture only that it is there"
    data = output.get('data', {})
    if any(k.startswith('image/') for k in data): return 'a picture', []
    text = output.get('text') or data.get('text/markdown') or data.get('text/html') or data.get('text/plain', '')
    text = ADDRESS.sub('', TIME.sub('', ' '.join(''.join(text).split())))
    return NUMBER.sub('#', text), [float(n) for n in NUMBER.findall(text)]

def differ(old, new, figures=3):
    "Whether two numbers differ in the first `figures` significant figures; both below 1e-6 counts as equal"
    return abs(old - new) > max(10.**-figures*5*max(abs(old), abs(new)), 1e-6)

def difference(old, new):
    "How two outputs differ; empty if they agree"
    (was, before), (now, after) = parts(old), parts(new)
    if was != now: return f'was {was[:80]!r}, is {now[:80]!r}'
    changed = [(a, b) for a, b in zip(before, after) if differ(a, b)]
    return ', '.join(f'{a:g} became {b:g}' for a, b in changed[:4])

def joined(outputs):
    "Outputs without noise; texts printed one after the other are one, since where they are cut is up to the kernel's clock"
    out = []
    for o in outputs:
        if is_noise(o): continue
        if out and 'text' in o and o.get('name') == out[-1].get('name') and 'text' in out[-1]: out[-1] = out[-1] | dict(text=''.join(out[-1]['text']) + ''.join(o['text']))
        else: out.append(dict(o))
    return out

def compare(stored, fresh):
    "What differs between the outputs of two copies of a notebook"
    for i, (a, b) in enumerate(zip(stored.cells, fresh.cells)):
        if a.cell_type != 'code': continue
        old, new = joined(a.outputs), joined(b.outputs)
        if len(old) != len(new): yield f'cell {i}: {len(old)} outputs are stored, {len(new)} came'
        yield from (f'cell {i}: {d}' for d in (difference(o, n) for o, n in zip(old, new)) if d)

def check(path):
    "What a new run of the notebook at `path` gives otherwise than what is stored"
    stored, fresh = (nbformat.read(path, as_version=4) for _ in range(2))
    if skip_exec(fresh): return []
    try: execute(fresh, Path(path).parent, settings()['tst_flags'].split())
    except CellExecutionError as e: return [COLOUR.sub('', str(e))]
    return list(compare(stored, fresh))

def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('notebooks', nargs='*', type=Path, help='all of them if none is given')
    failed = 0
    for path in parser.parse_args(argv).notebooks or notebooks():
        found = check(path.resolve())
        failed += bool(found)
        print(f"{'DIFFERS' if found else 'same':8} {name(path)}", *found, sep='\n         ' if found else '', flush=True)
    return min(failed, 1)


if __name__ == '__main__': sys.exit(main())
