"prime_fit and prime_predict: what is wrong is one line and exit status 2, and nothing is touched"
import gzip, hashlib, io, json, os, re, shutil, subprocess, sys, zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from prime_nb.cli.fit import MARK, OURS, prime_fit
from prime_nb.cli.predict import prime_predict

SHORT = ['--epochs', '2', '--folds', '2', '--jobs', '1']
ROWS = [(round(float(np.exp(i % 7/3 + i/40)), 3), i % 7, i/40, 'xyz'[i % 3]) for i in range(40)]


pytestmark = pytest.mark.usefixtures('one_thread')

def csv(rows=ROWS, head='y,a,b,w', sep=','):
    lines = [head.replace(',', sep), *(sep.join(map(str, r)) for r in rows)]
    return '\n'.join(lines) + '\n'

def replaced(column, value, rows=ROWS, at=(7,)):
    "The table with one column changed in some rows (all if `at` is None)"
    out = [list(r) for r in rows]
    for i in range(len(out)) if at is None else at: out[i][column] = value(i) if callable(value) else value
    return out

def snapshot(folder):
    "Every file below a folder, with its content"
    def content(p): return hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else 'folder'
    return {p.relative_to(folder).as_posix(): content(p) for p in sorted(Path(folder).rglob('*'))}

def refused(capsys, main, argv, want, *, folder):
    "Run a command that must refuse: one line, exit status 2, no output, nothing changed"
    before = snapshot(folder)
    capsys.readouterr()
    try: status = main([str(a) for a in argv])
    except SystemExit as e: status = e.code
    out, err = capsys.readouterr()
    assert status == 2 and out == '', (status, out, err)
    assert err.startswith(f'{main.__name__}: error: ') and err.count('\n') == 1 and 'Traceback' not in err, err
    assert re.search(want, err), err
    assert snapshot(folder) == before


def picture(path, size=12):
    pixels = np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)
    Image.fromarray(pixels).save(path)

def album(tmp, breaks):
    "A table of pictures, one of which is broken"
    for i in range(24): picture(tmp/f'{i}.png')
    names = [f'{i}.png' for i in range(24)]
    names[5] = breaks(tmp) or names[5]
    return csv([(i + i % 3/10, n) for i, n in enumerate(names)], 'age,file')

def truncated(tmp): (tmp/'5.png').write_bytes((tmp/'5.png').read_bytes()[:90])

def nonsense(tmp): (tmp/'5.png').write_text('not a picture')

def workbook():
    b = io.BytesIO()
    with zipfile.ZipFile(b, 'w') as z: z.writestr('xl/workbook.xml', '<x/>')
    return b.getvalue()


