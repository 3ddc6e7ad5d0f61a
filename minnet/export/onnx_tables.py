"""Tables in ONNX's operators: columns as numbers and codes, and the mean of the networks above them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet.common.types import Array, DTypeLike
from minnet.export.onnx_operators import (
    Operators,
    Value,
    add_labels,
    add_logits,
    add_of_one_class,
    apply_link,
    gather,
    shape_of_column,
)
from minnet.export.table_description import TableDescription, category_outputs
from minnet.tables.columns import FAR, Category

__all__ = [
    "ML", "ML_OPSET", "ColumnsInput", "MatrixInput", "TableInput", "add_table_classifier",
    "add_table_numbers", "is_of_numbers",
]  # fmt: skip

#: Texts that stand for a missing one where they are no categories: what Python and pandas show of one.
MISSING_TEXTS = ("", "nan", "None", "<NA>", "NaT")

#: Where LabelEncoder is, and the first version in which it is what it is today.
ML, ML_OPSET = "ai.onnx.ml", 2


class TableInput(ABC):
    """The columns of a table as they come into a graph."""

    @abstractmethod
    def numbers(self, columns: Sequence[int]) -> str:
        """Add some columns of numbers side by side; return their name, in float64."""

    @abstractmethod
    def texts(self, column: int) -> str | None:
        """Return the name of a column of texts, (n_samples, 1); None where it is one of numbers."""

    @abstractmethod
    def dtype(self, column: int) -> np.dtype[Any]:
        """Return the dtype in which the numbers of a column come in."""

    @abstractmethod
    def any(self) -> str:
        """Return the name of something with a row for each sample."""


class MatrixInput(TableInput):
    """A table of numbers in one input."""

    def __init__(self, op: Operators, X: str, dtype: DTypeLike) -> None:
        self.op, self.X, self._dtype = op.of(np.float64), X, np.dtype(dtype)
        self._wide = ""

    def numbers(self, columns: Sequence[int]) -> str:
        """Add the choice of some columns."""
        self._wide = self._wide or self.op.cast(self.X, np.float64)
        return gather(self.op, self._wide, np.array(columns))

    def texts(self, column: int) -> str | None:
        """Return None: there are numbers alone."""
        return None

    def dtype(self, column: int) -> np.dtype[Any]:
        """Return that of the table."""
        return self._dtype

    def any(self) -> str:
        """Return the table."""
        return self.X


class ColumnsInput(TableInput):
    """An input for each column: its name, and its dtype, which is object for texts."""

    def __init__(self, op: Operators, columns: Sequence[tuple[str, DTypeLike]]) -> None:
        self.op, self.columns = op.of(np.float64), columns

    def numbers(self, columns: Sequence[int]) -> str:
        """Add some columns side by side."""
        wide = [self.op.cast(self.columns[i][0], np.float64) for i in columns]
        return wide[0] if len(wide) == 1 else self.op("Concat", *wide, axis=1)

    def texts(self, column: int) -> str | None:
        """Return the input if it is one of texts."""
        return self.columns[column][0] if self.dtype(column).kind == "O" else None

    def dtype(self, column: int) -> np.dtype[Any]:
        """Return that of the input."""
        return np.dtype(self.columns[column][1])

    def any(self) -> str:
        """Return the first input."""
        return self.columns[0][0]


def is_of_numbers(category: Category) -> bool:
    """Return whether a column of categories comes in as numbers."""
    return bool(category.values) and not any(isinstance(v, str) for v in category.values)


# ---- numbers and codes


def _add_encoded(op: Operators, description: TableDescription, table: TableInput) -> str:
    """Add what the encoder makes of a table; return its name, in the dtype of ``op``."""
    Z = _add_structured(op, description, table)
    if description.encoding is None or not description.encoding.layers:
        return Z
    return add_logits(op, description.encoding, Z)


def _add_structured(op: Operators, description: TableDescription, table: TableInput) -> str:
    numbers = description.numbers()
    parts, places = [], {}  # where a column of the result is among all that is computed
    if numbers:
        scaled, missing = _add_scaled(op, description, table.numbers(list(numbers)))
        parts += [scaled, missing]
        for k, i in enumerate(numbers):
            places[i, "number"], places[i, "missing"] = k, len(numbers) + k
    n_before = 2 * len(numbers)
    for i, what in description.parts():
        encoding = description.encoder.encodings_[i]
        if isinstance(encoding, Category):
            places[i, what] = n_before
            n_before += 1
            parts.append(_add_category(op, encoding, table, i, description.column(i)))
    order = np.array([places[part] for part in description.parts()], dtype=np.int64)
    if not parts and description.members:  # which have learned from zeros
        return op("Expand", 0.0, shape_of_column(op, table.any()))
    if not parts:
        raise ValueError("model must have a column that varies for an export, and it has none")
    Z = parts[0] if len(parts) == 1 else op("Concat", *parts, axis=1)
    return Z if order.tolist() == list(range(n_before)) else gather(op, Z, order)


def _add_scaled(op: Operators, description: TableDescription, N: str) -> tuple[str, str]:
    """Add z of columns of numbers, and ones where they are missing."""
    wide = op.of(np.float64)
    of = description.numbers().values()
    center, scale, least, most = np.array([(n.center, n.scale, n.least, n.most) for n in of]).T
    s = wide("Div", wide("Sub", N, center), scale)
    s = wide("Min", wide("Max", s, -FAR), FAR)
    third = wide("Div", s, 3.0)
    z = wide("Div", s, wide("Sqrt", wide("Add", wide("Mul", third, third), 1.0)))
    z = wide("Min", wide("Max", z, least), most)
    missing = wide.node("IsNaN", [N])
    return op.cast(wide("Where", missing, 0.0, z), op.dtype), op.cast(missing, op.dtype)


def _add_category(op: Operators, category: Category, table: TableInput, i: int, column: str) -> str:
    """Add the codes of a column of categories, or -1, 0 and 1 of two."""
    known, unknown, missing = category_outputs(category)
    texts = table.texts(i)
    if texts is not None:
        keys = _texts_of(category.values, column)
        others = [text for text in MISSING_TEXTS if text not in keys]
        codes = op.node(
            "LabelEncoder",
            [texts],
            domain=ML,
            keys_strings=[*keys, *others],
            values_int64s=[*known, *[missing] * len(others)],
            default_int64=unknown,
        )
        return op.cast(codes, op.dtype)
    numbers = _numbers_of(category.values, table.dtype(i), column)
    X, wide = table.numbers([i]), op.of(np.float64)
    found: Value = float(unknown)  # which rare ones are too
    listed = np.array(known) != unknown
    if listed.any():
        # Not LabelEncoder, which knows float64 only from a version on that skl2onnx does not know.
        equal = wide.cast(wide("Equal", X, numbers[listed][np.newaxis]), np.float64)
        steps = (np.array(known)[listed] - unknown)[:, np.newaxis]
        found = wide("Add", wide("MatMul", equal, steps), unknown)
    return op.cast(wide("Where", wide.node("IsNaN", [X]), float(missing), found), op.dtype)


def _texts_of(values: list[Any], column: str) -> list[str]:
    """Return categories as texts, or say that ONNX cannot tell them apart."""
    found: dict[str, Any] = {}
    for value in values:
        text = str(value)
        if text in found:
            raise TypeError(
                f"{column} must have categories of different texts for ONNX, got {found[text]!r} and "
                f"{value!r}"
            )
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise TypeError(f"{column} must have categories in Unicode for ONNX, got {value!r:.60}")
        found[text] = value
    return list(found)


def _numbers_of(values: list[Any], dtype: np.dtype[Any], column: str) -> Array:
    """Return categories as numbers, or say that the input cannot tell them apart."""
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    found: dict[float, Any] = {}
    for value in values:
        try:
            with np.errstate(over="ignore"):
                number = float(dtype.type(value))
        except OverflowError:
            number = np.inf
        if number in found:
            raise TypeError(
                f"{column} must have categories that {dtype} tells apart for ONNX, got "
                f"{found[number]!r} and {value!r:.60}: try dtype='float64', or make texts of them"
            )
        found[number] = value
    return np.array(list(found), dtype=np.float64)


# ---- what a model gives


def add_table_numbers(op: Operators, description: TableDescription, table: TableInput) -> str:
    """Add a regressor, or an encoder alone; return the name of what it gives."""
    X = _add_encoded(op, description, table)
    if description.target is None:
        return X
    wide = op.of(np.float64)
    scale, center, least, most = description.target
    Y = wide("Add", wide("Mul", _mean(wide, _add_members(op, description, X)), scale), center)
    return op.cast(wide("Min", wide("Max", Y, least), most), op.dtype)


def add_table_classifier(
    op: Operators, description: TableDescription, table: TableInput, classes: Array | list[str]
) -> tuple[str, str]:
    """Add a classifier; return the names of its labels and its probabilities, in the dtype of ``op``."""
    if description.kind == "binary" and len(classes) == 1:
        return add_of_one_class(op, table.any(), classes)
    wide = op.of(np.float64)
    logits = _add_members(op, description, _add_encoded(op, description, table))
    output = description.members[0].output
    P = _mean(wide, [apply_link(wide, Z, output) for Z in logits])
    if description.kind == "binary":
        # Not 1 - p, which is 0 where p rounds to 1.
        of_other = [apply_link(wide, wide("Neg", Z), output) for Z in logits]
        P = wide("Concat", _mean(wide, of_other), P, axis=1)
    return add_labels(wide, description.kind, P, classes), op.cast(P, op.dtype)


def _add_members(op: Operators, description: TableDescription, X: str) -> list[str]:
    """Add the networks; return the names of their logits, in float64, divided by the temperature."""
    wide = op.of(np.float64)
    logits = [op.cast(add_logits(op, member, X), np.float64) for member in description.members]
    if description.temperature == 1:
        return logits
    return [wide("Div", Z, description.temperature) for Z in logits]


def _mean(wide: Operators, values: list[str]) -> str:
    """Add the mean of some values."""
    total = values[0]
    for value in values[1:]:
        total = wide("Add", total, value)
    return total if len(values) == 1 else wide("Div", total, len(values))
