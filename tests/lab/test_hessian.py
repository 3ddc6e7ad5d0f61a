"""minnet.lab.hessian: eigenvalues, trace and density against dense Hessians made another way."""

import copy
import importlib
import pickle
import re
import tracemalloc

import numpy as np
import pytest
from joblib import Parallel, delayed
from scipy.sparse.linalg import ArpackError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import (
    SGD,
    Adam,
    BatchNorm,
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    RMSProp,
    Trainer,
)
from minnet.lab import Hessian, Probe, Recording, SpectralDensity, hessian, probe, stability_limit
from minnet.lab.displays import SharpnessDisplay, SpectralDensityDisplay
from minnet.optimizers import AdamW, Cosine, Optimizer

X = np.random.default_rng(0).normal(size=(40, 5))
CLASS = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int) + (X[:, 2] > 0.8)
WEIGHT = np.random.default_rng(1).integers(0, 3, size=40).astype(float)


def network_of(*hidden, loss="log_loss", alpha=0.5, dtype="float64"):
    network = Network(
        [*hidden, Dense(3)], loss, alpha=alpha, bias_init={"name": "normal", "std": 0.2}
    )
    return network.initialize(5, random_state=0, dtype=dtype)


def targets(network):
    return CLASS if network.loss_.output == "softmax" else np.abs(np.eye(3)[CLASS] - 0.2)


def dense_hessian(network, T, weight=None, h=2e-4):
    """Return second differences of the objective alone, for the parameters that are trained."""
    places = [
        k
        for row in network.parameter_table
        if row.trainable
        for k in range(row.slice.start, row.slice.stop)
    ]
    before = network.params.copy()

    def objective(*steps):
        network.params[...] = before
        for k, step in steps:
            network.params[k] += step
        return network.objective(X, T, weight)

    one = {(k, s): objective((k, s * h)) for k in places for s in (1, -1)}
    here, H = objective(), np.zeros((len(places), len(places)))
    for i, k in enumerate(places):
        for j, m in enumerate(places[: i + 1]):
            both = objective((k, h), (m, h)) + objective((k, -h), (m, -h))
            sides = sum(one[which, s] for which in (k, m) for s in (1, -1))
            H[i, j] = H[j, i] = (both - sides + 2 * here) / (2 * h * h)
    network.params[...] = before
    return H


NETWORKS = {
    "tanh": network_of(Dense(4, "tanh")),
    "relu": network_of(Dense(4, "relu")),
    "gelu, squared error": network_of(Dense(3, "gelu"), loss="squared_error"),
    "softsign, poisson": network_of(Dense(3, "softsign"), loss="poisson", alpha=0),
    "batch norm": network_of(Dense(3), BatchNorm("tanh")),
    "dropout": network_of(Dense(4, "tanh"), Dropout(0.5)),
    "frozen": network_of(Dense(5, "tanh", trainable=False), Dense(3, "tanh")),
}
LONG = "dropout", "batch norm", "frozen"


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in NETWORKS],
)
def test_against_second_differences_of_the_objective(name, weight):
    network = NETWORKS[name]
    before, T = network.params.copy(), targets(network)
    expected, H = dense_hessian(network, T, weight), hessian(network, X, T, weight)
    found = H.to_dense()
    size = np.linalg.norm(expected, 2)
    np.testing.assert_allclose(found, expected, atol=3e-6 * size)
    assert H.n_parameters == len(expected)
    exact = np.linalg.eigvalsh(found)[::-1]
    n = 3
    by_size = exact[np.argsort(-np.abs(exact))[:n]]
    wanted = {
        "LA": exact[:n], "SA": exact[-n:], "LM": np.sort(by_size)[::-1],
        "BE": np.r_[exact[:2], exact[-1]],
    }  # fmt: skip
    for which, values in wanted.items():
        np.testing.assert_allclose(H.eigenvalues(n, which), values, atol=1e-5 * size)
    values, vectors = H.eigenvalues(2, return_eigenvectors=True)
    for value, v in zip(values, vectors, strict=True):
        np.testing.assert_allclose(H.matvec(v), value * v, atol=1e-4 * size)
        assert np.linalg.norm(v) == pytest.approx(1)
        assert not any(v[row.slice].any() for row in network.parameter_table if not row.trainable)
    estimate = H.trace(n_probes=H.n_parameters)
    assert estimate.value == pytest.approx(np.trace(found), rel=1e-6)
    assert estimate.standard_error == 0
    assert np.array_equal(network.params, before)


