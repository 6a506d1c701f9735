"""A Sphinx extension: the documentation site of notebooks.

Before Sphinx reads anything, notebooks go through nbdev's processors (`reference.py`), are translated to MyST
(`myst.py`, `cells.py`), joined by the pages that are no notebook (`pages.py`), and written to the source folder, which
holds nothing else. Nothing is run: outputs are those that the notebooks hold. See docs/README.md."""
import hashlib, re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import nbformat
from docutils import nodes

from nbtools import ROOT, notebooks, read, settings, source
from . import cells, pages, reference
from .myst import Book, Name, Page, spoken, translate

NBS = ROOT/'nbs'
PACKAGE = 'prime_nb'
FILES = {'CHANGELOG.md': 'changelog', 'CONTRIBUTING.md': 'contributing'}
ACTIONS = ('{{.page-actions}}\n{module}[Open in Colab]({colab}){{.colab}} '
           '{{download}}`Download notebook </../nbs/{path}>` [View on GitHub]({blob}/nbs/{path}){{.github}}')
# Mathematics: MathJax from a package, never from the network; SVG, so that no font is needed either
MATHJAX_PATH = 'mathjax/tex-svg-full.js'
MATHJAX_SHA256 = 'a4354ff94fd868aea0cc6eaaa79a57fda0588646fc46ee3700a349ee0a11cbe6'    # of MathJax 3.2.2


def docname(path):
    "The page of a notebook, as nbdev's links have it: 'api/13_objective.ipynb' -> 'api/objective'"
    path = Path(path)
    return path.with_name(re.sub(r'^\d+[a-zA-Z0-9]*_', '', path.name.lower())).with_suffix('').as_posix()

def title_and_promise(nb):
    "The heading of a notebook and the line that it promises"
    text = next((source(c) for c in nb['cells'] if c['cell_type'] == 'markdown'), '')
    title, promise = re.search(r'^# (.+?)\s*$', text, re.M), re.search(r'^> (.+?)\s*$', text, re.M)
    return title[1] if title else 'Untitled', promise[1] if promise else ''


