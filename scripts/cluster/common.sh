# Sourced by the scripts beside it: the list of checkpoints, which of them are finished, how one is analysed.
# shellcheck shell=bash
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
started_in="$PWD"
# shellcheck source=scripts/common.sh
source "$here/../common.sh"
cd "$started_in" || exit # relative paths count from there

list=""                # the list of checkpoints
out=""                 # the folder of all results
linscan=""             # the program
force=0                # run finished checkpoints again
common_options=()      # for every linscan analyze
lines=()               # the lines of the list that name a checkpoint

# What select_line sets.
checkpoint=""          # absolute path
options=()             # of linscan analyze
name=""                # of the result's folder
result=""              # the result's folder
log=""                 # what linscan said
failure=""             # a file that exists when the last run failed; it says how

# What survey sets.
finished=()
rest=()

# needs_value WORDS...: dies unless a word follows the option that stands first.
needs_value() { [ "$#" -ge 2 ] || die "$1 needs a value (see --help)"; }

# needs_count WORDS...: the same for a number from 1 on.
needs_count() {
  needs_value "$@"
  [[ "$2" =~ ^[1-9][0-9]{0,6}$ ]] || die "$1 $2: expected a number from 1 on"
}

# own_option WORDS...: scripts with options of their own define it anew; sets `taken` to the number of words used.
own_option() { taken=0; }

# parse_arguments WORDS...: LIST --out DIR [--linscan FILE] [--force] [own options] [-- options of linscan analyze]
parse_arguments() {
  local taken
  while [ "$#" -gt 0 ]; do
    case "$1" in
      -h | --help) usage; exit 0 ;;
      --out) needs_value "$@"; out="$2"; shift 2 ;;
      --linscan) needs_value "$@"; linscan="$2"; shift 2 ;;
      --force) force=1; shift ;;
      --) shift; common_options=("$@"); break ;;
      *)
        taken=0
        own_option "$@"
        if [ "$taken" -gt 0 ]; then shift "$taken"; continue; fi
        case "$1" in -*) die "unknown option '$1' (see --help; options of linscan analyze go behind --)" ;; esac
        [ -z "$list" ] || die "one list at a time: got '$list' and '$1'"
        list="$1"
        shift
        ;;
    esac
  done
  [ -n "$list" ] || die "no list of checkpoints (see --help)"
  [ -n "$out" ] || die "--out DIR is missing (see --help)"
  find_program
  out="$(realpath -m -- "$out")"
  read_list
}

# find_program: the build of this repository, else what PATH has, unless --linscan names one.
find_program() {
  if [ -z "$linscan" ]; then
    linscan="$ROOT/build/bin/linscan"
    [ -x "$linscan" ] || linscan="$(command -v linscan)" || die "no linscan: build it (scripts/build.sh) or pass --linscan FILE"
  fi
  { [ -f "$linscan" ] && [ -x "$linscan" ]; } || die "$linscan: no program"
  linscan="$(realpath -- "$linscan")"
}

read_list() {
  local line
  declare -A seen=()
  { [ -f "$list" ] && [ -r "$list" ]; } || die "$list: no such file"
  while IFS= read -r line || [ -n "$line" ]; do
    line="${line%$'\r'}"
    line="${line#"${line%%[![:space:]]*}"}"
    line="${line%"${line##*[![:space:]]}"}"
    case "$line" in '' | '#'*) continue ;; esac
    [ -z "${seen[$line]+x}" ] || die "$list: names the same checkpoint with the same options twice: $line"
    seen[$line]=1
    split_options "$line" >/dev/null || die "$list: unmatched quotes: $line"
    lines+=("$line")
  done <"$list"
  [ "${#lines[@]}" -gt 0 ] || die "$list: names no checkpoint"
}

# split_options LINE: its options, one a line. Quotes and backslashes as in a shell, but nothing is expanded or run.
split_options() {
  case "$1" in *$'\t'*) xargs -r printf '%s\n' <<<"${1#*$'\t'}" 2>/dev/null ;; esac
}

