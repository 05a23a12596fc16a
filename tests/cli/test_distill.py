"""linscan distill as a program: healing, its outputs, resuming, bad input."""
import hashlib
import json
import shutil

import pytest
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import harness
from test_prune import MODEL, digest, refused

FEW = ["--ctx", 64, "--batch-tokens", 1024, "--warmup", 5, "--eval-every", 10, "--dtype", "fp32", "--threads", 1, "-q"]


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """The demo model with two blocks linearised, and with one refitted away."""
    folder = tmp_path_factory.mktemp("cut")
    common = ["--tokens", 3000, "--ctx", 64, "--dtype", "fp32", "-q"]
    harness.run("linscan-linearize", MODEL, "--out", folder / "linear", "--blocks", "1,3", "--method", "linear", *common, check=0)
    harness.run("linscan-prune", MODEL, "--out", folder / "refit", "--blocks", 2, "--method", "refit", *common, check=0)
    return {"linear": folder / "linear", "refit": folder / "refit"}


def distill(student, out, *arguments, teacher=MODEL, steps=30, **options):
    return harness.run("linscan-distill", teacher, student, "--out", out, *FEW, "--steps", steps, *arguments, **options)


def result_of(student, out, *arguments, **options):
    return json.loads(distill(student, out, "--format", "json", *arguments, check=0, **options).stdout)


def changed_tensors(before, after):
    a, b = (load_file(folder / "model.safetensors") for folder in (before, after))
    assert a.keys() == b.keys() and all(a[name].dtype == b[name].dtype for name in a)
    return sorted(name for name in a if (a[name] != b[name]).any())


def test_maps_are_healed(cut, tmp_path):
    untouched = digest(MODEL), digest(cut["linear"])
    result = result_of(cut["linear"], tmp_path / "run")
    assert (digest(MODEL), digest(cut["linear"])) == untouched
    assert result["schema"] == "linscan.distillation/1" and result["export"]["form"] == "remote-code"
    assert result["after"]["kl"] < 0.97 * result["before"]["kl"]
    assert result["after"]["perplexity"] < result["before"]["perplexity"]
    model = tmp_path / "run" / "model"
    assert changed_tensors(cut["linear"], model) == sorted(name for name in load_file(model / "model.safetensors") if "map" in name)
    assert (model / "linscan_plan.json").exists()
    page = harness.run("linscan-report", tmp_path / "run", "--format", "html", check=0).stdout
    assert "Healing of" in page and f"{result['after']['kl']:.4f}" in page
    AutoModelForCausalLM.from_pretrained(model, trust_remote_code=True)
    # The written folder says what the run said.
    again = result_of(model, tmp_path / "again", "--lr", 1e-12, steps=1)
    assert again["before"]["kl"] == pytest.approx(result["after"]["kl"], rel=1e-6)


def test_losses_on_states_follow_the_plan(cut, tmp_path):
    result = result_of(cut["refit"], tmp_path / "run", "--loss", "mse=1,cosine=0.5")
    assert result["aligned"] == [1, 3, 4, 5, 6] and result["export"]["form"] == "stock"
    assert result["train"] == "maps, projections:1"
    assert changed_tensors(cut["refit"], tmp_path / "run" / "model") == ["model.layers.1.mlp.down_proj.weight"]
    lines = [json.loads(line) for line in (tmp_path / "run" / "train.jsonl").read_text().splitlines()]
    assert all(line["parts"].keys() == {"mse", "cosine"} for line in lines if "parts" in line)
    assert result["after"]["mse"] <= result["before"]["mse"] * 1.02  # the closed form is its optimum, on the text it saw


def test_memory_limit_is_checked_before_anything_is_loaded(cut, tmp_path):
    refused(distill(cut["linear"], tmp_path / "run", "--train", "all", "--memory-limit", "8MiB", steps=1), "weights, gradients and moments", "8.00 MiB")


def test_a_remembered_teacher_is_the_teacher_itself(cut, tmp_path):
    """Same bits with and without the cache; a second run does not ask the teacher for anything that the first one saw."""
    options = ["--top-k", 8, "--lr", 3e-3]
    result_of(cut["linear"], tmp_path / "plain", *options, steps=12)
    cache = tmp_path / "teacher.cache"
    first = result_of(cut["linear"], tmp_path / "first", *options, "--cache-teacher", cache, steps=12)["teacher_cache"]
    second = result_of(cut["linear"], tmp_path / "second", *options, "--cache-teacher", cache, steps=12)["teacher_cache"]
    assert first["windows_added"] == second["windows_read"] == 12 * 1024 // 64 and second["windows_added"] == 0
    for run in ("first", "second"):
        assert changed_tensors(tmp_path / "plain" / "model", tmp_path / run / "model") == []
    refused(distill(cut["linear"], tmp_path / "other", "--top-k", 4, "--cache-teacher", cache, steps=1), "of another top-k (8, not 4)")
    refused(distill(cut["linear"], tmp_path / "other", "--cache-teacher", cache, steps=1), "--top-k", code=2)
    refused(distill(cut["linear"], tmp_path / "other", "--top-k", 4, "--cache-teacher", cache, "--loss", "kl=1,mse=1", steps=1), "for its states", code=2)
    assert not (tmp_path / "other" / "model").exists()


