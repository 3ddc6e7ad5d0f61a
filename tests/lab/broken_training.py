"""Networks whose training is wrong: too much of a penalty, too few steps, rates, order, stopping."""

from functools import partial

import numpy as np
from situations import (
    Given,
    add,
    classifier,
    curved,
    friedman,
    network,
    noisy,
    noisy_numbers,
    rare,
    regressor,
    scaled,
    table,
)
from sklearn.datasets import make_classification

from minnet import SGD, Adam, AdamW, BatchNorm, Dense, Dropout, RMSProp

TRAINING = []


enter = partial(add, TRAINING)


def curves(model):
    return Given(model, *curved()[:2])


def numbers(model):
    return Given(model, *friedman())


def digits(model):
    return Given(model, *table("digits"))


def wine(model):
    return Given(model, *table("wine, scaled"))


def net(layers, loss="log_loss", optimizer="adam", epochs=30, **options):
    """A Network with its optimizer, on classes, or on numbers where the loss is theirs."""
    X, classes, t = curved()
    y = classes if loss == "log_loss" else t[:, None]
    trainer = {"optimizer": optimizer, "max_epochs": epochs}
    return Given(network(layers, X, loss, **options), X, y, trainer=trainer)


# ---- what holds the weights or the signals down

enter(
    "too much L2",
    ("l2", "weight decay"),
    0.85,
    {
        "alpha=3000": lambda: curves(classifier(alpha=3000.0)),
        "alpha=1e4, digits": lambda: digits(classifier(100, alpha=1e4, max_iter=30)),
        "alpha=300, three layers of tanh": lambda: curves(
            classifier(40, 40, 40, activation="tanh", alpha=300.0, max_iter=100)
        ),
        "weight_decay=50": lambda: curves(classifier(weight_decay=50.0)),
        "alpha=1000 with layers": lambda: curves(
            classifier(layers=[Dense(50), Dense(20, "tanh")], alpha=1000.0)
        ),
        "AdamW of decay 100, in a pipeline": lambda: wine(
            scaled(classifier(solver=AdamW(0.005, weight_decay=100.0), max_iter=100))
        ),
    },
)
enter(
    "too much L2",
    ("l2", "weight decay"),
    0.6,
    {
        "alpha=1e4, numbers": lambda: numbers(regressor(alpha=1e4)),
        "weight_decay=30 in a pipeline, numbers": lambda: numbers(
            scaled(regressor(weight_decay=30.0))
        ),
    },
)
enter(
    "too much L2",
    ("l2",),
    0.3,
    {"a Network of alpha=3000": lambda: net([Dense(50, "relu"), Dense(2)], alpha=3000.0)},
)
enter(
    "too much dropout",
    ("dropout",),
    0.85,
    {
        "dropout=.8, three layers": lambda: curves(classifier(50, 50, 50, dropout=0.8)),
        "dropout=.95, three layers": lambda: curves(classifier(50, 50, 50, dropout=0.95)),
        "dropout=.8 and batch_norm": lambda: curves(
            classifier(50, 50, 50, dropout=0.8, batch_norm=True)
        ),
        "dropout=.99, digits": lambda: digits(classifier(100, dropout=0.99, max_iter=30)),
        "a layer Dropout(.95)": lambda: curves(
            classifier(layers=[Dense(50), Dropout(0.95), Dense(20)])
        ),
        "five layers of width 20, dropout=.7": lambda: curves(classifier(*(20,) * 5, dropout=0.7)),
    },
)
enter(
    "too much dropout",
    ("dropout",),
    0.3,
    {
        "dropout=.9, numbers": lambda: numbers(regressor(40, 40, dropout=0.9)),
        "a Network with Dropout(.97)": lambda: net(
            [Dense(50, "relu"), Dropout(0.97), Dense(50, "relu"), Dropout(0.97), Dense(2)]
        ),
    },
)
enter(
    "clipping",
    ("clipping",),
    0.85,
    {
        "clip_norm=1e-9, sgd": lambda: digits(
            classifier(100, solver="sgd", learning_rate_init=0.1, clip_norm=1e-9, max_iter=30)
        ),
        "clip_value=1e-8, sgd, tanh": lambda: wine(
            classifier(30, activation="tanh", solver=SGD(0.1, 0.9), clip_value=1e-8, max_iter=100)
        ),
        "clip_norm=1e-4, sgd": lambda: wine(
            classifier(30, solver="sgd", learning_rate_init=0.05, clip_norm=1e-4, max_iter=100)
        ),
    },
)
enter(
    "clipping",
    ("clipping",),
    0.5,
    {
        "clip_norm=1e-6, numbers": lambda: numbers(
            regressor(solver="sgd", learning_rate_init=0.05, clip_norm=1e-6, max_iter=100)
        )
    },
)

