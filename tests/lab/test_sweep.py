"""Sweeps: each row is what a loop over clone and fit gives, whatever varies, for all forms of data."""

import functools
import itertools
import re
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import Dense, Dropout, MinNetClassifier, MinNetRegressor
from minnet.initializers import GlorotUniform
from minnet.lab import Sweep, probe, sweep

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
LABELS = np.array(["a", "b"])[(X[:, 0] > 0).astype(int)]
NUMBERS = X[:, 0] - X[:, 1]
X_VAL, LABELS_VAL, NUMBERS_VAL = X[::3] + 0.01, LABELS[::3], NUMBERS[::3]
WEIGHT = RNG.uniform(0.5, 2, 60)
MODELS = {
    "classifier": (MinNetClassifier((6,), max_iter=2), LABELS, LABELS_VAL, ""),
    "regressor": (MinNetRegressor(hidden_layer_sizes=(6,), max_iter=2), NUMBERS, NUMBERS_VAL, ""),
    "pipeline": (
        make_pipeline(StandardScaler(), MinNetClassifier((6,), max_iter=2)), LABELS, LABELS_VAL,
        "minnetclassifier__",
    ),
}  # fmt: skip


def twos(shape, rng):
    return np.full(shape, 0.2)


# What varies, and the parameters that each value stands for.
AXES = {
    "names": ({"init": ["glorot", "zeros"]}, [{"init": "glorot"}, {"init": "zeros"}]),
    "objects": (
        {"init": [GlorotUniform(gain=2), ["he", "zeros"], twos]},
        [{"init": GlorotUniform(gain=2)}, {"init": ["he", "zeros"]}, {"init": twos}],
    ),
    "labels": ({"init": {"mine": twos, "its": "he"}}, [{"init": twos}, {"init": "he"}]),
    "numbers": ({"alpha": np.array([0.0, 0.5])}, [{"alpha": 0.0}, {"alpha": 0.5}]),
    "depth": (
        {"depth": range(1, 3)}, [{"hidden_layer_sizes": (6,)}, {"hidden_layer_sizes": (6, 6)}],
    ),
    "width": (
        {"width": [3, 4], "depth": 2},
        [{"hidden_layer_sizes": (3, 3)}, {"hidden_layer_sizes": (4, 4)}],
    ),
    "sizes": (
        {"hidden_layer_sizes": [(3, 4), 5]},
        [{"hidden_layer_sizes": (3, 4)}, {"hidden_layer_sizes": 5}],
    ),
    "layers": (
        {"layers": [[Dense(3, "tanh")], [Dense(4), Dropout(0.2)]], "hidden_layer_sizes": (100,)},
        [
            {"layers": layers, "hidden_layer_sizes": (100,)}
            for layers in ([Dense(3, "tanh")], [Dense(4), Dropout(0.2)])
        ],
    ),
    "rates": (
        {"learning_rate": [0.01, 0.1], "solver": "sgd"},
        [{"learning_rate_init": rate, "solver": "sgd"} for rate in (0.01, 0.1)],
    ),
    "solvers": ({"solver": ["lbfgs", "adam"]}, [{"solver": "lbfgs"}, {"solver": "adam"}]),
    "batch_norm": ({"batch_norm": [False, True]}, [{"batch_norm": False}, {"batch_norm": True}]),
    "parts": (
        {"init__gain": [1, 2], "init": GlorotUniform()},
        [{"init": GlorotUniform(gain=gain)} for gain in (1, 2)],
    ),
    "two": (
        {"activation": ["tanh", "relu"], "clip_norm": [None, 1.0]},
        [{"activation": a, "clip_norm": c} for a in ("tanh", "relu") for c in (None, 1.0)],
    ),
    "none": ({}, [{}]),
}  # fmt: skip


def trained(model, parameters, seed, X, y, prefix="", **fit):
    changed = {f"{prefix}{name}": value for name, value in parameters.items()}
    model = clone(model).set_params(**changed, **{f"{prefix}random_state": seed})
    return model.fit(X, y, **{f"{prefix}{name}": value for name, value in fit.items()})


