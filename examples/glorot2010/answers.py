"""Which test images a network answers wrongly: two networks are compared on the same images.

``python -m examples.glorot2010.answers FOLDER`` asks the networks of the checkpoints that runs.py left in
a folder, and keeps their answers.
"""

import argparse
import base64
import dataclasses
import functools
from itertools import combinations
from pathlib import Path

import numpy as np

from examples.glorot2010.protocol import Run, measured_on
from examples.glorot2010.records import RECORDS, keep, kept
from minnet import load_model

__all__ = ["RECORD", "correlation", "correlations"]

RECORD = RECORDS / "answers.json"


@functools.cache
def correlations():
    """Return the correlation of two networks' wrong answers by the pair of their names, sorted."""
    wrong = {point["run"]: _unpacked(point) for point in kept(RECORD)}
    found = {}
    for a, b in combinations(sorted(wrong), 2):
        found[a, b] = float(np.corrcoef(wrong[a], wrong[b])[0, 1])
    return found


def correlation(a, b):
    """Return the correlation of the wrong answers of two runs.

    Parameters
    ----------
    a, b : dict
        Of :meth:`examples.glorot2010.protocol.Run.describe`.

    Returns
    -------
    float
        The measured one; where these runs were not asked, the smallest of any two; 0 if none were asked.
    """
    known = correlations()
    return known.get(tuple(sorted(map(_name, (a, b)))), min(known.values(), default=0.0))


def _name(run):
    names = (field.name for field in dataclasses.fields(Run))
    return Run(**{name: run[name] for name in names}).name


def _unpacked(point):
    packed = np.frombuffer(base64.b64decode(point["wrong"]), np.uint8)
    return np.unpackbits(packed, count=point["n"]).astype(bool)


def ask(path, n=None):
    """Return which of the test images the network of a checkpoint answers wrongly, as JSON has it."""
    X, y = measured_on("test", n)
    trainer = load_model(path)
    network = trainer.network
    wrong = np.concatenate(
        [
            network.forward(X[i : i + 1000]).argmax(axis=1) != y[i : i + 1000]
            for i in range(0, len(X), 1000)
        ]
    )
    packed = base64.b64encode(np.packbits(wrong)).decode()
    point = {"run": path.stem, "updates": trainer.n_steps, "n": len(X)}
    return point | {"error": 100 * float(wrong.mean()), "wrong": packed}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="of checkpoints, NAME.safetensors")
    given = parser.parse_args(arguments)
    points = {point["run"]: point for point in kept(RECORD)}
    for path in sorted(Path(given.folder).glob("*.safetensors")):
        points[path.stem] = ask(path)
        print(path.stem, points[path.stem]["updates"], points[path.stem]["error"], flush=True)
    keep(RECORD, list(points.values()))
    for pair, value in correlations().items():
        print(*pair, f"{value:.3f}")


if __name__ == "__main__":
    main()
