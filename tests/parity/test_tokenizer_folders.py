"""Folders without a tokenizer.json: tokenizer.model against sentencepiece, vocab.json + merges.txt against transformers' own classes."""
import json
import re

import pytest

spm = pytest.importorskip("sentencepiece")
tokenizers = pytest.importorskip("tokenizers")
from tokenizers import Tokenizer, models, pre_tokenizers

from tokenizer_harness import BYTES, HARD, compare, fields, ours, random_texts, train_sentencepiece, trained, training_texts

TEXTS = HARD + training_texts() + random_texts(800, seed=21)
TOKEN_TEXTS = ["<s>hello", "hello<s>the girl</s> the", "a <|im_end|>  b", "<|im_end|><|im_end|> x", "  <|im_end|>", "x[MASK] \n y", "x [MASK]y", "<unk> the", "the<unk>"]


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


# ----------------------------------------------------------------------------------------------------- tokenizer.model


MODELS = {
    "unigram": dict(model_type="unigram", vocab_size=400),
    "unigram, bytes": dict(model_type="unigram", vocab_size=700, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False),
    "bpe, nmt_nfkc_cf": dict(model_type="bpe", vocab_size=400, normalization_rule_name="nmt_nfkc_cf"),
    "bpe as llama": dict(model_type="bpe", vocab_size=800, byte_fallback=True, split_digits=True, normalization_rule_name="identity", remove_extra_whitespaces=False),
    "bpe as gemma": dict(model_type="bpe", vocab_size=800, byte_fallback=True, add_dummy_prefix=False, remove_extra_whitespaces=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3,
                         bos_piece="<bos>", eos_piece="<eos>", normalization_rule_name="identity", user_defined_symbols=["\n\n", "<unused0>"]),
    "char": dict(model_type="char", vocab_size=60),
    "word": dict(model_type="word", vocab_size=60),
    "no bos": dict(model_type="unigram", vocab_size=300, bos_id=-1),
}


@pytest.mark.parametrize("name", MODELS)
def test_model_alone(name, tmp_path):
    """Nothing beside the model: what the library gives, BOS in front."""
    model = train_sentencepiece(tmp_path, **MODELS[name])
    folder = write(tmp_path / "model", {"tokenizer.model": model})
    processor = spm.SentencePieceProcessor(model_proto=model)
    bos = [processor.bos_id()] if processor.bos_id() >= 0 else []
    texts = TEXTS + TOKEN_TEXTS
    want = [bos + processor.encode(text) for text in texts]
    tied = [i for i, ids in enumerate(ours(folder, texts, tmp_path, True)) if ids != want[i]]
    if MODELS[name]["model_type"] == "unigram":
        # The wheel here and the library we are built with are different versions, which take different ones of two equally good spellings.
        score = lambda ids: pytest.approx(sum(map(processor.get_score, ids)), abs=1e-3)
        got = dict(zip(tied, ours(folder, [texts[i] for i in tied], tmp_path, True)))
        assert len(tied) < 5 and all(score(got[i]) == sum(map(processor.get_score, want[i])) for i in tied)
    else:
        assert not tied, ascii(texts[tied[0]])


def without_prefix(model):
    """The same model with normalizer_spec.add_dummy_prefix off: its field 3, put before field 4 (remove_extra_whitespaces)."""
    spec = dict(fields(model))[3]
    assert spec.endswith(b"\x20\x00") and len(spec) < 120
    changed = spec[:-2] + b"\x18\x00" + spec[-2:]
    as_field = lambda spec: b"\x1a" + bytes([len(spec)]) + spec
    assert model.count(as_field(spec)) == 1
    return model.replace(as_field(spec), as_field(changed))


