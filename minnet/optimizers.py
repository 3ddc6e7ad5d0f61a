r"""Optimizers and learning-rate schedules on the flat parameter vector.

An optimizer is its configuration, the current ``learning_rate``, and a flat ``state`` of the layout of
the parameters. ``update`` changes the parameters in place.
"""

import numpy as np

from minnet._checks import check_flag, check_whole, is_real
from minnet._configured import Configured, suggest

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
    state : ndarray of shape (n_state, n_parameters) or None
        None before :meth:`prepare`.
    step : int
        Updates made.
    """

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
        self.learning_rate = _check("learning_rate", learning_rate, 0, np.inf)
        self.momentum = _check("momentum", momentum, 0, 1, right=True)
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
        self.learning_rate = _check("learning_rate", learning_rate, 0, np.inf)
        self.beta_1 = _check("beta_1", beta_1, 0, 1)
        self.beta_2 = _check("beta_2", beta_2, 0, 1)
        self.epsilon = _check("epsilon", epsilon, 0, np.inf, left=False)

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


class Schedule(Configured):
    """Base of the learning-rate schedules."""

    def rates(self, current, initial, step, n_steps, n_seen):
        """Return the rates of the next ``n_steps`` updates.

        Parameters
        ----------
        current, initial : float
            The rate now, and that of the optimizer at the start.
        step : int
            Updates made before, those of earlier calls of ``fit`` and ``partial_fit`` included.
        n_steps : int
        n_seen : int
            Samples seen before.

        Returns
        -------
        ndarray of shape (n_steps,)
        """
        return np.full(n_steps, current)

    def after_epoch(self, current, initial, step, n_seen):
        """Return the rate that follows an epoch."""
        return current

    def reduce(self, current):
        """Return the rate after a stall, or None to stop training."""
        return None


class ByStep(Schedule):
    r"""Base of the schedules that multiply the initial rate by a factor that depends on the step.

    The rate of update :math:`t` = 0, 1, 2, ... is :math:`\eta_0 f(t)`. A subclass defines ``factors``. An
    epoch has ``ceil(n_samples / batch_size)`` updates.

    Examples
    --------
    >>> import numpy as np
    >>> class Triangle(ByStep):
    ...     def factors(self, steps):
    ...         return 1 - np.abs(steps % 4 - 2) / 2
    >>> Triangle().rates(0.0, 0.5, 1, n_steps=4, n_seen=0)
    array([0.25, 0.5 , 0.25, 0.  ])
    """

    def factors(self, steps):
        """Return the factors of the updates ``steps``, an array of whole numbers from 0."""
        raise TypeError(f"{type(self).__name__} must define factors(steps).")

    def rates(self, current, initial, step, n_steps, n_seen):
        factors = np.asarray(self.factors(np.arange(step, step + n_steps)), dtype=np.float64)
        if factors.shape != (n_steps,) or not (np.isfinite(factors).all() and (factors >= 0).all()):
            raise ValueError(
                f"learning_rate must have {n_steps} finite factors of at least 0 from step {step} "
                f"on, got {factors.tolist()} from {self!r}"
            )
        return initial * factors


class Constant(Schedule):
    """The initial learning rate, always."""


class InvScaling(Schedule):
    r"""scikit-learn's inverse scaling: :math:`\eta_0 / (t + 1)^p` after ``t`` samples, epoch by epoch.

    Parameters
    ----------
    power_t : float, default=0.5
    """

    def __init__(self, power_t=0.5):
        self.power_t = _check("power_t", power_t, 0, np.inf)

    def rates(self, current, initial, step, n_steps, n_seen):
        return np.full(n_steps, self.after_epoch(current, initial, step, n_seen))

    def after_epoch(self, current, initial, step, n_seen):
        try:
            return initial / (n_seen + 1) ** self.power_t
        except OverflowError:
            return 0.0


class Adaptive(Schedule):
    """scikit-learn's adaptive rate: divided by 5 at a stall, until it is at most 1e-6."""

    def reduce(self, current):
        return None if current <= 1e-6 else current / 5


class FunctionOfStep(Schedule):
    """A user's function: ``function(step)`` is the learning rate of update ``step`` = 0, 1, 2, ...

    Parameters
    ----------
    function : callable
    """

    def __init__(self, function):
        self.function = function

    def rates(self, current, initial, step, n_steps, n_seen):
        rates = np.array([self.function(i) for i in range(step, step + n_steps)], dtype=np.float64)
        if rates.shape != (n_steps,) or not (np.isfinite(rates).all() and (rates >= 0).all()):
            raise ValueError(
                f"learning_rate must return a finite number of at least 0, got {rates.tolist()} "
                f"from step {step}"
            )
        return rates


