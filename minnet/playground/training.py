"""A training that can be held at each step, and goes on with another rate, batch or optimizer."""

from __future__ import annotations

import copy

import numpy as np

from minnet.backends import Hyper, make_backend
from minnet.common.buffers import all_finite
from minnet.common.types import Array
from minnet.descend import shuffled_order
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.playground.experiment import Experiment
from minnet.training.cut import Cut
from minnet.training.divergence import divergence

__all__ = ["Training"]


class Training:
    """The steps of an experiment, as many at a time as one likes: those of a :class:`minnet.Trainer`.

    Parameters
    ----------
    experiment : Experiment
    before : Training or None, default=None
        Goes on from there, in a new epoch: it differs in nothing but what keeps the weights.

    Attributes
    ----------
    data : tuple of ndarray
        ``X, T, X_test, T_test``.
    network : Network
    optimizer : Optimizer
    step, epoch : int
        Steps and epochs that are done.
    was_changed : bool
        Whether it goes on from another one.
    diverged : str
        What happened, where numbers are no longer finite; then no further step is taken.
    """

    def __init__(self, experiment: Experiment, before: Training | None = None) -> None:
        self.experiment = experiment
        self.data: tuple[Array, ...] = before.data if before else experiment.make_data()
        X, T = self.data[:2]
        self.network: Network = experiment.network(X)
        self.optimizer: Optimizer = experiment.make_optimizer()
        self.optimizer.prepare(self.network.params)
        self.step = self._n_seen = self._n_orders = self._start = 0
        self.was_changed = before is not None
        self.diverged = ""
        if before:
            self.network.params[...] = before.network.params
            self.network.state[...] = before.network.state
            if experiment.optimizer == before.experiment.optimizer:
                self.optimizer.state, self.optimizer.step = (
                    before.optimizer.state,
                    before.optimizer.step,
                )
            self.step, self._n_orders = before.step, before._n_orders
            self._n_seen = before._n_seen + before._rows_of(0, before._start)
        self._loss = self._n_rows = 0.0
        self._backend = make_backend("auto", self.network)
        self._X, self._T, _ = self.network.check_batch(X, T)

        self._cut = Cut(self.network, len(X), experiment.batch_size)
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        n = len(self._X)
        self._start = 0
        self._order = shuffled_order(n, self.network.key, self._n_orders)
        self._hyper = Hyper(
            batch_size=self._cut.batch_size,
            rates=np.full(self._cut.n_steps, self.optimizer.learning_rate),
            optimizer=self.optimizer,
            n_samples=n,
            weight_sum=float(n),
            position=self._n_seen,
        )
        self._n_orders += 1

    def _rows_of(self, start: int, stop: int) -> int:
        return int(self._cut.bounds[stop] - self._cut.bounds[start])

    @property
    def epoch(self) -> int:
        """How often all rows were visited."""
        return (self._n_seen + self._rows_of(0, self._start)) // len(self._X)

    def take(self, n_steps: int) -> None:
        """Take so many steps, or less where the epoch ends before, or where it diverges."""
        first, stop = self._start, min(self._start + n_steps, self._cut.n_steps)
        steps = self._cut.steps(self._order, first, stop, self._hyper)
        losses = self._backend.train_steps(self._X, self._T, None, *steps)
        self._start += len(losses)
        self.step += len(losses)
        self._loss += float(losses.sum())
        self._n_rows += self._rows_of(first, self._start)
        if not (np.isfinite(losses).all() and all_finite(self.network.params)):
            when = f"after step {self.step}"
            cure = ", lower the learning rate or the gain"
            loss = float(losses[-1])
            self.diverged = divergence(self.network, loss, self._X, when, cure) or ""
        if self._start == self._cut.n_steps:
            self._n_seen += len(self._X)
            self._begin_epoch()

    def mean_loss(self) -> float:
        """Return the mean loss of the rows trained on since the last call; NaN where there are none."""
        loss, n_rows = self._loss, self._n_rows
        self._loss = self._n_rows = 0.0
        return loss / n_rows if n_rows else float("nan")

    def copies(self) -> tuple[Network, Optimizer]:
        """Return copies of network and optimizer that nobody trains."""
        return copy.deepcopy(self.network), copy.deepcopy(self.optimizer)
