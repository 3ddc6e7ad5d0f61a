"""What is wrong with the steps of the training: their size and their number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from minnet.common.types import Array
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.planned import (
    Plan,
    compared,
    counted,
    ended_by,
    falls_short,
    goes_further,
    planned_training,
)
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.stability import stability_of
from minnet.lab.diagnosis.trial import Trial
from minnet.lab.diagnosis.wording import as_advice, in_words

_LARGE_STEP = 0.1  # of its size, a weight matrix a step: below it nothing is tried
_NOTABLE_STEP = 0.01  # below it the curvature is not looked at
_SURELY_TOO_LARGE = 5.0  # where nothing can be tried
_UNSTABLE = 2.0  # times the highest rate at which steps are stable: below it nothing is tried
_SURELY_UNSTABLE = 6.0  # where nothing can be tried
_A_FEW_ROWS = 150
_SMALL_STEP = 3e-4
_VERY_SMALL_STEP = 1e-5  # of a Network, the length of whose training is not known
_TINY_STEP = 1e-4  # where nothing can be tried
_USUAL_STEP = 0.005
_TELLING = 50  # steps of a trial
_LITTLE_LEFT = 0.1  # of the learning rate by a schedule
_NEAR = 1.0  # how much of the loss the steps of the training take away if gradients stay
_FEW_STEPS = 50
_A_SHORT_FIT = 1000  # steps
_FALLING = 0.1  # of the loss, in the last fifth of the epochs
_FEWEST_EPOCHS = 5
_DEFAULT_EPOCHS = 200
_MOST_EPOCHS = 2000
_LARGE_TOL = 1e-3
_DEFAULT_TOL = 1e-4
_LITTLE_PATIENCE = 2  # epochs
_SMALL_BATCH = 32
_USUAL_BATCH = 200
_USUAL_RATES = 1e-3, 1e-2, 1e-1
_LARGE_EPSILON = 1e-3
_DEFAULT_EPSILON = 1e-8
_SANE = 1e-5, 1.0  # learning rates
_DEFAULT_RATE = 0.001
_FIRST_STEPS = 100
_STEPS = 300
_OPERATIONS = 1.5e10  # floating-point
_NOTHING = 0.95  # of the loss of the best constant
_SOMETHING = 0.9
_CLEARLY = 0.7
_TRAINS = 0.3
_LEARNED = 0.5
_ENDS_WELL = 0.2
_FEW_WRONG = 0.06
_ALIKE = 0.05
_FAR_BEHIND = {
    True: 4.0,
    False: 10.0,
}  # times the loss at a better rate; by whether there are classes
_LARGE_MOMENTUM = 0.95
_USUAL_MOMENTUM = 0.9


@finding(
    "after 300 steps of training the loss over that of the best constant: 0.95, if a lower rate "
    "comes below 0.9; or 0.3, if a lower rate comes to a tenth of it (a quarter, of classes). It is "
    "tried where a step changes a matrix by 0.1 of its size, or where the rate of gradient descent is "
    "twice the highest at which steps are stable: without momentum 2 over the largest eigenvalue of the "
    "Hessian",
)
def _learning_rate_too_high(case: Case) -> Found | None:
    m, ratios = case.m, _update_ratios(case)
    if ratios is None or case.fitted:
        return None
    # Weights near 0 take any step: a step is large if it is so beside weights of variance 1 / fan_in, too.
    size = m["W", "rms"] * np.sqrt(m.fan_in)
    beside = ratios * np.minimum(size, 1.0)
    row = int(np.nanargmax(beside))
    worst, layer = float(beside[row]), int(m.index[row])
    large = worst > _LARGE_STEP
    if not large and not (worst > _NOTABLE_STEP and _may_be_unstable(case)):
        return None
    share = _share_of_stable(case)
    if not large and not share > _UNSTABLE:
        return None
    rate = case.subject.optimizer.learning_rate
    of = "their size" if size[row] >= 1 else "the size that weights usually have"
    sentence = (
        f"At learning rate {rate:g} a step changes the weights of layer {layer} by {worst:.2g} "
    )
    sentence += f"of {of}"
    if large:
        sentence += ", where about 0.001 to 0.01 is usual"
    if share > 1:
        sentence += f"; {case.stability.in_words()}"  # type: ignore[union-attr]
    own = case.trial(_FIRST_STEPS)
    if own is None:
        if share > _SURELY_UNSTABLE:
            remedies = _rates(case, [0.5 * rate / share])
            return Found(layer, share, _SURELY_UNSTABLE, f"{sentence}.", remedies)
        if worst <= _SURELY_TOO_LARGE:
            return None
        remedies = _rates(case, [rate * 0.01 / worst])
        return Found(layer, worst, _SURELY_TOO_LARGE, f"{sentence}.", remedies)
    if _trains(own):
        return None
    better = _better(case, _lower(case), _FIRST_STEPS, 5e9)
    if not np.isinf(own.outcome):  # a longer training may recover, or other rates fall behind
        better = _better(case, [remedy for remedy, _ in better], _STEPS, _OPERATIONS)
        own = case.trial(_STEPS, operations=_OPERATIONS)
    if not better or own is None:
        return None
    # The highest rate that still trains is near the edge: the next is as good, and safer.
    better = better[min(1, len(better) - 1) :]
    best, trial = better[0]
    became = f"is {own.outcome:.2g} times" if own.outcome < 1e3 else "has grown far beyond"
    sentence += (
        f"; after {own.n_steps} steps the loss {became} that of the best answer that is the same for "
        f"all, where {case.patient.words(best)} comes to {trial.outcome:.2g} times."
    )
    threshold = _NOTHING if own.left >= _NOTHING else _TRAINS
    advice = f"{as_advice(case.patient.words(best))}."
    return Found(layer, own.outcome, threshold, sentence, [best], advice, tried=True)


@finding(
    "the step over the size of the matrix: 3e-4 in every layer, or what the schedule leaves of the rate "
    "over the training: 0.1; where the training as it is set learns less than half of what can be "
    "explained, and goes further at another rate",
    unless=("dead_units", "exploding_forward", "learning_rate_too_high", "clipped", "frozen"),
)
def _learning_rate_too_low(case: Case) -> Found | None:
    ratios, plan = _update_ratios(case), Plan.of(case)
    if ratios is None or case.learned or case.fitted:  # near a minimum small steps are right
        return None
    row = int(np.nanargmax(ratios))
    worst, layer = float(ratios[row]), int(case.m.index[row])
    optimizer = case.subject.optimizer
    rate, share = optimizer.learning_rate, 1.0 if plan is None else plan.share_of_rate
    if share < _LITTLE_LEFT:
        figure, threshold = share, _LITTLE_LEFT
        sentence = (
            f"The schedule leaves {share:.2g} of the learning rate {rate:g}, on average over the "
            f"{plan.n_steps} steps of the training."  # type: ignore[union-attr]
        )
        remedies = [Remedy({"learning_rate": "constant"})]
    elif worst < _SMALL_STEP:
        figure, threshold = worst, _SMALL_STEP
        most = f" of a layer by more than {worst:.2g} of their size" if worst > 0 else ""
        sentence = (
            f"At learning rate {rate:g} no step changes the weights{most}, where about 0.001 to 0.01 "
            f"{'' if worst > 0 else 'of their size '}is usual."
        )
        sentence += _closes(case, plan)
        remedies = []
        epsilon = optimizer.constants().get("epsilon", 0.0)
        if epsilon > _LARGE_EPSILON:
            sentence += f" epsilon={epsilon:g} is far above the size of the gradients."
            remedies.append(Remedy({"epsilon": _DEFAULT_EPSILON}))
        remedies += _higher(case)
    else:
        return None
    if not _is_slow(plan, worst):
        return None
    own = planned_training(case)
    if own is None:
        return _not_tried(case, worst, Found(layer, figure, threshold, sentence))
    if not falls_short(case, own):
        return None
    best = _best_of(case, remedies, own)
    if best is None:
        found = Found(layer, figure, threshold, sentence)
        return _not_tried(case, worst, found) if own.n_steps < _TELLING else None
    advice = compared(case, best[0], own, best[1])
    return Found(layer, figure, threshold, sentence, [best[0]], advice, tried=True)


@finding(
    "the loss over that of the best constant where ``max_iter`` ends the training: 0.5, if it has learned "
    "less than half of what can be explained, and a longer training goes further; of a fit that has "
    "learned, how much of the loss the last fifth of the epochs took away: 0.1",
    unless=("learning_rate_too_low", "learning_rate_too_high", "too_much_l2",
            "too_much_weight_decay", "clipped", "frozen", "one_class",
            "class_weights"),
)  # fmt: skip
def _too_few_steps(case: Case) -> Found | None:
    model, plan = case.estimator, Plan.of(case)
    if case.fitted:
        return _too_short(case) if case.failed else _ended_early(case)
    if model is None or plan is None or model.warm_start or not _is_short(plan):
        return None
    own = planned_training(case)
    if own is None or own.n_steps < plan.n_steps or not falls_short(case, own):
        return None
    remedies = [Remedy({"max_iter": n}) for n in _more_epochs(model.max_iter)]
    if model.solver != "lbfgs":
        smaller = [Remedy({"batch_size": _SMALL_BATCH})] if plan.batch_size > _SMALL_BATCH else []
        large = plan.batch_size > _USUAL_BATCH
        remedies = [*smaller, *remedies] if large else [*remedies, *smaller]
    best = _best_of(case, remedies, own)
    if best is None:
        return None
    sentence = f"The training is over after {counted(plan.n_steps, 'step')}: max_iter="
    if model.solver == "lbfgs":
        sentence += counted(model.max_iter, "iteration")
    else:
        per_epoch = counted(plan.n_steps // model.max_iter, "step")
        sentence += f"{counted(model.max_iter, 'epoch')} of {per_epoch}"
    sentence += f", on {plan.n_rows} rows."
    advice = compared(case, best[0], own, best[1])
    return Found(None, own.outcome, _LEARNED, sentence, [best[0]], advice, tried=True)


# ---- what they share


def _may_be_unstable(case: Case) -> bool:
    """Return whether it is worth looking at the curvature of the whole batch."""
    known = stability_of(case.subject, _A_FEW_ROWS)
    return known is not None and known.share > _UNSTABLE


def _share_of_stable(case: Case) -> float:
    """Return the rate over the highest at which steps are stable; 0 where that is not known."""
    return 0.0 if case.stability is None else case.stability.share


def _rates(case: Case, about: list[float]) -> list[Remedy]:
    """Return learning rates to try, within what is sane and other than the present one."""
    rates = [float(f"{np.clip(rate, *_SANE):.1g}") for rate in about]
    present = case.subject.optimizer.learning_rate
    return [
        Remedy({"learning_rate_init": rate}) for rate in dict.fromkeys(rates) if rate != present
    ]


def _lower(case: Case) -> list[Remedy]:
    """Return what makes steps smaller: less momentum where that is large, and lower rates."""
    optimizer = case.subject.optimizer
    rate = optimizer.learning_rate
    remedies = []
    if optimizer.constants().get("momentum", 0.0) > _LARGE_MOMENTUM:
        remedies.append(Remedy({"momentum": _USUAL_MOMENTUM}))
    about = [rate / 10, rate / 100, rate / 1000, min(_DEFAULT_RATE, rate / 10)]
    if (share := _share_of_stable(case)) > _UNSTABLE:
        about = sorted([*about, 0.5 * rate / share], reverse=True)
    return remedies + _rates(case, about)


def _better(
    case: Case, remedies: list[Remedy], n_steps: int, operations: float
) -> list[tuple[Remedy, Trial]]:
    """Return those with which a training goes far further than as it is, and about as far as the best."""
    own = case.trial(n_steps, operations=operations)
    if own is None or _trains(own):
        return []
    trials = [(remedy, case.trial(n_steps, remedy, operations)) for remedy in remedies]
    better = [(remedy, trial) for remedy, trial in trials if trial and _is_behind(own, trial)]
    least = min((trial.left for _, trial in better), default=0.0)
    return [pair for pair in better if pair[1].left <= least + _ALIKE]


def _trains(trial: Trial) -> bool:
    """Return whether a short training has gone so far that there is no reason for alarm."""
    few_wrong = trial.wrong <= _FEW_WRONG and trial.errors <= _TRAINS
    return few_wrong or (trial.outcome <= _TRAINS and not trial.errors > _TRAINS / 3)


def _is_behind(own: Trial, other: Trial) -> bool:
    """Return whether a training goes nowhere, or far less far than another one."""
    if own.left >= _NOTHING:
        return other.left < _SOMETHING
    if own.outcome >= _NOTHING and other.outcome < _SOMETHING:
        return other.left < _CLEARLY * own.left
    return own.left >= _FAR_BEHIND[not np.isnan(own.errors)] * other.left


def _closes(case: Case, plan: Plan | None) -> str:
    """Return how slow the steps are along the steepest direction, if the training is too short for it."""
    known = case.stability
    if known is None or plan is None or not 1 / known.closes > plan.n_steps:
        return ""
    return (
        f" Along the steepest direction, whose eigenvalue of the Hessian is {known.sharpness:.2g}, a step "
        f"closes {known.closes:.2g} of the distance to the minimum: it would take some "
        f"{1 / known.closes:,.0f} steps, of which the training has {plan.n_steps:,}."
    )


def _update_ratios(case: Case) -> Array | None:
    """Return each row's step beside its weights, as if momentum went on; None where it is not known."""
    optimizer = case.subject.optimizer
    if optimizer is None or not case.m.layers or not np.isfinite(case.m["update_ratio"]).any():
        return None
    return case.m["update_ratio"] / max(1 - optimizer.constants().get("momentum", 0.0), 1e-3)


