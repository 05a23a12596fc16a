"""Cases of the mixtures of experts."""
from cases import Case
from cases_llama import llama_like, six

MIXTRAL = llama_like("MixtralForCausalLM", "mixtral", num_key_value_heads=2, hidden_act="silu", rms_norm_eps=1e-5,
                     num_local_experts=4, num_experts_per_tok=2, sliding_window=None)
QWEN2_MOE = llama_like("Qwen2MoeForCausalLM", "qwen2_moe", num_key_value_heads=2, hidden_act="silu", rms_norm_eps=1e-6,
                       num_experts=5, num_experts_per_tok=2, moe_intermediate_size=24, shared_expert_intermediate_size=40,
                       norm_topk_prob=False, decoder_sparse_step=1, use_sliding_window=False, sliding_window=9, max_window_layers=3)
QWEN3_MOE = llama_like("Qwen3MoeForCausalLM", "qwen3_moe", num_key_value_heads=2, hidden_act="silu", rms_norm_eps=1e-6,
                       head_dim=16, num_experts=5, num_experts_per_tok=2, moe_intermediate_size=24, norm_topk_prob=False,
                       decoder_sparse_step=1, mlp_only_layers=[], use_sliding_window=False, sliding_window=9)
OLMOE = llama_like("OlmoeForCausalLM", "olmoe", hidden_act="silu", rms_norm_eps=1e-5, num_experts=5, num_experts_per_tok=2,
                   norm_topk_prob=False, clip_qkv=None)

CASES = [
    Case("mixtral", MIXTRAL),
    Case("mixtral-window", MIXTRAL, {"sliding_window": 9}),
    Case("mixtral-head-dim", MIXTRAL, {"head_dim": 20}),
    Case("mixtral-one-active", MIXTRAL, {"num_experts_per_tok": 1}),

    Case("qwen2-moe", QWEN2_MOE),
    Case("qwen2-moe-normalized", QWEN2_MOE, {"norm_topk_prob": True}),
    Case("qwen2-moe-sparse-step", QWEN2_MOE, {"decoder_sparse_step": 2}),
    Case("qwen2-moe-no-bias", QWEN2_MOE, {"qkv_bias": False}),
    Case("qwen2-moe-window", QWEN2_MOE, {"use_sliding_window": True}),

    Case("qwen3-moe", QWEN3_MOE),
    Case("qwen3-moe-normalized", QWEN3_MOE, {"norm_topk_prob": True}),
    Case("qwen3-moe-dense-layers", QWEN3_MOE, {"mlp_only_layers": [1]}),
    Case("qwen3-moe-window", QWEN3_MOE, {"use_sliding_window": True}),

    Case("olmoe", OLMOE),
    Case("olmoe-clip", OLMOE, {"clip_qkv": 0.6}),
    Case("olmoe-normalized", OLMOE, {"norm_topk_prob": True}),
    Case("olmoe-gqa", OLMOE, {"num_key_value_heads": 2}),
]
