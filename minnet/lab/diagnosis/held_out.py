"""What is wrong on rows that a network was not trained on, where it has learned those that it was."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from minnet.common.types import Array, Matrix
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.trial import MOST_ROWS, Trial
from minnet.lab.diagnosis.wording import as_advice
from minnet.layers import Dropout

_POOR = 0.5  # of the loss of the best constant
_NOTHING = 0.95
_FEW_WRONG = 0.3  # of the errors of the best constant
_GAP = 0.25  # between rows of the training and others, over the loss of the best constant
_BETTER = 0.9  # times the loss on other rows
_ALIKE = 0.05
_SHIFT = 2.0  # standard deviations
_SPREAD = 5.0  # ratio of standard deviations
_CHANCE = 6.0  # standard errors
_FEWEST = 5  # rows that say anything of means
_STEPS = 4000
_ALPHAS = 1.0, 10.0, 100.0


@finding(
    "after a fit, of rows held out: means of columns beside those of the rows of the training: 2 "
    "standard deviations; or spreads: a factor of 5; if the network answers them badly",
    after_fit=True,
)
def _shifted_rows(case: Case) -> Found | None:
    held_out = case.subject_held_out
    if held_out is None or not _falls_behind(case):
        return None
    X, X_val = case.X, held_out.X
    if X_val.shape[0] < _FEWEST or X.shape[0] < _FEWEST:
        return None
    (mean, sd), (mean_val, sd_val) = _moments(X), _moments(X_val)
    varies = sd > 1e-6 * np.abs(mean)
    if not varies.any():
        return None
    off = np.where(varies, np.abs(mean_val - mean) / np.where(varies, sd, 1), 0)
    chance = _CHANCE / np.sqrt(min(X_val.shape[0], X.shape[0]))
    column = int(off.argmax())
    where = "Give diagnose and predict rows that were prepared as those of the fit were."
    if off[column] > max(_SHIFT, chance):
        sentence = (
            "The rows held out are others than those of the training: the mean of column "
            f"{column} is {mean_val[column]:.3g} there and {mean[column]:.3g} here, {off[column]:.3g} "
            "standard deviations off."
        )
        return Found(None, float(off[column]), _SHIFT, sentence, advice=where)
    ratio = float(np.median(sd_val[varies] / sd[varies]))
    if not 1 / _SPREAD < ratio < _SPREAD and X_val.shape[0] > 4 * _FEWEST:
        sentence = (
            f"The rows held out are others than those of the training: their columns spread {ratio:.3g} "
            "times as far."
        )
        return Found(None, ratio, _SPREAD, sentence, advice=where)
    return None


@finding(
    "after a fit, the loss on rows held out over that of the best constant answer: 0.5, and 0.25 more "
    "than on the rows of the training; if a change of the training makes it less",
    unless=("shifted_rows", "no_input_explains"),
    after_fit=True,
)
def _overfitting(case: Case) -> Found | None:
    if not _falls_behind(case):
        return None
    held = case.outcome_held_out
    sentence = (
        f"The fit knows its rows by heart: on the rows held out the loss is {held:.2g} times that of the "
        f"best answer that is the same for all, on its own {case.outcome:.2g} times."
    )
    best = _best(case)
    if best is not None:
        remedy, trial = best
        advice = (
            f"{as_advice(case.patient.words(remedy))}: then it is {trial.held_out:.2g} times on the "
            f"rows held out, and {trial.outcome:.2g} times on the others."
        )
        return Found(None, held, _POOR, sentence, [remedy], advice, tried=True)
    if held < _NOTHING:
        return None
    if case.reference is not None and case.reference.explains_nothing:
        return None
    advice = "More rows would help; what was tried of the settings does not."
    return Found(None, held, _NOTHING, sentence, advice=advice)


# ---- what they share


def _falls_behind(case: Case) -> bool:
    """Return whether a network that has learned its rows answers others much worse."""
    if not case.fitted or case.failed:
        return False
    held = case.outcome_held_out
    if not held > max(_POOR, case.outcome + _GAP):
        return False
    return not case.errors_held_out < _FEW_WRONG


def _moments(X: Matrix) -> tuple[Array, Array]:
    """Return the columns' means and standard deviations."""
    if sparse.issparse(X):
        mean = np.asarray(X.mean(axis=0)).ravel()
        squares = np.asarray(X.multiply(X).mean(axis=0)).ravel()
        return mean, np.sqrt(np.maximum(squares - mean**2, 0))
    return X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)


def _best(case: Case) -> tuple[Remedy, Trial] | None:
    """Return the change with which a training does best on the rows held out, if any is better."""
    was = case.outcome_held_out
    if case.patient.n_rows > MOST_ROWS:  # trainings take fewer rows, and so fall behind further
        own = case.trial(_STEPS, None, own_end=True)
        was = max(was, np.inf if own is None or own.held_out is None else own.held_out)
        if not np.isfinite(was):
            was = case.outcome_held_out
    better = []
    for remedy in _remedies(case):
        trial = case.trial(_STEPS, remedy, own_end=True)
        if trial is None or trial.held_out is None or not trial.held_out < _BETTER * was:
            continue
        if trial.held_out < _NOTHING:
            better.append((trial.held_out, remedy, trial))
    least = min((held for held, _, _ in better), default=0.0)
    return next(((one, trial) for held, one, trial in better if held <= least + _ALIKE), None)


def _remedies(case: Case) -> list[Remedy]:
    model = case.estimator
    if model is None:
        return []
    changes: list[dict[str, object]] = []
    if model.solver != "lbfgs" and not (model.early_stopping and model.scoring == "loss"):
        changes.append({"early_stopping": True, "scoring": "loss"})
    changes += [{"alpha": alpha} for alpha in _ALPHAS if alpha > 2 * model.alpha]
    if any(isinstance(layer, Dropout) for layer in case.network.layers) or model.solver == "lbfgs":
        return [Remedy(change) for change in changes]
    if model.layers is None:
        changes.append({"dropout": 0.5})
    return [Remedy(change) for change in changes]
