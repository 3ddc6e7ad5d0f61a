"""Calls of public Python that no longer fit what was compiled; run by test_border.py, all in one process.

    python tests/backends/border_cases.py cython

Each runs in a child made by fork, so that a crash ends one alone. A line a case: its name, a tab, and
"ok", the error, or the signal that ended it.
"""

import copy
import pickle
import warnings

import border_calls  # noqa: F401, which adds its cases
import numpy as np
from border_tools import (
    BACKEND,
    BAD_INPUTS,
    BAD_TARGETS,
    CASES,
    CLASSES,
    FEATURES,
    N,
    X,
    Y,
    at_epoch,
    case,
    each,
    fit,
    network,
    outcome,
    trainer,
)

from minnet import SGD, Adam, AdamW, BatchNorm, Dense, Dropout, RMSProp
from minnet.losses import SoftmaxCrossEntropy, SquaredError
from minnet.schedules import Schedule

# ---- the data of an epoch


@each("run_epoch, classes", BAD_TARGETS)
def _(T):
    trainer().run_epoch(X, T)


@each(
    "run_epoch, numbers",
    {
        "classes": Y,
        "narrow": np.ones((N, 2)),
        "wide": np.ones((N, 4)),
        "short": np.ones((10, 3)),
        "NaN": np.full((N, 3), np.nan),
        "complex": np.ones((N, 3), complex),
    },
)
def _(T):
    trainer(network(loss="squared_error")).run_epoch(X, T)


@each("run_epoch, X", BAD_INPUTS)
def _(X):
    trainer(shuffle=False).run_epoch(X, Y)


@each(
    "run_epoch, weights",
    {"short": np.ones(3), "matrix": np.ones((N, 2)), "negative": -np.ones(N), "text": ["a"] * N},
)
def _(weights):
    trainer().run_epoch(X, Y, weights)


@case
def run_epoch_of_other_dtypes():
    trainer(network(dtype="float32")).run_epoch(X, Y)
    trainer().run_epoch(X.astype("float32"), Y.astype("int8"))
    trainer().run_epoch(X.astype(">f8"), Y.astype(">i8"))
    trainer().run_epoch(np.asfortranarray(X)[::-1], Y[::-1], np.ones(2 * N)[::2])


# ---- the network is another one by now


@each(
    "initialized anew",
    {
        "wider": lambda net: net.initialize(9, 0),
        "narrower": lambda net: net.initialize(1, 0),
        "the same": lambda net: net.initialize(FEATURES, 0),
        "float32": lambda net: net.initialize(FEATURES, 0, "float32"),
        "many units": lambda net: (setattr(net.layers[0], "units", 5000), net.initialize(FEATURES)),
    },
)
def _(change):
    made = trainer()
    change(made.network)
    fit(made, np.ones((N, made.network.sizes[0])))


@each(
    "initialized anew, in a callback",
    {
        "wider": lambda net: net.initialize(90, 0),
        "float32": lambda net: net.initialize(FEATURES, 0, "f4"),
    },
)
def _(change):
    fit(trainer(), callbacks=[at_epoch(lambda trainer: change(trainer.network))])


REPLACED = {
    "longer": lambda a: np.ones(a.size + 100, a.dtype),
    "shorter": lambda a: a[:-3].copy(),
    "empty": lambda a: a[:0].copy(),
    "equal": lambda a: a.copy(),
    "float32": lambda a: a.astype("float32"),
    "whole numbers": lambda a: a.astype(int),
    "strided": lambda a: np.ones(2 * a.size, a.dtype)[::2],
    "matrix": lambda a: a.reshape(1, -1).copy(),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype),
    "list": lambda a: a.tolist(),
    "None": lambda a: None,
}


@each("params", REPLACED)
def _(change):
    made = trainer()
    vars(made.network)["params"] = change(made.network.params)  # an assignment copies in
    made.run_epoch(X, Y)


@each("state", REPLACED)
def _(change):
    made = trainer(network([Dense(5), BatchNorm("tanh"), Dense(3)]))
    vars(made.network)["state"] = change(made.network.state)  # an assignment copies in
    made.run_epoch(X, Y)


@each(
    "params in place",
    {
        "read-only": lambda a: a.setflags(write=False),
        "matrix": lambda a: setattr(a, "shape", (2, -1)),
        "dtype": lambda a: setattr(a, "dtype", np.float32),
    },
)
def _(change):
    made = trainer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change(made.network.params)
    made.run_epoch(X, Y)


@each(
    "layers",
    {
        "one more": lambda layers: layers.append(Dense(3)),
        "one less": lambda layers: layers.pop(),
        "none": lambda layers: layers.clear(),
        "another": lambda layers: layers.__setitem__(0, Dense(5, "tanh")),
        "another kind": lambda layers: layers.__setitem__(0, Dropout(0.5)),
        "turned": lambda layers: layers.reverse(),
        "no layer": lambda layers: layers.__setitem__(0, "Dense"),
    },
)
def _(change):
    made = trainer()
    change(made.network.layers)
    made.run_epoch(X, Y)


