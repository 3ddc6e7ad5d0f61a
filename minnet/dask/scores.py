"""Scores of collections, from what is found in each of their parts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.common.frames import is_dask_array
from minnet.common.types import Array, Estimator
from minnet.dask.parts import check_collection, of_whole_rows
from minnet.estimators.plain import as_numbers, as_weights

__all__ = ["accuracy", "r2"]

#: Of some rows, for each output: their weight, the mean of the targets, and the sums of squares of the
#: distances from it and from the predictions.
_Spread = tuple[float, Array, Array, Array]


def accuracy(model: Estimator, X: Any, y: Any, sample_weight: Any) -> float:
    """Return the share of rows that a classifier is right in."""
    right, total = np.sum(_of_parts(_right, model, X, y, sample_weight), axis=0)
    return float(right / total)


def r2(model: Estimator, X: Any, y: Any, sample_weight: Any) -> float:
    """Return R2 of a regressor, the mean over outputs."""
    spreads = _of_parts(_spread, model, X, y, sample_weight)
    _, _, squares, left = functools.reduce(_merged, spreads)
    # Of targets that are all alike: as in scikit-learn.
    of_alike = np.where(left > 0, 0.0, 1.0)
    differ = squares > 0
    return float(np.mean(np.where(differ, 1 - left / np.where(differ, squares, 1), of_alike)))


def _of_parts(
    function: Callable[..., Any], model: Estimator, X: Any, y: Any, sample_weight: Any
) -> list[Any]:
    """Return what a function finds in the parts that have weight."""
    import dask

    given = {"X": X, "y": y}
    if sample_weight is not None:
        given["sample_weight"] = sample_weight
    lazy, compute = dask.delayed(model, pure=True), dask.delayed(_of_part)
    parts = [dict(zip(given, part, strict=True)) for part in _aligned(given)]
    found = dask.compute(*[compute(function, lazy, **part) for part in parts])
    found = [each for each in found if each is not None]
    if not found:
        raise ValueError("X must have at least one row of a positive sample_weight, got none")
    return found


def _aligned(collections: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return which parts belong together; they are lazy."""
    X = collections["X"]
    parts = []
    for name, collection in collections.items():
        check_collection(name, collection)
        if is_dask_array(collection):
            rows = X.chunks[0] if is_dask_array(X) else collection.chunks[0]
            if sum(rows) == collection.shape[0]:  # known, and as many
                collection = collection.rechunk({0: rows})
            collection = of_whole_rows(collection)
        parts.append(list(np.ravel(collection.to_delayed(optimize_graph=False))))
        if len(parts[-1]) != len(parts[0]):
            raise ValueError(
                f"{name} must have as many rows as X, and where chunks are of unknown sizes the same "
                f"chunks: got {len(parts[-1])} and {len(parts[0])} of them"
            )
    return list(zip(*parts, strict=True))


def _of_part(
    function: Callable[..., Any],
    model: Estimator,
    X: Any,
    y: Any,
    sample_weight: Any = None,
) -> Any:
    """Return what a function finds in a part; None where nothing in it has weight."""
    n_rows = X.shape[0]
    for name, each in {"y": y, "sample_weight": sample_weight}.items():
        if each is not None and each.shape[0] != n_rows:
            raise ValueError(
                f"{name} must have parts of as many rows as those of X, got one of {each.shape[0]} beside "
                f"one of {n_rows}"
            )
    total = n_rows if sample_weight is None else np.asarray(sample_weight).sum()
    return function(model, X, y, sample_weight, total) if total else None


def _right(model: Estimator, X: Any, y: Any, sample_weight: Any, total: float) -> Any:
    return model.score(X, y, sample_weight) * total, total


def _spread(model: Estimator, X: Any, y: Any, sample_weight: Any, total: float) -> _Spread:
    n_rows = X.shape[0]
    T = np.asarray(as_numbers(y), dtype=np.float64).reshape(n_rows, -1)
    Y = model.predict(X).reshape(n_rows, -1)
    weights = (
        np.ones(n_rows) if sample_weight is None else as_weights(sample_weight, "sample_weight")
    )
    w = np.asarray(weights, dtype=np.float64).reshape(n_rows, 1)
    mean = (w * T).sum(axis=0) / total
    return total, mean, (w * (T - mean) ** 2).sum(axis=0), (w * (T - Y) ** 2).sum(axis=0)


def _merged(a: _Spread, b: _Spread) -> _Spread:
    """Return what is so of the rows of both."""
    total, apart = a[0] + b[0], b[1] - a[1]
    mean = a[1] + apart * b[0] / total
    squares = a[2] + b[2] + apart**2 * a[0] * b[0] / total
    return total, mean, squares, a[3] + b[3]
