r"""Layers: forward and backward side by side, in the names of the formulas.

A layer holds its configuration and views of its parameters, never data of a call: ``forward(X, ctx)``
puts what backward needs into ``ctx``, ``backward(dY, ctx)`` reads it and leaves the gradients there, as
``ctx.dW`` for a parameter ``W``. So several threads can share a network, and a probe that reads ``ctx``
sees exactly what training sees. Derivatives are written ``dY`` for :math:`\partial L / \partial Y`.

A layer of your own says which parameters it has and computes with them:

>>> from minnet import Dense, Network
>>> from minnet.layers import Layer, Parameter
>>> class Scale(Layer):
...     def parameters(self, n_inputs):
...         return {"g": Parameter((n_inputs,), init="ones")}
...     def forward(self, X, ctx):
...         ctx.X = X
...         return X * self.g
...     def backward(self, dY, ctx):
...         ctx.dg = (dY * ctx.X).sum(axis=0)
...         return dY * self.g
>>> net = Network([Dense(8, "tanh"), Scale(), Dense(3)]).initialize(n_features=4, random_state=0)
>>> net.layers[1].g.shape
(8,)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minnet.activations import Activation, Identity, get_activation
from minnet.common.buffers import ParameterViews
from minnet.common.configurable import Configurable, parameters
from minnet.common.fields import Field, flag, optional, real, whole
from minnet.common.part import Part
from minnet.common.scale import at_least_normal
from minnet.common.types import Array, Shape

__all__ = ["BatchNorm", "Context", "Dense", "Dropout", "Layer", "LayerNorm", "Parameter"]


def __dir__() -> list[str]:
    return __all__


@dataclass(frozen=True)
class Parameter:
    """What a layer declares of one parameter array.

    Attributes
    ----------
    shape : tuple of int
        Of the array.
    init : object
        Its initializer; None leaves it to ``init`` (weights) or ``bias_init`` (others) of the network.
    is_weight : bool
        Whether it is a weight matrix: L2 and weight decay apply to it, and one entry of ``init`` is
        its own.
    lr_factor : float or None
        What the learning rate is multiplied with; None leaves it to the layer.
    decay_factor : float or None
        The same for the rate of weight decay; None means as the learning rate.
    """

    shape: Shape
    init: Any = None
    is_weight: bool = False
    lr_factor: float | None = None
    decay_factor: float | None = None


class Context:
    """What one call of ``forward`` leaves for ``backward``, and how the call was made.

    Attributes
    ----------
    training : bool
        Whether this is a training pass (dropout drops, batch normalization uses the batch).
    needs_dX : bool
        Whether the layer below wants a gradient; False for the first layer.
    weights : ndarray of shape (n_samples, 1) or None
        Sample weights of the batch divided by their sum; None means all alike.
    uniform : callable
        ``uniform(shape)`` draws float32 numbers in [0, 1) from the layer's own stream.
    skips : list of ndarray
        What goes past some layers to an addition: the same list for all contexts of a pass.
    part : Part or None
        What other processes have of the batch; None: it is all here. See :meth:`total`.
    """

    def __init__(
        self,
        training: bool = False,
        needs_dX: bool = True,
        weights: Array | None = None,
        uniform: Callable[[Shape], Array] | None = None,
        skips: list[Array] | None = None,
        part: Part | None = None,
    ) -> None:
        self.training = training
        self.needs_dX = needs_dX
        self.weights = weights
        self.uniform = uniform
        self.skips = [] if skips is None else skips
        self.part = part

    def __repr__(self) -> str:
        arrays = {name: value for name, value in vars(self).items() if hasattr(value, "shape")}
        return f"<Context of {', '.join(f'{k} {v.shape}' for k, v in arrays.items()) or 'nothing yet'}>"

    def total(self, numbers: Array) -> Array:
        """Return a sum over the rows of a batch, whose rows may lie in several processes.

        Each has summed up its own, which are ``numbers``. What is alone gets back what it gives.
        """
        return numbers if self.part is None else self.part.total(numbers)

    def gradient(self, name: str) -> Array:
        """Return the gradient that ``backward`` left for a parameter: ``ctx.dW`` for "W"."""
        try:
            return getattr(self, f"d{name}")
        except AttributeError:
            raise AttributeError(
                f"backward must leave ctx.d{name}, the gradient of {name}"
            ) from None

    if TYPE_CHECKING:  # each layer leaves what it needs

        def __getattr__(self, name: str) -> Any: ...


class Layer(ParameterViews, Configurable):
    """Base of all layers.

    Attributes
    ----------
    trainable : bool
        False freezes the layer: its parameters and state do not change in training.
    lr_factor : float
        What the learning rate is multiplied with for its parameters.
    activation : Activation or None
        The function that its outputs went through last; None means that it has none, or, where
        ``takes_activation`` is true, that none was named.

    Notes
    -----
    What kind of layer it is, the rest of minnet asks by these attributes of the class, never by its name.
    A layer of your own sets those that are true of it.

    fully_connected : bool, default=False
        It computes :math:`f(X W + b)` with its parameters ``W`` (n_inputs, units) and ``b`` (units,).
    accepts_sparse : bool, default=False
        ``forward`` takes a CSR matrix for ``X`` where it is the first layer; others get a dense array.
    normalizes : bool, default=False
        It takes mean and scale away: where ``differs_in_training``, those of each input over the batch,
        so that a bias right below it does nothing and a batch needs two rows; else those of each row.
    only_in_training : bool, default=False
        It does nothing in prediction: its output is its input.
    differs_in_training : bool, default=False
        The same input gives another output in training than in prediction, or in each pass.
    takes_activation : bool, default=False
        It has a parameter ``activation``, and one of None is a question that a network or an estimator
        answers: it is then given an Activation object. Of a name, ``__init__`` makes one by
        :func:`minnet.activations.get_activation`.
    opens_skip, closes_skip : bool, default=False
        It puts its inputs into ``ctx.skips``, or takes what is added to its own from there.
    encodes : bool, default=False
        Its outputs are made of columns one by one, and the layer above looks up what it multiplies.
    """

    trainable = True
    lr_factor = 1.0
    activation: Activation | None = None

    fully_connected = False
    accepts_sparse = False
    normalizes = False
    only_in_training = False
    differs_in_training = False
    takes_activation = False
    opens_skip = False
    closes_skip = False
    encodes = False

    if TYPE_CHECKING:  # its configuration and its arrays

        def __getattr__(self, name: str) -> Any: ...

    def output_size(self, n_inputs: int) -> int:
        """Return the number of outputs for ``n_inputs`` inputs."""
        return n_inputs

    def parameters(self, n_inputs: int) -> dict[str, Parameter]:
        """Return a dict from attribute names to :class:`Parameter`; the network makes the arrays."""
        return {}

    def state(self, n_inputs: int) -> dict[str, Array]:
        """Return a dict from attribute names to initial arrays of what is kept but not trained."""
        return {}

    def forward(self, X: Any, ctx: Any) -> Array:
        """Return the output ``Y`` for the input ``X`` (n_samples, n_inputs)."""
        raise TypeError(f"{type(self).__name__} must define forward(X, ctx) and backward(dY, ctx).")

    def backward(self, dY: Array, ctx: Any) -> Any:
        """Return ``dX`` for the gradient ``dY``; put each parameter's gradient into ``ctx``."""
        raise TypeError(f"{type(self).__name__} must define forward(X, ctx) and backward(dY, ctx).")

    def update_state(self, ctx: Any) -> None:
        """Update the state from one training pass; called once after each step."""

    def taken_apart(self) -> list["Layer"]:
        """Return the layers that a network has in the place of this one: itself, unless it is a block."""
        return [self]

    def bind(self, arrays: Mapping[str, Array]) -> None:
        """Make the network's arrays, by name, attributes of this layer, which then computes."""
        if is_open(self):
            self.activation = Identity()
        super().bind(arrays)

    def _called(self, name: str) -> str:
        """Return what messages call an attribute."""
        return f"{name} of {type(self).__name__}"

    def __reduce__(self) -> tuple[Any, ...]:
        # A layer is pickled as its configuration; the network that owns the arrays binds it again.
        return _make, (type(self), self.get_config())


