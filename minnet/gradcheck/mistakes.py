r"""What is likely wrong with a backward pass: its gradients, beside those that usual mistakes make.

Each layer of the user's own is looked at alone: ``backward`` is given random numbers for ``dY``, and what
it makes of them is compared with the derivative of :math:`\sum dY \odot Y` for the ``Y`` of its own
``forward``. So a fault above or below has no part in it. Where the two differ, the gradient is computed
once more with each of the usual mistakes. One of them is named only where it gives the very numbers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from minnet.activations import Identity
from minnet.common.types import Array, Shape
from minnet.gradcheck.candidates import dense_candidates, of_derivative
from minnet.gradcheck.naming import Candidates, named, same
from minnet.gradcheck.slopes import differences, slopes_of_columns
from minnet.gradcheck.watch import Watch, is_minnets, is_numbers, left
from minnet.layers import Context, Layer
from minnet.links import dense
from minnet.network import Network

__all__ = ["explain"]

_UNKNOWN = "is not the derivative of what forward computes"


def explain(
    network: Network, watch: Watch, contexts: Sequence[Context], T: Any, wrong: Sequence[str]
) -> dict[str, str]:
    """Return for each wrong array what is likely wrong, in a sentence, where something can be said.

    Parameters
    ----------
    network : Network
        Watched.
    watch : Watch
        With the faults of a pass.
    contexts : list of Context
        Of that pass.
    T : array
        Targets, as the loss takes them.
    wrong : list of str
        Labels of the arrays.
    """
    rng = np.random.default_rng(0)
    notes: dict[str, str] = {}
    above: list[str] = []
    fault = "" if is_minnets(network.loss_) else _of_loss(network, watch, contexts[-1], dense(T))
    if fault:
        above.append(f"the gradient of the loss {fault}")
    for i in reversed(range(len(network.layers))):
        layer, ctx = network.layers[i], contexts[i]
        names = [*(row.name for row in network.parameter_table if row.layer == i), "X"]
        own: dict[str, str] = {}
        if not (is_minnets(layer) and is_minnets(layer.activation or Identity())):
            faults = {name: watch.faults.get(f"layers[{i}].{name}", "") for name in names}
            own = _of_layer(layer, ctx, faults, rng)
        for name in names:
            said = [f"d{name} {own[name]}"] if name in own else []
            label = f"layers[{i}].{name}"
            if label in wrong and (said or above):
                notes[label] = "; ".join([*said, *above])
        if "X" in own:
            above.insert(0, f"what comes down from layers[{i}] is wrong: its dX {own['X']}")
    return {label: notes[label] for label in wrong if label in notes}


def _of_layer(
    layer: Layer, ctx: Context, faults: Mapping[str, str], rng: np.random.Generator
) -> dict[str, str]:
    """Return what is wrong with each gradient that ``backward`` makes, by name, "X" for ``dX``.

    ``faults`` has what the watch says of each, "" where it fits.
    """
    cls, X = type(layer), dense(ctx.given)
    Y, fresh = _again(layer, ctx, X)
    dY: Array = np.asarray(rng.normal(size=Y.shape))
    dX: Any = None
    with contextlib.suppress(Exception):  # the watch says which
        dX = cls.backward(layer, dY.copy(), fresh)
    noise = 1e-10 * np.abs(dY * Y).sum()  # of a slope of their product, by its rounding

    def slopes(name: str, most: int) -> tuple[Array, Array, float]:
        array = X.copy() if name == "X" else getattr(layer, name)
        given = array if name == "X" else X
        return *differences(partial(_product, layer, ctx, given, dY), array, rng, most), noise

    with np.errstate(all="ignore"):
        candidates = dense_candidates(layer, X, Y, dY)
    # A layer may give f(X W + b) here, and yet depend on W in another way, say by its norm.
    if not all(_fits(candidates[name][0][1], *slopes(name, 10)) for name in candidates):
        candidates = {}
    found = {}
    for name, fault in faults.items():
        gradient = dX if name == "X" else left(fresh, name)
        if not is_numbers(gradient):
            said = fault
        elif name in candidates:
            said = named(np.asarray(gradient), candidates[name], len(Y), "" if fault else _UNKNOWN)
        else:
            due = X.shape if name == "X" else getattr(layer, name).shape
            said = _named_of_some(np.asarray(gradient), due, fault, len(Y), *slopes(name, 200))
            if said and isinstance(Z := getattr(fresh, "Z", None), np.ndarray):
                said = of_derivative(layer.activation, Z) or said
        if fault and said != fault:
            said = f"{said}: it {fault}" if said else fault
        if said:
            found[name] = said
    return found


def _again(layer: Layer, ctx: Context, X: Array) -> tuple[Array, Context]:
    """Return what ``forward`` makes of ``X``, as in the pass of a context, and a context of its own."""
    again = Context(True, True, ctx.weights, ctx.uniform, list(ctx.skips))
    return type(layer).forward(layer, X, again), again


def _product(layer: Layer, ctx: Context, X: Array, dY: Array) -> float:
    return float(np.sum(dY * _again(layer, ctx, X)[0]))


def _fits(array: Array, chosen: Array, slopes: Array, noise: float) -> bool:
    """Return whether those elements of an array that are known are right, but for noise."""
    some = array.reshape(-1)[chosen]
    return same(some, slopes) or bool(np.abs(some - slopes).max(initial=0.0) <= noise)


def _named_of_some(
    value: Array, due: Shape, fault: str, n_samples: int, chosen: Array, slopes: Array, noise: float
) -> str:
    """Return what is wrong with a gradient of which some elements are known."""

    def fits(turned: Array) -> bool:
        return turned.shape == due and _fits(turned, chosen, slopes, noise)

    if value.ndim and fits(value.sum(axis=0)) and not fits(value):
        return "is not summed over the rows"
    if fits(value.T) and not fits(value):
        return "is transposed"
    if fault or fits(written := np.broadcast_to(value, due)):
        return ""
    return named(written.reshape(-1)[chosen], [((), slopes)], n_samples, _UNKNOWN)


def _of_loss(network: Network, watch: Watch, last: Context, T: Array) -> str:
    """Return what is wrong with the gradient of a user's loss, "" if nothing."""
    if "loss" in watch.faults:
        return watch.faults["loss"]
    loss = network.loss_
    Z, _ = _again(network.layers[-1], last, last.given)
    dZ, smooth = slopes_of_columns(lambda Z: loss.value(Z, T), Z)
    candidates: Candidates = [((), dZ[smooth])]
    if np.shape(P := loss.predict(Z)) == Z.shape:
        candidates.append((("lacks the targets: it is the prediction alone",), P[smooth]))
    taken = loss.gradient(Z, T)[smooth]
    return named(taken, candidates, len(Z), "is not the derivative of its value")
