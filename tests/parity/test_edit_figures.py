"""Trained models: perplexities after edits against an independent fp64 experiment (HF blocks, QR and SVD fits) on the same token ids."""
import json

import pytest

import converted
import harness

FILES = {"stories260k": "stories260k-llama2c/stories260K.bin", "babyllama": "babyllama-tok105-llama2c/model5000.bin"}
# model, blocks, method, perplexity on the evaluation ids (of the dense models: 5.07 and 2.48)
FIGURES = [
    ("stories260k", "2", "remove", 10.7), ("stories260k", "2", "linear", 8.7), ("stories260k", "2", "fold", 9.0), ("stories260k", "2", "refit", 8.3),
    ("stories260k", "2,4", "remove", 29.8), ("stories260k", "0,2", "linear", 17.6), ("stories260k", "2,4", "fold", 20.6),
    ("stories260k", "2,4", "refit", 16.4), ("stories260k", "1,2,4", "refit", 31.4),
    ("babyllama", "4", "remove", 6.6), ("babyllama", "0", "linear", 2.50), ("babyllama", "3", "fold", 6.45), ("babyllama", "3", "refit", 5.1),
    ("babyllama", "2", "refit+sweep", 5.10),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(name):
        if name not in made:
            made[name] = converted.llama2c(harness.asset("models", *FILES[name].split("/")), tmp_path_factory.mktemp(name) / "model")
        return made[name]
    return folder


def edited(folder, name, blocks, method, out):
    ids = [harness.asset("edit-ids", f"{name}.{part}.u16") for part in ("calib", "eval")]
    run = harness.run("linscan-prune", folder, "--blocks", blocks, "--method", method.removesuffix("+sweep"), *(["--sweep"] if "sweep" in method else []),
                      "--data", ids[0], "--eval-data", ids[1], "--tokens", 32768, "--ctx", 256, "--dtype", "fp32", "--out", out,
                      "--format", "json", "-q", check=0)
    return json.loads(run.stdout)


@pytest.mark.parametrize("name,blocks,method,expected", FIGURES)
def test_perplexity_after_an_edit(name, blocks, method, expected, folders, tmp_path):
    result = edited(folders(name), name, blocks, method, tmp_path / "out")
    assert result["data"]["fit_tokens"] == 32768
    assert result["unedited"]["perplexity"] == pytest.approx({"stories260k": 5.07, "babyllama": 2.48}[name], rel=2e-3)
    assert result["edited"]["perplexity"] == pytest.approx(expected, rel=0.01)


def test_sweep_after_refit_never_loses_to_fold(folders, tmp_path):
    for name, blocks in (("stories260k", "2"), ("stories260k", "1"), ("babyllama", "1"), ("babyllama", "1:3")):
        fold = edited(folders(name), name, blocks, "fold", tmp_path / f"{name}{blocks}fold")
        swept = edited(folders(name), name, blocks, "refit+sweep", tmp_path / f"{name}{blocks}sweep")
        assert swept["edited"]["kl"] < fold["edited"]["kl"], (name, blocks)
