"""The pictures: what is drawn is what was measured or what the formula says."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import BatchNorm, Dense, MinNetClassifier, MinNetRegressor, Network, Trainer
from minnet.lab import Probe, displays, jacobians, probe, theory
from minnet.lab.displays import (
    ActivationHistogramDisplay,
    FirstLayerWeightsDisplay,
    GradientHistogramDisplay,
    LossSurfaceDisplay,
    PhaseDiagramDisplay,
    SaturationDisplay,
    SingularValuesDisplay,
    VarianceByDepthDisplay,
)
from minnet.lab.theory import MeanField
from minnet.layers import Layer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 36))
y = (X[:, 0] + X[:, 1] > 0).astype(int)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture(params=["default", "dark_background"])
def style(request):
    with plt.style.context(request.param):
        yield request.param


def network(activation="tanh", n_layers=3, width=40, **options):
    layers = [Dense(width, activation) for _ in range(n_layers)]
    options = {"bias_init": "zeros", **options}
    return Network([*layers, Dense(2)], **options).initialize(36, random_state=0)


def classifier(**options):
    options = {
        "activation": "tanh",
        "random_state": 0,
        "max_iter": 3,
        "n_iter_no_change": 3,
        **options,
    }
    return MinNetClassifier((20, 20), **options)


MODELS = {
    "network": network(),
    "fresh": classifier(),
    "fitted": classifier(tol=1e9, n_iter_no_change=1).fit(X, y),
    "pipeline": make_pipeline(StandardScaler(), classifier()),
}

# What makes each display of a model, with ax passed on.
MAKERS = {
    "activations": lambda model, **o: ActivationHistogramDisplay.from_estimator(model, X, y, **o),
    "activation lines": lambda model, **o: ActivationHistogramDisplay.from_estimator(
        model, X, y, kind="lines", **o
    ),
    "gradients": lambda model, **o: GradientHistogramDisplay.from_estimator(model, X, y, **o),
    "weight gradients": lambda model, **o: GradientHistogramDisplay.from_estimator(
        model, X, y, quantity="dW", **o
    ),
    "forward": lambda model, **o: VarianceByDepthDisplay.from_estimator(model, X, y, **o),
    "backward": lambda model, **o: VarianceByDepthDisplay.from_estimator(
        model, X, y, direction="backward", **o
    ),
    "singular values": lambda model, **o: SingularValuesDisplay.from_estimator(model, X, y, **o),
    "phases": lambda model, **o: PhaseDiagramDisplay.from_estimator(model, X, y, **o),
    "surface": lambda model, **o: LossSurfaceDisplay.from_estimator(model, X, y, n_points=5, **o),
    "first layer": lambda model, **o: FirstLayerWeightsDisplay.from_estimator(model, X, y, **o),
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("model", MODELS)
def test_every_display_takes_every_model_and_axes(maker, model, style):
    make, model = MAKERS[maker], MODELS[model]
    alone = make(model)
    assert alone.ax_ in alone.figure_.axes
    figure, axes = plt.subplots(1, 2)
    given = make(model, ax=axes[1])
    assert given.ax_ is axes[1]
    assert given.figure_ is figure
    assert not axes[0].has_data()
    figure.canvas.draw()


def test_every_display_is_tested():
    made = {type(make(MODELS["network"])).__name__ for make in MAKERS.values()}
    elsewhere = {"LossCurveDisplay", "SaturationDisplay", "DecisionBoundaryDisplay"}
    elsewhere |= {"LearningRateDisplay", "UpdateRatioDisplay", "SharpnessDisplay"}
    elsewhere |= {"SpectralDensityDisplay", "SweepCurvesDisplay", "SweepMapDisplay"}
    assert made | elsewhere == set(displays.__all__)


@pytest.mark.parametrize("maker", MAKERS)
def test_text_is_seen_on_every_background(maker, style):
    figure = MAKERS[maker](MODELS["network"]).figure_
    background = matplotlib.colors.to_rgb(figure.get_facecolor())
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    assert texts
    for text in texts:
        color = matplotlib.colors.to_rgb(text.get_color())
        assert np.abs(np.subtract(color, background)).max() > 0.5, text
    assert all(
        ax.get_xlabel() for ax in figure.axes if ax.has_data() and ax.get_label() != "<colorbar>"
    )


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("n_layers", [1, 7])
def test_legends_and_notes_keep_off_what_is_drawn(maker, n_layers):
    display = MAKERS[maker](network(n_layers=n_layers, init="standard"))
    display.figure_.canvas.draw()
    texts = [*display.ax_.texts] if hasattr(display, "patches_") else []
    legend = display.ax_.get_legend()
    boxes = [part.get_window_extent() for part in ([*texts, legend] if legend else texts)]
    drawn = [line.get_transform().transform(line.get_xydata()) for line in display.ax_.lines]
    for patch in display.ax_.patches:
        drawn.append(patch.get_transform().transform(patch.get_path().vertices))
    for box in boxes:
        inside = [box.contains(x, y) for points in drawn for x, y in points if len(points) > 2]
        assert not any(inside)


# ---- histograms


def test_histograms_are_the_measured_ones():
    measurement = probe(MODELS["network"], X, y, n_bins=32)
    for cls, quantity in (
        (ActivationHistogramDisplay, "Y"),
        (ActivationHistogramDisplay, "Z"),
        (GradientHistogramDisplay, "dZ"),
        (GradientHistogramDisplay, "dW"),
    ):
        display = cls.from_measurement(measurement, quantity=quantity, kind="lines")
        density, edges = measurement.histogram(quantity)
        assert display.layers == measurement.layers[:3]
        assert len(display.patches_) == 3
        for i, patch in enumerate(display.patches_):
            drawn = patch.get_data()
            assert_allclose(drawn.values, density[i])
            assert_allclose(drawn.edges, edges[i])
            assert_allclose((drawn.values * np.diff(drawn.edges)).sum(), 1)
    everything = ActivationHistogramDisplay.from_measurement(measurement, hidden_only=False)
    assert everything.layers == measurement.layers


def test_ridges_are_scaled_to_their_height():
    measurement = probe(MODELS["network"], X)
    display = ActivationHistogramDisplay.from_measurement(measurement)
    for i, patch in enumerate(display.patches_):
        drawn = patch.get_data()
        heights = drawn.values - drawn.baseline
        assert drawn.baseline == 2 - i  # the first layer on top
        assert_allclose(heights / heights.max(), display.density[i] / display.density[i].max())
        assert heights.max() < 1  # no row reaches into the next
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == display.layers


def test_the_zeros_of_a_rectifier_are_cut_and_told():
    display = ActivationHistogramDisplay.from_estimator(network("relu", init="he"), X)
    share = display.density[0][0] * np.diff(display.edges[0])[0]
    assert share > 0.4
    notes = [text.get_text() for text in display.ax_.texts]
    assert notes[0].startswith(f"{share:.0%} in one bin\nsd ")
    drawn = display.patches_[0].get_data()
    assert drawn.values[1] - drawn.baseline > 0.3  # what is not zero is seen


def test_activations_need_no_targets_and_gradients_do():
    assert ActivationHistogramDisplay.from_estimator(MODELS["network"], X).quantity == "Y"
    with pytest.raises(ValueError, match="measurement must have dZ: give y"):
        GradientHistogramDisplay.from_estimator(MODELS["network"], X, None)
    with pytest.raises(ValueError, match="quantity must be 'Y' or 'Z', got 'dZ'"):
        ActivationHistogramDisplay.from_estimator(MODELS["network"], X, quantity="dZ")
    with pytest.raises(ValueError, match="kind must be 'ridges' or 'lines', got 'bars'"):
        ActivationHistogramDisplay.from_estimator(MODELS["network"], X, kind="bars")


# ---- variance by depth


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_variance_by_depth(direction):
    net = network(n_layers=5, init="standard")
    display = VarianceByDepthDisplay.from_estimator(net, X, y, direction=direction)
    measurement, prediction = probe(net, X, y), theory.predict_variances(net, X)
    if direction == "forward":
        points, line = measurement["Z", "rms"] ** 2, prediction.variances
        low, high = prediction.interval(2.0)
    else:
        points, line = (
            (measurement["dZ", "rms"] / measurement["dZ", "rms"][4]) ** 2,
            prediction.gradient_variances,
        )
        low, high = prediction.gradient_interval(2.0)
    assert_allclose(display.points_.get_ydata(), points[:5])
    assert_allclose(display.line_.get_ydata(), line[:5])
    assert_allclose(display.points_.get_xdata(), [1, 2, 3, 4, 5])
    band = display.band_.get_paths()[0].vertices
    for i in range(5):
        here = band[band[:, 0] == i + 1, 1]
        assert_allclose([here.min(), here.max()], [low[i], high[i]])
    assert (low[:5] <= line[:5]).all()
    assert (line[:5] <= high[:5]).all()
    bottom, top = display.ax_.get_ylim()
    assert bottom < min(low[:5])
    assert top > max(high[:5])


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("model", MODELS)
def test_several_networks(model, direction):
    """The given one and others of its kind, each drawn anew, and how many of their layers are inside."""
    model, options = MODELS[model], {"direction": direction}
    alone = VarianceByDepthDisplay.from_estimator(model, X, y, **options)
    assert alone.other_lines_ == []
    display = VarianceByDepthDisplay.from_estimator(model, X, y, n_networks=6, color="k", **options)
    again = VarianceByDepthDisplay.from_estimator(model, X, y, n_networks=6, **options)
    assert_allclose(display.points_.get_ydata(), alone.points_.get_ydata())
    drawn = np.array([line.get_ydata() for line in display.other_lines_])
    assert drawn.shape == (5, len(display.layers))
    assert_allclose(drawn, [line.get_ydata() for line in again.other_lines_])
    low, high = display.low[direction], display.high[direction]
    counted = low < high
    both = np.vstack([alone.measured[direction], drawn])[:, counted]
    assert len(np.unique(both[:, 0])) == 6  # no network twice
    inside = np.mean([(low[counted] <= row) & (row <= high[counted]) for row in both])
    assert display.share_in_band(direction) == pytest.approx(inside)
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend[-1] == f"5 networks more: {inside:.0%} in the band"
    bottom, top = display.ax_.get_ylim()
    assert bottom < drawn.min()
    assert top > drawn.max()
    for part in (display.line_, display.points_, *display.other_lines_):
        assert part.get_color() == "k"


def test_networks_that_look_at_data_are_drawn_as_they_start():
    net = (
        Network([Dense(30, "tanh", init="lsuv"), Dense(2)]).initialize(36, random_state=0).adapt(X)
    )
    before = net.params.copy()
    display = VarianceByDepthDisplay.from_estimator(net, X, n_networks=4)
    assert_allclose(display.others["forward"], display.measured["forward"][0], rtol=0.1)
    assert (net.params == before).all()


def test_only_the_points_of_a_users_layer():
    class Scaled(Layer):
        def forward(self, X, ctx):
            ctx.Z = ctx.Y = 2 * X
            return ctx.Y

        def backward(self, dY, ctx):
            ctx.dZ = dY
            return 2 * dY

    net = Network([Dense(30, "tanh"), Scaled(), Dense(30, "tanh"), Dense(2)]).initialize(
        36, random_state=0
    )
    display = VarianceByDepthDisplay.from_estimator(net, X, y)
    assert np.isfinite(display.points_.get_ydata()).all()
    assert np.isfinite(display.line_.get_ydata()).tolist() == [True, False, False]


def test_bad_directions():
    with pytest.raises(ValueError, match="going backward y must be given"):
        VarianceByDepthDisplay.from_estimator(MODELS["network"], X, direction="backward")
    with pytest.raises(ValueError, match="direction must be 'forward' or 'backward', got 'up'"):
        VarianceByDepthDisplay.from_estimator(MODELS["network"], X, direction="up")
    with pytest.raises(ValueError, match="estimator must have a hidden layer"):
        VarianceByDepthDisplay.from_estimator(Network([Dense(2)]).initialize(36), X)


def test_one_hidden_layer():
    display = VarianceByDepthDisplay.from_estimator(network(n_layers=1), X, y)
    assert display.points_.get_ydata().shape == (1,)
    display.figure_.canvas.draw()


# ---- training


def record(net):
    watch = Probe(X, steps=[0, 3, 9])
    Trainer(net, "sgd", batch_size=40, n_iter_no_change=np.inf).fit(
        X, y, max_epochs=3, callbacks=[watch]
    )
    return watch.recording


def test_saturation_is_the_recorded_one():
    recording = record(network(init={"name": "normal", "std": 0.4}))
    display = SaturationDisplay.from_recording(recording)
    assert len(display.lines_) == 3
    for i, line in enumerate(display.lines_):
        assert_allclose(line.get_xdata(), [0, 3, 9])
        assert_allclose(line.get_ydata(), recording["saturated"][:, i])
    activations = SaturationDisplay.from_recording(recording, kind="activations")
    for i, (line, markers) in enumerate(zip(activations.lines_, activations.markers_, strict=True)):
        assert_allclose(line.get_ydata(), recording["Y", "sd"][:, i])
        assert_allclose(markers.get_ydata(), recording["Y", "p98"][:, i])
    figure, ax = plt.subplots()
    assert SaturationDisplay.from_recording(recording, ax=ax, kind="dead").figure_ is figure


def test_saturation_of_an_estimator_trains_a_clone():
    model = classifier(max_iter=4)
    display = SaturationDisplay.from_estimator(model, X, y, steps=2)
    assert not hasattr(model, "network_")
    assert display.steps.tolist() == [0, 2, 4]
    piped = SaturationDisplay.from_estimator(make_pipeline(StandardScaler(), model), X, y, steps=2)
    assert piped.values["sd"].shape == (3, 2)
    assert not np.allclose(piped.values["sd"], display.values["sd"], rtol=1e-9)


def test_bad_recordings():
    with pytest.raises(TypeError, match="estimator must be one that trains itself, got a Network"):
        SaturationDisplay.from_estimator(network(), X, y)
    recording = record(network("relu"))
    with pytest.raises(ValueError, match="kind must be 'activations' or 'dead'"):
        SaturationDisplay.from_recording(recording)
    with pytest.raises(
        ValueError, match="kind must be 'saturated', 'activations' or 'dead', got 'x'"
    ):
        SaturationDisplay.from_recording(recording, kind="x")
    with pytest.raises(ValueError, match="recording must have at least one measurement"):
        SaturationDisplay.from_recording(recording[:0])


# ---- singular values


def test_singular_values_are_those_of_the_jacobians():
    net = network()
    display = SingularValuesDisplay.from_estimator(net, X, n_samples=3)
    expected = jacobians(net, X, n_samples=3, random_state=0)
    for values, of_layer in zip(display.values, expected.layers, strict=False):
        assert_allclose(values, of_layer)
    for i, patch in enumerate(display.patches_):
        drawn = patch.get_data()
        heights = (drawn.values - drawn.baseline) / (drawn.values - drawn.baseline).max()
        counts = np.histogram(display.values[i], drawn.edges)[0]
        assert_allclose(heights, counts / counts.max(), atol=1e-12)


@pytest.mark.parametrize("law", ["weights", "jacobian"])
def test_the_law_is_on_the_scale_of_the_histogram(law):
    """A linear network of square layers has the quarter circle, whichever law is asked for."""
    net = network("identity", 2, 36)
    display = SingularValuesDisplay.from_estimator(net, X, law=law, n_bins=20)
    assert_allclose(display.ratios, 1)
    for i, line in enumerate(display.lines_):
        patch = display.patches_[i].get_data()
        unit = display.values[i].size * np.diff(patch.edges)[0]
        counts = np.histogram(display.values[i], patch.edges)[0]
        top = counts.argmax()
        scale = (patch.values[top] - patch.baseline) / (counts[top] / unit)  # height of density 1
        x, heights = line.get_data()
        circle = theory.quarter_circle(x, display.scales[i])
        seen = np.isfinite(heights) & (x > 0.1) & (x < 1.5)
        assert_allclose((heights - patch.baseline)[seen] / scale, circle[seen], atol=0.02)


def test_zeros_are_told_and_laws_may_be_left_out():
    display = SingularValuesDisplay.from_estimator(network("relu"), X, law=None)
    assert display.lines_ == []
    zeros = np.mean(display.values[1] < 1e-9)
    assert 0.2 < zeros < 0.8
    assert display.ax_.texts[1].get_text().startswith(f"{zeros:.0%} are 0\nmean ")
    with pytest.raises(ValueError, match="law must be 'jacobian', 'weights' or None, got 'x'"):
        display.plot(law="x")


# ---- the phase diagram


def test_the_phase_diagram_is_mean_field_theory():
    sigma_w, sigma_b = [0.7, 1.2, 1.6, 2.5], [0.1, 0.3, 0.8]
    display = PhaseDiagramDisplay.from_activation("tanh", sigma_w=sigma_w, sigma_b=sigma_b)
    for i, b in enumerate(sigma_b):
        for j, w in enumerate(sigma_w):
            assert_allclose(display.chi[i, j], MeanField("tanh", w**2, b**2).chi(), rtol=5e-3)
    relu = PhaseDiagramDisplay.from_activation("relu", sigma_w=sigma_w, sigma_b=sigma_b)
    assert_allclose(relu.chi, np.square([sigma_w] * 3) / 2, rtol=1e-9)


def test_the_critical_line():
    display = PhaseDiagramDisplay.from_activation("tanh")
    line = np.concatenate([path.vertices for path in display.critical_.get_paths()])
    for b2, w2 in ((0.05, 1.76095), (0.1, 1.98607), (0.3, 2.50513)):
        order = np.argsort(line[:, 1])
        at = np.interp(np.sqrt(b2), line[order, 1], line[order, 0])
        assert_allclose(at, np.sqrt(w2), rtol=5e-3)
    names = [text.get_text().split(":")[0] for text in display.ax_.texts]
    assert {"ordered", "chaotic"} <= set(names)


def test_you_are_here():
    net = network(
        n_layers=4,
        init={"name": "lecun_normal", "gain": 1.3},
        bias_init={"name": "normal", "std": 0.4},
    )
    display = PhaseDiagramDisplay.from_estimator(net)
    weights = [layer.W for layer in net.layers[1:4]]
    assert_allclose(display.points_.get_xdata(), [np.sqrt(40) * W.std() for W in weights])
    assert_allclose(display.points_.get_xdata(), 1.3, rtol=0.1)
    assert_allclose(display.points_.get_ydata(), 0.4, rtol=0.4)
    assert "you are here (3 layers)" in [text.get_text() for text in display.ax_.texts]


def test_networks_without_a_place_in_the_diagram():
    mixed = Network([Dense(9, "tanh"), Dense(9, "relu"), Dense(2)]).initialize(36, random_state=0)
    normed = Network([Dense(9), BatchNorm("relu"), Dense(2)]).initialize(36, random_state=0)
    for net in (mixed, normed):
        with pytest.raises(
            ValueError, match="hidden Dense layers of one activation and no normalization"
        ):
            PhaseDiagramDisplay.from_estimator(net)
    with pytest.raises(ValueError, match="sigma_w must be numbers of at least 0"):
        PhaseDiagramDisplay.from_activation("tanh", sigma_w=[-1.0, 2.0])


# ---- the loss surface


@pytest.mark.parametrize("kind", ["contour", "surface"])
def test_the_loss_surface_is_the_loss(kind):
    net = network(n_layers=1, width=3)
    before = net.params.copy()
    display = LossSurfaceDisplay.from_estimator(
        net, X, y, weights=[(0, (4, 1)), (1, (2, 0))], loss=["log_loss", "squared_error"], n_points=7,
        span=2.0, kind=kind,
    )  # fmt: skip
    assert (net.params == before).all()
    assert list(display.losses) == ["cross-entropy", "quadratic cost"]
    assert len(display.axes_) == 2
    assert_allclose(display.losses["cross-entropy"][3, 3], net.objective(X, y))
    moved = network(n_layers=1, width=3)
    moved.layers[0].W[4, 1], moved.layers[1].W[2, 0] = display.x[1], display.y[6]
    assert_allclose(display.losses["cross-entropy"][6, 1], moved.objective(X, y))
    P = moved.predict(X)
    quadratic = 0.5 * np.square(P - np.eye(2)[y]).sum(axis=1).mean()
    assert_allclose(display.losses["quadratic cost"][6, 1], quadratic)
    assert display.labels == ("weight W[4, 1] of layer 0", "weight W[2, 0] of layer 1")
    assert all(ax.name == ("3d" if kind == "surface" else "rectilinear") for ax in display.axes_)


def test_directions_and_regression():
    model = MinNetRegressor(hidden_layer_sizes=(5,), activation="tanh", random_state=0)
    net = Network([Dense(5, "tanh"), Dense(1)], loss="squared_error").initialize(36, random_state=0)
    d = np.zeros((2, net.params.size))
    d[0, 0], d[1] = 1, 0.1
    display = LossSurfaceDisplay.from_estimator(net, X, X[:, 0], directions=d, n_points=5, span=1.0)
    moved = net.astype("float64")
    moved.params[...] = net.params + display.x[4] * d[0] + display.y[0] * d[1]
    assert_allclose(display.losses["quadratic cost"][0, 4], moved.objective(X, X[:, 0]))
    weighted = LossSurfaceDisplay.from_estimator(model, X, X[:, 0], n_points=3)
    assert list(weighted.losses) == ["quadratic cost"]


def test_axes_for_several_losses():
    net, both = network(n_layers=1, width=3), ["log_loss", "squared_error"]
    axes = plt.subplots(1, 2)[1]
    display = LossSurfaceDisplay.from_estimator(net, X, y, loss=both, n_points=3, ax=axes)
    assert list(display.axes_) == list(axes)
    _, one = plt.subplots()
    divided = LossSurfaceDisplay.from_estimator(net, X, y, loss=both, n_points=3, ax=one)
    assert not one.axison
    assert all(ax.get_figure() is one.get_figure() for ax in divided.axes_)
    with pytest.raises(ValueError, match="ax must be one axes or 2 of them, got 3"):
        LossSurfaceDisplay.from_estimator(
            net, X, y, loss=both, n_points=3, ax=plt.subplots(1, 3)[1]
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"weights": [(5, (0, 0)), (1, (0, 0))]},
            r"weights must name layers with W, one of \[0, 1\], got 5",
        ),
        (
            {"weights": [(0, (99, 0)), (1, (0, 0))]},
            r"weights must be places in W of shape \(36, 3\)",
        ),
        ({"directions": [np.ones(3), np.ones(3)]}, "directions must be two arrays of shape"),
        ({"directions": [], "weights": []}, "weights must be None where directions are given"),
        (
            {"loss": "hinge"},
            "loss must be 'squared_error', a Loss, or for a classifier 'log_loss', got 'hinge'",
        ),
        ({"span": 0}, "span must be a finite number above 0, got 0"),
        ({"kind": "map"}, "kind must be 'contour' or 'surface', got 'map'"),
    ],
)
def test_bad_planes(options, message):
    with pytest.raises(ValueError, match=message):
        LossSurfaceDisplay.from_estimator(network(n_layers=1, width=3), X, y, n_points=3, **options)


# ---- weights


def test_first_layer_weights():
    net = network(width=30)
    display = FirstLayerWeightsDisplay.from_estimator(net, n_images=7)
    assert display.images.shape == (7, 6, 6)
    for image, unit in zip(display.images, display.units, strict=True):
        assert_allclose(image.ravel(), net.layers[0].W[:, unit])
    left_out = np.delete(np.linalg.norm(net.layers[0].W, axis=0), display.units)
    assert left_out.max() <= np.linalg.norm(display.images, axis=(1, 2)).min()
    tiled = np.asarray(display.im_.get_array().filled(np.nan))
    assert np.isfinite(tiled).sum() == 7 * 36
    assert_allclose(tiled[:6, :6], display.images[0])
    assert display.im_.get_clim() == (-np.abs(display.images).max(), np.abs(display.images).max())


def test_shapes_of_images():
    display = FirstLayerWeightsDisplay.from_estimator(network(), shape=(4, 9))
    assert display.images.shape == (25, 4, 9)
    with pytest.raises(
        ValueError,
        match=r"shape must be \(height, width\) with the 36 features in it, got \(5, 5\)",
    ):
        FirstLayerWeightsDisplay.from_estimator(network(), shape=(5, 5))
    odd = Network([Dense(3)]).initialize(7)
    with pytest.raises(ValueError, match="with the 7 features in it"):
        FirstLayerWeightsDisplay.from_estimator(odd)
    with pytest.raises(ValueError, match="n_images must be a whole number of at least 1, got 0"):
        FirstLayerWeightsDisplay.from_estimator(network(), n_images=0)
