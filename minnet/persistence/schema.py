"""The fields of a class as a record of JSON and arrays, and back; flat vectors of parameters likewise."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from minnet.common.fields import Field, fields
from minnet.common.types import Array
from minnet.network import Network
from minnet.persistence.record import Record
from minnet.persistence.values import Decoder, Encoder

__all__ = ["add_vector", "describe", "restore", "take_vector"]


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