@pytest.mark.slow
def test_trace_is_right_within_its_standard_error():
    H = hessian(network_of(Dense(20, "tanh")), X, CLASS)
    exact, size = np.trace(H.to_dense()), H.n_parameters
    errors = []
    for seed in range(12):
        estimate = H.trace(size // 3, random_state=seed)
        errors.append((estimate.value - exact) / estimate.standard_error)
    assert np.abs(errors).max() < 4.5
    assert 0.5 < np.std(errors) < 1.6
    assert H.trace(10, random_state=3) == H.trace(10, random_state=3) != H.trace(10, random_state=4)


@pytest.mark.slow
def test_density_has_the_moments_of_the_spectrum():
    H = hessian(network_of(Dense(8, "tanh"), alpha=0), X, CLASS)
    exact = np.linalg.eigvalsh(H.to_dense())
    density = H.density(n_vectors=100, n_iter=12)
    for k in range(1, 5):
        of_nodes = density.weights @ density.nodes**k
        assert of_nodes == pytest.approx(np.mean(exact**k), rel=0.12)
    assert density.weights.sum() == pytest.approx(1)
    assert density.nodes.max() == pytest.approx(exact[-1], rel=1e-6)
    grid, values = density.on_grid()
    assert np.trapezoid(values, grid) == pytest.approx(1, abs=1e-4)
    near = np.mean(np.abs(exact) < 0.05 * exact[-1])
    assert density.share(-0.05 * exact[-1], 0.05 * exact[-1]) == pytest.approx(near, abs=0.06)


def test_flat_directions():
    """Adding one number to all logits changes nothing, nor do weights of an input that is always 0."""
    zeros = X.copy()
    zeros[:, 2] = 0
    network = network_of(alpha=0)
    H = hessian(network, zeros, CLASS)
    values = np.linalg.eigvalsh(H.to_dense())
    assert H.n_parameters == 18
    assert np.sum(np.abs(values) < 1e-8) == 18 - 2 * 5
    assert H.density(3, 30).share(-1e-6, 1e-6) == pytest.approx(8 / 18, abs=0.25)
    assert H.block(0).eigenvalues()[0] == pytest.approx(values[-1])


def test_blocks_are_those_of_the_matrix():
    network = network_of(Dense(4, "tanh"), Dropout(0.1), Dense(3, "relu"))
    H = hessian(network, X, CLASS)
    whole, start = H.to_dense(), 0
    for layer in 0, 2, 3:
        block = H.block(layer)
        stop = start + block.n_parameters
        part = whole[start:stop, start:stop]
        np.testing.assert_allclose(block.to_dense(), part, atol=1e-8)
        assert block.eigenvalues()[0] == pytest.approx(np.linalg.eigvalsh(part)[-1])
        _, (v,) = block.eigenvalues(return_eigenvectors=True)
        assert [i for i, of in enumerate(network.views(v)) if any(map(np.any, of.values()))] == [
            layer
        ]
        start = stop
    assert start == H.n_parameters
    with pytest.raises(
        ValueError, match="layer must be one with parameters that are trained, got 1"
    ):
        H.block(1)


def classifier(**given):
    return MinNetClassifier((6,), "tanh", solver="sgd", max_iter=3, random_state=0, **given)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("fitted", [False, True])
def test_models(fitted):
    def of(model, y=CLASS):
        return hessian(model.fit(X, y) if fitted else model, X, y).eigenvalues()[0]

    scaled = StandardScaler().fit_transform(X)
    alone = classifier().fit(scaled, CLASS) if fitted else classifier()
    expected = hessian(alone, scaled, CLASS).eigenvalues()[0]
    assert of(make_pipeline(StandardScaler(), classifier())) == pytest.approx(expected, rel=1e-5)
    named = np.array(["a", "b", "c"])[CLASS]
    assert of(classifier(), named) == pytest.approx(of(classifier()), rel=1e-9)
    regressor = MinNetRegressor(hidden_layer_sizes=(6,), alpha=0, max_iter=3, random_state=0)
    assert of(regressor, X[:, 0]) > 0
    single = hessian(classifier(), X.astype(np.float32), CLASS).eigenvalues()[0]
    assert single == pytest.approx(hessian(classifier(), X, CLASS).eigenvalues()[0], rel=1e-4)


def test_what_cannot_be():
    with pytest.raises(
        ValueError, match="y must be given: the Hessian is that of a loss, got None"
    ):
        hessian(network_of(), X, None)
    frozen = Network([Dense(3, trainable=False)]).initialize(5, random_state=0)
    with pytest.raises(
        ValueError, match="model must have a layer that is trained, got frozen ones"
    ):
        hessian(frozen, X, CLASS)
    H = hessian(network_of(), X, CLASS)
    with pytest.raises(
        ValueError, match="n must be a whole number of at least 1 and at most 18, got 19"
    ):
        H.eigenvalues(19)
    with pytest.raises(ValueError, match="which must be 'LA', 'SA', 'LM' or 'BE'"):
        H.eigenvalues(1, "top")
    with pytest.raises(TypeError, match="subject must be a Subject with targets"):
        Hessian(network_of())


def test_a_diverged_network_has_nan():
    network = network_of(Dense(60, "relu"))
    network.params[:] = 1e200
    H = hessian(network, X, CLASS)
    assert np.isnan(H.eigenvalues(2)).all()
    assert np.isnan(probe(network, X, CLASS, sharpness=True).sharpness)


# ---- sharpness

STEPS = {
    "sgd": SGD(0.1),
    "momentum": SGD(0.1, momentum=0.8),
    "nesterov": SGD(0.1, momentum=0.8, nesterov=True),
    "adam": Adam(0.1),
    "adamw": AdamW(0.1, beta_1=0.6, weight_decay=0),
    "rmsprop": RMSProp(0.1),
    "rmsprop with momentum": RMSProp(0.1, momentum=0.5),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(("share", "grows"), [(0.97, False), (1.03, True)])
def test_above_the_limit_steps_grow(name, share, grows):
    """On a quadratic function, with the division by past gradients held where it is."""
    optimizer, params = STEPS[name].copy(), np.array([1.0])
    optimizer.prepare(params)
    divides = "adam" in name or "rmsprop" in name
    limit, sizes = stability_limit(optimizer), []
    for _ in range(400):
        if divides:  # so that it divides by 1
            optimizer.step = 10**9
            row = 1 if "adam" in name else 0
            optimizer.state[row] = 1.0 / getattr(optimizer, "beta_2", getattr(optimizer, "rho", 1))
            g = limit * share * params
            keeps = optimizer.constants()["beta_2"]
            optimizer.state[row] = (1 - (1 - keeps) * g**2) / keeps
        optimizer.update(params, limit * share * params, optimizer.learning_rate)
        sizes.append(abs(params[0]))
        if not 1e-9 < sizes[-1] < 1e9:
            break
    assert (max(sizes[-20:]) > 2 * max(sizes[:20])) == grows


def test_optimizers_of_which_no_law_is_known():
    class Own(Optimizer):
        learning_rate = 0.1

    assert np.isnan(stability_limit(None))
    assert np.isnan(stability_limit(Own()))
    assert stability_limit(SGD(0.0)) == np.inf
    with pytest.raises(TypeError, match="optimizer must be an Optimizer object or None, got 'sgd'"):
        stability_limit("sgd")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
def test_sharpness_is_the_largest_eigenvalue(weight, dtype):
    network = network_of(Dense(8, "relu"), Dense(8, "tanh"), dtype=dtype)
    m = probe(network, X, CLASS, weight, optimizer=SGD(0.5), sharpness=True)
    exact = hessian(network, X, CLASS, weight).eigenvalues()[0]
    assert m.sharpness == pytest.approx(exact, rel=1e-3)
    assert m.stability_limit == 4
    assert f"sharpness {m.sharpness:.4g} (limit 4)" in str(m)
    assert np.isnan(probe(network, X, CLASS).sharpness)


@pytest.mark.parametrize("optimizer", [Adam(0.01), RMSProp(0.01)])
def test_sharpness_as_an_optimizer_that_divides_meets_it(optimizer):
    network = network_of(Dense(4, "tanh", lr_factor=0.5))
    trainer = Trainer(network, optimizer, batch_size=40, n_iter_no_change=np.inf)
    trainer.run_epoch(X, CLASS)
    m = probe(network, X, CLASS, optimizer=trainer.optimizer, sharpness=True)
    _, g = network.loss_and_grad(X, CLASS)
    after, step = trainer.optimizer.state[-1], trainer.optimizer.step + 1
    keeps = optimizer.constants()["beta_2"]
    v = keeps * after + (1 - keeps) * g**2
    if isinstance(optimizer, Adam):
        v /= 1 - keeps**step
    P, rows = np.sqrt(v) + 1e-8, network.parameter_table
    scale = np.concatenate([np.sqrt(row.lr_factor / P[row.slice]) for row in rows])
    H = hessian(network, X, CLASS).to_dense()
    exact = np.linalg.eigvalsh(scale[:, None] * H * scale)[-1]
    assert m.sharpness == pytest.approx(exact, rel=2e-3)


def full_batch(rate, **given):
    T = np.sin(2 * X[:, :3])
    layers = [Dense(16, "tanh"), Dense(16, "tanh"), Dense(3)]
    network = Network(layers, "squared_error").initialize(5, random_state=0)
    watch = Probe(X, T, steps=100, **given)
    trainer = Trainer(network, SGD(rate), batch_size=40, n_iter_no_change=np.inf)
    trainer.fit(X, T, max_epochs=10**6, callbacks=[watch, lambda t: t.n_epochs == 1000])
    return watch.recording, network


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.2, 0.3])
def test_gradient_descent_goes_to_the_edge_of_stability(rate):
    recording, network = full_batch(rate, sharpness=True)
    limit = 2 / rate
    assert (recording.stability_limits == limit).all()
    assert recording.sharpness[-5:] == pytest.approx(limit, rel=0.1)
    assert recording.losses[-1] < recording.losses[-4]
    unwatched = full_batch(rate)[1]
    assert np.array_equal(network.params, unwatched.params)


