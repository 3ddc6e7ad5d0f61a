r"""
A convex loss does not mind the start
=====================================

**Outcome.** Softmax regression from zeros, from Glorot's weights and from weights of standard deviation 3
goes to the same minimum, that of scikit-learn's ``LogisticRegression``, and every step brings it closer.
With a hidden layer of 16 units the same starts are at losses from 0.01 to 2.3 after as many steps.

**Expected.** The log-loss of a network without hidden layers, with an L2 term, is convex in its
parameters :math:`\theta`. A convex function has one minimum, or a flat valley of them, and a step of
gradient descent at a rate :math:`\eta \le 2 / \lambda_{\max}` takes nothing away from a minimum
(Baillon & Haddad 1977):

.. math:: \lVert \theta_{t+1} - \theta^* \rVert \le \lVert \theta_t - \theta^* \rVert .

So the start costs steps and nothing else. A hidden layer ends that. Its units may change places without a
change of the outputs, so that there are as many minima as orders of units; between them, where units are
equal, are saddles, and zeros are one of these.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Dense, Network, Trainer
from minnet.initializers import Normal

X, y = load_digits(return_X_y=True)
X, y = StandardScaler().fit_transform(X)[:600], y[:600]
ALPHA, STEPS, RATE, HIDDEN = 20.0, 1200, 0.25, 16
STARTS = {
    "zeros": ("zeros", "#D55E00", "o"),
    "Glorot": ("glorot", "#0072B2", "s"),
    "normal, sd 1": (Normal(std=1.0), "#009E73", "^"),
    "normal, sd 3": (Normal(std=3.0), "#CC79A7", "D"),
}


def descend(layers, init, alpha):
    """Return parameters and losses through gradient descent on all images."""
    network = Network([*layers, Dense(10)], init=init, bias_init="zeros", alpha=alpha)
    network.initialize(64, random_state=0)
    seen = [network.params.copy()]

    def note(trainer):
        seen.append(network.params.copy())
        return trainer.n_epochs == STEPS

    options = {"batch_size": len(X), "n_iter_no_change": np.inf, "n_threads": 1}
    trainer = Trainer(network, SGD(RATE), **options)
    trainer.fit(X, y, max_epochs=STEPS, callbacks=[note])
    return network, np.array(seen), trainer.loss_curve


# %%
# The same starts, without and with a hidden layer
# ------------------------------------------------
# Left: the distance to the minimum, found by another program. Right: the loss of a network with 16 units
# of tanh.

found = LogisticRegression(C=1 / ALPHA, tol=1e-8, max_iter=2000).fit(X, y)
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
ends = {}
for name, (init, colour, marker) in STARTS.items():
    style = {"color": colour, "marker": marker, "label": name, "markevery": STEPS // 6}
    network, seen, _ = descend([], init, ALPHA)
    layer = network.layers[0]
    layer.W[:], layer.b[:] = found.coef_.T, found.intercept_
    optimum = network.params
    distances = np.linalg.norm(seen - optimum, axis=1)
    left.semilogy(distances, **style)
    closer = bool(np.all(np.diff(distances) <= 1e-9))
    print(
        f"{name}: distance {distances[0]:.2f} to {distances[-1]:.1e}, closer in every step: {closer}"
    )
    assert closer
    assert distances[-1] < 0.1
    _, _, losses = descend([Dense(HIDDEN, "tanh")], init, 1e-3)
    right.semilogy(losses, **style)
    ends[name] = losses[-1]
left.set_ylabel("distance of the parameters to the minimum")
left.set_title("no hidden layer", loc="left")
right.set_ylabel("training loss (nats)")
right.set_title(f"{HIDDEN} hidden units", loc="left")
for ax in (left, right):
    ax.set_xlabel("step")
    ax.grid(alpha=0.3)
left.legend(frameon=False)
plt.show()

print("with a hidden layer:", {name: round(end, 3) for name, end in ends.items()})
assert max(ends.values()) > 10 * min(ends.values())

# %%
# **Seen.** Initialization is a question of hidden layers. Without them a bad start costs time only, and
# zeros are the best of all: they begin at chance, large weights with answers that are sure and wrong.
#
# **Next.** With them: :ref:`the variance of a layer
# <sphx_glr_auto_examples_course_plot_variance_by_width.py>`.
