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
    ('{"schema": "linscan.other/1"}', 'expected "linscan.analysis/1"'),
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


def with_parts(result):
    """Adds the groups "sublayers" and "damage"."""
    for block in result["blocks"]:
        half = {"linearity": {"stream": scores(0.96), "update": scores(0.3)}, "cosine": 0.97, "angular": 0.05, "block_influence": 0.03,
                "norm": {"in": 3.0, "out": 3.1, "update": 0.4, "ratio": 0.13}}
        block["sublayers"] = {"attention": half, "mlp": half}
        block["damage"] = {edit: {"ce": 0.1, "kl": 0.2 + block["block"], "top1": 0.8} for edit in ("remove", "linear")}
    rho = {"linearity.update.held_out": 0.5, "block_influence": None}
    result["damage"] = {"tokens": 512, "windows": 4, "dense": {"ce": 2.0, "perplexity": 7.4}, "rank_correlation": {"remove": rho, "linear": rho},
                        "missing": {"rank_correlation.remove.block_influence": "the score is the same for all blocks"}}
    return result


def edit(blocks=6):
    """The report of an edit that removed block 3."""
    measure = {"tokens": 900, "perplexity": 8.5, "cross_entropy": 2.14, "cross_entropy_stderr": 0.01, "kl": 0.1, "kl_stderr": 0.01, "top1": 0.9}
    trials = [{"blocks": [b], "cross_entropy": 2.2 + b / 10, "kl": 0.1} for b in range(blocks)]
    return {"schema": "linscan.edit/1", "model": {"path": "models/demo", "family": "llama", "blocks": blocks, "hidden": 64, "parameters": 1000},
            "data": {"files": ["corpus.txt"], "tokens": 4096, "windows": 16}, "recipe": "refit", "criterion": "loss",
            "plan": {"operations": [{"method": "refit", "begin": 3, "end": 4}], "map": "affine"},
            "blocks": [{"block": b, "action": "removed" if b == 3 else "kept", "becomes": None if b == 3 else b} for b in range(blocks)],
            "searches": [{"recipe": "refit", "rounds": [trials]}],
            "fits": [{"method": "refit", "begin": 3, "end": 4, "block": 2, "tokens": 4096, "unknowns": 64, "rank": 64, "unexplained": 0.2}],
            "unedited": measure, "edited": measure, "parameters": {"before": 1000, "after": 900},
            "export": {"form": "stock", "path": "out", "reason": "merged"}, "verification": {"tokens": 512, "largest_logit_difference": 1e-6},
            "warnings": ["few tokens"]}


def ladder(blocks=3):
    rungs = [{"k": k, "method": method, "by": by, "blocks": list(range(k)), "perplexity": 10.0 * k, "kl": 0.1 * k, "top1": 0.9, "parameters": 900,
              "tasks": {"arc_easy": {"acc": 0.4, "stderr": 0.02}}}
             for by in ("loss", "cosine") for method in ("remove", "refit + sweep") for k in range(1, blocks + 1)]
    return {"schema": "linscan.ladder/1", "model": {"path": "models/demo", "family": "llama", "blocks": 6}, "data": {"tokens": 4096},
            "dense": {"perplexity": 8.5, "tasks": {"arc_easy": {"acc": 0.5, "stderr": 0.02}}}, "rungs": rungs, "warnings": []}


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


def write_run(folder, steps, blocks=3, losses=True):
    """The folder of a `linscan pretrain-reg` run: results at these steps, whose update scores fall with the step, and a log."""
    (folder / "linearity").mkdir(parents=True)
    for step in steps:
        result = {**document(blocks, name="trained"), "training": {"step": step, "tokens": step * 1024}}
        for block in result["blocks"]:
            block["linearity"]["update"] = scores(0.9 - 0.001 * step - 0.01 * block["block"])
        write(folder / "linearity" / f"step-{step:08}.json", result)
    if losses:
        lines = [{"step": step, "loss": 7 - 0.01 * step, "parts": {"cross_entropy": 6 - 0.01 * step, "regularizer": 1.0}}
                 for step in range(1, 101)]
        lines.insert(50, {"step": 50, "evaluation": {"loss": 5.75, "perplexity": 314.2}})
        (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


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
