"""Training steps of every family against transformers + torch: same weights, same batches, same optimiser.

transformers computes the forward pass and autograd its gradients, torch.optim.AdamW the steps; ours are `train_steps`,
the objective and the optimiser of `linscan pretrain-reg`.
"""
import json
import subprocess

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import harness
from cases import VOCABULARY
from test_families import CASES, FIRST_OF_ARCHITECTURE, by_id

CONTEXT, BATCH, STEPS, RATE = 24, 3, 10, 1e-3


def train_steps(*arguments):
    program = harness.BIN.parent / "tests" / "train_steps"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    result = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    return [line for line in map(json.loads, result.stdout.splitlines()) if "step" in line]


def regularizer(states, kind, weight):
    """The paper's formulas (section 4), summed over neighbours, mean over tokens."""
    total = 0.0
    for before, after in zip(states, states[1:]):
        if kind == "cosine":
            total = total + (1 - torch.nn.functional.cosine_similarity(after, before, dim=-1)).mean()
        else:
            total = total + (after - before).pow(2).sum(-1).mean()
    return weight * total


def stream_states(model, ids):
    """Logits and the residual stream: hidden_states[:-1], and the last block's output before the final norm."""
    last = {}
    blocks, _ = harness.decoder_parts(model)
    hook = blocks[-1].register_forward_hook(lambda _, __, output: last.update(x=harness.first_tensor(output)))
    output = model(input_ids=ids, output_hidden_states=True, use_cache=False)
    hook.remove()
    return output.logits, [*output.hidden_states[:-1], last["x"]]


def reference(folder, ids, kind="none", weight=0.5, steps=STEPS, accumulation=1, readable_config=None):
    """(lines like those of train_steps, state_dict after the last step)."""
    model = harness.load_reference(folder, "eager", readable_config).float()  # in eval mode: no dropout
    decayed = [p for n, p in model.named_parameters() if p.dim() >= 2 and "norm" not in n]
    rest = [p for n, p in model.named_parameters() if not (p.dim() >= 2 and "norm" not in n)]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
                                  lr=RATE, betas=(0.9, 0.95), eps=1e-8, fused=True)
    lines = []
    windows = torch.as_tensor(ids, dtype=torch.long).reshape(-1, CONTEXT + 1)
    for step in range(steps):
        optimizer.zero_grad(set_to_none=True)
        line = {"cross_entropy": 0.0, "regularizer": 0.0}
        for micro in range(accumulation):
            first = (step * accumulation + micro) * BATCH
            batch = windows[first:first + BATCH]
            if kind == "none":
                logits, extra = model(input_ids=batch[:, :-1], use_cache=False).logits, None
            else:
                logits, states = stream_states(model, batch[:, :-1])
                extra = regularizer(states, kind, weight) / accumulation
            loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten()) / accumulation
            line["cross_entropy"] += loss.item()
            if extra is not None:
                line["regularizer"] += extra.item()
                loss = loss + extra
            loss.backward()
        line["gradient_norm"] = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        optimizer.step()
        lines.append(line)
    return lines, {name: p.detach() for name, p in model.named_parameters()}


def make_model(case, tmp_path, steps=STEPS, accumulation=1):
    folder = harness.write_folder(tmp_path / "model", case.config, seed=3, rename=case.rename,
                                  extra=case.extra() if case.extra else None, readable_config=case.reference)
    # Not the low ids: some of them are padding, whose embedding torch leaves without a gradient.
    ids = np.random.default_rng(5).integers(4, VOCABULARY, (CONTEXT + 1) * BATCH * steps * accumulation)
    return folder, ids, harness.write_ids(tmp_path / "ids.i32", ids)


def options(**more):
    values = {"ctx": CONTEXT, "batch": BATCH, "steps": STEPS, "lr": RATE, **more}
    return [f"{key}={value}" for key, value in values.items()]


def compare(ours, theirs, out, expected, before, readable_config=None):
    for step, (a, b) in enumerate(zip(ours, theirs)):
        for key in ("cross_entropy", "gradient_norm"):
            assert a[key] == pytest.approx(b[key], rel=1e-5 if key == "cross_entropy" else 1e-3), f"step {step}: {key}"
        if b["regularizer"]:
            assert a["regularizer"] == pytest.approx(b["regularizer"], rel=1e-4), f"step {step}"
    trained = dict(harness.load_reference(out, "eager", readable_config).float().named_parameters())
    assert trained.keys() == expected.keys()
    moved = 0.0
    for name, value in expected.items():
        difference = (trained[name] - value).abs()
        if is_key_bias(name):
            assert difference.max() <= STEPS * RATE, name
        else:
            assert difference.max() <= 1e-4, f"{name}: {difference.max():.2e}"
        moved = max(moved, (value - before[name]).abs().max().item())
    assert moved > 3 * RATE  # the steps were taken


def is_key_bias(name):
    """A bias of the keys shifts all scores of a query alike: its gradient is zero but for rounding, and AdamW makes full
    steps of that rounding."""
    return name.endswith(("k_proj.bias", "query_key_value.bias", "c_attn.bias"))


def start(folder, readable_config=None):
    return {n: p.detach().clone() for n, p in harness.load_reference(folder, "eager", readable_config).float().named_parameters()}


@pytest.mark.parametrize("case", FIRST_OF_ARCHITECTURE, ids=by_id)
def test_ten_steps_match_torch(case, tmp_path):
    folder, ids, ids_file = make_model(case, tmp_path)
    ours = train_steps(folder, ids_file, tmp_path / "out", *options())
    theirs, expected = reference(folder, ids, readable_config=case.reference)
    compare(ours, theirs, tmp_path / "out", expected, start(folder, case.reference), case.reference)


LLAMA = next(case for case in FIRST_OF_ARCHITECTURE if case.base["architectures"][0] == "LlamaForCausalLM")


@pytest.mark.parametrize("checkpointing", [0, 1])
@pytest.mark.parametrize("kind", ["cosine", "mse"])
def test_the_regularizer_matches_torch(kind, checkpointing, tmp_path):
    folder, ids, ids_file = make_model(LLAMA, tmp_path)
    ours = train_steps(folder, ids_file, tmp_path / "out", *options(reg=kind, checkpointing=checkpointing, **{"lambda": 0.05}))
    theirs, expected = reference(folder, ids, kind, 0.05)
    compare(ours, theirs, tmp_path / "out", expected, start(folder))


def test_accumulation_and_checkpointing_change_nothing(tmp_path):
    folder, ids, ids_file = make_model(LLAMA, tmp_path, accumulation=2)
    ours = train_steps(folder, ids_file, tmp_path / "out", *options(accumulation=2, checkpointing=1))
    theirs, expected = reference(folder, ids, accumulation=2)
    compare(ours, theirs, tmp_path / "out", expected, start(folder))


def test_bf16_keeps_fp32_masters(tmp_path):
    folder, ids, ids_file = make_model(LLAMA, tmp_path)
    ours = train_steps(folder, ids_file, tmp_path / "out", *options(dtype="bf16"))
    theirs, _ = reference(folder, ids)
    for a, b in zip(ours, theirs):
        assert a["cross_entropy"] == pytest.approx(b["cross_entropy"], rel=2e-2)
    stored = harness.load_file(tmp_path / "out" / "model.safetensors")
    assert all(value.dtype == np.float32 for value in stored.values())
