"""What tests need to know of the versions of other packages that they run with."""

import pytest

from minnet.common.sklearn_versions import SKLEARN

__all__ = ["ALL_ZERO", "SKLEARN", "knows_columns", "since"]

#: What is said of weights that are all zero.
ALL_ZERO = (
    "Sample weights must contain at least one non-zero number."
    if SKLEARN >= (1, 9)
    else "sample_weight must not be all zero: no sample has a positive weight."
)


def since(version, what):
    """Return the mark of a test that compares with, or uses, what scikit-learn has since a version."""
    number = ".".join(map(str, version))
    return pytest.mark.skipif(version > SKLEARN, reason=f"{what}: since scikit-learn {number}")


def knows_columns(library):
    """Return whether scikit-learn's own estimators know the names of a library's columns.

    Before 1.9 they ask by a protocol that polars 2 no longer has.
    """
    return SKLEARN >= (1, 9) or hasattr(pytest.importorskip(library).DataFrame, "__dataframe__")
