# Takes files out of a page: the fenced block below a line "<!-- file: NAME -->" is that file, or its next
# part.
# Usage: awk -v directory=DIR -f extract.awk PAGE

/^<!-- file: [A-Za-z0-9_.]+ -->$/ { file = directory "/" $3; next }
file != "" && /^```/ {
  if (inside) file = ""
  inside = !inside
  next
}
inside { print > file }
END { if (inside) exit 1 }
