#!/usr/bin/env bash
# Analyses the demo model and fails when its figures are no longer those of examples/baselines/demo.json (`linscan check`).
#
#   scripts/check_baselines.sh [--update]
#
#   --update   write the baseline anew instead: after a change that is meant to move the figures, with the reason in the commit
#
# LINSCAN_BIN: folder of the programs (default: build/bin).
#
# The figures are fp64 statistics of fp32 forward passes. Restricting the math libraries to SSE 4 or AVX2 moved none of them by more than
# 4e-7 (of itself, where it is a norm, rank or dimension); the tolerance leaves room above that, and more for the intrinsic dimension, whose
# neighbours can change places.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
update=0
for argument in "$@"; do
  case "$argument" in
    --update) update=1 ;;
    -h | --help) usage; exit 0 ;;
    *) die "unknown argument '$argument' (see --help)" ;;
  esac
done

bin="${LINSCAN_BIN:-build/bin}"
baseline=examples/baselines/demo.json
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT

# What is measured is fixed here and nowhere else.
"$bin/linscan-analyze" examples/demo-model --data examples/corpus/demo-stories.jsonl.gz --tokens 16384 --ctx 512 --seed 0 --folds 5 \
  --device cpu --dtype fp32 --threads 1 --format json --quiet >"$out/result.json"

if [ "$update" -eq 1 ]; then
  # Facts of the machine and of the moment are no part of a baseline.
  python3 - "$out/result.json" "$baseline" <<'PYTHON'
import json
import sys

result = json.load(open(sys.argv[1], encoding="utf-8"))
for key in ("date", "plan", "config", "warnings"):
    result.pop(key, None)
result["compute"] = {key: result["compute"][key] for key in ("device", "dtype")}
result["software"].pop("commit", None)
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(result, file, indent=1, ensure_ascii=False)
    file.write("\n")
PYTHON
  say "wrote $baseline"
else
  "$bin/linscan-check" "$out/result.json" "$baseline" --tolerance 1e-5 --tolerance intrinsic_dimension=1e-3
fi
