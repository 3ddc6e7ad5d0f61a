"""Measurements against numbers computed by hand from the formulas."""

import pickle
import threading

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import SGD, Adam, BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor, Network
from minnet.callbacks import Callback
from minnet.lab import Measurement, Probe, Recording, jacobians, probe
from minnet.layers import Layer
from minnet.training import Trainer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 7))
T = RNG.integers(0, 3, 120)


def a_network(dtype="float64", **options):
    layers = [Dense(11, "tanh"), Dense(6, "relu"), Dense(3)]
    options = {"bias_init": "zeros", **options}
    return Network(layers, **options).initialize(7, random_state=1, dtype=dtype)


def by_hand(network):
    """Return Z, Y and dC/ds of each sample, layer by layer, for the network of this file."""
    (W1, b1), (W2, b2), (W3, b3) = ((layer.W, layer.b) for layer in network.layers)
    Z1 = X @ W1 + b1
    Y1 = np.tanh(Z1)
    Z2 = Y1 @ W2 + b2
    Y2 = np.maximum(Z2, 0)
    Z3 = Y2 @ W3 + b3
    P = np.exp(Z3) / np.exp(Z3).sum(axis=1, keepdims=True)
    dZ3 = P - np.eye(3)[T]
    dZ2 = dZ3 @ W3.T * (Z2 > 0)
    dZ1 = dZ2 @ W2.T * (1 - Y1**2)
    return [Z1, Z2, Z3], [Y1, Y2, Z3], [dZ1, dZ2, dZ3]


