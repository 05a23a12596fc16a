"""linscan eval as a program: the contract, options, bad input, outputs, and that scores depend on the items alone."""
import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

import harness
from cases_llama import LLAMA
from eval_data import write_task

MODEL = harness.ROOT / "examples" / "demo-model"
TASKS = ["arc_easy", "arc_challenge", "boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc", "lambada", "piqa",
         "winogrande", "hellaswag", "openbookqa"]
SCORES = {"record": {"f1", "em"}, "cb": {"acc", "f1"}, "lambada": {"acc", "perplexity"},
          **{task: {"acc", "acc_norm"} for task in ("arc_easy", "arc_challenge", "piqa", "hellaswag", "openbookqa")}}


def evaluate(*arguments, model=MODEL, **options):
    return harness.run("linscan-eval", model, "--dtype", "fp32", *arguments, **options)


def result_of(*arguments, **options):
    return json.loads(evaluate(*arguments, "--format", "json", "-q", check=0, **options).stdout)


def one_line_error(result, *expected, code=1):
    """The exit code, nothing on stdout, one line of error that names all of `expected`."""
    assert result.returncode == code, f"exit {result.returncode}\n{result.stderr}"
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "warning" not in line]
    assert len(lines) == 1 and lines[0].startswith("linscan-eval: error: "), result.stderr
    for text in expected:
        assert text in lines[0], lines[0]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("One day a cat sat on the mat. " * 30)
    return path


def test_all_tasks_in_one_run_with_their_scores(tmp_path):
    files = {task: write_task(task, tmp_path / f"{task}.jsonl", lines=6) for task in TASKS}
    items = tmp_path / "items.jsonl"
    result = result_of(*[a for task, path in files.items() for a in ("--task", f"{task}={path}")], "--items", items)
    assert result["schema"] == "linscan.eval/1" and set(result["tasks"]) == set(TASKS) and result["perplexity"] == {}
    lines = [json.loads(line) for line in items.read_text().splitlines()]
    for task in TASKS:
        scores = result["tasks"][task]
        assert set(scores) == SCORES.get(task, {"acc"}) | {"stderr", "n"}
        own = [line for line in lines if line["task"] == task]
        assert [line["index"] for line in own] == list(range(scores["n"]))
        if "acc" in scores:
            assert scores["acc"] == pytest.approx(np.mean([line["predicted"] == line["gold"] for line in own]))
        if task not in ("lambada", "record"):
            assert all(line["predicted"] == int(np.argmax(line["log_likelihood"])) for line in own)


def test_result_says_what_it_was_computed_from(text, tmp_path):
    task = write_task("piqa", tmp_path / "piqa.jsonl")
    result = result_of("--ppl", text, "--task", f"piqa={task}", "--ctx", 64, "--stride", 32, "--limit", 5)
    assert set(result["perplexity"][str(text)]) == {"chunked", "word", "byte", "bits_per_byte", "tokens"}
    assert result["tasks"]["piqa"]["n"] == 5
    assert result["model"]["family"] == "llama" and len(result["model"]["weights_sha256"]) == 64
    assert len(result["data"]["tasks"]["piqa"]["sha256"]) == 64 and len(result["data"]["texts"][str(text)]["sha256"]) == 64
    assert result["protocol"] == {"max_length": 512, "ctx": 64, "stride": 32, "limit": 5}
    assert result["compute"]["dtype"] == "fp32" and result["compute"]["tokens_fed"] > 0
    assert {"linscan", "commit", "torch"} == set(result["software"])


def test_limit_scores_the_first_items(tmp_path):
    task = write_task("multirc", tmp_path / "m.jsonl")
    whole, part = tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    result_of("--task", f"multirc={task}", "--items", whole)
    assert result_of("--task", f"multirc={task}", "--items", part, "--limit", 4)["tasks"]["multirc"]["n"] == 4
    for ours, all_of_them in zip(part.read_text().splitlines(), whole.read_text().splitlines()[:4], strict=True):
        ours, all_of_them = json.loads(ours), json.loads(all_of_them)
        assert ours["log_likelihood"] == pytest.approx(all_of_them["log_likelihood"], abs=1e-4)
        assert ours["predicted"] == all_of_them["predicted"]


