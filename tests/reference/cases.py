"""What other methods returned: the manifest describes each file as named cases, and each case as arrays with a role.

An adapter takes a case and yields (array name, what is computed here), or a `Skip` in place of the array:

    @verifies('ranksim.npz')
    def ranksim(case): yield 'loss', our_loss(case['features'], case['targets'], **case.hyper)"""
from dataclasses import dataclass, field as entry_of
from pathlib import Path

from .compare import Check, Skip, compare, field

ADAPTERS = {}    # file name -> generator of (array name, array) pairs, given a `Case`
NO_COUNTERPART = 'no counterpart yet'


@dataclass
class Case:
    "One case of a reference file"
    name: str       # of the case
    arrays: dict    # array name -> numpy array
    roles: dict     # array name -> 'input', 'hyper', 'output', 'grad' or 'state'
    hyper: dict     # hyper-parameters
    note: str       # remarks of whoever made it
    file: dict = entry_of(repr=False)    # every case of the file by name, this one too
    folder: Path|None = None             # where the file lies, beside others that may say what a case leaves open

    @property
    def wanted(self):
        "Names of the arrays to be computed again: all but inputs and hyper-parameters"
        return [name for name, role in self.roles.items() if role not in ('input', 'hyper')]

    def __getitem__(self, name):
        "An array of this case, of the one that `inputs_case` names, or of any case of the file"
        inputs = self.file.get(self.hyper.get('inputs_case'))
        for case in [self, inputs, *self.file.values()]:
            if case is not None and name in case.arrays: return case.arrays[name]
        raise KeyError(f'no case of this file has an array {name!r}: got {sorted(self.arrays)} in {self.name!r}')


def verifies(file):
    "Decorator that registers an adapter for a file such as 'ranksim.npz'"
    def register(adapter):
        ADAPTERS[file] = adapter
        return adapter
    return register

def make_cases(file, entry, arrays, folder=None):
    "The cases of a file, from its entry in the manifest and the arrays of the archive, called `<case>__<array>`"
    cases = {}
    for name, described in field(entry, 'cases', dict, file).items():
        about = field(described, 'arrays', dict, f'{file}, case {name},')
        found = {a: arrays[f'{name}__{a}'] for a in about if f'{name}__{a}' in arrays}
        roles = {a: d.get('role', 'output') for a, d in about.items()}
        hyper, note = described.get('hyper') or {}, described.get('note') or ''
        cases[name] = Case(name, found, roles, hyper, note=note, file=cases, folder=folder)
    return list(cases.values())

def check_wanted(case, name, got, crash):
    "Compare one array of a case with what the adapter gave; `crash` is the error that ended it, if any"
    full = f'{case.name}__{name}'
    if isinstance(got.get(name), Skip): return Check(full, 'skipped', detail=str(got[name]))
    if name not in case.arrays: return Check(full, 'failed', detail='is in the manifest, but not in the file')
    if name in got: return compare(full, got[name], case.arrays[name])
    if crash: return Check(full, 'failed', detail=f'could not be computed: {crash}')
    return Check(full, 'skipped', detail=NO_COUNTERPART)

def check_case(case, adapter):
    "Compare every wanted array of a case"
    got, crash = {}, ''
    try:
        for name, value in adapter(case): got[name] = value
    except Exception as e: crash = f'{type(e).__name__}: {e}'
    return [check_wanted(case, name, got, crash) for name in case.wanted]

def check_cases(file, entry, arrays, folder=None):
    "Compare every case of a file"
    adapter = ADAPTERS.get(file, lambda case: ())
    return [check for case in make_cases(file, entry, arrays, folder) for check in check_case(case, adapter)]

def case_files(manifest, folder=None):
    "File and the function that checks its arrays, for each file of a manifest"
    for file, entry in manifest['files'].items():
        field(entry, 'cases', dict, file)
        yield file, lambda arrays, file=file, entry=entry: check_cases(file, entry, arrays, folder)
