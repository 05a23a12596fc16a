"""One tokenizer.json per supported family, set up as its released files are, with a small vocabulary trained here.

Normalizer, pre-tokenizer, post-processor, decoder and model options are written as the files have them, older spellings
included; both sides read the same file.
"""
import json

import pytest

tokenizers = pytest.importorskip("tokenizers")
from tokenizers import Tokenizer, trainers

from tokenizer_harness import (BYTE_TOKENS, BYTES, DEEPSEEK_PATTERN, HARD, LLAMA3_PATTERN, O200K_PATTERN, QWEN2_PATTERN, compare, hf,
                               random_texts, training_texts)

BLOOM_PATTERN = " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"
TEKKEN_PATTERN = O200K_PATTERN.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace(r"\p{N}{1,3}", r"\p{N}")
CL100K_PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TIKTOKEN_PATTERN = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
DEEPSEEK_LETTERS = ("\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386"
                    "\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u1c90-\u1cba\u1d00-\u1d2b\u1e00-\u1f15"
                    "\u2102\u2107\u210a-\u2113\u2c00-\u2c7b\ua640-\ua66d\ufb00-\ufb06\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U0001e900-\U0001e943]+")
DEEPSEEK_MARKS = "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"
DEEPSEEK_SCRIPTS = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def byte_level(**options):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True} | options


def steps(*pre_tokenizers):
    return {"type": "Sequence", "pretokenizers": list(pre_tokenizers)}


def template(*items, ids=None):
    """"$" is the text; `ids`: of the special tokens."""
    single = [{"Sequence": {"id": "A", "type_id": 0}} if item == "$" else {"SpecialToken": {"id": item, "type_id": 0}} for item in items]
    special = {item: {"id": item, "ids": [(ids or {})[item]], "tokens": [item]} for item in items if item != "$"}
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": special}