def _make(cls: type[Layer], config: dict[str, Any]) -> Layer:
    return cls(**config)


class _OwnOrTaken(Field):
    """An activation, or None until the layer is put into a network."""

    def __set__(self, layer: Any, value: Any) -> None:
        if value is not None or "_arrays" in vars(layer):  # then it computes
            super().__set__(layer, value)
        else:
            # What a class of the user's own does not take could not be kept by its copies.
            takes = "activation" in parameters(type(layer))
            vars(layer)[self.name] = None if takes else Identity()


def _own_or_taken() -> Any:
    return _OwnOrTaken(lambda name, value: get_activation(value))


def is_open(layer: Layer) -> bool:
    """Return whether a layer takes an activation and names none.

    Examples
    --------
    >>> is_open(Dense(5)), is_open(Dense(5, "identity")), is_open(Dropout())
    (True, False, False)
    """
    return layer.takes_activation and layer.activation is None


class Dense(Layer):
    r"""Fully connected layer :math:`Y = f(X W + b)`.

    With :math:`Z = X W + b` and :math:`dZ = dY \odot f'(Z)`:
    :math:`dW = X^\top dZ`, :math:`db = \sum_i dZ_i`, :math:`dX = dZ\, W^\top`.

    Parameters
    ----------
    units : int
        Outputs, fan_out.
    activation : str, Activation or None, default=None
        A name from :func:`minnet.activations.list_activations` or an object. None in the ``layers`` of
        an estimator: the estimator's, where no normalization follows that takes it or names its
        own. None in a :class:`minnet.Network`: the layer is linear. ``"identity"`` is linear anywhere.
    init : str, dict, Initializer, array, callable or None, default=None
        Of ``W``, shape (fan_in, fan_out); None leaves it to the network.
    bias_init : the same, default=None
        Of ``b``, shape (fan_out,); None leaves it to the network.
    trainable : bool, default=True
        False freezes ``W`` and ``b``.
    lr_factor : float, default=1.0
        Multiplies the learning rate for this layer.
    bias_lr_factor : float or None, default=None
        The same for ``b`` alone; None means ``lr_factor``.
    decay_factor : float or None, default=None
        Multiplies ``weight_decay`` for this layer: a step multiplies ``W`` by ``1 - rate * decay_factor
        * weight_decay``, whatever ``lr_factor`` is. None means ``lr_factor``.

    Examples
    --------
    >>> from minnet import Dense
    >>> Dense(256, "tanh", init="orthogonal")
    Dense(256, activation=Tanh(), init='orthogonal')

    Under an estimator the one that names no activation has the estimator's; the output is added:

    >>> from minnet import MinNetRegressor
    >>> reg = MinNetRegressor(layers=[Dense(8, "tanh"), Dense(4)], max_iter=5, tol=0, random_state=0)
    >>> reg.fit([[0.0], [1.0]], [0.0, 1.0]).network_.layers
    [Dense(8, activation=Tanh()), Dense(4, activation=Relu()), Dense(1, activation=Identity())]
    """

    fully_connected = True
    accepts_sparse = True
    takes_activation = True
    W: Array
    b: Array

    units: int = whole()
    activation: Activation = _own_or_taken()
    trainable: bool = flag()
    lr_factor: float = real(0)
    bias_lr_factor: float | None = optional(real(0))
    decay_factor: float | None = optional(real(0))

    def __init__(
        self,
        units: int,
        activation: Any = None,
        init: Any = None,
        bias_init: Any = None,
        *,
        trainable: bool = True,
        lr_factor: float = 1.0,
        bias_lr_factor: float | None = None,
        decay_factor: float | None = None,
    ) -> None:
        self.units = units
        self.activation = activation
        self.init = init
        self.bias_init = bias_init
        self.trainable = trainable
        self.lr_factor = lr_factor
        self.bias_lr_factor = bias_lr_factor
        self.decay_factor = decay_factor

    def output_size(self, n_inputs: int) -> int:
        return self.units

    def parameters(self, n_inputs: int) -> dict[str, Parameter]:
        return {
            "W": Parameter((n_inputs, self.units), self.init, True, decay_factor=self.decay_factor),
            "b": Parameter((self.units,), self.bias_init, lr_factor=self.bias_lr_factor),
        }

    def forward(self, X: Array, ctx: Any) -> Array:
        Z = X @ self.W + self.b
        ctx.X, ctx.Z, ctx.Y = X, Z, self.activation(Z)
        return ctx.Y

    def backward(self, dY: Array, ctx: Any) -> Any:
        dZ = dY * self.activation.derivative(ctx.Z, ctx.Y)
        ctx.dZ, ctx.dW, ctx.db = dZ, ctx.X.T @ dZ, dZ.sum(axis=0)
        return dZ @ self.W.T if ctx.needs_dX else None


