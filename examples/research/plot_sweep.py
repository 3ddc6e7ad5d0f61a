r"""
A grid of initializations, depths and activations, with intervals
=================================================================

**Outcome.** With tanh, Glorot's, He's and orthogonal weights train ten layers to .95 or better, and the
standard ones to .21. With rectifiers He's are the surest at ten layers, .91 ± .05, where Glorot's reach
.65 ± .8: they train from one seed and not from another, which a single run would not tell. Sigmoids
train one layer and, whatever the weights, not five. Of twenty layers tanh with orthogonal weights trains
best, .93 ± .05.

Whether an initialization is any good depends on the activation and on the depth.
:func:`minnet.lab.sweep` trains a grid of all three, from several seeds, into one table; with
``path="sweep.jsonl"`` a call that was ended goes on where it was, and ``n_jobs=-1`` takes all cores.

Expected (Glorot & Bengio 2010; He et al. 2015): what decides is by which factor a layer changes the
gradients that come back through it. That factor is measured beside, before training.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from minnet import MinNetClassifier
from minnet.lab import sweep
from minnet.lab.displays import SweepCurvesDisplay, SweepMapDisplay

X, y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")

# %%
# The grid
# --------
# Four initializations, four depths and three activations, each from three seeds: 144 networks of layers
# with 40 units, ten epochs of SGD. A list is an axis; what is no list is the same for all. A quarter of
# the digits is held out, the same rows for all networks.

model = MinNetClassifier(
    (40,), solver="sgd", learning_rate_init=0.03, batch_size=50, max_iter=10, n_iter_no_change=10
)
found = sweep(
    model, X, y, init=["standard", "glorot", "he", "orthogonal"], depth=[1, 5, 10, 20],
    activation=["tanh", "relu", "sigmoid"], seeds=3, probe=["dZ_rms"],
)  # fmt: skip
print(found.summary("validation_score"))

# %%
# A cell is the mean of three seeds, and below it half the width of its 95 % interval: Student's, which
# of three seeds is 2.5 times their standard deviation.

SweepMapDisplay.from_sweep(found)
plt.show()

# %%
# Why
# ---
# Gradients by the pre-activations in the last hidden layer over those in the first, before training: 1
# means that they come back as they are. With the standard weights they shrink to a 40,000th in twenty
# layers of tanh. Sigmoids lose a factor of 90 in five layers with He's weights and more with the others,
# and none of them trains. With tanh and Glorot's, He's or orthogonal weights the factor stays between .3
# and 3.4. It is not all: of He's twenty layers of rectifiers, with a factor of .9, only some seeds leave
# chance.

SweepMapDisplay.from_sweep(found, "start_dZ_rms_ratio", log=True)
plt.show()

# %%
# The same as curves
# ------------------
# Over an axis with numbers, with the intervals as bands; ``where`` takes one value of an axis.

SweepCurvesDisplay.from_sweep(found, lines="init", where={"activation": "tanh"})
plt.show()

# %%
# **Next.** The learning rate that a wide network needs, without a sweep of its own: :ref:`muP
# <sphx_glr_auto_examples_research_plot_mup_transfer.py>`.
