"""scikit-learn's digits, in the form of the larger sets."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from minnet.common.checks import check_dtype
from minnet.common.types import DTypeLike
from minnet.datasets._splits import DTYPES, splits
from minnet.random import Stream

__all__ = ["load_digits_splits"]

_SIZES = (1197, 300, 300)
_DESCRIPTION = """scikit-learn's digits: 1797 grey images of 8 x 8 pixels.

They stand in where MNIST or CIFAR-10 is not at hand. They are far fewer and far easier: an error on them
is no measurement of those sets, and no number of a paper on those sets is to be held against it."""


def load_digits_splits(*, dtype: DTypeLike = "float32") -> Bunch:
    """Load scikit-learn's digits in three parts, to stand in for MNIST or CIFAR-10.

    Parameters
    ----------
    dtype : {"float32", "float64", "uint8"}, default="float32"
        uint8: the pixels 0 to 16. Otherwise they are divided by 16.

    Returns
    -------
    parts : :class:`sklearn.utils.Bunch`
        ``X_train`` (1197, 64), ``X_valid`` and ``X_test`` (300, 64), their labels ``y_train``,
        ``y_valid`` and ``y_test`` (int64), ``target_names``, ``name``, which says what it is, and
        ``DESCR``. The order is random and always the same.

    Examples
    --------
    >>> from minnet.datasets import load_digits_splits
    >>> digits = load_digits_splits()
    >>> digits.name
    "digits (scikit-learn's, a stand-in)"
    >>> digits.X_train.shape, digits.X_valid.shape, digits.X_test.shape
    ((1197, 64), (300, 64), (300, 64))
    """
    dtype = check_dtype(dtype, DTYPES)
    X, y = load_digits(return_X_y=True)
    order = Stream(0, "digits").permutation(len(X))
    name = "digits (scikit-learn's, a stand-in)"
    X = X.astype(np.uint8)[order]
    return splits(name, X, y[order], _SIZES, dtype, list("0123456789"), _DESCRIPTION, white=16)
