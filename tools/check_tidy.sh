#!/bin/sh
# clang-tidy over the project's translation units, two at a time. What passed is remembered by the hash of
# its command, its source, all headers of the project that it includes, and the configuration. Prints one
# line per finding.
# Usage: check_tidy.sh ROOT TREE CLANG_TIDY CACHE JOBS; TREE is a built CMake tree with compile_commands.json.
set -eu
root=$1
tree=$2
tidy=$3
cache=$4
jobs=$5
mkdir -p "$cache"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

version=$("$tidy" --version | tr -d '\n')
(cd "$root" &&
  git -c safe.directory="$root" ls-files -co --exclude-standard -- '*.hpp' '*.ipp' '*.cpp' '*.c' '*.capnp' |
  while IFS= read -r file; do [ ! -f "$file" ] || echo "$root/$file"; done | xargs sha256sum) >"$work/sums"
configuration=$(sha256sum <"$root/.clang-tidy")
ninja -C "$tree" -t deps >"$work/deps"

# One line "key source" for each translation unit below lib, transports, tools, examples, benchmarks, tests.
awk -v root="$root" -v tree="$tree" -v salt="$version $configuration" -f "$root/tools/tidy_units.awk" \
  "$work/sums" "$work/deps" "$tree/compile_commands.json" >"$work/units"
while IFS='	' read -r text source; do
  key=$(printf '%s' "$text" | sha256sum)
  key=${key%% *}
  [ -e "$cache/$key" ] || echo "$cache/$key $source"
done <"$work/units" >"$work/open"

xargs -P "$jobs" -L 1 "$root/tools/tidy_one.sh" "$tidy" "$tree" <"$work/open" >"$work/out" 2>&1 || true
sed -n "s|^$root/||; /^[^ ]*:[0-9]*:[0-9]*: \(error\|warning\): /p" "$work/out" | sort -u >"$work/findings"
cat "$work/findings"
# A run that failed without naming a place (a crash, a missing file) is a finding as well.
if [ ! -s "$work/findings" ]; then
  sed -n 's/^tidy: failed: /clang-tidy failed without a finding on /p' "$work/out"
fi
