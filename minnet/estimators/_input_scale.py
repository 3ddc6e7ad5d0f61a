"""A warning about inputs that a network can hardly learn from."""

import sys
import warnings

from scipy import sparse

from minnet.common.scale import root_mean_squares

__all__ = ["warn_of_scale"]

_LARGE = 100.0  # of one column
_SMALL = 1e-3  # of all numbers
_N_ROWS = 1000
_LIBRARIES = ("minnet.", "sklearn.", "joblib.", "contextlib")


def warn_of_scale(X):
    """Warn where inputs are far from unit scale, by up to some 1000 of the rows, evenly spread.

    The bounds are wide: raw pixels from 0 to 16 pass, ages and incomes do not.
    :func:`minnet.lab.diagnose` looks closer.
    """
    if X.shape[0] > _N_ROWS:
        X = X.tocsr() if sparse.issparse(X) else X
        X = X[:: -(-X.shape[0] // _N_ROWS)]
    columns, whole = root_mean_squares(X)
    # One digit: the fits of a search have nearly the same rows, and shall not say it in many words.
    scaler = "MaxAbsScaler" if sparse.issparse(X) else "StandardScaler"
    if columns.max() > _LARGE:
        what = f"column {columns.argmax()} has a root mean square of {columns.max():.1g}"
    elif 0 < whole < _SMALL:
        what = f"their root mean square is {whole:.1g}"
    else:
        return
    warnings.warn(
        f"X is far from unit scale ({what}), which networks learn from badly or not at all: put a "
        f"{scaler} before the network",
        stacklevel=_frames_to_the_user(),
    )


def _frames_to_the_user():
    """Return the stack level of the nearest code that is not of the libraries."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_LIBRARIES):
        level, frame = level + 1, frame.f_back
    return level
