"""The documentation site: its parts always, the site itself where Sphinx is installed, all pages in Chromium with
`--flags slow`"""
import asyncio, base64, fcntl, importlib.util, io, os, pkgutil, re, subprocess, sys
from functools import lru_cache
from importlib import import_module

import pytest
from PIL import Image

import nbtools
from nbtools import ROOT, notebooks, read, source

pytest.importorskip('nbdev', reason='the site is built from nbdev notebooks')
missing = [
    m for m in (
        'sphinx', 'myst_nb', 'sphinx_book_theme', 'sphinx_design', 'sphinx_copybutton', 'pybtex',
        'sphinx-mathjax-offline') if importlib.util.find_spec(m) is None
]
if missing: pytest.skip(f"no {', '.join(missing)} here: pip install -e '.[docs]'", allow_module_level=True)

import browser, check_site, draw_overview, prime_site
from prime_site import cells, myst, pages, reference
from prime_site.myst import Book, Name, Page

NBS = ROOT/'nbs'
# What `make docs` runs
BUILD = [sys.executable, '-m', *'sphinx -W --keep-going -q -j auto -c docs -d _proc/.doctrees _proc _docs'.split()]


# Translation

@pytest.fixture
def book():
    b = Book(
        pages={'api/03_targets.ipynb': 'api/targets', 'book/01_start.ipynb': 'book/start'},
        files={'CHANGELOG.md': 'changelog'},
        extras={'book/a.html'},
        modules={'p.targets': 'api/targets', 'p.losses': 'api/losses'},
        blob='https://x/blob/main',
        papers={'Yang et al. 2021': 'yang2021', 'Wang and Wang 2023': 'wang2023'})
    for module, name in [('p.targets', 'LabelBins'), ('p.targets', 'LabelBins.index'), ('p.losses', 'table'),
                         ('p.a', 'same_name'), ('p.b', 'same_name')]:
        b.add(Name(module, name))
    return b

@pytest.fixture
def page(): return Page('api/01_x.ipynb', 'api/x', 'p.x')

def translated(book, page, text): return myst.translate(book, page, text)


class TestNames:
    @pytest.mark.parametrize('text, want', [
        ('`LabelBins`', '[`LabelBins`](#p.targets.labelbins)'),
        ('`LabelBins.index`', '[`LabelBins.index`](#p.targets.labelbins.index)'),
        ('`LabelBins.edges`', '[`LabelBins.edges`](#p.targets.labelbins)'),
        ('`LabelBins(y)`', '[`LabelBins(y)`](#p.targets.labelbins)'),
        ('`p.targets`', '[`p.targets`](/api/targets)'),
        ('`p.targets.LabelBins`', '[`p.targets.LabelBins`](#p.targets.labelbins)')])
    def test_a_documented_name_is_linked(self, book, page, text, want):
        assert translated(book, page, f'See {text}.') == f'See {want}.'

    @pytest.mark.parametrize('text', [
        '`table`', '`same_name`', '`nothing`', '`x = 1`', '[`LabelBins`](https://a.b)', '```python\n`LabelBins`\n```',
        '### `LabelBins`'])
    def test_others_are_left_alone(self, book, page, text): assert translated(book, page, text) == text

    def test_what_the_notebook_imports_is_known(self, book, page):
        page.imported = dict(table='p.losses', same_name='p.b')
        got = translated(book, page, '`table`, `same_name`')
        assert got == '[`table`](#p.losses.table), [`same_name`](#p.b.same_name)'

    def test_names_that_differ_in_case_only_have_their_own_labels(self, book):
        book.add(Name('p.targets', 'labelbins'))
        assert book.labels['p.targets', 'labelbins'] != book.labels['p.targets', 'LabelBins']


