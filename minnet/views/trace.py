"""The whole of one batch, forward and backward, as a table for teaching."""

import math
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from minnet.common import html
from minnet.common.extras import import_extra
from minnet.common.shown import Shown, number, text_table
from minnet.common.types import ArrayLike, Matrix
from minnet.network import Network

__all__ = ["Trace"]

_STATISTICS = ("mean", "sd", "min", "max")

# How a dense layer computes its arrays, for the captions.
_FORMULAS = {
    "Z": "X W + b", "Y": "f(Z)", "dZ": "dY ⊙ f ′(Z)", "dW": "Xᵀ dZ", "db": "sum of the rows of dZ"
}  # fmt: skip

_MOST_LAYERS = 8  # that are shown array by array, the first and the last ones ...
_MOST_ARRAYS = 12  # ... with so many arrays each


@dataclass(repr=False)
class Trace(Shown):
    """What one pass through a network computed; made by :meth:`minnet.Network.trace`.

    Printed it is a table with a line for each array. A notebook shows the arrays themselves, layer by
    layer: in numbers where they are small, as heat maps where they are not.

    Attributes
    ----------
    loss : float
        The objective of the batch.
    names : list of str
        The layers, printed.
    layers : list of dict
        For each layer its arrays by name, in the order of computation: ``X``, ``Z``, ``Y`` going
        forward, then ``dZ``, ``dW``, ``db`` going back (a layer of your own: whatever arrays it puts
        into its context). Gradients are those of the objective without the L2 term.
    parameters : list of dict
        For each layer its parameters by name, copied: ``W`` and ``b``.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> net = Network([Dense(2, init="ones")], loss="squared_error").initialize(n_features=2)
    >>> print(net.trace(np.eye(2), np.zeros((2, 2))))
    loss 1
    layer     array shape       mean        sd       min       max
    0 Dense   X     (2, 2)       0.5       0.5         0         1
              Z     (2, 2)         1         0         1         1
              Y     (2, 2)         1         0         1         1
              dZ    (2, 2)       0.5         0       0.5       0.5
              dW    (2, 2)       0.5         0       0.5       0.5
              db    (2,)           1         0         1         1
    """

    loss: float
    names: list
    layers: list
    parameters: list = field(default_factory=list)

    @classmethod
    def of_batch(
        cls, network: Network, X: Matrix, T: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Collect the arrays of one training pass; arguments as ``Network.loss_and_grad`` takes them."""
        X, T, sample_weight = network.check_batch(X, T, sample_weight)
        loss, _, contexts = network.forward_backward(X, T, sample_weight)
        hidden = ("weights", "p")
        return cls(
            loss,
            [repr(layer) for layer in network.layers],
            [
                {k: v for k, v in vars(ctx).items() if _is_array(v) and k not in hidden}
                for ctx in contexts
            ],
            network.views(network.params.copy()),
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict per array: layer, kind, array, shape, mean, sd, min, max."""
        return [
            {
                "layer": i,
                "kind": self.names[i].split("(")[0],
                "array": name,
                "shape": array.shape,
                "mean": float(array.mean()),
                "sd": float(array.std()) if isinstance(array, np.ndarray) else float("nan"),
                "min": float(array.min()),
                "max": float(array.max()),
            }
            for i, arrays in enumerate(self.layers)
            for name, array in arrays.items()
        ]

    def to_frame(self) -> Any:
        """Return :meth:`rows` as a pandas DataFrame (``pip install minnet-learn[frame]``)."""
        pd = import_extra("pandas", "to_frame needs pandas: pip install 'minnet-learn[frame]'")
        return pd.DataFrame(self.rows())

    def _shown_rows(self) -> list[dict[str, Any]]:
        """Return the rows with None for what is not computed: the sd of a sparse array."""
        rows = self.rows()
        for row in rows:
            if math.isnan(row["sd"]) and math.isfinite(row["mean"]):
                row["sd"] = None
        return rows

    def _text(self) -> str:
        shown, lines = -1, []
        for row in self._shown_rows():
            label = f"{row['layer']} {row['kind']}" if row["layer"] != shown else ""
            shown = row["layer"]
            lines.append(
                [label, row["array"], str(row["shape"]), *(row[key] for key in _STATISTICS)]
            )
        table = text_table(["layer", "array", "shape", *_STATISTICS], lines, left=(0, 1, 2))
        return f"loss {self.loss:.6g}\n{table}"

    def _html(self) -> str:
        n = len(self.layers)
        rows = self._shown_rows()
        parts = [self._by_layer(rows)] if n > 1 else []
        first = -(-_MOST_LAYERS // 2)
        skipped = range(first, n - _MOST_LAYERS + first)
        for i in range(n):
            if i not in skipped:
                parts.append(self._layer(i))
            elif i == skipped[0]:
                text = f"… {len(skipped)} layers left out; print() has their figures"
                parts.append(html.paragraph(text, "faint"))
        lines = [
            [
                f"{row['layer']} {row['kind']}",
                row["array"],
                row["shape"],
                *map(row.get, _STATISTICS),
            ]
            for row in rows
        ]
        figures = html.table(["layer", "array", "shape", *_STATISTICS], lines, left=(0, 1, 2))
        legend = "Vermilion is above 0, blue below; the stronger, the larger within its array."
        return html.page(
            f"loss {self.loss:.6g}",
            html.paragraph(legend, "faint"),
            *parts,
            html.details("mean, sd, min and max of each array", figures),
        )

    def _by_layer(self, rows: list[dict[str, Any]]) -> str:
        """Return curves over the layers of what every one of them has."""
        heads, curves, ends = [], [], []
        for name in ("Z", "Y", "dZ", "dW"):
            values = [row["sd"] for row in rows if row["array"] == name]
            if len(values) > 1:
                heads.append(f"sd of {name}, by layer")
                curves.append(values)
                ends.append(f"{number(values[0])} to {number(values[-1])}")
        return html.table(heads, [ends], left=range(len(heads)), curves=curves) if heads else ""

    def _layer(self, i: int) -> str:
        """Return the arrays of a layer: what it was given, what it computed, what went back."""
        arrays = self.layers[i]
        parameters = self.parameters[i] if self.parameters else {}
        formulas = _FORMULAS if set(arrays) == {"X", *_FORMULAS} else {}
        backward = [name for name in arrays if name.startswith("d")]
        forward = [name for name in arrays if name not in backward]
        given = [("X", arrays["X"])] if "X" in arrays else []
        rows = {
            "forward": [
                *given,
                *parameters.items(),
                *((k, arrays[k]) for k in forward if k != "X"),
            ],
            "backward": [(k, arrays[k]) for k in backward],
        }
        parts = [html.paragraph(f"{i} {self.names[i]}"[:200], "title")]
        for label, row in rows.items():
            figures = [
                html.matrix(array, k, formulas.get(k, "")) for k, array in row[:_MOST_ARRAYS]
            ]
            parts.append(html.row(label, *figures))
        return f'<div class="minnet-part">{"".join(parts)}</div>'


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "mean") and value.shape != ()
