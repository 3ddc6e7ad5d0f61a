"""Predictions, a block of rows at a time: those of one network, or the mean of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from minnet.common.entry import shorten
from minnet.common.frames import is_dask_collection
from minnet.common.types import Array, Matrix
from minnet.estimators.data import Features, check_X, in_memory
from minnet.training.divergence import finite_logits, finite_predictions

__all__ = ["PredictionMixin", "log_mean_exp", "mean", "predict_blocks"]

# Rows are predicted in blocks with about so many bytes of logits: what comes after the logits (softmax
# and the like) makes temporary arrays of their size.
_BLOCK_BYTES = 2**20
# A multiple, since a BLAS library may compute the last few rows of a product another way.
_ROW_STEP = 1024
#: What to do instead with a collection of Dask.
_BY_PARTS = (
    "map_blocks of an array and map_partitions of a frame predict parts where they lie; compute() it "
    "first if that is what you want"
)


def predict_blocks(
    X: Matrix,
    backends: list[Any],
    output: Callable[[list[Array]], Matrix],
    made: Callable[[Any, Any, Matrix], Array] = finite_logits,
) -> Matrix:
    """Return ``output([Y, ...])`` for what each backend makes of ``X``, a block of rows at a time.

    That is ``Y = made(network, backend, X)``. The networks of the backends differ in their numbers alone.
    """
    network = backends[0].network
    n_rows = X.shape[0]
    step = max(1, _BLOCK_BYTES // (network.dtype.itemsize * network.sizes[-1]))
    block = max(1, step // _ROW_STEP) * _ROW_STEP

    if n_rows <= min(block, step):
        return output([made(each.network, each, X) for each in backends])
    if sparse.issparse(X):
        X = X.tocsr()

    def outputs() -> Iterator[Any]:
        for start in range(0, n_rows, block):
            some = X[start : start + block]
            of_all = [made(each.network, each, some) for each in backends]
            for first in range(0, len(of_all[0]), step):
                yield output([Y[first : first + step] for Y in of_all])

    parts = outputs()
    first = next(parts)
    if sparse.issparse(first):
        return sparse.vstack([first, *parts], format="csr")
    Y = np.empty((n_rows, *first.shape[1:]), dtype=first.dtype)
    Y[: len(first)] = first
    done = len(first)
    for some in parts:
        Y[done : done + len(some)] = some
        done += len(some)
    return Y


def mean(arrays: list[Array]) -> Array:
    """Return the mean of arrays, summed in float64, in their dtype.

    Examples
    --------
    >>> import numpy as np
    >>> mean([np.float32([0.5, 1.0]), np.float32([0.0, 1.0])])
    array([0.25, 1.  ], dtype=float32)
    """
    total = np.zeros(arrays[0].shape)
    for array in arrays:
        total += array
    return (total / len(arrays)).astype(arrays[0].dtype)


def log_mean_exp(arrays: list[Array]) -> Array:
    """Return the logarithm of the mean of numbers that are given by their logarithms.

    Examples
    --------
    >>> import numpy as np
    >>> log_mean_exp([np.array([-1000.0]), np.array([-1000.0])])
    array([-1000.])
    """
    total = arrays[0].astype(np.float64)
    for array in arrays[1:]:
        total = np.logaddexp(total, array)
    return (total - np.log(len(arrays))).astype(arrays[0].dtype)


class PredictionMixin:
    """Mixin of the estimators: from the logits of their networks to predictions."""

    backend: str
    n_threads: int | None
    n_features_in_: int

    def _predicted(
        self,
        X: Any,
        made: Callable[[Any, Any, Matrix], Array] = finite_predictions,
        then: Callable[[Array], Matrix] | None = None,
        mean: Callable[[list[Array]], Array] = mean,
    ) -> Matrix:
        """Return the mean over the networks of ``made(network, backend, X)``.

        And what the function ``then`` makes of it, if there is one.
        """
        fitted = vars(self)  # which a fit in another thread replaces as a whole
        if "network_" not in fitted:
            check_is_fitted(self, "network_")
        caches = fitted["_backend_caches"]
        backends = [caches[0].get(self.backend, fitted["network_"], self.n_threads)]
        for i, network in enumerate(fitted["_other_networks"], 1):
            backends.append(caches[i].get(self.backend, network, self.n_threads))

        def of_all(outputs: list[Array]) -> Matrix:
            Y = outputs[0] if len(outputs) == 1 else mean(outputs)
            return Y if then is None else then(Y)

        return self._predict_blocks(X, backends, of_all, made)

    def _at_once(
        self, X: Any, pair: bool = False, temperature: float | None = None
    ) -> Array | None:
        """Return :func:`finite_predictions` of one network for an array with nothing wrong about it.

        None where there are several networks, names of features, more rows than a block, or anything but
        an array of finite numbers in the dtype of the fit: then :meth:`_predicted` is to be asked, which
        does the same, or says what is wrong. Few rows take a fourth of the time.
        """
        fitted = vars(self)  # which a fit in another thread replaces as a whole
        caches, network = fitted.get("_backend_caches", ()), fitted.get("network_")
        if len(caches) != 1 or network is None or "feature_names_in_" in fitted:
            return None
        if fitted.get("n_features_in_") != network.sizes[0]:
            return None
        backend = caches[0].get(self.backend, network, self.n_threads)
        made: Array | None = backend.predict_plain(X, pair, temperature, _BLOCK_BYTES)
        return made

    def _predict_blocks(
        self,
        X: Any,
        backends: list[Any],
        output: Callable[[list[Array]], Matrix],
        made: Callable[[Any, Any, Matrix], Array] = finite_logits,
    ) -> Matrix:
        """See :func:`predict_blocks`."""
        known = Features(self.n_features_in_, vars(self).get("feature_names_in_"))
        if is_dask_collection(X):
            (X,) = in_memory((X,), ("X",), _BY_PARTS)
        try:
            X = check_X(self, X, known)
        except (TypeError, ValueError) as error:
            shorten(error)
            raise
        return predict_blocks(X, backends, output, made)
