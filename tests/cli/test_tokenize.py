"""linscan-tokenize as a command: output shape, exit codes, one-line errors."""
import gzip
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LINSCAN_BIN", ROOT / "build" / "bin"))

TINY = {
    "version": "1.0",
    "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                       "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
    "model": {"type": "BPE", "vocab": {"<s>": 0, "a": 1, "b": 2, "ab": 3}, "merges": ["a b"]},
}


def run(*arguments, program="linscan-tokenize"):
    path = BIN / program
    if not path.exists():
        pytest.skip(f"{path} is not built (scripts/build.sh, or set LINSCAN_BIN)")
    return subprocess.run([path, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(TINY))
    return folder


def test_one_array_per_record(model, tmp_path):
    (tmp_path / "a.txt").write_text("ab\nb")
    (tmp_path / "b.jsonl").write_text('{"text": "aab"}\n{"text": ""}\n')
    with gzip.open(tmp_path / "c.json.gz", "wt") as file:
        file.write('{"text": "b"}\n')
    done = run(model, "--data", tmp_path / "a.txt", tmp_path / "b.jsonl", tmp_path / "c.json.gz")
    assert done.returncode == 0 and done.stderr == ""
    assert [json.loads(line) for line in done.stdout.splitlines()] == [[0, 3, 2], [0, 1, 3], [0], [0, 2]]


def test_without_special_tokens_and_other_field(model, tmp_path):
    (tmp_path / "b.jsonl").write_text('{"body": "aab"}\n{"body": ""}\n')
    done = run(model, "--data", tmp_path / "b.jsonl", "--no-special", "--text-field", "body")
    assert done.stdout == "[1,3]\n[]\n"


def test_counts(model, tmp_path):
    (tmp_path / "b.jsonl").write_text('{"text": "aab"}\n{"text": ""}\n')
    assert run(model, "--data", tmp_path / "b.jsonl", "--count").stdout == "3\n1\n"


def test_through_the_umbrella(model, tmp_path):
    (tmp_path / "a.txt").write_text("ab")
    assert run("tokenize", model, "--data", tmp_path / "a.txt", program="linscan").stdout == "[0,3]\n"


def test_help_names_every_option(model):
    done = run("--help")
    assert done.returncode == 0
    for option in ["--data", "--no-special", "--text-field", "--count", "Example:"]:
        assert option in done.stdout


@pytest.mark.parametrize("content, part", [("{", "not valid JSON"), ("{}", '"model" is missing'),
                                           ('{"model": {"type": "WordPiece"}}', '"WordPiece" is not supported')])
def test_bad_tokenizer_is_one_line(content, part, model, tmp_path):
    (model / "tokenizer.json").write_text(content)
    (tmp_path / "a.txt").write_text("ab")
    done = run(model, "--data", tmp_path / "a.txt")
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and part in done.stderr and "tokenizer.json" in done.stderr


@pytest.mark.parametrize("name, content, part", [
    ("a.jsonl", b'{"text": "a"}\n{"text"\n', "a.jsonl:2"), ("a.jsonl", b'{"body": "a"}\n', "--text-field"), ("a.jsonl.gz", b"no gzip", "corrupt gzip"),
    ("a.jsonl.zst", b"no zstd", "corrupt zstd"), ("a.i32", b"abcd", "holds token ids"), ("a.pdf", b"", "unknown kind")])
def test_bad_data_is_one_line(name, content, part, model, tmp_path):
    (tmp_path / name).write_bytes(content)
    done = run(model, "--data", tmp_path / name)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1 and part in done.stderr


def test_missing_pieces(model, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "a.txt").write_text("ab")
    assert "looked for tokenizer.json" in run(empty, "--data", tmp_path / "a.txt").stderr
    assert run(model, "--data", tmp_path / "none.txt").returncode == 1
    assert run(model).returncode == 2
    assert run(model, "--data", tmp_path / "a.txt", "--nonsense").returncode == 2


def test_invalid_utf8_is_reported(model, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\xffb")
    done = run(model, "--data", tmp_path / "a.txt", "--no-special")
    # U+FFFD is no token of this vocabulary, so it is dropped, as HF does without an unknown token.
    assert done.stdout == "[3]\n" and "1 ill-formed UTF-8" in done.stderr


def test_full_standard_output_is_an_error(model, tmp_path):
    (tmp_path / "a.txt").write_text("ab" * 1000)
    with open("/dev/full", "w") as full:
        done = subprocess.run([BIN / "linscan-tokenize", model, "--data", tmp_path / "a.txt"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "standard output" in done.stderr
