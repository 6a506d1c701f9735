"""The pages of the site that are no notebook: the front page's gallery, tables of contents, methods, names, papers,
changelog. Text in, text out."""
import base64, json, re
from fnmatch import fnmatch

from nbtools import ROOT, source

DOCS = ROOT/'docs'

# Layers of the API, in the order of the sidebar: page, title, what it is, which modules (the first match counts)
LAYERS = [
    ('ground', 'Ground', 'Comparing honestly, writing files whole, keeping what was computed, several processes.', 'checks files cache distributed'),
    ('core', 'The method', 'Bins, proxies, losses and metrics as plain PyTorch, for a loop of your own; no fastai.', 'distances targets proxies alignment objective head losses metrics plots auto'),
    ('baselines', 'Baselines', 'The methods that PRIME is compared with, each from its paper.', 'baselines.*'),
    ('callback', 'Callbacks', 'The same for a fastai Learner.', 'callback.* interpret'),
    ('models', 'Models', 'Networks that the benchmarks use.', 'models.*'),
    ('data', 'Data', 'Reading tables, pictures, texts and the published data sets.', 'data.*'),
    ('twins', 'Twins', 'Data that are drawn or made up, for whoever has not the originals.', 'twins.*'),
    ('methods', 'Methods', 'What a method is: its settings with their sources, and how it is built and trained.', 'methods.*'),
    ('own', 'Your own data', 'From a table, pictures or texts to a judged and saved model.', 'own.*'),
    ('bench', 'Benchmarks', 'Data sets, runs, searches and tables.', 'bench.*'),
    ('cli', 'Commands', 'What the shell has.', 'cli.*'),
    ('more', 'More', 'Modules of no room in particular.', '*')]
PARTS = [('book', 'Book'), ('benchmarks', 'Benchmarks'), ('studies', 'Studies')]


def layer(module):
    "The layer of a module such as 'callback.prime'"
    return next(name for name, _, _, patterns in LAYERS if any(fnmatch(module, p) for p in patterns.split()))

def toctree(pages, caption='', hidden=True, **options):
    "A table of contents in MyST; `pages` are document names from the root, or `Title </name>`"
    lines = ['```{toctree}', *([':hidden:'] if hidden else []), *([f':caption: {caption}'] if caption else [])]
    return '\n'.join([*lines, *(f':{k}: {v}' for k, v in options.items()), '', *(p if p.endswith('>') else f'/{p}' for p in pages), '```'])

def contents(parts, layers):
    "The sidebar: parts in order, then the API by layer, then reference pages"
    trees = [toctree(pages, title, numbered=1) if name == 'book' else toctree(pages, title) for name, title, pages in parts if pages]
    trees.append(toctree(['Overview </api>', *(f'layers/{name}' for name in layers)], 'API'))
    trees.append(toctree(['methods', 'symbols', 'names', 'papers', 'changelog', 'contributing'], 'Reference'))
    return '\n\n'.join(trees)

def cell(text): return ' '.join(text.split()).replace('|', '\\|')

def rows(header, lines):
    "A markdown table"
    return '\n'.join('| ' + ' | '.join(map(cell, line)) + ' |' for line in [header, ['---']*len(header), *lines])


# The API

def layer_page(name, pages):
    "One layer: what it is, and a table of its modules; `pages` are (page, module, title, promise)"
    _, title, about, _ = next(l for l in LAYERS if l[0] == name)
    table = rows(['module', 'what it promises'], [(f'[`{module.split(".", 1)[1]}`](/{page})', promise or title) for page, module, title, promise in pages])
    return f'# {title}\n\n> {about}\n\n{table}\n\n{toctree([p[0] for p in pages])}\n'

