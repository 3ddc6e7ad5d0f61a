"""A network drawn layer by layer, as HTML for notebooks: no scripts, nothing fetched.

Each layer is a bar as wide as the logarithm of its units. What leads to it shows its kind: all to all, one
to one, or dashed where some are dropped in training. The text beside it says the same.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from minnet.layers import Layer
from minnet.network import Network
from minnet.views.summary import layer_rows, totals

__all__ = ["attributes_with_drawing", "draw"]

_KINDS = {
    "Dense": "dense",
    "BatchNorm": "one",
    "LayerNorm": "one",
    "Dropout": "drop",
    "PiecewiseLinear": "one",
}

_MOST_LAYERS, _AT_ENDS = 48, 16  # drawn; of more layers the first and the last ones
_GAP = '<div class="minnet-art"></div>'

_LONGEST = 120  # characters of a printed object

# The text takes the colour of the page or of scikit-learn's diagram, and so is dark on light and light on
# dark whatever decides that: the system, Jupyter, VS Code. The fills are Okabe & Ito's colours (the purple
# a little darker), which colour-blind readers tell apart and which show on both.
_STYLE = """<style>
.minnet-net { color: var(--jp-content-font-color1, var(--vscode-editor-foreground, inherit));
  font: 0.85rem/1.35 monospace; text-align: left; padding: 0.5em; max-width: 66em; }
.sk-global .minnet-net { color: var(--sklearn-color-text); }
.minnet-net .minnet-row { display: flex; }
.minnet-net .minnet-art { flex: none; width: 6.5em; min-height: 2.1em; position: relative; }
.minnet-net .minnet-art svg { position: absolute; left: 0; top: 0; width: 100%; height: 100%; }
.minnet-net .minnet-text { flex: 1 1 auto; min-width: 0; display: flex; flex-wrap: wrap;
  align-items: center; align-content: center; column-gap: 1em; padding: 0.3em 0 0.3em 1em; }
