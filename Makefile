# make serve and make test set up everything they need by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

.DEFAULT_GOAL := help
.PHONY: help serve test lint soak bench interop browsers lock screenshots icons catalogue clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

serve: $(READY) ## set up, start the service on http://127.0.0.1:8000
	@exec $(BIN)/feedsvc serve --samples data/samples

test: $(READY_DEV) lint ## set up, check style, types and imports, run all tests
	$(BIN)/pytest -n 2 --dist worksteal

lint: $(READY_DEV) ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: $(READY_DEV) ## the reader contract and validity with new random input (CONTRACT_EXAMPLES=300)
	CONTRACT_SEED=$${CONTRACT_SEED:-$$(date +%s)} CONTRACT_EXAMPLES=$${CONTRACT_EXAMPLES:-300} \
	  $(BIN)/pytest -s tests/test_contract.py
	VALIDITY_EXAMPLES=$${VALIDITY_EXAMPLES:-2000} $(BIN)/pytest tests/test_validity.py

bench: $(READY_DEV) ## the benchmarks (needs nginx and wrk)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bench.txt
	$(BIN)/python -m benchmarks

interop: $(READY_DEV) ## every reader there is reads the live feeds (node, and packages of Debian that it names)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/interop.txt
	@! command -v npm >/dev/null || npm ci --prefix interop/node --ignore-scripts --no-audit --no-fund --silent
	@$(BIN)/python -m interop

screenshots: $(READY_DEV) ## pictures of every page, phone and desktop, in build/screenshots
	$(BIN)/python -m tests.screenshots

icons: $(READY_DEV) ## draw the icons in feedsvc/web/static
	$(BIN)/python -m tests.icons

catalogue: $(READY_DEV) ## bring feedsvc/web/catalogues up to date with the texts of the interface
	$(BIN)/python -m tests.catalogue

lock: $(READY_DEV) ## choose the newest allowed version of every dependency
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade \
	  pyproject.toml --extra build -o requirements/run.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade \
	  pyproject.toml --extra build --extra dev -o requirements/dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade \
	  pyproject.toml --extra build --extra dev --extra bench -o requirements/bench.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade \
	  pyproject.toml --extra build --extra dev --extra interop -o requirements/interop.txt

clean: ## remove what was set up, but no data
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "feedsvc needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv is missing (Debian: apt install python3-venv)"; rm -rf $(VENV); exit 1; }
	@echo "Setting up (once) …"
	@test -e $(READY_DEV) || $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(READY_DEV): requirements/dev.txt $(READY)
	@echo "Setting up what tests need (once) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
