"""The Markov chain of variances through layers of finite width: see ``finite_width``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from minnet.activations import Activation
from minnet.common.types import Array
from minnet.initializers.gaussian import gaussian_nodes

__all__ = ["Step", "propagate"]

_N_HERMITE = 64
_STEP = 1e-3  # of q, relative, in differences


@dataclass(frozen=True)
class Step:
    """A layer, and what leads from it to the next.

    ``normalized`` says that the next is a batch normalization, ``row_normalized`` a layer normalization;
    weight and bias variance are then not used. ``exact`` says that this layer's variance is what it is
    by construction.
    """

    activation: Any  # an Activation; None for the last layer
    width: int
    weight_variance: float = 1.0
    bias_variance: float = 0.0
    normalized: bool = False
    row_normalized: bool = False
    exact: bool = False


def propagate(
    layers: list[Step],
    q: float | Array,
    n_samples: int,
    correlation: float,
    n_outputs: int,
    reference: int = -1,
) -> tuple[Array, Array, Array, Array, Array]:
    """Return what a VarianceBand has, for layers given as Steps; gradients relative to one of them.

    ``q`` is the variance of the first layer's pre-activations, or several for as many groups of inputs,
    whose means are returned.
    """
    groups = np.atleast_1d(np.asarray(q, dtype=np.float64))
    q = float(groups.mean())
    c, mean, one, pair = correlation, q, 0.0, 0.0
    alike = c  # the root mean square of the correlation over networks of these widths
    records, variances, means, errors = [], [], [], []
    for layer, after in zip(layers, [*layers[1:], None], strict=True):
        variances.append(q)
        means.append(mean)
        # A layer's mean square has the spread of its units beside that of its variance.
        units = 0.0 if layer.exact else 2 / layer.width
        own = one + units * (q**2 + one)
        shared = pair + units * alike**2 * (q**2 + pair)
        errors.append(np.sqrt(max(_of_batch(own, shared, n_samples), 0.0)))
        if after is None:
            break
        record = _Moments(layer.activation, q, c, alike)
        records.append(record)
        squares, slopes = np.array([_means(layer.activation, group)[::2] for group in groups]).T
        if layer.normalized:
            spread = record.square - record.product
            record.backward = slopes / spread if spread > 0 else np.nan * slopes
            q, c, alike, mean, one, pair = 1.0, 0.0, 0.0, 1.0, 0.0, 0.0
            groups = np.ones_like(groups)
            continue
        if layer.row_normalized:
            # Over the units of a row; two directions of its gradient are taken away.
            over_units = squares - [_mean(layer.activation, group) ** 2 for group in groups]
            with np.errstate(divide="ignore", invalid="ignore"):
                record.backward = slopes / over_units * (1 - 2 / layer.width)
            spread, square_of_mean = record.over_units, record.square - record.over_units
            c = (record.product - square_of_mean) / spread if spread > 0 else 1.0
            alike = (record.alike * record.square - square_of_mean) / spread if spread > 0 else 1.0
            q, mean, one, pair = 1.0, 1.0, 0.0, 0.0
            groups = np.ones_like(groups)
            continue
        w = layer.weight_variance
        record.backward = w * slopes * after.width / layer.width
        noise = w**2 * record.spread / layer.width
        curve = w**2 * record.spread_curve / layer.width
        shared_noise = w**2 * record.shared_spread / layer.width
        grown = shared_noise * (1 + 0.5 * curve / noise * pair) if noise > 0 else 0.0
        step = w * record.square_slope
        shift = step * (mean - q) + 0.5 * w * record.square_curve * one
        one, pair = step**2 * one + noise + 0.5 * curve * one, step**2 * pair + grown
        q_at_mean = w * record.square + layer.bias_variance
        groups = w * squares + layer.bias_variance
        q = float(groups.mean())
        mean = q + shift
        if q > 0:
            share, rest = w * record.square / q_at_mean, layer.bias_variance / q_at_mean
            c = share * record.cosine + rest
            alike = share * _strayed(record.alike, layer.width) + rest
        else:
            c = alike = 1.0
    factors = np.array([record.backward for record in records] + [np.ones_like(groups)])
    gradients = np.cumprod(factors[::-1], axis=0)[::-1].mean(axis=1)
    last = gradients[reference]
    gradients = gradients / (last if last > 0 else np.nan)  # no gradient comes through weights of 0
    return (
        np.array(variances),
        np.array(means),
        np.array(errors),
        gradients,
        _gradient_errors(layers, records, n_samples, n_outputs, reference),
    )


def _strayed(cosine: float, width: int) -> float:
    r"""Return the root mean square of a cosine over networks, from that of infinite width.

    The cosine of two vectors of independent numbers has the variance :math:`(1 - \cos^2)^2 / n`. So inputs
    that have nothing in common become alike with depth over width, in a linear network too, and what is
    measured on many of them strays more than each layer's own chance has it.
    """
    square = cosine**2 + (1 - cosine**2) ** 2 / width
    return float(np.copysign(np.sqrt(min(square, 1.0)), cosine))


def _of_batch(own: float, shared: float, n_samples: int) -> float:
    """Return the variance of a mean over samples, from the variance of one and the covariance of two."""
    return (own + (n_samples - 1) * shared) / n_samples


def _gradient_errors(
    layers: list[Step], records: list[_Moments], n_samples: int, n_outputs: int, reference: int
) -> Array:
    r"""Return the relative standard deviations of the gradients' mean squares, first layer first.

    A factor is :math:`\chi(q_k) (1 + \eta_k)`: it fluctuates by itself, and with q, whose own
    fluctuations :math:`\epsilon_j` come from all layers below. Both are sums over the same units.
    """
    n = len(records)
    # Variances of epsilon and eta and their covariance; of one sample, and between two.
    noise = np.zeros((3, 2, n))
    cosine = 1 / np.sqrt(n_outputs)  # root mean square of that of two samples' gradients at the end
    for k in reversed(range(n)):
        record, layer = records[k], layers[k]
        if layer.normalized or record.slope == 0:
            continue
        w, width = layer.weight_variance, layer.width
        if layer.row_normalized:  # what it is divided by strays, and f'^2
            strays = np.array([record.spread, record.shared_spread]) / record.over_units**2
            slopes = np.array([record.slope_square, record.slope_product]) / record.slope**2 - 1
            noise[1, :, k] = (strays + [3, 1 + 2 * cosine**2] * slopes) / width
            cosine = np.clip(cosine * record.first_slope_product / record.slope, -1, 1)
            continue
        noise[0, :, k] = w**2 * np.array([record.spread, record.shared_spread]) / width
        own = 3 * record.slope_square / record.slope**2 - 1
        shared = (1 + 2 * cosine**2) * record.slope_product / record.slope**2 - 1
        noise[1, :, k] = np.array([own, shared]) / width
        noise[2, :, k] = w * np.array([record.cross, record.shared_cross]) / record.slope / width
        kept = np.clip(cosine * record.first_slope_product / record.slope, -1, 1)
        cosine = _strayed(kept, width)
    # reach[k, j]: what epsilon_j does to q_k.
    reach = np.zeros((n, n))
    for j in range(n):
        effect = 1.0
        for k in range(j + 1, n):
            if layers[k - 1].normalized or layers[k - 1].row_normalized:
                break
            reach[k, j] = effect
            effect *= layers[k].weight_variance * records[k].square_slope
    response = np.array([r.slope_slope / r.slope if r.slope > 0 else 0.0 for r in records])
    for k, record in enumerate(records):
        if layers[k].row_normalized and record.over_units > 0:
            response[k] -= record.square_slope / record.over_units
    errors = []
    for row in range(n + 1):
        part = slice(min(row, reference % (n + 1)), max(row, reference % (n + 1)))
        to_epsilon = (response[part, np.newaxis] * reach[part]).sum(axis=0)
        own, shared = (
            (to_epsilon**2 * noise[0, i]).sum()
            + noise[1, i, part].sum()
            + 2 * (to_epsilon * noise[2, i])[part].sum()
            for i in (0, 1)
        )
        errors.append(np.sqrt(max(_of_batch(own, shared, n_samples), 0.0)))
    # For many layers the sum of relative variances is one of logarithms.
    return np.sqrt(np.expm1(np.square(errors)))


class _Moments:
    """Means over two normal pre-activations of variance q.

    ``c`` and ``alike`` are mean and root mean square of their correlation.
    """

    backward: Any = np.nan  # what a gradient's variance is multiplied with; of each group of inputs

    def __init__(self, activation: Activation, q: float, c: float, alike: float) -> None:
        weights, square, slope, values, derivatives = _at(activation, q)

        def mean(values: Array) -> float:
            return float(weights @ values)

        self.square, self.slope = mean(square), mean(slope)
        self.over_units = self.square - mean(values) ** 2
        self.spread = mean(square**2) - self.square**2
        self.slope_square = mean(slope**2)
        self.cross = mean(square * slope) - self.square * self.slope
        # Differences in q, which need no second derivative of f and no care at kinks.
        self.square_slope = self.square_curve = self.spread_curve = self.slope_slope = 0.0
        if q > 0:
            (low, *_), (high, *_) = sides = [
                _means(activation, q * (1 + s)) for s in (-_STEP, _STEP)
            ]
            step = _STEP * q
            self.square_slope = (high - low) / (2 * step)
            self.square_curve = (high - 2 * self.square + low) / step**2
            self.spread_curve = (sides[1][1] - 2 * self.spread + sides[0][1]) / step**2
            self.slope_slope = (sides[1][2] - sides[0][2]) / (2 * step)
        # Two samples: E f(u1) g(u2) = sum over k of a_k b_k c^k (Mehler), with Hermite coefficients.
        hermite = _hermite(_breaks(activation, q))
        powers = np.arange(_N_HERMITE + 1)

        def product(first: Array, second: Array, c: float = alike) -> float:
            a, b = hermite @ (weights * first), hermite @ (weights * second)
            rest = mean(first * second) - a @ b  # of higher order: all at the next
            return float(np.append(a * b, rest) @ c**powers)

        self.product = product(values, values, c)
        # Cosines of the activations.
        self.cosine = self.product / self.square if self.square > 0 else 1.0
        self.alike = product(values, values) / self.square if self.square > 0 else 1.0
        self.first_slope_product = product(derivatives, derivatives)
        self.shared_spread = product(square, square) - self.square**2
        self.slope_product = product(slope, slope)
        self.shared_cross = product(square, slope) - self.square * self.slope


def _at(activation: Activation, q: float) -> tuple[Array, ...]:
    """Return normal weights, and f^2, f'^2, f, f' at their nodes."""
    z, weights = gaussian_nodes(_breaks(activation, q))
    Z = np.sqrt(q) * z
    Y = activation(Z)
    D = activation.derivative(Z, Y)
    return weights, Y**2, D**2, Y, D


def _breaks(activation: Activation, q: float) -> tuple[float, ...]:
    """Return where kinks are, in standard deviations."""
    return tuple(float(k / np.sqrt(q)) for k in activation.kinks) if q > 0 else ()


def _means(activation: Activation, q: float) -> tuple[float, float, float]:
    """Return E f^2, Var f^2 and E f'^2."""
    weights, square, slope, *_ = _at(activation, q)
    mean = weights @ square
    return float(mean), float(weights @ square**2 - mean**2), float(weights @ slope)


def _mean(activation: Activation, q: float) -> float:
    """Return E f."""
    weights, _, _, values, _ = _at(activation, q)
    return float(weights @ values)


@lru_cache(maxsize=4)
def _hermite(breaks: tuple[float, ...]) -> Array:
    """Return the normalized Hermite polynomials at the nodes, shape (_N_HERMITE, n_nodes)."""
    z, _ = gaussian_nodes(breaks)
    rows = [np.ones_like(z), z]
    for k in range(1, _N_HERMITE - 1):
        rows.append((z * rows[-1] - np.sqrt(k) * rows[-2]) / np.sqrt(k + 1))
    return np.array(rows)
