"The scripts in tools do what they say"
import json, shutil

import nbformat, pytest

import check_clean, check_notebook, check_outputs, conftest, nbtools, readme_from_index, run_notebooks
from nbtools import ROOT

new = nbformat.v4


def notebook(path, *cells):
    "Write a notebook; a string that starts with '# ' is text, any other is code"
    cells = [new.new_markdown_cell(c) if c.startswith('# ') else new.new_code_cell(c) for c in cells]
    nbformat.write(
        new.new_notebook(
            cells=cells, metadata=dict(kernelspec=dict(name='python3', display_name='x', language='python'))), path)
    return path

@pytest.fixture
def project(tmp_path):
    "A small nbdev project with one exported notebook"
    shutil.copy(ROOT/'settings.ini', tmp_path/'settings.ini')
    for d in ('nbs', 'prime_nb'): (tmp_path/d).mkdir()
    (tmp_path/'prime_nb'/'__init__.py').write_text('__version__ = "0.1.0"\n')
    shutil.copy(ROOT/'pyproject.toml', tmp_path/'pyproject.toml')
    notebook(tmp_path/'nbs'/'00_thing.ipynb', '#| default_exp thing', '# Thing', '#| export\ndef double(x): return 2*x')
    mend(tmp_path)
    return tmp_path

def mend(root):
    "Export and clean, as a person would"
    import os, subprocess, sys
    # set by whoever imported nbdev's processors before: nothing would be exported
    env = {k: v for k, v in os.environ.items() if k != 'IN_TEST'}
    subprocess.run([sys.executable, '-c', check_clean.EXPORT], cwd=root, env=env, check=True, capture_output=True)


class TestCheckClean:
    def test_an_exported_project_is_clean(self, project): assert check_clean.differences(project) == []

    def test_an_edited_module_is_found(self, project):
        module = project/'prime_nb'/'thing.py'
        module.write_text(module.read_text().replace('2*x', '3*x'))
        found, = check_clean.differences(project)
        assert 'prime_nb/thing.py' in found and '+def double(x): return 2*x' in found
        assert '3*x' in module.read_text()

    def test_a_module_without_a_notebook_is_found(self, project):
        (project/'prime_nb'/'stray.py').write_text('x = 1\n')
        assert check_clean.differences(project) == ['prime_nb/stray.py is exported by no notebook']

    def test_an_unclean_notebook_is_found(self, project):
        path = project/'nbs'/'00_thing.ipynb'
        nb = json.loads(path.read_text())
        nb['cells'][0]['execution_count'] = 7
        path.write_text(json.dumps(nb))
        assert any('nbs/00_thing.ipynb' in d for d in check_clean.differences(project))

    def test_a_new_notebook_that_was_not_exported_is_found(self, project):
        notebook(project/'nbs'/'01_more.ipynb', '#| default_exp more', '#| export\ny = 1')
        assert 'prime_nb/more.py is missing' in check_clean.differences(project)


class TestRunNotebooks:
    def test_outputs_are_stored_and_noise_is_not(self, tmp_path, monkeypatch):
        path = notebook(
            tmp_path/'a.ipynb', 'import sys\nprint(1+1)', 'print("no", file=sys.stderr)',
            'import os; os.path.basename(os.getcwd())')
        assert run_notebooks.run(path) == ''
        outputs = [c['outputs'] for c in nbtools.read(path)['cells']]
        assert outputs[0][0]['text'] == ['2\n'] and outputs[1] == []
        assert outputs[2][0]['data']['text/plain'] == [f"'{tmp_path.name}'"]

    def test_a_second_run_changes_nothing(self, tmp_path):
        path = notebook(tmp_path/'a.ipynb', 'for i in range(3): print(i, flush=True)')
        run_notebooks.run(path)
        first = path.read_bytes()
        assert run_notebooks.run(path) == '' and path.read_bytes() == first

    def test_flagged_cells_are_skipped_unless_asked_for(self, tmp_path):
        path = notebook(tmp_path/'a.ipynb', '#| slow\nprint("late")', '#| eval: false\n1/0')
        assert run_notebooks.run(path, flags=['slow']) == '' and not nbtools.read(path)['cells'][0]['outputs']
        assert run_notebooks.run(path) == '' and nbtools.read(path)['cells'][0]['outputs'][0]['text'] == ['late\n']

    def test_a_failing_notebook_is_reported_and_left_alone(self, tmp_path):
        path = notebook(tmp_path/'a.ipynb', '1/0')
        before = path.read_bytes()
        assert 'ZeroDivisionError' in run_notebooks.run(path) and path.read_bytes() == before

    def test_an_output_with_a_path_of_this_machine_is_refused(self, tmp_path):
        path = notebook(tmp_path/'a.ipynb', 'from pathlib import Path\nPath.home()/"data"')
        assert 'names a folder of this machine' in run_notebooks.run(path)
        assert not nbtools.read(path)['cells'][0]['outputs']

    def test_check_stores_nothing(self, tmp_path):
        path = notebook(tmp_path/'a.ipynb', 'print(1)')
        assert run_notebooks.run(path, check=True) == '' and not nbtools.read(path)['cells'][0]['outputs']


