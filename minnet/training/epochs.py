"""Several epochs of a trainer in one compiled call, where nobody looks at each of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from minnet.backends.border import check_rates
from minnet.common.types import Array
from minnet.schedules import (
    Adaptive,
    Constant,
    Cosine,
    FlatThenCosine,
    InvScaling,
    Schedule,
    StepDecay,
    WarmUp,
)
from minnet.training.cut import Cut
from minnet.training.growth import check_decay

__all__ = ["EpochsAhead"]

# A call is cut after about this long, so that Ctrl-C is heard, and after so many steps, whose rates are
# made before.
_SECONDS_A_CALL = 0.2
_STEPS_AT_ONCE = 2**15

# What a user's own would be asked for of epochs that a stall may leave out, it could notice.
_FORESEEN = (Adaptive, Constant, Cosine, FlatThenCosine, InvScaling, StepDecay)


class EpochsAhead:
    """Takes the epochs of one call of a trainer, several at a time, with the bits of one at a time.

    It does so where nobody wants to be asked between two epochs: no callback, validation that is not
    compiled, other process or schedule of the user's own.

    Parameters
    ----------
    trainer : Trainer
        In a training.
    call : Call
    """

    def __init__(self, trainer: Any, call: Any) -> None:
        self._trainer, self._call = trainer, call
        self._allowed = (
            not call.callbacks
            and not trainer.verbose
            and call.ranks is None
            and call.source.X is not None
            and call.source.sizes is None
            and _is_foreseen(trainer.schedule)
        )
        self._compiled: Any = None
        self._order: Array | None = None
        self._steps_a_call = 0

    def take(self, n_epochs: int) -> bool:
        """Take some epochs, all but the end of the last one; return False where it must be one by itself.

        Parameters
        ----------
        n_epochs : int
            At most.
        """
        trainer, call = self._trainer, self._call
        if not self._allowed or call.first_loss is None:
            return False
        if call.validation.function is not None and self._held_rows() is None:
            return False
        backend = trainer._make_runner()
        cut = Cut(trainer.network, call.source.X.shape[0], trainer.batch_size)
        # That of the epoch by itself which came before, unless a call has measured it since.
        steps_a_call = self._steps_a_call or getattr(backend, "steps_a_call", 0)
        self._steps_a_call = 0
        n_epochs = min(n_epochs, min(steps_a_call, _STEPS_AT_ONCE) // cut.n_steps)
        if n_epochs < 2 or trainer.run.start or not self._can_take(backend):
            return False
        rates, after = self._rates(n_epochs, cut)
        if len(after) < 2:
            return False
        with call.interrupts.held():
            task, began = self._task(backend, cut, rates, len(after)), time.perf_counter()
            try:
                self._compiled.take([task])
            finally:
                self._note(task, cut, after)
            pace = max(1e-7, (time.perf_counter() - began) / (task.done * cut.n_steps))
            self._steps_a_call = max(1, int(_SECONDS_A_CALL / pace))
        return True

    def _held_rows(self) -> Any:
        """Return the rows that compiled code can score as the validation does; None if there are none."""
        return getattr(self._call.validation.function, "held_rows", None)

    def _can_take(self, backend: Any) -> bool:
        """Return whether the steps are compiled, as things are now."""
        if backend.name != "cython":
            return False
        if self._compiled is None:
            # Imported where used: minnet_ext may not be there.
            from minnet.backends.members import CompiledMembers

            self._compiled = CompiledMembers(1)
        X, T, _ = self._call.source.data
        able: bool = self._compiled.can_take([backend], [self._trainer.optimizer], X, T)
        return able

    def _rates(self, n_epochs: int, cut: Cut) -> tuple[Array, list[float]]:
        """Return the rates of the steps of the next epochs, and the rate that follows each.

        Of fewer epochs, where a rate is refused: that is told when its epoch comes.
        """
        trainer, optimizer, n_steps = self._trainer, self._trainer.optimizer, cut.n_steps
        rate, initial, seen = optimizer.learning_rate, trainer.initial_rate, trainer.n_seen
        if type(trainer.schedule) in (Adaptive, Constant):  # as in the epoch by itself before
            return np.full(n_epochs * n_steps, rate, dtype=np.float64), [rate] * n_epochs
        decay = trainer.weight_decay + optimizer.decoupled_weight_decay
        step = made = trainer.n_steps_before + optimizer.step
        schedule = trainer.schedule.over(self._call.n_steps_of_fit)
        if schedule is not trainer.schedule:  # counts from the beginning of this fit
            step = self._call.steps_before(trainer.run)
        rates, after = [np.empty(0)], []
        for _ in range(n_epochs):
            try:
                rates_of_epoch = schedule.rates(rate, initial, step, n_steps, seen)
                rates_of_epoch = check_rates(rates_of_epoch, n_steps)
                check_decay(trainer.network, rates_of_epoch, decay)
            except ValueError:
                break
            step, made, seen = step + n_steps, made + n_steps, seen + cut.n_samples
            rate = trainer.schedule.after_epoch(float(rates_of_epoch[-1]), initial, made, seen)
            rates.append(rates_of_epoch)
            after.append(rate)
        return np.concatenate(rates), after

    def _task(self, backend: Any, cut: Cut, rates: Array, n_epochs: int) -> Any:
        """Return what is to be done, as compiled calls take it."""
        from minnet.backends.members import Task

        trainer, call, optimizer = self._trainer, self._call, self._trainer.optimizer
        held_rows = self._held_rows()
        X, T, weights = call.source.data
        n_samples = cut.n_samples
        if self._order is None and (trainer.shuffle or cut.long_step):
            self._order = np.empty(n_samples, dtype=np.int64)
        weight_sum = float(n_samples if weights is None else weights.sum())
        a_stall_counts = (
            call.validation.stall_ends
            or trainer.schedule.reduce(optimizer.learning_rate) is not None
        ) and trainer.n_iter_no_change < np.inf
        return Task(
            backend=backend,
            hyper=trainer._hyper(cut, rates, weight_sum),
            X=X,
            T=T,
            weights=weights,
            order=self._order,
            shuffle=trainer.shuffle,
            part=trainer.n_parts,
            n_steps=cut.n_steps,
            long_step=cut.long_step,
            n_epochs=n_epochs,
            scoring=None if held_rows is None else "accuracy",
            held_rows=held_rows,
            best=trainer.run.best,
            best_score=trainer.best_score,
            score_decides=call.validation.decides,
            n_threads=backend.threads(cut.batch_size, X),
            n_iter_no_change=int(trainer.n_iter_no_change) if a_stall_counts else -1,
            tol=trainer.tol,
            best_loss=trainer.best_loss,
            no_improvement=trainer.no_improvement_count,
        )

    def _note(self, task: Any, cut: Cut, after: Sequence[float]) -> None:
        """Note the epochs that were taken; the last one has yet to end."""
        trainer, run, done = self._trainer, self._trainer.run, task.done
        if not done:
            return
        losses = task.mean_losses[:done].tolist()
        trainer.loss_curve.extend(losses)
        if task.held_rows is not None:
            scores = task.scores[: done - 1].tolist()
            trainer.validation_scores.extend(scores)
            trainer.validation_loss_curve.extend(task.held_losses[: done - 1].tolist())
            trainer._count_scores(scores, task.score_decides)
        if not task.score_decides:
            trainer._count_losses(losses[:-1])
        trainer.n_epochs += done
        trainer.n_steps += done * cut.n_steps
        trainer.n_parts += done
        trainer.n_seen += done * cut.n_samples
        trainer.optimizer.learning_rate = after[done - 1]
        run.n_epochs += done - 1
        run.ending_epoch = True


def _is_foreseen(schedule: Schedule) -> bool:
    """Return whether all rates of a schedule can be asked for before their epochs."""
    if type(schedule) is WarmUp:
        return schedule.then is None or _is_foreseen(schedule.then)
    return type(schedule) in _FORESEEN
