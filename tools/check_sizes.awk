# Sizes: functions of at most 70 lines, files of at most 600 (tests 900), public headers of at most 250 (those
# of the engine, which are its code, 600), lines of at most 110 characters. Functions that exceed stand in
# tools/size_exceptions.txt.
# Usage: awk -f check_sizes.awk EXCEPTIONS FILE...; an exception is a line "path function".
# Relies on the formatting of .clang-format. Prints one line per finding.

function finding(path, line, text) {
  print path ":" line ": " text
}

function file_limit(path) {
  if (path ~ /^tests\//) return 900
  if (path ~ /^include\/peerq\/engine\//) return 600
  if (path ~ /^include\/.*\.hpp$/) return 250
  return 600
}

# A line without comments, the contents of literals, and preprocessor directives.
function code_of(line, out, i, c, rest, mark, previous) {
  if (in_directive || (!in_comment && line ~ /^[ \t]*#/)) {
    in_directive = (line ~ /\\$/)
    return ""
  }
  out = ""
  i = 1
  while (i <= length(line)) {
    rest = substr(line, i)
    c = substr(rest, 1, 1)
    previous = i == 1 ? "" : substr(line, i - 1, 1)
    if (raw_end != "") {
      mark = index(rest, raw_end)
      if (!mark) return out
      i += mark + length(raw_end) - 1
      raw_end = ""
    } else if (in_comment) {
      mark = index(rest, "*/")
      if (!mark) return out
      i += mark + 1
      in_comment = 0
    } else if (substr(rest, 1, 2) == "//") {
      return out
    } else if (substr(rest, 1, 2) == "/*") {
      in_comment = 1
      i += 2
    } else if (c == "R" && match(rest, /^R"[^(]*\(/)) {
      raw_end = ")" substr(rest, 3, RLENGTH - 3) "\""
      out = out "\"\""
      i += RLENGTH
    } else if (c == "\"") {
      match(rest, /^"([^"\\]|\\.)*"?/)
      out = out "\"\""
      i += RLENGTH
    } else if (c == "'" && previous !~ /[0-9a-fA-F]/ && match(rest, /^'([^'\\]|\\.)*'/)) {
      out = out "' '"
      i += RLENGTH
    } else {
      out = out c
      i++
    }
  }
  return out
}

# What the statement before a brace opens: "scope", "function", or "inner" (anything else).
function kind_of(text) {
  sub(/^[ \t]+/, "", text)
  while (match(text, /^(public|private|protected)[ \t]*:[ \t]*/)) text = substr(text, RLENGTH + 1)
  text = without_template(text)
  if (text ~ /(^|[^A-Za-z0-9_])namespace([^A-Za-z0-9_]|$)/ || text ~ /^extern ""[ \t]*$/) return "scope"
  if (text ~ /^((typedef|static|inline|constexpr|const)[ \t]+)*(class|struct|union|enum)[ \t]/ &&
      text !~ /\)[ \t]*((const|noexcept|override|final)[ \t]*)*$/)
    return "scope"
  if (text ~ /^concept[ \t]/) return "inner"
  if (text ~ /(requires|&&|\|\||=)[ \t]*requires[ \t]*(\(.*\))?[ \t]*$/) return "inner"
  if (text ~ /requires[ \t]*$/) return "inner"
  if (text !~ /\(/) return "inner"
  if (text ~ /\)[ \t]*:[^:].*[A-Za-z0-9_>][ \t]*$/ && text !~ /->[^()]*$/) return "inner"
  if (text ~ /=[ \t]*$/) return "inner"
  if (text ~ /\)[ \t]*((const|noexcept|override|final|mutable|try|&|&&)[ \t]*)*$/) return "function"
  if (text ~ /@[ \t]*$/ || text ~ /->[^()]*$/ || text ~ /->.*\)[ \t]*$/) return "function"
  if (text ~ /(noexcept|requires)/) return "function"
  return "inner"
}

