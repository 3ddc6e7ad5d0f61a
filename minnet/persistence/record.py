"""A JSON object that is read key by key: each is checked, and none may be left over."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from minnet.common.fields import Field

__all__ = ["Record", "count_items", "parse_json", "shorten", "too_large", "wrong"]

_LARGEST = 2**64  # random keys have 64 bits; nothing here is larger
_MOST_DIGITS = 21  # with the sign
_MOST_ITEMS = 125_000
_LONGEST = 60  # characters of a value in a sentence


def parse_json(text: str) -> Any:
    """Return what a text of JSON says, strictly: no duplicate keys, no NaN, no overflow.

    Raises
    ------
    ValueError
        If it is not that.

    Examples
    --------
    >>> parse_json('{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> parse_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    ValueError: the key 'a' occurs twice in an object
    """
    if count_items(text) > _MOST_ITEMS:
        raise ValueError(f"its JSON has more than {_MOST_ITEMS} items")
    try:
        return json.loads(
            text,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"its JSON is broken at character {error.pos}: {error.msg}") from None
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def count_items(text: str) -> int:
    """Return about how many values a text of JSON has, without reading it: a bound of time and memory.

    Examples
    --------
    >>> count_items('{"a": [1, 2, []]}')
    5
    """
    return sum(map(text.count, "[{,"))


def too_large(text: str, most_bytes: int) -> bool:
    """Return whether a text of JSON is larger than what will be read again."""
    return len(text) > most_bytes or count_items(text) > _MOST_ITEMS


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS or not -_LARGEST < int(digits) < _LARGEST:
        raise wrong("a number", "within 64 bits", digits)
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise wrong("a number", "finite", digits)
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, _ in pairs:
            if found.pop(name, found) is found:
                raise ValueError(f"the key {shorten(name)} occurs twice in an object")
    return found


def shorten(value: Any) -> str:
    """Return how a value from a file is shown in a sentence: its beginning, on one line."""
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    shown = repr(value[: _LONGEST + 1] if isinstance(value, str) else value)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "..."


def wrong(where: str, what: str, value: Any) -> ValueError:
    """Return the error that says what something must be, and what it was.

    Examples
    --------
    >>> wrong("model.n", "a number", [1, 2])
    ValueError('model.n must be a number, got a list of 2')
    """
    return ValueError(f"{where} must be {what}, got {shorten(value)}")


class Record:
    """Reads the keys of a JSON object.

    Parameters
    ----------
    value : object
        What the file has there.
    where : str
        What messages call it.

    Examples
    --------
    >>> from minnet.common.fields import whole
    >>> record = Record({"n": 3, "m": 4}, "model")
    >>> record.read("n", whole())
    3
    >>> record.done()
    Traceback (most recent call last):
    ...
    ValueError: model has the unknown key 'm'
    """

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise wrong(where, "an object", value)
        self._left = dict(value)
        self.where = where

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def __iter__(self) -> Iterator[str]:
        return iter(self._left)

    def take(self, key: str) -> Any:
        """Return the value of a key that must be there."""
        if key not in self._left:
            raise ValueError(f"{self.where} lacks the key {key!r}")
        return self._left.pop(key)

    def put(self, key: str, value: Any) -> None:
        """Give a key another value, which is read in its turn."""
        self._left[key] = value

    def read(self, key: str, field: Field) -> Any:
        """Return the value of a key, which must be what a field lets through."""
        return field.check(f"{self.where}.{key}", self.take(key))

    def items(self, key: str) -> list[Any]:
        """Return a list."""
        value = self.take(key)
        if type(value) is not list:
            raise wrong(f"{self.where}.{key}", "a list", value)
        return value

    def record(self, key: str) -> Record:
        """Return the object of a key as another record."""
        return Record(self.take(key), f"{self.where}.{key}")

    def optional_record(self, key: str) -> Record | None:
        """Return the object of a key as another record, or None where it is null or not there."""
        return self.record(key) if self._left.get(key) is not None else self._left.pop(key, None)

    def done(self) -> None:
        """Raise if a key is left over."""
        for key in self._left:
            raise ValueError(f"{self.where} has the unknown key {shorten(key)}")
