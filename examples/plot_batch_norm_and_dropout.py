"""
Batch normalization rescues a bad initialization
================================================

Eight layers of tanh units, started with weights that are much too small. Without help nothing
comes through and nothing is learned. With batch normalization before each activation the same
weights train, since it divides the scale of the weights out again. Dropout is the other layer
that acts differently in training; it does not help here, and the last part shows what it does.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from minnet import SGD, BatchNorm, Dense, Dropout, Network, Trainer
from minnet.initializers import Normal

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
scaler = StandardScaler().fit(X)
X, X_test = scaler.transform(X).astype("float32"), scaler.transform(X_test).astype("float32")

DEPTH, WIDTH, EPOCHS = 8, 32, 15
bad = Normal(std=0.01)

plain = [Dense(WIDTH, "tanh") for _ in range(DEPTH)]
# Dense alone is linear: the activation comes after the normalization.
normalized = [layer for _ in range(DEPTH) for layer in (Dense(WIDTH), BatchNorm("tanh"))]

MODELS = {
    "bad init": (plain, bad, "#D55E00", "o"),
    "bad init, batch norm": (normalized, bad, "#0072B2", "s"),
    "glorot": (plain, "glorot", "#009E73", "^"),
    "glorot, batch norm": (normalized, "glorot", "#CC79A7", "x"),
}

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
accuracy = {}
for name, (hidden, init, colour, marker) in MODELS.items():
    net = Network([*hidden, Dense(10)], init=init).initialize(64, random_state=0, dtype="float32")
    trace = net.trace(X[:200], y[:200])
    tanh = [getattr(layer, "activation", None) == plain[0].activation for layer in net.layers]
    sds = [arrays["Y"].std() for arrays, is_tanh in zip(trace.layers, tanh, strict=True) if is_tanh]
    left.semilogy(range(1, DEPTH + 1), sds, marker=marker, color=colour, label=name)

    trainer = Trainer(net, SGD(0.01, momentum=0.9), batch_size=32, n_iter_no_change=EPOCHS)
    trainer.fit(X, y, callbacks=[lambda trainer: trainer.n_epochs == EPOCHS])
    epochs = range(1, EPOCHS + 1)
    right.semilogy(epochs, trainer.loss_curve, marker=marker, color=colour, label=name)
    accuracy[name] = (net.predict(X_test).argmax(axis=1) == y_test).mean()
    print(f"{name:22} test accuracy {accuracy[name]:.3f}")

left.set_title("Before training", loc="left", fontsize=11)
left.set_xlabel("hidden layer")
left.set_ylabel("standard deviation of the activations")
left.set_xticks(range(1, DEPTH + 1))
right.axhline(np.log(10), color="black", linestyle=":", linewidth=1)
place = {"xy": (EPOCHS, np.log(10)), "xytext": (0, 7), "textcoords": "offset points"}
right.annotate("knowing nothing: log 10", ha="right", fontsize=9, **place)
right.set_ylim(top=5)
right.set_title("Training", loc="left", fontsize=11)
right.set_xlabel("epoch")
right.set_ylabel("training loss (nats)")
for ax in (left, right):
    ax.grid(alpha=0.3)
handles, labels = left.get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=4)
plt.show()

# %%
# Without normalization the activations fall from layer to layer by a factor of about 18 (the
# standard deviation of a sum of 32 weights of 0.01 is 0.057), down to :math:`10^{-10}`; a
# network of such layers predicts the frequencies of the classes and no more. With it every
# layer has the same spread, whichever the weights, and the network learns: not as fast as from
# a good initialization, which batch normalization does not replace.

assert accuracy["bad init"] < 0.2
assert accuracy["bad init, batch norm"] > 0.85
assert accuracy["glorot"] > 0.9

# %%
# Dropout
# -------
# In training, ``Dropout(rate)`` sets each of its inputs to 0 with probability ``rate`` and
# divides the others by ``1 - rate``, so that the mean stays; in prediction it does nothing. Its
# mask depends on the random key and on the number of samples seen before, not on the size of
# the batches.

net = Network([Dropout(0.25), Dense(1, init="ones")], loss="squared_error")
net.initialize(n_features=8, random_state=0)
ones = np.ones((2000, 8))
dropped = net.trace(ones, np.zeros((2000, 1))).layers[1]["X"]
print("the first samples in training:\n", dropped[:3].round(2))
print(f"kept: {(dropped > 0).mean():.3f}, mean {dropped.mean():.3f}")
assert abs((dropped > 0).mean() - 0.75) < 0.02
assert abs(dropped.mean() - 1) < 0.02
assert np.all(net.predict(ones) == 8)
