"""No call of public Python crashes the process: what does not fit what was compiled is refused."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minnet
from minnet import SGD, Adam, BatchNorm, Dense, Dropout, Network, Trainer
from minnet.activations import LeakyRelu
from minnet.backends import Hyper, list_backends, make_backend
from minnet.backends.border import Border

HERE = Path(__file__).parent
N = 32

RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 6))
Y = RNG.integers(0, 3, N)


# ---- calls that do not fit, each in a process of its own

#: What works, or gives NaN without reading what is not there; all else must be refused.
WORK = (
    "run_epoch_of_other_dtypes",
    "copies_train_on",
    "optimizer_that_was_prepared",
    "optimizer.state: equal",
    "rates_of_another_dtype",
    "no_sparse_rows",
    "share_of_no_rows",
    "train_steps: strided rates",
    "train_steps: unaligned rates",
    "loss_and_grad, X: NaN",
    "train_steps, X: NaN",
)

#: Of sentences that help.
SENTENCES = {
    "run_epoch, classes: large": "T must be class indices from 0 to 2",
    "run_epoch, X: long": "T must be class indices of shape (1000000,)",
    "initialized anew: wider": "the network was initialized anew",
    "initialized anew, in a callback: wider": "make a new Trainer",
    "layers: one more": "layers of the network are not those that it was initialized with",
    "units: more": "layers[0] must have 5 units as when the network was initialized, got 5000",
    "loss_changed_to_numbers": "T must be of float64 and have shape (64, 3) for SquaredError()",
    "loss_changed_to_classes": "T must be of int64 and have shape (64,) for SoftmaxCrossEntropy()",
    "optimizer, not prepared: Adam": "make a new Trainer with it, or call its prepare(network.params)",
    "momentum_where_there_was_none": "must be writable, contiguous, of float64 and have shape (1, ",
    "rates: short": "rates of the schedule must be 8 finite numbers of at least 0",
    "rates: NaN": "rates of the schedule must be 8 finite numbers of at least 0",
    "train_steps: stop beyond": "start and stop must be from 0 to the 8 steps of an epoch",
    "train_steps: order far beyond": "order must have 64 rows from 0 to 63",
    "train_steps: more samples": "n_samples must be the 64 rows of X",
    "share: bounds that wrap": "bounds of share must go up from 0 to the 64 rows of X",
    "share: rows of others without sum": "lengths of share must be at least 1 and the rows of a step",
    "share: positions below": "positions of share must be counts",
    "share: no share": "share must be a Share or None, got 'all'",
    "part of the objective: NaN": "weight_sum must be finite and above 0, got nan",
    "params: shorter": "the network was initialized anew, or its params replaced",
    "another_network_of_the_trainer": "make a new Trainer",
}


def run(script, *arguments):
    """Return what a script prints in a process of its own, with the minnet of this one."""
    environment = os.environ | {"PYTHONPATH": str(Path(minnet.__file__).parents[1])}
    command = [sys.executable, "-W", "ignore", str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, f"{done.returncode}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module", params=list_backends())
def outcomes(request):
    said = run("border_cases.py", request.param)
    return request.param, dict(line.split("\t") for line in said.splitlines())


def test_no_call_crashes(outcomes):
    _, said = outcomes
    assert len(said) > 250
    crashed = {name: end for name, end in said.items() if end.startswith("exit status")}
    assert not crashed


def test_what_does_not_fit_is_refused(outcomes):
    backend, said = outcomes
    unseen = (
        [name for name in said if "T: " in name] if backend == "cython" else []
    )  # a loss of NaN
    worked = {name for name, end in said.items() if end == "ok"}
    # forward takes any rows, as Network.forward does
    assert worked - {name for name in said if name.startswith("forward, X")} <= {*WORK, *unseen}
    assert worked >= set(WORK)
    errors = {name: end for name, end in said.items() if name not in worked}
    odd = {
        name: end for name, end in errors.items() if not end.startswith(("ValueError", "TypeError"))
    }
    assert set(odd) <= {"rows_that_take_no_memory"}, odd


@pytest.mark.parametrize("name", SENTENCES)
def test_the_sentence_helps(outcomes, name):
    assert SENTENCES[name] in outcomes[1][name]


@pytest.mark.parametrize("backend", [name for name in list_backends() if name != "numba"])
def test_calls_at_random(backend):
    ends = ast.literal_eval(
        run("fuzz_border.py", "--calls", "600", "--seed", "1", "--backend", backend)
    )
    assert ends["worked"] > 150
    assert ends["ValueError"] > 100


# ---- what may change on a live network is honoured by every backend

CHANGES = {
    "trainable": lambda layers: setattr(layers[1], "trainable", False),
    "trainable again": lambda layers: setattr(layers[4], "trainable", True),
    "lr_factor": lambda layers: setattr(layers[1], "lr_factor", 0.25),
    "bias_lr_factor": lambda layers: setattr(layers[1], "bias_lr_factor", 3.0),
    "decay_factor": lambda layers: setattr(layers[1], "decay_factor", 3.0),
    "rate": lambda layers: setattr(layers[0], "rate", 0.6),
    "activation": lambda layers: setattr(layers[1], "activation", "relu"),
    "a number of the activation": lambda layers: setattr(
        layers[3].activation, "negative_slope", 0.5
    ),
    "momentum": lambda layers: setattr(layers[2], "momentum", 0.3),
    "epsilon": lambda layers: setattr(layers[2], "epsilon", 0.5),
    "frozen normalization": lambda layers: setattr(layers[2], "trainable", False),
}


def live():
    layers = [
        Dropout(0.3), Dense(9, "tanh"), BatchNorm("tanh"), Dense(8, LeakyRelu(0.1)),
        Dense(7, "sigmoid", trainable=False), Dense(3),
    ]  # fmt: skip
    return Network(layers, alpha=0.1, bias_init="uniform").initialize(6, 0)


def plain():
    layers = [Dense(5, "tanh"), Dense(9, "tanh"), Dense(4), Dense(8, LeakyRelu(0.1))]
    layers += [Dense(7, "sigmoid", trainable=False), Dense(3)]
    return Network(layers, alpha=0.1, bias_init="uniform").initialize(6, 0)


def trained(make, backend, change=None, first=None):
    """Return a network after three epochs, the change before the second or (first) before it was made."""
    network = make()
    if first:
        first(network.layers)
    trainer = Trainer(network, Adam(0.01), batch_size=8, backend=backend, weight_decay=0.1)
    for epoch in range(3):
        if change and epoch == 1:
            change(network.layers)
        trainer.run_epoch(X, Y)
    return network, trainer


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_honoured(name, backend):
    of_dense = name not in ("rate", "momentum", "epsilon", "frozen normalization")
    # numba compiles Dense alone: the others are left to numpy
    made = [live, plain] if backend == "numba" and of_dense else [live]
    for make in made:
        expected, _ = trained(make, "numpy", CHANGES[name])
        unchanged, _ = trained(make, backend)
        network, trainer = trained(make, backend, CHANGES[name])
        assert trainer.backend_in_use == (
            backend if make is plain or backend != "numba" else "numpy"
        )
        np.testing.assert_allclose(network.params, expected.params, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(network.state, expected.state, rtol=1e-7, atol=1e-9)
        moved = np.abs(network.params - unchanged.params).max()
        moved += np.abs(network.state - unchanged.state).sum()  # which plain layers have not
        assert moved > 1e-4, "the change says nothing"
        logits = make_backend(backend, network).forward(X)
        np.testing.assert_allclose(trainer._runner.forward(X), logits, rtol=1e-12)


@pytest.mark.parametrize("name", CHANGES)
def test_the_readable_backend_trains_as_if_made_so(name):
    """The oracle of the test above: a change before the first epoch is the layer's configuration."""
    expected, _ = trained(live, "numpy", first=CHANGES[name])
    network = live()
    trainer = Trainer(network, Adam(0.01), batch_size=8, backend="numpy", weight_decay=0.1)
    CHANGES[name](network.layers)
    for _ in range(3):
        trainer.run_epoch(X, Y)
    np.testing.assert_array_equal(network.params, expected.params)


