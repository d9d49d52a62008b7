#!/bin/bash
# `make check`: every test from a bare machine. Runs the suites in order, goes on after a
# failure, and ends with one line of totals; fails when a test failed or a suite ran none.
#
# usage: check.sh [SUITE…]
#   lint        house rules (tools/lint)
#   unit        C core, plain and with sanitizers (test/unit)
#   fuzz        replay of the fuzz corpora (test/fuzz)
#   regress     SQL in a private cluster (test/sql)
#   isolation   concurrent sessions (test/isolation)
#   pgtap       catalog and rights (test/pgtap)
#   tap         servers started, killed and restored (test/t)
#   tools       simulator and embedded broker (test/tools)
#   http        the sidecar (test/http)
#   ui          modules of the page (web/ui/test)
#   browser     the page in Chromium (test/browser)
#   restore     a dump of the running stack in an empty cluster (test/restore)
#   kafka       end to end through Apache Kafka (test/kafka)
#   quality     floors of what is found, on a part of the data (bench/quality)
#   speed       floors of the benchmarks, beside their peers (bench)
# Environment:
#   CI=true          warnings are errors, missing test data is a failure
#   SUITE_SECONDS    time limit of one suite (default 3600)
#   RIGALPHA_DATA    folder of the public data sets (default ../shared/data)
# The output of each suite stands in build/check/SUITE.log.
set -euo pipefail
# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tools/cluster.sh
. "$ROOT/tools/cluster.sh"

ALL_SUITES=(lint unit fuzz regress isolation pgtap tap tools http ui browser restore kafka quality speed)
CHECK=$BUILD/check
CLUSTER=$CHECK/cluster
SUITE_SECONDS=${SUITE_SECONDS:-3600}
PASSED=0
FAILED=0
SKIPPED=0
SUITE_PROCESS=

usage()
{
	sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
	exit "$1"
}

# --- Suites: each prints TAP or the lines of pg_regress -------------------------

suite_lint()
{
	tools/lint/run.sh
}

suite_unit()
{
	local tests
	make -C test/unit all
	make -C test/unit all SANITIZER=address,undefined
	mapfile -t tests < <(find build/unit -name 'test_*' -type f -executable | sort)
	prove_files --exec '' "${tests[@]}"
}

