"""All that can be chosen on the page, checked, and what it makes: data, network, optimizer, program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from minnet.activations import list_activations
from minnet.common.checks import check_whole
from minnet.common.fields import fields, finite, flag, one_of, whole
from minnet.common.names import check_name
from minnet.common.types import Array
from minnet.datasets.toy import CLASSES, MOST_SAMPLES, make_toy_data
from minnet.initializers import Constant, EdgeOfChaos, Normal, VarianceScaling, get_initializer
from minnet.layers import BatchNorm, Dense, Dropout, Layer
from minnet.network import Network
from minnet.optimizers import SGD, Optimizer, get_optimizer
from minnet.training.cut import check_batch_size

__all__ = ["KEEPS_WEIGHTS", "Experiment", "FieldsError", "choices"]

#: What changes without a new start.
KEEPS_WEIGHTS = frozenset({"learning_rate", "batch_size", "optimizer", "dropout"})

_MOST_WEIGHTS = 4_000_000  # of more a step would take too long to be interrupted after it

_HEED_GAIN = (
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_normal", "orthogonal", "lsuv",
    "standard", "normal", "constant",
)  # fmt: skip
_ACTIVATIONS = [name for name in list_activations() if name != "logistic"]  # the sigmoid
_OPTIMIZERS = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop")
_LOGARITHMIC = ("width", "gain", "learning_rate", "batch_size")  # sliders
_KINDS = {bool: "flag", int: "whole", float: "real", str: "choice"}  # of controls
_PROGRAM = """\
from minnet import {framework}
from minnet.callbacks import Callback, StopTraining
from minnet.datasets import make_toy_data
{initializers}
X, T, X_test, T_test = make_toy_data("{data}", n_samples={n_samples}, noise={noise})
network = Network(
    {layers},
    init={init},
    bias_init={bias_init},
)
network.initialize(n_features=X.shape[1], random_state={seed}){adapt}
trainer = Trainer(network, {optimizer}, batch_size={batch_size})


class Stop(Callback):
    def next_step(self, trainer):
        return {n_steps}

    def at_step(self, trainer):
        raise StopTraining("{n_steps} steps are done")


