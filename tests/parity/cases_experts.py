"""Cases of the mixtures of experts."""
from cases import Case
from cases_llama import llama_like

MIXTRAL = llama_like("MixtralForCausalLM", "mixtral", num_hidden_layers=2, num_key_value_heads=2, hidden_act="silu", rms_norm_eps=1e-5,
                     num_local_experts=4, num_experts_per_tok=2, sliding_window=None)
QWEN2_MOE = llama_like("Qwen2MoeForCausalLM", "qwen2_moe", num_hidden_layers=2, num_key_value_heads=2, hidden_act="silu", rms_norm_eps=1e-6,
                       num_experts=5, num_experts_per_tok=2, moe_intermediate_size=24, shared_expert_intermediate_size=40,
                       norm_topk_prob=False, decoder_sparse_step=1, use_sliding_window=False, sliding_window=9, max_window_layers=3)
QWEN3_MOE = llama_like("Qwen3MoeForCausalLM", "qwen3_moe", num_hidden_layers=2, num_key_value_heads=2, hidden_act="silu", rms_norm_eps=1e-6,
                       head_dim=16, num_experts=5, num_experts_per_tok=2, moe_intermediate_size=24, norm_topk_prob=False,
                       decoder_sparse_step=1, mlp_only_layers=[], use_sliding_window=False, sliding_window=9)
OLMOE = llama_like("OlmoeForCausalLM", "olmoe", num_hidden_layers=2, hidden_act="silu", rms_norm_eps=1e-5, num_experts=5, num_experts_per_tok=2,
                   norm_topk_prob=False, clip_qkv=None)

def routed(seed, *arguments):
    """A case whose seed keeps every token away from a tie between experts: of the first hundred, the one with the largest gap
    (0.02 to 0.1 standard deviations of the router's logits) between the last expert that is taken and the first that is not.
    Near a tie, rounding to bf16 sends a token elsewhere, and no bound on the difference says anything."""
    return Case(*arguments, seed=seed, tokens=41)


CASES = [
    routed(6, "mixtral", MIXTRAL),
    routed(25, "mixtral-window", MIXTRAL, {"sliding_window": 9}),
    routed(39, "mixtral-head-dim", MIXTRAL, {"head_dim": 20}),
    routed(18, "mixtral-one-active", MIXTRAL, {"num_experts_per_tok": 1}),

    routed(35, "qwen2-moe", QWEN2_MOE),
    routed(79, "qwen2-moe-normalized", QWEN2_MOE, {"norm_topk_prob": True}),
    routed(89, "qwen2-moe-sparse-step", QWEN2_MOE, {"decoder_sparse_step": 2}),
    routed(11, "qwen2-moe-no-bias", QWEN2_MOE, {"qkv_bias": False}),
    routed(65, "qwen2-moe-window", QWEN2_MOE, {"use_sliding_window": True}),

    routed(78, "qwen3-moe", QWEN3_MOE),
    routed(32, "qwen3-moe-normalized", QWEN3_MOE, {"norm_topk_prob": True}),
    routed(16, "qwen3-moe-dense-layers", QWEN3_MOE, {"mlp_only_layers": [1]}),
    routed(8, "qwen3-moe-window", QWEN3_MOE, {"use_sliding_window": True}),

    routed(4, "olmoe", OLMOE),
    routed(31, "olmoe-clip", OLMOE, {"clip_qkv": 0.6}),
    routed(20, "olmoe-normalized", OLMOE, {"norm_topk_prob": True}),
    routed(81, "olmoe-gqa", OLMOE, {"num_key_value_heads": 2}),
]
