"""Sphinx reads the pages that tools/build_docs.py writes to _proc. Nothing of the site comes from the network."""
import hashlib, json, sys
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent/'tools'))
from nbtools import settings

cfg = settings()
project, author, version = cfg['title'], cfg['author'], cfg['version']
copyright = cfg['copyright']
extensions = ['myst_nb', 'sphinx_design', 'sphinx_copybutton', 'sphinx.ext.mathjax']
root_doc = 'index'
exclude_patterns = ['.doctrees', '.outputs']
html_baseurl = f"{cfg['doc_host']}{cfg['doc_baseurl']}/"

# Notebooks: stored outputs only
nb_execution_mode = 'off'
nb_render_markdown_format = 'myst'
nb_merge_streams = True
myst_enable_extensions = ['amsmath', 'attrs_block', 'attrs_inline', 'colon_fence', 'dollarmath']
myst_heading_anchors = 4
myst_dmath_double_inline = True
copybutton_exclude = '.linenos, .gp'

# Mathematics: MathJax from a package, never from the network; SVG, so that no font is needed either
MATHJAX_SHA256 = 'a4354ff94fd868aea0cc6eaaa79a57fda0588646fc46ee3700a349ee0a11cbe6'    # tex-svg-full.js of MathJax 3.2.2
mathjax_path = 'mathjax/tex-svg-full.js'
mathjax3_config = dict(svg=dict(mtextInheritFont=True), options=dict(enableMenu=False))

# The theme
html_theme = 'sphinx_book_theme'
html_title = project
html_static_path = ['_static']
html_css_files = ['book.css']
html_js_files = [('book.js', dict(loading_method='defer'))]
html_favicon = '_static/favicon.svg'
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None
html_context = dict(default_mode='auto')
pygments_style = 'friendly'
html_theme_options = dict(
    logo=dict(text=project, alt_text=f'{project}, front page', image_light='_static/logo.svg', image_dark='_static/logo.svg'), navbar_persistent=[],
    repository_url=cfg['git_url'], repository_branch=cfg['branch'], use_repository_button=True,
    use_download_button=False, use_fullscreen_button=False, home_page_in_toc=True, show_navbar_depth=1, show_toc_level=2,
    toc_title='On this page', navigation_with_keys=False, pygments_light_style='friendly', pygments_dark_style='github-dark')


def mathjax_file():
    "The one file of MathJax that is needed, as its authors released it"
    spec = find_spec('sphinx-mathjax-offline')
    if spec is None: raise ModuleNotFoundError("MathJax is missing: pip install -e '.[docs]'")
    path = Path(spec.origin).parent/'static'/'mathjax'/'tex-svg-full.js'
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != MATHJAX_SHA256:
        raise ValueError(f'{path.name} is not that of MathJax 3.2.2: got SHA-256 {found}, expected {MATHJAX_SHA256}. Pin sphinx-mathjax-offline==0.0.2.')
    return path

def keep_outputs_inside(app):
    "MyST-NB would write the pictures of notebooks to a folder beside the site"
    app.env.mystnb_config = app.env.mystnb_config.copy(output_folder=str(Path(app.srcdir)/'.outputs'))

def copy_files(app, error):
    "MathJax, and files that notebooks link to"
    if error or app.builder.format != 'html': return
    for file in app.config.site['extras']: (Path(app.outdir)/file).write_bytes((Path(app.srcdir)/file).read_bytes())
    to = Path(app.outdir)/'_static'/'mathjax'
    to.mkdir(parents=True, exist_ok=True)
    (to/'tex-svg-full.js').write_bytes(mathjax_file().read_bytes())

def number_equations(app, doctree):
    "Show the number that an equation has in its notebook or in the paper"
    numbers, equations = app.config.site['numbers'], app.env.get_domain('math').equations
    for node in doctree.findall(nodes.math_block):
        if node.get('label') in numbers:
            node['number'] = numbers[node['label']]
            equations[node['label']] = app.env.docname, node['number']

def add_anchors(app, doctree):
    "The anchors that nbdev's index promises to other projects, such as #prw.weights"
    taken = set(doctree.ids)
    for section in doctree.findall(nodes.section):
        for label in section['names']:
            for anchor in app.config.site['anchors'].get(label, ()):
                if anchor in taken: continue
                taken.add(anchor)
                section.insert(1, nodes.raw('', f'<span class="anchor" id="{anchor}"></span>', format='html'))

def setup(app):
    mathjax_file()
    app.add_config_value('site', json.loads((Path(app.srcdir)/'site.json').read_text(encoding='utf-8')), 'env')
    app.connect('doctree-read', number_equations)
    app.connect('doctree-read', add_anchors)
    app.connect('builder-inited', keep_outputs_inside, priority=900)    # after MyST-NB's own
    app.connect('build-finished', copy_files)
    return dict(parallel_read_safe=True, parallel_write_safe=True)
