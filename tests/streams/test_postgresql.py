"""Rows out of a real PostgreSQL, which is started for the test and stopped after it."""

import contextlib
import os
import pwd
import shutil
import subprocess

import numpy as np
import pytest
from sources import N_ROWS, columns, drawn

from minnet import MinNetClassifier
from minnet.streams import BatchStream

psycopg = pytest.importorskip("psycopg")


def _other_user():
    """Return who runs the server: it refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return pytest.skip("there is no user who may run PostgreSQL")


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    programs = [shutil.which(name) for name in ("initdb", "pg_ctl")]
    if None in programs:
        pytest.skip("PostgreSQL is not installed")
    initdb, pg_ctl = programs
    folder = (
        f"/tmp/minnet-postgresql-{os.getpid()}"  # the path of a socket has at most 107 characters
    )
    os.mkdir(folder, 0o700)
    other = _other_user()
    if other:
        os.chown(folder, other["user"], other["group"])
    run = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, "timeout": 120, **other}
    data = f"{folder}/data"
    try:
        subprocess.run([initdb, "-D", data, "-U", "minnet", "-A", "trust", "--no-sync"], **run)
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        subprocess.run(
            [pg_ctl, "-D", data, "-l", f"{folder}/log", "-o", options, "-w", "start"], **run
        )
        try:
            with psycopg.connect(host=folder, user="minnet", dbname="postgres") as connection:
                _fill(connection)
                yield connection
        finally:
            subprocess.run([pg_ctl, "-D", data, "-m", "immediate", "stop"], **run)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(connection):
    connection.execute(
        "CREATE TABLE t (i INT, a REAL, y TEXT, b NUMERIC(12, 6), w INT, c DOUBLE PRECISION, f BOOLEAN)"
    )
    made = columns(*drawn())
    values = zip(range(N_ROWS), *(column.tolist() for column in made.values()), strict=True)
    rows = [(*row[:3], round(row[3], 6), *row[4:], row[1] > 0) for row in values]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s, %s)", rows)
    connection.commit()


def _cursor_of(connection, query, name="rows"):
    """Return what begins a query whose rows stay with the server until they are fetched."""

    def begun():
        cursor = connection.cursor(name=name) if name else connection.cursor()
        cursor.execute(query)
        return cursor

    return begun


@pytest.mark.parametrize("name", ["rows", None], ids=["cursor of the server", "plain cursor"])
def test_rows_are_those_of_the_table_and_train_a_network(connection, name):
    source = _cursor_of(connection, "SELECT a, b, c, f, y, w FROM t ORDER BY i", name)
    options = {"target": "y", "sample_weight": "w", "batch_size": 90}
    X, y, w = drawn()
    batches = list(BatchStream(source, **options, shuffle_buffer=0))
    got = [
        np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*batches, strict=True)
    ]
    np.testing.assert_allclose(got[0], np.column_stack([X, X[:, 0] > 0]), atol=1e-6)
    assert got[1].tolist() == y.tolist()
    np.testing.assert_array_equal(got[2], w)
    stream = BatchStream(source, **options, random_state=0)
    assert stream.classes().tolist() == ["down", "up"]
    clf = MinNetClassifier((16,), learning_rate_init=0.02, random_state=0)
    clf.fit_stream(stream, n_epochs=15, classes=stream.classes())
    assert clf.feature_names_in_.tolist() == ["a", "b", "c", "f"]
    assert clf.score(batches[0][0], batches[0][1]) > 0.9


def test_a_missing_value_and_a_pass_that_ends_early_leave_the_connection_usable(connection):
    query = "SELECT a, CASE WHEN i = 250 THEN NULL ELSE b END AS b, y FROM t ORDER BY i"
    source = _cursor_of(connection, query)
    stream = BatchStream(source, "y", batch_size=100, shuffle_buffer=0)
    with pytest.raises(ValueError, match="batch 2: column 'b' must have no missing values, got 1"):
        MinNetClassifier((4,)).fit_stream(stream, classes=["down", "up"])
    begun = iter(stream)
    next(begun)
    del begun
    assert len(next(iter(stream))[1]) == 100
    with pytest.raises(psycopg.Error) as raised:
        next(iter(BatchStream(_cursor_of(connection, "SELECT nothing FROM t"), "y")))
    assert "It was raised by batch 0." in raised.value.__notes__
    connection.rollback()
