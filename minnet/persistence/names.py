"""Minnet's own classes by the names that files have for them; a file can name no other class."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from minnet import (
    activations,
    initializers,
    layers,
    losses,
    optimizers,
    piecewise,
    residual,
    schedules,
)
from minnet.common.configurable import Configurable

__all__ = ["classes", "name_of", "readable_classes", "registered_activation"]

#: Each kind with the modules that export its classes, and their base.
_KINDS: dict[str, tuple[tuple[Any, ...], type[Configurable]]] = {
    "layer": ((layers, piecewise, residual), layers.Layer),
    "activation": ((activations,), activations.Activation),
    "loss": ((losses,), losses.Loss),
    "initializer": ((initializers,), initializers.Initializer),
    "optimizer": ((optimizers,), optimizers.Optimizer),
    "schedule": ((schedules,), schedules.Schedule),
}

# These can be called as a user's function would be, and nothing of a file is to be called.
_OF_FUNCTIONS = (initializers.FromFunction, schedules.FunctionOfStep)


@functools.cache
def classes() -> dict[str, dict[str, type[Configurable]]]:
    """Return the classes of each kind by the name that users give them, or else by their own.

    Examples
    --------
    >>> classes()["activation"]["tanh"].__name__, classes()["layer"]["Dense"].__name__
    ('Tanh', 'Dense')
    """
    found = {}
    for kind, (modules, base) in _KINDS.items():
        exported = [getattr(module, name) for module in modules for name in module.__all__]
        own = [c for c in exported if inspect.isclass(c) and issubclass(c, base) and c is not base]
        named = {name: cls for name, cls in _named(kind).items() if cls in own}
        found[kind] = named | {c.__name__: c for c in own if c not in named.values()}
    return found


def _named(kind: str) -> dict[str, type[Configurable]]:
    named: dict[str, tuple[Iterable[str], Callable[..., Configurable]]] = {
        "activation": (activations.list_activations(), activations.get_activation),
        "loss": (losses.list_losses(), functools.partial(losses.get_loss, n_outputs=1)),
        "initializer": (initializers.list_initializers(), initializers.get_initializer),
    }
    found: dict[str, type[Configurable]] = {}
    names, make = named.get(kind, ((), Configurable))
    for name in names:
        if name != "log_loss":  # which is two of them
            with contextlib.suppress(TypeError):  # it needs an argument: its class's name will do
                found[name] = type(make(name))
    return found


@functools.cache
def readable_classes() -> dict[str, dict[str, type[Configurable]]]:
    """Return :func:`classes` without those that hold a function."""
    return {
        kind: {name: cls for name, cls in of_kind.items() if cls not in _OF_FUNCTIONS}
        for kind, of_kind in classes().items()
    }


@functools.cache
def _names() -> dict[type, tuple[str, str]]:
    names: dict[type, tuple[str, str]] = {}
    for kind, of_kind in classes().items():
        for name, cls in of_kind.items():
            names.setdefault(cls, (kind, name))  # the first: the others are aliases
    return names


def name_of(cls: type) -> tuple[str, str] | None:
    """Return kind and name of a class of minnet's own, or None.

    Examples
    --------
    >>> from minnet.initializers import HeNormal
    >>> name_of(HeNormal), name_of(int)
    (('initializer', 'he_normal'), None)
    """
    return _names().get(cls)


def registered_activation(value: object) -> str | None:
    """Return the name of a user's activation that was registered with minnet.activation, or None."""
    for name in activations.list_activations():
        if activations.get_activation(name) is value:
            return name
    return None
