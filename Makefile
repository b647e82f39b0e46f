# Everything a person or a pipeline runs. Nothing is left outside this folder: environments in .venv*, caches in .cache.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
# Of tests, on two cores: one in four of their moments is spent waiting.
WORKERS ?= 3
BIN := .venv/bin

export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export UV_PYTHON_DOWNLOADS := never
export PIP_CACHE_DIR := $(CURDIR)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export XDG_CACHE_HOME := $(CURDIR)/.cache/xdg
export MYPY_CACHE_DIR := $(CURDIR)/.cache/mypy
export RUFF_CACHE_DIR := $(CURDIR)/.cache/ruff
# Containers often forbid compiled files: then every process here (a platform is ten) compiles its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

# An environment holds absolute paths: after the folder was moved, or its Python went away, it is made anew.
usable = $(shell test "$$(cat $(1)/.made-in 2>/dev/null)" = "$(CURDIR)" && $(1)/bin/python -c '' 2>/dev/null && echo yes)
renew = $(if $(call usable,$(1)),,FORCE)

.PHONY: help install up demo test image-test conformance policies lint format bench bench-peers requirements clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: .venv/.installed $(addsuffix /.installed,$(addprefix .venv-,emulator policy helm images oscal workflows)) ## set up .venv and the environments that tests need beside it (again only when requirements change)

up: .venv/.installed .venv-emulator/.installed ## run the whole platform here: databases, emulated AWS, every service, one address
	@$(BIN)/careslot up

demo: install ## run the demonstration story against a platform that is up
	@$(BIN)/careslot demo

test: install ## run every test
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup --junitxml .cache/tests.xml $(ARGS)

image-test: install ## build a service's image on a base made here, run it and book through it (root; minutes; buildah, podman)
	@CARESLOT_IMAGE_TEST=1 $(BIN)/pytest -q -n 0 tests/pipelines/images/test_running.py $(ARGS)

conformance: install ## odd requests to every service by the thousand, and long random lives of booking (make test: short)
	@CARESLOT_CONFORMANCE=thorough $(BIN)/pytest -q -n $(WORKERS) --dist loadgroup --timeout 3600 \
	  tests/journeys/test_conformance.py tests/services/booking/test_stateful.py $(ARGS)

policies: install .venv-checkov/.installed ## judge every stack by our rules and Checkov; with the last `make test` as evidence, if there was one
	@$(BIN)/careslot policy gate $(if $(wildcard .cache/tests.xml),--tests .cache/tests.xml) $(ARGS)

lint: install .venv-checkov/.installed ## check format, rules, types, who imports whom, migrations, API documents, workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import-linter
	$(BIN)/squawk --no-error-on-unmatched-pattern 'services/*/migrations/*.sql'
	$(BIN)/careslot verify workflows
	@# Documents it cannot read pass in silence: what counts is that something passed and nothing failed.
	.venv-checkov/bin/checkov --config-file .checkov.yaml --quiet > .cache/checkov.txt; cat .cache/checkov.txt; \
	  grep -q '^Passed checks: [1-9][0-9]*, Failed checks: 0' .cache/checkov.txt

format: install ## put the code into its format and mend what can be mended by machine
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install ## measure what the platform does on this machine
	@$(BIN)/careslot bench $(ARGS)

bench-peers: install .venv-peers/.installed ## book one clinician's one time from many sides, here and at GNU Health
	@$(BIN)/careslot bench --part peers $(ARGS)

clean: ## remove environments and caches (the data of `make up` stays)
	rm -rf .venv .venv-emulator .venv-policy .venv-helm .venv-checkov .venv-peers .venv-workflows .cache dist build

# ---- environments -----------------------------------------------------------------------------------------------

.venv/.made-in: $(call renew,.venv)
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found: install one, or name it: make install PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11: name a newer one: make install PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "making .venv with $(PYTHON)"
	@rm -rf .venv
	@$(PYTHON) -m venv .venv || { echo "error: $(PYTHON) cannot make an environment (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements/uv.txt
	@echo "$(CURDIR)" > $@

.venv/.installed: .venv/.made-in requirements/dev.txt pyproject.toml
	@echo "installing requirements/dev.txt and the project into .venv"
	@$(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation --no-index --editable .
	@touch $@

.PRECIOUS: .venv-%/.made-in
.SECONDEXPANSION:
.venv-%/.made-in: $$(call renew,.venv-$$*) | .venv/.installed
	@rm -rf .venv-$*
	@$(BIN)/uv venv -q --no-project --python $(BIN)/python .venv-$*
	@echo "$(CURDIR)" > $@

.venv-%/.installed: .venv-%/.made-in requirements/%.txt
	@echo "installing requirements/$*.txt into .venv-$*"
	@.venv/bin/uv pip sync -q --python .venv-$*/bin/python --require-hashes requirements/$*.txt
	@touch $@

# ---- pins -------------------------------------------------------------------------------------------------------

# In this order: the later ones are constrained by the earlier ones. No address is written: the pins hold anywhere.
PINS := uv build runtime analysis estate manifests lambda image images emulator checkov oscal peers policy helm workflows dev

requirements: .venv/.made-in ## pin anew what requirements/*.in name (ARGS=--upgrade for newer versions)
	@for name in $(PINS); do \
	  echo "pinning requirements/$$name.txt"; \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links $(ARGS) requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

FORCE:
