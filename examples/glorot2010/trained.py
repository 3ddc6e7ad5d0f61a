"""Layers through training, from curve files: what Figures 2, 3, 4, 9 and 10 have in common."""

import numpy as np

from minnet.common.plotting import layer_colors

__all__ = ["as_it_starts", "draw_layers", "hidden", "record"]

_MARKERS = "osD^v"
_SAID = {
    "Y_mean": "mean", "Y_p98": "98th percentile", "Y_sd": "standard deviation",
    "dW_sd": "standard deviation",
}  # fmt: skip


def hidden(curve, name):
    """Return what a probe saw of the hidden layers, (n_points, depth), and after how many updates.

    With batch normalization a layer has two rows: the second one counts.
    """
    values = curve.layers(name)
    updates = np.array([p["updates"] for p in curve.points if p.get("layers")])
    per_layer = (values.shape[1] - 1) // curve.run["depth"]
    return updates, values[:, per_layer - 1 : -1 : per_layer]


def record(curves, names):
    """Return the hidden layers' values of some curves, as JSON has them.

    Parameters
    ----------
    curves : list of Curve
    names : sequence of str
        Such as "Y_p98".

    Returns
    -------
    list of dict
        Of each curve: row, seed, rate, ``updates`` and the names.
    """
    found = []
    for curve in curves:
        updates, _ = hidden(curve, names[0])
        entry = {key: curve.run[key] for key in ("row", "depth", "seed", "rate")}
        entry["updates"] = updates.tolist()
        found.append(entry | {name: hidden(curve, name)[1].tolist() for name in names})
    return found


def as_it_starts(entry):
    """Return the values of a network, or of a curve, that stays as it starts: all are the first one's."""
    return {
        key: [values[0]] * len(values)
        if isinstance(values, list) and key not in ("updates", "validated")
        else values
        for key, values in entry.items()
    }


def draw_layers(ax, entry, *, middle=None, band=None, dashed=None, label="activation", log=False):
    """Draw the layers of a network through training, a color for each.

    Parameters
    ----------
    ax : matplotlib axes
    entry : dict
        Of :func:`record`.
    middle : str
        What the line with markers shows.
    band : str, optional
        Half the height of the band around it.
    dashed : str, optional
        What a line without markers shows.
    label : str
        Of the vertical axis.
    log : bool
        Whether that axis is logarithmic.
    """
    updates = np.array(entry["updates"])
    values = np.array(entry[middle])
    marked = _marked(updates)
    for i, color in enumerate(layer_colors(ax, values.shape[1])):
        style = {"color": color, "marker": _MARKERS[i % 5], "ms": 4, "lw": 1.4, "markevery": marked}
        ax.plot(updates, values[:, i], label=f"layer {i + 1}", **style)
        if band is not None:
            half = np.array(entry[band])[:, i]
            ax.fill_between(
                updates, values[:, i] - half, values[:, i] + half, color=color, alpha=0.15
            )
        if dashed is not None:
            ax.plot(updates, np.array(entry[dashed])[:, i], color=color, lw=1, ls="--")
    if band is not None or dashed is not None:  # which line is what
        ax.plot([], [], color="0.4", marker="o", ms=4, lw=1.4, label=_SAID[middle])
    if band is not None:
        ax.fill_between([], [], color="0.4", alpha=0.3, label=f"± {_SAID[band]}")
    if dashed is not None:
        ax.plot([], [], color="0.4", lw=1, ls="--", label=_SAID[dashed])
    # From 0 on, but early changes are to be seen.
    ax.set_xscale("symlog", linthresh=1000, linscale=0.5)
    # Panels that share the axis may be of trainings of other lengths.
    panels = ax.get_shared_x_axes().get_siblings(ax)
    last = 1.05 * max(panel.dataLim.x1 for panel in panels if panel.lines)
    ax.set_xlim(0, last)
    ax.set_xticks([0, *(10**k for k in range(3, 8) if 10**k <= last)])
    if log:
        ax.set_yscale("log")
    ax.set(xlabel="updates", ylabel=label)
    ax.grid(alpha=0.3)


def _marked(updates):
    """Return which points get a marker: not so many that they hide the lines on a logarithmic axis."""
    places = np.log10(np.maximum(updates, 300))
    apart = np.ptp(places) / 24
    found = [0]
    for i, place in enumerate(places):
        if place - places[found[-1]] >= apart:
            found.append(i)
    return found
