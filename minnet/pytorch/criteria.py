"""The losses of PyTorch as minnet's: of the same minimum, and of gradients that differ by a factor."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from minnet.common.callers import level_of_user
from minnet.common.checks import as_numbers
from minnet.common.types import Array, ArrayLike, DTypeLike, Matrix
from minnet.losses import (
    AbsoluteError,
    Huber,
    Loss,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    get_loss,
)
from minnet.pytorch.recognition import as_array, import_torch, is_torch_model

__all__ = ["Criterion", "Multiple", "criterion_of", "targets_of"]

#: By the kind of a model's last module the link that losses call so.
_LINKS = {"Softmax": "softmax", "LogSoftmax": "softmax", "Sigmoid": "logistic"}

#: Functions of ``torch.nn.functional`` and the classes that do the same.
_FUNCTIONS = {
    "cross_entropy": "CrossEntropyLoss", "nll_loss": "NLLLoss", "mse_loss": "MSELoss", "l1_loss": "L1Loss",
    "smooth_l1_loss": "SmoothL1Loss", "huber_loss": "HuberLoss", "poisson_nll_loss": "PoissonNLLLoss",
    "binary_cross_entropy": "BCELoss", "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
}  # fmt: skip

_TAKEN = (
    f"loss must be a name or an object of minnet.losses, or one of {', '.join(_FUNCTIONS.values())} of "
    "torch.nn"
)


@dataclass(frozen=True)
class Criterion:
    """A loss of minnet, and how that of PyTorch differs from it.

    Attributes
    ----------
    loss : Loss
    has_link : bool
        Whether the loss takes the logits below the model's last module, its link.
    times : float
        What the loss of a row is in PyTorch, in the unit of minnet's.
    summed : bool
        Whether PyTorch has the sum over the rows.
    of_class : ndarray or None
        What each class counts.
    over_rows : bool
        Whether the mean is one over rows where rows have weights, and not over the weights.
    """

    loss: Loss
    has_link: bool
    times: float = 1.0
    summed: bool = False
    of_class: Array | None = None
    over_rows: bool = False

    def weights(self, T: Array, sample_weight: Array | None) -> Array | None:
        """Return what the rows count: what is given times the weight of each row's class."""
        if self.of_class is None:
            return sample_weight
        weights = self.of_class[T.ravel().astype(np.int64)]
        return weights if sample_weight is None else weights * sample_weight

    def of_batch(self, T: Array) -> Loss:
        """Return the loss in PyTorch's unit; the rows are taken as the mini-batch."""
        weights = self.weights(T, None)
        total = len(T) if weights is None else float(weights.sum())
        times = self.times
        if self.summed:
            times *= total
        elif self.over_rows:
            times *= total / len(T)
        return self.loss if times == 1 else Multiple(self.loss, times)


class Multiple(Loss):
    """A loss times a number.

    Parameters
    ----------
    loss : Loss
    times : float
    """

    def __init__(self, loss: Loss, times: float) -> None:
        self.loss = loss
        self.times = times
        self.name = loss.name
        self.output = loss.output
        self.target_range = loss.target_range
        self.best_constant = loss.best_constant

    def value(self, Z: Array, T: Array) -> Array:
        """Return the loss of each row, times the number."""
        return self.loss.value(Z, T) * Z.dtype.type(self.times)

    def gradient(self, Z: Array, T: Array) -> Array:
        """Return the gradient, times the number."""
        return self.loss.gradient(Z, T) * Z.dtype.type(self.times)

    def predict(self, Z: Array) -> Array:
        """Return what the loss predicts."""
        return self.loss.predict(Z)

    def kink_sides(self, Z: Array, T: Array) -> tuple[Array, ...]:
        """Return what changes where the loss has a kink."""
        return self.loss.kink_sides(Z, T)

    def check_targets(
        self, T: ArrayLike | Matrix, n_samples: int, n_outputs: int, dtype: DTypeLike
    ) -> Matrix:
        """Return targets as the loss takes them."""
        return self.loss.check_targets(T, n_samples, n_outputs, dtype)


