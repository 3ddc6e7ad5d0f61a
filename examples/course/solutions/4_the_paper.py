"""Answers to the exercises of notebook 4."""

import numpy as np

# %% Exercise 4.1: the error of the best constant answer, in percent
# Most frequent are the images of one object: 1/2 for one object, 1/3 for its kind. (Two unlike ones: 1/9.)
prior_error = 100 * (1 - 1 / 2 * 1 / 3)


# %% Exercise 4.2: sd of layer 5 over that of layer 1, by equation 5 (four layers further up)
# n Var W = 1/3 is the factor of the variance, a layer.
factor_of_four_layers = (1 / 3) ** (4 / 2)


# %% Exercise 4.3: the mean of the quarter circle
def mean_singular_value(s):
    """Return the mean of the singular values, from 0 to 2 s, of the density above."""
    # The integral of x sqrt(4 s^2 - x^2) / (pi s^2) from 0 to 2 s is (2 s)^3 / (3 pi s^2).
    return 8 * s / (3 * np.pi)
