#!/usr/bin/env python3
"""How long a checkpoint of many shards and tensors takes to open, and how fast large ones are read.

    .venv/bin/python scripts/bench/open_checkpoint.py [--build build] [--write docs/benchmarks.md]

Opening: 10,000 tiny tensors in 100 shards, as safetensors and as pytorch_model.bin; the files are in the page cache, as they are
after a download. Reading: one large file that is put out of the page cache before each round, mapped by linscan and read by plain
read(2) calls in turn.
"""
import argparse
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import tempfile
import time

import torch
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- begin open_checkpoint -->", "<!-- end open_checkpoint -->"
SHARDS, PER_SHARD = 100, 100
SAVE = {"safetensors": lambda tensors, path: save_file(tensors, path, metadata={"format": "pt"}), "bin": torch.save}
STEM = {"safetensors": "model", "bin": "pytorch_model"}


def write_shards(folder, form):
    """Names as long as those of a mixture of experts, four numbers each."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    weight_map = {}
    for shard in range(SHARDS):
        tensors = {f"model.layers.{i}.block_sparse_moe.experts.{shard}.down_proj.weight": torch.ones(2, 2)
                   for i in range(PER_SHARD)}
        file = f"{STEM[form]}-{shard + 1:05d}-of-{SHARDS:05d}.{form}"
        SAVE[form](tensors, folder / file)
        weight_map.update(dict.fromkeys(tensors, file))
    index = {"metadata": {"total_size": 16 * len(weight_map)}, "weight_map": weight_map}
    (folder / f"{STEM[form]}.{form}.index.json").write_text(json.dumps(index, indent=2))
    return folder


def write_large(folder, form, mebibytes):
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    tensors = {f"w{i}.weight": torch.randn(2048, 2048, dtype=torch.float32) for i in range(mebibytes // 16)}
    SAVE[form](tensors, folder / f"{STEM[form]}.{form}")
    return folder / f"{STEM[form]}.{form}"


def measure(program, *arguments):
    return json.loads(subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout)


def evict(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_plainly(path):
    buffer = bytearray(1 << 22)
    start = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - start


def seconds_of_info(program, folder, repeats):
    wall, cpu = [], []
    for _ in range(repeats):
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([program, folder], capture_output=True)  # the architecture is none: facts, then exit 1
        wall.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return wall, cpu


def milliseconds(wall, cpu):
    return f"{1e3 * statistics.median(wall):.0f} | {1e3 * min(wall):.0f} | {1e3 * max(wall):.0f} | {1e3 * statistics.median(cpu):.0f}"


def opening_rows(build, folder, repeats):
    for form in SAVE:
        shards = write_shards(folder / form, form)
        result = measure(build / "tests/open_checkpoint", shards, repeats)
        assert result["tensors"] == SHARDS * PER_SHARD
        yield f"| {form}: `Checkpoint::open` | {milliseconds(result['open'], result['open_cpu'])} |"
        info = seconds_of_info(build / "bin/linscan-info", shards, repeats)
        yield f"| {form}: `linscan info`, the whole process | {milliseconds(*info)} |"


def reading_rows(build, folder, mebibytes, rounds):
    for form in SAVE:
        path = write_large(folder / f"large-{form}", form, mebibytes)
        mapped, plain = [], []
        for _ in range(rounds):
            evict(path)
            mapped.append(measure(build / "tests/open_checkpoint", path.parent, 1, "read")["read"][0])
            evict(path)
            plain.append(read_plainly(path))
        rate = lambda times: f"{mebibytes / 1024 / statistics.median(times):.2f}"
        yield f"| {form}, {mebibytes} MiB | {rate(mapped)} | {rate(plain)} | {statistics.median(mapped) / statistics.median(plain):.2f} |"


def write_section(path, text):
    head, rest = path.read_text().split(BEGIN, 1)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build folder")
    parser.add_argument("--repeats", type=int, default=20, help="of opening")
    parser.add_argument("--rounds", type=int, default=3, help="of reading")
    parser.add_argument("--mebibytes", type=int, default=2048, help="of the large file")
    parser.add_argument("--write", type=pathlib.Path, help="Markdown file with the section to replace")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="linscan-bench-") as name:
        folder = pathlib.Path(name)
        opening = list(opening_rows(args.build, folder, args.repeats))
        reading = list(reading_rows(args.build, folder, args.mebibytes, args.rounds))
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    text = "\n".join([
        f"{SHARDS * PER_SHARD} tensors in {SHARDS} shards, {args.repeats} repeats, files in the page cache; {cpu}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f} at the end; {time.strftime('%Y-%m-%d')}.", "",
        "| opening, milliseconds | median | fastest | slowest | CPU time, median |", "|---|---:|---:|---:|---:|", *opening, "",
        "| reading from disk, GiB/s | mapped by linscan | read(2) of 4 MiB | time ratio |", "|---|---:|---:|---:|", *reading])
    print(text)
    if args.write:
        write_section(args.write, text)


if __name__ == "__main__":
    main()
