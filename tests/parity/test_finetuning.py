"""Steps of classification and reward modelling against transformers + torch.

Every step sees all examples, so that their order does not matter; the head starts from the same numbers.
"""
import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

import harness

MODEL = harness.ROOT / "examples" / "demo-model"
STEPS, RATE = 5, 1e-3
TEXTS = ["Once upon a time there was a cat.", "The dog ran away, and nobody saw it again.", "Lily was sad.",
         "They all laughed and went home to eat cake.", "Tom lost his red ball in the park.", "The sun was warm."]
LABELS = ["glad", "sad", "sad", "glad", "sad", "calm"]


def split_mix(state):
    """The first number of SplitMix64."""
    mask = 2**64 - 1
    z = (state + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def first_head(seed, classes, hidden):
    generator = torch.Generator().manual_seed(split_mix(seed))
    return torch.normal(0.0, 0.02, (classes, hidden), generator=generator)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demo model in fp32: the trained weights are then compared without rounding."""
    folder = tmp_path_factory.mktemp("finetuning") / "model"
    AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(MODEL / name, folder / name)
    return folder


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def train(folder, out, task, rows, batch):
    data = write_lines(out.parent / f"{out.name}.jsonl", rows)
    harness.run("linscan-finetune", folder, "--task", f"{task}={data}", "--validation", data, "--seeds", 1, "--seed", 3,
                "--batch", batch, "--epochs", STEPS, "--lr", RATE, "--schedule", "constant", "--warmup-share", 0,
                "--weight-decay", 0.1, "--dtype", "fp32", "--threads", 1, "--ctx", 64, "--tokens", 1000, "--out", out, "-q",
                check=0)
    lines = [json.loads(line) for line in (out / "seed-3" / "train.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss" in line]


def reference(folder, texts, classes, loss_of):
    """(losses, gradient norms, trained parameters) of torch."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer(text)["input_ids"] for text in texts]
    pad = max(max(row) for row in ids) + 1
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=classes, dtype=torch.float32,
                                                               attn_implementation="eager", pad_token_id=pad).eval()
    with torch.no_grad():
        model.score.weight.copy_(first_head(3, classes, model.config.hidden_size))
    longest = max(map(len, ids))
    batch = torch.tensor([row + [pad] * (longest - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
    named = list(model.named_parameters())
    optimizer = torch.optim.AdamW([{"params": [p for n, p in named if p.dim() > 1], "weight_decay": 0.1},
                                   {"params": [p for n, p in named if p.dim() == 1], "weight_decay": 0.0}],
                                  lr=RATE, betas=(0.9, 0.999), eps=1e-8)
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model(input_ids=batch, attention_mask=mask).logits)
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step()
    return losses, norms, model, (batch, mask, pad)


def compare(folder, lines, losses, norms, out, model, inputs):
    assert [line["loss"] for line in lines] == pytest.approx(losses, rel=1e-5)
    assert [line["gradient_norm"] for line in lines] == pytest.approx(norms, rel=1e-3)
    trained = AutoModelForSequenceClassification.from_pretrained(out / "seed-3" / "model", dtype=torch.float32,
                                                                 attn_implementation="eager", pad_token_id=inputs[2]).eval()
    expected = dict(model.named_parameters())
    before = dict(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).named_parameters())
    moved = 0.0
    for name, value in trained.named_parameters():
        assert (value - expected[name]).abs().max() <= 1e-4, name
        if name in before:
            moved = max(moved, (value - before[name]).abs().max().item())
    assert moved > 3 * RATE and losses[-1] < 0.9 * losses[0]  # the steps were taken
    with torch.no_grad():
        ours = trained(input_ids=inputs[0], attention_mask=inputs[1]).logits
        theirs = model(input_ids=inputs[0], attention_mask=inputs[1]).logits
    assert (ours - theirs).abs().max() < 1e-3
    return trained


def test_classification_matches_torch(folder, tmp_path):
    classes = sorted(set(LABELS))
    labels = torch.tensor([classes.index(label) for label in LABELS])
    losses, norms, model, inputs = reference(folder, TEXTS, len(classes),
                                             lambda scores: torch.nn.functional.cross_entropy(scores, labels))
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS)]
    lines = train(folder, tmp_path / "run", "text", rows, len(TEXTS))
    trained = compare(folder, lines, losses, norms, tmp_path / "run", model, inputs)
    assert trained.config.id2label == dict(enumerate(classes))
    # The language model is there as well, and so is what linscan reads.
    AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "seed-3" / "model")
    harness.run("linscan-info", tmp_path / "run" / "seed-3" / "model", check=0)


def test_reward_model_matches_torch(folder, tmp_path):
    def loss(scores):
        pairs = scores.reshape(-1, 2)
        return -torch.nn.functional.logsigmoid(pairs[:, 0] - pairs[:, 1]).mean()

    losses, norms, model, inputs = reference(folder, TEXTS, 1, loss)
    rows = [{"chosen": a, "rejected": b} for a, b in zip(TEXTS[::2], TEXTS[1::2])]
    lines = train(folder, tmp_path / "run", "reward", rows, len(rows))
    trained = compare(folder, lines, losses, norms, tmp_path / "run", model, inputs)
    assert trained.config.num_labels == 1
