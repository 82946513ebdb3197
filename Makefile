# All tasks of stoa. `make` without a target lists them. A task with more than one command is a script in scripts/.

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests wasm build release mesh scenario up test test-cluster soak check dependencies bench clean

# Arguments that `make up` passes to `stoa up`: make up ARGS="--listen 127.0.0.1:9000"
ARGS ?=
# The packages whose tests `make test` runs, for example make test ONLY=order. If ONLY is empty, all packages are tested.
ONLY ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## check the tools that are needed to build and run the shop, and install missing tools
	@scripts/setup

setup-tests: ## like `make setup`, and also check and install the tools that the tests need: PostgreSQL, an image registry, Python's venv, Go
	@scripts/setup tests

wasm: setup ## build the WebAssembly files: components, filters, and the test guests of the runtime and the filter host
	@scripts/wasm

build: setup ## build the program that runs the shop, target/native/stoa (quick build; slower than the program of `make release`)
	@scripts/build

release: setup ## build the optimized program, target/release/stoa (slow build; saves over 25 % of the CPU time of a request)
	@cargo build --release --package stoa --locked

mesh: setup ## let Istio translate istio/ and k8s/ into istio/compiled/; needed after each change in these folders
	@scripts/generate-mesh

scenario: ## activate a scenario of istio/scenarios/ in a running mesh (NAME=fault-product-delay); `stoa scenario off` ends it
	@scripts/generate-mesh --scenario '$(NAME)'

up: ## build the shop if needed, and start it on http://127.0.0.1:8080; Ctrl-C stops it (ARGS="--help" lists options)
	@scripts/up $(ARGS)

test: setup-tests wasm build ## run all tests, or the tests of one package (ONLY=order)
ifeq ($(ONLY),)
	@. scripts/go-env && cd tools && go build -o ../target/tools/istio-compile ./istio-compile
	@scripts/istio-tools install >/dev/null
endif
	@scripts/test $(ONLY)

soak: setup-tests wasm build ## run the tests that are too long for every change: 1,000,000 random inputs, 30 crashes, 10,000 connections, 5,000 API requests
	STOA_FUZZ_CASES=1000000 cargo test --profile native --workspace --locked --test filters -- --nocapture survives_anything
	STOA_FUZZ_CASES=1000000 cargo test --profile native --workspace --locked --test parsers
	STOA_TEST_DATABASE=postgres STOA_ALL_CRASHES=1 cargo test --profile native --workspace --locked --test saga crash
	STOA_CRASHES=30 cargo test --profile native --workspace --locked --test reliability -- --nocapture crashes
	STOA_TEST_DATABASE=postgres STOA_CRASHES=30 cargo test --profile native --workspace --locked --test reliability -- --nocapture crashes
	STOA_IDLE_CONNECTIONS=10000 cargo test --profile native --workspace --locked --test hostile -- --nocapture idle_connections
	@scripts/schemathesis 5000
	@scripts/dependencies

check: setup-tests ## check format, lints, prose, documentation and manifests, without running tests
	@scripts/check

dependencies: setup ## check licenses, sources and vulnerabilities of the dependencies (minutes); needed after each change of Cargo.lock
	@scripts/dependencies

test-cluster: ## run the tests of the deployment; the first run builds Kubernetes, SpinKube's operator and Istio (20 minutes of CPU time), and installs azure-cli
	@scripts/test-cluster

bench: wasm release ## run the benchmarks; docs/benchmarks.md has results
	cargo bench --profile native --workspace --locked --bench hello --bench shop --bench filters --bench mesh --bench orders

clean: ## delete the build output in target/; keep the shop's data in .stoa/
	rm -rf target
