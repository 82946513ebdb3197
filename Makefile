# All tasks of stoa. `make` alone lists them. A task of more than one line is in scripts/.

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests wasm build release mesh scenario up test soak check dependencies bench clean

# Arguments that `make up` passes on: make up ARGS="--listen 127.0.0.1:9000"
ARGS ?=
# The packages whose tests `make test` runs; empty for all: make test ONLY=order
ONLY ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## find what building and running needs, and install what is missing
	@scripts/setup

setup-tests: ## the same for the tests: PostgreSQL, a registry, Python's venv
	@scripts/setup tests

wasm: setup ## build the components, the filters, and the guests that runtime and filter host are tested with
	@scripts/wasm

build: setup ## build the program that runs them, target/native/stoa
	@scripts/build

release: setup ## the same linked as a whole, target/release/stoa: a request costs over a quarter less, and it takes minutes
	@cargo build --release --package stoa --locked

mesh: setup ## have Istio translate istio/ and k8s/ into istio/compiled/, after a change of theirs
	@scripts/generate-mesh

scenario: ## the same with one of istio/scenarios/ on top, for a running mesh: NAME=fault-product-delay; `stoa scenario off` goes back
	@scripts/generate-mesh --scenario '$(NAME)'

up: ## start the shop on http://127.0.0.1:8080, built before if it has to be; Ctrl-C stops it (ARGS="--help" for more)
	@scripts/up $(ARGS)

test: setup-tests wasm build ## run every test, or those of one package (ONLY=order)
ifeq ($(ONLY),)
	@. scripts/go-env && cd tools && go build -o ../target/tools/istio-compile ./istio-compile
	@scripts/istio-tools install >/dev/null
endif
	@scripts/test $(ONLY)

soak: setup-tests wasm build ## what takes too long for every change: a million cases of garbage, 30 crashes, 10,000 connections, 5,000 requests by the document
	STOA_FUZZ_CASES=1000000 cargo test --profile native --workspace --locked --test filters -- --nocapture survives_anything
	STOA_FUZZ_CASES=1000000 cargo test --profile native --workspace --locked --test parsers
	STOA_TEST_DATABASE=postgres STOA_ALL_CRASHES=1 cargo test --profile native --workspace --locked --test saga crash
	STOA_CRASHES=30 cargo test --profile native --workspace --locked --test reliability -- --nocapture crashes
	STOA_TEST_DATABASE=postgres STOA_CRASHES=30 cargo test --profile native --workspace --locked --test reliability -- --nocapture crashes
	STOA_IDLE_CONNECTIONS=10000 cargo test --profile native --workspace --locked --test hostile -- --nocapture idle_connections
	@scripts/schemathesis 5000
	@scripts/dependencies

check: setup-tests ## format, lints, documentation, manifests: all that needs no run
	@scripts/check

dependencies: setup ## check the dependencies again (minutes), after a change of Cargo.lock
	@scripts/dependencies

bench: wasm release ## measure; docs/benchmarks.md has the results
	cargo bench --profile native --workspace --locked --bench hello --bench shop --bench filters --bench mesh --bench orders

clean: ## remove all that was built; the shop's data in .stoa/ stays
	rm -rf target
