#!/usr/bin/env bash
# Submits a Slurm array with one task for every checkpoint of a list that is not finished, and behind it a job that compares all
# results. The same command resumes: it submits what is missing.
#
#   scripts/cluster/submit_slurm.sh LIST --out DIR [--gpu | --node] [--at-most N] [--sbatch OPTION]...
#                                   [--linscan FILE] [--force] [-- OPTION...]
#
#   LIST             file with one checkpoint per line (docs/cluster.md)
#   --out DIR        folder of all results, on a file system that all nodes share
#   --gpu            one GPU for each task (--gres=gpu:1)
#   --node           one whole node for each task (--nodes=1 --exclusive)
#   --at-most N      at most N tasks at a time
#   --sbatch OPTION  for both jobs, like --sbatch --partition=gpu --sbatch --time=2:00:00; sbatch's own SBATCH_* variables work too
#   --linscan FILE   the program (default: build/bin/linscan, else the one in PATH)
#   --force          also those that are finished
#   OPTION...        options of linscan analyze for every checkpoint
#
# Example: scripts/cluster/submit_slurm.sh checkpoints.txt --out results --gpu --sbatch --time=1:00:00 -- --data wiki.txt
set -euo pipefail
# shellcheck source=scripts/cluster/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

task_options=() # of sbatch, for the array
all_options=()  # of sbatch, for both jobs
at_most=""
own_option() {
  taken=2
  case "$1" in
    --gpu) task_options+=(--gres=gpu:1); taken=1 ;;
    --node) task_options+=(--nodes=1 --exclusive); taken=1 ;;
    --at-most) needs_count "$@"; at_most="%$2" ;;
    --sbatch) needs_value "$@"; all_options+=("$2") ;;
    *) taken=0 ;;
  esac
}
parse_arguments "$@"
command -v sbatch >/dev/null || die "sbatch is missing: this is for a login node of a Slurm cluster; run_local.sh needs none"

# pending_numbers: the lines to run, as sbatch writes them: 1-3,7
pending_numbers() {
  local number first=0 last=0 out_text=""
  for ((number = 1; number <= ${#lines[@]} + 1; ++number)); do
    if [ "$number" -le "${#lines[@]}" ]; then
      select_line "$number"
      if [ "$force" -eq 1 ] || ! is_finished; then
        [ "$first" -ne 0 ] || first="$number"
        last="$number"
        continue
      fi
    fi
    if [ "$first" -ne 0 ]; then
      out_text+=",$first"
      [ "$first" -eq "$last" ] || out_text+="-$last"
      first=0
    fi
  done
  printf '%s' "${out_text#,}"
}

# quoted WORDS...: for the sh of --wrap.
quoted() {
  local word
  for word in "$@"; do printf "'%s' " "${word//\'/\'\\\'\'}"; done
}

# submit NAME COMMAND OPTIONS...: prints the number of the job. --wrap and not the script itself: Slurm copies that elsewhere,
# away from what it sources.
submit() {
  local name="$1" wrapped="$2" id
  shift 2
  id="$(sbatch --parsable --job-name="$name" --chdir="$PWD" "$@" --wrap="$wrapped")" ||
    die "sbatch refused (a list longer than MaxArraySize of \`scontrol show config\` must be split)"
  printf '%s' "${id%%;*}"
}

# One array per folder at a time: two would run the same checkpoints, and the first comparison would not wait for the second.
job_name="linscan-${out##*/}-$(printf '%s' "$out" | sha256sum | cut -c 1-8)"
earlier="$(squeue --me --noheader --name="$job_name" --format=%F | sort -u | paste -s -d ' ')"
[ -z "$earlier" ] || die "array $earlier is still at work in $out; wait for it, or end it (scancel $earlier), then submit again"

mkdir -p "$out/logs"
# The jobs run later: what they read must not change when the list is edited meanwhile.
kept="$out/logs/list-$(sha256sum <"$list" | cut -c 1-8).txt"
cp -- "$list" "$kept"
arguments=("$kept" --out "$out" --linscan "$linscan")
again=()
[ "$force" -eq 0 ] || again=(--force)

pending="$(pending_numbers)"
dependency=()
if [ -n "$pending" ]; then
  array="$(submit "$job_name" \
    "exec $(quoted "$here/analyze_one.sh" "${arguments[@]}" ${again[@]+"${again[@]}"} -- ${common_options[@]+"${common_options[@]}"})" \
    --array="$pending$at_most" --output="${out//%/%%}/logs/slurm-%A_%a.log" \
    ${all_options[@]+"${all_options[@]}"} ${task_options[@]+"${task_options[@]}"})"
  say "array $array: checkpoints $pending of ${#lines[@]}"
  # afterany, not afterok: one checkpoint that fails must not keep the others from being compared, nor leave a job that can
  # never start. The job itself fails when anything is missing.
  dependency=(--dependency="afterany:$array")
else
  say "all ${#lines[@]} checkpoints are finished"
fi
compare="$(submit "$job_name-compare" \
  "exec $(quoted "$here/compare_all.sh" "${arguments[@]}" -- ${common_options[@]+"${common_options[@]}"})" \
  --output="${out//%/%%}/logs/slurm-%j-compare.log" ${dependency[@]+"${dependency[@]}"} ${all_options[@]+"${all_options[@]}"})"
say "job $compare: compares all, then writes what failed to $out/logs/slurm-$compare-compare.log"
