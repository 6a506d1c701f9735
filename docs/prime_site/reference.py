"""A notebook through nbdev's own processors, for the site. Nothing of the notebook is run: names are documented from
the installed package, and outputs are those that are stored.

What differs from nbdev's defaults: the cell with the title stays (nbdev drops all of it), exported code is kept, to be
folded away, methods that have a docstring are documented too, and parameters are shown as a table."""
import ast, inspect, os, re
from functools import reduce
from importlib import import_module
from pathlib import Path

os.environ.setdefault('IN_TEST', '1')    # nbdev: write no index
from execnb.nbio import mk_cell, read_nb
from fastcore.docments import docments
from nbdev.config import get_config
from nbdev.process import Processor
from nbdev.processors import FilterDefaults
from nbdev.showdoc import BasicMarkdownRenderer, show_doc

from nbtools import EXPORTS, directives

# Of nbdev's own: it drops the title, runs exported cells, hides exported code and links names; all done otherwise here
REPLACED = {
    'FrontmatterProc', 'insert_warning', 'clean_show_doc', 'exec_show_docs', 'rm_export', 'add_fold', 'mv_exports',
    'add_links'}
EMPTY = inspect.Parameter.empty
DEFS = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef
MAGIC = re.compile(r'^\s*[%!].*$', re.M)


# Documentation of one name

def type_name(annotation):
    "An annotation as people write it: without modules"
    if annotation in (EMPTY, None, type(None)): return ''
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r'\b(?:[A-Za-z_]\w*\.)+(?=\w)', '', text.strip("'"))

def default_text(value):
    "A default as one types it"
    if value is EMPTY: return ''
    text = value.__name__ if inspect.isfunction(value) or inspect.isclass(value) else repr(value)
    return text if len(text) < 60 and ' at 0x' not in text else '...'

def takes_own(obj, package):
    "Whether the parameters of a class are said in `package`, and not where it inherits from"
    if not inspect.isclass(obj): return True
    owner = next((c for c in obj.__mro__ if {'__init__', '__new__'} & vars(c).keys()), object)
    return owner.__module__.partition('.')[0] == package

def parameters(obj):
    "The documented parameters of `obj` as (name, type, default, comment), with what it returns at the end"
    try: found = docments(obj, full=True, args_kwargs=True)
    except (ValueError, TypeError, SyntaxError, IndexError, OSError, AttributeError): return []
    def row(name, d, comment=''):
        said = d['docment'] or comment
        return name, type_name(d['anno']), default_text(d['default']), ' '.join(said.split())
    rows = [row(n, d) for n, d in found.items() if n not in ('return', 'self', 'cls')]
    if inspect.isclass(obj) or not found.get('return'): return rows
    last = row('return', found['return'], result_comment(obj))
    return [*rows, last] if any(last[1:]) else rows

def result_comment(obj):
    "What stands behind a signature that has no annotation of its result, where fastcore does not look: `): # text`"
    try: found = re.search(r'^\s*\)\s*:\s*#\s*(.+)', inspect.getsource(obj), re.M)
    except (OSError, TypeError): return ''
    return found[1] if found else ''

def table(rows):
    "Parameters as a table; empty where no comment says anything"
    if not any(row[3] for row in rows): return ''
    def code(s): return f'`{s}`' if s else ''
    def name(n): return '*returns*' if n == 'return' else f'<code>{n}</code>'
    named = [(name(n), code(kind), code(default), comment) for n, kind, default, comment in rows]
    keep = [i for i in range(4) if i in (0, 3) or any(row[i] for row in named)]
    lines = [['parameter', 'type', 'default', 'meaning'], ['---']*4, *named]
    return '\n'.join('| ' + ' | '.join(line[i].replace('|', '\\|') for i in keep) + ' |' for line in lines)

def signature(obj, name, width=84):
    "The call with its defaults; types are in the table"
    try: params = [p for p in inspect.signature(obj).parameters.values() if p.name != 'self']
    except (ValueError, TypeError): return name
    marks = {inspect.Parameter.VAR_POSITIONAL: '*', inspect.Parameter.VAR_KEYWORD: '**'}
    def shown(p):
        default = '' if p.default is EMPTY else f'={default_text(p.default)}'
        return marks.get(p.kind, '') + p.name + default
    args = [shown(p) for p in params]
    if args == ['*args', '**kwargs']: return name
    line = f'{name}({", ".join(args)})'
    return line if len(line) <= width else f'{name}(\n' + ''.join(f'    {a},\n' for a in args) + ')'

def source_url(obj):
    "Where the repository shows the code of `obj`; empty if it cannot be found"
    cfg, obj = get_config(), inspect.unwrap(getattr(obj, 'func', obj))
    try: path, line = Path(inspect.getsourcefile(obj)), inspect.getsourcelines(obj)[1]
    except (TypeError, OSError): return ''
    inside = path.is_relative_to(cfg.config_path)
    return f'{cfg.git_url}/blob/{cfg.branch}/{path.relative_to(cfg.config_path).as_posix()}#L{line}' if inside else ''


