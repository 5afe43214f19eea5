# The layer and confinement rules of docs/architecture.md, on the #include lines of every source file.
# Usage: awk -f check_layers.awk LIST FILE...; LIST names all files of the project, one per line.
# Prints one line per finding.

function layer_of(path) {
  if (path ~ /^include\/peerq\/base\//) return 0
  if (path ~ /^include\/peerq\/engine\//) return 1
  if (path ~ /^include\/peerq\/port\//) return 2
  if (path ~ /^lib\/(checksum|wire|storage|replication|runtime|security|calendar)\//) return 3
  if (path ~ /^transports\//) return 3
  if (path ~ /^lib\/node\//) return 4
  if (path ~ /^include\/peerq\/(asio|typed|peerq)\.[hi]pp$/) return 6
  if (path ~ /^(include\/peerq|lib)\/testkit\//) return 6
  if (path ~ /^include\/peerq\/[^\/]*$/ || path ~ /^lib\/api\//) return 5
  if (path ~ /^(tools|examples|benchmarks|tests)\//) return 6
  return -1
}

function finding(text) {
  print FILENAME ":" FNR ": " text
}

# "a/b/../c" -> "a/c"
function normal(path) {
  while (match(path, /[^\/]+\/\.\.\//)) path = substr(path, 1, RSTART - 1) substr(path, RSTART + RLENGTH)
  gsub(/\/\.\//, "/", path)
  return path
}

# The project's file that an include names, or "" for a foreign one.
function resolve(name, quoted, directory, candidate) {
  directory = FILENAME
  sub(/[^\/]*$/, "", directory)
  if (quoted) {
    candidate = normal(directory name)
    if (candidate in known) return candidate
  }
  if (("include/" name) in known) return "include/" name
  if (normal("lib/" name) in known) return normal("lib/" name)
  if (normal("tests/" name) in known) return normal("tests/" name)
  if (normal(name) in known) return normal(name)
  return ""
}

function own_include(target, source_layer, target_layer) {
  source_layer = layer_of(FILENAME)
  target_layer = layer_of(target)
  if (target_layer < 0) {
    finding("includes " target ", which is in no layer")
    return
  }
  if (FILENAME ~ /^include\// && target !~ /^include\//)
    finding("a public header includes the private " target)
  if (FILENAME ~ /^(tools|examples)\// && target !~ /^include\// && folder(target) != folder(FILENAME))
    finding("tools and examples use only what is public, not " target)
  if (target_layer > source_layer)
    finding("layer " source_layer " includes " target " of layer " target_layer)
  if (target ~ /^lib\/checksum\// && FILENAME ~ /^(lib|transports)\//) return
  if (source_layer == 3 && target_layer == 3 && folder(target) != folder(FILENAME))
    finding("an adapter includes the other adapter " target)
  if (source_layer == 4 && target_layer == 3)
    finding("the node sees ports only, not the adapter " target)
}

# The first two parts of a path.
function folder(path, parts) {
  split(path, parts, "/")
  return parts[1] "/" parts[2]
}

function only_in(name, where) {
  if (FILENAME !~ where) finding("<" name "> does not belong here (docs/architecture.md, confinement)")
}

function foreign_include(name) {
  if (layer_of(FILENAME) <= 2) {
    if (name ~ /[.\/]/) finding("layers 0 to 2 use the standard library only, not <" name ">")
    if (layer_of(FILENAME) == 1 && name ~ impure) finding("the engine is a pure function: no <" name ">")
    return
  }
  # Tests, benchmarks and examples may use what they test, compare with, or show.
  if (FILENAME ~ /^(tests|benchmarks|examples)\//) return
  if (name ~ /^lmdb\.h$/) only_in(name, "^lib/storage/")
  else if (name ~ /^raft(\.h$|\/)/) only_in(name, "^lib/replication/")
  else if (name ~ /^(capnp|kj)\// || name ~ /\.capnp\.h$/) only_in(name, "^lib/wire/")
  else if (name ~ /^boost\//) only_in(name, "^(lib/runtime/|transports/|include/peerq/asio\\.[hi]pp$)")
  else if (name ~ /^(openssl\/|sodium)/) only_in(name, "^(lib/security/|transports/tcp/[^/]*tls[^/]*$)")
  else if (name ~ /^xxhash/) only_in(name, "^lib/checksum/")
  else if (name ~ /^date\//) only_in(name, "^lib/calendar/")
  else if (name ~ /^fmt\//) only_in(name, "^((lib|transports)/.*\\.cpp$|tools/)")
  else if (name ~ /^CLI\//) only_in(name, "^tools/")
  else if (name ~ /^(sqlite3|catch2|rapidcheck|benchmark)/) only_in(name, "^nowhere$")
}

BEGIN {
  impure = "^(thread|mutex|shared_mutex|condition_variable|future|atomic|stop_token|" \
           "semaphore|latch|barrier|random|" \
           "iostream|fstream|cstdio|filesystem|ctime|locale|clocale|unordered_map|unordered_set|cmath)$"
}

# The first file is the list.
NR == FNR { known[$0] = 1; next }

FNR == 1 && layer_of(FILENAME) < 0 { finding("is in no layer (docs/architecture.md)") }

/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
  name = $0
  quoted = (name ~ /include[ \t]*"/)
  sub(/^[^<"]*[<"]/, "", name)
  sub(/[>"].*$/, "", name)
  target = resolve(name, quoted)
  if (target != "") own_include(target)
  else foreign_include(name)
  next
}

FILENAME ~ /^include\/peerq\/engine\// {
  line = $0
  sub(/\/\/.*$/, "", line)
  if (line ~ /(^|[^A-Za-z0-9_])(float|double|system_clock|steady_clock|std::hash)([^A-Za-z0-9_]|$)/)
    finding("the engine knows no floats, clocks or hashes of the standard library")
}
