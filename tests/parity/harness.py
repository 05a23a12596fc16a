"""What the Python tests share: where the programs are, tiny random checkpoints, reference activations.

A checkpoint is written from a hand-written config.json (so that both spellings of transformers are under our control)
and random tensors; the reference is what the pinned transformers makes of that same folder, in fp32, with eager attention.
"""
import copy
import json
import os
import pathlib
import subprocess

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_num_threads(1)  # the models are tiny

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LINSCAN_BIN", ROOT / "build" / "bin"))
ASSETS = pathlib.Path(os.environ.get("LINSCAN_ASSETS", ROOT.parent / "shared" / "assets"))
TIMEOUT_SECONDS = 300


def program(name):
    """Path of a built program. Without it the test is skipped, or fails where LINSCAN_REQUIRE_BINARIES is set (CI)."""
    path = BIN / name
    if not path.exists():
        message = f"{path} is not built (scripts/build.sh, or set LINSCAN_BIN)"
        pytest.fail(message) if os.environ.get("LINSCAN_REQUIRE_BINARIES") else pytest.skip(message)
    return path


def asset(*parts):
    path = ASSETS.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is not there (LINSCAN_ASSETS)")
    return path


def run(name, *arguments, check=None, **options):
    """Runs a program of ours; `check` is the expected exit code. stdout and stderr are text."""
    command = [str(program(name)), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, **options)
    if check is not None:
        assert result.returncode == check, f"exit {result.returncode}, expected {check}: {' '.join(command)}\n{result.stderr[-3000:]}"
    return result


def write_ids(path, ids):
    np.asarray(ids, dtype="<i4").tofile(path)
    return path


# What a sublayer adds to the stream is smaller than the stream, as in trained models: the last matrix of a sublayer, or the
# norm on its output. Otherwise rounding is amplified from block to block and a bound for bf16 would have to be loose.
SMALL_UPDATE = 0.4
OUTPUT_MATRICES = ("o_proj.weight", "out_proj.weight", "c_proj.weight", "dense.weight", "down_proj.weight", "down_proj",
                   "fc2.weight", "fc_out.weight", "dense_4h_to_h.weight")
OUTPUT_NORMS = {"gemma2", "gemma3_text", "olmo2"}  # families whose sublayers end in a norm


def random_tensor(kind, name, shape, generator):
    """Norm weights around one, biases and embeddings far from zero, matrices that keep the stream's scale. `kind`: model_type."""
    values = torch.randn(shape, generator=generator)
    if name.endswith("bias"):
        return 0.3 * values
    if "norm" in name or len(shape) == 1:
        ends_sublayer = kind in OUTPUT_NORMS and ("post_attention_layernorm" in name or "post_feedforward" in name)
        centre = SMALL_UPDATE if ends_sublayer else 1.0
        return centre * (1.0 + 0.3 * values) - (1.0 if kind.startswith("gemma") else 0.0)  # Gemma stores 1 + w
    if any(part in name for part in ("embed", "wte", "wpe")):
        return 0.7 * values
    scale = SMALL_UPDATE if name.endswith(OUTPUT_MATRICES) and kind not in OUTPUT_NORMS else 1.0
    # All experts of a block are one parameter (X, out, in).
    return scale * values / np.sqrt(shape[-1] if len(shape) == 3 else min(shape))


def random_tensors(config, seed=0):
    """Random fp32 values for every parameter of the architecture, by the name it has in files; a tied head is left out."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, parameter in model.named_parameters():
        tensors.update(split_experts(config, name, random_tensor(config.model_type, name, parameter.shape, generator)))
    return tensors


def split_experts(config, name, value):
    """transformers 5 holds all experts of a block in one parameter; files have a matrix for each."""
    mixtral = config.model_type == "mixtral"
    base = name.replace(".mlp.", ".block_sparse_moe.") if mixtral else name
    if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
        return {base: value}
    gate, up, down = ("w1", "w3", "w2") if mixtral else ("gate_proj", "up_proj", "down_proj")
    base, kind = base.rsplit(".", 1)
    parts = {}
    for expert, matrix in enumerate(value):
        if kind == "down_proj":
            parts[f"{base}.{expert}.{down}.weight"] = matrix
        else:
            parts[f"{base}.{expert}.{gate}.weight"], parts[f"{base}.{expert}.{up}.weight"] = matrix.chunk(2)
    return parts


def write_folder(folder, config, seed=0, rename=None, extra=None, dtype=torch.float32, shards=1, edit=None, readable_config=None):
    """Writes config.json and weights. `readable_config`: what transformers reads in its place; `rename`: HF name to the name in the file (None drops it); `extra`: more tensors;
    `edit(tensors)` changes values in place before they are written."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    tensors = random_tensors(read_config(folder, readable_config), seed)
    if edit:
        edit(tensors)
    stored = {}
    for name, value in tensors.items():
        name = rename(name) if rename else name
        if name is not None:
            stored[name] = value.to(dtype).contiguous()
    stored.update(extra or {})
    if shards == 1:
        save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
        return folder
    names = sorted(stored)
    weight_map = {}
    for shard in range(shards):
        part = {name: stored[name] for name in names[shard::shards]}
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map.update({name: file for name in part})
    total = sum(t.numel() * t.element_size() for t in stored.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def read_config(folder, readable_config=None):
    if readable_config is None:
        return AutoConfig.from_pretrained(folder)
    return AutoConfig.for_model(**copy.deepcopy(readable_config))


def load_reference(folder, attention="eager", readable_config=None):
    """The model transformers makes of the folder, in fp32. Nothing may be missing: then the fixture would be wrong."""
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, config=read_config(folder, readable_config), dtype=torch.float32, attn_implementation=attention,
        output_loading_info=True)
    assert not info["missing_keys"] and not info["mismatched_keys"], info
    return model.eval()


