"""Models of every kind, for the tests of saving; ``difference`` compares two."""

import warnings

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification, make_multilabel_classification

from minnet import (
    SGD,
    Adam,
    AdamW,
    BatchNorm,
    Dense,
    Dropout,
    EnsembleTrainer,
    LayerNorm,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    PiecewiseLinear,
    Residual,
    RMSProp,
    TableEncoder,
    TabularClassifier,
    TabularRegressor,
    Trainer,
)
from minnet.activations import Elu, LeakyRelu
from minnet.initializers import GlorotUniform
from minnet.optimizers import Cosine
from minnet.training.run import Run

FAST = {"max_iter": 4, "random_state": 0, "hidden_layer_sizes": (7, 5)}


def data(kind, dtype="float64", n=60):
    """Return X and y of a kind of problem."""
    if kind == "multilabel":
        X, y = make_multilabel_classification(n, 6, n_classes=3, random_state=0)
        return X.astype(dtype), y
    n_classes = 3 if kind in ("multiclass", "numbers") else 2
    X, y = make_classification(n, 6, n_informative=4, n_classes=n_classes, random_state=0)
    if kind == "numbers":
        y = np.column_stack([X[:, 0] - X[:, 1], np.abs(X[:, 2])])
    return X.astype(dtype), y


