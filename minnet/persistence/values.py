"""Arguments and configurations as JSON, and back.

What JSON has no word for is an object with one telling key::

    (64, 32)               {"tuple": [64, 32]}
    {1: 0.5}               {"dict": [[1, 0.5]]}
    infinity               {"float": "inf"}
    numpy.float32(0.5)     {"scalar": "float32", "value": 0.5}
    an array               {"array": "arrays.0"}, its numbers beside the header
    GlorotUniform(2.0)     {"initializer": "glorot_uniform", "config": {"gain": 2.0, ...}}

Names are looked up among minnet's own classes and the activations that are registered; nothing is
imported, and no attribute of anything is fetched by a name from a file.
"""

import inspect
import math

import numpy as np

from minnet import activations, initializers, layers, losses, optimizers, schedules
from minnet.common.configured import Configured, _parameters
from minnet.persistence.container import can_hold
from minnet.persistence.record import Record, shorten

__all__ = ["Decoder", "Encoder"]

_DEEPEST = 16
_LONGEST_TEXT = 4096
_MOST_VALUES = 80_000  # so many take a fifth of a second; an object counts as ten

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

_OF_FUNCTIONS = (initializers.FromFunction, schedules.FunctionOfStep)

NUMBERS = tuple(np.dtype(name) for name in _SCALARS[:-1])


def _exported(module, base):
    """Return the classes of a kind that a module of minnet exports, by name."""
    found = {name: getattr(module, name) for name in module.__all__}
    return {
        name: cls
        for name, cls in found.items()
        if inspect.isclass(cls) and issubclass(cls, base) and cls is not base
    }


def _named(classes, names, make):
    """Return the classes by registered name where they have one, else by their own."""
    by_name = {}
    for name in names:
        cls = type(make(name))
        if cls in classes.values():
            by_name[name] = cls
    rest = {name: cls for name, cls in classes.items() if cls not in by_name.values()}
    return by_name | rest


def _registry():
    """Return the classes of each kind by name; those of minnet only."""
    return {
        "layer": _exported(layers, layers.Layer),
        "activation": _named(
            _exported(activations, activations.Activation),
            activations.list_activations(),
            activations.get_activation,
        ),
        "loss": _named(
            _exported(losses, losses.Loss),
            [name for name in losses.list_losses() if name != "log_loss"],  # that is two of them
            lambda name: losses.get_loss(name, n_outputs=1),
        ),
        "initializer": _named(
            _exported(initializers, initializers.Initializer),
            _without_arguments(initializers.list_initializers()),
            initializers.get_initializer,
        ),
        "optimizer": _exported(optimizers, optimizers.Optimizer),
        "schedule": _exported(schedules, schedules.Schedule),
    }


def _without_arguments(names):
    """Return the names of initializers that need no argument; the others go by their class."""
    made = []
    for name in names:
        try:
            initializers.get_initializer(name)
        except TypeError:
            continue
        made.append(name)
    return made


