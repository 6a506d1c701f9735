"""Cells of a processed notebook as MyST-NB wants them: text translated, code with its tags, outputs without noise."""
import ast, base64, io, re

import nbformat
import numpy as np
from PIL import Image

from nbtools import is_noise, source
from .myst import has_paper_numbers, number_displays, translate

OPTION = re.compile(r'^#\|\s*([\w-]+)\s*:?\s*(.*)$')
TITLE = re.compile(r'''title(?:\(\s*|=)f?(['"])(.+?)\1''')
HIDDEN = {'echo': 'remove-input', 'output': 'remove-output', 'include': 'remove-cell', 'warning': 'remove-stderr'}


def options(text):
    "The `#| key: value` lines at the top of a cell, and the code below them"
    found, lines = {}, text.splitlines()
    while lines:
        m = OPTION.match(lines[0].strip())
        if not m: break
        found[m[1]] = m[2].strip().strip('"\'')
        lines.pop(0)
    return found, '\n'.join(lines)

def fig_alt(cell):
    "The text that a cell has for its picture; None if it has none"
    return options(source(cell))[0].get('fig-alt')

def headings(text): return re.findall(r'^(#+) (.*?)\s*$', text, re.M)

def clean(text): return re.sub(r'[`*$\\]|\[([^\]]*)\]\([^)]*\)', r'\1', text).strip()

def alt_text(found, code, heading, helpers={}):
    """What a picture shows, for readers who cannot see it: `#| fig-alt:`, else the titles of the plot, else what the
    function that draws says about itself (`helpers`: name -> docstring), with the heading above"""
    said = found.get('fig-alt') or found.get('fig-cap')
    if said: return said
    titles = [text for _, text in TITLE.findall(code)]
    titles = [t for t in dict.fromkeys(titles) if '{' not in t]
    if titles: return f'Plot: {"; ".join(titles)}'
    drawn = next((helpers[n] for n in re.findall(r'\b(\w+)\(', code) if n in helpers), 'Picture')
    return f'{clean(drawn)}, for the section “{clean(heading)}”'


def defined(code):
    "What a fold of source says: the names that the code defines, if they are few"
    names = [n for line in code.splitlines() for n in re.findall(r'^(?:class|def)\s+(\w+)|^(\w+)\s*=[^=]', line)]
    names = list(dict.fromkeys(a or b for a, b in names))
    return f'Source of {", ".join(names)}' if 0 < len(names) <= 3 else 'Source'

def code_cell(cell, heading, helpers={}):
    "A code cell with the tags that hide or fold what its directives say"
    found, code = options(source(cell))
    is_source = getattr(cell, 'is_source_', False)
    if is_source: found |= {'code-fold': 'true', 'code-summary': defined(code)}
    out = nbformat.v4.new_code_cell(code, id=cell.id, outputs=[] if is_source else kept(cell.outputs))
    tags, extra = [tag for key, tag in HIDDEN.items() if found.get(key, '').lower() == 'false'], {}
    if found.get('code-fold', 'false') != 'false':
        tags.append('hide-input')
        extra['code_prompt_show'] = extra['code_prompt_hide'] = found.get('code-summary', 'Code')
    data = [o.get('data', {}) for o in out.outputs]
    if any(mime.startswith('image/') for d in data for mime in d):
        extra['image'] = dict(alt=alt_text(found, code, heading, helpers))
    drawn = [base64.b64decode(''.join(d['image/png'])) for d in data if 'image/png' in d]
    if drawn and all(map(needs_no_paper, drawn)): extra['image']['classes'] = DARK_LIGHT
    out.metadata = nbformat.from_dict(dict(tags=tags, mystnb=extra))
    return out

DARK_LIGHT = 'dark-light'    # class of pictures that need no white paper in dark mode

def needs_no_paper(png):
    "Whether a picture can be read on white and on black: its corners are transparent, and next to nothing is black"
    a = np.asarray(Image.open(io.BytesIO(png)).convert('RGBA'))
    clear = not a[[0, 0, -1, -1], [0, -1, 0, -1], 3].any()
    return bool(clear and ((a[..., :3].max(-1) < 60) & (a[..., 3] > 200)).mean() < .002)

def kept(outputs):
    "Stored outputs that are worth showing"
    outputs = [nbformat.from_dict(o) for o in outputs if not is_noise(o)]
    return [o for o in outputs if not is_empty(o) and not is_bare_figure(o)]

def is_empty(out):
    if out.output_type != 'display_data': return False
    return not any(''.join(value).strip() for mime, value in out.data.items() if mime != 'text/plain')

def is_bare_figure(out):
    "The name of a figure or an axis, which only stands for the picture"
    if out.output_type != 'execute_result' or set(out.data) != {'text/plain'}: return False
    return re.match(r'<(Axes|Figure|matplotlib)', ''.join(out.data['text/plain'])) is not None

def together(text):
    "Figures and their deviations are not torn apart at the end of a line"
    return re.sub(r'(?<=\d) ± (?=\d)', '\u00a0±\u00a0', re.sub(r'\(p (?=[<.\d])', '(p\u00a0', text))

def split_markdown(cell):
    "Outputs that are markdown become text below the cell"
    texts = [together(''.join(o.data['text/markdown'])) for o in cell.outputs if 'text/markdown' in o.get('data', {})]
    cell.outputs = [o for o in cell.outputs if 'text/markdown' not in o.get('data', {})]
    return texts if 'remove-output' not in cell.metadata.tags else []


def number(nb, book, page):
    "First pass: number the displays of a notebook"
    texts = [c for c in nb.cells if c.cell_type == 'markdown']
    page.lettered = not page.prefix and any(has_paper_numbers(source(c)) for c in texts)
    for cell in texts: cell.source = number_displays(book, page, source(cell))

def text_cell(cell, book, page):
    "Text, translated; documentation of a name gets its label"
    text = translate(book, page, source(cell))
    if 'doc_name_' in cell: text = f'({book.labels[page.module, cell.doc_name_]})=\n{text}'
    return nbformat.v4.new_markdown_cell(text, id=cell.id)

def convert(nb, book, page):
    "Second pass: the cells of a page"
    out, heading = [], ''
    draws = re.compile(r'(?:\w+\.)?(?:plot|show|draw)_|face_sheet')
    helpers = {n.name.rpartition('.')[2]: n.line for n in book.names if draws.match(n.name)}
    for cell in nb.cells:
        if cell.cell_type == 'markdown':
            found = [] if 'doc_name_' in cell else headings(source(cell))
            if found: heading = found[-1][1]
            out.append(text_cell(cell, book, page))
        elif cell.cell_type == 'code' and source(cell).strip():
            out.append(code_cell(cell, heading, helpers))
            for i, text in enumerate(split_markdown(out[-1])):
                out.append(nbformat.v4.new_markdown_cell(translate(book, page, text), id=f'{cell.id[:60]}-{i}'))
    return out

def imports(nb, package):
    "Name -> module of the package that a notebook imports it from"
    found = {}
    for cell in nb['cells']:
        if cell['cell_type'] != 'code': continue
        try: tree = ast.parse(re.sub(r'^\s*[%!].*$', '', source(cell), flags=re.M))
        except SyntaxError: continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or '').startswith(package):
                found |= {a.asname or a.name: node.module for a in node.names}
    return found
