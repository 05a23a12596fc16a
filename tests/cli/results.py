"""Result documents as `linscan analyze` writes them, made here, and the programs that read them. Needs neither torch nor a model."""
import json
import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("LINSCAN_BIN", ROOT / "build" / "bin"))

# What no reader of results accepts, and a part of what it says.
BAD_DOCUMENTS = [
    ("{", "not valid JSON"),
    ("", "not valid JSON"),
    ("\x89PNG\r\n", "not valid JSON"),
    ("[]", "expected a JSON object"),
    ('{"schema": "linscan.eval/1"}', 'expected "linscan.analysis/1"'),
    ('{"schema": "linscan.comparison/1", "models": []}', 'expected "linscan.analysis/1"'),
    ('{"schema": "linscan.analysis/1", "model": {"path": "m"}, "n": 1, "d": 1, "blocks": [{"block": 0, "cosine": "x"}]}',
     "blocks[0].cosine"),
    ('{"schema": "linscan.analysis/1", "model": {"path": "m"}, "n": 1, "d": 1, "blocks": [{"block": 0, "cosine": 1e200}]}',
     "blocks[0].cosine"),
    ('{"schema": "linscan.analysis/1", "model": {"path": "m"}, "n": -1, "d": 1, "blocks": []}', "not a count"),
    ('{"schema": "linscan.analysis/1", "model": {"path": "m"}, "n": 1, "d": 1, "blocks": {}}', "expected a list"),
    ("[" * 100000, "nested deeper"),
    ('{"a": 1, "a": 2}', "appears twice"),
]


def program(name):
    """Path of a built program. Without it the test is skipped, or fails where LINSCAN_REQUIRE_BINARIES is set (CI)."""
    path = BIN / name
    if not path.exists():
        message = f"{path} is not built (scripts/build.sh, or set LINSCAN_BIN)"
        pytest.fail(message) if os.environ.get("LINSCAN_REQUIRE_BINARIES") else pytest.skip(message)
    return path


def run(name, *arguments):
    return subprocess.run([program(name), *map(str, arguments)], capture_output=True, text=True, timeout=60)


def scores(value):
    return {"in_sample": value + 0.02, "adjusted": value + 0.01, "held_out": value,
            "held_out_ci": [value - 0.01, value + 0.01]}


def row(index):
    value = 0.4 + 0.1 * (index % 3)
    return {"linearity": {"stream": scores(0.97), "update": scores(value)},
            "baselines": {"scaled_identity": 0.95, "rank": {"1": 0.4, "8": 0.8, "64": 0.98}, "cca": 0.6},
            "cosine": 0.98, "block_influence": 0.02, "norm": {"in": 3.0, "out": 3.1, "update": 0.4, "ratio": 0.13},
            "geometry": {"anisotropy": 0.2, "effective_rank": 30.0, "intrinsic_dimension": 9.0},
            "missing": {}}


def document(blocks=4, name="sample", **changes):
    """`changes`: top-level keys, merged into their group where both are objects."""
    result = {"schema": "linscan.analysis/1",
              "model": {"path": f"models/{name}", "family": "llama", "blocks": blocks, "hidden": 64, "weights_sha256": "a" * 64},
              "data": {"files": ["corpus.txt"], "tokens": 2048, "documents": 12, "ctx": 256, "sha256": "d" * 64},
              "compute": {"device": "cpu", "dtype": "fp32"},
              "protocol": {"name": "default", "folds": 5, "fold_unit": "document"},
              "n": 2048, "d": 64, "null_in_sample": 64 / 2047, "seed": 0, "config": {"ctx": 256},
              "warnings": ["scores depend on the text"],
              "metrics": {"cosine": {"range": [-1, 1]}, "linearity.update.held_out": {"range": [None, 1]},
                          "norm.out": {"range": [0, None]}},
              "blocks": [{"block": i, **row(i)} for i in range(blocks)], "post_norm": row(blocks)}
    for key, value in changes.items():
        result[key] = {**result[key], **value} if isinstance(value, dict) else value
    return result


def write(path, value):
    path.write_text(json.dumps(value))
    return path


def assert_one_line_error(done, name, *parts):
    assert done.returncode == 1 and done.stdout == "", done
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"{name}: error: "), done.stderr
    for part in parts:
        assert part in done.stderr, done.stderr


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


def embedded_document(page):
    """The JSON inside a page of ours; the page must be well formed and load nothing."""
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert not re.search(r"https?://", page)
    embedded = re.search(r'<script type="application/json" id="result">(.*?)</script>', page, re.S)
    return json.loads(embedded.group(1))


def undocumented_options(name, page):
    """Options of --help that the page in docs/ does not name; general ones aside."""
    words = {word.strip(",.;:()[]") for word in run(name, "--help").stdout.split() if word.startswith("--")}
    options = {word for word in words if word[2:].replace("-", "").isalpha()}
    assert "--format" in options
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return sorted(o for o in options - {"--help", "--version", "--config", "--quiet", "--verbose", "--memory-limit"} if o not in text)
