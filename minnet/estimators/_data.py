"""What scikit-learn's checks of data leave: broken sparse matrices, and numbers that no float holds."""

import numpy as np
from scipy import sparse
from sklearn.utils.validation import _check_sample_weight, validate_data

from minnet.common.checks import check_sparse

__all__ = ["check_parameters", "validate", "validate_weight"]


def validate(estimator, X, y="no_validation", **options):
    """Return what ``sklearn.utils.validation.validate_data`` does, after a look at sparse matrices."""
    for name, given in (("X", X), ("y", y)):
        if sparse.issparse(given):
            if given.ndim != 2:
                raise ValueError(f"{name} must have two axes as a sparse array, got {given.ndim}")
            check_sparse(name, given)
    try:
        return validate_data(estimator, X, y, accept_sparse=["csr", "csc"], **options)
    except OverflowError as error:
        raise ValueError(f"X and y must be numbers that a float can hold: {error}") from error
    except TypeError as error:
        if "NA is ambiguous" not in str(error):  # which says what went wrong, and not where
            raise
        raise ValueError("X and y must have no missing values, got pandas.NA") from None


def validate_weight(sample_weight, X, name="sample_weight"):
    """Return sample weights as an array, or say what is wrong."""
    try:
        return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    except OverflowError as error:
        raise ValueError(f"{name} must be numbers that a float can hold: {error}") from error


def check_parameters(estimator):
    """Raise if a parameter of an estimator is a whole number of more than 63 bits."""
    for name, value in estimator.get_params(deep=False).items():
        if type(value) is int and value.bit_length() > 63:
            raise ValueError(
                f"{name} must be a number of at most 63 bits, got one of {value.bit_length()}"
            )
