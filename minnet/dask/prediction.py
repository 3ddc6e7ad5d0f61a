"""Predictions of collections: as lazy as these, in their form, part by part."""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.common.frames import is_dask_array
from minnet.common.types import Array, Estimator
from minnet.dask.parts import of_whole_rows

__all__ = ["predicted"]


def predicted(model: Estimator, method: str, X: Any) -> Any:
    """Return what a method of a model gives for a collection: an array, or a frame or column for a frame.

    Nothing is computed.

    Parameters
    ----------
    model : MinNetClassifier or MinNetRegressor
        Fitted.
    method : str
    X : dask.array.Array or dask.dataframe.DataFrame
    """
    import dask

    if X.ndim != 2:
        raise ValueError(f"X must have two axes, got {X.ndim}")
    of_none = _of_no_rows(model, method, X)
    lazy = dask.delayed(model, pure=True)  # part of the graph once, not once for each part
    if is_dask_array(X):
        X = of_whole_rows(X)
        options: dict[str, Any] = {"drop_axis": 1}
        if of_none.ndim == 2:
            options = {"chunks": (X.chunks[0], (of_none.shape[1],))}
        return X.map_blocks(
            _of_part, lazy, method, of_none, dtype=of_none.dtype, meta=of_none, **options
        )
    names = _names(model, of_none)
    meta = _framed(of_none, X._meta.index, names)
    return X.map_partitions(_of_frame, lazy, method, of_none, names, meta=meta)


def _of_no_rows(model: Estimator, method: str, X: Any) -> Array:
    """Return what a prediction looks like: dtype and columns, of no row."""
    n_features = X.shape[1]
    row: Any = np.zeros((1, n_features), dtype=getattr(X, "dtype", np.float64))
    if hasattr(X, "columns"):
        import pandas as pd

        row = pd.DataFrame(row, columns=X.columns)
    prediction: Array = getattr(model, method)(row)
    return prediction[:0]


def _names(model: Estimator, of_none: Array) -> list[Any] | None:
    """Return what the columns of a frame of predictions are called; None where it is one column."""
    if of_none.ndim == 1:
        return None
    classes = getattr(model, "classes_", ())
    return list(classes) if len(classes) == of_none.shape[1] else list(range(of_none.shape[1]))


def _framed(prediction: Array, index: Any, names: list[Any] | None) -> Any:
    import pandas as pd

    if names is None:
        return pd.Series(prediction, index=index)
    return pd.DataFrame(prediction, index=index, columns=names)


def _of_part(part: Any, model: Estimator, method: str, of_none: Array) -> Array:
    prediction: Array = getattr(model, method)(part) if part.shape[0] else of_none
    return prediction


def _of_frame(
    part: Any, model: Estimator, method: str, of_none: Array, names: list[Any] | None
) -> Any:
    return _framed(_of_part(part, model, method, of_none), part.index, names)
