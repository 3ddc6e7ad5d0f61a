"""Networks and trainers as records of JSON and arrays, and back."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any

import numpy as np

from minnet.backends import BACKENDS, list_backends
from minnet.common.buffers import aligned_zeros, next_aligned
from minnet.common.callers import level_of_user
from minnet.common.fields import fields, flag, one_of, whole
from minnet.estimators.architecture import check_initializers
from minnet.losses import get_loss
from minnet.network import Network
from minnet.parameter_table import ParameterRow
from minnet.persistence.numbers import check_network, check_trainer
from minnet.persistence.record import Record
from minnet.persistence.schema import (
    add_progress,
    add_vector,
    describe,
    describe_optimizer,
    restore,
    take_optimizer,
    take_progress,
    take_vector,
)
from minnet.persistence.values import Decoder, Encoder
from minnet.piecewise import PiecewiseLinear
from minnet.residual import check_skips
from minnet.training import Trainer
from minnet.training.run import Run

__all__ = [
    "describe_alike", "describe_network", "describe_trainer", "restore_alike", "restore_network",
    "restore_trainer", "use_backend_of_here",
]  # fmt: skip

_OPTIONS = ("loss", "init", "bias_init", "alpha")  # of a network

# What a trainer has and the first files of format 1 have not.
_LATER = ("n_steps", "n_steps_before", "n_parts", "validation_loss_curve")


def describe_network(
    network: Network,
    encoder: Encoder,
    prefix: str = "",
    encoding: PiecewiseLinear | None = None,
) -> dict[str, Any]:
    """Return the record of a network; its arrays go into the encoder.

    Parameters
    ----------
    network : Network
    encoder : Encoder
    prefix : str, default=""
        Of the names of its arrays.
    encoding : PiecewiseLinear, default=None
        A layer that the file knows already: null stands for it, where it is the first one.
    """
    check_network(network)
    first, precision = network.layers[0], network.precision
    known = encoding is not None and isinstance(first, PiecewiseLinear) and _same(first, encoding)
    return {
        "layers": [
            None if i == 0 and known else encoder.encode(layer, f"layers[{i}]")
            for i, layer in enumerate(network.layers)
        ],
        **{name: encoder.encode(getattr(network, name), name) for name in _OPTIONS},
        **({} if precision is None else {"precision": precision}),
        "initialized": _describe_arrays(network, encoder, prefix)
        if hasattr(network, "params")
        else None,
    }


def _same(layer: PiecewiseLinear, other: PiecewiseLinear) -> bool:
    alike = layer.code_dropout == other.code_dropout and len(layer.columns) == len(other.columns)
    return alike and all(
        type(a) is type(b) and np.array_equal(a, b)
        for a, b in zip(layer.columns, other.columns, strict=True)
    )


def _describe_arrays(network: Network, encoder: Encoder, prefix: str) -> dict[str, Any]:
    parameters = [
        {
            "layer": row.layer,
            "name": row.name,
            "is_weight": row.is_weight,
            **describe(row, encoder),
            "init": encoder.encode(network.init_[row.label], f"the init of {row.label}"),
        }
        for row in network.parameter_table
    ]
    add_vector(prefix, network, network.params, encoder)
    for i, arrays in enumerate(network._states()):
        for name, array in arrays.items():
            encoder.add(f"{prefix}layers.{i}.{name}", array)
    return {
        "n_features": network.sizes[0],
        "dtype": network.dtype.name,
        "key": network.key,
        "parameters": parameters,
    }


def restore_network(
    record: Record, decoder: Decoder, prefix: str = "", encoding: PiecewiseLinear | None = None
) -> Network:
    """Return the network that :func:`describe_network` has described."""
    where = record.where
    layers = [
        encoding.copy()
        if layer is None and i == 0 and encoding is not None
        else decoder.kind(layer, f"{where}.layers[{i}]", "layer")
        for i, layer in enumerate(record.items("layers"))
    ]
    options = {name: decoder.decode(record.take(name), f"{where}.{name}") for name in _OPTIONS}
    if "precision" in record:  # files of before have none
        options["precision"] = record.read("precision", one_of("bf16"))
    network = Network(layers, **options)
    check_initializers(network)
    arrays = record.optional_record("initialized")
    record.done()
    if arrays is not None:
        _restore_arrays(network, arrays, decoder, prefix)
        arrays.done()
    return network


def describe_alike(
    networks: list[Network],
    first: dict[str, Any],
    encoder: Encoder,
    encoding: PiecewiseLinear | None = None,
) -> list[int]:
    """Return the random keys of networks that are, but for these and their arrays, as the first one.

    Parameters
    ----------
    networks : list of Network
        Without the first one.
    first : dict
        The record of that.
    encoder : Encoder
        Gets the arrays, with prefixes "members.1.", "members.2." and so on.
    encoding : PiecewiseLinear, default=None
        As for :func:`describe_network`.
    """
    for i, network in enumerate(networks, 1):
        of_this, prefix = Encoder(), f"members.{i}."
        record = describe_network(network, of_this, prefix, encoding)
        if _without_key(record) != _without_key(first):
            raise ValueError(
                f"networks_[{i}] must be as networks_[0] but for its numbers, and it is not"
            )
        for name, array in of_this.arrays.items():
            if name.startswith(prefix):  # others are arguments, which the first has, too
                encoder.add(name, array)
    return [network.key for network in networks]


def _without_key(record: dict[str, Any]) -> dict[str, Any]:
    initialized = record["initialized"]
    return record | {"initialized": initialized and initialized | {"key": 0}}


def restore_alike(first: Network, keys: list[int], decoder: Decoder) -> list[Network]:
    """Return the networks that :func:`describe_alike` has described."""
    return [_restore_like(first, key, decoder, f"members.{i}.") for i, key in enumerate(keys, 1)]


def _restore_like(first: Network, key: int, decoder: Decoder, prefix: str) -> Network:
    """Return a network that is as the first one but for its random key and its arrays."""
    params, state = np.zeros_like(first.params), {}
    take_vector(prefix, first, params, decoder)
    for i, arrays in enumerate(first._states()):
        for name, array in arrays.items():
            where = f"{prefix}layers.{i}.{name}"
            state[i, name] = decoder.arrays.array(where, [first.dtype], array.shape)
    network = copy.deepcopy(first)
    network.key = key
    network.params[...] = params
    for i, arrays in enumerate(network._states()):
        for name, array in arrays.items():
            array[...] = state[i, name]
    check_network(network)
    return network


def _restore_arrays(network: Network, record: Record, decoder: Decoder, prefix: str) -> None:
    """Give a network the parameters and the state of the file."""
    dtype = np.dtype(record.read("dtype", one_of("float32", "float64")))
    key = record.read("key", whole(0, 2**64 - 1))
    sizes = [record.read("n_features", whole())]
    rows = iter(record.items("parameters"))
    table: list[ParameterRow] = []
    init, arrays, states, offset = {}, [], [], 0
    for i, layer in enumerate(network.layers):
        sizes.append(layer.output_size(sizes[-1]))
        for name, parameter in layer.parameters(sizes[-2]).items():
            # Read before anything of its size is made: so the file bounds what is made.
            arrays.append(
                decoder.arrays.array(f"{prefix}layers.{i}.{name}", [dtype], parameter.shape)
            )
            stored = Record(next(rows, None), f"{record.where}.parameters[{len(table)}]")
            stored.read("layer", whole(i, i))
            stored.read("name", one_of(name))
            if stored.read("is_weight", flag()) != parameter.is_weight:
                raise ValueError(f"{stored.where}.is_weight must be {parameter.is_weight}")
            place = i, name, offset, parameter.shape, parameter.is_weight
            values = restore(fields(ParameterRow), stored, decoder, ("decay_factor",))
            values.setdefault("decay_factor", values["lr_factor"])  # there was none in old files
            table.append(ParameterRow(*place, **values))
            initializer, where = stored.take("init"), f"{stored.where}.init"
            init[table[-1].label] = decoder.kind(initializer, where, "initializer")
            stored.done()
            offset = next_aligned(table[-1].slice.stop, dtype)
        state = layer.state(sizes[-2]).items()
        states.append(
            {k: decoder.arrays.array(f"{prefix}layers.{i}.{k}", [dtype], v.shape) for k, v in state}
        )
    check_skips(network.layers, sizes)
    if next(rows, None) is not None:
        raise ValueError(f"{record.where}.parameters must have {len(table)} entries, got more")
    params = aligned_zeros(offset, dtype)
    for row, array in zip(table, arrays, strict=True):
        params[row.slice] = array.ravel()
    if network.precision is not None and dtype != np.float32:
        raise ValueError(
            f"{record.where}.dtype must be 'float32' with precision, got {dtype.name!r}"
        )
    network.key, network.sizes, network.dtype = key, sizes, dtype
    network.loss_, network.init_ = get_loss(network.loss, sizes[-1]), init
    network.parameter_table = table
    network._bind(params, states)
    check_network(network)


def describe_trainer(trainer: Trainer, encoder: Encoder) -> dict[str, Any]:
    """Return the record of a trainer without its network; its arrays go into the encoder."""
    check_trainer(trainer)
    return {
        **describe_optimizer(trainer.optimizer, trainer.network, encoder),
        "schedule": encoder.encode(trainer.schedule, "learning_rate"),
        **describe(trainer, encoder),
        "run": None
        if trainer.run is None
        else _describe_run(trainer.run, trainer.network, encoder),
    }


def restore_trainer(
    record: Record, network: Network, decoder: Decoder, warn: bool = True
) -> Trainer:
    """Return the trainer of a record, for its network."""
    where = record.where
    if not hasattr(network, "params"):
        raise ValueError("the network of a trainer must be initialized, and this one is not")
    optimizer = decoder.kind(record.take("optimizer"), f"{where}.optimizer", "optimizer")
    schedule = decoder.kind(record.take("schedule"), f"{where}.schedule", "schedule")
    # Made for the one backend that is always there; the file's is made when it is first asked for.
    trainer = Trainer(network, optimizer, learning_rate=schedule, backend="numpy")
    take_optimizer(trainer.optimizer, network, record, decoder)
    use_backend_of_here(record, warn)
    values = restore(fields(Trainer), record, decoder, _LATER)
    values.setdefault("n_parts", values["n_epochs"])  # there were no streams in old files
    n_scores = len(values["validation_scores"])  # nor losses of what is validated
    values.setdefault("validation_loss_curve", [math.nan] * n_scores)
    run = record.optional_record("run")
    record.done()
    values["run"] = None if run is None else _restore_run(run, network, decoder)
    trainer.__setstate__(values)
    check_trainer(trainer)
    return trainer


def use_backend_of_here(record: Record, warn: bool = True) -> None:
    """Put "auto" in the place of a backend that is not installed here."""
    name = record.take("backend")
    missing = type(name) is str and name in BACKENDS and name not in list_backends()
    record.put("backend", "auto" if missing else name)
    if missing and warn:
        warnings.warn(
            f"the model was saved with backend={name!r}, which is not installed here: 'auto' takes its "
            "place, and may differ in the last bits",
            stacklevel=level_of_user(),
        )


def _describe_run(run: Run, network: Network, encoder: Encoder) -> dict[str, Any]:
    add_progress("run.", run, network, encoder)
    return {**describe(run, encoder), "has_best": run.best is not None}


def _restore_run(record: Record, network: Network, decoder: Decoder) -> Run:
    run = Run(**restore(fields(Run), record, decoder, ("n_empty", "told")))
    take_progress("run.", run, network, record, decoder)
    record.done()
    return run
