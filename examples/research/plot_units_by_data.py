r"""
Weights and biases that look at the table
=========================================

**Outcome.** Under the laws by fan-in the units of a table's first layer answer to it unlike each other, by
a factor of 3 to 4. ``"unit_variance"`` gives each unit exactly the standard deviation that is asked, and
``"hull"`` puts its kink where there are data. So the strength at which a network begins is a knob that
means the same for every table. On two small tables, cut into 32 pieces a column, the value 1 of RealMLP is
not the best: a quarter of it makes 14 and 4 % less error.

The laws of Glorot, He and LeCun count inputs. They take them for independent and of variance 1. Real
columns are skewed, depend on each other, and after a piecewise linear encoding
(:class:`minnet.PiecewiseLinear`) each is some thirty numbers, of which all but one are 0 or 1. RealMLP
(Holzmüller, Grinsztajn & Steinwart 2024) therefore looks at the data: it divides the weights of each unit
by the standard deviation of its pre-activation on the training rows, and makes its bias minus a random
convex combination of five pre-activations. In minnet these are the initializers
:class:`~minnet.initializers.UnitVariance` and :class:`~minnet.initializers.Hull`.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, make_friedman1
from sklearn.model_selection import train_test_split

from minnet import Dense, Dropout, MinNetRegressor, Network, PiecewiseLinear, TableEncoder
from minnet.initializers import UnitVariance
from minnet.ntk import ntk
from minnet.optimizers import Cosine

BLUE, RED, GREEN = "#0072B2", "#D55E00", "#009E73"

# %%
# Where units bend
# ----------------
# A ReLU of one input bends at :math:`-b / w`. The data are two groups of a skewed column. With biases of 0
# all units bend at 0, with "auto" (a bias is one more weight) they bend about 0, wherever the data are.
# Hull's bend between rows: of K = 5 in the middle of the data rather, of K = 1 at one of them. Expected:
# each zero lies between the least and the largest row.

rng = np.random.default_rng(0)
x = np.concatenate([rng.gamma(2.0, 0.5, 300), 6 + rng.normal(size=100)])[:, np.newaxis]
BIASES = {
    "zeros": "zeros",
    "auto": "auto",
    "hull": "hull",
    "hull of 1": {"name": "hull", "n_points": 1},
}

fig, axes = plt.subplots(len(BIASES) + 1, 1, figsize=(9, 5.4), sharex=True, layout="constrained")
bins = np.linspace(-4, 10, 71)
axes[0].hist(x.ravel(), bins, color="0.5")
axes[0].set_ylabel("data")
inside = {}
for ax, (name, bias_init) in zip(axes[1:], BIASES.items(), strict=True):
    first = Dense(500, "relu", init="auto", bias_init=bias_init)
    layer = Network([first, Dense(1)], "squared_error").initialize(1, 0).adapt(x).layers[0]
    kinks = -layer.b / layer.W[0]
    inside[name] = ((kinks > x.min() - 1e-9) & (kinks < x.max() + 1e-9)).mean()  # but for rounding
    ax.hist(kinks, bins, color=GREEN if "hull" in name else RED)
    ax.set_ylabel(name)
    print(f"{name:10}: {inside[name]:.0%} of 500 units bend inside the data")
axes[-1].set_xlabel("where units bend")
plt.show()
assert inside["hull"] == inside["hull of 1"] == 1
assert inside["auto"] < 0.5

# %%
# How strongly units answer
# -------------------------
# Thirty columns of measurements, encoded by :class:`minnet.TableEncoder`, and what each of 256 units makes
# of them, in two layers. Expected of unit_variance: exactly 1, for each. LSUV scales a whole matrix: all
# pre-activations of a layer together have the variance 1, of which a good part is what the means of the
# units differ by.

X, y = load_breast_cancer(return_X_y=True)
encoder = TableEncoder(output="structured").fit(X)
Z = encoder.transform(X)
LAWS = ["glorot", "he", "lecun", "lsuv", "unit_variance"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
spread = {}
for law in LAWS:
    layers = [PiecewiseLinear(encoder.columns_), Dense(256, "silu"), Dense(256, "silu"), Dense(2)]
    net = Network(layers, init=law, bias_init="zeros").initialize(Z.shape[1], 0).adapt(Z)
    outputs = net.forward(Z, return_all=True)
    spread[law] = [(outputs[i] @ net.layers[i + 1].W).std(axis=0) for i in (0, 1)]
for ax, i, title in zip(axes, (0, 1), ("first layer", "second layer"), strict=True):
    ax.boxplot([spread[law][i] for law in LAWS], tick_labels=LAWS, whis=(0, 100), widths=0.6)
    ax.axhline(1, color="0.5", linewidth=1, zorder=0)
    ax.set_yscale("log")
    ax.set_yticks([0.1, 0.2, 0.5, 1.0], ["0.1", "0.2", "0.5", "1"])
    ax.minorticks_off()
    ax.set_title(title, loc="left")
    ax.tick_params(axis="x", rotation=20)
axes[0].set_ylabel("standard deviation of each unit")
plt.show()
n_inputs = len(net.layers[1].W)
for law in LAWS:
    sds = " ".join(f"{sd.min():.2f} to {sd.max():.2f}" for sd in spread[law])
    print(f"{law:13}: {sds}, first and second layer, {n_inputs} inputs")
np.testing.assert_allclose(spread["unit_variance"], 1, rtol=1e-3)

# %%
# A knob for smoothness
# ---------------------
# The same gain for all layers, from 0.05 to 2: two hidden layers of 64 units, rates by fan-in
# (:func:`minnet.ntk.ntk`), 40 epochs of Adam down to a rate of 0, four splits of 500 rows of Friedman's
# function and of the 442 of the diabetes table. Expected: a valley. A network of small weights begins
# smooth in the table, and bends where the targets ask for it; one of large weights begins rough, and what
# the rows do not contradict stays. Weights that are too small give hardly any gradient.

GAINS, SPLITS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0), range(4)
TABLES = {
    "Friedman's function": make_friedman1(500, noise=1.0, random_state=0),
    "diabetes": load_diabetes(return_X_y=True, scaled=False),
}


def error(X, y, init, seed):
    """Return the root mean square error on a quarter of the rows, in standard deviations of y."""
    X, X_test, y, y_test = train_test_split(X, y, random_state=seed)
    encoder = TableEncoder().fit(X)
    Z, mean, sd = encoder.transform(X), y.mean(), y.std()
    layers = [Dense(64, "silu"), Dropout(0.1), Dense(64, "silu"), Dropout(0.1)]
    reg = MinNetRegressor(
        layers=ntk(layers, Z.shape[1]), init=init, bias_init="hull", alpha=0.0, weight_decay=0.02,
        output_layer={"lr_factor": 1 / 8, "bias_lr_factor": 0.1, "decay_factor": 1.0}, beta_2=0.95,
        learning_rate=Cosine(), learning_rate_init=0.04, batch_size=64, max_iter=40, keep="last",
        random_state=seed, n_threads=1,
    )  # fmt: skip
    reg.fit(Z, (y - mean) / sd)
    return np.sqrt(np.mean((reg.predict(encoder.transform(X_test)) - (y_test - mean) / sd) ** 2))


fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
valleys = {}
for ax, (name, table) in zip(axes, TABLES.items(), strict=True):
    glorot = np.mean([error(*table, "glorot", seed) for seed in SPLITS])
    errors = np.array([[error(*table, UnitVariance(gain), s) for s in SPLITS] for gain in GAINS])
    valleys[name] = errors.mean(axis=1)
    ax.plot(GAINS, errors, color=BLUE, alpha=0.25, linewidth=1)
    ax.plot(GAINS, valleys[name], "o-", color=BLUE, label="unit_variance, mean of 4 splits")
    ax.axhline(glorot, color=RED, linestyle=":", label="glorot")
    ax.set_xscale("log")
    ax.set_xticks(GAINS, GAINS)
    ax.minorticks_off()
    ax.set_title(name, loc="left")
    ax.set_xlabel("gain of all layers")
    means = ", ".join(
        f"{gain:g}: {value:.3f}" for gain, value in zip(GAINS, valleys[name], strict=True)
    )
    print(f"{name}: {means}; glorot {glorot:.3f}")
axes[0].set_ylabel("test error / sd of y")
axes[0].legend(frameon=False)
plt.show()

# %%
# Is it as expected?
# ------------------
# On the side of large gains it is. On the other it is not: even 0.05 is hardly any harm, since Adam's
# steps do not depend on the size of the gradient.

for name, means in valleys.items():
    best, at = means.min(), dict(zip(GAINS, means, strict=True))
    print(f"{name}: {', '.join(f'{gain:g}: {at[gain] / best - 1:+.0%}' for gain in GAINS)}")
    assert at[0.25] < 0.98 * at[1.0] < at[2.0]
    assert max(at[gain] for gain in (0.05, 0.1, 0.25, 0.5)) < 1.05 * best

# %%
# **Seen.** A law that looks at the data does not make a better network by itself: 1 for each unit is worse
# here than Glorot's weights, which are small by chance. But it says how strong the beginning is, on every
# table alike, so that the strength can be chosen, and kept.
#
# **Next.** What else makes a network good at tables: :class:`minnet.TabularClassifier` puts it together.
