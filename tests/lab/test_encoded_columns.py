"""The laboratory of a network whose first layer encodes columns: as one above encoded data."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone

from minnet import Dense, Dropout, MinNetClassifier, Network, PiecewiseLinear
from minnet.lab import diagnose, displays, hessian, jacobians, probe, sweep
from minnet.lab.theory import predict_variances
from minnet.layers import Context

CODES = 900
ENCODING = PiecewiseLinear([np.linspace(-1, 1, 5), None, CODES, [0.0, 1.0], 1])
ABOVE = [Dense(9, "silu"), Dropout(0.1), Dense(6, "silu"), Dense(2)]
N = 150


def data(scale=1.0):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(N, 3))
    codes = rng.integers(-1, CODES, N), rng.integers(0, 2, N)
    X = np.column_stack([*numbers.T[:2], codes[0], numbers[:, 2], codes[1]])
    y = (np.abs(X[:, 0]) + X[:, 3] > 1).astype(int)
    return X * [scale, scale, 1, scale, 1], y


@pytest.fixture(scope="module")
def pair():
    """The network, its data, the layers above the encoding alone, and what they are given."""
    X, y = data()
    net = Network([ENCODING, *ABOVE]).initialize(5, random_state=0)
    encoded = ENCODING.forward(X, Context())
    above = Network(ABOVE).initialize(encoded.shape[1], random_state=0)
    above.params[...] = net.params
    return net, X, y, above, encoded


def test_it_is_no_layer_that_is_measured(pair):
    net, X, y, above, encoded = pair
    one, other = probe(net, X, y), probe(above, encoded, y)
    assert [label[1:] for label in one.layers] == [label[1:] for label in other.layers]
    for name in ("Z", "Y", "dZ", "dW"):
        np.testing.assert_allclose(one[name, "sd"], other[name, "sd"], rtol=1e-6)


def test_jacobians_are_those_above_and_its_own(pair):
    net, X, _, above, encoded = pair
    one = jacobians(net, X, n_samples=3, random_state=0)
    other = jacobians(above, encoded, n_samples=3, random_state=0)
    assert one.names[0] == "0 PiecewiseLinear"
    for found, expected in zip(one.layers[1:], other.layers, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(one.end_to_end, other.end_to_end, atol=1e-12)


def test_hessians_are_those_above(pair):
    net, X, y, above, encoded = pair
    found, expected = (hessian(n, x, y).eigenvalues(2) for n, x in ((net, X), (above, encoded)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_variances_are_predicted_from_what_it_makes(pair):
    net, X, _, above, encoded = pair
    one, other = predict_variances(net, X), predict_variances(above, encoded)
    np.testing.assert_allclose(one.variances, other.variances)
    np.testing.assert_array_equal(one.index, other.index + 1)
    within = Network([Dense(5, "silu"), ENCODING, *ABOVE]).initialize(5, random_state=0)
    assert "layers[1] is PiecewiseLinear" in predict_variances(within, X).stopped


def test_dropped_codes_count_as_in_training():
    X, _ = data()
    dropping = ENCODING.copy()
    dropping.code_dropout = 0.5
    net = Network([dropping, Dense(400, "identity"), *ABOVE], init="lecun_normal").initialize(
        5, random_state=0
    )
    Z = [net.forward_training(X, position=1000 * i)[1][1].Z for i in range(30)]
    np.testing.assert_allclose(
        np.mean(np.square(Z)), predict_variances(net, X).variances[0], rtol=0.1
    )
    plain = Network([ENCODING, *net.layers[1:]], init="lecun_normal").initialize(5, random_state=0)
    assert predict_variances(net, X).variances[0] > 1.05 * predict_variances(plain, X).variances[0]


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_codes_are_no_large_inputs(scale):
    X, y = data(scale)
    columns = [
        None if c is None else c if isinstance(c, int) else scale * np.array(c)
        for c in ENCODING.columns
    ]
    clf = MinNetClassifier(
        layers=[PiecewiseLinear(columns), *ABOVE[:-1]], max_iter=2, random_state=0
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(X, y)
    told = [str(w.message) for w in caught if "unit scale" in str(w.message)]
    assert len(told) == (scale > 1)
    if told:
        assert (
            "(column 1 has" in told[0] or "(column 0 has" in told[0] or "(column 3 has" in told[0]
        )
        assert told[0].endswith("and with them the edges of PiecewiseLinear, in other units")
    else:
        report = str(diagnose(clone(clf), X, y))
        assert "Scaler" not in report
        assert "vanish" not in report


def test_only_codes_have_no_scale():
    X = np.random.default_rng(0).integers(0, CODES, (60, 2)).astype(float)
    clf = MinNetClassifier(layers=[PiecewiseLinear([CODES, CODES])], max_iter=1, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf.fit(X, X[:, 0] > 450)
    assert not any("unit scale" in str(w.message) for w in caught)


@pytest.mark.parametrize("name", ["SingularValuesDisplay", "ActivationHistogramDisplay"])
def test_displays_take_it(pair, name):
    net, X, y, *_ = pair
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert getattr(displays, name).from_estimator(net, X, y).figure_ is not None


@pytest.mark.slow
def test_sweeps_take_it():
    X, y = data()
    clf = MinNetClassifier(layers=[ENCODING, *ABOVE[:-1]], max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = sweep(clf, X, y, init=["he", "unit_variance"], bias_init=["hull"], seeds=1)
    assert len(found.rows) == 2
