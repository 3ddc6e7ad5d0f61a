"""What the displays of a training share: a recording that is given, or one of a clone that is trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import _num_samples

from minnet.common.checks import check_sparse, n_axes
from minnet.common.types import ArrayLike, Matrix
from minnet.estimators.base import BaseMinNet
from minnet.estimators.data import rows_of
from minnet.estimators.preset import written_for
from minnet.lab.measurement import Recording
from minnet.lab.probe import Probe
from minnet.network import Network

_N_MEASUREMENTS = 100
_N_ROWS = 300


def check_recording(recording: Any) -> None:
    """Raise unless it is a recording with a measurement."""
    if not isinstance(recording, Recording):
        raise TypeError(f"recording must be a Recording, got {recording!r:.200}")
    if not len(recording):
        raise ValueError("recording must have at least one measurement, got none")


def record(
    estimator: Any,
    X: Matrix,
    y: ArrayLike,
    X_probe: Matrix,
    y_probe: ArrayLike | None = None,
    *,
    backward: bool = False,
    steps: int | Sequence[int] | None,
    display: str,
) -> Recording:
    """Return what a Probe sees while a clone of the estimator is trained on X and y.

    Unless ``X_probe`` is given it is the first rows of X, and going ``backward`` ``y_probe`` those of y.
    """
    if isinstance(estimator, Network):
        raise TypeError(
            "estimator must be one that trains itself, got a Network: give a Probe to "
            f"Trainer.fit(callbacks=[probe]) and draw {display}.from_recording"
        )
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(last, BaseMinNet):
        raise TypeError(
            "estimator must be a MinNetClassifier, a MinNetRegressor or a Pipeline that ends in one, "
            f"got {estimator!r:.200}"
        )
    if last.solver == "lbfgs":
        raise ValueError("solver must be 'sgd' or 'adam' for a Probe to watch it, got 'lbfgs'")
    if backward and (X_probe is None) != (y_probe is None):
        raise ValueError("X_probe and y_probe must be given together, or neither, got one of them")
    if X_probe is None:
        if not sparse.issparse(X) and n_axes(X) == 0:
            raise ValueError(f"X must have shape (n_samples, n_features), got {X!r:.200}")
        if sparse.issparse(X):
            check_sparse("X", X)  # SciPy follows what it says to wherever that leads
        if not _num_samples(X):
            raise ValueError("X must have at least one row, got none")
        rows = np.arange(min(_N_ROWS, _num_samples(X)))
        X_probe = rows_of(X, rows)
        if backward:
            if n_axes(y) == 0 or _num_samples(y) < len(rows):
                raise ValueError(f"y must have a row for each row of X, got {y!r:.200}")
            y_probe = rows_of(y, rows)
    model = clone(estimator)
    last = model
    if isinstance(model, Pipeline):
        last = model[-1]
        if len(model) > 1:
            X = model[:-1].fit_transform(X, y)
            X_probe = model[:-1].transform(X_probe)
    last = written_for(last, X)
    watch = Probe(X_probe, y_probe, steps=_steps(last, X) if steps is None else steps)
    last.set_callbacks(watch).fit(X, y)
    return watch.recording


def _steps(estimator: Any, X: Matrix) -> list[int]:
    """Return at which steps to measure a training that may end early."""
    n_samples = _num_samples(X)
    batch_size = 200 if estimator.batch_size == "auto" else int(estimator.batch_size)
    last = int(estimator.max_iter) * -(-n_samples // max(1, min(batch_size, n_samples)))
    return np.unique(
        np.append(0, np.geomspace(1, max(last, 2), _N_MEASUREMENTS).astype(int))
    ).tolist()
