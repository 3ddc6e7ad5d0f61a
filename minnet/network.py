"""A network: layers and a loss, with all parameters in one flat buffer."""

import copy

import numpy as np
from scipy import sparse

from minnet.common.buffers import aligned_zeros, all_finite, next_aligned
from minnet.common.checks import (
    as_numbers,
    check_dtype,
    check_real,
    check_sparse,
    check_whole,
    is_real,
)
from minnet.common.displayed import Displayed
from minnet.initializers import materialize, of_network
from minnet.layers import Context, Layer
from minnet.losses import get_loss
from minnet.parameter_table import ParameterRow
from minnet.random import Stream, draw_key

__all__ = ["Network"]


#: Gradients are divided by the sum of the weights: below this they would overflow.
_SMALLEST_SUM = 1e-290


class Network(Displayed):
    r"""Layers in a row and a loss on the output of the last.

    The objective of a batch of :math:`B` samples out of a fit of :math:`N` samples with weights
    :math:`s` is

    .. math:: \frac{N}{B \sum s} \sum_{i \in \text{batch}} s_i\, l_i
              + \frac{\alpha}{2 \sum s} \lVert W \rVert^2 ,

    where :math:`\sum s` runs over the whole fit: an unbiased estimate of the fit's objective for any
    batch size, and equal to scikit-learn's in full batch.

    Parameters
    ----------
    layers : list of Layer
        Copied, so that a network owns its layers. The output layer is among them.
    loss : str or Loss, default="log_loss"
        See :func:`minnet.losses.get_loss`.
    init : str, dict, Initializer, array, callable or list, default="auto"
        For the weight matrices whose layer names no initializer of its own. A list has one entry per
        weight matrix, the output's included. "auto" picks by activation
        (:func:`minnet.initializers.auto_initializer`).
    bias_init : the same, default="auto"
        For the biases, likewise. "auto" draws the biases of a hidden layer as one more row of weights
        where "auto" picked the initializer of its weights, and is "zeros" otherwise.
    alpha : float, default=0.0
        Strength of the L2 term, at least 0.

    Attributes
    ----------
    params : ndarray
        All parameters, flat, 64-byte aligned; ``layers[i].W`` and ``layers[i].b`` are views of it.
        Arrays start at multiples of 64 bytes, and the gaps are 0.
    state : ndarray
        What layers keep but do not train (running averages), likewise.
    parameter_table : list of ParameterRow
    init_ : dict
        The initializer that made each array, by label, with what "auto" stands for.
    loss_ : Loss
        The loss object in use.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, Network
    >>> net = Network([Dense(5, "tanh"), Dense(3)], loss="log_loss")
    >>> net = net.initialize(n_features=4, random_state=0)
    >>> X, y = np.eye(4), np.array([0, 1, 2, 0])
    >>> loss, grads = net.loss_and_grad(X, y)
    >>> grads.shape == net.params.shape, net.views(grads)[0]["W"].shape
    (True, (4, 5))
    >>> net.predict(X).shape
    (4, 3)
    >>> net.init_["layers[0].W"]
    GlorotUniform()
    """

    def __init__(self, layers, loss="log_loss", init="auto", bias_init="auto", alpha=0.0):
        try:
            layers = list(layers)
        # NotImplementedError is what iter() of SciPy's BSR matrices and of memoryviews raises.
        except (TypeError, NotImplementedError):
            raise TypeError(f"layers must be a list of layers, got {layers!r:.200}") from None
        if not layers:
            raise ValueError("layers must have at least one layer, got an empty list")
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise TypeError(f"layers[{i}] must be a Layer such as Dense(64), got {layer!r}")
        if not is_real(alpha) or not 0 <= alpha < np.inf:
            raise ValueError(f"alpha must be at least 0, got {alpha!r}")
        get_loss(loss, n_outputs=1)
        self.layers = [layer.copy() for layer in layers]
        self.loss = loss
        self.init = init
        self.bias_init = bias_init
        self.alpha = alpha

    def __repr__(self):
        layers = ", ".join(map(repr, self.layers))
        shown = {"loss": "log_loss", "init": "auto", "bias_init": "auto", "alpha": 0.0}
        options = [
            f", {name}={getattr(self, name)!r}"
            for name, default in shown.items()
            if not (
                isinstance(getattr(self, name), type(default)) and getattr(self, name) == default
            )
        ]
        return f"Network([{layers}]{''.join(options)})"

    # ---- making the parameters

    def initialize(self, n_features, random_state=None, dtype="float64"):
        """Make the parameters for ``n_features`` inputs and draw their initial values.

        Each array has a random stream of its own, named by the kind of its layer, its attribute and how
        many layers of that kind precede it: changing one layer leaves the draws of the others alone.

        Parameters
        ----------
        n_features : int
        random_state : int, RandomState or None
            Consumed once, for a 64-bit key.
        dtype : {"float64", "float32"}

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an initializer is unknown or gives an array of another shape. The network is then as it was.
        """
        n_features = check_whole("n_features", n_features)
        dtype = check_dtype(dtype)
        key = draw_key(random_state)

        sizes = [n_features]
        for layer in self.layers:
            sizes.append(int(layer.output_size(sizes[-1])))
        declared = [layer.parameters(n) for layer, n in zip(self.layers, sizes, strict=False)]
        loss = get_loss(self.loss, sizes[-1])
        initializers = of_network.resolve(self, declared)

        table, init, arrays, offset = [], {}, [], 0
        ordinals = self._ordinals()
        for i, (layer, parameters) in enumerate(zip(self.layers, declared, strict=True)):
            for name, parameter in parameters.items():
                factor = layer.lr_factor if parameter.lr_factor is None else parameter.lr_factor
                row = ParameterRow(
                    i, name, offset, parameter.shape, parameter.is_weight, factor, layer.trainable
                )
                where = f"{row.label} ({type(layer).__name__})"
                stream = Stream(key, f"{type(layer).__name__}.{name}", ordinals[i])
                fans = sizes[i], sizes[i + 1]
                # Drawn in float64 and rounded, so that both dtypes start from the same weights.
                initializer = initializers[i, name]
                array = materialize(initializer, parameter.shape, rng=stream, fans=fans, name=where)
                init[row.label] = initializer
                table.append(row)
                arrays.append(array)
                offset = next_aligned(row.slice.stop, dtype)

        params = aligned_zeros(offset, dtype)
        for row, array in zip(table, arrays, strict=True):
            with np.errstate(over="ignore"):
                params[row.slice] = array.ravel()
            if dtype != array.dtype and not all_finite(params[row.slice]):
                where = f"{row.label} ({type(self.layers[row.layer]).__name__})"
                raise ValueError(
                    f"{where} must give finite numbers in {dtype}, got NaN or infinity"
                )
        states = [layer.state(n) for layer, n in zip(self.layers, sizes, strict=False)]
        self.key, self.sizes, self.dtype = key, sizes, dtype
        self.loss_, self.init_, self.parameter_table = loss, init, table
        self._bind(params, states)
        return self

    def _ordinals(self):
        """Return for each layer how many layers of its class come before it."""
        return [
            sum(type(before) is type(layer) for before in self.layers[:i])
            for i, layer in enumerate(self.layers)
        ]

    def activation_below(self, layer_index):
        """Return the activation whose output comes into a layer, or None if data do.

        Dropout between them does not count, and a linear batch normalization does: what was below it no
        longer matters.

        Examples
        --------
        >>> from minnet import Dense, Dropout, Network
        >>> net = Network([Dense(9, "tanh"), Dropout(), Dense(3)])
        >>> net.activation_below(0), net.activation_below(2)
        (None, Tanh())
        """
        check_whole("layer_index", layer_index, 0, len(self.layers) - 1)
        return of_network.activation_below(self.layers, layer_index)

    def activation_above(self, layer_index):
        """Return the activation that the output of a layer goes through.

        Its own; where the layer is linear and batch normalization or dropout follows, theirs.

        Examples
        --------
        >>> from minnet import BatchNorm, Dense, Network
        >>> Network([Dense(9), BatchNorm("relu"), Dense(3)]).activation_above(0)
        Relu()
        """
        check_whole("layer_index", layer_index, 0, len(self.layers) - 1)
        return of_network.activation_above(self.layers, layer_index)

    def adapt(self, X, T=None, sample_weight=None):
        """Show data to the initializers that look at them, after :meth:`initialize`.

        They are called once, in the order of the layers, as ``adapt(network, layer_index, X, T,
        sample_weight)`` with what comes into their layer, through the layers below as already adapted:
        nothing is dropped, and batch normalization takes the mean and variance of these rows. They see
        4096 rows at most, evenly spaced over those of positive weight. One whose ``needs_X`` is False
        gets None for ``X``, and all rows of ``T`` and ``sample_weight``. The estimators call this in
        ``fit``. Without such an initializer nothing happens.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
        T : array-like, default=None
            Targets, as :meth:`loss_and_grad` takes them.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If data do not fit or an initializer cannot use them. The network is then as it was.

        Examples
        --------
        >>> import numpy as np
        >>> from minnet import Dense, Network
        >>> X = np.random.default_rng(0).normal(size=(100, 4))
        >>> net = Network([Dense(9, "tanh", init="lsuv"), Dense(1)], "squared_error").initialize(4, 0)
        >>> float((net.adapt(X).layers[0].W.T @ X.T).std().round(6))
        1.0
        """
        self._check_initialized()
        if not any(hasattr(initializer, "adapt") for initializer in self.init_.values()):
            return self
        X, T, sample_weight = self.check_batch(X, T, sample_weight, targets=T is not None)
        before = self.params.copy()
        try:
            of_network.adapt(self, X, T, sample_weight, _forward_adapting)
        except BaseException:
            self.params[...] = before
            raise
        return self

    def _bind(self, params, states):
        """Take ``params`` and make layer attributes views of it and of the flat state."""
        self.params = params
        n_state = sum(next_aligned(a.size, self.dtype) for s in states for a in s.values())
        self.state = aligned_zeros(n_state, self.dtype)
        offset, state_views = 0, []
        for arrays in states:
            state_views.append({})
            for name, array in arrays.items():
                view = self.state[offset : offset + array.size].reshape(array.shape)
                view[...] = array
                state_views[-1][name] = view
                offset = next_aligned(offset + array.size, self.dtype)
        for layer, parameters, state in zip(
            self.layers, self.views(params), state_views, strict=True
        ):
            layer.bind({**parameters, **state})
        self._n_state_arrays = [list(s) for s in states]

    def views(self, flat):
        """Return for each layer a dict of views into ``flat``, a vector of the parameters' layout."""
        views = [{} for _ in self.layers]
        for row in self.parameter_table:
            views[row.layer][row.name] = flat[row.slice].reshape(row.shape)
        return views

    # ---- forward and backward

    def forward(self, X, return_all=False):
        """Return the output of the last layer (the logits) for inference.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
        return_all : bool, default=False
            Return the list of every layer's output instead.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), or list of ndarray
        """
        Y = self.check_X(X)
        outputs = []
        for layer in self.layers:
            Y = layer.forward(Y, Context())
            if return_all:
                outputs.append(Y)
        return outputs if return_all else Y

    def predict(self, X):
        """Return predictions: the loss's inverse link (softmax, sigmoid, ...) on the logits."""
        return self.loss_.predict(self.forward(X))

    def forward_training(self, X, sample_weight=None, position=0):
        """Return the logits of a training pass and the contexts it left; arguments are not checked.

        Parameters
        ----------
        X : array of shape (n_samples, n_features), in the network's dtype
        sample_weight : ndarray of shape (n_samples,) or None
        position : int
            Samples drawn before in this training: where the random streams of dropout go on.
        """
        p = None
        if sample_weight is not None and (total := sample_weight.sum()) > 0:
            p = (sample_weight / total).astype(self.dtype)[:, np.newaxis]
        contexts = []
        for i, layer in enumerate(self.layers):
            ctx = Context(True, i > 0, p, self._uniform(i, position))
            contexts.append(ctx)
            X = layer.forward(X, ctx)
        return X, contexts

    def draws(self, i):
        """Return the random stream that layer ``i`` draws from in training."""
        layer = self.layers[i]
        return Stream(self.key, f"{type(layer).__name__}.draws", self._ordinals()[i])

    def _uniform(self, i, position):
        def uniform(shape):
            width = int(np.prod(shape[1:]))
            return self.draws(i).uniform(shape, dtype="float32", start=position * width)

        return uniform

    def forward_backward(
        self, X, T, sample_weight=None, n_samples=None, weight_sum=None, position=0
    ):
        """Return objective, flat gradient and contexts of one batch; arguments are not checked.

        See :meth:`loss_and_grad`, which checks them.
        """
        loss, Z, contexts, factor, l2 = self._objective(
            X, T, sample_weight, n_samples, weight_sum, position
        )
        dY = self.loss_.gradient(Z, T) * factor
        grads = np.zeros_like(self.params)
        views = self.views(grads)
        for layer, ctx, gradients in zip(
            reversed(self.layers), reversed(contexts), reversed(views), strict=True
        ):
            dY = layer.backward(dY, ctx)
            if layer.trainable:
                for name, gradient in gradients.items():
                    gradient[...] = getattr(ctx, f"d{name}")
        if l2:
            for row in self.parameter_table:
                if row.is_weight and row.trainable:
                    grads[row.slice] += l2 * self.params[row.slice]
        return loss, grads, contexts

    def _objective(self, X, T, sample_weight, n_samples, weight_sum, position):
        """Return the objective of one batch, and what its gradient needs."""
        Z, contexts = self.forward_training(X, sample_weight, position)
        n_batch = len(Z)
        total = n_batch if sample_weight is None else sample_weight.sum()
        weight_sum = total if weight_sum is None else weight_sum
        n_samples = n_batch if n_samples is None else n_samples
        factor = n_samples / (n_batch * weight_sum)  # in float64: sums of weights may be huge
        if sample_weight is not None:
            factor = (sample_weight * factor).astype(self.dtype)[:, np.newaxis]
        else:
            factor = self.dtype.type(factor)
        loss = float((self.loss_.value(Z, T)[:, np.newaxis] * factor).sum(dtype=np.float64))
        l2 = self.alpha / weight_sum
        if l2:
            weights = (self.params[row.slice] for row in self.parameter_table if row.is_weight)
            loss += 0.5 * l2 * sum(float(np.dot(W, W)) for W in weights)
        return loss, Z, contexts, factor, l2

    def loss_and_grad(
        self, X, T, sample_weight=None, *, n_samples=None, weight_sum=None, position=0
    ):
        """Return the objective of a batch and its gradient, as in training.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
        T : array-like
            Class indices (n_samples,) for a softmax output, numbers (n_samples, n_outputs) otherwise.
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0, not all 0.
        n_samples, weight_sum : number, default=None
            Samples and sum of weights of the whole fit of which this is a batch; by default of ``X``.
        position : int, default=0
            Samples drawn before: chooses the masks of dropout.

        Returns
        -------
        loss : float
        grads : ndarray
            Flat, of the layout of ``params``; see :meth:`views`. Zero for frozen layers.

        Examples
        --------
        >>> import numpy as np
        >>> from minnet import Dense, Network
        >>> net = Network([Dense(1, init="zeros")], loss="squared_error").initialize(1)
        >>> loss, grads = net.loss_and_grad([[2.0]], [[3.0]])
        >>> loss, net.views(grads)[0]["W"]
        (4.5, array([[-6.]]))
        """
        X, T, sample_weight = self.check_batch(X, T, sample_weight)
        if n_samples is not None:
            n_samples = check_real("n_samples", n_samples, low=0, left=False)
        if weight_sum is not None:
            weight_sum = check_real("weight_sum", weight_sum, low=0, left=False)
        check_whole("position", position, 0)
        return self.forward_backward(X, T, sample_weight, n_samples, weight_sum, position)[:2]

    def objective(self, X, T, sample_weight=None):
        """Return the objective alone, as :meth:`loss_and_grad` does."""
        X, T, sample_weight = self.check_batch(X, T, sample_weight)
        return self._objective(X, T, sample_weight, None, None, 0)[0]

    # ---- checks and copies

    def _check_initialized(self):
        if not hasattr(self, "params"):
            raise ValueError("the network has no parameters yet: call initialize(n_features) first")

    def check_X(self, X):
        """Return X in the network's dtype, or say what is wrong with its shape."""
        self._check_initialized()
        if sparse.issparse(X):
            check_sparse("X", X)
            if X.dtype.kind == "c":
                raise ValueError(f"X must be real numbers, got a matrix of {X.dtype}")
            X = X.astype(self.dtype, copy=False)
            X = X.tocsr() if self.layers[0].accepts_sparse else X.toarray()
        elif type(X) is not np.ndarray or X.dtype != self.dtype:
            X = as_numbers("X", X, self.dtype)
        if X.ndim != 2 or X.shape[1] != self.sizes[0]:
            raise ValueError(f"X must have shape (n_samples, {self.sizes[0]}), got {X.shape}")
        return X

    def check_batch(self, X, T, sample_weight=None, targets=True):
        """Return X, T and sample_weight as the network computes with them, or say what is wrong."""
        X = self.check_X(X)
        n = X.shape[0]
        if n == 0:
            raise ValueError("X must have at least one row, got none")
        if not all_finite(X.data if sparse.issparse(X) else X):
            raise ValueError("X must be finite, got NaN or infinity")
        if targets:
            T = self.loss_.check_targets(T, n, self.sizes[-1], self.dtype)
        if sample_weight is not None:
            sample_weight = as_numbers("sample_weight", sample_weight)
            if sample_weight.shape != (n,):
                raise ValueError(f"sample_weight must have shape ({n},), got {sample_weight.shape}")
            if not np.isfinite(sample_weight).all() or sample_weight.min() < 0:
                raise ValueError("sample_weight must be finite and at least 0")
            if sample_weight.sum() == 0:
                raise ValueError("sample_weight must not be all zero")
            if sample_weight.sum() < _SMALLEST_SUM:
                raise ValueError(
                    f"sample_weight must sum to at least {_SMALLEST_SUM:g}, got {sample_weight.sum():g}"
                )
        return X, T, sample_weight

    def astype(self, dtype):
        """Return a copy that computes in ``dtype``, with the same parameters rounded to it."""
        self._check_initialized()
        dtype = check_dtype(dtype)
        other = copy.deepcopy(self)
        if dtype == self.dtype:
            return other
        table, offset = [], 0
        for row in self.parameter_table:
            table.append(ParameterRow(**{**row.__dict__, "offset": offset}))
            offset = next_aligned(table[-1].slice.stop, dtype)
        params = aligned_zeros(offset, dtype)
        for old, new in zip(self.parameter_table, table, strict=True):
            params[new.slice] = self.params[old.slice]
        other.dtype, other.parameter_table = dtype, table
        other._bind(params, self._states())
        return other

    def _states(self):
        return [
            {name: getattr(layer, name) for name in names}
            for layer, names in zip(self.layers, self._n_state_arrays, strict=True)
        ]

    def __getstate__(self):
        state = self.__dict__.copy()
        state["layers"] = [layer.copy() for layer in self.layers]  # binding again is theirs alone
        if "params" in state:
            state["state"] = [
                {name: array.copy() for name, array in arrays.items()} for arrays in self._states()
            ]
        return state

    def __setstate__(self, state):
        # Views do not survive a pickle, and alignment does not either: copy and bind anew.
        state = dict(state)
        params, states = state.pop("params", None), state.pop("state", None)
        self.__dict__.update(state)
        if params is not None:
            aligned = aligned_zeros(params.size, self.dtype)
            aligned[...] = params
            self._bind(aligned, states)


def _forward_adapting(layer, X, weights):
    # As in training, but nothing is dropped: a batch normalization has no averages yet.
    return layer.forward(X, Context(training=layer.normalizes, weights=weights))
