r"""
Symmetry: why weights must differ
=================================

**Outcome.** Eight hidden units that start equal are still one unit after 600 steps, to the last bit, and
33 % of the digits are right; from zeros nothing is learned; from random weights 99.6 % are right. A linear
classifier has no hidden units, and trains from zeros all the same.

The reason is in the gradients of a network with one hidden layer,

.. math:: dW_1 = X^\top \bigl( (dZ_2 W_2^\top) \odot f'(Z_1) \bigr), \qquad
          dW_2 = f(Z_1)^\top dZ_2 .

If the columns of :math:`W_1` are equal, so are those of :math:`Z_1`. If the rows of :math:`W_2`
are equal too, so are the columns of :math:`dW_1` and the rows of :math:`dW_2`: a step of training
leaves everything equal. If both matrices are 0 and :math:`f(0) = 0`, so are both gradients.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Dense, Network, Trainer
from minnet.initializers import Normal
from minnet.lab import probe

X, t = load_digits(return_X_y=True)
X = StandardScaler().fit_transform(X)
EPOCHS = 20  # of 30 steps: 600 steps


def train(hidden, init):
    """Train; return the network, its losses, and by epoch the first layer's weights and biases."""
    net = Network([*hidden, Dense(10)], init=init).initialize(64, random_state=0)
    weights = []

    def record(trainer):
        weights.append(np.vstack([net.layers[0].W, net.layers[0].b]))
        return trainer.n_epochs == EPOCHS

    trainer = Trainer(net, SGD(0.05, momentum=0.9), batch_size=60, n_iter_no_change=EPOCHS)
    trainer.fit(X, t, callbacks=[record])
    return net, trainer.loss_curve, np.array(weights)


def count(weights):
    """Return how many different units there were after each epoch, compared bit by bit."""
    return {len(np.unique(of_epoch, axis=1).T) for of_epoch in weights}


def check(what, expected, measured, holds):
    print(f"{what}: expected {expected}, measured {measured}")
    assert holds


# %%
# Eight units, three starts
# -------------------------
# The pictures show the weight of each of the eight units from one pixel in the middle: as many
# lines as there are different units.

STARTS = {
    "zeros": ("zeros", 1, "#D55E00", "o"),
    "all equal": (0.1, 1, "#E69F00", "s"),
    "random": ("glorot", 8, "#0072B2", "^"),
}
epochs = np.arange(1, EPOCHS + 1)
losses, nets = {}, {}
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.6), sharey=True, layout="constrained")
for ax, (name, (init, expected, colour, _)) in zip(axes, STARTS.items(), strict=True):
    nets[name], losses[name], weights = train([Dense(8, "tanh")], init)
    different = count(weights)
    check(f"{name}: different units after all epochs", expected, different, different == {expected})
    ax.plot(epochs, weights[:, 36, :], color=colour)
    ax.set_title(f"{name}: {max(different)} different of 8", fontsize=11)
    ax.set_xlabel("epoch")
    ax.set_xticks(range(0, EPOCHS + 1, 5))
    ax.grid(alpha=0.3)
axes[0].set_ylabel("weight from one pixel")
plt.show()

still = not any(layer.W.any() for layer in nets["zeros"].layers)
check("zeros: all weights are exactly 0 at the end", True, still, still)

# %%
# Eight equal units are one, with the sum of their output weights:

first, last = nets["all equal"].layers
unit = np.tanh(X @ first.W[:, :1] + first.b[0])
same = np.allclose(unit @ last.W.sum(axis=0, keepdims=True) + last.b, nets["all equal"].forward(X))
check("all equal: one unit gives the same outputs", True, same, same)

# %%
# What they learn
# ---------------
# With weights of zero only the output's biases learn: the frequencies of the classes, whose
# entropy is the loss that remains.

nets["linear"], losses["linear"], _ = train([], "zeros")
prior = np.bincount(t) / len(t)
entropy = -(prior * np.log(prior)).sum()

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, (_, _, colour, marker) in STARTS.items():
    ax.semilogy(epochs, losses[name], marker + "-", color=colour, label=f"8 tanh units, {name}")
ax.semilogy(epochs, losses["linear"], "D-", color="#009E73", label="linear, zeros")
ax.axhline(entropy, color="0.5", linestyle=":", label="entropy of the classes")
ax.set_xlabel("epoch")
ax.set_ylabel("training loss (nats)")
ax.set_yticks([0.05, 0.1, 0.2, 0.5, 1, 2], ["0.05", "0.1", "0.2", "0.5", "1", "2"])
ax.minorticks_off()
ax.set_xticks(range(0, EPOCHS + 1, 5))
ax.grid(alpha=0.3)
ax.legend(loc="center right", bbox_to_anchor=(1, 0.66))
plt.show()

