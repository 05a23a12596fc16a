"""linscan compare over training steps: folders of runs, checkpoints of anybody, logs, mixed and hostile input."""
import csv
import io
import json

import pytest

import results
from results import document

NAME = "linscan-compare"


def run(*arguments):
    return results.run(NAME, *arguments)


def dynamics(*arguments):
    done = run(*arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def plain(tmp_path):
    return results.write_run(tmp_path / "plain", [0, 1, 10, 100])


def test_a_run_folder_is_drawn_over_its_steps(plain):
    result = dynamics(plain)
    assert result["schema"] == "linscan.dynamics/1" and result["differences"] == []
    (only,) = result["runs"]
    assert only["label"] == "plain" and only["steps"] == [0, 1, 10, 100] and only["tokens"][2] == 10240
    update = only["curves"]["linearity.update.held_out"]
    assert update["mean"] == pytest.approx([0.89, 0.889, 0.88, 0.79])
    assert update["blocks"][3] == pytest.approx([0.8, 0.79, 0.78])
    assert update["min"][3] == pytest.approx(0.78) and update["max"][3] == pytest.approx(0.8)
    assert only["loss"]["training_is"] == "cross_entropy"
    assert only["loss"]["training"]["values"][0] == pytest.approx(5.99)
    assert only["loss"]["held_out"] == {"steps": [50], "values": [5.75]}


def test_the_table_has_one_row_per_step(plain):
    done = run(plain)
    assert done.returncode == 0 and done.stderr == ""
    rows = [line.split()[:2] for line in done.stdout.splitlines()]
    for row in (["0", "0.8900"], ["1", "0.8890"], ["10", "0.8800"], ["100", "0.7900"]):
        assert row in rows
    assert max(map(len, done.stdout.splitlines())) <= 120
    assert "5.7500" in done.stdout


def test_runs_side_by_side(plain, tmp_path):
    other = results.write_run(tmp_path / "cosine", [0, 5], blocks=2)
    assert [r["label"] for r in dynamics(plain, other)["runs"]] == ["plain", "cosine"]
    assert [r["label"] for r in dynamics(plain, other, "--label", "a", "b")["runs"]] == ["a", "b"]
    twin = results.write_run(tmp_path / "deep" / "plain", [0])
    assert [r["label"] for r in dynamics(plain, twin)["runs"]] == [str(plain), str(twin)]
    assert [r["label"] for r in dynamics(f"{plain}/", plain)["runs"]][0].startswith(str(plain))


def test_results_of_checkpoints_with_given_steps(tmp_path):
    arguments = []
    for step in (1000, 0, 30):
        folder = tmp_path / f"step-{step}"
        folder.mkdir()
        results.write(folder / "result.json", document(3, name=f"step-{step}"))
        arguments.append(f"{step}={folder}")
    (only,) = dynamics(*arguments)["runs"]
    assert only["label"] == "checkpoints" and only["steps"] == [0, 30, 1000] and "loss" not in only
    labelled = dynamics(*arguments, "--label", "a", "b", "a")["runs"]
    assert [(r["label"], r["steps"]) for r in labelled] == [("a", [30, 1000]), ("b", [0])]
    file = tmp_path / "7=x.json"
    results.write(file, document(3))
    assert json.loads(run(file, "--format", "json").stdout)["schema"] == "linscan.comparison/1"


def test_single_results_of_a_run_and_over_depth(plain):
    files = sorted((plain / "linearity").iterdir())
    assert dynamics(*files[1:])["runs"][0]["steps"] == [1, 10, 100]
    depth = json.loads(run(plain, "--over", "depth", "--format", "json").stdout)
    assert depth["schema"] == "linscan.comparison/1" and depth["models"][0]["label"] == "plain"
    assert depth["models"][0]["curves"]["linearity.update.held_out"]["values"] == pytest.approx([0.8, 0.79, 0.78])


def test_csv_is_long_form(plain):
    rows = list(csv.DictReader(io.StringIO(run(plain, "--format", "csv").stdout)))
    update = [r for r in rows if r["metric"] == "linearity.update.held_out" and r["step"] == "100"]
    assert [r["block"] for r in update] == ["mean", "0", "1", "2"]
    assert float(update[0]["value"]) == pytest.approx(0.79)
    assert [(r["step"], r["block"], r["value"]) for r in rows if r["metric"] == "loss.held_out"] == [("50", "", "5.75")]
    assert {r["metric"] for r in rows} >= {"norm.ratio", "geometry.effective_rank", "loss.training"}


def test_out_holds_json_csv_and_a_well_formed_page(plain, tmp_path):
    out = tmp_path / "out"
    assert run(plain, "--out", out, "-q").returncode == 0
    assert sorted(path.name for path in out.iterdir()) == ["comparison.csv", "comparison.html", "comparison.json"]
    page = (out / "comparison.html").read_text(encoding="utf-8")
    assert results.embedded_document(page) == json.loads((out / "comparison.json").read_text())
    for figure in ("fig-update", "fig-blocks", "fig-stream", "fig-size", "fig-loss"):
        assert f'id="{figure}"' in page
    for kind in ("table", "csv", "markdown", "html", "json"):
        assert run(plain, "--format", kind).stdout == run(plain, "--format", kind).stdout != ""


def test_mixed_input_is_refused(plain, tmp_path):
    single = results.write(tmp_path / "single.json", document(3))
    results.assert_one_line_error(run(plain, single), NAME, "single.json: has no training step", "STEP=", "--over depth")
    results.assert_one_line_error(run(single, "--over", "steps"), NAME, "single.json: has no training step")
    assert run(plain, single, "--over", "depth").returncode == 0
    done = run(f"3={plain}")
    assert done.returncode == 2 and "leave out '3='" in done.stderr


def test_steps_that_do_not_fit_are_refused(plain, tmp_path):
    single = results.write(tmp_path / "single.json", document(3))
    results.assert_one_line_error(run(f"5={single}", f"5={single}"), NAME, "step 5 is there twice", "--label")
    other = results.write(tmp_path / "other.json", document(4))
    results.assert_one_line_error(run(f"5={single}", f"6={other}"), NAME, "other.json: 4 blocks, 3 in")
    bad = plain / "linearity" / "step-00000010.json"
    for training, part in ((None, "training.step is missing"), ({"step": "x"}, "training.step"), (3, "training: expected")):
        results.write(bad, {**document(3), "training": training})
        results.assert_one_line_error(run(plain), NAME, "step-00000010.json", part)
    bad.write_text("{")
    results.assert_one_line_error(run(plain), NAME, "step-00000010.json", "not valid JSON")


def test_a_run_without_results_says_so(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "train.jsonl").write_text("")
    results.assert_one_line_error(run(folder), NAME, "run: a training run without linearity/step-*.json")


def test_logs_unfinished_missing_and_broken(plain, tmp_path):
    log = plain / "train.jsonl"
    whole = log.read_text()
    log.write_text(whole + '{"step": 101, "lo')
    done = run(plain)
    assert done.returncode == 0 and f"{log}:102: the last line is unfinished" in " ".join(done.stdout.split())
    log.write_text(whole + '{"step": 101, "lo\n')
    results.assert_one_line_error(run(plain), NAME, "train.jsonl:102", "not valid JSON")
    log.write_text('{"step": 1, "loss": "low"}\n' + whole)
    results.assert_one_line_error(run(plain), NAME, "train.jsonl:1: loss")
    log.unlink()
    assert "fig-loss" not in run(plain, "--format", "html").stdout
