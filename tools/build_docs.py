"""Build the documentation site: python tools/build_docs.py [--out _docs] [--clean]

Notebooks go through nbdev's processors (site_nbdev), are translated to MyST (site_myst, site_cells), joined by the pages
that are no notebook (site_pages), written to _proc, and built by Sphinx, where a warning is an error. Nothing is run:
outputs are those that the notebooks hold. The pages follow from the folders; see docs/README.md."""
import argparse, json, re, shutil, subprocess, sys, time, warnings
from importlib import import_module
from pathlib import Path

import nbformat

import site_cells, site_nbdev, site_pages
from nbtools import ROOT, notebooks, read, settings, source
from site_myst import Book, Name, Page, spoken, translate

NBS, PROC = ROOT/'nbs', ROOT/'_proc'
PACKAGE = 'prime_nb'
FILES = {'CHANGELOG.md': 'changelog', 'CONTRIBUTING.md': 'contributing'}
ACTIONS = ('{{.page-actions}}\n{module}[Open in Colab]({colab}){{.colab}} {{download}}`Download notebook </../nbs/{path}>` '
           '[View on GitHub]({blob}/nbs/{path}){{.github}}')


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
        self.cfg, self.nbs = settings(), nbs
        self.files = [p.relative_to(nbs).as_posix() for p in notebooks(nbs)]
        self.raw = {f: read(nbs/f) for f in self.files}
        self.info = {f: title_and_promise(nb) for f, nb in self.raw.items()}
        blob = f"{self.cfg['git_url']}/blob/{self.cfg['branch']}"
        extras = {p.relative_to(nbs).as_posix() for p in nbs.rglob('*.html') if not any(part[0] in '._' for part in p.relative_to(nbs).parts)}
        self.book = Book(pages={f: docname(f) for f in self.files}, files=dict(FILES), extras=extras, blob=blob)
        self.entries = site_pages.read_papers()
        self.spoken = {k: spoken(site_pages.surnames(e), e.fields['year']) for k, e in self.entries.items()}
        self.book.papers = {s: k for k, s in self.spoken.items()}
        self.check_names()

    def check_names(self):
        "Two notebooks must not claim one page, nor two papers one name"
        for what, found in (('page', self.book.pages), ('name', self.spoken)):
            for value in set(found.values()):
                same = [k for k, v in found.items() if v == value]
                if len(same) > 1: raise ValueError(f'{" and ".join(same)} would have the same {what}, {value!r}. Rename one.')

    def part(self, folder): return [f for f in self.files if f.startswith(f'{folder}/')]

    def page_of(self, notebook):
        "The page of a notebook below nbs, for data that names it"
        if notebook not in self.book.pages: raise ValueError(f'docs: there is no notebook nbs/{notebook}: mend methods.json or gallery.json in docs')
        return self.book.pages[notebook]

    # Reading

    def process(self):
        "Run nbdev's processors, collect what is documented where, and number the equations"
        self.nbs_done, self.pages = {}, {}
        for f in self.files:
            nb = self.nbs_done[f] = site_nbdev.process(self.nbs/f, PACKAGE)
            chapter = f'{self.part("book").index(f) + 1}.' if f.startswith('book/') else ''
            self.pages[f] = Page(f, self.book.pages[f], nb.module_, site_cells.imports(self.raw[f], PACKAGE), chapter)
            if nb.module_: self.book.modules[nb.module_] = self.book.pages[f]
            for c in nb.cells:
                if 'doc_name_' in c: self.book.add(Name(nb.module_, c.doc_name_, c.doc_line_))
        for f in sorted(self.files, key=lambda f: not f.startswith('api/')): site_cells.number(self.nbs_done[f], self.book, self.pages[f])

    def layers(self):
        "Layer -> (page, module, title, promise) of its modules"
        found = {}
        for f in self.files:
            if module := self.pages[f].module:
                key = site_pages.layer(module.split('.', 1)[1])
                found.setdefault(key, []).append((self.book.pages[f], module, *self.info[f]))
        return {l[0]: found[l[0]] for l in site_pages.LAYERS if l[0] in found}

    # Writing

    def actions(self, f):
        "The line below the title: module, Colab, download, source"
        git, module = self.cfg['git_url'], self.pages[f].module
        colab = git.replace('https://github.com/', 'https://colab.research.google.com/github/') + f"/blob/{self.cfg['branch']}/nbs/{f}"
        return ACTIONS.format(module=f'<code class="module">{module}</code> ' if module else '', colab=colab, path=f, blob=self.book.blob)

    def opening(self, text, f):
        "Put the line of actions below title and promise"
        m = re.match(r'\s*# .+\n*(?:^>.*\n?)*', text + '\n', re.M)
        at = m.end() if m else 0
        return f'{text[:at].rstrip()}\n\n{self.actions(f)}\n\n{text[at:].lstrip()}'

    def write_notebooks(self):
        for f, nb in self.nbs_done.items():
            cells = site_cells.convert(nb, self.book, self.pages[f])
            for c in cells:
                if c.cell_type == 'markdown': c.source = self.without_paper(c.source, f)
            if f == 'index.ipynb': cells = self.front_page(cells)
            else: cells[0].source = self.opening(cells[0].source, f)
            self.write(self.book.pages[f] + '.ipynb', nbformat.writes(nbformat.v4.new_notebook(
                cells=cells, metadata=dict(kernelspec=dict(name='python3', display_name='Python 3', language='python')))))

    def without_paper(self, text, f):
        "Text whose pictures in files are marked if they need no white paper in dark mode"
        def mark(m):
            path = (self.nbs/f).parent/m[1]
            return m[0] + ('{.%s}' % site_cells.DARK_LIGHT if path.is_file() and site_cells.needs_no_paper(path.read_bytes()) else '')
        return re.sub(r'!\[[^\]]*\]\(([^)\s]+\.(?:png|webp))\)(?!\{)', mark, text)

    def front_page(self, cells):
        "The index notebook, with where to go next and the gallery after its first cell"
        first = lambda folder: next((self.book.pages[f] for f in self.part(folder)), 'api')
        text = (site_pages.DOCS/'front.md').read_text(encoding='utf-8')
        values = dict(book=first('book'), benchmarks=first('benchmarks'), gallery=self.gallery())
        for key, value in values.items(): text = text.replace('{%s}' % key, value)
        parts = [(n, t, [self.book.pages[f] for f in self.part(n)]) for n, t in site_pages.PARTS]
        new = nbformat.v4.new_markdown_cell
        return [cells[0], new(text), *cells[1:], new(site_pages.contents(parts, self.layers()))]

    def gallery(self):
        "Write the pictures of the gallery; its cards"
        cards = []
        chapters = {f: (self.info[f][0], self.raw[f]['cells']) for f in self.part('book')}
        for i, e in enumerate(site_pages.with_chapters(site_pages.gallery(), chapters, lambda c: site_cells.options(source(c))[0].get('fig-alt'))):
            self.page_of(e['notebook'])
            png = site_pages.find_picture(self.raw[e['notebook']], e['cell'])
            if png is None: raise ValueError(f"docs/gallery.json: no cell of nbs/{e['notebook']} with {e['cell']!r} has a stored picture")
            self.write(f'gallery/{i}.png', png)
            cards.append((f'{i}.png', e, site_cells.needs_no_paper(png)))
        return site_pages.gallery_cards(cards, self.page_of)

    def write_pages(self):
        "The pages that are no notebook"
        layers = self.layers()
        for key, pages in layers.items(): self.write(f'layers/{key}.md', site_pages.layer_page(key, pages))
        self.write('api.md', site_pages.api_page(layers))
        self.write('names.md', site_pages.names_page(self.book))
        for file, page in FILES.items(): self.write(f'{page}.md', self.translated(file, page))
        self.write('symbols.md', self.translated('docs/symbols.md', 'symbols'))
        self.write_methods()
        titles = {self.book.pages[f]: self.info[f][0] for f in self.files} | dict(symbols='Symbols', changelog='Changelog', contributing='Contributing')
        titles |= {f'methods/{m["slug"]}': m['name'] for m in site_pages.methods()}
        self.write('papers.md', site_pages.papers_page(self.entries, self.book.cited, titles))

    def write_methods(self):
        recipes = import_module(f'{PACKAGE}.methods.recipes').RECIPES
        found = site_pages.methods()
        self.write('methods.md', site_pages.methods_page(found, self.spoken, self.page_of))
        for m in found:
            note = site_pages.licence(m, self.raw.__getitem__)
            entry = f'{site_pages.entry_text(self.entries[m["paper"]])} [In the list of papers](#paper-{m["paper"]}).'
            page = Page('../' + m['notebook'] if 'licence' in m else m['notebook'], f'methods/{m["slug"]}')
            text = site_pages.method_page(m, recipes, translate(self.book, page, note), entry, self.page_of)
            self.write(f'methods/{m["slug"]}.md', translate(self.book, page, text))

    def translated(self, file, page):
        "A markdown file of the project as a page"
        return translate(self.book, Page(f'../{file}', page), (ROOT/file).read_text(encoding='utf-8'))

    def write(self, path, content):
        "Write below _proc, if it is something new: Sphinx then reads again only what changed"
        path = PROC/path
        path.parent.mkdir(parents=True, exist_ok=True)
        content = content.encode() if isinstance(content, str) else content
        self.written.add(path)
        if not path.exists() or path.read_bytes() != content: path.write_bytes(content)

    def prepare(self):
        "Write _proc"
        self.written = set()
        self.process()
        self.write_notebooks()
        self.write_pages()
        for p in (self.nbs/'images').glob('*') if (self.nbs/'images').exists() else []: self.write(f'images/{p.name}', p.read_bytes())
        for f in self.book.extras: self.write(f, (self.nbs/f).read_bytes())
        self.write('site.json', json.dumps(dict(numbers=self.book.numbers, anchors=self.anchors(), extras=sorted(self.book.extras)), indent=1))
        self.clear()

    def clear(self):
        "Remove from _proc what this build did not write; folders with a dot are Sphinx's"
        for p in sorted(PROC.rglob('*'), reverse=True):
            if any(part.startswith('.') for part in p.relative_to(PROC).parts): continue
            if p.is_file() and p not in self.written: p.unlink()
            elif p.is_dir() and not any(p.iterdir()): p.rmdir()

    def anchors(self):
        "Label -> anchors that nbdev's index promises for it: those of the name, and of methods that have no heading of their own"
        index, out = import_module(f'{PACKAGE}._modidx').d['syms'], {}
        for (module, n), label in self.book.labels.items(): out[label] = [n.lower()]
        for module, names in index.items():
            for full in names:
                n = full.removeprefix(f'{module}.')
                if (module, n) not in self.book.labels and (label := self.book.labels.get((module, n.split('.')[0]))): out[label].append(n.lower())
        return out