class Site:
    "All that is needed to write the pages"
    def __init__(self, nbs=NBS):
        self.nbs, cfg = nbs, settings()
        self.git, self.branch = cfg['git_url'], cfg['branch']
        self.files = [p.relative_to(nbs).as_posix() for p in notebooks(nbs)]
        self.raw = {f: read(nbs/f) for f in self.files}
        self.info = {f: title_and_promise(nb) for f, nb in self.raw.items()}
        extras = {p.relative_to(nbs).as_posix() for p in nbs.glob('[!._]*/[!._]*.html')}
        self.entries = pages.read_papers()
        self.spoken = {k: spoken(pages.surnames(e), e.fields['year']) for k, e in self.entries.items()}
        self.book = Book(
            pages={f: docname(f) for f in self.files}, files=dict(FILES), extras=extras,
            blob=f'{self.git}/blob/{self.branch}', papers={s: k for k, s in self.spoken.items()})
        self.check_names()

    def check_names(self):
        "Two notebooks must not claim one page, nor two papers one name"
        for what, found in (('page', self.book.pages), ('name', self.spoken)):
            for value in set(found.values()):
                same = [k for k, v in found.items() if v == value]
                if len(same) == 1: continue
                raise ValueError(f'{" and ".join(same)} would have the same {what}, {value!r}. Rename one.')

    def part(self, folder): return [f for f in self.files if f.startswith(f'{folder}/')]

    def page_of(self, notebook):
        "The page of a notebook below nbs, for data that names it"
        if notebook in self.book.pages: return self.book.pages[notebook]
        raise ValueError(f'there is no notebook nbs/{notebook}: mend methods.json or gallery.json in docs')

    # Reading

    def process(self):
        "Run nbdev's processors, collect what is documented where, and number the equations: first those of the API"
        self.processed, self.pages = {}, {}
        chapters = {f: f'{i}.' for i, f in enumerate(self.part('book'), 1)}
        for f in self.files:
            nb = self.processed[f] = reference.process(self.nbs/f, PACKAGE)
            imported = cells.imports(self.raw[f], PACKAGE)
            self.pages[f] = Page(f, self.book.pages[f], nb.module_, imported=imported, prefix=chapters.get(f, ''))
            if nb.module_: self.book.modules[nb.module_] = self.book.pages[f]
            for c in nb.cells:
                if 'doc_name_' in c: self.book.add(Name(nb.module_, c.doc_name_, c.doc_line_))
        for f in sorted(self.files, key=lambda f: not f.startswith('api/')):
            cells.number(self.processed[f], self.book, self.pages[f])

    def layers(self):
        "Layer -> (page, module, title, promise) of its modules"
        found = {name: [] for name, *_ in pages.LAYERS}
        for f in self.files:
            module = self.pages[f].module
            if module: found[pages.layer(pages.short(module))].append((self.book.pages[f], module, *self.info[f]))
        return {name: modules for name, modules in found.items() if modules}

    def anchors(self):
        "Label -> anchors that nbdev's index promises: of the name, and of methods that have no heading of their own"
        out = {label: [name.lower()] for (_, name), label in self.book.labels.items()}
        for module, names in import_module(f'{PACKAGE}._modidx').d['syms'].items():
            for full in names:
                name = full.removeprefix(f'{module}.')
                label = self.book.labels.get((module, name.split('.')[0]))
                if label and (module, name) not in self.book.labels: out[label].append(name.lower())
        return out

    # Writing

    def write_all(self, folder):
        "Write every page below `folder`, remove what another build left there, and say what Sphinx must know"
        self.folder, self.written = Path(folder), set()
        self.process()
        self.write_notebooks()
        self.write_pages()
        for p in self.nbs.glob('images/*'): self.write(f'images/{p.name}', p.read_bytes())
        for f in self.book.extras: self.write(f, (self.nbs/f).read_bytes())
        self.clear()
        return dict(numbers=self.book.numbers, anchors=self.anchors(), extras=sorted(self.book.extras))

    def write(self, path, content):
        "Write a file if it is something new: Sphinx then reads again only what changed"
        path = self.folder/path
        path.parent.mkdir(parents=True, exist_ok=True)
        content = content.encode() if isinstance(content, str) else content
        self.written.add(path)
        if not path.exists() or path.read_bytes() != content: path.write_bytes(content)

    def clear(self):
        "Remove what this build did not write; folders with a dot are Sphinx's"
        for p in sorted(self.folder.rglob('[!.]*'), reverse=True):
            if any(part.startswith('.') for part in p.relative_to(self.folder).parts): continue
            if p.is_file() and p not in self.written: p.unlink()
            elif p.is_dir() and not any(p.iterdir()): p.rmdir()

    def opening(self, text, f):
        "Put a line below title and promise: module, Colab, download, source"
        module = self.pages[f].module
        colab = self.git.replace('https://github.com/', 'https://colab.research.google.com/github/')
        actions = ACTIONS.format(
            module=f'<code class="module">{module}</code> ' if module else '', path=f, blob=self.book.blob,
            colab=f'{colab}/blob/{self.branch}/nbs/{f}')
        m = re.match(r'\s*# .+\n*(?:^>.*\n?)*', text + '\n', re.M)
        at = m.end() if m else 0
        return f'{text[:at].rstrip()}\n\n{actions}\n\n{text[at:].lstrip()}'

    def without_paper(self, text, f):
        "Text whose pictures in files are marked if they need no white paper in dark mode"
        def mark(m):
            path = (self.nbs/f).parent/m[1]
            if not path.is_file() or not cells.needs_no_paper(path.read_bytes()): return m[0]
            return m[0] + '{.%s}' % cells.DARK_LIGHT
        return re.sub(r'!\[[^\]]*\]\(([^)\s]+\.(?:png|webp))\)(?!\{)', mark, text)

    def write_notebooks(self):
        kernel = dict(name='python3', display_name='Python 3', language='python')
        for f, nb in self.processed.items():
            out = cells.convert(nb, self.book, self.pages[f])
            for c in out:
                if c.cell_type == 'markdown': c.source = self.without_paper(c.source, f)
            if f == 'index.ipynb': out = self.front_page(out)
            else: out[0].source = self.opening(out[0].source, f)
            page = nbformat.v4.new_notebook(cells=out, metadata=dict(kernelspec=kernel))
            self.write(f'{self.book.pages[f]}.ipynb', nbformat.writes(page))

    def front_page(self, index):
        "The cells of the index notebook, with where to go next and the gallery after the first one"
        text = (pages.DOCS/'front.md').read_text(encoding='utf-8').replace('{gallery}', self.gallery())
        for folder in ('book', 'benchmarks'):
            text = text.replace('{%s}' % folder, self.book.pages[self.part(folder)[0]])
        parts = [(name, title, [self.book.pages[f] for f in self.part(name)]) for name, title in pages.PARTS]
        new = nbformat.v4.new_markdown_cell
        return [index[0], new(text), *index[1:], new(pages.contents(parts, self.layers()))]

    def gallery(self):
        "Write the pictures of the gallery; its cards"
        chapters = {f: (self.info[f][0], self.raw[f]['cells']) for f in self.part('book')}
        cards = []
        for i, e in enumerate(pages.with_chapters(pages.gallery(), chapters, cells.fig_alt)):
            self.page_of(e['notebook'])
            png = pages.find_picture(self.raw[e['notebook']], e['cell'])
            if png is None:
                raise ValueError(f"docs/gallery.json: no cell of nbs/{e['notebook']} with {e['cell']!r} has a picture")
            self.write(f'gallery/{i}.png', png)
            cards.append((f'{i}.png', e, cells.needs_no_paper(png)))
        return pages.gallery_cards(cards, self.page_of)

    def write_pages(self):
        "The pages that are no notebook"
        layers, methods = self.layers(), pages.methods()
        for key, modules in layers.items(): self.write(f'layers/{key}.md', pages.layer_page(key, modules))
        self.write('api.md', pages.api_page(layers))
        self.write('names.md', pages.names_page(self.book))
        for file, page in (FILES | {'docs/symbols.md': 'symbols'}).items():
            text = (ROOT/file).read_text(encoding='utf-8')
            self.write(f'{page}.md', translate(self.book, Page(f'../{file}', page), text))
        self.write_methods(methods)
        titles = {self.book.pages[f]: self.info[f][0] for f in self.files}
        titles |= dict(symbols='Symbols', changelog='Changelog', contributing='Contributing')
        titles |= {f'methods/{m["slug"]}': m['name'] for m in methods}
        self.write('papers.md', pages.papers_page(self.entries, self.book.cited, titles))

    def write_methods(self, methods):
        recipes = import_module(f'{PACKAGE}.methods.recipes').RECIPES
        self.write('methods.md', pages.methods_page(methods, self.spoken, self.page_of))
        for m in methods:
            notebook = '../' + m['notebook'] if 'licence' in m else m['notebook']
            page = Page(notebook, f'methods/{m["slug"]}')
            note = translate(self.book, page, pages.licence(m, self.raw.__getitem__))
            entry = f'{pages.entry_text(self.entries[m["paper"]])} [In the list of papers](#paper-{m["paper"]}).'
            text = pages.method_page(m, recipes, note, entry, page=self.page_of)
            self.write(f'methods/{m["slug"]}.md', translate(self.book, page, text))


