"""Predictions in a single compiled look at an array: bits and errors are those of the way with checks."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from minnet import MinNetClassifier, MinNetRegressor
from minnet.estimators.prediction import PredictionMixin
from minnet.network import Network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(700, 6))
TARGETS = {
    "binary": (MinNetClassifier, np.where(X[:, 0] > 0, "yes", "no")),
    "multiclass": (MinNetClassifier, np.digitize(X[:, 0], [-0.5, 0.5])),
    "multilabel": (MinNetClassifier, (X[:, :3] > 0).astype(int)),
    "one class": (MinNetClassifier, np.zeros(700, int)),
    "number": (MinNetRegressor, X[:, 0]),
    "numbers": (MinNetRegressor, 100 + 7 * X[:, :2]),
}


def fitted(kind, dtype="float64", **options):
    cls, y = TARGETS[kind]
    options = {"hidden_layer_sizes": (40,), "max_iter": 2, "random_state": 0, **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cls(**options).fit(X.astype(dtype), y)


def unaligned(Z):
    room = np.empty(Z.nbytes + 1, np.int8)
    view = room[1:].view(Z.dtype).reshape(Z.shape)
    view[...] = Z
    return view


def read_only(Z):
    Z = Z.copy()
    Z.flags.writeable = False
    return Z


LAYOUTS = {
    "rows": lambda Z: Z,
    "columns": np.asfortranarray,
    "every second column": lambda Z: np.repeat(Z, 2, axis=1)[:, ::2],
    "every second row": lambda Z: np.repeat(Z, 2, axis=0)[::2],
    "backwards": lambda Z: Z[::-1],
    "one row": lambda Z: np.broadcast_to(Z[0], Z.shape),
    "unaligned": unaligned,
    "read-only": read_only,
}


AT_ONCE = PredictionMixin._at_once


def outcome(model, method, Z):
    """Return what a call gives, an error too, and what it warns of."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            made = getattr(model, method)(Z)
        except (TypeError, ValueError) as error:
            made = type(error), str(error)
    return made, [str(each.message) for each in said]


def ways(model, method, Z, monkeypatch):
    """Return the outcomes at once and on the way with all checks, and whether the first was taken."""
    taken = []

    def noted(*args):
        made = AT_ONCE(*args)
        taken.append(made is not None)
        return made

    monkeypatch.setattr(PredictionMixin, "_at_once", noted)
    at_once = outcome(model, method, Z)
    monkeypatch.setattr(PredictionMixin, "_at_once", lambda *args: None)
    return at_once, outcome(model, method, Z), taken == [True]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", TARGETS)
def test_the_same_bits(kind, dtype, monkeypatch):
    model = fitted(kind, dtype)
    methods = ["predict", "predict_proba"] if hasattr(model, "predict_proba") else ["predict"]
    for method in methods:
        for n_rows in (1, 30, 700):
            for layout in LAYOUTS.values():
                Z = layout(X[:n_rows].astype(dtype))
                (made, _), (expected, _), taken = ways(model, method, Z, monkeypatch)
                assert taken == (kind != "one class" or method == "predict")
                assert made.dtype == expected.dtype
                np.testing.assert_array_equal(made, expected)


def test_temperature(monkeypatch):
    model = fitted("multiclass", early_stopping=True, calibrate=True, max_iter=20)
    assert model.temperature_ != 1
    (made, _), (expected, _), taken = ways(model, "predict_proba", X, monkeypatch)
    assert taken
    np.testing.assert_array_equal(made, expected)


BAD = {
    "a column less": X[:, :5],
    "one axis": X[0],
    "three axes": X[np.newaxis],
    "no rows": X[:0],
    "a number": np.float64(1),
    "no axes": np.array(1.0),
    "no array": "X",
    "None": None,
    "objects": np.array([["a"] * 6], dtype=object),
    "complex": X.astype(complex),
    "masked": np.ma.masked_array(X, X > 0),
    "texts": [["a"] * 6],
}


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.parametrize("bad", BAD)
def test_the_same_errors(bad, method, monkeypatch):
    made, expected, taken = ways(fitted("multiclass"), method, BAD[bad], monkeypatch)
    assert not taken
    assert made == expected
    assert isinstance(made[0], tuple)


