"""Which learning rate to take: the range test."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.pipeline import Pipeline

from minnet.backends import Hyper, make_backend
from minnet.common import html
from minnet.common.checks import check_real, check_whole, is_whole
from minnet.common.communicator import apart
from minnet.common.entry import entry
from minnet.common.shown import Shown
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.descend import shuffled_order
from minnet.estimators.solvers import batch_size_of
from minnet.lab.subject import subject_of
from minnet.network import Network
from minnet.optimizers import Optimizer, get_optimizer
from minnet.pytorch.recognition import is_torch_model

__all__ = ["RangeTest", "find_learning_rate"]

_WIDTH = 0.02  # of the smoothing: standard deviation, as a share of the steps
_TOGETHER = 5  # losses are averaged to see whether they diverge ...
_DIVERGED = 4.0  # ... above so many times those of the start
_BELOW_LEAST = 10.0  # the suggestion is so far below the rate of the least loss


@dataclass(frozen=True, repr=False)
class RangeTest(Shown):
    """What :func:`find_learning_rate` found.

    Attributes
    ----------
    learning_rates : ndarray of shape (n_steps,)
        Rising; it ends where the loss diverged.
    losses : ndarray of shape (n_steps,)
        Objective of each mini-batch, before its step.
    smoothed : ndarray of shape (n_steps,)
        The losses, averaged with a Gaussian over neighbouring steps.
    suggestion : float
        A tenth of the rate at which ``smoothed`` is least, but not below the lowest rate.
    """

    learning_rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float

    def _text(self) -> str:
        low, high = self.learning_rates[[0, -1]]
        steps = f"{len(self.losses)} steps, rates {low:.3g} to {high:.3g}"
        return f"Range test of {steps}: {self.suggestion:.2g} suggested"

    def _html(self) -> str:
        place = int(np.argmin(np.abs(np.log(self.learning_rates / self.suggestion))))
        low, high = self.learning_rates[[0, -1]]
        across = f"rates {low:.3g} to {high:.3g}; the dot is at {self.suggestion:.2g}"
        drawn = html.curve(self.smoothed, "smoothed loss by learning rate", 300, 90, mark=place)
        return html.page(self._text(), html.figure("smoothed loss by learning rate", across, drawn))


@entry
@apart()
def find_learning_rate(
    model: Any,
    X: Matrix,
    y: ArrayLike | None,
    sample_weight: ArrayLike | None = None,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    n_steps: int = 200,
    optimizer: str | Optimizer | None = None,
    batch_size: int | None = None,
) -> RangeTest:
    r"""Raise the learning rate step by step on a copy of a model, and suggest one by the losses.

    This is the range test of Smith (2017, *Cyclical learning rates for training neural networks*), with
    the rate growing exponentially: step :math:`i` of :math:`n` has
    :math:`\eta_i = \eta_0 (\eta_{n-1} / \eta_0)^{i / (n - 1)}`.
    It ends early where the mean of five losses exceeds four times that of the first five, or where a loss
    is no number. While the rate is too low the loss stays; then it falls; past the largest rate that is of
    use it rises. The suggestion is a tenth of the rate at which the smoothed loss is least: a rule of
    thumb, which the curve shows the reason for (:class:`~minnet.lab.displays.LearningRateDisplay`). The
    losses are those of single mini-batches, so that a batch that is small makes the curve rough.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or torch.nn.Sequential
        An estimator that is not fitted starts as its fit would, a fitted one from its weights. Nothing
        of it changes. With an optimizer of PyTorch the rates are PyTorch's.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Inputs, a row for each sample.
    y : array-like
        As ``fit`` takes it; for a Network the targets of its loss.
    sample_weight : array-like of shape (n_samples,), default=None
        What each sample counts; None means all alike.
    low, high : float, default=1e-6, 10.0
        The rates of the first and of the last step.
    n_steps : int, default=200
        At least 10.
    optimizer : str or Optimizer, default=None
        An estimator has its own; for a Network None means "adam".
    batch_size : int, default=None
        An estimator has its own; for a Network None means 32.

    Returns
    -------
    RangeTest

    Raises
    ------
    TypeError, ValueError
        If model, data or arguments do not fit.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from minnet import MinNetClassifier
    >>> from minnet.lab import find_learning_rate
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MinNetClassifier((64,), solver="sgd", random_state=0)
    >>> found = find_learning_rate(clf, X / 16, y)
    >>> 0.01 < found.suggestion < 1
    True
    >>> clf = clf.set_params(learning_rate_init=found.suggestion).fit(X / 16, y)
    """
    rates = _rates(low, high, n_steps)
    if y is None:
        raise ValueError("y must be given: the losses are what is looked at, got None")
    estimator = model[-1] if isinstance(model, Pipeline) else model
    options: dict[str, Any]
    is_network = isinstance(estimator, Network) or is_torch_model(estimator)
    if is_network:
        optimizer = "adam" if optimizer is None else optimizer
        options = {"batch_size": 32, "weight_decay": 0.0, "backend": "auto", "n_threads": None}
    subject = subject_of(model, X, y, sample_weight, optimizer)
    network = copy.deepcopy(subject.network)
    n_samples = subject.X.shape[0]
    if not is_network:
        if estimator.solver == "lbfgs" and optimizer is None:
            raise ValueError("solver must be 'sgd' or 'adam': 'lbfgs' has no learning rate")
        options = {
            name: getattr(estimator, name) for name in ("weight_decay", "backend", "n_threads")
        }
        options["batch_size"] = batch_size_of(estimator, n_samples)
    batch_size = options["batch_size"] if batch_size is None else batch_size
    if not is_whole(batch_size):
        raise ValueError(f"batch_size must be a whole number of at least 1, got {batch_size!r}")
    prepared = get_optimizer(subject.optimizer)
    if prepared.state is None or prepared.state.shape[1:] != network.params.shape:
        prepared.prepare(network.params)
    losses = _losses(
        make_backend(options["backend"], network, options["n_threads"]),
        network,
        (subject.X, subject.T, subject.weights),
        rates,
        batch_size=min(int(batch_size), n_samples),
        optimizer=prepared,
        weight_decay=options["weight_decay"],
        **{"clip_value": None, "clip_norm": None} | (subject.clip or {}),
    )
    if not len(losses):
        raise ValueError("model must have a finite loss on X and y at its start, got none")
    rates = rates[: len(losses)]
    smoothed = gaussian_filter1d(losses, _WIDTH * n_steps, mode="nearest")
    suggestion = max(rates[smoothed.argmin()] / _BELOW_LEAST, rates[0])
    return RangeTest(rates, losses, smoothed, float(suggestion))


def _losses(
    runner: Any,
    network: Network,
    data: tuple[Any, ...],
    rates: Array,
    batch_size: int,
    **options: Any,
) -> Array:
    """Return the loss of each step until it diverges."""
    X, T, weights = data
    n_samples = X.shape[0]
    n_per_epoch = -(-n_samples // batch_size)
    weight_sum = float(n_samples if weights is None else weights.sum())
    losses = []
    for i in range(len(rates)):
        epoch, step = divmod(i, n_per_epoch)
        if step == 0:
            order = shuffled_order(n_samples, network.key, epoch)
            hyper = Hyper(
                batch_size=batch_size,
                rates=np.resize(rates[i:], n_per_epoch),
                n_samples=n_samples,
                weight_sum=weight_sum,
                position=epoch * n_samples,
                **options,
            )
        n_rows = min(batch_size, n_samples - step * batch_size)
        loss = runner.train_steps(X, T, weights, order, step, step + 1, hyper)[0] / n_rows
        if not np.isfinite(loss):
            break
        losses.append(loss)
        if np.mean(losses[-_TOGETHER:]) > _DIVERGED * np.mean(losses[:_TOGETHER]):
            break
    return np.array(losses)


def _rates(low: float, high: float, n_steps: int) -> Array:
    low = check_real("low", low, low=0, left=False)
    high = check_real("high", high, low=low, left=False)
    n_steps = check_whole("n_steps", n_steps, low=10, high=10**6)
    return np.geomspace(low, high, n_steps)