QUICK = ("names", "depth", "rates", "solvers", "two")


@pytest.mark.parametrize(
    ("axes", "kind"),
    [
        pytest.param(
            axes, kind, marks=[] if kind == "classifier" or axes in QUICK else pytest.mark.slow
        )
        for axes in AXES
        for kind in MODELS
    ],
)
def test_rows_are_those_of_a_loop(axes, kind):
    given, parameters = AXES[axes]
    model, y, y_val, prefix = MODELS[kind]
    found = sweep(model, X, y, seeds=[0, 5], X_val=X_VAL, y_val=y_val, **given)
    rows = iter(found.rows)
    for changes in parameters:
        for seed in (0, 5):
            row = next(rows)
            assert row["error"] is None
            fitted = trained(model, changes, seed, X, y, prefix)
            last = fitted[-1] if prefix else fitted
            assert row["seed"] == seed
            assert row["n_iter"] == last.n_iter_
            assert row["training_loss"] == last.loss_
            assert row["training_score"] == fitted.score(X, y)
            assert row["validation_score"] == fitted.score(X_VAL, y_val)
    assert next(rows, None) is None
    assert list(found.axes) == [
        name
        for name, value in given.items()
        if not isinstance(value, str | int | tuple | GlorotUniform)
    ]


FORMS = {
    "list": np.ndarray.tolist,
    "float32": lambda X: X.astype("float32"),
    "fortran": np.asfortranarray,
    "frame": lambda X: pd.DataFrame(X, columns=list("abcd")),
    "csr": sparse.csr_matrix,
    "coo": sparse.coo_matrix,
}


@pytest.mark.parametrize(
    ("held_out", "form"),
    [
        pytest.param(
            held_out, form, marks=[] if "cv" in held_out or form == "frame" else pytest.mark.slow
        )
        for held_out in ("X_val", "test_size", "cv", "none")
        for form in FORMS
    ],
)
def test_data_in_each_form(held_out, form, tmp_path):
    of = FORMS[form]
    options = {
        "X_val": {"X_val": of(X_VAL), "y_val": LABELS_VAL}, "test_size": {"test_size": 0.2},
        "cv": {"cv": KFold(3)}, "none": {"test_size": 0},
    }[held_out]  # fmt: skip
    model = MODELS["classifier"][0]
    call = functools.partial(
        sweep, model, of(X), LABELS, WEIGHT, seeds=1, init=["he"], path=tmp_path / "s", **options
    )
    found, again = call(), call()
    assert found.rows == again.rows or held_out == "none"
    assert not found["error"].any()
    assert len(found) == (3 if held_out == "cv" else 1)
    assert np.isnan(found["validation_score"]).all() == (held_out == "none")
    if held_out == "cv":
        for row, (rows, others) in zip(found.rows, KFold(3).split(X), strict=True):
            A = X.astype("float32") if form == "float32" else X
            one = trained(
                model, {"init": "he"}, 0, A[rows], LABELS[rows], sample_weight=WEIGHT[rows]
            )
            assert row["validation_score"] == one.score(A[others], LABELS[others])
            assert row["training_loss"] == pytest.approx(one.loss_, rel=1e-6)


def test_rows_held_out_are_the_same_for_all_and_keep_the_classes_in_proportion():
    y = np.repeat([0, 1], [40, 20])
    seen = []

    def score(model, X, y):
        seen.append((X.tobytes(), y.tolist()))
        return 0.0

    sweep(MinNetClassifier((3,), max_iter=1), X, y, init=["he", "glorot"], seeds=2, scoring=score)
    assert len(set(map(str, seen))) == 2  # trained on, and held out
    assert np.bincount(seen[1][1]).tolist() == [10, 5]


