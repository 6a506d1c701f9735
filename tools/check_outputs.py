"""The rules by which what a notebook prints now is compared with what it stores: text must be the same, numbers to
three figures.

Pictures must be there; how they look is not compared. Cells that are skipped in a test are skipped here.
`check_notebook.py` runs a notebook and applies them, and with it every `tools/test`."""
import re

from nbtools import is_noise

NUMBER = re.compile(r'(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w)')
TIME = re.compile(r'\b\d\d:\d\d\b')
BAR = re.compile(r'[^\n]*\r(?!\n)')    # what a terminal writes over: progress bars
TAG = re.compile(r'<[^>]*>')
ADDRESS = re.compile(r' at 0x[0-9a-fA-F]+')    # nbdev drops them


def is_picture(output): return any(k.startswith('image/') for k in output.get('data', {}))

def words(output):
    "What a person reads of an output; a table counts as its words, whether it is HTML or printed"
    data = output.get('data', {})
    if 'text/html' in data: return TAG.sub(' ', ''.join(data['text/html']))
    return ''.join(output.get('text') or data.get('text/markdown') or data.get('text/plain', ''))

def parts(output):
    "The text of an output without its numbers, and the numbers; of a picture only that it is there"
    if is_picture(output): return 'a picture', []
    text = ' '.join(ADDRESS.sub('', TIME.sub('', words(output))).split())
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
    """Outputs without noise: all text as one, what was printed first, then the pictures; a shell that is no kernel
    knows no more of their order"""
    kept = sorted((o for o in outputs if not is_noise(o)), key=lambda o: 'text' not in o)
    text = BAR.sub('', ''.join(words(o) for o in kept if not is_picture(o)))
    return [dict(text=text)]*bool(text.strip()) + [o for o in kept if is_picture(o)]

def code_cells(nb): return [(i, c) for i, c in enumerate(nb['cells']) if c['cell_type'] == 'code']

def compare(stored, fresh):
    "What differs between the outputs of two copies of a notebook; `fresh` may have other cells of text"
    for (i, a), (_, b) in zip(code_cells(stored), code_cells(fresh)):
        old, new = joined(a['outputs']), joined(b['outputs'])
        if len(old) != len(new): yield f'cell {i}: {len(old)} outputs are stored, {len(new)} came'
        yield from (f'cell {i}: {d}' for d in (difference(o, n) for o, n in zip(old, new)) if d)
