"""Edited models as other tools open them: what export_model (tests/support) writes, in transformers and in our own forward pass.

With LINSCAN_OTHER_TRANSFORMERS=PYTHON, the Python of another environment opens the remote-code folders too.
"""
import dataclasses
import json
import os
import pathlib
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


def test_edit_of_an_edited_model(tmp_path):
    """Maps move with their blocks bit for bit, and the result is what one edit would have given."""
    source = source_folder(BY_ID["gemma2"], tmp_path / "source")
    first = export(source, tmp_path / "first", "remote-code", ["0:linear+bias", "1", "2:linear-attention"])
    second = tmp_path / "second"
    program(first, second, "remote-code", "1", "2", "3:no-attention")
    direct = tmp_path / "direct"
    program(source, direct, "remote-code", "1", "2:linear-attention", "3:no-attention")
    assert torch.equal(logits_of(open_remote(second)), logits_of(open_remote(direct)))
    assert_same(our_logits(second, tmp_path), logits_of(open_remote(second)))
    before, after = harness.load_file(first / "model.safetensors"), harness.load_file(second / "model.safetensors")
    assert np.array_equal(before["model.layers.2.self_attn.map.weight"], after["model.layers.1.self_attn.map.weight"])
    assert json.loads((second / "config.json").read_text()) == json.loads((direct / "config.json").read_text())


def test_edited_model_without_its_edited_blocks_is_stock_again(tmp_path):
    source = source_folder(BY_ID["llama-gqa"], tmp_path / "source")
    edited = export(source, tmp_path / "edited", "remote-code", ["0", "1:linear", "2"])
    assert "form \"linear\"" in program(edited, tmp_path / "out", "stock", "0", "1", fails=True)
    program(edited, tmp_path / "out", "stock", "0", "2")
    program(source, tmp_path / "direct", "stock", "0", "2")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == {
        file.name: file.read_bytes() for file in (tmp_path / "direct").iterdir()}


def test_saved_by_transformers_and_edited_again(tmp_path):
    source = source_folder(BY_ID["mixtral"], tmp_path / "source")
    edited = export(source, tmp_path / "edited", "remote-code", ["0:linear-attention+bias", "1:normed-linear", "2"])
    open_remote(edited).save_pretrained(tmp_path / "saved")
    program(tmp_path / "saved", tmp_path / "out", "remote-code", "0", "2")
    assert_same(our_logits(tmp_path / "out", tmp_path), logits_of(open_remote(tmp_path / "out")))


def test_files_beside_the_weights_are_carried_and_code_is_not_doubled(tmp_path):
    source = source_folder(BY_ID["llama-gqa"], tmp_path / "source")
    (source / "tokenizer.json").write_text("{}")
    (source / "generation_config.json").write_text('{"temperature": 0.5}')
    (source / "modeling_other.py").write_text("# theirs")
    out = export(source, tmp_path / "out", "remote-code", ["0:linear", "1"])
    assert {file.name for file in out.iterdir()} == {"config.json", "generation_config.json", "model.safetensors", "modeling_linscan.py", "modeling_other.py",
                                                     "tokenizer.json"}
    assert (out / "generation_config.json").read_bytes() == (source / "generation_config.json").read_bytes()
    config = json.loads((out / "config.json").read_text())
    assert config["architectures"] == ["LinscanForCausalLM"]
    assert config["auto_map"] == {"AutoModelForCausalLM": "modeling_linscan.LinscanForCausalLM"}
    assert {key: value for key, value in config.items() if key not in ("architectures", "auto_map", "linscan", "num_hidden_layers")} == {
        key: value for key, value in BY_ID["llama-gqa"].config.items() if key not in ("architectures", "num_hidden_layers")}


@pytest.mark.parametrize("family", ["llama-gqa", "gemma2", "gpt2"])
def test_remote_code_in_use(family, tmp_path):
    """What people do with a model: hidden states, gradients, padding, other dtypes and caches, beams, torch.save of its weights."""
    source = source_folder(BY_ID[family], tmp_path / "source")
    model = open_remote(export(source, tmp_path / "out", "remote-code", ["0:linear+bias", "1", "2:linear-attention"]))
    blocks = len(json.loads((tmp_path / "out" / "config.json").read_text())["linscan"]["blocks"])
    states = model(IDS, output_hidden_states=True, use_cache=False).hidden_states
    assert len(states) == blocks + 1 and all(state.shape == states[0].shape for state in states)
    layers = model.get_submodule(model.config.linscan["layers"])
    assert_same(states[1], states[0] + torch.nn.functional.linear(states[0], layers[0].map.weight, layers[0].map.bias))

    model(IDS, labels=IDS).loss.backward()
    assert layers[0].map.weight.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in model.parameters())

    options = {"max_new_tokens": 6, "min_new_tokens": 6, "do_sample": False}
    padded = torch.cat([torch.full((2, 3), 1), IDS], dim=1)
    mask = torch.cat([torch.zeros(2, 3, dtype=torch.long), torch.ones_like(IDS)], dim=1)
    plain = model.generate(IDS, attention_mask=torch.ones_like(IDS), **options)
    assert torch.equal(model.generate(padded, attention_mask=mask, **options)[:, 3:], plain)
    assert torch.equal(model.generate(IDS, attention_mask=torch.ones_like(IDS), cache_implementation="static", **options), plain)
    beams = {**options, "num_beams": 3, "attention_mask": torch.ones_like(IDS)}
    assert torch.equal(model.generate(IDS, use_cache=True, **beams), model.generate(IDS, use_cache=False, **beams))

    small = AutoModelForCausalLM.from_pretrained(tmp_path / "out", trust_remote_code=True, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in small.parameters()} == {torch.bfloat16}
    assert_same(logits_of(small).float(), logits_of(model), 5e-2)
    fresh = AutoModelForCausalLM.from_config(model.config, trust_remote_code=True)
    fresh.load_state_dict(model.state_dict())
    assert_same(logits_of(fresh.eval()), logits_of(model))


