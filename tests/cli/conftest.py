import pathlib
import sys

# The harness with the tiny checkpoints lives beside the parity tests.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "parity"))
