"""The fields of a class, and what trainers have beside fields, as records of JSON and arrays, and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from minnet.common.fields import Field, count, fields, flag
from minnet.common.types import Array
from minnet.network import Network
from minnet.optimizers import Optimizer
from minnet.persistence.record import Record
from minnet.persistence.values import Decoder, Encoder
from minnet.training.member import Member
from minnet.training.run import Run

__all__ = [
    "add_progress", "add_vector", "describe", "describe_optimizer", "restore", "take_optimizer",
    "take_progress", "take_vector",
]  # fmt: skip


def describe(obj: Any, encoder: Encoder) -> dict[str, Any]:
    """Return the record of an object's fields; those that are kept as arrays go into the encoder."""
    record = {}
    for name, field in fields(type(obj)).items():
        value = getattr(obj, name)
        if field.in_array:
            encoder.add(name, np.array(value, dtype=np.float64))
        else:
            record[name] = encoder.encode(value, name)
    return record


def restore(
    wanted: Mapping[str, Field], record: Record, decoder: Decoder, optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return the values of fields, each checked by its field.

    Parameters
    ----------
    wanted : dict of Field
        By their keys in the record.
    record : Record
    decoder : Decoder
    optional : collection of str
        Keys that may be missing: what is not there is not returned either.
    """
    values = {}
    for name, field in wanted.items():
        if name in optional and name not in (decoder.arrays if field.in_array else record):
            continue
        where = f"{record.where}.{name}"
        if field.in_array:
            value = decoder.arrays.array(name, [np.float64], ndim=1).tolist()
        else:
            value = decoder.decode(record.take(name), where)
        values[name] = field.check(where, value)
    return values


def add_vector(prefix: str, network: Network, flat: Array, encoder: Encoder) -> None:
    """Keep each array of a flat vector under a name of its own: where they lie is no one's business."""
    for i, views in enumerate(network.views(flat)):
        for name, view in views.items():
            encoder.add(f"{prefix}layers.{i}.{name}", view)


def take_vector(prefix: str, network: Network, flat: Array, decoder: Decoder) -> None:
    """Read what :func:`add_vector` kept into a flat vector."""
    for row in network.parameter_table:
        name = f"{prefix}layers.{row.layer}.{row.name}"
        flat[row.slice] = decoder.arrays.array(name, [network.dtype], row.shape).ravel()


def describe_optimizer(optimizer: Optimizer, network: Network, encoder: Encoder) -> dict[str, Any]:
    """Return the record of an optimizer; its state goes into the encoder."""
    assert optimizer.state is not None
    for k, flat in enumerate(optimizer.state):
        add_vector(f"optimizer.{k}.", network, flat, encoder)
    return {"optimizer": encoder.encode(optimizer, "optimizer"), "step": optimizer.step}


def take_optimizer(
    optimizer: Optimizer, network: Network, record: Record, decoder: Decoder
) -> None:
    """Give a prepared optimizer the step and the state that :func:`describe_optimizer` kept."""
    optimizer.step = record.read("step", count())
    assert optimizer.state is not None
    for k, flat in enumerate(optimizer.state):
        take_vector(f"optimizer.{k}.", network, flat, decoder)


def add_progress(prefix: str, run: Run | Member, network: Network, encoder: Encoder) -> None:
    """Keep the losses of an epoch that is not complete, and the best weights if there are some."""
    encoder.add(f"{prefix}losses", np.concatenate([*run.losses, np.empty(0)]))
    if run.best is not None:
        params, state = run.best
        add_vector(f"{prefix}best.", network, params, encoder)
        encoder.add(f"{prefix}best.state", state)


def take_progress(
    prefix: str, run: Run | Member, network: Network, record: Record, decoder: Decoder
) -> None:
    """Read what :func:`add_progress` kept; the record says whether there are best weights."""
    losses = decoder.arrays.array(f"{prefix}losses", [np.float64], ndim=1)
    run.losses = [losses] if len(losses) else []
    if record.read("has_best", flag()):
        params = np.zeros_like(network.params)
        take_vector(f"{prefix}best.", network, params, decoder)
        state = decoder.arrays.array(f"{prefix}best.state", [network.dtype], network.state.shape)
        run.best = params, state
