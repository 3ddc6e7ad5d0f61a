"""A model of tables as a text of Python that needs NumPy and nothing else."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np

from minnet._version import __version__
from minnet.export.numpy_network import (
    Source,
    class_constant,
    function,
    imports,
    literal,
    written,
)
from minnet.export.table_description import TableDescription, category_outputs
from minnet.tables.columns import FAR, Category, Number

__all__ = ["TableSource"]


class TableSource:
    """The parts of a file, from top to bottom."""

    def __init__(self, description: TableDescription) -> None:
        self.description = description
        self.encoding = None if description.encoding is None else Source(description.encoding)
        # All say the same, but for their arrays, which become one of one more axis.
        first = 1 if self.encoding is None else 2
        self.members = [Source(member, first, "[i]") for member in description.members]
        self.functions: dict[str, str] = {}

    def text(self) -> str:
        """Return the text of the file."""
        body = self._body()  # names the functions that it needs
        sources = [source for source in (self.encoding, *self.members[:1]) if source is not None]
        for source in sources:
            self.functions |= source.functions
        blocks = [
            self._head(sources),
            *self.functions.values(),
            _READING,
            self._structured(),
            *body,
        ]
        if not sources:
            return "\n\n\n".join(block.strip() for block in blocks) + "\n"
        blocks.append(sources[0].array_function())
        arrays = [] if self.encoding is None else list(self.encoding.arrays)
        for of_members in zip(*(source.arrays for source in self.members), strict=True):
            arrays.append((of_members[0][0], np.stack([array for _, array in of_members])))
        end = "\n".join(written(name, array) for name, array in arrays)
        return "\n\n\n".join(block.strip() for block in blocks) + "\n\n\n" + end

    # ---- the parts

    def _head(self, sources: list[Source]) -> str:
        """Return docstring, imports and constants."""
        d = self.description
        ways = ["predict"] + ["predict_proba"] * d.is_classifier if d.members else ["transform"]
        what = f"{len(d.members)} neural networks" if d.members else "The encoding of a table"
        lines = [
            f'"""{what} in NumPy: a {d.model}, written down by minnet {__version__}.',
            "",
            f"{' and '.join(ways)} take a table of {d.n_features} columns: a data frame, a dict of",
            "columns, an array, or a list of rows.",
            '"""',
            "",
            *imports(self.functions),
            f'DTYPE = "{d.dtype.name}"',
            f"N_FEATURES = {d.n_features}",
            f"FEATURE_NAMES = {None if d.feature_names is None else literal(d.feature_names)}",
        ]
        if d.members:
            lines += [f"N_MEMBERS = {len(d.members)}", f"TEMPERATURE = {float(d.temperature)!r}"]
        if d.is_classifier:
            lines.append(class_constant(d.classes))
        if d.target is not None:
            for name, values in zip(("SCALE", "MEAN", "LEAST", "MOST"), d.target, strict=True):
                lines.append(
                    f"{name} = np.array({literal(np.asarray(values, np.float64).tolist())})"
                )
        lines += [constant for source in sources for constant in source.constants]
        columns = "".join(f"    {_how(each)},\n" for each in d.encoder.encodings_)
        lines += [
            "",
            "# How each column is read. Numbers: the median, what one unit is, the least and the most in",
            "# these units, whether there is such a number, and whether another says that it is missing.",
            "# Categories: what becomes of each, of an unknown one, and of a missing one.",
            f"COLUMNS = [\n{columns}]",
        ]
        return "\n".join(lines)

    def _structured(self) -> str:
        """Return the function that makes numbers of a table."""
        nothing = "    if not parts:\n        return np.zeros((n_rows, 1), dtype=DTYPE)\n"
        return _STRUCTURED.format(
            far=repr(FAR), nothing=nothing if self.description.members else ""
        )

    def _body(self) -> list[str]:
        """Return the functions that a user calls."""
        d = self.description
        encoded = [
            "Y = structured(X)",
            *([] if self.encoding is None else _stripped(self.encoding)),
        ]
        if not d.members:
            doc = f"Return the table as numbers, of shape (n_samples, {d.n_outputs})."
            return [function("transform", doc, [*encoded, "Y"])]
        return [self._logits(encoded), *self._predict()]

    def _logits(self, encoded: list[str]) -> str:
        steps = textwrap.indent("\n".join(self.members[0].steps), "    ")
        lines = "\n".join(f"    {line}" for line in encoded)
        return _LOGITS.format(encoded=lines, steps=steps)

    def _predict(self) -> list[str]:
        d = self.description
        if not d.is_classifier:
            Y = "np.clip(sum(logits(X)) / N_MEMBERS * SCALE + MEAN, LEAST, MOST)"
            shape = f"(n_samples, {d.n_outputs})" if d.n_outputs > 1 else "(n_samples,)"
            doc = f"Return predictions, of shape {shape}."
            return [function("predict", doc, [Y if d.n_outputs > 1 else f"{Y}.ravel()"])]
        source = self.members[0]
        P = f"sum({source.link('Z')} for Z in logits(X)) / N_MEMBERS"
        of_proba = "Return the probability of each class, in the order of CLASSES."
        of_predict = "Return the label of the most probable class."
        labels = "CLASSES[predict_proba(X).argmax(axis=1)]"
        if d.kind == "multilabel":
            of_proba = "Return the probability of each label being 1."
            of_predict = "Return zeros and ones, of shape (n_samples, n_labels)."
            labels = "(predict_proba(X) > 0.5).astype(np.int64)"
        elif d.kind == "binary" and len(d.classes) == 1:
            P = "np.ones((len(structured(X)), 1))"
        elif d.kind == "binary":
            # Not 1 - p, which is 0 where p rounds to 1.
            both = f"np.hstack([{source.link('-Z')}, {source.link('Z')}])"
            P = f"sum({both} for Z in logits(X)) / N_MEMBERS"
            labels = "CLASSES[(predict_proba(X)[:, 1] > 0.5).astype(np.intp)]"
        return [function("predict", of_predict, [labels]), function("predict_proba", of_proba, [P])]


