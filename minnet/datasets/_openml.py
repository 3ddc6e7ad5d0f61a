"""Fetching from OpenML, by scikit-learn."""

import os
from http.client import HTTPException
from importlib.util import find_spec
from json import JSONDecodeError

import numpy as np
from sklearn import datasets

from minnet.common.types import Array

__all__ = ["fetch"]


def fetch(
    what: str, data_id: int, data_home: str | os.PathLike[str] | None, cache: bool, instead: str
) -> tuple[Array, Array]:
    """Return data and target of a set on OpenML.

    Parameters
    ----------
    what : str
        Name of the set, for errors.
    data_id : int
    data_home, cache
        As in :func:`sklearn.datasets.fetch_openml`, which also compares the download's checksum with
        OpenML's.
    instead : str
        What to do without a network.
    """
    try:
        found = datasets.fetch_openml(
            data_id=data_id,
            data_home=data_home,
            cache=cache,
            as_frame=False,
            parser="pandas" if find_spec("pandas") else "liac-arff",
            # Nominal columns as they are read, not as categories: scikit-learn 1.9 takes those for
            # strings, and pandas 3.1 makes numbers of digits.
            read_csv_kwargs={"dtype": None},
        )
    # No network: OSError, as urllib's errors are. A download that breaks off: HTTPException or EOFError. A
    # page that another server put in its place, for a password say: JSONDecodeError.
    except (OSError, HTTPException, EOFError, JSONDecodeError) as error:
        raise OSError(f"{what} could not be fetched from OpenML ({error}): {instead}") from error
    target = found.target
    if target.dtype.kind == "O":  # strings, in the quotes of the file maybe
        target = np.array([str(label).strip("'") for label in target])
    return found.data, target
