"""Gradients of mini-batches that say little of the gradient of all rows."""

from __future__ import annotations

import numpy as np

from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.planned import Plan, planned_training
from minnet.lab.diagnosis.remedy import Remedy, by_batch
from minnet.lab.diagnosis.wording import as_advice

_FEW_ROWS = 16  # of a mini-batch
_LARGER = 32
_NOISE = 1.0
_DRAWN = 20  # mini-batches
_LOWER = 10.0, 100.0  # divide the learning rate
_LEAST_RATE = 1e-5
_LEARNED = 0.5  # of the loss of the best constant
_LEARNS = 0.7  # of the loss of the best constant, and of the fit


@finding(
    "after a fit that comes to half of the loss of the best constant at most, with at most 16 rows a "
    "mini-batch: the variance of a "
    "mini-batch's gradient over the square of the gradient of all rows, with the weights of the fit: 1, "
    "if a fit with more rows or at a lower rate goes further",
    unless=("nothing_to_learn", "labels_contradict", "rows_alike"),
    after_fit=True,
)
def _noisy_gradients(case: Case) -> Found | None:
    model, plan = case.estimator, Plan.of(case)
    if model is None or plan is None or model.solver == "lbfgs" or not case.outcome > _LEARNED:
        return None
    if plan.batch_size > _FEW_ROWS or plan.n_rows <= _LARGER:
        return None
    noise = _noise_scale(case) / plan.batch_size
    if not noise > _NOISE:
        return None
    rate = case.estimator.learning_rate_init
    if not isinstance(model.solver, str):
        rate = model.solver.learning_rate
    lower = [float(f"{rate / by:.1g}") for by in _LOWER]
    normalized = any(map(by_batch, case.network.layers))
    remedies = [Remedy({"batch_size": _LARGER})]
    if normalized:  # by mean and variance of as few rows
        remedies.append(Remedy({"batch_norm": False}))
    if case.failed:  # as many steps at a lower rate learn noise by heart; fewer steps do not
        remedies += [Remedy({"learning_rate_init": one}) for one in lower if one >= _LEAST_RATE]
    trials = [(remedy, planned_training(case, remedy)) for remedy in remedies]
    enough = _LEARNS * min(1.0, case.outcome)
    better = [(r, trial) for r, trial in trials if trial is not None and trial.outcome <= enough]
    if not better:
        return None
    best, trial = min(better, key=lambda pair: pair[1].outcome)
    sentence = (
        f"The gradient of {plan.batch_size} row{'s' * (plan.batch_size > 1)} is mostly noise: its "
        f"variance is {noise:.2g} times the square of the gradient of all rows."
    )
    if normalized:
        sentence += " So are the mean and the variance that batch normalization takes of them."
    advice = (
        f"{as_advice(case.patient.words(best))}: after {trial.n_steps} steps the loss is "
        f"{trial.outcome:.2g} times that of the best constant answer, and {case.outcome:.2g} as it was."
    )
    return Found(None, noise, _NOISE, sentence, [best], advice, tried=True)


def _noise_scale(case: Case) -> float:
    r"""Return the simple noise scale, the rows that make a gradient as large as its noise.

    It is the trace of the covariance of single rows' gradients over the square of the mean gradient
    (McCandlish, Kaplan, Amodei and the OpenAI Dota Team 2018, equation 2.9), here from single rows drawn
    by chance.
    """
    network, X, T = case.network, case.subject.X, case.subject.T
    rows = np.random.RandomState(0).permutation(X.shape[0])[:_DRAWN]
    alpha, network.alpha = network.alpha, 0.0
    try:
        whole = network.forward_backward(X, T, case.subject.weights)[1].astype(np.float64)
        singles = [network.forward_backward(X[[i]], T[[i]], None)[1] for i in rows]
    finally:
        network.alpha = alpha
    square = float(whole @ whole)
    variance = np.mean([np.square(one.astype(np.float64) - whole).sum() for one in singles])
    return float(variance) / square if square > 0 else np.inf
