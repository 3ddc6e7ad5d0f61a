"""A network as a text of Python that needs NumPy and nothing else."""

from __future__ import annotations

import base64
import math
import textwrap
from collections.abc import Collection
from typing import Any

import numpy as np

from minnet._version import __version__
from minnet.activations import Activation, Identity
from minnet.common.formula_text import FormulaText
from minnet.common.scale import at_least_normal
from minnet.common.types import Array
from minnet.export.description import Description
from minnet.layers import LayerNorm
from minnet.piecewise import PiecewiseLinear, n_encoded

__all__ = ["Source", "class_constant", "function", "imports", "literal", "written"]


class Source:
    """The parts of a file, from top to bottom.

    Parameters
    ----------
    description : Description
    first : int, default=1
        Number of the first layer.
    index : str, default=""
        Behind the names of all arrays of layers: which of several.
    """

    def __init__(self, description: Description, first: int = 1, index: str = "") -> None:
        self.description, self.index = description, index
        self.steps: list[str] = []
        self.arrays: list[tuple[str, Array]] = []
        self.functions: dict[str, str] = {}  # by name, before what calls them
        self.constants: list[str] = []
        self.skips: list[str] = []  # names of what goes past the layers that come next
        for number, layer in enumerate(description.layers, first):
            self._add_layer(layer, number)

    def text(self) -> str:
        """Return the text of the file."""
        predict = self._predict()  # names the functions that it needs
        blocks = [
            self._head(),
            *self.functions.values(),
            self._forward(),
            *predict,
            self._check(),
            self.array_function(),
        ]
        arrays = "\n".join(written(name, array) for name, array in self.arrays)
        return "\n\n\n".join(block.strip() for block in blocks) + "\n\n\n" + arrays

    def array_function(self) -> str:
        """Return the function that makes an array of a text."""
        return _ARRAY.format(code=self.description.dtype.newbyteorder("<").str)

    # ---- the parts

    def _head(self) -> str:
        """Return docstring, imports and constants."""
        d = self.description
        ways = ["forward", "predict"] + ["predict_proba"] * d.is_classifier
        lines = [
            f'"""A neural network in NumPy: a {d.model}, written down by minnet {__version__}.',
            "",
            f"{', '.join(ways)} take X of shape (n_samples, {d.n_features}).",
            '"""',
            "",
            *imports(self.functions),
            f'DTYPE = "{d.dtype.name}"',
            f"N_FEATURES = {d.n_features}",
        ]
        if d.feature_names is not None:
            lines.append(f"FEATURE_NAMES = {literal(d.feature_names)}")
        if d.is_classifier:
            lines.append(class_constant(d.classes))
        return "\n".join(lines + self.constants)

    def _forward(self) -> str:
        lines = [
            "def forward(X):",
            f'    """Return the logits, of shape (n_samples, {self.description.n_outputs})."""',
            "    Y = check(X)",
            *self.steps,
            "    return Y",
        ]
        return "\n".join(lines)

    def _add_layer(self, layer: Any, number: int) -> None:
        if layer.opens_skip:
            self.skips.append(f"X{number}")
            self.steps += ["    # residual block", f"    X{number} = Y"]
            return
        if layer.closes_skip:
            Z = self._arrays(number, {f"{self.skips.pop()} + s": layer.s})
            self.steps.append(f"    Y = {Z} * Y")
            return
        if isinstance(layer, PiecewiseLinear):
            self._add_pieces(layer, number)
            return
        if layer.fully_connected:
            fan_in, fan_out = layer.W.shape
            self.steps.append(f"    # dense layer, {fan_in} -> {fan_out}")
            Z = self._arrays(number, {"Y @ W": layer.W, " + b": layer.b})
        elif isinstance(layer, LayerNorm):
            squares = "np.square(D).mean(axis=1, keepdims=True)"
            epsilon = at_least_normal(layer.epsilon, self.description.dtype)
            self.steps += [
                "    # layer normalization: mean 0 and variance 1 in each row",
                "    D = Y - Y.mean(axis=1, keepdims=True)",
                f"    sigma = np.sqrt({squares} + {epsilon!r})",
            ]
            Z = self._arrays(number, {"D / sigma * gamma": layer.gamma, " + beta": layer.beta})
        else:
            epsilon = self.description.dtype.type(
                at_least_normal(layer.epsilon, self.description.dtype)
            )
            sigma = np.sqrt(layer.running_var + epsilon)
            self.steps.append("    # batch normalization, by the running averages of training")
            Z = self._arrays(
                number,
                {
                    "(Y - mean": layer.running_mean,
                    ") / sigma": sigma,
                    " * gamma": layer.gamma,
                    " + beta": layer.beta,
                },
            )
        if isinstance(layer.activation, Identity):
            self.steps.append(f"    Y = {Z}")
            return
        name, text, arguments = _function_of(layer.activation)
        for function in _SCIPY:
            if f"{function}(" in text:
                self.functions[function] = _SCIPY[function]
        self.functions[name] = text
        given = "".join(f", {value!r}" for value in arguments)
        self.steps.append(f"    Y = {name}({Z}{given})")

    def _add_pieces(self, layer: PiecewiseLinear, number: int) -> None:
        columns = [_column(column) for column in layer.columns]
        edges = [column for column in layer.columns if isinstance(column, np.ndarray)]
        dtype = self.description.dtype
        self.arrays.append((f"EDGES{number}", np.concatenate([*edges, []]).astype(dtype)))
        self.constants.append(f"COLUMNS{number} = {literal(columns)}")
        self.functions["encode"] = _ENCODE
        self.steps += [
            f"    # piecewise linear encoding, {len(columns)} columns -> {sum(n for _, n in columns)}",
            f"    Y = encode(Y, COLUMNS{number}, EDGES{number})",
        ]

    def _arrays(self, number: int, parts: dict[str, Array]) -> str:
        """Take the arrays and return the formula; each part ends in the name of its array."""
        for part, array in parts.items():
            self.arrays.append((part.split()[-1].strip("(") + str(number), array))
        return "".join(f"{part}{number}{self.index}" for part in parts)

    def link(self, Z: str) -> str:
        """Return the code of the inverse link of ``Z``."""
        output = self.description.output
        name = {"identity": "", "exp": "np.exp", "logistic": "expit"}.get(output, output)
        if name in _SCIPY:
            self.functions[name] = _SCIPY[name]
        return f"{name}({Z})" if name else Z

    def _predict(self) -> list[str]:
        kind = self.description.kind
        if not self.description.is_classifier:
            Y = self.link("forward(X)")
            if kind == "regression" and self.description.n_outputs == 1:
                return [
                    function(
                        "predict", "Return predictions, of shape (n_samples,).", [f"{Y}.ravel()"]
                    )
                ]
            shape = f"(n_samples, {self.description.n_outputs})"
            if kind == "transformer":
                return [function("transform", f"Return features, of shape {shape}.", [Y])]
            return [function("predict", f"Return predictions, of shape {shape}.", [Y])]
        if kind == "multilabel":
            of_proba = "Return the probability of each label being 1."
            P = [self.link("forward(X)")]
            of_predict = "Return zeros and ones, of shape (n_samples, n_labels)."
            labels = ["(predict_proba(X) > 0.5).astype(np.int64)"]
        else:
            of_proba = "Return the probability of each class, in the order of CLASSES."
            of_predict = "Return the label of the most probable class."
            labels = ["CLASSES[predict_proba(X).argmax(axis=1)]"]
            P = [self.link("forward(X)")]
        if kind == "binary" and len(self.description.classes) == 1:
            P = ["np.ones((len(check(X)), 1), dtype=DTYPE)"]
        elif kind == "binary":
            P = ["Z = forward(X)", f"np.hstack([{self.link('-Z')}, {self.link('Z')}])"]
        return [
            function("predict", of_predict, labels),
            function("predict_proba", of_proba, P),
        ]

    def _check(self) -> str:
        named = self.description.feature_names is not None
        return _CHECK.format(names=_CHECK_NAMES if named else "")


