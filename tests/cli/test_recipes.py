"""The recipes of the paper's experiments that are scripts: they run end to end, and do not repeat what is finished."""
import json
import subprocess
import sys

import harness

SCRIPTS = harness.ROOT / "scripts"
DEMO = harness.ROOT / "examples" / "demo-model"
STORIES = harness.ROOT / "examples" / "corpus" / "demo-stories.jsonl.gz"


def run(script, *arguments):
    command = [sys.executable, str(SCRIPTS / script), *map(str, arguments), "--bin", str(harness.BIN)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_tasks_are_seeded_and_balanced(tmp_path):
    for folder in ("a", "b"):
        subprocess.run([sys.executable, str(harness.ROOT / "examples" / "make_tasks.py"), "--out", str(tmp_path / folder), "--train", "60",
                        "--validation", "20", "--choices", "20"], check=True, capture_output=True)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(names) == 7 and all((tmp_path / "a" / name).read_text() == (tmp_path / "b" / name).read_text() for name in names)
    rows = [json.loads(line) for line in (tmp_path / "a" / "next.jsonl").read_text().splitlines()]
    assert all(len(set(row["choices"]["text"])) == 4 for row in rows)
    pairs = [json.loads(line) for line in (tmp_path / "a" / "reward-train.jsonl").read_text().splitlines()]
    assert len(pairs) == 60 and all(pair["chosen"] != pair["rejected"] for pair in pairs)
    labels = [json.loads(line)["label"] for line in (tmp_path / "a" / "boolq-train.jsonl").read_text().splitlines()]
    assert len(labels) == 60 and 15 < sum(map(bool, labels)) < 45


def test_regularizer_comparison_runs_and_resumes(tmp_path):
    options = ["--data", STORIES, "--out", tmp_path / "runs", "--terms", "none,cosine 0.5", "--seeds", 1, "--steps", 3, "--batch-tokens", 512,
               "--ctx", 64, "--measure-points", 1, "--limit", 8]
    first = run("regularizer_comparison.py", *options)
    assert first.returncode == 0, first.stderr
    for heading in ("held-out perplexity", "| none |", "| cosine 0.5 |", "probe: kind of story", "probe: yes or no", "block 5"):
        assert heading in first.stdout
    written = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "runs").glob("*-1/checkpoints/*"))
    again = run("regularizer_comparison.py", *options)
    assert again.stdout == first.stdout
    assert written and written == sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "runs").glob("*-1/checkpoints/*"))
    refused = run("regularizer_comparison.py", *options, "--terms", "none,ridge")
    assert refused.returncode == 2 and "no term 'ridge'" in refused.stderr


def test_finetuning_table_runs(tmp_path):
    done = run("finetuning_table.py", DEMO, "--out", tmp_path, "--stories", "yes or no", "--limit", 24, "--epochs", 1, "--seeds", 2, "--tokens",
               2048, "--ctx", 128)
    assert done.returncode == 0, done.stderr
    assert "yes or no" in done.stdout and "±" in done.stdout
    assert (tmp_path / "table.json").exists()
