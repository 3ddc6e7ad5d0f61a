"""The steps of a training, as many at a time as one likes."""

from __future__ import annotations

import math
import time

import numpy as np

from minnet.backends import Hyper, make_backend
from minnet.common.buffers import all_finite
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.descend import shuffled_order
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.training.cut import Cut
from minnet.training.divergence import divergence

__all__ = ["Stepper"]


class Stepper:
    """Takes the steps of a :class:`minnet.Trainer`, and returns after as many as one likes.

    Parameters
    ----------
    network : Network
        Initialized; its parameters change in place.
    optimizer : Optimizer
        Prepared for the network's parameters; not copied.
    X, T
        As :meth:`minnet.Network.loss_and_grad` takes them.
    batch_size : int, default=32
    after : Stepper or None, default=None
        Counts go on from those of this one, which is left in the middle of an epoch, maybe: the next one
        begins.
    n_threads : int or None, default=None
        As a :class:`minnet.Trainer` takes it.

    Attributes
    ----------
    step : int
        Steps that are done.
    n_seen : int
        Rows that were drawn for them.
    diverged : str
        What happened, where numbers are no longer finite. Steps may be taken all the same.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import SGD, Dense, Network
    >>> from minnet.training.stepper import Stepper
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> net = Network([Dense(1)], loss="squared_error").initialize(3, random_state=0)
    >>> sgd = SGD(0.1)
    >>> sgd.prepare(net.params)
    >>> stepper = Stepper(net, sgd, X, X[:, :1], batch_size=10)
    >>> while stepper.step < 25:
    ...     stepper.take(25 - stepper.step)  # to the end of an epoch at most
    >>> stepper.n_seen
    250
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        X: Matrix,
        T: ArrayLike,
        batch_size: int = 32,
        after: Stepper | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.network, self.optimizer, self.diverged = network, optimizer, ""
        self.step, self._before, self._n_orders = 0, 0, 0
        if after is not None:
            self.step, self._before, self._n_orders = after.step, after.n_seen, after._n_orders
        self._X, self._T, _ = network.check_batch(X, T)
        self._cut = Cut(network, len(self._X), batch_size)
        self._backend = make_backend("auto", network, n_threads)
        self._loss, self._n_rows = 0.0, 0
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        n = len(self._X)
        self._start = 0
        self._order = shuffled_order(n, self.network.key, self._n_orders)
        self._n_orders += 1
        self._hyper = Hyper(
            batch_size=self._cut.batch_size,
            rates=np.full(self._cut.n_steps, self.optimizer.learning_rate),
            optimizer=self.optimizer,
            n_samples=n,
            weight_sum=float(n),
            position=self._before,
        )

    @property
    def n_seen(self) -> int:
        """How many rows were drawn in all."""
        return self._before + int(self._cut.bounds[self._start])

    def take(self, n_steps: int) -> None:
        """Take so many steps, or less where the epoch ends before.

        Parameters
        ----------
        n_steps : int
            At least 1.
        """
        before, stop = self.n_seen, min(self._start + n_steps, self._cut.n_steps)
        steps = self._cut.steps(self._order, self._start, stop, self._hyper)
        losses = self._backend.train_steps(self._X, self._T, None, *steps)
        self._start += len(losses)
        self.step += len(losses)
        self._loss += float(losses.sum())
        self._n_rows += self.n_seen - before
        if not (np.isfinite(losses).all() and all_finite(self.network.params)):
            loss, when = float(losses[-1]), f"up to step {self.step}"
            cure = ", lower the learning rate or the weights"
            self.diverged = divergence(self.network, loss, self._X, when, cure) or ""
        if self._start == self._cut.n_steps:
            self._before += len(self._X)
            self._begin_epoch()

    def take_for(self, seconds: float, upto: float = math.inf) -> None:
        """Take steps for about so long, one at least; no further where it diverges.

        Parameters
        ----------
        seconds : float
        upto : int or infinity
            The step after which it ends in any case, above :attr:`step`.
        """
        began, first, n_steps = time.perf_counter(), self.step, 1.0
        ends, now = began + seconds, began
        while now < ends and self.step < upto and not self.diverged:
            self.take(int(min(n_steps, upto - self.step)))
            now = time.perf_counter()
            n_steps = max(1.0, (ends - now) * (self.step - first) / (now - began))

    def mean_loss(self, forget: bool = True) -> float:
        """Return the mean loss of the rows trained on since the last call; NaN where there are none.

        Parameters
        ----------
        forget : bool, default=True
            Whether it counts as the last call for the next one.
        """
        loss, n_rows = self._loss, self._n_rows
        if forget:
            self._loss, self._n_rows = 0.0, 0
        return loss / n_rows if n_rows else float("nan")

    def forward(self, X: Matrix) -> Array:
        """Return the logits of ``X``, by the code that trains.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        """
        return self._backend.forward(X)
