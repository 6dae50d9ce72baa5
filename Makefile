# Everything starts from nothing: the first target that needs it makes .venv and installs the pinned versions.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
BENCHMARKS := startup input step deterministic evaluation scaling inspection

.DEFAULT_GOAL := help
.PHONY: docs help train test test-all lint types format bench bench-quick audit faults wheel clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*  ## /  \1\t/' | expand -t 14

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

train: .venv/installed  ## train on synthetic scenes (ARGS="model=unet data=camvid ..." for anything else)
	$(BIN)/python train.py $(ARGS)

test: .venv/installed  ## run the tests (ARGS="-k name" for some)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal -m "not slow and not faults" $(ARGS)

test-all: .venv/installed  ## run all tests: whole trainings, all faults
	$(BIN)/python -m pytest $(ARGS)

lint: .venv/installed  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed  ## check types
	$(BIN)/mypy

format: .venv/installed  ## mend style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/installed  ## measure everything against public recipes in the same run; writes docs/performance.md
	for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py || exit 1; done

bench-quick: .venv/installed  ## the same in a few minutes, with smaller inputs; writes nothing
	for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py --quick --repetitions 2 || exit 1; done

audit:  ## known advisories against constraints.txt; Error 3: no source of them could be reached
	@$(PYTHON) tools/audit.py

faults: .venv/installed  ## break everything on purpose, the slow tests too; writes docs/reliability.md
	$(BIN)/python benchmarks/faults.py

docs: .venv/installed  ## build the documentation site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

wheel: .venv/installed  ## build dist/atrous-*.whl
	$(BIN)/python -m build --wheel

clean:  ## remove what the targets made, but not runs/ and data/
	rm -rf .venv .audit build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
