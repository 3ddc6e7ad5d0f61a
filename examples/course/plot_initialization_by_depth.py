r"""
Too small, too large, Xavier, He: 5, 20 and 30 layers
=====================================================

**Outcome.** Glorot's weights on ReLU lose a factor of 2 per layer, 0.502 measured: after 30 layers
:math:`10^{-9}` is left. He's keep it at 1. Tanh wants Glorot's: He's make gradients grow, and weights four
times as large make them explode.

**Expected.** Going forward each layer multiplies the variance of the pre-activations by a factor,
and going backward that of the gradients. Whatever differs from 1 is raised to the power of the
depth. In wide layers with :math:`\sigma_w^2 = n \operatorname{Var} W` and biases of 0 the
variances :math:`q_l` of pre-activations and :math:`g_l` of gradients follow

.. math:: q_{l+1} = \sigma_w^2 \int f(\sqrt{q_l}\, z)^2 \varphi(z)\, dz, \qquad
          g_l = g_{l+1} \, \sigma_w^2 \int f'(\sqrt{q_l}\, z)^2 \varphi(z)\, dz ,

with :math:`\varphi` the standard normal density. For ReLU both integrals are one half of what they
are for a linear unit, so that both factors are :math:`\sigma_w^2 / 2`: **Glorot on ReLU loses a
factor of 2 per layer**, over 30 layers :math:`2^{-30} = 9.3 \cdot 10^{-10}`. He's
:math:`\sigma_w^2 = 2` makes the factor 1.
"""

import matplotlib.pyplot as plt
import numpy as np

from minnet import Dense, Network
from minnet.initializers import VarianceScaling
from minnet.lab import probe, theory

WIDTH, DEPTHS = 256, (5, 20, 30)
# Normal weights; the number is the variance of a weight times the width.
STARTS = {
    "too small (1/4)": (0.25, "#D55E00", "v"),
    "Xavier (1)": (1.0, "#0072B2", "s"),
    "He (2)": (2.0, "#009E73", "^"),
    "too large (4)": (4.0, "#CC79A7", "o"),
}


# %%
# Theory and measurement
# ----------------------
# ``theory`` computes the integrals, ``probe`` reads what the layers left behind.
# Inputs are standard normal, so that the first variance is :math:`\sigma_w^2`. The output layer
# is as wide as the others, and its random targets are so large that they alone decide the gradient
# at the top.


def measure(activation, scale, n_layers):
    """Return by hidden layer the variances of Z and of dZ: measured, by theory, and its bounds."""
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(100, WIDTH)), 1e9 * rng.normal(size=(100, WIDTH))
    layers = [Dense(WIDTH, activation) for _ in range(n_layers)] + [Dense(WIDTH)]
    net = Network(layers, loss="squared_error", init=VarianceScaling(scale))
    m = probe(net.initialize(WIDTH, random_state=0), X, T)
    forward, backward = (np.square(m[name, "rms"])[m.hidden] for name in ("Z", "dZ"))
    field = theory.MeanField(activation, weight_variance=scale)
    band = theory.variance_band(field, scale, [WIDTH] * n_layers, n_samples=len(X))
    return (
        (forward, band.variances, band.interval(3)),
        (backward / backward[-1], band.gradient_variances, band.gradient_interval(3)),
    )


results = {
    (activation, name, n_layers): measure(activation, scale, n_layers)
    for activation in ("tanh", "relu")
    for name, (scale, _, _) in STARTS.items()
    for n_layers in DEPTHS
}


# %%
# Thirty layers of ReLU
# ---------------------

fig, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
layers = np.arange(1, 31)
for name, (_, colour, marker) in STARTS.items():
    measured, expected, _ = results["relu", name, 30][0]
    ax.semilogy(layers, measured, marker, color=colour, label=name, markersize=6)
    ax.semilogy(layers, expected, color=colour, linewidth=1.5)
ax.set(xlabel="hidden layer", ylabel="variance of the pre-activations")
ax.set_title("ReLU: a factor per layer, to the power of the depth", loc="left")
ax.grid(alpha=0.3)
ax.legend(title="width times Var W\n(mark: measured, line: theory)", loc="lower left")
plt.show()

