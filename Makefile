# Every target works in a fresh clone with Go, a C compiler and git. "make" lists them.

# One set of flags for building, vetting and testing, whatever the user's own
# are: with any difference Go would compile Dolt, minutes of work, once more.
export GOFLAGS := -tags=gms_pure_go -trimpath -buildvcs=false
export CGO_ENABLED := 1
unexport GT_ROOT
# The end-to-end tests run what make build made.
export GT_TEST_BIN := $(CURDIR)/bin

GO     ?= go
JOBS   ?= 2
SOAK   ?= 30m
FUZZ   ?= .
FUZZTIME ?= 30s
PARTS  := cmd/gt cmd/bd cmd/gt-engine

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help deps build check fmt vet lint test race fuzz demo soak bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## check what is needed; install it on Debian as root, else say what to install
	@.ci/deps test

build: ## build bin/gt, bin/bd and bin/gt-engine (about four minutes the first time, then seconds)
	@.ci/deps build
	@for part in $(PARTS); do \
	  echo "go build -o bin/$${part#cmd/} ./$$part"; \
	  $(GO) build -p $(JOBS) -ldflags "-s -w" -o "bin/$${part#cmd/}" "./$$part" || exit 1; \
	done

check: fmt vet lint ## format, vet, staticcheck and unit tests, with fewer random histories and no disk
	@JOBS=$(JOBS) .ci/gotest quick

fmt:
	@files=$$(gofmt -l .) && if [ -n "$$files" ]; then \
	  echo "not formatted, run gofmt -w on:" >&2; echo "$$files" >&2; exit 1; fi

vet:
	$(GO) vet -p $(JOBS) ./...

# With an empty cache it reads all of Dolt: collecting garbage less often spares a
# fifth of that, at 1.1 GB.
lint:
	GOGC=$${GOGC:-400} $(GO) tool staticcheck ./...

test: deps build fmt vet lint ## everything that proves the product, ending in one line
	@JOBS=$(JOBS) FUZZTIME=$(FUZZTIME) .ci/gotest unit race-light e2e fuzz

race: vet ## unit tests under the race detector (compiles everything anew)
	@JOBS=$(JOBS) .ci/gotest race

fuzz: ## each fuzz target for a while (FUZZTIME=10m for longer, FUZZ=Import for some)
	@JOBS=$(JOBS) FUZZTIME=$(FUZZTIME) FUZZ="$(FUZZ)" .ci/gotest fuzz

demo: build ## two Towns and a Git repository meet, disagree and agree again
	@./e2e/demo.sh

soak: build ## a Town at work for half an hour, with its Deacon killed once (SOAK=4h for longer)
	$(GO) test -count 1 -timeout 0 -v -run TestSoak ./e2e/deacon -args -duration $(SOAK)
	$(GO) test -count 1 -timeout 0 -v -run TestHeartbeatsStaySmall ./planes/operational -args -batches 8640

bench: build ## measure beside the stock dolt of the same version, and with a Deacon
	$(GO) run ./e2e/bench

clean: ## remove what was built here; Go's own caches stay
	rm -rf bin dist
