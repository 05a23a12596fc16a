"""Cases of Llama and its descendants."""
import torch

from cases import COMMON, VOCABULARY, Case, new_spelling, other_head, without

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": 48,
    "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "hidden_act": "silu", "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "rope_scaling": None, "attention_bias": False, "tie_word_embeddings": False, "torch_dtype": "float32",
    "bos_token_id": 0, "eos_token_id": 0,
}
MISTRAL = {
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "vocab_size": VOCABULARY, "hidden_size": 48,
    "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "hidden_act": "silu", "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "sliding_window": 9, "tie_word_embeddings": False, "torch_dtype": "float32", "bos_token_id": 0, "eos_token_id": 0,
}
LLAMA3_SCALING = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                  "original_max_position_embeddings": 32}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}


def llama_like(architecture, model_type, **keys):
    return {**COMMON, "architectures": [architecture], "model_type": model_type, "hidden_size": 48, "intermediate_size": 80,
            "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 64,
            "rope_theta": 10000.0, "tie_word_embeddings": False, **keys}


PHI = llama_like("PhiForCausalLM", "phi", hidden_act="gelu_new", layer_norm_eps=1e-5, partial_rotary_factor=0.34,
                 qk_layernorm=False)
PHI3 = llama_like("Phi3ForCausalLM", "phi3", hidden_act="silu", rms_norm_eps=1e-5, max_position_embeddings=4096,
                  original_max_position_embeddings=4096)
LONGROPE = {"type": "longrope", "short_factor": [1.0, 1.05, 1.1, 1.2, 1.3, 1.5], "long_factor": [1.0, 1.5, 2.0, 3.0, 5.0, 8.0]}
PHI3_LONG = {"rope_scaling": LONGROPE, "max_position_embeddings": 128, "original_max_position_embeddings": 32}
QWEN2 = llama_like("Qwen2ForCausalLM", "qwen2", num_key_value_heads=2, hidden_act="silu", rms_norm_eps=1e-6,
                   use_sliding_window=False, sliding_window=9, max_window_layers=1)
QWEN3 = llama_like("Qwen3ForCausalLM", "qwen3", num_key_value_heads=2, hidden_act="silu", rms_norm_eps=1e-6, head_dim=16,
                   attention_bias=False, use_sliding_window=False, sliding_window=9, max_window_layers=1)
GEMMA = llama_like("GemmaForCausalLM", "gemma", num_key_value_heads=2, hidden_act="gelu_pytorch_tanh", rms_norm_eps=1e-6,
                   head_dim=16, tie_word_embeddings=True)
GEMMA2 = llama_like("Gemma2ForCausalLM", "gemma2", num_hidden_layers=4, num_key_value_heads=2, hidden_activation="gelu_pytorch_tanh",
                    rms_norm_eps=1e-6, head_dim=16, query_pre_attn_scalar=16, sliding_window=9, attn_logit_softcapping=5.0,
                    final_logit_softcapping=30.0, tie_word_embeddings=True)
GEMMA3 = llama_like("Gemma3ForCausalLM", "gemma3_text", num_hidden_layers=7, num_key_value_heads=2,
                    hidden_activation="gelu_pytorch_tanh", rms_norm_eps=1e-6, head_dim=16, query_pre_attn_scalar=16, sliding_window=9,
                    rope_theta=1000000.0, rope_local_base_freq=500.0, tie_word_embeddings=True)
STABLELM = llama_like("StableLmForCausalLM", "stablelm", num_key_value_heads=2, hidden_act="silu", layer_norm_eps=1e-5,
                      partial_rotary_factor=0.34, use_qkv_bias=False, qk_layernorm=False, use_parallel_residual=False)
STARCODER2 = llama_like("Starcoder2ForCausalLM", "starcoder2", num_key_value_heads=2, hidden_act="gelu_pytorch_tanh",
                        norm_epsilon=1e-5, use_bias=True, sliding_window=None, tie_word_embeddings=True)
COHERE = llama_like("CohereForCausalLM", "cohere", num_key_value_heads=2, hidden_act="silu", layer_norm_eps=1e-5,
                    logit_scale=0.25, use_qk_norm=False, tie_word_embeddings=True)
COHERE2 = llama_like("Cohere2ForCausalLM", "cohere2", num_hidden_layers=5, num_key_value_heads=2, hidden_act="silu",
                     layer_norm_eps=1e-5, logit_scale=0.25, sliding_window=9, tie_word_embeddings=True)
