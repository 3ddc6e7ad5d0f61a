"""A fit of several networks, each with the bits of a fit of its own."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

from minnet.common.types import Array
from minnet.estimators.data import Data
from minnet.estimators.effects import answers_stalls
from minnet.estimators.fit import Fit, another_network, new_network
from minnet.estimators.solvers import (
    new_optimizer,
    new_schedule,
    trainer_options,
)
from minnet.estimators.validation import (
    ValidationSet,
    check_parts,
    held_mask,
    keeps_best,
    rows_of_data,
)
from minnet.network import Network
from minnet.training import EnsembleTrainer, Trainer
from minnet.training.callback import Callback
from minnet.training.interrupts import Interrupts
from minnet.training.member import Member

__all__ = ["FitSeveral"]


class FitSeveral(Fit):
    """A call of ``fit`` that trains several networks."""

    def check_n_networks(self) -> None:
        """Raise where the arguments are for one network."""
        estimator = self.estimator
        given = f"got n_networks={estimator.n_networks}"
        for name in ("warm_start", "calibrate"):
            if getattr(estimator, name, False):
                raise ValueError(f"{name} must be False for several networks, {given}")
        for callback in vars(estimator).get("_skl_callbacks", []):
            if not isinstance(callback, Callback) or callback.resumes:
                raise TypeError(
                    f"callbacks must be minnet's, and no Checkpoint, for several networks, {given} and "
                    f"{callback!r:.200}"
                )

    def network(self, data: Data, new: bool) -> Network:
        """Return the first network, and make the others."""
        estimator = self.estimator
        drawn = check_random_state(estimator.random_state)
        self.seeds = [int(seed) for seed in drawn.randint(2**31 - 1, size=estimator.n_networks)]
        first = new_network(estimator, data, self.seeds[0])
        others = [another_network(estimator, data, seed) for seed in self.seeds[1:]]
        self.networks = [first, *others]
        return first

    def train(self, network: Network, data: Data, validation: ValidationSet | None) -> str:
        """Train the networks and note how; return the name of the backend that ran."""
        if self.can_train_together(data, validation):
            ran = self.train_together(data, validation)
        else:
            ran = self.train_in_turn(data, validation)
        self.state.others, self.state.seeds = self.networks[1:], self.seeds
        return ran

    def train_in_turn(self, data: Data, validation: ValidationSet | None) -> str:
        """Train one network after the other, as a fit of its own does."""
        with Interrupts() as interrupts:
            for network in reversed(self.networks):  # the records are of the first
                ran = super().train(network, data, validation and validation.anew())
                if interrupts.heard:  # the others would not be trained
                    raise KeyboardInterrupt("training of several networks interrupted by user")
        return ran

    def can_train_together(self, data: Data, validation: ValidationSet | None) -> bool:
        """Return whether an EnsembleTrainer comes to the same networks."""
        estimator = self.estimator
        scored = validation is not None or estimator.early_stopping
        return (
            estimator.solver != "lbfgs"
            and estimator.keep is not None
            and not answers_stalls(estimator)
            and (not scored or estimator.scoring in ("loss", "refinement"))
            and type(data.X) is type(data.T) is np.ndarray
            and (validation is None or type(validation.X) is type(validation.T) is np.ndarray)
            and not self.callbacks()
        )

    def train_together(self, data: Data, validation: ValidationSet | None) -> str:
        """Train all networks at the same time."""
        estimator = self.estimator
        rows, held = self.rows_of_each(data, validation)
        X, T, weights = data.X, data.T, data.weights
        if validation is not None:
            X, T = np.concatenate([X, validation.X]), np.concatenate([T, validation.T])
            weights = _joined_weights(data, validation)
        n_trained = len(X) if rows is None else len(rows[0])
        options = trainer_options(estimator, n_trained)
        of_stalls = ("tol", "n_iter_no_change")
        trainer = EnsembleTrainer(
            self.networks,
            new_optimizer(estimator),
            learning_rate=new_schedule(estimator),
            scoring=None if held is None else estimator.scoring,
            keep=estimator.keep,
            **{name: value for name, value in options.items() if name not in of_stalls},
        )
        trainer.fit(X, T, weights, rows=rows, held=held, max_epochs=estimator.max_iter)
        own = Trainer(self.networks[0], learning_rate=trainer.schedule, **options)
        _take_records(own, trainer.members[0], keeps_best(estimator))
        self.note(own, own.n_epochs)
        self.state.validated = held is not None
        return trainer.backend_in_use

    def rows_of_each(
        self, data: Data, validation: ValidationSet | None
    ) -> tuple[list[Array] | None, list[Array] | None]:
        """Return which rows each network is trained on, and which it is scored on.

        Those of a validation set of the user's come after those of the data.
        """
        n_samples, n_networks = len(data.X), len(self.networks)
        if validation is not None:
            held = n_samples + np.arange(len(validation.X))
            return [np.arange(n_samples)] * n_networks, [held] * n_networks
        if not self.estimator.early_stopping:
            return None, None
        masks = [held_mask(self.estimator, network.key, data) for network in self.networks]
        for mask in masks:
            check_parts(self.estimator, rows_of_data(data, ~mask), rows_of_data(data, mask))
        return [np.flatnonzero(~mask) for mask in masks], [np.flatnonzero(mask) for mask in masks]


def _take_records(trainer: Trainer, member: Member, by_score: bool) -> None:
    """Give a trainer the records of a member, as one of its own would have them."""
    n_epochs = member.n_trained
    trainer.optimizer = member.optimizer
    trainer.n_epochs, trainer.n_steps = n_epochs, member.optimizer.step
    for name in ("n_parts", "n_seen", "n_steps_before"):
        setattr(trainer, name, getattr(member, name))
    trainer.loss_curve = member.loss_curve[:n_epochs]
    if member.held is not None:
        trainer.validation_scores = member.validation_scores[:n_epochs]
        trainer.validation_loss_curve = member.validation_loss_curve[:n_epochs]
    for epoch in range(n_epochs - member.diverged):
        loss, score = member.loss_curve[epoch], member.validation_scores[epoch]
        best, now = (trainer.best_score, score) if by_score else (-trainer.best_loss, -loss)
        improved = now > -np.inf and now >= best + trainer.tol
        trainer.no_improvement_count = 0 if improved else trainer.no_improvement_count + 1
        trainer.best_score = max(trainer.best_score, score)
        if not by_score:
            trainer.best_loss = min(trainer.best_loss, loss)


def _joined_weights(data: Data, validation: ValidationSet) -> Array | None:
    """Return the weights of the data and of the validation set; None where all count alike."""
    given = data.weights, validation.weights
    if all(weights is None for weights in given):
        return None
    sizes = len(data.X), len(validation.X)
    return np.concatenate(
        [
            np.ones(n) if weights is None else weights
            for weights, n in zip(given, sizes, strict=True)
        ]
    )