def test_stock_class_opens_beside_the_edited_one(tmp_path):
    """Opening an edited model does not change what AutoModelForCausalLM makes of others."""
    source = source_folder(BY_ID["llama-gqa"], tmp_path / "source")
    open_remote(export(source, tmp_path / "out", "remote-code", ["0:linear", "1"]))
    assert type(AutoModelForCausalLM.from_pretrained(source)).__name__ == "LlamaForCausalLM"


def test_biases_that_the_source_does_not_have(tmp_path):
    source = source_folder(BY_ID["llama-gqa"], tmp_path / "source")
    program(source, tmp_path / "out", "stock", "0", "1:full+bias", "2")
    reference = logits_of(harness.load_reference(tmp_path / "out"))
    assert_same(our_logits(tmp_path / "out", tmp_path), reference)
    assert (reference - logits_of(harness.load_reference(source))).abs().max() > 0.01
    source = source_folder(BY_ID["qwen3"], tmp_path / "other")
    assert "mlp_bias" in program(source, tmp_path / "refused", "stock", "0", "1:full+bias", "2", fails=True)


# Nemotron-NAS: MLP sizes are multiples of 256.
NEMOTRON_LLAMA = {**BY_ID["llama-gqa"].config, "intermediate_size": 512}
NEMOTRON_EDITS = ["0:linear-attention", "1:normed-linear", "2:no-attention", "3"]


