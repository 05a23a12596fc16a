"""What the tokenizer tests share: hard and random texts, our side (linscan-tokenize) and HF's, small tokenizers trained here.

Needs no torch.
"""
import gzip
import io
import json
import os
import pathlib
import random
import shutil
import subprocess

import pytest

tokenizers = pytest.importorskip("tokenizers")
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("LINSCAN_BIN", ROOT / "build" / "bin"))
ASSETS = pathlib.Path(os.environ.get("LINSCAN_ASSETS", ROOT.parent / "shared" / "assets"))

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                 r"|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3_PATTERN = QWEN2_PATTERN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
O200K_PATTERN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
                 r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
                 r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK_PATTERN = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def asset(name):
    path = ASSETS / name
    if not path.exists():
        pytest.skip(f"{path} is not there (LINSCAN_ASSETS)")
    return path


# ---------------------------------------------------------------------------------------------------------------- texts

HARD = [
    "", " ", "  ", "   ", "\t", "\n", "\n\n", "\r\n\r\n\r\n", " \n \n ", "a", " a", "a ", "  a  ", "Hello, world!",
    "Hello  world   and    more", "tabs\there\t\tand\t there", "line\r\nline\r\n\r\nline\rline", "\u00a0nbsp\u00a0\u00a0here\u00a0",
    "\u180e", "a\u180eb", " \u180e ", "x \u2003\u2003y", "\u3000\u5168\u89d2\u3000", "\u200b\u200bzero\u200bwidth", "\ufeffbom",
    "I'm you're he's we'll they'd I've don't", "I'M YOU'RE HE'S WE'LL THEY'D I'VE DON'T", "it'\u017f x'S'", "''' 's 'S ''s",
    "0 1 12 123 1234 12345 123456 1234567890", "3.14159 1,000,000 1e10 0x1F", "\u0661\u0662\u0663 \u2160\u2161 \u00bd\u00b2\u2075 \u0967\u0968\u0969",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u6211\u559c\u6b22\u5403\u82f9\u679c", "\u3053\u3093\u306b\u3061\u306f\u3001\u4e16\u754c\u3002\u30ab\u30bf\u30ab\u30ca", "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645 \u0661\u0662\u0663", "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u042d\u0442\u043e \u0434\u043e\u0432\u043e\u043b\u044c\u043d\u043e \u0434\u043b\u0438\u043d\u043d\u043e\u0435 \u043f\u0440\u0435\u0434\u043b\u043e\u0436\u0435\u043d\u0438\u0435.",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd \U0001f1e9\U0001f1ea", "\U0001f600\U0001f600\U0001f600 a\U0001f600b",
    "\u0301", "e\u0301 \u00e9", "\u0301\u0301\u0301", "a\u0323\u0307 a\u0307\u0323", "\u1e9b\u0323 \ufb01 \u212b \u2126", "\u1100\u1161\u11a8 \uac00\u11a8",
    "a" * 5000, "ab" * 3000, "antidisestablishmentarianism" * 40, "!" * 1000, " " * 1000, " " * 999 + "x", "\n" * 500 + "x", "1" * 777,
    "\u4f60\u597d\u4e16\u754c" * 300, "\u0430\u0431\u0432" * 500,
    "<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> ", "<|endoftext|><|endoftext|>", "<|endoftext|", "<<|endoftext|>>",
    "<s>", "</s>", "<unk>", "x<s>y</s>z", "<pad> <s> hello </s>", "<|im_start|>user\nhi<|im_end|>\n", "<|start_story|>Once<|end_story|>",
    "\u2581", "\u2581\u2581a", "a\u2581b", " \u2581 ", "<0x0A>", "def f(x):\n    return x + 1\n\n\nclass A:\n\tpass\n",
    "https://example.org/a/b?c=d&e=f#g", "{\"json\": [1, 2, {\"x\": null}]}", "CamelCase snake_case kebab-case SCREAMING_CASE",
    "\x00", "a\x00b", "\x01\x02\x7f", "\ud7ff\ue000\ufffd\uffff", "\U0010ffff\U00010000", "\u0130\u0131\u00df\u1e9e", "\u2028\u2029\u0085x",
    "\u1c89\ua7cb\U00010d4a\U00016d40\U00031350 \U0001e4f0\U00011f50", "\u07fd\u0898\u0a3c\u0c3c", "Zalgo: Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334",
]

ALPHABETS = [
    [chr(c) for c in range(32, 127)], list(" \t\n\r  \n"), list("'sStTrReEvVmMlLdD\u017f "), list("0123456789 ,."),
    ["\u00e9", "e", "\u0301", "\u0323", "\u00a0", "\u180e", "\u3000", "\u2581", "\u200d", "\ufeff", "\u0085"],
    [chr(c) for c in range(0x400, 0x460)], [chr(c) for c in range(0x4e00, 0x4e80)], [chr(c) for c in range(0x600, 0x6ff)],
    [chr(c) for c in range(0x900, 0x97f)], [chr(c) for c in range(0x1f600, 0x1f640)], [chr(c) for c in range(0xac00, 0xac40)],
    ["<|endoftext|>", "<s>", "</s>", "<unk>", "<|im_end|>", "<mask>", "[NORM]", "[RAW]", "[WORD]", "<0x41>"],
    ["the ", "The", " and", "ing", "hello", " world", "tion", "  ", "\n\n", "don't", "they'll"],
]


