"""The steps of training for Numba: the loops of minnet_ext/kernels, in Python.

Imported only when the numba backend is made; compiled at the first call, and kept in Numba's cache
where there is a place for it. Products are written so that the inner loop runs along a row of ``W``:
LLVM vectorizes it without being allowed to reorder sums. Activations and losses have the numbers of
minnet/backends/program.py.
"""

import math

import numba
import numpy as np

SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


def jit(function):
    """Compile at the first call; without a writable place for the cache, do without it."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # "no locator available": a read-only installation and no home
        return numba.njit(nogil=True)(function)


@jit
def sigmoid(z):
    e = math.exp(-abs(z))
    return 1 / (1 + e) if z >= 0 or z != z else e / (1 + e)


@jit
def normal_cdf(z):
    return 0.5 * math.erfc(-z * 0.7071067811865476)


@jit
def activation(code, parameter, z):
    """Return f(z)."""
    if code == 1:
        return sigmoid(z)
    if code == 2:
        return math.tanh(z)
    if code == 3:
        return 1.7159 * math.tanh(z * (2 / 3))
    if code == 4:
        return z / (1 + abs(z))
    if code == 5:
        return 0.0 if z <= 0 else z
    if code == 6:
        return z * parameter if z <= 0 else z
    if code == 7:
        return parameter * math.expm1(z) if z <= 0 else z
    if code == 8:
        return SELU_SCALE * SELU_ALPHA * math.expm1(z) if z <= 0 else SELU_SCALE * z
    if code == 9:
        return z * normal_cdf(z)
    if code == 10:
        return z * sigmoid(z)
    if code == 11:
        return (0.0 if z <= 0 else z) + math.log1p(math.exp(-abs(z)))
    return z


@jit
def derivative(code, parameter, z, y):
    """Return f'(z), given y = f(z)."""
    if code == 1:
        return y * (1 - y)
    if code == 2:
        return 1 - y * y
    if code == 3:
        return (2 / 3) * (1.7159 - y * y / 1.7159)
    if code == 4:
        return (1 - abs(y)) ** 2
    if code == 5:
        return 1.0 if y > 0 else 0.0
    if code == 6:
        return 1.0 if y > 0 else parameter
    if code == 7:
        return 1.0 if y > 0 else y + parameter
    if code == 8:
        return SELU_SCALE if y > 0 else y + SELU_SCALE * SELU_ALPHA
    if code == 9:
        z = min(max(z, -40.0), 40.0)
        return normal_cdf(z) + z * math.exp(-0.5 * z * z) * 0.3989422804014327
    if code == 10:
        s = sigmoid(z)
        return s + y * (1 - s)
    if code == 11:
        return -math.expm1(-y)
    return 1.0


@jit
def softmax(z, p):
    """Write the softmax of ``z`` to ``p``; return log sum exp(z - max z), and max z."""
    largest, total = z.max(), 0.0
    for j in range(len(z)):
        p[j] = math.exp(z[j] - largest)
        total += p[j]
    for j in range(len(z)):
        p[j] /= total
    return math.log(total), largest


