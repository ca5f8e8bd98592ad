# `make help` lists the commands.

PYTHON ?= python3
BACKEND ?= tensorflow
OUT ?= runs

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt

BACKENDS := tensorflow jax torch
EXTRAS_demo := data,export
EXTRAS_test := data,export,tensorflow,jax,torch,dev
# A stamp says that .venv holds what one purpose needs, as of the present dependency lists.
STAMP := $(VENV)/.installed-

.DELETE_ON_ERROR:
.PHONY: help demo test test-slow lint format benchmarks clean

help:
	@echo "make help        this list"
	@echo "make demo        train a DCGAN on real images, export it, verify it, sample it;"
	@echo "                 BACKEND=jax or BACKEND=torch does so on another backend than tensorflow"
	@echo "make test        ruff, pyright, tests and doctests on the three backends"
	@echo "make test-slow   the tests that take minutes"
	@echo "make lint        ruff and pyright alone"
	@echo "make format      format the sources"
	@echo "make benchmarks  ratios against hand-written training loops"
	@echo "make clean       remove .venv and caches; runs/ stays"
	@echo "With PYTHON=python3.12 another interpreter makes .venv."

demo: $(STAMP)$(BACKEND)
	@$(BIN)/python -m kgan.demo --backend $(BACKEND) --out $(OUT)

test: $(STAMP)test
	@$(BIN)/python tests/run_all.py

test-slow: $(STAMP)test
	@$(BIN)/python tests/run_all.py --slow

lint: $(STAMP)test
	@$(BIN)/python tests/run_all.py --lint

format: $(STAMP)test
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

benchmarks: $(STAMP)test
	@for backend in $(BACKENDS); do $(BIN)/python -m benchmarks.train_step --backend $$backend || exit 1; done
	@$(BIN)/python -m benchmarks.loader
	@$(BIN)/python -m benchmarks.onnx_latency

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian splits off the part of the venv module that brings pip; pip itself can stand in for it.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "kgan needs Python 3.11 or newer, got $$($(PYTHON) --version 2>&1): name another by PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 || \
	  { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	    $(PYTHON) -m pip --python $(BIN)/python install -qq pip; }
	@touch $@

$(addprefix $(STAMP),$(BACKENDS)): $(STAMP)%: pyproject.toml constraints.txt | $(VENV)/.created
	@echo "Installing kgan[$(EXTRAS_demo),$*] into $(VENV) (once; some minutes)"
	@$(PIP) --editable ".[$(EXTRAS_demo),$*]"
	@touch $@

$(STAMP)test: pyproject.toml constraints.txt | $(VENV)/.created
	@echo "Installing kgan[$(EXTRAS_test)] into $(VENV) (once; some minutes)"
	@$(PIP) --editable ".[$(EXTRAS_test)]"
	@touch $(addprefix $(STAMP),$(BACKENDS)) $@

$(STAMP)%:
	@echo "BACKEND must be one of $(BACKENDS), got $*" >&2; exit 2
