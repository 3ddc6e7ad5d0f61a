"""Networks, trainers and estimators as records of JSON and arrays, and back."""

import math
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn import config_context
from sklearn.utils._metadata_requests import SIMPLE_METHODS

from minnet import estimators
from minnet.backends import _NEEDS, list_backends
from minnet.common.buffers import aligned_zeros, next_aligned
from minnet.estimators.architecture import check_initializers
from minnet.estimators.data import Features
from minnet.estimators.fitted import Fitted
from minnet.estimators.targets import Labels, Numbers
from minnet.losses import get_loss
from minnet.network import Network
from minnet.parameter_table import ParameterRow
from minnet.persistence.record import Record, shorten
from minnet.persistence.runs import describe_run, restore_run
from minnet.schedules import Schedule
from minnet.training import Trainer

__all__ = ["describe", "restore"]

_FLOAT64 = [np.dtype(np.float64)]

# What a trainer was told, and what it remembers.
_OPTIONS = (
    "batch_size", "shuffle", "tol", "n_iter_no_change", "clip_value", "clip_norm", "weight_decay",
    "backend", "n_threads", "verbose",
)  # fmt: skip
_COUNTS = (
    "n_epochs", "n_steps", "n_steps_before", "n_parts", "n_seen", "no_improvement_count"
)  # fmt: skip
_NUMBERS = ("initial_rate", "best_loss", "best_score")
_CURVES = ("loss_curve", "validation_scores", "validation_loss_curve")
_OF_TARGETS = ("target_mean_", "target_scale_")
# What files had from the first day on; the others may be missing in old ones.
_OLD_CURVES = _CURVES[:2]


def _classes():
    # A transformer holds an estimator: that is what is saved.
    return {cls.__name__: cls for cls in (estimators.MinNetClassifier, estimators.MinNetRegressor)}


def describe(model, encoder):
    """Return the record of a model; its arrays go into the encoder.

    Raises
    ------
    TypeError
        If it is none of minnet's own.
    ValueError
        If it has something that cannot be kept.
    """
    kind = type(model).__name__
    if type(model) is Network:
        return {"class": kind, "network": _describe_network(model, encoder)}
    if type(model) is Trainer:
        network = _describe_network(model.network, encoder)
        return {
            "class": kind,
            "network": network,
            "trainer": _describe_trainer(model, model.network, encoder),
        }
    if _classes().get(kind) is not type(model):
        raise TypeError(
            f"model must be a Network, a Trainer or one of {', '.join(_classes())}, got a {kind}: "
            "joblib.dump keeps anything, but its files must be trusted"
        )
    return {"class": kind, **_describe_estimator(model, encoder)}


def restore(value, decoder):
    """Return the model of a record."""
    record = Record(value, "model")
    classes = _classes()
    kind = record.text("class", ["Network", "Trainer", *classes])
    if kind in classes:
        model = _restore_estimator(classes[kind], record, decoder)
    else:
        model = _restore_network(record.record("network"), decoder)
        if kind == "Trainer":
            model = _restore_trainer(record.record("trainer"), model, decoder)
    record.done()
    return model


# ---- networks


def _describe_network(network, encoder):
    names = ("loss", "init", "bias_init", "alpha")
    record = {
        "layers": [encoder.encode(layer, f"layers[{i}]") for i, layer in enumerate(network.layers)],
        **{name: encoder.encode(getattr(network, name), name) for name in names},
        "initialized": None,
    }
    if hasattr(network, "params"):
        record["initialized"] = {
            "n_features": network.sizes[0],
            "dtype": network.dtype.name,
            "key": network.key,
            "parameters": [
                {
                    "layer": row.layer,
                    "name": row.name,
                    "is_weight": row.is_weight,
                    "lr_factor": encoder.encode(row.lr_factor, f"{row.label}.lr_factor"),
                    "trainable": row.trainable,
                    "init": encoder.encode(network.init_[row.label], f"the init of {row.label}"),
                }
                for row in network.parameter_table
            ],
        }
        _add_parameters("", network, network.params, encoder)
        for i, arrays in enumerate(network._states()):
            for name, array in arrays.items():
                encoder.add(f"layers.{i}.{name}", array)
    return record


