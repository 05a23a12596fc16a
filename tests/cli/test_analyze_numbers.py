"""The numbers in result.json against numpy fp64 on the activations that the same run dumped."""
import json

import numpy as np
import pytest
from safetensors.numpy import load_file

import harness
import oracle
from cases_gpt import GPT2
from cases_llama import LLAMA

TOLERANCE = 1e-6
METRICS = "linearity,baselines,geometry"


class Run:
    """One analysis: result.json, and the states (n, d) fp64 going into and out of every block."""

    def __init__(self, folder, data, tmp_path, *more, ctx=32):
        out = tmp_path / "result"
        dump = tmp_path / "dump.safetensors"
        harness.run("linscan-analyze", folder, "--data", data, "--ctx", ctx, "--dtype", "fp32", "--metrics", METRICS,
                    "--out", out, "--dump-activations", dump, *more, check=0)
        self.result = json.loads((out / "result.json").read_text())
        states = {name: value.astype(np.float64) for name, value in load_file(dump).items()}
        blocks = len(self.result["blocks"])
        self.inputs = [states["resid_pre.0"], *[states[f"resid_post.{i}"] for i in range(blocks - 1)]]
        self.outputs = [states[f"resid_post.{i}"] for i in range(blocks)]
        self.final_norm = states["final_norm"]
        self.n, self.d = self.inputs[0].shape
        lengths = [min(ctx, self.n - start) for start in range(0, self.n, ctx)]
        self.folds = np.repeat(self.result["protocol"]["fold_of_window"], lengths)

    def pairs(self):
        """(entry of result.json, states in, states out); the last pair ends in the final-norm state."""
        yield from zip(self.result["blocks"], self.inputs, self.outputs)
        yield self.result["post_norm"], self.inputs[-1], self.final_norm


def random_model(tmp_path, base=LLAMA, seed=0, edit=None):
    harness.program("linscan-analyze")
    return harness.write_folder(tmp_path / "model", base, seed=seed, edit=edit)


def random_ids(tmp_path, count, seed=11):
    return harness.write_ids(tmp_path / "ids.i32", np.random.default_rng(seed).integers(0, 96, count))


@pytest.fixture(scope="module")
def llama_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    return Run(random_model(folder), random_ids(folder, 1000), folder)


@pytest.fixture(scope="module")
def gpt2_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    return Run(random_model(folder, GPT2), random_ids(folder, 1500), folder)


@pytest.fixture(scope="module")
def outlier_run(tmp_path_factory):
    """One feature a thousand times the others, as trained models have; it enters with the embedding."""
    def edit(tensors):
        tensors["transformer.wte.weight"][:, 7] *= 1000
    folder = tmp_path_factory.mktemp("outlier")
    return Run(random_model(folder, GPT2, edit=edit), random_ids(folder, 1500), folder)


@pytest.fixture(scope="module", params=["llama", "gpt2", "outlier"])
def a_run(request):
    return request.getfixturevalue(f"{request.param}_run")


def close(ours, expected, tolerance=TOLERANCE, what=""):
    assert ours is not None, f"{what} is null, numpy {expected}"
    assert abs(ours - expected) < tolerance, f"{what} {ours}, numpy {expected}, difference {abs(ours - expected):.2e}"


def test_linearity_in_sample_and_adjusted(a_run):
    for entry, x, y in a_run.pairs():
        for kind, target in (("stream", y), ("update", y - x)):
            score = oracle.affine(x, target)
            close(entry["linearity"][kind]["in_sample"], score)
            close(entry["linearity"][kind]["adjusted"], oracle.adjusted(score, a_run.n, a_run.d))


def test_linearity_held_out(a_run):
    assert len(set(a_run.folds)) == 5
    for entry, x, y in a_run.pairs():
        for kind, target in (("stream", y), ("update", y - x)):
            score = entry["linearity"][kind]
            close(score["held_out"], oracle.held_out(x, y, target, a_run.folds))
            assert score["held_out_ci"][0] <= score["held_out"] <= score["held_out_ci"][1]
            assert score["held_out"] < score["in_sample"]