def test_a_function_makes_the_model():
    asked = []

    def make(init, units, seed):
        asked.append(seed)
        return MinNetClassifier((units,), init=init, max_iter=2)

    found = sweep(make, X, LABELS, test_size=0, init=["he", "glorot"], units=[2, 3], seeds=2)
    expected = [
        trained(MinNetClassifier((units,), max_iter=2), {"init": init}, seed, X, LABELS).loss_
        for init in ("he", "glorot") for units in (2, 3) for seed in (0, 1)
    ]  # fmt: skip
    assert found["training_loss"].tolist() == expected
    assert set(asked) == {0, 1}


def test_seeds_of_a_pipelines_steps_are_kept_where_they_are_given():
    states = []

    class Scaler(StandardScaler):
        def __init__(self, *, random_state=None):
            super().__init__()
            self.random_state = random_state

        def fit(self, X, y=None):
            states.append(self.random_state)
            return super().fit(X, y)

    for given in (None, 7):
        model = make_pipeline(Scaler(random_state=given), MinNetClassifier((3,), max_iter=1))
        sweep(model, X, LABELS, seeds=[3])
    assert states == [3, 7]


def test_what_fails_or_diverges_is_a_row():
    def broken(shape, rng):
        raise RuntimeError("no weights\ntoday")

    said = "5 of 6 trainings of the sweep failed or diverged, the first one with RuntimeError: no weights"
    with pytest.warns(UserWarning, match=said) as caught:
        found = sweep(
            MinNetClassifier((5,), solver="sgd", max_iter=3), X, LABELS, seeds=1,
            init={"broken": broken, "unknown": "gloro", "he": "he"}, learning_rate=[0.1, 1e300],
            probe=["Y_sd"],
        )  # fmt: skip
    assert len(caught) == 1
    errors, diverged = found["error"], found["diverged"]
    assert errors[0] == errors[1] == "RuntimeError: no weights today"
    assert "glorot" in errors[2]
    assert errors[4] is None
    assert "non-finite" in errors[5]
    assert diverged.tolist() == [False] * 5 + [True]
    assert np.isfinite(found["training_loss"]).tolist() == [False] * 4 + [True, False]
    assert np.isfinite(found["start_Y_sd_last"]).tolist() == [False] * 4 + [True, True]
    assert np.isfinite(found["end_Y_sd_last"]).tolist() == [False] * 4 + [True, False]
    summary = found.summary()
    assert summary["n_failed"].tolist() == [1, 1, 1, 1, 0, 0]
    assert summary["n_diverged"].tolist() == [0] * 5 + [1]
    assert "Maximum iterations" in found["warning"][4]
    assert "4 failed" in str(found)
    assert "1 diverged" in str(found)


def test_where_all_fail_it_is_said():
    with pytest.warns(UserWarning, match="all 2 trainings of the sweep failed"):
        sweep(MinNetClassifier(), X, LABELS, init="gloro", alpha=[0, 1], seeds=1)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_where_some_diverge_it_is_said(early_stopping):
    model = MinNetRegressor(
        hidden_layer_sizes=(5,), solver="sgd", max_iter=30, early_stopping=early_stopping
    )
    said = "^1 of 2 trainings of the sweep diverged, the first one with .*non-finite"
    with pytest.warns(ConvergenceWarning, match=said) as caught:
        found = sweep(model, X, NUMBERS, seeds=1, learning_rate=[0.01, 1e3])
    assert len(caught) == 1
    assert found["diverged"].tolist() == [False, True]
    assert (found["error"][1] is None) == early_stopping
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sweep(model, X, NUMBERS, seeds=1, learning_rate=[0.01])


def test_probes_are_those_of_the_start_and_the_end():
    model = MinNetClassifier((6, 5), "tanh", max_iter=2)
    plain = sweep(model, X, LABELS, test_size=0, init=["he"], seeds=[4])
    found = sweep(model, X, LABELS, test_size=0, init=["he"], seeds=[4], probe=["Y_sd", "dZ_rms"])
    assert found["training_loss"] == plain["training_loss"]
    (row,) = found.rows
    one = clone(model).set_params(init="he", random_state=4)
    for moment, m in (
        ("start", probe(one, X, LABELS)),
        ("end", probe(one.fit(X, LABELS), X, LABELS)),
    ):
        layers = [layer for layer in found.layers if layer["moment"] == moment]
        for name in ("Y_sd", "dZ_rms"):
            assert [layer[name] for layer in layers] == pytest.approx(m[name].tolist())
            assert row[f"{moment}_{name}_first"] == layers[0][name]
            assert row[f"{moment}_{name}_last"] == layers[1][name]
            assert row[f"{moment}_{name}_ratio"] == pytest.approx(m[name][1] / m[name][0])
    assert found.layers_to_frame().shape == (6, 8)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("more", [[], ["Y_sd"]])
