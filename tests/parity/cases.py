"""What the parity tests of the families share: one configuration quirk of one family as a case."""
import dataclasses
import typing

import torch

VOCABULARY = 96

# Keys that every config.json here has; token ids must lie inside the vocabulary.
COMMON = {"vocab_size": VOCABULARY, "torch_dtype": "float32", "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}


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
    seed: int = None                       # of the weights; default: the length of the id
    numeric: bool = True                   # the changed keys change the numbers
    attention: str = "eager"               # implementation of transformers that is the reference
    reference: dict = None                 # config.json for transformers where it cannot read the case's own

    @property
    def config(self):
        return {key: value for key, value in {**self.base, **self.change}.items() if key not in self.drop}


def without(prefix):
    return lambda name: name.removeprefix(prefix)


def other_head(name):
    """A head that differs from the embedding although config.json says they are tied: transformers 5 keeps both."""
    return {name: torch.randn(VOCABULARY, 48, generator=torch.Generator().manual_seed(5)) / 7}


def new_spelling(base, rope, drop=("rope_theta", "rope_scaling", "torch_dtype", "rotary_pct", "rotary_emb_base",
                                   "rope_local_base_freq", "partial_rotary_factor")):
    config = {key: value for key, value in base.items() if key not in drop}
    return {**config, "rope_parameters": rope, "dtype": "float32", "transformers_version": "5.23.0"}
