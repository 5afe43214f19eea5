# Words that do not belong into the project: places of one machine or workshop, documents that are not part of
# it, and notes of unfinished work.
# Usage: awk -f check_words.awk FILE... The patterns are put together here so that this file passes.

BEGIN {
  places = "/wo" "rk/|\\.\\./sh" "ared|(deb|ftp|security|snapshot|archive)[a-z.]*\\.deb" "ian\\.(org|net)|" \
           "mirr" "ors?\\.[a-z]+\\."
  documents = "(^|[^A-Za-z_])(RELIA" "BILITY|DES" "IGN|BEN" "CH|" \
              "(RA" "FT|RU" "N|SEMAN" "TICS|STY" "LE)\\.md)([^A-Za-z_]|$)"
  unfinished = "(^|[^A-Za-z_])(TO" "DO|FIX" "ME|XX" "X|HA" "CK)([^A-Za-z_]|$)"
}

FILENAME == "LICENSE" { nextfile }
$0 ~ places { print FILENAME ":" FNR ": names a place outside the project" }
$0 ~ documents { print FILENAME ":" FNR ": names a document that is not part of the project" }
FILENAME ~ /\.(hpp|ipp|cpp|c|capnp|sh|cmake)$/ && $0 ~ unfinished {
  print FILENAME ":" FNR ": unfinished work left as a comment"
}
