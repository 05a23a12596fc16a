"""Hidden states and logits of every supported family against transformers, one configuration quirk at a time.

Tiny random models; every parameter is random (norm weights and biases too, which the library's own initialisation leaves
at one and zero). fp32 against fp32; bf16 compute against the same fp32 reference with a tolerance of its own.
"""
import json

import numpy as np
import pytest

import cases_experts
import cases_gpt
import cases_llama
import harness
from cases import VOCABULARY

# Relative to the largest absolute value of each tensor. fp32: erf and tanh gelu differ by 2.5e-4 on such models, so a
# looser bound would not see a wrong activation. bf16: weights and inputs of every product carry 8 bits (4e-3 each).
TOLERANCE = {"fp32": 2e-5, "bf16": 2e-2}
CASES = [*cases_gpt.CASES, *cases_llama.CASES, *cases_experts.CASES]


def by_id(case):
    return case.id


def make_case(case, folder):
    """(folder, ids, reference activations) of one case."""
    harness.write_folder(folder, case.config, seed=len(case.id) if case.seed is None else case.seed, rename=case.rename,
                         extra=case.extra() if case.extra else None, dtype=case.storage, shards=case.shards,
                         readable_config=case.reference)
    ids = np.random.default_rng(7).integers(0, VOCABULARY, case.tokens)
    return folder, ids, reference(folder, case, ids)


def reference(folder, case, ids):
    model = harness.load_reference(folder, case.attention, case.reference)
    return harness.reference_activations(model, ids, case.ctx)


def blocks_of(config):
    return next(config[key] for key in ("num_hidden_layers", "n_layer", "num_layers", "n_layers") if key in config)


def check(case, tmp_path, folder, ids, expected, *dtypes):
    ids_file = harness.write_ids(tmp_path / "ids.i32", ids)
    for dtype in dtypes:
        ours = harness.our_activations(folder, ids_file, case.ctx, tmp_path / f"{dtype}.safetensors", "--dtype", dtype)
        harness.assert_close(ours, expected, TOLERANCE[dtype], blocks_of(case.config))
        for name, value in ours.items():
            assert value.dtype == np.float32 and len(value) == case.tokens, name
    return ours


def assert_fixture_shows_its_quirk(case, folder, ids, expected):
    """A fixture that gives the same numbers without its changed keys would test nothing."""
    (folder / "config.json").write_text(json.dumps(case.base))
    try:
        plain = harness.load_reference(folder, case.attention)
    except (AssertionError, RuntimeError):
        return  # the plain family needs other tensors: the quirk is in the file already
    logits = harness.reference_activations(plain, ids, case.ctx)["logits"]
    assert harness.difference("logits", logits, expected["logits"])[0] > 5 * TOLERANCE["fp32"]


@pytest.mark.parametrize("case", CASES, ids=by_id)
def test_activations_match_transformers(case, tmp_path):
    harness.program("linscan-analyze")
    folder, ids, expected = make_case(case, tmp_path / "model")
    check(case, tmp_path, folder, ids, expected, "fp32", "bf16")
    if case.change and case.numeric:
        assert_fixture_shows_its_quirk(case, folder, ids, expected)


FIRST_OF_ARCHITECTURE = {case.base["architectures"][0]: case for case in reversed(CASES)}.values()


@pytest.mark.parametrize("case", FIRST_OF_ARCHITECTURE, ids=by_id)
def test_every_architecture_is_analysed(case, tmp_path):
    """info says yes, analyze gives every score of every block, from text ids to the report's numbers."""
    folder = harness.write_folder(tmp_path / "model", case.config, rename=case.rename)
    facts = json.loads(harness.run("linscan-info", folder, "--tensors", "--format", "json", check=0).stdout)
    assert facts["supported"] and facts["architecture"] == case.base["architectures"][0]
    assert all(tensor["slots"] for tensor in facts["tensors"])
    ids = harness.write_ids(tmp_path / "ids.i32", np.random.default_rng(3).integers(0, VOCABULARY, 640))
    run = harness.run("linscan-analyze", folder, "--data", ids, "--ctx", 32, "--format", "json", "--dtype", "fp32", check=0)
    blocks = json.loads(run.stdout)["blocks"]
    assert len(blocks) == blocks_of(case.config)
    for block in blocks:
        assert 0 < block["linearity"]["stream"]["in_sample"] <= 1 and 0 < block["linearity"]["update"]["in_sample"] <= 1


@pytest.mark.parametrize("case", [c for c in CASES if c.id in ("llama-gqa", "gpt2", "opt", "neox")], ids=by_id)
def test_last_block_is_before_the_final_norm(case, tmp_path):
    """transformers gives the state after the final norm as its last hidden state; ours keeps the two apart."""
    harness.program("linscan-analyze")
    folder, ids, expected = make_case(case, tmp_path / "model")
    ours = check(case, tmp_path, folder, ids, expected, "fp32")
    last = expected["hf_last_hidden"]
    assert harness.difference("final_norm", ours["final_norm"], last)[0] <= TOLERANCE["fp32"]
    assert harness.difference("resid_post", ours["resid_post.2"], last)[0] > 1e-2


def test_every_quirk_of_the_table_has_a_case():
    """docs/families.md lists quirks as tested: each must be the name of a case."""
    listed = json.loads(harness.run("linscan-info", "--families", "--format", "json", check=0).stdout)["families"]
    quirks = {quirk["id"] for family in listed for quirk in family["quirks"]}
    known = {case.id for case in CASES} | {"nemotron"}  # test_exports.py: transformers has no such class
    assert quirks <= known, sorted(quirks - known)
    tested = {case.base["model_type"] for case in CASES} | {"nemotron-nas"}
    assert {kind for family in listed for kind in family["model_types"]} <= tested


def test_real_checkpoint_with_real_text(tmp_path):
    """A trained Llama whose embedding is stored only as lm_head.weight (the alias is named in __metadata__)."""
    from transformers import AutoTokenizer
    harness.program("linscan-analyze")
    folder = harness.asset("models", "tinystories-656k-llama")
    text = harness.asset("corpora", "tinystories-train-head-2mib.txt").read_text(encoding="utf-8", errors="replace")
    ids = AutoTokenizer.from_pretrained(folder)(text[:6000])["input_ids"][:700]
    reference = harness.reference_activations(harness.load_reference(folder), ids, 256)
    ids_file = harness.write_ids(tmp_path / "ids.i32", ids)
    ours = harness.our_activations(folder, ids_file, 256, tmp_path / "dump.safetensors", "--dtype", "fp32")
    harness.assert_close(ours, reference, TOLERANCE["fp32"], 2)
