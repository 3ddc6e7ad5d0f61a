"""Pictures of networks, after scikit-learn's displays.

A display holds the numbers and draws them with ``plot``, on axes given as ``ax`` or on new ones, which it
keeps as ``ax_`` and ``figure_``. ``from_estimator`` makes the numbers and draws them in one call; it takes
a :class:`minnet.Network` as well, whose targets are those of its loss. matplotlib is an extra:
``pip install 'minnet-learn[plot]'``.

================================ =====================================================================
display                          what it shows
================================ =====================================================================
ActivationHistogramDisplay       activations by layer (Glorot & Bengio 2010, figures 4 and 6)
GradientHistogramDisplay         back-propagated or weight gradients by layer (figures 7 and 8)
VarianceByDepthDisplay           variance by depth: measured, and theory's with its band
SaturationDisplay                saturation by layer through training (figures 2, 3 and 10)
UpdateRatioDisplay               size of a step beside that of the weights, by layer through training
SingularValuesDisplay            singular values of the layers' Jacobians, and their law
PhaseDiagramDisplay              order and chaos over the sizes of weights and biases
SharpnessDisplay                 the Hessian's largest eigenvalue through training, and its limit
SpectralDensityDisplay           how the Hessian's eigenvalues are distributed
LossSurfaceDisplay               the loss over two weights (figure 5)
SweepMapDisplay                  a measure of a sweep over two of its axes, with intervals
SweepCurvesDisplay               a measure of a sweep over a numeric axis, with bands
LearningRateDisplay              loss while the learning rate rises, and the rate suggested
LossCurveDisplay                 training and validation loss, and validation score, by epoch
FirstLayerWeightsDisplay         weights of the first layer as images
DecisionBoundaryDisplay          scikit-learn's own (:class:`sklearn.inspection.DecisionBoundaryDisplay`)
================================ =====================================================================
"""

from sklearn.inspection import DecisionBoundaryDisplay

from minnet.lab.displays.depth import VarianceByDepthDisplay
from minnet.lab.displays.hessian import SharpnessDisplay, SpectralDensityDisplay
from minnet.lab.displays.histograms import ActivationHistogramDisplay, GradientHistogramDisplay
from minnet.lab.displays.learning_rate import LearningRateDisplay
from minnet.lab.displays.loss_curve import LossCurveDisplay
from minnet.lab.displays.phase import PhaseDiagramDisplay
from minnet.lab.displays.saturation import SaturationDisplay
from minnet.lab.displays.singular_values import SingularValuesDisplay
from minnet.lab.displays.surface import LossSurfaceDisplay
from minnet.lab.displays.sweep_curves import SweepCurvesDisplay
from minnet.lab.displays.sweep_map import SweepMapDisplay
from minnet.lab.displays.update_ratio import UpdateRatioDisplay
from minnet.lab.displays.weights import FirstLayerWeightsDisplay

__all__ = [
    "ActivationHistogramDisplay",
    "DecisionBoundaryDisplay",
    "FirstLayerWeightsDisplay",
    "GradientHistogramDisplay",
    "LearningRateDisplay",
    "LossCurveDisplay",
    "LossSurfaceDisplay",
    "PhaseDiagramDisplay",
    "SaturationDisplay",
    "SharpnessDisplay",
    "SingularValuesDisplay",
    "SpectralDensityDisplay",
    "SweepCurvesDisplay",
    "SweepMapDisplay",
    "UpdateRatioDisplay",
    "VarianceByDepthDisplay",
]


def __dir__() -> list[str]:
    return __all__
