"""pytorch_model.bin as torch.save writes it, read by linscan and by torch: same names, types, shapes and bytes."""
import collections
import hashlib
import json
import os
import pickle
import subprocess

import numpy as np
import pytest
import torch

import harness
from cases_gpt import GPT2
from cases_llama import LLAMA

DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
          torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}


def digests_of(tensors):
    """{name: (dtype, shape, SHA-256)} of tensors of torch, row by row."""
    digests = {}
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        shape = ",".join(str(size) for size in tensor.shape)
        digests[name] = (DTYPES[tensor.dtype], shape, hashlib.sha256(raw).hexdigest())
    return digests


def our_digests(folder, check=0):
    """The same as linscan reads the folder; with check=1 its one line of error."""
    program = harness.BIN.parent / "tests" / "tensor_digests"
    if not program.exists():
        message = f"{program} is not built (scripts/build.sh)"
        pytest.fail(message) if os.environ.get("LINSCAN_REQUIRE_BINARIES") else pytest.skip(message)
    result = subprocess.run([program, folder], capture_output=True, text=True, timeout=harness.TIMEOUT_SECONDS)
    assert result.returncode == check, result.stderr
    if check:
        assert len(result.stderr.splitlines()) == 1, result.stderr
        return result.stderr
    rows = (line.split("\t") for line in result.stdout.splitlines())
    return {name: (dtype, shape, digest) for name, dtype, shape, digest in rows}


def make_folder(path, state=None, config=None, **options):
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config or {}))
    if state is not None:
        torch.save(state, path / "pytorch_model.bin", **options)
    return path


def sample():
    """Every dtype, scalars, empty tensors, shared storages, views that are not row-major, parameters."""
    generator = torch.Generator().manual_seed(7)
    state = collections.OrderedDict()
    for dtype in DTYPES:
        state[f"plain.{DTYPES[dtype]}"] = (100 * torch.rand(3, 5, generator=generator)).to(dtype)
    base = torch.randn(40, 70, generator=generator)
    state["base"] = base
    state["tied"] = base
    state["transposed"] = base.t()
    state["rows"] = base[3:9]
    state["columns"] = base[:, 5:60:3]
    state["permuted"] = torch.randn(3, 50, 2, 35, generator=generator).half().permute(2, 0, 3, 1)
    state["parameter"] = torch.nn.Parameter(torch.randn(4, generator=generator))
    state["parameter.t"] = torch.nn.Parameter(torch.randn(4, 3, generator=generator).t())
    state["scalar"] = torch.tensor(2.5)
    state["empty"] = torch.empty(0, 4)
    state["ünïcode 名"] = torch.ones(1)
    return state


# The restricted reader of torch itself knows protocol 2 only.
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_tensor_is_as_torch_reads_it(tmp_path, protocol):
    folder = make_folder(tmp_path, sample(), pickle_protocol=protocol)
    assert our_digests(folder) == digests_of(torch.load(folder / "pytorch_model.bin", weights_only=protocol == 2))


def test_state_dict_of_a_module(tmp_path):
    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.LayerNorm(3), torch.nn.Embedding(5, 2))
    assert hasattr(module.state_dict(), "_metadata")
    assert our_digests(make_folder(tmp_path / "a", module.state_dict())) == digests_of(module.state_dict())
    plain = dict(module.named_parameters())
    assert our_digests(make_folder(tmp_path / "b", plain)) == digests_of(plain)


def test_entries_that_are_no_tensors_are_left_out(tmp_path):
    state = {"w": torch.ones(2), "epoch": 3, "note": None, "list": [1, {"a": (2.5, "x")}], "size": torch.Size([2]),
             "dtype": torch.float32, "device": torch.device("cpu"), "big": 1 << 40}
    assert our_digests(make_folder(tmp_path, state)) == digests_of({"w": state["w"]})


def test_shards_and_their_index(tmp_path):
    state = sample()
    folder = make_folder(tmp_path)
    weight_map = {}
    for i in range(3):
        part = dict(list(state.items())[i::3])
        file = f"pytorch_model-{i + 1:05d}-of-00003.bin"
        torch.save(part, folder / file)
        weight_map.update({name: file for name in part})
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    assert our_digests(folder) == digests_of(state)


def test_checkpoint_of_mingpt(tmp_path):
    """A real file, made elsewhere."""
    source = harness.asset("models", "mingpt-adder", "model.pt")
    folder = make_folder(tmp_path)
    (folder / "pytorch_model.bin").symlink_to(source)
    expected = torch.load(source, map_location="cpu", weights_only=True)
    assert len(expected) > 30
    assert our_digests(folder) == digests_of(expected)


