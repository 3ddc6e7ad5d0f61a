"""Numbers as JSON has them."""

import math
from typing import Any

import numpy as np

from minnet.common.types import ArrayLike

__all__ = ["plain_numbers"]


def plain_numbers(array: ArrayLike, n_digits: int | None = None) -> Any:
    """Return numbers as nested lists, with None for what is not finite: JSON has no NaN.

    Parameters
    ----------
    array : array-like
    n_digits : int or None, default=None
        The significant digits that are kept; None keeps all.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet.common.plain import plain_numbers
    >>> plain_numbers([[1 / 3, np.inf], [np.nan, 2]], n_digits=3)
    [[0.333, None], [None, 2.0]]
    """
    values = np.asarray(array)
    plain = np.empty(values.size, dtype=object)
    for i, value in enumerate(values.ravel().tolist()):
        if math.isfinite(value):
            plain[i] = value if n_digits is None else float(f"{value:.{n_digits}g}")
    return plain.reshape(values.shape).tolist()
