"""What is wrong with the signals, forward and backward."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from minnet.activations import Activation
from minnet.common.scale import root_mean_squares
from minnet.common.types import Array
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.geometry import curvature, directions, layer_outputs
from minnet.lab.diagnosis.inputs import (
    FEWEST_ROWS,
    LARGE_INPUT,
    all_alike,
    are_beyond_squares,
    scaled_inputs,
)
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.weights import blocks_to_try, weights_to_try
from minnet.lab.rows import ends_branch

_DEAD_SHARE = 0.5  # and half the chance deviation of as many units
_DEAD_AFTER_LEARNING = 0.9
_TWIN_SHARE = 0.5
_SATURATED_SHARE = 0.5
_LEARNS_WELL = 0.3  # of the loss of the best constant, after the first steps
_EXPLODES = 20.0  # by which a standard deviation changes from the first hidden layer to the last
_VANISHES = 1 / 25
_WEAK = 0.62  # the factor of gradients a layer
_WEAK_AFTER_FIT = 0.65  # of what has learned nothing
_WEAK_LAYERS = 3  # between which there are factors
_NEARLY_LINEAR = 0.22  # curvature
_DEEP = 10
_FEW_DIRECTIONS = 2.5  # participation ratio
_AT_ZERO = 0.1  # mean activation, of one that starts at 0.5
_STEPS = 60  # of a training that tells whether a network learns all the same
_LEARNS = 0.8  # times the loss of the best constant
_HARDLY_LEARNS, _FAR_LESS = (
    0.45,
    0.4,
)  # the same, and times the loss, with weights that keep directions
_FADES = 0.5  # the factor of signals a layer, which is the cause of what else is lost
_LAWS = {"init": "auto", "bias_init": "auto"}
_ABSOLUTE = 1e3  # root mean square of pre-activations


@finding(
    "parameters, activations or gradients that are NaN or infinite: any",
)
def _not_finite(case: Case) -> Found | None:
    network, m = case.network, case.m
    for row in network.parameter_table:
        bad = ~np.isfinite(network.params[row.slice])
        if bad.any():
            return Found(
                row.layer, float(bad.mean()), 0.0,
                f"{bad.mean():.0%} of {row.label} are NaN or infinite: training diverged.",
                advice="Start anew with a lower learning rate, scaled inputs or clip_norm.",
            )  # fmt: skip
    for name, what in (("Z", "pre-activations"), ("dZ", "gradients")) if m.layers else ():
        bad = m.measured(name) & ~np.isfinite(m[name, "rms"])
        if name == "dZ" and are_beyond_squares(case.subject.T):
            return None  # unscaled_targets says so
        if bad.any():
            layer = int(m.index[bad.argmax()])
            return Found(
                layer, float(m[name, "rms"][bad.argmax()]), 0.0,
                f"The {what} of layer {layer} are beyond what {network.dtype} can hold.",
                [
                    *[Remedy(change) for change in ({"init": "auto"}, _LAWS)],
                    *[scaled_inputs(case, **change) for change in ({}, {"init": "auto"}, _LAWS)],
                ],
                "Scale the inputs, and initialize by the fan-in: init=\"auto\".",
            )  # fmt: skip
    for row in network.parameter_table:
        bad = ~np.isfinite(case.gradient[row.slice])
        if bad.any():
            return Found(
                row.layer, float(bad.mean()), 0.0,
                f"{bad.mean():.0%} of the gradient of {row.label} are NaN or infinite.",
                advice="Compare what the layers' backward returns: check_gradients.",
            )  # fmt: skip
    return None


@finding(
    "share of a hidden layer's units with a twin, of equal weights and equal gradients: 0.5",
)
def _symmetric_units(case: Case) -> Found | None:
    network = case.network
    parameters, gradients = network.views(network.params), network.views(case.gradient)
    last = max((i for i, arrays in enumerate(parameters) if "W" in arrays), default=0)
    worst = None
    for i, (arrays, by) in enumerate(zip(parameters, gradients, strict=True)):
        if i == last or "W" not in arrays or not network.layers[i].trainable:
            continue
        if ends_branch(network, i) and not by["W"].any():
            continue  # it begins at 0, below an output that does: what comes along the skip parts them
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
    return Found(
        layer, share, _TWIN_SHARE,
        f"{share:.0%} of the units of layer {layer} have a twin with equal weights and equal gradients: "
        "they stay equal for ever, and count as one.",
        [Remedy({"init": "auto"}), Remedy({"init": "auto", "bias_init": "auto"})],
    )  # fmt: skip


@finding(
    "participation ratio of the pre-activations of the last of 10 hidden layers or more, 1 where all "
    "samples lie on a line: 2.5, if the first steps of a training learn nothing, or far less than with "
    "orthogonal weights; not where signals change by a factor of 2 a layer",
    unless=("symmetric_units",),
)
def _rank_collapse(case: Case) -> Found | None:
    rows, m = case.hidden, case.m
    if len(rows) < _DEEP or case.fitted or case.X.shape[0] < FEWEST_ROWS or all_alike(case.X):
        return None
    factor = _last_over_first(m["Z", "sd"][rows]) ** (1 / (len(rows) - 1))
    if not _FADES < factor < 1 / _FADES:
        return None
    outputs = layer_outputs(case.network, case.X)
    first, last = (directions(outputs[int(m.index[row])]) for row in (rows[0], rows[-1]))
    if not 0 < last < _FEW_DIRECTIONS < first:
        return None
    weights = weights_to_try(case, depth=True)
    if _learns(case) and not _learns_far_more(case, weights[0]):
        return None
    remedies = blocks_to_try(case) + weights
    number = f"{last:.3g}"
    sentence = (
        f"Samples become alike with depth: after {len(rows)} hidden layers they differ in {number} "
        f"direction{'s' * (number != '1')} (participation ratio), after the first in {first:.3g}."
    )
    layer = int(m.index[rows[-1]])
    return Found(layer, last, _FEW_DIRECTIONS, sentence, remedies, must_learn=True)


@finding(
    "share of a layer's n units without a slope on any sample: 0.5 + 0.5 / sqrt(n)",
    unless=("rank_collapse",),
)
def _dead_units(case: Case) -> Found | None:
    X, m = case.X, case.m
    if X.shape[0] < FEWEST_ROWS or not m.layers or all_alike(X):
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
    return Found(
        layer, share, float(limits[row]),
        f"{share:.0%} of the units of layer {layer} ({m.activations[row]}) have no gradient on any "
        "sample: they no longer learn.",
        [
            Remedy({"bias_init": "zeros"}),
            Remedy({"init": "auto", "bias_init": "auto"}),
            Remedy({"activation": "leaky_relu"}),
            *weights_to_try(case),
        ],
    )  # fmt: skip


@finding(
    "sd of the pre-activations in the last hidden layer over the first: 20, or a root mean "
    "square of 1000 in any layer",
)
def _exploding_forward(case: Case) -> Found | None:
    m, rows = case.m, case.hidden
    if not rows.size:
        return None
    rms, sd = m["Z", "rms"][rows], m["Z", "sd"][rows]
    huge, ratio = np.flatnonzero(rms > _ABSOLUTE), _last_over_first(sd)
    if not huge.size and ratio <= _EXPLODES:
        return None
    remedies = blocks_to_try(case) + weights_to_try(case)
    if ratio > _EXPLODES:
        at = int(m.index[rows[huge[0] if huge.size else _first_beyond(sd / sd[0], _EXPLODES)]])
        sentence = (
            f"Signals explode going forward: the sd of the pre-activations goes from {sd[0]:.3g} to "
            f"{sd[-1]:.3g} over {_layers(len(rows))}{_per_layer(ratio, len(rows))}."
        )
        return Found(at, float(ratio), _EXPLODES, sentence, remedies)
    at, figure = int(m.index[rows[huge[0]]]), float(rms[huge[0]])
    sentence = (
        f"The pre-activations of layer {at} are huge: their root mean square is {figure:.3g}."
    )
    if root_mean_squares(case.first_inputs)[1] > LARGE_INPUT:
        scaled = [scaled_inputs(case)]
        if case.network.loss_.output == "identity":
            scaled.append(scaled_inputs(case, scale_targets=True))
        return Found(at, figure, _ABSOLUTE, sentence, scaled, "Scale the inputs.")
    return Found(at, figure, _ABSOLUTE, sentence, remedies)


@finding(
    "share of pre-activations with under 5 % of the largest slope: 0.5",
)
def _saturated(case: Case) -> Found | None:
    m = case.m
    if not case.hidden.size:
        return None
    share = np.nan_to_num(np.where(m.hidden, m["saturated"], 0))
    if share.max() < _SATURATED_SHARE:
        return None
    if (
        root_mean_squares(case.first_inputs)[1] > LARGE_INPUT
        and case.first_steps.loss() < _LEARNS_WELL
    ):
        return None  # large inputs make it so, and it is no harm
    row = int(np.flatnonzero(share >= _SATURATED_SHARE)[0])
    layer = int(m.index[row])
    also = int((share >= _SATURATED_SHARE).sum())
    count = f"; {also} layers in all" if also > 1 else ""
    biases = [Remedy({"bias_init": "zeros"})]
    weights = weights_to_try(case)
    by_biases = m["b", "rms"][row] ** 2 > 0.5 * m["Z", "rms"][row] ** 2
    return Found(
        layer, float(share[row]), _SATURATED_SHARE,
        f"Saturated from layer {layer} on: {share[row]:.0%} of its {m.activations[row]} have less than "
        f"5 % of the largest slope{count}.",
        biases + weights if by_biases else weights + biases,
    )  # fmt: skip


@finding(
    "sd of the pre-activations in the last hidden layer over the first: 1/25; or of any over the root "
    "mean square of the inputs, if the first has less than 1/25 of that",
    unless=("exploding_forward",),
)
def _vanishing_forward(case: Case) -> Found | None:
    m, X, rows = case.m, case.first_inputs, case.hidden
    if not rows.size:
        return None
    sd = m["Z", "sd"][rows]
    # Weights may be too small in the first layer, too. Sparse inputs are small on average.
    inputs = 0.0 if sparse.issparse(X) else float(np.sqrt(np.square(X, dtype=np.float64).mean()))
    start = inputs if sd[0] < inputs * _VANISHES else sd[0]
    if not start > 0 or sd.min() >= start * _VANISHES:
        return None
    at = int(m.index[rows[_first_beyond(start / np.maximum(sd, 1e-300), 1 / _VANISHES)]])
    of_inputs = f"{inputs:.3g} of the inputs" if start == inputs else f"{sd[0]:.3g}"
    # Of small weights in the first layer alone there is no factor of the others.
    per_layer = "" if start == inputs else _per_layer(_last_over_first(sd), len(rows))
    return Found(
        at, float(sd.min() / start), _VANISHES,
        f"Signals vanish going forward: the sd of the pre-activations goes from {of_inputs} to "
        f"{sd[-1]:.3g} over {_layers(len(rows))}{per_layer}.",
        weights_to_try(case),
    )  # fmt: skip


@finding(
    "sd of dC/ds in the first hidden layer over the last: 20, without batch normalization",
)
def _exploding_backward(case: Case) -> Found | None:
    sd, ratio = _going_back(case)
    if not ratio > _EXPLODES or any(layer.normalizes for layer in case.network.layers):
        return None
    rows = case.hidden
    return Found(
        int(case.m.index[rows[len(rows) - 1 - _first_beyond(sd[::-1] / sd[-1], _EXPLODES)]]),
        float(ratio), _EXPLODES,
        f"Gradients explode going back: {_numbers_going_back(sd, ratio)}.",
        blocks_to_try(case) + weights_to_try(case),
    )  # fmt: skip


@finding(
    "the same: 1/25; or a factor of 0.62 a layer in a network that is nearly linear, if the first steps "
    "of a training learn nothing; or one of 0.65 after a fit that learned nothing",
)
def _vanishing_backward(case: Case) -> Found | None:
    sd, ratio = _going_back(case)
    if not ratio < 1:
        return None
    rows, sentence = case.hidden, f"Gradients vanish going back: {_numbers_going_back(sd, ratio)}."
    if ratio < _VANISHES:
        small = _first_beyond(sd[-1] / np.maximum(sd[::-1], 1e-300), 1 / _VANISHES)
        at = int(case.m.index[rows[len(rows) - 1 - small]])
        return Found(at, float(ratio), _VANISHES, sentence, weights_to_try(case))
    factor = ratio ** (1 / (len(sd) - 1))
    threshold = _WEAK_AFTER_FIT if case.learned_nothing else _WEAK
    if len(sd) <= _WEAK_LAYERS or factor > threshold:
        return None
    if threshold == _WEAK:
        bent = curvature(case.network, case.X, int(case.m.index[rows[-1]]))
        if bent > _NEARLY_LINEAR or _learns(case):
            return None
        sentence += (
            f" The layers are nearly linear on these rows, bent by {bent:.2g} of their spread."
        )
    sentence += (
        f" With plain SGD the weights of all layers need about {1 / ratio:.2g} times the steps that they "
        "would need at a factor of 1."
    )
    return Found(int(case.m.index[rows[0]]), factor, threshold, sentence, weights_to_try(case))


@finding(
    "mean activation of the last hidden layer, of an activation from 0 to 1 that is 0.5 at 0: 0.1",
    unless=("saturated",),
)
def _top_layer_at_zero(case: Case) -> Found | None:
    rows, m = case.hidden, case.m
    if not rows.size:
        return None
    row = int(rows[-1])
    mean, f = float(m["Y", "mean"][row]), case.network.layers[int(m.index[row])].activation
    if not mean < _AT_ZERO or f is None or not _is_like_sigmoid(f):
        return None
    sentence = (
        f"The last hidden layer is driven to 0: its mean activation is {mean:.2g}, where a new one has "
        "0.5. There its slope is small, and the layers below learn little."
    )
    remedies = [Remedy({"bias_init": "zeros"}), *weights_to_try(case)]
    return Found(int(m.index[row]), mean, _AT_ZERO, sentence, remedies)


# ---- what they share


def _learns(case: Case) -> bool:
    """Return whether the first steps of a training learn all the same."""
    trial = case.trial(_STEPS)
    return trial is not None and trial.outcome < _LEARNS


def _learns_far_more(case: Case, remedy: Remedy) -> bool:
    """Return whether the same steps hardly learn, and learn far more with a remedy."""
    before = case.trial(_STEPS)
    if before is None or before.outcome < _HARDLY_LEARNS:
        return False
    after = case.trial(_STEPS, remedy)
    return after is not None and after.outcome < _FAR_LESS * before.outcome


def _is_like_sigmoid(f: Activation) -> bool:
    Z = np.array([-60.0, 0.0, 60.0])
    return bool(np.allclose(f(Z), [0.0, 0.5, 1.0], atol=0.02))


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
