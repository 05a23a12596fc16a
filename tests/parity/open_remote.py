"""open_remote.py OUT.npz ATTENTION FOLDER [ATTENTION FOLDER]...: what the transformers of this Python makes of remote-code folders, for test_exports.py."""
import json
import sys

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

out, *pairs = sys.argv[1:]
ids = torch.tensor(json.loads(sys.stdin.read()))
results = {}
for number, (attention, folder) in enumerate(zip(pairs[::2], pairs[1::2], strict=True)):
    config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    assert config.linscan["version"] == 1
    model, info = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, torch_dtype=torch.float32, attn_implementation=attention,
                                                       output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
    model.eval()
    with torch.no_grad():
        results[f"logits.{number}"] = model(ids, use_cache=False).logits.numpy()
        options = {"attention_mask": torch.ones_like(ids), "max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "pad_token_id": 1}
        with_cache = model.generate(ids, use_cache=True, **options)
        assert torch.equal(with_cache, model.generate(ids, use_cache=False, **options)), folder
        assert model(ids, use_cache=False, output_hidden_states=True).hidden_states is not None
    model.save_pretrained(folder + "-again")
    again = AutoModelForCausalLM.from_pretrained(folder + "-again", trust_remote_code=True, torch_dtype=torch.float32, attn_implementation=attention).eval()
    with torch.no_grad():
        assert np.array_equal(again(ids, use_cache=False).logits.numpy(), results[f"logits.{number}"]), folder
np.savez(out, **results)