class TestLinks:
    @pytest.mark.parametrize('text, want', [
        ('[a](03_targets.ipynb)', '[a](/api/targets)'),
        ('[a](../book/01_start.ipynb#Some-Heading)', '[a](/book/start#some-heading)'),
        ('[a](../../CHANGELOG.md)', '[a](/changelog)'), ('[a](../../LICENSE)', '[a](https://x/blob/main/LICENSE)'),
        ('[a](../book/a.html)', '<a href="../book/a.html">a</a>'), ('[a](https://x.y)', '[a](https://x.y)'),
        ('[a](#here)', '[a](#here)'), ('![p](../images/a.png)', '![p](../images/a.png)'),
        ('`[a](b.ipynb)`', '`[a](b.ipynb)`'), ('[`LabelBins`](03_targets.ipynb)', '[`LabelBins`](/api/targets)')])
    def test_links_lead_to_pages(self, book, page, text, want): assert translated(book, page, text) == want

    @pytest.mark.parametrize('name, want', [
        ('api/13_objective.ipynb', 'api/objective'), ('api/callback/01_prime.ipynb', 'api/callback/prime'),
        ('index.ipynb', 'index')])
    def test_pages_are_where_nbdev_looks_for_them(self, name, want): assert prime_site.docname(name) == want


class TestEquations:
    def test_the_number_of_the_paper_is_kept(self, book, page):
        text = myst.number_displays(book, page, '$$\na = b \\qquad (5)\n$$\n\ntext\n\n$$c \\tag{6}$$')
        assert '$$\na = b\n$$ (prime-5)' in text and '$$\nc\n$$ (prime-6)' in text
        assert book.numbers == {'prime-5': '5', 'prime-6': '6'}

    def test_others_are_numbered_by_page(self, book, page):
        text = myst.number_displays(book, page, '$$a$$\n\n$$b \\label{eq-odds}$$\n\n```\n$$c$$\n```')
        assert '$$ (eq-api-x-1)' in text and '$$ (eq-odds)' in text and '```\n$$c$$\n```' in text
        assert book.numbers == {'eq-api-x-1': '1', 'eq-odds': '2'}

    def test_a_chapter_numbers_its_own(self, book):
        myst.number_displays(book, Page('book/02.ipynb', 'book/two', prefix='2.'), '$$a$$')
        assert list(book.numbers.values()) == ['2.1']

    def test_beside_the_numbers_of_the_paper_others_have_letters(self, book, page):
        page.lettered = myst.has_paper_numbers('$$a \\qquad (5)$$')
        myst.number_displays(book, page, '$$b$$\n\n$$a \\qquad (5)$$')
        assert list(book.numbers.values()) == ['a', '5'] and not myst.has_paper_numbers('$$a$$ and (5)')

    @pytest.mark.parametrize('text, want', [
        ('equation (5)', 'equation {eq}`prime-5`'),
        ('Equations (5) to (7), and', 'Equations {eq}`prime-5` to {eq}`prime-7`, and'),
        ('(PRIME, eqs. 5 and 7)', '(PRIME, eqs. {eq}`prime-5` and {eq}`prime-7`)'),
        ('(PRIME, eq. 5)', '(PRIME, eq. {eq}`prime-5`)'), ('eqs. 5-7', 'eqs. {eq}`prime-5`-{eq}`prime-7`'),
        (r'by \eqref{eq-odds}', 'by {eq}`eq-odds`'), ('Smith et al. 2020, eq. 5', 'Smith et al. 2020, eq. 5'),
        ('equation (12)', 'equation (12)'), ('equation 5.2', 'equation 5.2')])
    def test_references_are_linked(self, book, page, text, want):
        book.equations = {'5': 'prime-5', '7': 'prime-7'}
        assert translated(book, page, text) == want


