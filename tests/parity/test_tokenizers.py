"""linscan-tokenize against HF `tokenizers` (tokenizer.json, vocab.json + merges.txt) and sentencepiece (tokenizer.model).

The same file is opened by both sides; nothing is converted. Texts go in as JSON lines, ids come back as JSON lines.
"""
import json
import random
import shutil
import subprocess
import unicodedata

import pytest

tokenizers = pytest.importorskip("tokenizers")
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tokenizer_harness import (BYTE_TOKENS, BYTES, DEEPSEEK_PATTERN, GPT2_PATTERN, HARD, LLAMA3_PATTERN, O200K_PATTERN, QWEN2_PATTERN, asset, compare,
                               copied, corpus_texts, hf, hf_vocab_and_merges, ours, program, random_texts, saved, trained, training_texts, ASSETS)

# --------------------------------------------------------------------------------------------------------------- assets


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
        done = subprocess.run([program(), folder, "--data", file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == ids, data
        assert "ill-formed" in done.stderr


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
    folder, reference = saved(TRAINED[name](), tmp_path / "model")
    extra = [" unreachableword hellohellohello antidisestablishmentarianismes", "hello hellothe hello"]
    for special in [True, False]:
        compare(folder, reference, HARD + training_texts() + extra + random_texts(1500, seed=2), tmp_path, special)


FIRST_AFTER = {"strip": normalizers.Strip(), "nmt": normalizers.Nmt(), "one": normalizers.Replace("a", "b"), "two": normalizers.Replace("ab", "c"),
               "run": normalizers.Replace(Regex("[ab]+"), "cc"), "removed": normalizers.Replace("a", ""), "nfkc": normalizers.NFKC(), "bytes": normalizers.ByteLevel(),
               "strip, prepend": normalizers.Sequence([normalizers.Strip(), normalizers.Prepend("q")])}


@pytest.mark.parametrize("name", FIRST_AFTER)
def test_first_piece_after_a_normalizer(name, tmp_path):
    """prepend_scheme "first" asks whether a piece begins where the original text began."""
    characters = ["<unk>", "\u2581", *"abcdezqi\u00e9\u0301\u2044129. \u0120"]
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(characters)}, [], unk_token="<unk>"))
    tokenizer.normalizer = FIRST_AFTER[name]
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    folder, reference = saved(tokenizer, tmp_path / "model")
    rng = random.Random(4)
    parts = ["a", "b", "ab", " ", "\x01", "\u00bd", "\u00e9", "e\u0301", "\u0301", "c", "\n", "\u200b"]
    compare(folder, reference, ["".join(rng.choice(parts) for _ in range(rng.randint(1, 6))) for _ in range(500)], tmp_path, False)


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
    folder, reference = saved(llama_across_spaces(), tmp_path / "model")
    text = "".join(random.Random(5).choices(training_texts(), k=20000))[:megabytes << 20]
    compare(folder, reference, [text], tmp_path)


CLASSES = {"white space": pre_tokenizers.WhitespaceSplit(), "words": pre_tokenizers.Whitespace(), "punctuation": pre_tokenizers.Punctuation("isolated"),
           "digits": pre_tokenizers.Digits(individual_digits=True), "regex": pre_tokenizers.Split(Regex(r"\w|\d|[\p{P}\p{S}]"), "isolated"),
           "cases": pre_tokenizers.Split(Regex(r"[\p{Lu}\p{Lt}]|\p{M}"), "isolated")}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_of_every_character(name, tmp_path):
    """Pieces show as the space that ByteLevel puts before each. Unassigned characters too: HF's parts know Unicode 8 to 17."""
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(sorted(BYTES))}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([CLASSES[name], pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)])
    folder, reference = saved(tokenizer, tmp_path / "model")
    characters = [chr(c) for c in [*range(0x3400), *range(0xA000, 0xAC80), *range(0xF900, 0x17000), *range(0x18D00, 0x20000), *range(0xE0000, 0xE0200)]]
    compare(folder, reference, ["".join(f"a{c}1{c}{c} " for c in characters[i:i + 400]) for i in range(0, len(characters), 400)], tmp_path, False)


def test_every_assigned_character(tmp_path):
    """Each character between letters, digits and spaces, for the hand-written splitters and the normalisers."""
    characters = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) not in ("Cn", "Co")]
    texts = ["".join(f"a{c}1{c} {c}\u0301{c}'s" for c in characters[i:i + 500]) for i in range(0, len(characters), 500)]
    for name in ["byte_level_template", "llama3", "metaspace_first_True"]:
        folder, reference = saved(TRAINED[name](), tmp_path / name)
        compare(folder, reference, texts, tmp_path)
