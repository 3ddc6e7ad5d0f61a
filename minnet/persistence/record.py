"""A JSON object that is read key by key: each is checked, and none may be left over."""

import json
import math

__all__ = ["Record", "count_items", "parse_json", "shorten", "too_large"]

_LARGEST = 2**64  # random keys have 64 bits; nothing here is larger
_MOST_DIGITS = 21  # with the sign
_MOST_ITEMS = 125_000


def parse_json(text):
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


def count_items(text):
    """Return about how many values a text of JSON has, without reading it: a bound of time and memory.

    Examples
    --------
    >>> count_items('{"a": [1, 2, []]}')
    5
    """
    return sum(map(text.count, "[{,"))


def too_large(text, most_bytes):
    """Return whether a text of JSON is larger than what will be read again."""
    return len(text) > most_bytes or count_items(text) > _MOST_ITEMS


def _integer(digits):
    if len(digits) > _MOST_DIGITS or not -_LARGEST < int(digits) < _LARGEST:
        raise ValueError(f"a number must be within 64 bits, got {shorten(digits)}")
    return int(digits)


def _float(digits):
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"a number must be finite, got {shorten(digits)}")
    return number


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def _object(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, _ in pairs:
            if found.pop(name, found) is found:
                raise ValueError(f"the key {shorten(name)} occurs twice in an object")
    return found


def shorten(value, limit=60):
    """Return how a value from a file is shown in a sentence: its beginning, on one line."""
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    shown = repr(value[: limit + 1] if isinstance(value, str) else value)
    return shown if len(shown) <= limit else shown[:limit] + "..."


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
    >>> record = Record({"n": 3, "m": 4}, "model")
    >>> record.integer("n")
    3
    >>> record.done()
    Traceback (most recent call last):
    ...
    ValueError: model has the unknown key 'm'
    """

    def __init__(self, value, where):
        if not isinstance(value, dict):
            raise ValueError(f"{where} must be an object, got {shorten(value)}")
        self._left = dict(value)
        self.where = where

    def __contains__(self, key):
        return key in self._left

    def take(self, key):
        """Return the value of a key that must be there."""
        if key not in self._left:
            raise ValueError(f"{self.where} lacks the key {key!r}")
        return self._left.pop(key)

    def integer(self, key, low=0, high=2**63 - 1):
        """Return a whole number within bounds."""
        value = self.take(key)
        if type(value) is not int or not low <= value <= high:
            raise ValueError(
                f"{self.where}.{key} must be a whole number from {low} to {high}, "
                f"got {shorten(value)}"
            )
        return value

    def flag(self, key):
        """Return True or False."""
        value = self.take(key)
        if type(value) is not bool:
            raise ValueError(f"{self.where}.{key} must be true or false, got {shorten(value)}")
        return value

    def text(self, key, choices=None):
        """Return a text, one of ``choices`` if they are given."""
        value = self.take(key)
        if type(value) is not str or (choices is not None and value not in choices):
            wanted = "a text" if choices is None else "one of " + ", ".join(map(repr, choices))
            raise ValueError(f"{self.where}.{key} must be {wanted}, got {shorten(value)}")
        return value

    def items(self, key):
        """Return a list."""
        value = self.take(key)
        if type(value) is not list:
            raise ValueError(f"{self.where}.{key} must be a list, got {shorten(value)}")
        return value

    def record(self, key):
        """Return the object of a key as another record, or None where it is null."""
        value = self.take(key)
        return None if value is None else Record(value, f"{self.where}.{key}")

    def done(self):
        """Raise if a key is left over."""
        for key in self._left:
            raise ValueError(f"{self.where} has the unknown key {shorten(key)}")
