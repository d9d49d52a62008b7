#!/bin/bash
# One running Rig Alpha in a folder of its own: private PostgreSQL cluster, broker, worker,
# simulator and sidecar, from the programs of this tree and the modules installed in the server.
#
# usage: stack.sh start|stop|status|restart-sidecar FOLDER
# Environment of start:
#   RIGALPHA_PG_PORT, RIGALPHA_KAFKA_PORT, RIGALPHA_HTTP_PORT   54329, 19092, 8080
#   BROKER          embedded (default) or kafka
#   HISTORY_HOURS   hours of the past to send through Kafka before the live data (default 2)
#   MACHINES        machines of the simulator (default 3); 0 starts no simulator
#   RATE            live messages per second and machine (default 2)
# A start begins with an empty database. It writes FOLDER/env for clients; stop removes it.
set -euo pipefail
# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=tools/cluster.sh
. "$ROOT/tools/cluster.sh"

PG_PORT=${RIGALPHA_PG_PORT:-54329}
KAFKA_PORT=${RIGALPHA_KAFKA_PORT:-19092}
HTTP_PORT=${RIGALPHA_HTTP_PORT:-8080}
BROKER=${BROKER:-embedded}
HISTORY_HOURS=${HISTORY_HOURS:-2}
MACHINES=${MACHINES:-3}
RATE=${RATE:-2}
TOPIC=rigalpha.readings
PARTITIONS=4
BACKFILL_RATE=4000	# messages per second: the embedded broker keeps 5 MB per partition
URL=http://127.0.0.1:$HTTP_PORT

usage()
{
	sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
	exit "$1"
}

# --- Programs of this tree, each with FOLDER/NAME.pid and FOLDER/NAME.log --------

program_of()
{
	case $1 in
		broker) echo "$BUILD/bin/rigalpha-devbroker" ;;
		sidecar) echo "$BUILD/bin/rigalpha-web" ;;
		simulator) echo "$BUILD/bin/rigalpha-sim" ;;
	esac
}

start_program()
{
	local name=$1
	shift
	start_process "$DIR/$name.pid" "$DIR/$name.log" "$(program_of "$name")" "$@"
}

program_runs()
{
	process_runs "$DIR/$1.pid" "$(program_of "$1")"
}

stop_program()
{
	stop_process "$DIR/$1.pid" "$(program_of "$1")"
}

ready_or_gone()
{
	"$2" || ! program_runs "$1"
}

# Waits until the program is ready by the given command: await_program NAME COMMAND.
await_program()
{
	wait_until 30 ready_or_gone "$1" "$2" || true
	if ! program_runs "$1" || ! "$2" >/dev/null 2>&1; then
		die "the $1 did not start: $(tail -n 5 "$DIR/$1.log")"
	fi
}

# --- PostgreSQL ---------------------------------------------------------------

start_cluster()
{
	say "starting PostgreSQL on 127.0.0.1:$PG_PORT…"
	cluster_create "$DIR" "$PG_PORT" <<-END
		shared_preload_libraries = 'rigalpha_worker'
		rigalpha_worker.databases = 'rigalpha'
		fsync = $FSYNC
	END
	cluster_start "$DIR"
}

# Logins of the sidecar and of the simulator, each with just the rights it needs.
create_database()
{
	WEB_PASSWORD=$(random_password)
	SIMULATOR_PASSWORD=$(random_password)
	export WEB_PASSWORD SIMULATOR_PASSWORD
	cluster_sql postgres -c 'CREATE DATABASE rigalpha'
	cluster_sql rigalpha >/dev/null <<-'END'
		\getenv web_password WEB_PASSWORD
		\getenv simulator_password SIMULATOR_PASSWORD
		CREATE EXTENSION rigalpha;
		SELECT rigalpha.setup();
		ALTER ROLE rigalpha_web PASSWORD :'web_password';
		CREATE ROLE demo_simulator LOGIN PASSWORD :'simulator_password' IN ROLE rigalpha_simulator;
	END
	write_private "$DIR/pgpass" <<-END
		127.0.0.1:$PG_PORT:rigalpha:rigalpha_web:$WEB_PASSWORD
		127.0.0.1:$PG_PORT:rigalpha:demo_simulator:$SIMULATOR_PASSWORD
	END
	unset WEB_PASSWORD SIMULATOR_PASSWORD
}

