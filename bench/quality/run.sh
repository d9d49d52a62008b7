#!/bin/bash
# Measures in a private cluster below build/quality how well the product finds what is wrong.
#
# usage: run.sh [OPTION…] [SUBJECT…]
#   --installed   build nothing: measure the modules that are installed
#   others        as `run.sh --help` says
# The figures land in build/quality/results.json.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/common.sh
. "$HERE/../../tools/common.sh"
# shellcheck source=tools/cluster.sh
. "$ROOT/tools/cluster.sh"

QUALITY=$BUILD/quality
CLUSTER=$QUALITY/pg
SCRATCH=$QUALITY/scratch

# One run at a time: the next one would take this one's cluster for what is left of a crash.
mkdir -p "$QUALITY"
[ -n "${RIGALPHA_QUALITY_LOCKED:-}" ] || RIGALPHA_QUALITY_LOCKED=yes exec flock --close "$QUALITY/lock" "$0" "$@"

# Nothing here asks how fast it is. Training follows the clock of the simulated time.
quality_settings()
{
	cat <<-END
		shared_preload_libraries = 'rigalpha_worker'
		rigalpha_worker.databases = 'bench'
		rigalpha.auto_train = off
		fsync = off
	END
}

stop()
{
	cluster_stop "$CLUSTER"
	as_user rm -rf "$CLUSTER/data"
}

use_server_programs
if [ "${1:-}" = --installed ]; then
	shift
elif ! build_and_install >"$QUALITY/build.log" 2>&1; then
	die "the build failed, see $QUALITY/build.log"
fi
private_directory "$SCRATCH"
trap stop EXIT
stop

PGHOST=127.0.0.1 PGPORT=$(free_port "${RIGALPHA_QUALITY_PORT:-24700}") PGUSER=postgres PGPASSWORD=$(random_password)
RIGALPHA_QUALITY_RESULTS=$SCRATCH/results.json PYTHONPATH=$ROOT/bench PYTHONDONTWRITEBYTECODE=1
export PGHOST PGPORT PGUSER PGPASSWORD RIGALPHA_QUALITY_RESULTS PYTHONPATH PYTHONDONTWRITEBYTECODE
quality_settings | cluster_create "$CLUSTER" "$PGPORT"
cluster_start "$CLUSTER"
status=0
as_user /usr/bin/python3 -m quality "$@" || status=$?
[ ! -e "$SCRATCH/results.json" ] || cp "$SCRATCH/results.json" "$QUALITY/results.json"
exit $status
