"""scikit-learn's own checks of the estimators for tables."""

from unittest import SkipTest

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from minnet import TabularClassifier, TabularRegressor

#: Small, since the checks fit hundreds of tables.
SMALL = {"hidden_layer_sizes": (32,), "n_members": 2, "max_iter": 20, "batch_size": 16}

#: Folds and edges are of rows, so that a row given twice is not one of weight 2.
BY_ROWS = {f"check_sample_weight_equivalence_on_{data}_data" for data in ("dense", "sparse")}

decorator = parametrize_with_checks(
    [
        TabularClassifier(**SMALL),
        TabularClassifier(**SMALL | {"n_members": 1}, class_weight="balanced"),
        TabularRegressor(**SMALL),
    ]
)


@pytest.mark.filterwarnings("ignore")
@decorator
def test_check(estimator, check):
    name = getattr(check, "func", check).__name__
    if name in BY_ROWS:
        with pytest.raises(AssertionError):
            check(estimator)
        return
    try:
        check(estimator)
    except SkipTest as error:
        pytest.skip(str(error))
