#!/usr/bin/env python3
"""The paper's comparison of regularisers (section 4) at small scale: none, cosine 0.5, MSE 0.5, MSE 2.0, several seeds each.

    python3 scripts/regularizer_comparison.py --data build/demo-train.jsonl.gz --out build/regularizers

Every run is `linscan pretrain-reg configs/regularizer-comparison.toml` with the options of the small variant: the demo's shape, the
same windows in the same order for one seed. Its model answers the multiple-choice items of examples/make_tasks.py (`linscan eval`),
and a linear probe reads two properties of a story off the states of each block (`linscan analyze --metrics probe`): which kind it is,
and the answer to a yes-or-no question.

Prints Markdown tables, each figure with its standard deviation over seeds: held-out perplexity, held-out linearity of update and stream
(means over blocks), norm ratio, effective rank, accuracy of the choices, and in how many block-seed pairs the update is less linear than
without a regulariser; then linearity and probe accuracy by block. OUT/results.json has the figures of every run. What is finished is
not repeated; a part that fails is reported, left out, and makes the exit status 1.
"""
import argparse
import concurrent.futures
import json
import pathlib
import statistics
import sys

from recipe import ROOT, Failed, measured, run, spread, story_tasks, table, write_json

TERMS = {"none": ["--reg", "none"], "cosine 0.5": ["--reg", "cosine", "--lambda", "0.5"],
         "MSE 0.5": ["--reg", "mse", "--lambda", "0.5"], "MSE 2.0": ["--reg", "mse", "--lambda", "2.0"]}
PROBES = {"kind of story": "text=kind-validation.jsonl", "yes or no": "boolq=boolq-validation.jsonl"}
CHOICES = "openbookqa"


