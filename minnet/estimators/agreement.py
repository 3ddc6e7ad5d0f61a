"""What all ranks agree on before they train one network: each row is right, or one sentence on all."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import _num_features, _num_samples

from minnet._version import __version__
from minnet.backends import list_backends
from minnet.common.communicator import exchange, in_use
from minnet.common.configurable import Configurable
from minnet.common.ranks import of_ranks
from minnet.common.types import Array, Estimator, Matrix
from minnet.estimators.data import Features, check_inputs, validate_weight
from minnet.estimators.targets import check_indicator
from minnet.training.reading import digest_of

__all__ = [
    "agree", "agree_on_arguments", "agree_on_inputs", "agree_on_preset", "agree_on_weights",
    "has_no_rows", "labels_of_ranks", "size_of",
]  # fmt: skip

#: Arguments on which no number depends.
_OF_ONE_RANK = {"n_threads", "verbose"}

#: CPU levels of the compiled kernels that a newer processor has, too: the lower ones first.
_LEVELS = ("scalar", "baseline", "v3", "v4")

#: What labels are, by the kind of their dtype: those of all ranks are of one row.
_LABELS = {"b": "booleans", "i": "whole numbers", "u": "whole numbers", "f": "floats",
           "U": "strings", "O": "strings"}  # fmt: skip


def agree(what: str, of_each: Sequence[Any], cure: str = "") -> Any:
    """Return what all ranks have; raise where one has something else. None has nothing to say.

    Parameters
    ----------
    what : str
        Subject of the sentence.
    of_each : sequence
        Of each rank.
    cure : str
        End of the sentence.
    """
    known = [(rank, each) for rank, each in enumerate(of_each) if each is not None]
    for rank, each in known[1:]:
        there, first = known[0]
        if each != first:
            at, first, each = _first_difference(first, each)
            here, other = f"{each!s:.100}", f"{first!s:.100}"
            got = f"{other} on rank {there} and {here} on rank {rank}{at}"
            if here == other:
                got = f"another one on rank {rank} than on rank {there}"
            raise ValueError(f"{what} must be the same on all ranks, got {got}{cure}")
    return known[0][1] if known else None


def _first_difference(first: Any, each: Any) -> tuple[str, Any, Any]:
    """Return where two rows of the same length differ first, and by what; other things as they are."""
    if isinstance(first, tuple) and isinstance(each, tuple) and len(first) == len(each):
        pairs = enumerate(zip(first, each, strict=True))
        return next((f" at {i}", repr(a), repr(b)) for i, (a, b) in pairs if a != b)
    return "", first, each


# ---- arguments


@dataclass(frozen=True)
class _Told:
    """What an argument is compared by, and its text."""

    key: Any
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


def agree_on_arguments(
    estimator: Estimator, call: str, classes: Any, goes_on: bool, is_validated: bool
) -> bool:
    """Raise where the ranks do not make the same call; return whether one has a validation set.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
    call : str
        The name of the method.
    classes : array-like or None
        Its argument.
    goes_on : bool
        Whether it begins with what is fitted.
    is_validated : bool
        Whether this rank has rows to validate on.
    """

    def facts() -> dict[str, Any]:
        arguments = {name: value for name, value in estimator.get_params(deep=False).items()
                     if name not in _OF_ONE_RANK} | {"classes": classes}  # fmt: skip
        described = {
            name: _Told(_key_or_text(value), _text(value)) for name, value in arguments.items()
        }
        return {
            "the version of minnet": __version__,
            "the call": f"{type(estimator).__name__}.{call}",
            "the backend": list_backends()[0] if estimator.backend == "auto" else None,
            "the CPU level of the kernels": _cpu_level(estimator.backend),
            **described,
            "the fitted network": _fitted(estimator) if goes_on else "none",
            "validated": is_validated,
        }

    everyone = of_ranks(facts)
    validated = [each.pop("validated", False) for each in everyone]
    for name in everyone[0]:
        of_each = [each.get(name) for each in everyone]
        agree(name, of_each, _cure(name, of_each))
    return any(validated)


def agree_on_preset(estimator: Estimator, call: str, X: Any) -> tuple[int, int]:
    """Return how many rows and columns all ranks have; raise where they have not the same preset."""

    def facts() -> dict[str, Any]:
        size, name = size_of(X), f"{type(estimator).__name__}.{call}"
        return {"the call": name, "preset": repr(estimator.preset), "size": size}

    everyone = of_ranks(facts)
    for name in ("the call", "preset"):
        agree(name, [each.get(name) for each in everyone])
    n_rows, n_columns = zip(*(each["size"] for each in everyone), strict=True)
    return max(1, sum(n_rows)), max(1, *n_columns)


def size_of(X: Any) -> tuple[int, int]:
    """Return how many rows and columns data have; 0 and 0 of what has none."""
    try:
        return _num_samples(X), _num_features(X)
    except (IndexError, TypeError, ValueError):
        return 0, 0


def _cpu_level(backend: Any) -> str | None:
    if backend not in ("auto", "cython") or "cython" not in list_backends():
        return None
    import minnet_ext

    return minnet_ext.cpu_level


def _cure(name: str, of_each: list[Any]) -> str:
    if name == "the CPU level of the kernels":
        known = [level for level in _LEVELS if level in of_each]
        lowest = known[0] if known else "scalar"
        return (
            f", whose sums have other last bits: set the environment variable MINNET_CPU={lowest} "
            "on all of them"
        )
    if name == "the backend":
        return (
            ": install the same on all of them, or name one that all have, such as backend='numpy'"
        )
    if name == "the fitted network":
        return ": fit it on all of them together, or give all of them the same one"
    return ""


def _fitted(estimator: Estimator) -> str:
    """Return what tells a fitted network, and where its training is, from others."""
    network, trainer = estimator.network_, vars(estimator).get("_trainer")
    digest = digest_of(network.state, digest_of(network.params, 0))
    told = [network.key, digest]
    if trainer is not None:
        told += [trainer.n_epochs, trainer.n_seen, trainer.n_steps_before + trainer.n_steps]
        told += [digest_of(trainer.optimizer.state, 0)]
    return f"one of {network.params.size} numbers #{zlib.crc32(repr(told).encode()):08x}"


def _key(value: Any) -> Any:
    """Return what is equal for equal arguments of different processes."""
    if isinstance(value, np.random.RandomState | np.random.Generator):
        return type(value).__name__  # the key is rank 0's
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return ("array", value.shape, _digest(value))
    if sparse.issparse(value):
        return ("matrix", value.shape, _digest(value.toarray()))
    if isinstance(value, Configurable):
        config = value.get_config()
        return (_name(type(value)), tuple((name, _key(each)) for name, each in config.items()))
    if isinstance(value, list | tuple | range):
        return ("list", *map(_key, value))
    if isinstance(value, dict):
        return ("dict", *sorted(((repr(key), _key(each)) for key, each in value.items()), key=repr))
    if value is None or isinstance(value, bool | int | float | str):
        return "nan" if value != value else value
    if callable(value) and hasattr(value, "__qualname__"):
        return _name(value)
    state = tuple(
        (name, _key(each)) for name, each in sorted(getattr(value, "__dict__", {}).items())
    )
    return (_name(type(value)), state)


def _key_or_text(value: Any) -> Any:
    """Return the key of an argument; of one that holds itself the text, and its check says what it is."""
    try:
        return _key(value)
    except RecursionError:
        return _text(value)


def _digest(array: Array) -> int | str:
    return repr(array.tolist()) if array.dtype.hasobject or array.ndim == 0 else digest_of(array, 0)


def _name(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _text(value: Any) -> str:
    if callable(value) and hasattr(value, "__qualname__"):  # whose repr has an address
        return _name(value)
    return f"{value!r:.100}"


# ---- data


@dataclass(frozen=True)
class _Facts:
    """What a rank has to say of its data; None where it has no rows, and so nothing to say."""

    n_rows: int
    n_features: Any = None
    names: Any = None
    form: Any = None
    dtype: Any = None
    y_form: Any = None
    n_columns: Any = None
    y_dtype: Any = None
    labels: Any = None
    weights: Any = None


def has_no_rows(X: Any) -> bool:
    """Return whether data, of any form, are of no rows."""
    try:
        return _num_samples(X) == 0
    except TypeError:
        return False


def agree_on_inputs(
    estimator: Estimator, X: Any, y: Any, sample_weight: Any, known: Features | None
) -> tuple[Matrix, Any, Array | None, Features, list[int]]:
    """Return the checked data of this rank, which may be none, what is learned of ``X``, and all sizes.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
        Does not change.
    X, y, sample_weight
        As ``fit`` takes them.
    known : Features or None
        What ``X`` must have; None where this is learned from it.
    """
    if has_no_rows(X):
        facts = _nothing(X, y, sample_weight)
    else:
        X, y, features = check_inputs(estimator, X, y, known)
        if sample_weight is not None:
            sample_weight = validate_weight(sample_weight, X)
        facts = _said(estimator, X, y, sample_weight, features)
    everyone = of_ranks(lambda: facts)
    like = next((each for each in everyone if each.n_rows), None)
    if like is None:
        raise ValueError("X must have at least one row on some rank, got none on all of them")
    for what, name in (
        ("the number of columns of X", "n_features"),
        ("the names of the columns of X", "names"),
        ("the form of X", "form"),
        ("the dtype of X", "dtype"),
        ("the form of y", "y_form"),
        ("the number of columns of y", "n_columns"),
        ("the kind of the labels in y", "labels"),
        ("sample_weight", "weights"),
    ):
        agree(what, [getattr(each, name) for each in everyone])
    if not facts.n_rows:
        features = Features(like.n_features, _names(like.names))
        X, y, sample_weight = _of_no_rows(like)
    return X, y, sample_weight, features, [each.n_rows for each in everyone]


def agree_on_weights(name: str, weights: Array | None, X: Matrix) -> Array | None:
    """Return the weights of rows ``X``; of no rows no weights, where other ranks have some.

    ``name`` is that of the argument.
    """
    n_rows = X.shape[0]
    text = "None" if weights is None else "an array"
    everyone = of_ranks(lambda: text if n_rows else None)
    return np.empty(0) if agree(name, everyone) == "an array" and not n_rows else weights


def _nothing(X: Any, y: Any, sample_weight: Any) -> _Facts:
    """Return what is told of data of no rows: their columns, where there are some."""
    for name, rows in (("y", y), ("sample_weight", sample_weight)):
        if rows is not None and np.ndim(rows) and not has_no_rows(rows):
            raise ValueError(
                f"X and {name} must have the same number of rows, got 0 and {_num_samples(rows)}"
            )
    shape: tuple[int, ...] = getattr(X, "shape", ())
    n_features = shape[1] if len(shape) == 2 and shape[1] else None
    names = getattr(X, "columns", getattr(X, "column_names", None)) if n_features else None
    if names is not None and not all(isinstance(name, str) for name in names):
        names = None
    told = None if names is None else tuple(names)
    return _Facts(0, n_features, told)


def _said(
    estimator: Estimator, X: Matrix, y: Any, sample_weight: Array | None, features: Features
) -> _Facts:
    """Return what a rank with rows has to say of them."""
    of_labels = hasattr(estimator, "predict_proba")
    return _Facts(
        n_rows=X.shape[0],
        n_features=features.n,
        names=() if features.names is None else tuple(features.names),
        form="a sparse matrix" if sparse.issparse(X) else "an array",
        dtype=X.dtype.name,
        y_form="a sparse matrix" if sparse.issparse(y) else "an array",
        n_columns=y.shape[1] if y.ndim == 2 else 1,
        y_dtype=y.dtype.str,
        labels=_LABELS.get(y.dtype.kind, y.dtype.name) if of_labels else None,
        weights="None" if sample_weight is None else "an array",
    )


def _names(names: tuple[Any, ...] | None) -> Array | None:
    return np.array(names, dtype=object) if names else None


def _of_no_rows(like: _Facts) -> tuple[Matrix, Any, Array | None]:
    """Return no rows of what another rank has."""
    shape = (0, like.n_features)
    X = (
        sparse.csr_array(shape, dtype=like.dtype)
        if "sparse" in like.form
        else np.empty(shape, like.dtype)
    )
    columns = (0,) if like.n_columns == 1 else (0, like.n_columns)
    if "sparse" in like.y_form:
        y = sparse.csr_array((0, like.n_columns), dtype=like.y_dtype)
    else:
        y = np.empty(columns, like.y_dtype)
    return X, y, None if like.weights == "None" else np.empty(0)


def labels_of_ranks(y: Any) -> Any:
    """Return labels, or an indicator, with what those of all ranks have, in few rows.

    They are of the same kind as all rows together would be.
    """
    communicator = in_use()
    if communicator is None or communicator.size == 1:
        return y
    parts = exchange(communicator, lambda: (y.shape[0], _distinct(y)))
    n_samples = sum(n for n, _ in parts)
    values = _union([values for n, values in parts if n])
    if y.ndim == 1:
        # scikit-learn warns of labels of which nearly each is another.
        return np.resize(values, min(n_samples, 3 * len(values)))
    shape = 1 + len(values) // y.shape[1], y.shape[1]
    few = np.resize(values, shape)
    return sparse.csr_array(few) if sparse.issparse(y) else few


#: So many values that are neither 0 nor 1 are told of a matrix: they are to be refused.
_FEW = 3


def _distinct(y: Any) -> Array:
    """Return the labels in ``y``, each once; of an indicator the numbers that it has, or a few of them."""
    if sparse.issparse(y):
        check_indicator(y)
        return np.arange(2).astype(y.dtype)
    if y.ndim == 2:
        others = (y != 0) & (y != 1)
        return np.concatenate([np.unique(y[~others]), np.unique(y[others])[:_FEW]])
    if y.dtype.kind == "O":
        return np.array(sorted(set(y.tolist())), dtype=object)
    if y.dtype.kind == "f" and not (y == np.round(y)).all():
        return y[y != np.round(y)][:1]  # no label
    return np.unique(y)


def _union(parts: list[Array]) -> Array:
    """Return the labels of all ranks, each once."""
    if any(part.dtype.kind == "O" for part in parts):
        return np.array(sorted({label for part in parts for label in part.tolist()}), dtype=object)
    labels = np.unique(np.concatenate(parts))
    if labels.dtype.kind == "f" and any(part.dtype.kind in "iu" for part in parts):
        kinds = " and ".join(sorted({part.dtype.name for part in parts}))
        raise ValueError(f"y must have labels of one type on all ranks, got {kinds}")
    return labels
