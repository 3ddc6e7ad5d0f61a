"""What was measured beside what theory expects, layer by layer: the rows that are compared by depth."""

import math
from collections.abc import Mapping

import numpy as np

from minnet.common.types import Array
from minnet.lab.measurement import Measurement
from minnet.lab.prediction import Prediction, curves_at

__all__ = ["by_depth", "rows_by_depth"]


def rows_by_depth(m: Measurement) -> Array:
    """Return the rows of the hidden layers and of the output.

    Of a Dense that is normalized above the normalization stands for both.
    """
    last = len(m.index) - 1
    return np.flatnonzero(m.hidden | (np.arange(last + 1) == last))


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
