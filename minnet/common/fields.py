"""Fields: what an attribute may be, said once in the body of its class.

>>> from minnet.common.fields import fields, optional, real, whole
>>> class Decay:
...     n_steps: int = whole()
...     factor: float = real(0, 1, right=True)
...     clip: float | None = optional(real(0, left=False))
...     def __init__(self, n_steps, factor=0.1, clip=None):
...         self.n_steps = n_steps
...         self.factor = factor
...         self.clip = clip
>>> decay = Decay(10)
>>> decay.factor = 2
Traceback (most recent call last):
    ...
ValueError: factor must be at least 0 and at most 1, got 2
>>> list(fields(Decay))
['n_steps', 'factor', 'clip']

``__init__``, a later assignment and a file that is read (:mod:`minnet.persistence`) are checked by the
same field, so that none of them lets through what another refuses. Reading an attribute costs nothing
more: a field takes part only when one is set.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np

from minnet.common.checks import (
    LARGEST_SIZE,
    check_bounded,
    check_flag,
    check_real,
    check_whole,
    is_real,
)
from minnet.common.entry import shorten
from minnet.common.names import check_name

__all__ = [
    "Field", "checked", "count", "curve", "either", "fields", "finite", "flag", "instance", "number",
    "one_of", "optional", "real", "text", "texts", "whole",
]  # fmt: skip

#: The most that a count can have come to: a million a second take more than a century.
_MOST_COUNTED = 2**52

#: ``check(name, value)`` returns the value as it is kept, or raises an error with one sentence.
Check = Callable[[str, Any], Any]

_MISSING = object()


class Field:
    """What one attribute may be; every value that is assigned is checked.

    Parameters
    ----------
    check : callable
        ``check(name, value)`` returns the value as it is kept, or raises ValueError or TypeError.
    default : object, optional
        What a dataclass takes where nothing is given.
    in_array : bool, default=False
        Whether a file keeps it as an array of float64 and not in its description.
    """

    def __init__(self, check: Check, default: Any = _MISSING, in_array: bool = False) -> None:
        self.check = check
        self.default = default
        self.in_array = in_array
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    # Without __get__, the attribute is found where __set__ puts it: among those of the object.
    def __set__(self, obj: Any, value: Any) -> None:
        if value is self:  # how a dataclass says that it was not given
            if self.default is _MISSING:
                raise TypeError(f"{self.name} of {type(obj).__name__} must be given")
            obj.__dict__[self.name] = self.default
            return
        try:
            obj.__dict__[self.name] = self.check(self.name, value)
            return
        except (TypeError, ValueError) as error:
            found = self._in_words_of(obj, value, error)
        shorten(found)
        raise found

    def _in_words_of(self, obj: Any, value: Any, error: Exception) -> Exception:
        """Return the error of a check with what the object calls the attribute, where it has a word."""
        if hasattr(obj, "_called"):
            try:
                self.check(obj._called(self.name), value)
            except (TypeError, ValueError) as named:
                return named
        return error


def fields(cls: type) -> dict[str, Field]:
    """Return the fields of a class and of those that it comes from, by name."""
    found: dict[str, Field] = {}
    for each in reversed(cls.__mro__):
        found |= {name: value for name, value in vars(each).items() if isinstance(value, Field)}
    return found


# They return Any, so that ``n: int = whole()`` is an int to who reads it and to type checkers.


def checked(check: Check, **options: Any) -> Any:
    """Return the field of what a function ``check(name, value)`` lets through."""
    return Field(check, **options)


def whole(low: int = 1, high: int = LARGEST_SIZE, **options: Any) -> Any:
    """Return the field of a whole number of at least ``low``."""
    return Field(functools.partial(check_whole, low=low, high=high), **options)


def real(
    low: float, high: float | None = None, *, left: bool = True, right: bool = False, **options: Any
) -> Any:
    """Return the field of a number between bounds; ``left`` and ``right`` say which are allowed."""
    check = functools.partial(check_bounded, low=low, high=high, left=left, right=right)
    return Field(check, **options)


def finite(low: float = -np.inf, high: float = np.inf, *, left: bool = True, **options: Any) -> Any:
    """Return the field of a finite number of at least (or above) ``low`` and at most ``high``."""
    return Field(functools.partial(check_real, low=low, high=high, left=left), **options)


def number(low: float | None = None, left: bool = True, **options: Any) -> Any:
    """Return the field of a number that may be infinite; without ``low`` negative and NaN, too."""

    def check(name: str, value: Any) -> float:
        if type(value) is float and low is None:
            return value
        if not is_real(value) or (low is not None and not (value >= low if left else value > low)):
            least = f" of at least {low:g}" if low is not None else ""
            what = f"a number{least}" if left else f"above {low:g}"
            raise ValueError(f"{name} must be {what}, got {value!r:.200}")
        return float(value)

    return Field(check, **options)


def either(*these: Field, what: str, **options: Any) -> Any:
    """Return the field of what one of several fields lets through; ``what`` says it in words."""

    def check(name: str, value: Any) -> Any:
        for field in these:
            with contextlib.suppress(TypeError, ValueError):
                return field.check(name, value)
        raise ValueError(f"{name} must be {what}, got {value!r:.200}")

    return Field(check, **options)


def flag(**options: Any) -> Any:
    """Return the field of True and False."""
    return Field(check_flag, **options)


def one_of(*choices: str, **options: Any) -> Any:
    """Return the field of a few names; the closest one is suggested."""
    return Field(functools.partial(check_name, options=choices), **options)


def optional(field: Field, **options: Any) -> Any:
    """Return the field of None and what another field lets through."""

    def check(name: str, value: Any) -> Any:
        if value is None:
            return None
        try:
            return field.check(name, value)
        except (TypeError, ValueError) as error:
            sentence = str(error).replace(f"{name} must be ", f"{name} must be None or ", 1)
            raise type(error)(sentence) from None

    return Field(check, **options)


def instance(cls: type | tuple[type, ...], what: str, **options: Any) -> Any:
    """Return the field of the objects of a class; ``what`` is what messages call them."""

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, cls):
            raise TypeError(f"{name} must be {what}, got {value!r:.200}")
        return value

    return Field(check, **options)


class _Count(Field):
    """What is counted: set in every step, so that an int is not looked at for long.

    One that is read from a file must leave room to count on.
    """

    def __set__(self, obj: Any, value: Any) -> None:
        if type(value) is int and 0 <= value <= LARGEST_SIZE:
            obj.__dict__[self.name] = value
        else:
            super().__set__(obj, value)


def count() -> Any:
    """Return the field of what is counted: a whole number from 0 on."""
    return _Count(functools.partial(check_whole, low=0, high=_MOST_COUNTED), default=0)


def text(**options: Any) -> Any:
    """Return the field of a string."""
    return instance(str, "a text", **options)


def texts() -> Any:
    """Return the field of a dict of strings by names; none where nothing is given."""

    def check(name: str, value: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not all(
            type(each) is str for each in chain(*value.items())
        ):
            raise TypeError(f"{name} must be a dict of texts, got {value!r:.200}")
        return value

    return Field(check, default={})


def curve() -> Any:
    """Return the field of a list of floats; a file keeps it as an array."""

    def check(name: str, value: Any) -> list[float]:
        if not isinstance(value, list):
            raise TypeError(f"{name} must be a list of numbers, got {value!r:.200}")
        return value

    return Field(check, in_array=True)
