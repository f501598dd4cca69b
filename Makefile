# The README's two commands are `make results` and `make test`. Each does its own set-up: it makes .venv and installs
# into it, or installs into the environment that is active.
#
#   make results [DATASET=pets2009-s2l1]   run what is not up to date; results/, build/report/index.html
#   make test                              run the tests
#   make coverage                          the same, and which lines of gctr none of them runs; 90 % must be run
#   make lint                              style, types, notebooks without outputs
#   make api                               the reference of gctr's modules, build/api/index.html
#   make clean                             remove what the others made (results/ stays)

DATASET ?= synthetic
ENV     := $(or $(VIRTUAL_ENV),$(CONDA_PREFIX),.venv)
BIN     := $(ENV)/bin
READY   := $(ENV)/.gctr-installed
PYTHONS := $(PYTHON) python3 python3.13 python3.12 python3.11

.PHONY: results test coverage lint api python clean

results: $(READY)
	$(BIN)/gctr run --dataset "$(DATASET)"

test: $(READY)
	$(BIN)/python -m pytest

coverage: $(READY)
	$(BIN)/python -m pytest --cov

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/nbstripout --verify notebooks/*.ipynb

api: $(READY)
	$(BIN)/python docs/build.py build/api

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[test,docs]"
	@touch $@

.venv/bin/python:
	@for python in $(PYTHONS); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making .venv with $$python"; $$python -m venv .venv && exit 0; \
	    rm -rf .venv; exit 1; \
	  fi; \
	done; \
	echo "gctr needs Python 3.11 or newer; none of $(PYTHONS) is. Install it, or name it: make PYTHON=/path/to/python" >&2; \
	exit 1

clean:
	rm -rf build .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

# For scripts: which interpreter the others use.
python: $(READY)
	@echo $(BIN)/python
