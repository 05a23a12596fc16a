"""linscan report: formats, output files, errors. Runs the built program on a document made here."""
import csv
import io
import json
import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("LINSCAN_BIN", ROOT / "build" / "bin")) / "linscan-report"

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")


def scores(value):
    return {"in_sample": value + 0.02, "adjusted": value + 0.01, "held_out": value,
            "held_out_ci": [value - 0.01, value + 0.01]}


def row(index):
    value = 0.4 + 0.1 * (index % 3)
    return {"linearity": {"stream": scores(0.97), "update": scores(value)},
            "baselines": {"scaled_identity": 0.95, "rank": {"1": 0.4, "8": 0.8, "64": 0.98}, "cca": 0.6},
            "cosine": 0.98, "norm": {"in": 3.0, "out": 3.1, "update": 0.4, "ratio": 0.13},
            "missing": {}}


def document(blocks=4):
    return {"schema": "linscan.analysis/1",
            "model": {"path": "models/sample", "family": "llama", "blocks": blocks, "hidden": 64},
            "n": 2048, "d": 64, "null_in_sample": 64 / 2047, "seed": 0, "config": {"ctx": 256},
            "warnings": ["scores depend on the text"], "metrics": {},
            "blocks": [{"block": i, **row(i)} for i in range(blocks)], "post_norm": row(blocks)}


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document()))
    return path


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=60)


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


class Balanced(HTMLParser):
    """Checks that every element is closed in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag


def test_html_is_one_well_formed_page(result, tmp_path):
    out = tmp_path / "report.html"
    done = run(result, "--format", "html", "--out", out)
    assert done.returncode == 0 and done.stdout == ""
    page = out.read_text(encoding="utf-8")
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    embedded = re.search(r'<script type="application/json" id="result">(.*?)</script>', page, re.S)
    assert json.loads(embedded.group(1)) == document()
    assert not re.search(r"https?://", page)


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


@pytest.mark.parametrize("content, expected", [
    ("{", "not valid JSON"),
    ("[]", "expected a JSON object"),
    ('{"schema": "linscan.eval/1"}', 'expected "linscan.analysis/1"'),
    ('{"schema": "linscan.analysis/1", "model": {"path": "m"}, "n": 1, "d": 1, "blocks": [{"block": 0, "cosine": "x"}]}',
     "blocks[0].cosine"),
    ("[" * 100000, "nested deeper"),
    ('{"a": 1, "a": 2}', "appears twice"),
])
def test_bad_results_are_one_line_errors(tmp_path, content, expected):
    path = tmp_path / "bad.json"
    path.write_text(content)
    done = run(path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("linscan-report: error: ")
    assert expected in done.stderr and "bad.json" in done.stderr


def test_missing_file_and_wrong_usage(tmp_path):
    assert run(tmp_path / "none.json").returncode == 1
    assert run().returncode == 2
    assert run("x", "--format", "pdf").returncode == 2
    assert "Example:" in run("--help").stdout
