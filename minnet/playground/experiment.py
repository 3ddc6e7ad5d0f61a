"""All that can be chosen on the page, checked, and what it makes: data, network, optimizer, program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from minnet.activations import list_activations
from minnet.common.checks import check_flag, check_real, check_whole
from minnet.common.names import check_name, suggest
from minnet.common.types import Array
from minnet.initializers import (
    Constant,
    EdgeOfChaos,
    Initializer,
    Normal,
    VarianceScaling,
    get_initializer,
)
from minnet.layers import BatchNorm, Dense, Dropout, Layer
from minnet.network import Network
from minnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp
from minnet.playground.data import DATA, MOST_SAMPLES, make_data
from minnet.training.cut import check_batch_size

__all__ = ["KEEPS_WEIGHTS", "Experiment", "choices"]

#: What changes without a new start.
KEEPS_WEIGHTS = frozenset({"learning_rate", "batch_size", "optimizer", "dropout"})

_MOST_WEIGHTS = 4_000_000  # a step of more would take too long to be answered in between
_SEEDS = 2**32

_OPTIMIZERS: dict[str, tuple[type[Optimizer], dict[str, Any], str]] = {
    "sgd": (SGD, {}, "SGD"),
    "momentum": (SGD, {"momentum": 0.9}, "SGD with momentum"),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True}, "SGD with Nesterov's momentum"),
    "adam": (Adam, {}, "Adam"),
    "adamw": (AdamW, {}, "AdamW"),
    "rmsprop": (RMSProp, {}, "RMSProp"),
}
#: The initializers, by their names in minnet, and whether the gain does something to them.
_INITS = {
    "glorot_uniform": ("Glorot, uniform", True),
    "glorot_normal": ("Glorot, normal", True),
    "he_uniform": ("He, uniform", True),
    "he_normal": ("He, normal", True),
    "lecun_normal": ("LeCun, normal", True),
    "standard": ("standard, of before 2010", True),
    "orthogonal": ("orthogonal", True),
    "edge_of_chaos": ("edge of chaos", False),
    "lsuv": ("LSUV, by the data", True),
    "normal": ("normal, sd 0.01", True),
    "constant": ("all equal, 0.1", True),
    "zeros": ("zeros", False),
    "auto": ("as minnet does by itself", False),
}
_ACTIVATIONS = {
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softsign": "softsign",
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "elu": "ELU",
    "selu": "SELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "softplus": "softplus",
    "lecun_tanh": "LeCun's tanh",
    "identity": "identity",
}
assert set(_ACTIVATIONS) <= set(list_activations())

#: What numbers may be: lowest, highest, and whether a slider is logarithmic.
_NUMBERS: dict[str, tuple[float, float, bool]] = {
    "n_samples": (20, MOST_SAMPLES, False),
    "noise": (0.0, 1.0, False),
    "depth": (0, 60, False),
    "width": (1, 512, True),
    "gain": (0.05, 20.0, True),
    "bias": (0.0, 2.0, False),
    "learning_rate": (1e-5, 10.0, True),
    "batch_size": (1, 512, True),
    "dropout": (0.0, 0.9, False),
    "seed": (0, _SEEDS - 1, False),
}
_NAMED: dict[str, dict[str, str]] = {
    "data": {name: name for name in DATA},
    "activation": _ACTIVATIONS,
    "init": {name: shown for name, (shown, _) in _INITS.items()},
    "optimizer": {name: shown for name, (_, _, shown) in _OPTIMIZERS.items()},
}


@dataclass(frozen=True)
class Experiment:
    """One setting of all controls.

    Parameters
    ----------
    data : {"circles", "moons", "spirals", "xor", "blobs", "digits"}
        See :func:`minnet.playground.data.make_data`.
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
        One of ``choices()["init"]["values"]``, a name of :func:`minnet.initializers.list_initializers` or
        "auto".
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

    data: str = "spirals"
    n_samples: int = 400
    noise: float = 0.05
    depth: int = 5
    width: int = 32
    activation: str = "tanh"
    init: str = "glorot_uniform"
    gain: float = 1.0
    bias: float = 0.0
    optimizer: str = "adam"
    learning_rate: float = 0.003
    batch_size: int = 32
    batch_norm: bool = False
    dropout: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in _NAMED:
                check_name(name, value, _NAMED[name])
            elif name in _NUMBERS:
                low, high, _ = _NUMBERS[name]
                if isinstance(field.default, int):
                    value = check_whole(name, value, int(low), int(high))
                else:
                    value = check_real(name, value, low, high)
                object.__setattr__(self, name, value)
            else:
                object.__setattr__(self, name, check_flag(name, value))
        if self.n_weights > _MOST_WEIGHTS:
            raise ValueError(
                f"depth and width must give a network of at most {_MOST_WEIGHTS:,} weights, got "
                f"{self.n_weights:,} of {self.depth} layers of {self.width}"
            )
        if self.batch_norm and self.depth:
            check_batch_size(Network(self._layers()), self.batch_size)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Make one from some fields by name; the others have their defaults.

        Parameters
        ----------
        given : dict
            As :meth:`to_dict` returns it, or less.

        Returns
        -------
        Experiment

        Raises
        ------
        ValueError
            If there is no such field, or one cannot be what is given.

        Examples
        --------
        >>> from minnet.playground.experiment import Experiment
        >>> Experiment.from_dict({"depth": 100})
        Traceback (most recent call last):
            ...
        ValueError: depth must be a whole number of at least 0 and at most 60, got 100
        """
        if not isinstance(given, Mapping):
            raise ValueError(f"experiment must be a dictionary of its fields, got {given!r:.200}")
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise ValueError(
                    suggest("experiment", name, known, "a dictionary with fields of an Experiment")
                )
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name."""
        return asdict(self)

    @property
    def n_weights(self) -> int:
        """How many weights the network has, biases left out."""
        n_inputs, n_classes = 64 if self.data == "digits" else 2, DATA[self.data]
        if not self.depth:
            return n_inputs * n_classes
        return self.width * (n_inputs + (self.depth - 1) * self.width + n_classes)

    # ---- what it makes

    def make_data(self) -> tuple[Array, ...]:
        """Return ``X, T, X_test, T_test``; see :func:`minnet.playground.data.make_data`."""
        return make_data(self.data, self.n_samples, self.noise)

    def _hidden(self) -> list[Layer]:
        layers: list[Layer] = [Dense(self.width, self.activation)]
        if self.batch_norm:
            layers = [Dense(self.width), BatchNorm(activation=self.activation)]
        return layers + [Dropout(self.dropout)] * (self.dropout > 0)

    def _layers(self) -> list[Layer]:
        return self._hidden() * self.depth + [Dense(DATA[self.data])]

    def initializer(self) -> Initializer | str:
        """Return what the weights are drawn by: ``init`` with the gain, or "auto"."""
        if self.init == "auto":
            return "auto"
        if self.init == "edge_of_chaos":
            return EdgeOfChaos(bias_variance=self.bias**2)
        if self.init == "constant":
            return Constant(0.1 * self.gain)
        if self.init == "standard" and self.gain != 1:
            return VarianceScaling(self.gain**2 / 3, "fan_in", "uniform")
        if self.init == "normal":
            return Normal(0.0, 0.01 * self.gain)
        spec: dict[str, Any] = {"name": self.init}
        if _INITS[self.init][1] and self.init != "standard":
            spec["gain"] = self.gain
        return get_initializer(spec)

    def network(self, X: Array | None = None) -> Network:
        """Return the network with its initial weights.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features) or None, default=None
            The inputs of :meth:`make_data`; None has them made.
        """
        X = self.make_data()[0] if X is None else X
        bias_init = Normal(0.0, self.bias) if self.bias else "zeros"
        network = Network(self._layers(), init=self.initializer(), bias_init=bias_init)
        network.initialize(X.shape[1], random_state=self.seed)
        return network.adapt(X) if self.init == "lsuv" else network

    def make_optimizer(self) -> Optimizer:
        """Return the optimizer with its rate."""
        cls, options, _ = _OPTIMIZERS[self.optimizer]
        return cls(self.learning_rate, **options)

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
        optimizer, initializer = self.make_optimizer(), self.initializer()
        n_features = 64 if self.data == "digits" else 2
        hidden = [f'Dense({self.width}, "{self.activation}")']
        if self.batch_norm:
            hidden = [f"Dense({self.width})", f'BatchNorm(activation="{self.activation}")']
        if self.dropout:
            hidden.append(f"Dropout({self.dropout!r})")
        layers = f"[Dense({DATA[self.data]})]"
        if self.depth:
            layers = f"[{', '.join(hidden)}] * {self.depth} + {layers}"
        init = '"auto"' if isinstance(initializer, str) else repr(initializer)
        bias_init = f"Normal(0.0, {self.bias!r})" if self.bias else '"zeros"'
        made = {"Dense", "Network", "Trainer", type(optimizer).__name__}
        made |= {name for name in ("BatchNorm", "Dropout") if f"{name}(" in layers}
        inits = sorted({text.split("(")[0] for text in (init, bias_init) if "(" in text})
        imports = [
            f"from minnet import {', '.join(sorted(made))}",
            "from minnet.callbacks import Callback, StopTraining",
            f"from minnet.initializers import {', '.join(inits)}" if inits else "",
            "from minnet.playground.data import make_data",
        ]
        lines = [
            *filter(None, imports),
            "",
            f'data = make_data("{self.data}", n_samples={self.n_samples}, noise={self.noise!r})',
            "X, T, X_test, T_test = data",
            "network = Network(",
            f"    {layers},",
            f"    init={init},",
            f"    bias_init={bias_init},",
            ")",
            f"network.initialize(n_features={n_features}, random_state={self.seed})",
            *(["network.adapt(X)"] if self.init == "lsuv" else []),
            f"trainer = Trainer(network, {optimizer!r}, batch_size={self.batch_size})",
            "",
            "",
            "class Stop(Callback):",
            "    def next_step(self, trainer):",
            f"        return {n_steps}",
            "",
            "    def at_step(self, trainer):",
            f'        raise StopTraining("{n_steps} steps are done")',
            "",
            "",
            f"epochs = {n_steps + 1}  # more than there will be",
            'trainer.fit(X, T, max_epochs=epochs, keep="last", callbacks=[Stop()])',
            "error = (network.predict(X_test).argmax(axis=1) != T_test).mean()",
            'print(f"loss {network.objective(X, T):.4f}, test error {error:.1%}")',
        ]
        return "\n".join(lines) + "\n"


