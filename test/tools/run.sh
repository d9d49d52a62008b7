#!/bin/sh
# Tests of rigalpha-devbroker and rigalpha-sim; prints TAP.
#
# usage: test/tools/run.sh [SUBJECT]…   (broker model faults replay kafka http control; default: all)
# Needs the programs of tools/ built, kcat, and for `control` the PostgreSQL server programs.
set -eu
cd "$(dirname "$0")/../.."
exec /usr/bin/python3 test/tools/run.py "$@"
