"""Estimators as records of JSON and arrays, and back."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.utils._metadata_requests import SIMPLE_METHODS

from minnet.common.checks import is_whole
from minnet.common.fields import Field, checked, count, finite, flag, one_of, optional
from minnet.estimators.architecture import check_initializers, hidden_sizes, output_layer
from minnet.estimators.data import Features
from minnet.estimators.fitted import Fitted
from minnet.estimators.targets import Labels, Numbers
from minnet.network import Network
from minnet.persistence import trainings
from minnet.persistence.record import Record, wrong
from minnet.persistence.schema import restore
from minnet.persistence.values import Decoder, Encoder

__all__ = [
    "check_info", "check_names", "check_numbers", "check_whole_numbers", "describe_arguments",
    "describe_estimator", "describe_labels", "restore_arguments", "restore_estimator", "restore_labels",
]  # fmt: skip


def describe_estimator(model: Any, encoder: Encoder) -> dict[str, Any]:
    """Return the record of an estimator; its arrays go into the encoder."""
    return {
        **describe_arguments(model, encoder, lambda model: hidden_sizes(model.hidden_layer_sizes)),
        "fitted": _describe_fitted(model, encoder) if "network_" in vars(model) else None,
    }


def restore_estimator(cls: type[Any], record: Record, decoder: Decoder) -> Any:
    """Return the estimator of a record."""
    model = restore_arguments(cls, record, decoder, _check_arguments)
    fitted = record.optional_record("fitted")
    if fitted is not None:
        _restore_fitted(fitted, decoder, hasattr(cls, "predict_proba")).put_into(model)
    return model


def _check_arguments(model: Any) -> None:
    check_initializers(model)
    hidden_sizes(model.hidden_layer_sizes)
    output_layer(model)


# ---- arguments and metadata requests


def describe_arguments(model: Any, encoder: Encoder, check: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the record of what a user has set, which is what scikit-learn's checks and ``check`` take."""
    model._validate_params()
    check(model)
    params = model.get_params(deep=False)
    return {
        "params": {name: encoder.encode(value, name) for name, value in params.items()},
        "requests": _describe_requests(model),
    }


def restore_arguments(
    cls: type[Any], record: Record, decoder: Decoder, check: Callable[[Any], Any]
) -> Any:
    """Return the estimator that :func:`describe_arguments` has described."""
    params = record.record("params")
    if "backend" in params:
        trainings.use_backend_of_here(params)
    given = {
        name: decoder.decode(params.take(name), f"{params.where}.{name}")
        for name in cls._get_param_names()
        if name in params  # one that is not there was added after the file was written
    }
    params.done()
    model = cls(**given)
    try:
        model._validate_params()
        check(model)
    except Exception as error:  # whatever scikit-learn's checks make of a hostile argument
        raise ValueError(f"model.params cannot be those of a {cls.__name__}: {error}") from error
    requests = record.optional_record("requests")
    if requests is not None:
        _restore_requests(model, requests)
    return model


def _describe_requests(model: Any) -> dict[str, Any] | None:
    """Return which metadata the user has requested, by method; None where nothing was set."""
    if "_metadata_request" not in vars(model):
        return None
    requests = {
        method: getattr(model._metadata_request, method).requests for method in SIMPLE_METHODS
    }
    return {method: dict(given) for method, given in requests.items() if given}


def _restore_requests(model: Any, requests: Record) -> None:
    for method in SIMPLE_METHODS:
        if method in requests:
            given = requests.read(method, checked(partial(_check_request, method=method)))
            try:
                with config_context(enable_metadata_routing=True):
                    getattr(model, f"set_{method}_request")(**given)
            except (AttributeError, TypeError, ValueError) as error:
                raise ValueError(f"{requests.where}.{method} is not possible: {error}") from error
    requests.done()


