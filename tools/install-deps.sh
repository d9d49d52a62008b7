#!/bin/bash
# Installs the Debian packages that the project needs and that are missing.
#
# usage: install-deps.sh [--list] [GROUP…]
#   build   compilers, the server and the libraries: what `make` needs
#   demo    what `make demo` needs beyond that
#   kafka   Java and Maven for Apache Kafka
#   test    what `make check` and `make bench` need
#   all     everything (default)
# Needs root or sudo only when something is missing. A machine that has everything is left as it is.
set -euo pipefail
# shellcheck source=tools/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PG_MAJOR=${PG_MAJOR:-15}

BUILD_PACKAGES="postgresql-$PG_MAJOR postgresql-server-dev-$PG_MAJOR gcc make pkg-config
	librdkafka-dev libmicrohttpd-dev libargon2-dev libssl-dev libcurl4-openssl-dev libpq-dev zlib1g-dev
	python3-zxcvbn ca-certificates"
DEMO_PACKAGES="postgresql-$PG_MAJOR-cron kcat curl"
KAFKA_PACKAGES="kcat python3-confluent-kafka"
TEST_PACKAGES="postgresql-$PG_MAJOR-cron postgresql-$PG_MAJOR-pgtap libipc-run-perl kcat curl git chromium fonts-dejavu-core
	clang-14 clang-format-14 libclang-rt-14-dev g++ libsimdjson-dev shellcheck
	python3 python3-psycopg2 python3-confluent-kafka python3-flask gunicorn wrk
	python3-numpy python3-pandas python3-sklearn python3-torch"

usage()
{
	sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
	exit "$1"
}

# Node may come from elsewhere than Debian: a recent one on the path is enough.
node_packages()
{
	if ! command -v npm >/dev/null ||
		! node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)'; then
		echo nodejs npm
	fi
}

java_packages()
{
	local version
	version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
	[ "${version:-0}" -ge 17 ] || echo openjdk-17-jre-headless
	command -v mvn >/dev/null || echo maven
}

packages_of()
{
	case $1 in
		build) echo "$BUILD_PACKAGES" "$(node_packages)" ;;
		demo) echo "$DEMO_PACKAGES" ;;
		kafka) echo "$KAFKA_PACKAGES" "$(java_packages)" ;;
		test) echo "$TEST_PACKAGES" ;;
		all) for group in build demo kafka test; do packages_of "$group"; done ;;
		*) die "unknown group '$1' (build, demo, kafka, test, all)" ;;
	esac
}

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_of()
{
	local package
	for package in $(printf '%s\n' "$@" | sort -u); do
		is_installed "$package" || echo "$package"
	done
}

# Hundreds of lines that matter only when something went wrong.
apt()
{
	mkdir -p "$BUILD"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" >"$BUILD/install-deps.log" 2>&1
}

# The package lists of a fresh container are empty, and old ones name files that are gone.
update_lists()
{
	say "updating the package lists"
	apt update || true
}

# Installing the server makes and starts a cluster 'main'. Nobody asked for that one, so
# the setting is changed first, and only where the server was not there before.
prevent_main_cluster()
{
	local settings=/etc/postgresql-common/createcluster.conf
	is_installed postgresql-common || apt install --no-install-recommends postgresql-common
	as_root sed -i 's/^#\? *create_main_cluster *=.*/create_main_cluster = false/' "$settings"
}

install_packages()
{
	if ! apt install --no-install-recommends "$@"; then
		update_lists
		apt install --no-install-recommends "$@" ||
			die "the packages could not be installed: $(tail -n 5 "$BUILD/install-deps.log")"
	fi
}

main()
{
	local list=false missing
	case ${1:-} in
		-h | --help) usage 0 ;;
		--list) list=true && shift ;;
	esac
	# shellcheck disable=SC2046
	set -- $(for group in "${@:-all}"; do packages_of "$group"; done)
	if $list; then
		printf '%s\n' "$@" | sort -u
		return
	fi
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		die "this is not Debian: install the equivalents of these packages yourself: $*"
	fi
	missing=$(missing_of "$@")
	[ -n "$missing" ] || return 0

	say "installing: $(echo "$missing" | tr '\n' ' ')"
	if [ -z "$(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null)" ]; then
		update_lists
	fi
	if echo "$missing" | grep -qx "postgresql-$PG_MAJOR"; then
		prevent_main_cluster
	fi
	# shellcheck disable=SC2086
	install_packages $missing
}

main "$@"
