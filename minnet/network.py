"""A network: layers and a loss, forward and backward."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import numpy as np

from minnet.activations import Identity
from minnet.common.attributes import KnownAttributes
from minnet.common.batch_checks import BatchChecks, check_output
from minnet.common.bf16 import are_in_bf16, round_products
from minnet.common.checks import as_numbers, check_dtype, check_flag, check_real, check_whole
from minnet.common.displayed import Displayed
from minnet.common.entry import KnownKeywords, entry
from minnet.common.fields import Field, one_of, optional, real
from minnet.common.flat_parameters import Arrays, FlatParameters
from minnet.common.part import Part
from minnet.common.types import Array, ArrayLike, DTypeLike, Matrix, RandomState, Shape
from minnet.curvature import HessianProduct
from minnet.initializers.of_network import InitializerSupport
from minnet.initializers.parameters import draw_parameters
from minnet.layers import Context, Dense, Layer, is_open
from minnet.links import dense
from minnet.losses import Loss, get_loss
from minnet.parameter_table import ParameterRow
from minnet.random import Stream, draw_key
from minnet.random.of_layers import check_position, layer_stream
from minnet.residual import check_layers, check_skips, skips

__all__ = ["Network"]


def __dir__() -> list[str]:
    return __all__


class _Precision(Field):
    """What products are computed in; a network that has its parameters takes it over at once."""

    def __set__(self, network: Any, value: Any) -> None:
        if (
            isinstance(value, str)
            and value == "bf16"
            and getattr(network, "dtype", 0) == np.float64
        ):
            raise ValueError(
                f"precision must be None for a network of float64 parameters, got {value!r}: its "
                "astype('float32') is a copy that takes it"
            )
        super().__set__(network, value)
        if network._is_bound():
            network._round_products()


def _precision() -> Any:
    return _Precision(optional(one_of("bf16")).check)


class _Loss(Field):
    """What is minimized; a network that has its parameters takes it over at once."""

    def __set__(self, network: Any, value: Any) -> None:
        if network._is_bound():
            network.loss_ = _loss_of(value, network.sizes[-1])
        super().__set__(network, value)


def _loss() -> Any:
    def check(name: str, value: Any) -> Any:
        get_loss(value, n_outputs=1)
        return value

    return _Loss(check)


def _loss_of(spec: str | Loss, n_outputs: int) -> Loss:
    """Return the loss of so many outputs, or say what is wrong with it."""
    loss = get_loss(spec, n_outputs)
    if loss.output == "softmax" and n_outputs < 2:
        raise ValueError(
            f"loss must not be {spec!r} for a last layer of 1 unit, whose softmax is always "
            "1: take 'sigmoid_cross_entropy', or 2 units"
        )
    return loss


_TRAINED = "Trainer(network).fit(X, T) trains it, or MinNetClassifier(layers=[...]).fit(X, y)"
_PREDICTED = "predict returns probabilities; a MinNetClassifier has labels and scores"
_ARRAYS = "layers[i].W and layers[i].b are the arrays of a layer, params is all of them"
_NOT_YET = "call initialize(n_features) first"

#: Names that other libraries have, and what is there later.
_ELSEWHERE = (
    dict.fromkeys(("fit", "partial_fit", "train", "compile", "step"), _TRAINED)
    | dict.fromkeys(("predict_proba", "score", "evaluate", "decision_function"), _PREDICTED)
    | dict.fromkeys(("W", "b", "weights", "biases", "coefs_", "intercepts_", "parameters"), _ARRAYS)
    | dict.fromkeys(("backward", "grad", "gradients"), "loss_and_grad returns the gradient")
    | {"save": "minnet.save_model(network, path) saves it"}
    | dict.fromkeys(
        ("params", "state", "parameter_table", "init_", "loss_", "key", "sizes", "dtype"), _NOT_YET
    )
)


class Network(
    FlatParameters, InitializerSupport, BatchChecks, Displayed, KnownAttributes, KnownKeywords
):
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
        Copied, so that a network owns its layers. The output layer is among them. One that names no
        activation is linear. Of a :class:`minnet.Residual` block the network has the parts.
    loss : str or Loss, default="log_loss"
        See :func:`minnet.losses.get_loss`. Set later, it holds from then on.
    init : str, dict, Initializer, array, callable or list, default="auto"
        For the weight matrices whose layer names no initializer of its own. A list has one entry per
        weight matrix, the output's included, None where the layer names its own. "auto" picks by
        activation (:func:`minnet.initializers.auto_initializer`).
    bias_init : the same, default="auto"
        For the biases, likewise. "auto" draws the biases of a hidden layer as one more row of weights
        where "auto" picked the initializer of its weights, and is "zeros" otherwise.
    alpha : float, default=0.0
        Strength of the L2 term, at least 0.
    precision : {"bf16"} or None, default=None
        "bf16": the three products of each dense layer with at least 16 inputs and outputs take their
        operands rounded to bfloat16, and sum up in float32. Parameters, gradients and everything else are
        float32. On processors with an instruction for it that is up to twice as fast for wide layers; see
        :doc:`/precision`. A first layer computes a CSR matrix in float32. None: the network's own dtype.
        Set later, it holds from then on; a network of float64 parameters refuses "bf16".

    Attributes
    ----------
    params : ndarray
        All parameters, flat, 64-byte aligned; ``layers[i].W`` and ``layers[i].b`` are views of it.
        Arrays start at multiples of 64 bytes, and the gaps are 0. Assigning copies in.
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

    alpha: float = real(0)
    precision: str | None = _precision()
    loss: str | Loss = _loss()
    _elsewhere = _ELSEWHERE
    layers: list[Layer]
    key: int
    loss_: Loss
    parameter_table: list[ParameterRow]

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: str | Loss = "log_loss",
        init: Any = "auto",
        bias_init: Any = "auto",
        alpha: float = 0.0,
        precision: str | None = None,
    ) -> None:
        layers = check_layers(layers)
        if not layers:
            raise ValueError("layers must have at least one layer, got an empty list")
        skips(layers)
        self.layers = [layer.copy() for layer in layers]
        self._make_linear()
        self.loss = loss
        self.init = init
        self.bias_init = bias_init
        self.alpha = alpha
        self.precision = precision

    def _make_linear(self) -> None:
        """Make the layers linear that name no activation."""
        for layer in filter(is_open, self.layers):
            layer.activation = Identity()

    # ---- making the parameters

    @entry
    def initialize(
        self,
        n_features: int,
        random_state: RandomState = None,
        dtype: DTypeLike | None = None,
    ) -> Self:
        """Make the parameters for ``n_features`` inputs and draw their initial values.

        Each array has a random stream of its own, named by the kind of its layer, its attribute and how
        many layers of that kind precede it: changing one layer leaves the draws of the others alone.

        Parameters
        ----------
        n_features : int
            Inputs of the first layer.
        random_state : int, RandomState or None, default=None
            Consumed once, for a 64-bit key.
        dtype : {"float64", "float32"} or None, default=None
            What the parameters are kept and computed in; None: float32 with ``precision="bf16"``, which
            takes nothing else, and float64 without.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an initializer is unknown or gives an array of another shape, or a softmax has one output.
            The network is then as it was.
        """
        n_features = check_whole("n_features", n_features)
        if dtype is None:
            dtype = "float64" if self.precision is None else "float32"
        dtype = check_dtype(dtype)
        return self._initialize(n_features, draw_key(random_state), dtype)

    def _initialize(self, n_features: int, key: int, dtype: np.dtype[Any]) -> Self:
        if self.precision is not None and dtype != np.float32:
            raise ValueError(
                f"dtype must be 'float32' with precision={self.precision!r}, got '{dtype.name}'"
            )
        self._make_linear()  # some may have been put in since
        sizes = [n_features]
        for i, layer in enumerate(self.layers):
            size = layer.output_size(sizes[-1])
            sizes.append(check_whole(f"output_size of layers[{i}]", size))
        check_skips(self.layers, sizes)
        loss = _loss_of(self.loss, sizes[-1])
        table, initializers, params = draw_parameters(self, sizes, key, dtype)
        states = [layer.state(n) for layer, n in zip(self.layers, sizes, strict=False)]
        self.key, self.sizes, self.dtype = key, sizes, dtype
        self.loss_, self.init_, self.parameter_table = loss, initializers, table
        self._bind(params, states)
        return self

    def _bind(self, params: Array, states: Arrays) -> None:
        super()._bind(params, states)
        self._round_products()

    def _round_products(self) -> None:
        """Let the layers multiply as ``precision`` says."""
        in_bf16 = are_in_bf16(self.layers, self.sizes)
        for layer, rounds in zip(self.layers, in_bf16, strict=True):
            of_class = type(layer).forward, type(layer).backward
            is_dense = of_class == (Dense.forward, Dense.backward)
            round_products(layer, self.precision is not None and rounds and is_dense)

    # ---- forward and backward

    def forward(self, X: Matrix, return_all: bool = False) -> Any:
        """Return the output of the last layer (the logits) for inference.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
            Inputs, a row for each sample.
        return_all : bool, default=False
            Return the list of every layer's output instead.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), or list of ndarray
        """
        Y = X if self._fits(X) else self.check_X(X)
        if return_all is not False:
            check_flag("return_all", return_all)
        outputs: list[Array] = []
        past: list[Array] = []
        n_samples = Y.shape[0]
        for i, layer in enumerate(self.layers):
            Y = layer.forward(Y, Context(skips=past))
            check_output(self, i, Y, n_samples)
            if return_all:
                outputs.append(Y)
        return outputs if return_all else Y

    def predict(self, X: Matrix) -> Array:
        """Return predictions: the loss's inverse link (softmax, sigmoid, ...) on the logits.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs, a row for each sample.
        """
        Z = self.forward(X)  # which says so if there is no loss_ yet
        return self.loss_.predict(Z)

    def forward_training(
        self,
        X: Matrix,
        sample_weight: Array | None = None,
        position: int = 0,
        part: Part | None = None,
    ) -> tuple[Array, list[Context]]:
        """Return the logits of a training pass and the contexts it left; arguments are not checked.

        Parameters
        ----------
        X : array of shape (n_samples, n_features), in the network's dtype
        sample_weight : ndarray of shape (n_samples,) or None
        position : int
            Samples drawn before in this training: where the random streams of dropout go on.
        part : Part or None
            Where other processes have rows of the same mini-batch.
        """
        p = None
        if part is not None:
            p = part.shares(X.shape[0], sample_weight, self.dtype)
        elif sample_weight is not None and (total := sample_weight.sum()) > 0:
            p = (sample_weight / total).astype(self.dtype)[:, np.newaxis]
        contexts: list[Context] = []
        past: list[Array] = []
        n_samples = X.shape[0]
        for i, layer in enumerate(self.layers):
            ctx = Context(True, i > 0, p, partial(self._uniform, i, position), past, part)
            contexts.append(ctx)
            X = layer.forward(X, ctx)
            check_output(self, i, X, n_samples)
        return X, contexts

    def draws(self, i: int) -> Stream:
        """Return the random stream that layer ``i`` draws from in training."""
        return layer_stream(self.key, self.layers, i, "draws")

    def _uniform(self, i: int, position: int, shape: Shape) -> Array:
        width = int(np.prod(shape[1:]))
        return self.draws(i).uniform(shape, dtype="float32", start=position * width)

    def forward_backward(
        self,
        X: Matrix,
        T: Matrix,
        sample_weight: Array | None = None,
        n_samples: float | None = None,
        weight_sum: float | None = None,
        position: int = 0,
        part: Part | None = None,
    ) -> tuple[float, Array, list[Context]]:
        """Return objective, flat gradient and contexts of one batch; arguments are not checked.

        See :meth:`loss_and_grad`, which checks them. Of a mini-batch of several processes it is what
        this one adds to them.
        """
        T = dense(T)
        Z, contexts = self.forward_training(X, sample_weight, position, part)
        n_batch = len(Z) if part is None else part.n_rows
        factors, l2 = self._factors(n_batch, sample_weight, n_samples, weight_sum)
        if part is not None and not part.leads:
            l2 = 0.0
        dY = self.loss_.gradient(Z, T) * factors
        if dY.shape != Z.shape:
            raise ValueError(
                f"gradient of {self.loss_!r} must give an array of shape {Z.shape}, that of Z, got "
                f"{dY.shape}"
            )
        grads = np.zeros_like(self.params)
        by_layer = zip(self.layers, contexts, self.views(grads), strict=True)
        for layer, ctx, gradients in reversed(list(by_layer)):
            dY = layer.backward(dY, ctx)
            if layer.trainable:
                for name, gradient in gradients.items():
                    gradient[...] = ctx.gradient(name)
        for row in self.parameter_table if l2 else ():
            if row.is_weight and self.layers[row.layer].trainable:
                grads[row.slice] += l2 * self.params[row.slice]
        return self._objective(Z, T, factors, l2), grads, contexts

    def _factors(
        self,
        n_batch: int,
        sample_weight: Array | None,
        n_samples: float | None = None,
        weight_sum: float | None = None,
    ) -> tuple[Any, float]:
        """Return what the objective multiplies each sample's loss with, and half the squared weights."""
        total = n_batch if sample_weight is None else sample_weight.sum()
        weight_sum = total if weight_sum is None else weight_sum
        n_samples = n_batch if n_samples is None else n_samples
        factor = n_samples / (n_batch * weight_sum)  # in float64: sums of weights may be huge
        l2 = self.alpha / weight_sum
        if sample_weight is None:
            return self.dtype.type(factor), l2
        return (sample_weight * factor).astype(self.dtype)[:, np.newaxis], l2

    def _objective(self, Z: Array, T: Array, factors: Any, l2: float) -> float:
        """Return the objective of logits."""
        values = self.loss_.value(Z, T)
        if np.shape(values) != Z.shape[:1]:
            raise ValueError(
                f"value of {self.loss_!r} must give an array of shape {Z.shape[:1]}, a number for each "
                f"row, got {np.shape(values)}"
            )
        losses = values[:, np.newaxis] * factors
        loss = float(losses.sum(dtype=np.float64))
        if l2:
            weights = (self.params[row.slice] for row in self.parameter_table if row.is_weight)
            loss += 0.5 * l2 * sum(float(np.dot(W, W)) for W in weights)
        return loss

    def loss_and_grad(
        self,
        X: Matrix,
        T: ArrayLike | Matrix,
        sample_weight: ArrayLike | None = None,
        *,
        n_samples: float | None = None,
        weight_sum: float | None = None,
        position: int = 0,
    ) -> tuple[float, Array]:
        """Return the objective of a batch and its gradient, as in training.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
            Inputs, a row for each sample.
        T : array-like or sparse matrix
            Class indices (n_samples,) for a softmax output, numbers (n_samples, n_outputs) otherwise,
            which may be a sparse matrix: in training the rows of one batch are made dense at a time.
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
        >>> from minnet import Dense, Network
        >>> net = Network([Dense(1, init="zeros")], loss="squared_error").initialize(1)
        >>> loss, grads = net.loss_and_grad([[2.0]], [[3.0]])
        >>> loss, net.views(grads)[0]["W"]
        (4.5, array([[-6.]]))
        """
        batch = self.check_batch(X, T, sample_weight)
        if n_samples is not None:
            n_samples = check_real("n_samples", n_samples, low=0, left=False)
        if weight_sum is not None:
            weight_sum = check_real("weight_sum", weight_sum, low=0, left=False)
        check_position(position, self.sizes)
        return self.forward_backward(*batch, n_samples, weight_sum, position)[:2]

    def curvature(
        self, X: Matrix, T: ArrayLike | Matrix, sample_weight: ArrayLike | None = None
    ) -> HessianProduct:
        """Return the Hessian of the objective of a batch, to be multiplied with several vectors.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
            Inputs, a row for each sample.
        T : array-like or sparse matrix
            Targets, as :meth:`loss_and_grad` takes them.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.

        Returns
        -------
        HessianProduct
            Called with a vector; it keeps the parameters as they are now.
        """
        return HessianProduct(self, X, T, sample_weight)

    def hessian_vector_product(
        self,
        X: Matrix,
        T: ArrayLike | Matrix,
        v: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        n_samples: float | None = None,
        weight_sum: float | None = None,
        position: int = 0,
    ) -> Array:
        """Return the Hessian of the objective of a batch times a vector.

        By a central difference of gradients in float64, whatever the network computes in; its error is
        some 1e-10 of the largest eigenvalue. Kinks of rectifiers have no curvature. See
        ``minnet/curvature.py``; :func:`minnet.lab.hessian` has eigenvalues, trace and density.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
            Inputs, a row for each sample.
        T : array-like or sparse matrix
            Targets, as :meth:`loss_and_grad` takes them.
        v : array-like
            Flat, of the layout of ``params``. What it has for frozen layers does not count.
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0, not all 0.
        n_samples, weight_sum : number, default=None
            Samples and sum of weights of the whole fit of which this is a batch; by default of ``X``.
        position : int, default=0
            Samples drawn before: chooses the masks of dropout.

        Returns
        -------
        ndarray of float64
            Flat, of the layout of ``params``; see :meth:`views`. Zero for frozen layers.

        Examples
        --------
        >>> from minnet import Dense, Network
        >>> net = Network([Dense(1, init="zeros")], loss="squared_error").initialize(1)
        >>> Hv = net.hessian_vector_product([[2.0]], [[3.0]], net.params + 1)  # [[4, 2], [2, 1]] [1, 1]
        >>> [float(v[0].round(6)) for v in (net.views(Hv)[0]["W"].ravel(), net.views(Hv)[0]["b"])]
        [6.0, 3.0]
        """
        product = HessianProduct(self, X, T, sample_weight, n_samples, weight_sum, position)
        v = as_numbers("v", v)
        if v.shape != self.params.shape:
            raise ValueError(f"v must have the shape of params, {self.params.shape}, got {v.shape}")
        trained = np.zeros(v.shape, dtype=bool)
        for row in self.parameter_table:
            trained[row.slice] = row.trainable
        Hv = np.zeros(v.shape)
        Hv[trained] = product(v[trained])
        return Hv

    def objective(
        self, X: Matrix, T: ArrayLike | Matrix, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the objective alone, as :meth:`loss_and_grad` does.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            Inputs, a row for each sample.
        T : array-like
            Targets of the loss, as :meth:`minnet.Network.loss_and_grad` takes them.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts; None means all alike.
        """
        X, targets, weights = self.check_batch(X, T, sample_weight)
        Z, _ = self.forward_training(X, weights)
        return self._objective(Z, dense(targets), *self._factors(len(Z), weights))

    def _forward_adapting(
        self, layer: Layer, X: Array, weights: Array | None, past: list[Array]
    ) -> Array:
        # As in training, but nothing is dropped: a batch normalization has no averages yet.
        ctx = Context(training=layer.normalizes, weights=weights, skips=past)
        return layer.forward(X, ctx)