@jit
def loss_row(code, parameter, z, d, label, t):
    """Write the gradient of one row's loss to ``d`` and return the loss."""
    value = 0.0
    if code == 0:
        value, largest = softmax(z, d)
        value += largest - z[label]
        d[label] -= 1
    elif code == 3:
        softmax(z, d)
        inner = 0.0
        for j in range(len(z)):
            residual = d[j] - (1.0 if j == label else 0.0)
            value += 0.5 * residual * residual
            inner += residual * d[j]
        for j in range(len(z)):
            d[j] *= d[j] - (1.0 if j == label else 0.0) - inner
    else:
        for j in range(len(z)):
            if code == 1:
                value += max(z[j], 0.0) - z[j] * t[j] + math.log1p(math.exp(-abs(z[j])))
                d[j] = sigmoid(z[j]) - t[j]
            elif code == 2:
                d[j] = z[j] - t[j]
                value += 0.5 * d[j] * d[j]
            elif code == 4:
                y = sigmoid(z[j])
                residual = y - t[j]
                value += 0.5 * residual * residual
                d[j] = residual * y * (1 - y)
            elif code == 5:
                mean = math.exp(z[j])
                value += mean - t[j] * z[j] - t[j]
                if t[j] > 0:
                    value += t[j] * math.log(t[j])
                d[j] = mean - t[j]
            elif code == 6:
                residual = z[j] - t[j]
                value += abs(residual)
                d[j] = np.sign(residual)
            elif code == 7:
                residual = z[j] - t[j]
                d[j] = residual  # NaN stays
                if residual > parameter:
                    d[j] = parameter
                if residual < -parameter:
                    d[j] = -parameter
                value += d[j] * (residual - 0.5 * d[j])
            else:
                residual = z[j] - t[j]
                slope = np.sign(residual)
                slope *= 1 - parameter if residual > 0 else parameter
                d[j] = slope
                value += slope * residual
    return value


@jit
def forward(layer, W, b, X, Z, Y):
    """``Z = X W + b``, ``Y = f(Z)``."""
    for m in range(X.shape[0]):
        z = Z[m]
        z[:] = b
        for k in range(X.shape[1]):
            x, w = X[m, k], W[k]
            for n in range(len(z)):
                z[n] += x * w[n]
        for n in range(len(z)):
            Y[m, n] = activation(layer.activation, layer.activation_parameter, z[n])


@jit
def backward(W, dZ, dX):
    """``dX = dZ W^T``."""
    for m in range(dZ.shape[0]):
        for k in range(W.shape[0]):
            w, total = W[k], 0.0
            for n in range(dZ.shape[1]):
                total += dZ[m, n] * w[n]
            dX[m, k] = total


@jit
def weight_gradient(X, dZ, dW):
    """``dW = X^T dZ``."""
    for k in range(dW.shape[0]):
        g = dW[k]
        g[:] = 0
        for m in range(X.shape[0]):
            x, d = X[m, k], dZ[m]
            for n in range(len(g)):
                g[n] += x * d[n]


@jit
def update(optimizer, constants, rate, decay, l2, clip, step, w, g, state, at):
    """One step of the parameters ``w`` (flat) with the gradient ``g``; see minnet/optimizers.py."""
    momentum, nesterov, beta_1, beta_2, epsilon = constants
    correct_1 = 1 - beta_1**step
    correct_2 = 1 - beta_2**step
    for i in range(len(w)):
        d = g[i] + l2 * w[i]
        if d > clip:
            d = clip
        if d < -clip:
            d = -clip
        if optimizer == 1:
            m = beta_1 * state[0, at + i] + (1 - beta_1) * d
            v = beta_2 * state[1, at + i] + (1 - beta_2) * d * d
            state[0, at + i], state[1, at + i] = m, v
            d = m / correct_1 / (math.sqrt(v / correct_2) + epsilon)
        elif optimizer == 2:
            v = beta_2 * state[0, at + i] + (1 - beta_2) * d * d
            state[0, at + i] = v
            d = d / (math.sqrt(v) + epsilon)
            if momentum != 0:
                d = momentum * state[1, at + i] + d
                state[1, at + i] = d
        elif optimizer != 0:
            d = math.nan
        elif momentum != 0:
            v = momentum * state[0, at + i] + d
            state[0, at + i] = v
            d = d + momentum * v if nesterov != 0 else v
        w[i] = decay * w[i] - rate * d


@jit
def view(flat, offset, rows, columns):
    return flat[offset : offset + rows * columns].reshape(rows, columns)


