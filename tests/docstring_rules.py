"""What the documentation of a public name must say. Read from the source: nothing is imported, nothing is run.

Each rule takes a `Name` and the `Package`, and yields what is missing. A comment says something about a parameter if it
stands where fastcore's docments looks for it: behind the parameter on its line, or on the lines above it. A comment
behind several parameters of one line is theirs in common."""
import ast, io, re, tokenize
from functools import cached_property
from pathlib import Path

DEFS = ast.FunctionDef, ast.AsyncFunctionDef
# fastai says when it calls these, and with what
EVENTS = re.compile(
    r'(before|after)_(fit|epoch|train|validate|batch|pred|loss|backward|step|zero_grad|cancel_\w+|create)$')
CROWD = 3 # parameters that one comment can be about, unless it says where to look for them
UNSAID = {'self', 'cls', 'ax'}
ARRAYS = {
    'y', 'z', 'x', 'pred', 'preds', 'targ', 'targs', 'target', 'targets', 'features', 'proxies', 'logits', 'counts',
    'images', 'depths'
}
ARRAY_TYPE = re.compile(r'\b(Tensor|ndarray|NDArray|ArrayLike)\b')
ITEM = r"(?:\.\.\.|[\w.]+\*\([\w.+-]+\)|[\w.]+'?(?:\s?[*+/-]\s?[\w.]+)*)"
SHAPE = re.compile(
    rf'\({ITEM},(?:\s*{ITEM})?(?:,\s*{ITEM})*,?\)|\bscalars?\b|\b(?:a|one) number\b'
    r'|\b(any|same|its|their|that|whatever|the) shapes?\b|\bshape (of|as)\b|\bshaped (like|as)\b'
)
REFERENCE = re.compile(r'\b([Ss]ee|[Aa]s|[Aa]s for|[Aa]s in|[Aa]s of|like|what|given to|goes to) `[\w.]+`')
STOPS = {
    'StopIteration', 'NotImplementedError', 'AttributeError', 'CancelFitException', 'CancelBatchException',
    'CancelTrainException', 'CancelEpochException', 'CancelValidException', 'CancelStepException',
    'CancelBackwardException'
}
ERRORS_AS = re.compile(r'\b[Ee]rrors?( are)? (as|of|from) |\b[Rr]aises (as|what) ')
SOURCE = re.compile(
    r"\b[A-Z][\w'-]+(?: et al\.?| and [A-Z][\w'-]+)?,? \(?(19|20)\d\d|\b([Ee]quations?|[Ee]qs?\.) \(?\d"
    r'|\b[Ss]ections? [A-Z]?\d|\b[Tt]ables? [A-Z]?\d|\bAlgorithm \d|\bAppendix [A-Z]|\bTheorem \d'
)
# What a number of this name is counted in, and the words of which one must be there
UNITS = {
    r'(.*_)?(seconds|secs|timeout|delay|patience_s|wall_s)': r'second|minute|hour',
    r'(.*_)?(n_?bytes|peak_memory|memory_mb|max_bytes|limit_mb)': r'byte|[MG]i?B',
    r'(.*_)?(side|pixels|img_size|image_size|crop|resize)': r'pixel',
    r'(.*_)?(share|fraction|pct|percent|ratio|valid_pct)':
        r'share|part|fraction|0 to 1|from 0|of (the|all|its)|percent|ratio|%',
    r'(.*_)?(max_depth|min_depth|depth_range|far|near)': r'metre|meter|\bm\b'
}


class Param:
    "A parameter, or a field of a dataclass, with its comment"
    def __init__(self, name, anno, comment): self.name, self.anno, self.comment = name, anno, comment or ''

    @property
    def is_array(self):
        if self.anno: return bool(ARRAY_TYPE.search(self.anno))
        return self.name in ARRAYS and not re.search(r'\b(columns?|names?|path|function|number of)\b', self.comment)


def said_comments(text):
    "Line -> (comment, whether code stands before it)"
    found = {}
    for t in tokenize.generate_tokens(io.StringIO(text).readline):
        if t.type == tokenize.COMMENT:
            found[t.start[0]] = t.string.lstrip('#').strip(), bool(t.line[:t.start[1]].strip())
    return found


