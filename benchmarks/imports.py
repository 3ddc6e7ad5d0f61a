"""Import: what `import minnet` adds to importing scikit-learn's networks, in fresh processes."""

import subprocess
import sys

from benchmarks.comparison import render as render_rows
from benchmarks.runner import Record, environment

__all__ = ["IMPORTS", "ROWS", "render", "timed"]

IMPORTS = {
    "minnet": "import minnet",
    "scikit-learn": "import sklearn.neural_network",
    "PyTorch": "import torch",
    "JAX": "import jax, jax.numpy",
}
_TIMED = """
import time
began = time.perf_counter()
{}
print(time.perf_counter() - began)
"""


def timed(statement):
    """Return a program that prints the seconds that a statement takes."""
    return _TIMED.format(statement)


def _run(options):
    records = {name: Record({}) for name in IMPORTS}
    for turn in range(-1, options.rounds):  # the first round reads the files from the disk
        for name, code in IMPORTS.items():
            done = subprocess.run(
                [sys.executable, "-P", "-c", timed(code)],
                env=environment(options.threads), capture_output=True, text=True, check=True,
            )  # fmt: skip
            if turn >= 0:
                records[name].bursts[turn] = {"seconds": float(done.stdout)}
    return records


_run.title, _run.goal = "import, in a fresh process", "minnet at most 1.15× scikit-learn (≥ 0.87)"
ROWS = {"import": _run}


def render(results, ceilings):
    text = (
        "From a running interpreter to the end of the statement, files in the disk cache. "
        "`import minnet` imports scikit-learn's base, since its classes are estimators."
    )
    return render_rows("Import", text, ROWS, results)
