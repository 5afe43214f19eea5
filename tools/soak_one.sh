#!/bin/sh
# Runs one soak program and judges it: exit 0 only if it succeeded and its last line reads "NAME: ...
# violations 0 ...".
# Usage: soak_one.sh BIN_DIR NAME OPTIONS...
set -eu
bin_dir=$1
name=$2
shift 2

if [ ! -x "$bin_dir/soak_$name" ]; then
  echo "soak: there is no program $bin_dir/soak_$name" >&2
  exit 1
fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT
status_file=$output.status
{
  status=0
  "$bin_dir/soak_$name" "$@" || status=$?
  echo "$status" >"$status_file"
} | tee "$output"
status=$(cat "$status_file")
rm -f "$status_file"

last=$(tail -n 1 "$output")
case $status-$last in
  0-"$name: "*"violations 0"*) exit 0 ;;
  0-*) echo "soak: $name succeeded without saying so in its last line" >&2; exit 1 ;;
  1-*) exit 1 ;;
  2-*) exit 2 ;;
  *) echo "soak: $name ended with status $status" >&2; exit 1 ;;
esac