class TestPapers:
    @pytest.mark.parametrize('text, want', [
        ('(Yang et al. 2021, eq. 1)', '([Yang et al. 2021](#paper-yang2021), eq. 1)'),
        ('Yang et al. (2021)', '[Yang et al. (2021)](#paper-yang2021)'),
        ('Yang et al. (2021, Table 5)', '[Yang et al. (2021](#paper-yang2021), Table 5)'),
        ('Yang et al., ICML 2021', '[Yang et al., ICML 2021](#paper-yang2021)'),
        ('Yang et al., 2021', '[Yang et al., 2021](#paper-yang2021)'),
        ('Wang and Wang 2023', '[Wang and Wang 2023](#paper-wang2023)'), ('Yang et al. 1999', 'Yang et al. 1999'),
        ('`Yang et al. 2021`', '`Yang et al. 2021`')])
    def test_a_paper_is_linked(self, book, page, text, want): assert translated(book, page, text) == want

    def test_pages_that_name_it_are_remembered(self, book, page):
        translated(book, page, 'Yang et al. 2021')
        assert book.cited == {'yang2021': ['api/x']}


class TestDialect:
    def test_solutions_are_folded(self, book, page):
        got = translated(book, page, '<details><summary>Solution</summary>\n\nYes.\n\n</details>')
        assert got == ':::{dropdown} Solution\nYes.\n:::'

    def test_callouts_are_admonitions(self, book, page):
        got = translated(book, page, '::: {.callout-note}\n## Mind\ntext\n:::')
        assert got == ':::{admonition} Mind\n:class: note\ntext\n:::'


class TestCells:
    def cell(self, code, *outputs):
        nb = cells.nbformat.v4
        return nb.new_code_cell(code, outputs=[nb.new_output(**o) for o in outputs])

    def test_directives_become_tags(self):
        out = cells.code_cell(self.cell('#| echo: false\n#| code-fold: true\nx'), '')
        assert out.source == 'x' and out.metadata.tags == ['remove-input', 'hide-input']

    def test_noise_is_left_out(self):
        outputs = [
            dict(output_type='stream', name='stderr', text='w'),
            dict(output_type='execute_result', data={'text/plain': '<Axes: >'}),
            dict(output_type='stream', name='stdout', text='1')
        ]
        assert [o.text for o in cells.code_cell(self.cell('x', *outputs), '').outputs] == ['1']

    @pytest.mark.parametrize('code, want', [
        ('#| fig-alt: A hill\nplot()', 'A hill'), ("ax.set_title('Rare is hard')", 'Plot: Rare is hard'),
        ('show_it()', 'What it shows, for the section “Where errors are”'),
        ('plot()', 'Picture, for the section “Where errors are”')])
    def test_a_picture_has_a_text(self, code, want):
        out = cells.code_cell(
            self.cell(code, dict(output_type='display_data', data={'image/jpeg': 'aaaa'})), 'Where `errors` are',
            dict(show_it='What it shows'))
        assert out.metadata.mystnb.image.alt == want

    @pytest.mark.parametrize('code, want', [
        ('class A:\n    x = 1', 'Source of A'), ('def _f(): pass\nN = 3', 'Source of _f, N'), ('f(1)', 'Source')])
    def test_a_fold_says_what_it_holds(self, code, want): assert cells.defined(code) == want

    def test_deviations_stay_with_their_figures(self):
        assert cells.together('7.0 ± 0.3 (p <.01)') == '7.0\xa0±\xa00.3 (p\xa0<.01)'


    def png(self, back, ink):
        out = io.BytesIO()
        picture = Image.new('RGBA', (20, 20), back)
        picture.paste(ink, (5, 5, 15, 15))
        picture.save(out, 'PNG')
        return out.getvalue()

    @pytest.mark.parametrize('back, ink, want', [
        ((0, 0, 0, 0), (128, 128, 128, 255), True), ((255, 255, 255, 255), (128, 128, 128, 255), False),
        ((0, 0, 0, 0), (0, 0, 0, 255), False)])
    def test_neutral_pictures_on_a_clear_ground_need_no_paper(self, back, ink, want):
        png = self.png(back, ink)
        assert cells.needs_no_paper(png) is want
        out = cells.code_cell(
            self.cell('plot()', dict(output_type='display_data', data={'image/png': base64.b64encode(png).decode()})),
            '')
        assert out.metadata.mystnb.image.get('classes') == ('dark-light' if want else None)


