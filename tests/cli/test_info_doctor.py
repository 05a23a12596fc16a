"""linscan info and linscan doctor as programs: facts, exit codes, what goes to which stream."""
import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import harness
from cases_gpt import GPT2, NEOX, OPT
from cases_llama import LLAMA


def info(*arguments, **options):
    return harness.run("linscan-info", *arguments, **options)


def facts(folder, *arguments, check=0):
    return json.loads(info(folder, *arguments, "--format", "json", check=check).stdout)


def error_line(result, tool="linscan-info"):
    assert result.returncode == 1, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith(f"{tool}: error: "), result.stderr
    return lines[0]


@pytest.fixture
def unknown(tmp_path):
    """A folder of an architecture that no family handles."""
    folder = tmp_path / "unknown"
    folder.mkdir()
    config = {"architectures": ["BertForMaskedLM"], "model_type": "bert", "hidden_size": 8, "vocab_size": 16}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"bert.weight": np.zeros((16, 8), np.float16), "bert.ids": np.zeros((1, 4), np.int64)},
              folder / "model.safetensors", metadata={"format": "pt"})
    return folder


# --- info

@pytest.mark.parametrize("name,config", [("llama", LLAMA), ("gpt2", GPT2), ("opt", OPT), ("gpt_neox", NEOX)])
def test_facts_agree_with_transformers(tmp_path, name, config):
    harness.program("linscan-info")
    folder = harness.write_folder(tmp_path / name, config)
    model = harness.load_reference(folder)
    value = facts(folder)
    assert value["schema"] == "linscan.info/1"
    assert value["supported"] is True and value["reason"] is None
    assert value["family"] == name
    assert value["parameters"] == model.num_parameters()
    decoder = value["decoder"]
    assert decoder["blocks"] == model.config.num_hidden_layers
    assert decoder["hidden"] == model.config.hidden_size
    assert decoder["attention"]["heads"] == model.config.num_attention_heads
    assert decoder["vocabulary"] == model.config.vocab_size
    block = harness.decoder_parts(model)[0][0]
    assert value["memory"]["largest_block"]["parameters"] == sum(p.numel() for p in block.parameters())


def test_tensors_name_the_slots_they_fill(tmp_path):
    harness.program("linscan-info")
    folder = harness.write_folder(tmp_path / "gpt2", GPT2)
    tensors = {t["name"]: t for t in facts(folder, "--tensors")["tensors"]}
    table = info(folder, "--tensors", check=0).stdout
    assert tensors["transformer.wte.weight"]["slots"] == ["embedding.weight", "head.weight"]
    assert tensors["transformer.wte.weight"]["block"] is None
    assert tensors["transformer.h.1.mlp.c_proj.weight"]["slots"] == ["mlp.down.weight"]
    assert tensors["transformer.h.1.mlp.c_proj.weight"]["block"] == 1
    assert all(t["slots"] for t in tensors.values())
    assert all(name in table for name in tensors)
    assert "tensors" not in facts(folder)


def test_ignored_buffers_fill_nothing(tmp_path):
    harness.program("linscan-info")
    mask = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    folder = harness.write_folder(tmp_path / "gpt2", GPT2, extra={"transformer.h.0.attn.bias": mask})
    tensors = {t["name"]: t for t in facts(folder, "--tensors")["tensors"]}
    assert tensors["transformer.h.0.attn.bias"]["slots"] == []
    assert facts(folder)["parameters"] == facts(harness.write_folder(tmp_path / "plain", GPT2))["parameters"]


