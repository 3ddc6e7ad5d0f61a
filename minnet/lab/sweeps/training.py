"""One training of a sweep: from settings and a seed to a row."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from minnet.common.blas import one_blas_thread
from minnet.common.shown import in_one_line
from minnet.common.types import Array
from minnet.lab.measurement import Measurement
from minnet.lab.probe import measure
from minnet.lab.subject import Subject, last_step, subject_of
from minnet.lab.sweeps.data import Data
from minnet.lab.sweeps.grid import MEASURES
from minnet.lab.sweeps.models import Maker

__all__ = ["OF_NETWORK", "Outcome", "Training", "train_one"]

#: What is probed of the network as a whole, and not of each layer.
OF_NETWORK = ("sharpness", "stability_limit")

_ENDS = ("_first", "_last", "_ratio")  # of the hidden layers
_PROBED = 300  # rows
_N_JACOBIANS = 3  # rows, where singular values are asked for
_MOST_LETTERS = 400
_DIVERGED = "Solver produced non-finite"


@dataclass(frozen=True)
class Training:
    """What all trainings of a sweep have in common.

    Attributes
    ----------
    maker : Maker
    scoring : str, callable or None
    train : bool
    columns : tuple of str
        What is probed, of each layer or of the network.
    """

    maker: Maker
    scoring: Any
    train: bool
    columns: tuple[str, ...]


@dataclass
class Outcome:
    """What one training found.

    Attributes
    ----------
    row : dict
        Measures, "diverged", "error", "warning".
    layers : list of dict
        What was probed, a dictionary for each moment and layer.
    """

    row: dict[str, Any]
    layers: list[dict[str, Any]]


def train_one(training: Training, settings: Mapping[str, Any], seed: int, data: Data) -> Outcome:
    """Make the model of a cell, train it, and return what became of it; an error is a part of that."""
    row: dict[str, Any] = dict.fromkeys(MEASURES, np.nan)
    row |= {"diverged": False, "error": None, "warning": None}
    row |= dict.fromkeys(_names_of_probed(training), np.nan)
    layers: list[dict[str, Any]] = []
    # Sums do not depend on the threads of the process that they happen in.
    with warnings.catch_warnings(record=True) as caught, one_blas_thread():
        warnings.simplefilter("always")
        try:
            _train(training, settings, seed, data.chosen(), row, layers)
        except Exception as error:  # whatever a model of a user raises is a result
            row["error"] = in_one_line(f"{type(error).__name__}: {error}", _MOST_LETTERS)
            row["diverged"] = _DIVERGED in str(error)
    said = list(dict.fromkeys(str(one.message) for one in caught))
    row["diverged"] = row["diverged"] or any(_DIVERGED in one for one in said)
    row["warning"] = in_one_line(" ".join(said), _MOST_LETTERS) if said else None
    return Outcome(row, layers)


def _names_of_probed(training: Training) -> list[str]:
    """Return the columns that a row has of what is probed."""
    return [
        f"{moment}_{name}{place}"
        for moment in ("start", "end")[: 1 + training.train]
        for name in training.columns
        for place in (("",) if name in OF_NETWORK else _ENDS)
    ]


def _train(
    training: Training,
    settings: Mapping[str, Any],
    seed: int,
    data: Data,
    row: dict[str, Any],
    layers: list[dict[str, Any]],
) -> None:
    model = training.maker(settings, seed)
    began = time.perf_counter()
    last, X, X_val = last_step(model, data.X, data.y, data.X_val)
    data = replace(data, X=X, X_val=X_val)
    rows = _some_rows(_num_samples(X))
    spent = time.perf_counter() - began
    if training.columns:
        _probe("start", _start(last, data, rows), training.columns, row, layers)
    if training.train:
        began = time.perf_counter()
        last.fit(data.X, data.y, data.sample_weight)
        row["seconds"] = spent + time.perf_counter() - began
        row["n_iter"] = int(last.n_iter_)
        row["training_loss"] = float(last.loss_)
        scorer = check_scoring(last, scoring=training.scoring)
        row["training_score"] = float(scorer(last, data.X, data.y))
        if data.X_val is not None:
            row["validation_score"] = float(scorer(last, data.X_val, data.y_val))
        if training.columns:
            _probe("end", _end(last, data, rows), training.columns, row, layers)


def _some_rows(n: int) -> Array:
    """Return the places of the rows that are probed: some of all, the same ones for each model."""
    return np.sort(np.random.RandomState(0).permutation(n)[:_PROBED])


def _start(last: Any, data: Data, rows: Array) -> Subject:
    """Return the network that a fit starts from, which may depend on all rows, with some of them."""
    subject = subject_of(clone(last), data.X, data.y, data.sample_weight)
    weights = subject.weights
    return replace(
        subject,
        X=subject.X[rows],
        T=subject.T[rows],
        weights=None if weights is None else weights[rows],
    )


def _end(last: Any, data: Data, rows: Array) -> Subject:
    weight = data.sample_weight
    if weight is not None and np.ndim(weight) > 0:
        weight = _safe_indexing(weight, rows)
    return subject_of(last, _safe_indexing(data.X, rows), _safe_indexing(data.y, rows), weight)


def _probe(
    moment: str,
    subject: Subject,
    columns: Sequence[str],
    row: dict[str, Any],
    layers: list[dict[str, Any]],
) -> None:
    """Measure a network, and note what is asked for of it and of its layers."""
    of_layers = [column for column in columns if column not in OF_NETWORK]
    needs_jacobians = any(column.startswith(("J_", "product_")) for column in of_layers)
    found: Measurement = measure(
        subject,
        n_jacobians=_N_JACOBIANS if needs_jacobians else 0,
        sharpness=len(of_layers) < len(columns),
    )
    row |= {
        f"{moment}_{name}": float(getattr(found, name)) for name in columns if name in OF_NETWORK
    }
    row |= _at_ends(moment, found, of_layers)
    layers += [
        {
            "moment": moment,
            "layer": i,
            "name": found.layers[i],
            "hidden": bool(found.hidden[i]),
            **{column: float(found[column][i]) for column in of_layers},
        }
        for i in range(len(found.layers) if of_layers else 0)
    ]


def _at_ends(moment: str, found: Measurement, columns: Sequence[str]) -> dict[str, float]:
    """Return what the first and the last hidden layer have, and the last one's over the first one's."""
    hidden = np.flatnonzero(found.hidden)
    at_ends: dict[str, float] = {}
    for column in columns:
        first, last = (float(found[column][hidden[i]]) if len(hidden) else np.nan for i in (0, -1))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = float(np.divide(last, first))
        for place, value in zip(_ENDS, (first, last, ratio), strict=True):
            at_ends[f"{moment}_{column}{place}"] = value
    return at_ends
