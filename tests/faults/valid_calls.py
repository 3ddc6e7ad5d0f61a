"""A good call of everything public: what bad calls are made from, by replacing arguments.

``CALLS`` has a name for each call, such as "Network.forward"; what it gives is a function that makes the
call anew, with arguments of its own. ``public()`` finds what there is by looking, so that what is new
and has no call is missed by name.
"""

import copy
import warnings
from importlib.util import find_spec

import matplotlib

matplotlib.use("Agg")  # before minnet.lab.displays opens it

import numpy as np
from call_makers import (
    CLASS,
    STREAM,
    WEIGHT,
    Call,
    X,
    Y,
    _activation,
    _classifier,
    _drawn,
    _ensemble_fit,
    _fit,
    _history,
    _idx_file,
    _image_folder,
    _initializer_calls,
    _layer,
    _make_layers,
    _nested,
    _network,
    _new,
    _new_ensemble,
    _new_trainer,
    _of,
    _on_network,
    _optimizer,
    _plot,
    _range_test,
    _regressor,
    _saved,
    _schedule,
    _small,
    _streamed,
    _targets,
    _torch_model,
    _trainer,
    _trainer_fit,
    _trainer_stream,
    _transfer,
    _transformer,
    _with_network,
)
from dask_calls import DASK_CALLS
from display_calls import DISPLAY_CALLS
from distributed_calls import DISTRIBUTED_CALLS
from lab_calls import LAB_CALLS
from playground_calls import PLAYGROUND_CALLS
from public_things import PROTOCOLS, public
from scipy import sparse
from stream_calls import STREAM_CALLS
from table_calls import TABLE_CALLS

import minnet
from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    PiecewiseLinear,
    Residual,
    activations,
    callbacks,
    curvature,
    datasets,
    initializers,
    lab,
    layers,
    losses,
    mup,
    ntk,
    optimizers,
    random,
    residual,
    user_activations,
)
from minnet.lab import displays
from minnet.training import lbfgs
from minnet.views import trace

__all__ = ["CALLS", "PROTOCOLS", "WITHOUT", "Call", "public"]

#: What some calls need beside minnet: packages that the extra "test" does not have.
NEEDED = {
    "to_onnx": "onnx", "register_skl2onnx": "skl2onnx",
    "network_from_torch": "torch", "torch_from_network": "torch",
    "probe torch": "torch", "copy_weights torch": "torch", "Gloo": "torch", "MPI": "mpi4py",
    **dict.fromkeys(PLAYGROUND_CALLS, "anywidget"),
    **dict.fromkeys(DASK_CALLS, "dask"),  # tests/distributed is found as "distributed" by itself
}  # fmt: skip
#: The calls that cannot be made, since their package is not installed.
WITHOUT = {name for name, package in NEEDED.items() if find_spec(package) is None}


