"""Trained models with text to edit them on, and every set of their blocks: what the figures of edits are measured with."""
import json
import subprocess

import converted
import harness

FILES = {"stories260k": "stories260k-llama2c/stories260K.bin", "babyllama": "babyllama-tok105-llama2c/model5000.bin"}
NAMES = ["demo", *FILES]


def prepare(name, folder, tokens=32768):
    """The model as a HuggingFace folder (written to `folder` where it is another format) and the options that name its text."""
    if name == "demo":
        return harness.ROOT / "examples" / "demo-model", ["--tokens", tokens, "--ctx", 256]  # of the bundled stories, a tenth held out
    ids = [harness.asset("edit-ids", f"{name}.{part}.u16") for part in ("calib", "eval")]
    return (converted.llama2c(harness.asset("models", *FILES[name].split("/")), folder),
            ["--data", ids[0], "--eval-data", ids[1], "--tokens", tokens, "--ctx", 256])


def search(model, text, count, *options):
    """What build/tests/edit_search says of sets of 1 .. count blocks: {method: [{"automatic", "exhaustive", "hindsight"} of each count]}, and the
    perplexity of the dense model. "auto" is the best of the methods that linscan prune tries by default."""
    program = harness.BIN.parent / "tests" / "edit_search"
    command = [program, model, *text, "--drop", count, "--method", "auto", "--export", "remote-code", "--dtype", "fp32", *options]
    run = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    return result["methods"], result["dense"]
