#!/usr/bin/env bash
# clang-tidy over our C++ sources with the checks of .clang-tidy. Slow: minutes per core for the files that include torch.
#
#   scripts/lint.sh [FOLDER_OR_FILE...]     default: src tools
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
case "${1:-}" in -h | --help) usage; exit 0 ;; esac
[ "$#" -gt 0 ] || set -- src tools

scripts/setup.sh
"$PYTHON" -m pip install --quiet --disable-pip-version-check -r scripts/requirements-lint.txt
[ -f build/compile_commands.json ] || scripts/build.sh
mapfile -t files < <(git ls-files -- "$@" | grep '\.cpp$')
[ "${#files[@]}" -gt 0 ] || die "no .cpp files under: $*"
say "clang-tidy over ${#files[@]} files"
# g++'s own flags that clang does not know (precompiled header use) are no findings of ours.
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(build_jobs)" .venv/bin/clang-tidy -p build --quiet --extra-arg=-Wno-unknown-warning-option \
    --extra-arg=-Wno-ignored-optimization-argument
say "lint: no findings"
