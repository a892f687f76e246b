# Everything goes through .venv, which rebuilds itself when requirements.lock changes.
.DEFAULT_GOAL := help
.PHONY: help demo test check doors soak bench lock pictures browser
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
RUN := .venv/bin/python -m
CODE = $(wildcard bot handlers storage client examples tests bench docs/pictures)
SAY := printf '\033[1;36m▸ %s\033[0m\n'
SHOUT := printf '\n\033[1;33m▲ %s\033[0m\n\n'

help:  ## show these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  \033[1;36mmake %-9s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.stamp  ## see the whole thing work, on SQLite, with no account anywhere
	@$(RUN) bot demo

test: check browser  ## check, then run every test
	@$(SAY) "tests" && $(RUN) pytest -n 2

check: .venv/.stamp  ## ruff, mypy --strict, import contracts
	@$(SAY) "ruff" && $(RUN) ruff check --quiet . && $(RUN) ruff format --quiet --check .
	@$(SAY) "mypy --strict" && $(RUN) mypy --no-error-summary $(CODE)
	@$(SAY) "import contracts" && $(RUN) tests.house.contracts

doors: .venv/.stamp  ## real agent frameworks through our doors; installs them first (two gigabytes, minutes)
	@$(RUN) pytest -m doors tests/doors --timeout 900 -o faulthandler_timeout=0

soak: .venv/.stamp browser  ## the long runs: simulated histories, kills, power loss (hours)
	@HYPOTHESIS_PROFILE=soak $(RUN) pytest -m soak -n 2 --timeout 0 -o faulthandler_timeout=0

bench: .venv/.stamp  ## measure what the README quotes, as ratios of one run
	@$(RUN) bench

pictures: .venv/.stamp browser  ## take the README's pictures again, from the real thing
	@$(RUN) docs.pictures

lock:  ## resolve pyproject.toml into requirements.lock (delete it first to upgrade everything)
	@$(SAY) "resolving" && dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && $(PYTHON) -m venv $$dir && $$dir/bin/pip install -qq 'pip-tools>=7.5' \
	&& $$dir/bin/pip-compile -qq --extra dev --strip-extras --allow-unsafe --generate-hashes --no-annotate --no-header --no-emit-options \
	   --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements.lock pyproject.toml && ! grep -n '://' requirements.lock

.venv/.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Assent needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	@$(SAY) "installing into .venv (once, about a minute)"
	@.venv/bin/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@$(RUN) pip install -qq --require-hashes --only-binary :all: -r requirements.lock && touch $@

browser:  # Chromium for the tests of the web surface; they are skipped where it cannot be had
	@command -v chromium >/dev/null || { [ $$(id -u) = 0 ] && $(SAY) "installing Chromium (once, about a minute)" \
	&& apt-get update -qq >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1; } \
	|| $(SHOUT) "No Chromium: the browser tests will be SKIPPED. As root: apt-get install chromium"
