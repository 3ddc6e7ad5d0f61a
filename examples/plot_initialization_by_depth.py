r"""
Initialization by depth: measured and predicted
===============================================

Why does a deep network not train? Often the answer can be seen before the first step:
activations or gradients shrink, or grow, by a factor in each layer. Here they are measured in
twelve layers for two activations and three initializations, and compared with what the formulas
predict.
"""

import matplotlib.pyplot as plt
import numpy as np

from minnet import Dense, Network
from minnet.initializers import get_initializer

DEPTH, WIDTH, N_SAMPLES = 12, 400, 250
INITIALIZATIONS = ("standard", "glorot", "he")
# Okabe and Ito's colours, told apart by colour-blind readers; markers tell in grey.
STYLES = {"standard": ("#D55E00", "o"), "glorot": ("#0072B2", "s"), "he": ("#009E73", "^")}

# %%
# Prediction
# ----------
# In a wide layer the pre-activations are sums of many independent terms, hence normal, with
# variance :math:`q_l = n \operatorname{Var}(W) \, E[y_{l-1}^2]`. The second moment of the
# outputs is then an integral,
#
# .. math:: E[y_l^2] = \int f(\sqrt{q_l}\, z)^2 \varphi(z)\, dz ,
#
# which gives the next variance, and so on. Going back, the variance of a derivative is
# multiplied by :math:`\chi_l = n \operatorname{Var}(W) \int f'(\sqrt{q_l}\, z)^2 \varphi(z)\,
# dz` in each layer.

z = np.linspace(-10, 10, 8001)
density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])


def predict(activation, init):
    """Return for each layer the sd of the outputs, and the gradients relative to the top layer."""
    factor = WIDTH * get_initializer(init).variance(WIDTH, WIDTH)
    second_moment, sds, chis = 1.0, [], []
    for _ in range(DEPTH):
        q = factor * second_moment
        y = activation(np.sqrt(q) * z)
        second_moment, mean = (y**2 * density).sum(), (y * density).sum()
        sds.append(np.sqrt(second_moment - mean**2))
        chis.append(factor * (activation.derivative(np.sqrt(q) * z, y) ** 2 * density).sum())
    # dZ of layer l is dZ of the layer above, through its weights, times f' of layer l.
    gradients = [1.0]
    for chi in chis[-2::-1]:
        gradients.insert(0, gradients[0] * np.sqrt(chi))
    return np.array(sds), np.array(gradients)


# %%
# Measurement
# -----------
# :meth:`minnet.Network.trace` has every array of one pass, forward (``Y``) and backward
# (``dZ``). The inputs are standard normal numbers. A last layer of linear units sends
# gradients back; its targets are random, and so large that they alone decide what the gradient
# is at the top.


def measure(activation, init):
    """Return the network's activation, and for each layer the sd of Y and the rms of dZ."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_SAMPLES, WIDTH))
    T = 100 * rng.normal(size=(N_SAMPLES, WIDTH))
    hidden = [Dense(WIDTH, activation) for _ in range(DEPTH)]
    network = Network([*hidden, Dense(WIDTH)], loss="squared_error", init=init)
    trace = network.initialize(WIDTH, random_state=0).trace(X, T)
    layers = trace.layers[:-1]
    sds = np.array([layer["Y"].std() for layer in layers])
    gradients = np.array([np.sqrt(np.square(layer["dZ"]).mean()) for layer in layers])
    return network.layers[0].activation, sds, gradients / gradients[-1]


fig, axes = plt.subplots(2, 2, figsize=(10, 7.5), sharex=True, sharey="row", layout="constrained")
layers = np.arange(1, DEPTH + 1)
results = {}
for column, activation in zip(axes.T, ("tanh", "relu"), strict=True):
    for init in INITIALIZATIONS:
        colour, marker = STYLES[init]
        f, *measured = measure(activation, init)
        predicted = predict(f, init)
        results[activation, init] = measured, predicted
        for ax, points, line in zip(column, measured, predicted, strict=True):
            ax.semilogy(layers, points, marker, color=colour, label=f"{init}, measured")
            ax.semilogy(layers, line, "-", color=colour, linewidth=1.2, label=f"{init}, predicted")
    column[0].set_title(activation, loc="left", fontweight="bold")
    column[1].set_xlabel("hidden layer")
    column[1].set_xticks(layers)
axes[0, 0].set_ylabel("activations:\nstandard deviation")
axes[1, 0].set_ylabel("gradients dZ: root mean square,\nrelative to layer 12")
for ax in axes.flat:
    ax.grid(alpha=0.3)
handles, labels = axes[0, 0].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=3)
fig.suptitle(f"{DEPTH} layers of {WIDTH} units just after initialization", fontsize=11)
plt.show()

# %%
# What to see
# -----------
# With tanh, ``standard`` has :math:`n \operatorname{Var} W = 1/3`, and everything shrinks by
# :math:`\sqrt{1/3} = 0.58` a layer, up as well as down: after twelve layers a thousandth is
# left. ``glorot`` has :math:`n \operatorname{Var} W = 1`: both fall slowly, since tanh bends,
# and less the smaller they are. ``he``, made for ReLU, is too large for tanh to fall:
# activations settle at a spread of about 0.6, where units begin to saturate.
#
# With ReLU, which halves the second moment, ``he`` is flat in both directions, and ``glorot``
# loses a factor of :math:`\sqrt{1/2}` a layer. The prediction is for infinite width: with 400
# units ReLU's points stray from it by up to a fifth. (``standard`` and ``glorot`` stray alike,
# since they are the same random numbers times a factor.)

for (activation, init), (measured, predicted) in results.items():
    for points, line in zip(measured, predicted, strict=True):
        assert np.all(np.abs(np.log(points / line)) < 0.3), (activation, init)

sds, _ = results["tanh", "standard"][0]
assert abs((sds[-1] / sds[5]) ** (1 / 6) - 3**-0.5) < 0.03
sds, _ = results["relu", "he"][0]
assert 0.5 < sds[-1] / sds[0] < 2
sds, _ = results["relu", "glorot"][0]
assert abs((sds[-1] / sds[0]) ** (1 / 11) - 2**-0.5) < 0.05
