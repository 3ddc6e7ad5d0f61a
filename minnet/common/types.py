"""Names for the types of arguments that many signatures share."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "ArrayLike", "DTypeLike", "Estimator", "Matrix", "RandomState", "Shape"]

#: An array of any shape and dtype.
Array: TypeAlias = np.ndarray[Any, Any]

#: What ``numpy.asarray`` takes.
ArrayLike: TypeAlias = npt.ArrayLike

#: What ``numpy.dtype`` takes.
DTypeLike: TypeAlias = npt.DTypeLike

#: An array-like or a SciPy sparse matrix: SciPy's classes have no common base to name.
Matrix: TypeAlias = Any

#: One of minnet's estimators, for what their own module imports.
Estimator: TypeAlias = Any

Shape: TypeAlias = tuple[int, ...]

RandomState: TypeAlias = int | np.random.RandomState | None
