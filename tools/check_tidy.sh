#!/bin/sh
# clang-tidy over the project's translation units, JOBS at a time; most join several sources (PEERQ_UNITY).
# What passed is remembered by the hash of its command, its sources, all headers of the project that they
# include, and the configuration. Prints one line per finding.
# Usage: check_tidy.sh ROOT TREE CLANG_TIDY CACHE JOBS; TREE is a configured CMake tree with
# compile_commands.json and the generated headers.
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
configuration=$(sha256sum <"$root/.clang-tidy")
(
  cd "$root"
  git -c safe.directory="$root" ls-files -co --exclude-standard -- '*.hpp' '*.ipp' '*.cpp' '*.c' '*.capnp' |
    while IFS= read -r file; do [ ! -f "$file" ] || echo "$file"; done >"$work/files"
  xargs sha256sum <"$work/files" >"$work/sums"
  find "$tree" -path '*/Unity/*.cxx' >>"$work/files"
  xargs grep -H -E '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' <"$work/files" >"$work/includes"
)

awk -v root="$root" -v salt="$version $configuration" -f "$root/tools/tidy_units.awk" \
  "$work/sums" "$work/includes" "$tree/compile_commands.json" >"$work/units"
while IFS='	' read -r text source; do
  key=$(printf '%s' "$text" | sha256sum)
  key=${key%% *}
  [ -e "$cache/$key" ] || echo "$cache/$key $source"
done <"$work/units" >"$work/open"

if [ ! -s "$work/units" ]; then echo "clang-tidy found no translation unit in $tree"; fi
xargs -P "$jobs" -L 1 "$root/tools/tidy_one.sh" "$tidy" "$tree" <"$work/open" >"$work/out" 2>&1 || true
sed -n "s|^$root/||; /^[^ ]*:[0-9]*:[0-9]*: \(error\|warning\): /p" "$work/out" | sort -u >"$work/findings"
cat "$work/findings"
# A run without its mark and without naming a place (a crash, a missing file, a kill) is a finding as well.
[ ! -s "$work/findings" ] || exit 0
while IFS=' ' read -r mark source; do
  [ -e "$mark" ] || echo "clang-tidy failed without a finding on ${source#"$root"/}"
done <"$work/open"