def _add_parameters(prefix, network, flat, encoder):
    """Keep each array of a flat vector under a name of its own: where they lie is no one's business."""
    for i, views in enumerate(network.views(flat)):
        for name, view in views.items():
            encoder.add(f"{prefix}layers.{i}.{name}", view)


def _restore_network(record, decoder):
    if record is None:
        raise ValueError("the network must be an object, got null")
    where = record.where
    layers = [
        decoder.decode_kind(layer, f"{where}.layers[{i}]", "layer")
        for i, layer in enumerate(record.items("layers"))
    ]
    options = {
        name: decoder.decode(record.take(name), f"{where}.{name}")
        for name in ("loss", "init", "bias_init", "alpha")
    }
    network = Network(layers, **options)
    check_initializers(network)
    initialized = record.record("initialized")
    record.done()
    if initialized is not None:
        _initialize(network, initialized, decoder)
        initialized.done()
    return network


def _initialize(network, record, decoder):
    """Give a network the parameters and the state of the file."""
    dtype = np.dtype(record.text("dtype", ("float32", "float64")))
    key = record.integer("key", 0, 2**64 - 1)
    sizes = [record.integer("n_features", 1)]
    rows = iter(record.items("parameters"))
    table, init, arrays, states, offset = [], {}, [], [], 0
    for i, layer in enumerate(network.layers):
        sizes.append(layer.output_size(sizes[-1]))
        for name, parameter in layer.parameters(sizes[-2]).items():
            where = f"layers.{i}.{name}"
            # Read before anything of its size is made: so the file bounds what is made.
            shape = parameter.shape
            arrays.append(decoder.arrays.array(where, f"the array {where!r}", [dtype], shape))
            stored = Record(next(rows, None), f"{record.where}.parameters[{len(table)}]")
            stored.integer("layer", i, i)
            stored.text("name", [name])
            is_weight, trainable = stored.flag("is_weight"), stored.flag("trainable")
            if is_weight != parameter.is_weight:
                raise ValueError(f"{stored.where}.is_weight must be {parameter.is_weight}")
            lr_factor = decoder.decode(stored.take("lr_factor"), f"{stored.where}.lr_factor")
            if not _is_number(lr_factor) or not 0 <= lr_factor < math.inf:
                raise ValueError(f"{stored.where}.lr_factor must be at least 0, got {lr_factor!r}")
            row = ParameterRow(i, name, offset, shape, is_weight, lr_factor, trainable)
            init[row.label] = decoder.decode_kind(
                stored.take("init"), f"{stored.where}.init", "initializer"
            )
            stored.done()
            table.append(row)
            offset = next_aligned(row.slice.stop, dtype)
        states.append({})
        for name, initial in layer.state(sizes[-2]).items():
            where = f"layers.{i}.{name}"
            shape = initial.shape
            states[-1][name] = decoder.arrays.array(where, f"the array {where!r}", [dtype], shape)
    if next(rows, None) is not None:
        raise ValueError(f"{record.where}.parameters must have {len(table)} entries, got more")
    loss = get_loss(network.loss, sizes[-1])
    params = aligned_zeros(offset, dtype)
    for row, array in zip(table, arrays, strict=True):
        params[row.slice] = array.ravel()
    network.__setstate__(
        {
            "key": key,
            "sizes": sizes,
            "dtype": dtype,
            "loss_": loss,
            "init_": init,
            "parameter_table": table,
            "params": params,
            "state": states,
        }
    )


# ---- trainers


def _describe_trainer(trainer, network, encoder):
    for name in _CURVES:
        encoder.add(name, np.array(getattr(trainer, name), dtype=np.float64))
    optimizer = trainer.optimizer
    for k, flat in enumerate(optimizer.state):
        _add_parameters(f"optimizer.{k}.", network, flat, encoder)
    kept = [name for name in (*_OPTIONS, *_COUNTS, *_NUMBERS) if hasattr(trainer, name)]
    return {
        "optimizer": encoder.encode(optimizer, "optimizer"),
        "step": optimizer.step,
        "schedule": encoder.encode(trainer.schedule, "learning_rate"),
        **{name: encoder.encode(getattr(trainer, name), name) for name in kept},
        "run": describe_run(trainer.run, network, encoder),
    }


