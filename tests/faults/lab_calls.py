"""Good calls of the laboratory, which ``valid_calls`` has among all."""

import numpy as np
from call_makers import (
    CLASS,
    WEIGHT,
    Call,
    X,
    _band,
    _classifier,
    _drawn,
    _mean_field,
    _new,
    _plot,
    _recording,
    _saved,
    _torch_model,
    _trainer,
    _with_network,
)  # fmt: skip

from minnet import SGD, MinNetClassifier, lab
from minnet.lab import displays, theory
from minnet.lab.subject import subject_of

__all__ = ["LAB_CALLS"]


def _hessian():
    return lab.hessian(_classifier(), X, CLASS)


def _sharp_recording():
    return lab.Recording([lab.probe(_classifier(), X, CLASS, sharpness=True)])


def _density():
    return lab.SpectralDensity(np.linspace(0, 2, 5), np.full(5, 0.2), 40)


def _swept(path=None):
    grid = {"depth": [1, 2], "alpha": [0.1, 1.0], "init": ["he"]}
    return lab.sweep(_classifier(), X, CLASS, seeds=2, probe=["Y_sd"], path=path, **grid)


def _table():
    return displays.SweepMapDisplay.from_sweep(_swept(), where={"init": "he"}).table


LAB_CALLS = {
    # ---- the laboratory
    "Finding": _new(
        lab.Finding, code="c", layer=0, figure=1.0, threshold=2.0, sentence="s",
        _prove=lambda: ("a", None),
    ),
    "Remedy": _new(lab.Remedy, changes={"init": "he_normal"}, words="other weights"),
    "Remedy.apply": lambda: Call(lab.Remedy({"init": "he_normal"}).apply, {"model": _classifier()}),
    "Report.apply": lambda: Call(
        lab.diagnose(MinNetClassifier((9, 9), init="zeros"), X, CLASS).apply, {"all": True}
    ),
    "Report": lambda: Call(lab.Report, {"findings": [], "measurement": _recording()[0]}),
    "Jacobians": lambda: Call(
        lab.Jacobians, {"names": ["a"], "layers": [X], "end_to_end": X, "hidden": X}
    ),
    "Measurement": lambda: Call(
        lab.Measurement,
        {
            "step": 0, "loss": 1.0, "description": _recording()[0]._description(),
            "values": dict(_recording()[0]._values),
        },
    ),
    "Measurement.histogram": lambda: Call(_recording()[0].histogram, {"name": "Y"}),
    "Measurement.keys": lambda: Call(_recording()[0].keys),
    "Measurement.load": lambda: Call(lab.Measurement.load, {"path": _saved("measurement")}),
    "Measurement.measured": lambda: Call(_recording()[0].measured, {"name": "dZ"}),
    "Measurement.save": lambda: Call(_recording()[0].save, {"path": "measurement"}),
    "Measurement.to_frame": lambda: Call(_recording()[0].to_frame),
    "Recording": lambda: Call(lab.Recording, {"measurements": list(_recording().measurements)}),
    "Recording.load": lambda: Call(lab.Recording.load, {"path": _saved("recording")}),
    "Recording.save": lambda: Call(_recording().save, {"path": "recording"}),
    "Recording.to_frame": lambda: Call(_recording().to_frame),
    "Probe": lambda: Call(
        lambda **given: _trainer().fit(X, CLASS, max_epochs=1, callbacks=[lab.Probe(**given)]),
        {
            "X": X.copy(), "y": CLASS.copy(), "sample_weight": WEIGHT, "steps": [0, 1], "n_bins": 8,
            "n_jacobians": 1, "sharpness": True,
        },
    ),
    "probe": _with_network(
        lab.probe, X=X, y=CLASS, sample_weight=WEIGHT, optimizer="adam", n_bins=8, n_jacobians=1,
        sharpness=True,
    ),
    "probe torch": lambda: Call(
        lab.probe,
        {"model": _torch_model(), "X": X, "y": CLASS, "optimizer": "sgd", "loss": "log_loss"},
    ),
    "probe model": lambda: Call(lab.probe, {"model": _classifier(), "X": X, "y": CLASS}),
    "diagnose": _with_network(
        lab.diagnose, X=X, y=CLASS, sample_weight=WEIGHT, X_val=X, y_val=CLASS, optimizer="adam",
        train=0.01,
    ),
    "diagnose model": lambda: Call(lab.diagnose, {"model": _classifier(), "X": X, "y": CLASS}),
    "hessian": _with_network(lab.hessian, X=X, y=CLASS, sample_weight=WEIGHT, position=0),
    "hessian model": lambda: Call(lab.hessian, {"model": _classifier(), "X": X, "y": CLASS}),
    "Hessian": lambda: Call(
        lab.Hessian, {"subject": subject_of(_classifier(), X, CLASS), "position": 0}
    ),
    "Hessian.block": lambda: Call(_hessian().block, {"layer": 0}),
    "Hessian.density": lambda: Call(
        _hessian().density, {"n_vectors": 2, "n_iter": 4, "random_state": 0}
    ),
    "Hessian.eigenvalues": lambda: Call(
        _hessian().eigenvalues,
        {"n": 2, "which": "LA", "return_eigenvectors": True, "tol": 1e-3, "random_state": 0},
    ),
    "Hessian.matvec": lambda: Call(
        _hessian().matvec, {"v": np.ones(_classifier().network_.params.shape)}
    ),
    "Hessian.to_dense": lambda: Call(_hessian().to_dense),
    "Hessian.trace": lambda: Call(_hessian().trace, {"n_probes": 3, "random_state": 0}),
    "SpectralDensity": lambda: Call(lab.SpectralDensity, dict(vars(_density()))),
    "SpectralDensity.on_grid": lambda: Call(_density().on_grid, {"n_points": 20, "width": 0.1}),
    "SpectralDensity.share": lambda: Call(_density().share, {"low": -1.0, "high": 1.0}),
    "stability_limit": _new(lab.stability_limit, optimizer=SGD(0.1)),
    "sweep": lambda: Call(
        lab.sweep,
        {
            "model": _classifier(), "X": X, "y": CLASS, "sample_weight": WEIGHT, "seeds": [0, 1],
            "X_val": X, "y_val": CLASS, "scoring": "accuracy", "train": True, "probe": ["Y_sd"],
            "n_jobs": 1, "path": "sweep", "verbose": 0, "depth": [1, 2], "alpha": 0.1,
        },
    ),
    "sweep cv": lambda: Call(
        lab.sweep, {"model": _classifier(), "X": X, "y": CLASS, "seeds": [0], "cv": 2, "init": ["he"]}
    ),
    "sweep test_size": lambda: Call(
        lab.sweep, {"model": _classifier(), "X": X, "y": CLASS, "seeds": [0], "test_size": 0.2}
    ),
    "Sweep": lambda: Call(
        lab.Sweep, {"rows": _swept().rows, "axes": _swept().axes, "layers": _swept().layers}
    ),
    "Sweep.load": lambda: Call(lab.Sweep.load, {"path": _swept("sweep") and "sweep"}),
    "Sweep.layers_to_frame": lambda: Call(_swept().layers_to_frame),
    "Sweep.summary": lambda: Call(
        _swept().summary, {"measures": ["seconds", "training_score"], "level": 0.9}
    ),
    "Summary": lambda: Call(
        lab.Summary,
        {"rows": _swept().summary().rows, "axes": ["depth"], "measures": ["seconds"], "level": 0.9},
    ),
    "Table.to_frame": lambda: Call(_swept().to_frame),
    "SweepMapDisplay.from_sweep": _drawn(
        displays.SweepMapDisplay, "from_sweep", lambda: {"sweep": _swept()}, measure="training_score",
        x="depth", y="alpha", panels=None, where={"init": "he"}, level=0.9, log=False,
    ),
    "SweepMapDisplay.plot": _plot(lambda: displays.SweepMapDisplay(_table()), log=False),
    "SweepMapDisplay": lambda: Call(displays.SweepMapDisplay, {"table": _table()}),
    "SweepCurvesDisplay.from_sweep": _drawn(
        displays.SweepCurvesDisplay, "from_sweep", lambda: {"sweep": _swept()},
        measure="training_score", x="depth", lines="alpha", panels=None, where={"init": "he"}, level=0.9,
        log=False, log_x=False,
    ),
    "SweepCurvesDisplay.plot": _plot(
        lambda: displays.SweepCurvesDisplay(_table()), log=False, log_x=False
    ),
    "SweepCurvesDisplay": lambda: Call(displays.SweepCurvesDisplay, {"table": _table()}),
    "jacobians": _with_network(lab.jacobians, X=X, y=CLASS, n_samples=2, random_state=0),
    "jacobians model": lambda: Call(lab.jacobians, {"model": _classifier(), "X": X}),
    # ---- theory
    "MeanField": _new(theory.MeanField, activation="tanh", weight_variance=1.5, bias_variance=0.1),
    "MeanField.chi": _mean_field("chi", q=1.0),
    "MeanField.correlation_map": _mean_field("correlation_map", c=0.5, q=1.0),
    "MeanField.critical": _new(theory.MeanField.critical, activation="tanh", bias_variance=0.1),
    "MeanField.depth_scales": _mean_field("depth_scales"),
    "MeanField.fixed_correlation": _mean_field("fixed_correlation", start=0.5, tol=1e-6),
    "MeanField.fixed_variance": _mean_field("fixed_variance", start=1.0, tol=1e-6),
    "MeanField.from_initializer": _new(
        theory.MeanField.from_initializer, initializer="he", activation="relu", fan_in=5, fan_out=6,
        bias_init=None,
    ),
    "MeanField.gradient_variances": _mean_field("gradient_variances", q=1.0, n_layers=3),
    "MeanField.variance_map": _mean_field("variance_map", q=1.0),
    "MeanField.variances": _mean_field("variances", q=1.0, n_layers=3),
    "Prediction": lambda: Call(
        theory.Prediction, dict(vars(theory.predict_variances(_classifier(), X)))
    ),
    "VarianceBand": lambda: Call(theory.VarianceBand, dict(vars(_band()))),
    "VarianceBand.interval": lambda: Call(_band().interval, {"n_errors": 2.0}),
    "VarianceBand.gradient_interval": lambda: Call(_band().gradient_interval, {"n_errors": 2.0}),
    "jacobian_density": _new(
        theory.jacobian_density, s=np.linspace(0, 2, 5), activation="tanh", q=1.0, weight_variance=1.5,
        ratio=1.0,
    ),
    "orthogonal_jacobian_density": _new(
        theory.orthogonal_jacobian_density, edges=np.linspace(0, 2, 5), activation="tanh", q=1.0,
        weight_variance=1.5,
    ),
    "jacobian_mean_square": lambda: Call(
        theory.jacobian_mean_square, {"network": theory.MeanField("tanh", 1.5), "q": 1.0, "n_layers": 2}
    ),
    "jacobian_variance": lambda: Call(
        theory.jacobian_variance,
        {"network": theory.MeanField.critical("tanh"), "n_layers": 2, "orthogonal": False},
    ),
    "largest_singular_value": _new(theory.largest_singular_value, n_layers=3, scale=1.0),
    "length_fluctuation": _new(theory.length_fluctuation, widths=[5, 6], rectifier=True),
    "marchenko_pastur": _new(theory.marchenko_pastur, s=np.linspace(0, 2, 5), ratio=0.5, scale=1.0),
    "marchenko_pastur_mean": _new(theory.marchenko_pastur_mean, ratio=0.5, scale=1.0),
    "quarter_circle": _new(theory.quarter_circle, s=np.linspace(0, 2, 5), scale=1.0),
    "quarter_circle_mean": _new(theory.quarter_circle_mean, scale=1.0),
    "predict_variances": lambda: Call(
        theory.predict_variances, {"model": _classifier(), "X": X, "y": CLASS}
    ),
    "variance_band": lambda: Call(
        theory.variance_band,
        {
            "network": theory.MeanField("tanh", 1.5), "q": 1.0, "widths": [10, 20], "n_samples": 3,
            "correlation": 0.5,
        },
    ),
    "weight_mean": _new(theory.weight_mean, initializer="he", fan_in=5, fan_out=6, shape=(5, 6)),
    "weight_variance": _new(
        theory.weight_variance, initializer="he", fan_in=5, fan_out=6, shape=(5, 6)
    ),
}  # fmt: skip
