r"""Activations: value and derivative, side by side.

An activation is called with the pre-activations ``Z`` and returns ``Y`` of the same shape and dtype.
Its ``derivative(Z, Y)`` is :math:`f'(Z)`, written in terms of the output ``Y`` wherever that is exact,
because backpropagation has ``Y`` at hand; ``needs_Z`` says which activations cannot do without ``Z``.
Every formula is stable for any finite input: no overflow, no NaN, no warning.

To add one, subclass :class:`Activation`, or (for compiled training) see :func:`minnet.activation`:

>>> import numpy as np
>>> from minnet.activations import Activation
>>> class Cube(Activation):
...     needs_Z = True
...     def __call__(self, Z):
...         return Z**3
...     def derivative(self, Z, Y):
...         return 3 * Z**2
>>> Cube().derivative(np.array([2.0]), np.array([8.0]))
array([12.])
"""

from numbers import Real

import numpy as np
from scipy.special import expit, ndtr

from minnet.common.checks import check_text
from minnet.common.configurable import Configurable
from minnet.common.fields import real
from minnet.common.names import suggest
from minnet.common.types import Array

# The activations themselves are added below.
__all__ = ["Activation", "get_activation", "list_activations"]


class Activation(Configurable):
    """Base of all activations.

    Attributes
    ----------
    name : str
        What ``activation="..."`` calls one of minnet's own.
    aliases : tuple of str
        Other names.
    needs_Z : bool
        Whether ``derivative`` reads ``Z``; otherwise it reads only ``Y``.
    is_rectifier : bool
        Whether it lets positive numbers through and little of the others: what :func:`minnet.lab.diagnose`
        advises He's law for, where weights are to be larger.
    is_self_normalizing : bool
        Whether mean 0 and variance 1 are its fixed point: ``init="auto"`` takes LeCun's law.
    glorot_gain : float
        The gain of Glorot's law, where ``init="auto"`` takes it.
    kinks : tuple of float
        Pre-activations at which the derivative jumps; :func:`minnet.check_gradients` skips steps
        across them.
    """

    name: str
    aliases: tuple[str, ...] = ()
    needs_Z = False
    is_rectifier = False
    is_self_normalizing = False
    glorot_gain = 1.0
    kinks: tuple[float, ...] = ()

    def __call__(self, Z: Array) -> Array:
        """Return ``f(Z)``, of the shape and dtype of ``Z``."""
        raise TypeError(f"{type(self).__name__} must define __call__(Z) and derivative(Z, Y).")

    def derivative(self, Z: Array, Y: Array) -> Array:
        """Return ``f'(Z)``, given ``Z`` and ``Y = f(Z)``."""
        raise TypeError(f"{type(self).__name__} must define __call__(Z) and derivative(Z, Y).")


class Identity(Activation):
    r"""No activation: :math:`f(z) = z`, :math:`f'(z) = 1`.

    Examples
    --------
    >>> from minnet.activations import Identity
    >>> import numpy as np
    >>> Identity()(np.array([-1.0, 2.0]))
    array([-1.,  2.])
    """

    name = "identity"

    def __call__(self, Z: Array) -> Array:
        return Z

    def derivative(self, Z: Array, Y: Array) -> Array:
        return np.ones_like(Y)


class Sigmoid(Activation):
    r"""Logistic sigmoid: :math:`f(z) = 1 / (1 + e^{-z})`, :math:`f' = y (1 - y)`.

    Examples
    --------
    >>> from minnet.activations import Sigmoid
    >>> import numpy as np
    >>> Sigmoid()(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """

    name = "sigmoid"
    aliases = ("logistic",)  # scikit-learn's name
    glorot_gain = 4.0  # 1 / f'(0)

    def __call__(self, Z: Array) -> Array:
        return expit(Z)

    def derivative(self, Z: Array, Y: Array) -> Array:
        return Y * (1 - Y)


class Tanh(Activation):
    r"""Hyperbolic tangent: :math:`f' = 1 - y^2`.

    Examples
    --------
    >>> from minnet.activations import Tanh
    >>> import numpy as np
    >>> Tanh().derivative(None, np.array([0.0, 0.5]))
    array([1.  , 0.75])
    """

    name = "tanh"

    def __call__(self, Z: Array) -> Array:
        return np.tanh(Z)

    def derivative(self, Z: Array, Y: Array) -> Array:
        return 1 - Y * Y