def test_scores_do_not_move_with_batches_or_memory(tmp_path, text):
    tasks = [f"{task}={write_task(task, tmp_path / f'{task}.jsonl', lines=20)}" for task in ("arc_easy", "boolq", "multirc")]
    asked = [a for task in tasks for a in ("--task", task)] + ["--ppl", text]
    runs = []
    for number, more in enumerate([[], ["--batch-tokens", 1], ["--batch-tokens", 100000], ["--threads", 1]]):
        items = tmp_path / f"items{number}.jsonl"
        result = result_of(*asked, "--items", items, *more)
        values = [v for line in items.read_text().splitlines() for v in json.loads(line)["log_likelihood"]]
        runs.append((result["tasks"], np.array(values), result["perplexity"][str(text)]["word"]))
    for tasks, values, word in runs[1:]:
        assert tasks == runs[0][0]
        assert np.abs(values - runs[0][1]).max() < 1e-4
        assert word == pytest.approx(runs[0][2], rel=1e-6)


def test_the_same_run_gives_the_same_bits(tmp_path):
    task = write_task("hellaswag", tmp_path / "h.jsonl")
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    for items in (first, second):
        result_of("--task", f"hellaswag={task}", "--items", items)
    assert first.read_bytes() == second.read_bytes()


def test_without_data_the_bundled_corpus_is_scored():
    result = evaluate("--format", "json", check=0)
    document = json.loads(result.stdout)
    (name,) = document["perplexity"]
    assert name.endswith("demo-stories.jsonl.gz") and document["data"]["bundled"]
    assert "name your own with --ppl" in document["warnings"][0] and "name your own" in result.stderr


def test_formats_say_the_same(text, tmp_path):
    task = write_task("cb", tmp_path / "cb.jsonl")
    asked = ["--ppl", text, "--task", f"cb={task}", "-q"]
    result = result_of(*asked)
    rows = [line.split(",") for line in evaluate(*asked, "--format", "csv", check=0).stdout.splitlines()[1:]]
    assert {row[2]: float(row[3]) for row in rows if row[0] == "tasks"} == pytest.approx(result["tasks"]["cb"])
    for style in ("table", "markdown"):
        shown = evaluate(*asked, "--format", style, check=0).stdout
        assert f"{result['tasks']['cb']['acc']:.4f}" in shown and "rolling" in shown


def test_out_writes_result_and_the_command_to_repeat_it(text, tmp_path):
    out = tmp_path / "out"
    first = result_of("--ppl", text, "--ctx", 32, "--out", out)
    saved = json.loads((out / "result.json").read_text())
    assert saved["perplexity"] == first["perplexity"]
    again = harness.run("linscan-eval", "--config", out / "run.toml", "--format", "json", "-q", check=0)
    assert json.loads(again.stdout)["perplexity"] == first["perplexity"]
    one_line_error(evaluate("--ppl", text, "--out", out), "out", "--force")
    evaluate("--ppl", text, "--out", out, "--force", check=0)


def test_an_existing_items_file_is_kept_without_force(tmp_path):
    task = write_task("rte", tmp_path / "rte.jsonl")
    items = tmp_path / "items.jsonl"
    items.write_text("precious")
    one_line_error(evaluate("--task", f"rte={task}", "--items", items), "items.jsonl", "--force")
    assert items.read_text() == "precious"


def test_one_rule_gives_the_figures_that_both_give(text):
    both = result_of("--ppl", text)
    for rule, keys in (("chunked", ["chunked"]), ("rolling", ["word", "byte", "bits_per_byte"])):
        alone = result_of("--ppl", text, "--ppl-rules", rule)
        figures = alone["perplexity"][str(text)]
        assert set(figures) == {*keys, "tokens"}
        for key, value in figures.items():
            assert value == pytest.approx(both["perplexity"][str(text)][key], rel=1e-6)
        assert alone["config"]["ppl-rules"] == [rule]
        assert alone["compute"]["tokens_fed"] < both["compute"]["tokens_fed"]
    table = evaluate("--ppl", text, "--ppl-rules", "rolling", "-q", check=0).stdout
    assert "bits/byte" in table and "chunked" not in table


