"""examples/minnet_in_100_lines.py: it takes minnet's steps, to the bit, and learns to read digits."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minnet import SGD, Dense, Network, Trainer
from minnet.descend import descend, shuffled_order
from minnet.initializers import get_initializer
from minnet.losses import SoftmaxCrossEntropy

FILE = Path(__file__).parents[2] / "examples/minnet_in_100_lines.py"
# Where the tests run beside an installed wheel there are no examples.
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="no examples beside an installed wheel")

SIZES, RATE, BATCH = (6, 7, 5, 4), 0.3, 8
rng = np.random.default_rng(0)
X, T = rng.normal(size=(37, 6)), rng.integers(4, size=37)  # the last mini-batch is shorter


@pytest.fixture(name="small", scope="module")
def the_file():
    return SimpleNamespace(**runpy.run_path(str(FILE)))


def same_network(network, activation):
    """Return minnet's network with the weights of the other."""
    layers = [
        Dense(m, f, init=layer.W.copy(), bias_init=layer.b.copy())
        for m, f, layer in zip(
            SIZES[1:], (activation, activation, "identity"), network.layers, strict=True
        )
    ]
    return Network(layers, "softmax_cross_entropy").initialize(SIZES[0])


def each_activation(test):
    names = "identity", "sigmoid", "tanh", "softsign", "relu"
    return pytest.mark.parametrize("activation", names)(test)


@each_activation
@pytest.mark.parametrize("init", ["standard", "glorot", "he", "zeros"])
def test_it_takes_the_same_steps_to_the_bit(small, activation, init):
    network = small.Network(SIZES, activation, init, seed=1)
    twin = same_network(network, activation)
    sgd = SGD(RATE)
    sgd.prepare(twin.params)
    for epoch in range(5):
        order = shuffled_order(len(X), key=3, epoch=epoch)
        losses = network.epoch(X, T, RATE, BATCH, order)
        theirs = descend(twin, sgd, X, T, order=order, batch_size=BATCH)
        lengths = [len(X[i : i + BATCH]) for i in range(0, len(X), BATCH)]
        assert_allclose(losses, theirs / lengths, rtol=1e-13)
        for layer, other in zip(network.layers, twin.layers, strict=True):
            assert_array_equal(layer.W, other.W)
            assert_array_equal(layer.b, other.b)
    assert_array_equal(network.forward(X), twin.forward(X))


@pytest.mark.filterwarnings("ignore:.*Maximum iterations")
@each_activation
@pytest.mark.parametrize("backend", ["numpy", "cython", "numba"])
def test_every_backend_takes_the_same_steps_but_for_rounding(small, activation, backend):
    if backend != "numpy":
        pytest.importorskip({"cython": "minnet_ext", "numba": "numba"}[backend])
    network = small.Network(SIZES, activation, "glorot", seed=2)
    trainer = Trainer(
        same_network(network, activation),
        SGD(RATE),
        batch_size=BATCH,
        shuffle=False,
        backend=backend,
    )
    trainer.fit(X, T, max_epochs=4)
    assert trainer.backend_in_use == backend
    for _ in range(4):
        network.epoch(X, T, RATE, BATCH, order=np.arange(len(X)))
    for layer, other in zip(network.layers, trainer.network.layers, strict=True):
        assert_allclose(layer.W, other.W, rtol=1e-11, atol=1e-13)
        assert_allclose(layer.b, other.b, rtol=1e-11, atol=1e-13)


def test_the_loss_is_minnets_for_any_logits(small):
    Z = rng.normal(size=(9, 4)) * 10.0 ** np.arange(-4, 5)[:, np.newaxis]
    loss, dZ = small.cross_entropy(Z, T[:9])
    theirs = SoftmaxCrossEntropy()
    assert_allclose(loss, theirs.value(Z, T[:9]).mean(), rtol=1e-14)
    assert_array_equal(dZ, theirs.gradient(Z, T[:9]) * (1 / 9))


@pytest.mark.parametrize("init", ["standard", "glorot", "he", "zeros"])
def test_the_weights_have_the_variance_of_minnets(small, init):
    spec = {"he": "he_uniform"}.get(init, init)
    theirs = get_initializer(spec)((300, 200), rng=0)
    bound = small.BOUNDS[init](300, 200)
    assert_allclose(np.abs(theirs).max(), bound, rtol=1e-3)


def test_it_reads_digits_and_shows_that_initial_weights_matter(small, capsys):
    small.main()
    shown = capsys.readouterr().out
    blocks = [block.splitlines() for block in shown.split("three hidden layers")[1:]]
    after = {block[0].split("'")[1]: float(block[-1].split()[-1].rstrip("%")) for block in blocks}
    assert after["glorot"] > 95
    assert after["zeros"] < 15
    second = [float(block[2].split("loss ")[1].split(",")[0]) for block in blocks]
    assert second[0] < second[1] < second[2]


def test_it_has_no_more_than_100_lines(small):
    lines = FILE.read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 100
