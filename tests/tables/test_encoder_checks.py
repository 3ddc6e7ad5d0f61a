"""scikit-learn's own checks of a transformer."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from minnet import TableEncoder

ENCODERS = [
    TableEncoder(),
    TableEncoder(output="structured"),
    TableEncoder(output="sparse", bins=4),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(ENCODERS)
def test_check(estimator, check):
    if getattr(check, "func", check).__name__ == "check_array_api_input":
        pytest.skip("needs SCIPY_ARRAY_API to be set")
    check(estimator)
