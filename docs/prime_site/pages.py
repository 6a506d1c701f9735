"""The pages that are no notebook: tables of contents, the API by room, methods, names, papers, and the gallery of the
front page. Text in, text out."""
import base64, json, re
from fnmatch import fnmatch

from nbtools import ROOT, source

DOCS = ROOT/'docs'

# Rooms of the API, in the order of the sidebar: page, title, what it is, which modules (the first match counts)
LAYERS = [
    ('ground', 'Ground', 'Comparing honestly, writing files whole, keeping what was computed, several processes.',
     'checks files cache distributed page'),
    ('core', 'The method', 'Bins, proxies, losses and metrics as plain PyTorch, for a loop of your own; no fastai.',
     'distances targets proxies alignment objective head losses metrics plots auto'),
    ('baselines', 'Baselines', 'The methods that PRIME is compared with, each from its paper.', 'baselines.*'),
    ('callback', 'Callbacks', 'The same for a fastai Learner.', 'callback.* interpret'),
    ('models', 'Models', 'Networks that the benchmarks use.', 'models.*'),
    ('data', 'Data', 'Reading tables, pictures, texts and the published data sets.', 'data.*'),
    ('twins', 'Twins', 'Data that are drawn or made up, for use without the originals.', 'twins.*'),
    ('methods', 'Methods', 'What a method is: its settings with their sources, and how it is built and trained.',
     'methods.*'),
    ('own', 'Your own data', 'From a table, pictures or texts to a judged and saved model.', 'own.*'),
    ('bench', 'Benchmarks', 'Data sets, runs, searches and tables.', 'bench.*'),
    ('cli', 'Commands', 'What the shell has, and the front door.', 'cli.* all'),
    ('more', 'More', 'Modules of no room in particular.', '*')]
PARTS = [('book', 'Book'), ('benchmarks', 'Benchmarks'), ('studies', 'Studies')]
REFERENCE = ['methods', 'symbols', 'names', 'papers', 'changelog', 'contributing']


def layer(module):
    "The layer of a module such as 'callback.prime'"
    return next(name for name, _, _, patterns in LAYERS if any(fnmatch(module, p) for p in patterns.split()))

def short(module): return module.split('.', 1)[1]

def toctree(pages, caption='', hidden=True, **options):
    "A table of contents in MyST; `pages` are document names from the root, or `Title </name>`"
    if caption: options = dict(caption=caption) | options
    head = [':hidden:'] if hidden else []
    head += [f':{key}: {value}' for key, value in options.items()]
    return '\n'.join(['```{toctree}', *head, '', *(p if p.endswith('>') else f'/{p}' for p in pages), '```'])

def contents(parts, layers):
    "The sidebar: parts in order, then the API by layer, then reference pages"
    numbered = dict(book=dict(numbered=1))
    trees = [toctree(pages, title, **numbered.get(name, {})) for name, title, pages in parts if pages]
    trees.append(toctree(['Overview </api>', *(f'layers/{name}' for name in layers)], 'API'))
    trees.append(toctree(REFERENCE, 'Reference'))
    return '\n\n'.join(trees)

def cell(text): return ' '.join(text.split()).replace('|', '\\|')

def rows(header, lines):
    "A markdown table"
    return '\n'.join('| ' + ' | '.join(map(cell, line)) + ' |' for line in [header, ['---']*len(header), *lines])


# The API

def layer_page(name, pages):
    "One layer: what it is, and a table of its modules; `pages` are (page, module, title, promise)"
    _, title, about, _ = next(l for l in LAYERS if l[0] == name)
    lines = [(f'[`{short(module)}`](/{page})', promise or title) for page, module, title, promise in pages]
    table = rows(['module', 'what it promises'], lines)
    return f'# {title}\n\n> {about}\n\n{table}\n\n{toctree([p[0] for p in pages])}\n'

API = '''# API

> One notebook is one module: what it promises, the equation, numbers by hand, the code, and its proof.

Imports point downward only. The first three layers use no fastai.

{layers}

Every public name, in one list: [Names](/names).
'''

def api_page(layers):
    "All layers, lowest first"
    def one(name, title, about):
        modules = ', '.join(f'[`{short(module)}`](/{page})' for page, module, _, _ in layers[name])
        return f'## [{title}](/layers/{name})\n\n{about}\n\n{modules}'
    found = [one(name, title, about) for name, title, about, _ in LAYERS if name in layers]
    return API.format(layers='\n\n'.join(found))

