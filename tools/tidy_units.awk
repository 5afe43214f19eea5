# Joins checksums (sha256sum), the #include lines of all sources and of the tree's units that join them (grep
# -H), and compile_commands.json into one line per translation unit of the project: what decides its lint, a
# tab, its source. Variables: root, salt.

function value_of(line) {
  sub(/^[^:]*: "/, "", line)
  sub(/",?[ \t]*$/, "", line)
  return line
}

# The project's file that `file` includes as `name`, or "" for a foreign one.
function resolve(file, name, directory) {
  if (index(name, root "/") == 1) name = substr(name, length(root) + 2)
  if (name ~ /\.capnp\.h$/) name = "wire/" substr(name, 1, length(name) - 2)
  if (name in sum) return name
  directory = file
  sub(/[^\/]*$/, "", directory)
  if ((directory name) in sum) return directory name
  if (("include/" name) in sum) return "include/" name
  if (("lib/" name) in sum) return "lib/" name
  if (("tests/" name) in sum) return "tests/" name
  if (("lib/wire/compat/" name) in sum) return "lib/wire/compat/" name
  return ""
}

# The checksums of a file and of all that it includes, each once in a unit.
function sums_of(file, count, i, list, text) {
  if (seen[file] == source) return ""
  seen[file] = source
  text = " " sum[file]
  count = split(includes[file], list, " ")
  for (i = 1; i <= count; i++) text = text sums_of(list[i])
  return text
}

FILENAME ~ /\/sums$/ { sum[substr($0, 67)] = $1; next }

FILENAME ~ /\/includes$/ {
  file = substr($0, 1, index($0, ":") - 1)
  name = $0
  sub(/^[^<"]*[<"]/, "", name)
  sub(/[>"].*$/, "", name)
  target = resolve(file, name)
  if (target != "") includes[file] = includes[file] " " target
  next
}

/^[ \t]*"command": / { command = value_of($0) }
/^[ \t]*"file": / { source = value_of($0) }

/^}/ {
  name = index(source, root "/") == 1 ? substr(source, length(root) + 2) : source
  if (source ~ /\/Unity\/[^\/]*$/) name = source
  if (name in sum || name == source && name in includes)
    print salt " " command sums_of(name) "\t" source
}
