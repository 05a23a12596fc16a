#!/usr/bin/env python3
"""What edits cost trained models, by method and number of blocks, as Markdown: every set of blocks against an independent experiment,
and the set that linscan prune chooses against the best of all.

    .venv/bin/python scripts/bench/edit_figures.py [--models stories260k babyllama demo] [--deepest 3]

Needs build/tests/edit_search (scripts/build.sh edit_search) and, but for the demo model, the trained models (LINSCAN_ASSETS).
"""
import argparse
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "parity"))
import edit_models  # noqa: E402

METHODS = ["remove", "linear", "fold", "refit", "refit + sweep", "auto"]
# Perplexity with k = 1, 2, 3 blocks edited, the set chosen by calibration loss, by an independent fp64 experiment (HF blocks, QR and SVD fits).
INDEPENDENT = {
    "stories260k": {"remove": (10.7, 29.8, 149), "linear": (8.7, 17.6, 34.7), "fold": (9.0, 20.6, 56), "refit": (8.3, 16.4, 31)},
    "babyllama": {"remove": (6.6, 16.8, 95), "linear": (2.50, 4.8, 8.5), "fold": (6.5, 10.5, 13), "refit": (5.1, 7.6, 9.4)},
}


def set_text(choice, name_method):
    return ",".join(map(str, choice["blocks"])) + (f" ({choice['method']})" if name_method else "")


def print_rows(name, methods):
    """One row for each method and number of blocks."""
    for method in sorted(methods, key=METHODS.index):
        for k, row in enumerate(methods[method], start=1):
            best, automatic, hindsight = row["exhaustive"], row["automatic"], row["hindsight"]
            independent = INDEPENDENT.get(name, {}).get(method)
            print(f"| {name} | {method} | {k} | {best['perplexity']:.4g} | {independent[k - 1] if independent and k <= 3 else ''} | {set_text(best, method == 'auto')} "
                  f"| {automatic['perplexity']:.4g} | {set_text(automatic, method == 'auto')} | {automatic['perplexity'] / best['perplexity'] - 1:+.1%} "
                  f"| {automatic['perplexity'] / hindsight['perplexity'] - 1:+.1%} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=edit_models.NAMES, choices=edit_models.NAMES)
    parser.add_argument("--deepest", type=int, default=3, help="up to how many blocks are edited")
    parser.add_argument("options", nargs="*", help="more options of linscan prune, after --")
    arguments = parser.parse_args()
    print("| model | method | k | best of all sets | independent | its blocks | automatic | its blocks | to the best | to hindsight |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models:
            model, text = edit_models.prepare(name, pathlib.Path(folder) / name)
            start = time.monotonic()
            methods, dense = edit_models.search(model, text, arguments.deepest, *arguments.options)
            print_rows(name, methods)
            print(f"{name}: dense {dense:.4g}, {time.monotonic() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
