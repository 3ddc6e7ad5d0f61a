"""The whole of one batch, forward and backward, as a table for teaching."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minnet.common.extras import import_extra
from minnet.common.types import ArrayLike, Matrix
from minnet.network import Network

__all__ = ["Trace"]


@dataclass
class Trace:
    """What one pass through a network computed; made by :meth:`minnet.Network.trace`.

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

    def __str__(self) -> str:
        rows = self.rows()
        shapes = max((len(str(row["shape"])) for row in rows), default=5)
        kinds = max((len(row["kind"]) for row in rows), default=5) + 3
        names = max([5, *(len(row["array"]) for row in rows)])
        lines = [
            f"loss {self.loss:.6g}",
            f"{'layer':<{kinds + 2}}{'array':<{names}} {'shape':<{shapes}}"
            + "".join(f" {head:>9}" for head in ("mean", "sd", "min", "max")),
        ]
        shown = None
        for row in rows:
            label = f"{row['layer']} {row['kind']}" if row["layer"] != shown else ""
            shown = row["layer"]
            numbers = "".join(f" {row[key]:>9.3g}" for key in ("mean", "sd", "min", "max"))
            lines.append(
                f"{label:<{kinds + 2}}{row['array']:<{names}} {row['shape']!s:<{shapes}}{numbers}"
            )
        return "\n".join(lines)


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "mean") and value.shape != ()
