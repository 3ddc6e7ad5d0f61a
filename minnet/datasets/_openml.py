"""Fetching from OpenML, by scikit-learn."""

from importlib.util import find_spec

from sklearn import datasets

__all__ = ["fetch"]


def fetch(what, data_id, data_home, cache, instead):
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
        )
    except OSError as error:  # urllib's errors are such
        raise OSError(f"{what} could not be fetched from OpenML ({error}): {instead}") from error
    return found.data, found.target
