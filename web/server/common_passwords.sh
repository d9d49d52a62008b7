#!/bin/bash
# Writes the common passwords that are long enough to be allowed as a C string, one per line of it.
#
# usage: common_passwords.sh SOURCE >common_passwords.inc
# SOURCE is frequency_lists.py of Debian's python3-zxcvbn (MIT licence, Dropbox and Daniel Wolf), whose
# list "passwords" comes from published leaks, commonest first.
set -euo pipefail
LEAST_CHARACTERS=8
LEAST_ENTRIES=3000

fail()
{
	echo "common_passwords.sh: $*" >&2
	exit 1
}

[ -r "$1" ] || fail "$1 is not there: install python3-zxcvbn (make deps), or name another with COMMON_PASSWORDS="
entries=$(sed -n 's/^ *"passwords": *"\([^"]*\)".*/\1/p' "$1" | tr ',' '\n' | tr '[:upper:]' '[:lower:]' |
	grep -xE "[!-~]{$LEAST_CHARACTERS,}" | grep -v '["\?]' || true)
[ "$(wc -l <<<"$entries")" -ge $LEAST_ENTRIES ] || fail "$1 has no list of passwords, or a short one"
printf '"\\n"\n'
sed 's/.*/"&\\n"/' <<<"$entries"
