"""What the checkpoint writer makes is what save_pretrained would have made, and transformers opens it.

copy_checkpoint (tests/support) reads a folder and writes it again; it is built with the tests.
"""
import json
import subprocess

import pytest
import torch
from transformers import AutoModelForCausalLM

import harness
from cases_gpt import GPT2, OPT
from cases_llama import LLAMA

IDS = torch.tensor([[3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26]])
MODELS = {"llama": LLAMA, "llama-tied": {**LLAMA, "tie_word_embeddings": True}, "gpt2": GPT2, "opt": OPT}


def copy(source, out, max_shard_bytes, *names):
    program = harness.program("../tests/copy_checkpoint")
    done = subprocess.run([program, source, out, str(max_shard_bytes), *names], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return out


@torch.no_grad()
def logits(folder, dtype=torch.float32):
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, output_loading_info=True)
    assert not info["missing_keys"] and not info["mismatched_keys"] and not info["unexpected_keys"], info
    return model.eval()(IDS).logits


@pytest.mark.parametrize("max_shard_bytes", [50_000_000_000, 30_000, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", MODELS)
def test_copy_gives_the_same_logits(tmp_path, name, dtype, max_shard_bytes):
    source = harness.write_folder(tmp_path / "source", MODELS[name], dtype=dtype)
    out = copy(source, tmp_path / "out", max_shard_bytes)
    assert (out / "model.safetensors.index.json").exists() == (max_shard_bytes < 50_000_000_000)
    assert torch.equal(logits(out, dtype), logits(source, dtype))
    assert (out / "config.json").read_bytes() == (source / "config.json").read_bytes()


def saved(folder, config, dtype, max_shard_size):
    """A folder that save_pretrained wrote, and its tensors' names in the order in which it dealt them out."""
    source = harness.write_folder(folder / "made", config, dtype=dtype)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
    model.save_pretrained(folder / "saved", max_shard_size=max_shard_size)
    model.save_pretrained(folder / "one-by-one", max_shard_size=1)
    weight_map = json.loads((folder / "one-by-one" / "model.safetensors.index.json").read_text())["weight_map"]
    return folder / "saved", sorted(weight_map, key=weight_map.get)


@pytest.mark.parametrize("max_shard_bytes", [50_000_000_000, 60_000, 20_000, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", MODELS)
def test_every_file_equals_that_of_save_pretrained(tmp_path, name, dtype, max_shard_bytes):
    source, names = saved(tmp_path, MODELS[name], dtype, max_shard_bytes)
    out = copy(source, tmp_path / "out", max_shard_bytes, *names)
    files = sorted(path.name for path in source.iterdir())
    assert sorted(path.name for path in out.iterdir()) == files
    assert "config.json" in files and "generation_config.json" in files
    different = [file for file in files if (out / file).read_bytes() != (source / file).read_bytes()]
    assert not different


def test_demo_model_is_copied_with_its_tokenizer(tmp_path):
    source = harness.ROOT / "examples" / "demo-model"
    out = copy(source, tmp_path / "out", 100_000)
    for file in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (out / file).read_bytes() == (source / file).read_bytes()
    index = json.loads((out / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 1
    assert torch.equal(logits(out), logits(source))
