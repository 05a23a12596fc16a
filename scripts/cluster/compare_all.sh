#!/usr/bin/env bash
# Compares all finished results of a list and says what became of every line. The last job of submit_slurm.sh.
#
#   scripts/cluster/compare_all.sh LIST --out DIR [--linscan FILE] [-- OPTION...]
#
# LIST, DIR and OPTION... as they were given to the run: the options belong to the identity of a result.
#
# Exits 0 when all are finished and compared, else 1.
set -euo pipefail
# shellcheck source=scripts/cluster/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

parse_arguments "$@"
survey
compare_finished
print_summary
