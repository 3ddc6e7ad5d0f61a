"""From the settings of a cell to a model that is to be fitted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from minnet.common.checks import check_whole, is_real
from minnet.common.names import hint_of_keyword
from minnet.common.shown import described
from minnet.estimators.architecture import hidden_sizes
from minnet.estimators.base import BaseMinNet
from minnet.lab.sweeps.identity import identity

__all__ = ["Maker", "last_of"]

#: Names of a sweep for what an estimator calls otherwise.
_OWN_NAMES = ("depth", "width", "learning_rate")
_MOST_LAYERS = 10**6


def last_of(model: Any) -> Any:
    """Return the last step of a pipeline, also of pipelines in it; any other model is its own."""
    while isinstance(model, Pipeline) and model.steps:
        model = model.steps[-1][1]
    return model


class Maker:
    """Makes the model of a cell.

    Parameters
    ----------
    source : MinNetClassifier, MinNetRegressor, Pipeline that ends in one, or callable
        A callable is called with the settings by their names, and with ``seed`` if it takes that.
    settings : dict
        Those of one cell: their names are checked.
    """

    def __init__(self, source: Any, settings: Mapping[str, Any]) -> None:
        self.source = source
        self._function = self._takes_seed = False
        if isinstance(last_of(source), BaseMinNet):
            self._check_names(settings)
        elif callable(source) and not isinstance(source, type):
            self._function = True
            self._check_signature(source, settings)
        else:
            raise TypeError(
                "model must be a MinNetClassifier, a MinNetRegressor, a Pipeline that ends in one, or a "
                f"function that makes one, got {described(source)}"
            )

    def _check_names(self, settings: Mapping[str, Any]) -> None:
        last = last_of(self.source)
        prefix = _prefix(self.source)
        known = {name.removeprefix(prefix) for name in _own_names(self.source)}
        known |= set(last.get_params(deep=False)) | set(_OWN_NAMES)
        sets: dict[str, str] = {}
        for name in settings:
            whole = name.removeprefix(prefix)
            head = whole.partition("__")[0]
            if head not in known and name.partition("__")[0] not in known:
                meant = hint_of_keyword(name, sorted(known))
                raise TypeError(f"sweep() got an unexpected keyword argument {name!r}{meant}")
            if whole == "random_state":
                raise ValueError("random_state cannot be an axis: give seeds")
            if whole == "learning_rate" and is_real(settings[name]):
                whole = "learning_rate_init"
            if whole in sets:
                raise ValueError(f"{name} must not be given beside {sets[whole]}, which it sets")
            sets[whole] = name
        for name in ("depth", "width"):
            if name not in settings:
                continue
            check_whole(name, settings[name], *((0, _MOST_LAYERS) if name == "depth" else (1,)))
            if last.layers is not None or "layers" in settings or "hidden_layer_sizes" in settings:
                raise ValueError(
                    f"{name} must not be given beside layers or hidden_layer_sizes, which it sets"
                )
        self._sizes(last, settings)

    def _check_signature(self, function: Callable[..., Any], settings: Mapping[str, Any]) -> None:
        try:
            signature = inspect.signature(function)
        except ValueError:  # of a compiled function nothing is known
            return
        kinds = [one.kind for one in signature.parameters.values()]
        self._takes_seed = "seed" in signature.parameters or inspect.Parameter.VAR_KEYWORD in kinds
        try:
            signature.bind(**settings, **({"seed": 0} if self._takes_seed else {}))
        except TypeError as error:
            names = ", ".join(settings) or "nothing"
            raise TypeError(
                f"model must be a function that takes {names} by name: {error}"
            ) from None

    def varied(self, name: str) -> tuple[str, ...]:
        """Return the parameters of the model that an axis of this name changes."""
        if self._function:
            return (name,)
        prefix = _prefix(self.source)
        name = name.removeprefix(prefix)
        if name in ("depth", "width"):
            return (f"{prefix}hidden_layer_sizes",)
        if name == "learning_rate":
            return f"{prefix}learning_rate", f"{prefix}learning_rate_init"
        own = _own_names(self.source)
        return (name if name.partition("__")[0] in own else prefix + name,)

    def identity(self, settings: Mapping[str, Any], axes: Iterable[str]) -> dict[str, Any]:
        """Return what decides about a training, the seed apart, by the names of the model's parameters.

        Of a function its code and the settings: no model is made. What is an axis counts in any case, even
        what changes no result, such as ``n_threads``.
        """
        if self._function:
            parts = {name: identity(value) for name, value in settings.items()}
            return {"model": identity(self.source), **parts}
        parts = _parameters_of(self(settings, seed=0))
        for axis in axes:
            names = self.varied(axis)
            if not any(
                name == one or name.startswith(f"{one}__") for name in names for one in parts
            ):
                parts[names[0]] = settings[axis]
        return {name: identity(value) for name, value in parts.items()}

    def __call__(self, settings: Mapping[str, Any], seed: int) -> Any:
        """Return a model that was not fitted.

        Parameters
        ----------
        settings : dict
        seed : int
            Of each ``random_state`` that is None, and of the last step's in any case.

        Returns
        -------
        MinNetClassifier, MinNetRegressor or Pipeline that ends in one
        """
        if self._function:
            more = {"seed": seed} if self._takes_seed else {}
            model = self.source(**settings, **more)
            if not isinstance(last_of(model), BaseMinNet):
                raise TypeError(
                    "model must be a function that makes a MinNetClassifier, a MinNetRegressor or a "
                    f"Pipeline that ends in one, got one that made {described(model)}"
                )
            model = clone(model)
        else:
            model = clone(self.source)
            model.set_params(**self._parameters(model, settings))
            if isinstance(model, Pipeline):  # its new steps are the user's own
                model = clone(model)
            if not isinstance(last_of(model), BaseMinNet):
                raise TypeError(
                    "the last step of model must be a MinNetClassifier or a MinNetRegressor, got "
                    f"{described(last_of(model))}"
                )
        _seed(model, seed)
        last = last_of(model)
        if last.n_threads is None:
            last.set_params(n_threads=1)
        return model

    def _parameters(self, model: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings by the names that the model's ``set_params`` has for them."""
        settings = dict(settings)
        prefix, own = _prefix(model), _own_names(model)
        sizes = self._sizes(last_of(model), settings)
        for name in ("depth", "width"):
            settings.pop(name, None)
        if sizes is not None:
            settings["hidden_layer_sizes"] = sizes
        if is_real(settings.get("learning_rate")):
            settings["learning_rate_init"] = settings.pop("learning_rate")
        in_last = last_of(model).get_params(deep=False)
        return {
            prefix + name
            if (head := name.partition("__")[0]) in in_last and head not in own
            else name: value
            for name, value in settings.items()
        }

    @staticmethod
    def _sizes(last: Any, settings: Mapping[str, Any]) -> tuple[int, ...] | None:
        """Return the sizes that depth and width make; None where neither is given."""
        if "depth" not in settings and "width" not in settings:
            return None
        base = hidden_sizes(last.hidden_layer_sizes)
        depth = settings.get("depth", len(base))
        if "width" in settings:
            return (settings["width"],) * depth
        if len(set(base)) != 1:
            raise ValueError(
                f"depth needs a width beside it where hidden_layer_sizes are not of one, got {tuple(base)}"
            )
        return (base[0],) * depth