@pytest.mark.parametrize("backend", list_backends())
def test_a_change_that_cannot_be_compiled_runs_readable_and_back(backend):
    from minnet.activations import Activation

    class Cube(Activation):
        def __call__(self, Z):
            return Z**3

        def derivative(self, Z, Y):
            return 3 * Z**2

    network = Network([Dense(5, "tanh"), Dense(3)]).initialize(6, 0)
    runner = make_backend(backend, network)
    for activation in ("tanh", Cube(), "relu"):
        network.layers[0].activation = activation
        np.testing.assert_allclose(runner.forward(X), network.forward(X), rtol=1e-12)
    loss, grads = runner.loss_and_grad(X, Y)
    expected = network.loss_and_grad(X, Y)
    assert loss == pytest.approx(expected[0])
    np.testing.assert_allclose(grads, expected[1], atol=1e-14)


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda layers: setattr(layers[1], "lr_factor", -1), "lr_factor"),
        (lambda layers: setattr(layers[1], "activation", "tahn"), "did you mean 'tanh'"),
        (lambda layers: setattr(layers[0], "rate", 1.5), "rate"),
        (lambda layers: setattr(layers[1], "trainable", "no"), "trainable"),
    ],
)
def test_a_change_to_what_a_layer_cannot_be_is_refused(backend, change, message):
    with pytest.raises(ValueError, match=message):
        trained(live, backend, change)


# ---- the border alone


def test_the_border_counts_versions():
    network = live()
    border = Border(network)
    assert border.check_network() == border.check_network() == 0
    network.layers[1].lr_factor = 0.5
    assert border.check_network() == border.check_network() == 1
    assert {row.lr_factor for row in network.parameter_table if row.layer == 1} == {0.5}
    with pytest.raises(TypeError, match="network must be a Network, got 'x'"):
        Border("x")
    with pytest.raises(ValueError, match="call initialize"):
        Border(Network([Dense(2)]))


def test_a_class_that_the_network_lacks_gives_nan_and_changes_only_by_it():
    """Compiled steps look at a class where it is read; the readable ones refuse it."""
    for backend in list_backends():
        network = Network([Dense(5, "tanh"), Dense(3)]).initialize(6, 0)
        optimizer = SGD(0.1)
        optimizer.prepare(network.params)
        T = np.where(np.arange(N) == N - 1, 3, Y)
        hyper = Hyper(8, np.full(4, 0.1), optimizer, N, float(N))
        runner = make_backend(backend, network, 1)
        if backend != "cython":
            with pytest.raises(ValueError, match="T must be class indices from 0 to 2"):
                runner.train_steps(X, T, None, None, 0, 4, hyper)
            continue
        losses = runner.train_steps(X, T, None, None, 0, 4, hyper)
        assert np.isfinite(losses[:3]).all()
        assert np.isnan(losses[3])
