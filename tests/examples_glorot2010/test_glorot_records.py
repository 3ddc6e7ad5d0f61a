"""Records, inventories and words of examples/glorot2010, Figure 1, and the rows that came later."""

import copy
import doctest
import importlib
import json

import numpy as np
import pytest
from sklearn.utils import Bunch

pytest.importorskip("matplotlib")
pytest.importorskip("examples.glorot2010.figures")
from examples.glorot2010 import (
    figure01,
    figure11,
    figures,
    inventory,
    later,
    rate_choices,
    report,
    table1,
)
from examples.glorot2010.curves import Curve, read_curves
from examples.glorot2010.earlier_rules import EARLIER_RULES
from examples.glorot2010.protocol import DATA, Run
from examples.glorot2010.source import Source
from examples.glorot2010.trained import draw_layers
from examples.glorot2010.wording import origin
from minnet.datasets import SHAPESET_CLASSES, make_shapeset


@pytest.fixture(autouse=True)
def _without_windows(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    # What the networks of the long runs answered has nothing to do with curves made up here.
    monkeypatch.setattr(table1, "correlation", lambda a, b: 0.0)


SESSION = {"from": 0, "to": 2000, "seconds": 100.0, "processor": "P", "cores": 2, "threads": 1,
           "versions": {"minnet-learn": "1", "numpy": "2", "python": "3"}}  # fmt: skip


def curve(row, errors, seed=0, rate=0.1, **size):
    """Return a curve with these test errors after 1000, 2000, ... updates."""
    found = Curve(Run(row, rate, seed, **size).describe())
    for i, error in enumerate(errors, 1):
        found.add({"updates": 1000 * i, "validation_error": error, "test_error": error})
    found.sessions = [SESSION | {"to": 1000 * len(errors)}]
    return found


@pytest.mark.parametrize("name", ["curves", "figure01", "wording"])
def test_docstrings_run(name):
    module = importlib.import_module(f"examples.glorot2010.{name}")
    assert doctest.testmod(module).failed == 0


# ---- records


@pytest.fixture
def part(monkeypatch):
    """Let figure 5, which needs no curves, cost a long time."""
    monkeypatch.setattr(figures, "RECORDED", ("5",))
    module = importlib.import_module("examples.glorot2010.figure05")
    monkeypatch.setattr(module, "N_NETWORKS", 2)
    return module


def test_a_record_is_drawn_as_it_was_measured(part, tmp_path, monkeypatch):
    source = Source(seeds=(0,))
    before = figures.make("5", source, tmp_path / "records")
    monkeypatch.setattr(part, "measure", None)  # not to be called
    after = figures.make("5", source, tmp_path / "out", records=tmp_path / "records")
    from matplotlib.pyplot import imread

    drawn = [imread(tmp_path / folder / before["picture"]) for folder in ("records", "out")]
    np.testing.assert_array_equal(*drawn)
    assert after["kept"]
    assert after | {"kept": False} == before
    assert origin(before) == ""
    assert origin(after).startswith("Drawn from a record, not measured again: minnet-learn ")
    assert f"numpy {np.__version__}, " in origin(after)


def test_what_takes_long_is_not_measured_without_its_record(part, tmp_path, monkeypatch):
    monkeypatch.setattr(part, "measure", None)
    record = figures.make("5", Source(), tmp_path, records=tmp_path / "none")
    assert record["picture"] is None
    assert origin(record) == "No record of it."
    report.write([record], tmp_path)
    for kind in ("md", "html"):
        assert "No record of it." in (tmp_path / f"report.{kind}").read_text()


def test_records_are_kept_and_drawn_by_option(part, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(figures, "RECORDS", tmp_path / "kept")
    arguments = ["--figure", "5", "--curves", str(tmp_path), "--out", str(tmp_path / "out")]
    figures.main([*arguments, "--records", "keep"])
    assert json.loads((tmp_path / "kept" / "figure05.json").read_text())["numbers"]
    monkeypatch.setattr(part, "measure", None)
    figures.main([*arguments, "--records", "draw"])
    assert "Drawn from a record" in (tmp_path / "out" / "report.md").read_text()


def test_records_of_short_runs_are_not_kept(capsys):
    with pytest.raises(SystemExit):
        figures.main(["--records", "keep", "--updates", "1000"])
    assert "--records keep is for the long runs" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("part", figures.PARTS)
def test_what_is_judged_has_a_rule(part, tmp_path):
    record = figures.make(part, Source([], width=8, seeds=(0, 1)), tmp_path, records=tmp_path)
    judged = [verdict["claim"] for verdict in record["verdicts"]]
    assert bool(record["rule"]) or not judged
    assert "  " not in record["rule"]
    assert "\n" not in record["rule"]
    expected = {"5": ["C10"], "7": ["C1", "C2"]}
    assert judged == expected.get(part, [])
    words = {"2": "above 0.1 later", "11": "within 2 points", "fixed": "50.47", "7": "C2: "}
    assert words.get(part, "") in record["rule"]


@pytest.mark.parametrize("lengths", [(3, 5), (5, 3)])
def test_panels_of_trainings_of_other_lengths_show_all_of_both(lengths):
    from matplotlib.pyplot import close, subplots

    figure, axes = subplots(2, 1, sharex=True)
    for ax, n in zip(axes, lengths, strict=True):
        entry = {"updates": [10**i for i in range(n)], "Y_p98": [[0.5, 0.6]] * n}
        draw_layers(ax, entry, middle="Y_p98")
    assert [ax.get_xlim() for ax in axes] == [(0, pytest.approx(1.05e4))] * 2
    close(figure)


# ---- Figure 1


def test_figure_1_shows_shapeset_and_the_digits():
    top, below = figure01.measure(Source())
    X, y = make_shapeset(20, dtype="uint8")
    np.testing.assert_array_equal(top["images"], X)
    assert top["labels"] == [SHAPESET_CLASSES[label] for label in y]
    assert "stand-in" in below["name"]
    assert np.shape(below["images"]) == (20, 64)


def test_figure_1_shows_a_users_images_by_turns():
    target = np.repeat([0, 1, 2], [30, 30, 2])
    data = (target[:, np.newaxis] + np.arange(62)[:, np.newaxis] / 100) * np.ones(9)
    images = Bunch(data=data / 5, target=target, target_names=["bird", "fish", "tool"])
    _, below = figure01.measure(Source(images=images))
    assert below["labels"][:8] == ["bird", "fish", "tool"] * 2 + ["bird", "fish"]
    assert len(below["labels"]) == 20
    assert below["images"][1] == np.rint(255 * data[30] / 5).tolist()
    from matplotlib.pyplot import close

    figure = figure01.draw([below, below])
    assert "Small-ImageNet is not public" in figure.axes[0].get_title(loc="left")
    close(figure)


# ---- the trainings that are committed


@pytest.fixture(scope="module")
def committed():
    return Source(read_curves(DATA), doubts=rate_choices.doubts(DATA))


@pytest.mark.parametrize("part", ["2", "3", "4", "9", "11", "fixed"])
def test_no_rule_passes_where_nothing_was_trained(part, committed):
    module = importlib.import_module(f"examples.glorot2010.{figures.PARTS[part]}")
    numbers = module.measure(committed)
    verdicts = figures._verdicts(module, numbers)
    assert verdicts
    for verdict in verdicts:
        assert verdict["untrained"] == "not"
        # Every rule that was changed has its verdict.
        assert len(verdict["earlier"]) == len(EARLIER_RULES[verdict["claim"]])


# ---- what came later, and pre-training


def test_later_rows_are_compared_with_tanh_n_at_the_same_updates():
    curves = [curve("tanh-n", (60, 50, 40), seed) for seed in (0, 1)]
    curves += [curve("relu-he", (50, 40), seed) for seed in (0, 1)]
    curves += [curve("selu", (60.2,)), curve("tanh", (70, 60, 50))]
    numbers = later.measure(Source(curves))
    assert set(numbers["pairs"]) == {"relu-he", "selu"}
    ((_, relu, selu),) = later.tables(numbers)
    assert relu[:2] == ["ReLU, He", "-10.00 ± 1.37*"]
    assert relu[4:] == ["2,000", "2 and 2", "0.1", "inside the grid"]
    assert selu[1:5] == ["+0.20 ± 1.36≈", "60.20 ± 0.96", "60.00 ± 0.96", "1,000"]
    _, said = later.remarks(numbers)
    assert "Better than Tanh N: ReLU, He (-10.00). Not told apart from Tanh N: SELU" in said
    assert "Worse" not in said
    # A rate at the edge of its grid is no ground for a ranking.
    doubts = {("5x1000", "relu-he", 0.1): "at the edge of the grid"}
    numbers = later.measure(Source(curves, doubts=doubts))
    _, said = later.remarks(numbers)
    assert "Better" not in said
    assert "of their rates: ReLU, He (at the edge of the grid)" in said
    assert later.tables(numbers)[0][1][-1] == "at the edge of the grid"


@pytest.mark.parametrize("rows", [("tanh-n",), ("relu-he",), ("tanh", "tanh-n")])
def test_without_later_rows_there_is_nothing_to_compare(rows):
    assert later.measure(Source([curve(row, (50,)) for row in rows])) is None


def test_the_table_has_the_papers_rows_and_a_remark_on_pretraining():
    curves = [curve("tanh-n", (60, 50, 40)), curve("tanh", (70, 60, 50)), curve("relu-he", (9,))]
    source = Source([*curves, curve("sigmoid-pretrained", (55, 44))])
    numbers = figure11.measure(source)
    assert numbers["summary"]["compared_at"] == 3000
    assert set(numbers["summary"]["rows"]) == {"tanh", "tanh-n"}
    assert set(numbers["curves"]) == {"tanh", "tanh-n", "sigmoid-pretrained"}
    _, said = figure11.remarks(numbers)
    assert "After 2,000 updates, sigmoid after pre-training 44.00 ± 0.97 %, tanh N 50.00" in said
    assert "-6.00 ± 1.38." in said
    assert len(figure11.remarks(figure11.measure(Source(curves)))) == 1
    doubts = {("5x1000", "tanh", 0.1): "chosen at chance level"}
    said = figure11.remarks(figure11.measure(Source(curves, doubts=doubts)))
    assert said[1] == "Learning rates with a doubt: Tanh: chosen at chance level."


# ---- inventories


def test_the_table_of_trainings():
    curves = [curve("tanh", (70, 60), seed) for seed in (0, 1)]
    curves += [curve("tanh", (80,), rate=0.3), curve("tanh", (70, 60), depth=2)]
    curves += [curve("tanh-n", (50, 40), fixed=1000), curve("tanh", (50, 40), shape="growing")]
    _, *rows = inventory.trainings(curves)
    assert rows == [
        ["Tanh", "5 x 1000", "2,000", "3 min", "0, 1", "fresh", "0.1", "20"],
        ["Tanh", "2 x 1000", "2,000", "2 min", "0", "fresh", "0.1", "20"],
        ["Tanh", "5 x 1000, growing", "2,000", "2 min", "0", "fresh", "0.1", "20"],
        ["Tanh N", "5 x 1000", "2,000", "2 min", "0", "1,000", "0.1", "20"],
        ["1 to choose rates with", "", "1,000", "2 min", "", "", "", "10"],
    ]  # fmt: skip
    assert inventory.where(curves) == (
        "On P with 2 cores, 1 thread a training, several side by side, measurements included; minnet 1, "
        "NumPy 2, Python 3."
    )


@pytest.mark.parametrize(("errors", "chosen", "said"), [
    ({"0.01": 70.0, "0.03": 60.0, "0.1": 70.0}, 0.03, None),
    ({"0.01": 60.0, "0.03": 70.0, "0.1": 70.0}, 0.01, "at the edge of the grid"),
    ({"0.01": 70.0, "0.03": 70.0, "0.1": 60.0}, 0.1, "at the edge of the grid"),
    ({"0.01": 84.0, "0.03": 83.0, "0.1": 84.0}, 0.03, "chosen at chance level"),
    ({"0.01": 83.0, "0.03": 84.0}, 0.01, "chosen at chance level, at the edge of the grid"),
    ({"0.1": 60.0}, 0.1, None),  # nothing was chosen
])  # fmt: skip
def test_what_is_to_be_said_against_a_rate(errors, chosen, said, tmp_path):
    record = {"tanh": {"seed": 0, "chosen": chosen, "validation_error": {"20000": errors}}}
    (tmp_path / "rates-5x1000.json").write_text(json.dumps(record))
    found = Source(doubts=rate_choices.doubts(tmp_path)).doubt(Run("tanh", chosen).describe())
    assert found == (said or "")


def test_the_table_of_rates_is_what_runs_wrote(tmp_path):
    stages = {"20000": {"0.1": 70.0, "0.01": 75.25, "0.3": None}, "100000": {"0.1": 60.0}}
    record = {"tanh": {"seed": 0, "chosen": 0.1, "validation_error": stages}}
    record["sigmoid"] = {"seed": 0, "chosen": None, "validation_error": {"20000": {"0.3": None}}}
    (tmp_path / "rates-5x1000.json").write_text(json.dumps(record))
    other = {"tanh-n": copy.deepcopy(record["tanh"])}
    del other["tanh-n"]["validation_error"]["100000"]
    other["tanh-n"]["validation_error"]["20000"]["0.01"] = 70.5
    (tmp_path / "rates-5x1000-growing-fixed100.json").write_text(json.dumps(other))
    near = "not told apart from 0.01"
    assert rate_choices.rates(tmp_path) == [
        ["network", "hidden layers", "chosen", "after updates", "0.01", "0.1", "0.3", "the choice"],
        ["Tanh", "5 x 1000", "", "20,000", "75.25", "70.00", "", ""],
        ["Tanh", "5 x 1000", "0.1", "100,000", "", "60.00", "", ""],
        ["Sigmoid", "5 x 1000", "none", "20,000", "", "", "", ""],
        ["Tanh N", "5 x 1000, growing, images: 100", "0.1", "20,000", "70.50", "70.00", "", near],
    ]
    assert inventory.tables([], tmp_path / "none") == {}
    tables = inventory.tables([curve("tanh", (70,))], tmp_path)
    report.write([], tmp_path, tables)
    assert "| Sigmoid | 5 x 1000 |" in (tmp_path / "report.md").read_text()
    assert "<td>Sigmoid</td><td>5 x 1000</td>" in (tmp_path / "report.html").read_text()
