# Each numbered sentence of docs/semantics.md has a test in the table at the page's end, and each test of that
# table exists and has the number in its title.
# Usage: awk -f check_semantics.awk PAGE TEST...

function finding(line, what) { print page ":" line ": " what }

# Whether the title has the number as a word: S1 is not in "S12".
function names(title, number) { return title ~ "(^|[^A-Za-z0-9])" number "([^0-9]|$)" }

FNR == 1 { place = FILENAME }
FNR == 1 && NR == 1 { page = FILENAME }

place == page && /^- S[0-9]+ / { sentence[$2] = FNR }
place == page && /^\| S[0-9]+ \| / {
  number = $2
  row = $0
  sub(/^\| S[0-9]+ \| /, "", row)
  sub(/ \|$/, "", row)
  ++rows[number]
  if (row == "needs several peers") next
  split(row, part, "`: ")
  ++tests
  file_of[tests] = substr(part[1], 2)
  title_of[tests] = substr(row, length(part[1]) + 4)
  number_of[tests] = number
  line_of[tests] = FNR
  next
}

# A title may be put together out of several literals, on several lines.
place != page && /^ *(TEST_CASE|TEST_CASE_METHOD)\(/ {
  text = $0
  while (text !~ /"[^"]*"[,)\]]/ && (getline more) > 0) text = text more
  gsub(/" +"/, "", text)
  if (match(text, /"[^"]*"/)) known[FILENAME "`: " substr(text, RSTART + 1, RLENGTH - 2)]
}

END {
  for (number in sentence)
    if (!(number in rows)) finding(sentence[number], number " has no test in the table")
  for (number in rows)
    if (!(number in sentence)) finding(1, "the table has a test for " number ", which is no sentence")
  for (i = 1; i <= tests; i++) {
    if (!((file_of[i] "`: " title_of[i]) in known))
      finding(line_of[i], "there is no such test: " file_of[i] ": " title_of[i])
    if (!names(title_of[i], number_of[i])) finding(line_of[i], "the title does not name " number_of[i])
  }
}