def _restore_trainer(record, network, decoder, warn=True):
    if record is None:
        raise ValueError("the trainer must be an object, got null")
    if not hasattr(network, "params"):
        raise ValueError("the network of a trainer must be initialized, and this one is not")
    where = record.where
    optimizer = decoder.decode_kind(record.take("optimizer"), f"{where}.optimizer", "optimizer")
    schedule = decoder.decode_kind(record.take("schedule"), f"{where}.schedule", "schedule")
    step = record.integer("step")
    state = [
        [
            decoder.arrays.array(f"optimizer.{k}.layers.{row.layer}.{row.name}",
                                 "the optimizer's state", [network.dtype], row.shape)
            for row in network.parameter_table
        ]
        for k in range(optimizer.n_state)
    ]  # fmt: skip
    options = {
        name: decoder.decode(record.take(name), f"{where}.{name}")
        for name in _OPTIONS
        if name in record
    }
    _take_backend_of_here(options, warn)
    records = {name: record.integer(name) for name in _COUNTS if name in record}
    for name in _NUMBERS:
        records[name] = decoder.decode(record.take(name), f"{where}.{name}")
    _check_trainer(options | {name: records[name] for name in _NUMBERS}, schedule, where)
    for name in _CURVES if "n_steps_before" in records else _OLD_CURVES:
        curve = decoder.arrays.array(name, f"the array {name!r}", _FLOAT64, ndim=1)
        records[name] = curve.tolist()
    records.setdefault("n_parts", records.get("n_epochs", 0))  # there were no streams in old files
    run = restore_run(record.record("run"), network, decoder) if "run" in record else None
    record.done()

    # Made for the one backend that is always there; the file's is made when it is first asked for.
    backend = options.pop("backend", "auto")
    trainer = Trainer(network, optimizer, learning_rate=schedule, backend="numpy", **options)
    for flat, arrays in zip(trainer.optimizer.state, state, strict=True):
        for row, array in zip(network.parameter_table, arrays, strict=True):
            flat[row.slice] = array.ravel()
    trainer.optimizer.step = step
    trainer.__setstate__({"backend": backend, "run": run, **records})
    return trainer


def _check_trainer(values, schedule, where):
    """Raise where an option or a record is not what a trainer can have."""
    wanted = {
        "batch_size": (lambda v: _is_whole(v) and v >= 1, "a whole number of at least 1"),
        "shuffle": (_is_flag, "True or False"),
        "tol": (_is_number, "a number"),
        "n_iter_no_change": (_is_number, "a number"),
        "clip_value": (lambda v: v is None or (_is_number(v) and v > 0), "None or above 0"),
        "clip_norm": (lambda v: v is None or (_is_number(v) and v > 0), "None or above 0"),
        "weight_decay": (lambda v: _is_number(v) and v >= 0, "a number of at least 0"),
        "backend": (lambda v: v in ("auto", *list_backends()), "the name of a backend"),
        "n_threads": (lambda v: v is None or (_is_whole(v) and v >= 1), "None or at least 1"),
        "verbose": (lambda v: _is_flag(v) or _is_whole(v), "True, False or a whole number"),
        "initial_rate": (lambda v: _is_number(v) and v >= 0, "a number of at least 0"),
        "best_loss": (lambda v: isinstance(v, Real), "a number"),
        "best_score": (lambda v: isinstance(v, Real), "a number"),
    }
    for name, value in values.items():
        fits, what = wanted[name]
        if isinstance(value, np.ndarray | list | dict) or not fits(value):
            raise ValueError(f"{where}.{name} must be {what}, got {shorten(value)}")
    _check_schedule(schedule, f"{where}.schedule")


def _check_schedule(schedule, where):
    for name, value in schedule.get_config().items():
        if isinstance(value, Schedule):  # what follows a warm-up
            _check_schedule(value, f"{where}.{name}")
        elif not _is_numbers(value):
            raise ValueError(f"{where} must have numbers as {name}, got {shorten(value)}")


