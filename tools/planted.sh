#!/bin/sh
# Tries every planted bug: each must be found by its detector, as a violation that it counts in its last line,
# and the detector must pass without it (tests/soak/planted.txt).
# Usage: planted.sh ROOT BIN_DIR PLANT...; ends "planted: FOUND of ALL", exit status 0 if that is all of them.
set -u
table=$1/tests/soak/planted.txt
bin_dir=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

detector_of() { sed -n "s/^$1  *//p" "$table" | head -n 1; }

# Runs a detector in the directory of the programs; at most ten minutes.
detect() {
  cd "$bin_dir" && PATH="$bin_dir:$PATH" PEERQ_PLANT=$1 timeout 600 sh -c "$2" >"$work/output" 2>&1 </dev/null
}

# How many violations the last line of a detector's output speaks of; it may fail for other reasons.
violations() { tail -n 1 "$work/output" | sed -n 's/^[a-z]*: .* violations \([0-9]*\) .*/\1/p'; }

# Whether a detector passes without a bug; each is tried once.
is_sound() {
  key=$work/$(printf '%s' "$1" | cksum | tr ' ' _)
  if [ ! -e "$key" ]; then
    if detect "" "$1"; then echo sound >"$key"; else echo unsound >"$key"; fi
  fi
  grep -qx sound "$key"
}

found=0
for plant; do
  detector=$(detector_of "$plant")
  if [ -z "$detector" ]; then
    verdict="no detector in tests/soak/planted.txt"
  elif ! is_sound "$detector"; then
    verdict="its detector fails without the bug: $detector"
  else
    detect "$plant" "$detector"
    case $?-$(violations) in
      0-*) verdict="not found by: $detector" ;;
      1-[1-9]*) verdict=found && found=$((found + 1)) ;;
      124-*) verdict="its detector took too long: $detector" ;;
      *) verdict="its detector failed, but not with a violation: $detector" ;;
    esac
  fi
  printf '%-28s %s\n' "$plant" "$verdict"
done
echo "planted: $found of $#"
[ $# -gt 0 ] && [ "$found" -eq $# ]
