"""What initializers, activations, losses, layers and optimizers are: their configuration.

A class takes its configuration in ``__init__`` and stores each parameter under its own name, as
scikit-learn's estimators do. From the signature alone follow the printed form, equality, the hash
and the fresh copy, so none of them can go out of step with the parameters.
"""

from __future__ import annotations

import inspect
from reprlib import recursive_repr
from typing import Any, Self

import numpy as np

from minnet.common.entry import KnownKeywords

_LARGEST_ARRAY_SHOWN = 6
_PLAIN = frozenset((int, float, str, bool, type(None)))
_MOST_ITEMS = 20  # of a list


class Configurable(KnownKeywords):
    """Mixin: the configuration of an object is the parameters of its ``__init__``.

    Examples
    --------
    >>> from minnet.common.configurable import Configurable
    >>> class Scale(Configurable):
    ...     def __init__(self, factor, shift=0.0):
    ...         self.factor = factor
    ...         self.shift = shift
    >>> Scale(2), Scale(2, shift=1.5)
    (Scale(2), Scale(2, shift=1.5))
    >>> Scale(2) == Scale(2, 0.0), Scale(2) == Scale(3)
    (True, False)
    >>> Scale(2).get_config()
    {'factor': 2, 'shift': 0.0}
    """

    def get_config(self) -> dict[str, Any]:
        """Return the configuration as a dictionary, in the order of the signature."""
        names = parameters(type(self))
        try:
            return {name: getattr(self, name) for name in names}
        except AttributeError:
            name = next((name for name in names if not hasattr(self, name)), "")
            raise AttributeError(
                f"{type(self).__name__}.__init__ takes {name!r} but does not store it as "
                f"self.{name}; a configuration is kept under the names of its parameters"
            ) from None

    def copy(self) -> Self:
        """Return a fresh object of the same configuration; state is not carried."""
        try:
            config = {name: _copied(value) for name, value in self.get_config().items()}
        except RecursionError:
            raise ValueError(
                f"a parameter of {type(self).__name__} must not hold itself: it cannot be copied"
            ) from None
        return type(self)(**config)

    @recursive_repr()
    def __repr__(self) -> str:
        parts = []
        config = self.get_config()
        for name, parameter in parameters(type(self)).items():
            if parameter.default is inspect.Parameter.empty:
                keyword = "" if parameter.kind is not inspect.Parameter.KEYWORD_ONLY else f"{name}="
                parts.append(f"{keyword}{shown(config[name])}")
            elif not same(config[name], parameter.default):
                parts.append(f"{name}={shown(config[name])}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return same(self.get_config(), other.get_config())

    def __hash__(self) -> int:
        return hash((type(self), _hashable(self.get_config())))


# Signatures that were looked up: inspect takes 10 µs, and a fit asks for a hundred.
_known: dict[type[Any], dict[str, inspect.Parameter]] = {}


def parameters(cls: type[Configurable]) -> dict[str, inspect.Parameter]:
    """Return the parameters of ``cls.__init__`` by name, without self."""
    if cls not in _known:
        _known[cls] = _look_up(cls)
    return _known[cls]


def _look_up(cls: type[Configurable]) -> dict[str, inspect.Parameter]:
    if cls.__init__ is object.__init__:
        return {}
    parameters = dict(list(inspect.signature(cls.__init__).parameters.items())[1:])
    for parameter in parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(
                f"{cls.__name__}.__init__ takes {parameter}, but a configuration needs each of "
                "its parameters named in the signature"
            )
    return parameters


def _copied(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Configurable | np.ndarray):
        return value.copy()
    if type(value) in (list, tuple):
        return type(value)(_copied(item) for item in value)
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    return value


def same(a: Any, b: Any) -> bool:
    """Return whether two values of configurations are equal: arrays by their dtype and all numbers."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        return both and a.dtype == b.dtype and np.array_equal(a, b)
    if type(a) in (list, tuple) and type(a) is type(b):
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is dict and type(b) is dict:
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


def _hashable(value: Any) -> Any:
    """Return something hashable that is equal for values that are the :func:`same`."""
    if isinstance(value, np.ndarray):
        # The shape only: 0.0 and -0.0 are equal but differ in their bytes.
        return ("array", value.shape)
    if type(value) in (list, tuple):
        return tuple(_hashable(item) for item in value)
    if type(value) is dict:
        return frozenset((key, _hashable(item)) for key, item in value.items())
    try:
        hash(value)
    except TypeError:
        return type(value).__name__
    return value


def shown(value: Any) -> str:
    """Return how a value of a configuration is printed: in one line, and of much of it a part."""
    if isinstance(value, np.ndarray):
        if value.size <= _LARGEST_ARRAY_SHOWN:
            return " ".join(repr(value).split())
        return f"<array of shape {value.shape}, {value.dtype}>"
    if type(value) in (list, tuple):
        items = [shown(item) for item in value[:_MOST_ITEMS]]
        if len(value) > len(items):
            items.append(f"<{len(value) - len(items)} more>")
        inside = ", ".join(items)
        if type(value) is list:
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if type(value) is dict:
        return "{" + ", ".join(f"{key!r}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, np.generic):
        return repr(value.item())
    if inspect.isroutine(value):
        return value.__qualname__
    return repr(value)