class LinearPart(torch.nn.Module):
    """In place of attention or of an MLP, as readers of block_configs build it."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, hidden_states, *args, **kwargs):
        return torch.nn.functional.linear(hidden_states, self.weight), None


class NoAttention(torch.nn.Module):
    def forward(self, hidden_states, *args, **kwargs):
        return torch.zeros_like(hidden_states), None


def ffn_size(multiplier, hidden):
    """As llama.cpp, vLLM and mlx-lm compute it."""
    size = int(2 * multiplier * hidden / 3)
    return size if size % 256 == 0 else size + 256 - size % 256


def nemotron_reference(folder):
    """A stock Llama with the blocks that block_configs names; every tensor of the folder must find its place, and no other is missing."""
    from transformers import LlamaConfig, LlamaForCausalLM
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "nemotron-nas" and config["architectures"] == ["DeciLMForCausalLM"]
    assert config["intermediate_size"] is None and config["num_key_value_heads"] is None
    tensors = harness.load_file(folder / "model.safetensors")
    tensors = {name: torch.from_numpy(value) for name, value in tensors.items()}
    blocks = config["block_configs"]
    groups = {block["attention"]["n_heads_in_group"] for block in blocks} - {None}
    heads = config["num_attention_heads"]
    plain = {**config, "num_key_value_heads": heads // max(groups, default=1), "intermediate_size": 256, "architectures": ["LlamaForCausalLM"],
             "model_type": "llama"}
    model = LlamaForCausalLM(LlamaConfig(**plain))
    for index, (layer, block) in enumerate(zip(model.model.layers, blocks, strict=True)):
        assert isinstance(block["ffn"]["ffn_mult"], float) and not block["ffn"]["no_op"] and not block["ffn"]["replace_with_linear"]
        size = ffn_size(block["ffn"]["ffn_mult"], config["hidden_size"])
        for name, shape in (("gate_proj", (size, -1)), ("up_proj", (size, -1)), ("down_proj", (-1, size))):
            weight = tensors.pop(f"model.layers.{index}.mlp.{name}.weight")
            assert weight.shape == tuple(config["hidden_size"] if part == -1 else part for part in shape)
            getattr(layer.mlp, name).weight = torch.nn.Parameter(weight)
        if block["attention"]["replace_with_linear"]:
            assert block["attention"]["n_heads_in_group"] is None and not block["attention"]["no_op"]
            layer.self_attn = LinearPart(tensors.pop(f"model.layers.{index}.self_attn.linear_attn.weight"))
        elif block["attention"]["no_op"]:
            assert block["attention"]["n_heads_in_group"] is None
            layer.self_attn, layer.input_layernorm = NoAttention(), torch.nn.Identity()
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    assert not unexpected and all(".mlp." in name for name in missing)
    return model.eval()


@pytest.mark.parametrize("edits", [NEMOTRON_EDITS, ["0:linear-attention", "2:linear-attention"], ["0:normed-linear", "2:normed-linear"], ["0", "3"]],
                         ids=lambda edits: ",".join(edits))
def test_nemotron_is_the_model_of_the_remote_code(edits, tmp_path):
    config = {**NEMOTRON_LLAMA, "num_hidden_layers": 4}
    source = harness.write_folder(tmp_path / "source", config, seed=5)
    program(source, tmp_path / "remote", "remote-code", *edits)
    program(source, tmp_path / "nemotron", "nemotron", *edits)
    reference = logits_of(open_remote(tmp_path / "remote"))
    assert_same(logits_of(nemotron_reference(tmp_path / "nemotron")), reference)
    assert_same(our_logits(tmp_path / "nemotron", tmp_path), reference)
    # A second edit: the last block goes, in the same form.
    forms = [str(i) for i in range(len(edits) - 1)]
    program(tmp_path / "nemotron", tmp_path / "second", "nemotron", *forms)
    program(source, tmp_path / "direct", "nemotron", *edits[:-1])
    assert torch.equal(our_logits(tmp_path / "second", tmp_path), our_logits(tmp_path / "direct", tmp_path))


def test_nemotron_with_llama3_rotary_says_where_llama_cpp_looks(tmp_path):
    case = BY_ID["llama-rope-llama3"]
    source = harness.write_folder(tmp_path / "source", {**case.config, "intermediate_size": 256}, seed=5)
    program(source, tmp_path / "out", "nemotron", "0", "1:no-attention", "2")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["original_max_position_embeddings"] == 32
    assert_same(our_logits(tmp_path / "out", tmp_path), logits_of(nemotron_reference(tmp_path / "out")))


@pytest.mark.parametrize(("family", "change", "edits", "reason"), [
    ("gpt2", {}, ["0", "1", "2"], "family gpt2"),
    ("llama-gqa", {}, ["0", "1", "2"], "multiple of 256"),
    ("llama-gqa", {"intermediate_size": 256}, ["0", "1:linear", "2"], "behind a norm"),
    ("llama-gqa", {"intermediate_size": 256}, ["0", "1:normed-linear+bias", "2"], "no bias"),
    ("llama-gqa", {"intermediate_size": 256, "attention_bias": True}, ["0", "1", "2"], "no biases"),
    ("llama-gqa", {"intermediate_size": 256, "hidden_act": "gelu"}, ["0", "1", "2"], "silu"),
    ("llama-gqa", {"intermediate_size": 256, "head_dim": 20}, ["0", "1", "2"], "num_attention_heads"),
    ("llama-rope-yarn", {"intermediate_size": 256}, ["0", "1", "2"], "yarn"),
    ("mistral-window", {"intermediate_size": 256}, ["0", "1", "2"], "no attention window"),
])
def test_nemotron_is_refused_with_the_reason(family, change, edits, reason, tmp_path):
    source = harness.write_folder(tmp_path / "source", {**BY_ID[family].config, **change}, seed=5)
    assert reason in program(source, "-", "why", *edits).splitlines()[2]
    assert reason in program(source, tmp_path / "out", "nemotron", *edits, fails=True)
    assert not (tmp_path / "out").exists()


def test_other_transformers_opens_remote_code(tmp_path):
    """All families in one process, so that none can get in the way of another."""
    python = os.environ.get("LINSCAN_OTHER_TRANSFORMERS")
    if not python:
        pytest.skip("LINSCAN_OTHER_TRANSFORMERS names no Python")
    folders = []
    for number, family in enumerate(FAMILIES):
        case = BY_ID[family]
        if family.startswith("neox"):  # as hub files and transformers 4 name it
            case = dataclasses.replace(case, rename=lambda name: name.replace("lm_head", "embed_out"))
        source = source_folder(case, tmp_path / f"source-{family}")
        folders.append((case.attention, export(source, tmp_path / family, "remote-code", legal(case, FIRST_EDITS[number % 2]))))
    arguments = [argument for pair in folders for argument in pair]
    script = pathlib.Path(__file__).with_name("open_remote.py")
    done = subprocess.run([python, script, tmp_path / "logits.npz", *arguments], input=json.dumps(IDS.tolist()), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    results = np.load(tmp_path / "logits.npz")
    gaps = {}
    for number, (attention, folder) in enumerate(folders):
        reference = logits_of(open_remote(folder, attention)).numpy()
        gaps[folder.name] = float(np.abs(results[f"logits.{number}"] - reference).max() / np.abs(reference).max())
    assert not {family: gap for family, gap in gaps.items() if gap > TOLERANCE}
