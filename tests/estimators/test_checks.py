"""scikit-learn's own checks of an estimator: all of them run, and but for one kind none may fail.

To batch normalization's unbiased running variance a row given twice is two, and one of weight 2 is one:
no formula is unbiased, the same for both, and the same for weights that are all doubled.
"""

from collections import Counter
from unittest import SkipTest

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version
from versions import SKLEARN

from minnet import BatchNorm, Dense, MinNetClassifier, MinNetRegressor, MinNetTransformer

CLASSIFIERS = [
    MinNetClassifier(),
    MinNetClassifier((20,), solver="sgd", learning_rate_init=0.1, activation="tanh"),
    # Some alpha, since the checks' data are separable: without it probabilities become 0, and then
    # log(predict_proba) is -inf, which the checks compare with a predict_log_proba that is finite.
    MinNetClassifier((20,), "tanh", solver="lbfgs", class_weight="balanced", alpha=0.1),
    MinNetClassifier(layers=[Dense(20, init="he"), BatchNorm("softsign")], clip_norm=10.0),
]
REGRESSORS = [
    MinNetRegressor(),
    MinNetRegressor(hidden_layer_sizes=(20,), solver="sgd", clip_value=1.0, n_networks=2),
    MinNetRegressor(hidden_layer_sizes=(20,), solver="lbfgs", activation="softsign"),
    MinNetRegressor(loss="absolute_error", batch_norm=True, weight_decay=0.01),
]
TRANSFORMERS = [
    MinNetTransformer(MinNetClassifier((20, 10), max_iter=20, random_state=0)),
    MinNetTransformer(
        MinNetRegressor(hidden_layer_sizes=(20, 10), max_iter=20, random_state=0), layer=0
    ),
]
SKIPPED = {
    "check_array_api_input": "SCIPY_ARRAY_API is not set",
    "check_classifiers_multilabel_output_format_decision_function": "does not have a decision_",
}

FAILS_WITH_BATCHES = {
    f"check_sample_weight_equivalence_on_{data}_data" for data in ("dense", "sparse")
}

#: How many each kind of estimator has, from a version of scikit-learn on.
NUMBERS = {"1.9": (68, 61, 48), "1.6.1": (67, 60, 48), "1.6": (66, 59, 47)}

decorator = parametrize_with_checks([*CLASSIFIERS, *REGRESSORS, *TRANSFORMERS])
CHECKS = list(decorator.args[1])


def estimator_and_check(param):
    return getattr(param, "values", param)[:2]


def name_of(check):
    return getattr(check, "func", check).__name__


def of_layers(estimator):
    """Return the layers of an estimator, fitted on a few rows."""
    if isinstance(estimator, MinNetTransformer):
        return []
    return clone(estimator).set_params(max_iter=1).fit(np.eye(4), [0, 1, 0, 1]).network_.layers


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=decorator.kwargs["ids"])
def test_check(estimator, check):
    if name_of(check) in FAILS_WITH_BATCHES and "BatchNorm" in repr(of_layers(estimator)):
        with pytest.raises(AssertionError):
            check(estimator)
        return
    try:
        check(estimator)
    except SkipTest as error:
        skipped = error
    else:
        return
    assert SKIPPED[name_of(check)] in str(skipped)
    pytest.skip(str(skipped))


def test_number_of_checks():
    # A check that is no longer collected would otherwise go unnoticed.
    counts = Counter(repr(estimator_and_check(param)[0]) for param in CHECKS)
    release = next(n for n in NUMBERS if parse_version(sklearn.__version__) >= parse_version(n))
    groups = zip((CLASSIFIERS, REGRESSORS, TRANSFORMERS), NUMBERS[release], strict=True)
    expected = {repr(est): n for group, n in groups for est in group}
    if SKLEARN <= (1, 9):
        assert counts == expected
    assert all(counts[est] >= n for est, n in expected.items())


@pytest.mark.parametrize("data", ["dense", "sparse"])
def test_weights_are_checked_against_repetition(data):
    names = Counter(name_of(estimator_and_check(param)[1]) for param in CHECKS)
    assert names[f"check_sample_weight_equivalence_on_{data}_data"] == len(CLASSIFIERS) * 2
