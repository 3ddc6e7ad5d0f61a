"""Who trains: minnet and scikit-learn by ``fit``, PyTorch eagerly, JAX with the epoch in one jit.

Each function returns a Trainee whose ``train(n_epochs)`` shuffles, takes the steps and returns the mean
loss of each epoch. All start from Glorot's uniform law (scikit-learn from its own, which is close to it)
and do the same work: a new order in every epoch, gather, forward, loss, backward, update; a last batch
that is shorter than the others is a step too. Of an endless workload nothing is shuffled: each epoch has
new images, which all have made by minnet's generator while they are timed.
"""

import itertools
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

__all__ = ["CONTESTANTS", "Trainee"]


@dataclass
class Trainee:
    """A contestant that is ready to train.

    ``fresh`` says that each call of ``train`` is a whole ``fit`` from new weights; otherwise a call goes
    on where the last one stopped.
    """

    train: Callable
    fresh: bool
    parameters: Callable  # returns the list of weight matrices, to check shapes and values
    notes: dict = field(default_factory=dict)


def _fit(model, X, y):
    """Return what trains an estimator, and checks that no epoch was saved."""

    def train(n_epochs):
        model.max_iter = n_epochs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not converged
            model.fit(X, y)
        if model.n_iter_ != n_epochs:
            raise RuntimeError(f"{n_epochs} epochs wanted, {model.n_iter_} made")
        return list(model.loss_curve_)

    return Trainee(train, True, lambda: list(model.coefs_))


def _arguments(workload, variant):
    """Return what MinNetClassifier and MLPClassifier are called with."""
    return {
        "hidden_layer_sizes": workload.hidden,
        "activation": workload.activation,
        "solver": variant.optimizer,
        "alpha": variant.alpha,
        "batch_size": workload.batch,
        "learning_rate_init": variant.rate(workload),
        "momentum": variant.momentum,
        "nesterovs_momentum": False,
        "tol": 0.0,
        "n_iter_no_change": np.inf,
        "random_state": 0,
    }


def minnet(workload, variant, threads, **options):
    from minnet import MinNetClassifier

    if workload.endless:
        return _endless(workload, variant, threads)
    X, y = workload.data(variant.dtype)
    model = MinNetClassifier(**_arguments(workload, variant), init="glorot_uniform", **options)
    return _fit(model, X, y)


_PIECES = 10  # of an epoch of endless images


