"""A training by several processes: what they tell each other, and when.

Each rank runs the same code of the trainer on its own rows. Where numbers must be those of all, or where
something may go wrong on one of them alone, they meet here: before the first step, before and after the
steps of an epoch, and where one of them wants to stop. Between these places they only sum up gradients.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

from minnet.backends import Hyper
from minnet.backends.share import Share
from minnet.common.batch_checks import check_weight_sum
from minnet.common.communicator import Communicator, abort_on_error, apart, exchange, leads
from minnet.common.types import Array
from minnet.network import Network
from minnet.training.callback import Callback, StopTraining
from minnet.training.cut import Cut, check_least
from minnet.training.interrupts import InterruptsOfRanks
from minnet.training.reading import Batch, InMemory, digest_of
from minnet.training.resume import differences, resume, told_of_trainer
from minnet.training.shards import ShardSteps

__all__ = ["Ranks"]

#: The steps of an epoch: how they are cut, in which order the rows are visited, and what they are told.
Plan: TypeAlias = tuple[Cut, Array | None, Hyper]


class Ranks:
    """The ranks of one call of a trainer, as one of them sees them.

    Parameters
    ----------
    communicator : Communicator
    sizes : sequence of int
        Rows of each rank.
    weight_sum : float
        Sum of the sample weights of all.

    Attributes
    ----------
    n_samples : int
        Rows of all.
    interrupts : InterruptsOfRanks
        Of this rank; it says in the next exchange that Ctrl-C came.
    pending : BaseException or None
        What a callback of this rank raised: it is raised in the next exchange, on all ranks.
    stopped : bool
        Whether all ranks know that a callback ends the training.
    """

    def __init__(self, communicator: Communicator, sizes: Sequence[int], weight_sum: float) -> None:
        self.communicator, self.rank = communicator, communicator.rank
        self.sizes, self.n_samples, self.weight_sum = sizes, sum(sizes), weight_sum
        self.interrupts = InterruptsOfRanks()
        self.pending: BaseException | None = None
        self.stopped = False
        self._steps: tuple[Any, ShardSteps] | None = None  # of which cut, and the part in them

    @classmethod
    def gathered(
        cls, communicator: Communicator, network: Network, X: Any, T: Any, sample_weight: Any
    ) -> InMemory:
        """Return the data of this rank, checked if they are no InMemory, with what there is of all.

        Raises
        ------
        ValueError
            If all together they are not enough.
        """
        source = X

        def own() -> tuple[int, tuple[int, float] | None]:
            nonlocal source
            if not isinstance(X, InMemory):
                part = communicator.size > 1
                source = InMemory(network.check_batch(X, T, sample_weight, part=part))
            rows, weights = source.rows
            if weights is None:
                return rows.shape[0], None
            return rows.shape[0], (int(np.count_nonzero(weights)), float(weights.sum()))

        said = exchange(communicator, own)
        sizes, of_weights = [n_rows for n_rows, _ in said], [given for _, given in said]
        n_samples, weight_sum = sum(sizes), float(sum(sizes))
        if n_samples == 0:
            raise ValueError("X must have at least one row, got none on any rank")
        weighted = [given for given in of_weights if given is not None]
        if weighted:
            if len(weighted) < len(said):
                rank = of_weights.index(None)
                raise ValueError(
                    f"sample_weight must be given on all ranks, got None on rank {rank}"
                )
            n_samples, weight_sum = (sum(of_all) for of_all in zip(*weighted, strict=True))
            check_weight_sum(weight_sum)
        check_least(network, n_samples, weighted=bool(weighted))
        if communicator.size > 1:
            source.ranks = cls(communicator, sizes, weight_sum)
        elif source.sizes is None:
            source.sizes = communicator.shards
        if source.sizes is not None and sum(source.sizes) != sizes[0]:
            raise ValueError(
                f"X must have as many rows as all shards, {sum(source.sizes)}, got {sizes[0]}"
            )
        return source

    def callbacks(self, callbacks: list[Callback]) -> list[Callback]:
        """Return the callbacks that this rank calls: rank 0 has all."""
        if self.rank > 0:
            return []
        return [_Deferring(callback, self) for callback in callbacks]

    def stops(self) -> bool:
        """Return whether this rank wants no further step."""
        return self.pending is not None or self.interrupts.came

    def agree(self, function: Callable[[], Any] = lambda: None) -> list[Any]:
        """Return what a function returns on each rank; end the training where one of them wants to.

        Raises
        ------
        StopTraining, KeyboardInterrupt
            On all ranks, if a callback raised it, or if Ctrl-C came to one of them.
        RuntimeError
            If something else was raised on another rank.
        """
        raised, self.pending = self.pending, None

        def say() -> tuple[type[BaseException] | None, Any]:
            if isinstance(raised, StopTraining):
                return StopTraining, str(raised)
            if isinstance(raised, KeyboardInterrupt) or (raised is None and self.interrupts.came):
                return KeyboardInterrupt, (str(raised or ""), self.interrupts.end_all_here)
            if raised is not None:
                raise raised
            return None, function()

        said = exchange(self.communicator, say)
        interrupts = [fact for ending, fact in said if ending is KeyboardInterrupt]
        if interrupts:
            self.interrupts.agree(any(end_all for _, end_all in interrupts))
            raise KeyboardInterrupt(interrupts[0][0])
        stops = [text for ending, text in said if ending is StopTraining]
        if stops:
            self.stopped = True
            raise StopTraining(stops[0])
        return [fact for _, fact in said]

    def summing(self) -> AbstractContextManager[None]:
        """Return a block in which all ranks sum numbers up, so that an error in it ends the connection."""
        return abort_on_error(self.communicator)

    def of_first(self, function: Callable[[], Any]) -> Any:
        """Return what a function, which may exchange things itself, returns on rank 0."""
        return exchange(self.communicator, function)[0]

    # ---- a training

    def begin(self, trainer: Any, call: Any) -> bool:
        """Compare what the ranks are told; return whether a callback may resume an earlier training."""
        said = self.agree(
            lambda: (
                _told_of_ranks(trainer, call),
                any(callback.resumes for callback in call.callbacks),
            )
        )
        _raise_if_unequal([told for told, _ in said])
        return said[0][1]

    def take_over(self, trainer: Any, resumed: bool) -> None:
        """Let all ranks go on where rank 0 does, whose callbacks may have resumed a training."""

        def say() -> SimpleNamespace | None:
            return _state_of(trainer) if resumed else None

        state = self.agree(say)[0]
        if state is not None and not resumed:
            resume(trainer, state)

    def digest(self, own: dict[str, str]) -> dict[str, str]:
        """Return what tells the data of all ranks from others, from what tells those of this one."""
        all_told = self.agree(lambda: own)
        return {name: _joined([told[name] for told in all_told]) for name in own}

    # ---- an epoch

    def plan(self, trainer: Any, weights: Array | None, make: Callable[[], Plan]) -> Plan:
        """Return the plan for an epoch's steps that a function makes, with this rank's share in them."""
        optimizer, plan = trainer.optimizer, None

        def say() -> tuple[dict[str, str], Any]:
            nonlocal plan
            plan = make()
            told = {name: repr(getattr(trainer, name)) for name in _OF_STEPS}
            return told, (plan[2].rates, optimizer.learning_rate) if leads() else None

        said = self.agree(say)
        _raise_if_unequal([told for told, _ in said])
        rates, optimizer.learning_rate = said[0][1]
        assert plan is not None
        cut, order, hyper = plan
        if weights is not None and order is not None:
            weights = weights[order]
        share = self._share(cut, weights)
        return cut, order, replace(hyper, rates=rates, share=share, interrupted=None)

    def _share(self, cut: Cut, weights: Array | None) -> Share:
        """Return what of the steps is this rank's; with weights in the order of its rows."""
        bounds = cut.bounds
        known = len(bounds), cut.batch_size
        if self._steps is None or self._steps[0] != known:
            self._steps = known, ShardSteps.of(self.rank, self.sizes, bounds)
        steps = self._steps[1]
        sums = squares = None
        if weights is not None:
            with self.summing():
                sums, squares = self._weights_of(steps, weights)
        return Share(
            **vars(steps),
            weights=sums,
            squares=squares,
            sum=self.communicator.sum,
            stops=self.stops,
            leads=leads(),
        )

    def _weights_of(self, steps: ShardSteps, weights: Array) -> tuple[Array, Array]:
        """Return the sum of the weights of each step, and the sum of the squares of their shares in it."""
        n_steps = len(steps.lengths)
        of_step = np.repeat(np.arange(n_steps), np.diff(steps.bounds))
        factor = self.n_samples / self.weight_sum  # so that squares of huge ones stay finite
        sums = np.zeros((2, n_steps))
        # Exact: the share of a row may be all of it.
        sums[0] = np.bincount(of_step, weights, n_steps)
        sums[1] = np.bincount(of_step, (weights * factor) ** 2, n_steps)
        self.communicator.sum(sums.reshape(-1))
        total, squares = sums
        squares /= np.where(total > 0, total * factor, 1) ** 2
        return total, squares

    def end_epoch(self, trainer: Any, reason: str | None) -> str | None:
        """Compare the networks of the ranks; return rank 0's reason to stop, if there is one."""
        # Heard before the next step.
        interrupted, self.interrupts.came = self.interrupts.came, False

        def say() -> tuple[int, float, str | None]:
            network = trainer.network
            digest = digest_of(network.state, digest_of(network.params, 0))
            return digest, trainer.optimizer.learning_rate, reason

        said = self.agree(say)
        self.interrupts.came |= interrupted
        other = next(
            (rank for rank, (digest, _, _) in enumerate(said) if digest != said[0][0]), None
        )
        if other is not None:
            raise RuntimeError(
                f"the networks of all ranks must stay equal to the bit, got other weights on rank {other} "
                f"after epoch {trainer.n_epochs}: a callback of rank 0 must not change them, and all CPUs "
                "must compute alike (set MINNET_CPU=v3)"
            )
        _, trainer.optimizer.learning_rate, reason = said[0]
        return reason

    # ---- an evaluation of the objective

    def loss_and_grad(self, runner: Any, data: Batch, theta: Array) -> tuple[float, Array]:
        """Return the objective of the rows of all ranks, and its gradient, at parameters that all have.

        Raises
        ------
        KeyboardInterrupt
            If Ctrl-C came to one of them.
        RuntimeError
            If the parameters are not equal to the bit.
        """
        with self.summing():
            loss, grads = runner.loss_and_grad(*data, weight_sum=self.weight_sum, leads=leads())
            digest = float(digest_of(theta, 0) % _N_DIGESTS)
            behind = loss, self.interrupts.came, digest, digest**2
            numbers = np.concatenate([grads, behind])
            self.communicator.sum(numbers)
        loss, interrupted, digests, squares = numbers[-len(behind) :]
        if interrupted:
            self.agree()
        if self.communicator.size * squares != digests**2:
            raise RuntimeError(
                "the parameters of all ranks must stay equal to the bit, got different ones: all CPUs "
                "must compute alike (set MINNET_CPU=v3 and OPENBLAS_CORETYPE=Haswell)"
            )
        return float(loss), numbers[: -len(behind)]


