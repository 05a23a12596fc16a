"""`linscan eval` against the same rules in plain Python on transformers (eval_oracle.py)."""
import json
import shutil

import numpy as np
import pytest
from cases_gpt import GPT2, NEOX, OPT
from cases_llama import LLAMA
from eval_data import write_task, write_texts
from eval_oracle import READERS, Oracle, evaluate, perplexity
from harness import ROOT, asset, run, write_folder

DEMO = ROOT / "examples/demo-model"
DEMO_VOCABULARY = 1024
MAX_LENGTH = 64
LOG_LIKELIHOOD = 1e-4
RELATIVE = 1e-5


def bigger(config, **changes):
    return {**config, "vocab_size": DEMO_VOCABULARY, **changes}


RANDOM = {
    "llama": bigger(LLAMA, max_position_embeddings=MAX_LENGTH),
    "gpt2": bigger(GPT2, n_positions=MAX_LENGTH, n_ctx=MAX_LENGTH),
    "opt": bigger(OPT, max_position_embeddings=MAX_LENGTH),
    "neox": bigger(NEOX, max_position_embeddings=MAX_LENGTH),
}


def with_tokenizer(folder, bos=True):
    """The demo model's tokenizer; without BOS the EOS stands before a text and nothing is added to it."""
    tokenizer = json.loads((DEMO / "tokenizer.json").read_text())
    config = json.loads((DEMO / "tokenizer_config.json").read_text())
    if not bos:
        tokenizer["post_processor"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
        config["bos_token"] = None
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    made = {}

    def make(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            if name == "demo":
                shutil.copytree(DEMO, folder, dirs_exist_ok=True)
                made[name] = folder, Oracle(folder, 512)
            elif name == "tinystories":
                shutil.copytree(asset("models", "tinystories-656k-llama"), folder, dirs_exist_ok=True)
                made[name] = folder, Oracle(folder, 512)
            else:
                with_tokenizer(write_folder(folder, RANDOM[name]), bos=name in ("llama", "opt"))
                made[name] = folder, Oracle(folder, MAX_LENGTH)
        return made[name]

    return make


def linscan_eval(folder, *arguments):
    return json.loads(run("linscan-eval", folder, "--dtype", "fp32", "--format", "json", *arguments, check=0).stdout)


def compare(folder, oracle, task, path, tmp_path, limit=None):
    items = tmp_path / f"{task}.items.jsonl"
    more = ["--limit", limit] if limit else []
    result = linscan_eval(folder, "--task", f"{task}={path}", "--items", items, *more)
    expected, lines = evaluate(oracle, task, path, limit)
    ours = [json.loads(line)["log_likelihood"] for line in items.read_text().splitlines()]
    assert [len(line) for line in ours] == [len(line) for line in lines]
    gap = max(abs(a - b) for one, other in zip(ours, lines) for a, b in zip(one, other))
    assert gap < LOG_LIKELIHOOD, f"{task}: log-likelihoods differ by {gap:.2e}"
    scores = result["tasks"][task]
    assert set(scores) == set(expected)
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, rel=RELATIVE if name == "perplexity" else 1e-12, abs=1e-12), name


@pytest.mark.parametrize("task", sorted(READERS))
@pytest.mark.parametrize("name", ["demo", "gpt2"])
def test_task_equals_the_oracle(models, name, task, tmp_path):
    compare(*models(name), task, write_task(task, tmp_path / f"{task}.jsonl"), tmp_path)


@pytest.mark.parametrize("task", ["arc_easy", "multirc", "winogrande", "lambada"])
@pytest.mark.parametrize("name", ["llama", "opt", "neox"])
def test_other_families_equal_the_oracle(models, name, task, tmp_path):
    compare(*models(name), task, write_task(task, tmp_path / f"{task}.jsonl", lines=8, seed=1), tmp_path)


@pytest.mark.parametrize("ctx,stride", [(48, 48), (32, 7)])
@pytest.mark.parametrize("name", ["demo", "llama", "gpt2", "opt"])
def test_perplexity_equals_the_oracle(models, name, ctx, stride, tmp_path):
    folder, oracle = models(name)
    for path in write_texts(tmp_path):
        ours = linscan_eval(folder, "--ppl", path, "--ctx", ctx, "--stride", stride)["perplexity"][str(path)]
        expected = perplexity(oracle, path, ctx, stride)
        assert set(ours) == set(expected)
        for key, value in expected.items():
            assert ours[key] == pytest.approx(value, rel=RELATIVE), key


def test_raw_ids_have_chunked_perplexity_only(models, tmp_path):
    folder, oracle = models("demo")
    ids = np.random.default_rng(0).integers(0, DEMO_VOCABULARY, 301).astype("<u2")
    path = tmp_path / "ids.u16"
    ids.tofile(path)
    ours = linscan_eval(folder, "--ppl", path, "--ctx", 50)["perplexity"][str(path)]
    windows = oracle.chunk_windows(ids.tolist(), 50, 50)
    total = sum(oracle.score(window, scored)[0] for window, scored in windows)
    assert set(ours) == {"chunked", "tokens"} and ours["tokens"] == 301
    assert ours["chunked"] == pytest.approx(np.exp(-total / sum(s for _, s in windows)), rel=RELATIVE)


def test_divergence_equals_the_oracle(models, tmp_path):
    folder, oracle = models("llama")
    other = with_tokenizer(write_folder(tmp_path / "other", RANDOM["llama"], seed=9))
    reference = Oracle(other, MAX_LENGTH)
    path = write_texts(tmp_path)[1]
    result = linscan_eval(folder, "--ppl", path, "--ctx", 40, "--kl-against", other)
    kl, agree, units = 0.0, 0, []
    for line in path.read_text().splitlines():
        unit = [0.0, 0]
        for ids, scored in oracle.chunk_windows(oracle.plain(json.loads(line)["text"]), 40, 40):
            dense, _ = reference.predictions(ids, scored)
            model, _ = oracle.predictions(ids, scored)
            unit[0] += (dense.exp() * (dense - model)).sum().item()
            unit[1] += scored
            agree += (dense.argmax(-1) == model.argmax(-1)).sum().item()
        kl += unit[0]
        units.append(unit)
    units = [unit for unit in units if unit[1]]
    positions = sum(count for _, count in units)
    ours = result["divergence"]["texts"][str(path)]
    assert ours["positions"] == positions and ours["unit"] == "document" and ours["units"] == len(units)
    assert ours["kl"] == pytest.approx(kl / positions, rel=1e-4)
    assert ours["top1"] == pytest.approx(agree / positions, abs=1e-12)
    spread = sum((s - kl / positions * n) ** 2 for s, n in units) * len(units) / (len(units) - 1)
    assert ours["kl_stderr"] == pytest.approx(spread ** 0.5 / positions, rel=1e-3)
    alone = linscan_eval(folder, "--ppl", path, "--ctx", 40)["perplexity"][str(path)]
    assert result["perplexity"][str(path)]["chunked"] == pytest.approx(alone["chunked"], rel=1e-6)


REAL = {"arc_easy": "foundry/arc_easy.jsonl", "boolq": "superglue/BoolQ/val.jsonl", "cb": "superglue/CB/val.jsonl",
        "copa": "superglue/COPA/val.jsonl", "record": "superglue/ReCoRD/dev32.jsonl", "rte": "superglue/RTE/val.jsonl",
        "wic": "superglue/WiC/val.jsonl", "wsc": "superglue/WSC/val.jsonl", "multirc": "superglue/MultiRC/val.jsonl"}


@pytest.mark.parametrize("task", sorted(REAL))
def test_real_files_equal_the_oracle(models, task, tmp_path):
    """The bundled tokenizer of tinystories merges across words: the model sees context + continuation, not the whole."""
    compare(*models("tinystories"), task, asset("benchmarks", *REAL[task].split("/")), tmp_path, limit=12)


@pytest.mark.parametrize("task", ["openbookqa", "lambada"])
def test_real_files_on_the_demo_model(models, task, tmp_path):
    file = {"openbookqa": "foundry/openbook_qa.jsonl", "lambada": "lambada_test.jsonl"}[task]
    compare(*models("demo"), task, asset("benchmarks", *file.split("/")), tmp_path, limit=12)
