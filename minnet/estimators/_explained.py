"""Looking into the network of a fitted estimator: as text, drawn, and what its layers give out."""

from sklearn.utils.validation import check_is_fitted

from minnet.backends import make_backend
from minnet.common.displayed import views
from minnet.estimators._hidden import first_layers, position_of

__all__ = ["Explained"]


class Explained:
    """Mixin of the estimators: they have ``network_`` once they are fitted."""

    def summary(self):
        """Return a table of the fitted network's layers as text; see :meth:`minnet.Network.summary`."""
        check_is_fitted(self, "network_")
        return views().summarize(self.network_, type(self).__name__)

    def activations(self, X, layer=-1):
        """Return what a hidden layer gives out: the features that the network has learned.

        As in prediction: nothing is dropped, and batch normalization takes its running averages. What
        comes after the layer is not computed.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        layer : int or str, default=-1
            Which hidden layer, counted from 0 or, if negative, from the end. One is a Dense layer (or
            one of your own) with the BatchNorm and Dropout that follow it. "layers[2]" is the layer of
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
        return self._apply(X, backend, lambda Y: Y)

    def _get_fitted_attr_html(self, doc_link=""):
        attributes = super()._get_fitted_attr_html(doc_link)
        if "network_" not in vars(self):  # as a parameter of a fitted estimator
            return attributes
        return views().attributes_with_drawing(attributes, self.network_, type(self).__name__)
