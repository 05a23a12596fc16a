#!/usr/bin/env python3
"""The paper's table 1 at small scale: what fine-tuning does to the linearity of a model, on tasks that it learns, with its spread.

    python3 scripts/finetuning_table.py examples/demo-model --out build/finetuning [--task cb=CB/val.jsonl] [--task boolq=BoolQ/val.jsonl]

Every row is `linscan finetune MODEL --config configs/finetuning-table.toml` with the options of the small variant, from several seeds. The
tasks are those of examples/make_tasks.py (kind of story, yes or no, a story preferred to one that contradicts itself) and the files of
--task, which are split by `linscan finetune`. "Before" is the accuracy of a linear probe on the states of the last block, before any
training (`linscan analyze --metrics probe`, five folds of the validation texts; for --task, of the file).

Prints a Markdown table; OUT/table.json has its figures. Trainings that are finished are only measured again; a task that fails is
reported, left out, and makes the exit status 1.
"""
import argparse
import json
import pathlib
import sys

from recipe import ROOT, Failed, measured, run, story_tasks, table, write_json

STORIES = {"kind of story": "text=kind", "yes or no": "boolq=boolq", "consistent story": "reward=reward"}
FIGURES = {"update": 4, "update_in_sample": 4, "stream": 4, "norm_ratio": 4, "effective_rank": 2}


def rows_of(args, folder):
    """(name, kind, file to train on, file to validate with or None) of every row."""
    for name in args.stories.split(",") if args.stories else []:
        kind, stem = STORIES[name].split("=")
        yield name, kind, folder / f"{stem}-train.jsonl", folder / f"{stem}-validation.jsonl"
    for task in args.task:
        kind, file = task.split("=", 1)
        yield f"{kind} ({pathlib.Path(file).name})", kind, pathlib.Path(file), None


def finetune(args, out, kind, train, validation):
    command = [pathlib.Path(args.bin) / "linscan-finetune", args.model, "--config", ROOT / "configs" / "finetuning-table.toml", "--task",
               f"{kind}={train}", "--epochs", args.epochs, "--lr", args.lr, "--batch", args.batch, "--ctx", args.ctx, "--tokens", args.tokens,
               "--seeds", args.seeds, "--dtype", "fp32", "--device", args.device, "--threads", args.threads, "--out", out, "--resume",
               "--format", "json", "-q"]
    command += ["--validation", validation] if validation else []
    command += ["--limit", args.limit] if args.limit else []
    return json.loads(run(command))


def probe_before(args, out, kind, file):
    """Accuracy on the last block's states; None for preferences, which have no classes."""
    if kind == "reward":
        return None
    result = measured(out / "probe.json", [pathlib.Path(args.bin) / "linscan-analyze", args.model, "--metrics", "probe", "--probe-data",
                                           f"{kind}={file}", "--tokens", 1024, "--dtype", "fp32", "--device", args.device, "--threads",
                                           args.threads, "--format", "json", "-q"])
    return result["blocks"][-1]["probe"]["accuracy"]


def figure(value, digits, sign=""):
    if value["mean"] is None:
        return "–"
    text = f"{value['mean']:{sign}.{digits}f}"
    return text if value["sd"] is None else f"{text} ± {value['sd']:.{digits}f}"


def markdown(results):
    rows = []
    for name, result, before in results:
        evaluation = result["evaluation"]
        majority = evaluation.get("majority")
        rows.append([name, *(figure(result["change"][key], digits, "+") for key, digits in FIGURES.items()),
                     "–" if before is None else f"{before:.3f}", figure(evaluation["accuracy"], 3),
                     f"{majority['mean']:.3f}" if majority else "0.500"])
    if results:
        start = results[0][1]["before"]
        rows.insert(0, ["before", *(f"{start[key]:.{digits}f}" for key, digits in FIGURES.items()), "", "", ""])
    return table(["change of the mean over blocks", "update R² held out", "update R² in sample", "stream R² held out", "norm ratio",
                  "effective rank", "probe before", "accuracy after", "most frequent class"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--out", required=True, help="folder of all runs")
    parser.add_argument("--tasks", help="folder of examples/make_tasks.py (default: OUT/tasks, made where it is missing)")
    parser.add_argument("--stories", default=",".join(STORIES), help="which of its tasks, comma-separated; '' for none (default: all)")
    parser.add_argument("--task", action="append", default=[], metavar="KIND=FILE", help="labelled texts of others; repeatable")
    parser.add_argument("--limit", type=int, default=0, help="the first N examples of a file; 0: all")
    parser.add_argument("--bin", default=str(ROOT / "build" / "bin"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--ctx", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=16384, help="tokens that linearity is measured on")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    unknown = [name for name in args.stories.split(",") if args.stories and name not in STORIES]
    if unknown:
        parser.error(f"no task '{unknown[0]}' of stories; expected some of {', '.join(STORIES)}")
    if any("=" not in task for task in args.task):
        parser.error("--task is KIND=FILE")
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    results, errors = [], []
    try:
        folder = story_tasks(args.tasks or out / "tasks") if args.stories else None
    except Failed as error:
        sys.exit(f"finetuning_table.py: {error}")
    for number, (name, kind, train, validation) in enumerate(rows_of(args, folder)):
        run_folder = out / f"{number}-{kind}"
        try:
            result = finetune(args, run_folder, kind, train, validation)
            results.append((name, result, probe_before(args, run_folder, kind, validation or train)))
            write_json(out / "table.json", {"options": vars(args), "rows": [
                {"task": n, "before": r["before"], "change": r["change"], "evaluation": r["evaluation"], "probe_before": b}
                for n, r, b in results]})
        except (Failed, OSError, KeyError, ValueError) as error:
            errors.append(f"{name}: {error}")
        print(f"{name}: {'failed' if errors and errors[-1].startswith(name) else 'done'}", file=sys.stderr, flush=True)
    print(markdown(results))
    if errors:
        sys.exit("\n".join(errors))


if __name__ == "__main__":
    main()
