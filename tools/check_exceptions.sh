#!/bin/sh
# tools/size_exceptions.txt may only shrink: an entry that any earlier commit's list lacks is a finding, so
# that committing one does not make it right.
set -eu
list=tools/size_exceptions.txt
entries() { sed '/^#/d;/^$/d' | sort; }
repository() { git -c safe.directory="$PWD" "$@"; }

repository rev-parse -q --verify HEAD >/dev/null 2>&1 || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
entries <"$list" >"$work/now"
for commit in $(repository log --format=%H --full-history HEAD -- "$list"); do
  # A commit that removed the list had an empty one.
  { repository show "$commit:$list" 2>/dev/null || true; } | entries >"$work/then"
  comm -13 "$work/then" "$work/now"
done | sort -u | sed "s|^|$list: may only shrink, new: |"