# ---- layers that do not move

enter(
    "frozen layers",
    ("frozen",),
    0.1,
    {
        "all trainable=False": lambda: net(
            [Dense(20, "relu", trainable=False), Dense(2, trainable=False)]
        ),
        "all lr_factor=0": lambda: net([Dense(20, "tanh", lr_factor=0.0), Dense(2, lr_factor=0.0)]),
        "all lr_factor=1e-7": lambda: net(
            [Dense(20, "tanh", lr_factor=1e-7), Dense(2, lr_factor=1e-7)]
        ),
        "the output frozen at zeros": lambda: net(
            [Dense(20, "relu"), Dense(2, init="zeros", trainable=False)]
        ),
        "numbers, all frozen": lambda: net(
            [Dense(50, "relu", trainable=False), Dense(1, trainable=False)], "squared_error"
        ),
        "frozen with BatchNorm": lambda: net(
            [
                Dense(20, trainable=False),
                BatchNorm(activation="relu", trainable=False),
                Dense(2, trainable=False),
            ]
        ),
    },
)
enter(
    "frozen layers",
    ("frozen",),
    0.73,  # of four units
    {
        "hidden layers of an estimator frozen, 4 units": lambda: curves(
            classifier(layers=[Dense(4, trainable=False)])
        ),
        "lr_factor=0 in an estimator, 4 units": lambda: curves(
            classifier(
                layers=[Dense(4, lr_factor=0.0), Dense(50, lr_factor=0.0)],
            )
        ),
    },
)
enter(
    "frozen layers",
    ("frozen",),
    0.2,  # of two units
    {
        "hidden layer of an estimator frozen, 2 units": lambda: digits(
            classifier(layers=[Dense(2, trainable=False)], max_iter=60)
        ),
    },
)

# ---- too short, too slow, too fast

