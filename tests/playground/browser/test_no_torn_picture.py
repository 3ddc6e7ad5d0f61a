"""While controls move, each picture is of one setting: its dots and theory's curve belong together."""

import random
import re

import numpy as np
import pytest

from minnet.lab import probe
from minnet.lab.by_depth import by_depth, rows_by_depth
from minnet.lab.theory import predict_variances
from minnet.playground.experiment import Experiment
from minnet.playground.frame import N_PROBED

pytestmark = pytest.mark.browser

CHARTS = ("forward", "backward")
LAYER = -1  # the output: all layers below it are in its numbers
_READ = re.compile(r"layer \w+: (\S+), theory (\S+) \((\S+) to (\S+)\)")
_SAID = ("measured", "predicted", "low", "high")
# Each text that a read-out ever has, written down when it changes.
_WATCH = """name => {
    const readout = document.querySelector(`.chart-${name} .chart-readout`);
    window.seen ??= {};
    const texts = window.seen[name] = [readout.textContent];
    new MutationObserver(() => texts.push(readout.textContent))
        .observe(readout, {childList: true, characterData: true, subtree: true}); }"""
_ASK = """async message => {
    const answer = await fetch(new URL("answer", location.href.split("#")[0]), {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(message)});
    return answer.json(); }"""


def as_number(text):
    digits = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
    mantissa, _, power = text.replace(" ", "").partition("·10")
    return float(mantissa) * 10 ** int(power.translate(digits) or 0)


def at_the_start(fields):
    """Return what the laboratory finds in an experiment before training, as the charts have it."""
    experiment = Experiment.from_dict(fields)
    X, T, *_ = experiment.make_data()
    network = experiment.network(X)
    m = probe(network, X[:N_PROBED], T[:N_PROBED])
    ratios = dict.fromkeys(m.index[rows_by_depth(m)])
    return by_depth(m, predict_variances(network, X[:N_PROBED]), ratios)


def same(numbers, curves, chart, names=_SAID):
    expected = [curves[f"{chart}_{name}"][LAYER] for name in names]
    return np.allclose(
        numbers[: len(names)], expected, rtol=0.06
    )  # of small ones two digits are said


def read(text):
    said = _READ.fullmatch(text)
    return None if said is None else [as_number(number) for number in said.groups()]


@pytest.mark.parametrize("playing", [False, True])
def test_dots_and_curves_are_of_one_setting(open_page, until, shoot, playing):
    rng = random.Random(1)
    page = open_page(
        "#data=circles&depth=4&width=16&activation=tanh&init=glorot_uniform&gain=1&speed=30"
        "&optimizer=sgd&learning_rate=0.001",
        playing=playing,
    )
    page.locator(".chart-forward .chart-stage").focus()

    def pointed():
        page.keyboard.press("End")
        return page.inner_text(".chart-forward .chart-readout").startswith("layer out:")

    until(pointed)
    if not playing:  # at step 0, where the laboratory finds the same weights again
        page.evaluate(_ASK, {"do": "pause"})
        page.evaluate(_ASK, {"do": "reset"})
        until(lambda: page.inner_text(".minnet-counter b") == "0")
    for chart in CHARTS:
        page.evaluate(_WATCH, chart)
    drawn = _SAID if not playing else ("predicted", "low", "high")
    settings, curves = [], []

    def now(chart):
        numbers = read(page.inner_text(f".chart-{chart} .chart-readout"))
        return numbers and same(numbers[-len(drawn) :], curves[-1], chart, drawn)

    for i in range(30):
        fields = {
            "gain": round(rng.uniform(0.3, 4), 2),
            "width": rng.randrange(8, 60),
            "activation": rng.choice(["tanh", "relu", "selu", "softsign"]),
        }
        names = rng.sample(sorted(fields), rng.randrange(1, 4))
        change = {"do": "change", "experiment": {name: fields[name] for name in names}}
        settings.append(page.evaluate(_ASK, change)["experiment"])
        curves.append(at_the_start(settings[-1]))
        page.wait_for_timeout(rng.randrange(0, 150))
        if i % 2:  # the last one, too; those between may be passed over
            until(lambda: all(map(now, CHARTS)))
    for chart in CHARTS:
        seen = [
            numbers
            for text in page.evaluate("name => window.seen[name]", chart)
            if (numbers := read(text))
        ]
        assert len(seen) > 10
        # The first texts may be of the setting of the address.
        first = at_the_start({**settings[0], "gain": 1.0, "width": 16, "activation": "tanh"})
        for numbers in seen:
            told = numbers[-len(drawn) :]
            assert any(same(told, one, chart, drawn) for one in [first, *curves]), (chart, told)
    shoot(page, "playing" if playing else "paused")
