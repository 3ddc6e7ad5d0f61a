"""The names of variance scaling: Glorot, He and LeCun, and what other libraries start from."""

from __future__ import annotations

from minnet.common.fields import finite, flag, instance, one_of
from minnet.initializers.gains import WithGain
from minnet.initializers.variance_scaling import MODES, Scaling


class GlorotUniform(WithGain, Scaling):
    r"""Normalized initialization: a compromise between forward and backward variance.

    .. math:: W_{ij} \sim U\!\left(-g \sqrt{\frac{6}{\text{fan}_{in} + \text{fan}_{out}}},\;
              g \sqrt{\frac{6}{\text{fan}_{in} + \text{fan}_{out}}}\right), \qquad
              \operatorname{Var} W = \frac{2 g^2}{\text{fan}_{in} + \text{fan}_{out}}

    Glorot & Bengio 2010, equations 12 (the variance) and 16.

    Parameters
    ----------
    gain : float or str, default=1.0
        The factor g, the name of an activation in :func:`calculate_gain`, or "auto", by the
        activation below the layer: :func:`variance_gain`. For sigmoid Bengio 2012 advises 4.

    Notes
    -----
    Also named ``glorot`` and ``xavier``. It is torch's ``xavier_uniform_`` and Caffe's ``xavier``
    with ``variance_norm: AVERAGE``. Caffe's own default for ``xavier`` is FAN_IN, which is
    :class:`LecunUniform` here.

    Examples
    --------
    >>> from minnet.initializers import GlorotUniform
    >>> W = GlorotUniform()((784, 256), rng=0, dtype="float32")
    >>> print(f"{abs(W).max():.4f}, bound {(6 / (784 + 256)) ** 0.5:.4f}")
    0.0760, bound 0.0760
    """

    names = ("glorot_uniform", "glorot", "xavier", "xavier_uniform")
    scale, mode, distribution = 1.0, "fan_avg", "uniform"


class _NormalScaling(WithGain, Scaling):
    """What the normal ones of Glorot and LeCun share: their parameters."""

    scale, distribution = 1.0, "normal"

    truncated: bool = flag()

    def __init__(self, gain: float | str = 1.0, truncated: bool = False) -> None:
        super().__init__(gain)
        self.truncated = truncated


class GlorotNormal(_NormalScaling):
    r"""The normal form of normalized initialization.

    .. math:: W_{ij} \sim N\!\left(0,\; \frac{2 g^2}{\text{fan}_{in} + \text{fan}_{out}}\right)

    The variance of Glorot & Bengio 2010, equation 12; the paper itself draws uniformly.

    Parameters
    ----------
    gain : float or str, default=1.0
        The factor g, the name of an activation in :func:`calculate_gain`, or "auto", by the
        activation below the layer: :func:`variance_gain`.
    truncated : bool, default=False
        Cut the law at two standard deviations and widen it to keep its variance, as JAX and Keras
        do under this name; torch and Lasagne do not.

    Examples
    --------
    >>> from minnet.initializers import GlorotNormal
    >>> GlorotNormal().variance(784, 216)
    0.002
    """

    names = ("glorot_normal", "xavier_normal")
    mode = "fan_avg"


class _He(Scaling):
    """What the two He initializers share: the variance."""

    scale = 2.0

    gain: float = finite(0, left=False)
    negative_slope: float = finite()
    mode: str = one_of(*MODES)

    def __init__(
        self, gain: float = 1.0, negative_slope: float = 0.0, mode: str = "fan_in"
    ) -> None:
        if isinstance(gain, str):
            raise TypeError(
                f"gain of {type(self).__name__} must be a number, got {gain!r}: the formula "
                "already has the factor of ReLU; LecunNormal and LecunUniform take a name"
            )
        self.gain = gain
        self.negative_slope = negative_slope
        self.mode = mode


