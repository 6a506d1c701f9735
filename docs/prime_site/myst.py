"""From nbdev's markdown to MyST's: links, equations, citations, callouts. Plain functions of text, so that they can be
tested without a build.

In a notebook one writes what reads well in Jupyter too, and the site makes it a link:
  `PRW`, `LabelBins.index`               a name of the package
  Yang et al. 2021, Yang et al. (2021)   a paper of docs/references.bib
  $$ ... \\qquad (5) $$                   equation (5) of the PRIME paper; `\\tag{5}` does the same
  equation (5), eqs. 1 and 2             a reference to it
  $$ ... \\label{eq-odds} $$              an equation of one's own, for \\eqref{eq-odds}"""
import posixpath, re
from dataclasses import dataclass, field
from typing import NamedTuple

CODE_FENCE = re.compile(r'^(?P<f>`{3,}|~{3,})[^\n]*\n.*?^(?P=f)[ \t]*$', re.M | re.S)
# What prose is not: code, mathematics, links, pictures, tags, headings
PROTECTED = re.compile(
    r'`+[^`]+`+|\$\$.+?\$\$|\$[^$\n]+\$|!?\[[^\]\n]*\]\([^)\n]*\)(?:\{[^}\n]*\})?|<[^>\n]+>|^#+ [^\n]*$|^\(\S+\)=$',
    re.M | re.S)
NUMBER = r'(?:\(\d{1,2}\)|\d{1,2}(?![\d.)]?\d))'
EQUATIONS = re.compile(rf'\b((?:[Ee]quations?|[Ee]qs?\.)[ \n])({NUMBER}(?:(?:,? and |,? or | to |, |-|–){NUMBER})*)')
OF_ANOTHER_PAPER = re.compile(r'(?:19|20)\d\d\)?,\s*$')
DISPLAY = re.compile(r'^\$\$(.+?)\$\$(?:[ \t]*\{#([\w:-]+)\})?[ \t]*$', re.M | re.S)
TAG = re.compile(r'\s*(?:\\tag\{(\d+)\}|\\q?quad\s*\\?\(?\((\d+)\))\s*(?=$|\\label|\.|,)')
LABEL = re.compile(r'\s*\\label\{([^}]+)\}')


class Name(NamedTuple):
    "A public name and where it is documented"
    module: str       # 'prime_nb.alignment'
    name: str         # 'PRW.weights'
    line: str = ''    # first line of its docstring


@dataclass
class Book:
    "What pages must know about one another"
    pages: dict = field(default_factory=dict)        # notebook below nbs -> page, without suffix
    files: dict = field(default_factory=dict)        # other files that have a page: 'CHANGELOG.md' -> 'changelog'
    extras: set = field(default_factory=set)         # files below nbs that are copied as they are: 'book/knobs.html'
    names: list = field(default_factory=list)        # `Name`s that are documented
    modules: dict = field(default_factory=dict)      # module -> page
    papers: dict = field(default_factory=dict)       # 'Yang et al. 2021' -> key
    equations: dict = field(default_factory=dict)    # number in the PRIME paper -> label
    numbers: dict = field(default_factory=dict)      # label -> number that is shown
    cited: dict = field(default_factory=dict)        # key -> pages, filled while translating
    labels: dict = field(default_factory=dict)       # (module, name) -> label, unique without regard to case
    by_name: dict = field(default_factory=dict)      # name -> labels
    blob: str = ''                                   # where the repository shows a file

    def add(self, name):
        "Make a documented name known; `RankSim` and `ranksim` of one module get different labels"
        label = f'{name.module}.{name.name}'.lower()
        while label in self.labels.values(): label += '-too'
        self.names.append(name)
        self.labels[name.module, name.name] = label
        self.by_name.setdefault(name.name, []).append(label)


@dataclass
class Page:
    "Where a text stands"
    notebook: str               # below nbs: 'api/04_alignment.ipynb'
    docname: str                # 'api/alignment'
    module: str | None = None   # 'prime_nb.alignment'
    imported: dict = field(default_factory=dict)    # name -> module that the notebook imports it from
    prefix: str = ''            # of equation numbers: '2.' in the second chapter
    equations: int = 0          # numbered so far
    lettered: bool = False      # (a), (b), ... beside the numbers of the paper