def test_info_shows_a_torch_checkpoint_like_any_other(tmp_path):
    harness.program("linscan-info")
    safe = harness.write_folder(tmp_path / "safe", GPT2)
    from safetensors.torch import load_file
    folder = make_folder(tmp_path / "torch", load_file(safe / "model.safetensors"), GPT2)
    run = lambda where: json.loads(harness.run("linscan-info", where, "--tensors", "--format", "json", check=0).stdout)
    ours, theirs = run(folder), run(safe)
    assert [file["name"] for file in ours["files"]] == ["pytorch_model.bin"]
    for tensor in ours["tensors"] + theirs["tensors"]:
        del tensor["file"]
    for key in ("tensors", "parameters", "bytes", "dtypes", "decoder", "memory"):
        assert ours[key] == theirs[key], key
    assert "pytorch_model.bin" in harness.run("linscan-info", folder, "--tensors", check=0).stdout


def test_analyze_gives_the_same_activations(tmp_path):
    """Also where a matrix is stored transposed."""
    harness.program("linscan-analyze")
    from safetensors.torch import load_file
    safe = harness.write_folder(tmp_path / "safe", LLAMA)
    state = load_file(safe / "model.safetensors")
    name = "model.layers.0.mlp.up_proj.weight"
    state[name] = state[name].t().contiguous().t()
    assert not state[name].is_contiguous()
    folder = make_folder(tmp_path / "torch", state, LLAMA)
    ids = harness.write_ids(tmp_path / "ids.i32", np.arange(24) % 90)
    expected = harness.our_activations(safe, ids, 12, tmp_path / "safe.safetensors")
    ours = harness.our_activations(folder, ids, 12, tmp_path / "torch.safetensors")
    assert ours.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(ours[key], value, err_msg=key)


# --- refusals

def refusal(folder):
    result = harness.run("linscan-info", folder, check=1)
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("linscan-info: error: "), result.stderr
    assert "Traceback" not in result.stderr and result.stdout == ""
    return lines[0]


class Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_nothing_is_executed(tmp_path):
    marker = tmp_path / "executed"
    folder = make_folder(tmp_path / "m", {"w": torch.ones(2), "evil": Evil(marker)})
    assert '"posix.system"' in refusal(folder)
    assert not marker.exists()


def test_objects_are_refused_by_name(tmp_path):
    import argparse
    state = {"w": torch.ones(2), "args": argparse.Namespace(lr=1)}
    assert '"argparse.Namespace"' in refusal(make_folder(tmp_path / "a", state))
    state = {"w": torch.ones(2), "value": np.float64(3)}
    assert '"numpy' in refusal(make_folder(tmp_path / "b", state))


def test_formats_that_are_not_read_are_named(tmp_path):
    state = {"w": torch.ones(2)}
    legacy = make_folder(tmp_path / "legacy", state, _use_new_zipfile_serialization=False)
    assert "before release 1.6" in refusal(legacy) and "save_pretrained" in refusal(legacy)
    script = make_folder(tmp_path / "script")
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(script / "pytorch_model.bin"))
    assert "TorchScript" in refusal(script)
    plain = make_folder(tmp_path / "pickle")
    (plain / "pytorch_model.bin").write_bytes(pickle.dumps({"w": [1.0]}))
    assert "is no file of torch.save" in refusal(plain)
    nested = make_folder(tmp_path / "nested", {"epoch": 1, "model": state, "optimizer": {"state": {}}})
    assert "under the key \"model\"" in refusal(nested)
    listed = make_folder(tmp_path / "list", [torch.ones(2)])
    assert "holds a list" in refusal(listed)


def test_tensors_that_are_not_read_are_named(tmp_path):
    fp8 = {"a.weight": torch.ones(2, 2).to(torch.float8_e4m3fn)}
    assert "torch.float8_e4m3fn" in refusal(make_folder(tmp_path / "fp8", fp8))
    int8 = {"a.weight": torch.ones(2, 2).to(torch.int8)}
    assert "quantized" in refusal(make_folder(tmp_path / "int8", int8))
    expanded = {"w": torch.ones(1).expand(1000)}
    assert "repeats its storage" in refusal(make_folder(tmp_path / "expanded", expanded))
    qint8 = {"w": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)}
    assert "_rebuild_qtensor" in refusal(make_folder(tmp_path / "qint8", qint8))
    flagged = {"w": torch.view_as_complex(torch.ones(2, 2)).conj().imag}
    assert "resolve_neg" in refusal(make_folder(tmp_path / "flagged", flagged))
