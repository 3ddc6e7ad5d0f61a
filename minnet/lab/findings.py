"""The findings of ``diagnose``, most serious first.

Each check compares one figure with one threshold. The thresholds are wide: a network that trains, if not
at its best, raises no alarm. A finding is one function: its name is the code, its place in the file the
rank. What causes other findings comes first, so that the first is the one to mend.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from minnet.activations import Identity
from minnet.common.scale import root_mean_squares
from minnet.common.types import Array, Matrix
from minnet.lab._advice import other_weights
from minnet.lab._loss_of_data import loss_of_data
from minnet.lab.measurement import Measurement
from minnet.lab.subject import Subject
from minnet.links import dense
from minnet.network import Network
from minnet.optimizers import SGD
from minnet.training.constant_answer import loss_of_answer, loss_of_constant

__all__ = ["CHECKS", "Case"]

_LARGE_INPUT = 5.0  # root mean square of all of X
_LARGE_COLUMN = 30.0  # of one column
_SMALL_INPUT = 1e-3
_OFFSET = 20.0  # means of columns, in standard deviations
_DEAD_SHARE = 0.5  # and half the chance deviation of as many units
_DEAD_AFTER_LEARNING = 0.9
_LEARNED = 0.5  # of the loss of the best constant
_FEWEST_ROWS = 10  # on which units can be called dead
_TWIN_SHARE = 0.5
_SATURATED_SHARE = 0.5
_RATIO = 20.0  # by which a standard deviation changes from the first hidden layer to the last
_ABSOLUTE = 1e3  # root mean square of pre-activations
_UPDATE_HIGH = 0.5  # of its size, a weight matrix a step
_UPDATE_LOW = 1e-5
# Losses of numbers, times that of the best constant.
_OF_ZEROS = 5.0
_OF_OUTPUTS = 10.0  # those of weights drawn at random stray
_LARGE_TARGET = 10.0  # standard deviation


@dataclass(frozen=True)
class Case:
    """What the checks look at."""

    subject: Subject
    m: Measurement
    gradient: Any

    @property
    def network(self) -> Network:
        """That is looked at."""
        return self.subject.network

    @property
    def X(self) -> Matrix:
        """Its inputs."""
        return self.subject.X

    @cached_property
    def loss(self) -> float:
        """Without the penalty of the weights."""
        return loss_of_data(self.subject, self.m)

    @cached_property
    def best(self) -> float | None:
        """The loss of the best answer that is the same for all."""
        return loss_of_constant(self.network, self.subject.T, self.subject.weights)

    @cached_property
    def learned(self) -> bool:
        """Then gradients come from few samples, and weights may be large."""
        return self.best is not None and self.loss < _LEARNED * self.best

    @cached_property
    def hidden(self) -> Array:
        """Places of the hidden rows; none where nothing is to be said of signals."""
        return np.flatnonzero(self.m.hidden) if not self.learned else np.zeros(0, np.int64)


#: What a check returns: layer, figure, threshold, sentence and advice of its Finding.
Found = tuple[int | None, float, float, str, str] | None


class Check(NamedTuple):
    function: Callable[[Case], Found]
    row: str
    unless: tuple[str, ...]


#: By code, most serious first: what comes earlier is often the cause of what comes later.
CHECKS: dict[str, Check] = {}


def finding(
    row: str, unless: tuple[str, ...] = ()
) -> Callable[[Callable[[Case], Found]], Callable[[Case], Found]]:
    """Enter a function among the findings, after those above it; its name is the code.

    Parameters
    ----------
    row : str
        Of the table in :func:`diagnose`: the figure, and what is too much of it.
    unless : tuple of str
        Codes of what alone makes this finding, so that it would send the reader the wrong way.
    """

    def enter(function: Callable[[Case], Found]) -> Callable[[Case], Found]:
        CHECKS[function.__name__[1:]] = Check(function, row, unless)
        return function

    return enter


# ---- the findings, most serious first


@finding(
    "root mean square of ``X``: over 5 (a column: over 30), below 0.001; of the numbers that "
    "are stored if it is sparse. Or the means of the columns over their standard deviations: "
    "20",
)
def _unscaled_inputs(case: Case) -> Found:
    X = case.X
    columns, whole = root_mean_squares(X)
    column = columns.max()
    scaler = "MaxAbsScaler" if sparse.issparse(X) else "StandardScaler"
    advice = f"Put a {scaler} before the network."
    if whole > _LARGE_INPUT or column > _LARGE_COLUMN:
        one = whole <= _LARGE_INPUT
        figure, threshold = (column, _LARGE_COLUMN) if one else (whole, _LARGE_INPUT)
        what = f"Column {columns.argmax()} of the inputs has" if one else "The inputs have"
    elif whole < _SMALL_INPUT:
        figure, threshold, what = whole, _SMALL_INPUT, "The inputs have"
    elif (offset := _offset(X)) > _OFFSET:
        sentence = (
            f"The means of the columns of the inputs are {offset:.3g} times their standard deviations: "
            "all samples look alike to the layers."
        )
        return None, offset, _OFFSET, sentence, advice
    else:
        return None
    sentence = f"{what} a root mean square of {figure:.3g}, where the layers expect about 1."
    return None, float(figure), threshold, sentence, advice


@finding(
    "parameters, activations or gradients that are NaN or infinite: any",
)
def _not_finite(case: Case) -> Found:
    network, m = case.network, case.m
    for row in network.parameter_table:
        bad = ~np.isfinite(network.params[row.slice])
        if bad.any():
            return (
                row.layer, float(bad.mean()), 0.0,
                f"{bad.mean():.0%} of {row.label} are NaN or infinite: training diverged.",
                "Start anew with a lower learning rate, scaled inputs or clip_norm.",
            )  # fmt: skip
    for name, what in (("Z", "pre-activations"), ("dZ", "gradients")) if m.layers else ():
        bad = m.measured(name) & ~np.isfinite(m[name, "rms"])
        if bad.any():
            layer = int(m.index[bad.argmax()])
            return (
                layer, float(m[name, "rms"][bad.argmax()]), 0.0,
                f"The {what} of layer {layer} are beyond what {network.dtype} can hold.",
                "Scale the inputs, and initialize by the fan-in: init=\"auto\".",
            )  # fmt: skip
    for row in network.parameter_table:
        bad = ~np.isfinite(case.gradient[row.slice])
        if bad.any():
            return (
                row.layer, float(bad.mean()), 0.0,
                f"{bad.mean():.0%} of the gradient of {row.label} are NaN or infinite.",
                "Compare what the layers' backward returns: check_gradients.",
            )  # fmt: skip
    return None


@finding(
    "share of a hidden layer's units with a twin, of equal weights and equal gradients: 0.5",
)
def _symmetric_units(case: Case) -> Found:
    network = case.network
    parameters, gradients = network.views(network.params), network.views(case.gradient)
    last = max((i for i, arrays in enumerate(parameters) if "W" in arrays), default=0)
    worst = None
    for i, (arrays, by) in enumerate(zip(parameters, gradients, strict=True)):
        if i == last or "W" not in arrays or not network.layers[i].trainable:
            continue
        units = arrays["W"].shape[-1]
        if arrays["W"].ndim != 2 or units < 2:
            continue
        # Weights and biases of a unit, and their gradients, are a column.
        of_units = [name for name in arrays if arrays[name].shape[-1:] == (units,)]
        own = np.vstack([arrays[name].reshape(-1, units) for name in of_units])
        columns = [_rounded(own, axis=0), np.round(_logarithm(abs(own).max(axis=0)), 5)]
        columns += [_rounded(by[name].reshape(-1, units)) for name in of_units]
        _, counts = np.unique(np.vstack(columns), axis=1, return_counts=True)
        share = counts[counts > 1].sum() / counts.sum()
        if share >= _TWIN_SHARE and (worst is None or share > worst[1]):
            worst = i, float(share)
    if worst is None:
        return None
    layer, share = worst
    return (
        layer, share, _TWIN_SHARE,
        f"{share:.0%} of the units of layer {layer} have a twin with equal weights and equal gradients: "
        "they stay equal for ever, and count as one.",
        "Draw the weights at random: init=\"auto\"; zeros are for biases.",
    )  # fmt: skip


@finding(
    "share of a layer's n units without a slope on any sample: 0.5 + 0.5 / sqrt(n)",
)
def _dead_units(case: Case) -> Found:
    X, m = case.X, case.m
    if X.shape[0] < _FEWEST_ROWS or not m.layers:
        return None
    if not sparse.issparse(X) and (X[0] == X).all():
        return None
    dead = np.nan_to_num(np.where(m.hidden, m["dead"], 0))
    # A saturated unit has no slope either, but another name and another cure.
    dead[np.nan_to_num(m["saturated"]) >= _SATURATED_SHARE] = 0
    limits = np.minimum(_DEAD_SHARE + 0.5 / np.sqrt(m.fan_out), 1.0)
    limits = np.maximum(limits, _DEAD_AFTER_LEARNING) if case.learned else limits
    rows = np.flatnonzero(dead >= limits)
    if not rows.size:
        return None
    row = int(rows[0])
    layer, share = int(m.index[row]), float(dead[row])
    return (
        layer, share, float(limits[row]),
        f"{share:.0%} of the units of layer {layer} ({m.activations[row]}) have no gradient on any "
        "sample: they no longer learn.",
        "Start anew with biases of 0 or a little above, a lower learning rate, or "
        'activation="leaky_relu".',
    )  # fmt: skip


@finding(
    "sd of the pre-activations in the last hidden layer over the first: 20, or a root mean "
    "square of 1000 in any layer",
)
def _exploding_forward(case: Case) -> Found:
    m, rows = case.m, case.hidden
    if not rows.size:
        return None
    rms, sd = m["Z", "rms"][rows], m["Z", "sd"][rows]
    huge, ratio = np.flatnonzero(rms > _ABSOLUTE), _last_over_first(sd)
    if not huge.size and ratio <= _RATIO:
        return None
    smaller = other_weights(m, case.network, larger=False)
    cure = f"{smaller}." if smaller else "Put in BatchNorm, or use fewer layers."
    if ratio > _RATIO:
        at = int(m.index[rows[huge[0] if huge.size else _first_beyond(sd / sd[0], _RATIO)]])
        sentence = (
            f"Signals explode going forward: the sd of the pre-activations goes from {sd[0]:.3g} to "
            f"{sd[-1]:.3g} over {_layers(len(rows))}{_per_layer(ratio, len(rows))}."
        )
        return at, float(ratio), _RATIO, sentence, cure
    at, figure = int(m.index[rows[huge[0]]]), float(rms[huge[0]])
    sentence = (
        f"The pre-activations of layer {at} are huge: their root mean square is {figure:.3g}."
    )
    scaled = root_mean_squares(case.X)[1] <= _LARGE_INPUT
    return at, figure, _ABSOLUTE, sentence, cure if scaled else "Scale the inputs."


@finding(
    "share of pre-activations with under 5 % of the largest slope: 0.5",
)
def _saturated(case: Case) -> Found:
    m = case.m
    if not case.hidden.size:
        return None
    share = np.nan_to_num(np.where(m.hidden, m["saturated"], 0))
    if share.max() < _SATURATED_SHARE:
        return None
    row = int(np.flatnonzero(share >= _SATURATED_SHARE)[0])
    layer = int(m.index[row])
    also = int((share >= _SATURATED_SHARE).sum())
    count = f"; {also} layers in all" if also > 1 else ""
    return (
        layer, float(share[row]), _SATURATED_SHARE,
        f"Saturated from layer {layer} on: {share[row]:.0%} of its {m.activations[row]} have less than "
        f"5 % of the largest slope{count}.",
        "Draw smaller biases: bias_init=\"zeros\"."
        if m["b", "rms"][row] ** 2 > 0.5 * m["Z", "rms"][row] ** 2
        else "Draw smaller weights (init=\"glorot\"), or put a BatchNorm before the activation.",
    )  # fmt: skip


@finding(
    "as exploding, or over the inputs' root mean square if that is more: 1/20",
    unless=("exploding_forward",),
)
def _vanishing_forward(case: Case) -> Found:
    m, X, rows = case.m, case.X, case.hidden
    if not rows.size:
        return None
    sd = m["Z", "sd"][rows]
    # Weights may be too small in the first layer, too. Sparse inputs are small on average.
    inputs = 0.0 if sparse.issparse(X) else float(np.sqrt(np.square(X, dtype=np.float64).mean()))
    start = max(inputs, sd[0])
    if not start > 0 or sd.min() >= start / _RATIO:
        return None
    at = int(m.index[rows[_first_beyond(start / np.maximum(sd, 1e-300), _RATIO)]])
    of_inputs = f"{inputs:.3g} of the inputs" if inputs > sd[0] else f"{sd[0]:.3g}"
    per_layer = _per_layer(_last_over_first(sd), len(rows))
    larger = other_weights(m, case.network, larger=True)
    return (
        at, float(sd.min() / start), 1 / _RATIO,
        f"Signals vanish going forward: the sd of the pre-activations goes from {of_inputs} to "
        f"{sd[-1]:.3g} over {_layers(len(rows))}{per_layer}.",
        f"{larger}; or put in BatchNorm." if larger else "Put in BatchNorm, or use fewer layers.",
    )  # fmt: skip


@finding(
    "sd of dC/ds in the first hidden layer over the last: 20",
)
def _exploding_backward(case: Case) -> Found:
    sd, ratio = _going_back(case)
    if not ratio > _RATIO:
        return None
    rows = case.hidden
    smaller = other_weights(case.m, case.network, larger=False)
    return (
        int(case.m.index[rows[len(rows) - 1 - _first_beyond(sd[::-1] / sd[-1], _RATIO)]]),
        float(ratio), _RATIO,
        f"Gradients explode going back: {_numbers_going_back(sd, ratio)}.",
        f"{smaller or 'Put in BatchNorm, or use fewer layers'}; clip_norm keeps training from diverging.",
    )  # fmt: skip


@finding(
    "the same: 1/20",
)
def _vanishing_backward(case: Case) -> Found:
    sd, ratio = _going_back(case)
    if not ratio < 1 / _RATIO:
        return None
    rows = case.hidden
    small = _first_beyond(sd[-1] / np.maximum(sd[::-1], 1e-300), _RATIO)
    larger = other_weights(case.m, case.network, larger=True)
    if "sigmoid" in case.m.activations:
        cure = (
            "Use tanh or relu, for the slope of the logistic sigmoid is at most 1/4; or fewer "
            'layers, BatchNorm, or init={"name": "glorot_uniform", "gain": 4}.'
        )
    elif larger:
        cure = f"{larger}; use fewer layers, or put in BatchNorm."
    else:
        cure = "Use fewer layers, or put in BatchNorm."
    sentence = f"Gradients vanish going back: {_numbers_going_back(sd, ratio)}."
    at = int(case.m.index[rows[len(rows) - 1 - small]])
    return at, float(ratio), 1 / _RATIO, sentence, cure


@finding(
    "for numbers: the sd of the targets: 10 (not with the Poisson loss); or the loss over "
    "that of the best constant: 5, if answers of 0 have such a loss",
    unless=("exploding_forward",),
)
def _unscaled_targets(case: Case) -> Found:
    loss, best = case.network.loss_, case.best
    if not case.m.layers or _of_classes(loss):
        return None
    last, T = int(case.m.index[-1]), dense(case.subject.T).astype(np.float64)
    if loss.output == "identity" and (sd := float(np.sqrt(T.var(axis=0).sum()))) > _LARGE_TARGET:
        return (
            last, sd, _LARGE_TARGET,
            f"The targets have a standard deviation of {sd:.3g}, where new networks' answers have 1.",
            "Scale the targets: scale_targets=True of a MinNetRegressor.",
        )  # fmt: skip
    if best is None or not best > 0 or case.loss <= _OF_ZEROS * best:
        return None
    of_zeros = loss_of_answer(loss, 0.0, T, case.subject.weights)
    if of_zeros <= _OF_ZEROS * best:
        return None
    scale = "scale_targets=True of a MinNetRegressor, or "
    return (
        last, case.loss, _OF_ZEROS * best,
        f"{_beside_best(case.loss, best)}, and answers of 0, where new networks start, have "
        f"{of_zeros:.3g}.",
        f"Center the targets: {scale if loss.output == 'identity' else ''}start the output's "
        'biases where they are, bias_init="output_prior".',
    )  # fmt: skip


@finding(
    "for classes: the loss, which should be the entropy of the class prior; over c + max(c, "
    "1), where c is the loss of logits that are all 0. For numbers: the loss over that of the "
    "best constant: 10, otherwise",
    unless=("unscaled_targets",),
)
def _initial_loss_too_high(case: Case) -> Found:
    loss, best = case.loss, case.best
    if not case.m.layers or best is None or not best > 0:
        return None
    last = int(case.m.index[-1])
    if not _of_classes(case.network.loss_):
        if loss <= _OF_OUTPUTS * best:
            return None
        return (
            last, loss, _OF_OUTPUTS * best,
            f"{_beside_best(loss, best)}: the outputs are far from the targets.",
            "Draw smaller weights for the output layer, and start its biases at the mean of the targets: "
            'bias_init="output_prior".',
        )  # fmt: skip
    # Beside the loss of logits that are all 0, where a good start is: it is above the entropy if the
    # classes are of uneven frequency.
    k = case.network.sizes[-1]
    chance = np.log(k) if case.network.loss_.output == "softmax" else k * np.log(2)
    threshold = float(chance + max(chance, 1.0))
    if loss <= threshold:
        return None
    return (
        last, loss, threshold,
        f"The loss is {loss:.3g}, where always answering with the frequencies of the classes has "
        f"{best:.3g}: the network is sure, and wrong.",
        "Draw smaller weights for the output layer, and start its biases at the frequencies: "
        'bias_init="output_prior".',
    )  # fmt: skip


@finding(
    "the step of a weight matrix over the size of it, or over that of weights of variance 1 / "
    "fan_in if it is less: 0.5, with momentum as if it went on",
)
def _learning_rate_too_high(case: Case) -> Found:
    m, ratios = case.m, _update_ratios(case)
    if ratios is None:
        return None
    # Weights near 0 take any step: a step is large if it is so beside weights of variance 1 / fan_in, too.
    size = m["W", "rms"] * np.sqrt(m.fan_in)
    beside = ratios * np.minimum(size, 1.0)
    row = int(np.nanargmax(beside))
    worst, layer = float(beside[row]), int(m.index[row])
    if worst <= _UPDATE_HIGH:
        return None
    rate = case.subject.optimizer.learning_rate
    of = "their size" if size[row] >= 1 else "the size that weights usually have"
    return (
        layer, worst, _UPDATE_HIGH,
        f"At learning rate {rate:g} a step changes the weights of layer {layer} by {worst:.2g} of "
        f"{of}, where about 0.001 to 0.01 is usual.",
        f"Lower learning_rate_init to about {rate * 0.01 / worst:.1g}.",
    )  # fmt: skip


@finding(
    "the step over the size of the matrix: 1e-5 in every layer",
    unless=("dead_units", "exploding_forward", "learning_rate_too_high"),
)
def _learning_rate_too_low(case: Case) -> Found:
    ratios = _update_ratios(case)
    if ratios is None or case.learned:  # near a minimum small steps are right
        return None
    row = int(np.nanargmax(ratios))
    worst, layer = float(ratios[row]), int(case.m.index[row])
    if worst >= _UPDATE_LOW:
        return None
    optimizer, clip = case.subject.optimizer, case.subject.clip or {}
    rate, norm, limit = (
        optimizer.learning_rate,
        float(np.linalg.norm(case.gradient)),
        clip.get("clip_norm"),
    )
    clipped = type(optimizer) is SGD and limit is not None and norm > limit
    return (
        layer, worst, _UPDATE_LOW,
        f"At learning rate {rate:g} no step changes the weights of a layer by more than {worst:.2g} "
        "of their size, where about 0.001 to 0.01 is usual.",
        f"Raise clip_norm: the gradient has a norm of {norm:.3g}, and {limit:g} are left of it."
        if clipped
        else f"Raise learning_rate_init to about {rate * 0.01 / max(worst, 1e-300):.1g}.",
    )  # fmt: skip


@finding(
    "layers with weights in a row, where no layer of the network has a nonlinear activation: 1"
)
def _linear_network(case: Case) -> Found:
    layers = case.network.layers
    for layer in layers:
        if layer.only_in_training:
            continue
        known = layer.fully_connected or layer.normalizes
        if not known or not isinstance(layer.activation, Identity):
            return None
    dense = [i for i, layer in enumerate(layers) if layer.fully_connected]
    if len(dense) < 2:
        return None
    return (
        dense[0], float(len(dense)), 1.0,
        f"The network is linear: without an activation its {len(dense)} layers compute what one could.",
        'Give the hidden layers one, activation="relu" or Dense(64, "relu"), unless that is meant.',
    )  # fmt: skip


# ---- what they share


def _offset(X: Matrix) -> float:
    """Return how far the columns that vary lie from 0, in units of their spread; 0 if sparse."""
    if sparse.issparse(X) or X.shape[0] < _FEWEST_ROWS:
        return 0.0
    squares = np.square(X.mean(axis=0, dtype=np.float64))
    variances = X.var(axis=0, dtype=np.float64)
    vary = variances > 1e-12 * squares
    return float(np.sqrt(squares[vary].sum() / variances[vary].sum())) if vary.any() else 0.0


def _rounded(array: Array, axis: int | None = None) -> Array:
    """Return an array in units of its largest element, in which rounding errors do not show."""
    largest = np.abs(array).max(axis=axis)
    return np.round(array / np.where(largest > 0, largest, 1), 5)


def _logarithm(sizes: Array) -> Array:
    """Return logarithms, 0 for 0."""
    return np.log(np.where(sizes > 0, sizes, 1))


def _last_over_first(sd: Array) -> float:
    return sd[-1] / sd[0] if sd[0] > 0 else 1.0


def _going_back(case: Case) -> tuple[Array, float]:
    """Return the sizes of the hidden layers' gradients, and the first over the last; NaN for none."""
    sd = case.m["dZ", "rms"][case.hidden] if case.hidden.size else np.zeros(0)
    return sd, sd[0] / sd[-1] if sd.size > 1 and sd[-1] > 0 else np.nan


