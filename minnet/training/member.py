"""One network of an ensemble: its rows, its records, and where its training is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minnet.backends import Hyper
from minnet.backends.border import check_rates
from minnet.common.buffers import all_finite
from minnet.common.fields import count, curve, finite, flag, number
from minnet.common.types import Array, Matrix
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.training.cut import Cut
from minnet.training.growth import check_decay, warn_if_grown

__all__ = ["Member", "Work", "parts"]


@dataclass(frozen=True)
class Work:
    """What all members of one call share: the data, and how steps are taken.

    Attributes
    ----------
    X, T, weights
        As :meth:`minnet.Network.check_batch` returns them.
    scoring : str or None
        How held rows are scored: "loss", "refinement".
    keeps_best : bool
        Whether each member keeps its weights of the epoch with the best score.
    max_epochs : int or None
        Of the call.
    shuffle, clip_value, clip_norm, weight_decay
        Of the trainer.
    interrupts : Interrupts
    """

    X: Matrix
    T: Array
    weights: Array | None
    scoring: str | None
    keeps_best: bool
    max_epochs: int | None
    shuffle: bool
    clip_value: float | None
    clip_norm: float | None
    weight_decay: float
    interrupts: Any


class Member:
    """One network of an ensemble in training.

    Parameters
    ----------
    network : Network
        Initialized.
    optimizer : Optimizer
        Its own.
    schedule : Schedule

    Attributes
    ----------
    rows, held : ndarray of int64 or None
        What it is trained on, and what it is scored on; None: all rows, none.
    losses : list of ndarray
        Of the steps of the epoch that it is in, ``start`` of them.
    best : (params, state) or None
        Copies, where some are kept.
    best_epoch : int
        From 1 on; 0: none was better than the weights at the beginning.
    n_trained : int
        The last epoch that it took part in, from 1 on.
    first_loss : float or None
        The objective of its first step in this call.
    """

    n_parts: int = count()
    n_seen: int = count()
    n_steps_before: int = count()
    start: int = count()
    best_epoch: int = count()
    epochs_before: int = count()
    n_trained: int = count()
    initial_rate: float = finite(0)
    best_score: float = number(-np.inf)
    diverged: bool = flag()
    loss_curve: list[float] = curve()
    validation_scores: list[float] = curve()
    validation_loss_curve: list[float] = curve()

    rows: Array | None = None
    held: Array | None = None
    held_weight: float = 0.0  # the sum of the weights of its held rows
    cut: Cut
    n_rows: int
    weight_sum: float

    def __init__(self, network: Network, optimizer: Optimizer, schedule: Any) -> None:
        self.network, self.optimizer, self.schedule = network, optimizer, schedule
        self.initial_rate = optimizer.learning_rate
        self.n_parts = self.n_seen = self.n_steps_before = self.start = self.best_epoch = 0
        self.epochs_before = 0
        self.best_score, self.diverged = -np.inf, False
        self.loss_curve, self.validation_scores, self.validation_loss_curve = [], [], []
        self.losses: list[Array] = []
        self.best: tuple[Array, Array] | None = None
        self.first_loss: float | None = None
        self.n_trained = 0

    def take_rows(
        self,
        rows: Array | None,
        held: Array | None,
        weights: Array | None,
        n_samples: int,
        batch_size: int,
    ) -> None:
        """Note which rows it is trained and scored on."""
        self.rows, self.held = rows, held
        self.n_rows = n_samples if rows is None else len(rows)
        self.cut = Cut(self.network, self.n_rows, batch_size)
        if weights is None:
            self.weight_sum = float(self.n_rows)
            self.held_weight = 0.0 if held is None else float(len(held))
        else:
            self.weight_sum = float((weights if rows is None else weights[rows]).sum())
            self.held_weight = 0.0 if held is None else float(weights[held].sum())

    def begin(self, keeps: bool) -> None:
        """Get ready for a call, which keeps the best weights or does not."""
        self.start, self.losses, self.best, self.first_loss = 0, [], None, None
        self.best_score, self.best_epoch, self.diverged = -np.inf, 0, False
        self.epochs_before = len(self.loss_curve)
        if keeps:
            self.keep()

    def is_finite(self) -> bool:
        """Return whether all parameters are finite."""
        return all_finite(self.network.params)

    def data(self, work: Work, rows: Array | None) -> tuple[Matrix, Array, Array | None]:
        """Return some rows of the data: a copy, unless they are all."""
        if rows is None:
            return work.X, work.T, work.weights
        weights = None if work.weights is None else work.weights[rows]
        return work.X[rows], work.T[rows], weights

    def hyper(self, work: Work, n_epochs: int) -> tuple[Hyper, list[float]]:
        """Return how the steps of the present epoch and of the following ones are taken.

        And the learning rate that follows each.
        """
        optimizer = self.optimizer
        rates, after = self.rates(work.max_epochs, n_epochs)
        joined = rates[0] if n_epochs == 1 else np.concatenate(rates)
        check_decay(self.network, joined, work.weight_decay + optimizer.decoupled_weight_decay)
        hyper = Hyper(
            batch_size=self.cut.batch_size,
            rates=joined,
            optimizer=optimizer,
            n_samples=self.n_rows,
            weight_sum=self.weight_sum,
            position=self.n_seen,
            clip_value=work.clip_value,
            clip_norm=work.clip_norm,
            weight_decay=work.weight_decay,
            interrupted=lambda: work.interrupts.came,
        )
        return hyper, after

    def rates(self, max_epochs: int | None, n_epochs: int) -> tuple[list[Array], list[float]]:
        """Return the rates of the steps of the next epochs, each with the rate that follows it.

        The present fit has at most ``max_epochs``.
        """
        optimizer, n_steps = self.optimizer, self.cut.n_steps
        rate, seen = optimizer.learning_rate, self.n_seen
        step = self.n_steps_before + optimizer.step - self.start
        schedule = self.schedule.over(max_epochs and max_epochs * n_steps)
        if schedule is not self.schedule:  # counts from the beginning of this fit
            step = (len(self.loss_curve) - self.epochs_before) * n_steps
        rates, after = [], []
        for _ in range(n_epochs):
            given = schedule.rates(rate, self.initial_rate, step, n_steps, seen)
            rates.append(check_rates(given, n_steps))
            step, seen = step + n_steps, seen + self.n_rows
            rate = schedule.after_epoch(float(rates[-1][-1]), self.initial_rate, step, seen)
            after.append(rate)
        return rates, after

    def note_steps(self, losses: Array) -> None:
        """Note steps of the present epoch that were taken."""
        self.losses.append(losses)
        self.start += len(losses)
        if self.first_loss is None and len(losses):
            self.first_loss = float(losses[0]) / min(self.cut.batch_size, self.n_rows)

    def end_epoch(self, rate_after: float, scored: tuple[float, float] | None) -> bool:
        """Note the end of an epoch, with score and loss of the held rows; return whether it is the best.

        Without them, where there are held rows, the epoch has diverged.
        """
        # Summed at the end: where the epoch pauses must not change a bit.
        self.loss_curve.append(float(np.concatenate(self.losses).sum()) / self.n_rows)
        self.losses, self.start = [], 0
        self.n_parts += 1
        self.n_seen += self.n_rows
        self.optimizer.learning_rate = rate_after
        score, loss = scored or (np.nan, np.nan)
        self.validation_scores.append(score)
        self.validation_loss_curve.append(loss)
        self.n_trained = len(self.loss_curve)
        if not score > self.best_score:
            return False
        self.best_score, self.best_epoch = score, self.n_trained
        return True

    def skip_epoch(self) -> None:
        """Note an epoch that it takes no part in, having diverged."""
        for records in (self.loss_curve, self.validation_scores, self.validation_loss_curve):
            records.append(np.nan)

    def forget_epochs(self, n_epochs: int) -> None:
        """Forget the records of epochs that the others have not completed."""
        for records in (self.loss_curve, self.validation_scores, self.validation_loss_curve):
            del records[n_epochs:]
        self.n_trained = min(self.n_trained, n_epochs)

    def take_epoch(self, epoch: int) -> None:
        """Note that the best epoch, from 1 on, is that of all members."""
        self.best_epoch = epoch
        is_scored = epoch and self.held is not None
        self.best_score = self.validation_scores[epoch - 1] if is_scored else -np.inf

    def warn_if_grown(self, work: Work) -> None:
        """Warn where the loss of the weights that it ends with has grown."""
        epoch = self.n_trained if self.best is None else self.best_epoch
        loss = self.loss_curve[epoch - 1] if epoch else np.nan
        if self.first_loss is None or not loss > self.first_loss:
            return
        rows = slice(None) if self.rows is None else self.rows
        warn_if_grown(
            self.network,
            self.optimizer,
            work.weight_decay,
            loss=loss,
            first_loss=self.first_loss,
            best_loss=float(np.nanmin(self.loss_curve)),
            targets=(work.T[rows], None if work.weights is None else work.weights[rows]),
        )

    def keep(self) -> None:
        """Keep a copy of the weights."""
        if self.best is None:
            self.best = self.network.params.copy(), self.network.state.copy()
        else:
            self.best[0][...], self.best[1][...] = self.network.params, self.network.state

    def return_to_best(self) -> None:
        """Take the weights that were kept; an optimizer whose state has diverged, too, begins anew."""
        assert self.best is not None
        optimizer = self.optimizer
        self.network.params[...], self.network.state[...] = self.best
        if optimizer.state is not None and not all_finite(optimizer.state):
            self.n_steps_before += optimizer.step  # where the schedule goes on
            optimizer.prepare(self.network.params)


def parts(members: Sequence[Member], n_steps: float) -> list[int] | None:
    """Return up to which step of its epoch each member goes to make so many in all; None: to the end.

    All go by the same part of what is left. Where that ends an epoch it does so for all.
    """
    lefts = [member.cut.n_steps - member.start for member in members]
    total = sum(lefts)
    if n_steps >= total:
        return None
    shares = [min(left - 1, -(-left * int(n_steps) // total)) for left in lefts]
    if not any(shares):
        return None
    return [member.start + share for member, share in zip(members, shares, strict=True)]
