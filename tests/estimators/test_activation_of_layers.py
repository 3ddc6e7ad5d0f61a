"""The activation of an estimator is that of the layers in ``layers=`` that name none."""

import pickle
import re
import warnings

import numpy as np
import pytest
from sklearn.base import clone

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    load_model,
    save_model,
)
from minnet.activations import Identity, Tanh
from minnet.export import to_numpy_source
from minnet.layers import Layer, Parameter

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 3
LINEAR = Identity()

#: Hidden layers as a user gives them, and what they are under an estimator whose activation is tanh.
LISTS = [
    ([Dense(4)], [Dense(4, "tanh")]),
    ([Dense(4), Dense(3)], [Dense(4, "tanh"), Dense(3, "tanh")]),
    ([Dense(4, LINEAR), Dense(3)], [Dense(4, LINEAR), Dense(3, "tanh")]),
    ([Dense(4), Dropout(0.1), Dense(3, "relu")], [Dense(4, "tanh"), Dropout(0.1), Dense(3, "relu")]),
    ([Dense(4), BatchNorm()], [Dense(4, LINEAR), BatchNorm("tanh")]),
    ([Dense(4), BatchNorm(), Dropout(0.1)], [Dense(4, LINEAR), BatchNorm("tanh"), Dropout(0.1)]),
    ([Dense(4), Dropout(0.1), BatchNorm()], [Dense(4, LINEAR), Dropout(0.1), BatchNorm("tanh")]),
    ([Dense(4), BatchNorm("relu"), Dense(3)], [Dense(4, LINEAR), BatchNorm("relu"), Dense(3, "tanh")]),
    ([Dense(4, "relu"), BatchNorm(), Dense(3)], [Dense(4, "relu"), BatchNorm(LINEAR), Dense(3, "tanh")]),
    ([Dense(4), BatchNorm(LINEAR), Dense(3)], [Dense(4, LINEAR), BatchNorm(LINEAR), Dense(3, "tanh")]),
    ([Dense(4), LayerNorm(), Dropout(0.1)], [Dense(4, LINEAR), LayerNorm("tanh"), Dropout(0.1)]),
    ([Dense(4), LayerNorm("relu"), Dense(3)], [Dense(4, LINEAR), LayerNorm("relu"), Dense(3, "tanh")]),
    ([LayerNorm(), Dense(4)], [LayerNorm(LINEAR), Dense(4, "tanh")]),
    ([Dense(4, "relu"), LayerNorm(), Dense(3)], [Dense(4, "relu"), LayerNorm(LINEAR), Dense(3, "tanh")]),
    ([BatchNorm(), Dropout(0.1), Dense(4)], [BatchNorm(LINEAR), Dropout(0.1), Dense(4, "tanh")]),
]  # fmt: skip

lists = pytest.mark.parametrize(("given", "meant"), LISTS, ids=[str(given) for given, _ in LISTS])


def classifier(layers, activation="tanh"):
    return MinNetClassifier(layers=layers, activation=activation, max_iter=2, random_state=0)


def from_file(est, path):
    save_model(est, path / "model.safetensors")
    return load_model(path / "model.safetensors")


#: What a user does with an estimator until it is fitted.
WAYS = {
    "fit": lambda est, path: est.fit(X, Y),
    "partial_fit": lambda est, path: est.partial_fit(X, Y, classes=range(3)),
    "initialize": lambda est, path: est.initialize(X, Y),
    "fit_stream": lambda est, path: est.fit_stream([(X, Y)], classes=range(3)),
    "warm start": lambda est, path: est.set_params(warm_start=True).fit(X, Y).fit(X, Y),
    "clone": lambda est, path: clone(est).fit(X, Y),
    "pickle": lambda est, path: pickle.loads(pickle.dumps(est)).fit(X, Y),
    "pickle of a fitted one": lambda est, path: pickle.loads(pickle.dumps(est.fit(X, Y))),
    "file": lambda est, path: from_file(est, path).fit(X, Y),
    "file of a fitted one": lambda est, path: from_file(est.fit(X, Y), path),
    "set_params": lambda est, path: (
        MinNetClassifier().set_params(**est.get_params(False)).fit(X, Y)
    ),
}


