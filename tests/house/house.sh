#!/bin/sh
# Shows that the project's checkers and runners can fail, each on a small project made for it.
# Usage: house.sh SOURCE_DIR PART
set -eu
tools=$1/tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# put FILE TEXT: a file of the small project.
put() {
  mkdir -p "$(dirname "$1")"
  printf '%b' "$2" >"$1"
}

# expect COUNT PATTERN COMMAND...: that many lines of the output match.
expect() {
  count=$1
  pattern=$2
  shift 2
  "$@" >output 2>&1 || true
  found=$(grep -cE -- "$pattern" output || true)
  [ "$found" -eq "$count" ] || { fail "expected $count times '$pattern', found $found:"; cat output; }
}

layers() {
  find include lib transports tests examples -type f 2>/dev/null | sort >list
  xargs awk -f "$tools/check_layers.awk" list <list
}

# layers_of PATTERN COUNT FILE TEXT: the findings of a small sound project with one more file.
layers_of() {
  rm -rf include lib transports tests examples
  put include/peerq/base/ids.hpp '#include <cstdint>\n'
  put include/peerq/engine/rows.hpp '#include "peerq/base/ids.hpp"\n'
  put include/peerq/port/log.hpp '#include "peerq/base/ids.hpp"\n'
  put include/peerq/queue.hpp '#include "peerq/base/ids.hpp"\n'
  put include/peerq/asio.hpp '#include <boost/asio.hpp>\n#include "peerq/queue.hpp"\n'
  put lib/checksum/checksum.hpp '#include <xxhash.h>\n'
  put lib/wire/codec.hpp '#include <capnp/message.h>\n#include "peerq/port/log.hpp"\n'
  put lib/storage/log.cpp '#include <lmdb.h>\n#include <fmt/format.h>\n#include "checksum/checksum.hpp"\n'
  put lib/storage/log.hpp '#include "peerq/port/log.hpp"\n'
  put lib/node/node.cpp '#include "peerq/port/log.hpp"\n#include "node/node.hpp"\n'
  put lib/node/node.hpp '#include "peerq/base/ids.hpp"\n'
  put lib/api/node.cpp '#include "storage/log.hpp"\n#include "node/node.hpp"\n#include "peerq/queue.hpp"\n'
  put tests/unit/log.cpp '#include <lmdb.h>\n#include "storage/log.hpp"\n'
  put "$3" "$4"
  expect "$2" "$1" layers
}

test_layers() {
  layers_of '.' 0 lib/wire/sound.cpp '#include "wire/codec.hpp"\n'
  layers_of 'layer 0 includes' 1 include/peerq/base/bad.hpp '#include "peerq/engine/rows.hpp"\n'
  layers_of 'layer 1 includes' 1 include/peerq/engine/bad.hpp '#include "peerq/port/log.hpp"\n'
  layers_of 'layer 3 includes' 1 lib/storage/bad.cpp '#include "node/node.hpp"\n'
  layers_of 'layer 5 includes' 1 include/peerq/bad.hpp '#include "peerq/asio.hpp"\n'
  layers_of 'other adapter' 1 lib/storage/bad.cpp '#include "wire/codec.hpp"\n'
  layers_of 'other adapter' 1 lib/storage/bad.cpp '#include "../wire/codec.hpp"\n'
  layers_of 'ports only' 1 lib/node/bad.cpp '#include "storage/log.hpp"\n'
  layers_of 'private' 1 include/peerq/bad.hpp '#include "node/node.hpp"\n'
  layers_of 'only what is public' 1 examples/bad.cpp '#include "node/node.hpp"\n'
  layers_of 'does not belong' 1 lib/node/bad.cpp '#include <lmdb.h>\n'
  layers_of 'does not belong' 1 lib/api/bad.cpp '#include <raft.h>\n'
  layers_of 'does not belong' 1 lib/storage/bad.cpp '#include <kj/array.h>\n'
  layers_of 'does not belong' 1 lib/storage/bad.cpp '#include "entry.capnp.h"\n'
  layers_of 'does not belong' 1 lib/api/bad.cpp '#include <boost/asio/post.hpp>\n'
  layers_of 'does not belong' 1 lib/node/bad.cpp '#include <sodium.h>\n'
  layers_of 'does not belong' 1 lib/node/bad.hpp '#include <fmt/format.h>\n'
  layers_of 'does not belong' 1 lib/api/bad.cpp '#include <date/tz.h>\n'
  layers_of '.' 0 lib/calendar/sound.hpp '#include <date/tz.h>\n#include "peerq/port/log.hpp"\n'
  layers_of 'other adapter' 1 lib/calendar/bad.cpp '#include "wire/codec.hpp"\n'
  layers_of 'does not belong' 1 lib/storage/bad.cpp '#include <xxhash.h>\n'
  layers_of 'standard library only' 1 include/peerq/port/bad.hpp '#include <sys/uio.h>\n'
  layers_of 'pure function' 1 include/peerq/engine/bad.hpp '#include <random>\n'
  layers_of 'no floats' 1 include/peerq/engine/bad.hpp 'inline double half = 0.5;\n'
  layers_of 'no floats' 0 include/peerq/engine/sound.hpp '// a double delivery\n'
  layers_of 'no layer' 1 lib/elsewhere/bad.cpp 'int x;\n'
}

