"""Early stopping: whether loss or score still improve, and the weights of the best epoch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from minnet.common.buffers import all_finite
from minnet.common.callers import level_of_user
from minnet.common.checks import check_flag
from minnet.common.communicator import leads
from minnet.common.fields import count, curve, either, number, whole
from minnet.common.names import check_name
from minnet.common.types import Array
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.schedules import Adaptive, Schedule
from minnet.training.progress import say
from minnet.training.run import Run

__all__ = ["EarlyStopping", "Validation"]


class Validation:
    """What is validated after each epoch of one call of ``fit``.

    Parameters
    ----------
    function : callable or None
        ``function(network)`` returns a score, or a pair of score and loss.
    early_stopping : bool
        Whether the score decides when to stop and which weights come back.
    keep : {"best", "last"} or None, default=None
        Which weights come back where no stall ends the training.

    Attributes
    ----------
    decides : bool
        Whether there is a score that decides which weights come back.
    stall_ends : bool
        Whether a stall ends the training.
    """

    def __init__(
        self,
        function: Callable[[Network], Any] | None,
        early_stopping: bool,
        keep: str | None = None,
    ) -> None:
        if function is not None and (not callable(function) or isinstance(function, type)):
            raise TypeError(
                f"validate must be a function of the network or None, got {function!r:.200}"
            )
        early_stopping = check_flag("early_stopping", early_stopping)
        if keep is not None:
            early_stopping = check_name("keep", keep, ("best", "last")) == "best"
            if early_stopping and function is None:
                raise ValueError(
                    "keep must be None or 'last' where nothing is validated, got 'best'"
                )
        self.function = function
        self.decides = early_stopping and function is not None
        self.stall_ends = keep is None

    def __call__(self, network: Network) -> tuple[float, float]:
        """Return score and loss; the loss is NaN where there is none."""
        assert self.function is not None
        given = self.function(network)
        score, loss = given if isinstance(given, tuple) else (given, np.nan)
        try:
            return float(score), float(loss)
        except (TypeError, ValueError):
            sentence = (
                f"validate must return a score or a pair of score and loss, got {given!r:.200}"
            )
            raise TypeError(sentence) from None

    def digest(self) -> dict[str, str]:
        """Return what tells the validation from others, with its data if its function knows."""
        told = {"early_stopping": repr(self.decides)}
        told["a validation set"] = "none" if self.function is None else "one"
        digest = getattr(self.function, "digest", None)
        found = {} if digest is None else digest()
        return told | (found if isinstance(found, dict) else {"validate": repr(found)})


class EarlyStopping:
    """The part of a :class:`minnet.Trainer` that counts epochs without improvement."""

    tol: float = number(0)
    n_iter_no_change: float = either(whole(0), number(np.inf), what="a whole number or infinite")
    no_improvement_count: int = count()
    best_loss: float = number(-np.inf)  # which NaN is not
    best_score: float = number(-np.inf)
    loss_curve: list[float] = curve()
    validation_scores: list[float] = curve()
    validation_loss_curve: list[float] = curve()

    n_steps_before: int
    network: Network
    optimizer: Optimizer
    schedule: Schedule
    verbose: int
    run: Any

    def check_stall(self, validated: bool = False, ends: bool = True) -> bool:
        """Count epochs without improvement; return whether training should stop.

        A schedule may answer a stall with a lower rate instead. With ``ends`` False that is all it does.
        """
        if not validated:
            self._count_losses(self.loss_curve[-1:])
        if self.no_improvement_count <= self.n_iter_no_change:
            return False
        what = "Validation score" if validated else "Training loss"
        message = (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )
        rate = self.schedule.reduce(self.optimizer.learning_rate)
        if rate is None:
            if ends and self.verbose and leads():
                too_small = (
                    " Learning rate too small." if isinstance(self.schedule, Adaptive) else ""
                )
                say(f"{message}{too_small} Stopping.")
            return ends
        self.optimizer.learning_rate = rate
        self.no_improvement_count = 0
        if self.verbose and leads():
            say(f"{message} Setting learning rate to {rate:f}")
        return False

    def _count_losses(self, losses: Sequence[float]) -> None:
        """Count the epochs without improvement.

        Parameters
        ----------
        losses : sequence of float
            Of the epochs, each the mean objective.
        """
        best, count = self.best_loss, self.no_improvement_count
        for loss in losses:
            count = 0 if loss <= best - self.tol else count + 1
            best = min(best, loss)
        self.best_loss, self.no_improvement_count = best, count

    def _count_scores(self, scores: Sequence[float], decide: bool) -> None:
        """Note the best score; where scores decide, count the epochs without improvement.

        Parameters
        ----------
        scores : sequence of float
            Of the epochs.
        decide : bool
            Whether they decide.
        """
        best, count = self.best_score, self.no_improvement_count
        for score in scores:
            count = 0 if score > -np.inf and score >= best + self.tol else count + 1
            best = score if score > best else best
        self.best_score = best
        if decide:
            self.no_improvement_count = count

    def is_finite(self) -> bool:
        """Return whether all parameters are finite."""
        return all_finite(self.network.params)

    def loss_of_kept_weights(self) -> float:
        """Return the loss of the epoch whose weights the run will end with; NaN if there is none."""
        scores = self.validation_scores[self.run.first_score :]
        losses = self.loss_curve[len(self.loss_curve) - len(scores) :]
        if self.run.best is None or self.best_score == -np.inf or not scores:
            return self.loss_curve[-1] if self.loss_curve else np.nan
        best = int(np.nanargmax(scores))
        return losses[best] if scores[best] == self.best_score else np.nan

    def restore_best_weights(self) -> None:
        """End the run, with the weights of the best epoch where early stopping has kept some."""
        run, self.run = self.run, None
        if run is None or run.best is None:
            return
        if self.best_score > -np.inf or not self.is_finite():
            self.network.params[...], self.network.state[...] = run.best

    def _return_to_best(self) -> None:
        """Take the weights of the best epoch; an optimizer whose state has diverged, too, begins anew."""
        optimizer = self.optimizer
        self.network.params[...], self.network.state[...] = self.run.best
        if optimizer.state is not None and not all_finite(optimizer.state):
            self.n_steps_before += optimizer.step  # where the schedule goes on
            optimizer.prepare(self.network.params)

    def _validate(self, call: Any) -> None:
        """Note the validation score and loss; keep the weights if early stopping finds them the best."""
        self._note(np.nan, np.nan)  # as long as the loss curve, should the function be interrupted
        decides = call.validation.decides
        score, loss = call.validate(self.network)
        self.validation_scores[-1], self.validation_loss_curve[-1] = score, loss
        if self.verbose > 1 and leads():
            print(f"Validation score: {score:f}")
        is_best = score > self.best_score
        self._count_scores([score], decides)
        if is_best and decides:
            self.run.best = self._copy_weights()

    def _note(self, score: float, loss: float) -> None:
        self.validation_scores.append(score)
        self.validation_loss_curve.append(loss)

    def _copy_weights(self) -> tuple[Array, Array]:
        return self.network.params.copy(), self.network.state.copy()

    def _warn_if_none_was_best(self, run: Run) -> None:
        none = self.best_score == -np.inf and self.is_finite()
        if (
            run.best is not None
            and none
            and leads()
            and len(self.validation_scores) > run.first_score
        ):
            warnings.warn(
                "The validation score was NaN or minus infinity in every epoch, so that none is the best: "
                "the weights of the last one were kept.",
                ConvergenceWarning,
                stacklevel=level_of_user(),
            )
