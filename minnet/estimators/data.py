"""Data as users give them: checked, in the dtype of the computation; a warning if they are unscaled."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_sample_weight

from minnet.common.buffers import all_finite
from minnet.common.callers import level_of_user
from minnet.common.checks import check_sparse, is_real
from minnet.common.communicator import in_use
from minnet.common.frames import (
    is_dask_array,
    is_dask_collection,
    is_frame_or_column,
    is_pandas_frame,
    is_polars_frame,
    is_pyarrow_data,
)
from minnet.common.numeric import check_numeric
from minnet.common.ranks import sum_of_ranks
from minnet.common.scale import root_mean_squares
from minnet.common.sklearn_versions import validate_data
from minnet.common.types import Array, DTypeLike, Estimator, Matrix
from minnet.estimators.plain import as_labels, as_numbers, as_weights
from minnet.estimators.targets import Labels, Numbers
from minnet.layers import Layer
from minnet.losses import get_loss
from minnet.piecewise import PiecewiseLinear

__all__ = [
    "Data", "Features", "as_targets", "check_X", "check_data", "check_for_loss", "check_inputs",
    "dtypes_of", "in_memory", "rows_of", "stand_in", "validate", "validate_weight", "warn_of_scale",
    "with_targets",
]  # fmt: skip

#: Those that are taken as they are; all others become the first.
DTYPES = (np.dtype(np.float64), np.dtype(np.float32))

#: What data frames call the second of them.
_FLOAT32 = {"float32", "float[pyarrow]", "float"}

_LARGE = 100.0  # root mean square of one column
_SMALL = 1e-3  # of all numbers
_N_ROWS = 1000  # that are looked at


@dataclass(frozen=True)
class Features:
    """What a fit has learned of its inputs, for those of later calls.

    Attributes
    ----------
    n : int
    names : ndarray of str or None
        Of the columns of a data frame.
    """

    n: int
    names: Array | None = None


@dataclass(frozen=True)
class Data:
    """What a call computes with, and what it has learned of it.

    Attributes
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    y : ndarray or sparse matrix
    T : ndarray
        Targets of the loss.
    sample_weight : ndarray of shape (n_samples,) or None
        Without those of classes.
    weights : ndarray of shape (n_samples,) or None
        With those of classes.
    features : Features
    targets : Labels or Numbers
    given : tuple
        ``X``, ``y`` and ``sample_weight`` in the form in which the user gave them.
    """

    X: Matrix
    y: Any
    T: Array
    sample_weight: Array | None
    weights: Array | None
    features: Features
    targets: Labels | Numbers
    given: tuple[Any, Any, Any]


def check_data(
    estimator: Estimator,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    known: Any = None,  # a Fitted, whose module imports this one
    call: str = "fit",
    classes: Any = None,
) -> Data:
    """Return checked data in the dtype of the fit.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
        Does not change.
    X, y, sample_weight
        As ``fit`` takes them.
    known : Fitted or None
        What the data must agree with; None where that is learned from them.
    call : {"fit", "partial_fit", "batch"}
        "partial_fit": they are a part of the data. "batch": a part that nothing is trained on.
    classes : array-like or None
        Of a classifier's ``partial_fit``.
    """
    as_given = X, y, sample_weight
    X, y, features = check_inputs(estimator, X, y, None if known is None else known.features)
    if sample_weight is not None:
        sample_weight = validate_weight(sample_weight, X)
    options: dict[str, Any] = {"known": known, "call": call, "classes": classes}
    return with_targets(estimator, X, y, sample_weight, features, as_given, **options)


def with_targets(
    estimator: Estimator,
    X: Matrix,
    y: Any,
    sample_weight: Array | None,
    features: Features,
    as_given: tuple[Any, Any, Any],
    *,
    known: Any,
    call: str,
    classes: Any,
) -> Data:
    """Return checked inputs with the targets of the loss and all weights, see :func:`check_data`."""
    given = None if known is None else known.targets
    targets, T = estimator._check_targets(y, X.dtype, sample_weight, given, call, classes)
    check_for_loss(estimator, targets, T, X.dtype)
    weights = estimator._total_weight(targets, T, sample_weight, call)
    if weights is not None:
        with np.errstate(over="ignore"):
            total = sum_of_ranks(weights.sum())
        if not total > 0:
            raise ValueError("sample_weight must not be all zero: no sample has a positive weight.")
        if total == np.inf:
            raise ValueError(f"sample_weight must have a finite sum, got up to {weights.max():g}")
    return Data(X, y, T, sample_weight, weights, features, targets, as_given)


def in_memory(given: tuple[Any, ...], names: tuple[str, ...], instead: str) -> tuple[Any, ...]:
    """Return arguments of which collections of Dask are computed, with a warning; others as they are.

    Parameters
    ----------
    given : tuple
    names : tuple of str
        What the warning calls them.
    instead : str
        What it advises.
    """
    lazy = [name for name, value in zip(names, given, strict=True) if is_dask_collection(value)]
    if not lazy:
        return given
    first = given[names.index(lazy[0])]
    # It is NaN where chunks are of unknown sizes.
    known = is_dask_array(first) and first.nbytes >= 0
    size = f" of {first.nbytes / 1e6:,.3g} MB" if known else ""
    warnings.warn(
        f"{lazy[0]} is a collection of Dask{size}, which is computed and kept in the memory of this "
        f"process as a whole: {instead}",
        stacklevel=level_of_user(),
    )
    return tuple(value.compute() if is_dask_collection(value) else value for value in given)


def check_for_loss(
    estimator: Estimator, targets: Labels | Numbers, T: Array, dtype: DTypeLike, name: str = "y"
) -> None:
    """Raise if the loss does not take the targets ``T``, by the argument's name."""
    loss = get_loss(estimator._loss(targets), targets.n_outputs)
    try:
        loss.as_targets(T, T.shape[0], targets.n_outputs, dtype)
    except ValueError as error:  # a loss calls its targets T
        raise ValueError(str(error).replace("T must", f"{name} must", 1)) from None


