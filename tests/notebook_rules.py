"""How notebooks and other code must read (see CONTRIBUTING.md).

Rules of a notebook take it (a dictionary) and yield what is wrong with it. Rules of code take a `Code`, made of the
code cells of a notebook or of a file, and do the same; width and unused names are left to ruff
(`test_notebook_lint.py`).

Limits of the rules: they read the code and never run it. A call counts as one of ours if its name is defined in the
same notebook, or imported from `prime_nb` by name, by `import *` or as a module. Methods of objects other than `self`
cannot be told, and neither can names that a test builds; an argument `*args` counts as nothing, and a function that
takes any number of arguments is left alone."""
import ast, re
from functools import cached_property, lru_cache

from nbtools import ROOT, directives, is_export, private_paths, source, texts

WIDTH, BOOK_WIDTH = 120, 100
MOST_POSITIONAL, MOST_TARGETS = 4, 3
LIMITS = re.compile(r'^#+ .*does not do', re.I)
MAGIC = re.compile(r'^\s*[%!].*$', re.M)
FENCED = re.compile(r'^```\w*\n(.*?)^```', re.M | re.S)
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef


def code_cells(nb): return [c for c in nb['cells'] if c['cell_type'] == 'code']

def exports(nb): return [c for c in code_cells(nb) if is_export(c)]

def parse(src): return ast.parse(MAGIC.sub('', src))


# What a notebook holds

def opens_alike(nb):
    "`#| default_exp`, then a title with a promise"
    cells = nb['cells']
    if not cells or 'default_exp' not in directives(cells[0]): yield 'the first cell must be `#| default_exp MODULE`'
    intro = source(cells[1]) if len(cells) > 1 and cells[1]['cell_type'] == 'markdown' else ''
    if not re.match(r'# \S', intro): yield 'the second cell must be text that starts with `# Title`'
    if not re.search(r'^> \S', intro, re.M): yield 'the title must be followed by a line `> what this promises`'

def ends_with_limits(nb):
    "The last heading says what this does not do"
    text = '\n'.join(source(c) for c in nb['cells'] if c['cell_type'] == 'markdown')
    headings = [line for line in text.splitlines() if re.match(r'#+ ', line)]
    if not headings or not LIMITS.match(headings[-1]): yield 'the last heading must be "What this does not do"'

def shows_something(nb):
    "A reader sees at least one value, table or picture"
    shown = [c for c in code_cells(nb) if c['outputs'] and 'hide' not in directives(c)]
    if not shown: yield 'no cell shows an output: show what the main function gives before you assert it'

def exports_name_what_they_import(nb):
    "No star imports in what is exported"
    for cell in exports(nb):
        for node in ast.walk(parse(source(cell))):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == '*':
                yield f'`from {node.module} import *` in an export cell'

def ids_are_unique(nb):
    "Every cell has an id of its own"
    ids = [c.get('id') for c in nb['cells']]
    if None in ids: yield 'a cell has no id: run nbdev_clean'
    for i in sorted({i for i in ids if i and ids.count(i) > 1}): yield f'two cells have the id {i}'

def outputs_are_portable(nb):
    "Stored outputs name no folder of a machine, and hold neither warnings, errors nor progress bars"
    for cell in code_cells(nb):
        for out in cell['outputs']:
            where = f'(cell ending in {source(cell).strip().splitlines()[-1]!r})'
            for text in texts(out):
                for path in private_paths(text): yield f'an output names {path} {where}'
                if re.search(r'\d+%\|| ?it/s\b|<progress', text): yield f'an output holds a progress bar {where}'
            if out.get('name') == 'stderr' or out['output_type'] == 'error':
                yield f'a warning or an error is stored {where}'

def fenced_code_fits(nb, width=WIDTH):
    "Code in texts is as narrow as code in cells"
    for cell in nb['cells']:
        if cell['cell_type'] != 'markdown': continue
        for block in FENCED.findall(source(cell)):
            for line in block.splitlines():
                if len(line) > width: yield f'{len(line)} characters in code of a text, at most {width}: {line[:60]!r}'


