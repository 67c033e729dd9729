# `make demo` and `make test` do everything they need, set-up included; CARGO_BUILD_JOBS limits the cores of the build.

# Where rustup puts cargo, for the shell that has not been opened anew since.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

TARGET := $(or $(CARGO_TARGET_DIR),target)

# Tests on public recordings run where the recordings are; see tests/.
ifneq ($(wildcard ../shared/data),)
export VESALIUS_DATA ?= $(abspath ../shared/data)
endif

.PHONY: help
help:
	@echo "make demo    render a phantom with known truth, segment, measure and draw on it; results in out/demo/"
	@echo "make test    run all tests"
	@echo "make check   everything that CI runs: format, lints, tests, documentation, demo"
	@echo "make gpu-check  on a machine with an NVIDIA GPU: run all that a GPU has to confirm; results in out/gpu-check/"
	@echo "make setup   only get what the others need (they do it themselves)"
	@echo "make clean   remove what was built and what the demo left; fetched libraries stay"

.PHONY: setup
setup:
	@scripts/setup.sh

# Some tests start the program and load the plugin as users do, and `cargo test` alone puts neither where they look.
# These targets are the ones that `cargo test` builds, so nothing is built twice.
.PHONY: test
test: setup
	cargo build --workspace --locked --lib --bins --tests --examples
	cargo test --workspace --locked

# `BUILD=debug` takes what `make test` has built.
BUILD := release
demo-build-release := --release -p vesalius -p gst-plugin-vesalius
demo-build-debug := --workspace --lib --bins

.PHONY: demo
demo: setup
	cargo build --locked $(demo-build-$(BUILD))
	"$(TARGET)/$(BUILD)/vesalius" demo --out out/demo

.PHONY: check
check:
	.ci/run

.PHONY: gpu-check
gpu-check:
	scripts/gpu-check.sh --out out/gpu-check

.PHONY: clean
clean:
	cargo clean
	rm -rf out