def dtypes_of(X: Any) -> tuple[np.dtype[Any], ...]:
    """Return what scikit-learn's checks are to take ``X`` as: the dtypes that it may have.

    They look for dtypes of NumPy, which the columns of polars and Arrow and the nullable ones of pandas
    have not: where all are of 32 bits, it is said here.

    Examples
    --------
    >>> import pandas as pd
    >>> dtypes_of(pd.DataFrame({"a": [1.0]}, dtype="Float32"))
    (dtype('float32'),)
    """
    dtypes: Any = ()
    if is_pandas_frame(X) or is_polars_frame(X):
        dtypes = X.dtypes
    elif is_pyarrow_data(X) and hasattr(X, "schema"):
        dtypes = X.schema.types
    columns = {str(dtype).lower() for dtype in dtypes}
    return DTYPES[1:] if columns and columns <= _FLOAT32 else DTYPES


# scikit-learn tells by the sum whether numbers are finite, and that of huge ones is not.
@np.errstate(over="ignore", invalid="ignore")
def check_inputs(
    estimator: Estimator, X: Any, y: Any, known: Features | None
) -> tuple[Matrix, Any, Features]:
    """Return inputs and targets as arrays, and what is to be known of later inputs.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
        Does not change.
    X, y : array-like
    known : Features or None
        What ``X`` must have; None where this is learned from it.
    """
    dtypes = dtypes_of(X) if getattr(estimator, "precision", None) is None else DTYPES[1:]
    plain = _plain(X, known)
    if plain is not None and plain.dtype in dtypes and _is_plain_target(y, len(plain)):
        return plain, y, known or Features(plain.shape[1])
    learned = stand_in(estimator, known)
    X, y = validate(
        learned,
        X,
        as_targets(estimator, y),
        multi_output=True,
        y_numeric=not hasattr(estimator, "predict_proba"),
        dtype=dtypes,
        reset=known is None,
    )
    names = vars(learned).get("feature_names_in_")
    return X, y, known or Features(learned.n_features_in_, names)


@np.errstate(over="ignore", invalid="ignore")
def check_X(
    estimator: Estimator, X: Any, known: Features, dtype: DTypeLike | None = None
) -> Matrix:
    """Return inputs of a later call as an array, of the dtype if one is given."""
    plain = _plain(X, known)
    if plain is not None and (dtype is None or plain.dtype == dtype):
        return plain
    dtypes = dtypes_of(X) if dtype is None else dtype
    return validate(stand_in(estimator, known), X, dtype=dtypes, reset=False)


