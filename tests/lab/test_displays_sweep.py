"""Pictures of sweeps: what is drawn is what the summary says, and what is written is in its cell."""

import itertools

import numpy as np
import pytest

from minnet.lab import Sweep
from minnet.lab.displays import SweepCurvesDisplay, SweepMapDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

LONG = [
    "GlorotUniform(gain=1.6666666666666667)", "SparseNormal(n_connections=15, scale=0.25)", "he_normal",
    "orthogonal", "lecun_uniform", "EdgeOfChaos(activation='tanh')", "zeros", "standard",
]  # fmt: skip
DEPTHS = [1, 2, 3, 5, 8, 12, 20, 30, 50, 100]
RATES = [1e-4, 1e-3, 1e-2, 0.1]


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def swept(seeds=3, lost=lambda row: False, **axes):
    """Return a sweep with numbers made up; those of lost rows are not there."""
    rng, rows = np.random.default_rng(0), []
    for labels in itertools.product(*axes.values()):
        for seed in range(seeds):
            row = {**dict(zip(axes, labels, strict=True)), "seed": seed, "n_iter": 3}
            gone = lost(row)
            row["validation_score"] = np.nan if gone else rng.uniform(0.1, 1)
            row |= {"diverged": gone, "error": "ValueError: non-finite" if gone else None}
            rows.append(row)
    return Sweep(rows, axes)


GRIDS = {
    "2 x 2": {"init": LONG[:2], "depth": [2, 5]},
    "8 x 10": {"init": LONG, "depth": DEPTHS},
    "1 x 4": {"rate": RATES},
    "panels": {"init": LONG[2:5], "depth": [1, 3], "activation": ["tanh", "relu"]},
    "two rows of panels": {"init": LONG[2:4], "depth": [1, 3], "width": [1, 2, 3, 4]},
}


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("grid", "style"),
    [
        ("2 x 2", "dark_background"), ("1 x 4", "default"),
        pytest.param("panels", "default", marks=SLOW),
        pytest.param("8 x 10", "default", marks=SLOW),
        pytest.param("two rows of panels", "default", marks=SLOW),
    ],
)  # fmt: skip
def test_a_map_has_the_means_and_writes_them_into_their_cells(grid, style):
    found = swept(**GRIDS[grid])
    with plt.style.context(style):
        display = SweepMapDisplay.from_sweep(found)
        display.figure_.canvas.draw()
    rows = {tuple(row[name] for name in found.axes): row for row in found.summary().rows}
    names, labels = display.table.names, display.table.labels
    for panel, (mesh, texts) in enumerate(zip(display.meshes_, display.texts_, strict=True)):
        colors = mesh.get_array().reshape(len(labels[1]), len(labels[2]))
        assert len(texts) == colors.size
        ax = display.axes_[panel]
        for text in texts:
            j, i = text.get_position()
            at = dict(zip(names, (labels[0][panel], labels[1][i], labels[2][j]), strict=True))
            row = rows[tuple(at[name] for name in found.axes)]
            assert colors[i, j] == row["validation_score"]
            mean, half = text.get_text().replace("±", "").split("\n")
            assert float(mean) == pytest.approx(row["validation_score"], abs=0.006)
            assert float(half) == pytest.approx(row["validation_score_half_width"], abs=0.006)
            box = text.get_window_extent().transformed(ax.transData.inverted())
            assert i - 0.5 <= min(box.y0, box.y1) <= max(box.y0, box.y1) <= i + 0.5
            assert j - 0.5 <= box.x0 <= box.x1 <= j + 0.5


@pytest.mark.parametrize(
    ("grid", "width"),
    [
        ("2 x 2", 3.9),
        pytest.param("8 x 10", 3.9, marks=SLOW),
        pytest.param("panels", 8, marks=SLOW),
    ],
)
def test_labels_stay_in_the_picture_and_apart(grid, width):
    figure = plt.figure(figsize=(width, 5), layout="constrained")
    display = SweepMapDisplay.from_sweep(swept(**GRIDS[grid]), ax=figure.add_subplot())
    figure.canvas.draw()
    for ax in display.axes_:
        boxes = [text.get_window_extent() for text in ax.get_yticklabels()]
        for box in boxes:
            assert box.x0 >= -1
        assert all(a.y0 >= b.y1 - 1 for a, b in itertools.pairwise(boxes))


def test_cells_without_a_result_are_hatched_and_few_seeds_are_said():
    found = swept(
        init=["he", "zeros"], depth=[1, 2],
        lost=lambda row: row["init"] == "zeros" and (row["depth"] == 2 or row["seed"] == 2),
    )  # fmt: skip
    display = SweepMapDisplay.from_sweep(found)
    texts = {text.get_position()[::-1]: text.get_text() for text in display.texts_[0]}
    assert texts[1, 1] == "diverged"
    assert texts[1, 0].endswith("\nn=2")
    assert "n=" not in texts[0, 0]
    corner, patch = sorted(display.axes_[0].patches, key=lambda patch: bool(patch.get_hatch()))
    assert patch.get_xy() == (0.5, 0.5)
    assert patch.get_hatch()
    assert corner.get_xy()[1].tolist() == [0.5, 0.5]  # of the cell below on the left
    assert display.color_bar_.ax.get_ylabel().endswith("some diverged")
    assert display.meshes_[0].get_array().mask.ravel().tolist() == [False, False, False, True]
    assert "mean of 3 seeds" in display.color_bar_.ax.get_ylabel()


