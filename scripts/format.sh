#!/usr/bin/env bash
# Formats our C++ sources in place, or checks them.
#
#   scripts/format.sh [--check]
#
#   --check   changes nothing; prints the differences and fails when there are any
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
check=0
case "${1:-}" in
  "") ;;
  --check) check=1 ;;
  -h | --help) usage; exit 0 ;;
  *) die "unknown argument '$1' (see --help)" ;;
esac
formatter="$ROOT/.venv/bin/clang-format"
[ -x "$formatter" ] || die "clang-format is missing: run scripts/setup.sh"
mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.cpp' '*.h' | sort -u)
[ "${#files[@]}" -gt 0 ] || die "no C++ files found"

if [ "$check" -eq 0 ]; then
  "$formatter" -i "${files[@]}"
  exit 0
fi
bad=0
for file in "${files[@]}"; do
  if ! diff -u --label "$file" --label "$file (formatted)" "$file" <("$formatter" "$file"); then bad=$((bad + 1)); fi
done
if [ "$bad" -gt 0 ]; then die "$bad of ${#files[@]} files are not formatted: run scripts/format.sh"; fi
say "format: ${#files[@]} files are right"