# name: (content of the file or function of its folder, options, what the message must say)
TABLES = {
    'no rows': ('y,a,b,w\n', '', 'has no rows'),
    'empty': ('', '', 'is empty'),
    'only white space': (' \n\n', '', 'is empty'),
    'one row': (csv(ROWS[:1]), '', 'too few rows to learn from: got 1, expected 20'),
    'nineteen rows': (csv(ROWS[:19]), '', 'too few rows .* got 19'),
    'wrong column': (csv(), '--target price', "no column 'price' for --target: data.csv has 'y', 'a', 'b', 'w'"),
    'column in other case': (csv(), '--target Y', "Did you mean 'y'"),
    'text as target': (csv(), '--target w', "target 'w' must be numbers: got 'x' in lines 2, 3, 4"),
    'a word in the target': (csv(replaced(0, 'many')), '', "must be numbers: got 'many' in line 9 of data.csv"),
    'a unit in the target': (csv(replaced(0, '12 kg')), '', "got '12 kg' in line 9"),
    'a question mark in the target': (csv(replaced(0, '?')), '', "missing in line 9"),
    'NaN in the target': (csv(replaced(0, 'nan')), '', 'missing in line 9 .*--drop-missing'),
    'a gap in the target': (csv(replaced(0, '')), '', 'missing in line 9'),
    'only gaps in the target': (csv(replaced(0, '', at=None)), '', 'missing in lines 2, 3, 4 and 37 more'),
    'only gaps, dropped': (csv(replaced(0, '', at=None)), '--drop-missing', 'too few rows .* got 0'),
    'infinite target': (csv(replaced(0, 'inf')), '', 'finite .*got inf in line 9'),
    'minus infinite target': (csv(replaced(0, '-Infinity')), '', 'got -inf in line 9'),
    'astronomic target': (csv(replaced(0, '1e300')), '', r'got 1e\+300 in line 9'),
    'constant target': (csv(replaced(0, 5, at=None)), '', 'is constant: got 5 in all 40 rows'),
    'two-valued target': (
        csv(replaced(0, lambda i: i % 2, at=None)), '', 'has two values only: got 0 and 1. That is classification'),
    'a column twice': (csv(head='y,a,a,w'), '', "has the column 'a' 2 times"),
    'the target twice': (csv(head='y,a,y,w'), '', "has the column 'y' 2 times"),
    'a nameless column': (csv(head='y,a,,w'), '', 'column 3 of data.csv has no name'),
    'no header': (csv([r[:3] for r in ROWS[1:]], '1.5,2,3'), '', 'has no header'),
    'a line too long': (csv([*ROWS, (1, 2, 3, 'x', 5)]), '', 'line 42 of data.csv has 5 fields: expected 4'),
    'a line too short': (csv([*ROWS, (1, 2)]), '', 'line 42 of data.csv has 2 fields'),
    'an open quote': (csv([*ROWS, (1, 2, 3, '"x')]), '', 'quotation mark without its partner'),
    'one column': ('y\n' + '1\n2\n'*20, '', 'one column only'),
    'nothing but the target': (csv(), '--ignore a,b,w', "no column but the target 'y'"),
    'constant inputs': (csv([(r[0], 1, 'x') for r in ROWS], 'y,a,w'), '', 'no column can be used'),
    'only identifiers': (
        csv([(i, f'name{i}') for i in range(60)], 'y,id'),
        '', "'id' has 60 different words in 60 rows.*--ignore id, or --text id"),
    'a huge category': (
        csv([(i, i % 9, f'{i}-{i % 7}') for i in range(2000)], 'y,a,id'), '', "'id' has 2000 different words"),
    'a copy of the target': (csv([(*r[:3], r[0]) for r in ROWS], 'y,a,b,z'), '', "'z' is a copy of the target 'y'"),
    'infinite input': (csv(replaced(2, '-inf')), '', "'b' must be finite: got -inf in line 9"),
    'mixed encodings': (
        csv(head='y,é,b,w').encode() + 'é'.encode('latin-1'), '', 'mixes encodings: .* in line 42 is a byte 0xe9'),
    'zero bytes': (csv().encode() + b'\0\0', '', 'is not text: got a zero byte'),
    'a workbook': (workbook(), '', 'is a workbook that cannot be read'),
    'compressed and cut off': (gzip.compress(csv().encode())[:50], '', 'cannot be read: .*Copy it anew'),
    'a picture as table': (b'\x89PNG\r\n\x1a\n...', '', 'is a picture: expected a table'),
    'unknown encoding': (csv(), '--encoding klingon', "unknown encoding: got 'klingon'"),
    'wrong encoding': (csv(head='y,é,b,w').encode('latin-1'), '--encoding utf-8', 'is not in utf-8'),
    'long delimiter': (csv(), '--delimiter ;;', 'a delimiter is one character'),
    'wrong delimiter': (csv(), '--delimiter ;', 'one column only'),
    'ignored column is not there': (csv(), '--ignore id', "no column 'id' for --ignore"),
    'target ignored': (csv(), '--ignore y', "'y' is the target"),
    'pictures column is not there': (csv(), '--images file', "no column 'file' for --images"),
    'target as pictures': (csv(), '--images y', "'y' is the target"),
    'text column is not there': (csv(), '--text words', "no column 'words' for --text"),
    'numbers as text': (csv(), '--text a', "'a' of data.csv holds no text: got '0' first"),
    'a gap in the text': (csv(replaced(3, '')), '--text w', "'w' has no text in line 9"),
    'pictures and text': (csv(), '--images a --text w', 'not allowed with'),
    'unknown encoder': (csv(), '--text w --encoder nowhere', "unknown sentence encoder: got 'nowhere'"),
    'missing picture': (
        lambda t: album(t, lambda t: 'lost.png'),
        '--target age --images file', 'no such picture: .*lost.png, in line 7'),
    'no picture named': (lambda t: album(t, lambda t: ' '), '--target age --images file', 'names no picture in line 7'),
    'corrupt picture': (
        lambda t: album(t, nonsense), '--target age --images file', '5.png cannot be read as a picture.*in line 7'),
    'truncated picture': (
        lambda t: album(t, truncated), '--target age --images file', '5.png cannot be read as a picture'),
    'pictures elsewhere': (
        lambda t: album(t, lambda t: None),
        '--target age --images file --folder /nowhere', 'no such picture: /nowhere/0.png.*--folder'),
    'unknown network': (
        lambda t: album(t, lambda t: None),
        '--target age --images file --arch resnet1899', "unknown network: got 'resnet1899'"),
    'tiny pictures': (
        lambda t: album(t, lambda t: None), '--target age --images file --size 4', 'from 8 to 4096 pixels: got 4'),
    'no folds': (csv(), '--folds 0', 'whole number from 1 up'),
    'too many folds': (csv(), '--folds 30', 'too many folds: got --folds 30 for 40 rows'),
    'runs of one fold': (csv(), '--folds 1 --runs 2', '--runs repeats a cross-validation'),
    'epochs in words': (csv(), '--epochs many', 'whole number from 1 up'),
    'negative seed': (csv(), '--seed -1', 'whole number from 0 up|expected one argument'),
    'unknown method': (csv(), '--method best', "invalid choice: 'best'"),
    'unknown device': (csv(), '--device gpu9', "cannot compute on 'gpu9'"),
    'unknown option': (csv(), '--fast', 'unrecognized arguments: --fast')}

