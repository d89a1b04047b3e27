# Needs python3 (3.11 or newer) and make; everything else is installed under .venvs/.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
SEEDS ?= 2000
LIVENESS_DAYS ?= 30
VENVS := .venvs
LAYER := layers/room_reports
UV := $(VENVS)/uv/bin/uv
BIN := $(VENVS)/dev/bin
PYTEST := $(BIN)/pytest
# These tests wait for servers a quarter of the time: three workers on two cores.
WORKERS := $(shell cores=$$(nproc); echo $$((cores + (cores + 1) / 2)))
# What AWS runs; the command and the tools are not among it.
UNIT := $(addprefix tests/unit/,api aws backfill export kaltura model storage test_runtime.py test_settings.py) \
	$(wildcard tests/integration/*contract*.py)
SAM := $(VENVS)/sam/bin/sam
PYTHON313 = $(shell for p in python3.13 $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.13.*/bin/python; do \
	if $$p -c 'import sys; assert sys.version_info[:2] == (3, 13)' 2>/dev/null; then echo $$p; break; fi; done)

export UV_PYTHON_DOWNLOADS := never
export UV_NO_CONFIG := 1
export SAM_CLI_TELEMETRY := 0

.PHONY: help setup format lint test test-all test-unit test-integration coverage test-chaos test-stack test-page test-hive test-313 page-images power-query demo demo-image command-images up down athena cost bench chaos lock clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

# An environment is rebuilt when its lock changes. Those that tests import from see this checkout;
# those that run what was built must not, or they would test the sources instead.
# $(call install,environment,interpreter,lock)
define install
@$(UV) venv --quiet --clear --python "$(2)" $(VENVS)/$(1)
@local/clock.sh "Setting up $(VENVS)/$(1)" $(UV) pip sync --quiet --require-hashes --build-constraints $(3) --python $(VENVS)/$(1) $(3)
$(if $(filter dev py313 hive page,$(1)),@printf '%s\n' "$(CURDIR)" "$(CURDIR)/$(LAYER)" "$(CURDIR)/command" > "$$(echo $(VENVS)/$(1)/lib/python3*/site-packages)/checkout.pth")
@touch $(VENVS)/$(1)/.stamp
endef

$(VENVS)/uv/.stamp: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, for example: make PYTHON=python3.13 demo")'
	@local/clock.sh "Setting up $(VENVS)/uv" $(PYTHON) -m venv --clear $(VENVS)/uv
	@$(VENVS)/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: -r $<
	@touch $@

$(VENVS)/py313/.stamp: requirements/dev.txt $(VENVS)/uv/.stamp
	$(call install,py313,$(PYTHON313),$<)

# These run the functions, or are compared with them, so they have what AWS runs wherever it is found.
$(VENVS)/ministack/.stamp $(VENVS)/runtime/.stamp $(VENVS)/bench/.stamp $(VENVS)/bench-dlt/.stamp: $(VENVS)/%/.stamp: requirements/%.txt $(VENVS)/uv/.stamp
	$(call install,$*,$(or $(PYTHON313),$(PYTHON)),$<)

$(VENVS)/%/.stamp: requirements/%.txt $(VENVS)/uv/.stamp
	$(call install,$*,$(PYTHON),$<)

DEV := $(VENVS)/dev/.stamp
STACK := $(DEV) $(VENVS)/sam/.stamp $(VENVS)/ministack/.stamp

setup: $(STACK) $(VENVS)/runtime/.stamp $(VENVS)/awscli/.stamp $(VENVS)/hive/.stamp $(VENVS)/page/.stamp ## Install the environments of most targets

# The tools that check the web page's sources and the Power Query template. They are not needed to
# build or deploy anything.
node_modules/.stamp: package.json package-lock.json .npmrc
	@local/clock.sh "Setting up node_modules" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

PAGE_SOURCES := functions/downloads/page tests/page/power_query eslint.config.js package.json .prettierrc.json
NPX := npx --no-install

define need_npm
@if ! command -v npm > /dev/null; then \
	echo "npm was not found, so THE PAGE'S JAVASCRIPT WAS NOT $(1): install Node.js 20.19 or newer"; [ -z "$${CI:-}" ]; \
else $(MAKE) -s node_modules/.stamp && $(2); fi
endef

format: $(DEV) ## Format the code
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix
	$(call need_npm,FORMATTED,$(NPX) prettier --log-level warn --write $(PAGE_SOURCES))

# ESLint checks each file, and then the script that is built from all of them.
lint: $(DEV) $(VENVS)/sam/.stamp ## Check format, style, types and the templates
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy --strict .
	@$(SAM) validate --lint --region us-east-1
	@$(BIN)/cfn-lint template.yaml athena/template.yaml
	$(call need_npm,CHECKED,$(NPX) prettier --log-level warn --check $(PAGE_SOURCES) && $(NPX) eslint . && \
		$(PYTHON) functions/downloads/build_page.py --script | $(NPX) eslint --quiet --stdin --stdin-filename page.js)

test: lint test-unit test-integration test-chaos test-stack test-page test-hive test-313 ## Run every check and test

test-all: test chaos $(VENVS)/pipx/.stamp ## The same, with coverage, more seeds, larger numbers, IAM, installation
	@LONG=1 $(MAKE) coverage
	@LONG=1 $(PYTEST) -n $(WORKERS) --dist loadfile $(addprefix tests/e2e/test_,backfill.py chaos_on_stack.py \
		command_backfill.py command_cures.py least_privilege.py redeploy.py)
	@INSTALL=1 $(PYTEST) tests/integration/test_command_package.py

