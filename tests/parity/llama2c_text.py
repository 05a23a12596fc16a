"""Text for the llama2.c checkpoints: their vocabularies, and a TinyStories file as one stream of token ids.

    python3 tests/parity/llama2c_text.py stories260k FOLDER

writes the model as a HuggingFace folder and the ids that healing needs: FOLDER/model, FOLDER/fit.u16 (the calibration ids of the
assets), train.u16 and valid.u16 (the first MiB of the stories without and with its last 16,384 tokens), eval.u16 (10,240 ids of the
second MiB, those of the assets). Stories are encoded one by one and joined; no special tokens.
"""
import argparse
import pathlib
import re
import shutil
import struct

import numpy as np
import sentencepiece

import converted
import edit_models
import harness

VALIDATION_TOKENS = 16384
MEBI = 1 << 20
VOCABULARIES = {"stories260k": "stories260k-llama2c/tok512.bin", "babyllama": "babyllama-tok105-llama2c/tok105.model"}


class Llama2cVocabulary:
    """tokenizer.bin of llama2.c: pieces with merge scores, byte b is piece b + 3. Merges the best-scored neighbours first."""

    def __init__(self, path):
        data = path.read_bytes()
        self.scores, pieces, at = {}, [], 4
        while at < len(data):
            score, size = struct.unpack_from("<fi", data, at)
            piece = data[at + 8:at + 8 + size]
            at += 8 + size
            pieces.append(piece)
            if len(pieces) > 259:  # behind <unk>, <s>, </s> and the bytes
                self.scores[piece] = score
        self.ids = {piece: i for i, piece in enumerate(pieces) if i > 258}
        assert not [piece for piece in self.scores if b" " in piece[1:]], "a piece that spans words"
        self.words = {}

    def encode(self, text):
        """Ids of ` text`; no merge crosses into the next word, so words are encoded one by one."""
        return [i for word in re.findall(r" [^ ]*", " " + text) for i in self.word(word)]

    def word(self, word):
        if word not in self.words:
            parts = [character.encode() for character in word]
            while True:
                merges = [(-self.scores[pair], i) for i, pair in enumerate(map(b"".join, zip(parts, parts[1:]))) if pair in self.scores]
                if not merges:
                    break
                _, i = min(merges)
                parts[i:i + 2] = [parts[i] + parts[i + 1]]
            self.words[word] = [i for part in parts for i in ([self.ids[part]] if part in self.ids else [byte + 3 for byte in part])]
        return self.words[word]


def vocabulary(name):
    path = harness.asset("models", *VOCABULARIES[name].split("/"))
    return Llama2cVocabulary(path) if path.suffix == ".bin" else sentencepiece.SentencePieceProcessor(model_file=str(path))


def stories(part):
    """Whole stories of the first (0) or second (1) MiB of the file."""
    data = harness.asset("corpora", "tinystories-train-head-2mib.txt").read_bytes()[part * MEBI:(part + 1) * MEBI]
    whole = data.decode("utf-8", "ignore").split("<|endoftext|>")[1 if part else 0:-1]
    return [story.strip() for story in whole if story.strip()]


def story_ids(encoder, texts):
    return np.asarray([i for text in texts for i in encoder.encode(text)], dtype="<u2")


def prepare(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    converted.llama2c(harness.asset("models", *edit_models.FILES[name].split("/")), folder / "model")
    ids = story_ids(vocabulary(name), stories(0))
    ids[:-VALIDATION_TOKENS].tofile(folder / "train.u16")
    ids[-VALIDATION_TOKENS:].tofile(folder / "valid.u16")
    for part, file in (("calib", "fit"), ("eval", "eval")):
        shutil.copyfile(harness.asset("edit-ids", f"{name}.{part}.u16"), folder / f"{file}.u16")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=VOCABULARIES)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    prepare(arguments.model, arguments.folder)
