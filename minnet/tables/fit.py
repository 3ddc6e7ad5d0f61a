"""The way from a table to a fitted ensemble of networks."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_y, _num_samples, check_consistent_length

from minnet._version import __version__
from minnet.common.sklearn_versions import validate_data
from minnet.common.types import Array, Estimator
from minnet.estimators.data import as_targets, validate_weight
from minnet.estimators.fitted import BackendCache, fit_info
from minnet.layers import Dense, Dropout, Layer
from minnet.network import Network
from minnet.ntk import ntk
from minnet.optimizers import Adam
from minnet.piecewise import PiecewiseLinear
from minnet.random import Stream
from minnet.schedules import Cosine
from minnet.tables.encoder import TableEncoder
from minnet.tables.folds import folds, set_aside
from minnet.tables.pace import EndAt, epochs_in_time
from minnet.tables.rules import Recipe, recipe_for
from minnet.temperature import best_temperature
from minnet.training import EnsembleTrainer

__all__ = ["TabularFit", "hidden_layers_of", "inputs_of"]

#: Share of the rows that a single network is scored on.
_HELD = 0.1

#: Of fewer rows nothing is set aside.
_FEWEST_ROWS = 10


def hidden_layers_of(recipe: Recipe, columns: list[Any]) -> list[Layer]:
    """Return the hidden layers of a member, as ``layers=`` of an estimator takes them.

    Parameters
    ----------
    recipe : Recipe
    columns : list
        Of the table, as :class:`minnet.PiecewiseLinear` takes them; empty where it has none that say
        anything.

    Examples
    --------
    >>> from minnet.tables.rules import recipe_for
    >>> layers = hidden_layers_of(recipe_for(1000, 2)._replace(dropout=0.0), [None, 3])
    >>> layers[1].units, layers[1].lr_factor == 4**-0.5
    (256, True)
    """
    layers: list[Layer] = [PiecewiseLinear(columns or [None])]
    init = "unit_variance" if columns else "lecun_normal"
    for units in recipe.hidden_layer_sizes:
        layers.append(Dense(units, "silu", init=init, bias_init="hull"))
        if recipe.dropout:
            layers.append(Dropout(recipe.dropout))
    return ntk(layers)


def inputs_of(encoder: TableEncoder, X: Any) -> Array:
    """Return what networks get of a table: zeros where none of its columns says anything."""
    if encoder.columns_:
        return encoder.transform(X)
    validate_data(encoder, X, reset=False, skip_check_array=True)
    return np.zeros((_num_samples(X), 1), np.float32)


class TabularFit:
    """A call of ``fit``: it leaves the estimator alone until :meth:`run` has succeeded.

    Parameters
    ----------
    estimator : TabularClassifier or TabularRegressor
    X, y, sample_weight
        As the user gave them.
    held : tuple
        ``X_val, y_val, sample_weight_val``, likewise.
    """

    def __init__(
        self,
        estimator: Estimator,
        X: Any,
        y: Any,
        sample_weight: Any,
        held: tuple[Any, Any, Any],
    ) -> None:
        self.began = time.perf_counter()
        self.estimator, self.X, self.y, self.sample_weight = estimator, X, y, sample_weight
        self.held = held

    def run(self) -> None:
        """Fit the estimator."""
        estimator = self.estimator
        estimator._validate_params()
        self.callbacks = estimator._begin_fit()
        self._check_targets()
        n_rows = _num_samples(self.X)
        self.rows = np.arange(n_rows) if self.weights is None else np.flatnonzero(self.weights)
        self.encoder, Z = self._encoded()
        Z, T, weights = self._with_validation_set(Z)
        self._draw_keys()
        trained, held = self._parts(n_rows, len(Z))
        networks = [
            self._network(Z[part], T[part], None if weights is None else weights[part], seed)
            for part, seed in zip(trained, self.seeds, strict=True)
        ]
        trainer = self._train(networks, (Z, T, weights), trained, held)
        fitted = self._fitted(networks, trainer)
        if held is not None:
            fitted |= self._held_out(fitted, (Z, T, weights), held, n_rows)
        estimator._put(fitted)

    # ---- the data

    def _check_targets(self) -> None:
        estimator = self.estimator
        if self.y is None:
            raise ValueError(
                f"{type(estimator).__name__} requires y to be passed, but the target y is None"
            )
        y = as_targets(estimator, self.y)
        y = _check_y(y, multi_output=True, y_numeric=not estimator._of_classes, estimator=estimator)
        check_consistent_length(self.X, y)
        if self.sample_weight is not None:
            self.sample_weight = validate_weight(self.sample_weight, self.X)
        self.targets, self.T = estimator._learn_targets(y, self.sample_weight)
        self.weights = estimator._total_weight(self.targets, self.T, self.sample_weight)
        if self.weights is not None and not 0 < self.weights.sum() < np.inf:
            raise ValueError(
                "sample_weight must have a finite sum above 0, got "
                f"{self.weights.sum():g}, with the weights of classes"
            )

    def _encoded(self) -> tuple[TableEncoder, Array]:
        """Return the fitted encoder, and the table as it makes it; decide on the recipe."""
        estimator = self.estimator
        n_columns = self.X.shape[1] if len(getattr(self.X, "shape", ())) == 2 else 1
        recipe = recipe_for(len(self.rows), n_columns, estimator.quality)
        self.recipe = recipe.with_given(**estimator._given_recipe())
        encoder = TableEncoder(
            bins=self.recipe.bins,
            categorical_features=estimator.categorical_features,
            output="structured",
        )
        with estimator._named():
            encoder.fit(self.X, sample_weight=self.sample_weight)
            return encoder, inputs_of(encoder, self.X)

    def _with_validation_set(self, Z: Array) -> tuple[Array, Array, Array | None]:
        """Return inputs, targets and weights, with those of the user's validation set at their end."""
        X_val, y_val, sample_weight_val = self.held
        if X_val is None and y_val is None and sample_weight_val is None:
            return Z, self.T, self.weights
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val must be given together")
        estimator = self.estimator
        with estimator._named("X_val"):
            Z_val = inputs_of(self.encoder, X_val)
        y_val = as_targets(estimator, y_val, "y_val")
        y_val = _check_y(y_val, multi_output=True, y_numeric=not estimator._of_classes)
        check_consistent_length(X_val, y_val)
        T_val = estimator._held_targets(self.targets, y_val)
        if sample_weight_val is not None:
            sample_weight_val = validate_weight(sample_weight_val, X_val, "sample_weight_val")
        weights_val = estimator._total_weight(self.targets, T_val, sample_weight_val, self.T)
        weights = self.weights
        if weights is not None or weights_val is not None:
            weights = np.concatenate([_or_ones(weights, Z), _or_ones(weights_val, Z_val)])
        return np.concatenate([Z, Z_val]), np.concatenate([self.T, T_val]), weights

    def _draw_keys(self) -> None:
        drawn = check_random_state(self.estimator.random_state)
        self.key = int(drawn.randint(2**31 - 1))
        self.seeds = [int(seed) for seed in drawn.randint(2**31 - 1, size=self.recipe.n_members)]

    def _parts(self, n_rows: int, n_all: int) -> tuple[list[Array], list[Array] | None]:
        """Return which rows each member is trained on, and which it is scored on."""
        rows, n_members = self.rows, self.recipe.n_members
        if n_all > n_rows:
            return [rows] * n_members, [np.arange(n_rows, n_all)] * n_members
        if len(rows) < max(_FEWEST_ROWS, 2 * n_members):
            return [rows] * n_members, None
        stream, stratify = Stream(self.key, "folds"), self.targets_are_classes
        if n_members == 1:
            found = np.where(set_aside(self.T[rows], _HELD, stream, stratify), 0, -1)
        else:
            found = folds(self.T[rows], n_members, stream, stratify)
        held = [rows[found == i] for i in range(n_members)]
        if any(len(part) == 0 for part in held):
            return [rows] * n_members, None
        return [rows[found != i] for i in range(n_members)], held

    @property
    def targets_are_classes(self) -> bool:
        """Return whether folds are to have the classes in proportion."""
        return self.estimator._of_classes and self.targets.kind != "multilabel"

    # ---- the networks

    def _network(self, Z: Array, T: Array, weights: Array | None, seed: int) -> Network:
        """Return a network as its training begins; ``Z`` and so on are what it will be trained on."""
        recipe = self.recipe
        below = recipe.hidden_layer_sizes[-1] if recipe.hidden_layer_sizes else None
        hidden = hidden_layers_of(recipe, self.encoder.columns_)
        fan_in = below or hidden[-1].output_size(Z.shape[1])
        output = Dense(
            self.targets.n_outputs,
            "identity",
            init="unit_variance" if self.encoder.columns_ else "zeros",
            bias_init="hull",
            lr_factor=1 / math.sqrt(fan_in),
            bias_lr_factor=0.1,
            decay_factor=1.0,
        )
        network = Network([*hidden, output], self.estimator._loss(self.targets), alpha=0.0)
        network.initialize(Z.shape[1], seed, dtype=Z.dtype)
        return network.adapt(Z, T, weights)

    def _train(
        self,
        networks: list[Network],
        data: tuple[Array, Array, Array | None],
        trained: list[Array],
        held: list[Array] | None,
    ) -> EnsembleTrainer:
        estimator, recipe = self.estimator, self.recipe
        scoring = None
        if held is not None:
            scoring = "refinement" if estimator._of_classes else "loss"
        options = {
            "batch_size": min(recipe.batch_size, min(map(len, trained))),
            "learning_rate": Cosine(),
            "weight_decay": recipe.weight_decay,
            "scoring": scoring,
            "keep": "last" if held is None else "best",
            "joint": held is not None and len(networks) > 1,
            "backend": estimator.backend,
            "n_threads": estimator.n_threads,
        }

        def new_trainer(networks: list[Network], **more: Any) -> EnsembleTrainer:
            optimizer = Adam(recipe.learning_rate_init, beta_2=0.95)
            return EnsembleTrainer(networks, optimizer, **options, **more)

        callbacks, limit = list(self.callbacks), estimator.time_limit
        if limit is not None:
            end, said = (
                self.began + limit,
                f"time_limit={limit:g} was reached: training ended there",
            )
            batch_size = options["batch_size"]
            n_epochs = epochs_in_time(new_trainer, networks, data, trained, held, batch_size, end)
            self.recipe = recipe = recipe._replace(max_iter=min(recipe.max_iter, n_epochs))
            callbacks.append(EndAt(end, said))
        trainer = new_trainer(networks, verbose=estimator.verbose)
        trainer.fit(*data, rows=trained, held=held, max_epochs=recipe.max_iter, callbacks=callbacks)
        return trainer

    # ---- what it leaves

    def _fitted(self, networks: list[Network], trainer: EnsembleTrainer) -> dict[str, Any]:
        """Return the attributes of the fitted estimator."""
        estimator, encoder = self.estimator, self.encoder
        names = vars(encoder).get("feature_names_in_")
        seconds = time.perf_counter() - self.began
        return {
            "n_features_in_": encoder.n_features_in_,
            **({} if names is None else {"feature_names_in_": names}),
            **estimator._attributes_of(self.targets, self.y_range()),
            "encoder_": encoder,
            "networks_": networks,
            "recipe_": self.recipe,
            "seeds_": self.seeds,
            "n_iter_": trainer.n_epochs,
            "n_outputs_": self.targets.n_outputs,
            "best_epoch_": trainer.best_epoch or trainer.n_epochs,
            "loss_curves_": [list(curve) for curve in trainer.loss_curves],
            "validation_scores_": [list(scores) for scores in trainer.validation_scores_of],
            "temperature_": 1.0,
            "fit_info_": fit_info(
                networks[0], trainer.backend_in_use, estimator.n_threads, seconds
            ),
            "_backends": [BackendCache() for _ in networks],
            "_minnet_version": __version__,
        }

    def y_range(self) -> tuple[Array, Array]:
        """Return the least and the largest of the numbers to be predicted, in each column."""
        T = self.T[self.rows]
        numbers = T if self.estimator._of_classes else self.targets.decode(T.astype(np.float64))
        return numbers.min(axis=0), numbers.max(axis=0)

    def _held_out(
        self,
        fitted: dict[str, Any],
        data: tuple[Array, Array, Array | None],
        held: list[Array],
        n_rows: int,
    ) -> dict[str, Any]:
        """Return what is learned of the rows that members were not trained on: temperature and scores."""
        estimator, (Z, T, weights) = self.estimator, data
        networks, loss = fitted["networks_"], fitted["networks_"][0].loss_
        logits = []
        for cache, network, part in zip(fitted["_backends"], networks, held, strict=True):
            backend = cache.get(estimator.backend, network, estimator.n_threads)
            logits.append(backend.forward(Z[part]).astype(np.float64))
        temperature = 1.0
        if estimator._calibrates():
            rows = np.concatenate(held)
            of_rows = None if weights is None else weights[rows]
            best, _ = best_temperature(np.concatenate(logits), T[rows], loss.output, of_rows)
            # A mean of several is less sure than each of them.
            temperature = best if len(networks) == 1 else math.sqrt(best)
        found = {"temperature_": float(temperature)}
        if len(Z) > n_rows:  # a validation set of the user's: no fold was left out
            return found
        outputs = np.full((n_rows, self.targets.n_outputs), np.nan)
        for part, of_part in zip(held, logits, strict=True):
            outputs[part] = loss.predict(of_part / temperature)
        known = np.isfinite(outputs).all(axis=1)
        of_rows = None if weights is None else weights[known]
        return found | estimator._oof_attributes(fitted, outputs, T, known, of_rows)


def _or_ones(weights: Array | None, Z: Array) -> Array:
    return np.ones(len(Z)) if weights is None else weights
