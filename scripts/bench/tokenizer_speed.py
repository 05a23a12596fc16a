#!/usr/bin/env python3
"""Megabytes per CPU second of `linscan tokenize --count` against HF `tokenizers`, one thread each, the same file.

    scripts/bench/tokenizer_speed.py [MODEL...] [--unigram 16000] [--text F...] [--megabytes 100] [--rounds 3]

--unigram N measures a Unigram model too: N pieces trained on the texts by HF's trainer, NFKC, Metaspace. Both sides take turns on one JSON-lines file (records of about 4 kB), read it, encode every record without special tokens
and count tokens; loading the tokenizer and reading the file are timed apart and taken off on both sides, so that encode is
compared with encode. CPU seconds are counted, so that other work on the machine weighs less. The counts must agree. Prints a Markdown table; the ratio above 1 means linscan is faster.
"""
import argparse
import json
import os
import pathlib
import random
import resource
import statistics
import subprocess
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers  # noqa: E402  (the variables above are read at import)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LINSCAN_BIN", ROOT / "build" / "bin"))
ASSETS = pathlib.Path(os.environ.get("LINSCAN_ASSETS", ROOT.parent / "shared" / "assets"))


def default_texts():
    found = sorted((ASSETS / "corpora").glob("*.txt"))
    return found or sorted((ROOT / "examples" / "corpus").glob("*.jsonl.gz"))


def read_text(path):
    if path.name.endswith(".jsonl.gz"):
        import gzip
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return "\n".join(json.loads(line)["text"] for line in file)
    return path.read_bytes().decode("utf-8", "replace")


def write_corpus(paths, megabytes, record_bytes, out):
    """Records cut from the texts at random places, some words exchanged, so that repetition does not help too much."""
    rng = random.Random(0)
    words = [text.split(" ") for text in map(read_text, paths)]
    written = 0
    with open(out, "w", encoding="utf-8") as file:
        while written < megabytes * 1_000_000:
            source = rng.choice(words)
            start = rng.randrange(len(source))
            record, size = [], 0
            for at in range(start, len(source)):
                word = source[at]
                if rng.random() < 0.02:
                    word = word[::-1] if rng.random() < 0.5 else str(rng.randrange(100000))
                record.append(word)
                size += len(word.encode()) + 1
                if size > record_bytes:
                    break
            file.write(json.dumps({"text": " ".join(record)}) + "\n")
            written += size
    return written


def train_unigram(pieces, paths, folder):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=pieces, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    tokenizer.train_from_iterator((line for path in paths for line in read_text(path).splitlines()), trainer)
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def time_linscan(model, data):
    start = children_cpu()
    done = subprocess.run([BIN / "linscan-tokenize", model, "--data", data, "--no-special", "--count", "-q"],
                          capture_output=True, text=True, check=True)
    return children_cpu() - start, sum(map(int, done.stdout.split()))


def time_linscan_overhead(model, data, empty):
    """Process start, tokenizer load, and reading the same file: the text is taken from a field that is empty."""
    start = children_cpu()
    subprocess.run([BIN / "linscan-tokenize", model, "--data", data, "--no-special", "--count", "-q", "--text-field", empty],
                   capture_output=True, text=True, check=True)
    return children_cpu() - start


def time_hf(tokenizer, records):
    start = time.process_time()
    tokens = 0
    for record in records:
        tokens += len(tokenizer.encode(record, add_special_tokens=False))
    return time.process_time() - start, tokens


def time_hf_batch(tokenizer, records):
    start = time.process_time()
    tokens = 0
    for first in range(0, len(records), 500):
        tokens += sum(map(len, tokenizer.encode_batch_fast(records[first:first + 500], add_special_tokens=False)))
    return time.process_time() - start, tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path, help="folders with a tokenizer.json")
    parser.add_argument("--unigram", type=int, metavar="N", help="a Unigram model of N pieces, trained here on the texts")
    parser.add_argument("--text", nargs="+", type=pathlib.Path, help="text files; default: the asset corpora, or the bundled one")
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--record-bytes", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "data.jsonl"
        texts = options.text or default_texts()
        size = write_corpus(texts, options.megabytes, options.record_bytes, data)
        if options.unigram:
            options.models.append(train_unigram(options.unigram, texts, pathlib.Path(folder) / f"unigram-{options.unigram}"))
        records = [json.loads(line)["text"] for line in open(data, encoding="utf-8")]
        with open(data, "w", encoding="utf-8") as file:
            for record in records:
                file.write(json.dumps({"empty": "", "text": record}) + "\n")
        print(f"{size / 1e6:.1f} MB in {len(records)} records, {options.rounds} rounds, median (all rounds)\n")
        print("| tokenizer | tokens | linscan, MB per CPU s | HF encode | HF encode_batch_fast | ratio to the faster HF call |")
        print("|---|---|---|---|---|---|")
        for model in options.models:
            tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
            tokenizer.no_truncation()
            tokenizer.no_padding()
            rounds = []
            for _ in range(options.rounds):
                overhead = time_linscan_overhead(model, data, "empty")
                ours, our_tokens = time_linscan(model, data)
                theirs, their_tokens = time_hf(tokenizer, records)
                batch, batch_tokens = time_hf_batch(tokenizer, records)
                assert our_tokens == their_tokens == batch_tokens, (our_tokens, their_tokens, batch_tokens)
                rounds.append((ours - overhead, theirs, batch))
            speeds = [[size / 1e6 / r[i] for r in rounds] for i in range(3)]
            ratios = [s[0] / max(s[1], s[2]) for s in zip(*speeds)]
            cells = [f"{statistics.median(s):.1f} ({', '.join(f'{v:.1f}' for v in s)})" for s in speeds]
            print(f"| {model.name} | {our_tokens} | {' | '.join(cells)} | "
                  f"{statistics.median(ratios):.1f} ({', '.join(f'{v:.1f}' for v in ratios)}) |", flush=True)


if __name__ == "__main__":
    main()