# %%
# All of them, forward
# --------------------


def draw(direction, ylabel):
    """Draw one direction: a row for each activation, a column for each depth."""
    fig, axes = plt.subplots(
        2, 3, figsize=(10.5, 6.5), sharex="col", sharey="row", layout="constrained"
    )
    for row, activation in zip(axes, ("tanh", "relu"), strict=True):
        for ax, n_layers in zip(row, DEPTHS, strict=True):
            layers = np.arange(1, n_layers + 1)
            for name, (_, colour, marker) in STARTS.items():
                measured, expected, _ = results[activation, name, n_layers][direction]
                style = {"color": colour, "markersize": 4}
                ax.semilogy(layers, measured, marker, label=name, **style)
                ax.semilogy(layers, expected, color=colour, linewidth=1)
            ax.set_title(f"{activation}, {n_layers} layers", fontsize=11)
            ax.grid(alpha=0.3)
        row[0].set_ylabel(ylabel)
    for ax in axes[1]:
        ax.set_xlabel("hidden layer")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    title = "width times the variance of a weight (mark: measured, line: theory)"
    fig.legend(handles, labels, loc="outside lower center", ncols=4, title=title)
    plt.show()


draw(0, "variance of the\npre-activations")

# %%
# Backward
# --------

draw(1, "variance of the gradients dC/dz,\nrelative to the last layer")

# %%
# The checks
# ----------
# Theory is for infinite width. With 256 units the weights that happen to be drawn matter, most with
# ReLU: for one input the relative variance after L layers is :math:`(1 + 5/n)^L - 1` (Hanin &
# Rolnick 2018), which is 0.79 for 30 layers. ``theory.variance_band`` has this for any activation
# and for the mean of 100 inputs. Three standard errors are allowed, at the far end of each stack.

for activation in ("tanh", "relu"):
    for name in STARTS:
        for direction, word, end in ((0, "forward", -1), (1, "backward", 0)):
            stacks = [results[activation, name, n_layers][direction] for n_layers in DEPTHS]
            shown = (" ".join(f"{stack[i][end]:.3g}" for stack in stacks) for i in (1, 0))
            print("{}, {}, {}: expected {}, measured {}".format(activation, name, word, *shown))
            for points, _, (low, high) in stacks:
                assert low[end] < points[end] < high[end]

# %%
# Glorot on ReLU
# --------------
# The mean over networks is :math:`2^{-30}` for any width. Of 10 networks with 512 units it has a
# relative standard error of :math:`\sqrt{((1 + 5/512)^{30} - 1) / 10} = 0.18`. Three of them are
# allowed.

N_NETWORKS, WIDER = 10, 512
X = np.random.default_rng(1).normal(size=(20, WIDER))
net = Network([Dense(WIDER, "relu") for _ in range(30)], init="glorot_normal")
squares = [
    np.square(net.initialize(WIDER, random_state=seed).forward(X)).mean()
    for seed in range(N_NETWORKS)
]
measured = np.mean(squares) / np.square(X).mean()
error = np.sqrt((theory.length_fluctuation([WIDER] * 30) - 1) / N_NETWORKS)
print(f"30 layers, outputs over inputs: expected {2**-30:.2g}, measured {measured:.2g}")
print(f"a factor per layer: expected 0.5, measured {measured ** (1 / 30):.3f}")
assert abs(measured / 2**-30 - 1) < 3 * error

# %%
# **Seen.** Too small a start loses a factor of 4 per layer with tanh and 8 with ReLU, in both
# directions. Too large a start with tanh looks well going forward, since tanh saturates, and
# explodes going back; with He's weights, made for ReLU, it does so slowly. Five layers forgive
# all of it. Thirty forgive only Xavier with tanh, whose slow fall is no exponential, and He with ReLU.
#
# **Next.** Where to look for vanishing gradients, and where not: :ref:`the trap of weight gradients
# <sphx_glr_auto_examples_course_plot_weight_gradient_trap.py>`.
