"""A network as a table of its layers: what the summary prints and the drawing draws."""

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from minnet.activations import Activation, name_of
from minnet.common import html
from minnet.common.shown import Shown
from minnet.initializers import of_network
from minnet.losses import get_loss
from minnet.network import Network

__all__ = ["ArrayRow", "LayerRow", "Summary", "layer_rows", "summarize", "totals"]

_WIDTH = 80
_HEADS = ("layer", "units", "activation", "array", "initializer", "parameters")
# Where columns are too wide, these are narrowed in this order, down to so many characters.
_NARROWED = (
    ("initializer", 18),
    ("layer", 12),
    ("activation", 10),
    ("initializer", 13),
    ("layer", 10),
    ("array", 5),
)
_TO_THE_RIGHT = ("units", "parameters")


@dataclass(frozen=True)
class ArrayRow:
    """One parameter array of a layer.

    Attributes
    ----------
    name : str
    shape : tuple of int
        A size that is not known yet is None.
    init : str
        Its initializer, printed.
    """

    name: str
    shape: tuple
    init: str

    @property
    def size(self) -> int | None:
        """Return the number of elements, or None."""
        size: int | None = 1
        for n in self.shape:
            size = None if n is None or size is None else size * n
        return size


@dataclass(frozen=True)
class LayerRow:
    """What there is to say of a layer.

    Attributes
    ----------
    kind : str
        Name of its class.
    label : str
        The same, or the layer as it is printed if it has no activation: "Dropout(rate=0.2)".
    units : int or None
        Outputs; None if that is not known yet.
    activation : str or None
    arrays : list of ArrayRow
    trainable : bool
    """

    kind: str
    label: str
    units: int | None
    activation: str | None
    arrays: list
    trainable: bool

    @property
    def n_parameters(self) -> int | None:
        """Return the number of parameters, or None."""
        return _sum(array.size for array in self.arrays)


def layer_rows(network: Network) -> list[LayerRow]:
    """Return the layers of a network, initialized or not, as rows.

    Parameters
    ----------
    network : Network

    Returns
    -------
    list of LayerRow

    Examples
    --------
    >>> from minnet import Dense, Network
    >>> from minnet.views.summary import layer_rows
    >>> rows = layer_rows(Network([Dense(5, "tanh"), Dense(3)]))
    >>> rows[0].units, rows[0].activation, rows[0].n_parameters, rows[1].n_parameters
    (5, 'tanh', None, 18)
    """
    if hasattr(network, "params"):
        network._check_initialized()
    sizes = getattr(network, "sizes", None) or _sizes(network.layers)
    declared = [_parameters(layer, n) for layer, n in zip(network.layers, sizes, strict=False)]
    inits = _initializers(network, declared)
    trainable = {}
    for row in getattr(network, "parameter_table", ()):
        trainable[row.layer] = row.trainable
    rows = []
    for i, layer in enumerate(network.layers):
        activation = layer.activation
        kind = type(layer).__name__
        arrays = [ArrayRow(name, shape, inits[i, name]) for name, (shape, _) in declared[i].items()]
        rows.append(
            LayerRow(
                kind,
                kind if activation is not None else _one_line(repr(layer)),
                sizes[i + 1],
                None if activation is None else _activation_text(activation),
                arrays,
                trainable.get(i, layer.trainable),
            )
        )
    return rows


def totals(rows: list[LayerRow]) -> tuple[int | None, int | None]:
    """Return the number of parameters of layers, and of those that are trained; None if unknown."""
    trained = (row.n_parameters for row in rows if row.trainable)
    return _sum(row.n_parameters for row in rows), _sum(trained)


class Summary(Shown, str):
    """The table of a network's layers as text."""

    _parts: tuple[str, list[list[str]], list[str]]

    def __new__(cls, text: str, parts: tuple[str, list[list[str]], list[str]]) -> Self:
        """Make the text, with the parts that it was made of."""
        summary = super().__new__(cls, text)
        summary._parts = parts
        return summary

    def _text(self) -> str:
        return str.__str__(self)

    def __reduce__(self) -> Any:
        return type(self), (self._text(), self._parts)

    def _html(self) -> str:
        head, cells, foot = self._parts
        left = [j for j, head in enumerate(_HEADS) if head not in _TO_THE_RIGHT]
        table = html.table(_HEADS, cells, left)
        return html.page(head, table, *map(html.paragraph, foot))


def summarize(network: Network, title: str = "Network") -> Summary:
    """Return a network as a table of text, at most 80 columns wide.

    Parameters
    ----------
    network : Network
        Sizes that are not known before ``initialize`` are shown as "?".
    title : str, default="Network"
        Begins the first line.

    Returns
    -------
    Summary
        A str that shows itself at a prompt as it prints, and in a notebook as a table.
    """
    rows = layer_rows(network)
    n_in = getattr(network, "sizes", [None])[0]
    n_out = rows[-1].units
    cells = [line for i, row in enumerate(rows) for line in _cells(i, row)]
    lines = _table(cells)
    head = f"{_one_line(title)}: {_count(n_in, 'input')}, {_count(n_out, 'output')}"
    rule = "-" * max(map(len, lines))
    foot = _foot(network, rows)
    wrapped = [line for text in foot for line in textwrap.wrap(text, _WIDTH)]
    heads = textwrap.wrap(head, _WIDTH)
    text = "\n".join([*heads, rule, lines[0], rule, *lines[1:], rule, *wrapped])
    return Summary(text, (head, cells, foot))


