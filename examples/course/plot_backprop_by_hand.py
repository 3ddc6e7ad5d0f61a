"""
Backpropagation by hand: one batch, forward and backward
========================================================

**Outcome.** Six lines of NumPy give every array that the library computes, forward and backward, and
central differences agree with the gradients to nine digits.

Three samples go through a network of two inputs, three hidden units and two classes. The trace
keeps what is computed on the way; the picture draws it, forward above and backward below. The page
:doc:`/backpropagation` derives the formulas.
"""

import matplotlib.pyplot as plt
import numpy as np

from minnet import Dense, Network, check_gradients

X = np.array([[1.0, 0.5], [-1.0, 1.0], [0.5, -1.0]])
t = np.array([0, 1, 1])
W1 = [[1.0, -0.5, 0.5], [0.5, 1.0, -1.0]]
W2 = [[1.0, -1.0], [-0.5, 0.5], [0.5, 1.0]]
net = Network([Dense(3, "tanh", init=W1), Dense(2, init=W2)]).initialize(n_features=2)
trace = net.trace(X, t)
print(trace)

# %%
# The same in six lines of NumPy
# ------------------------------
# ``P - one_hot`` is the gradient of the cross-entropy of a softmax in its inputs; everything
# else is the chain rule. The arrays are those of the trace.

hidden, output = trace.layers
W1, W2 = np.array(W1), np.array(W2)

Y1 = np.tanh(X @ W1)
Z2 = Y1 @ W2
P = np.exp(Z2) / np.exp(Z2).sum(axis=1, keepdims=True)
dZ2 = (P - np.eye(2)[t]) / 3
dZ1 = dZ2 @ W2.T * (1 - Y1**2)
dW2, dW1 = Y1.T @ dZ2, X.T @ dZ1

for mine, traced in (
    (Y1, hidden["Y"]),
    (Z2, output["Z"]),
    (dZ2, output["dZ"]),
    (dW2, output["dW"]),
    (dZ1, hidden["dZ"]),
    (dW1, hidden["dW"]),
):
    assert np.allclose(mine, traced)
assert np.isclose(trace.loss, -np.log(P[[0, 1, 2], t]).mean())

# %%
# The picture
# -----------
# Violet is negative, orange positive, white zero. Each row has a scale of its own, since
# gradients are smaller than values. Every gradient below has the shape of the array above it.

forward = [
    ("$X$", X, "samples", "inputs"),
    ("$W_1$", W1, "inputs", "hidden units"),
    (r"$Y_1 = \tanh(X W_1)$", Y1, "samples", "hidden units"),
    ("$W_2$", W2, "hidden units", "classes"),
    ("$Z_2 = Y_1 W_2$", Z2, "samples", "classes"),
]
backward = [
    None,
    ("$dW_1 = X^T dZ_1$", dW1, "inputs", "hidden units"),
    (r"$dZ_1 = dZ_2 W_2^T \odot (1 - Y_1^2)$", dZ1, "samples", "hidden units"),
    ("$dW_2 = Y_1^T dZ_2$", dW2, "hidden units", "classes"),
    ("$dZ_2 = (P - T) / 3$", dZ2, "samples", "classes"),
]

fig, axes = plt.subplots(2, 5, figsize=(13.5, 6), layout="constrained")
fig.get_layout_engine().set(wspace=0.1)
for row, panels, direction in zip(axes, (forward, backward), ("forward", "backward"), strict=True):
    limit = max(np.abs(panel[1]).max() for panel in panels if panel)
    for ax, panel in zip(row, panels, strict=True):
        if panel is None:
            ax.axis("off")
            ax.text(0.5, 0.5, "no gradient is\nneeded for the data", ha="center", va="center")
            continue
        title, A, rows, columns = panel
        image = ax.imshow(A, cmap="PuOr_r", vmin=-limit, vmax=limit)
        for (i, j), value in np.ndenumerate(A):
            colour = "white" if abs(value) > 0.6 * limit else "black"
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour)
        ax.set_title(title, fontsize=11)
        ax.set_xlabel(columns)
        ax.set_ylabel(rows)
        ax.set_xticks(range(A.shape[1]))
        ax.set_yticks(range(A.shape[0]))
    fig.colorbar(image, ax=row, label=f"value ({direction})", shrink=0.8)
plt.show()

# %%
# Is it right?
# ------------
# Central differences of the loss decide, for each array of parameters:

result = check_gradients(net, X, t)
print(result)
assert result.ok

# %%
# **Next.** Change ``W1`` to equal columns, and look at the columns of ``dW1``: :ref:`why weights must
# differ <sphx_glr_auto_examples_course_plot_symmetry.py>`.

# ruff: noqa: N816 (the names of the formulas)