# What code does

@lru_cache(None)
def public_names(module):
    "What `from MODULE import *` gives, for a module of ours"
    path = ROOT/(module.replace('.', '/') + '.py')
    if not path.exists(): return ()
    for node in ast.parse(path.read_text(encoding='utf-8')).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == '__all__':
            return tuple(e.value for e in ast.walk(node.value) if isinstance(e, ast.Constant))
    return ()

def takes_any(node):
    "Whether a function is made for any number of arguments, such as the words of a command"
    return isinstance(node, FUNCTIONS) and node.args.vararg is not None

def shown(node, most=60):
    "A piece of code, for a message"
    text = ' '.join(ast.unparse(node).split())
    return f'`{text}`' if len(text) <= most else f'`{text[:most]}...`'


class Code:
    "Code of a notebook or of a file, in parts that can be read"
    def __init__(self, parts): self.trees = [parse(p) for p in parts]

    @classmethod
    def of_notebook(cls, nb): return cls([source(c) for c in code_cells(nb)])

    def nodes(self, *kinds):
        "All nodes of these kinds"
        return [n for tree in self.trees for n in ast.walk(tree) if isinstance(n, kinds)]

    @cached_property
    def methods(self): return {n for c in self.nodes(ast.ClassDef) for n in c.body if isinstance(n, FUNCTIONS)}

    @cached_property
    def ours(self):
        "Names of functions, classes and modules of ours"
        defined = {n.name for n in self.nodes(*FUNCTIONS, ast.ClassDef) if n not in self.methods and not takes_any(n)}
        imported = set()
        for node in self.nodes(ast.Import, ast.ImportFrom):
            for a in node.names:
                module = node.module if isinstance(node, ast.ImportFrom) else a.name
                if (module or '').split('.')[0] != 'prime_nb': continue
                imported |= set(public_names(module)) if a.name == '*' else {a.asname or a.name}
        return defined | imported

    def is_ours(self, f):
        "Whether what is called is ours, as far as its name tells"
        if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id == 'self':
            return f.attr in {n.name for n in self.methods}
        while isinstance(f, ast.Attribute): f = f.value
        return isinstance(f, ast.Name) and f.id in self.ours


SCOPES = ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp, ast.Lambda

def evaluated(node):
    "Nodes of an expression, without what stands in a scope of its own or in a call inside it"
    if isinstance(node, SCOPES): return
    yield node
    if isinstance(node, ast.Call): return
    for child in ast.iter_child_nodes(node): yield from evaluated(child)

def no_walrus_in_a_call(code):
    "A value gets its name before it is used"
    for call in code.nodes(ast.Call):
        for part in [*call.args, *(k.value for k in call.keywords)]:
            if any(isinstance(n, ast.NamedExpr) for n in evaluated(part)): yield f'a walrus in the call {shown(call)}'

def few_positional_arguments(code):
    "More than four positional arguments cannot be told apart"
    for call in code.nodes(ast.Call):
        n = sum(not isinstance(a, ast.Starred) for a in call.args)
        if n > MOST_POSITIONAL and code.is_ours(call.func):
            yield f'{n} positional arguments in {shown(call)}: name all but the first few'

def few_assignments_at_once(code):
    "Several values on one line: at most three"
    for node in code.nodes(ast.Assign):
        target = node.targets[0]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) and len(target.elts) > MOST_TARGETS:
            yield f'{len(target.elts)} assignments at once: {shown(node)}'

def lambdas_are_plain(code):
    "A function that decides has a name and lines of its own"
    for node in code.nodes(ast.Lambda):
        if any(isinstance(n, ast.IfExp) for n in ast.walk(node.body)): yield f'a condition in a lambda: {shown(node)}'

API_RULES = opens_alike, ends_with_limits, shows_something, exports_name_what_they_import
ALL_RULES = ids_are_unique, outputs_are_portable, fenced_code_fits
CODE_RULES = no_walrus_in_a_call, few_positional_arguments, few_assignments_at_once, lambdas_are_plain
