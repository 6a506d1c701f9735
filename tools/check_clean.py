"""Check that the package is what the notebooks export and that the notebooks are clean.

    python tools/check_clean.py

It exports and cleans a copy of the project and compares the copy with the original, so nothing here is changed and
uncommitted work is judged like committed work. Prints what differs; to mend it: nbdev_export && nbdev_clean."""
import difflib, os, shutil, subprocess, sys, tempfile
from pathlib import Path

from nbtools import ROOT

COPIED = 'settings.ini', 'pyproject.toml', 'nbs', 'prime_nb'
EXPORT = ('from nbdev.clean import nbdev_clean; from nbdev.doclinks import nbdev_export; '
          'nbdev_export.__wrapped__(); nbdev_clean.__wrapped__()')


def copy_project(root, to):
    "Copy what nbdev reads and writes, without the exported modules: a module that no notebook exports then stays away"
    for item in COPIED:
        if (root/item).is_dir():
            shutil.copytree(root/item, to/item, ignore=shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints'))
        else: shutil.copy(root/item, to/item)
    for path in (to/'prime_nb').rglob('*.py'):
        if path.name != '__init__.py': path.unlink()

def files(root):
    "What nbdev may have written, by its path below `root`"
    paths = [root/'pyproject.toml', *(root/'prime_nb').rglob('*.py'), *(root/'nbs').rglob('*.ipynb')]
    return {
        p.relative_to(root).as_posix(): p.read_text(encoding='utf-8')
        for p in paths
        if '.ipynb_checkpoints' not in p.parts
    }

def describe(path, before, after, n=12):
    "How a file differs, in at most `n` lines"
    if before is None: return f'{path} is missing'
    if after is None: return f'{path} is exported by no notebook'
    diff = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f'{path} (now)', f'{path} (exported and cleaned)', lineterm='', n=1)
    return '\n'.join(list(diff)[:n])

def differences(root=ROOT):
    "What `nbdev_export` and `nbdev_clean` would change in the project at `root`"
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp).resolve()
        copy_project(root, tmp)
        env = {k: v for k, v in os.environ.items() if k != 'IN_TEST'}
        done = subprocess.run([sys.executable, '-c', EXPORT], cwd=tmp, env=env, capture_output=True, text=True)
        if done.returncode: return [f'nbdev could not export the notebooks:\n{done.stderr[-2000:]}']
        before, after = files(root), files(tmp)
    return [
        describe(p, before.get(p), after.get(p))
        for p in sorted(before.keys() | after.keys())
        if before.get(p) != after.get(p)
    ]

def main():
    found = differences()
    print('\n\n'.join(found) if found else 'The package is what the notebooks export, and the notebooks are clean.')
    if found: print(f'\n{len(found)} files differ. To mend it: nbdev_export && nbdev_clean')
    return min(len(found), 1)


if __name__ == '__main__': sys.exit(main())