class TestNumbers:
    def test_statistics(self):
        network = a_network()
        Z, Y, dZ = by_hand(network)
        m = probe(network, X, T)
        for name, arrays in (("Z", Z), ("Y", Y), ("dZ", dZ)):
            for statistic, function in {
                "mean": np.mean,
                "sd": np.std,
                "rms": lambda a: np.sqrt(np.mean(a**2)),
                "max": lambda a: np.abs(a).max(),
                "p2": lambda a: np.percentile(a, 2),
                "p50": np.median,
                "p98": lambda a: np.percentile(a, 98),
            }.items():
                expected = [function(a) for a in arrays]
                np.testing.assert_allclose(m[name, statistic], expected, rtol=1e-10, atol=1e-14)

    def test_weights_and_their_gradients(self):
        network = a_network(alpha=0.3)
        _, Y, dZ = by_hand(network)
        m = probe(network, X, T)
        inputs = [X, Y[0], Y[1]]
        for i, layer in enumerate(network.layers):
            dW = inputs[i].T @ dZ[i] / len(X) + 0.3 / len(X) * layer.W
            assert m["dW", "sd"][i] == pytest.approx(dW.std())
            assert m["W", "rms"][i] == pytest.approx(np.sqrt((layer.W**2).mean()))
            assert m["b", "sd"][i] == pytest.approx(layer.b.std(), abs=1e-15)

    def test_saturation_is_where_the_slope_is_small(self):
        network = a_network(init={"name": "normal", "std": 2.0})
        Z, _, _ = by_hand(network)
        m = probe(network, X, T)
        assert m["saturated"][0] == np.mean(1 - np.tanh(Z[0]) ** 2 < 0.05)
        assert np.isnan(m["saturated"][1:]).all()  # relu and identity have no two ends

    def test_dead_units(self):
        network = a_network()
        network.layers[1].b[:2] = -100
        assert probe(network, X, T)["dead"][1] == pytest.approx(2 / 6)

    @pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.1, momentum=0.9), Adam(0.01)])
    def test_update_ratio_is_that_of_the_next_step(self, optimizer):
        network = a_network()
        ratios = probe(network, X, T, optimizer=optimizer)["update_ratio"]
        before = network.params.copy()
        trainer = Trainer(network, optimizer, batch_size=len(X), shuffle=False, backend="numpy")
        trainer.run_epoch(X, T)
        moved = network.views(network.params - before)
        expected = [
            np.linalg.norm(moved[i]["W"]) / np.linalg.norm(network.views(before)[i]["W"])
            for i in range(3)
        ]
        np.testing.assert_allclose(ratios, expected, rtol=1e-9)

    def test_gradients_of_a_sample_do_not_depend_on_the_batch(self):
        network = a_network()
        once, twice = probe(network, X, T), probe(network, np.vstack([X, X]), np.tile(T, 2))
        np.testing.assert_allclose(once["dZ", "sd"], twice["dZ", "sd"], rtol=1e-12)
        np.testing.assert_allclose(once["dW", "sd"], twice["dW", "sd"], rtol=1e-12)

    def test_whole_sample_weights_are_repetitions(self):
        network = a_network()
        s = RNG.integers(1, 4, len(X))
        weighted = probe(network, X, T, sample_weight=s)
        repeated = probe(network, np.repeat(X, s, axis=0), np.repeat(T, s))
        assert weighted.loss == pytest.approx(repeated.loss)
        np.testing.assert_allclose(weighted["dW", "sd"], repeated["dW", "sd"], rtol=1e-9)

    @pytest.mark.parametrize("name", ["Z", "Y", "dZ", "dW"])
    def test_histograms(self, name):
        network = a_network()
        density, edges = probe(network, X, T, n_bins=20).histogram(name)
        np.testing.assert_allclose((density * np.diff(edges)).sum(axis=1), 1)
        if name == "Z":
            expected, _ = np.histogram(by_hand(network)[0][0], 20, density=True)
            np.testing.assert_allclose(density[0], expected)

    @pytest.mark.parametrize("width", [512, 1000])
    def test_percentiles_of_a_large_layer_are_of_all_its_units(self, width):
        # Every unit has a mean of its own: columns that are left out would show.
        network = Network([Dense(width, bias_init={"name": "normal", "std": 3.0}), Dense(3)])
        network.initialize(7, random_state=0)
        many = np.tile(X, (8, 1))
        m = probe(network, many)
        Z = many @ network.layers[0].W + network.layers[0].b
        for percent in (2, 50, 98):
            # 65,536 numbers of a density of at least 0.01 there: the third digit is uncertain.
            assert m["Z", f"p{percent}"][0] == pytest.approx(np.percentile(Z, percent), abs=0.15)
        density, edges = m.histogram("Z")
        assert (density[0] * np.diff(edges[0])).sum() == pytest.approx(1)
        assert edges[0][[0, -1]] == pytest.approx([Z.min(), Z.max()])

    def test_float32_and_sparse_input(self):
        expected = probe(a_network(), X, T)
        single = probe(a_network("float32"), X, T)
        np.testing.assert_allclose(single["dZ", "rms"], expected["dZ", "rms"], rtol=1e-4)
        csr = probe(a_network(), sparse.csr_matrix(X), T)
        np.testing.assert_allclose(csr["dW", "rms"], expected["dW", "rms"])

    def test_nothing_changes(self):
        network = Network([Dense(5), BatchNorm("tanh"), Dropout(0.5), Dense(3)])
        network.initialize(7, random_state=0)
        before = pickle.dumps(network)
        probe(network, X, T, optimizer="adam")
        jacobians(network, X, n_samples=2, random_state=0)
        assert pickle.dumps(network) == before

    def test_without_targets_nothing_backward(self):
        m = probe(a_network(), X)
        assert np.isnan(m.loss)
        assert np.isnan(m["dZ", "rms"]).all()
        assert np.isfinite(m["Z", "rms"]).all()

    def test_a_diverged_network_is_measured(self):
        network = a_network()
        network.layers[0].W[:] = np.inf
        m = probe(network, X, T)
        assert not np.isfinite(m["Z", "rms"][0])

    def test_one_row_and_constant_columns(self):
        m = probe(a_network(), np.zeros((1, 7)), [0])
        assert m["Z", "sd"][0] == 0
        density, edges = m.histogram("Z")
        assert (density[0] * np.diff(edges[0])).sum() == pytest.approx(1)


