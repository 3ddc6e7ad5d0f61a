"""What is trained: the rows of Table 1, and some that came later, with the paper's protocol.

Networks of up to 5 hidden layers of 1000 units on Shapeset-3x2, softmax and cross-entropy, batches of 10
fresh images, plain stochastic gradient descent with a constant learning rate, float32.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minnet import SGD, Adam, BatchNorm, Dense, Network, pretrain
from minnet.datasets import SHAPESET_CLASSES, ShapesetStream, make_shapeset
from minnet.random import Stream, draw_key

__all__ = [
    "BATCH_SIZE", "DATA", "PAPER", "PAPER_ROWS", "PAPER_UPDATES", "PRIOR_ERROR", "ROWS", "SHAPES",
    "Run", "measured_on",
]  # fmt: skip

#: Where the repository keeps curves and records.
DATA = Path(__file__).parent / "data"

BATCH_SIZE = 10
N_FEATURES = 32 * 32
N_CLASSES = len(SHAPESET_CLASSES)

#: Always answering one class of a single object errs so often, in percent.
PRIOR_ERROR = 100 * 5 / 6

#: Test errors in percent on Shapeset-3x2, Table 1 of the paper.
PAPER = {
    "softsign": 16.27,
    "softsign-n": 16.06,
    "tanh": 27.15,
    "tanh-n": 15.60,
    "sigmoid": 82.61,
}
PAPER_ROWS = tuple(PAPER)
#: How long it trained for them.
PAPER_UPDATES = 5_000_000

_CRITICAL = {"name": "edge_of_chaos", "bias_variance": 0.05}

#: Of each row its name in pictures, activation, initializer, what else there is, and optimizer.
#: The paper does not say of which kind the pre-trained networks of its Figure 11 are. Here sigmoid: the
#: upper layers of a stack of tanh autoencoders saturate on these images.
ROWS = {
    "softsign": ("Softsign", "softsign", "standard", None, "sgd"),
    "softsign-n": ("Softsign N", "softsign", "glorot_uniform", None, "sgd"),
    "tanh": ("Tanh", "tanh", "standard", None, "sgd"),
    "tanh-n": ("Tanh N", "tanh", "glorot_uniform", None, "sgd"),
    "sigmoid": ("Sigmoid", "sigmoid", "standard", None, "sgd"),
    "sigmoid-pretrained": ("Sigmoid, pre-trained", "sigmoid", "standard", "pretrained", "sgd"),
    # after the paper
    "relu-he": ("ReLU, He", "relu", "he_normal", None, "sgd"),
    "tanh-orthogonal": ("Tanh, orthogonal", "tanh", "orthogonal", None, "sgd"),
    "tanh-critical": ("Tanh, critical", "tanh", _CRITICAL, None, "sgd"),
    "tanh-lsuv": ("Tanh, LSUV", "tanh", "lsuv", None, "sgd"),
    "selu": ("SELU, LeCun", "selu", "lecun_normal", None, "sgd"),
    "tanh-batchnorm": ("Tanh, batch norm", "tanh", "standard", "batchnorm", "sgd"),
    "tanh-n-adam": ("Tanh N, Adam", "tanh", "glorot_uniform", None, "adam"),
}

#: Sizes of the hidden layers, from the first to the last one, as shares of the width.
SHAPES = {
    "equal": lambda depth: np.ones(depth),
    "shrinking": lambda depth: np.arange(depth, 0, -1) / depth,
    "growing": lambda depth: np.arange(1, depth + 1) / depth,
}

# Images of sequence 0 that no training sees, the same for all runs. Training takes the sequence of its
# seed, from image _N_RESERVED on.
_PIECES = {"test": (0, 10_000), "validation": (10_000, 5_000), "probe": (15_000, 300)}
_N_RESERVED = 20_000
# Pre-training takes images that no training comes to.
_N_PRETRAINING, _PRETRAINING_FROM = 10_000, 1 << 40


def measured_on(piece, n=None):
    """Return the images and classes that runs are measured on.

    Parameters
    ----------
    piece : {"test", "validation", "probe"}
        Of 10,000, 5,000 and 300 images.
    n : int, default=None
        The first n of them.

    Examples
    --------
    >>> from examples.glorot2010.protocol import measured_on
    >>> measured_on("probe")[0].shape
    (300, 1024)
    """
    start, most = _PIECES[piece]
    return make_shapeset(most if n is None else min(n, most), start=start)


@dataclass(frozen=True)
class Run:
    """One training: a row, its learning rate and its seed.

    Parameters
    ----------
    row : str
        Of :data:`ROWS`.
    rate : float, default=0.1
        Learning rate.
    seed : int
        Of the weights and of the sequence of images.
    depth, width : int
        Hidden layers, and the units of the largest one.
    fixed : int, default=0
        Train on so many images, over and over; 0 for fresh images all the time.
    shape : {"equal", "shrinking", "growing"}
        Whether all hidden layers have ``width`` units, or layer ``i`` of ``d`` has the share
        ``(d + 1 - i) / d`` or ``i / d`` of them.

    Examples
    --------
    >>> from examples.glorot2010.protocol import Run
    >>> Run("tanh-n", 0.03, seed=1).name
    'tanh-n-5x1000-rate0.03-seed1'
    >>> Run("tanh-n", 0.03, shape="shrinking").widths
    [1000, 800, 600, 400, 200]
    """

    row: str
    rate: float = 0.1
    seed: int = 0
    depth: int = 5
    width: int = 1000
    fixed: int = 0
    shape: str = "equal"

    def __post_init__(self):
        if self.row not in ROWS:
            raise ValueError(f"row must be one of {', '.join(ROWS)}, got {self.row!r}")
        if not 0 < self.rate < float("inf"):
            raise ValueError(f"rate must be a number above 0, got {self.rate!r}")
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be one of {', '.join(SHAPES)}, got {self.shape!r}")

    @property
    def name(self):
        """What its files are called."""
        return f"{self.row}-{self.kind}-rate{self.rate:g}-seed{self.seed}"

    @property
    def kind(self):
        """What a file name says of sizes and images."""
        shape = f"-{self.shape}" if self.shape != "equal" else ""
        fixed = f"-fixed{self.fixed}" if self.fixed else ""
        return f"{self.depth}x{self.width}{shape}{fixed}"

    @property
    def widths(self):
        """Units of each hidden layer."""
        return [round(self.width * share) for share in SHAPES[self.shape](self.depth)]

    def network(self, pretrained=True):
        """Return the network as it starts, float32.

        Parameters
        ----------
        pretrained : bool, default=True
            False leaves pre-training out, where a checkpoint replaces the weights anyway.
        """
        _, activation, init, extra, _ = ROWS[self.row]
        if extra == "batchnorm":
            hidden = [
                layer for width in self.widths for layer in (Dense(width), BatchNorm(activation))
            ]
        else:
            hidden = [Dense(width, activation) for width in self.widths]
        network = Network([*hidden, Dense(N_CLASSES)], init=init)  # biases 0, but for "critical"
        network.initialize(N_FEATURES, random_state=self.seed, dtype="float32")
        # Of what follows the reserved images: adapt looks at data for LSUV alone.
        network.adapt(make_shapeset(1000, start=_N_RESERVED - 1000)[0])
        if extra == "pretrained" and pretrained:
            X, _ = make_shapeset(_N_PRETRAINING, random_state=self.seed, start=_PRETRAINING_FROM)
            # Masks by the network's key.
            pretrain(network, X, corruption=0.25, n_epochs=5, optimizer=Adam(3e-4))
        return network

    def optimizer(self):
        """Return the optimizer with the run's learning rate."""
        return {"sgd": SGD, "adam": Adam}[ROWS[self.row][-1]](self.rate)

    def stream(self, batch_size):
        """Return the batches to train on: of the sequence of the seed, after the reserved images."""
        if self.fixed:
            X, y = make_shapeset(
                self.fixed, random_state=self.seed, start=_N_RESERVED, dtype="uint8"
            )
            return _Repeated(X, y, batch_size, self.seed)
        return iter(ShapesetStream(batch_size, random_state=self.seed, start=_N_RESERVED))

    def describe(self):
        """Return what a curve file says of the run."""
        _, activation, init, extra, optimizer = ROWS[self.row]
        return {
            "row": self.row,
            "activation": activation,
            "init": init,
            "extra": extra,
            "optimizer": optimizer,
            "rate": self.rate,
            "seed": self.seed,
            "depth": self.depth,
            "width": self.width,
            "batch_size": BATCH_SIZE,
            "fixed": self.fixed,
            "shape": self.shape,
        }


class _Repeated:
    """Batches of a fixed set of images, in another order in each pass; endless, and able to skip."""

    def __init__(self, X, y, batch_size, seed):
        if len(X) % batch_size:
            raise ValueError(f"fixed must be a multiple of {batch_size}, got {len(X)}")
        self._X, self._y, self._size = X, y, batch_size
        self._key, self._next, self._order = draw_key(seed), 0, (-1, None)

    def __iter__(self):
        return self

    def __next__(self):
        number, place = divmod(self._next, len(self._X) // self._size)
        if self._order[0] != number:
            stream = Stream(self._key, "order of a fixed set", number)
            self._order = number, stream.permutation(len(self._X))
        rows = self._order[1][place * self._size : (place + 1) * self._size]
        self._next += 1
        return (2 * self._X[rows].astype(np.float64) / 255 - 1).astype(np.float32), self._y[rows]

    def skip(self, n):
        """Pass over the next n batches."""
        self._next += n