class LecunTanh(Activation):
    r"""LeCun's scaled tanh: :math:`f(z) = 1.7159 \tanh(2z/3)`, so that :math:`f(\pm 1) = \pm 1`.

    :math:`f' = \tfrac{2}{3} (1.7159 - y^2 / 1.7159)`. LeCun, Bottou, Orr and Müller, "Efficient
    BackProp" (1998), section 4.4.

    Examples
    --------
    >>> from minnet.activations import LecunTanh
    >>> import numpy as np
    >>> LecunTanh()(np.array([-1.0, 1.0])).round(4)
    array([-1.,  1.])
    """

    name = "lecun_tanh"

    def __call__(self, Z: Array) -> Array:
        return 1.7159 * np.tanh(Z * (2 / 3))

    def derivative(self, Z: Array, Y: Array) -> Array:
        return (2 / 3) * (1.7159 - Y * Y / 1.7159)


class Softsign(Activation):
    r"""Softsign: :math:`f(z) = z / (1 + |z|)`, :math:`f' = (1 - |y|)^2`.

    Its tails are polynomial, so that it saturates more slowly than tanh: Bergstra, Desjardins, Lamblin
    and Bengio (2009); Glorot and Bengio (2010).

    Examples
    --------
    >>> from minnet.activations import Softsign
    >>> import numpy as np
    >>> Softsign()(np.array([-1.0, 3.0]))
    array([-0.5 ,  0.75])
    """

    name = "softsign"

    def __call__(self, Z: Array) -> Array:
        return Z / (1 + np.abs(Z))

    def derivative(self, Z: Array, Y: Array) -> Array:
        return np.square(1 - np.abs(Y))


class Relu(Activation):
    r"""Rectifier: :math:`f(z) = \max(z, 0)`; the derivative at 0 is taken as 0. NaN stays NaN.

    Examples
    --------
    >>> from minnet.activations import Relu
    >>> import numpy as np
    >>> Relu()(np.array([-1.0, np.nan, 2.0]))
    array([ 0., nan,  2.])
    """

    name = "relu"
    is_rectifier = True
    kinks = (0.0,)

    def __call__(self, Z: Array) -> Array:
        return np.maximum(Z, 0)

    def derivative(self, Z: Array, Y: Array) -> Array:
        return (Y > 0).astype(Y.dtype)


class LeakyRelu(Activation):
    r"""Leaky rectifier: :math:`z` where positive, ``negative_slope`` times :math:`z` elsewhere.

    Parameters
    ----------
    negative_slope : float, default=0.01
        Slope for negative ``z``, at least 0.

    Examples
    --------
    >>> from minnet.activations import LeakyRelu
    >>> import numpy as np
    >>> LeakyRelu(0.1)(np.array([-1.0, 2.0]))
    array([-0.1,  2. ])
    """

    name = "leaky_relu"
    is_rectifier = True
    kinks = (0.0,)

    negative_slope: float = real(0)

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def __call__(self, Z: Array) -> Array:
        return np.where(Z <= 0, self.negative_slope * np.minimum(Z, 0), Z)

    def derivative(self, Z: Array, Y: Array) -> Array:
        return np.where(Y > 0, 1, self.negative_slope).astype(Y.dtype)


class Elu(Activation):
    r"""Exponential linear unit: :math:`z` where positive, :math:`\alpha (e^z - 1)` elsewhere.

    :math:`f' = 1` where positive, :math:`y + \alpha` elsewhere. Clevert, Unterthiner and Hochreiter
    (2016).

    Parameters
    ----------
    alpha : float, default=1.0
        Minus the limit for very negative ``z``, at least 0.

    Examples
    --------
    >>> from minnet.activations import Elu
    >>> import numpy as np
    >>> Elu()(np.array([-1000.0, 2.0]))
    array([-1.,  2.])
    """

    name = "elu"
    is_rectifier = True
    kinks = (0.0,)

    alpha: float = real(0)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def __call__(self, Z: Array) -> Array:
        return np.where(Z <= 0, self.alpha * np.expm1(np.minimum(Z, 0)), Z)

    def derivative(self, Z: Array, Y: Array) -> Array:
        return np.where(Y > 0, 1, Y + self.alpha)


class Selu(Activation):
    r"""Self-normalizing unit: :math:`\lambda` times :class:`Elu` with :math:`\alpha`.

    :math:`\lambda = 1.0507009873554805` and :math:`\alpha = 1.6732632423543772` make mean 0 and
    variance 1 a fixed point: Klambauer, Unterthiner, Mayr and Hochreiter (2017), equation 14.

    Examples
    --------
    >>> from minnet.activations import Selu
    >>> import numpy as np
    >>> Selu()(np.array([-1000.0, 1.0])).round(4)
    array([-1.7581,  1.0507])
    """

    name = "selu"
    is_self_normalizing = True
    kinks = (0.0,)
    scale = 1.0507009873554805
    alpha = 1.6732632423543772

    def __call__(self, Z: Array) -> Array:
        negative = (self.scale * self.alpha) * np.expm1(np.minimum(Z, 0))
        return np.where(Z <= 0, negative, self.scale * np.maximum(Z, 0))

    def derivative(self, Z: Array, Y: Array) -> Array:
        return np.where(Y > 0, self.scale, Y + self.scale * self.alpha)


