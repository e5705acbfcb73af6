# Every target installs what it needs into .venv first, once.
PYTHON ?= python3
PYTEST_FLAGS ?= -n auto --dist loadfile
# The long ones of a file would keep one worker busy when the other has ended.
SLOW_FLAGS ?= -n auto --dist worksteal
# make test-all checks the types and shapes of every call as well; SHAPES= leaves it out.
SHAPES ?= 1
# HYPOTHESIS_SEED=N repeats the examples of the tests of properties.
PYTEST = $(BIN)/pytest $(if $(HYPOTHESIS_SEED),--hypothesis-seed=$(HYPOTHESIS_SEED))
# typer checks what the commands take
HOOK := perceptron_theory,simulations,figures,runtime_types.check
CHECKED := $(if $(SHAPES),--jaxtyping-packages=$(HOOK))

BIN := .venv/bin
STAMP := .venv/.installed
# Python compiles what it imports, when it does: a minute less than compiling it all.
PIP_FLAGS := --quiet --disable-pip-version-check --no-compile

.PHONY: help demo test test-slow test-all layers setup lint format docs figures bench clean

help:
	@echo 'make demo     a Pareto frontier, a phase diagram and a validation (in demo/)'
	@echo 'make test     the tests; make test-slow: those that it leaves out'
	@echo 'make test-all all of them, with types and shapes checked'
	@echo 'make figures  the figures of the paper (in docs/figures/)'
	@echo 'make bench    the benchmark table'
	@echo 'make docs     the docs site (in site/)'
	@echo 'make layers   modules, floors, arrows and circles of the packages'
	@echo 'make lint     ruff and pyright; make format: ruff mends what it can'
	@echo 'make setup    only install; make clean: remove what the others made'

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: Python >= 3.11 is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1);" \
	    "name a newer one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; \
	  exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'installing into .venv (once, a minute or two)'
	@$(BIN)/python -m pip install $(PIP_FLAGS) --upgrade 'pip>=25.1' # knows --group
	@$(BIN)/python -m pip install $(PIP_FLAGS) -e . --group dev
	@touch $@

demo: $(STAMP)
	$(BIN)/pruning-laws demo

test: $(STAMP)
	$(PYTEST) -m 'not slow' $(PYTEST_FLAGS)

test-slow: $(STAMP)
	$(PYTEST) -m slow $(SLOW_FLAGS)

test-all: $(STAMP)
	$(PYTEST) $(CHECKED) $(SLOW_FLAGS)
	$(if $(SHAPES),$(PYTEST) -m unchecked $(PYTEST_FLAGS))

layers:
	$(PYTHON) tools/layers.py

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Warnings, broken links among them, are errors.  The notice that is silenced
# advertises what may come after mkdocs.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

figures: $(STAMP)
	$(BIN)/pruning-laws figure all --output docs/figures --overwrite

bench: $(STAMP)
	$(BIN)/python benchmarks/theory_speed.py

clean:
	rm -rf .venv .hypothesis .pytest_cache .ruff_cache build dist demo site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