LLAMA_DECODER = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                                                  {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
LLAMA_NORMALIZER = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
                                                        {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
DIGITS = {"type": "Digits", "individual_digits": True}
BYTE_DECODER = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
PLAIN = byte_level(use_regex=False)
NFC = {"type": "NFC"}
# Runs of spaces and tabs that NeoX, Phi and OLMo have as added tokens; looked for in normalised text.
SPACES = [{"content": c * n, "normalized": True, "special": False} for c, most in ((" ", 8), ("\t", 4)) for n in range(most, 1, -1)]


def bytes_family(pre_tokenizer, special=("<|endoftext|>",), normalizer=None, post=None, added=(), **model):
    """Byte-level BPE; special tokens have the first ids."""
    return {"special": special, "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": post or byte_level(), "decoder": BYTE_DECODER,
            "added": added, "model": {"dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False} | model}


def pieces_family(normalizer, pre_tokenizer, post, special=("<unk>", "<s>", "</s>"), added=(), decoder=LLAMA_DECODER, **model):
    """BPE on characters with byte fallback, as converted from sentencepiece."""
    return {"special": (*special, *BYTE_TOKENS), "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": post, "decoder": decoder, "added": added,
            "model": {"dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True} | model}


LLAMA_BOS = template("<s>", "$", ids={"<s>": 1})
BOS_LLAMA3 = {"type": "Sequence", "processors": [byte_level(trim_offsets=False, use_regex=True), template("<|begin_of_text|>", "$", ids={"<|begin_of_text|>": 0})]}
PHI3_ADDED = [{"content": t, "rstrip": True, "special": True} for t in ("<|system|>", "<|user|>", "<|end|>")]
GEMMA = dict(normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
             pre_tokenizer={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
             post=template("<bos>", "$", ids={"<bos>": 2}), special=("<pad>", "<eos>", "<bos>", "<unk>"),
             decoder={"type": "Sequence", "decoders": LLAMA_DECODER["decoders"][:3]})

FAMILIES = {
    "gpt2, gpt_neo, gptj": bytes_family(byte_level()),
    "opt": bytes_family(byte_level(), ("<s>", "<pad>", "</s>"), post=template("</s>", "$", ids={"</s>": 2})),
    "opt, older": bytes_family(byte_level(), ("<s>", "<pad>", "</s>"), post={"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["</s>", 2], "trim_offsets": True,
                                                                           "add_prefix_space": False}),
    "phi-1, phi-2": bytes_family(byte_level(), added=SPACES),
    "gpt_neox, pythia, mpt, olmo, olmoe": bytes_family(byte_level(), ("<|endoftext|>", "<|padding|>"), NFC, added=SPACES),
    "olmo with eos": bytes_family(byte_level(), ("|||IP_ADDRESS|||", "<|padding|>", "<|endoftext|>"), NFC, template("$", "<|endoftext|>", ids={"<|endoftext|>": 2})),
    "falcon": bytes_family(steps({"type": "Punctuation", "behavior": "Contiguous"}, byte_level(use_regex=True), {"type": "Digits", "individual_digits": False},
                                 split("[0-9][0-9][0-9]")), (">>TITLE<<", "<|endoftext|>")),
    "bloom": bytes_family(steps(split(BLOOM_PATTERN), PLAIN), ("<unk>", "<s>", "</s>", "<pad>")),
    "llama-2, tinyllama, mistral v1, mixtral": pieces_family(LLAMA_NORMALIZER, None, LLAMA_BOS, ignore_merges=False),
    "phi-3": pieces_family(LLAMA_NORMALIZER, None, LLAMA_BOS, added=PHI3_ADDED),
    "mistral v3": pieces_family(None, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}, LLAMA_BOS, added=[
        {"content": t, "special": True} for t in ("[INST]", "[/INST]", "[TOOL_CALLS]")]),
    "llama, old Metaspace": pieces_family(None, {"type": "Metaspace", "replacement": "\u2581", "str_rep": "\u2581", "add_prefix_space": True}, LLAMA_BOS),
    "mistral nemo": bytes_family(steps(split(TEKKEN_PATTERN), PLAIN), ("<unk>", "<s>", "</s>"), post=template("<s>", "$", ids={"<s>": 1}), ignore_merges=True),
    "llama-3, smollm3": bytes_family(steps(split(LLAMA3_PATTERN), PLAIN), ("<|begin_of_text|>", "<|end_of_text|>"), post=BOS_LLAMA3, ignore_merges=True),
    "qwen2, qwen3, qwen moe": bytes_family(steps(split(QWEN2_PATTERN), byte_level(trim_offsets=False, use_regex=False)), ("<|endoftext|>", "<|im_start|>", "<|im_end|>"), NFC,
                                           byte_level(trim_offsets=False, use_regex=False), added=[{"content": "<tool_call>", "special": False}], byte_fallback=False),
    "gemma": pieces_family(**GEMMA, added=[{"content": "<start_of_turn>", "special": True}, {"content": "\n\n", "special": False}, {"content": "\u2581\u2581", "special": False}]),
    "gemma-3": pieces_family(**GEMMA, ignore_merges=False, added=[{"content": f"<unused{i}>", "special": False} for i in range(300)]),
    "stablelm-2": bytes_family(steps(split(CL100K_PATTERN, "Removed", True), byte_level(use_regex=False))),
    "olmo-2, granite-4": bytes_family(steps(split(TIKTOKEN_PATTERN), PLAIN), ("<|endoftext|>", "<|pad|>")),
    "starcoder2, granite, smollm": bytes_family(steps(DIGITS, byte_level(use_regex=True)), ("<|endoftext|>", "<fim_prefix>")),
    "cohere": bytes_family(steps(DIGITS, byte_level(use_regex=True)), ("<PAD>", "<UNK>", "<CLS>", "<SEP>", "<MASK_TOKEN>", "<BOS_TOKEN>"), NFC,
                           template("<BOS_TOKEN>", "$", ids={"<BOS_TOKEN>": 5}), unk_token=None),
    "deepseek-llm": bytes_family(steps(split("[\r\n]"), split(DEEPSEEK_LETTERS), split(DEEPSEEK_MARKS), split("\\s+$"), split(DEEPSEEK_SCRIPTS), DIGITS, PLAIN),
                                 ("<|begin|>", "<|end|>"), {"type": "Sequence", "normalizers": []}, template("<|begin|>", "$", ids={"<|begin|>": 0})),
    "deepseek-coder": bytes_family(steps(split("[\r\n]"), split("\\s?\\p{L}+"), split("\\s?\\p{P}+"), split(DEEPSEEK_SCRIPTS), DIGITS, PLAIN)),
    "deepseek-v2, v3": bytes_family(steps(split("\\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), split(DEEPSEEK_PATTERN), PLAIN)),
    "gpt-4o style": bytes_family(steps(split(O200K_PATTERN, "Removed", True), PLAIN), ("<|endoftext|>", "<|endofprompt|>")),
}


def write_family(name, folder):
    """Trains a vocabulary through the family's own pipeline and puts it into the file as released."""
    family = FAMILIES[name]
    document = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
                **{key: family[key] for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder")}}
    byte_fallback = family["model"].get("byte_fallback")
    training = dict(document, model={"type": "BPE", "vocab": {}, "merges": []}, post_processor=None)
    if byte_fallback:  # used on whole texts, but learnt on words
        training["pre_tokenizer"] = {"type": "Split", "pattern": {"String": "\u2581"}, "behavior": "MergedWithNext", "invert": False}
        training["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    tokenizer = Tokenizer.from_str(json.dumps(training))
    trainer = trainers.BpeTrainer(vocab_size=1000, special_tokens=list(family["special"]), initial_alphabet=[] if byte_fallback else BYTES, show_progress=False)
    tokenizer.train_from_iterator(training_texts(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    document["model"] = {"type": "BPE"} | family["model"] | {"vocab": model["vocab"], "merges": [" ".join(pair) for pair in model["merges"]]}
    vocab = document["model"]["vocab"]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    next_id = len(vocab)
    for token in [{"content": t} for t in family["special"] if t not in BYTE_TOKENS] + list(family["added"]):
        if token["content"] not in vocab:
            next_id += 1
        document["added_tokens"].append({"id": vocab.get(token["content"], next_id - 1)} | flags | token)
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    return folder, hf(Tokenizer.from_file(str(folder / "tokenizer.json")))


SPECIAL_TEXTS = ["<|user|> \n hi<|end|>\n\n", "a  b   c        d         e\t\t\t\tf", "<start_of_turn>user\n\nhi", "[INST] x [/INST]  y", "<unused7><unused299>", "<BOS_TOKEN>x",
                 "\u2581\u2581a \u2581", "1234567 12 3 4567", "x\u00b2\u00b3\u00bc\u0661\u0662\u0663\u0664", "a\n  \n\n b\r\n\t\r\nc  \n", "don't DON'T it'\u017f", "a(b)|c[d] (x|y)]", "  lead", "trail  ",
                 "a \n \n x  \n", " \n\n", "x" + " " * 3000 + "y"]


@pytest.mark.parametrize("name", FAMILIES)
def test_family(name, tmp_path):
    folder, reference = write_family(name, tmp_path / "model")
    texts = HARD + SPECIAL_TEXTS + training_texts() + random_texts(1200, seed=11)
    compare(folder, reference, texts, tmp_path, special=True)
    compare(folder, reference, SPECIAL_TEXTS, tmp_path, special=False)


@pytest.mark.parametrize("name", ["falcon", "bloom", "starcoder2, granite, smollm", "deepseek-llm", "gpt-4o style"])
def test_family_on_every_character(name, tmp_path):
    """Also characters younger than the tables of the libraries that we stand on."""
    folder, reference = write_family(name, tmp_path / "model")
    characters = [chr(c) for c in [*range(0x3400), *range(0xA000, 0xAC80), *range(0xF900, 0x17000), *range(0x18D00, 0x20000), *range(0xE0000, 0xE0200)]]
    texts = ["".join(f"a{c}1{c} {c}.{c}'s" for c in characters[i:i + 400]) for i in range(0, len(characters), 400)]
    compare(folder, reference, texts, tmp_path, special=False)