loss = nets["zeros"].objective(X, t)
check("zeros: loss", f"{entropy:.3f}", f"{loss:.3f}", abs(loss - entropy) < 0.02)
for name, low, high in (("all equal", 0.1, 0.5), ("random", 0.95, 1), ("linear", 0.95, 1)):
    accuracy = (nets[name].predict(X).argmax(axis=1) == t).mean()
    check(f"{name}: accuracy", f"{low} to {high}", f"{accuracy:.3f}", low < accuracy <= high)

# %%
# Why a small positive bias for ReLU
# ----------------------------------
# A rectifier passes no gradient where its input is 0 or less. From zeros the hidden layer never
# moves; from biases of 0.1 it does, if as one unit.

for bias in (0.0, 0.1):
    _, _, weights = train([Dense(8, "relu", bias_init=bias)], "zeros")
    found, expected = (bool(np.ptp(weights, axis=0).any()), count(weights)), (bias > 0, {1})
    what = f"ReLU from zeros, bias {bias}: (it moves, different units)"
    check(what, expected, found, found == expected)

# %%
# **Expected** in a deep network of random weights: since :math:`\max(0, cz) = c \max(0, z)`, without
# biases the share of dead units, off on every image, does not depend on the size of the weights. It
# grows with depth, since images become alike. A bias of 0.1 matters beside small
# pre-activations. With weights of a standard deviation (sd) of 0.01, those are
# :math:`0.01 \sqrt{64} = 0.08` of what comes in, and from the second layer on no unit is ever off.
# He's weights keep them near 1. There 0.1 is small, and since it is common to all images, they become
# alike sooner.

DEPTH, N_NETWORKS = 15, 10
layers = np.arange(1, DEPTH + 1)
dead = {}
fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, init, style in (("He", "he", "o-"), ("sd 0.01", Normal(std=0.01), "^-")):
    for bias in (0.0, 0.1):
        net = Network([Dense(64, "relu", init, bias) for _ in range(DEPTH)] + [Dense(10)])
        shares = [
            probe(net.initialize(64, random_state=seed), X[:300])["dead"][:DEPTH]
            for seed in range(N_NETWORKS)
        ]
        dead[name, bias] = np.mean(shares, axis=0)
        colour = "#0072B2" if name == "He" else "#D55E00"
        line = ax.plot(layers, dead[name, bias], style, color=colour, label=f"{name}, bias {bias}")
        if bias == 0:  # two lines are one: the larger, hollow marks show both
            line[0].set(markerfacecolor="none", markersize=10 if name == "He" else 5)
ax.set_xlabel("hidden layer of 64 rectifiers")
ax.set_ylabel("share of units off on all 300 images\n(mean of 10 networks)")
ax.set_xticks(layers[::2])
ax.grid(alpha=0.3)
ax.legend(title="weights, biases")
plt.show()

alike = np.array_equal(dead["He", 0.0], dead["sd 0.01", 0.0])
check("bias 0: the size of the weights does not matter", True, alike, alike)
most = dead["sd 0.01", 0.1][1:].max()
check("sd 0.01, bias 0.1: dead units in layers 2 to 15", 0, most, most == 0)
plain, biased = dead["He", 0.0][-1], dead["He", 0.1][-1]
check("He, bias 0: dead units in layer 15", "above 0.05", f"{plain:.3f}", plain > 0.05)
check("He, bias 0.1: the same", f"{plain:.3f} or more", f"{biased:.3f}", biased >= plain)

# %%
# **Seen.** Equal units stayed equal through 600 steps, bit by bit, and eight of them did the work of
# one. A small positive bias is advice for weights that are too small: no unit is dead, but all are
# on, so that the network is linear, and its signal is the bias. With He's weights biases of 0 do.
#
# What breaks the symmetry if weights do not is :ref:`dropout
# <sphx_glr_auto_examples_course_plot_dropout_and_symmetry.py>`, slowly; why the linear classifier has none
# to break says :ref:`a convex loss <sphx_glr_auto_examples_course_plot_convex_loss.py>`.
#
# **Next.** How large should random weights be? :ref:`The variance of a layer
# <sphx_glr_auto_examples_course_plot_variance_by_width.py>`.

# sphinx_gallery_thumbnail_number = 2
