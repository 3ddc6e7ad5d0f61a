"""What was measured beside what theory expects, layer by layer: the rows that are compared by depth."""

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from minnet.common.types import Array
from minnet.lab.measurement import Measurement
from minnet.lab.prediction import Prediction, curves_at
from minnet.lab.probe import measure, update_ratios
from minnet.lab.subject import Subject
from minnet.network import Network
from minnet.optimizers import Optimizer

__all__ = ["by_depth", "histograms_by_depth", "network_by_depth", "next_ratios", "rows_by_depth"]


def rows_by_depth(m: Measurement) -> Array:
    """Return the rows of the hidden layers and of the output.

    Of a Dense that is normalized above the normalization stands for both.
    """
    last = len(m.index) - 1
    return np.flatnonzero(m.hidden | (np.arange(last + 1) == last))


def histograms_by_depth(m: Measurement) -> dict[str, Array]:
    """Return histograms over :func:`rows_by_depth`, of activations and of gradients by pre-activations.

    Returns
    -------
    found : dict of ndarray
        For ``activation`` and ``gradient`` each ``_density``, of shape (n_rows, n_bins); ``_range``, of
        shape (n_rows, 2), where the bins begin and end; and ``_sd``, of shape (n_rows,).
    """
    rows, found = rows_by_depth(m), {}
    for name, array in (("activation", "Y"), ("gradient", "dZ")):
        density, edges = m.histogram(array)
        found[f"{name}_density"] = density[rows]
        found[f"{name}_range"] = edges[rows][:, [0, -1]]
        found[f"{name}_sd"] = m[array, "sd"][rows]
    return found


def next_ratios(
    network: Network, optimizer: Optimizer, X: Array, T: Array
) -> dict[int, float | None]:
    """Return the update ratios of the layers with weights, by place, of a step on these rows.

    What the step would be is found by taking it with a copy of the optimizer: network and optimizer stay
    as they are.
    """
    subject = Subject(network, X, T, None, copy.deepcopy(optimizer))
    ratios = update_ratios(subject, network.forward_backward(X, T)[1])
    return {i: ratios[i] for i, layer in enumerate(network.layers) if layer.fully_connected}


def by_depth(
    m: Measurement, prediction: Prediction | None, ratios: Mapping[int, float | None]
) -> dict[str, Array]:
    """Return curves over :func:`rows_by_depth`.

    Parameters
    ----------
    m : Measurement
    prediction : Prediction or None
        Where it knows nothing, its curves are NaN.
    ratios : dict of int to float or None
        Update ratios of the layers with weights, by their places in the network.

    Returns
    -------
    curves : dict of ndarray of shape (n_rows,)
        Mean squares of pre-activations, ``forward_measured``, and of the gradients by them relative to the
        last hidden layer's, ``backward_measured``; ``_predicted``, ``_low`` and ``_high`` of both; and
        ``update_ratio``.
    """
    rows = rows_by_depth(m)
    places = m.index[rows]
    backward = np.square(m["dZ", "rms"])[rows]
    last = backward[-2:][0]
    curves = {
        "forward_measured": np.square(m["Z", "rms"])[rows],
        "backward_measured": backward / (last if last > 0 else math.nan),
    }
    for way in ("forward", "backward"):
        silent = dict.fromkeys(("predicted", "low", "high"), np.full(len(rows), math.nan))
        expected = curves_at(prediction, places)[way] if prediction else silent
        curves |= {f"{way}_{of}": values for of, values in expected.items()}
    # The weights below a normalization are those of the layer that it stands for.
    below = [max(place for place in ratios if place <= i) for i in places]
    curves["update_ratio"] = np.array([ratios[place] for place in below], dtype=float)
    return curves


def network_by_depth(
    network: Network,
    X: Array,
    T: Array,
    prediction: Prediction | None,
    ratios: Mapping[int, float | None],
    n_bins: int = 40,
    reach: float = 4.0,
) -> tuple[list[dict[str, Any]], dict[str, Array]]:
    """Return what is compared by depth: the layers of a network, and histograms and curves over them.

    Parameters
    ----------
    network : Network
    X, T : ndarray
        The rows on which it is measured, in a pass as in training.
    prediction, ratios
        As :func:`by_depth` takes them.
    n_bins : int, default=40
    reach : float, default=4.0
        Of the histograms, to both sides, in standard deviations: one number far out would make needles of
        all others.

    Returns
    -------
    layers : list of dict
        ``name``, the number from 1 on or "output", ``label`` and ``width``, for each of
        :func:`rows_by_depth`.
    arrays : dict of ndarray
        What :func:`histograms_by_depth` and :func:`by_depth` return.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import SGD, Dense, Network
    >>> from minnet.lab.by_depth import network_by_depth, next_ratios
    >>> from minnet.lab.theory import predict_variances
    >>> X, T = np.random.default_rng(0).normal(size=(100, 8)), np.arange(100) % 3
    >>> net = Network([Dense(20, "tanh"), Dense(3)]).initialize(8, random_state=0)
    >>> ratios = next_ratios(net, SGD(0.1), X, T)
    >>> layers, arrays = network_by_depth(net, X, T, predict_variances(net, X), ratios)
    >>> [layer["name"] for layer in layers], arrays["forward_measured"].shape
    (['1', 'output'], (2,))
    """
    m = measure(Subject(network, X, T, None), 0, n_bins, reach=reach)
    rows = rows_by_depth(m)
    names = [*map(str, range(1, len(rows))), "output"]
    layers = [
        {"name": name, "label": m.layers[row], "width": int(m.fan_out[row])}
        for name, row in zip(names, rows, strict=True)
    ]
    return layers, histograms_by_depth(m) | by_depth(m, prediction, ratios)
