#!/bin/bash
# Tests of the HTTP sidecar, beside a private cluster of their own.
#
# usage: run.sh [TEST…]      such as ingest or stream.StreamTest.test_resume
# Environment: RIGALPHA_WEB_PROGRAM  the sidecar to test (default build/bin/rigalpha-web)
#              SEED                  repeats a run with the same random choices
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/common.sh
. "$here/../../tools/common.sh"
# shellcheck source=tools/cluster.sh
. "$ROOT/tools/cluster.sh"

if [ "$(id -u)" -eq 0 ]; then
	exec "$ROOT/tools/as-user.sh" "$here/run.sh" "$@"
fi
use_server_programs

FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/rigalpha-http.XXXXXX")
finish()
{
	cluster_stop "$FOLDER"
	rm -rf "$FOLDER"
}
trap finish EXIT

PGPORT=55432
until port_is_free "$PGPORT"; do
	PGPORT=$((PGPORT + 1))
done
export PGHOST=127.0.0.1 PGPORT PGUSER=postgres PGDATABASE=rigalpha
PGPASSWORD=$(random_password)
WEB_PASSWORD=$(random_password)
export PGPASSWORD WEB_PASSWORD FOLDER
export RIGALPHA_WEB_PROGRAM=${RIGALPHA_WEB_PROGRAM:-$BUILD/bin/rigalpha-web}

cluster_create "$FOLDER" "$PGPORT" <<-END
	fsync = off
	max_connections = 200
END
cluster_start "$FOLDER"
cluster_sql postgres -c 'CREATE DATABASE rigalpha'
cluster_sql rigalpha >/dev/null <<-'END'
	\getenv web_password WEB_PASSWORD
	CREATE EXTENSION rigalpha;
	SELECT rigalpha.setup();
	ALTER ROLE rigalpha_web PASSWORD :'web_password';
END

/usr/bin/python3 "$here/run.py" "$@"