def api_page(layers):
    "All layers, lowest first"
    parts = [f'## [{title}](/layers/{name})\n\n{about}\n\n' + ', '.join(f'[`{module.split(".", 1)[1]}`](/{page})' for page, module, _, _ in layers[name])
             for name, title, about, _ in LAYERS if name in layers]
    return ('# API\n\n> One notebook is one module: what it promises, the equation, numbers by hand, the code, and its proof.\n\n'
            'Imports point downward only. The first two layers use no fastai.\n\n' + '\n\n'.join(parts)
            + '\n\nEvery public name, in one list: [Names](/names).\n')

def names_page(book):
    "Every documented name with the first line of its docstring"
    letters = {}
    for n in sorted(book.names, key=lambda n: (n.name.lower(), n.module)):
        if '.' not in n.name: letters.setdefault(n.name[0].upper(), []).append(n)
    def line(n):
        short = n.module.split('.', 1)[1]
        return f'[`{n.name}`](#{book.labels[n.module, n.name]})', f'[{short}](/{book.modules[n.module]})', n.line.replace('$', '\\$').replace('<', '&lt;')
    return '# Names\n\n> Every public function and class. Methods are on the page of their class.\n\n' + '\n\n'.join(
        f'## {letter}\n\n' + rows(['name', 'module', 'what'], map(line, found)) for letter, found in letters.items()) + '\n'


# Methods

LICENCE = re.compile(r'\bLicence: |\bwritten from the\b', re.I)

def methods(): return json.loads((DOCS/'methods.json').read_text(encoding='utf-8'))

def licence(method, notebooks):
    "What is said about the licence: in the data, or in the last paragraph of the notebook with 'Licence:' or 'Written from the'"
    if 'licence' in method: return method['licence']
    nb = notebooks(method['notebook'])
    found = [p for c in nb['cells'] if c['cell_type'] == 'markdown' for p in source(c).split('\n\n') if LICENCE.search(p)]
    if not found: raise ValueError(f"{method['notebook']} says nothing about the licence of {method['name']}: add a paragraph "
                                   "'Licence: written from the paper. ...' before its last heading, or `licence` in docs/methods.json")
    text = found[-1][LICENCE.search(found[-1]).start():].removeprefix('Licence: ')
    return text[0].upper() + text[1:]

def methods_page(found, spoken, page):
    "The table of methods; `spoken`: key of a paper -> how one names it, `page`: notebook -> page"
    def line(m): return (f'[{m["name"]}](/methods/{m["slug"]})', m['kind'], f'[{spoken[m["paper"]]}](#paper-{m["paper"]})',
                         ', '.join(f'`{r}`' for r in m['recipes']) or '', f'[notebook](/{page(m["notebook"])})')
    return ('# Methods\n\n> PRIME, and what it is compared with. Each page has the paper, the hyper-parameters with their sources, and a note on the licence.\n\n'
            'In `prime_bench`, parts are joined by `+`: `inv+prime`, `prime+ranksim`.\n\n'
            + rows(['method', 'kind', 'paper', 'in `prime_bench`', 'derived in'], map(line, found))
            + '\n\nNo code of other repositories is used in any of them: each is written from its paper, and where published outputs exist, compared with them.\n\n'
            + toctree([f'methods/{m["slug"]}' for m in found]) + '\n')

def recipe_table(recipe):
    "Hyper-parameters of a recipe: value, where it comes from, what a search tries"
    tried = lambda k: ', '.join(map(str, recipe.space.get(k, [])))
    lines = [(f'`{k}`', f'`{v.value!r}`', v.source, tried(k)) for k, v in sorted(recipe.values.items())]
    n = 4 if recipe.space else 3
    return rows(['setting', 'value', 'source', 'a search tries'][:n], [l[:n] for l in lines]) if lines else ''