class Name:
    "A public function, class, or method with what is said about it"
    def __init__(self, module, qual, node, comments, owner=None):
        self.module, self.qual, self.node = module, qual, node
        self.comments, self.owner = comments, owner
        self.is_class = isinstance(node, ast.ClassDef)

    @property
    def where(self): return f'{self.module}.{self.qual}'

    @cached_property
    def doc(self):
        own = ast.get_docstring(self.node) or ''
        init = self.init if self.is_class else None
        return own + ('\n' + (ast.get_docstring(init) or '') if init else '')

    @cached_property
    def init(self): return self.methods.get('__init__') or self.methods.get('__new__')

    @cached_property
    def methods(self): return {n.name: n for n in self.node.body if isinstance(n, DEFS)} if self.is_class else {}

    @property
    def body(self):
        "The function that the caller runs by calling this name"
        return self.init if self.is_class else self.node

    def is_dataclass(self):
        return self.is_class and any('dataclass' in ast.unparse(d) for d in self.node.decorator_list)

    def _comment(self, line, lines, end=None):
        if line in self.comments and self.comments[line][1] and (end is None or line < end):
            return self.comments[line][0]
        above, line = [], line - 1
        while line > self.node.lineno and line in self.comments and not self.comments[line][1] and line not in lines:
            above, line = [self.comments[line][0], *above], line - 1
        return ' '.join(above)

    @cached_property
    def params(self):
        "Parameters with their comments, without self, cls, *args, **kwargs"
        if self.is_dataclass():
            fields = [
                n for n in self.node.body
                if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name) and not n.target.id.startswith('_')
            ]
            lines = {n.lineno for n in fields}
            return [Param(n.target.id, ast.unparse(n.annotation), self._comment(n.end_lineno, lines)) for n in fields]
        f = self.body
        if f is None: return []
        args = [*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs]
        lines, end = {a.lineno for a in args}, f.body[0].lineno
        # the comment of a line with the return annotation is that of what is returned
        stop = f.returns.lineno if f.returns else end
        bound = any('staticmethod' in ast.unparse(d) for d in f.decorator_list)
        method = (self.owner or self.is_class) and not bound
        args = args[1:] if method and args and args[0].arg in ('self', 'cls') or args and args[0].arg in (
            'self', 'cls') else args
        crowd = lambda a: sum(b.end_lineno == a.end_lineno for b in args)
        def said(a):
            comment = self._comment(a.end_lineno, lines, stop)
            return '' if crowd(a) > (
                CROWD if a.end_lineno > f.lineno else 1) and not REFERENCE.search(comment) else comment

        return [
            Param(a.arg,
                  ast.unparse(a.annotation) if a.annotation else '', said(a))
            for a in args
            if not a.arg.startswith('_')
        ]

    @cached_property
    def returned(self):
        "What is returned, as a parameter; None without annotation and comment"
        if self.is_class: return None
        f = self.node
        if f.returns is None: return None
        line = f.returns.end_lineno
        said = self.comments[line][0] if line in self.comments and (line < f.body[0].lineno) else ''
        return Param('return', ast.unparse(f.returns), said)


class Package:
    "All modules of a package: their public names, and every function by name"
    def __init__(self, root):
        self.root, self.names, self.modules = Path(root), [], {}
        self.classes, self.functions = {}, {}
        for path in sorted(self.root.rglob('*.py')):
            if path.name.startswith('_'): continue
            module = '.'.join(path.relative_to(self.root).with_suffix('').parts)
            text = path.read_text(encoding='utf-8')
            self.add(module, ast.parse(text), said_comments(text))

    def add(self, module, tree, comments):
        public = next((
            ast.literal_eval(n.value)
            for n in tree.body
            if isinstance(n, ast.Assign) and getattr(n.targets[0], 'id', '') == '__all__'), [])
        self.modules[module] = ast.get_docstring(tree) or ''
        for node in tree.body:
            if isinstance(node, ast.ClassDef): self.classes[node.name] = Name(module, node.name, node, comments)
            if isinstance(node, DEFS) and not is_patch(node): self.functions.setdefault(node.name, node)
        for node in tree.body:
            if isinstance(node, DEFS) and is_patch(node):
                owner = ast.unparse(node.args.args[0].annotation)
                for o in re.split(r'[|,()\s]+', owner):
                    if o in self.classes: self.classes[o].methods.setdefault(node.name, node)
                if node.name == '__call__' or not node.name.startswith('_'):
                    self.names.append(Name(module, f'{owner}.{node.name}', node, comments, owner=owner))
            elif isinstance(node, (*DEFS, ast.ClassDef)) and node.name in public:
                self.names.append(Name(module, node.name, node, comments))
                for n in node.body if isinstance(node, ast.ClassDef) else ():
                    if isinstance(n, DEFS) and (n.name == '__call__'
                                                or not n.name.startswith('_')) and not is_setter(n):
                        self.names.append(Name(module, f'{node.name}.{n.name}', n, comments, owner=node.name))

    def bases(self, name):
        "The class and what it inherits from, as far as it is here"
        c = self.classes.get(name)
        if c is None: return
        yield c
        for b in c.node.bases: yield from self.bases(ast.unparse(b).split('.')[-1])

    def inherited(self, name):
        "Same method of a base class, with a docstring"
        for c in list(self.bases(name.owner))[1:]:
            m = c.methods.get(name.node.name)
            if m is not None and ast.get_docstring(m):
                return Name(c.module, f'{c.qual}.{m.name}', m, c.comments, owner=c.qual)

    def said_by_class(self, name):
        "Parameters of the class that have a comment"
        return {p.name for c in self.bases(name.owner) for p in c.params if p.comment} if name.owner else set()


def is_patch(node): return any(ast.unparse(d).split('(')[0] in ('patch', 'patch_to') for d in node.decorator_list)

def is_setter(node): return any(ast.unparse(d).endswith('.setter') for d in node.decorator_list)

def gives_back(node):
    "Whether a method returns what it gets, and does nothing else"
    last = node.body[-1]
    return len(node.body) == 1 and isinstance(last, ast.Return) and isinstance(
        last.value, ast.Name) and last.value.id == node.args.args[-1].arg