class TestCheckNotebook:
    def test_flags_are_honoured(self, project):
        path = notebook(project/'nbs'/'01_slow.ipynb', 'assert True', '#| slow\n1/0')
        assert check_notebook.main(path) == 0 and check_notebook.main(path, 'slow') == 1


@pytest.fixture
def stored(project):
    "Writes a notebook, stores its outputs, then changes the code of a cell: `stored([cell, ...], {0: code})`"
    def write(cells, then={}):
        path = notebook(project/'nbs'/'01_out.ipynb', *cells)
        assert run_notebooks.run(path, flags=['slow']) == ''
        nb = nbtools.read(path)
        for i, code in then.items(): nb['cells'][i]['source'] = [code]
        path.write_text(json.dumps(nb))
        return path
    return write

def said(path, *flags):
    "Exit code of a run, and what it says of the outputs"
    report = path.with_suffix('.json')
    return check_notebook.main(path, *flags, report=report), json.loads(report.read_text())


class TestOutputsOfARun:
    def test_a_run_that_agrees_is_counted(self, stored):
        cells = 'print("loss", 1.2345)', '# Text', 'x = 2', "print('shown');", "'a value'", "'no value';"
        assert said(stored(cells), 'outputs') == (0, dict(compared=3, differ=[]))

    def test_what_differs_is_an_error_only_if_asked_for(self, stored):
        path = stored(['# Title\n\n> Promise', 'print("loss", 1.2345)', 'print("b")'], {1: 'print("loss", 1.3)'})
        assert said(path) == (0, dict(compared=2, differ=['cell 1: 1.2345 became 1.3']))
        assert check_notebook.main(path, 'outputs') == 1

    @pytest.mark.parametrize('before, after', [
        ('print(1)', 'x = 1'), ('x = 1', 'print(1)'), ('print(1)', 'print(1); print(2)'), ('print("a")', 'print("b")')])
    def test_an_output_that_is_gone_new_or_other_is_found(self, stored, before, after):
        assert len(said(stored([before], {0: after}))[1]['differ']) == 1

    def test_cells_that_are_skipped_are_not_compared(self, stored):
        path = stored(['#| slow\nprint(1)', '#| eval: false\nprint(1)', 'print(1)'])
        nb = nbtools.read(path)
        for c in nb['cells']: c['outputs'] = [dict(output_type='stream', name='stdout', text=['1\n'])]
        path.write_text(json.dumps(nb))
        assert said(path, 'outputs') == (0, dict(compared=1, differ=[]))

    def test_progress_bars_and_tables_of_a_training_agree_with_a_kernel(self, stored):
        html = '<table><tr><td>loss</td><td>0.5</td></tr></table>'
        table = f'from IPython.display import HTML, display\ndisplay(HTML("{html}"))'
        assert said(stored([table], {0: 'print("[###--]", end="\\r"); print("loss 0.5")'}))[1]['differ'] == []

    def test_it_runs_with_the_threads_of_the_run_that_stored(self, stored, tmp_path):
        path = stored(['import os; print(os.environ["OMP_NUM_THREADS"], os.environ["PYTHONHASHSEED"], hash("a"))'])
        report = tmp_path/'report.json'
        assert conftest.run_notebook(tmp_path/'log.txt', [str(path), 'outputs', '--report', str(report)]) == 0
        assert json.loads(report.read_text())['compared'] == 1

    def test_a_notebook_cannot_rely_on_what_another_imported(self, project, tmp_path):
        first = notebook(
            project/'nbs'/'01_a.ipynb', 'import sys; sys.leaked = 1; import prime_nb', 'print("said")\nassert 0')
        second = notebook(
            project/'nbs'/'02_b.ipynb',
            'import sys; assert not hasattr(sys, "leaked") and "prime_nb" not in sys.modules')
        assert [conftest.run_notebook(tmp_path/'log.txt', [str(p)]) for p in (second, first, second)] == [0, 1, 0]
        assert conftest.run_notebook(tmp_path/'log.txt', [str(first)]) == 1
        assert 'AssertionError' in (tmp_path/'log.txt').read_text()

    def test_one_that_takes_too_long_is_ended(self, project, tmp_path):
        forever = notebook(project/'nbs'/'01_a.ipynb', 'while True: pass')
        fine = notebook(project/'nbs'/'02_b.ipynb', '1')
        assert conftest.run_notebook(tmp_path/'log.txt', [str(fine)]) == 0
        assert conftest.run_notebook(tmp_path/'log.txt', [str(forever)], timeout=2) is None
        assert conftest.run_notebook(tmp_path/'log.txt', [str(fine)]) == 0

    def test_the_summary_names_what_differs(self):
        lines = list(
            conftest.outputs_summary({
                'nbs/a.ipynb': dict(compared=3, differ=['cell 1: 1 became 2']), 'nbs/b.ipynb':
                    dict(compared=2, differ=[])
            }))
        assert lines == [
            'stored outputs: 5 cells compared in 2 notebooks, 1 differ:', '  nbs/a.ipynb cell 1: 1 became 2'
        ]
        assert not list(conftest.outputs_summary({}))


