"""From arguments to layers, initial weights and their random numbers."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_circles

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor
from minnet.activations import LeakyRelu
from minnet.initializers import (
    Constant,
    FromArray,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    Orthogonal,
    Zeros,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 3
OUTPUT = Dense(3, "identity")


def fit(**arguments):
    arguments = {"max_iter": 1, "random_state": 0, **arguments}
    return MinNetClassifier(**arguments).fit(X, Y)


def initial(**arguments):
    """Return the weights before training: a rate too small to move them."""
    return fit(learning_rate=lambda step: 0.0, alpha=0.0, **arguments)


@pytest.mark.parametrize(
    ("sizes", "shapes"),
    [
        ((), [(4, 3)]),
        (5, [(4, 5), (5, 3)]),
        (np.int64(5), [(4, 5), (5, 3)]),
        ((5,), [(4, 5), (5, 3)]),
        ([5, 2], [(4, 5), (5, 2), (2, 3)]),
        (np.array([5, 2]), [(4, 5), (5, 2), (2, 3)]),
    ],
    ids=repr,
)
def test_hidden_layer_sizes(sizes, shapes):
    est = fit(hidden_layer_sizes=sizes)
    assert [W.shape for W in est.coefs_] == shapes
    assert [b.shape for b in est.intercepts_] == [shape[1:] for shape in shapes]
    assert est.n_layers_ == len(shapes) + 1


def test_batch_norm_and_dropout_come_with_each_hidden_layer():
    est = fit(hidden_layer_sizes=(6, 5), activation="tanh", batch_norm=True, dropout=0.2)
    after = [BatchNorm("tanh"), Dropout(0.2)]
    hidden = [Dense(6, "identity"), *after, Dense(5, "identity"), *after]
    assert est.network_.layers == [*hidden, OUTPUT]
    assert est.n_layers_ == 4
    assert fit(hidden_layer_sizes=6, activation="tanh").network_.layers == [
        Dense(6, "tanh"),
        OUTPUT,
    ]


def test_layers_are_copied_and_the_output_is_added():
    layers = [Dense(6, "tanh"), Dropout(0.1)]
    est = fit(layers=layers)
    assert est.network_.layers == [*layers, OUTPUT]
    assert est.network_.layers[0] is not layers[0]
    assert not hasattr(layers[0], "W")
    assert fit(layers=tuple(layers)).network_.layers == est.network_.layers
    assert fit(layers=[]).network_.layers == [OUTPUT]


def test_one_layer_object_twice_is_two_layers():
    layer = Dense(4, "tanh")
    est = initial(layers=[layer, layer])
    assert not np.array_equal(est.coefs_[0], est.coefs_[1])


def test_layers_equal_the_arguments_that_describe_the_same():
    by_arguments = fit(hidden_layer_sizes=(6, 5), activation="softsign", dropout=0.3)
    by_layers = fit(layers=[Dense(6, "softsign"), Dropout(0.3), Dense(5, "softsign"), Dropout(0.3)])
    np.testing.assert_array_equal(by_arguments.network_.params, by_layers.network_.params)


def test_a_frozen_layer_stays():
    start = initial(layers=[Dense(6, "tanh", trainable=False)])
    est = fit(layers=[Dense(6, "tanh", trainable=False)], max_iter=3)
    np.testing.assert_array_equal(est.coefs_[0], start.coefs_[0])
    assert not np.array_equal(est.coefs_[1], start.coefs_[1])


@pytest.mark.parametrize(
    ("activation", "n_layers", "between"),
    [
        ("tanh", 2, GlorotUniform()),
        ("logistic", 2, GlorotUniform(gain=4.0)),
        ("relu", 2, GlorotUniform()),
        ("relu", 9, GlorotUniform()),
        ("relu", 10, HeNormal()),
        (LeakyRelu(0.3), 10, HeNormal(negative_slope=0.3)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_init_reports_what_auto_picked(activation, n_layers, between, batch_norm):
    est = fit(hidden_layer_sizes=(5,) * n_layers, activation=activation, batch_norm=batch_norm)
    assert est.init_ == [GlorotUniform(), *[between] * (n_layers - 1), GlorotUniform()]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_default_biases_let_a_small_network_learn_circles(activation):
    # With zero biases a tanh network is an odd function, and circles are even.
    X, y = make_circles(200, noise=0.05, factor=0.5, random_state=0)
    est = MinNetClassifier((20,), activation, learning_rate_init=0.02, random_state=0)
    assert est.fit(X, y).score(X, y) > 0.95


W0 = np.arange(20.0).reshape(4, 5) / 10


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ("glorot", [GlorotUniform(), GlorotUniform()]),
        ({"name": "orthogonal", "gain": 2.0}, [Orthogonal(gain=2.0)] * 2),
        (GlorotNormal(), [GlorotNormal()] * 2),
        (GlorotNormal, [GlorotNormal()] * 2),
        (0.5, [Constant(0.5)] * 2),
        (["he", "zeros"], [HeNormal(), Zeros()]),
        ([W0, "auto"], [FromArray(W0), GlorotUniform()]),
        ([None, "auto"], [GlorotUniform(), GlorotUniform()]),
    ],
    ids=str,
)
def test_init_in_each_of_its_forms(init, expected):
    est = initial(hidden_layer_sizes=(5,), init=init)
    assert est.init_ == expected


def test_init_list_is_one_entry_per_weight_matrix():
    est = initial(hidden_layer_sizes=(5,), init=[W0, "zeros"], bias_init=["ones", 0.5])
    np.testing.assert_array_equal(est.coefs_[0], W0)
    assert not est.coefs_[1].any()
    assert (est.intercepts_[0] == 1).all()
    assert (est.intercepts_[1] == 0.5).all()


@pytest.mark.parametrize("argument", ["init", "bias_init"])
def test_the_output_layer_has_its_entry_too(argument):
    options = {"layers": [Dense(5, "tanh", **{argument: 0.5}), Dense(4, "tanh")]}
    own = initial(**options, output_layer={argument: 0.25}, **{argument: [None, 1.0, None]})
    listed = initial(**options, **{argument: [None, 1.0, 0.25]})
    np.testing.assert_array_equal(own.network_.params, listed.network_.params)
    arrays = own.coefs_ if argument == "init" else own.intercepts_
    assert [array.ravel()[0] for array in arrays] == [0.5, 1.0, 0.25]
    with pytest.raises(
        ValueError, match=rf"^{argument}\[2\] must be None, since layers\[2\] names"
    ):
        initial(**options, output_layer={argument: 0.25}, **{argument: [None, 1.0, 2.0]})


def test_init_by_function():
    def ramp(shape, rng):
        assert isinstance(rng, np.random.Generator)
        return np.full(shape, shape[0] / 10)

    est = initial(hidden_layer_sizes=(5,), init=ramp, bias_init=lambda shape: np.ones(shape))
    assert (est.coefs_[0] == 0.4).all()
    assert (est.coefs_[1] == 0.5).all()
    assert all((b == 1).all() for b in est.intercepts_)


def test_init_serves_the_layers_that_name_none():
    layers = [Dense(5, init="orthogonal"), Dense(4)]
    est = fit(layers=layers, init="he_normal", bias_init=0.1)
    assert est.init_ == [Orthogonal(), HeNormal(), HeNormal()]
    est = fit(layers=layers, init=[None, "zeros", "glorot"])
    assert est.init_ == [Orthogonal(), Zeros(), GlorotUniform()]


def test_linear_model_learns_from_zeros():
    target = X @ [1.0, -2.0, 0.5, 0.0]
    est = MinNetRegressor(hidden_layer_sizes=(), init="zeros", solver="lbfgs", alpha=0, tol=1e-8)
    np.testing.assert_allclose(
        est.fit(X, target).coefs_[0].ravel(), [1, -2, 0.5, 0], rtol=0, atol=1e-5
    )


class TestRandomState:
    def test_same_int_same_bits(self):
        arguments = {"hidden_layer_sizes": (6,), "dropout": 0.3, "batch_size": 7, "max_iter": 3}
        one, two = fit(**arguments), fit(**arguments)
        np.testing.assert_array_equal(one.network_.params, two.network_.params)
        other = fit(**arguments, **{"random_state": 1})
        assert not np.array_equal(one.network_.params, other.network_.params)

    def test_an_instance_is_consumed_once_a_fit(self):
        rng, reference = np.random.RandomState(5), np.random.RandomState(5)
        fit(hidden_layer_sizes=(6, 5), batch_size=4, max_iter=4, random_state=rng)
        reference.bytes(8)
        assert rng.randint(2**31) == reference.randint(2**31)

    def test_an_instance_gives_another_model_each_time(self):
        est = MinNetClassifier((5,), max_iter=1, random_state=np.random.RandomState(0))
        first = est.fit(X, Y).coefs_[0].copy()
        assert not np.array_equal(first, est.fit(X, Y).coefs_[0])

    def test_none_gives_another_model_each_time(self):
        one, two = fit(random_state=None), fit(random_state=None)
        assert not np.array_equal(one.coefs_[0], two.coefs_[0])

    def test_a_layers_width_leaves_the_draws_of_others(self):
        # Units that the layers have in common start from the same numbers of their streams.
        narrow = initial(hidden_layer_sizes=(5, 4, 3), init="glorot")
        wide = initial(hidden_layer_sizes=(5, 4, 9), init="glorot")
        for i in (0, 1):
            np.testing.assert_array_equal(narrow.coefs_[i], wide.coefs_[i])
        assert narrow.coefs_[2].shape != wide.coefs_[2].shape

    def test_dropout_leaves_the_weights_draws(self):
        plain = initial(hidden_layer_sizes=(5, 4))
        dropped = initial(hidden_layer_sizes=(5, 4), dropout=0.5)
        for one, two in zip(plain.coefs_, dropped.coefs_, strict=True):
            np.testing.assert_array_equal(one, two)

    @pytest.mark.parametrize("init", ["glorot_uniform", "he_normal", "orthogonal", "sparse"])
    def test_both_dtypes_start_from_the_same_numbers(self, init):
        arguments = {
            "hidden_layer_sizes": (6,),
            "init": init,
            "max_iter": 1,
            "learning_rate": lambda step: 0.0,
            "random_state": 3,
        }
        double = MinNetClassifier(**arguments).fit(X, Y)
        single = MinNetClassifier(**arguments).fit(X.astype(np.float32), Y)
        for one, two in zip(double.coefs_, single.coefs_, strict=True):
            assert two.dtype == np.float32
            np.testing.assert_array_equal(one.astype(np.float32), two)


def test_clone_and_params_keep_layers_and_initializers():
    est = MinNetClassifier(layers=[Dense(5, "tanh", init=W0)], init=GlorotNormal())
    copy = clone(est)
    assert copy.layers == est.layers
    assert copy.layers[0] is not est.layers[0]
    assert copy.get_params()["init"] == GlorotNormal()
    assert "Dense(5, activation=Tanh()" in repr(est).replace("\n", "")
