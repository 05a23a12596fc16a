"""Cases of the GPT lineage: GPT-2, GPT-J, GPT-Neo, GPT-NeoX, OPT, BLOOM, Falcon, MPT."""
import torch

from cases import COMMON, VOCABULARY, Case, new_spelling, other_head, without

GPT2 = {
    "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": VOCABULARY, "n_embd": 48, "n_layer": 3,
    "n_head": 4, "n_positions": 64, "n_ctx": 64, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
    "bos_token_id": 0, "eos_token_id": 0,
}
OPT = {
    "architectures": ["OPTForCausalLM"], "model_type": "opt", "vocab_size": VOCABULARY, "hidden_size": 48, "ffn_dim": 80,
    "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 64, "word_embed_proj_dim": 48,
    "activation_function": "relu", "do_layer_norm_before": True, "enable_bias": True,
    "layer_norm_elementwise_affine": True, "torch_dtype": "float32", "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1,
}
NEOX = {
    "architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "vocab_size": VOCABULARY, "hidden_size": 48,
    "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 64,
    "hidden_act": "gelu", "layer_norm_eps": 1e-5, "rotary_pct": 0.25, "rotary_emb_base": 10000,
    "use_parallel_residual": True, "tie_word_embeddings": False, "torch_dtype": "float32", "bos_token_id": 0, "eos_token_id": 0,
}
GPTJ = {
    **COMMON, "architectures": ["GPTJForCausalLM"], "model_type": "gptj", "n_embd": 48, "n_layer": 3, "n_head": 4,
    "n_positions": 64, "rotary_dim": 8, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
}
GPT_NEO = {
    **COMMON, "architectures": ["GPTNeoForCausalLM"], "model_type": "gpt_neo", "hidden_size": 48, "num_layers": 4,
    "num_heads": 4, "max_position_embeddings": 64, "attention_types": [[["global", "local"], 2]], "window_size": 9,
    "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5,
}
BLOOM = {
    **COMMON, "architectures": ["BloomForCausalLM"], "model_type": "bloom", "hidden_size": 48, "n_layer": 3, "n_head": 4,
    "layer_norm_epsilon": 1e-5, "apply_residual_connection_post_layernorm": False,
}
FALCON = {
    **COMMON, "architectures": ["FalconForCausalLM"], "model_type": "falcon", "hidden_size": 48, "num_hidden_layers": 3,
    "num_attention_heads": 4, "layer_norm_epsilon": 1e-5, "multi_query": True, "parallel_attn": True, "bias": False,
    "alibi": False, "new_decoder_architecture": False, "rope_theta": 10000.0,
}
FALCON_RW = {**FALCON, "alibi": True, "multi_query": False, "parallel_attn": False, "bias": True}
MPT = {
    **COMMON, "architectures": ["MPTForCausalLM"], "model_type": "mpt", "d_model": 48, "n_heads": 4, "n_layers": 3,
    "max_seq_len": 64, "no_bias": True, "attn_config": {"alibi": True, "attn_impl": "torch"},
}


def gpt2_buffers(prefix="transformer."):
    """What old GPT-2 files carry: the causal mask and the value for masked places."""
    def make():
        mask = torch.ones(64, 64, dtype=torch.uint8).tril()[None, None]
        return {f"{prefix}h.{i}.attn.{name}": value.clone() for i in range(3)
                for name, value in (("bias", mask), ("masked_bias", torch.tensor(-1e4)))}
    return make


def neox_buffers():
    mask = torch.ones(64, 64, dtype=torch.bool).tril()[None, None]
    return {f"gpt_neox.layers.{i}.attention.{name}": value.clone() for i in range(3)
            for name, value in (("bias", mask), ("masked_bias", torch.tensor(-1e9)), ("rotary_emb.inv_freq", torch.ones(2)))}


def gptj_buffers():
    return gpt2_buffers()()


def gpt_neo_buffers():
    mask = torch.ones(64, 64, dtype=torch.uint8).tril()[None, None]
    return {f"transformer.h.{i}.attn.attention.{name}": value.clone() for i in range(4)
            for name, value in (("bias", mask), ("masked_bias", torch.tensor(-1e9)))}


