"""The figures of examples/glorot2010: pictures of small networks, and verdicts on made-up numbers."""

import dataclasses
import doctest
import errno
import importlib
import io
import json
import re
import sys

import numpy as np
import pytest
from sklearn.utils import Bunch

pytest.importorskip("matplotlib")
pytest.importorskip("examples.glorot2010.figures")
from examples.glorot2010 import (
    batch_sizes,
    depths,
    figure12,
    figures,
    fixed_set,
    initial,
    jacobians,
    layer_shapes,
    report,
    svm,
)
from examples.glorot2010.claims import CLAIMS, OUTCOMES, Verdict, judged
from examples.glorot2010.curves import Curve, read_curves
from examples.glorot2010.one_run import train
from examples.glorot2010.protocol import PAPER_ROWS, Run, measured_on
from examples.glorot2010.records import kept
from examples.glorot2010.source import Source
from examples.glorot2010.wording import (
    OUTCOME_WORDS,
    claims_table,
    terminal_lines,
    terminal_summary,
)
from minnet import Dense, Network
from minnet.datasets import load_digits_splits
from minnet.lab import probe
from minnet.lab.jacobians import layer_jacobians

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
WIDTH = 30


@pytest.fixture(autouse=True)
def _without_windows(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a source with networks of 30 units that were trained for 1000 updates."""
    folder = tmp_path_factory.mktemp("curves")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "ignore")
        runs = {run for needed in figures.NEEDED.values() for run in needed}
        runs |= {Run(row, shape="growing") for row in ("tanh", "tanh-n")} | {Run("relu-he")}
        for run in runs:
            run = dataclasses.replace(run, width=WIDTH)
            train(run, 1000, folder, every=500, n_measured=200)
    return Source(read_curves(folder), "a test", WIDTH, (0, 1), epochs=2)


@pytest.mark.parametrize(
    "name",
    [
        "answers",
        "error_curves",
        "figure04",
        "fixed_set",
        "forecast",
        "initial",
        "report",
        "svm",
        "wording",
    ],
)
def test_docstrings_run(name):
    module = importlib.import_module(f"examples.glorot2010.{name}")
    assert doctest.testmod(module).failed == 0


@pytest.mark.slow
@pytest.mark.parametrize("part", [part for part in figures.PARTS if part != "forecast"])
def test_each_part_is_drawn_and_kept(part, trained, tmp_path):
    record = figures.make(part, trained, tmp_path)
    assert (tmp_path / record["picture"]).stat().st_size > 5000
    kept = json.loads((tmp_path / record["picture"]).with_suffix(".json").read_text())
    assert kept["numbers"]
    assert {key: kept[key] for key in record} == record
    for verdict in record["verdicts"]:
        assert verdict["statement"] == CLAIMS[verdict["claim"]]
        assert verdict["outcome"] in OUTCOMES
        assert "nan" not in verdict["measured"]
        # Of each claim what the same rule says where nothing is trained: none may pass there.
        assert verdict["untrained"] == "not"
        for _, *outcomes in verdict["earlier"]:
            assert set(outcomes) <= set(OUTCOMES)
    # And told to a terminal of 80 columns.
    lines = [*terminal_lines(record), *terminal_summary([record])]
    assert max(map(len, lines)) < 80
    said = " ".join(" ".join(lines).split())
    for verdict in record["verdicts"]:
        assert " ".join(verdict["measured"].split()) in said
        assert f"{verdict['claim']}: {OUTCOME_WORDS[verdict['outcome']]}." in said


@pytest.mark.parametrize("part", figures.FROM_CURVES)
def test_parts_without_curves_have_no_picture(part, tmp_path):
    record = figures.make(part, Source([], "nothing", WIDTH), tmp_path)
    assert record["picture"] is None
    assert record["verdicts"] == []


def test_the_report_has_all_claims_and_pictures(trained, tmp_path):
    records = [figures.make(part, trained, tmp_path) for part in ("7", "11")]
    records.append(figures.make("2", Source([], "nothing", WIDTH), tmp_path))
    report.write(records, tmp_path)
    markdown, page = ((tmp_path / f"report.{kind}").read_text() for kind in ("md", "html"))
    for claim in CLAIMS:
        assert f"| {claim} | " in markdown
        assert re.search(f'<td>(<a href="#part-[^"]+">)?{claim}(</a>)?</td>', page)
    assert re.findall('href="#(part-[^"]+)"', page) == ["part-7", "part-7", "part-11"]
    assert {'id="part-7"', 'id="part-11"'} <= set(re.findall('id="part-[^"]+"', page))
    assert "](figure07.png)" in markdown
    assert re.search(r"\| Tanh N \| [^|]+ \|  \| 15.60 \| 1 \| 0.1 \|", markdown)
    assert "by an earlier rule (gradients of all layers" in markdown
    assert re.search("<tr><td>Tanh N</td><td>[^<]+</td><td></td><td>15.60</td><td>1</td>", page)
    assert page.count("data:image/png;base64,") == 2
    assert "No curves for it (nothing)" in markdown
    assert "No curves for it (nothing)" in page


def test_how_long_trainings_take_is_told_before():
    """From the committed ones: 100 updates a second, two at a time."""
    known = []
    for row in ("tanh", "tanh-n"):
        known.append(Curve(Run(row).describe()))
        known[-1].add({"updates": 1000, "validation_error": 70.0})
        known[-1].sessions = [
            {"from": 0, "to": 1000, "seconds": 10.0, "processor": "P"},
            {"from": 1000, "to": 1100, "seconds": 90.0, "processor": "P"},  # beside other work
        ]
    runs = [Run("tanh"), Run("tanh-n")]
    said = figures.announced(runs, 30_000, 2, known)
    assert said == (
        "Training 2 networks for 30,000 updates each, 2 side by side: about 5 min at the pace of the "
        "long runs (P)."
    )
    assert figures.announced([Run("sigmoid"), *runs], 1000, 1, known).endswith("updates each.")


def test_later_verdicts_take_the_place_of_earlier_ones():
    found = [
        {"part": "2", "verdicts": [Verdict("C4", outcome, "", "").record()]}
        for outcome in ("not", "partly")
    ]
    outcomes = {line["claim"]: line["outcome"] for line in claims_table(found)}
    assert outcomes == dict.fromkeys(CLAIMS, "open") | {"C4": "partly"}


# ---- before training


@pytest.mark.parametrize("init", initial.INITS)
def test_predicted_activations_are_those_of_a_wide_network(init):
    X, _ = measured_on("probe")
    row = Run(initial.INITS[init], 1.0).describe()
    network = Network([Dense(3000, "tanh") for _ in range(3)], init=row["init"])
    network.loss = "squared_error"
    network.initialize(X.shape[1], random_state=0, dtype="float32")
    measured = [Y.std() for Y in network.forward(X, return_all=True)]
    np.testing.assert_allclose(initial.predicted(init, X, depth=3, width=3000), measured, rtol=0.03)


@pytest.mark.parametrize("init", initial.INITS)
def test_predicted_gradients_are_those_of_a_wide_network(init):
    X, y = measured_on("probe")
    network = Run(initial.INITS[init], depth=3, width=2000).network()
    first, *_, last = probe(network, X, y)["dZ", "sd"][:3]
    expected = initial.predicted_back(init, X, depth=3, width=2000)
    assert np.sqrt(first / last) == pytest.approx(expected, rel=0.03)


def at_start(standard, normalized):
    """Return numbers of two networks whose sd change by these factors a layer."""
    numbers = {"seeds": [0, 1], "depth": 5, "width": 1000}
    for init, (up, down) in {"standard": standard, "normalized": normalized}.items():
        Y, dZ = [0.3 * up**i for i in range(5)], [0.01 * down ** (4 - i) for i in range(5)]
        numbers[init] = {"sd": {"Y": [Y, Y], "dZ": [dZ, dZ], "dW": [[1.0] * 5] * 2}, "predicted": Y}
        numbers[init]["predicted back"] = down
    return numbers


@pytest.mark.parametrize(("standard", "normalized", "outcomes"), [
    ((0.57, 0.57), (0.9, 0.9), ["reproduced", "reproduced"]),
    ((0.57, 0.8), (0.9, 0.7), ["partly", "partly"]),
])  # fmt: skip
def test_verdicts_on_gradients(standard, normalized, outcomes):
    found = initial.verdicts_on_gradients(at_start(standard, normalized))
    assert [verdict.outcome for verdict in found] == outcomes
    assert f"gradients by {standard[1]:.3f} ± 0.000" in found[0].measured


SMALL, OWN = "from 0 to 1, less the mean image", "from -1 to 1"


@pytest.mark.parametrize(("small", "own", "outcome"), [
    ((0.50, 0.80), (0.50, 0.74), "reproduced"),  # for small inputs, as the theory has it
    ((0.50, 0.80), (0.50, 0.60), "partly"),  # but not as the theory has it at the other scale
    ((0.50, 0.72), (0.50, 0.74), "not"),
    ((0.80, 0.50), (0.74, 0.50), "not"),
])  # fmt: skip
def test_verdict_on_jacobians(small, own, outcome):
    numbers = {"seeds": [0, 1], "depth": 5, "width": 1000, "scales": {}}
    numbers["squares"] = {SMALL: [0.1] * 3, OWN: [0.4] * 3}
    numbers["theory"] = {"square": [0.1, 0.25, 0.4], "standard": [0.5] * 3}
    numbers["theory"]["normalized"] = [0.80, 0.75, 0.74]
    for (scale, (square, *_)), means in zip(numbers["squares"].items(), (small, own), strict=True):
        numbers["scales"][scale] = {
            init: [{"mean": [mean] * 4, "square": square}] * 2
            for init, mean in zip(initial.INITS, means, strict=True)
        }
    (verdict,) = jacobians.verdicts(numbers)
    assert verdict.outcome == outcome
    assert "for inputs of a mean square up to 0.25" in verdict.measured


@pytest.mark.parametrize("init", initial.INITS)
def test_singular_values_by_theory_are_those_of_a_wide_network(init):
    X, _ = measured_on("probe", 1)
    network = Run(initial.INITS[init], depth=3, width=400).network()
    matrices = list(layer_jacobians(network, X).values())[1:3]
    measured = np.mean([np.linalg.svd(J, compute_uv=False).mean() for J in matrices])
    expected = jacobians.theory(init, [(X**2).mean()], depth=3, width=400)
    assert expected[0] == pytest.approx(measured, rel=0.02)


def errors_of(standard, normalized, variance=0.0):
    both = {"standard": standard, "normalized": normalized}
    found = {"updates": 1000, "label": "a test"}
    found |= {"rates": dict.fromkeys(both, 0.1), "estimates": {}}
    for init, error in both.items():
        found[init] = [error]
        one = {"value": error, "variance": variance, "degrees": 8, "n_seeds": 1}
        found["estimates"][init] = one
    return found


ALIKE = dict.fromkeys(("equal", "shrinking", "growing"), (80.0, 60.0))


@pytest.mark.parametrize(("errors", "variance", "outcome"), [
    (ALIKE, 0.0, "reproduced"),
    (ALIKE, 4.0, "partly"),  # gains, that are not shown to be three quarters of those of equal layers
    (ALIKE | {"equal": (80.0, 50.0)}, 0.0, "partly"),
    (ALIKE | {"shrinking": (60.0, 80.0), "growing": (60.0, 80.0)}, 0.0, "not"),
])  # fmt: skip
def test_verdict_on_shapes(errors, variance, outcome):
    numbers = {"seeds": [0, 1], "shapes": {"shrinking": [3, 2], "growing": [2, 3]}}
    numbers["standard"] = dict.fromkeys(numbers["shapes"], [[1.0, 9.0]] * 2)
    numbers["normalized"] = dict.fromkeys(numbers["shapes"], [[1.0, 2.0]] * 2)
    numbers["errors"] = {
        shape: errors_of(*of_shape, variance) for shape, of_shape in errors.items()
    }
    assert layer_shapes.verdicts(numbers)[0].outcome == outcome
    assert layer_shapes.verdicts(layer_shapes.untrained(numbers))[0].outcome == "not"
    del numbers["errors"]["growing"]
    assert layer_shapes.verdicts(numbers) == []  # open


def test_errors_of_shapes_are_those_of_the_curves(trained):
    numbers = layer_shapes.measure(trained)
    found = {curve.run["row"]: curve for curve in trained.curves if curve.run["shape"] == "growing"}
    errors = numbers["errors"]["growing"]
    assert errors["updates"] == 1000
    assert errors["normalized"] == [found["tanh-n"].at("test_error", 1000)]
    assert set(numbers["errors"]) == {"equal", "growing"}
    assert numbers["shapes"]["growing"] == [6, 12, 18, 24, 30]


# ---- the fixed set


def test_the_svm_is_chosen_on_validation_images(monkeypatch, tmp_path):
    found = svm.svm_error(200, gammas=(0.001, 0.004), n_test=500)
    errors = {(C, float(gamma)): error for gamma, row in found["grid"].items()
              for C, error in zip(svm.CS, row, strict=True)}  # fmt: skip
    assert found["validation_error"] == min(errors.values())
    assert errors[found["C"], found["gamma"]] == found["validation_error"]
    monkeypatch.setattr(svm, "RECORD", tmp_path / "svm.json")
    monkeypatch.setattr(svm, "svm_error", lambda n, gammas: {"n": n, "error": 60.0})
    for sizes in ("20,10", "20"):
        svm.main(["--sizes", sizes])
    assert [point["n"] for point in kept(svm.RECORD)] == [10, 20]


@pytest.mark.parametrize(("network", "stream", "machine", "outcome"), [
    (50.0, 15.6, 60.0, "reproduced"), (50.0, 45.0, 60.0, "partly"), (75.0, 74.0, 60.0, "not"),
    (39.9, 31.5, 59.9, "partly"), (83.0, 83.0, 59.5, "not"),
])  # fmt: skip
@pytest.mark.parametrize("n", [8_000, 100_000])
def test_verdict_on_the_fixed_set(network, stream, machine, outcome, n):
    numbers = {"svm": [{"n": n, "error": machine if n == 100_000 else 70.0}], "basis": "",
               "svm extrapolated": machine, "network": [{"test_error": network}],
               "stream": [[1000, stream]], "half_width": 0.98}  # fmt: skip
    assert fixed_set.verdicts(numbers)[0].outcome == outcome


def test_the_fixed_set_is_beside_fresh_images_after_as_many_updates(monkeypatch):
    def curve(seed, errors, fixed=0):
        found = Curve(Run("tanh-n", 0.1, seed, fixed=fixed).describe())
        for i, error in enumerate(errors, 1):
            found.add({"updates": 1000 * i, "validation_error": error, "test_error": error})
        found.sessions = [{"from": 0, "to": 1000 * len(errors), "seconds": 1.0}]
        return found

    point = {"C": 1.0, "gamma": 1 / 1024}
    points = [point | {"n": 1, "error": 9.0}, point | {"n": 2, "error": 8.0}]
    monkeypatch.setattr(fixed_set, "kept", lambda path: points)
    curves = [curve(0, (60, 50, 30, 9)), curve(1, (61,)), curve(2, (60, 50, 31))]
    numbers = fixed_set.measure(Source([*curves, curve(0, (55, 51, 52), fixed_set.N_FIXED)], ""))
    assert numbers["stream"] == [[3000, 30], [3000, 31]]  # not the 9, nor the seed that ended early
    assert numbers["network"][0]["updates"] == 2000  # the best one
    (ax,) = fixed_set.draw(numbers).axes
    assert ax.get_xticklabels()[-1].get_text() == "endless"  # no number of images
    (verdict,) = fixed_set.verdicts(numbers)
    assert "with fresh images 30.50 % after 3,000 updates" in verdict.measured
    assert "trained on at most 2 images" in fixed_set.remarks(numbers)[0]
    machines, networks = fixed_set.tables(numbers)
    assert machines[1] == ["1", "1", "1/1024", "9.00"]
    assert networks[1][:5] == ["100,000", "0.1", "3,000", "2,000", "51.00"]


def test_depths_are_compared_after_the_same_updates():
    def curve(depth, last, error):
        found = Curve(Run("tanh", 0.1, 0, depth, WIDTH).describe())
        for updates in (0, 1000, last):
            found.add({"updates": updates, "validation_error": error + updates})
        return found

    source = Source([curve(1, 2000, 5.0), curve(3, 5000, 7.0)], "", WIDTH)
    found = depths.measure(source)["tanh"]
    assert found["updates"] == 1000
    errors = {depth: entry["validation_error"] for depth, entry in found["depths"].items()}
    assert errors == {"1": [1005.0], "3": [1007.0]}
    assert depths.measure(Source([curve(5, 2000, 5.0)], "", WIDTH)) is None


# ---- what longer trainings would bring


def falling(row, updates, slope=-0.3, wander=0.01):
    """Return a curve whose error is a power of the updates."""
    rng, found = np.random.default_rng(0), Curve(Run(row, 0.01).describe())
    for made in range(25_000, updates + 1, 25_000):
        error = 50 * (made / 50_000) ** slope * np.exp(wander * rng.normal())
        found.add({"updates": made, "validation_error": min(error, 83.0)})
    found.sessions = [{"from": 0, "to": updates, "seconds": 1.0}]
    return found


def test_a_power_law_is_carried_on_and_tested(tmp_path):
    source = Source([falling("tanh-n", 1_000_000), falling("tanh", 1_000_000, -0.1)])
    record = figures.make("forecast", source, tmp_path)
    ((_, tanh_n, tanh),) = record["tables"]
    numbers = json.loads((tmp_path / "forecast.json").read_text())["numbers"]
    law = numbers["tanh-n"]["predicted"]
    assert law["low"] < 50 * 100**-0.3 < law["high"]
    assert law["value"] == pytest.approx(50 * 100**-0.3, rel=0.05)
    assert tanh_n[5] == "ours would end below"
    assert tanh[5] == "ours would end above"
    back = numbers["tanh-n"]["back-test"]
    assert back["at"] == 1_000_000
    assert back["low"] < 50 * 20**-0.3 < back["high"]
    assert "in 2 of 2" in record["remarks"][0]


def test_what_has_learned_nothing_or_little_is_not_carried_on(tmp_path):
    assert figures.make("forecast", Source([falling("tanh", 100_000)]), tmp_path)["picture"] is None
    plateau = falling("tanh", 1_000_000, slope=0.3)  # at 83 % after 300,000 updates
    assert figures.make("forecast", Source([plateau]), tmp_path)["picture"] is None


def test_batch_normalization_by_the_batch(monkeypatch, tmp_path):
    """The rate is the best of seed 0, and what is shown is of other seeds."""
    monkeypatch.setattr(batch_sizes, "RECORD", tmp_path / "cells.json")
    made = []

    def train(kind, batch, rate, seed, updates):
        made.append((kind, batch, rate, seed))
        return [70 + abs(rate - 0.03) + seed, 71.0 + seed]

    monkeypatch.setattr(batch_sizes, "train", train)
    batch_sizes.main(["--kinds", "none"])
    batch_sizes.main([])
    assert len(made) == len(set(made)) == 3 * 3 * (4 + 2)
    ((head, *rows),) = batch_sizes.tables(batch_sizes.measure(None))
    assert head[-1] == "validation at 0.3"
    assert rows[0][:5] == ["none", "10", "10,000", "72.50 ± 1.70", "0.03"]
    assert len(rows) == 9


@pytest.mark.parametrize("kind", batch_sizes.KINDS)
def test_each_kind_of_normalization_is_trained(kind):
    untrained, trained = (
        batch_sizes.train(kind, 10, 0.03, 0, updates, width=10) for updates in (0, 500)
    )
    assert untrained != trained
    assert all(40 < error < 95 for error in (*untrained, *trained))


# ---- other data sets


def test_other_sets_are_trained_at_their_best_rate():
    digits = load_digits_splits()
    source = Source([], "", WIDTH, (0, 1), sets=(Bunch(**digits | {"name": "MNIST"}),), epochs=3)
    (found,) = figure12.measure(source).values()
    assert found["updates"] == [120, 240, 360]
    for row, of_row in found["rows"].items():
        assert np.shape(of_row["test_error"]) == (2, 3)
        at_rate = {
            rate: figure12.train(digits, row, rate, 0, WIDTH, 3)[0][-1] for rate in figure12.RATES
        }
        assert at_rate[of_row["rate"]] == min(at_rate.values())
    assert min(found["rows"]["tanh-n"]["test_error"][0]) < 15
    (ax,) = figure12.draw({"MNIST": found}).axes
    stars = {line.get_ydata()[0] for line in ax.lines if line.get_marker() == "*"}
    assert stars == {1.64, 1.72, 1.76, 2.21}


# ---- all of it


def test_figures_are_made_by_name(tmp_path, capsys):
    (tmp_path / "none").mkdir()
    arguments = ["--figure", "6,10", "--updates", "1000", "--width", "20", "--seeds", "2",
                 "--jobs", "2", "--curves", str(tmp_path / "none"),
                 "--out", str(tmp_path / "out")]  # fmt: skip
    figures.main(arguments)
    assert {path.name for path in (tmp_path / "out").glob("*.*")} == {
        "figure06.png", "figure06.json", "figure10.png", "figure10.json", "report.md", "report.html"
    }  # fmt: skip
    numbers = json.loads((tmp_path / "out" / "figure10.json").read_text())["numbers"]
    assert numbers["tanh-n"][0]["updates"][-1] == 1000
    assert "reduced protocol, 1,000 updates, 1 network" in numbers["basis"]
    said = capsys.readouterr().out
    assert said.startswith("Training 1 networks for 1,000 updates each.\n")
    assert max(map(len, said.replace(str(tmp_path), "").splitlines())) < 80
    assert "normalized initialization: figure10.png" in said


def test_table_1_is_made_from_committed_curves(trained, tmp_path, capsys):
    for curve in trained.curves:
        name = "-".join(str(value) for value in curve.run.values())
        curve.write(tmp_path / f"{name[:100]}.json")
    figures.main(["--table", "1", "--curves", str(tmp_path), "--width", str(WIDTH),
                  "--out", str(tmp_path / "out")])  # fmt: skip
    assert "C9 " in capsys.readouterr().out
    assert "## Figure 11" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(("updates", "label"), [(1000, "long runs"), (3000, "own runs")])
def test_the_longer_trainings_have_the_last_word(updates, label, tmp_path, monkeypatch):
    def curve(row, made):
        found = Curve(Run(row, 0.1, width=WIDTH).describe())
        found.add({"updates": made, "validation_error": 50.0, "test_error": 50.0})
        where = {"processor": "P", "cores": 2, "threads": 1}
        where["versions"] = {"minnet-learn": "1", "numpy": "2", "python": "3"}
        found.sessions = [{"from": 0, "to": made, "seconds": 1.0} | where]
        return found

    for row in PAPER_ROWS:
        curve(row, 2000).write(tmp_path / f"{row}.json")
    own = [curve(row, updates) for row in PAPER_ROWS]
    monkeypatch.setattr(figures, "train_short", lambda *args: own)
    figures.main(["--figure", "11", "--updates", str(updates), "--width", str(WIDTH),
                  "--curves", str(tmp_path), "--out", str(tmp_path / "out")])  # fmt: skip
    lines = (tmp_path / "out" / "report.md").read_text().splitlines()
    (claim,) = [line for line in lines if line.startswith("| C9 |")]
    assert f"{label}, {max(updates, 2000):,} updates" in claim


def test_figures_need_matplotlib_before_anything_else(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setattr(figures, "train_short", None)
    with pytest.raises(ImportError, match=r"minnet-learn\[plot\]"):
        figures.main(["--figure", "10", "--updates", "1000", "--out", str(tmp_path / "out")])
    with pytest.raises(ImportError, match=r"minnet-learn\[plot\]"):
        figures.make("5", Source(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_the_files_that_were_there(tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    source = Source([], width=8, seeds=(0, 1))
    records = [figures.make("6", source, tmp_path)]
    report.write(records, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 4
    monkeypatch.setattr("minnet.common.atomic.os.fdopen", lambda descriptor, mode: Full())
    with pytest.raises(OSError, match="No space left"):
        figures.make("6", source, tmp_path)
    with pytest.raises(OSError, match="No space left"):
        report.write(records, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["width", "seeds", "epochs", "jobs"])
def test_numbers_out_of_range_are_told(name, capsys):
    with pytest.raises(SystemExit):
        figures.main([f"--{name}", "0"])
    assert f"--{name} must be at least 1, got 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--figure", "13"], ["--updates", "500"], ["--curves", "no folder"]]
)
def test_wrong_options_are_told(arguments, capsys):
    with pytest.raises(SystemExit):
        figures.main(arguments)
    assert f"{arguments[0]} must be" in capsys.readouterr().err


def test_outcomes():
    assert judged([True]) == "reproduced"
    with pytest.raises(ValueError, match="claim must be one of C1"):
        Verdict("C13", "not", "", "")
    with pytest.raises(ValueError, match="outcome must be one of reproduced"):
        Verdict("C1", "yes", "", "")