def _check_request(where: str, given: Any, method: str) -> Any:
    names = list(given.values()) if isinstance(given, dict) else [0]
    if not all(name is None or type(name) in (bool, str) for name in names):
        raise wrong(where, f"what {method} takes", given)
    return given


# ---- what a fit leaves

# Where a fit leaves them; the first files had fewer.
_ATTRIBUTES = {
    "feature_names": "feature_names_in_",
    "fit_info": "fit_info_",
    "temperature": "temperature_",
    "target_mean_": "target_mean_",
    "target_scale_": "target_scale_",
}
_OPTIONAL = ("loss", "validated", "fit_info", "target_mean_", "target_scale_", "temperature")
_LARGEST_KEY = 2**64 - 1


def _describe_fitted(model: Any, encoder: Encoder) -> dict[str, Any]:
    trainer, labels = getattr(model, "_trainer", None), getattr(model, "_labels", None)
    fitted = {
        "network": trainings.describe_network(model.network_, encoder),
        "n_iter": encoder.encode(model.n_iter_, "n_iter_"),
        "trainer": None,
        "feature_names": None,
    }
    if len(model.networks_) > 1:
        fitted["keys"] = trainings.describe_alike(model.networks_[1:], fitted["network"], encoder)
        fitted["seeds"] = encoder.encode(model.seeds_, "seeds_")
    if trainer is not None:
        fitted["trainer"] = trainings.describe_trainer(trainer, encoder)
        fitted["early_stopping"] = model.best_loss_ is None
        fitted["validated"] = model.validation_scores_ is not None
    elif hasattr(model, "loss_"):
        fitted["loss"] = encoder.encode(model.loss_, "loss_")
    for key, name in _ATTRIBUTES.items():
        value = getattr(model, name, None)
        if value is not None:
            if key.startswith("target_"):
                low = 0 if key == "target_scale_" else -np.inf
                check_numbers(name, value, model.n_outputs_, low)
            fitted[key] = encoder.encode(value, name)
    if labels is not None:
        fitted["labels"] = describe_labels(labels, encoder)
    return fitted


def describe_labels(labels: Labels, encoder: Encoder) -> dict[str, Any]:
    """Return the record of the classes of a problem."""
    return {
        "classes": encoder.encode(labels.classes, "classes_"),
        "kind": labels.kind,
        "sparse": bool(labels.sparse),
    }


def _restore_fitted(record: Record, decoder: Decoder, of_labels: bool) -> Fitted:
    network = trainings.restore_network(record.record("network"), decoder)
    if not hasattr(network, "params"):
        raise ValueError(f"{record.where}.network must be initialized, and it is not")
    n_features, n_outputs = network.sizes[0], network.sizes[-1]
    fitted = Fitted(Features(n_features), Numbers(n_outputs), network)
    stored = record.optional_record("trainer")
    wanted: dict[str, Field] = {
        "n_iter": count(),
        "feature_names": optional(checked(partial(check_names, n=n_features))),
        "fit_info": checked(check_info),
    }
    if stored is not None:
        # A missing backend was warned of with the arguments.
        fitted.trainer = trainings.restore_trainer(stored, network, decoder, warn=False)
        wanted |= {"early_stopping": flag(), "validated": flag()}
    else:
        wanted["loss"] = finite()
    if "keys" in record:
        where = f"{record.where}.keys"
        keys = check_whole_numbers(where, record.items("keys"))
        fitted.others = trainings.restore_alike(network, keys, decoder)
        wanted["seeds"] = checked(partial(check_whole_numbers, n=1 + len(keys)))
    if of_labels:
        wanted["temperature"] = finite(0, left=False)
    else:
        wanted["target_mean_"] = checked(partial(check_numbers, n=n_outputs))
        wanted["target_scale_"] = checked(partial(check_numbers, n=n_outputs, low=0))
    found = restore(wanted, record, decoder, _OPTIONAL)
    fitted.features = Features(n_features, found["feature_names"])
    if of_labels:
        fitted.targets = restore_labels(record.record("labels"), network, decoder)
    elif ("target_mean_" in found) != ("target_scale_" in found):
        raise ValueError(f"{record.where} must have both or none of target_mean_ and target_scale_")
    else:
        fitted.targets = Numbers(n_outputs, found.get("target_mean_"), found.get("target_scale_"))
    fitted.n_iter = found["n_iter"]
    fitted.early_stopping = found.get("early_stopping", False)
    fitted.validated = found.get("validated", fitted.early_stopping)
    fitted.loss, fitted.info = found.get("loss"), found.get("fit_info")
    fitted.temperature, fitted.seeds = found.get("temperature"), found.get("seeds")
    record.done()
    return fitted


