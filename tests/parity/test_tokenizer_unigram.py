"""Unigram models and Precompiled normalizers against HF `tokenizers` reading the same file.

Character maps come out of sentencepiece models trained here, which is where real files have them from.
"""
import json
import random
import struct
import subprocess

import pytest

spm = pytest.importorskip("sentencepiece")
tokenizers = pytest.importorskip("tokenizers")
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tokenizer_harness import (BYTE_TOKENS, BYTES, HARD, asset, charsmap, compare, hf, ours, program, random_texts, saved, train_sentencepiece,
                               training_texts)


# -------------------------------------------------------------------------------------------------------- Precompiled


def bytes_behind(normalizer):
    """A tokenizer whose ids are the bytes of the normalised text."""
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(sorted(BYTES))}, []))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return tokenizer


CLUSTER_PARTS = (["\r", "\n", " ", "a", "b", "\u00a9", "\u00ae", "\u00e9", "\u0431", "\u0600", "\u06dd", "\u070f", "\u0301", "\u0302", "\u0323", "\u05b0", "\u064b"]
                 + ["\u200d", "\u200b", "\u20ac", "\u2764", "\ufe0f", "\u0e33", "\u0903", "\u093e", "\u0915", "\u094d", "\u09cd", "\u0995", "\u1100", "\u1161", "\u11a8", "\uac00"]
                 + ["\U0001f468", "\U0001f3fd", "\U0001f1e9", "\U0001f1ea", "\U000e0061", "\U000113d1", "\U00011a3a", "\u0897", "\u2065", "\U0001e5ee", "\u1acf", "\x00", "\ufffd"])


def cluster_texts(count, seed):
    """Random rows of what makes and breaks grapheme clusters."""
    rng = random.Random(seed)
    return ["".join(rng.choice(CLUSTER_PARTS) for _ in range(rng.randint(1, 40))) for _ in range(count)]


def every_character(seed):
    """Every character below the supplementary ideographs, assigned or not, behind letters and before marks."""
    texts = []
    rng = random.Random(seed)
    characters = [chr(c) for c in [*range(0x3400), *range(0xA000, 0xAC00), *range(0xD7A0, 0xD800), *range(0xF900, 0x20000), *range(0xE0000, 0xE1000)]]
    rng.shuffle(characters)
    for i in range(0, len(characters), 2000):
        texts.append("".join(f"a{c}\u0301{c}\u0915\u094d{c}\u0323b{c}" for c in characters[i:i + 2000]))
    return texts


RULE_SETS = {
    "letters": [("a", "X"), ("b\u0301", "Y"), ("b\u0301\u0302", "Z"), ("c", ""), ("\u00e9", "e\u0301"), ("ab", "never"), ("\r\n", "\n"), ("\u20ac", "EUR")],
    # One rule for nearly every character that a short cluster can begin with.
    "everything": [(chr(c), "X") for c in [*range(1, 0x300), *range(0x370, 0x3400), *range(0xA000, 0xAC00), *range(0xF900, 0x11000), *range(0x11000, 0x12000),
                                           *range(0x1F000, 0x20000)] if chr(c) not in "X\n"],
}


@pytest.mark.parametrize("name", ["nmt_nfkc", "nmt_nfkc_cf", "nfkc", *RULE_SETS])
def test_precompiled(name, tmp_path):
    if name in RULE_SETS:
        model = train_sentencepiece(tmp_path, RULE_SETS[name], vocab_size=60)
    else:
        model = train_sentencepiece(tmp_path, vocab_size=60, normalization_rule_name=name)
    normalizer = normalizers.Precompiled(charsmap(model))
    folder, reference = saved(bytes_behind(normalizer), tmp_path / "model")
    compare(folder, reference, HARD + training_texts() + random_texts(1500, seed=4) + cluster_texts(1500, seed=5), tmp_path)
    if name in ("nmt_nfkc", "everything"):
        compare(folder, reference, every_character(seed=6), tmp_path)


def test_precompiled_of_a_real_model(tmp_path):
    """Mistral's own model says `identity`: its map is empty, and HF's converter leaves the normalizer out."""
    assert charsmap(asset("tokenizers/mistral-v1/tokenizer.model").read_bytes()) == b""


