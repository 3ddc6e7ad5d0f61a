"""Residual blocks: Y = X + s F(X), flat in a network, whole in what a user writes."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetTransformer,
    Network,
    Residual,
    Trainer,
    check_gradients,
    load_model,
    pretrain,
    save_model,
)
from minnet.lab import jacobians, probe
from minnet.lab.jacobians import layer_jacobians, products
from minnet.mup import mup
from minnet.pytorch import torch_from_network
from minnet.residual import Add, Split, fixup, skips, without_open_skips

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(12, 5)), RNG.integers(3, size=12)

BLOCKS = {
    "one": [Dense(6, "tanh"), Residual([Dense(4, "relu"), Dense(6)], 0.5)],
    "first": [Residual([Dense(5)], 2.0, True)],
    "last": [Dense(3, "tanh"), Residual([Dense(7, "softplus"), Dense(3)], -0.7, True)],
    "nested": [Dense(6), Residual([Residual([Dense(6, "tanh")], 0.3, True), Dense(6)], 0.5, True)],
    "in a row": [Dense(6), *(Residual([Dense(6, "silu"), Dense(6)], 0.0, True) for _ in range(3))],
    "inside out": [Residual([Residual([Residual([Dense(5, "elu")])], 0.4)], 0.5, True)],
    "norm": [Dense(6), Residual([BatchNorm("tanh"), Dense(6), BatchNorm("relu"), Dense(6)], 0.5)],
    "frozen": [Dense(6), Residual([Dense(6, "tanh", trainable=False), Dense(6)], 0.5, True)],
    "no weights": [Dense(6), Residual([Dropout(0.0), BatchNorm("tanh")], 0.5, True)],
}


def network(name, dtype="float64", **options):
    last = [] if name == "last" else [Dense(3)]
    return Network([*BLOCKS[name], *last], bias_init="uniform", **options).initialize(5, 0, dtype)


def by_formula(layers, values, Y):
    """Return X + s F(X) block by block; ``values`` are the network's layers, in order."""
    for layer in layers:
        if isinstance(layer, Residual):
            assert type(next(values)) is Split
            F = by_formula(layer.layers, values, Y)
            Y = Y + next(values).s[0] * F
        else:
            one = next(values)
            if isinstance(one, Dense):
                Y = one.activation(Y @ one.W + one.b)
            elif isinstance(one, BatchNorm):
                X_hat = (Y - one.running_mean) / np.sqrt(one.running_var + one.epsilon)
                Y = one.activation(one.gamma * X_hat + one.beta)
    return Y


@pytest.mark.parametrize("name", BLOCKS)
def test_forward_is_the_formula(name):
    net = network(name)
    layers = BLOCKS[name] if name == "last" else [*BLOCKS[name], Dense(3)]
    np.testing.assert_allclose(net.forward(X), by_formula(layers, iter(net.layers), X), rtol=1e-12)
    assert net.forward(X, return_all=True)[-1].shape == (12, 3)


@pytest.mark.parametrize("weights", [None, np.arange(12.0)])
@pytest.mark.parametrize("name", BLOCKS)
def test_backward_is_the_derivative(name, weights):
    assert check_gradients(network(name, alpha=0.1), X, T, weights).ok


@pytest.mark.parametrize("name", BLOCKS)
def test_jacobians_are_the_derivative(name):
    net = network(name)
    for layer in net.layers:
        if isinstance(layer, Dense):
            layer.W = layer.W + 0.3
    x, step = X[:1], 1e-6
    matrices = layer_jacobians(net, x)
    through = dict(products(net, matrices, 0, len(net.layers) - 1))
    for i, J in through.items():
        sides = [net.forward(x + sign * step * np.eye(5), return_all=True)[i] for sign in (1, -1)]
        np.testing.assert_allclose(J.T, (sides[0] - sides[1]) / (2 * step), atol=1e-7)
    for begin, end in skips(net.layers).items():  # of the block
        np.testing.assert_allclose(
            matrices[end], dict(products(net, matrices, begin, end))[end], rtol=1e-12
        )
    assert np.isfinite(jacobians(net, X, n_samples=2, random_state=0).end_to_end).all()
    assert probe(net, X, T, n_jacobians=1)["product", "rms"].shape == (
        len(probe(net, X, T).layers),
    )


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Add()], r"layers\[0\] must have a Split below it, got Add\(\)"),
        ([Split(), Dense(3)], r"layers\[0\] must have an Add above it"),
        ([Dense(4), Residual([Dense(5)])], "as many outputs as inputs, .* got 4 inputs and 5"),
    ],
)
def test_what_does_not_fit_is_said(layers, message):
    with pytest.raises(ValueError, match=message):
        Network(layers).initialize(3)