class TestDocumentation:
    def f(self,
        z, # (B, F) features
        w=1., # weight | factor
    ): # scalar
        "First line"

    def test_parameters_are_a_table(self):
        lines = reference.table(reference.parameters(TestDocumentation.f)).splitlines()
        assert lines[0].startswith('| parameter | ') and '| <code>z</code> |' in lines[2]
        assert 'weight \\| factor' in lines[3] and lines[-1].startswith('| *returns* |')
        assert lines[-1].endswith(' scalar |')

    def test_a_result_of_which_nothing_is_said_has_no_row(self):
        def g(z, # (B, F) features
        ):            pass
        assert [r[0] for r in reference.parameters(g)] == ['z']

    def test_the_call_shows_defaults(self): assert reference.signature(TestDocumentation.f, 'f') == 'f(z, w=1.0)'

    def test_inherited_parameters_are_not_shown(self):
        assert not reference.takes_own(type('A', (dict,), {}), 'prime_nb') and reference.takes_own(Book, 'prime_site')


# What the data files say

@lru_cache(None)
def site():
    s = prime_site.Site()
    s.process()
    return s

@lru_cache(None)
def recipes():
    "All recipes: those of peers are known once their modules are imported"
    package = import_module('prime_nb.bench')
    for m in pkgutil.iter_modules(package.__path__): import_module(f'prime_nb.bench.{m.name}')
    return import_module('prime_nb.methods.recipes').RECIPES


class TestMethods:
    def test_every_recipe_has_its_method(self):
        listed = [r for m in pages.methods() for r in m['recipes']]
        assert not [r for r in recipes() if r not in listed], (
            'add these recipes to a row of docs/methods.json, or a row for them')
        assert not [r for r in listed if r not in recipes()], (
            'docs/methods.json names recipes that prime_bench does not know')
        assert len(set(listed)) == len(listed)

    def test_every_baseline_has_its_method(self):
        listed = {m['notebook'] for m in pages.methods()}
        there = {
            p.relative_to(NBS).as_posix()
            for p in notebooks()
            if '_baselines.' in p.name and p.name.split('.')[1] not in ('pairs', 'in_context')
        }
        assert not there - listed, 'add a row for these notebooks to docs/methods.json'

    @pytest.mark.parametrize('method', pages.methods(), ids=lambda m: m['slug'])
    def test_paper_notebook_and_licence(self, method):
        assert method['paper'] in pages.read_papers() and (NBS/method['notebook']).exists()
        assert len(pages.licence(method, lambda f: read(NBS/f))) > 40
        assert method['name'] and method['kind']

    @pytest.mark.parametrize('method', pages.methods(), ids=lambda m: m['slug'])
    def test_its_page_has_paper_licence_and_every_setting(self, method):
        page = pages.method_page(method, recipes(), 'A NOTE', 'A PAPER', lambda notebook: 'somewhere')
        assert '## Paper\n\nA PAPER' in page and '## Licence\n\nA NOTE' in page
        for name in method['recipes']:
            _, _, text = page.partition(f'## `{name}`\n')
            text, lines = text.partition('\n## ')[0], recipes()[name].values
            assert text.strip() and all(f'| `{k}` |' in text and v.source for k, v in lines.items())


