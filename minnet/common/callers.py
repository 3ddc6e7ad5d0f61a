"""Who called: where a warning points, and whether what is running is one of many fits."""

from __future__ import annotations

import sys
from collections.abc import Iterator

__all__ = ["level_of_user", "within_a_search"]

_LIBRARIES = ("minnet.", "sklearn.", "joblib.", "numpy.", "contextlib")

#: Packages that fit many models in a row, or in other processes.
_SEARCHES = (
    "sklearn", "joblib", "optuna", "hyperopt", "skopt", "bayes_opt", "nevergrad", "ray", "dask", "dask_ml",
    "distributed", "multiprocessing", "concurrent", "mlxtend", "imblearn",
)  # fmt: skip

#: Their modules through which a user's one fit may go.
_OF_ONE_FIT = (
    "sklearn.base", "sklearn.callback", "sklearn.compose._target", "sklearn.pipeline", "sklearn.utils",
    "imblearn.pipeline",
)  # fmt: skip

#: What is above it is a worker's own.
_ONE_RANK = "minnet.dask.worker"


def level_of_user() -> int:
    """Return the ``stacklevel``, for the caller, of the nearest code that is not of the libraries."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_LIBRARIES):
        level, frame = level + 1, frame.f_back
    return level


def within_a_search() -> bool:
    """Return whether the present fit is one of many that a search, a meta-estimator or a worker makes.

    A Pipeline and a TransformedTargetRegressor make one fit, as their user's call, and so do the workers
    that :mod:`minnet.dask` has train together.

    Examples
    --------
    >>> within_a_search()
    False
    """
    return any(
        name.partition(".")[0] in _SEARCHES
        and not any(name == one or name.startswith(f"{one}.") for one in _OF_ONE_FIT)
        for name in _modules_above()
    )


def _modules_above() -> Iterator[str]:
    """Return the names of the modules whose code is running, up to where one fit of several begins."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") != _ONE_RANK:
        yield str(frame.f_globals.get("__name__", ""))
        frame = frame.f_back  # type: ignore[assignment]  # None at the end
