"""The compiled epochs of one network, or of several at the same time."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from minnet.backends import formulas
from minnet.backends.cython import LINKS, CythonBackend, as_read, threads_worth
from minnet.backends.hyper import Hyper
from minnet.backends.program import lower_loss, lower_optimizer
from minnet.common.types import Array, Matrix
from minnet.links import dense
from minnet.losses import is_own
from minnet.optimizers import SGD
from minnet_ext import _members, effective_n_threads

__all__ = ["CompiledMembers", "Task"]

_SCORINGS = (None, "loss", "refinement", "accuracy")  # by their codes in members.h
_SHUFFLE = zlib.crc32(b"shuffle")  # the stream of the order, as in minnet.descend

# So many times a thread looks for the member to go on with: what it waits for the others at the end of a
# call is less than one part in as many.
_TURNS_OF_A_THREAD = 32


class HeldRows:
    """Rows that a classifier's network is scored on by compiled code, which are not trained on.

    Parameters
    ----------
    backend : CythonBackend
        Of the network.
    X, T, weights
        As :meth:`minnet.Network.check_batch` returns them; targets are classes or one column.
    """

    def __init__(self, backend: CythonBackend, X: Array, T: Matrix, weights: Array | None) -> None:
        self.backend, self.program = backend, backend.program
        network, n = backend.network, X.shape[0]
        self.params, self.state = network.params, network.state
        backend.border.check_batch(X, T, weights)
        self.X, self.T, self.weights = X, as_read(dense(T), checked=True), as_read(weights)
        self.weight_sum = float(n if weights is None else weights.sum())
        self.link = LINKS[network.loss_.output]
        self.loss = lower_loss(network.loss_)
        self.n_threads = backend.threads(n, X)
        nothing = SGD()
        nothing.prepare(network.params)
        self.hyper = Hyper(n, np.zeros(1), nothing, n, self.weight_sum)
        self.optimizer = lower_optimizer(nothing)

    @staticmethod
    def can_take(backend: Any, X: Matrix, T: Matrix, weights: Array | None) -> bool:
        """Return whether rows can be scored so."""
        network = backend.network
        return (
            backend.is_ready()
            and isinstance(X, np.ndarray)
            and T.shape[1:] in ((), (1,))  # several columns may be sparse, and are never made dense
            and X.dtype == network.dtype
            and (weights is None or weights.sum() > 0)
            and is_own(network.loss_)
            and network.loss_.output in ("softmax", "logistic")
            and lower_loss(network.loss_) is not None
        )

    def score(self) -> tuple[float, float] | None:
        """Return the share of rows that are right, NaN where logits are not finite, and the mean loss.

        None where the network is not compiled as it is now.
        """
        if not self.backend.is_ready():
            return None
        self.program = self.backend.program
        found: tuple[float, float] = _members.score(self)
        return found


@dataclass
class Task:
    """What one network is to do in a call, and how far it came.

    Attributes
    ----------
    backend : CythonBackend
        Of the network.
    hyper : Hyper
        Rates of all epochs of the call that it is in for a step, one epoch after the other.
    X, T, weights
        The data of all members.
    rows, held : ndarray of int64 or None
        Those that it is trained on and scored on.
    held_weight : float
        The sum of the weights of held rows.
    order, ordered
        Room for the order of an epoch, or None where rows are visited as they lie; the number of the epoch
        whose order is there, or -1.
    shuffle : bool
    part : int
        The number of the epoch that it is in.
    losses_before : ndarray of float64
        Of the steps of this epoch that are made.
    n_steps, long_step : int, bool
        Steps of an epoch; whether the last of them takes one row more.
    start, n_epochs, stop : int
        From which step of its epoch to go on, and to where: so many epochs completed, and steps made of
        the next one. ``start`` is then the step at which it is.
    scoring : str or None
        None where it has no held rows.
    held_rows : HeldRows or None
        For "accuracy", in the place of ``held``.
    score_decides : bool
        Whether a stall is one of the score, not of the loss.
    best : (params, state) or None
        Where copies of its best weights go.
    best_score : float
    n_threads : int
        For the steps of one network alone.
    n_iter_no_change, tol, best_loss, no_improvement
        What ends the training of one whose loss stalls, as in :class:`minnet.Trainer`; -1: nothing does.
    losses, mean_losses, scores, held_losses : ndarray of float64
        Of each step, and of each epoch.
    began, done : int
        The step at which it began; epochs that were completed.
    diverged : bool
    """

    backend: CythonBackend
    hyper: Hyper
    X: Any
    T: Any
    weights: Any
    shuffle: bool
    part: int
    n_steps: int
    long_step: bool
    n_epochs: int
    start: int = 0
    stop: int = 0
    rows: Array | None = None
    held: Array | None = None
    held_weight: float = 0.0
    order: Array | None = None
    ordered: int = -1
    losses_before: Array | Sequence[float] = ()
    scoring: Any = None
    best: tuple[Array, Array] | None = None
    best_score: float = -np.inf
    held_rows: HeldRows | None = None
    score_decides: bool = False
    n_threads: int = 1
    n_iter_no_change: int = -1
    tol: float = 0.0
    best_loss: float = np.inf
    no_improvement: int = 0
    done: int = 0
    status: int = 0
    stream_code: int = _SHUFFLE

    def __post_init__(self) -> None:
        network = self.backend.network
        self.program = self.backend.program
        self.loss, self.alpha = lower_loss(network.loss_), network.alpha
        self.params, self.state = network.params, network.state
        self.optimizer = lower_optimizer(self.hyper.optimizer)
        self.scoring = _SCORINGS.index(self.scoring)
        self.began = self.start
        n_epochs = self.n_epochs + (self.stop > 0)
        self.losses = np.zeros(n_epochs * self.n_steps)
        self.losses[: self.start] = self.losses_before  # an epoch's end looks at all of its losses
        self.mean_losses = np.empty(n_epochs)
        self.scores, self.held_losses = np.full(n_epochs, np.nan), np.full(n_epochs, np.nan)

    @property
    def diverged(self) -> bool:
        """Whether its parameters or its loss became NaN or infinite in its last epoch."""
        return self.status == 1

    @property
    def left(self) -> int:
        """Steps that it is to take."""
        return self.n_epochs * self.n_steps + self.stop - self.start


class CompiledMembers:
    """Takes steps of several networks of one architecture in compiled calls, each on one thread at a time.

    Parameters
    ----------
    n_threads : int or None
        None takes as many as the steps can use, at most what the machine and its settings allow.
    """

    def __init__(self, n_threads: int | None) -> None:
        self._n_threads = n_threads
        self._members = _members.Members()

    def can_take(
        self, backends: Sequence[CythonBackend], optimizers: Sequence[Any], X: Matrix, T: Matrix
    ) -> bool:
        """Return whether the steps of all networks are compiled, as they are now."""
        if sparse.issparse(X) or sparse.issparse(T):
            return False
        return all(
            backend.is_ready()
            and lower_loss(backend.network.loss_) is not None
            and optimizer.compiled in formulas.OPTIMIZERS
            for backend, optimizer in zip(backends, optimizers, strict=True)
        )

    def take(self, tasks: Sequence[Task]) -> None:
        """Take the steps of tasks; each notes how far it came.

        Raises
        ------
        MemoryError
            If there is none; what was done is noted.
        """
        for task in tasks:
            hyper, border = task.hyper, task.backend.border
            border.check_batch(task.X, task.T, task.weights)
            border.check_optimizer(hyper.optimizer)
            task.X, task.T = as_read(task.X, checked=True), as_read(task.T, checked=True)
            task.weights = as_read(task.weights)
        work = sum(task.left * task.hyper.batch_size * sum(task.backend.products) for task in tasks)
        allowed = min(len(tasks), effective_n_threads(self._n_threads))
        n_threads = min(allowed, threads_worth(work))
        n_steps = sum(task.left for task in tasks)
        most = n_steps if n_threads == 1 else n_steps // (_TURNS_OF_A_THREAD * n_threads)
        self._members.advance(list(tasks), max(1, most), n_threads)
        for task in tasks:
            task.hyper.optimizer.step += task.done * task.n_steps + task.start - task.began
        if any(task.status == 2 for task in tasks):
            raise MemoryError("no memory for the steps of an ensemble's members")