.minnet-net .minnet-text div { overflow-wrap: anywhere; }
.minnet-net .minnet-name { width: 11.5em; font-weight: bold; }
.minnet-net .minnet-units, .minnet-net .minnet-activation { width: 7em; }
.minnet-net .minnet-init { flex: 1 1 17em; max-width: 24em; padding-left: 1em; min-width: 0; }
.minnet-net .minnet-init span { display: inline-block; margin-right: 0.6em; }
.minnet-net .minnet-count { width: 11em; text-align: right; }
@media (max-width: 55em) {
  .minnet-net .minnet-text div:empty { display: none; }
  .minnet-net .minnet-text .minnet-count { width: auto; text-align: left; }
  .minnet-net .minnet-text .minnet-init { padding-left: 0; }
}
.minnet-net .minnet-foot { margin-top: 0.6em; }
.minnet-net .input { fill: #808080; }
.minnet-net .dense { fill: #0072B2; }
.minnet-net .one { fill: #009E73; stroke: #009E73; }
.minnet-net .drop { fill: #D55E00; stroke: #D55E00; }
.minnet-net .own { fill: #B8608F; stroke: #B8608F; }
.minnet-net rect { stroke: none; }
.minnet-net polygon { opacity: 0.4; stroke: none; shape-rendering: crispEdges; }
.minnet-net path { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.minnet-net path.skip { stroke: #009E73; }
.minnet-net path.drop { stroke-dasharray: 3 3; }
</style>"""


def attributes_with_drawing(
    attributes: Any, network: Network, title: str, n_layers: int | None = None
) -> Any:
    """Return scikit-learn's table of fitted attributes, which is shown below a drawing of a network."""
    table, drawing = attributes._html_repr, draw(network, title, n_layers)
    attributes._html_repr = lambda: drawing + table()
    return attributes


def draw(network: Network, title: str = "Network", n_layers: int | None = None) -> str:
    """Return a drawing of a network as HTML.

    Parameters
    ----------
    network : Network
        Initialized or not.
    title : str, default="Network"
        What it is called for those who hear it.
    n_layers : int, default=None
        Draw the first so many layers only, without the loss.

    Returns
    -------
    str
    """
    rows = layer_rows(network)[:n_layers]
    sizes = [getattr(network, "sizes", [None])[0], *(row.units for row in rows)]
    layers = network.layers[: len(rows)]
    kinds = ["input", *map(_kind, layers)]
    widths = _widths(sizes)
    beside = _skips(layers)
    if any(beside):  # which need some room
        widths = [0.8 * width for width in widths]
    lines = [_row(_art(kinds, widths, 0), "inputs", _number(sizes[0], "input"))]
    left_out = range(_AT_ENDS, len(rows) - _AT_ENDS) if len(rows) > _MOST_LAYERS else range(0)
    for i, row in enumerate(rows):
        if i in left_out:
            if i == left_out[0]:
                lines.append(_row(_GAP, f"… {len(left_out)} more layers", ""))
            continue
        count = _number(row.n_parameters, "parameter") if row.arrays else ""
        lines.append(
            _row(
                _art(kinds, widths, i + 1, beside[i]),
                f"{i} {row.label}",
                _number(row.units, "unit"),
                "" if row.activation is None else row.activation,
                [f"{array.name}: {_short(array.init)}" for array in row.arrays],
                count if row.trainable or not row.arrays else f"{count}, frozen",
            )
        )
    n, trained = totals(rows)
    foot = [_number(n, "parameter")]
    if n is not None and trained is not None and trained != n:
        foot[0] += f", {n - trained:,} of them frozen"
    if n_layers is None:
        loss = getattr(network, "loss_", network.loss)
        foot.append(f"loss {loss if isinstance(loss, str) else _short(repr(loss))}")
    else:
        foot.append(f"the first {n_layers} of {_number(len(network.layers), 'layer')}")
    foot.append(network.dtype.name if hasattr(network, "dtype") else "not initialized")
    label = f"{title}: {_number(sizes[0], 'input')}, {_number(len(rows), 'layer')}, {foot[0]}"
    return (
        f'{_STYLE}<div class="minnet-net" role="figure" aria-label="{escape(label)}">'
        f'<div role="table" aria-label="layers">{"".join(lines)}</div>'
        f'<div class="minnet-foot">{escape("; ".join(foot))}</div></div>'
    )


def _row(
    art: str,
    name: str,
    units: str,
    activation: str = "",
    inits: Iterable[str] = (),
    count: str = "",
) -> str:
    cells = {"name": name, "units": units, "activation": activation, "count": count}
    inside = {key: escape(_short(cell)) for key, cell in cells.items()}
    inside["init"] = " ".join(f"<span>{escape(init)}</span>" for init in inits)
    text = "".join(
        f'<div class="minnet-{key}" role="cell">{cell}</div>' for key, cell in inside.items()
    )
    return f'<div class="minnet-row" role="row">{art}<div class="minnet-text">{text}</div></div>'


# ---- the bars and what is between them, in a square of 100 that is stretched over the row

_TOP, _BOTTOM = 34, 66  # of a bar


def _widths(sizes: Sequence[int | None]) -> list[float]:
    most = max((n for n in sizes if n is not None), default=1)
    return [14 + 84 * math.log1p(n or 1) / math.log1p(max(most, 2)) for n in sizes]


def _kind(layer: Layer) -> str:
    if layer.opens_skip or layer.closes_skip:
        return "one"
    return _KINDS.get(type(layer).__name__, "own")


def _skips(layers: Sequence[Layer]) -> list[list[str]]:
    """Return for each layer the paths of what goes past it: from the bar of a Split to that of its Add."""
    found: list[list[str]] = []
    depth = 0
    for layer in layers:
        depth -= layer.closes_skip
        paths = [f"M{97 - 4 * k} 0V100" for k in range(depth)]
        if layer.opens_skip or layer.closes_skip:
            paths.append(f"M50 50H{97 - 4 * depth}V{100 if layer.opens_skip else 0}")
        found.append(paths)
        depth += layer.opens_skip
    return found


def _art(kinds: Sequence[str], widths: Sequence[float], i: int, beside: Sequence[str] = ()) -> str:
    """Return the drawing of layer ``i``: half of what comes in, its bar, half of what goes out.

    ``beside`` has the paths of what goes past it.
    """
    parts = []
    here = widths[i]
    if i > 0:
        parts.append(_link(kinds[i], (widths[i - 1] + here) / 2, here, 0, _TOP))
    if i + 1 < len(widths):
        parts.append(_link(kinds[i + 1], here, (here + widths[i + 1]) / 2, _BOTTOM, 100))
    parts.append(
        f'<rect class="{kinds[i]}" x="{50 - here / 2:.1f}" y="{_TOP}" width="{here:.1f}" '
        f'height="{_BOTTOM - _TOP}"/>'
    )
    parts += [f'<path class="skip" d="{path}"/>' for path in beside]
    return (
        '<div class="minnet-art"><svg viewBox="0 0 100 100" preserveAspectRatio="none" '
        f'aria-hidden="true">{"".join(parts)}</svg></div>'
    )


def _link(kind: str, above: float, below: float, top: float, bottom: float) -> str:
    """Return a connection between two heights: all to all for dense layers, else lines."""
    if kind in ("dense", "own"):
        corners = (50 - above / 2, top), (50 + above / 2, top), (50 + below / 2, bottom), (
            50 - below / 2, bottom)  # fmt: skip
        points = " ".join(f"{x:.1f},{y}" for x, y in corners)
        return f'<polygon class="{kind}" points="{points}"/>'
    ends = [(k - 2) / 4 * 0.9 for k in range(5)]
    lines = "".join(f"M{50 + k * above:.1f} {top}L{50 + k * below:.1f} {bottom}" for k in ends)
    return f'<path class="{kind}" d="{lines}"/>'


# ---- text


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _number(n: int | None, what: str) -> str:
    return f"? {what}s" if n is None else f"{n:,} {what}{'' if n == 1 else 's'}"
