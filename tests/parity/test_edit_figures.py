"""Trained models: perplexities after edits against an independent fp64 experiment (HF blocks, QR and SVD fits) on the same token ids, and the
blocks that are chosen against every other set."""
import json

import pytest

import edit_models
import harness

# model, blocks, method, perplexity on the evaluation ids (of the dense models: 5.07 and 2.48)
FIGURES = [
    ("stories260k", "2", "remove", 10.7), ("stories260k", "2", "linear", 8.7), ("stories260k", "2", "fold", 9.0), ("stories260k", "2", "refit", 8.3),
    ("stories260k", "2,4", "remove", 29.8), ("stories260k", "0,2", "linear", 17.6), ("stories260k", "2,4", "fold", 20.6),
    ("stories260k", "2,4", "refit", 16.4), ("stories260k", "1,2,4", "refit", 31.4),
    ("babyllama", "4", "remove", 6.6), ("babyllama", "0", "linear", 2.50), ("babyllama", "3", "fold", 6.45), ("babyllama", "3", "refit", 5.1),
    ("babyllama", "2", "refit+sweep", 5.10),
]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder and text of a model by its name."""
    made = {}

    def model(name):
        if name not in made:
            made[name] = edit_models.prepare(name, tmp_path_factory.mktemp(name) / "model")
        return made[name]
    return model


def edited(model, blocks, method, out):
    folder, text = model
    run = harness.run("linscan-prune", folder, "--blocks", blocks, "--method", method.removesuffix("+sweep"), *(["--sweep"] if "sweep" in method else []),
                      *text, "--dtype", "fp32", "--out", out, "--format", "json", "-q", check=0)
    return json.loads(run.stdout)


@pytest.mark.parametrize("name,blocks,method,expected", FIGURES)
def test_perplexity_after_an_edit(name, blocks, method, expected, models, tmp_path):
    result = edited(models(name), blocks, method, tmp_path / "out")
    assert result["data"]["fit_tokens"] == 32768
    assert result["unedited"]["perplexity"] == pytest.approx({"stories260k": 5.07, "babyllama": 2.48}[name], rel=2e-3)
    assert result["edited"]["perplexity"] == pytest.approx(expected, rel=0.01)


def test_sweep_after_refit_never_loses_to_fold(models, tmp_path):
    for name, blocks in (("stories260k", "2"), ("stories260k", "1"), ("babyllama", "1"), ("babyllama", "1:3")):
        fold = edited(models(name), blocks, "fold", tmp_path / f"{name}{blocks}fold")
        swept = edited(models(name), blocks, "refit+sweep", tmp_path / f"{name}{blocks}sweep")
        assert swept["edited"]["kl"] < fold["edited"]["kl"], (name, blocks)


@pytest.mark.parametrize("name,deepest,tokens", [("stories260k", 1, 8192)])
def test_the_chosen_set_is_within_2_percent_of_the_best(name, deepest, tokens, tmp_path):
    model, text = edit_models.prepare(name, tmp_path / "model", tokens)
    methods, _ = edit_models.search(model, text, deepest, "--eval-tokens", 4096)
    assert set(methods) == {"remove", "linear", "fold", "refit", "refit + sweep", "auto"}
    for method, counts in methods.items():
        for k, row in enumerate(counts, start=1):
            assert len(row["automatic"]["blocks"]) == k
            assert row["automatic"]["perplexity"] <= 1.02 * row["exhaustive"]["perplexity"], (method, row)