def _higher(case: Case) -> list[Remedy]:
    """Return higher rates to try."""
    rate = case.subject.optimizer.learning_rate
    about = [10 * rate, 100 * rate, 1000 * rate, *_USUAL_RATES]
    return _rates(case, sorted(one for one in about if one > 3 * rate))


def _best_of(case: Case, remedies: list[Remedy], own: Trial) -> tuple[Remedy, Trial] | None:
    """Return the first remedy with which the training ends well, or about as well as with any."""
    good: list[tuple[Remedy, Trial]] = []
    for remedy in remedies:
        trial = planned_training(case, remedy)
        if trial is None or not _is_worth_it(case, own, trial):
            continue
        good.append((remedy, trial))
        if trial.outcome <= _ENDS_WELL:
            break
    least = min((trial.outcome for _, trial in good), default=0.0)
    return next((pair for pair in good if pair[1].outcome <= least + _ALIKE), None)


def _is_worth_it(case: Case, own: Trial, other: Trial) -> bool:
    """Return whether a training goes clearly further, or as far as can be where there is much noise."""
    if goes_further(own, other):
        return True
    return other.outcome <= _CLEARLY * own.outcome and not case.falls_short(other.outcome)


def _not_tried(case: Case, ratio: float, found: Found) -> Found | None:
    """Return what was found with a rate that is told by the steps alone, if they are tiny."""
    known = case.reference
    if case.estimator is None or not 0 < ratio < _TINY_STEP or (known and known.explains_nothing):
        return None
    rates = _rates(case, [case.subject.optimizer.learning_rate * _USUAL_STEP / ratio])
    if not rates:
        return None
    advice = (
        f"{as_advice(case.patient.words(rates[0]))}: the steps are then of the usual size. It was not "
        "tried: a training of a network of this size takes too long."
    )
    return replace(found, remedies=rates, advice=advice, tried=True)


