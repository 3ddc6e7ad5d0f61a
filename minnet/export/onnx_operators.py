"""Layers, activations and inverse links in ONNX's operators.

Only operators that onnxruntime has for float32 and for float64 on the CPU are used, in the version of
opset 13 or later; what is missing for float64 (Erf, Elu, Softplus, Softsign) is built of others.
onnxruntime's float32 Sigmoid stops falling at z = -18, so that z times it goes astray; it is built too.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self, TypeAlias

import numpy as np

from minnet import activations
from minnet.common.scale import at_least_normal
from minnet.common.types import Array, ArrayLike, DTypeLike
from minnet.export.description import Description
from minnet.layers import LayerNorm
from minnet.piecewise import PiecewiseLinear, n_encoded

__all__ = [
    "Operators", "Value", "add_classifier", "add_labels", "add_logits", "add_of_one_class",
    "add_predictions", "apply_link", "gather", "onnx_classes", "shape_of_column",
]  # fmt: skip

#: The name of a value in the graph, or numbers.
Value: TypeAlias = str | float | Array

# exp(x²) erfc(x) for 1 <= x <= 8 and erf(x) / x for x <= 1, as ratios of polynomials, the highest power
# first: S. L. Moshier, Cephes (ndtr.c), which SciPy uses too.
_ERFC = (
    (
        2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
        4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
        9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2,
    ),
    (
        1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
        9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
        1.65666309194161350182e3, 5.57535340817727675546e2,
    ),
)  # fmt: skip
_ERF = (
    (
        9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3,
        7.00332514112805075473e3, 5.55923013010394962768e4,
    ),
    (
        1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
        2.26290000613890934246e4, 4.92673942608635921086e4,
    ),
)  # fmt: skip


class Operators(ABC):
    """A graph in the making; a subclass says where nodes and constants go.

    Parameters
    ----------
    dtype : dtype
        Of all numbers that are not indices.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._numbers: dict[float, str] = {}  # names of the numbers that are constants already

    def of(self, dtype: DTypeLike) -> Self:
        """Return this graph for numbers of another dtype."""
        other = copy.copy(self)
        other.dtype, other._numbers = np.dtype(dtype), {}
        return other

    @abstractmethod
    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Add a node of one output and return the output's name."""

    @abstractmethod
    def constant(self, tensor: Any) -> str:
        """Add a constant, a TensorProto yet without a name, and return its name."""

    def array(self, array: ArrayLike) -> str:
        """Add an array as a constant."""
        from onnx.numpy_helper import from_array

        return self.constant(from_array(np.asarray(array)))

    def __call__(self, operator: str, *inputs: Value, **attributes: Any) -> str:
        """Add a node; numbers among the inputs become constants of ``dtype``."""
        return self.node(operator, [self._name(value) for value in inputs], **attributes)

    def _name(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        if np.ndim(value):
            return self.array(np.asarray(value, self.dtype))
        number = float(value)
        if number not in self._numbers:
            self._numbers[number] = self.array(np.asarray(number, self.dtype))
        return self._numbers[number]

    def cast(self, value: str, dtype: DTypeLike) -> str:
        """Add a conversion to a NumPy dtype."""
        from onnx.helper import np_dtype_to_tensor_dtype

        return self.node("Cast", [value], to=np_dtype_to_tensor_dtype(np.dtype(dtype)))


# ---- the network


def add_logits(op: Operators, description: Description, X: str) -> str:
    """Add the layers, from the input named ``X``; return the name of the logits."""
    skips = []
    for layer in description.layers:
        if layer.opens_skip:
            skips.append(X)
            continue
        if layer.closes_skip:
            X = op("Add", skips.pop(), op("Mul", X, layer.s))
            continue
        if isinstance(layer, PiecewiseLinear):
            X = _encode(op, X, layer)
            continue
        if layer.fully_connected:
            Z = op("Gemm", X, layer.W, layer.b)
        elif isinstance(layer, LayerNorm):
            # Not LayerNormalization, which is of opset 17.
            deviations = op("Sub", X, _mean_of_rows(op, X, layer.gamma.size))
            var = _mean_of_rows(op, op("Mul", deviations, deviations), layer.gamma.size)
            X_hat = op(
                "Div",
                deviations,
                op("Sqrt", op("Add", var, at_least_normal(layer.epsilon, description.dtype))),
            )
            Z = op("Add", op("Mul", X_hat, layer.gamma), layer.beta)
        else:
            sigma = np.sqrt(
                layer.running_var
                + description.dtype.type(at_least_normal(layer.epsilon, description.dtype))
            )
            # Not BatchNormalization, which subtracts what is left of a large mean after the product.
            X_hat = op("Div", op("Sub", X, layer.running_mean), sigma)
            Z = op("Add", op("Mul", X_hat, layer.gamma), layer.beta)
        X = _ACTIVATIONS[type(layer.activation)](op, Z, layer.activation)
    return X


def _encode(op: Operators, X: str, layer: PiecewiseLinear) -> str:
    """Add the encoding of columns, all at once: ones at codes, and numbers clipped to their pieces."""
    of_numbers: list[tuple[int, int, float, float, float, float]] = []  # as they are computed
    of_codes: list[tuple[int, int, int]] = []
    place = 0
    for i, column in enumerate(layer.columns):
        if isinstance(column, int):
            of_codes += [(place + k, i, k) for k in range(column)]
        else:
            of_numbers.append((place, i, 0.0, 1.0, -np.inf, np.inf))
        if isinstance(column, np.ndarray):
            edges = column.astype(op.dtype)
            width = np.diff(edges)
            inverse = np.divide(1, width, out=np.zeros_like(width), where=width > 0)
            for k in range(len(width)):
                bounds = 0.0 if k else -np.inf, 1.0 if k < len(width) - 1 else np.inf
                of_numbers.append((place + 1 + k, i, edges[k], inverse[k], *bounds))
        place += n_encoded(column)
    parts, places = [], []
    if of_numbers:
        at, columns, shift, scale, low, high = map(np.array, zip(*of_numbers, strict=True))
        U = op("Mul", op("Sub", gather(op, X, columns), shift), scale)
        parts.append(op("Min", op("Max", U, low), high))
        places.append(at)
    if of_codes:
        at, columns, codes = map(np.array, zip(*of_codes, strict=True))
        equal = op("Equal", gather(op, X, columns), codes)
        parts.append(op.cast(equal, op.dtype))
        places.append(at)
    Y = parts[0] if len(parts) == 1 else op("Concat", *parts, axis=1)
    order = np.argsort(np.concatenate(places))
    return Y if (np.diff(order) == 1).all() else gather(op, Y, order)


def gather(op: Operators, X: str, columns: Array) -> str:
    """Add the choice of some columns."""
    return op.node("Gather", [X, op.array(columns.astype(np.int64))], axis=1)


def _mean_of_rows(op: Operators, X: str, n: int) -> str:
    """Add the means of rows of n numbers, (n_samples, 1)."""
    # Not ReduceMean, whose axes are an attribute up to opset 17 and an input from then on.
    return op("Div", op.node("ReduceSum", [X, op.array(np.array([1]))], keepdims=1), n)


def apply_link(op: Operators, Z: str, output: str) -> str:
    """Add an inverse link; return the name of the predictions."""
    if output == "softmax":
        return op("Softmax", Z, axis=1)
    if output == "logistic":
        return _sigmoid(op, Z)
    return op("Exp", Z) if output == "exp" else Z


# ---- what a model gives


def add_predictions(op: Operators, description: Description, X: str) -> str:
    """Add a regressor or a network; return the name of its predictions (n_samples, n_outputs)."""
    return apply_link(op, add_logits(op, description, X), description.output)


def add_classifier(
    op: Operators, description: Description, X: str, classes: Array | list[str]
) -> tuple[str, str]:
    """Add a classifier; return the names of its labels and its probabilities.

    Parameters
    ----------
    op : Operators
    description : Description
    X : str
    classes : ndarray of int64, or list of str
        As :func:`onnx_classes` returns them.
    """
    if description.kind == "binary" and len(classes) == 1:
        return add_of_one_class(op, X, classes)
    Z = add_logits(op, description, X)
    P = apply_link(op, Z, description.output)
    if description.kind == "binary":
        # Not 1 - p, which is 0 where p rounds to 1.
        P = op("Concat", apply_link(op, op("Neg", Z), description.output), P, axis=1)
    return add_labels(op, description.kind, P, classes), P


def add_labels(op: Operators, kind: str, P: str, classes: Array | list[str]) -> str:
    """Add the choice of labels by probabilities; return its name."""
    if kind == "multilabel":
        return op.cast(op("Greater", P, 0.5), np.int64)
    index = op("ArgMax", P, axis=1, keepdims=0)
    return op.node("Gather", [_label_constant(op, classes), index])


def add_of_one_class(op: Operators, X: str, classes: Array | list[str]) -> tuple[str, str]:
    """Add a classifier that knows one class, for the rows of ``X``; return as :func:`add_classifier`."""
    n_samples = op.node("Gather", [op.node("Shape", [X]), op.array(np.array([0]))])
    label = op.node("Expand", [_label_constant(op, classes), n_samples])
    return label, op("Expand", 1.0, shape_of_column(op, X))


def shape_of_column(op: Operators, X: str) -> str:
    """Add the shape (n_samples, 1) for the rows of ``X``."""
    n_samples = op.node("Gather", [op.node("Shape", [X]), op.array(np.array([0]))])
    return op.node("Concat", [n_samples, op.array(np.array([1]))], axis=0)


def onnx_classes(classes: ArrayLike) -> Array | list[str]:
    """Return labels as ONNX can have them: int64 for whole numbers and bool, str for strings.

    Raises
    ------
    TypeError
        If they are something else.

    Examples
    --------
    >>> onnx_classes(np.array([False, True])), onnx_classes(np.array(["a", "b"]))
    (array([0, 1]), ['a', 'b'])
    """
    values = np.asarray(classes).tolist()
    if all(isinstance(value, str) for value in values):
        values = [str.__str__(value) for value in values]
        for value in values:
            if any("\ud800" <= letter <= "\udfff" for letter in value):
                raise TypeError(f"labels must be valid Unicode for ONNX, got {value!r}")
        return values
    numbers = [value for value in values if isinstance(value, bool | int | float)]
    whole = [int(value) for value in numbers if value == value // 1]
    if len(whole) != len(values) or not -(2**63) <= min(whole) <= max(whole) < 2**63:
        raise TypeError(
            "labels must be strings or whole numbers of 64 bits for ONNX, got "
            f"{', '.join(map(repr, values[:5]))}"
        )
    return np.array(whole, dtype=np.int64)


def _label_constant(op: Operators, classes: Array | list[str]) -> str:
    """Add the labels as a constant."""
    if isinstance(classes, np.ndarray):
        return op.array(classes)
    from onnx import TensorProto, helper

    encoded = [label.encode() for label in classes]
    return op.constant(helper.make_tensor("labels", TensorProto.STRING, [len(encoded)], encoded))  # type: ignore[arg-type]


# ---- activations


def _sigmoid(op: Operators, Z: str) -> str:
    """Return 1 / (1 + e) with e = exp(-|z|), times e where z < 0."""
    e = op("Exp", op("Neg", op("Abs", Z)))
    return op("Div", op("Where", op("Less", Z, 0.0), e, 1.0), op("Add", e, 1.0))


def _elu(op: Operators, Z: str, alpha: float, scale: float = 1.0) -> str:
    """Return scale (max(z, 0) + alpha expm1(min(z, 0))), expm1(m) = 2 t / (1 - t) for t = tanh(m / 2)."""
    t = op("Tanh", op("Mul", op("Min", Z, 0.0), 0.5))
    expm1 = op("Div", op("Add", t, t), op("Sub", 1.0, t))
    negative = op("Mul", expm1, scale * alpha)
    positive = op("Relu", Z)
    return op("Add", positive if scale == 1 else op("Mul", positive, scale), negative)


def _softplus(op: Operators, Z: str) -> str:
    """Return max(z, 0) + log1p(e), where log1p(e) = log(u) e / (u - 1) for u = 1 + e as it is rounded."""
    e = op("Exp", op("Neg", op("Abs", Z)))
    u = op("Add", e, 1.0)
    rounded = op("Sub", u, 1.0)
    exact = op("Div", op("Mul", op("Log", u), e), rounded)
    log1p = op("Where", op("Greater", rounded, 0.0), exact, e)
    return op("Add", op("Relu", Z), log1p)


def _gelu(op: Operators, Z: str) -> str:
    """Return Z times the normal distribution function."""
    x = op("Mul", Z, np.sqrt(0.5))
    if op.dtype == np.float32:
        return op("Mul", op("Mul", Z, 0.5), op("Add", op("Erf", x), 1.0))
    a = op("Abs", x)
    # Beyond 8 the ratio is held: what e^(-x²) leaves there is below 1e-28.
    ratio = _ratio(op, op("Min", a, 8.0), _ERFC)
    tail = op("Mul", op("Mul", op("Exp", op("Neg", op("Mul", x, x))), ratio), 0.5)
    outside = op("Where", op("Greater", Z, 0.0), op("Sub", 1.0, tail), tail)
    inner = op("Min", op("Max", x, -1.0), 1.0)
    erf = op("Mul", inner, _ratio(op, op("Mul", inner, inner), _ERF))
    inside = op("Add", op("Mul", erf, 0.5), 0.5)
    return op("Mul", Z, op("Where", op("Less", a, 1.0), inside, outside))


def _ratio(op: Operators, x: str, polynomials: tuple[tuple[float, ...], ...]) -> str:
    return op("Div", *(_horner(op, x, coefficients) for coefficients in polynomials))


def _horner(op: Operators, x: str, coefficients: tuple[float, ...]) -> str:
    value: Value = coefficients[0]
    for coefficient in coefficients[1:]:
        value = op("Add", x if value == 1.0 else op("Mul", x, value), coefficient)
    return str(value)


_ACTIVATIONS: dict[type[activations.Activation], Callable[[Operators, str, Any], str]] = {
    activations.Identity: lambda op, Z, f: Z,
    activations.Sigmoid: lambda op, Z, f: _sigmoid(op, Z),
    activations.Tanh: lambda op, Z, f: op("Tanh", Z),
    activations.LecunTanh: lambda op, Z, f: op("Mul", op("Tanh", op("Mul", Z, 2 / 3)), 1.7159),
    activations.Softsign: lambda op, Z, f: op("Div", Z, op("Add", op("Abs", Z), 1.0)),
    activations.Relu: lambda op, Z, f: op("Relu", Z),
    activations.LeakyRelu: lambda op, Z, f: op(
        "Add", op("Relu", Z), op("Mul", op("Min", Z, 0.0), f.negative_slope)
    ),
    activations.Elu: lambda op, Z, f: _elu(op, Z, f.alpha),
    activations.Selu: lambda op, Z, f: _elu(op, Z, f.alpha, f.scale),
    activations.Gelu: lambda op, Z, f: _gelu(op, Z),
    activations.Silu: lambda op, Z, f: op("Mul", Z, _sigmoid(op, Z)),
    activations.Softplus: lambda op, Z, f: _softplus(op, Z),
}
