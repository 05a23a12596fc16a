"""The half of compare_lm_eval.py that runs inside lm-evaluation-harness's own environment.

    python lm_eval_side.py JOB.json OUT.json

JOB: {"models": {name: recipe}, "folder", "runs": [{"model", "tasks": {NAME: FILE}, "texts": [FILE], "batch_size"}]}
OUT: for every run the harness's scores, log-likelihoods by item, rolling perplexities, and the CPU seconds of its
loglikelihood and loglikelihood_rolling calls alone.
"""
import json
import logging
import pathlib
import re
import shutil
import sys
import time

import datasets
import torch
import transformers
from safetensors.torch import load_file, save_file

ARC_LETTERS = "ABCDEFGHIJ"
HUB_NAMES = {"rte": "sglue_rte", "lambada": "lambada_openai"}  # where linscan's name of a task is not the harness's
CLASSES = {"cb": ["entailment", "contradiction", "neutral"], "rte": ["entailment", "not_entailment"]}


def repaired_wsc(text, span):
    """What the hub's wsc.fixed does to a span that is not in the text."""
    words, index = span["text"], span["index"]
    if words in text:
        return words
    first = text.split()[index]
    words = (words[0].lower() if first[0].islower() else words[0].upper()) + words[1:]
    return words.rstrip(".").replace("\n", " ")


def question_rows(row):
    if "query" in row:
        letters = list(ARC_LETTERS[:len(row["choices"])])
        text = row["query"].removeprefix("Question: ")
        yield {"question": text, "question_stem": row["query"], "choices": {"text": row["choices"], "label": letters},
               "answerKey": letters[row["gold"]]}
    else:
        yield row


def superglue_rows(task, row):
    if task == "multirc" and isinstance(row.get("passage"), dict):
        for question in row["passage"]["questions"]:
            for answer in question["answers"]:
                yield {"paragraph": row["passage"]["text"], "question": question["question"], "answer": answer["text"],
                       "label": answer["label"]}
    elif task == "record" and isinstance(row.get("passage"), dict):
        text = row["passage"]["text"]
        entities = sorted({text[e["start"]:e["end"] + 1] for e in row["passage"]["entities"]})
        for query in row["qas"]:
            yield {"passage": text, "query": query["query"], "entities": entities,
                   "answers": [a["text"] for a in query["answers"]]}
    elif task == "wsc" and "target" in row:
        target = row["target"]
        spans = {n: {"text": target[f"span{n}_text"], "index": target[f"span{n}_index"]} for n in (1, 2)}
        yield {"text": row["text"], "span1_index": spans[1]["index"], "span2_index": spans[2]["index"],
               "span1_text": repaired_wsc(row["text"], spans[1]), "span2_text": repaired_wsc(row["text"], spans[2]),
               "label": int(row["label"])}
    else:
        label = row["label"]
        row = dict(row)
        row["label"] = CLASSES[task].index(label) if task in CLASSES and isinstance(label, str) else int(label)
        yield row


def hub_rows(task, file):
    """The rows of a local file as the hub's columns."""
    for line in pathlib.Path(file).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if task in ("arc_easy", "arc_challenge", "openbookqa"):
            yield from question_rows(row)
        elif task == "lambada" and "context" in row:
            yield {"text": row["context"] + " " + row["continuation"]}
        elif task in ("lambada", "piqa", "winogrande"):
            yield row
        elif task == "hellaswag":
            yield {**row, "label": str(row["label"])}
        else:
            yield from superglue_rows(task, row)


def use_local_files(files):
    """Every data set that the harness asks for is made of these files."""
    by_dataset = {}
    for task, file in files.items():
        by_dataset[HUB_NAMES.get(task, task)] = (task, file)

    def load(path=None, name=None, **_):
        key = {"ARC-Easy": "arc_easy", "ARC-Challenge": "arc_challenge", "main": "openbookqa", "wsc.fixed": "wsc",
               "rte": "sglue_rte", "winogrande_xl": "winogrande", "default": "lambada_openai"}.get(name, name)
        key = {"baber/piqa": "piqa", "Rowan/hellaswag": "hellaswag"}.get(path, key)
        task, file = by_dataset[key]
        rows = datasets.Dataset.from_list(list(hub_rows(task, file)))
        return datasets.DatasetDict({split: rows for split in ("train", "validation", "test")})

    datasets.load_dataset = load


