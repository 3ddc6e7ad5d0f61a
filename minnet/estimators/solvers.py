"""From the arguments of an estimator to what trains its network: an optimizer and a trainer, or L-BFGS."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any

from minnet.backends import make_backend
from minnet.common.callers import level_of_user
from minnet.common.communicator import leads
from minnet.common.configurable import Configurable
from minnet.common.types import Array, Estimator, Matrix
from minnet.network import Network
from minnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp, get_optimizer
from minnet.schedules import Constant, InvScaling, Schedule, get_schedule
from minnet.training import Trainer
from minnet.training.lbfgs import minimize_lbfgs

__all__ = [
    "batch_size_of", "new_optimizer", "new_schedule", "new_trainer", "run_lbfgs", "takes_batches",
    "trainer_options", "trains_several", "warn_of_changes",
]  # fmt: skip


def trains_several(estimator: Estimator) -> bool:
    """Return whether a fit of an estimator, whose arguments may be wrong, is of several networks."""
    return isinstance(estimator.n_networks, Integral) and int(estimator.n_networks) > 1


def takes_batches(estimator: Estimator) -> bool:
    """Return True where there are partial_fit and fit_stream: for one network, trained by mini-batches."""
    if estimator.preset is not None:
        raise AttributeError(
            "partial_fit and fit_stream are only available without a preset, got "
            f"preset={estimator.preset!r:.200}: written_out(n_samples, n_features) is without."
        )
    if trains_several(estimator):
        raise AttributeError(
            "partial_fit and fit_stream are only available for one network, got "
            f"n_networks={estimator.n_networks}."
        )
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True


def new_optimizer(estimator: Estimator) -> Optimizer:
    """Return the optimizer of a stochastic solver, one that no other fit has."""
    if isinstance(estimator.solver, Optimizer):
        return get_optimizer(estimator.solver)
    kind, arguments = _by_name(estimator)
    return kind(**arguments)


def _by_name(estimator: Estimator) -> tuple[type[Optimizer], dict[str, Any]]:
    """Return the optimizer that a solver's name stands for, and its arguments."""
    solver, arguments = estimator.solver, {"learning_rate": estimator.learning_rate_init}
    if solver == "sgd":
        nesterov = estimator.nesterovs_momentum and estimator.momentum > 0
        return SGD, arguments | {"momentum": estimator.momentum, "nesterov": nesterov}
    arguments["epsilon"] = estimator.epsilon
    if solver == "rmsprop":
        return RMSProp, arguments
    arguments |= {"beta_1": estimator.beta_1, "beta_2": estimator.beta_2}
    return AdamW if solver == "adamw" else Adam, arguments


def new_trainer(estimator: Estimator, network: Network, n_samples: int) -> Trainer:
    """Return the trainer of a stochastic solver for data of so many rows."""
    options = trainer_options(estimator, n_samples)
    return Trainer(
        network, new_optimizer(estimator), learning_rate=new_schedule(estimator), **options
    )


def new_schedule(estimator: Estimator) -> Schedule:
    """Return the schedule; as in scikit-learn, those that have a name are not for "adam"."""
    learning_rate = estimator.learning_rate
    if isinstance(learning_rate, str):
        if estimator.solver == "adam":
            return Constant()
        if learning_rate == "invscaling":
            return InvScaling(estimator.power_t)
    return get_schedule(learning_rate)


def warn_of_changes(estimator: Estimator, trainer: Trainer) -> None:
    """Warn where the arguments ask for another optimizer or schedule than a trainer goes on with."""
    if not _is_by_name(trainer, estimator):
        optimizer = trainer.optimizer.copy()
        optimizer.learning_rate = trainer.initial_rate  # a schedule has changed it since
        _warn_of_change(optimizer, new_optimizer(estimator))
    _warn_of_change(trainer.schedule, new_schedule(estimator))


def _is_by_name(trainer: Trainer, estimator: Estimator) -> bool:
    """Return whether a trainer has the optimizer that a solver's name asks for, without making one."""
    if isinstance(estimator.solver, Optimizer):
        return False
    kind, asked = _by_name(estimator)
    config = trainer.optimizer.get_config() | {"learning_rate": trainer.initial_rate}
    return type(trainer.optimizer) is kind and asked.items() <= config.items()


def _warn_of_change(kept: Configurable, asked: Configurable) -> None:
    if asked != kept and leads():
        warnings.warn(
            f"{asked!r:.200} has no effect in partial_fit, which goes on with the {kept!r:.200} of "
            "before: call fit, with warm_start=True to keep the weights",
            stacklevel=level_of_user(),
        )


def trainer_options(estimator: Estimator, n_samples: int) -> dict[str, Any]:
    """Return what may change between calls of partial_fit; the optimizer stays."""
    names = ("shuffle", "tol", "n_iter_no_change", "clip_value", "clip_norm", "weight_decay",
             "backend", "n_threads", "verbose")  # fmt: skip
    options = {name: getattr(estimator, name) for name in names}
    return {"batch_size": batch_size_of(estimator, n_samples), **options}


def batch_size_of(estimator: Estimator, n_samples: int) -> int:
    """Return the length of the mini-batches of so many rows."""
    batch_size = estimator.batch_size
    if isinstance(batch_size, str):  # "auto"
        return min(200, n_samples)
    if batch_size > n_samples and leads():
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped.",
            stacklevel=level_of_user(),
        )
    return min(batch_size, n_samples)


def run_lbfgs(
    estimator: Estimator, network: Network, X: Matrix, T: Array, weights: Array | None
) -> tuple[int, float, str]:
    """Minimize the objective; return the iterations, the loss, and the name of the backend that ran."""
    names = ("max_iter", "max_fun", "tol", "verbose", "backend", "n_threads")
    options = {name: getattr(estimator, name) for name in names}
    n_iter, loss = minimize_lbfgs(network, X, T, weights, **options)
    backend = make_backend(estimator.backend, network, estimator.n_threads)
    # That of Numba leaves gradients to NumPy.
    ran = "numpy" if backend.name == "numba" else backend.name_in_use
    return n_iter, loss, ran
