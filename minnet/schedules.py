"""Learning-rate schedules: the rate of each update, and what follows an epoch or a stall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minnet.common.checks import is_real
from minnet.common.configurable import Configurable, parameters
from minnet.common.fields import instance, optional, real, whole
from minnet.common.names import known_as, suggest
from minnet.common.types import Array

__all__ = [
    "Adaptive",
    "ByStep",
    "Constant",
    "Cosine",
    "FlatThenCosine",
    "FunctionOfStep",
    "InvScaling",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "get_schedule",
]


def __dir__() -> list[str]:
    return __all__


class Schedule(Configurable):
    """Base of the learning-rate schedules."""

    def rates(self, current: float, initial: float, step: int, n_steps: int, n_seen: int) -> Any:
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

    def after_epoch(self, current: float, initial: float, step: int, n_seen: int) -> float:
        """Return the rate that follows an epoch."""
        return current

    def reduce(self, current: float) -> float | None:
        """Return the rate after a stall, or None to stop training."""
        return None

    def over(self, n_steps: int | None) -> Schedule:
        """Return the schedule of a fit of at most ``n_steps`` updates: itself, or one made for so many.

        One of your own that goes by the length of a fit returns a copy that knows it. Of that copy
        :meth:`rates` is called with ``step`` counted from the beginning of the fit; of a schedule that
        returns itself with all updates, those of earlier calls included.

        Parameters
        ----------
        n_steps : int or None
            ``max_epochs`` times the steps of an epoch. None where nobody knows: in ``partial_fit``,
            ``run_epoch``, and on streams without ``batches_per_epoch`` that have no length.

        Raises
        ------
        ValueError
            If it is None and the schedule cannot do without.

        Examples
        --------
        >>> from minnet.optimizers import Cosine, StepDecay
        >>> Cosine().over(100), Cosine(50).over(100), StepDecay(9).over(100)
        (Cosine(n_steps=100), Cosine(n_steps=50), StepDecay(9))
        """
        return self


class ByStep(Schedule):
    r"""Base of the schedules that multiply the initial rate by a factor that depends on the step.

    The rate of update :math:`t` = 0, 1, 2, ... is :math:`\eta_0 f(t)`. A subclass defines ``factors``. An
    epoch has ``ceil(n_samples / batch_size)`` updates.

    Examples
    --------
    >>> from minnet.optimizers import ByStep
    >>> import numpy as np
    >>> class Triangle(ByStep):
    ...     def factors(self, steps):
    ...         return 1 - np.abs(steps % 4 - 2) / 2

    >>> Triangle().rates(0.0, 0.5, 1, n_steps=4, n_seen=0)
    array([0.25, 0.5 , 0.25, 0.  ])
    """

    def factors(self, steps: Array) -> Array:
        """Return the factors of the updates ``steps``, an array of whole numbers from 0."""
        raise TypeError(f"{type(self).__name__} must define factors(steps).")

    def rates(self, current: float, initial: float, step: int, n_steps: int, n_seen: int) -> Array:
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
        Exponent of the number of the step.
    """

    power_t: float = real(0, np.inf)

    def __init__(self, power_t: float = 0.5) -> None:
        self.power_t = power_t

    def rates(self, current: float, initial: float, step: int, n_steps: int, n_seen: int) -> Array:
        return np.full(n_steps, self.after_epoch(current, initial, step, n_seen))

    def after_epoch(self, current: float, initial: float, step: int, n_seen: int) -> float:
        try:
            return initial / (n_seen + 1) ** self.power_t
        except OverflowError:
            return 0.0


class Adaptive(Schedule):
    """scikit-learn's adaptive rate: divided by 5 at a stall, until it is at most 1e-6."""

    def reduce(self, current: float) -> float | None:
        return None if current <= 1e-6 else current / 5


