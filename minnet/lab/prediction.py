"""What theory expects of a given network: its own widths, activations and initializers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from minnet.activations import Activation
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.lab._chain import Step, propagate
from minnet.lab.finite_width import VarianceBand
from minnet.lab.rows import first_inputs
from minnet.lab.subject import subject_of
from minnet.lab.weights import law_of_layer
from minnet.layers import BatchNorm, Dense, Dropout, LayerNorm
from minnet.network import Network
from minnet.piecewise import PiecewiseLinear, n_encoded

__all__ = ["Prediction", "curves_at", "predict_variances"]

_KNOWN = (Dense, Dropout, BatchNorm, LayerNorm)  # themselves: a subclass may compute something else
_MOST_ROWS = 256  # of X, whose inner products are taken
_N_GROUPS = 32  # of inputs by their lengths
_NEGLIGIBLE_MEAN = 0.1  # of a weight: its square times fan_in, against the variance


@dataclass(frozen=True, repr=False)
class Prediction(VarianceBand):
    """Variances by depth of a given network at its start; made by :func:`predict_variances`.

    It has what a :class:`VarianceBand` has, with a row for each Dense, BatchNorm and LayerNorm; rows after
    the first layer that theory knows nothing of are NaN.

    Parameters
    ----------
    variances, means, standard_errors, gradient_variances, gradient_errors
        See :class:`VarianceBand`.

    Attributes
    ----------
    index : ndarray of int, shape (n_layers,)
        The places of the rows in ``network.layers``.
    reference : int
        The row that gradients are relative to: the last one below the output layer.
    stopped : str
        Why there is no prediction from some layer on; empty if there is one for all.
    """

    index: np.ndarray
    reference: int
    stopped: str = ""

    def _labels(self) -> list[str]:
        return [f"layers[{i}]" for i in self.index]

    def _title(self) -> str:
        return super()._title() + (f"; none from where {self.stopped}" if self.stopped else "")


def predict_variances(model: Any, X: Matrix, y: ArrayLike | None = None) -> Prediction:
    r"""Return mean-field theory's variances of pre-activations and gradients, layer by layer.

    The first layer's is :math:`\operatorname{Var} W\, |x|^2 + \sigma_b^2`, with the inputs as they are.
    Those of different length go their own ways, and the means over them are returned. From there on each
    layer has its own activation, and by its initializer its own

    .. math:: \sigma_w^2 = \text{fan}_{in} \operatorname{Var} W .

    Gradients are multiplied by :math:`\text{fan}_{out} \operatorname{Var} W\, E f'^2` on their way down.

    Parameters
    ----------
    model : Network, MinNetClassifier, MinNetRegressor or Pipeline that ends in one
        As :func:`minnet.lab.probe` takes it. A trained one is taken as it was before its training: the
        initializers are asked, not the weights.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Inputs, a row for each sample.
    y : array-like, default=None
        Needed for an estimator that is not fitted only.

    Returns
    -------
    prediction : Prediction

    Notes
    -----
    - A Dropout of rate p multiplies both variances by 1 / (1 - p); the band leaves the masks out.
    - After a BatchNorm the variance is 1 by construction. Gradients are divided by the variance over the
      batch of what it normalizes, which has :math:`E f'^2 / \operatorname{Var} f \ge 1` between two of
      them (Yang et al. 2019, arXiv:1902.08129).
    - After a LayerNorm it is 1 as well, and what inputs have in common stays. Gradients are divided by the
      variance over the units, :math:`\operatorname{Var} W\, |y|^2 + \sigma_b^2` of a Dense below.
    - The inputs above a PiecewiseLinear, the first layer, are what it makes of them; where it drops codes,
      the squares of those that it keeps count as above a Dropout.
    - A bias of one value for all units shifts the activation.
    - There is no prediction from a layer of your own, a residual block or a PiecewiseLinear further up on,
      after a frozen BatchNorm or a normalization right above a Dropout, and where weights have a mean
      other than 0.
    - An initializer that looks at data (it has ``adapt``) is taken at its word: the variance is that of
      the weights that are there.

    Examples
    --------
    >>> from minnet.lab.theory import predict_variances
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> X = np.random.default_rng(0).normal(size=(100, 50))
    >>> layers = [Dense(80, "tanh"), Dense(40, "tanh"), Dense(3)]
    >>> net = Network(layers, init="glorot", bias_init="zeros").initialize(50, random_state=0)
    >>> predict_variances(net, X).variances.round(2)  # Glorot: 2 fan_in / (fan_in + fan_out)
    array([0.76, 0.46, 0.48])
    """
    subject = subject_of(model, X, y)
    network = subject.network
    X = _as_in_training(network, first_inputs(network, subject.X))
    rows, stopped = _rows(network)
    known = [row for row in rows if row.step is not None]
    if not known:
        raise ValueError(f"model must have a layer that can be predicted: {stopped}")
    has_norm = any(row.normalized == "batch" for row in known)
    first = known[0]
    squares, correlation = _of_inputs(X, has_norm, first.normalized == "row")
    if first.normalized:
        q, c = np.ones(1), 0.0 if first.normalized == "batch" else correlation
    else:
        q = first.weight_variance * squares + first.bias_variance
        shared = first.weight_variance * squares.mean() * correlation + first.bias_variance
        c = shared / q.mean() if q.any() else 1.0
    steps = [
        Step(
            row.step,
            row.width,
            after.weight_variance if after else 1.0,
            after.bias_variance if after else 0.0,
            normalized=bool(after and after.normalized == "batch"),
            row_normalized=bool(after and after.normalized == "row"),
            exact=bool(row.normalized),
        )
        for row, after in zip(known, [*known[1:], None], strict=True)
    ]
    complete = len(known) == len(rows)
    reference = len(known) - 2 if complete and len(known) > 1 else len(known) - 1
    c = float(np.clip(c, -1, 1))
    band = VarianceBand(*propagate(steps, q, X.shape[0], c, network.sizes[-1], reference))
    shifts = np.array([row.shift for row in known]) ** 2
    missing = np.full(len(rows) - len(known), np.nan)
    return Prediction(
        np.append(band.variances + shifts, missing),
        np.append(band.means + shifts, missing),
        np.append(band.standard_errors, missing),
        np.append(band.gradient_variances, missing),
        np.append(band.gradient_errors, missing),
        np.array([row.index for row in rows]),
        reference,
        stopped,
    )


def curves_at(
    prediction: Prediction, places: ArrayLike, n_errors: float = 2.0
) -> dict[str, dict[str, Array]]:
    """Return curve and band of layers by their places in the network, NaN where nothing is known.

    Parameters
    ----------
    prediction : Prediction
    places : array-like of int
        In ``network.layers``.
    n_errors : float, default=2.0
        Half the width of the band, in standard errors.

    Returns
    -------
    curves : dict of dict of ndarray of shape (n_places,)
        ``"forward"`` and ``"backward"``, each with ``"predicted"``, ``"low"`` and ``"high"``.
    """
    row_of = {place: row for row, place in enumerate(prediction.index)}
    rows = [row_of.get(place, -1) for place in np.asarray(places)]
    curves = {
        "forward": (prediction.variances, *prediction.interval(n_errors)),
        "backward": (prediction.gradient_variances, *prediction.gradient_interval(n_errors)),
    }
    return {
        way: {
            of: np.append(values, np.nan)[rows]
            for of, values in zip(("predicted", "low", "high"), three, strict=True)
        }
        for way, three in curves.items()
    }


def _as_in_training(network: Network, X: Matrix) -> Matrix:
    """Return the inputs of the first weights with squares as they are where codes are dropped."""
    first = network.layers[0]
    if not (isinstance(first, PiecewiseLinear) and first.differs_in_training):
        return X
    of_codes = [isinstance(column, int) for column in first.columns]
    dropped = np.repeat(of_codes, list(map(n_encoded, first.columns)))
    return X * np.where(dropped, (1 - first.code_dropout) ** -0.5, 1)


@dataclass
class _Row:
    """A layer; ``step`` is its activation, None where nothing is known of it."""

    index: int
    width: int
    step: Activation | None = None
    weight_variance: float = 1.0
    bias_variance: float = 0.0
    shift: float = 0.0
    normalized: str = ""  # by "batch" or "row"


def _rows(network: Network) -> tuple[list[_Row], str]:
    """Return a row for each Dense and normalization, and why some of them are not known."""
    rows, kept, stopped = [], 1.0, ""
    for i, layer in enumerate(network.layers):
        fan_in = network.sizes[i]
        if layer.fully_connected or layer.normalizes:
            rows.append(_Row(i, network.sizes[i + 1]))
        if stopped or (i == 0 and isinstance(layer, PiecewiseLinear)):
            continue
        known = type(layer) in _KNOWN
        if known and layer.only_in_training:
            kept *= 1 - layer.rate
        elif known and layer.fully_connected:
            mean, variance = law_of_layer(network, i, "W")
            # Of a matrix that is there, or was drawn to be measured, the mean is 0 up to chance.
            chance = 9 * variance / layer.W.size
            if mean**2 > max(_NEGLIGIBLE_MEAN * variance / fan_in, chance):
                stopped = f"the weights of layers[{i}] have the mean {mean:.3g}, not 0"
                continue
            row = rows[-1]
            row.shift, row.bias_variance = law_of_layer(network, i, "b")
            row.weight_variance = variance * (fan_in if len(rows) > 1 else 1) / kept
            f = layer.activation
            row.step = _Shifted(f, row.shift) if f and row.shift else f
            kept = 1.0
        elif known and (layer.trainable or not layer.differs_in_training) and kept == 1:
            rows[-1].step = layer.activation
            rows[-1].normalized = "batch" if layer.differs_in_training else "row"
        else:
            stopped = f"layers[{i}] is {layer!r}"
            if known:
                stopped += ", frozen or with a Dropout below it"
    return rows, stopped


def _of_inputs(X: Matrix, signed: bool, centered: bool) -> tuple[Array, float]:
    """Return |x|^2 of groups of inputs, and the correlation of two inputs.

    The correlation is the root mean square, or the mean if signed. ``centered`` has the mean of each row
    taken away.
    """
    if centered:
        X = X[:_MOST_ROWS].toarray() if sparse.issparse(X) else X
        X = X - X.mean(axis=1, keepdims=True)
    n = X.shape[0]
    squares = X.multiply(X) if sparse.issparse(X) else np.square(X, dtype=np.float64)
    squares = np.asarray(squares.sum(axis=1), dtype=np.float64).ravel()
    square, parts = squares.mean(), np.array_split(np.sort(squares), min(n, _N_GROUPS))
    groups = np.array([part.mean() for part in parts])
    groups *= square / (groups.mean() or 1.0)  # the parts differ by one input at most
    if square == 0 or n < 2:
        return groups, 1.0 if square == 0 else 0.0
    rows = X[: min(n, _MOST_ROWS)]
    gram = rows @ rows.T
    gram = np.asarray(gram.toarray() if sparse.issparse(gram) else gram, dtype=np.float64)
    m = len(gram)
    if signed:
        return groups, (gram.sum() - np.trace(gram)) / (m - 1) / np.trace(gram)
    lengths = np.sqrt(np.diagonal(gram))
    gram /= np.maximum(np.outer(lengths, lengths), np.finfo(float).tiny)
    return groups, np.sqrt(max((gram**2).sum() - (lengths > 0).sum(), 0) / (m * (m - 1)))


class _Shifted(Activation):
    """f(z + b), for a bias that all units share."""

    def __init__(self, activation: Activation, shift: float) -> None:
        self.activation = activation
        self.shift = shift
        self.kinks = tuple(kink - shift for kink in activation.kinks)

    def __call__(self, Z: Array) -> Array:
        return self.activation(Z + self.shift)

    def derivative(self, Z: Array, Y: Array) -> Array:
        return self.activation.derivative(Z + self.shift, Y)
