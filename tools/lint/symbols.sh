#!/bin/bash
# Rule: the two modules export only what the server looks up by name. Every other symbol could
#       collide with one of another module in the same backend.
# Fix:  leave PGDLLEXPORT to SQL functions (rig_*) and worker entry points, declare the rest
#       static or extern (hidden by -fvisibility=hidden).
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0

# check_exports MODULE PATTERN
check_exports()
{
	local unexpected
	if [ ! -e "$1" ]; then
		echo "$1 is not built: run 'make extension worker' first"
		status=1
		return
	fi
	unexpected=$(nm -D --defined-only "$1" | awk '{ print $3 }' | grep -vE "^($2)\$" || true)
	if [ -n "$unexpected" ]; then
		printf '%s exports:\n%s\n' "$1" "$unexpected"
		status=1
	fi
}

MODULE='Pg_magic_func|_PG_init|_PG_fini|_init|_fini'
check_exports src/rigalpha.so "$MODULE|(pg_finfo_)?rig_[a-z0-9_]+"
check_exports bgworker/rigalpha_worker.so "$MODULE|rig_[a-z0-9_]*main"
exit $status
