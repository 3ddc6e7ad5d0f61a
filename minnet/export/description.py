"""What an export writes down of a model: layers, inverse link, labels."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from minnet.activations import is_own, name_of
from minnet.common.checks import check_dtype
from minnet.common.types import DTypeLike
from minnet.estimators import MinNetClassifier, MinNetRegressor, MinNetTransformer
from minnet.estimators.architecture import position_of
from minnet.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm
from minnet.links import INVERSE_LINKS
from minnet.losses import Loss
from minnet.network import Network
from minnet.piecewise import PiecewiseLinear
from minnet.residual import Add, Split

__all__ = ["Description", "Model", "describe_model", "feature_names"]

_LAYERS = (Dense, Dropout, BatchNorm, LayerNorm, PiecewiseLinear, Split, Add)

#: What can be exported.
Model: TypeAlias = MinNetClassifier | MinNetRegressor | MinNetTransformer | Network

_MODELS = (MinNetClassifier, MinNetRegressor, MinNetTransformer, Network)


@dataclass(frozen=True)
class Description:
    """A fitted model as an export sees it.

    Attributes
    ----------
    model : str
        Name of its class, of minnet's where it is a subclass.
    kind : {"binary", "multiclass", "multilabel", "regression", "transformer", "network"}
        "binary" also covers a single class.
    layers : list of Layer
        Dense, BatchNorm, LayerNorm, PiecewiseLinear, Split and Add, in order: outside training a Dropout
        does nothing.
    output : {"identity", "softmax", "logistic", "exp"}
        The inverse link from logits to predictions.
    classes : ndarray or None
        Labels, for a classifier.
    feature_names : list of str or None
    dtype : dtype
        float32 or float64.
    sizes : list of int
        Inputs, then the outputs of each layer in ``layers``.
    """

    model: str
    kind: str
    layers: list[Any]
    output: str
    classes: Any
    feature_names: list[str] | None
    dtype: np.dtype[Any]
    sizes: list[int]

    @property
    def title(self) -> str:
        """Return what it is, in a few words."""
        return f"{self.model} with {len(self.layers)} layers"

    @property
    def n_features(self) -> int:
        """Return the number of inputs."""
        return self.sizes[0]

    @property
    def n_outputs(self) -> int:
        """Return the number of outputs."""
        return self.sizes[-1]

    @property
    def is_classifier(self) -> bool:
        """Return whether there are labels."""
        return self.classes is not None


def describe_model(model: Model, dtype: DTypeLike | None = None) -> Description:
    """Return what there is to export of a model.

    Parameters
    ----------
    model : MinNetClassifier, MinNetRegressor, MinNetTransformer or Network
        Fitted, or initialized.
    dtype : {"float32", "float64"}, default=None
        What the exported model computes in; by default what the model does.

    Returns
    -------
    Description

    Raises
    ------
    NotFittedError
        If an estimator is not fitted.
    TypeError
        If ``model`` is something else, or has a part that minnet cannot write down: a layer, an
        activation or a loss of a user's own.
    ValueError
        If a network is not initialized.

    Examples
    --------
    >>> from minnet import Dense, Dropout, Network
    >>> net = Network([Dense(5, "tanh"), Dropout(), Dense(3)]).initialize(4, random_state=0)
    >>> found = describe_model(net)
    >>> found.output, found.sizes
    ('softmax', [4, 5, 3])
    """
    dtype = None if dtype is None else check_dtype(dtype)
    kind, classes, n_layers = "network", None, None
    if isinstance(model, MinNetClassifier | MinNetRegressor):
        check_is_fitted(model, "network_")
        network = model.network_
        if len(model.networks_) > 1:
            raise ValueError(
                "model must have one network for an export, as each of networks_ is, got "
                f"{type(model).__name__} with {len(model.networks_)}"
            )
        _check_methods(model)
        if isinstance(model, MinNetClassifier):
            kind, classes = model._labels.kind, model.classes_
            network = _at_temperature(network, getattr(model, "temperature_", None))
        else:
            kind = "regression"
    elif isinstance(model, MinNetTransformer):
        kind, network = "transformer", _network_within(model)
        n_layers = position_of(network.layers, model.layer) + 1
    elif isinstance(model, Network):
        network = model
        network._check_initialized()
    elif isinstance(model, Pipeline):
        raise TypeError(
            "model must be a MinNetClassifier, MinNetRegressor, MinNetTransformer or Network, got a "
            "Pipeline: skl2onnx exports those, after minnet.export.register_skl2onnx()"
        )
    else:
        raise TypeError(
            "model must be a fitted MinNetClassifier, MinNetRegressor, MinNetTransformer, Network, "
            f"TabularClassifier, TabularRegressor or TableEncoder, got {type(model).__name__}"
        )
    _check_methods(network)
    if dtype is not None and dtype != network.dtype:
        network = network.astype(dtype)
    all_layers = network.layers[:n_layers]
    if getattr(model, "target_mean_", None) is not None:
        all_layers = [*all_layers[:-1], _in_units_of_targets(all_layers[-1], model)]
    kept, sizes = [], network.sizes[:1]
    for i, layer in enumerate(all_layers):
        _check_layer(i, layer)
        if not layer.only_in_training:
            kept.append(layer)
            sizes.append(network.sizes[i + 1])
    return Description(
        model=next(cls for cls in _MODELS if isinstance(model, cls)).__name__,
        kind=kind,
        layers=kept,
        output="identity" if kind == "transformer" else _link(network.loss_),
        classes=classes,
        feature_names=feature_names(model),
        dtype=network.dtype,
        sizes=sizes,
    )


def _at_temperature(network: Network, temperature: float | None) -> Network:
    """Return a network whose logits are divided by a classifier's temperature."""
    if temperature is None:
        return network
    network = copy.deepcopy(network)
    for array in (network.layers[-1].W, network.layers[-1].b):
        array /= array.dtype.type(temperature)
    return network