def as_hf(model, config):
    """The rules of HF's sentencepiece tokenizers: added tokens are cut out, every stretch goes to the library, a space before the first one only
    (legacy: before each)."""
    prefixed, plain = (spm.SentencePieceProcessor(model_proto=proto) for proto in (model, without_prefix(model)))
    named = {key: token["content"] if isinstance(token, dict) else token for key, token in config.items() if key.endswith("_token")}
    own = {"bos_token": prefixed.bos_id(), "eos_token": prefixed.eos_id(), "unk_token": prefixed.unk_id()}
    tokens = {prefixed.id_to_piece(i): (i, {}) for key, i in own.items() if named.get(key, prefixed.id_to_piece(i)) == prefixed.id_to_piece(i)}
    tokens |= {token["content"]: (int(i), token) for i, token in config.get("added_tokens_decoder", {}).items()}
    tokens |= {token: (i, {}) for token, i in config.get("added_tokens", {}).items()}
    cut = re.compile("|".join((r"\s*" if flags.get("lstrip") else "") + re.escape(token) + (r"\s*" if flags.get("rstrip") else "")
                              for token, (_, flags) in sorted(tokens.items(), key=lambda item: -len(item[0]))))
    bos, eos = (tokens[named[key]][0] if key in named else own[key] for key in ("bos_token", "eos_token"))

    def encode(text, special):
        ids = [bos] if special and config.get("add_bos_token", True) else []
        at = 0
        for match in [*cut.finditer(text), None]:
            stretch = text[at:match.start() if match else len(text)]
            spaced = config.get("add_prefix_space", True) and (at == 0 or config.get("legacy", False))
            ids += (prefixed if spaced else plain).encode(stretch)
            if match:
                ids.append(tokens[match.group().strip()][0])
                at = match.end()
        return ids + ([eos] if special and config.get("add_eos_token", False) else [])

    return lambda texts, special: [encode(text, special) for text in texts]


