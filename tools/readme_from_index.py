"""Write README.md from nbs/index.ipynb, without Quarto.

    python tools/readme_from_index.py [--check]

Text stays as it is, but links are made relative to the project's root. Code is fenced, `#| hide` cells are left out,
text outputs follow their code. README.md cannot hold a picture: save it in nbs/images and link to it from a text cell.
"""
import argparse, posixpath, re, sys

from nbtools import ROOT, directives, read, source

HEADER = '<!-- Made from nbs/index.ipynb by `make readme`. Edit the notebook. -->'
LINK = re.compile(r'(\]\(|(?:src|href)=")(?!https?:|mailto:|#|data:)([^)\s"#]+)')
FENCE = re.compile(r'^(```.*?^```[^\n]*$)', re.M | re.S)


def relink(text, exists):
    "Links of a file in nbs as links of a file in the root; `exists` tells whether a target is there"
    def move(m):
        target = posixpath.normpath(posixpath.join('nbs', m[2]))
        if not exists(target):
            raise FileNotFoundError(
                f'README.md: nbs/index.ipynb links to {m[2]!r}, and {target} does not exist. '
                'Mend the link, or add the file.')
        return m[1] + target
    prose = lambda s: LINK.sub(move, re.sub(r'(\]\([^)]*\))\{[^}]*\}', r'\1', s))
    return ''.join(part if i % 2 else prose(part) for i, part in enumerate(FENCE.split(text)))

def output(out):
    "An output as a fenced block, or as it is if it is markdown"
    data = out.get('data', {})
    if 'text/markdown' in data: return ''.join(data['text/markdown'])
    if any(mime.startswith('image/') for mime in data): raise ValueError(
        'README.md cannot hold the picture that a cell of nbs/index.ipynb shows. Save it in nbs/images, link to it '
        'from a text cell, and mark the code cell `#| output: false`.')
    text = ''.join(out.get('text') or data.get('text/plain', '')).strip()
    return f'```\n{text}\n```' if text else ''

def code_cell(cell):
    "A code cell and its outputs, as blocks of markdown"
    found = directives(cell)
    if 'hide' in found or found.get('include') == 'false': return []
    src = '\n'.join(l for l in source(cell).splitlines() if not l.startswith('#|')).strip()
    shown = [f'```python\n{src}\n```'] if src and found.get('echo') != 'false' else []
    return shown + ([] if found.get('output') == 'false' else [output(o) for o in cell['outputs']])

def readme(nb, exists=lambda path: (ROOT/path).exists()):
    "The text of README.md for the notebook `nb`"
    blocks = [HEADER]
    for cell in nb['cells']:
        if cell['cell_type'] == 'markdown': blocks.append(relink(source(cell), exists).strip())
        if cell['cell_type'] == 'code': blocks += code_cell(cell)
    return '\n\n'.join(b for b in blocks if b) + '\n'

def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help='only tell whether README.md is up to date')
    args = parser.parse_args(argv)
    text, path = readme(read(ROOT/'nbs'/'index.ipynb')), ROOT/'README.md'
    current = path.exists() and path.read_text(encoding='utf-8') == text
    if not args.check: path.write_text(text, encoding='utf-8')
    elif not current: print('README.md is not what nbs/index.ipynb says. Run: make readme')
    return int(args.check and not current)


if __name__ == '__main__': sys.exit(main())
