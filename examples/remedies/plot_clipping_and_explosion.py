r"""
Gradient clipping against a start that explodes
===============================================

**Outcome.** Ten layers of rectifiers with weights three times He's begin with gradients 40,000 times as
large. Without clipping the learning rate has to be thousands of times lower, or the weights are infinite
after a few steps; with it the rate of 0.1 does for all. Neither gets back what the right weights reach.

**Expected.** :math:`\max(0, a z) = a \max(0, z)`: with weights :math:`a` times He's each of :math:`L`
layers multiplies what goes up and what comes down by :math:`a`, and so

.. math:: \lVert dW \rVert = a^L \, r \, \lVert dW \rVert_\mathrm{He} ,

with :math:`r` between 1/2 and 2 for what becomes of the outputs' errors, which are now sure and wrong.
Clipping, :math:`g \leftarrow g \min(1, c / \lVert g \rVert)`, makes no step longer than :math:`\eta c`
(Pascanu, Mikolov & Bengio 2013). So the range of learning rates stays where it is; but the function is as
wild as before, and the way back to weights of the right size is long, in steps of that length.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Dense, Network, Trainer
from minnet.initializers import VarianceScaling

X, y = load_digits(return_X_y=True)
X = StandardScaler().fit_transform(X).astype("float32")
warnings.simplefilter("ignore", ConvergenceWarning)  # rates that are too large are tried on purpose
DEPTH, EPOCHS, SEEDS = 10, 12, (1, 2)


def make(factor, seed):
    """Return a network whose hidden weights are some times as large as He's."""
    init = VarianceScaling(2 * factor**2, "fan_in", "normal")
    layers = [Dense(64, "relu", init=init) for _ in range(DEPTH)] + [Dense(10)]
    return Network(layers, bias_init="zeros").initialize(64, random_state=seed, dtype="float32")


# %%
# Gradients before training
# -------------------------
# Their norm over all hidden weights, relative to He's start; mean of five networks. The line is
# :math:`a^L`, the band a factor of 2.

FACTORS = np.array([1, 1.5, 2, 2.5, 3])


def gradient_norm(factor, seed):
    network = make(factor, seed)
    gradient = network.views(network.loss_and_grad(X, y)[1])
    return np.sqrt(sum(np.square(layer["W"]).sum() for layer in gradient[:DEPTH]))


norms = np.array([[gradient_norm(factor, seed) for seed in range(5)] for factor in FACTORS])
ratios = np.exp(np.log(norms / norms[0]).mean(axis=1))
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
power = FACTORS**DEPTH
ax.semilogy(FACTORS, power, color="#0072B2", label="$a^L$")
ax.fill_between(FACTORS, power / 2, 2 * power, color="#0072B2", alpha=0.2, linewidth=0)
ax.semilogy(FACTORS, ratios, "o", color="#D55E00", label="measured")
ax.set(xlabel="weights over He's, $a$", ylabel="gradient over that of He's start")
ax.grid(alpha=0.3)
ax.legend(frameon=False)
plt.show()

for factor, expected, measured in zip(FACTORS, power, ratios, strict=True):
    print(f"{factor:g} times He: expected {expected:.2g}, measured {measured:.2g}")
assert np.abs(np.log2(ratios / power)).max() < 1

# %%
# Learning rates, without and with clipping
# -----------------------------------------
# Twelve epochs of plain SGD, mean of two seeds. Crosses: the weights became infinite.


def train(factor, rate, clip_norm, seed):
    """Return the share of images that are right after training, NaN if the weights become infinite."""
    network = make(factor, seed)
    options = {"batch_size": 32, "n_iter_no_change": np.inf, "n_threads": 1}
    trainer = Trainer(network, SGD(rate), clip_norm=clip_norm, **options)
    try:
        trainer.fit(X, y, max_epochs=EPOCHS, callbacks=[lambda t: t.n_epochs == EPOCHS])
    except ValueError:
        return np.nan
    return (network.predict(X).argmax(axis=1) == y).mean()


RATES = 10.0 ** np.arange(-6, 1)
STYLE = {1: ("#0072B2", "o"), 2: ("#E69F00", "s"), 3: ("#D55E00", "^")}
fig, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
shares = {}
for ax, clip_norm in zip(axes, (None, 1.0), strict=True):
    for i, (factor, (colour, marker)) in enumerate(STYLE.items()):
        table = [[train(factor, rate, clip_norm, seed) for seed in SEEDS] for rate in RATES]
        mean = shares[factor, clip_norm] = np.mean(table, axis=1)  # NaN if one of them is
        ax.semilogx(RATES, mean, color=colour, marker=marker, label=f"{factor} times He's")
        infinite = RATES[np.isnan(mean)]
        ax.semilogx(infinite, np.full(len(infinite), 0.03 * (1 - i)), "x", color=colour)
    ax.set_title("no clipping" if clip_norm is None else "clipped at norm 1", loc="left")
    ax.set_xlabel("learning rate")
    ax.grid(alpha=0.3)
axes[0].set_ylabel("share of images that are right")
axes[0].legend(frameon=False, loc="upper left")
plt.show()

best = {key: RATES[np.nanargmax(values)] for key, values in shares.items()}
for (factor, clip_norm), rate in best.items():
    top = np.nanmax(shares[factor, clip_norm])
    print(f"{factor} times He, clip_norm {clip_norm}: best rate {rate:g}, {top:.2f} right")
assert best[3, None] <= 1e-3 * best[1, None]
assert np.isnan(shares[3, None][RATES >= 1e-3]).all()
assert best[3, 1.0] == best[1, 1.0] == 0.1
assert max(np.nanmax(shares[3, clip]) for clip in (None, 1.0)) < 0.9 < np.nanmax(shares[1, None])

# %%
# **Seen.** Clipping does what it says: no step is too long, nothing becomes infinite, and the learning
# rate need not know of the weights. It is no initialization: weights of the right size learn more in the
# same time, with it or without.
#
# **Next.** :ref:`Batch normalization <sphx_glr_auto_examples_remedies_plot_batch_norm_rescues.py>` takes
# the scale out of the function itself.
