"""Hidden states and logits of every supported family against transformers, one configuration quirk at a time.

Tiny random models; every parameter is random (norm weights and biases too, which the library's own initialisation leaves
at one and zero). fp32 against fp32; bf16 compute against the same fp32 reference with a tolerance of its own.
"""
import dataclasses
import json
import typing

import numpy as np
import pytest
import torch

import harness

# Relative to the largest absolute value of each tensor. fp32: erf and tanh gelu differ by 2.5e-4 on such models, so a
# looser bound would not see a wrong activation. bf16: weights and inputs of every product carry 8 bits (4e-3 each).
TOLERANCE = {"fp32": 2e-5, "bf16": 2e-2}
VOCABULARY = 96

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
# llama3 scaling with an original context so short that all three of its frequency ranges are met.
LLAMA3_SCALING = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                  "original_max_position_embeddings": 32}


@dataclasses.dataclass
class Case:
    id: str
    base: dict
    change: dict = dataclasses.field(default_factory=dict)
    drop: tuple = ()                       # keys taken out of config.json
    ctx: int = 32
    tokens: int = 71                       # windows of 32, 32 and 7
    rename: typing.Callable = None         # HF name to the name in the file
    extra: typing.Callable = None          # () -> more tensors in the file
    storage: torch.dtype = torch.float32
    shards: int = 1
    numeric: bool = True                   # the changed keys change the numbers

    @property
    def config(self):
        return {key: value for key, value in {**self.base, **self.change}.items() if key not in self.drop}


def without(prefix):
    return lambda name: name.removeprefix(prefix)


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


def llama_buffers():
    return {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": torch.ones(6) for i in range(3)}


def other_head(name):
    """A head that differs from the embedding although config.json says they are tied: transformers 5 keeps both."""
    return {name: torch.randn(VOCABULARY, 48, generator=torch.Generator().manual_seed(5)) / 7}


def new_spelling(base, rope, drop=("rope_theta", "rope_scaling", "torch_dtype", "rotary_pct", "rotary_emb_base")):
    config = {key: value for key, value in base.items() if key not in drop}
    return {**config, "rope_parameters": rope, "dtype": "float32", "transformers_version": "5.23.0"}


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
]
BF16_CASES = ["llama-gqa", "llama-stored-bf16", "mistral-window", "gpt2", "opt", "opt-post-norm", "neox", "neox-serial"]


def by_id(case):
    return case.id


def make_case(case, folder):
    """(folder, ids, reference activations) of one case."""
    harness.write_folder(folder, case.config, seed=len(case.id), rename=case.rename,
                         extra=case.extra() if case.extra else None, dtype=case.storage, shards=case.shards)
    ids = np.random.default_rng(7).integers(0, VOCABULARY, case.tokens)
    return folder, ids, harness.reference_activations(harness.load_reference(folder), ids, case.ctx)


def check(case, tmp_path, dtype):
    folder, ids, reference = make_case(case, tmp_path / "model")
    ids_file = harness.write_ids(tmp_path / "ids.i32", ids)
    ours = harness.our_activations(folder, ids_file, case.ctx, tmp_path / "dump.safetensors", "--dtype", dtype)
    harness.assert_close(ours, reference, TOLERANCE[dtype], case.config.get("num_hidden_layers", 3))
    return ours, reference


@pytest.mark.parametrize("case", CASES, ids=by_id)
def test_activations_match_transformers(case, tmp_path):
    harness.program("linscan-analyze")
    ours, reference = check(case, tmp_path, "fp32")
    for name, value in ours.items():
        assert value.dtype == np.float32 and len(value) == case.tokens, name


@pytest.mark.parametrize("case", [c for c in CASES if c.id in BF16_CASES], ids=by_id)
def test_bf16_compute_stays_near_fp32(case, tmp_path):
    harness.program("linscan-analyze")
    check(case, tmp_path, "bf16")


@pytest.mark.parametrize("case", [c for c in CASES if c.id in ("llama-gqa", "gpt2", "opt", "neox")], ids=by_id)
def test_last_block_is_before_the_final_norm(case, tmp_path):
    """transformers gives the state after the final norm as its last hidden state; ours keeps the two apart."""
    harness.program("linscan-analyze")
    ours, reference = check(case, tmp_path, "fp32")
    last = reference["hf_last_hidden"]
    assert harness.difference("final_norm", ours["final_norm"], last)[0] <= TOLERANCE["fp32"]
    assert harness.difference("resid_post", ours["resid_post.2"], last)[0] > 1e-2


@pytest.mark.parametrize("case", [c for c in CASES if c.change and c.numeric], ids=by_id)
def test_fixture_shows_its_quirk(case, tmp_path):
    """A fixture that gives the same numbers without its changed keys would test nothing."""
    folder, ids, reference = make_case(case, tmp_path / "quirk")
    (folder / "config.json").write_text(json.dumps(case.base))
    try:
        plain = harness.load_reference(folder)
    except (AssertionError, RuntimeError):
        return  # the plain family needs other tensors: the quirk is in the file already
    logits = harness.reference_activations(plain, ids, case.ctx)["logits"]
    assert harness.difference("logits", logits, reference["logits"])[0] > 5 * TOLERANCE["fp32"]


def test_real_checkpoint_with_real_text(tmp_path):
    """A trained Llama whose embedding is stored only as lm_head.weight (the alias is named in __metadata__)."""
    from transformers import AutoTokenizer
    harness.program("linscan-analyze")
    folder = harness.asset("models", "tinystories-656k-llama")
    text = harness.asset("corpora", "tinystories-train-head-2mib.txt").read_text(encoding="utf-8", errors="replace")
    ids = AutoTokenizer.from_pretrained(folder)(text[:6000])["input_ids"][:700]
    reference = harness.reference_activations(harness.load_reference(folder), ids, 256)
    ids_file = harness.write_ids(tmp_path / "ids.i32", ids)
    ours = harness.our_activations(folder, ids_file, 256, tmp_path / "dump.safetensors", "--dtype", "fp32")
    harness.assert_close(ours, reference, TOLERANCE["fp32"], 2)
