#!/usr/bin/env bash
# Analyses every checkpoint of a list on this machine, some at a time, then compares all results. Finished ones are skipped, so
# the same command resumes after Ctrl-C or a failure.
#
#   scripts/cluster/run_local.sh LIST --out DIR [--jobs N | --gpus LIST] [--linscan FILE] [--force] [-- OPTION...]
#
#   LIST             file with one checkpoint per line (docs/cluster.md)
#   --out DIR        folder of all results
#   --jobs N         checkpoints at a time (default: 1); each gets its share of the cores and the free memory, unless
#                    LINSCAN_THREADS and LINSCAN_MEMORY_LIMIT say otherwise
#   --gpus LIST      one checkpoint at a time on each of these, like 0,1,2,3 (names as for CUDA_VISIBLE_DEVICES)
#   --linscan FILE   the program (default: build/bin/linscan, else the one in PATH)
#   --force          also those that are finished
#   OPTION...        options of linscan analyze for every checkpoint
#
# Example: scripts/cluster/run_local.sh checkpoints.txt --out results --jobs 4 -- --data wiki.txt --tokens 65536
#
# Exits 0 when all are finished and compared, 1 when something failed, 130 after Ctrl-C (twice: without waiting for a clean end).
set -euo pipefail
# shellcheck source=scripts/cluster/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

jobs=1
gpus=()
own_option() {
  case "$1" in
    --jobs) needs_count "$@"; jobs="$2"; taken=2 ;;
    --gpus)
      needs_value "$@"
      IFS=, read -r -a gpus <<<"$2"
      jobs="${#gpus[@]}"
      [ "$jobs" -gt 0 ] || die "--gpus: expected a list like 0,1"
      taken=2
      ;;
  esac
}
parse_arguments "$@"

# Programs that run side by side must not each take all the cores and the memory that is free now.
share_machine() {
  local cores memory_kib
  [ "$jobs" -gt 1 ] || return 0
  cores="$(nproc)"
  export LINSCAN_THREADS="${LINSCAN_THREADS:-$((cores > jobs ? cores / jobs : 1))}"
  memory_kib="$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)"
  export LINSCAN_MEMORY_LIMIT="${LINSCAN_MEMORY_LIMIT:-$((memory_kib * 4 / 5120 / jobs))MiB}"
}

workers=() # process of each of the places, empty where there is none
stopped=0
on_signal() {
  local worker
  stopped=1
  # Each worker is a process group of its own (set -m): it gets the signal once, from here.
  for worker in ${workers[@]+"${workers[@]}"}; do
    [ -z "$worker" ] || kill -TERM -- "-$worker" 2>/dev/null || true
  done
}

# free_place: waits until fewer than `jobs` run and sets `place`.
free_place() {
  while [ "$stopped" -eq 0 ]; do
    for ((place = 0; place < jobs; ++place)); do
      if [ -z "${workers[place]:-}" ] || ! kill -0 "${workers[place]}" 2>/dev/null; then return 0; fi
    done
    wait -n || true
  done
}

start() {
  local number="$1" again=()
  [ "$force" -eq 0 ] || again=(--force)
  [ "${#gpus[@]}" -eq 0 ] || export CUDA_VISIBLE_DEVICES="${gpus[place]}"
  "$here/analyze_one.sh" "$list" --out "$out" --line "$number" --linscan "$linscan" ${again[@]+"${again[@]}"} \
    -- ${common_options[@]+"${common_options[@]}"} </dev/null &
  workers[place]="$!"
}

share_machine
set -m
trap on_signal INT TERM HUP
for ((number = 1; number <= ${#lines[@]}; ++number)); do
  free_place
  [ "$stopped" -eq 0 ] || break
  start "$number"
done
while [ -n "$(jobs -r)" ]; do wait || true; done
set +m

survey
if [ "$stopped" -ne 0 ]; then
  print_summary || true
  exit 130
fi
compare_finished
print_summary