class HeUniform(_He):
    r"""He's initialization for rectifiers, drawn uniformly.

    .. math:: W_{ij} \sim U\!\left(-g \sqrt{\frac{6}{(1 + a^2)\, \text{fan}_{in}}},\;
              g \sqrt{\frac{6}{(1 + a^2)\, \text{fan}_{in}}}\right), \qquad
              \operatorname{Var} W = \frac{2 g^2}{(1 + a^2)\, \text{fan}_{in}}

    He et al. 2015, equation 15 (the variance; the paper draws from a normal law).

    Parameters
    ----------
    gain : float, default=1.0
        A factor g beside the formula's own.
    negative_slope : float, default=0.0
        The slope a of a leaky ReLU below zero.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}, default="fan_in"
        ``"fan_in"`` keeps the variance forward, ``"fan_out"`` backward.

    Notes
    -----
    Lasagne's ``HeUniform()`` leaves the 2 out unless told ``gain='relu'``; this one has it, as
    torch, JAX and Keras do.

    Examples
    --------
    >>> from minnet.initializers import HeUniform
    >>> HeUniform().variance(50, 10)
    0.04
    """

    names = ("he_uniform", "kaiming_uniform")
    distribution = "uniform"


class HeNormal(_He):
    r"""He's initialization for rectifiers.

    .. math:: W_{ij} \sim N\!\left(0,\; \frac{2 g^2}{(1 + a^2)\, \text{fan}_{in}}\right)

    He et al. 2015, equations 10 (forward), 14 (backward, ``mode="fan_out"``) and 15 (leaky).

    Parameters
    ----------
    gain : float, default=1.0
        A factor g beside the formula's own.
    negative_slope : float, default=0.0
        The slope a of a leaky ReLU below zero.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}, default="fan_in"
        ``"fan_in"`` keeps the variance forward, ``"fan_out"`` backward; either alone suffices.
    truncated : bool, default=False
        Cut the law at two standard deviations and widen it to keep its variance, as JAX and Keras
        do under this name; torch, Caffe and Lasagne do not.

    Notes
    -----
    Also named ``he``, ``kaiming_normal`` and, after Caffe, ``msra``. Lasagne's ``HeNormal()``
    leaves the 2 out unless told ``gain='relu'``.

    Examples
    --------
    >>> from minnet.initializers import HeNormal
    >>> HeNormal(negative_slope=1.0).variance(50, 10)
    0.02
    """

    names = ("he_normal", "he", "kaiming", "kaiming_normal", "msra")
    distribution = "normal"
    truncated: bool = flag()

    def __init__(
        self,
        gain: float = 1.0,
        negative_slope: float = 0.0,
        mode: str = "fan_in",
        truncated: bool = False,
    ) -> None:
        super().__init__(gain, negative_slope, mode)
        self.truncated = truncated


class LecunUniform(WithGain, Scaling):
    r"""LeCun's initialization, drawn uniformly.

    .. math:: W_{ij} \sim U\!\left(-g \sqrt{\frac{3}{\text{fan}_{in}}},\;
              g \sqrt{\frac{3}{\text{fan}_{in}}}\right), \qquad
              \operatorname{Var} W = \frac{g^2}{\text{fan}_{in}}

    LeCun, Bottou, Orr & Müller 1998, equation 16 (the standard deviation).

    Parameters
    ----------
    gain : float or str, default=1.0
        The factor g, the name of an activation in :func:`calculate_gain`, or "auto", by the
        activation below the layer: :func:`variance_gain`.

    Notes
    -----
    It is what Caffe's ``xavier`` does by default and what Lasagne calls ``HeUniform()``.

    Examples
    --------
    >>> from minnet.initializers import LecunUniform
    >>> LecunUniform().variance(50, 10)
    0.02
    """

    names = ("lecun_uniform",)
    scale, mode, distribution = 1.0, "fan_in", "uniform"