class Dropout(Layer):
    r"""Inverted dropout: in training, zero inputs at random and divide the rest by ``1 - rate``.

    Each input is zeroed with probability ``rate``; outside training nothing happens.

    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014). The mask of a sample depends
    only on the random key and on how many samples were drawn before it, not on the batch size.

    Parameters
    ----------
    rate : float, default=0.5
        At least 0 and below 1.

    Examples
    --------
    >>> from minnet import Dropout
    >>> Dropout(0.2)
    Dropout(rate=0.2)
    """

    only_in_training = True
    differs_in_training = True

    rate: float = real(0, 1)

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = rate

    def forward(self, X: Array, ctx: Any) -> Array:
        if not ctx.training or self.rate == 0:
            ctx.mask = None
            return X
        keep = ctx.uniform(X.shape) >= self.rate
        ctx.mask = keep * X.dtype.type(1 / (1 - self.rate))
        return X * ctx.mask

    def backward(self, dY: Array, ctx: Any) -> Any:
        return dY if ctx.mask is None else dY * ctx.mask


class _Normalization(Layer):
    """What normalizations have in common: scale and shift of each input, then an activation."""

    normalizes = True
    takes_activation = True
    gamma: Array
    beta: Array

    activation: Activation = _own_or_taken()
    epsilon: float = real(0, left=False)
    trainable: bool = flag()
    lr_factor: float = real(0)

    def parameters(self, n_inputs: int) -> dict[str, Parameter]:
        return {
            "gamma": Parameter((n_inputs,), init="ones"),
            "beta": Parameter((n_inputs,), init="zeros"),
        }


