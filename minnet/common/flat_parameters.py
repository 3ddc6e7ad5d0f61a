"""All parameters of a network in one flat buffer, of which the layers have views; its copies."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from minnet.common.buffers import aligned_zeros, next_aligned
from minnet.common.checks import as_numbers, check_dtype
from minnet.common.types import Array, DTypeLike

__all__ = ["FlatParameters", "check_is_network"]

#: Arrays by name, for each layer.
Arrays = Sequence[Mapping[str, Array]]

_NOT_YET = "the network has no parameters yet: call initialize(n_features) first"


class FlatParameters:
    """Mixin of a network: its flat buffers, and copies of them in copies of it.

    Attributes
    ----------
    params, state : ndarray
        All parameters, and all that layers keep but do not train: flat, 64-byte aligned.
    parameter_table : list of ParameterRow
        Where each parameter lies.
    """

    layers: list[Any]
    dtype: np.dtype[Any]
    params: Array
    state: Array
    parameter_table: list[Any]
    precision: str | None

    def __setattr__(self, name: str, value: Any) -> None:
        # Assigning all copies into the buffer, of which the layers have views.
        if name not in ("params", "state") or name not in self.__dict__:
            super().__setattr__(name, value)
            return
        buffer = self.__dict__[name]
        value = as_numbers(name, value, buffer.dtype)
        if value.shape != buffer.shape:
            raise ValueError(f"{name} must have shape {buffer.shape}, got {value.shape}")
        buffer[...] = value

    def views(self, flat: Array) -> list[dict[str, Array]]:
        """Return for each layer a dict of views into ``flat``, a vector of the parameters' layout.

        Raises
        ------
        ValueError
            If it is no array of the shape of ``params``, or there are none yet.
        """
        if not hasattr(self, "params"):
            raise ValueError(_NOT_YET)
        if not isinstance(flat, np.ndarray) or flat.shape != self.params.shape:
            of_shape = f"n array of shape {flat.shape}" if isinstance(flat, np.ndarray) else ""
            raise ValueError(
                f"flat must be an array of shape {self.params.shape}, that of params, got a"
                f"{of_shape or ' ' + type(flat).__name__}"
            )
        views: list[dict[str, Array]] = [{} for _ in self.layers]
        for row in self.parameter_table:
            views[row.layer][row.name] = flat[row.slice].reshape(row.shape)
        return views

    def astype(self, dtype: DTypeLike) -> Self:
        """Return a copy that computes in ``dtype``, with the same parameters rounded to it.

        A copy in float64 is exact: it has no ``precision``.

        Parameters
        ----------
        dtype : str or dtype
            What the copy is to compute in, "float32" or "float64".
        """
        self._check_initialized()
        dtype = check_dtype(dtype)
        other = copy.deepcopy(self)
        if dtype == self.dtype:
            return other
        table: list[Any] = []
        offset = 0
        for row in self.parameter_table:
            table.append(dataclasses.replace(row, offset=offset))
            offset = next_aligned(table[-1].slice.stop, dtype)
        params = aligned_zeros(offset, dtype)
        for old, new in zip(self.parameter_table, table, strict=True):
            params[new.slice] = self.params[old.slice]
        other.dtype, other.parameter_table = dtype, table
        other.precision = None
        other._bind(params, self._states())
        return other

    def _is_bound(self) -> bool:
        """Return whether it has parameters, and the layers are those that have views of them."""
        bound = ["_arrays" in vars(layer) for layer in self.layers]
        return (
            hasattr(self, "params")
            and len(bound) == len(self._n_state_arrays)
            and False not in bound
        )

    def _check_initialized(self) -> None:
        if not hasattr(self, "params"):
            raise ValueError(_NOT_YET)
        if not self._is_bound():
            raise ValueError(
                "the layers of the network are not those that it was initialized with: call "
                "initialize(n_features), or make a new Network of them"
            )

    def _bind(self, params: Array, states: Arrays) -> None:
        """Take ``params`` and make layer attributes views of it and of the flat state."""
        n_state = sum(next_aligned(a.size, self.dtype) for s in states for a in s.values())
        self.__dict__.update(params=params, state=aligned_zeros(n_state, self.dtype))
        offset = 0
        for layer, parameters, arrays in zip(self.layers, self.views(params), states, strict=True):
            views = {}
            for name, array in arrays.items():
                views[name] = self.state[offset : offset + array.size].reshape(array.shape)
                views[name][...] = array
                offset = next_aligned(offset + array.size, self.dtype)
            layer.bind(parameters | views)
        self._n_state_arrays = [list(arrays) for arrays in states]

    def _states(self) -> list[dict[str, Array]]:
        """Return what each layer keeps but does not train, by name."""
        return [
            {name: getattr(layer, name) for name in names}
            for layer, names in zip(self.layers, self._n_state_arrays, strict=True)
        ]

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["layers"] = [layer.copy() for layer in self.layers]  # binding again is theirs alone
        if "params" in state:
            state["state"] = [
                {name: array.copy() for name, array in arrays.items()} for arrays in self._states()
            ]
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        # Views do not survive a pickle, and alignment does not either: copy and bind anew.
        state = dict(state)
        params, states = state.pop("params", None), state.pop("state", None)
        self.__dict__.update(state)
        if params is not None:
            aligned = aligned_zeros(params.size, self.dtype)
            aligned[...] = params
            self._bind(aligned, states)


def check_is_network(name: str, value: Any) -> None:
    """Raise if a value is no network, and say where it has one."""
    if isinstance(value, FlatParameters):
        return
    places = ("network_", "network")
    place = next((p for p in places if isinstance(getattr(value, p, None), FlatParameters)), None)
    end = "" if place is None else f": its {place} is one"
    raise TypeError(f"{name} must be a Network, got {value!r:.200}{end}")
