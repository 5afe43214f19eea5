# ./run soak; sourced by run. Programs and how much of each is done: tests/soak/programs.txt.

soak_table=$root/tests/soak/programs.txt

soak_names() { sed -n 's/^\([a-z]*\) *|.*/\1/p' "$soak_table"; }

# soak_amount NAME COLUMN: the options of the long (2) or the short (3) programme.
soak_amount() { awk -F'|' -v name="$1" -v column="$2" '$1 ~ "^" name " *$" { print $column }' "$soak_table"; }

# The given options, and those of the programme that are not among them.
soak_options() {
  given=$1
  set -- $2
  while [ $# -gt 1 ]; do
    case " $given " in *" $1 "*) ;; *) given="$given $1 $2" ;; esac
    shift 2
  done
  echo "$given"
}

run_soak() {
  only= && quick= && options=
  while [ $# -gt 0 ]; do
    case $1 in
      --only) [ $# -ge 2 ] || wrong_usage "--only needs a name"; only=$2; shift ;;
      --quick) quick=1 ;;
      --cycles | --images | --steps | --runs | --seeds | --seed | --gib | --minutes | --peers)
        case ${2:-} in '' | *[!0-9]*) wrong_usage "$1 needs a number" ;; esac
        options="$options $1 $2"
        shift
        ;;
      *) wrong_usage "soak: unknown $1" ;;
    esac
    shift
  done
  case $only in
    '') [ -z "$options" ] || wrong_usage "these options need --only" ;;
    fuzz | partition | transfer | steady) wrong_usage "this version has no soak $only" ;;
    planted) [ -z "$plant$options" ] || wrong_usage "--only planted tries every bug, without options" ;;
    *) soak_names | grep -qxF -- "$only" || wrong_usage "soak: unknown name $only" ;;
  esac
  case " $options " in *" --peers "*) wrong_usage "this version runs one peer: no --peers" ;; esac
  need build test
  if [ "$only" = planted ]; then soak_planted; fi
  if [ -n "$only" ]; then soak_only; fi
  if [ -n "$quick" ]; then soak_quick; else soak_long; fi
}

soak_only() {
  preset=$(preset_for release)
  column=2
  [ -z "$quick" ] || column=3
  build "$preset" "soak_$only" peerq_preloads
  options=$(soak_options "$options" "$(soak_amount "$only" $column)")
  exec "$root/tools/soak_one.sh" "$(bin_dir "$preset")" "$only" $options
}

soak_planted() {
  build plants peerq_soak peerq_preloads
  exec "$root/tools/planted.sh" "$root" "$(bin_dir plants)" $(plants_of_this_version)
}

# Thread sanitizer, the second compiler and a short run of every program, closed by one summary of ctest.
soak_quick() {
  [ -z "$plant" ] || wrong_usage "with a planted bug, soak needs --only"
  need clang
  build release peerq_soak peerq_preloads
  build tsan
  build clang
  directory=$builds/soak_quick
  mkdir -p "$directory"
  for name in $(soak_names); do
    printf 'add_test("soak %s" "%s" "%s" %s %s)\n' \
      "$name" "$root/tools/soak_one.sh" "$(bin_dir release)" "$name" "$(soak_amount "$name" 3)"
    echo "set_tests_properties(\"soak $name\" PROPERTIES LABELS soak TIMEOUT 900)"
  done >"$directory/extra.cmake"
  ctest_of "$directory" "$(tree_of tsan) $(tree_of clang)" \
    -R '^(soak |clang unit: |tsan (unit|conformance|regression|integration): )'
}

# The long programme, two at a time, and a table of the last lines.
soak_long() {
  [ -z "$plant" ] || wrong_usage "with a planted bug, soak needs --only"
  build release peerq_soak peerq_preloads
  build plants peerq_soak peerq_preloads
  results=$(mktemp -d)
  {
    for name in $(soak_names); do
      amount=$(soak_amount "$name" 2)
      echo "'$root/tools/soak_one.sh' '$(bin_dir release)' $name $amount >'$results/$name' 2>&1"
    done
    echo "'$root/tools/planted.sh' '$root' '$(bin_dir plants)'" $(plants_of_this_version) \
      ">'$results/planted' 2>&1"
  } | tr '\n' '\0' | xargs -0 -P 2 -I '{}' sh -c '{}' && status=0 || status=1
  for name in $(soak_names) planted; do
    last=$(tail -n 1 "$results/$name")
    verdict=FAILED
    case $last in
      *" violations 0 "*) verdict=held ;;
      "planted: "*) [ "${last##* of }" != "$(echo "$last" | cut -d ' ' -f 2)" ] || verdict=held ;;
    esac
    [ $verdict = held ] || { status=1; cp "$results/$name" "$builds/soak_$name.log"; }
    printf '%-8s %-7s %s\n' "$name" $verdict "$last"
  done
  rm -rf "$results"
  exit $status
}
