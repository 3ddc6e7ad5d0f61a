"""The file of a model of tables, run by a Python without minnet: each form of a table gives the same."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from table_models import COLUMNS, FRAME, KINDS, N, strange, tabular, target

from minnet import TableEncoder, TabularClassifier
from minnet.export import to_numpy_source

RUNNER = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"minnet", "minnet_ext", "scipy", "sklearn", "joblib", "onnx", "pandas"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
import model
import numpy as np
X = dict(np.load("X.npz"))
np.savez("found.npz", label=model.predict(X), P=model.predict_proba(X))
"""


def names_of(model, **arguments):
    """Return the names that the file defines, run here."""
    names = {}
    exec(compile(to_numpy_source(model, **arguments), "exported", "exec"), names)
    return names


def check(model, X, given=None, tolerance=1e-6, **arguments):
    names = names_of(model, **arguments)
    given = X if given is None else given
    if hasattr(model, "predict_proba"):
        np.testing.assert_array_equal(names["predict"](given), model.predict(X))
    ways = [name for name in ("predict_proba", "predict", "transform") if hasattr(model, name)]
    found, expected = names[ways[0]](given), np.asarray(getattr(model, ways[0])(X))
    assert found.shape == expected.shape
    size = np.maximum(np.abs(expected).max(axis=0), 1)
    assert np.abs((found - expected) / size).max() < tolerance


@pytest.mark.parametrize("dtype", [None, "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_of_targets(kind, dtype):
    model = tabular(kind, FRAME)
    for X in (FRAME, strange(), strange()[:1]):
        check(model, X, dtype=dtype)


@pytest.mark.parametrize("dtype", [None, "float64"])
@pytest.mark.parametrize("output", ["encoded", "structured"])
@pytest.mark.parametrize("name", COLUMNS)
def test_every_kind_of_column_alone(name, output, dtype):
    X = FRAME[["number", name]] if name != "number" else FRAME[["number"]]
    encoder = TableEncoder(output=output, bins=5, min_frequency=3, dtype=dtype or "float32").fit(X)
    for rows in (X, strange()[list(X)]):
        found, expected = names_of(encoder)["transform"](rows), encoder.transform(rows)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert found.dtype == expected.dtype


PLAIN = FRAME.drop(columns=["mixed", "code"])

FORMS = {
    "pandas": (PLAIN, lambda X: X),
    "nullable": (PLAIN, lambda X: X.convert_dtypes()),
    "polars": (PLAIN, pl.from_pandas),
    "pyarrow": (PLAIN, lambda X: pa.Table.from_pandas(X, preserve_index=False)),
    "dict of arrays": (FRAME, lambda X: {name: X[name].to_numpy() for name in X}),
    "dict of lists": (FRAME, lambda X: {name: X[name].tolist() for name in list(X)[::-1]}),
    "objects": (FRAME, lambda X: X.to_numpy(object)),
    "rows": (FRAME, lambda X: X.to_numpy(object).tolist()),
    "bytes": (FRAME[["city", "two"]], lambda X: X.to_numpy(str)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table(form):
    X, made = FORMS[form]
    check(tabular("binary", X), X, made(X))


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_numbers(kind):
    X = FRAME[["number", "gaps", "whole", "same", "void"]].to_numpy()
    model = tabular(kind, X, n_members=1, bins=None)
    for given in (X, X.tolist(), pd.DataFrame(X), dict(enumerate(X.T))):
        check(model, X, given)
    check(tabular(kind, np.ones((N, 2))), np.ones((4, 2)))


def test_a_calibrated_classifier():
    check(tabular("multiclass", FRAME, calibrate=True), FRAME)


def test_it_runs_alone(tmp_path):
    X = PLAIN[["number", "gaps", "city", "flag"]]
    model = tabular("multiclass", X)
    to_numpy_source(model, tmp_path / "model.py")
    np.savez(
        tmp_path / "X.npz",
        **{name: X[name].to_numpy(str if name == "city" else None) for name in X},
    )
    (tmp_path / "run.py").write_text(RUNNER)
    subprocess.run([sys.executable, "run.py"], cwd=tmp_path, check=True)
    found = np.load(tmp_path / "found.npz")
    np.testing.assert_allclose(found["P"], model.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(found["label"], model.predict(X))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (FRAME[list(FRAME)[::-1]], "X must have the columns"),
        ({"number": [1.0]}, "X must have the columns"),
        (np.ones((3, 2)), r"X must have shape \(n_samples, 14\), got \(3, 2\)"),
        (FRAME.assign(number="x"), "column 0 of X must be numbers, got 'x'"),
        (FRAME.assign(number=pd.Timestamp("2020-01-01")), "column 0 of X must be numbers"),
        ({**FRAME.to_dict("list"), "whole": [1]}, "columns of X must be equally long"),
    ],
)
def test_what_is_no_table_is_refused(given, named):
    with pytest.raises(ValueError, match=named):
        names_of(tabular("binary", FRAME))["predict"](given)


def test_hostile_names_and_categories_stay_text():
    hostile = ['"); raise SystemExit #', "a\nb", '"""', "\\", "{x}", "\ud800"]
    values = np.array(hostile, dtype=object)[np.arange(N) % 6]
    X = pd.DataFrame(dict.fromkeys(hostile[:-1], values), dtype=object)
    X["inf"] = pd.Categorical(np.array([np.inf, 1.0, -np.inf])[np.arange(N) % 3])
    check(tabular("binary", X), X)


def test_the_file_can_be_read(tmp_path):
    source = to_numpy_source(tabular("binary", FRAME, n_members=3), tmp_path / "model.py")
    assert (tmp_path / "model.py").read_text() == source
    assert max(map(len, source.split("COLUMNS = [")[0].splitlines())) < 110
    assert "N_MEMBERS = 3" in source
    assert source.count("silu(Y @ W") == 2


def test_a_class_of_the_users_own_is_refused():
    class Own(TabularClassifier):
        def predict(self, X):
            return super().predict(X)[::-1]

    model = Own(max_iter=1, n_members=1).fit(FRAME, target("binary"))
    with pytest.raises(
        TypeError, match=r"knows TabularClassifier\.predict, got Own with a predict"
    ):
        to_numpy_source(model)