def test_sharpness_is_that_of_the_whole_network(kind, solver, more, tmp_path):
    model, y, _, prefix = MODELS[kind]
    columns = ["sharpness", "stability_limit", *more]
    call = functools.partial(sweep, model, X, y, test_size=0, solver=solver, seeds=[4])
    found = call(probe=columns, path=tmp_path / "s")
    assert found["training_loss"] == call()["training_loss"]
    (row,) = found.rows
    one = clone(model).set_params(**{f"{prefix}solver": solver, f"{prefix}random_state": 4})
    for moment in ("start", "end"):
        m = probe(one if moment == "start" else one.fit(X, y), X, y, sharpness=True)
        assert row[f"{moment}_sharpness"] == pytest.approx(m.sharpness)
        assert row[f"{moment}_stability_limit"] == pytest.approx(m.stability_limit, nan_ok=True)
    assert len(found.layers) == 4 * len(more)
    again = call(probe=columns, path=tmp_path / "s")
    assert repr(again.rows) == repr(found.rows)
    assert found.summary("end_sharpness").rows[0]["end_sharpness"] == row["end_sharpness"]
    alone = call(probe=columns, train=False)
    assert alone["start_sharpness"] == found["start_sharpness"]
    assert "end_sharpness" not in alone.columns


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_what_is_probed_alone_is_not_trained(kind, solver):
    model, y, _, _ = MODELS[kind]
    found = sweep(model, X, y, depth=[1, 3], solver=solver, seeds=2, train=False)
    assert not found["error"].any()
    assert np.isnan(found["n_iter"]).all()
    assert {layer["moment"] for layer in found.layers} == {"start"}
    assert len(found.layers) == 2 * 2 + 2 * 4
    assert np.isfinite(found["start_Y_sd_last"]).all()


def test_the_summary_has_students_intervals():
    rows = [
        {"a": a, "seed": seed, "fold": fold, "validation_score": value, "diverged": False, "error": None}
        for a, values in ((1, [[1.0, 2.0], [2.0, 3.0], [6.0, 7.0]]), (2, [[4.0, 4.0]]))
        for seed, of_seed in enumerate(values) for fold, value in enumerate(of_seed)
    ]  # fmt: skip
    first, second = Sweep(rows, {"a": [1, 2]}).summary("validation_score", level=0.9).rows
    assert first["validation_score"] == pytest.approx(3.5)
    # t(0.95, 2) = 2.919986; sd of 1.5, 2.5, 6.5
    half = 2.919986 * np.sqrt(7.0) / np.sqrt(3)
    assert first["validation_score_half_width"] == pytest.approx(half, rel=1e-6)
    assert second["n_seeds"] == 1
    assert second["validation_score"] == 4.0
    assert np.isnan(second["validation_score_half_width"])


@pytest.mark.parametrize("measures", [3, memoryview(np.eye(2)), sparse.bsr_matrix(np.eye(2))])
def test_measures_that_are_no_names_are_told(measures):
    with pytest.raises(TypeError, match="measures must be None, a name or a list of names, got"):
        Sweep([], {}).summary(measures)


def test_frames_have_a_row_each_and_numbers_in_columns():
    found = sweep(
        MinNetClassifier((3,), max_iter=1), X, LABELS, seeds=2, alpha=[0, 0.5], init=["he"]
    )
    frame = found.to_frame()
    assert frame.shape == (4, len(found.columns))
    assert frame["alpha"].dtype.kind == "f"
    assert found.summary().to_frame().shape[0] == 2
    assert "he" in found._html()