class TestRows:
    def test_which_rows_compare_by_depth(self):
        network = Network([Dense(5), BatchNorm("tanh"), Dropout(0.2), Dense(4, "relu"), Dense(3)])
        m = probe(network.initialize(7, random_state=0), X, T)
        assert m.layers == ["0 Dense(5)", "1 BatchNorm(tanh)", "3 Dense(4, relu)", "4 Dense(3)"]
        assert m.index.tolist() == [0, 1, 3, 4]
        assert m.hidden.tolist() == [False, True, True, False]
        assert m.fan_in.tolist() == [7, 5, 5, 4]
        assert np.isnan(m["dW", "rms"][1])

    def test_a_layer_without_pre_activations_has_no_row(self):
        class Double(Layer):
            def forward(self, X, ctx):
                return 2 * X

            def backward(self, dY, ctx):
                return 2 * dY

        network = Network([Dense(5, "tanh"), Double(), Dense(3)]).initialize(7, random_state=0)
        m = probe(network, X, T)
        assert m.index.tolist() == [0, 2]
        assert [len(values) for values in jacobians(network, X).layers] == [4, 4, 4]

    def test_unknown_names_list_those_that_exist(self):
        m = probe(a_network(), X, T)
        for key in (("dz", "rms"), "dz", 0, ("Z", 0), None, slice(None)):
            with pytest.raises(KeyError, match="dZ_rms"):
                m[key]
        assert list(m) == m.keys()
        assert "dZ_rms" in m
        assert "dz" not in m


class TestModels:
    def test_an_estimator_that_is_not_fitted_as_it_would_start(self):
        y = np.array(["a", "b", "c"])[T]
        recorder = Probe(X, y, steps=[0])
        clf = MinNetClassifier((11, 6), max_iter=1, random_state=3).set_callbacks(recorder)
        expected = probe(clf, X, y)
        assert not hasattr(clf, "network_")
        with pytest.warns(match="converged"):
            clf.fit(X, y)
        first = recorder.recording[0]
        for key in ("Z", "sd"), ("dZ", "sd"), ("dW", "sd"):
            np.testing.assert_array_equal(first[key], expected[key])

    def test_a_fitted_estimator_and_a_batch_without_all_classes(self):
        y = np.array(["a", "b", "c"])[T]
        for options in {}, {"class_weight": "balanced"}, {"warm_start": True}:
            clf = MinNetClassifier((11,), max_iter=3, random_state=3, tol=10, **options)
            clf.set_params(n_iter_no_change=1).fit(X, y)
            rows = y == "b"
            m = probe(clf, X[rows], y[rows])
            Z = X[rows] @ clf.coefs_[0] + clf.intercepts_[0]
            assert m["Z", "sd"][0] == pytest.approx(Z.std())
            assert np.isfinite(m["update_ratio"]).all()

    def test_a_regressor(self):
        reg = MinNetRegressor(hidden_layer_sizes=(5,), solver="lbfgs", max_iter=5)
        assert np.isfinite(probe(reg, X, X[:, 0]).loss)
        with pytest.warns(match="lbfgs"):
            reg.fit(X, X[:, 0])
        assert np.isnan(probe(reg, X, X[:, 0])["update_ratio"]).all()  # no step size there

    def test_a_pipeline_measures_behind_its_steps(self):
        pipe = make_pipeline(StandardScaler(), MinNetClassifier((11,), random_state=0, max_iter=2))
        raw = 100 + 5 * X
        m = probe(pipe, raw, T)
        expected = probe(pipe[-1], StandardScaler().fit_transform(raw), T)
        np.testing.assert_allclose(m["Z", "sd"], expected["Z", "sd"])
        with pytest.warns(match="converged"):
            pipe.fit(raw, T)
        assert probe(pipe, raw, T)["Z", "sd"].shape == (2,)

    @pytest.mark.parametrize(
        ("model", "error", "message"),
        [
            (StandardScaler(), TypeError, "model must be"),
            (Network([Dense(2)]), ValueError, "initialize"),
        ],
    )
    def test_other_models(self, model, error, message):
        with pytest.raises(error, match=message):
            probe(model, X, T)

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="y must be given"):
            probe(MinNetClassifier(), X)
        with pytest.raises(ValueError, match="n_bins"):
            probe(a_network(), X, T, n_bins=0)
        with pytest.raises(ValueError, match="shape"):
            probe(a_network(), X[:, :3], T)
        with pytest.raises(ValueError, match="NaN"):
            probe(a_network(), np.full_like(X, np.nan), T)
        for steps in (0, -1, 1.5, [1, -2], "all", True):
            with pytest.raises(ValueError, match="steps"):
                Probe(X, T, steps=steps)