class BatchNorm(_Normalization):
    r"""Batch normalization :math:`Y = f(\gamma \hat X + \beta)`, :math:`\hat X = (X - \mu) / \sigma`.

    In training :math:`\mu` and :math:`\sigma^2 = v + \epsilon` are mean and (biased) variance of the
    batch, under the sample weights :math:`p_i` (:math:`\sum p_i = 1`; :math:`1/n` without weights);
    otherwise running averages of both, for which :math:`v` is made unbiased (below). Since both depend
    on all samples,

    .. math:: dX_i = \tfrac{1}{\sigma} \Bigl( g_i - p_i \sum_j g_j
              - p_i \hat X_i \sum_j g_j \hat X_j \Bigr), \qquad g = dZ \odot \gamma .

    Ioffe and Szegedy (2015). A frozen one (``trainable=False``) uses its running averages in training
    too, so that nothing of it changes.

    What is averaged for predictions is an estimate of the variance of all data, so
    :math:`v / (1 - \sum p_i^2)`: without weights :math:`v\, n / (n - 1)`, as in their algorithm 2 and in
    PyTorch. With weights it is unbiased for rows drawn independently, whatever their weights, and stays
    the same if all weights are scaled. Repeated rows are not drawn independently: they count as more
    rows here than one row of a larger weight, in the running variance and in nothing else.

    One row has no variance: what comes out of it is :math:`f(\beta)`, whatever the input. So training
    refuses mini-batches of one row; one that would be left over at the end of an epoch is joined to the
    mini-batch before.

    Parameters
    ----------
    activation : str, Activation or None, default=None
        Applied after the normalization. None after a Dense that names none in the ``layers`` of an
        estimator: the estimator's. None elsewhere, and ``"identity"`` anywhere: none.
    momentum : float, default=0.9
        Share of the old value when the running averages are updated.
    epsilon : float, default=1e-5
        Added to the variance; at least the smallest normal number, 1.2e-38 in float32.
    trainable : bool, default=True
        False freezes it.
    lr_factor : float, default=1.0
        Multiplies the learning rate for this layer.

    Examples
    --------
    >>> from minnet import BatchNorm
    >>> BatchNorm("tanh")
    BatchNorm(activation=Tanh())
    """

    differs_in_training = True
    running_mean: Array
    running_var: Array

    momentum: float = real(0, 1)

    def __init__(
        self,
        activation: Any = None,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        *,
        trainable: bool = True,
        lr_factor: float = 1.0,
    ) -> None:
        self.activation = activation
        self.momentum = momentum
        self.epsilon = epsilon
        self.trainable = trainable
        self.lr_factor = lr_factor

    def state(self, n_inputs: int) -> dict[str, Array]:
        return {"running_mean": np.zeros(n_inputs), "running_var": np.ones(n_inputs)}

    def forward(self, X: Array, ctx: Any) -> Array:
        ctx.of_batch = ctx.training and self.trainable
        if ctx.of_batch:
            p = 1 / X.dtype.type(len(X)) if ctx.weights is None else ctx.weights
            mean = ctx.total((X * p).sum(axis=0))
            var = ctx.total((np.square(X - mean) * p).sum(axis=0))
            ctx.p, ctx.mean, ctx.var = p, mean, var
        else:
            mean, var = self.running_mean, self.running_var
        ctx.sigma = np.sqrt(var + X.dtype.type(at_least_normal(self.epsilon, X.dtype)))
        ctx.X_hat = (X - mean) / ctx.sigma
        Z = self.gamma * ctx.X_hat + self.beta
        ctx.Z, ctx.Y = Z, self.activation(Z)
        return ctx.Y

    def backward(self, dY: Array, ctx: Any) -> Any:
        dZ = dY * self.activation.derivative(ctx.Z, ctx.Y)
        ctx.dZ, ctx.dgamma, ctx.dbeta = dZ, (dZ * ctx.X_hat).sum(axis=0), dZ.sum(axis=0)
        g = dZ * self.gamma
        if ctx.of_batch:
            sums = ctx.total(np.array([g.sum(axis=0), (g * ctx.X_hat).sum(axis=0)]))
            g = g - ctx.p * (sums[0] + ctx.X_hat * sums[1])
        return g / ctx.sigma

    def update_state(self, ctx: Any) -> None:
        if ctx.of_batch:
            if ctx.part is None:
                squares = len(ctx.Y) * np.mean(np.square(ctx.p))  # their sum: p may be one number
            else:
                squares = ctx.part.squares_of_shares
            var = ctx.var / max(1 - squares, np.finfo(ctx.var.dtype).eps)  # one row: 0 / eps
            for running, of_batch in ((self.running_mean, ctx.mean), (self.running_var, var)):
                running *= self.momentum
                running += (1 - self.momentum) * of_batch