def _stripped(source: Source) -> list[str]:
    return [line.strip() for line in source.steps]


def _how(encoding: Number | Category) -> str:
    """Return how a column is read, as a literal."""
    if isinstance(encoding, Category):
        if not encoding.n_codes:
            return "None"
        known, unknown, missing = category_outputs(encoding)
        pairs = zip(encoding.values, known, strict=True)
        texts = ", ".join(f"{_literal(value)}: {code}" for value, code in pairs)
        return f'("category", {{{texts}}}, {unknown}, {missing})'
    if not encoding.varies and not encoding.indicates_missing:
        return "None"
    numbers = encoding.center, encoding.scale, encoding.least, encoding.most
    flags = encoding.varies, encoding.indicates_missing
    return f'("number", {", ".join(map(repr, (*map(float, numbers), *map(bool, flags))))})'


def _literal(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


_READING = '''def columns_of(X):
    """Return the columns of a table, or say what is wrong with it."""
    names = getattr(X, "column_names", getattr(X, "columns", None))
    if isinstance(X, dict):
        names = list(X)
        if FEATURE_NAMES is not None and sorted(map(str, names)) == sorted(FEATURE_NAMES):
            names = FEATURE_NAMES  # they may come in any order
    if names is None:
        X = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
        if X.ndim != 2 or X.shape[1] != N_FEATURES:
            raise ValueError(f"X must have shape (n_samples, {N_FEATURES}), got {X.shape}")
        return list(X.T)
    names = list(names)
    if FEATURE_NAMES is not None and names != FEATURE_NAMES:
        raise ValueError(f"X must have the columns {FEATURE_NAMES}, got {names}")
    if len(names) != N_FEATURES:
        raise ValueError(f"X must have {N_FEATURES} columns, got {len(names)}")
    columns = [X[name] for name in names]
    if len(set(map(len, columns))) > 1:
        raise ValueError(f"columns of X must be equally long, got {list(map(len, columns))}")
    return columns


def values_of(column):
    """Return a column as Python's own values."""
    for name in ("tolist", "to_list", "to_pylist"):
        if hasattr(column, name):
            return getattr(column, name)()
    return list(column)


def is_missing(value):
    """Return whether a value says that there is none: None, NaN, NA or NaT."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def numbers(column, i):
    """Return a column of numbers, NaN where one is missing."""
    array = np.asarray(column)
    if array.dtype.kind in "biuf":
        return array.astype(np.float64)
    values = [np.nan if is_missing(value) else value for value in values_of(column)]
    for value in values:
        if array.dtype.kind in "Mm" or isinstance(value, (str, bytes)):
            raise ValueError(f"column {i} of X must be numbers, got {value!r}")
    return np.array([float(value) for value in values], dtype=np.float64)


def categories(column, known, unknown, missing):
    """Return the number of each category."""
    codes = [missing if is_missing(v) else known.get(plain(v), unknown) for v in values_of(column)]
    return np.array(codes, dtype=np.float64)


def plain(value):
    """Return a category as a text or a number."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, (str, bool, int)):
        return value
    return float(value) if hasattr(value, "__float__") else str(value)
'''

_STRUCTURED = '''def structured(X):
    """Return scaled numbers, where one is missing, and codes of categories: -1 for none; or -1 and 1."""
    parts, n_rows = [], 0
    for i, (column, how) in enumerate(zip(columns_of(X), COLUMNS)):
        n_rows = len(column)
        if how is None:
            continue
        if how[0] == "category":
            parts.append(categories(column, *how[1:]))
            continue
        center, scale, least, most, varies, indicates_missing = how[1:]
        x = numbers(column, i)
        missing = np.isnan(x)
        with np.errstate(over="ignore"):
            s = np.clip((x - center) / scale, -{far}, {far})
        z = np.clip(s / np.sqrt(1 + (s / 3) ** 2), least, most)
        z[missing] = 0  # the median
        parts += [z] * varies + [missing] * indicates_missing
{nothing}    return np.column_stack(parts).astype(DTYPE)
'''

_LOGITS = '''def logits(X):
    """Return the logits of each network, over the temperature."""
{encoded}
    encoded, found = Y, []
    for i in range(N_MEMBERS):
        Y = encoded
{steps}
        found.append(Y.astype(np.float64) / TEMPERATURE)
    return found
'''
