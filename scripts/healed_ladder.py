#!/usr/bin/env python3
"""The healed pruning ladder (the paper, section 5, figures 6 to 8): what every way of cutting 1, 2, ... K blocks costs before and after healing.

    python3 scripts/healed_ladder.py MODEL --data train.u16 --valid valid.u16 --eval eval.u16 --fit fit.u16 --max-drop 3 --out build/healed

For every cut `linscan prune` / `linearize` remove blocks, put linear maps in their place, or refit and sweep down projections; `linscan
distill --config configs/healed-ladder.toml` heals them at equal steps on the same windows. Each method cuts the blocks that it loses least by on the
text of the fits (or those of --blocks). Where several learning rates are given, the one with the lowest KL on the validation text is taken.
All figures of the table are of the evaluation text alone, which no choice has seen, by `linscan eval`.

Prints a Markdown table; --out gets results.json and all models. Runs that are finished are not repeated, a run that was stopped goes on;
one that --out has from another command, recipe or text is refused. -v prints the commands.
"""
import argparse
import json
import pathlib
import shlex
import subprocess
import sys
import tomllib

from recipe import ROOT, sha256, table, write_json

RECIPE = ROOT / "configs" / "healed-ladder.toml"

EDITS = {"removed": ["prune", "--method", "remove"],
         "linear maps": ["linearize", "--method", "linear"],
         "refit + sweep": ["prune", "--method", "refit", "--sweep"]}
# edit, what is trained, loss; nothing trained: the edit alone. "maps" and "projections:auto" are what the edit fitted.
ROWS = [("removed", None, None),
        ("removed", "all", "kl=1"),
        ("linear maps", None, None),
        ("linear maps", "maps", "mse=1"),  # the paper's
        ("linear maps", "maps", "kl=1"),
        ("refit + sweep", None, None),
        ("refit + sweep", "projections:auto", "kl=1"),
        ("refit + sweep", "all", "kl=1")]
TRAINED = {None: "–", "maps": "maps", "projections:auto": "fitted projections", "all": "all weights"}
LOSSES = {None: "–", "kl=1": "KL", "mse=1": "layer-wise MSE"}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="HuggingFace folder")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for models and results.json")
    parser.add_argument("--data", required=True, help="text that heals")
    parser.add_argument("--valid", help="text that rates are chosen on; default: the last documents of --data")
    parser.add_argument("--eval", required=True, help="text that the table is about")
    parser.add_argument("--fit", help="text of the closed-form fits and of the choice of blocks; default: --data")
    parser.add_argument("--fit-tokens", type=int, default=0, help="at most N tokens of --fit; 0: as many as the fits want")
    cuts = parser.add_mutually_exclusive_group(required=True)
    cuts.add_argument("--max-drop", type=int, metavar="K", help="cut 1 to K blocks, chosen by loss for each method")
    cuts.add_argument("--blocks", nargs="+", metavar="LIST", help="cut these, like 2 2,4 1,2,4")
    parser.add_argument("--lr", default="4e-3", metavar="X,...", help="rates to try for what an edit fitted (%(default)s)")
    parser.add_argument("--lr-all", default="3e-3", metavar="X,...", help="rates to try for all weights (%(default)s)")
    parser.add_argument("--recipe", type=pathlib.Path, default=RECIPE, help="other options of linscan distill (%(default)s)")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--ctx", type=int, default=256)
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every command")
    args = parser.parse_args()
    for name in ("lr", "lr_all"):
        try:
            positive = all(float(rate) > 0 for rate in getattr(args, name).split(","))
        except ValueError:
            positive = False
        if not positive:
            parser.error(f"--{name.replace('_', '-')} {getattr(args, name)}: expected positive numbers, like 1e-3,4e-3")
    if args.max_drop is not None and args.max_drop < 1:
        parser.error(f"--max-drop {args.max_drop}: expected at least 1")
    args.rates = {name: list(dict.fromkeys(getattr(args, name).split(","))) for name in ("lr", "lr_all")}
    return args


def digest(path):
    try:
        return sha256(path)
    except OSError as error:
        sys.exit(f"error: {path}: {error.strerror}")


def read_recipe(path):
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        sys.exit(f"error: {path}: {error}")


