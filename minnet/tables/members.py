"""The networks of an ensemble for a table, and their training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minnet.common.types import Array, Estimator
from minnet.estimators.fitted import BackendCache
from minnet.layers import Dense, Dropout, Layer
from minnet.network import Network
from minnet.ntk import ntk
from minnet.optimizers import Adam
from minnet.piecewise import PiecewiseLinear
from minnet.schedules import FlatThenCosine
from minnet.tables.pace import EndAt, EndStall, epochs_in_time
from minnet.tables.rules import Recipe
from minnet.temperature import best_temperature
from minnet.training import EnsembleTrainer
from minnet.training.callback import Callback

__all__ = ["Members", "hidden_layers_of"]

#: Share of the epochs, and their least number, without a better score that ends a training.
_PATIENCE, _FEWEST_EPOCHS = 0.25, 4


def hidden_layers_of(recipe: Recipe, columns: list[Any], varies: bool = True) -> list[Layer]:
    """Return the hidden layers of a member, as ``layers=`` of an estimator takes them.

    Parameters
    ----------
    recipe : Recipe
    columns : list
        Of the table, as :class:`minnet.PiecewiseLinear` takes them; empty where it has none that say
        anything.
    varies : bool, default=True
        Whether rows differ that a member is trained on: weights have nothing to be scaled by otherwise.

    Examples
    --------
    >>> from minnet.tables.rules import recipe_for
    >>> layers = hidden_layers_of(recipe_for(1000)._replace(dropout=0.0), [None, 3])
    >>> layers[1].units, layers[1].lr_factor == 4**-0.5
    (192, True)
    """
    layers: list[Layer] = [PiecewiseLinear(columns or [None], recipe.code_dropout)]
    init = "unit_variance" if varies else "lecun_normal"
    for units in recipe.hidden_layer_sizes:
        layers.append(Dense(units, "silu", init=init, bias_init="hull"))
        if recipe.dropout:
            layers.append(Dropout(recipe.dropout))
    return ntk(layers)


class Members:
    """Networks that are trained together, each on rows of its own.

    Parameters
    ----------
    estimator : TabularClassifier or TabularRegressor
    recipe : Recipe
    columns : list
        What :class:`minnet.PiecewiseLinear` makes of the table.
    targets : Labels or Numbers
    data : tuple of arrays
        ``(X, T, sample_weight)``.
    trained : list of ndarray
        The rows that each member is trained on.
    held : list of ndarray or None
        Those that each is scored on.
    seeds : list of int
        The random_state of each.
    """

    def __init__(
        self,
        estimator: Estimator,
        recipe: Recipe,
        columns: list[Any],
        targets: Any,
        data: tuple[Array, Array, Array | None],
        trained: list[Array],
        held: list[Array] | None,
        seeds: list[int],
    ) -> None:
        self.estimator, self.recipe, self.columns, self.targets = (
            estimator,
            recipe,
            columns,
            targets,
        )
        self.data, self.trained, self.held = data, trained, held
        # Of all, since members must have the same layers.
        self.varies = all(_varies(data[0], rows) for rows in trained)
        self.networks = [
            self._network(rows, seed) for rows, seed in zip(trained, seeds, strict=True)
        ]
        self.trainer = self._new_trainer(self.networks, verbose=estimator.verbose)
        self._has_stalled = False

    def train(self, callbacks: list[Callback], end: float | None = None) -> None:
        """Train them, so that they are ready at a time by ``time.perf_counter()``."""
        recipe, callbacks = self.recipe, list(callbacks)
        if end is not None:
            n_epochs = epochs_in_time(
                self._new_trainer,
                self.networks,
                self.data,
                self.trained,
                self.held,
                self.trainer.batch_size,
                end,
            )
            self.recipe = recipe = recipe._replace(max_iter=min(recipe.max_iter, n_epochs))
            limit = self.estimator.time_limit
            callbacks.append(EndAt(end, f"time_limit={limit:g} was reached: training ended there"))
        stall = EndStall(max(_FEWEST_EPOCHS, round(_PATIENCE * recipe.max_iter)))
        if self.trainer.joint:  # one alone would end by chance
            callbacks.append(stall)
        self.trainer.fit(
            *self.data,
            rows=self.trained,
            held=self.held,
            max_epochs=recipe.max_iter,
            callbacks=callbacks,
        )
        self._has_stalled = stall.ended

    @property
    def is_complete(self) -> bool:
        """Return whether no callback and no Ctrl-C has ended the training."""
        return self._has_stalled or self.trainer.n_epochs == self.recipe.max_iter

    def unseen_losses(self, n_members: int) -> Array:
        """Return the loss of each row that the first members have not seen.

        Of classes it is that at the temperature that is best for all of them.
        """
        assert self.held is not None
        (X, T, weights), held, losses = self.data, self.held[:n_members], []
        estimator, rows = self.estimator, np.concatenate(held)
        for network, part in zip(self.networks, held, strict=False):
            backend = BackendCache().get(estimator.backend, network, estimator.n_threads)
            losses.append(backend.forward(X[part]).astype(np.float64))
        Z, loss = np.concatenate(losses), self.networks[0].loss_
        if estimator._of_classes:
            of_rows = None if weights is None else weights[rows]
            Z /= best_temperature(Z, T[rows], loss.output, of_rows)[0]
        of_each = loss.value(Z, T[rows])
        if weights is not None:
            of_each = of_each * (weights[rows] / weights[rows].max())  # squares do not overflow
        return np.bincount(rows, of_each)[np.unique(rows)]

    def _network(self, rows: Array, seed: int) -> Network:
        """Return a network as its training begins."""
        X, T, weights = self.data
        hidden = hidden_layers_of(self.recipe, self.columns, self.varies)
        sizes = self.recipe.hidden_layer_sizes
        fan_in = sizes[-1] if sizes else hidden[-1].output_size(X.shape[1])
        output = Dense(
            self.targets.n_outputs,
            "identity",
            init="unit_variance" if self.varies else "zeros",
            bias_init="hull",
            lr_factor=1 / math.sqrt(fan_in),
            bias_lr_factor=0.1,
            decay_factor=1.0,
        )
        network = Network([*hidden, output], self.estimator._loss(self.targets), alpha=0.0)
        network.initialize(X.shape[1], seed, dtype=X.dtype)
        return network.adapt(X[rows], T[rows], None if weights is None else weights[rows])

    def _new_trainer(self, networks: list[Network], **options: Any) -> EnsembleTrainer:
        recipe, estimator, scored = self.recipe, self.estimator, self.held is not None
        scoring = "refinement" if estimator._of_classes else "loss"
        return EnsembleTrainer(
            networks,
            Adam(recipe.learning_rate_init, beta_2=0.95),
            batch_size=min(recipe.batch_size, *map(len, self.trained)),
            learning_rate=FlatThenCosine(),
            weight_decay=recipe.weight_decay,
            scoring=scoring if scored else None,
            keep="best" if scored else "last",
            joint=scored and len(networks) > 1,
            backend=estimator.backend,
            n_threads=estimator.n_threads,
            **options,
        )


def _varies(X: Array, rows: Array) -> bool:
    """Return whether some of the rows differ: the first few tell in nearly every table."""
    first = X[rows[0]]
    return bool((X[rows[:100]] != first).any() or (X[rows] != first).any())
