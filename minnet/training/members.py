"""The members of an ensemble, one after the other: each runs on a backend of its own.

This is what runs where there are no compiled members, and what they are compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet.backends import make_backend
from minnet.descend import shuffled_order
from minnet.links import dense
from minnet.network import Network
from minnet.temperature import refined_loss
from minnet.training.member import Member, Work

__all__ = ["MembersInTurn", "score"]


class MembersInTurn:
    """Takes the steps of one member after the other.

    Parameters
    ----------
    networks : list of Network
    backend : str
    n_threads : int or None
    """

    takes_several = False  # epochs at once: each would be an epoch ahead of the next

    def __init__(self, networks: Sequence[Network], backend: str, n_threads: int | None) -> None:
        self._backends = {
            id(network): make_backend(backend, network, n_threads) for network in networks
        }

    @property
    def name_in_use(self) -> str:
        """Return the name of the backend whose code takes the steps."""
        name: str = next(iter(self._backends.values())).name_in_use
        return name

    def advance(
        self, members: Sequence[Member], n_epochs: int, stops: Sequence[int] | None, work: Work
    ) -> None:
        """Take steps of the members; fewer if Ctrl-C comes.

        Parameters
        ----------
        members : list of Member
        n_epochs : int
            How many epochs to complete, with the present one as the first: one.
        stops : list of int or None
            For each member the step of its present epoch to go to instead.
        work : Work
        """
        for i, member in enumerate(members):
            self._advance(member, member.cut.n_steps if stops is None else stops[i], work)

    def score(self, members: Sequence[Member], work: Work) -> list[tuple[float, float] | None]:
        """Return score and loss of each member's held rows as its weights are now; None: it has none."""
        return [
            None if member.held is None else score(member, self._backends[id(member.network)], work)
            for member in members
        ]

    def _advance(self, member: Member, stop: int, work: Work) -> None:
        backend = self._backends[id(member.network)]
        X, T, weights = member.data(work, member.rows)
        hyper, after = member.hyper(work, 1)
        order = None
        if work.shuffle:
            order = shuffled_order(member.n_rows, member.network.key, member.n_parts)
        while member.start < stop:
            if work.interrupts.came:
                return
            steps = member.cut.steps(order, member.start, stop, hyper)
            member.note_steps(backend.train_steps(X, T, weights, *steps))
        if stop == member.cut.n_steps:
            self._end_epoch(member, backend, after[0], work)

    def _end_epoch(self, member: Member, backend: Any, rate_after: float, work: Work) -> None:
        loss = np.concatenate(member.losses).sum()
        member.diverged = not (np.isfinite(loss) and member.is_finite())
        scored = None
        if member.held is not None and not member.diverged:
            scored = score(member, backend, work)
        if member.end_epoch(rate_after, scored) and work.keeps_best:
            member.keep()


@np.errstate(over="ignore", invalid="ignore")
def score(member: Member, backend: Any, work: Work) -> tuple[float, float]:
    """Return score and mean loss of a member's held rows; NaN where a logit is not finite."""
    X, T, weights = member.data(work, member.held)
    loss = member.network.loss_
    Z, T = backend.forward(X), dense(T)
    if not np.isfinite(Z).all():
        return np.nan, np.nan
    if work.scoring == "refinement":
        refined, plain = refined_loss(Z, T, loss.output, weights)
        return -refined, plain
    values = loss.value(Z, T).astype(np.float64, copy=False)
    plain = float(np.average(values, weights=weights))
    return -plain, plain