@lists
@pytest.mark.parametrize("way", WAYS)
def test_layers_without_an_activation_have_the_estimators(way, given, meant, tmp_path):
    before = [layer.copy() for layer in given]
    est = WAYS[way](classifier(given), tmp_path)
    assert est.network_.layers == [*meant, Dense(3, "identity")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        named = WAYS[way](classifier(meant, "relu"), tmp_path)  # which is the default
    np.testing.assert_array_equal(est.network_.params, named.network_.params)
    assert given == before == est.layers  # an argument stays as it was given


@lists
def test_it_is_what_exports_and_tables_show(given, meant):
    est, names = classifier(given).fit(X, Y), {}
    exec(to_numpy_source(est), names)
    np.testing.assert_allclose(names["predict_proba"](X), est.predict_proba(X), atol=1e-12)
    assert str(est.summary()) == str(classifier(meant, "relu").fit(X, Y).summary())


@lists
def test_in_a_network_they_are_linear(given, meant):
    network = Network([*given, Dense(3)])
    for layer, named in zip(network.layers, given, strict=False):
        assert layer.activation == (
            named.activation or (None if isinstance(named, Dropout) else LINEAR)
        )
    again = pickle.loads(pickle.dumps(network.initialize(4, random_state=0)))
    assert again.layers == network.layers
    np.testing.assert_array_equal(again.predict(X), network.predict(X))


def test_a_layer_that_is_put_into_a_network_later_is_linear():
    network = Network([Dense(4, "tanh")])
    network.layers.append(Dense(3))
    assert network.initialize(4, random_state=0).layers[1].activation == LINEAR
    with pytest.raises(TypeError, match=r"^activation of Dense|^activation must"):
        network.layers[1].activation = None
    assert network.layers[1].activation == LINEAR


class Squares(Layer):
    """A layer of a user's own, which begins a hidden layer."""

    def __init__(self, activation=None):
        self.activation = activation

    def forward(self, X, ctx):
        ctx.X = X
        return X**2

    def backward(self, dY, ctx):
        return 2 * dY * ctx.X


class Plain(Dense):
    """A Dense of a user's own without an argument for the activation."""

    def __init__(self, units):
        super().__init__(units)


class Open(Dense):
    """A Dense of a user's own with one."""

    def __init__(self, units, activation=None):
        super().__init__(units, activation)


def test_layers_of_users_own():
    est = classifier([Dense(4), Squares(), BatchNorm(), Plain(5), Open(3)]).fit(X, Y)
    found = [layer.activation for layer in est.network_.layers]
    assert found == [Tanh(), None, LINEAR, LINEAR, Tanh(), LINEAR]
    again = pickle.loads(pickle.dumps(est))
    np.testing.assert_array_equal(again.predict_proba(X), est.predict_proba(X))


@pytest.mark.parametrize("est", [MinNetClassifier, MinNetRegressor])
@pytest.mark.parametrize("layers", [[], [Dense(4, "relu")], [BatchNorm(), Dropout(0.1)]], ids=str)
def test_an_activation_that_no_layer_takes_is_refused(est, layers):
    with pytest.raises(
        ValueError, match="activation must be left at its default 'relu' where each"
    ):
        est(layers=layers, activation="tanh").fit(X, Y)


LABELS = np.eye(3, dtype=int)[Y] + np.eye(3, dtype=int)[np.roll(Y, 5)] * (X[:, :1] > 0)

#: The last of the hidden layers, what is learned, and whether it seems to be meant as the output.
LAST = [
    (Dense(3), Y, True),
    (Dense(3, "identity"), Y, True),
    (Dense(3, "tanh"), Y, False),
    (Dense(4), Y, False),
    (Dense(1), Y == 1, True),
    (Dense(2), Y == 1, True),
    (Dense(1, "sigmoid"), Y == 1, True),
    (Dense(1, "relu"), Y == 1, False),
    (Dense(1), X[:, 0], True),
    (Dense(4), X, True),
    (Dense(4, "sigmoid"), X, False),
    (Dense(3, "sigmoid"), Y, False),
    (Dense(3, "sigmoid"), LABELS, True),
    (Dense(3), LABELS, True),
    (Dense(2, "sigmoid"), Y == 1, False),
]


@pytest.mark.parametrize(("last", "y", "warned"), LAST, ids=str)
@pytest.mark.parametrize(
    "before", [[], [Dense(16, "relu")], [Dense(16), BatchNorm(), Dropout(0.1)]]
)
def test_an_output_layer_among_the_hidden_ones_is_told_of(before, last, y, warned, recwarn):
    cls = MinNetClassifier if y.dtype.kind in "ib" else MinNetRegressor
    est = cls(layers=[*before, last], max_iter=2).fit(X, y)
    told = [w for w in recwarn if "the output layer" in str(w.message)]
    assert len(told) == warned
    assert all(w.filename == __file__ and repr(last) in str(w.message) for w in told)
    assert all("softmax" in str(w.message) for w in told)

    def again(*layers):
        recwarn.clear()
        est.set_params(layers=[*before, *layers]).fit(X, y)
        return len([w for w in recwarn if "the output layer" in str(w.message)])

    assert again(last, last) == (warned and last.activation is None)  # or a deep linear network
    assert not again(last, BatchNorm("tanh" if last.activation else None))
    assert not again(last, Dropout(0.1))
    if warned:  # the advice is right
        [advised] = re.findall(r"as in (Dense\(\d+, '\w+'\))", str(told[0].message))
        assert not again(eval(advised))


class Own(Layer):
    """A fully connected layer as a user writes it, who keeps the activation as it is given."""

    takes_activation = True

    def __init__(self, units, activation=None):
        self.units = units
        self.activation = activation

    def output_size(self, n_inputs):
        return self.units

    def parameters(self, n_inputs):
        return {"W": Parameter((n_inputs, self.units), is_weight=True)}

    def forward(self, X, ctx):
        ctx.X, ctx.Z = X, X @ self.W
        ctx.Y = self.activation(ctx.Z)
        return ctx.Y

    def backward(self, dY, ctx):
        dZ = dY * self.activation.derivative(ctx.Z, ctx.Y)
        ctx.dW = ctx.X.T @ dZ
        return dZ @ self.W.T


@pytest.mark.parametrize("chosen", ["tanh", Tanh()])
def test_own_layer_is_given_an_activation_object(chosen):
    est = classifier([Own(8)], chosen).fit(X, Y)
    assert est.network_.layers[0].activation == Tanh()
    assert Network([Own(8), Dense(3)]).layers[0].activation == LINEAR


@pytest.mark.parametrize("takes", [True, False])
def test_own_layer_with_a_name_for_an_activation_is_told_of_get_activation(takes):
    given = type("Mine", (Own,), {"takes_activation": takes})(8, "tanh")
    sentence = r"layers\[1\].activation .* got 'tanh': Mine.__init__ is to keep get_activation"
    for use in (lambda layers: classifier(layers).fit(X, Y), Network):
        with pytest.raises(TypeError, match=sentence):
            use([Dense(4), given])