test-unit: $(DEV) ## Unit and property tests
	@$(PYTEST) -n auto --dist worksteal tests/unit

test-integration: $(DEV) $(VENVS)/sam/.stamp $(VENVS)/runtime/.stamp ## Several parts together, over HTTP, on this machine
	@$(PYTEST) -n $(WORKERS) --dist worksteal tests/integration

# Traced, these tests take about twice as long, so that this is part of test-all.
coverage: $(DEV) $(VENVS)/sam/.stamp $(VENVS)/runtime/.stamp ## Check what unit and integration tests cover of the code
	@$(PYTEST) -n $(WORKERS) --dist worksteal tests/unit tests/integration --cov

# Each worker has stacks of its own.
test-stack: $(STACK) $(VENVS)/runtime/.stamp $(VENVS)/awscli/.stamp ## End-to-end tests of the real template, on the local stack
	@$(PYTEST) -n $(WORKERS) --dist loadfile tests/e2e

test-page: $(STACK) $(VENVS)/page/.stamp ## The web page and what it tells readers to run, in Debian's Chromium
	@if command -v npm > /dev/null; then $(MAKE) -s node_modules/.stamp; fi
	@if command -v chromium > /dev/null; then $(VENVS)/page/bin/pytest -n auto --dist loadfile tests/page; \
	else echo "No chromium found, so THE PAGE WAS NOT TESTED: apt-get install chromium"; [ -z "$${CI:-}" ]; fi

page-images: ## Renew the pictures of the page in docs/images
	@SCREENSHOTS=docs/images $(MAKE) test-page

power-query: $(DEV) ## Write the template for Excel and Power BI from its parts and the catalogue
	@$(BIN)/python -m tools.power_query

test-hive: $(VENVS)/hive/.stamp ## Read the published CSV with Hive's OpenCSVSerde
	@$(VENVS)/hive/bin/pytest tests/hive

test-313: ## Unit and contract tests on CPython 3.13, which is what AWS runs
	@if [ -z "$(PYTHON313)" ]; then echo "No CPython 3.13 found on PATH or in pyenv: not run on it."; \
	else $(MAKE) $(VENVS)/py313/.stamp && $(VENVS)/py313/bin/pytest -p no:cacheprovider -n auto --dist worksteal $(UNIT); fi

demo: $(STACK) ## Run the main job end to end on this machine, show what happened, clean up
	@$(BIN)/python -m local.demo

demo-image: ## Renew the picture of the demo in docs/images
	@IMAGE=docs/images/demo.svg $(MAKE) demo

command-images: $(STACK) ## Renew the pictures of the command in docs/images
	@IMAGES=docs/images $(PYTEST) tests/e2e/test_command_docs.py -k picture

up: $(STACK) ## Start the local stack and leave it running
	@$(BIN)/python -m local.stack up

down: $(DEV) ## Stop the local stack and remove everything that it wrote
	@$(BIN)/python -m local.stack down

athena: $(DEV) ## Write athena/template.yaml and the data dictionary from the catalogue and the SQL
	@$(BIN)/python -m tools.athena

cost: $(DEV) ## Measure calls and bytes, and write the tables of docs/cost.md and docs/provider.md
	@$(BIN)/python -m tests.bench.cost
	@$(BIN)/python -m tools.cost

# The environments of the benchmarks have the Python of the functions. They see no checkout, because
# what is measured must not.
BENCH := $(STACK) $(VENVS)/bench/.stamp $(VENVS)/bench-dlt/.stamp $(VENVS)/runtime/.stamp

bench: $(BENCH) ## Measure beside other programs, or ONLY="normalise latency"; write tests/bench/RESULTS.md
	@PYTHONPATH=$(CURDIR):$(CURDIR)/$(LAYER) $(VENVS)/bench/bin/python -m tests.bench

# A worker more than cores, because each waits for its threads to pass the baton.
test-chaos: $(DEV) ## Run 100 chaos tests
	@SEEDS=100 $(PYTEST) -n $$(($$(nproc) + 1)) tests/chaos

chaos: $(DEV) ## Run SEEDS chaos tests and a month of lasting faults, or one SEED
	@$(if $(SEED),SEED=$(SEED) $(PYTEST) tests/chaos/test_chaos.py,\
	SEEDS=$(SEEDS) LIVENESS_DAYS=$(LIVENESS_DAYS) KEEP_SEEDS=1 $(PYTEST) -n auto tests/chaos)

COMPILE = $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links

# The groups are in pyproject.toml. What two environments import is the same version in both.
lock: $(VENVS)/uv/.stamp ## Renew every lock from the dependency groups in pyproject.toml
	@$(COMPILE) --group layer --output-file $(LAYER)/requirements.txt
	@$(COMPILE) --group dev --constraints $(LAYER)/requirements.txt --output-file requirements/dev.txt
	@for group in page hive bench; do $(COMPILE) --group $$group --constraints requirements/dev.txt --output-file requirements/$$group.txt; done
	@$(COMPILE) --group awscli --constraints requirements/bench.txt --output-file requirements/awscli.txt
	@for group in uv sam ministack runtime pipx bench-dlt; do $(COMPILE) --group $$group --output-file requirements/$$group.txt; done
	@! grep -nE '://|--index|--find-links' requirements/*.txt $(LAYER)/requirements.txt
	@! grep -n '"resolved"' package-lock.json

clean: ## Remove everything that the other targets made
	@if [ -f $(DEV) ]; then $(MAKE) down; fi
	@rm -rf $(VENVS) node_modules .aws-sam .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