class StepDecay(ByStep):
    r"""Multiply the rate by a factor after every so many updates.

    .. math:: \eta_t = \eta_0\, \gamma^{\lfloor t / s \rfloor}

    with :math:`\gamma` = ``factor`` and :math:`s` = ``n_steps``: the policy "step" of Caffe's solver,
    which calls them ``gamma`` and ``stepsize``.

    Parameters
    ----------
    n_steps : int
        Updates between two drops, at least 1.
    factor : float, default=0.1
        Above 0 and at most 1.

    Examples
    --------
    >>> StepDecay(2, factor=0.5).rates(0.8, 0.8, 0, n_steps=6, n_seen=0)
    array([0.8, 0.8, 0.4, 0.4, 0.2, 0.2])
    """

    def __init__(self, n_steps, factor=0.1):
        self.n_steps = _check_steps(n_steps)
        self.factor = _check("factor", factor, 0, 1, left=False, right=True)

    def factors(self, steps):
        return self.factor ** (steps // self.n_steps)


class Cosine(ByStep):
    r"""Half a period of a cosine, from the initial rate down to a fraction of it.

    .. math:: \eta_t = \eta_0 \left( f + \tfrac12 (1 - f)
              \left(1 + \cos \frac{\pi \min(t, T)}{T} \right) \right)

    with :math:`T` = ``n_steps`` and :math:`f` = ``final``: equation 5 of Loshchilov and Hutter (2017,
    SGDR), without restarts. From update ``n_steps`` on the rate stays.

    Parameters
    ----------
    n_steps : int
        Updates until the rate is at its end, at least 1.
    final : float, default=0.0
        What is left of the initial rate, at least 0 and at most 1.

    Examples
    --------
    >>> Cosine(4).rates(1.0, 1.0, 0, n_steps=6, n_seen=0).round(3)
    array([1.   , 0.854, 0.5  , 0.146, 0.   , 0.   ])
    """

    def __init__(self, n_steps, final=0.0):
        self.n_steps = _check_steps(n_steps)
        self.final = _check("final", final, 0, 1, right=True)

    def factors(self, steps):
        done = np.minimum(steps, self.n_steps) / self.n_steps
        return self.final + (1 - self.final) * 0.5 * (1 + np.cos(np.pi * done))


class WarmUp(ByStep):
    r"""Raise the rate in a straight line over the first updates, then follow another schedule.

    .. math:: \eta_t = \eta_0 \left( a + (1 - a) \frac{t + 1}{n} \right) \quad (t < n), \qquad
              \eta_t = \eta_0 f(t - n) \quad (t \ge n)

    with :math:`n` = ``n_steps``, :math:`a` = ``start`` and the factor :math:`f` of ``then``, which counts
    its updates from the end of the warm-up on: the gradual warm-up of Goyal et al. (2017), section 2.2.

    Parameters
    ----------
    n_steps : int
        Updates of the warm-up, at least 1; the last of them has the whole rate.
    then : ByStep or None, default=None
        StepDecay, Cosine, WarmUp or your own; None keeps the rate.
    start : float, default=0.0
        The fraction of the rate where the line begins, at least 0 and at most 1.

    Examples
    --------
    >>> WarmUp(4, then=Cosine(2)).rates(1.0, 1.0, 0, n_steps=7, n_seen=0)
    array([0.25, 0.5 , 0.75, 1.  , 1.  , 0.5 , 0.  ])
    """

    def __init__(self, n_steps, then=None, start=0.0):
        self.n_steps = _check_steps(n_steps)
        if then is not None and not isinstance(then, ByStep):
            raise TypeError(
                f"then must be None or a schedule by step (StepDecay, Cosine, WarmUp), got {then!r}"
            )
        self.then = then
        self.start = _check("start", start, 0, 1, right=True)

    def factors(self, steps):
        rising = self.start + (1 - self.start) * ((steps + 1) / self.n_steps)
        if self.then is None:
            return np.where(steps < self.n_steps, rising, 1.0)
        after = self.then.factors(np.maximum(steps - self.n_steps, 0))
        return np.where(steps < self.n_steps, rising, after)


def get_schedule(spec, power_t=0.5):
    """Turn "constant", "invscaling", "adaptive", a function of the step or a Schedule into a schedule.

    Examples
    --------
    >>> get_schedule("invscaling", power_t=0.25)
    InvScaling(power_t=0.25)
    """
    if isinstance(spec, Schedule):
        return spec
    if isinstance(spec, type):
        raise TypeError(f"learning_rate must be a Schedule object, got the class {spec.__name__}")
    if callable(spec):
        return FunctionOfStep(spec)
    names = {
        "constant": Constant(),
        "invscaling": InvScaling(power_t),
        "adaptive": Adaptive(),
    }
    if not isinstance(spec, str):
        raise TypeError(
            f"learning_rate must be a name, a Schedule or a function of the step, got {spec!r}"
        )
    if spec not in names:
        raise ValueError(suggest(spec, names, kind="learning_rate"))
    return names[spec]


def _check(name, value, low, high, left=True, right=False):
    """Return the number as a float; ``left`` and ``right`` say which bounds are allowed themselves."""
    valid = is_real(value) and low <= value <= high
    if not valid or (value == low and not left) or (value == high and not right):
        bounds = (
            f"{'at least' if left else 'above'} {low} and {'at most' if right else 'below'} {high}"
        )
        raise ValueError(f"{name} must be {bounds}, got {value!r}")
    return float(value)


def _check_steps(value):
    """Return a number of updates."""
    return check_whole("n_steps", value)
