"""The size of the steps beside that of the weights: drawn is what training then does."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Adam, BatchNorm, Dense, MinNetClassifier, MinNetRegressor, Network, Trainer
from minnet.lab import Probe, Recording
from minnet.lab.displays import UpdateRatioDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

matplotlib = pytest.importorskip("matplotlib")
plt = pytest.importorskip("matplotlib.pyplot")

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 8))
y = (X[:, 0] > 0).astype(int)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def recorded(network, optimizer="adam", given=y, epochs=4, **options):
    """Return what a probe saw in each step on all rows, and the weights of all Dense layers, by step."""
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    weights = [[layer.W.copy() for layer in dense]]

    def note(trainer):
        weights.append([layer.W.copy() for layer in dense])
        return False

    probe = Probe(X, given, steps=1)
    trainer = Trainer(network, optimizer, batch_size=len(X), n_iter_no_change=np.inf, **options)
    trainer.fit(X, y, max_epochs=epochs, callbacks=[probe, note])
    return probe.recording, weights


def networks():
    plain = [Dense(7, "tanh"), Dense(6, "tanh"), Dense(2)]
    normalized = [Dense(7), BatchNorm("relu"), Dense(2)]
    for name, layers in {"plain": plain, "normalized": normalized}.items():
        yield name, Network(layers).initialize(8, random_state=0)


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam(0.01)], ids=["sgd", "adam"])
@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.01}, {"clip_value": 1e-4}], ids=str)
@pytest.mark.parametrize("name", ["plain", "normalized"])
def test_it_is_the_step_that_training_then_takes(optimizer, options, name):
    """Of a training in full batch, whose rows are those of the probe."""
    recording, weights = recorded(dict(networks())[name], optimizer, **options)
    display = UpdateRatioDisplay.from_recording(recording)
    made = [
        [np.linalg.norm(b - a) / np.linalg.norm(a) for a, b in zip(before, after, strict=True)]
        for before, after in pairwise(weights)
    ]
    assert display.values.shape == (5, len(weights[0]))  # a column for each layer with weights
    assert_allclose(display.values[:4], made, rtol=1e-6)
    for i, line in enumerate(display.lines_):
        assert_allclose(line.get_xdata(), [0, 1, 2, 3, 4])
        assert_allclose(line.get_ydata(), display.values[:, i])


MODELS = {
    "classifier": MinNetClassifier((5,), max_iter=2, random_state=0),
    "regressor": MinNetRegressor(hidden_layer_sizes=(5,), solver="sgd", max_iter=2, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), MinNetClassifier((5,), max_iter=2, random_state=0)),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rows", [None, slice(20, 40)], ids=["first rows", "rows of a user"])
@pytest.mark.parametrize("form", [np.asarray, list], ids=["array", "list"])
def test_of_an_estimator_a_clone_is_trained(model, rows, form):
    model = MODELS[model]
    given = {} if rows is None else {"X_probe": form(X[rows]), "y_probe": form(y[rows])}
    display = UpdateRatioDisplay.from_estimator(model, form(X), form(y), steps=1, **given)
    last = model[-1] if hasattr(model, "steps") else model
    assert not hasattr(last, "network_")
    data = StandardScaler().fit_transform(X) if last is not model else X
    watch = Probe(data if rows is None else data[rows], y if rows is None else y[rows], steps=1)
    clone(last).set_callbacks(watch).fit(data, y)
    assert_allclose(display.values, watch.recording["update_ratio"])


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("reference", [1e-3, 0.5, None])
def test_the_line_and_all_curves_are_inside(style, reference):
    with plt.style.context(style):
        _, axes = plt.subplots(1, 2)
        display = UpdateRatioDisplay.from_recording(
            recorded(dict(networks())["plain"])[0], ax=axes[1], reference=reference
        )
        assert display.ax_ is axes[1]
        assert not axes[0].has_data()
        low, high = display.ax_.get_ylim()
        drawn = [display.values.min(), display.values.max(), *([reference] if reference else [])]
        assert low < min(drawn)
        assert high > max(drawn)
        line = display.reference_line_
        assert line is None if reference is None else line.get_ydata()[0] == reference
        assert display.ax_.get_yscale() == "log"
        background = matplotlib.colors.to_rgb(display.figure_.get_facecolor())
        for text in display.figure_.findobj(matplotlib.text.Text):
            color = matplotlib.colors.to_rgb(text.get_color())
            assert not text.get_text() or np.abs(np.subtract(color, background)).max() > 0.5


@pytest.mark.parametrize("beside", [True, False], ids=["beside it", "on it"])
@pytest.mark.parametrize("first", [1e-7, 10.0])
def test_what_is_drawn_on_the_same_axis_stays_inside(beside, first):
    """Two trainings are compared on one axis, in either order."""
    _, axes = plt.subplots(1, 2, sharey=True)
    for i, size in enumerate((first, 1e-3)):
        values = np.full((2, 1), size)
        UpdateRatioDisplay([0, 1], values, ["a"]).plot(ax=axes[i * beside], reference=None)
    low, high = axes[0].get_ylim()
    assert low < min(first, 1e-3)
    assert high > max(first, 1e-3)


def test_what_does_not_move_is_named():
    layers = [Dense(7, "tanh", lr_factor=0.0), Dense(2, init="zeros", bias_init="zeros")]
    recording, _ = recorded(Network(layers).initialize(8, random_state=0))
    display = UpdateRatioDisplay.from_recording(recording)
    assert np.isnan(display.values[0, 1])  # from zeros there is no ratio
    assert np.isfinite(display.values[1:, 1]).all()
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["0 Dense(7, tanh) (0)", "1 Dense(2)"]


def test_what_cannot_be_drawn_is_said():
    network = dict(networks())["plain"]
    recording, _ = recorded(network, given=None)
    with pytest.raises(
        ValueError, match=r"recording must have update ratios, .* given y, got none"
    ):
        UpdateRatioDisplay.from_recording(recording)
    with pytest.raises(ValueError, match="recording must have at least one measurement"):
        UpdateRatioDisplay.from_recording(Recording())
    with pytest.raises(TypeError, match="recording must be a Recording"):
        UpdateRatioDisplay.from_recording(network)
    with pytest.raises(
        TypeError, match=r"got a Network: .* draw UpdateRatioDisplay.from_recording"
    ):
        UpdateRatioDisplay.from_estimator(network, X, y)
    for given in ({"X_probe": X}, {"y_probe": y}):
        with pytest.raises(ValueError, match="X_probe and y_probe must be given together"):
            UpdateRatioDisplay.from_estimator(MODELS["classifier"], X, y, **given)
    display = UpdateRatioDisplay([0, 1], np.ones((2, 1)), ["a"])
    with pytest.raises(ValueError, match="reference must be a finite number above 0"):
        display.plot(reference=0)
    with pytest.raises(ValueError, match="no layer moves"):
        UpdateRatioDisplay([0, 1], np.zeros((2, 1)), ["a"]).plot()
