#!/bin/sh
# Runs a command without root's rights: initdb and postgres refuse root, and nothing
# else in the demo or the tests needs it. Called by anyone but root it only runs the command.
#
# usage: as-user.sh COMMAND [ARGUMENT…]
#   RIGALPHA_USER  user to become when called by root (default postgres)
#
# A clone made by root may lie below a folder that this user cannot enter. The command then
# keeps one capability, to read and search files, and nothing more.
set -eu

usage()
{
	sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"
	exit "$1"
}

case ${1:-} in
	'') usage 2 ;;
	-h | --help) usage 0 ;;
esac
[ "$(id -u)" -eq 0 ] || exec "$@"

user=${RIGALPHA_USER:-postgres}
root=$(cd "$(dirname "$0")/.." && pwd)

if ! entry=$(getent passwd "$user"); then
	echo "as-user.sh: no user $user: run 'make deps', or name another with RIGALPHA_USER" >&2
	exit 1
fi
HOME=$(echo "$entry" | cut -d: -f6)
USER=$user
LOGNAME=$user
export HOME USER LOGNAME

become()
{
	setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"
}

can_read_tree()
{
	become "$@" test -r "$root/rigalpha.control" 2>/dev/null
}

# access(2), by which Java and test(1) ask, leaves capabilities out of account unless no_setuid_fixup
# is set; what the process may do is the same.
choose_capability()
{
	if can_read_tree --inh-caps=-all; then
		echo --inh-caps=-all
		return
	fi
	for capability in dac_read_search dac_override; do
		options="--securebits=+no_setuid_fixup --inh-caps=-all,+$capability --ambient-caps=-all,+$capability"
		# shellcheck disable=SC2086
		if can_read_tree $options; then
			echo "$options"
			return
		fi
	done
	echo "as-user.sh: user $user cannot read $root, and the capability to do so is not available here:" >&2
	echo "as-user.sh: clone the repository to a folder that everybody may enter, such as below /srv" >&2
	return 1
}

capability=$(choose_capability)

# A temporary folder of root's own is of no use to another user.
if [ -n "${TMPDIR:-}" ] && ! become --inh-caps=-all test -w "$TMPDIR"; then
	unset TMPDIR
fi
# shellcheck disable=SC2086
exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups $capability "$@"
