"""Batches out of a source of rows, shuffled, as often as they are needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from minnet.common.checks import check_dtype, check_path, check_whole
from minnet.common.entry import entry
from minnet.common.types import Array, DTypeLike, Matrix, RandomState
from minnet.random import draw_key
from minnet.streams.batches import Batches
from minnet.streams.cache import Cached
from minnet.streams.epoch import Epoch, Way
from minnet.streams.opening import open_source
from minnet.streams.pieces import row_counts
from minnet.streams.source import Source

__all__ = ["BatchStream"]


class BatchStream:
    """Batches of rows out of a source that need not fit into memory, for ``fit_stream``.

    Each epoch passes over the source once, in an order of its own: pieces of the source that can be read
    by themselves come in random order, and their rows pass through a buffer from which batches are drawn.

    Parameters
    ----------
    source : path, dataset, data frame, tuple of arrays or callable
        Where the rows are:

        - a path: a parquet, Feather, ORC or CSV file, a folder of parquet files, whose folders such as
          ``year=2024`` are columns, or a list of files; or a dataset of pyarrow. A piece is a group of
          rows of a parquet file, or another file.
        - a data frame of Dask: a piece is a partition.
        - arrays ``(X, y)`` or ``(X, y, sample_weight)`` of h5py, zarr, Dask or NumPy: a piece is a chunk
          of ``X``, or 256 rows where it has none.
        - a LazyFrame of polars: it is one piece.
        - a function that returns a cursor of a database (PEP 249) which has run its query, or an iterable
          of tables of pandas, polars or pyarrow. It is called once an epoch, and gives one piece.
        - data frames of pandas, polars or pyarrow in memory, one or a list: a piece is a batch.
    target : column name, list of column names or None, default=None
        What is to be learned: labels, numbers, or several columns of numbers. None for arrays.
    batch_size : int, default=10_000
        Rows of a batch, which training cuts into its mini-batches. The last batch may have fewer.
    shuffle_buffer : int or "auto", default="auto"
        Rows that wait in memory to be drawn: a row stays for as many others on average. 0 leaves all rows
        and pieces as they lie. "auto" takes as many as fill 64 MiB, and at least a batch.
    sample_weight : column name or None, default=None
        Of the weights; None for arrays, where they are the third.
    columns : list of column names or None, default=None
        Inputs, in this order. None: all other columns.
    dtype : {"float32", "float64"} or None, default=None
        Of the inputs. None: float32 where all of them are that, otherwise float64.
    transform : callable or None, default=None
        Makes of the inputs of a batch what the network gets, such as the method ``transform`` of a fitted
        scaler. Called by the thread that reads ahead.
    cache : path of a folder or None, default=None
        Where a disk has room for a copy of the rows in binary. They are copied there once, as they lie,
        before the first batch, and read from there, 256 rows at a time in random order: so the usual
        buffer is enough, however the source is sorted and however large its pieces are, and a database or
        text is read but once. The copy is removed with the stream.
    random_state : int, RandomState instance or None, default=None
        Of the order; looked at once, here. A training that is to be resumed in another process needs an
        int.

    Attributes
    ----------
    feature_names : list of str or None
        Of the inputs. None where they have none, or before the first rows of a function were read.

    Notes
    -----
    Where columns have names, the inputs of a batch are a data frame of pandas (without pandas one of
    polars or pyarrow), so that the fitted estimator knows them. ``len`` is the number of batches, where
    the rows are counted without reading. A source must stay as it is from epoch to epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from minnet import MinNetClassifier
    >>> from minnet.streams import BatchStream
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(6000, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    >>> order = np.argsort(y)  # all of one class come first
    >>> stream = BatchStream((X[order], y[order]), batch_size=1000, random_state=0)
    >>> clf = MinNetClassifier((32,), learning_rate_init=0.01, random_state=0)
    >>> clf = clf.fit_stream(stream, n_epochs=10, classes=stream.classes())
    >>> clf.score(X, y) > 0.95
    True
    """

    @entry
    def __init__(
        self,
        source: Any,
        target: Any = None,
        *,
        batch_size: int = 10_000,
        shuffle_buffer: int | str = "auto",
        sample_weight: Any = None,
        columns: Iterable[Any] | None = None,
        dtype: DTypeLike | None = None,
        transform: Callable[[Any], Matrix] | None = None,
        cache: str | os.PathLike[str] | None = None,
        random_state: RandomState = None,
    ) -> None:
        self._way = Way(
            check_whole("batch_size", batch_size),
            _checked_buffer(shuffle_buffer),
            draw_key(random_state),
        )
        if not (transform is None or callable(transform)):
            raise TypeError(f"transform must be a function or None, got {transform!r:.200}")
        self._transform = transform
        dtype = None if dtype is None else check_dtype(dtype)
        self._source: Source = open_source(
            source, target, sample_weight, columns, dtype, self._way.batch_size
        )
        self._n_rows = _n_rows(self._source)
        if cache is not None:
            self._source = Cached(self._source, _checked_folder(cache), self._way.batch_size)

    @property
    def feature_names(self) -> list[str] | None:
        """The names of the inputs, if they have any."""
        return self._source.feature_names

    def __repr__(self) -> str:
        """Return how batches are made; a checkpoint takes streams for the same that are alike in it."""
        way = f"batch_size={self._way.batch_size}, shuffle_buffer={self._way.shuffle_buffer!r}"
        return f"BatchStream(n_rows={self._n_rows}, {way}, key={self._way.key:#x})"

    def __len__(self) -> int:
        if self._n_rows is None:
            raise TypeError("a stream has no len() where the rows of its source are not counted")
        return -(-self._n_rows // self._way.batch_size)

    def __bool__(self) -> bool:
        return True  # whatever its length, which may be unknown

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Return an iterator over the first epoch."""
        return self.iter_epoch(0)

    @entry
    def iter_epoch(self, epoch: int) -> Iterator[tuple[Any, ...]]:
        """Return an iterator over the batches of an epoch, each of which has an order of its own.

        ``fit_stream`` calls it with 0, 1, ... In loops of your own so can you.

        Parameters
        ----------
        epoch : int
            Its number, from 0 on.

        Returns
        -------
        batches : iterator
            Of ``(X, y)`` or ``(X, y, sample_weight)``. Its method ``skip(n)`` passes over n batches.

        Examples
        --------
        >>> import numpy as np
        >>> from minnet.streams import BatchStream
        >>> X, y = np.arange(6.0).reshape(6, 1), np.arange(6)
        >>> stream = BatchStream((X, y), batch_size=3, random_state=0)
        >>> for epoch in range(2):
        ...     print([y.tolist() for X, y in stream.iter_epoch(epoch)])
        [[...], [...]]
        [[...], [...]]
        """
        number = check_whole("epoch", epoch, low=0, high=2**32 - 1)
        return Batches(Epoch(self._source, self._way, number), self._source, self._transform)

    @entry
    def classes(self) -> Array:
        """Return the labels of all rows, each once, by a pass over the source.

        Only the column of the target is read where that is possible; of what a function returns, all is.
        What is known beforehand is rather written down: ``fit_stream(stream, classes=["no", "yes"])``.

        Returns
        -------
        classes : ndarray of shape (n_classes,)
            Sorted.
        """
        found: set[Any] = set()
        for piece in range(self._source.n_pieces):
            for y in self._source.targets(piece):
                found |= _labels(y)
        if not found:
            raise ValueError("source must have at least one row, got none")
        if len({isinstance(label, str) for label in found}) > 1:
            raise ValueError(
                f"target must be of one kind, got {sorted(found, key=str)[:5]} among others"
            )
        labels = np.array(sorted(found))
        if labels.tolist() != sorted(found):  # an array of strings loses zeros at their ends
            labels = np.array(sorted(found), dtype=object)
        return labels


def _checked_buffer(shuffle_buffer: Any) -> int | str:
    """Return the size of the buffer, or say what it may be."""
    if isinstance(shuffle_buffer, str) and shuffle_buffer == "auto":
        return shuffle_buffer
    if isinstance(shuffle_buffer, str):
        raise ValueError(
            f"shuffle_buffer must be 'auto' or a whole number, got {shuffle_buffer!r:.100}"
        )
    return check_whole("shuffle_buffer", shuffle_buffer, low=0)


def _checked_folder(cache: Any) -> str:
    """Return the path of a folder, or say what is wrong with it."""
    path = check_path("cache", cache)
    if not os.path.isdir(path):
        raise ValueError(f"cache must be the path of a folder that is there, got {path!r:.200}")
    return path


def _n_rows(source: Source) -> int | None:
    """Return how many rows a source has; None where that is not known without reading."""
    counts = row_counts(source, range(source.n_pieces))
    return None if counts is None else sum(counts)


def _labels(y: Array) -> set[Any]:
    """Return the labels of a block, each once."""
    if y.ndim > 1:
        raise ValueError(
            f"target must be one column of labels for classes(), got {y.shape[1]} columns"
        )
    labels = set(y.tolist() if y.dtype.kind == "O" else np.unique(y).tolist())
    fraction = next((v for v in labels if isinstance(v, float) and not v.is_integer()), None)
    if fraction is not None:
        raise ValueError(f"target must have labels for classes(), got the number {fraction}")
    return labels