trainer.fit(X, T, max_epochs={n_steps} + 1, keep="last", callbacks=[Stop()])
error = (network.predict(X_test).argmax(axis=1) != T_test).mean()
print(f"test error {{error:.1%}}")
"""


class FieldsError(ValueError):
    """Fields of an experiment that cannot be what was given.

    Parameters
    ----------
    sentences : dict of str to str
        What is said of each, by its name.
    """

    def __init__(self, sentences: dict[str, str]) -> None:
        super().__init__("; ".join(sentences.values()))
        self.sentences = sentences


@dataclass(frozen=True)
class Experiment:
    """One setting of all controls.

    Parameters
    ----------
    data : {"circles", "moons", "spirals", "xor", "blobs", "digits"}
        See :func:`minnet.datasets.make_toy_data`.
    n_samples : int
        Rows to train on, 20 to 1000.
    noise : float
        Of the data, 0 to 1.
    depth : int
        Hidden layers, 0 to 60.
    width : int
        Units of each, 1 to 512. The network may have 4 million weights.
    activation : str
        A name of :func:`minnet.activations.list_activations`.
    init : str
        One of ``choices()["init"]["values"]``: names of :func:`minnet.initializers.list_initializers` and
        "auto". "constant" is 0.1 times the gain, "normal" has a standard deviation of 0.01 times the gain.
    gain : float
        What the initializer's own standard deviation is multiplied with, 0.05 to 20. It does nothing to
        "zeros", "edge_of_chaos" and "auto".
    bias : float
        Standard deviation of the biases, normal, 0 to 2; 0 means zeros.
    optimizer : {"sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop"}
        The second and third are SGD with a momentum of 0.9.
    learning_rate : float
        1e-5 to 10.
    batch_size : int
        1 to 512.
    batch_norm : bool
        Whether there is a :class:`minnet.BatchNorm` between each hidden layer's sums and its activation.
    dropout : float
        Rate after each hidden layer, 0 to 0.9.
    seed : int
        Of weights, order and dropout; the data are always the same.

    Raises
    ------
    ValueError
        If one cannot be what is given.

    Examples
    --------
    >>> from minnet.playground.experiment import Experiment
    >>> experiment = Experiment(depth=2, width=8, activation="relu", init="he_normal")
    >>> experiment.network().layers
    [Dense(8, activation=Relu()), Dense(8, activation=Relu()), Dense(2, activation=Identity())]
    """

    data: str = one_of(*CLASSES, default="spirals")
    n_samples: int = whole(20, MOST_SAMPLES, default=400)
    noise: float = finite(0, 1, default=0.05)
    depth: int = whole(0, 60, default=5)
    width: int = whole(1, 512, default=32)
    activation: str = one_of(*_ACTIVATIONS, default="tanh")
    init: str = one_of(*_HEED_GAIN, "edge_of_chaos", "zeros", "auto", default="glorot_uniform")
    gain: float = finite(0.05, 20, default=1.0)
    bias: float = finite(0, 2, default=0.0)
    optimizer: str = one_of(*_OPTIMIZERS, default="sgd")
    learning_rate: float = finite(1e-5, 10, default=0.1)
    batch_size: int = whole(1, 512, default=32)
    batch_norm: bool = flag(default=False)
    dropout: float = finite(0, 0.9, default=0.0)
    seed: int = whole(0, 2**32 - 1, default=0)

    def __post_init__(self) -> None:
        if self.n_weights > _MOST_WEIGHTS:
            raise ValueError(
                f"depth and width must give a network of at most {_MOST_WEIGHTS:,} weights, got "
                f"{self.n_weights:,} of {self.depth} layers of {self.width}"
            )
        check_batch_size(Network(self._layers()), self.batch_size)

    @classmethod
    def from_dict(cls, given: Any, others: Experiment | None = None) -> Experiment:
        """Make one from some fields by name.

        Parameters
        ----------
        given : dict
            As :meth:`to_dict` returns it, or less.
        others : Experiment or None, default=None
            Where the other fields are taken from; None means the defaults.

        Returns
        -------
        Experiment

        Raises
        ------
        ValueError
            If there is no such field.
        FieldsError
            If some cannot be what is given.

        Examples
        --------
        >>> from minnet.playground.experiment import Experiment
        >>> Experiment.from_dict({"depth": 100})
        Traceback (most recent call last):
            ...
        minnet.playground.experiment.FieldsError: depth must be a whole number of at least 0 and at most \
