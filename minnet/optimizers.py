r"""Optimizers on the flat parameter vector.

An optimizer is its configuration, the current ``learning_rate``, and a flat ``state`` of the layout of
the parameters. ``update`` changes the parameters in place. The schedules of :mod:`minnet.schedules` can be
named from here too.
"""

import numpy as np

from minnet.common.checks import check_bounded, check_flag
from minnet.common.configured import Configured, suggest
from minnet.schedules import (
    Adaptive,
    ByStep,
    Constant,
    Cosine,
    FunctionOfStep,
    InvScaling,
    Schedule,
    StepDecay,
    WarmUp,
    get_schedule,
)

__all__ = [
    "SGD",
    "Adam",
    "Adaptive",
    "ByStep",
    "Constant",
    "Cosine",
    "FunctionOfStep",
    "InvScaling",
    "Optimizer",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "clip_gradients",
    "get_optimizer",
    "get_schedule",
]


class Optimizer(Configured):
    """Base of the optimizers.

    Attributes
    ----------
    learning_rate : float
        The present one: schedules change it.
    state : ndarray of shape (n_state, n_parameters) or None
        None before :meth:`prepare`.
    step : int
        Updates made.
    """

    learning_rate: float
    n_state = 0
    state = None
    step = 0

    def prepare(self, params):
        """Allocate the state for ``params``; what was there is dropped."""
        self.state = np.zeros((self.n_state, params.size), dtype=params.dtype)
        self.step = 0

    def __setstate__(self, state):
        # A copy, since joblib may hand out a read-only map of the pickled array.
        self.__dict__.update(state)
        if self.state is not None:
            self.state = np.array(self.state)

    def update(self, params, grads, rates):
        """Take one step, in place.

        Parameters
        ----------
        params, grads : ndarray of shape (n_parameters,)
            ``grads`` may be overwritten.
        rates : float or ndarray of shape (n_parameters,)
            Learning rate, of each parameter if they differ (0 where frozen).
        """
        raise TypeError(f"{type(self).__name__} must define update(params, grads, rates).")


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum :math:`V = \mu V + g`, :math:`W = W - \eta V`.

    With Nesterov's momentum the step is :math:`\eta (g + \mu V)` with the new :math:`V`. These are
    PyTorch's forms; Sutskever, Martens, Dahl and Hinton (2013) and scikit-learn keep :math:`-\eta V`
    instead, which is the same while the learning rate is constant.

    Parameters
    ----------
    learning_rate : float, default=0.001
    momentum : float, default=0.0
        Between 0 and 1.
    nesterov : bool, default=False

    Examples
    --------
    >>> import numpy as np
    >>> sgd, W = SGD(learning_rate=0.1, momentum=0.9), np.array([1.0])
    >>> sgd.prepare(W)
    >>> for _ in range(2):
    ...     sgd.update(W, np.array([1.0]), sgd.learning_rate)
    >>> W.round(3)
    array([0.71])
    """

    def __init__(self, learning_rate=0.001, momentum=0.0, nesterov=False):
        self.learning_rate = check_bounded("learning_rate", learning_rate, 0, np.inf)
        self.momentum = check_bounded("momentum", momentum, 0, 1, right=True)
        self.nesterov = check_flag("nesterov", nesterov)

    @property
    def n_state(self):
        return 1 if self.momentum else 0

    def update(self, params, grads, rates):
        self.step += 1
        if self.momentum:
            V = self.state[0]
            V *= self.momentum
            V += grads
            if self.nesterov:
                grads += self.momentum * V
            else:
                grads = V
        params -= rates * grads


class Adam(Optimizer):
    r"""Adam, Algorithm 1 of Kingma and Ba (2015).

    .. math:: m = \beta_1 m + (1 - \beta_1) g, \quad v = \beta_2 v + (1 - \beta_2) g^2, \quad
              W = W - \eta \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    :math:`\epsilon` comes after the bias correction, as in the paper and PyTorch; scikit-learn folds the
    correction into the learning rate, which makes its :math:`\epsilon` larger early on.

    Parameters
    ----------
    learning_rate : float, default=0.001
    beta_1, beta_2 : float, default=0.9, 0.999
        At least 0 and below 1.
    epsilon : float, default=1e-8
        Above 0.

    Examples
    --------
    >>> import numpy as np
    >>> adam, W = Adam(learning_rate=0.1), np.array([1.0, 1.0])
    >>> adam.prepare(W)
    >>> adam.update(W, np.array([5.0, -1e-3]), adam.learning_rate)  # the first step is the rate
    >>> W.round(3)
    array([0.9, 1.1])
    """

    n_state = 2

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.learning_rate = check_bounded("learning_rate", learning_rate, 0, np.inf)
        self.beta_1 = check_bounded("beta_1", beta_1, 0, 1)
        self.beta_2 = check_bounded("beta_2", beta_2, 0, 1)
        self.epsilon = check_bounded("epsilon", epsilon, 0, np.inf, left=False)

    def update(self, params, grads, rates):
        self.step += 1
        m, v = self.state
        m *= self.beta_1
        m += (1 - self.beta_1) * grads
        v *= self.beta_2
        np.square(grads, out=grads)
        v += (1 - self.beta_2) * grads
        denominator = np.sqrt(v / (1 - self.beta_2**self.step))
        denominator += self.epsilon
        params -= (rates / (1 - self.beta_1**self.step)) * m / denominator


def get_optimizer(spec):
    """Turn "sgd", "adam" or an :class:`Optimizer` into an optimizer with a state of its own.

    Examples
    --------
    >>> get_optimizer("adam")
    Adam()
    """
    if isinstance(spec, Optimizer):
        return spec.copy()
    names = {"sgd": SGD, "adam": Adam}
    if not isinstance(spec, str):
        raise TypeError(f"optimizer must be 'sgd', 'adam' or an Optimizer object, got {spec!r}")
    if spec not in names:
        raise ValueError(suggest(spec, names, kind="optimizer"))
    return names[spec]()


def clip_gradients(grads, clip_value=None, clip_norm=None):
    r"""Clip a gradient in place: each element to ``±clip_value``, then the whole to ``clip_norm``.

    By norm the direction stays: :math:`g \min(1, c / \lVert g \rVert)` (Pascanu, Mikolov and Bengio,
    2013). NaN stays NaN.

    Examples
    --------
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
