# ./run check; sourced by run. Prints findings, then one line "check: N files, N findings".

cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
findings=$work/findings
: >"$findings"

# Every file of the project that exists, also what is not yet committed.
git -c safe.directory="$root" ls-files -co --exclude-standard |
  while IFS= read -r file; do [ ! -f "$file" ] || echo "$file"; done | sort -u >"$work/all"
grep -E '\.(hpp|ipp|cpp|c)$' "$work/all" >"$work/sources"
grep -E '\.(hpp|ipp|cpp|c|capnp|sh|awk|cmake)$|CMakeLists\.txt$|^run$' "$work/all" >"$work/measured"

tool() { command -v "$1-16" || command -v "$1"; }

progress() { [ ! -t 2 ] || echo "check: $*" >&2; }

progress formatting
tools/check_format.sh "$(tool clang-format || echo clang-format)" "$jobs" <"$work/sources" >>"$findings"

progress layers, sizes, words, numbers
xargs awk -f tools/check_layers.awk "$work/all" <"$work/sources" >>"$findings"
xargs awk -f tools/check_sizes.awk tools/size_exceptions.txt <"$work/measured" >>"$findings"
tools/check_exceptions.sh >>"$findings"
xargs awk -f tools/check_words.awk <"$work/all" >>"$findings"
grep -E '^tests/.*\.cpp$' "$work/sources" |
  xargs awk -f tools/check_semantics.awk docs/semantics.md >>"$findings"
awk -f tools/check_plants.awk include/peerq/base/plant.hpp docs/contributing.md >>"$findings"

# This tree gives the lint its units and the generated headers; its peerq_headers has every header alone.
progress headers
if (build lint peerq_wire_generated peerq_headers); then
  progress lint
  tidy=$(tool clang-tidy || echo clang-tidy)
  tools/check_tidy.sh "$root" "$(tree_of lint)" "$tidy" "$builds/tidy" "$jobs" >>"$findings"
else
  echo "a header does not compile (messages are above), so that there was no lint" >>"$findings"
fi

cat "$findings"
echo "check: $(wc -l <"$work/sources") files, $(wc -l <"$findings") findings"
[ ! -s "$findings" ]