@pytest.mark.parametrize('content, options, want', TABLES.values(), ids=TABLES)
def test_fit_refuses(content, options, want, tmp_path, capsys):
    data = tmp_path/'data.csv'
    content = content(tmp_path) if callable(content) else content
    data.write_bytes(content if isinstance(content, bytes) else content.encode())
    options = options.split()
    target = [] if '--target' in options else ['--target', 'y']
    argv = [data, *target, '--out', tmp_path/'model', '--jobs', '1', '--epochs', '1', *options]
    refused(capsys, prime_fit, argv, want, folder=tmp_path)

PLACES = {
    'a file': (lambda t: (t/'model').write_text('mine'), 'is not a folder'),
    'a folder with files': (
        lambda t: ((t/'model').mkdir(),
        (t/'model'/'thesis.tex').write_text('mine')), r"did not write: got \['thesis.tex'\]"),
    'a model': (lambda t: ((t/'model').mkdir(), (t/'model'/MARK).write_text('{}')), 'holds a model already.*--force')}

@pytest.mark.parametrize('make, want', PLACES.values(), ids=PLACES)
def test_fit_overwrites_nothing(make, want, tmp_path, capsys):
    (tmp_path/'data.csv').write_text(csv())
    make(tmp_path)
    argv = [tmp_path/'data.csv', '--target', 'y', '--out', tmp_path/'model']
    refused(capsys, prime_fit, argv, want, folder=tmp_path)

def test_force_does_not_remove_other_files(tmp_path, capsys):
    (tmp_path/'data.csv').write_text(csv())
    (tmp_path/'model').mkdir()
    for n in (MARK, 'notes.txt'): (tmp_path/'model'/n).write_text('mine')
    argv = [tmp_path/'data.csv', '--target', 'y', '--out', tmp_path/'model', '--force']
    refused(capsys, prime_fit, argv, r"got \['notes.txt'\]", folder=tmp_path)

@pytest.mark.parametrize('argv, want', [
    ([], 'required'),
    (['nowhere.csv', '--target', 'y', '--out', 'm'], 'no such file: got nowhere.csv'),
    (['.', '--target', 'y', '--out', 'm'], 'is a folder'),
    (['data.csv', '--target', 'y'], '--out'),
    (['data.csv', '--out', 'm'], '--target'),
    (['data.csv', '--target', 'y', '--out', '/proc/no/m'], 'cannot write to')])
