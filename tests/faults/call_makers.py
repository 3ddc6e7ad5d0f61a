"""Makers of calls that work, small models and data for them."""

import copy
import functools
import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # before minnet.lab.displays opens it

import numpy as np
from matplotlib import pyplot
from public_things import key_of, takes_arguments

import minnet
from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    EnsembleTrainer,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    Trainer,
    callbacks,
    datasets,
    initializers,
    lab,
    random,
)
from minnet.lab import theory


@dataclass
class Call:
    """One call: the function, its arguments by name, and what must not change when it raises."""

    function: Any
    arguments: dict = field(default_factory=dict)
    watched: Any = None


RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
Y = np.column_stack([X[:, 0] - X[:, 1], X[:, 2]])
CLASS = np.arange(30) % 3
WEIGHT = RNG.uniform(0.5, 1.5, size=30)


def _small(**arguments):
    return {"hidden_layer_sizes": (5,), "max_iter": 2, "random_state": 0, **arguments}


@functools.cache
def _classifier():
    return MinNetClassifier(**_small()).fit(X, CLASS)


@functools.cache
def _nested():
    init, solver = initializers.GlorotUniform(), minnet.SGD(momentum=0.9)
    return MinNetClassifier(**_small(init=init, solver=solver)).fit(X, CLASS)


@functools.cache
def _regressor():
    return MinNetRegressor(**_small()).fit(X, Y)


def _of(estimator, method, **arguments):
    def make():
        fitted = copy.deepcopy(estimator())
        return Call(getattr(fitted, method), copy.deepcopy(arguments), fitted)

    return make


def _new(cls, **arguments):
    return lambda: Call(cls, copy.deepcopy(arguments))


def _fit(cls, target, **arguments):
    """A fit with all arguments of the constructor among those that may be replaced."""
    names = list(inspect.signature(cls).parameters)

    def make():
        estimator = copy.deepcopy(_classifier() if cls is MinNetClassifier else _regressor())
        defaults = {
            **cls(**_small(**arguments)).get_params(deep=False),
            "X": X.copy(),
            "y": target.copy(),
        }

        def fit(X, y, **given):
            before = estimator.get_params(deep=False)
            estimator.set_params(**{name: given[name] for name in names})
            try:
                estimator.fit(X, y)
            finally:
                # What set_params did is no state of the fit.
                estimator.set_params(**before)

        return Call(fit, defaults, estimator)

    return make


def _network(*hidden, loss="log_loss", outputs=3):
    net = Network([*hidden, Dense(outputs)], loss).initialize(4, random_state=0)
    return net


def _torch_model():
    """Return a model of PyTorch that fits the data, as _network does."""
    import torch

    return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Mish(), torch.nn.Linear(5, 3))


def _on_network(method, **arguments):
    def make():
        network = _network(Dense(5, "tanh", init="lsuv"), BatchNorm(), Dropout(0.3))
        return Call(getattr(network, method), copy.deepcopy(arguments), network)

    return make


def _with_network(function, **arguments):
    def make():
        network = _network(Dense(5, "tanh"), Dense(5, "relu"))
        return Call(functools.partial(function, network), copy.deepcopy(arguments), network)

    return make


def _trainer(**arguments):
    return Trainer(_network(Dense(5, "tanh")), **arguments)


def _new_trainer():
    arguments = {
        name: parameter.default
        for name, parameter in inspect.signature(Trainer).parameters.items()
        if name != "network"
    }
    network = _network(Dense(5, "tanh"))

    def train(network, **given):
        Trainer(network, **given).fit(X, CLASS, max_epochs=2)

    return Call(train, {"network": network, **arguments})


def _trainer_fit():
    trainer = _trainer()
    arguments = {"X": X.copy(), "T": CLASS.copy(), "sample_weight": WEIGHT.copy(), "max_epochs": 2}
    more = {"validate": lambda network: 0.5, "early_stopping": True, "keep": None, "callbacks": ()}
    return Call(trainer.fit, {**arguments, **more}, trainer.network)


