"""The verdicts of examples/glorot2010 on what happens through training, on made-up numbers."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("examples.glorot2010.figures")
from examples.glorot2010 import (
    figure02,
    figure03,
    figure04,
    figure05,
    figure09,
)
from examples.glorot2010.curves import Curve
from examples.glorot2010.protocol import Run
from examples.glorot2010.source import Source

# ---- through training


def test_the_longest_trainings_of_a_row():
    """A seed that ended early says nothing of the end of training."""
    curves = []
    for seed, updates in ((0, 2000), (1, 1000), (2, 2000)):
        curves.append(Curve(Run("tanh", 0.1, seed, width=10).describe()))
        curves[-1].add({"updates": updates, "validation_error": 70.0})
        curves[-1].sessions.append({"to": updates})
    source = Source(curves, width=10)
    assert [curve.run["seed"] for curve in source.longest("tanh")] == [0, 2]
    assert [curve.run["seed"] for curve in source.trained("tanh")] == [0, 1, 2]
    assert source.longest("sigmoid") == []


def sigmoid(top, error, updates=(0, 10_000, 100_000, 1_000_000)):
    means = [[0.5, 0.5, 0.6, t] for t in top]
    updates = list(updates[: len(top)])
    # A last error below the plateau was there before, too.
    errors = [83.0] + [error] * (len(top) - 1)
    return {"Y_mean": means, "updates": updates, "validated": updates, "validation_error": errors}


@pytest.mark.parametrize(("four", "five", "outcome"), [
    (sigmoid([0.5, 0.2, 0.02, 0.3], 70.0), sigmoid([0.5, 0.01, 0.01, 0.01], 82.9), "reproduced"),
    # five layers for a shorter time than four took to leave the plateau, or four never did
    (sigmoid([0.5, 0.2, 0.02, 0.3], 70.0), sigmoid([0.5], 82.9), "partly"),
    (sigmoid([0.5, 0.2, 0.02, 0.03], 70.0), sigmoid([0.5, 0.01], 82.9), "partly"),  # top stays at 0
    (sigmoid([0.5, 0.2, 0.02, 0.01], 83.0), sigmoid([0.5, 0.01], 82.9), "partly"),
    (sigmoid([0.5, 0.4], 83.0), sigmoid([0.5, 0.4], 82.9), "not"),  # nothing happened yet
    # 5 % of the paper's training is early, more is not
    (sigmoid([0.5, 0.02, 0.3], 70.0, (0, 250_000, 10**6)), sigmoid([0.5, 0.01, 0.01, 0.01], 82.9),
     "reproduced"),
    (sigmoid([0.5, 0.02, 0.3], 70.0, (0, 300_000, 10**6)), sigmoid([0.5, 0.01, 0.01, 0.01], 82.9),
     "partly"),
    (sigmoid([0.5, 0.4, 0.5, 0.3], 70.0), sigmoid([0.5, 0.3], 60.0), "not"),
])  # fmt: skip
def test_verdict_on_sigmoid(four, five, outcome):
    numbers = {"4": [four], "5": [five], "basis 4": "a", "basis 5": "b"}
    assert figure02.verdicts(numbers)[0].outcome == outcome


@pytest.mark.parametrize(("tanh", "softsign", "outcome"), [
    ([1.0, 0.9, 0.8, 0.6, 0.7], [0.8, 0.78, 0.79, 0.8, 0.5], "reproduced"),
    ([0.6, 0.9, 0.8, 0.6, 0.7], [0.8, 0.78, 0.79, 0.8, 0.5], "partly"),
    ([1.0, 0.9, 0.8, 0.6, 0.7], [0.9, 0.7, 0.79, 0.8, 0.5], "partly"),
    ([0.5, 0.3, 0.2, 0.1, 0.1], [0.4, 0.2, 0.1, 0.1, 0.1], "not"),  # as they start
    ([0.6, 0.7, 0.6, 0.7, 0.7], [0.8, 0.3, 0.79, 0.8, 0.5], "not"),
])  # fmt: skip
def test_verdict_on_saturation(tanh, softsign, outcome):
    assert saturation([[0.0] * 5, tanh], [[0.0] * 5, softsign]) == outcome


def saturation(*through_training):
    numbers = {"basis": ""}
    for row, values in zip(("tanh", "softsign"), through_training, strict=True):
        numbers[row] = [{"Y_p98": values, "updates": [1000 * i for i in range(len(values))]}]
    return figure03.verdicts(numbers)[0].outcome


def test_saturation_is_judged_through_training():
    """In the end all of tanh's layers may be saturated, and softsign's together after all."""
    tanh = [[0.5] * 5, [1, 0.5, 0.4, 0.4, 0], [1, 1, 0.5, 0.4, 0], [1, 1, 1, 1, 1]]
    other_order = [[0.5, 1, 0.4, 0.4, 0] if i == 1 else row for i, row in enumerate(tanh)]
    together = [[0.5 + 0.1 * i] * 5 for i in range(4)]
    in_turn = [[0.5] * 5, [0.8, 0.3, 0.2, 0.1, 0], [0.8, 0.8, 0.2, 0.1, 0], [0.8] * 5]
    assert saturation(tanh, together) == "reproduced"
    assert saturation(other_order, together) == "partly"
    assert saturation(tanh, in_turn) == "partly"
    assert saturation(other_order, in_turn) == "not"


EDGES = np.linspace(-1, 1, 41).tolist()


def density(*peaks):
    """Return a histogram that is dense about |activation| = each of the peaks."""
    places = np.abs(np.add(EDGES[1:], EDGES[:-1]) / 2)
    found = sum(np.exp(-(((places - peak) / 0.08) ** 2)) for peak in peaks)
    return (found / (found.sum() * 0.05)).tolist()


def test_bands_are_shares_of_a_sample():
    Y = np.tanh(np.random.default_rng(0).normal(size=200_000))
    found = figure04.bands(*np.histogram(Y, 200, range=(-1, 1), density=True))
    for name, (low, high) in figure04._BANDS.items():
        share = ((np.abs(Y) > low) & (np.abs(Y) < high)).mean() / (2 * (high - low))
        assert found[name] == pytest.approx(share, rel=0.01)


@pytest.mark.parametrize(("tanh", "softsign", "outcome"), [
    ([(1.0,), (0.0,)], [(0.7,), (0.7,)], "reproduced"),
    ([(1.0,), (0.0,)], [(0.7,), (0.0,)], "partly"),
    ([(0.45,), (0.45,)], [(0.7,), (0.0,), (0.0,)], "partly"),  # softsign in one of three
    ([(0.45,), (0.45,)], [(0.45,), (0.95,)], "not"),
    # Nearly as dense in the middle: nowhere by a tenth.
    ([(0.45,), (0.45,)], [(0.45, 0.7), (0.45, 0.7)], "not"),
])  # fmt: skip
def test_verdict_on_histograms(tanh, softsign, outcome):
    numbers = {"basis": ""}
    for row, peaks in (("tanh", tanh), ("softsign", softsign)):
        numbers[row] = [{"density": [density(*p) for p in peaks], "edges": [EDGES] * len(peaks)}]
    assert figure04.verdicts(numbers)[0].outcome == outcome


def gradients(dZ, dW, updates=(0, 1000, 250_000, 300_000)):
    return [{"updates": list(updates[: len(dZ)]), "dZ_sd": dZ, "dW_sd": dW, "validated": [0],
             "validation_error": [83.0]}]  # fmt: skip


@pytest.mark.parametrize(("dZ", "dW", "outcomes"), [
    ([[1, 9], [9, 1], [9, 1]], [[1, 1], [3, 1], [9, 1]], ["reproduced", "reproduced"]),
    ([[1, 9], [1, 9], [9, 1]], [[1, 1], [3, 1], [9, 1]], ["reproduced", "reproduced"]),  # 5 %
    ([[1, 9], [1, 9], [1, 9], [9, 1]], [[1, 1], [1, 2], [1, 3], [1, 9]], ["partly", "partly"]),
    ([[1, 9], [1, 9], [2, 3]], [[1, 1], [1, 3], [1, 9]], ["not", "partly"]),
    ([[9, 1], [1, 9], [1, 9]], [[1, 1], [1, 1], [1, 1.01]], ["not", "not"]),
])  # fmt: skip
def test_verdicts_through_training(dZ, dW, outcomes):
    alike = gradients(dZ, [[1, 1], [1.1, 1], [1.2, 1], [1.2, 1]][: len(dZ)])
    numbers = {"standard": gradients(dZ, dW), "normalized": alike}
    numbers |= {"basis": "both", "basis standard": "one", "all seeds": {}}
    found = figure09.verdicts(numbers)
    assert [verdict.outcome for verdict in found] == outcomes
    # C7 is of the standard one alone.
    assert [verdict.basis for verdict in found] == ["one", "both"]
    still = figure09.verdicts(figure09.untrained(numbers))
    assert [verdict.outcome for verdict in still] == ["not", "not"]


@pytest.mark.parametrize(("late", "outcome"), [
    ([1.2, 1], "reproduced"), ([2.1, 1], "reproduced"), ([4, 1], "partly"), ([9, 1], "partly")
])  # fmt: skip
def test_both_parts_of_c8_are_asked_for(late, outcome):
    """That gradients differ with one initialization is not enough: with the other they must not."""
    dZ = [[1, 9], [9, 1], [9, 1]]
    standard = gradients(dZ, [[1, 1], [6, 1], [9, 1]])
    numbers = {"standard": standard, "normalized": gradients(dZ, [[1, 1], late, late])}
    numbers |= {"basis": "", "basis standard": ""}
    assert figure09.verdicts(numbers)[1].outcome == outcome


# ---- the cost


class _Surface:
    x = y = np.linspace(-1, 1, 41)

    def __init__(self, **losses):
        self.losses = losses


def test_the_flat_share_of_a_surface():
    x = _Surface.x
    ramp = np.clip(x, 0, None) + np.zeros((41, 1))  # flat in the left half
    found = figure05.flat_share(_Surface(ramp=ramp, plane=x + x[:, np.newaxis]))
    assert found["ramp"] == pytest.approx(20 / 41)
    assert found["plane"] == 0


def test_the_interval_of_plateaus_is_that_of_the_number_of_networks():
    """Of three differences with a mean of 3 sd / sqrt(3), Student's interval (t = 4.3) has 0."""
    more = 0.1 + 0.1 / 3 * np.sqrt(3) * np.array([-1, 0, 1])
    flat = {"cross-entropy": np.zeros(3), "quadratic cost": more}
    assert figure05.verdicts({"flat": flat})[0].outcome == "partly"


@pytest.mark.parametrize(("quadratic", "outcome"), [(0.3, "reproduced"), (0.1, "not")])
def test_verdict_on_plateaus(quadratic, outcome):
    noise = 0.01 * np.random.default_rng(0).normal(size=(2, 20))
    flat = {"cross-entropy": 0.2 + noise[0], "quadratic cost": quadratic + noise[1]}
    assert figure05.verdicts({"flat": flat})[0].outcome == outcome
