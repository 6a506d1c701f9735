"The scripts in tools do what they say"
import json, shutil

import nbformat, pytest

import check_clean, check_notebook, nbtools, readme_from_index, run_notebooks
from nbtools import ROOT

new = nbformat.v4


def notebook(path, *cells):
    "Write a notebook; a string that starts with '# ' is text, any other is code"
    cells = [new.new_markdown_cell(c) if c.startswith('# ') else new.new_code_cell(c) for c in cells]
    nbformat.write(new.new_notebook(cells=cells, metadata=dict(kernelspec=dict(name='python3', display_name='x', language='python'))), path)
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
    env = {k: v for k, v in os.environ.items() if k != 'IN_TEST'} # set by whoever imported nbdev's processors before: nothing would be exported
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
        path = notebook(tmp_path/'a.ipynb', 'import sys\nprint(1+1)', 'print("no", file=sys.stderr)', 'import os; os.path.basename(os.getcwd())')
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
        assert 'names a folder of this machine' in run_notebooks.run(path) and not nbtools.read(path)['cells'][0]['outputs']

    def test_check_stores_nothing(self, tmp_path):
        path = notebook(tmp_path/'a.ipynb', 'print(1)')
        assert run_notebooks.run(path, check=True) == '' and not nbtools.read(path)['cells'][0]['outputs']


class TestCheckNotebook:
    def test_flags_are_honoured(self, project):
        path = notebook(project/'nbs'/'01_slow.ipynb', 'assert True', '#| slow\n1/0')
        assert check_notebook.main(path) == 0 and check_notebook.main(path, 'slow') == 1


class TestReadme:
    exists = staticmethod(lambda path: path in ('nbs/images/a.png', 'nbs/api/00_checks.ipynb', 'LICENSE'))

    def test_links_are_seen_from_the_root(self):
        links = '![A](images/a.png){width=300} [checks](api/00_checks.ipynb#x) <img src="images/a.png"> [L](../LICENSE) [web](https://a.b) [top](#top)'
        assert readme_from_index.relink(links, self.exists) == (
            '![A](nbs/images/a.png) [checks](nbs/api/00_checks.ipynb#x) <img src="nbs/images/a.png"> [L](LICENSE) [web](https://a.b) [top](#top)')

    def test_fenced_code_is_left_alone(self):
        fenced = '```\n[a](b.png)\n```'
        assert readme_from_index.relink(fenced, self.exists) == fenced

    def test_a_broken_link_is_an_error(self):
        with pytest.raises(FileNotFoundError, match='gone.png'): readme_from_index.relink('![x](images/gone.png)', self.exists)

    def test_code_is_fenced_and_hidden_cells_are_left_out(self):
        code = new.new_code_cell('#| eval: false\nprint(1)')
        code.outputs = [new.new_output('stream', name='stdout', text='1\n')]
        nb = new.new_notebook(cells=[new.new_markdown_cell('# T'), code, new.new_code_cell('#| hide\nx')])
        assert readme_from_index.readme(nb) == f'{readme_from_index.HEADER}\n\n# T\n\n```python\nprint(1)\n```\n\n```\n1\n```\n'

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
