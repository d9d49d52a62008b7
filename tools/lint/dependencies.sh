#!/bin/bash
# Rule: the layers of the tree stay apart. The core is plain C that runs without a server, a client
#       library or I/O, so it can be tested, fuzzed and reused; only src/pg builds on it inside the
#       server; worker and sidecar reach the extension by SQL alone; the broker client and the HTTP
#       library each have one seam.
# Fix:  move the code to the layer that may use the header, or pass what is needed as an argument.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0

# Reports each include in FOLDER that matches PATTERN, except in files that match EXCEPT.
forbid()
{
	local folder=$1 pattern=$2 reason=$3 except=${4:-^$} found
	found=$(grep -rnE --include='*.[ch]' "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$pattern" "$folder" |
		grep -vE "$except" || true)
	if [ -n "$found" ]; then
		printf '%s\n    %s\n' "$found" "$reason"
		status=1
	fi
}

SERVER='(postgres|fmgr|access|catalog|commands|executor|funcapi|lib|libpq|miscadmin|nodes|parser|pgstat|port|postmaster|replication|storage|tcop|utils)[/.]'
CLIENTS='(libpq-fe|librdkafka|rdkafka|microhttpd|curl|openssl|argon2)'
SYSTEM='(stdio|unistd|fcntl|signal|pthread|locale|sys/|netinet/|arpa/)'

forbid src/core "$SERVER" "the core knows no PostgreSQL"
forbid src/core "$CLIENTS" "the core knows no client library"
forbid src/core "$SYSTEM" "the core does no I/O and keeps no process state"
forbid src/core '(\.\./)+' "the core includes nothing outside itself"
forbid src/pg '(\.\./)*(bgworker|web|tools)/' "the extension knows nothing of worker, sidecar or tools"
forbid src/pg "$CLIENTS" "the extension links no client library"
for folder in bgworker web/server tools; do
	forbid "$folder" '([^"]*/)?(src/pg|pg)/' "$folder reaches the extension by SQL, not by its headers"
done
forbid bgworker '(librdkafka/)?rdkafka' "only kafka_client.c talks to the broker" '^bgworker/kafka_client\.c:'
forbid web/server 'microhttpd' "only listener.c and response.c know the HTTP library" '^web/server/(listener|response)\.c:'
exit $status
