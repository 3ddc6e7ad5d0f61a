"""Parameters of the objects that an estimator is given: ``init__gain``, ``layers__0__units`` and so on.

A part of an object is a parameter of its configuration, an entry of a list, or a key of a dictionary that
names an initializer. Nothing is changed in place: what holds a part that changes is made anew, since other
estimators may share it.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

from minnet.activations import get_activation
from minnet.common.configurable import Configurable
from minnet.common.names import nearest_keyword
from minnet.initializers import get_initializer
from minnet.losses import get_loss
from minnet.optimizers import get_optimizer
from minnet.schedules import get_schedule

__all__ = ["changed_parts", "nested_parameters"]

#: What a name stands for, by the argument that it is given for.
_NAMED: dict[str, Callable[[str], Configurable]] = {
    "activation": get_activation,
    "bias_init": get_initializer,
    "init": get_initializer,
    "learning_rate": get_schedule,
    "loss": lambda name: get_loss(name, n_outputs=1),
    "solver": get_optimizer,
}

_HAVE_PARTS = (Configurable, dict, list, tuple)


def nested_parameters(parts: dict[str, Any], within: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return what a dictionary of parts has, and the parts of the parts, joined by two underscores.

    Examples
    --------
    >>> from minnet import Dense
    >>> nested = nested_parameters({"layers": [Dense(5, "tanh")], "alpha": 0.1})
    >>> list(nested)[:4]
    ['layers', 'layers__0', 'layers__0__units', 'layers__0__activation']
    """
    found: dict[str, Any] = {}
    for name, value in parts.items():
        found[name] = value
        if isinstance(value, _HAVE_PARTS) and id(value) not in within:  # a list may hold itself
            inner = nested_parameters(_parts(value), (*within, id(value)))
            found |= {f"{name}__{part}": inner[part] for part in inner}
    return found


def changed_parts(
    parts: dict[str, Any], changes: dict[str, Any], of: Any = None, where: str = ""
) -> dict[str, Any]:
    """Return those parts that are changed, made anew with what is changed of them.

    Parameters
    ----------
    parts : dict
        By name.
    changes : dict
        By the names that :func:`nested_parameters` gives them.
    of, where : object and str
        What the parts are of, and what precedes their names: for error messages.

    Raises
    ------
    ValueError, TypeError
        If there is no such part, or if an object refuses what it is to be made of: in its own words, after
        the name of the change.

    Examples
    --------
    >>> from minnet.initializers import HeNormal
    >>> changed_parts({"init": HeNormal(), "alpha": 0.1}, {"init__negative_slope": 0.2})
    {'init': HeNormal(negative_slope=0.2)}
    """
    changed: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for path, value in changes.items():
        name, _, rest = path.partition("__")
        if name not in parts:
            known = [where + part for part in nested_parameters(parts)]
            # Of the part alone: what it is in says nothing of which one is meant.
            beside = f"{where}{nearest_keyword(name, parts)}{path.removeprefix(name)}"
            close = beside if beside in known else nearest_keyword(where + path, known)
            meant = f"did you mean {close!r}? Valid" if close else "valid"
            shown = f"{where.removesuffix('__') or 'estimator'} {' '.join(repr(of).split()):.200}"
            raise ValueError(
                f"Invalid parameter {where + path!r} for {shown}: {meant} parameters are: {known}"
            )
        if rest:
            inner.setdefault(name, {})[rest] = value
        else:
            changed[name] = value
    for name, deeper in inner.items():
        changed[name] = _changed(changed.get(name, parts[name]), deeper, where + name)
    return changed


def _parts(value: Any) -> dict[str, Any]:
    """Return the parts of an object by name; none of what has none."""
    if isinstance(value, Configurable):
        # One that is its own copy is looked up by its name, and never made anew.
        return value.get_config() if type(value).copy is Configurable.copy else {}
    if type(value) is dict and isinstance(value.get("name"), str):
        return dict(value)
    if type(value) in (list, tuple) and not all(
        isinstance(item, Real | list | tuple) for item in value
    ):
        return {str(i): item for i, item in enumerate(value)}
    return {}


def _changed(value: Any, changes: dict[str, Any], where: str) -> Any:
    """Return an object like another one, but for changes of its parts."""
    # An estimator, as in scikit-learn.
    if hasattr(value, "set_params") and not isinstance(value, type):
        return value.set_params(**changes)
    parts = _parts(value)
    if not parts:
        raise ValueError(_without_parts(value, next(iter(changes)), where))
    if type(value) is dict:  # what it leaves out is at its default
        get_initializer(value | changes, where)
        return value | changes
    changed = changed_parts(parts, changes, value, f"{where}__")
    parts |= changed
    if type(value) in (list, tuple):
        return type(value)(parts.values())
    try:
        return type(value)(**parts)
    except (TypeError, ValueError) as error:
        named = [name for name in changed if str(error).startswith(name)] or list(changed)
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{where}__{named[0]}: {error}") from error


def _without_parts(value: Any, part: str, where: str) -> str:
    """Return the sentence for a part of what has none: a name, a number, a function, None."""
    sentence = f"{where}__{part} must be a parameter of an object, and {where} is {value!r:.100}"
    of_names = [_NAMED[name] for name in reversed(where.split("__")) if name in _NAMED]
    try:
        made = of_names[0](value)
    except (IndexError, TypeError, ValueError):
        return sentence
    known = _parts(made)
    if not known:
        return f"{sentence}, which has no parameters"
    known_part = part if part in known else next(iter(known))
    return f"{sentence}: give {where}={type(made).__name__}({known_part}=...) instead"