def fitted(layers, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MinNetClassifier(layers=layers, random_state=0, **given).fit(X, T)


@pytest.mark.parametrize("branch", [[], 5, [3], [Dense], [Split()], [Add(), Split()]])
def test_a_branch_has_layers(branch):
    with pytest.raises((TypeError, ValueError), match="layers"):
        Residual(branch)


def within_itself(block):
    block.layers = [block]


CHANGES = {
    "emptied": (lambda block: block.layers.clear(), "at least one layer, got an empty list"),
    "with a Split": (lambda block: block.layers.append(Split()), "must have an Add above it"),
    "with a text": (lambda block: block.layers.append("relu"), "must be a Layer such as Dense"),
    "within itself": (within_itself, "must not contain the block itself"),
    "within itself twice": (
        lambda block: block.layers.extend([block] * 2),
        "contain the block itself",
    ),
}
USES = {
    "Network": lambda model, block, path: Network([block]),
    "fit": lambda model, block, path: model.fit(X, T),
    "save": lambda model, block, path: save_model(model, path / "saved"),
    "put into a block": lambda model, block, path: Residual([Dense(5), block]),
    "mup": lambda model, block, path: mup([block, Dense(3)], 2),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("change", CHANGES)
def test_a_branch_that_was_changed_is_looked_at_again(change, use, tmp_path):
    block = Residual([Dense(5)])
    model = fitted([block], max_iter=1)
    (make, message), before = CHANGES[change], model.predict(X)
    make(block)
    with pytest.raises((TypeError, ValueError), match=message):
        USES[use](model, block, tmp_path)
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(model.predict(X), before)
    assert len(repr(block)) < 200


def nested(depth):
    layers = [Dense(5)]
    for _ in range(depth):
        layers = [Residual(layers, 0.1)]
    return layers


@pytest.mark.parametrize("depth", [8, 60])
def test_nested_blocks_are_saved(depth, tmp_path):
    model = fitted(nested(depth), max_iter=1)
    save_model(model, tmp_path / "saved")
    loaded = load_model(tmp_path / "saved")
    assert loaded.layers == model.layers
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_too_many_nested_blocks_for_a_file_are_told(tmp_path):
    with pytest.raises(ValueError, match="nested at most"):
        save_model(fitted(nested(70), max_iter=1), tmp_path / "saved")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda layers: (layer for layer in layers)])
def test_a_branch_may_be_read_once(kind):
    layers = [Dense(4, "relu"), Dense(5)]
    block = Residual(kind(layers))
    assert list(block.layers) == list(block.copy().layers) == layers
    assert len(Network(kind([block])).initialize(5).layers) == 4
    with pytest.raises(ValueError, match="got an empty list"):
        Residual(kind([]))


def test_an_add_alone_says_what_it_needs():
    from minnet.layers import Context

    with pytest.raises(ValueError, match="after its Split"):
        network("one").layers[4].forward(X, Context())


def test_pretraining_has_no_blocks():
    with pytest.raises(ValueError, match="residual block"):
        pretrain(network("one"), X)


def test_pytorch_has_no_blocks():
    pytest.importorskip("torch")
    with pytest.raises(TypeError, match="no residual block, for which PyTorch has no module"):
        torch_from_network(network("one"))


def test_a_drawing_has_a_line_from_each_split_to_its_add():
    drawing = network("nested")._repr_html_()
    paths = [line.partition('"')[0] for line in drawing.split('<path class="skip" d="')[1:]]
    outer = ["M50 50H97V100", *["M97 0V100"] * 4, "M50 50H97V0"]
    assert sorted(paths) == sorted([*outer, "M50 50H93V100", "M93 0V100", "M50 50H93V0"])


