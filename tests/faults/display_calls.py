"""Good calls of the pictures, which ``valid_calls`` has among all."""

import inspect

import numpy as np
from call_makers import (
    CLASS,
    WEIGHT,
    Call,
    X,
    _classifier,
    _display,
    _drawn,
    _plot,
    _recording,
    _small,
)  # fmt: skip
from lab_calls import _density, _sharp_recording

from minnet import MinNetClassifier
from minnet.lab import displays

__all__ = ["DISPLAY_CALLS"]

DISPLAY_CALLS = {}

for _name in ("ActivationHistogramDisplay", "GradientHistogramDisplay"):
    _cls = getattr(displays, _name)

    def _histogram(cls=_cls):
        quantity = "Y" if "Activation" in cls.__name__ else "dZ"
        return cls.from_measurement(_recording()[0], quantity=quantity)

    def _arguments(make=_histogram):
        made = make()
        names = ("density", "edges", "layers", "quantity", "sd")
        return Call(type(made), {name: getattr(made, name) for name in names})

    DISPLAY_CALLS[_name] = _display(_arguments)
    _owner = next(base for base in _cls.__mro__ if "plot" in vars(base)).__name__
    DISPLAY_CALLS[f"{_owner}.plot"] = _plot(_histogram, kind="ridges")
    DISPLAY_CALLS[f"{_owner}.from_estimator"] = _drawn(
        _cls,
        X=X,
        y=CLASS,
        sample_weight=WEIGHT,
        quantity=None,
        hidden_only=True,
        n_bins=8,
        kind="lines",
    )
    DISPLAY_CALLS[f"{_owner}.from_measurement"] = _drawn(
        _cls,
        "from_measurement",
        lambda: {"measurement": _recording()[0]},
        quantity=None,
        hidden_only=True,
        kind="lines",
    )

_SIMPLE = {
    "VarianceByDepthDisplay": (
        {"X": X, "y": CLASS, "sample_weight": WEIGHT, "direction": "forward", "n_errors": 2.0},
        {"direction": "forward"},
    ),
    "SingularValuesDisplay": (
        {"X": X, "y": CLASS, "n_samples": 2, "random_state": 0, "law": "jacobian", "n_bins": 8},
        {"law": "jacobian", "n_bins": 8},
    ),
    "PhaseDiagramDisplay": ({"X": X, "y": CLASS, "sigma_w": [1.0, 2.0], "sigma_b": [0.0, 1.0]}, {}),
    "LossSurfaceDisplay": (
        {
            "X": X, "y": CLASS, "loss": None, "weights": None, "directions": None, "span": 5.0,
            "n_points": 5, "kind": "contour",
        },
        {"kind": "contour"},
    ),
    "LossCurveDisplay": ({"names": None, "log": False}, {"log": False}),
    "FirstLayerWeightsDisplay": ({"X": None, "y": None, "shape": (2, 2), "n_images": 2}, {}),
}  # fmt: skip
for _name, (_from, _of_plot) in _SIMPLE.items():
    _cls = getattr(displays, _name)

    def _make(cls=_cls, given=_from):
        return cls.from_estimator(_classifier(), **given)

    def _arguments(cls=_cls, make=_make):
        made = make()
        return Call(cls, {name: getattr(made, name) for name in inspect.signature(cls).parameters})

    DISPLAY_CALLS[_name] = _display(_arguments)
    DISPLAY_CALLS[f"{_name}.plot"] = _plot(_make, **_of_plot)
    DISPLAY_CALLS[f"{_name}.from_estimator"] = _drawn(_cls, **_from)


def _depth():
    return displays.VarianceByDepthDisplay.from_estimator(_classifier(), X=X, y=CLASS)


DISPLAY_CALLS["VarianceByDepthDisplay.share_in_band"] = _display(
    lambda: Call(_depth().share_in_band, {"direction": "forward"})
)
DISPLAY_CALLS["PhaseDiagramDisplay.from_activation"] = _drawn(
    displays.PhaseDiagramDisplay,
    "from_activation",
    lambda: {"activation": "tanh"},
    sigma_w=[1.0, 2.0],
    sigma_b=[0.0, 1.0],
    points=(),
)
DISPLAY_CALLS["SaturationDisplay.from_estimator"] = _drawn(
    displays.SaturationDisplay,
    "from_estimator",
    lambda: {"estimator": MinNetClassifier(**_small(activation="tanh"))},
    X=X, y=CLASS, X_probe=None, steps=None, kind="saturated",
)  # fmt: skip
DISPLAY_CALLS["SaturationDisplay.from_recording"] = _drawn(
    displays.SaturationDisplay,
    "from_recording",
    lambda: {"recording": _recording()},
    kind="saturated",
)


def _saturation():
    return displays.SaturationDisplay.from_recording(_recording())


DISPLAY_CALLS["SaturationDisplay"] = _display(
    lambda: Call(
        displays.SaturationDisplay,
        {name: getattr(_saturation(), name) for name in ("steps", "values", "layers")},
    )
)
DISPLAY_CALLS["SharpnessDisplay"] = _display(
    lambda: Call(
        displays.SharpnessDisplay,
        {"steps": np.arange(3), "sharpness": np.arange(3.0), "limits": np.ones(3)},
    )
)
DISPLAY_CALLS["SharpnessDisplay.plot"] = _plot(
    lambda: displays.SharpnessDisplay(np.arange(3), np.arange(3.0), np.ones(3))
)
DISPLAY_CALLS["SharpnessDisplay.from_recording"] = _drawn(
    displays.SharpnessDisplay, "from_recording", lambda: {"recording": _sharp_recording()}
)
DISPLAY_CALLS["SpectralDensityDisplay"] = _display(
    lambda: Call(displays.SpectralDensityDisplay, {"density": _density()})
)
DISPLAY_CALLS["SpectralDensityDisplay.plot"] = _plot(
    lambda: displays.SpectralDensityDisplay(_density()), width=0.1
)
DISPLAY_CALLS["SpectralDensityDisplay.from_density"] = _drawn(
    displays.SpectralDensityDisplay, "from_density", lambda: {"density": _density()}, width=0.1
)
DISPLAY_CALLS["SpectralDensityDisplay.from_estimator"] = _drawn(
    displays.SpectralDensityDisplay,
    X=X,
    y=CLASS,
    sample_weight=WEIGHT,
    n_vectors=2,
    n_iter=4,
    random_state=0,
    width=0.1,
)
DISPLAY_CALLS["SaturationDisplay.plot"] = _plot(_saturation, kind="saturated")
DISPLAY_CALLS["UpdateRatioDisplay.from_estimator"] = _drawn(
    displays.UpdateRatioDisplay,
    "from_estimator",
    lambda: {"estimator": MinNetClassifier(**_small(activation="tanh"))},
    X=X, y=CLASS, X_probe=X, y_probe=CLASS, steps=None,
)  # fmt: skip
DISPLAY_CALLS["UpdateRatioDisplay.from_recording"] = _drawn(
    displays.UpdateRatioDisplay, "from_recording", lambda: {"recording": _recording()}
)


def _update_ratio():
    return displays.UpdateRatioDisplay.from_recording(_recording())


DISPLAY_CALLS["UpdateRatioDisplay"] = _display(
    lambda: Call(
        displays.UpdateRatioDisplay,
        {name: getattr(_update_ratio(), name) for name in ("steps", "values", "layers")},
    )
)
DISPLAY_CALLS["UpdateRatioDisplay.plot"] = _plot(_update_ratio, reference=1e-3)
