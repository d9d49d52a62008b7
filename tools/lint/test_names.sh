#!/bin/bash
# Rule: no regression test shares its name with a part of the install script. pg_regress looks in
#       the output folder before the input folder, and the output folder is the root of the tree:
#       sql/NAME.sql would silently be run instead of test/sql/NAME.sql. And every expected
#       output belongs to a test, since an orphan is never compared with anything.
# Fix:  rename the test, or delete the orphan.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0
shopt -s nullglob
for part in sql/*.sql; do
	if [ -e "test/$part" ]; then
		echo "test/$part shadows $part"
		status=1
	fi
done
for output in expected/*.out; do
	name=$(basename "$output" .out)
	if [ ! -e "test/sql/${name%_[0-9]}.sql" ] && [ ! -e "test/sql/$name.sql" ]; then
		echo "$output has no test"
		status=1
	fi
done
exit $status
