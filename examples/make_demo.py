#!/usr/bin/env python3
"""Makes everything in this folder that is not source: tokenizer, demo model, calibration corpus.

Text comes from make_corpus.py; the model is a LlamaForCausalLM of about 1.2 million parameters. Everything is
seeded: the same versions of torch and the same number of threads give the same files.

    python3 examples/make_demo.py            about 12 minutes on one core
"""
import argparse
import json
import math
import pathlib
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

import make_corpus

HERE = pathlib.Path(__file__).resolve().parent
END = "<|endoftext|>"
SEED = 1
VOCABULARY = 1024
CONTEXT = 512
TRAIN_STORIES = 24_000
HELD_OUT_STORIES = 800


def train_tokenizer(texts):
    """Byte-level BPE; every text gets one leading <|endoftext|>."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", pair=f"{END} $A {END} $B", special_tokens=[(END, 0)])
    return tokenizer


def encode(tokenizer, texts):
    """All texts in one row of ids, each behind its <|endoftext|>."""
    return torch.tensor([i for e in tokenizer.encode_batch(texts) for i in e.ids])


def make_model():
    torch.manual_seed(SEED)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=128, intermediate_size=320, num_hidden_layers=6,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=CONTEXT, rms_norm_eps=1e-5,
        tie_word_embeddings=True, bos_token_id=0, eos_token_id=0, initializer_range=0.04))


def train(model, ids, steps, batch, peak, log_every=100):
    """AdamW with warm-up and cosine decay on random windows of CONTEXT tokens."""
    decayed = [p for p in model.parameters() if p.dim() == 2]
    rest = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
                                  lr=peak, betas=(0.9, 0.95), fused=True)
    generator = torch.Generator().manual_seed(SEED)
    offsets = torch.arange(CONTEXT + 1)
    model.train()
    start, running = time.time(), None
    for step in range(steps):
        rate = peak * (step + 1) / 100 if step < 100 else peak * (
            0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - 100) / (steps - 100))))
        for group in optimizer.param_groups:
            group["lr"] = rate
        first = torch.randint(len(ids) - CONTEXT - 1, (batch, 1), generator=generator)
        window = ids[first + offsets]                                            # (batch, CONTEXT + 1)
        logits = model(input_ids=window[:, :-1], use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        if (step + 1) % log_every == 0:
            print(f"step {step + 1} loss {running:.4f} lr {rate:.2e} seconds {time.time() - start:.0f}", flush=True)


@torch.no_grad()
def perplexity(model, tokenizer, texts):
    """Every story by itself, cut at CONTEXT tokens; (per token, per word, tokens)."""
    model.eval()
    nats, tokens, words = 0.0, 0, 0
    for encoding in tokenizer.encode_batch(texts):
        ids = torch.tensor(encoding.ids[:CONTEXT])
        logits = model(input_ids=ids[None, :-1], use_cache=False).logits[0].float()
        nats += torch.nn.functional.cross_entropy(logits, ids[1:], reduction="sum").item()
        tokens += len(ids) - 1
        words += len(tokenizer.decode(ids.tolist()).split())
    return math.exp(nats / tokens), math.exp(nats / words), tokens


@torch.no_grad()
def sample(model, tokenizer, prompt, temperature=0.7, tokens=180):
    generator = torch.Generator().manual_seed(SEED)
    ids = tokenizer.encode(prompt).ids
    for _ in range(tokens):
        logits = model(input_ids=torch.tensor([ids[-CONTEXT:]]), use_cache=False).logits[0, -1].float()
        ids.append(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator).item())
        if ids[-1] == 0:
            break
    return tokenizer.decode(ids)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def save(model, tokenizer, folder):
    """A HuggingFace folder in the transformers 4.x spelling, which old and new readers both know."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    config = model.config
    write_json(folder / "config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size, "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_hidden_layers, "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads, "hidden_act": "silu",
        "max_position_embeddings": CONTEXT, "rms_norm_eps": config.rms_norm_eps, "rope_theta": 10000.0,
        "rope_scaling": None, "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0,
        "initializer_range": config.initializer_range, "tie_word_embeddings": True, "use_cache": True,
        "bos_token_id": 0, "eos_token_id": 0, "torch_dtype": "bfloat16"})
    write_json(folder / "generation_config.json", {
        "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "do_sample": True, "temperature": 0.7, "max_length": CONTEXT})
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END, "pad_token": END,
        "model_max_length": CONTEXT, "clean_up_tokenization_spaces": False, "add_bos_token": True})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=1, help="the result depends on it in its last digits")
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="default: this folder")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    texts = [make_corpus.story(SEED, "train", i) for i in range(TRAIN_STORIES)]
    held_out = [make_corpus.story(SEED, "held-out", i) for i in range(HELD_OUT_STORIES)]
    tokenizer = train_tokenizer(texts[:4000])
    ids = encode(tokenizer, texts)
    print(f"{sum(map(len, texts))} characters, {len(ids)} tokens for training", flush=True)

    model = make_model()
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    train(model, ids, args.steps, args.batch, args.lr)
    model = model.to(torch.bfloat16)
    save(model, tokenizer, args.out / "demo-model")

    (args.out / "corpus").mkdir(exist_ok=True)
    make_corpus.write_gzip(args.out / "corpus" / "demo-stories.jsonl.gz", held_out)
    per_token, per_word, tokens = perplexity(model.float(), tokenizer, held_out)
    print(f"held-out perplexity {per_token:.3f} per token, {per_word:.3f} per word, {tokens} tokens")
    for prompt in ["Once upon a time", "One evening, Anna put her red ball in the box", "Tom had seven apples in a basket."]:
        print(f"--- {prompt}\n{sample(model, tokenizer, prompt)}")


if __name__ == "__main__":
    main()