suite_fuzz()
{
	local target status=0
	make -C test/fuzz all
	for target in test/fuzz/corpus/*; do
		target=$(basename "$target")
		prove_files --exec '' "build/fuzz/replay_$target" :: "test/fuzz/corpus/$target"/* || status=1
	done
	return $status
}

suite_regress()
{
	start_check_cluster
	make -C src installcheck ISOLATION=
}

suite_isolation()
{
	start_check_cluster
	make -C src installcheck REGRESS=
}

# Each file in a fresh database with the extension set up, because pgTAP's own objects
# must not be counted among those of the extension.
suite_pgtap()
{
	local file status=0
	start_check_cluster
	for file in test/pgtap/*.sql; do
		echo "# $file"
		cluster_sql postgres -c 'DROP DATABASE IF EXISTS rigalpha_pgtap' -c 'CREATE DATABASE rigalpha_pgtap'
		cluster_sql rigalpha_pgtap -c 'CREATE EXTENSION rigalpha' -c 'SELECT rigalpha.setup()' -c 'CREATE EXTENSION pgtap' >/dev/null
		cluster_sql rigalpha_pgtap -f "$file" || status=1
	done
	return $status
}

suite_tap()
{
	prove_perl tap test/t/*.pl
}

suite_tools()
{
	as_user test/tools/run.sh
}

suite_http()
{
	make -C test/clients
	as_user test/http/run.sh
}

suite_ui()
{
	make -C web/ui check
}

suite_restore()
{
	export HISTORY_HOURS=0.1
	private_directory "$CHECK/restore_copy"
	with_stack restore test/restore/run.sh "$CHECK/restore_copy"
}

suite_quality()
{
	bench/quality/run.sh --brief
}

suite_speed()
{
	make -C bench floors
}

suite_browser()
{
	export HISTORY_HOURS=0.1 RIGALPHA_RESTART_WEB="tools/stack.sh restart-sidecar '$CHECK/browser'"
	with_stack browser node test/browser/run.mjs
}

suite_kafka()
{
	tools/kafka-broker.sh install
	prove_perl kafka test/kafka/t/*.pl
}

# --- What the suites need -------------------------------------------------------

prove_files()
{
	prove --verbose --nocolor --norc "$@"
}

# Perl tests start servers of their own, so they run without root's rights and in a folder
# where they may write: prove_perl SUITE FILE…
prove_perl()
{
	local folder=$CHECK/$1 pgxs
	shift
	pgxs=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
	private_directory "$folder"
	as_user rm -rf "$folder/tmp_check"
	TESTDIR=$folder TESTDATADIR=$folder/data TESTLOGDIR=$folder/log PG_REGRESS=$pgxs/src/test/regress/pg_regress \
		as_user prove --verbose --nocolor --norc -I "$pgxs/src/test/perl" -I test/lib "$@"
}

# The cluster of the suites that talk to a running server; started by the first of them.
start_check_cluster()
{
	! cluster_runs "$CLUSTER" || return 0
	echo "# starting a cluster on 127.0.0.1:$PGPORT"
	cluster_create "$CLUSTER" "$PGPORT" <<-END
		fsync = off
	END
	cluster_start "$CLUSTER"
}

# Runs a command beside a running stack: with_stack NAME COMMAND…
with_stack()
{
	local folder=$CHECK/$1
	shift
	export RIGALPHA_PG_PORT RIGALPHA_KAFKA_PORT RIGALPHA_HTTP_PORT
	RIGALPHA_PG_PORT=$(free_port 24429)
	RIGALPHA_KAFKA_PORT=$(free_port 19192)
	RIGALPHA_HTTP_PORT=$(free_port 18180)
	# shellcheck disable=SC2064
	trap "tools/stack.sh stop '$folder'" EXIT
	FSYNC=off tools/stack.sh start "$folder"
	# shellcheck disable=SC1091
	. "$folder/env"
	"$@"
}

# --- Running and counting -------------------------------------------------------

# Prints PASSED FAILED SKIPPED of a log: TAP, and what pg_regress printed before it spoke TAP.
count_results()
{
	awk '
		/^ok .*# *(SKIP|skip)/ || /^1\.\.0 .*(SKIP|skip)/ { skipped++; next }
		/^not ok .*# *TOD[O]/ { skipped++; next }
		/^ok( |$)/ || /^test .* \.\.\. +ok( |$)/ || /^     [^ ].* \.\.\. +ok( |$)/ { passed++; next }
		/^not ok( |$)/ || /^test .* \.\.\. +FAILED/ || /^     [^ ].* \.\.\. +FAILED/ { failed++ }
		END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}

show_failure()
{
	local log=$1 diffs
	grep -nE '^not ok|FAILED|^#   (Failed|at )' "$log" | head -n 20 || true
	say "--- end of $log"
	tail -n 40 "$log"
	for diffs in regression.diffs output_iso/regression.diffs test/isolation/output_iso/regression.diffs; do
		if [ -s "$diffs" ] && [ "$diffs" -nt "$log.started" ]; then
			say "--- $diffs"
			head -n 200 "$diffs"
		fi
	done
}

run_suite()
{
	local suite=$1 log=$CHECK/$1.log started=$SECONDS status=0 passed failed skipped
	say "=== $suite"
	touch "$log.started"
	# In a process of its own: set -e has no effect inside a condition.
	timeout --kill-after=60 "$SUITE_SECONDS" tools/check.sh --run "$suite" >"$log" 2>&1 </dev/null &
	SUITE_PROCESS=$!
	wait "$SUITE_PROCESS" || status=$?
	SUITE_PROCESS=
	read -r passed failed skipped < <(count_results "$log")
	if [ $status -ne 0 ] && [ "$failed" -eq 0 ]; then
		failed=1
		say "$suite ended with status $status"
	elif [ $((passed + failed + skipped)) -eq 0 ]; then
		failed=1
		say "$suite ran no test"
	fi
	PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
	[ "$failed" -eq 0 ] || show_failure "$log"
	rm -f "$log.started"
	say "    $passed passed, $failed failed, $skipped skipped in $((SECONDS - started)) s"
}

# What cannot be built cannot be tested: one failure, and no suite is run.
prepare()
{
	say "=== build"
	tools/install-deps.sh all
	use_server_programs
	mkdir -p "$CHECK"
	if ! build_and_install >"$CHECK/build.log" 2>&1; then
		tail -n 40 "$CHECK/build.log"
		FAILED=1
		print_totals
		exit 1
	fi
	say "    done in $SECONDS s"
}

print_totals()
{
	if [ "$SKIPPED" -gt 0 ]; then
		say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
	else
		say "$PASSED passed, $FAILED failed"
	fi
	[ "$FAILED" -eq 0 ]
}

# The login of the cluster that start_check_cluster makes.
choose_login()
{
	PGHOST=127.0.0.1 PGUSER=postgres PGPORT=$(free_port 24330) PGPASSWORD=$(random_password)
	export PGHOST PGUSER PGPORT PGPASSWORD
}

# A suite that is interrupted ends its servers, which takes it a moment.
finish()
{
	if [ -n "$SUITE_PROCESS" ]; then
		kill -TERM "$SUITE_PROCESS" 2>/dev/null || true
		wait "$SUITE_PROCESS" || true
	fi
	cluster_stop "$CLUSTER"
}

main()
{
	local suite
	for suite in "$@"; do
		[ "$(type -t "suite_$suite")" = function ] || die "unknown suite '$suite' (${ALL_SUITES[*]})"
	done
	prepare
	choose_login
	trap finish EXIT
	trap 'exit 130' INT TERM
	for suite in "$@"; do
		run_suite "$suite"
	done
	print_totals
}

cd "$ROOT"
case ${1:-} in
	-h | --help) usage 0 ;;
	--run) use_server_programs && "suite_$2" ;;
	'') main "${ALL_SUITES[@]}" ;;
	*) main "$@" ;;
esac
