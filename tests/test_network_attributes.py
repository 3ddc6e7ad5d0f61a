"""What is set on a network holds or is refused; of what it has not it is said where that is."""

import pickle

import numpy as np
import pytest

from minnet import (
    BatchNorm,
    Dense,
    MinNetClassifier,
    Network,
    Trainer,
    check_gradients,
    save_model,
)
from minnet.backends import list_backends, make_backend
from minnet.initializers import gradient_quotient
from minnet.losses import Huber
from minnet.persistence import load_model
from minnet.pretraining import pretrain

X = np.random.default_rng(0).normal(size=(12, 4))
T = np.arange(12) % 3


def make(loss="log_loss"):
    return Network([Dense(5), BatchNorm("tanh"), Dense(3)], loss=loss).initialize(4, random_state=0)


#: What may be assigned for a vector of numbers.
FORMS = {
    "array": lambda new: new,
    "list": lambda new: new.tolist(),
    "float32": lambda new: new.astype("float32"),
    "strided": lambda new: np.repeat(new, 2)[::2],
    "read-only": lambda new: np.frombuffer(new.tobytes()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["params", "state"])
@pytest.mark.parametrize("backend", list_backends())
def test_a_buffer_that_is_assigned_is_copied_in(backend, name, form):
    network = make()
    compiled = make_backend(backend, network)
    buffer = getattr(network, name)
    new = (0.5 * buffer + 0.25).astype("float32").astype(float)
    expected = make()
    getattr(expected, name)[...] = new
    setattr(network, name, FORMS[form](new))
    assert getattr(network, name) is buffer
    np.testing.assert_array_equal(network.layers[0].W, expected.layers[0].W)
    np.testing.assert_array_equal(network.layers[1].running_var, expected.layers[1].running_var)
    for of_network, of_expected in (
        (network.forward(X), expected.forward(X)),
        (pickle.loads(pickle.dumps(network)).forward(X), expected.forward(X)),
        (network.loss_and_grad(X, T)[1], expected.loss_and_grad(X, T)[1]),
        (compiled.forward(X), make_backend(backend, expected).forward(X)),
    ):
        np.testing.assert_array_equal(of_network, of_expected)


def test_a_step_of_gradient_descent_by_hand_is_that_of_the_trainer():
    by_hand, trained = make(), make()
    Trainer(trained, "sgd", batch_size=12, shuffle=False).run_epoch(X, T)
    rate = Trainer(make(), "sgd").optimizer.learning_rate
    by_hand.params = by_hand.params - rate * by_hand.loss_and_grad(X, T)[1]
    np.testing.assert_allclose(by_hand.params, trained.params, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["params", "state"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros(3), r"must have shape \(\d+,\), got \(3,\)"),
        (0.0, r"must have shape \(\d+,\), got \(\)"),
        (None, r"must have shape \(\d+,\), got \(\)"),
        ("zeros", "must be real numbers, got strings"),
        ([[1, 2], [3]], "must be an array of real numbers"),
    ],
)
def test_a_buffer_that_does_not_fit_is_refused(name, value, message):
    network = make()
    before = network.params.copy(), network.state.copy()
    with pytest.raises(ValueError, match=f"^{name} {message}"):
        setattr(network, name, value)
    np.testing.assert_array_equal(network.params, before[0])
    np.testing.assert_array_equal(network.state, before[1])


@pytest.mark.parametrize(
    ("flat", "message"),
    [
        (np.zeros(3), r"got an array of shape \(3,\)"),
        (np.zeros((2, 96)), r"got an array of shape \(2, 96\)"),
        (make().loss_and_grad(X, T), "got a tuple"),
        ([0.0], "got a list"),
        (None, "got a NoneType"),
    ],
)
def test_views_of_what_is_no_vector_of_the_layout(flat, message):
    with pytest.raises(
        ValueError, match=rf"^flat must be an array of shape \(\d+,\), .*, {message}"
    ):
        make().views(flat)
    with pytest.raises(ValueError, match="call initialize"):
        Network([Dense(3)]).views(np.zeros(3))


