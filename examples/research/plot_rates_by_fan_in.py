r"""
The learning rate of a table with few columns, for one with many
================================================================

**Outcome.** From 8 to 2,048 columns the best rate of Adam falls by 32 in the standard parametrization, and
by 4 where rates go by the number of inputs (:func:`minnet.ntk.ntk`). At the rate that is best with 32
columns, a network with 2,048 ends with 28 times the loss of its own best rate, and with rates by fan-in
with 4 times. The losses at the best rates are alike (0.006 and 0.009 with 2,048 columns): what is gained
is a rate that needs less tuning.

A step of Adam moves all weights by about the rate. A unit with d inputs sums up d such changes: by
:math:`d\,\eta` where they pull in one direction, by :math:`\sqrt d\, \eta` where they do not. The neural
tangent parametrization divides the rate of a layer by :math:`\sqrt d`, so that the second is the same for
every d; the maximal update parametrization (:func:`minnet.mup.mup`) divides that of hidden layers by d, as
the first asks for, and leaves the first layer as it is.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from minnet import Adam, Dense, Network, Trainer
from minnet.ntk import ntk

warnings.simplefilter("ignore", ConvergenceWarning)  # a few epochs are what is meant

# %%
# One problem, with any number of columns
# ---------------------------------------
# The 64 pixels of the digits are mixed at random into d columns, each standardized: what can be learned
# stays the same from 64 columns on.

pixels, t = load_digits(return_X_y=True)
pixels = pixels - pixels.mean(axis=0)


def columns(d):
    mixed = pixels @ np.random.default_rng(0).normal(size=(pixels.shape[1], d))
    return (mixed / mixed.std(axis=0)).astype("float32")


def standard(d):
    hidden = [Dense(64, "silu", init="lecun"), Dense(64, "silu", init="lecun")]
    return [*hidden, Dense(10, init="lecun")]


def by_fan_in(d):
    return ntk(standard(d), n_features=d)


def loss_after(layers, X, rate):
    """Return the training loss after four epochs of batches of 100; infinite where it diverged."""
    network = Network(layers).initialize(X.shape[1], random_state=0, dtype="float32")
    try:
        Trainer(network, Adam(rate, beta_2=0.95), batch_size=100).fit(X, t, max_epochs=4)
    except ValueError:
        return np.inf
    return network.objective(X, t)


N_COLUMNS = [8, 32, 128, 512, 2048]
WAYS = {"standard": (standard, range(-12, -2)), "rates by fan-in": (by_fan_in, range(-9, 1))}
losses = {
    name: {d: [loss_after(make(d), columns(d), 2.0**p) for p in powers] for d in N_COLUMNS}
    for name, (make, powers) in WAYS.items()
}

# %%
# Where the best rate is
# ----------------------

fig, axes = plt.subplots(1, 2, figsize=(10, 4.4), sharey=True, layout="constrained")
colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(N_COLUMNS)))
best = {}
for ax, (name, (_, powers)) in zip(axes, WAYS.items(), strict=True):
    rates = 2.0 ** np.array(powers)
    for d, colour in zip(N_COLUMNS, colours, strict=True):
        values = losses[name][d]
        at = int(np.argmin(values))
        best[name, d] = rates[at]
        ax.loglog(rates, values, color=colour, linewidth=1.8, label=f"{d}")
        ax.plot(rates[at], values[at], "o", color=colour, markeredgecolor="black", markersize=9)
    ax.set_title(name, loc="left", fontsize=11)
    ax.set_xlabel("learning_rate")
    ax.grid(alpha=0.3)
axes[0].set_ylabel("training loss after 72 steps (nats)")
fig.legend(
    *axes[0].get_legend_handles_labels(), title="columns", loc="outside right center", frameon=False
)
plt.show()

# %%
# What one rate for all costs
# ---------------------------
# Each network is trained at the rate that is best with 32 columns.

falls, costs = {}, {}
for name, (_, powers) in WAYS.items():
    place = list(2.0 ** np.array(powers)).index(best[name, 32])
    falls[name] = best[name, 8] / best[name, 2048]
    costs[name] = [losses[name][d][place] / min(losses[name][d]) for d in N_COLUMNS]
    lowest = [f"{min(losses[name][d]):.3f}" for d in N_COLUMNS]
    print(f"{name}: the best rate falls by {falls[name]:.0f}; losses {', '.join(lowest)}")
    print(f"  at the best rate of 32 columns, times {', '.join(f'{c:.1f}' for c in costs[name])}")
assert falls["standard"] >= 4 * falls["rates by fan-in"]
assert costs["standard"][-1] > 5 * costs["rates by fan-in"][-1]

# %%
# **Next.** :doc:`/tables` says what the rates are worth on real tables, among all else that a table's
# network needs.
