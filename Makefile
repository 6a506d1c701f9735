# make help lists the targets. Made for Linux and macOS with python3 (3.10 or newer).
#   PYTHON=python3.12   the interpreter that .venv is made from
#   VENV=path           another environment: made if it is not there, installed into if it is

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.prime_nb-installed
NB ?=

# With this variable set, every start of Python compiles fastai and torch anew.
unexport PYTHONDONTWRITEBYTECODE
export PIP_NO_INPUT = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help env demo test test-newest readme outputs export docs clean distclean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null || grep '## ' Makefile

env: $(STAMP) ## Make the environment (about 2 minutes and 6 GB, once)

$(STAMP): settings.ini setup.py
	@test -x $(PY) || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and f"prime_nb needs Python 3.10 or newer, and $(PYTHON) is {sys.version.split()[0]}. Give another one: make PYTHON=python3.12")'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { echo 'No environment could be made. On Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	@echo 'Installing prime_nb and its tools into $(VENV): about 2 minutes and 6 GB'
	$(PY) -m pip install -qq --progress-bar off --editable '.[dev,tables,text,images,export,bench,cluster,docs]'
	@touch $(STAMP)

demo: env ## Train with and without PRIME on made-up data; writes report/
	$(VENV)/bin/prime_demo --out report

test: env ## Run every notebook and every test
	PYTHON=$(PY) tools/test

test-newest: env ## Install the package beside the newest fastai, without nbdev, and use it there
	PYTHON=$(PY) WORKERS=0 tools/test --flags newest tests/test_fresh_install.py

readme: env ## Write README.md from nbs/index.ipynb
	$(PY) tools/readme_from_index.py

outputs: env ## Run notebooks and store their outputs (NB="nbs/api/03_targets.ipynb" for some of them)
	$(PY) tools/run_notebooks.py $(NB)

export: env ## Write the package from the notebooks, and clean them
	$(VENV)/bin/nbdev_export
	$(VENV)/bin/nbdev_clean

docs: env ## Build the documentation site: _docs/index.html; a warning is an error
	@mkdir -p _proc
	$(PY) -m sphinx -W --keep-going -q -j auto -c docs -d _proc/.doctrees _proc _docs || { rm -rf _proc/.doctrees; exit 1; }

clean: ## Remove what commands wrote: reports, caches, builds
	rm -rf report build dist *.egg-info .pytest_cache .hypothesis _docs _proc
	find . -name .venv\* -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

distclean: clean ## Remove the environments too
	rm -rf .venv .venv-newest
