r"""
Residual networks without normalization: 2 to the depth, or nothing at all
==========================================================================

**Outcome.** SkipInit, ReZero and Fixup train at 10, 34 and 130 layers, at one rate for all, to 0.90 or
more of the digits after six epochs, and deeper is not worse. With s = 1 the variance grows by
:math:`10^{18}` over 64 blocks: 10 layers train best of all (0.98), 34 diverge at that rate (a tenth of
it gives 0.93), and 130 diverge (one seed, five rates down to 2e-10). Without skips 10 layers reach 0.74,
130 hardly more than chance, 0.16.

A residual block computes :math:`Y = X + s\, F(X)`. If the branch F gives :math:`c` times the variance that
it gets, and its last weights have mean 0, what it adds is not correlated with X, and L blocks multiply the
variance by

.. math:: \prod_{l=1}^{L} (1 + s_l^2\, c) .

He's weights for the rectifiers and LeCun's for the linear layer above them have :math:`c = 1`: at
:math:`s = 1` the variance is multiplied by :math:`2^L`, the gradients' likewise. It stays bounded if, and
only if, :math:`\sum_l s_l^2` does (Hanin & Rolnick 2018). Three ways to begin:

* **SkipInit** (De & Smith 2020): :math:`s = 1 / \sqrt L`, which is trained: a factor of
  :math:`(1 + 1/L)^L < e`;
* **ReZero** (Bachlechner et al. 2020): :math:`s = 0`, which is trained: a factor of 1;
* **Fixup** (Zhang, Dauphin & Ma 2019): :math:`s = 1`, the last weights of each branch 0, those below them
  He's times :math:`L^{-1/(2m-2)}` for :math:`m` layers in a branch, the output 0: a factor of 1, and
  steps whose effect does not grow with L.

Expected: without a skip He's weights keep the variance but not what tells one input from another, so that
deep stacks do not train; with skips, s = 1 explodes; the three ways train at every depth.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Dense, Network, Residual, Trainer
from minnet.residual import fixup

X, y = load_digits(return_X_y=True)
X = StandardScaler().fit_transform(X).astype("float32")
WIDTH, DEPTHS, SEEDS = 32, (4, 16, 64), (0, 1, 2)


def branch():
    return [
        Dense(WIDTH, "relu", init="he_normal", bias_init="zeros"),
        Dense(WIDTH, init="lecun_normal", bias_init="zeros"),
    ]


def plain(n_blocks):
    """As many layers without a skip, all of them rectifiers with He's weights."""
    return [Dense(WIDTH, "relu", init="he_normal", bias_init="zeros") for _ in range(2 * n_blocks)]


def blocks(n_blocks, scale, trained=True):
    return [Residual(branch(), scale, trained) for _ in range(n_blocks)]


WAYS = {
    "no skip, He": plain,
    "residual, s = 1": lambda n: blocks(n, 1.0, trained=False),
    "SkipInit": lambda n: blocks(n, n**-0.5),
    "ReZero": lambda n: blocks(n, 0.0),
    "Fixup": lambda n: fixup(blocks(n, 1.0), output=False),
}


def make(way, n_blocks, seed):
    first = Dense(WIDTH, init="lecun_normal", bias_init="zeros")
    last = Dense(10, init="zeros" if way == "Fixup" else "lecun_normal", bias_init="zeros")
    network = Network([first, *WAYS[way](n_blocks), last])
    return network.initialize(64, random_state=seed, dtype="float32")


# %%
# The variance, block by block
# ----------------------------
# Mean square of the outputs of each block over that of the first layer, mean of three seeds. The dashed
# line is :math:`2^L`.

deepest = DEPTHS[-1]


def mean_squares(way, seed):
    """Return the mean square after each block of the deepest network, relative to the first layer."""
    network = make(way, deepest, seed)
    outputs = network.forward(X[:300], return_all=True)
    ends = [i for i, layer in enumerate(network.layers) if layer.closes_skip]
    ends = ends or range(2, 2 * deepest + 1, 2)
    squares = [np.square(outputs[i], dtype=np.float64).mean() for i in (0, *ends)]
    return np.array(squares) / squares[0]


variances = {way: np.mean([mean_squares(way, seed) for seed in SEEDS], axis=0) for way in WAYS}

fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
n = np.arange(deepest + 1)
ax.semilogy(n, 2.0**n, "--", color="0.6", label="$2^L$")
for way, style in zip(WAYS, ("-", "-", "-", "-", ":"), strict=True):
    ax.semilogy(n, variances[way], style, lw=3 if style == ":" else 1.5, label=way)
ax.set(xlabel="blocks", ylabel="mean square, relative", ylim=(1e-5, 1e21))
ax.legend(loc="upper left")
ax.set_title("ReZero and Fixup begin as the identity")

for way, values in variances.items():
    print(f"{way:16} after {deepest} blocks times {values[-1]:.3g}")

# %%
# What that does to training
# --------------------------
# Six epochs on the digits by SGD with momentum, at the rate of 0.002 for all: training accuracy, mean and
# range of three seeds. A network whose numbers overflow has none.

EPOCHS = 6


def accuracy(way, n_blocks, seed):
    network = make(way, n_blocks, seed)
    trainer = Trainer(network, SGD(0.002, momentum=0.9), batch_size=50, n_iter_no_change=EPOCHS)
    try:
        trainer.fit(X, y, callbacks=[lambda trainer: trainer.n_epochs == EPOCHS])
    except ValueError:  # it diverged
        return np.nan
    return (network.predict(X).argmax(axis=1) == y).mean()


found = {
    way: np.array([[accuracy(way, n, seed) for seed in SEEDS] for n in DEPTHS]) for way in WAYS
}

print(f"{'Dense layers':18}" + "".join(f"{2 * n + 2:14}" for n in DEPTHS))
for way, values in found.items():
    cells = [
        f"{row.mean():.3f} ±{(row.max() - row.min()) / 2:.3f}"
        if np.isfinite(row).all()
        else "diverges"
        for row in values
    ]
    print(f"{way:18}" + "".join(f"{cell:>14}" for cell in cells))

fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
places = np.arange(len(DEPTHS))
for k, (way, values) in enumerate(found.items()):
    at = places + 0.1 * (k - 2)
    values = np.nan_to_num(values)
    means = values.mean(axis=1)
    spread = [means - values.min(axis=1), values.max(axis=1) - means]
    ax.errorbar(at, means, spread, fmt="o", capsize=3, label=way)
ax.axhline(0.1, color="0.7", lw=1)
ax.set_xticks(places, [f"{2 * n + 2} layers" for n in DEPTHS])
ax.set(ylabel="training accuracy", ylim=(-0.05, 1.05))
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
ax.set_title("The same rate at every depth; 0 is a network that diverged")
plt.show()

# %%
# **Next.** What He's weights alone do in 22 and 30 layers: :ref:`deep rectifiers
# <sphx_glr_auto_examples_research_plot_deep_rectifiers.py>`.