def test_the_limit_follows_the_schedule(tmp_path):
    network = network_of(Dense(4, "tanh"))
    watch = Probe(X, CLASS, steps=1, sharpness=True)
    trainer = Trainer(network, SGD(0.1), batch_size=20, learning_rate=Cosine(n_steps=8))
    trainer.fit(X, CLASS, max_epochs=5, callbacks=[watch, lambda trainer: trainer.n_epochs == 4])
    rates = [Cosine(n_steps=8).rates(0.1, 0.1, step, 1, 0)[0] for step in range(9)]
    limits = watch.recording.stability_limits
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(limits, 2 / np.array(rates))
    path = tmp_path / "recording"
    watch.recording.save(path)
    again = Recording.load(path)
    assert np.array_equal(again.sharpness, watch.recording.sharpness)
    assert np.array_equal(again.stability_limits, limits)
    assert "sharpness" in str(watch.recording)
    frame = pytest.importorskip("pandas") and watch.recording.to_frame()
    assert frame["sharpness"].nunique() == 9
    assert "sharpness" not in Recording([probe(network, X, CLASS)]).to_frame()


def test_sharpness_needs_targets():
    with pytest.raises(ValueError, match="sharpness must be False where y is not given"):
        Probe(X, sharpness=True)
    with pytest.raises(ValueError, match="sharpness must be True or False, got 1"):
        probe(network_of(), X, CLASS, sharpness=1)


