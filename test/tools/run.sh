#!/bin/sh
# Tests of rigalpha-devbroker, rigalpha-sim and rigalpha-verify.py; prints TAP.
#
# usage: test/tools/run.sh [SUBJECT]…   (broker model faults replay kafka http control verify; default: all)
# Needs the programs of tools/ built, kcat, for `control` the PostgreSQL server programs, for `verify` openssl.
set -eu
cd "$(dirname "$0")/../.."
exec /usr/bin/python3 test/tools/run.py "$@"
