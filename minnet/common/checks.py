"""Checks of single arguments that many modules share."""

import math
import os
import stat
from numbers import Integral, Real
from typing import Any

import numpy as np

from minnet.common.entry import entry
from minnet.common.numeric import check_numeric

#: What is an Integral, or counts as one, and no number: a duration is one to NumPy.
NO_NUMBERS = (bool, np.bool_, np.timedelta64)

#: The largest size that an array's axis can have.
LARGEST_SIZE = 2**63 - 1


def is_real(value: Any) -> bool:
    """Say whether value is a real number that a float can hold; a bool is none.

    Examples
    --------
    >>> is_real(2), is_real(True), is_real(10**400)
    (True, False, False)
    """
    if not isinstance(value, Real) or isinstance(value, NO_NUMBERS):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def is_finite_real(value: Any) -> bool:
    """Say whether value is a finite real number."""
    return is_real(value) and math.isfinite(value)


def is_integer(value: Any) -> bool:
    """Say whether value is a whole number, of any sign and size."""
    return isinstance(value, Integral) and not isinstance(value, NO_NUMBERS)


def is_whole(value: Any, low: int = 1, high: int = LARGEST_SIZE) -> bool:
    """Say whether value is a whole number of at least ``low`` that an array's size can be."""
    return is_integer(value) and low <= value <= high


def n_axes(value: Any) -> int:
    """Return how many axes an array of the value has: 1 where its rows differ, or it holds itself.

    Examples
    --------
    >>> n_axes(2.0), n_axes([[1], [2]]), n_axes([[1], [2, 3]])
    (0, 2, 1)
    """
    try:
        return np.ndim(value)
    except ValueError:
        return 1


def check_whole(name: str, value: Any, low: int = 1, high: int = LARGEST_SIZE) -> int:
    """Return a whole number of at least ``low`` as an int, or say what is wrong.

    Examples
    --------
    >>> check_whole("n_bins", 0)
    Traceback (most recent call last):
        ...
    ValueError: n_bins must be a whole number of at least 1, got 0
    """
    if type(value) is int and low <= value <= high:  # soon, since counts are set in every step
        return value
    if not is_whole(value, low, high):
        too_large = isinstance(value, int | np.integer) and int(value) > high
        most = f" and at most {high}" if high < LARGEST_SIZE or too_large else ""
        raise ValueError(
            f"{name} must be a whole number of at least {low}{most}, got {value!r:.100}"
        )
    return int(value)


def check_text(name: str, value: Any) -> str:
    """Return a string, or say that value is none.

    What an error calls an argument has to be one: a matrix there would be printed in full.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {value!r:.200}")
    return value


def check_path(name: str, value: Any) -> str:
    """Return a path as a string, or say that value is none; a number is not taken for an open file.

    Examples
    --------
    >>> check_path("path", 0)
    Traceback (most recent call last):
        ...
    TypeError: path must be a string or a path-like object, got 0
    """
    try:
        path = os.fsdecode(value)
    except TypeError:
        sentence = f"{name} must be a string or a path-like object, got {value!r:.200}"
        raise TypeError(sentence) from None
    if "\0" in path:
        raise ValueError(f"{name} must be a path without a null character, got {value!r:.200}")
    return path


def check_file(name: str, value: Any) -> str:
    """Return the path of a file that is there, or say what is wrong: nobody waits for a pipe.

    Raises
    ------
    TypeError
        If it is no path.
    FileNotFoundError
        If nothing is there.
    ValueError
        If it is something else than a file.
    """
    path = check_path(name, value)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError(f"{name} must be that of a file, got {path!r:.200}")
    return path


def check_flag(name: str, value: Any) -> bool:
    """Return True or False, or say that value is neither."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {value!r:.200}")
    return bool(value)


def check_verbose(name: str, value: Any) -> int:
    """Return how much is printed: True, False or a whole number."""
    if not isinstance(value, bool | np.bool_) and not is_whole(value, 0):
        raise ValueError(f"{name} must be True, False or a whole number, got {value!r:.200}")
    return value


