# What people and CI run. Everything lives in .venv and target; `make clean` removes both.
# Needs Python >= 3.11 (PYTHON=python3.12 chooses one) and a Rust toolchain.

PYTHON ?= python3
# How many tests run at once: a file's tests stay together.
WORKERS ?= auto
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

# Stamps say how far .venv is: `runtime` can run Helio, `dev` can also check and test it.
RUNTIME := $(VENV)/stamp-runtime
DEV := $(VENV)/stamp-dev
NATIVE := $(VENV)/stamp-native
# Servers and clients of others, for the tests that run them: npm's, and Python's in venvs of their own.
PEERS := tests/clients/node_modules/stamp .venv-peers/stamp .venv-peers-v1/stamp
# Frameworks that agents are built with, each in a venv of its own.
FRAMEWORKS := langchain crewai autogen openai-agents
COMPAT := $(FRAMEWORKS:%=.venv-compat-%/stamp)

# Beside other targets of `make --jobs`, cargo shares out the processors by itself.
CARGO := env -u MAKEFLAGS cargo

# The binding is built against the interpreter of .venv, by whatever cargo command.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo example test peers browser conformance compat check fmt bench proof lint types contracts rust-lint rust-test fast-test lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

demo: $(NATIVE) ## a tour: demo tools, Helio before them, a scripted agent (ONCE=1 ends after it)
	@$(BIN)/helio demo $(if $(filter-out 0,$(ONCE)),--once)

example: $(NATIVE) ## walk through an example of examples/ (NAME=evidence)
	@$(BIN)/python examples/walk.py examples/$(NAME)

test: rust-test $(NATIVE) $(DEV) browser ## every test, Rust and Python
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

peers: $(PEERS) ## install the servers and clients of others that `make test` runs when they are there

browser: ## install Chromium, for the tests of the dashboard, where there is none
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit; done; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get -qq update && apt-get -qq install --no-install-recommends chromium; \
	else \
		echo 'There is no Chromium, so tests of the dashboard are skipped: install the package `chromium`.' >&2; \
	fi

conformance: $(NATIVE) $(DEV) $(PEERS) ## the MCP conformance suite, direct and through Helio, check by check
	HELIO_REQUIRE_PEERS=1 $(BIN)/pytest tests/conformance

compat: $(NATIVE) $(DEV) $(PEERS) $(COMPAT) ## agents' frameworks through Helio, each in an environment of its own (1.5 GB)
	$(BIN)/python tests/frameworks/record.py
	$(BIN)/python tests/adapters/record.py
	HELIO_COMPAT=1 $(BIN)/pytest tests/frameworks tests/adapters

check: lint types contracts rust-lint fast-test ## what must hold before a commit: linters, types, contracts, fast tests

fmt: $(DEV) ## format Python and Rust
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format --quiet
	cargo fmt

bench: $(NATIVE) $(DEV) ## latency and throughput, direct and through Helio
	$(BIN)/helio bench

proof: $(NATIVE) $(DEV) ## the long property tests and crash tests (minutes)
	HELIO_PROOF=1 HELIO_KILLS=500 $(BIN)/pytest tests/properties tests/diagnostics tests/policy/reach tests/audit tests/end_to_end/test_crowds.py \
		tests/end_to_end/test_concurrency.py tests/end_to_end/test_kills.py \
		tests/end_to_end/test_audit_faults.py tests/end_to_end/test_approvals_crowd.py \
		tests/end_to_end/test_approvals_races.py tests/end_to_end/test_openapi.py tests/runtime/test_approval_races.py \
		tests/simulation tests/policy/difference tests/sideband tests/bench/test_dashboard.py

lint: $(DEV)
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check

types: $(NATIVE) $(DEV)
	$(BIN)/mypy
	$(BIN)/stubtest helio._core

contracts: $(NATIVE) $(DEV)
	$(BIN)/lint-imports --no-logo

rust-lint: $(RUNTIME)
	cargo fmt --check
	$(CARGO) clippy --locked --quiet --workspace --all-targets -- -D warnings

rust-test: $(RUNTIME)
	$(CARGO) test --locked --quiet --workspace

fast-test: $(NATIVE) $(DEV)
	$(BIN)/pytest --quiet -n $(WORKERS) --dist loadfile -m 'not slow and not end_to_end'

lock: $(DEV) ## choose dependency versions anew and write the locks
	$(LOCK) --upgrade pyproject.toml --group build --output-file requirements/runtime.lock
	$(LOCK) --upgrade pyproject.toml --group dev --constraints requirements/runtime.lock \
		--output-file requirements/dev.lock
	$(LOCK) --upgrade --group peers --output-file requirements/peers.lock
	$(LOCK) --upgrade --group peers-v1 --output-file requirements/peers-v1.lock
	for name in $(FRAMEWORKS); do \
		$(LOCK) --upgrade --group compat-$$name --output-file requirements/compat-$$name.lock || exit; done
	cargo update
	cd tests/clients && npm update --ignore-scripts

clean: ## remove .venv, target and everything else that was made
	rm -rf $(VENV) .venv-peers .venv-peers-v1 .venv-compat-* target .demo tests/clients/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find python tests benches -name __pycache__ -prune -exec rm -rf {} +
	rm -f python/helio/_core*.so

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Helio needs Python 3.11 or newer: make PYTHON=python3.12 …' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/runtime.lock | $(BIN)/python
	$(INSTALL) --require-hashes -r $<
	@touch $@

$(DEV): requirements/dev.lock | $(RUNTIME)
	$(INSTALL) --require-hashes -r $<
	@touch $@

tests/clients/node_modules/stamp: tests/clients/package-lock.json
	npm ci --prefix tests/clients --ignore-scripts --no-progress
	@touch $@

# The locks are whole; pip would look for a version of `mcp[cli]` beside the locked `mcp`.
.venv-%/stamp: requirements/%.lock
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# An editable install: Python sources are used in place, the extension is built in release. It waits for
# the other installations, because two of them must not write into .venv at once.
$(NATIVE): $(RUST_SOURCES) pyproject.toml $(RUNTIME) | $(if $(filter-out demo,$(MAKECMDGOALS)),$(DEV))
	env -u MAKEFLAGS PATH="$(CURDIR)/$(BIN):$$PATH" $(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
