"""Small files for every task, with what is easily got wrong in them: both spellings, odd blanks, letters outside ASCII."""
import json
import random

SENTENCES = [
    "The cat sat on the mat", "A girl named Élodie found a red ball", "Tom and his dog ran to the park", "It was a sunny day",
    "They said “hello” to the old man", "Mother made soup for everyone", "The little bird could not fly", "He was very sad",
    "Naïve Ärzte eat Äpfel", "We went home and slept well", "The box was big and full of toys", "She did not see the cake",
]
ODD = ["", " ", "\n", "\u00a0", " \u2003", "."]


def sentence(draw):
    return draw.choice(SENTENCES) + draw.choice(["", ", " + draw.choice(SENTENCES).lower()])


def multiple_choice(draw, count):
    texts = [sentence(draw) + draw.choice(["", ".", " "]) for _ in range(count)]
    return texts, draw.randrange(count)


def rows_of(task, draw, index):
    texts, gold = multiple_choice(draw, draw.choice([3, 4, 5]))
    letters = "ABCDE" if index % 2 else "12345"
    lettered = {"text": texts, "label": list(letters[:len(texts)])}
    if task.startswith("arc"):
        return {"query": "Question: " + sentence(draw) + "?", "choices": texts, "gold": gold} if index % 3 == 0 else \
            {"question": sentence(draw) + "?", "choices": lettered, "answerKey": letters[gold]}
    if task == "openbookqa":
        return {"query": sentence(draw), "choices": texts, "gold": gold} if index % 3 == 0 else \
            {"question_stem": sentence(draw) + draw.choice(ODD), "choices": lettered, "answerKey": " " + letters[gold]}
    if task == "boolq":
        return {"passage": sentence(draw) + draw.choice(ODD), "question": sentence(draw).lower(), "label": draw.random() < 0.5}
    if task == "cb":
        names = ["entailment", "contradiction", "neutral"]
        return {"premise": sentence(draw), "hypothesis": sentence(draw) + ".", "label": draw.choice(names + [0, 1, 2])}
    if task == "rte":
        return {"premise": sentence(draw), "hypothesis": sentence(draw), "label": draw.choice(["entailment", "not_entailment"])}
    if task == "copa":
        return {"premise": " " + sentence(draw) + ". ", "choice1": sentence(draw), "choice2": "Éva left.",
                "question": draw.choice(["cause", "effect"]), "label": draw.randrange(2)}
    if task == "multirc":
        answers = [{"text": sentence(draw), "label": draw.randrange(2)} for _ in range(3)]
        if index % 3 == 0:
            return {"paragraph": sentence(draw), "question": sentence(draw) + "?", "answer": sentence(draw), "label": index % 2}
        return {"passage": {"text": " ".join(sentence(draw) for _ in range(4)),
                            "questions": [{"question": sentence(draw) + "?", "answers": answers}] * 2}}
    if task == "record":
        text = sentence(draw) + draw.choice(["", "\n@highlight\n" + sentence(draw), "\n@highlight\nÉl\n@highlight\nx"])
        entities = [{"start": s, "end": s + draw.randrange(1, 6)} for s in draw.sample(range(len(text) - 8), 3)]
        answers = [{"text": "The " + text[e["start"]:e["end"] + 1]} for e in entities[:2]]
        if index % 3 == 0:
            return {"passage": text, "query": "@placeholder is " + sentence(draw), "entities": ["Tom", "the cat", "Ärzte", "Tom"],
                    "answers": ["Cat!", "Äpfel"]}
        return {"passage": {"text": text, "entities": entities},
                "qas": [{"query": sentence(draw) + " @placeholder, @placeholder", "answers": answers}]}
    if task == "wic":
        first = sentence(draw)
        return {"word": "x", "sentence1": first, "sentence2": sentence(draw), "start1": 4, "end1": 9, "label": draw.random() < 0.5}
    if task == "wsc":
        text = sentence(draw) + " ( so ) did n't \" see \" him , Tom 's dog ."
        words = text.split()
        target = {"span1_index": 0, "span1_text": draw.choice([words[0], words[0].upper() + "..", words[0].lower()]),
                  "span2_index": words.index("him"), "span2_text": "him"}
        return {"text": text, "label": draw.random() < 0.5, **({"target": target} if index % 2 else target)}
    if task == "lambada":
        if index % 3 == 0:
            return {"context": sentence(draw), "continuation": "word"}
        return {"text": sentence(draw) + draw.choice(["", "\n", ' "so"']) + " end"} if index != 1 else {"text": "alone"}
    if task == "piqa":
        return {"goal": sentence(draw), "sol1": sentence(draw), "sol2": sentence(draw) + ".", "label": draw.choice([0, 1, "0", "1"])}
    if task == "winogrande":
        words = sentence(draw).split()
        words.insert(draw.randrange(1, len(words)), "_")
        return {"sentence": " ".join(words) + draw.choice([".", " . ", ""]), "option1": "Tom", "option2": "the dog",
                "answer": draw.choice(["1", "2"])}
    if task == "hellaswag":
        odd = ["", " [title] How", "  two   blanks", " [step] ", " [a\nb] c"]
        return {"activity_label": draw.choice(["Cooking", "ßport"]), "ctx_a": sentence(draw) + draw.choice(odd),
                "ctx_b": draw.choice(["", "he SAYS so", "ǆ ΟΔΟΣ", "élan"]),
                "endings": [sentence(draw) + draw.choice(odd) for _ in range(4)], "label": draw.choice(["0", "1", "2", "3"])}
    raise AssertionError(task)


def write_task(task, path, lines=16, seed=0):
    draw = random.Random(f"{task} {seed}")
    path.write_text("".join(json.dumps(rows_of(task, draw, i), ensure_ascii=i % 2 == 0) + "\n" for i in range(lines)), encoding="utf-8")
    return path


def write_texts(folder):
    """One text longer than the models' inputs, and lines of which one is empty and one short."""
    draw = random.Random(3)
    long = folder / "long.txt"
    long.write_bytes((" Start\r\n" + " ".join(sentence(draw) + "." for _ in range(40)) + "\u2003\n\n").encode("utf-8"))
    lines = folder / "lines.jsonl"
    texts = ["", "a", *(" ".join(sentence(draw) for _ in range(n)) for n in (1, 3, 12))]
    lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return [long, lines]
