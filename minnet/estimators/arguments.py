"""The arguments of the estimators: what they may be."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
)

from minnet.activations import Activation, list_activations
from minnet.backends import MOST_THREADS, list_backends
from minnet.common.checks import NO_NUMBERS, is_real, is_whole, n_axes
from minnet.common.names import hint
from minnet.common.types import Estimator
from minnet.layers import Layer
from minnet.optimizers import Optimizer
from minnet.schedules import Schedule, schedule_named

__all__ = [
    "CONSTRAINTS", "SOLVERS", "Between", "Names", "check_arguments", "defaults_of", "is_default",
]  # fmt: skip

SOLVERS = ("lbfgs", "sgd", "adam", "adamw", "rmsprop")


class Names(StrOptions):
    """Names in a fixed order; scikit-learn's own are a set, listed in another order by each process."""

    def __init__(self, *names: str) -> None:
        super().__init__(set(names))
        self._names = names

    def names(self) -> Sequence[str]:
        """Return what is taken, in the order in which an error lists it."""
        return self._names

    def is_satisfied_by(self, value: Any) -> bool:
        """Say whether it is one of the names."""
        return isinstance(value, str) and value in self.names()

    def __str__(self) -> str:
        return f"a str among {{{', '.join(map(repr, self.names()))}}}"


class _ActivationNames(Names):
    """The names of activations, those included that are registered later."""

    def names(self) -> Sequence[str]:
        return list_activations()


class Between(Interval):
    """Numbers between bounds; True and durations are none, though they count as integers."""

    def is_satisfied_by(self, value: Any) -> bool:
        """Say whether it is one of the numbers."""
        return not isinstance(value, NO_NUMBERS) and super().is_satisfied_by(value)


def _at_least(low: float, kind: type = Real) -> Interval:
    return Between(kind, low, None, closed="left")


_POSITIVE = Between(Real, 0, None, closed="neither")
_FRACTION = Between(Real, 0, 1, closed="left")

#: In scikit-learn's form, of the arguments that both estimators take.
CONSTRAINTS: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", _at_least(1, Integral)],
    "activation": [_ActivationNames(), Activation],
    "solver": [Names(*SOLVERS), Optimizer],
    "alpha": [_at_least(0)],
    "batch_size": [Names("auto"), _at_least(1, Integral)],
    "learning_rate": [Names("constant", "invscaling", "adaptive"), Schedule, callable],
    "learning_rate_init": [_POSITIVE],
    "power_t": [_at_least(0)],
    "max_iter": [_at_least(1, Integral)],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [_at_least(0)],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Between(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_FRACTION],
    "beta_1": [_FRACTION],
    "beta_2": [_FRACTION],
    "epsilon": [_POSITIVE],
    "n_iter_no_change": [_at_least(1, Integral), Options(Real, {np.inf})],
    "max_fun": [_at_least(1, Integral)],
    "init": "no_validation",  # get_initializer knows more, and names the closest match
    "bias_init": "no_validation",
    "layers": "no_validation",
    "output_layer": [dict, None],
    "dropout": [_FRACTION],
    "batch_norm": ["boolean"],
    "weight_decay": [_at_least(0)],
    "clip_norm": [_POSITIVE, None],
    "clip_value": [_POSITIVE, None],
    "scoring": [Names("loss", *get_scorer_names()), callable, None],
    "keep": [Names("best", "last"), None],
    "n_networks": [_at_least(1, Integral)],
    "backend": [Names("auto", *list_backends())],
    "n_threads": [Interval(Integral, 1, MOST_THREADS, closed="both"), None],
    "preset": [Names("tables"), None],
    "precision": [Names("bf16"), None],
}


@functools.cache
def defaults_of(cls: type) -> dict[str, Any]:
    """Return the defaults of a class's arguments by name, in the order of the signature.

    Those of its base are among them where it hands all others on: ``__init__(self, own=1, **others)``.
    """
    own: dict[str, Any] = {}
    of_base: dict[str, Any] = {}
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            _, base = [each for each in cls.__mro__ if "__init__" in vars(each)][:2]
            of_base = defaults_of(base)
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            own[parameter.name] = parameter.default
    return of_base | own