@each("units", {"more": 5000, "fewer": 1, "text": "many"})
def _(units):
    made = trainer()
    made.network.layers[0].units = units
    made.run_epoch(X, Y)


@each(
    "network",
    {
        "sizes": lambda net: net.sizes.__setitem__(0, 3),
        "sizes, output": lambda net: net.sizes.__setitem__(-1, 300),
        "dtype": lambda net: setattr(net, "dtype", np.dtype("float32")),
        "no dtype": lambda net: setattr(net, "dtype", None),
        "key": lambda net: setattr(net, "key", 2**70),
        "alpha": lambda net: setattr(net, "alpha", "much"),
        "table": lambda net: net.parameter_table.clear(),
    },
)
def _(change):
    made = trainer(network([Dense(5, "tanh"), Dropout(0.5), Dense(CLASSES)]))
    change(made.network)
    made.run_epoch(X, Y)


@each("a table that leads elsewhere", {"far": 10**9, "near": 8, "negative": -(10**6)})
def _(offset):
    net = network()
    from dataclasses import replace

    net.parameter_table[2] = replace(net.parameter_table[2], offset=offset)
    fit(trainer(net))


@case
def loss_changed_to_numbers():
    def change(trainer):
        trainer.network.loss_ = SquaredError()

    fit(trainer(), callbacks=[change])


@case
def loss_changed_to_classes():
    def change(trainer):
        trainer.network.loss_ = SoftmaxCrossEntropy()

    fit(trainer(network(loss="squared_error")), T=np.ones((N, 3)), callbacks=[change])


@case
def another_network_of_the_trainer():
    made = trainer()
    made.network = network([Dense(50), Dense(CLASSES)])
    fit(made)


@case
def copies_train_on():
    for made in (trainer(), trainer(optimizer="adam")):
        made.run_epoch(X, Y)
        for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            other.run_epoch(X, Y)
        network = copy.deepcopy(made.network)
        trainer(network).run_epoch(X, Y)


# ---- the optimizer is another one by now

OTHERS = {
    "Adam": Adam(),
    "AdamW": AdamW(),
    "RMSProp": RMSProp(),
    "RMSProp, momentum": RMSProp(momentum=0.5),
    "momentum": SGD(momentum=0.5),
}


@each("optimizer, not prepared", OTHERS)
def _(optimizer):
    made = trainer()
    made.optimizer = optimizer
    fit(made)


@each("optimizer, prepared for less", OTHERS)
def _(optimizer):
    made = trainer()
    made.optimizer = optimizer
    optimizer.prepare(np.zeros(3))
    fit(made)


@case
def optimizer_that_was_prepared():
    made = trainer()
    made.optimizer = Adam()
    made.optimizer.prepare(made.network.params)
    fit(made)


@case
def momentum_where_there_was_none():
    made = trainer(optimizer=SGD())
    made.optimizer.momentum = 0.9
    made.run_epoch(X, Y)


@each("optimizer.state", REPLACED)
def _(change):
    made = trainer(optimizer="adam")
    made.optimizer.state = change(made.optimizer.state)
    made.run_epoch(X, Y)


@each(
    "optimizer, numbers",
    {
        "step": ("step", "many"),
        "large step": ("step", 2**70),
        "beta": ("beta_1", "a"),
        "none": ("epsilon", None),
    },
)
def _(given):
    made = trainer(optimizer="adam")
    setattr(made.optimizer, *given)
    made.run_epoch(X, Y)


# ---- the schedule gives what it should not

RATES = {
    "short": lambda n: np.ones(max(n - 1, 0)),
    "none": lambda n: np.ones(0),
    "NaN": lambda n: np.full(n, np.nan),
    "infinite": lambda n: np.full(n, np.inf),
    "negative": lambda n: -np.ones(n),
    "matrix": lambda n: np.ones((n, 2)),
    "text": lambda n: ["fast"] * n,
    "complex": lambda n: np.ones(n, complex),
    "number": lambda n: 0.1,
    "None": lambda n: None,
}


@each("rates", RATES)
def _(rates):
    class Own(Schedule):
        def rates(self, current, initial, step, n_steps, n_seen):
            return rates(n_steps)

    fit(trainer(learning_rate=Own()))


@case
def rates_of_another_dtype():
    class Own(Schedule):
        def rates(self, current, initial, step, n_steps, n_seen):
            return np.full(2 * n_steps, 0.01, np.float32)[::2]

    trainer(learning_rate=Own()).run_epoch(X, Y)


if __name__ == "__main__":
    if BACKEND == "numba":
        trainer().run_epoch(X, Y)  # compiled once, for all children
    for name, function in CASES.items():
        print(name, outcome(function), sep="\t", flush=True)