class TestThroughTraining:
    @pytest.mark.parametrize("backend", ["numpy", "cython", "numba"])
    @pytest.mark.parametrize("optimizer", [SGD(0.1), Adam()])
    def test_training_goes_on_as_without(self, backend, optimizer):
        networks = a_network(), a_network()
        recorder = Probe(X, T, steps=3)
        trainers = []
        for network, callbacks in zip(networks, ([], [recorder]), strict=True):
            trainer = Trainer(network, optimizer, batch_size=25, backend=backend)
            with pytest.warns(match="converged"):
                trainer.fit(X, T, max_epochs=4, callbacks=callbacks)
            trainers.append(trainer)
        np.testing.assert_array_equal(*(network.params for network in networks))
        assert trainers[0].loss_curve == trainers[1].loss_curve
        assert recorder.recording.steps.tolist() == [0, 3, 6, 9, 12, 15, 18, 20]

    def test_what_is_recorded_is_the_network_of_that_step(self):
        recorder = Probe(X, T, steps=[0, 2, 7])
        network = a_network()
        with pytest.warns(match="converged"):
            Trainer(network, SGD(0.1), batch_size=40).fit(X, T, max_epochs=3, callbacks=[recorder])
        again = a_network()
        trainer = Trainer(again, SGD(0.1), batch_size=40)
        np.testing.assert_array_equal(
            recorder.recording[0]["Z", "sd"], probe(again, X, T)["Z", "sd"]
        )
        trainer.run_epoch(X, T)
        trainer.run_epoch(X, T)
        trainer.run_epoch(X, T)
        last = recorder.recording[-1]
        assert last.step == 9
        np.testing.assert_array_equal(last["Z", "sd"], probe(again, X, T)["Z", "sd"])

    def test_by_default_start_and_end_are_there(self):
        recorder = Probe(X, T)
        trainer = Trainer(a_network(), SGD(0.1), batch_size=10)
        with pytest.warns(match="converged"):
            trainer.fit(X, T, max_epochs=200, callbacks=[recorder])
        steps = recorder.recording.steps
        assert steps[0] == 0
        assert steps[-1] == 200 * 12
        assert (np.diff(steps) > 0).all()
        assert recorder.seconds > 0

    def test_a_second_training_starts_a_new_recording(self):
        recorder = Probe(X, T, steps=1000)
        for _ in range(2):
            with pytest.warns(match="converged"):
                Trainer(a_network(), batch_size=40).fit(X, T, max_epochs=2, callbacks=[recorder])
        assert recorder.recording.steps.tolist() == [0, 6]

    @pytest.mark.parametrize(("steps", "first"), [(None, 6), (4, 8), ([0, 5, 8], 8)], ids=str)
    def test_the_same_trainer_going_on(self, steps, first):
        recorder, trainer = Probe(X, T, steps=steps), Trainer(a_network(), batch_size=40)
        for _ in range(2):
            with pytest.warns(match="converged"):
                trainer.fit(X, T, max_epochs=2, callbacks=[recorder])
        assert recorder.recording.steps[[0, -1]].tolist() == [first, 12]

    def test_an_interrupted_training_keeps_what_was_recorded(self):
        def interrupt(trainer):
            raise KeyboardInterrupt

        recorder = Probe(X, T, steps=1)
        trainer = Trainer(a_network(), batch_size=40)
        with pytest.warns(match="interrupted"):
            trainer.fit(X, T, max_epochs=5, callbacks=[recorder, interrupt])
        assert recorder.recording.steps.tolist() == [0, 1, 2, 3]

    def test_arrays_have_the_steps_first(self):
        recorder = Probe(X, T, steps=2)
        with pytest.warns(match="converged"):
            Trainer(a_network(), batch_size=40).fit(X, T, max_epochs=2, callbacks=[recorder])
        r = recorder.recording
        assert r["Y", "sd"].shape == (4, 3)
        assert r["saturated"].shape == (4, 3)
        assert r["Y", "density"].shape == (4, 3, 64)
        assert r.losses.shape == (4,)
        assert len(r[1:3]) == 2
        with pytest.raises(KeyError, match="nothing was recorded"):
            Recording()["Y", "sd"]


