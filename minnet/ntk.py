r"""Learning rates by fan-in (the neural tangent parametrization, NTK).

A layer of this parametrization computes

.. math:: Z = \frac{1}{\sqrt{d}}\, X V + b

with d inputs (fan_in) and weights V of variance 1: what its units receive is of one size whatever d is.
Jacot, Gabriel & Hongler 2018, "Neural tangent kernel: convergence and generalization in neural networks",
arXiv:1806.07572, section 3. RealMLP (Holzmüller, Grinsztajn & Steinwart 2024, "Better by default",
arXiv:2407.04491) trains on tables in it, with a tenth of the rate for b.

The layers of minnet have :math:`W = V / \sqrt d` itself. A step of the rate :math:`\eta` in V is one of
another rate in W, and the same share of the weights decays:

===================== ===================================== ==========================
..                    rate of W                             decay of W in a step
===================== ===================================== ==========================
Adam, AdamW, RMSProp  :math:`\eta / \sqrt d`                :math:`\eta \lambda`
SGD                   :math:`\eta / d`                      :math:`\eta \lambda`
===================== ===================================== ==========================

where :math:`\lambda` is ``weight_decay``: with Adam the step does not depend on the size of the gradient,
with SGD the gradient by V is :math:`1 / \sqrt d` of that by W.
"""

import math
from collections.abc import Sequence
from typing import Any

from minnet.common.checks import check_bounded, check_whole
from minnet.common.names import check_name
from minnet.layers import Layer
from minnet.piecewise import PiecewiseLinear
from minnet.residual import check_layers

__all__ = ["ntk"]


def __dir__() -> list[str]:
    return __all__


def ntk(
    layers: Sequence[Layer],
    n_features: int | None = None,
    optimizer: str = "adam",
    *,
    bias_lr_factor: float = 0.1,
) -> list[Layer]:
    r"""Return the layers with learning rates by fan-in.

    Of each :class:`minnet.Dense` with d inputs the rate of the weights is multiplied by
    :math:`1 / \sqrt d` (by :math:`1 / d` for SGD), that of the bias by ``bias_lr_factor``, and of the
    weights the same share decays in a step. So trains a network in the neural tangent parametrization.

    Parameters
    ----------
    layers : list of Layer
        Those of a network, or those of ``layers=`` of an estimator, which adds the output layer by itself:
        give it the same factors by ``output_layer=``, as in the example. They are copied.
    n_features : int or None, default=None
        Inputs of the first layer. None where a :class:`minnet.PiecewiseLinear`, whose columns tell it,
        is below the first Dense.
    optimizer : {"adam", "sgd"}, default="adam"
        What will train them; "adam" stands for AdamW and RMSProp too.
    bias_lr_factor : float, default=0.1
        What the rate of biases is multiplied by.

    Returns
    -------
    layers : list of Layer
        With the parts of a :class:`minnet.Residual` block in its place. Factors already there are
        multiplied. Layers other than Dense stay as they are, and so do all initializers: in this
        parametrization the variance of the weights is proportional to 1 / fan_in ("lecun", "he",
        "unit_variance").

    Raises
    ------
    ValueError
        If ``n_features`` is needed and not given.

    Notes
    -----
    The rate is that of V, with entries of the size 1: some 0.01 to 0.1 for Adam. Adam's ``epsilon`` is
    compared with gradients by W, which are :math:`\sqrt d` times those by V.

    Examples
    --------
    >>> from minnet.ntk import ntk
    >>> from minnet import Dense, Dropout, MinNetClassifier
    >>> hidden = ntk([Dense(64, "silu"), Dropout(0.1), Dense(64, "silu")], n_features=16)
    >>> [(layer.lr_factor, layer.bias_lr_factor, layer.decay_factor) for layer in hidden[::2]]
    [(0.25, 0.1, 1.0), (0.125, 0.1, 1.0)]

    The output layer of the estimator has 64 inputs:

    >>> output = {"lr_factor": 1 / 8, "bias_lr_factor": 0.1, "decay_factor": 1.0}
    >>> clf = MinNetClassifier(layers=hidden, output_layer=output, init="lecun",
    ...                        learning_rate_init=0.04, weight_decay=0.02)
    """
    layers = check_layers(layers)
    check_name("optimizer", optimizer, ("adam", "sgd"))
    check_bounded("bias_lr_factor", bias_lr_factor, 0)
    if n_features is not None:
        check_whole("n_features", n_features)
    width, scaled = n_features, []
    for layer in layers:
        if layer.fully_connected and width is None:
            raise ValueError(
                "n_features must be the number of inputs of the first layer where no PiecewiseLinear is "
                "below the first Dense, got None"
            )
        fan_in = width
        if isinstance(layer, PiecewiseLinear) and width is None:
            fan_in = len(layer.columns)
        if layer.fully_connected and fan_in is not None:
            scaled.append(_scaled(layer, math.sqrt(fan_in), optimizer, bias_lr_factor))
        else:
            scaled.append(layer.copy())
        width = None if fan_in is None else int(layer.output_size(fan_in))
    return scaled


def _scaled(layer: Any, root: float, optimizer: str, of_bias: float) -> Layer:
    """Return a copy of a Dense layer whose fan_in is the square of ``root``."""
    scaled: Any = layer.copy()
    rate = layer.lr_factor
    bias_rate = rate if layer.bias_lr_factor is None else layer.bias_lr_factor
    scaled.decay_factor = rate if layer.decay_factor is None else layer.decay_factor
    scaled.lr_factor = rate / (root if optimizer == "adam" else root * root)
    scaled.bias_lr_factor = bias_rate * of_bias
    return scaled
