# LearnFlow. `make run` on a fresh checkout is all it takes: what is missing is fetched and built first.
CARGO := cargo
FLAGS := --release --locked
STACK := target/release/learnflow-stack
PEER ?= $(abspath $(dir $(firstword $(wildcard ../*/peer/run.sh))))

.DEFAULT_GOAL := help
.PHONY: help setup build run stop status test lint bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install packages, fetch tools, build everything (safe to repeat)
	@dev/setup.sh

build: ## Build the services
	$(CARGO) build $(FLAGS) --workspace

run: setup ## Run everything at http://localhost:8180 until Ctrl-C
	@exec $(STACK) up

stop: ## Stop what `make run` started
	@$(STACK) stop

status: ## Show what runs and what is ready
	@$(STACK) status

test: setup lint ## Check style and docs, run all tests on a stack of their own
	$(CARGO) test $(FLAGS) --workspace

lint: ## Check formatting, lints, docs and protos
	dev/protos.sh
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(FLAGS) --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(FLAGS) --workspace --no-deps

bench: setup ## Run the benchmarks, beside a peer where one is found, and write docs/benchmarks.md
	LEARNFLOW_PEER="$(PEER)" $(CARGO) bench --locked -p learnflow-tests

clean: ## Remove build results and the local run's data (the tools' cache stays)
	@[ ! -x $(STACK) ] || $(STACK) stop
	$(CARGO) clean
	rm -rf .local