# Without leading template<...> and requires(...); balanced, but blind to comparisons inside.
function without_template(text, depth, i, c) {
  while (match(text, /^template[ \t]*</)) {
    depth = 1
    for (i = RLENGTH + 1; i <= length(text) && depth > 0; i++) {
      c = substr(text, i, 1)
      if (c == "<") depth++
      if (c == ">") depth--
    }
    text = substr(text, i)
    sub(/^[ \t]+/, "", text)
  }
  if (match(text, /^requires[ \t]*\(/)) {
    depth = 1
    for (i = RLENGTH + 1; i <= length(text) && depth > 0; i++) {
      c = substr(text, i, 1)
      if (c == "(") depth++
      if (c == ")") depth--
    }
    text = substr(text, i)
    sub(/^[ \t]+/, "", text)
  }
  return text
}

function name_of(text, original) {
  sub(/^[ \t]+/, "", text)
  text = without_template(text)
  if (text ~ /operator/) {
    sub(/^.*operator/, "operator", text)
    sub(/\([^()]*\)[^()]*$/, "", text)
    gsub(/[ \t]/, "", text)
    return text
  }
  if (text ~ /=[ \t]*\[/) sub(/[ \t]*=[ \t]*\[.*$/, "", text)
  sub(/[ \t]*\(.*$/, "", text)
  sub(/^.*[^A-Za-z0-9_:~]/, "", text)
  if (text ~ /^(TEST_CASE|SCENARIO|TEMPLATE_TEST_CASE|TEST_CASE_METHOD)$/ && match(original, /"[^"]*"/))
    return text "(" substr(original, RSTART + 1, RLENGTH - 2) ")"
  return text
}

function function_ends(name, first, last, path, size, key) {
  size = last - first + 1
  if (size <= 70) return
  key = path " " name
  if (key in excepted) {
    needed[key] = 1
    return
  }
  finding(path, first, "function " name " has " size " lines; at most 70")
}

function open_brace(kind) {
  depth++
  kinds[depth] = function_depth ? "inner" : kind_of(statement)
  if (paren > 0 && !function_depth) kinds[depth] = "inner"
  saved[depth] = statement
  parens[depth] = paren
  paren = 0
  if (kinds[depth] == "function") {
    function_depth = depth
    function_line = FNR
    function_name = name_of(statement, statement_line)
  }
  statement = ""
}

function close_brace() {
  if (depth == 0) return
  if (function_depth == depth) {
    function_ends(function_name, function_line, FNR, FILENAME)
    function_depth = 0
  }
  paren = parens[depth]
  statement = (kinds[depth] == "inner" && !function_depth) ? saved[depth] "@" : ""
  depth--
}

function scan(code, i, c) {
  for (i = 1; i <= length(code); i++) {
    c = substr(code, i, 1)
    if (c == "{") open_brace()
    else if (c == "}") close_brace()
    else if (function_depth) continue
    else if (c == ";" && paren == 0) statement = ""
    else {
      if (c == "(") paren++
      if (c == ")") paren--
      if (statement == "" && c !~ /[ \t]/) statement_line = $0
      statement = statement c
    }
  }
  if (!function_depth && statement != "") statement = statement " "
}

function end_of_file() {
  if (previous_file == "") return
  limit = file_limit(previous_file)
  if (previous_lines > limit)
    finding(previous_file, previous_lines, "file of " previous_lines " lines; at most " limit)
  if (previous_is_cpp && depth != 0)
    finding(previous_file, previous_lines, "braces do not match for this checker")
}

FILENAME == ARGV[1] {
  if ($0 != "" && $0 !~ /^#/) {
    excepted[$0] = 1
    order[++exceptions] = $0
  }
  next
}

FNR == 1 {
  end_of_file()
  depth = function_depth = paren = in_comment = in_directive = 0
  raw_end = statement = ""
  previous_file = FILENAME
  previous_is_cpp = is_cpp = (FILENAME ~ /\.(hpp|ipp|cpp)$/)
}

{
  previous_lines = FNR
  if (length($0) > 110) finding(FILENAME, FNR, "line of " length($0) " characters; at most 110")
  if (is_cpp) scan(code_of($0))
}

END {
  end_of_file()
  for (i = 1; i <= exceptions; i++)
    if (!(order[i] in needed)) finding(ARGV[1], i, "no longer needed: " order[i])
}
