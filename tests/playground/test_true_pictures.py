"""What a page draws while a network trains is of one moment, and is what minnet.lab finds of it."""

import random

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minnet.lab.theory import predict_variances
from minnet.playground.experiment import Experiment
from minnet.playground.frame import N_PROBED
from minnet.playground.session import Session
from tests.playground.frames import decode


def next_frame(session, header=None):
    """Return the next frame that is newer than another."""
    after = None if header is None else [header["generation"], header["version"]]
    for _ in range(20):
        answer = session.answer({"ask": "frame", "after": after, "wait": 2, "points": None})
        if isinstance(answer, bytes):
            return decode(answer)
        assert answer == {"none": True}
    raise AssertionError("no frame came")


def expected(experiment):
    """Return theory's curves for the experiment that a frame names, found anew."""
    experiment = Experiment.from_dict(experiment)
    X = experiment.make_data()[0]
    return predict_variances(experiment.network(X), X[:N_PROBED])


def changed_at_random(session, n):
    rng, header = random.Random(0), None
    for _ in range(n):
        fields = {
            "gain": round(rng.uniform(0.2, 5), 3),
            "width": rng.randrange(2, 40),
            "depth": rng.randrange(1, 6),
            "activation": rng.choice(["tanh", "relu", "sigmoid", "selu"]),
            "dropout": rng.choice([0.0, 0.4]),
        }
        some = rng.sample(sorted(fields), rng.randrange(1, 4))
        answer = session.answer(
            {"do": "change", "experiment": {name: fields[name] for name in some}}
        )
        assert "error" not in answer
        header, arrays = next_frame(session, header)
        yield header, arrays


@pytest.mark.parametrize("n", [25, pytest.param(100, marks=pytest.mark.slow)])
def test_no_frame_has_the_curve_of_another_setting(n):
    start = Experiment(depth=3, width=20, init="he_normal", learning_rate=1e-3)
    with Session(start, budget=1.0) as session:
        seen = set()
        for header, arrays in changed_at_random(session, n):
            theory = expected(header["experiment"])
            shown = [int(row["label"].split()[0]) for row in header["layers"]]
            rows = np.searchsorted(theory.index, shown)
            low, high = theory.interval()
            for name, values in (
                ("forward_predicted", theory.variances),
                ("forward_low", low),
                ("forward_high", high),
                ("backward_predicted", theory.gradient_variances),
            ):
                assert_allclose(arrays[name], values[rows], rtol=1e-5, err_msg=name)
            assert len(header["layers"]) == header["experiment"]["depth"] + 1
            assert header["layers"][0]["width"] == header["experiment"]["width"]
            seen.add(header["step"] > 0)
        assert True in seen  # it did train meanwhile


def test_what_is_drawn_is_what_the_laboratory_finds_in_the_weights_of_that_moment():
    experiment = Experiment(depth=5, width=64, init="glorot_uniform", gain=3.0, data="circles")
    with Session(experiment, playing=False) as session:
        header, start = next_frame(session)
        assert header["step"] == 0
        # Before training the network is the experiment's, and theory is about it.
        X, T, *_ = experiment.make_data()
        network = experiment.network(X)
        _, _, contexts = network.forward_backward(X[:N_PROBED], T[:N_PROBED])
        forward = np.array([np.mean(ctx.Z**2) for ctx in contexts])
        backward = np.array([np.mean(ctx.dZ**2) for ctx in contexts])
        assert_allclose(start["forward_measured"], forward, rtol=1e-5)
        assert_allclose(start["backward_measured"], backward / backward[4], rtol=1e-5)
        inside = (start["forward_low"] <= forward) & (forward <= start["forward_high"])
        assert inside[:5].all()
        ratio = start["backward_measured"][:5] / start["backward_predicted"][:5]
        assert ((ratio > 0.5) & (ratio < 2)).all()

        session.answer({"do": "step", "n": 50})
        header, later = next_frame(session, header)
        assert header["step"] == 50
        assert not np.allclose(later["forward_measured"], start["forward_measured"], rtol=1e-3)
        assert_allclose(later["forward_predicted"], start["forward_predicted"])


@pytest.mark.parametrize("init", ["lsuv", "edge_of_chaos", "orthogonal"])
def test_the_line_stays_that_of_the_start_when_weights_have_moved(init):
    experiment = Experiment(depth=3, width=20, init=init, learning_rate=0.05)
    theory = expected(experiment.to_dict())
    with Session(experiment, playing=False) as session:
        session.answer({"do": "step", "n": 200})  # the first frame is of later weights
        header, arrays = next_frame(session)
        assert header["step"] == 200
        assert_allclose(arrays["forward_predicted"], theory.variances, rtol=1e-5)
