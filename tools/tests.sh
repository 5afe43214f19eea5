# ./run test; sourced by run. The trees' tests are put together, so that one summary of ctest closes the
# report.

# ctest_of DIRECTORY TREES ARGUMENTS...: runs the tests of several build trees as one.
ctest_of() {
  directory=$1
  trees=$2
  shift 2
  mkdir -p "$directory"
  for tree in $trees; do echo "subdirs(\"$tree\")"; done >"$directory/CTestTestfile.cmake"
  [ ! -f "$directory/extra.cmake" ] || cat "$directory/extra.cmake" >>"$directory/CTestTestfile.cmake"
  ctest --test-dir "$directory" --output-on-failure --no-tests=error -j "$jobs" "$@" || return 1
}

# The filter as a regular expression if it selects anything as one, else as plain text.
filter_expression() {
  if ctest --test-dir "$1" -N -R "$2" 2>/dev/null | grep -q 'Total Tests: [1-9]'; then
    printf '%s\n' "$2"
  else
    printf '%s\n' "$2" | sed 's/[][\.*^$+?(){}|]/\\&/g'
  fi
}

run_test() {
  fast= && filter=
  while [ $# -gt 0 ]; do
    case $1 in
      --fast) fast=1 ;;
      -*) wrong_usage "test: unknown option $1" ;;
      *) [ -z "$filter" ] || wrong_usage "test: one FILTER at most"; filter=$1 ;;
    esac
    shift
  done
  need build test bench examples
  presets=$(preset_for release)
  [ -n "$fast" ] || [ -n "$plant" ] || presets="release asan"
  trees=
  for preset in $presets; do
    build "$preset"
    trees="$trees $(tree_of "$preset")"
  done
  directory=$builds/test
  set --
  [ -z "$fast" ] || set -- "$@" -LE packaging
  if [ -n "$filter" ]; then
    mkdir -p "$directory"
    for tree in $trees; do echo "subdirs(\"$tree\")"; done >"$directory/CTestTestfile.cmake"
    set -- "$@" -R "$(filter_expression "$directory" "$filter")"
  fi
  status=0
  ctest_of "$directory" "$trees" "$@" || status=$?
  random_steps "$directory/Testing/Temporary/LastTest.log"
  return $status
}

# How many commands the random logs of the model had, over all trees.
random_steps() {
  [ -f "$1" ] || return 0
  awk '/^model .*: steps [0-9]+ /{ sub(/.*: steps /, ""); sum += $1 }
    END { if (sum) print "random command steps " sum }' "$1"
}
