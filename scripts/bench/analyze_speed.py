#!/usr/bin/env python3
"""How long linscan analyze takes beside a plain forward pass of transformers, on the same machine, in one run, alternating.

    .venv/bin/python scripts/bench/analyze_speed.py [--repeats 3] [--write docs/benchmarks.md]

A GPT-2-small-shaped model with random weights, 15,000 tokens, windows of 512, two threads. Every row is run `--repeats` times in
turn with the others; the median counts. Rows of linscan are whole processes (start, reading the weights, all scores), rows of
transformers are the forward pass alone, of a model already loaded: the comparison favours transformers.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from transformers import AutoModelForCausalLM

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import make_random_model  # noqa: E402

BEGIN, END = "<!-- begin analyze_speed -->", "<!-- end analyze_speed -->"
REFERENCE = "transformers fp32, forward with logits"


@torch.no_grad()
def forward(model, windows, with_head):
    run = model if with_head else model.base_model
    for window in windows:
        run(input_ids=window, use_cache=False)


@torch.no_grad()
def svd_scores(model, windows):
    """What a Python script does that follows the published formulas to the letter: all hidden states in memory, and for every
    transition the in-sample score by an fp32 SVD of the normalised states, with anisotropy from a second SVD."""
    states = None
    for window in windows:
        hidden = model.base_model(input_ids=window, use_cache=False, output_hidden_states=True).hidden_states
        states = states or [[] for _ in hidden]
        for rows, state in zip(states, hidden):
            rows.append(state[0])
    states = [torch.cat(rows) for rows in states]
    scores = []
    for x, y in zip(states, states[1:]):
        x = x - x.mean(0)
        y = y - y.mean(0)
        x, y = x / x.norm(), y / y.norm()
        u, s, vt = torch.linalg.svd(x, full_matrices=False)
        best = vt.T @ ((u.T @ y) / s[:, None])
        spread = torch.linalg.svdvals(y) ** 2
        scores.append((1 - (x @ best - y).square().sum().item(), (spread[0] / spread.sum()).item()))
    return scores


def linscan_row(program, folder, ids, args, dtype, metrics):
    command = [str(program), str(folder), "--data", str(ids), "--ctx", str(args.ctx), "--tokens", str(args.tokens),
               "--dtype", dtype, "--metrics", metrics, "--threads", str(args.threads), "--device", "cpu", "--quiet",
               "--format", "json"]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def cpu_name():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def measure(rows, repeats):
    seconds = {name: [] for name in rows}
    for repeat in range(repeats):
        for name, action in rows.items():
            start = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - start)
            print(f"{repeat + 1}/{repeats} {name}: {seconds[name][-1]:.2f} s", file=sys.stderr, flush=True)
    return seconds


def table(seconds, args):
    reference = statistics.median(seconds[REFERENCE])
    lines = ["| what | seconds (median) | fastest | slowest | times the reference |", "|---|---:|---:|---:|---:|"]
    for name, values in seconds.items():
        median = statistics.median(values)
        lines.append(f"| {name} | {median:.2f} | {min(values):.2f} | {max(values):.2f} | {median / reference:.2f} |")
    load = os.getloadavg()[0]
    facts = (f"{args.tokens} tokens, windows of {args.ctx}, {args.threads} threads, GPT-2-small shape, {args.repeats} repeats in turn; "
             f"{cpu_name()}, {os.cpu_count()} cores, load {load:.1f} at the end; torch {torch.__version__}; "
             f"{time.strftime('%Y-%m-%d')}. Reference: the first row. linscan's rows are whole processes with reading the weights, "
             "the others the computation alone.")
    return "\n".join([facts, "", *lines])


def write_section(path, text):
    """Puts the text between the markers of the file; appends them where there are none."""
    old = path.read_text() if path.exists() else "# Benchmarks\n"
    if BEGIN not in old:
        old += f"\n## Speed of linscan analyze\n\n`scripts/bench/analyze_speed.py`\n\n{BEGIN}\n{END}\n"
    head, rest = old.split(BEGIN, 1)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=15_000)
    parser.add_argument("--ctx", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shape", default="gpt2-small", choices=make_random_model.SHAPES)
    parser.add_argument("--without-python-scores", action="store_true", help="leave out the row that follows the published code path")
    parser.add_argument("--write", type=pathlib.Path, help="a markdown file whose section is replaced")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    program = pathlib.Path(os.environ.get("LINSCAN_BIN", ROOT / "build" / "bin")) / "linscan-analyze"

    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "model"
        make_random_model.write_model(args.shape, folder)
        vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
        tokens = np.random.default_rng(0).integers(0, vocabulary, args.tokens)
        ids = pathlib.Path(scratch) / "ids.i32"
        tokens.astype("<i4").tofile(ids)
        windows = [torch.tensor(tokens[i:i + args.ctx])[None] for i in range(0, args.tokens, args.ctx)]
        fp32 = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        bf16 = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()

        full = "linearity,baselines,geometry"
        rows = {
            REFERENCE: lambda: forward(fp32, windows, True),
            "transformers fp32, forward without head": lambda: forward(fp32, windows, False),
            "transformers bf16, forward without head": lambda: forward(bf16, windows, False),
            "published formulas in Python (fp32 SVD score and anisotropy)": lambda: svd_scores(fp32, windows),
            "linscan fp32, forward only": linscan_row(program, folder, ids, args, "fp32", "none"),
            "linscan bf16, forward only": linscan_row(program, folder, ids, args, "bf16", "none"),
            "linscan fp32, linearity + baselines + geometry": linscan_row(program, folder, ids, args, "fp32", full),
            "linscan bf16, linearity + baselines + geometry": linscan_row(program, folder, ids, args, "bf16", full),
        }
        if args.without_python_scores:
            rows = {name: action for name, action in rows.items() if "Python" not in name}
        forward(fp32, windows[:2], True)  # warm-up
        forward(bf16, windows[:2], False)
        text = table(measure(rows, args.repeats), args)
    print(text)
    if args.write:
        write_section(args.write, text)


if __name__ == "__main__":
    main()