def is_default(value: Any, default: Any) -> bool:
    """Return whether an argument is at its default; NumPy 2.0 cannot compare a text with a number."""
    return isinstance(value, str) == isinstance(default, str) and np.array_equal(value, default)


def check_arguments(estimator: Estimator) -> dict[str, Any]:
    """Return the arguments that are not at their defaults; raise if one is not what it may be.

    Raises
    ------
    sklearn.utils._param_validation.InvalidParameterError
        A ValueError and a TypeError.
    ValueError
        If one is a whole number of more than 63 bits.
    """
    # What is at its default is what it may be: a fit is not to spend its time on that.
    given = {
        name: value
        for name, default in defaults_of(estimator.__class__).items()
        if (value := getattr(estimator, name)) is not default
    }
    caller_name, constraints = type(estimator).__name__, estimator._parameter_constraints
    try:
        validate_parameter_constraints(constraints, given, caller_name)
    except InvalidParameterError:
        for name, value in given.items():
            _check_one(name, value, constraints.get(name, "no_validation"), caller_name)
        raise
    for name, value in given.items():
        allowed = constraints.get(name)
        if isinstance(value, type) and isinstance(allowed, list) and callable in allowed:
            # It is callable, but no function.
            _check_one(name, value, [each for each in allowed if each is not callable], caller_name)
        if type(value) is int and value.bit_length() > 63:
            raise ValueError(
                f"{name} must be a number of at most 63 bits, got one of {value.bit_length()}"
            )
    return given


def _check_one(name: str, value: Any, constraints: Any, caller_name: str) -> None:
    """Raise scikit-learn's sentence for one argument, and what was probably meant."""
    try:
        validate_parameter_constraints({name: constraints}, {name: value}, caller_name)
    except InvalidParameterError as error:
        sentence = str(error).removesuffix(".")
        raise InvalidParameterError(sentence + _hint(name, value, constraints)) from None


def _hint(name: str, value: Any, constraints: list[Any]) -> str:
    """Return the end of the sentence: what was probably meant."""
    if name == "learning_rate" and is_real(value):
        return f": it is the name of the schedule; the rate is learning_rate_init={value!r}."
    if name == "learning_rate" and (schedule := schedule_named(value)):
        return f": did you mean the object {schedule}?"
    if isinstance(value, list | tuple) and any(isinstance(one, Layer) for one in value):
        return f": did you mean layers={value!r:.200}?"
    if name == "n_threads":
        return ": n_threads=None takes all processors."
    if name == "hidden_layer_sizes" and (value is None or (is_real(value) and value == 0)):
        return ": hidden_layer_sizes=() makes a linear model."
    if name == "loss" and _are_sizes(value):
        return f": did you mean hidden_layer_sizes={value!r}? The first argument is the loss."
    if name == "activation" and _are_sizes(value):
        return ": all sizes of hidden layers are one argument, such as hidden_layer_sizes=(64, 32)."
    if name == "activation" and isinstance(value, list | tuple):
        return ": layers=[Dense(64, 'relu'), Dense(32, 'tanh')] has one for each layer."
    names = [name for each in constraints if isinstance(each, Names) for name in each.names()]
    end = hint(value, names) or _elsewhere(value)
    return end if end.endswith("?") else f"{end}."


def _are_sizes(value: Any) -> bool:
    """Return whether it is what hidden_layer_sizes may be."""
    several = isinstance(value, list | tuple | np.ndarray) and n_axes(value) == 1
    return all(map(is_whole, value)) if several else is_whole(value)


def _elsewhere(value: Any) -> str:
    """Return which other argument, or whose, a name is."""
    for name in ("activation", "solver"):
        if CONSTRAINTS[name][0].is_satisfied_by(value):
            return f": did you mean {name}={value!r}?"
    if isinstance(value, str) and value == "log_loss":
        return ": it is that of MinNetClassifier"
    return ""
