# Compares the list of planted bugs with its table in the documentation, text for text.
# Usage: awk -f check_plants.awk include/peerq/base/plant.hpp docs/contributing.md

FNR == 1 { file++ }

file == 1 && /^ *X\([a-z0-9_]+, *"/ {
  name = $0
  sub(/^ *X\(/, "", name)
  text = name
  sub(/,.*/, "", name)
  sub(/^[^"]*"/, "", text)
  sub(/".*/, "", text)
  said[name] = text
}

file == 2 && /^\| `[a-z0-9_]+` \| .* \|$/ {
  name = $0
  sub(/^\| `/, "", name)
  text = name
  sub(/`.*/, "", name)
  sub(/^[^|]*\| /, "", text)
  sub(/ \|$/, "", text)
  shown[name] = 1
  if (!(name in said)) print FILENAME ":" FNR ": there is no planted bug " name
  else if (said[name] != text) print FILENAME ":" FNR ": the list says of " name ": " said[name]
}

END {
  for (name in said) if (!(name in shown)) print FILENAME ": the table lacks the planted bug " name
}
