"""What an ensemble's training has come to: records of each network, and their means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet.common.fields import count, curve, number
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.training.member import Member
from minnet.training.shown_trainer import ShownTrainer

__all__ = ["EnsembleRecords"]


class EnsembleRecords(ShownTrainer):
    """The part of an :class:`minnet.EnsembleTrainer` that callbacks read, as they do of a Trainer."""

    n_epochs: int = count()
    n_seen: int = count()
    best_score: float = number(-np.inf)
    best_epoch: int = count()
    loss_curve: list[float] = curve()
    validation_scores: list[float] = curve()
    validation_loss_curve: list[float] = curve()

    networks: list[Network]
    members: list[Member]
    joint: bool
    keep: str
    scoring: str | None
    verbose: int
    run: Any
    _call: Any

    @property
    def network(self) -> Network:
        """The first network."""
        return self.networks[0]

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer of the first network."""
        return self.members[0].optimizer

    @property
    def initial_rate(self) -> float:
        """The learning rate of the optimizer at the beginning."""
        return self.members[0].initial_rate

    def next_rate(self) -> float:
        """Return the learning rate of the first network's next step in a training."""
        member = self.members[0]
        return float(member.rates(self._call.n_epochs, 1)[0][0][member.start])

    @property
    def n_parts(self) -> int:
        """Epochs that the first network has begun."""
        return self.members[0].n_parts

    @property
    def n_steps_before(self) -> int:
        """Steps of the first network that its optimizer does not count."""
        return self.members[0].n_steps_before

    @property
    def n_steps(self) -> int:
        """Steps of all networks."""
        return sum(member.n_steps_before + member.optimizer.step for member in self.members)

    @property
    def loss_curves(self) -> list[list[float]]:
        """The mean objective of each epoch, for each network."""
        return [list(member.loss_curve) for member in self.members]

    @property
    def validation_scores_of(self) -> list[list[float]]:
        """The score of each epoch, for each network."""
        return [list(member.validation_scores) for member in self.members]

    @property
    def best_epochs(self) -> list[int]:
        """The epoch with the best score, for each network."""
        return [member.best_epoch for member in self.members]

    @property
    def best_scores(self) -> list[float]:
        """The best score, for each network."""
        return [member.best_score for member in self.members]

    def _size(self) -> str:
        return f"{len(self.networks)} networks, each of {super()._size()}"

    def mean_score(self, scores: Sequence[float]) -> float:
        """Return the mean over the members that are scored, each by the weight of its held rows.

        Parameters
        ----------
        scores : sequence of float
            One for each member.
        """
        total = sum(member.held_weight for member in self.members)
        scored = [member.held is not None for member in self.members]
        shares = [member.held_weight / total for member in self.members]
        return float(sum(w * x for w, x, s in zip(shares, scores, scored, strict=True) if s))

    def note_epochs(self) -> None:
        """Note the epochs that all members have completed: what callbacks read of them."""
        run = self.run
        going_on = [len(m.loss_curve) for m in self.members if not m.diverged]
        n_epochs = min(going_on) if going_on else max(m.n_trained for m in self.members)
        while self.n_epochs < n_epochs:
            took_part = [m for m in self.members if m.n_trained > self.n_epochs]
            for member in self.members:
                if len(member.loss_curve) <= self.n_epochs:
                    member.skip_epoch()
            self.loss_curve.append(_mean([m.loss_curve[self.n_epochs] for m in took_part]))
            if self.scoring is not None:
                self._note_scores([m for m in took_part if m.held is not None])
            self.n_epochs += 1
            self.n_seen += sum(member.n_rows for member in took_part)
            run.n_epochs += 1
            if self.verbose > 1:
                print(f"Iteration {self.n_epochs}, loss = {self.loss_curve[-1]:.8f}")
            run.start, run.losses, run.ending_epoch = 0, [], True

    def _note_scores(self, scored: Sequence[Member]) -> None:
        """Note the means of an epoch's scores and losses of held rows."""
        weights = [member.held_weight for member in scored]
        at = self.n_epochs
        scores = [member.validation_scores[at] for member in scored]
        self.validation_scores.append(_mean(scores, weights))
        losses = [member.validation_loss_curve[at] for member in scored]
        self.validation_loss_curve.append(_mean(losses, weights))
        score = self.mean_score([member.validation_scores[at] for member in self.members])
        if score > self.best_score:
            self.best_score, self.best_epoch = score, at + 1
            if self.joint and self.keep == "best":
                for member in self.members:
                    member.keep()


def _mean(values: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """Return the mean of those that are numbers, NaN where there are none."""
    shares = [1.0] * len(values) if weights is None else weights
    kept = [(x, w) for x, w in zip(values, shares, strict=True) if not np.isnan(x)]
    if not kept:
        return np.nan
    return float(sum(x * w for x, w in kept) / sum(w for _, w in kept))
