"""What is wrong with the data, before any network: rows that tell nothing, and the inputs' scale."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from minnet.common.scale import root_mean_squares
from minnet.common.types import Array, Matrix
from minnet.estimators.solvers import batch_size_of
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.equal_rows import EQUAL, kinds_of_rows, least_loss
from minnet.lab.diagnosis.first_steps import FirstSteps
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.spread import RULED, shares_of_bulk, spreads
from minnet.lab.diagnosis.wording import in_words
from minnet.links import dense

FEWEST_ROWS = 10  # on which anything can be said

_MOST_KINDS = 200  # of rows that are told apart
_TELLS_NOTHING = 0.99  # of the best constant's loss

_ENOUGH_ROWS = 3000  # of which scales are taken

_RULED_UTTERLY = 1e-3
_FINE = 1e-5  # a QuantileTransformer takes what lies within 1e-7 of its bounds for these
_SHARE_OF_ALL = 0.02  # of the variance of the inputs: rare pixels have less

LARGE_INPUT = 5.0  # root mean square of all of X
_LARGE_COLUMN = 30.0  # of one column
_SMALL_INPUT = 0.05  # of what is not 0
_SMALL_COLUMN = 0.01
_OFFSET = 5.0  # means of columns, in standard deviations
# From where it takes less to prove that they are the trouble.
_FAR_TOO_LARGE, _FAR_TOO_LARGE_COLUMN, _FAR_TOO_SMALL, _FAR_OFF = 30.0, 100.0, 1e-3, 20.0

_SQUARABLE = 1e-150, 1e150

_IN_ORDER = 0.8  # of the targets' variance is left within mini-batches
_FEWEST_IN_A_BLOCK = 20
_EPOCHS = 10, 100  # in which order shows, or what is affordable of them
_HARDLY_LEARNS, _SLOWER = (
    0.5,
    1.25,
)  # losses over the best constant's, and over those of shuffled rows
_LEARNS, _MUCH_SLOWER = 0.2, 2.5


@finding("targets that differ from the first: none, of at least 10", of_data=True)
def _targets_alike(case: Case) -> Found | None:
    T, weights = dense(case.subject.T), case.subject.weights
    those = "targets"
    if weights is not None and (weights == 0).any():
        T = T[weights > 0]
        those += " of rows with a weight"
    if len(T) < FEWEST_ROWS or not (T[0] == T).all():
        return None
    sentence = f"All {len(T)} {those} are equal: there is nothing to learn from these rows."
    advice = "Look at how y was made, or give rows of which the targets differ."
    return Found(None, 1.0, 1.0, sentence, advice=advice)


@finding(
    "the least loss of answers that depend on the inputs alone, equal ones to equal rows, over that of "
    "the best constant: 0.99, on at least 10 rows",
    unless=("targets_alike", "labels_contradict"),
    of_data=True,
)
def _rows_alike(case: Case) -> Found | None:
    X, n = case.X, case.X.shape[0]
    if n < FEWEST_ROWS or (kinds := kinds_of_rows(X, _MOST_KINDS)) is None:
        return None
    n_kinds = int(kinds.max()) + 1
    if n_kinds == 1:
        but = "" if all_alike(X) else f" but for {EQUAL:g} of their size"
        sentence = f"All {n} rows of the inputs are equal{but}: no network can tell them apart."
        return Found(None, 1.0, _TELLS_NOTHING, sentence, advice="Look at how X was made.")
    if case.fitted:
        return None  # labels_contradict looks at that
    least = least_loss(case, kinds)
    if least is None or least < _TELLS_NOTHING:
        return None
    sentence = (
        f"The {n} rows of the inputs are but {n_kinds} different ones, and equal ones have different "
        f"targets: no answers to them have less than {least:.3g} times the loss of the best answer that "
        "is the same for all."
    )
    advice = "Look at how X was made, or look for inputs that say more of the targets."
    return Found(None, least, _TELLS_NOTHING, sentence, advice=advice)


@finding(
    "sd of a column without the 5 % of the rows that are farthest from its median, over its sd: 0.3, of "
    "columns with 0.02 of the inputs' variance or more; where first steps are worse than with them "
    "transformed, or with a StandardScaler alone",
    of_data=True,
)
def _outliers(case: Case) -> Found | None:
    X = case.X
    if sparse.issparse(X) or X.shape[0] < FEWEST_ROWS or case.fitted or case.encodes:
        return None
    bulk, whole = spreads(X)
    shares = shares_of_bulk(bulk, whole)
    ruled = np.flatnonzero(shares < RULED)
    largest = float(whole.max())
    parts = np.square(whole / largest) if largest > 0 else whole
    if not ruled.size or parts[ruled].sum() < _SHARE_OF_ALL * parts.sum():
        return None
    even: Any = QuantileTransformer(n_quantiles=100, output_distribution="normal")
    name = "QuantileTransformer"
    if bulk[ruled].min() < _FINE:
        even, name = make_pipeline(RobustScaler(), even), f"RobustScaler and a {name}"
    remedies = [
        _of_columns(even, name, ruled, X),
        _of_columns(PowerTransformer(), "PowerTransformer", ruled, X),
    ]
    worst = int(shares.argmin())
    far = bool(shares[worst] < _RULED_UTTERLY)
    scaled = Remedy({"scaler": StandardScaler()})
    if not case.first_steps.better_with(remedies, far, or_else=scaled):
        return None
    which = f"column {worst}" if ruled.size > 1 else "it"
    sentence = (
        f"{_columns(ruled)} of the inputs {'are' if ruled.size > 1 else 'is'} ruled by few rows: {which} "
        f"has a standard deviation of {whole[worst]:.3g}, and of {bulk[worst]:.3g} without the "
        "5 % that are farthest off, so that scaling makes all others look alike."
    )
    return Found(None, float(shares[worst]), RULED, sentence, remedies)


class Scale(NamedTuple):
    """What is unusual of the scale of inputs or targets, and whether it is so by far."""

    figure: float
    threshold: float
    sentence: str
    far: bool


@finding(
    "root mean square of ``X``: over 5 (a column: over 30), below 0.05 (0.01) of what is not 0. Or the "
    "means of the columns over their standard deviations: 5. Each where first steps are worse than with "
    "a scaler",
    unless=("rows_alike",),
    of_data=True,
)
def _unscaled_inputs(case: Case) -> Found | None:
    scale = None if case.failed or case.encodes else unusual_scale(case.X)
    if scale is None:
        return None
    beyond = are_beyond_squares(case.X)  # then there is no variance to scale by
    put = scaled_inputs(case)
    if not case.first_steps.better_with([put], scale.far):
        return None
    sentence, advice = scale.sentence, ""
    if beyond:
        sentence += " Their squares are beyond what float64 can hold."
        advice = f"Divide X by {scale.figure:.0e}, that is give it in other units."
    return Found(None, scale.figure, scale.threshold, sentence, [put], advice)


@finding(
    "with ``shuffle=False``: the targets' variance within mini-batches over all of it: 0.8, where first "
    "steps are worse than with ``shuffle=True``",
    of_data=True,
)
def _rows_in_order(case: Case) -> Found | None:
    estimator = case.estimator
    if estimator is None or estimator.shuffle or estimator.solver == "lbfgs" or case.failed:
        return None
    n = case.X.shape[0]
    size = max(int(batch_size_of(estimator, n)), _FEWEST_IN_A_BLOCK)
    if n < 2 * size:
        return None
    T = dense(case.subject.T)
    if case.network.loss_.output == "softmax":
        T = np.eye(case.network.sizes[-1])[T]
    share = _within_blocks(T.astype(np.float64).reshape(n, -1), size)
    if share > _IN_ORDER:
        return None
    shuffled = Remedy({"shuffle": True})
    for n_epochs in _EPOCHS:
        steps = FirstSteps(case.patient, n_epochs * -(-n // size))
        before, after = steps.loss(), steps.loss(shuffled)
        if before > _SLOWER * after and before > _HARDLY_LEARNS:
            break
        if before > _MUCH_SLOWER * after and before > _LEARNS:
            break
    else:
        return None
    sentence = (
        f"The rows come in order, and shuffle=False: among {size} neighbours the targets vary by "
        f"{share:.2g} of what they vary in all, so that each step unlearns what the last ones taught."
    )
    advice = (
        f"Set shuffle=True: after a short training the loss of others is {after:.2g} times that of the "
        f"best constant answer, and {in_words(before)} without."
    )
    return Found(None, share, _IN_ORDER, sentence, [shuffled], advice, tried=True)


# ---- what they share


def scaled_inputs(case: Case, **changes: Any) -> Remedy:
    """Return a scaler before the network as a remedy, with other changes."""
    by_size = are_beyond_squares(case.X) or sparse.issparse(case.X)
    return Remedy({"scaler": MaxAbsScaler() if by_size else StandardScaler()} | changes)


def all_alike(X: Matrix) -> bool:
    """Return whether all rows are equal, of enough of them."""
    if X.shape[0] < FEWEST_ROWS:
        return False
    if sparse.issparse(X):
        return bool((X.max(axis=0) - X.min(axis=0)).nnz == 0)
    return bool((X[0] == X).all())


def are_beyond_squares(values: Matrix) -> bool:
    """Return whether numbers are of a size whose squares float64 cannot hold."""
    size = abs(values).max()
    return bool(size > 0 and not _SQUARABLE[0] < size < _SQUARABLE[1])


def _of_columns(transformer: object, name: str, columns: Array, X: Matrix) -> Remedy:
    """Return the remedy of transforming some columns."""
    if len(columns) == X.shape[1]:
        return Remedy({"scaler": transformer}, f"a {name} before the network")
    of_some = ColumnTransformer([("ruled", transformer, columns.tolist())], remainder="passthrough")
    words = f"a {name} of {_columns(columns).lower()}, in a ColumnTransformer, before the network"
    return Remedy({"scaler": of_some}, words)


def _columns(columns: Array) -> str:
    """Return the names of columns, of the first if they are many."""
    numbers = [str(column) for column in columns]
    if len(numbers) == 1:
        return f"Column {numbers[0]}"
    if len(numbers) > 6:
        return f"Columns {', '.join(numbers[:5])} and {len(numbers) - 5} more"
    return f"Columns {', '.join(numbers[:-1])} and {numbers[-1]}"


def unusual_scale(X: Matrix) -> Scale | None:
    """Return what is unusual of the scale of inputs."""
    columns, whole = root_mean_squares(X)
    column, largest = int(columns.argmax()), float(columns.max())
    expected = "where the layers expect about 1."
    has = "The inputs have a root mean square of"
    if whole > LARGE_INPUT:
        return Scale(whole, LARGE_INPUT, f"{has} {whole:.3g}, {expected}", whole > _FAR_TOO_LARGE)
    if largest > _LARGE_COLUMN:
        sentence = (
            f"Column {column} of the inputs has a root mean square of {largest:.3g}, {expected}"
        )
        return Scale(largest, _LARGE_COLUMN, sentence, largest > _FAR_TOO_LARGE_COLUMN)
    some = X[:: -(-X.shape[0] // _ENOUGH_ROWS)]
    stored = some.data if sparse.issparse(X) else some[some != 0]
    size = root_mean_squares(stored.reshape(-1, 1))[1] if stored.size else 0.0
    if 0 < size < _SMALL_INPUT:
        sentence = f"{has} {size:.3g}, {expected}"
        return Scale(size, _SMALL_INPUT, sentence, size < _FAR_TOO_SMALL)
    if sparse.issparse(X) or X.shape[0] < FEWEST_ROWS:
        return None
    if (offset := _offset(X)) > _OFFSET:
        sentence = (
            f"The means of the columns of the inputs are {offset:.3g} times their standard deviations: "
            "all samples look alike to the layers."
        )
        return Scale(offset, _OFFSET, sentence, offset > _FAR_OFF)
    tallest = np.abs(X).max(axis=0)
    small = np.flatnonzero((tallest > 0) & (tallest < _SMALL_COLUMN))
    if small.size:
        least = int(small[tallest[small].argmin()])
        sentence = (
            f"{_columns(small)} of the inputs {'are' if small.size > 1 else 'is'} far smaller than "
            f"others: column {least} is at most {tallest[least]:.3g}, {expected}"
        )
        return Scale(float(tallest[least]), _SMALL_COLUMN, sentence, False)
    return None


def _offset(X: Array) -> float:
    """Return how far the columns that vary lie from 0, in units of their spread."""
    squares = np.square(X.mean(axis=0, dtype=np.float64))
    variances = X.var(axis=0, dtype=np.float64)
    vary = variances > 1e-12 * squares
    return float(np.sqrt(squares[vary].sum() / variances[vary].sum())) if vary.any() else 0.0


def _within_blocks(T: Array, size: int) -> float:
    """Return the variance of targets within blocks of rows over that of all."""
    n = len(T)
    blocks = np.arange(n) // size
    n_blocks = int(blocks[-1]) + 1
    sums = np.zeros((n_blocks, T.shape[1]))
    np.add.at(sums, blocks, T)
    within = np.square(T - (sums / np.bincount(blocks)[:, np.newaxis])[blocks]).sum()
    whole = np.square(T - T.mean(axis=0)).sum()
    return float(within / (n - n_blocks) / (whole / (n - 1))) if whole > 0 else 1.0
