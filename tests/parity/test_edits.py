"""Edits of linscan against the same definitions in numpy: hidden states from transformers, least squares by SVD in fp64."""
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import harness

COMMON = {"vocab_size": 80, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
# family: (config, blocks, MLP of a block, its down projection, name of that in the file, whether it is stored (in, out))
FAMILIES = {
    "llama": ({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 4,
               "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "tie_word_embeddings": False} | COMMON,
              lambda m: m.model.layers, lambda b: b.mlp, lambda b: b.mlp.down_proj, "model.layers.{}.mlp.down_proj", False),
    "gpt2": ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 24, "n_layer": 4, "n_head": 4, "n_positions": 64} | COMMON,
             lambda m: m.transformer.h, lambda b: b.mlp, lambda b: b.mlp.c_proj, "transformer.h.{}.mlp.c_proj", True),
    "opt": ({"model_type": "opt", "architectures": ["OPTForCausalLM"], "hidden_size": 24, "ffn_dim": 48, "num_hidden_layers": 4,
             "num_attention_heads": 4, "max_position_embeddings": 64, "word_embed_proj_dim": 24} | COMMON,
            lambda m: m.model.decoder.layers, lambda b: b.fc2, lambda b: b.fc2, "model.decoder.layers.{}.fc2", False),
    "gpt_neox": ({"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "hidden_size": 24, "intermediate_size": 48,
                  "num_hidden_layers": 4, "num_attention_heads": 4, "max_position_embeddings": 64} | COMMON,
                 lambda m: m.gpt_neox.layers, lambda b: b.mlp, lambda b: b.mlp.dense_4h_to_h, "gpt_neox.layers.{}.mlp.dense_4h_to_h", False),
}
CTX = 32


class States:
    """What flows through a dense model, fp64: the stream before every block, and MLP input and output of the seam's block."""

    def __init__(self, model, family, ids, seam):
        _, blocks, mlp, down, _, _ = FAMILIES[family]
        kept = {"z": [], "m": [], "h": []}
        block = blocks(model)[seam]
        hooks = [down(block).register_forward_pre_hook(lambda module, args: kept["z"].append(args[0].reshape(-1, args[0].shape[-1]))),
                 mlp(block).register_forward_hook(lambda module, args, out: kept["m"].append(out.reshape(-1, out.shape[-1])))]
        for layer in blocks(model):
            hooks.append(layer.register_forward_pre_hook(
                lambda module, args, kwargs: kept["h"].append((args[0] if args else kwargs["hidden_states"])[0]), with_kwargs=True))
        with torch.no_grad():
            for at in range(0, len(ids), CTX):
                model(torch.tensor([ids[at:at + CTX]]), use_cache=False)
        for hook in hooks:
            hook.remove()
        count = len(blocks(model))
        stack = lambda parts: torch.cat(parts).double().numpy()
        self.z, self.m = stack(kept["z"]), stack(kept["m"])
        self.h = [stack(kept["h"][i::count]) for i in range(count)]


def least_squares(x, y, bias):
    x = np.hstack([x, np.ones((len(x), 1))]) if bias else x
    solution = np.linalg.lstsq(x, y, rcond=None)[0]
    return (solution[:-1], solution[-1]) if bias else (solution, None)


def write(folder, family):
    return harness.write_folder(folder, FAMILIES[family][0], seed=5)


@pytest.fixture(params=FAMILIES)
def case(request, tmp_path):
    """(family, folder, calibration ids, their file, evaluation file)"""
    folder = write(tmp_path / "source", request.param)
    rng = np.random.default_rng(3)
    ids = rng.integers(0, 80, 3200).tolist()
    return (request.param, folder, ids, harness.write_ids(tmp_path / "fit.i32", ids),
            harness.write_ids(tmp_path / "judge.i32", rng.integers(0, 80, 640).tolist()))


def run(case, out, *arguments):
    _, folder, _, fit, judge = case
    done = harness.run("linscan-prune", folder, "--data", fit, "--eval-data", judge, "--ctx", CTX, "--dtype", "fp32", "--out", out,
                       "--format", "json", "-q", *arguments, check=0)
    return json.loads(done.stdout)