def is_event(name):
    "What torch and fastai call, and say themselves: an event, hooks of a module, and a loss with nothing to decode"
    if not name.owner: return False
    method = name.node.name
    if EVENTS.match(method) or method in ('extra_repr', 'get_extra_state', 'set_extra_state'): return True
    return method in ('activation', 'decodes') and gives_back(name.node)

def whole_doc(name, package):
    base = package.inherited(name) if name.owner else None
    return name.doc.strip() or (base.doc if base else '')

def has_docstring(name, package):
    "A docstring; fastai's events and overridden methods may leave it to what they override"
    if not is_event(name) and not whole_doc(name, package): yield 'no docstring'

def unsaid(name, package):
    base = package.inherited(name) if name.owner else None
    known = package.said_by_class(name) | ({p.name for p in base.params if p.comment} if base else set())
    return {
        p.name for p in name.params if not p.comment and p.name not in UNSAID and p.name not in known
        and f'`{p.name}' not in whole_doc(name, package)
    }

def parameters_are_said(name, package):
    "Each parameter has a comment, or the docstring names it"
    missing = unsaid(name, package)
    if missing and not is_event(name):
        yield 'nothing said about ' + ', '.join(p.name for p in name.params if p.name in missing)

def has_shape(text): return bool(SHAPE.search(text) or REFERENCE.search(text))

def comments_say_more_than_names(name, package):
    "A comment that only repeats the name of its parameter is none"
    for p in name.params:
        words = set(re.findall(r'[a-z]+', p.comment.lower())) - {'the', 'a', 'an', 'of', 'to', 'is', 'this'}
        if p.comment and words <= set(re.findall(
                r'[a-z]+', p.name.lower())) and not re.search(r'[\d(`A-Z]|[^\x00-\x7f]', p.comment):
            yield f'the comment of {p.name} says no more than its name: {p.comment!r}'

def arrays_have_shapes(name, package):
    "A comment about an array has its shape in parentheses, or refers to what has it"
    doc = whole_doc(name, package)
    for p in name.params:
        if p.is_array and p.comment and not has_shape(p.comment) and not re.search(rf'\b{p.name}`?s? \(', doc):
            yield f'no shape of {p.name} in {p.comment!r}'
    r = name.returned
    if r is not None and ARRAY_TYPE.search(
            r.anno) and not is_event(name) and not has_shape(r.comment or '') and not has_shape(doc):
        yield f'no shape of what it returns in {r.comment!r}'

def raised(node):
    "Errors that this function raises itself, and does not catch"
    found, caught = set(), set()
    for t in ast.walk(node):
        if isinstance(t, ast.Try):
            types = ' '.join(ast.unparse(h.type) if h.type else 'Exception' for h in t.handlers)
            for n in (n for b in t.body for n in ast.walk(b)):
                if isinstance(n, ast.Raise) and n.exc is not None and ast.unparse(n.exc).split('(')[0] in types:
                    caught.add(n)
    for n in ast.walk(node):
        if n in caught: continue
        if isinstance(n, ast.Raise) and n.exc is not None:
            e = n.exc.func if isinstance(n.exc, ast.Call) else n.exc
            text = ast.unparse(e).split('.')[-1]
            if re.match(r'[A-Z]\w+$', text) and text not in STOPS: found.add(text)
    return found

def errors_are_named(name, package):
    "The docstring names each error that the code raises, and that a `check_*` function of the package raises for it"
    f = name.body
    if f is None: return
    doc, own = whole_doc(name, package), raised(f)
    for error in sorted(own):
        if error not in doc and not ERRORS_AS.search(doc): yield f'{error} is not named'
    if own: return
    for n in ast.walk(f):
        if isinstance(n, ast.Call):
            called = ast.unparse(n.func).split('.')[-1]
            if called.startswith('check_') and called in package.functions and raised(package.functions[called]):
                if not any(
                        e in doc
                        for e in raised(package.functions[called])) and called not in doc and not ERRORS_AS.search(doc):
                    yield f'errors of {called} are not named'
                    return

def units_are_said(name, package):
    "Seconds, bytes, pixels, metres and shares are said to be that"
    for p in name.params:
        for pattern, words in UNITS.items():
            if re.fullmatch(pattern, p.name) and p.comment and not REFERENCE.search(p.comment) and not re.search(
                    words, p.comment) and not re.search(words, whole_doc(name, package)):
                yield f'no unit of {p.name} in {p.comment!r}'

RULES = (
    has_docstring, parameters_are_said, comments_say_more_than_names, arrays_have_shapes, errors_are_named,
    units_are_said)
PAPERS = re.compile(r'(baselines\..*|objective|proxies|alignment|head|losses|metrics|callback\..*)$')

def modules_without_source(package, plumbing=()):
    "Modules of methods whose docstrings name neither a paper nor an equation"
    for module, doc in package.modules.items():
        said = '\n'.join([doc, *(n.doc for n in package.names if n.module == module)])
        if PAPERS.match(module) and module not in plumbing and not SOURCE.search(said): yield module
