"""Full-batch training by SciPy's L-BFGS-B."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.exceptions import ConvergenceWarning

from minnet.backends import make_backend
from minnet.common.blas import one_blas_thread
from minnet.common.callers import level_of_user
from minnet.common.checks import check_real, check_verbose, check_whole
from minnet.common.communicator import in_use, leads, on_all_ranks
from minnet.common.entry import entry
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.network import Network
from minnet.training.divergence import divergence
from minnet.training.interrupts import Interrupts
from minnet.training.ranks import Ranks
from minnet.training.reading import Batch, InMemory

__all__ = ["minimize_lbfgs"]


@entry
@on_all_ranks
def minimize_lbfgs(
    network: Any,
    X: Matrix,
    T: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    max_iter: int = 200,
    max_fun: int = 15000,
    tol: float = 1e-4,
    verbose: bool = False,
    backend: str = "auto",
    n_threads: int | None = None,
) -> tuple[int, float]:
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
        Its threads. On "cython" the result has the same bits for any number of them, and of BLAS's, which
        is held to one thread meanwhile, in the whole process: SciPy sums with it.

    Returns
    -------
    n_iter : int
    loss : float

    Raises
    ------
    ValueError
        If data do not fit, or if the minimum or its parameters, rounded to the network's dtype, are not
        finite. The network is then as it was.
    KeyboardInterrupt
        As :meth:`minnet.Trainer.fit` does.

    Warns
    -----
    ConvergenceWarning
        If a limit is reached first.
    UserWarning
        If Ctrl-C came: the parameters are then those after the last whole iteration.

    Notes
    -----
    In a block of :func:`minnet.distributed.together` all ranks call this, each with its own rows: an
    evaluation sums up one gradient, and SciPy takes the same decisions on all.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> from minnet.training.lbfgs import minimize_lbfgs
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> net = Network([Dense(1)], loss="squared_error").initialize(2, random_state=0)
    >>> n_iter, loss = minimize_lbfgs(net, X, X @ [3.0, -1.0], tol=1e-8)
    >>> net.layers[0].W.ravel().round(4)
    array([ 3., -1.])
    """
    tol = check_real("tol", tol, low=0)
    check_whole("max_iter", max_iter)
    check_whole("max_fun", max_fun)
    check_verbose("verbose", verbose)
    wide = network.astype("float64")
    source = _in_memory(wide, X, T, sample_weight)
    runner = make_backend(backend, wide, n_threads)
    options = {"maxfun": max_fun, "maxiter": max_iter, "gtol": tol}
    result = _minimized(runner, source, options, verbose and leads())
    wide.params[...] = result.x
    when = f"in iteration {result.nit} of lbfgs"
    _raise_if_diverged(wide, result.fun, source.X, when)
    if result.status != 0 and leads():
        warnings.warn(
            f"lbfgs failed to converge after {result.nit} iteration(s) (status={result.status}): "
            f"{result.message}. Increase max_iter or max_fun, or scale the data.",
            ConvergenceWarning,
            stacklevel=level_of_user(),
        )
    with np.errstate(over="ignore"):
        narrow = wide.astype(network.dtype)
    _raise_if_diverged(narrow, result.fun, None, f"{when}, in {network.dtype}")
    network.params[...] = narrow.params
    return min(int(result.nit), max_iter), float(result.fun)


def _in_memory(network: Network, X: Any, T: Any, sample_weight: Any) -> InMemory:
    """Return the data, checked; where several processes minimize together, those of this one."""
    communicator = in_use()
    if communicator is None:
        return InMemory(network.check_batch(X, T, sample_weight))
    return Ranks.gathered(communicator, network, X, T, sample_weight)


def _minimized(
    runner: Any, source: InMemory, options: dict[str, Any], prints: bool
) -> OptimizeResult:
    """Return what SciPy finds from the present parameters on, or what it has when Ctrl-C comes."""
    network, ranks, data = runner.network, source.ranks, source.data
    shards = None if source.sizes is None else _Shards(runner, data, source.sizes)

    def objective(theta: Array) -> tuple[float, Array]:
        network.params[...] = theta
        if ranks is not None:
            return ranks.loss_and_grad(runner, data, theta)
        if shards is not None:
            return shards.loss_and_grad()
        return runner.loss_and_grad(*data)

    # After the last iteration that was completed: what is left if Ctrl-C comes.
    result = OptimizeResult(x=network.params.copy(), fun=np.inf, nit=0, status=0)

    def note(intermediate_result: Any) -> None:
        nonlocal result
        x, fun = intermediate_result.x.copy(), intermediate_result.fun
        result = OptimizeResult(x=x, fun=fun, nit=result.nit + 1, status=0)
        if prints:
            print(f"Iteration {result.nit}, loss = {fun:.8f}")

    # SciPy's vectors are summed by BLAS, on as many threads as there happen to be. The other backends
    # compute with BLAS themselves, for which their n_threads is. Several processes must sum alike.
    alike = runner.name_in_use == "cython" or ranks is not None
    sums = one_blas_thread() if alike else nullcontext()
    hearing = Interrupts() if ranks is None else ranks.interrupts
    with np.errstate(over="ignore", invalid="ignore"), hearing as interrupts, sums:
        try:
            return minimize(
                objective,
                network.params.copy(),
                method="L-BFGS-B",
                jac=True,
                options=options,
                callback=note,
            )
        except KeyboardInterrupt:
            if interrupts.end_all:
                raise
            if not result.nit:
                result.fun = objective(result.x)[0]
            if leads():
                warnings.warn("Training interrupted by user.", stacklevel=level_of_user())
    return result


def _raise_if_diverged(network: Network, loss: float, X: Matrix | None, when: str) -> None:
    diverged = divergence(network, loss, X, when, cure="")
    if diverged:
        raise ValueError(diverged)


class _Shards:
    """The rows of several shards in one process: their objective, summed up as several would."""

    def __init__(self, runner: Any, data: Batch, sizes: Sequence[int]) -> None:
        self._runner = runner
        rows = [slice(first, last) for first, last in pairwise(np.cumsum([0, *sizes]))]
        X, T, weights = data
        if weights is None:
            self._shards: list[Batch] = [(X[one], T[one], None) for one in rows]
            self._weight_sum = float(sum(sizes))
        else:
            self._shards = [(X[one], T[one], weights[one]) for one in rows]
            self._weight_sum = sum(float(weights[one].sum()) for one in rows)

    def loss_and_grad(self) -> tuple[float, Array]:
        loss, grads = 0.0, np.zeros_like(self._runner.network.params)
        for i, shard in enumerate(self._shards):
            of_shard = self._runner.loss_and_grad(*shard, weight_sum=self._weight_sum, leads=i == 0)
            loss += of_shard[0]
            grads += of_shard[1]
        return loss, grads
