"""Values by their types as JSON, and back.

What JSON has no word for is an object with one telling key::

    (64, 32)               {"tuple": [64, 32]}
    {1: 0.5}               {"dict": [[1, 0.5]]}
    infinity               {"float": "inf"}
    numpy.float32(0.5)     {"scalar": "float32", "value": 0.5}
    numpy.dtype("int8")    {"dtype": "int8"}, and {"scalar_type": "int8"} for numpy.int8
    an array               {"array": "arrays.0"}, its numbers beside the header
    GlorotUniform(2.0)     {"initializer": "glorot_uniform", "config": {"gain": 2.0, ...}}

Names are looked up among minnet's own classes and the activations that are registered; nothing is
imported, and no attribute of anything is fetched by a name from a file.
"""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from minnet.activations import get_activation, list_activations
from minnet.common.configurable import Configurable, parameters
from minnet.common.fields import finite, one_of, optional, text, whole
from minnet.common.types import Array
from minnet.persistence.container import ArrayReader, can_hold
from minnet.persistence.names import classes, name_of, readable_classes, registered_activation
from minnet.persistence.record import Record, shorten, wrong
from minnet.persistence.texts import pack, pack_fixed, unpack, unpack_fixed

__all__ = ["Decoder", "Encoder"]

_DEEPEST = 128  # a nested residual block is two
_LONGEST_TEXT = 4096
_MOST_VALUES = 80_000  # so many take a fifth of a second; an object counts as ten

_OF_VALUES = "arrays."  # begins the names of arrays that are values

_PLAIN = (type(None), bool, int, float, str, list)

_HOW_ELSE = (
    "save_model keeps only what can be read back without running code: give one of minnet's own "
    "classes or names, or use joblib.dump, whose files must then be trusted"
)

_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

_SCALARS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
    "float32", "float64", "str",
)  # fmt: skip

_NUMBERS = [np.dtype(name) for name in _SCALARS[:-1]]

_SCALAR_TYPES: dict[str, type] = {dtype.name: dtype.type for dtype in _NUMBERS} | {"float": float}


class Encoder:
    """Turns values into JSON; arrays are kept aside.

    Attributes
    ----------
    arrays : dict of ndarray
        What goes beside the header, by name.

    Examples
    --------
    >>> from minnet.initializers import HeNormal
    >>> Encoder().encode((64, HeNormal()), "init")  # doctest: +ELLIPSIS
    {'tuple': [64, {'initializer': 'he_normal', 'config': {...}}]}
    """

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self._left = _MOST_VALUES
        self._prefix = ""

    @contextlib.contextmanager
    def within(self, prefix: str) -> Iterator[None]:
        """Put a prefix before the names of arrays that are added: one of several networks."""
        before, self._prefix = self._prefix, self._prefix + prefix
        try:
            yield
        finally:
            self._prefix = before

    def encode(self, value: Any, where: str, depth: int = 0) -> Any:
        """Return the JSON of a value; ``where`` is what messages call it."""
        if depth > _DEEPEST:
            raise ValueError(f"{where} must be nested at most {_DEEPEST} deep. {_HOW_ELSE}")
        depth += 1
        kind = type(value)
        self._left -= 1 if kind in _PLAIN else 10
        if self._left < 0:
            raise ValueError(
                f"{where} is one of too many layers or values for a file that can be read without "
                "trust: joblib.dump has no such limit"
            )
        if kind is str and len(value) > _LONGEST_TEXT:
            raise ValueError(
                f"{where} must have at most {_LONGEST_TEXT} characters, got {len(value)}"
            )
        if value is None or kind in (bool, str):
            return value
        if kind is int:
            if not -(2**64) < value < 2**64:
                raise ValueError(f"{where} must be within 64 bits, got {value}")
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is list:
            return [self.encode(item, f"{where}[{i}]", depth) for i, item in enumerate(value)]
        if kind is tuple:
            return {"tuple": self.encode(list(value), where, depth)}
        if kind is dict:
            pairs = [
                [self.encode(k, where, depth), self.encode(v, f"{where}[{k!r}]", depth)]
                for k, v in value.items()
            ]
            return {"dict": pairs}
        if isinstance(value, np.generic):
            return self._scalar(value, where)
        if kind is np.ndarray:
            return self._array(value, where)
        if kind is np.random.RandomState:
            return self._random_state(value, where)
        if isinstance(value, np.dtype) and value in _NUMBERS:
            return {"dtype": value.name}
        if isinstance(value, type) and value in _SCALAR_TYPES.values():
            return {"scalar_type": next(k for k, v in _SCALAR_TYPES.items() if v is value)}
        if isinstance(value, Configurable):
            return self._configured(value, where, depth)
        return self._class(value, where)

    def add(self, name: str, array: Any) -> str:
        """Keep an array under a name of its own."""
        if not name.startswith(_OF_VALUES):
            name = self._prefix + name
        self.arrays[name] = np.asarray(array)
        return name

    def _new_name(self) -> str:
        return f"{_OF_VALUES}{len(self.arrays)}"

    def _scalar(self, value: np.generic, where: str) -> Any:
        name = "str" if isinstance(value, np.str_) else value.dtype.name
        if name not in _SCALARS:
            raise ValueError(f"{where} must be a number or a text, got {value!r}. {_HOW_ELSE}")
        return {"scalar": name, "value": self.encode(value.item(), where)}

    def _array(self, array: Array, where: str) -> Any:
        name = self._new_name()
        if array.dtype.kind == "U":
            return {"array": self.add(name, pack_fixed(array)), "of": "str"}
        if array.dtype.kind == "O":
            items = array.ravel().tolist()
            if items and all(type(item) is str for item in items):
                lengths, raw = pack(items)
                return {
                    "array": self.add(f"{name}.lengths", lengths.reshape(array.shape)),
                    "of": "object",
                    "bytes": self.add(f"{name}.bytes", raw),
                }
            encoded = [self.encode(item, where, 1) for item in items]
            return {"objects": encoded, "shape": list(array.shape)}
        if not can_hold(array.dtype):
            raise ValueError(
                f"{where} must be an array of numbers or texts, got dtype {array.dtype}. {_HOW_ELSE}"
            )
        return {"array": self.add(name, array)}

    def _random_state(self, value: np.random.RandomState, where: str) -> Any:
        state: Any = value.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise ValueError(
                f"{where} must be an integer, None or RandomState of MT19937, got one of "
                f"{state['bit_generator']}"
            )
        return {
            "random_state": self.add(self._new_name(), state["state"]["key"]),
            "position": int(state["state"]["pos"]),
            "gauss": float(state["gauss"]) if state["has_gauss"] else None,
        }

    def _configured(self, value: Configurable, where: str, depth: int) -> Any:
        named = name_of(type(value))
        if named is not None:
            try:  # its lists may have been changed since it was made
                type(value)(**value.get_config())
            except (TypeError, ValueError) as error:
                raise ValueError(f"{where} could not be read again: {error}") from None
            config = {
                key: self.encode(item, f"{where}.{key}", depth)
                for key, item in value.get_config().items()
            }
            return {named[0]: named[1], "config": config}
        name = registered_activation(value)
        if name is not None:
            return {"registered_activation": name}
        raise ValueError(
            f"{where} must not be of a class of your own, got {type(value).__name__}. {_HOW_ELSE}"
        )

    def _class(self, value: Any, where: str) -> Any:
        """Return the JSON of a class of minnet, which may stand for an object with its defaults."""
        kind, name = (isinstance(value, type) and name_of(value)) or ("", "")
        if kind in ("activation", "initializer"):
            return {"class": kind, "name": name}
        what = "a function" if inspect.isroutine(value) else f"a {type(value).__name__}"
        raise ValueError(f"{where} must not be {what}. {_HOW_ELSE}")


