"""What the documentation promises is what the program prints."""
import json

import pytest

import harness


def test_every_metric_is_defined_in_the_docs():
    model = harness.ROOT / "examples" / "demo-model"
    result = harness.run("linscan-analyze", model, "--tokens", 2000, "--ctx", 128, "--format", "json", "-q",
                         "--metrics", "linearity,baselines,geometry,sublayers,tokens", check=0)
    page = (harness.ROOT / "docs" / "metrics.md").read_text()
    paths = set(json.loads(result.stdout)["metrics"])
    sublayers = {path for path in paths if path.startswith("sublayers.")}
    # Behind these two prefixes stand all paths of "linearity", which the page defines once.
    assert {path.split(".", 2)[2] for path in sublayers} == {p for p in paths - sublayers if p.startswith(("linearity", "cos", "ang", "block", "norm"))}
    assert not [path for path in paths - sublayers if path not in page]
    assert "`sublayers.attention.`" in page and "`sublayers.mlp.`" in page
    damage = [f"damage.{edit}.{figure}" for edit in ("remove", "linear") for figure in ("ce", "kl", "top1")]
    assert not [path for path in damage if f"`{path}`" not in page]
    assert "`probe.accuracy`" in page and "`probe.stderr`" in page


@pytest.mark.parametrize("command,option", [("analyze", "--data"), ("eval", "--ppl"), ("prune", "--blocks"), ("ladder", "--max-drop"),
                                            ("distill", "--train"), ("finetune", "--task"), ("pretrain-reg", "--reg")])
def test_every_option_is_in_the_docs(command, option):
    text = harness.run(f"linscan-{command}", "--help", check=0).stdout
    page = (harness.ROOT / "docs" / f"{command}.md").read_text()
    options = {word.strip(",.;:()[]") for word in text.split() if word.startswith("--")}
    options = {option for option in options if option[2:].replace("-", "").isalpha()}
    general = {"--help", "--version", "--config", "--quiet", "--verbose", "--model"}
    assert option in options
    assert not sorted(option for option in options - general if option not in page)


def test_table_of_families_is_what_the_program_prints():
    printed = harness.run("linscan-info", "--families", "--format", "markdown", check=0).stdout
    page = (harness.ROOT / "docs" / "families.md").read_text()
    table = page.split("<!-- families -->\n")[1].split("<!-- /families -->")[0]
    assert table == printed, "run linscan info --families --format markdown and put its output into docs/families.md"