enter(
    "too few steps",
    ("few steps",),
    0.85,
    {
        "max_iter=1, digits": lambda: digits(classifier(100, max_iter=1)),
        "max_iter=3, curved": lambda: curves(classifier(100, max_iter=3)),
        "batch of all rows, 30 epochs": lambda: digits(
            classifier(100, batch_size=1000, max_iter=30)
        ),
        "wine, 30 epochs of one batch": lambda: wine(classifier(30, max_iter=30)),
        "iris in a pipeline, 20 epochs": lambda: Given(
            scaled(classifier(10, max_iter=20)), *table("iris")
        ),
        "tanh, batch of all rows, sgd": lambda: digits(
            classifier(50, activation="tanh", solver="sgd", batch_size=1000, max_iter=8,
                       learning_rate_init=0.05)
        ),
    },
)  # fmt: skip
enter(
    "too few steps",
    ("few steps",),
    0.6,
    {
        "max_iter=5, numbers": lambda: numbers(regressor(100, max_iter=5)),
        "numbers in a pipeline, 4 epochs": lambda: numbers(scaled(regressor(50, 50, max_iter=4))),
    },
)
enter(
    "learning rate too low",
    ("rate low",),
    0.8,
    {
        "Adam at 1e-5, digits": lambda: digits(
            classifier(100, learning_rate_init=1e-5, max_iter=30)
        ),
        "Adam at 1e-8": lambda: digits(classifier(100, learning_rate_init=1e-8, max_iter=30)),
        "SGD at 1e-5": lambda: digits(
            classifier(100, solver="sgd", learning_rate_init=1e-5, max_iter=30)
        ),
        "RMSProp at 1e-7": lambda: wine(classifier(30, solver=RMSProp(1e-7), max_iter=100)),
        "Adam at 3e-6 in a pipeline": lambda: Given(
            scaled(classifier(50, solver=Adam(3e-6), max_iter=100)), *table("wine")
        ),
        "invscaling that dies away": lambda: wine(
            classifier(30, solver="sgd", learning_rate="invscaling", power_t=3.0,
                       learning_rate_init=0.05, max_iter=100)
        ),
    },
)  # fmt: skip
enter(
    "learning rate too low",
    ("rate low",),
    0.5,
    {
        "SGD with momentum at 1e-6, numbers": lambda: numbers(
            regressor(solver=SGD(1e-6, 0.9), max_iter=100)
        ),
        "Adam at 1e-6, numbers, tanh": lambda: numbers(
            regressor(30, 30, activation="tanh", learning_rate_init=1e-6, max_iter=100)
        ),
    },
)
enter(
    "learning rate too low",
    ("rate low",),
    None,  # the optimizer is no part of a Network
    {"a Network, SGD at 1e-7": lambda: net([Dense(50, "relu"), Dense(2)], optimizer=SGD(1e-7))},
)
enter(
    "learning rate too high",
    ("rate high", "diverged"),
    0.85,
    {
        "SGD at 5": lambda: digits(
            classifier(100, solver="sgd", learning_rate_init=5.0, max_iter=30)
        ),
        "Adam at 1": lambda: digits(classifier(100, learning_rate_init=1.0, max_iter=30)),
        "Adam at .3, tanh, 4 layers": lambda: digits(
            classifier(50, 50, 50, 50, activation="tanh", learning_rate_init=0.3, max_iter=30)
        ),
        "momentum .99 at 1": lambda: wine(classifier(30, 30, solver=SGD(1.0, 0.99), max_iter=100)),
        "RMSProp at 1": lambda: digits(classifier(50, 50, solver=RMSProp(1.0), max_iter=30)),
        "Adam at .5, three layers": lambda: curves(
            classifier(50, 50, 50, learning_rate_init=0.5, max_iter=100)
        ),
    },
    states="before",
)
enter(
    "learning rate too high",
    ("rate high", "diverged", "dead"),
    0.8,
    {
        "Adam at 1": lambda: digits(classifier(100, 100, learning_rate_init=1.0, max_iter=30)),
        "Adam at .3, tanh, 4 layers": lambda: digits(
            classifier(50, 50, 50, 50, activation="tanh", learning_rate_init=0.3, max_iter=30)
        ),
        "SGD at 2, three layers": lambda: digits(
            classifier(50, 50, 50, solver="sgd", learning_rate_init=2.0, momentum=0.0, max_iter=30)
        ),
        "Adam at .5, three layers": lambda: curves(
            classifier(50, 50, 50, learning_rate_init=0.5, max_iter=100)
        ),
    },
    states="after",
)
enter(
    "learning rate too high",
    ("rate high", "diverged"),
    0.5,
    {
        "SGD at 5, numbers": lambda: numbers(regressor(solver="sgd", learning_rate_init=5.0)),
        "Adam at 1, numbers, in a pipeline": lambda: numbers(
            scaled(regressor(50, 50, learning_rate_init=1.0, max_iter=100))
        ),
    },
    states="before",
)
enter(
    "learning rate too high",
    ("rate high", "diverged"),
    None,
    {"a Network, SGD at 10": lambda: net([Dense(50, "tanh"), Dense(2)], optimizer=SGD(10.0, 0.9))},
)

# ---- stopping

enter(
    "early stopping too early",
    ("stopped early", "few steps"),
    0.85,
    {
        "tol=1": lambda: wine(classifier(30, tol=1.0, n_iter_no_change=2)),
        "n_iter_no_change=1, tol=.1": lambda: curves(classifier(tol=0.1, n_iter_no_change=1)),
        "ten rows to stop by": lambda: curves(
            classifier(early_stopping=True, validation_fraction=0.005, n_iter_no_change=1)
        ),
        "early_stopping, patience 1, sgd": lambda: digits(
            classifier(50, solver="sgd", learning_rate_init=0.01, early_stopping=True,
                       n_iter_no_change=1, tol=0.05)
        ),
        "six rows of wine to stop by": lambda: wine(
            classifier(30, early_stopping=True, validation_fraction=0.03, n_iter_no_change=2)
        ),
    },
    states="after",
)  # fmt: skip
enter(
    "early stopping too early",
    ("stopped early", "few steps"),
    0.6,
    {
        "tol=.5, numbers": lambda: numbers(regressor(tol=0.5, n_iter_no_change=2)),
        "early_stopping, tol=.2, numbers": lambda: numbers(
            regressor(early_stopping=True, tol=0.2, n_iter_no_change=2)
        ),
    },
    states="after",
)

# ---- order, noise, overfitting, imbalance


def sorted_rows(model, X, y):
    order = np.argsort(y, kind="stable")
    return Given(model, X[order], y[order])


