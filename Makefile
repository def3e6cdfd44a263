# `make help` lists the targets. Each makes what it needs and says what takes long.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
CLUSTER ?= local
IMAGE ?= playbill:dev
FETCH_IMAGE ?= playbill-fetch:dev
# A KUBECONFIG of the user's own is used as it is; only the local cluster is ours to start.
FOREIGN := $(filter-out $(abspath .local/kubeconfig),$(abspath $(KUBECONFIG)))

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements-dev.lock pyproject.toml
	@echo "--> Python environment in $(VENV) (a minute or two the first time)"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --require-hashes --requirement requirements-dev.lock
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-fetch/.ready: requirements-fetch.lock $(VENV)/.ready
	@echo "--> What the fetch image holds, in .venv-fetch (for its tests)"
	@$(VENV)/bin/uv venv --quiet --clear --python $(PY) .venv-fetch
	@$(VENV)/bin/uv pip install --quiet --python .venv-fetch/bin/python \
		--require-hashes --requirement requirements-fetch.lock
	@touch $@

.PHONY: demo
demo: image ## The main job on real input: leaves it running and says what to try
ifneq ($(FOREIGN),)
	@echo "KUBECONFIG is set: push digits-server:dev (examples/server) to where that cluster pulls from"
else ifeq ($(CLUSTER),kind)
	@deploy/kind/image digits-server:dev examples/server/Dockerfile examples/server
else
	@$(PY) -m deploy.local image digits-server:dev \
		--file examples/server/Dockerfile --context examples/server
endif
	@$(PY) -m examples.demo up

.PHONY: demo-down
demo-down: $(VENV)/.ready ## Take away what the demo made, and leave the cluster
	@$(PY) -m examples.demo down

.PHONY: test
test: $(VENV)/.ready ## Lint and every test; brings up what it needs, takes down what it brought up
	@$(PY) -m tests.run

.PHONY: unit
unit: $(VENV)/.ready ## The pure tests alone, in seconds
	@$(PY) -m pytest -q tests/unit tests/simulation

.PHONY: cluster
cluster: $(VENV)/.ready ## A local Kubernetes cluster; CLUSTER=kind where Docker runs
ifneq ($(FOREIGN),)
	@echo "KUBECONFIG is set: using that cluster as it is"
else ifeq ($(CLUSTER),kind)
	@deploy/kind/up
else
	@$(PY) -m deploy.local up
endif

.PHONY: cluster-down
cluster-down: $(VENV)/.ready ## Take the local cluster away, without a trace
ifeq ($(CLUSTER),kind)
	@deploy/kind/down
else
	@$(PY) -m deploy.local down
endif

.PHONY: image
image: cluster ## The operator's image and the one that fetches, in the local cluster
ifneq ($(FOREIGN),)
	@echo "KUBECONFIG is set: push $(IMAGE) and $(FETCH_IMAGE) to where that cluster pulls from (docs/install.md)"
else ifeq ($(CLUSTER),kind)
	@deploy/kind/image $(IMAGE) Dockerfile .
	@deploy/kind/image $(FETCH_IMAGE) Dockerfile . --target fetch
else
	@$(PY) -m deploy.local image $(IMAGE) --file Dockerfile --context .
	@$(PY) -m deploy.local image $(FETCH_IMAGE) --target fetch --file Dockerfile --context .
endif

.PHONY: bench
bench: cluster ## The benchmarks, as ratios against a named limit or peer of the same run
	@$(PY) -m tests.benchmarks

.PHONY: lint
lint: $(VENV)/.ready ## ruff, mypy, import-linter, and whether generated files are current
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo 2>/dev/null || $(VENV)/bin/lint-imports
	@$(PY) -m playbill.api.crd --check crds/ docs/api.md

.PHONY: generate
generate: $(VENV)/.ready ## Write the CRDs and the API reference anew from the models
	@$(PY) -m playbill.api.crd crds/ docs/api.md

.PHONY: lock
lock: $(VENV)/.ready ## Resolve the dependencies anew
	@$(VENV)/bin/uv pip compile --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		pyproject.toml --output-file requirements.lock
	@$(VENV)/bin/uv pip compile --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--group pyproject.toml:fetch --output-file requirements-fetch.lock
	@$(VENV)/bin/uv pip compile --upgrade --generate-hashes --no-emit-index-url --no-header --quiet \
		--extra dev --constraint requirements.lock pyproject.toml --output-file requirements-dev.lock