CALLS = {
    # ---- estimators
    "MinNetClassifier": _fit(MinNetClassifier, CLASS),
    "MinNetRegressor": _fit(MinNetRegressor, Y),
    "MinNetClassifier lbfgs": _fit(MinNetClassifier, CLASS, solver="lbfgs"),
    "MinNetClassifier early stopping": _fit(MinNetClassifier, CLASS, early_stopping=True),
    "MinNetRegressor sgd": _fit(MinNetRegressor, Y, solver="sgd", learning_rate="adaptive"),
    "BaseMinNet.fit": _of(
        _classifier, "fit", X=X, y=CLASS, sample_weight=WEIGHT, X_val=X, y_val=CLASS,
        sample_weight_val=WEIGHT,
    ),
    "BaseMinNet.fit sparse": _of(_classifier, "fit", X=sparse.csr_matrix(X), y=CLASS),
    "BaseMinNet.fit numbers": _of(_regressor, "fit", X=X, y=Y, sample_weight=WEIGHT),
    "MinNetClassifier.partial_fit": _of(
        _classifier, "partial_fit", X=X, y=CLASS, sample_weight=WEIGHT, classes=None
    ),
    "MinNetClassifier.partial_fit first": lambda: Call(
        MinNetClassifier(**_small()).partial_fit,
        {"X": X.copy(), "y": CLASS.copy(), "classes": np.arange(3)},
    ),
    "BaseMinNet.partial_fit": _of(_regressor, "partial_fit", X=X, y=Y, sample_weight=WEIGHT),
    "MinNetClassifier.predict": _of(_classifier, "predict", X=X),
    "MinNetClassifier.predict sparse": _of(_classifier, "predict", X=sparse.csr_matrix(X)),
    "MinNetClassifier.predict not fitted": _of(MinNetClassifier, "predict", X=X),
    "MinNetClassifier.predictor": _of(_classifier, "predictor"),
    "MinNetRegressor.predict": _of(_regressor, "predict", X=X),
    "MinNetRegressor.predictor": _of(_regressor, "predictor"),
    "MinNetClassifier.predict_proba": _of(_classifier, "predict_proba", X=X),
    "MinNetClassifier.predict_log_proba": _of(_classifier, "predict_log_proba", X=X),
    "MinNetClassifier.score": _of(_classifier, "score", X=X, y=CLASS, sample_weight=WEIGHT),
    "MinNetRegressor.score": _of(_regressor, "score", X=X, y=Y, sample_weight=WEIGHT),
    "ParametersMixin.set_params": _of(_classifier, "set_params", alpha=0.1, hidden_layer_sizes=(3,)),
    "ParametersMixin.set_params numbers": _of(_regressor, "set_params", alpha=0.1, loss="poisson"),
    "ParametersMixin.set_params nested": _of(_nested, "set_params", init__gain=2.0, solver__momentum=0.5),
    "ParametersMixin.set_callbacks": lambda: Call(
        lambda callbacks: MinNetClassifier().set_callbacks(callbacks),
        {"callbacks": callbacks.History()},
    ),
    "ParametersMixin.get_params": _of(_classifier, "get_params", deep=True),
    "save_model": lambda: Call(
        minnet.save_model, {"model": copy.deepcopy(_classifier()), "path": "saved"}, _classifier()
    ),
    "load_model": lambda: Call(minnet.load_model, {"path": _saved("model")}),
    "show_config": lambda: Call(minnet.show_config),
    # ---- networks and training
    "Network": lambda: Call(
        lambda **given: Network(**given).initialize(4, 0).loss_and_grad(X, CLASS),
        {
            "layers": [Dense(5), Dense(3)], "loss": "log_loss", "init": "auto", "bias_init": "auto",
            "alpha": 0.1,
        },
    ),
    "Network.initialize": _on_network("initialize", n_features=4, random_state=0, dtype="float64"),
    "InitializerSupport.activation_above": _on_network("activation_above", layer_index=0),
    "InitializerSupport.activation_below": _on_network("activation_below", layer_index=2),
    "InitializerSupport.adapt": _on_network("adapt", X=X, T=CLASS, sample_weight=WEIGHT),
    "FlatParameters.astype": _on_network("astype", dtype="float32"),
    "BatchChecks.check_X": _on_network("check_X", X=X),
    "BatchChecks.check_batch": _on_network(
        "check_batch", X=X, T=CLASS, sample_weight=WEIGHT, targets=True
    ),
    "Network.forward": _on_network("forward", X=X, return_all=False),
    "Network.predict": _on_network("predict", X=X),
    "Network.loss_and_grad": _on_network(
        "loss_and_grad", X=X, T=CLASS, sample_weight=WEIGHT, n_samples=None, weight_sum=None, position=0
    ),
    "Network.hessian_vector_product": _on_network(
        "hessian_vector_product",
        X=X, T=CLASS, v=np.ones(72), sample_weight=WEIGHT, n_samples=None, weight_sum=None, position=0,
    ),
    "Network.curvature": _on_network("curvature", X=X, T=CLASS, sample_weight=WEIGHT),
    "HessianProduct.third": lambda: Call(
        curvature.HessianProduct(_network(), X, CLASS).third, {"v": np.ones(15), "w": np.ones(15)}
    ),
    "gradient_quotient": _with_network(
        initializers.gradient_quotient, X=X, T=CLASS, sample_weight=WEIGHT
    ),
    "HessianProduct": _new(
        curvature.HessianProduct, network=_network(), X=X, T=CLASS, sample_weight=WEIGHT,
        n_samples=None, weight_sum=None, position=0,
    ),
    "Network.objective": _on_network("objective", X=X, T=CLASS, sample_weight=WEIGHT),
    "Displayed.trace": _on_network("trace", X=X, T=CLASS, sample_weight=WEIGHT),
    "ParameterRow": _new(
        minnet.parameter_table.ParameterRow, layer=0, name="W", offset=0, shape=(2, 3), is_weight=True,
        lr_factor=1.0, trainable=True, decay_factor=1.0,
    ),
    "Trace": _new(trace.Trace, loss=1.0, names=["Dense"], layers=[{}]),
    "Trace.rows": lambda: Call(_network().trace(X, CLASS).rows),
    "Trace.to_frame": lambda: Call(_network().trace(X, CLASS).to_frame),
    "Trainer": _new_trainer,
    "Trainer.check_batch": lambda: Call(
        _trainer().check_batch, {"X": X.copy(), "T": CLASS.copy(), "sample_weight": WEIGHT.copy()}
    ),
    "Trainer.fit": _trainer_fit,
    "Trainer.run_epoch": lambda: Call(
        _trainer().run_epoch, {"X": X.copy(), "T": CLASS.copy(), "sample_weight": WEIGHT.copy()}
    ),
    "EnsembleTrainer": _new_ensemble,
    "EnsembleTrainer.fit": _ensemble_fit,
    "best_temperature": _new(
        minnet.temperature.best_temperature, Z=[[2.0, 0.0], [0.5, 0.0]], T=np.array([0, 1]),
        output="softmax", sample_weight=[1.0, 2.0],
    ),
    "EarlyStopping.is_finite": lambda: Call(_trainer().is_finite),
    "minimize_lbfgs": _with_network(
        lbfgs.minimize_lbfgs, X=X, T=CLASS, sample_weight=WEIGHT, max_iter=3, max_fun=10, tol=1e-4,
        verbose=False, backend="auto", n_threads=None,
    ),
    "pretrain": _with_network(
        minnet.pretrain, X=X, corruption=0.25, loss="auto", n_epochs=1, batch_size=32,
        optimizer="adam", random_state=0, backend="auto", n_threads=None, verbose=False,
    ),
    "pretrain network": lambda: Call(minnet.pretrain, {"network": _network(Dense(5, "tanh")), "X": X}),
    "check_gradients": _with_network(
        minnet.check_gradients, X=X, T=CLASS, sample_weight=WEIGHT, epsilon=1e-5, tolerance=1e-6,
        max_elements=5, rng=0,
    ),
    "check_gradients network": lambda: Call(
        minnet.check_gradients, {"network": _network(Dense(2, "tanh")), "X": X, "T": CLASS}
    ),
    "GradientCheck": _new(
        minnet.gradcheck.GradientCheck, tolerance=1e-6, errors={}, n_checked={}, n_skipped={}
    ),
    "ntk": _new(
        ntk.ntk, layers=[Dense(8, "relu"), Dense(3)], n_features=4, optimizer="adam", bias_lr_factor=0.1
    ),
    "mup": _new(
        mup.mup, layers=[Dense(8, "relu"), Dense(3)], base_width=4, optimizer="adam", output=True,
        zero_output=True,
    ),
    "coordinate_check": _new(
        mup.coordinate_check, make_layers=_make_layers, widths=[4, 8], X=X, T=CLASS, loss="log_loss",
        optimizer="adam", n_steps=1, random_state=0,
    ),
    # ---- layers, optimizers, losses, activations
    "Dense": _layer(
        Dense, units=5, activation="tanh", init=None, bias_init=None, trainable=True, lr_factor=1.0,
        bias_lr_factor=None, decay_factor=None,
    ),
    "Dropout": _layer(Dropout, rate=0.5),
    "BatchNorm": _layer(
        BatchNorm, activation="tanh", momentum=0.9, epsilon=1e-5, trainable=True, lr_factor=1.0
    ),
    "LayerNorm": _layer(LayerNorm, activation="tanh", epsilon=1e-5, trainable=True, lr_factor=1.0),
    "PiecewiseLinear": _layer(
        PiecewiseLinear, columns=[[-1.0, 0.0, 1.0], 3, None, [0.0, 2.0]], code_dropout=0.3
    ),
    "Residual": _layer(
        Residual, layers=[Dense(4)], scale=0.5, trainable_scale=True, scale_lr_factor=1.0
    ),
    "Add": _new(residual.Add, scale=0.5, trainable=True, lr_factor=1.0),
    "fixup": _new(
        residual.fixup, layers=[Residual([Dense(4, "relu"), Dense(4)]), Dense(3)], output=True
    ),
    "Context": _new(
        layers.Context, training=False, needs_dX=True, weights=None, uniform=None, skips=None
    ),
    "Parameter": _new(
        layers.Parameter, shape=(2, 3), init=None, is_weight=True, lr_factor=None, decay_factor=None
    ),
    "SGD": _optimizer(minnet.SGD),
    "Adam": _optimizer(minnet.Adam),
    "AdamW": _optimizer(optimizers.AdamW),
    "RMSProp": _optimizer(optimizers.RMSProp),
    "InvScaling": _schedule(optimizers.InvScaling, power_t=0.5),
    "FunctionOfStep": _schedule(optimizers.FunctionOfStep, function=lambda step: 0.1),
    "StepDecay": _schedule(optimizers.StepDecay, n_steps=3, factor=0.1),
    "Cosine": _schedule(optimizers.Cosine, n_steps=3, final=0.1),
    "FlatThenCosine": _schedule(optimizers.FlatThenCosine, flat=0.5, n_steps=3, final=0.1),
    "WarmUp": _schedule(optimizers.WarmUp, n_steps=3, then=None, start=0.1),
    "get_optimizer": _new(optimizers.get_optimizer, spec="adam"),
    "get_schedule": _new(optimizers.get_schedule, spec="invscaling", power_t=0.5),
    "get_loss": _new(losses.get_loss, spec="log_loss", n_outputs=3),
    "list_losses": _new(losses.list_losses),
    "SquaredError": _new(losses.SquaredError, output="softmax"),
    "Loss.as_targets": _targets(losses.SquaredError, Y, "as_targets"),
    "Loss.check_targets": _targets(losses.SquaredError, Y),
    "SoftmaxCrossEntropy.check_targets": _targets(losses.SoftmaxCrossEntropy, CLASS),
    "SigmoidCrossEntropy.check_targets": _targets(losses.SigmoidCrossEntropy, (Y > 0) * 1.0),
    "Poisson.check_targets": _targets(losses.Poisson, Y**2),
    "Elu": _new(activations.Elu, alpha=1.0),
    "LeakyRelu": _new(activations.LeakyRelu, negative_slope=0.01),
    "get_activation": _new(activations.get_activation, spec="tanh", name="activation"),
    "list_activations": _new(activations.list_activations),
    "activation": _activation(None, None, kinks=(), check=True),
    "UserActivation": _new(
        user_activations.UserActivation, function=lambda z: z, slope=lambda z: 1.0, name="f", kinks=()
    ),
    # ---- initializers and random numbers
    **_initializer_calls(),
    "EdgeOfChaos.weight_variance": lambda: Call(initializers.EdgeOfChaos("tanh").weight_variance),
    "Sparse.count": lambda: Call(initializers.Sparse(3).count, {"fan_in": 6}),
    "Uniform.with_std": _new(initializers.Uniform.with_std, std=0.1, mean=0.2),
    "auto_initializer": _new(
        initializers.auto_initializer,
        activation_name="relu", negative_slope=0.1, first_layer=False, n_hidden=12,
    ),
    "calculate_gain": _new(initializers.calculate_gain, activation="leaky_relu", param=0.1),
    "variance_gain": _new(initializers.variance_gain, activation="tanh", centered=False),
    "get_initializer": _new(initializers.get_initializer, spec="he", name="init"),
    "list_initializers": _new(initializers.list_initializers, aliases=True),
    "materialize": _new(
        initializers.materialize, spec="he", shape=(4, 5), rng=0, dtype="float64", fans=None,
        name="init", layout=None,
    ),
    "resolve_fans": _new(initializers.resolve_fans, shape=(4, 5), fans=(4, 5), layout=None),
    "Stream": _new(random.Stream, key=0, name="initializer", index=0),
    "Stream.generator": lambda: Call(STREAM.generator),
    "Stream.words": lambda: Call(STREAM.words, {"n": 5, "start": 0}),
    "Stream.permutation": lambda: Call(STREAM.permutation, {"n": 5}),
    "Stream.uniform": lambda: Call(
        STREAM.uniform, {"shape": (2, 3), "low": 0.0, "high": 1.0, "dtype": "float64", "start": 0}
    ),
    "Stream.normal": lambda: Call(
        STREAM.normal, {"shape": (2, 3), "mean": 0.0, "std": 1.0, "dtype": "float64", "start": 0}
    ),
    "Stream.truncated_normal": lambda: Call(
        STREAM.truncated_normal,
        {
            "shape": (2, 3), "mean": 0.0, "std": 1.0, "lower": -2.0, "upper": 2.0, "dtype": "float64",
            "start": 0,
        },
    ),
    "as_stream": _new(random.as_stream, rng=0, name="initializer", index=0),
    "draw_key": _new(random.draw_key, random_state=0),
    "philox4x32": _new(random.philox4x32, counter=[0, 0, 0, 0], key=[0, 0]),
    # ---- exports
    "to_onnx": lambda: Call(
        minnet.export.to_onnx, {"model": _classifier(), "path": None, "dtype": None, "opset": 17}
    ),
    "to_numpy_source": lambda: Call(
        minnet.export.to_numpy_source, {"model": _classifier(), "path": None, "dtype": None}
    ),
    "register_skl2onnx": lambda: Call(minnet.export.register_skl2onnx),
    "network_from_torch": lambda: Call(
        minnet.pytorch.network_from_torch, {"model": _torch_model(), "y": CLASS, "loss": "log_loss"}
    ),
    "torch_from_network": lambda: Call(
        minnet.pytorch.torch_from_network,
        {"network": _network(Dense(5, "tanh")), "like": _torch_model()},
    ),
    **LAB_CALLS,
    **PLAYGROUND_CALLS,
    **TABLE_CALLS,
    **STREAM_CALLS,
    **DISTRIBUTED_CALLS,
    **DASK_CALLS,
    **DISPLAY_CALLS,
}  # fmt: skip


