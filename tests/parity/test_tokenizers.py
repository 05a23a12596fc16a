"""linscan-tokenize against HF `tokenizers` (tokenizer.json, vocab.json + merges.txt) and sentencepiece (tokenizer.model).

The same file is opened by both sides; nothing is converted. Texts go in as JSON lines, ids come back as JSON lines.
"""
import gzip
import json
import os
import pathlib
import random
import shutil
import subprocess
import unicodedata

import pytest

tokenizers = pytest.importorskip("tokenizers")
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

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


def ours(folder, texts, tmp_path, special):
    program = BIN / "linscan-tokenize"
    if not program.exists():
        pytest.skip(f"{program} is not built (scripts/build.sh, or set LINSCAN_BIN)")
    data = tmp_path / "texts.jsonl"
    with open(data, "w", encoding="utf-8") as file:
        for text in texts:
            file.write(json.dumps({"text": text}) + "\n")
    command = [program, folder, "--data", data] + ([] if special else ["--no-special"])
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


# --------------------------------------------------------------------------------------------------------------- assets


def copied(tmp_path, source, names, extra=None):
    folder = tmp_path / "model"
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copy(source / name, folder / name)
    for name, content in (extra or {}).items():
        (folder / name).write_text(json.dumps(content))
    return folder


def asset_pair(name, tmp_path):
    """Folder for our side and reference for one tokenizer of the assets."""
    if name.endswith(".json"):
        path = asset(name)
        return copied(tmp_path, path.parent, ["tokenizer.json"]), hf(Tokenizer.from_file(str(path)))
    if name.endswith(".model"):
        spm = pytest.importorskip("sentencepiece")
        path = asset(name)
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        shutil.copy(path, folder / "tokenizer.model")
        processor = spm.SentencePieceProcessor(model_file=str(path))
        return folder, lambda texts, special: [
            ([processor.bos_id()] if special else []) + processor.encode(text) for text in texts]
    path = asset(name)
    if name.endswith("qwen2.5"):
        added = json.load(open(path / "added_tokens.json"))
        reference = hf_vocab_and_merges(path, QWEN2_PATTERN, normalizers.NFC(), sorted(added, key=added.get))
        assert reference.token_to_id("<|im_start|>") == added["<|im_start|>"]
        folder = copied(tmp_path, path, ["vocab.json", "merges.txt", "added_tokens.json"],
                        {"tokenizer_config.json": {"tokenizer_class": "Qwen2Tokenizer"}})
        return folder, hf(reference)
    # Without any configuration GPT2Tokenizer's default special token counts, in OPT's vocabulary too.
    return copied(tmp_path, path, ["vocab.json", "merges.txt"]), hf(hf_vocab_and_merges(path, GPT2_PATTERN, None, ["<|endoftext|>"]))


ASSET_TOKENIZERS = [
    "tokenizers/gpt2/tokenizer.json", "tokenizers/gpt2", "tokenizers/opt", "tokenizers/gpt-neox-20b/tokenizer.json",
    "tokenizers/phi-2/tokenizer.json", "tokenizers/qwen2.5", "models/tinystories-656k-llama/tokenizer.json",
    "tokenizers/mistral-v1/tokenizer.model", "models/babyllama-tok105-llama2c/tok105.model",
]


@pytest.mark.parametrize("name", ASSET_TOKENIZERS)
@pytest.mark.parametrize("special", [True, False])
def test_asset_tokenizer_hard_texts(name, special, tmp_path):
    folder, reference = asset_pair(name, tmp_path)
    compare(folder, reference, HARD, tmp_path, special)


@pytest.mark.parametrize("name", ASSET_TOKENIZERS)
def test_asset_tokenizer_random_texts(name, tmp_path):
    folder, reference = asset_pair(name, tmp_path)
    compare(folder, reference, random_texts(3000, seed=1), tmp_path)


@pytest.mark.parametrize("name", ASSET_TOKENIZERS)
def test_asset_tokenizer_corpora(name, tmp_path):
    folder, reference = asset_pair(name, tmp_path)
    files, lines = corpus_texts()
    if not files:
        pytest.skip(f"no corpora in {ASSETS}")
    compare(folder, reference, list(files.values()) + lines, tmp_path)