LOSSES = {
    "name": "squared_error",
    "object": Huber(0.7),
    "same": "log_loss",
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("backend", list_backends())
def test_a_loss_that_is_assigned_holds_from_then_on(backend, loss, tmp_path):
    network, expected = make(), make(LOSSES[loss])
    targets = T if loss == "same" else np.eye(3)[T]
    make_backend(backend, network).forward(X)
    network.loss = LOSSES[loss]
    assert network.loss_ == expected.loss_
    assert network.objective(X, targets) == expected.objective(X, targets)
    np.testing.assert_array_equal(network.predict(X), expected.predict(X))
    save_model(network, tmp_path / "network")
    assert load_model(tmp_path / "network").loss_ == expected.loss_
    for each in (network, expected):
        Trainer(each, backend=backend).run_epoch(X, targets)
    np.testing.assert_array_equal(network.params, expected.params)


@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        ("mse", ValueError, "did you mean 'squared_error'"),
        (None, TypeError, "loss must be a name or a Loss object, got None"),
        (np.zeros(3), TypeError, "loss must be a name or a Loss object"),
    ],
)
def test_a_loss_that_is_none_is_refused(loss, error, message, bound):
    network = make() if bound else Network([Dense(3)])
    with pytest.raises(error, match=message):
        network.loss = loss
    assert network.loss == "log_loss"


def test_a_softmax_of_one_unit_is_refused_when_it_is_assigned():
    network = Network([Dense(1)], loss="squared_error").initialize(4, random_state=0)
    with pytest.raises(ValueError, match="last layer of 1 unit"):
        network.loss = "softmax_cross_entropy"
    assert network.loss == "squared_error"
    assert network.loss_.output == "identity"


# ---- what is not there


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("fit", "Trainer"),
        ("train", "Trainer"),
        ("predict_proba", "predict"),
        ("score", "MinNetClassifier"),
        ("backward", "loss_and_grad"),
        ("coefs_", "layers"),
        ("parameters", "params"),
        ("save", "save_model"),
    ],
)
def test_what_others_have_is_said_where_it_is(name, where):
    for network in (make(), Network([Dense(3)])):
        assert not hasattr(network, name)
        assert name not in dir(network)
        with pytest.raises(
            AttributeError, match=rf"'Network' object has no attribute '{name}': .*{where}"
        ):
            getattr(network, name)


def test_what_is_there_later_is_said():
    network = Network([Dense(3), BatchNorm()])
    for thing, name in ((network, "params"), (network, "loss_"), (network.layers[0], "W")):
        with pytest.raises(AttributeError, match=f"no attribute '{name}': call initialize"):
            getattr(thing, name)
    with pytest.raises(
        AttributeError, match=r"'Network' object has no attribute 'other'$"
    ) as caught:
        network.other  # noqa: B018
    assert (caught.value.name, caught.value.obj) == ("other", network)
    assert pickle.loads(pickle.dumps(network)).layers == network.layers


# ---- what is given in the place of a network

GIVEN = {
    "estimator": (
        lambda: MinNetClassifier((5,), max_iter=1).initialize(X, T),
        "its network_ is one",
    ),
    "trainer": (lambda: Trainer(make()), "its network is one"),
    "unfitted": (lambda: MinNetClassifier((5,)), "MinNetClassifier"),
    "layers": (lambda: [Dense(3)], "Dense"),
    "None": (lambda: None, "None"),
}
TAKES = {
    "check_gradients": lambda network: check_gradients(network, X, T),
    "Trainer": Trainer,
    "pretrain": lambda network: pretrain(network, X),
    "gradient_quotient": lambda network: gradient_quotient(network, X, T),
    "make_backend": lambda network: make_backend("numpy", network),
}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("takes", TAKES)
def test_what_is_no_network_says_where_one_is(takes, given):
    made, message = GIVEN[given]
    with pytest.raises(TypeError, match=f"(?s)^network must be a Network, got .*{message}"):
        TAKES[takes](made())


# ---- the check of gradients, as a condition


class WrongTanh(Dense):
    def backward(self, dY, ctx):
        return super().backward(0.5 * dY, ctx)


@pytest.mark.parametrize(("layer", "ok"), [(Dense(4, "tanh"), True), (WrongTanh(4, "tanh"), False)])
def test_a_check_of_gradients_is_true_where_it_is_ok(layer, ok):
    result = check_gradients(Network([layer, Dense(3)]).initialize(4, random_state=0), X, T)
    assert result.ok is ok
    assert bool(result) is ok
