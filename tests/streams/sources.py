"""The same rows in sources of every kind, for the tests of streams."""

import gzip
import sqlite3

import numpy as np
import pytest

N_ROWS, N_COLUMNS = 1000, 3
NAMES = ["a", "b", "c"]


def drawn(dtype="float32"):
    """Return inputs, labels that are strings, and weights."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, N_COLUMNS)).astype(dtype)
    return (
        X,
        np.where(X[:, 0] * X[:, 1] > 0, "up", "down"),
        rng.integers(1, 4, N_ROWS).astype(float),
    )


def columns(X, y, w):
    """Return columns by name, the target in the midst of them."""
    return {"a": X[:, 0], "y": y.astype(object), "b": X[:, 1], "w": w, "c": X[:, 2]}


def _pandas(X, y, w, folder):
    return pytest.importorskip("pandas").DataFrame(columns(X, y, w))


def _pandas_list(X, y, w, folder):
    frame = _pandas(X, y, w, folder)
    return [frame[:300], frame[300:300], frame[300:]]


def _polars(X, y, w, folder):
    return pytest.importorskip("polars").DataFrame(columns(X, y, w))


def _lazy(X, y, w, folder):
    pytest.importorskip("polars", "1.34")  # older ones give no batches, and are told so
    return _polars(X, y, w, folder).lazy()


def _arrow(X, y, w, folder):
    return pytest.importorskip("pyarrow").table(columns(X, y, w))


def _parquet(X, y, w, folder):
    table = _arrow(X, y, w, folder)
    from pyarrow import parquet

    for i, rows in enumerate((slice(0, 0), slice(0, 570), slice(570, None))):
        part = table.slice(rows.start, len(range(N_ROWS)[rows]))
        parquet.write_table(part, folder / f"{i}.parquet", row_group_size=130)
    return str(folder)


def _dataset(X, y, w, folder):
    path = _parquet(X, y, w, folder)
    from pyarrow import dataset

    return dataset.dataset(path)


def _filtered(X, y, w, folder):
    from pyarrow import compute

    return _dataset(X, y, w, folder).filter(compute.field("a") > -100)


def _csv(X, y, w, folder):
    table = _arrow(X, y, w, folder)
    from pyarrow import csv

    csv.write_csv(table, folder / "rows.csv")
    return folder / "rows.csv"


def _csv_gz(X, y, w, folder):
    plain = _csv(X, y, w, folder)
    with gzip.open(folder / "rows.csv.gz", "wb") as file:
        file.write(plain.read_bytes())
    return folder / "rows.csv.gz"


def _dask_frame(X, y, w, folder):
    frame = _pandas(X, y, w, folder)
    return pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=4)


def _sqlite(X, y, w, folder):
    connection = sqlite3.connect(folder / "rows.db", check_same_thread=False)
    connection.execute("CREATE TABLE t (a REAL, y TEXT, b REAL, w REAL, c REAL)")
    rows = zip(*(column.tolist() for column in columns(X, y, w).values()), strict=True)
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
    connection.commit()
    return lambda: connection.execute("SELECT * FROM t ORDER BY rowid")


def _tables(X, y, w, folder):
    frame = _pandas(X, y, w, folder)
    return lambda: (frame[i : i + 170] for i in range(0, N_ROWS, 170))


def _record_batches(X, y, w, folder):
    table = _arrow(X, y, w, folder)
    return lambda: table.to_reader(max_chunksize=170)


def _numpy(X, y, w, folder):
    return X, y, w


def _memory_map(X, y, w, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r"), y, w


def _hdf5(X, y, w, folder):
    h5py = pytest.importorskip("h5py")
    file = h5py.File(folder / "rows.h5", "w")
    file.create_dataset("X", data=X, chunks=(150, 2), compression="gzip")
    file.create_dataset("y", data=y.astype(object), dtype=h5py.string_dtype())
    file.create_dataset("w", data=w)
    return file["X"], file["y"], file["w"]


def _zarr(X, y, w, folder):
    zarr = pytest.importorskip("zarr")
    made = zarr.create_array(folder / "X.zarr", shape=X.shape, chunks=(150, 2), dtype=X.dtype)
    made[:] = X
    return made, y, w


def _dask_arrays(X, y, w, folder):
    array = pytest.importorskip("dask.array")
    return (
        array.from_array(X, chunks=(150, 2)),
        array.from_array(y, chunks=210),
        array.from_array(w, chunks=1000),
    )


def _dask_unknown(X, y, w, folder):
    frame = _dask_frame(X, y, w, folder)
    return frame[NAMES].values, frame["y"].values, frame["w"].values


MAKERS = {
    name[1:]: make
    for name, make in list(globals().items())
    if name.startswith("_") and callable(make) and make.__module__ == __name__
}
#: Of arrays, whose columns have no names.
NAMELESS = ("numpy", "memory_map", "hdf5", "zarr", "dask_arrays", "dask_unknown")
#: Of which it is not known how many rows they have before they were read.
UNCOUNTED = (
    "lazy", "filtered", "csv", "csv_gz", "dask_frame", "sqlite", "tables", "record_batches",
    "dask_unknown",
)  # fmt: skip


def make(kind, folder, dtype="float32"):
    """Return a source of a kind, and the arguments that name its columns."""
    source = MAKERS[kind](*drawn(dtype), folder)
    return source, {} if kind in NAMELESS else {"target": "y", "sample_weight": "w"}
