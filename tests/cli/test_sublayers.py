"""The scores of attention and MLP against numpy, on what hooks see in transformers' own forward pass."""
import json

import numpy as np
import pytest
import torch

import harness
import oracle
from cases import VOCABULARY
from cases_gpt import NEOX, OPT
from cases_llama import LLAMA

CTX = 32
TOKENS = 1200

# Both sides compute in fp32, in another order. A LayerNorm's output has a direction of pure rounding, which counts as one
# more feature (1 / n of what is left unexplained) or not, by accident: in the post-norm family the MLP reads such states.
TOLERANCE = {"serial": 1e-6, "parallel": 1e-6, "post-norm": 1e-3}


def first(output):
    return output[0] if isinstance(output, (tuple, list)) else output


def llama_parts(layer):
    return {"attention": layer.self_attn, "mlp": layer.mlp}


def neox_parts(layer):
    return {"attention": layer.attention, "mlp": layer.mlp}


def opt_parts(layer):
    return {"middle": layer.self_attn_layer_norm, "output": layer.final_layer_norm}


def serial_pairs(x, seen):
    middle = x + seen["attention"]
    return {"attention": (x, middle), "mlp": (middle, middle + seen["mlp"])}


def parallel_pairs(x, seen):
    return {"attention": (x, x + seen["attention"]), "mlp": (x, x + seen["mlp"])}


def post_norm_pairs(x, seen):
    return {"attention": (x, seen["middle"]), "mlp": (seen["middle"], seen["output"])}


FAMILIES = {"serial": (LLAMA, llama_parts, serial_pairs), "parallel": (NEOX, neox_parts, parallel_pairs),
            "post-norm": ({**OPT, "do_layer_norm_before": False}, opt_parts, post_norm_pairs)}


@torch.no_grad()
def reference_states(folder, ids, parts):
    """One dict per block: its input under "x" and the outputs of the modules that `parts` names, (tokens, width) fp64."""
    model = harness.load_reference(folder)
    layers, _ = harness.decoder_parts(model)
    seen = [{} for _ in layers]

    def keep(store, name, value):
        store.setdefault(name, []).append(value.reshape(-1, value.shape[-1]).double().numpy().copy())

    for store, layer in zip(seen, layers):
        layer.register_forward_pre_hook(
            lambda _, args, kwargs, store=store: keep(store, "x", args[0] if args else kwargs["hidden_states"]), with_kwargs=True)
        for name, module in parts(layer).items():
            module.register_forward_hook(
                lambda _, __, output, store=store, name=name: keep(store, name, first(output)))
    for start in range(0, len(ids), CTX):
        model(input_ids=torch.tensor(ids[start:start + CTX])[None], use_cache=False)
    return [{name: np.concatenate(rows) for name, rows in store.items()} for store in seen]


@pytest.fixture(scope="module", params=FAMILIES, ids=list(FAMILIES))
def measured(request, tmp_path_factory):
    """(result.json, pairs of every block, tolerance)"""
    harness.program("linscan-analyze")
    folder = tmp_path_factory.mktemp(request.param)
    config, parts, pairs = FAMILIES[request.param]
    model = harness.write_folder(folder / "model", config)
    ids = np.random.default_rng(5).integers(0, VOCABULARY, TOKENS)
    run = harness.run("linscan-analyze", model, "--data", harness.write_ids(folder / "ids.i32", ids), "--ctx", CTX, "--dtype", "fp32",
                      "--metrics", "linearity,sublayers,tokens", "--format", "json", check=0)
    states = reference_states(model, ids, parts)
    return json.loads(run.stdout), [pairs(seen["x"], seen) for seen in states], TOLERANCE[request.param]


def entries(measured):
    result, blocks, tolerance = measured
    assert len(result["blocks"]) == len(blocks)
    for block, (entry, pairs) in enumerate(zip(result["blocks"], blocks)):
        for name, (x, y) in pairs.items():
            yield f"block {block} {name}", entry["sublayers"][name], x, y, tolerance