def test_one_seed_has_no_half_width_and_a_logarithm_is_taken_where_it_is_asked_for():
    display = SweepMapDisplay.from_sweep(swept(seeds=1, init=["he"], depth=[1, 2]), log=True)
    assert all("±" not in text.get_text() for text in display.texts_[0])
    assert type(display.meshes_[0].norm).__name__ == "LogNorm"


@pytest.mark.parametrize("kind", ["lines", "panels", "alone", "logarithmic"])
def test_curves_have_the_means_and_their_bands(kind):
    axes = {
        "lines": {"init": ["he", "zeros"], "depth": [1, 3, 2]},
        "panels": {"init": ["he", "zeros"], "activation": ["tanh", "relu"], "depth": [1, 2]},
        "alone": {"depth": [1, 2]},
        "logarithmic": {"learning_rate": RATES, "init": LONG},
    }[kind]
    found = swept(**axes)
    display = SweepCurvesDisplay.from_sweep(found)
    summary = found.summary()
    x = "learning_rate" if kind == "logarithmic" else "depth"
    assert display.axes_[0].get_xscale() == ("log" if kind == "logarithmic" else "linear")
    for panel, line in np.ndindex(display.table.means.shape[:2]):
        at = zip(display.table.names, (display.table.labels[0][panel], display.table.labels[1][line]),
                 strict=False)  # fmt: skip
        settings = {name: label for name, label in at if name}
        rows = [row for row in summary.rows if all(row[n] == v for n, v in settings.items())]
        rows.sort(key=lambda row: row[x])
        means = [row["validation_score"] for row in rows]
        halves = np.array([row["validation_score_half_width"] for row in rows])
        drawn, band = display.lines_[panel][line], display.bands_[panel][line]
        assert drawn.get_xdata().tolist() == [row[x] for row in rows]
        assert drawn.get_ydata().tolist() == means
        corners = band.get_paths()[0].vertices[:, 1]
        assert corners.max() == pytest.approx((means + halves).max())
        assert corners.min() == pytest.approx((means - halves).min())


WRONG = {
    "no sweep": (lambda cls: cls.from_sweep([1]), TypeError, "sweep must be"),
    "no measure": (lambda cls: cls.from_sweep(swept(depth=[1]), "score"), ValueError, "measure"),
    "no axis": (lambda cls: cls.from_sweep(swept(depth=[1]), x="width"), ValueError, "x must be 'depth'"),
    "none of no axes": (
        lambda cls: cls.from_sweep(swept(), x="width"), ValueError,
        "x must not be given for a sweep without axes, got 'width'",
    ),
    "where of no axes": (
        lambda cls: cls.from_sweep(swept(), where={"a": 1}, x="a"),
        ValueError, "where must not be given for a sweep without axes, got 'a'",
    ),
    "an array in where": (
        lambda cls: cls.from_sweep(swept(depth=[1, 2]), where={"depth": np.array([1, 2])}, x="depth"),
        ValueError, "where",
    ),
    "where": (
        lambda cls: cls.from_sweep(swept(depth=[1, 2], init=["he"]), where={"init": "she"}),
        ValueError, "where",
    ),
    "too many axes": (
        lambda cls: cls.from_sweep(swept(a=[1], b=[1], c=[1], depth=[1])), ValueError,
        "where must give a value of each axis that is not drawn",
    ),
    "nothing": (
        lambda cls: cls.from_sweep(swept(depth=[1, 2], lost=lambda row: True)), ValueError,
        "nothing to draw",
    ),
    "a table": (lambda cls: cls(3), TypeError, "table must be"),
    **{
        f"measure={measure}": (
            lambda cls, measure=measure: cls.from_sweep(swept(depth=[1, 2]), measure), TypeError,
            "measure must be a text",
        )
        for measure in (None, (), ("seconds", "seconds"))
    },
}  # fmt: skip


@pytest.mark.parametrize("cls", [SweepMapDisplay, SweepCurvesDisplay])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_said(wrong, cls):
    make, kind, text = WRONG[wrong]
    with pytest.raises(kind, match=text):
        make(cls)


def test_a_value_of_where_takes_an_axis_out():
    found = swept(init=["he", "zeros"], depth=[1, 2], width=[3, 4], alpha=[0.0, 1.0])
    display = SweepMapDisplay.from_sweep(found, where={"alpha": 1.0, "init": "he"})
    assert display.table.names == ("", "depth", "width")
    rows = [row for row in found.summary().rows if (row["alpha"], row["init"]) == (1.0, "he")]
    assert display.table.means.ravel().tolist() == [row["validation_score"] for row in rows]
    with pytest.raises(ValueError, match="numbers for x, got none"):
        SweepCurvesDisplay.from_sweep(swept())
    with pytest.raises(ValueError, match="numbers for x, got those of init"):
        SweepCurvesDisplay.from_sweep(swept(init=["he"]))
