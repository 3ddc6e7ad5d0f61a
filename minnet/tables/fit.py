"""The way from a table to a fitted ensemble of networks."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_y, _num_features, _num_samples, check_consistent_length

from minnet._version import __version__
from minnet.common.callers import level_of_user, within_a_search
from minnet.common.numeric import check_array_like
from minnet.common.types import Array, Estimator
from minnet.estimators.data import as_targets, validate_weight
from minnet.estimators.fitted import BackendCache, fit_info
from minnet.estimators.validation import naming
from minnet.random import Stream
from minnet.tables.encoder import TableEncoder
from minnet.tables.folds import folds, set_aside
from minnet.tables.members import Members
from minnet.tables.rules import Recipe, code_dropout_for, recipe_for
from minnet.temperature import best_temperature

__all__ = ["TabularFit", "inputs_of"]

_Ensemble = tuple[TableEncoder, Members]

#: Share of the rows that a single network is scored on.
_HELD = 0.1

#: Of fewer rows nothing is set aside.
_FEWEST_ROWS = 10

#: That no member has seen: so many tell whether pieces are better.
_ENOUGH_ROWS = 500

#: Of those that it is trained on there must be so many times more for a part of the epochs to tell it.
_TIMES_AS_MANY, _OF_EPOCHS = 4, 0.25

#: By so many numbers as they are must be better than pieces, or it may be chance; and after a part of the
#: epochs, when pieces have come further than they will have at the end.
_STANDARD_ERRORS, _STANDARD_ERRORS_EARLY = 2.0, 1.0

#: Exponent of the members' temperature in that of their mean, which is less sure than each of them.
_OF_MEAN = 0.7


def inputs_of(encoder: TableEncoder, X: Any, estimator: Estimator, name: str = "X") -> Array:
    """Return what networks get of a table: zeros where none of its columns says anything.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted.
    X : data frame or array-like
    estimator : TabularClassifier or TabularRegressor
        What warnings and errors name.
    name : str, default="X"
        What errors call the table.
    """
    table = encoder._read(X, estimator, name)
    if encoder.columns_:
        return encoder._structured(table)
    return np.zeros((table.n_rows, 1), np.float32)


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
        self._encoded_by: dict[int | None, tuple[TableEncoder, Any]] = {}

    def run(self) -> None:
        """Fit the estimator."""
        estimator = self.estimator
        estimator._validate_params()
        self.callbacks = estimator._begin_fit()
        self._check_targets()
        n_rows = _num_samples(self.X)
        self.rows = np.arange(n_rows) if self.weights is None else np.flatnonzero(self.weights)
        self._choose_recipe()
        self._draw_keys()
        self._check_validation_set()
        self._choose_rows(n_rows)
        encoder, members = self._trained()
        fitted = self._fitted(encoder, members)
        if members.held is not None:
            fitted |= self._held_out(fitted, members, n_rows)
        estimator._put(fitted)

    # ---- the data

    def _check_targets(self) -> None:
        estimator = self.estimator
        if self.y is None:
            raise ValueError(
                f"{type(estimator).__name__} requires y to be passed, but the target y is None"
            )
        y = self._checked(self.y, "y")
        _check_rows("X", self.X)
        check_consistent_length(self.X, y)
        if self.sample_weight is not None:
            self.sample_weight = validate_weight(self.sample_weight, self.X)
            _check_total(self.sample_weight, "")
        self.targets, self.T = estimator._learn_targets(y, self.sample_weight)
        with np.errstate(over="ignore"):
            self.weights = estimator._total_weight(self.targets, self.T, self.sample_weight)
        if self.weights is not None:
            _check_total(self.weights, ", with the weights of classes")

    def _checked(self, y: Any, name: str) -> Any:
        """Return targets of any form as an array."""
        estimator = self.estimator
        numeric = not estimator._of_classes
        y = as_targets(estimator, y, name)
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # of the sum that tells it is finite
                return _check_y(y, multi_output=True, y_numeric=numeric, estimator=estimator)
        except OverflowError as error:
            raise ValueError(f"{name} must be numbers that a float can hold: {error}") from None

    def _choose_recipe(self) -> None:
        try:
            n_columns = _num_features(self.X)
        except (LookupError, TypeError, ValueError):  # the encoder will say what is wrong
            n_columns = 1
        recipe = recipe_for(len(self.rows), self.estimator.quality, n_columns)
        self.recipe = recipe.with_given(**self.estimator._given_recipe())

    def _check_validation_set(self) -> None:
        """Learn targets and weights of the user's validation set; None without one."""
        (X_val, y_val, sample_weight_val), estimator = self.held, self.estimator
        self.T_val = self.weights_val = None
        if X_val is None and y_val is None and sample_weight_val is None:
            return
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val must be given together")
        _check_rows("X_val", X_val)
        with naming("y_val"):
            y_val = self._checked(y_val, "y_val")
            check_consistent_length(X_val, y_val)
            self.T_val = estimator._held_targets(self.targets, y_val)
        if sample_weight_val is not None:
            with naming("sample_weight_val"):
                sample_weight_val = validate_weight(sample_weight_val, X_val, "sample_weight_val")
        with np.errstate(over="ignore"):
            self.weights_val = estimator._total_weight(
                self.targets, self.T_val, sample_weight_val, self.T
            )
        if self.weights_val is not None:
            weighted = getattr(estimator, "class_weight", None) is not None
            of_what = ", with the weights of classes" if weighted else ""
            _check_total(self.weights_val, of_what, "sample_weight_val")

    def _encoded(self, bins: int | None) -> tuple[TableEncoder, Any]:
        """Return a fitted encoder, and the data, with those of the user's validation set at their end.

        All networks with so many pieces share them.
        """
        if bins not in self._encoded_by:
            self._encoded_by[bins] = self._newly_encoded(bins)
        return self._encoded_by[bins]

    def _newly_encoded(self, bins: int | None) -> tuple[TableEncoder, Any]:
        estimator = self.estimator
        encoder = TableEncoder(
            bins=bins, categorical_features=estimator.categorical_features, output="structured"
        )
        encoder._fit(self.X, self.sample_weight, estimator)
        Z = inputs_of(encoder, self.X, estimator)
        if self.T_val is None:
            return encoder, (Z, self.T, self.weights)
        with naming("X_val"):
            Z_val = inputs_of(encoder, self.held[0], estimator, "X_val")
        weights = self.weights
        if weights is not None or self.weights_val is not None:
            weights = np.concatenate([_or_ones(weights, Z), _or_ones(self.weights_val, Z_val)])
        return encoder, (np.concatenate([Z, Z_val]), np.concatenate([self.T, self.T_val]), weights)

    def _draw_keys(self) -> None:
        drawn = check_random_state(self.estimator.random_state)
        self.key = int(drawn.randint(2**31 - 1))
        self.seeds = [int(seed) for seed in drawn.randint(2**31 - 1, size=self.recipe.n_members)]

    def _choose_rows(self, n_rows: int) -> None:
        """Choose which rows each member is trained on, and which it is scored on."""
        rows, n_members = self.rows, self.recipe.n_members
        self.trained: list[Array] = [rows] * n_members
        self.held_rows: list[Array] | None = None
        if self.T_val is not None:
            self.held_rows = [np.arange(n_rows, n_rows + len(self.T_val))] * n_members
        elif len(rows) >= max(_FEWEST_ROWS, 2 * n_members):
            stream, stratify = Stream(self.key, "folds"), self.targets_are_classes
            if n_members == 1:
                found = np.where(set_aside(self.T[rows], _HELD, stream, stratify), 0, -1)
            else:
                found = folds(self.T[rows], n_members, stream, stratify)
            if all((found == i).any() for i in range(n_members)):
                self.trained = [rows[found != i] for i in range(n_members)]
                self.held_rows = [rows[found == i] for i in range(n_members)]

    @property
    def targets_are_classes(self) -> bool:
        """Return whether folds are to have the classes in proportion."""
        return self.estimator._of_classes and self.targets.kind != "multilabel"

    # ---- the networks

    def _members(self, bins: int | None, recipe: Recipe) -> _Ensemble:
        """Return networks with so many pieces for a column of numbers, and the encoder of their table."""
        encoder, data = self._encoded(bins)
        held, n_members = self.held_rows, recipe.n_members
        recipe = recipe._replace(bins=bins)
        if self.estimator.code_dropout == "auto":
            n_codes = sum(isinstance(column, int) for column in encoder.columns_)
            recipe = recipe._replace(code_dropout=code_dropout_for(n_codes))
        members = Members(
            self.estimator,
            recipe,
            encoder.columns_,
            self.targets,
            data,
            self.trained[:n_members],
            None if held is None else held[:n_members],
            self.seeds[:n_members],
        )
        return encoder, members

    def _trained(self) -> _Ensemble:
        """Return the trained ensemble: on pieces, or on numbers as they are where that is better.

        What is better the rows tell that members have not seen.
        """
        estimator, recipe = self.estimator, self.recipe
        if estimator.bins != "auto" or estimator.time_limit is not None or self.held_rows is None:
            return self._trained_whole(self._members(recipe.bins, recipe))
        n_held, n_trained = len(self.held_rows[0]), len(self.trained[0])
        if n_held >= _ENOUGH_ROWS and n_trained >= _TIMES_AS_MANY * _ENOUGH_ROWS:
            return self._trained_after_pilots()
        return self._trained_twice()

    def _trained_whole(self, ensemble: _Ensemble) -> _Ensemble:
        limit = self.estimator.time_limit
        ensemble[1].train(self.callbacks, None if limit is None else self.began + limit)
        return ensemble

    def _trained_after_pilots(self) -> _Ensemble:
        """Return the ensemble of that kind of which one member was better after a part of the epochs.

        Where Ctrl-C ends the first training, comes between two, or in the first epoch of all members, that
        member is what there is.
        """
        recipe = self.recipe
        short = recipe._replace(n_members=1, max_iter=max(1, round(_OF_EPOCHS * recipe.max_iter)))
        pieces = self._members(recipe.bins, short)
        if not _has_pieces(pieces):
            return self._trained_whole(self._members(recipe.bins, recipe))
        pieces[1].train([])
        plain = self._trained_plain(short) if pieces[1].is_complete else None
        if plain is None:
            return pieces
        better = plain if _is_better(plain, pieces, _STANDARD_ERRORS_EARLY) else pieces
        whole = self._or_interrupted(lambda: self._members(better[1].recipe.bins, recipe))
        if whole is None or not self._trained_whole(whole)[1].trainer.n_epochs:
            return better  # which has been trained
        # Members on pieces may have ended too soon, together, by a score that stood still.
        ended_well = better is plain or not whole[1].is_complete
        if ended_well or not _is_better(plain, whole, _STANDARD_ERRORS_EARLY):
            return whole
        return self._trained_plain(recipe) or whole

    def _trained_twice(self) -> _Ensemble:
        """Return the better of two ensembles, where rows are few; some members may tell that it is one."""
        assert self.held_rows is not None
        recipe = self.recipe
        pieces = self._trained_whole(self._members(recipe.bins, recipe))
        if not (_has_pieces(pieces) and pieces[1].is_complete):
            return pieces
        n_held = np.cumsum([len(rows) for rows in self.held_rows])
        n_tried = min(recipe.n_members, 1 + int(np.searchsorted(n_held, _ENOUGH_ROWS)))
        plain = self._trained_plain(recipe._replace(n_members=n_tried))
        if plain is None or not _is_better(plain, pieces, _STANDARD_ERRORS):
            return pieces
        if n_tried < recipe.n_members:
            plain = self._trained_plain(recipe)
        return plain or pieces

    def _trained_plain(self, recipe: Recipe) -> _Ensemble | None:
        """Return networks trained on numbers as they are; None if that has not come to its end."""
        plain = self._or_interrupted(lambda: self._members(None, recipe))
        if plain is None:
            return None
        plain[1].train([])
        return plain if plain[1].is_complete else None

    def _or_interrupted(self, make: Callable[[], _Ensemble]) -> _Ensemble | None:
        """Return what is made, or warn of Ctrl-C, which a training receives itself, and return None."""
        try:
            return make()
        except KeyboardInterrupt:
            if within_a_search():
                raise
            warnings.warn("Training interrupted by user.", stacklevel=level_of_user())
            return None

    # ---- what it leaves

    def _fitted(self, encoder: TableEncoder, members: Members) -> dict[str, Any]:
        """Return the attributes of the fitted estimator."""
        estimator, networks, trainer = self.estimator, members.networks, members.trainer
        names = vars(encoder).get("feature_names_in_")
        seconds = time.perf_counter() - self.began
        return {
            "n_features_in_": encoder.n_features_in_,
            **({} if names is None else {"feature_names_in_": names}),
            **estimator._attributes_of(self.targets, self.y_range()),
            "encoder_": encoder,
            "networks_": networks,
            "recipe_": members.recipe,
            "seeds_": self.seeds[: len(networks)],
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
        if not self.estimator._of_classes:
            with np.errstate(over="ignore"):  # of the largest that there are, rounded up
                T = np.nan_to_num(self.targets.decode(T.astype(np.float64)))
        return T.min(axis=0), T.max(axis=0)

    def _held_out(self, fitted: dict[str, Any], members: Members, n_rows: int) -> dict[str, Any]:
        """Return what is learned of the rows that members were not trained on: temperature and scores."""
        estimator, (Z, T, weights), held = self.estimator, members.data, members.held
        networks, loss = members.networks, members.networks[0].loss_
        assert held is not None
        logits = []
        for cache, network, part in zip(fitted["_backends"], networks, held, strict=True):
            backend = cache.get(estimator.backend, network, estimator.n_threads)
            logits.append(backend.forward(Z[part]).astype(np.float64))
        temperature = 1.0
        if estimator._calibrates():
            rows = np.concatenate(held)
            of_rows = None if weights is None else weights[rows]
            best, _ = best_temperature(np.concatenate(logits), T[rows], loss.output, of_rows)
            temperature = best if len(networks) == 1 else best**_OF_MEAN
        found = {"temperature_": float(temperature)}
        if len(Z) > n_rows:  # a validation set of the user's: no fold was left out
            return found
        outputs = np.full((n_rows, self.targets.n_outputs), np.nan)
        for part, of_part in zip(held, logits, strict=True):
            outputs[part] = loss.predict(of_part / temperature)
        known = np.isfinite(outputs).all(axis=1)
        of_rows = None if weights is None else weights[known]
        return found | estimator._oof_attributes(fitted, outputs, T, known, of_rows)


def _check_rows(name: str, X: Any) -> None:
    """Raise for what has no rows to be counted."""
    check_array_like(name, X)
    with naming(name):
        _num_samples(X)


def _check_total(weights: Array, of_what: str, name: str = "sample_weight") -> None:
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not 0 < total < np.inf:
        raise ValueError(f"{name} must have a finite sum above 0, got {total:g}{of_what}")


def _has_pieces(ensemble: _Ensemble) -> bool:
    return any(isinstance(column, np.ndarray) for column in ensemble[0].columns_)


def _is_better(plain: _Ensemble, pieces: _Ensemble, standard_errors: float) -> bool:
    """Return whether members without pieces are better on rows that they have not seen."""
    n_members = plain[1].recipe.n_members
    gains = pieces[1].unseen_losses(n_members) - plain[1].unseen_losses(n_members)
    return bool(gains.mean() > standard_errors * gains.std() / math.sqrt(len(gains)))


def _or_ones(weights: Array | None, Z: Array) -> Array:
    return np.ones(len(Z)) if weights is None else weights
