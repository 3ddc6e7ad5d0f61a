"""The modules of a Sequential as layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minnet.activations import Activation, Identity, LeakyRelu, Relu
from minnet.common.types import Array
from minnet.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm
from minnet.pytorch.activations import KNOWN, activation_of
from minnet.pytorch.layers import Elementwise, Softmax
from minnet.pytorch.recognition import as_array, import_torch

__all__ = ["Chain", "begins_with_flatten", "is_sequential", "link_of", "modules_of", "read_modules"]

_LINKS = ("Softmax", "LogSoftmax", "Sigmoid")
#: f(c z) = c f(z) for a mask's c: a Dropout may come before or after.
_HOMOGENEOUS = (Relu, LeakyRelu)

_TAKEN = (
    "model must be a torch.nn.Sequential of Linear, BatchNorm1d with running statistics, LayerNorm of one "
    "dimension, Dropout, Flatten, Identity, Softmax, LogSoftmax and activations of single elements "
    "without parameters"
)

#: What the learning rate is multiplied with for a parameter; 0 where it is not trained.
Factor = Callable[[Any], float]


@dataclass
class Chain:
    """Layers in a row, with the modules that they stand for.

    Attributes
    ----------
    layers : list of Layer
    parts : list of list of (str, torch.nn.Module)
        For each layer: the modules, with their names in the model.
    arrays : list of dict
        For each layer the values of its parameters and of its state, by name.
    parameters : list of dict
        Likewise the parameters of PyTorch that are trained.
    sizes : list of int
        Of the input, and of each layer's output.
    dtype : str
    """

    layers: list[Layer] = field(default_factory=list)
    parts: list[list[tuple[str, Any]]] = field(default_factory=list)
    arrays: list[dict[str, Array]] = field(default_factory=list)
    parameters: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    dtype: str = "float32"

    def add(
        self, name: str, module: Any, layer: Layer, size: int | None = None, **of_torch: Any
    ) -> None:
        """Append a layer; ``of_torch`` are its parameters and buffers."""
        self.layers.append(layer)
        self.parts.append([(name, module)])
        self.sizes.append(self.sizes[-1] if size is None else size)
        given = {key: value for key, value in of_torch.items() if value is not None}
        self.arrays.append({key: as_array(value).T for key, value in given.items()})
        self.parameters.append({key: given[key] for key in given if not key.startswith("running")})

    def activate(self, name: str, module: Any, activation: Activation) -> None:
        """Let an activation follow: it becomes that of the layer before, where there is one without."""
        last = len(self.layers) - 1
        if isinstance(activation, _HOMOGENEOUS):
            while last >= 0 and self.layers[last].only_in_training:
                last -= 1
        before = self.layers[last] if last >= 0 else None
        if isinstance(before, Dense | BatchNorm | LayerNorm) and isinstance(
            before.activation, Identity
        ):
            before.activation = activation
            self.parts[last].append((name, module))
        else:
            self.add(name, module, Elementwise(activation))

    def without_link(self) -> Chain:
        """Return the layers without the last module, the link of a loss."""
        if isinstance(self.layers[-1], Elementwise | Softmax):
            return Chain(
                self.layers[:-1], self.parts[:-1], self.arrays[:-1], self.parameters[:-1],
                self.sizes[:-1], self.dtype,
            )  # fmt: skip
        last = self.layers[-1].copy()
        last.activation = Identity()
        parts = [*self.parts[:-1], self.parts[-1][:-1]]
        layers = [*self.layers[:-1], last]
        return Chain(layers, parts, self.arrays, self.parameters, self.sizes, self.dtype)


def modules_of(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Return the modules of nested Sequentials in their order, with their names such as "block.0"."""
    for name, module in model._modules.items():
        if is_sequential(module):
            yield from modules_of(module, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", module


def is_sequential(module: Any) -> bool:
    """Return whether it is a Sequential that calls its modules in their order."""
    cls = import_torch().nn.Sequential
    return isinstance(module, cls) and type(module).forward is cls.forward


def _kind(module: Any) -> str:
    """Return the name of a class of ``torch.nn``, or "" for one that only derives from it."""
    name = type(module).__name__
    return name if type(module) is getattr(import_torch().nn, name, None) else ""


def begins_with_flatten(model: Any) -> bool:
    """Return whether the first module that does something makes rows of pictures."""
    kinds = [_kind(module) for _, module in modules_of(model)]
    return next((kind for kind in kinds if kind not in ("Identity", "Dropout")), "") == "Flatten"


def link_of(model: Any) -> str:
    """Return the kind of the last module that does something, if it may be the link of a loss, or ""."""
    kinds = [
        kind for _, module in modules_of(model) if not _does_nothing(kind := _kind(module), module)
    ]
    return kinds[-1] if kinds and kinds[-1] in _LINKS else ""


def _does_nothing(kind: str, module: Any) -> bool:
    if kind == "Flatten":
        return module.start_dim == 1 and module.end_dim in (-1, 1)
    return kind == "Identity"


def read_modules(model: Any, factor: Factor) -> Chain:
    """Return the layers that compute what a Sequential computes.

    Parameters
    ----------
    model : torch.nn.Module
    factor : callable
        What the learning rate of a parameter is multiplied with.

    Raises
    ------
    TypeError
        If it has modules that minnet does not have, with their names.
    ValueError
        If one does not take what the one before gives.
    """
    if not is_sequential(model):
        hint = ""
        if any(is_sequential(module) for module in model.modules()):
            hint = ": give the Sequential in it"
        raise TypeError(f"{_TAKEN}, got {type(model).__name__}{hint}")
    parts = list(modules_of(model))
    refused = list(_refused(parts))
    if refused:
        raise TypeError(f"{_TAKEN}, got {', '.join(refused)}")
    widths = [_n_inputs(module) for _, module in parts]
    if not any(widths):
        raise ValueError("model must have a Linear, a BatchNorm1d or a LayerNorm, got none")
    weights = [module.weight for _, module in parts if getattr(module, "weight", None) is not None]
    double = bool(weights) and str(weights[0].dtype) == "torch.float64"
    chain = Chain(sizes=[next(filter(None, widths))], dtype="float64" if double else "float32")
    for (name, module), width in zip(parts, widths, strict=True):
        if width and width != chain.sizes[-1]:
            raise ValueError(
                f"model must have modules that fit, got {chain.sizes[-1]} inputs for {name}: {module!r}"
            )
        _add(chain, name, module, factor, in_eval=model.training and not module.training)
    return chain


def _n_inputs(module: Any) -> int:
    """Return how many inputs a module takes, 0 for any number."""
    kind = _kind(module)
    if kind == "LayerNorm":
        return module.normalized_shape[0]
    return module.in_features if kind == "Linear" else getattr(module, "num_features", 0)


def _refused(parts: list[tuple[str, Any]]) -> Iterator[str]:
    """Return texts that name the modules that cannot be read."""
    seen: set[int] = set()
    for name, module in parts:
        if (why := _why_not(module)) is not None:
            yield f"{name}: {module!r:.200}{why}"
        weight = getattr(module, "weight", None)
        if weight is not None and id(weight) in seen:
            yield f"{name}: {module!r} with the weights of another"
        seen.add(id(weight))


def _why_not(module: Any) -> str | None:
    """Return what a module has that cannot be read, "" for the module itself, None if there is nothing."""
    kind = _kind(module)
    if kind in ("Linear", "BatchNorm1d", "LayerNorm"):
        if kind == "BatchNorm1d" and module.running_mean is None:
            return ""
        if kind == "LayerNorm" and len(module.normalized_shape) != 1:
            return ", which is not over the columns"
        arrays = [*module.parameters(), *module.buffers()]
        if any(array.is_meta for array in arrays):
            return " without values, on the device 'meta'"
        return " of complex numbers" if any(array.is_complex() for array in arrays) else None
    if kind in ("Softmax", "LogSoftmax"):
        return None if module.dim in (None, 1, -1) else ", which is not over the columns"
    if kind == "Dropout":
        return None if module.p < 1 else ""
    known = _does_nothing(kind, module) or kind in KNOWN
    return None if known else ""


def _add(chain: Chain, name: str, module: Any, factor: Factor, in_eval: bool) -> None:
    """Append what a module does; ``in_eval`` is one that stays in evaluation while the model trains."""
    kind = _kind(module)
    if kind == "Linear":
        rates = factor(module.weight), factor(module.bias)
        frozen = not any(rates)
        layer = Dense(
            module.out_features,
            "identity",
            bias_init="zeros" if module.bias is None else None,
            trainable=not frozen,
            lr_factor=1.0 if frozen else rates[0],
            bias_lr_factor=0.0 if module.bias is None else None if frozen else rates[1],
        )
        chain.add(name, module, layer, module.out_features, W=module.weight, b=module.bias)
    elif kind == "BatchNorm1d":
        norm = BatchNorm(
            "identity",
            _share_of_old(module),
            module.eps,
            trainable=not in_eval,
            lr_factor=max(factor(module.weight), factor(module.bias)),
        )
        chain.add(
            name, module, norm, gamma=module.weight, beta=module.bias,
            running_mean=module.running_mean, running_var=module.running_var,
        )  # fmt: skip
    elif kind == "LayerNorm":
        rate = max(factor(module.weight), factor(module.bias))
        of_rows = LayerNorm("identity", module.eps, lr_factor=rate)
        chain.add(name, module, of_rows, gamma=module.weight, beta=module.bias)
    elif kind == "Dropout":
        chain.add(name, module, Dropout(0.0 if in_eval else module.p))
    elif kind in ("Softmax", "LogSoftmax"):
        chain.add(name, module, Softmax(log=kind == "LogSoftmax"))
    elif not _does_nothing(kind, module):
        chain.activate(name, module, activation_of(kind, module))


def _share_of_old(module: Any) -> float:
    """Return minnet's momentum: of a cumulative average that of the next batch."""
    if module.momentum is None:
        return 1 - 1 / (int(module.num_batches_tracked) + 1)
    return min(1 - module.momentum, float(np.nextafter(1, 0)))
