"""Activations as a user writes them, in a module that other processes can import."""

import math

import numpy as np

import minnet

SLOPE = 0.25


@minnet.activation(derivative=lambda y: (1 - abs(y)) ** 2)
def own_softsign(z):
    """Saturates slowly."""
    return z / (1 + abs(z))


@minnet.activation(derivative=lambda y: 1 if y > 0 else 0, kinks=(0,))
def own_relu(z):
    return z if z > 0 else 0


@minnet.activation(derivative=lambda z: 1.0 if z > 0 else SLOPE, kinks=(0,))
def own_leaky_relu(z):
    return z if z > 0 else SLOPE * z


@minnet.activation(derivative=lambda y: 1 - y * y)
def own_tanh(z):
    return np.tanh(z)


@minnet.activation(derivative=lambda y: y * (1 - y))
def own_sigmoid(z):
    return 1 / (1 + math.exp(-z))


def _silu_slope(z, y):
    s = 1 / (1 + np.exp(-z))
    return s + y * (1 - s)


@minnet.activation(derivative=_silu_slope)
def own_silu(z):
    return z / (1 + np.exp(-z))


@minnet.activation(derivative=lambda z: 2 * math.cos(2 * z))
def own_sine(z):
    return math.sin(2 * z)


@minnet.activation(derivative=lambda z: math.tanh(z))
def log_cosh(z):
    return abs(z) + math.log1p(math.exp(-2 * abs(z))) - math.log(2)


ALL = [
    own_softsign, own_relu, own_leaky_relu, own_tanh, own_sigmoid, own_silu, own_sine, log_cosh,
]  # fmt: skip
