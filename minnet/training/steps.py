"""The steps of a trainer: in which order, at which rates, where they pause, and what runs them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from scipy import sparse

from minnet.backends import Hyper, make_backend
from minnet.backends.border import check_rates
from minnet.common.communicator import leads
from minnet.common.types import Array, Matrix
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.schedules import Schedule
from minnet.training.cut import Cut
from minnet.training.growth import check_decay
from minnet.training.reading import Batch
from minnet.training.shards import joined_order, order_of_shard

__all__ = ["Steps"]


class Steps:
    """The part of a :class:`minnet.Trainer` that takes the steps of an epoch."""

    network: Network
    optimizer: Optimizer
    schedule: Schedule
    batch_size: int
    shuffle: bool
    clip_value: float | None
    clip_norm: float | None
    weight_decay: float
    backend: str
    n_threads: int | None
    verbose: int
    n_epochs: int
    n_steps: int
    n_steps_before: int
    n_parts: int
    n_seen: int
    initial_rate: float
    loss_curve: list[float]
    run: Any
    _call: Any
    _runner: Any
    _made_for: tuple[Any, ...]
    is_finite: Any

    def _take_steps(self, chunks: Iterable[Batch]) -> bool:
        """Take the steps of an epoch and note its loss; return False where there are no rows."""
        call, run = self._call, self.run
        for chunk in chunks:
            if run.part and not self.is_finite():
                break
            self._take_steps_on(*chunk)
        if not run.n_rows:
            return False
        with call.interrupts.held():
            # Summed at the end: where the epoch pauses must not change a bit.
            self.loss_curve.append(float(np.concatenate(run.losses).sum()) / run.n_rows)
            self.n_epochs += 1
            run.part, run.n_rows, run.losses, run.ending_epoch = 0, 0, [], True
            if call.source.begins_anew:
                run.n_empty = 0
        shows = self.verbose > 1 or (self.verbose and not call.callbacks)  # otherwise the bar does
        if shows and leads():
            print(f"Iteration {self.n_epochs}, loss = {self.loss_curve[-1]:.8f}")
        return True

    def _take_steps_on(self, X: Matrix, T: Array, sample_weight: Array | None) -> None:
        """Take the steps on data in memory, or those that are left; pause where callbacks want to."""
        call, run, ranks = self._call, self.run, self._call.ranks
        if ranks is None:
            n_samples = X.shape[0]
            weight_sum = float(n_samples if sample_weight is None else sample_weight.sum())
            cut, order, hyper = self._plan(n_samples, n_samples, weight_sum)
        else:
            n_samples = ranks.n_samples
            cut, order, hyper = ranks.plan(
                self, sample_weight, lambda: self._plan(X.shape[0], n_samples, ranks.weight_sum)
            )
        optimizer, n_steps = self.optimizer, cut.n_steps
        first_step = self.n_steps_before + optimizer.step - run.start
        call.targets = T, sample_weight
        runner = self._make_runner()
        run.pauses_exactly = ranks is not None or not (sparse.issparse(X) and optimizer.is_plain)
        while run.start < n_steps:
            first, stop = run.start, run.start + self._pause(n_steps - run.start)
            steps = cut.steps(order, first, stop, hyper)
            with call.interrupts.held(), nullcontext() if ranks is None else ranks.summing():
                losses = runner.train_steps(X, T, sample_weight, *steps)
                run.losses.append(losses)
                if call.first_loss is None and len(losses):
                    call.first_loss = losses[0] / min(steps[-1].batch_size, n_samples)
                run.start += len(losses)
                self.n_steps += len(losses)
            if ranks is not None and len(losses) < stop - first:
                ranks.agree()
        with call.interrupts.held():
            run.start, run.part, run.n_rows = 0, run.part + 1, run.n_rows + n_samples
            self.n_parts += 1
            self.n_seen += n_samples
            optimizer.learning_rate = self.schedule.after_epoch(
                float(hyper.rates[-1]), self.initial_rate, first_step + n_steps, self.n_seen
            )

    def _plan(
        self, n_rows: int, n_samples: int, weight_sum: float
    ) -> tuple[Cut, Array | None, Hyper]:
        """Return how an epoch on so many rows, of all that there are, is cut, the order, and the rest."""
        call, optimizer = self._call, self.optimizer
        if not isinstance(optimizer, Optimizer):  # replaced since the trainer was made
            raise TypeError(f"optimizer must be an Optimizer object, got {optimizer!r:.100}")
        cut = Cut(self.network, n_samples, self.batch_size)
        order = None
        if call.source.sizes is not None:
            order = self._order_of_shards(cut, call.source.sizes)
        elif self.shuffle:
            rank = 0 if call.ranks is None else call.ranks.rank
            order = order_of_shard(rank, n_rows, self.network.key, self.n_parts)
        call.n_steps_of_part = cut.n_steps
        rates = self._rates(0, cut.n_steps)
        check_decay(self.network, rates, self.weight_decay + optimizer.decoupled_weight_decay)
        return cut, order, self._hyper(cut, rates, weight_sum)

    def _hyper(self, cut: Cut, rates: Array, weight_sum: float) -> Hyper:
        """Return what steps are told: how they are cut, their rates, and the options as they are now."""
        call = self._call
        return Hyper(
            batch_size=cut.batch_size,
            rates=rates,
            optimizer=self.optimizer,
            n_samples=cut.n_samples,
            weight_sum=weight_sum,
            position=self.n_seen,
            clip_value=self.clip_value,
            clip_norm=self.clip_norm,
            weight_decay=self.weight_decay,
            interrupted=lambda: call.interrupts.came,
        )

    def _order_of_shards(self, cut: Cut, sizes: Sequence[int]) -> Array:
        """Return the order in which several processes would visit the rows of their shards."""
        if self.shuffle:
            places = self.network.key, self.n_parts
            orders = [order_of_shard(rank, size, *places) for rank, size in enumerate(sizes)]
        else:
            orders = [np.arange(size) for size in sizes]
        return joined_order(sizes, cut.bounds, orders)

    def _pause(self, n_steps: int) -> int:
        """Let the callbacks whose step it is do their work; return after how many steps to pause next."""
        callbacks, next_steps = self._call.callbacks, self._call.next_steps
        # What a callback said last counts too: it may name the step after this one by now.
        for callback, step in zip(callbacks, next_steps, strict=True):
            if self.n_steps in (step, callback.next_step(self)):
                callback.at_step(self)
        next_steps[:] = [callback.next_step(self) for callback in callbacks]
        later = [step - self.n_steps for step in next_steps if step is not None]
        return min([n_steps, *(step for step in later if step > 0)])

    def _make_runner(self) -> Any:
        """Return the backend for the network and the options as they are now."""
        made_for = self.network, self.backend, self.n_threads
        if self._made_for != made_for:
            self._runner = make_backend(self.backend, self.network, self.n_threads)
            self._made_for = made_for
        return self._runner

    def next_rate(self) -> float:
        """Return the learning rate of the step that comes next in a training."""
        return float(self._rates(self.run.start, 1)[0])

    def _rates(self, start: int, n_steps: int) -> Array:
        """Return the learning rates of steps from ``start`` on in the present part of an epoch."""
        run, optimizer = self.run, self.optimizer
        step = self.n_steps_before + optimizer.step - run.start + start
        schedule = self.schedule.over(self._call.n_steps_of_fit)
        if schedule is not self.schedule:  # counts from the beginning of this fit
            step = self._call.steps_before(run) + start
        where = optimizer.learning_rate, self.initial_rate, step
        return check_rates(schedule.rates(*where, n_steps, self.n_seen), n_steps)

    @property
    def backend_in_use(self) -> Any:
        """Return the name of the backend whose code took the steps; None after unpickling."""
        return None if self._runner is None else self._runner.name_in_use