def sphinx(out, jobs='auto'):
    "Build _proc into `out`; the exit status"
    command = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', '-j', jobs, '-b', 'html', '-c', str(site_pages.DOCS), '-d', str(PROC/'.doctrees'), str(PROC), str(out)]
    status = subprocess.run(command, cwd=ROOT).returncode
    if status: shutil.rmtree(PROC/'.doctrees', ignore_errors=True)    # else the next build would keep quiet about these warnings
    return status

def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=ROOT/'_docs', help='where to write the site')
    parser.add_argument('--clean', action='store_true', help='build everything anew')
    parser.add_argument('--jobs', default='auto', help='processes of Sphinx')
    args, start = parser.parse_args(argv), time.perf_counter()
    warnings.filterwarnings('ignore', category=FutureWarning)    # of torch, on import
    if args.clean:
        for folder in (PROC, args.out): shutil.rmtree(folder, ignore_errors=True)
    site = Site()
    site.prepare()
    print(f'{len(site.files)} notebooks read, {len(site.book.names)} names documented ({time.perf_counter() - start:.0f} s)', flush=True)
    status = sphinx(args.out, args.jobs)
    pages = len(list(args.out.rglob('*.html')))
    print(f'{pages} pages in {args.out.name}/index.html ({time.perf_counter() - start:.0f} s)' if not status else 'The site has warnings: see above')
    return status


if __name__ == '__main__': sys.exit(main())