def names_page(book):
    "Every documented name with the first line of its docstring"
    letters = {}
    for n in sorted(book.names, key=lambda n: (n.name.lower(), n.module)):
        if '.' not in n.name: letters.setdefault(n.name[0].upper(), []).append(n)
    def line(n):
        name = f'[`{n.name}`](#{book.labels[n.module, n.name]})'
        what = n.line.replace('$', '\\$').replace('<', '&lt;')
        return name, f'[{short(n.module)}](/{book.modules[n.module]})', what
    parts = ['# Names', '> Every public function and class. Methods are on the page of their class.']
    for letter, found in letters.items():
        parts += [f'## {letter}', rows(['name', 'module', 'what'], map(line, found))]
    return '\n\n'.join(parts) + '\n'


# Methods

LICENCE = re.compile(r'\bLicence: |\bwritten from the\b', re.I)
METHODS = '''# Methods

> PRIME, and what it is compared with. Each page has the paper, the hyper-parameters with their sources, and a note on the licence.

In `prime_bench`, parts are joined by `+`: `inv+prime`, `prime+ranksim`.

{table}

No code of other repositories is used in any of them: each is written from its paper, and where published outputs exist, compared with them.

{contents}
'''    # noqa: E501

def methods(): return json.loads((DOCS/'methods.json').read_text(encoding='utf-8'))

def licence(method, notebooks):
    "What is said about the licence: in the data, or in the last paragraph of the notebook that `LICENCE` matches"
    if 'licence' in method: return method['licence']
    texts = [source(c) for c in notebooks(method['notebook'])['cells'] if c['cell_type'] == 'markdown']
    found = [p for text in texts for p in text.split('\n\n') if LICENCE.search(p)]
    if not found:
        raise ValueError(
            f"{method['notebook']} says nothing about the licence of {method['name']}: add a paragraph "
            "'Licence: written from the paper. ...' before its last heading, or `licence` in docs/methods.json")
    text = found[-1][LICENCE.search(found[-1]).start():].removeprefix('Licence: ')
    return text[0].upper() + text[1:]

def methods_page(found, spoken, page):
    "The table of methods; `spoken`: key of a paper -> how one names it, `page`: notebook -> page"
    def line(m):
        recipes = ', '.join(f'`{r}`' for r in m['recipes'])
        paper, derived = f'[{spoken[m["paper"]]}](#paper-{m["paper"]})', f'[notebook](/{page(m["notebook"])})'
        return f'[{m["name"]}](/methods/{m["slug"]})', m['kind'], paper, recipes, derived
    table = rows(['method', 'kind', 'paper', 'in `prime_bench`', 'derived in'], map(line, found))
    return METHODS.format(table=table, contents=toctree([f'methods/{m["slug"]}' for m in found]))

def recipe_table(recipe):
    "Hyper-parameters of a recipe: value, where it comes from, what a search tries"
    if not recipe.values: return ''
    def tried(name): return ', '.join(map(str, recipe.space.get(name, [])))
    lines = [(f'`{k}`', f'`{v.value!r}`', v.source, tried(k)) for k, v in sorted(recipe.values.items())]
    n = 4 if recipe.space else 3
    return rows(['setting', 'value', 'source', 'a search tries'][:n], [line[:n] for line in lines])

def capital(text): return text[0].upper() + text[1:]

def recipe_section(name, recipe):
    "One recipe of a method: what it is, how to run it, its settings"
    given = f'{recipe.on}+{name}' if recipe.on and not recipe.alone else name
    how = f'`prime_bench DATASET --methods {given}`'
    return f'## `{name}`\n\n{capital(recipe.doc)}. {how}\n\n{recipe_table(recipe)}'

def method_page(method, recipes, note, entry, page):
    "One method: what it is, paper, licence, hyper-parameters"
    unknown = [name for name in method['recipes'] if name not in recipes]
    if unknown:
        raise ValueError(f'docs/methods.json: {method["name"]} names the recipes {unknown}, and prime_bench knows none '
                         f'of that name. Expected some of {", ".join(recipes)}.')
    notebook = f'[its notebook](/{page(method["notebook"])})'
    promise = f'{capital(method["kind"])}; derived, tested and explained in {notebook}.'
    parts = [f'# {method["name"]}', f'> {promise}', f'## Paper\n\n{entry}', f'## Licence\n\n{note}']
    parts += [recipe_section(name, recipes[name]) for name in method['recipes']]
    if not method['recipes']: parts.append('It has no recipe in `prime_bench`: use it from its notebook.')
    return '\n\n'.join(parts) + '\n'


