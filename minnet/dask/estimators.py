"""The estimators: those of minnet, whose data are collections of Dask."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar, Self

from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from minnet.common.docstrings import complete_docstring
from minnet.common.entry import entry
from minnet.common.extras import import_extra
from minnet.common.frames import is_dask_collection
from minnet.common.types import Estimator, Matrix
from minnet.dask.fit import fit_on_workers
from minnet.dask.prediction import predicted
from minnet.dask.scores import accuracy, r2
from minnet.estimators import MinNetClassifier, MinNetRegressor
from minnet.estimators.arguments import Between, defaults_of
from minnet.estimators.base import DURING_FIT

__all__ = ["DaskMinNetClassifier", "DaskMinNetRegressor"]

#: Arguments that the plain estimators have not.
_OWN = {"client": None, "timeout": 60.0}

_CONSTRAINTS = {
    "client": "no_validation",  # of a package that may not be there
    "timeout": [Between(Real, 0, None, closed="neither")],
}

#: What an estimator keeps that is neither an argument nor what a fit leaves.
_NOT_FITTED = (*DURING_FIT, "_in_fit", "_in_dask_fit")


def _init_of(plain: type) -> Callable[..., None]:
    """Return the ``__init__`` of a plain estimator, with the arguments for Dask at its end."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        own = {name: kwargs.pop(name, default) for name, default in _OWN.items()}
        plain.__init__(self, *args, **kwargs)  # type: ignore[misc]
        vars(self).update(own)

    signature = inspect.signature(plain.__init__)  # type: ignore[misc]
    of_dask = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in _OWN.items()
    ]
    __init__.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *of_dask]
    )
    return __init__


