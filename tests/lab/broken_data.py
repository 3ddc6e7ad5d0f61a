"""Networks whose data do not let them learn: labels, rows, columns and targets."""

from functools import partial

import numpy as np
from scipy.stats import norm
from situations import (
    Given,
    add,
    classifier,
    curved,
    friedman,
    network,
    regressor,
    scaled,
    table,
)
from sklearn.preprocessing import StandardScaler

from minnet import Dense

DATA = []


enter = partial(add, DATA)


# ---- labels and rows


def by_chance(model, n=1500, held=False):
    X, y, _ = curved(n)
    y = np.random.default_rng(5).permutation(y)
    half = n // 2
    return Given(model, X[:half], y[:half], X[half:], y[half:]) if held else Given(model, X, y)


def shuffled(model):
    X, y = friedman()
    y = np.random.default_rng(5).permutation(y)
    return Given(model, X[:300], y[:300], X[300:], y[300:])


enter(
    "labels that nothing explains",
    ("labels",),
    None,
    {
        "random labels": lambda: by_chance(classifier(20, max_iter=50)),
        "random labels, held out": lambda: by_chance(classifier(100, max_iter=100), held=True),
        "random labels, digits": lambda: Given(
            classifier(30, max_iter=20),
            table("digits")[0],
            np.random.default_rng(5).permutation(table("digits")[1]),
        ),
        "targets shuffled, held out": lambda: shuffled(regressor(50, max_iter=200)),
        "targets shuffled, held out, a pipeline": lambda: shuffled(
            scaled(regressor(50, activation="tanh", max_iter=200))
        ),
    },
    states="after",
)


def alike(model, X, y):
    return Given(model, np.broadcast_to(X[:1], X.shape).copy(), y)


def few_distinct(model, n_distinct, y):
    X = curved()[0][np.arange(len(y)) % n_distinct]
    return Given(model, X, y)


enter(
    "rows all alike",
    ("equal rows",),
    None,
    {
        "every row the first": lambda: alike(classifier(50, max_iter=20), *curved()[:2]),
        "every row zero": lambda: Given(
            classifier(50, max_iter=20), np.zeros((500, 8)), curved(500)[1]
        ),
        "every row the first, numbers": lambda: alike(regressor(50, max_iter=20), *friedman()),
        "rows equal to the sixth digit": lambda: Given(
            classifier(50, max_iter=20), 1 + 1e-9 * curved()[0], curved()[1]
        ),
        "a Network, every row the first": lambda: alike(
            network([Dense(20, "relu"), Dense(2)], curved()[0]), *curved()[:2]
        ),
    },
)


enter(
    "equal rows of different labels",
    ("contradiction", "labels"),
    None,
    {
        "three distinct rows, labels by chance": lambda: few_distinct(
            classifier(50, max_iter=20), 3, np.random.default_rng(0).integers(0, 2, 600)
        ),
        "fifty distinct rows, labels by chance": lambda: few_distinct(
            classifier(100, max_iter=50), 50, np.random.default_rng(0).integers(0, 3, 1500)
        ),
        "each row once for each class": lambda: Given(
            classifier(50, max_iter=50), np.repeat(curved(300)[0], 2, axis=0), np.arange(600) % 2
        ),
        "ten distinct rows, numbers": lambda: few_distinct(
            regressor(50, max_iter=50), 10, np.random.default_rng(0).normal(size=600)
        ),
    },
    states="after",
)


# ---- columns


def spoilt(model, value, share=0.01, one_column=False, numbers=False):
    """Some cells hold a code for "missing", or a slip of the keyboard."""
    X, y, t = curved()
    rng = np.random.default_rng(1)
    hit = rng.random(X.shape) < share
    if one_column:
        hit[:, 1:] = False
    X = np.where(hit, value, X)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return Given(model, X, t / t.std() if numbers else y)


enter(
    "outliers rule a column",
    ("outliers",),
    0.85,
    {
        "1 % are 1e6": lambda: spoilt(classifier(50, 50, max_iter=100), 1e6),
        "-999999 for missing": lambda: spoilt(classifier(50, max_iter=200), -999999.0, 0.02),
        "one column": lambda: spoilt(classifier(50, max_iter=200), 1e5, 0.005, one_column=True),
        "three rows in 1500": lambda: spoilt(classifier(50, 50, max_iter=200), 1e5, 0.0004),
        "tanh": lambda: spoilt(classifier(50, activation="tanh", max_iter=200), 1e6),
    },
)


