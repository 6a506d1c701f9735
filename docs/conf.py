"Settings of the site. The pages are written by the extension `prime_site`; nothing comes from the network."
import sys, warnings
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent/'tools')]
warnings.filterwarnings('ignore', category=FutureWarning)    # of torch, on import
from nbtools import settings    # noqa: E402

cfg = settings()
project, author, version = cfg['title'], cfg['author'], cfg['version']
copyright = cfg['copyright']
extensions = ['myst_nb', 'sphinx_design', 'sphinx_copybutton', 'sphinx.ext.mathjax', 'prime_site']
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
    logo=dict(
        text=project, alt_text=f'{project}, front page', image_light='_static/logo.svg', image_dark='_static/logo.svg'),
    navbar_persistent=[], show_navbar_depth=1, show_toc_level=2, home_page_in_toc=True, toc_title='On this page',
    navigation_with_keys=False, repository_url=cfg['git_url'], repository_branch=cfg['branch'],
    use_repository_button=True, use_download_button=False, use_fullscreen_button=False,
    pygments_light_style='friendly', pygments_dark_style='github-dark')
