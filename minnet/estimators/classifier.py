"""The classifier."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted

from minnet.activations import Activation
from minnet.common.callers import level_of_user
from minnet.common.communicator import leads
from minnet.common.docstrings import complete_docstring
from minnet.common.entry import entry
from minnet.common.sklearn_versions import with_callbacks
from minnet.common.types import Array, ArrayLike, DTypeLike, Matrix, RandomState
from minnet.estimators.agreement import labels_of_ranks
from minnet.estimators.arguments import Names
from minnet.estimators.base import BaseMinNet
from minnet.estimators.data import Data
from minnet.estimators.fit import FitStream, PartialFit
from minnet.estimators.plain import as_labels, as_weights
from minnet.estimators.prediction import log_mean_exp
from minnet.estimators.predictor import Predictor
from minnet.estimators.solvers import takes_batches
from minnet.estimators.stratification import stratified_rows
from minnet.estimators.targets import Labels, abbreviated, check_indicator, in_a_row, sorted_labels
from minnet.estimators.together import as_one_of_ranks
from minnet.layers import Layer
from minnet.links import LOG_INVERSE_LINKS
from minnet.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError
from minnet.optimizers import Optimizer
from minnet.random import Stream
from minnet.schedules import Schedule
from minnet.training.divergence import finite_logits, finite_predictions

__all__ = ["MinNetClassifier"]


@complete_docstring(BaseMinNet)
class MinNetClassifier(ClassifierMixin, BaseMinNet):
    """Neural network classifier: binary, multiclass and multilabel.

    It takes every argument of :class:`sklearn.neural_network.MLPClassifier`, with the same name,
    place, default and meaning, and those from ``loss`` on, which are minnet's.

    Parameters
    ----------
    loss : {"log_loss", "squared_error"} or Loss, default="log_loss"
        Cross-entropy, or the quadratic cost on the probabilities.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with ``sample_weight``; "balanced" is inverse to their
        frequency, in which samples count by their ``sample_weight``. For multilabel it is the product over
        the columns, as in scikit-learn, over its mean where it would under- or overflow, as it does with
        hundreds of columns.
    calibrate : bool, default=False
        Divide the logits by one number for probabilities, the temperature at which the log loss on the
        validation set is least. Labels stay as they are. It needs ``early_stopping=True`` or ``X_val``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels: whole numbers, booleans, floats or strings, as ``y`` has them, in whatever form; for
        multilabel the indices of the columns, or the names that ``classes`` of ``partial_fit`` gave them.
    temperature_ : float
        What the logits are divided by, with ``calibrate=True``; 1 where every validated row is right.

    See Also
    --------
    MinNetRegressor : The same for numbers.

    Examples
    --------
    >>> from minnet import MinNetClassifier
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MinNetClassifier((32,), activation="tanh", init="glorot", max_iter=20, tol=1e-2,
    ...                        n_iter_no_change=3, learning_rate_init=0.01, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), clf).fit(X[:1000], y[:1000])
    >>> pipeline.score(X[1000:], y[1000:]) > 0.9
    True
    >>> clf.init_
    [GlorotUniform(), GlorotUniform()]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMinNet._parameter_constraints,
        "loss": [Names("log_loss", "squared_error"), Loss],
        "class_weight": [dict, Names("balanced"), None],
        "scoring": [Names("loss", "refinement", *get_scorer_names()), callable, None],
        "calibrate": ["boolean"],
    }

    class_weight: dict[Any, float] | str | None
    calibrate: bool
    temperature_: float
    classes_: Array
    _labels: Labels

    def __init__(
        self,
        hidden_layer_sizes: ArrayLike = (100,),
        activation: str | Activation = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Schedule | Callable[[int], float] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: str | Loss = "log_loss",
        init: Any = "auto",
        bias_init: Any = "auto",
        layers: list[Layer] | None = None,
        output_layer: dict[str, Any] | None = None,
        dropout: float = 0.0,
        batch_norm: bool = False,
        class_weight: dict[Any, float] | str | None = None,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        scoring: str | Callable[..., float] | None = None,
        keep: str | None = None,
        calibrate: bool = False,
        n_networks: int = 1,
        backend: str = "auto",
        n_threads: int | None = None,
        preset: str | None = None,
        precision: str | None = None,
    ) -> None:
        self._store(locals())

    @available_if(takes_batches)
    @entry
    @complete_docstring(BaseMinNet.partial_fit)
    def partial_fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Go on with one epoch over the given data.

        The optimizer and its learning rate stay those of the first call; ``alpha``, ``batch_size``,
        ``shuffle``, ``verbose``, clipping and weight decay are read anew in each.
        Callbacks are not called; a warning says so where there are any.
        Initializers that look at data see those of the first call, which should have 100 rows or more.

        Parameters
        ----------
        classes : array-like of shape (n_classes,), default=None
            All classes there will be, for multilabel a name for each column, in their order; required in
            the first call, and may be left out afterwards.
        """
        kind = as_one_of_ranks(PartialFit)
        kind(self, X, y, sample_weight, classes=classes).run()
        return self

    @available_if(takes_batches)
    @with_callbacks
    @entry
    @complete_docstring(BaseMinNet.fit_stream)
    def fit_stream(
        self,
        batches: Iterable[Any] | Callable[[], Iterable[Any]],
        n_epochs: int = 1,
        *,
        classes: ArrayLike | None = None,
        batches_per_epoch: int | None = None,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the network to data that come batch by batch and need not fit into memory.

        As in ``fit``, it starts anew unless ``warm_start=True``. Each batch is cut into mini-batches of
        ``batch_size`` rows and takes the steps of one ``partial_fit``; a thread reads and checks the next
        batches meanwhile.

        Parameters
        ----------
        classes : array-like of shape (n_classes,), default=None
            As in ``partial_fit``; required unless a warm start knows them.

        Examples
        --------
        >>> from minnet import MinNetClassifier
        >>> from sklearn.datasets import load_digits
        >>> X, y = load_digits(return_X_y=True)
        >>> batches = [(X[i::10] / 16, y[i::10]) for i in range(10)]
        >>> clf = MinNetClassifier((32,), learning_rate_init=0.01, random_state=0)
        >>> clf.fit_stream(batches, n_epochs=30, classes=range(10)).n_iter_
        30
        >>> clf.score(X / 16, y) > 0.95
        True
        """
        if classes is None and not (self.warm_start and hasattr(self, "network_")):
            raise ValueError("classes must be given: the first batch may not have them all")
        held = X_val, y_val, sample_weight_val
        FitStream(self, batches, n_epochs, batches_per_epoch, held=held, classes=classes).run()
        return self

    def predict(self, X: Matrix) -> Array | sparse.csr_matrix:
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_labels) of zeros and ones for multilabel
            The latter is a CSR matrix if the indicator in ``fit`` was sparse.

        Raises
        ------
        ValueError
            If ``X`` does not fit, or if an output of the network for it is NaN or infinite.
        """
        P = self._at_once(X)
        if P is not None:
            return self._labels.decode(P)
        return self._predicted(X, then=lambda P: self._labels.decode(P))

    def predict_proba(self, X: Matrix) -> Array:
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; for multilabel that of each label being 1.

        Raises
        ------
        ValueError
            If ``X`` does not fit, or if an output of the network for it is NaN or infinite.
        """
        fitted = vars(self)
        labels = fitted.get("_labels")
        if labels is not None and len(labels.classes) > 1:
            P = self._at_once(X, labels.kind == "binary", fitted.get("temperature_"))
            if P is not None:
                return P
        return self._of_each_class(X, finite_predictions, 1.0)

    def predict_log_proba(self, X: Matrix) -> Array:
        """Predict logarithms of probabilities, finite where the probabilities round to 0.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        ValueError
            If ``X`` does not fit, or if an output of the network for it is NaN or infinite.
        """

        def logarithms(
            network: Any, backend: Any, X: Matrix, pair: bool, temperature: float | None
        ) -> Array:
            Z, function = finite_logits(network, backend, X), LOG_INVERSE_LINKS[self._labels.output]
            with np.errstate(over="ignore", invalid="ignore"):
                if temperature is not None:
                    Z = Z / Z.dtype.type(temperature)
                return np.hstack([function(-Z), function(Z)]) if pair else function(Z)

        return self._of_each_class(X, logarithms, 0.0, mean=log_mean_exp)

    def _of_each_class(
        self, X: Matrix, function: Callable[..., Array], certain: float, **options: Any
    ) -> Array:
        """Return ``function(network, backend, X, pair, temperature)``, with a column for each class."""
        fitted = vars(self)
        labels, temperature = fitted.get("_labels"), fitted.get("temperature_")
        pair = labels is not None and labels.kind == "binary"

        def made(network: Any, backend: Any, X: Matrix) -> Array:
            if labels is not None and labels.certain:
                return np.full_like(finite_logits(network, backend, X), certain)
            return function(network, backend, X, pair, temperature)

        return self._predicted(X, made, **options)

    def predictor(self) -> Predictor:
        """Return a function that predicts probabilities of few rows in some microseconds.

        It is for services: it has copied the network, is called with an array of the network's dtype,
        and looks at nothing but its shape.

        Returns
        -------
        minnet.estimators.predictor.Predictor

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from minnet import MinNetClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> predictor = MinNetClassifier(random_state=0, max_iter=300).fit(X, y).predictor()
        >>> predictor(X[:2]).argmax(axis=1)
        array([0, 0])
        """
        check_is_fitted(self, "network_")
        certain = self._labels.certain
        return Predictor(
            self.networks_,
            self.backend,
            self.n_threads,
            pair=self._labels.kind == "binary" and not certain,
            temperature=getattr(self, "temperature_", None),
            finish=partial(np.full_like, fill_value=1) if certain else None,
            classes=self.classes_,
        )

    @entry
    def score(self, X: Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy; for multilabel the fraction of rows that are right in every label.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs, a row for each sample.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels in any form that ``fit`` takes.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.

        Returns
        -------
        float
        """
        labels = as_labels(y)
        if getattr(labels, "ndim", 1) == 2:
            check_is_fitted(self, "network_")
            if self._labels.kind == "multilabel":
                check_indicator(labels)
            elif sparse.issparse(labels) and labels.shape[1] == 1:
                labels = labels.toarray()
        return super().score(X, labels, as_weights(sample_weight, "sample_weight", of=labels))

    # ---- what the base asks for

    def _check_targets(
        self,
        y: Any,
        dtype: DTypeLike,
        sample_weight: Array | None,
        known: Labels | None,
        call: str,
        classes: Any,
    ) -> tuple[Labels, Array]:
        y = in_a_row(y)
        labels = found = Labels.of(labels_of_ranks(y))
        if classes is not None:
            of_columns = (known or found).kind == "multilabel"
            classes = _check_classes(classes, of_columns)
        if known is None:
            if call == "partial_fit" and classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            labels = found if classes is None else found.declared(classes)
        else:
            labels = known
            if classes is not None and not np.array_equal(classes, known.classes):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                    f"{known.classes!r}; leave classes out, or begin with a new estimator"
                )
        warm = call == "fit" and known is not None
        labels.check(found, "warm_start" if warm else "partial_fit")
        return labels, labels.encode(y, dtype)

    def _check_held_targets(self, targets: Labels, y: Any, dtype: DTypeLike) -> Array:
        y = in_a_row(y)
        targets.check(Labels.of(labels_of_ranks(y), "y_val"), "y_val")
        return targets.encode(y, dtype)

    def _fitted_targets(self) -> Labels:
        return self._labels

    def _total_weight(
        self, targets: Labels, T: Array, sample_weight: Array | None, call: str
    ) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        if call == "partial_fit" and self.class_weight == "balanced":
            raise ValueError(
                "class_weight must be a dict or None in partial_fit and fit_stream, which do not see "
                "all classes, got 'balanced'"
            )
        weights = targets.weights(self.class_weight, T, sample_weight)
        return weights if sample_weight is None else weights * sample_weight

    def _held_weight(
        self, targets: Labels, T_val: Array, sample_weight_val: Array | None, data: Data
    ) -> Array | None:
        if self.class_weight is None:
            return sample_weight_val
        weights = targets.weights(self.class_weight, data.T, data.sample_weight, at=T_val)
        return weights if sample_weight_val is None else weights * sample_weight_val

    def _loss(self, targets: Labels) -> Loss:
        output = targets.output
        if self.loss == "squared_error":
            return SquaredError(output)
        if self.loss == "log_loss":
            return SoftmaxCrossEntropy() if output == "softmax" else SigmoidCrossEntropy()
        assert isinstance(self.loss, Loss)
        if self.loss.output != output:
            raise ValueError(
                f"loss must have the output {output!r} for {targets.kind} targets, got "
                f"{self.loss!r} with {self.loss.output!r}"
            )
        return self.loss

    @property
    def _scored_by_accuracy(self) -> bool:
        """Whether a validation set has the score that is here, and not one of a subclass."""
        cls, here = type(self), MinNetClassifier
        own = cls._outcome, cls._validation_score
        return own == (here._outcome, here._validation_score)

    def _outcome(self, targets: Labels, Y: Array, T: Array) -> Array:
        return targets.right(Y, T)

    def _validation_score(self, Y: Array, T: Matrix, sample_weight: Array | None) -> float:
        return np.average(Y, weights=sample_weight)  # of the rows that are right in all columns

    def _held_rows(self, targets: Labels, T: Array, n_held: int, stream: Stream) -> Array:
        return stratified_rows(T, n_held, stream)

    def _check_parts(self, targets: Labels, T: Array, T_held: Array) -> None:
        untrained = [] if self.shuffle else targets.only_in(T_held, T)
        if untrained and leads():
            warnings.warn(
                f"no row of these labels is trained on: {abbreviated(untrained)}; all of them are among "
                "the last rows, which early stopping sets aside with shuffle=False: give a set of your "
                "own as X_val and y_val, or set shuffle=True",
                stacklevel=level_of_user(),
            )
        missing = targets.only_in(T, T_held)
        if missing and leads():
            warnings.warn(
                f"the validation set has no row of these labels: {abbreviated(missing)}; give fit more "
                "rows, a larger validation_fraction, or a set of your own as X_val and y_val",
                stacklevel=level_of_user(),
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _check_classes(classes: Any, of_columns: bool) -> Array:
    """Return labels, each once, sorted, or where they name columns in the order of these."""
    if sparse.issparse(classes):
        raise ValueError(f"classes must be an array of labels in a row, got {classes!r:.200}")
    classes = as_labels(classes, "classes")
    try:
        if type(classes) is not np.ndarray:
            return unique_labels(classes)
        classes = check_array(classes, ensure_2d=False, dtype=None, input_name="classes")
        labels = sorted_labels(classes)
    except ValueError as error:  # of scikit-learn, which may not know what they are
        raise ValueError(f"classes: {error}") from None
    if of_columns:
        place = {label: i for i, label in enumerate(classes.ravel().tolist())}
        labels = labels[np.argsort([place[label] for label in labels.tolist()])]
    return labels
