"""The regressor."""

from typing import ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from minnet.estimators._base import BaseMinNet, stochastic_solver
from minnet.estimators._target_scale import TargetScale
from minnet.estimators._targets import columns
from minnet.losses import Loss, get_loss

__all__ = ["MinNetRegressor"]

_LOSSES = {"squared_error", "poisson", "absolute_error", "huber", "quantile"}


class MinNetRegressor(RegressorMixin, BaseMinNet):
    """Neural network regressor for one or several outputs.

    It takes every argument of :class:`sklearn.neural_network.MLPRegressor`, with the same name,
    place, default and meaning, and those from ``init`` on, which are minnet's.

    Parameters
    ----------
    loss : str or Loss, default="squared_error"
        "squared_error" (half of it), "poisson" (half the deviance, with a log link: ``y >= 0``),
        "absolute_error", "huber" (quadratic up to a distance of 1, linear beyond), "quantile" (the
        median), or an object such as :class:`minnet.losses.Quantile` (0.9) and
        :class:`minnet.losses.Huber` (2.0); each summed over outputs.
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
        ``X_val`` of ``fit``; without it ``validation_fraction`` of the data are set aside.
    validation_fraction : float, default=0.1
    beta_1, beta_2 : float, default=0.9, 0.999
        Of "adam".
    epsilon : float, default=1e-8
        Of "adam".
    n_iter_no_change : int, default=10
        Training stops after more than that many epochs in a row without improvement.
    max_fun : int, default=15000
        Most evaluations of the objective by "lbfgs".
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
    weight_decay : float, default=0.0
        Decoupled weight decay: each step multiplies the weights by ``1 - rate * weight_decay``.
    clip_norm, clip_value : float or None, default=None
        Clip the gradient by its norm, or each of its elements.
    scale_targets : bool, default=False
        Whether to train on targets in units of their standard deviation from their mean (weighted by
        ``sample_weight``, output by output; in ``partial_fit`` and ``fit_stream`` those of the first
        batch). Predictions are in the units of ``y``; ``loss_``, the curves and arguments of the loss,
        such as Huber's ``delta``, are in those of the spread. Without it targets far from unit scale
        need many steps before the output's bias has come as far.
    scoring : str, callable or None, default=None
        What the validation set is scored by. None: R2, which is no measure of a quantile. "loss":
        minus the loss, without L2. Otherwise the name of a scorer of scikit-learn, or
        ``scorer(estimator, X, y)``, the higher the better, which gets ``sample_weight=`` too where the
        validation set has weights.
    backend : {"auto", "cython", "numba", "numpy"}, default="auto"
        What runs the training; "auto" takes the first of them that is installed.
    n_threads : int or None, default=None
        Threads; None leaves the libraries' settings alone.

    Attributes
    ----------
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
    target_mean_, target_scale_ : ndarray of shape (n_outputs,) or None
        Of ``scale_targets``.
    n_features_in_, feature_names_in_

    See Also
    --------
    MinNetClassifier : The same for classes.

    Examples
    --------
    >>> from minnet import MinNetRegressor
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(n_samples=200, n_features=5, random_state=0)
    >>> reg = MinNetRegressor(hidden_layer_sizes=20, solver="lbfgs", max_iter=500, random_state=0)
    >>> reg.fit(X, y / y.std()).score(X, y / y.std()) > 0.99
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseMinNet._parameter_constraints,
        "scale_targets": ["boolean"],
        "loss": [StrOptions(_LOSSES), Loss],
    }

    def __init__(
        self,
        loss="squared_error",
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
        init="auto",
        bias_init="auto",
        layers=None,
        dropout=0.0,
        batch_norm=False,
        weight_decay=0.0,
        clip_norm=None,
        clip_value=None,
        scale_targets=False,
        scoring=None,
        backend="auto",
        n_threads=None,
    ):
        self.loss = loss
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
        self.init = init
        self.bias_init = bias_init
        self.layers = layers
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.scale_targets = scale_targets
        self.scoring = scoring
        self.backend = backend
        self.n_threads = n_threads

    @available_if(stochastic_solver)
    def partial_fit(self, X, y, sample_weight=None):
        """Go on with one epoch over the given data.

        The optimizer and its learning rate stay those of the first call; ``alpha``, ``batch_size``,
        ``shuffle``, ``verbose``, clipping and weight decay are read anew in each.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight)

    @available_if(stochastic_solver)
    def fit_stream(
        self,
        batches,
        n_epochs=1,
        *,
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
        >>> import numpy as np
        >>> from minnet import MinNetRegressor
        >>> def measured():
        ...     rng = np.random.default_rng(0)
        ...     for _ in range(200):
        ...         X = rng.uniform(-1, 1, size=(500, 2))
        ...         yield X, X[:, 0] * X[:, 1]
        >>> reg = MinNetRegressor(hidden_layer_sizes=(32,), learning_rate_init=0.01, random_state=0)
        >>> reg = reg.fit_stream(measured(), n_epochs=10, batches_per_epoch=20)
        >>> reg.predict([[0.8, 0.5], [-0.8, 0.5]]).round(1)
        array([ 0.4, -0.4])
        """
        held = X_val, y_val, sample_weight_val
        return self._fit_stream(batches, n_epochs, batches_per_epoch, *held)

    def predict(self, X):
        """Predict numbers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        ValueError
            If ``X`` does not fit, or if an output of the network for it is NaN or infinite.
        """

        def numbers(Z):
            Y = self.network_.loss_.predict(Z)
            return Y if self.target_mean_ is None else self._scale_of_targets().undo(Y)

        Y = self._apply_to_logits(X, numbers)
        return Y.ravel() if Y.shape[1] == 1 else Y

    # ---- what the base asks for

    def _learn_targets(self, X, y, sample_weight, first, **given):
        y = _by_columns(y)
        if first:
            self.target_mean_ = self.target_scale_ = None
            if self.scale_targets:
                self._learn_scale(y, sample_weight)
        elif self.scale_targets != (self.target_mean_ is not None):
            raise ValueError(
                f"scale_targets must stay as it was fitted, got {self.scale_targets}: to start anew set "
                "warm_start=False and call fit"
            )
        return super()._learn_targets(X, y, sample_weight, first, **given)

    def _learn_scale(self, y, sample_weight):
        output = get_loss(self._loss(), y.shape[1]).output
        if output != "identity":
            raise ValueError(
                f"scale_targets must be False for a loss on {output} outputs, got True with {self.loss!r}"
            )
        if sample_weight is not None and not sample_weight.sum() > 0:
            sample_weight = None  # which is refused in a moment
        scale = TargetScale.of(y.astype(np.float64, copy=False), sample_weight)
        self.target_mean_, self.target_scale_ = scale.mean, scale.scale

    def _scale_of_targets(self):
        return TargetScale(self.target_mean_, self.target_scale_)

    def _check_targets(self, X, y, first, **given):
        if not first and y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y must have {columns(self.n_outputs_)}, as in the previous call, got {y.shape[1]}; to "
                "start anew set warm_start=False and call fit"
            )
        T = y
        with np.errstate(over="ignore"):
            if self.target_mean_ is not None and y.shape[1] == len(self.target_mean_):
                T = self._scale_of_targets().apply(y.astype(np.float64, copy=False))
            T = T.astype(X.dtype)
        if not np.isfinite(T).all():
            raise ValueError(f"y must be finite in {T.dtype}, got {y.flat[np.abs(y).argmax()]}")
        return T

    def _check_held_targets(self, X, y):
        return self._check_targets(X, _by_columns(y), first=True)

    def _n_outputs(self, T):
        return T.shape[1]

    def _loss(self):
        if isinstance(self.loss, Loss) and self.loss.output == "softmax":
            raise ValueError(f"loss must not be one on a softmax for numbers, got {self.loss!r}")
        return self.loss

    def _validation_score(self, Y, T, sample_weight):
        return r2_score(T, Y, sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _by_columns(y):
    """Return numbers as (n_samples, n_outputs)."""
    if sparse.issparse(y):
        raise TypeError(f"y must be a dense array of numbers, got {type(y).__name__}")
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return y.reshape(len(y), -1)
