# Configuring and building; sourced by run. Each preset has its tree below $builds; a lock keeps two runs
# apart.

jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
# One compiler cache for all trees and clones.
export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$root"

tree_of() { echo "$builds/$1"; }
bin_dir() { echo "$builds/$1/bin"; }

# The tree that a program is taken from: with a planted bug another than usual.
preset_for() { if [ -n "$plant" ]; then echo plants; else echo "$1"; fi; }

plants_of_this_version() { sed -n 's/^ *X(\([a-z0-9_]*\),.*/\1/p' "$root/include/peerq/base/plant.hpp"; }

check_plant() {
  [ -n "$plant" ] || return 0
  plants_of_this_version | grep -qxF -- "$plant" && return 0
  echo "run: unknown planted bug $plant; there are:" $(plants_of_this_version) >&2
  exit 2
}

# Runs a command with its output in a log, or shown on a terminal; a failure shows the log.
logged() {
  log=$1
  shift
  if [ -t 1 ]; then
    "$@" && return 0
  else
    "$@" >"$log" 2>&1 </dev/null && return 0
    cat "$log" >&2
  fi
  echo "run: failed: $*" >&2
  exit 1
}

# configure PRESET: parts whose packages are installed (`need`) are switched on, and stay on in a tree that
# has them.
configure() {
  tree=$(tree_of "$1")
  wanted=
  for part in TESTS BENCHMARKS ALL_EXAMPLES; do
    setting=OFF
    grep -q "^PEERQ_BUILD_$part:[A-Z]*=ON" "$tree/CMakeCache.txt" 2>/dev/null && setting=ON
    part_is_needed "$part" "$1" && setting=ON
    grep -q "^PEERQ_BUILD_$part:[A-Z]*=$setting" "$tree/CMakeCache.txt" 2>/dev/null ||
      wanted="$wanted -DPEERQ_BUILD_$part=$setting"
  done
  [ -z "$wanted" ] && [ -f "$tree/build.ninja" ] && return 0
  if [ "$1" = clang ] && ! command -v clang++-16 >/dev/null; then
    wanted="$wanted -DCMAKE_CXX_COMPILER=clang++"
  fi
  # The thread sanitizer of g++ 12 does not start where the kernel scatters addresses widely.
  random_bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)
  if [ "$1" = tsan ] && [ "$random_bits" -gt 28 ] && setarch -R true; then
    wanted="$wanted -DCMAKE_CROSSCOMPILING_EMULATOR=setarch;-R"
  fi
  mkdir -p "$tree"
  (cd "$root" && logged "$tree.configure.log" flock "$tree.lock" cmake --preset "$1" -B "$tree" $wanted)
}

part_is_needed() {
  case $1-$command-$2 in
    TESTS-test-* | TESTS-check-* | TESTS-soak-*) return 0 ;;
    ALL_EXAMPLES-test-release | ALL_EXAMPLES-test-plants | ALL_EXAMPLES-check-lint) return 0 ;;
    ALL_EXAMPLES-example-*) [ -n "$(groups_of_example "$name")" ] ;;
    BENCHMARKS-test-release | BENCHMARKS-check-lint | BENCHMARKS-bench-release) return 0 ;;
    *) return 1 ;;
  esac
}

# build PRESET TARGET...
build() {
  preset=$1
  shift
  echo "run: building $preset${1:+ ($*)}" >&2
  configure "$preset"
  tree=$(tree_of "$preset")
  logged "$tree.build.log" flock "$tree.lock" cmake --build "$tree" -j "$jobs" -t "${@:-all}"
}
