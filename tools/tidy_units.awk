# Joins checksums (sha256sum), dependencies (ninja -t deps) and compile_commands.json into one line per
# translation unit of the project: what decides its lint, a tab, its source. Variables: root, tree, salt.

function value_of(line) {
  sub(/^[^:]*: "/, "", line)
  sub(/",?[ \t]*$/, "", line)
  return line
}

FILENAME ~ /\/sums$/ { sum[substr($0, 67)] = $1; next }

FILENAME ~ /\/deps$/ {
  if ($0 ~ /^[^ ].*: #deps/) {
    object = $1
    sub(/:$/, "", object)
  } else if ($0 ~ /^ /) {
    path = $1
    if (path !~ /^\//) path = tree "/" path
    if (path in sum) depends[object] = depends[object] " " sum[path]
    else if (index(path, tree "/") == 1) depends[object] = depends[object] " " path
  }
  next
}

/^[ \t]*"command": / { command = value_of($0) }
/^[ \t]*"file": / { source = value_of($0) }
/^[ \t]*"output": / { object = value_of($0) }

/^}/ {
  name = substr(source, length(root) + 2)
  if (index(source, tree "/") != 1 && name ~ /^(lib|transports|tools|examples|benchmarks|tests)\//)
    print salt " " command depends[object] "\t" source
}
