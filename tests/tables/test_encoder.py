"""TableEncoder: a table of any library as numbers, by formulas written here a second time."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from minnet import PiecewiseLinear, TableEncoder
from minnet.layers import Context

N = 200


def table(seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "normal": rng.normal(size=N),
            "gaps": np.where(rng.random(N) < 0.2, np.nan, rng.exponential(size=N)),
            "whole": rng.integers(0, 6, N),
            "flag": rng.random(N) < 0.3,
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


@pytest.mark.parametrize("bins", [1, 4, 32])
def test_numbers_and_categories(bins):
    X = table()
    encoder = TableEncoder(bins=bins, output="structured").fit(X)
    Z = pd.DataFrame(encoder.transform(X), columns=encoder.get_feature_names_out())
    assert list(Z) == ["normal", "gaps", "gaps_missing", "whole", "flag_True", "city"]
    columns = dict(zip(Z, encoder.columns_, strict=True))
    for name in ("normal", "gaps", "whole"):
        z, edges = by_hand(X[name].to_numpy(float), bins)
        np.testing.assert_allclose(Z[name], z, rtol=1e-6)
        np.testing.assert_allclose(columns[name], edges, rtol=1e-6)
    np.testing.assert_array_equal(Z["gaps_missing"], X["gaps"].isna())
    np.testing.assert_array_equal(Z["flag_True"], np.where(X["flag"], 1, -1))
    np.testing.assert_array_equal(Z["city"], X["city"].map({"Bonn": 0, "Oslo": 1, "Rome": 2}))
    assert columns["city"] == 3
    assert columns["flag_True"] is columns["gaps_missing"] is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
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
