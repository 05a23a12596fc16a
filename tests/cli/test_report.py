"""linscan report: formats, output files, errors. Runs the built program on a document made here."""
import csv
import io
import json

import pytest

import results
from results import document


@pytest.fixture
def result(tmp_path):
    return results.write(tmp_path / "result.json", document())


def run(*arguments):
    return results.run("linscan-report", *arguments)


def test_default_is_a_table_on_stdout(result):
    done = run(result)
    assert done.returncode == 0 and done.stderr == ""
    assert "0.400 [0.390, 0.410]" in done.stdout
    assert "scores depend on the text" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_a_folder_stands_for_its_result(result):
    assert run(result.parent).stdout == run(result).stdout


def test_csv_has_every_number(result):
    done = run(result, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [r["block"] for r in rows] == ["0", "1", "2", "3", "post_norm"]
    assert float(rows[1]["linearity.update.held_out"]) == document()["blocks"][1]["linearity"]["update"]["held_out"]
    assert float(rows[0]["baselines.rank.8"]) == 0.8
    assert float(rows[0]["linearity.stream.held_out_ci.low"]) == 0.96


def test_json_is_the_document(result):
    assert json.loads(run(result, "--format", "json").stdout) == document()


def test_markdown_has_a_table(result):
    assert "| block |" in run(result, "--format", "markdown").stdout


def test_html_is_one_well_formed_page(result, tmp_path):
    out = tmp_path / "report.html"
    done = run(result, "--format", "html", "--out", out)
    assert done.returncode == 0 and done.stdout == ""
    page = out.read_text(encoding="utf-8")
    assert results.embedded_document(page) == document()


def test_same_document_gives_the_same_bytes(result):
    for kind in ("table", "csv", "markdown", "html", "json"):
        assert run(result, "--format", kind).stdout == run(result, "--format", kind).stdout


def test_existing_output_needs_force(result, tmp_path):
    out = tmp_path / "table.txt"
    out.write_text("mine")
    done = run(result, "--out", out)
    assert done.returncode == 1 and "--force" in done.stderr
    assert out.read_text() == "mine"
    assert run(result, "--out", out, "--force").returncode == 0
    assert "sample" in out.read_text()


@pytest.mark.parametrize("content, expected", results.BAD_DOCUMENTS)
def test_bad_results_are_one_line_errors(tmp_path, content, expected):
    path = tmp_path / "bad.json"
    path.write_text(content)
    results.assert_one_line_error(run(path), "linscan-report", expected, "bad.json")


def test_missing_file_and_wrong_usage(tmp_path):
    assert run(tmp_path / "none.json").returncode == 1
    assert run().returncode == 2
    assert run("x", "--format", "pdf").returncode == 2
    assert "Example:" in run("--help").stdout


@pytest.mark.parametrize("value, title", [(results.edit(), "Edit of demo"), (results.ladder(), "Ladder of demo")], ids=["edit", "ladder"])
def test_other_schemas_have_reports_of_their_own(tmp_path, value, title):
    path = results.write(tmp_path / "other.json", value)
    assert results.embedded_document(run(path, "--format", "html").stdout) == value
    assert run(path, "--format", "markdown").stdout.startswith(f"# {title}\n")
    assert json.loads(run(path, "--format", "json").stdout) == value
    table = run(path)
    assert table.returncode == 0 and table.stderr == "" and max(map(len, table.stdout.splitlines())) <= 120


def test_ladder_as_csv_has_a_row_per_rung(tmp_path):
    path = results.write(tmp_path / "ladder.json", results.ladder())
    rows = list(csv.DictReader(io.StringIO(run(path, "--format", "csv").stdout)))
    assert [row["method"] for row in rows].count("dense") == 1 and len(rows) == 13
    assert float(rows[3]["perplexity"]) == 30.0 and rows[3]["blocks"] == "0, 1, 2"


def test_report_of_an_edit_is_no_csv(tmp_path):
    results.assert_one_line_error(run(results.write(tmp_path / "edit.json", results.edit()), "--format", "csv"), "linscan-report", "--format csv")


def test_sublayers_and_damage_reach_every_format(tmp_path):
    path = results.write(tmp_path / "result.json", results.with_parts(document()))
    rows = list(csv.DictReader(io.StringIO(run(path, "--format", "csv").stdout)))
    assert float(rows[2]["damage.remove.kl"]) == 2.2 and float(rows[0]["sublayers.mlp.norm.ratio"]) == 0.13
    assert rows[-1]["block"] == "post_norm" and rows[-1]["damage.remove.kl"] == ""
    page = run(path, "--format", "html").stdout
    assert all(f'id="{figure}"' in page for figure in ("fig-sublayers", "fig-damage", "fig-correlation"))
    assert max(map(len, run(path).stdout.splitlines())) <= 120


def training():
    return {"schema": "linscan.training/1", "command": "pretrain-reg", "model": {"architecture": "LlamaForCausalLM", "blocks": 2, "hidden": 32,
            "parameters": 1000}, "data": {"tokens": 5000, "documents": 12, "ctx": 64}, "compute": {"device": "cpu", "tokens_per_second": 99.5},
            "settings": {"batch_tokens": 256}, "steps": 12, "evaluation": {"loss": 2.0, "perplexity": 7.389, "tokens": 900},
            "linearity": [{"step": 0, "stream": 0.99, "update": 0.8}, {"step": 12, "stream": 0.98, "update": 0.7}]}


def evaluation():
    return {"schema": "linscan.eval/1", "model": {"path": "models/demo", "family": "llama", "blocks": 2, "parameters": 1000},
            "tasks": {"boolq": {"acc": 0.625, "stderr": 0.01, "n": 100}}, "perplexity": {"a.txt": {"chunked": 12.5, "tokens": 900}},
            "protocol": {"ctx": 64, "stride": 64, "max_length": 64}, "compute": {"dtype": "fp32", "device": "cpu", "seconds": 1.0},
            "warnings": []}


@pytest.mark.parametrize("content, part", [(training(), "7.389"), (evaluation(), "0.6250")])
def test_trainings_and_evaluations(tmp_path, content, part):
    results.write(tmp_path / "result.json", content)
    for kind in ("table", "markdown", "html"):
        done = run(tmp_path, "--format", kind)
        assert done.returncode == 0 and done.stderr == "" and part in done.stdout, kind
    assert results.embedded_document(run(tmp_path, "--format", "html").stdout) == content
    assert len(list(csv.reader(io.StringIO(run(tmp_path, "--format", "csv").stdout)))) >= 3
    results.write(tmp_path / "result.json", {**content, "compute": 3})
    results.assert_one_line_error(run(tmp_path), "linscan-report", "result.json", "compute")