def _endless(workload, variant, threads):
    from minnet import SGD, Dense, Network, Trainer
    from minnet.datasets import ShapesetStream

    hidden = [Dense(width, workload.activation) for width in workload.hidden]
    network = Network([*hidden, Dense(workload.n_classes)], init="glorot_uniform")
    network.initialize(workload.n_features, random_state=0, dtype=variant.dtype)
    trainer = Trainer(
        network, SGD(variant.rate(workload)), batch_size=workload.batch, n_threads=threads,
        shuffle=False, n_iter_no_change=np.inf,
    )  # fmt: skip
    # In small pieces: images that wait for their turn drive weights out of the cache.
    images = iter(ShapesetStream(workload.n_samples // _PIECES, dtype=variant.dtype))

    def train(n_epochs):
        trainer.fit_stream(images, n_epochs=n_epochs, batches_per_epoch=_PIECES)
        return list(trainer.loss_curve[-n_epochs:])

    return Trainee(train, False, lambda: [layer.W for layer in network.layers])


def sklearn(workload, variant, threads):
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(**_arguments(workload, variant))
    if not workload.endless:
        return _fit(model, *workload.data(variant.dtype))
    model.set_params(shuffle=False)
    epochs, classes = itertools.count(), np.arange(workload.n_classes)

    def train(n_epochs):
        for epoch in itertools.islice(epochs, n_epochs):
            model.partial_fit(*workload.data(variant.dtype, epoch), classes=classes)
        return list(model.loss_curve_[-n_epochs:])

    return Trainee(train, False, lambda: list(model.coefs_))


def torch(workload, variant, threads):
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    dtype = getattr(torch, variant.dtype)
    X, y = workload.data(variant.dtype)
    binary = workload.n_outputs == 1
    y = torch.from_numpy(y).to(dtype)[:, None] if binary else torch.from_numpy(y)
    criterion = nn.BCEWithLogitsLoss() if binary else nn.CrossEntropyLoss()
    # Touched rows alone are updated where that is the same step: plain SGD without L2.
    rows_only = bool(workload.nonzeros and variant.name in ("sgd", "float64"))
    if workload.nonzeros:
        columns = torch.from_numpy(X.indices.reshape(-1, workload.nonzeros).astype(np.int64))
        X = torch.from_numpy(X.data.reshape(-1, workload.nonzeros))
    else:
        X = torch.from_numpy(X)

    class Bag(nn.Module):
        """The first layer of a sparse input: rows of W, weighted and summed, and a bias."""

        def __init__(self, n_in, n_out):
            super().__init__()
            self.bag = nn.EmbeddingBag(n_in, n_out, mode="sum", sparse=rows_only, dtype=dtype)
            self.bias = nn.Parameter(torch.zeros(n_out, dtype=dtype))

        def forward(self, i):
            return self.bag(columns[i], per_sample_weights=X[i]) + self.bias

    class Rows(nn.Module):
        def forward(self, i):
            return X[i]

    activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[workload.activation]
    layers = [] if workload.nonzeros else [Rows()]
    for n_in, n_out in zip(workload.sizes, workload.sizes[1:], strict=False):
        first_sparse = workload.nonzeros and not layers
        layers.append(Bag(n_in, n_out) if first_sparse else nn.Linear(n_in, n_out, dtype=dtype))
        layers.append(activation())
    network = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for parameter in network.parameters():
            nn.init.xavier_uniform_(parameter) if parameter.ndim == 2 else parameter.zero_()

    options = {"lr": variant.rate(workload), "weight_decay": variant.alpha / workload.n_samples}
    # The fused update is PyTorch's fastest on a CPU; it does not take sparse gradients.
    if variant.optimizer == "adam":
        optimizer = torch.optim.Adam(network.parameters(), **options, fused=True)
    else:
        optimizer = torch.optim.SGD(
            network.parameters(), **options, momentum=variant.momentum, fused=not rows_only
        )
    losses = torch.zeros((), dtype=dtype)

    def steps(batches):
        losses.zero_()
        for i in batches:
            optimizer.zero_grad()
            loss = criterion(network(i), y[i])
            loss.backward()
            optimizer.step()
            losses.add_(loss.detach(), alpha=len(i))
        return losses.item() / workload.n_samples

    epochs = itertools.count()

    def order():
        nonlocal X, y
        if not workload.endless:
            return torch.randperm(workload.n_samples)
        X, y = map(torch.from_numpy, workload.data(variant.dtype, next(epochs)))
        return torch.arange(workload.n_samples)

    def train(n_epochs):
        return [steps(order().split(workload.batch)) for _ in range(n_epochs)]

    # minnet and scikit-learn's BLAS leave small products to one thread; PyTorch must be told. It is
    # tried at learning rate 0, so that training starts where that of the others does.
    group = optimizer.param_groups[0]
    group["lr"] = 0.0
    best = faster_threads(torch, threads, lambda: steps([torch.arange(workload.batch)]))
    group["lr"] = variant.rate(workload)
    optimizer.state.clear()
    torch.set_num_threads(best)

    def parameters():
        return [p.detach().numpy() for p in network.parameters() if p.ndim == 2]

    return Trainee(train, False, parameters, {"threads": best})


def faster_threads(torch, threads, step):
    """Return the number of threads with which PyTorch takes a step in less time, one or all."""
    least = {1: np.inf, threads: np.inf}
    for _ in range(5):
        for n in least:
            torch.set_num_threads(n)
            step()
            for _ in range(5):
                began = time.perf_counter()
                step()
                least[n] = min(least[n], time.perf_counter() - began)
    return min(least, key=least.get)


def jax(workload, variant, threads):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", variant.dtype == "float64")
    rng = np.random.default_rng(0)
    X, y = workload.data(variant.dtype)
    n, batch, rate = workload.n_samples, workload.batch, variant.rate(workload)
    binary, l2 = workload.n_outputs == 1, variant.alpha / n
    if workload.nonzeros:
        columns = X.indices.reshape(n, -1)
        data = jnp.asarray(columns), jnp.asarray(X.data.reshape(n, -1))
    else:
        data = (jnp.asarray(X),)
    data += (jnp.asarray(y, dtype=variant.dtype if binary else "int32"),)
    activation = {"relu": jax.nn.relu, "tanh": jnp.tanh}[workload.activation]

    params = []
    for n_in, n_out in zip(workload.sizes, workload.sizes[1:], strict=False):
        limit = (6 / (n_in + n_out)) ** 0.5
        W = rng.uniform(-limit, limit, size=(n_in, n_out)).astype(variant.dtype)
        params.append((jnp.asarray(W), jnp.zeros(n_out, variant.dtype)))

    def zeros():
        return jax.tree.map(jnp.zeros_like, params)

    n_states = 2 if variant.optimizer == "adam" else int(variant.momentum > 0)
    state = (jnp.zeros((), variant.dtype), *(zeros() for _ in range(n_states)))

    def objective(params, rows):
        *x, t = rows
        (W, b), *rest = params
        if workload.nonzeros:
            z = jnp.einsum("ij,ijk->ik", x[1], W[x[0]]) + b
        else:
            z = x[0] @ W + b
        for W, b in rest:
            z = activation(z) @ W + b
        if binary:
            z = z[:, 0]
            return jnp.mean(jnp.maximum(z, 0) - z * t + jnp.log1p(jnp.exp(-jnp.abs(z))))
        picked = jnp.take_along_axis(z, t[:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - picked)

    def update(params, state, grads):
        tree = jax.tree.map
        if l2:
            grads = [(g + l2 * W, d) for (g, d), (W, _) in zip(grads, params, strict=True)]
        step, *moments = state
        step = step + 1
        if variant.optimizer == "adam":
            m = tree(lambda m, g: 0.9 * m + 0.1 * g, moments[0], grads)
            v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, moments[1], grads)
            scale, root = rate / (1 - 0.9**step), 1 / (1 - 0.999**step)
            new = tree(lambda w, m, v: w - scale * m / (jnp.sqrt(v * root) + 1e-8), params, m, v)
            return new, (step, m, v)
        if variant.momentum:
            grads = tree(lambda v, g: variant.momentum * v + g, moments[0], grads)
            moments = (grads,)
        return tree(lambda w, g: w - rate * g, params, grads), (step, *moments)

    def epoch(params, state, data, order):
        def step(carry, rows):
            params, state = carry
            loss, grads = jax.value_and_grad(objective)(params, [a[rows] for a in data])
            return update(params, state, grads), loss * len(rows)

        whole = n // batch * batch
        carry, losses = jax.lax.scan(step, (params, state), order[:whole].reshape(-1, batch))
        total = losses.sum()
        if whole < n:
            carry, last = step(carry, order[whole:])
            total = total + last
        return carry, total / n

    # The old parameters' memory is reused. The order comes from NumPy, whose shuffle is many times
    # faster than jax.random.permutation on a CPU.
    compiled = jax.jit(epoch, donate_argnums=(0, 1))
    carry = params, state

    epochs = itertools.count()

    def train(n_epochs):
        nonlocal carry, data
        curve = []
        for _ in range(n_epochs):
            order = rng.permutation(n).astype(np.int32)
            if workload.endless:
                images, labels = workload.data(variant.dtype, next(epochs))
                data = jnp.asarray(images), jnp.asarray(labels, dtype="int32")
                order = np.arange(n, dtype=np.int32)
            carry, loss = compiled(*carry, data, order)
            curve.append(loss)
        jax.block_until_ready(carry)
        return [float(loss) for loss in curve]

    return Trainee(train, False, lambda: [np.asarray(W) for W, _ in carry[0]])


CONTESTANTS = {"minnet": minnet, "scikit-learn": sklearn, "PyTorch": torch, "JAX": jax}
