"""Weights taken over from another model."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    copy_weights,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)


def network(*layers, key=0, dtype="float64"):
    return Network(list(layers)).initialize(4, random_state=key, dtype=dtype)


def trained():
    layers = [Dense(6, "tanh"), BatchNorm("relu"), Dropout(0.3), Dense(5, "relu")]
    est = MinNetClassifier(layers=layers, max_iter=5, n_iter_no_change=9, random_state=1)
    return est.fit(X, Y)


def test_all_layers_make_the_same_network():
    source = trained()
    target = clone(source).set_params(random_state=2).initialize(X, Y)
    assert (target.predict_proba(X) != source.predict_proba(X)).any()
    labels = copy_weights(source, target)
    assert labels == [
        "layers[0].W", "layers[0].b", "layers[1].gamma", "layers[1].beta", "layers[1].running_mean",
        "layers[1].running_var", "layers[3].W", "layers[3].b", "layers[4].W", "layers[4].b",
    ]  # fmt: skip
    assert_array_equal(target.predict_proba(X), source.predict_proba(X))


@pytest.mark.parametrize(
    ("layers", "pairs"),
    [(1, {0: 0}), (0, {}), ([0], {0: 0}), ([-1], {2: 2}), ({2: 1, 0: 0}, {0: 0, 2: 1})],
)
def test_some_layers_are_copied_and_no_others(layers, pairs):
    source = network(Dense(4, "tanh"), Dense(4), Dense(4), key=1)
    target = network(Dense(4, "relu"), Dense(4, "tanh"), Dense(4), key=2, dtype="float32")
    before = target.params.copy()
    copy_weights(source, target, layers)
    for i, layer in enumerate(target.layers):
        if i in pairs:
            assert_array_equal(layer.W, source.layers[pairs[i]].W.astype("float32"))
        else:
            assert_array_equal(layer.W, target.views(before)[i]["W"])


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            None,
            "layers must say which ones to copy where target has 2 layers and source 3, got None",
        ),
        (3, "layers must be from 0 to 2, got 3"),
        (-1, "layers must be from 0 to 2, got -1"),
        (
            [0, 1],
            r"equal shape in both networks, got W \(5, 3\), b \(3,\) as layers\[1\] of target",
        ),
        ([7], "layers must have numbers from -2 to 1 for target, got 7"),
        ({0: 3}, "layers must have numbers from -3 to 2 for source, got 3"),
        ([0.5], "layers must have numbers from -2 to 1 for target, got 0.5"),
        (True, "layers must be None, a number, a list or a dictionary, got True"),
        ("all", "layers must be None, a number, a list or a dictionary, got 'all'"),
    ],
)
def test_what_does_not_fit_copies_nothing(layers, message):
    source = network(Dense(5), Dense(4), Dense(3), key=1)
    target = network(Dense(5), Dense(3), key=2)
    before = target.params.copy()
    with pytest.raises((TypeError, ValueError), match=message):
        copy_weights(source, target, layers)
    assert_array_equal(target.params, before)


def test_models_without_weights():
    net = network(Dense(3))
    with pytest.raises(
        NotFittedError, match="source must have weights: call its fit or initialize"
    ):
        copy_weights(MinNetClassifier(), net)
    with pytest.raises(NotFittedError, match="target must have weights: call its initialize"):
        copy_weights(net, Network([Dense(3)]))
    with pytest.raises(TypeError, match="target must be a Network or a fitted estimator of minnet"):
        copy_weights(net, np.zeros(3))


def test_initialize_is_the_beginning_of_fit():
    params = {"hidden_layer_sizes": (5,), "random_state": 3, "max_iter": 4, "n_iter_no_change": 9}
    for cls, y in ((MinNetClassifier, Y), (MinNetRegressor, X[:, 0])):
        fit = cls(**params).fit(X, y)
        begun = cls(**params, warm_start=True).initialize(X, y)
        assert begun.n_iter_ == 0
        assert begun.fit_info_["random_key"] == fit.fit_info_["random_key"]
        assert_array_equal(begun.fit(X, y).network_.params, fit.network_.params)
        stepwise = cls(**params).initialize(X, y)
        for _ in range(4):
            stepwise.partial_fit(X, y)
        assert_array_equal(stepwise.network_.params, fit.network_.params)


def test_initialize_that_fails_leaves_the_fit():
    est = trained()
    before = dict(vars(est))
    with pytest.raises(ValueError, match="NaN"):
        est.initialize(X * np.nan, Y)
    assert vars(est) == before


def test_frozen_layers_that_were_copied_stay():
    source = trained()
    layers = [Dense(6, "tanh", trainable=False), BatchNorm("relu")]
    est = MinNetClassifier(layers=layers, warm_start=True, max_iter=5, random_state=0)
    copy_weights(source, est.initialize(X, X[:, 3] > 0), layers=2)
    start = est.network_.params.copy()
    est.fit(X, X[:, 3] > 0)
    assert_array_equal(est.coefs_[0], source.coefs_[0])
    assert (est.network_.params != start).any()