def test_baselines(a_run):
    for entry, x, y in a_run.pairs():
        baselines = entry["baselines"]
        for name in ("scaled_identity", "diagonal", "orthogonal", "cca"):
            # A LayerNorm's output has a direction of pure rounding: its canonical correlation is an accident.
            if name != "cca" or oracle.full_rank(y):
                close(baselines[name], getattr(oracle, name)(x, y), what=name)
        assert {"1", "8", str(a_run.d)} <= set(baselines["rank"])
        for rank, score in baselines["rank"].items():
            close(score, oracle.reduced_rank(x, y, int(rank)))
        close(baselines["rank"][str(a_run.d)], entry["linearity"]["stream"]["in_sample"])


def test_displacement(a_run):
    for entry, x, y in a_run.pairs():
        cosines = np.clip(oracle.cosines(x, y), -1, 1)
        close(entry["cosine"], cosines.mean())
        close(entry["angular"], (np.arccos(cosines) / np.pi).mean())
        close(entry["block_influence"], 1 - cosines.mean())
        norms = {"in": np.linalg.norm(x, axis=1), "out": np.linalg.norm(y, axis=1), "update": np.linalg.norm(y - x, axis=1)}
        for name, values in norms.items():
            close(entry["norm"][name] / values.mean(), 1)
        close(entry["norm"]["ratio"], (norms["update"] / norms["out"]).mean())


def test_geometry_of_the_output(a_run):
    for entry, _, y in a_run.pairs():
        close(entry["geometry"]["anisotropy"], oracle.variance_shares(y)[0])
        close(entry["geometry"]["effective_rank"] / oracle.effective_rank(y), 1)


def test_fewer_tokens_than_features(tmp_path):
    """With n <= d + 1 distinct rows any targets are fitted exactly in sample; nothing else may be claimed."""
    run = Run(random_model(tmp_path), random_ids(tmp_path, 40), tmp_path, ctx=8)
    for block, (entry, x, y) in enumerate(zip(run.result["blocks"], run.inputs, run.outputs)):
        for kind, target in (("stream", y), ("update", y - x)):
            # Equal tokens have equal embeddings: the first block's input has equal rows, which one map cannot tell apart.
            close(entry["linearity"][kind]["in_sample"], oracle.affine(x, target) if block == 0 else 1.0)
            assert entry["linearity"][kind]["adjusted"] is None
            assert entry["linearity"][kind]["held_out"] is None


def test_random_maps_score_their_null_on_unrelated_tokens(tmp_path):
    """More tokens, smaller gap between in-sample and held-out."""
    model = random_model(tmp_path)
    gaps = []
    for count in (300, 2400):
        folder = tmp_path / str(count)
        folder.mkdir()
        run = Run(model, random_ids(folder, count), folder)
        score = run.result["blocks"][1]["linearity"]["update"]
        gaps.append(score["in_sample"] - score["held_out"])
    assert gaps[1] < 0.5 * gaps[0]


def test_memory_limit_and_batches_do_not_change_the_numbers(tmp_path):
    model, ids = random_model(tmp_path), random_ids(tmp_path, 1000)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = Run(model, ids, tmp_path / "a")
    two = Run(model, ids, tmp_path / "b", "--memory-limit", "1GiB", "--threads", 1)
    for a, b in zip(one.result["blocks"], two.result["blocks"]):
        for kind in ("stream", "update"):
            close(a["linearity"][kind]["held_out"], b["linearity"][kind]["held_out"])


def test_real_checkpoint(tmp_path):
    folder = harness.asset("models", "tinystories-656k-llama")
    text = harness.asset("corpora", "tinystories-train-head-2mib.txt").read_text(encoding="utf-8", errors="replace")
    (tmp_path / "text.jsonl").write_text("".join(json.dumps({"text": text[i:i + 700]}) + "\n" for i in range(0, 28_000, 700)))
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = harness.write_ids(tmp_path / "ids.i32", tokenizer(text[:24_000])["input_ids"][:4096])
    run = Run(folder, ids, tmp_path, ctx=128)
    for entry, x, y in run.pairs():
        for kind, target in (("stream", y), ("update", y - x)):
            close(entry["linearity"][kind]["in_sample"], oracle.affine(x, target))
            close(entry["linearity"][kind]["held_out"], oracle.held_out(x, y, target, run.folds))
