"""How much longer does a fit take that a Probe watches? Written to the terminal.

    python -m benchmarks.probe_overhead

Fits of three sizes, each with and without ``minnet.lab.Probe`` at its default rate, in alternation in one
process, the same seeds on both sides: the median of the ratios of neighbours, and their quartiles.
"""

import argparse
import time

import numpy as np
from sklearn.datasets import load_digits

from benchmarks.runner import restart_without_settings
from minnet import MinNetClassifier
from minnet.lab import Probe

ROUNDS = 9


def seconds_of(X, y, options, probe, seed):
    clf = MinNetClassifier(random_state=seed, n_iter_no_change=np.inf, **options)
    if probe is not None:
        clf.set_callbacks(probe)
    began = time.perf_counter()
    clf.fit(X, y)
    return time.perf_counter() - began


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    import warnings

    warnings.simplefilter("ignore")
    digits, digit = load_digits(return_X_y=True)
    digits = (digits / 16).astype(np.float32)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(20_000, 1024)).astype(np.float32)
    kinds = rng.integers(0, 9, len(images))
    cases = {
        "digits, 64-64-10, batch 32, 400 epochs": (
            digits, digit, {"hidden_layer_sizes": (64,), "batch_size": 32, "max_iter": 400},
        ),
        "digits, 64-(100 x 5)-10, tanh, batch 10, 100 epochs": (
            digits, digit,
            {"hidden_layer_sizes": (100,) * 5, "activation": "tanh", "batch_size": 10, "max_iter": 100},
        ),
        "the paper's size, 1024-(1000 x 5)-9, tanh, batch 10, 10 epochs of 2000 steps": (
            images, kinds,
            {"hidden_layer_sizes": (1000,) * 5, "activation": "tanh", "solver": "sgd", "momentum": 0.0,
             "learning_rate_init": 0.01, "batch_size": 10, "max_iter": 10},
        ),
    }  # fmt: skip
    for name, (X, y, options) in cases.items():
        ratios, counts, plain = [], [], []
        for round_ in range(ROUNDS if len(X) < 10_000 else 3):
            probe = Probe(X[:300], y[:300])
            pair = [None, probe] if round_ % 2 else [probe, None]
            taken = {p is not None: seconds_of(X, y, options, p, round_) for p in pair}
            ratios.append(taken[True] / taken[False])
            plain.append(taken[False])
            counts.append(len(probe.recording))
        low, middle, high = np.percentile(ratios, [25, 50, 75])
        print(
            f"{name}: {np.median(plain):.2f} s without; with a Probe x {middle:.3f} "
            f"({low:.3f}-{high:.3f}), {int(np.median(counts))} measurements"
        )


if __name__ == "__main__":
    restart_without_settings()
    main()
