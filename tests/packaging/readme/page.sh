#!/bin/sh
# What the pages promise, tried. Usage: page.sh SOURCE_DIR BUILD_DIR STEP
#   tutorial     the program of docs/tutorial.md, built on the installed library and run
#   standalone   examples/standalone, a project of its own, built on the installed library and run
#   same_hello   the first program of README.md is examples/hello.cpp
#   tables       docs/operations.md has every error code with its "happened", and every event
set -eu
source_dir=$1
build_dir=$2
step=$3
here=$source_dir/tests/packaging/readme
scratch=$build_dir/packaging/page_$step
rm -rf "$scratch"
mkdir -p "$scratch/project" "$scratch/run"

build_and_run() {
  cmake -G Ninja -S "$1" -B "$scratch/build" "-DCMAKE_PREFIX_PATH=$build_dir/packaging/prefix_static"
  cmake --build "$scratch/build"
  (cd "$scratch/run" && "$scratch/build/$2") | tee "$scratch/output"
  tail -n 1 "$scratch/output" | grep -qxF "$3"
}

# The lines of a page that are in one list and not in the other are shown; none may be.
same_lines() {
  sort "$1" >"$scratch/first"
  sort "$2" >"$scratch/second"
  diff "$scratch/first" "$scratch/second"
}

case $step in
  tutorial)
    awk -v "directory=$scratch/project" -f "$here/extract.awk" "$source_dir/docs/tutorial.md"
    build_and_run "$scratch/project" tutorial "tutorial: everything was as expected"
    ;;
  standalone)
    cp "$source_dir"/examples/standalone/* "$scratch/project"
    build_and_run "$scratch/project" standalone "16 jobs done, 1 dead-lettered, 0 left"
    ;;
  same_hello)
    awk -v "directory=$scratch/project" -f "$here/extract.awk" "$source_dir/README.md"
    diff "$scratch/project/hello.cpp" "$source_dir/examples/hello.cpp"
    ;;
  tables)
    page=$source_dir/docs/operations.md
    errors=$source_dir/include/peerq/base/errc.hpp
    observer=$source_dir/include/peerq/port/observer.hpp
    sed -n 's/^ *X(\([a-z_]*\), \([a-z]*\),.*/\1 \2/p' "$errors" >"$scratch/codes"
    sed -n 's/^| `\([a-z_]*\)` | \(no\|yes\|unknown\) | .*/\1 \2/p' "$page" >"$scratch/codes_of_page"
    same_lines "$scratch/codes" "$scratch/codes_of_page"
    sed -n '/^enum class NodeEvent/,/^};/s/^  \([a-z_]*\),$/\1/p' "$observer" >"$scratch/events"
    sed -n '/^| event |/,/^$/s/^| `\([a-z_]*\)` | .*/\1/p' "$page" >"$scratch/events_of_page"
    same_lines "$scratch/events" "$scratch/events_of_page"
    test "$(wc -l <"$scratch/codes")" -gt 40 && test "$(wc -l <"$scratch/events")" -gt 10
    ;;
  *) echo "page.sh: unknown step $step" >&2; exit 2 ;;
esac
