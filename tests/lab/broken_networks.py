"""Networks whose start or make-up is wrong: initialization, depth, batch normalization."""

from functools import partial

from broken_training import curves, digits, net, numbers
from situations import (
    Given,
    add,
    classifier,
    curved,
    network,
    regressor,
    shapes,
)

from minnet import SGD, BatchNorm, Dense

NETWORKS = []


enter = partial(add, NETWORKS, states="before")


def deep(n_layers, activation="relu", width=50, **options):
    return classifier(*(width,) * n_layers, activation=activation, **{"max_iter": 20, **options})


def normal(std):
    return {"name": "normal", "std": std}


# ---- batch normalization

enter(
    "batch normalization, too deep",
    ("batch norm", "exploding"),
    0.8,
    {
        "30 layers of relu": lambda: curves(deep(30, batch_norm=True, batch_size=32)),
        "100 layers of relu": lambda: digits(deep(100, width=30, batch_norm=True)),
        "100 layers of tanh": lambda: digits(deep(100, "tanh", width=30, batch_norm=True)),
        "40 layers of tanh": lambda: digits(
            deep(40, "tanh", width=40, batch_norm=True, batch_size=64, learning_rate_init=3e-4)
        ),
        "30 layers, a Network": lambda: Given(
            network(
                [layer for _ in range(30) for layer in (Dense(40), BatchNorm(activation="relu"))]
                + [Dense(2)],
                curved()[0],
            ),
            *curved()[:2],
        ),
    },
    states="both",
)
enter(
    "batch normalization, batches of few rows",
    ("small batches",),
    0.85,
    {
        "of 2 rows": lambda: curves(
            classifier(50, 50, batch_norm=True, batch_size=2, max_iter=10)
        ),
        "of 4 rows, three layers": lambda: curves(
            classifier(50, 50, 50, batch_norm=True, batch_size=4, max_iter=10)
        ),
        "of 2 rows, BatchNorm in layers": lambda: curves(
            classifier(
                layers=[Dense(50), BatchNorm(), Dense(50), BatchNorm()], batch_size=2, max_iter=10,
            )
        ),
    },
    states="both",
)  # fmt: skip
enter(
    "batch normalization, batches of few rows",
    ("small batches",),
    0.85,
    {
        "of 2 rows, digits": lambda: digits(
            classifier(50, 50, batch_norm=True, batch_size=2, max_iter=5)
        ),
        "of one row": lambda: curves(classifier(50, batch_norm=True, batch_size=1, max_iter=20)),
    },
)

# ---- initialization