def _column(column: Any) -> tuple[str, int]:
    """Return what is made of a column, and of how many numbers."""
    kind = "number" if column is None else "codes" if isinstance(column, int) else "edges"
    return kind, n_encoded(column)


def function(name: str, doc: str, lines: list[str]) -> str:
    """Return a function of ``X``: its last line is what it returns."""
    *before, value = lines
    body = "".join(f"    {line}\n" for line in before)
    return f'def {name}(X):\n    """{doc}"""\n{body}    return {value}'


def written(name: str, array: Array) -> str:
    """Return the statement that makes an array, its bytes in base64, little-endian, row by row."""
    code = array.dtype.newbyteorder("<")
    text = base64.b64encode(np.ascontiguousarray(array, dtype=code).tobytes()).decode()
    lines = "\n".join(textwrap.wrap(text, 100))
    return f'{name} = array({array.shape}, """\n{lines}\n""")\n'


def imports(functions: Collection[str]) -> list[str]:
    """Return the lines that import what a file needs with these functions."""
    math = ["import math"] * ("ndtr" in functions)
    return ["import base64", *math, "", "import numpy as np", ""]


def class_constant(classes: Array) -> str:
    """Return the statement that makes the labels."""
    values, code = _labels(classes)
    return f'CLASSES = np.array({literal(values)}, dtype="{code}")'


