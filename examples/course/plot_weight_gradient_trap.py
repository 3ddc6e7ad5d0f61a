r"""
The trap of weight gradients: alike in all layers while gradients vanish
========================================================================

**Outcome.** In ten layers of tanh with the standard initialization the gradients by pre-activations fall
to 1/180, while the gradients by weights are the same in all layers to 5 %: who looks at these alone sees a
healthy network. It does not train.

**Expected.** A weight gradient is a product of what comes up and what comes down,
:math:`dW_i = Y_{i-1}^\top dZ_i`. In layers of equal width, where tanh is nearly linear, each
layer multiplies the variance of the activations by :math:`n \operatorname{Var} W` on the way up,
and that of the gradients :math:`dZ = \partial C / \partial z` by as much on the way down:

.. math:: \operatorname{Var} Y_{i-1} \propto (n \operatorname{Var} W)^{i-1}, \quad
          \operatorname{Var} dZ_i \propto (n \operatorname{Var} W)^{d-i}, \quad
          \operatorname{Var} dW_i \propto (n \operatorname{Var} W)^{d-1} .

The last does not depend on :math:`i`: equation 14 of Glorot & Bengio (2010), whose exponent is
printed as :math:`d`. With their standard initialization :math:`n \operatorname{Var} W = 1/3`: in
ten layers :math:`dZ` falls by :math:`\sqrt{3}` a layer, to 1/140, and :math:`dW` stays where it
is. What gives it away is its size: all layers' are small together.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Dense, Network, Trainer
from minnet.lab import probe

X, t = load_digits(return_X_y=True)
X = StandardScaler().fit_transform(X)
DEPTH, WIDTH = 10, 200
STYLES = {"standard": ("#D55E00", "o"), "glorot": ("#0072B2", "s")}


def make(init):
    layers = [Dense(WIDTH, "tanh") for _ in range(DEPTH)] + [Dense(10)]
    return Network(layers, init=init).initialize(64, random_state=0)


def check(what, expected, measured, holds):
    print(f"{what}: expected {expected}, measured {measured:.3g}")
    assert holds


# %%
# Before training
# ---------------
# The handwritten digits, and the lab's probe. From layer 2 on the weights are square; the
# first, from 64 pixels, is left out of the picture of dW.

fig, axes = plt.subplots(1, 3, figsize=(10.5, 4), sharex=True, layout="constrained")
layers = np.arange(1, DEPTH + 1)
rms = {}
for init, (colour, marker) in STYLES.items():
    m = probe(make(init), X[:300], t[:300])
    for ax, name in zip(axes, ("Y", "dZ", "dW"), strict=True):
        rms[init, name] = m[name, "rms"][m.hidden]
        first = 1 if name == "dW" else 0
        points = rms[init, name][first:]
        ax.semilogy(layers[first:], points, marker + "-", color=colour, label=init)
TITLES = {
    "activations Y": (5e-4, 1),
    "gradients dZ = dC/dz": (1e-4, 0.2),
    "weight gradients dW": (1e-5, 0.02),
}
for ax, (title, limits) in zip(axes, TITLES.items(), strict=True):
    ax.set_title(title, fontsize=11)
    ax.set_ylim(limits)  # the same factor from bottom to top
    ax.set_xlabel("hidden layer")
    ax.set_xticks(layers)
    ax.grid(alpha=0.3)
axes[0].set_ylabel("root mean square")
handles, labels = axes[0].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=2, title="initialization")
plt.show()

# %%
# In the lower layers tanh still bends, so that factors are a little below :math:`1/\sqrt 3`: 5 % are
# allowed, which over nine steps is a factor of 1.5. From layer to layer the weights that happen to
# be drawn matter by :math:`\sqrt{2 / 200}`, so that dW spreads by 10 % a layer: less than a factor
# of 1.5.

up, down, product = (rms["standard", name] for name in ("Y", "dZ", "dW"))
for name, ratio in (("Y", (up[-1] / up[3]) ** (1 / 6)), ("dZ", (down[0] / down[-1]) ** (1 / 9))):
    check(f"standard, {name}, factor per layer", "0.577", ratio, abs(ratio * 3**0.5 - 1) < 0.05)
fall = down[-1] / down[0]
check("standard, dZ, last layer over first", "140, up to 220", fall, 140 < fall < 220)
for init in STYLES:
    square = rms[init, "dW"][1:]
    spread = square.max() / square.min()
    check(f"{init}, dW, largest over smallest", "below 1.5", spread, spread < 1.5)

ratio = (rms["glorot", "dW"][1:] / rms["standard", "dW"][1:]).min()
check("dW, glorot over standard, in every layer", "above 50", ratio, ratio > 50)

# %%
# The product is exact but for one factor: what samples have in common. That depends on the data,
# and hardly on the layer.

shared = product[1:] / (up[:-1] * down[1:])
spread = shared.max() / shared.min()
check("standard, dW / (Y dZ), largest over smallest", "below 1.3", spread, spread < 1.3)

# %%
# In training
# -----------
# **Expected**: with weight gradients a hundred times too small in *every* layer, nothing is learned
# at a rate at which the other network trains at once. The loss stays at the entropy of ten equal
# classes, :math:`\log 10`.

EPOCHS = 8
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for init, (colour, marker) in STYLES.items():
    trainer = Trainer(make(init), SGD(0.01), batch_size=10, n_iter_no_change=EPOCHS)
    trainer.fit(X, t, callbacks=[lambda trainer: trainer.n_epochs == EPOCHS])
    loss = trainer.loss_curve
    ax.semilogy(range(1, EPOCHS + 1), loss, marker + "-", color=colour, label=init)
    low, high = {"standard": (2.2, 2.4), "glorot": (0.0, 0.2)}[init]
    expected = f"{low} to {high}"
    check(f"{init}, loss after {EPOCHS} epochs", expected, loss[-1], low < loss[-1] < high)
ax.axhline(np.log(10), color="0.5", linestyle=":", label="log 10")
ax.set_xlabel("epoch")
ax.set_ylabel("training loss (nats)")
ax.set_xticks(range(1, EPOCHS + 1))
ax.set_yticks([0.05, 0.1, 0.2, 0.5, 1, 2], ["0.05", "0.1", "0.2", "0.5", "1", "2"])
ax.minorticks_off()
ax.grid(alpha=0.3)
ax.legend()
plt.show()

# %%
# **Seen.** Within each network the weight gradients are alike to a few percent, while dZ falls by a
# factor of 180. So compare layers by dZ and by Y, and weight gradients with the *weights*: the
# lab's ``m["update_ratio"]`` is the step over the weight, and about 1/1000 is usual. The paper's
# first and output layer are not square and are no part of this; nor is the first layer here.
#
# **Next.** What happens in training: :ref:`which layer saturates first
# <sphx_glr_auto_examples_course_plot_saturation_order.py>`.