# Sphinx

def write_sources(app, config):
    "Write the pages before Sphinx looks for them"
    config.site = Site().write_all(app.srcdir)

def mathjax_file():
    "The one file of MathJax that is needed, as its authors released it"
    spec = find_spec('sphinx-mathjax-offline')
    if spec is None: raise ModuleNotFoundError("MathJax is missing: pip install -e '.[docs]'")
    path = Path(spec.origin).parent/'static'/MATHJAX_PATH
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found == MATHJAX_SHA256: return path
    raise ValueError(f'{path.name} is not that of MathJax 3.2.2: got SHA-256 {found}, expected {MATHJAX_SHA256}. '
                     'Pin sphinx-mathjax-offline==0.0.2.')

def keep_outputs_inside(app):
    "MyST-NB would write the pictures of notebooks to a folder beside the site"
    app.env.mystnb_config = app.env.mystnb_config.copy(output_folder=str(Path(app.srcdir)/'.outputs'))

def copy_files(app, error):
    "MathJax, and files that notebooks link to"
    if error or app.builder.format != 'html': return
    out = Path(app.outdir)
    for file in app.config.site['extras']: (out/file).write_bytes((Path(app.srcdir)/file).read_bytes())
    mathjax = out/'_static'/MATHJAX_PATH
    mathjax.parent.mkdir(parents=True, exist_ok=True)
    mathjax.write_bytes(mathjax_file().read_bytes())

def number_equations(app, doctree):
    "Show the number that an equation has in its notebook or in the paper"
    numbers, equations = app.config.site['numbers'], app.env.get_domain('math').equations
    for node in doctree.findall(nodes.math_block):
        if node.get('label') in numbers:
            node['number'] = numbers[node['label']]
            equations[node['label']] = app.env.docname, node['number']

def add_anchors(app, doctree):
    "The anchors that nbdev's index promises to other projects, such as #prw.weights"
    taken, promised = set(doctree.ids), app.config.site['anchors']
    for section in doctree.findall(nodes.section):
        for anchor in [a for label in section['names'] for a in promised.get(label, ())]:
            if anchor in taken: continue
            taken.add(anchor)
            section.insert(1, nodes.raw('', f'<span class="anchor" id="{anchor}"></span>', format='html'))

def setup(app):
    mathjax_file()
    app.add_config_value('site', {}, 'env')
    app.connect('config-inited', write_sources)
    app.connect('doctree-read', number_equations)
    app.connect('doctree-read', add_anchors)
    app.connect('builder-inited', keep_outputs_inside, priority=900)    # after MyST-NB's own
    app.connect('build-finished', copy_files)
    return dict(parallel_read_safe=True, parallel_write_safe=True)