def criterion_of(loss: Any, y: Any, link: str, n_outputs: int) -> Criterion:
    """Return the loss of a model with its link, from what is given or, if that is None, from targets.

    Parameters
    ----------
    loss : None, str, Loss or loss of PyTorch
    y : array-like or None
    link : {"Softmax", "LogSoftmax", "Sigmoid", ""}
        The last module.
    n_outputs : int
    """
    if "Softmax" in link and n_outputs == 1:
        warnings.warn(
            "the model's last module is a softmax of one output, which is 1 for all rows: take a Sigmoid "
            "or two outputs",
            stacklevel=level_of_user(),
        )
    if loss is None:
        own = _inferred(y, link, n_outputs)
        times = {"identity": 2.0, "logistic": 1.0}.get(own.output)
        return Criterion(own, _has_link(own, link), times / n_outputs if times else 1.0)
    if isinstance(loss, str | Loss):
        if loss == "log_loss" and link == "Sigmoid":
            loss = "sigmoid_cross_entropy"
        own = get_loss(loss, n_outputs)
        return Criterion(own, _has_link(own, link))
    return _of_torch(_as_module(loss), y, link, n_outputs)


def targets_of(y: Any, loss: Loss, n_outputs: int) -> Any:
    """Return targets as the loss takes them: indices of classes, too, for rows of a one-hot matrix."""
    if sparse.issparse(y):
        y = y.toarray()
    y = as_numbers("y", as_array(y))
    if loss.output != "softmax" or y.ndim != 2:
        return y
    if y.shape[1] == 1:
        return y.ravel()
    if y.shape[1] == n_outputs and not _is_one_hot(y):
        raise ValueError(
            "y must be class indices or rows of one 1 and zeros, got rows of probabilities: minnet's "
            "cross-entropy of a softmax has one class a row"
        )
    return y.argmax(axis=1) if y.shape[1] == n_outputs else y


def _inferred(y: Any, link: str, n_outputs: int) -> Loss:
    if y is None:
        if "Softmax" in link and n_outputs > 1:
            return SoftmaxCrossEntropy()
        return SigmoidCrossEntropy() if link == "Sigmoid" else SquaredError()
    y = targets_of(y, SquaredError(), n_outputs)
    columns = int(np.prod(y.shape[1:])) if y.ndim else 0
    low, high = (y.min(), y.max()) if y.size else (0.0, 0.0)
    if n_outputs > 1 and columns == 1 and (y == np.floor(y)).all():
        return SoftmaxCrossEntropy()
    if n_outputs > 1 and "Softmax" in link and columns == n_outputs:
        return SoftmaxCrossEntropy()
    zeros_and_ones = np.isin(y, (0.0, 1.0)).all()
    if zeros_and_ones or (link == "Sigmoid" and low >= 0 and high <= 1):
        return SigmoidCrossEntropy()
    return SquaredError()


def _has_link(loss: Loss, link: str) -> bool:
    if link == "LogSoftmax" and not isinstance(loss, SoftmaxCrossEntropy):
        return False
    return loss.output == _LINKS.get(link)


def _is_one_hot(y: Array) -> bool:
    return bool(np.isin(y, (0.0, 1.0)).all() and (y.sum(axis=1) == 1).all())


def _as_module(loss: Any) -> Any:
    """Return a loss as an object of ``torch.nn``; its class and its function mean the defaults."""
    name = str(getattr(loss, "__name__", ""))
    of_class = _FUNCTIONS.get(name, name)
    nn = import_torch().nn
    if of_class in _FUNCTIONS.values():
        made = getattr(nn, of_class)
        if loss is made or loss is getattr(nn.functional, name, None):
            return made()
    if not is_torch_model(loss) or type(loss).__name__ not in _FUNCTIONS.values():
        raise TypeError(f"{_TAKEN}, got {loss!r:.200}")
    return loss