lines() { awk -v count="$1" -v text="${2:-  step();}" 'BEGIN { for (i = 0; i < count; i++) print text }'; }

sizes() { awk -f "$tools/check_sizes.awk" exceptions.txt "$@"; }

# function_of HEAD LINES: a file with one function of so many lines.
function_of() {
  { printf 'namespace peerq {\n%s\n' "$1"; lines $(($2 - 2)); printf '}\n}  // namespace peerq\n'; } >part.cpp
}

test_sizes() {
  : >exceptions.txt
  for head in 'void work() {' 'template <class T> requires(sizeof(T) > 4) void work(T x) noexcept {' \
    'auto Thing::work(int a) const -> std::vector<int> {' 'Thing::work(int a) : a_{a}, b_(a) {' \
    'Thing::work(int a) : a_{a}, b_{a} {' 'static struct Thing* work(const char* text = "{") {' \
    "void work(char c = '{') {  // {" 'inline constexpr auto work = [](int x) {' \
    'struct Thing { int a{1}; std::array<int, 2> b = {1, 2}; bool w() const&& { return 1; } void work() {'; do
    function_of "$head" 70
    case $head in struct*) echo '};' >>part.cpp ;; esac
    expect 0 . sizes part.cpp
    function_of "$head" 71
    case $head in struct*) echo '};' >>part.cpp ;; esac
    expect 1 'function (Thing::)?work has 71 lines' sizes part.cpp
  done
  { echo 'struct Long {'; lines 80 '  int work() { return R"(}{)"[0]; }'; echo '};'; } >part.cpp
  expect 0 . sizes part.cpp
  { echo 'constexpr int table[] = {'; lines 80 '  1,'; echo '};'; } >part.cpp
  expect 0 . sizes part.cpp
  { printf 'template <class T>\nconcept Long = requires(T x) {\n'; lines 80 '  x.f();'; echo '};'; } >part.cpp
  expect 0 . sizes part.cpp
  { echo 'TEST_CASE("works, { or not") {'; lines 80; echo '}'; } >part.cpp
  expect 1 'function TEST_CASE\(works, . or not\) has 82' sizes part.cpp
  function_of 'void work() {' 71
  echo 'part.cpp work' >exceptions.txt
  expect 0 . sizes part.cpp
  function_of 'void work() {' 70
  expect 1 'no longer needed: part.cpp work' sizes part.cpp
  : >exceptions.txt
  lines 600 'int x;' >part.cpp && expect 0 . sizes part.cpp
  lines 601 'int x;' >part.cpp && expect 1 'file of 601 lines' sizes part.cpp
  mkdir -p include/peerq tests
  lines 251 'int x;' >include/peerq/part.hpp && expect 1 'file of 251 lines' sizes include/peerq/part.hpp
  lines 900 'int x;' >tests/part.cpp && expect 0 . sizes tests/part.cpp
  lines 901 'int x;' >tests/part.cpp && expect 1 'file of 901 lines' sizes tests/part.cpp
  awk 'BEGIN { printf "//"; for (i = 0; i < 108; i++) printf "x"; print "" }' >part.cpp
  expect 0 . sizes part.cpp
  awk 'BEGIN { printf "//"; for (i = 0; i < 109; i++) printf "x"; print "" }' >part.cpp
  expect 1 'line of 111 characters' sizes part.cpp
}

