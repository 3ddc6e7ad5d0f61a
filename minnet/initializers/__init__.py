"""Initializers: objects with their configuration only, called with a shape and a random seed.

==================== ==============================================================================
module               what is in it
==================== ==============================================================================
base                 :class:`Initializer` and the checks of its arguments
fills                zeros, ones, a constant, uniform, normal, truncated normal
variance_scaling     the one formula behind Glorot, He, LeCun and the presets
named_scalings       these names, each a line that says what it is in the formula
gains                the gain of an activation: torch's table, and by quadrature
edge_of_chaos        critical weights and biases of an activation
structured           orthogonal, sparse, identity, positive unit ball, Nguyen-Widrow, Hadamard
kernels              of convolutions: dirac, delta-orthogonal, bilinear
layouts              which axes of a kernel are inputs, outputs and places
data_driven          adapted to data: unit variance layer by layer, biases at the class prior
per_unit             each unit adapted to data: variance 1, zeros inside the data
metainit             norms of the weights learned before training, by the gradient quotient
given                a user's array or function
spec                 from a name, dictionary, array ... to an initializer; the table of "auto"
==================== ==============================================================================
"""

from minnet.initializers.base import Initializer, resolve_fans
from minnet.initializers.data_driven import LSUV, OutputPrior
from minnet.initializers.edge_of_chaos import EdgeOfChaos
from minnet.initializers.fills import Constant, Normal, Ones, TruncatedNormal, Uniform, Zeros
from minnet.initializers.gains import calculate_gain, variance_gain
from minnet.initializers.given import FromArray, FromFunction
from minnet.initializers.kernels import Bilinear, DeltaOrthogonal, Dirac
from minnet.initializers.metainit import MetaInit, gradient_quotient
from minnet.initializers.named_scalings import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    SklearnMLP,
    Standard,
    TorchLinear,
)
from minnet.initializers.per_unit import Hull, UnitVariance
from minnet.initializers.spec import (
    auto_initializer,
    get_initializer,
    list_initializers,
    materialize,
)
from minnet.initializers.structured import (
    Identity,
    NguyenWidrow,
    Orthogonal,
    PositiveUnitball,
    Sparse,
    ZerO,
)
from minnet.initializers.variance_scaling import VarianceScaling

__all__ = [
    "LSUV",
    "Bilinear",
    "Constant",
    "DeltaOrthogonal",
    "Dirac",
    "EdgeOfChaos",
    "FromArray",
    "FromFunction",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Hull",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "MetaInit",
    "NguyenWidrow",
    "Normal",
    "Ones",
    "Orthogonal",
    "OutputPrior",
    "PositiveUnitball",
    "SklearnMLP",
    "Sparse",
    "Standard",
    "TorchLinear",
    "TruncatedNormal",
    "Uniform",
    "UnitVariance",
    "VarianceScaling",
    "ZerO",
    "Zeros",
    "auto_initializer",
    "calculate_gain",
    "get_initializer",
    "gradient_quotient",
    "list_initializers",
    "materialize",
    "resolve_fans",
    "variance_gain",
]


def __dir__() -> list[str]:
    return __all__
