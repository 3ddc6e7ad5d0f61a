"""What a frame says is what the network of its snapshot does, computed by hand."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minnet import SGD, Adam, BatchNorm, Dense, Dropout, Network
from minnet.initializers import GlorotUniform
from minnet.lab import probe
from minnet.lab.theory import predict_variances
from minnet.playground.frame import N_PROBED, Framer, encode
from tests.playground.frames import decode, deep, snapshot

RNG = np.random.default_rng(0)
X = RNG.normal(size=(340, 2))
T = (X[:, 0] * X[:, 1] > 0).astype(int)
PICTURES = RNG.uniform(-1, 2, size=(100, 64))
DIGITS = RNG.integers(0, 10, 100)


def frame_of(network, X=X, T=T, **others):
    return decode(Framer().frame(snapshot(network, X, T, **others)))


def by_hand(network, X, T):
    """Return Z, Y and dC/dz of each sample for Dense tanh layers and a softmax."""
    Zs, Ys = [], [X]
    for layer in network.layers:
        Zs.append(Ys[-1] @ layer.W + layer.b)
        Ys.append(np.tanh(Zs[-1]))
    Ys[-1] = Zs[-1]
    P = np.exp(Zs[-1]) / np.exp(Zs[-1]).sum(axis=1, keepdims=True)
    dZs = [P - np.eye(P.shape[1])[T]]
    for layer, Y in zip(network.layers[:0:-1], Ys[-2:0:-1], strict=True):
        dZs.insert(0, dZs[0] @ layer.W.T * (1 - Y**2))
    return Zs, Ys, dZs


class TestEncoding:
    def test_what_goes_in_comes_out(self):
        arrays = {"a": np.arange(6.0).reshape(2, 3), "none": np.empty((0, 2)), "b": [1.5]}
        header, read = decode(encode({"text": "σ ≤ ∞", "deep": {"list": [1, None, True]}}, arrays))
        assert header["text"] == "σ ≤ ∞"
        assert header["deep"] == {"list": [1, None, True]}
        for name, values in arrays.items():
            assert_array_equal(read[name], values)

    @pytest.mark.parametrize("n", range(5))
    def test_numbers_begin_at_a_multiple_of_four(self, n):
        frame = encode({"text": "x" * n}, {"a": [1.0]})
        assert len(frame) % 4 == 0
        assert decode(frame)[1]["a"] == 1

    def test_numbers_that_are_not_finite(self):
        given = {"loss": float("nan"), "test_loss": float("-inf"), "step": 2}
        header, arrays = decode(encode(given, {"a": [np.nan, np.inf, -1e300, 2.0]}))
        assert header["loss"] is header["test_loss"] is None
        assert header["step"] == 2
        assert_array_equal(arrays["a"], [np.nan, np.nan, np.nan, 2.0])


class TestLayers:
    def test_mean_squares_and_update_ratios(self):
        network, optimizer = deep(), SGD(0.3)
        Zs, Ys, dZs = by_hand(network, X[:N_PROBED], T[:N_PROBED])
        header, arrays = frame_of(network, optimizer=optimizer, batch_size=32)
        forward = [np.mean(Z**2) for Z in Zs]
        backward = np.array([np.mean(dZ**2) for dZ in dZs])
        assert_allclose(arrays["forward_measured"], forward, rtol=1e-5)
        assert_allclose(arrays["backward_measured"], backward / backward[2], rtol=1e-5)
        _, Ys, dZs = by_hand(network, X[:32], T[:32])  # as many rows as a step takes
        ratios = [
            0.3 * np.linalg.norm(Y.T @ dZ) / 32 / np.linalg.norm(layer.W)
            for Y, dZ, layer in zip(Ys, dZs, network.layers, strict=False)
        ]
        assert_allclose(arrays["update_ratio"], ratios, rtol=1e-5)
        assert [row["name"] for row in header["layers"]] == ["1", "2", "3", "output"]
        assert [row["width"] for row in header["layers"]] == [20, 20, 20, 2]
        assert header["layers"][1]["label"] == "1 Dense(20, tanh)"

    def test_histograms(self):
        network = deep()
        _, Ys, dZs = by_hand(network, X[:N_PROBED], T[:N_PROBED])
        _, arrays = frame_of(network)
        for name, values in (("activation", Ys[1:]), ("gradient", dZs)):
            for row, numbers in enumerate(values):
                low, high = arrays[f"{name}_range"][row]
                sd = numbers.std()
                assert arrays[f"{name}_sd"][row] == pytest.approx(sd, rel=1e-5)
                ends = np.clip(numbers.mean() + [-4 * sd, 4 * sd], numbers.min(), numbers.max())
                assert_allclose([low, high], ends, rtol=1e-5)
                counts, _ = np.histogram(numbers, 40, range=(low, high))
                expected = counts / numbers.size * 40 / (high - low)
                # A number on an edge may fall on its other side.
                moved = np.abs(arrays[f"{name}_density"][row] - expected).sum() * (high - low) / 40
                assert moved < 4 / numbers.size + 1e-5
                beyond = np.mean((numbers < low) | (numbers > high))
                shares = arrays[f"{name}_density"][row].sum() * (high - low) / 40
                assert shares == pytest.approx(1 - beyond, abs=4 / numbers.size)

    def test_theory_is_the_laboratorys(self):
        network = deep(4, 30, "relu", init="he")
        _, arrays = frame_of(network)
        prediction = predict_variances(network, X[:N_PROBED])
        low, high = prediction.interval()
        assert_allclose(arrays["forward_predicted"], prediction.variances, rtol=1e-6)
        assert_allclose(arrays["forward_low"], low, rtol=1e-6)
        assert_allclose(arrays["forward_high"], high, rtol=1e-6)
        assert_allclose(arrays["backward_predicted"], prediction.gradient_variances, rtol=1e-6)
        assert arrays["backward_predicted"][3] == 1  # relative to the last hidden layer
        assert arrays["backward_measured"][3] == 1

    @pytest.mark.parametrize("seed", range(3))
    def test_gain_3_of_5_layers_of_64_tanh_is_what_theory_expects(self, seed):
        network = deep(5, 64, init=GlorotUniform(gain=3.0), seed=seed)
        _, arrays = frame_of(network)
        hidden = slice(0, 5)
        forward = arrays["forward_measured"][hidden]
        assert (arrays["forward_low"][hidden] < forward).all()
        assert (forward < arrays["forward_high"][hidden]).all()
        ratios = arrays["backward_measured"][hidden] / arrays["backward_predicted"][hidden]
        assert ((ratios > 0.5) & (ratios < 2)).all()
        # Without saturation and slopes it would be 9^5 in both directions.
        assert arrays["backward_predicted"][0] > 10

    def test_a_trained_network_leaves_the_line_that_stays(self):
        framer, start = Framer(), deep()
        _, before = decode(framer.frame(snapshot(start, X, T)))
        trained = copy.deepcopy(start)
        trained.params *= 2
        _, after = decode(framer.frame(snapshot(trained, X, T, step=9, version=9)))
        assert_array_equal(after["forward_predicted"], before["forward_predicted"])
        assert after["forward_measured"][0] == pytest.approx(
            4 * before["forward_measured"][0], rel=1e-5
        )

    def test_another_generation_has_its_own_line(self):
        framer = Framer()
        for generation, gain in enumerate((1.0, 0.5, 2.0)):
            network = deep(init=GlorotUniform(gain=gain))
            _, arrays = decode(framer.frame(snapshot(network, X, T, generation=generation)))
            expected = predict_variances(network, X[:N_PROBED]).variances
            assert_allclose(arrays["forward_predicted"], expected, rtol=1e-6)

    def test_batch_normalization_stands_for_the_layer_below_it(self):
        hidden = [Dense(20), BatchNorm(activation="tanh")] * 3
        network = Network([*hidden, Dense(2)]).initialize(2, random_state=0)
        header, arrays = frame_of(network, optimizer=SGD(0.3), batch_size=N_PROBED)
        m = probe(network, X[:N_PROBED], T[:N_PROBED], optimizer=SGD(0.3))
        assert header["layers"][0]["label"] == "1 BatchNorm(tanh)"
        assert len(header["layers"]) == 4
        assert_allclose(arrays["forward_measured"], m["Z", "rms"][[1, 3, 5, 6]] ** 2, rtol=1e-6)
        assert_allclose(arrays["update_ratio"], m["update_ratio"][[0, 2, 4, 6]], rtol=1e-6)
        assert arrays["phase_points"].shape == arrays["phase_start"].shape == (0, 2)

    def test_dropout_changes_what_theory_expects_and_not_the_generation(self):
        framer, plain = Framer(), deep(2)
        _, before = decode(framer.frame(snapshot(plain, X, T)))
        layers = [Dense(20, "tanh"), Dropout(0.5), Dense(20, "tanh"), Dropout(0.5), Dense(2)]
        dropped = Network(layers, bias_init="zeros").initialize(2, random_state=0)
        there = snapshot(dropped, X, T)
        there.experiment.dropout = 0.5
        _, after = decode(framer.frame(there))
        assert after["forward_predicted"][1] == pytest.approx(
            2 * before["forward_predicted"][1], rel=1e-5
        )

    def test_there_is_no_theory_of_equal_weights(self):
        header, arrays = frame_of(deep(init={"name": "constant", "value": 0.1}))
        assert np.isnan(arrays["forward_predicted"]).all()
        assert np.isfinite(arrays["forward_measured"]).all()
        assert "mean 0.1" in header["theory_stops"]

    def test_zeros(self):
        _, arrays = frame_of(deep(init="zeros"))
        assert (arrays["forward_measured"] == 0).all()
        assert np.isnan(arrays["backward_measured"]).all()  # there is nothing to be relative to

    def test_no_hidden_layer(self):
        header, arrays = frame_of(deep(0))
        assert [row["name"] for row in header["layers"]] == ["output"]
        assert np.isfinite(arrays["forward_measured"]).all()
        assert arrays["phase_points"].shape == (0, 2)

    def test_a_network_that_diverged(self):
        network = deep()
        network.params[...] = np.nan
        header, arrays = frame_of(network, status="diverged", message="The loss is not finite.")
        assert header["status"] == "diverged"
        assert np.isnan(arrays["forward_measured"]).all()
        assert np.isnan(arrays["boundary"]).all()
        assert np.isfinite(arrays["forward_predicted"]).all()


class TestPicture:
    def test_boundary(self):
        network = deep(n_classes=3)
        header, arrays = frame_of(network, T=RNG.integers(0, 3, len(X)))
        extent = header["extent"]
        assert extent == pytest.approx(1.1 * np.abs(X).max())
        assert arrays["boundary"].shape == (3, 40, 40)
        half = extent / 40
        for row, column, x, y in (
            (0, 0, -extent + half, extent - half),
            (39, 10, half * 21 - extent, half - extent),
        ):
            expected = network.predict(np.array([[x, y]]))[0]
            assert_allclose(arrays["boundary"][:, row, column], expected, rtol=1e-5)

    def test_points_where_they_are_asked_for(self):
        network = deep()
        header, arrays = frame_of(network)
        assert_allclose(arrays["points"], np.column_stack([X, T]), rtol=1e-6)
        assert header["n_train"] == 300
        _, arrays = decode(Framer().frame(snapshot(network, X, T), with_points=False))
        assert "points" not in arrays

    def test_the_boundary_of_a_snapshot_that_stands_still_is_its_own(self):
        framer, network = Framer(), deep()
        framer.frame(snapshot(network, X, T))
        framer._boundary_cost = 1e9  # so dear that a training would not wait for it
        moved = copy.deepcopy(network)
        moved.params *= 3
        header, old = decode(framer.frame(snapshot(moved, X, T, step=1)))
        assert header["boundary_step"] == 0
        header, new = decode(framer.frame(snapshot(moved, X, T, step=1, playing=False)))
        assert header["boundary_step"] == 1
        _, own = frame_of(moved)
        assert_array_equal(new["boundary"], own["boundary"])
        assert np.abs(new["boundary"] - old["boundary"]).max() > 0.01

    def test_the_boundary_of_another_generation_is_never_shown(self):
        framer = Framer()
        framer.frame(snapshot(deep(seed=1), X, T))
        framer._boundary_cost = 1e9
        network = deep(seed=2)
        _, arrays = decode(framer.frame(snapshot(network, X, T, generation=1)))
        _, own = frame_of(network)
        assert_array_equal(arrays["boundary"], own["boundary"])

    def test_digits(self):
        network = deep(n_inputs=64, n_classes=10)
        header, arrays = frame_of(network, PICTURES, DIGITS)
        shown = PICTURES[60:84]
        assert_allclose(arrays["digit_probabilities"], network.predict(shown), rtol=1e-5)
        assert_array_equal(arrays["digit_classes"], DIGITS[60:84])
        images = arrays["digit_images"]
        assert images.shape == (24, 64)
        assert (images.min(), images.max()) == (0, 1)
        assert np.corrcoef(images.ravel(), shown.ravel())[0, 1] > 0.999999
        assert "boundary" not in arrays
        assert header["extent"] is None
        _, arrays = decode(Framer().frame(snapshot(network, PICTURES, DIGITS), with_points=False))
        assert "digit_images" not in arrays


class TestHeader:
    def test_losses(self):
        history = np.array([[0, 0.9, 1.0, 0.5], [7, 0.25, 0.5, 0.125]], dtype=np.float32)
        header, arrays = frame_of(deep(), T=np.arange(len(X)) % 4 // 3, history=history, step=7)
        assert (header["loss"], header["test_loss"], header["test_error"]) == (0.25, 0.5, 0.125)
        assert_array_equal(arrays["history"], history)
        p = 0.25
        entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
        assert header["best_constant_loss"] == pytest.approx(entropy)
        assert header["n_parameters"] == 2 * 20 + 20 + 2 * (20 * 20 + 20) + 20 * 2 + 2
        assert header["cost_ms"] > 0
        assert header["classes"] == ["0", "1"]

    def test_a_loss_that_is_not_finite(self):
        header, arrays = frame_of(deep(), history=np.array([[0, np.nan, np.inf, 0.5]]))
        assert header["loss"] is header["test_loss"] is None
        assert header["test_error"] == 0.5
        assert np.isnan(arrays["history"][0, 1:3]).all()

    def test_where_the_network_is_in_the_phase_diagram(self):
        network = deep(
            4, 50, init=GlorotUniform(gain=1.5), bias_init={"name": "normal", "std": 0.3}
        )
        _, arrays = frame_of(network)
        assert_allclose(arrays["phase_start"], [[1.5, 0.3]] * 3, rtol=1e-6)
        weights, biases = network.layers[1].W, network.layers[1].b
        measured = [np.sqrt(50 * weights.var()), np.sqrt(np.mean(biases**2))]
        assert_allclose(arrays["phase_points"][0], measured, rtol=1e-6)


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam(0.01)])
def test_nothing_of_the_snapshot_changes(optimizer):
    network = deep()
    optimizer.prepare(network.params)
    optimizer.state[...] = 0.5
    there = snapshot(network, X, T, optimizer)
    params, state = network.params.copy(), optimizer.state.copy()
    first, second = Framer().frame(there), Framer().frame(there)
    assert_array_equal(network.params, params)
    assert_array_equal(optimizer.state, state)
    for name, values in decode(first)[1].items():
        assert_array_equal(decode(second)[1][name], values)