def table(n=60):
    """Return a frame with every kind of column."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "normal": rng.normal(size=n),
            "gaps": np.where(rng.random(n) < 0.2, np.nan, rng.exponential(size=n)),
            "whole": rng.integers(0, 6, n),
            "same": 1.0,
            "city": rng.choice(["Rome", "Oslo", "Bonn"], n),
            "flag": rng.random(n) < 0.3,
            "rare": pd.Categorical(rng.choice([1.5, 2.0, 7.0, None], n, p=[0.6, 0.3, 0.05, 0.05])),
            "void": pd.Series([None] * n, dtype=object),
        }
    )


def fitted(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


CLASSIFIERS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "plain sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate": "adaptive"},
    "lbfgs": {"solver": "lbfgs"},
    "early": {"early_stopping": True, "validation_fraction": 0.3},
    "everything": {
        "batch_norm": True,
        "dropout": 0.3,
        "clip_norm": 1.0,
        "clip_value": 0.5,
        "weight_decay": np.float64(1e-3),
        "batch_size": np.int64(8),
        "init": ["he", GlorotUniform(gain=1.5), None],
        "output_layer": {"init": {"name": "normal", "std": 0.1}, "lr_factor": 0.5},
        "activation": LeakyRelu(0.2),
        "alpha": 1e-3,
        "shuffle": False,
        "n_iter_no_change": np.inf,
        "backend": "numpy",
    },
    "layers": {
        "hidden_layer_sizes": (100,),
        "layers": [
            PiecewiseLinear([[-1.0, 0.0, 1.0], None, 3, np.array([0.0, 0.5]), 1, None], 0.25),
            Dense(5, Elu(0.7), init="orthogonal", trainable=False),
            BatchNorm("tanh", momentum=0.5),
            Dropout(0.2),
            Dense(4, "softsign", init=np.full((5, 4), 0.1), lr_factor=0.5, decay_factor=2.0),
            LayerNorm("silu", epsilon=1e-3, lr_factor=2.0),
        ],
    },
}


def classifier(name, **options):
    return MinNetClassifier(**(FAST | CLASSIFIERS[name] | options))


def regressor(**options):
    return MinNetRegressor(**(FAST | options))


def network(dtype="float64"):
    block = Residual([Dense(4, "tanh"), Dense(5)], 0.5, True)
    layers = [Dense(5, "gelu"), BatchNorm("tanh"), block, Dropout(0.2), Dense(3)]
    return Network(layers, alpha=0.01, init="glorot").initialize(6, random_state=3, dtype=dtype)


def trainer(dtype="float64", optimizer=None):
    made = Trainer(network(dtype), optimizer or Adam(0.01), batch_size=16)
    X, y = data("multiclass", dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return made.fit(X, y, max_epochs=3)


def in_training():
    made = trainer()
    best = made.network.params / 2, made.network.state.copy()
    losses = [np.array([1.5, 0.25])]
    made.run = Run(n_epochs=2, start=2, losses=losses, best=best, fingerprint="0123456789abcdef")
    return made


def ensemble():
    """Return a trainer of two networks in the middle of an epoch."""
    X, y = data("multiclass")
    networks = [Network([Dense(4, "tanh"), Dense(3)]).initialize(6, random_state=i) for i in (0, 1)]
    made = EnsembleTrainer(networks, scoring="loss", batch_size=16, learning_rate=Cosine(9))
    made.fit(X, y, held=[np.arange(9), np.arange(20)], max_epochs=2)
    made.run = Run(n_epochs=2, start=3, fingerprint="0123456789abcdef")
    for member, start in zip(made.members, (1, 2), strict=True):
        member.start, member.losses = start, [np.arange(1.0, 1.0 + start)]
        member.keep()
    return made


TABULAR = {
    "hidden_layer_sizes": (5, 4),
    "bins": 4,
    "max_iter": 2,
    "n_members": 2,
    "random_state": 0,
}


def tabular(kind, X=None, **options):
    """Return a fitted estimator for tables."""
    X = table() if X is None else X
    rng = np.random.default_rng(1)
    y = {
        "binary": np.array(["no", "yes"])[rng.integers(0, 2, len(X))],
        "multiclass": rng.integers(3, 6, len(X)),
        "multilabel": rng.integers(0, 2, (len(X), 3)),
        "one class": np.full(len(X), "all"),
        "number": rng.normal(size=len(X)),
        "numbers": rng.normal(size=(len(X), 2)) * [1e-3, 1e6],
    }[kind]
    cls = TabularRegressor if kind.startswith("number") else TabularClassifier
    return fitted(cls(**(TABULAR | options)), X, y)


def small_models():
    """Return models whose files together have every kind of record."""
    X, y = data("multiclass")
    labelled = classifier(
        "everything", class_weight={"b": 2.0}, random_state=np.random.RandomState(1)
    )
    everything = fitted(labelled, X, np.array(list("abc"))[y])
    everything.feature_names_in_ = np.array(["a", "ü", "", "☃", "b", "../x"], dtype=object)
    return {
        "unfitted": MinNetRegressor(loss="poisson", layers=[Dense(3, "relu")]),
        "adam": fitted(classifier("adam"), X, y),
        "everything": everything,
        "layers": fitted(classifier("layers"), X.astype("float32"), np.array(list("abc"))[y]),
        "lbfgs": fitted(classifier("lbfgs"), *data("binary")),
        "multilabel": fitted(classifier("early"), *data("multilabel")),
        "several networks": fitted(classifier("adam", n_networks=2), *data("binary", "float32")),
        "regressor": fitted(regressor(solver="sgd"), *data("numbers")),
        "network": network("float32"),
        "fresh network": Network([Dense(3)], "squared_error", init=0.1),
        "trainer": trainer(optimizer=SGD(0.1, momentum=0.9, nesterov=True)),
        "trainer with adamw": trainer(optimizer=AdamW(0.01, weight_decay=0.2)),
        "trainer with rmsprop": trainer("float32", RMSProp(0.01, momentum=0.5)),
        "in training": in_training(),
        "ensemble": ensemble(),
        "table encoder": TableEncoder(bins=5, min_frequency=4).fit(table()),
        "tabular classifier": tabular("multiclass"),
        "tabular regressor": tabular("numbers"),
    }


def difference(a, b, where="it"):
    """Return where two values differ in type or in a bit, or None."""
    if type(a) is not type(b):
        return f"{where} is {a!r} and {b!r}"
    if isinstance(a, np.ndarray):
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"{where} is {a.dtype}, {a.shape} and {b.dtype}, {b.shape}"
        if a.dtype == object:
            return difference(a.ravel().tolist(), b.ravel().tolist(), where)
        return None if a.tobytes() == b.tobytes() else f"{where} has other numbers"
    if isinstance(a, list | tuple):
        a, b = dict(enumerate(a)), dict(enumerate(b))
    if isinstance(a, dict):
        if list(a) != list(b):
            return f"{where} has the keys {list(a)} and {list(b)}"
        found = (difference(a[key], b[key], f"{where}.{key}") for key in a)
        return next((each for each in found if each), None)
    if isinstance(a, np.random.RandomState):
        return difference(a.get_state(), b.get_state(), where)
    if isinstance(a, Network):
        return difference(*(dict(sorted(n.__getstate__().items())) for n in (a, b)), where)
    if hasattr(a, "__dict__") and type(a).__module__.startswith("minnet"):
        return difference(_state(a), _state(b), where)
    return None if a == b or (a != a and b != b) else f"{where} is {a!r} and {b!r}"


#: Which rows a member of an ensemble was given: they are those of the data, which no file keeps.
OF_ITS_CALL = ("cut", "first_loss", "held", "held_weight", "n_rows", "rows", "weight_sum")


def _state(model):
    left_out = (
        "_runner", "_made_for", "_busy", "_call", "_backend_caches", "_backends", "_arrays", "_made",
        "_paused_at", *OF_ITS_CALL,
    )  # fmt: skip
    state = {name: value for name, value in vars(model).items() if name not in left_out}
    return dict(sorted(state.items()))