class TableRenderer(BasicMarkdownRenderer):
    "What `show_doc` shows: name, link to the source, call, docstring, and parameters as a table"
    def __init__(self, sym, *args, **kwargs):
        super().__init__(sym, *args, **kwargs)
        own = takes_own(self.sym, get_config().lib_path.name)
        self.call = signature(sym, self.nm) if own and not isinstance(sym, property) else self.nm
        self.rows = parameters(self.sym) if own else []

    def _repr_markdown_(self):
        src = source_url(self.sym)
        parts = [f'{"#"*self.title_level} `{self.nm}`', f'[source]({src}){{.source-link}}' if src else '',
                 f'```python\n{self.call}\n```', self.docs, table(self.rows)]
        return '\n\n'.join(p for p in parts if p)


# Processors

def body(cell): return ast.parse(MAGIC.sub('', cell.source)).body

def is_export(cell): return cell.cell_type == 'code' and bool(EXPORTS & cell.directives_.keys())


class add_method_docs(Processor):
    "After the documentation of an exported class, that of its public methods that have a docstring"
    def begin(self):
        out, methods = [], {}
        for cell in self.nb.cells:
            out.append(cell)
            if is_export(cell): methods = dict(self.found(cell))
            if getattr(cell, 'has_sd', False): out += [self.show(m) for m in methods.get(cell.source, [])]
        self.nb.cells = out

    def found(self, cell):
        "The call that documents a class -> methods of it"
        for node in body(cell):
            if not isinstance(node, ast.ClassDef): continue
            public = [n for n in node.body if isinstance(n, DEFS) and n.name[0] != '_']
            yield f'show_doc({node.name})', [f'{node.name}.{n.name}' for n in public if ast.get_docstring(n)]

    def show(self, name):
        cell = mk_cell(f'show_doc({name})')
        cell.directives_, cell.has_sd, cell.is_method_ = {}, True, True
        return cell


class move_exports(Processor):
    "Exported code stands after its documentation, and is marked; imports and hidden cells go"
    def begin(self):
        cells, out = list(self.nb.cells), []
        while cells:
            cell, docs = cells.pop(0), []
            while is_export(cell) and cells and getattr(cells[0], 'has_sd', False): docs.append(cells.pop(0))
            if is_export(cell): cell.is_source_ = True
            out += docs + ([cell] if self.is_shown(cell) else [])
        self.nb.cells = out

    def is_shown(self, cell):
        if cell.cell_type != 'code': return True
        found = cell.directives_
        if {'hide', 'default_exp'} & found.keys() or found.get('include:') == ['false']: return False
        return not is_export(cell) or any(not isinstance(node, (ast.Import, ast.ImportFrom)) for node in body(cell))


class render_docs(Processor):
    "`show_doc(NAME)` becomes text, from the package"
    def begin(self): self.level = 1

    def cell(self, cell):
        if cell.cell_type == 'markdown':
            self.level = max([self.level, *(len(marks) for marks in re.findall(r'^(#+) ', cell.source, re.M))])
        m = re.fullmatch(r'show_doc\(([\w.]+)[^)]*\);?', cell.source.strip())
        if cell.cell_type != 'code' or not m: return
        name = m[1]
        if not self.nb.module_:
            raise ValueError(
                f'{self.nb.path_}: show_doc({name}) in a notebook that exports nothing. Take the cell out.')
        obj = reduce(getattr, name.split('.'), import_module(self.nb.module_))
        # `encodes` of a transform: nbdev shows nothing for it
        if type(obj).__name__ == 'Function': obj = obj.methods[0].implementation
        level = 4 if getattr(cell, 'is_method_', False) else min(3, self.level + 1)
        doc = show_doc(obj, renderer=TableRenderer, name=name, title_level=level)
        comments = [(n, comment) for n, _, _, comment in doc.rows if n not in ('return', 'args', 'kwargs')]
        cell.update(
            cell_type='markdown', source=doc._repr_markdown_(), outputs=[], doc_name_=name, doc_params_=comments,
            doc_line_=(doc.docs or '').split('\n')[0])


class SiteDefaults(FilterDefaults):
    "nbdev's processors, with those of this file in place of the ones in REPLACED"
    def base_procs(self):
        procs = []
        for proc in super().base_procs():
            if proc.__name__ not in REPLACED: procs.append(proc)
            if proc.__name__ == 'add_show_docs': procs += [add_method_docs, move_exports, render_docs]
        return procs


def default_exp(nb):
    "The module that a notebook exports, below the package; None if it exports none"
    return next((d['default_exp'] for d in map(directives, nb['cells']) if 'default_exp' in d), None)

def process(path, package):
    "The notebook at `path` as nbdev sees it, with `module_` and, for cells that document a name, `doc_name_`"
    nb = read_nb(path)
    module = default_exp(nb)
    nb.path_, nb.module_ = path, f'{package}.{module}' if module else None
    SiteDefaults()(nb)
    return nb
