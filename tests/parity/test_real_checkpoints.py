"""Trained checkpoints: opened by info, analysed, and every hidden state against transformers."""
import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import converted
import harness
from test_families import TOLERANCE

# llama2.c test_all.py: 200 greedy steps from BOS.
GOLDEN_WORDS = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park."


def additions():
    """Additions as minGPT's adder saw them: two digits, two digits, the three of the sum from the back; the last one is only
    ever predicted."""
    pairs = np.random.default_rng(0).integers(0, 100, (60, 2))
    return [int(digit) for a, b in pairs for digit in f"{a:02d}{b:02d}{f'{a + b:03d}'[:0:-1]}"]


def story_ids(name):
    return np.fromfile(harness.asset("edit-ids", f"{name}.eval.u16"), "<u2")[:700].tolist()


# name: (how to convert, file, token ids, window, positions in it whose next token can be predicted)
CONVERTED = {
    "stories260k": (converted.llama2c, "stories260k-llama2c/stories260K.bin", lambda: story_ids("stories260k"), 256, range(255)),
    "llama2xs": (converted.llama2c, "llama2xs-llama2c/model.bin", lambda: story_ids("stories260k"), 256, range(255)),
    "babyllama": (converted.llama2c, "babyllama-tok105-llama2c/model5000.bin", lambda: story_ids("babyllama"), 256, range(255)),
    "mingpt-adder": (converted.mingpt, "mingpt-adder/model.pt", additions, 6, (3, 4)),
}


@pytest.fixture(params=CONVERTED)
def real(request, tmp_path):
    """(folder, token ids, window, predictable positions)"""
    convert, file, ids, ctx, predictable = CONVERTED[request.param]
    return convert(harness.asset("models", *file.split("/")), tmp_path / "model"), ids(), ctx, predictable


def test_real_checkpoint_is_read_and_agrees(real, tmp_path):
    folder, ids, ctx, predictable = real
    assert json.loads(harness.run("linscan-info", folder, "--format", "json", check=0).stdout)["supported"]
    expected = harness.reference_activations(harness.load_reference(folder), ids, ctx)
    ids_file = harness.write_ids(tmp_path / "ids.i32", ids)
    ours = harness.our_activations(folder, ids_file, ctx, tmp_path / "dump.safetensors", "--dtype", "fp32")
    blocks = json.loads((folder / "config.json").read_text())
    harness.assert_close(ours, expected, TOLERANCE["fp32"], blocks.get("num_hidden_layers", blocks.get("n_layer")))
    # A trained model predicts: far better than chance.
    at = [i for i in range(len(ids) - 1) if i % ctx in predictable]
    logits = torch.from_numpy(ours["logits"][at])
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([ids[i + 1] for i in at])).item()
    assert loss < 0.5 * np.log(logits.shape[1]), loss


def test_real_checkpoint_is_analysed(real, tmp_path):
    folder, ids, ctx, predictable = real
    ids_file = harness.write_ids(tmp_path / "ids.i32", ids)
    run = harness.run("linscan-analyze", folder, "--data", ids_file, "--ctx", ctx, "--folds", 2, "--format", "json", check=0)
    blocks = json.loads(run.stdout)["blocks"]
    assert blocks and all(0 < block["linearity"]["update"]["in_sample"] <= 1 for block in blocks)


def test_conversion_of_llama2c_tells_the_golden_story(tmp_path):
    folder = converted.llama2c(harness.asset("models", "stories260k-llama2c", "stories260K.bin"), tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    pieces = llama2c_pieces(harness.asset("models", "stories260k-llama2c", "tok512.bin"))
    ids = torch.tensor([[1]])
    with torch.no_grad():
        ids = model.generate(ids, max_new_tokens=80, do_sample=False, eos_token_id=None, pad_token_id=0)
    text = b"".join(pieces[i] for i in ids[0, 1:].tolist()).decode()
    assert text.strip().startswith(GOLDEN_WORDS)


def llama2c_pieces(path):
    """The byte strings of a llama2.c tokenizer.bin: int32 longest, then (float score, int32 length, bytes) per token."""
    data, at, pieces = path.read_bytes(), 4, []
    while at < len(data):
        length = int.from_bytes(data[at + 4:at + 8], "little")
        pieces.append(data[at + 8:at + 8 + length])
        at += 8 + length
    return pieces
