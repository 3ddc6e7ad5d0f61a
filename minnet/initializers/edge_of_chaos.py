"""Critical initialization: the variances at which neither signals nor gradients vanish or explode."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from minnet.activations import Activation, get_activation
from minnet.common.checks import check_whole
from minnet.common.fields import finite, one_of
from minnet.common.types import Array, Shape
from minnet.initializers.base import DType, Fans, Initializer, require_matrix
from minnet.initializers.mean_field import critical_point
from minnet.initializers.structured import Orthogonal
from minnet.random import Stream

DISTRIBUTIONS = ("normal", "uniform", "orthogonal")

_critical_point = lru_cache(maxsize=64)(critical_point)  # 20 ms, and a network asks for each layer


class EdgeOfChaos(Initializer):
    r"""Weights and biases at the edge of chaos of an activation.

    .. math:: \operatorname{Var} W_{ij} = \frac{\sigma_w^2}{\text{fan}_{in}}, \qquad
              b_j \sim N(0, \sigma_b^2)

    :math:`\sigma_w^2` is solved for, so that a wide layer neither shrinks nor stretches a small
    difference between two inputs, or a gradient going back:

    .. math:: \chi_1 = \sigma_w^2 \int D z \, f'(\sqrt{q} z)^2 = 1, \qquad
              q = \sigma_w^2 \int D z \, f(\sqrt{q} z)^2 + \sigma_b^2

    where q is the variance of the pre-activations that layers tend to. Poole et al. 2016; Schoenholz
    et al. 2017, "Deep information propagation"; with orthogonal matrices Pennington et al. 2017.
    :meth:`minnet.lab.theory.MeanField.critical` is the theory of it.

    Parameters
    ----------
    activation : str or Activation, default="auto"
        The activation f. "auto" takes that of the layer below, and in the first layer the one that
        its own output goes through.
    bias_variance : float, default=0.0
        :math:`\sigma_b^2`, the variance of the biases. Above 0, tanh and its kin have an edge; ReLU
        and its kin do not.
    distribution : {"normal", "uniform", "orthogonal"}, default="normal"
        The law of the weights. An orthogonal matrix is scaled to have this variance of its entries:
        :math:`\sigma_w` times an orthogonal one where the layer does not widen.

    Notes
    -----
    Biases belong to it. Where it makes the weights of a hidden layer, ``bias_init="auto"`` draws
    the biases from it too.

    The edge of chaos is not unit variance: tanh has it at gain 1 without biases, where layers shrink
    the variance like 1 / depth, while gain 1.5925 keeps it and lets gradients grow by 1.18 a layer.

    Examples
    --------
    >>> from minnet.initializers import EdgeOfChaos
    >>> edge = EdgeOfChaos("tanh", bias_variance=0.05)
    >>> round(edge.weight_variance(), 5)  # sigma_w²
    1.76095
    >>> W, b = edge((400, 300), rng=0), edge((9999,), rng=0)
    >>> print(f"{400 * W.var():.2f} {b.var():.2f}")
    1.76 0.05
    """

    names = ("edge_of_chaos",)

    draws_biases = True

    bias_variance: float = finite(0)
    distribution: str = one_of(*DISTRIBUTIONS)

    def __init__(
        self,
        activation: str | Activation = "auto",
        bias_variance: float = 0.0,
        distribution: str = "normal",
    ) -> None:
        automatic = isinstance(activation, str) and activation == "auto"
        self.activation = activation if automatic else get_activation(activation)
        self.bias_variance = bias_variance
        self.distribution = distribution

    def for_layer(self, network: Any, layer_index: int) -> Initializer:
        """Return the initializer with an activation of the network in place of "auto"."""
        if self.activation != "auto":
            return self
        activation = network.activation_below(layer_index)
        if activation is None:
            activation = network.activation_above(layer_index)
        return type(self)(**{**self.get_config(), "activation": activation})

    def weight_variance(self) -> float:
        r"""Return :math:`\sigma_w^2`, the fan-in times the variance of a weight.

        Examples
        --------
        >>> from minnet.initializers import EdgeOfChaos
        >>> EdgeOfChaos("relu").weight_variance(), EdgeOfChaos("tanh").weight_variance()
        (2.0, 1.0)
        """
        if self.activation == "auto":
            raise ValueError(
                "activation must be named where no layer is known, got 'auto': only a Network knows "
                "the activations; for example EdgeOfChaos('tanh')"
            )
        weight_variance, _ = _critical_point(self.activation, self.bias_variance)
        return float(f"{weight_variance:.12g}")  # so that all machines draw the same weights

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of one weight.

        Parameters
        ----------
        fan_in : int
            Inputs of a unit.
        fan_out : int
            Outputs that an input goes to.
        """
        check_whole("fan_out", fan_out)
        return self.weight_variance() / check_whole("fan_in", fan_in)

    def draw(self, shape: Shape, stream: Stream, dtype: DType, fans: Fans) -> Array:
        """Return weights for a matrix, biases for a vector."""
        if len(shape) == 1:
            return stream.normal(shape, 0.0, math.sqrt(self.bias_variance), dtype)
        fan_in, fan_out = require_matrix(self, shape)
        std = math.sqrt(self.variance(fan_in, fan_out))
        if self.distribution == "normal":
            return stream.normal(shape, 0.0, std, dtype)
        if self.distribution == "uniform":
            bound = math.sqrt(3.0) * std
            return stream.uniform(shape, -bound, bound, dtype)
        gain = std * math.sqrt(max(shape))  # an entry of Q has variance 1 / max(shape)
        return Orthogonal(gain).draw(shape, stream, dtype, fans)
