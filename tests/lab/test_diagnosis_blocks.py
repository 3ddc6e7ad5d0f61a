"""Residual blocks that are not scaled: what is found, the remedy of the blocks, and what it takes."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from minnet import Dense, MinNetClassifier, Network, Residual
from minnet.lab import Remedy, diagnose
from minnet.lab.diagnosis import case, first_steps, proof
from minnet.lab.diagnosis.case import Case
from minnet.lab.diagnosis.patient import Patient
from minnet.lab.diagnosis.weights import blocks_to_try

DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS, DIGIT = DIGITS[:200] / 16, DIGIT[:200]


def blocks(n, width=16, activation="relu", scale=1.0):
    def block():
        branch = [Dense(width, activation, init="he_normal"), Dense(width, init="he_normal")]
        return Residual(branch, scale=scale)

    return [Dense(width), *(block() for _ in range(n))]


def scales(model):
    ends = [layer for layer in model.layers if layer.closes_skip]
    return [(end.scale, end.trainable) for end in ends]


@pytest.mark.parametrize(("n", "activation", "scale"), [(12, "relu", 1.0), (5, "softplus", 3.0)])
@pytest.mark.parametrize("of_network", [False, True], ids=["estimator", "network"])
def test_what_grows_along_skips_is_mended_in_the_blocks(n, activation, scale, of_network):
    layers = blocks(n, 16, activation, scale)
    model = MinNetClassifier(layers=layers, random_state=0)
    if of_network:
        model = Network([*layers, Dense(10)]).initialize(64, random_state=0)
    report = diagnose(model, DIGITS, DIGIT)
    finding = next(one for one in report.findings if one.code == "exploding_forward")
    chosen = finding.remedy.changes["residual_scale"]
    assert chosen in (0.0, float(f"{n**-0.5:.3g}"))
    assert f"scale={chosen:g} and trainable_scale=True in each Residual" in finding.advice
    mended = finding.remedy.apply(model)
    assert scales(mended) == [(chosen, True)] * n
    assert not {one.code for one in diagnose(mended, DIGITS, DIGIT).findings} & {
        "exploding_forward", "exploding_backward", "rank_collapse",
    }  # fmt: skip


@pytest.mark.parametrize("options", [{"scale": 12**-0.5, "trainable_scale": True}, {"scale": 0.0}])
def test_blocks_that_are_scaled_have_no_such_remedy(options):
    layers = [
        Dense(16),
        *(Residual([Dense(16, "relu"), Dense(16)], **options) for _ in range(12)),
    ]
    model = MinNetClassifier(layers=layers, random_state=0)
    assert blocks_to_try(Case(Patient(model, DIGITS, DIGIT))) == []


def test_a_scale_is_checked():
    with pytest.raises(ValueError, match="scale of Add must be"):
        Remedy({"residual_scale": np.nan}).apply(MinNetClassifier(layers=blocks(2)))


@pytest.mark.parametrize(
    ("limit", "most"), [pytest.param(4e10, 7e10, marks=pytest.mark.slow), (1e9, 2e10)]
)
def test_the_trainings_of_all_remedies_together_are_bounded(limit, most, monkeypatch):
    """By operations, whatever the number of layers: not each training alone, of which there are many."""
    taken = []

    def recorded(*arguments, **options):
        trial = training(*arguments, **options)
        taken.append(0 if trial is None else trial.n_steps)
        return trial

    training = proof.training_of
    for module in (case, first_steps, proof):
        monkeypatch.setattr(module, "training_of", recorded)
    monkeypatch.setattr(proof, "_MOST_TRAINED", limit)
    # No remedy of the blocks, and none that helps soon: all are tried.
    monkeypatch.setattr("minnet.lab.diagnosis.signals.blocks_to_try", lambda case: [])
    report = diagnose(MinNetClassifier(layers=blocks(12, 32), random_state=0), DIGITS, DIGIT)
    for finding in report.findings:
        assert finding.advice
    per_step = 6 * 200 * 24 * 32**2  # of the products of the blocks
    assert 0 < sum(taken) * per_step < most
