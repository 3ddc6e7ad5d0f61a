"""TableEncoder: what a table becomes, by formulas written here a second time."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from versions import ALL_ZERO

from minnet import MinNetClassifier, PiecewiseLinear, TableEncoder
from minnet.layers import Context

N = 200
OUTPUTS = ["encoded", "structured", "sparse"]


def table(seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "normal": rng.normal(size=N),
            "gaps": np.where(rng.random(N) < 0.2, np.nan, rng.exponential(size=N)),
            "whole": rng.integers(0, 6, N),
            "seldom": rng.random(N) < 0.1,
            "city": rng.choice(["Rome", "Oslo", "Bonn"], N),
            "same": 1.0,
            "void": np.nan,
        }
    )


def by_hand(x, bins):
    """Return z and edges of a column, by NumPy's own quantiles."""
    known = x[~np.isnan(x)]
    low, center, high = np.quantile(known, [0.25, 0.5, 0.75], method="averaged_inverted_cdf")
    scale = high - low if high > low else (known.max() - known.min()) / 2
    s = (x - center) / scale
    z = (s / np.sqrt(1 + (s / 3) ** 2)).astype(np.float32)
    shares = np.arange(bins + 1) / bins
    edges = np.quantile(z[~np.isnan(x)], shares, method="averaged_inverted_cdf")
    return np.where(np.isnan(x), 0, z), np.unique(edges.astype(np.float32))


@pytest.mark.parametrize("bins", [1, 4, 32, None])
def test_numbers_and_categories(bins):
    X = table().assign(zeros=np.arange(N) % 10 == 0).astype({"zeros": int})
    encoder = TableEncoder(bins=bins, output="structured").fit(X)
    Z = pd.DataFrame(encoder.transform(X), columns=encoder.get_feature_names_out())
    assert list(Z) == [
        "normal", "gaps", "gaps_missing", "whole", "seldom_True", "city", "zeros",
    ]  # fmt: skip
    columns = dict(zip(Z, encoder.columns_, strict=True))
    for name in ("normal", "gaps", "whole", "zeros"):
        z, edges = by_hand(X[name].to_numpy(float), bins or 1)
        np.testing.assert_allclose(Z[name], z, rtol=1e-6)
        if bins:
            np.testing.assert_allclose(columns[name], edges, rtol=1e-6)
        else:
            assert columns[name] is None
    np.testing.assert_array_equal(Z["gaps_missing"], X["gaps"].isna())
    np.testing.assert_array_equal(Z["seldom_True"], np.where(X["seldom"], 1, -1))
    np.testing.assert_array_equal(Z["city"], X["city"].map({"Bonn": 0, "Oslo": 1, "Rome": 2}))
    assert columns["city"] == 3
    assert columns["seldom_True"] is columns["gaps_missing"] is None


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float64])
def test_outputs_say_the_same(dtype):
    X = table()
    encoder = TableEncoder(bins=8, output="structured", dtype=dtype).fit(X)
    structured = encoder.transform(X)
    layer = PiecewiseLinear(encoder.columns_).forward(structured, Context())
    encoded = encoder.set_params(output="encoded").transform(X)
    csr = encoder.set_params(output="sparse").transform(X)
    assert structured.dtype == encoded.dtype == csr.dtype == dtype
    np.testing.assert_array_equal(encoded, layer)
    np.testing.assert_array_equal(csr.toarray(), encoded)
    assert sparse.issparse(csr)
    assert len(encoder.get_feature_names_out()) == encoded.shape[1]


@pytest.mark.parametrize("output", OUTPUTS)
def test_rows_are_the_same_alone(output):
    X = pd.concat([table(seed) for seed in range(7)], ignore_index=True)  # more than one block
    X["many"] = pd.Categorical(np.arange(len(X)) % 150)  # categories outnumber rows below
    encoder = TableEncoder(output=output).fit(X[:N])
    whole = encoder.transform(X)
    for rows in (slice(0, 1), slice(1023, 1026), slice(5, 1400, 13)):
        assert abs(encoder.transform(X[rows]) - whole[rows]).sum() == 0


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_copies(output, again):
    X = table()
    encoder = TableEncoder(output=output).fit(X)
    other = again(encoder)
    difference = encoder.transform(X) - other.transform(X)
    assert abs(difference).sum() == 0
    assert list(other.get_feature_names_out()) == list(encoder.get_feature_names_out())
    with pytest.raises(NotFittedError):
        clone(encoder).transform(X)


