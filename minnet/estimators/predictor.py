"""Predictions for a service: a fitted network alone, without checks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from minnet.backends import make_backend
from minnet.common.types import Array
from minnet.estimators.prediction import mean
from minnet.network import Network

__all__ = ["Predictor"]


class Predictor:
    """Predictions of a fitted estimator for rows that come one by one; made by ``estimator.predictor()``.

    It has copied what it needs: a later ``fit`` of the estimator changes nothing here. What it is called
    with is looked at no further than that its shape and dtype fit: NaN and infinity come out as NaN. It
    may be called from several threads, and pickled.

    Parameters
    ----------
    networks : sequence of Network
        Copied; several have the mean of their predictions.
    backend : str
        As ``backend`` of the estimators.
    n_threads : int or None
        Likewise; few rows are predicted by one thread in each case.
    pair : bool
        Of a single logit z return two columns: what becomes of -z, and of z.
    temperature : float or None
        What logits are divided by.
    finish : callable or None
        What is made of the predictions of each network.
    classes : ndarray or None
        What the columns mean.

    Attributes
    ----------
    classes_ : ndarray or None
        The classes, in the order of the columns; None for numbers.
    dtype : dtype
        What arrays must have: that of the network.

    See Also
    --------
    minnet.export.to_onnx : A file that other languages read.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import MinNetClassifier
    >>> X = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    >>> clf = MinNetClassifier((8,), random_state=0, max_iter=300).fit(X, X[:, 0] > 0)
    >>> predictor = clf.predictor()
    >>> probabilities = predictor(X[:1])
    >>> probabilities.shape, predictor.dtype
    ((1, 2), dtype('float32'))
    >>> np.array_equal(probabilities, clf.predict_proba(X[:1]))
    True
    """

    def __init__(
        self,
        networks: list[Network],
        backend: str = "auto",
        n_threads: int | None = None,
        pair: bool = False,
        temperature: float | None = None,
        finish: Callable[[Array], Array] | None = None,
        classes: Array | None = None,
    ) -> None:
        self._networks = copy.deepcopy(list(networks))
        self._backend, self._n_threads = backend, n_threads
        self._pair, self._temperature = bool(pair), temperature
        self._finish, self.classes_ = finish, classes
        self.dtype = self._networks[0].dtype
        self._prepare()

    def __call__(self, X: Array) -> Array:
        """Return predictions.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), of :attr:`dtype`
            Inputs, a row for each sample.

        Returns
        -------
        ndarray
            What ``predict_proba`` of a classifier returns, and ``predict`` of a regressor: the same bits.

        Raises
        ------
        ValueError
            If it is no array of this shape and dtype.
        """
        made = self._made(self._calls[0], X)
        if len(self._calls) == 1:
            return made
        return mean([made, *(self._made(call, X) for call in self._calls[1:])])

    def _made(self, call: Callable[[Array], Array], X: Array) -> Array:
        return call(X) if self._finish is None else self._finish(call(X))

    def _prepare(self) -> None:
        backends = [make_backend(self._backend, each, self._n_threads) for each in self._networks]
        self._calls = [each.predictor(self._pair, self._temperature) for each in backends]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_calls"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare()

    def __repr__(self) -> str:
        n_in, n_out = self._networks[0].sizes[0], self._networks[0].sizes[-1]
        return f"<Predictor of {n_in} features, {2 if self._pair else n_out} outputs, {self.dtype}>"
