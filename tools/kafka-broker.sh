#!/bin/bash
# One Apache Kafka node (KRaft: broker and controller in one process) on the loopback interface.
#
# usage: kafka-broker.sh COMMAND [ARGUMENT…]
#   install                     fetch the pinned Kafka to build/kafka/lib (needed once; test/kafka/pom.xml)
#   start                       start and wait until it answers; a first start makes the storage
#   stop                        orderly stop; the data stays
#   kill9                       kill -9, as a crash would
#   restart                     stop and start
#   status                      prints running or stopped
#   create-topic NAME COUNT     make a topic of COUNT partitions
#   add-partitions NAME COUNT   raise a topic to COUNT partitions
#   delete-topic NAME           delete a topic and its messages
# Environment:
#   KAFKA_DIR               data, log and pid file of this node (default build/kafka/node)
#   RIGALPHA_KAFKA_PORT     port of the broker (default 19092)
#   KAFKA_CONTROLLER_PORT   port of the controller (default: the broker's port + 1)
#   KAFKA_OVERRIDES         further lines for the configuration, such as log.retention.bytes=1000000
set -euo pipefail
# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

LIBRARY=$BUILD/kafka/lib
KAFKA_DIR=${KAFKA_DIR:-$BUILD/kafka/node}
PORT=${RIGALPHA_KAFKA_PORT:-19092}
CONTROLLER_PORT=${KAFKA_CONTROLLER_PORT:-$((PORT + 1))}
PID_FILE=$KAFKA_DIR/kafka.pid
LOG_FILE=$KAFKA_DIR/kafka.log
CONFIG_FILE=$KAFKA_DIR/server.properties
START_SECONDS=60

usage()
{
	sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
	exit "$1"
}

# Copies the class path of the pinned version; nothing to do while pom.xml is unchanged.
install_kafka()
{
	local pom=$ROOT/test/kafka/pom.xml
	if [ "$LIBRARY/.complete" -nt "$pom" ]; then
		return
	fi
	command -v mvn >/dev/null || die "Maven not found: run 'tools/install-deps.sh kafka'"
	say "fetching Apache Kafka…"
	rm -rf "$LIBRARY"
	mkdir -p "$LIBRARY"
	mvn -B -q -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$LIBRARY" \
		>"$BUILD/kafka/install.log" 2>&1 || die "Maven failed: $(tail -n 5 "$BUILD/kafka/install.log")"
	touch "$LIBRARY/.complete"
}

# The short session lets a broker that was killed come back within seconds.
write_config()
{
	cat >"$CONFIG_FILE" <<-END
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$CONTROLLER_PORT
		listeners=PLAINTEXT://127.0.0.1:$PORT,CONTROLLER://127.0.0.1:$CONTROLLER_PORT
		advertised.listeners=PLAINTEXT://127.0.0.1:$PORT
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
		controller.listener.names=CONTROLLER
		log.dirs=$KAFKA_DIR/data
		num.partitions=4
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=1
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		transaction.state.log.num.partitions=1
		group.initial.rebalance.delay.ms=0
		broker.heartbeat.interval.ms=500
		broker.session.timeout.ms=3000
		log.retention.check.interval.ms=1000
		log.segment.delete.delay.ms=1000
		${KAFKA_OVERRIDES:-}
	END
}

# What the storage tool would write, without a second start of Java: the id of the cluster is fixed
# because a node on the loopback interface never meets another one.
make_storage()
{
	[ -e "$KAFKA_DIR/data/meta.properties" ] && return
	as_user mkdir -p "$KAFKA_DIR/data"
	as_user tee "$KAFKA_DIR/data/meta.properties" >/dev/null <<-END
		version=1
		cluster.id=rigalphaAAAAAAAAAAAAAQ
		node.id=1
	END
}

broker_runs()
{
	process_runs "$PID_FILE" "$CONFIG_FILE"
}

# Registered with the controller as well: after a crash that waits for the end of the old session.
broker_answers()
{
	kcat -L -b "127.0.0.1:$PORT" -m 2 2>/dev/null | grep -q "broker 1 at"
}

# Ready, or dead already, in which case waiting longer is of no use.
answers_or_is_gone()
{
	! broker_runs || broker_answers
}

start_broker()
{
	install_kafka
	if broker_runs; then
		say "Kafka runs already on 127.0.0.1:$PORT"
		return
	fi
	for port in "$PORT" "$CONTROLLER_PORT"; do
		wait_until 3 port_is_free "$port" || die "port $port is in use: choose another with RIGALPHA_KAFKA_PORT"
	done
	private_directory "$KAFKA_DIR"
	write_config
	make_storage
	launch_java
	wait_until "$START_SECONDS" answers_or_is_gone || true
	if ! broker_runs || ! broker_answers; then
		tail -n 20 "$LOG_FILE" >&2
		die "Kafka did not start within $START_SECONDS s, see $LOG_FILE"
	fi
}

launch_java()
{
	start_process "$PID_FILE" "$LOG_FILE" java -Xms256m -Xmx512m -XX:+UseSerialGC -Xshare:auto \
		-Dorg.slf4j.simpleLogger.showDateTime=true -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS \
		-Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server=info \
		-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaConfig=warn \
		-cp "$LIBRARY/*" kafka.Kafka "$CONFIG_FILE"
}

stop_broker()
{
	stop_process "$PID_FILE" "$CONFIG_FILE"
}

kill_broker()
{
	broker_runs || die "no Kafka of $KAFKA_DIR is running"
	kill -KILL "$(cat "$PID_FILE")"
	wait_until 10 process_gone "$PID_FILE" "$CONFIG_FILE" || die "Kafka survived kill -9"
	rm -f "$PID_FILE"
}

# librdkafka's admin client: Kafka's own tools would start Java for seconds.
administer()
{
	[ $# -ge 2 ] || usage 2
	/usr/bin/python3 "$ROOT/tools/kafka-topics.py" "127.0.0.1:$PORT" "$@"
}

case ${1:-} in
	install) install_kafka ;;
	start) start_broker ;;
	stop) stop_broker ;;
	kill9) kill_broker ;;
	restart) stop_broker && start_broker ;;
	status) if broker_runs; then echo running; else echo stopped; fi ;;
	create-topic | add-partitions | delete-topic) administer "$@" ;;
	-h | --help) usage 0 ;;
	*) usage 2 ;;
esac
