"""A TableEncoder as a record of JSON and arrays, and back: what all columns have, in a few arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from minnet.common.checks import check_dtype
from minnet.common.fields import checked, one_of, optional, whole
from minnet.common.types import Array
from minnet.persistence.estimator import check_names, describe_arguments, restore_arguments
from minnet.persistence.record import Record, shorten, wrong
from minnet.persistence.schema import restore
from minnet.persistence.texts import pack, unpack
from minnet.persistence.values import Decoder, Encoder
from minnet.tables import TableEncoder
from minnet.tables.columns import Category, Number

__all__ = ["describe_table_encoder", "restore_table_encoder"]

#: What a column of each kind has, and in which dtype. Edges and values lie end to end, and an array says
#: how many each column has.
_OF_NUMBERS = {
    "center": np.float64, "scale": np.float64, "n_edges": np.int64, "least": np.float64,
    "most": np.float64, "varies": np.bool_, "indicates_missing": np.bool_,
}  # fmt: skip
_PLAIN_NUMBERS = [name for name in _OF_NUMBERS if name != "n_edges"]
_OF_CATEGORIES = {"n_values": np.int64, "n_codes": np.int64}

#: Which type a value has, by its place here.
_TYPES = (str, int, float, bool)


def describe_table_encoder(model: TableEncoder, encoder: Encoder) -> dict[str, Any]:
    """Return the record of an encoder of tables; its arrays go into the encoder of the file."""
    output = vars(model).get("_sklearn_output_config", {})
    return {
        **describe_arguments(_plain(model), encoder, _check_arguments),
        "output": output.get("transform"),
        "fitted": _describe_fitted(model, encoder) if "encodings_" in vars(model) else None,
    }


def restore_table_encoder(record: Record, decoder: Decoder) -> TableEncoder:
    """Return the encoder of tables of a record."""
    model = restore_arguments(TableEncoder, record, decoder, _check_arguments)
    output = record.read("output", optional(one_of("default", "pandas", "polars")))
    if output is not None:
        model._sklearn_output_config = {"transform": output}
    fitted = record.optional_record("fitted")
    if fitted is not None:
        _restore_fitted(model, fitted, decoder)
        fitted.done()
    return model


def _plain(model: TableEncoder) -> TableEncoder:
    """Return a stand-in whose argument is an array where the user has given an index of a frame."""
    features = model.categorical_features
    if features is None or type(features) in (str, list, tuple, np.ndarray):
        return model
    stand_in = TableEncoder(**model.get_params(deep=False))
    stand_in.categorical_features = np.asarray(features)
    if "_metadata_request" in vars(model):
        stand_in._metadata_request = model._metadata_request
    return stand_in


def _check_arguments(model: TableEncoder) -> None:
    check_dtype(model.dtype)


# ---- what a fit leaves


def _describe_fitted(model: TableEncoder, encoder: Encoder) -> dict[str, Any]:
    encodings = model.encodings_
    _check_encodings("encodings_", encodings)
    numbers = [each for each in encodings if isinstance(each, Number)]
    categories = [each for each in encodings if isinstance(each, Category)]
    columns = {
        "is_category": np.array([isinstance(each, Category) for each in encodings], dtype=bool),
        **{name: [getattr(each, name) for each in numbers] for name in _PLAIN_NUMBERS},
        "n_edges": [0 if each.edges is None else len(each.edges) for each in numbers],
        "n_values": [len(each.values) for each in categories],
        "n_codes": [each.n_codes for each in categories],
    }
    for name, values in columns.items():
        dtype = (_OF_NUMBERS | _OF_CATEGORIES).get(name, np.bool_)
        encoder.add(f"columns.{name}", np.array(values, dtype=dtype))
    edges = [each.edges for each in numbers if each.edges is not None]
    encoder.add("columns.edges", np.concatenate([*edges, np.empty(0, np.float32)]))
    values = [value for each in categories for value in each.values]
    if values:
        types = [_TYPES.index(type(value)) for value in values]
        lengths, raw = pack([_text_of(value) for value in values])
        rare = [code == each.infrequent for each in categories for code in each.codes]
        encoder.add("columns.types", np.array(types, dtype=np.uint8))
        encoder.add("columns.lengths", lengths)
        encoder.add("columns.texts", raw)
        encoder.add("columns.rare", np.array(rare, dtype=bool))
    names = vars(model).get("feature_names_in_")
    return {"n_features": len(encodings), "feature_names": encoder.encode(names, "names")}


def _restore_fitted(model: TableEncoder, record: Record, decoder: Decoder) -> None:
    n = record.read("n_features", whole())
    is_category = _array("is_category", np.bool_, n, decoder)
    wanted = {"feature_names": optional(checked(partial(_check_different, n=n)))}
    names = restore(wanted, record, decoder)["feature_names"]
    n_categories = int(is_category.sum())
    numbers = _numbers(n - n_categories, decoder)
    categories = _categories(n_categories, decoder)
    encodings = [next(categories) if each else next(numbers) for each in is_category]
    _check_encodings(f"{record.where}.columns", encodings)
    model.n_features_in_, model.encodings_ = n, encodings
    if names is not None:
        model.feature_names_in_ = names
    model.columns_ = [column for _, _, column in model._parts()]


def _array(name: str, dtype: Any, n: int, decoder: Decoder) -> Array:
    return decoder.arrays.array(f"columns.{name}", [np.dtype(dtype)], (n,))


def _numbers(n: int, decoder: Decoder) -> Iterator[Number]:
    """Return the columns of numbers; all arrays are read here."""
    of = {name: _array(name, dtype, n, decoder).tolist() for name, dtype in _OF_NUMBERS.items()}
    edges = _cut("edges", of.pop("n_edges"), [np.dtype(np.float32)], decoder)
    return iter(
        [
            Number(edges=part.copy() if len(part) else None, **dict(zip(of, row, strict=True)))
            for part, *row in zip(edges, *of.values(), strict=True)
        ]
    )


def _categories(n: int, decoder: Decoder) -> Iterator[Category]:
    """Return the columns of categories; all arrays are read here."""
    of = {name: _array(name, dtype, n, decoder).tolist() for name, dtype in _OF_CATEGORIES.items()}
    if not any(of["n_values"]):
        if any(of["n_codes"]):
            raise wrong("columns.n_codes", "0 where there are no values", max(of["n_codes"]))
        return iter([Category([], [], 0, -1) for _ in range(n)])
    types = _cut("types", of["n_values"], [np.dtype(np.uint8)], decoder)
    rare = _cut("rare", of["n_values"], [np.dtype(np.bool_)], decoder)
    lengths = _cut("lengths", of["n_values"], [np.dtype(np.int64)], decoder)
    raw = decoder.arrays.array("columns.texts", [np.dtype(np.uint8)], ndim=1)
    texts = iter(unpack(np.concatenate(lengths), raw, "columns.texts").tolist())
    made = []
    for kinds, is_rare, n_codes in zip(types, rare, of["n_codes"], strict=True):
        values = [_value_of(kind, next(texts)) for kind in kinds.tolist()]
        codes, infrequent, _ = _codes(is_rare)
        made.append(Category(values, codes.tolist(), n_codes, infrequent))
    return iter(made)


def _cut(name: str, sizes: list[int], dtypes: list[Any], decoder: Decoder) -> list[Array]:
    """Return the parts of an array that has those of all columns end to end."""
    array = decoder.arrays.array(f"columns.{name}", dtypes, ndim=1)
    if min(sizes, default=0) < 0 or sum(sizes) != len(array):
        raise ValueError(
            f"columns.{name} must have as many parts as its columns say, got {len(array)}"
        )
    return np.split(array, np.cumsum(sizes, dtype=np.int64)[:-1]) if sizes else []


def _codes(rare: Array) -> tuple[Array, int, int]:
    """Return the codes of values, which of them rare ones share, and how many there are."""
    n_frequent, some = int((~rare).sum()), bool(rare.any())
    codes = np.where(rare, n_frequent, np.cumsum(~rare) - 1)
    return codes, n_frequent if some else -1, n_frequent + some


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    # Bases of 2: exact, and Python bounds no length.
    return value.hex() if isinstance(value, float) else hex(value)


def _value_of(kind: int, text: str) -> Any:
    """Return the value of a text, or say that it is none of its type."""
    if kind >= len(_TYPES):
        raise wrong("columns.types", f"at most {len(_TYPES) - 1}", kind)
    if kind == 0:
        return text
    try:
        value = float.fromhex(text) if _TYPES[kind] is float else int(text, 16)
    except (ValueError, OverflowError):
        raise wrong("columns.texts", f"the text of a {_TYPES[kind].__name__}", text) from None
    if value != value or (_TYPES[kind] is bool and value not in (0, 1)):
        raise wrong("columns.texts", f"the text of a {_TYPES[kind].__name__}", text)
    return _TYPES[kind](value)


# ---- what columns may be: when they are written and when they are read


def _check_encodings(where: str, encodings: list[Any]) -> None:
    for i, encoding in enumerate(encodings):
        if isinstance(encoding, Category):
            _check_category(f"{where}[{i}]", encoding)
        else:
            _check_number(f"{where}[{i}]", encoding)


def _check_number(where: str, number: Number) -> None:
    if not math.isfinite(number.center):
        raise wrong(f"{where}.center", "a finite number", number.center)
    if not 0 < number.scale < math.inf:
        raise wrong(f"{where}.scale", "a finite number above 0", number.scale)
    if not -3 <= number.least <= number.most <= 3:
        raise ValueError(
            f"{where}.least and most must be in their order within -3 and 3, got {number.least} and "
            f"{number.most}"
        )
    edges = number.edges
    if edges is None:
        return
    rising = edges.dtype == np.float32 and edges.ndim == 1 and len(edges) > 1
    if not number.varies or not rising or not np.isfinite(edges).all():
        raise ValueError(f"{where}.edges must be two or more finite float32 numbers, if it varies")
    if not (edges[1:] > edges[:-1]).all():
        raise ValueError(f"{where}.edges must be in rising order")


def _check_category(where: str, category: Category) -> None:
    values = category.values
    keys = [(isinstance(value, str), value) for value in values]
    if not all(type(value) in _TYPES and value == value for value in values):
        raise ValueError(f"{where}.values must be texts and numbers")
    if not all(a < b for a, b in itertools.pairwise(keys)):
        raise ValueError(f"{where}.values must be sorted, each once")
    rare = np.array([code == category.infrequent for code in category.codes], dtype=bool)
    codes, infrequent, n_codes = _codes(rare)
    if (
        len(rare) != len(values)
        or codes.tolist() != category.codes
        or infrequent != category.infrequent
    ):
        raise ValueError(f"{where}.codes must be those of its values in their order")
    if category.n_codes != n_codes and not category.n_codes == 0 < n_codes == 1:
        raise wrong(f"{where}.n_codes", f"{n_codes} by its codes", category.n_codes)


def _check_different(where: str, names: Any, n: int) -> Any:
    names = check_names(where, names, n)
    if len(set(names.tolist())) < n:
        again = next(name for name in names.tolist() if names.tolist().count(name) > 1)
        raise ValueError(f"{where} must be different, got {shorten(again)} again")
    return names
