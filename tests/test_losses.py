"""minnet.losses against scikit-learn's metrics, SciPy and differences."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.special import expit, huber, log_softmax, softmax
from sklearn._loss.loss import HuberLoss, PinballLoss
from sklearn.metrics import (
    log_loss,
    mean_absolute_error,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_error,
)

from minnet import Dense, Network, check_gradients
from minnet.links import LOG_INVERSE_LINKS
from minnet.losses import (
    AbsoluteError,
    Huber,
    Loss,
    Poisson,
    Quantile,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    get_loss,
    list_losses,
)

N, K = 12, 4
ALL = [get_loss(name, K) for name in list_losses()]
ALL += [SquaredError("softmax"), SquaredError("logistic"), Huber(0.3), Quantile(0.9)]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def targets(loss, rng, n=N, k=K):
    if loss.output == "softmax":
        return rng.integers(0, k, size=n)
    if isinstance(loss, SigmoidCrossEntropy):
        return rng.random((n, k)).round(2)
    if isinstance(loss, Poisson):
        return rng.poisson(2.0, size=(n, k)).astype(float)
    return rng.normal(size=(n, k))


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_gradient_is_the_slope_of_the_value(loss, rng):
    Z, T, h = rng.normal(size=(N, K)), targets(loss, rng), 1e-6
    dZ = loss.gradient(Z, T)
    for j in range(K):
        step = h * np.eye(K)[j]
        slope = (loss.value(Z + step, T) - loss.value(Z - step, T)) / (2 * h)
        np.testing.assert_allclose(dZ[:, j], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("loss", ALL, ids=repr)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_shape_dtype_and_inputs_are_kept(loss, dtype, rng):
    Z = rng.normal(size=(N, K)).astype(dtype)
    T = loss.check_targets(targets(loss, rng), N, K, np.dtype(dtype))
    Z_before, T_before = Z.copy(), T.copy()
    value, dZ = loss.value(Z, T), loss.gradient(Z, T)
    assert (value.shape, value.dtype) == ((N,), dtype)
    assert (dZ.shape, dZ.dtype) == ((N, K), dtype)
    assert loss.predict(Z).dtype == dtype
    np.testing.assert_array_equal(Z, Z_before)
    np.testing.assert_array_equal(T, T_before)


def test_softmax_cross_entropy_is_log_loss(rng):
    Z, T = 3 * rng.normal(size=(N, K)), np.arange(N) % K
    value = SoftmaxCrossEntropy().value(Z, T)
    np.testing.assert_allclose(value.mean(), log_loss(T, softmax(Z, axis=1)), rtol=1e-12)
    weight = rng.random(N)
    expected = log_loss(T, softmax(Z, axis=1), sample_weight=weight)
    np.testing.assert_allclose(np.average(value, weights=weight), expected, rtol=1e-12)


def test_sigmoid_cross_entropy_is_log_loss_summed_over_outputs(rng):
    Z, T = 3 * rng.normal(size=(N, K)), rng.integers(0, 2, size=(N, K)).astype(float)
    T[:2] = [[0] * K, [1] * K]
    expected = sum(log_loss(T[:, j], expit(Z[:, j])) for j in range(K))
    np.testing.assert_allclose(SigmoidCrossEntropy().value(Z, T).mean(), expected, rtol=1e-12)


def test_one_sigmoid_is_a_softmax_of_two(rng):
    z, t = 5 * rng.normal(size=N), rng.integers(0, 2, size=N)
    pair = SoftmaxCrossEntropy().value(np.column_stack([np.zeros(N), z]), t)
    one = SigmoidCrossEntropy().value(z[:, None], t[:, None].astype(float))
    np.testing.assert_allclose(one, pair, rtol=1e-12)


def test_squared_error_is_half_the_sum_over_outputs(rng):
    Z, T = rng.normal(size=(N, K)), rng.normal(size=(N, K))
    expected = K * mean_squared_error(T, Z) / 2
    np.testing.assert_allclose(SquaredError().value(Z, T).mean(), expected, rtol=1e-12)
    np.testing.assert_array_equal(SquaredError().gradient(Z, T), Z - T)


@pytest.mark.parametrize("output", ["softmax", "logistic", "sigmoid"])
def test_squared_error_on_probabilities(output, rng):
    Z, T = rng.normal(size=(N, K)), np.arange(N) % K
    one_hot = np.eye(K)[T]
    Y = softmax(Z, axis=1) if output == "softmax" else expit(Z)
    loss = SquaredError(output)
    value = loss.value(Z, T if output == "softmax" else one_hot)
    np.testing.assert_allclose(value, 0.5 * ((Y - one_hot) ** 2).sum(axis=1), rtol=1e-12)
    # The gradient through the Jacobian of the squashing, row by row.
    gradient = loss.gradient(Z, T if output == "softmax" else one_hot)
    for y, t, dz in zip(Y, one_hot, gradient, strict=True):
        jacobian = np.diag(y) - np.outer(y, y) if output == "softmax" else np.diag(y * (1 - y))
        np.testing.assert_allclose(dz, jacobian @ (y - t), rtol=1e-12, atol=1e-15)


def test_poisson_is_half_the_deviance(rng):
    Z, T = rng.normal(size=(N, 1)), rng.poisson(1.0, size=(N, 1)).astype(float)
    assert (T == 0).any()
    expected = mean_poisson_deviance(T, np.exp(Z)) / 2
    np.testing.assert_allclose(Poisson().value(Z, T).mean(), expected, rtol=1e-12)


def test_absolute_error(rng):
    Z, T = rng.normal(size=(N, K)), rng.normal(size=(N, K))
    expected = K * mean_absolute_error(T, Z)
    np.testing.assert_allclose(AbsoluteError().value(Z, T).mean(), expected, rtol=1e-12)
    assert AbsoluteError().gradient(np.ones((1, 1)), np.ones((1, 1)))[0, 0] == 0
    above, below = AbsoluteError().kink_sides(Z, T)
    np.testing.assert_array_equal(above, Z > T)
    np.testing.assert_array_equal(below, Z < T)


@pytest.mark.parametrize("delta", [0.3, 1.0, 2])
def test_huber(delta, rng):
    Z, T = 2 * rng.normal(size=(N, K)), rng.normal(size=(N, K))
    loss = Huber(delta)
    np.testing.assert_allclose(loss.value(Z, T), huber(delta, Z - T).sum(axis=1), rtol=1e-12)
    theirs = HuberLoss(delta=delta)
    for j in range(K):
        t, z = T[:, j].copy(), Z[:, j].copy()
        dz = theirs.gradient(y_true=t, raw_prediction=z)
        np.testing.assert_allclose(loss.gradient(Z, T)[:, j], dz, rtol=1e-12)
    above, below = loss.kink_sides(Z, T)
    np.testing.assert_array_equal(above, delta < Z - T)
    np.testing.assert_array_equal(below, delta < T - Z)
    assert above.any()
    assert below.any()
    assert not (above & below).any()


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.95])
def test_quantile(quantile, rng):
    Z, T = rng.normal(size=(N, K)), rng.normal(size=(N, K))
    loss, weight = Quantile(quantile), rng.random(N)
    value = loss.value(Z, T)
    expected = K * mean_pinball_loss(T, Z, alpha=quantile, sample_weight=weight)
    np.testing.assert_allclose(np.average(value, weights=weight), expected, rtol=1e-12)
    theirs = PinballLoss(quantile=quantile)
    for j in range(K):
        t, z = T[:, j].copy(), Z[:, j].copy()
        dz = theirs.gradient(y_true=t, raw_prediction=z)
        np.testing.assert_allclose(loss.gradient(Z, T)[:, j], dz, rtol=1e-12)
    above, below = loss.kink_sides(Z, T)
    np.testing.assert_array_equal(above, Z > T)
    np.testing.assert_array_equal(below, Z < T)


def test_the_median_is_half_the_absolute_error_also_at_its_kink(rng):
    Z, T = rng.normal(size=(N, K)), rng.normal(size=(N, K))
    Z[0] = T[0]
    half = AbsoluteError()
    np.testing.assert_array_equal(Quantile().value(Z, T), 0.5 * half.value(Z, T))
    np.testing.assert_array_equal(Quantile().gradient(Z, T), 0.5 * half.gradient(Z, T))
    assert not Quantile(0.9).gradient(Z, T)[0].any()


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_nan_stays_visible(loss, rng):
    Z, T = rng.normal(size=(N, K)), targets(loss, rng)
    Z[3, 1] = np.nan
    with np.errstate(invalid="ignore"):
        assert np.isnan(loss.value(Z, T)).nonzero()[0].tolist() == [3]
        assert np.isnan(loss.gradient(Z, T)[3, 1])


@pytest.mark.parametrize("loss", [Huber(0.3), Quantile(0.8)], ids=repr)
def test_kinks_are_skipped_in_the_gradient_check(loss, rng):
    net = Network([Dense(4, "tanh"), Dense(2)], loss).initialize(3, random_state=0)
    X = rng.normal(size=(N, 3))
    T = net.forward(X) + rng.normal(size=(N, 2))
    T[0, 0] = net.forward(X)[0, 0] - (0.3 if isinstance(loss, Huber) else 0.0)
    checked = check_gradients(net, X, T)
    assert checked.ok
    assert sum(checked.n_skipped.values()) > 0
    assert sum(checked.n_checked.values()) > 0


@pytest.mark.parametrize("value", [0, -1.0, np.inf, np.nan, "1", None, True])
def test_delta_out_of_range(value):
    with pytest.raises(ValueError, match=f"delta must be a finite number above 0, got {value!r}"):
        Huber(value)


@pytest.mark.parametrize("value", [0, 1, -0.1, 90, np.nan, "0.5", None, False])
def test_quantile_out_of_range(value):
    with pytest.raises(ValueError, match="quantile must be a number between 0 and 1, both exc"):
        Quantile(value)


@pytest.mark.parametrize(
    ("delta", "dtype"), [(1e-50, "float32"), (1e300, "float32"), (1e-310, "float64")]
)
@pytest.mark.filterwarnings("error")
def test_delta_must_be_a_number_of_the_dtype(delta, dtype):
    with pytest.raises(ValueError, match=f"delta must lie between .* in {dtype}, got 1e"):
        Huber(delta).check_targets([0.0], 1, 1, np.dtype(dtype))
    Huber(1e30).check_targets([0.0], 1, 1, np.dtype(dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [1e4, 1e30])
@pytest.mark.parametrize("loss", [loss for loss in ALL if loss.output != "exp"], ids=repr)
def test_extreme_logits_give_what_is_true(loss, size, dtype):
    if loss == SquaredError() and size == 1e30:
        size = 1e15  # its square is what float32 can still hold
    Z = np.array([[size, -size], [-size, size], [size, size], [0, 0]], dtype=dtype)
    if loss.output == "softmax":
        T = np.array([0, 0, 1, 1])
    else:
        T = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, gradient = loss.value(Z, T), loss.gradient(Z, T)
    expected = {
        SoftmaxCrossEntropy(): [0, 2 * size, np.log(2), np.log(2)],
        SigmoidCrossEntropy(): [0, 2 * size, size, 2 * np.log(2)],
        SquaredError(): [size**2, size**2, size**2, 0.5],
        SquaredError("softmax"): [0, 1, 0.25, 0.25],
        SquaredError("logistic"): [0, 1, 0.5, 0.25],
        AbsoluteError(): [2 * size, 2 * size, 2 * size, 1],
        Huber(): [2 * size, 2 * size, 2 * size, 0.5],
        Huber(0.3): [0.6 * size, 0.6 * size, 0.6 * size, 0.255],
        Quantile(): [size, size, size, 0.5],
        Quantile(0.9): [size, size, 0.2 * size, 0.9],
    }.get(loss)
    if expected is None:  # a loss that is not listed above
        assert np.isfinite(value).all()
        assert np.isfinite(gradient).all()
        return
    # 1e4 - 1 is not yet 1e4
    tolerance = 1e-3 if size == 1e4 and loss.output == "identity" else 1e-6
    np.testing.assert_allclose(value, expected, rtol=tolerance)
    assert np.isfinite(gradient).all()


def test_poisson_with_logits_whose_exponential_is_finite():
    Z, T = np.array([[-1e30], [-1e4], [700.0]]), np.array([[2.0], [0.0], [0.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(Poisson().value(Z, T), [2e30, 0, np.exp(700)])
        np.testing.assert_allclose(Poisson().gradient(Z, T)[:, 0], [-2, 0, np.exp(700)])


def test_cross_entropy_of_a_sure_and_right_prediction_keeps_its_digits():
    z = np.array([[40.0], [100.0], [-40.0]])
    value = SigmoidCrossEntropy().value(z, np.array([[1.0], [1.0], [0.0]]))
    np.testing.assert_allclose(value, np.exp([-40, -100, -40]), rtol=1e-12)


def test_softmax_cross_entropy_does_not_see_a_common_shift(rng):
    Z, T = rng.integers(-4, 5, size=(N, K)).astype(np.float32), np.arange(N) % K
    loss = SoftmaxCrossEntropy()
    shifted = Z + np.float32(2**20)  # exact, so that the shift alone is compared
    np.testing.assert_allclose(loss.value(shifted, T), loss.value(Z, T), rtol=1e-6)


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_predictions_are_the_inverse_link(loss, rng):
    Z = rng.normal(size=(N, K))
    links = {
        "identity": Z,
        "softmax": softmax(Z, axis=1),
        "logistic": expit(Z),
        "exp": np.exp(Z),
    }
    np.testing.assert_allclose(loss.predict(Z), links[loss.output], rtol=1e-14)


def test_logarithms_of_probabilities_are_exact_where_the_probability_vanishes():
    Z = np.array([[0.0, 1000.0]])
    np.testing.assert_allclose(LOG_INVERSE_LINKS["softmax"](Z), log_softmax(Z, axis=1))
    np.testing.assert_allclose(LOG_INVERSE_LINKS["logistic"](-Z), [[-np.log(2), -1000]])


# ---- targets


def test_class_indices_come_as_int64():
    for T in ([0, 1, 2], np.array([0.0, 1.0, 2.0]), np.array([0, 1, 2], dtype=np.uint8)):
        checked = SoftmaxCrossEntropy().check_targets(T, 3, 3, np.dtype("float32"))
        assert checked.dtype == np.int64
        np.testing.assert_array_equal(checked, [0, 1, 2])


def test_a_single_output_takes_a_flat_target():
    T = SquaredError().check_targets([1, 2], 2, 1, np.dtype("float32"))
    assert (T.shape, T.dtype) == ((2, 1), np.float32)


@pytest.mark.parametrize(
    ("loss", "T", "message"),
    [
        ("softmax_cross_entropy", [0, 1], r"T must be class indices of shape \(3,\).*\(2,\)"),
        ("softmax_cross_entropy", [[0], [1], [0]], r"T must be class indices of shape \(3,\)"),
        ("softmax_cross_entropy", [0, 1, 2], "class indices from 0 to 1, got values from 0 to 2"),
        ("softmax_cross_entropy", [0, -1, 1], "got values from -1 to 1"),
        ("softmax_cross_entropy", [0, 0.5, 1], "class indices from 0 to 1"),
        ("softmax_cross_entropy", [0, np.nan, 1], "class indices from 0 to 1"),
        ("softmax_cross_entropy", [0, np.inf, 1], "class indices from 0 to 1"),
        ("squared_error", [0, 1, 2], r"T must have shape \(3, 2\), got an array of shape \(3,\)"),
        ("squared_error", np.zeros((3, 3)), r"T must have shape \(3, 2\)"),
        ("squared_error", [[0, 1], [0, np.nan], [0, 1]], "T must be finite"),
        ("absolute_error", [[0, 1], [0, np.inf], [0, 1]], "T must be finite"),
        ("sigmoid_cross_entropy", [[0, 1], [0, 2], [0, 1]], "between 0 and 1, got .* 0.0 to 2.0"),
        ("sigmoid_cross_entropy", [[0, 1], [-1, 0], [0, 1]], "between 0 and 1"),
        ("poisson", [[0, 1], [-1, 2], [0, 1]], "T must be at least 0 .*'poisson', got -1.0"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_wrong_targets_get_one_sentence(loss, T, message):
    with pytest.raises(ValueError, match=message) as caught:
        get_loss(loss, 2).check_targets(T, 3, 2, np.dtype("float64"))
    assert "\n" not in str(caught.value)


# ---- lookup


def test_log_loss_is_softmax_or_sigmoid_by_the_number_of_outputs():
    assert get_loss("log_loss", 1) == SigmoidCrossEntropy()
    assert get_loss("log_loss", 2) == SoftmaxCrossEntropy()


def test_unknown_losses_get_the_closest():
    with pytest.raises(
        ValueError, match=r"loss must be .* 'sqared_error': did you mean 'squared_err"
    ):
        get_loss("sqared_error", 1)
    with pytest.raises(
        ValueError,
        match=r"output must be 'identity', .* got 'softmx': did you mean 'softmax'",
    ):
        SquaredError("softmx")
    with pytest.raises(TypeError, match="loss must be a name or a Loss object, got"):
        get_loss(None, 1)


def test_config_equality_repr_pickle():
    loss = SquaredError("sigmoid")
    assert repr(loss) == "SquaredError(output='logistic')"
    assert loss == SquaredError("logistic") != SquaredError()
    assert pickle.loads(pickle.dumps(loss)) == loss.copy() == loss
    assert get_loss(loss, 3) is loss
    assert (repr(Huber(np.float32(2))), repr(Huber(1))) == ("Huber(delta=2.0)", "Huber()")
    assert get_loss("huber", 1) == Huber(1.0) != Huber(2.0)
    assert get_loss("quantile", 1) == Quantile(0.5) != Quantile(0.9)
    assert Quantile(0.9).get_config() == {"quantile": 0.9}
    assert pickle.loads(pickle.dumps(Quantile(0.9))).copy() == Quantile(0.9)


class LogCosh(Loss):
    def __init__(self, scale=1.0):
        self.scale = scale

    def value(self, Z, T):
        return self.scale * np.log(np.cosh((Z - T) / self.scale)).sum(axis=1)

    def gradient(self, Z, T):
        return np.tanh((Z - T) / self.scale)


def test_a_users_own_loss(rng):
    network = Network([Dense(5, "tanh"), Dense(2)], loss=LogCosh(0.5)).initialize(3, random_state=0)
    X, T = rng.normal(size=(N, 3)), 2 * rng.normal(size=(N, 2))
    assert check_gradients(network, X, T).ok
    np.testing.assert_array_equal(network.predict(X), network.forward(X))


def test_an_incomplete_loss_says_what_is_missing():
    for method in (Loss().value, Loss().gradient):
        with pytest.raises(TypeError, match="must define value\\(Z, T\\) and gradient"):
            method(np.ones((1, 1)), np.ones((1, 1)))
