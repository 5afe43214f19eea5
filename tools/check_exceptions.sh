#!/bin/sh
# tools/size_exceptions.txt may only shrink: an entry that the last commit does not have is a finding.
set -eu
list=tools/size_exceptions.txt
entries() { sed '/^#/d;/^$/d' | sort; }

before=$(mktemp)
now=$(mktemp)
trap 'rm -f "$before" "$now"' EXIT
git -c safe.directory="$PWD" cat-file -e "HEAD:$list" 2>/dev/null || exit 0
git -c safe.directory="$PWD" show "HEAD:$list" | entries >"$before"
entries <"$list" >"$now"
comm -13 "$before" "$now" | sed "s|^|$list: may only shrink, new: |"
