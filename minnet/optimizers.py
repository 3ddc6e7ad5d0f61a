r"""Optimizers on the flat parameter vector.

An optimizer is its configuration, the current ``learning_rate``, and a flat ``state`` of the layout of
the parameters. ``update`` changes the parameters in place. The schedules of ``minnet.schedules`` can be
named from here too.

One of your own has ``update``, and ``n_state`` where it remembers something:

>>> import numpy as np
>>> from minnet.optimizers import Optimizer
>>> class SignSGD(Optimizer):
...     def __init__(self, learning_rate=0.001):
...         self.learning_rate = learning_rate
...     def update(self, params, grads, rates):
...         self.step += 1
...         params -= rates * np.sign(grads)

>>> from minnet import Dense, Network, Trainer
>>> net = Network([Dense(1)], loss="squared_error").initialize(2, random_state=0)
>>> trainer = Trainer(net, SignSGD(0.01)).fit(np.eye(2), np.eye(2)[:, :1], max_epochs=500)
>>> trainer.backend_in_use
'numpy'
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minnet.common.callers import level_of_user
from minnet.common.configurable import Configurable
from minnet.common.fields import flag, real
from minnet.common.names import suggest
from minnet.common.types import Array
from minnet.schedules import *  # noqa: F403  # schedules can be named from here too
from minnet.schedules import __all__ as _schedules

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSProp", "clip_gradients", "get_optimizer"]
__all__ += _schedules


def __dir__() -> list[str]:
    return __all__


class Optimizer(Configurable):
    """Base of the optimizers.

    Attributes
    ----------
    learning_rate : float
        The current one; a schedule changes it.
    state : ndarray of shape (n_state, n_parameters) or None
        None before :meth:`prepare`.
    step : int
        Updates made.
    compiled : str or None
        Which of the compiled updates is this one; None, as in all classes that do not say
        ``compiled=``, for an optimizer that the numpy backend runs. A subclass says it for itself, since
        its ``update`` may be another.
    decoupled_weight_decay : float
        A step multiplies the weights by ``1 - rate * decoupled_weight_decay`` before :meth:`update`.
    """

    compiled: str | None = None
    learning_rate: float
    n_state = 0
    state: Array | None = None
    step = 0
    decoupled_weight_decay = 0.0

    def __init_subclass__(cls, compiled: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.compiled = compiled

    @property
    def is_plain(self) -> bool:
        """Whether a step is no more than ``params -= rates * grads``."""
        return self.compiled == "sgd" and not self.n_state

    def constants(self) -> dict[str, float]:
        """Return what a compiled update reads, by the names of the kernels' fields."""
        return {}

    def prepare(self, params: Array) -> None:
        """Allocate the state for ``params``; what was there is dropped."""
        self.state = np.zeros((self.n_state, params.size), dtype=params.dtype)
        self.step = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy, since joblib may hand out a read-only map of the pickled array.
        self.__dict__.update(state)
        if self.state is not None:
            self.state = np.array(self.state)

    def update(self, params: Array, grads: Array, rates: float | Array) -> None:
        """Take one step, in place.

        Parameters
        ----------
        params, grads : ndarray of shape (n_parameters,)
            ``grads`` may be overwritten.
        rates : float or ndarray of shape (n_parameters,)
            Learning rate, of each parameter if they differ (0 where frozen).
        """
        raise TypeError(f"{type(self).__name__} must define update(params, grads, rates).")


