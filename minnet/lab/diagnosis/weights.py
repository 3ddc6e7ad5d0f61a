"""Which weights, and which layers, to try instead of those that a network has."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from minnet.activations import Activation, Identity
from minnet.estimators.architecture import hidden_layers
from minnet.initializers import Orthogonal
from minnet.initializers.base import Initializer
from minnet.initializers.mean_field import find_critical_point
from minnet.initializers.of_network import resolve
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.remedy import Remedy, by_batch, first_hidden
from minnet.lab.rows import ends_branch
from minnet.lab.weights import weight_mean, weight_variance
from minnet.network import Network

__all__ = ["blocks_to_try", "orthogonal_weights", "weights_to_try"]

_FEWER_LAYERS = 5
_ALIKE = 0.05  # variances of weights
_MOST_SUM = 2.0  # of the squares of the scalars of residual blocks, at which signals stay bounded


def blocks_to_try(case: Case) -> list[Remedy]:
    """Return what may mend signals that grow along the skips: small scalars of the blocks, trained.

    The variance grows by a factor of :math:`1 + s^2 c` a block: they are there only where the sum of the
    squares is large.
    """
    network = case.network
    ends = [layer.closes_skip for layer in network.layers]
    rows = [row for row in network.parameter_table if ends[row.layer] and row.name == "s"]
    if not sum(float(network.params[row.slice][0]) ** 2 for row in rows) > _MOST_SUM:
        return []
    scales = float(f"{len(rows) ** -0.5:.3g}"), 0.0
    return [Remedy({"residual_scale": scale}) for scale in scales]  # SkipInit, ReZero


def weights_to_try(case: Case, *, depth: bool = False) -> list[Remedy]:
    """Return what may mend signals that fade or grow: other weights, then other layers.

    What is there already is left out, by its law: another distribution of the same variance is no
    change.

    Parameters
    ----------
    case : Case
    depth : bool, default=False
        Whether it is the directions that are lost, not the size: then orthogonal weights come first.
    """
    network, f = case.network, _activation(case)
    inits = [_scaled(f), _orthogonal(f)]
    if depth:
        inits.reverse()
    if _has_edge(f):
        inits.append("edge_of_chaos")
    inits.append("auto")
    remedies = [Remedy({"init": init}) for init in inits if not _follows(network, init)]
    remedies += [Remedy({"init": init, "bias_init": "auto"}) for init in (inits[0], "auto")]
    words = f"only {_FEWER_LAYERS} hidden layers"
    fewer = [Remedy({"hidden_layers": _FEWER_LAYERS}, words)]
    left_out = network.layers[len(first_hidden(network.layers[:-1], _FEWER_LAYERS)) : -1]
    of_user = any(type(layer).__module__.partition(".")[0] != "minnet" for layer in left_out)
    if len(hidden_layers(network.layers)) <= _FEWER_LAYERS or of_user:
        fewer = []
    if depth and f.is_rectifier:  # no weights help for long
        remedies, fewer = remedies + fewer, []
    if f.glorot_gain != 1:
        remedies.append(Remedy({"activation": "tanh", "init": "auto"}))
    if depth:
        remedies += [
            Remedy({"activation": name, "init": "orthogonal"}) for name in ("selu", "tanh")
        ]
    return [*remedies, Remedy({"batch_norm": not any(map(by_batch, network.layers))}), *fewer]


def orthogonal_weights(case: Case) -> Any:
    """Return orthogonal weights that suit the activation of most hidden layers."""
    return _orthogonal(_activation(case))


def _activation(case: Case) -> Activation:
    """Return the activation of most hidden layers."""
    m, layers = case.m, case.network.layers
    # What is added to the skip of a residual block, and the sum, have none as a rule.
    rows = [
        row
        for row in np.flatnonzero(m.hidden)
        if not (
            layers[int(m.index[row])].closes_skip or ends_branch(case.network, int(m.index[row]))
        )
    ]
    names = Counter(m.activations[row] for row in rows)
    if not names:
        return Identity()
    row = next(row for row in rows if m.activations[row] == names.most_common(1)[0][0])
    return layers[int(m.index[row])].activation or Identity()


def _scaled(f: Activation) -> Any:
    """Return the law whose variance makes up for an activation."""
    if f.is_rectifier:
        return "he_normal"
    return "glorot" if f.glorot_gain == 1 else {"name": "glorot", "gain": f.glorot_gain}


def _orthogonal(f: Activation) -> Any:
    """Return orthogonal weights with a gain that makes up for an activation."""
    if f.is_rectifier:
        return {"name": "orthogonal", "gain": "auto"}
    if f.glorot_gain == 1:
        return "orthogonal"
    return {"name": "orthogonal", "gain": f.glorot_gain}


def _follows(network: Network, init: Any) -> bool:
    """Return whether the weights of all layers but the output's follow a law already."""
    layers = [layer.copy() for layer in network.layers]
    for layer in layers:
        if hasattr(layer, "init"):
            layer.init = None
    like = Network(layers, network.loss, init=init)
    declared = [layer.parameters(n) for layer, n in zip(layers, network.sizes, strict=False)]
    try:
        chosen = resolve(like, declared)
    except ValueError:  # such as no edge of chaos of an activation
        return False
    rows = [row for row in network.parameter_table if row.is_weight and len(row.shape) == 2]
    return all(
        _alike(network.init_[row.label], chosen[row.layer, row.name], row.shape)
        for row in rows[:-1]
    )


def _alike(one: Initializer, other: Initializer, shape: tuple[int, ...]) -> bool:
    """Return whether two laws of a matrix have the same mean and variance, and are of one kind."""
    if isinstance(one, Orthogonal) != isinstance(other, Orthogonal):
        return False
    fan_in, fan_out = shape
    laws = [
        (weight_mean(law, fan_in, fan_out, shape), weight_variance(law, fan_in, fan_out, shape))
        for law in (one, other)
    ]
    (mean, variance), (other_mean, other_variance) = laws
    near = abs(mean - other_mean) <= _ALIKE * max(variance, other_variance) ** 0.5
    return near and abs(variance - other_variance) <= _ALIKE * max(variance, other_variance)


def _has_edge(f: Activation) -> bool:
    """Return whether an activation has a critical weight variance without biases."""
    try:
        return find_critical_point(f, 0.0) is not None
    except Exception:  # a user's own may be anything
        return False