@pytest.mark.parametrize("vectors, name", [("gpt-2", "tokenizers/gpt2/tokenizer.json"), ("gpt-2", "tokenizers/gpt2"),
                                           ("mpt", "tokenizers/gpt-neox-20b/tokenizer.json"), ("qwen2", "tokenizers/qwen2.5")])
def test_llama_cpp_vectors(vectors, name, tmp_path):
    folder, _ = asset_pair(name, tmp_path)
    base = asset(f"tokenizers/vectors/llama.cpp/{vectors}.inp")
    texts = base.read_text(encoding="utf-8").split("\n__ggml_vocab_test__\n")
    want = [[int(i) for i in line.split()] for line in base.with_suffix(".out").read_text().splitlines()]
    texts = texts[:len(want)]
    got = ours(folder, texts, tmp_path, special=False)
    assert [(t, g) for t, g in zip(texts, got)] == list(zip(texts, want))


@pytest.mark.parametrize("name", ["tokenizers/gpt2/tokenizer.json", "models/tinystories-656k-llama/tokenizer.json"])
def test_invalid_utf8_is_replaced_as_python_does(name, tmp_path):
    folder, reference = asset_pair(name, tmp_path)
    broken = [b"\x80abc", b"a\xffb", b"\xc3", b"\xe2\x82", b"\xe2\x82 x", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xf0\x9f\x98",
              b"ok \xe4\xbd\xa0 \xe4\xbd", bytes(range(256)), b"\xf8\x88\x80\x80\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80"]
    want = reference([b.decode("utf-8", "replace") for b in broken], True)
    for i, (data, ids) in enumerate(zip(broken, want)):
        file = tmp_path / f"broken{i}.txt"
        file.write_bytes(data)
        done = subprocess.run([BIN / "linscan-tokenize", folder, "--data", file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == ids, data
        assert "ill-formed" in done.stderr


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


def llama_style():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    # Trained on words, used without a pre-tokenizer, as Llama 2's own file is.
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    trained(tokenizer, 900, ["<unk>", "<s>", "</s>"] + BYTE_TOKENS)
    tokenizer.pre_tokenizer = None
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return tokenizer


def llama_across_spaces():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False, byte_fallback=False))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    return trained(tokenizer, 500, ["<unk>"])


def partial_byte_fallback():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return trained(tokenizer, 500, ["<unk>"] + BYTE_TOKENS[0x80:0xE0:2] + BYTE_TOKENS[0x81:0xC0:3])


def no_unk():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return trained(tokenizer, 400)


def metaspace(scheme, split):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    trained(tokenizer, 800, ["<unk>", "<s>", "</s>"] + BYTE_TOKENS)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme, split=split)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def byte_level_template():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trained(tokenizer, 800, ["<s>", "</s>"], BYTES)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s>:0 $A:0 </s>:0", special_tokens=[("<s>", 0), ("</s>", 1)])
    return tokenizer


def split_regex(pattern, ignore_merges=True):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trained(tokenizer, 900, ["<|begin_of_text|>"], BYTES)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=False),
         processors.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)])])
    return tokenizer


def ignored_merges():
    """A vocabulary with whole pieces that no merge reaches: only ignore_merges finds them."""
    base = json.loads(split_regex(LLAMA3_PATTERN).to_str())
    for token in ["\u0120unreachableword", "hellohellohello", "\u0120antidisestablishmentarianismes"]:
        base["model"]["vocab"][token] = len(base["model"]["vocab"])
    return Tokenizer.from_str(json.dumps(base))


def digits_and_bytes():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Punctuation("isolated"), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return trained(tokenizer, 700, [], BYTES)


def split_behavior(behavior, invert):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s+|[aeiou]"), behavior, invert)
    return trained(tokenizer, 400, ["<unk>"])


def added_tokens():
    tokenizer = byte_level_template()
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, rstrip=False), AddedToken("<|im_end|>", rstrip=True, normalized=False)])
    tokenizer.add_tokens([AddedToken("[NORM]", normalized=True), AddedToken("[RAW]", normalized=False), AddedToken("[WORD]", single_word=True),
                          AddedToken("  ", normalized=True), AddedToken("    ", normalized=True), AddedToken("hello", single_word=True, lstrip=True, rstrip=True),
                          AddedToken("tion", normalized=False), AddedToken("tions", normalized=False), AddedToken("\u00e9", normalized=True)])
    return tokenizer


