# Prints "URI|signed-by|trusted" for each stanza of a deb822 apt source file that has the suite `suite` for
# binary packages and the component main. Line ends inside an embedded key become \001.

function stanza(parts, i, n) {
  if (" " field["types"] " " ~ / deb / && field["enabled"] !~ /^(no|false|off|0)$/ &&
      index(" " field["suites"] " ", " " suite " ") && index(" " field["components"] " ", " main ")) {
    n = split(field["uris"], parts, " ")
    for (i = 1; i <= n; i++) print parts[i] "|" field["signed-by"] "|" field["trusted"]
  }
  split("", field)
  name = ""
}

/^#/ { next }
/^[ \t]*$/ { stanza(); next }

/^[ \t]/ {
  if (name == "signed-by") field[name] = field[name] "\001" $0
  else field[name] = field[name] " " $0
  next
}

{
  name = tolower(substr($0, 1, index($0, ":") - 1))
  value = substr($0, index($0, ":") + 1)
  gsub(/^[ \t]+|[ \t]+$/, "", value)
  gsub(/[ \t]+/, " ", value)
  field[name] = value
}

END { stanza() }