class TestRulesOfOutputs:
    def out(self, text): return new.new_output('stream', name='stdout', text=text)
    def cell(self, *outputs): return new.new_notebook(cells=[new.new_code_cell('', outputs=list(outputs))])

    @pytest.mark.parametrize('old, now', [
        ('loss 1.234', 'loss 1.235'), ('a 0.1 b -3e-4', 'a 0.1000001 b -3.001e-4'),
        ('0.00:12 00:05', '0.00:12 00:07'), ('1e-9', '3e-8')])
    def test_three_figures_agree(self, old, now): assert not check_outputs.difference(self.out(old), self.out(now))

    @pytest.mark.parametrize('old, now', [('loss 1.23', 'loss 1.25'), ('a 1', 'b 1'), ('1 2', '1 2 3')])
    def test_others_do_not(self, old, now): assert check_outputs.difference(self.out(old), self.out(now))

    def test_where_a_text_is_cut_does_not_matter(self):
        texts = lambda *t: self.cell(*map(self.out, t))
        assert not list(check_outputs.compare(texts('a 1\n', 'b 2\n'), texts('a 1\nb 2\n')))
        assert list(check_outputs.compare(texts('a 1\n'), texts('a 1\n', 'b 2\n')))

    def test_a_picture_must_be_there_and_may_look_otherwise(self):
        picture = lambda data: new.new_output('display_data', data={'image/png': data, 'text/plain': '<Figure>'})
        assert not list(check_outputs.compare(self.cell(picture('a')), self.cell(picture('b'))))
        assert list(check_outputs.compare(self.cell(picture('a')), self.cell()))

    def test_a_bar_that_was_wiped_away_is_noise(self):
        got = check_outputs.joined([new.new_output('display_data', data={'text/html': [], 'text/plain': '<HTML>'})])
        assert got == []


class TestReadme:
    exists = staticmethod(lambda path: path in ('nbs/images/a.png', 'nbs/api/00_checks.ipynb', 'LICENSE'))

    def test_links_are_seen_from_the_root(self):
        links = ('![A](images/a.png){width=300} [checks](api/00_checks.ipynb#x) <img src="images/a.png"> '
                 '[L](../LICENSE) [web](https://a.b) [top](#top)')
        want = ('![A](nbs/images/a.png) [checks](nbs/api/00_checks.ipynb#x) <img src="nbs/images/a.png"> '
                '[L](LICENSE) [web](https://a.b) [top](#top)')
        assert readme_from_index.relink(links, self.exists) == want

    def test_fenced_code_is_left_alone(self):
        fenced = '```\n[a](b.png)\n```'
        assert readme_from_index.relink(fenced, self.exists) == fenced

    def test_a_broken_link_is_an_error(self):
        with pytest.raises(FileNotFoundError, match='gone.png'):
            readme_from_index.relink('![x](images/gone.png)', self.exists)

    def test_code_is_fenced_and_hidden_cells_are_left_out(self):
        code = new.new_code_cell('#| eval: false\nprint(1)')
        code.outputs = [new.new_output('stream', name='stdout', text='1\n')]
        nb = new.new_notebook(cells=[new.new_markdown_cell('# T'), code, new.new_code_cell('#| hide\nx')])
        got = readme_from_index.readme(nb)
        assert got == f'{readme_from_index.HEADER}\n\n# T\n\n```python\nprint(1)\n```\n\n```\n1\n```\n'

    def test_a_picture_output_is_refused(self):
        code = new.new_code_cell('plot()')
        code.outputs = [new.new_output('display_data', data={'image/png': 'abc', 'text/plain': '<Figure>'})]
        with pytest.raises(ValueError, match='nbs/images'): readme_from_index.readme(new.new_notebook(cells=[code]))


class TestNbtools:
    @pytest.mark.parametrize('text', [f'{ROOT}/nbs/x', '/home/a/b', 'see /tmp/pytest-1/x', "'/Users/me/x'"])
    def test_folders_of_a_machine_are_found(self, text): assert nbtools.private_paths(text)

    @pytest.mark.parametrize('text', ['nbs/api/x', 'https://a.b/home/x', 'data/tmp/x', 'MAE/All'])
    def test_other_text_is_left_alone(self, text): assert not nbtools.private_paths(text)

    def test_front_matter_can_ask_that_nothing_runs(self):
        nb = lambda s: new.new_notebook(cells=[new.new_markdown_cell(s)])
        assert nbtools.skip_exec(nb('# T\n\n- skip_exec: true')) and not nbtools.skip_exec(nb('# T\n\nskip_exec'))
