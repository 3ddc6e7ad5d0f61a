# make demo, make test: on a fresh machine, with Python 3.11 or newer, a C compiler and make.
# Everything is installed in .venv; the files in .venv/stamps remember what has been done.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PYTEST_ARGS ?=
SPHINX_ARGS ?= -W --keep-going

# An editable installation rebuilds nothing by itself: a change of these installs again.
BUILD_SOURCES := setup.py pyproject.toml \
    $(wildcard minnet_ext/*.pyx minnet_ext/*.pxd minnet_ext/kernels/*)

.PHONY: help demo test coverage lint docs wheel dev clean

help:
	@echo "make demo      run examples/demo_digits.py, the main job, in under a minute"
	@echo "make test      run all tests"
	@echo "make coverage  run all tests, measure how much of minnet/ they reach"
	@echo "make lint      ruff and mypy"
	@echo "make docs      build the documentation into docs/_build/html, and run the code on its pages"
	@echo "make wheel     build sdist and wheel into dist/"
	@echo "make clean     remove what builds and tests wrote; .venv stays"

demo: $(STAMPS)/run
	MPLBACKEND=Agg $(BIN)/python examples/demo_digits.py

test: $(STAMPS)/run
	MPLBACKEND=Agg $(BIN)/python -m pytest $(PYTEST_ARGS)

coverage: $(STAMPS)/run
	MPLBACKEND=Agg $(BIN)/python -m pytest --cov --cov-report=term $(PYTEST_ARGS)

lint: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMPS)/dev
	MPLBACKEND=Agg $(BIN)/python -m sphinx -b html $(SPHINX_ARGS) docs docs/_build/html
	MPLBACKEND=Agg $(BIN)/python -m sphinx -b doctest -W -q docs docs/_build/doctest

wheel: $(STAMPS)/dev
	rm -rf dist
	$(BIN)/python -m build

dev: $(STAMPS)/dev

clean:
	rm -rf build dist htmlcov .coverage .pytest_cache .ruff_cache .mypy_cache .hypothesis
	rm -rf docs/_build docs/auto_examples docs/generated docs/gen_modules docs/sg_execution_times.rst
	rm -rf demo_output *.egg-info
	rm -f minnet_ext/*.so $(STAMPS)/run $(STAMPS)/dev
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("minnet needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv $(BUILD_SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,plot]'
	@touch $@

$(STAMPS)/dev: $(STAMPS)/run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