def outside(pattern, text, change):
    "Apply `change` to the parts of `text` that do not match `pattern`"
    out, at = [], 0
    for m in pattern.finditer(text):
        out += [change(text[at:m.start()]), m[0]]
        at = m.end()
    return ''.join(out + [change(text[at:])])


# Names

def resolve(book, page, name):
    "The label of a back-ticked `name`, or None. Bare lower-case words count only if the notebook knows them"
    first = name.split('.')[0]
    module, _, rest = name.rpartition('.')
    for place, what in ((page.imported.get(first), name), (page.module, name), (module, rest)):
        label = documented(book, place, what)
        if label: return label
    found = book.by_name.get(name) or ('.' in name and book.by_name.get(first)) or []
    return found[0] if len(found) == 1 and re.search(r'[A-Z_]', name) else None

def documented(book, module, name):
    "The label of a name of a module; for an attribute that is not documented, that of its class"
    for candidate in (name, name.rpartition('.')[0]):
        if (module, candidate) in book.labels: return book.labels[module, candidate]

def link_names(book, page, text):
    "Link names in back-ticks to where they are documented"
    def link(m):
        name = m[1].removesuffix('()')
        name = name[:-1].split('(')[0] if re.fullmatch(r'[\w.]+\(.*\)', name) else name
        if book.modules.get(name, page.docname) != page.docname: return f'[`{m[1]}`](/{book.modules[name]})'
        label = resolve(book, page, name) if re.fullmatch(r'[A-Za-z_][\w.]*', name) else None
        return f'[`{m[1]}`](#{label})' if label else m[0]
    linked = re.compile(r'!?\[[^\]\n]*\]\([^)\n]*\)|^#+ [^\n]*$|\$\$.+?\$\$', re.M | re.S)
    return outside(linked, text, lambda s: re.sub(r'(?<!`)`([^`\n]+)`(?!`)', link, s))


# Links to files

LINK = re.compile(r'(!?)\[((?:[^\]\n]|\](?!\())*)\]\(([^)\s]+)\)(?:\{[^}\n]*\})?|(?<!`)`[^`\n]+`(?!`)')

def link_files(book, page, text):
    "Links between notebooks become links between pages; those to other files of the project lead to the repository"
    here = posixpath.dirname(posixpath.join('nbs', page.notebook))
    def link(m):
        if m[3] is None or m[1] == '!' or re.match(r'[a-z]+:|/|#', m[3]): return m[0]
        target, _, anchor = m[3].partition('#')
        path = posixpath.normpath(posixpath.join(here, target))
        anchor = f'#{anchor.lower()}' if anchor else ''
        below = path.removeprefix('nbs/')
        if below in book.extras:
            start = posixpath.dirname(page.docname) or '.'
            return f'<a href="{posixpath.relpath(below, start)}">{m[2]}</a>'
        if below in book.pages: return f'[{m[2]}](/{book.pages[below]}{anchor})'
        return f'[{m[2]}](/{book.files[path]}{anchor})' if path in book.files else f'[{m[2]}]({book.blob}/{path})'
    return LINK.sub(link, text)


# Equations

def number_displays(book, page, text):
    "Give every displayed equation a number and a label: the paper's where the notebook says so"
    def change(m):
        body, label = m[1].strip(), m[2]
        found = LABEL.search(body)
        if found: label, body = found[1], LABEL.sub('', body)
        tag = TAG.search(body)
        if tag: body = TAG.sub('', body)
        label, number = place(book, page, label, tag and (tag[1] or tag[2]))
        book.numbers[label] = number
        return f'\n$$\n{body.strip()}\n$$ ({label})\n'
    return outside(CODE_FENCE, text, lambda s: DISPLAY.sub(change, s))

