#!/bin/bash
# Rule: the C files have the shape of .clang-format, so that a diff shows changes and not habits.
# Fix: make format
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t files < <(git ls-files -co --exclude-standard -- '*.c' '*.h')
exec tools/lint/format.py "$@" "${files[@]}"
