#!/usr/bin/env bash
# From a fresh checkout to a report: sets up, builds what is needed, analyses the bundled demo model on the bundled stories.
#
#   scripts/demo.sh [OUT]
#
#   OUT   folder for the results (default: build/demo); what an earlier run left there is replaced
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
case "${1:-}" in -h | --help) usage; exit 0 ;; esac
out="${1:-build/demo}"

scripts/setup.sh --no-tests
scripts/build.sh --no-tests linscan linscan-analyze
say "linscan analyze build/share/linscan/demo-model --out $out"
build/bin/linscan analyze build/share/linscan/demo-model --out "$out" --force
say "the report: $(realpath "$out")/report.html (open it in a browser); the numbers: $out/result.json"