def check_dtype(dtype: Any, allowed: tuple[str, ...] = ("float32", "float64")) -> np.dtype[Any]:
    """Return a NumPy dtype that is one of those allowed, in the byte order of the machine.

    None, which would be float64 to NumPy, is taken for a mistake.

    Examples
    --------
    >>> check_dtype("int8")
    Traceback (most recent call last):
        ...
    ValueError: dtype must be float32 or float64, got 'int8'
    """
    try:
        # What has a dtype, such as a Series, is none; NumPy would look at it.
        known = np.dtype(dtype) if isinstance(dtype, str | type | np.dtype) else None
    except (TypeError, ValueError, SyntaxError):
        known = None
    if known not in allowed:
        names = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise ValueError(f"dtype must be {names}, got {dtype!r:.200}")
    return known


def check_real(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, left: bool = True
) -> float:
    """Return a finite number from ``low`` to ``high`` as a float, or say what is wrong.

    ``left`` says whether ``low`` itself is allowed.

    Examples
    --------
    >>> check_real("scale", -1, low=0)
    Traceback (most recent call last):
        ...
    ValueError: scale must be a finite number of at least 0, got -1
    """
    valid = is_finite_real(value) and low <= value <= high
    if not valid or (value == low and not left):
        bounds = f" {'of at least' if left else 'above'} {low:g}" if low > -math.inf else ""
        bounds += f"{' and' if bounds else ' of'} at most {high:g}" if high < math.inf else ""
        raise ValueError(f"{name} must be a finite number{bounds}, got {value!r:.200}")
    return float(value)


def check_bounded(
    name: str,
    value: Any,
    low: float,
    high: float | None = None,
    left: bool = True,
    right: bool = False,
) -> float:
    """Return the number as a float; ``left`` and ``right`` say which bounds are allowed themselves.

    Without ``high`` it must be finite.
    """
    most = math.inf if high is None else high
    valid = is_real(value) and low <= value <= most
    if not valid or (value == low and not left) or (value == most and not right):
        bounds = f"{'at least' if left else 'above'} {low}"
        if high is not None:
            bounds += f" and {'at most' if right else 'below'} {high}"
        raise ValueError(f"{name} must be {bounds}, got {value!r:.200}")
    return float(value)


@entry
def as_numbers(name: str, value: Any, dtype: Any = np.float64) -> np.ndarray[Any, Any]:
    """Return an array-like as an array of real numbers of the dtype, or say what is wrong.

    Examples
    --------
    >>> as_numbers("X", [[1, 2j]])
    Traceback (most recent call last):
        ...
    ValueError: X must be real numbers, got complex numbers in column 1 (Complex data not supported): give
    real and imaginary parts as two columns
    """
    check_numeric(name, value)
    try:
        array = np.asarray(value)
        with np.errstate(over="ignore"):  # an infinity is found by who wants finite numbers
            return array.astype(dtype, copy=False)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of real numbers: {error}") from None


def check_sparse(name: str, X: Any) -> None:
    """Raise if the numbers in a sparse matrix lead out of its arrays.

    SciPy does not look at all of them when a matrix is made, and follows them when it computes:
    a wrong one reads and writes memory that is not the matrix's, and may end the process.
    """
    if X.format == "coo":
        for axis, places in enumerate(X.coords):
            if places.size and not 0 <= places.min() <= places.max() < X.shape[axis]:
                raise ValueError(f"{name} must be a valid sparse matrix, got places out of bounds")
    if X.format not in ("csr", "csc", "bsr"):
        return
    n_major, n_minor = X.shape[::-1] if X.format == "csc" else (X.shape[0], X.shape[-1])
    if X.format == "bsr":
        n_major, n_minor = n_major // X.blocksize[0], n_minor // X.blocksize[1]
    if X.ndim == 1:
        n_major = 1
    indptr, indices = X.indptr, X.indices
    for part, kinds in ((indptr, "iu"), (indices, "iu"), (X.data, "biufcO")):
        if not isinstance(part, np.ndarray) or part.ndim < 1 or part.dtype.kind not in kinds:
            raise ValueError(
                f"{name} must be a valid {X.format.upper()} matrix of arrays, got {part!r:.60}"
            )
    if len(indptr) != n_major + 1 or indptr[0] < 0 or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(
            f"{name} must be a valid {X.format.upper()} matrix, got row pointers that are not ascending"
        )
    used = indices[indptr[0] : indptr[-1]]
    beyond = indptr[-1] > min(len(indices), len(X.data))
    if beyond or (used.size and not 0 <= used.min() <= used.max() < n_minor):
        raise ValueError(
            f"{name} must be a valid {X.format.upper()} matrix, got indices out of bounds"
        )