def test_fit_says_what_is_lacking(argv, want, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path/'data.csv').write_text(csv())
    refused(capsys, prime_fit, argv, want, folder=tmp_path)


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    "A folder with a model, and the table that it comes from"
    t = tmp_path_factory.mktemp('trained')
    (t/'data.csv').write_text(csv())
    assert prime_fit([str(t/'data.csv'), '--target', 'y', '--out', str(t/'model'), *SHORT]) == 0
    return t

@pytest.fixture
def own(trained, tmp_path):
    "A copy of it, to be spoilt"
    shutil.copytree(trained, tmp_path/'own')
    return tmp_path/'own'

def test_the_folder_is_complete(trained):
    assert set(os.listdir(trained/'model')) == OURS
    assert not [p for p in trained.rglob('*') if p.suffix in ('.pkl', '.pickle', '.pt', '.pth', '.tmp')]
    assert 'currentColor' in (trained/'model'/'report.html').read_text()
    json.loads((trained/'model'/'report.json').read_text(), parse_constant=lambda c: pytest.fail(f'{c} is no JSON'))

def listed(own):
    "Write the checksums anew, as somebody who tampers might"
    folder = own/'model'/'model'
    sums = next(p for p in folder.iterdir() if p.suffix not in ('.json', '.safetensors'))
    def line(name): return f'{hashlib.sha256((folder/name).read_bytes()).hexdigest()}  {name}\n'
    sums.write_text(line('model.json') + line('model.safetensors'))

def described(own, change):
    "Change the description of the model, checksums included"
    path = own/'model'/'model'/'model.json'
    d = json.loads(path.read_text())
    change(d)
    path.write_text(json.dumps(d))
    listed(own)

def cut_weights(own, keep=100):
    path = own/'model'/'model'/'model.safetensors'
    path.write_bytes(path.read_bytes()[:keep])

def written(own, name, content):
    "Replace a file of the model, checksums included"
    (own/'model'/'model'/name).write_bytes(content)
    listed(own)

FOLDERS = {
    'no mark': (lambda o: (o/'model'/MARK).unlink(), 'is no folder of prime_fit'),
    'no model': (lambda o: shutil.rmtree(o/'model'/'model'), 'is not as prime_fit wrote it: no such folder'),
    'weights cut short': (cut_weights, 'model.safetensors .*was changed or damaged'),
    'weights cut short, checksums too': (lambda o: (cut_weights(o), listed(o)), 'is no safetensors file'),
    'weights are a pickle': (
        lambda o: written(o, 'model.safetensors', b'\x80\x04cos\nsystem\n'), 'is no safetensors file'),
    'weights removed': (lambda o: (o/'model'/'model'/'model.safetensors').unlink(), "it lacks .'model.safetensors'"),
    'description removed': (lambda o: (o/'model'/'model'/'model.json').unlink(), "it lacks .'model.json'"),
    'description edited': (
        lambda o: (o/'model'/'model'/'model.json').write_text('{}'), 'model.json .*was changed or damaged'),
    'description is no JSON': (lambda o: written(o, 'model.json', b'{'), 'is not valid JSON'),
    'description is a list': (lambda o: written(o, 'model.json', b'[]'), 'does not describe a model'),
    'another kind': (lambda o: described(o, lambda d: d.update(kind='virus')), "another kind of model: got 'virus'"),
    'a gigantic network': (
        lambda o: described(o, lambda d: d['network'].update(hidden=[10**9]*2)), 'is not as prime_fit wrote it'),
    'no scale': (lambda o: described(o, lambda d: d['target'].update(scale=[0.])), 'scales above zero'),
    'columns removed': (lambda o: described(o, lambda d: d['input'].pop('columns')), 'is not as prime_fit wrote it'),
    'unknown input': (
        lambda o: described(o, lambda d: d['input'].update(kind='exec')), "unknown kind of input: got 'exec'")}

@pytest.mark.parametrize('spoil, want', FOLDERS.values(), ids=FOLDERS)
def test_predict_refuses_a_folder(spoil, want, own, capsys):
    spoil(own)
    refused(capsys, prime_predict, [own/'model', own/'data.csv'], want, folder=own)

