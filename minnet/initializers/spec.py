"""From what a user writes (a name, a dictionary, an array, a function ...) to an initializer."""

from __future__ import annotations

import inspect
import math
import numbers
from typing import Any

import numpy as np

from minnet import activations
from minnet.common.checks import check_flag, check_real, check_text, check_whole
from minnet.common.entry import reworded
from minnet.common.names import suggest
from minnet.common.types import Array, DTypeLike, Shape
from minnet.initializers import (
    data_driven,
    edge_of_chaos,
    fills,
    kernels,
    metainit,
    named_scalings,
    per_unit,
    structured,
    variance_scaling,
)
from minnet.initializers.base import Fans, Initializer, check_values
from minnet.initializers.fills import Constant
from minnet.initializers.given import FromArray, FromFunction
from minnet.initializers.named_scalings import GlorotUniform, HeNormal, LecunNormal

# Caffe's "xavier" is LeCun's uniform unless told variance_norm: AVERAGE; here the name means what
# torch and JAX mean by it.
_NAMED = [
    cls
    for module in (
        fills,
        variance_scaling,
        named_scalings,
        edge_of_chaos,
        structured,
        kernels,
        data_driven,
        per_unit,
        metainit,
    )
    for cls in vars(module).values()
    if getattr(cls, "__module__", None) == module.__name__ and getattr(cls, "names", ())
]
_BY_NAME: dict[str, type[Initializer]] = {cls.names[0]: cls for cls in _NAMED}
_ALIASES = {alias: cls.names[0] for cls in _NAMED for alias in cls.names[1:]}


def list_initializers(aliases: bool = False) -> list[str] | dict[str, str]:
    """Return the names of the initializers.

    Parameters
    ----------
    aliases : bool, default=False
        Return a dictionary from each alias to the name it stands for instead.

    Returns
    -------
    list of str or dict

    Examples
    --------
    >>> from minnet.initializers import list_initializers
    >>> list_initializers()[:3]
    ['zeros', 'ones', 'constant']
    >>> list_initializers(aliases=True)["glorot"]
    'glorot_uniform'
    """
    check_flag("aliases", aliases)
    return dict(_ALIASES) if aliases else list(_BY_NAME)


def get_initializer(spec: Any, name: str = "init") -> Initializer:
    """Return the initializer that a user's specification stands for.

    Parameters
    ----------
    spec : str, dict, Initializer, Initializer class, number, array-like or callable
        A name of :func:`list_initializers` or one of its aliases; a dictionary of ``"name"`` and
        parameters; an initializer, returned as it is, or its class; a number, for a constant;
        an array or nested list of numbers, for the values themselves; a function of
        ``(shape, rng, dtype)`` or fewer of them, see :class:`FromFunction`.
    name : str, default="init"
        What to call the argument in error messages.

    Returns
    -------
    Initializer

    Examples
    --------
    >>> from minnet.initializers import get_initializer
    >>> get_initializer("glorot")
    GlorotUniform()
    >>> get_initializer({"name": "he_normal", "negative_slope": 0.1})
    HeNormal(negative_slope=0.1)
    >>> get_initializer(0.1)
    Constant(value=0.1)
    """
    check_text("name", name)
    if isinstance(spec, Initializer):
        return spec
    if isinstance(spec, str):
        return _construct(_find(spec, name), {}, name)
    if isinstance(spec, dict):
        if "name" not in spec:
            raise ValueError(f'{name} as a dictionary must have a "name", got {spec!r}')
        parameters = {key: value for key, value in spec.items() if key != "name"}
        return _construct(_find(spec["name"], name), parameters, name)
    if isinstance(spec, type) and issubclass(spec, Initializer):
        return _construct(spec, {}, name)
    if isinstance(spec, numbers.Real) and not isinstance(spec, bool | np.bool_):
        return _construct(Constant, {"value": spec}, name)
    if _is_numbers(spec):
        return _construct(FromArray, {"array": spec}, name)
    if callable(spec) and not isinstance(spec, type):
        return FromFunction(spec)
    raise TypeError(
        f"{name} must be the name of an initializer, a dictionary with its name and parameters, "
        f"an Initializer, a number, an array of numbers or a function, got {spec!r}"
    )


def materialize(
    spec: Any,
    shape: Shape,
    rng: Any = None,
    dtype: DTypeLike = "float64",
    fans: Fans = None,
    name: str = "init",
    layout: str | None = None,
) -> Array:
    """Return the array that a user's specification gives for a shape.

    Parameters
    ----------
    spec : see :func:`get_initializer`
        The specification.
    shape, rng, dtype, fans
        As in the call of an :class:`Initializer`.
    name : str, default="init"
        What to call the argument in error messages, for example ``"layers[1].W (Dense)"``.
    layout : str or None
        As in the call of an :class:`Initializer`.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> from minnet.initializers import materialize
    >>> materialize([[1.0, 2.0]], (1, 2), dtype="float32")
    array([[1., 2.]], dtype=float32)
    """
    initializer = get_initializer(spec, name)
    try:
        # A subclass may have a call without it.
        asked = {} if layout is None else {"layout": layout}
        values = initializer(shape, rng=rng, dtype=dtype, fans=fans, **asked)
    except Exception as error:
        if type(error) is not ValueError:  # a user's own class of error is caught by its name
            error.add_note(f"It was raised by the initializer of {name}.")
            raise
        named = reworded(error, ValueError(f"{name}: {error}"))
        raise named from named.__cause__
    if type(initializer).__call__ is not Initializer.__call__:  # a subclass that brings its own
        values = check_values(values, shape, dtype, name)
    return values


