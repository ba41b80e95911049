# Targets with a help text are meant to be typed; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo fmt fmt-check lint test build hostile wheel python fuzz fuzz-long examples certified page doc bench long ci

CARGO ?= cargo
PYTHON ?= python3
# seconds of fuzzing a target, executions of a target in long runs
FUZZ_SECONDS ?= 30
FUZZ_RUNS ?= 10000000
VENV := .venv/bin/python
EXAMPLES := $(basename $(notdir $(wildcard crates/gromov/examples/*.rs)))

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what ci needs and is missing: rustfmt, clippy, g++, chromium and its driver, .venv
	@scripts/setup.sh

demo: ## the demonstration: its page and trajectories in demo-out
	$(CARGO) run --release --locked -- demo --out demo-out

fmt: ## format the Rust code
	$(CARGO) fmt --all

fmt-check:
	$(CARGO) fmt --all --check

lint: ## clippy, warnings are errors
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

test: ## unit, integration and documentation tests
	$(CARGO) test --workspace --locked

# the whole workspace at a time, as the tests are built: parts alone would build shared crates once more
build:
	env -u CARGO_TARGET_DIR $(CARGO) build --workspace --bins --examples --locked --target-dir target

hostile: build ## damaged, lying and huge files: what the program says to each, in 1 GiB
	$(PYTHON) scripts/hostile.py check target/debug/gromov

fuzz: ## FUZZ_SECONDS=30 of fuzzing each reader and the solvers, two at a time
	@scripts/setup.sh fuzz
	@fuzz/run.sh time $(FUZZ_SECONDS)

fuzz-long: ## FUZZ_RUNS=10000000 executions each, parsers of other crates covered too
	@scripts/setup.sh fuzz
	@DEEP=1 fuzz/run.sh runs $(FUZZ_RUNS)

examples: build ## run every example of the library, in target/examples
	@mkdir -p target/examples
	@for name in $(EXAMPLES); do \
		echo "example $$name"; \
		(cd target/examples && ../debug/examples/$$name); \
	done

certified: setup build ## certificates of twenty pairs, right and wrong, checked by examples/check_certificate.py
	target/debug/examples/certified_pairs target/certified target/certified/proofs
	CERTIFIED=target/certified $(VENV) -m pytest -q -ra -p no:cacheprovider tests/checker

page: setup build ## the page of the small demonstration, tested in a browser
	@mkdir -p target/page
	target/debug/gromov demo --quick --out target/page
	GROMOV_PAGE=target/page/demo.html $(VENV) -m pytest -q -ra -p no:cacheprovider tests/page

wheel: ## the source distribution and an optimised wheel of the Python package, in target/python/dist
	PROFILE=wheel scripts/python.sh wheel

python: setup ## the wheel, installed into a fresh environment: linters, types, tests, doctests, examples
	scripts/python.sh test

doc: ## the documentation of the library, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

bench: ## ratios that should hold on any machine, certified distances, the same problems in NumPy, SciPy, POT
	@scripts/setup.sh bench
	$(CARGO) bench --locked -p gromov --bench ratios
	$(CARGO) bench --locked -p gromov --bench certified
	$(VENV) benches/peers.py
	$(VENV) -m pip install --quiet .
	$(VENV) benches/pairwise.py

long: ## the long tests that are ignored otherwise, optimised
	$(CARGO) test --release --workspace --tests --locked -- --ignored

ci: setup fmt-check lint test hostile python examples certified doc page fuzz ## everything a change must pass
	@echo "ci: passed"