def random_texts(count, seed):
    rng = random.Random(seed)
    texts = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(1, 12)):
            if rng.random() < 0.15:
                c = rng.randrange(0x110000)
                parts.append(chr(c) if not 0xD800 <= c < 0xE000 else "?")
            else:
                alphabet = rng.choice(ALPHABETS)
                parts += [rng.choice(alphabet) for _ in range(rng.randint(1, 8))]
        texts.append("".join(parts))
    return texts


def corpus_texts():
    """Whole files of the assets: one text each."""
    texts = {}
    for path in sorted((ASSETS / "corpora").glob("*.txt")):
        texts[path.name] = path.read_bytes().decode("utf-8", "replace")
    lines = []
    for path in sorted((ASSETS / "corpora").glob("*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines += [json.loads(line)["text"] for line in file]
    for name in ["benchmarks/lambada_test.jsonl"]:
        if (ASSETS / name).exists():
            lines += [json.loads(line)["text"] for line in open(ASSETS / name, encoding="utf-8")][:1500]
    return texts, lines


# ---------------------------------------------------------------------------------------------------------------- sides


def program():
    """linscan-tokenize. Without it the test is skipped, or fails where LINSCAN_REQUIRE_BINARIES is set (CI)."""
    path = BIN / "linscan-tokenize"
    if not path.exists():
        message = f"{path} is not built (scripts/build.sh, or set LINSCAN_BIN)"
        pytest.fail(message) if os.environ.get("LINSCAN_REQUIRE_BINARIES") else pytest.skip(message)
    return path


def ours(folder, texts, tmp_path, special):
    data = tmp_path / "texts.jsonl"
    with open(data, "w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text}) + "\n")
    command = [program(), folder, "--data", data] + ([] if special else ["--no-special"])
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(folder, reference, texts, tmp_path, special=True):
    """`reference(texts, special)` gives the expected ids of every text."""
    got = ours(folder, texts, tmp_path, special)
    want = reference(texts, special)
    assert len(got) == len(want) == len(texts)
    bad = [i for i in range(len(texts)) if got[i] != want[i]]
    if bad:
        i = bad[0]
        at = next((k for k in range(min(len(got[i]), len(want[i]))) if got[i][k] != want[i][k]), -1)
        pytest.fail(f"{len(bad)} of {len(texts)} texts differ; first: {texts[i][:200]!r}, from token {at}: "
                    f"got {got[i][max(at - 2, 0):at + 8]}, expected {want[i][max(at - 2, 0):at + 8]}")


def hf(tokenizer):
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts, special: [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=special)]


def hf_vocab_and_merges(folder, pattern, normalizer=None, special=()):
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    return tokenizer


def copied(tmp_path, source, names, extra=None):
    folder = tmp_path / "model"
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(source / name, folder / name)
    for name, content in (extra or {}).items():
        (folder / name).write_text(json.dumps(content))
    return folder


# ------------------------------------------------------------------------------------------- tokenizers trained here


def training_texts():
    words = ("the a little girl boy dog cat ran to park and saw big red ball she he was happy they played all day said mum "
             "don't can't it's we'll 123 2024 na\u00efve caf\u00e9 \u4f60\u597d \u4e16\u754c \u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 hello, world! yes. no? x=1; y[2] (z)").split()
    rng = random.Random(7)
    return [" ".join(rng.choice(words) for _ in range(rng.randint(5, 30))) + rng.choice([".\n", "\n\n", "  ", "!"]) for _ in range(400)]


def trained(tokenizer, size=700, special=(), initial=()):
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(special), initial_alphabet=list(initial), show_progress=False)
    tokenizer.train_from_iterator(training_texts(), trainer)
    return tokenizer


BYTES = pre_tokenizers.ByteLevel.alphabet()
BYTE_TOKENS = [f"<0x{i:02X}>" for i in range(256)]


def saved(tokenizer, folder):
    """The folder with this tokenizer as tokenizer.json, and HF reading that file."""
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder, hf(Tokenizer.from_file(str(folder / "tokenizer.json")))


# ---------------------------------------------------------------------------------------- sentencepiece models trained here


def fields(message):
    """Numbers and contents of the fields of a protobuf message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        size = {0: None, 1: 8, 5: 4}.get(key & 7) if key & 7 != 2 else varint()
        if size is None:
            yield key >> 3, varint()
        else:
            yield key >> 3, message[at:at + size]
            at += size


def charsmap(model):
    """normalizer_spec.precompiled_charsmap of a sentencepiece model."""
    spec = dict(fields(dict(fields(model))[3]))
    return spec[2]


def train_sentencepiece(tmp_path, rules=None, **options):
    """The bytes of a model; `rules`: pairs of strings, from and to."""
    spm = pytest.importorskip("sentencepiece")
    if rules is not None:
        codes = lambda text: " ".join(f"{ord(c):X}" for c in text)
        path = tmp_path / "rules.tsv"
        path.write_text("".join(f"{codes(a)}\t{codes(b)}\n" for a, b in rules))
        options["normalization_rule_tsv"] = str(path)
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter(training_texts()), model_writer=out, hard_vocab_limit=False, minloglevel=2, **options)
    return out.getvalue()
