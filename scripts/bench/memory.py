#!/usr/bin/env python3
"""Peak memory of linscan analyze on a model whose weights exceed the limit, beside what --dry-run promised.

    .venv/bin/python scripts/bench/memory.py [--shape llama-1b] [--limit 2GiB] [--write docs/benchmarks.md]

Anonymous memory is what counts: mapped weight files are pages the kernel takes back when it needs them. Both are shown.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import make_random_model  # noqa: E402

BEGIN, END = "<!-- begin memory -->", "<!-- end memory -->"


class PeakWatcher(threading.Thread):
    """Samples /proc/PID/status: the largest anonymous and the largest total resident memory, in bytes."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status, self.anonymous, self.resident, self.done = f"/proc/{pid}/status", 0, 0, False

    def run(self):
        while not self.done:
            try:
                text = open(self.status).read()
            except OSError:
                return
            fields = dict(re.findall(r"^(RssAnon|VmHWM):\s+(\d+) kB", text, re.M))
            self.anonymous = max(self.anonymous, int(fields.get("RssAnon", 0)) * 1024)
            self.resident = max(self.resident, int(fields.get("VmHWM", 0)) * 1024)
            time.sleep(0.02)


def run_watched(command):
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    watcher = PeakWatcher(process.pid)
    watcher.start()
    out, _ = process.communicate()
    watcher.done = True
    if process.returncode != 0:
        raise SystemExit(f"exit {process.returncode}: {' '.join(command)}")
    return json.loads(out), watcher, time.perf_counter() - start


def write_section(path, text):
    old = path.read_text() if path.exists() else "# Benchmarks\n"
    if BEGIN not in old:
        old += f"\n## Memory of linscan analyze\n\n`scripts/bench/memory.py`\n\n{BEGIN}\n{END}\n"
    head, rest = old.split(BEGIN, 1)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


def gib(count):
    return f"{count / 2 ** 30:.2f} GiB"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="llama-1b", choices=make_random_model.SHAPES)
    parser.add_argument("--dtype", default="bf16", choices=make_random_model.DTYPES)
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--limit", default="1.5GiB")
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--ctx", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", type=pathlib.Path)
    args = parser.parse_args()
    program = pathlib.Path(os.environ.get("LINSCAN_BIN", ROOT / "build" / "bin")) / "linscan-analyze"

    with tempfile.TemporaryDirectory(dir=ROOT / "build") as scratch:
        folder = pathlib.Path(scratch) / "model"
        weights = make_random_model.write_model(args.shape, folder, args.dtype, args.blocks, shard_size=2_000_000_000)
        vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
        ids = pathlib.Path(scratch) / "ids.i32"
        np.random.default_rng(0).integers(0, vocabulary, args.tokens).astype("<i4").tofile(ids)
        command = [str(program), str(folder), "--data", str(ids), "--ctx", str(args.ctx), "--tokens", str(args.tokens),
                   "--threads", str(args.threads), "--memory-limit", args.limit, "--device", "cpu", "--quiet", "--format", "json"]
        plan = json.loads(subprocess.run([*command, "--dry-run"], check=True, stdout=subprocess.PIPE, text=True).stdout)
        result, watcher, seconds = run_watched(command)
    lines = [f"{args.shape} shape, {args.dtype}, {args.tokens} tokens, windows of {args.ctx}, {args.threads} threads, "
             f"`--memory-limit {args.limit}`; {seconds:.1f} s.", "",
             "| | |", "|---|---:|",
             f"| weights | {gib(weights)} |",
             f"| plan of `--dry-run` | {', '.join(f'{part} {gib(size)}' for part, size in plan['memory_bytes'].items())} |",
             f"| peak anonymous memory | {gib(watcher.anonymous)} |",
             f"| peak resident memory, mapped files included | {gib(watcher.resident)} |",
             f"| `compute.peak_memory_bytes` of the result | {gib(result['compute']['peak_memory_bytes'])} |"]
    text = "\n".join(lines)
    print(text)
    if args.write:
        write_section(args.write, text)


if __name__ == "__main__":
    main()
