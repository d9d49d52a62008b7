#!/bin/bash
# Runs the benchmarks in a private cluster below build/bench and prints every figure beside its peer.
#
# usage: run.sh [OPTION…] [BENCHMARK…]
#   --floors      only the quick subset whose floors are part of the tests
#   --installed   build nothing: measure the modules that are installed
#   others        as `run.py --help` says
# The figures land in build/bench/results.json.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/common.sh
. "$HERE/../tools/common.sh"
# shellcheck source=tools/cluster.sh
. "$ROOT/tools/cluster.sh"

BENCH=$BUILD/bench
CLUSTER=$BENCH/pg
SCRATCH=$BENCH/scratch
PROGRAM=run.py

# One run at a time: the next one would take this one's cluster for what is left of a crash.
mkdir -p "$BENCH"
[ -n "${RIGALPHA_BENCH_LOCKED:-}" ] || RIGALPHA_BENCH_LOCKED=yes exec flock --close "$BENCH/lock" "$0" "$@"

BUILD_FIRST=yes
while true; do
	case ${1:-} in
		--floors) PROGRAM=check_floors.py ;;
		--installed) BUILD_FIRST=no ;;
		*) break ;;
	esac
	shift
done

# Below the ports that the kernel gives to clients.
free_port()
{
	local port=${RIGALPHA_BENCH_PORT:-24600}
	until port_is_free "$port"; do
		port=$((port + 1))
	done
	echo "$port"
}

# Large enough that no checkpoint falls into a run; the durability is that of production.
bench_settings()
{
	cat <<-END
		shared_preload_libraries = 'rigalpha_worker'
		rigalpha_worker.databases = 'bench'
		rigalpha.auto_train = off
		shared_buffers = '512MB'
		max_wal_size = '4GB'
		min_wal_size = '2GB'
		checkpoint_timeout = '1h'
		autovacuum = off
		fsync = on
		synchronous_commit = on
	END
}

build_everything()
{
	build_and_install && make -C "$HERE" all
}

stop()
{
	cluster_stop "$CLUSTER"
	KAFKA_DIR=$SCRATCH/kafka "$ROOT/tools/kafka-broker.sh" stop
	as_user rm -rf "$CLUSTER/data" "$SCRATCH/kafka"
}

use_server_programs
[ $BUILD_FIRST = no ] || build_everything >"$BENCH/build.log" 2>&1 || die "the build failed, see $BENCH/build.log"
if command -v java >/dev/null; then
	"$ROOT/tools/kafka-broker.sh" install || say "Apache Kafka cannot be fetched: the embedded broker alone is measured"
fi
private_directory "$SCRATCH"
trap stop EXIT
stop

PGHOST=127.0.0.1 PGPORT=$(free_port) PGUSER=postgres PGPASSWORD=$(random_password)
RIGALPHA_BENCH_MODULE=$HERE/module/rigalpha_bench RIGALPHA_BENCH_SCRATCH=$SCRATCH PYTHONDONTWRITEBYTECODE=1
export PGHOST PGPORT PGUSER PGPASSWORD RIGALPHA_BENCH_MODULE RIGALPHA_BENCH_SCRATCH PYTHONDONTWRITEBYTECODE
bench_settings | cluster_create "$CLUSTER" "$PGPORT"
cluster_start "$CLUSTER"
status=0
as_user /usr/bin/python3 "$HERE/$PROGRAM" "$@" || status=$?
[ ! -e "$SCRATCH/results.json" ] || cp "$SCRATCH/results.json" "$BENCH/results.json"
exit $status