def _take_backend_of_here(options, warn=True):
    """Put "auto" in the place of a backend that is not installed here."""
    name = options.get("backend")
    if type(name) is str and name in _NEEDS and name not in list_backends():
        options["backend"] = "auto"
        if not warn:
            return
        warnings.warn(
            f"the model was saved with backend={name!r}, which is not installed here: 'auto' takes its "
            "place, and may differ in the last bits",
            stacklevel=7,  # the call of load_model
        )


def _is_flag(value):
    return isinstance(value, bool | np.bool_)


def _is_whole(value):
    return isinstance(value, Integral) and not _is_flag(value)


def _is_number(value):
    return isinstance(value, Real) and not _is_flag(value) and not math.isnan(value)


def _is_numbers(value):
    if isinstance(value, list | tuple):
        return all(map(_is_numbers, value))
    return value is None or _is_flag(value) or _is_number(value)


# ---- estimators


def _describe_estimator(model, encoder):
    model._validate_params()
    params = model.get_params(deep=False)
    record = {
        "params": {name: encoder.encode(value, name) for name, value in params.items()},
        "requests": _describe_requests(model),
        "fitted": None,
    }
    if "network_" not in vars(model):
        return record
    network = model.network_
    fitted = {
        "network": _describe_network(network, encoder),
        "n_iter": encoder.encode(model.n_iter_, "n_iter_"),
        "trainer": None,
        "feature_names": None,
    }
    trainer = getattr(model, "_trainer", None)
    if trainer is not None:
        fitted["trainer"] = _describe_trainer(trainer, network, encoder)
        fitted["early_stopping"] = model.best_loss_ is None
        fitted["validated"] = model.validation_scores_ is not None
    elif hasattr(model, "loss_"):
        fitted["loss"] = encoder.encode(model.loss_, "loss_")
    if "feature_names_in_" in vars(model):
        fitted["feature_names"] = encoder.encode(model.feature_names_in_, "feature_names_in_")
    if "fit_info_" in vars(model):
        fitted["fit_info"] = encoder.encode(model.fit_info_, "fit_info_")
    if getattr(model, "target_mean_", None) is not None:
        for name in _OF_TARGETS:
            fitted[name] = encoder.encode(getattr(model, name), name)
    labels = getattr(model, "_labels", None)
    if labels is not None:
        fitted["labels"] = {
            "classes": encoder.encode(labels.classes, "classes_"),
            "kind": labels.kind,
            "sparse": bool(labels.sparse),
        }
    return record | {"fitted": fitted}


def _describe_requests(model):
    """Return which metadata the user has requested, by method; None where nothing was set."""
    if "_metadata_request" not in vars(model):
        return None
    requests = {
        method: getattr(model._metadata_request, method).requests for method in SIMPLE_METHODS
    }
    return {method: dict(given) for method, given in requests.items() if given}


def _restore_estimator(cls, record, decoder):
    params = record.record("params")
    if params is None:
        raise ValueError("model.params must be an object, got null")
    given = {
        name: decoder.decode(params.take(name), f"model.params.{name}")
        for name in cls._get_param_names()
        if name in params
    }
    params.done()
    _take_backend_of_here(given)
    model = cls(**given)
    try:
        model._validate_params()
        check_initializers(model)
    except Exception as error:  # whatever scikit-learn's checks make of a hostile argument
        raise ValueError(f"model.params cannot be those of a {cls.__name__}: {error}") from error
    _restore_requests(model, record)
    fitted = record.record("fitted")
    if fitted is not None:
        _restore_fitted(model, fitted, decoder)
        fitted.done()
    return model


def _restore_requests(model, record):
    requests = record.record("requests")
    if requests is None:
        return
    for method in SIMPLE_METHODS:
        if method not in requests:
            continue
        given = requests.take(method)
        set_request = getattr(model, f"set_{method}_request", None)
        plain = isinstance(given, dict) and all(
            value is None or type(value) in (bool, str) for value in given.values()
        )
        if set_request is None or not plain:
            raise ValueError(f"model.requests.{method} must be what {method} takes, got {given!r}")
        try:
            with config_context(enable_metadata_routing=True):
                set_request(**given)
        except (TypeError, ValueError) as error:
            raise ValueError(f"model.requests.{method} is not possible: {error}") from error
    requests.done()


