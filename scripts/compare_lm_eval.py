#!/usr/bin/env python3
"""Compares `linscan eval` with lm-evaluation-harness on the same models and files: scores, log-likelihoods, time.

    scripts/compare_lm_eval.py [--venv DIR] [--build DIR] [--models NAME,...] [--tasks NAME,...] [--limit N]
                               [--batch-sizes 1,16] [--threads N] [--repeats N] [--large]

    --venv        environment of the harness, made when it is not there (default: ~/.cache/linscan/lm-eval-0.4.13)
    --build       folder of the built tools (default: build)
    --assets      folder with models, benchmarks, tokenizers and corpora (default: ../shared/assets)
    --batch-sizes of the harness; the time compared is that of the fastest
    --repeats     of both sides; times are medians
    --large       a random GPT-2 small as well, under the name gpt2-small

Times are CPU seconds: of the harness its likelihood calls alone, without its start (about six seconds), its items and its scores; of
linscan the whole process, once for each row and once for all of them together. Of perplexities both compute the rolling ones alone.

Not part of the tests: it installs torch and the harness. Prints one table per model; exits 1 when a score differs, a log-likelihood
by more than 1e-4 or a perplexity by more than 1e-5 of itself.
"""
import argparse
import json
import math
import os
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = [["torch==2.13.0"], ["lm-eval[hf]==0.4.13", "transformers==4.57.6", "sentencepiece", "protobuf"]]
LOG_LIKELIHOOD = 1e-4
PERPLEXITY = 1e-5
FP32_STEP = 2.0 ** -23  # the harness sums in fp32: a long continuation's sum is rounded in steps of this share of it
SHAPE = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "initializer_range": 0.15}


def recipes(assets):
    tokenizers = assets / "tokenizers"
    end = "<|endoftext|>"
    byte_level = {"bos_token": end, "eos_token": end, "unk_token": end}
    return {
        "tinystories": {"copy": str(assets / "models/tinystories-656k-llama")},
        "demo": {"copy": str(ROOT / "examples/demo-model")},
        "llama": {"type": "llama", "seed": 1, "tokenizer": str(tokenizers / "mistral-v1"),
                  "tokenizer_config": {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>",
                                       "unk_token": "<unk>", "add_bos_token": True, "legacy": False},
                  "config": {**SHAPE, "vocab_size": 32000, "intermediate_size": 172, "num_key_value_heads": 2,
                             "max_position_embeddings": 512}},
        "gpt2": {"type": "gpt2", "seed": 2, "tokenizer": str(tokenizers / "gpt2"),
                 "tokenizer_config": {"tokenizer_class": "GPT2Tokenizer", **byte_level},
                 "config": {"vocab_size": 50257, "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 256,
                            "initializer_range": 0.15}},
        "opt": {"type": "opt", "seed": 3, "tokenizer": str(tokenizers / "opt"),
                "tokenizer_config": {"tokenizer_class": "GPT2Tokenizer", "bos_token": "</s>", "eos_token": "</s>",
                                     "unk_token": "</s>", "pad_token": "<pad>", "add_bos_token": True},
                "config": {"vocab_size": 50272, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
                           "ffn_dim": 256, "word_embed_proj_dim": 64, "max_position_embeddings": 512, "init_std": 0.15}},
        "neox": {"type": "gpt_neox", "seed": 4, "tokenizer": str(tokenizers / "gpt-neox-20b"),
                 "tokenizer_config": {"tokenizer_class": "GPTNeoXTokenizer", **byte_level},
                 "config": {**SHAPE, "vocab_size": 50432, "intermediate_size": 256, "max_position_embeddings": 512}},
    }


def made_up_tasks(assets, folder):
    """PIQA, WinoGrande and HellaSwag items out of real sentences, with what is easily got wrong in them."""
    draw = random.Random(7)
    text = (assets / "corpora/tinystories-train-head-2mib.txt").read_text(encoding="utf-8", errors="replace")
    sentences = [s.strip() for s in text.replace("\n", " ").split(". ") if 30 < len(s.strip()) < 160][:2000]
    odd = ["", " [title] How", "  two blanks", " [step] ", "[a\nb]", " ÄRGER İstanbul", " 'quoted' (so)", "\u00a0nbsp"]
    rows = {"piqa": [], "winogrande": [], "hellaswag": []}
    for _ in range(120):
        pick = draw.sample(sentences, 6)
        rows["piqa"].append({"goal": pick[0], "sol1": pick[1], "sol2": pick[2] + draw.choice(odd), "label": draw.randint(0, 1)})
        words = pick[3].split()
        words.insert(draw.randint(0, len(words)), "_")
        rows["winogrande"].append({"sentence": " ".join(words) + ".", "option1": words[-2], "option2": "the " + words[0],
                                   "answer": draw.choice("12")})
        rows["hellaswag"].append({"activity_label": draw.choice(["Cooking", "ßport", "ǆogging"]),
                                  "ctx_a": pick[0] + draw.choice(odd), "ctx_b": draw.choice(["", "he SAYS", "ﬁne Ω ΟΔΟΣ", "élan"]),
                                  "endings": [p + draw.choice(odd) for p in pick[2:]], "label": draw.randint(0, 3)})
    files = {}
    for task, lines in rows.items():
        files[task] = str(folder / f"{task}.jsonl")
        pathlib.Path(files[task]).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return files


