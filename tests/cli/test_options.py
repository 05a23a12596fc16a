"""Where options come from: flag, environment, --config file, default, in this order."""
import os

import harness

MODEL = harness.ROOT / "examples" / "demo-model"
FEW = ["--tokens", 600, "--ctx", 64, "--metrics", "linearity", "-q"]


def first_line(*arguments, **environment):
    result = harness.run("linscan-analyze", MODEL, *FEW, *arguments, check=0, env={**os.environ, **environment})
    return result.stdout.splitlines()[0]


def test_the_environment_sets_an_option():
    assert first_line(LINSCAN_FORMAT="csv").startswith("block,")


def test_a_flag_wins_over_the_environment():
    assert first_line("--format", "json", LINSCAN_FORMAT="csv") == "{"


def test_the_environment_wins_over_the_file(tmp_path):
    (tmp_path / "run.toml").write_text('format = "json"\n')
    config = ["--config", tmp_path / "run.toml"]
    assert first_line(*config) == "{"
    assert first_line(*config, LINSCAN_FORMAT="csv").startswith("block,")


def test_unknown_keys_of_the_file_are_errors(tmp_path):
    (tmp_path / "run.toml").write_text('fromat = "json"\n')
    result = harness.run("linscan-analyze", MODEL, *FEW, "--config", tmp_path / "run.toml", check=2)
    assert "fromat" in result.stderr and result.stdout == ""


def test_run_toml_repeats_the_run(tmp_path):
    harness.run("linscan-analyze", MODEL, *FEW, "--folds", 3, "--seed", 7, "--out", tmp_path / "first", check=0)
    again = harness.run("linscan-analyze", "--config", tmp_path / "first" / "run.toml", "--format", "csv", "-q", check=0)
    assert again.stdout == (tmp_path / "first" / "layers.csv").read_text()