enter(
    "sorted rows, not shuffled",
    ("order",),
    0.85,
    {
        "by class, digits, sgd": lambda: sorted_rows(
            classifier(50, solver=SGD(0.3), shuffle=False, batch_size=10, max_iter=20),
            *table("digits"),
        ),
        "by class, sgd": lambda: sorted_rows(
            classifier(50, solver=SGD(0.3), shuffle=False, batch_size=20, max_iter=20),
            *curved()[:2],
        ),
        "by class, Adam, a pipeline": lambda: sorted_rows(
            scaled(
                classifier(50, shuffle=False, batch_size=10, learning_rate_init=0.01, max_iter=20)
            ),
            *curved()[:2],
        ),
        "by class, tanh, batches of 10": lambda: sorted_rows(
            classifier(
                50,
                activation="tanh",
                learning_rate_init=0.02,
                shuffle=False,
                batch_size=10,
                max_iter=20,
            ),
            *curved()[:2],
        ),
    },
)  # fmt: skip
enter(
    "sorted rows, not shuffled",
    ("order",),
    0.9,
    {
        "by target": lambda: sorted_rows(
            regressor(shuffle=False, batch_size=10, learning_rate_init=0.03, max_iter=30),
            *friedman(),
        ),
        "by target, sgd, a pipeline": lambda: sorted_rows(
            scaled(regressor(solver=SGD(0.3), shuffle=False, batch_size=10, max_iter=30)),
            *friedman(),
        ),
    },
    states="before",
)
enter(
    "gradients too noisy",
    ("noise",),
    0.8,
    {
        "batch_size=1, Adam at .05": lambda: digits(
            classifier(50, batch_size=1, learning_rate_init=0.05, max_iter=5)
        ),
        "batch_size=1, momentum .9 at .03": lambda: Given(
            classifier(50, solver=SGD(0.03, 0.9), batch_size=1, max_iter=10), *noisy(600, 0.1)[:2]
        ),
        "batch_size=2, momentum .95 at .1": lambda: curves(
            classifier(50, 50, solver=SGD(0.1, 0.95), batch_size=2, max_iter=10)
        ),
    },
    states="after",
)
enter(
    "gradients too noisy",
    ("noise",),
    0.72,
    {
        "batch_size=1, numbers": lambda: Given(
            regressor(batch_size=1, learning_rate_init=0.03, max_iter=20), *noisy_numbers(500)[:2]
        ),
        "batch_size=2, numbers, RMSProp": lambda: Given(
            regressor(batch_size=2, solver=RMSProp(0.06), max_iter=20), *noisy_numbers(500)[:2]
        ),
    },
    states="after",
)


def sixty():
    X, y = make_classification(1000, 40, n_informative=3, flip_y=0.15, random_state=4)
    return X[:60], y[:60], X[600:], y[600:]


enter(
    "overfitting",
    ("overfitting",),
    0.1,
    {
        "200 rows, 500 units, a tenth wrong": lambda: Given(
            classifier(500, max_iter=500), *noisy(200, 0.1)
        ),
        "three wide layers, wrong labels": lambda: Given(
            classifier(200, 200, 200, max_iter=300), *noisy(300, 0.15)
        ),
        "a pipeline, tanh": lambda: Given(
            scaled(classifier(300, activation="tanh", learning_rate_init=0.01, max_iter=300)),
            *noisy(200, 0.1),
        ),
        "60 rows, 40 columns": lambda: Given(classifier(200, 200, max_iter=500), *sixty()),
        "50 rows, 20 columns, numbers": lambda: Given(
            regressor(300, max_iter=1000, learning_rate_init=0.01), *noisy_numbers(50)
        ),
        "two wide layers, numbers": lambda: Given(
            regressor(200, 200, max_iter=500, learning_rate_init=0.003), *noisy_numbers(150, 1.5)
        ),
    },
    states="after",
    scoring="held out",
)
enter(
    "answers one class",
    ("one class", "few steps"),
    0.75,
    {
        "1 in 20": lambda: Given(classifier(30, max_iter=20), *rare(20)),
        "1 in 100": lambda: Given(classifier(30, max_iter=30), *rare(100)),
        "1 in 100, sgd": lambda: Given(
            classifier(20, 20, solver="sgd", learning_rate_init=0.02, max_iter=20), *rare(100)
        ),
        "1 in 100, sgd at .1": lambda: Given(
            classifier(20, 20, solver="sgd", learning_rate_init=0.1, max_iter=10), *rare(100)
        ),
        "1 in 50, logistic, a pipeline": lambda: Given(
            scaled(classifier(20, activation="logistic", max_iter=50)), *rare(50)
        ),
        "1 in 30, layers of tanh": lambda: Given(
            classifier(layers=[Dense(30, "tanh"), Dense(30, "tanh")], max_iter=20), *rare(30)
        ),
        "1 in 20, alpha=30": lambda: Given(
            classifier(20, alpha=30.0, learning_rate_init=0.01, max_iter=100), *rare(20)
        ),
    },
    states="after",
    scoring="balanced_accuracy",
)