def _foot(network: Network, rows: list[LayerRow]) -> list[str]:
    n, trained = totals(rows)
    frozen = None if n is None or trained is None else n - trained
    parts = [f"{_count(n, 'parameter')}: {_number(trained)} trained, {_number(frozen)} frozen"]
    if hasattr(network, "params") and n is not None:
        state = sum(array.size for arrays in network._states() for array in arrays.values())
        if state:
            parts.append(f"{state:,} running statistics")
        n_bytes = (n + state) * network.dtype.itemsize
        products = "" if network.precision is None else f", products in {network.precision}"
        parts.append(f"{network.dtype.name}{products} ({_bytes(n_bytes)})")
    else:
        parts.append("not initialized")
    loss = getattr(network, "loss_", None) or get_loss(network.loss, rows[-1].units or 1)
    objective = f"loss {_one_line(repr(loss))}, output {loss.output}"
    if network.alpha:
        objective += f", L2 alpha={network.alpha:g}"
    return ["; ".join(parts), objective]


def _cells(i: int, row: LayerRow) -> list[list[str]]:
    """Return a layer's lines of cells: the layer at the first, one line per array."""
    lines = []
    label = f"{i} {row.label}" + ("" if row.trainable else ", frozen")
    first = [label, _number(row.units), row.activation or ""]
    for array in row.arrays:
        lines.append([*first, array.name, array.init, _number(array.size)])
        first = ["", "", ""]
    return lines or [[*first, "", "", "0"]]


def _table(rows: list[list[str]]) -> list[str]:
    """Return lines of aligned columns, the heads first; long cells go on below."""
    cells = [list(_HEADS), *rows]
    widths = [max(len(line[j]) for line in cells) for j in range(len(_HEADS))]
    spare = _WIDTH - 2 * (len(_HEADS) - 1) - sum(widths)
    for name, narrowest in _NARROWED:
        j = _HEADS.index(name)
        shorter = max(min(widths[j], narrowest), widths[j] + min(spare, 0))
        spare += widths[j] - shorter
        widths[j] = shorter
    lines = []
    for line in cells:
        wrapped = [_wrapped(cell, n) for cell, n in zip(line, widths, strict=True)]
        for k in range(max(map(len, wrapped))):
            parts = [
                f"{w[k] if k < len(w) else '':{'>' if head in _TO_THE_RIGHT else '<'}{n}}"
                for w, n, head in zip(wrapped, widths, _HEADS, strict=True)
            ]
            lines.append("  ".join(parts).rstrip())
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """Return text in lines, broken at spaces, after brackets, commas and equals signs, or anywhere."""
    lines = [""]
    for piece in re.findall(r"[^\s(,=]*[(,=]?\s*", text):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1].rstrip()) > width:
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return [line.rstrip() for line in lines]


# ---- what is known before a network has its parameters


def _sizes(layers: Any) -> list[int | None]:
    """Return the inputs of each layer and the outputs of the last, None where not known yet."""
    sizes: list[int | None] = [None]
    for layer in layers:
        try:
            size = layer.output_size(sizes[-1])
        except TypeError:  # a layer of the user's that computes with the number of inputs
            size = None
        sizes.append(size)
    return sizes


def _parameters(layer: Any, n_inputs: int | None) -> dict[str, tuple[Any, Any]]:
    """Return for each array of a layer its shape, unknown sizes as None, and its Parameter."""
    declared = layer.parameters(64 if n_inputs is None else n_inputs)
    # What depends on the number of inputs is not the same for two numbers.
    other = layer.parameters(128) if n_inputs is None else declared
    shapes = {
        name: tuple(
            None if n != m else int(n)
            for n, m in zip(parameter.shape, other[name].shape, strict=True)
        )
        for name, parameter in declared.items()
    }
    return {name: (shapes[name], parameter) for name, parameter in declared.items()}


def _initializers(network: Network, declared: Any) -> dict[tuple[int, str], str]:
    """Return the initializer of each array, printed, by (layer, name)."""
    if hasattr(network, "init_"):
        return {
            (row.layer, row.name): _one_line(repr(network.init_[row.label]))
            for row in network.parameter_table
        }
    parameters = [{name: p for name, (_, p) in arrays.items()} for arrays in declared]
    found = of_network.resolve(network, parameters)
    return {place: _one_line(repr(initializer)) for place, initializer in found.items()}


# ---- text


def _activation_text(activation: Activation) -> str:
    text = _one_line(repr(activation))
    return name_of(activation) if text == f"{type(activation).__name__}()" else text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _sum(numbers: Iterable[int | None]) -> int | None:
    total: int | None = 0
    for n in numbers:
        total = None if n is None or total is None else total + n
    return total


def _number(n: int | None) -> str:
    return "?" if n is None else f"{n:,}"


def _count(n: int | None, what: str) -> str:
    return f"{_number(n)} {what}{'' if n == 1 else 's'}"


def _bytes(n: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:,.3g} GB"
