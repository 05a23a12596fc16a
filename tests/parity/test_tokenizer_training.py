"""Tokenizers that linscan trains: the same ids and texts in linscan, transformers and sentencepiece."""
import json
import subprocess

import pytest

transformers = pytest.importorskip("transformers")

from tokenizer_harness import BIN, HARD, asset, compare, corpus_texts, ours, program, random_texts

TRAIN = BIN / "linscan-train-tokenizer"


def train(folder, *options, data=None):
    program()  # skips, or fails where binaries are required
    data = data or [asset("corpora/tinystories-train-head-2mib.txt"), asset("corpora/c4-sample.01.json.gz")]
    command = [TRAIN, folder, "--data", *data, "--document-separator", "<|endoftext|>", *options]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


@pytest.fixture(scope="module", params=["bpe", "unigram"])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / request.param
    done = train(folder, "--vocabulary", "2000", "--kind", request.param)
    assert done.returncode == 0, done.stderr
    return folder


TEXTS = HARD + random_texts(800, seed=5) + ["Once upon a  time,\n\nthere was <s> a </s> naïve 🦊 fox.   ", "x\ty\r\n 12345 ▁▁ <0x41>"]


def test_transformers_gives_the_same_ids(folder, tmp_path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.is_fast and len(tokenizer) == 2000
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (1, 2, 0)
    files, lines = corpus_texts()
    texts = TEXTS + lines[:200] + [text[:100_000] for text in files.values()]
    reference = lambda texts, special: [tokenizer(text, add_special_tokens=special)["input_ids"] for text in texts]
    compare(folder, reference, texts, tmp_path, special=True)
    compare(folder, reference, texts, tmp_path, special=False)


@pytest.mark.parametrize("model_type", ["llama", "mistral", "gpt2"])
def test_a_model_beside_it_changes_nothing(folder, tmp_path, model_type):
    """AutoTokenizer looks at config.json too."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    compare(folder, lambda texts, special: [tokenizer(text)["input_ids"] for text in texts], TEXTS[:200], tmp_path)


def test_decoding_gives_the_text_back(folder, tmp_path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    # Unigram of HF takes a spelled-out <0x0A> for the byte.
    texts = [text for text in TEXTS if not any(token in text for token in ("<s>", "</s>", "<unk>", "▁", "<0x"))]
    for text, ids in zip(texts, ours(folder, texts, tmp_path, True)):
        assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_sentencepiece_gives_the_same_ids(folder):
    """tokenizer.model, for whatever reads these: the same pieces but for ties."""
    sentencepiece = pytest.importorskip("sentencepiece")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    texts = [text for text in TEXTS if not any(token in text for token in ("<s>", "</s>", "<unk>", "<0x"))]
    differ = [text for text in texts if processor.encode(text) != tokenizer(text, add_special_tokens=False)["input_ids"]]
    assert len(differ) <= len(texts) // 100, differ[:5]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_two_runs_give_the_same_bytes(kind, tmp_path):
    options = ["--vocabulary", "900", "--kind", kind, "--sample-mib", "1", "--seed", "3"]
    for name in ("one", "two"):
        done = train(tmp_path / name, *options)
        assert done.returncode == 0, done.stderr
    for name in ("tokenizer.json", "tokenizer.model", "tokenizer_config.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    done = train(tmp_path / "other", *options[:-1], "4")
    assert (tmp_path / "one" / "tokenizer.model").read_bytes() != (tmp_path / "other" / "tokenizer.model").read_bytes()


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize("content, vocabulary, part", [
    (b"", 300, "no text to train a tokenizer on"),
    (b" \n\t\r\n", 300, "no text to train a tokenizer on"),
    (b"a", 300, "too little text for a vocabulary of 300 tokens: it yields 26"),
    (b"hello world hello there", 2000, "too little text for a vocabulary of 2000 tokens: it yields "),
    (b"abcdefghijklmnopqrstuvwxyz hello", 265, "a vocabulary of 265 tokens is too small: the text's characters and the 259 fixed tokens alone are 286"),
    (b"hello", 259, "expected more than 259"),
])
def test_text_that_is_no_use(kind, content, vocabulary, part, tmp_path):
    (tmp_path / "in.txt").write_bytes(content)
    done = train(tmp_path / "out", "--vocabulary", vocabulary, "--kind", kind, "--character-coverage", "1", data=[tmp_path / "in.txt"])
    assert done.returncode == (2 if vocabulary == 259 else 1)
    assert part in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_hostile_text(kind, tmp_path):
    """Words of millions of characters, spelled-out tokens, NUL, ill-formed UTF-8."""
    text = b"mamama" * 500_000 + "é漢字".encode() * 100_000 + b"\n" + b"<s>hi </s> <unk> <0x41> abc\x00def \xff\xe2\x96\x81x\n" * 500
    (tmp_path / "in.txt").write_bytes(text)
    done = train(tmp_path / "out", "--vocabulary", 280, "--kind", kind, data=[tmp_path / "in.txt"])
    assert done.returncode == 0, done.stderr
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    compare(tmp_path / "out", lambda texts, special: [tokenizer(text)["input_ids"] for text in texts], TEXTS[:300], tmp_path)
