r"""
Batch normalization rescues a bad initialization
================================================

**Outcome.** Weights a hundred times too small leave eight layers at chance, 0.10. With batch normalization
they reach 0.92 to 0.94 at learning rates from 0.001 to 0.1; weights too large by as much, 0.73. All this
is with batches of 32. From ten images, batch normalization takes more than it gives: on Shapeset it
errs in 85 % where a network without it errs in 76 %, and one with layer normalization in 76 %, too.

Eight layers of tanh units start from weights of standard deviation :math:`a / \sqrt n`: far too
small (:math:`a = 0.01`), right (:math:`a = 1`) or far too large. Which of them train, at which
learning rates, without and with batch normalization?

Expected: without it only :math:`a` near 1 trains. Batch normalization divides the scale out of what
a layer gives, so that something comes through from any start. The gradient is divided by the scale,
too: multiplying the weights by :math:`a` and their learning rate by :math:`a^2` is no change at all,

.. math:: \mathrm{BN}(X\, a W) = \mathrm{BN}(X W), \qquad
          \frac{\partial L}{\partial (a W)} = \frac 1 a \frac{\partial L}{\partial W}, \qquad
          a W - a^2 \eta \, \frac 1 a \frac{\partial L}{\partial W}
          = a \left( W - \eta \frac{\partial L}{\partial W} \right)

(Ioffe & Szegedy 2015, section 3.3). So large weights should need a large learning rate: larger, for
:math:`a = 100`, than the output layer stands, which is not normalized and has the same rate. Small
weights should train at any rate, for a step that is too large for them makes them larger, and is
then no longer.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from minnet import SGD, BatchNorm, Dense, LayerNorm, Network, Trainer
from minnet.datasets import make_shapeset
from minnet.initializers import Normal

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
scaler = StandardScaler().fit(X)
X, X_test = scaler.transform(X).astype("float32"), scaler.transform(X_test).astype("float32")

DEPTH, WIDTH, EPOCHS = 8, 32, 10
SCALES = (0.01, 0.1, 0.3, 1, 3, 10, 100)
RATES = (0.001, 0.01, 0.1, 1.0)


def make(scale, batch_norm, lr_factor=1.0, seed=0, dtype="float32"):
    """Return a network whose hidden weights have a standard deviation of scale / sqrt(WIDTH)."""
    hidden = {"init": Normal(std=scale / np.sqrt(WIDTH)), "lr_factor": lr_factor}
    layers = []
    for _ in range(DEPTH):
        # Dense alone is linear: the activation comes after the normalization.
        layers += [Dense(WIDTH, **hidden), BatchNorm("tanh")] if batch_norm else [
            Dense(WIDTH, "tanh", **hidden)
        ]  # fmt: skip
    network = Network([*layers, Dense(10, init="glorot")], bias_init="zeros")
    return network.initialize(64, random_state=seed, dtype=dtype)


def train(network, rate, epochs=EPOCHS):
    """Train by plain SGD; return the trainer, or None if the weights became infinite."""
    trainer = Trainer(network, SGD(rate), batch_size=32, n_iter_no_change=epochs)
    try:
        return trainer.fit(X, y, callbacks=[lambda trainer: trainer.n_epochs == epochs])
    except ValueError:
        return None


def accuracy(scale, batch_norm, rate, seed=0):
    network = make(scale, batch_norm, seed=seed)
    if train(network, rate) is None:
        return 0.0
    return (network.predict(X_test).argmax(axis=1) == y_test).mean()


# %%
# Which train, at which learning rates
# ------------------------------------

tables = {
    name: np.array([[accuracy(a, with_it, rate) for a in SCALES] for rate in RATES])
    for name, with_it in (("without", False), ("with batch normalization", True))
}

fig, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
for ax, (name, table) in zip(axes, tables.items(), strict=True):
    image = ax.imshow(table, origin="lower", vmin=0, vmax=1, cmap="cividis", aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        colour = "black" if value > 0.6 else "white"
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=9)
    ax.set_xticks(range(len(SCALES)), [f"{a:g}" for a in SCALES])
    ax.set_yticks(range(len(RATES)), [f"{rate:g}" for rate in RATES])
    ax.set_title(name, loc="left", fontsize=11)
    ax.set_xlabel(r"scale $a$ of the initial weights")
axes[0].set_ylabel("learning rate")
fig.colorbar(image, ax=axes, label=f"test accuracy after {EPOCHS} epochs (0.1 is chance)")
plt.show()

# %%
# Is it as expected?
# ------------------
# Of each start the best learning rate counts. It trains if three seeds reach 0.85, and does not if none
# reaches 0.5; chance is 0.1.

for a, with_it, expected in (
    (0.01, False, "below 0.5"),
    (1, False, "above 0.85"),
    (100, False, "below 0.5"),
    (0.01, True, "above 0.85"),
    (1, True, "above 0.85"),
    (100, True, "between"),
):
    name = "with batch normalization" if with_it else "without"
    rate = RATES[tables[name][:, SCALES.index(a)].argmax()]
    scores = [accuracy(a, with_it, rate, seed) for seed in (0, 1, 2)]
    print(f"a = {a:<5g}{name:25} expected {expected:11} measured", np.round(scores, 2))
    assert {
        "below 0.5": max(scores) < 0.5,
        "above 0.85": min(scores) > 0.85,
        "between": min(scores) > 0.5 and max(scores) < 0.85,
    }[expected]

# %%
# The small start trains at a thousandth of the learning rate that the large one wants:

small, large = (tables["with batch normalization"][:, SCALES.index(a)] for a in (0.01, 100))
print(f"a = 0.01 at 0.001: expected above 0.85, measured {small[0]:.2f}")
print(f"a = 100  at 0.001: expected below 0.2,  measured {large[0]:.2f}")
assert small[0] > 0.85
assert large[0] < 0.2

# %%
# That :math:`a W` at the rate :math:`a^2 \eta` is the same network can be had exactly:
# ``lr_factor`` gives layers a learning rate of their own. Only the small :math:`\epsilon` that is added to
# the variances, and rounding, make a difference.

curves = [
    train(make(a, True, lr_factor=a**2, dtype="float64"), 0.01, epochs=3).loss_curve
    for a in (1, 100)
]
difference = np.abs(np.subtract(*curves)).max()
print(f"losses, a = 1 and 100: expected equal to 0.001, measured a difference of {difference:.1e}")
assert difference < 1e-3

# %%
# What was seen: without normalization one column trains, at one or two learning rates. With it a start
# that is far too small costs nothing, and one that is too large costs time. Batch normalization
# makes the scale of the weights a question of the learning rate; it does not remove the question.
#
# Batches of ten
# --------------
# Glorot & Bengio trained with batches of ten images, and in :doc:`their experiment
# </glorot2010/later>` the row of batch normalization is far above all others. Is that the layer, or its
# statistics? A mean over ten images is off by 0.3 standard deviations, and each image is shifted and
# scaled by nine others that were drawn by chance. :class:`~minnet.LayerNorm` takes mean and variance
# over the units of one image, and depends on no other.
#
# **Expected.** Batch normalization should be worse than nothing at batches of ten, in the loss of
# training, too, and so not because of the averages that predictions take; in batches of 30 it should cost
# less. Layer normalization should be as good as nothing: these five layers of 200 start well without any.

images, classes = make_shapeset(20_000, start=5000)
test_images, test_classes = make_shapeset(5000)


def on_shapeset(norm, batch_size, n_updates=2000):
    """Return the loss of the last epoch of training, and the error in %."""
    hidden = [Dense(200), norm("tanh")] if norm else [Dense(200, "tanh")]
    init = "standard" if norm else "glorot"  # the scale counts without normalization alone
    network = Network([*hidden * 5, Dense(9)], init=init, bias_init="zeros")
    network.initialize(images.shape[1], random_state=0, dtype="float32")
    epochs = n_updates * batch_size // len(images)
    trainer = Trainer(network, SGD(0.03), batch_size=batch_size, n_iter_no_change=epochs)
    trainer.fit(images, classes, callbacks=[lambda trainer: trainer.n_epochs == epochs])
    wrong = network.predict(test_images).argmax(axis=1) != test_classes
    return trainer.loss_curve[-1], 100 * wrong.mean()


NORMS = {"none": None, "BatchNorm": BatchNorm, "LayerNorm": LayerNorm}
found = {(name, n): on_shapeset(norm, n) for n in (10, 30) for name, norm in NORMS.items()}
for (name, n), (loss, error) in found.items():
    print(f"batches of {n}, {name:10} training loss {loss:.2f}, test error {error:.1f} %")
for measured in (0, 1):
    none, batch, layer = (found[name, 10][measured] for name in NORMS)
    assert batch > 1.04 * none
    assert abs(layer - none) < 0.02 * none
costs = {n: found["BatchNorm", n][1] - found["none", n][1] for n in (10, 30)}
print(
    f"points that BatchNorm costs: {costs[10]:.1f} in batches of 10, {costs[30]:.1f} in batches of 30"
)
assert costs[10] > 2 * costs[30]

fig, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
for (name, colour), marker in zip(
    {"none": "#000000", "BatchNorm": "#D55E00", "LayerNorm": "#0072B2"}.items(), "osD", strict=True
):
    errors = [found[name, n][1] for n in (10, 30)]
    ax.plot(errors, range(2), marker, color=colour, label=name, markersize=9, alpha=0.8)
ax.axvline(100 * 5 / 6, color="0.5", ls=":", label="one class for all")
ax.set_yticks(range(2), ["batches of 10", "batches of 30"])
ax.set_ylim(1.5, -0.5)
ax.set_xlabel("test error after 2,000 updates, in %")
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, frameon=False)
plt.show()

# %%
# It is the statistics. In batches of ten the loss of training itself is above 2.11, that of answering with
# the shares of the classes: what the images do to each other reaches the outputs. So both pages are right:
# normalization by the batch saves a bad start if the batch is large enough for a mean and a variance, and
# does harm where it is not; normalization by the row has nothing to do with the batch.
#
# **Next.** Without normalization the right scale is known before training: :ref:`the edge of chaos
# <sphx_glr_auto_examples_research_plot_edge_of_chaos.py>`.
