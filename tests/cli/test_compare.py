"""linscan compare over depth: formats, labels, output folder, differences of protocol, errors. test_compare_steps.py: over steps."""
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

NAME = "linscan-compare"


def run(*arguments):
    return results.run(NAME, *arguments)


@pytest.fixture
def two(tmp_path):
    """Two results of different depth; the second as a folder."""
    (tmp_path / "b").mkdir()
    results.write(tmp_path / "b" / "result.json", document(5, name="large"))
    return [results.write(tmp_path / "a.json", document(3, name="small")), tmp_path / "b"]


def test_default_is_a_table_on_stdout(two):
    done = run(*two)
    assert done.returncode == 0 and done.stderr == ""
    assert "small" in done.stdout and "large" in done.stdout and "DIFFERENT" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_json_holds_curves_over_normalised_depth(two):
    comparison = json.loads(run(*two, "--format", "json").stdout)
    assert comparison["schema"] == "linscan.comparison/1"
    small, large = comparison["models"]
    assert (small["label"], large["label"]) == ("small", "large")
    assert small["depth"] == [0, 0.5, 1] and large["depth"] == [0, 0.25, 0.5, 0.75, 1]
    expected = [block["linearity"]["update"]["held_out"] for block in document(5)["blocks"]]
    curve = large["curves"]["linearity.update.held_out"]
    assert curve["values"] == expected
    assert curve["low"][0] == document()["blocks"][0]["linearity"]["update"]["held_out_ci"][0]
    summary = large["summaries"]["linearity.update.held_out"]
    assert summary["mean"] == pytest.approx(sum(expected) / 5)
    assert summary["max"] == {"value": max(expected), "block": expected.index(max(expected))}
    assert large["n_per_d"] == 32 and large["data_sha256"] == "d" * 64


def test_csv_is_long_form(two):
    rows = list(csv.DictReader(io.StringIO(run(*two, "--format", "csv").stdout)))
    update = [r for r in rows if r["model"] == "small" and r["metric"] == "linearity.update.held_out"]
    assert [r["block"] for r in update] == ["0", "1", "2", "post_norm"]
    assert [float(r["depth"]) for r in update] == [0, 0.5, 1, 1]
    assert float(update[1]["value"]) == document()["blocks"][1]["linearity"]["update"]["held_out"]
    assert float(update[1]["low"]) == document()["blocks"][1]["linearity"]["update"]["held_out_ci"][0]


def test_out_holds_json_csv_and_a_well_formed_page(two, tmp_path):
    out = tmp_path / "out"
    done = run(*two, "--out", out, "-q")
    assert done.returncode == 0
    assert sorted(path.name for path in out.iterdir()) == ["comparison.csv", "comparison.html", "comparison.json"]
    assert (out / "comparison.csv").read_bytes().decode() == run(*two, "--format", "csv").stdout.replace("\n", "\r\n")
    comparison = json.loads((out / "comparison.json").read_text())
    assert results.embedded_document((out / "comparison.html").read_text(encoding="utf-8")) == comparison


def test_same_results_give_the_same_bytes(two):
    for kind in ("table", "csv", "markdown", "html", "json"):
        assert run(*two, "--format", kind).stdout == run(*two, "--format", kind).stdout != ""