class TestPapersFile:
    def test_every_paper_that_is_named_has_an_entry(self):
        entries = pages.read_papers()
        known = {myst.spoken(pages.surnames(e), e.fields['year']) for e in entries.values()}
        named = re.compile(
            r"\b([A-Z][\w'-]+(?:\s+et\s+al\.|\s+and\s+[A-Z][\w'-]+))(?:,?\s+(?:[A-Z][A-Za-z]+\s+)?|\s+\()((?:19|20)\d\d)\b"
        )
        found = {}
        for p in notebooks():
            for c in read(p)['cells']:
                for who, year in named.findall(re.sub(r'`[^`]*`', '', source(c))):
                    found.setdefault(f'{" ".join(who.split())} {year}', p.name)
        assert not {k: v for k, v in found.items() if k not in known}, 'add these papers to docs/references.bib'

    def test_entries_are_complete_and_sorted(self):
        entries = pages.read_papers()
        assert list(entries) == sorted(entries)
        for key, e in entries.items():
            assert e.persons['author'] and e.fields['title'] and e.fields['year'] == key[-4:]
            assert 'booktitle' in e.fields or 'journal' in e.fields


class TestOtherPages:
    def test_the_gallery_has_its_pictures(self):
        for e in pages.gallery():
            assert pages.find_picture(read(NBS/e['notebook']), e['cell']), e
            assert e['title'] and len(e['alt']) > 20

    def test_the_gallery_has_every_chapter_with_a_picture(self):
        raw = {f: read(NBS/f) for f in site().part('book')}
        alt = lambda c: cells.options(source(c))[0].get('fig-alt')
        rows = pages.with_chapters(pages.gallery(), {f: (f, nb['cells']) for f, nb in raw.items()}, alt)
        drawn = [
            f for f, nb in raw.items() if any(
                'image/png' in o.get('data', {}) for c in nb['cells'] if c['cell_type'] == 'code' for o in c['outputs'])
        ]
        assert len(drawn) > 10 and not set(drawn) - {e['notebook'] for e in rows}, (
            'give one picture of these chapters a fig-alt, or an entry in docs/gallery.json')

    def test_pictures_in_files_are_marked(self):
        marked = lambda name: site().without_paper(f'![x](images/{name})', 'index.ipynb').endswith('{.dark-light}')
        assert marked('overview.png') and marked('proxies.webp') and not marked('faces.png') and not marked('none.png')

    def test_the_picture_of_the_front_page_shows_the_results(self):
        assert draw_overview.drawn() == draw_overview.numbers(), (
            'the results have changed: python studies/draw_overview.py')
        said = source(next(c for c in read(NBS/'index.ipynb')['cells'] if 'overview.png' in source(c)))
        for shots in draw_overview.numbers().values():
            assert all(f'{mean:.1f}' in said for mean, _ in shots.values()), (
                'the text of the picture in nbs/index.ipynb has other numbers')

    def test_the_table_of_symbols_has_those_of_the_method(self):
        table = (ROOT/'docs'/'symbols.md').read_text(encoding='utf-8')
        symbols = r'\\(?:tau|lambda|alpha|beta|delta|Delta|phi)(?:_\w|_\{\w+\})?|\b[CATM]\b|[yzds](?:\^p)?_\w|[yz]\^p'
        def atoms(text): return set(re.findall(symbols, ' '.join(re.findall(r'\$([^$]+)\$', text))))
        for name in ('02_distances', '09_proxies', '04_alignment', '13_objective', 'callback/01_prime'):
            text = source(read(NBS/'api'/f'{name}.ipynb')['cells'][1])
            first = '\n'.join(line.split('|')[1] for line in text.splitlines() if line.startswith('| $'))
            assert not atoms(first) - atoms(table) - {'y^p', 'z^p'}, name

    def test_every_module_has_a_layer(self):
        stray = [m for m in site().book.modules if pages.layer(m.split('.', 1)[1]) == 'more']
        assert not stray, 'put these modules into a layer: LAYERS in docs/prime_site/pages.py'

    @pytest.mark.parametrize('path', notebooks(), ids=nbtools.name)
    def test_a_page_has_one_title(self, path):
        texts = [
            re.sub(r'^```.*?^```', '', source(c), flags=re.M | re.S)
            for c in read(path)['cells']
            if c['cell_type'] == 'markdown'
        ]
        titles = [t for text in texts for t in re.findall(r'^# (.+)$', text, re.M)]
        assert len(titles) == 1, f'{titles}: sections below the title start with ##'

    def test_the_changelog_has_the_version(self):
        assert re.search(
            rf'^## \[?{re.escape(nbtools.settings()["version"])}\b', (ROOT/'CHANGELOG.md').read_text(encoding='utf-8'),
            re.M)

    def test_the_workflow_builds_the_same_site(self):
        text = (ROOT/'.github'/'workflows'/'docs.yaml').read_text(encoding='utf-8')
        assert 'make docs' in text and 'path: _docs' in text
        assert ' '.join(BUILD[1:]) in (ROOT/'Makefile').read_text(encoding='utf-8')