class TestFiles:
    def a_recording(self):
        recorder = Probe(X, T, steps=4)
        with pytest.warns(match="converged"):
            Trainer(a_network(), batch_size=40).fit(X, T, max_epochs=2, callbacks=[recorder])
        return recorder.recording

    def test_round_trip(self, tmp_path):
        recording = self.a_recording()
        recording.save(tmp_path / "r.npz")
        loaded = Recording.load(tmp_path / "r.npz")
        assert loaded.steps.tolist() == recording.steps.tolist()
        np.testing.assert_array_equal(loaded.losses, recording.losses)
        names = recording[0].keys()
        for name in names:
            np.testing.assert_array_equal(loaded[name], recording[name])
        assert loaded[0].layers == recording[0].layers
        np.testing.assert_array_equal(loaded[0].hidden, recording[0].hidden)
        m = probe(a_network(), X, T)
        m.save(tmp_path / "m")
        np.testing.assert_array_equal(Measurement.load(tmp_path / "m")["Y", "sd"], m["Y", "sd"])
        Recording().save(tmp_path / "empty")
        assert len(Recording.load(tmp_path / "empty")) == 0

    def test_a_damaged_file_is_one_sentence(self, tmp_path):
        path = tmp_path / "r"
        self.a_recording().save(path)
        whole = path.read_bytes()
        for damaged in (b"", whole[: len(whole) // 2], whole[:100], b"not a file of ours" * 100):
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=r"path must be a file that Recording\.save wrote"):
                Recording.load(path)
        np.savez(path.open("wb"), a=np.arange(3))
        with pytest.raises(ValueError, match="path must be"):
            Recording.load(path)
        with pytest.raises(FileNotFoundError):
            Recording.load(tmp_path / "none")

    def test_no_file_runs_code(self, tmp_path):
        class Bad:
            def __reduce__(self):
                return (print, ("ran",))

        with (tmp_path / "bad").open("wb") as file:
            np.savez(file, header=np.array([Bad()], dtype=object))
        with pytest.raises(ValueError, match="path must be"):
            Recording.load(tmp_path / "bad")

    def test_a_failed_save_leaves_what_was_there(self, tmp_path, monkeypatch):
        path = tmp_path / "r"
        recording = self.a_recording()
        recording.save(path)
        before = path.read_bytes()

        def full(*args, **kwargs):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(np, "savez_compressed", full)
        with pytest.raises(OSError, match="No space"):
            recording.save(path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["r"]

    def test_to_frame(self):
        frame = self.a_recording().to_frame()
        assert list(frame.columns[:3]) == ["step", "loss", "layer"]
        assert len(frame) == 3 * 3
        assert {"Y_sd", "saturated", "update_ratio"} <= set(frame.columns)


class TestJacobians:
    def test_against_differences(self):
        network = a_network()
        x = X[:1]
        found = jacobians(network, x)
        eps = 1e-6

        def slopes(function, at):
            columns = []
            for j in range(at.shape[1]):
                d = np.zeros_like(at)
                d[0, j] = eps
                columns.append((function(at + d) - function(at - d)).ravel() / (2 * eps))
            return np.array(columns).T

        first, second, third = (layer.forward for layer in network.layers)
        from minnet.layers import Context

        Y1 = first(x, Context())
        Y2 = second(Y1, Context())
        for got, function, at in (
            (found.layers[0], first, x),
            (found.layers[1], second, Y1),
            (found.layers[2], third, Y2),
        ):
            J = slopes(lambda v, f=function: f(v, Context()), at)
            np.testing.assert_allclose(got[0], np.linalg.svd(J, compute_uv=False), atol=1e-8)
        J = slopes(lambda v: second(v, Context()), Y1)
        np.testing.assert_allclose(
            found.end_to_end[0], np.linalg.svd(J, compute_uv=False), atol=1e-8
        )
        assert found.hidden.tolist() == [True, True, False]

    def test_as_part_of_a_measurement(self):
        network = a_network()
        m, found = probe(network, X, T, n_jacobians=3), jacobians(network, X[:3], n_samples=3)
        np.testing.assert_allclose(m["J", "mean"], found.means)
        np.testing.assert_allclose(m["J", "rms"], found.rms)
        np.testing.assert_allclose(m["product", "rms"][0], 1)
        np.testing.assert_allclose(
            m["product", "rms"][1], np.sqrt(np.square(found.end_to_end).mean())
        )
        assert np.isnan(probe(network, X, T)["J", "mean"]).all()
        recorder = Probe(X, T, steps=3, n_jacobians=1)
        with pytest.warns(match="converged"):
            Trainer(network, batch_size=40).fit(X, T, max_epochs=1, callbacks=[recorder])
        assert recorder.recording["J", "max"].shape == (2, 3)
        with pytest.raises(ValueError, match="n_jacobians"):
            probe(network, X, T, n_jacobians=-1)

    def test_orthogonal_linear_layers_keep_all_singular_values(self):
        layers = [Dense(30, init={"name": "orthogonal", "gain": 1.1}) for _ in range(20)] + [
            Dense(2)
        ]
        network = Network(layers).initialize(30, random_state=0)
        found = jacobians(network, RNG.normal(size=(5, 30)))
        np.testing.assert_allclose(found.end_to_end, 1.1**19, rtol=1e-9)
        np.testing.assert_allclose(found.means[:20], 1.1)

    def test_numbers_of_the_paper(self):
        # Glorot & Bengio 2010, section 4.2.1: about 0.8 normalized and 0.5 standard; n = 400 numbers
        # by layer measured independently.
        rows = np.sqrt(0.37) * RNG.normal(size=(3, 400))  # the mean square of its images
        for init, mean, rms in (
            ("glorot", [0.670, 0.717, 0.749, 0.784, 0.796], [0.813, 0.857, 0.890, 0.928, 0.939]),
            ("standard", [0.446, 0.476, 0.486, 0.489, 0.490], [0.529, 0.562, 0.573, 0.576, 0.577]),
        ):
            layers = [Dense(400, "tanh") for _ in range(5)] + [Dense(9)]
            network = Network(layers, init=init, bias_init="zeros").initialize(400, random_state=0)
            found = jacobians(network, rows, n_samples=3)
            np.testing.assert_allclose(found.means[:5], mean, atol=0.03)
            np.testing.assert_allclose(found.rms[:5], rms, atol=0.03)


def test_an_estimator_trains_as_without(recwarn):
    digits, y = load_digits(return_X_y=True)
    digits = digits[:500] / 16
    y = y[:500]
    options = {"hidden_layer_sizes": (20,), "max_iter": 3, "random_state": 0}
    plain = MinNetClassifier(**options).fit(digits, y)
    watched = MinNetClassifier(**options).set_callbacks(Probe(digits[:50], y[:50], steps=2))
    watched.fit(digits, y)
    for a, b in zip(plain.coefs_, watched.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_one_probe_may_watch_fits_in_threads():
    labels = np.array(["a", "b", "c"])[T]
    together = threading.Barrier(4)

    class AtOnce(Callback):
        def begin_epoch(self, trainer):
            together.wait()

    watching = Probe(X[:20], labels[:20], steps=2)
    failed = []

    def fit(seed):
        try:
            est = MinNetClassifier((5,), max_iter=10, n_iter_no_change=10, batch_size=40)
            est.set_params(random_state=seed).set_callbacks(watching, AtOnce()).fit(X, labels)
        except Exception as error:
            failed.append(error)
            together.abort()

    threads = [threading.Thread(target=fit, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert watching.recording.steps.tolist() == list(range(0, 31, 2))
    assert pickle.loads(pickle.dumps(watching)).recording.steps.tolist() == list(range(0, 31, 2))