# ---- pictures


def test_pictures():
    plt = pytest.importorskip("matplotlib.pyplot")
    recording, _ = full_batch(0.2, sharpness=True)
    display = SharpnessDisplay.from_recording(recording)
    assert np.array_equal(display.line_.get_ydata(), recording.sharpness)
    assert set(display.limit_line_.get_ydata()) == {10.0}
    twice = SharpnessDisplay(recording.steps, recording.sharpness, np.full(11, np.nan)).plot(
        display.ax_
    )
    assert twice.limit_line_ is None
    assert twice.line_.get_color() != display.line_.get_color()
    with pytest.raises(ValueError, match="recording must have sharpness"):
        SharpnessDisplay.from_recording(Recording([probe(network_of(), X, CLASS)]))
    drawn = SpectralDensityDisplay.from_estimator(network_of(Dense(4)), X, CLASS, n_vectors=2)
    assert drawn.ax_.get_yscale() == "log"
    grid, values = drawn.density.on_grid()
    shown = np.isfinite(drawn.line_.get_ydata())
    assert np.array_equal(drawn.line_.get_xdata(), grid)
    assert np.array_equal(drawn.line_.get_ydata()[shown], values[shown])
    with pytest.raises(TypeError, match="density must be a SpectralDensity"):
        SpectralDensityDisplay(recording)
    plt.close("all")


