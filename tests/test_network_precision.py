"""``network.precision``: set at any time, it holds from then on, for the network and all its copies."""

import copy
import functools
import pickle
import warnings

import numpy as np
import pytest

from minnet import SGD, Dense, MinNetClassifier, Network, Trainer, load_model, save_model
from minnet.backends import Hyper, list_backends, make_backend

N_FEATURES, N_OUTPUTS = 20, 17
RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, N_FEATURES)).astype(np.float32)
T = RNG.standard_normal((40, N_OUTPUTS)).astype(np.float32)

#: What it is made with, and what is set then, before there are parameters or after.
WAYS = {
    "at once": ("bf16", [], []),
    "before": (None, ["bf16"], []),
    "after": (None, [], ["bf16"]),
    "taken back before": ("bf16", [None], []),
    "taken back after": ("bf16", [], [None]),
    "there and back": (None, ["bf16", None], ["bf16", None]),
    "back and there": ("bf16", [None, "bf16"], [None, "bf16"]),
    "never": (None, [], []),
}


def _saved(network, path):
    save_model(network, path / "network.minnet")
    return load_model(path / "network.minnet")


COPIES = {
    "itself": lambda network, path: network,
    "copy": lambda network, path: copy.copy(network),
    "deepcopy": lambda network, path: copy.deepcopy(network),
    "pickle": lambda network, path: pickle.loads(pickle.dumps(network)),
    "file": _saved,
    "astype": lambda network, path: network.astype("float32"),
    "trainer": lambda network, path: copy.deepcopy(Trainer(network, "sgd")).network,
}


def made(precision, before=(), after=(), dtype="float32"):
    layers = [Dense(32, "tanh"), Dense(24, "relu"), Dense(N_OUTPUTS)]
    network = Network(layers, "squared_error", precision=precision)
    for value in before:
        network.precision = value
    network.initialize(N_FEATURES, random_state=0, dtype=dtype)
    for value in after:
        network.precision = value
    return network


def computed(backend):
    """Return logits and gradient, and the parameters after two steps, which the network then has."""
    optimizer, network = SGD(0.1), backend.network
    optimizer.prepare(network.params)
    logits, (_, gradient) = backend.forward(X), backend.loss_and_grad(X, T)
    hyper = Hyper(20, np.full(2, 0.1), optimizer, len(X), float(len(X)))
    backend.train_steps(X, T, None, None, 0, 2, hyper)
    return logits, gradient, network.params


@functools.cache
def expected(backend, precision):
    return computed(make_backend(backend, made(precision), 1))


def assert_nearer(results, those, others):
    """They are those, if not to the last bit on every machine, and far from the others."""
    for result, that, other in zip(results, those, others, strict=True):
        assert np.linalg.norm(result - that) < 0.1 * np.linalg.norm(result - other)


def assert_computed_in(precision, results, backend):
    other = "bf16" if precision is None else None
    assert_nearer(results, expected(backend, precision), expected(backend, other))


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("way", WAYS)
def test_it_holds_for_a_network_and_its_copies(way, copied, backend, tmp_path):
    first, before, after = WAYS[way]
    last = [first, *before, *after][-1]
    network = COPIES[copied](made(first, before, after), tmp_path)
    assert network.precision == last
    assert ("precision='bf16'" in repr(network)) == (last == "bf16")
    assert_computed_in(last, computed(make_backend(backend, network, 1)), backend)


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize(("first", "then"), [(None, "bf16"), ("bf16", None)])
def test_a_backend_that_is_there_takes_it_over(first, then, backend):
    network = made(first)
    runs = make_backend(backend, network, 1)
    computed(runs)
    network.params[...] = made(first).params
    network.precision = then
    assert_computed_in(then, computed(runs), backend)


@pytest.mark.parametrize("backend", list_backends())
def test_a_trainer_goes_on_with_it(backend):
    def trained(*precisions):
        network = made(None)
        trainer = Trainer(network, SGD(0.1), batch_size=20, shuffle=False, backend=backend)
        for precision in precisions:
            network.precision = precision
            trainer.fit(X, T, max_epochs=1)
        return [network.params]

    assert_nearer(trained(None, "bf16"), _in_turns(backend), trained(None, None))


def _in_turns(backend):
    """Return the parameters after an epoch in float32, and one of another network in bfloat16."""
    network = made(None)
    for precision in (None, "bf16"):
        begun, network = network, made(precision)
        network.params[...] = begun.params
        trainer = Trainer(network, SGD(0.1), batch_size=20, shuffle=False, backend=backend)
        trainer.fit(X, T, max_epochs=1)
    return [network.params]


@pytest.mark.parametrize("backend", list_backends())
def test_predictions_of_an_estimator_follow_its_network(backend):
    y = np.arange(len(X)) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = MinNetClassifier((32, 24), backend=backend, max_iter=2, random_state=0).fit(X, y)
    before = [clf.predict_proba(X), clf.predict_proba(X[:1])]
    clf.network_.precision = "bf16"
    loaded = pickle.loads(pickle.dumps(clf))
    after, those = ([each.predict_proba(X), each.predict_proba(X[:1])] for each in (clf, loaded))
    assert_nearer(after, those, before)


def test_parameters_of_float64_refuse_it():
    network = made(None, dtype="float64")
    logits = network.forward(X)
    with pytest.raises(
        ValueError, match="precision must be None for a network of float64 parameters, got 'bf16'"
    ):
        network.precision = "bf16"
    assert network.precision is None
    np.testing.assert_array_equal(network.forward(X), logits)
    narrow = network.astype("float32")
    narrow.precision = "bf16"
    assert (narrow.forward(X) != network.astype("float32").forward(X)).any()


@pytest.mark.parametrize("value", ["fp16", "BF16", 16, True, np.ones(2)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_another_value_is_refused_and_changes_nothing(value, dtype):
    network = made(None, dtype=dtype)
    with pytest.raises((TypeError, ValueError), match="precision must be None or 'bf16'"):
        network.precision = value
    assert network.precision is None


def test_layers_that_were_put_in_since_take_it_over_when_they_have_parameters():
    network = made(None)
    network.layers.append(Dense(18))
    network.precision = "bf16"
    network.initialize(N_FEATURES, random_state=0)
    plain = copy.deepcopy(network)
    plain.precision = None
    assert (network.forward(X) != plain.forward(X)).any()


def test_what_was_put_on_a_layer_stays():
    network, seen = made(None), []
    layer = network.layers[1]
    own = layer.forward

    def spy(X, ctx):
        seen.append(X.shape)
        return own(X, ctx)

    layer.forward = spy
    for value in ("bf16", None):
        network.precision = value
        network.forward(X)
    assert seen == [(40, 32)] * 2
