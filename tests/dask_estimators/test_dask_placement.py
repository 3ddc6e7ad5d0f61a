"""Which rows each worker gets: the same ones, however a collection is cut and wherever its parts lie."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from minnet.dask.parts import joined, parts_of
from minnet.dask.placement import shards_of
from minnet.dask.watch import Watch

pytestmark = pytest.mark.cluster

NUMBERS = np.arange(60.0).reshape(20, 3)
FRAME = pd.DataFrame(NUMBERS, columns=list("abc"), index=np.arange(20) % 7)


def unknown(array):
    """Return the rows of an array with chunks of sizes that are not known."""
    return array[(array[:, 0] >= 0).persist()]


def empty_parts(frame, n):
    """Return a frame with parts that have no row, the first one among them."""
    nothing = dd.from_pandas(FRAME.iloc[:0], npartitions=1)
    return dd.concat([nothing, dd.from_pandas(frame, npartitions=n, sort=False), nothing])


COLLECTIONS = {
    "one chunk": lambda: da.from_array(NUMBERS, chunks=(20, 3)),
    "chunks of columns too": lambda: da.from_array(NUMBERS, chunks=(3, 2)),
    "unequal chunks": lambda: da.from_array(NUMBERS, chunks=((1, 12, 0, 7), 3)),
    "chunks of unknown sizes": lambda: unknown(da.from_array(NUMBERS, chunks=(6, 3))),
    "sparse chunks": lambda: da.from_array(NUMBERS, chunks=(6, 3)).map_blocks(sparse.csr_matrix),
    "coo chunks": lambda: da.from_array(NUMBERS, chunks=(6, 3)).map_blocks(sparse.coo_array),
    "frame": lambda: dd.from_pandas(FRAME, npartitions=4, sort=False),
    "frame of one part": lambda: dd.from_pandas(FRAME, npartitions=1, sort=False),
    "frame with empty parts": lambda: empty_parts(FRAME, 3),
    "frame of expressions": lambda: dd.from_pandas(FRAME, npartitions=5, sort=False) * 2 / 2,
}


@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("name", COLLECTIONS)
def test_each_worker_has_as_many_rows_in_their_order(client, name, persisted):
    X = COLLECTIONS[name]()
    if persisted:
        X = client.persist(X)
    workers = sorted(client.nthreads())
    watch = Watch(client, 60)
    parts = parts_of(client, {"X": X, "y": X}, watch)
    shards = shards_of(client, parts, workers, watch)
    assert sorted(shard.worker for shard in shards) == workers
    for rank, shard in enumerate(shards):
        for future in shard.data.values():
            assert client.who_has([future])[future.key] == (shard.worker,)
            rows = future.result()
            rows = rows.toarray() if sparse.issparse(rows) else np.asarray(rows)
            np.testing.assert_array_equal(rows, NUMBERS[10 * rank : 10 * (rank + 1)])


@pytest.mark.parametrize("n_rows", [0, 1, 2, 3, 7])
def test_of_few_rows_no_worker_is_without_one(client, n_rows):
    X = da.from_array(NUMBERS[:n_rows], chunks=(2, 3))
    watch = Watch(client, 60)
    shards = shards_of(client, parts_of(client, {"X": X}, watch), sorted(client.nthreads()), watch)
    assert len(shards) == min(2, max(n_rows, 1))
    rows = [shard.data["X"].result() for shard in shards]
    assert n_rows == 0 or min(map(len, rows)) > 0
    np.testing.assert_array_equal(np.concatenate(rows), NUMBERS[:n_rows])


def test_most_rows_stay_where_they_are(client):
    first, second = sorted(client.nthreads())
    X = da.from_array(NUMBERS, chunks=(10, 3))
    lower, upper = (
        client.persist(X.blocks[i], workers=[worker]) for i, worker in ((0, second), (1, first))
    )
    watch = Watch(client, 60)
    parts = parts_of(client, {"X": da.concatenate([lower, upper])}, watch)
    shards = shards_of(client, parts, [first, second], watch)
    assert [shard.worker for shard in shards] == [second, first]


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ([np.zeros((2, 1)), np.ones((1, 1), np.float32)], np.ndarray),
        ([np.zeros((0, 1), object), np.ones((1, 1))], np.ndarray),
        ([np.ma.masked_invalid([[np.nan]]), np.zeros((1, 1))], np.ma.MaskedArray),
        ([sparse.eye_array(2, format="csc"), sparse.eye_array(2)], sparse.csr_array),
        ([pd.Series([1], dtype="category"), pd.Series([2], dtype="category")], pd.Series),
    ],
)
def test_pieces_are_joined_as_what_they_are(pieces, kind):
    whole = joined(pieces)
    assert type(whole) is kind
    assert whole.shape[0] == sum(piece.shape[0] for piece in pieces)
    assert whole.dtype != object or kind is pd.Series


def test_pieces_of_two_kinds_are_refused():
    with pytest.raises(TypeError, match="of one kind, got DataFrame and ndarray"):
        joined([FRAME, NUMBERS])
