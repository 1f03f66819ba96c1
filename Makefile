# Needs Python 3.11 to 3.13 and make; everything else goes into .venv.
#
#   make run        start the whole platform and play a short tour (more options: make run ARGS="--workers 4")
#   make test       the fast tests
#   make test-slow  tests that kill real processes many times
#   make simulate   the runtime under 1,000 seeds of faults in virtual time (make simulate ARGS="--seeds 20000")
#   make chaos      a minute of faults on real processes, checked, with a report in build/chaos
#   make check      format, lint, types, import rules
#   make setup      what the others do first

BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run test test-slow simulate chaos check format clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(READY)

$(READY): pyproject.toml Makefile
	@python=$$(for p in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  $$p -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; \
	done); \
	if [ -z "$$python" ]; then \
	  echo 'No Python 3.11, 3.12 or 3.13 with venv found: install one (on Debian: python3 and python3-venv), or say make PYTHON=…' >&2; \
	  exit 1; \
	fi; \
	echo "Setting up .venv with $$($$python --version)"; \
	$$python -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,chaos,client]' --group dev
	@touch $@

run: setup
	@exec $(BIN)/natya up --tour $(ARGS)

test: setup
	$(BIN)/pytest -n 2 -m 'not slow' $(ARGS)

test-slow: setup
	$(BIN)/pytest -m slow $(ARGS)

simulate: setup
	PYTHONPATH=tests $(BIN)/python -m simulation $(ARGS)

chaos: setup
	$(BIN)/natya chaos run --report build/chaos $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist
