"""What does happen in a network: measurements on a batch, once or through training.

A measurement is one training pass of the network's own layers, whose contexts are read: there is no
second implementation of anything.
"""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.utils.validation import _num_samples

from minnet.activations import Activation, Identity
from minnet.common.checks import check_flag, check_whole, is_whole
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab.jacobians import layer_jacobians, products, singular_values
from minnet.lab.measurement import FIGURES, Measurement, Recording
from minnet.lab.rows import describe_rows, row_indices
from minnet.lab.sharpness import sharpness_of, stability_limit
from minnet.lab.subject import Subject, batch_for, step_of, subject_of
from minnet.layers import Context
from minnet.optimizers import Optimizer
from minnet.training.callback import Callback
from minnet.training.per_trainer import PerTrainer

__all__ = ["Probe", "probe"]

_ARRAYS = ("Z", "Y", "dZ", "dW", "W", "b")
_PERCENTILES = {"p2": 2, "p50": 50, "p98": 98}
_SATURATED = 0.05  # of the largest slope
_DEAD = 1e-3
# So many numbers of an array, evenly spaced, are sorted for percentiles and histograms.
_MOST_SORTED = 2**16
_BUDGET = 0.03  # share of the time that a Probe takes by default


def probe(
    model: Any,
    X: Matrix,
    y: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    *,
    optimizer: str | Optimizer | None = None,
    n_bins: int = 64,
    n_jacobians: int = 0,
    sharpness: bool = False,
    loss: Any = None,
) -> Measurement:
    """Measure a network on a batch, layer by layer, forward and backward.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or torch.nn.Sequential
        An estimator that is not fitted is measured as its fit would start. Nothing of it changes. Which
        modules a Sequential may have :func:`minnet.pytorch.network_from_torch` says; the rows of the
        measurement are called as the modules are, and losses and gradients are those of PyTorch's loss.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        A few hundred rows tell enough; the paper has 300. For a model of PyTorch a tensor, too.
    y : array-like, default=None
        As ``fit`` takes it; for a Network the targets of its loss. Without it nothing is measured
        backward.
    sample_weight : array-like of shape (n_samples,), default=None
        What each sample counts; None means all alike.
    optimizer : str or Optimizer, default=None
        Whose next step ``update_ratio`` tells; an estimator has its own. For a model of PyTorch also its
        ``torch.optim.SGD``, ``Adam``, ``AdamW`` or ``RMSprop``, with the state that it has.
    n_bins : int, default=64
        Of the histograms.
    n_jacobians : int, default=0
        On how many rows of ``X``, the first ones, to find singular values of the layers' Jacobians, too.
        A layer with 1000 units takes about a second for each.
    sharpness : bool, default=False
        Whether to find the largest eigenvalue of the Hessian of the batch, too, as the optimizer meets it,
        and the limit of the optimizer's steps: ``m.sharpness`` and ``m.stability_limit``. It takes the
        time of some 20 to 60 gradients of the batch.
    loss : str, Loss or loss of PyTorch, default=None
        Of a model of PyTorch, such as ``torch.nn.CrossEntropyLoss()``; without it ``y`` tells, as
        :func:`minnet.pytorch.network_from_torch` says. The others have their own.

    Returns
    -------
    Measurement

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import probe
    >>> X, y = load_digits(return_X_y=True)
    >>> deep = MinNetClassifier((100,) * 8, "tanh", init="standard", random_state=0)
    >>> m = probe(deep, X[:300] / 16, y[:300])
    >>> bool((m["Z", "sd"][1:8] < m["Z", "sd"][:7]).all())  # it fades, layer by layer
    True
    """
    subject = subject_of(model, X, y, sample_weight, optimizer, loss=loss)
    options = _check_count("n_bins", n_bins, 1), _check_count("n_jacobians", n_jacobians, 0)
    return measure(subject, 0, *options, sharpness=_check_sharpness(sharpness, y))


def one_pass(subject: Subject) -> tuple[float, Array | None, list[Context]]:
    """Return loss, flat gradient and contexts of a training pass; NaN and None without targets."""
    if subject.T is None:
        return math.nan, None, subject.network.forward_training(subject.X)[1]
    return subject.network.forward_backward(subject.X, subject.T, subject.weights)


def measure(
    subject: Subject,
    step: int = 0,
    n_bins: int = 64,
    n_jacobians: int = 0,
    passed: tuple[float, Array | None, list[Context]] | None = None,
    sharpness: bool = False,
    reach: float = math.inf,
) -> Measurement:
    """Return the measurement of a :class:`Subject`; ``passed`` is its :func:`one_pass`, if made before.

    Histograms reach so many standard deviations to both sides of the mean, or to the smallest and largest
    number. What is beyond counts in their densities, whose integral is then below 1.
    """
    network = subject.network
    # A diverged network is measured as it is.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        loss, grads, contexts = one_pass(subject) if passed is None else passed
        rows = row_indices(contexts)
        gradients = network.views(grads) if grads is not None else None
        sharp = {}
        if sharpness and grads is not None:  # before a step changes the optimizer's state
            sharp["sharpness"] = sharpness_of(subject, grads)
            sharp["stability_limit"] = stability_limit(subject.optimizer)
        ratios: list[float | None] = [None] * len(network.layers)
        if grads is not None and subject.optimizer is not None:
            ratios = update_ratios(subject, grads)
        per_row = [
            _row(
                network.layers[i],
                contexts[i],
                None if gradients is None else gradients[i],
                ratios[i],
                n_bins,
                reach,
            )
            for i in rows
        ]
        for row, found in zip(per_row, _jacobians(subject, rows, n_jacobians), strict=True):
            row.update(found)
    measured = {
        name: [row.pop(("measured", name)) for row in per_row] for name in (*_ARRAYS, *FIGURES)
    }
    measured["loss"] = [grads is not None]
    values = {name: np.array([row[name] for row in per_row]) for name in (per_row or [{}])[0]}
    description = {**describe_rows(network, rows, subject.labels), "measured": measured}
    return Measurement(step, float(loss), description, values, **sharp)


def update_ratios(subject: Subject, grads: Array) -> list[float | None]:
    r"""Return :math:`|\Delta W| / |W|` of the next step by layer; the optimizer is spent.

    None where there are no weights, or all are 0.
    """
    network = subject.network
    ratios = []
    for layer, moved in zip(network.layers, network.views(step_of(subject, grads)), strict=True):
        weight = getattr(layer, "W", None)
        size = 0.0 if weight is None else float(np.linalg.norm(weight.astype(np.float64)))
        change = np.linalg.norm(moved["W"].astype(np.float64)) if size else 0.0
        ratios.append(float(change) / size if size else None)
    return ratios


def _row(
    layer: Any,
    ctx: Context,
    gradients: dict[str, Array] | None,
    update_ratio: float | None,
    n_bins: int,
    reach: float,
) -> dict[Any, Any]:
    """Return all numbers of one layer, and by ("measured", name) what there was to be measured."""
    weight = getattr(layer, "W", None)
    dZ = getattr(ctx, "dZ", None)
    # The objective divides by the batch; each sample's own gradient does not depend on its size.
    dZ = None if dZ is None else dZ * len(dZ)
    dW = gradients.get("W") if gradients else None
    row: dict[Any, Any] = {}
    arrays = (ctx.Z, ctx.Y, dZ, dW, weight, getattr(layer, "b", None))
    for name, values in zip(_ARRAYS, arrays, strict=True):
        row.update(_statistics(name, values, n_bins, reach))
        row["measured", name] = values is not None and values.size > 0
    for name in ("W", "b"):  # their histograms are not kept
        del row[f"{name}_density"], row[f"{name}_edges"]
    figures = *_slopes(layer.activation, ctx), update_ratio
    for name, value in zip(FIGURES, figures, strict=True):
        row[name] = math.nan if value is None else value
        row["measured", name] = value is not None
    return row


def _jacobians(subject: Subject, rows: list[int], n_samples: int) -> Iterator[dict[str, Any]]:
    """Return statistics of singular values for each row: of its layer, and of the product up to it."""
    of_layer: list[list[Array]] = [[] for _ in rows]
    of_product: list[list[Array]] = [[] for _ in rows]
    for i in range(min(n_samples, subject.X.shape[0]) if rows else 0):
        network = subject.network
        matrices = layer_jacobians(network, subject.X[[i]])
        measured = [i for i in rows if i in matrices]
        first, last = measured[0], measured[-1]
        up_to = {first: np.eye(network.sizes[first + 1])}
        up_to.update(products(network, matrices, first + 1, last))
        for layer in measured:
            at = rows.index(layer)
            of_layer[at].append(singular_values(matrices[layer]))
            of_product[at].append(singular_values(up_to[layer]))
    for own, through in zip(of_layer, of_product, strict=True):
        found = {
            **_statistics("J", np.array(own) if own else None),
            **_statistics("product", np.array(through) if through else None),
        }
        yield {key: value for key, value in found.items() if np.ndim(value) == 0}


def _statistics(
    name: str, values: Array | None, n_bins: int = 1, reach: float = math.inf
) -> dict[str, Any]:
    """Return the statistics of some numbers and their histogram, NaN if there are none."""
    if values is None or not values.size:
        row: dict[str, Any] = dict.fromkeys(("mean", "sd", "rms", "max", *_PERCENTILES), math.nan)
        row.update(density=np.full(n_bins, math.nan), edges=np.full(n_bins + 1, math.nan))
        return {f"{name}_{statistic}": value for statistic, value in row.items()}
    every = _spacing(values)
    values = np.ravel(values)
    mean = values.mean(dtype=np.float64)
    centred = values - mean.astype(values.dtype)
    variance = np.einsum("i,i->", centred, centred, dtype=np.float64) / values.size
    low, high = float(values.min()), float(values.max())
    # Sorted once, percentiles and histogram are a few places to look up.
    ordered = np.sort(values[::every]).astype(np.float64)
    row = {
        "mean": float(mean),
        "sd": math.sqrt(variance) if variance >= 0 else math.nan,
        "rms": math.sqrt(square) if (square := float(variance + mean * mean)) >= 0 else math.nan,
        "max": max(abs(low), abs(high)),
        **{key: _percentile(ordered, percent) for key, percent in _PERCENTILES.items()},
    }
    if math.isfinite(aside := reach * row["sd"]):
        low, high = max(low, mean - aside), min(high, mean + aside)
    row["density"], row["edges"] = _histogram(ordered, low, high, n_bins)
    return {f"{name}_{statistic}": value for statistic, value in row.items()}


