"""Estimators for tables as records of JSON and arrays, and back."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any, get_type_hints

import numpy as np

from minnet._version import __version__
from minnet.common.fields import Field, checked, count, finite, flag, number, optional, text, whole
from minnet.common.types import Array
from minnet.estimators.fitted import BackendCache
from minnet.estimators.targets import Numbers
from minnet.network import Network
from minnet.persistence import trainings
from minnet.persistence.estimator import (
    check_info,
    check_numbers,
    check_whole_numbers,
    describe_arguments,
    describe_labels,
    restore_arguments,
    restore_labels,
)
from minnet.persistence.record import Record, wrong
from minnet.persistence.schema import restore
from minnet.persistence.table_encoder import describe_table_encoder, restore_table_encoder
from minnet.persistence.values import Decoder, Encoder
from minnet.piecewise import PiecewiseLinear
from minnet.tables import TableEncoder, TabularClassifier, TabularRegressor
from minnet.tables.rules import Recipe

__all__ = ["describe_tabular", "restore_tabular"]


#: What a fit leaves beside arrays.
_RECORDS: dict[str, Field] = {
    "n_iter_": count(),
    "best_epoch_": count(),
    "seeds_": checked(check_whole_numbers),
    "temperature_": finite(0, left=False),
    "fit_info_": checked(check_info),
    "oof_score_": number(),
    "oof_log_loss_": number(),
}

#: What is there where rows were left out of the training of a member.
_OUT_OF_FOLD = ("oof_score_", "oof_log_loss_")

_CURVES = ("loss_curves_", "validation_scores_")

#: What a recipe may say, by the types of its fields. Annotations are texts that are run, which must
#: not happen when a file is read: here it is done before.
_OF_TYPES: dict[Any, Field] = {
    int: whole(),
    int | None: optional(whole()),
    float: finite(0),
    str: text(),
    bool: flag(),
    tuple[int, ...]: checked(partial(check_whole_numbers, kind=tuple, low=1)),
}
_OF_RECIPE = {name: _OF_TYPES[hint] for name, hint in get_type_hints(Recipe).items()}


def describe_tabular(
    model: TabularClassifier | TabularRegressor, encoder: Encoder
) -> dict[str, Any]:
    """Return the record of an estimator; its arrays go into the encoder of the file."""
    return {
        **describe_arguments(model, encoder, _check_arguments),
        "fitted": _describe_fitted(model, encoder) if "networks_" in vars(model) else None,
    }


def restore_tabular(cls: type[Any], record: Record, decoder: Decoder) -> Any:
    """Return the estimator of a record."""
    model = restore_arguments(cls, record, decoder, _check_arguments)
    fitted = record.optional_record("fitted")
    if fitted is not None:
        model._put(_restore_fitted(cls, fitted, decoder))
        fitted.done()
    return model


def _check_arguments(model: Any) -> None:
    model._given_recipe()


# ---- what a fit leaves


def _describe_fitted(model: Any, encoder: Encoder) -> dict[str, Any]:
    state = vars(model)
    record = {
        "encoder": describe_table_encoder(model.encoder_, encoder),
        "recipe": {
            name: encoder.encode(value, f"recipe_.{name}")
            for name, value in model.recipe_._asdict().items()
        },
        **{name: encoder.encode(state[name], name) for name in _RECORDS if name in state},
    }
    encoding = _encoding(model.encoder_, model.recipe_)
    record["networks"] = _describe_networks(model.networks_, encoding, encoder)
    for name in _CURVES:
        curves = state[name]
        record[name] = [len(curve) for curve in curves]
        encoder.add(name, np.array([each for curve in curves for each in curve], dtype=np.float64))
    if "oof_prediction_" in state:
        encoder.add("oof_prediction_", model.oof_prediction_)
    if isinstance(model, TabularClassifier):
        return record | {"labels": describe_labels(model._labels, encoder)}
    _check_target(
        "", model.target_mean_, model.target_scale_, model.target_range_, model.n_outputs_
    )
    for name, array in zip(
        _OF_TARGET, (model.target_mean_, model.target_scale_, *model.target_range_), strict=True
    ):
        encoder.add(name, array)
    return record


def _restore_fitted(cls: type[Any], record: Record, decoder: Decoder) -> dict[str, Any]:
    encoder = _restore_encoder(record.record("encoder"), decoder)
    recipe = _restore_recipe(record.record("recipe"), decoder)
    encoding = _encoding(encoder, recipe)
    networks = _restore_networks(record.record("networks"), encoding, decoder)
    n_outputs = networks[0].sizes[-1]
    fitted = restore(_RECORDS, record, decoder, _OUT_OF_FOLD)
    fitted["recipe_"] = recipe
    if fitted["recipe_"].n_members != len(networks):
        raise wrong(
            f"{record.where}.networks",
            f"{fitted['recipe_'].n_members} by n_members of the recipe",
            len(networks),
        )
    for name in _CURVES:
        fitted[name] = _restore_curves(name, record, decoder)
    if issubclass(cls, TabularClassifier):
        labels = restore_labels(record.record("labels"), networks[0], decoder)
        fitted |= labels.attributes()
        width = len(labels.classes)
    else:
        fitted |= _restore_target(record.where, n_outputs, decoder)
        width = n_outputs
    if "oof_score_" in fitted:
        fitted["oof_prediction_"] = _restore_predictions(cls, width, decoder)
    names = vars(encoder).get("feature_names_in_")
    return fitted | {
        "n_features_in_": encoder.n_features_in_,
        **({} if names is None else {"feature_names_in_": names}),
        "encoder_": encoder,
        "networks_": networks,
        "n_outputs_": n_outputs,
        "_backends": [BackendCache() for _ in networks],
        "_minnet_version": __version__,
    }


def _restore_recipe(record: Record, decoder: Decoder) -> Recipe:
    values = {}
    for name, field in _OF_RECIPE.items():
        where = f"{record.where}.{name}"
        values[name] = decoder.decode(record.take(name), where)
        field.check(where, values[name])  # which would make an int of a number of NumPy's
    record.done()
    return Recipe(**values)


def _restore_encoder(record: Record, decoder: Decoder) -> TableEncoder:
    encoder = restore_table_encoder(record, decoder)
    record.done()
    plain = encoder.output == "structured" and "_sklearn_output_config" not in vars(encoder)
    if not plain or "encodings_" not in vars(encoder):
        raise ValueError(f"{record.where} must be fitted, and its output structured")
    return encoder


def _encoding(encoder: TableEncoder, recipe: Recipe) -> PiecewiseLinear:
    """Return the first layer of the members, which get zeros where no column says anything."""
    return PiecewiseLinear(encoder.columns_ or [None], recipe.code_dropout)


def _restore_curves(name: str, record: Record, decoder: Decoder) -> list[list[float]]:
    lengths = check_whole_numbers(f"{record.where}.{name}", record.items(name))
    together = decoder.arrays.array(name, [np.dtype(np.float64)], ndim=1)
    if sum(lengths) != len(together):
        raise wrong(f"{record.where}.{name}", f"lengths that sum to {len(together)}", sum(lengths))
    ends = np.cumsum([0, *lengths]).tolist()
    return [together[a:b].tolist() for a, b in itertools.pairwise(ends)]


def _restore_predictions(cls: type[Any], width: int, decoder: Decoder) -> Array:
    """Return ``oof_prediction_``: NaN where a row has none."""
    outputs = decoder.arrays.array("oof_prediction_", [np.dtype(np.float64)])
    in_a_row = width == 1 and not issubclass(cls, TabularClassifier)
    if outputs.shape[1:] != (() if in_a_row else (width,)) or np.isinf(outputs).any():
        raise ValueError(
            f"oof_prediction_ must be of {width} numbers a row, got the shape {outputs.shape}"
        )
    return outputs


# ---- the targets of a regressor

_OF_TARGET = ("target_mean_", "target_scale_", "target_range_.0", "target_range_.1")


def _restore_target(where: str, n: int, decoder: Decoder) -> dict[str, Any]:
    mean, scale, *ends = (
        decoder.arrays.array(name, [np.dtype(np.float64)], (n,)) for name in _OF_TARGET
    )
    _check_target(f"{where}.", mean, scale, tuple(ends), n)
    return Numbers(n, mean, scale).attributes() | {"target_range_": tuple(ends)}


def _check_target(where: str, mean: Any, scale: Any, ends: Any, n: int) -> None:
    check_numbers(f"{where}target_mean_", mean, n)
    check_numbers(f"{where}target_scale_", scale, n, 0)
    for end in ends:
        check_numbers(f"{where}target_range_", end, n)
    if not (ends[0] <= ends[1]).all():
        raise ValueError(f"{where}target_range_ must have the least number before the largest")


# ---- the members


def _describe_networks(
    networks: list[Network], encoding: PiecewiseLinear, encoder: Encoder
) -> dict[str, Any]:
    """Return what is the same of all networks, and the random keys; their arrays go into the encoder."""
    first = trainings.describe_network(networks[0], encoder, "members.0.", encoding)
    keys = trainings.describe_alike(networks[1:], first, encoder, encoding)
    return {"first": first, "keys": [networks[0].key, *keys]}


def _restore_networks(record: Record, encoding: PiecewiseLinear, decoder: Decoder) -> list[Network]:
    keys = check_whole_numbers(f"{record.where}.keys", record.items("keys"))
    if not keys:
        raise ValueError(f"{record.where}.keys must be one or more random keys")
    first = trainings.restore_network(record.record("first"), decoder, "members.0.", encoding)
    record.done()
    if not hasattr(first, "params"):
        raise ValueError(f"{record.where}.first must be initialized, and it is not")
    first.key = keys[0]
    return [first, *trainings.restore_alike(first, keys[1:], decoder)]