def choices() -> dict[str, dict[str, Any]]:
    """Return for each control what it may be.

    Returns
    -------
    dict
        By the name of the field: its ``kind`` ("choice", "whole", "real" or "flag"), its ``default``, and
        ``keeps_weights``, whether a change goes on with the same weights. Of a choice the ``values``, and
        their ``names`` to be shown; of a number ``low``, ``high`` and ``log``, whether a slider is
        logarithmic. "init" has ``heeds_gain`` besides: the values to which the gain does something.

    Examples
    --------
    >>> from minnet.playground.experiment import choices
    >>> choices()["depth"]["high"]
    60
    """
    controls: dict[str, dict[str, Any]] = {}
    for field in fields(Experiment):
        name, default = field.name, field.default
        control: dict[str, Any] = {"default": default, "keeps_weights": name in KEEPS_WEIGHTS}
        if name in _NAMED:
            control |= {"kind": "choice", "values": list(_NAMED[name]), "names": dict(_NAMED[name])}
        elif name in _NUMBERS:
            low, high, log = _NUMBERS[name]
            kind = "whole" if isinstance(default, int) else "real"
            control |= {"kind": kind, "low": low, "high": high, "log": log}
        else:
            control["kind"] = "flag"
        controls[name] = control
    controls["init"]["heeds_gain"] = [name for name, (_, heeds) in _INITS.items() if heeds]
    return controls
