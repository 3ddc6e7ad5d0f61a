"""From the arguments of an estimator to what trains its network: an optimizer and a trainer, or L-BFGS."""

from __future__ import annotations

import warnings
from typing import Any

from minnet.backends import make_backend
from minnet.common.callers import level_of_user
from minnet.common.types import Array, Estimator, Matrix
from minnet.estimators.arguments import require_defaults
from minnet.network import Network
from minnet.optimizers import SGD, Adam, AdamW, Optimizer, RMSProp, get_optimizer
from minnet.training import Trainer
from minnet.training.lbfgs import minimize_lbfgs

__all__ = ["batch_size_of", "new_optimizer", "new_trainer", "run_lbfgs", "trainer_options"]

#: Arguments of which each solver takes some; those of "sgd" and "adam" are not refused by the other one,
#: as they are not in scikit-learn.
_OF_SOLVERS = (
    "learning_rate_init",
    "momentum",
    "nesterovs_momentum",
    "beta_1",
    "beta_2",
    "epsilon",
)
_TAKEN = {
    "sgd": _OF_SOLVERS,
    "adam": _OF_SOLVERS,
    "adamw": ("learning_rate_init", "beta_1", "beta_2", "epsilon"),
    "rmsprop": ("learning_rate_init", "epsilon"),
}


def new_optimizer(estimator: Estimator) -> Optimizer:
    """Return the optimizer of a stochastic solver, one that no other fit has.

    Raises
    ------
    ValueError
        If an argument is set that the solver does not take.
    """
    solver, rate = estimator.solver, estimator.learning_rate_init
    if isinstance(solver, Optimizer):
        require_defaults(
            estimator, _OF_SOLVERS, "solver= is an optimizer object, which has its own"
        )
        return get_optimizer(solver)
    not_taken = [name for name in _OF_SOLVERS if name not in _TAKEN[solver]]
    require_defaults(estimator, not_taken, f"solver={solver!r} does not take it")
    if solver == "sgd":
        return SGD(rate, estimator.momentum, estimator.nesterovs_momentum)
    if solver == "rmsprop":
        return RMSProp(rate, epsilon=estimator.epsilon)
    adam = AdamW if solver == "adamw" else Adam
    return adam(rate, estimator.beta_1, estimator.beta_2, estimator.epsilon)


def new_trainer(estimator: Estimator, network: Network, n_samples: int) -> Trainer:
    """Return the trainer of a stochastic solver for data of so many rows."""
    # As in scikit-learn, the named schedules are not for "adam"; objects and functions are.
    named = isinstance(estimator.learning_rate, str) and estimator.solver == "adam"
    return Trainer(
        network,
        new_optimizer(estimator),
        learning_rate="constant" if named else estimator.learning_rate,
        power_t=estimator.power_t,
        **trainer_options(estimator, n_samples),
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
    if batch_size > n_samples:
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
    ran = (
        "numpy" if backend.name == "numba" else backend.name_in_use
    )  # which has it computed by NumPy
    return n_iter, loss, ran
