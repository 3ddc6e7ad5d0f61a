"""A network of minnet as a Sequential of PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from minnet.activations import Identity, Sigmoid
from minnet.common.entry import entry
from minnet.common.flat_parameters import check_is_network
from minnet.common.scale import at_least_normal
from minnet.common.types import Array
from minnet.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm
from minnet.network import Network
from minnet.pytorch.activations import module_of
from minnet.pytorch.layers import Elementwise, Softmax
from minnet.pytorch.modules import begins_with_flatten, is_sequential, link_of, modules_of
from minnet.pytorch.recognition import import_torch, is_torch_model

__all__ = ["lacks_link", "torch_from_network", "write_model"]


@entry
def torch_from_network(network: Network, like: Any = None) -> Any:
    """Return a new ``torch.nn.Sequential`` that computes what a network computes.

    Parameters
    ----------
    network : Network
        Initialized, of Dense, BatchNorm, LayerNorm and Dropout with activations that PyTorch has: all but
        ``LecunTanh`` and those of your own. PyTorch has no module for residual blocks and PiecewiseLinear.
    like : torch.nn.Sequential, default=None
        The model that the network was made of by :func:`network_from_torch`: dtype, device, mode, a first
        Flatten, and the last Softmax, LogSoftmax or Sigmoid are taken from it. Without it the model has
        the dtype of the network, is on the CPU, and returns logits.

    Returns
    -------
    torch.nn.Sequential
        Flat, of modules "0", "1", ...; named and nested as ``like`` where that has as many. Frozen
        parameters do not require a gradient.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    TypeError
        If a layer or an activation has no module in PyTorch; the sentence names it.

    Examples
    --------
    With PyTorch (``pip install 'minnet-learn[torch]'``):

    >>> from minnet import Dense, Network
    >>> from minnet.pytorch import torch_from_network
    >>> network = Network([Dense(8, "tanh"), Dense(3)]).initialize(n_features=4, random_state=0)
    >>> torch_from_network(network)  # doctest: +SKIP
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): Tanh()
      (2): Linear(in_features=8, out_features=3, bias=True)
    )
    """
    check_is_network("network", network)
    if like is not None and not is_torch_model(like):
        raise TypeError(f"like must be None or a torch.nn.Sequential, got {like!r:.200}")
    network._check_initialized()
    return write_model(network, like, like is not None and lacks_link(network, like))


def write_model(network: Network, like: Any, with_link: bool) -> Any:
    """Return a network as a Sequential; ``with_link`` says whether it ends as ``like`` does."""
    torch = import_torch()
    one = (
        next((p for p in like.parameters() if p.is_floating_point()), None)
        if like is not None
        else None
    )
    dtype = getattr(torch, network.dtype.name) if one is None else one.dtype
    device = "cpu" if one is None else one.device
    model = torch.nn.Sequential()
    if like is not None and begins_with_flatten(like):
        model.append(torch.nn.Flatten())
    frozen = []
    for i, layer in enumerate(network.layers):
        module = _module(i, layer, network.sizes[i], {"dtype": dtype, "device": device})
        if module is not None:
            model.append(module)
        if isinstance(layer, BatchNorm) and not layer.trainable:
            frozen.append(module)
        if layer.activation is not None and not isinstance(layer.activation, Identity):
            model.append(module_of(layer.activation))
    leaves = [] if like is None else list(modules_of(like))
    if with_link:
        model.append(copy.deepcopy(leaves[-1][1]))
    if len(leaves) == len(model):
        model = _nested(like, iter(list(model)))
    model.train(True if like is None else like.training)
    for module in frozen:  # with its running averages in training, too
        module.eval()
    return model


def _module(i: int, layer: Layer, n_inputs: int, of_tensors: dict[str, Any]) -> Any:
    """Return the module of a layer without its activation, None if there is none."""
    torch = import_torch()
    if type(layer) is Dense:
        has_bias = layer.bias_lr_factor != 0 or bool(layer.b.any())
        # Not the class itself: it would draw weights from PyTorch's random numbers.
        module = torch.nn.utils.skip_init(
            torch.nn.Linear, n_inputs, layer.units, bias=has_bias, **of_tensors
        )
        own = layer.lr_factor if layer.bias_lr_factor is None else layer.bias_lr_factor
        _set(module.weight, layer.W.T, layer.trainable and layer.lr_factor > 0)
        if has_bias:
            _set(module.bias, layer.b, layer.trainable and own > 0)
        return module
    if type(layer) in (BatchNorm, LayerNorm):
        epsilon = at_least_normal(layer.epsilon, layer.gamma.dtype)
        trained = layer.trainable and layer.lr_factor > 0
        affine = trained or not ((layer.gamma == 1).all() and (layer.beta == 0).all())
        if type(layer) is LayerNorm:
            module = torch.nn.LayerNorm(n_inputs, epsilon, affine, **of_tensors)
        else:
            module = torch.nn.BatchNorm1d(
                n_inputs, epsilon, round(1 - layer.momentum, 12), affine, **of_tensors
            )
            _set(module.running_mean, layer.running_mean)
            _set(module.running_var, layer.running_var)
        if affine:
            _set(module.weight, layer.gamma, trained)
            _set(module.bias, layer.beta, trained)
        return module
    if type(layer) is Dropout:
        return torch.nn.Dropout(layer.rate)
    if type(layer) is Softmax:
        return (torch.nn.LogSoftmax if layer.log else torch.nn.Softmax)(dim=1)
    if type(layer) is Elementwise:
        return None
    if layer.opens_skip or layer.closes_skip:
        raise TypeError(
            f"network must have no residual block, for which PyTorch has no module, got layers[{i}]: "
            f"{layer!r:.200}"
        )
    raise TypeError(
        f"network must have layers that PyTorch has as modules, got layers[{i}]: {layer!r:.200}"
    )


def _set(tensor: Any, values: Array, trained: bool = False) -> None:
    torch = import_torch()
    with torch.no_grad():
        tensor.copy_(torch.tensor(values, device="cpu"))
    tensor.requires_grad_(trained)


def _nested(like: Any, modules: Iterator[Any]) -> Any:
    """Return modules in Sequentials of the names and the nesting of a model."""
    nested = import_torch().nn.Sequential()
    for name, module in like._modules.items():
        inner = is_sequential(module)
        nested.add_module(name, _nested(module, modules) if inner else next(modules))
    return nested


def lacks_link(network: Network, model: Any) -> bool:
    """Return whether a model's last module is not among the layers: it was taken for the loss's link."""
    last, link = network.layers[-1], link_of(model)
    if link == "Sigmoid":
        return not isinstance(last.activation, Sigmoid)
    return link != "" and not isinstance(last, Softmax)
