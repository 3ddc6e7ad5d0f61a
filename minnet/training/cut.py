"""How the rows of an epoch are cut into mini-batches, none of which is too short for a layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from minnet.backends import Hyper
from minnet.common.types import Array, Matrix
from minnet.layers import Layer
from minnet.network import Network

__all__ = ["Cut", "check_batch_size", "check_least", "check_n_rows"]


def _takes_statistics(network: Network) -> Layer | None:
    """Return a layer that takes mean and variance of each mini-batch; one row has no variance."""
    for layer in network.layers:
        # What is no layer the backend refuses.
        if getattr(layer, "normalizes", False) and layer.differs_in_training and layer.trainable:
            return layer
    return None


def check_batch_size(network: Network, batch_size: int) -> None:
    """Raise where mini-batches of so many rows have too few for a layer."""
    layer = _takes_statistics(network)
    if layer is not None and batch_size == 1:
        raise ValueError(
            f"batch_size must be at least 2 for a network with {type(layer).__name__}, since one row has "
            "no variance, got 1"
        )


def check_n_rows(network: Network, X: Matrix, weights: Array | None) -> None:
    """Raise where data have too few rows for a layer."""
    if _takes_statistics(network) is not None:
        n_samples = X.shape[0] if weights is None else int(np.count_nonzero(weights))
        check_least(network, n_samples, weighted=weights is not None)


def check_least(network: Network, n_samples: int, weighted: bool) -> None:
    """Raise where so many rows, or rows with a positive weight, are too few for a layer."""
    layer = _takes_statistics(network)
    if layer is not None and n_samples < 2:
        what = "rows with a positive weight" if weighted else "rows"
        raise ValueError(
            f"X must have at least 2 {what} to train a network with {type(layer).__name__}, since one has "
            f"no variance, got {n_samples=}"
        )


class Cut:
    """The mini-batches of an epoch: a row that would be left over alone goes to the last of them.

    That is so where a layer takes the mean and the variance of each.

    Parameters
    ----------
    network : Network
    n_samples, batch_size : int

    Attributes
    ----------
    n_samples, batch_size, n_steps : int
    long_step : bool
        Whether the last step takes one row more.

    Examples
    --------
    >>> from minnet import BatchNorm, Dense, Network
    >>> Cut(Network([Dense(2)]), 21, 10).n_steps
    3
    >>> Cut(Network([Dense(5), BatchNorm(), Dense(2)]), 21, 10).n_steps
    2
    """

    def __init__(self, network: Network, n_samples: int, batch_size: int) -> None:
        self.batch_size = min(batch_size, n_samples)
        self.n_samples = n_samples
        self.n_steps = -(-n_samples // self.batch_size)
        self.long_step = n_samples % self.batch_size == 1 and _takes_statistics(network) is not None
        self.n_steps -= self.long_step

    @property
    def bounds(self) -> Array:
        """How many rows come before each step, and in all."""
        bounds = np.arange(self.n_steps + 1, dtype=np.int64) * self.batch_size
        bounds[-1] = self.n_samples
        return bounds

    def steps(
        self, order: Array | None, start: int, stop: int, hyper: Hyper
    ) -> tuple[Array | None, int, int, Hyper]:
        """Return the same as a backend's ``train_steps`` takes it, up to the longer step or that alone."""
        last = self.n_steps - 1
        if not self.long_step or stop <= last or hyper.share is not None:
            return order, start, stop, hyper
        if start < last:
            return order, start, last, hyper
        # A backend knows of one length only: here all that is left is the first batch of the order.
        first = last * self.batch_size
        order = np.roll(np.arange(hyper.n_samples) if order is None else order, -first)
        alone: dict[str, Any] = {"rates": hyper.rates[last:], "position": hyper.position + first}
        return order, 0, 1, replace(hyper, batch_size=hyper.n_samples - first, **alone)