def test_linearity(measured):
    folds = np.repeat(measured[0]["protocol"]["fold_of_window"], CTX)[:TOKENS]
    for what, entry, x, y, tolerance in entries(measured):
        for kind, target in (("stream", y), ("update", y - x)):
            scores = entry["linearity"][kind]
            in_sample = oracle.affine(x, target)
            assert scores["in_sample"] == pytest.approx(in_sample, abs=tolerance), f"{what} {kind}"
            assert scores["adjusted"] == pytest.approx(oracle.adjusted(in_sample, TOKENS, x.shape[1]), abs=tolerance), f"{what} {kind}"
            assert scores["held_out"] == pytest.approx(oracle.held_out(x, y, target, folds), abs=tolerance), f"{what} {kind}"
            assert scores["held_out_ci"][0] <= scores["held_out"] <= scores["held_out_ci"][1]


def test_displacement(measured):
    for what, entry, x, y, _ in entries(measured):
        cosines = oracle.cosines(x, y)
        assert entry["cosine"] == pytest.approx(cosines.mean(), abs=1e-5), what
        assert entry["block_influence"] == pytest.approx(1 - cosines.mean(), abs=1e-5), what
        assert entry["angular"] == pytest.approx((np.arccos(np.clip(cosines, -1, 1)) / np.pi).mean(), abs=1e-5), what
        norms = {"in": np.linalg.norm(x, axis=1), "out": np.linalg.norm(y, axis=1), "update": np.linalg.norm(y - x, axis=1)}
        for name, values in norms.items():
            assert entry["norm"][name] == pytest.approx(values.mean(), rel=1e-5), f"{what} {name}"
        assert entry["norm"]["ratio"] == pytest.approx((norms["update"] / norms["out"]).mean(), rel=1e-5), what


def test_the_sublayers_can_be_told_apart(measured):
    """Otherwise the tests above would pass with any of them."""
    result, blocks, tolerance = measured
    for entry, pairs in zip(result["blocks"], blocks):
        ours = [entry["sublayers"][name]["linearity"]["update"]["in_sample"] for name in ("attention", "mlp")]
        assert abs(ours[0] - ours[1]) > 2 * tolerance
        assert all(abs(score - entry["linearity"]["update"]["in_sample"]) > 2 * tolerance for score in ours)
        (x, _), (mlp_x, _) = pairs["attention"], pairs["mlp"]
        assert (mlp_x is x) == (result["model"]["family"] == "gpt_neox")


def analyze_demo(*arguments):
    model = harness.ROOT / "examples" / "demo-model"
    run = harness.run("linscan-analyze", model, "--tokens", 2000, "--ctx", 128, "-q", "--format", "json", *arguments, check=0)
    return json.loads(run.stdout)


def test_groups_with_a_price_are_asked_for():
    default = analyze_demo()
    assert {metric["group"] for metric in default["metrics"].values()} == {"linearity", "baselines", "geometry", "tokens"}
    assert all("sublayers" not in block and "damage" not in block for block in default["blocks"])
    alone = analyze_demo("--metrics", "sublayers")
    assert {metric["group"] for metric in alone["metrics"].values()} == {"sublayers"}
    assert all(set(block) == {"block", "sublayers"} for block in alone["blocks"])
    assert "missing" not in alone["post_norm"]


def test_dry_run_counts_the_moments_of_sublayers():
    """Serial blocks: one more state and two more pairs, of 5 folds each, 128 x 128 fp64."""
    plain = analyze_demo("--dry-run", "--metrics", "linearity")["memory_bytes"]
    more = analyze_demo("--dry-run", "--metrics", "linearity,sublayers")["memory_bytes"]
    assert more["statistics"] - plain["statistics"] == 3 * 5 * 128 * 128 * 8