def place(book, page, label, paper):
    "Label and number of an equation; `paper`: its number in the PRIME paper, if it has one"
    own = f'eq-{page.docname}'.replace('/', '-').replace('.', '-')
    if paper:
        first = book.equations.setdefault(paper, f'prime-{paper}')
        if first not in book.numbers: return first, paper
        return label or f'{own}-paper-{paper}-{len(book.numbers)}', paper
    page.equations += 1
    letter = page.lettered and page.equations <= 26
    number = chr(96 + page.equations) if letter else f'{page.prefix}{page.equations}'
    return label or f'{own}-{page.equations}', number

def has_paper_numbers(text):
    return any(TAG.search(LABEL.sub('', m[1].strip())) for m in DISPLAY.finditer(text))

def link_equations(book, text):
    "Link `equation (5)` and `eqs. 1 and 2`; an equation of another paper, `..., 2021, eq. 1`, is left alone"
    def number(m):
        label = book.equations.get(m[1] or m[2])
        return f'{{eq}}`{label}`' if label else m[0]
    def refer(m):
        if OF_ANOTHER_PAPER.search(m.string[:m.start()]): return m[0]
        return m[1] + re.sub(r'\((\d{1,2})\)|(\d{1,2})', number, m[2])
    return EQUATIONS.sub(refer, text)

def link_own_equations(text):
    return re.sub(r'\\eqref\{([^}]+)\}|(?<![\w`])@(eq-[\w-]+)', lambda m: f'{{eq}}`{m[1] or m[2]}`', text)


# Papers

def spoken(authors, year):
    "How a text names a paper: 'Gong et al. 2022', 'Wang and Wang 2023'"
    who = f'{authors[0]} et al.' if len(authors) > 2 else ' and '.join(authors)
    return f'{who} {year}'

def link_papers(book, page, text):
    "Link papers that are named by author and year: 'Yang et al. 2021', 'Yang et al. (2021)', 'Lim et al., ICML 2025'"
    who = {key.rpartition(' ')[0] for key in book.papers}
    if not who: return text
    names = '|'.join(re.escape(w).replace('\\ ', r'\s+') for w in sorted(who, key=len, reverse=True))
    def link(m):
        key = book.papers.get(f'{" ".join(m[1].split())} {m[3]}')
        if not key: return m[0]
        book.cited.setdefault(key, []).append(page.docname)
        return f'[{m[1]}{m[2]}{m[3]}{m[4] or ""}](#paper-{key})'
    between = r',?\s+(?:[A-Z][A-Za-z]+\s+)?|\s+\('
    return re.sub(rf'\b({names})({between})((?:19|20)\d\d)\b((?<=\(\d{{4}})\))?', link, text)


# Quarto's dialect

def callout(m):
    "A Quarto callout as an admonition"
    title = re.search(r'title="([^"]*)"', m[2])
    head = re.match(r'#+ (.*)\n', m[4].lstrip())
    body = re.sub(r'\A\s*#+ .*\n', '', m[4]) if head and not title else m[4]
    fold = ' dropdown' if 'collapse="true"' in m[2] else ''
    return f':::{{admonition}} {(title or head or [0, m[3].title()])[1]}\n:class: {m[3]}{fold}\n{body.strip()}\n:::'

def dialect(text):
    "Callouts, folded solutions and attributes"
    text = re.sub(r'^(:{3,}) ?\{([^}\n]*\.callout-(\w+)[^}\n]*)\}\n(.*?)\n\1$', callout, text, flags=re.M | re.S)
    details = r'<details[^>]*>\s*<summary>(.*?)</summary>\s*(.*?)\s*</details>'
    text = re.sub(details, r':::{dropdown} \1\n\2\n:::', text, flags=re.S)
    return re.sub(r'^(#+ .*?)[ \t]*\{#([\w:-]+)\}[ \t]*$', r'(\2)=\n\1', text, flags=re.M)

def translate(book, page, text):
    "A markdown cell, with its displays numbered, as MyST"
    def prose(s):
        s = link_own_equations(link_names(book, page, link_files(book, page, dialect(s))))
        return outside(PROTECTED, s, lambda plain: link_papers(book, page, link_equations(book, plain)))
    return outside(CODE_FENCE, text, prose)
