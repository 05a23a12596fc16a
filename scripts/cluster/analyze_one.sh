#!/usr/bin/env bash
# Analyses one checkpoint of a list, unless that is done already. What run_local.sh and submit_slurm.sh start for every line.
#
#   scripts/cluster/analyze_one.sh LIST --out DIR [--line N] [--linscan FILE] [--force] [-- OPTION...]
#
#   LIST             file with one checkpoint per line (docs/cluster.md)
#   --out DIR        folder of all results
#   --line N         which checkpoint: 1 is the first that the list names (default: SLURM_ARRAY_TASK_ID)
#   --linscan FILE   the program (default: build/bin/linscan, else the one in PATH)
#   --force          also when it is finished
#   OPTION...        options of linscan analyze for every checkpoint
#
# Exits with the code of linscan; 0 also when it was finished before, 130 when interrupted, 75 when another run is at it.
set -euo pipefail
# shellcheck source=scripts/cluster/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

line="${SLURM_ARRAY_TASK_ID:-}"
own_option() {
  if [ "$1" = --line ]; then
    needs_count "$@"
    line="$2"
    taken=2
  fi
}
parse_arguments "$@"
[ -n "$line" ] || die "--line N is missing (see --help)"
[ "$line" -le "${#lines[@]}" ] || die "$list: has ${#lines[@]} checkpoints, no number $line"

# What Slurm has allotted, where it does not show by itself.
if [ -n "${SLURM_CPUS_ON_NODE:-}" ] && [ "$SLURM_CPUS_ON_NODE" -lt "$(nproc)" ]; then
  export LINSCAN_THREADS="${LINSCAN_THREADS:-$SLURM_CPUS_ON_NODE}"
fi
if [ "${SLURM_MEM_PER_NODE:-0}" -gt 0 ]; then
  export LINSCAN_MEMORY_LIMIT="${LINSCAN_MEMORY_LIMIT:-$((SLURM_MEM_PER_NODE * 4 / 5))MiB}"
fi

trap : INT TERM HUP # linscan gets the signal too and ends; then this script says so
select_line "$line"
run_selected