def task_files(assets, folder):
    foundry, superglue = assets / "benchmarks/foundry", assets / "benchmarks/superglue"
    files = {"arc_easy": foundry / "arc_easy.jsonl", "arc_challenge": foundry / "arc_challenge.jsonl",
             "openbookqa": foundry / "openbook_qa.jsonl", "lambada": assets / "benchmarks/lambada_test.jsonl",
             "boolq": superglue / "BoolQ/val.jsonl", "cb": superglue / "CB/val.jsonl", "copa": superglue / "COPA/val.jsonl",
             "multirc": superglue / "MultiRC/val.jsonl", "record": superglue / "ReCoRD/dev32.jsonl",
             "rte": superglue / "RTE/val.jsonl", "wic": superglue / "WiC/val.jsonl", "wsc": superglue / "WSC/val.jsonl"}
    return {**{name: str(file) for name, file in files.items()}, **made_up_tasks(assets, folder)}


def cut_files(files, folder, limit):
    """The first lines of every file: both programs read the same."""
    cut = {}
    for task, file in files.items():
        lines = pathlib.Path(file).read_text(encoding="utf-8").splitlines(keepends=True)
        share = {"multirc": max(1, limit // 40), "record": max(2, limit // 8)}.get(task, limit)  # lines with many items
        cut[task] = str(folder / f"cut-{task}.jsonl")
        pathlib.Path(cut[task]).write_text("".join(lines[:share]), encoding="utf-8")
    return cut


def text_files(assets, folder):
    wiki = (assets / "corpora/wikitext2-tokenised-test.txt").read_text(encoding="utf-8")[:60000]
    stories = (assets / "corpora/tinystories-train-head-2mib.txt").read_text(encoding="utf-8", errors="replace")[:30000]
    whole, lines = folder / "wiki.txt", folder / "stories.jsonl"
    whole.write_text(wiki, encoding="utf-8")
    lines.write_text("".join(json.dumps({"text": part}) + "\n" for part in stories.split("\n\n") if part.strip()))
    return [str(whole), str(lines)]


def prepare_venv(folder):
    python = folder / "bin/python"
    if not python.exists():
        print(f"making {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
    if subprocess.run([python, "-c", "import lm_eval.models.huggingface, sentencepiece, google.protobuf"], capture_output=True).returncode != 0:
        for packages in PACKAGES:  # torch first: lm-eval alone would choose a version of its own
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return python


def run_harness(python, job, folder):
    job_file, out = folder / "job.json", folder / "harness.json"
    job_file.write_text(json.dumps(job))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run([python, ROOT / "scripts/lm_eval_side.py", job_file, out], env=environment, text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit("the harness failed:\n" + done.stderr[-3000:])
    return json.loads(out.read_text())


def run_linscan(tool, model, tasks, texts, items, threads, repeats):
    """(result or {"failed"}, median CPU seconds of the whole process)"""
    command = [tool, model, "--dtype", "fp32", "--format", "json", "--quiet", "--force", "--threads", str(threads), "--ppl-rules", "rolling"]
    command += [argument for name, file in tasks.items() for argument in ("--task", f"{name}={file}")]
    command += [argument for file in texts for argument in ("--ppl", file)]
    command += ["--items", items] if items else []
    times = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    seconds = statistics.median(times)
    if done.returncode != 0:
        return {"failed": done.stderr.strip().splitlines()[-1]}, seconds
    return json.loads(done.stdout), seconds


def row(name, figures, remark, fine):
    print(f"  {name:<16} {figures:<74} {remark} {'' if fine else '  DIFFERENT'}")


def compare_task(tool, model, name, file, harness, seconds, folder, threads, repeats):
    items = folder / "items.jsonl"
    result, own_seconds = run_linscan(tool, model, {name: file}, [], items, threads, repeats)
    if "failed" in result:
        # A choice without a token of its own: the harness stops, or scores 0 where another choice has the same beginning.
        fine = "no token to score" in result["failed"] and ("failed" in harness or 0.0 in sum(harness["items"], []))
        row(name, "refused: " + result["failed"][-62:], "", fine)
        return fine, 0, 0
    if "failed" in harness:
        row(name, f"the harness failed: {harness['failed']}", "", False)
        return False, 0, 0
    scores = result["tasks"][name]
    expected = harness["scores"]
    main = "f1" if name == "record" else "acc"
    pairs = [(key, scores[key], expected[key]) for key in ("acc", "acc_norm", "f1", "em") if key in scores]
    if scores["n"] > 1:
        pairs.append(("stderr", scores["stderr"], expected[f"{main}_stderr"]))
    fine = all(math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-12) for _, ours, theirs in pairs)
    lines = [json.loads(line)["log_likelihood"] for line in items.read_text().splitlines()]
    fine = fine and [len(line) for line in lines] == [len(line) for line in harness["items"]]
    gaps = [(abs(a - b), LOG_LIKELIHOOD + FP32_STEP * abs(b)) for ours, theirs in zip(lines, harness["items"])
            for a, b in zip(ours, theirs)]
    gap = max(gaps)[0]
    fine = fine and all(gap <= allowed for gap, allowed in gaps)
    figures = " ".join(f"{key} {ours:.4f}{'' if math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-12) else f' != {theirs:.4f}'}"
                       for key, ours, theirs in pairs)
    if "perplexity" in scores:
        distance = abs(scores["perplexity"] / expected["perplexity"] - 1)
        fine = fine and distance <= PERPLEXITY
        figures += f" perplexity rel {distance:.1e}"
    row(f"{name} ({scores['n']})", f"{figures}  ll {gap:.1e}", f"{seconds:7.1f} s {own_seconds:6.1f} s {seconds / own_seconds:5.1f}x", fine)
    return fine, seconds, own_seconds


def compare_text(tool, model, file, harness, seconds, folder, threads, repeats):
    result, own_seconds = run_linscan(tool, model, {}, [file], None, threads, repeats)
    figures = result["perplexity"][file]
    total = harness["log_likelihood"]
    expected = {"word": math.exp(-total / harness["words"]), "byte": math.exp(-total / harness["bytes"]),
                "bits_per_byte": -total / harness["bytes"] / math.log(2)}
    gap = max(abs(figures[key] / expected[key] - 1) for key in expected)
    row(pathlib.Path(file).name, f"word {figures['word']:.4g} byte {figures['byte']:.4f}  rel {gap:.1e}",
        f"{seconds:7.1f} s {own_seconds:6.1f} s {seconds / own_seconds:5.1f}x", gap <= PERPLEXITY)
    return gap <= PERPLEXITY, seconds, own_seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=pathlib.Path, default=pathlib.Path.home() / ".cache/linscan/lm-eval-0.4.13")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--assets", type=pathlib.Path, default=ROOT.parent / "shared/assets")
    parser.add_argument("--models", default="")
    parser.add_argument("--tasks", default="")
    parser.add_argument("--limit", type=int, default=300, help="lines of every file; 0: all")
    parser.add_argument("--batch-sizes", default="1,16")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    python = prepare_venv(options.venv)
    tool = options.build / "bin/linscan-eval"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        models = recipes(options.assets)
        if options.large:
            models["gpt2-small"] = {**models["gpt2"], "config": {"vocab_size": 50257}}
        if options.models:
            models = {key: models[key] for key in options.models.split(",")}
        files = task_files(options.assets, folder)
        if options.tasks:
            files = {key: files[key] for key in options.tasks.split(",")}
        if options.limit:
            files = cut_files(files, folder, options.limit)
        texts = text_files(options.assets, folder)
        sizes = [int(size) for size in options.batch_sizes.split(",")]
        runs = [{"model": model, "tasks": files, "texts": texts, "batch_size": size, "threads": options.threads}
                for model in models for size in sizes for _ in range(options.repeats)]
        results = run_harness(python, {"models": models, "folder": str(folder / "models"), "runs": runs}, folder)
        fine = True
        for index, model in enumerate(models):
            of_model = results[index * len(sizes) * options.repeats:(index + 1) * len(sizes) * options.repeats]
            print(f"{model}  (harness at batch size {' or '.join(map(str, sizes))}, the faster; linscan: the whole process)")
            totals, done = [0.0, 0.0], []
            for key in [*files, *texts]:
                seconds = min(statistics.median(r["seconds"].get(key, math.inf) for r in of_model[i:i + options.repeats])
                              for i in range(0, len(of_model), options.repeats))
                path = folder / "models" / model
                if key in files:
                    one = compare_task(tool, path, key, files[key], of_model[0]["tasks"][key], seconds, folder, options.threads, options.repeats)
                else:
                    one = compare_text(tool, path, key, of_model[0]["texts"][key], seconds, folder, options.threads, options.repeats)
                fine = one[0] and fine
                totals = [totals[0] + one[1], totals[1] + one[2]]
                done += [key] if one[2] else []
            if done:
                result, together = run_linscan(tool, path, {k: files[k] for k in done if k in files}, [t for t in texts if t in done], None,
                                       options.threads, options.repeats)
                if "failed" in result:
                    sys.exit(f"all tasks in one command: {result['failed']}")
                for what, seconds in (("all, one by one", totals[1]), ("all, one command", together)):
                    print(f"  {what:<91} {totals[0]:7.1f} s {seconds:6.1f} s {totals[0] / seconds:5.1f}x", flush=True)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
