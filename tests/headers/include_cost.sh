#!/bin/sh
# What including peerq/queue.hpp costs, beside four common standard headers (those of the benchmark suite
# embed). Fails when it brings in a foreign library or a heavy standard header, or more than half as many
# lines again; times are printed only.
# Usage: include_cost.sh COMPILER INCLUDE_DIR
set -eu
compiler=$1
include_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo '#include <peerq/queue.hpp>' >"$work/queue.cpp"
printf '#include <%s>\n' chrono functional string vector >"$work/std.cpp"

# Best of three, in milliseconds.
cost() {
  best=
  for round in 1 2 3; do
    start=$(date +%s%N)
    "$compiler" -std=c++20 -I "$include_dir" -fsyntax-only "$1"
    elapsed=$((($(date +%s%N) - start) / 1000000))
    if [ -z "$best" ] || [ "$elapsed" -lt "$best" ]; then best=$elapsed; fi
  done
  echo "$best"
}

lines() { "$compiler" -std=c++20 -I "$include_dir" -E -P "$1" | wc -l; }

# Every file that is read, one a line.
files() { "$compiler" -std=c++20 -I "$include_dir" -M "$1" | tr ' \\' '\n\n' | grep / | sort -u; }

heavy="algorithm|barrier|condition_variable|deque|filesystem|format|fstream|future|iomanip|iostream|list"
heavy="$heavy|mutex|numeric|queue|random|ranges|regex|set|shared_mutex|sstream|thread|unordered_set"
foreign="/(boost|capnp|catch2|date|fmt|kj)/|/(lmdb|sodium|sqlite3|xxhash)[^/]*$"

queue_lines=$(lines "$work/queue.cpp")
std_lines=$(lines "$work/std.cpp")
echo "include cost: peerq/queue.hpp $(cost "$work/queue.cpp") ms and $queue_lines lines," \
  "four std headers $(cost "$work/std.cpp") ms and $std_lines lines"

status=0
files "$work/queue.cpp" >"$work/queue"
files "$work/std.cpp" >"$work/std"
grep -q '/peerq/queue.hpp$' "$work/queue" || { echo "no list of included files"; exit 1; }
if comm -23 "$work/queue" "$work/std" | grep -E "$foreign|/c\+\+/([^/]*/)*($heavy)$"; then
  echo "peerq/queue.hpp brings in what only sources should include"
  status=1
fi
if [ $((queue_lines * 2)) -gt $((std_lines * 3)) ]; then
  echo "peerq/queue.hpp has more than 1.5 times the lines of the four std headers"
  status=1
fi
exit $status