NEW = {
    'a column is missing': (
        csv([r[:3] for r in ROWS], 'y,a,b'), '', "lacks the column 'w', which the model was trained on"),
    'columns are missing': (csv([r[:1] for r in ROWS], 'y'), '', "lacks columns 'a', 'b', 'w'"),
    'a word among numbers': (csv(replaced(1, 'many')), '', "'a' must be numbers: got 'many'"),
    'a column twice': (csv(head='y,a,b,a'), '', "has the column 'a' 2 times"),
    'no rows': ('y,a,b,w\n', '', 'has no rows'),
    'empty': ('', '', 'is empty'),
    'ragged': (csv([*ROWS, (1, 2)]), '', 'line 42 of new.csv has 2 fields'),
    'mixed encodings': (csv(head='é,a,b,w').encode() + 'é'.encode('latin-1'), '', 'mixes encodings'),
    'a workbook': (workbook(), '', 'is a workbook'),
    'a column to keep is not there': (csv(), '--keep id', "no column 'id' for --keep"),
    'a column to keep is called prediction': (
        csv(head='prediction,a,b,w'), '--keep prediction', 'is the name of the result'),
    'the output is there': (csv(), '--out data.csv', 'is there already.*--force'),
    'the output is a folder': (csv(), '--out model', 'is a folder'),
    'the output cannot be written': (csv(), '--out /proc/no/x.csv', 'cannot write to'),
    'unknown device': (csv(), '--device gpu9', "cannot compute on 'gpu9'")}

@pytest.mark.parametrize('content, options, want', NEW.values(), ids=NEW)
def test_predict_refuses_a_table(content, options, want, own, capsys, monkeypatch):
    monkeypatch.chdir(own)
    (own/'new.csv').write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(capsys, prime_predict, ['model', 'new.csv', *options.split()], want, folder=own)

@pytest.mark.parametrize('argv, want', [
    (['nowhere', 'data.csv'], 'no such folder: got nowhere'),
    (['.', 'data.csv'], 'is no folder of prime_fit'),
    (['data.csv', 'data.csv'], 'is no folder of prime_fit'),
    (['model', 'nowhere.csv'], 'no such file'),
    (['model'], 'required')])
def test_predict_says_what_is_lacking(argv, want, own, capsys, monkeypatch):
    monkeypatch.chdir(own)
    refused(capsys, prime_predict, argv, want, folder=own)


def predictions(capsys, *argv):
    capsys.readouterr()
    assert prime_predict([str(a) for a in argv]) == 0
    return pd.read_csv(io.StringIO(capsys.readouterr().out))

def test_order_encoding_and_delimiter_do_not_matter(own, capsys):
    want = predictions(capsys, own/'model', own/'data.csv')['prediction']
    df = pd.read_csv(own/'data.csv')
    def same(text, encoding='utf-8', rtol=1e-6):
        (own/'new.csv').write_bytes(text.encode(encoding))
        np.testing.assert_allclose(predictions(capsys, own/'model', own/'new.csv')['prediction'], want, rtol)
    same(df[['w', 'b', 'a']].to_csv(index=False))
    same(df.assign(more='é').to_csv(index=False), 'latin-1')
    for encoding in ('utf-8-sig', 'utf-16'): same(df.to_csv(index=False), encoding)
    for sep in ';\t|': same(df.to_csv(index=False, sep=sep))
    same(df.to_csv(index=False, sep=';', decimal=','))
    same(df.to_csv())                                               # with an index

def test_formulas_are_disarmed(own, capsys):
    bad = ['=1+1', '+1+1', '-1+1', '@A1', '\t=1', '＝1', '-5', 'fine']
    rows = [(*ROWS[i], f'"{b}"') for i, b in enumerate(bad)]
    (own/'new.csv').write_text(csv(rows, 'y,a,b,w,"=name"'))
    assert prime_predict([str(own/'model'), str(own/'new.csv'), '--keep', '=name']) == 0
    lines = capsys.readouterr().out.split('\n')
    assert [l.rsplit(',', 1)[0] for l in lines[:-1]] == ["'=name", *(f"'{b}" for b in bad[:6]), '-5', 'fine']

def test_a_table_of_one_row_and_gaps(own, capsys):
    (own/'new.csv').write_text('w,a,b\nnew,,\n')
    assert np.isfinite(predictions(capsys, own/'model', own/'new.csv')['prediction']).all()

