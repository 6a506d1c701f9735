"What tools and tests share about notebooks. Standard library only, so that it also runs where nbdev is not installed."
import json, re, tempfile
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIRECTIVE = re.compile(r'\s*#\s*\|\s*([\w-]+)\s*:?\s*(.*)')
EXPORTS = {'export', 'exports', 'exporti'}
# of whoever runs a notebook
KERNEL_ENV = dict(PYTHONWARNINGS='ignore', PYTHONHASHSEED='0', TQDM_DISABLE='1', OMP_NUM_THREADS='1')


def settings(root=ROOT):
    "The settings of the project, as strings"
    config = ConfigParser(delimiters=['='])
    config.read(root/'settings.ini', encoding='utf-8')
    return config['DEFAULT']

def notebooks(folder=ROOT/'nbs'):
    "Every notebook in `folder` that nbdev would look at, in order"
    hidden = lambda path: any(part[0] in '._' for part in path.relative_to(folder).parts)
    return [path for path in sorted(folder.rglob('*.ipynb')) if not hidden(path)]

def name(path):
    "How a notebook is called in messages and test names"
    path = Path(path).resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name

def read(path): return json.loads(Path(path).read_text(encoding='utf-8'))

def source(cell): return ''.join(cell['source'])

def directives(cell):
    "The `#| key: value` lines at the top of a code cell"
    res = {}
    if cell['cell_type'] != 'code': return res
    for line in source(cell).splitlines():
        m = DIRECTIVE.match(line)
        if m: res[m[1]] = m[2].strip()
        elif line.strip(): break
    return res

def is_export(cell): return bool(EXPORTS & directives(cell).keys())

def is_skipped(cell, flags):
    "Whether `nbdev_test` passes over this cell when `flags` are skipped"
    found = directives(cell)
    if 'nbdev_export(' in source(cell) or found.get('eval', '').lower() == 'false': return True
    return bool(set(flags) & found.keys())

def skip_exec(nb):
    "Whether the front matter of a notebook asks that it is not run at all"
    head = '\n'.join(source(c) for c in nb['cells'][:3] if c['cell_type'] != 'code')
    return bool(re.search(r'^(- )?skip_exec:\s*true\s*$', head, re.M | re.I))

def texts(output):
    "The parts of a stored output that a person reads as text"
    yield ''.join(output.get('text', ''))
    yield '\n'.join(output.get('traceback', []))
    for mime, value in output.get('data', {}).items():
        if mime.startswith(('text/', 'image/svg')): yield ''.join(value)

def is_noise(output):
    "Whether an output is not worth storing: stderr, or a progress bar, also one that was wiped away"
    html = output.get('data', {}).get('text/html')
    if html is None: return output.get('name') == 'stderr'
    html = ''.join(html).strip()
    return not html or '<progress' in html or html.startswith('<style>')

def private_paths(text, folders=None):
    "Places in `text` that name a folder of this machine: the project, the home folder, a temporary folder"
    folders = folders or [ROOT, Path.home(), Path(tempfile.gettempdir()).resolve()]
    found = [str(f) for f in folders if re.search(r'(?<![\w.])' + re.escape(str(f)) + r'(?![\w-])', text)]
    return found + re.findall(r'(?<![\w.:/])/(?:root|home|Users|tmp|var/folders)/[\w.-]+', text)
