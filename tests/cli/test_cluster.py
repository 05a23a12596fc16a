"""scripts/cluster: which checkpoints of a list run, what a restart skips, how failures and Ctrl-C end.

A stand-in for linscan keeps this fast; the last test runs the real programs on the bundled demo model. Slurm's programs are
stand-ins too: sbatch runs the tasks at once, so what is tested is what the scripts ask for.
"""
import os
import shutil
import signal
import subprocess
import time

import pytest

import harness

CLUSTER = harness.ROOT / "scripts" / "cluster"

# analyze: refuses a folder with the file "bad", takes long in one with the file "slow", ends cleanly on SIGTERM.
LINSCAN = r"""#!/usr/bin/env bash
echo "$*" >>"$0.calls"
command="$1" model="$2" out=""
while [ "$#" -gt 0 ]; do [ "$1" != --out ] || out="$2"; shift; done
case "$command" in
  analyze)
    trap 'echo "linscan-analyze: error: interrupted" >&2; exit 130' TERM
    if [ -e "$model/bad" ]; then echo "linscan-analyze: error: $model is bad" >&2; exit 1; fi
    if [ -e "$model/killed" ]; then kill -KILL $$; fi
    if [ -e "$model/slow" ]; then : >"$model/started"; for _ in {1..300}; do sleep 0.1; done; fi
    mkdir -p "$out" && echo "result of $model" >"$out/result.json"
    ;;
  report) grep -q "^result of" "$model" ;;
  compare) mkdir -p "$out" && echo compared >"$out/comparison.json" ;;
esac
"""

SBATCH = r"""#!/usr/bin/env bash
printf '%s\n' "$@" >>"$0.calls"
id="$(grep -c '^--parsable' "$0.calls")"
for word in "$@"; do
  case "$word" in
    --wrap=*) wrapped="${word#--wrap=}" ;;
    --array=*) array="${word#--array=}" ;;
  esac
done
echo "$id"
for part in $(tr , ' ' <<<"${array%\%*}"); do
  for task in $(seq "${part%-*}" "${part#*-}"); do SLURM_ARRAY_TASK_ID="$task" sh -c "$wrapped" >/dev/null 2>&1; done
done
[ -n "$array" ] || sh -c "$wrapped" >"$0.compare" 2>&1 || true
"""


