# How to build, try and check the plugin. Go, make, git and a POSIX shell are all that it needs.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The version that the binary reports to Vault. It must start with v: without it Vault registers a plugin that it cannot mount.
VERSION ?= v0.2.0-dev

# No C compiler is needed and the build says nothing of the machine it ran on: same source, same version, same sha256.
GO_BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)"

# What make build builds, each below cmd/. A release builds fewer, for more systems.
PROGRAMS ?= vault-plugin-secrets-aws-dyn vault-aws fakeaws

# What cmd/vault-plugin-secrets-aws-dyn/version.go takes. Any other version would register as v0.0.0-dev.
.PHONY: check-version
check-version:
	@printf '%s\n' '$(VERSION)' | grep -Eq '^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$$' || { \
		echo 'VERSION=$(VERSION) is not a version that Vault mounts: write v and three numbers, such as VERSION=v0.1.3' >&2; exit 2; }

BINARIES := $(addprefix bin/,$(PROGRAMS))

.PHONY: build
build: $(BINARIES) ## Build bin/vault-plugin-secrets-aws-dyn (the plugin), bin/vault-aws (the command-line program) and bin/fakeaws (a fake AWS to try them with).

# Go knows best whether there is anything to do.
.PHONY: $(BINARIES)
$(BINARIES): check-version
	@mkdir -p bin
	$(GO_BUILD) -o bin/ ./cmd/$(@F)

.PHONY: demo
demo: check-version ## Watch a real Vault server issue, renew and revoke IAM users of a fake AWS, step by step.
	@scripts/demo.sh --build

.PHONY: dev
dev: check-version ## The same Vault and fake AWS, left running for you to try things until Ctrl-C.
	@scripts/demo.sh --build --stay

.PHONY: first-minute
first-minute: ## Measure make demo from a fresh clone with empty caches, for each way to a Vault. Takes most of an hour.
	go run ./scripts/firstminute

.PHONY: test
test: ## Run every test, with the race detector, the end-to-end ones in a real Vault server included.
	@scripts/test.sh ./...

.PHONY: unit
unit: ## Run the tests that need no Vault server.
	@scripts/test.sh $$(go list ./... | grep -v /internal/e2e)

.PHONY: differential
differential: build ## Send the same requests to Vault's built-in engine and to this one, and print the differences and their reasons.
	@. scripts/clean-env.sh && \
	VAULT_BIN=$$(scripts/vault.sh) && PLUGIN_BIN=$$PWD/bin/vault-plugin-secrets-aws-dyn && export VAULT_BIN PLUGIN_BIN && \
	scripts/vault.sh peer >/dev/null && \
	go test -run '^TestDifferential$$' -count=1 -v ./internal/e2e/differential

.PHONY: soak
soak: build ## Run the long tests at full length: a crash at every step, users of others in the same account, a failing cluster, load for minutes, and measurements at scale.
	@. scripts/clean-env.sh && \
	VAULT_BIN=$$(scripts/vault.sh) && PLUGIN_BIN=$$PWD/bin/vault-plugin-secrets-aws-dyn && export VAULT_BIN PLUGIN_BIN && \
	scripts/vault.sh peer >/dev/null && \
	mkdir -p .tools && \
	{ go test -run '^TestNoStrangerIsChanged$$' -count=1 -timeout 60m -parallel 8 -v ./backend -strangers.runs 5000 >.tools/strangers.log && rc=0 || rc=1; \
		grep -v -e '^=== ' -e '--- PASS: ' .tools/strangers.log; [ $$rc = 0 ]; } && \
	go test -run '^TestManyAccounts$$' -count=1 -v ./backend -accounts 200 && \
	go test -run '^TestGeneratedPolicy$$' -count=1 -v ./backend -policy.whole && \
	go test -run '^(TestTheRegisterAtScale|TestManyMountsInAProcess|TestKeysWorkAtEveryLag)$$' -count=1 -timeout 30m -v ./backend -scale.records 500,5000,50000 -scale.mounts 500 -usable.lags 0s,5s,15s -usable.keys 100 && \
	go test -run '^TestReadingFieldByField$$' -count=1 -timeout 30m -v ./backend -share.run 5m && \
	go test -run '^TestSoak' -count=1 -timeout 90m -p 1 -v ./internal/e2e/crash ./internal/e2e/cluster ./internal/e2e/load -soak

.PHONY: lint
lint: ## Check formatting, vet, golangci-lint, modules, import rules and shell scripts.
	@scripts/lint.sh

.PHONY: bench
bench: build ## Compare the speed with the built-in engine's, for about 14 minutes (with VAULT_FULL=/path/to/vault, also inside that Vault).
	@. scripts/clean-env.sh && \
	VAULT_BIN=$$(scripts/vault.sh) && PLUGIN_BIN=$$PWD/bin/vault-plugin-secrets-aws-dyn && export VAULT_BIN PLUGIN_BIN && \
	scripts/vault.sh peer >/dev/null && \
	go test -run '^$$' -bench . -benchmem ./backend ./internal/awscreds && \
	go test -run '^$$' -bench '^Benchmark(AgainstTheBuiltIn|OnRaft|ManyAccounts)$$' -benchtime 1x -timeout 60m ./internal/e2e/bench

# ARGS are flags of the program: make acceptance ARGS=-h
.PHONY: acceptance
acceptance: build ## Test every kind of credential in a real AWS account, and leave nothing there. It asks for consent first: docs/acceptance.md.
	@if [ "$$AWSDYN_ACCEPTANCE" = yes ]; then VAULT_BIN=$$(scripts/vault.sh); export VAULT_BIN; fi && \
	PLUGIN_BIN=$$PWD/bin/vault-plugin-secrets-aws-dyn go run ./internal/e2e/acceptance $(ARGS)

# Each target runs for this long, one after another. What they find is kept in backend/testdata/fuzz, where make test
# runs it as one more seed.
FUZZTIME ?= 10m

.PHONY: fuzz
fuzz: ## Send random requests, policies, templates, stored entries and leases at the engine, FUZZTIME=10m each.
	@FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

.PHONY: release
release: build ## Make a release in dist/ from the last commit, twice, and check it: make release VERSION=v0.2.0.
	@GOWORK=off go run -C scripts/release . -version '$(VERSION)' -links '$(LINKS)' $(if $(PLATFORMS),-platforms '$(PLATFORMS)') && scripts/release-test.sh '$(VERSION)'

.PHONY: fmt
fmt: ## Format the Go code.
	gofmt -w backend cmd internal scripts

.PHONY: clean
clean: ## Remove everything that was built, including the pinned Vault and linter.
	rm -rf bin dist .tools

.PHONY: help
help: ## Print this list.
	@echo "Targets (version $(VERSION)):"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
