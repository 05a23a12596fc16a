#!/usr/bin/env python3
"""Makes the tokenizer of the demo model: byte-level BPE of 1,024 tokens, trained on 4,000 stories of make_corpus.py.

    python3 examples/make_tokenizer.py [--out examples/demo-model]        seconds; needs the package tokenizers

The model itself is made by `linscan pretrain-reg configs/demo.toml`.
"""
import argparse
import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import make_corpus

HERE = pathlib.Path(__file__).resolve().parent
END = "<|endoftext|>"
SEED = 1
STORIES = 4000
VOCABULARY = 1024
CONTEXT = 512


def train_tokenizer(texts):
    """Byte-level BPE; every text gets one leading <|endoftext|>."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[END], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{END} $A", pair=f"{END} $A {END} $B", special_tokens=[(END, 0)])
    return tokenizer


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "demo-model")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    train_tokenizer([make_corpus.story(SEED, "train", i) for i in range(STORIES)]).save(str(args.out / "tokenizer.json"))
    write_json(args.out / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": END, "eos_token": END, "pad_token": END,
        "model_max_length": CONTEXT, "clean_up_tokenization_spaces": False, "add_bos_token": True})
    write_json(args.out / "generation_config.json", {
        "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "do_sample": True, "temperature": 0.7, "max_length": CONTEXT})


if __name__ == "__main__":
    main()