@pytest.mark.parametrize("normalizer", [normalizers.Nmt(), normalizers.ByteLevel()], ids=["nmt", "byte_level"])
def test_other_normalizers(normalizer, tmp_path):
    folder, reference = saved(bytes_behind(normalizer), tmp_path / "model")
    every = ["".join(chr(c) for c in range(i, i + 4096) if not 0xD800 <= c < 0xE000) for i in range(0, 0x30000, 4096)]
    compare(folder, reference, HARD + random_texts(500, seed=6) + every, tmp_path)


# ------------------------------------------------------------------------------------------------------------ Unigram


def unigram_trained(pre_tokenizer, normalizer=None, size=600, **options):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.UnigramTrainer(vocab_size=size, unk_token="<unk>", special_tokens=["<unk>", "<s>", "</s>"], show_progress=False, **options)
    tokenizer.train_from_iterator(training_texts(), trainer)
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return tokenizer


def as_t5(tmp_path):
    model = train_sentencepiece(tmp_path, vocab_size=60)
    return unigram_trained(pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]), normalizers.Precompiled(charsmap(model)))


def as_xlm_roberta(tmp_path):
    model = train_sentencepiece(tmp_path, vocab_size=60)
    normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap(model)), normalizers.Strip(left=False, right=True),
                                       normalizers.Replace(Regex(" {2,}"), "\u2581")])
    tokenizer = unigram_trained(pre_tokenizers.Metaspace(prepend_scheme="always"), normalizer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    return tokenizer


def as_xlm_roberta_first(tmp_path):
    tokenizer = as_xlm_roberta(tmp_path)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    return tokenizer


def with_bytes(tmp_path):
    """Byte fallback, some characters known, the rest spelled."""
    base = json.loads(unigram_trained(pre_tokenizers.Metaspace()).to_str())
    base["model"]["vocab"] += [[token, 0.0] for token in BYTE_TOKENS]
    base["model"]["byte_fallback"] = True
    return Tokenizer.from_str(json.dumps(base))


def with_some_bytes(tmp_path):
    base = json.loads(with_bytes(tmp_path).to_str())
    base["model"]["vocab"] = base["model"]["vocab"][:-64]
    return Tokenizer.from_str(json.dumps(base))


def without_pre_tokenizer(tmp_path):
    tokenizer = unigram_trained(None, normalizers.Replace(" ", "\u2581"))
    return tokenizer


def on_bytes(tmp_path):
    tokenizer = unigram_trained(pre_tokenizers.ByteLevel(), initial_alphabet=BYTES)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def unigram_file(vocab, unk_id=0, **model):
    return Tokenizer.from_str(json.dumps({"version": "1.0", "model": {"type": "Unigram", "unk_id": unk_id, "vocab": vocab, **model}}))


def ties(rng, score):
    """A few letters and many tokens of them: most texts have several spellings with the same sum, or nearly."""
    vocab = {"<unk>": score(), "<0x64>": score()}
    for _ in range(60):
        vocab["".join(rng.choice("abc \u00e9\u0301") for _ in range(rng.randint(1, 6)))] = score()
    return unigram_file(list(vocab.items()), byte_fallback=rng.random() < 0.5)


def tie_texts(rng):
    return ["".join(rng.choice(["a", "b", "c", "d", " ", "\u00e9", "\u0301", "\u4f60", "<unk>", "aaaa", "abab"]) for _ in range(rng.randint(1, 60))) for _ in range(400)]


UNIGRAM = {f.__name__: f for f in [as_t5, as_xlm_roberta, as_xlm_roberta_first, with_bytes, with_some_bytes, without_pre_tokenizer, on_bytes]}


@pytest.mark.parametrize("name", UNIGRAM)
def test_unigram_trained(name, tmp_path):
    folder, reference = saved(UNIGRAM[name](tmp_path), tmp_path / "model")
    compare(folder, reference, HARD + training_texts() + random_texts(2000, seed=8), tmp_path)


@pytest.mark.parametrize("scores", ["whole", "halves", "single", "double", "long"])
def test_unigram_ties(scores, tmp_path):
    """Sums that are equal, or differ in the last bit: HF's order of additions and its reading of numbers decide."""
    rng = random.Random(scores)
    score = {
        "whole": lambda: -rng.randint(0, 3),
        "halves": lambda: -rng.randint(0, 6) / 2,
        "single": lambda: struct.unpack("f", struct.pack("f", -rng.choice([1.1, 2.3, 3.7, 0.1]) * rng.randint(1, 3)))[0],
        "double": lambda: -rng.choice([0.1, 0.2, 0.3, 1 / 3, 2 / 3]) * rng.randint(1, 4),
        "long": lambda: -rng.randint(1, 5) * 0.123456789012345678 + rng.randint(0, 2) * 1e-16,
    }[scores]
    for round in range(6):
        folder, reference = saved(ties(rng, score), tmp_path / f"model{round}")
        compare(folder, reference, tie_texts(rng), tmp_path)


def test_unigram_numbers_in_every_spelling(tmp_path):
    """Scores are read as HF reads them: with two roundings, in one of seven cases not to the nearest double."""
    rng = random.Random(3)
    forms = [lambda: repr(-rng.random() * 15), lambda: f"{-rng.random() * 10 ** rng.randint(-30, 30):.{rng.randint(1, 25)}e}", lambda: f"-{rng.randrange(10 ** 18)}",
             lambda: f"-{rng.randrange(10 ** 25)}.5", lambda: f"{-rng.random():.{rng.randint(18, 30)}f}", lambda: f"-{rng.randint(1, 9)}E-320", lambda: "-0.0", lambda: "7"]
    # Pairs of tokens whose scores differ by at most a few units in the last place: "xy" against "x" and "y".
    entries, texts = ['["<unk>", 0]'], []
    for i in range(1500):
        number = rng.choice(forms)()
        x, y = chr(0x4E00 + 2 * i), chr(0x4E01 + 2 * i)
        entries += [f'["{x}", {number}]', f'["{y}", 0.0]', f'["{x}{y}", {float(number)!r}]']
        texts.append(x + y)
    text = '{"version": "1.0", "model": {"type": "Unigram", "unk_id": 0, "vocab": [' + ", ".join(entries) + "]}}"
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(text)
    reference = hf(Tokenizer.from_file(str(folder / "tokenizer.json")))
    lengths = {len(ids) for ids in reference(texts, False)}
    assert lengths == {1, 2}, "the case must tell the roundings apart"
    compare(folder, reference, texts, tmp_path)


def test_sentencepiece_model_as_tokenizer_json(tmp_path):
    """What HF's converter makes of a Unigram sentencepiece model: scores in single precision, byte tokens, the character map."""
    model = train_sentencepiece(tmp_path, vocab_size=500, byte_fallback=True)
    processor = spm.SentencePieceProcessor(model_proto=model)
    vocab = [[processor.id_to_piece(i), processor.get_score(i)] for i in range(processor.get_piece_size())]
    tokenizer = unigram_file(vocab, processor.unk_id(), byte_fallback=True)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap(model)), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    folder, reference = saved(tokenizer, tmp_path / "model")
    compare(folder, reference, HARD + training_texts() + random_texts(1500, seed=9), tmp_path)
    same = [" ".join(text.split()) for text in training_texts()]
    assert ours(folder, same, tmp_path, False) == [processor.encode(text) for text in same]


def test_without_unk_id(tmp_path):
    """HF raises for a character that no token covers; so do we, and only then."""
    tokenizer = unigram_file([["a", -1.0], ["ab", -3.0], ["<0x63>", -2.0]], None, byte_fallback=True)
    folder, reference = saved(tokenizer, tmp_path / "model")
    compare(folder, reference, ["a", "aab", "abaa"], tmp_path)
    with pytest.raises(Exception, match="unk_id"):
        reference(["abc"], False)
    data = tmp_path / "bad.txt"
    data.write_text("abc")
    done = subprocess.run([program(), folder, "--data", data], capture_output=True, text=True)
    assert done.returncode == 1 and 'no token covers "c"' in done.stderr


def test_one_long_piece_takes_linear_time(tmp_path):
    """A megabyte without a place to cut: every position looks at the tokens that start there, no more."""
    folder, reference = saved(without_pre_tokenizer(tmp_path), tmp_path / "model")
    text = "".join(random.Random(5).choices(training_texts(), k=12000))[:1 << 20]
    compare(folder, reference, [text, "a" * 200000], tmp_path)
