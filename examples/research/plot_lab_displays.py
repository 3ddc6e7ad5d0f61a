r"""
The pictures of the laboratory
==============================

**Outcome.** A dozen pictures, a line of code for each, show that five layers of tanh from the standard
initialization pass down a tenth of their gradients, and that theory knew: of twenty networks 98 layers in
100 are in its band.

The pictures of :mod:`minnet.lab.displays`, of one network: five hidden layers of 100 units with tanh, on
images of digits. ``from_estimator`` measures and draws in one call; the estimator may be fitted or not,
and a :class:`minnet.Network` does as well. Those of the Hessian and of grids of settings have pages of
their own: :ref:`sharpness <sphx_glr_auto_examples_research_plot_edge_of_stability.py>`, :ref:`sweeps
<sphx_glr_auto_examples_research_plot_sweep.py>`.

``init="standard"`` is the initialization that Glorot & Bengio (2010) start from. In each layer it
takes two thirds of the variance, and most of the pictures show what follows from that.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from sklearn.datasets import load_digits, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.preprocessing import scale

from minnet import Dense, MinNetClassifier, Network
from minnet.lab import Probe
from minnet.lab.displays import (
    ActivationHistogramDisplay,
    FirstLayerWeightsDisplay,
    GradientHistogramDisplay,
    LearningRateDisplay,
    LossCurveDisplay,
    LossSurfaceDisplay,
    PhaseDiagramDisplay,
    SaturationDisplay,
    SingularValuesDisplay,
    UpdateRatioDisplay,
    VarianceByDepthDisplay,
)

warnings.simplefilter("ignore", ConvergenceWarning)  # twelve epochs, on purpose

X, y = load_digits(return_X_y=True)
X = scale(X)


def network(init):
    return MinNetClassifier(
        (100,) * 5,
        activation="tanh",
        init=init,
        bias_init="zeros",
        solver="sgd",
        learning_rate_init=0.05,
        batch_size=20,
        max_iter=12,
        n_iter_no_change=12,
        early_stopping=True,
        random_state=0,
    )


standard, glorot = network("standard"), network("glorot")

# %%
# Activations, layer by layer
# ---------------------------
# Each layer's activations are closer to zero than those of the layer before. Each row has a height of its
# own; the standard deviation is at its right.

fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for ax, estimator in zip(axes, (standard, glorot), strict=True):
    display = ActivationHistogramDisplay.from_estimator(estimator, X, y, ax=ax)
    ax.set_title(f"init={estimator.init!r}", loc="left")
    assert (np.diff(display.sd) < 0).all()
plt.show()

# %%
# Gradients, layer by layer
# -------------------------
# Going back, the gradients by pre-activations shrink in the same way: with the standard initialization
# little arrives at the first layer. The gradients by weights (``quantity="dW"``) do not show it: a
# small gradient meets large activations below, a large one small activations above.

fig, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
back = GradientHistogramDisplay.from_estimator(standard, X, y, ax=axes[0])
weights = GradientHistogramDisplay.from_estimator(standard, X, y, quantity="dW", ax=axes[1])
plt.show()
assert back.sd[-1] > 5 * back.sd[0]
assert weights.sd.max() < 2 * weights.sd.min()

# %%
# Variance by depth, measured and predicted
# -----------------------------------------
# The line is mean-field theory for these layers, widths and initializers; the band has two standard
# errors of networks that are 100 units wide. Nothing is fitted to the points. One network is one draw:
# ``n_networks=20`` draws 19 more, the thin lines, and counts how many layers are in the band.

fig, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
for column, estimator in zip(axes.T, (standard, glorot), strict=True):
    for ax, direction in zip(column, ("forward", "backward"), strict=True):
        display = VarianceByDepthDisplay.from_estimator(
            estimator, X[:300], y[:300], direction=direction, n_networks=20, ax=ax
        )
        print(f"{estimator.init}, {direction}: {display.share_in_band(direction):.0%} in the band")
        assert display.share_in_band(direction) > 0.8
    column[0].set_title(f"init={estimator.init!r}", loc="left")
plt.show()

# %%
# Singular values of the layers' Jacobians
# ----------------------------------------
# How a layer stretches the directions of its input, and what large random matrices have with tanh's
# slopes in them. With ``law="weights"`` the line is the law of the weights alone, a quarter circle where
# they are square, from which the slopes take.

SingularValuesDisplay.from_estimator(glorot, X, y)
plt.show()

# %%
# Where the network is among all
# ------------------------------
# Left of the thick line gradients vanish with depth, right of it they explode; the stars are the
# layers of the network. ``glorot`` without biases is at the end of the line, where tanh is critical.

fig, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for ax, estimator in zip(axes, (standard, glorot), strict=True):
    display = PhaseDiagramDisplay.from_estimator(estimator, X, y, ax=ax)
    ax.set_title(f"init={estimator.init!r}: gradient factor $\\chi_1$ of a layer", loc="left")
    size = (1 / 3) ** 0.5 if estimator is standard else 1.0
    assert abs(display.points[:, 0].mean() - size) < 0.05
plt.show()

# %%
# Which learning rate
# -------------------
# A copy of the network makes 200 steps, each at a higher rate than the one before. Below the rates that
# are of use the loss stays, above them it rises; a tenth of the rate where it is least is suggested. Six
# epochs at that rate get far below what a hundredth of it reaches.

display = LearningRateDisplay.from_estimator(glorot, X, y)
plt.show()
last = {
    part: network("glorot")
    .set_params(learning_rate_init=part * display.test.suggestion, max_iter=6, early_stopping=False)
    .fit(X, y)
    .loss_
    for part in (1, 0.01)
}
print(f"loss at {display.test.suggestion:.2g}: {last[1]:.3f}, at a hundredth: {last[0.01]:.3f}")
assert last[1] < 0.3 * last[0.01]

# %%
# Saturation through training
# ---------------------------
# A :class:`minnet.lab.Probe` measures the same 300 images every 20 steps while the network trains.
# ``kind="activations"`` draws the paper's figure 3: standard deviations, and 98th percentiles as points.

probes = {}
for estimator in (standard, glorot):
    probes[estimator.init] = Probe(X[:300], y[:300], steps=20)
    estimator.set_callbacks(probes[estimator.init]).fit(X, y)
recording = probes["glorot"].recording
fig, axes = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
SaturationDisplay.from_recording(recording, ax=axes[0])
SaturationDisplay.from_recording(recording, kind="activations", ax=axes[1])
axes[0].get_legend().remove()
plt.show()

# %%
# The size of the steps
# ---------------------
# Beside that of the weights, layer by layer: a common rule is a thousandth, the dashed line. From the
# standard initialization the hidden layers set out with a fifth of the steps that they have from Glorot's.

fig, axes = plt.subplots(1, 2, figsize=(12, 4), sharey=True, layout="constrained")
first = {}
for ax, (init, probe) in zip(axes, probes.items(), strict=True):
    display = UpdateRatioDisplay.from_recording(probe.recording, ax=ax)
    ax.set_title(f"init={init!r}", loc="left")
    first[init] = display.values[0, :5].mean()
    print(f"{init}: hidden layers at the start {first[init]:.4f}")
axes[0].get_legend().remove()
plt.show()
assert first["standard"] < first["glorot"] / 4

# %%
# Learning curves
# ---------------
# The losses of several estimators, and below them the scores on the part that early stopping sets aside.
# What the standard initialization loses at the start is seen in both.

LossCurveDisplay.from_estimator({"standard": standard, "glorot": glorot}, log=True)
plt.show()
assert standard.loss_curve_[0] > glorot.loss_curve_[0]

# %%
# The weights of the first layer
# ------------------------------
# The incoming weights of a unit, in the places of the pixels: what the unit looks for. Pixels that are
# blank in all images keep the weights that they were given at the start.

FirstLayerWeightsDisplay.from_estimator(glorot, n_images=16)
plt.show()

# %%
# The loss over two weights
# -------------------------
# Figure 5 of the paper: random inputs and targets, one unit with tanh, a weight of each layer varied. The
# quadratic cost on the same probabilities has plateaus where the cross-entropy still leads downhill.

rng = np.random.default_rng(0)
inputs, targets = rng.normal(size=(20, 1)), rng.integers(2, size=20)
small = Network([Dense(1, "tanh"), Dense(2)], init="glorot").initialize(1, random_state=0)
display = LossSurfaceDisplay.from_estimator(
    small, inputs, targets, loss=["log_loss", "squared_error"], span=6, kind="surface"
)
plt.show()


def flat(loss):
    """Return the share of the plane with less than a tenth of the steepest slope."""
    slope = np.hypot(*np.gradient(loss, display.y, display.x))
    return np.mean(slope < 0.1 * slope.max())


shares = {name: flat(loss) for name, loss in display.losses.items()}
print("flat:", {name: f"{share:.0%}" for name, share in shares.items()})
assert shares["quadratic cost"] > 1.3 * shares["cross-entropy"]

# %%
# Decision boundaries
# -------------------
# scikit-learn draws them, for minnet's estimators as for its own. Points are the data, areas the
# prediction: white where it is undecided.

X_moons, y_moons = make_moons(300, noise=0.2, random_state=0)
moons = MinNetClassifier((30, 30), "tanh", solver="lbfgs", alpha=1.0, random_state=0)
moons.fit(X_moons, y_moons)
colors = "#0072B2", "#D55E00"
between = LinearSegmentedColormap.from_list("between", (colors[0], "white", colors[1]))
display = DecisionBoundaryDisplay.from_estimator(
    moons, X_moons, response_method="predict_proba", cmap=between, vmin=0, vmax=1, alpha=0.6
)
for moon, color in enumerate(colors):
    points = X_moons[y_moons == moon].T
    display.ax_.scatter(
        *points, color=color, edgecolor="white", linewidth=0.6, label=f"class {moon}"
    )
bar = display.figure_.colorbar(display.surface_, label="probability of class 1")
bar.set_ticks([0, 0.25, 0.5, 0.75, 1])
display.ax_.set(xlabel="first feature", ylabel="second feature")
display.ax_.legend()
plt.show()

# %%
# **Next.** :doc:`/laboratory` says what each number is; ``diagnose(standard, X, y)`` says it in words.

# sphinx_gallery_thumbnail_number = 4
