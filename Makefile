# Every target works in a fresh clone with Go, a C compiler and git. "make" lists them.

# Builds, vets and tests use these flags and ignore the user's. With other flags Go
# would compile Dolt once more, which takes minutes.
export GOFLAGS := -tags=gms_pure_go -trimpath -buildvcs=false
export CGO_ENABLED := 1
unexport GT_ROOT
# The end-to-end tests run the programs that make build made.
export GT_TEST_BIN := $(CURDIR)/bin

GO     ?= go
JOBS   ?= 2
SOAK   ?= 30m
FUZZ   ?= .
FUZZTIME ?= 15s
PREFIX ?= /usr/local
PARTS  := cmd/gt cmd/bd cmd/gt-engine

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help deps build check fmt vet lint clients agents test-agents test race fuzz demo story soak crowd bench install uninstall clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## check what is needed; install it on Debian as root, else say what to install
	@.ci/deps test

build: ## build bin/gt, bin/bd and bin/gt-engine (about four minutes the first time, then seconds)
	@.ci/deps build
	@for part in $(PARTS); do \
	  echo "go build -o bin/$${part#cmd/} ./$$part"; \
	  $(GO) build -p $(JOBS) -ldflags "-s -w" -o "bin/$${part#cmd/}" "./$$part" || exit 1; \
	done

check: fmt vet lint ## format, vet, staticcheck and the quick unit tests
	@JOBS=$(JOBS) .ci/gotest quick

fmt:
	@files=$$(gofmt -l .) && if [ -n "$$files" ]; then \
	  echo "not formatted, run gofmt -w on:" >&2; echo "$$files" >&2; exit 1; fi

vet:
	$(GO) vet -p $(JOBS) ./...

# With an empty cache staticcheck reads all of Dolt. Collecting garbage less often
# saves a fifth of that time and takes 1.1 GB of memory.
lint:
	GOGC=$${GOGC:-400} $(GO) tool staticcheck ./...

# What the test runs comes from Debian's packages and from npm, in the versions that
# .ci/deps names, and is kept in a cache outside of this directory.
clients: build ## run beads-ui on a Town in a browser, and nginx in front of a Deacon; gets them on Debian
	@clients=$$(.ci/deps clients) && GT_CLIENTS="$$clients" $(GO) test -vet=off -count 1 -timeout 20m ./e2e/clients

# The programs of agents run in a network namespace that has nothing but loopback.
agents: ## run codex, from npm, in tmux: dialogs, text handed over, a bead from sling to landed
	@agents=$$(.ci/deps agents) && GT_AGENTS="$$agents" $(GO) test -vet=off -count 1 -timeout 20m ./e2e/agents

test-agents: ## the same with codex, opencode, gemini and claude, and 200 texts to codex
	@agents=$$(.ci/deps agents-all) && GT_AGENTS="$$agents" $(GO) test -vet=off -count 1 -timeout 60m -v ./e2e/agents -args -long

test: deps build fmt vet lint clients agents ## run every test; the last line says whether they passed
	@JOBS=$(JOBS) FUZZTIME=$(FUZZTIME) .ci/gotest unit race-light e2e fuzz

race: vet ## unit tests under the race detector (compiles everything anew)
	@JOBS=$(JOBS) .ci/gotest race

fuzz: ## run each fuzz target for a while (FUZZTIME=10m for longer, FUZZ=Import for some)
	@JOBS=$(JOBS) FUZZTIME=$(FUZZTIME) FUZZ="$(FUZZ)" .ci/gotest fuzz

demo: build ## an agent works on a bead; two Towns meet, disagree and agree again
	@./e2e/demo.sh

story: build ## two rigs, sixteen beads, eight agents that fail in every way; then the same while programs are killed
	$(GO) test -count 1 -timeout 20m -v -vet=off ./e2e/story

soak: build ## run a Town for half an hour and kill its Deacon once (SOAK=4h for longer)
	$(GO) test -count 1 -timeout 0 -v -run TestSoak ./e2e/deacon -args -duration $(SOAK)
	$(GO) test -count 1 -timeout 0 -v -vet=off -run TestCopiedTownsAreKilled ./e2e/crash -args -histories 40
	$(GO) test -count 1 -timeout 0 -v -vet=off -run TestRepairKilledAnywhere ./e2e/crash -args -repairs 40
	$(GO) test -count 1 -timeout 0 -v -vet=off -run TestHistories ./e2e/work -args -histories 60 -seed 100
	$(GO) test -count 1 -timeout 0 -v -vet=off -run TestFaults ./e2e/story -args -seeds 10 -points 20 -seed 100
	$(GO) test -count 1 -timeout 0 -v -vet=off -run 'TestKilledAnywhere|TestFullDisk' ./town/backup -args -histories 200
	$(GO) test -count 1 -timeout 0 -v -vet=off ./town/failover -args -histories 500
	$(GO) test -count 1 -timeout 0 -v -run TestHeartbeatsStaySmall ./planes/operational -args -batches 8640

crowd: ## let Towns publish in loops, and fifty at once, for about ten minutes
	$(GO) run ./e2e/simulate
	$(GO) test -vet=off -count 1 -timeout 0 -v ./e2e/crowd -args -long

bench: build ## measure gt and bd, with and without a Deacon, and the stock dolt of the same version
	$(GO) run ./e2e/bench

# install does not build, so that "make build" and "sudo make install" leave no files
# of root's in this directory or in Go's cache.
install: ## install the results of make build in PREFIX (/usr/local), below DESTDIR if that is set
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" .ci/install

uninstall: ## remove what make install put in PREFIX
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" .ci/install remove

clean: ## remove what was built here, but not Go's own caches
	rm -rf bin dist
