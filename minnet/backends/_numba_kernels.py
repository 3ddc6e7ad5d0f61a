"""The steps of training for Numba.

Imported only when the numba backend trains; compiled at the first call, and kept in Numba's cache where
there is a place for it. Activations and losses are called by address, so that these steps are compiled
once for each dtype.
"""

import functools
import math
from types import FunctionType

import numba
import numpy as np
from llvmlite import ir as llvm
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def cached(compiler, *signature):
    """Return a decorator that compiles; without a writable place for the cache, without it.

    For functions that are compiled for one signature, under a name of their own: of two processes that add
    to what Numba keeps under one name at once, one may later be given what the other has compiled.
    """

    def compiled(function):
        try:
            return compiler(*signature, nogil=True, cache=True)(function)
        except RuntimeError:  # "no locator available": a read-only installation and no home
            return compiler(*signature, nogil=True)(function)

    return compiled


@intrinsic
def call(typing, address, arguments):
    """Call C's function at an address with a tuple of whole numbers, addresses among them."""

    def generate(context, builder, signature, values):
        given = cgutils.unpack_tuple(builder, values[1])
        kind = llvm.FunctionType(llvm.VoidType(), [value.type for value in given])
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), given)
        return context.get_dummy_value()

    return types.void(address, arguments), generate


@numba.njit(nogil=True)
def update(adam, constants, rate, decay, l2, clip, made, w, g, state, at):
    """One step of the parameters ``w`` (flat) with the gradient ``g``; see minnet/optimizers.py."""
    momentum, nesterov, beta_1, beta_2, epsilon = constants
    correct_1, correct_2 = 1 - beta_1**made, 1 - beta_2**made
    for i in range(len(w)):
        d = g[i] + l2 * w[i]
        d = clip if d > clip else -clip if d < -clip else d
        if adam:
            m = beta_1 * state[0, at + i] + (1 - beta_1) * d
            v = beta_2 * state[1, at + i] + (1 - beta_2) * d * d
            state[0, at + i], state[1, at + i] = m, v
            d = m / correct_1 / (math.sqrt(v / correct_2) + epsilon)
        elif momentum != 0:
            v = momentum * state[0, at + i] + d
            state[0, at + i] = v
            d = d + momentum * v if nesterov != 0 else v
        w[i] = decay * w[i] - rate * d


@numba.njit(nogil=True)
def view(flat, rows, columns):
    return flat[: rows * columns].reshape(rows, columns)


@functools.cache
def train_steps(dtype):
    """Return the compiled steps for networks of a dtype."""
    name = f"steps_{dtype.name}"
    steps = FunctionType(_steps.__code__, globals(), name)
    steps.__qualname__ = name  # what Numba's cache goes by
    return cached(numba.njit)(steps)


def _steps(
    layers, loss, alpha, params, X, T, t_indptr, t_indices, t_values, weights, order, weight_sum,
    batch_size, start, stop, rates, adam, constants, state, weight_decay, clip, steps_made, losses,
):  # fmt: skip
    """Take the steps ``start`` to ``stop - 1``; empty arrays stand for None.

    ``T`` is bytes of targets; of those that are sparse it has no rows, and they are in CSR's arrays.
    """
    n_layers, n_samples, l2 = len(layers), len(X), alpha / weight_sum
    most = batch_size * max(X.shape[1], layers.n_out.max())
    Y = np.empty((n_layers + 1, most), params.dtype)  # inputs of the layers, and the logits
    Z, D, S = np.empty_like(Y), np.empty_like(Y), np.empty_like(Y[0])
    g, ones = np.empty(len(params), params.dtype), np.ones(batch_size, params.dtype)
    is_sparse = len(t_indptr) > 0
    targets = np.empty((0 if is_sparse else batch_size, T.shape[1]), np.int8)
    numbers = np.empty((batch_size if is_sparse else 0, layers[-1].n_out), t_values.dtype)
    factors, values = np.empty(batch_size), np.empty(batch_size)
    for step in range(start, stop):
        first, made = step * batch_size, steps_made + step - start + 1
        n, total = min(batch_size, n_samples - first), 0.0
        x = view(Y[0], n, X.shape[1])
        for m in range(n):
            row = order[first + m] if len(order) else first + m
            x[m] = X[row]
            if is_sparse:
                numbers[m] = 0
                for i in range(t_indptr[row], t_indptr[row + 1]):
                    numbers[m, t_indices[i]] += t_values[i]
            else:
                targets[m] = T[row]
            factors[m] = n_samples / (n * weight_sum) * (weights[row] if len(weights) else 1.0)
        for i in range(n_layers):
            layer, n_in, n_out = layers[i], layers[i].n_in, layers[i].n_out
            x, z, y = view(Y[i], n, n_in), view(Z[i + 1], n, n_out), view(Y[i + 1], n, n_out)
            np.dot(x, view(params[layer.weight :], n_in, n_out), z)
            z += params[layer.bias : layer.bias + n_out]
            call(layer.value, (z.ctypes.data, y.ctypes.data, z.size))
            for w in params[layer.weight : layer.weight + (n_in * n_out if l2 != 0 else 0)]:
                total += 0.5 * l2 * w * w
        y, d = view(Y[-1], n, layers[-1].n_out), view(D[-1], n, layers[-1].n_out)
        t = numbers.ctypes.data if is_sparse else targets.ctypes.data
        addresses = y.ctypes.data, t, d.ctypes.data, values.ctypes.data
        call(loss, (*addresses, n, y.shape[1]))
        for m in range(n):
            total += factors[m] * values[m]
            d[m] *= factors[m]
        losses[step] = total * n
        for i in range(n_layers - 1, -1, -1):
            layer, n_in, n_out = layers[i], layers[i].n_in, layers[i].n_out
            d, W, b = (
                view(D[i + 1], n, n_out),
                view(params[layer.weight :], n_in, n_out),
                layer.bias,
            )
            slope = view(S, n, n_out)
            at = Z[i + 1].ctypes.data, Y[i + 1].ctypes.data, slope.ctypes.data
            call(layer.slope, (*at, slope.size))
            d *= slope
            if i > 0:
                np.dot(d, W.T, view(D[i], n, n_in))
            if layer.trainable != 0:
                np.dot(view(Y[i], n, n_in).T, d, view(g, n_in, n_out))
                rate, w = rates[step] * layer.lr_factor, W.reshape(W.size)
                decay = 1 - rates[step] * layer.decay_factor * weight_decay
                update(adam, constants, rate, decay, l2, clip, made, w, g, state, layer.weight)
                np.dot(view(ones, 1, n), d, view(g, 1, n_out))
                rate, w = rates[step] * layer.bias_lr_factor, params[b : b + n_out]
                update(adam, constants, rate, 1.0, 0.0, clip, made, w, g, state, b)