class TestNamesHaveDocumentation:
    def test_every_public_name_has_a_docstring(self):
        assert not [f'{n.module}.{n.name}' for n in site().book.names if not n.line], (
            'add a docstring that says what, and names the source and the errors')

    # Share of the parameters with a comment of their own in the table of the site. It may rise. What must be said about
    # every
    # name, and may be said in the docstring or for several parameters of a line at once, is in test_docstrings.py
    SAID = dict(foundations=.98, method=.98, callbacks=.95, data=.92, models=.94, baselines=.95, checks=.96)
    SAID['own-data'], SAID['benchmark-tools'] = .88, .89

    def test_parameters_say_what_they_are(self):
        "Shape, unit and meaning; the message has the notebooks that say least"
        said, silent = {}, {}
        for f, nb in site().processed.items():
            for name, comment in (p for c in nb.cells for p in c.get('doc_params_', ())):
                said.setdefault(pages.layer(nb.module_.split('.', 1)[1]), []).append(bool(comment))
                if not comment: silent[f] = silent.get(f, 0) + 1
        low = {l: round(sum(v)/len(v), 2) for l, v in said.items() if sum(v) < self.SAID.get(l, .8)*len(v)}
        most = sorted(silent, key=lambda f: -silent[f])[:8]
        assert not low, f'comments of parameters are missing: {low}; most of them in {most}'


# The site itself

