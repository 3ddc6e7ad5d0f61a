"""The laboratory: what should happen in a network, what does, and what is wrong.

``theory``
    Mean-field theory: variances, correlations and gradients by depth, for any activation.
``probe``, ``Probe``
    What a network does on a batch, layer by layer: once, or through its training.
``jacobians``
    Singular values of the layers' Jacobians, and from end to end.
``hessian``
    Curvature of the objective: largest eigenvalues, trace, spectrum.
``diagnose``
    What is wrong with a network, in sentences, and what to change: a change that was tried.
``find_learning_rate``
    Which learning rate to take, by a range test.
``sweep``
    A grid of settings trained with seeds, several at once, into a table with intervals.
``displays``
    Pictures of all of it.
"""

import importlib
from typing import Any

from minnet.lab import theory
from minnet.lab.diagnosis import Finding, Remedy, Report, diagnose
from minnet.lab.hessian import Hessian, SpectralDensity, TraceEstimate, hessian
from minnet.lab.jacobians import Jacobians, jacobians
from minnet.lab.learning_rate import RangeTest, find_learning_rate
from minnet.lab.measurement import Measurement, Recording
from minnet.lab.probe import Probe, probe
from minnet.lab.sharpness import stability_limit
from minnet.lab.sweeps.result import Summary, Sweep
from minnet.lab.sweeps.sweep import sweep

__all__ = [
    "Finding",
    "Hessian",
    "Jacobians",
    "Measurement",
    "Probe",
    "RangeTest",
    "Recording",
    "Remedy",
    "Report",
    "SpectralDensity",
    "Summary",
    "Sweep",
    "TraceEstimate",
    "diagnose",
    "displays",
    "find_learning_rate",
    "hessian",
    "jacobians",
    "probe",
    "stability_limit",
    "sweep",
    "theory",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """Open the pictures when they are first asked for."""
    if name == "displays":
        return importlib.import_module("minnet.lab.displays")
    raise AttributeError(f"module 'minnet.lab' has no attribute {name!r}")
