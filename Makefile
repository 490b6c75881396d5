# Everything a person does with this repository. `make` alone shows this list.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.SUFFIXES:

ARGS ?=
PYTEST_WORKERS ?= 2
BIN := .venv/bin
# Where PostgreSQL waits for no disk while the tests run, if there is room for it.
MEMORY = $(shell test "$$(df -Pk /dev/shm 2>/dev/null | awk 'END {print $$4}')" -gt 4194304 2>/dev/null && echo /dev/shm)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
RUNTIME := .venv/.runtime
TESTING := .venv/.testing

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(RUNTIME) $(TESTING) ## Make .venv with everything pinned; instant the second time
	@echo ".venv is ready" >&2

demo: $(RUNTIME) ## Play the movement of 2023 (ARGS='--once --json' plays to the ranking and prints the books)
	@$(BIN)/thidua demo $(ARGS)

test: $(RUNTIME) $(TESTING) ## Lint, types and all tests, on SQLite and PostgreSQL, with a real broker
	@$(MAKE) lint
	@echo "== tests"
	@SEED=$${SEED:-1} THIDUA_TEST_MEMORY=$(MEMORY) $(BIN)/pytest -n $(PYTEST_WORKERS) --dist worksteal -rfEs $(ARGS)

test-faults: $(RUNTIME) $(TESTING) ## Kills, cuts, full disks: 12 scenarios (LONG=1: ten times the rounds; SEED=n: the same run again)
	@$(BIN)/pytest -m faults -rsfE tests/faults $(ARGS)

test-deploy: $(RUNTIME) $(TESTING) ## Images, compose, the closed network, upgrades under load, a rehearsal (some 35 minutes, not part of the gate; needs root and `make tools`)
	@$(BIN)/pytest -m deploy -rsfE tests/operation $(ARGS)

lint: $(RUNTIME) $(TESTING) ## Style and types
	@echo "== ruff"
	@$(BIN)/ruff check
	@echo "== mypy"
	@$(BIN)/mypy

format: $(TESTING) ## Put the code into its form
	@$(BIN)/ruff check -q --fix --exit-zero
	@$(BIN)/ruff format

contracts: $(RUNTIME) ## Write the schemas and the AsyncAPI document anew from the contracts
	@$(BIN)/thidua contracts

bench: $(RUNTIME) $(TESTING) ## Measure the embedded mode and the whole road beside drivers alone and peers (QUICK=1: three minutes)
	@$(BIN)/python -m tests.bench $(ARGS)

bench-national: $(RUNTIME) $(TESTING) ## A million enterprises report in the last hour (UNITS=50000: the short form; DATABASE=sqlite; REPLICAS=2)
	@$(BIN)/python -m tests.bench.national $(ARGS)

browser: ## Install Chromium for the browser tests (Debian's package), if it is missing
	@scripts/browser

tools: $(RUNTIME) $(TESTING) ## Install what the tests of deploy/ run: Prometheus, image builders, a proxy, schemas
	@scripts/tools

lock: $(TESTING) ## Pin the dependencies anew (ARGS='--upgrade' for newer ones)
	@$(COMPILE) --extra setup -o requirements.txt
	@$(COMPILE) --extra setup --extra test -c requirements.txt -o requirements-test.txt
	@$(PIN) --group deploy -c requirements-test.txt -o deploy/requirements-tools.txt $(ARGS)
	@$(PIN) --group sbom -o deploy/requirements-sbom.txt $(ARGS)

clean: ## Remove what the other targets made; data stays
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# django-htmx is used for its JavaScript files alone, so Django and what only Django needs are left out.
PIN = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
COMPILE = $(PIN) --no-emit-package django --no-emit-package asgiref --no-emit-package sqlparse pyproject.toml $(ARGS)

.venv/bin/python:
	@scripts/venv

$(RUNTIME): .venv/bin/python requirements.txt pyproject.toml
	@echo "Setting up .venv (a minute, once)" >&2
	@$(PIP) install --require-hashes --no-deps -r requirements.txt >&2
	@$(PIP) install --no-deps --no-build-isolation -e . >&2
	@touch $@

$(TESTING): $(RUNTIME) requirements-test.txt
	@echo "Adding what the tests need" >&2
	@$(PIP) install --require-hashes --no-deps -r requirements-test.txt >&2
	@touch $@

.PHONY: help setup demo test test-faults test-deploy lint format contracts bench bench-national browser tools lock clean
