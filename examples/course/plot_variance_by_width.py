r"""
The variance of a layer, forward and backward, and the compromise
=================================================================

**Outcome.** Where widths change, a rule for the weights can keep the variance on the way up or on the way
down; the compromise, Glorot's, loses a little of both, and the same whether layers grow or shrink: 4 % of
there and back for a factor of 1.5.

**The derivation.** A pre-activation is a sum over the :math:`n_{in}` inputs, :math:`z_j = \sum_i x_i
W_{ij}`. Weights have mean 0 and are independent of the inputs: the variances of the terms add up.
Going back the sum runs over the :math:`n_{out}` units, :math:`dx_i = \sum_j W_{ij}\, dz_j`:

.. math:: \operatorname{Var} z = n_{in} \operatorname{Var} W \, E[x^2], \qquad
          \operatorname{Var} dx = n_{out} \operatorname{Var} W \, E[dz^2] .

Where the activation is linear with slope 1, products over the layers are equations 5 and 6 of
Glorot & Bengio (2010). To keep variances, forward asks for :math:`n_{in} \operatorname{Var} W = 1`
(equation 10), backward for :math:`n_{out} \operatorname{Var} W = 1` (11). Where widths change, only
one of them can be had; the compromise (12) is :math:`\operatorname{Var} W = 2 / (n_{in} +
n_{out})`.

**Expected**, with :math:`r = n_{out} / n_{in}`, is that each layer multiplies variances by

========== ===================== ======================= =============================
rule       forward               backward                there and back
========== ===================== ======================= =============================
fan-in     :math:`1`             :math:`r`               :math:`r`
fan-out    :math:`1 / r`         :math:`1`               :math:`1 / r`
compromise :math:`2 / (1 + r)`   :math:`2 r / (1 + r)`   :math:`4 r / (1 + r)^2`
========== ===================== ======================= =============================

The compromise keeps neither, but there and back it is the same for :math:`r` and :math:`1/r`:
whether layers grow or shrink makes no difference, and for :math:`r = 1.5` only 4 % are lost.
"""

import matplotlib.pyplot as plt
import numpy as np

from minnet import Dense, Network
from minnet.initializers import VarianceScaling
from minnet.lab import probe

RULES = {
    "fan-in": (VarianceScaling(mode="fan_in"), "#D55E00", "v"),
    "fan-out": (VarianceScaling(mode="fan_out"), "#0072B2", "^"),
    "compromise": (VarianceScaling(mode="fan_avg"), "#009E73", "o"),
}
NAMES = ("forward", "backward", "there and back")
N_SAMPLES = 300


def predict(rule, r):
    """Return a row of the table."""
    share = {"fan-in": r**0, "fan-out": 1 / r, "compromise": 2 / (1 + r)}[rule]
    return share, r * share, r * share**2


def check(what, expected, measured, tolerance):
    shown = (" ".join(f"{v:.3g}" for v in np.atleast_1d(values)) for values in (expected, measured))
    print("{}: expected {}, measured {}".format(what, *shown))
    assert np.abs(measured / expected - 1).max() < tolerance


# %%
# One layer, many widths
# ----------------------
# Inputs and gradients from above are standard normal, so what comes out is the factor itself. Means
# run over more than 30,000 numbers, and the mean of the squares of as many weights is uncertain by
# less than 1 %: 5 % are allowed, 10 % for the product.

WIDTHS = [(800, 100), (600, 150), (400, 200), (200, 200), (200, 400), (150, 600), (100, 800)]
RATIOS = np.array([n_out / n_in for n_in, n_out in WIDTHS])


def measure(rule, n_in, n_out):
    rng = np.random.default_rng(0)
    W = RULES[rule][0]((n_in, n_out), rng=0)
    forward = (rng.normal(size=(N_SAMPLES, n_in)) @ W).var()
    backward = (rng.normal(size=(N_SAMPLES, n_out)) @ W.T).var()
    return forward, backward, forward * backward