def _quietly(make):
    def quiet():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()

    return quiet


CALLS = {name: _quietly(make) for name, make in CALLS.items()}


# ---- streams, transfer, transformers, callbacks, the range test


_RANGE = {"low": 1e-6, "high": 10.0, "n_steps": 20}
CALLS.update(
    {
        "MinNetClassifier.fit_stream": _streamed(MinNetClassifier, CLASS, classes=[0, 1, 2]),
        "BaseMinNet.fit_stream": _streamed(MinNetRegressor, Y),
        "Trainer.fit_stream": _trainer_stream,
        "BaseMinNet.initialize": _of(_classifier, "initialize", X=X, y=CLASS, sample_weight=WEIGHT),
        "PresetMixin.written_out": _of(_classifier, "written_out", n_samples=40, n_features=4),
        "copy_weights": _transfer,
        "copy_weights torch": lambda: Call(
            minnet.copy_weights,
            {"source": _torch_model(), "target": (to := _network(Dense(5, "tanh")))},
            to,
        ),
        "InspectionMixin.activations": _of(_classifier, "activations", X=X, layer=-1),
        "InspectionMixin.summary": _of(_classifier, "summary"),
        "Displayed.summary": lambda: Call(_network(Dense(5, "tanh")).summary),
        "MinNetTransformer": _new(minnet.MinNetTransformer, estimator=MinNetClassifier(), layer=-1),
        "MinNetTransformer.fit": _of(_transformer, "fit", X=X, y=CLASS),
        "MinNetTransformer.transform": _of(_transformer, "transform", X=X),
        "MinNetTransformer.set_params": _of(_transformer, "set_params", layer=0),
        "MinNetTransformer.get_feature_names_out": _of(
            _transformer, "get_feature_names_out", input_features=None
        ),
        "Checkpoint": _new(callbacks.Checkpoint, path="night", every=60.0, resume=True),
        "History": _new(callbacks.History),
        "History.to_dict": _of(_history, "to_dict", fit=-1),
        "History.to_frame": _of(_history, "to_frame", fit=-1),
        "TensorBoard": _new(callbacks.TensorBoard, folder="runs"),
        "TimeLimit": _new(callbacks.TimeLimit, seconds=1.0),
        "Huber": _new(losses.Huber, delta=1.0),
        "Quantile": _new(losses.Quantile, quantile=0.5),
        "Huber.check_targets": _new(
            losses.Huber().check_targets, T=Y, n_samples=30, n_outputs=2, dtype=np.dtype("float64")
        ),
        "RangeTest": lambda: Call(lab.RangeTest, dict(vars(_range_test()))),
        "find_learning_rate": lambda: Call(
            lab.find_learning_rate,
            {"model": MinNetClassifier(**_small()), "X": X.copy(), "y": CLASS.copy(),
             "sample_weight": WEIGHT.copy(), "optimizer": None, "batch_size": None, **_RANGE},
        ),
        "LearningRateDisplay": lambda: Call(displays.LearningRateDisplay, {"test": _range_test()}),
        "LearningRateDisplay.plot": _plot(lambda: displays.LearningRateDisplay(_range_test())),
        "LearningRateDisplay.from_test": _drawn(
            displays.LearningRateDisplay, "from_test", lambda: {"test": _range_test()}
        ),
        "LearningRateDisplay.from_estimator": _drawn(
            displays.LearningRateDisplay, X=X, y=CLASS, sample_weight=WEIGHT, **_RANGE
        ),
    }
)  # fmt: skip