class FunctionOfStep(Schedule):
    """A user's function: ``function(step)`` is the learning rate of update ``step`` = 0, 1, 2, ...

    Parameters
    ----------
    function : callable
        Of the number of the step, from 0.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function) or isinstance(function, type):
            raise TypeError(f"function must be a function of the step, got {function!r:.200}")
        self.function = function

    def rates(self, current: float, initial: float, step: int, n_steps: int, n_seen: int) -> Array:
        given = [self.function(i) for i in range(step, step + n_steps)]
        try:
            rates = np.array(given, dtype=np.float64)
        except (TypeError, ValueError):  # no numbers, or several of them in some steps
            rates = np.empty(0)
        if rates.shape != (n_steps,) or not (np.isfinite(rates).all() and (rates >= 0).all()):
            raise ValueError(
                f"learning_rate must return a finite number of at least 0, got {given!r:.200} "
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
    >>> from minnet.optimizers import StepDecay
    >>> StepDecay(2, factor=0.5).rates(0.8, 0.8, 0, n_steps=6, n_seen=0)
    array([0.8, 0.8, 0.4, 0.4, 0.2, 0.2])
    """

    n_steps: int = whole()
    factor: float = real(0, 1, left=False, right=True)

    def __init__(self, n_steps: int, factor: float = 0.1) -> None:
        self.n_steps = n_steps
        self.factor = factor

    def factors(self, steps: Array) -> Array:
        return self.factor ** (steps // self.n_steps)


class _OverTheFit(ByStep):
    """Base of those whose ``n_steps`` may be that of the fit."""

    n_steps: int | None = optional(whole())

    def over(self, n_steps: int | None) -> Schedule:
        if self.n_steps is not None:
            return self
        if n_steps is None:
            raise ValueError(
                f"n_steps of {type(self).__name__} must be a number of updates where the length of the "
                "training is not known, as in partial_fit, in run_epoch and on a stream without "
                "batches_per_epoch, got None"
            )
        return type(self)(**self.get_config() | {"n_steps": n_steps})

    def _done(self, steps: Array) -> Array:
        """Return which share of the updates come before ``steps``; beyond the end, 1."""
        n_steps: Any = self.n_steps
        if n_steps is None:
            self.over(None)
        return np.minimum(steps, n_steps) / n_steps


class Cosine(_OverTheFit):
    r"""Half a period of a cosine, from the initial rate down to a fraction of it.

    .. math:: \eta_t = \eta_0 \left( f + \tfrac12 (1 - f)
              \left(1 + \cos \frac{\pi \min(t, T)}{T} \right) \right)

    with :math:`T` = ``n_steps`` and :math:`f` = ``final``: equation 5 of Loshchilov and Hutter (2017,
    SGDR), without restarts. From update ``n_steps`` on the rate stays.

    Parameters
    ----------
    n_steps : int or None, default=None
        Updates until the rate is at its end, at least 1, those of earlier fits included. None: those of
        the fit, which is ``max_iter`` (``max_epochs``) times the steps of an epoch. Each fit then begins
        with the whole rate, a warm start too; a stall that ends it, ends the curve early (see ``keep``);
        one that is resumed must have as many epochs. On a stream, whose batches should be about equally
        long, ``n_epochs`` times their number; ``partial_fit``, ``run_epoch`` and a stream without
        ``batches_per_epoch`` refuse None, unless the batches are a list.
    final : float, default=0.0
        What is left of the initial rate, at least 0 and at most 1.

    Examples
    --------
    >>> from minnet.optimizers import Cosine
    >>> Cosine(4).rates(1.0, 1.0, 0, n_steps=6, n_seen=0).round(3)
    array([1.   , 0.854, 0.5  , 0.146, 0.   , 0.   ])

    >>> from minnet import MinNetClassifier
    >>> clf = MinNetClassifier(learning_rate=Cosine(), max_iter=30)  # at 0 after 30 epochs
    """

    final: float = real(0, 1, right=True)

    def __init__(self, n_steps: int | None = None, final: float = 0.0) -> None:
        self.n_steps = n_steps
        self.final = final

    def factors(self, steps: Array) -> Array:
        return self.final + (1 - self.final) * 0.5 * (1 + np.cos(np.pi * self._done(steps)))


class FlatThenCosine(_OverTheFit):
    r"""The initial rate for a share of the updates, then half a period of a cosine.

    .. math:: \eta_t = \eta_0 \left( f + \tfrac12 (1 - f) \left(1 + \cos \left( \pi
              \max \left( 0, \frac{\min(t, T) / T - p}{1 - p} \right) \right) \right) \right)

    with :math:`p` = ``flat``, :math:`T` = ``n_steps`` and :math:`f` = ``final``.

    Parameters
    ----------
    flat : float, default=0.5
        The share of the updates that have the whole rate, at least 0 and below 1.
    n_steps, final
        As in :class:`Cosine`.

    Examples
    --------
    >>> from minnet.optimizers import FlatThenCosine
    >>> FlatThenCosine(n_steps=4).rates(1.0, 1.0, 0, n_steps=6, n_seen=0)
    array([1. , 1. , 1. , 0.5, 0. , 0. ])
    """

    flat: float = real(0, 1)
    final: float = real(0, 1, right=True)

    def __init__(self, flat: float = 0.5, n_steps: int | None = None, final: float = 0.0) -> None:
        self.flat = flat
        self.n_steps = n_steps
        self.final = final

    def factors(self, steps: Array) -> Array:
        falling = np.maximum(self._done(steps) - self.flat, 0) / (1 - self.flat)
        return self.final + (1 - self.final) * 0.5 * (1 + np.cos(np.pi * falling))


class WarmUp(ByStep):
    r"""Raise the rate in a straight line over the first updates, then follow another schedule.

    .. math:: \eta_t = \eta_0 \left( a + (1 - a) \frac{t + 1}{n} \right) \quad (t < n), \qquad
              \eta_t = \eta_0 f(t - n) \quad (t \ge n)

    with :math:`n` = ``n_steps``, :math:`a` = ``start`` and the factor :math:`f` of ``then``, which counts
    its updates from the end of the warm-up on: the gradual warm-up of Goyal et al. (2017), section 2.2.
    Where ``then`` is over the fit, such as ``Cosine()``, each fit begins with a warm-up.

    Parameters
    ----------
    n_steps : int
        Updates of the warm-up, at least 1; the last of them has the whole rate.
    then : ByStep or None, default=None
        StepDecay, Cosine, FlatThenCosine, WarmUp or your own; None keeps the rate.
    start : float, default=0.0
        The fraction of the rate where the line begins, at least 0 and at most 1.

    Examples
    --------
    >>> from minnet.optimizers import Cosine, WarmUp
    >>> WarmUp(4, then=Cosine(2)).rates(1.0, 1.0, 0, n_steps=7, n_seen=0)
    array([0.25, 0.5 , 0.75, 1.  , 1.  , 0.5 , 0.  ])
    """

    n_steps: int = whole()
    then: ByStep | None = optional(
        instance(ByStep, "a schedule by step (StepDecay, Cosine, WarmUp)")
    )
    start: float = real(0, 1, right=True)

    def __init__(self, n_steps: int, then: ByStep | None = None, start: float = 0.0) -> None:
        self.n_steps = n_steps
        self.then = then
        self.start = start

    def over(self, n_steps: int | None) -> Schedule:
        if self.then is None:
            return self
        then: Any = self.then.over(None if n_steps is None else max(n_steps - self.n_steps, 1))
        return self if then is self.then else WarmUp(self.n_steps, then, self.start)

    def factors(self, steps: Array) -> Array:
        rising = self.start + (1 - self.start) * ((steps + 1) / self.n_steps)
        if self.then is None:
            return np.where(steps < self.n_steps, rising, 1.0)
        after = self.then.factors(np.maximum(steps - self.n_steps, 0))
        return np.where(steps < self.n_steps, rising, after)


def schedule_named(value: Any) -> str | None:
    """Return how the schedule is made that a name of it, here or elsewhere, means; None of others.

    Examples
    --------
    >>> schedule_named("cosine")
    'minnet.schedules.Cosine(n_steps, final)'
    """
    name = known_as(value, ["Cosine", "FlatThenCosine", "StepDecay", "WarmUp"])
    return name and f"minnet.schedules.{name}({', '.join(parameters(globals()[name]))})"


def get_schedule(spec: Any, power_t: float = 0.5) -> Schedule:
    """Turn "constant", "invscaling", "adaptive", a function of the step or a Schedule into a schedule.

    Parameters
    ----------
    spec : str or object
        A name, a schedule, or a function of the step.
    power_t : float, default=0.5
        Exponent of "invscaling".

    Raises
    ------
    ValueError
        If the name is unknown, or if ``power_t`` is given beside another than "invscaling".
    TypeError
        If it is none of these.

    Examples
    --------
    >>> from minnet.optimizers import get_schedule
    >>> get_schedule("invscaling", power_t=0.25)
    InvScaling(power_t=0.25)
    """
    inv_scaling = InvScaling(power_t)
    if inv_scaling.power_t != 0.5 and not (isinstance(spec, str) and spec == "invscaling"):
        raise ValueError(
            "power_t must be left at its default 0.5 where learning_rate is not 'invscaling', got "
            f"{power_t!r}"
        )
    if isinstance(spec, Schedule):
        return spec
    if callable(spec) and not isinstance(spec, type):
        return FunctionOfStep(spec)
    names = {
        "constant": Constant(),
        "invscaling": inv_scaling,
        "adaptive": Adaptive(),
    }
    if isinstance(spec, str) and spec in names:
        return names[spec]
    error = ValueError if isinstance(spec, str) else TypeError
    what = "a name, a Schedule object or a function of the step"
    rate = f"optimizer=SGD(learning_rate={spec!r:.20})" if is_real(spec) else None
    raise error(suggest("learning_rate", spec, names, what, rate or schedule_named(spec)))