class LayerNorm(_Normalization):
    r"""Layer normalization :math:`Y = f(\gamma \hat X + \beta)`, :math:`\hat X = (X - \mu) / \sigma`.

    Here :math:`\mu` and :math:`\sigma^2 = v + \epsilon` are mean and (biased) variance of the :math:`d`
    inputs of each row. So rows know nothing of each other: training and prediction compute the same, and
    a batch may have any number of rows. With the means taken over the inputs of a row,

    .. math:: dX = \tfrac{1}{\sigma} \bigl( g - \overline{g} - \hat X\, \overline{g \hat X} \bigr),
              \qquad g = dZ \odot \gamma .

    Ba, Kiros and Hinton (2016). Unlike under a :class:`BatchNorm`, biases right below do something: only
    their mean over the units is taken away. One input alone is its own mean: what comes out is
    :math:`f(\beta)`, whatever the input.

    Parameters
    ----------
    activation : str, Activation or None, default=None
        Applied after the normalization. None after a Dense that names none in the ``layers`` of an
        estimator: the estimator's. None elsewhere, and ``"identity"`` anywhere: none.
    epsilon : float, default=1e-5
        Added to the variance; at least the smallest normal number, 1.2e-38 in float32.
    trainable : bool, default=True
        False freezes :math:`\gamma` and :math:`\beta`.
    lr_factor : float, default=1.0
        Multiplies the learning rate for this layer.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import Dense, LayerNorm, Network
    >>> net = Network([Dense(4), LayerNorm("tanh"), Dense(2)]).initialize(3, random_state=0)
    >>> X_hat = net.trace([[1.0, 2.0, 3.0]], [0]).layers[1]["X_hat"]
    >>> bool(np.allclose([X_hat.mean(), X_hat.var()], [0, 1], atol=1e-4))
    True
    """

    def __init__(
        self,
        activation: Any = None,
        epsilon: float = 1e-5,
        *,
        trainable: bool = True,
        lr_factor: float = 1.0,
    ) -> None:
        self.activation = activation
        self.epsilon = epsilon
        self.trainable = trainable
        self.lr_factor = lr_factor

    def forward(self, X: Array, ctx: Any) -> Array:
        mean = X.mean(axis=1, keepdims=True)
        var = np.square(X - mean).mean(axis=1, keepdims=True)
        ctx.sigma = np.sqrt(var + X.dtype.type(at_least_normal(self.epsilon, X.dtype)))
        ctx.X_hat = (X - mean) / ctx.sigma
        Z = self.gamma * ctx.X_hat + self.beta
        ctx.Z, ctx.Y = Z, self.activation(Z)
        return ctx.Y

    def backward(self, dY: Array, ctx: Any) -> Any:
        dZ = dY * self.activation.derivative(ctx.Z, ctx.Y)
        ctx.dZ, ctx.dgamma, ctx.dbeta = dZ, (dZ * ctx.X_hat).sum(axis=0), dZ.sum(axis=0)
        g = dZ * self.gamma
        along = (g * ctx.X_hat).mean(axis=1, keepdims=True)
        return (g - g.mean(axis=1, keepdims=True) - ctx.X_hat * along) / ctx.sigma