#: So many that sums of their squares over a thousand ranks are exact.
_N_DIGESTS = 2**16

#: The options of a trainer that must not become unequal by what a callback does.
_OF_STEPS = (
    "batch_size", "shuffle", "clip_value", "clip_norm", "weight_decay", "tol", "n_iter_no_change",
)  # fmt: skip


class _Deferring(Callback):
    """A callback of rank 0, by itself in it: what it raises the others hear when they listen next."""

    def __init__(self, callback: Callback, ranks: Ranks) -> None:
        self._callback, self._ranks = callback, ranks
        self.resumes = callback.resumes

    def _call(self, method: Callable[[Any], Any], trainer: Any) -> Any:
        if self._ranks.pending is not None:
            return None
        try:
            with apart():
                return method(trainer)
        except BaseException as error:
            self._ranks.pending = error
            return None

    def begin(self, trainer: Any) -> None:
        self._call(self._callback.begin, trainer)

    def begin_epoch(self, trainer: Any) -> None:
        self._call(self._callback.begin_epoch, trainer)

    def next_step(self, trainer: Any) -> int | None:
        return self._call(self._callback.next_step, trainer)

    def at_step(self, trainer: Any) -> None:
        self._call(self._callback.at_step, trainer)

    def end_epoch(self, trainer: Any) -> Any:
        return self._call(self._callback.end_epoch, trainer)

    def end(self, trainer: Any) -> None:
        self._call(self._callback.end, trainer)

    def abort(self, trainer: Any) -> None:
        with apart():
            self._callback.abort(trainer)