def train(args, term, seed):
    """Trains, or finds a finished run; a run of other options is refused by the program. Linearity and perplexity of the end."""
    out = pathlib.Path(args.out) / f"{term.replace(' ', '-')}-{seed}"
    run([pathlib.Path(args.bin) / "linscan-pretrain-reg", ROOT / "configs" / "regularizer-comparison.toml", "--data", args.data,
         "--held-out", ROOT / "examples/corpus/demo-stories.jsonl.gz", "--tokenizer", ROOT / "examples/demo-model", "--shards",
         pathlib.Path(args.out) / "shards", "--architecture", "demo", "--ctx", args.ctx, "--steps", args.steps, "--batch-tokens",
         args.batch_tokens, "--micro-batch-tokens", 0, "--lr", "3e-3", "--warmup", min(50, args.steps // 2), "--dtype", "fp32",
         "--device", args.device, "--threads", args.threads, "--measure-points", args.measure_points, "--held-out-tokens", 16384,
         "--eval-every", 0, "--checkpoint-every", 0, "--seed", seed, "--out", out, "--resume", "-q", *TERMS[term]])
    document = json.loads((out / "result.json").read_text())
    blocks = json.loads(sorted((out / "linearity").glob("*.json"))[-1].read_text())["blocks"]
    return {"perplexity": document["evaluation"]["perplexity"],
            "update": [b["linearity"]["update"]["held_out"] for b in blocks],
            "stream": [b["linearity"]["stream"]["held_out"] for b in blocks],
            "ratio": [b["norm"]["ratio"] for b in blocks],
            "rank": [b["geometry"]["effective_rank"] for b in blocks]}


def choose(args, tasks, out):
    result = measured(out / "choices.json", [pathlib.Path(args.bin) / "linscan-eval", out / "model", "--task",
                                             f"{CHOICES}={tasks / 'next.jsonl'}", "--limit", args.limit, "--dtype", "fp32", "--device",
                                             args.device, "--threads", args.threads, "--format", "json", "-q"])
    return result["tasks"][CHOICES]["acc"]


def probe(args, tasks, out, name):
    kind, file = PROBES[name].split("=")
    result = measured(out / f"probe-{kind}.json", [pathlib.Path(args.bin) / "linscan-analyze", out / "model", "--metrics", "probe",
                                                   "--probe-data", f"{kind}={tasks / file}", "--tokens", 1024, "--dtype", "fp32",
                                                   "--device", args.device, "--threads", args.threads, "--format", "json", "-q"])
    return [result["probe"]["embedding"]["accuracy"]] + [b["probe"]["accuracy"] for b in result["blocks"]]


def one(args, tasks, term, seed):
    """(figures, errors) of a run: what could be measured, and why the rest could not."""
    out = pathlib.Path(args.out) / f"{term.replace(' ', '-')}-{seed}"
    figures, errors = {}, []
    parts = [("training", lambda: train(args, term, seed)), ("choices", lambda: {"accuracy": choose(args, tasks, out)}),
             *((name, lambda name=name: {name: probe(args, tasks, out, name)}) for name in PROBES)]
    for part, measure in parts:
        try:
            figures.update(measure())
        except (Failed, OSError, KeyError, ValueError) as error:
            errors.append(f"{term}, seed {seed}, {part}: {error}")
            if part == "training":
                break
    return figures, errors


def everything(args, terms, tasks):
    """The figures of all runs by (term, seed), written to results.json whenever another one is there; and the errors."""
    runs, errors = {}, []
    keys = [(term, seed) for seed in range(1, args.seeds + 1) for term in terms]

    def keep(key, outcome):
        figures, failed = outcome
        errors.extend(failed)
        print(f"{key[0]}, seed {key[1]}: {'failed' if failed else 'done'}", file=sys.stderr, flush=True)
        runs[key] = figures
        write_json(pathlib.Path(args.out) / "results.json",
                   {"options": vars(args), "runs": [{"term": t, "seed": s, **figures} for (t, s), figures in runs.items()]})

    keep(keys[0], one(args, tasks, *keys[0]))  # writes the shards that all others share
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        futures = {pool.submit(one, args, tasks, *key): key for key in keys[1:]}
        for future in concurrent.futures.as_completed(futures):
            keep(futures[future], future.result())
    return runs, errors


def summary(terms, runs, seeds):
    rows = []
    for term in terms:
        done = [runs[term, s] for s in seeds if "update" in runs[term, s]]
        mean = {key: [statistics.mean(figures[key]) for figures in done] for key in ("update", "stream", "ratio", "rank")}
        pairs = [(a, b) for s in seeds for a, b in zip(runs[term, s].get("update", []), runs.get(("none", s), {}).get("update", []))]
        lower = f"{sum(a < b for a, b in pairs)} of {len(pairs)}" if pairs and term != "none" else ""
        rows.append([term, spread([figures["perplexity"] for figures in done]), spread(mean["update"]), spread(mean["stream"], 4),
                     spread(mean["ratio"]), spread(mean["rank"], 1), spread([f.get("accuracy") for f in done]), lower])
    return table(["term", "held-out perplexity", "update R²", "stream R²", "norm ratio", "effective rank", "right choices of four",
                  "updates less linear than without"], rows)


def by_block(terms, runs, seeds, key, title):
    """One row for each term, a column for each block; probes have the embedding before them."""
    width = max((len(figures[key]) for figures in runs.values() if key in figures), default=0)
    blocks = [f"block {b}" for b in range(width - (key in PROBES))]
    names = ["embedding", *blocks] if key in PROBES else blocks
    rows = [[term, *(spread([runs[term, s][key][i] for s in seeds if key in runs[term, s]]) for i in range(width))] for term in terms]
    return table([title, *names], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="text to train on")
    parser.add_argument("--out", required=True, help="folder of all runs")
    parser.add_argument("--tasks", help="folder of examples/make_tasks.py (default: OUT/tasks, made where it is missing)")
    parser.add_argument("--limit", type=int, default=600, help="multiple-choice items")
    parser.add_argument("--terms", default=",".join(TERMS), help="comma-separated (default: all)")
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
    terms = args.terms.split(",")
    unknown = [term for term in terms if term not in TERMS]
    if unknown:
        parser.error(f"no term '{unknown[0]}'; expected some of {', '.join(TERMS)}")
    if min(args.seeds, args.jobs, args.steps) < 1:
        parser.error("--seeds, --jobs and --steps are at least 1")
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    try:
        tasks = story_tasks(args.tasks or pathlib.Path(args.out) / "tasks")
    except Failed as error:
        sys.exit(f"regularizer_comparison.py: {error}")
    runs, errors = everything(args, terms, tasks)
    seeds = range(1, args.seeds + 1)
    print(f"{args.steps} steps of {args.batch_tokens} tokens, windows of {args.ctx}, {args.seeds} seeds\n")
    print(summary(terms, runs, seeds))
    for key, title in (("update", "update R²"), ("stream", "stream R²"), *((name, f"probe: {name}") for name in PROBES)):
        print("\n" + by_block(terms, runs, seeds, key, title))
    if errors:
        sys.exit("\n".join(errors))


if __name__ == "__main__":
    main()
