"""Full-batch training by SciPy's L-BFGS-B."""

import warnings

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from minnet._checks import check_real
from minnet.backends import make_backend

__all__ = ["minimize_lbfgs"]


def minimize_lbfgs(
    network,
    X,
    T,
    sample_weight=None,
    *,
    max_iter=200,
    max_fun=15000,
    tol=1e-4,
    verbose=False,
    backend="auto",
    n_threads=None,
):
    """Minimize a network's objective over all data; its parameters change in place.

    The minimization runs in float64, whatever the network's dtype; the result is rounded to it.

    Parameters
    ----------
    network : Network
        Initialized, without layers that act otherwise in training (Dropout, BatchNorm).
    X, T, sample_weight
        As :meth:`minnet.Network.loss_and_grad` takes them.
    max_iter, max_fun : int
        Most iterations and evaluations of the objective.
    tol : float
        Stop when no element of the projected gradient is larger.
    verbose : bool or int
        Print a line an iteration.
    backend : str
        What computes objective and gradient, see :func:`minnet.backends.list_backends`.
    n_threads : int or None
        Its threads.

    Returns
    -------
    n_iter : int
    loss : float

    Warns
    -----
    ConvergenceWarning
        If a limit is reached first.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.lbfgs import minimize_lbfgs
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> net = Network([Dense(1)], loss="squared_error").initialize(2, random_state=0)
    >>> n_iter, loss = minimize_lbfgs(net, X, X @ [3.0, -1.0], tol=1e-8)
    >>> net.layers[0].W.ravel().round(4)
    array([ 3., -1.])
    """
    tol = check_real("tol", tol, low=0)
    wide = network.astype("float64")
    data = wide.check_batch(X, T, sample_weight)
    runner = make_backend(backend, wide, n_threads)

    def objective(theta):
        wide.params[...] = theta
        with np.errstate(over="ignore", invalid="ignore"):
            return runner.loss_and_grad(*data)

    iterations = 0

    def report(intermediate_result):
        nonlocal iterations
        iterations += 1
        print(f"Iteration {iterations}, loss = {intermediate_result.fun:.8f}")

    result = minimize(
        objective,
        wide.params.copy(),
        method="L-BFGS-B",
        jac=True,
        options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol},
        callback=report if verbose else None,
    )
    if not np.isfinite(result.x).all() or not np.isfinite(result.fun):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values "
            f"and need to be preprocessed. It happened in iteration {result.nit} of lbfgs: scale the "
            "inputs."
        )
    if result.status != 0:
        warnings.warn(
            f"lbfgs failed to converge after {result.nit} iteration(s) (status={result.status}): "
            f"{result.message}. Increase max_iter or max_fun, or scale the data.",
            ConvergenceWarning,
            stacklevel=2,
        )
    wide.params[...] = result.x
    for old, new in zip(network.parameter_table, wide.parameter_table, strict=True):
        network.params[old.slice] = wide.params[new.slice]
    return min(int(result.nit), max_iter), float(result.fun)
