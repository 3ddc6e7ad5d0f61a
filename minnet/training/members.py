"""What takes the steps of an ensemble's members: one after the other, or all in one compiled call.

The former is what runs where there are no compiled members, and what they are compared with.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minnet.common.types import Array
from minnet.descend import shuffled_order
from minnet.links import dense
from minnet.temperature import refined_loss
from minnet.training.member import Member, Work, parts

if TYPE_CHECKING:
    from minnet.backends.members import Task

__all__ = ["MembersInTurn", "MembersTogether", "score"]

# A compiled call is cut after about this long, so that Ctrl-C is heard.
_SECONDS_A_CALL = 0.2


class MembersInTurn:
    """Takes the steps of one member after the other, epoch by epoch.

    Parameters
    ----------
    backends : dict
        That of each network, by the id of the network.
    """

    def __init__(self, backends: dict[int, Any]) -> None:
        self._backends = backends

    def advance(
        self, members: Sequence[Member], n_epochs: int, stops: Sequence[int] | None, work: Work
    ) -> None:
        """Take steps of the members; fewer if Ctrl-C comes.

        Parameters
        ----------
        members : list of Member
        n_epochs : int
            How many epochs to complete, with the present one as the first.
        stops : list of int or None
            For each member the step of its present epoch to go to instead.
        work : Work
        """
        for _ in range(n_epochs if stops is None else 1):
            for i, member in enumerate(members):
                if not (member.diverged or work.interrupts.came):
                    self._advance(member, member.cut.n_steps if stops is None else stops[i], work)

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


class MembersTogether:
    """Takes the steps of members that are compiled in one call of about 0.2 s after the other.

    Where it is cut, so that Ctrl-C is heard, all members are in the same epoch; it changes no bit.

    Parameters
    ----------
    backends : dict of CythonBackend
        As for :class:`MembersInTurn`, which takes the steps of what is not compiled.
    n_threads : int or None
    """

    def __init__(self, backends: dict[int, Any], n_threads: int | None) -> None:
        # Imported where used: minnet_ext may not be there.
        from minnet.backends.members import CompiledMembers

        self._backends = backends
        self._in_turn = MembersInTurn(backends)
        self._compiled = CompiledMembers(n_threads)
        self._orders: dict[int, tuple[Array, int]] = {}  # with the epoch whose order is there
        self._seconds_a_step: float | None = None

    def advance(
        self, members: Sequence[Member], n_epochs: int, stops: Sequence[int] | None, work: Work
    ) -> None:
        """Take steps of the members; see :meth:`MembersInTurn.advance`."""
        backends = [self._backends[id(member.network)] for member in members]
        optimizers = [member.optimizer for member in members]
        if not self._compiled.can_take(backends, optimizers, work.X, work.T):
            self._in_turn.advance(members, n_epochs, stops, work)
            return
        while not work.interrupts.came:
            epochs, cut = self._part(members, n_epochs, stops)
            to_go = [
                (member, 0 if cut is None else cut[i])
                for i, member in enumerate(members)
                if cut is None or cut[i] > member.start
            ]
            tasks = [self._task(member, epochs, stop, work) for member, stop in to_go]
            if len(tasks) == 1:  # threads have nothing else to do than to share its steps
                task, backend = tasks[0][0], self._backends[id(to_go[0][0].network)]
                task.n_threads = backend.threads(task.hyper.batch_size, work.X)
            n_steps = sum(task.left for task, _ in tasks)
            began = time.perf_counter()
            try:
                self._compiled.take([task for task, _ in tasks])
            finally:
                for (member, _), (task, after) in zip(to_go, tasks, strict=True):
                    self._note(member, task, after)
            self._seconds_a_step = (time.perf_counter() - began) / n_steps
            n_epochs -= epochs
            members = [member for member in members if not member.diverged]
            if not members or (n_epochs == 0 if stops is None else cut == stops):
                return

    def _part(
        self, members: Sequence[Member], n_epochs: int, stops: Sequence[int] | None
    ) -> tuple[int, list[int] | None]:
        """Return how many epochs the next call completes, or up to which step of this one it goes."""
        most = len(members)
        if self._seconds_a_step is not None:
            most = max(most, int(_SECONDS_A_CALL / max(self._seconds_a_step, 1e-9)))
        cut = parts(members, most)
        if stops is not None:
            if cut is None:
                return 0, list(stops)
            return 0, [min(each) for each in zip(cut, stops, strict=True)]
        if cut is not None:
            return 0, cut
        first = sum(member.cut.n_steps - member.start for member in members)
        of_epoch = sum(member.cut.n_steps for member in members)
        return min(n_epochs, 1 + max(0, most - first) // of_epoch), None

    def _task(
        self, member: Member, n_epochs: int, stop: int, work: Work
    ) -> tuple[Task, list[float]]:
        """Return what a member is to do, and the learning rate that follows each epoch."""
        from minnet.backends.members import Task

        hyper, after = member.hyper(work, n_epochs + (stop > 0))
        cut, key = member.cut, id(member.network)
        order, ordered = self._orders.get(key, (None, -1))
        if not (work.shuffle or member.rows is not None or cut.long_step):
            order = None
        elif order is None or len(order) != member.n_rows:
            order, ordered = np.empty(member.n_rows, dtype=np.int64), -1
        if member.start == 0:
            ordered = -1  # that of another call
        task = Task(
            backend=self._backends[key],
            hyper=hyper,
            X=work.X,
            T=work.T,
            weights=work.weights,
            rows=member.rows,
            held=member.held,
            held_weight=member.held_weight,
            order=order,
            ordered=ordered,
            shuffle=work.shuffle,
            part=member.n_parts,
            losses_before=np.concatenate([np.empty(0), *member.losses]),
            n_steps=cut.n_steps,
            long_step=cut.long_step,
            start=member.start,
            n_epochs=n_epochs,
            stop=stop,
            scoring=None if member.held is None else work.scoring,
            best=member.best if work.keeps_best else None,
            best_score=member.best_score,
        )
        return task, after

    def _note(self, member: Member, task: Task, after: Sequence[float]) -> None:
        """Note how far a member came."""
        if task.order is not None:
            self._orders[id(member.network)] = task.order, task.ordered
        n_steps = task.n_steps
        for epoch in range(task.done):
            start = task.began if epoch == 0 else 0
            member.note_steps(task.losses[epoch * n_steps + start : (epoch + 1) * n_steps])
            member.diverged = task.diverged and epoch == task.done - 1
            scored = float(task.scores[epoch]), float(task.held_losses[epoch])
            member.end_epoch(after[epoch], scored)
        start = task.began if task.done == 0 else 0
        if task.start > start:
            at = task.done * n_steps
            member.note_steps(task.losses[at + start : at + task.start])


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
