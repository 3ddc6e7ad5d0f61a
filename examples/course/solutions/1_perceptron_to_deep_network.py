"""Answers to the exercises of notebook 1."""

from itertools import pairwise

import numpy as np


# %% Exercise 1.1: the rule of the perceptron
def correct(w, b, x, t):
    """Return the new w and b after a point x, whose class t is +1 or -1. A point with z = 0 is wrong."""
    if t * (x @ w + b) <= 0:
        return w + t * x, b + t
    return w, b


# %% Exercise 1.2: a network for XOR, by hand
# The first hidden unit counts the ones, the second tells whether there are two of them.
W1 = np.array([[1, 1], [1, 1]])
b1 = np.array([0, -1])
W2 = np.array([[1], [-2]])
b2 = np.array([-0.5])


# %% Exercise 1.3: the parameters of a network
def n_parameters(sizes):
    """Return how many weights and biases there are: sizes are inputs, hidden layers, outputs."""
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
