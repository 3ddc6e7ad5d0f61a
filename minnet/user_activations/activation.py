r"""Activations of your own that compiled training can call.

:func:`activation` makes an activation of a Python function of one number and its derivative:

>>> import minnet
>>> @minnet.activation(derivative=lambda y: (1 - abs(y)) ** 2)
... def my_softsign(z):
...     return z / (1 + abs(z))

>>> minnet.Dense(8, "my_softsign")
Dense(8, activation=my_softsign)

Numba (``pip install 'minnet-learn[jit]'``) compiles both at their first use, once for each dtype, and
the compiled epoch calls them. Without Numba they run as they are, number by number, and training on
NumPy.
"""

from __future__ import annotations

import inspect
import logging
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np

from minnet.activations import _BY_NAME, _REGISTERED, Activation
from minnet.common.callers import level_of_user
from minnet.common.checks import check_flag, is_finite_real, n_axes
from minnet.common.configurable import same
from minnet.common.types import Array, DTypeLike

__all__ = ["CannotCompileError", "UserActivation", "activation"]

_log = logging.getLogger("minnet")

# Where a derivative is compared with differences when it is given: nowhere near a likely kink.
_POINTS = (-4.37, -2.13, -0.91, -0.29, 0.17, 0.53, 1.31, 2.71, 4.43)


class CannotCompileError(Exception):
    """A user's activation runs as Python only; the message says why."""


def activation(
    function: Callable[..., Any] | None = None,
    derivative: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    kinks: Sequence[float] = (),
    check: bool = True,
) -> Any:
    r"""Make an activation of a function of one number.

    To be written above the function, or called with a function and its derivative. What was the function
    is then an activation: it can be given to layers and estimators, as it is or by its name.

    Parameters
    ----------
    function : callable
        ``function(z)`` returns :math:`f(z)` for a number ``z``; cases are written with ``if``. It may use
        what Numba knows: arithmetic, the functions of ``math``, NumPy's for numbers. What it takes from
        outside (global names, variables of a function around it) keeps the value of its first use.
    derivative : callable
        Returns :math:`f'(z)`. The names of its arguments say what it reads: ``(z, y)``, ``(y)`` or
        ``(z)``, where ``y`` is :math:`f(z)`. One that reads only ``y`` saves training an array.
    name : str, default=None
        What ``activation="..."`` calls it; by default the name of the function. Registering a name again
        replaces what it stood for, as a notebook does that runs a cell twice.
    kinks : tuple of float, default=()
        Where the derivative jumps: :func:`minnet.check_gradients` skips steps across them, and
        the theory of initialization cuts its integrals there.
    check : bool, default=True
        Warn at once where the derivative is not what central differences give at a few numbers.
        False for a derivative that is another one on purpose.

    Returns
    -------
    UserActivation

    Notes
    -----
    NaN gives NaN, whatever the function makes of it, and a division by 0 is no error. In float32 the
    numbers written in the function count as float32. ``exp``, ``expm1``, ``tanh``, ``log`` and ``log1p``
    are computed by minnet's own steps on vectors, to some units in the last place; other functions by
    the C library, number by number.

    It is pickled by its import path, as functions are: what reads the pickle must be able to import it.
    joblib sends one that was defined in a script, a notebook or a function to its processes as a whole.

    Examples
    --------
    >>> import numpy as np
    >>> import minnet
    >>> @minnet.activation(derivative=lambda z: 0.1 if z < 0 else 1.0 if z < 1 else 0.0, kinks=(0, 1))
    ... def leaky_step(z):
    ...     if z < 0:
    ...         return 0.1 * z
    ...     return z if z < 1 else 1.0

    >>> leaky_step(np.array([-1.0, 0.5, 3.0]))
    array([-0.1,  0.5,  1. ])
    >>> minnet.MinNetClassifier(activation="leaky_step")
    MinNetClassifier(activation='leaky_step')
    """
    if derivative is None:
        raise TypeError(
            "derivative must be given, got None: write @minnet.activation(derivative=lambda z, y: ...) "
            f"above {getattr(function, '__name__', 'the function')}"
        )
    if function is None:
        return lambda function: activation(
            function, derivative=derivative, name=name, kinks=kinks, check=check
        )
    check_flag("check", check)
    made = UserActivation(function, derivative, name, kinks)
    if made.name in _BY_NAME:
        raise ValueError(f"name must not be one of minnet's own activations, got {made.name!r}")
    if check:
        made._compare_with_differences()
    _REGISTERED[made.name] = made
    return made