# The first account: an admin, whose password goes to FOLDER/env and must be changed at the first login.
create_admin()
{
	ADMIN_PASSWORD=$(PGDATABASE=rigalpha "$BUILD/bin/rigalpha-web" --create-admin)
}

create_source()
{
	cluster_sql rigalpha -v brokers="127.0.0.1:$KAFKA_PORT" -v topic="$TOPIC" >/dev/null <<-'END'
		SELECT rigalpha.create_kafka_source('demo', :'brokers', :'topic');
	END
}

# --- Kafka --------------------------------------------------------------------

kafka_node()
{
	KAFKA_DIR=$DIR/kafka RIGALPHA_KAFKA_PORT=$KAFKA_PORT "$ROOT/tools/kafka-broker.sh" "$@"
}

broker_ready()
{
	grep -q '^READY' "$DIR/broker.log"
}

start_broker()
{
	if [ "$BROKER" = kafka ]; then
		say "starting Apache Kafka on 127.0.0.1:$KAFKA_PORT…"
		kafka_node start
		kafka_node create-topic "$TOPIC" "$PARTITIONS"
		return
	fi
	say "starting the embedded broker on 127.0.0.1:$KAFKA_PORT…"
	start_program broker --port "$KAFKA_PORT" --topic "$TOPIC:$PARTITIONS"
	await_program broker broker_ready
}

# --- Sidecar and simulator ----------------------------------------------------

# Environment of a program that logs in as this role; called in a subshell.
use_login()
{
	unset PGPASSWORD
	export PGDATABASE=rigalpha PGUSER=$1 PGPASSFILE=$DIR/pgpass KAFKA_BROKERS=127.0.0.1:$KAFKA_PORT
}

sidecar_ready()
{
	curl -fsS -o /dev/null "$URL/readyz"
}

start_sidecar()
{
	say "starting the sidecar on 127.0.0.1:$HTTP_PORT…"
	(
		use_login rigalpha_web
		export RIGALPHA_LISTEN=127.0.0.1:$HTTP_PORT RIGALPHA_WEB_ROOT=$BUILD/ui RIGALPHA_ANONYMOUS_INGEST=on
		start_program sidecar
	)
	await_program sidecar sidecar_ready
}

source_runs()
{
	[ "$(cluster_sql rigalpha -c "SELECT bool_and(state = 'running') FROM rigalpha.kafka_status")" = t ]
}

# The embedded broker drops what nobody has read in time, so the worker comes before the simulator.
await_worker()
{
	wait_until 60 source_runs || die "the worker does not run: $(source_state)"
}

start_simulator()
{
	local history=()
	say "starting the simulator: $MACHINES machines…"
	[ "$HISTORY_HOURS" = 0 ] || history=(--backfill "$HISTORY_HOURS" --throttle "$BACKFILL_RATE")
	(
		use_login demo_simulator
		start_program simulator run --machines "$MACHINES" --rate "$RATE" "${history[@]}"
	)
	await_history
}

# How much of the history is in the table, in percent, and the lag of the source: both must be through.
history_state()
{
	cluster_sql rigalpha -F ' ' -v hours="$HISTORY_HOURS" <<-'END'
		SELECT CASE WHEN newest_ts IS NULL THEN 0
				ELSE round(100 * (1 - least(1, greatest(0, extract(epoch FROM now() - newest_ts) - 10) / (3600 * :hours)))) END,
			coalesce(kafka_lag, 1)
		FROM rigalpha_api.status
	END
}

