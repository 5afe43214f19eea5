#!/bin/sh
# One run of clang-tidy; a pass is remembered as the file STAMP. Usage: tidy_one.sh CLANG_TIDY TREE STAMP
# SOURCE
set -u
output=$(nice "$1" --quiet -p "$2" "$4" 2>&1)
status=$?
printf '%s\n' "$output" | grep -v 'warnings generated\.$'
[ $status -ne 0 ] || : >"$3"
exit 0
