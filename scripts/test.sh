#!/usr/bin/env bash
# Everything that must pass before a change goes in, in the order in which it fails soonest.
#
#   scripts/test.sh [--fast]
#
#   --fast   without the sanitizer build
#
# format, include rules, build with warnings as errors, unit tests, Python tests (parity with transformers, command line),
# the demo model against its baseline, unit tests of the torch-free library under ASan and UBSan. Exits non-zero when any of them failed; the last lines say which.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
fast=0
for argument in "$@"; do
  case "$argument" in
    --fast) fast=1 ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown argument '$argument' (see --help)" ;;
  esac
done

summary=()
counts=()
failed=0
# step NAME COMMAND...: runs it, notes the outcome and the seconds, goes on in any case.
step() {
  local name="$1" start="$SECONDS" outcome=passed
  shift
  say "$name"
  "$@" || { outcome=FAILED; failed=1; }
  summary+=("$(printf '%-28s %-7s %5d s' "$name" "$outcome" "$((SECONDS - start))")")
  [ "$outcome" = passed ]
}

# runner NAME COMMAND...: a test runner; the line with its counts is kept for the end.
runner() {
  local name="$1" log outcome=0
  shift
  log="$(mktemp)"
  "$@" 2>&1 | tee "$log" || outcome=1
  counts+=("$name: $(grep -E '% tests passed|[0-9]+ (passed|failed|error).* in [0-9.]+s' "$log" | tail -n 1 | tr -d '=')")
  rm -f "$log"
  return "$outcome"
}

unit_tests() {
  runner "ctest $1" ctest --test-dir "$1" --output-on-failure --no-tests=error -j "$(nproc)" --timeout 600
}

sanitizers() {
  scripts/build.sh --sanitize &&
    ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 unit_tests build-asan
}

pytest_in() {
  LINSCAN_BIN="$ROOT/build/bin" LINSCAN_REQUIRE_BINARIES=1 PYTHONDONTWRITEBYTECODE=1 \
    runner "pytest $1" "$PYTHON" -m pytest "tests/$1" -q -ra -p no:cacheprovider --durations=5 "${@:2}"
}

# The models of the parity tests are tiny and use one core each. The command line is tested one run at a time: some tests
# look at memory, at repeated runs and at interrupts.
python_tests() {
  local outcome=0
  pytest_in parity -n "$(nproc)" || outcome=1
  pytest_in cli || outcome=1
  return "$outcome"
}

step "setup" scripts/setup.sh || exit 1
step "format" scripts/format.sh --check || true
step "include rules" "$PYTHON" scripts/check_includes.py || true
if step "build" scripts/build.sh --werror; then
  step "unit tests" unit_tests build || true
  if [ "$fast" -eq 0 ]; then step "unit tests, ASan and UBSan" sanitizers || true; fi
  step "python tests" python_tests || true
  step "baseline of the demo model" scripts/check_baselines.sh || true
fi

printf '\n'
printf '%s\n' "${summary[@]}"
printf '%s\n' ${counts[@]+"${counts[@]}"}
if [ "$failed" -ne 0 ]; then
  echo "scripts/test.sh: FAILED"
  exit 1
fi
echo "scripts/test.sh: all passed"
