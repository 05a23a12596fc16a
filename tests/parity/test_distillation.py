"""Steps of `linscan distill` against transformers + torch: every loss, its gradients and the weights after some steps."""
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import harness
from cases import VOCABULARY
from test_training import LLAMA, stream_states

CONTEXT, WINDOWS, STEPS, RATE = 24, 4, 5, 1e-3


def kl(teacher, student, temperature=1.0, top=0):
    """T^2 KL(teacher || student), mean over tokens; with `top` the others are one outcome."""
    p, q = F.softmax(teacher / temperature, -1), F.softmax(student / temperature, -1)
    if top:
        ids = teacher.topk(top, -1).indices
        p, q = (torch.cat([x.gather(-1, ids), 1 - x.gather(-1, ids).sum(-1, keepdim=True)], -1) for x in (p, q))
    return temperature**2 * (p * (p.log() - q.log())).sum(-1).mean()


def losses(teacher, student, ids, weights, temperature, top):
    with torch.no_grad():
        target, target_states = stream_states(teacher, ids[:, :-1])
    logits, states = stream_states(student, ids[:, :-1])
    pairs = list(zip(states[1:], target_states[1:]))
    parts = {
        "kl": kl(target, logits, temperature, top),
        "mse": sum(F.mse_loss(a, b) for a, b in pairs) / len(pairs),
        "cosine": sum((1 - F.cosine_similarity(a, b, dim=-1)).mean() for a, b in pairs) / len(pairs),
        "cross_entropy": F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())}
    return {name: weights[name] * value for name, value in parts.items() if name in weights}


def folder_of(path, seed):
    return harness.write_folder(path, LLAMA.config, seed=seed)


@pytest.mark.parametrize("loss,temperature,top", [
    ("kl=1", 1.0, 0), ("kl=1", 2.0, 0), ("kl=1", 2.0, 5), ("mse=3", 1.0, 0), ("cosine=2", 1.0, 0), ("kl=1,mse=0.5,cosine=0.3,ce=0.2", 1.0, 0)])
def test_steps_match_torch(loss, temperature, top, tmp_path):
    teacher, student = folder_of(tmp_path / "teacher", 3), folder_of(tmp_path / "student", 4)
    ids = np.random.default_rng(5).integers(4, VOCABULARY, CONTEXT * WINDOWS + 1)
    file = harness.write_ids(tmp_path / "ids.i32", ids)
    out = tmp_path / "out"
    # One step sees all windows, so their order does not matter.
    harness.run("linscan-distill", teacher, student, "--out", out, "--data", file, "--held-out", file, "--ctx", CONTEXT, "--train", "all",
                "--loss", loss, "--temperature", temperature, "--top-k", top, "--steps", STEPS, "--batch-tokens", CONTEXT * WINDOWS,
                "--lr", RATE, "--schedule", "constant", "--warmup", 0, "--patience", 0, "--eval-every", 0, "--dtype", "fp32", "--threads", 1, "-q", check=0)
    lines = [line for line in map(json.loads, (out / "train.jsonl").read_text().splitlines()) if "parts" in line]

    names = {"kl": "kl", "mse": "mse", "cosine": "cosine", "ce": "cross_entropy"}
    weights = {names[name]: float(value) for name, value in (item.split("=") for item in loss.split(","))}
    starts = torch.arange(WINDOWS) * CONTEXT
    batch = torch.stack([torch.as_tensor(ids[start:start + CONTEXT + 1], dtype=torch.long) for start in starts])
    frozen = harness.load_reference(teacher, "eager").float()
    model = harness.load_reference(student, "eager").float()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0)
    for line in lines:
        optimizer.zero_grad(set_to_none=True)
        parts = losses(frozen, model, batch, weights, temperature, top)
        sum(parts.values()).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        optimizer.step()
        assert line["parts"].keys() == parts.keys()
        for name, value in parts.items():
            assert line["parts"][name] == pytest.approx(value.item(), rel=2e-5), (line["step"], name)
        assert line["gradient_norm"] == pytest.approx(norm, rel=1e-3)
    assert len(lines) == STEPS
    trained = dict(harness.load_reference(out / "model", "eager").float().named_parameters())
    for name, value in model.named_parameters():
        assert (trained[name] - value).abs().max() <= 1e-4, name
    assert max((trained[name] - value).abs().max() for name, value in before.items()) > 3 * RATE


def test_held_out_figures_match_torch(tmp_path):
    teacher, student = folder_of(tmp_path / "teacher", 3), folder_of(tmp_path / "student", 4)
    ids = np.random.default_rng(6).integers(4, VOCABULARY, CONTEXT * 8)
    file = harness.write_ids(tmp_path / "ids.i32", ids)
    out = tmp_path / "out"
    run = harness.run("linscan-distill", teacher, student, "--out", out, "--data", file, "--held-out", file, "--ctx", CONTEXT, "--train", "all",
                      "--steps", 1, "--batch-tokens", CONTEXT, "--lr", 1e-9, "--dtype", "fp32", "--threads", 1, "--format", "json", "-q", check=0)
    before = json.loads(run.stdout)["before"]
    batch = torch.as_tensor(ids, dtype=torch.long).reshape(-1, CONTEXT)
    with torch.no_grad():
        target, logits = (harness.load_reference(folder, "eager").float()(batch[:, :-1]).logits for folder in (teacher, student))
    assert before["kl"] == pytest.approx(kl(target, logits).item(), rel=1e-5)
    assert before["cross_entropy"] == pytest.approx(F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()).item(), rel=1e-5)
    assert before["teacher_cross_entropy"] == pytest.approx(F.cross_entropy(target.flatten(0, 1), batch[:, 1:].flatten()).item(), rel=1e-5)
    assert before["top1"] == pytest.approx((target.argmax(-1) == logits.argmax(-1)).float().mean().item())
    assert before["tokens"] == 8 * (CONTEXT - 1) and before["unit"] == "window" and before["units"] == 8
    per_window = (F.softmax(target, -1) * (F.log_softmax(target, -1) - F.log_softmax(logits, -1))).sum(-1).mean(-1)
    assert before["kl_stderr"] == pytest.approx((per_window.std() / 8**0.5).item(), rel=1e-4)
