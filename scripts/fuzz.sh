#!/usr/bin/env bash
# Runs a fuzz target under libFuzzer, with coverage, ASan and UBSan, into build-fuzz/. Needs clang and its runtime
# (Debian 12: clang-14 and libclang-rt-14-dev). docs/fuzzing.md has the targets and what to do with what is found.
#
#   scripts/fuzz.sh TARGET [SECONDS] [LIBFUZZER_OPTION...]
#
#   SECONDS   how long (default 60)
#
# The corpus grows in build-fuzz/corpus/TARGET; an input that fails is written to build-fuzz/.
# LINSCAN_CLANG names another clang++; LINSCAN_JOBS sets the number of compile jobs.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
case "${1:-}" in
  "" | -h | --help) usage; exit 0 ;;
esac
target="$1"
seconds="${2:-60}"
shift "$(($# < 2 ? $# : 2))"
clang="${LINSCAN_CLANG:-clang++-14}"
command -v "$clang" >/dev/null || die "$clang is missing: apt install clang-14 libclang-rt-14-dev, or set LINSCAN_CLANG"

cmake -S . -B build-fuzz -G Ninja -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DLINSCAN_WITH_TORCH=OFF \
  -DLINSCAN_SANITIZE=ON -DLINSCAN_LIBFUZZER=ON >/dev/null
cmake --build build-fuzz -j "${LINSCAN_JOBS:-$(build_jobs)}" --target "libfuzzer_$target" fuzz_driver
corpus="build-fuzz/corpus/$target"
mkdir -p "$corpus"
build-fuzz/tests/fuzz_driver "$target" --write-seeds "$corpus"
inputs=("corpus/$target")
if [ -d "tests/fuzz/regressions/$target" ]; then inputs+=("$ROOT/tests/fuzz/regressions/$target"); fi
cd build-fuzz
exec "tests/libfuzzer_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
  -artifact_prefix="$target-" "$@" "${inputs[@]}"