def test_a_spectrum_that_is_one_number():
    grid, values = SpectralDensity(np.array([2.0]), np.array([1.0]), 5).on_grid()
    assert np.trapezoid(values, grid) == pytest.approx(1, abs=1e-4)


# ---- copies, threads, blocks

SHARED = hessian(
    Network([Dense(8, "relu", bias_init="zeros"), Dense(8, "relu"), Dense(3)]).initialize(5, 0),
    np.vstack([X, np.zeros((2, 5))]),
    np.r_[CLASS, 0, 1],
)


@pytest.mark.parametrize("part", [None, 0, 1])
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda H: pickle.loads(pickle.dumps(H))]
)
def test_copies_are_alike(copied, part):
    H = SHARED if part is None else SHARED.block(part)
    other = copied(H)
    v = np.random.default_rng(0).normal(size=H.network.params.size)
    assert np.array_equal(other.matvec(v), H.matvec(v))
    assert np.array_equal(other.eigenvalues(2), H.eigenvalues(2))
    assert repr(other) == repr(H)


def test_work_that_threads_share():
    expected = [SHARED.block(i).eigenvalues(3) for i in range(3)]
    tasks = (delayed(SHARED.block(i).eigenvalues)(3) for i in range(3))
    for found, right in zip(Parallel(3, backend="threading")(tasks), expected, strict=True):
        assert np.array_equal(found, right)


@pytest.mark.parametrize("first", range(3))
@pytest.mark.parametrize("second", range(3))
def test_a_block_of_a_block_is_that_of_the_whole(first, second):
    found, expected = SHARED.block(first).block(second), SHARED.block(second)
    assert np.array_equal(found.gradient, expected.gradient)
    assert found.gradient.any()
    assert repr(found) == repr(expected)
    assert np.array_equal(found.trace(10).value, expected.trace(10).value)


def test_memory_of_one_vector_at_a_time():
    H = hessian(network_of(Dense(300, "tanh")), X, CLASS)
    size = H.n_parameters
    tracemalloc.start()
    H._multiply = lambda v: v
    assert H.trace(10**6) == (size, 0.0)
    assert tracemalloc.get_traced_memory()[1] < size**2
    tracemalloc.stop()