class OwnSplit(Split):
    pass


class OwnAdd(Add):
    pass


def test_a_drawing_knows_layers_by_what_they_do():
    def drawn(begin, end):
        layers = [Dense(5), begin, Dense(5), end]
        html = Network(layers, "squared_error").initialize(5)._repr_html_()
        return html.replace("OwnSplit", "Split").replace("OwnAdd", "Add")

    assert drawn(OwnSplit(), OwnAdd()) == drawn(Split(), Add())


@pytest.mark.parametrize(("optimizer", "wide"), [("adam", 1 / 4), ("sgd", 1.0)])
def test_mup_scales_the_width_of_blocks(optimizer, wide):
    layers = [Dense(32, "relu"), Residual([Dense(32, "relu"), Dense(32)], 0.5, True), Dense(3)]
    scaled = mup(layers, base_width=8, optimizer=optimizer)
    assert [type(layer) for layer in scaled] == [type(layer) for layer in Network(layers).layers]
    factors = [layer.lr_factor for layer in scaled if not isinstance(layer, Split)]
    assert factors[1:4] == [wide, wide, 1.0]
    Network(scaled).initialize(5, random_state=0)


# ---- estimators


def classifier(name="nested", **options):
    given = {"max_iter": 2, "random_state": 0, "tol": 0.0}
    return MinNetClassifier(layers=BLOCKS[name], **(given | options))


def fit(estimator, *data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*data)


def test_the_last_of_a_branch_is_linear_and_others_take_the_activation():
    block = Residual([BatchNorm(), Dense(4), Dense(6), BatchNorm(), Dropout(0.1)])
    clf = fit(MinNetClassifier(activation="tanh", max_iter=1, layers=[Dense(6), block]), X, T)
    names = [getattr(layer.activation, "name", None) for layer in clf.network_.layers]
    linear = "identity"
    assert names == ["tanh", None, linear, "tanh", linear, linear, None, None, linear]
    assert clf.layers[1].layers[2] == Dense(6)  # what was given is as it was


@pytest.mark.parametrize("name", BLOCKS)
def test_what_an_estimator_does_with_blocks(name, tmp_path):
    clf = fit(classifier(name), X, T)
    P = clf.predict_proba(X)
    assert repr(clone(clf)) == repr(clf)
    assert "Split" not in repr(clf)
    save_model(clf, tmp_path / "model")
    for other in (
        load_model(tmp_path / "model"), pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf),
        fit(clone(clf), X, T),
    ):  # fmt: skip
        assert other.layers == clf.layers
        np.testing.assert_array_equal(other.predict_proba(X), P)
        other.partial_fit(X, T)
        np.testing.assert_array_equal(
            other.network_.params, copy.deepcopy(clf).partial_fit(X, T).network_.params
        )
    outputs = clf.network_.forward(X, return_all=True)
    for i, Y in enumerate(outputs):
        features = fit(MinNetTransformer(FrozenEstimator(clf), layer=f"layers[{i}]"), X, T)
        np.testing.assert_allclose(features.transform(X), Y, rtol=1e-12, atol=1e-14)
    assert clf.network_.summary()
    assert clf.network_._repr_html_()


def test_blocks_have_parameters_to_search():
    clf = classifier()
    assert clf.get_params()["layers__1__layers__0__layers__0__units"] == 6
    search = GridSearchCV(
        clf, {"layers__1__scale": [0.1, 1.0], "layers__1__layers__0__layers__0__activation": ["relu"]},
        cv=2,
    )  # fmt: skip
    best = fit(search, X, T).best_estimator_
    assert best.layers[1].layers[0].layers[0].activation.name == "relu"
    assert clf.layers == BLOCKS["nested"]


