"""What is wrong with the signals, forward and backward."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from minnet.common.scale import root_mean_squares
from minnet.common.types import Array
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.check import Found, finding
from minnet.lab.diagnosis.inputs import FEWEST_ROWS, LARGE_INPUT, all_alike
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.weights import weights_to_try

_DEAD_SHARE = 0.5  # and half the chance deviation of as many units
_DEAD_AFTER_LEARNING = 0.9
_TWIN_SHARE = 0.5
_SATURATED_SHARE = 0.5
_LEARNS_WELL = 0.3  # of the loss of the best constant, after the first steps
_RATIO = 20.0  # by which a standard deviation changes from the first hidden layer to the last
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
        if bad.any():
            layer = int(m.index[bad.argmax()])
            return Found(
                layer, float(m[name, "rms"][bad.argmax()]), 0.0,
                f"The {what} of layer {layer} are beyond what {network.dtype} can hold.",
                [Remedy({"init": "auto"}), Remedy({"init": "auto", "bias_init": "auto"})],
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
    "share of a layer's n units without a slope on any sample: 0.5 + 0.5 / sqrt(n)",
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
    if not huge.size and ratio <= _RATIO:
        return None
    remedies = weights_to_try(case)
    if ratio > _RATIO:
        at = int(m.index[rows[huge[0] if huge.size else _first_beyond(sd / sd[0], _RATIO)]])
        sentence = (
            f"Signals explode going forward: the sd of the pre-activations goes from {sd[0]:.3g} to "
            f"{sd[-1]:.3g} over {_layers(len(rows))}{_per_layer(ratio, len(rows))}."
        )
        return Found(at, float(ratio), _RATIO, sentence, remedies)
    at, figure = int(m.index[rows[huge[0]]]), float(rms[huge[0]])
    sentence = (
        f"The pre-activations of layer {at} are huge: their root mean square is {figure:.3g}."
    )
    if root_mean_squares(case.X)[1] > LARGE_INPUT:
        return Found(at, figure, _ABSOLUTE, sentence, advice="Scale the inputs.")
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
    if root_mean_squares(case.X)[1] > LARGE_INPUT and case.first_steps.loss() < _LEARNS_WELL:
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
    "as exploding, or over the inputs' root mean square if that is more: 1/20",
    unless=("exploding_forward",),
)
def _vanishing_forward(case: Case) -> Found | None:
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
    return Found(
        at, float(sd.min() / start), 1 / _RATIO,
        f"Signals vanish going forward: the sd of the pre-activations goes from {of_inputs} to "
        f"{sd[-1]:.3g} over {_layers(len(rows))}{per_layer}.",
        weights_to_try(case),
    )  # fmt: skip


@finding(
    "sd of dC/ds in the first hidden layer over the last: 20",
)
def _exploding_backward(case: Case) -> Found | None:
    sd, ratio = _going_back(case)
    if not ratio > _RATIO:
        return None
    rows = case.hidden
    return Found(
        int(case.m.index[rows[len(rows) - 1 - _first_beyond(sd[::-1] / sd[-1], _RATIO)]]),
        float(ratio), _RATIO,
        f"Gradients explode going back: {_numbers_going_back(sd, ratio)}.",
        weights_to_try(case),
    )  # fmt: skip


@finding(
    "the same: 1/20",
)
def _vanishing_backward(case: Case) -> Found | None:
    sd, ratio = _going_back(case)
    if not ratio < 1 / _RATIO:
        return None
    rows = case.hidden
    small = _first_beyond(sd[-1] / np.maximum(sd[::-1], 1e-300), _RATIO)
    sentence = f"Gradients vanish going back: {_numbers_going_back(sd, ratio)}."
    at = int(case.m.index[rows[len(rows) - 1 - small]])
    return Found(at, float(ratio), 1 / _RATIO, sentence, weights_to_try(case))


# ---- what they share


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
