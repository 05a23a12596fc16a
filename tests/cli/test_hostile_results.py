"""Result files changed at random: every reader either shows them or refuses them with one line, and never falls over."""
import copy
import json
import os
import random

import pytest

import results

VALUES = [None, True, False, 0, -1, 1, 0.5, -0.0, 1e-320, 1e99, -1e99, 1e300, 2**63, -2**63, 2**70, "", "x" * 300, "\x1b[31m\u202e", "</script>",
          [], {}, [None, None], [1, 0], [[0, 1]], {"a": None}, {"low": 1}, {"a": {"b": {"c": 1}}}, float("nan"), float("inf")]
ROUNDS = int(os.environ.get("LINSCAN_FUZZ_ROUNDS", "60"))


def places(node, found):
    """Every (container, key) of a document."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        found.append((node, key))
        if isinstance(node[key], (dict, list)):
            places(node[key], found)
    return found


def mutated(seed):
    draw = random.Random(seed)
    return changed(results.document(draw.choice([1, 2, 5, 12])), draw)


def changed(document, draw):
    document = copy.deepcopy(document)
    for _ in range(draw.randint(1, 4)):
        node, key = draw.choice(places(document, []))
        if draw.random() < 0.2:
            node.pop(key)
        elif draw.random() < 0.1 and isinstance(node, dict):
            node[draw.choice(["", ".", "held_out", "block", "missing", "a.b", "é"])] = copy.deepcopy(draw.choice(VALUES))
        else:
            node[key] = copy.deepcopy(draw.choice(VALUES))
    return document


def mutated_with_parts(seed):
    """Of an analysis with sublayers and damage, of an edit, of a ladder."""
    draw = random.Random(seed)
    return changed([results.with_parts(results.document(5)), results.edit(), results.ladder()][seed % 3], draw)


def as_bytes(document, seed):
    draw = random.Random(seed)
    text = bytearray(json.dumps(document).encode())
    if seed % 4 == 0:
        for _ in range(draw.randint(1, 3)):
            text[draw.randrange(len(text))] = draw.randrange(256)
    return bytes(text)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    paths = []
    for seed in range(ROUNDS):
        paths.append(folder / f"{seed}.json")
        paths[-1].write_bytes(as_bytes(mutated(seed), seed))
    return results.write(folder / "good.json", results.document(5)), paths


@pytest.fixture(scope="module")
def files_with_parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile-parts")
    paths = []
    for seed in range(ROUNDS):
        paths.append(folder / f"{seed}.json")
        paths[-1].write_bytes(as_bytes(mutated_with_parts(seed), seed))
    return paths


def test_mutated_results_with_parts_edits_and_ladders(files_with_parts):
    outcomes = set()
    for path in files_with_parts:
        for kind in ("table", "markdown", "html"):
            done = results.run("linscan-report", path, "--format", kind)
            outcomes.add(done.returncode)
            assert done.returncode in (0, 1), (path.read_text(errors="replace"), done.stderr)
            assert done.stderr.count("\n") <= 1, (path, done.stderr)
            assert "\x1b" not in done.stdout + done.stderr
    assert outcomes == {0, 1}


COMMANDS = {
    "linscan-report": lambda good, bad: [[bad, "--format", kind] for kind in ("table", "html")],
    "linscan-compare": lambda good, bad: [[good, bad, "--format", kind] for kind in ("table", "json", "html")],
    "linscan-check": lambda good, bad: [[bad, good, "--allow-different", "data,ctx,protocol,folds,seed,dtype,tokens,weights"],
                                        [good, bad, "--format", "json"]],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_mutated_results_are_shown_or_refused(name, files):
    good, paths = files
    outcomes = set()
    for path in paths:
        for arguments in COMMANDS[name](good, path):
            done = results.run(name, *arguments)
            outcomes.add(done.returncode)
            assert done.returncode in (0, 1), (path.read_text(errors="replace"), done.stderr)
            assert done.stderr.count("\n") <= 1, (path, done.stderr)
            assert "\x1b" not in done.stdout + done.stderr
            if "json" in arguments and done.stdout:
                json.loads(done.stdout)
    assert outcomes == {0, 1}  # the mutations do both