def _registered_activation(value):
    """Return the name of a user's activation that was registered with minnet.activation, or None."""
    for name in activations.list_activations():
        if activations.get_activation(name) is value:
            return name
    return None


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

    def __init__(self):
        self.arrays = {}
        self._left = _MOST_VALUES
        self._registry = _registry()

    def encode(self, value, where):
        """Return the JSON of a value; ``where`` is what messages call it."""
        return self._encode(value, where, 0)

    def _encode(self, value, where, depth):
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
            return [self._encode(item, f"{where}[{i}]", depth) for i, item in enumerate(value)]
        if kind is tuple:
            return {"tuple": self._encode(list(value), where, depth)}
        if kind is dict:
            pairs = [
                [self._encode(k, where, depth), self._encode(v, f"{where}[{k!r}]", depth)]
                for k, v in value.items()
            ]
            return {"dict": pairs}
        if isinstance(value, np.generic):
            return self._scalar(value, where)
        if kind is np.ndarray:
            return self._array(value, where)
        if kind is np.random.RandomState:
            return self._random_state(value, where)
        if isinstance(value, Configured):
            return self._configured(value, where, depth)
        return self._class(value, where)

    def add(self, name, array):
        """Keep an array under a name of its own."""
        self.arrays[name] = np.asarray(array)
        return name

    def _scalar(self, value, where):
        name = "str" if isinstance(value, np.str_) else value.dtype.name
        if name not in _SCALARS:
            raise ValueError(f"{where} must be a number or a text, got {value!r}. {_HOW_ELSE}")
        return {"scalar": name, "value": self._encode(value.item(), where, 0)}

    def _array(self, array, where):
        name = f"arrays.{len(self.arrays)}"
        if array.dtype.kind == "U":
            codes = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
            width = array.dtype.itemsize // 4
            codes = codes.reshape(-1).view(np.uint32).reshape(*array.shape, width)
            return {"array": self.add(name, codes), "of": "str"}
        if array.dtype.kind == "O":
            items = array.ravel().tolist()
            if items and all(type(item) is str for item in items):
                written = [item.encode("utf-8", "surrogatepass") for item in items]
                lengths = np.array([len(item) for item in written], dtype=np.int64)
                raw = np.frombuffer(b"".join(written), dtype=np.uint8)
                return {
                    "array": self.add(f"{name}.lengths", lengths.reshape(array.shape)),
                    "of": "object",
                    "bytes": self.add(f"{name}.bytes", raw),
                }
            encoded = [self._encode(item, where, 1) for item in items]
            return {"objects": encoded, "shape": list(array.shape)}
        if not can_hold(array.dtype):
            raise ValueError(
                f"{where} must be an array of numbers or texts, got dtype {array.dtype}. {_HOW_ELSE}"
            )
        return {"array": self.add(name, array)}

    def _random_state(self, value, where):
        state = value.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise ValueError(
                f"{where} must be an integer, None or RandomState of MT19937, got one of "
                f"{state['bit_generator']}"
            )
        return {
            "random_state": self.add(f"arrays.{len(self.arrays)}", state["state"]["key"]),
            "position": int(state["state"]["pos"]),
            "gauss": self._encode(float(state["gauss"]) if state["has_gauss"] else None, where, 0),
        }

    def _configured(self, value, where, depth):
        for kind, classes in self._registry.items():
            for name, cls in classes.items():
                if type(value) is cls:
                    config = {
                        key: self._encode(item, f"{where}.{key}", depth)
                        for key, item in value.get_config().items()
                    }
                    return {kind: name, "config": config}
        name = _registered_activation(value)
        if name is not None:
            return {"registered_activation": name}
        raise ValueError(
            f"{where} must not be of a class of your own, got {type(value).__name__}. {_HOW_ELSE}"
        )

    def _class(self, value, where):
        """Return the JSON of a class of minnet, which may stand for an object with its defaults."""
        for kind in ("activation", "initializer"):
            for name, cls in self._registry[kind].items():
                if value is cls:
                    return {"class": kind, "name": name}
        what = "a function" if inspect.isroutine(value) else f"a {type(value).__name__}"
        raise ValueError(f"{where} must not be {what}. {_HOW_ELSE}")


