r"""
An activation of your own
=========================

**Outcome.** A function of one number and its slope, in three lines, trains in the compiled epoch, passes
the gradient check, and lies between tanh and softsign where theory puts it.

``@minnet.activation`` turns a Python function of one number and its derivative into an activation that
the compiled epoch calls: Numba compiles both when they are first used.

The one made here is a softsign with a leak: :math:`f(z) = 0.1\,z + z / (1 + |z|)`. The softsign saturates
more slowly than tanh; this one does not at all, since its slope is 0.1 at least.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

import minnet
from minnet import Dense, MinNetClassifier, Network, check_gradients
from minnet.lab.theory import MeanField

LEAK = 0.1


def slope(z):
    return LEAK + 1 / (1 + abs(z)) ** 2


@minnet.activation(derivative=slope)
def leaky_softsign(z):
    return LEAK * z + z / (1 + abs(z))


# %%
# It can be called with an array. Its derivative was compared with central differences at a few numbers,
# which would have given a warning; :func:`minnet.check_gradients` compares the gradient of every weight.

print(leaky_softsign(np.array([-1.0, 0.0, 9.0])))

rng = np.random.default_rng(0)
network = Network([Dense(6, leaky_softsign), Dense(6, leaky_softsign), Dense(3)])
network.initialize(n_features=4, random_state=0)
check = check_gradients(network, rng.normal(size=(10, 4)), rng.integers(3, size=10))
print(check)
assert check.ok

# %%
# From then on it is an activation as any other, by its name too. The theory of initialization takes it:
# by what factor does the variance of gradients change from the last of ten layers to the first?

factors = {
    name: MeanField(name).gradient_variances(0.3, 10)[0]
    for name in ("tanh", "leaky_softsign", "softsign")
}
for name, factor in factors.items():
    print(f"{name:15} {factor:.1e}")

# %%
# Ten hidden layers of 32 learn handwritten digits, from the same random numbers.

warnings.simplefilter("ignore", ConvergenceWarning)  # fifteen epochs, on purpose

X, y = load_digits(return_X_y=True)
X = (X / 16).astype("float32")
fits = {
    name: MinNetClassifier(
        (32,) * 10,
        activation=name,
        init="glorot",
        bias_init="zeros",
        solver="sgd",
        learning_rate_init=0.003,
        batch_size=32,
        max_iter=15,
        random_state=0,
    ).fit(X, y)
    for name in factors
}

# %%
# The function, its derivative, and the loss of the three.

Z = np.linspace(-6, 6, 401)
Y = leaky_softsign(Z)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.axhline(0, color="0.6", linewidth=0.8)
left.plot(Z, Y, color="#0072B2", label="f(z)")
left.plot(Z, leaky_softsign.derivative(Z, Y), "--", color="#D55E00", label="f'(z)")
left.set(xlabel="z", title="leaky_softsign and its derivative")
left.legend(frameon=False)
styles = {"tanh": ("black", ":"), "leaky_softsign": ("#0072B2", "-"), "softsign": ("#E69F00", "--")}
for name, fit in fits.items():
    color, style = styles[name]
    right.plot(range(1, 16), fit.loss_curve_, style, color=color, label=name)
right.set(xlabel="epoch", ylabel="training loss (nats)", title="Digits, ten hidden layers of 32")
right.set_ylim(bottom=0)
right.legend(frameon=False)
plt.show()

# %%
# What to see
# -----------
# The leak adds 0.1 to a slope that is 1 at 0 and falls off at once on both sides, where that of tanh
# stays near 1: less of the gradient is lost on its way down than with the softsign, more than with
# tanh. The losses fall in the order that the theory gives.

assert factors["tanh"] > factors["leaky_softsign"] > factors["softsign"]
after_five = {name: fit.loss_curve_[4] for name, fit in fits.items()}
assert after_five["tanh"] + 0.2 < after_five["leaky_softsign"] < after_five["softsign"] - 0.2

# %%
# **Next.** Raise ``LEAK`` to 0.5, and see where theory and the loss go. :doc:`/own-parts` has layers and
# losses.
