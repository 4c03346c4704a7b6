# Everything runs in .venv, which scripts/setup.py makes and keeps up to date.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

# Where it is set, each of the tests' processes would compile all of this project anew.
unexport PYTHONDONTWRITEBYTECODE

# The tests that `make test-local COVERAGE=yes` has the line coverage of, which costs as much again as
# they do. Those that are about what it doesn't count (programs in containers, other processes) go
# without.
MEASURED := $(addprefix tests/unit/, account aws_model check cli config flow image local) \
	$(addprefix tests/integration/, hosting jobs pipelines)

.DEFAULT_GOAL := help
.PHONY: help setup run test-local e2e-aws lint bench torture clean constraints reference coverage

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv, or bring it up to date
	@$(PYTHON) scripts/setup.py

run: setup ## set up what is missing, then the whole flow offline: train, deploy, predict, assert R²
	@$(BIN)/harness run

test-local: setup ## set up the same, then all tests that need no AWS account
	@$(BIN)/harness build
ifdef COVERAGE
	@status=0; \
	$(BIN)/python -m pytest -n auto --cov --cov-report= $(ARGS) $(MEASURED) || status=$$?; \
	$(BIN)/python -m pytest -n auto $(ARGS) $(MEASURED:%=--ignore=%) || status=$$?; \
	exit $$status
	@echo "line coverage of harness/ in these tests' own processes: $$($(BIN)/coverage report --format=total) %"
else
	@$(BIN)/python -m pytest -n auto $(ARGS)
endif

e2e-aws: setup ## the flow on the real AWS (needs a role, a bucket and credentials)
	@HARNESS_TARGET=aws $(BIN)/harness run

lint: setup ## ruff, strict type checks, and a look at the CI's workflows
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions action/action.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec service-image/compose.yaml
	@$(BIN)/zizmor --offline --quiet .github/workflows action

bench: setup ## the figures of benchmarks/, which go into benchmarks/results.json, too
	@$(BIN)/python benchmarks/run.py $(ARGS)

torture: setup ## attack a service of its own from all sides for 15 minutes; all must be 0
	@$(BIN)/harness build
	@$(BIN)/python -m tests.torture $(ARGS)

clean: ## remove what runs left behind, and .venv
	@if [ -x $(BIN)/harness ]; then $(BIN)/harness clean; fi
	@rm -rf .venv .tox .pytest_cache .mypy_cache .ruff_cache .hypothesis

constraints: setup ## resolve constraints.txt anew
	@$(BIN)/python scripts/constraints.py

reference: setup ## write the pages of docs/reference/ that are made of the code
	@$(BIN)/python scripts/reference.py

coverage: setup ## write docs/coverage.md: which operations run for real
	@$(BIN)/python scripts/coverage.py