@jit
def train_steps(
    layers, loss, loss_parameter, alpha, params, X, classes, T, weights, order, n_samples, weight_sum,
    batch_size, start, stop, rates, optimizer, constants, state, weight_decay, clip, steps_made, losses,
):  # fmt: skip
    """Take the steps ``start`` to ``stop - 1``; empty arrays stand for None."""
    n_layers = len(layers)
    offsets = np.zeros(n_layers + 2, np.int64)
    widest = 0
    for i in range(n_layers + 1):
        width = layers[0].n_in if i == 0 else layers[i - 1].n_out
        offsets[i + 1] = offsets[i] + batch_size * width
        widest = max(widest, width if i == 0 else layers[i - 1].n_in * width)
    Y = np.empty(offsets[-1], params.dtype)  # inputs of the layers, and the logits
    Z, D = np.empty_like(Y), np.empty_like(Y)
    gradient = np.empty(widest, params.dtype)
    l2 = alpha / weight_sum
    for step in range(start, stop):
        first = step * batch_size
        n = min(batch_size, n_samples - first)
        scale = n_samples / (n * weight_sum)
        rate, made, total = rates[step], steps_made + step - start + 1, 0.0
        x = view(Y, 0, n, layers[0].n_in)
        for m in range(n):
            row = order[first + m] if len(order) else first + m
            x[m] = X[row]
        for i in range(n_layers):
            layer = layers[i]
            forward(
                layer,
                view(params, layer.weight, layer.n_in, layer.n_out),
                params[layer.bias : layer.bias + layer.n_out],
                view(Y, offsets[i], n, layer.n_in),
                view(Z, offsets[i + 1], n, layer.n_out),
                view(Y, offsets[i + 1], n, layer.n_out),
            )
        width = layers[n_layers - 1].n_out
        logits = view(Y, offsets[n_layers], n, width)
        d = view(D, offsets[n_layers], n, width)
        for m in range(n):
            row = order[first + m] if len(order) else first + m
            factor = scale * (weights[row] if len(weights) else 1.0)
            label = classes[row] if len(classes) else 0
            target = T[row] if len(T) else logits[m]
            total += factor * loss_row(loss, loss_parameter, logits[m], d[m], label, target)
            for j in range(width):
                d[m, j] *= factor
        if l2 != 0:
            for i in range(n_layers):
                layer = layers[i]
                w = params[layer.weight : layer.weight + layer.n_in * layer.n_out]
                squares = 0.0
                for j in range(len(w)):
                    squares += w[j] * w[j]
                total += 0.5 * l2 * squares
        losses[step] = total * n
        for i in range(n_layers - 1, -1, -1):
            layer = layers[i]
            size = layer.n_in * layer.n_out
            d = view(D, offsets[i + 1], n, layer.n_out)
            z, y = view(Z, offsets[i + 1], n, layer.n_out), view(Y, offsets[i + 1], n, layer.n_out)
            for m in range(n):
                for j in range(layer.n_out):
                    d[m, j] *= derivative(
                        layer.activation, layer.activation_parameter, z[m, j], y[m, j]
                    )
            W = view(params, layer.weight, layer.n_in, layer.n_out)
            x = view(Y, offsets[i], n, layer.n_in)
            if i > 0:
                backward(W, d, view(D, offsets[i], n, layer.n_in))
            if layer.trainable == 0:
                continue
            weight_gradient(x, d, view(gradient, 0, layer.n_in, layer.n_out))
            own = rate * layer.lr_factor
            update(
                optimizer, constants, own, 1 - own * weight_decay, l2, clip, made,
                params[layer.weight : layer.weight + size], gradient[:size], state, layer.weight,
            )  # fmt: skip
            for j in range(layer.n_out):
                gradient[j] = 0
                for m in range(n):
                    gradient[j] += d[m, j]
            update(
                optimizer, constants, rate * layer.bias_lr_factor, 1.0, 0.0, clip, made,
                params[layer.bias : layer.bias + layer.n_out], gradient[: layer.n_out], state,
                layer.bias,
            )  # fmt: skip
