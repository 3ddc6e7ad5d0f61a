"""A pass through a network that stands what is unfinished: it says where forward or backward stopped."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import numpy as np
from scipy.sparse import issparse

from minnet.common.shown import in_one_line
from minnet.common.types import Array, Shape
from minnet.layers import Layer
from minnet.network import Network

__all__ = ["ForwardStops", "Watch", "is_minnets", "is_numbers", "left"]


class ForwardStops(Exception):  # noqa: N818 (it says what happens)
    """What ``forward`` of a layer raised, or that it gave no array of the right shape, in a sentence."""


def is_minnets(part: Any) -> bool:
    """Return whether a layer, an activation or a loss is of a class that minnet's modules have.

    Examples
    --------
    >>> from minnet import Dense
    >>> is_minnets(Dense(3))
    True
    """
    cls = type(part)
    if cls.__module__.partition(".")[0] != "minnet":
        return False
    return getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls


class Watch:
    """Stands between a network and its parts; the network must be a copy that nobody else uses.

    ``forward`` of a layer notes what it was given, as ``ctx.given``. That of a user's layer raises
    :class:`ForwardStops` where it gives no array of the right shape; its ``backward`` has NaN in the
    place of each gradient that is not there or does not fit, so that the rest can be computed. A layer of
    the user's that comes first is asked for the gradient of its inputs, which a network has no use for.

    Attributes
    ----------
    faults : dict
        By the label of an array, by "layers[1].X" for the ``dX`` of a layer, or by "loss": what came in
        the place of a gradient, in words that go on from its name.
    dX : ndarray or None
        What ``backward`` of the first layer returned, if that is the user's: it may return None.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.faults: dict[str, str] = {}
        self.dX: Array | None = None
        for i, layer in enumerate(network.layers):
            # In the instances, so that a class of the user's stays what it is.
            vars(layer)["forward"] = self._forward(i, layer)
            if not is_minnets(layer):
                vars(layer)["backward"] = self._backward(i, layer)
        if not is_minnets(network.loss_):
            vars(network.loss_)["gradient"] = self._gradient(network.loss_.gradient)

    def _forward(self, i: int, layer: Layer) -> Any:
        forward, n_units = layer.forward, self.network.sizes[i + 1]

        def watched(X: Any, ctx: Any) -> Array:
            ctx.given = X
            if is_minnets(layer):
                return forward(X, ctx)
            ctx.needs_dX = not issparse(X)
            try:
                Y = forward(X, ctx)
            except Exception as error:
                text = f"layers[{i}]: {_stops('forward', error)}; {_shapes(layer, X=X)}"
                raise ForwardStops(text) from error
            due = (X.shape[0], n_units)
            if not _is_array(Y, due):
                text = f"layers[{i}]: forward returns {_what(Y)}, and must return Y of shape {due}"
                raise ForwardStops(text)
            return Y

        return watched

    def _backward(self, i: int, layer: Layer) -> Any:
        backward = layer.backward

        def watched(dY: Array, ctx: Any) -> Any:
            error = ""
            try:
                dX = backward(dY, ctx)
            except Exception as raised:
                dX, error = (
                    None,
                    f"is not there: {_stops('backward', raised)}; {_shapes(layer, dY=dY)}",
                )
            for row in self.network.parameter_table:
                if row.layer == i and not _broadcasts(given := left(ctx, row.name), row.shape):
                    missing = error or f"is not there: backward must leave it as ctx.d{row.name}"
                    self.faults[row.label] = _misfit(given, row.shape, missing)
                    setattr(ctx, f"d{row.name}", np.full(row.shape, np.nan))
            if not ctx.needs_dX or (i == 0 and dX is None and not error):
                return None
            if not _is_array(dX, ctx.given.shape):
                missing = error or "is not there: backward must return it"
                self.faults[f"layers[{i}].X"] = _misfit(dX, ctx.given.shape, missing)
                dX = np.full(ctx.given.shape, np.nan)
            if i == 0:
                self.dX = dX
            return dX

        return watched

    def _gradient(self, gradient: Any) -> Any:
        def watched(Z: Array, T: Array) -> Array:
            try:
                dZ = gradient(Z, T)
            except Exception as error:
                dZ, self.faults["loss"] = None, f"is not there: {_stops('gradient', error)}"
            if not _is_array(dZ, Z.shape):
                missing = "is not there: gradient(Z, T) must return it"
                self.faults.setdefault("loss", _misfit(dZ, Z.shape, missing))
                return np.full(Z.shape, np.nan)
            return dZ

        return watched


def _stops(method: str, error: Exception) -> str:
    """Return that a method stops, with what error, and in which line."""
    text = in_one_line(str(error), 120).rstrip(".")
    if text.startswith("matmul:"):
        text = "the shapes of a product do not fit"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if frame.name == method and frame.line]
    where = f" in the line `{in_one_line(lines[-1], 80)}`" if lines else ""
    return f"{method} stops{where} with {type(error).__name__}: {text}"


def left(ctx: Any, name: str) -> Any:
    """Return the gradient that a layer left for a parameter, or None."""
    try:
        return ctx.gradient(name)
    except Exception:
        return None


def is_numbers(value: Any) -> bool:
    """Return whether it is an array of real numbers, or one such number."""
    return isinstance(value, np.ndarray | np.number | int | float) and (
        np.asarray(value).dtype.kind in "fiub"
    )


def _is_array(value: Any, due: Shape) -> bool:
    return isinstance(value, np.ndarray) and value.shape == due and is_numbers(value)


def _broadcasts(value: Any, due: Shape) -> bool:
    """Return whether it can be written into an array of the shape that is due."""
    try:
        return is_numbers(value) and np.broadcast_shapes(np.shape(value), due) == due
    except ValueError:
        return False


def _misfit(value: Any, due: Shape, missing: str) -> str:
    if value is None:
        return missing
    if is_numbers(value):
        return f"has the shape {np.shape(value)}, and must have {due}"
    return f"is {_what(value)}, and must be an array of numbers of shape {due}"


def _what(value: Any) -> str:
    """Return what a value is, an array by its shape."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return "None" if value is None else f"a {type(value).__name__}"


def _shapes(layer: Layer, **arrays: Any) -> str:
    """Return the shapes of the arrays that meet in a layer."""
    arrays |= {name: getattr(layer, name) for name in sorted(getattr(layer, "_arrays", ()))}
    return ", ".join(f"{name} is {np.shape(value)}" for name, value in arrays.items())
