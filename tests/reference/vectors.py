"A folder of vectors: its files, what is compared in each, and what is said about it"
from pathlib import Path

from . import features, losses, peers    # noqa: F401 (they register their adapters)
from .cases import case_files
from .compare import Check, read_arrays, read_manifest
from .equations import equation_files

UNLISTED = 'is in the folder, but not in the manifest'
NO_FOLDER = 'the manifest'


def checks_of(manifest, folder=None):
    "File -> function that checks its arrays, by the kind of manifest"
    if isinstance(manifest.get('cases'), list): return dict(equation_files(manifest))
    if isinstance(manifest.get('files'), dict): return dict(case_files(manifest, folder))
    raise ValueError("the manifest is malformed: expected a list 'cases' or an object 'files', "
                     f'got the keys {sorted(manifest)[:5]}')

def files_of(folder):
    "Names of the files to look at; the manifest stands for a folder that cannot be understood"
    try: listed = list(checks_of(read_manifest(folder)))
    except (OSError, ValueError): return [NO_FOLDER]
    return listed + sorted({p.name for p in Path(folder).glob('*.npz')} - set(listed)) or [NO_FOLDER]

def check_file(folder, file):
    "A `Check` for each array of a file; `OSError` or `ValueError` for what cannot be read"
    folder = Path(folder)
    checks = checks_of(read_manifest(folder), folder)
    if file not in checks:
        if file == NO_FOLDER:
            raise ValueError(f'the manifest of {folder} lists no file. Add one, or pass another folder.')
        return [Check(file, 'skipped', detail=UNLISTED)]
    if not (folder/file).is_file(): return [Check(file, 'failed', detail='is in the manifest, but not in the folder')]
    return checks[file](read_arrays(folder/file))

def select(checks, status): return [c for c in checks if c.status == status]

def failures(checks, most=20):
    "A line for each array that failed"
    bad = select(checks, 'failed')
    for c in bad[:most]:
        error = f'relative error {c.error:.1e}, ' if c.error == c.error else ''
        yield f'{c.name}{c.where}: {error}{c.detail}'
    if len(bad) > most: yield f'and {len(bad) - most} more failed'

def skips(checks, most=3):
    "A line for each reason to skip, with the arrays that it is about"
    skipped = select(checks, 'skipped')
    for why in dict.fromkeys(c.detail for c in skipped):
        names = [c.name for c in skipped if c.detail == why]
        more = f' and {len(names) - most} more' if len(names) > most else ''
        yield f'skipped, {why}: {", ".join(names[:most])}{more}'

def summary(name, checks):
    "What is said of a file: how many arrays passed, failed and were skipped, and the largest error"
    count = ', '.join(f'{len(select(checks, s))} {s}' for s in ('passed', 'failed', 'skipped') if select(checks, s))
    worst = max((c for c in checks if c.error == c.error), key=lambda c: c.error, default=None)
    largest = f'; largest relative error {worst.error:.1e} in {worst.name}{worst.where}' if worst else ''
    details = [*failures(checks), *skips(checks)]
    return '\n    '.join([f'{name}: {count or "nothing compared"}{largest}', *details])