@pytest.fixture(scope='session')
def built(tmp_path_factory):
    "The site as `make docs` builds it; built once, however many processes test"
    folder = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ: folder = folder.parent
    with open(folder/'docs.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        log = folder/'docs.log'
        if not log.exists():
            (ROOT/'_proc').mkdir(exist_ok=True)
            done = subprocess.run(BUILD, cwd=ROOT, capture_output=True, text=True)
            log.write_text(f'{done.returncode}\n{done.stdout}{done.stderr}')
    status, _, said = log.read_text().partition('\n')
    if status != '0': pytest.fail(f'the site was not built:\n{said[-6000:]}', pytrace=False)
    return ROOT/'_docs'


class TestSite:
    def test_it_builds_without_a_warning(self, built):
        assert (built/'index.html').exists() and (built/'searchindex.js').exists()

    def test_links_anchors_pictures_and_texts(self, built): assert not check_site.problems(built)

    def test_addresses_of_the_index_of_nbdev_exist(self, built):
        public = lambda module: getattr(import_module(module), '__all__', ())
        assert not list(check_site.bad_anchors(check_site.pages(built), import_module('prime_nb._modidx').d, public))

    def test_every_notebook_is_a_page_with_its_download(self, built):
        for p in notebooks():
            f = p.relative_to(NBS).as_posix()
            text = (built/f'{prime_site.docname(f)}.html').read_text(encoding='utf-8')
            if f == 'index.ipynb': continue
            assert f'colab.research.google.com/github/prime-nb/prime_nb/blob/main/nbs/{f}"' in text, f
            found, = set(re.findall(r'href="([^"]*_downloads/[^"]+\.ipynb)"', text))
            assert ((built/f'{prime_site.docname(f)}.html').parent/found).read_bytes() == p.read_bytes(), f

    def test_nothing_is_left_beside_the_site(self, built):
        assert not (ROOT/'jupyter_execute').exists() and not (ROOT/'.jupyter_cache').exists()

    def test_the_sidebar_has_all_parts(self, built):
        text = (built/'index.html').read_text(encoding='utf-8')
        captions = re.findall(r'caption-text">([^<]+)<', text)
        assert [c for c in captions if c != 'Studies'] == ['Book', 'Benchmarks', 'API', 'Reference']
        assert ('Studies' in captions) == (NBS/'studies').exists()

    def test_code_and_equations_are_there(self, built):
        text = (built/'api'/'alignment.html').read_text(encoding='utf-8')
        assert 'id="equation-prime-5"' in text and 'href="#equation-prime-5"' in text
        assert re.search(r'class="eqno">\(5\)', text)
        assert '<summary' in text and 'id="prw.weights"' in text and 'meaning' in text


@pytest.fixture
def chromium():
    if browser.find_chromium() is None: pytest.skip('no Chromium here: apt-get install chromium')

SAMPLE = [
    'index.html', 'book/quick_start.html', 'api/alignment.html', 'benchmarks/agedb_twin.html', 'methods.html',
    'search.html'
]

class TestInChromium:
    @pytest.mark.parametrize('dark', [False, True], ids=['light', 'dark'])
    def test_some_pages_at_both_widths(self, built, chromium, dark):
        assert not asyncio.run(browser.check(built, SAMPLE, dark=dark))

    def test_search_finds_a_name(self, built, chromium):
        async def search():
            async with browser.Browser() as b:
                assert not await b.open((built/'search.html').resolve().as_uri() + '?q=LabelBins')
                await b.until_true("document.querySelectorAll('#search-results li').length > 0")
                assert not list(b.complaints())
        asyncio.run(search())

    @pytest.mark.slow
    def test_every_page_at_both_widths(self, built, chromium):
        assert not asyncio.run(browser.check(built, browser.html_pages(built)))

    def test_a_faulty_page_is_reported(self, tmp_path, chromium):
        (tmp_path/'a.html').write_text(
            '<title>a</title><main><div style="width: 2000px">wide</div></main>'
            '<img src="gone.png"><script>console.error("no"); nothing()</script>'
        )
        found = '\n'.join(sum(asyncio.run(browser.check(tmp_path, ['a.html'], [390])).values(), []))
        for word in ('no', 'nothing is not defined', 'wider than the screen', 'gone.png'): assert word in found


class TestCheckSite:
    def page(self, tmp_path, body):
        (tmp_path/'a.html').write_text(f'<html><body>{body}</body></html>')
        return check_site.problems(tmp_path)

    @pytest.mark.parametrize('body, word', [
        ('<a href="b.html">x</a>', 'does not exist'), ('<a href="#no">x</a>', 'no such anchor'),
        ('<img src="https://x/a.png" alt="a">', 'from the network'), ('<p id="a"></p><p id="a"></p>', 'twice'),
        ('<img src="a.html">', 'alternative text'), ('<pre>#| hide\nx</pre>', 'directive'),
        ('<p>#| export</p>', 'directive'), ('<p>::: {.callout}</p>', 'raw div'), ('<p>&lt;div class</p>', 'raw div'),
        ('<p>a{.source}</p>', 'pandoc'), ('<p>{eq}`x`</p>', 'role'), ('<p>$$a$$</p>', 'mathematics'),
        ('<p>[a](b.ipynb)</p>', 'link')])
    def test_a_fault_is_found(self, tmp_path, body, word): assert any(word in p for p in self.page(tmp_path, body))

    @pytest.mark.parametrize('body', [
        '<a href="#a" id="a">x</a><a href="https://x.y">y</a>', '<code>{.source} ::: $$</code>',
        '<div class="math">\\[\\frac12\\]</div>', '<pre>x = {1: 2}</pre><p>{a, b} $5</p>',
        '<pre>a<b>b</b></pre><p>x</p>'])
    def test_what_is_right_is_not(self, tmp_path, body): assert self.page(tmp_path, body) == []
