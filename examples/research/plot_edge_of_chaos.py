r"""
Fifty layers, and three hundred, from the edge of chaos
=======================================================

**Outcome.** Fifty layers train at the edge of chaos, to a loss of 0.3, and not with 0.6 or 2.5 times its
weight variance: theory has the depth without looking at data. Three hundred train too, if their weights
are orthogonal, to 0.5; normal weights stay at chance, 2.3.

In a deep network of random weights two inputs become ever more alike (order) or ever more different
(chaos), layer by layer, until the output no longer tells what the input was. Theory says how many
layers that takes: the distance of the correlation :math:`c` of two inputs to its limit falls like
:math:`e^{-l / \xi_c}`,

.. math:: 1 / \xi_c = -\ln \left( \sigma_w^2 \iint D z_1 D z_2 \, f'(u_1) f'(u_2) \right) ,

with :math:`\sigma_w^2` the fan-in times the variance of a weight. On the line between order and chaos,
where :math:`\chi_1 = \sigma_w^2 \int D z f'(\sqrt q z)^2 = 1`, the depth :math:`\xi_c` is infinite.

Expected (Schoenholz et al. 2017): a network trains up to a depth of about :math:`6 \xi_c`, on both sides
of the edge. At the edge 50 layers train. For 300 layers the mean is not enough: the product of so many
normal matrices keeps a few directions and loses all others, while a product of orthogonal matrices keeps
all of them alike (Saxe et al. 2013; Pennington et al. 2017). So of 300 layers at the edge the orthogonal
ones should train, the normal ones should not.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Dense, Network, Trainer
from minnet.initializers import EdgeOfChaos, Normal, Orthogonal, VarianceScaling
from minnet.lab import jacobians
from minnet.lab.theory import MeanField

X, y = load_digits(return_X_y=True)
X = StandardScaler().fit_transform(X).astype("float32")


def make(depth, width, init, bias_init="zeros", seed=0, dtype="float32"):
    layers = [Dense(width, "tanh", init=init, bias_init=bias_init) for _ in range(depth)]
    network = Network([*layers, Dense(10, init="glorot")])
    return network.initialize(64, random_state=seed, dtype=dtype)


def train(network, epochs):
    """Return the training loss of each epoch."""
    trainer = Trainer(network, SGD(0.001, momentum=0.9), n_iter_no_change=epochs)
    trainer.fit(X, y, callbacks=[lambda trainer: trainer.n_epochs == epochs])
    return trainer.loss_curve


# %%
# Depth and the size of the weights
# ---------------------------------
# Normal weights, biases of variance 0.05, six epochs. The line is :math:`6 \xi_c`, from theory alone.

BIAS_VARIANCE, DEPTHS, RATIOS = 0.05, (10, 25, 50), (0.4, 0.6, 0.8, 1, 1.5, 2.5)
critical = MeanField.critical("tanh", BIAS_VARIANCE).weight_variance
bias_init = Normal(std=BIAS_VARIANCE**0.5)


def loss_at(ratio, depth, seed=0):
    """Return the last loss at some multiple of the critical weight variance."""
    init = VarianceScaling(ratio * critical, "fan_in", "normal")
    return train(make(depth, 100, init, bias_init, seed), epochs=6)[-1]


def trainable_depth(ratio):
    return 6 * MeanField("tanh", ratio * critical, BIAS_VARIANCE).depth_scales()["correlation"]


losses = np.array([[loss_at(ratio, depth) for ratio in RATIOS] for depth in DEPTHS])

fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
image = ax.imshow(losses, origin="lower", cmap="cividis_r", vmin=0, vmax=2.4, aspect="auto")
for (row, column), loss in np.ndenumerate(losses):
    colour = "white" if loss > 1.4 else "black"
    ax.text(column - 0.46, row + 0.34, f"{loss:.2f}", color=colour, fontsize=8)
for side in (RATIOS[:3], RATIOS[4:]):
    places = [RATIOS.index(ratio) for ratio in side]
    rows = np.interp(
        [trainable_depth(r) for r in side], (0, *DEPTHS, 75), range(-1, len(DEPTHS) + 1)
    )
    label = r"$6 \xi_c$, theory" if side[0] < 1 else None
    ax.plot(
        places, rows, "o-", color="#D55E00", markeredgecolor="white", linewidth=2.5, label=label
    )
ax.set(xticks=range(len(RATIOS)), xticklabels=[f"{ratio:g}" for ratio in RATIOS])
ax.set(yticks=range(len(DEPTHS)), yticklabels=DEPTHS, ylim=(-0.5, len(DEPTHS) - 0.5))
ax.set_xlabel(
    rf"$\sigma_w^2$ over its critical value {critical:.2f}   (order  $\leftarrow$ 1 $\rightarrow$  chaos)"
)
ax.set_ylabel("hidden layers")
ax.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
fig.colorbar(image, label="training loss in nats (2.30 is chance)")
plt.show()

# %%
# "Trains" shall be a loss below 1, "does not" one above 1.9: half a nat of the 2.30 that the classes'
# frequencies give. Networks of up to half of :math:`6 \xi_c` should train, those of more than
# one and a half times as many layers should not; between, it depends on how long one waits.

for i, depth in enumerate(DEPTHS):
    for j, ratio in enumerate(RATIOS):
        limit = trainable_depth(ratio) if ratio != 1 else np.inf
        if depth < limit / 2:
            assert losses[i, j] < 1, (depth, ratio)
        elif depth > 1.5 * limit:
            assert losses[i, j] > 1.9, (depth, ratio)

for ratio, expected in ((0.6, "above 1.9"), (1, "below 1"), (2.5, "above 1.9")):
    measured = [losses[2, RATIOS.index(ratio)], *(loss_at(ratio, 50, seed) for seed in (1, 2))]
    print(
        f"50 layers at {ratio:g} of critical: expected {expected}, measured", np.round(measured, 2)
    )
    assert max(measured) < 1 if ratio == 1 else min(measured) > 1.9

# %%
# Three hundred layers
# --------------------
# Without biases the critical weight variance of tanh is 1. Left: training. Right: by how much
# the hidden layers stretch the twelve directions that they stretch most, of 64, before training. In a
# linear network of :math:`L` normal matrices of width :math:`n` the :math:`i`-th is behind the first
# by a factor of about :math:`(1 - (i - 1) / n)^{L/2}` (Newman 1986): :math:`10^{-12}` at the twelfth.

STARTS = {
    "normal, at the edge": (EdgeOfChaos("tanh"), "#D55E00", "s"),
    "orthogonal, 0.8 of it": (Orthogonal(0.8**0.5), "#009E73", "^"),
    "orthogonal, twice it": (Orthogonal(2**0.5), "#CC79A7", "v"),
    "orthogonal, at the edge": (EdgeOfChaos("tanh", distribution="orthogonal"), "#0072B2", "o"),
}
EPOCHS = 6
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
final, spread = {}, {}
# Three of the four learn nothing and lie on one another on the left: from wide to narrow.
for (name, (init, colour, marker)), width in zip(STARTS.items(), (9, 5, 2, 2), strict=True):
    style = {"color": colour, "marker": marker, "markersize": 5, "label": name}
    network = make(300, 64, init, dtype="float64")
    values = jacobians(network, X, n_samples=1, random_state=0).end_to_end[0, :12]
    right.semilogy(range(1, 13), values, **style)
    spread[name] = np.log10(values[0] / values[-1])
    curves = [train(make(300, 64, init, seed=seed), EPOCHS) for seed in (0, 1)]
    left.plot(range(1, EPOCHS + 1), np.mean(curves, axis=0), **style | {"linewidth": width})
    final[name] = [curve[-1] for curve in curves]
left.annotate("the other three: chance", (3.5, 2.22), ha="center", va="top")
left.set_title("Training: mean of two seeds", loc="left", fontsize=11)
left.set(xlabel="epoch", ylabel="training loss (nats)", ylim=(0, 2.6))
right.set_title("Singular values of the Jacobian of 299 layers", loc="left", fontsize=11)
right.set(xticks=range(1, 13), xlabel="direction, most stretched first", ylabel="stretched by")
for ax in (left, right):
    ax.grid(alpha=0.3)
handles, labels = left.get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=4)
plt.show()

for name, measured in final.items():
    trains = name == "orthogonal, at the edge"
    expected = "below 1" if trains else "above 1.9"
    print(f"300 layers, {name}: expected {expected}, measured", np.round(measured, 2))
    assert max(measured) < 1 if trains else min(measured) > 1.9

for name, low, high in (("orthogonal, at the edge", 0, 1), ("normal, at the edge", 8, 16)):
    print(f"{name}: expected {low} to {high} powers of ten, measured {spread[name]:.1f}")
    assert low <= spread[name] <= high

# %%
# What was seen: the depth that trains follows :math:`6 \xi_c`, which is computed without looking at
# data, in order and in chaos. At the edge itself the width sets the limit, and orthogonal matrices lift
# it. More layers than the task needs are of no use here: 25 train better than 50. The point is that
# depth as such does not prevent training.
#
# **Next.** ``init="edge_of_chaos"`` is there for every estimator; :doc:`/initializers` lists what else is.
