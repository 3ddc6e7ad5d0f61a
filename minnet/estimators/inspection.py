"""Looking into the network of a fitted estimator: its weights, what its layers give out, its table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from minnet.backends import make_backend
from minnet.common.displayed import views
from minnet.common.types import Array, Matrix
from minnet.estimators.architecture import first_layers, position_of
from minnet.network import Network

__all__ = ["InspectionMixin", "Parameters"]


class InspectionMixin:
    """Mixin of the estimators: they have ``network_`` once they are fitted."""

    backend: str
    n_threads: int | None
    network_: Network
    _other_networks: list[Network]
    _predict_blocks: Callable[..., Array]

    @property
    def networks_(self) -> list[Network]:
        """All networks: ``network_``, and the others where there are several."""
        if "network_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no networks_ before it is fitted")
        return [self.network_, *self._other_networks]

    @property
    def coefs_(self) -> Parameters:
        """Weight matrices, layer by layer: views of the network's; assigning copies in."""
        return self._parameters("coefs_", "W")

    @coefs_.setter
    def coefs_(self, values: list[Array]) -> None:
        self._parameters("coefs_", "W").assign(values)

    @property
    def intercepts_(self) -> Parameters:
        """Bias vectors, layer by layer: views of the network's; assigning copies in."""
        return self._parameters("intercepts_", "b")

    @intercepts_.setter
    def intercepts_(self, values: list[Array]) -> None:
        self._parameters("intercepts_", "b").assign(values)

    def _parameters(self, attribute: str, name: str) -> Parameters:
        if "network_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no {attribute} before it is fitted")
        views = self.network_.views(self.network_.params)
        return Parameters(attribute, [arrays[name] for arrays in views if name in arrays])

    def summary(self) -> str:
        """Return a table of the fitted network's layers as text; see :meth:`minnet.Network.summary`."""
        check_is_fitted(self, "network_")
        return views().summarize(self.network_, type(self).__name__)

    def activations(self, X: Matrix, layer: int | str = -1) -> Array:
        """Return what a hidden layer gives out: the features that the network has learned.

        As in prediction: nothing is dropped, and batch normalization takes its running averages. What
        comes after the layer is not computed.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.
        layer : int or str, default=-1
            Which hidden layer, counted from 0 or, if negative, from the end. One is a Dense layer (or
            one of your own) with the normalization and Dropout that follow it. "layers[2]" is the layer of
            the network that :meth:`summary` numbers 2, and nothing of what follows it.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            In the dtype of the fit.

        Raises
        ------
        ValueError
            If there is no such layer.

        Examples
        --------
        >>> from minnet import MinNetClassifier
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = MinNetClassifier((16, 8), solver="lbfgs", random_state=0).fit(X, y)
        >>> clf.activations(X).shape, clf.activations(X, layer=0).shape
        ((150, 8), (150, 16))
        """
        check_is_fitted(self, "network_")
        n_layers = position_of(self.network_.layers, layer) + 1
        network = first_layers(self.network_, n_layers)
        backend = make_backend(self.backend, network, self.n_threads)
        return self._predict_blocks(X, [backend], lambda outputs: outputs[0])

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        attributes = super()._get_fitted_attr_html(doc_link)  # type: ignore[misc]
        if "network_" not in vars(self):  # as a parameter of a fitted estimator
            return attributes
        return views().attributes_with_drawing(attributes, self.network_, type(self).__name__)


class Parameters(list[Array]):
    """A list of views of a network's parameters, whose items copy in when they are assigned.

    Parameters
    ----------
    name : str
        What error messages call it.
    views : list of ndarray

    Examples
    --------
    >>> import numpy as np
    >>> weights = np.zeros((2, 2))
    >>> coefs = Parameters("coefs_", [weights])
    >>> coefs[0] = np.ones((2, 2))
    >>> weights
    array([[1., 1.],
           [1., 1.]])
    """

    def __init__(self, name: str, views: list[Array]) -> None:
        super().__init__(views)
        self.name = name

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            raise TypeError(f"{self.name} takes one array at an index, or a whole list")
        self[index][...] = self._checked(index, value)

    def assign(self, values: Any) -> None:
        """Copy a whole list of arrays in; nothing changes unless all of them fit."""
        if not isinstance(values, list | tuple) or len(values) != len(self):
            got = len(values) if isinstance(values, list | tuple) else type(values).__name__
            raise ValueError(f"{self.name} must be a list of {len(self)} arrays, got {got}")
        checked = [self._checked(i, value) for i, value in enumerate(values)]
        for view, value in zip(self, checked, strict=True):
            view[...] = value

    def _checked(self, index: int, value: Any) -> Array:
        view, name = self[index], f"{self.name}[{index}]"
        try:
            value = np.asarray(value)
        except ValueError:
            raise ValueError(f"{name} must be an array of shape {view.shape}, got a list") from None
        if value.shape != view.shape:
            raise ValueError(f"{name} must have shape {view.shape}, got {value.shape}")
        if value.dtype.kind not in "biuf":
            raise ValueError(f"{name} must be an array of numbers, got dtype {value.dtype}")
        with np.errstate(over="ignore"):
            # This copies, as it must: the value may be a view of the same buffer.
            value = value.astype(view.dtype)
        if not np.isfinite(value).all():
            raise ValueError(f"{name} must be finite in {view.dtype}, got NaN or infinity")
        return value

    def __reduce__(self) -> Any:
        return list, (list(self),)
