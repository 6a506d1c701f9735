"""What the built site must satisfy, read from its HTML: links and anchors resolve, nothing comes from the network,
every picture has a text, and no markup of the source shows.

    python tools/check_site.py [_docs]"""
import re, sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nbtools import ROOT

VOID = {'area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'source', 'track', 'wbr'}
# Elements whose text is code or mathematics, and so may hold anything
VERBATIM = {'pre', 'code', 'script', 'style', 'svg', 'textarea'}
LOADING = {'img', 'script', 'iframe', 'source'}
RELATIONS = {'stylesheet', 'icon', 'preload', 'modulepreload'}
MARKUP = {
    'a directive of nbdev': re.compile(r'^\s*#\s?\|', re.M),
    'a raw div': re.compile(r'^:{3,}|</?(?:div|details|summary)\b', re.M),
    'an attribute of pandoc': re.compile(r'\{[.#][\w-]+[^}\n]*\}|\{target=|\{width='),
    'a role of MyST': re.compile(r'\{(?:eq|ref|numref|cite|download|doc)\}`?'),
    'mathematics that was not recognised': re.compile(r'\$\$|\\(?:begin|eqref|label|frac|mathcal)\b'),
    'a link that was not recognised': re.compile(r'\]\((?:https?:|#|\.{0,2}/|\w+\.(?:ipynb|html|md))')}


class Reader(HTMLParser):
    "Links, anchors, pictures and text of a page"
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.loads = [], [], []
        self.pictures, self.text, self.code = [], [], []
        self.pre, self.open = 0, []    # how deep in <pre>; elements open from the outermost code or mathematics inwards

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if 'id' in attrs: self.ids.append(attrs['id'])
        if tag == 'a' and 'href' in attrs: self.links.append(attrs['href'])
        if tag == 'img': self.pictures.append((attrs.get('src', ''), (attrs.get('alt') or '').strip()))
        if tag in LOADING and 'src' in attrs: self.loads.append(attrs['src'])
        if tag == 'link' and 'href' in attrs and RELATIONS & set((attrs.get('rel') or '').split()):
            self.loads.append(attrs['href'])
        if tag not in VOID and (self.open or tag in VERBATIM or 'math' in (attrs.get('class') or '').split()):
            self.open.append(tag)
            self.pre += tag == 'pre'

    def handle_endtag(self, tag):
        if tag in self.open:
            while (last := self.open.pop()) != tag: self.pre -= last == 'pre'
            self.pre -= tag == 'pre'

    def handle_data(self, data):
        if self.pre: self.code.append(data)
        elif not self.open: self.text.append(data)


def read_page(path):
    reader = Reader()
    reader.feed(path.read_text(encoding='utf-8'))
    return reader

def pages(site):
    "Page -> what is in it"
    return {
        p.relative_to(site).as_posix(): read_page(p)
        for p in sorted(site.rglob('*.html'))
        if '_static' not in p.relative_to(site).parts
    }

def is_external(url): return bool(urlsplit(url).scheme or urlsplit(url).netloc)

def bad_links(site, found):
    "Links inside the site that lead nowhere"
    for page, reader in found.items():
        for url in dict.fromkeys(reader.links):
            parts = urlsplit(url)
            if is_external(url): continue
            target = ((site/page).parent/unquote(parts.path)).resolve() if parts.path else (site/page).resolve()
            if not target.exists(): yield f'{page}: {url} does not exist'
            elif parts.fragment and target.suffix == '.html' and target.is_relative_to(site.resolve()):
                ids = found[target.relative_to(site.resolve()).as_posix()].ids
                if unquote(parts.fragment) not in ids: yield f'{page}: {url} has no such anchor'

def bad_loads(site, found):
    "What a page loads from the network, or that is not there"
    for page, reader in found.items():
        for url in reader.loads:
            if url.startswith('data:'): continue
            if is_external(url): yield f'{page}: loads {url} from the network'
            elif not ((site/page).parent/unquote(urlsplit(url).path)).exists(): yield f'{page}: {url} does not exist'

def bad_ids(found):
    "Anchors that a page has twice"
    for page, reader in found.items():
        for i in sorted({i for i in reader.ids if reader.ids.count(i) > 1}):
            yield f'{page}: the anchor {i} is there twice'

def bad_pictures(found):
    "Pictures without a text"
    for page, reader in found.items():
        for src, alt in reader.pictures:
            if not alt or alt == src or alt.startswith(('_images', '../_images')):
                yield f'{page}: {src.split("/")[-1]} has no alternative text'

def bad_text(found):
    "Markup of the source that shows"
    for page, reader in found.items():
        text, code = ''.join(reader.text), ''.join(reader.code)
        for what, pattern in MARKUP.items():
            for m in pattern.finditer(text):
                yield f'{page}: {what} shows: {text[max(0, m.start() - 30):m.end() + 30].strip()!r}'
        for m in MARKUP['a directive of nbdev'].finditer(code):
            yield f'{page}: a directive of nbdev shows: {code[m.start():m.end() + 30].strip()!r}'

def bad_anchors(found, index, public):
    """Addresses that nbdev's index gives to other projects and that are not on the site; `public`: module -> names it
    exports"""
    for module, names in index['syms'].items():
        for full, (url, _) in names.items():
            name, (page, _, anchor) = full.removeprefix(f'{module}.'), url.partition('#')
            if name.split('.')[0] not in public(module) or any(part[0] == '_' for part in name.split('.')): continue
            if page not in found: yield f'{full}: there is no page {page}'
            elif anchor not in found[page].ids: yield f'{full}: {page} has no anchor {anchor}'

def problems(site):
    "Everything that is wrong with the site"
    found = pages(site)
    return [*bad_links(site, found), *bad_loads(site, found), *bad_ids(found), *bad_pictures(found), *bad_text(found)]

def main(argv=None):
    site = Path((argv or sys.argv[1:] or [ROOT/'_docs'])[0])
    found = problems(site)
    print(*found, f'{len(found)} problems', sep='\n')
    return min(len(found), 1)


if __name__ == '__main__': sys.exit(main())
