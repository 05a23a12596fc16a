#!/usr/bin/env python3
"""The paper's comparison of regularisers (section 4) at small scale: none, cosine 0.5, MSE 0.5, MSE 2.0, several seeds each.

    python3 scripts/regularizer_comparison.py --data build/demo-train.jsonl.gz --out build/regularizers

Every run is `linscan pretrain-reg configs/regularizer-comparison.toml` with the options of the small variant: the demo's shape, the
same windows in the same order for one seed. Prints a Markdown table: held-out perplexity, held-out linearity of update and stream
(means over blocks), norm ratio and effective rank, each with its standard deviation over seeds, and in how many block-seed pairs the
update is less linear than without a regulariser. Runs that are finished are not repeated.
"""
import argparse
import concurrent.futures
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
TERMS = {"none": ["--reg", "none"], "cosine 0.5": ["--reg", "cosine", "--lambda", "0.5"],
         "MSE 0.5": ["--reg", "mse", "--lambda", "0.5"], "MSE 2.0": ["--reg", "mse", "--lambda", "2.0"]}


def train(args, term, seed):
    out = pathlib.Path(args.out) / f"{term.replace(' ', '-')}-{seed}"
    if not (out / "result.json").exists():
        command = [str(pathlib.Path(args.bin) / "linscan-pretrain-reg"), str(ROOT / "configs" / "regularizer-comparison.toml"),
                   "--data", args.data, "--held-out", str(ROOT / "examples/corpus/demo-stories.jsonl.gz"), "--tokenizer",
                   str(ROOT / "examples/demo-model"), "--shards", str(pathlib.Path(args.out) / "shards"), "--architecture", "demo",
                   "--ctx", str(args.ctx), "--steps", str(args.steps), "--batch-tokens", str(args.batch_tokens),
                   "--micro-batch-tokens", "0", "--lr", "3e-3", "--warmup", "50", "--dtype", "fp32", "--device", args.device,
                   "--threads", str(args.threads), "--measure-points", str(args.measure_points), "--held-out-tokens", "16384",
                   "--eval-every", "0", "--checkpoint-every", "0", "--seed", str(seed), "--out", str(out), "--resume", "-q",
                   *TERMS[term]]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            sys.exit(f"{term}, seed {seed}: {result.stderr[-2000:]}")
    document = json.loads((out / "result.json").read_text())
    last = json.loads(sorted((out / "linearity").glob("*.json"))[-1].read_text())
    blocks = last["blocks"]
    return {"perplexity": document["evaluation"]["perplexity"],
            "update": [b["linearity"]["update"]["held_out"] for b in blocks],
            "stream": [b["linearity"]["stream"]["held_out"] for b in blocks],
            "ratio": [b["norm"]["ratio"] for b in blocks],
            "rank": [b["geometry"]["effective_rank"] for b in blocks]}


def spread(values, digits=3):
    mean = statistics.mean(values)
    return f"{mean:.{digits}f} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else f"{mean:.{digits}f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--bin", default=str(ROOT / "build" / "bin"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--ctx", type=int, default=256)
    parser.add_argument("--measure-points", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="runs at once")
    args = parser.parse_args()
    train(args, "none", 1)  # writes the shards that all others share
    runs = {}
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        futures = {(t, s): pool.submit(train, args, t, s) for t in TERMS for s in range(1, args.seeds + 1)}
        for key, future in futures.items():
            runs[key] = future.result()
    seeds = range(1, args.seeds + 1)
    print(f"{args.steps} steps of {args.batch_tokens} tokens, windows of {args.ctx}, {args.seeds} seeds\n")
    print("| term | held-out perplexity | update R² | stream R² | norm ratio | effective rank | updates less linear than without |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for term in TERMS:
        mean = {key: [statistics.mean(runs[term, s][key]) for s in seeds] for key in ("update", "stream", "ratio", "rank")}
        pairs = [(a, b) for s in seeds for a, b in zip(runs[term, s]["update"], runs["none", s]["update"])]
        lower = "" if term == "none" else f"{sum(a < b for a, b in pairs)} of {len(pairs)}"
        print(f"| {term} | {spread([runs[term, s]['perplexity'] for s in seeds])} | {spread(mean['update'])} | {spread(mean['stream'], 4)} "
              f"| {spread(mean['ratio'])} | {spread(mean['rank'], 1)} | {lower} |")
    print("\nupdate R² by block (mean over seeds):\n")
    blocks = len(runs["none", 1]["update"])
    print("| term | " + " | ".join(f"block {b}" for b in range(blocks)) + " |")
    print("|---" * (blocks + 1) + "|")
    for term in TERMS:
        print(f"| {term} | " + " | ".join(f"{statistics.mean(runs[term, s]['update'][b] for s in seeds):.3f}" for b in range(blocks)) + " |")


if __name__ == "__main__":
    main()