def build_model(recipe, folder):
    """A checkpoint for both programs: one that is there, or a random one with a real tokenizer."""
    folder = pathlib.Path(folder)
    if folder.exists():
        shutil.rmtree(folder)
    if "copy" in recipe:
        shutil.copytree(recipe["copy"], folder)
        tensors = load_file(folder / "model.safetensors")
        if "model.embed_tokens.weight" not in tensors:  # the head of a tied pair alone: accelerate opens the other
            tensors["model.embed_tokens.weight"] = tensors.pop("lm_head.weight")
            save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return
    folder.mkdir(parents=True)
    for file in pathlib.Path(recipe["tokenizer"]).iterdir():
        shutil.copy(file, folder)
    (folder / "tokenizer_config.json").write_text(json.dumps(recipe["tokenizer_config"]))
    config = transformers.AutoConfig.for_model(recipe["type"], **recipe["config"])
    (folder / "config.json").write_text(json.dumps(config.to_dict(), default=str))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(recipe["seed"])
    model = transformers.AutoModelForCausalLM.from_config(config)
    for file in folder.iterdir():
        file.unlink()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def rolling(lm, files):
    from lm_eval.api.instance import Instance
    figures = {}
    for file in files:
        path = pathlib.Path(file)
        text = path.read_bytes().decode("utf-8")
        documents = [json.loads(line)["text"] for line in text.splitlines()] if path.suffix == ".jsonl" else [text]
        requests = [Instance("loglikelihood_rolling", {}, (d,), i) for i, d in enumerate(documents)]
        values = lm.loglikelihood_rolling(requests, disable_tqdm=True)
        words = sum(len(re.split(r"\s+", d)) for d in documents)
        size = sum(len(d.encode("utf-8")) for d in documents)
        total = sum(values)
        figures[file] = {"log_likelihood": total, "words": words, "bytes": size}
    return figures


class Timed:
    """A method of the model that adds up its CPU seconds."""

    def __init__(self, method):
        self.method, self.seconds = method, 0.0

    def __call__(self, *arguments, **options):
        start = time.process_time()
        try:
            return self.method(*arguments, **options)
        finally:
            self.seconds += time.process_time() - start


def run_model(run, folder):
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    use_local_files(run["tasks"])
    torch.set_num_threads(run["threads"])
    lm = HFLM(pretrained=folder, dtype="float32", device="cpu", batch_size=run["batch_size"])
    names = {HUB_NAMES.get(task, task): task for task in run["tasks"]}
    out = {"tasks": {}, "texts": {}, "seconds": {}}
    for harness_name, task in names.items():
        lm.loglikelihood = Timed(type(lm).loglikelihood.__get__(lm))
        try:
            result = lm_eval.simple_evaluate(model=lm, tasks=[harness_name], log_samples=True, bootstrap_iters=2,
                                             verbosity="ERROR")
        except AssertionError as error:
            out["tasks"][task] = {"failed": repr(error)}
            continue
        out["seconds"][task] = lm.loglikelihood.seconds
        samples = sorted(result["samples"][harness_name], key=lambda sample: sample["doc_id"])
        out["tasks"][task] = {
            "scores": {key.split(",")[0]: value for key, value in result["results"][harness_name].items()
                       if isinstance(value, float)},
            "items": [[float(response[0]) for response in sample["filtered_resps"]] if task != "lambada"
                      else [float(sample["filtered_resps"][0][0])] for sample in samples]}
    for file in run["texts"]:
        lm.loglikelihood_rolling = Timed(type(lm).loglikelihood_rolling.__get__(lm))
        out["texts"].update(rolling(lm, [file]))
        out["seconds"][file] = lm.loglikelihood_rolling.seconds
    return out


def main():
    logging.disable(logging.WARNING)
    job = json.loads(pathlib.Path(sys.argv[1]).read_text())
    for name, recipe in job["models"].items():
        build_model(recipe, pathlib.Path(job["folder"]) / name)
    results = []
    for run in job["runs"]:
        results.append(run_model(run, str(pathlib.Path(job["folder"]) / run["model"])))
        pathlib.Path(sys.argv[2]).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