class DaskMixin:
    """What the two have in common, before the plain estimator among the bases."""

    #: The estimator without Dask, and its score.
    _plain: ClassVar[Any]
    _score_of_parts: Callable[..., float]

    client: Any
    timeout: float

    @entry
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the network to collections of Dask, on all workers of the cluster together.

        Each worker trains on as many rows as the others, in the order of the collections: how these are
        cut into parts, and where the parts lie, changes nothing; the number of workers does.
        ``batch_size`` is that of all workers together. Another fit on the same cluster is waited for.

        Parameters
        ----------
        X : dask.array.Array or dask.dataframe.DataFrame of shape (n_samples, n_features)
            Of arrays, sparse matrices or frames that :meth:`minnet.MinNetClassifier.fit` takes. Chunks may
            be of unknown sizes, of any number of rows or none, and other ones than those of ``y``.
        y : dask.array.Array, dask.dataframe.Series or DataFrame
            Targets. A worker's rows need not have all classes.
        sample_weight : dask.array.Array or dask.dataframe.Series, default=None
            At least 0 and not all 0.
        X_val, y_val : as X and y, default=None
            With ``early_stopping=True`` validated on instead of a part of ``X``; otherwise watched. Each
            worker has a part of the rows; where ``scoring`` is a scorer of scikit-learn or a function,
            which needs all rows at once, one worker has them all.
        sample_weight_val : as sample_weight, default=None
            Weights in score and loss.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If one is no collection of Dask.
        ValueError
            If data or arguments do not fit, or if training diverges.
        RuntimeError
            If a worker is lost, or gives no sign of life for ``timeout`` seconds.
        TimeoutError
            If a worker is busy with something else, or waited for, for that long.
        KeyboardInterrupt
            At the second Ctrl-C. The first one ends training with a warning, and the model is kept
            (solver="lbfgs" ends at the first one).

        Notes
        -----
        Whatever is raised, the estimator is as it was, all workers are free again, and the next fit may
        begin. Callbacks are called on one of the workers, on copies, whose attributes come back when the
        fit has succeeded; files are written there, so that a Checkpoint needs a folder that all machines
        share. What ``verbose`` prints is in the log of that worker, or in the terminal of a LocalCluster.
        """
        others = {
            "sample_weight": sample_weight, "X_val": X_val, "y_val": y_val,
            "sample_weight_val": sample_weight_val,
        }  # fmt: skip
        given = {name: value for name, value in others.items() if value is not None}
        fit_on_workers(self, {"X": X, "y": y, **given})
        return self

    def to_local(self) -> Estimator:
        """Return the estimator without Dask: with the same arguments and callbacks, and fitted as this is.

        What it has is its own: it may be fitted further, saved by :func:`minnet.save_model`, and used
        where there is no Dask.

        Returns
        -------
        MinNetClassifier or MinNetRegressor
        """
        local = self._unfitted()
        local.__dict__.update(copy.deepcopy(self._fitted()))
        return local

    def predict(self, X: Matrix) -> Any:
        """Predict classes or numbers, part by part when they are asked for.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like of shape (n_samples, n_features)
            Inputs. What is no collection of Dask is predicted at once, as by the plain estimator.

        Returns
        -------
        dask.array.Array, or dask.dataframe.Series or DataFrame for a frame, whose index it has
            Nothing is computed before its ``compute()``, or what else asks for it.
        """
        return self._predict("predict", X)

    @entry
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return what the plain estimator does: accuracy or R2; of collections part by part.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like of shape (n_samples, n_features)
            Inputs.
        y : dask.array.Array, dask.dataframe.Series or DataFrame, or array-like
            Targets. Chunks of unknown sizes must be the same as those of ``X``.
        sample_weight : dask.array.Array, dask.dataframe.Series or array-like, default=None
            What each sample counts; None means all alike.

        Returns
        -------
        float
        """
        if not is_dask_collection(X):
            return super().score(X, y, sample_weight)  # type: ignore[misc]
        check_is_fitted(self, "network_")
        return self._score_of_parts(self._predictor(), X, y, sample_weight)

    @entry
    def _predict(self, method: str, X: Any) -> Any:
        if not is_dask_collection(X):
            return getattr(super(), method)(X)
        check_is_fitted(self, "network_")
        return predicted(self._predictor(), method, X)

    # ---- what is fitted, and with what

    def _unfitted(self) -> Estimator:
        """Return the plain estimator with the arguments and callbacks."""
        arguments = {name: getattr(self, name) for name in defaults_of(self._plain)}
        local = self._plain(**arguments)
        return local.set_callbacks(*vars(self).get("_skl_callbacks", ()))

    def _fitted(self) -> dict[str, Any]:
        """Return the attributes that a fit has left."""
        others = {*self._get_param_names(), *_NOT_FITTED}  # type: ignore[attr-defined]
        return {name: value for name, value in vars(self).items() if name not in others}

    def _predictor(self) -> Estimator:
        """Return a plain estimator that predicts, and has nothing else."""
        local = clone(self._unfitted()).set_callbacks()
        vars(local).update(self._fitted())
        for name in ("_trainer", "_optimizer"):
            vars(local).pop(name, None)
        return copy.deepcopy(local)

    def _client(self) -> Any:
        """Return the client to use."""
        distributed = import_extra(
            "distributed",
            f"{type(self).__name__} needs Dask and PyTorch: pip install 'minnet-learn[dask]'",
        )
        client = self.client
        if client is None:
            try:
                client = distributed.get_client()
            except ValueError:
                raise ValueError(
                    "client must be given where there is none: dask.distributed.Client() starts a cluster "
                    "on this machine, Client(address) takes one that runs"
                ) from None
        if not isinstance(client, distributed.Client) or client.asynchronous:
            raise TypeError(
                f"client must be a dask.distributed.Client that is not asynchronous, got {client!r:.200}"
            )
        return client

    def __getstate__(self) -> dict[str, Any]:
        # A client is bound to its process; and what a fit in another thread is at is not part of a copy.
        state: dict[str, Any] = {**super().__getstate__(), "client": None}  # type: ignore[dict-item]
        state.pop("_in_dask_fit", None)
        return state

    def __sklearn_clone__(self) -> Self:
        without = copy.copy(self)  # a client cannot be copied
        cloned: Self = super(DaskMixin, without).__sklearn_clone__()  # type: ignore[misc]
        cloned.client = self.client
        return cloned


