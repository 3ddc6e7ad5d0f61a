r"""The loop that trains: shuffle, forward, loss, backward, update, one mini-batch after the other.

Everything before this file computes one gradient. Here it is followed downhill:

.. math:: \theta \leftarrow \theta - \eta\, \nabla L_{\text{batch}}(\theta) .

:func:`shuffled_order` and :func:`descend` are what training runs. The backend "numpy" takes its steps with
them; the compiled backends take the same steps, and tests compare the results.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.common.types import Array, Matrix
from minnet.network import Network
from minnet.optimizers import Optimizer, clip_gradients
from minnet.parameter_table import rate_factors, refresh_table
from minnet.random import Stream

__all__ = ["descend", "shuffled_order"]


def __dir__() -> list[str]:
    return __all__


def shuffled_order(n_samples: int, key: int, epoch: int) -> Array:
    """Return the rows 0 to ``n_samples - 1`` in the random order of an epoch.

    Examples
    --------
    >>> from minnet.descend import shuffled_order
    >>> shuffled_order(6, key=0, epoch=0), shuffled_order(6, key=0, epoch=1)
    (array([1, 0, 3, 5, 4, 2]), array([5, 4, 2, 1, 0, 3]))
    """
    return Stream(key, "shuffle", epoch).permutation(n_samples)


# An overflow here is divergence, which the trainer reports after the epoch.
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def descend(
    network: Network,
    optimizer: Optimizer,
    X: Matrix,
    T: Matrix,
    sample_weight: Array | None = None,
    *,
    order: Array | None = None,
    batch_size: int = 32,
    rates: Array | None = None,
    weight_sum: float | None = None,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    weight_decay: float = 0.0,
    position: int = 0,
    start: int = 0,
    stop: int | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    share: Any = None,
) -> Array:
    r"""Take the steps of one epoch: one for each mini-batch, in place.

    Parameters
    ----------
    network : Network
        Initialized; its parameters and state change.
    optimizer : Optimizer
        Prepared for them.
    X, T, sample_weight
        The data of the fit, as :meth:`minnet.Network.check_batch` returns them. Of a sparse ``T`` the
        rows of one mini-batch are made dense at a time.
    order : ndarray of shape (n_samples,) or None, default=None
        In which order the rows are visited; None means as they lie.
    batch_size : int, default=32
        The last mini-batch may be shorter. :class:`minnet.Trainer` joins one of a single row, which has no
        variance, to the one before where a :class:`minnet.BatchNorm` would see it; here it is a step.
    rates : ndarray or None, default=None
        Learning rate of each step; None means the optimizer's in all of them.
    weight_sum : float or None, default=None
        Sum of the sample weights; None has them summed.
    clip_value, clip_norm : float or None, default=None
        See :func:`minnet.optimizers.clip_gradients`.
    weight_decay : float, default=0.0
        Decoupled: each step multiplies the weights by ``1 - rate * decay_factor * weight_decay``, with
        the factor of the layer. An optimizer may have some of its own (:class:`minnet.AdamW`): they add
        up.
    position : int, default=0
        Samples drawn before: where the random streams of dropout go on.
    start, stop : int, default=0, None
        Only these steps of the epoch: from ``start`` to ``stop - 1``. None means to its end.
    interrupted : callable, default=lambda: False
        Asked after each step whether to return early.
    share : minnet.backends.share.Share or None, default=None
        Where several processes take the steps together: which rows of each are in this one. Their
        gradients are summed up between backward and clipping, so that all take the same step.

    Returns
    -------
    ndarray of float64
        Objective of each mini-batch, times its length.

    Examples
    --------
    >>> from minnet.descend import descend, shuffled_order
    >>> import numpy as np
    >>> from minnet import SGD, Dense, Network
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> T = (X[:, 0] * X[:, 1] > 0).astype(int)  # two classes that no straight line separates
    >>> net = Network([Dense(16, "tanh"), Dense(2)]).initialize(n_features=2, random_state=0)
    >>> sgd = SGD(learning_rate=0.1, momentum=0.9)
    >>> sgd.prepare(net.params)
    >>> for epoch in range(41):
    ...     order = shuffled_order(len(X), key=0, epoch=epoch)
    ...     losses = descend(net, sgd, X, T, order=order, batch_size=20)
    ...     if epoch % 20 == 0:
    ...         print(f"epoch {epoch}: loss {losses.sum() / len(X):.3f}")
    epoch 0: loss 0.723
    epoch 20: loss 0.152
    epoch 40: loss 0.073

    >>> (net.predict(X).argmax(axis=1) == T).mean() > 0.95
    np.True_
    """
    n_samples = X.shape[0] if share is None else share.n_samples
    if stop is None:
        stop = -(-n_samples // batch_size)  # the last mini-batch may be shorter
    if weight_sum is None:
        weight_sum = float(n_samples if sample_weight is None else sample_weight.sum())
    weight_decay += optimizer.decoupled_weight_decay
    refresh_table(network.parameter_table, network.layers, network.sizes)
    factors = rate_factors(network.parameter_table, network.params)
    decayed = [row for row in network.parameter_table if row.is_weight and row.trainable]
    losses = []
    for step in range(start, stop):
        if share is None:
            first, last = step * batch_size, min((step + 1) * batch_size, n_samples)
            drawn, length, part = first, last - first, None
        else:
            first, last, drawn, length, part = share.step(step)
        rows: Any = slice(first, last) if order is None else order[first:last]
        weights = None if sample_weight is None else sample_weight[rows]
        loss, grads, contexts = network.forward_backward(
            X[rows], T[rows], weights, n_samples, weight_sum, position + drawn, part
        )
        loss *= length
        if part is not None:
            grads, loss, ended = share.total_step(grads, loss)
            if ended:
                break
        losses.append(loss)
        clip_gradients(grads, clip_value, clip_norm)
        rate = network.dtype.type(optimizer.learning_rate if rates is None else rates[step])
        for row in decayed if weight_decay else ():
            decay = 1 - rate * row.decay_factor * weight_decay
            network.params[row.slice] *= network.dtype.type(decay)
        optimizer.update(network.params, grads, rate * factors)
        for layer, ctx in zip(network.layers, contexts, strict=True):
            layer.update_state(ctx)
        if part is None and interrupted():
            break
    return np.array(losses, dtype=np.float64)