class Ladder:
    """Runs of one ladder, each in a folder of its own under --out."""

    def __init__(self, args):
        self.args = args
        # What a run depends on beside its command; weights are hashed by the runs themselves.
        self.inputs = {path: digest(path) for path in (args.data, args.valid, args.eval, args.fit) if path} | {"recipe": read_recipe(args.recipe)}
        self.commands = {}
        self.common = ["--ctx", args.ctx, "--dtype", args.dtype]

    def run(self, folder, result, command, *more):
        """The JSON that `command` leaves as `result` in `folder`; `more` options do not decide what it says."""
        command = list(map(str, command))
        done = {"command": command, "inputs": self.inputs}
        self.commands[str(folder)] = shlex.join(["linscan", *command])
        record = folder.with_name(folder.name + ".json")
        if record.exists() and json.loads(record.read_text()) != done:
            sys.exit(f"error: {folder} was made by another command or of other text (see {record}); choose another --out")
        if (folder / result).exists() and record.exists():
            return json.loads((folder / result).read_text())
        if self.args.verbose:
            print(self.commands[str(folder)], file=sys.stderr, flush=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_json(record, done)
        compute = ["--device", self.args.device, "--threads", str(self.args.threads)]
        program = self.args.bin / f"linscan-{command[0]}"
        if not program.exists():
            sys.exit(f"error: {program} is not there: scripts/build.sh builds it, --bin names its folder")
        outcome = subprocess.run([program, *command[1:], *compute, *more, "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if outcome.returncode:
            sys.exit(f"error: {self.commands[str(folder)]}\n{outcome.stderr[-2000:]}")
        return json.loads((folder / result).read_text())

    def edited(self, cut, edit):
        """Folder and report of what `edit` makes of `cut`: (name, options that choose the blocks)."""
        name, blocks = cut
        folder = self.args.out / name / edit.replace(" ", "")
        verb, *method = EDITS[edit]
        return folder, self.run(folder, "linscan_edit.json", [
            verb, self.args.model, "--out", folder, *method, *blocks, "--data", self.args.fit or self.args.data, "--tokens", self.args.fit_tokens,
            "--eval-data", self.args.eval, "--seed", self.args.seed, *self.common], "--force")

    def healed(self, student, train, loss, rate):
        folder = student.with_name("-".join([student.name, train.split(":")[0], loss.split("=")[0], rate]))
        valid = ["--held-out", self.args.valid] if self.args.valid else []
        return folder, self.run(folder, "result.json", [
            "distill", self.args.model, student, "--out", folder, "--config", self.args.recipe, "--data", self.args.data, *valid,
            "--train", train, "--loss", loss, "--lr", rate, "--steps", self.args.steps, "--batch-tokens", self.args.batch_tokens,
            "--seed", self.args.seed, *self.common, "--shards", self.args.out / "shards"], "--resume")

    def judged(self, model, folder):
        """Perplexity and KL from the whole model on the evaluation text."""
        document = self.run(folder, "result.json", [
            "eval", model, "--ppl", self.args.eval, "--ppl-rules", "chunked", "--kl-against", self.args.model, "--out", folder, *self.common], "--force")
        kl = document["divergence"]["texts"][self.args.eval]
        return {"perplexity": document["perplexity"][self.args.eval]["chunked"], "kl": kl["kl"], "kl_stderr": kl["kl_stderr"], "top1": kl["top1"]}

    def row(self, cut, edit, train, loss):
        student, plan = self.edited(cut, edit)
        blocks = [block["block"] for block in plan["blocks"] if block["becomes"] is None or block["action"] == "linear"]
        row = {"cut": len(blocks), "blocks": blocks, "edit": edit, "train": train, "loss": loss,
               "before": self.judged(student, student.with_name(student.name + "-eval"))}
        if not train:
            return row | {"command": self.commands[str(student)]}
        runs = {}
        for rate in self.args.rates["lr_all" if train == "all" else "lr"]:
            runs[rate] = folder, document = self.healed(student, train, loss, rate)
            print(f"{len(blocks)} cut, {edit}, {TRAINED[train]} by {LOSSES[loss]}, lr {rate}: KL {document['after']['kl']:.4f} on the validation text",
                  file=sys.stderr, flush=True)
        rate = min(runs, key=lambda each: runs[each][1]["after"]["kl"])
        folder, document = runs[rate]
        return row | {"lr": float(rate), "steps": document["steps"], "tokens_per_second": document["compute"]["tokens_per_second"],
                      "tried": {each: {"validation_kl": run["after"]["kl"]} for each, (_, run) in runs.items()},
                      "command": self.commands[str(folder)], "model": str(folder / "model"),
                      "after": self.judged(folder / "model", folder / "eval")}


def ladder_table(rows):
    lines = []
    for row in rows:
        before, after = row["before"], row.get("after")
        healed = (f"{after['perplexity']:.2f}", f"{after['kl']:.3f} ± {after['kl_stderr']:.3f}") if after else ("–", "–")
        lr, steps = (f"{row['lr']:g}", str(row["steps"])) if after else ("–", "0")
        cells = [str(row["cut"]), row["edit"], ", ".join(map(str, row["blocks"])), TRAINED[row["train"]], LOSSES[row["loss"]], lr, steps,
                 f"{before['perplexity']:.2f}", healed[0], f"{before['kl']:.3f} ± {before['kl_stderr']:.3f}", healed[1]]
        lines.append(cells)
    return table(["cut", "method", "blocks", "trained", "loss", "lr", "steps", "perplexity", "healed", "KL", "healed"], lines, text=(1, 2, 3, 4))


def verdict(rows):
    """In how many cuts distilled maps beat those that were not, by perplexity, for both losses."""
    sentences = []
    for loss in ("kl=1", "mse=1"):
        maps = [row for row in rows if row["edit"] == "linear maps" and row["loss"] == loss]
        won = sum(row["after"]["perplexity"] < row["before"]["perplexity"] for row in maps)
        sentences.append(f"maps distilled by {LOSSES[loss]} have the lower perplexity in {won} of {len(maps)} cuts")
    return "; ".join(sentences) + "."


def main():
    args = parse_arguments()
    if args.blocks:
        cuts = [(f"blocks-{blocks.replace(',', '-').replace(':', 'to')}", ["--blocks", blocks]) for blocks in args.blocks]
    else:
        cuts = [(f"drop-{k}", ["--drop", k, "--by", "loss"]) for k in range(1, args.max_drop + 1)]
    args.out.mkdir(parents=True, exist_ok=True)
    ladder = Ladder(args)
    dense = ladder.judged(args.model, args.out / "whole-eval")["perplexity"]
    rows = []
    for cut in cuts:
        rows += [ladder.row(cut, *row) for row in ROWS]
        options = {name: str(value) if isinstance(value, pathlib.Path) else value for name, value in vars(args).items()}
        write_json(args.out / "results.json", {"perplexity": dense, "rows": rows, "inputs": ladder.inputs, "options": options})
    print(f"{args.model}: perplexity {dense:.2f}; {args.steps} steps of {args.batch_tokens} tokens, windows of {args.ctx}\n")
    print(ladder_table(rows) + "\n\n" + verdict(rows))


if __name__ == "__main__":
    main()
