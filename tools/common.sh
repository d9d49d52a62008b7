# Shell functions shared by the scripts in this folder; sourced, never run.
# shellcheck shell=bash disable=SC2034

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$ROOT/build
PG_CONFIG=${PG_CONFIG:-pg_config}

# Prints a progress line.
say()
{
	printf '%s\n' "$*"
}

# Prints why the script cannot go on, and ends it.
die()
{
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 1
}

# Puts the programs of the chosen server first on the path.
use_server_programs()
{
	command -v "$PG_CONFIG" >/dev/null ||
		die "$PG_CONFIG not found: run 'make deps', or name it with PG_CONFIG=/path/to/pg_config"
	PATH=$("$PG_CONFIG" --bindir):$PATH
	export PATH
}

# Runs a command with administrator rights.
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this step needs root or sudo: $*"
	fi
}

# True when the server's folders hold exactly what was built.
modules_are_installed()
{
	local libraries scripts script
	libraries=$("$PG_CONFIG" --pkglibdir) scripts=$("$PG_CONFIG" --sharedir)/extension
	for script in "$ROOT"/src/rigalpha--*.sql; do
		cmp -s "$script" "$scripts/$(basename "$script")" || return 1
	done
	cmp -s "$ROOT/rigalpha.control" "$scripts/rigalpha.control" &&
		cmp -s "$ROOT/src/rigalpha.so" "$libraries/rigalpha.so" &&
		cmp -s "$ROOT/bgworker/rigalpha_worker.so" "$libraries/rigalpha_worker.so"
}

# Builds everything and installs the modules, without asking for rights when nothing changed.
build_and_install()
{
	make -C "$ROOT" all || return 1
	modules_are_installed || as_root make -C "$ROOT" install-server PG_CONFIG="$PG_CONFIG"
}

# Runs a command without administrator rights (see as-user.sh).
as_user()
{
	"$ROOT/tools/as-user.sh" "$@"
}

# Makes a folder that the unprivileged user of as-user.sh owns and only it can read.
private_directory()
{
	mkdir -p "$1"
	chmod 700 "$1"
	if [ "$(id -u)" -eq 0 ]; then
		chown "${RIGALPHA_USER:-postgres}": "$1"
	fi
}

# Writes standard input to a file that only the unprivileged user can read.
write_private()
{
	# shellcheck disable=SC2016
	as_user sh -c 'umask 077 && cat >"$1"' sh "$1"
}

# Repeats a command until it succeeds: wait_until SECONDS COMMAND…; fails when the time is over.
wait_until()
{
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.1
	done
}

# True when a server could listen on this loopback port. By trying: a port may also be taken as
# the near end of an outgoing connection.
port_is_free()
{
	# shellcheck disable=SC2016
	perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
		setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
		exit(bind($s, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) ? 0 : 1)' "$1"
}

# The first free port from this one on.
free_port()
{
	local port=$1
	until port_is_free "$port"; do
		port=$((port + 1))
	done
	echo "$port"
}

# True when the process exists and its command line contains the text: a pid file left
# by a crash may name a process that has nothing to do with us.
process_matches()
{
	local line=
	# Empty for a moment while the process executes another program, and for good once it is dead.
	until [ -n "$line" ]; do
		line=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") || return 1
		if [ -z "$line" ] && ! grep -qs '^State:[[:space:]]*[RSDTt]' "/proc/$1/status"; then
			return 1
		fi
	done
	grep -qF -- "$2" <<<"$line"
}

# True when the pid file names a living process of this program: process_runs FILE TEXT.
process_runs()
{
	local pid
	pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && process_matches "$pid" "$2"
}

process_gone()
{
	! process_runs "$1" "$2"
}

# Starts a program in its own session, so that Ctrl-C reaches only the caller:
# start_process PIDFILE LOGFILE COMMAND…
start_process()
{
	local pid_file=$1 log_file=$2
	shift 2
	setsid "$ROOT/tools/as-user.sh" "$@" >>"$log_file" 2>&1 </dev/null &
	echo $! >"$pid_file"
	wait_until 5 has_become $! "$1" || true
	disown
}

# A new process is a copy of this shell until it executes its program, or fails to.
has_become()
{
	process_matches "$1" "$2" || [ ! -e "/proc/$1" ]
}

# Ends the program of a pid file, by force after ten seconds: stop_process FILE TEXT.
stop_process()
{
	if process_runs "$1" "$2"; then
		kill -TERM "$(cat "$1")" 2>/dev/null || true
		if ! wait_until 10 process_gone "$1" "$2"; then
			kill -KILL "$(cat "$1")" 2>/dev/null || true
			wait_until 5 process_gone "$1" "$2" || true
		fi
	fi
	rm -f "$1"
}

# A random password of 32 letters and digits.
random_password()
{
	od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}
