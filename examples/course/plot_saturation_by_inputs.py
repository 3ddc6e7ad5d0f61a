r"""
How many inputs saturate a sigmoid?
===================================

**Outcome.** With inputs of size 1 and standard normal weights a sigmoid is outside :math:`[-4, 4]` for
32 % of the samples if it has 16 inputs, 62 % if 64, 90 % if 1024. Weights divided by the square root of
the number of inputs keep it inside, however many there are.

**The slope.** :math:`f'(z) = f(z) (1 - f(z))` is 1/4 at 0, and 1/22,000 at 10: so much of a gradient
passes. Outside :math:`[-4, 4]` it is below 8 % of its largest value.

**Expected.** A sum of :math:`D` inputs of -1 or 1, with weights of 1, is :math:`2 k - D`, where :math:`k`
is the number of ones among them, which is binomial. With standard normal weights it is normal. The
standard deviation is :math:`\sqrt D` in both cases, so that

.. math:: P(|z| > 4) = \sum_{|2 k - D| > 4} \binom D k 2^{-D} \approx
          \operatorname{erfc} \frac{4}{\sqrt{2 D}} \to 1, \qquad
          E f'(z) \to \frac{1}{\sqrt{2 \pi D}} .

With :math:`w / \sqrt D` the standard deviation is 1 for all :math:`D`, and :math:`P(|z| > 4) =
\operatorname{erfc}(4 / \sqrt 2) = 6 \cdot 10^{-5}`.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy import integrate, special, stats

from minnet import Dense, Network
from minnet.activations import Sigmoid

N_UNITS, N_SAMPLES, LIMIT = 1000, 400, 4.0
NUMBERS = 4 ** np.arange(2, 7)  # of inputs: 16 to 4096
UNIT, SCALED = "#D55E00", "#0072B2"

# %%
# The slope
# ---------

sigmoid = Sigmoid()
z = np.linspace(-12, 12, 481)
fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
ax.semilogy(z, sigmoid.derivative(z, sigmoid(z)), color="0.2")
ax.axvspan(-LIMIT, LIMIT, color="#009E73", alpha=0.15, linewidth=0)
for at, place in ((0.0, (0, -16)), (LIMIT, (30, 6)), (10.0, (-26, -14))):
    slope = float(sigmoid.derivative(np.array([at]), sigmoid(np.array([at])))[0])
    ax.plot(at, slope, "o", color=UNIT)
    ax.annotate(f"1/{1 / slope:,.0f}", (at, slope), place, textcoords="offset points", ha="center")
    expected = np.exp(-at) / (1 + np.exp(-at)) ** 2
    print(f"slope at {at:g}: expected {expected:.3g}, measured {slope:.3g}, 1/{1 / slope:,.0f}")
    assert np.isclose(slope, expected)
ax.set(xlabel="z", ylabel="slope of the sigmoid", xlim=(-12, 12))
ax.grid(alpha=0.3)
plt.show()

# %%
# Outside, and what slope is left
# -------------------------------
# A layer of 1000 units for each number of inputs, and 400 rows of -1 and 1. Crosses are the exact
# binomial sums, lines the normal law.


def pre_activations(n_inputs, scale):
    """Return those of normal weights of some standard deviation on random signs."""
    X = np.random.default_rng(0).choice([-1.0, 1.0], size=(N_SAMPLES, n_inputs))
    network = Network([Dense(N_UNITS)], init={"name": "normal", "std": scale}, bias_init="zeros")
    return network.initialize(n_inputs, random_state=n_inputs).forward(X)


def binomial(n_inputs):
    """Return the probability that a sum of signs is outside."""
    k = np.arange(n_inputs + 1)
    outside = np.abs(2 * k - n_inputs) > LIMIT
    return stats.binom.pmf(k[outside], n_inputs, 0.5).sum()


def normal(sd):
    return special.erfc(LIMIT / sd / np.sqrt(2))


def mean_slope(sd):
    """Return E f'(z) of normal z, by quadrature."""

    def integrand(z):
        return special.expit(z) * special.expit(-z) * stats.norm.pdf(z, scale=sd)

    return 2 * integrate.quad(integrand, 0, 40)[0]


fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
D = np.geomspace(1, NUMBERS[-1], 60)
few = 2 ** np.arange(13)
exact = {int(n): binomial(n) for n in few}
left.semilogx(few, list(exact.values()), "x", color="0.2", markersize=7, label="weights 1, exact")
right.set_xscale("log")
right.set_yscale("log")
for name, colour, marker, power in (
    ("weights of variance 1", UNIT, "s", 0.5),
    ("weights of variance $1/D$", SCALED, "o", 0.0),
):
    sums = [pre_activations(n, n ** (power - 0.5)) for n in NUMBERS]
    outside = [(np.abs(Z) > LIMIT).mean(axis=0) for Z in sums]  # by unit: these are independent
    slopes = [sigmoid.derivative(Z, sigmoid(Z)).mean(axis=0) for Z in sums]
    for ax, units, law in ((left, outside, normal), (right, slopes, mean_slope)):
        means = np.array([share.mean() for share in units])
        errors = [share.std() / np.sqrt(N_UNITS) for share in units]
        style = {"color": colour, "fmt": marker, "capsize": 3, "label": name}
        ax.errorbar(NUMBERS, means, 2 * np.array(errors), **style)
        ax.plot(D, [law(d**power) for d in D], color=colour)
        expected = np.array([law(n**power) for n in NUMBERS])
        shown = (" ".join(f"{v:.3g}" for v in values) for values in (expected, means))
        print("{}: expected {}, measured {}".format(name, *shown))
        assert np.all(np.abs(means - expected) < 4 * np.array(errors))
right.plot(
    D[D > 6], 1 / np.sqrt(2 * np.pi * D[D > 6]), ":", color="0.4", label=r"$1 / \sqrt{2 \pi D}$"
)
left.set_ylabel(r"probability of $|z| > 4$")
left.annotate(r"$6 \cdot 10^{-5}$ for all $D$", (64, 0.02), ha="center", va="bottom", color=SCALED)
right.set_ylabel("mean slope")
for ax in (left, right):
    ax.set_xlabel("number of inputs $D$")
    ax.set_xticks(few[::2], few[::2])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.legend(frameon=False, loc="upper left" if ax is left else "lower left")
right.set_yticks([0.01, 0.02, 0.05, 0.1, 0.2], [0.01, 0.02, 0.05, 0.1, 0.2])
plt.show()

# %%
# Sums of an even number of signs are even. Outside are those from 6 on, and the normal law, which knows no
# gaps, has to be asked halfway, at 5.

for n in NUMBERS:
    halfway = special.erfc(5 / np.sqrt(2 * n))
    print(f"{n} signs, outside: expected {halfway:.3f} by the law, exact {binomial(n):.3f}")
    assert abs(binomial(n) - halfway) < 0.002

# %%
# **Seen.** The number of inputs saturates a unit, though none of them is large. That is why every law of
# this course has the fan-in, or both fans, in the denominator.
#
# **Next.** Layer upon layer of such sums: :ref:`the variance of a layer
# <sphx_glr_auto_examples_course_plot_variance_by_width.py>`.

# sphinx_gallery_thumbnail_number = 2
