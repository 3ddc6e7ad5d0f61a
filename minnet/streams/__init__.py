"""Batches from where data are, for ``fit_stream``: files, Arrow, Dask, HDF5, zarr, polars, databases.

``BatchStream``
    Batches of the size wanted out of any of them, shuffled, as often as they are needed.
"""

from minnet.streams.stream import BatchStream

__all__ = ["BatchStream"]


def __dir__() -> list[str]:
    return __all__