class _Within:
    """The arrays whose names begin with a prefix, by what follows; those of values have none."""

    def __init__(self, arrays: Any, prefix: str) -> None:
        self._arrays, self._prefix = arrays, prefix

    def __contains__(self, name: object) -> bool:
        return self._named(name) in self._arrays

    def array(self, name: Any, *args: Any, **kwargs: Any) -> Array:
        return self._arrays.array(self._named(name), *args, **kwargs)

    def _named(self, name: Any) -> Any:
        if type(name) is not str or name.startswith(_OF_VALUES):
            return name
        return self._prefix + name


class Decoder:
    """Turns what an :class:`Encoder` made into values again, and anything else into a ValueError.

    Parameters
    ----------
    arrays : ArrayReader
    """

    def __init__(self, arrays: ArrayReader) -> None:
        self.arrays: ArrayReader | _Within = arrays
        self._left = _MOST_VALUES

    @contextlib.contextmanager
    def within(self, prefix: str) -> Iterator[None]:
        """Put a prefix before the names of arrays that are read: one of several networks."""
        before, self.arrays = self.arrays, _Within(self.arrays, prefix)
        try:
            yield
        finally:
            self.arrays = before

    def kind(self, value: Any, where: str, kind: str) -> Any:
        """Return an object of minnet's of one kind, "layer" for example."""
        if not isinstance(value, dict) or kind not in value:
            raise wrong(where, f"of the kind {kind}", value)
        return self.decode(value, where)

    def decode(self, value: Any, where: str, depth: int = 0) -> Any:
        """Return the value of JSON; ``where`` is what messages call it."""
        if depth > _DEEPEST:
            raise ValueError(f"{where} must be nested at most {_DEEPEST} deep")
        depth += 1
        self._left -= 10 if isinstance(value, dict) else 1
        if self._left < 0:
            raise ValueError("it has more values than a model that save_model writes")
        if isinstance(value, list):
            return [self.decode(item, f"{where}[{i}]", depth) for i, item in enumerate(value)]
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            raise ValueError(f"{where} must have at most {_LONGEST_TEXT} characters")
        if not isinstance(value, dict):
            return value
        record = Record(value, where)
        key = next((key for key in self._READERS if key in record), None)
        if key is None:
            raise wrong(where, "a value that save_model writes", value)
        made = self._READERS[key](self, record, key, depth)
        record.done()
        return made

    def _tuple(self, record: Record, key: str, depth: int) -> tuple[Any, ...]:
        return tuple(self.decode(record.items(key), record.where, depth))

    def _dict(self, record: Record, key: str, depth: int) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for i, pair in enumerate(record.items(key)):
            if type(pair) is not list or len(pair) != 2:
                raise ValueError(f"{record.where} must have pairs, got {shorten(pair)}")
            name = self.decode(pair[0], f"{record.where} key {i}", depth)
            if isinstance(name, float | np.floating) and math.isnan(name):
                raise ValueError(f"{record.where} must not have NaN as a key")
            try:
                made[name] = None
            except TypeError:  # it cannot be hashed
                raise wrong(f"{record.where} key {i}", "a number or a text", name) from None
            made[name] = self.decode(pair[1], record.where, depth)
        return made

    def _float(self, record: Record, key: str, depth: int) -> float:
        return _FLOATS[record.read(key, one_of(*_FLOATS))]

    def _scalar(self, record: Record, key: str, depth: int) -> np.generic:
        dtype = np.dtype(record.read(key, one_of(*_SCALARS)))
        value = self.decode(record.take("value"), record.where, depth)
        wanted = {"b": bool, "f": float, "U": str}.get(dtype.kind, int)
        if type(value) is not wanted:
            raise wrong(record.where, f"a {dtype.name}", value)
        with np.errstate(over="ignore"):
            try:
                return dtype.type(value)
            except OverflowError:
                raise wrong(record.where, f"within {dtype}", value) from None

    def _dtype(self, record: Record, key: str, depth: int) -> np.dtype[Any]:
        return np.dtype(record.read(key, one_of(*_SCALARS[:-1])))

    def _scalar_type(self, record: Record, key: str, depth: int) -> type:
        return _SCALAR_TYPES[record.read(key, one_of(*_SCALAR_TYPES))]

    def _array(self, record: Record, key: str, depth: int) -> Array:
        def read(name: Any, dtypes: list[Any], **wanted: Any) -> Array:
            return self.arrays.array(name, dtypes, where=record.where, **wanted)

        name = record.take(key)
        if "of" not in record:
            return read(name, _NUMBERS)
        if record.read("of", one_of("str", "object")) == "str":
            return unpack_fixed(read(name, [np.uint32]), record.where)
        lengths = read(name, [np.int64])
        return unpack(lengths, read(record.take("bytes"), [np.uint8], ndim=1), record.where)

    def _objects(self, record: Record, key: str, depth: int) -> Array:
        items, shape = record.items(key), record.items("shape")
        array = np.empty(len(items), dtype=object)
        for i, item in enumerate(items):
            array[i] = self.decode(item, record.where, depth)
        whole = all(type(n) is int and 0 <= n <= len(items) for n in shape)
        if not whole or len(shape) > 8 or math.prod(shape) != len(items):
            raise ValueError(f"{record.where} must have a shape for {len(items)} objects")
        return array.reshape(shape)

    def _random_state(self, record: Record, key: str, depth: int) -> np.random.RandomState:
        name, where = record.take(key), record.where
        words = self.arrays.array(name, [np.uint32], (624,), where=where)
        position = record.read("position", whole(0, 624))
        gauss = record.read("gauss", optional(finite()))
        state = np.random.RandomState(0)
        state.set_state(("MT19937", words, position, int(gauss is not None), gauss or 0.0))
        return state

    def _registered_activation(self, record: Record, key: str, depth: int) -> Configurable:
        name = record.read(key, text())
        if name not in list_activations():
            raise ValueError(
                f"{record.where} is the activation {shorten(name)}, which must be registered with "
                "minnet.activation before the file is read"
            )
        return get_activation(name)

    def _class(self, record: Record, key: str, depth: int) -> type[Configurable]:
        of_kind = readable_classes()[record.read(key, one_of("activation", "initializer"))]
        return of_kind[record.read("name", one_of(*of_kind))]

    def _configured(self, record: Record, key: str, depth: int) -> Configurable:
        of_kind = readable_classes()[key]
        name = record.read(key, one_of(*of_kind))
        config = record.record("config")
        arguments = {}
        for parameter in parameters(of_kind[name]):
            # One that is not there was added to the class after the file was written.
            if parameter in config:
                where = f"{record.where}.{parameter}"
                arguments[parameter] = self.decode(config.take(parameter), where, depth)
        config.done()
        try:
            return of_kind[name](**arguments)
        except Exception as error:  # whatever a constructor makes of a hostile argument
            raise ValueError(f"{record.where} cannot be a {name}: {error}") from error

    _READERS: ClassVar[dict[str, Callable[..., Any]]] = {
        "tuple": _tuple,
        "dict": _dict,
        "float": _float,
        "scalar": _scalar,
        "dtype": _dtype,
        "scalar_type": _scalar_type,
        "array": _array,
        "objects": _objects,
        "random_state": _random_state,
        "registered_activation": _registered_activation,
        "class": _class,
    } | dict.fromkeys(classes(), _configured)