await_history()
{
	local percent=0 lag=1 shown=-1 deadline=$((SECONDS + 600))
	while [ "$percent" -lt 100 ] || [ "$lag" -gt 100 ]; do
		program_runs simulator || die "the simulator has ended: $(tail -n 3 "$DIR/simulator.log")"
		[ "$SECONDS" -lt "$deadline" ] || die "the history does not arrive: $(source_state)"
		read -r percent lag < <(history_state)
		if [ -t 1 ]; then
			printf '\rbackfilling %s h of history: %d %% ' "$HISTORY_HOURS" "$percent"
		elif [ $((percent / 20)) -ne "$shown" ]; then
			shown=$((percent / 20))
			say "backfilling $HISTORY_HOURS h of history: $percent %"
		fi
		sleep 0.2
	done
	[ ! -t 1 ] || echo
}

source_state()
{
	cluster_sql rigalpha -c "SELECT concat_ws(', ', state, 'lag ' || lag, last_error) FROM rigalpha.kafka_status"
}

# --- The whole ----------------------------------------------------------------

check_ports()
{
	local name port
	for name in RIGALPHA_PG_PORT:$PG_PORT RIGALPHA_KAFKA_PORT:$KAFKA_PORT RIGALPHA_HTTP_PORT:$HTTP_PORT; do
		port=${name#*:}
		wait_until 3 port_is_free "$port" ||
			die "port $port is in use by another program: choose a free one, such as ${name%:*}=$((port + 100)) make demo"
	done
}

write_environment()
{
	(
		umask 077
		cat >"$DIR/env.new" <<-END
			export PGHOST=127.0.0.1
			export PGPORT=$PG_PORT
			export PGUSER=postgres
			export PGDATABASE=rigalpha
			export PGPASSWORD=$PGPASSWORD
			export RIGALPHA_URL=$URL
			export RIGALPHA_ADMIN_PASSWORD=$ADMIN_PASSWORD
			export KAFKA_BROKERS=127.0.0.1:$KAFKA_PORT
		END
	)
	mv "$DIR/env.new" "$DIR/env"
}

start_stack()
{
	stop_stack
	check_ports
	rm -f "$DIR"/*.log
	PGHOST=127.0.0.1 PGPORT=$PG_PORT PGUSER=postgres PGPASSWORD=$(random_password)
	export PGHOST PGPORT PGUSER PGPASSWORD
	start_cluster
	start_broker
	create_database
	create_admin
	create_source
	start_sidecar
	await_worker
	[ "$MACHINES" = 0 ] || start_simulator
	write_environment
}

stop_stack()
{
	rm -f "$DIR/env"
	stop_program simulator
	stop_program sidecar
	cluster_stop "$DIR"
	stop_program broker
	[ ! -d "$DIR/kafka" ] || kafka_node stop
	rm -rf "$DIR/kafka/data" "$DIR/pgpass"
}

print_part()
{
	local name=$1 state=stopped
	shift
	! "$@" || state=running
	printf '%-12s %s\n' "$name" "$state"
	[ $state = running ]
}

kafka_runs()
{
	[ "$(kafka_node status)" = running ]
}

# Succeeds when every part runs.
stack_status()
{
	local complete=0 broker=(program_runs broker)
	[ ! -e "$DIR/kafka/kafka.pid" ] || broker=(kafka_runs)
	print_part PostgreSQL cluster_runs "$DIR" || complete=1
	print_part broker "${broker[@]}" || complete=1
	print_part sidecar program_runs sidecar || complete=1
	print_part simulator program_runs simulator || complete=1
	return $complete
}

case ${1:-} in -h | --help) usage 0 ;; esac
[ $# -eq 2 ] || usage 2
case $2 in /*) DIR=$2 ;; *) DIR=$PWD/$2 ;; esac
FSYNC=${FSYNC:-on}
use_server_programs
case $1 in
	start) start_stack ;;
	stop) stop_stack ;;
	restart-sidecar) stop_program sidecar && start_sidecar ;;
	status) stack_status ;;
	*) usage 2 ;;
esac
