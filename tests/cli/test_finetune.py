"""linscan finetune and linscan analyze --metrics probe as programs: results, resume, seeds, bad input."""
import hashlib
import json
import random
import shutil

import pytest

import harness

MODEL = harness.ROOT / "examples" / "demo-model"
FEW = ["--ctx", 64, "--tokens", 1500, "--dtype", "fp32", "--threads", 1]
SUBJECTS = ["the cat", "a small dog", "Lily", "Tom", "the old bear", "her mom", "a red bird", "the king"]
PLACES = ["in the park", "at home", "near the river", "in the garden", "on the hill"]


def stories(count=40, seed=0):
    """Texts whose last words give their class away."""
    draw = random.Random(seed)
    rows = []
    for i in range(count):
        label = ["glad", "sad"][i % 2]
        rows.append({"text": f"One day {draw.choice(SUBJECTS)} sat {draw.choice(PLACES)} {i} times and was very {label}.",
                     "label": label})
    return rows


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def finetune(out, task, *arguments, lr=1e-3, **options):
    return harness.run("linscan-finetune", MODEL, "--task", task, "--out", out, *FEW, "--batch", 8, "--lr", lr,
                       *arguments, **options)


def refused(result, *expected, code=1):
    assert result.returncode == code, f"exit {result.returncode}\n{result.stderr}"
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if ": error: " in line]
    assert len(errors) == 1, result.stderr
    for text in expected:
        assert text in errors[0], errors[0]