def flagged(content, **flags):
    return {"content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True} | flags


CONFIGS = {
    "defaults": {"tokenizer_class": "LlamaTokenizer"},
    "legacy": {"tokenizer_class": "LlamaTokenizerFast", "legacy": True, "bos_token": "<s>", "eos_token": {"content": "</s>"}, "unk_token": "<unk>"},
    "no bos, eos": {"add_bos_token": False, "add_eos_token": True},
    "no prefix": {"tokenizer_class": "LlamaTokenizer", "add_prefix_space": False},
    "added tokens": {"tokenizer_class": "LlamaTokenizer", "legacy": False, "added_tokens_decoder": {"900": flagged("<|im_end|>", rstrip=True), "901": flagged("[MASK]", lstrip=True)}},
    "added tokens, legacy": {"legacy": True, "added_tokens_decoder": {"900": flagged("<|im_end|>"), "901": flagged("[MASK]", lstrip=True)}},
    "bos among the added": {"bos_token": "<|im_end|>", "eos_token": "[MASK]", "add_eos_token": True, "added_tokens_decoder": {"900": flagged("<|im_end|>"), "901": flagged("[MASK]")}},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_model_with_config(name, tmp_path):
    model = train_sentencepiece(tmp_path, **MODELS["bpe as llama"])
    folder = write(tmp_path / "model", {"tokenizer.model": model, "tokenizer_config.json": CONFIGS[name]})
    for special in (True, False):
        compare(folder, as_hf(model, CONFIGS[name]), TEXTS + TOKEN_TEXTS, tmp_path, special)


def test_model_with_added_tokens_file(tmp_path):
    model = train_sentencepiece(tmp_path, **MODELS["bpe as gemma"])
    added = {"<|im_end|>": 800, "[MASK]": 801}
    folder = write(tmp_path / "model", {"tokenizer.model": model, "added_tokens.json": added, "tokenizer_config.json": {"tokenizer_class": "GemmaTokenizer"}})
    compare(folder, as_hf(model, {"added_tokens": added}), TEXTS + TOKEN_TEXTS, tmp_path)


# ----------------------------------------------------------------------------------------------- vocab.json, merges.txt


FIRST_FREE = 400  # id behind the vocabulary; HF gives it to the first added token, whatever the file says


@pytest.fixture(scope="module")
def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = trained(tokenizer, FIRST_FREE, ["<s>", "<pad>", "</s>", "<unk>", "<|endoftext|>", "<|padding|>", "<|im_end|>"], BYTES)
    assert tokenizer.get_vocab_size() == FIRST_FREE
    return tokenizer


OPT = {"errors": "replace", "unk_token": flagged("</s>", __type="AddedToken", normalized=True), "bos_token": flagged("</s>", __type="AddedToken", normalized=True),
       "eos_token": flagged("</s>", __type="AddedToken", normalized=True), "pad_token": flagged("<pad>", __type="AddedToken", normalized=True),
       "add_prefix_space": False, "add_bos_token": True, "tokenizer_class": "GPT2Tokenizer"}
FOLDERS = {
    "gpt2": ("GPT2Tokenizer", {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024}}),
    "gpt2, prefix and bos": ("GPT2Tokenizer", {"tokenizer_config.json": {"tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": True, "add_bos_token": True}}),
    "opt": ("GPT2Tokenizer", {"tokenizer_config.json": OPT}),
    "phi": ("CodeGenTokenizer", {"tokenizer_config.json": {"tokenizer_class": "CodeGenTokenizer"}, "special_tokens_map.json": {"pad_token": flagged("<pad>", lstrip=True)},
                                 "added_tokens.json": {"  ": FIRST_FREE, "   ": FIRST_FREE + 1, "\t\t": FIRST_FREE + 2}}),
    "qwen2, older": ("Qwen2Tokenizer", {"tokenizer_config.json": {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "additional_special_tokens": ["\u00e9x"]},
                                        "special_tokens_map.json": {"pad_token": flagged("<pad>")},
                                        "added_tokens.json": {"\u00e9x": FIRST_FREE, "\u00e9y": FIRST_FREE + 1}}),
    "gpt_neox": ("GPTNeoXTokenizer", {"tokenizer_config.json": {"tokenizer_class": "GPTNeoXTokenizer", "add_bos_token": True, "add_eos_token": True}}),
    "qwen2": ("Qwen2Tokenizer", {"tokenizer_config.json": {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
                                                           "added_tokens_decoder": {str(FIRST_FREE): flagged("<tool_call>", special=False), "6": flagged("<|im_end|>")}}}),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_vocabulary_and_merges(name, byte_level, tmp_path):
    transformers = pytest.importorskip("transformers")
    kind, files = FOLDERS[name]
    folder = write(tmp_path / "model", files)
    byte_level.model.save(str(folder))
    theirs = getattr(transformers, kind).from_pretrained(folder)
    texts = TEXTS + TOKEN_TEXTS + ["a  b   c\t\td", "<pad>x<|padding|>y", "x<tool_call>y", "e\u0301 <|im_end|>", "\u00e9x e\u0301x \u00e9y e\u0301y", "a <pad> b"]
    for special in (True, False):
        compare(folder, lambda texts, special: theirs(texts, add_special_tokens=special)["input_ids"], texts, tmp_path, special)


@pytest.mark.parametrize("model_type, name", [("gpt2", "gpt2"), ("gptj", "gpt2"), ("phi", "gpt2"), ("opt", "opt"), ("olmo", "gpt_neox"), ("qwen3", "qwen2")])
def test_model_type_decides_where_no_class_is_named(model_type, name, byte_level, tmp_path):
    config = dict(FOLDERS[name][1]["tokenizer_config.json"], add_bos_token=model_type == "opt", add_eos_token=False, eos_token=None, added_tokens_decoder={})
    if model_type == "opt":
        config["eos_token"] = "</s>"
    else:
        del config["eos_token"]
    folders = [write(tmp_path / "named", {"tokenizer_config.json": config}), write(tmp_path / "typed", {"config.json": {"model_type": model_type}})]
    for folder in folders:
        byte_level.model.save(str(folder))
    texts = TEXTS + TOKEN_TEXTS + ["<pad>x<|padding|>y"]
    named, typed = (ours(folder, texts, tmp_path, True) for folder in folders)
    assert named == typed
