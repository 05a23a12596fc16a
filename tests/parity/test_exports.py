"""Edited models as other tools open them: what export_model (tests/support) writes, in transformers and in our own forward pass.

With LINSCAN_OTHER_TRANSFORMERS=PYTHON, the Python of another environment opens the remote-code folders too.
"""
import json
import os
import subprocess

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

import harness
from test_families import CASES

IDS = torch.tensor([[3, 14, 15, 92, 65, 35, 89, 79, 32, 38, 46, 26], [7, 1, 80, 2, 84, 59, 4, 52, 35, 36, 2, 87]])
BY_ID = {case.id: case for case in CASES}
TOLERANCE = 2e-5

# Every kind of block, the first among them: positions and masks of transformers go by the cache of the first block. Names of
# families that have no norm before attention take another form in its place.
FIRST_EDITS = [
    ["0:linear+bias", "1", "2:linear-attention"],
    ["0:no-attention", "1:normed-linear+bias", "2"],
]
MORE_EDITS = [
    ["0", "1:linear", "2:no-attention"],
    ["0:linear-attention+bias", "2"],
    ["0:linear", "1:linear+bias", "2:linear"],
]
FAMILIES = ["llama-gqa", "llama-tied", "gpt2", "opt", "opt-post-norm-projected", "neox", "neox-serial", "gptj", "gpt-neo", "bloom", "falcon-7b", "falcon-40b",
            "falcon-rw", "mpt", "phi", "phi3", "qwen2-window", "qwen3", "gemma", "gemma2", "gemma3", "mistral-window", "stablelm", "starcoder2", "cohere",
            "cohere2", "olmo", "olmo2", "glm", "granite", "smollm3", "mixtral", "qwen2-moe", "qwen3-moe", "olmoe"]


REMOTE = [(family, edits) for family in FAMILIES for edits in FIRST_EDITS]
REMOTE += [(family, edits) for family in ("llama-gqa", "gpt2", "neox", "gemma2", "mixtral") for edits in MORE_EDITS]


def program(*arguments, fails=False):
    done = subprocess.run([harness.program("../tests/export_model"), *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout


def source_folder(case, folder):
    # Three blocks at least, and the layer types of the case.
    return harness.write_folder(folder, with_blocks(case.config, 3), seed=3, rename=case.rename, dtype=case.storage)


def with_blocks(config, least):
    for key in ("num_hidden_layers", "n_layer", "num_layers", "n_layers"):
        if config.get(key, least) < least:
            config = {**config, key: least}
    return config


def blocks_of(folder):
    config = json.loads((folder / "config.json").read_text())
    return next(config[key] for key in ("num_hidden_layers", "n_layer", "num_layers", "n_layers") if key in config)


def export(source, out, form, blocks):
    """`blocks` of the first three; those behind stay full."""
    rest = [str(i) for i in range(3, blocks_of(source))]
    program(source, out, form, *blocks, *rest)
    return out


def open_remote(folder, attention="eager"):
    model, info = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32, attn_implementation=attention,
                                                       output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
    assert type(model).__name__ == "LinscanForCausalLM"
    return model.eval()


@torch.no_grad()
def logits_of(model, ids=IDS):
    return model(ids, use_cache=False).logits


def our_logits(folder, tmp_path):
    ids_file = harness.write_ids(tmp_path / "ids.i32", IDS.flatten().numpy())
    dump = harness.our_activations(folder, ids_file, IDS.shape[1], tmp_path / "dump.safetensors", "--dtype", "fp32", "--force")
    return torch.from_numpy(dump["logits"]).reshape(*IDS.shape, -1)


def assert_same(logits, reference, tolerance=TOLERANCE):
    gap = (logits - reference).abs().max() / reference.abs().max()
    assert gap <= tolerance, f"max difference {gap:.2e} of the largest value"


@torch.no_grad()
def greedy_without_cache(model, steps):
    ids = IDS
    for _ in range(steps):
        logits = logits_of(model, ids)[:, -1:]
        logits[..., model.config.eos_token_id] = -torch.inf
        ids = torch.cat([ids, logits.argmax(-1)], dim=1)
    return ids


def legal(case, edits):
    """OLMo 2 has no norm before attention."""
    return [edit.replace("normed-linear", "linear") if case.id == "olmo2" else edit for edit in edits]


@pytest.mark.parametrize(("family", "edits"), REMOTE, ids=lambda value: value if isinstance(value, str) else ",".join(value))
def test_remote_code_opens_in_transformers(family, edits, tmp_path):
    case = BY_ID[family]
    source = source_folder(case, tmp_path / "source")
    out = export(source, tmp_path / "out", "remote-code", legal(case, edits))
    assert AutoConfig.from_pretrained(out).model_type == case.config["model_type"]
    model = open_remote(out, case.attention)
    reference = logits_of(model)
    assert_same(our_logits(out, tmp_path), reference)
    generated = model.generate(IDS, attention_mask=torch.ones_like(IDS), max_new_tokens=8, min_new_tokens=8, do_sample=False, use_cache=True)
    assert torch.equal(generated, greedy_without_cache(model, 8))
    model.save_pretrained(tmp_path / "again")
    assert torch.equal(logits_of(open_remote(tmp_path / "again", case.attention)), reference)