def test_a_saved_training_goes_on_to_the_same_bits(tmp_path):
    trainers = [Trainer(network("nested"), "adam", batch_size=4) for _ in range(2)]
    data = trainers[0].network.check_batch(X, T)
    for _ in range(4):
        trainers[0].run_epoch(*data)
    for _ in range(2):
        trainers[1].run_epoch(*data)
    save_model(trainers[1], tmp_path / "trainer")
    other = load_model(tmp_path / "trainer")
    for _ in range(2):
        other.run_epoch(*data)
    np.testing.assert_array_equal(other.network.params, trainers[0].network.params)


# ---- where they begin


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("n_blocks", [1, 10, 100])
def test_fixup(n_blocks, m):
    branch = [*(Dense(64, "relu") for _ in range(m - 1)), Dense(64)]
    layers = [Dense(64, "relu"), *(Residual(branch) for _ in range(n_blocks)), Dense(10)]
    net = Network(fixup(layers)).initialize(64, random_state=0)
    inputs = RNG.normal(size=(4, 64))
    outputs = net.forward(inputs, return_all=True)
    for begin, end in skips(net.layers).items():
        np.testing.assert_array_equal(outputs[begin], outputs[end])
        assert net.layers[end].s == 1
        assert net.layers[end].trainable
        assert not net.layers[end - 1].W.any()
        for layer in net.layers[begin + 1 : end - 1]:
            factor = n_blocks ** (-1 / (2 * m - 2))
            assert layer.W.std() * np.sqrt(64 / 2) == pytest.approx(factor, rel=0.05)
    assert not outputs[-1].any()
    assert layers[1] == Residual(branch)
    if (m, n_blocks) == (2, 100):
        assert net.init_["layers[2].W"].gain == pytest.approx(0.1)


def test_fixup_under_an_estimator():
    layers = fixup([Dense(6, "relu"), Residual([Dense(6, "relu"), Dense(6)])], output=False)
    clf = MinNetClassifier(layers=layers, init="zeros", random_state=0).initialize(X, T)
    assert not clf.network_.layers[-1].W.any()
    assert clf.network_.layers[0].W.any()
    assert len(np.unique(clf.predict_proba(X))) == 1


@pytest.mark.parametrize(
    "layers", [[Dense(3)], [Residual([Residual([Dense(3)])])], [Residual([Dropout(0.5)])]]
)
def test_fixup_needs_blocks_that_it_knows(layers):
    with pytest.raises(ValueError, match="Residual block"):
        fixup(layers)


@pytest.mark.parametrize("trained", [True, False])
def test_a_scale_of_0_is_the_identity_until_it_is_trained(trained):
    data = load_digits().data[:100] / 16, load_digits().target[:100]
    block = Residual([Dense(8, "relu"), Dense(8)], 0.0, trained)
    net = Network([Dense(8, "relu"), *[block] * 5, Dense(10)]).initialize(64, random_state=0)
    outputs = net.forward(data[0], return_all=True)
    np.testing.assert_array_equal(outputs[0], outputs[-2])
    Trainer(net, "adam").run_epoch(*net.check_batch(*data))
    assert all(bool(net.layers[end].s != 0) is trained for end in skips(net.layers).values())


@pytest.mark.parametrize("scales", [[1.0] * 10, [10**-0.5] * 10, [0.7**i for i in range(10)]])
def test_variances_are_multiplied_by_1_plus_s_squared_c(scales):
    """He's weights for the rectifier, LeCun's above: F gives c = 1 times the mean square it gets."""
    n, ratios = 200, []
    data = np.random.default_rng(1).normal(size=(8, n))
    for seed in range(6):
        branch = [Dense(n, "relu", init="he_normal"), Dense(n, init="lecun_normal")]
        net = Network([Residual(branch, s) for s in scales], "squared_error", bias_init="zeros")
        Y = net.initialize(n, random_state=seed).forward(data)
        ratios.append(np.square(Y).mean() / np.square(data).mean())
    assert np.mean(ratios) == pytest.approx(np.prod(1 + np.square(scales)), rel=0.15)


def test_the_first_layers_of_a_network_have_no_open_skip():
    flat = network("nested").layers
    for n in range(1, len(flat) + 1):
        skips(without_open_skips(flat[:n]))
    assert without_open_skips(flat) == flat