class Splitter:
    def __init__(self, folds):
        self.folds = folds

    def split(self, X, y=None, groups=None):
        yield from self.folds

    def get_n_splits(self, X=None, y=None, groups=None):
        return len(self.folds)


WRONG = {
    "model": ({"model": 3}, TypeError, "model must be a MinNetClassifier"),
    "a name": ({"initt": ["he"]}, TypeError, "did you mean 'init'"),
    "a column's name": ({"seed": [1]}, ValueError, "seed cannot be an axis"),
    "no values": ({"init": []}, ValueError, "init must have a value"),
    "a value twice": ({"alpha": [1, 1.0]}, ValueError, "alpha must have different values"),
    "random_state": ({"random_state": [1, 2]}, ValueError, "give seeds"),
    "depth": ({"depth": [1.5]}, ValueError, "depth must be a whole number"),
    "great depth": ({"depth": [10**12]}, ValueError, "at most 1000000, got 1000000000000"),
    "depth and sizes": (
        {"depth": [1], "hidden_layer_sizes": (3,)}, ValueError, "depth must not be given beside",
    ),
    "seeds": ({"seeds": [1, 1]}, ValueError, "seeds must be"),
    "no seeds": ({"seeds": 0}, ValueError, "seeds must be"),
    "X and y": ({"y": LABELS[:5]}, ValueError, "inconsistent"),
    "NaN": ({"X": np.where(X > 0, np.nan, X)}, ValueError, "NaN"),
    "X_val alone": ({"X_val": X}, ValueError, "together"),
    "X_val of another width": (
        {"X_val": X_VAL[:, :3], "y_val": LABELS_VAL}, ValueError, "X_val: X has 3 features",
    ),
    "NaN in X_val": ({"X_val": X_VAL * np.nan, "y_val": LABELS_VAL}, ValueError, "X_val: "),
    "two of them": ({"cv": 3, "test_size": 0.5}, ValueError, "one of X_val, test_size and cv"),
    "test_size": ({"test_size": 100}, ValueError, "test_size"),
    "part of a row": ({"test_size": 1.5}, ValueError, "test_size must be a share below 1 or a whole"),
    "scoring": ({"scoring": "accuray"}, ValueError, "did you mean 'accuracy'"),
    "no scoring": ({"scoring": 3}, ValueError, "scoring must be the name of a score"),
    "a list of scores": ({"scoring": ["accuracy"]}, ValueError, "scoring must be the name of a score"),
    "path": ({"path": "a\0b"}, ValueError, "path must be a path without"),
    "two rates": (
        {"learning_rate": [0.1], "learning_rate_init": [0.1]}, ValueError, "must not be given beside",
    ),
    "triples": ({"cv": [([0], [1], [2])]}, ValueError, "cv must be"),
    "a splitter of triples": ({"cv": Splitter([([0], [1], [2])])}, ValueError, "cv must make pairs"),
    "a splitter of nothing": ({"cv": Splitter([])}, ValueError, "cv must make pairs"),
    "all values of an axis": ({"alpha": [-1, -2]}, ValueError, "alpha"),
    "probe": ({"probe": ["Y_sdd"]}, ValueError, "Y_sd"),
    "n_jobs": ({"n_jobs": 0}, ValueError, "n_jobs must be"),
    "a function": ({"model": lambda depth: 1, "init": ["he"]}, TypeError, "takes init by name"),
    "what it makes": ({"model": lambda: 1}, TypeError, "one that made 1"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_for_all_is_an_error_at_once(wrong):
    given, kind, text = WRONG[wrong]
    call = {"model": MinNetClassifier((3,)), "X": X, "y": LABELS, **given}
    with pytest.raises(kind, match=re.escape(text)) as raised:
        sweep(**call)
    assert "\n" not in str(raised.value) or "NaN" in wrong  # scikit-learn's own words


ROWS = {
    "too large": [59, 60], "negative": [-1, 3], "none": [], "fractions": [0.5], "numbers": [1.0, 2.0],
    "texts": ["a"], "two axes": [[1, 2]], "ragged": [[1], [1, 2]], "a short mask": [True] * 59, "one": 3,
    "a mask": [True] * 60, "unsigned": np.array([3, 4], "u1"),
}  # fmt: skip


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("kind", ["list", "splitter"])
@pytest.mark.parametrize("rows", ROWS)
def test_rows_of_folds_are_checked(rows, kind, place):
    folds = [(ROWS[rows], range(60)) if place == 0 else (range(60), ROWS[rows])]
    call = functools.partial(
        sweep, MinNetClassifier((3,), max_iter=1), X, LABELS, seeds=1, init=["he"],
        cv=folds if kind == "list" else Splitter(folds),
    )  # fmt: skip
    if rows in ("a mask", "unsigned"):
        assert not call()["error"].any()
    else:
        with pytest.raises(
            ValueError, match="rows of cv must be whole numbers of at least 0 and below 60"
        ):
            call()


STEPS = {
    "a step's": ({"standardscaler__with_mean": [True, False]}, None),
    "a step": ({"standardscaler": [StandardScaler(), "passthrough"]}, None),
    "the last step": (
        {"minnetclassifier": [MinNetClassifier((n,), max_iter=1) for n in (2, 3)]}, None,
    ),
    "the steps": ({"steps": [[("a", MinNetClassifier((n,), max_iter=1))] for n in (2, 3)]}, None),
    "its own": ({"memory": [None, "."]}, None),
    "of the last step": ({"minnetclassifier__alpha": [0.1, 1.0]}, None),
    "without a prefix": ({"alpha": [0.1, 1.0]}, None),
    "both": ({"standardscaler__with_std": [True, False], "depth": [1, 2]}, None),
    "another estimator": ({"minnetclassifier": [StandardScaler()]}, "last step of model must be"),
}  # fmt: skip


@pytest.mark.parametrize("nested", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("axes", STEPS)
def test_parameters_of_the_steps_of_a_pipeline_are_axes(axes, nested, tmp_path):
    given, text = STEPS[axes]
    model = make_pipeline(StandardScaler(), MinNetClassifier((3,), max_iter=1))
    if nested:
        model = make_pipeline(model)
        bare = axes in ("without a prefix", "both")
        given = {
            name if bare and "__" not in name else f"pipeline__{name}": value
            for name, value in given.items()
        }
    call = functools.partial(sweep, model, X * 9 + 5, LABELS, seeds=1, path=tmp_path / "s", **given)
    if text:
        with pytest.raises(TypeError, match=text):
            call()
        return
    found = call()
    assert not found["error"].any()
    last, expected = f"{'pipeline__' if nested else ''}minnetclassifier__", []
    for values in itertools.product(*given.values()):
        changes = dict(zip(given, values, strict=True))
        if "depth" in changes:
            changes[f"{last}hidden_layer_sizes"] = (3,) * changes.pop("depth")
        if "alpha" in changes:
            changes[f"{last}alpha"] = changes.pop("alpha")
        one = clone(clone(model).set_params(**changes))
        final = one[-1][-1] if nested else one[-1]
        expected.append(sweep(one, X * 9 + 5, LABELS, seeds=1)["training_loss"][0])
        assert not hasattr(final, "network_")
    assert found["training_loss"].tolist() == expected
    assert not any(hasattr(value, "network_") for value in given.get("minnetclassifier", ()))
    assert len(Sweep.load(tmp_path / "s")) == len(expected)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    "axis",
    [{"alpha": [0.1, -1]}, {"loss": ["squared_error", "poisson"]}, {"activation": ["relu", "rel"]}],
    ids=str,
)
def test_the_order_of_an_axis_decides_nothing(axis, order, tmp_path):
    ((name, values),) = axis.items()
    model = MinNetRegressor(hidden_layer_sizes=(3,), max_iter=1)
    call = functools.partial(sweep, model, X, NUMBERS, seeds=1, path=tmp_path / "s")
    found = call(**{name: values[::order]})
    assert [error is None for error in found["error"]][::order] == [True, False]
    call(**{name: values[::-order]})


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("backend", ["multiprocessing", "threading", "sequential"])
def test_each_backend_of_joblib_trains(backend, n_jobs):
    call = functools.partial(sweep, MinNetClassifier((3,), max_iter=1), X, LABELS, seeds=2)
    with joblib.parallel_config(backend):
        found = call(n_jobs=n_jobs)
    assert found["training_loss"].tolist() == call()["training_loss"].tolist()


def test_nothing_of_the_model_changes_and_warnings_are_kept_in_rows():
    model = MinNetClassifier((3,), max_iter=1).fit(X, LABELS)
    before = model.predict_proba(X).tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        sweep(model, X, LABELS, seeds=1, init=["he"])
    assert model.init == "auto"
    assert model.predict_proba(X).tobytes() == before


ROW = {"a": 1, "seed": 0, "diverged": False, "error": None, "training_loss": 0.5, "name": "x"}
WRONG_SWEEPS = {
    "no label": ([{**ROW, "a": 2}], {"a": [1]}, "a label of the axis 'a', got 2"),
    "without the axis": ([{}], {"a": [1]}, "a label of the axis 'a', got None"),
    "an array as a label": ([{**ROW, "a": np.ones(2)}], {"a": [1]}, "a label of the axis 'a'"),
    "without a seed": ([{"a": 1}], {"a": [1]}, "rows must each have 'seed'"),
    "a text as a seed": ([{**ROW, "seed": "0"}], {"a": [1]}, "whole numbers as 'seed'"),
    "a text as a loss": ([{**ROW, "training_loss": "x"}], {"a": [1]}, "numbers as 'training_loss'"),
    "a number as an axis": ([ROW], {"a": 3}, "axes must be"),
    "an empty axis": ([], {"a": []}, "axes must be"),
    "a label twice": ([ROW], {"a": [1, 1]}, "axes must be"),
    "lists as labels": ([ROW], {"a": [[1]]}, "axes must be"),
    "a name that is none": ([ROW], {1: [1]}, "axes must be"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_SWEEPS)
def test_a_sweep_of_wrong_rows_is_refused_when_it_is_made(wrong):
    rows, axes, text = WRONG_SWEEPS[wrong]
    with pytest.raises((TypeError, ValueError), match=re.escape(text)):
        Sweep(rows, axes)


def test_layers_are_dictionaries():
    with pytest.raises(TypeError, match="layers must be a list of dictionaries"):
        Sweep([ROW], {"a": [1]}, [1])


@pytest.mark.parametrize("measures", [3, 3.5, {}, [3], ["name"], "a", "error", object()])
def test_measures_are_columns_with_numbers(measures):
    with pytest.raises((TypeError, ValueError), match=r"^measures must be"):
        Sweep([ROW], {"a": [1]}).summary(measures)


def test_a_table_has_the_names_of_its_columns_as_a_frame_has():
    found = Sweep([ROW], {"a": [1]})
    for table in (found, found.summary()):
        assert list(table) == table.columns == list(table.to_frame())
        assert "a" in table
        assert "b" not in table
        assert 0 not in table


def test_the_summary_walks_the_cells_that_are_there():
    names = [f"axis{i}" for i in range(40)]  # 2**40 combinations
    rows = [{**ROW, **dict.fromkeys(names, label)} for label in ("y", "x")]
    summary = Sweep(rows, {name: ["x", "y"] for name in names}).summary()
    assert summary["axis0"].tolist() == ["x", "y"]


def test_labels_are_numbers_that_a_float_can_hold_or_texts():
    values = [10**400, float("nan"), 2]
    found = sweep(MinNetClassifier((3,), max_iter=1), X, LABELS, seeds=1, alpha=values)
    assert [type(label) for label in found.axes["alpha"]] == [str] * 3
    assert [error is None for error in found["error"]] == [False, False, True]
