"""What a value is, in a form that is the same in every process and session, to compare runs by."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import math
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

import joblib
import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator

from minnet.common.configurable import Configurable
from minnet.common.frames import is_frame_or_column

__all__ = ["digest", "identity"]

_BLOCK = 2**24  # bytes of an array that are looked at together


def digest(value: Any) -> str:
    """Return 32 letters that stand for what :func:`identity` returns.

    Examples
    --------
    >>> digest([1, "a"]) == digest((1.0, "a")), digest(1) == digest("1")
    (True, False)
    """
    text = json.dumps(identity(value), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def identity(value: Any, within: tuple[int, ...] = ()) -> Any:
    """Return what a value is as lists, dictionaries, texts and numbers that JSON has.

    Objects of minnet and estimators are their class and their configuration, arrays and tables their
    numbers, functions their code, defaults and closures; what a function calls is not looked at.

    Examples
    --------
    >>> from minnet.initializers import GlorotUniform
    >>> identity({"init": GlorotUniform(gain=2.0)})
    {'dict': [['init', {'minnet.initializers.named_scalings.GlorotUniform': {'gain': 2}}]]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            return {"float": str(value)}
        return int(value) if value.is_integer() else value
    if id(value) in within:  # a list that holds itself
        return "..."
    inside = functools.partial(identity, within=(*within, id(value)))
    if isinstance(value, list | tuple | range):
        return [inside(item) for item in value]
    if isinstance(value, Mapping):
        items = [[inside(key), inside(item)] for key, item in value.items()]
        return {"dict": sorted(items, key=json.dumps)}
    if isinstance(value, np.ndarray):
        return {"array": _of_array(value)}
    if sparse.issparse(value):
        return {"sparse": _of_sparse(value)}
    if is_frame_or_column(value):
        return {"table": [[name, inside(column)] for name, column in _columns(value)]}
    if isinstance(value, Configurable):
        return {_name(type(value)): {**_parts(value.get_config(), inside), **_own_code(value)}}
    if isinstance(value, BaseEstimator) and not isinstance(value, type):
        return {_name(type(value)): _parts(value.get_params(deep=False), inside)}
    return _of_code(value, inside)


def _of_code(value: Any, inside: Any) -> Any:
    """Return what a class or a function is, or by its pickle what anything else is."""
    if isinstance(value, type):
        return {"class": _name(value)}
    if isinstance(value, functools.partial):
        return {"partial": [inside(value.func), inside(value.args), inside(value.keywords)]}
    if inspect.ismethod(value):
        return {"method": [inside(value.__self__), value.__name__]}
    if inspect.isfunction(value):
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        rest = [inside(part) for part in (value.__defaults__, value.__kwdefaults__, cells)]
        return {"function": [value.__qualname__, _of_code_object(value.__code__), *rest]}
    try:
        return {_name(type(value)): joblib.hash(value)}
    except Exception:  # whatever its pickling raises
        return {_name(type(value)): repr(value)}


def _parts(config: Mapping[str, Any], inside: Any) -> dict[str, Any]:
    return {name: inside(item) for name, item in config.items()}


def _name(of: Any) -> str:
    return f"{of.__module__}.{of.__qualname__}"


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _own_code(value: Any) -> dict[str, str]:
    """Return the code of the methods of a user's class: it may change under the same name."""
    methods = [
        _of_code_object(method.__code__)
        for cls in type(value).__mro__
        if not cls.__module__.startswith(("minnet.", "builtins", "typing", "abc"))
        for method in vars(cls).values()
        if inspect.isfunction(method)
    ]
    return {"code of its class": digest(methods)} if methods else {}


def _of_code_object(code: CodeType) -> str:
    """Return a digest of compiled code, in which its place in a file does not count."""
    constants = [
        _of_code_object(one) if isinstance(one, CodeType) else _constant(one)
        for one in code.co_consts
    ]
    parts = code.co_code.hex(), constants, code.co_names, code.co_varnames
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def _constant(value: Any) -> str:
    # The order of a set is another in each process.
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)


def _of_array(array: Any) -> list[Any]:
    """Return dtype, shape and a digest of the numbers of an array, of which no copy is made."""
    if array.dtype.hasobject:
        return ["object", list(array.shape), joblib.hash(array.tolist())]
    read = hashlib.blake2b(digest_size=16)
    if array.flags.c_contiguous or array.ndim == 0:
        read.update(np.ascontiguousarray(array).view(np.uint8).data)
    else:
        n_rows = max(1, _BLOCK // max(1, array[:1].nbytes))
        for start in range(0, len(array), n_rows):
            read.update(np.ascontiguousarray(array[start : start + n_rows]).view(np.uint8).data)
    return [array.dtype.str, list(array.shape), read.hexdigest()]


def _of_sparse(X: Any) -> list[Any]:
    X = X.tocsr().copy()
    X.sum_duplicates()
    parts = X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return [list(X.shape), *(_of_array(part) for part in parts)]


def _columns(table: Any) -> Iterator[tuple[str, Any]]:
    """Yield the names of a table's columns, and these as arrays."""
    names = getattr(table, "column_names", None)  # of pyarrow
    if names is None:
        names = getattr(table, "columns", None)
    if names is None:  # one column
        yield "", np.asarray(table)
        return
    for i, name in enumerate(names):
        column = table.iloc[:, i] if hasattr(table, "iloc") else table[name]
        yield str(name), np.asarray(column)
