#!/bin/bash
# `make demo`: everything from a bare machine to a live page.
#
# usage: demo.sh start|stop|status
# Environment: that of stack.sh, and
#   DETACH=1   return when everything runs, instead of waiting for Ctrl-C
set -euo pipefail
# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

DEMO=$BUILD/demo
BROKER=${BROKER:-embedded}
STARTED=false

usage()
{
	sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
	exit "$1"
}

install_packages()
{
	local groups=(build demo)
	[ "$BROKER" != kafka ] || groups+=(kafka)
	"$ROOT/tools/install-deps.sh" "${groups[@]}"
}

build_programs()
{
	local log=$BUILD/demo-build.log started=$SECONDS
	mkdir -p "$BUILD"
	say "building, and installing the modules into $("$PG_CONFIG" --pkglibdir)…"
	if ! build_and_install >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		die "the build failed, see $log"
	fi
	say "built in $((SECONDS - started)) s"
}

admin_password()
{
	sed -n 's/^export RIGALPHA_ADMIN_PASSWORD=//p' "$DEMO/env"
}

print_address()
{
	cat <<-END

		Rig Alpha is running: http://127.0.0.1:${RIGALPHA_HTTP_PORT:-8080}
		Log in as admin with the password $(admin_password); it must be changed then.

		    . build/demo/env && psql        the database
		    make demo-status, make demo-stop
	END
}

stop_demo()
{
	"$ROOT/tools/stack.sh" stop "$DEMO"
}

# Nothing is left behind by Ctrl-C or by a start that fails half-way.
leave()
{
	local status=$?
	trap - EXIT INT TERM
	if ! $STARTED || [ "${DETACH:-0}" != 1 ]; then
		say "stopping the demo…"
		stop_demo
	fi
	exit "$status"
}

# Ctrl-C is how a running demo ends, and a failure of one that is still starting.
interrupt()
{
	if $STARTED; then exit 0; else exit 130; fi
}

# Watches the parts, because a demo with a dead part looks like a broken product.
wait_for_interrupt()
{
	local missing
	say "Ctrl-C stops everything."
	while missing=$("$ROOT/tools/stack.sh" status "$DEMO"); do
		sleep 2 &
		wait $!
	done
	if [ ! -e "$DEMO/env" ]; then
		say "the demo was stopped"
		exit 0
	fi
	die "a part of the demo has ended, see $DEMO/*.log:
$missing"
}

start_demo()
{
	case $BROKER in embedded | kafka) ;; *) die "BROKER must be embedded or kafka, not '$BROKER'" ;; esac
	install_packages
	trap leave EXIT
	trap interrupt INT TERM
	build_programs
	"$ROOT/tools/stack.sh" start "$DEMO"
	STARTED=true
	print_address
	[ "${DETACH:-0}" = 1 ] || wait_for_interrupt
}

export BROKER
case ${1:-} in
	start) start_demo ;;
	stop) stop_demo ;;
	status) "$ROOT/tools/stack.sh" status "$DEMO" ;;
	-h | --help) usage 0 ;;
	*) usage 2 ;;
esac