def _numbers_going_back(sd: Array, ratio: float) -> str:
    return (
        f"the root mean square of dC/ds goes from {sd[-1]:.3g} in the last hidden layer to {sd[0]:.3g} in "
        f"the first{_per_layer(ratio, len(sd))}"
    )


def _layers(n: int) -> str:
    return f"{n} hidden layers" if n > 1 else "one hidden layer"


def _first_beyond(ratios: Array, limit: float) -> int:
    """Return the first place where a ratio is beyond the limit, or the last place."""
    beyond = np.flatnonzero(ratios > limit)
    return int(beyond[0]) if beyond.size else len(ratios) - 1


def _per_layer(ratio: float, n_layers: int) -> str:
    if n_layers < 3 or not 0 < ratio < np.inf:
        return ""
    return f", a factor {ratio ** (1 / (n_layers - 1)):.3g} a layer"


def _of_classes(loss: Any) -> bool:
    return loss.output in ("softmax", "logistic")


def _beside_best(loss: float, best: float) -> str:
    return f"The loss is {loss:.3g}, where the best answer that is the same for all has {best:.3g}"


def _update_ratios(case: Case) -> Array | None:
    """Return each row's step beside its weights, as if momentum went on; None where it is not known."""
    optimizer = case.subject.optimizer
    if optimizer is None or not case.m.layers or not np.isfinite(case.m["update_ratio"]).any():
        return None
    return case.m["update_ratio"] / max(1 - optimizer.constants().get("momentum", 0.0), 1e-3)