OLMO = llama_like("OlmoForCausalLM", "olmo", hidden_act="silu", clip_qkv=None)
OLMO2 = llama_like("Olmo2ForCausalLM", "olmo2", hidden_act="silu", rms_norm_eps=1e-6)
GLM = llama_like("GlmForCausalLM", "glm", num_key_value_heads=2, head_dim=12, hidden_act="silu", rms_norm_eps=1.5625e-7,
                 partial_rotary_factor=0.34, attention_bias=True)
GRANITE = llama_like("GraniteForCausalLM", "granite", num_attention_heads=8, num_key_value_heads=2, hidden_act="silu", rms_norm_eps=1e-6,
                     embedding_multiplier=3.0, residual_multiplier=0.4, attention_multiplier=0.15, logits_scaling=4.0)
SMOLLM3 = llama_like("SmolLM3ForCausalLM", "smollm3", num_hidden_layers=5, num_key_value_heads=2, hidden_act="silu",
                     rms_norm_eps=1e-6, tie_word_embeddings=True, use_sliding_window=False)


def llama_buffers():
    return {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": torch.ones(6) for i in range(3)}


def six(*types):
    return [{"s": "sliding_attention", "f": "full_attention"}[kind] for kind in types]


CASES = [
    Case("llama-gqa", LLAMA),
    Case("llama-mha", LLAMA, {"num_key_value_heads": 4}),
    Case("llama-mqa", LLAMA, {"num_key_value_heads": 1}),
    Case("llama-no-kv-heads-key", LLAMA, drop=("num_key_value_heads",)),
    Case("llama-tied", LLAMA, {"tie_word_embeddings": True}, numeric=False),
    Case("llama-tied-without-prefix", LLAMA, {"tie_word_embeddings": True}, rename=without("model.")),
    Case("llama-tied-with-two-matrices", LLAMA, {"tie_word_embeddings": True}, numeric=False,
         extra=lambda: other_head("lm_head.weight")),
    Case("llama-attention-bias", LLAMA, {"attention_bias": True}),
    Case("llama-mlp-bias", LLAMA, {"mlp_bias": True}),
    Case("llama-head-dim", LLAMA, {"head_dim": 20}),
    Case("llama-theta", LLAMA, {"rope_theta": 500.0}),
    Case("llama-eps", LLAMA, {"rms_norm_eps": 0.05}),
    Case("llama-gelu", LLAMA, {"hidden_act": "gelu"}),
    Case("llama-gelu-tanh", LLAMA, {"hidden_act": "gelu_pytorch_tanh"}),
    Case("llama-rope-linear", LLAMA, {"rope_scaling": {"type": "linear", "factor": 2.5}}),
    Case("llama-rope-llama3", LLAMA, {"rope_theta": 1000.0, "rope_scaling": LLAMA3_SCALING}),
    Case("llama-rope-dynamic-inside", LLAMA, {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, numeric=False),
    Case("llama-rope-dynamic-beyond", LLAMA,
         {"rope_scaling": {"type": "dynamic", "factor": 2.0}, "max_position_embeddings": 16}, ctx=40, tokens=100),
    Case("llama-new-spelling", new_spelling(LLAMA, {"rope_type": "default", "rope_theta": 700.0})),
    Case("llama-new-spelling-llama3", new_spelling(LLAMA, {"rope_theta": 1000.0, **LLAMA3_SCALING})),
    Case("llama-new-spelling-linear", new_spelling(LLAMA, {"rope_type": "linear", "rope_theta": 700.0, "factor": 3.0})),
    Case("llama-stored-bf16", LLAMA, {"torch_dtype": "bfloat16"}, storage=torch.bfloat16, numeric=False),
    Case("llama-stored-fp16", LLAMA, {"torch_dtype": "float16"}, storage=torch.float16, numeric=False),
    Case("llama-sharded", LLAMA, shards=3),
    Case("llama-legacy-buffers", LLAMA, extra=llama_buffers),
    Case("llama-one-token-window", LLAMA, tokens=33),
    Case("llama-one-long-window", LLAMA, {"max_position_embeddings": 256}, ctx=200, tokens=200, numeric=False),
    Case("llama-tied-stored-as-head", LLAMA, {"tie_word_embeddings": True}, numeric=False,
         rename=lambda name: "lm_head.weight" if name == "model.embed_tokens.weight" else name),
    Case("llama-rope-yarn", LLAMA, {"rope_scaling": YARN}),
    Case("llama-rope-yarn-beyond", LLAMA, {"rope_scaling": YARN}, ctx=100, tokens=171),
    Case("llama-rope-yarn-mscale", LLAMA, {"rope_scaling": {**YARN, "mscale": 0.7, "mscale_all_dim": 1.3, "beta_fast": 20, "beta_slow": 2}}),
    Case("llama-rope-yarn-factor", LLAMA, {"rope_scaling": {**YARN, "attention_factor": 0.8, "truncate": False}}),
    Case("llama-rope-longrope", LLAMA, {"rope_scaling": {**LONGROPE, "original_max_position_embeddings": 16}}),
    Case("llama-new-spelling-yarn", new_spelling(LLAMA, {"rope_theta": 700.0, **YARN})),
    Case("llama-stored-fp64", LLAMA, storage=torch.float64),

    Case("mistral-window", MISTRAL),
    Case("mistral-window-in-long-context", MISTRAL, {"max_position_embeddings": 512}, ctx=300, tokens=420, numeric=False),
    Case("mistral-wide-window-in-long-context", MISTRAL, {"max_position_embeddings": 512, "sliding_window": 150},
         ctx=400, tokens=700),
    Case("mistral-window-one", MISTRAL, {"sliding_window": 1}),
    Case("mistral-window-null", MISTRAL, {"sliding_window": None}, numeric=False),
    Case("mistral-window-missing", MISTRAL, {"max_position_embeddings": 8192}, drop=("sliding_window",),
         ctx=4200, tokens=4200, numeric=False),
    Case("mistral-window-longer", MISTRAL, {"sliding_window": 64}),
    Case("mistral-head-dim", MISTRAL, {"head_dim": 16}),
    Case("mistral-new-spelling", new_spelling(MISTRAL, {"rope_type": "default", "rope_theta": 1e6})),
    Case("mistral-no-kv-heads-key", MISTRAL, {"num_attention_heads": 8}, drop=("num_key_value_heads",)),

    Case("phi", PHI),
    Case("phi-qk-norm", PHI, {"qk_layernorm": True}),
    Case("phi-gqa", PHI, {"num_key_value_heads": 2}),
    Case("phi-no-share", PHI, drop=("partial_rotary_factor",)),
    Case("phi-new-spelling", new_spelling(PHI, {"rope_type": "default", "rope_theta": 700.0, "partial_rotary_factor": 0.5})),

    Case("phi3", PHI3),
    Case("phi3-gqa", PHI3, {"num_key_value_heads": 2}),
    Case("phi3-window", PHI3, {"sliding_window": 9}),
    Case("phi3-partial", PHI3, {"partial_rotary_factor": 0.5}),
    Case("phi3-longrope-short", PHI3, PHI3_LONG),
    Case("phi3-longrope-long", PHI3, PHI3_LONG, ctx=60, tokens=131),
    Case("phi3-su", PHI3, {**PHI3_LONG, "rope_scaling": {**LONGROPE, "type": "su"}}, ctx=60, tokens=131,
         reference={**PHI3, **PHI3_LONG}),
    Case("phi3-new-spelling", new_spelling({**PHI3, **PHI3_LONG}, {**LONGROPE, "rope_type": "longrope", "rope_theta": 700.0,
                                                                   "original_max_position_embeddings": 32}), ctx=60, tokens=131),

    Case("qwen2", QWEN2),
    Case("qwen2-window", QWEN2, {"use_sliding_window": True}),
    Case("qwen2-window-off", QWEN2, {"use_sliding_window": False, "max_window_layers": 0}, numeric=False),
    Case("qwen2-layer-types", QWEN2, {"use_sliding_window": True, "layer_types": six("s", "f", "s")}),
    Case("qwen2-tied", QWEN2, {"tie_word_embeddings": True}, numeric=False),
    Case("qwen2-rope-yarn", QWEN2, {"rope_scaling": YARN}),
    Case("qwen2-without-prefix", QWEN2, {"tie_word_embeddings": True}, rename=without("model.")),

    Case("qwen3", QWEN3),
    Case("qwen3-attention-bias", QWEN3, {"attention_bias": True}),
    Case("qwen3-window", QWEN3, {"use_sliding_window": True}),
    Case("qwen3-head-dim", QWEN3, {"head_dim": 20}),
    Case("qwen3-new-spelling", new_spelling(QWEN3, {"rope_type": "default", "rope_theta": 700.0})),

    Case("gemma", GEMMA),
    Case("gemma-gelu", GEMMA, {"hidden_act": "gelu"}, numeric=False),
    Case("gemma-mqa", GEMMA, {"num_key_value_heads": 1}),
    Case("gemma-attention-bias", GEMMA, {"attention_bias": True}),

    Case("gemma2", GEMMA2),
    Case("gemma2-no-caps", GEMMA2, {"attn_logit_softcapping": None, "final_logit_softcapping": None}),
    Case("gemma2-layer-types", GEMMA2, {"layer_types": six("f", "f", "s", "s")}),
    Case("gemma2-activation", GEMMA2, {"hidden_activation": "relu", "hidden_act": "gelu_pytorch_tanh"}),
    Case("gemma2-scale", GEMMA2, {"query_pre_attn_scalar": 40}),
    Case("gemma2-long", GEMMA2, {"sliding_window": 150}, ctx=400, tokens=520),

    Case("gemma3", GEMMA3),
    Case("gemma3-rope-linear", GEMMA3, {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
    Case("gemma3-new-spelling", new_spelling(GEMMA3, {
        "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 7000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 90.0}})),
    Case("gemma3-pattern", GEMMA3, {"sliding_window_pattern": 2}),
    Case("gemma3-layer-types", GEMMA3, {"layer_types": six("f", "s", "s", "f", "s", "s", "s")}),
    Case("gemma3-final-cap", GEMMA3, {"final_logit_softcapping": 3.0}),

    Case("stablelm", STABLELM),
    Case("stablelm-parallel", STABLELM, {"use_parallel_residual": True}),
    Case("stablelm-qk-norm", STABLELM, {"qk_layernorm": True}),
    Case("stablelm-qkv-bias", STABLELM, {"use_qkv_bias": True}),

    Case("starcoder2", STARCODER2),
    Case("starcoder2-window", STARCODER2, {"sliding_window": 9}),
    Case("starcoder2-no-bias", STARCODER2, {"use_bias": False}),
    Case("starcoder2-eps", STARCODER2, {"norm_epsilon": 0.05, "layer_norm_epsilon": 1e-5}),

    Case("cohere", COHERE),
    Case("cohere-qk-norm", COHERE, {"use_qk_norm": True}),
    Case("cohere-no-theta", COHERE, drop=("rope_theta",)),
    Case("cohere-attention-bias", COHERE, {"attention_bias": True}),

    Case("cohere2", COHERE2),
    Case("cohere2-layer-types", COHERE2, {"layer_types": six("f", "s", "s", "f", "s")}),

    Case("olmo", OLMO),
    Case("olmo-clip", OLMO, {"clip_qkv": 0.6}),
    Case("olmo-gqa", OLMO, {"num_key_value_heads": 2}),

    Case("olmo2", OLMO2),
    Case("olmo2-gqa", OLMO2, {"num_key_value_heads": 2}),
    Case("olmo2-attention-bias", OLMO2, {"attention_bias": True}),

    Case("glm", GLM),
    Case("glm-no-share", GLM, drop=("partial_rotary_factor",)),
    Case("glm-no-bias", GLM, {"attention_bias": False}),

    Case("granite", GRANITE),
    Case("granite-no-multipliers", GRANITE, {"num_hidden_layers": 1}, drop=("embedding_multiplier", "residual_multiplier", "attention_multiplier",
                                                  "logits_scaling")),
    Case("granite-biases", GRANITE, {"attention_bias": True, "mlp_bias": True}),

    Case("smollm3", SMOLLM3),
    Case("smollm3-list", SMOLLM3, {"no_rope_layers": [0, 1, 1, 0, 1]}),
    Case("smollm3-interval", SMOLLM3, {"no_rope_layer_interval": 2}),
    Case("smollm3-window", SMOLLM3, {"use_sliding_window": True, "sliding_window": 9}),
    Case("smollm3-biases", SMOLLM3, {"attention_bias": True, "mlp_bias": True}),
]
