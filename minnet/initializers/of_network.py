"""Which initializer makes each array of a network, what it may ask, and what it may see of data."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minnet.activations import Activation, Identity, LeakyRelu, name_of
from minnet.common.types import Array, Matrix
from minnet.initializers.base import Initializer
from minnet.initializers.spec import auto_initializer, get_initializer

__all__ = ["activation_above", "activation_below", "adapt", "resolve"]

Place = tuple[int, str]  # of an array: index of its layer, and its name

_MAX_ROWS = 4096  # that an initializer sees: the variance of a unit is then known to 2%


def resolve(network: Any, declared: Sequence[dict[str, Any]]) -> dict[Place, Initializer]:
    """Return the initializer of each array: the layer's own, the network's, or by activation.

    Parameters
    ----------
    network : Network
    declared : list of dict of Parameter
        What each layer declares, by name.

    Returns
    -------
    initializers : dict of Initializer
        By (index of the layer, name of the array), as they are for their layer.
    """
    specs = _specs(network, declared)
    initializers = {}
    for (i, name), spec in specs.items():
        label = f"layers[{i}].{name}"
        initializer = get_initializer(spec, name=label)
        try:
            initializers[i, name] = initializer.for_layer(network, i)
        except ValueError as error:
            raise ValueError(f"{label} ({type(network.layers[i]).__name__}): {error}") from error
    return initializers


def _specs(network: Any, declared: Sequence[dict[str, Any]]) -> dict[Place, Any]:
    """Return what was given or picked for each array, as :func:`get_initializer` takes it."""
    specs = {(i, name): p.init for i, ps in enumerate(declared) for name, p in ps.items()}
    weights = [(i, name) for (i, name) in specs if declared[i][name].is_weight]
    biases = [place for place in specs if place not in weights and specs[place] is None]
    for argument, given, places in (
        ("init", network.init, weights),
        ("bias_init", network.bias_init, biases),
    ):
        entries = given if isinstance(given, list | tuple) else [given] * len(places)
        if len(entries) != len(places):
            what = "weight matrix, the output's included" if places is weights else "bias"
            raise ValueError(
                f"{argument} must have one entry per {what}: {len(places)}, got {len(entries)}"
            )
        for position, (place, spec) in enumerate(zip(places, entries, strict=True)):
            if specs[place] is None:
                specs[place] = spec
            elif entries is given and spec is not None:
                raise ValueError(
                    f"{argument}[{position}] must be None, since layers[{place[0]}] names its own "
                    f"initializer {specs[place]!r}, got {spec!r}"
                )
    automatic = [place for place in weights if _is_auto(specs[place])]
    for i, name in automatic:
        specs[i, name] = _auto(network.layers, i, first_layer=(i, name) == weights[0])
    for i, name in biases:
        if _is_auto(specs[i, name]):
            of_layer = [place for place in weights if place[0] == i]
            specs[i, name] = _auto_bias(network.layers, i, specs, of_layer, automatic)
    return specs


def _is_auto(spec: Any) -> bool:
    return spec is None or (isinstance(spec, str) and spec == "auto")


def _auto(layers: Sequence[Any], i: int, first_layer: bool) -> Initializer:
    """Return the initializer for layer ``i`` by the activation that its output goes through."""
    activation = activation_above(layers, i)
    slope = activation.negative_slope if isinstance(activation, LeakyRelu) else 0.0
    return auto_initializer(name_of(activation), slope, first_layer)


def _auto_bias(
    layers: Sequence[Any],
    i: int,
    specs: dict[Place, Any],
    weights: list[Place],
    automatic: list[Place],
) -> Any:
    """Return the law of the layer's weights if it can matter and is meant for biases, or zeros.

    It is meant for them if "auto" picked it or if the initializer says so. With all biases 0 a network
    of odd activations is an odd function, and one of rectifiers has all its kinks in one place: it
    learns the rest of the functions late. An output's bias is learned at once, and batch normalization
    takes a bias away.
    """
    above = layers[i + 1] if i + 1 < len(layers) else None
    if above is None or above.normalizes:
        return "zeros"
    for place in weights:
        where = f"layers[{i}].{place[1]}"
        if place in automatic or get_initializer(specs[place], name=where).draws_biases:
            return specs[place]
    return "zeros"


def activation_above(layers: Sequence[Any], i: int) -> Activation:
    """Return the activation that the output of layer ``i`` goes through; see ``Network``."""
    activation = layers[i].activation or Identity()
    for above in layers[i + 1 :]:
        if not isinstance(activation, Identity) or not (above.normalizes or above.only_in_training):
            break
        activation = above.activation or activation
    return activation


def activation_below(layers: Sequence[Any], i: int) -> Activation | None:
    """Return the activation whose output comes into layer ``i``; see ``Network``."""
    for below in reversed(layers[:i]):
        # A linear batch normalization has made mean 0 and variance 1 of whatever was below it.
        if below.activation is not None:
            return below.activation
    return None


def adapt(
    network: Any,
    X: Matrix,
    T: Array | None,
    sample_weight: Array | None,
    forward: Callable[[Any, Matrix, Array | None], Array],
) -> None:
    """Call the ``adapt`` of the network's initializers; see ``Network.adapt``.

    Parameters
    ----------
    network : Network
        Its parameters change in place.
    X, T, sample_weight
        As the network computes with them.
    forward : callable
        ``forward(layer, Y, weights)`` is the output of a layer, which drops nothing.
    """
    waiting: dict[int, list[Any]] = {}
    for row in network.parameter_table:
        initializer = network.init_[row.label]
        of_layer = waiting.setdefault(row.layer, [])
        if hasattr(initializer, "adapt") and initializer not in of_layer:
            of_layer.append(initializer)
    looking = [i for i, these in waiting.items() if any(each.needs_X for each in these)]
    rows = _some_rows(X.shape[0], sample_weight)
    Y, t, s = (None if a is None else a[rows] for a in (X if looking else None, T, sample_weight))
    p = None if s is None else (s / s.sum()).astype(network.dtype)[:, np.newaxis]
    for i, layer in enumerate(network.layers):
        for initializer in waiting.get(i, ()):
            if initializer.needs_X:
                initializer.adapt(network, i, Y, t, s)
            else:
                initializer.adapt(network, i, None, T, sample_weight)
            _check_finite(network, i, initializer)
        if looking and i < looking[-1]:
            Y = forward(layer, Y, p)


def _some_rows(n: int, sample_weight: Array | None) -> slice | Array:
    """Return at most so many rows, evenly spaced over those that have a weight."""
    if sample_weight is None and n <= _MAX_ROWS:
        return slice(None)
    rows = np.arange(n) if sample_weight is None else np.flatnonzero(sample_weight)
    m = min(len(rows), _MAX_ROWS)
    return rows[np.arange(m) * len(rows) // m]


def _check_finite(network: Any, i: int, initializer: Initializer) -> None:
    for row in network.parameter_table:
        if row.layer == i and not np.isfinite(network.params[row.slice]).all():
            raise ValueError(
                f"{row.label} must be finite after it was adapted to data, got NaN or infinity from "
                f"{initializer!r}"
            )