class SGD(Optimizer, compiled="sgd"):
    r"""Stochastic gradient descent, with momentum :math:`V = \mu V + g`, :math:`W = W - \eta V`.

    With Nesterov's momentum the step is :math:`\eta (g + \mu V)` with the new :math:`V`. These are
    PyTorch's forms; Sutskever, Martens, Dahl and Hinton (2013) and scikit-learn keep :math:`-\eta V`
    instead, which is the same while the learning rate is constant.

    Parameters
    ----------
    learning_rate : float, default=0.001
        The size of a step, at least 0.
    momentum : float, default=0.0
        Between 0 and 1.
    nesterov : bool, default=False
        Needs a momentum; a warning says so where there is none.

    Examples
    --------
    >>> from minnet import SGD
    >>> import numpy as np
    >>> sgd, W = SGD(learning_rate=0.1, momentum=0.9), np.array([1.0])
    >>> sgd.prepare(W)
    >>> for _ in range(2):
    ...     sgd.update(W, np.array([1.0]), sgd.learning_rate)

    >>> W.round(3)
    array([0.71])
    """

    learning_rate: float = real(0, np.inf)
    momentum: float = real(0, 1, right=True)
    nesterov: bool = flag()

    def __init__(
        self, learning_rate: float = 0.001, momentum: float = 0.0, nesterov: bool = False
    ) -> None:
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov

    @property
    def n_state(self) -> int:  # type: ignore[override]
        return 1 if self.momentum else 0

    def constants(self) -> dict[str, float]:
        return {"momentum": self.momentum, "nesterov": self.nesterov}

    def prepare(self, params: Array) -> None:
        if self.nesterov and not self.momentum:
            warnings.warn(
                "nesterov=True has no effect with momentum=0: it needs a momentum above 0",
                stacklevel=level_of_user(),
            )
        super().prepare(params)

    def update(self, params: Array, grads: Array, rates: float | Array) -> None:
        self.step += 1
        if self.momentum:
            (V,) = _rows(self.state)
            V *= self.momentum
            V += grads
            if self.nesterov:
                grads += self.momentum * V
            else:
                grads = V
        params -= rates * grads


class Adam(Optimizer, compiled="adam"):
    r"""Adam, Algorithm 1 of Kingma and Ba (2015).

    .. math:: m = \beta_1 m + (1 - \beta_1) g, \quad v = \beta_2 v + (1 - \beta_2) g^2, \quad
              W = W - \eta \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    :math:`\epsilon` comes after the bias correction, as in the paper and PyTorch; scikit-learn folds the
    correction into the learning rate, which makes its :math:`\epsilon` larger early on.

    Parameters
    ----------
    learning_rate : float, default=0.001
        The size of a step, at least 0.
    beta_1, beta_2 : float, default=0.9, 0.999
        At least 0 and below 1.
    epsilon : float, default=1e-8
        Above 0.

    Examples
    --------
    >>> from minnet import Adam
    >>> import numpy as np
    >>> adam, W = Adam(learning_rate=0.1), np.array([1.0, 1.0])
    >>> adam.prepare(W)
    >>> adam.update(W, np.array([5.0, -1e-3]), adam.learning_rate)  # the first step is the rate
    >>> W.round(3)
    array([0.9, 1.1])
    """

    n_state = 2
    learning_rate: float = real(0, np.inf)
    beta_1: float = real(0, 1)
    beta_2: float = real(0, 1)
    epsilon: float = real(0, np.inf, left=False)

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def constants(self) -> dict[str, float]:
        return {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}

    def update(self, params: Array, grads: Array, rates: float | Array) -> None:
        self.step += 1
        m, v = _rows(self.state)
        m *= self.beta_1
        m += (1 - self.beta_1) * grads
        v *= self.beta_2
        np.square(grads, out=grads)
        v += (1 - self.beta_2) * grads
        denominator = np.sqrt(v / (1 - self.beta_2**self.step))
        denominator += self.epsilon
        params -= (rates / (1 - self.beta_1**self.step)) * m / denominator


class AdamW(Adam, compiled="adam"):
    r"""Adam with decoupled weight decay: Algorithm 2 of Loshchilov and Hutter (2019), in PyTorch's form.

    Before each step the weights, not the biases and not what batch normalization trains, are multiplied
    by :math:`1 - \eta \lambda`, with :math:`\eta` the learning rate of the layer; ``update`` is Adam's.
    The loop over mini-batches does it, by the parameter table, as it does for ``weight_decay`` of
    :class:`minnet.Trainer` and of the estimators: there is one mechanism, and what both are given adds up.

    Parameters
    ----------
    learning_rate : float, default=0.001
        The size of a step, at least 0.
    beta_1, beta_2 : float, default=0.9, 0.999
        At least 0 and below 1.
    epsilon : float, default=1e-8
        Above 0.
    weight_decay : float, default=0.01
        At least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import AdamW, Dense, Network, Trainer
    >>> net = Network([Dense(1, init="ones")], loss="squared_error").initialize(1)
    >>> trainer = Trainer(net, AdamW(0.1, weight_decay=0.5), batch_size=1)
    >>> trainer.run_epoch(np.zeros((1, 1)), np.zeros((1, 1)))  # no gradient: the decay alone
    >>> net.layers[0].W
    array([[0.95]])
    """

    weight_decay: float = real(0, np.inf)

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon)
        self.weight_decay = weight_decay

    @property
    def decoupled_weight_decay(self) -> float:  # type: ignore[override]
        return self.weight_decay


