"""linscan analyze as a program: exit codes, what goes to which stream, bad input, files left behind."""
import gzip
import json
import os
import signal
import struct
import subprocess
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import harness
from cases_gpt import GPT2
from cases_llama import LLAMA

VOCABULARY = 96


@pytest.fixture
def model(tmp_path):
    harness.program("linscan-analyze")
    return harness.write_folder(tmp_path / "model", LLAMA)


@pytest.fixture
def ids(tmp_path):
    return harness.write_ids(tmp_path / "ids.i32", np.random.default_rng(3).integers(0, VOCABULARY, 600))


def analyze(*arguments, **options):
    return harness.run("linscan-analyze", *arguments, **options)


def one_line_error(result, *expected):
    """Exit code 1, nothing on stdout, one line of error that names all of `expected`."""
    assert result.returncode == 1, f"exit {result.returncode}\n{result.stderr}"
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "error:" in line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("linscan-analyze: error: "), lines[0]
    for text in expected:
        assert str(text) in lines[0], f"'{text}' is not in: {lines[0]}"
    return lines[0]


def change_tensors(folder, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


# --- what comes out

def test_json_on_stdout_and_nothing_else(model, ids):
    result = analyze(model, "--data", ids, "--ctx", 32, "--format", "json", check=0)
    value = json.loads(result.stdout)
    assert value["schema"] == "linscan.analysis/1"
    assert len(value["blocks"]) == 3
    assert value["n"] == 600 and value["d"] == 48
    assert value["null_in_sample"] == pytest.approx(48 / 599, rel=1e-12)
    assert value["data"]["tokens"] == 600 and value["data"]["windows"] == 19


def test_result_has_every_promised_key(model, ids):
    value = json.loads(analyze(model, "--data", ids, "--ctx", 32, "--metrics", "linearity,baselines,geometry",
                               "--format", "json", check=0).stdout)
    wanted = {"model": ["path", "family", "blocks", "hidden", "parameters", "dtype", "weights_sha256"],
              "data": ["files", "tokens", "windows", "documents", "ctx", "sha256"],
              "compute": ["device", "dtype", "threads", "seconds", "tokens_per_second", "peak_memory_bytes"],
              "software": ["linscan", "commit", "torch"]}
    missing = [f"{group}.{key}" for group, keys in wanted.items() for key in keys if key not in value.get(group, {})]
    missing += [key for key in ("n", "d", "null_in_sample", "config", "seed", "blocks", "post_norm") if key not in value]
    block = value["blocks"][0]
    for kind in ("stream", "update"):
        missing += [f"{kind}.{key}" for key in ("in_sample", "adjusted", "held_out", "held_out_ci")
                    if key not in block["linearity"][kind]]
    missing += [key for key in ("block", "cosine", "angular", "block_influence") if key not in block]
    missing += [f"norm.{key}" for key in ("in", "out", "update", "ratio") if key not in block["norm"]]
    missing += [f"baselines.{key}" for key in ("scaled_identity", "diagonal", "orthogonal", "rank", "cca")
                if key not in block["baselines"]]
    missing += [f"geometry.{key}" for key in ("anisotropy", "intrinsic_dimension", "effective_rank")
                if key not in block["geometry"]]
    assert not missing


def test_metrics_not_asked_for_are_absent(model, ids):
    value = json.loads(analyze(model, "--data", ids, "--ctx", 32, "--metrics", "linearity", "--format", "json", check=0).stdout)
    assert "linearity" in value["blocks"][0]
    assert "baselines" not in value["blocks"][0] and "geometry" not in value["blocks"][0]


@pytest.mark.parametrize("form", ["table", "csv", "markdown"])
def test_other_formats_have_one_row_per_block(model, ids, form):
    out = analyze(model, "--data", ids, "--ctx", 32, "--format", form, check=0).stdout
    assert out.endswith("\n") and "\x1b" not in out
    if form == "csv":
        rows = out.splitlines()
        assert len(rows) == 5 and len({row.count(",") for row in rows}) == 1  # header, three blocks, post_norm
    assert "nan" not in out.lower().replace("finance", "")


def test_out_writes_the_full_set(model, ids, tmp_path):
    out = tmp_path / "result"
    analyze(model, "--data", ids, "--ctx", 32, "--out", out, check=0)
    assert {"result.json", "layers.csv", "report.html", "run.toml"} <= {p.name for p in out.iterdir()}
    json.loads((out / "result.json").read_text())
    html = (out / "report.html").read_text()
    assert "<svg" in html and "http://" not in html.replace("http://www.w3.org", "") and "https://" not in html


def test_run_toml_repeats_the_run(model, ids, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    analyze(model, "--data", ids, "--ctx", 32, "--folds", 3, "--seed", 5, "--out", first, check=0)
    analyze("--config", first / "run.toml", "--out", second, check=0)
    one, two = (json.loads((f / "result.json").read_text()) for f in (first, second))
    assert one["blocks"] == two["blocks"]


def test_same_run_twice_gives_the_same_numbers(model, ids):
    one, two = (json.loads(analyze(model, "--data", ids, "--ctx", 32, "--threads", 2, "--format", "json", check=0).stdout)
                for _ in range(2))
    assert one["blocks"] == two["blocks"] and one["model"]["weights_sha256"] == two["model"]["weights_sha256"]


def test_tokens_limits_the_data(model, ids):
    value = json.loads(analyze(model, "--data", ids, "--ctx", 32, "--tokens", 200, "--format", "json", check=0).stdout)
    assert value["n"] <= 200 and value["n"] > 150


def test_dry_run_prints_a_plan_and_runs_nothing(model, ids, tmp_path):
    out = tmp_path / "result"
    result = analyze(model, "--data", ids, "--dry-run", "--out", out, check=0)
    assert result.stdout and not out.exists()


def test_dry_run_counts_the_edits_of_damage_and_spans(model, ids):
    def plan(*arguments):
        return json.loads(analyze(model, "--data", ids, "--ctx", 32, "--metrics", "linearity,damage", "--dry-run", *arguments, check=0).stdout)
    blocks = json.loads((model / "config.json").read_text())["num_hidden_layers"]
    whole = plan("--spans", blocks)
    assert whole["damage"]["plans"] == 2 * blocks and whole["spans"]["plans"] == blocks * (blocks + 1) // 2
    assert whole["spans"]["passes"] == 1 and whole["spans"]["memory_bytes"]["total"] > 0
    assert "spans" not in plan()


def test_dump_works_with_few_tokens_and_no_metrics(model, tmp_path):
    few = harness.write_ids(tmp_path / "few.i32", [1, 2, 3])
    dump = harness.our_activations(model, few, 32, tmp_path / "dump.safetensors")
    assert dump["resid_pre.0"].shape == (3, 48) and dump["logits"].shape == (3, VOCABULARY)


def test_u16_ids_are_the_same_as_i32(model, tmp_path):
    ids = np.random.default_rng(0).integers(0, VOCABULARY, 90)
    (tmp_path / "a.u16").write_bytes(ids.astype("<u2").tobytes())
    wide = harness.write_ids(tmp_path / "a.i32", ids)
    one = harness.our_activations(model, wide, 32, tmp_path / "one.safetensors")
    two = harness.our_activations(model, tmp_path / "a.u16", 32, tmp_path / "two.safetensors")
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_help_and_version(tmp_path):
    out = analyze("--help", check=0)
    assert "--data" in out.stdout and "Example" in out.stdout and out.stderr == ""
    assert "linscan-analyze" in analyze("--version", check=0).stdout


# --- wrong use: exit 2

@pytest.mark.parametrize("arguments", [["--no-such-flag"], ["--dtype", "fp8"], ["--metrics", "linearity,nonsense"], ["--folds", "x"],
                                       ["--format", "xml"], ["--ctx", "-3"], ["--tokens", "-1"]])
def test_wrong_options_exit_2(model, ids, arguments):
    result = analyze(model, "--data", ids, *arguments)
    assert result.returncode == 2, result.stderr
    assert result.stdout == "" and "error:" in result.stderr


def test_unknown_key_in_config_file_is_an_error(model, ids, tmp_path):
    config = tmp_path / "run.toml"
    config.write_text("no-such-key = 3\n")
    result = analyze(model, "--data", ids, "--config", config)
    assert result.returncode == 2 and "no-such-key" in result.stderr


def test_no_model_exits_2():
    assert analyze().returncode == 2


# --- bad models: exit 1, one line

def test_missing_folder(ids, tmp_path):
    one_line_error(analyze(tmp_path / "nowhere", "--data", ids), "nowhere")


def test_folder_without_config(ids, tmp_path):
    (tmp_path / "empty").mkdir()
    one_line_error(analyze(tmp_path / "empty", "--data", ids), "config.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "{\"model_type\": 3}", "\xff", "{\"a\":" * 20000])
def test_broken_config(model, ids, text):
    (model / "config.json").write_text(text, encoding="latin-1")
    one_line_error(analyze(model, "--data", ids), "config.json")


def test_unknown_architecture(model, ids):
    config = {**LLAMA, "architectures": ["FooForCausalLM"], "model_type": "foo"}
    (model / "config.json").write_text(json.dumps(config))
    line = one_line_error(analyze(model, "--data", ids), "foo")
    assert "llama" in line.lower()  # it says what is supported


@pytest.mark.parametrize("change", [{"hidden_size": -1}, {"hidden_size": 0}, {"num_hidden_layers": 10 ** 12},
                                    {"num_attention_heads": 7}, {"num_attention_heads": 0}, {"num_key_value_heads": 3},
                                    {"vocab_size": "many"}, {"hidden_act": "nonsense"}, {"rms_norm_eps": -1.0},
                                    {"rope_scaling": {"type": "nonsense", "factor": 2.0}}, {"intermediate_size": 2 ** 62}])
def test_hostile_config_values(model, ids, change):
    (model / "config.json").write_text(json.dumps({**LLAMA, **change}))
    one_line_error(analyze(model, "--data", ids))


def test_truncated_weights(model, ids):
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    one_line_error(analyze(model, "--data", ids), "model.safetensors")


@pytest.mark.parametrize("head", [b"", b"\0" * 4, struct.pack("<Q", 2 ** 63), struct.pack("<Q", 10 ** 9) + b"{}",
                                  struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 3) + b"{\"a"])
def test_broken_weight_header(model, ids, head):
    (model / "model.safetensors").write_bytes(head)
    one_line_error(analyze(model, "--data", ids), "model.safetensors")


def test_missing_shard(tmp_path, ids):
    folder = harness.write_folder(tmp_path / "sharded", LLAMA, shards=3)
    (folder / "model-00002-of-00003.safetensors").unlink()
    one_line_error(analyze(folder, "--data", ids), "model-00002-of-00003.safetensors")


def test_shard_outside_the_folder_is_refused(tmp_path, ids):
    folder = harness.write_folder(tmp_path / "sharded", LLAMA, shards=2)
    index = folder / "model.safetensors.index.json"
    index.write_text(index.read_text().replace("model-00002-of-00002.safetensors", "../model-00002-of-00002.safetensors"))
    (folder / "model-00002-of-00002.safetensors").rename(tmp_path / "model-00002-of-00002.safetensors")
    one_line_error(analyze(folder, "--data", ids))


def test_all_tensor_problems_are_listed_at_once(model, ids):
    def change(tensors):
        del tensors["model.layers.1.mlp.up_proj.weight"]
        tensors["model.layers.0.self_attn.q_proj.weight"] = torch.zeros(48, 40)
        tensors["model.layers.2.strange.weight"] = torch.zeros(3)
    change_tensors(model, change)
    result = analyze(model, "--data", ids)
    assert result.returncode == 1 and result.stdout == ""
    for text in ("model.layers.1.mlp.up_proj.weight", "model.layers.0.self_attn.q_proj.weight", "48, 40", "48, 48",
                 "model.layers.2.strange.weight"):
        assert text in result.stderr, result.stderr


def test_block_count_that_differs_from_the_file(model, ids):
    (model / "config.json").write_text(json.dumps({**LLAMA, "num_hidden_layers": 2}))
    result = analyze(model, "--data", ids)
    assert result.returncode == 1 and "model.layers.2." in result.stderr


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_name_their_block(model, ids, value):
    def change(tensors):
        tensors["model.layers.1.mlp.down_proj.weight"][3, 5] = value
    change_tensors(model, change)
    result = analyze(model, "--data", ids, "--ctx", 32, "--format", "json")
    assert result.returncode == 1 and "block 1" in result.stderr, result.stderr
    document = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert document["blocks"][0]["linearity"]["stream"]["in_sample"] is not None
    for block in document["blocks"][1:]:
        assert "linearity" not in block and "down_proj" in block["missing"]["*"]


# --- bad data: exit 1, one line

def test_missing_data_file(model, tmp_path):
    one_line_error(analyze(model, "--data", tmp_path / "no.i32"), "no.i32")


def test_ids_out_of_range(model, tmp_path):
    bad = harness.write_ids(tmp_path / "bad.i32", [1, 2, VOCABULARY, 3] * 100)
    one_line_error(analyze(model, "--data", bad), "bad.i32", VOCABULARY)


def test_negative_ids(model, tmp_path):
    bad = harness.write_ids(tmp_path / "bad.i32", [1, 2, -1, 3] * 100)
    one_line_error(analyze(model, "--data", bad), "-1")


def test_ids_cut_in_the_middle(model, tmp_path):
    bad = harness.write_ids(tmp_path / "bad.i32", [1, 2, 3] * 100)
    bad.write_bytes(bad.read_bytes()[:-1])
    one_line_error(analyze(model, "--data", bad), "bad.i32")


def test_empty_ids(model, tmp_path):
    one_line_error(analyze(model, "--data", harness.write_ids(tmp_path / "empty.i32", [])), "empty.i32")


def test_window_longer_than_learned_positions(tmp_path, ids):
    folder = harness.write_folder(tmp_path / "gpt2", GPT2)
    one_line_error(analyze(folder, "--data", ids, "--ctx", 65), "64")


def test_few_tokens_warn(model, tmp_path):
    few = harness.write_ids(tmp_path / "few.i32", np.arange(90) % VOCABULARY)
    result = analyze(model, "--data", few, "--ctx", 32, "--format", "json", check=0)
    assert "warn" in result.stderr.lower()
    json.loads(result.stdout)


@pytest.fixture
def demo(tmp_path):
    """The bundled demo model: the only one here with a tokenizer."""
    harness.program("linscan-analyze")
    folder = harness.ROOT / "examples" / "demo-model"
    assert (folder / "tokenizer.json").exists()
    return folder


def test_default_corpus_is_named_with_a_remark(demo):
    result = analyze(demo, "--tokens", 2000, "--format", "json", check=0)
    assert any("demo-stories" in name for name in json.loads(result.stdout)["data"]["files"])
    assert "corpus" in result.stderr.lower()


def test_text_and_json_lines_and_gzip_agree(demo, tmp_path):
    text = "Anna put the red ball in the box. Then she went to the garden.\n" * 60
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": text}) + "\n")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress((json.dumps({"text": text}) + "\n").encode()))
    values = [json.loads(analyze(demo, "--data", tmp_path / name, "--folds", 2, "--format", "json", check=0).stdout)
              for name in ("a.txt", "a.jsonl", "a.jsonl.gz")]
    assert values[0]["n"] == values[1]["n"] == values[2]["n"]
    assert values[1]["blocks"] == values[2]["blocks"] == values[0]["blocks"]


def test_empty_text(demo, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    one_line_error(analyze(demo, "--data", tmp_path / "empty.txt"), "empty.txt")


def test_text_too_short(demo, tmp_path):
    (tmp_path / "short.txt").write_text("a")
    result = analyze(demo, "--data", tmp_path / "short.txt", "--format", "json")
    assert result.returncode in (0, 1)
    if result.returncode == 0:  # then the scores must not pretend to exist
        assert json.loads(result.stdout)["blocks"][0]["linearity"]["stream"]["held_out"] is None


def test_invalid_utf8_is_counted(demo, tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"Anna went to the garden. \xff\xfe " * 100)
    result = analyze(demo, "--data", tmp_path / "bad.txt", "--format", "json", check=0)
    assert "UTF-8" in result.stderr and "200" in result.stderr, result.stderr


@pytest.mark.parametrize("line", ["{", "[1]", "{\"other\": \"x\"}", "{\"text\": 3}"])
def test_bad_json_lines_name_file_and_line(demo, tmp_path, line):
    (tmp_path / "bad.jsonl").write_text('{"text": "Anna went home."}\n' + line + "\n")
    one_line_error(analyze(demo, "--data", tmp_path / "bad.jsonl"), "bad.jsonl", "2")


def test_broken_gzip(demo, tmp_path):
    whole = gzip.compress(b'{"text": "Anna went home."}\n' * 2000)
    (tmp_path / "bad.jsonl.gz").write_bytes(whole[:len(whole) // 2])
    one_line_error(analyze(demo, "--data", tmp_path / "bad.jsonl.gz"), "bad.jsonl.gz")


def test_text_without_tokenizer(model, tmp_path):
    (tmp_path / "a.txt").write_text("some text")
    one_line_error(analyze(model, "--data", tmp_path / "a.txt"), "tokenizer")


# --- outputs

def test_existing_output_needs_force(model, ids, tmp_path):
    out = tmp_path / "result"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    one_line_error(analyze(model, "--data", ids, "--ctx", 32, "--out", out), "--force")
    assert [p.name for p in out.iterdir()] == ["precious.txt"]
    analyze(model, "--data", ids, "--ctx", 32, "--out", out, "--force", check=0)
    assert (out / "result.json").exists()


def test_unwritable_output(model, ids, tmp_path):
    (tmp_path / "file").write_text("")
    one_line_error(analyze(model, "--data", ids, "--out", tmp_path / "file" / "result"), "file")


def test_standard_output_that_cannot_be_written(model, ids):
    with open("/dev/full", "w") as full:
        command = [str(harness.program("linscan-analyze")), str(model), "--data", str(ids), "--ctx", "32"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=harness.TIMEOUT_SECONDS)
    assert result.returncode == 1 and "standard output" in result.stderr


def test_interrupt_exits_130_and_leaves_nothing(tmp_path):
    program = harness.program("linscan-analyze")
    config = {**LLAMA, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8, "num_attention_heads": 8,
              "num_key_value_heads": 8}
    folder = harness.write_folder(tmp_path / "large", config)
    ids = harness.write_ids(tmp_path / "ids.i32", np.random.default_rng(3).integers(0, VOCABULARY, 60_000))
    before = sorted(os.listdir(tmp_path))
    process = subprocess.Popen([str(program), str(folder), "--data", str(ids), "--ctx", "64", "--tokens", "60000",
                                "--out", str(tmp_path / "result")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(3)
    assert process.poll() is None, "the run ended before it could be interrupted"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=harness.TIMEOUT_SECONDS)
    assert process.returncode == 130, err
    assert out == "" and "interrupted" in err
    assert sorted(os.listdir(tmp_path)) == before
