"""The classifier."""

import warnings
from typing import ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import unique_labels

from minnet.estimators._base import BaseMinNet, stochastic_solver
from minnet.estimators._split import stratified_rows
from minnet.estimators._targets import Labels, first_of, typed_labels
from minnet.links import LOG_INVERSE_LINKS
from minnet.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError

__all__ = ["MinNetClassifier"]


class MinNetClassifier(ClassifierMixin, BaseMinNet):
    """Neural network classifier: binary, multiclass and multilabel.

    It takes every argument of :class:`sklearn.neural_network.MLPClassifier`, with the same name,
    place, default and meaning, and those from ``loss`` on, which are minnet's.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or int, default=(100,)
        Units of each hidden layer; an empty tuple makes a linear model.
    activation : str or Activation, default="relu"
        Of the hidden layers: "identity", "logistic" (= "sigmoid"), "tanh", "relu", "softsign",
        "lecun_tanh", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", or an object.
    solver : {"adam", "sgd", "lbfgs"}, default="adam"
        "lbfgs" minimizes over all data at once and suits small data sets.
    alpha : float, default=0.0001
        Strength of the L2 term ``alpha / (2 sum(sample_weight)) * |W|**2`` of the objective. Unlike
        in scikit-learn its effect does not depend on ``batch_size``.
    batch_size : int or "auto", default="auto"
        "auto" is ``min(200, n_samples)``.
    learning_rate : {"constant", "invscaling", "adaptive"}, Schedule or callable, default="constant"
        The names are for solver="sgd", as in scikit-learn. For "adam" too there are the schedules
        :class:`minnet.optimizers.StepDecay`, :class:`minnet.optimizers.Cosine` and
        :class:`minnet.optimizers.WarmUp`, which start from ``learning_rate_init``, and functions of
        the step (0, 1, 2, ...) that return the rate itself. Steps go on counting in ``partial_fit``
        and in a warm start.
    learning_rate_init : float, default=0.001
        Learning rate at the start.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Most epochs (iterations of "lbfgs").
    shuffle : bool, default=True
        Visit the samples in a new random order in each epoch.
    random_state : int, RandomState or None, default=None
        Decides initial weights, order, dropout and validation split; consumed once a fit.
    tol : float, default=1e-4
        What counts as an improvement of the loss or the validation score.
    verbose : bool or int, default=False
        1 or True shows progress from the third second on: a bar with epoch, loss, validation score, rows
        per second and time left (``pip install 'minnet-learn[progress]'``), or a line every few seconds;
        a closing line says why the fit ended. From 2 on, and always with solver="lbfgs" and in
        ``partial_fit``, there is a line an iteration instead.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the fitted weights. The architecture must not have changed.
    momentum : float, default=0.9
        Of "sgd", between 0 and 1.
    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.
    early_stopping : bool, default=False
        Stop when the score on a validation set stalls, and return to the best weights. The set is
        ``X_val`` of ``fit``; without it ``validation_fraction`` of the data are set aside, in the
        proportions of the classes where that is possible.
    validation_fraction : float, default=0.1
    beta_1, beta_2 : float, default=0.9, 0.999
        Of "adam".
    epsilon : float, default=1e-8
        Of "adam".
    n_iter_no_change : int, default=10
        Training stops after more than that many epochs in a row without improvement.
    max_fun : int, default=15000
        Most evaluations of the objective by "lbfgs".
    loss : {"log_loss", "squared_error"} or Loss, default="log_loss"
        Cross-entropy, or the quadratic cost on the probabilities.
    init : str, dict, Initializer, array, callable or list, default="auto"
        Of the weight matrices, see :func:`minnet.initializers.list_initializers`. A list has one
        entry per weight matrix, the output's included. "auto" picks by activation; ``init_`` says
        what.
    bias_init : the same, default="auto"
        Of the biases. "auto" draws those of a hidden layer as one more row of weights where "auto"
        picked the initializer of the weights, and is "zeros" otherwise.
    layers : list of Layer, default=None
        The hidden layers themselves (Dense, Dropout, BatchNorm, your own), instead of
        ``hidden_layer_sizes``, ``activation``, ``dropout`` and ``batch_norm``. They are copied; the
        output layer is added.
    dropout : float, default=0.0
        Rate of a Dropout after each hidden layer.
    batch_norm : bool, default=False
        Whether to normalize the pre-activations of each hidden layer over the batch.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with ``sample_weight``; "balanced" is inverse to their
        frequency, in which samples count by their ``sample_weight``.
    weight_decay : float, default=0.0
        Decoupled weight decay: each step multiplies the weights by ``1 - rate * weight_decay``.
    clip_norm, clip_value : float or None, default=None
        Clip the gradient by its norm, or each of its elements.
    scoring : str, callable or None, default=None
        What the validation set is scored by. None: accuracy. "loss": minus the loss, without L2.
        Otherwise the name of a scorer of scikit-learn, or ``scorer(estimator, X, y)``, the higher the
        better, which gets ``sample_weight=`` too where the validation set has weights.
    backend : {"auto", "cython", "numba", "numpy"}, default="auto"
        What runs the training; "auto" takes the first of them that is installed.
    n_threads : int or None, default=None
        Threads; None leaves the libraries' settings alone.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for multilabel the indices of the columns.
    coefs_, intercepts_ : list of ndarray
        Weight matrices (fan_in, fan_out) and bias vectors, layer by layer. Assigning copies in.
    network_ : Network
        The fitted network.
    init_ : list of Initializer
        What initialized each weight matrix.
    loss_ : float
        Mean objective of the last epoch.
    loss_curve_ : list of float
        Of every epoch (not with "lbfgs").
    best_loss_ : float or None
        Smallest of ``loss_curve_``; None with early stopping.
    validation_scores_, validation_loss_curve_ : list of float
        Score and loss (without L2) on the validation set after each epoch; None unless this fit had
        a validation set. After a warm start those of earlier fits come first.
    best_validation_score_ : float
        Largest score of this fit; in a warm start that of its first weights may be it. None where
        there are no scores.
    n_iter_ : int
        Epochs of this fit; after ``partial_fit`` of all calls.
    t_ : int
        Samples seen.
    n_layers_, n_outputs_, out_activation_
        As in scikit-learn: layers counting the input, units and activation of the output.
    fit_info_ : dict
        What ran the last call of ``fit`` or ``partial_fit``, in numbers and strings: "random_key", of
        all random streams; "backend", "cpu_level" of its kernels, "n_threads", the most it could use
        (None where not known); "dtype"; "seconds"; "versions" of minnet, numpy, scipy and
        scikit-learn.
    n_features_in_, feature_names_in_

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

    _parameter_constraints: ClassVar[dict] = {
        **BaseMinNet._parameter_constraints,
        "loss": [StrOptions({"log_loss", "squared_error"}), Loss],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        loss="log_loss",
        init="auto",
        bias_init="auto",
        layers=None,
        dropout=0.0,
        batch_norm=False,
        class_weight=None,
        weight_decay=0.0,
        clip_norm=None,
        clip_value=None,
        scoring=None,
        backend="auto",
        n_threads=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.init = init
        self.bias_init = bias_init
        self.layers = layers
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.class_weight = class_weight
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.scoring = scoring
        self.backend = backend
        self.n_threads = n_threads

    @available_if(stochastic_solver)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Go on with one epoch over the given data.

        The optimizer and its learning rate stay those of the first call; ``alpha``, ``batch_size``,
        ``shuffle``, ``verbose``, clipping and weight decay are read anew in each.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : array-like of shape (n_samples,), default=None
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; required in the first call, and may be left out afterwards.

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight, classes=classes)

    @available_if(stochastic_solver)
    def fit_stream(
        self,
        batches,
        n_epochs=1,
        *,
        classes=None,
        batches_per_epoch=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the network to data that come batch by batch and need not fit into memory.

        As in ``fit``, it starts anew unless ``warm_start=True``. Each batch is cut into mini-batches of
        ``batch_size`` rows and takes the steps of one ``partial_fit``; a thread reads and checks the next
        batches meanwhile.

        Parameters
        ----------
        batches : iterable or callable
            Of ``(X, y)`` or ``(X, y, sample_weight)``, each as ``partial_fit`` takes them; or a function
            that returns such an iterable, called once an epoch. The first batch is looked at for the
            number of features and the dtype. If it is an iterator with a method ``skip(n)``, a fit that
            is taken up again from a checkpoint tells it what to leave out; others are read from their
            beginning.
        n_epochs : int, default=1
            At most: a loss or score that stalls ends the fit, see ``n_iter_no_change``.
        classes : array-like of shape (n_classes,), default=None
            All classes there will be; required unless a warm start knows them.
        batches_per_epoch : int or None, default=None
            None: an epoch is one pass. Otherwise ``batches`` is passed through once, endless or not, and
            so many of it are called an epoch: a loss is noted and validation is due after each.
        X_val, y_val, sample_weight_val
            A validation set, as in ``fit``. Early stopping needs one.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a batch does not fit, with its number, or if training diverges. The estimator is then as
            it was.

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
        return self._fit_stream(batches, n_epochs, batches_per_epoch, *held, classes=classes)

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_labels) of zeros and ones for multilabel
            The latter is a CSR matrix if the indicator in ``fit`` was sparse.

        Raises
        ------
        ValueError
            If ``X`` does not fit, or if an output of the network for it is NaN or infinite.
        """

        def labels(Z):
            return self._labels.decode(self.network_.loss_.predict(Z))

        Y = self._apply_to_logits(X, labels)
        return sparse.csr_matrix(Y) if self._labels.sparse else Y

    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; for multilabel that of each label being 1.

        Raises
        ------
        ValueError
            If ``X`` does not fit, or if an output of the network for it is NaN or infinite.
        """
        return self._of_each_class(X, lambda Z: self.network_.loss_.predict(Z), 1.0)

    def predict_log_proba(self, X):
        """Predict logarithms of probabilities, finite where the probabilities round to 0.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        ValueError
            If ``X`` does not fit, or if an output of the network for it is NaN or infinite.
        """
        return self._of_each_class(X, lambda Z: LOG_INVERSE_LINKS[self._labels.output](Z), 0.0)

    def _of_each_class(self, X, function, certain):
        """Return ``function`` of the logits, with a column for each class."""

        def outputs(Z):
            if self._labels.kind != "binary":
                return function(Z)
            if len(self.classes_) == 1:
                return np.full_like(Z, certain)
            # Not 1 - p, which is 0 where p rounds to 1.
            return np.hstack([function(-Z), function(Z)])

        return self._apply_to_logits(X, outputs)

    # ---- what the base asks for

    def _check_targets(self, X, y, first, **given):
        y = _plain(y)
        found = Labels.of(y)
        incremental = "classes" in given
        classes = given.get("classes")
        if classes is not None:
            if sparse.issparse(classes):
                raise ValueError(
                    f"classes must be an array of labels in a row, got {classes!r:.200}"
                )
            if str(getattr(classes, "dtype", "")) == "object":
                classes = typed_labels(np.asarray(classes), "classes")
            classes = unique_labels(classes)
        if first:
            if incremental and classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._labels = found if classes is None else found.declared(classes)
            self.classes_ = self._labels.classes
        elif classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_!r}; leave classes out, or begin with a new estimator"
            )
        self._labels.check(found, "partial_fit" if first or given else "warm_start")
        return self._labels.encode(y, X.dtype)

    def _check_held_targets(self, X, y):
        y = _plain(y)
        self._labels.check(Labels.of(y), "y_val")
        return self._labels.encode(y, X.dtype)

    def _total_weight(self, T, sample_weight, incremental):
        if self.class_weight is None:
            return sample_weight
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight must be a dict or None in partial_fit and fit_stream, which do not see "
                "all classes, got 'balanced'"
            )
        weights = self._labels.weights(self.class_weight, T, sample_weight)
        return weights if sample_weight is None else weights * sample_weight

    def _held_weight(self, T_val, sample_weight_val, T, sample_weight):
        if self.class_weight is None:
            return sample_weight_val
        weights = self._labels.weights(self.class_weight, T, sample_weight, at=T_val)
        return weights if sample_weight_val is None else weights * sample_weight_val

    def _n_outputs(self, T):
        return self._labels.n_outputs

    def _loss(self):
        output = self._labels.output
        if self.loss == "squared_error":
            return SquaredError(output)
        if self.loss == "log_loss":
            return SoftmaxCrossEntropy() if output == "softmax" else SigmoidCrossEntropy()
        if self.loss.output != output:
            raise ValueError(
                f"loss must have the output {output!r} for {self._labels.kind} targets, got "
                f"{self.loss!r} with {self.loss.output!r}"
            )
        return self.loss

    def _validation_score(self, Y, T, sample_weight):
        if self._labels.kind == "multiclass":
            right = Y.argmax(axis=1) == T
        else:
            right = ((Y > 0.5) == (T > 0.5)).all(axis=1)
        return np.average(right, weights=sample_weight)

    def _held_rows(self, T, n_held, stream):
        held = stratified_rows(T, n_held, stream)
        missing = self._labels.only_in(T[~held], T[held])
        if missing:
            warnings.warn(
                f"the validation set has no row of these labels: {first_of(missing)}; give fit more "
                "rows, a larger validation_fraction, or a set of your own as X_val and y_val",
                stacklevel=6,
            )
        return held

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _plain(y):
    """Return labels in a single column as a vector, and those that are Python's objects by their type."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y.toarray() if sparse.issparse(y) else y, warn=True)
    return typed_labels(y) if y.dtype == object else y
