"""Calls of backends at random, many of which do not fit; none may crash, and no error is of another kind.

    python tests/backends/fuzz_border.py --calls 2000 --seed 0 [--backend cython]

It prints how many calls worked, and how many were refused. `make sanitize` runs it under the sanitizers.
"""

import argparse
import collections
import copy
import dataclasses
import warnings

import numpy as np
from scipy import sparse

from minnet import SGD, Adam, AdamW, BatchNorm, Dense, Dropout, Network, RMSProp
from minnet.backends import Hyper, make_backend
from minnet.backends.share import Share
from minnet.losses import Poisson, SoftmaxCrossEntropy, SquaredError

ACTIVATIONS = ("identity", "tanh", "relu", "gelu", "leaky_relu", "softplus")
LOSSES = ("log_loss", "squared_error", "poisson", SquaredError("softmax"))
OPTIMIZERS = (SGD(0.01), SGD(0.01, 0.9), SGD(0.01, 0.9, True), Adam(), AdamW(), RMSProp())
SHARED = tuple(field.name for field in dataclasses.fields(Share))
DTYPES = ("float64", "float32", "int64", "int32", "complex128", ">f8", "bool", "S3")


class Case:
    """A network with a backend, and the arguments of its calls: right at first, then changed."""

    def __init__(self, rng, backend):
        self.rng = rng
        self.shared = rng.random() < 0.3
        self.n = int(rng.integers(not self.shared, 40))
        self.dtype = self.one("float32", "float64")
        layers = [self.layer() for _ in range(rng.integers(0, 4))] + [
            Dense(int(rng.integers(1, 20)))
        ]
        loss = self.one(*LOSSES)
        if getattr(loss, "output", None) == "softmax":
            layers[-1] = Dense(max(2, layers[-1].units))
        self.network = Network(layers, loss=loss, alpha=self.one(0.0, 0.1))
        self.network.initialize(int(rng.integers(1, 20)), 0, self.dtype)
        self.backend = make_backend(backend, self.network, self.one(1, 2))
        self.optimizer = self.one(*OPTIMIZERS).copy()
        self.optimizer.prepare(self.network.params)
        batch_size = int(rng.integers(1, 12))
        steps = -(-self.n // batch_size)
        self.hyper = {
            "batch_size": batch_size,
            "rates": np.full(steps, 0.01),
            "optimizer": self.optimizer,
            "n_samples": self.n,
            "weight_sum": float(self.n),
            "position": int(rng.integers(100)),
            "clip_value": self.one(None, 1.0),
            "clip_norm": self.one(None, 1.0),
            "weight_decay": self.one(0.0, 0.1),
        }
        if self.shared:
            self.hyper["share"] = self.share(steps := int(rng.integers(1, 9)))
            self.hyper["rates"] = np.full(steps, 0.01)
            self.hyper["n_samples"] = self.hyper["share"].n_samples
            self.hyper["weight_sum"] = self.hyper["n_samples"]
        self.data = {
            "X": self.inputs(),
            "T": self.targets(),
            "weights": self.one(None, rng.uniform(size=self.n)),
            "order": self.one(None, rng.permutation(self.n)),
            "start": 0,
            "stop": steps,
        }

    def one(self, *values):
        return values[int(self.rng.integers(len(values)))]

    def share(self, steps):
        """Return a share of steps; what sums up does what it likes, but on its numbers."""
        rng = self.rng
        bounds = np.sort(rng.integers(0, self.n + 1, steps + 1))
        bounds[[0, -1]] = 0, self.n
        lengths = np.maximum(1, np.diff(bounds))
        held, nested = [], []

        def keep(numbers):
            held.append(numbers)
            held[0][...] = 1e30

        def fail(numbers):
            raise ValueError("the others are gone")

        def train(numbers):  # once: on numpy it would go on for ever
            nested.append(numbers)
            if len(nested) == 1:
                self.backend.train_steps(**self.data, hyper=Hyper(**self.hyper))

        def begin_anew(numbers):
            self.network.initialize(3, 0)

        sums = [lambda numbers: None, keep, fail, train, begin_anew]
        if (np.diff(bounds) > 0).all():
            sums.append(None)
        sum_up = self.one(*sums)
        if sum_up is not None:
            lengths = lengths + rng.integers(0, 9, steps)
        weights = rng.uniform(size=steps)
        stops = lambda: rng.random() < 0.2  # noqa: E731
        return Share(
            bounds, bounds[:-1], lengths, weights, weights, sum_up, stops, self.one(True, False)
        )

    def layer(self):
        activation = self.one(*ACTIVATIONS)
        dense = Dense(
            int(self.rng.integers(1, 70)), activation, trainable=self.one(True, True, False)
        )
        return self.one(dense, dense, Dropout(0.3), BatchNorm(activation))

    def inputs(self):
        X = self.rng.normal(size=(self.n, self.network.sizes[0])).astype(self.dtype)
        if isinstance(self.network.layers[0], Dense) and self.rng.random() < 0.4:
            return sparse.csr_matrix(np.where(X > 0.5, X, 0))
        return self.one(X, np.asfortranarray(X), X[::-1])

    def targets(self):
        if self.network.loss_.output == "softmax":
            return self.rng.integers(0, self.network.sizes[-1], self.n)
        T = self.rng.poisson(0.5, (self.n, self.network.sizes[-1])).astype(self.dtype)
        return self.one(T, sparse.csr_matrix(T))

    # ---- changes

    def number(self):
        return self.one(
            -1, 0, 1, 2, 10**6, 2**31, 2**62, 2**63, 2**64, -(2**62), 0.5, np.nan, None, "a"
        )

    def array(self, array):
        """Return an array that is wrong in one way, or not at all."""
        if sparse.issparse(array):
            other = array.copy()
            part = self.one("data", "indices", "indptr")
            setattr(other, part, self.array(getattr(other, part)))
            try:
                return self.one(other, array[: self.n // 2], array.tocsc(), array.toarray())
            except Exception:  # SciPy's, of an array that was broken before
                return other
        if not isinstance(array, np.ndarray):
            return self.one(self.rng.permutation(self.n), np.ones(3), "a", None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = array.astype(self.one(*DTYPES)) if self.rng.random() < 0.3 else array.copy()
        way = int(self.rng.integers(10))
        if way == 0:
            other = other[: len(other) // 2]
        elif way == 1:
            other = other[..., : other.shape[-1] // 2] if other.ndim else other
        elif way == 2:
            other = np.concatenate([other, other])
        elif way == 3:
            other = np.concatenate([other, other])[::2]
        elif way == 4 and other.size and other.dtype.kind in "if":
            other.flat[int(self.rng.integers(other.size))] = self.one(-1, 10**9, self.n, -(10**6))
        elif way == 5:
            other = other[None]
        elif way == 6:
            other = other.ravel()
        elif way == 7:
            other.flags.writeable = False
        elif way == 8:
            other = np.broadcast_to(other.ravel()[:1], other.shape) if other.size else other
        elif way == 9:
            return self.one(None, "a", other.tolist(), 3.0)
        return other

    def change(self):
        network, optimizer, rng = self.network, self.optimizer, self.rng
        kind = int(rng.integers(16))
        if self.shared and rng.random() < 0.4 and isinstance(self.hyper["share"], Share):
            name = self.one(*SHARED)
            value = self.array(getattr(self.hyper["share"], name))
            share = dataclasses.replace(self.hyper["share"], **{name: value})
            self.hyper["share"] = self.one(share, share, share, share, value)
            return
        if kind <= 3:
            name = self.one("X", "T", "weights", "order")
            self.data[name] = self.array(self.data[name])
        elif kind <= 5:
            self.data[self.one("start", "stop")] = self.number()
        elif kind == 6:
            self.hyper[self.one("batch_size", "n_samples", "weight_sum", "position")] = (
                self.number()
            )
        elif kind == 7:
            self.hyper["rates"] = self.array(self.hyper["rates"])
        elif kind == 8:
            optimizer.state = self.array(optimizer.state)
        elif kind == 9:
            name = self.one("params", "state")
            setattr(network, name, self.array(getattr(network, name)))
        elif kind == 10:
            self.hyper["optimizer"] = self.one(*OPTIMIZERS, None, copy.deepcopy(optimizer))
        elif kind == 11:
            network.initialize(int(rng.integers(1, 60)), 0, self.one("float32", "float64"))
        elif kind == 12:
            network.loss_ = self.one(SquaredError(), SoftmaxCrossEntropy(), Poisson(), "log_loss")
        elif kind == 13 and network.layers:
            layer = self.one(*network.layers)
            name = self.one("units", "activation", "trainable", "lr_factor", "rate", "momentum")
            setattr(layer, name, self.one(3, 100, 0.5, True, False, "relu", "tanh", None))
        elif kind == 14:
            layers = network.layers
            layers[:] = self.one([*layers, self.layer()], layers[:-1], layers[::-1], [])
        else:
            name = self.one("sizes", "dtype", "key", "alpha", "parameter_table")
            setattr(network, name, self.one(self.number(), [], list(network.sizes), network.dtype))

    def call(self):
        method = self.one("forward", "loss_and_grad", "train_steps", "train_steps", "train_steps")
        data = self.data
        if method == "forward":
            return self.backend.forward(data["X"])
        if method == "loss_and_grad":
            whole = self.one(None, 50.0, self.number(), True) if self.shared else None
            return self.backend.loss_and_grad(
                data["X"], data["T"], data["weights"], whole, self.one(0, 1)
            )
        return self.backend.train_steps(**data, hyper=Hyper(**self.hyper))


def fuzz(n_calls, seed, backend):
    """Make the calls; return how many ended how."""
    ends = collections.Counter()
    rng = np.random.default_rng(seed)
    while ends.total() < n_calls:
        state = rng.bit_generator.state["state"]["state"]
        case = Case(rng, backend)
        n_changes = int(rng.integers(0, 3))
        for _ in range(3):
            end = "worked"
            try:
                case.call()
                for _ in range(n_changes):
                    case.change()
            except (ValueError, TypeError, OverflowError) as error:
                end = type(error).__name__
            except BaseException as error:
                error.add_note(
                    f"the random generator was in state {state}: {case.data} {case.hyper}"
                )
                raise
            ends[end] += 1
    return ends


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="cython")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with np.errstate(all="ignore"):
        print(dict(fuzz(given.calls, given.seed, given.backend)))
