#!/bin/bash
# `make lint`: runs every rule of this folder and prints TAP. A rule that fails prints what it
# found, why it exists and how to put it right (the comment at its head).
set -euo pipefail
cd "$(dirname "$0")"
rules=(dependencies.sh sizes.py format.sh symbols.sh test_names.sh kept_script.sh leftovers.sh links.sh security_points.sh shell.sh)
failed=0
number=0

# The comment or docstring at the head of the rule.
explain()
{
	case $1 in
		*.py) sed -n '2,/"""$/p' "$1" | sed 's/"""//; /^$/d' ;;
		*) sed -n '2,${/^# /!q;p}' "$1" | sed 's/^# //' ;;
	esac
}

# The rules ask git which files belong to the project.
if ! reason=$(git ls-files --error-unmatch run.sh 2>&1); then
	echo "1..0 # SKIP git does not know this tree: $(echo "$reason" | head -n 1)"
	[ "${CI:-}" != true ]
	exit
fi

echo "1..${#rules[@]}"
for rule in "${rules[@]}"; do
	number=$((number + 1))
	if output=$("./$rule" 2>&1); then
		echo "ok $number - ${rule%.*}"
	else
		echo "not ok $number - ${rule%.*}"
		{ echo "$output" && explain "$rule"; } | sed 's/^/#   /'
		failed=1
	fi
done
exit $failed
