"""Which arguments have an effect where: one table, from which the check and a table of the docs follow."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minnet.common.callers import level_of_user
from minnet.common.communicator import leads
from minnet.common.configurable import parameters
from minnet.common.types import Estimator
from minnet.estimators.architecture import given_layers, output_layer, taking_activation
from minnet.estimators.arguments import defaults_of, is_default
from minnet.layers import Layer
from minnet.optimizers import Optimizer
from minnet.schedules import FunctionOfStep, Schedule

__all__ = [
    "ARCHITECTURE",
    "EFFECTS",
    "EFFECTS_IN_LAYERS",
    "Condition",
    "answers_stalls",
    "check_effects",
]


class Condition(NamedTuple):
    """What must be so that an argument has an effect.

    Attributes
    ----------
    needs : str
        It in words.
    of : str
        The argument that decides.
    holds : callable
        ``holds(estimator, held)`` says whether it is so; ``held`` is whether ``fit`` was given a
        validation set.
    refused : str
        Why an error is raised where it is not so. If empty, as for all that one search may vary together,
        there is a warning.
    """

    needs: str
    of: str
    holds: Callable[[Any, bool], bool]
    refused: str = ""


def _solver_in(*names: str) -> Callable[[Any, bool], bool]:
    return lambda estimator, held: estimator.solver in names


def _is_named(estimator: Any, name: str) -> bool:
    return isinstance(estimator.learning_rate, str) and estimator.learning_rate == name


def answers_stalls(estimator: Any) -> bool:
    """Return whether the schedule changes the rate at a stall."""
    if isinstance(estimator.learning_rate, Schedule):
        return type(estimator.learning_rate).reduce is not Schedule.reduce
    return _is_named(estimator, "adaptive") and estimator.solver != "adam"


def _is_function(learning_rate: Any) -> bool:
    plain = callable(learning_rate) and not isinstance(learning_rate, Schedule)
    return plain or isinstance(learning_rate, FunctionOfStep)


def _decays_itself(solver: Any) -> bool:
    """Return whether a solver brings weight decay of its own."""
    return isinstance(solver, Optimizer) and solver.decoupled_weight_decay > 0


_STOCHASTIC = Condition(
    "a solver other than 'lbfgs'", "solver", lambda e, held: e.solver != "lbfgs"
)
_LBFGS = Condition("solver='lbfgs'", "solver", _solver_in("lbfgs"))
_BY_NAME = Condition(
    "a solver given by its name",
    "solver",
    lambda e, held: isinstance(e.solver, str),
    "solver= is an optimizer object, which has its own",
)
_SGD = Condition("solver='sgd'", "solver", _solver_in("sgd"))
_ADAM = Condition("solver='adam' or 'adamw'", "solver", _solver_in("adam", "adamw"))
_HAS_EPSILON = Condition(
    "solver='adam', 'adamw' or 'rmsprop'", "solver", _solver_in("adam", "adamw", "rmsprop")
)
_MOMENTUM = Condition("a momentum above 0", "momentum", lambda e, held: e.momentum > 0)
_NOT_ADAM = Condition("a solver other than 'adam'", "solver", lambda e, held: e.solver != "adam")
_FOLLOWS_NAMES = Condition(
    "a solver other than 'adam', or a schedule object or function",
    "solver",
    lambda e, held: e.solver != "adam" or not isinstance(e.learning_rate, str),
)
_CAN_ADAPT = Condition(
    "a finite n_iter_no_change where it is 'adaptive'",
    "n_iter_no_change",
    lambda e, held: not _is_named(e, "adaptive") or e.n_iter_no_change < math.inf,
)
_STARTS_FROM_IT = Condition(
    "a learning_rate that is no function",
    "learning_rate",
    lambda e, held: not _is_function(e.learning_rate),
)
_INVSCALING = Condition(
    "learning_rate='invscaling'",
    "learning_rate",
    lambda e, held: _is_named(e, "invscaling"),
)
_STALLS_COUNT = Condition(
    "keep=None or a schedule that answers a stall",
    "keep",
    lambda e, held: e.keep is None or e.solver == "lbfgs" or answers_stalls(e),
)
_CAN_STALL = Condition(
    "a finite n_iter_no_change or solver='lbfgs'",
    "n_iter_no_change",
    lambda e, held: e.n_iter_no_change < math.inf or e.solver == "lbfgs",
)
_STOPS_EARLY = Condition("early_stopping=True", "early_stopping", lambda e, held: e.early_stopping)
_SETS_ASIDE = Condition("no X_val in fit", "X_val", lambda e, held: not held)
_VALIDATES = Condition(
    "early_stopping=True or X_val in fit",
    "early_stopping",
    lambda e, held: e.early_stopping or held,
)
_WITHOUT_LAYERS = Condition(
    "layers=None", "layers", lambda e, held: e.layers is None, "layers= describes the hidden layers"
)
_TAKEN = Condition(
    "layers=None, or one in layers= that names no activation",
    "layers",
    lambda e, held: e.layers is None or bool(taking_activation(given_layers(e))),
    "each layer in layers= names its own, or takes none",
)
_HIDDEN = Condition(
    "a hidden layer", "hidden_layer_sizes", lambda e, held: np.size(e.hidden_layer_sizes) > 0
)
_TRAINABLE = Condition("trainable=True", "trainable", lambda layer, held: layer.trainable)
_DECAYS = Condition(
    "a weight_decay above 0",
    "weight_decay",
    lambda e, held: e.weight_decay > 0 or e.solver == "adamw" or _decays_itself(e.solver),
)

#: By argument, the first that is not so is told; arguments that are not here always have an effect.
EFFECTS: dict[str, tuple[Condition, ...]] = {
    "hidden_layer_sizes": (_WITHOUT_LAYERS,),
    "activation": (_TAKEN, _HIDDEN),
    "batch_size": (_STOCHASTIC,),
    "learning_rate": (_STOCHASTIC, _FOLLOWS_NAMES, _CAN_ADAPT),
    "learning_rate_init": (_BY_NAME, _STOCHASTIC, _STARTS_FROM_IT),
    "power_t": (_STOCHASTIC, _NOT_ADAM, _INVSCALING),
    "shuffle": (_STOCHASTIC,),
    "tol": (_CAN_STALL, _STALLS_COUNT),
    "momentum": (_BY_NAME, _SGD),
    "nesterovs_momentum": (_BY_NAME, _SGD, _MOMENTUM),
    "early_stopping": (_STOCHASTIC,),
    "validation_fraction": (_STOCHASTIC, _STOPS_EARLY, _SETS_ASIDE),
    "beta_1": (_BY_NAME, _ADAM),
    "beta_2": (_BY_NAME, _ADAM),
    "epsilon": (_BY_NAME, _HAS_EPSILON),
    "n_iter_no_change": (_STOCHASTIC, _STALLS_COUNT),
    "max_fun": (_LBFGS,),
    "dropout": (_WITHOUT_LAYERS, _HIDDEN),
    "batch_norm": (_WITHOUT_LAYERS, _HIDDEN),
    "weight_decay": (_STOCHASTIC,),
    "clip_norm": (_STOCHASTIC,),
    "clip_value": (_STOCHASTIC,),
    "scoring": (_STOCHASTIC, _VALIDATES),
    "keep": (_STOCHASTIC,),
}

#: Those that describe the network; all others are about its training.
ARCHITECTURE = frozenset({"hidden_layer_sizes", "activation", "dropout", "batch_norm"})

#: Likewise of the layers in ``layers=``, by their own arguments.
EFFECTS_IN_LAYERS: dict[str, tuple[Condition, ...]] = {
    "lr_factor": (_STOCHASTIC, _TRAINABLE),
    "bias_lr_factor": (_STOCHASTIC, _TRAINABLE),
    "decay_factor": (_STOCHASTIC, _TRAINABLE, _DECAYS),
    "momentum": (_TRAINABLE,),
}


def check_effects(
    estimator: Estimator, given: dict[str, Any], held: bool, not_read: frozenset[str]
) -> None:
    """Warn of arguments that are set and have no effect; raise where another one replaces them.

    An argument is set if it is not at its default.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
        Whose arguments are valid.
    given : dict
        Those that may not be at their defaults.
    held : bool
        Whether the call was given a validation set.
    not_read : frozenset of str
        Arguments that are for other calls.

    Raises
    ------
    ValueError
        By the name of the argument.
    """
    for name, value in given.items():
        if name not in EFFECTS or name in not_read:
            continue
        for condition in EFFECTS[name]:
            if not condition.holds(estimator, held):
                default = defaults_of(estimator.__class__)[name]
                if not is_default(value, default):
                    _tell(condition, name, value, default, _shown(condition, estimator))
                break
    for name, layer in _layers_by_name(estimator):
        _check_layer(estimator, name, layer)


def _layers_by_name(estimator: Estimator) -> list[tuple[str, Layer]]:
    """Return the layers that an estimator describes one by one, with how their arguments are called."""
    found: list[tuple[str, Layer]] = []
    if isinstance(estimator.layers, list | tuple):
        given = [layer for layer in estimator.layers if isinstance(layer, Layer)]
        if len(given) == len(estimator.layers):
            parts = [part for layer in given for part in layer.taken_apart()]
            found = [(f"layers[{i}].{{}}", part) for i, part in enumerate(parts)]
    if estimator.output_layer:
        found.append(("output_layer[{!r}]", output_layer(estimator)))
    return found


def _check_layer(estimator: Estimator, called: str, layer: Layer) -> None:
    """Warn of arguments of a layer that have no effect."""
    known = parameters(type(layer))
    for name in EFFECTS_IN_LAYERS.keys() & known.keys():
        value, default = getattr(layer, name), known[name].default
        for condition in EFFECTS_IN_LAYERS[name]:
            owner = layer if condition is _TRAINABLE else estimator
            if value != default and not condition.holds(owner, False):
                _tell(condition, called.format(name), value, default, _shown(condition, owner))
                break


def _shown(condition: Condition, owner: Any) -> str:
    """Return the argument that decides, with its value; that of ``fit`` without."""
    if not hasattr(owner, condition.of):
        return condition.of
    return f"{condition.of}={getattr(owner, condition.of)!r:.100}"


def _tell(condition: Condition, name: str, value: Any, default: Any, decided_by: str) -> None:
    """Raise, or warn, since an argument is set and has no effect."""
    if condition.refused:
        raise ValueError(
            f"{name} must be left at its default {default!r} where {condition.refused}, got "
            f"{value!r:.200}"
        )
    if not leads():
        return
    warnings.warn(
        f"{name}={value!r:.100} has no effect with {decided_by}: it needs {condition.needs}",
        stacklevel=level_of_user(),
    )
