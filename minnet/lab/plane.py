"""What a network of two inputs answers over the plane."""

import numpy as np

from minnet.backends import make_backend
from minnet.common.types import Array
from minnet.network import Network

__all__ = ["predictions_on_square"]


def predictions_on_square(network: Network, extent: float, n_cells: int) -> Array:
    """Return what a network predicts at the centres of the cells of a square around the origin.

    Parameters
    ----------
    network : Network
        Initialized, of two inputs.
    extent : float
        The square reaches from ``-extent`` to ``extent`` in both directions.
    n_cells : int
        Along each side.

    Returns
    -------
    predictions : ndarray of shape (n_outputs, n_cells, n_cells)
        A picture for each output: the first row is the top one, where the second input is largest.

    Examples
    --------
    >>> from minnet import Dense, Network
    >>> from minnet.lab.plane import predictions_on_square
    >>> network = Network([Dense(1)], loss="squared_error", bias_init="zeros").initialize(2, 0)
    >>> network.layers[0].W[...] = [[1.0], [10.0]]
    >>> predictions_on_square(network, extent=2.0, n_cells=2)
    array([[[  9.,  11.],
            [-11.,  -9.]]])
    """
    centres = extent * ((2 * np.arange(n_cells) + 1) / n_cells - 1)
    x, y = np.meshgrid(centres, centres[::-1])
    logits = make_backend("auto", network, 1).forward(np.column_stack([x.ravel(), y.ravel()]))
    return network.loss_.predict(logits).T.reshape(-1, n_cells, n_cells)
