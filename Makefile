# Targets need only this checkout; `make help` lists them.
STACK ?= dev
SCENARIO ?= original
PYTHON ?= python3
RUN = $(PYTHON) tools/stack.py
# Through a pipe, to keep passwords off command lines.
OUTPUTS = $(RUN) output --stack $(STACK) -- --json --show-secrets
# INSECURE=1 accepts a self-signed certificate of the edge.
UNSIGNED = $(if $(filter 1,$(INSECURE)),--insecure)
VENV = .venv/bin
PACKAGES = services/common/clickstream_service services/collector/collector services/archive/archive \
	services/avro_to_json/avro_to_json services/kafka_manager/kafka_manager

PARTS = tests/unit tests/mocks tests/browser tests/engine tests/services
# Without tests/cloud/test_six_hosts.py: six engines are too much for two cores. `make test-ha` runs it.
PLATFORMS = tests/cloud/test_three_hosts.py tests/e2e

.DEFAULT_GOAL := help
.PHONY: help init setup up preview refresh down open export rebuild export-dashboard tag check-tag visit visitors sample ingestion check \
	lint types unit test test-ha security faults format generate openapi tracker

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

init: ## ask what a new stack on DigitalOcean needs, check the answers, write Pulumi.<stack>.yaml (STACK=prod)
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(VENV)/python -m tools.init_stack --stack $(STACK)

setup: ## install what this machine lacks, and nothing else (docs/toolchain.md)
	@$(PYTHON) toolchain/bootstrap.py

up: ## bring the platform up on stack dev (STACK=name for another), print URLs and logins
	@$(RUN) up --stack $(STACK)
	@$(MAKE) --no-print-directory open

preview: ## show what `make up` would change; on DigitalOcean also run the policy pack (docs/policy.md)
	@$(RUN) preview --stack $(STACK) -- --diff

refresh: ## find manual changes; the next `make up` reverts them
	@$(RUN) refresh --stack $(STACK)

down: ## delete everything, including data; asks for the stack's name first (YES=1: no question, KEEP_DATA=1: keep the volumes)
	@$(RUN) destroy --stack $(STACK) $(if $(filter 1,$(KEEP_DATA)),--keep-data) $(if $(filter 1,$(YES)),--yes)

open: ## print the URLs and the generated logins
	@$(RUN) open --stack $(STACK)

export-dashboard: ## write what was designed in Superset into superset_assets/; DASHBOARD="title" exports a new one
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(VENV)/python -m tools.export_dashboard --stack $(STACK) $(if $(DASHBOARD),--dashboard "$(DASHBOARD)")

tag: ## print what to paste into the pages of your site (SITE=name; FORM=html, npm, next, vue, gtm, wordpress or csp: only that)
	@$(PYTHON) -m tools.tag --stack $(STACK) $(if $(SITE),--site $(SITE)) $(if $(FORM),--form $(FORM))

check-tag: ## open a page of your site (URL=https://...) in a browser, and explain what its tag does
	@$(PYTHON) toolchain/bootstrap.py --with tests
	@$(VENV)/python -m tools.check_tag "$(URL)" --stack $(STACK) $(UNSIGNED)

visit: ## send ten visits from real browsers to the stack's website, and check that the dashboards show them
	@$(PYTHON) toolchain/bootstrap.py --with tests
	$(OUTPUTS) | $(VENV)/python -m visitors run browsers --browsers --outputs - --verify $(UNSIGNED)

visitors: ## send synthetic visits (SCENARIO=original RATE=1000), and check that Druid and the dashboards show them
	@$(PYTHON) toolchain/bootstrap.py --with tests
	$(OUTPUTS) | $(VENV)/python -m visitors run $(SCENARIO) $(if $(RATE),--rate $(RATE)) --outputs - --verify $(UNSIGNED) \
	  --report test-results/visitors.html

sample: ## show how Druid would read the newest events, without ingesting them (ROWS=12 TABLE=dead_letters)
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(VENV)/python tools/ingestion.py sample --stack $(STACK) --rows $(or $(ROWS),12) $(if $(TABLE),--table $(TABLE))

ingestion: ## show services that keep failing, the lag, and what became of the records that Druid read
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(VENV)/python tools/ingestion.py status --stack $(STACK)

export: ## write events of the archive into a file (FROM=2026-11-01 TO=2026-12-01 SITE=name FORMAT=parquet|csv|jsonl OUT=file)
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(VENV)/python tools/export_events.py --stack $(STACK) $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO)) \
	  $(if $(SITE),--site $(SITE)) $(if $(FORMAT),--format $(FORMAT)) $(if $(OUT),--out "$(OUT)")

rebuild: ## fill past days of Druid's events again, from the archive (FROM=2026-11-01 TO=2026-11-08; COMPARE=1: only compare)
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(VENV)/python tools/rebuild.py --stack $(STACK) $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO)) \
	  $(if $(filter 1,$(COMPARE)),--compare) $(if $(filter 1,$(FEWER)),--fewer)

check: ## lint, type checks, unit tests, mocks: under 2 minutes, no Docker
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(MAKE) --no-print-directory -j3 lint types unit

lint: ## check style, spelling and the import rules
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/typos .
	$(VENV)/zizmor --offline --quiet .github
	PYTHONPATH=$(subst $(eval) ,:,$(dir $(PACKAGES))) $(VENV)/lint-imports

types: ## run mypy --strict and pyright
	$(VENV)/mypy infra policy __main__.py tests tools toolchain visitors benchmarks $(PACKAGES)
	$(VENV)/pyright

unit: ## run the unit tests, and check the resource graph under mocks
	$(VENV)/python -m pytest tests/unit tests/mocks

test: ## run all tests: check, then a real engine, real services and a real browser
	@$(PYTHON) toolchain/bootstrap.py --with tests
	@$(MAKE) --no-print-directory lint types
	@# Two files at a time: most of these tests wait for an engine. Tests of whole platforms need the machine to themselves.
	@status=0; set -x; \
	$(VENV)/python -m pytest --durations 20 -n 2 --dist loadfile --no-loadscope-reorder $(PARTS) || status=1; \
	$(VENV)/python -m pytest --durations 20 $(PLATFORMS) || status=1; \
	exit $$status

test-ha: ## test preset ha on six simulated hosts, with failing managers and brokers: 8 to 20 minutes, not in CI
	@$(PYTHON) toolchain/bootstrap.py --with tests
	$(VENV)/python -m pytest -s tests/cloud/test_six_hosts.py

security: ## show what reaches what in a running stack on this machine, and how its containers are confined (docs/security.md)
	@$(PYTHON) toolchain/bootstrap.py --only venv
	@$(VENV)/python -m tests.security --stack $(STACK)

faults: ## break a running platform on purpose, and write what came of it into docs/reliability.md (ONLY="kafka indexer"): 30 minutes
	@$(PYTHON) toolchain/bootstrap.py --with tests
	$(VENV)/python -m tests.faults $(if $(ONLY),--only $(ONLY))

format: ## format the code
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

generate: ## update the files that derive from event schemas, settings, metrics and the collector (tools/generate.py)
	@$(VENV)/python -m tools.generate

openapi: ## write the description of the collector's API into docs/openapi.json
	@$(VENV)/python -m tools.generate docs/openapi.json

tracker: ## build the tracker and print its size
	cd services/website/tracker && npm ci --ignore-scripts --no-audit --no-fund && npm run -s size