def _network_within(transformer: MinNetTransformer) -> Network:
    """Return the network of a fitted transformer, which may have frozen its estimator."""
    check_is_fitted(transformer)
    _check_methods(transformer)
    estimator = transformer.estimator_
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    if not isinstance(estimator, MinNetClassifier | MinNetRegressor):
        raise TypeError(
            "an export knows the features of a MinNetClassifier or MinNetRegressor, got those of "
            f"{type(estimator).__name__}"
        )
    _check_methods(estimator)
    return estimator.network_


def _in_units_of_targets(output: Any, regressor: Any) -> Any:
    """Return the output layer of a regressor with ``scale_targets`` with the scale in its weights."""
    layer = output.copy()
    scale, mean = regressor.target_scale_, regressor.target_mean_
    layer.W = (output.W * scale).astype(output.W.dtype)
    layer.b = (output.b * scale + mean).astype(output.b.dtype)
    return layer


def _check_layer(i: int, layer: Layer) -> None:
    """Raise if a layer or its activation is not one of minnet's own."""
    if type(layer) not in _LAYERS:
        raise TypeError(
            "an export knows the layers Dense, Dropout, BatchNorm, LayerNorm, PiecewiseLinear and "
            f"Residual, got {type(layer).__name__} as layers[{i}]"
        )
    if layer.activation is not None and not is_own(layer.activation):
        name = name_of(layer.activation)
        raise TypeError(f"an export knows minnet's own activations, got {name} in layers[{i}]")


def _link(loss: Loss) -> str:
    """Return the name of the inverse link of a loss, or say that it has one of its own."""
    if type(loss).predict is not Loss.predict or loss.output not in INVERSE_LINKS:
        raise TypeError(
            f"an export knows the outputs {', '.join(INVERSE_LINKS)}, got the loss "
            f"{type(loss).__name__} with a predict of its own"
        )
    return loss.output


def _check_methods(model: Model) -> None:
    """Raise if a subclass predicts another way than the class of minnet's that it is made of."""
    base = next(cls for cls in _MODELS if isinstance(model, cls))
    for name in ("forward", "predict", "predict_proba", "activations", "transform"):
        if getattr(type(model), name, None) is not getattr(base, name, None):
            raise TypeError(
                f"an export knows {base.__name__}.{name}, got {type(model).__name__} with a "
                f"{name} of its own"
            )


def feature_names(model: Any) -> list[str] | None:
    """Return the names of the columns that a model was fitted on, if they had some."""
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else [str.__str__(name) for name in names]
