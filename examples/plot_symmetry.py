"""
Symmetry: why weights must differ
=================================

Hidden units with equal weights compute the same, get the same gradient, and stay equal for
ever: however many there are, the layer is worth one unit. Random weights break the symmetry. A
network without a hidden layer has none to break, and trains from zeros all the same.
"""

import matplotlib.pyplot as plt
import numpy as np

from minnet import SGD, Dense, Network, Trainer

# Two classes that no straight line separates: the sign of x1 * x2.
rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, size=(400, 2))
t = (X[:, 0] * X[:, 1] > 0).astype(int)

STARTS = {
    "all zeros": "zeros",
    "all equal (0.5)": 0.5,
    "random (glorot)": "glorot",
}


def train(init, epochs=150):
    """Train eight tanh units; return the network, its losses and the input weights by epoch."""
    net = Network([Dense(8, "tanh"), Dense(2)], init=init).initialize(2, random_state=0)
    weights = [net.layers[0].W.copy()]
    trainer = Trainer(net, SGD(0.3, momentum=0.9), batch_size=40, n_iter_no_change=epochs)

    def record(trainer):
        weights.append(net.layers[0].W.copy())
        return trainer.n_epochs == epochs

    trainer.fit(X, t, callbacks=[record])
    return net, trainer.loss_curve, np.array(weights)


# %%
# Each row of the picture is one start. Left, the first weight of each of the eight units by
# epoch: one line where eight lie on top of each other. Right, what the network has learned.

fig, axes = plt.subplots(3, 2, figsize=(9, 10), layout="constrained")
axis = np.linspace(-1, 1, 121)
points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
accuracy, distinct = {}, {}
for (left, right), (name, init) in zip(axes, STARTS.items(), strict=True):
    net, losses, weights = train(init)
    accuracy[name] = (net.predict(X).argmax(axis=1) == t).mean()
    distinct[name] = len(np.unique(weights[-1].round(6), axis=1).T)
    left.plot(weights[:, 0, :], linewidth=1.5, color="#0072B2", alpha=0.7)
    left.set_title(f"{name}: {distinct[name]} different of 8 units", loc="left", fontsize=10)
    left.set_ylabel("weight from $x_1$")
    left.grid(alpha=0.3)
    P = net.predict(points)[:, 1].reshape(121, 121)
    image = right.imshow(P, origin="lower", extent=(-1, 1, -1, 1), cmap="PuOr", vmin=0, vmax=1)
    for label, marker, inside, edge in ((0, "o", "white", "black"), (1, "^", "black", "white")):
        points_of = X[t == label][:60].T
        (line,) = right.plot(*points_of, marker, markersize=5, label=f"class {label}")
        line.set(markerfacecolor=inside, markeredgecolor=edge, markeredgewidth=0.7)
    title = f"accuracy {accuracy[name]:.2f}, loss {losses[-1]:.3f} nats"
    right.set_title(title, loc="left", fontsize=10)
    right.set_ylabel("$x_2$")
    fig.colorbar(image, ax=right, label="probability of class 1")
axes[-1, 0].set_xlabel("epoch")
axes[-1, 1].set_xlabel("$x_1$")
handles, labels = axes[0, 1].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=2)
plt.show()

# %%
# From zeros nothing moves but the output's bias: the output weights are zero, so no gradient
# comes through them, and the hidden outputs are zero, so the output weights get none. Equal
# weights move, all together.

assert distinct == {"all zeros": 1, "all equal (0.5)": 1, "random (glorot)": 8}
assert accuracy["all equal (0.5)"] < 0.8
assert accuracy["random (glorot)"] > 0.95

# %%
# Without a hidden layer
# ----------------------
# A linear classifier starts from zeros without harm: its loss is convex, and the gradients of
# its outputs differ from the first step, since the targets do.

line = (X[:, 0] + 2 * X[:, 1] > 0).astype(int)
linear = Network([Dense(2, init="zeros")]).initialize(2)
trainer = Trainer(linear, SGD(0.5), batch_size=40, n_iter_no_change=100)
trainer.fit(X, line, callbacks=[lambda trainer: trainer.n_epochs == 100])
right = (linear.predict(X).argmax(axis=1) == line).mean()
print(f"linear, from zeros: accuracy {right:.2f}")
assert right > 0.95
