#!/bin/sh
# Prints what including peerq/queue.hpp costs beside four common standard headers. Fails only if it does not
# compile.
# Usage: include_cost.sh COMPILER INCLUDE_DIR
set -eu
compiler=$1
include_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo '#include <peerq/queue.hpp>' >"$work/queue.cpp"
printf '#include <%s>\n' string vector map functional >"$work/std.cpp"

# Best of five, in milliseconds.
cost() {
  best=
  for round in 1 2 3 4 5; do
    start=$(date +%s%N)
    "$compiler" -std=c++20 -I "$include_dir" -fsyntax-only "$1"
    elapsed=$((($(date +%s%N) - start) / 1000000))
    if [ -z "$best" ] || [ "$elapsed" -lt "$best" ]; then best=$elapsed; fi
  done
  echo "$best"
}

queue_ms=$(cost "$work/queue.cpp")
std_ms=$(cost "$work/std.cpp")
echo "include cost: peerq/queue.hpp $queue_ms ms, four std headers $std_ms ms"