commit() { git add -A && git -c user.name=a -c user.email=a@b.c commit -qm x --allow-empty; }

test_exceptions() {
  git init -q . && put tools/size_exceptions.txt '# list\na.cpp work\n'
  expect 0 . "$tools/check_exceptions.sh"
  commit
  expect 0 . "$tools/check_exceptions.sh"
  put tools/size_exceptions.txt '# list\n'
  expect 0 . "$tools/check_exceptions.sh"
  put tools/size_exceptions.txt 'b.cpp work\n'
  expect 1 'may only shrink, new: b.cpp work' "$tools/check_exceptions.sh"
  commit
  expect 1 'may only shrink, new: b.cpp work' "$tools/check_exceptions.sh"
  put tools/size_exceptions.txt '# list\n'
  commit
  put tools/size_exceptions.txt 'a.cpp work\n'
  commit && commit
  expect 1 'may only shrink, new: a.cpp work' "$tools/check_exceptions.sh"
  expect 1 . "$tools/check_exceptions.sh"
}

test_words() {
  put sound.cpp '// work to share: the workers/ share a mirror image\n'
  expect 0 . awk -f "$tools/check_words.awk" sound.cpp
  for word in '/wo''rk/main' '../sha''red/X.md' 'http://deb.debi''an.org/debian' 'TO''DO: later' 'FIX''ME' \
    'RELIA''BILITY, durability' 'see RU''N.md' 'docs/STY''LE.md, names' 'DES''IGN, storage' \
    "BEN""CH's 1.6"; do
    put bad.cpp "// $word\n"
    expect 1 'bad.cpp:1: ' awk -f "$tools/check_words.awk" bad.cpp
  done
}

semantics() { awk -f "$tools/check_semantics.awk" "$@"; }

# page_of ROWS: a page with three sentences and this table.
page_of() { put page.md "- S1 One.\\n- S2 Two.\\n- S12 Three.\\n\\n| S | test |\\n| --- | --- |\\n$1\\n"; }

test_semantics() {
  put a.cpp 'TEST_CASE("S1 one, (two)") {\n}\nTEST_CASE(\n    "three "\n    "parts (S12)",\n    "[t]") {\n'
  sound='| S1 | `a.cpp`: S1 one, (two) |\n| S12 | `a.cpp`: three parts (S12) |'
  page_of "$sound\n| S2 | needs several peers |"
  expect 0 . semantics page.md a.cpp
  page_of "$sound"
  expect 1 '^page.md:2: S2 has no test in the table$' semantics page.md a.cpp
  expect 1 . semantics page.md a.cpp
  page_of "$sound\n| S2 | \`a.cpp\`: S2 other |"
  expect 1 '^page.md:9: there is no such test: a.cpp: S2 other$' semantics page.md a.cpp
  page_of "$sound\n| S2 | \`b.cpp\`: three parts (S12) |"
  expect 1 'no such test: b.cpp: three parts' semantics page.md a.cpp
  page_of "$sound\n| S2 | \`a.cpp\`: three parts (S12) |"
  expect 1 '^page.md:9: the title does not name S2$' semantics page.md a.cpp
  page_of "$sound\n| S2 | needs several peers |\n| S3 | needs several peers |"
  expect 1 'a test for S3, which is no sentence' semantics page.md a.cpp
  (cd "${tools%/tools}" && find tests -name '*.cpp') >tests_of_the_project
  cd "${tools%/tools}"
  found=$(xargs awk -f tools/check_semantics.awk docs/semantics.md <"$work/tests_of_the_project")
  [ -z "$found" ] || fail "numbers without tests: $found"
  cd "$work"
}

test_plants() {
  put list 'X(one, "goes wrong") \\\n  X(two, "goes worse")\n'
  put table '| `one` | goes wrong |\n| `two` | goes worse |\n'
  plants() { awk -f "$tools/check_plants.awk" "$@"; }
  expect 0 . plants list table
  put table '| `one` | goes right |\n| `three` | is not |\n'
  expect 1 '^table:1: the list says of one: goes wrong$' plants list table
  expect 1 '^table:2: there is no planted bug three$' plants list table
  expect 1 '^table: the table lacks the planted bug two$' plants list table
}

