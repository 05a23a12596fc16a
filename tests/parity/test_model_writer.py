"""Weight tables read backwards: what rewrite_model (tests/support) writes of a model, brought into our layout and back, is
the same tensors bit for bit, and transformers gives the same logits for it."""
import json
import subprocess

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import harness
from cases_llama import LLAMA
from test_families import CASES, FIRST_OF_ARCHITECTURE

IDS = torch.tensor([[3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26]])
# One case of every weight layout: the first of each architecture, and those whose change is in the tensors.
LAYOUTS = ["falcon-rw", "falcon-40b", "falcon-11b", "falcon-bias", "stablelm-qk-norm", "stablelm-parallel", "cohere-qk-norm", "phi-qk-norm",
           "llama-tied-stored-as-head", "llama-tied-with-two-matrices", "gpt2-without-prefix", "opt-post-norm-projected",
           "qwen2-moe-sparse-step", "qwen3-moe-dense-layers", "llama-stored-bf16", "llama-stored-fp16", "llama-stored-fp64"]
WRITTEN = [case for case in CASES if case.id in LAYOUTS or case in FIRST_OF_ARCHITECTURE]


def rewrite(source, out, max_shard_bytes, *blocks):
    program = harness.program("../tests/rewrite_model")
    command = [program, source, out, str(max_shard_bytes), *map(str, blocks)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return out


def stored_tensors(folder):
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors.update(load_file(file))
    return tensors


@torch.no_grad()
def logits(folder, case):
    return harness.load_reference(folder, case.attention, case.reference)(IDS).logits


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case.id)
def test_written_model_is_the_model(case, tmp_path):
    source = harness.write_folder(tmp_path / "source", case.config, seed=3, rename=case.rename,
                                  extra=case.extra() if case.extra else None, dtype=case.storage)
    out = rewrite(source, tmp_path / "out", 40_000)
    before, after = stored_tensors(source), stored_tensors(out)
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert value.dtype == after[name].dtype and torch.equal(value, after[name]), name
    index = json.loads((out / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 1
    assert index["metadata"]["total_size"] == sum(value.numel() * value.element_size() for value in before.values())
    assert torch.equal(logits(out, case), logits(source, case))


def test_kept_blocks_are_renumbered(tmp_path):
    source = harness.write_folder(tmp_path / "source", LLAMA)
    out = rewrite(source, tmp_path / "out", 50_000_000_000, 0, 2)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    del model.model.layers[1]
    for i, layer in enumerate(model.model.layers):
        layer.self_attn.layer_idx = i
    model.config.num_hidden_layers = 2
    with torch.no_grad():
        expected = model(IDS, use_cache=False).logits
        written = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)(IDS, use_cache=False).logits
    assert torch.equal(written, expected)
    assert json.loads((out / "config.json").read_text())["num_hidden_layers"] == 2
