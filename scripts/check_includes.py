#!/usr/bin/env python3
"""Checks the rooms of the library: nothing includes against the arrows, torch stays where it belongs, no large files.

    python3 scripts/check_includes.py            exits 1 and lists every violation
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What a room may include, besides itself and what those rooms may include.
ARROWS = {
    "base": [],
    "io": ["base"],
    "text": ["base", "io"],
    "model": ["base", "io"],
    "stats": ["base"],
    "analyze": ["model", "text", "stats"],
    "edit": ["analyze", "eval"],
    "eval": ["model", "text", "stats"],
    "train": ["analyze", "eval"],
    "report": ["base"],
}
TORCH_FREE = {"base", "io", "text", "report"}
# The parts of room base that are built with torch: threads and devices, linear layers, tasks.
TORCH_PARTS = ("device", "linear", "task_pool")
TORCH_FILES = {file for part in TORCH_PARTS for file in (f"include/linscan/base/{part}.h", f"src/base/{part}.cpp")}
LARGEST_FILE = 2_500_000

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
TORCH = re.compile(rf"^(torch|ATen|c10|caffe2)/|^linscan/base/({'|'.join(TORCH_PARTS)})\.h$")


def closure(room):
    reached = {room}
    for other in ARROWS[room]:
        reached |= closure(other)
    return reached


def room_of(path):
    """The room of include/linscan/<room>/x.h or src/<room>/x; None for tools and tests."""
    parts = path.parts
    if parts[:2] == ("include", "linscan") and len(parts) > 3:
        return parts[2]
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    return None


def check_line(path, room, target):
    """The violation of one include, or None."""
    if target == "torch/torch.h" and path.suffix == ".h":
        return "torch/torch.h belongs in .cpp files only (it costs every includer many seconds)"
    if room is None:
        return None
    if room in TORCH_FREE and TORCH.match(target) and path.as_posix() not in TORCH_FILES:
        return f"room '{room}' works without torch"
    parts = target.split("/")
    public = parts[0] == "linscan" and len(parts) > 2
    other = parts[1] if public else parts[0]
    if other not in ARROWS or (not public and len(parts) < 2):
        return None
    if other not in closure(room):
        return f"room '{room}' may include {sorted(closure(room) - {room}) or 'nothing'}, not '{other}'"
    if not public and path.parts[0] == "include":
        return "a public header includes a private one"
    return None


def check_sources(problems):
    count = 0
    for folder in ("include", "src", "tools", "tests"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            count += 1
            relative = path.relative_to(ROOT)
            room = room_of(relative)
            if room is not None and room not in ARROWS:
                problems.append(f"{relative}: unknown room '{room}'; known: {', '.join(ARROWS)}")
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                problem = match and check_line(relative, room, match.group(2))
                if problem:
                    problems.append(f"{relative}:{number}: {match.group(2)}: {problem}")
    return count


def check_sizes(problems):
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, check=True).stdout.decode()
    for name in filter(None, listing.split("\0")):
        path = ROOT / name
        if path.is_file() and path.stat().st_size > LARGEST_FILE:
            problems.append(f"{name}: {path.stat().st_size} bytes; files over {LARGEST_FILE} do not belong in the repository")


def main():
    problems = []
    count = check_sources(problems)
    check_sizes(problems)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(f"includes: {len(problems)} violations", file=sys.stderr)
        return 1
    print(f"includes: {count} files follow the arrows", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
