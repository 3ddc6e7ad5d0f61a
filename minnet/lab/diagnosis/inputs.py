"""What is wrong with the inputs."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from minnet.common.scale import root_mean_squares
from minnet.common.types import Matrix
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.remedy import Remedy

LARGE_INPUT = 5.0  # root mean square of all of X
_LARGE_COLUMN = 30.0  # of one column
_SMALL_INPUT = 1e-3
_OFFSET = 20.0  # means of columns, in standard deviations
FEWEST_ROWS = 10  # on which anything can be said


@finding("share of rows of ``X`` that are equal to the first: 1, of at least 10 rows")
def _rows_alike(case: Case) -> Found | None:
    if not all_alike(case.X):
        return None
    sentence = (
        f"All {case.X.shape[0]} rows of the inputs are equal: no network can tell them apart."
    )
    return Found(None, 1.0, 1.0, sentence, advice="Look at how X was made.")


@finding(
    "root mean square of ``X``: over 5 (a column: over 30), below 0.001; of the numbers that "
    "are stored if it is sparse. Or the means of the columns over their standard deviations: "
    "20",
)
def _unscaled_inputs(case: Case) -> Found | None:
    X = case.X
    columns, whole = root_mean_squares(X)
    column = columns.max()
    scaler = MaxAbsScaler() if sparse.issparse(X) else StandardScaler()
    put = Remedy({"scaler": scaler}, f"a {type(scaler).__name__} before the network")
    if whole > LARGE_INPUT or column > _LARGE_COLUMN:
        one = whole <= LARGE_INPUT
        figure, threshold = (column, _LARGE_COLUMN) if one else (whole, LARGE_INPUT)
        what = f"Column {columns.argmax()} of the inputs has" if one else "The inputs have"
    elif whole < _SMALL_INPUT:
        figure, threshold, what = whole, _SMALL_INPUT, "The inputs have"
    elif (offset := _offset(X)) > _OFFSET:
        sentence = (
            f"The means of the columns of the inputs are {offset:.3g} times their standard deviations: "
            "all samples look alike to the layers."
        )
        return Found(None, offset, _OFFSET, sentence, [put])
    else:
        return None
    sentence = f"{what} a root mean square of {figure:.3g}, where the layers expect about 1."
    return Found(None, float(figure), threshold, sentence, [put])


# ---- what they share


def all_alike(X: Matrix) -> bool:
    """Return whether all rows are equal, of enough of them."""
    if X.shape[0] < FEWEST_ROWS:
        return False
    if sparse.issparse(X):
        return bool((X.max(axis=0) - X.min(axis=0)).nnz == 0)
    return bool((X[0] == X).all())


def _offset(X: Matrix) -> float:
    """Return how far the columns that vary lie from 0, in units of their spread; 0 if sparse."""
    if sparse.issparse(X) or X.shape[0] < FEWEST_ROWS:
        return 0.0
    squares = np.square(X.mean(axis=0, dtype=np.float64))
    variances = X.var(axis=0, dtype=np.float64)
    vary = variances > 1e-12 * squares
    return float(np.sqrt(squares[vary].sum() / variances[vary].sum())) if vary.any() else 0.0
