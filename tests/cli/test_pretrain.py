"""linscan pretrain-reg end to end: a tiny decoder on the bundled stories; stop, kill and resume; bad input."""
import hashlib
import json
import random
import resource
import signal
import subprocess
import time

import numpy as np
import pytest

import harness

DEMO = harness.ROOT / "examples" / "demo-model"
STORIES = harness.ROOT / "examples" / "corpus" / "demo-stories.jsonl.gz"
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1024, "hidden_size": 32,
          "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
          "hidden_act": "silu", "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
          "initializer_range": 0.04, "bos_token_id": 1, "eos_token_id": 2}  # of another tokenizer
STEPS = 12


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The architecture, and shards that all runs share."""
    folder = tmp_path_factory.mktemp("pretrain")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def arguments(place, out, **more):
    options = {"architecture": place / "config.json", "tokenizer": DEMO, "data": STORIES, "shards": place / "shards", "ctx": 64,
               "steps": STEPS, "batch-tokens": 256, "lr": 3e-3, "warmup": 2, "held-out-tokens": 1024, "measure-points": 0,
               "checkpoint-every": 2, "seed": 3, "threads": 1, "dtype": "fp32", "out": out, "format": "json", **more}
    flags = []
    for key, value in options.items():
        if value is True:
            flags.append(f"--{key}")
        elif value is not None:
            flags += [f"--{key}", str(value)]
    return flags


def train(place, out, check=0, **more):
    return harness.run("linscan-pretrain-reg", *arguments(place, out, **more), check=check)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def final_state(out):
    return {name: digest(out / "checkpoints" / name) for name in
            (f"step-{STEPS:08}.safetensors", f"step-{STEPS:08}/model.safetensors")} | {
                "model": digest(out / "model" / "model.safetensors")}


@pytest.fixture(scope="module")
def uninterrupted(place):
    out = place / "uninterrupted"
    start = time.time()
    result = json.loads(train(place, out, **{"measure-points": 4}).stdout)
    return out, result, time.time() - start


def test_result_log_and_folders(uninterrupted):
    out, result, _ = uninterrupted
    assert result["schema"] == "linscan.training/1" and result["steps"] == STEPS
    lines = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, STEPS + 1))
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert set(steps[0]) == {"step", "tokens", "loss", "parts", "learning_rate", "gradient_norm", "tokens_per_second"}
    assert result["evaluation"]["tokens"] > 900
    assert [point["step"] for point in result["linearity"]] == sorted(
        int(path.stem.split("-")[1]) for path in (out / "linearity").glob("*.json"))
    assert 0 in [point["step"] for point in result["linearity"]]
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == [
        "step-00000010", "step-00000010.safetensors", "step-00000012", "step-00000012.safetensors"]


def test_texts_begin_with_the_token_of_the_tokenizer(place, uninterrupted):
    out, _, _ = uninterrupted
    config = json.loads((out / "model" / "config.json").read_text())
    assert config["bos_token_id"] == config["eos_token_id"] == 0  # <|endoftext|>; the given config.json has 1 and 2
    ids = np.fromfile(place / "shards" / "shard-00000.bin", "<u2")
    documents = json.loads((place / "shards" / "shards.json").read_text())["documents"]
    assert ids[0] == 0 and np.count_nonzero(ids == 0) == documents


def test_written_models_open_in_transformers(uninterrupted):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    out = uninterrupted[0]
    for folder in (out / "initial", out / "model", out / "checkpoints" / f"step-{STEPS:08}"):
        model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
        assert not info["missing_keys"] and not info["unexpected_keys"]
    ids = AutoTokenizer.from_pretrained(out / "model")("Once upon a time", return_tensors="pt").input_ids
    assert model.generate(ids, max_new_tokens=3, do_sample=False).shape[1] == ids.shape[1] + 3


def test_the_same_command_gives_the_same_bits(place, uninterrupted):
    out = place / "again"
    train(place, out)
    assert final_state(out) == final_state(uninterrupted[0])


def test_the_regularizer_is_part_of_the_loss(place):
    out = place / "cosine"
    result = json.loads(train(place, out, reg="cosine", **{"lambda": 0.5, "steps": 3}).stdout)
    line = json.loads((out / "train.jsonl").read_text().splitlines()[0])
    assert set(line["parts"]) == {"cross_entropy", "regularizer"} and line["parts"]["regularizer"] > 0
    assert line["loss"] == pytest.approx(sum(line["parts"].values()))
    assert result["settings"]["regularizer"]["kind"] == "cosine"


def stop_early(place, out):
    """A run that gets SIGTERM in its first steps; its one checkpoint."""
    command = [str(harness.program("linscan-pretrain-reg")), *arguments(place, out, **{"checkpoint-every": 0})]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.time() + 60
    while not (out / "train.jsonl").exists() and time.time() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("the run was over before the signal")
    assert process.returncode == 130 and "--resume" in errors
    [checkpoint] = (out / "checkpoints").glob("step-*.safetensors")
    return checkpoint


def test_sigterm_writes_a_checkpoint_and_resume_ends_with_the_same_bits(place, uninterrupted):
    out = place / "stopped"
    stop_early(place, out)
    train(place, out, resume=True, **{"checkpoint-every": 0})
    assert final_state(out) == final_state(uninterrupted[0])


def test_a_full_disk_leaves_the_checkpoint_before(place, uninterrupted):
    out = place / "full"
    checkpoint = stop_early(place, out)
    before = digest(checkpoint)

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, 1 << 14))

    result = harness.run("linscan-pretrain-reg", *arguments(place, out, resume=True, **{"checkpoint-every": 0}), check=1,
                         preexec_fn=small_files)
    assert "safetensors" in result.stderr
    assert [path.name for path in (out / "checkpoints").glob("step-*.safetensors")] == [checkpoint.name]
    assert digest(checkpoint) == before
    train(place, out, resume=True, **{"checkpoint-every": 0})
    assert final_state(out) == final_state(uninterrupted[0])


def test_killed_twenty_times_it_ends_with_the_same_bits(place, uninterrupted):
    out = place / "killed"
    command = [str(harness.program("linscan-pretrain-reg")), *arguments(place, out, resume=True, **{"checkpoint-every": 1})]
    whole = uninterrupted[2]
    delays = random.Random(7)
    for _ in range(20):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(timeout=delays.uniform(0.05, 1.2 * whole))
            assert process.returncode == 0, process.stderr.read()
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    train(place, out, resume=True, **{"checkpoint-every": 1})
    expected = final_state(uninterrupted[0])
    assert final_state(out) == expected
    assert not [path.name for path in out.rglob("*.tmp-*")]
    steps = [json.loads(line)["step"] for line in (out / "train.jsonl").read_text().splitlines() if '"loss"' in line and '"parts"' in line]
    assert steps == list(range(1, STEPS + 1))


def bad(place, out, code, *words, **more):
    result = train(place, out, check=code, **more)
    lines = [line for line in result.stderr.splitlines() if ": error: " in line]
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0], lines[0]


def test_bad_input_is_one_line(place, uninterrupted, tmp_path):
    out = uninterrupted[0]
    bad(place, out, 1, "--resume")
    bad(place, out, 1, "learning_rate", "0.003", "0.002", resume=True, lr=2e-3)
    bad(place, out, 1, "dtype", "fp32", "bf16", resume=True, dtype="bf16")
    bad(place, tmp_path / "a", 2, "--architecture", architecture="mistral-7t")
    bad(place, tmp_path / "b", 2, "--ctx", ctx=128)
    bad(place, tmp_path / "c", 2, "--batch-tokens", **{"batch-tokens": 100})
    small = tmp_path / "config.json"
    small.write_text(json.dumps({**CONFIG, "vocab_size": 100}))
    bad(place, tmp_path / "d", 1, "1024", "100", architecture=small)
    bad(place, tmp_path / "e", 2, "--architecture", architecture=None)
    (tmp_path / "empty.jsonl").write_text("")
    bad(place, tmp_path / "f", 1, "empty.jsonl", data=tmp_path / "empty.jsonl", shards=tmp_path / "shards")


def test_a_start_that_failed_is_made_again(place, tmp_path):
    out = tmp_path / "run"
    train(place, out, check=1, data=tmp_path / "none.jsonl", shards=tmp_path / "shards", steps=2)
    seeds = {}
    bad(place, out, 1, "initial", "--resume", steps=2)
    for seed in (1, 2):
        train(place, out, check=1, data=tmp_path / "none.jsonl", shards=tmp_path / "shards", steps=2, seed=seed, resume=True)
        seeds[seed] = digest(out / "initial" / "model.safetensors")
    assert seeds[1] != seeds[2]
    train(place, out, steps=2, seed=1, resume=True)
    assert digest(out / "initial" / "model.safetensors") == seeds[1]


def test_a_loss_that_is_not_finite_stops_the_training(place, tmp_path):
    out = tmp_path / "diverged"
    result = train(place, out, check=1, lr=1e30, **{"checkpoint-every": 1, "clip": 0})
    assert "not finite" in result.stderr and "step" in result.stderr
    kept = sorted((out / "checkpoints").glob("step-*.safetensors"))
    assert kept and str(kept[-1].stem) in result.stderr
