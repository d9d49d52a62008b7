#!/bin/bash
# Rule: test/upgrade keeps the install script of every version, the current one as it is built from
#       sql/: upgrades are tested from what was really installed.
# Fix:  cat sql/[0-9]*.sql > test/upgrade/rigalpha--VERSION.sql while VERSION is not released; after
#       its release raise default_version in rigalpha.control and write an upgrade script.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" rigalpha.control)
cat sql/[0-9]*.sql | cmp - "test/upgrade/rigalpha--$version.sql"
