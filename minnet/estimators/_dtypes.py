"""In which dtype data are computed."""

import numpy as np

__all__ = ["DTYPES", "dtypes_of"]

#: Those that are taken as they are; all others become the first.
DTYPES = (np.dtype(np.float64), np.dtype(np.float32))


def dtypes_of(X):
    """Return what scikit-learn's checks are to take ``X`` as: the dtypes that it may have.

    They look for dtypes of NumPy, which the columns of polars and the nullable ones of pandas have not:
    where all are of 32 bits, it is said here.

    Examples
    --------
    >>> import pandas as pd
    >>> dtypes_of(pd.DataFrame({"a": [1.0]}, dtype="Float32"))
    (dtype('float32'),)
    """
    columns = [str(dtype).lower() for dtype in getattr(X, "dtypes", ())]
    return DTYPES[1:] if columns and set(columns) == {"float32"} else DTYPES
