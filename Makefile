# Every target needs nothing but this checkout; `make help` lists them.
STACK ?= dev
SCENARIO ?= original
PYTHON ?= python3
RUN = $(PYTHON) tools/stack.py
# By a pipe, so that no password is on a command line.
OUTPUTS = $(RUN) output --stack $(STACK) -- --json --show-secrets
# INSECURE=1 where the edge has made its certificate itself.
UNSIGNED = $(if $(filter 1,$(INSECURE)),--insecure)
VENV = .venv/bin
PACKAGES = services/common/clickstream_service services/collector/collector services/avro_to_json/avro_to_json \
	services/kafka_manager/kafka_manager

PARTS = tests/unit tests/mocks tests/browser tests/engine tests/services
# tests/cloud/test_six_hosts.py is not among them: six engines are too much for two cores; `make test-ha` runs it.
PLATFORMS = tests/cloud/test_three_hosts.py tests/e2e

.DEFAULT_GOAL := help
.PHONY: help setup up preview refresh down open export-dashboard visit visitors sample ingestion check lint types \
	unit test test-ha format generate tracker

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing (see docs/toolchain.md), change nothing else
	@$(PYTHON) toolchain/bootstrap.py

up: ## bring the platform up on stack dev (STACK=name for another) and print its URLs
	@$(RUN) up --stack $(STACK)
	@$(MAKE) --no-print-directory open

preview: ## show what `make up` would change; on DigitalOcean the policy pack judges it (docs/policy.md)
	@$(RUN) preview --stack $(STACK) -- --diff

refresh: ## find what was changed by hand
	@$(RUN) refresh --stack $(STACK)

down: ## delete everything, data too, after asking for the stack's name; KEEP_DATA=1 keeps the volumes, YES=1 does not ask
	@$(RUN) destroy --stack $(STACK) $(if $(filter 1,$(KEEP_DATA)),--keep-data) $(if $(filter 1,$(YES)),--yes)

open: ## print the URLs and the generated logins
	@$(RUN) open --stack $(STACK)

export-dashboard: ## write what was designed in Superset into superset_assets/; DASHBOARD="title" takes a new one in
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(VENV)/python -m tools.export_dashboard --stack $(STACK) $(if $(DASHBOARD),--dashboard "$(DASHBOARD)")

visit: ## send a handful of real browsers to the website of the stack, and see that the dashboards tell
	@$(PYTHON) toolchain/bootstrap.py --with tests
	$(OUTPUTS) | $(VENV)/python -m visitors run browsers --browsers --outputs - --verify $(UNSIGNED)

visitors: ## play a scenario without browsers (SCENARIO=original RATE=1000) and compare what was sent with what is shown
	@$(PYTHON) toolchain/bootstrap.py --with tests
	$(OUTPUTS) | $(VENV)/python -m visitors run $(SCENARIO) $(if $(RATE),--rate $(RATE)) --outputs - --verify $(UNSIGNED) \
	  --report test-results/visitors.html

sample: ## how Druid reads the newest events, as a table; nothing is ingested (ROWS=12 TABLE=dead_letters)
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(VENV)/python tools/ingestion.py sample --stack $(STACK) --rows $(or $(ROWS),12) $(if $(TABLE),--table $(TABLE))

ingestion: ## services that keep failing, the converter's lag, and what became of the records that Druid read
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(VENV)/python tools/ingestion.py status --stack $(STACK)

check: ## lint, types, unit tests, mocks: under 2 minutes, no Docker
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(MAKE) --no-print-directory -j3 lint types unit

lint: ## style, spelling, and which part may import which
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/typos .
	PYTHONPATH=$(subst $(eval) ,:,$(dir $(PACKAGES))) $(VENV)/lint-imports

types: ## mypy --strict and pyright
	$(VENV)/mypy infra policy __main__.py tests tools toolchain visitors benchmarks $(PACKAGES)
	$(VENV)/pyright

unit: ## unit tests and the resource graph under mocks
	$(VENV)/python -m pytest tests/unit tests/mocks

test: ## everything: check, then the real engine, real services and a real browser
	@$(PYTHON) toolchain/bootstrap.py --with tests
	@$(MAKE) --no-print-directory lint types
	@# Two files at a time: most of these tests wait for an engine. The whole platforms need the machine for themselves.
	@status=0; set -x; \
	$(VENV)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PARTS) || status=1; \
	$(VENV)/python -m pytest $(PLATFORMS) || status=1; \
	exit $$status

test-ha: ## preset ha on six hosts on this machine, with managers and a broker that die: 8 to 20 minutes, not in CI
	@$(PYTHON) toolchain/bootstrap.py --with tests
	$(VENV)/python -m pytest -s tests/cloud/test_six_hosts.py

format: ## format the code
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

generate: ## write what follows from the event schemas into druid_specs/ and superset_assets/
	@$(VENV)/python -m tools.generate

tracker: ## build the tracker and print its size
	cd services/website/tracker && npm ci --ignore-scripts --no-audit --no-fund && npm run -s size
