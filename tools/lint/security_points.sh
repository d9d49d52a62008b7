#!/bin/bash
# Rule: each of the 45 points of docs/security_checklist.md names tests that exist, or says why it does not apply;
#       each such test says "point N". A promise without a test is a wish.
# Fix:  write the test and name it in the table as `file: name`; a renamed test is renamed there too.
set -euo pipefail
cd "$(dirname "$0")/../.."
CHECKLIST=docs/security_checklist.md
POINTS=45
status=0

report()
{
	echo "$CHECKLIST: point $1: $2"
	status=1
}

# Each `file: name` of the last column must be there.
check_tests()
{
	local point=$1 tests=$2 test file name count=0
	while IFS= read -r test; do
		file=${test%%: *} name=${test#*: }
		count=$((count + 1))
		if [ ! -f "$file" ]; then
			report "$point" "$file does not exist"
		elif ! grep -qF -- "$name" "$file"; then
			report "$point" "$file has no '$name'"
		elif ! grep -qE "[Pp]oints? ([0-9]+(,| and) )*$point\b" <<<"$(grep -F -B2 -A2 -- "$name" "$file")"; then
			report "$point" "'$name' of $file does not say that it holds it"
		fi
	done < <(grep -oE '`[^`]+: [^`]+`' <<<"$tests" | tr -d '`')
	[ $count -gt 0 ] || report "$point" "no test and no reason"
}

for point in $(seq $POINTS); do
	row=$(grep -E "^\| $point \|" "$CHECKLIST" || true)
	if [ "$(grep -c . <<<"$row")" -ne 1 ]; then
		report "$point" "needs one row"
		continue
	fi
	held_by=$(sed -E 's/ \|$//; s/^.*\| //' <<<"$row")
	case $held_by in
		'does not apply: '?*) ;;
		*) check_tests "$point" "$held_by" ;;
	esac
done
exit $status