def _of_torch(loss: Any, y: Any, link: str, n_outputs: int) -> Criterion:
    name = type(loss).__name__
    needed = {"NLLLoss": "LogSoftmax", "BCELoss": "Sigmoid"}.get(name, "")
    if needed and link != needed:
        other = {"NLLLoss": "CrossEntropyLoss", "BCELoss": "BCEWithLogitsLoss"}[name]
        raise ValueError(
            f"loss must be {other} for this model, got {name}, which takes what a {needed} gives: the "
            f"model's last module is {link or 'none'}"
        )
    own, times = _formula(loss, name, n_outputs)
    if own.output == "softmax" and n_outputs == 1:
        raise ValueError(
            f"loss must not be {name} for a model of one output, whose softmax is always 1: take "
            "BCEWithLogitsLoss, or two outputs"
        )
    has_link = bool(needed) or (name == "CrossEntropyLoss" and link == "LogSoftmax")
    if name in ("CrossEntropyLoss", "BCEWithLogitsLoss") and link and not has_link:
        inside = "a softmax" if name == "CrossEntropyLoss" else "a sigmoid"
        warnings.warn(
            f"{name} has {inside} in it and takes logits, and the model's last module is a {link}: "
            "gradients fade where it saturates; leave that module out",
            stacklevel=level_of_user(),
        )
    if own.output == "identity" and n_outputs == 1 and y is not None:
        _warn_of_broadcast(name, np.shape(as_array(y)))
    of_class, over_rows = _weights(loss, name, n_outputs)
    summed = loss.reduction == "sum"
    return Criterion(own, has_link, times, summed, of_class, over_rows)


def _warn_of_broadcast(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) == 1 and shape[0] > 1:
        n = shape[0]
        warnings.warn(
            f"y has the shape ({n},) and the model's output ({n}, 1): {name} of PyTorch makes ({n}, {n}) "
            "of them, and its minimum answers the mean of y to all rows; give it y[:, None]. What is "
            "measured here compares row with row",
            stacklevel=level_of_user(),
        )


def _formula(loss: Any, name: str, n_outputs: int) -> tuple[Loss, float]:
    """Return minnet's loss, and what the loss of a row is in PyTorch, in its unit."""
    if getattr(loss, "label_smoothing", 0):
        raise ValueError(
            f"loss must have label_smoothing=0, got {loss.label_smoothing}: minnet has none"
        )
    if getattr(loss, "ignore_index", -100) != -100:
        raise ValueError(
            f"loss must have the ignore_index that no class has, -100, got {loss.ignore_index}: give the "
            "rows without those of that class"
        )
    if name == "PoissonNLLLoss" and not loss.log_input:
        raise ValueError("loss must have log_input=True, got a PoissonNLLLoss of rates")
    if name in ("CrossEntropyLoss", "NLLLoss"):
        return SoftmaxCrossEntropy(), 1.0
    mean = 1.0 if loss.reduction == "sum" else 1.0 / n_outputs
    if name in ("BCELoss", "BCEWithLogitsLoss"):
        return SigmoidCrossEntropy(), mean
    if name == "MSELoss":
        return SquaredError(), 2 * mean
    if name == "HuberLoss":
        return Huber(loss.delta), mean
    if name == "SmoothL1Loss" and loss.beta > 0:
        return Huber(loss.beta), mean / loss.beta
    return (Poisson() if name == "PoissonNLLLoss" else AbsoluteError()), mean


def _weights(loss: Any, name: str, n_outputs: int) -> tuple[Array | None, bool]:
    """Return what each class counts, and whether PyTorch divides by rows and not by these weights."""
    weight = as_array(getattr(loss, "weight", None))
    if name in ("CrossEntropyLoss", "NLLLoss"):
        if weight is not None and weight.shape != (n_outputs,):
            raise ValueError(f"loss must have {n_outputs} weights, got {weight.shape}")
        return None if weight is None else weight.astype(np.float64), False
    of_ones = as_array(getattr(loss, "pos_weight", None))
    if weight is not None or (of_ones is not None and (n_outputs > 1 or of_ones.size > 1)):
        raise ValueError(
            f"loss must have no weights but the pos_weight of one output, got {name} with others: give "
            "sample_weight"
        )
    return None if of_ones is None else np.array(
        [1.0, float(of_ones.ravel()[0])]
    ), of_ones is not None
