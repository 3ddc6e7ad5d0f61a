"""Taking weights over from another network."""

from typing import Any

from sklearn.exceptions import NotFittedError

from minnet.common.checks import is_integer
from minnet.common.types import Array
from minnet.network import Network
from minnet.pytorch.recognition import is_torch_model

__all__ = ["copy_weights"]


def __dir__() -> list[str]:
    return __all__


def copy_weights(source: Any, target: Any, layers: Any = None) -> list[str]:
    """Copy the parameters and the state of some layers from one network into another.

    Parameters
    ----------
    source : Network, estimator or torch.nn.Sequential
        Initialized or fitted. The layers of a Sequential are those of
        :func:`minnet.pytorch.network_from_torch`: a Linear and the activation after it are one.
    target : Network or estimator
        Initialized or fitted; see ``MinNetClassifier.initialize`` for an estimator that is to
        begin with these weights. They may differ in dtype.
    layers : None, int, list of int or dict, default=None
        Which layers of ``network.layers`` (a Dropout counts, too): None for all, a number for so many
        from the first on, a list for those in it (negative numbers count from the end), or a dictionary
        from the layers of ``target`` to those of ``source``.

    Returns
    -------
    list of str
        The labels of the arrays that were copied, such as "layers[0].W".

    Raises
    ------
    TypeError
        If source or target is something else.
    NotFittedError
        If one has no weights yet.
    ValueError
        If the layers do not exist, or have other arrays or other shapes. Nothing is copied then.

    Examples
    --------
    The hidden layers of a network for the digits 0 to 4, one of them frozen, under a new output for the
    digits 5 to 9:

    >>> from sklearn.datasets import load_digits
    >>> from minnet import Dense, MinNetClassifier, copy_weights
    >>> X, y = load_digits(return_X_y=True)
    >>> X, low = X / 16, y < 5
    >>> first = MinNetClassifier((100, 50), solver="lbfgs", random_state=0).fit(X[low], y[low])
    >>> hidden = [Dense(100, "relu", trainable=False), Dense(50, "relu")]
    >>> second = MinNetClassifier(layers=hidden, solver="lbfgs", warm_start=True, random_state=0)
    >>> second = second.initialize(X[~low], y[~low])
    >>> copy_weights(first, second, layers=2)
    ['layers[0].W', 'layers[0].b', 'layers[1].W', 'layers[1].b']
    >>> second.fit(X[~low], y[~low]).score(X[~low], y[~low])
    1.0
    >>> bool((second.coefs_[0] == first.coefs_[0]).all())
    True
    """
    if is_torch_model(source):
        from minnet.pytorch.model import network_from_torch

        source = network_from_torch(source)
    there, here = _network(source, "source"), _network(target, "target")
    pairs = _pairs(layers, len(here.layers), len(there.layers))
    copies, labels = [], []
    # Parameters and states, by layer and name.
    of_here = [here.views(here.params), here._states()]
    of_there = [there.views(there.params), there._states()]
    for i, j in pairs:
        for arrays, others in zip(of_here, of_there, strict=True):
            if {name: array.shape for name, array in arrays[i].items()} != {
                name: array.shape for name, array in others[j].items()
            }:
                raise ValueError(
                    f"layers must be of equal shape in both networks, got {_shapes(arrays[i])} as "
                    f"layers[{i}] of target and {_shapes(others[j])} as layers[{j}] of source"
                )
            copies += [(arrays[i][name], others[j][name]) for name in arrays[i]]
            labels += [f"layers[{i}].{name}" for name in arrays[i]]
    for to, what in copies:
        to[...] = what
    return labels


def _network(model: Any, name: str) -> Network:
    network = getattr(model, "network_", model)
    if not isinstance(network, Network):
        if hasattr(model, "fit") and hasattr(model, "initialize"):
            raise NotFittedError(f"{name} must have weights: call its fit or initialize first")
        raise TypeError(
            f"{name} must be a Network or a fitted estimator of minnet, got {model!r:.200}"
        )
    if not hasattr(network, "params"):
        raise NotFittedError(f"{name} must have weights: call its initialize first")
    n_networks = len(getattr(model, "networks_", [network]))
    if n_networks > 1:
        raise ValueError(
            f"{name} must have one network, got {type(model).__name__} with {n_networks}: take one of its "
            "networks_"
        )
    return network


def _pairs(layers: Any, n_here: int, n_there: int) -> list[tuple[int, int]]:
    """Return the indices in target and source that belong together."""
    if layers is None:
        if n_here != n_there:
            raise ValueError(
                f"layers must say which ones to copy where target has {n_here} layers and source "
                f"{n_there}, got None"
            )
        layers = n_here
    if is_integer(layers):
        if not 0 <= layers <= min(n_here, n_there):
            raise ValueError(f"layers must be from 0 to {min(n_here, n_there)}, got {layers}")
        return [(i, i) for i in range(layers)]
    if isinstance(layers, dict):
        pairs = list(layers.items())
    elif isinstance(layers, list | tuple | range):
        pairs = [(i, i) for i in layers]
    else:
        raise TypeError(f"layers must be None, a number, a list or a dictionary, got {layers!r}")
    found = []
    for i, j in pairs:
        for k, n, name in ((i, n_here, "target"), (j, n_there, "source")):
            if not is_integer(k) or not -n <= k < n:
                raise ValueError(
                    f"layers must have numbers from {-n} to {n - 1} for {name}, got {k!r}"
                )
        found.append((i % n_here, j % n_there))
    return found


def _shapes(arrays: dict[str, Array]) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
