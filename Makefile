# Every command that the README names, and that CI runs.
GO     ?= go
FUZZ   ?= 50000x
COUNT  ?= 6
CHAT   ?= chat.ndjson.gz
SEEDS  ?= 1000
SOAK   ?= 30m
PAIRS  ?= 5

.DEFAULT_GOAL := help

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

build: ## build every program into bin/
	$(GO) build -o bin/ ./cmd/...

test: ## run the tests
	$(GO) test ./...

# One processor a test program: with more, the race detector's own runtime crashes in programs that use
# testing/synctest (golang/go#78156, open in Go 1.26). It finds races by order of events, not by chance.
race: ## run the tests with the race detector, in shuffled order
	GOMAXPROCS=1 $(GO) test -p 2 -race -shuffle=on ./...

worlds: ## play SEEDS (1000) simulated worlds on all cores, from fresh seeds or FROM=seed; before them, those that once found a bug
	$(GO) run ./cmd/worlds run --seeds $(SEEDS) --seeds-file internal/chaos/seeds.txt $(if $(FROM),--from $(FROM))

mutants: ## plant each defect of internal/chaos/mutants and play worlds until one finds it; MUTANTS=names: only these
	$(GO) run ./cmd/worlds mutants $(MUTANTS)

e2e: ## run the built programs on real Kafka in containers: needs a Docker engine, or ROOMRELAY_TEST_BROKERS; TESTS=pattern: only these
	$(GO) test -tags e2e -count=1 -v -timeout 20m $(if $(TESTS),-run '$(TESTS)') ./test/e2e

soak: ## kill, stop and freeze workers on real Kafka for SOAK (30m), with an audit every half minute
	ROOMRELAY_TEST_SOAK=$(SOAK) $(GO) test -tags e2e -count=1 -v -timeout 0 -run '^TestSoak$$' ./test/e2e

# A number of runs, not a time: at the end of a time, go test now and then fails with "context deadline
# exceeded" though nothing was found (golang/go#75804, mended in Go 1.27).
fuzz: ## run each fuzz target FUZZ (50000x) times, or for FUZZ=10s
	@set -e; for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZ) $$p; done; done

bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-whole: ## measure the whole job against its limits: broker, worker, API, producer; ONLY=names, PAIRS (5), CHAT=file
	$(GO) run ./bench --pairs $(PAIRS) $(if $(ONLY),--only $(ONLY)) $(if $(wildcard $(CHAT)),--chat $(CHAT))

fmt: ## format the code
	$(GO) tool -modfile=tools/go.mod gofumpt -w $$(git ls-files '*.go')

lint: ## format check, vet, linters
	@test -z "$$($(GO) tool -modfile=tools/go.mod gofumpt -l $$(git ls-files '*.go') | tee /dev/stderr)"
	$(GO) vet -tags e2e ./...
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...

tidy: ## check that go.mod is tidy
	$(GO) mod tidy -diff

demo: ## watch generated chat flow, with faults, and read the audit
	$(GO) run ./cmd/demo --faults

demo-chat: ## the same with recorded chat (CHAT=file) and three workers
	$(GO) run ./cmd/demo --faults --workers 3 --input $(CHAT) --speed 0 --rate 0 --json

docs: ## write the settings table into the README
	$(GO) run ./cmd/roomrelay config --markdown=README.md

.PHONY: help build test race worlds mutants e2e soak fuzz bench bench-whole fmt lint tidy demo demo-chat docs
