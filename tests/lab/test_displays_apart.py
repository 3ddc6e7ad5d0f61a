"""Displays beside minnet's own, without their library, and of networks that have little to show."""

import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minnet import Dense, MinNetClassifier, Network
from minnet.lab.displays import (
    DecisionBoundaryDisplay,
    PhaseDiagramDisplay,
    SaturationDisplay,
    SingularValuesDisplay,
    VarianceByDepthDisplay,
)

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
    monkeypatch.setitem(sys.modules, "matplotlib", None)
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


def test_orthogonal_layers_have_their_own_law_of_singular_values():
    """Not that of independent weights: the singular values are the slopes, times one number."""
    X = np.random.default_rng(0).normal(size=(20, 300))
    widths, init = (300, 200, 250), "orthogonal"
    layers = [*(Dense(width, "tanh") for width in widths), Dense(2)]
    network = Network(layers, init=init).initialize(300, random_state=0)
    display = SingularValuesDisplay.from_estimator(network, X, n_samples=10, n_bins=12)
    assert display.orthogonal.tolist() == [True, True, True]
    assert len(display.lines_) == 2  # none is known of the layer that widens
    for row, line in enumerate(display.lines_):
        patch = display.patches_[row].get_data()
        heights = patch.values - patch.baseline
        x, drawn = line.get_data()
        assert_allclose(x, np.repeat(patch.edges, 2)[1:-1])  # mean densities, bin by bin
        law = np.nan_to_num(drawn - patch.baseline)
        assert abs(law - np.repeat(heights, 2)).max() < 0.2 * heights.max()
    assert len(display.plot(law="weights").lines_) == 0
    normal = Network(layers, init="lecun_normal").initialize(300, random_state=0)
    assert not SingularValuesDisplay.from_estimator(normal, X, n_samples=1).orthogonal.any()


@pytest.mark.parametrize("batch_size", ["auto", 16])
def test_saturation_is_measured_often_enough_for_a_curve(batch_size):
    """However short the training: by time alone, it would have two points."""
    X = np.random.default_rng(0).normal(size=(200, 10))
    model = MinNetClassifier(
        (20, 20), "tanh", batch_size=batch_size, max_iter=40, n_iter_no_change=5, tol=1.0,
        random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        display = SaturationDisplay.from_estimator(model, X, X[:, 0] > 0)
    last = display.steps[-1]
    assert last <= 10 * (1 if batch_size == "auto" else 13)  # of at most 40 epochs
    assert len(display.steps) >= min(last, 15)
    assert np.diff(display.steps).max() <= max(1, last // 4)


def test_saturation_of_a_solver_without_steps():
    X = np.random.default_rng(0).normal(size=(50, 3))
    model = MinNetClassifier((5,), "tanh", solver="lbfgs")
    with pytest.raises(
        ValueError, match=r"solver must be 'sgd' or 'adam' for a Probe .* got 'lbfgs'"
    ):
        SaturationDisplay.from_estimator(model, X, X[:, 0] > 0)