# ---- spectra that are no spectrum


@pytest.mark.parametrize("which", ["LA", "SA", "LM", "BE"])
@pytest.mark.parametrize("width", [3, 60])
def test_a_matrix_of_zeros(width, which):
    network = network_of(Dense(width, "relu"), alpha=0)
    network.layers[0].b[...] = -1e3
    H = hessian(network, X, CLASS).block(0)
    values, vectors = H.eigenvalues(3, which, return_eigenvectors=True)
    assert np.array_equal(values, np.zeros(3))
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(3))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_both_ends_by_iteration(n):
    H = hessian(network_of(Dense(9, "tanh")), X, CLASS)
    assert H.n_parameters > 40
    exact = np.linalg.eigvalsh(H.to_dense())[::-1]
    expected = np.r_[exact[: n - n // 2], exact[len(exact) - n // 2 :]]
    np.testing.assert_allclose(H.eigenvalues(n, "BE"), expected, atol=1e-4)


def test_what_does_not_converge_is_said(monkeypatch):
    def never(*args, **kwargs):
        raise ArpackError(-9)

    monkeypatch.setattr(importlib.import_module("minnet.lab.hessian"), "eigsh", never)
    with pytest.raises(RuntimeError, match="n=1 eigenvalues of a Hessian of 84 parameters could"):
        hessian(network_of(Dense(9, "tanh")), X, CLASS).eigenvalues()


@pytest.mark.parametrize("number", [1e200, np.nan])
def test_the_density_of_a_diverged_network(number):
    network = network_of(Dense(9, "relu"))
    network.params[:] = number
    density = hessian(network, X, CLASS).density(2, 5)
    assert "nan" in repr(density)
    assert "nan" in density._repr_html_()
    assert np.isnan(density.on_grid(7, 0.1)).all()
    assert np.shape(density.on_grid(7)) == (2, 7)
    assert np.isnan(density.share(-1, 1))
    with pytest.raises(ValueError, match="density must have finite nodes to be drawn"):
        SpectralDensityDisplay.from_density(density)


@pytest.mark.parametrize(
    "nodes",
    [[0.0], [-0.0], [2.0], [-3.0], [0.0, 0.0], [0.0, 5.0], [-1.0, 0.0, 1.0], [1e-300, 0.0], [5, 1]],
)
def test_shares_in_the_printed_form_have_the_sum_1(nodes):
    density = SpectralDensity(nodes, np.full(len(nodes), 1 / len(nodes)), 5)
    rows = density._rows()
    assert [rows[0], rows[-1]] == [["least", min(nodes)], ["largest", max(nodes)]]
    assert sum(share for _, share in rows[1:-1]) == pytest.approx(1 if any(nodes) else 0)
    assert not re.search(r"(?<!e)-0(?![.\d])", repr(density))
    assert "<table" in density._repr_html_()


@pytest.mark.parametrize(
    ("nodes", "weights", "n", "sentence"),
    [
        ([], [], 5, "nodes must have shape"),
        ([[1.0]], [[1.0]], 5, "nodes must have shape"),
        ("ab", [1.0], 5, "nodes must be"),
        ([1.0, 2.0], [1.0], 5, "weights must have the shape of nodes"),
        ([1.0], [2.0], 5, "weights must be at least 0 and have the sum 1"),
        ([1.0, 2.0], [2.0, -1.0], 5, "weights must be at least 0 and have the sum 1"),
        ([1.0], [np.nan], 5, "weights must be at least 0 and have the sum 1"),
        ([1.0], [1.0], 0, "n_parameters must be a whole number of at least 1, got 0"),
    ],
)
def test_a_density_is_one_from_the_beginning(nodes, weights, n, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        SpectralDensity(nodes, weights, n)