def byte_level_in_the_middle():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.ByteLevel(add_prefix_space=True), pre_tokenizers.Split(Regex("[\u0120\u010a]"), "merged_with_previous")])
    return trained(tokenizer, 600, ["<unk>"])


def strip_and_replace():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.NFD(), normalizers.Replace(Regex(r"\p{Mn}"), ""), normalizers.Replace(Regex(r" {2,}"), "\u2581")])
    tokenizer.pre_tokenizer = pre_tokenizers.CharDelimiterSplit(" ")
    return trained(tokenizer, 500, ["<unk>"])


TRAINED = {
    "llama": llama_style, "across_spaces": llama_across_spaces, "partial_byte_fallback": partial_byte_fallback, "no_unk": no_unk,
    "byte_level_template": byte_level_template, "llama3": lambda: split_regex(LLAMA3_PATTERN), "qwen2": lambda: split_regex(QWEN2_PATTERN, False),
    "o200k": lambda: split_regex(O200K_PATTERN), "deepseek": lambda: split_regex(DEEPSEEK_PATTERN), "ignored_merges": ignored_merges,
    "digits": digits_and_bytes, "added_tokens": added_tokens, "byte_level_in_the_middle": byte_level_in_the_middle, "strip_replace": strip_and_replace,
    "words": lambda: split_regex(r"\w+|\W"), "hex_digits": lambda: split_regex(r"\h+|\d+|\S"),
} | {f"metaspace_{scheme}_{split}": (lambda s=scheme, p=split: metaspace(s, p)) for scheme in ["first", "always", "never"] for split in [True, False]
     } | {f"split_{b}_{i}": (lambda b=b, i=i: split_behavior(b, i)) for b in
          ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"] for i in [False, True]}


@pytest.mark.parametrize("name", TRAINED)
def test_trained_tokenizer(name, tmp_path):
    tokenizer = TRAINED[name]()
    folder = tmp_path / "model"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    reference = hf(Tokenizer.from_file(str(folder / "tokenizer.json")))
    extra = [" unreachableword hellohellohello antidisestablishmentarianismes", "hello hellothe hello"]
    for special in [True, False]:
        compare(folder, reference, HARD + training_texts() + extra + random_texts(1500, seed=2), tmp_path, special)


def test_old_and_new_spelling_of_merges_agree(tmp_path):
    content = json.loads(byte_level_template().to_str())
    pairs = content["model"]["merges"]
    assert isinstance(pairs[0], list)
    texts = HARD + random_texts(300, seed=3)
    results = []
    for merges in [pairs, [" ".join(pair) for pair in pairs]]:
        content["model"]["merges"] = merges
        folder = tmp_path / f"model{len(results)}"
        folder.mkdir()
        (folder / "tokenizer.json").write_text(json.dumps(content))
        results.append(ours(folder, texts, tmp_path, True))
    assert results[0] == results[1]


@pytest.mark.parametrize("megabytes", [1])
def test_one_long_piece_is_not_quadratic(megabytes, tmp_path):
    """Without a pre-tokenizer the whole text is one piece; merges across spaces leave no place to cut."""
    tokenizer = llama_across_spaces()
    folder = tmp_path / "model"
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    text = "".join(random.Random(5).choices(training_texts(), k=20000))[:megabytes << 20]
    compare(folder, hf(tokenizer), [text], tmp_path)


def test_every_assigned_character(tmp_path):
    """Each character between letters, digits and spaces, for the hand-written splitters and the normalisers."""
    characters = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) not in ("Cn", "Co")]
    texts = ["".join(f"a{c}1{c} {c}\u0301{c}'s" for c in characters[i:i + 500]) for i in range(0, len(characters), 500)]
    for name in ["byte_level_template", "llama3", "metaspace_first_True"]:
        tokenizer = TRAINED[name]()
        folder = tmp_path / name
        folder.mkdir()
        tokenizer.save(str(folder / "tokenizer.json"))
        compare(folder, hf(tokenizer), texts, tmp_path)