fig, axes = plt.subplots(1, 3, figsize=(10.5, 4.2), sharey=True, layout="constrained")
r = np.geomspace(1 / 8, 8, 61)
for rule, (_, colour, marker) in RULES.items():
    measured = np.array([measure(rule, *widths) for widths in WIDTHS]).T
    for ax, name, points, values, line in zip(
        axes, NAMES, measured, predict(rule, RATIOS), predict(rule, r), strict=True
    ):
        ax.loglog(RATIOS, points, marker, color=colour, label=rule)
        ax.loglog(r, line, color=colour, linewidth=1)
        check(f"{rule}, {name}", values, points, 0.1 if name == "there and back" else 0.05)
for ax, name in zip(axes, NAMES, strict=True):
    ax.set_title(name, fontsize=11)
    ax.set_xlabel("fan-out / fan-in")
    ax.set_xticks([1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8], ["1/8", "1/4", "1/2", "1", "2", "4", "8"])
    ax.set_yticks([1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8], ["1/8", "1/4", "1/2", "1", "2", "4", "8"])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
axes[0].set_ylabel("factor of the variance")
handles, labels = axes[0].get_legend_handles_labels()
title = "rule for Var W (mark: measured, line: the table)"
fig.legend(handles, labels, loc="outside lower center", ncols=3, title=title)
plt.show()

# %%
# Six layers in a row
# -------------------
# Widths from 64 to 729, each 1.5 times the one before, and the same shrinking. Inputs are small, so
# that tanh is linear (slope 0.999 and more). Six layers make powers of six: **expected** are
# :math:`1.5^{\pm 6} = 11.4^{\pm 1}` for the rules that keep one direction, in the other, and
# for the compromise :math:`0.8^6 = 0.26` and :math:`1.2^6 = 2.99` when growing, exchanged when
# shrinking. Each layer's own error is a few percent, of its layer with 64 units most: 20 % are
# allowed over all.

GROWING = [round(64 * 1.5**k) for k in range(7)]
fig, axes = plt.subplots(2, 2, figsize=(9, 6.5), sharex="col", sharey=True, layout="constrained")
for column, (name, widths) in zip(
    axes.T, {"growing": GROWING, "shrinking": GROWING[::-1]}.items(), strict=True
):
    rng = np.random.default_rng(1)
    X = 0.01 * rng.normal(size=(N_SAMPLES, widths[0]))
    T = rng.normal(size=(N_SAMPLES, widths[-1]))  # large beside the outputs: decide the gradient
    ratio = widths[1] / widths[0]
    for rule, (init, colour, marker) in RULES.items():
        # The first layer keeps the width and has the same law in all rules.
        layers = [Dense(n, "tanh") for n in widths] + [Dense(widths[-1])]
        net = Network(layers, loss="squared_error", init=init).initialize(widths[0], random_state=0)
        m = probe(net, X, T)
        forward, backward = (np.square(m[of, "rms"])[m.hidden] for of in ("Z", "dZ"))
        steps = np.arange(len(widths))
        up, down, _ = predict(rule, ratio)
        for ax, direction, points, line in (
            (column[0], "forward", forward / forward[0], up**steps),
            (column[1], "backward", backward / backward[-1], down ** steps[::-1]),
        ):
            ax.semilogy(steps, points, marker, color=colour, label=rule)
            ax.semilogy(steps, line, color=colour, linewidth=1)
            end = -1 if direction == "forward" else 0
            check(f"{name}, {rule}, {direction}, 6 layers", line[end], points[end], 0.2)
    column[0].set_title(f"{name} widths", fontsize=11)
    column[1].set_xlabel("units of the hidden layer")
    column[1].set_xticks(steps, widths)
    for ax in column:
        ax.grid(alpha=0.3)
axes[0, 0].set_ylabel("forward: variance of Z,\nrelative to the first layer")
axes[1, 0].set_ylabel("backward: variance of dZ,\nrelative to the last layer")
handles, labels = axes[0, 0].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=3, title=title)
plt.show()

# %%
# **Seen.** Each rule does what it says and no more. The compromise is between the others in both
# directions, and growing or shrinking widths only exchange its two rows. Between layers of one
# width all three rules are the same. The output layer is where they differ most: from 1000 units to
# 9, the compromise multiplies the gradient's variance by :math:`9 \cdot 2/1009 = 1/56`.
#
# **Next.** The same factors to the power of the depth: :ref:`5, 20 and 30 layers
# <sphx_glr_auto_examples_course_plot_initialization_by_depth.py>`.
