r"""
Dropout breaks symmetry, slowly
===============================

**Outcome.** With dropout eight equal units drift apart like a random walk. For a hundred steps they differ
by less than a tenth of what random weights do, and the loss stays at chance; after 4000 it is that of a
random start. Without dropout they are equal for ever.

Units that start equal stay equal (:ref:`symmetry <sphx_glr_auto_examples_course_plot_symmetry.py>`),
unless something treats them differently. Dropout does: in each step every unit has a mask of its own.

**Expected.** Eight tanh units whose weights all have the same size, dropped with probability :math:`p` in
batches of :math:`B`. At first all classes get the same logit, so that the error is :math:`e_s = 1/10 -
t_s` whatever the masks, and the weights that go out from unit :math:`j` get the gradient

.. math:: dv_j = \frac 1 B \sum_s \frac{m_{js}}{1 - p}\, h_s\, e_s, \qquad
          E \left| dv_j - dv_k \right|^2 = \frac{2 p}{1 - p} \, \frac{1}{B} \, E[h^2 |e|^2] ,

with :math:`m_{js} = 1` with probability :math:`1 - p`, else 0. From step to step masks are independent:
the differences are a random walk and grow like :math:`\sqrt t`. The gradient by the weights that come in
is a product of these with errors; it starts at 0, and what adds up there grows like :math:`t^{3/2}`.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Dense, Dropout, Network, Trainer
from minnet.callbacks import Callback

X, t = load_digits(return_X_y=True)
X = StandardScaler().fit_transform(X)
UNITS, RATE, BATCH, EPOCHS, P, SEEDS = 8, 0.05, 60, 134, 0.5, (0, 1, 2)  # 30 steps an epoch
STEPS = np.unique(np.geomspace(1, 4000, 30).astype(int))
# Initializer, rate of dropout, colour, marker.
STARTS = {
    "equal": (0.1, 0.0, "#E69F00", "v"),
    "equal, dropout": (0.1, P, "#D55E00", "s"),
    "random": ("glorot", 0.0, "#009E73", "^"),
    "random, dropout": ("glorot", P, "#0072B2", "o"),
}


def distance(weights):
    """Return the root mean square distance of the weights of two units, which are the rows."""
    square = np.square(weights[:, None] - weights[None]).sum(axis=-1)
    return np.sqrt(square[np.triu_indices(UNITS, 1)].mean())


def effective_rank(weights):
    """Return how many equal singular values would have the entropy of these (Roy & Vetterli 2007)."""
    values = np.linalg.svd(weights, compute_uv=False)
    shares = values[values > 1e-9 * values[0]] / values.sum()
    return np.exp(-np.sum(shares * np.log(shares)))


class Watch(Callback):
    """Notes distances of units, the rank of the first layer and the loss without dropout."""

    def __init__(self):
        self.seen = []

    def next_step(self, trainer):
        """Return at which step to look."""
        return next((step for step in STEPS if step > trainer.n_steps), None)

    def at_step(self, trainer):
        """Look."""
        first, last = trainer.network.layers[0], trainer.network.layers[-1]
        coming, going = first.W.T, last.W
        figures = distance(going), distance(coming), effective_rank(coming)
        self.seen.append((*figures, trainer.network.objective(X, t)))


def train(init, p, seed):
    """Return what is seen, a row for each of STEPS."""
    layers = [Dense(UNITS, "tanh"), Dropout(p), Dense(10)]
    network = Network(layers, init=init, bias_init="zeros").initialize(64, random_state=seed)
    watch = Watch()
    trainer = Trainer(network, SGD(RATE), batch_size=BATCH, n_iter_no_change=np.inf, n_threads=1)
    trainer.fit(
        X, t, max_epochs=EPOCHS, callbacks=[watch, lambda trainer: trainer.n_epochs == EPOCHS]
    )
    return watch.seen


runs = {
    name: np.array([train(init, p, seed) for seed in SEEDS])
    for name, (init, p, *_) in STARTS.items()
}

# %%
# How units come apart
# --------------------
# Eight equal units with dropout, three seeds. The lines are the formula, and a slope of 3/2; dotted is
# where random weights are. Without dropout the distance is 0, to the last bit, and has no place here.

going, coming, rank, loss = np.moveaxis(runs["equal, dropout"], -1, 0)
h = np.tanh(0.1 * X.sum(axis=1))
walk = RATE * np.sqrt(STEPS * 2 * P / (1 - P) / BATCH * np.mean(h**2) * 0.9)  # |e|^2 = 0.9
early = STEPS <= 30

fig, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharex=True, sharey=True, layout="constrained")
for ax, values, line, label, column, title in (
    (axes[0], going, walk, r"random walk, $\sqrt{t}$", 0, "weights that go out"),
    (
        axes[1],
        coming,
        coming[:, 3].mean() * (STEPS / STEPS[3]) ** 1.5,
        "$t^{3/2}$",
        1,
        "that come in",
    ),
):
    values = np.where(values > 0, values, np.nan)  # the first step leaves these weights as they are
    ax.loglog(STEPS, values.T, color="#D55E00", linewidth=0.7)
    ax.loglog(STEPS, values.mean(axis=0), "s", color="#D55E00", label="equal, dropout")
    ax.loglog(STEPS[STEPS < 150], line[STEPS < 150], color="0.2", label=label)
    random = runs["random, dropout"][:, 0, column].mean()
    ax.axhline(random, color="#0072B2", linestyle=":", label="random, at the start")
    ax.set_title(title, loc="left", fontsize=11)
    ax.set_xlabel("step")
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, loc="lower right")
axes[0].set(ylabel="distance of two units", ylim=(5e-5, 10))
plt.show()

error = np.abs(going[:, early].mean(axis=0) / walk[early] - 1).max()
print(
    f"weights that go out, to step 30: expected the random walk, measured within {error:.0%} of it"
)
assert error < 0.2
slope = np.polyfit(np.log(STEPS[early][2:]), np.log(coming[:, early][:, 2:].mean(axis=0)), 1)[0]
print(f"weights that come in: expected a power of 1.5, measured {slope:.2f}")
assert abs(slope - 1.5) < 0.3
still = runs["equal"][..., :2].max()
print(f"without dropout: expected a distance of 0 after {STEPS[-1]} steps, measured {still}")
assert still == 0

# %%
# What that costs
# ---------------
# The loss is that of all images, without dropout. The effective rank tells how many different units the
# first layer has.

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), sharex=True, layout="constrained")
for name, (_, _, colour, marker) in STARTS.items():
    style = {"color": colour, "marker": marker, "markersize": 4, "label": name}
    left.plot(STEPS, runs[name][..., 3].mean(axis=0), **style)
    right.plot(STEPS, runs[name][..., 2].mean(axis=0), **style)
left.set(ylabel="training loss (nats), mean of three seeds", ylim=(0, None))
right.set(ylabel="effective rank of the first layer", ylim=(0, 8.5))
for ax in (left, right):
    ax.set(xscale="log", xlabel="step")
    ax.grid(alpha=0.3)
left.legend(frameon=False, loc="lower left")
plt.show()


def steps_to(name, goal=1.5):
    """Return the step at which each seed's loss was first below a goal, or infinity."""
    below = runs[name][..., 3] < goal
    return np.where(below.any(axis=1), STEPS[below.argmax(axis=1)], np.inf)


soon, late = (steps_to(name) for name in ("random, dropout", "equal, dropout"))
print(f"steps to a loss of 1.5: random, dropout {soon}; equal, dropout {late}: expected later")
assert late.min() > 2 * soon.max()
last = {name: values[:, -1, 3].mean() for name, values in runs.items()}
print("loss at the end:", {name: round(float(value), 2) for name, value in last.items()})
assert abs(last["equal, dropout"] / last["random, dropout"] - 1) < 0.1

# %%
# **Seen.** A random walk of the masks is enough to bring units apart: differences, once there, grow by
# themselves, for units that do different things get different gradients. It takes hundreds of steps in
# which eight units do the work of one; random weights are there at step 0. Dropout is no initialization.
#
# **Next.** What dropout is for: :ref:`wrong labels
# <sphx_glr_auto_examples_remedies_plot_dropout_and_clipping.py>`.
