"""What is trained: nine workloads, five ways to train each, and the arithmetic that a step needs."""

from dataclasses import dataclass, replace

import numpy as np

__all__ = ["VARIANTS", "WORKLOADS", "Variant", "Workload", "growth"]


@dataclass(frozen=True)
class Workload:
    """A data set and a network.

    With two classes the network has one logistic output, as the estimators of minnet and scikit-learn
    make it; every contestant does the same.
    """

    name: str
    n_samples: int
    n_features: int
    hidden: tuple
    n_classes: int
    batch: int
    activation: str
    rate: float
    goal: float = 0.0  # ratio to the best peer that minnet is to reach with plain SGD
    sklearn_goal: float = 0.0
    nonzeros: int = 0  # of a row, where the data are sparse
    endless: bool = False  # every epoch has fresh images, which each contestant has to have made

    @property
    def shape(self):
        """What it is, in a few characters."""
        widths = [str(n) for n in self.hidden]
        if len(widths) > 2 and len(set(widths)) == 1:
            widths = [f"{widths[0]} ×{len(widths)}"]
        kind = f" CSR, {self.nonzeros} a row" if self.nonzeros else ""
        samples = "endless" if self.endless else f"{self.n_samples:,}"
        return (
            f"{samples} × {self.n_features:,}{kind} → {', '.join(widths)} → "
            f"{self.n_classes} ({self.activation})"
        )

    @property
    def n_outputs(self):
        """Units of the last layer."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def sizes(self):
        """Widths from the input to the output."""
        return [self.n_features, *self.hidden, self.n_outputs]

    @property
    def n_steps(self):
        """Steps of an epoch; the last batch is as long as what is left."""
        return -(-self.n_samples // self.batch)

    @property
    def n_weights(self):
        """Numbers in all weight matrices."""
        return sum(a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False))

    @property
    def flops(self):
        """Multiplications and additions of the products of a mean step: forward, dW and dX.

        The first layer has no dX; of a sparse input only what is not zero counts.
        """
        products = [a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        if self.nonzeros:
            products[0] = self.nonzeros * self.sizes[1]
        return 2 * (3 * sum(products) - products[0]) * self.n_samples / self.n_steps

    def weight_bytes(self, itemsize=4):
        """Bytes of weights that a step moves if it reads each twice and writes it once."""
        products = [a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        if self.nonzeros:
            products[0] = min(products[0], self.nonzeros * self.batch * self.sizes[1])
        return 3 * sum(products) * itemsize

    def data(self, dtype="float32", epoch=0):
        """Return X and the labels y; the same in every process, and in every epoch unless endless."""
        if self.endless:
            from minnet.datasets import make_shapeset

            return make_shapeset(self.n_samples, start=epoch * self.n_samples, dtype=dtype)
        if self.name.startswith("digits"):
            from sklearn.datasets import load_digits

            X, y = load_digits(return_X_y=True)
            return (X / 16).astype(dtype), y
        rng = np.random.default_rng(0)
        y = rng.integers(self.n_classes, size=self.n_samples)
        if self.nonzeros:
            return self._sparse(rng, y, dtype), y
        centres = rng.standard_normal((self.n_classes, self.n_features), dtype=np.float32)
        X = rng.standard_normal((self.n_samples, self.n_features), dtype=np.float32)
        X += centres[y] * np.float32(3 / self.n_features**0.5)
        if self.name == "mnist-shaped":  # four pixels of five are black, the others grey or white
            X -= np.float32(0.85)
            np.clip(X, 0, 1, out=X)
        return X.astype(dtype, copy=False), y

    def _sparse(self, rng, y, dtype):
        """One non-zero in each of as many groups of columns; every other group tells the class."""
        from scipy.sparse import csr_matrix

        group = self.n_features // self.nonzeros
        tell = max(1, group // self.n_classes)
        within = rng.integers(group, size=(self.n_samples, self.nonzeros))
        within[:, ::2] = y[:, np.newaxis] * tell + within[:, ::2] % tell
        columns = (np.arange(self.nonzeros) * group + within).astype(np.int32)
        values = rng.uniform(0.1, 1, size=columns.size).astype(dtype)
        starts = np.arange(0, columns.size + 1, self.nonzeros, dtype=np.int32)
        return csr_matrix(
            (values, columns.ravel(), starts), shape=(self.n_samples, self.n_features)
        )


WORKLOADS = {
    w.name: w
    for w in (
        Workload("tiny", 1_000, 20, (16, 16), 2, 16, "relu", 0.05, 5, 80),
        Workload("digits", 1_797, 64, (64,), 10, 32, "tanh", 0.1, 2.5, 40),
        Workload("table", 20_000, 30, (100,), 3, 200, "relu", 0.05, 2),
        Workload("digits-100", 1_797, 64, (100,), 10, 200, "relu", 0.05, 2),
        Workload("mnist-shaped", 60_000, 784, (256,), 10, 128, "relu", 0.05, 2.7, 3.8),
        Workload("paper", 2_000, 1024, (1000,) * 5, 9, 10, "tanh", 0.01, 4.5, 9),
        Workload("shapeset", 2_000, 1024, (1000,) * 5, 9, 10, "tanh", 0.01, 4, 0, endless=True),
        Workload("wide", 8_192, 1024, (2048, 2048), 10, 512, "relu", 0.05, 1.2, 1.3),
        Workload("sparse", 10_000, 50_000, (100,), 20, 64, "relu", 0.1, 10, 10, nonzeros=80),
    )
}


@dataclass(frozen=True)
class Variant:
    """How the steps are taken."""

    name: str
    title: str
    optimizer: str = "sgd"  # or "adam"
    momentum: float = 0.0
    dtype: str = "float32"
    alpha: float = 0.0  # L2

    def rate(self, workload):
        """Return a learning rate with which the workload trains."""
        if self.optimizer == "adam":
            return 1e-4 if max(workload.sizes[1:]) >= 1000 else 1e-3
        return workload.rate * (1 - self.momentum)


VARIANTS = {
    v.name: v
    for v in (
        Variant("sgd", "plain SGD, float32"),
        Variant("momentum", "SGD with momentum 0.9, float32", momentum=0.9),
        Variant("adam", "Adam, float32", optimizer="adam"),
        Variant("float64", "plain SGD, float64", dtype="float64"),
        Variant("l2", "plain SGD with alpha = 0.0001, float32", alpha=1e-4),
    )
}


def growth(axis, size):
    """Return the workload of one point of a growth curve: the base, with one size changed."""
    base = Workload(f"{axis}-{size}", 4_096, 256, (256, 256), 10, 64, "relu", 0.01)
    if axis == "batch":
        return replace(base, batch=size, n_samples=min(max(16 * size, 1_024), 16_384))
    if axis == "width":
        return replace(base, hidden=(size, size), n_samples=1_024 if size > 1000 else 4_096)
    return replace(base, hidden=(256,) * size, activation="tanh", n_samples=2_048)