class Gelu(Activation):
    r"""Gaussian error linear unit, exact: :math:`f(z) = z \Phi(z)`, :math:`f' = \Phi(z) + z \varphi(z)`.

    Hendrycks and Gimpel (2016); :math:`\Phi` and :math:`\varphi` are the normal distribution function
    and density.

    Examples
    --------
    >>> from minnet.activations import Gelu
    >>> import numpy as np
    >>> Gelu()(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """

    name = "gelu"
    is_rectifier = True
    needs_Z = True

    def __call__(self, Z: Array) -> Array:
        return Z * ndtr(Z)

    def derivative(self, Z: Array, Y: Array) -> Array:
        # Beyond |z| = 40 the density is 0 in either precision; the clip keeps z² from overflowing.
        z = np.clip(Z, -40, 40)
        return ndtr(z) + z * np.exp(-0.5 * z * z) * (1 / np.sqrt(2 * np.pi)).astype(z.dtype)


class Silu(Activation):
    r"""Sigmoid linear unit (swish): :math:`f(z) = z \sigma(z)`, :math:`f' = \sigma + y (1 - \sigma)`.

    Examples
    --------
    >>> from minnet.activations import Silu
    >>> import numpy as np
    >>> Silu()(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.2689,  0.    ,  0.7311])
    """

    name = "silu"
    is_rectifier = True
    needs_Z = True

    def __call__(self, Z: Array) -> Array:
        return Z * expit(Z)

    def derivative(self, Z: Array, Y: Array) -> Array:
        sigma = expit(Z)
        return sigma + Y * (1 - sigma)


class Softplus(Activation):
    r"""Softplus: :math:`f(z) = \log(1 + e^z)`, :math:`f' = \sigma(z) = 1 - e^{-y}`.

    Examples
    --------
    >>> from minnet.activations import Softplus
    >>> import numpy as np
    >>> Softplus()(np.array([-1000.0, 0.0, 1000.0])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    """

    name = "softplus"
    is_rectifier = True

    def __call__(self, Z: Array) -> Array:
        return np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z)))

    def derivative(self, Z: Array, Y: Array) -> Array:
        return -np.expm1(-Y)


__all__ += [cls.__name__ for cls in Activation.__subclasses__()]


def __dir__() -> list[str]:
    return __all__


#: Minnet's own classes by the names that ``activation=`` accepts.
_BY_NAME: dict[str, type[Activation]] = {
    name: cls
    for cls in Activation.__subclasses__()  # in the order above
    for name in (cls.name, *cls.aliases)
}

_REGISTERED: dict[str, Activation] = {}  # those of users: see minnet/user_activations/activation.py


def list_activations() -> list[str]:
    """Return the names that ``activation=`` accepts, those of :func:`minnet.activation` included.

    Examples
    --------
    >>> from minnet.activations import list_activations
    >>> "softsign" in list_activations()
    True
    """
    return [*_BY_NAME, *_REGISTERED]


def get_activation(
    spec: str | Activation | type[Activation], name: str = "activation"
) -> Activation:
    """Turn what a user gave as an activation into an :class:`Activation`.

    Parameters
    ----------
    spec : str, Activation or Activation class
        A name from :func:`list_activations`, an object, or a class to be made with its defaults.
    name : str, default="activation"
        What error messages call it.

    Returns
    -------
    Activation

    Raises
    ------
    ValueError
        If the name is unknown; the message names the closest.
    TypeError
        If it is none of these.

    Examples
    --------
    >>> from minnet.activations import get_activation
    >>> get_activation("tanh")
    Tanh()
    """
    check_text("name", name)
    if isinstance(spec, Activation):
        return spec
    if isinstance(spec, type) and issubclass(spec, Activation):
        return spec()
    if isinstance(spec, str):
        if spec in _REGISTERED:
            return _REGISTERED[spec]
        if spec in _BY_NAME:
            return _BY_NAME[spec]()
    error = ValueError if isinstance(spec, str) else TypeError
    because = None
    if isinstance(spec, Real):
        because = "a layer is told how many outputs it has, and finds the number of its inputs"
    elif callable(spec):
        because = "minnet.activation makes one of a function"
    what = "a name or an Activation object"
    raise error(suggest(name, spec, list_activations(), what, because=because))


def is_own(activation: Activation) -> bool:
    """Return whether it is one of minnet's own, not of a user's subclass."""
    return type(activation) in _BY_NAME.values()


def name_of(activation: Activation) -> str:
    """Return the registered name of an activation, or its class name for a user's own."""
    if is_own(activation) or "name" in {
        **vars(type(activation)),
        **getattr(activation, "__dict__", {}),
    }:
        return activation.name
    return type(activation).__name__
