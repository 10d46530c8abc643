# Every verb is explained in CONTRIBUTING.md.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 10s

.PHONY: build test race lint fuzz crash chaos mixed interop oracle zookeeper bench bench-short sim ci

build:
	CGO_ENABLED=0 go build -trimpath -o milena ./cmd/milena

test:
	go test ./...

# On one processor: the timers of a synctest bubble share one context of the detector, and two that fire at once crash it (golang/go#78156).
race:
	CGO_ENABLED=1 go test -race -cpu 1 $(RACEFLAGS) ./internal/...

lint:
	@test -z "$$(gofmt -l cmd internal test bench)" || { gofmt -l cmd internal test bench; echo "not formatted: run gofmt -w on the files above"; exit 1; }
	go vet ./...
	go vet -tags interop,oracle,crash,chaos,mixed ./test/... ./internal/coord/...
	go run $(STATICCHECK) ./...

# Each fuzz target in turn, FUZZTIME each, from its seeds.
fuzz:
	@grep -rl --include='*_test.go' '^func Fuzz' internal | xargs -n1 dirname | sort -u | while read -r dir; do \
	  grep -ho '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | cut -c6- | while read -r target; do \
	    go test "./$$dir" -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) || exit 1; done || exit 1; done

crash:
	go test -tags crash -count=1 -timeout 5m ./test/crash

# Three brokers in network namespaces, on etcd and on ZooKeeper: needs root and iproute2. ROUNDS random failures after the fixed list.
ROUNDS ?= 0
chaos:
	go test -tags chaos -count=1 -v -timeout 3h ./test/chaos -args -rounds $(ROUNDS)

# One broker of Apache Kafka and one of Milena as one cluster.
mixed:
	go test -tags mixed -count=1 -v -timeout 20m ./test/mixed

interop:
	test/interop/setup.sh
	go test -tags interop -count=1 -timeout 20m ./test/interop

oracle:
	go test -tags oracle -count=1 -timeout 25m ./test/oracle

# The store over a real ZooKeeper: the contract of coord.Store, members that fail, a broker and Kafka's tools on it.
zookeeper:
	go test -tags oracle -count=1 -p 1 -timeout 10m ./internal/coord/zkcoord ./test/zookeeper

bench:
	go run ./bench -out bench/results

bench-short:
	go run ./bench -short -only single

# Clusters under faults, random seeds, until one fails or the time is over; SIMTIME=0 for the seeds that go test runs.
SIMTIME ?= 10m
sim:
	go test -tags synctests -ldflags=-checklinkname=0 ./internal/sim -run TestSim -count=1 -timeout 24h -for $(SIMTIME)

ci:
	bash .ci/run