def heavy_tails(model, power=1.0, n=800):
    """The columns of a Cauchy distribution, of which no mean exists."""
    X = np.random.default_rng(7).normal(size=(n, 6))
    y = (X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) > 0).astype(int)
    X = np.tan(np.pi * 0.9999 * (norm.cdf(X) - 0.5))
    return Given(model, StandardScaler().fit_transform(np.sign(X) * np.abs(X) ** power), y)


enter(
    "outliers rule a column",
    ("outliers",),
    0.8,
    {
        "Cauchy's columns": lambda: heavy_tails(classifier(60)),
        "heavier tails than Cauchy's, tanh": lambda: heavy_tails(
            classifier(60, activation="tanh"), 1.5
        ),
    },
)
enter(
    "outliers rule a column",
    ("outliers",),
    0.4,
    {"numbers": lambda: spoilt(regressor(50, 50, max_iter=200), 1e6, numbers=True)},
)


def raw(model, name):
    return Given(model, *table(name))


def scales(model, factor, shift=0.0):
    X, y, _ = curved()
    return Given(model, factor * X + shift, y)


enter(
    "columns not scaled",
    ("unscaled",),
    0.9,
    {
        "breast cancer as it is": lambda: raw(classifier(30, max_iter=30), "cancer"),
        "wine as it is": lambda: raw(classifier(100, max_iter=200), "wine"),
        "wine as it is, tanh": lambda: raw(
            classifier(30, activation="tanh", learning_rate_init=0.01, max_iter=30), "wine"
        ),
        "breast cancer, three layers, sgd": lambda: raw(
            classifier(30, 30, 30, solver="sgd", max_iter=100, learning_rate_init=0.01), "cancer"
        ),
        "wine, logistic": lambda: raw(
            classifier(30, activation="logistic", max_iter=50, learning_rate_init=0.003), "wine"
        ),
    },
    states="before",
)
enter(
    "columns not scaled",
    ("unscaled",),
    0.85,
    {
        "inputs of 1e-5": lambda: scales(classifier(50), 1e-5),
        "inputs of 1e-4, tanh": lambda: scales(classifier(50, activation="tanh"), 1e-4),
        "inputs of 1e5, tanh": lambda: scales(classifier(50, activation="tanh"), 1e5),
        "one column of 1e6": lambda: Given(
            classifier(50), curved()[0] * np.r_[1, 1, 1, 1, 1, 1, 1, 1e6], curved()[1]
        ),
        "columns of 1000 ± 1": lambda: scales(classifier(50, 50), 1.0, 1000.0),
        "timestamps among the columns": lambda: Given(
            classifier(50),
            np.column_stack([curved()[0], 1.6e9 + 1e6 * np.arange(1500)]),
            curved()[1],
        ),
        "years beside small columns": lambda: Given(
            classifier(50), np.column_stack([curved()[0], 1990 + np.arange(1500) % 30]), curved()[1]
        ),
        "40 ± 1": lambda: scales(classifier(50, activation="tanh"), 1.0, 40.0),
    },
)
enter(
    "columns not scaled",
    ("unscaled",),
    0.9,
    {
        "as California's": lambda: raw(regressor(50, max_iter=100), "california"),
    },
)


# ---- targets


def raw_network():
    X, y = table("wine")
    return Given(network([Dense(30, "relu"), Dense(3)], X), X, y, trainer={"optimizer": "adam"})


enter(
    "columns not scaled",
    ("unscaled",),
    0.9,
    {
        "as California's, tanh": lambda: raw(
            regressor(50, 50, activation="tanh", max_iter=100), "california"
        ),
    },
    states="before",
)
enter("columns not scaled", ("unscaled",), None, {"wine as it is, a Network": raw_network})


def targets(model, factor=1.0, shift=0.0):
    X, y = friedman()
    return Given(model, X, factor * y + shift)