def decoder_parts(model):
    """(blocks, final norm or None) of the families tested here."""
    base = model.base_model
    base = getattr(base, "decoder", base)
    blocks = next(getattr(base, name) for name in ("h", "layers", "blocks") if hasattr(base, name))
    for name in ("norm", "ln_f", "final_layer_norm", "final_layernorm", "norm_f"):
        if hasattr(base, name):
            return blocks, getattr(base, name)
    raise AssertionError("no final norm attribute")


def first_tensor(output):
    return output[0] if isinstance(output, (tuple, list)) else output


@torch.no_grad()
def reference_activations(model, ids, ctx):
    """{name: (tokens, width) float32 array} under our activation names; every window by itself, the last may be shorter."""
    rows = {}
    for start in range(0, len(ids), ctx):
        # A fresh copy per window: dynamic RoPE remembers the longest sequence it has seen.
        fresh = copy.deepcopy(model)
        blocks, final_norm = decoder_parts(fresh)
        seen = {}
        hooks = []
        for i, block in enumerate(blocks):
            hooks.append(block.register_forward_pre_hook(
                lambda _, args, kwargs, i=i: seen.__setitem__(f"resid_pre.{i}", args[0] if args else kwargs["hidden_states"]),
                with_kwargs=True))
            hooks.append(block.register_forward_hook(
                lambda _, __, output, i=i: seen.__setitem__(f"resid_post.{i}", first_tensor(output))))
        if final_norm is not None:
            hooks.append(final_norm.register_forward_hook(
                lambda _, __, output: seen.__setitem__("final_norm", first_tensor(output))))
        window = torch.tensor(np.asarray(ids[start:start + ctx], dtype=np.int64))[None]
        output = fresh(input_ids=window, use_cache=False, output_hidden_states=True)
        for hook in hooks:
            hook.remove()
        seen.setdefault("final_norm", seen[f"resid_post.{len(blocks) - 1}"])
        seen["logits"] = output.logits
        seen["hf_last_hidden"] = output.hidden_states[-1]
        for name, value in seen.items():
            rows.setdefault(name, []).append(value[0].float().numpy().copy())
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def our_activations(folder, ids_file, ctx, out, *more):
    """Runs linscan-analyze and reads its dump."""
    run("linscan-analyze", folder, "--data", ids_file, "--ctx", ctx, "--metrics", "none",
        "--dump-activations", out, *more, check=0)
    return load_file(out)


def difference(name, ours, reference):
    """(largest difference relative to the largest reference value, a sentence that says where)."""
    assert ours.shape == reference.shape, f"{name}: shape {ours.shape}, reference {reference.shape}"
    gap = np.abs(ours.astype(np.float64) - reference.astype(np.float64))
    gap[~np.isfinite(gap)] = np.inf
    at = np.unravel_index(int(gap.argmax()), gap.shape)
    scale = np.abs(reference).max()
    worst = gap[at] / scale
    return worst, (f"{name}: max difference {gap[at]:.3e} ({worst:.2e} of the largest value {scale:.3g}) at token {at[0]}, "
                   f"feature {at[1]}: ours {ours[at]:.6g}, reference {reference[at]:.6g}")


def assert_close(ours, reference, tolerance, blocks):
    """All activations within `tolerance` of the largest value of their tensor; every failing tensor is listed."""
    names = ["resid_pre.0", *[f"resid_post.{i}" for i in range(blocks)], "final_norm", "logits"]
    missing = [name for name in names if name not in ours]
    assert not missing, f"missing from the dump: {missing}; it has {sorted(ours)}"
    problems = []
    for name in names:
        worst, text = difference(name, ours[name], reference[name])
        if not worst <= tolerance:
            problems.append(text)
    assert not problems, "tolerance %.1e\n%s" % (tolerance, "\n".join(problems))