def test_existing_output_needs_force(two, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    done = run(*two, "--out", out)
    results.assert_one_line_error(done, NAME, "--force")
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert run(*two, "--out", out, "--force", "-q").returncode == 0
    assert (out / "mine.txt").read_text() == "mine" and (out / "comparison.html").exists()


def labels(*arguments):
    return [model["label"] for model in json.loads(run(*arguments, "--format", "json").stdout)["models"]]


def test_labels(two, tmp_path):
    assert labels(*two, "--label", "x", "y") == ["x", "y"]
    assert labels(*two, "--label", "x", "--label", "y") == ["x", "y"]
    assert labels(two[0], two[0]) == ["small", "small #2"]
    other = results.write(tmp_path / "ctx.json", document(3, name="small", data={"ctx": 64}))
    assert labels(two[0], other) == ["small (ctx 256)", "small (ctx 64)"]
    wrong = run(*two, "--label", "x")
    assert wrong.returncode == 2 and wrong.stdout == "" and "1 name for 2 results" in wrong.stderr


def test_other_protocols_are_said_in_every_format(two, tmp_path):
    other = results.write(tmp_path / "other.json", document(
        4, name="other", data={"sha256": "e" * 64, "ctx": 64}, compute={"dtype": "bf16"}, protocol={"name": "paper", "folds": 1}))
    for kind in ("table", "markdown", "html", "json"):
        text = run(*two, other, "--format", kind).stdout
        text = " ".join(text.split()).replace("\\", "")
        for part in ("token ids differ: dddddddd (small and large); eeeeeeee (other)", "window length differs: 256",
                     "protocol differs: default", "dtype of the matmuls differs: fp32 (small and large); bf16 (other)"):
            assert part in text.replace(" DIFFERENT ", " "), (kind, part)


def test_single_block_and_gaps(tmp_path):
    gaps = document(4, name="gaps")
    gaps["blocks"][1]["linearity"]["update"]["held_out"] = None
    gaps["blocks"][1]["missing"] = {"linearity.update": "a single document"}
    paths = [results.write(tmp_path / "one.json", document(1, name="one")), results.write(tmp_path / "gaps.json", gaps)]
    comparison = json.loads(run(*paths, "--format", "json").stdout)
    assert comparison["models"][0]["depth"] == [0]
    assert comparison["models"][1]["curves"]["linearity.update.held_out"]["values"][1] is None
    page = run(*paths, "--format", "html").stdout
    results.embedded_document(page)
    assert "gaps: linearity.update.held_out: a single document (1)" in page


def test_no_blocks_at_all(tmp_path):
    empty = results.write(tmp_path / "empty.json", {**document(0, name="empty"), "post_norm": None})
    for kind in ("table", "csv", "markdown", "html", "json"):
        done = run(empty, "--format", kind)
        assert done.returncode == 0 and done.stderr == "" and done.stdout


@pytest.mark.parametrize("content, expected", results.BAD_DOCUMENTS)
def test_bad_results_are_one_line_errors(two, tmp_path, content, expected):
    (tmp_path / "bad.json").write_text(content)
    out = tmp_path / "out"
    done = run(*two, tmp_path / "bad.json", "--out", out)
    results.assert_one_line_error(done, NAME, expected, "bad.json")
    assert not out.exists() and not list(tmp_path.glob("out*"))


def test_missing_files_and_wrong_usage(two, tmp_path):
    results.assert_one_line_error(run(*two, tmp_path / "none.json"), NAME, "none.json: no such file")
    (tmp_path / "hollow").mkdir()
    results.assert_one_line_error(run(*two, tmp_path / "hollow"), NAME, "hollow/result.json: no such file")
    assert run().returncode == 2
    assert run(*two, "--format", "pdf").returncode == 2
    assert "Example:" in run("--help").stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file_is_named(two):
    two[0].chmod(0)
    results.assert_one_line_error(run(*two), NAME, "a.json: cannot be opened")


def test_interrupted_while_reading_leaves_nothing(two, tmp_path):
    pipe, out = tmp_path / "pipe.json", tmp_path / "out"
    os.mkfifo(pipe)
    process = subprocess.Popen([results.program(NAME), pipe, *two, "--out", out], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    with open(pipe, "w", encoding="utf-8") as writer:  # returns when the program reads
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        writer.write(json.dumps(document(3)))
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and stdout == "" and "interrupted" in stderr
    assert not list(tmp_path.glob("out*"))


def test_every_option_is_in_the_docs():
    assert results.undocumented_options(NAME, "compare.md") == []