class RMSProp(Optimizer, compiled="rmsprop"):
    r"""RMSProp (Tieleman and Hinton 2012): steps as large as the root of the mean square allows.

    .. math:: v = \rho v + (1 - \rho) g^2, \quad V = \mu V + \frac{g}{\sqrt v + \epsilon}, \quad
              W = W - \eta V

    This is PyTorch's form, where :math:`\rho` is called alpha, and :math:`\epsilon` stands outside the
    root; Keras has it inside.

    Parameters
    ----------
    learning_rate : float, default=0.001
        The size of a step, at least 0.
    rho : float, default=0.99
        At least 0 and below 1.
    momentum : float, default=0.0
        Between 0 and 1.
    epsilon : float, default=1e-8
        Above 0.

    Examples
    --------
    >>> from minnet import RMSProp
    >>> import numpy as np
    >>> rmsprop, W = RMSProp(learning_rate=0.1, rho=0.75), np.array([1.0, 1.0])
    >>> rmsprop.prepare(W)
    >>> rmsprop.update(W, np.array([5.0, -1e-3]), rmsprop.learning_rate)  # g / (0.5 |g|)
    >>> W.round(3)
    array([0.8, 1.2])
    """

    learning_rate: float = real(0, np.inf)
    rho: float = real(0, 1)
    momentum: float = real(0, 1, right=True)
    epsilon: float = real(0, np.inf, left=False)

    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.99,
        momentum: float = 0.0,
        epsilon: float = 1e-8,
    ) -> None:
        self.learning_rate = learning_rate
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon

    @property
    def n_state(self) -> int:  # type: ignore[override]
        return 2 if self.momentum else 1

    def constants(self) -> dict[str, float]:
        return {"momentum": self.momentum, "beta_2": self.rho, "epsilon": self.epsilon}

    def update(self, params: Array, grads: Array, rates: float | Array) -> None:
        self.step += 1
        v, *momentum = _rows(self.state)
        v *= self.rho
        v += (1 - self.rho) * np.square(grads)
        grads /= np.sqrt(v) + self.epsilon
        for V in momentum:
            V *= self.momentum
            V += grads
            grads = V
        params -= rates * grads


def _rows(state: Array | None) -> Array:
    if state is None:
        raise ValueError("the optimizer has no state yet: call prepare(params) first")
    return state


_BY_NAME: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSProp,
}


def get_optimizer(spec: str | Optimizer) -> Optimizer:
    """Turn "sgd", "adam", "adamw", "rmsprop" or an :class:`Optimizer` into one with a state of its own.

    Parameters
    ----------
    spec : str or object
        A name, or an object, of which a copy is made.

    Examples
    --------
    >>> from minnet.optimizers import get_optimizer
    >>> get_optimizer("adam")
    Adam()
    """
    if isinstance(spec, Optimizer):
        if not hasattr(spec, "learning_rate"):
            raise TypeError(
                f"optimizer must have a learning_rate, got {spec!r:.200}, whose __init__ keeps none"
            )
        return spec.copy()
    if isinstance(spec, str) and spec in _BY_NAME:
        return _BY_NAME[spec]()
    error = ValueError if isinstance(spec, str) else TypeError
    raise error(suggest("optimizer", spec, _BY_NAME, "a name or an Optimizer object"))


def clip_gradients(
    grads: Array, clip_value: float | None = None, clip_norm: float | None = None
) -> None:
    r"""Clip a gradient in place: each element to ``±clip_value``, then the whole to ``clip_norm``.

    By norm the direction stays: :math:`g \min(1, c / \lVert g \rVert)` (Pascanu, Mikolov and Bengio,
    2013). NaN stays NaN.

    Examples
    --------
    >>> from minnet.optimizers import clip_gradients
    >>> import numpy as np
    >>> g = np.array([3.0, 4.0])
    >>> clip_gradients(g, clip_norm=1.0)
    >>> g
    array([0.6, 0.8])
    """
    if clip_value is not None:
        np.clip(grads, -clip_value, clip_value, out=grads)
    if clip_norm is not None:
        # Scaled by the largest element first, so that squares of a huge gradient do not overflow.
        largest = np.abs(grads).max(initial=0.0)
        if largest > 0:
            direction = grads / largest
            norm = float(np.linalg.norm(direction))
            if float(largest) * norm > clip_norm:
                np.multiply(direction, clip_norm / norm, out=grads)
