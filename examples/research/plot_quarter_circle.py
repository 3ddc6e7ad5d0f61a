r"""
Why 0.8 and 0.5: the quarter circle
===================================

**Outcome.** The mean singular value of 0.8 that the paper reports is no loss: it is :math:`8 / 3\pi =
0.849`, the mean of the quarter-circle law, less tanh's slopes. What multiplies gradients is the root
mean square, and that is 1. Theory has both to 0.01 in every layer.

Glorot & Bengio (2010) report that the Jacobian of a layer, :math:`J = \partial y_{i+1} / \partial
y_i`, has a mean singular value of about 0.8 under their normalized initialization, and of about 0.5
under the standard one. They read it as the ratio of variances from layer to layer.

**Expected.** The singular values of a large square matrix of independent entries with :math:`n
\operatorname{Var} W = \sigma^2` follow the quarter-circle law,

.. math:: p(s) = \frac{\sqrt{4 \sigma^2 - s^2}}{\pi \sigma^2}, \quad 0 \le s \le 2 \sigma,
          \qquad E[s] = \frac{8 \sigma}{3 \pi}, \qquad E[s^2] = \sigma^2 .

The normalized initialization has :math:`\sigma = 1`, a mean of 0.849. The standard one has
:math:`\sigma = 1/\sqrt 3`, a mean of 0.490. Tanh's slope, which is below 1, takes off a little, and
the less the smaller its inputs are.

The ratio of variances is the mean **square**, not the mean: the square is what multiplies the
variance of a gradient that has no preferred direction. So :math:`\sigma = 1` keeps gradients though
the mean is 0.85, and 0.8 is no sign that they vanish.
"""

import matplotlib.pyplot as plt
import numpy as np

from minnet import Dense, Network
from minnet.lab import jacobians, theory

WIDTH, DEPTH = 400, 5
SECOND_MOMENT = 0.37  # of the inputs: that of the images in the paper
# The scale sigma, colour, marker and the paper's name of each.
STARTS = {
    "glorot": (1.0, "#0072B2", "s", "normalized"),
    "standard": (3**-0.5, "#D55E00", "o", "standard"),
}


def check(what, expected, measured, tolerance):
    shown = (" ".join(f"{v:.3f}" for v in np.atleast_1d(values)) for values in (expected, measured))
    print("{}: expected {}, measured {}".format(what, *shown))
    assert np.abs(np.subtract(measured, expected)).max() < tolerance


X = np.sqrt(SECOND_MOMENT) * np.random.default_rng(0).normal(size=(50, WIDTH))
layers = [Dense(WIDTH, "tanh") for _ in range(DEPTH)] + [Dense(10)]
nets, found = {}, {}
for init in STARTS:
    nets[init] = Network(layers, init=init).initialize(WIDTH, random_state=0)
    found[init] = jacobians(nets[init], X, random_state=0)

# %%
# The distribution
# ----------------
# On the left the weights alone, on the right the Jacobian of the first layer on four inputs. The
# dashed line is theory with tanh's slopes in it (Silverstein & Bai 1995). Singular values
# repel each other and hardly fluctuate: with 400 of them, means agree to 0.01.

fig, axes = plt.subplots(1, 2, figsize=(10.5, 4.4), sharey=True, layout="constrained")
s = np.linspace(0, 2.1, 421)
bins = np.linspace(0, 2.1, 43)
for init, (sigma, colour, _, name) in STARTS.items():
    values = np.linalg.svd(nets[init].layers[0].W, compute_uv=False)
    for ax, measured in zip(axes, (values, found[init].layers[0].ravel()), strict=True):
        density, _ = np.histogram(measured, bins, density=True)
        ax.stairs(density, bins, color=colour, alpha=0.6, label=f"{name}, measured")
        ax.stairs(density, bins, color=colour, alpha=0.15, fill=True)
        up_to = np.linspace(0, 2 * sigma, 300)
        circle = theory.quarter_circle(up_to, sigma)
        ax.plot(up_to, circle, color=colour, label=f"{name}, quarter circle")
    slopes = theory.jacobian_density(s, "tanh", sigma**2 * SECOND_MOMENT, sigma**2)
    inside = (s > 0) & (slopes > 1e-3)
    axes[1].plot(s[inside], slopes[inside], "--", color=colour, label=f"{name}, with slopes")
    mean, rms = values.mean(), np.sqrt(np.square(values).mean())
    check(f"{name}, weights, mean", theory.quarter_circle_mean(sigma), mean, 0.01)
    check(f"{name}, weights, root mean square", sigma, rms, 0.01)
    check(f"{name}, weights, largest", 2 * sigma, values.max(), 0.05)
