"Two arrays agree, or a line says where they do not; and the folder that they come from"
import json, zipfile, zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from prime_nb.checks import relative_error, to_numpy

TOLERANCES = dict(float64=1e-6, float32=1e-4, float16=1e-2)    # relative; integers and booleans exactly
MANIFESTS = 'prime_manifest.json', 'manifest.json'
UNREADABLE = (OSError, ValueError, TypeError, AttributeError, KeyError, EOFError, NotImplementedError,
              zipfile.BadZipFile, zlib.error)


class Skip(Exception): "A reason not to compare an array"


class Check(NamedTuple):
    "One array, compared or not"
    name: str               # of the array
    status: str             # 'passed', 'failed' or 'skipped'
    error: float = np.nan   # largest relative error; NaN where none could be computed
    where: str = ''         # index of the largest difference, such as '[3, 2]'
    detail: str = ''        # what is wrong, or why it was skipped


def largest_error(got, want):
    "Relative error and index of the largest difference; NaN if they are finite in different places"
    if not want.size: return 0., ()
    got, want = got.astype(np.float64), want.astype(np.float64)
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    finite = np.isfinite(want)
    broken = ~same & ~(np.isfinite(got) & finite)
    if broken.any():
        error, gap = np.nan, broken
    else:
        error = relative_error(got[finite], want[finite])
        gap = np.abs(np.where(same, 0, got) - np.where(same, 0, want))
    at = np.unravel_index(gap.argmax(), want.shape)
    return error, tuple(int(i) for i in at)

def compare(name, got, want, rtol=None):
    "Compare shape, finiteness and then numbers; `rtol` follows the dtype of `want` unless it is given"
    got, want = to_numpy(got), to_numpy(want)
    if want.dtype.kind not in 'biuf': return Check(name, 'skipped', detail=f'holds no numbers but {want.dtype}')
    if got.shape != want.shape:
        return Check(name, 'failed', detail=f'shapes differ: got {got.shape}, want {want.shape}')
    if rtol is None or want.dtype.kind != 'f': rtol = TOLERANCES.get(want.dtype.name, 0.)
    error, at = largest_error(got, want)
    where = str(list(at)) if at else ''
    if error <= rtol: return Check(name, 'passed', error, where)
    detail = f'got {float(got[at]):.9g}, want {float(want[at]):.9g}, allowed {rtol:g}'
    return Check(name, 'failed', error, where, detail=detail)

def read_arrays(path):
    "Every array of an npz archive: name -> array; `ValueError` if it is torn, pickled or no archive at all"
    try:
        with np.load(path, allow_pickle=False) as archive: return {k: archive[k] for k in archive.files}
    except UNREADABLE as e:
        why = f'{type(e).__name__}: {e}'
        raise ValueError(f'{path.name} is not a readable npz archive of plain arrays: {why}. '
                         'Write it with numpy.savez.') from e

def field(part, key, kind, where):
    "`part[key]` of a manifest; `ValueError` if it is not there or of another type"
    if isinstance(part, dict) and isinstance(part.get(key), kind): return part[key]
    raise ValueError(f'the manifest is malformed: {where} must have a {kind.__name__} {key!r}: got {str(part)[:80]}')

def read_manifest(folder):
    "The manifest of a folder; `FileNotFoundError` without one, `ValueError` if it is malformed"
    folder = Path(folder)
    found = [folder/name for name in MANIFESTS if (folder/name).is_file()]
    if not found: raise FileNotFoundError(f'{folder} holds no {" and no ".join(MANIFESTS)}. Pass the folder with one.')
    try: manifest = json.loads(found[0].read_text(encoding='utf-8'))
    except ValueError as e: raise ValueError(f'{found[0].name} is not valid JSON: {e}') from e
    if isinstance(manifest, dict): return manifest
    raise ValueError(f'the manifest is malformed: expected an object, got {type(manifest).__name__}')
