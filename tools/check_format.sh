#!/bin/sh
# Prints a line per source file that is not formatted, and one if the formatter itself fails.
# Usage: check_format.sh CLANG_FORMAT JOBS <LIST
set -u
output=$(mktemp)
trap 'rm -f "$output"' EXIT
xargs -P "$2" -n 16 "$1" --dry-run --Werror >"$output" 2>&1
status=$?
findings=$(sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: error: .*clang-format.*/\1/p' "$output" | sort -u)
if [ -n "$findings" ]; then
  printf '%s\n' "$findings" | sed 's/$/: is not formatted; tools\/format.sh does it/'
elif [ $status -ne 0 ]; then
  echo "the formatter failed with status $status and without a finding: $(head -n 1 "$output")"
fi