def test_kl_against_itself_is_nothing(text):
    result = result_of("--ppl", text, "--ctx", 32, "--kl-against", MODEL)
    own = result["divergence"]["texts"][str(text)]
    assert own["kl"] == pytest.approx(0, abs=1e-9) and own["top1"] == 1 and own["unit"] == "window"
    assert result["divergence"]["reference"]["weights_sha256"] == result["model"]["weights_sha256"]
    assert "KL(reference || model)" in result["divergence"]["formula"]


def test_kl_against_another_vocabulary_is_refused(text, tmp_path):
    other = harness.write_folder(tmp_path / "other", LLAMA)
    one_line_error(evaluate("--ppl", text, "--kl-against", other), "vocabulary of 96", "1024")


def test_kl_against_another_tokenizer_is_refused(text, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(MODEL, other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:100]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    one_line_error(evaluate("--ppl", text, "--kl-against", other), "into other tokens")


@pytest.mark.parametrize("arguments,expected", [
    (["--task", "mmlu=x.jsonl"], ['unknown task "mmlu"', "arc_easy", "hellaswag"]),
    (["--task", "boolq"], ["expected NAME=FILE"]),
    (["--task", "boolq=a", "--task", "boolq=b"], ["given twice"]),
    (["--ppl", "a.txt", "a.txt"], ["given twice"]),
    (["--ctx", "1"], ["--ctx 1"]),
    (["--ctx", "16", "--stride", "17"], ["--stride 17", "--ctx 16"]),
    (["--task", "boolq=a", "--kl-against", "b"], ["--ppl"]),
    (["--items", "x"], ["--task"]),
    (["--ppl", "a.txt", "--ppl-rules", "rolling", "--kl-against", "b"], ["--ppl-rules", "chunked"]),
    (["--ppl", "a.i32", "--ppl-rules", "rolling"], ["a.i32", "--ppl-rules"]),
    (["--ppl", "a.txt", "--ppl-rules", "sliding"], ["--ppl-rules", "sliding"]),
])
def test_wrong_options_are_usage_errors(arguments, expected):
    one_line_error(evaluate(*arguments), *expected, code=2)


@pytest.mark.parametrize("name,content,expected", [
    ("boolq", '{"passage": "p", "question": "q"}', ["data.jsonl:1", '"label" is missing']),
    ("boolq", '{"passage": "p", "question": "q", "label": 1}\n{"passage": 3, "question": "q", "label": 1}', ["data.jsonl:2", "$.passage", "expected a string"]),
    ("boolq", "", ["no items of boolq"]),
    ("boolq", "not json", ["data.jsonl:1", "not valid JSON"]),
    ("boolq", "[" * 1000, ["data.jsonl:1", "nested deeper"]),
    ("boolq", "[1]", ["data.jsonl:1", "expected an object"]),
    ("cb", '{"premise": "p", "hypothesis": "h", "label": 3}', ["data.jsonl:1", "$.label", "entailment"]),
    ("arc_easy", '{"question": "q", "answerKey": "Z", "choices": {"text": ["a", "b"], "label": ["A", "B"]}}', ["$.answerKey"]),
    ("arc_easy", '{"question": "q", "answerKey": "A", "choices": {"text": ["a", "b"], "label": ["A"]}}', ["2 texts with 1 labels"]),
    ("arc_easy", '{"query": "Question: q", "choices": ["a", "b"], "gold": 2}', ["$.gold", "choice 2 of 2"]),
    ("arc_easy", '{"query": "Question: q", "choices": ["a"], "gold": 0}', ["data.jsonl:1", "1 choice"]),
    ("record", '{"passage": "p", "query": "q", "entities": [], "answers": ["a"]}', ["0 entities"]),
    ("record", '{"passage": {"text": "p", "entities": [{"start": -1, "end": 2}]}, "qas": []}', ["entities[0].start"]),
    ("wsc", '{"text": "a", "target": {"span1_index": 99999, "span1_text": "b", "span2_index": 0, "span2_text": "a"}, "label": 1}',
     ["span1_index is 99999"]),
    ("winogrande", '{"sentence": "s", "option1": "a", "option2": "b", "answer": "1"}', ["$.sentence", '"_"']),
    ("wic", '{"sentence1": "s", "sentence2": "t", "start1": 1e9, "end1": 2, "label": true}', ["$.start1"]),
])
def test_wrong_rows_name_file_line_and_field(tmp_path, name, content, expected):
    path = tmp_path / "data.jsonl"
    path.write_text(content)
    one_line_error(evaluate("--task", f"{name}={path}"), *expected)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"passage": "\xff", "question": "q", "label": 1}\n')
    one_line_error(evaluate("--task", f"boolq={path}"), "data.jsonl:1")
    one_line_error(evaluate("--task", f"boolq={tmp_path / 'none.jsonl'}"), "no such file")
    one_line_error(evaluate("--task", f"boolq={tmp_path}"), str(tmp_path))


