# make help lists what there is. Nothing here is needed to build or test:
# "go run ./cmd/evenkeel up" and "go test ./..." do that.
.DEFAULT_GOAL := help
.PHONY: help run build test race lint generate fuzz faults shop quiet crash pages footprint load cluster ci

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: ## watch this machine at http://127.0.0.1:7070
	go run ./cmd/evenkeel up

build: ## build ./evenkeel
	go build -trimpath -o evenkeel ./cmd/evenkeel

test: ## run all tests that this machine can run
	go test ./...

race: ## run the tests with the race detector; takes minutes to build
	go test -race ./access/... ./estate/... ./finding/... ./internal/... ./detect/... ./store/...

lint: ## gofmt, vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	go vet ./...
	go tool staticcheck ./...

generate: ## write the Go code of the pages anew from *.templ
	cd console && go tool templ generate 2>&1 | tail -1

fuzz: ## fuzz every target for a minute: make fuzz FOR=1m
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u | while read -r dir; do \
	  for t in $$(grep -hoP '^func \KFuzz\w+' $$dir/*_test.go); do \
	    echo "$$dir $$t"; go test $$dir -run '^$$' -fuzz "^$$t$$" -fuzztime $(or $(FOR),1m) || exit 1; \
	  done; \
	done

faults: ## as root: ten real faults on this machine, and whether each is found
	go run ./lab/faults

shop: ## as root: a shop of many services, the faults made in it, and what was said of each
	go run ./lab/shop

quiet: ## nothing may be found on a machine that is well, for 30 minutes
	go run ./lab/quiet -for 30m

crash: ## kill the program 100 times under load and look for what was lost
	go run ./lab/crash -n 100

pages: ## kill the program 500 times, and two replicas 200 times, while it pages; look for lost pages
	go run ./lab/pages -n 500
	go run ./lab/pages -n 200 -replicas

footprint: ## CPU and memory beside Prometheus and Netdata, for 10 minutes
	go run ./lab/footprint -for 10m -markdown

load: ## 100,000 series, remote write, and big histories
	go run ./lab/load -markdown

cluster: ## a Kubernetes control plane with simulated nodes on loopback
	go run ./cmd/evenkeel lab cluster

ci: ## what the build machine runs; as root on Debian
	.ci/run