def _new_ensemble():
    parameters = inspect.signature(EnsembleTrainer).parameters.items()
    arguments = {name: p.default for name, p in parameters if name != "networks"}
    networks = [_network(Dense(5, "tanh")) for _ in range(2)]

    def train(networks, **given):
        held = [np.arange(5)] * 2 if given["scoring"] else None
        EnsembleTrainer(networks, **given).fit(X, CLASS, held=held, max_epochs=2)

    return Call(train, {"networks": networks, **arguments})


def _ensemble_fit():
    networks = [_network(Dense(5, "tanh")) for _ in range(2)]
    trainer = EnsembleTrainer(networks, scoring="refinement", batch_size=10)
    rows = [np.arange(len(X)), np.arange(10)]
    arguments = {"X": X.copy(), "T": CLASS.copy(), "sample_weight": WEIGHT.copy(), "max_epochs": 2}
    arguments |= {"rows": rows, "held": rows, "callbacks": [lambda trainer: trainer.n_epochs > 1]}
    return Call(trainer.fit, arguments, networks[0])


@functools.cache
def _recording():
    probe = lab.Probe(X, CLASS, steps=[0, 1, 2])
    trainer = Trainer(_network(Dense(5, "tanh")), batch_size=10)
    trainer.fit(X, CLASS, max_epochs=1, callbacks=[probe])
    return probe.recording


@functools.cache
def _saved(kind):
    path = Path("good-" + kind)
    if kind == "model":
        minnet.save_model(_classifier(), path)
    elif kind == "measurement":
        _recording()[0].save(path)
    else:
        _recording().save(path)
    return str(path.absolute())


def _band():
    return theory.variance_band(theory.MeanField("tanh", 1.5), 1.0, [10, 20], 3, 0.5)


def _display(make):
    """A display's ``plot`` or class method; the figures are closed."""

    def call():
        made = make()
        function = made.function

        def draw(**arguments):
            try:
                function(**arguments)
            finally:
                pyplot.close("all")

        return Call(draw, made.arguments, made.watched)

    return call


def _plot(make, **arguments):
    return _display(lambda: Call(make().plot, {"ax": None, **arguments}))


def _drawn(cls, method="from_estimator", first=None, **arguments):
    def make():
        given = dict(first() if first else {"estimator": _classifier()})
        return Call(getattr(cls, method), {**given, **copy.deepcopy(arguments), "ax": None})

    return _display(make)


def _activation(value, slope, **arguments):
    def make():
        return Call(
            minnet.activation,
            {
                "function": lambda z: z**3,
                "derivative": lambda z: 3 * z**2,
                "name": "cubed",
                **arguments,
            },
        )

    return make


def _initializer_calls():
    """A call of each class with a shape, and of those that take arguments with these."""
    without = {
        "EdgeOfChaos": {"activation": "tanh", "bias_variance": 0.1, "distribution": "normal"},
        "FromArray": {"array": np.ones((6, 8))},
        "FromFunction": {"function": lambda shape, rng, dtype=None: np.ones(shape)},
    }
    calls = {}
    for name in initializers.__all__:
        cls = getattr(initializers, name)
        if not inspect.isclass(cls):
            continue
        arguments = without.get(name)
        if arguments is None:
            parameters = inspect.signature(cls).parameters if takes_arguments(cls) else {}
            arguments = {key: parameter.default for key, parameter in parameters.items()}
        given = {"shape": (6, 8), "rng": 0, "dtype": "float32", "fans": None, "layout": None}
        of_kernels = name in ("Dirac", "DeltaOrthogonal", "Bilinear")
        if of_kernels:
            given = {**given, "shape": (3, 3, 2, 4), "layout": "HWIO"}
        if cls in (initializers.OutputPrior, initializers.Hull):
            given = {**given, "shape": (8,)}

        def make(cls=cls, arguments=arguments, of_kernels=of_kernels):
            def initialize(**replaced):
                if of_kernels:
                    return cls(**replaced)((3, 3, 2, 4), rng=0, layout="HWIO")
                argument = "bias_init" if cls is initializers.Hull else "init"
                network = Network([Dense(8, "relu", **{argument: cls(**replaced)}), Dense(2)])
                cls(**replaced)((8,) if cls is initializers.Hull else (6, 8), rng=0)
                return network.initialize(6, random_state=0)

            return Call(initialize, copy.copy(arguments))

        def make_call(cls=cls, arguments=arguments, given=given):
            return Call(cls(**arguments), dict(given))

        if arguments:
            calls[key_of(cls)] = make
        if cls is not initializers.Initializer:
            calls[f"{key_of(cls)}.__call__"] = make_call
        if hasattr(cls, "variance"):
            owner = next(base for base in cls.__mro__ if "variance" in vars(base))

            def make_variance(cls=cls, arguments=arguments):
                return Call(cls(**arguments).variance, {"fan_in": 6, "fan_out": 8})

            calls[f"{key_of(owner)}.variance"] = make_variance
    return calls