formatter() { echo bad.cpp | "$tools/check_format.sh" "$work/formatter" 1; }

test_format() {
  program formatter 'exit 0'
  expect 0 . formatter
  program formatter 'echo "bad.cpp:1:2: error: [-Wclang-format-violations]"; exit 1'
  expect 1 '^bad.cpp: is not formatted' formatter
  expect 1 . formatter
  program formatter 'echo "unknown option"; exit 1'
  expect 1 'formatter failed with status 123 .*: unknown option$' formatter
  program formatter 'kill -9 $$'
  expect 1 'formatter failed' formatter
  rm formatter
  expect 1 'formatter failed' formatter
}

# tidy_says BODY: the findings of the lint on a small project, with a clang-tidy that does this.
tidy_says() {
  program tidy "[ \"\$1\" != --version ] || exit 0\n$1"
  rm -rf cache
  "$tools/check_tidy.sh" "$work" "$work/build" "$work/tidy" "$work/cache" 1
}

# lint_keys: what decides the lint of each unit of a small project, as check_tidy.sh puts it together.
lint_keys() {
  find . -name '*.[ch]pp' | sed 's|^./||' | sort | xargs sha256sum >sums
  { grep -rH '#include' include lib; grep -H '#include' "$work"/build/Unity/*; } >includes
  awk -v root="$work" -v salt=s -f "$tools/tidy_units.awk" ./sums ./includes commands.json
}

test_lint() {
  put include/peerq/a.hpp 'int a();\n'
  put lib/x/b.hpp '#include "peerq/a.hpp"\n#include "x/c.hpp"\n'
  put lib/x/c.hpp '#include "x/b.hpp"\n'
  put lib/x/x.cpp '#include "b.hpp"\n#include <string>\n'
  put lib/y/y.cpp 'int y;\n'
  put lib/y/z.cpp '#include "x/b.hpp"\n'
  put build/Unity/y.cxx "#include \"$work/lib/y/y.cpp\"\n#include \"$work/lib/y/z.cpp\"\n"
  for file in lib/x/x.cpp build/Unity/y.cxx build/generated.cpp; do
    printf '{\n  "command": "c++ -c x",\n  "file": "%s"\n}\n' "$work/$file"
  done >commands.json
  lint_keys >before
  expect 2 . cat before
  expect 1 '	.*/lib/x/x.cpp$' cat before
  expect 1 '	.*/build/Unity/y.cxx$' cat before
  lint_keys >again
  expect 0 . cmp before again
  for file in include/peerq/a.hpp lib/x/c.hpp lib/x/x.cpp; do
    echo '// changed' >>$file
    lint_keys >after
    expect 1 differ cmp before after
    mv after before
  done
  echo '// changed' >>lib/y/y.cpp
  lint_keys >after
  expect 1 . grep -vxFf before after
  expect 1 'y.cxx$' grep -vxFf before after
  mv commands.json build/compile_commands.json
  put .clang-tidy ''
  cp -r "$tools" tools
  git init -q .
  expect 0 . tidy_says 'exit 0'
  expect 1 '^lib/x/x.cpp:1:2: error: bad' tidy_says 'echo "$PWD/lib/x/x.cpp:1:2: error: bad"; exit 1'
  for end in 'exit 1' 'kill -11 $$' 'kill -9 $PPID'; do
    expect 1 'failed without a finding on lib/x/x.cpp' tidy_says "$end"
    expect 1 'failed without a finding on build/Unity/y.cxx' tidy_says "$end"
  done
  echo '[]' >build/compile_commands.json
  expect 1 'no translation unit' tidy_says 'exit 0'
}

deb822() { awk -v suite=bookworm -f "$tools/apt_deb822.awk" "$1"; }
one_line() { awk -v suite=bookworm -f "$tools/apt_one_line.awk" "$1"; }

test_apt() {
  put a.sources '# c\nTypes: deb deb-src\nURIs: http://a.example/debian
Suites: bookworm bookworm-updates\nComponents: main
Signed-By: /k.gpg\n\nTypes: deb\nURIs: http://b.example/\nSuites: bookworm-security\nComponents: main\n'
  expect 1 '^http://a.example/debian\|/k.gpg\|$' deb822 a.sources
  expect 1 . deb822 a.sources
  put b.sources 'Enabled: no\nTypes: deb\nURIs: http://a.example/\nSuites: bookworm\nComponents: main\n'
  expect 0 . deb822 b.sources
  put c.sources 'Types: deb-src\nURIs: http://a.example/\nSuites: bookworm\nComponents: main\n'
  expect 0 . deb822 c.sources
  put d.list '# deb http://x.example/ bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://a.example/d bookworm contrib main\n'
  expect 1 '^http://a.example/d\|/k.gpg\|$' one_line d.list
  expect 1 . one_line d.list
  put e.list 'deb [trusted=yes] file:/mirror bookworm main\ndeb http://b.example bookworm-updates main\n'
  expect 1 '^file:/mirror\|\|yes$' one_line e.list
  expect 1 . one_line e.list
}

# program FILE BODY: an executable shell script.
program() {
  put "$1" "#!/bin/sh\n$2\n"
  chmod +x "$1"
}

# status_of COMMAND...: prints its exit status.
status_of() {
  status=0
  "$@" >/dev/null 2>&1 || status=$?
  echo "status $status"
}

test_soak() {
  one="$tools/soak_one.sh $work power"
  program soak_power 'echo "power: images 5 violations 0 seed 1 seconds 1"'
  expect 1 '^status 0$' status_of $one
  program soak_power 'echo "power: images 5 violations 2 seed 1 seconds 1"; exit 1'
  expect 1 '^status 1$' status_of $one
  program soak_power 'echo "power: images 5 violations 2 seed 1 seconds 1"'
  expect 1 '^status 1$' status_of $one
  program soak_power 'echo done'
  expect 1 '^status 1$' status_of $one
  program soak_power 'kill -6 $$'
  expect 1 '^status 1$' status_of $one
  program soak_power 'exit 2'
  expect 1 '^status 2$' status_of $one
  rm soak_power
  expect 1 '^status 1$' status_of $one
}

test_planted() {
  put tests/soak/planted.txt 'one detect\ntwo detect
three broken\nfour missing_program\nfive usage\nsix crash\neight unable\nnine abandons\n'
  said='echo "detect: runs 5 violations 0 seed 1 seconds 1"'
  program detect 'if [ "$PEERQ_PLANT" = one ]; then
    echo "detect: runs 5 violations 2 seed 1 seconds 1"; exit 1; fi; '"$said"
  program broken 'exit 1'
  program usage '[ -z "$PEERQ_PLANT" ] || exit 2'
  program crash '[ -z "$PEERQ_PLANT" ] || kill -11 $$'
  program unable '[ -z "$PEERQ_PLANT" ] || { echo "unable: no space left on device"; exit 1; }'
  program abandons "$said"'; [ -z "$PEERQ_PLANT" ] || exit 1'
  planted="$tools/planted.sh $work $work"
  expect 1 '^planted: 1 of 1$' $planted one
  expect 1 '^status 0$' status_of $planted one
  expect 1 '^planted: 1 of 9$' $planted one two three four five six seven eight nine
  expect 1 '^status 1$' status_of $planted one two
  expect 1 'two +not found by' $planted two
  expect 1 'three +its detector fails without' $planted three
  expect 5 'its detector (fails without|failed, but not with a violation)' $planted four five six eight nine
  expect 1 'seven +no detector' $planted seven
  expect 1 '^status 1$' status_of $planted
}

# A suite that fails loses neither its own lines nor those of the others.
test_bench() {
  root=${tools%/tools}
  cp -r "$root/run" "$tools" .
  bin=build/release/bin
  program cmake 'exit 0'
  put build/release/build.ninja ''
  put build/release/CMakeCache.txt 'PEERQ_BUILD_TESTS:BOOL=ON\nPEERQ_BUILD_BENCHMARKS:BOOL=ON\n'
  mkdir -p temporary
  program $bin/peerq_bench 'echo "measured $1" >"$3"; [ "$1" != local ]'
  bench="env PATH=$work:$PATH PEERQ_BUILD_DIR=$work/build TMPDIR=$work/temporary ./run bench"
  expect 1 '^status 1$' status_of $bench engine local embed --json lines
  expect 3 'measured (engine|local|embed)' cat lines
  expect 1 '^status 0$' status_of $bench engine embed --json lines
  expect 2 measured cat lines
  expect 0 . ls temporary
}

"test_$2"
[ $failures -eq 0 ]
