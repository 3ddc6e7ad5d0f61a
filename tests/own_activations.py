"""Activations as a user writes them, which other processes can import, and what tests of them share."""

import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import minnet
from minnet.activations import LeakyRelu
from minnet.backends import list_backends

needs_numba = pytest.mark.skipif("numba" not in list_backends(), reason="no Numba here")
needs_both = pytest.mark.skipif(
    not {"cython", "numba"} <= {*list_backends()}, reason="no extension or no Numba here"
)

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

#: Those that minnet has too.
SAME = [(own_softsign, "softsign"), (own_relu, "relu"), (own_leaky_relu, LeakyRelu(0.25)),
        (own_tanh, "tanh"), (own_sigmoid, "sigmoid"), (own_silu, "silu")]  # fmt: skip


def forget_numba(monkeypatch):
    """Let nothing be compiled, and nothing have been."""
    monkeypatch.setitem(sys.modules, "minnet.user_activations.loops", None)
    for activation in ALL:
        monkeypatch.setattr(activation, "_loops", {})


def run(code, **variables):
    """Run code in another process, where ``sys.argv[1]`` is this folder."""
    command = [sys.executable, "-c", textwrap.dedent(code), str(Path(__file__).parent)]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