def perplexity(model, file):
    ids = np.fromfile(file, "<i4").tolist()
    losses = []
    with torch.no_grad():
        for at in range(0, len(ids), CTX):
            window = torch.tensor([ids[at:at + CTX]])
            logits = model(window, use_cache=False).logits[0, :-1].double()
            losses.append(torch.nn.functional.cross_entropy(logits, window[0, 1:], reduction="none"))
    return torch.cat(losses).mean().exp().item()


def close(ours, expected):
    """Least squares from fp32 states: weights agree to the fp32 rounding of the states times the condition of the inputs."""
    scale = np.abs(expected).max()
    assert np.abs(ours - expected).max() < 2e-3 * scale, (np.abs(ours - expected).max(), scale)


@pytest.mark.parametrize("method", ["fold", "refit"])
def test_projection_is_the_least_squares_one(case, method, tmp_path):
    family, folder, ids, _, judge = case
    seam, begin, end = 1, 2, 3
    model = harness.load_reference(folder)
    states = States(model, family, ids, seam)
    _, blocks, _, down, name, transposed = FAMILIES[family]
    module = down(blocks(model)[seam])
    weight = module.weight.detach().double().numpy()
    weight = weight if transposed else weight.T  # (in, out)
    has_bias = getattr(module, "bias", None) is not None
    bias = module.bias.detach().double().numpy() if has_bias else 0
    y = states.h[seam + 1] - states.m  # the stream of the seam's block without its MLP
    missing = states.h[end] - y
    if method == "refit":
        expected, expected_bias = least_squares(states.z, missing, has_bias)
    else:
        change, free = least_squares(states.m, missing, has_bias)
        expected, expected_bias = weight @ change, (bias @ change + free if has_bias else None)
    result = run(case, tmp_path / "out", "--blocks", f"{begin}:{end}", "--method", method)
    written = load_file(tmp_path / "out" / "model.safetensors")
    stored = next(value for key, value in written.items() if key.endswith(name.format(seam).split(".", 1)[1] + ".weight")).double().numpy()
    close(stored if transposed else stored.T, expected)
    if has_bias:
        stored_bias = next(value for key, value in written.items() if key.endswith(name.format(seam).split(".", 1)[1] + ".bias"))
        assert np.abs(stored_bias.double().numpy() - expected_bias).max() < 2e-3 * max(1, np.abs(expected).max())
    opened = harness.load_reference(tmp_path / "out")
    assert result["edited"]["perplexity"] == pytest.approx(perplexity(opened, judge), rel=1e-4)
    assert result["unedited"]["perplexity"] == pytest.approx(perplexity(model, judge), rel=1e-5)


def test_linear_block_is_the_least_squares_one(case, tmp_path):
    family, folder, ids, _, judge = case
    states = States(harness.load_reference(folder), family, ids, 0)
    expected, expected_bias = least_squares(states.h[1], states.h[3] - states.h[1], True)
    result = run(case, tmp_path / "out", "--blocks", "1:3", "--method", "linear")
    written = load_file(tmp_path / "out" / "model.safetensors")
    stored = next(value for key, value in written.items() if key.endswith(".1.map.weight")).double().numpy()
    stored_bias = next(value for key, value in written.items() if key.endswith(".1.map.bias")).double().numpy()
    close(stored.T, expected)
    assert np.abs(stored_bias - expected_bias).max() < 2e-3 * max(1, np.abs(expected_bias).max())
    opened = AutoModelForCausalLM.from_pretrained(tmp_path / "out", trust_remote_code=True, dtype=torch.float32).eval()
    assert result["edited"]["perplexity"] == pytest.approx(perplexity(opened, judge), rel=1e-4)


def test_removed_block_is_gone(case, tmp_path):
    *_, judge = case
    result = run(case, tmp_path / "out", "--blocks", "2", "--method", "remove")
    opened = harness.load_reference(tmp_path / "out")
    assert len(FAMILIES[case[0]][1](opened)) == 3
    assert result["edited"]["perplexity"] == pytest.approx(perplexity(opened, judge), rel=1e-4)
