#!/bin/bash
# A dump of the running stack, readings still arriving, restores into an empty cluster without an
# error and goes on there after adopt(). TAP.
#
# usage: run.sh FOLDER   (a scratch folder; the stack is the one that PGHOST and PGPORT name)
set -euo pipefail
# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/common.sh"
# shellcheck source=tools/cluster.sh
. "$ROOT/tools/cluster.sh"

DIR=$1
LABEL='Drehzahl "neu"'
NUMBER=0
FAILED=0

is()
{
	NUMBER=$((NUMBER + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $NUMBER - $3"
		return
	fi
	FAILED=1
	printf 'not ok %s - %s\n#  got %s\n# want %s\n' "$NUMBER" "$3" "$1" "$2"
}

# Rows of every table that a dump carries, but for those that the stack goes on writing.
still_tables()
{
	cluster_sql rigalpha <<-'END'
		SELECT string_agg(format('%s=%s', c.oid::regclass, (xpath('/row/n/text()', query_to_xml(
			format('SELECT count(*) AS n FROM %s', c.oid::regclass), false, true, '')))[1]), ' ' ORDER BY c.oid::regclass::text)
		FROM pg_extension e JOIN pg_class c ON c.oid = ANY (e.extconfig)
		WHERE e.extname = 'rigalpha' AND c.relkind = 'r' AND c.relname NOT IN ('audit_chains', 'audit_entries', 'audit_links', 'incidents');
	END
}

count_readings()
{
	cluster_sql rigalpha -c 'SELECT count(*) FROM rigalpha.readings'
}

cluster_sql rigalpha -v label="$LABEL" <<<"UPDATE rigalpha.sensors SET label = :'label' WHERE name = 'rpm'"
before=$(count_readings)
pg_dump -Fc -d rigalpha -f "$DIR/stack.dump"
after=$(count_readings)
tables=$(still_tables)

PGPORT=$(free_port 24529)
PGPASSWORD=$(random_password)
export PGPORT PGPASSWORD
cluster_create "$DIR/empty" "$PGPORT" </dev/null
trap 'cluster_stop "$DIR/empty"' EXIT
cluster_start "$DIR/empty"
cluster_sql postgres -c 'CREATE DATABASE rigalpha'
status=0
pg_restore --exit-on-error -d rigalpha "$DIR/stack.dump" 2>"$DIR/restore.log" || status=$?
is "$status $(head -c 300 "$DIR/restore.log")" "0 " 'the dump restores into an empty cluster'

restored=$(count_readings)
is "$((before <= restored && restored <= after))" 1 "its readings are those of the dump ($restored, $before before, $after after it)"
is "$(still_tables)" "$tables" 'every other table has as many rows'
is "$(cluster_sql rigalpha -c "SELECT label FROM rigalpha.sensors WHERE name = 'rpm'")" "$LABEL" 'an edited label is kept'
is "$(cluster_sql rigalpha -c 'SELECT ready FROM rigalpha.status()')" f 'it is not ready before it is adopted'
is "$(cluster_sql rigalpha -c 'SELECT rigalpha.adopt()')" 2 'adopt() begins a new epoch'
is "$(cluster_sql rigalpha -c 'SELECT count(*) > 0 FROM rigalpha.audit_log') $(cluster_sql rigalpha -c 'SELECT count(*) FROM rigalpha.audit_verify()')" \
	't 0' 'the audit log is there, and whole'
message='{"machine_id":"A","sensors":{"rpm":1}}'
is "$(cluster_sql rigalpha -v message="$message" <<<"SELECT accepted FROM rigalpha.ingest(ARRAY[convert_to(:'message', 'UTF8')], 'http')")" 1 \
	'ingest goes on'
is "$(count_readings)" "$((restored + 1))" 'beside what was restored'
echo "1..$NUMBER"
exit "$FAILED"