def test_drop_missing_and_two_processes(tmp_path, capsys):
    (tmp_path/'data.csv').write_text(csv([*ROWS, ('', 1, 2, 'x')]))
    argv = [str(tmp_path/'data.csv'), '--target', 'y', '--drop-missing', '--epochs', '2', '--folds', '2']
    for jobs in '12': assert prime_fit([*argv, '--jobs', jobs, '--out', str(tmp_path/jobs)]) == 0
    one, two = (json.loads((tmp_path/n/'report.json').read_text()) for n in '12')
    assert one == two and one['data']['rows'] == 40 and '1 rows without a target were left out' in one['data']['notes']

def test_an_interruption_leaves_nothing(tmp_path, capsys, monkeypatch):
    import prime_nb.cli.fit as cli
    (tmp_path/'data.csv').write_text(csv())
    def stop(*a, **k): raise KeyboardInterrupt
    monkeypatch.setattr(cli, 'fit_source', stop)
    before = snapshot(tmp_path)
    assert prime_fit([str(tmp_path/'data.csv'), '--target', 'y', '--out', str(tmp_path/'model'), *SHORT]) == 130
    assert 'interrupted. Nothing was written' in capsys.readouterr().err and snapshot(tmp_path) == before


CODE = 'import sys; from prime_nb.cli.{1} import {0}; sys.exit({0}())'

def run(name, *argv, **kw):
    code = CODE.format(name, name.partition('_')[2])
    command = [sys.executable, '-c', code, *map(str, argv)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **kw)

def test_as_a_user_runs_it(trained, tmp_path):
    for name, argv, want in [('prime_fit', [tmp_path/'no.csv', '--target', 'y', '--out', tmp_path/'m'], 'no such file'),
                             ('prime_predict', [tmp_path/'no', trained/'data.csv'], 'no such folder')]:
        done = run(name, *argv)
        assert (done.returncode, done.stdout, done.stderr.count('\n')) == (2, '', 1) and want in done.stderr
    done = run('prime_predict', trained/'model', trained/'data.csv')
    assert done.returncode == 0 and done.stdout.startswith('prediction\n') and done.stderr == ''
    assert not list(tmp_path.iterdir())

def test_help_imports_nothing_heavy():
    code = ("import sys; from prime_nb.cli.predict import prime_predict; prime_predict.__wrapped__; "
            "print(sorted({'torch', 'numpy', 'fastai', 'pandas'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout.strip() == '[]'
    for name in ('prime_fit', 'prime_predict'): assert run(name, '--help').stdout.startswith(f'usage: {name}')

def test_the_report_opens_without_a_network(trained):
    page = (trained/'model'/'report.html').read_text()
    addresses = set(re.findall(r'https?://[\w./#-]+', page))
    assert addresses <= {'http://www.w3.org/2000/svg', 'http://www.w3.org/1999/xlink'}
    assert "default-src 'none'" in page and '<script' not in page and '<link' not in page

def test_verdicts_are_checked_on_test_files(tmp_path, capsys, monkeypatch):
    import verdicts
    (tmp_path/'toy_train.csv').write_text(csv())
    (tmp_path/'toy_test.csv').write_text(csv(ROWS[::2]))
    out, keep = str(tmp_path/'out'), str(tmp_path/'keep')
    argv = [str(tmp_path), '--out', out, '--seeds', '1', '--epochs', '2', '--keep', keep]
    verdicts.main(argv)
    said = capsys.readouterr().out
    r, s = (json.loads((tmp_path/'out'/f'{n}.json').read_text()) for n in ('toy', 'summary'))
    assert r['agreement']['recommended'] == r['verdict']['method']
    assert set(r['test']) == set(r['judged']) == {'vanilla', 'sqinv', 'prime'}
    assert s['data_sets'] == 1 and s['agree'] == int(r['agreement']['agrees'])
    assert r['test_rows'] == 20 and r['seconds']['processor'] > 0
    assert f"agrees in {s['agree']} of 1" in said and (tmp_path/'keep'/'toy_tested.csv').exists()
    before = snapshot(tmp_path)
    for f in ('run_fit', 'train_all'): monkeypatch.setattr(verdicts, f, None)      # what is there is not trained again
    verdicts.main(argv)
    assert snapshot(tmp_path) == before
    with pytest.raises(SystemExit, match='no NAME_train.csv'): verdicts.main([str(tmp_path/'out')])