# Hidden layers, from which on "auto" takes He's law: benchmarks/DEFAULT_INIT.md
DEEP = 10
_HE_FROM: dict[type, int] = {
    activations.Relu: DEEP,
    activations.LeakyRelu: DEEP,
    activations.Gelu: 1,
    activations.Silu: 1,
    activations.Softplus: 1,
}


def auto_initializer(
    activation_name: str,
    negative_slope: float = 0.0,
    first_layer: bool = False,
    n_hidden: int = 1,
) -> Initializer:
    r"""Return what ``init="auto"`` picks for a layer's activation.

    =================================== =============================== ==========================
    activation                          initializer                     source
    =================================== =============================== ==========================
    tanh, lecun_tanh, softsign, elu,    ``GlorotUniform()``             Glorot & Bengio 2010
    identity
    sigmoid, logistic                   ``GlorotUniform(gain=4.0)``     Bengio 2012; 4 = 1/f'(0)
    relu, leaky_relu                    ``GlorotUniform()``             as scikit-learn's MLP
    relu with 10 hidden layers or more  ``HeNormal()``                  He et al. 2015
    leaky_relu likewise                 ``HeNormal(negative_slope=a)``  He et al. 2015
    gelu, silu, softplus                ``HeNormal()``                  He et al. 2015
    selu                                ``LecunNormal()``               Klambauer et al. 2017
    any other, a user's own             ``GlorotUniform()``
    the first layer, but for selu       ``GlorotUniform()``             see the notes
    =================================== =============================== ==========================

    Parameters
    ----------
    activation_name : str
        The name of the activation.
    negative_slope : float, default=0.0
        The slope a of ``"leaky_relu"``, for ``HeNormal(negative_slope=a)``; not used for the others.
    first_layer : bool, default=False
        Whether the layer sees the data.
    n_hidden : int, default=1
        How many hidden layers the network has: its weight matrices, but for the output's.

    Returns
    -------
    Initializer

    Notes
    -----
    The factors of He and Bengio make up for what the activation *below* a layer takes from the
    variance. The first layer has none below it: standardized data keep their variance without a
    factor. ReLU takes a half, which a network of few layers does better without making up for; GELU,
    SiLU and softplus have a slope of 1/2 at 0, where small signals are, and need it sooner; ELU has 1.
    ``benchmarks/default_init.py`` measures what each law does to scores, and from which depth on the
    factor is needed.

    Examples
    --------
    >>> from minnet.initializers import auto_initializer
    >>> auto_initializer("tanh"), auto_initializer("sigmoid")
    (GlorotUniform(), GlorotUniform(gain=4.0))
    >>> auto_initializer("relu", n_hidden=2), auto_initializer("relu", n_hidden=20)
    (GlorotUniform(), HeNormal())
    >>> auto_initializer("relu", first_layer=True, n_hidden=20)
    GlorotUniform()
    """
    check_text("activation_name", activation_name)
    check_real("negative_slope", negative_slope)
    check_flag("first_layer", first_layer)
    check_whole("n_hidden", n_hidden, 0)
    activation = activations._BY_NAME.get(activation_name, activations.Activation)
    if activation.is_self_normalizing:
        return LecunNormal()
    if first_layer:
        return GlorotUniform()
    if n_hidden < _HE_FROM.get(activation, math.inf):
        return GlorotUniform(gain=activation.glorot_gain)
    is_leaky = activation is activations.LeakyRelu
    return HeNormal(negative_slope=negative_slope if is_leaky else 0.0)


def _find(key: Any, name: str) -> type[Initializer]:
    """Return the class of an initializer's name or alias."""
    if not isinstance(key, str) or _ALIASES.get(key, key) not in _BY_NAME:
        what = "the name of an initializer"
        raise ValueError(suggest(name, key, [*_BY_NAME, *_ALIASES], what))
    return _BY_NAME[_ALIASES.get(key, key)]


def _construct(cls: type[Initializer], parameters: dict[str, Any], name: str) -> Initializer:
    """Return the object, naming the argument if its parameters are wrong."""
    for key in parameters:
        known = inspect.signature(cls).parameters
        if key not in known:
            what = f"a dictionary with parameters of {cls.__name__}"
            raise ValueError(suggest(name, key, known, what))
    try:
        return cls(**parameters)
    except (TypeError, ValueError) as error:
        named = reworded(error, type(error)(f"{name}: {error}"))
        raise named from named.__cause__


_DEEPEST = 32  # what NumPy allowed an array for long: a list may even hold itself


def _is_numbers(spec: Any, depth: int = 0) -> bool:
    """Say whether spec is an array, or a list of numbers or of lists of them."""
    if isinstance(spec, list | tuple):
        return (
            len(spec) > 0
            and depth < _DEEPEST
            and all(isinstance(item, numbers.Real) or _is_numbers(item, depth + 1) for item in spec)
        )
    return hasattr(spec, "__array__") and not isinstance(spec, np.generic | type)
