"""A fit by several processes that have a shard of the rows each, and the same estimator at its end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from minnet.common.communicator import Communicator, fail_together, in_use, leads
from minnet.common.ranks import joined, of_ranks
from minnet.common.types import Array, Matrix
from minnet.estimators.agreement import agree_on_arguments, agree_on_inputs
from minnet.estimators.architecture import warn_of_output_layer
from minnet.estimators.data import Data, warn_of_scale, with_targets
from minnet.estimators.fit import Fit, Initialize, PartialFit, Tasks, described_network, draw
from minnet.estimators.several import FitSeveral
from minnet.estimators.target_scale import warn_of_target_scale
from minnet.estimators.validation import ValidationSet, held_mask, set_aside, shards
from minnet.network import Network
from minnet.random import draw_key
from minnet.training.callback import Callback
from minnet.training.reading import Batch, InMemory

__all__ = ["as_one_of_ranks"]

# Of all ranks, that are looked at for a warning: rows, of which each rank gets so many numbers at most.
_N_ROWS, _N_NUMBERS = 1000, 2**22


def as_one_of_ranks(kind: type[Fit]) -> type[Fit]:
    """Return the kind of call that does the same together with other processes, where there are some."""
    return kind if in_use() is None else _KINDS[kind]


class _Together(Fit):
    """What is different in a call that several processes make together.

    Whatever one of them learns of its rows, all learn of all rows; what fails on one fails on all. Only
    functions of ``minnet.common.ranks`` and ``exchange`` say something to the others, in the same order on
    all, until the trainer does. See ``docs/architecture.rst``.
    """

    method: str  # as the user calls it
    shards: Sequence[int] | None = None  # where one process has those of all

    def run(self) -> None:
        """Fit the estimator; if that fails on one rank, those of all ranks are as they were."""
        communicator = in_use()
        assert communicator is not None
        self.communicator: Communicator = communicator
        before = self.estimator.__dict__
        try:
            with fail_together(communicator):
                super().run()
                of_ranks(lambda: None)  # before it is too late to be as it was
        except BaseException:
            self.estimator.__dict__ = before
            raise

    def check_arguments(self) -> None:
        """Raise if the arguments are not what they may be, or not the same on all ranks."""
        held, classes = self.held, self.classes
        goes_on, has_held = self.goes_on(), held[0] is not None
        validated = agree_on_arguments(self.estimator, self.method, classes, goes_on, has_held)
        if validated and all(each is None for each in held):
            self.held = np.empty((0, 0)), np.empty(0), None  # of which other ranks have some
        super().check_arguments()

    def begin(self) -> Tasks | None:
        """Tell scikit-learn's callbacks of rank 0 that a fit begins."""
        return super().begin() if leads() else None

    def callbacks(self) -> list[Callback]:
        """Return what the trainer calls: on rank 0 alone."""
        return super().callbacks() if leads() else []

    # ---- data

    def checked(self, X: Any, y: Any, sample_weight: Any, known: Any) -> Data:
        """Return checked data of this rank, of which what is learned is of all ranks."""
        given = X, y, sample_weight
        features = None if known is None else known.features
        X, y, sample_weight, features, sizes = agree_on_inputs(self.estimator, *given, features)
        self.shards = self.communicator.shards
        if self.shards is not None and sum(self.shards) != sizes[0]:
            raise ValueError(
                f"X must have the {sum(self.shards)} rows of {self.communicator!r}, got {sizes[0]}"
            )
        options = {"known": known, "call": self.call, "classes": self.classes}
        return with_targets(self.estimator, X, y, sample_weight, features, given, **options)

    def n_samples(self, data: Data) -> int:
        """Return how many rows all ranks have."""
        return sum(of_ranks(lambda: data.X.shape[0]))

    def split(self, network: Network, data: Data) -> tuple[Data, ValidationSet]:
        """Return what is trained on, and a part that is set aside: of each shard, in proportion."""
        held = held_mask(self.estimator, network.key, data)
        if self.shards is not None:
            self.shards = [
                int((~part).sum()) for part in np.split(held, np.cumsum(self.shards)[:-1])
            ]
        return set_aside(self.estimator, data, held)

    def rows_of_training(self, network: Network, data: Data) -> tuple[Any, Any, Any]:
        """Return inputs, targets and weights as a trainer takes them."""
        return InMemory(self.batch(network, data), self.shards), None, None

    def batch(self, network: Network, data: Data) -> Batch:
        """Return data as a network computes with them, which may be of no rows."""
        return network.check_batch(data.X, data.T, data.weights, part=True)

    # ---- the network

    def new_network(self, data: Data) -> Network:
        """Return the network that a new fit starts from: that of rank 0, on all."""
        estimator = self.estimator
        network = described_network(estimator, data)
        X, T = _some_of_all(data)
        if leads():
            n_classes = len(getattr(data.targets, "classes", ()))
            warn_of_output_layer(estimator, network, n_classes)
            warn_of_scale(X, network.layers[0])
        key = of_ranks(lambda: draw_key(estimator.random_state))[0]
        draw(estimator, network, data, key)
        network.params[...] = of_ranks(lambda: network.params if leads() else None)[0]
        n_samples = self.n_samples(data)
        if leads():
            warn_of_target_scale(estimator, network, T, n_samples)
        return network


def _some_of_all(data: Data) -> tuple[Matrix, Array]:
    """Return inputs and targets of some rows of all ranks, at equal distances."""
    sizes, (mine, *_) = shards(data.X.shape[0])
    step = math.ceil(sum(sizes) / max(1, min(_N_ROWS, _N_NUMBERS // data.X.shape[1])))
    first = -sum(sizes[:mine]) % step

    def some() -> tuple[Matrix, Array]:
        X = data.X.tocsr() if sparse.issparse(data.X) else data.X
        return X[first::step], data.T[first::step]

    X, T = map(joined, zip(*of_ranks(some), strict=True))
    return X, T


class _FitTogether(_Together):
    method = "fit"

    def check_n_networks(self) -> None:
        """Raise where several networks are asked for."""
        if self.estimator.n_networks > 1:
            raise ValueError(
                "n_networks must be 1 for a fit by several processes together, got "
                f"{self.estimator.n_networks}"
            )


class _InitializeTogether(_Together, Initialize):
    method = "initialize"


class _PartialFitTogether(_Together, PartialFit):
    method = "partial_fit"


_KINDS: dict[type[Fit], type[Fit]] = {
    Fit: _FitTogether,
    FitSeveral: _FitTogether,
    Initialize: _InitializeTogether,
    PartialFit: _PartialFitTogether,
}