60, got 100
        """
        if not isinstance(given, Mapping):
            raise ValueError(f"experiment must be a dictionary of its fields, got {given!r:.200}")
        known, wrong = fields(cls), {}
        for name, value in given.items():
            check_name("a field of experiment", name, known)
            try:
                known[name].check(name, value)
            except (TypeError, ValueError) as error:
                wrong[name] = str(error)
        if wrong:
            raise FieldsError(wrong)
        return replace(others or cls(), **given)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name."""
        return asdict(self)

    def changes_from(self, other: Experiment) -> dict[str, Any]:
        """Return the fields by name in which it is unlike another one."""
        before = other.to_dict()
        return {name: value for name, value in self.to_dict().items() if value != before[name]}

    @property
    def n_weights(self) -> int:
        """How many weights the network has, biases left out."""
        sizes = [64 if self.data == "digits" else 2, *[self.width] * self.depth, CLASSES[self.data]]
        return sum(m * n for m, n in pairwise(sizes))

    # ---- what it makes

    def make_data(self) -> tuple[Array, Array, Array, Array]:
        """Return ``X, T, X_test, T_test``; see :func:`minnet.datasets.make_toy_data`."""
        return make_toy_data(self.data, self.n_samples, self.noise)

    def _layers(self) -> list[Layer]:
        hidden: list[Layer] = [Dense(self.width, self.activation)]
        if self.batch_norm:
            hidden = [Dense(self.width), BatchNorm(activation=self.activation)]
        if self.dropout:
            hidden.append(Dropout(self.dropout))
        return hidden * self.depth + [Dense(CLASSES[self.data])]

    def initializers(self) -> tuple[Any, Any]:
        """Return what weights and biases are drawn by, as a network takes ``init`` and ``bias_init``."""
        bias_init = Normal(0.0, self.bias) if self.bias else "zeros"
        if self.init == "edge_of_chaos":
            return EdgeOfChaos(bias_variance=self.bias**2), bias_init
        if self.init == "constant":
            return Constant(0.1 * self.gain), bias_init
        if self.gain == 1 or self.init not in _HEED_GAIN:
            return self.init, bias_init
        if self.init == "standard":
            return VarianceScaling(self.gain**2 / 3, "fan_in", "uniform"), bias_init
        if self.init == "normal":
            return Normal(0.0, 0.01 * self.gain), bias_init
        return get_initializer({"name": self.init, "gain": self.gain}), bias_init

    def network(self, X: Array | None = None) -> Network:
        """Return the network with its initial weights.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features) or None, default=None
            The inputs of :meth:`make_data`; None has them made.
        """
        X = self.make_data()[0] if X is None else X
        init, bias_init = self.initializers()
        network = Network(self._layers(), init=init, bias_init=bias_init)
        network.initialize(X.shape[1], random_state=self.seed)
        return network.adapt(X) if self.init == "lsuv" else network

    def make_optimizer(self) -> Optimizer:
        """Return the optimizer with its rate."""
        if self.optimizer in ("momentum", "nesterov"):
            return SGD(self.learning_rate, momentum=0.9, nesterov=self.optimizer == "nesterov")
        optimizer = get_optimizer(self.optimizer)
        optimizer.learning_rate = self.learning_rate
        return optimizer

    def program(self, n_steps: int = 1000) -> str:
        """Return a Python program that makes this experiment with minnet and trains it so many steps.

        The weights are then those of the page, to the bit.

        Parameters
        ----------
        n_steps : int, default=1000
            At least 0.

        Returns
        -------
        str
            Its names ``network`` and ``trainer`` are what it has made.
        """
        check_whole("n_steps", n_steps, 0)
        hidden = [f"Dense({self.width}, {self.activation!r})"]
        if self.batch_norm:
            hidden = [f"Dense({self.width})", f"BatchNorm(activation={self.activation!r})"]
        if self.dropout:
            hidden.append(f"Dropout({self.dropout!r})")
        layers = f"[{', '.join(hidden)}] * {self.depth} + " if self.depth else ""
        layers += f"[Dense({CLASSES[self.data]})]"
        optimizer, inits = self.make_optimizer(), self.initializers()
        used = {type(optimizer).__name__, "Dense", "Network", "Trainer"}
        used |= {name for name in ("BatchNorm", "Dropout") if f"{name}(" in layers}
        own = sorted({type(init).__name__ for init in inits if not isinstance(init, str)})
        text = _PROGRAM.format(
            **self.to_dict() | {"init": repr(inits[0]), "optimizer": repr(optimizer)},
            framework=", ".join(sorted(used)),
            initializers=f"from minnet.initializers import {', '.join(own)}\n" if own else "",
            layers=layers,
            bias_init=repr(inits[1]),
            adapt="\nnetwork.adapt(X)" if self.init == "lsuv" else "",
            n_steps=n_steps,
        )
        return text.replace("'", '"')


def choices() -> dict[str, dict[str, Any]]:
    """Return for each control what it may be.

    Returns
    -------
    dict
        By the name of the field: its ``kind`` ("choice", "whole", "real" or "flag"), its ``default``, and
        ``keeps_weights``, whether a change goes on with the same weights. Of a choice the ``values``, and
        plain ``names`` for them; of a number ``low``, ``high`` and ``log``, whether a slider is
        logarithmic. "init" has ``heeds_gain`` besides: the values to which the gain does something.

    Examples
    --------
    >>> from minnet.playground.experiment import choices
    >>> choices()["depth"]["high"]
    60
    """
    controls: dict[str, dict[str, Any]] = {}
    for name, field in fields(Experiment).items():
        allowed: Any = field.check  # a partial function, with what is allowed
        about = {"kind": _KINDS[type(field.default)], "default": field.default}
        about["keeps_weights"] = name in KEEPS_WEIGHTS
        if about["kind"] == "choice":
            values = allowed.keywords["options"]
            about |= {"values": [*values], "names": {v: v.replace("_", " ") for v in values}}
        elif about["kind"] != "flag":
            about |= {bound: allowed.keywords[bound] for bound in ("low", "high")}
            about["log"] = name in _LOGARITHMIC
        controls[name] = about
    controls["init"]["heeds_gain"] = list(_HEED_GAIN)
    return controls
