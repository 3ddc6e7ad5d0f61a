"""Models of PyTorch: nothing of them changes, and the way back is to the same numbers."""

import copy
import importlib
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minnet import (
    SGD,
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    Network,
    PiecewiseLinear,
    copy_weights,
)  # fmt: skip
from minnet.lab import diagnose, find_learning_rate, jacobians, probe
from minnet.lab.subject import network_of, subject_of
from minnet.layers import Layer
from minnet.pytorch import network_from_torch, torch_from_network

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn

pytestmark = pytest.mark.dev


from torch_modules import ACTIVATIONS, CLASSES, RNG, SHAPES, D, N, X, leaves, made  # noqa: E402


def everything_of(model):
    return {
        **{key: value.clone() for key, value in model.state_dict().items()},
        **{f"grad {key}": p.grad for key, p in model.named_parameters()},
        **{f"mode {key}": module.training for key, module in model.named_modules()},
        "random": torch.get_rng_state(),
    }


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("call", [probe, diagnose, jacobians])
def test_nothing_of_the_model_changes(training, call):
    model = made([nn.Linear(D, 6), nn.BatchNorm1d(6), nn.Mish(), nn.Dropout(), nn.Linear(6, 3)])
    called = []
    model[2].register_forward_hook(lambda *given: called.append(given))
    model.train(training)
    optimizer = torch.optim.Adam(model.parameters())
    nn.CrossEntropyLoss()(model(torch.tensor(X)), torch.tensor(CLASSES)).backward()
    optimizer.step()
    before, state = everything_of(model), copy.deepcopy(optimizer.state_dict())
    called.clear()
    random = np.random.get_state()[1].copy()  # noqa: NPY002
    with torch.no_grad():
        call(
            model,
            X,
            CLASSES,
            **({"random_state": 0} if call is jacobians else {"optimizer": optimizer}),
        )
        torch_from_network(network_from_torch(model), like=model)
    after = everything_of(model)
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[key], after[key]) for key in before)
    assert repr(optimizer.state_dict()) == repr(state)
    assert not called
    assert_array_equal(np.random.get_state()[1], random)  # noqa: NPY002


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ["tanh", "leaky", "elu", "mish", "none"])
def test_the_way_back_computes_the_same(shape, activation):
    model = made(SHAPES[shape](ACTIVATIONS[activation])).eval()
    network = network_from_torch(model)
    again = torch_from_network(network, like=model)
    assert_allclose(again(torch.tensor(X)).detach(), model(torch.tensor(X)).detach(), atol=1e-12)
    assert_allclose(network.forward(X), model(torch.tensor(X)).detach(), atol=1e-12)
    assert not again.training
    skipped = nn.Identity | nn.Flatten | nn.Dropout
    kinds = [type(module) for module in leaves(model) if not isinstance(module, skipped)]
    assert [type(m) for m in leaves(again) if not isinstance(m, skipped)] == kinds
    assert [p.shape for p in again.parameters()] == [p.shape for p in model.parameters()]
    assert repr(network_from_torch(again).layers) == repr(network.layers)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.zero_()  # which are its own
    assert all(np.array_equal(state[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("link", [nn.Softmax(1), nn.LogSoftmax(1), nn.Sigmoid()])
@pytest.mark.parametrize("loss", [None, "squared_error"])
def test_the_last_link_comes_back_once(link, loss):
    model = made([nn.Linear(D, 3), link])
    again = torch_from_network(network_from_torch(model, loss=loss), like=model)
    assert [type(module) for module in leaves(again)] == [nn.Linear, type(link)]
    assert_allclose(again(torch.tensor(X)).detach(), model(torch.tensor(X)).detach(), atol=1e-12)


def test_a_trained_network_goes_to_pytorch():
    layers = [Dense(6, "gelu"), BatchNorm("tanh"), Dropout(0.1), Dense(5), LayerNorm("silu", 0.1)]
    clf = MinNetClassifier(layers=layers, max_iter=3, tol=0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, CLASSES)
    model = torch_from_network(clf.network_)
    assert model.training
    assert_allclose(model.eval()(torch.tensor(X)).detach(), clf.network_.forward(X), atol=1e-12)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (lambda: Network([Dense(3, "lecun_tanh")]).initialize(D), "activations.*lecun_tanh"),
        (lambda: Network([Own()]).initialize(D), r"layers\[0\]"),
        (
            lambda: Network([PiecewiseLinear([3] * D)]).initialize(D),
            r"layers\[0\]: PiecewiseLinear",
        ),
        (lambda: made([nn.Linear(D, 3)]), "network must be a Network"),
    ],
)
def test_what_pytorch_lacks_is_named(network, said):
    with pytest.raises(TypeError, match=said):
        torch_from_network(network())


class Own(Layer):
    pass


def test_weights_are_copied_into_networks_and_estimators():
    model = made([nn.Linear(D, 6), nn.Tanh(), nn.Dropout(), nn.Linear(6, 3), nn.Softmax(1)]).eval()
    clf = MinNetClassifier(layers=[Dense(6, "tanh"), Dropout()], random_state=0)
    clf = clf.initialize(X, CLASSES)
    labels = copy_weights(model, clf)
    assert labels == ["layers[0].W", "layers[0].b", "layers[2].W", "layers[2].b"]
    assert_allclose(clf.predict_proba(X), model(torch.tensor(X)).detach(), atol=1e-12)
    single = Network([Dense(6, "tanh")]).initialize(D, dtype="float32")
    copy_weights(model, single, {0: 0})
    assert_array_equal(single.layers[0].W, model[0].weight.detach().float().T)
    with pytest.raises(TypeError, match="target must be a Network or a fitted estimator"):
        copy_weights(clf, model)


def test_what_is_read_can_be_copied_pickled_and_drawn_anew():
    model = made(
        [nn.Tanh(), nn.Linear(D, 6, bias=False), nn.Mish(), nn.Softmax(1), nn.Linear(6, 3)]
    )
    network = network_from_torch(model, CLASSES)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert_array_equal(other.forward(X), network.forward(X))
    before = network.forward(X)
    drawn = Network(network.layers, network.loss_, init="orthogonal").initialize(D, random_state=0)
    assert (drawn.forward(X) != before).all()
    assert not drawn.layers[1].b.any()
    assert network_of(model).layers == network.layers


def test_compiled_models_and_optimizers_of_theirs_are_read():
    model = made([nn.Linear(D, 3)])
    compiled = torch.compile(model)
    optimizer = torch.optim.SGD(compiled.parameters(), 0.1)
    found = probe(compiled, X, CLASSES, optimizer=optimizer)
    assert found["update_ratio"] > 0


def test_pruned_weights_are_trained():
    model = made([nn.Linear(D, 6), nn.Tanh(), nn.Linear(6, 3)])
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    importlib.import_module("torch.nn.utils.prune").random_unstructured(
        model[0], "weight", amount=0.5
    )
    network = subject_of(model, X, CLASSES, optimizer=optimizer).network
    assert_array_equal(network.layers[0].W, model[0].weight.detach().T)
    assert [row.lr_factor for row in network.parameter_table] == [1.0] * 4


def test_a_learning_rate_is_found_in_the_unit_of_pytorch():
    model = made([nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, 4)])
    y = RNG.normal(size=(N, 4))
    sgd = torch.optim.SGD(model.parameters(), 0.1)
    options = {"batch_size": N, "n_steps": 20}
    theirs = find_learning_rate(model, X, y, optimizer=sgd, low=0.01, high=1, **options)
    network = network_from_torch(model, y)  # with half the sum of squares, not the mean
    ours = find_learning_rate(network, X, y, optimizer=SGD(0.1), low=0.005, high=0.5, **options)
    assert_allclose(theirs.losses, ours.losses / 2)
    assert_allclose(theirs.suggestion, 2 * ours.suggestion)
