"""Strings in the place of numbers: the sentence names the column and what encodes them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from minnet import MinNetClassifier, MinNetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = [[1.0, "red"], [2.0, "blue"], [3.0, "red"], [4.0, "blue"]]
NUMBERS, CLASSES = [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]], [0, 1, 0, 1]
NAMES = {"a": [1.0, 2.0, 3.0, 4.0], "colour": ["red", "blue", "red", "blue"]}

FORMS = {
    "list": (ROWS, "1"),
    "array of objects": (np.array(ROWS, dtype=object), "1"),
    "array of strings": (np.array(ROWS)[:, ::-1], "0"),
    "array of StringDType": (np.array(ROWS).astype(np.dtypes.StringDType())[:, ::-1], "0"),
    "pandas": (pd.DataFrame(NAMES), "'colour'"),
    "pandas objects": (pd.DataFrame(NAMES).astype(object), "'colour'"),
    "pandas categories": (pd.DataFrame(NAMES).astype({"colour": "category"}), "'colour'"),
    "polars": (pl.DataFrame(NAMES), "'colour'"),
    "polars categories": (pl.DataFrame(NAMES, schema_overrides={"colour": pl.Categorical}), "'colour'"),
    "arrow": (pl.DataFrame(NAMES).to_arrow(), "'colour'"),
}  # fmt: skip


def fitted(cls):
    return cls(max_iter=1).fit(NUMBERS, CLASSES)


CALLS = {
    "fit": lambda cls, X: cls(max_iter=1).fit(X, CLASSES),
    "X_val": lambda cls, X: cls(max_iter=1).fit(NUMBERS, CLASSES, X_val=X, y_val=CLASSES),
    "partial_fit": lambda cls, X: fitted(cls).partial_fit(X, CLASSES),
    "fit_stream": lambda cls, X: fitted(cls).set_params(warm_start=True).fit_stream([(X, CLASSES)]),
    "initialize": lambda cls, X: cls().initialize(X, CLASSES),
    "predict": lambda cls, X: fitted(cls).predict(X),
    "score": lambda cls, X: fitted(cls).score(X, CLASSES),
    "activations": lambda cls, X: fitted(cls).activations(X),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cls", [MinNetClassifier, MinNetRegressor])
def test_strings_in_X(cls, form, call):
    X, column = FORMS[form]
    says = rf"got strings in column {column}, such as '(red|blue)' .* or OrdinalEncoder in a Column"
    with pytest.raises(ValueError, match=says):
        CALLS[call](cls, X)


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, pl.Series])
def test_strings_in_y_of_a_regressor(kind):
    with pytest.raises(
        ValueError,
        match=r"^y must be numbers, got strings, such as 'a' .*: classes are for a classifier$",
    ):
        MinNetRegressor().fit(NUMBERS, kind(["a", "b", "a", "b"]))
    MinNetRegressor(max_iter=1).fit(NUMBERS, kind(["1", "2", "1", "2"]))  # as scikit-learn does
