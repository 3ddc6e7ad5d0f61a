"""The features that a network has learned, as a transformer."""

from __future__ import annotations

from copy import deepcopy
from numbers import Integral
from typing import Any, ClassVar, Self

from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from minnet.common.displayed import views
from minnet.common.entry import KnownKeywords
from minnet.common.sklearn_versions import CardMixin
from minnet.common.types import Array, ArrayLike, Matrix
from minnet.estimators.architecture import build_layers, position_of
from minnet.estimators.arguments import Between
from minnet.estimators.base import BaseMinNet
from minnet.estimators.documentation import DocumentedMixin
from minnet.estimators.preset import written_for
from minnet.estimators.solvers import trains_several

__all__ = ["MinNetTransformer"]


class MinNetTransformer(
    DocumentedMixin,
    KnownKeywords,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    MetaEstimatorMixin,
    CardMixin,
    BaseEstimator,
):
    """The outputs of a hidden layer, as features for whatever comes next.

    ``fit`` fits a copy of the estimator to ``X`` and ``y``; ``transform`` is its
    :meth:`~minnet.MinNetClassifier.activations`. A fitted estimator is used as it is inside a
    :class:`sklearn.frozen.FrozenEstimator`: one that learns from a stream by ``partial_fit``, say.

    Parameters
    ----------
    estimator : MinNetClassifier or MinNetRegressor
        Whose hidden layer is asked for; it is copied.
    layer : int or str, default=-1
        Which hidden layer, counted from 0 or, if negative, from the end; or a layer of the network by its
        name, such as "layers[2]". See :meth:`minnet.MinNetClassifier.activations`. It may be changed
        without fitting again.

    Attributes
    ----------
    estimator_ : MinNetClassifier or MinNetRegressor
        The fitted copy.
    n_features_in_, feature_names_in_
        As in all estimators.

    Examples
    --------
    >>> from minnet import MinNetClassifier, MinNetTransformer
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MinNetClassifier((16, 4), solver="lbfgs", random_state=0)
    >>> model = make_pipeline(MinNetTransformer(network), KNeighborsClassifier()).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    >>> model[0].transform(X).shape, list(model[0].get_feature_names_out()[:2])
    ((150, 4), ['minnettransformer0', 'minnettransformer1'])

    A network that is fitted already:

    >>> from sklearn.frozen import FrozenEstimator
    >>> features = MinNetTransformer(FrozenEstimator(network.fit(X, y)), layer=0).fit(X, y)
    >>> features.transform(X).shape
    (150, 16)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "activations"])],
        "layer": [Between(Integral, None, None, closed="neither"), str],
    }

    def __init__(self, estimator: Any, *, layer: int | str = -1) -> None:
        self.estimator = estimator
        self.layer = layer

    def fit(self, X: Matrix, y: ArrayLike, **fit_params: Any) -> Self:
        """Fit a copy of the estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, as ``fit`` takes them.
        **fit_params : dict
            For the ``fit`` of the estimator, such as ``sample_weight`` or ``X_val``; with metadata routing
            enabled, those it requests.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data do not fit, or if there is no such layer. The transformer is then as it was.
        """
        self._validate_params()
        estimator = clone(self.estimator)
        if isinstance(estimator, BaseMinNet):  # before a fit that may take long
            position_of(build_layers(written_for(estimator, X), 1), self.layer)
            if trains_several(estimator):
                raise ValueError(
                    "estimator must have n_networks=1 for a MinNetTransformer, which takes one network's "
                    f"features, got n_networks={estimator.n_networks}"
                )
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        estimator.fit(X, y, **fit_params)
        position_of(estimator.network_.layers, self.layer)
        self.estimator_ = estimator
        return self

    def transform(self, X: Matrix) -> Array:
        """Return the outputs of the layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            In the dtype of the fit; a data frame after ``set_output``.
        """
        check_is_fitted(self)
        return self.estimator_.activations(X, layer=self.layer)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which metadata goes where: all of it to the estimator.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        return MetadataRouter(owner=self).add(
            estimator=self.estimator,
            method_mapping=MethodMapping().add(caller="fit", callee="fit"),
        )

    # ---- the fitted network

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Return the names of the columns that ``transform`` returns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Compared with the names in ``fit``; otherwise not used.

        Returns
        -------
        ndarray of shape (n_units,)
            "minnettransformer0" and so on.
        """
        check_is_fitted(self)
        self._n_layers()  # which names the layer, if there is none
        return super().get_feature_names_out(input_features)

    @property
    def _n_features_out(self) -> int:
        try:
            return self.estimator_.network_.sizes[self._n_layers()]
        except ValueError as error:  # a property that lists of attributes ask for
            raise AttributeError(str(error)) from error

    def _n_layers(self) -> int:
        """Return how many layers of the network are passed."""
        return position_of(self.estimator_.network_.layers, self.layer) + 1

    @property
    def n_features_in_(self) -> int:
        """Number of features in ``fit``."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self) -> Array:
        """Names of the features in ``fit``, if they had any."""
        return self.estimator_.feature_names_in_

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        attributes = super()._get_fitted_attr_html(doc_link)
        if not hasattr(self, "_n_features_out"):
            return attributes
        title, network = type(self).__name__, self.estimator_.network_
        return views().attributes_with_drawing(attributes, network, title, self._n_layers())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = deepcopy(inner.input_tags)
        tags.target_tags = deepcopy(inner.target_tags)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
