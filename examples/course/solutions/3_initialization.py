"""Answers to the exercises of notebook 3."""


# %% Exercise 3.1: the variance on the way up
def variances(v, n, var_w, depth):
    """Return a list: the variances of the outputs of layers 1 to depth, each linear and of n units."""
    # Of independent numbers with mean 0 the variances of products multiply, and those of sums add up.
    return [v * (n * var_w) ** layer for layer in range(1, depth + 1)]


# %% Exercise 3.2: weights for rectifiers
def var_w_for_relu(n):
    """Return Var W for which E[z^2] stays the same from layer to layer, each of n units."""
    return 2 / n  # half of E[z^2] is on the side that is set to 0


# %% Exercise 3.3: normalized initialization
def glorot_bound(n_in, n_out):
    """Return a of U(-a, a), with the variance 2 / (n_in + n_out); that of U(-a, a) is a^2 / 3."""
    return (6 / (n_in + n_out)) ** 0.5
