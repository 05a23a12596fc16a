"""scripts/healed_ladder.py from end to end: its table, its results, and that no finished run is repeated."""
import json
import subprocess
import sys

import pytest

import harness
from test_prune import MODEL, ids  # noqa: F401

TABLE = [("removed", "–", "–"), ("removed", "all weights", "KL"), ("linear maps", "–", "–"), ("linear maps", "maps", "layer-wise MSE"),
         ("linear maps", "maps", "KL"), ("refit + sweep", "–", "–"), ("refit + sweep", "fitted projections", "KL"), ("refit + sweep", "all weights", "KL")]


def ladder(texts, out, *more):
    return subprocess.run([sys.executable, harness.ROOT / "scripts" / "healed_ladder.py", MODEL, "--data", texts[0], "--valid", texts[1], "--eval", texts[1],
                           "--fit-tokens", "3000", "--blocks", "2:4", "--ctx", "64", "--batch-tokens", "512", "--lr", "4e-3", "--lr-all", "1e-3",
                           "--threads", "1", "--out", out, "-v", *more], capture_output=True, text=True, timeout=harness.TIMEOUT_SECONDS, check=False)


def test_ladder_has_all_rows_and_repeats_nothing(ids, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    few = ["--steps", "12", "--bin", harness.program("linscan").parent]
    first = ladder(ids, out, *few)
    assert first.returncode == 0, first.stderr
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in first.stdout.splitlines() if line.startswith("| 2 ")]
    assert [(row[1], row[3], row[4]) for row in cells] == TABLE
    document = json.loads((out / "results.json").read_text())
    assert len(document["rows"]) == len(TABLE)
    for row, shown in zip(document["rows"], cells):
        assert row["blocks"] == [2, 3] and shown[2] == "2, 3" and row["before"]["perplexity"] > document["perplexity"]
        assert shown[7] == f"{row['before']['perplexity']:.2f}" and row["command"] in first.stderr
        if row["train"]:
            assert row["steps"] == 12 and shown[6] == "12" and shown[8] == f"{row['after']['perplexity']:.2f}"
            assert row["tried"][shown[5].replace("0.004", "4e-3").replace("0.001", "1e-3")]["validation_kl"] == pytest.approx(row["after"]["kl"], rel=1e-4)
        if row["loss"] == "kl=1":
            assert row["after"]["kl"] < 0.95 * row["before"]["kl"]
    assert "maps distilled by KL have the lower perplexity in 1 of 1 cuts" in first.stdout
    # The script knows what these commands left: without any program the same comes out.
    again = ladder(ids, out, "--steps", "12", "--bin", tmp_path / "nothing")
    assert again.returncode == 0 and again.stdout == first.stdout, again.stderr
    assert "linscan " not in again.stderr
    # What is missing is made again, and nothing else.
    (out / "blocks-2to4" / "removed-eval" / "result.json").unlink()
    assert "is not there" in ladder(ids, out, "--steps", "12", "--bin", tmp_path / "nothing").stderr
    repeated = ladder(ids, out, *few)
    assert repeated.stdout == first.stdout
    assert [line.split()[:2] for line in repeated.stderr.splitlines() if line.startswith("linscan ")] == [["linscan", "eval"]]
    # Runs of other options are not taken for these.
    other = ladder(ids, out, "--steps", "13", "--bin", tmp_path / "nothing")
    assert other.returncode == 1 and "choose another --out" in other.stderr and other.stdout == ""


@pytest.mark.parametrize("option", [["--lr", "0"], ["--lr", "fast"], ["--recipe", "missing.toml"]])
def test_bad_options_are_refused(option, ids, tmp_path):  # noqa: F811
    result = ladder(ids, tmp_path / "out", *option)
    assert result.returncode in (1, 2) and option[1] in result.stderr and "Traceback" not in result.stderr
