"""One step of gradient descent, matrix by matrix, and the lines of code that make each.

The numbers are those of :meth:`minnet.Network.forward_backward`, and the lines are read from minnet's own
files by :mod:`inspect`: what is shown is what runs.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.common.plain import plain_numbers
from minnet.common.types import Array
from minnet.descend import descend
from minnet.layers import Dense
from minnet.network import Network
from minnet.optimizers import SGD

__all__ = ["lines_of", "step"]


def __dir__() -> list[str]:
    return __all__


_LONGEST = 6  # lines of a function that is shown as a whole, not its lines in question alone


def lines_of(function: Callable[..., Any], fragment: str = "") -> dict[str, Any]:
    """Return lines of a function, with the numbers that they have in their file.

    Parameters
    ----------
    function : callable
        Written in Python.
    fragment : str
        What the lines in question contain; "" is in all lines below the first.

    Returns
    -------
    dict
        ``file``, the name of the module as a path; ``lines``, a list of [number, text, whether it is in
        question]: the whole function where it is short, else the lines in question.

    Raises
    ------
    LookupError
        If no line contains ``fragment``.

    Examples
    --------
    >>> from minnet import Dense
    >>> from minnet.views.step import lines_of
    >>> code = lines_of(Dense.forward, "Z = X @")
    >>> code["file"], code["lines"][1][1:]
    ('minnet/layers.py', ['    Z = X @ self.W + self.b', True])
    """
    texts, first = inspect.getsourcelines(function)
    texts = inspect.cleandoc("\n" + "".join(texts)).split("\n")
    lines: list[Any] = [
        [first + i, text, i > 0 and fragment in text] for i, text in enumerate(texts)
    ]
    asked = [line for line in lines if line[2]]
    if not asked:
        raise LookupError(f"no line of {function.__qualname__} contains {fragment!r}")
    if len(lines) > _LONGEST:
        lines = [[number, text.strip(), True] for number, text, _ in asked]
    return {"file": function.__module__.replace(".", "/") + ".py", "lines": lines}


def _code(network: Network) -> dict[str, Any]:
    """Return for each quantity the code that computes it, nearest first."""
    layers: list[Any] = network.layers
    loss, activations = network.loss_, [layer.activation for layer in layers]
    return {
        "Z": [lines_of(Dense.forward, "Z = X @")],
        "Y": [[lines_of(Dense.forward, "ctx.Y ="), lines_of(f.__call__)] for f in activations],
        "P": [lines_of(loss.gradient, "softmax(")],
        "loss": [lines_of(loss.value), lines_of(Network._objective, "losses")],
        "dY": [lines_of(loss.gradient), lines_of(Network.forward_backward, "loss_.gradient(")],
        "dZ": [[lines_of(Dense.backward, "dZ = dY"), lines_of(f.derivative)] for f in activations],
        "dW": [lines_of(Dense.backward, "ctx.dW")],
        "dX": [lines_of(Dense.backward, "return")],
        "update": [lines_of(SGD.update, "params -="), lines_of(descend, "optimizer.update(")],
    }


@np.errstate(over="ignore", invalid="ignore")  # what has diverged is shown as such
def step(network: Network, X: Array, T: Array, learning_rate: float) -> dict[str, Any]:
    """Return every matrix of one step of gradient descent, and the code lines; the network stays as it is.

    Parameters
    ----------
    network : Network
        Dense layers, a softmax on the last; initialized.
    X : ndarray of shape (n_samples, n_features)
        Of the network's dtype.
    T : ndarray of int, shape (n_samples,)
        Classes.
    learning_rate : float

    Returns
    -------
    dict
        Nested lists, as JSON takes them, with None for what is not finite: ``X``, ``T``, ``P`` (softmax of
        the last ``Z``), ``losses`` (of each sample), ``loss``, ``loss_after`` (with the new weights),
        ``learning_rate``, ``layers`` (for each ``activation``, its name, and ``W``, ``b``, ``Z``, ``Y``,
        ``slope``: f'(Z), ``dY``, ``dZ``, ``dW``, ``db``, ``W_after``, ``b_after``) and ``code``
        (see :func:`lines_of`; of ``Y`` and ``dZ`` a list for each layer).

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.views.step import step
    >>> net = Network([Dense(3, "tanh"), Dense(2)]).initialize(n_features=2, random_state=0)
    >>> one = step(net, np.eye(2), np.array([0, 1]), learning_rate=0.5)
    >>> np.allclose(one["layers"][1]["dZ"], (np.array(one["P"]) - np.eye(2)) / 2)
    True
    >>> one["loss_after"] < one["loss"]
    True
    """
    loss, grads, contexts = network.forward_backward(X, T)
    after = network.astype(network.dtype)  # a copy
    SGD(learning_rate).update(after.params, grads.copy(), network.dtype.type(learning_rate))
    Z = contexts[-1].Z
    dY = network.loss_.gradient(Z, T) * network.dtype.type(1 / len(X))
    dense: list[Any] = [*zip(network.layers, after.layers, contexts, strict=True)]
    layers: list[dict[str, Any]] = []
    for layer, changed, ctx in reversed(dense):
        slope = layer.activation.derivative(ctx.Z, ctx.Y)
        arrays = {"W": layer.W, "b": layer.b, "Z": ctx.Z, "Y": ctx.Y, "slope": slope, "dY": dY}
        dY = layer.backward(dY, ctx)  # again, for what contexts do not keep
        arrays |= {"dZ": ctx.dZ, "dW": ctx.dW, "db": ctx.db}
        arrays |= {"W_after": changed.W, "b_after": changed.b}
        shown = {name: plain_numbers(array) for name, array in arrays.items()}
        layers.insert(0, {"activation": layer.activation.name} | shown)
    return {
        "X": plain_numbers(X),
        "T": T.tolist(),
        "P": plain_numbers(network.loss_.predict(Z)),
        "losses": plain_numbers(network.loss_.value(Z, T)),
        "loss": plain_numbers(loss),
        "loss_after": plain_numbers(after.objective(X, T)),
        "learning_rate": learning_rate,
        "layers": layers,
        "code": _code(network),
    }
