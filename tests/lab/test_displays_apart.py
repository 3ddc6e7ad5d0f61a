"""Displays beside minnet's own, without their library, and of networks that have little to show."""

import builtins
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minnet import Dense, MinNetClassifier, Network
from minnet.lab.displays import DecisionBoundaryDisplay, PhaseDiagramDisplay, VarianceByDepthDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_scikit_learns_decision_boundary():
    X = np.random.default_rng(0).normal(size=(120, 2))
    model = MinNetClassifier((8,), max_iter=5, random_state=0).fit(X, X[:, 0] > 0)
    display = DecisionBoundaryDisplay.from_estimator(model, X, grid_resolution=20)
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    assert_allclose(display.response.ravel(), model.predict_proba(grid)[:, 1])


def test_without_matplotlib(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'minnet-learn\[plot\]'"):
        PhaseDiagramDisplay.from_activation("tanh", sigma_w=[1.0], sigma_b=[0.1])


def test_variances_of_a_network_whose_output_weights_are_zeros():
    layers = [Dense(30, "tanh"), Dense(30, "tanh"), Dense(3, init="zeros")]
    network = Network(layers).initialize(8, random_state=0)
    X = np.random.default_rng(0).normal(size=(50, 8))
    y = np.arange(50) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VarianceByDepthDisplay.from_estimator(network, X, y)
    with pytest.raises(ValueError, match="not all 0"):
        VarianceByDepthDisplay.from_estimator(network, X, y, direction="backward")