@pytest.mark.parametrize("train", ["projections:auto", "last:1", "lora:2", "all"])
def test_every_choice_trains(train, cut, tmp_path):
    result = result_of(cut["refit"], tmp_path / "run", "--train", train)
    assert result["after"]["kl"] < result["before"]["kl"]
    AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model")


def test_resume_is_bitwise_the_whole_run(cut, tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    result_of(cut["linear"], whole, "--checkpoint-every", 15, "--keep", 0)
    result_of(cut["linear"], halves, "--checkpoint-every", 15, "--keep", 0)
    # As if it had died behind the first checkpoint.
    shutil.rmtree(halves / "model")
    (halves / "result.json").unlink()
    for path in (halves / "checkpoints").glob("step-00000030*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert list((halves / "checkpoints").glob("step-00000015*"))
    resumed = result_of(cut["linear"], halves, "--checkpoint-every", 15, "--keep", 0, "--resume")
    digests = [hashlib.sha256((folder / "model" / "model.safetensors").read_bytes()).hexdigest() for folder in (whole, halves)]
    assert digests[0] == digests[1]
    first = json.loads((whole / "result.json").read_text())
    assert resumed["before"] == first["before"] and resumed["after"] == first["after"]
    refused(distill(cut["linear"], halves, "--resume", "--loss", "kl=2"), "loss", "kl=1", "kl=2")
    refused(distill(cut["linear"], halves), "holds a training already", "--resume")


def test_pairs_that_do_not_fit_are_refused(cut, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(MODEL, other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    if isinstance(vocabulary, dict):
        first, second = [name for name in vocabulary if name.isalpha()][:2]
        vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    else:
        places = [i for i, (piece, _) in enumerate(vocabulary) if piece.strip("\u2581").isalpha()][:2]
        vocabulary[places[0]][0], vocabulary[places[1]][0] = vocabulary[places[1]][0], vocabulary[places[0]][0]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    refused(distill(cut["linear"], tmp_path / "a", teacher=other), "other tokens than the student's")

    wide = tmp_path / "wide"
    config = json.loads((MODEL / "config.json").read_text())
    from transformers import AutoConfig
    config["vocab_size"] += 8
    AutoModelForCausalLM.from_config(AutoConfig.for_model(**config)).save_pretrained(wide)
    refused(distill(cut["linear"], tmp_path / "b", teacher=wide), "a vocabulary of", str(config["vocab_size"]))

    bare = tmp_path / "bare"
    shutil.copytree(cut["refit"], bare)
    (bare / "linscan_plan.json").unlink()
    refused(distill(bare, tmp_path / "c", "--loss", "mse=1", "--train", "all"), "no linscan_plan.json", "use kl and ce")
    refused(distill(bare, tmp_path / "d"), "'maps' trains nothing")
    refused(distill(bare, tmp_path / "e", "--train", "projections:auto"), "--train projections:auto", "projections:BLOCK")
    refused(distill(bare, tmp_path / "f", "--train", "projections:9"), "projections:9", "0:5")
    plan = json.loads((cut["refit"] / "linscan_plan.json").read_text())
    plan["operations"] = [{"method": "remove", "begin": 1, "end": 4}]
    (bare / "linscan_plan.json").write_text(json.dumps(plan))
    refused(distill(bare, tmp_path / "g"), "linscan_plan.json", "3 blocks")
    for out in "abcdefg":
        assert not (tmp_path / out / "model").exists()


@pytest.mark.parametrize("loss", ["kl", "kl=-1", "l2=1", "kl=0", "kl=1,kl=2"])
def test_losses_are_checked(loss, cut, tmp_path):
    refused(distill(cut["linear"], tmp_path / "run", "--loss", loss), f"--loss {loss}", code=2)


def test_table_and_markdown(cut, tmp_path):
    table = distill(cut["linear"], tmp_path / "a", steps=2, check=0).stdout
    assert "KL from the teacher" in table and "before" in table and "after" in table
    markdown = distill(cut["linear"], tmp_path / "b", "--format", "markdown", steps=2, check=0).stdout
    assert "| perplexity" in markdown.lower() or "perplexity |" in markdown