for ax, title in zip(axes, ("weights W", "Jacobian of layer 1"), strict=True):
    ax.set_title(title, fontsize=11)
    ax.set_xlabel("singular value")
    ax.legend(fontsize=9)
axes[0].set_ylabel("density")
plt.show()

# %%
# Layer by layer
# --------------
# The root mean square is :math:`\sigma \sqrt{E f'(z)^2}`, with the variance of z in the layer as
# mean-field theory has it; the mean is that of the dashed line. **Expected** besides are the
# numbers of another such network, computed without minnet.

REFERENCE = {
    "glorot": ((0.670, 0.717, 0.749, 0.784, 0.796), (0.813, 0.857, 0.890, 0.928, 0.939)),
    "standard": ((0.446, 0.476, 0.486, 0.489, 0.490), (0.529, 0.562, 0.573, 0.576, 0.577)),
}
fig, axes = plt.subplots(1, 2, figsize=(10.5, 4.4), sharex=True, sharey=True, layout="constrained")
numbers = np.arange(1, DEPTH + 1)
for init, (sigma, colour, marker, name) in STARTS.items():
    field = theory.MeanField("tanh", weight_variance=sigma**2)
    q = field.variances(SECOND_MOMENT * sigma**2, DEPTH - 1)
    rms = np.sqrt([field.chi(value) for value in q])
    densities = [theory.jacobian_density(s, "tanh", value, sigma**2) for value in q]
    means = [np.trapezoid(s * density, s) for density in densities]
    J = found[init]
    limits = theory.quarter_circle_mean(sigma), sigma
    measured = J.means[:DEPTH], J.rms[:DEPTH]
    for ax, points, line, other, limit, what in zip(
        axes, measured, (means, rms), REFERENCE[init], limits, ("mean", "rms"), strict=True
    ):
        ax.plot(numbers, line, color=colour, label=f"{name}, theory")
        ax.plot(numbers, points, marker, color=colour, label=f"{name}, measured")
        ax.axhline(limit, color=colour, linestyle=":", label=f"{name}, weights alone")
        ax.text(1, limit + 0.008, f"{limit:.3f}", color=colour)
        check(f"{name}, {what}, layers 1 to 5, theory", line, points, 0.02)
        check(f"{name}, {what}, layers 1 to 5, other network", other, points, 0.025)
for ax, title in zip(axes, ("mean: the paper's 0.8 and 0.5", "root mean square"), strict=True):
    ax.set_title(title, fontsize=11)
    ax.set_xlabel("hidden layer")
    ax.set_xticks(numbers)
    ax.grid(alpha=0.3)
axes[0].set_ylabel("singular value of the Jacobian")
axes[0].set_ylim(0.4, 1.05)
handles, labels = axes[0].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=2)
plt.show()

# %%
# **Seen.** 0.8 and 0.5 are the mean of the quarter circle, 0.849 and 0.490, less what tanh's slopes
# take. The two networks' numbers differ by up to 0.02, in upper layers, where a handful of
# inputs and the weights drawn decide how far tanh bends. A network whose Jacobians are all
# orthogonal would have a mean of 1 and no spread.
#
# **Next.** What the spread does to three hundred layers: :ref:`the edge of chaos
# <sphx_glr_auto_examples_research_plot_edge_of_chaos.py>`.
