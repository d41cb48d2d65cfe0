# rempart: two commands to begin with, `make run` and `make test`. Each installs what it needs.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X main.version=$(VERSION)
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Packages that keep golden files; `make golden` writes them anew.
GOLDEN = ./config ./firewall ./cmd/rempart

.PHONY: run build test lint golden soak bench docs install witnesses

run: build ## build, and show a pair of gateways on this machine
	./bin/rempart demo

build: ## one static binary, bin/rempart
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/rempart ./cmd/rempart

test: witnesses ## everything: unit, race, namespaces, golden
	$(GO) vet ./...
	$(GO) test -race -timeout 20m ./...
	$(GO) test -count=1 -timeout 10m -run 'TestTrafficUnderApplies|TestDifferential' ./firewall # at full rate and in full number, which the race detector cannot keep up with

lint: ## formatting, vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

golden: ## write the golden files anew; read the difference like code
	$(GO) test $(GOLDEN) -run Golden -update

soak: witnesses ## random policies and packets that no run had before, for hours if you like: SOAK=20 rounds
	@for i in $$(seq $(or $(SOAK),1)); do $(GO) test -count=1 -timeout 10m -run TestDifferential ./firewall -from $$(date +%s) || exit 1; done

bench: witnesses ## measure; docs/benchmarks.md says how to read it
	$(GO) test -p 1 -timeout 90m -run '^$$' -bench . -benchmem ./...

docs: ## write the generated parts of docs/ and packaging/ anew
	$(GO) test ./config ./cmd/rempart -run Docs -update

install: build ## the binary, its manual pages, units, schemas and examples
	install -D -m 755 bin/rempart $(DESTDIR)/usr/sbin/rempart
	install -D -m 644 -t $(DESTDIR)/lib/systemd/system packaging/systemd/*.service
	install -D -m 644 -t $(DESTDIR)/etc/iproute2/rt_protos.d packaging/iproute2/rempart.conf
	install -D -m 644 -t $(DESTDIR)/usr/share/rempart packaging/schema/*.json
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/rempart/examples packaging/examples/*.toml
	install -D -m 644 -t $(DESTDIR)/usr/share/doc/rempart/examples/pair packaging/examples/pair/*.toml
	mkdir -p $(DESTDIR)/usr/share/man/man8 && ./bin/rempart man $(DESTDIR)/usr/share/man/man8

# nft and conntrack are witnesses: tests ask them what the kernel has. keepalived,
# ucarp and conntrackd are the others that pairs are held against. The product itself
# never runs any of them. The race detector needs a C compiler.
witnesses:
	@need=; command -v nft >/dev/null || need="$$need nftables"; \
	command -v conntrack >/dev/null || need="$$need conntrack"; \
	command -v ip >/dev/null || need="$$need iproute2"; \
	command -v keepalived >/dev/null || need="$$need keepalived"; \
	command -v ucarp >/dev/null || need="$$need ucarp"; \
	command -v conntrackd >/dev/null || need="$$need conntrackd"; \
	command -v gcc >/dev/null || need="$$need gcc libc6-dev"; \
	test -z "$$need" || { echo "installing$$need"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$need >/dev/null; }