# Papers

def read_papers(path=DOCS/'references.bib'):
    "key -> entry of the BibTeX file, in the order of the file"
    from pybtex.database import parse_file
    return dict(parse_file(str(path), 'bibtex').entries)

def plain(text):
    "TeX of a field as text"
    from pybtex.richtext import Text
    return str(Text.from_latex(text)).replace('*', '\\*')

def surnames(entry): return [plain(' '.join([*p.prelast_names, *p.last_names])) for p in entry.persons['author']]

def full_name(p): return ' '.join(plain(n) for n in [*p.first_names, *p.middle_names, *p.prelast_names, *p.last_names])

def entry_text(entry):
    "A paper as one reads it in a list"
    *others, last = map(full_name, entry.persons['author'])
    who = f'{", ".join(others)} and {last}' if others else last
    f = {k: plain(v) for k, v in entry.fields.items()}
    where = f.get('booktitle') or f.get('journal', '')
    if 'volume' in f: where += f' {f["volume"]}'
    if 'number' in f: where += f'({f["number"]})'
    if 'pages' in f: where += f', pp. {f["pages"].replace("--", "–")}'
    url = f'https://doi.org/{f["doi"]}' if 'doi' in f else f.get('url')
    more = [f'<{url}>'] if url else []
    if 'note' in f: more.append(f['note'])
    return ' '.join([f'{who}. *{f["title"]}.* {where}, {f["year"]}.', *more])

def papers_page(entries, cited, titles):
    "The bibliography, with the pages that name each paper"
    order = list(titles)
    def name(page): return f'[{titles[page]}{" (method)" if page.startswith("methods/") else ""}](/{page})'
    def one(key):
        pages = sorted(set(cited.get(key, [])), key=order.index)
        back = f'Named in {", ".join(map(name, pages))}.' if pages else ''
        return f'(paper-{key})=\n{entry_text(entries[key])} {back}'.strip()
    return '\n\n'.join(['# Papers', '> What the notebooks name, by first author.', *map(one, entries)]) + '\n'


# Front page

def gallery():
    "The pictures of the front page"
    return json.loads((DOCS/'gallery.json').read_text(encoding='utf-8'))

def stored_picture(cell):
    "The first picture that a cell of a notebook stores, as bytes; None if there is none"
    for out in cell.get('outputs', ()):
        png = out.get('data', {}).get('image/png')
        if png: return base64.b64decode(''.join(png))

def find_picture(nb, text):
    "The stored picture of the cell of `nb` whose code contains `text`; None if there is none"
    pictures = [stored_picture(c) for c in nb['cells'] if c['cell_type'] == 'code' and text in source(c)]
    return next(filter(None, pictures), None)

def with_chapters(entries, chapters, fig_alt):
    """Entries of the gallery, and one for each chapter that has none: its first picture with a text, under its title.
    `chapters`: notebook -> (title, cells), `fig_alt`: cell -> the text of its picture, or None"""
    out = []
    for notebook, (title, cells) in chapters.items():
        own = [e for e in entries if e['notebook'] == notebook]
        drawn = [c for c in cells if c['cell_type'] == 'code' and fig_alt(c) and stored_picture(c)]
        if not own and drawn:
            own = [dict(notebook=notebook, cell=source(drawn[0]), title=title, alt=fig_alt(drawn[0]))]
        out += own
    return out + [e for e in entries if e['notebook'] not in chapters]

def gallery_card(file, entry, clear, page):
    "One card with a picture; `clear`: it needs no white paper"
    lines = [f':::{{grid-item-card}} {entry["title"]}', f':link: /{page(entry["notebook"])}', ':link-type: doc',
             f':img-top: /gallery/{file}', f':img-alt: {entry["alt"]}', ':class-card: picture']
    if clear: lines.append(':class-img-top: dark-light')
    return '\n'.join([*lines, ':::'])

def gallery_cards(pictures, page):
    "Cards with a picture each, in MyST; `pictures`: (file, entry of gallery.json, whether it needs no white paper)"
    cards = [gallery_card(*picture, page) for picture in pictures]
    return '\n\n'.join(['::::{grid} 1 2 2 3\n:gutter: 3\n:class-container: gallery', *cards]) + '\n::::'
