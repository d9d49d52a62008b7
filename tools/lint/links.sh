#!/bin/bash
# Rule: every relative link of a document leads to a file of the repository.
# Fix:  correct the link, or add the file.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0
while IFS= read -r document; do
	while IFS= read -r target; do
		path=${target%%#*}
		if [ -n "$path" ] && [ ! -e "$(dirname "$document")/$path" ]; then
			echo "$document: $target does not exist"
			status=1
		fi
	done < <(grep -oE '\]\([^)[:space:]]+\)' "$document" | sed 's/^](//; s/)$//' | grep -vE '^([a-z]+:|#)' || true)
done < <(git ls-files -co --exclude-standard -- '*.md')
exit $status