def check_whole_numbers(
    where: str, values: Any, n: int | None = None, kind: type[Any] = list, low: int = 0
) -> Any:
    """Return a list, or a tuple, of ``n`` or any number of whole numbers, or say what it is not."""
    fits = type(values) is kind and all(is_whole(each, low, _LARGEST_KEY) for each in values)
    if not fits or n not in (None, len(values)):
        these = f"{'' if n is None else f'{n} '}whole numbers of at least {low}"
        raise wrong(where, f"a {kind.__name__} of {these}", values)
    return values


def check_names(where: str, names: Any, n: int) -> Any:
    """Return the names of ``n`` features, or say what they are not."""
    texts = isinstance(names, np.ndarray) and names.shape == (n,) and names.dtype == object
    if not texts or not all(type(name) is str for name in names.tolist()):
        raise wrong(where, f"{n} texts", names)
    return names


def check_info(where: str, info: Any) -> Any:
    """Return a ``fit_info_``, or say what it is not."""
    plain = isinstance(info, dict) and all(
        isinstance(value, str | int | float | None)
        or (isinstance(value, dict) and all(type(text) is str for text in value.values()))
        for value in info.values()
    )
    if not plain or not all(type(name) is str for name in info):
        raise wrong(where, "texts and numbers by name", info)
    return info


def check_numbers(where: str, array: Any, n: int, low: float = -np.inf) -> Any:
    """Return ``n`` numbers above ``low``, or say what they are not."""
    given = isinstance(array, np.ndarray) and array.dtype == np.float64 and array.shape == (n,)
    if not given or not np.isfinite(array).all() or array.min() <= low:
        raise wrong(where, f"{n} finite float64 numbers{' above 0' * (low == 0)}", array)
    return array


def restore_labels(record: Record, network: Network, decoder: Decoder) -> Labels:
    """Return the classes of a record, which must fit the network's outputs."""
    where = f"{record.where}.classes"
    classes = decoder.decode(record.take("classes"), where)
    kind = record.read("kind", one_of("binary", "multiclass", "multilabel"))
    labels = Labels(classes, kind, record.read("sparse", flag()))
    record.done()
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or not len(classes):
        raise wrong(where, "an array of labels", classes)
    if (kind == "binary") != (len(classes) <= 2) and kind != "multilabel":
        raise ValueError(f"{where} must be one or two for binary labels alone, got {len(classes)}")
    if classes.dtype.kind == "f" and not np.isfinite(classes).all():
        raise wrong(where, "finite labels", classes)
    of_columns = kind == "multilabel"  # then they are in the order of these
    try:
        ordered = sorted(classes.tolist()) if of_columns else classes.tolist()
        rising = all(a < b for a, b in itertools.pairwise(ordered))
    except TypeError:
        rising = False
    if not rising:
        in_order = "" if of_columns else ", in their order"
        raise ValueError(f"{where} must be labels that can be sorted, each once{in_order}")
    if labels.n_outputs != network.sizes[-1] or labels.output != network.loss_.output:
        raise ValueError(
            f"{where} must fit the network's {network.sizes[-1]} outputs of {network.loss_.output}, "
            f"got {len(classes)} {kind} labels"
        )
    return labels
