#!/usr/bin/env python3
"""Seeded tasks from the stories of make_corpus.py: labelled texts that a model trained on those stories can learn, for
`linscan finetune` and `linscan analyze --metrics probe`, and multiple-choice items for `linscan eval`.

    python3 examples/make_tasks.py --out build/tasks

    kind-train.jsonl, kind-validation.jsonl      text, label: the first third of a story, and which of eleven kinds it is (text=FILE)
    boolq-train.jsonl, boolq-validation.jsonl    passage, question, label: the beginning of a story, and whether something happens in
                                                 it; every question has as many yes as no (boolq=FILE)
    reward-train.jsonl, reward-validation.jsonl  chosen: the beginning of a story; rejected: the same with a thing, an animal, a colour
                                                 or a place of its first half replaced in its second half (reward=FILE)
    next.jsonl                                   question_stem, choices, answerKey: a story up to a sentence, that sentence, and three
                                                 with a word replaced that the story has decided (linscan eval --task openbookqa=FILE)

Item i of a file depends on (seed, file, i) only, and its story is of none of the splits of make_corpus.py.
"""
import argparse
import json
import pathlib
import random
import re
import sys

import make_corpus
import story_words as w

# Words that a story keeps to once it has chosen them; members of a group stand for one another in a sentence. Left out is what
# stories also use in fixed phrases ("after school", "one day").
GROUPS = {
    "thing": [w.THINGS],
    "animal": [w.ANIMAL_NAMES, sorted(w.ANIMALS)],
    "colour": [w.COLOURS],
    "place": [[place for place in w.PLACES if place not in ("school", "square", "field")]],
    "number": [w.NUMBERS[2:]],
    "name": [w.GIRLS, w.BOYS],
}
# What has happened in the first seventy words of a kind of story, and happens in no other kind.
QUESTIONS = {
    "lost": "was a thing lost",
    "sharing": "did they share",
    "journey": "was it a long way",
    "repair": "was something broken",
    "race": "was there a contest",
    "shop": "did they want to buy something",
    "cooking": "did they cook",
    "pet": "did an animal run away",
}
CHOICES = 4


def words_of(text):
    return re.findall(r"[A-Za-z]+", text)


def others_of(name, word, text):
    """Words of the group that could stand in the place of `word` (with the same article), and that the text does not have."""
    taken = set(words_of(text))
    return [other for group in GROUPS[name] if word in group for other in group
            if other not in taken and (other[0] in "aeiou") == (word[0] in "aeiou")]


def replaced(text, word, other):
    return re.sub(rf"\b{word}\b", other, text)


def tell(kind, rng):
    story = make_corpus.Story(rng)
    getattr(story, kind)()
    return story.text()


def sentences(text):
    """The sentences of a story with the whitespace behind them. Direct speech is cut at its end marks too."""
    ends = [match.end() for match in re.finditer(r'[.!?]"?\s+(?=["A-Z])', text)]
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)])]


def beginning(text, words):
    """Whole sentences of a story until there are so many words, or all of it."""
    pieces, some = sentences(text), 1
    while some < len(pieces) and len(words_of("".join(pieces[:some]))) < words:
        some += 1
    return "".join(pieces[:some]).rstrip()


def kind_item(rng, index):
    kind = make_corpus.KINDS[index % len(make_corpus.KINDS)]
    pieces = sentences(tell(kind, rng))
    return {"text": "".join(pieces[:max(1, len(pieces) // 3)]).rstrip(), "label": kind}


def boolq_item(rng, index):
    kinds = list(QUESTIONS)
    asked, label = kinds[index // 2 % len(kinds)], index % 2 == 1
    kind = asked if label else rng.choice([kind for kind in kinds if kind != asked])
    return {"passage": beginning(tell(kind, rng), 70), "question": QUESTIONS[asked], "label": label}


def reward_item(rng, index):
    name = ("thing", "animal", "colour", "place")[index % 4]
    while True:
        text = beginning(tell(rng.choice(make_corpus.KINDS), rng), 60)
        pieces = sentences(text)
        first, second = "".join(pieces[:len(pieces) // 2]), "".join(pieces[len(pieces) // 2:])
        both = sorted(set(words_of(first)) & set(words_of(second)))
        words = [word for word in both if others_of(name, word, text)]
        if words:
            break
    word = rng.choice(words)
    return {"chosen": text, "rejected": first + replaced(second, word, rng.choice(others_of(name, word, text)))}


def next_item(rng, index):
    """The sentence goes on in its paragraph, so that a model reads the story's own text."""
    name = list(GROUPS)[index % len(GROUPS)]
    while True:
        pieces = sentences(tell(rng.choice(make_corpus.KINDS), rng))
        at = rng.randrange(len(pieces) // 3, len(pieces))
        stem, right = "".join(pieces[:at]), pieces[at].rstrip()
        words = [word for word in sorted(set(words_of(stem)) & set(words_of(right)))
                 if len(others_of(name, word, stem + right)) >= CHOICES - 1]
        if words and stem.endswith(" "):
            break
    word = rng.choice(words)
    wrong = rng.sample(others_of(name, word, stem + right), CHOICES - 1)
    place = rng.randrange(CHOICES)
    texts = [replaced(right, word, other) for other in wrong]
    texts.insert(place, right)
    labels = "ABCD"[:CHOICES]
    return {"question_stem": stem.rstrip(), "choices": {"text": texts, "label": list(labels)}, "answerKey": labels[place]}


ITEMS = {"kind": kind_item, "boolq": boolq_item, "reward": reward_item, "next": next_item}


def items(seed, task, split, count):
    """The first `count` items of a file."""
    return [ITEMS[task](random.Random(f"linscan-tasks/{seed}/{task}-{split}/{index}"), index) for index in range(count)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder for the files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train", type=int, default=1600, help="items to train on, of each task")
    parser.add_argument("--validation", type=int, default=400, help="items to validate with, of each task")
    parser.add_argument("--choices", type=int, default=1200, help="multiple-choice items")
    parser.add_argument("--force", action="store_true", help="replace existing files")
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    files = [(out / f"{task}-{split}.jsonl", task, split, getattr(args, split))
             for task in ("kind", "boolq", "reward") for split in ("train", "validation")]
    files.append((out / "next.jsonl", "next", "choices", args.choices))
    present = [path for path, *_ in files if path.exists()]
    if present and not args.force:
        sys.exit(f"make_tasks.py: {present[0]} exists (--force replaces it)")
    out.mkdir(parents=True, exist_ok=True)
    for path, task, split, count in files:
        path.write_text("".join(json.dumps(item) + "\n" for item in items(args.seed, task, split, count)))


if __name__ == "__main__":
    main()
