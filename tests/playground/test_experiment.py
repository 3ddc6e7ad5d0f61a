import warnings

import numpy as np
import pytest

from minnet.playground.advice import advice, estimator
from minnet.playground.experiment import Experiment, choices
from minnet.playground.session import Session

# Between them every layer kind, initializer and optimizer that a program can name.
VARIED = [
    {},
    {"depth": 0, "optimizer": "sgd"},
    {
        "data": "digits",
        "init": "he_normal",
        "gain": 1.5,
        "activation": "relu",
        "optimizer": "momentum",
    },
    {
        "batch_norm": True,
        "dropout": 0.2,
        "bias": 0.3,
        "init": "standard",
        "gain": 2.0,
        "batch_size": 7,
    },
    {"init": "lsuv", "gain": 0.5, "optimizer": "nesterov", "data": "blobs", "dropout": 0.1},
    {"init": "edge_of_chaos", "bias": 0.2, "optimizer": "adamw", "seed": 2**32 - 1},
    {"init": "auto", "activation": "silu", "optimizer": "rmsprop", "batch_size": 512},
    {"init": "constant", "activation": "sigmoid", "learning_rate": 10.0, "optimizer": "sgd"},
    {"init": "zeros", "n_samples": 33, "noise": 0.0, "width": 1, "depth": 1},
    {"init": "orthogonal", "gain": 0.05, "depth": 12, "activation": "lecun_tanh", "data": "xor"},
    {"init": "normal", "activation": "leaky_relu", "data": "moons", "learning_rate": 1e-5},
]


@pytest.mark.parametrize("fields", VARIED, ids=str)
@pytest.mark.parametrize("n_steps", [0, 29])
def test_the_program_makes_the_weights_of_the_session_to_the_bit(fields, n_steps):
    experiment = Experiment(**{"depth": 2, "width": 9} | fields)
    with Session(experiment, playing=False) as session:
        if n_steps:
            session.answer({"do": "step", "n": n_steps})
        text = session.answer({"ask": "program"})["program"]
        trained = session._stepper.network
    assert max(map(len, text.splitlines())) < 100
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(text, "program", "exec"), names)
    assert names["trainer"].n_steps == n_steps
    np.testing.assert_array_equal(names["network"].params, trained.params)
    np.testing.assert_array_equal(names["network"].state, trained.state)


def test_all_that_is_offered_can_be_chosen():
    offered = choices()
    assert list(offered) == list(Experiment().to_dict())
    for name, control in offered.items():
        assert control["default"] == getattr(Experiment(), name)
        if control["kind"] == "choice":
            values = control["values"]
        elif control["kind"] == "flag":
            values = [False, True]
        else:
            values = [control["low"], control["high"]]
            wrong = [control["low"] - 1, control["high"] + 1, None, "1", float("nan"), True]
            for value in wrong:
                with pytest.raises(ValueError, match=f"{name} must be"):
                    Experiment(**{name: value})
        for value in values:
            experiment = Experiment(**{"depth": 2, "width": 4, name: value})
            network = experiment.network()
            weights = (layer.W for layer in network.layers if hasattr(layer, "W"))
            assert experiment.n_weights == sum(W.size for W in weights)
            assert np.isfinite(network.params).all()


def test_the_gain_multiplies_the_weights_where_it_is_heeded():
    offered = choices()["init"]
    for init in offered["values"]:
        first, second = (
            Experiment(init=init, gain=gain, depth=3, width=20).network() for gain in (1.0, 2.5)
        )
        heeds = init in offered["heeds_gain"]
        if init == "lsuv":  # of what the data make of the layers below
            sds = [
                np.std(n.forward(Experiment().make_data()[0], return_all=True)[-1])
                for n in (first, second)
            ]
            assert sds[1] / sds[0] == pytest.approx(2.5)
            continue
        for one, other in zip(first.layers, second.layers, strict=True):
            np.testing.assert_allclose(other.W, (2.5 if heeds else 1.0) * one.W, rtol=1e-12)


def test_the_largest_networks_are_refused():
    with pytest.raises(
        ValueError, match=r"at most 4,000,000 weights, got 15,\d\d\d,\d\d\d of 60 layers"
    ):
        Experiment(depth=60, width=512)
    assert Experiment(depth=15, width=512).n_weights < 4e6


def test_a_batch_of_one_has_no_variance():
    with pytest.raises(ValueError, match="batch_size must be at least 2"):
        Experiment(batch_norm=True, batch_size=1)
    Experiment(batch_norm=True, batch_size=1, depth=0)


@pytest.mark.parametrize("given", [None, [("depth", 3)], {"deepth": 3}, {"depth": "3"}, {3: 4}])
def test_what_is_no_experiment_is_said_in_a_sentence(given):
    with pytest.raises(ValueError, match=" must be "):
        Experiment.from_dict(given)


def test_an_experiment_survives_json():
    experiment = Experiment(gain=2.5, batch_norm=True, seed=7)
    assert Experiment.from_dict(experiment.to_dict()) == experiment
    assert (
        Experiment(gain=2, bias=1, noise=0).to_dict()
        == Experiment(gain=2.0, bias=1.0, noise=0.0).to_dict()
    )
    assert isinstance(Experiment(gain=2).gain, float)  # 2.0 is 2 in JavaScript


@pytest.mark.parametrize(
    "fields", [{}, {"batch_norm": True, "dropout": 0.1, "bias": 0.3}, {"init": "auto"}]
)
def test_what_is_diagnosed_is_what_is_trained(fields):
    experiment = Experiment(data="blobs", depth=3, width=8, **fields)
    X, T, *_ = experiment.make_data()
    network = estimator(experiment).initialize(X, T).network_
    np.testing.assert_array_equal(network.params, experiment.network().params)
    assert network.layers == experiment.network().layers


@pytest.mark.parametrize(
    ("fields", "code", "control"),
    [
        ({"init": "zeros"}, "symmetric_units", "init"),
        ({"activation": "sigmoid", "init": "standard", "depth": 6}, "vanishing_backward", "init"),
        ({"optimizer": "sgd", "learning_rate": 10.0}, "learning_rate_too_high", "learning_rate"),
        ({"activation": "identity"}, "linear_network", "activation"),
    ],
)
def test_a_broken_experiment_is_cured_by_what_is_advised(fields, code, control):
    usual = {"depth": 4, "width": 16, "optimizer": "adam", "learning_rate": 0.003}
    broken = Experiment(**usual | fields)
    finding = advice(broken)["findings"][0]
    assert finding["code"] == code
    assert control in finding["change"]
    cured = Experiment(**broken.to_dict() | finding["change"])
    losses = []
    for experiment in (broken, cured):
        with Session(experiment, playing=False) as session:
            session.answer({"do": "step", "n": 600})
            with np.errstate(all="ignore"):
                losses.append(session._stepper.network.objective(*experiment.make_data()[:2]))
    assert not losses[1] > 0.9 * losses[0]
    assert np.isfinite(losses[1])


def test_a_large_network_is_not_diagnosed():
    with pytest.raises(
        ValueError, match="at most 100,000 weights to be diagnosed while one waits, got"
    ):
        advice(Experiment(width=512))