enter(
    "equal units",
    ("equal units",),
    0.85,
    {
        "zeros": lambda: digits(classifier(50, 50, init="zeros", max_iter=30)),
        "ones": lambda: digits(classifier(50, activation="tanh", init="ones", bias_init="zeros")),
        "constant .05": lambda: curves(classifier(50, 50, init=0.05, bias_init="zeros")),
        "constant .1, logistic": lambda: digits(
            classifier(50, activation="logistic", init=0.1, bias_init="zeros", max_iter=50)
        ),
    },
    states="both",
)
enter(
    "equal units",
    ("equal units",),
    0.3,
    {
        "zeros, numbers": lambda: numbers(regressor(50, 50, init="zeros", max_iter=100)),
        "zeros, a Network": lambda: net(
            [Dense(50, "tanh"), Dense(2)], init="zeros", bias_init="zeros", epochs=60
        ),
    },
    states="both",
)
enter(
    "weights too small",
    ("small weights",),
    0.85,
    {
        "normal .01, 6 layers of tanh": lambda: digits(deep(6, "tanh", init=normal(0.01))),
        "normal .01, 8 layers of relu": lambda: digits(deep(8, init=normal(0.01))),
        "relu 30 layers, glorot": lambda: digits(deep(30, init="glorot")),
        "gelu 30 layers, glorot": lambda: digits(deep(30, "gelu", init="glorot")),
        "tanh 10 layers, standard": lambda: digits(deep(10, "tanh", init="standard")),
        "softsign 12 layers, standard": lambda: digits(deep(12, "softsign", init="standard")),
        "selu 10 layers, normal .05": lambda: digits(deep(10, "selu", init=normal(0.05))),
        "sparse of one weight a unit, .1": lambda: digits(
            deep(4, "tanh", init={"name": "sparse", "n_nonzero": 1, "std": 0.1})
        ),
        "relu 12 layers, uniform ±.05": lambda: digits(
            deep(12, init={"name": "uniform", "low": -0.05, "high": 0.05})
        ),
    },
)
enter(
    "deep saturating stacks",
    ("small weights",),
    0.9,
    {
        "tanh 100 layers, LeCun": lambda: digits(
            deep(100, "tanh", init="lecun", max_iter=30, learning_rate_init=0.0003)
        ),
        "relu 100 layers of 100, He": lambda: digits(deep(100, width=100, init="he", max_iter=30)),
    },
)
enter(
    "gradients vanish",
    ("vanishing",),
    0.85,
    {
        "sigmoid 6 layers, glorot": lambda: digits(deep(6, "sigmoid", init="glorot", max_iter=60)),
        "sigmoid 10 layers, glorot": lambda: digits(
            deep(10, "sigmoid", init="glorot", max_iter=60)
        ),
        "sigmoid 5 layers, standard": lambda: digits(
            deep(5, "sigmoid", init="standard", max_iter=60)
        ),
    },
    states="both",
)
enter(
    "weights too large",
    ("large weights",),
    0.85,
    {
        "normal 1, 5 layers of relu": lambda: digits(deep(5, init=normal(1.0))),
        "normal 1, 3 layers of tanh": lambda: digits(deep(3, "tanh", init=normal(1.0))),
        "he with gain 2, 12 layers": lambda: digits(deep(12, init={"name": "he", "gain": 2.0})),
        "selu 60 layers, He": lambda: digits(deep(60, "selu", init="he")),
        "tanh 30 layers, orthogonal gain 2.5": lambda: digits(
            deep(30, "tanh", init={"name": "orthogonal", "gain": 2.5})
        ),
        "uniform ±1, 4 layers": lambda: digits(
            deep(4, init={"name": "uniform", "low": -1.0, "high": 1.0})
        ),
        "normal 20 in the output": lambda: digits(
            classifier(50, init=["he", normal(20.0)], max_iter=20)
        ),
        "normal 10, logistic": lambda: digits(deep(2, "logistic", init=normal(10.0))),
    },
)
enter(
    "biases",
    ("dead",),
    0.85,
    {
        "-5, relu, 3 layers": lambda: digits(deep(3, bias_init=-5.0)),
        "-100, relu": lambda: digits(deep(1, bias_init=-100.0)),
        "-50 in the second layer": lambda: digits(deep(2, bias_init=[0.0, -50.0, 0.0])),
    },
    states="both",
)
enter(
    "biases",
    ("saturated",),
    0.85,
    {
        "30, logistic": lambda: digits(deep(2, "logistic", bias_init=30.0, max_iter=50)),
        "normal 20, tanh": lambda: digits(deep(2, "tanh", bias_init=normal(20.0))),
    },
)
enter(
    "narrow and deep",
    ("narrow",),
    0.7,
    {
        "relu, 50 layers of 10": lambda: digits(deep(50, width=10, init="he", max_iter=30)),
        "relu, 30 layers of 5": lambda: curves(deep(30, width=5, init="he", max_iter=30)),
    },
)
enter(
    "linear",
    ("linear",),
    0.85,
    {
        "identity, 3 layers": lambda: curves(
            classifier(50, 50, 50, activation="identity", max_iter=100)
        ),
        "layers without an activation": lambda: curves(
            classifier(layers=[Dense(50, "identity"), Dense(50, "identity")], max_iter=100)
        ),
    },
    states="both",
)  # fmt: skip
enter(
    "linear",
    ("linear",),
    0.2,
    {
        "a Network of plain Dense": lambda: net([Dense(50), Dense(50), Dense(2)], epochs=60),
        "numbers": lambda: Given(
            regressor(50, 50, activation="identity"), curved()[0], curved()[2]
        ),
    },
)

# ---- the patient of Glorot and Bengio (2010)


def patient(activation, width, init="standard", epochs=7, depth=5, rows=300):
    X, y = shapes(rows)
    layers = [Dense(width, activation) for _ in range(depth)] + [Dense(9)]
    trainer = {"optimizer": SGD(0.01), "batch_size": 10, "max_epochs": epochs, "tol": 0.0}
    trainer["n_iter_no_change"] = epochs
    net = network(layers, X, init=init, bias_init="zeros")
    return Given(net, X, y, trainer=trainer)


enter(
    "the paper's patient",
    ("small weights",),
    None,  # what it costs shows after tens of thousands of updates
    {
        "tanh standard, 5 x 150": lambda: patient("tanh", 150),
        "tanh standard, 5 x 1000": lambda: patient("tanh", 1000),
        "sigmoid standard, 5 x 150": lambda: patient("sigmoid", 150),
    },
)
enter(
    "the paper's patient",
    ("small weights", "few steps"),
    None,
    {
        "tanh standard, 5 x 150, on the plateau": lambda: patient("tanh", 150, rows=3000),
        "sigmoid standard, 4 x 150, on the plateau": lambda: patient(
            "sigmoid", 150, depth=4, rows=3000
        ),
    },
    states="after",
)
