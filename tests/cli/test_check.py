"""linscan check: the gate passes, fails and refuses; the baseline of the demo model."""
import copy
import csv
import io
import json
import os
import signal
import subprocess
import time

import pytest

import results
from results import document

NAME = "linscan-check"
BASELINE = results.ROOT / "examples" / "baselines" / "demo.json"


def run(*arguments):
    return results.run(NAME, *arguments)


@pytest.fixture
def check(tmp_path):
    """check(change, *options): compares a changed document with the unchanged one."""
    baseline = results.write(tmp_path / "baseline.json", document())

    def compare(change=lambda result: None, *options):
        result = document()
        change(result)
        return run(results.write(tmp_path / "result.json", result), baseline, *options)

    return compare


def move(value):
    def change(result):
        result["blocks"][2]["cosine"] += value
    return change


def test_equal_results_pass_with_one_line(check):
    done = check()
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("passed: ") and done.stdout.count("\n") == 1


def test_a_moved_number_fails_with_a_table(check):
    done = check(move(-0.02))
    assert done.returncode == 1
    assert done.stderr == f"{NAME}: error: {done.stderr.split(': error: ')[1]}" and done.stderr.count("\n") == 1
    head, line = done.stdout.splitlines()[:2]
    assert head.split() == ["block", "metric", "baseline", "now", "difference", "allowed"]
    assert line.split() == ["2", "cosine", "0.980000", "0.960000", "−0.0200", "0.00100"]


def test_tolerance_decides(check):
    assert check(move(-0.02), "--tolerance", "0.03").returncode == 0
    assert check(move(-0.02), "--tolerance", "cosine=0.03").returncode == 0
    assert check(move(-0.02), "--tolerance", "0.03", "--tolerance", "cosine=0.01").returncode == 1
    assert check(move(0), "--tolerance", "0").returncode == 0
    assert check(move(1e-12), "--tolerance", "0").returncode == 1


def test_formats_say_the_same(check):
    moved = json.loads(check(move(-0.02), "--format", "json").stdout)
    assert moved["schema"] == "linscan.check/1" and moved["passed"] is False
    assert moved["moved"] == [{"block": "2", "metric": "cosine", "baseline": 0.98, "now": pytest.approx(0.96),
                               "difference": pytest.approx(-0.02), "allowed": 0.001}]
    rows = list(csv.DictReader(io.StringIO(check(move(-0.02), "--format", "csv").stdout)))
    assert [(r["block"], r["metric"], float(r["baseline"])) for r in rows] == [("2", "cosine", 0.98)]
    assert "| 2 | cosine |" in check(move(-0.02), "--format", "markdown").stdout
    passed = check(move(0), "--format", "json")
    assert passed.returncode == 0 and json.loads(passed.stdout)["passed"] is True
    assert check(move(0), "--format", "csv").stdout.count("\n") == 1


def test_a_number_that_vanished_moved(check):
    def erase(result):
        result["blocks"][0]["cosine"] = None
        result["blocks"][0]["missing"] = {"cosine": "no variance"}
    done = check(erase)
    assert done.returncode == 1 and "now: no variance" in done.stdout


@pytest.mark.parametrize("fact, group, key, value", [
    ("weights", "model", "weights_sha256", "b" * 64), ("data", "data", "sha256", "b" * 64), ("ctx", "data", "ctx", 64),
    ("protocol", "protocol", "name", "paper"), ("folds", "protocol", "folds", 3), ("dtype", "compute", "dtype", "bf16")])
def test_other_runs_are_not_comparable_unless_allowed(check, fact, group, key, value):
    def change(result):
        result[group][key] = value
    done = check(change)
    results.assert_one_line_error(done, NAME, f"not comparable, they differ in {fact}", f"--allow-different {fact}")
    allowed = check(change, "--allow-different", f"{fact},seed")
    assert allowed.returncode == 0 and f"allowed to differ: {fact}" in allowed.stdout


def test_other_models_are_never_comparable(tmp_path):
    paths = [results.write(tmp_path / f"{blocks}.json", document(blocks)) for blocks in (3, 4)]
    results.assert_one_line_error(run(*paths), NAME, "4 blocks", "3 blocks")


@pytest.mark.parametrize("content, expected", results.BAD_DOCUMENTS)
@pytest.mark.parametrize("place", [0, 1])
def test_bad_results_are_one_line_errors(tmp_path, content, expected, place):
    (tmp_path / "bad.json").write_text(content)
    paths = [results.write(tmp_path / "good.json", document())]
    paths.insert(place, tmp_path / "bad.json")
    results.assert_one_line_error(run(*paths), NAME, expected, "bad.json")


def test_missing_files_and_wrong_usage(check, tmp_path):
    results.assert_one_line_error(run(tmp_path / "a.json", tmp_path / "b.json"), NAME, "a.json: no such file")
    assert run("one").returncode == 2
    for options in (["--tolerance", "x"], ["--tolerance", "-1"], ["--tolerance", "nan"], ["--tolerance", "no_such=0.1"],
                    ["--allow-different", "model"], ["--format", "html"]):
        done = check(move(0), *options)
        assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, options
    assert "Example:" in run("--help").stdout


def test_interrupted_while_reading(tmp_path):
    pipe, good = tmp_path / "pipe.json", results.write(tmp_path / "good.json", document())
    os.mkfifo(pipe)
    process = subprocess.Popen([results.program(NAME), pipe, good], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with open(pipe, "w", encoding="utf-8") as writer:  # returns when the program reads
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        writer.write(json.dumps(document()))
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and stdout == "" and "interrupted" in stderr


# The gate of scripts/check_baselines.sh, with its tolerances.
DEMO_TOLERANCES = ["--tolerance", "1e-5", "--tolerance", "intrinsic_dimension=1e-3"]


def demo():
    return json.loads(BASELINE.read_text())


def test_demo_baseline_holds_no_facts_of_a_machine():
    baseline = demo()
    assert set(baseline["compute"]) == {"device", "dtype"}
    assert not {"date", "plan", "config"} & set(baseline)
    assert '"/' not in BASELINE.read_text()


@pytest.mark.parametrize("path, by, fails", [
    (["blocks", 3, "linearity", "update", "held_out"], 2e-5, True),
    (["blocks", 3, "linearity", "update", "held_out"], 5e-6, False),
    (["blocks", 0, "linearity", "stream", "held_out_ci", 0], -2e-5, True),
    (["blocks", 5, "norm", "out"], 1e-2, True),
    (["blocks", 1, "geometry", "intrinsic_dimension"], 1e-3, False),
    (["blocks", 1, "geometry", "intrinsic_dimension"], 1e-2, True),
    (["post_norm", "cosine"], 2e-5, True),
    (["embedding", "geometry", "anisotropy"], 2e-5, True),
])
def test_demo_gate_fails_when_a_value_is_moved(tmp_path, path, by, fails):
    result = copy.deepcopy(demo())
    *groups, last = path
    place = result
    for key in groups:
        place = place[key]
    place[last] += by
    done = run(results.write(tmp_path / "moved.json", result), BASELINE, *DEMO_TOLERANCES)
    assert done.returncode == (1 if fails else 0), done.stdout
    if fails:
        assert sum(line.strip().startswith((str(path[1]), str(path[0]))) for line in done.stdout.splitlines()) >= 1


def test_demo_gate_uses_these_tolerances():
    script = (results.ROOT / "scripts" / "check_baselines.sh").read_text()
    assert " ".join(DEMO_TOLERANCES) in script


def test_every_option_is_in_the_docs():
    assert results.undocumented_options(NAME, "check.md") == []