class UserActivation(Activation):
    """What :func:`activation` makes: an activation that can be compiled.

    Parameters
    ----------
    function, slope : callable
        Value and derivative of a number.
    name : str, default=None
        What ``activation=`` calls it.
    kinks : tuple of float, default=()
        Where its derivative jumps.

    Attributes
    ----------
    needs_Z : bool
        Whether the derivative reads ``z``.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        slope: Callable[..., Any],
        name: str | None = None,
        kinks: Sequence[float] = (),
    ):
        function, slope = _python("function", function), _python("derivative", slope)
        self.name = function.__name__ if name is None else name
        if not isinstance(self.name, str) or self.name in ("", "<lambda>"):
            raise ValueError(f"name must be given as a str for {function!r}, got {name!r}")
        if len(_required(function)) != 1:
            raise TypeError(
                f"{self.name} must take one argument, z, got {inspect.signature(function)}"
            )
        self.reads = _required(slope)
        if self.reads not in (("z", "y"), ("y",), ("z",)):
            raise TypeError(
                f"the derivative of {self.name} must take (z, y), (y) or (z), called so, got "
                f"({', '.join(self.reads)})"
            )
        several = isinstance(kinks, list | tuple | np.ndarray) and n_axes(kinks) == 1
        if not several or not all(map(is_finite_real, kinks)):
            raise TypeError(f"kinks of {self.name} must be numbers, got {kinks!r}")
        self.kinks = tuple(map(float, kinks))
        self.needs_Z = "z" in self.reads
        self.__module__, self.__qualname__ = function.__module__, function.__qualname__
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        # Copies whose import path leads through this object: so they can be pickled by it.
        self.function = _named(function, self.__module__, f"{self.__qualname__}.function")
        self.slope = _named(slope, self.__module__, f"{self.__qualname__}.slope")
        self._loops: dict[Any, Any] = {}

    # ---- calls

    def __call__(self, Z: Array) -> Array:
        """Return ``f(Z)`` in float32 for float32, in float64 for all else."""
        Z = _real(Z)
        try:
            return self.compiled(Z.dtype).value(Z)
        except CannotCompileError as error:
            reason = str(error)
        return self._by_python(reason, self.function, Z, Z)

    def derivative(self, Z: Array, Y: Array) -> Array:
        """Return ``f'(Z)``, given ``Z`` (if ``needs_Z``) and ``Y = f(Z)``."""
        Y = _real(Y)
        Z = np.asarray(Z, dtype=Y.dtype, order="C") if self.needs_Z else Y
        try:
            return self.compiled(Y.dtype).slope(Z, Y)
        except CannotCompileError as error:
            reason = str(error)
        arrays = {"z": Z, "y": Y}
        return self._by_python(reason, self.slope, Y, *(arrays[name] for name in self.reads))

    def compiled(self, dtype: DTypeLike) -> Any:
        """Return the compiled loops for ``dtype``, float32 or float64.

        Raises
        ------
        CannotCompileError
            If Numba is not installed or cannot compile the function.
        """
        dtype = np.dtype(dtype)
        if dtype not in self._loops:
            self._loops[dtype] = self._compile(dtype)
        found = self._loops[dtype]
        if isinstance(found, str):
            raise CannotCompileError(found)
        return found

    def _compile(self, dtype):
        """Return the loops, or the reason why there are none."""
        try:
            from minnet.user_activations.loops import compile_loops
        except ImportError:
            return f"Numba is needed to compile {self.name}: pip install 'minnet-learn[jit]'"
        try:
            return compile_loops(self.function, self.slope, self.reads, dtype)
        except Exception as error:  # whatever Numba finds wrong with the function
            reason = " ".join(str(error).split())
            return f"Numba cannot compile {self.name}: {reason[:500]}"

    def _by_python(self, reason, function, checked, *arrays):
        """Return ``function`` of each number; NaN where ``checked`` is NaN."""
        if "said" not in self._loops:
            self._loops["said"] = True
            _log.info("the activation %s runs as Python, number by number: %s", self.name, reason)
        result = np.empty(checked.shape, checked.dtype)
        with np.errstate(all="ignore"):
            numbers = zip(*(array.ravel() for array in arrays), strict=True)
            result.ravel()[:] = [function(*given) for given in numbers]
        return np.where(np.isnan(checked), checked, result)

    # ---- what it is

    def __repr__(self):
        return self.name

    def __eq__(self, other):
        if self is other:
            return True
        if type(other) is not UserActivation:
            return NotImplemented
        return hash(self) == hash(other) and same(self._parts(), other._parts())

    def __hash__(self):
        return hash((self.__module__, self.__qualname__, self.name))

    def _parts(self):
        """Return all that decides what it computes, but for the values of global names."""
        functions = (self.function, self.slope)
        closures = [[cell.cell_contents for cell in f.__closure__ or ()] for f in functions]
        codes = [(f.__code__, f.__defaults__, f.__kwdefaults__) for f in functions]
        return [self.__module__, self.__qualname__, self.name, self.kinks, codes, closures]

    def copy(self) -> Self:
        """Return itself: nothing of it changes."""
        return self

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        module = sys.modules.get(self.__module__)
        if self.__module__ != "__main__" and _found(module, self.__qualname__) is self:
            return self.__qualname__  # by reference
        # The functions as a whole where the pickler can do that (joblib's, cloudpickle); others look them
        # up by import path, and say so where it leads nowhere.
        place = self.__module__, self.__qualname__
        return _restored, (*place, self.function, self.slope, self.name, self.kinks)

    def _compare_with_differences(self):
        """Warn if the derivative is not the slope at one of some numbers."""
        for z in _POINTS:
            h = 1e-5 * max(1.0, abs(z))
            if any(abs(z - kink) < 2 * h for kink in self.kinks):
                continue
            try:
                with np.errstate(all="ignore"):
                    low, y, high = (self.function(np.float64(at)) for at in (z - h, z, z + h))
                    given = {"z": np.float64(z), "y": y}
                    slope = self.slope(*(given[name] for name in self.reads))
            except (ArithmeticError, ValueError, NameError):
                continue  # outside of its domain, or what it calls is still to come
            for what, number in ((self.name, y), (f"the derivative of {self.name}", slope)):
                if not isinstance(number, Real | np.bool_):
                    raise TypeError(f"{what} must return a number for a number, got {number!r}")
            expected = (float(high) - float(low)) / (2 * h)
            if abs(slope - expected) > 1e-5 * (1 + abs(expected)):
                warnings.warn(
                    f"the derivative of {self.name} at z = {z} is {float(slope):.6g}, but central "
                    f"differences give {expected:.6g}",
                    stacklevel=level_of_user(),
                )
                return


