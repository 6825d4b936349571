# Set-up and the everyday commands. `make` alone lists them.

SHELL := bash
PYTHON := $(shell for p in python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
BIN := .venv/bin
DBT_FILES := $(shell find dbt_project -type f -not -path '*/target/*' -not -path '*/logs/*' 2>/dev/null)
SQL_FOLDERS := $(wildcard dbt_project/models)
# The shell's own servers are not this project's: what is set up here must not depend on them.
OFFLINE := env -u PGHOST -u PGPORT -u PGUSER -u PGPASSWORD -u PGDATABASE DBT_PROFILES_DIR=dbt_project

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup jvm demo dashboards test compose-test lint check-alerts format bench docs pictures clean

help:
	@echo "make demo              set up and show it all, live; HISTORY=60 lands 60 days before it, DURATION=60 ends it, HEADLESS=1 prints plain lines"
	@echo "make dashboards        Apache Superset over the marts of the running servers, set up on first use; Ctrl-C stops it"
	@echo "make test              set up and run every test, two at a time; ARGS='tests/unit -k settings' runs some"
	@echo "make compose-test      bring the containers up, work with them, break them (needs an engine); ARGS='--only cluster' a part"
	@echo "make setup             the set-up alone: .venv, the JVM jars, the parsed dbt project"
	@echo "make lint              ruff, mypy, import-linter, sqlfluff; make format formats"
	@echo "make check-alerts      check and test the alert rules with Prometheus' promtool (fetched with apt where it is not here)"
	@echo "make bench             measure, side by side with Spark's own JDBC sink"
	@echo "make docs              build this documentation as a site, build/site, with every link checked"
	@echo "make pictures          take the pictures of docs/pictures from a running demo (Debian: apt-get install chromium)"
	@echo "make clean             remove what set-up made; the data in .landfall stays"

setup: .venv/.project jvm dbt_project/target/manifest.json
	@echo "Set up. Next: make demo, or $(BIN)/landfall --help"

demo: setup
	@$(BIN)/landfall demo $(if $(DURATION),--duration $(DURATION)) $(if $(HEADLESS),--headless) $(if $(HISTORY),--history $(HISTORY))

dashboards: setup
	@$(BIN)/landfall dashboards

test: setup
	@$(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist loadfile --durations 30)

# Not part of `test`: it needs an engine, some 15 GB of disk, and with stand-ins for public images half an hour.
compose-test: setup
	@$(BIN)/python -m deploy.trial.run $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(if $(SQL_FOLDERS),$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 $(SQL_FOLDERS))

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check-alerts: .venv/.project
	@$(BIN)/python -m monitoring.promtool build/promtool

bench: setup
	@$(BIN)/landfall-bench $(or $(ARGS),all)

docs: .venv-docs/.packages .venv/.project dbt_project/target/manifest.json
	@$(BIN)/python -m manual.reference build/reference
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo "The documentation: build/site/index.html; with search: $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site"

pictures: setup
	@$(BIN)/python -m manual.pictures docs/pictures

clean:
	@if [ -x $(BIN)/landfall ] && [ -e .landfall/landfall-state.json ]; then $(BIN)/landfall down; fi
	rm -rf .venv .venv-docs .venv-superset build dbt_project/target dbt_project/logs *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	@if [ -e .landfall ]; then echo "Kept: .landfall, the data of the local servers. Remove it by hand if you do not need it."; fi

# A stamp stands in the folder that it speaks of, so that it vanishes with it.
.venv/.made:
	@[ -n "$(PYTHON)" ] || { echo "landfall: Python 3.11 was not found: install it, so that python3.11 or python3 is that version." >&2; exit 1; }
	@echo "1/4 Virtual environment .venv, of $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { echo "landfall: the virtual environment could not be made: see the message above (Debian: install python3.11-venv)." >&2; exit 1; }
	@touch $@

# What runs the product, as in requirements.lock, and what checks it.
.venv/.packages: .venv/.made requirements-dev.lock
	@echo "2/4 Python packages, $$(grep -c '==' requirements-dev.lock) of them, each by its hash (some minutes the first time)"
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --no-deps --require-hashes -r requirements-dev.lock | grep --line-buffered -v -e '^Requirement already' -e '^  Using cached' -e '^Looking in'; \
	[ "$${PIPESTATUS[0]}" = 0 ] || { echo "landfall: a Python package could not be installed: see pip's message above; check the way to the package index (pip's own settings, such as PIP_INDEX_URL or HTTPS_PROXY, are used) and run make again." >&2; exit 1; }
	@touch $@

# The site's builder, apart: what runs the product does not carry it.
.venv-docs/.packages: requirements-docs.lock
	@[ -n "$(PYTHON)" ] || { echo "landfall: Python 3.11 was not found: install it, so that python3.11 or python3 is that version." >&2; exit 1; }
	@echo "Python packages of the documentation site, $$(grep -c '==' requirements-docs.lock) of them, each by its hash"
	@$(PYTHON) -m venv .venv-docs
	@PIP_DISABLE_PIP_VERSION_CHECK=1 .venv-docs/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements-docs.lock
	@touch $@

.venv/.project: .venv/.packages pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# Without a stamp: a look takes 0.3 s, and a JDK can go away.
jvm: .venv/.project
	@echo "3/4 Java and the JVM jars"
	@$(BIN)/python -m jvm.java
	@$(BIN)/python -m jvm.jars

dbt_project/target/manifest.json: .venv/.project $(DBT_FILES)
	@echo "4/4 The dbt project, parsed"
	@# Whole: a partial parse loses what singular tests are told in their yml, and with it their checks in Dagster.
	@cd dbt_project && $(subst dbt_project,.,$(OFFLINE)) ../$(BIN)/dbt --quiet --no-use-colors --no-partial-parse parse
	@touch $@
