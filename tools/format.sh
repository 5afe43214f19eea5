#!/bin/sh
# Formats every source file of the project, or the given files.
set -eu
cd "$(dirname "$0")/.."
format=$(command -v clang-format-16 || command -v clang-format)
if [ $# -gt 0 ]; then
  "$format" -i "$@"
else
  git ls-files -co --exclude-standard -- '*.hpp' '*.ipp' '*.cpp' '*.c' | xargs "$format" -i
fi
