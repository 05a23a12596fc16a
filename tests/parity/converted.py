"""Trained checkpoints in other forms, as HuggingFace folders: llama2.c exports and minGPT files, through transformers.

Formats: karpathy/llama2.c export.py (version 0) and karpathy/minGPT model.py.
"""
import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM


def halves(weight, heads):
    """Rows of a query or key matrix whose rotary pairs are neighbours, to HF's order: first all first features, then all second."""
    rows, width = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, width).transpose(1, 2).reshape(rows, width)


def llama2c(path, folder):
    """Writes the legacy fp32 export `path` as a Llama folder."""
    data = path.read_bytes()
    dim, ffn, layers, heads, kv_heads, vocab, ctx = np.frombuffer(data, "<i4", 7)
    assert vocab > 0, "an export with an untied head"
    values = torch.from_numpy(np.frombuffer(data, "<f4", offset=28).copy())
    taken = 0

    def take(*shape):
        nonlocal taken
        size = int(np.prod(shape))
        part = values[taken:taken + size].reshape(*map(int, shape))
        taken += size
        return part

    head = dim // heads
    parts = {
        "embedding": take(vocab, dim), "attention_norm": take(layers, dim), "q": take(layers, dim, dim),
        "k": take(layers, kv_heads * head, dim), "v": take(layers, kv_heads * head, dim), "o": take(layers, dim, dim),
        "ffn_norm": take(layers, dim), "gate": take(layers, ffn, dim), "down": take(layers, dim, ffn), "up": take(layers, ffn, dim),
        "norm": take(dim)}
    assert taken + ctx * head == len(values)  # two unused rotary tables of ctx x head / 2
    state = {"model.embed_tokens.weight": parts["embedding"], "model.norm.weight": parts["norm"],
             "lm_head.weight": parts["embedding"]}
    names = {"attention_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "q": "self_attn.q_proj",
             "k": "self_attn.k_proj", "v": "self_attn.v_proj", "o": "self_attn.o_proj", "gate": "mlp.gate_proj",
             "up": "mlp.up_proj", "down": "mlp.down_proj"}
    for i in range(layers):
        for part, name in names.items():
            weight = parts[part][i]
            if part in "qk":
                weight = halves(weight, int(heads if part == "q" else kv_heads))
            state[f"model.layers.{i}.{name}.weight"] = weight
    config = LlamaConfig(
        hidden_size=int(dim), intermediate_size=int(ffn), num_hidden_layers=int(layers), num_attention_heads=int(heads),
        num_key_value_heads=int(kv_heads), vocab_size=int(vocab), max_position_embeddings=int(ctx), rms_norm_eps=1e-5,
        tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)
    return save(LlamaForCausalLM(config), state, folder)


def mingpt(path, folder):
    """Writes a minGPT state dict as a GPT-2 folder; its linear layers are stored (out, in), GPT-2 wants (in, out)."""
    stored = torch.load(path, map_location="cpu", weights_only=True)
    state = {}
    for name, value in stored.items():
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            continue  # the causal mask
        linear = name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))
        state[name] = value.t().contiguous() if linear else value
    vocab, width = state["transformer.wte.weight"].shape
    blocks = 1 + max(int(name.split(".")[2]) for name in state if name.startswith("transformer.h."))
    config = GPT2Config(
        vocab_size=vocab, n_embd=width, n_layer=blocks, n_head=3, n_positions=len(state["transformer.wpe.weight"]),
        activation_function="gelu_new", tie_word_embeddings=False, bos_token_id=0, eos_token_id=0)
    return save(GPT2LMHeadModel(config), state, folder)


def save(model, state, folder):
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and not [name for name in missing if not name.endswith((".attn.bias", ".masked_bias"))], (missing, unexpected)
    model.save_pretrained(folder)
    return folder