@complete_docstring(MinNetClassifier)
class DaskMinNetClassifier(DaskMixin, MinNetClassifier):
    """:class:`minnet.MinNetClassifier` for data that lie in a cluster of Dask.

    ``fit`` trains on all workers together: each has as many rows as the others, and in each step the
    gradients are summed over the workers, so that the steps are those of one process. ``predict`` and
    ``predict_proba`` are lazy. Needs ``pip install 'minnet-learn[dask]'`` on all machines.

    Parameters
    ----------
    n_threads : int or None, default=None
        Threads of each worker; None takes as many as the worker has. On one machine one worker with
        several threads trains sooner than several workers.
    client : dask.distributed.Client or None, default=None
        Whose workers train. None takes the client that was made last. Copies and pickles have none; clones
        have the same.
    timeout : float, default=60
        The most seconds that a worker is waited for: to begin, where it is busy with something else, and
        then in each step and at the end of each epoch, where one may compute longer than the others, or
        write a checkpoint.

    See Also
    --------
    minnet.distributed.together : Training where MPI, Ray, Spark or Slurm has started the processes.

    Notes
    -----
    Of the arguments, ``n_networks`` must be 1. ``random_state``, data and the number of workers decide the
    result; where the parts of the data lie does not.

    Examples
    --------
    >>> import dask.array as da  # doctest: +SKIP
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> from minnet.dask import DaskMinNetClassifier
    >>> client = Client(n_workers=2, threads_per_worker=1)  # doctest: +SKIP
    >>> X = da.random.default_rng(0).normal(size=(10_000, 20), chunks=(1_000, 20))  # doctest: +SKIP
    >>> y = X[:, 0] * X[:, 1] > 0  # doctest: +SKIP
    >>> clf = DaskMinNetClassifier((64,), random_state=0).fit(X, y)  # doctest: +SKIP
    >>> clf.predict_proba(X)  # doctest: +SKIP
    dask.array<_of_part, shape=(10000, 2), dtype=float64, chunksize=(1000, 2), chunktype=numpy.ndarray>
    >>> clf.to_local()  # doctest: +SKIP
    MinNetClassifier(hidden_layer_sizes=(64,), random_state=0)
    """

    _plain = MinNetClassifier
    _parameter_constraints: ClassVar[dict[str, Any]] = (
        MinNetClassifier._parameter_constraints | _CONSTRAINTS
    )
    _score_of_parts = staticmethod(accuracy)

    __init__ = _init_of(MinNetClassifier)

    def predict_proba(self, X: Matrix) -> Any:
        """Predict probabilities, part by part when they are asked for.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like of shape (n_samples, n_features)
            Inputs. What is no collection of Dask is predicted at once.

        Returns
        -------
        dask.array.Array, or dask.dataframe.DataFrame for a frame, whose columns are the classes
        """
        return self._predict("predict_proba", X)

    def predict_log_proba(self, X: Matrix) -> Any:
        """Predict logarithms of probabilities, part by part when they are asked for.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like of shape (n_samples, n_features)
            Inputs. What is no collection of Dask is predicted at once.

        Returns
        -------
        dask.array.Array, or dask.dataframe.DataFrame for a frame, whose columns are the classes
        """
        return self._predict("predict_log_proba", X)


@complete_docstring(MinNetRegressor)
class DaskMinNetRegressor(DaskMixin, MinNetRegressor):
    """:class:`minnet.MinNetRegressor` for data that lie in a cluster of Dask.

    ``fit`` trains on all workers together: each has as many rows as the others, and in each step the
    gradients are summed over the workers, so that the steps are those of one process. ``predict`` is lazy.
    Needs ``pip install 'minnet-learn[dask]'`` on all machines.

    Parameters
    ----------
    n_threads : int or None, default=None
        Threads of each worker; None takes as many as the worker has.
    client, timeout
        As in :class:`minnet.dask.DaskMinNetClassifier`.

    See Also
    --------
    minnet.dask.DaskMinNetClassifier : The same for classes.

    Examples
    --------
    >>> import dask.array as da  # doctest: +SKIP
    >>> from dask.distributed import Client  # doctest: +SKIP
    >>> from minnet.dask import DaskMinNetRegressor
    >>> client = Client(n_workers=2, threads_per_worker=1)  # doctest: +SKIP
    >>> X = da.random.default_rng(0).normal(size=(10_000, 20), chunks=(1_000, 20))  # doctest: +SKIP
    >>> y = X[:, 0] * X[:, 1]  # doctest: +SKIP
    >>> reg = DaskMinNetRegressor(solver="lbfgs", random_state=0).fit(X, y)  # doctest: +SKIP
    >>> reg.predict(X)  # doctest: +SKIP
    dask.array<_of_part, shape=(10000,), dtype=float64, chunksize=(1000,), chunktype=numpy.ndarray>
    """

    _plain = MinNetRegressor
    _parameter_constraints: ClassVar[dict[str, Any]] = (
        MinNetRegressor._parameter_constraints | _CONSTRAINTS
    )
    _score_of_parts = staticmethod(r2)

    __init__ = _init_of(MinNetRegressor)
