"""What is wrong with a network, in sentences: from one measurement on a batch.

Each check compares one figure with one threshold. The thresholds are wide: a network that trains, if not
at its best, raises no alarm. What causes other findings comes first, so that the first is the one to mend.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from minnet.common.scale import root_mean_squares
from minnet.lab._advice import other_weights
from minnet.lab._finding import Finding
from minnet.lab._initial_loss import loss_of_constant, loss_of_data, loss_too_high
from minnet.lab.measurement import Measurement
from minnet.lab.probe import measure, one_pass
from minnet.lab.subject import subject_of
from minnet.optimizers import SGD

__all__ = ["Finding", "Report", "diagnose"]

#: Most serious first: what comes earlier is often the cause of what comes later.
CODES = (
    "unscaled_inputs",
    "not_finite",
    "symmetric_units",
    "dead_units",
    "exploding_forward",
    "saturated",
    "vanishing_forward",
    "exploding_backward",
    "vanishing_backward",
    "unscaled_targets",
    "initial_loss_too_high",
    "learning_rate_too_high",
    "learning_rate_too_low",
)

#: What alone makes a finding, so that it would send the reader the wrong way.
_CAUSES = {
    "unscaled_targets": ("exploding_forward",),
    "learning_rate_too_low": ("dead_units", "exploding_forward"),
}

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


@dataclass(frozen=True)
class Report:
    """What :func:`diagnose` found; printed, it is sentences.

    Attributes
    ----------
    findings : list of Finding
        Most serious first; empty when all is well.
    measurement : Measurement
        What they were found in.
    """

    findings: list
    measurement: Measurement

    def __str__(self):
        if not self.findings:
            return "Nothing is wrong that can be seen on this batch."
        return "\n".join(f"{i}. {finding}" for i, finding in enumerate(self.findings, start=1))

    def __bool__(self):
        """Return whether something was found."""
        return bool(self.findings)


def diagnose(model, X, y, sample_weight=None, *, optimizer=None):
    """Say what is wrong with a network and what to change.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor or Pipeline that ends in one
        An estimator that is not fitted is looked at as its fit would start.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Some hundred rows of the training data.
    y : array-like
        As ``fit`` takes it; for a Network the targets of its loss.
    sample_weight : array-like of shape (n_samples,), default=None
    optimizer : str or Optimizer, default=None
        An estimator's own unless given; the learning rate of a Network alone is not judged.

    Returns
    -------
    Report

    Notes
    -----
    =========================== ==================================================================
    code                        figure, and what is too much of it
    =========================== ==================================================================
    ``unscaled_inputs``         root mean square of ``X``: over 5 (a column: over 30), below 0.001; of the
                                numbers that are stored if it is sparse. Or the means of the columns
                                over their standard deviations: 20
    ``not_finite``              parameters, activations or gradients that are NaN or infinite: any
    ``symmetric_units``         share of a hidden layer's units with a twin, of equal weights and equal
                                gradients: 0.5
    ``dead_units``              share of a layer's n units without a slope on any sample:
                                0.5 + 0.5 / sqrt(n)
    ``exploding_forward``       sd of the pre-activations in the last hidden layer over the first: 20,
                                or a root mean square of 1000 in any layer
    ``saturated``               share of pre-activations with under 5 % of the largest slope: 0.5
    ``vanishing_forward``       as exploding, or over the inputs' root mean square if that is more: 1/20
    ``exploding_backward``      sd of dC/ds in the first hidden layer over the last: 20
    ``vanishing_backward``      the same: 1/20
    ``unscaled_targets``        for numbers: the sd of the targets: 10 (not with the Poisson loss); or the
                                loss over that of the best constant: 5, if answers of 0 have such a loss
    ``initial_loss_too_high``   for classes: the loss, which should be the entropy of the class prior; over
                                c + max(c, 1), where c is the loss of logits that are all 0. For
                                numbers: the loss over that of the best constant: 10, otherwise
    ``learning_rate_too_high``  the step of a weight matrix over the size of it, or over that of weights of
                                variance 1 / fan_in if it is less: 0.5, with momentum as if it went on
    ``learning_rate_too_low``   the step over the size of the matrix: 1e-5 in every layer
    =========================== ==================================================================

    Where the loss is less than half of that of the best constant answer the network has learned: then
    signals and gradients are not judged, nor a learning rate that is low, and dead units only from 0.9 on.

    The measurement is that of :func:`minnet.lab.probe`. The output layer is left out where layers are
    compared: its width is another.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import diagnose
    >>> X, y = load_digits(return_X_y=True)
    >>> deep = MinNetClassifier((64,) * 12, "relu", init="glorot", random_state=0)
    >>> report = diagnose(deep, X / 16, y)
    >>> [finding.code for finding in report.findings]
    ['vanishing_forward', 'vanishing_backward']
    >>> print(report.findings[0].advice)
    Draw larger weights: init="he_normal"; or put in BatchNorm.
    """
    subject = subject_of(model, X, y, sample_weight, optimizer)
    if subject.T is None:
        raise ValueError("y must be given: half of what can be wrong shows in gradients, got None")
    network = subject.network
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        passed = one_pass(subject)
    measurement = measure(subject, passed=passed)
    found = [_unscaled_inputs(subject.X), _not_finite(network, measurement)]
    if found[1] is None:
        best = loss_of_constant(network, subject.T, subject.weights)
        # Once a network has learned, gradients come from few samples, and weights may be large.
        learned = best is not None and loss_of_data(subject, measurement) < _LEARNED * best
        found += [
            _symmetric_units(network, network.views(passed[1])),
            _dead_units(subject.X, measurement, learned),
            *([] if learned else _signals(subject.X, network, measurement)),
            loss_too_high(subject, measurement, best),
            _learning_rate(subject, passed[1], measurement, learned),
        ]
    found = [finding for finding in found if finding is not None]
    codes = {finding.code for finding in found}
    found = [f for f in found if not codes & set(_CAUSES.get(f.code, ()))]
    return Report(sorted(found, key=lambda finding: CODES.index(finding.code)), measurement)


def _not_finite(network, m):
    """Find NaN and infinity."""
    for row in network.parameter_table:
        bad = ~np.isfinite(network.params[row.slice])
        if bad.any():
            return Finding(
                "not_finite", row.layer, float(bad.mean()), 0.0,
                f"{bad.mean():.0%} of {row.label} are NaN or infinite: training diverged.",
                "Start anew with a lower learning rate, scaled inputs or clip_norm.",
            )  # fmt: skip
    for name, what in (("Z", "pre-activations"), ("dZ", "gradients")) if m.layers else ():
        bad = ~np.isfinite(m[name, "rms"])
        if bad.any():
            layer = int(m.index[bad.argmax()])
            return Finding(
                "not_finite", layer, float(m[name, "rms"][bad.argmax()]), 0.0,
                f"The {what} of layer {layer} are beyond what {network.dtype} can hold.",
                "Scale the inputs, and initialize by the fan-in: init=\"auto\".",
            )  # fmt: skip
    return None


def _unscaled_inputs(X):
    """Find inputs far from unit scale."""
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
        return Finding(
            "unscaled_inputs", None, offset, _OFFSET,
            f"The means of the columns of the inputs are {offset:.3g} times their standard deviations: "
            "all samples look alike to the layers.",
            advice,
        )  # fmt: skip
    else:
        return None
    sentence = f"{what} a root mean square of {figure:.3g}, where the layers expect about 1."
    return Finding("unscaled_inputs", None, float(figure), threshold, sentence, advice)


def _offset(X):
    """Return how far the columns that vary lie from 0, in units of their spread; 0 if sparse."""
    if sparse.issparse(X) or X.shape[0] < _FEWEST_ROWS:
        return 0.0
    squares = np.square(X.mean(axis=0, dtype=np.float64))
    variances = X.var(axis=0, dtype=np.float64)
    vary = variances > 1e-12 * squares
    return float(np.sqrt(squares[vary].sum() / variances[vary].sum())) if vary.any() else 0.0


def _symmetric_units(network, gradients):
    """Find hidden units that are equal and get equal gradients, so that they stay equal."""
    parameters = network.views(network.params)
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
    return Finding(
        "symmetric_units", layer, share, _TWIN_SHARE,
        f"{share:.0%} of the units of layer {layer} have a twin with equal weights and equal gradients: "
        "they stay equal for ever, and count as one.",
        "Draw the weights at random: init=\"auto\"; zeros are for biases.",
    )  # fmt: skip


def _rounded(array, axis=None):
    """Return an array in units of its largest element, in which rounding errors do not show."""
    largest = np.abs(array).max(axis=axis)
    return np.round(array / np.where(largest > 0, largest, 1), 5)


def _logarithm(sizes):
    """Return logarithms, 0 for 0."""
    return np.log(np.where(sizes > 0, sizes, 1))


def _dead_units(X, m, learned):
    """Find layers most of whose units have no slope on any sample."""
    if X.shape[0] < _FEWEST_ROWS or not m.layers:
        return None
    if not sparse.issparse(X) and (X[0] == X).all():
        return None
    dead = np.nan_to_num(np.where(m.hidden, m["dead"], 0))
    # A saturated unit has no slope either, but another name and another cure.
    dead[np.nan_to_num(m["saturated"]) >= _SATURATED_SHARE] = 0
    limits = np.minimum(_DEAD_SHARE + 0.5 / np.sqrt(m.fan_out), 1.0)
    limits = np.maximum(limits, _DEAD_AFTER_LEARNING) if learned else limits
    rows = np.flatnonzero(dead >= limits)
    if not rows.size:
        return None
    row = int(rows[0])
    layer, share = int(m.index[row]), float(dead[row])
    return Finding(
        "dead_units", layer, share, float(limits[row]),
        f"{share:.0%} of the units of layer {layer} ({m.activations[row]}) have no gradient on any "
        "sample: they no longer learn.",
        "Start anew with biases of 0 or a little above, a lower learning rate, or "
        'activation="leaky_relu".',
    )  # fmt: skip


def _signals(X, network, m):
    """Find what goes wrong with signals and gradients on their way through the layers."""
    if m.layers:
        yield from _forward(X, network, m)
        yield _saturated(m)
        yield from _backward(network, m)


def _saturated(m):
    share = np.nan_to_num(np.where(m.hidden, m["saturated"], 0))
    if not share.size or share.max() < _SATURATED_SHARE:
        return None
    row = int(np.flatnonzero(share >= _SATURATED_SHARE)[0])
    layer = int(m.index[row])
    also = int((share >= _SATURATED_SHARE).sum())
    count = f"; {also} layers in all" if also > 1 else ""
    return Finding(
        "saturated", layer, float(share[row]), _SATURATED_SHARE,
        f"Saturated from layer {layer} on: {share[row]:.0%} of its {m.activations[row]} have less than "
        f"5 % of the largest slope{count}.",
        "Draw smaller biases: bias_init=\"zeros\"."
        if m["b", "rms"][row] ** 2 > 0.5 * m["Z", "rms"][row] ** 2
        else "Draw smaller weights (init=\"glorot\"), or put a BatchNorm before the activation.",
    )  # fmt: skip


def _forward(X, network, m):
    """Find pre-activations that grow or fade with depth."""
    rows = np.flatnonzero(m.hidden)
    if not rows.size:
        return
    rms, sd = m["Z", "rms"][rows], m["Z", "sd"][rows]
    huge = np.flatnonzero(rms > _ABSOLUTE)
    ratio = sd[-1] / sd[0] if sd[0] > 0 else 1.0
    if huge.size or ratio > _RATIO:
        smaller = other_weights(m, network, larger=False)
        cure = f"{smaller}." if smaller else "Put in BatchNorm, or use fewer layers."
    if ratio > _RATIO:
        at = int(m.index[rows[huge[0] if huge.size else _first_beyond(sd / sd[0], _RATIO)]])
        sentence = (
            f"Signals explode going forward: the sd of the pre-activations goes from {sd[0]:.3g} to "
            f"{sd[-1]:.3g} over {_layers(len(rows))}{_per_layer(ratio, len(rows))}."
        )
        yield Finding("exploding_forward", at, float(ratio), _RATIO, sentence, cure)
        return
    if huge.size:
        at = int(m.index[rows[huge[0]]])
        figure = float(rms[huge[0]])
        sentence = (
            f"The pre-activations of layer {at} are huge: their root mean square is {figure:.3g}."
        )
        if root_mean_squares(X)[1] > _LARGE_INPUT:
            cure = "Scale the inputs."
        yield Finding("exploding_forward", at, figure, _ABSOLUTE, sentence, cure)
        return
    # Weights may be too small in the first layer, too. Sparse inputs are small on average.
    inputs = 0.0 if sparse.issparse(X) else float(np.sqrt(np.square(X, dtype=np.float64).mean()))
    start = max(inputs, sd[0])
    if start > 0 and sd.min() < start / _RATIO:
        at = int(m.index[rows[_first_beyond(start / np.maximum(sd, 1e-300), _RATIO)]])
        of_inputs = f"{inputs:.3g} of the inputs" if inputs > sd[0] else f"{sd[0]:.3g}"
        sentence = (
            f"Signals vanish going forward: the sd of the pre-activations goes from {of_inputs} to "
            f"{sd[-1]:.3g} over {_layers(len(rows))}{_per_layer(ratio, len(rows))}."
        )
        larger = other_weights(m, network, larger=True)
        advice = (
            f"{larger}; or put in BatchNorm."
            if larger
            else "Put in BatchNorm, or use fewer layers."
        )
        yield Finding(
            "vanishing_forward", at, float(sd.min() / start), 1 / _RATIO, sentence, advice
        )


def _layers(n):
    return f"{n} hidden layers" if n > 1 else "one hidden layer"


def _backward(network, m):
    """Find gradients that grow or fade going back."""
    rows = np.flatnonzero(m.hidden)
    if rows.size < 2:
        return
    sd = m["dZ", "rms"][rows]
    if not sd[-1] > 0:
        return
    ratio = sd[0] / sd[-1]
    numbers = (
        f"the root mean square of dC/ds goes from {sd[-1]:.3g} in the last hidden layer to {sd[0]:.3g} in "
        f"the first{_per_layer(ratio, len(rows))}"
    )
    if ratio > _RATIO:
        at = int(m.index[rows[len(rows) - 1 - _first_beyond(sd[::-1] / sd[-1], _RATIO)]])
        smaller = other_weights(m, network, larger=False) or "Put in BatchNorm, or use fewer layers"
        advice = f"{smaller}; clip_norm keeps training from diverging."
        yield Finding(
            "exploding_backward", at, float(ratio), _RATIO,
            f"Gradients explode going back: {numbers}.", advice,
        )  # fmt: skip
    elif ratio < 1 / _RATIO:
        at = int(
            m.index[
                rows[len(rows) - 1 - _first_beyond(sd[-1] / np.maximum(sd[::-1], 1e-300), _RATIO)]
            ]
        )
        larger = other_weights(m, network, larger=True)
        if "sigmoid" in m.activations:
            cure = (
                "Use tanh or relu, for the slope of the logistic sigmoid is at most 1/4; or fewer "
                'layers, BatchNorm, or init={"name": "glorot_uniform", "gain": 4}.'
            )
        elif larger:
            cure = f"{larger}; use fewer layers, or put in BatchNorm."
        else:
            cure = "Use fewer layers, or put in BatchNorm."
        yield Finding(
            "vanishing_backward", at, float(ratio), 1 / _RATIO,
            f"Gradients vanish going back: {numbers}.", cure,
        )  # fmt: skip


def _first_beyond(ratios, limit):
    """Return the first place where a ratio is beyond the limit, or the last place."""
    beyond = np.flatnonzero(ratios > limit)
    return int(beyond[0]) if beyond.size else len(ratios) - 1


def _per_layer(ratio, n_layers):
    if n_layers < 3 or not 0 < ratio < np.inf:
        return ""
    return f", a factor {ratio ** (1 / (n_layers - 1)):.3g} a layer"


def _learning_rate(subject, grads, m, learned):
    """Find steps that are large or small beside the weights that they change."""
    optimizer = subject.optimizer
    if optimizer is None or not m.layers or not np.isfinite(m["update_ratio"]).any():
        return None
    ratios = m["update_ratio"]
    momentum = optimizer.constants().get("momentum", 0.0)
    ratios = ratios / max(1 - momentum, 1e-3)
    rate = optimizer.learning_rate
    # Weights near 0 take any step: a step is large if it is so beside weights of variance 1 / fan_in, too.
    size = m["W", "rms"] * np.sqrt(m.fan_in)
    beside = ratios * np.minimum(size, 1.0)
    row = int(np.nanargmax(beside))
    worst, layer = float(beside[row]), int(m.index[row])
    if worst > _UPDATE_HIGH:
        of = "their size" if size[row] >= 1 else "the size that weights usually have"
        return Finding(
            "learning_rate_too_high", layer, worst, _UPDATE_HIGH,
            f"At learning rate {rate:g} a step changes the weights of layer {layer} by {worst:.2g} of "
            f"{of}, where about 0.001 to 0.01 is usual.",
            f"Lower learning_rate_init to about {rate * 0.01 / worst:.1g}.",
        )  # fmt: skip
    row = int(np.nanargmax(ratios))
    worst, layer = float(ratios[row]), int(m.index[row])
    if worst < _UPDATE_LOW and not learned:  # near a minimum small steps are right
        norm, limit = float(np.linalg.norm(grads)), (subject.clip or {}).get("clip_norm")
        clipped = type(optimizer) is SGD and limit is not None and norm > limit
        return Finding(
            "learning_rate_too_low", layer, worst, _UPDATE_LOW,
            f"At learning rate {rate:g} no step changes the weights of a layer by more than {worst:.2g} "
            "of their size, where about 0.001 to 0.01 is usual.",
            f"Raise clip_norm: the gradient has a norm of {norm:.3g}, and {limit:g} are left of it."
            if clipped
            else f"Raise learning_rate_init to about {rate * 0.01 / max(worst, 1e-300):.1g}.",
        )  # fmt: skip
    return None
