#!/usr/bin/env bash
# Configures and builds linscan with Ninja.
#
#   scripts/build.sh [--debug | --sanitize] [--core] [--werror] [--no-tests] [TARGET...]
#
#   (nothing)    Release, into build/
#   --debug      Debug, into build-debug/
#   --sanitize   AddressSanitizer and UndefinedBehaviorSanitizer without torch, into build-asan/
#   --core       without torch (readers, tokenizers, reports only), into build-core/
#   --werror     warnings in our own code are errors, in this folder from then on
#   --no-tests   no unit tests
#   TARGET       what to build; default: everything
#
# LINSCAN_JOBS sets the number of compile jobs (default: one per core, at most one per 1.5 GB of free memory).
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

folder=build
options=(-DCMAKE_BUILD_TYPE=Release -DLINSCAN_BUILD_TESTS=ON)
targets=()
for argument in "$@"; do
  case "$argument" in
    --debug) folder=build-debug; options+=(-DCMAKE_BUILD_TYPE=Debug) ;;
    --sanitize) folder=build-asan; options+=(-DCMAKE_BUILD_TYPE=Debug -DLINSCAN_SANITIZE=ON -DLINSCAN_WITH_TORCH=OFF) ;;
    --core) folder=build-core; options+=(-DLINSCAN_WITH_TORCH=OFF) ;;
    --werror) options+=(-DLINSCAN_WARNINGS_AS_ERRORS=ON) ;;
    --no-tests) options+=(-DLINSCAN_BUILD_TESTS=OFF) ;;
    -h | --help) usage; exit 0 ;;
    -*) die "unknown argument '$argument' (see --help)" ;;
    *) targets+=("$argument") ;;
  esac
done

if ! command -v cmake >/dev/null || ! command -v ninja >/dev/null; then die "cmake or ninja is missing: run scripts/setup.sh"; fi
jobs="${LINSCAN_JOBS:-$(build_jobs)}"
say "building into $folder with $jobs jobs"
cmake -S . -B "$folder" -G Ninja "${options[@]}" >"$folder.log" 2>&1 || {
  cat "$folder.log" >&2
  rm -f "$folder.log"
  die "cmake could not configure $folder (is scripts/setup.sh done?)"
}
rm -f "$folder.log"
cmake --build "$folder" -j "$jobs" ${targets[@]+--target "${targets[@]}"}