def method_page(method, recipes, note, entry, page):
    "One method: what it is, paper, licence, hyper-parameters"
    nb = page(method['notebook'])
    parts = [f'# {method["name"]}', f'> {method["kind"][0].upper() + method["kind"][1:]}; derived, tested and explained in [its notebook](/{nb}).',
             f'## Paper\n\n{entry}', f'## Licence\n\n{note}']
    for name in method['recipes']:
        if name not in recipes: raise ValueError(f'docs/methods.json: {method["name"]} names the recipe {name!r}, and prime_bench knows none of that name. Expected one of {", ".join(recipes)}.')
        r = recipes[name]
        how = f'`prime_bench DATASET --methods {r.on + "+" if r.on and not r.alone else ""}{name}`'
        parts.append(f'## `{name}`\n\n{r.doc[0].upper() + r.doc[1:]}. {how}\n\n{recipe_table(r)}')
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

def entry_text(entry):
    "A paper as one reads it in a list"
    people = [f'{" ".join(plain(n) for n in [*p.first_names, *p.middle_names])} {plain(" ".join([*p.prelast_names, *p.last_names]))}' for p in entry.persons['author']]
    who = people[0] if len(people) == 1 else ', '.join(people[:-1]) + ' and ' + people[-1]
    f = {k: plain(v) for k, v in entry.fields.items()}
    where = (f.get('booktitle') or f.get('journal', '')) + (f' {f["volume"]}' if 'volume' in f else '') + (f'({f["number"]})' if 'number' in f else '')
    where += f', pp. {f["pages"].replace("--", "–")}' if 'pages' in f else ''
    link = f' <https://doi.org/{f["doi"]}>' if 'doi' in f else f' <{f["url"]}>' if 'url' in f else ''
    return f'{who}. *{f["title"]}.* {where}, {f["year"]}.{link}' + (f' {f["note"]}' if 'note' in f else '')

def papers_page(entries, cited, titles):
    "The bibliography, with the pages that name each paper"
    def one(key):
        pages = sorted(set(cited.get(key, [])), key=list(titles).index)
        name = lambda p: f'[{titles[p]}{" (method)" if p.startswith("methods/") else ""}](/{p})'
        back = 'Named in ' + ', '.join(map(name, pages)) + '.' if pages else ''
        return f'(paper-{key})=\n{entry_text(entries[key])} {back}'.strip()
    return '# Papers\n\n> What the notebooks name, by first author.\n\n' + '\n\n'.join(map(one, entries)) + '\n'


# Front page

def gallery():
    "The pictures of the front page"
    return json.loads((DOCS/'gallery.json').read_text(encoding='utf-8'))

def find_picture(nb, text):
    "The stored picture of the cell of `nb` whose code contains `text`, as bytes; None if there is none"
    for c in nb['cells']:
        if c['cell_type'] == 'code' and text in source(c):
            for out in c['outputs']:
                if png := out.get('data', {}).get('image/png'): return base64.b64decode(''.join(png))

def with_chapters(entries, chapters, fig_alt):
    """Entries of the gallery, and one for each chapter that has none: its first picture with a text, under the chapter's title.
    `chapters`: notebook -> (title, cells), `fig_alt`: cell -> the text of its picture, or None"""
    out = []
    for f, (title, cells) in chapters.items():
        own = [e for e in entries if e['notebook'] == f]
        first = next((c for c in cells if c['cell_type'] == 'code' and fig_alt(c) and any('image/png' in o.get('data', {}) for o in c['outputs'])), None)
        out += own or ([dict(notebook=f, cell=source(first), title=title, alt=fig_alt(first))] if first else [])
    return out + [e for e in entries if e['notebook'] not in chapters]

def gallery_cards(pictures, page):
    "Cards with a picture each, in MyST; `pictures`: (file, entry of gallery.json, whether it needs no white paper)"
    def one(name, e, clear): return (f':::{{grid-item-card}} {e["title"]}\n:link: /{page(e["notebook"])}\n:link-type: doc\n:img-top: /gallery/{name}\n'
                              f':img-alt: {e["alt"]}\n:class-card: picture\n' + ':class-img-top: dark-light\n'*clear + ':::')
    return '::::{grid} 1 2 2 3\n:gutter: 3\n:class-container: gallery\n\n' + '\n\n'.join(one(*p) for p in pictures) + '\n::::'