def literal(values: list[Any]) -> str:
    """Return a list of plain values as Python writes it; a long one with a line for each."""
    shown = [repr(value) for value in values]
    if sum(map(len, shown)) < 60:
        return f"[{', '.join(shown)}]"
    return "[\n" + "".join(f"    {value},\n" for value in shown) + "]"


def _labels(classes: Array) -> tuple[list[Any], str]:
    """Return labels as plain Python values, and the code of their dtype."""
    values, dtype = classes.tolist(), classes.dtype
    # A subclass of str may have a repr of its own; that of str itself is a literal.
    values = [str.__str__(value) if isinstance(value, str) else value for value in values]
    for value in values:
        if type(value) not in (str, bool, int, float) or (
            type(value) is float and not math.isfinite(value)
        ):
            raise TypeError(
                f"labels must be strings or numbers to be written in Python, got {type(value).__name__}"
            )
    return values, dtype.str if dtype.kind in "biufU" else "object"


def _function_of(activation: Activation) -> tuple[str, str, list[float]]:
    """Return an activation's function in the file, by name: NumPy's own text; and its arguments."""
    config = activation.get_config()
    text = FormulaText(activation, config).of("__call__", activation.name)
    return activation.name, text, list(config.values())


# SciPy's functions in NumPy.
_SCIPY = {
    "expit": '''def expit(Z):
    """1 / (1 + exp(-Z)), without overflow."""
    e = np.exp(-np.abs(Z))
    return np.where(Z < 0, e, 1) / (1 + e)
''',
    "softmax": '''def softmax(Z):
    """exp(Z) divided by its sum over each row; taking the maximum away first changes nothing."""
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)
''',
    "ndtr": '''def ndtr(Z):
    """The probability that a standard normal number is below Z."""
    erfc = np.frompyfunc(math.erfc, 1, 1)
    return (0.5 * erfc(-Z / math.sqrt(2))).astype(Z.dtype)
''',
}

_ENCODE = '''def encode(X, columns, edges):
    """Each column as a one in the place of its code, or as the number and pieces between its edges."""
    parts, first = [], 0
    for x, (kind, n) in zip(X.T[:, :, np.newaxis], columns):
        if kind == "codes":
            parts.append((x == np.arange(n, dtype=DTYPE)).astype(DTYPE))
            continue
        parts.append(x)
        if kind == "edges":
            low, width = edges[first : first + n - 1], np.diff(edges[first : first + n])
            first += n
            inverse = np.divide(1, width, out=np.zeros_like(width), where=width > 0)
            u = (x - low) * inverse
            u[:, 1:] = np.maximum(u[:, 1:], 0)
            u[:, :-1] = np.minimum(u[:, :-1], 1)
            parts.append(u)
    return np.hstack(parts)
'''

_CHECK_NAMES = """
    names = getattr(X, "columns", FEATURE_NAMES)
    if list(names) != FEATURE_NAMES:
        raise ValueError(f"X must have the columns {FEATURE_NAMES}, got {list(names)}")"""

_CHECK = '''def check(X):
    """Return X as an array of numbers, or say what is wrong with it."""{names}
    X = np.asarray(X, dtype=DTYPE)
    if X.ndim != 2 or X.shape[1] != N_FEATURES:
        raise ValueError(f"X must have shape (n_samples, {{N_FEATURES}}), got {{X.shape}}")
    if not np.isfinite(X).all():
        raise ValueError("X must be finite, got NaN or infinity")
    return X
'''

_ARRAY = '''# What training has found: the arrays that forward reads.


def array(shape, text):
    """Return the array whose bytes are written in base64, little-endian, row by row."""
    values = np.frombuffer(base64.b64decode(text), dtype="{code}")
    return values.reshape(shape).astype(DTYPE)
'''
