"""What MetaInit mends: the gradient quotient, and trainings from gains that are far off.

    python -m benchmarks.metainit    # some minutes; prints the tables of docs/initializers.rst

Trainings: ten layers of 40 units on 600 standardized digits, batches of 32, 20 epochs, biases 0, from
three seeds each: the share of right answers on the same rows. Quotients: of 64 rows of random inputs and
targets that MetaInit was not shown.
"""

import argparse
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from benchmarks.paired import versions
from minnet import Dense, LayerNorm, MinNetClassifier, Network, Residual
from minnet.initializers import GlorotUniform, MetaInit, gradient_quotient

__all__ = ["quotients", "scores"]

SEEDS = range(3)
SOLVERS = {"SGD at 0.02": ("sgd", 0.02), "Adam at 0.001": ("adam", 0.001)}
GAINS = [("tanh", 0.3), ("tanh", 3.0), ("relu", 0.3), ("relu", 3.0)]
BLOCKS = 5


def quotients(layers, init, seed):
    """Return the gradient quotient of hidden layers as drawn, and after ``adapt``."""
    rng = np.random.default_rng(seed)
    X, T = rng.normal(size=(64, 20)), rng.integers(5, size=64)
    network = Network([*layers, Dense(5)], init=init, bias_init="zeros")
    network.initialize(20, random_state=seed)
    before = gradient_quotient(network, X, T)
    return before, gradient_quotient(network.adapt(X), X, T)


def scores(activation, init, solver, rate):
    """Return the share of right answers from each seed; 0 where training diverged."""
    X, y = load_digits(return_X_y=True)
    X, y = StandardScaler().fit_transform(X[:600]), y[:600]
    found = []
    for seed in SEEDS:
        model = MinNetClassifier(
            (40,) * 10, activation, init=init, bias_init="zeros", solver=solver, batch_size=32,
            learning_rate_init=rate, momentum=0, max_iter=20, tol=0, random_state=seed,
        )  # fmt: skip
        try:
            found.append(model.fit(X, y).score(X, y))
        except ValueError:  # it diverged
            found.append(0.0)
    return found


def networks():
    """Return hidden layers by name, of Glorot's gain 1."""
    of = {f"ten layers of {name}": [Dense(20, name)] * 10 for name in ("softplus", "selu")}
    of["ten layers of relu under LayerNorm"] = [Dense(20), LayerNorm("relu")] * 10
    for name in ("tanh", "relu"):
        block = Residual([Dense(20, name), Dense(20)])
        of[f"{BLOCKS} residual blocks of {name}"] = [Dense(20), *[block] * BLOCKS]
    return of


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    warnings.simplefilter("ignore")
    print(versions("python -m benchmarks.metainit"))
    print("\nquotient, before -> after, seeds 0, 1, 2")
    for activation, gain in GAINS:
        pairs = [quotients([Dense(20, activation)] * 10, MetaInit(gain=gain), s) for s in SEEDS]
        print(f"{activation}, {gain:g}:", ", ".join(f"{a:.3g} -> {b:.3g}" for a, b in pairs))
    for name, layers in networks().items():
        pairs = [quotients(layers, MetaInit(), seed) for seed in SEEDS]
        print(f"{name}:", ", ".join(f"{a:.3g} -> {b:.3g}" for a, b in pairs), flush=True)
    print("\nshare of right answers, lowest to highest of three seeds: as drawn | with MetaInit")
    for activation, gain in GAINS:
        for said, (solver, rate) in SOLVERS.items():
            line = [
                sorted(scores(activation, init, solver, rate))
                for init in (GlorotUniform(gain=gain), MetaInit(gain=gain))
            ]
            text = " | ".join(f"{low:.2f} {mid:.2f} {high:.2f}" for low, mid, high in line)
            print(f"{activation}, {gain:g}, {said}: {text}", flush=True)


if __name__ == "__main__":
    main()
