# A plain dispatcher: the modules of the server are built by PGXS in src/ and bgworker/ (PGXS
# defines a `check` that always fails, so it cannot live here), the rest by its own Makefile.

PG_CONFIG ?= pg_config
PREFIX = /usr/local
FUZZ_SECONDS = 60
export PG_CONFIG PREFIX DESTDIR
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := all

##@ Build
all: extension worker web ui tools ## build everything

extension: ## rigalpha.so and its SQL script
	@$(MAKE) -C src all

worker: ## rigalpha_worker.so, the Kafka consumer
	@$(MAKE) -C bgworker all

web: ## rigalpha-web, the HTTP sidecar
	@$(MAKE) -C web/server all

ui: ## the page that rigalpha-web serves
	@$(MAKE) -C web/ui all

tools: ## rigalpha-sim and rigalpha-devbroker
	@$(MAKE) -C tools all

deps: ## install the Debian packages that are missing (root or sudo)
	@tools/install-deps.sh

##@ Install
install: install-server ## install everything: modules into the server of PG_CONFIG, programs below PREFIX
	@$(MAKE) -C web/server install
	@$(MAKE) -C web/ui install
	@$(MAKE) -C tools install

install-server: extension worker ## install only the two modules and the SQL script
	@$(MAKE) -C src install
	@$(MAKE) -C bgworker install

uninstall: ## remove what install put there
	@for part in src bgworker web/server web/ui tools; do $(MAKE) -C $$part uninstall || exit 1; done

installcheck: ## regression tests against a running server (PGHOST, PGPORT, PGUSER)
	@$(MAKE) -C src installcheck

##@ Run
demo: ## start everything on this machine with live data; DETACH=1 returns, BROKER=kafka uses Apache Kafka
	@tools/demo.sh start

demo-stop: ## stop the demo
	@tools/demo.sh stop

demo-status: ## what of the demo is running
	@tools/demo.sh status

##@ Test
check: ## every test, from a bare machine; ends with the totals
	@tools/check.sh

check-fast: ## lint, unit and regression tests
	@tools/check.sh lint unit regress

lint: ## house rules, formatting, dependencies
	@tools/lint/run.sh

format: ## apply the C formatting
	@tools/lint/format.sh --fix

fuzz: ## fuzz the parser for FUZZ_SECONDS (default 60)
	@$(MAKE) -C test/fuzz run SECONDS=$(FUZZ_SECONDS)

bench: ## benchmarks beside their peers; writes build/bench/results.json
	@$(MAKE) -C bench run

quality: ## how well anomalies are found, on public, synthetic and simulated data; writes build/quality/results.json
	@bench/quality/run.sh

docs: ## check the documents: every link resolves
	@tools/lint/links.sh

##@ Clean
clean: ## remove what the build made
	@for part in src bgworker web/server web/ui tools test/unit test/fuzz bench; do $(MAKE) -s -C $$part clean || exit 1; done
	@rm -rf build/bin build/ui build/unit build/check build/quality results output_iso regression.out regression.diffs

distclean: clean ## also stop the demo, and remove its data and everything downloaded
	@tools/demo.sh stop
	@rm -rf build web/ui/node_modules test/clients/node_modules

help: ## this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' Makefile

.PHONY: all extension worker web ui tools deps install install-server uninstall installcheck demo demo-stop \
	demo-status check check-fast lint format fuzz bench quality docs clean distclean help