def rows_of(values: Any, rows: Array) -> Any:
    """Return the rows of these numbers of an array-like, in its form; of an array where that has no rows.

    Examples
    --------
    >>> rows_of([[1, 2], [3, 4], [5, 6]], np.array([2, 0]))
    [[5, 6], [1, 2]]
    """
    if sparse.issparse(values):  # not all kinds have rows
        return values.tocsr()[rows].asformat(values.format)
    if is_pyarrow_data(values):
        return values.take(rows)
    chooses = isinstance(values, list | tuple | np.ndarray) or is_frame_or_column(values)
    return _safe_indexing(values if chooses else np.asarray(values), rows)


def stand_in(estimator: Estimator, known: Features | None) -> Estimator:
    """Return a copy that scikit-learn's checks read, and leave on it what they learn."""
    copied = copy.copy(estimator)
    copied.__dict__.pop("feature_names_in_", None)
    if known is not None:
        copied.n_features_in_ = known.n
        if known.names is not None:
            copied.feature_names_in_ = known.names
    return copied


def _plain(X: Any, known: Features | None) -> Array | None:
    """Return the array that scikit-learn's checks would return of ``X``; None where that is not plain.

    They take longer than a small network for a row, and for a batch of a stream as long as reading it.
    """
    if known is not None and known.names is not None:
        return _plain_frame(X, known)
    return X if _is_plain(X, known) else None


def _plain_frame(X: Any, known: Features) -> Array | None:
    """Return the numbers of a frame of pandas whose columns are known and of one dtype."""
    if not is_pandas_frame(X) or X.columns.tolist() != known.names.tolist():  # type: ignore[union-attr]
        return None
    dtypes = set(X.dtypes)
    if len(dtypes) != 1 or dtypes.pop() not in DTYPES:
        return None
    values = X.to_numpy()
    return values if _is_plain(values, Features(known.n)) else None


def _is_plain(X: Any, known: Features | None) -> bool:
    """Return whether scikit-learn's checks would return an array without names as it is."""
    return (
        type(X) is np.ndarray
        and X.dtype in DTYPES
        and X.ndim == 2
        and X.shape[0] > 0
        and (X.shape[1] > 0 if known is None else X.shape[1] == known.n)
        and all_finite(X)
    )


def _is_plain_target(y: Any, n_samples: int) -> bool:
    return (
        type(y) is np.ndarray
        and y.shape == (n_samples,)
        and y.dtype.isnative
        and (y.dtype.kind in "biu" or (y.dtype in DTYPES and all_finite(y)))
    )


def as_targets(estimator: Estimator, y: Any, name: str = "y") -> Any:
    """Return labels or numbers, whichever the estimator learns, as an array for scikit-learn's checks."""
    if isinstance(y, str):  # "no_validation" is a word of theirs
        return np.asarray(y)
    return as_labels(y, name) if hasattr(estimator, "predict_proba") else as_numbers(y, name)


def validate(estimator: Estimator, X: Any, y: Any = "no_validation", **options: Any) -> Any:
    """Return what ``sklearn.utils.validation.validate_data`` does, of real numbers and valid matrices."""
    if sparse.issparse(y) and y.ndim != 2:
        raise ValueError(f"y must have two axes as a sparse array, got {y.ndim}")
    for name, given in (("X", X), ("y", y)):
        if sparse.issparse(given) and given.ndim == 2:
            check_sparse(name, given)
    if isinstance(X, list | tuple):
        X = _of_list(X)
    check_numeric("X", X, n_axes=2)
    try:
        return validate_data(estimator, X, y, accept_sparse=["csr", "csc"], **options)
    except OverflowError as error:
        raise ValueError(f"X and y must be numbers that a float can hold: {error}") from None
    except (TypeError, ValueError) as error:
        check_numeric("X", X)  # of texts and dictionaries in the place of rows it tells more
        if type(error).__name__ == "DuplicateError":  # of narwhals, with which frames are read
            raise ValueError(_columns_of_one_name(X=X, y=y)) from None
        if str(error).startswith("setting an array element") and not _is_ragged(X):
            raise ValueError(f"y: {error}") from None
        if "NA is ambiguous" not in str(error):  # which says what went wrong, and not where
            raise
        raise ValueError("X and y must have no missing values, got pandas.NA") from None