def _restore_fitted(model, record, decoder):
    where = record.where
    network = _restore_network(record.record("network"), decoder)
    if not hasattr(network, "params"):
        raise ValueError(f"{where}.network must be initialized, and it is not")
    n_iter = decoder.decode(record.take("n_iter"), f"{where}.n_iter")
    if not _is_whole(n_iter) or n_iter < 0:
        raise ValueError(f"{where}.n_iter must be at least 0, got {shorten(n_iter)}")
    trainer, early, validated = None, False, False
    stored = record.record("trainer")
    if stored is not None:
        trainer = _restore_trainer(stored, network, decoder, warn=False)  # the estimator has warned
        early = record.flag("early_stopping")
        validated = record.flag("validated") if "validated" in record else early
    loss = None
    if "loss" in record:
        loss = decoder.decode(record.take("loss"), f"{where}.loss")
        if not isinstance(loss, Real) or _is_flag(loss):
            raise ValueError(f"{where}.loss must be a number, got {shorten(loss)}")
    names = decoder.decode(record.take("feature_names"), f"{where}.feature_names")
    if names is not None:
        names = _check_names(names, network.sizes[0], where)
    if hasattr(type(model), "predict_proba"):
        targets = _restore_labels(record.record("labels"), network, decoder)
    else:
        targets = _restore_numbers(record, decoder, network.sizes[-1])
    info = None
    if "fit_info" in record:
        info = decoder.decode(record.take("fit_info"), f"{where}.fit_info")
        info = _check_fit_info(info, f"{where}.fit_info")
    features = Features(network.sizes[0], names)
    Fitted(features, targets, network, trainer, n_iter, validated, early, loss, info).put_into(
        model
    )


def _restore_numbers(record, decoder, n_outputs):
    arrays = []
    for name in _OF_TARGETS:
        array = None
        if name in record:
            array = decoder.decode(record.take(name), f"{record.where}.{name}")
            given = isinstance(array, np.ndarray) and array.dtype == np.float64
            if not given or array.shape != (n_outputs,) or not np.isfinite(array).all():
                raise ValueError(
                    f"{record.where}.{name} must be {n_outputs} finite float64 numbers"
                )
        arrays.append(array)
    if (arrays[0] is None) != (arrays[1] is None):
        raise ValueError(f"{record.where} must have both or none of {' and '.join(_OF_TARGETS)}")
    return Numbers(n_outputs, *arrays)


def _check_fit_info(info, where):
    """Raise unless it is texts and numbers by name, and texts by name as versions."""
    plain = isinstance(info, dict) and all(
        isinstance(value, str | int | float | None)
        or (isinstance(value, dict) and all(type(text) is str for text in value.values()))
        for value in info.values()
    )
    if not plain or not all(type(name) is str for name in info):
        raise ValueError(f"{where} must be texts and numbers by name, got {shorten(info)}")
    return info


def _check_names(names, n_features, where):
    texts = isinstance(names, np.ndarray) and names.shape == (n_features,) and names.dtype == object
    if not texts or not all(type(name) is str for name in names.tolist()):
        raise ValueError(f"{where}.feature_names must be {n_features} texts")
    return names


def _restore_labels(record, network, decoder):
    if record is None:
        raise ValueError("the labels must be an object, got null")
    where = f"{record.where}.classes"
    classes = decoder.decode(record.take("classes"), where)
    kind = record.text("kind", ("binary", "multiclass", "multilabel"))
    labels = Labels(classes, kind, record.flag("sparse"))
    record.done()
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or not len(classes):
        raise ValueError(f"{where} must be an array of labels, got {shorten(classes)}")
    if (kind == "binary") != (len(classes) <= 2) and kind != "multilabel":
        raise ValueError(f"{where} must be one or two for binary labels alone, got {len(classes)}")
    try:
        rising = all(
            a < b for a, b in zip(classes[:-1].tolist(), classes[1:].tolist(), strict=True)
        )
    except TypeError:
        rising = False
    if not rising:
        raise ValueError(f"{where} must be labels that can be sorted, each once, in their order")
    if labels.n_outputs != network.sizes[-1] or labels.output != network.loss_.output:
        raise ValueError(
            f"{where} must fit the network's {network.sizes[-1]} outputs of {network.loss_.output}, "
            f"got {len(classes)} {kind} labels"
        )
    return labels