@pytest.mark.parametrize("output", ["encoded", "structured"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output(output, library):
    frames = pytest.importorskip(library)
    # Columns whose outputs would have the same names.
    X = table().rename(columns={"normal": "gaps_missing", "whole": "city_Bonn"})
    encoder = TableEncoder(bins=3, output=output).set_output(transform=library).fit(X)
    Z = encoder.transform(X[5:9])
    assert isinstance(Z, frames.DataFrame)
    names = list(encoder.get_feature_names_out())
    assert list(Z.columns) == names
    assert len(set(names)) == len(names)
    assert list(encoder.feature_names_in_) == list(X)
    np.testing.assert_array_equal(Z, encoder.set_output(transform="default").transform(X[5:9]))


def test_names_of_arrays():
    X = table()[["normal", "city"]].to_numpy(object)
    encoder = TableEncoder(bins=2).fit(X)
    names = ["x0", "x0_piece1", "x0_piece2", "x1_Bonn", "x1_Oslo", "x1_Rome"]
    assert list(encoder.get_feature_names_out()) == names
    assert encoder.get_feature_names_out(["a", "b"])[0] == "a"
    assert not hasattr(encoder, "feature_names_in_")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda X: X[["gaps", "normal", *X.columns[2:]]], "same order"),
        (lambda X: X.rename(columns={"city": "town"}), "Feature names unseen at fit time"),
        (lambda X: X.drop(columns="city"), "Feature names seen at fit time, yet now missing"),
        (lambda X: X.assign(more=1), "Feature names unseen at fit time"),
        (lambda X: X.to_numpy()[:, :-1], "X has 6 features, but TableEncoder is expecting 7"),
        (lambda X: X.assign(normal="much"), "column 'normal' of X must be numbers, as it was in fit"),
        (lambda X: X.assign(normal=X["city"].astype("category")), "column 'normal' of X must be numb"),
        (lambda X: X.assign(normal=pd.Timestamp("2026")), "column 'normal' of X must be numbers, texts"),
        (lambda X: X.assign(city=[["Rome"]] * N), "column 'city' of X must be numbers, texts"),
        (lambda X: X.iloc[:0], "minimum of 1"),
        (lambda X: X["normal"], "(?i)2d|2-dim"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_other_tables_are_refused(change, said):
    X = table()
    encoder = TableEncoder().fit(X)
    with pytest.raises((ValueError, TypeError), match=said):
        encoder.transform(change(X))


def test_columns_without_output_are_not_looked_at():
    X = table()
    encoder = TableEncoder(output="structured").fit(X)
    other = encoder.transform(X.assign(same=pd.Timestamp("2026"), void="text"))
    np.testing.assert_array_equal(other, encoder.transform(X))


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_table_that_says_nothing(output):
    X = table()[["same", "void"]]
    encoder = TableEncoder(output=output).fit(X)
    assert encoder.transform(X).shape == (N, 0)
    assert len(encoder.get_feature_names_out()) == len(encoder.columns_) == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"bins": 0}, {"bins": 2**40}, {"bins": 2.5}, {"bins": "auto"}, {"max_categories": 1},
        {"min_frequency": 0}, {"min_frequency": 1.5}, {"min_frequency": "some"}, {"output": "dense"},
        {"dtype": "float16"}, {"dtype": int}, {"dtype": None}, {"categorical_features": "city"},
        {"categorical_features": ["town"]}, {"categorical_features": [7]},
    ],
    ids=str,
)  # fmt: skip
def test_a_fit_that_fails_leaves_what_was_there(bad):
    X = table()
    encoder = TableEncoder().fit(X)
    before = encoder.transform(X)
    good = encoder.get_params()
    with pytest.raises(ValueError, match=next(iter(bad))):
        encoder.set_params(**bad).fit(X.rename(columns={"normal": "other"}))
    np.testing.assert_array_equal(encoder.set_params(**good).transform(X), before)
    with pytest.raises(TypeError, match="column 'city' of X"):
        encoder.fit(X.assign(city=[{}] * N))
    np.testing.assert_array_equal(encoder.transform(X), before)


# ---- weights


@pytest.mark.parametrize("bins", [3, 16])
def test_a_row_of_weight_two_is_two_rows(bins):
    X = table()
    X["rare"] = np.arange(N) % 61  # whole weights decide which are rare
    weight = np.random.default_rng(1).integers(0, 4, N)
    params = {"bins": bins, "categorical_features": ["city", "rare"], "output": "structured"}
    weighted = TableEncoder(**params).fit(X, sample_weight=weight)
    repeated = TableEncoder(**params).fit(X.iloc[np.repeat(np.arange(N), weight)])
    for a, b in zip(weighted.columns_, repeated.columns_, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(weighted.transform(X), repeated.transform(X))
    # And of numbers only their ratios count.
    third = clone(weighted).set_params(min_frequency=None).fit(X, sample_weight=weight / 3)
    np.testing.assert_allclose(third.columns_[0], weighted.columns_[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("weight", "said"),
    [(np.zeros(N), ALL_ZERO), (-np.ones(N), "egative"), (np.ones(3), "sample_weight"),
     (["a"] * N, "sample_weight")],
)  # fmt: skip
def test_bad_weights(weight, said):
    with pytest.raises(ValueError, match=said):
        TableEncoder().fit(table(), sample_weight=weight)


def test_in_a_pipeline():
    X = table()
    y = (X["normal"].abs() > 0.7) ^ (X["city"] == "Rome")
    model = make_pipeline(
        TableEncoder(bins=8), MinNetClassifier((16,), solver="lbfgs", random_state=0)
    )
    assert model.fit(X, y).score(X, y) > 0.9
    layers = [PiecewiseLinear(TableEncoder(bins=8, output="structured").fit(X).columns_)]
    assert layers[0].output_size(len(layers[0].columns)) == model[0].transform(X).shape[1]
