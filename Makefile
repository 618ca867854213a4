# The two commands of the README: `make demo` and `make test`. Everything else is for those who change backhand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One worker per core; figures that need a quiet machine live in `make bench`, never in the suite.
PYTEST_ARGS ?= -n auto

.PHONY: demo test check lint types bench mutants causes clean

demo: $(VENV)/.installed
	$(BIN)/backhand train

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint types test

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

bench: $(VENV)/.installed-bench
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python benchmarks/graph_growth.py
	$(BIN)/python benchmarks/check_time.py
	$(BIN)/python benchmarks/compare

mutants: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/mutants/run.py

causes: $(VENV)/.installed-dev
	$(BIN)/python -m backhand.checking.causes > docs/causes.md

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "backhand needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "Python's venv module is incomplete here. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 2; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]' \
	  || echo "not all of the frameworks could be installed; make bench leaves out what is missing"
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed
