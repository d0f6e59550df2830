# Two commands do everything, set-up included:
#   make repro   runs the whole pipeline on the embedded corpora and prints the headline
#   make test    passes the tests (make test-fast: those that take no time; make coverage: with coverage)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help repro test test-fast coverage lint check mutate clean

help:
	@sed -n '2,4p' Makefile | sed 's/^# *//'

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python 3.11 or newer is needed, found %d.%d. Name another: make PYTHON=/path/to/python3.11 …" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@

repro: $(VENV)/installed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dejavu cost
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dejavu summary

test: $(VENV)/installed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n auto

coverage: $(VENV)/installed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n auto --cov --cov-report=term:skip-covered

test-fast: $(VENV)/installed
	@# without the checks of shapes and types at run time, which take half of the time to set up
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n auto -m "not slow" --jaxtyping-packages=

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

mutate: $(VENV)/installed
	@# changes the measurement in one place at a time and looks whether a test notices: a quarter of an hour
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m scripts.mutate

clean:
	rm -rf $(VENV) .work logs
