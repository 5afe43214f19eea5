# Prints "URI|signed-by|trusted" for each line of an apt .list file that has the suite `suite` for binary
# packages and the component main.

$1 == "deb" {
  line = $0
  signed_by = trusted = ""
  if (match(line, /\[[^]]*\]/)) {
    count = split(substr(line, RSTART + 1, RLENGTH - 2), options, " ")
    for (i = 1; i <= count; i++) {
      if (options[i] ~ /^signed-by=/) signed_by = substr(options[i], 11)
      if (options[i] ~ /^trusted=/) trusted = substr(options[i], 9)
    }
    line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
  }
  sub(/#.*$/, "", line)
  count = split(line, words, " ")
  for (i = 4; i <= count; i++)
    if (words[i] == "main" && words[3] == suite) print words[2] "|" signed_by "|" trusted
}