def _own_names(model: Any) -> set[str]:
    """Return the names of a model's parameters, those of the steps of a pipeline with them."""
    names = set(model.get_params(deep=False))
    return names | {name for name, _ in model.steps} if isinstance(model, Pipeline) else names


def _prefix(model: Any) -> str:
    """Return what precedes the names of the last step's parameters."""
    prefix = ""
    while isinstance(model, Pipeline) and model.steps:
        name, model = model.steps[-1]
        prefix += f"{name}__"
    return prefix


def _parameters_of(model: Any) -> dict[str, Any]:
    """Return the parameters on which a result depends; of a pipeline those of its steps, too."""
    if not isinstance(model, Pipeline):
        no_results = ("n_threads", "verbose", "random_state")
        found = {n: v for n, v in model.get_params(deep=False).items() if n not in no_results}
        return {"model": f"{type(model).__module__}.{type(model).__qualname__}", **found}
    found = {}
    for step, part in model.steps:
        if isinstance(part, BaseMinNet | Pipeline):
            found |= {f"{step}__{name}": value for name, value in _parameters_of(part).items()}
        else:
            found[step] = part
    return found


def _seed(model: Any, seed: int) -> None:
    """Set each random_state that is None, and that of the last step."""
    changes = {
        name: seed
        for name, value in model.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    model.set_params(**{**changes, f"{_prefix(model)}random_state": seed})