# ---- data sets


_IMAGES = {
    "X": np.ones((6, 16)),
    "y": np.arange(6) % 3,
    "n_images": 4,
    "n_columns": 2,
    "shape": (4, 4),
}
CALLS.update(
    {
        "make_shapeset": _new(
            datasets.make_shapeset, n_samples=3, random_state=0, start=5, dtype="float32",
            return_details=False,
        ),
        "ShapesetStream": _new(
            datasets.ShapesetStream, batch_size=3, random_state=0, start=5, dtype="float32"
        ),
        "make_toy_data": _new(datasets.make_toy_data, name="spirals", n_samples=50, noise=0.1),
        "load_digits_splits": _new(datasets.load_digits_splits, dtype="float32"),
        "load_idx": _idx_file,
        "load_image_folder": _image_folder,
        "ImageGridDisplay": _new(
            datasets.ImageGridDisplay, images=np.ones((4, 3, 3)), labels=list("abab"), n_columns=2
        ),
        "ImageGridDisplay.plot": _plot(
            lambda: datasets.ImageGridDisplay(np.ones((4, 3, 3)), list("abab"), n_columns=2)
        ),
        "ImageGridDisplay.from_data": _drawn(
            datasets.ImageGridDisplay, "from_data", dict, target_names=None, **_IMAGES
        ),
    }
)  # fmt: skip