@pytest.mark.parametrize(
    "form",
    [
        lambda Z: Z.astype(np.float32), lambda Z: (10 * Z).astype(int), lambda Z: Z.tolist(),
        sparse.csr_matrix, sparse.csc_array, pd.DataFrame, lambda Z: Z.astype(">f8"),
        lambda Z: np.ma.masked_array(Z), lambda Z: Z.astype(object), lambda Z: Z.astype(np.float16),
    ],
)  # fmt: skip
def test_other_forms_take_the_way_with_all_checks(form, monkeypatch):
    made, expected, taken = ways(fitted("multiclass"), "predict_proba", form(X), monkeypatch)
    assert not taken
    np.testing.assert_array_equal(made[0], expected[0])
    assert made[1] == expected[1]


@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_not_finite_is_refused(layout, value, activation, monkeypatch):
    model = fitted("multiclass", activation=activation)
    for weight in (None, 0.0):  # which a saturated unit hides, or a weight of 0
        if weight is not None:
            model.coefs_[0][...] = weight
        for n_rows in (1, 30, 700):
            for row, column in ((0, 0), (n_rows - 1, 5), (n_rows // 2, 3)):
                Z = X[:n_rows].copy()
                Z[row, column] = value
                Z = LAYOUTS[layout](Z)
                if np.isfinite(Z).all():
                    continue
                made, expected, taken = ways(model, "predict_proba", Z, monkeypatch)
                assert not taken
                assert made == expected
                assert made[0][0] is ValueError
                assert ("NaN" if np.isnan(value) else "infinity") in made[0][1]


def test_logits_that_are_not_finite(monkeypatch):
    model = fitted("number", activation="identity")
    model.coefs_[1][...] = 1e300
    made, expected, taken = ways(model, "predict", 1e200 * X[:3], monkeypatch)
    assert not taken
    assert made == expected
    assert "X must give finite numbers in every layer" in made[0][1]


def test_names_of_features_are_looked_at(monkeypatch):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = fitted("multiclass")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(frame, TARGETS["multiclass"][1])
    for Z in (X, frame, frame[list("abcdfe")], frame.rename(columns={"a": "g"})):
        made, expected, taken = ways(model, "predict", Z, monkeypatch)
        assert not taken
        assert made[1] == expected[1]
        if isinstance(made[0], tuple):
            assert made == expected
        else:
            np.testing.assert_array_equal(made[0], expected[0])


@pytest.mark.parametrize("options", [{"n_networks": 2}, {"backend": "numpy"}])
def test_what_is_not_one_compiled_network(options, monkeypatch):
    made, expected, taken = ways(fitted("multiclass", **options), "predict_proba", X, monkeypatch)
    assert not taken
    np.testing.assert_array_equal(made[0], expected[0])


def test_what_has_changed_is_noticed(monkeypatch):
    model = fitted("multiclass")
    model.predict(X[:1])

    def same():
        made, expected, _ = ways(model, "predict_proba", X[:3], monkeypatch)
        if isinstance(expected[0], tuple):
            assert made == expected
            return None
        np.testing.assert_array_equal(made[0], expected[0])
        return made[0]

    before = same()
    model.coefs_[0][...] *= 2
    assert not np.array_equal(same(), before)
    before = same()
    model.network_.layers[0].activation = "tanh"
    assert not np.array_equal(same(), before)
    model.network_.loss_ = type(model.network_.loss_)()
    same()
    model.network_.initialize(6, random_state=1)
    assert not np.array_equal(same(), before)
    before = same()
    model.n_features_in_ = 5
    assert same() is None
    model.n_features_in_ = 6
    model.network_.layers[0] = model.network_.layers[0].copy()
    assert same() is None
    model.network_ = Network(model.network_.layers).initialize(6, random_state=2)
    assert not np.array_equal(same(), before)


def test_more_rows_than_a_block(monkeypatch):
    monkeypatch.setattr("minnet.estimators.prediction._BLOCK_BYTES", 1000)
    made, expected, taken = ways(fitted("multiclass"), "predict", X, monkeypatch)
    assert not taken
    np.testing.assert_array_equal(made[0], expected[0])