def _is_slow(plan: Plan | None, ratio: float) -> bool:
    """Return whether it is worth a training to see if steps are too small."""
    if plan is None:
        return ratio < _VERY_SMALL_STEP
    return plan.reach < _NEAR or plan.share_of_rate < _LITTLE_LEFT


def _is_short(plan: Plan) -> bool:
    """Return whether it is worth a training to see if steps are too few."""
    return plan.n_steps <= _FEW_STEPS or plan.reach < _NEAR


def _more_epochs(max_iter: int) -> list[int]:
    more = {10 * max_iter, _DEFAULT_EPOCHS, 5 * _DEFAULT_EPOCHS}
    return sorted(n for n in more if n >= 3 * max_iter and n <= max(_MOST_EPOCHS, 10 * max_iter))


def _too_short(case: Case) -> Found | None:
    """Return what is to be said of calls of partial_fit, and of a warm start, that were too few."""
    model = case.estimator
    trainer = getattr(model, "_trainer", None)
    if trainer is None:
        return None
    by = ended_by(model)
    if by == "max_iter" and not model.warm_start:
        return _max_iter_too_low(case, trainer.n_steps)
    if by is not None and not model.warm_start:
        return None
    longer = case.trial(_STEPS)
    if longer is None or longer.n_steps <= trainer.n_steps:
        return None
    if not longer.outcome <= min(_SOMETHING, _CLEARLY * case.outcome):
        return None
    sentence = (
        f"The network was trained for {counted(trainer.n_epochs, 'epoch')}, of "
        f"{counted(trainer.n_steps, 'step')} in all."
    )
    n_epochs = longer.n_steps * trainer.n_epochs / trainer.n_steps
    enough = [Remedy({"max_iter": n}) for n in _more_epochs(model.max_iter) if n >= n_epochs]
    remedies = enough[:1] if model.warm_start and by == "max_iter" else []
    what = as_advice(case.patient.words(remedies[0])) if remedies else "Train it for longer"
    advice = (
        f"{what}: after {longer.n_steps} steps the loss is {longer.outcome:.2g} times that of the best "
        f"constant answer, and {in_words(case.outcome)} as it is."
    )
    figure = case.outcome / longer.outcome
    return Found(None, figure, 1 / _CLEARLY, sentence, remedies, advice, tried=True)


