"""The rules of `linscan eval` once more, in plain Python on transformers: one request at a time, nothing shared.

Prompts and scores of the tasks of lm-evaluation-harness, and the two rules of perplexity. Reads the same files as linscan.
"""
import json
import math
import pathlib
import re
import string

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM


class Oracle:
    """A model and the tokenizer.json beside it, as the file says."""

    def __init__(self, folder, max_length):
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        named = json.loads((folder / "tokenizer_config.json").read_text())
        text = named.get("bos_token") or named["eos_token"]
        self.prefix_text = text if isinstance(text, str) else text["content"]
        self.prefix = self.tokenizer.token_to_id(self.prefix_text)
        self.max_length = max_length
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=not text.startswith(self.prefix_text)).ids

    def plain(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def pair(self, context, continuation):
        if context == "":
            tokens = self.plain(continuation)
            return (tokens[:1], tokens[1:]) if tokens[0] == self.prefix else ([self.prefix], tokens)
        kept = context.rstrip()
        moved = context[len(kept):] + continuation
        before = self.encode(kept)
        return before, self.encode(kept + moved)[len(before):]

    @torch.no_grad()
    def predictions(self, ids, scored):
        """(log-softmax rows, targets) of the last `scored` tokens of ids."""
        logits = self.model(torch.tensor([ids[:-1]]), use_cache=False).logits[0, -scored:]
        return torch.log_softmax(logits, -1), torch.tensor(ids[-scored:])

    def score(self, ids, scored):
        rows, targets = self.predictions(ids, scored)
        total = rows.gather(1, targets[:, None]).double().sum().item()
        return total, bool((rows.argmax(-1) == targets).all())

    def log_likelihood(self, context, continuation):
        before, tokens = self.pair(context, continuation)
        assert tokens and len(tokens) <= self.max_length
        return self.score((before + tokens)[-(self.max_length + 1):], len(tokens))

    def rolling(self, text):
        tokens, length = self.encode(text), self.max_length
        if not tokens:
            return 0.0
        done = min(length, len(tokens))
        total = self.score([self.prefix] + tokens[:done], done)[0]
        while done < len(tokens):
            more = min(length, len(tokens) - done)
            done += more
            total += self.score(tokens[done - length - 1:done], more)[0]
        return total

    def chunk_windows(self, tokens, ctx, stride):
        """[(ids, scored)]"""
        windows, seen = [], 0
        for begin in range(0, len(tokens), stride):
            end = min(begin + ctx, len(tokens))
            scored = end - max(seen, begin + 1)
            if scored > 0:
                windows.append((tokens[begin:end], scored))
            seen = end
            if end == len(tokens):
                break
        return windows


def documents(path):
    text = path.read_bytes().decode("utf-8")
    return [json.loads(line)["text"] for line in text.splitlines() if line.strip()] if path.suffix == ".jsonl" else [text]


def perplexity(oracle, path, ctx, stride):
    texts = documents(path)
    rolling = sum(oracle.rolling(text) for text in texts)
    windows = [w for text in texts for w in oracle.chunk_windows(oracle.plain(text), ctx, stride)]
    chunked = sum(oracle.score(ids, scored)[0] for ids, scored in windows)
    words = sum(len(re.split(r"\s+", text)) for text in texts)
    size = sum(len(text.encode("utf-8")) for text in texts)
    return {"chunked": math.exp(-chunked / sum(scored for _, scored in windows)), "word": math.exp(-rolling / words),
            "byte": math.exp(-rolling / size), "bits_per_byte": -rolling / size / math.log(2),
            "tokens": sum(len(oracle.plain(text)) for text in texts)}


# --- items: (contexts, continuations, texts whose length counts or None, gold), one of the two lists may have one entry


def mcq(context, choices, gold, lengths=False):
    return [context], [" " + c for c in choices], choices if lengths else None, gold


def arc(row):
    if "query" in row:
        return [mcq(row["query"] + "\nAnswer:", row["choices"], row["gold"], True)]
    choices = row["choices"]
    return [mcq(f"Question: {row['question']}\nAnswer:", choices["text"], choices["label"].index(row["answerKey"]), True)]


def openbookqa(row):
    if "query" in row:
        return [mcq(row["query"], row["choices"], row["gold"], True)]
    return [mcq(row["question_stem"], row["choices"]["text"], row["choices"]["label"].index(row["answerKey"].lstrip()), True)]


def copa(row):
    connector = {"cause": "because", "effect": "therefore"}[row["question"]]
    choices = [" " + row[k][0].lower() + row[k][1:] for k in ("choice1", "choice2")]
    return [mcq(row["premise"].strip()[:-1] + f" {connector}", choices, row["label"])]


def multirc(row):
    def item(paragraph, question, answer, label):
        return mcq(f"{paragraph}\nQuestion: {question}\nAnswer:", [f"{answer}\nIs the answer correct? {w}" for w in ("yes", "no")],
                   int(label))
    if "paragraph" in row:
        return [item(row["paragraph"], row["question"], row["answer"], row["label"])]
    return [item(row["passage"]["text"], q["question"], a["text"], a["label"])
            for q in row["passage"]["questions"] for a in q["answers"]]


def record(row):
    flat = isinstance(row["passage"], str)
    text = row["passage"] if flat else row["passage"]["text"]
    entities = sorted(set(row["entities"] if flat else [text[e["start"]:e["end"] + 1] for e in row["passage"]["entities"]]))
    first, *highlights = text.strip().split("\n@highlight\n")
    context = first + "\n\n" + "".join(f"  - {h}.\n" for h in highlights)
    queries = [(row["query"], row["answers"])] if flat else [(q["query"], [a["text"] for a in q["answers"]]) for q in row["qas"]]
    return [([context], [" " + f"  - {query}".replace("@placeholder", e) for e in entities], None, (entities, answers))
            for query, answers in queries]


def wsc(row):
    spans = row.get("target", row)

    def fixed(n):
        span = spans[f"span{n}_text"]
        if span in row["text"]:
            return span
        first = row["text"].split()[spans[f"span{n}_index"]]
        span = (span[0].lower() if first[0].islower() else span[0].upper()) + span[1:]
        return span.rstrip(".").replace("\n", " ")
    noun, pronoun = fixed(1), fixed(2)
    pre = " ".join(row["text"].split()[:spans["span2_index"]])
    passage = f"{pre} *{pronoun}*{row['text'][len(pre) + len(pronoun) + 1:]}"
    for old, new in ((" n't", "n't"), (" )", ")"), ("( ", "("), ('" ', '"'), (' "', '"')):
        passage = passage.replace(old, new)
    passage = re.sub(r" (['.,])", r"\1", passage)
    question = f'In the passage above, does the pronoun "*{pronoun}*" refer to "*{noun}*"?'
    return [mcq(f"Passage: {passage}\nQuestion: {question}\nAnswer:", ["no", "yes"], int(row["label"]))]


def clean(text):
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def hellaswag(row):
    context = clean(f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}")
    return [mcq(context, [clean(e) for e in row["endings"]], int(row["label"]), True)]


def winogrande(row):
    at = row["sentence"].index("_")
    contexts = [row["sentence"][:at] + row[o] for o in ("option1", "option2")]
    return [(contexts, [" " + row["sentence"][at + 1:].strip()], None, int(row["answer"]) - 1)]


def lambada(row):
    words = (row["context"] + " " + row["continuation"] if "context" in row else row["text"]).split(" ")
    return [([" ".join(words[:-1])], [" " + words[-1]], None, None)]


def label(names):
    return lambda row: names.index(row["label"]) if isinstance(row["label"], str) and row["label"] in names else int(row["label"])


CB, RTE = label(["entailment", "contradiction", "neutral"]), label(["entailment", "not_entailment"])
READERS = {
    "arc_easy": arc, "arc_challenge": arc, "openbookqa": openbookqa, "copa": copa, "multirc": multirc, "record": record,
    "wsc": wsc, "hellaswag": hellaswag, "winogrande": winogrande, "lambada": lambada,
    "boolq": lambda r: [mcq(f"{r['passage']}\nQuestion: {r['question']}?\nAnswer:", ["no", "yes"], int(r["label"]))],
    "cb": lambda r: [mcq(f"{r['premise']}\nQuestion: {r['hypothesis']}. True, False, or Neither?\nAnswer:",
                         ["True", "False", "Neither"], CB(r))],
    "rte": lambda r: [mcq(f"{r['premise']}\nQuestion: {r['hypothesis']} True or False?\nAnswer:", ["True", "False"], RTE(r))],
    "wic": lambda r: [mcq(f"Sentence 1: {r['sentence1']}\nSentence 2: {r['sentence2']}\nQuestion: Is the word "
                          f"'{r['sentence1'][r['start1']:r['end1']]}' used in the same way in the two sentences above?\nAnswer:",
                          ["no", "yes"], int(r["label"]))],
    "piqa": lambda r: [mcq(f"Question: {r['goal']}\nAnswer:", [r["sol1"], r["sol2"]], int(r["label"]), True)],
}


def read_items(task, path, limit):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [item for row in rows for item in READERS[task](row)][:limit]


# --- scores


def answer_words(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def bag_f1(gold, predicted):
    if not gold or not predicted:
        return float(gold == predicted)
    common = sum(min(gold.count(word), predicted.count(word)) for word in set(gold))
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(gold)
    return 2 * precision * recall / (precision + recall)


def first_maximum(values):
    return values.index(max(values))


def standard_error(values):
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)) / math.sqrt(len(values))


