# Private PostgreSQL clusters for the demo and the tests; sourced after common.sh.
# A cluster listens on the loopback interface only and knows no authentication but SCRAM.
# shellcheck shell=bash

# Settings of the demo and of every test. Each partition and its index is a lock in a query over
# many days, and each source and job is a worker process: hence the two high limits.
cluster_settings()
{
	cat <<-END
		listen_addresses = '127.0.0.1'
		port = $1
		unix_socket_directories = ''
		password_encryption = 'scram-sha-256'
		wal_level = 'logical'
		max_slot_wal_keep_size = '1GB'
		max_wal_size = '2GB'
		max_worker_processes = 24
		max_locks_per_transaction = 256
		max_connections = 100
		shared_buffers = '256MB'
		log_line_prefix = '%m [%p] %b %q%u@%d '
		cluster_name = 'rigalpha'
		timezone = 'UTC'
	END
}

# Makes a cluster for the superuser postgres with the password PGPASSWORD; further
# settings are read from standard input: cluster_create FOLDER PORT.
cluster_create()
{
	local data=$1/data password_file=$1/password.new
	private_directory "$1"
	as_user rm -rf "$data"
	printf '%s\n' "$PGPASSWORD" | write_private "$password_file"
	as_user initdb -D "$data" -U postgres --auth=scram-sha-256 --pwfile="$password_file" \
		--encoding=UTF8 --locale=C.UTF-8 --no-sync --no-instructions >"$1/initdb.log" 2>&1 ||
		die "initdb failed: $(tail -n 3 "$1/initdb.log")"
	as_user rm -f "$password_file"
	{ cluster_settings "$2"; cat; } | as_user tee -a "$data/postgresql.conf" >/dev/null
}

cluster_start()
{
	as_user pg_ctl -D "$1/data" -l "$1/postgresql.log" -w -t 60 start >/dev/null </dev/null ||
		die "PostgreSQL did not start: $(tail -n 5 "$1/postgresql.log")"
}

# By the command line too: pg_ctl would take any process with the number in a stale pid file.
cluster_runs()
{
	local pid
	pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && process_matches "$pid" "-D $1/data"
}

# Stops the cluster; whatever is left of a crash is no error.
cluster_stop()
{
	if cluster_runs "$1"; then
		as_user pg_ctl -D "$1/data" -m fast -w -t 60 stop >/dev/null 2>&1 ||
			as_user pg_ctl -D "$1/data" -m immediate -w stop >/dev/null 2>&1 || true
	fi
}

# Runs SQL from standard input as the superuser: cluster_sql DATABASE [PSQL OPTION…].
cluster_sql()
{
	local database=$1
	shift
	psql -XqAt -v ON_ERROR_STOP=1 -d "$database" "$@"
}