class LecunNormal(_NormalScaling):
    r"""LeCun's initialization; also what self-normalizing networks (SELU) need.

    .. math:: W_{ij} \sim N\!\left(0,\; \frac{g^2}{\text{fan}_{in}}\right)

    LeCun, Bottou, Orr & Müller 1998, equation 16; Klambauer et al. 2017 for SELU.

    Parameters
    ----------
    gain : float or str, default=1.0
        The factor g, the name of an activation in :func:`calculate_gain`, or "auto", by the
        activation below the layer: :func:`variance_gain`.
    truncated : bool, default=False
        Cut the law at two standard deviations and widen it to keep its variance, as JAX and Keras
        do under this name; torch and Lasagne (there ``HeNormal()``) do not.

    Examples
    --------
    >>> from minnet.initializers import LecunNormal
    >>> print(f"{LecunNormal('relu').variance(50, 10):.2f}")
    0.04
    """

    names = ("lecun_normal", "lecun")
    mode = "fan_in"


class Standard(Scaling):
    r"""The heuristic that Glorot and Bengio start from and show to fail in depth.

    .. math:: W_{ij} \sim U\!\left(-\frac{1}{\sqrt{\text{fan}_{in}}},\;
              \frac{1}{\sqrt{\text{fan}_{in}}}\right), \qquad
              \operatorname{Var} W = \frac{1}{3\, \text{fan}_{in}}

    Glorot & Bengio 2010, equation 1: the variance of the gradients shrinks to a third per layer.

    Examples
    --------
    >>> from minnet.initializers import Standard
    >>> print(f"{abs(Standard()((100, 100), rng=0)).max():.3f}")
    0.100
    """

    names = ("standard",)
    scale, mode, distribution = 1.0 / 3.0, "fan_in", "uniform"  # the variance of U(-1, 1) is 1/3


class TorchLinear(Scaling):
    r"""What ``torch.nn.Linear`` starts from, weights and biases alike.

    .. math:: W_{ij}, b_j \sim U\!\left(-\frac{1}{\sqrt{\text{fan}_{in}}},\;
              \frac{1}{\sqrt{\text{fan}_{in}}}\right)

    The same law as :class:`Standard`; torch writes it ``kaiming_uniform_(a=sqrt(5))``.

    Notes
    -----
    torch draws the bias from it too: for that give ``bias_init="torch_linear"`` beside ``init``.

    Examples
    --------
    >>> from minnet.initializers import TorchLinear
    >>> b = TorchLinear()((256,), rng=0, fans=(100, 256))
    >>> bool(abs(b).max() <= 0.1)
    True
    """

    names = ("torch_linear",)
    scale, mode, distribution = 1.0 / 3.0, "fan_in", "uniform"


class SklearnMLP(Scaling):
    r"""What scikit-learn's ``MLPClassifier`` starts from, weights and biases alike.

    .. math:: W_{ij}, b_j \sim U\!\left(-\sqrt{\frac{f}{\text{fan}_{in} + \text{fan}_{out}}},\;
              \sqrt{\frac{f}{\text{fan}_{in} + \text{fan}_{out}}}\right), \qquad
              f = 2 \text{ for logistic},\; 6 \text{ otherwise}

    Parameters
    ----------
    activation : str, default="relu"
        The activation of the hidden layers; ``"logistic"`` and ``"sigmoid"`` have f = 2, every
        other has 6.

    Notes
    -----
    scikit-learn draws the bias from it too: for that give ``bias_init="sklearn_mlp"`` beside
    ``init``. With f = 6 it is :class:`GlorotUniform`.

    Examples
    --------
    >>> from minnet.initializers import SklearnMLP
    >>> print(f"{SklearnMLP('logistic').variance(100, 100):.6f}")
    0.003333
    """

    names = ("sklearn_mlp",)
    mode, distribution = "fan_avg", "uniform"

    activation: str = instance(str, "the name of an activation")

    def __init__(self, activation: str = "relu") -> None:
        self.activation = activation

    @property
    def scale(self) -> float:  # type: ignore[override]
        """F / 6: the variance of U(-1, 1) is 1/3, and the mean of the fans is half their sum."""
        return (2.0 if self.activation in ("logistic", "sigmoid") else 6.0) / 6.0