class Decoder:
    """Turns what an :class:`Encoder` made into values again, and anything else into a ValueError.

    Parameters
    ----------
    arrays : ArrayReader
    """

    def __init__(self, arrays):
        self.arrays = arrays
        self._left = _MOST_VALUES
        # Some objects of minnet can be called, but none is to be called as a user's function would be.
        self._registry = {
            kind: {name: cls for name, cls in classes.items() if cls not in _OF_FUNCTIONS}
            for kind, classes in _registry().items()
        }

    def decode(self, value, where):
        """Return the value of JSON; ``where`` is what messages call it."""
        return self._decode(value, where, 0)

    def decode_kind(self, value, where, kind):
        """Return an object of minnet's of one kind, "layer" for example."""
        if not isinstance(value, dict) or kind not in value:
            raise ValueError(f"{where} must be of the kind {kind}, got {shorten(value)}")
        return self._decode(value, where, 0)

    def _decode(self, value, where, depth):
        if depth > _DEEPEST:
            raise ValueError(f"{where} must be nested at most {_DEEPEST} deep")
        depth += 1
        self._left -= 10 if isinstance(value, dict) else 1
        if self._left < 0:
            raise ValueError("it has more values than a model that save_model writes")
        if isinstance(value, list):
            return [self._decode(item, f"{where}[{i}]", depth) for i, item in enumerate(value)]
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            raise ValueError(f"{where} must have at most {_LONGEST_TEXT} characters")
        if not isinstance(value, dict):
            return value
        record = Record(value, where)
        key = next((key for key in self._READERS if key in record), None)
        if key is None:
            raise ValueError(
                f"{where} must be a value that save_model writes, got {shorten(value)}"
            )
        made = self._READERS[key](self, record, key, depth)
        record.done()
        return made

    def _tuple(self, record, key, depth):
        return tuple(self._decode(record.items(key), record.where, depth))

    def _dict(self, record, key, depth):
        made = {}
        for i, pair in enumerate(record.items(key)):
            if type(pair) is not list or len(pair) != 2:
                raise ValueError(f"{record.where} must have pairs, got {shorten(pair)}")
            name = self._decode(pair[0], f"{record.where} key {i}", depth)
            if isinstance(name, float | np.floating) and math.isnan(name):
                raise ValueError(f"{record.where} must not have NaN as a key")
            made[_hashable(name, record.where)] = self._decode(pair[1], record.where, depth)
        return made

    def _float(self, record, key, depth):
        return _FLOATS[record.text(key, _FLOATS)]

    def _scalar(self, record, key, depth):
        name = record.text(key, _SCALARS)
        value = self._decode(record.take("value"), record.where, depth)
        wanted = {"b": bool, "f": float, "U": str}.get(np.dtype(name).kind, int)
        if type(value) is not wanted:
            raise ValueError(f"{record.where} must be a {name}, got {shorten(value)}")
        with np.errstate(over="ignore"):
            try:
                return np.dtype(name).type(value)
            except OverflowError:
                raise ValueError(f"{record.where} must fit into {name}, got {value}") from None

    def _array(self, record, key, depth):
        name = record.take(key)
        if "of" not in record:
            return self.arrays.array(name, record.where, NUMBERS)
        if record.text("of", ("str", "object")) == "str":
            codes = self.arrays.array(name, record.where, [np.dtype(np.uint32)])
            if codes.ndim < 1 or codes.shape[-1] < 1 or (codes.size and codes.max() > 0x10FFFF):
                raise ValueError(f"{record.where} must be texts, got codes that are none")
            width = codes.shape[-1]
            return codes.reshape(-1).view(f"=U{width}").reshape(codes.shape[:-1])
        lengths = self.arrays.array(name, record.where, [np.dtype(np.int64)])
        raw = self.arrays.array(record.take("bytes"), record.where, [np.dtype(np.uint8)], ndim=1)
        if not lengths.size or lengths.min() < 0 or sum(lengths.ravel().tolist()) != raw.size:
            raise ValueError(f"{record.where} must have lengths of texts that sum to {raw.size}")
        texts = np.empty(lengths.size, dtype=object)
        end = 0
        for i, length in enumerate(lengths.ravel().tolist()):
            start, end = end, end + length
            try:
                texts[i] = raw[start:end].tobytes().decode("utf-8", "surrogatepass")
            except UnicodeDecodeError:
                raise ValueError(f"{record.where} must be texts in UTF-8") from None
        return texts.reshape(lengths.shape)

    def _objects(self, record, key, depth):
        items, shape = record.items(key), record.items("shape")
        array = np.empty(len(items), dtype=object)
        for i, item in enumerate(items):
            array[i] = self._decode(item, record.where, depth)
        whole = all(type(n) is int and 0 <= n <= len(items) for n in shape)
        if not whole or len(shape) > 8 or math.prod(shape) != len(items):
            raise ValueError(f"{record.where} must have a shape for {len(items)} objects")
        return array.reshape(shape)

    def _random_state(self, record, key, depth):
        dtypes = [np.dtype(np.uint32)]
        words = self.arrays.array(record.take(key), record.where, dtypes, shape=(624,))
        position = record.integer("position", 0, 624)
        gauss = self._decode(record.take("gauss"), record.where, depth)
        if gauss is not None and type(gauss) is not float:
            raise ValueError(f"{record.where}.gauss must be a number or null, got {shorten(gauss)}")
        state = np.random.RandomState(0)
        state.set_state(("MT19937", words, position, int(gauss is not None), gauss or 0.0))
        return state

    def _registered_activation(self, record, key, depth):
        name = record.text(key)
        if name not in activations.list_activations():
            raise ValueError(
                f"{record.where} is the activation {shorten(name)}, which must be registered with "
                "minnet.activation before the file is read"
            )
        return activations.get_activation(name)

    def _class(self, record, key, depth):
        classes = self._registry[record.text(key, ("activation", "initializer"))]
        return classes[record.text("name", classes)]

    def _configured(self, record, key, depth):
        classes = self._registry[key]
        name = record.text(key, classes)
        config = record.record("config")
        if config is None:
            raise ValueError(f"{record.where}.config must be an object, got null")
        arguments = {}
        for parameter in _parameters(classes[name]):
            # One that is not there was added to the class after the file was written.
            if parameter in config:
                where = f"{record.where}.{parameter}"
                arguments[parameter] = self._decode(config.take(parameter), where, depth)
        config.done()
        try:
            return classes[name](**arguments)
        except Exception as error:  # whatever a constructor makes of a hostile argument
            raise ValueError(f"{record.where} cannot be a {name}: {error}") from error

    _READERS = {  # noqa: RUF012
        "tuple": _tuple,
        "dict": _dict,
        "float": _float,
        "scalar": _scalar,
        "array": _array,
        "objects": _objects,
        "random_state": _random_state,
        "registered_activation": _registered_activation,
        "class": _class,
        "layer": _configured,
        "activation": _configured,
        "loss": _configured,
        "initializer": _configured,
        "optimizer": _configured,
        "schedule": _configured,
    }


def _hashable(key, where):
    if isinstance(key, list | dict | np.ndarray):
        raise ValueError(f"{where} must have keys that are numbers or texts, got {shorten(key)}")
    try:
        hash(key)
    except TypeError:
        raise ValueError(f"{where} must have keys that are numbers or texts") from None
    return key
