#!/usr/bin/env python3
"""Writes a checkpoint with random weights in the shape of a known model, for speed and memory measurements.

Tensors are made and written one after the other, so that a checkpoint of any size needs little memory.

    python3 scripts/make_random_model.py gpt2-small build/random-gpt2
    python3 scripts/make_random_model.py llama-7b build/random-7b --dtype bf16 --shard-size 5000000000 --blocks 4
"""
import argparse
import json
import math
import pathlib
import struct
import sys

import torch

GPT2 = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
        "vocab_size": 50257, "n_positions": 1024, "n_ctx": 1024, "bos_token_id": 50256, "eos_token_id": 50256}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "rms_norm_eps": 1e-5,
         "rope_theta": 10000.0, "vocab_size": 32000, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2}
SHAPES = {
    "gpt2-small": {**GPT2, "n_embd": 768, "n_layer": 12, "n_head": 12},
    "gpt2-medium": {**GPT2, "n_embd": 1024, "n_layer": 24, "n_head": 16},
    "gpt2-xl": {**GPT2, "n_embd": 1600, "n_layer": 48, "n_head": 25},
    "llama-1b": {**LLAMA, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32,
                 "num_key_value_heads": 4, "max_position_embeddings": 2048},
    "llama-7b": {**LLAMA, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
                 "num_key_value_heads": 32, "max_position_embeddings": 4096},
    "llama-8b": {**LLAMA, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
                 "num_key_value_heads": 8, "max_position_embeddings": 8192, "rope_theta": 500000.0, "vocab_size": 128256},
    "llama-70b": {**LLAMA, "hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64,
                  "num_key_value_heads": 8, "max_position_embeddings": 4096},
}
DTYPES = {"fp32": (torch.float32, "F32", 4), "bf16": (torch.bfloat16, "BF16", 2), "fp16": (torch.float16, "F16", 2)}
ROWS_AT_ONCE = 1 << 22  # values made at a time


def gpt2_tensors(c):
    """[(name, shape, standard deviation or None for a norm weight of one, 0 for a bias)]"""
    d, inner, deep = c["n_embd"], 4 * c["n_embd"], 0.02 / math.sqrt(2 * c["n_layer"])
    yield "transformer.wte.weight", (c["vocab_size"], d), 0.02
    yield "transformer.wpe.weight", (c["n_positions"], d), 0.01
    for i in range(c["n_layer"]):
        p = f"transformer.h.{i}."
        for norm in ("ln_1", "ln_2"):
            yield f"{p}{norm}.weight", (d,), None
            yield f"{p}{norm}.bias", (d,), 0
        for name, rows, columns, std in (("attn.c_attn", d, 3 * d, 0.02), ("attn.c_proj", d, d, deep),
                                         ("mlp.c_fc", d, inner, 0.02), ("mlp.c_proj", inner, d, deep)):
            yield f"{p}{name}.weight", (rows, columns), std
            yield f"{p}{name}.bias", (columns,), 0
    yield "transformer.ln_f.weight", (d,), None
    yield "transformer.ln_f.bias", (d,), 0


def llama_tensors(c):
    d, inner, deep = c["hidden_size"], c["intermediate_size"], 0.02 / math.sqrt(2 * c["num_hidden_layers"])
    kv = d // c["num_attention_heads"] * c["num_key_value_heads"]
    yield "model.embed_tokens.weight", (c["vocab_size"], d), 0.02
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        yield f"{p}input_layernorm.weight", (d,), None
        for name, rows, columns, std in (("self_attn.q_proj", d, d, 0.02), ("self_attn.k_proj", kv, d, 0.02),
                                         ("self_attn.v_proj", kv, d, 0.02), ("self_attn.o_proj", d, d, deep),
                                         ("mlp.gate_proj", inner, d, 0.02), ("mlp.up_proj", inner, d, 0.02),
                                         ("mlp.down_proj", d, inner, deep)):
            yield f"{p}{name}.weight", (rows, columns), std
        yield f"{p}post_attention_layernorm.weight", (d,), None
    yield "model.norm.weight", (d,), None
    if not c["tie_word_embeddings"]:
        yield "lm_head.weight", (c["vocab_size"], d), 0.02


TENSORS = {"gpt2": gpt2_tensors, "llama": llama_tensors}


def split_in_shards(tensors, width, shard_size):
    shards, size = [[]], 0
    for tensor in tensors:
        count = math.prod(tensor[1]) * width
        if shards[-1] and shard_size and size + count > shard_size:
            shards.append([])
            size = 0
        shards[-1].append(tensor)
        size += count
    return shards


def write_values(stream, shape, std, dtype, generator):
    left = math.prod(shape)
    while left > 0:
        count = min(left, ROWS_AT_ONCE)
        if std is None:
            values = torch.ones(count)
        elif std == 0:
            values = torch.zeros(count)
        else:
            values = torch.empty(count).normal_(0, std, generator=generator)
        stream.write(values.to(dtype).view(torch.uint8).numpy().data)
        left -= count


def write_shard(path, tensors, dtype, code, width, generator):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _ in tensors:
        end = offset + math.prod(shape) * width
        header[name] = {"dtype": code, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        for _, shape, std in tensors:
            write_values(stream, shape, std, dtype, generator)
    return offset


def write_model(shape, folder, dtype_name="fp32", blocks=None, shard_size=0, seed=0):
    """Writes config.json and weights; returns the number of weight bytes."""
    config = dict(SHAPES[shape])
    if blocks:
        config["n_layer" if config["model_type"] == "gpt2" else "num_hidden_layers"] = blocks
    dtype, code, width = DTYPES[dtype_name]
    config["torch_dtype"] = str(dtype).removeprefix("torch.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    generator = torch.Generator().manual_seed(seed)
    shards = split_in_shards(list(TENSORS[config["model_type"]](config)), width, shard_size)
    if len(shards) == 1:
        return write_shard(folder / "model.safetensors", shards[0], dtype, code, width, generator)
    total, weight_map = 0, {}
    for number, tensors in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        total += write_shard(folder / name, tensors, dtype, code, width, generator)
        weight_map.update({tensor[0]: name for tensor in tensors})
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--dtype", choices=DTYPES, default="fp32")
    parser.add_argument("--blocks", type=int, help="another number of blocks than the shape has")
    parser.add_argument("--shard-size", type=int, default=0, help="bytes; 0: one file")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    size = write_model(args.shape, args.folder, args.dtype, args.blocks, args.shard_size, args.seed)
    print(f"{args.folder}: {size} bytes of weights", file=sys.stderr)


if __name__ == "__main__":
    main()