def evaluate(oracle, task, path, limit=None):
    """(scores as linscan names them, log-likelihoods of every item)"""
    lines, acc, norm, f1, em, pairs = [], [], [], [], [], []
    for contexts, continuations, lengths, gold in read_items(task, path, limit):
        count = max(len(contexts), len(continuations))
        scored = [oracle.log_likelihood(contexts[min(i, len(contexts) - 1)], continuations[min(i, len(continuations) - 1)])
                  for i in range(count)]
        values = [value for value, _ in scored]
        lines.append(values)
        best = first_maximum(values)
        if task == "lambada":
            acc.append(float(scored[0][1]))
        elif task == "record":
            entities, answers = gold
            f1.append(max(bag_f1(answer_words(a), answer_words(entities[best])) for a in answers))
            em.append(max(float(answer_words(a) == answer_words(entities[best])) for a in answers))
        else:
            acc.append(float(best == gold))
            pairs.append((best, gold))
            if lengths:
                norm.append(float(first_maximum([v / len(c) for v, c in zip(values, lengths)]) == gold))
    mean = {name: sum(v) / len(v) for name, v in (("acc", acc), ("acc_norm", norm), ("f1", f1), ("em", em)) if v}
    if task == "lambada":
        mean["perplexity"] = math.exp(-sum(line[0] for line in lines) / len(lines))
    if task == "cb":
        each = []
        for c in range(3):
            hits = sum(p == c == g for p, g in pairs)
            named = sum((p == c) + (g == c) for p, g in pairs)
            each.append(2 * hits / named if named else 0.0)
        mean["f1"] = sum(each) / 3
    return {**mean, "stderr": standard_error(f1 or acc), "n": len(lines)}, lines