def test_a_choice_longer_than_the_model_is_named(tmp_path):
    path = tmp_path / "piqa.jsonl"
    path.write_text(json.dumps({"goal": "g", "sol1": "word " * 600, "sol2": "b", "label": 1}))
    one_line_error(evaluate("--task", f"piqa={path}"), "piqa.jsonl:1", "item 0, choice 0", "512 at most")


def test_a_choice_that_merges_into_the_context_is_named(tmp_path):
    model = harness.asset("models", "tinystories-656k-llama")
    path = harness.asset("benchmarks", "lambada_test.jsonl")
    one_line_error(evaluate("--task", f"lambada={path}", model=model), "lambada_test.jsonl:", "no token to score")


def test_a_tokenizer_for_another_model_is_refused(tmp_path, text):
    model = harness.write_folder(tmp_path / "model", LLAMA)  # 96 ids
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(MODEL / name, model)
    one_line_error(evaluate("--ppl", text, model=model), "this tokenizer is not for this model")


def test_raw_ids_out_of_range_are_refused(tmp_path):
    ids = tmp_path / "ids.u16"
    np.array([5, 2000], dtype="<u2").tofile(ids)
    one_line_error(evaluate("--ppl", ids), "id 2000", "1024")


def test_raw_ids_need_no_tokenizer(tmp_path):
    model = harness.write_folder(tmp_path / "model", LLAMA)
    ids = harness.write_ids(tmp_path / "ids.i32", np.random.default_rng(0).integers(0, 96, 100))
    result = result_of("--ppl", ids, "--ctx", 16, model=model)
    assert set(result["perplexity"][str(ids)]) == {"chunked", "tokens"}
    one = harness.write_ids(tmp_path / "one.i32", [3])
    alone = result_of("--ppl", one, model=model)["perplexity"][str(one)]
    assert alone["chunked"] is None and "second token" in alone["reason"]


def test_a_memory_limit_that_is_too_small_says_what_is_needed(text):
    one_line_error(evaluate("--ppl", text, "--memory-limit", "64MiB"), "--memory-limit 64.00 MiB is too small", "are needed")


def test_blocks_that_do_not_fit_together_are_read_once_a_round(tmp_path):
    """A limit between what one block takes and what all take: other memory, the same scores."""
    model = harness.write_folder(tmp_path / "model", {**LLAMA, "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 14})
    ids = harness.write_ids(tmp_path / "ids.i32", np.random.default_rng(0).integers(0, 96, 5000))
    asked = ["--ppl", ids, "--ctx", 32, "--batch-tokens", 256]
    refused = evaluate(*asked, "--memory-limit", "100MiB", model=model)
    least = float(refused.stderr.split("at least ")[1].split(" MiB")[0])
    whole = evaluate(*asked, "--format", "json", "-vv", model=model, check=0)
    parts = evaluate(*asked, "--format", "json", "-vv", "--memory-limit", f"{int(least) + 10}MiB", model=model, check=0)
    assert "blocks stay in memory" in whole.stderr and "blocks are read once a round" in parts.stderr
    whole, parts = (json.loads(result.stdout)["perplexity"][str(ids)]["chunked"] for result in (whole, parts))
    assert whole == pytest.approx(parts, rel=1e-6)


def test_interrupt_leaves_nothing(tmp_path):
    text = tmp_path / "long.txt"
    words = np.random.default_rng(0).choice(["cat", "dog", "sat", "ran", "red", "day", "mat", "box"], 600000)
    text.write_text(" ".join(words))
    out = tmp_path / "out"
    process = subprocess.Popen([harness.program("linscan-eval"), MODEL, "--ppl", text, "--out", out], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and stdout == ""
    assert sorted(os.listdir(tmp_path)) == ["long.txt"]
