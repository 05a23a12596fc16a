#!/usr/bin/env python3
"""What the maps of all spans cost beside the forward pass, ours (without logits) and that of transformers (with logits), and their
memory beside the plan.

    .venv/bin/python scripts/bench/edit_spans.py [--spans 8] [--repeats 3] [--write docs/benchmarks.md]

Runs build/tests/edit_spans, which takes both in turn and counts CPU seconds of one thread, so that other load on the machine matters
little; then the same model and windows in transformers (sdpa, batches of 2,048 tokens).
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import make_random_model  # noqa: E402

BEGIN, END = "<!-- begin edit_spans -->", "<!-- end edit_spans -->"


def write_section(path, text):
    head, rest = path.read_text().split(BEGIN, 1)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


def gib(count):
    return f"{count / 2 ** 30:.2f} GiB"


def median_cpu(runs):
    return statistics.median(run["cpu"] for run in runs)


def row(what, result, peer):
    forward, maps = median_cpu(result["forward"]), median_cpu(result["all_maps"])
    added = maps - forward
    return (f"| {what} | {result['spans']} | {forward:.1f} | {maps:.1f} | {added / forward:.2f} | {added / peer:.2f} | "
            f"{gib(result['planned_bytes'])} | {gib(result['peak_bytes'])} |")


def peer_side(folder, ids, context, repeats):
    """Prints CPU seconds of forward passes in transformers as JSON."""
    import torch
    from transformers import AutoModelForCausalLM
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
    tokens = torch.from_numpy(np.fromfile(ids, dtype="<i4").astype("int64"))
    windows = tokens[:len(tokens) // context * context].view(-1, context).split(max(1, 2048 // context))
    rest = tokens[len(tokens) // context * context:]
    runs = []
    with torch.no_grad():
        for _ in range(repeats):
            start = time.process_time()
            for batch in [*windows, *([rest[None]] if len(rest) else [])]:
                model(batch, use_cache=False)
            runs.append({"cpu": time.process_time() - start})
    print(json.dumps(runs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="gpt2-small", choices=make_random_model.SHAPES)
    parser.add_argument("--tokens", type=int, default=15000)
    parser.add_argument("--ctx", type=int, default=512)
    parser.add_argument("--spans", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", type=pathlib.Path)
    parser.add_argument("--peer-side", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer_side:
        peer_side(*args.peer_side, args.ctx, args.repeats)
        return
    program = pathlib.Path(os.environ.get("LINSCAN_TEST_BIN", ROOT / "build" / "tests")) / "edit_spans"

    with tempfile.TemporaryDirectory(dir=ROOT / "build") as scratch:
        folder, ids = pathlib.Path(scratch) / "model", pathlib.Path(scratch) / "ids.i32"
        make_random_model.write_model(args.shape, folder, "fp32", None, shard_size=2_000_000_000)
        vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
        np.random.default_rng(0).integers(0, vocabulary, args.tokens).astype("<i4").tofile(ids)

        def output(*command):
            return json.loads(subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout)

        def measure(longest):
            return output(program, folder, ids, args.ctx, longest, args.repeats)

        peer = median_cpu(output(sys.executable, __file__, "--ctx", args.ctx, "--repeats", args.repeats, "--peer-side", folder, ids))
        rows = [row("every block", measure(1), peer), row(f"every span up to {args.spans}", measure(args.spans), peer)]
    text = "\n".join([f"{args.shape} shape, fp32, {args.tokens} tokens, windows of {args.ctx}, median of {args.repeats}, one thread, "
                      f"{datetime.date.today()}. The forward pass of transformers, with logits: {peer:.1f} CPU s.", "",
                      "| maps of | maps | forward, CPU s | forward and fits, CPU s | added, of the forward | of transformers' | planned | peak |",
                      "|---|---:|---:|---:|---:|---:|---:|---:|", *rows])
    print(text)
    if args.write:
        write_section(args.write, text)


if __name__ == "__main__":
    main()