def _restored(module, qualname, function, slope, name, kinks):
    """Return the activation of this import path if it is the same, or one made of the functions."""
    made = UserActivation(function, slope, name, kinks)
    made.__module__, made.__qualname__ = module, qualname
    made.function = _named(function, module, f"{qualname}.function")
    made.slope = _named(slope, module, f"{qualname}.slope")
    for known in (_found(sys.modules.get(module), qualname), _REGISTERED.get(name)):
        if isinstance(known, UserActivation) and known == made:
            return known
    _REGISTERED.setdefault(name, made)
    return made


def _found(module, qualname):
    """Return what is found at ``qualname`` in a module, or None."""
    found = module
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def _python(what, function):
    """Return a Python function; of one that Numba has wrapped, what it was made of."""
    function = getattr(function, "py_func", function)
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"{what} must be a Python function of numbers, got {function!r}")
    return function


def _named(function, module, qualname):
    """Return a copy of a function with another import path."""
    own = types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    own.__kwdefaults__ = function.__kwdefaults__
    own.__module__, own.__qualname__ = module, qualname
    return own


def _required(function):
    """Return the names of the arguments without a default."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.default is p.empty)


def _real(array):
    """Return a contiguous array of float32 or float64."""
    array = np.asarray(array)
    dtype = array.dtype if array.dtype in (np.float32, np.float64) else np.float64
    return np.asarray(array, dtype=dtype, order="C")