# select_line NUMBER: 1 is the first line of the list that names a checkpoint.
select_line() {
  local line="${lines[$1 - 1]}" option hash
  checkpoint="${line%%$'\t'*}"
  checkpoint="$(realpath -m -s -- "${checkpoint%"${checkpoint##*[![:space:]]}"}")"
  options=(${common_options[@]+"${common_options[@]}"})
  while IFS= read -r option; do options+=("$option"); done < <(split_options "$line")
  # The hash keeps equal names and other options apart, whatever else the list holds.
  hash="$(printf '%s\0' "$checkpoint" ${options[@]+"${options[@]}"} | sha256sum)"
  name="${checkpoint##*/}"
  name="${name//[^A-Za-z0-9._-]/_}-${hash:0:8}"
  result="$out/$name"
  log="$out/logs/$name.log"
  failure="$out/logs/$name.failed"
}

# is_finished: whether the selected line has a result that linscan reads, newer than the checkpoint and the files its options name.
is_finished() {
  local inputs=("$checkpoint") word
  { [ -f "$result/result.json" ] && [ ! -e "$failure" ]; } || return 1
  for word in ${options[@]+"${options[@]}"}; do
    word="${word#--*=}"
    if [ -f "$word" ]; then inputs+=("$(realpath -- "$word")"); fi
  done
  [ -z "$(find -L "${inputs[@]}" -maxdepth 1 -type f -newer "$result/result.json" -print -quit 2>/dev/null)" ] || return 1
  "$linscan" report "$result/result.json" --format json >/dev/null 2>&1
}

# describe_failure STATUS: one line about how linscan ended.
describe_failure() {
  case "$1" in
    137) echo "killed (SIGKILL): out of memory, or over a limit of the machine" ;;
    *) echo "exit $1: $(grep -a ': error: ' "$log" | tail -n 1)" ;;
  esac
}

# run_selected: analyses the selected checkpoint. Returns the code of linscan, 0 also when it was finished before, 130 when
# interrupted, 75 when another run is at it. Signals reach linscan because they go to the whole process group.
run_selected() {
  local status=0 start="$SECONDS"
  mkdir -p "$out/logs"
  exec 9>>"$log"
  flock -n 9 || { say "$name: another run is at it"; return 75; }
  if [ "$force" -eq 0 ] && is_finished; then
    say "$name: finished before"
    return 0
  fi
  rm -f "$failure"
  say "$name: $checkpoint"
  "$linscan" analyze "$checkpoint" ${options[@]+"${options[@]}"} --out "$result" --force >"$log" 2>&1 9>&- || status="$?"
  case "$status" in
    0) say "$name: done in $((SECONDS - start)) s" ;;
    129 | 130 | 143) # ended by SIGHUP, SIGINT or SIGTERM
      say "$name: interrupted"
      return 130
      ;;
    *)
      describe_failure "$status" >"$failure"
      say "$name: failed: $(cat "$failure")"
      ;;
  esac
  return "$status"
}

# survey: fills `finished` with result folders and `rest` with one line for every other checkpoint.
survey() {
  local number
  finished=()
  rest=()
  for ((number = 1; number <= ${#lines[@]}; ++number)); do
    select_line "$number"
    if is_finished; then
      finished+=("$result")
    elif [ -e "$failure" ]; then
      rest+=("failed      $name: $(cat "$failure") (log: $log)")
    else
      rest+=("unfinished  $name: $checkpoint")
    fi
  done
}

# compare_finished: linscan compare over what survey found.
compare_finished() {
  [ "${#finished[@]}" -gt 0 ] || return 0
  mkdir -p "$out/logs"
  if "$linscan" compare "${finished[@]}" --out "$out/compare" --force >"$out/logs/compare.log" 2>&1; then
    say "compared: $out/compare"
  else
    rest+=("failed      linscan compare: $(tail -n 1 "$out/logs/compare.log") (log: $out/logs/compare.log)")
  fi
}

# print_summary: what survey and compare_finished found. Returns 1 unless all is well.
print_summary() {
  say "${#finished[@]} of ${#lines[@]} checkpoints are finished; results: $out"
  [ "${#rest[@]}" -eq 0 ] || { printf '    %s\n' "${rest[@]}" >&2; return 1; }
}
