"""What the scripts of the recipes share: running the programs, the tasks of the bundled stories, tables with their spread."""
import hashlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


class Failed(Exception):
    """A program that ended with an error; the text is its last lines."""


def run(command):
    """Standard output of a program. Raises Failed."""
    try:
        result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror} (scripts/build.sh builds it)") from error
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if "error:" in line] or result.stderr.splitlines()[-5:]
        raise Failed(f"{pathlib.Path(command[0]).name}: exit {result.returncode}: " + "\n".join(lines))
    return result.stdout


def write_json(path, document):
    """Replaces a file as a whole."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def sha256(path):
    """Of a file. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inputs_of(command):
    """Digests of the files that a command names, also as NAME=FILE, and of the weights in its folders."""
    digests = {}
    for part in command[1:]:
        path = pathlib.Path(part.split("=", 1)[-1])
        for file in [path] if path.is_file() else sorted(path.glob("*.safetensors")) if path.is_dir() else []:
            digests[str(file)] = sha256(file)
    return digests


def measured(path, command):
    """The JSON that `command` prints, kept in `path`: the same command on the same files is not run again. Raises Failed."""
    command = [str(part) for part in command]
    done = {"command": command, "inputs": inputs_of(command)}
    if path.exists():
        kept = json.loads(path.read_text())
        if {key: kept.get(key) for key in done} == done:
            return kept["result"]
    result = json.loads(run(command))
    write_json(path, done | {"result": result})
    return result


def story_tasks(folder):
    """The folder of examples/make_tasks.py, made where it is missing."""
    folder = pathlib.Path(folder)
    if not (folder / "next.jsonl").exists():  # the file that is written last
        run([sys.executable, ROOT / "examples" / "make_tasks.py", "--out", folder, "--force"])
    return folder


def spread(values, digits=3):
    """Mean and standard deviation as text; a dash where nothing was measured."""
    values = [value for value in values if value is not None]
    if not values:
        return "–"
    mean = statistics.mean(values)
    return f"{mean:.{digits}f} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else f"{mean:.{digits}f}"


def table(columns, rows, text=(0,)):
    """A Markdown table; the columns `text`, by their index, are text, the others are figures."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "".join("---|" if i in text else "---:|" for i in range(len(columns)))]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
