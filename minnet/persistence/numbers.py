"""Numbers that a model cannot have: such a model is neither written nor read.

The fields of a class say what each of its attributes may be. Here is what they may be together, and what
the arrays may hold, so that a file that is read is a model that predicts and trains.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minnet.common.buffers import offset_in
from minnet.common.types import Array
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.training import EnsembleTrainer, Trainer
from minnet.training.run import Run

__all__ = ["check_arrays", "check_ensemble", "check_network", "check_trainer"]

#: Which of an optimizer's vectors are mean squares: never negative, but they may overflow, and then the
#: steps are 0.
_SQUARES = {"adam": 1, "rmsprop": 0}


def check_network(network: Network) -> None:
    """Raise ValueError if a network's parameters or running averages are none, by the array's name.

    Examples
    --------
    >>> from minnet import Dense
    >>> network = Network([Dense(3)]).initialize(2)
    >>> network.layers[0].b = [0, np.inf, 0]
    >>> check_network(network)
    Traceback (most recent call last):
        ...
    ValueError: layers.0.b must be of finite numbers only, got inf
    """
    if hasattr(network, "params"):
        _check_weights("", network, network.params, network.state)


def check_arrays(trainer: Trainer | EnsembleTrainer) -> None:
    """Raise ValueError if weights or an optimizer's state are none, by the array's name."""
    if isinstance(trainer, EnsembleTrainer):
        for member in trainer.members:
            _check_training(member.network, member.optimizer, member.best)
        return
    run = trainer.run
    _check_training(trainer.network, trainer.optimizer, None if run is None else run.best)


def _check_training(
    network: Network, optimizer: Optimizer, best: tuple[Array, Array] | None
) -> None:
    check_network(network)
    if best is not None:
        _check_weights("run.best.", network, *best)
    squares = _SQUARES.get(optimizer.compiled or "")
    for k, flat in enumerate(() if optimizer.state is None else optimizer.state):
        for row in network.parameter_table:
            name = f"optimizer.{k}.layers.{row.layer}.{row.name}"
            _check_array(name, flat[row.slice], squares=k == squares)


def check_ensemble(trainer: EnsembleTrainer) -> None:
    """Raise ValueError as :func:`check_arrays`, or if an ensemble's records contradict each other."""
    check_arrays(trainer)
    n_epochs, n_scores = trainer.n_epochs, len(trainer.validation_scores)
    if len(trainer.loss_curve) != n_epochs:
        raise _wrong("loss_curve", f"{n_epochs} long, as n_epochs says", len(trainer.loss_curve))
    if len(trainer.validation_loss_curve) != n_scores:
        got = len(trainer.validation_loss_curve)
        raise _wrong("validation_loss_curve", f"{n_scores} long, as validation_scores", got)
    _check_most("validation_scores", n_scores, n_epochs, "n_epochs")
    _check_most("best_epoch", trainer.best_epoch, n_epochs, "n_epochs")
    if trainer.run is not None:
        _check_most("run.n_epochs", trainer.run.n_epochs, n_epochs, "n_epochs")
        _check_most("run.first_score", trainer.run.first_score, n_scores, "validation_scores")
    for i, member in enumerate(trainer.members):
        name, there = f"members[{i}]", len(member.loss_curve)
        # One epoch more where Ctrl-C came before the others had it.
        most = n_epochs + (trainer.run is not None)
        if not n_epochs <= there <= most:
            raise _wrong(f"{name}.loss_curve", f"{n_epochs} long, as n_epochs says", there)
        for scores in (member.validation_scores, member.validation_loss_curve):
            if len(scores) != there:
                raise _wrong(f"{name}.validation_scores", f"{there} long", len(scores))
        _check_most(f"{name}.best_epoch", member.best_epoch, there + 1, "loss_curve")
        for counted in ("epochs_before", "n_trained"):
            _check_most(f"{name}.{counted}", getattr(member, counted), there, "loss_curve")
        _check_most(f"{name}.n_trained", member.n_trained, member.n_parts, "n_parts")
        _check_most(f"{name}.n_parts", member.n_parts, member.n_seen, "n_seen")
        n_losses = sum(map(len, member.losses))
        if n_losses != member.start:
            raise _wrong(f"{name}.losses", f"{member.start} long, as start says", n_losses)


def check_trainer(trainer: Trainer) -> None:
    """Raise ValueError as :func:`check_arrays`, or if a trainer's records contradict each other.

    Each epoch has one loss, at most one score, and at least one piece of data, which has a row.
    """
    check_arrays(trainer)
    n_epochs = trainer.n_epochs
    n_losses, n_scores = len(trainer.loss_curve), len(trainer.validation_scores)
    if n_epochs != n_losses:
        raise _wrong("n_epochs", f"{n_losses}, the length of loss_curve", n_epochs)
    if n_scores > n_epochs:
        raise _wrong("validation_scores", f"at most {n_epochs} long, as there are epochs", n_scores)
    if len(trainer.validation_loss_curve) != n_scores:
        got = len(trainer.validation_loss_curve)
        raise _wrong("validation_loss_curve", f"{n_scores} long, as validation_scores", got)
    _check_most("no_improvement_count", trainer.no_improvement_count, n_epochs, "n_epochs")
    _check_most("n_epochs", n_epochs, trainer.n_parts, "n_parts")
    _check_most("n_parts", trainer.n_parts, trainer.n_seen, "n_seen")
    if trainer.run is not None:
        _check_run(trainer.run, trainer)


def _check_run(run: Run, trainer: Trainer) -> None:
    n_losses = sum(map(len, run.losses))
    if n_losses < run.start or (n_losses != run.start and not run.part):
        raise _wrong("run.losses", f"{run.start} long, as run.start says", n_losses)
    _check_most("run.n_epochs", run.n_epochs, trainer.n_epochs, "n_epochs")
    _check_most("run.part", run.part, trainer.n_parts, "n_parts")
    _check_most("run.part", run.part, run.n_rows, "run.n_rows")
    _check_most(
        "run.n_rows", run.n_rows, trainer.n_seen if run.part else 0, "the rows of its parts"
    )
    _check_most(
        "run.first_score", run.first_score, len(trainer.validation_scores), "validation_scores"
    )


def _check_weights(prefix: str, network: Network, params: Array, state: Array) -> None:
    for row in network.parameter_table:
        _check_array(f"{prefix}layers.{row.layer}.{row.name}", params[row.slice])
    for i, arrays in enumerate(network._states()):
        for name, view in arrays.items():
            start = offset_in(network.state, view)
            array = state[start : start + view.size]
            _check_array(f"{prefix}layers.{i}.{name}", array, at_least_0=name == "running_var")


def _check_array(name: str, array: Array, at_least_0: bool = False, squares: bool = False) -> None:
    if not squares and not np.isfinite(array).all():
        raise _wrong(name, "of finite numbers only", array[~np.isfinite(array)][0])
    if (squares or at_least_0) and not (array >= 0).all():
        raise _wrong(name, "of numbers of at least 0", array[~(array >= 0)][0])


def _check_most(name: str, value: int, most: int, what: str) -> None:
    if value > most:
        raise _wrong(name, f"at most {most} by {what}", value)


def _wrong(name: str, what: str, got: Any) -> ValueError:
    return ValueError(f"{name} must be {what}, got {got}")