def test_shards_and_tokenizer_files_are_listed(tmp_path):
    harness.program("linscan-info")
    folder = harness.write_folder(tmp_path / "llama", LLAMA, shards=3, dtype=torch.bfloat16)
    (folder / "tokenizer.json").write_text("{}")
    value = facts(folder)
    assert [file["name"] for file in value["files"]] == [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
    assert [file["name"] for file in value["tokenizer_files"]] == ["tokenizer.json"]
    assert list(value["dtypes"]) == ["BF16"]
    assert value["dtypes"]["BF16"]["bytes"] == value["bytes"] == 2 * value["parameters"]


def test_real_checkpoint(tmp_path):
    value = facts(harness.asset("models", "tinystories-656k-llama"))
    assert (value["parameters"], value["decoder"]["blocks"], value["decoder"]["tied_head"]) == (656_000, 2, True)


def test_unknown_architecture_facts_first_then_one_error(unknown):
    result = info(unknown)
    line = error_line(result)
    assert "BertForMaskedLM" in line and "LlamaForCausalLM" in line
    assert "128" in result.stdout and "hidden_size" in result.stdout
    value = facts(unknown, "--tensors", check=1)
    assert value["supported"] is False and "BertForMaskedLM" in value["reason"]
    assert value["family"] is None and value["decoder"] is None and value["memory"] is None
    assert value["parameters"] == 128
    assert value["config"]["hidden_size"] == 8
    assert [t["slots"] for t in value["tensors"]] == [[], []]


def test_known_family_with_a_refused_setting(tmp_path):
    harness.program("linscan-info")
    folder = harness.write_folder(tmp_path / "llama", LLAMA)
    config = {**LLAMA, "rope_scaling": {"rope_type": "proportional", "factor": 2.0}}
    (folder / "config.json").write_text(json.dumps(config))
    assert "proportional" in error_line(info(folder))
    assert facts(folder, check=1)["family"] == "llama"


def test_tensors_that_do_not_fit_still_show_the_decoder(tmp_path):
    harness.program("linscan-info")
    folder = harness.write_folder(tmp_path / "llama", LLAMA)
    (folder / "config.json").write_text(json.dumps({**LLAMA, "num_hidden_layers": LLAMA["num_hidden_layers"] + 1}))
    assert "missing" in error_line(info(folder))
    assert facts(folder, check=1)["decoder"]["blocks"] == LLAMA["num_hidden_layers"] + 1


def test_control_characters_do_not_reach_the_terminal(unknown):
    config = json.loads((unknown / "config.json").read_text())
    config["architectures"] = ["Bad\u001b[2JModel"]
    config["key\u0007"] = "value"
    (unknown / "config.json").write_text(json.dumps(config))
    result = info(unknown)
    assert "\u001b" not in result.stdout and "\u0007" not in result.stdout


@pytest.mark.parametrize("make", [lambda p: p / "absent", lambda p: p], ids=["no folder", "empty folder"])
def test_unusable_folder(tmp_path, make):
    result = info(make(tmp_path))
    assert str(tmp_path) in error_line(result)
    assert result.stdout == ""


def test_usage_errors_and_help():
    assert info(check=2).stdout == ""
    assert info("x", "--format", "xml", check=2).stdout == ""
    text = info("--help", check=0).stdout
    assert "--tensors" in text and "Exit code" in text and "Example" in text
    assert info("--version", check=0).stdout.startswith("linscan-info ")


# --- doctor

def doctor(*arguments, **options):
    return harness.run("linscan-doctor", *arguments, **options)


def test_doctor_json():
    result = doctor("--format", "json")
    value = json.loads(result.stdout)
    assert value["schema"] == "linscan.doctor/1"
    assert result.returncode == (0 if value["ok"] else 1)
    assert value["ok"] == (value["problems"] == [])
    assert value["software"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert value["machine"]["cores"] == os.cpu_count()
    assert 0 < value["machine"]["available_memory_bytes"] <= value["machine"]["memory_bytes"]
    cpu = value["devices"][0]
    assert cpu["device"] == "cpu"
    assert all(rate > 0 for rate in cpu["matmul_gflops"].values())
    assert cpu["auto_dtype_of_16_bit_checkpoints"] in ("fp32", "bf16")
    assert value["temporary"]["writable"] is True


def test_doctor_table_names_missing_data():
    result = doctor()
    value = json.loads(doctor("--format", "json").stdout)
    for file in value["data"]["files"]:
        assert f"{file['name']}: {'found' if file['found'] else 'missing'}" in result.stdout
    if not value["ok"]:
        assert error_line(result, "linscan-doctor")


def test_doctor_finds_data_beside_its_own_folder(tmp_path):
    (tmp_path / "bin").mkdir()
    program = shutil.copy(harness.program("linscan-doctor"), tmp_path / "bin")
    missing = json.loads(subprocess.run([program, "--format", "json"], capture_output=True, text=True).stdout)
    assert missing["data"]["folder"].startswith(str(tmp_path))
    assert any("bundled" in problem for problem in missing["problems"])
    for file in missing["data"]["files"]:
        path = tmp_path / "share" / "linscan" / file["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    found = json.loads(subprocess.run([program, "--format", "json"], capture_output=True, text=True).stdout)
    assert all(file["found"] for file in found["data"]["files"])
    assert not any("bundled" in problem for problem in found["problems"])


def test_doctor_temporary_folder_that_does_not_exist(tmp_path):
    result = doctor(env={**os.environ, "TMPDIR": str(tmp_path / "absent")})
    assert "TMPDIR" in error_line(result, "linscan-doctor")


def test_doctor_leaves_nothing_in_the_temporary_folder(tmp_path):
    doctor(env={**os.environ, "TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_doctor_help():
    assert "Exit code" in doctor("--help", check=0).stdout
