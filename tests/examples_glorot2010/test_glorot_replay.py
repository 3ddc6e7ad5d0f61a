"""The page's file of the paper's figures says what the committed curves say, and is up to date."""

import json
import math

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from examples.glorot2010.figures import PARTS
from examples.glorot2010.protocol import DATA, PAPER, Run
from examples.glorot2010.replay import PAGE, as_text, replay

KEPT = json.loads(PAGE.read_text())
FIGURES = KEPT["figures"]


def panels(kind):
    return [
        (number, panel)
        for number, figure in FIGURES.items()
        for panel in figure["panels"]
        if panel["kind"] == kind
    ]


def curve_of(run):
    """Return the points of the curve file that a run names."""
    settings = {key: run[key] for key in ("row", "rate", "seed", "depth")}
    return json.loads((DATA / f"{Run(**settings).name}.json").read_text())


def test_figures_2_to_12_are_there():
    assert list(FIGURES) == [part for part in PARTS if part.isdigit() and part != "1"]
    assert KEPT["updates"] == 5_000_000
    assert len(PAGE.read_bytes()) < 250_000


@pytest.mark.parametrize(("number", "panel"), panels("layers"))
def test_layers_are_those_of_the_curve_file(number, panel):
    points = [p for p in curve_of(panel["run"])["points"] if p.get("layers")]
    assert panel["updates"] == [p["updates"] for p in points]
    for name, values in panel["values"].items():
        hidden = [p["layers"][name][: panel["run"]["depth"]] for p in points]
        np.testing.assert_allclose(values, hidden, rtol=1e-3, err_msg=f"{number} {name}")


def test_histograms_at_the_end_are_those_of_the_curve_file():
    found = [panel for number, panel in panels("histograms") if number == "4"]
    assert len(found) == 2
    for panel in found:
        run = panel["run"] | {"rate": 0.03}
        kept = curve_of(run)["histograms"]
        assert panel["run"]["updates"] == kept["updates"]
        np.testing.assert_allclose(panel["density"], kept["density"][:5], rtol=1e-3, atol=1e-9)
        ends = [[row[0], row[-1]] for row in kept["edges"][:5]]
        np.testing.assert_allclose(panel["range"], ends, rtol=1e-3)
        for row in kept["edges"][:5]:  # the page takes the bins to be of one width
            assert np.ptp(np.diff(row)) < 1e-2 * np.mean(np.diff(row))


def test_errors_are_those_of_the_curve_files():
    [panel] = FIGURES["11"]["panels"]
    assert len(panel["lines"]) == 6
    for line in panel["lines"]:
        points = curve_of(line["run"])["points"]
        for updates, values, name in (
            ("updates", "errors", "test_error"),
            ("validated", "validation", "validation_error"),
        ):
            there = [p for p in points if p[name] is not None]
            assert line[updates] == [p["updates"] for p in there]
            np.testing.assert_allclose(line[values], [p[name] for p in there], rtol=1e-3)
        assert line["paper"] == PAPER.get(line["run"]["row"])


def test_histograms_are_densities():
    for _, panel in panels("histograms"):
        for row, (low, high) in zip(panel["density"], panel["range"], strict=True):
            assert math.isclose(sum(row) * (high - low) / len(row), 1, rel_tol=2e-3)


def test_the_text_is_json_of_the_same():
    assert json.loads(as_text(KEPT)) == KEPT


@pytest.mark.slow
def test_the_file_is_up_to_date():
    now = replay()
    assert {key: value for key, value in now.items() if key != "figures"} == {
        key: value for key, value in KEPT.items() if key != "figures"
    }
    for number, figure in now["figures"].items():
        kept = FIGURES[number]
        assert figure["claims"] == kept["claims"], number
        for panel, was in zip(figure["panels"], kept["panels"], strict=True):
            assert panel.keys() == was.keys()
            if panel["kind"] in ("layers", "errors") or number == "4":
                assert panel == was, number
            elif panel["kind"] == "histograms":  # another processor rounds in another order
                assert panel["run"] == was["run"]
                np.testing.assert_allclose(panel["range"], was["range"], rtol=1e-2)
                top = np.max(was["density"])
                np.testing.assert_allclose(panel["density"], was["density"], atol=1e-2 * top)
            else:
                for name, costs in panel["costs"].items():
                    np.testing.assert_allclose(costs, was["costs"][name], rtol=1e-3, atol=1e-6)
