"""What ``backward`` of a layer could have computed where ``forward`` computes f(X W + b)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minnet.activations import Activation, Identity
from minnet.common.types import Array
from minnet.gradcheck.naming import Candidates, same
from minnet.gradcheck.slopes import slope
from minnet.gradcheck.watch import is_minnets
from minnet.layers import Layer

__all__ = ["dense_candidates", "of_derivative"]


def dense_candidates(layer: Layer, X: Array, Y: Array, dY: Array) -> dict[str, Candidates]:
    """Return for "W", "b" and "X" the right gradient, and those that usual mistakes give.

    Parameters
    ----------
    layer : Layer
        Whose ``forward`` made ``Y`` of ``X``.
    X : ndarray of shape (n_samples, fan_in)
    Y, dY : ndarray of shape (n_samples, fan_out)

    Returns
    -------
    dict
        Empty if the layer does not compute f(X W + b), nor leaves something out of it.
    """
    W: Any = getattr(layer, "W", None)
    b: Any = getattr(layer, "b", None)
    if np.shape(W) != (X.shape[1], Y.shape[1]) or np.shape(b) != Y.shape[1:]:
        return {}
    f = layer.activation or Identity()
    XW = X @ W
    Z = XW + b
    forwards = [
        ("", Z, f, True),
        ("the activation", Z, Identity(), True),
        ("the bias", XW, f, False),
        ("the bias and the activation", XW, Identity(), False),
    ]
    fitting = [forward for forward in forwards if same(Y, forward[2](forward[1]))]
    if not fitting:
        return {}
    missing, inner, activation, has_bias = fitting[0]
    slopes = list(_slopes(activation, inner))
    leaves_out = (f"is that of f(X W + b), and forward leaves out {missing}",)
    if missing:
        slopes += [(leaves_out, f.derivative(Z, y)) for y in (f(Z), Y)]
    dZs = [(said, dY * D) for said, D in slopes]
    dW: Candidates = [(said, X.T @ dZ) for said, dZ in dZs]
    db: Candidates = [(said, dZ.sum(axis=0)) for said, dZ in dZs]
    dX: Candidates = [(said, dZ @ W.T) for said, dZ in dZs]
    if not has_bias:
        db = [((), np.zeros_like(b)), *((leaves_out, total) for _, total in db)]
    for said, dZ in dZs:
        dW += [
            ((*said, "is transposed"), dZ.T @ X),
            ((*said, "has the output Y in the place of the input X"), Y.T @ dZ),
        ]
        db += [
            ((*said, "is not summed over the rows"), dZ),
            ((*said, "is summed over the units instead of the rows"), dZ.sum(axis=1)),
            ((*said, "is summed over the units as well as the rows"), np.sum(dZ)),
            ((*said, "is that of the first row alone, not the sum over the rows"), dZ[0]),
        ]
        dX += [
            ((*said, "is not multiplied by W transposed"), dZ),
            ((*said, "is transposed"), W @ dZ.T),
        ]
        if len(W) == len(b):
            dX.append(((*said, "is multiplied by W instead of W transposed"), dZ @ W))
    return {"W": dW, "b": db, "X": dX}


def _slopes(f: Activation, Z: Array) -> Iterator[tuple[tuple[str, ...], Array]]:
    """Return the derivative at ``Z``, and what is taken for it by mistake."""
    Y = f(Z)
    D = f.derivative(Z, Y) if is_minnets(f) else slope(f, Z)
    yield (), D
    yield ("lacks the derivative of the activation",), np.ones_like(Z)
    yield ("has the activation f(Z) in the place of its derivative",), Y
    yield ("has the derivative of the activation twice",), D * D
    if said := of_derivative(f, Z, D):
        yield (said,), f.derivative(Z, Y)
        return
    for z, y in ((Y, Y), (Z, Z), (Y, Z), (Y, f(Y))):
        yield ("has the derivative of the activation with Z and Y mixed up",), f.derivative(z, y)


def of_derivative(f: Activation | None, Z: Array, D: Array | None = None) -> str:
    """Return what is wrong with the derivative of a user's activation, "" if nothing.

    Examples
    --------
    >>> from minnet.activations import Tanh
    >>> class Wrong(Tanh):
    ...     def derivative(self, Z, Y):
    ...         return 1 - Y
    >>> of_derivative(Wrong(), np.array([0.0, 1.0]))
    'rests on a wrong derivative: that of Wrong() is 0.2384 at Z = 1, where the slope is 0.42'
    """
    if f is None or is_minnets(f):
        return ""
    D = slope(f, Z) if D is None else D
    taken = f.derivative(Z, f(Z))
    if same(taken, D):
        return ""
    k = np.argmax(np.abs(taken - D))
    return (
        f"rests on a wrong derivative: that of {f!r:.60} is {taken.flat[k]:.4g} at Z = {Z.flat[k]:.4g}, "
        f"where the slope is {D.flat[k]:.4g}"
    )
