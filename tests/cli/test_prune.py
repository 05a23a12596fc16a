"""linscan prune, linearize and ladder as programs: plans, gates, outputs, bad input."""
import hashlib
import json
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

import harness

MODEL = harness.ROOT / "examples" / "demo-model"
FEW = ["--ctx", 64, "--dtype", "fp32", "-q"]


def edit(*arguments, model=MODEL, command="prune", **options):
    tokens = [] if "--tokens" in arguments else ["--tokens", 3000]
    return harness.run(f"linscan-{command}", model, *FEW, *tokens, *arguments, **options)


def result_of(out, *arguments, **options):
    return json.loads(edit("--out", out, "--format", "json", *arguments, check=0, **options).stdout)


def refused(result, *expected, code=1):
    """The exit code, nothing on stdout, one line of error that names all of `expected`."""
    assert result.returncode == code, f"exit {result.returncode}\n{result.stderr}"
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "warning" not in line]
    assert len(lines) == 1 and ": error: " in lines[0], result.stderr
    for text in expected:
        assert text in lines[0], lines[0]


def digest(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def evaluated(folder, ids, *arguments):
    run = harness.run("linscan-eval", folder, "--ppl", ids, "--ctx", 64, "--dtype", "fp32", "--format", "json", "-q", *arguments, check=0)
    return json.loads(run.stdout)


@pytest.fixture
def ids(tmp_path):
    """Text for the fits and other text to judge on, as raw ids of the demo model."""
    text = harness.run("linscan-tokenize", MODEL, "--data", harness.ROOT / "examples" / "corpus" / "demo-stories.jsonl.gz", "--no-special", check=0)
    tokens = [token for line in text.stdout.splitlines()[:60] for token in json.loads(line)]
    return (harness.write_ids(tmp_path / "fit.i32", tokens[:4000]), harness.write_ids(tmp_path / "judge.i32", tokens[4000:6000]))


@pytest.mark.parametrize("method,sweep", [("remove", False), ("fold", False), ("fold", True), ("refit", False), ("refit", True)])
def test_stock_edit_is_what_eval_measures(method, sweep, ids, tmp_path):
    before = digest(MODEL)
    out = tmp_path / "out"
    result = result_of(out, "--blocks", 2, "--method", method, "--data", ids[0], "--eval-data", ids[1], *(["--sweep"] if sweep else []))
    assert digest(MODEL) == before
    assert result["schema"] == "linscan.edit/1" and result["export"]["form"] == "stock"
    assert [block["becomes"] for block in result["blocks"]] == [0, 1, None, 2, 3, 4]
    assert json.loads((out / "config.json").read_text())["num_hidden_layers"] == 5
    assert result["verification"]["largest_logit_difference"] <= 2e-4
    # Raw ids with --eval-data: windows of 64, the first token of each given. The same numbers from the written folder.
    dense = evaluated(MODEL, ids[1])["perplexity"][str(ids[1])]["chunked"]
    assert result["unedited"]["perplexity"] == pytest.approx(dense, rel=1e-5)
    edited = evaluated(out, ids[1], "--kl-against", MODEL)
    assert result["edited"]["perplexity"] == pytest.approx(edited["perplexity"][str(ids[1])]["chunked"], rel=1e-5)
    divergence = next(iter(edited["divergence"]["texts"].values())) if "texts" in edited["divergence"] else edited["divergence"][str(ids[1])]
    assert result["edited"]["kl"] == pytest.approx(divergence["kl"], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("method", ["linear", "linear-attention", "no-attention"])
def test_linearized_model_is_read_back_and_edited_again(method, ids, tmp_path):
    first = tmp_path / "first"
    result = result_of(first, "--blocks", 1, "--method", method, "--data", ids[0], "--eval-data", ids[1], command="linearize")
    assert result["export"]["form"] == "remote-code" and "auto_map" in json.loads((first / "config.json").read_text())
    assert evaluated(first, ids[1])["perplexity"][str(ids[1])]["chunked"] == pytest.approx(result["edited"]["perplexity"], rel=1e-5)
    again = result_of(tmp_path / "again", "--blocks", "3:5", "--method", "linear", "--data", ids[0], "--eval-data", ids[1], model=first)
    assert again["unedited"]["perplexity"] == pytest.approx(result["edited"]["perplexity"], rel=1e-5)
    assert len(json.loads((tmp_path / "again" / "config.json").read_text())["linscan"]["blocks"]) == 5
    run = harness.run("linscan-analyze", tmp_path / "again", "--data", ids[0], "--format", "json", "-q", check=0)
    assert len(json.loads(run.stdout)["blocks"]) == 5


def test_nemotron_form_is_written_and_refused_with_the_reason(ids, tmp_path):
    run = edit("--blocks", 1, "--method", "linear", "--export", "nemotron", "--data", ids[0], "--out", tmp_path / "out")
    assert run.returncode in (0, 1)
    if run.returncode == 1:  # the demo's MLP is no multiple of 256 wide
        refused(run, "--export nemotron", "256")
    refused(edit("--blocks", 1, "--method", "linear", "--export", "stock", "--data", ids[0], "--out", tmp_path / "stock"), "--export stock", "block 1")


@pytest.mark.parametrize("by", ["loss", "linearity", "update", "cosine", "angular", "reverse", "random"])
def test_every_criterion_chooses(by, tmp_path):
    result = result_of(tmp_path / "out", "--drop", 2, "--method", "refit", "--by", by)
    removed = [block["block"] for block in result["blocks"] if block["becomes"] is None]
    assert len(removed) == 2 and 0 not in removed
    assert result["criterion"] == by and "block 0" in result["protected"]
    if by == "reverse":
        assert removed == [4, 5]
    if by == "angular":
        assert removed[1] == removed[0] + 1


def test_share_of_blocks_and_automatic_method(tmp_path):
    result = result_of(tmp_path / "out", "--drop", "25%")
    assert len([block for block in result["blocks"] if block["becomes"] is None]) == 2  # of 6, rounded
    assert {search["recipe"] for search in result["searches"]} == {"remove", "fold", "refit", "refit + sweep"}
    # What came out close is compared on all of the calibration text, and the best of it is taken.
    tried = [trial["cross_entropy"] for search in result["searches"] for trial in search["rounds"][-1]]
    close = sorted(loss for loss in tried if loss <= min(tried) + 0.1)[:8]
    finalists = result["finalists"]
    assert len(finalists) == len(close) > 1
    assert finalists == sorted(finalists, key=lambda one: one["cross_entropy"])
    assert result["recipe"] == finalists[0]["recipe"]
    assert [block["block"] for block in result["blocks"] if block["becomes"] is None] == finalists[0]["blocks"]


def test_plan_is_saved_and_applied(tmp_path):
    saved = edit("--drop", 1, "--method", "refit", "--plan-only", "--out", tmp_path / "saved", check=0)
    plan = json.loads(saved.stdout)
    assert plan["schema"] == "linscan.edit-plan/1" and json.loads((tmp_path / "saved" / "linscan_plan.json").read_text()) == plan
    file = tmp_path / "saved" / "linscan_plan.json"
    result_of(tmp_path / "one", "--plan", file)
    result_of(tmp_path / "two", "--blocks", plan["operations"][0]["begin"], "--method", "refit")
    assert (tmp_path / "one" / "model.safetensors").read_bytes() == (tmp_path / "two" / "model.safetensors").read_bytes()
    refused(edit("--plan", file, "--out", tmp_path / "three", model=tmp_path / "one"), "another model")
    for change in ({"schema": "x"}, {"operations": {}}, {"map": 3}, {"operations": [{"method": "melt", "begin": 1, "end": 2}]},
                   {"operations": [{"method": "remove", "begin": 1, "end": 9}]}, {"operations": []}):
        file.write_text(json.dumps(plan | change))
        run = edit("--plan", file, "--out", tmp_path / "three")
        assert run.returncode in (1, 2) and run.stdout == "" and not (tmp_path / "three").exists(), change


def test_gates_write_nothing(tmp_path):
    out = tmp_path / "out"
    refused(edit("--blocks", "3:5", "--method", "remove", "--max-ppl-increase", "1%", "--out", out), "--max-ppl-increase 1%", "nothing was written")
    refused(edit("--blocks", "3:5", "--method", "remove", "--max-kl", "0.001", "--out", out), "--max-kl 0.001")
    assert not out.exists()
    result = result_of(out, "--blocks", 1, "--method", "refit", "--max-ppl-increase", "900%", "--max-kl", 5)
    assert [gate["passed"] for gate in result["gates"]] == [True, True]


@pytest.mark.parametrize("arguments,expected,code", [
    ([], "--blocks", 2),
    (["--blocks", "7"], "0:6", 1),
    (["--blocks", "2,1:3"], "twice", 1),
    (["--blocks", "3:3"], "empty", 2),
    (["--blocks", "x"], "3,7:9", 2),
    (["--drop", "6"], "6 blocks", 1),
    (["--drop", "0"], "--drop 0", 1),
    (["--blocks", "0", "--method", "refit"], "block 0", 1),
    (["--blocks", "0:6", "--method", "remove"], "at least one", 1),
    (["--blocks", "1", "--method", "refit", "--map", "rank:x"], "rank:K", 2),
    (["--blocks", "1", "--method", "linear", "--sweep"], "--sweep", 2),
    (["--blocks", "1", "--method", "refit", "--map", "rank:8"], "--map rank:8: refit", 2),
    (["--blocks", "1", "--method", "remove", "--map", "scale"], "--map scale: remove", 2),
    (["--blocks", "1", "--method", "linear", "--map", "scale", "--export", "nemotron"], "affine or rank:K", 2),
    (["--drop", "1", "--method", "refit", "--rescore"], "--rescore", 2),
    (["--drop", "1", "--method", "refit", "--by", "reverse", "--rescore"], "--by linearity", 2),
    (["--drop", "1", "--by", "cosine", "--rescore"], "--method", 2),
    (["--drop", "1", "--by", "cosine", "--method", "refit", "--target", "auto", "--rescore"], "--target", 2),
    (["--blocks", "1", "--by", "cosine", "--method", "refit", "--rescore"], "--rescore", 2),
    (["--blocks", "1", "--method", "linear", "--tokens", "100"], "--ridge", 1),
    (["--blocks", "1", "--max-kl", "-1"], "--max-kl", 2),
])
def test_bad_input_is_one_line_and_writes_nothing(arguments, expected, code, tmp_path):
    refused(edit(*arguments, "--out", tmp_path / "out"), expected, code=code)
    assert list(tmp_path.iterdir()) == []


def test_short_text_works_with_a_ridge(tmp_path):
    result_of(tmp_path / "out", "--blocks", 1, "--method", "linear", "--tokens", 100, "--ridge", 0.1)


def test_existing_folders_and_the_source_are_kept(tmp_path):
    source = tmp_path / "source"
    shutil.copytree(MODEL, source)
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "notes.txt").write_text("mine")
    cut = ["--blocks", 1, "--method", "remove"]
    for out in (kept, source, source / "inside"):
        refused(edit(*cut, "--out", out, model=source))
        refused(edit(*cut, "--out", out, "--force", model=source))
    assert digest(source) == digest(MODEL) and (kept / "notes.txt").read_text() == "mine"
    out = tmp_path / "out"
    result_of(out, *cut)
    refused(edit("--blocks", 2, "--method", "remove", "--out", out), "--force")
    first = digest(out)
    result_of(out, "--blocks", 2, "--method", "remove", "--force")
    assert digest(out)["model.safetensors"] != first["model.safetensors"]


def test_interrupt_leaves_nothing(tmp_path):
    program = subprocess.Popen([harness.program("linscan-prune"), MODEL, "--drop", "3", "--out", tmp_path / "out", "-q"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=60)
    assert program.returncode == 130, errors
    assert list(tmp_path.iterdir()) == []


def test_same_command_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        result_of(tmp_path / name, "--blocks", "1,4", "--method", "refit", "--sweep", "--target", "own")
    assert (tmp_path / "one" / "model.safetensors").read_bytes() == (tmp_path / "two" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("kind", ["affine", "diagonal", "scale", "orthogonal", "rank:8"])
def test_every_map(kind, tmp_path):
    result = result_of(tmp_path / "out", "--blocks", 1, "--method", "linear", "--map", kind)
    assert result["plan"]["map"] == kind and 0 <= result["fits"][0]["unexplained"] <= 1.5


def test_ladder_has_every_rung(tmp_path):
    task = tmp_path / "arc.jsonl"
    task.write_text("".join(json.dumps({"question": f"What is {i}?", "choices": {"text": ["a cat", "a dog"], "label": ["A", "B"]},
                                        "answerKey": "AB"[i % 2]}) + "\n" for i in range(6)))
    out = tmp_path / "ladder"
    run = harness.run("linscan-ladder", MODEL, *FEW, "--tokens", 3000, "--max-drop", 2, "--methods", "remove,refit+sweep", "--by", "cosine,reverse", "--beam", 1,
                      "--task", f"arc_easy={task}", "--out", out, "--format", "json", check=0)
    result = json.loads(run.stdout)
    assert {(rung["method"], rung["by"], rung["k"]) for rung in result["rungs"]} == {
        (method, by, k) for method in ("remove", "refit + sweep") for by in ("cosine", "reverse") for k in (1, 2)}
    assert all(rung["tasks"]["arc_easy"]["n"] == 6 and rung["perplexity"] > 1 for rung in result["rungs"])
    assert {path.name for path in out.iterdir()} == {"result.json", "ladder.csv", "report.html", "run.toml"}
    again = harness.run("linscan-ladder", "--config", out / "run.toml", "--format", "json", "-q", check=0)
    assert json.loads(again.stdout)["rungs"] == result["rungs"]
    # The same edit by prune.
    rung = next(rung for rung in result["rungs"] if (rung["method"], rung["by"], rung["k"]) == ("remove", "reverse", 2))
    pruned = result_of(tmp_path / "pruned", "--blocks", "4:6", "--method", "remove")
    assert rung["blocks"] == [4, 5] and rung["perplexity"] == pytest.approx(pruned["edited"]["perplexity"], rel=1e-5)


@pytest.mark.parametrize("arguments,expected,code", [
    (["--rescore"], "--by linearity", 2),
    (["--methods", "remove,refit", "--map", "rank:8"], "--map rank:8", 2),
    (["--methods", "linear+sweep"], "sweep", 2),
    (["--max-drop", "6"], "at least one must stay", 1),
])
def test_bad_input_of_ladder_is_one_line(arguments, expected, code, tmp_path):
    refused(harness.run("linscan-ladder", MODEL, *FEW, *arguments, "--out", tmp_path / "out"), expected, code=code)
    assert list(tmp_path.iterdir()) == []


def test_windows_beyond_learned_positions_are_refused(tmp_path):
    model = tmp_path / "model"
    from transformers import GPT2Config, GPT2LMHeadModel
    GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=32, vocab_size=64)).save_pretrained(model)
    ids = tmp_path / "ids.u16"
    np.arange(2000, dtype="<u2").__mod__(64).tofile(ids)
    for command in ("linscan-prune", "linscan-ladder"):
        more = ["--drop", 1, "--method", "remove", "--plan-only"] if command == "linscan-prune" else ["--max-drop", 1, "--methods", "remove"]
        refused(harness.run(command, model, *more, "--data", ids, "--ctx", 33), "--ctx 33", "learned positions for 32")
        harness.run(command, model, *more, "--data", ids, "--ctx", 32, "-q", check=0)


def test_damage_of_every_block():
    run = harness.run("linscan-analyze", MODEL, "--tokens", 3000, "--ctx", 64, "--metrics", "linearity,damage", "--format", "json", "-q", check=0)
    result = json.loads(run.stdout)
    kl = [block["damage"]["remove"]["kl"] for block in result["blocks"]]
    assert len(kl) == 6 and min(kl) > 0 and np.argmax(kl) == 0  # nothing does without the first block
    assert all(block["damage"]["linear"]["kl"] < block["damage"]["remove"]["kl"] for block in result["blocks"][:1])
    for block, stream, update in zip(result["blocks"], result["damage"]["token_errors"]["stream"], result["damage"]["token_errors"]["update"]):
        percentiles = block["damage"]["linear"]["error"]
        assert sum(stream) == sum(update) >= result["damage"]["tokens"]
        for kind in ("stream", "update"):
            assert list(percentiles[kind].values()) == sorted(percentiles[kind].values())
        assert 0 < percentiles["stream"]["p50"] < percentiles["update"]["p50"] < 1.2  # the update is a part of the state
    assert result["damage"]["tokens"] > 0 and -1 <= result["damage"]["rank_correlation"]["remove"]["block_influence"] <= 1
