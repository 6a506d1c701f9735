"""How an API notebook must read (see CONTRIBUTING.md). Each rule takes a notebook and yields what is wrong with it."""
import ast, re

from nbtools import code_lines, directives, is_export, is_test, private_paths, source, texts

EXPORT_LINES, FUNCTION_LINES = 20, 15
LIMITS = re.compile(r'^#+ .*does not do', re.I)
MAGIC = re.compile(r'^\s*[%!].*$', re.M)


def code_cells(nb): return [c for c in nb['cells'] if c['cell_type'] == 'code']

def exports(nb): return [c for c in code_cells(nb) if is_export(c)]

def opens_alike(nb):
    "`#| default_exp`, then a title with a promise"
    cells = nb['cells']
    if not cells or 'default_exp' not in directives(cells[0]): yield 'the first cell must be `#| default_exp MODULE`'
    intro = source(cells[1]) if len(cells) > 1 and cells[1]['cell_type'] == 'markdown' else ''
    if not re.match(r'# \S', intro): yield 'the second cell must be text that starts with `# Title`'
    if not re.search(r'^> \S', intro, re.M): yield 'the title must be followed by a line `> what this promises`'

def ends_with_limits(nb):
    "The last heading says what this does not do"
    headings = [l for c in nb['cells'] if c['cell_type'] == 'markdown' for l in source(c).splitlines() if re.match(r'#+ ', l)]
    if not headings or not LIMITS.match(headings[-1]): yield 'the last heading must be "What this does not do"'

def exports_are_short(nb):
    "A cell that exports more than 20 lines holds more than one idea; documentation does not count: docstrings, and the documented parameters of a signature"
    for cell in exports(nb):
        lines = code_lines(source(cell))
        n = len(_counted_lines(source(cell)))
        if n > EXPORT_LINES: yield f'{n} lines in the export cell that starts with {lines[0].strip()!r}: at most {EXPORT_LINES}'

def functions_are_short(nb, allowed=()):
    "A function has at most 15 lines; the documented parameters of its signature do not count"
    for cell in exports(nb):
        for node in ast.walk(ast.parse(MAGIC.sub('', source(cell)))):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.name in allowed: continue
            n = node.end_lineno - node.body[0].lineno + 2    # the body and the line of the `def`
            if n > FUNCTION_LINES: yield f'{n} lines in `{node.name}`: at most {FUNCTION_LINES}'

def _is_docstring(node): return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)

def _counted_lines(src, imports=True):
    "Lines without docstrings and without the documented parameters of a signature; without imports, if they do not count"
    said = set()
    for node in ast.walk(ast.parse(MAGIC.sub('', src))):
        if _is_docstring(node) or not imports and isinstance(node, (ast.Import, ast.ImportFrom)): said |= set(range(node.lineno, node.end_lineno+1))
        if isinstance(node, ast.FunctionDef): said |= set(range(node.lineno+1, node.body[0].lineno))
    return [l for i,l in enumerate(src.splitlines(), 1) if i not in said and code_lines(l)]

def testable_lines(src):
    "How many lines do something: imports, docstrings and the documented parameters of a signature do not"
    return len(_counted_lines(src, imports=False))

def tests_outweigh_exports(nb):
    "At least one line of tests for each exported line that does something"
    exported = sum(testable_lines(source(c)) for c in exports(nb))
    tested = sum(len(code_lines(source(c))) for c in code_cells(nb) if is_test(c))
    if tested < exported: yield f'{tested} lines of tests for {exported} exported lines'

def exports_name_what_they_import(nb):
    "No star imports in what is exported"
    for cell in exports(nb):
        for node in ast.walk(ast.parse(MAGIC.sub('', source(cell)))):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == '*': yield f'`from {node.module} import *` in an export cell'

def ids_are_unique(nb):
    "Every cell has an id of its own"
    ids = [c.get('id') for c in nb['cells']]
    if None in ids: yield 'a cell has no id: run nbdev_clean'
    for i in sorted({i for i in ids if i and ids.count(i) > 1}): yield f'two cells have the id {i}'

def outputs_are_portable(nb):
    "Stored outputs name no folder of a machine, and hold neither warnings, errors nor progress bars"
    for cell in code_cells(nb):
        for out in cell['outputs']:
            first = source(cell).strip().splitlines()[-1]
            for text in texts(out):
                for path in private_paths(text): yield f'an output names {path} (cell ending in {first!r})'
                if re.search(r'\d+%\|| ?it/s\b|<progress', text): yield f'an output holds a progress bar (cell ending in {first!r})'
            if out.get('name') == 'stderr' or out['output_type'] == 'error': yield f'a warning or an error is stored (cell ending in {first!r})'

API_RULES = (opens_alike, ends_with_limits, exports_are_short, functions_are_short, tests_outweigh_exports, exports_name_what_they_import)
ALL_RULES = ids_are_unique, outputs_are_portable