CASES = [
    Case("gpt2", GPT2),
    Case("gpt2-n-inner", GPT2, {"n_inner": 72}),
    Case("gpt2-without-prefix", GPT2, rename=without("transformer.")),
    Case("gpt2-legacy-buffers", GPT2, extra=gpt2_buffers()),
    Case("gpt2-legacy-buffers-without-prefix", GPT2, rename=without("transformer."), extra=gpt2_buffers("")),
    Case("gpt2-inverse-layer-scale", GPT2, {"scale_attn_by_inverse_layer_idx": True}),
    Case("gpt2-unscaled", GPT2, {"scale_attn_weights": False}),
    Case("gpt2-unscaled-inverse-layer", GPT2, {"scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True}),
    Case("gpt2-untied", GPT2, {"tie_word_embeddings": False}, numeric=False),
    Case("gpt2-tied-with-two-matrices", GPT2, extra=lambda: other_head("lm_head.weight")),
    Case("gpt2-relu", GPT2, {"activation_function": "relu"}),
    Case("gpt2-gelu", GPT2, {"activation_function": "gelu"}),
    Case("gpt2-eps", GPT2, {"layer_norm_epsilon": 0.03}),
    Case("gpt2-stored-fp16", GPT2, storage=torch.float16),
    Case("gpt2-sharded", GPT2, shards=2),

    Case("opt", OPT),
    Case("opt-post-norm", OPT, {"do_layer_norm_before": False}),
    Case("opt-projected", OPT, {"word_embed_proj_dim": 24}),
    Case("opt-post-norm-projected", OPT, {"do_layer_norm_before": False, "word_embed_proj_dim": 24}),
    Case("opt-no-bias", OPT, {"enable_bias": False}),
    Case("opt-plain-norm", OPT, {"layer_norm_elementwise_affine": False}),
    Case("opt-remove-final-norm", OPT, {"_remove_final_layer_norm": True}),
    Case("opt-decoder-prefix", OPT, rename=without("model.")),
    Case("opt-gelu", OPT, {"activation_function": "gelu"}),
    Case("opt-untied", OPT, {"tie_word_embeddings": False}, numeric=False),

    Case("neox", NEOX),
    Case("neox-serial", NEOX, {"use_parallel_residual": False}),
    Case("neox-full-rotary", NEOX, {"rotary_pct": 1.0}),
    Case("neox-base", NEOX, {"rotary_emb_base": 500, "rotary_pct": 0.5}),
    Case("neox-no-attention-bias", NEOX, {"attention_bias": False}),
    Case("neox-tied", NEOX, {"tie_word_embeddings": True}, numeric=False),
    Case("neox-legacy-buffers", NEOX, extra=neox_buffers),
    Case("neox-rope-linear", NEOX, {"rope_scaling": {"type": "linear", "factor": 2.0}}),
    Case("neox-gelu-new", NEOX, {"hidden_act": "gelu_new"}),
    Case("neox-new-spelling", new_spelling(
        NEOX, {"rope_type": "default", "rope_theta": 3000.0, "partial_rotary_factor": 0.5})),
    Case("neox-sharded-fp16", NEOX, storage=torch.float16, shards=2),

    Case("gptj", GPTJ),
    Case("gptj-n-inner", GPTJ, {"n_inner": 72}),
    Case("gptj-whole-head", GPTJ, {"rotary_dim": 12}),
    Case("gptj-without-prefix", GPTJ, rename=without("transformer.")),
    Case("gptj-legacy-buffers", GPTJ, extra=gptj_buffers),

    Case("gpt-neo", GPT_NEO),
    Case("gpt-neo-types", GPT_NEO, {"attention_types": [[["local"], 1], [["global", "local", "local"], 1]]}),
    Case("gpt-neo-layers", GPT_NEO, {"attention_layers": ["local", "global", "global", "local"]}),
    Case("gpt-neo-intermediate", GPT_NEO, {"intermediate_size": 72}),
    Case("gpt-neo-window", GPT_NEO, {"window_size": 2}),
    Case("gpt-neo-without-prefix", GPT_NEO, rename=without("transformer.")),
    Case("gpt-neo-legacy-buffers", GPT_NEO, extra=gpt_neo_buffers),

    Case("bloom", BLOOM),
    Case("bloom-six-heads", BLOOM, {"n_head": 6}),
    Case("bloom-n-embed", BLOOM, {"n_embed": 48, "hidden_size": 64}, numeric=False),
    Case("bloom-without-prefix", BLOOM, rename=without("transformer.")),
    Case("bloom-long", BLOOM, ctx=300, tokens=420),
    Case("bloom-untied", BLOOM, {"tie_word_embeddings": False}, numeric=False),

    Case("falcon-7b", FALCON),
    Case("falcon-rw", FALCON_RW, attention="sdpa"),
    Case("falcon-rw-rounded", FALCON_RW, {"num_attention_heads": 12, "hidden_size": 48}, ctx=300, tokens=420, attention="sdpa"),
    Case("falcon-40b", FALCON, {"new_decoder_architecture": True, "num_kv_heads": 2}),
    Case("falcon-11b", FALCON, {"new_decoder_architecture": True, "num_kv_heads": 2, "num_ln_in_parallel_attn": 1}),
    Case("falcon-serial", FALCON, {"parallel_attn": False}),
    Case("falcon-multi-head", FALCON, {"multi_query": False}),
    Case("falcon-bias", FALCON, {"bias": True}),
    Case("falcon-ffn-size", FALCON, {"ffn_hidden_size": 72}),
    Case("falcon-relu", FALCON, {"activation": "relu"}),
    Case("falcon-theta", FALCON, {"rope_theta": 500.0}),
    Case("falcon-alibi-multi-query", FALCON, {"alibi": True}, attention="sdpa"),
    Case("falcon-untied", FALCON, {"tie_word_embeddings": False}, numeric=False),

    Case("mpt", MPT),
    Case("mpt-six-heads", MPT, {"n_heads": 6}),
    Case("mpt-clip", MPT, {"attn_config": {"clip_qkv": 0.7}}),
    Case("mpt-scale", MPT, {"attn_config": {"softmax_scale": 0.9}}),
    Case("mpt-ignored-keys", MPT, {"expansion_ratio": 8, "learned_pos_emb": False, "logit_scale": 0.5,
                                   "attn_config": {"alibi": False, "alibi_bias_max": 4, "qk_ln": True}}, numeric=False),
    Case("mpt-long", MPT, {"max_seq_len": 512}, numeric=False, ctx=300, tokens=420),
]