def write_program(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def work(tmp_path):
    """A folder with four checkpoints, the stand-in and nothing else."""
    for name in ("a", "b", "c", "it's d"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_text("weights")
    write_program(tmp_path / "linscan", LINSCAN)
    return tmp_path


def command(script, work, lines, *arguments):
    (work / "list.txt").write_text("\n".join(lines) + "\n")
    return [str(CLUSTER / script), "list.txt", "--out", "out", "--linscan", str(work / "linscan"), *arguments]


def run(script, work, lines, *arguments, **options):
    return subprocess.run(command(script, work, lines, *arguments), cwd=work, capture_output=True, text=True, timeout=120,
                          **options)


def calls(work, kind="analyze"):
    """The calls of linscan since the last look, without the paths they all share."""
    path = work / "linscan.calls"
    text = path.read_text() if path.exists() else ""
    path.unlink(missing_ok=True)
    return sorted(line.replace(f"{work}/", "") for line in text.splitlines() if line.split()[0] == kind)


def results(work):
    return {path.name.rsplit("-", 1)[0]: path for path in (work / "out").iterdir() if path.name not in ("logs", "compare")}


def test_all_run_once_and_are_compared(work):
    lines = ["# comment", "", "a", "  b\r", "it's d"]
    done = run("run_local.sh", work, lines, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and "3 of 3 checkpoints are finished" in done.stderr
    assert sorted(results(work)) == ["a", "b", "it_s_d"]
    asked = calls(work, "compare")
    assert len(asked) == 1 and asked[0].startswith("compare out/a-") and asked[0].endswith(" --out out/compare --force")
    assert (work / "out" / "compare" / "comparison.json").exists()
    again = run("run_local.sh", work, lines)
    assert again.returncode == 0 and "3 of 3 checkpoints are finished" in again.stderr
    assert calls(work) == []
    run("run_local.sh", work, lines, "--force")
    assert len(calls(work)) == 3


def test_options_of_the_line_and_of_all(work):
    line = "a\t--seed 3  --data 'my file.txt' --text-field \"$HOME\" *"
    assert run("run_local.sh", work, [line], "--", "--tokens", "10").returncode == 0
    assert calls(work)[0].startswith("analyze a --tokens 10 --seed 3 --data my file.txt --text-field $HOME * --out out/a-")


def test_other_options_are_another_result(work):
    run("run_local.sh", work, ["a"])
    run("run_local.sh", work, ["a", "a\t--seed 3"])
    assert len(calls(work)) == 2
    assert len([path for path in (work / "out").iterdir() if path.name.startswith("a-")]) == 2


def test_equal_names_are_kept_apart(work):
    (work / "other" / "a").mkdir(parents=True)
    assert run("run_local.sh", work, ["a", "other/a"]).returncode == 0
    assert len(calls(work)) == 2 and len(list((work / "out").glob("a-*"))) == 2


def test_failures_are_named_and_run_again(work):
    (work / "b" / "bad").touch()
    (work / "c" / "killed").touch()
    done = run("run_local.sh", work, ["a", "b", "c"])
    assert done.returncode == 1
    assert "1 of 3 checkpoints are finished" in done.stderr
    assert f"exit 1: linscan-analyze: error: {work}/b is bad" in done.stderr and "out of memory" in done.stderr
    assert calls(work, "compare") and (work / "out" / "compare").exists()
    (work / "b" / "bad").unlink()
    done = run("run_local.sh", work, ["a", "b", "c"])
    assert done.returncode == 1 and "2 of 3" in done.stderr
    assert [call.split()[1] for call in calls(work)] == ["b", "c"]


def test_changed_checkpoint_or_data_runs_again(work):
    (work / "data.txt").write_text("text")
    lines = ["a\t--data data.txt", "b"]
    run("run_local.sh", work, lines)
    calls(work)
    later = time.time() + 5
    for changed, name in ((work / "data.txt", "a"), (work / "b" / "model.safetensors", "b")):
        os.utime(changed, (later, later))
        run("run_local.sh", work, lines)
        assert [call.split()[1] for call in calls(work)] == [name]
        os.utime(changed, (1, 1))
        run("run_local.sh", work, lines)
        calls(work)


def test_unreadable_result_runs_again(work):
    run("run_local.sh", work, ["a"])
    calls(work)
    (results(work)["a"] / "result.json").write_text("{")
    assert run("run_local.sh", work, ["a"]).returncode == 0
    assert len(calls(work)) == 1


def wait_for(path):
    for _ in range(200):
        if path.exists():
            return
        time.sleep(0.05)
    pytest.fail(f"{path} did not appear")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_resumes(work, number):
    for name in ("b", "c"):
        (work / name / "slow").touch()
    lines = ["a", "b", "c", "it's d"]
    process = subprocess.Popen(command("run_local.sh", work, lines, "--jobs", "2"), cwd=work, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    wait_for(work / "b" / "started")
    wait_for(work / "c" / "started")
    process.send_signal(number)
    stderr = process.communicate(timeout=30)[1]
    assert process.returncode == 130, stderr
    assert "1 of 4 checkpoints are finished" in stderr and stderr.count(": interrupted") == 2
    assert not list((work / "out" / "logs").glob("*.failed")) and not (work / "out" / "compare").exists()
    assert len(calls(work)) == 3
    for name in ("b", "c"):
        (work / name / "slow").unlink()
    assert run("run_local.sh", work, lines).returncode == 0
    assert [call.split(" --out")[0] for call in calls(work)] == ["analyze b", "analyze c", "analyze it's d"]


def test_two_runs_do_not_share_a_checkpoint(work):
    (work / "a" / "slow").touch()
    first = subprocess.Popen(command("analyze_one.sh", work, ["a"], "--line", "1"), cwd=work, stderr=subprocess.PIPE,
                             start_new_session=True)
    wait_for(work / "a" / "started")
    second = run("run_local.sh", work, ["a"])
    os.killpg(first.pid, signal.SIGTERM)
    first.communicate(timeout=30)
    assert first.returncode == 130
    assert second.returncode == 1 and "another run is at it" in second.stderr and "unfinished" in second.stderr
    assert len(calls(work)) == 1


@pytest.mark.parametrize("lines, arguments, expected", [
    (["a", "a"], [], "twice"),
    (["# nothing"], [], "names no checkpoint"),
    (["a\t--data 'x"], [], "unmatched quotes"),
    (["a"], ["--jobs", "0"], "expected a number"),
    (["a"], ["--jobs"], "needs a value"),
    (["a"], ["--tokens", "5"], "behind --"),
    (["a"], ["b"], "one list at a time"),
    (["a"], ["--linscan", "/none"], "no program"),
])
def test_wrong_use_is_one_line(work, lines, arguments, expected):
    done = run("run_local.sh", work, lines, *arguments)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("run_local.sh: error: ") and done.stderr.count("\n") == 1 and expected in done.stderr
    assert not (work / "out").exists()


@pytest.mark.parametrize("script", ["analyze_one.sh", "compare_all.sh", "run_local.sh", "submit_slurm.sh"])
def test_help(script):
    done = subprocess.run([CLUSTER / script, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and f"scripts/cluster/{script} LIST --out DIR" in done.stdout and done.stderr == ""


def test_gpus_get_one_checkpoint_at_a_time(work):
    write_program(work / "linscan", LINSCAN.replace('mkdir -p "$out" &&', 'echo "$model $CUDA_VISIBLE_DEVICES" >>"$0.gpus"; '
                                                                          'sleep 0.3; mkdir -p "$out" &&', 1))
    assert run("run_local.sh", work, ["a", "b", "c"], "--gpus", "4,7").returncode == 0
    used = [line.split()[1] for line in (work / "linscan.gpus").read_text().splitlines()]
    assert set(used) == {"4", "7"} and len(used) == 3


@pytest.fixture
def slurm(work):
    """The environment with sbatch and squeue in PATH; nothing is queued."""
    programs = work / "slurm"
    programs.mkdir()
    write_program(programs / "sbatch", SBATCH)
    write_program(programs / "squeue", f"#!/bin/sh\ncat '{work}/queue' 2>/dev/null || true\n")
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}


def test_slurm_array_has_what_is_missing(work, slurm):
    lines = ["a", "b", "c", "it's d"]
    run("run_local.sh", work, ["b"], "--", "--tokens", "5 0")
    calls(work)
    (work / "it's d" / "bad").touch()
    done = run("submit_slurm.sh", work, lines, "--gpu", "--at-most", "2", "--sbatch", "--time=10", "--", "--tokens", "5 0",
               env=slurm)
    assert done.returncode == 0, done.stderr
    asked = (work / "slurm" / "sbatch.calls").read_text().splitlines()
    assert "--array=1,3-4%2" in asked and "--dependency=afterany:1" in asked
    assert asked.count("--time=10") == 2 and asked.count("--gres=gpu:1") == 1
    assert [call.split(" --out")[0] for call in calls(work)] == ["analyze a --tokens 5 0", "analyze c --tokens 5 0",
                                                                 "analyze it's d --tokens 5 0"]
    said = (work / "slurm" / "sbatch.compare").read_text()
    assert "3 of 4 checkpoints are finished" in said and "it's d is bad" in said
    (work / "it's d" / "bad").unlink()
    assert run("submit_slurm.sh", work, lines, "--", "--tokens", "5 0", env=slurm).returncode == 0
    assert len(calls(work)) == 1
    done = run("submit_slurm.sh", work, lines, "--", "--tokens", "5 0", env=slurm)
    assert "all 4 checkpoints are finished" in done.stderr and calls(work) == []


def test_slurm_array_still_at_work_is_not_doubled(work, slurm):
    (work / "queue").write_text("17\n17\n")
    done = run("submit_slurm.sh", work, ["a"], env=slurm)
    assert done.returncode == 1 and "array 17 is still at work" in done.stderr and done.stderr.count("\n") == 1
    assert not (work / "slurm" / "sbatch.calls").exists()


def test_scripts_pass_shellcheck():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    scripts = sorted(map(str, CLUSTER.glob("*.sh")))
    done = subprocess.run(["shellcheck", "-x", *scripts], cwd=harness.ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def test_demo_model_with_the_real_programs(tmp_path):
    linscan = harness.program("linscan")
    for name in ("analyze", "report", "compare"):
        harness.program(f"linscan-{name}")
    for name in ("first", "second"):
        shutil.copytree(harness.ROOT / "examples" / "demo-model", tmp_path / name)
    (tmp_path / "list.txt").write_text("first\nsecond\t--seed 1\n")
    arguments = [CLUSTER / "run_local.sh", "list.txt", "--out", "out", "--jobs", "2", "--linscan", linscan, "--",
                 "--tokens", "1500", "--metrics", "linearity"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    again = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0 and again.stderr.count("finished before") == 2
    assert sorted(path.name for path in (tmp_path / "out" / "compare").iterdir())