def digest(folder):
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(out, result) of two seeds, all checkpoints kept."""
    folder = tmp_path_factory.mktemp("finetune")
    data = write_lines(folder / "stories.jsonl", stories())
    result = finetune(folder / "run", f"text={data}", "--seeds", 2, "--epochs", 1, "--checkpoint-every", 1, "--keep", 0,
                      "--format", "json", "-q", check=0)
    return folder, json.loads(result.stdout)


def test_report_draws_every_block_before_and_after(run):
    folder, result = run
    page = harness.run("linscan-report", folder / "run", "--format", "html", check=0).stdout
    assert "Fine-tuning of demo-model" in page and page.count('id="fig-change"') == 1
    for block in result["blocks"]:
        after = block["after"]["update"]["mean"]
        assert f"block {block['block']} after: {after:.4f}" in page
    table = harness.run("linscan-report", folder / "run", check=0).stdout
    assert "mean over blocks" in table


def test_the_result_has_the_table(run):
    folder, result = run
    assert result == json.loads((folder / "run" / "result.json").read_text())
    assert result["schema"] == "linscan.finetuning/1"
    assert result["task"]["train"]["examples"] == 32 and result["task"]["validation"]["examples"] == 8
    assert [seed["seed"] for seed in result["seeds"]] == [0, 1]
    assert len(result["blocks"]) == 6
    before = json.loads((folder / "run" / "before.json").read_text())
    for seed in result["seeds"]:
        after = json.loads((folder / "run" / f"seed-{seed['seed']}" / "after.json").read_text())
        changes = [b["linearity"]["update"]["held_out"] - a["linearity"]["update"]["held_out"]
                   for a, b in zip(before["blocks"], after["blocks"])]
        assert seed["change"]["update"] == pytest.approx(sum(changes) / 6, abs=1e-12)
    pair = [seed["change"]["update"] for seed in result["seeds"]]
    assert result["change"]["update"]["mean"] == pytest.approx(sum(pair) / 2, abs=1e-12)
    assert result["change"]["update"]["sd"] == pytest.approx(abs(pair[0] - pair[1]) / 2**0.5, abs=1e-12)


def test_the_measured_model_is_the_written_one(run, tmp_path):
    folder, _ = run
    again = harness.run("linscan-analyze", folder / "run" / "seed-1" / "model", *FEW, "--metrics", "linearity", "--format", "json",
                        "-q", check=0)
    after = json.loads((folder / "run" / "seed-1" / "after.json").read_text())
    for a, b in zip(json.loads(again.stdout)["blocks"], after["blocks"]):
        assert a["linearity"]["update"]["held_out"] == pytest.approx(b["linearity"]["update"]["held_out"], abs=1e-6)


def test_seeds_differ_and_repeat(run, tmp_path):
    folder, _ = run
    assert digest(folder / "run" / "seed-0" / "model") != digest(folder / "run" / "seed-1" / "model")
    finetune(tmp_path / "again", f"text={folder / 'stories.jsonl'}", "--seeds", 1, "--epochs", 1, "-q", check=0)
    assert digest(tmp_path / "again" / "seed-0" / "model") == digest(folder / "run" / "seed-0" / "model")


def test_resume_ends_with_the_same_bits(run, tmp_path):
    folder, _ = run
    out = tmp_path / "run"
    shutil.copytree(folder / "run", out)
    whole = digest(out / "seed-1" / "model")
    steps = sorted((out / "seed-1" / "checkpoints").glob("step-*.safetensors"))
    for path in steps[2:]:  # as if it had stopped after step 2 of the second seed
        path.unlink()
        shutil.rmtree(path.with_suffix(""))
    shutil.rmtree(out / "seed-1" / "model")
    task = f"text={folder / 'stories.jsonl'}"
    refused(finetune(out, task, "--seeds", 2, "--epochs", 1, "-q"), "--resume")
    refused(finetune(out, task, "--seeds", 2, "--epochs", 2, "-q", "--resume"), "epochs", "1.0 then, 2.0 now")
    finetune(out, task, "--seeds", 2, "--epochs", 1, "--checkpoint-every", 1, "--keep", 0, "--resume", "-q", check=0)
    assert digest(out / "seed-1" / "model") == whole


def test_it_learns_and_reports_rewards(tmp_path):
    glad = [row["text"] for row in stories() if row["label"] == "glad"]
    sad = [row["text"] for row in stories() if row["label"] == "sad"]
    data = write_lines(tmp_path / "pairs.jsonl", [{"chosen": a, "rejected": b} for a, b in zip(glad, sad)])
    result = finetune(tmp_path / "run", f"reward={data}", "--seeds", 1, "--epochs", 4, "--train", "lora:4", "--format", "json",
                      "-q", lr=1e-2, check=0)
    evaluation = json.loads(result.stdout)["seeds"][0]["evaluation"]
    assert evaluation["accuracy"] == 1.0 and evaluation["margin"] > 0 and evaluation["loss"] < 0.6


def test_a_long_example_loses_its_beginning(tmp_path):
    rows = stories(12)
    rows[0]["text"] = "word " * 500 + rows[0]["text"]
    data = write_lines(tmp_path / "long.jsonl", rows)
    result = finetune(tmp_path / "run", f"text={data}", "--seeds", 1, "--epochs", 0.1, "--format", "json")
    assert result.returncode == 0
    assert "beginnings are cut" in result.stderr
    task = json.loads(result.stdout)["task"]
    assert task["cut"] == 1 and task["longest"] > 500


@pytest.mark.parametrize("rows, expected", [
    ([], ["holds no examples"]),
    ([{"text": "a", "label": "x"}, {"text": "b", "label": "x"}], ["class 'x'", "nothing to tell apart"]),
    ([{"text": "a", "label": "x"}, {"text": "b"}], ["data.jsonl:2", "label"]),
    ([{"text": "a", "label": "x"}, {"text": "", "label": "y"}], ["data.jsonl:2", "empty"]),
    ([{"text": "a", "label": [1]}], ["data.jsonl:1", "array"]),
])
def test_bad_text_is_refused(rows, expected, tmp_path):
    data = write_lines(tmp_path / "data.jsonl", rows)
    refused(finetune(tmp_path / "run", f"text={data}"), *expected)


def test_labels_outside_the_classes_are_refused(tmp_path):
    data = write_lines(tmp_path / "data.jsonl", stories(6))
    refused(finetune(tmp_path / "run", f"text={data}", "--classes", "glad,mad"), "'sad' is no class", "glad, mad")
    other = write_lines(tmp_path / "other.jsonl", [{"text": "a", "label": "glad"}, {"text": "b", "label": "odd"}])
    refused(finetune(tmp_path / "run", f"text={data}", "--validation", other), "other.jsonl:2", "'odd' is no class")
    cb = write_lines(tmp_path / "cb.jsonl", [{"premise": "p", "hypothesis": "h", "label": "perhaps"}])
    refused(finetune(tmp_path / "run", f"cb={cb}"), "entailment, contradiction, neutral", "perhaps")


def test_usage_errors(tmp_path):
    data = write_lines(tmp_path / "data.jsonl", stories(6))
    refused(finetune(tmp_path / "run", str(data)), "KIND=FILE", code=2)
    refused(finetune(tmp_path / "run", f"sst2={data}"), "sst2", "boolq", code=2)
    refused(finetune(tmp_path / "run", f"text={data}", "--micro-batch", 3), "multiple", code=2)
    refused(finetune(tmp_path / "run", f"text={data}", "--train", "some"), "lora", code=2)


def probe(data, *arguments, **options):
    return harness.run("linscan-analyze", MODEL, *FEW, "--metrics", "probe", "--probe-data", data, "--format", "json", "-q",
                       *arguments, **options)


def test_probes_find_what_is_there_and_nothing_else(tmp_path):
    data = write_lines(tmp_path / "stories.jsonl", stories(60))
    result = json.loads(probe(f"text={data}", check=0).stdout)
    accuracies = [block["probe"]["accuracy"] for block in result["blocks"]]
    assert max(accuracies) > 0.95
    # The last token is a full stop in every text: before the first block it says nothing.
    assert result["probe"]["embedding"]["accuracy"] <= 0.5
    assert result["probe"]["chance"] == 0.5 and result["probe"]["texts"] == 60
    rows = stories(60)
    draw = random.Random(1)
    for row in rows:
        row["text"], row["label"] = row["text"].replace("glad", "calm").replace("sad", "calm"), draw.choice(["x", "y"])
    result = json.loads(probe(f"text={write_lines(tmp_path / 'random.jsonl', rows)}", check=0).stdout)
    for block in result["blocks"]:
        assert abs(block["probe"]["accuracy"] - 0.5) < 4 * 0.065


def test_probe_in_the_reports(tmp_path):
    data = write_lines(tmp_path / "stories.jsonl", stories(30))
    harness.run("linscan-analyze", MODEL, *FEW, "--metrics", "linearity,probe", "--probe-data", f"text={data}", "--out", tmp_path / "out",
                "-q", check=0)
    assert "probe.accuracy" in (tmp_path / "out" / "layers.csv").read_text().splitlines()[0]
    assert "most frequent class" in (tmp_path / "out" / "report.html").read_text()


def test_probe_refuses(tmp_path):
    pairs = write_lines(tmp_path / "pairs.jsonl", [{"chosen": "a", "rejected": "b"}])
    refused(probe(f"reward={pairs}"), "preferences have no classes")
    few = write_lines(tmp_path / "few.jsonl", stories(4))
    refused(probe(f"text={few}"), "4 distinct texts for 5 folds")
    refused(harness.run("linscan-analyze", MODEL, *FEW, "--metrics", "probe"), "--probe-data", code=2)
    refused(harness.run("linscan-analyze", MODEL, *FEW, "--probe-data", f"text={few}"), "--metrics probe", code=2)