def _spacing(values: Array) -> int:
    """Return how far apart the numbers to be sorted are, so that each column has its share of them."""
    every = -(-values.size // _MOST_SORTED)
    while math.gcd(every, values.shape[-1]) > 1:
        every += 1
    return every


def _percentile(values: Array, percent: float) -> float:
    """Return a percentile of sorted numbers, as ``numpy.percentile`` interpolates it."""
    if math.isnan(values[-1]):
        return math.nan
    place = (len(values) - 1) * percent / 100
    below = int(place)
    low, high = values[below], values[min(below + 1, len(values) - 1)]
    return low if low == high else low + (place - below) * (high - low)


def _histogram(values: Array, low: float, high: float, n_bins: int) -> tuple[Array, Array]:
    """Return density and edges of equal bins over sorted numbers; NaN and infinity do not count."""
    first = np.searchsorted(values, -math.inf, "right")
    values = values[first : np.searchsorted(values, math.inf)]
    if not values.size:
        return np.full(n_bins, math.nan), np.full(n_bins + 1, math.nan)
    if not math.isfinite(high - low):
        low, high = values[0], values[-1]
    if not high - low > 1e-12 * max(abs(low), abs(high)):  # all alike: bins around it
        half = 0.5 * abs(low) or 0.5
        low, high = low - half, high + half
    edges = np.linspace(low, high, n_bins + 1)
    places = np.searchsorted(values, edges)
    places[-1] = np.searchsorted(values, edges[-1], "right")  # the last bin has both its ends
    return np.diff(places) / (values.size * np.diff(edges)), edges


def _slopes(activation: Activation | None, ctx: Context) -> tuple[float | None, float | None]:
    """Return the share of saturated pre-activations, and that of dead units; None where there is none."""
    if activation is None or isinstance(activation, Identity):
        return None, None
    largest, saturates = _slope_of(activation)
    slopes = np.abs(activation.derivative(ctx.Z, ctx.Y))
    if np.isnan(slopes).any() or np.isnan(ctx.Z).any():
        return math.nan if saturates else None, math.nan
    dead = float((slopes.max(axis=0) < _DEAD * largest).mean())
    return float((slopes < _SATURATED * largest).mean()) if saturates else None, dead


def _slope_of(activation: Activation) -> tuple[float, bool]:
    """Return the largest slope of an activation, and whether it saturates on both sides."""
    Z = np.linspace(-8, 8, 1601)
    largest = np.abs(activation.derivative(Z, activation(Z))).max()
    ends = np.array([-60.0, 60.0])
    at_ends = np.abs(activation.derivative(ends, activation(ends)))
    return largest, bool((at_ends < _SATURATED * largest).all())


class Probe(Callback):
    """Measures a network through its training.

    For ``Trainer.fit(callbacks=[probe])``, or an estimator: ``estimator.set_callbacks(probe)``, whose
    ``fit`` it watches, with the solvers "sgd" and "adam", and not ``partial_fit``. The same batch is
    measured each time, and the training itself goes on as without: not a bit of the weights changes (but
    for sparse input with L2, whose sums are rounded where training pauses).

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The batch to measure, as the network or the estimator takes it. A few hundred rows tell enough.
    y : array-like, default=None
        As ``fit`` takes it; for a Network the targets of its loss. Without it nothing is measured
        backward.
    sample_weight : array-like of shape (n_samples,), default=None
        What each sample counts; None means all alike.
    steps : None, int or sequence of int, default=None
        At which steps to measure: every so many, or at these. None measures at the start, then as often as
        takes at most 3 % of the time of the training: at which steps that is depends on the machine.
        The end of the training is measured in each case, so that a training that takes less than some
        fifty measurements (a tenth of a second for a small network) has two, and takes longer.
    n_bins : int, default=64
        Of the histograms.
    n_jacobians : int, default=0
        On how many rows of ``X``, the first ones, to find singular values of the layers' Jacobians, too.
        A layer with 1000 units takes about a second for each.
    sharpness : bool, default=False
        Whether to find the largest eigenvalue of the Hessian of the batch each time, too:
        ``recording.sharpness``, and what it would have to stay below at the learning rate of the next
        step, ``recording.stability_limits`` (:func:`minnet.lab.stability_limit`; of Adam and RMSProp it is
        the Hessian that their division by past gradients makes). A measurement then takes the time of some
        20 to 60 gradients of the batch more.
        :class:`minnet.lab.displays.SharpnessDisplay` draws both.

    Attributes
    ----------
    recording : Recording
        What was measured in the training that began last, also if that was interrupted.
    seconds : float
        How long the measurements took.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import Probe
    >>> X, y = load_digits(return_X_y=True)
    >>> probe = Probe(X[:300] / 16, y[:300], steps=100)
    >>> clf = MinNetClassifier((50, 50), "tanh", max_iter=20, n_iter_no_change=20, random_state=0)
    >>> _ = clf.set_callbacks(probe).fit(X / 16, y)
    >>> probe.recording.steps
    array([  0, 100, 180])
    """

    def __init__(
        self,
        X: Matrix,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        steps: int | Sequence[int] | None = None,
        n_bins: int = 64,
        n_jacobians: int = 0,
        sharpness: bool = False,
    ) -> None:
        self.X = X
        self.y = y
        self.sample_weight = sample_weight
        self.steps = _check_steps(steps)
        self.n_bins = _check_count("n_bins", n_bins, 1)
        self.n_jacobians = _check_count("n_jacobians", n_jacobians, 0)
        self.sharpness = _check_sharpness(sharpness, y)
        self.recording = Recording()
        self.seconds = 0.0
        self._estimators: dict[int, Any] = {}
        self._fits = PerTrainer()

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_estimators": {}}

    def __repr__(self) -> str:
        try:
            n_rows = f"{_num_samples(self.X)} rows"
        except TypeError:  # which the first fit will refuse
            n_rows = f"{self.X!r:.30}"
        return f"<Probe of {n_rows}: {self.recording._title}>"

    # ---- what a Trainer asks

    def begin(self, trainer: Any) -> None:
        """Start a new recording."""
        network, given = trainer.network, (self.X, self.y, self.sample_weight)
        estimator = self._estimators.get(threading.get_ident())
        if estimator is not None:
            batch = batch_for(estimator, network, *given)
        elif self.y is None:
            batch = network.check_X(self.X), None, None
        else:
            batch = network.check_batch(*given)
        fit = self._fits[trainer] = _ProbedTraining(batch, first=trainer.n_steps)
        self.recording, self.seconds = fit.recording, 0.0

    def next_step(self, trainer: Any) -> int | None:
        """Return the number of steps at which training is to pause for :meth:`at_step`, or None."""
        made, fit = trainer.n_steps, self._fits[trainer]
        if isinstance(self.steps, int):
            return -(-made // self.steps) * self.steps if not fit.has(made) else made + self.steps
        if self.steps is not None:
            return next((s for s in self.steps if s > made or (s == made and not fit.has(s))), None)
        return fit.due if len(fit.recording) else made

    def at_step(self, trainer: Any) -> None:
        """Measure, if it is time."""
        fit, now = self._fits[trainer], time.perf_counter()
        if fit.resumed is not None:
            fit.trained += now - fit.resumed
        made = trainer.n_steps
        if self.steps is not None:
            self._measure(trainer, fit)
        else:
            n = len(fit.recording)
            cost = fit.seconds / n if n else 0.0
            if fit.seconds + cost <= _BUDGET * fit.trained or not n:
                self._measure(trainer, fit)
                cost = fit.seconds / len(fit.recording)
            # When the time will be there, by the pace so far; at most twice as far on, for the pace of
            # the first steps tells little.
            missing = (fit.seconds + cost) / _BUDGET - fit.trained
            here = made - fit.first
            pace = fit.trained / here if here else math.inf
            fit.due = made + max(1, min(here, math.ceil(missing / pace)))
        fit.resumed = time.perf_counter()

    def end(self, trainer: Any) -> None:
        """Measure the end of the training."""
        fit = self._fits.pop(trainer)
        if not fit.has(trainer.n_steps):
            self._measure(trainer, fit)

    def abort(self, trainer: Any) -> None:
        """Let go of the batch."""
        self._fits.pop(trainer, None)

    def _measure(self, trainer: Any, fit: _ProbedTraining) -> None:
        began = time.perf_counter()
        clip = {"clip_value": trainer.clip_value, "clip_norm": trainer.clip_norm}
        # A copy of the optimizer: what the step would be is found by taking it.
        optimizer = copy.deepcopy(trainer.optimizer)
        subject = Subject(trainer.network, *fit.batch, optimizer, clip)
        options = self.n_bins, self.n_jacobians
        m = measure(subject, trainer.n_steps, *options, sharpness=self.sharpness)
        if self.sharpness:
            # Of the rate of the next step, where the schedule goes by steps.
            optimizer.learning_rate = trainer.next_rate()
            m.stability_limit = stability_limit(optimizer)
        fit.recording.measurements.append(m)
        fit.seconds += time.perf_counter() - began
        if fit.recording is self.recording:
            self.seconds = fit.seconds

    # ---- what scikit-learn's estimators call

    def setup(self, estimator: Any, context: Any) -> None:
        """Take note of whose labels ``y`` are."""
        self._estimators[threading.get_ident()] = estimator

    def teardown(self, estimator: Any, context: Any) -> None:
        """Let go of the estimator."""
        self._estimators.pop(threading.get_ident(), None)


@dataclass
class _ProbedTraining:
    """What belongs to one training: others may go on in other threads."""

    batch: tuple[Any, Any, Any]
    first: int  # step
    recording: Recording = field(default_factory=Recording)
    seconds: float = 0.0
    trained: float = 0.0  # seconds
    resumed: float | None = None
    due: int | None = None

    def has(self, step: int) -> bool:
        return len(self.recording) > 0 and self.recording[-1].step == step


def _check_steps(steps: Any) -> int | list[int] | None:
    if steps is None:
        return None
    if is_whole(steps):
        return int(steps)
    whole = isinstance(steps, list | tuple | range | np.ndarray) and all(
        is_whole(s, low=0) for s in steps
    )
    if not whole:
        raise ValueError(
            "steps must be None, a whole number of at least 1 or a list of whole numbers of at least "
            f"0, got {steps!r}"
        )
    return sorted({int(s) for s in steps})


_MOST = 10**6  # bins or samples: more would be a mistake, and take all memory


def _check_count(name: str, value: Any, least: int) -> int:
    return check_whole(name, value, least, _MOST)


def _check_sharpness(value: Any, y: Any) -> bool:
    if check_flag("sharpness", value) and y is None:
        raise ValueError("sharpness must be False where y is not given: it is that of a loss")
    return bool(value)