def _schedule(cls, **arguments):
    def make():
        def train(**given):
            _trainer(learning_rate=cls(**given)).fit(X, CLASS, max_epochs=2)

        return Call(train, copy.copy(arguments))

    return make


def _optimizer(cls):
    arguments = {name: p.default for name, p in inspect.signature(cls).parameters.items()}

    def make():
        def train(**given):
            _trainer(optimizer=cls(**given)).fit(X, CLASS, max_epochs=2)

        return Call(train, dict(arguments))

    return make


def _layer(cls, **arguments):
    """A layer is made, and what it lacks comes out when its network is initialized, at the latest."""

    def make():
        def initialize(**given):
            network = Network([Dense(4), cls(**given), Dense(3)]).initialize(4, random_state=0)
            network.loss_and_grad(X, CLASS)
            network.forward(X)

        return Call(initialize, copy.copy(arguments))

    return make


def _targets(cls, T, method="check_targets"):
    return lambda: Call(
        getattr(cls(), method),
        {
            "T": T.copy(),
            "n_samples": 30,
            "n_outputs": 3 if T.ndim == 1 else 2,
            "dtype": np.dtype(float),
        },
    )


def _mean_field(method, **arguments):
    return lambda: Call(getattr(theory.MeanField("tanh", 1.5, 0.1), method), dict(arguments))


def _make_layers(width):
    return [Dense(width, "tanh"), Dense(3)]


STREAM = random.Stream(0, "initializer")


def _batches():
    return [(X[:15], CLASS[:15]), (X[15:], CLASS[15:])]


def _streamed(cls, target, **arguments):
    def make():
        est = cls(**_small())
        batches = [(X[:15], target[:15]), (X[15:], target[15:])]
        held = {"X_val": X.copy(), "y_val": target.copy(), "sample_weight_val": WEIGHT.copy()}
        given = {"batches": batches, "n_epochs": 2, "batches_per_epoch": None}
        return Call(est.fit_stream, {**given, **arguments, **held})

    return make


def _trainer_stream():
    trainer = _trainer()
    arguments = {"batches": _batches(), "n_epochs": 2, "batches_per_epoch": None}
    more = {"validate": lambda network: 0.5, "early_stopping": True, "keep": None, "callbacks": ()}
    return Call(trainer.fit_stream, {**arguments, **more}, trainer.network)


def _transfer():
    source, target = _network(Dense(5, "tanh")), _network(Dense(5, "tanh"))
    return Call(minnet.copy_weights, {"source": source, "target": target, "layers": 1}, target)


@functools.cache
def _transformer():
    return minnet.MinNetTransformer(MinNetClassifier(**_small())).fit(X, CLASS)


@functools.cache
def _history():
    history = callbacks.History()
    MinNetClassifier(**_small()).set_callbacks(history).fit(X, CLASS)
    return history


@functools.cache
def _range_test():
    return lab.find_learning_rate(MinNetClassifier(**_small()), X, CLASS, n_steps=20)


def _idx_file():
    path = Path("good-idx")
    path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    return Call(datasets.load_idx, {"path": path})


def _image_folder():
    for name in ("a", "b"):
        folder = Path("good-images", name)
        folder.mkdir(parents=True, exist_ok=True)
        pyplot.imsave(folder / "one.png", np.eye(8))
    return Call(
        datasets.load_image_folder, {"folder": "good-images", "size": 5, "dtype": "float32"}
    )
