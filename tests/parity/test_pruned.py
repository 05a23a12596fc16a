"""Blocks left out of a stock checkpoint: config.json says what is left of every rule that goes by the number of a block, so
that transformers opens the folder as the model it would get by deleting the block itself."""
import json

import pytest
import torch
from transformers import AutoModelForCausalLM

import harness
from test_exports import BY_ID, IDS, logits_of, program, source_folder
from test_families import FIRST_OF_ARCHITECTURE

RULES = ["qwen2-window", "qwen3-window", "qwen2-layer-types", "qwen2-moe-sparse-step", "qwen2-moe-window", "qwen3-moe-dense-layers", "gemma2-layer-types",
         "gemma3-pattern", "gemma3-new-spelling", "cohere2-layer-types", "smollm3-list", "smollm3-interval", "smollm3-window", "gpt-neo-types",
         "gpt-neo-layers", "llama-tied-stored-as-head", "llama-stored-bf16", "opt-post-norm-projected", "falcon-40b"]
CASES = [case for case in FIRST_OF_ARCHITECTURE] + [BY_ID[name] for name in RULES]


def blocks_of(config):
    return next(config[key] for key in ("num_hidden_layers", "n_layer", "num_layers", "n_layers") if key in config)


def without_blocks(model, kept):
    """The reference: blocks deleted in memory. The types of transformers 5 go by the place of a block."""
    blocks, _ = harness.decoder_parts(model)
    for index in reversed(range(len(blocks))):
        if index not in kept:
            del blocks[index]
    config = model.config
    if getattr(config, "layer_types", None) is not None:
        config.layer_types = [config.layer_types[index] for index in kept]
    config.num_hidden_layers = len(kept)
    return model


@pytest.mark.parametrize("removed", ["first", "middle", "last"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_folder_without_a_block_is_the_model_without_it(case, removed, tmp_path):
    source = source_folder(case, tmp_path / "source")
    blocks = blocks_of(json.loads((source / "config.json").read_text()))
    gone = {"first": 0, "middle": blocks // 2, "last": blocks - 1}[removed]
    kept = [index for index in range(blocks) if index != gone]
    program(source, tmp_path / "out", "stock", *kept)
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    assert blocks_of(written) == blocks - 1
    expected = logits_of(without_blocks(harness.load_reference(source, case.attention), kept))
    assert torch.equal(logits_of(harness.load_reference(tmp_path / "out", case.attention)), expected)


def test_scale_by_the_number_of_a_block_is_refused(tmp_path):
    source = source_folder(BY_ID["gpt2-inverse-layer-scale"], tmp_path / "source")
    reason = "block 0 (block 1 of the source) cannot keep its attention scale"
    assert program(source, "-", "why", 1, 2).startswith(reason)
    assert reason in program(source, tmp_path / "out", "stock", 1, 2, fails=True)
    assert not (tmp_path / "out").exists()
    program(source, tmp_path / "out", "stock", 0, 1)
    assert torch.isfinite(AutoModelForCausalLM.from_pretrained(tmp_path / "out")(IDS).logits).all()


def test_unchanged_config_keeps_its_bytes(tmp_path):
    source = source_folder(BY_ID["gemma3"], tmp_path / "source")
    program(source, tmp_path / "out", "stock", *range(7))
    assert (tmp_path / "out" / "config.json").read_bytes() == (source / "config.json").read_bytes()
