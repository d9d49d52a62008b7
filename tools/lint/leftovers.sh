#!/bin/bash
# Rule: nothing half-done, nothing of one machine and nothing generated is committed.
# Fix:  finish it, or write it down as an issue; use a path relative to the repository.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0

# forbid PATTERN REASON PATHSPEC…
forbid()
{
	local pattern=$1 reason=$2 found
	shift 2
	found=$(git grep -nIE --untracked "$pattern" -- "$@" ':!tools/lint' ':!*package-lock.json' || true)
	if [ -n "$found" ]; then
		printf '%s\n    %s\n' "$found" "$reason"
		status=1
	fi
}

forbid '\b(TODO|FIXME|XXX|HACK)\b' "a leftover marker" '*.[ch]' '*.sql' '*.ts' '*.js' '*.mjs' '*.css' '*.html' '*.sh' '*.pl' '*.pm' '*.py' '*.md' '*Makefile'
forbid '^(<<<<<<<|>>>>>>>) ' "an unresolved conflict" .
forbid '(^|[^[:alnum:]_])/(home|root|work)/[[:alnum:]]' "a path of one machine" .
forbid '[[:blank:]]+$' "blanks at the end of a line" '*.[ch]' '*.sql' '*.ts' '*.css' '*.sh' '*.pl' '*.pm' '*.py' '*Makefile' ':!expected'
forbid '^[[:space:]]*(u?sleep|sleep)[ (]+[0-9]' "a fixed sleep: poll for the effect, with a limit" 'test/*'
forbid 'usleep[ (]' "a sleep in server code: wait on the latch" bgworker src
generated=$(git ls-files -- '*.o' '*.so' '*.bc' 'build/*' '*/node_modules/*' 'src/rigalpha--*.sql')
if [ -n "$generated" ]; then
	printf '%s\n    generated files are built, not committed\n' "$generated"
	status=1
fi
exit $status