def _is_ragged(X: Any) -> bool:
    """Return whether NumPy makes no array of numbers of the rows."""
    if sparse.issparse(X):
        return False
    try:
        np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        return True
    return False


def _columns_of_one_name(**frames: Any) -> str:
    """Return a sentence on the names that several columns of a frame have."""
    for argument, frame in frames.items():
        names = list(getattr(frame, "column_names", getattr(frame, "columns", ())))
        again = dict.fromkeys(name for name in names if names.count(name) > 1)
        if again:
            got = " and ".join(f"{name!r} {names.count(name)} times" for name in again)
            return f"{argument} must have columns of different names, got {got:.200}"
    return f"{' and '.join(frames)} must have columns of different names"


def _of_list(X: Any) -> Any:
    """Return a list of numbers as the array that scikit-learn would make of it, and others as they are."""
    try:
        array = np.asarray(X)
    except (TypeError, ValueError, OverflowError):
        return X
    if array.dtype.kind not in "biuf":
        return X
    return array.astype(np.float64) if array.dtype == np.float32 else array


def validate_weight(sample_weight: Any, X: Matrix, name: str = "sample_weight") -> Array:
    """Return sample weights as an array, or say what is wrong."""
    sample_weight = as_weights(sample_weight, name)
    if np.ndim(sample_weight) == 0 and sample_weight is not None and not is_real(sample_weight):
        raise ValueError(f"{name} must be numbers, got {sample_weight!r:.200}")
    if in_use() is not None and _are_zeros(sample_weight):  # which those of a shard may be
        return validate_weight(sample_weight + 1.0, X, name) * 0.0
    try:
        return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    except OverflowError as error:
        raise ValueError(f"{name} must be numbers that a float can hold: {error}") from None
    except TypeError as error:  # of what no array of numbers can be made
        raise TypeError(f"{name} must be numbers: {error}") from None
    except ValueError as error:
        if not str(error).startswith("setting an array element"):
            raise
        raise ValueError(f"{name}: {error}") from None


def _are_zeros(weights: Any) -> bool:
    return isinstance(weights, np.ndarray) and weights.dtype.kind in "biuf" and not weights.any()


def warn_of_scale(X: Matrix, first: Layer) -> None:
    """Warn where inputs are far from unit scale, by up to some 1000 of the rows, evenly spread.

    The bounds are wide: raw pixels from 0 to 16 pass, ages and incomes do not. Nor do the codes matter of
    which the first layer makes ones and zeros. :func:`minnet.lab.diagnose` looks closer.
    """
    if X.shape[0] > _N_ROWS:
        X = X.tocsr() if sparse.issparse(X) else X
        X = X[:: -(-X.shape[0] // _N_ROWS)]
    numbers = None
    if isinstance(first, PiecewiseLinear) and len(first.columns) == X.shape[1]:
        numbers = [i for i, column in enumerate(first.columns) if not isinstance(column, int)]
        if not numbers:
            return
        X = X.tocsc()[:, numbers] if sparse.issparse(X) else X[:, numbers]
    if not sparse.issparse(X):
        largest = max(X.max(), -X.min())
        # Then both root mean squares are within bounds.
        if _SMALL * X.size**0.5 <= largest <= _LARGE:
            return
    columns, whole = root_mean_squares(X)
    # One digit: the fits of a search have nearly the same rows, and shall not say it in many words.
    scaler = "MaxAbsScaler" if sparse.issparse(X) else "StandardScaler"
    cure = f"put a {scaler} before the network"
    if numbers is not None:
        cure = "give the columns, and with them the edges of PiecewiseLinear, in other units"
    if columns.max() > _LARGE:
        column = columns.argmax() if numbers is None else numbers[columns.argmax()]
        what = f"column {column} has a root mean square of {columns.max():.1g}"
    elif 0 < whole < _SMALL:
        what = f"their root mean square is {whole:.1g}"
    else:
        return
    warnings.warn(
        f"X is far from unit scale ({what}), which networks learn from badly or not at all: {cure}",
        stacklevel=level_of_user(),
    )
