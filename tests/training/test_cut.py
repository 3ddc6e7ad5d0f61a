"""Mini-batches of one row: no layer that takes a variance sees one."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from minnet import (
    SGD,
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    Trainer,
)
from minnet.callbacks import Callback
from minnet.descend import shuffled_order
from minnet.training.cut import Cut

RNG = np.random.default_rng(0)
X = RNG.normal(size=(41, 6))
T = np.tanh(X[:, :1] * X[:, 1:2])
WEIGHTS = RNG.uniform(0.5, 2, size=41)

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def network(*, norm=True, **options):
    layers = [Dense(5), Dropout(0.3), BatchNorm("tanh", **options) if norm else Dense(5, "tanh")]
    return Network([*layers, Dense(1)], "squared_error", alpha=0.1).initialize(6, random_state=0)


def train(net, n, batch_size, weights=None, callbacks=(), convert=np.asarray, **options):
    trainer = Trainer(net, SGD(0.1, momentum=0.5), batch_size=batch_size, **options)
    weights = None if weights is None else weights[:n]
    trainer.fit(convert(X[:n]), T[:n], weights, max_epochs=3, callbacks=callbacks)
    return trainer


def by_hand(net, batches, n, weights=None):
    """Take the steps of 3 epochs with the network's gradient, each on these rows of the order."""
    V, total = np.zeros_like(net.params), n if weights is None else weights[:n].sum()
    for epoch in range(3):
        order = shuffled_order(n, net.key, epoch)
        for first, last in batches:
            rows = order[first:last]
            part = None if weights is None else weights[rows]
            data = X[rows], T[rows], part, n, total, epoch * n + first
            _, grads, contexts = net.forward_backward(*data)
            V = 0.5 * V + grads
            net.params -= 0.1 * V
            for layer, ctx in zip(net.layers, contexts, strict=True):
                layer.update_state(ctx)


@pytest.mark.parametrize("backend", ["cython", "numpy"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weights"])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(
    ("n", "batch_size", "batches"),
    [
        (41, 10, [(0, 10), (10, 20), (20, 30), (30, 41)]), (11, 10, [(0, 11)]),
        (12, 10, [(0, 10), (10, 12)]), (20, 10, [(0, 10), (10, 20)]),
        (5, 2, [(0, 2), (2, 5)]), (3, 2, [(0, 3)]), (4, 99, [(0, 4)]), (2, 2, [(0, 2)]),
    ],
)  # fmt: skip
def test_a_row_left_over_is_in_the_last_step(backend, weights, convert, n, batch_size, batches):
    net, own = network(), network()
    trainer = train(net, n, batch_size, weights, backend=backend, convert=convert)
    by_hand(own, batches, n, weights)
    assert_allclose(net.params, own.params, rtol=1e-10, atol=1e-12)
    assert_allclose(net.state, own.state, rtol=1e-10, atol=1e-12)
    assert trainer.n_steps == trainer.optimizer.step == 3 * len(batches)
    assert trainer.n_seen == 3 * n


@pytest.mark.parametrize("backend", ["cython", "numpy"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_where_it_pauses_changes_no_bit(backend, shuffle):
    class Each(Callback):
        def next_step(self, trainer):
            return trainer.n_steps + 1

    options = {"backend": backend, "shuffle": shuffle}
    whole = train(network(), 41, 10, **options)
    paused = train(network(), 41, 10, **options, callbacks=[Each()])
    assert_array_equal(whole.network.params, paused.network.params)
    assert whole.loss_curve == paused.loss_curve


@pytest.mark.parametrize("net", [network(norm=False), network(trainable=False)])
def test_other_networks_are_trained_row_by_row(net):
    assert train(net, 41, 10).n_steps == 3 * 5
    assert train(net, 4, 1).n_steps == 3 * 4
    assert train(net, 1, 10).n_steps == 3


# ---- what is refused


def estimator(cls, **params):
    return cls(hidden_layer_sizes=(4,), batch_norm=True, max_iter=2, random_state=0, **params)


Y = (X[:, 0] > 0).astype(int)
BY = {
    "fit": lambda est, x, y, w: est.fit(x, y, w),
    "partial_fit": lambda est, x, y, w: est.partial_fit(x, y, w, **known(est)),
    "fit_stream": lambda est, x, y, w: est.fit_stream([(x, y, w)], **known(est)),
    "later": lambda est, x, y, w: est.fit_stream([(X, Y), (x, y, w)], **known(est)),
}


def known(est):
    return {"classes": [0, 1]} if isinstance(est, MinNetClassifier) else {}


def test_one_row_is_normalized_over_its_inputs():
    layers = [Dense(5), LayerNorm("tanh"), Dense(1)]
    net = Network(layers, "squared_error").initialize(6, random_state=0)
    before = net.params.copy()
    assert Cut(net, 21, 10).n_steps == 3
    train(net, 1, 1)
    train(net, 41, 1)
    assert not np.array_equal(net.params, before)


@pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])
@pytest.mark.parametrize("call", BY.values(), ids=BY)
def test_estimators_refuse_one_row_by_name(call, cls):
    with pytest.raises(ValueError, match=r"^batch_size must be at least 2 .* BatchNorm, .* got 1$"):
        call(estimator(cls, batch_size=1), X, Y, None)
    number = {BY["fit_stream"]: "batch 0: ", BY["later"]: "batch 1: "}.get(call, "")
    with pytest.raises(
        ValueError, match=rf"^{number}X must have at least 2 rows .*BatchNorm.* n_samples=1$"
    ):
        call(estimator(cls), X[:1], Y[:1], None)
    weights = np.eye(41)[3]
    with pytest.raises(ValueError, match=rf"^{number}X must have at least 2 rows? with a positive"):
        call(estimator(cls), X, Y, weights)
    est = estimator(cls)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        est.partial_fit(X, Y, **known(est))
    before = est.network_.params.copy()
    with pytest.raises(ValueError, match="X must have at least 2 rows"):
        est.partial_fit(X[:1], Y[:1])
    assert_array_equal(est.network_.params, before)


def test_a_trainer_refuses_them_too():
    trainer = Trainer(network(), batch_size=1)
    for call in (trainer.fit, trainer.run_epoch, lambda x, t: trainer.fit_stream([(x, t)])):
        with pytest.raises(
            ValueError, match="batch_size must be at least 2 for a network with Batch"
        ):
            call(X, T)
    trainer.set_options(batch_size=5)
    for call in (trainer.fit, trainer.run_epoch, lambda x, t: trainer.fit_stream([(x, t)])):
        with pytest.raises(ValueError, match="X must have at least 2 rows"):
            call(X[:1], T[:1])
    assert trainer.n_steps == 0
