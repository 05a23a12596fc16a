"""A model of transformers whose blocks were edited: a linear map in place of a block or of its attention, or no attention.

AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True) opens the folder that this file lies in. The object
"linscan" of config.json says what each block is. Everything else is the class of transformers named below.
"""
import ast
import inspect
import textwrap

import torch
import transformers
from torch import nn
from transformers.cache_utils import Cache

ARCHITECTURE = "LlamaForCausalLM"
VERSION = 1


class LinscanForCausalLM(getattr(transformers, ARCHITECTURE)):
    _auto_class = "AutoModelForCausalLM"  # save_pretrained copies this file

    def __init__(self, config, *args, **kwargs):
        share_tensor_names()
        super().__init__(config, *args, **kwargs)
        edits = getattr(config, "linscan", None)
        if not isinstance(edits, dict) or edits.get("version") != VERSION or edits.get("architecture") != ARCHITECTURE:
            raise ValueError(f"config.json: expected an object \"linscan\" of version {VERSION} for {ARCHITECTURE}, got {edits!r}")
        layers = self.get_submodule(edits["layers"])
        if len(layers) != len(edits["blocks"]):
            raise ValueError(f"config.json: linscan.blocks has {len(edits['blocks'])} entries for {len(layers)} blocks")
        for index, block in enumerate(edits["blocks"]):
            edit_block(layers, index, block, edits, config.hidden_size)
        self.post_init()


def share_tensor_names():
    """Names in files that transformers 5 changes on loading, by the name of the class (GPT-NeoX), change for this class too."""
    try:
        from transformers.conversion_mapping import get_checkpoint_conversion_mapping, register_checkpoint_conversion_mapping
    except ImportError:
        return
    register_checkpoint_conversion_mapping("LinscanForCausalLM", get_checkpoint_conversion_mapping(ARCHITECTURE) or [], overwrite=True)


def edit_block(layers, index, block, edits, width):
    """Brings layers[index] into the form that `block` says."""
    form = block["form"]
    if form == "full":
        return
    layer = layers[index]
    if form in ("linear", "normed-linear"):
        linear = hollow(layer, LinearBlock)
        linear.edit(index, width, block["bias"], returns_tuple(type(layer)))
        if form == "normed-linear":
            linear.norm_name = block["norm"]
            setattr(linear, block["norm"], getattr(layer, block["norm"]))
        layers[index] = linear
        return
    if form not in ("linear-attention", "no-attention"):
        raise ValueError(f"config.json: linscan.blocks[{index}].form: unknown form {form!r}")
    parent, _, name = edits["attention"].rpartition(".")
    parent = layer.get_submodule(parent)
    attention = getattr(parent, name)
    if not returns_tuple(type(attention)):
        raise RuntimeError(f"{type(attention).__name__} is not called as this file expects; it was made for transformers 4.57 to 5.23")
    stand_in = hollow(attention, LinearAttention)
    stand_in.edit(index, width, block.get("bias") if form == "linear-attention" else None, edits.get("residual_scale", 1.0))
    setattr(parent, name, stand_in)
    for norm in block.get("without", ()):
        setattr(layer, norm, nn.Identity())


def hollow(original, mixin):
    """A module of the original's class (what collects outputs goes by it) and attributes, without its weights."""
    cls = type(f"{mixin.__name__}Of{type(original).__name__}", (mixin, type(original)), {})
    module = cls.__new__(cls)
    nn.Module.__init__(module)
    for name, value in vars(original).items():
        if not name.startswith("_"):
            setattr(module, name, value)
    return module


class LinearBlock(nn.Module):
    """x + map(x), or x + map(norm(x)), in place of a whole block."""

    norm_name = None

    def edit(self, index, width, bias, as_tuple):
        self.block_index = index
        self.as_tuple = as_tuple
        self.map = nn.Linear(width, width, bias=bias)

    def forward(self, *args, **kwargs):
        hidden_states = input_of(args, kwargs)
        count_tokens(self.block_index, hidden_states, args, kwargs)
        inner = hidden_states if self.norm_name is None else getattr(self, self.norm_name)(hidden_states)
        output = hidden_states + self.map(inner)
        return (output, None) if self.as_tuple else output


class LinearAttention(nn.Module):
    """map(x), or nothing, in place of attention; it is added to the stream as it is."""

    def edit(self, index, width, bias, residual_scale):
        self.block_index = index
        self.residual_scale = residual_scale  # the block multiplies what it adds by this
        self.call = inspect.signature(type(self).__mro__[2].forward)
        self.map = None if bias is None else nn.Linear(width, width, bias=bias)

    def forward(self, *args, **kwargs):
        hidden_states = input_of(args, kwargs)
        count_tokens(self.block_index, hidden_states, args, kwargs)
        output = torch.zeros_like(hidden_states) if self.map is None else self.map(hidden_states)
        if self.residual_scale != 1.0:
            output = output / self.residual_scale
        if "residual" in self.call.parameters:  # attention of BLOOM adds to the stream itself
            output = output + self.call.bind(self, *args, **kwargs).arguments["residual"]
        return output, None


def input_of(args, kwargs):
    hidden_states = args[0] if args else kwargs["hidden_states"]
    if not isinstance(hidden_states, torch.Tensor) or hidden_states.dim() != 3:
        raise RuntimeError("a block is not called as this file expects; it was made for transformers 4.57 to 5.23")
    return hidden_states


def count_tokens(index, hidden_states, args, kwargs):
    """Positions and masks go by the length of one block's cache, which may be this one's: it gets keys of one feature."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, Cache):
            keys = hidden_states.new_ones(hidden_states.shape[0], 1, hidden_states.shape[1], 1)
            value.update(keys, keys, index, {"cache_position": kwargs.get("cache_position")})
            return


def returns_tuple(module_class):
    """Whether forward gives a tuple whose first entry is the output, by its source: families and versions differ."""
    function = inspect.unwrap(module_class.forward)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tuples = set()
    kinds = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and is_tuple(node.value, tuples):
            tuples.update(target.id for target in node.targets if isinstance(target, ast.Name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and not isinstance(node.value, ast.Call):  # a call: to the forward of a base class
            kinds.add(is_tuple(node.value, tuples))
    if len(kinds) != 1:
        raise RuntimeError(f"cannot tell what {module_class.__name__}.forward returns; this file was made for transformers 4.57 to 5.23")
    return kinds.pop()


def is_tuple(value, tuples):
    if isinstance(value, ast.BinOp):
        return is_tuple(value.left, tuples) or is_tuple(value.right, tuples)
    return isinstance(value, ast.Tuple) or (isinstance(value, ast.Name) and value.id in tuples)
