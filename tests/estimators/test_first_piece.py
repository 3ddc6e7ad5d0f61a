"""What is taken from the first piece of the data alone is said where that has few rows."""

import warnings

import numpy as np
import pytest

from minnet import MinNetClassifier, MinNetRegressor

X = np.random.default_rng(0).normal(size=(300, 4))
T = X[:, 0] + 0.1 * X[:, 1]
Y = (T > 0).astype(int)

LOOKING = {
    "scale_targets": (MinNetRegressor, {"scale_targets": True}, "scale_targets=True takes mean"),
    "lsuv": (MinNetRegressor, {"init": "lsuv"}, "LSUV sets parameters by the data"),
    "prior": (MinNetClassifier, {"bias_init": ["auto", "output_prior"]}, "OutputPrior sets parameters"),
    "neither": (MinNetClassifier, {}, None),
    "nor": (MinNetRegressor, {"bias_init": "zeros"}, None),
}  # fmt: skip
CALLS = {
    "partial_fit": lambda est, y, n, more: est.partial_fit(X[:n], y[:n], **more).partial_fit(X, y),
    "fit_stream": lambda est, y, n, more: est.fit_stream([(X[:n], y[:n]), (X, y)], **more),
    "empty first": lambda est, y, n, more: est.fit_stream([(X[:0], y[:0]), (X[:n], y[:n])], **more),
}


@pytest.mark.parametrize("n", [2, 99, 100, 300])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("cls", "options", "message"), LOOKING.values(), ids=LOOKING)
def test_few_rows_are_said_once(cls, options, message, call, n):
    y, more = (Y, {"classes": [0, 1]}) if cls is MinNetClassifier else (T, {})
    est = cls(hidden_layer_sizes=(4,), random_state=0, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(est, y, n, more)
    said = [w for w in caught if "the first batch alone" in str(w.message)]
    assert len(said) == (message is not None and n < 100)
    for warning in said:
        assert str(warning.message).startswith(message)
        assert f"of {n} row(s):" in str(warning.message)
        assert warning.filename == __file__


def test_a_fit_sees_all_there_is():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Stochastic Optimizer")
        est = MinNetRegressor(scale_targets=True, init="lsuv", max_iter=2, random_state=0)
        est.fit(X[:20], T[:20])
        est.partial_fit(X[:5], T[:5])