enter(
    "targets not scaled",
    ("targets",),
    0.6,
    {
        "times 1e4": lambda: targets(regressor(50), 1e4),
        "house prices": lambda: targets(regressor(100), 8e4, 2e5),
        "of mean 1000": lambda: targets(regressor(50, max_iter=100), 1.0, 1000.0),
        "of 1e-5": lambda: targets(regressor(50), 1e-5),
        "of 1e-8, tanh": lambda: targets(regressor(50, activation="tanh"), 1e-8),
        "of .01, two layers": lambda: targets(regressor(50, 50, max_iter=100), 0.001),
        "years": lambda: targets(regressor(50), 10.0, 1990.0),
        "of mean -50, deviation 1e-2, sgd": lambda: targets(
            regressor(solver="sgd", learning_rate_init=0.001), 1e-2, -50.0
        ),
    },
)


enter(
    "targets not scaled",
    ("targets",),
    0.4,
    {"diabetes, a pipeline": lambda: raw(scaled(regressor(100, max_iter=100)), "diabetes")},
)


def far_network():
    X, y = friedman()
    trainer = {"optimizer": "adam", "max_epochs": 60}
    net = network([Dense(50, "relu"), Dense(1)], X, "squared_error")
    return Given(net, X, y[:, None] + 1000, trainer=trainer)


enter("targets not scaled", ("targets",), 0.6, {"of mean 1000, a Network": far_network})


def beyond(output, factor=3.0, shift=0.0, loss="squared_error"):
    X, _, t = curved()
    net = network([Dense(50, "relu"), Dense(1, output)], X, loss)
    trainer = {"optimizer": "adam", "max_epochs": 60}
    return Given(net, X, (factor * t + shift)[:, None], trainer=trainer)


enter(
    "targets beyond the output's range",
    ("range",),
    0.5,
    {
        "tanh output, targets of 3": lambda: beyond("tanh"),
        "sigmoid output, both signs": lambda: beyond("sigmoid", 1.0),
        "sigmoid output, targets of 0 to 10": lambda: beyond("sigmoid", 1.0, 4.0),
        "relu output, negative targets": lambda: beyond("relu", 1.0, -5.0),
        "relu output, both signs": lambda: beyond("relu", 1.0),
        "softsign output": lambda: beyond("softsign"),
        "tanh output, Huber": lambda: beyond("tanh", 5.0, loss="huber"),
    },
)
enter(
    "targets beyond the output's range",
    ("range",),
    None,  # the targets are not scaled either
    {"sigmoid output, targets of 0 to 100": lambda: beyond("sigmoid", 10.0, 50.0)},
)


def skewed(model, scale, poisson=False):
    X, y = friedman()
    number = np.exp(2 * y) * scale
    return Given(model, X, np.random.default_rng(0).poisson(number) if poisson else number)


enter(
    "skewed targets",
    ("skewed",),
    0.45,
    {
        "incomes": lambda: skewed(regressor(50), 1e4),
        "counts of mean 1000, Poisson": lambda: skewed(
            regressor(50, loss="poisson", max_iter=50), 300.0, poisson=True
        ),
        "counts of mean 1e4, Poisson": lambda: skewed(
            regressor(50, 50, loss="poisson", max_iter=20), 3e3, poisson=True
        ),
    },
)


# ---- several at once


def houses(model):
    """Prices by area, garden and age, all as they are."""
    rng = np.random.default_rng(11)
    X = np.column_stack(
        [rng.uniform(30, 300, 500), rng.uniform(0, 4000, 500), rng.integers(0, 90, 500)]
    )
    return Given(model, X, 2500 * X[:, 0] + 40 * X[:, 1] - 900 * X[:, 2] + rng.normal(0, 1e4, 500))


def parabola(model):
    X = np.linspace(-100, 100, 400)[:, None]
    return Given(model, X, X[:, 0] ** 2)


enter(
    "several causes at once",
    ("unscaled", "targets"),
    0.9,
    {
        "prices of houses as they are": lambda: houses(regressor(100, max_iter=300)),
        "the same, tanh": lambda: houses(
            regressor(50, 50, activation="tanh", learning_rate_init=0.01, max_iter=100)
        ),
    },
    every=True,
)
enter(
    "several causes at once",
    ("unscaled", "targets"),
    0.9,
    {
        "a parabola as it is": lambda: parabola(regressor(20, 20, batch_size=20, max_iter=50)),
    },
    every=True,
    states="before",
)
enter(
    "several causes at once",
    ("l2", "dropout"),
    0.85,
    {"L2 and dropout": lambda: Given(classifier(50, 50, alpha=300.0, dropout=0.9), *curved()[:2])},
    every=True,
)
