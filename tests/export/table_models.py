"""Tables with every kind of column, and models of them, fitted in a moment."""

import numpy as np
import pandas as pd

from minnet import TabularClassifier, TabularRegressor

N = 90
RNG = np.random.default_rng(0)

COLUMNS = {
    "number": RNG.normal(size=N) * 1e4,
    "gaps": np.where(RNG.random(N) < 0.2, np.nan, RNG.exponential(size=N)),
    "whole": RNG.integers(0, 6, N),
    "same": np.ones(N),
    "void": np.full(N, np.nan),
    "city": RNG.choice(["Rome", "Oslo", "Bonn", "é☃"], N),
    "two": RNG.choice(["yes", "no"], N),
    "holes": np.where(RNG.random(N) < 0.2, None, RNG.choice(["a", "b", "c"], N)),
    "rare": np.where(RNG.random(N) < 0.1, [f"v{i}" for i in range(N)], RNG.choice(["x", "y"], N)),
    "empty": RNG.choice(["", "<NA>", "b"], N),
    "flag": RNG.random(N) < 0.4,
    "code": pd.Categorical(RNG.choice([1.5, 3.0, -7.0, 1e9], N)),
    "mixed": RNG.choice(np.array([1, "one", 2.5, -3], dtype=object), N),
    "constant": np.full(N, "same"),
}
FRAME = pd.DataFrame(COLUMNS)


def strange(frame=FRAME):
    """Return rows with what training had not: unknown categories, missing and huge numbers."""
    other = (
        frame.sample(len(frame), replace=True, random_state=1).reset_index(drop=True).astype(object)
    )
    for i, name in enumerate(other):
        for k, value in enumerate((np.nan, None, "Paris", 1e30, -np.inf, np.inf)):
            of_texts = frame[name].dtype.kind not in "biuf" and name != "code"
            if isinstance(value, str) != of_texts and value is not None and value == value:
                continue
            other.loc[5 * i + k, name] = value
    return other


def target(kind):
    rng = np.random.default_rng(1)
    return {
        "binary": np.array(["no", "yes"])[rng.integers(0, 2, N)],
        "multiclass": rng.integers(3, 6, N),
        "multilabel": rng.integers(0, 2, (N, 3)),
        "one class": np.full(N, "all"),
        "number": rng.normal(size=N),
        "numbers": rng.normal(size=(N, 2)) * [1e-3, 1e6],
    }[kind]


def tabular(kind, X, **options):
    cls = TabularRegressor if kind.startswith("number") else TabularClassifier
    few = {
        "hidden_layer_sizes": (6, 5),
        "bins": 4,
        "max_iter": 3,
        "n_members": 2,
        "random_state": 0,
    }
    return cls(**(few | options)).fit(X, target(kind))


KINDS = ["binary", "multiclass", "multilabel", "one class", "number", "numbers"]