def _told_of_ranks(trainer: Any, call: Any) -> dict[str, str]:
    """Return what all ranks must be told alike, in words."""
    network, state = trainer.network, trainer.optimizer.state
    told = told_of_trainer(trainer, call)
    told |= {name: repr(getattr(trainer, name)) for name in _OF_STEPS}
    if call.validation is not None:
        told["the number of epochs"] = repr(call.n_epochs)
        told["validate"] = "none" if call.validation.function is None else "a function"
        told["early_stopping"] = repr((call.validation.decides, call.validation.stall_ends))
    told["backend"] = repr(trainer.backend_in_use)
    arrays = {"weights": network.params, "state of layers": network.state}
    if state is not None:
        arrays["state of the optimizer"] = state
    return told | {
        f"the {name}": f"{array.shape} #{digest_of(array, 0):08x}" for name, array in arrays.items()
    }


def _raise_if_unequal(all_told: Sequence[dict[str, str]]) -> None:
    """Raise, on all ranks, where one of them is told other things than rank 0."""
    for rank, told in enumerate(all_told):
        if told != all_told[0]:
            found = differences(all_told[0], told, "on rank 0", f"on rank {rank}")
            raise ValueError(f"the ranks must train alike, got what differs in {found}")


def _state_of(trainer: Any) -> SimpleNamespace:
    """Return what :func:`resume` takes over from another trainer."""
    network, optimizer = trainer.network, trainer.optimizer
    names = (
        "n_epochs", "n_parts", "n_seen", "n_steps", "n_steps_before", "best_loss", "best_score",
        "loss_curve", "validation_scores", "validation_loss_curve", "no_improvement_count", "run",
    )  # fmt: skip
    return SimpleNamespace(
        network=SimpleNamespace(params=network.params, state=network.state),
        optimizer=SimpleNamespace(
            state=optimizer.state, step=optimizer.step, learning_rate=optimizer.learning_rate
        ),
        **{name: getattr(trainer, name) for name in names},
    )


def _joined(texts: Sequence[str]) -> str:
    """Return one text of those that tell the data of each rank: their shapes, and a digest of the rest."""
    if len(set(texts)) == 1 and not texts[0].startswith("("):
        return texts[0]
    shapes = " + ".join(text.split(" #")[0] for text in texts)
    return f"{shapes} #{zlib.crc32(repr(list(texts)).encode()):08x}"
