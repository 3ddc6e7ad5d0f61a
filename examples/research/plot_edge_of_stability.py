r"""
The edge of stability
=====================

**Outcome.** Gradient descent on the whole data raises the largest eigenvalue of the Hessian from 2.6 to
:math:`2 / \eta`, 8 at rate 0.25 and 4 at rate 0.5, and keeps it there: over the last 400 steps it is 8.01
and 3.99 on average, while the loss falls on. Where it ends is the rate's doing, not the network's.

A step of gradient descent multiplies the distance from a minimum along an eigenvector of the Hessian
by :math:`1 - \eta \lambda`. **Expected**: as long as the largest eigenvalue :math:`\lambda`, the
sharpness, is below :math:`2 / \eta` steps shrink that distance; above it they grow, overshooting from
side to side. A theory of quadratic functions ends there. Cohen, Kaur, Li, Kolter and Talwalkar (2021,
"Gradient descent on neural networks typically occurs at the edge of stability") saw what networks do:
they sharpen until they reach the line, and then train along it, with losses that fall, but not at each
step.

:class:`minnet.lab.Probe` finds the sharpness through training, by Lanczos' iteration on products of the
Hessian with vectors, and :func:`minnet.lab.stability_limit` the line, for momentum and Adam too.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from minnet import SGD, Dense, Network, Trainer
from minnet.lab import Probe, hessian
from minnet.lab.displays import SharpnessDisplay, SpectralDensityDisplay

RATES = (0.25, 0.5)
N_STEPS = 1400

images, labels = load_digits(return_X_y=True)
X = images[:200] / 16
X -= X.mean(axis=0)
T = np.eye(10)[labels[:200]] - 0.1


def started():
    layers = [*(Dense(24, "tanh") for _ in range(5)), Dense(10)]
    return Network(layers, "squared_error", init="standard").initialize(64, random_state=0)


def trained(rate):
    network, probe = started(), Probe(X, T, steps=50, sharpness=True)
    trainer = Trainer(network, SGD(rate), batch_size=200, n_iter_no_change=np.inf)
    trainer.fit(X, T, max_epochs=10**6, callbacks=[probe, lambda t: t.n_epochs == N_STEPS])
    return network, trainer, probe.recording


runs = {rate: trained(rate) for rate in RATES}

# %%
# Up to the line, and along it
# ----------------------------
# The dashed lines are :math:`2 / \eta`. Both networks begin at the same weights. The one of the smaller
# rate goes on sharpening where the other has come to its line; where it first goes beyond, the loss has
# spikes, and the steps carry it back to where it is flatter.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for rate, (_, trainer, recording) in runs.items():
    SharpnessDisplay.from_recording(recording, ax=left, label=f"rate {rate}")
    right.plot(trainer.loss_curve, linewidth=1.2, color=left.get_lines()[-2].get_color())
    at_the_end = recording.sharpness[-8:]
    print(
        f"rate {rate}: sharpness {recording.sharpness[0]:.2f} at the start, limit {2 / rate:g}, over the "
        f"last 400 steps {at_the_end.mean():.2f} on average, at most {at_the_end.max():.2f}"
    )
    assert abs(at_the_end.mean() * rate / 2 - 1) < 0.1
right.set(xlabel="training step", ylabel="loss", yscale="log")
right.spines[["top", "right"]].set_visible(False)

# %%
# The loss at the edge
# --------------------
# Before the line the loss falls in each step; from then on it rises in some, 6 % and 11 % of them, and
# still falls over many. That is no sign of a rate that is too high.

for rate, (_, trainer, recording) in runs.items():
    losses = np.array(trainer.loss_curve)
    reached = recording.steps[np.argmax(recording.sharpness > 0.97 * 2 / rate)]
    rises = np.diff(losses[reached:]) > 0
    print(
        f"rate {rate}: the line is reached about step {reached}; before it the loss rose in "
        f"{np.mean(np.diff(losses[:reached]) > 0):.0%} of the steps, after it in {rises.mean():.0%}, "
        f"and fell from {losses[reached]:.3f} to {losses[-1]:.4f}"
    )
    assert losses[-1] < 0.7 * losses[reached]

# %%
# A few directions are steep
# --------------------------
# The spectrum at the end, by stochastic Lanczos quadrature (as PyHessian has it): most of the 4,210
# directions are flat, and a handful is steep. The trace over the number of parameters is their mean.

H = hessian(runs[0.25][0], X, T)
display = SpectralDensityDisplay.from_density(H.density(n_vectors=4, n_iter=40))
trace = H.trace(50)
print(H)
print("largest eigenvalues:", H.eigenvalues(5).round(2))
print(
    f"mean eigenvalue: {trace.value / H.n_parameters:.4f} ± {trace.standard_error / H.n_parameters:.4f}"
)
plt.show()

# %%
# **Next.** :doc:`/laboratory` says what each number is, and what it costs.
