"""
Why does my network not train?
==============================

**Outcome.** Six fits that learn little or nothing, for six reasons. ``diagnose`` names each, and
``report.apply()`` mends it: from accuracies of 0.10 to 0.69, and a negative R², to 0.93 and more.

The advice of ``diagnose`` is a change that it has made and measured before it says it. So it can be
applied as it stands: ``report.apply()`` returns a new estimator with the remedy of the first finding.
Expected: the first finding is the cause, which is known here since we broke the fits ourselves, and the
mended fit trains.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning

from minnet import MinNetClassifier, MinNetRegressor
from minnet.lab import diagnose

warnings.simplefilter("ignore", ConvergenceWarning)

digits, digit = load_digits(return_X_y=True)
digits = digits / 16
wine, grape = load_wine(return_X_y=True)

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 8))
signal = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2])

fixed = {"max_iter": 40, "n_iter_no_change": 40, "random_state": 0}

# %%
# What is broken, and what it should be called:
broken = {
    "weights for tanh under six sigmoids": (
        MinNetClassifier((64,) * 6, "logistic", init="glorot", **fixed),
        digits,
        digit,
        "vanishing_backward",
    ),
    "all weights alike": (
        MinNetClassifier((64, 64), init="constant", bias_init="zeros", **fixed),
        digits,
        digit,
        "symmetric_units",
    ),
    "a learning rate of 1": (
        MinNetClassifier((64, 64), learning_rate_init=1.0, **fixed),
        digits,
        digit,
        "learning_rate_too_high",
    ),
    "columns from 0.1 to 1680": (
        MinNetClassifier((64, 64), "tanh", **fixed),
        wine,
        grape,
        "unscaled_inputs",
    ),
    "targets around 1000": (
        MinNetRegressor(hidden_layer_sizes=(64,), learning_rate_init=0.01, **fixed),
        X,
        1000 + signal,
        "unscaled_targets",
    ),
    "a penalty of 100,000": (
        MinNetClassifier((64,), alpha=1e5, **fixed),
        digits,
        digit,
        "too_much_l2",
    ),
}

# %%
# Each is fitted, diagnosed, mended as advised, and fitted again. Warnings of the scale of the data would
# have told two of the causes before.
fig, axes = plt.subplots(2, 3, figsize=(10, 5.6), layout="constrained")
for ax, (name, (model, A, y, code)) in zip(axes.flat, broken.items(), strict=True):
    with warnings.catch_warnings(action="ignore"):
        model.fit(A, y)
        report = diagnose(model, A, y)
        first = report.findings[0]
        mended = report.apply().fit(A, y)
    print(f"\n{name}: {first.code}\n{first}")
    # A scaler makes a pipeline of an estimator.
    after = mended[-1] if hasattr(mended, "steps") else mended
    for fitted, label, colour, style in (
        (model, "as it was", "#D55E00", "--"),
        (after, "as advised", "#0072B2", "-"),
    ):
        epochs = np.arange(1, len(fitted.loss_curve_) + 1)
        ax.plot(epochs, fitted.loss_curve_, style, color=colour, label=label)
    ax.set(title=name, yscale="log", xlabel="epoch", ylabel="training loss")
    ax.grid(alpha=0.3)
    scores = model.score(A, y), mended.score(A, y)
    print(f"score: {scores[0]:.3g} as it was, {scores[1]:.3g} as advised")
    assert first.code == code, (name, first.code)
    assert scores[1] > scores[0] + 0.1
axes[0, 0].legend(frameon=False)
plt.show()

# %%
# What was seen: each was named and mended by what was said first. The curves of the targets are in units
# of their own: with ``scale_targets=True`` the loss is that of targets of variance 1.
#
# **Next.** :doc:`/laboratory` says how advice is tried, and what cannot be told.
