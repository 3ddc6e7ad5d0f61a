"""Files and datasets that pyarrow reads: parquet, Feather, ORC, CSV; here, or in a store of objects."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from typing import Any

from minnet.common.checks import check_path
from minnet.common.extras import import_extra
from minnet.streams.columns import Columns
from minnet.streams.source import TableSource

__all__ = ["dataset_at", "reader_of_dataset"]

_FORMATS = {"csv": "csv", "feather": "feather", "arrow": "ipc", "ipc": "ipc", "orc": "orc"}


def dataset_at(paths: Any) -> Any:
    """Return the dataset of a file, a folder or a list of files."""
    dataset = import_extra(
        "pyarrow.dataset",
        "source must not be a path without pyarrow, which reads it: pip install pyarrow",
    )
    several = isinstance(paths, list)
    texts = [check_path("source", path) for path in (paths if several else [paths])]
    try:
        found = dataset.dataset(
            texts if several else texts[0],
            format=_format_of(texts[0]),
            partitioning=None if several or not os.path.isdir(texts[0]) else "hive",
        )
    except FileNotFoundError:
        pattern = ": name the folder, or give the list that glob.glob makes of it"
        raise FileNotFoundError(
            f"source must be the path of what is there, got {paths!r:.200}"
            f"{pattern if any(glob.has_magic(text) for text in texts) else ''}"
        ) from None
    if not found.files:
        raise ValueError(f"source must have files, there are none in {texts[0]!r:.200}")
    return found


def _format_of(path: str) -> str:
    """Return what pyarrow calls the format of a file, by the end of its name, or parquet."""
    name, suffix = os.path.splitext(path.lower())
    if suffix in (".gz", ".bz2"):  # which pyarrow sees by itself
        suffix = os.path.splitext(name)[1]
    return _FORMATS.get(suffix.lstrip("."), "parquet")


def reader_of_dataset(dataset: Any, columns: Columns, batch_size: int) -> TableSource:
    """Return what reads a dataset."""
    columns.look_at(dataset.schema.names)
    try:
        fragments = list(dataset.get_fragments())
    except ValueError:  # a filter chooses among its rows
        return _FilteredDataset(dataset, columns, batch_size)
    return _Dataset(dataset.schema, fragments, columns, batch_size)


class _Dataset(TableSource):
    """A dataset: a piece is a group of rows of a parquet file, or another file."""

    def __init__(
        self, schema: Any, fragments: list[Any], columns: Columns, batch_size: int
    ) -> None:
        super().__init__(columns)
        self._schema = schema
        self._batch_size = batch_size
        self._pieces: list[Any] = []
        for fragment in fragments:
            grouped = hasattr(fragment, "split_by_row_group")
            self._pieces += fragment.split_by_row_group() if grouped else [fragment]
        self.n_pieces = len(self._pieces)

    def n_rows(self, piece: int) -> int | None:
        """Return how many rows the footer of a parquet file says that a group has."""
        groups = getattr(self._pieces[piece], "row_groups", None)
        return None if groups is None else sum(group.num_rows for group in groups)

    def where(self, piece: int) -> str:
        """Return the path, and the number of the group."""
        path = getattr(self._pieces[piece], "path", f"part {piece}")
        groups = getattr(self._pieces[piece], "row_groups", None)
        return f"{path}, row group {groups[0].id}" if groups else path

    def tables(self, piece: int, names: list[Any]) -> Iterator[Any]:
        """Read a piece in the types that its file has: those of the first file may be too narrow."""
        import pyarrow as pa
        from pyarrow.dataset import get_partition_keys

        fragment = self._pieces[piece]
        own = {field.name: field for field in fragment.physical_schema}
        known = own.keys() | get_partition_keys(fragment.partition_expression).keys()
        missing = next((name for name in names if name not in known), None)
        if missing is not None:
            where = self.where(piece)
            raise ValueError(
                f"column {missing!r} must be in all parts of source, it is not in {where}"
            )
        schema = pa.schema([own.get(field.name, field) for field in self._schema])
        return fragment.to_batches(
            schema=schema, columns=names, batch_size=self._batch_size, batch_readahead=1
        )


class _FilteredDataset(TableSource):
    """A dataset of which a filter leaves some rows, and which has no pieces therefore: it is one."""

    n_pieces = 1

    def __init__(self, dataset: Any, columns: Columns, batch_size: int) -> None:
        super().__init__(columns)
        self._dataset = dataset
        self._batch_size = batch_size

    def where(self, piece: int) -> str:
        """Return what an error calls it."""
        return "the filtered dataset"

    def tables(self, piece: int, names: list[Any]) -> Iterator[Any]:
        """Read what the filter leaves."""
        return self._dataset.to_batches(
            columns=names, batch_size=self._batch_size, batch_readahead=1, fragment_readahead=1
        )