def _max_iter_too_low(case: Case, n_steps: int) -> Found | None:
    """Return what is to be said of a fit of few steps, if a longer one goes further."""
    model = case.estimator
    if not _FEW_STEPS < n_steps <= _A_SHORT_FIT:  # fewer are seen at the start
        return None
    own = planned_training(case)
    if own is None or not falls_short(case, own):
        return None
    best = _best_of(case, [Remedy({"max_iter": n}) for n in _more_epochs(model.max_iter)], own)
    if best is None:
        return None
    sentence = (
        f"max_iter={model.max_iter} ended the fit after {counted(n_steps, 'step')}, and it has learned "
        "less than there is to learn."
    )
    advice = compared(case, best[0], own, best[1])
    return Found(None, own.outcome, _LEARNED, sentence, [best[0]], advice, tried=True)


def _ended_early(case: Case) -> Found | None:
    """Return what is to be said of a fit that has learned, but may have ended too early."""
    model = case.estimator
    if model is None or not case.outcome > _TRAINS / 3:
        return None
    by = ended_by(model)
    if by == "max_iter" and model.solver == "lbfgs":
        sentence = f"max_iter={model.max_iter} ended the fit before it had converged."
        more = [Remedy({"max_iter": n}) for n in _more_epochs(model.max_iter)[:1]]
        return Found(None, case.outcome, _TRAINS / 3, sentence, more, by_training=True)
    if by != "tol" or not (model.tol > _LARGE_TOL or model.n_iter_no_change <= _LITTLE_PATIENCE):
        return _still_falling(case)
    sentence = (
        f"tol={model.tol:g} with n_iter_no_change={model.n_iter_no_change} ended the fit after "
        f"{counted(model.n_iter_, 'epoch')}."
    )
    usual = Remedy({"tol": _DEFAULT_TOL, "n_iter_no_change": max(10, model.n_iter_no_change)})
    return Found(None, case.outcome, _TRAINS / 3, sentence, [usual], by_training=True)


def _still_falling(case: Case) -> Found | None:
    """Return what is to be said of a fit that max_iter ended while its loss was falling."""
    model = case.estimator
    if model.n_iter_ != model.max_iter:
        return None
    curve = getattr(model, "loss_curve_", [])[-model.n_iter_ :]  # lbfgs keeps none
    if len(curve) < _FEWEST_EPOCHS:
        return None
    last = max(1, len(curve) // 5)
    fall = 1 - curve[-1] / curve[-1 - last] if curve[-1 - last] > 0 else 0.0
    if not fall > _FALLING:
        return None
    sentence = (
        f"The loss was still falling when max_iter={model.max_iter} ended the fit: by {fall:.0%} in the "
        f"last {last} epoch{'s' * (last > 1)}."
    )
    remedies = [Remedy({"max_iter": n}) for n in _more_epochs(model.max_iter)[:1]]
    advice = "A longer fit may go further."
    return Found(None, fall, _FALLING, sentence, remedies, advice, by_training=True)
