"""What is wrong with a source is said in a sentence that names the column, the place and the batch."""

import os
import sqlite3

import numpy as np
import pytest
from sources import MAKERS, drawn, make

from minnet import MinNetClassifier, MinNetRegressor
from minnet.callbacks import Callback
from minnet.streams import BatchStream

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")


def _as_parquet(tables, folder):
    for i, table in enumerate(tables):
        parquet.write_table(pa.table(table), folder / f"{i}.parquet")
    return str(folder)


def _as_cursor(tables, folder):
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute("CREATE TABLE t (a, b, y, w)")
    for table in tables:
        rows = zip(*(table.get(name, [None] * 4) for name in "abyw"), strict=True)
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", list(rows))
    return lambda: connection.execute("SELECT * FROM t")


FORMS = {
    "parquet": _as_parquet,
    "pandas": lambda tables, _: [pd.DataFrame(table) for table in tables],
    "nullable": lambda tables, _: [pd.DataFrame(table).convert_dtypes() for table in tables],
    "arrow dtypes": lambda tables, _: [
        pd.DataFrame(table).convert_dtypes(dtype_backend="pyarrow") for table in tables
    ],
    "polars": lambda tables, _: [pl.DataFrame(table) for table in tables],
    "arrow": lambda tables, _: [pa.table(table) for table in tables],
    "function": lambda tables, _: lambda: map(pl.DataFrame, tables),
    "cursor": _as_cursor,
}
GOOD = {"a": [1.0, 2.0, 3.0, 4.0], "b": [1, 2, 3, 4], "y": ["u", "v", "u", "v"], "w": [1.0] * 4}
WRONG = {
    "missing number": (
        {"a": [1.0, None, 3.0, 4.0]},
        "column 'a' must have no missing values, got 1",
    ),
    "missing integer": ({"b": [1, None, None, 4]}, "column 'b' must have no missing values, got 2"),
    "missing label": (
        {"y": ["u", None, "u", "v"]},
        "column 'y' must have no missing values, got 1",
    ),
    "missing weight": (
        {"w": [1.0, None, 1.0, 1.0]},
        "column 'w' must have no missing values, got 1",
    ),
    "infinite": ({"a": [1.0, np.inf, 1.0, 1.0]}, "column 'a' must have numbers that are finite"),
    "texts": ({"a": ["1", "2", "3", "4"]}, "column 'a' must have numbers, got texts such as '1'"),
    "weights in words": ({"w": ["1", "2", "3", "4"]}, "column 'w' must have numbers, got texts"),
    "other labels": (
        {"y": [1, 0, 1, 0]},
        "targets must be of one kind, got numbers in .* after texts",
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("at", [0, 1])
def test_values_that_are_wrong_are_named(form, wrong, at, tmp_path):
    change, sentence = WRONG[wrong]
    tables = [GOOD, GOOD]
    tables[at] = GOOD | change
    if wrong == "other labels" and at == 0:
        sentence = "has classes not in|labels"  # the estimator's, of the first batch
    source = FORMS[form](tables, tmp_path)
    stream = BatchStream(source, "y", sample_weight="w", batch_size=4, shuffle_buffer=0)
    clf = MinNetClassifier((2,))
    with pytest.raises((ValueError, TypeError), match=sentence) as raised:
        clf.fit_stream(stream, n_epochs=2, classes=["u", "v"])
    # What comes as one piece is read by whole batches.
    assert str(raised.value).startswith(f"batch {at}: ")
    assert not hasattr(clf, "network_")


@pytest.mark.parametrize("form", ["parquet", "pandas", "polars", "arrow", "function"])
def test_a_column_that_is_not_in_all_tables_is_named(form, tmp_path):
    less = {name: values for name, values in GOOD.items() if name != "b"}
    stream = BatchStream(FORMS[form]([GOOD, less], tmp_path), "y", shuffle_buffer=0)
    with pytest.raises(
        ValueError, match="batch 0: column 'b' must be in all parts of source, it is not in"
    ):
        list(stream)


@pytest.mark.parametrize("form", ["parquet", "pandas", "polars", "arrow", "function"])
@pytest.mark.parametrize("order", [1, -1])
def test_numbers_may_change_their_type_and_columns_their_order(form, order, tmp_path):
    other = {
        "w": [1, 2, 1, 2],
        "y": GOOD["y"],
        "b": [0.5, 1.5, 2.5, 3.5],
        "a": [1, 2, 3, 4],
        "more": GOOD["y"],
    }
    source = FORMS[form]([GOOD, other][::order], tmp_path)
    stream = BatchStream(
        source, "y", sample_weight="w", columns=["a", "b"], batch_size=8, shuffle_buffer=0
    )
    [(X, y, w)] = stream
    whole = [[1, 1], [2, 2], [3, 3], [4, 4]]
    assert np.asarray(X).tolist()[::1] == [
        *[whole, _halves()][::order][0],
        *[whole, _halves()][::order][1],
    ]
    assert y.tolist() == GOOD["y"] * 2
    assert sorted(w.tolist()) == [1.0] * 6 + [2.0] * 2


def _halves():
    return [[1, 0.5], [2, 1.5], [3, 2.5], [4, 3.5]]


@pytest.mark.parametrize("form", ["parquet", "pandas", "polars", "arrow", "function"])
def test_categories_are_labels_and_no_inputs(form, tmp_path):
    table = pa.table(GOOD | {"y": pa.array(GOOD["y"]).dictionary_encode()})
    made = {
        "parquet": lambda: _as_parquet([table], tmp_path),
        "pandas": lambda: pd.DataFrame(GOOD).astype({"y": "category"}),
        "polars": lambda: pl.DataFrame(GOOD).cast({"y": pl.Categorical}),
        "arrow": lambda: table,
        "function": lambda: lambda: [pl.DataFrame(GOOD).cast({"y": pl.Enum(["v", "u"])})],
    }[form]()
    stream = BatchStream(made, "y", sample_weight="w", shuffle_buffer=0)
    [(_, y, _)] = stream
    assert y.tolist() == GOOD["y"]
    assert stream.classes().tolist() == ["u", "v"]
    with pytest.raises(TypeError, match="column 'y' must have numbers, got texts such as 'u'"):
        list(BatchStream(made, "a"))


def test_targets_may_be_several_columns_of_numbers():
    table = pa.table({"a": [1.0, 2.0], "p": [1, 2], "q": [0.5, 1.5]})
    stream = BatchStream(table, ["p", "q"])
    [(X, y)] = BatchStream(table, ["p", "q"], shuffle_buffer=0)
    assert y.tolist() == [[1.0, 0.5], [2.0, 1.5]]
    assert MinNetRegressor(hidden_layer_sizes=(2,)).fit_stream(stream).predict(X).shape == (2, 2)
    with pytest.raises(ValueError, match="target must be one column of labels"):
        stream.classes()
    with pytest.raises(
        ValueError, match=r"target must have labels for classes\(\), got the number 0.5"
    ):
        BatchStream(table, "q").classes()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"target": "labl"}, "target must be 'a', 'label' or 'w', got 'labl': did you mean 'label'?"),
        ({"target": None}, "target must be the name of the column that is to be learned, got None"),
        ({"sample_weight": "v"}, "sample_weight must be 'a', 'label' or 'w', got 'v'"),
        ({"columns": ["a", "x"]}, "columns must be 'a', 'label' or 'w', got 'x'"),
        ({"columns": "a"}, "columns must be a list of names of columns, got 'a'"),
        ({"columns": ["a", "label"]}, "columns must have the names of inputs alone, got 'label'"),
        ({"columns": []}, "columns must be different names of columns"),
        ({"columns": ["a", "a"]}, "columns must be different names of columns"),
        ({"target": ["a", "w"], "sample_weight": "label"}, "source must have columns beside target"),
        ({"target": 1.5}, "target must be names of columns, got 1.5"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
        ({"shuffle_buffer": -1}, "shuffle_buffer must be a whole number of at least 0, got -1"),
        ({"shuffle_buffer": "all"}, "shuffle_buffer must be 'auto' or a whole number, got 'all'"),
        ({"dtype": "float16"}, "dtype must be float32 or float64, got 'float16'"),
        ({"transform": 3}, "transform must be a function or None, got 3"),
        ({"source": 3}, "source must be a path, .* got a int"),
        ({"source": []}, "source must be a path, .* got a list"),
        ({"source": iter([])}, "got a list_iterator, which can be read once: give a function"),
        ({"source": (np.ones((2, 1)), np.ones(2))}, "target must be None for a tuple of arrays"),
        ({"source": (np.ones((2, 1)),), "target": None}, "source must have two or three arrays"),
        ({"source": (np.ones(2), np.ones(2)), "target": None}, "with 2 axes in the place of X"),
        ({"source": (np.ones((2, 1)), np.ones(3)), "target": None}, "the same number of rows, got"),
        ({"source": ([[1.0]], [1]), "target": None}, "source must have dense arrays, got a list"),
        ({"source": "/no/such/file.parquet"}, "source must be the path of what is there"),
        ({"source": "/no/such/*.parquet"}, "no/such.*: name the folder, or give the list .* glob.glob"),
        ({"source": sqlite3.connect(":memory:")}, "got a Connection: give a function that runs a query"),
    ],
)  # fmt: skip
def test_arguments_that_are_wrong_are_named(given, sentence):
    table = pa.table({"a": [1.0], "label": [1], "w": [1.0]})
    arguments = {"source": table, "target": "label"} | given
    with pytest.raises((TypeError, ValueError, FileNotFoundError), match=sentence):
        BatchStream(**arguments)


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (3, "source must return a cursor .* got a int"),
        ("abc", "source must return a cursor .* got a str"),
        ([np.ones(3)], "source must return tables of pandas, polars or pyarrow, .* got a ndarray"),
        (sqlite3.connect(":memory:").cursor(), "a cursor that has run a query with rows"),
        (sqlite3.connect(":memory:").execute("SELECT 1 a, 2 a"), "different names, got 'a' twice"),
    ],
)  # fmt: skip
def test_what_a_function_returns_is_checked(returned, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        next(iter(BatchStream(lambda: returned, "y")))


@pytest.mark.parametrize("at", ["the first epoch", "the second"])
def test_a_connection_of_one_thread_is_told_how_to_be_of_more(at):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a REAL, y REAL)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(i % 2, i % 2) for i in range(500)])
    buffer = 0 if at == "the first epoch" else 500  # which this thread fills, by all there is
    stream = BatchStream(
        lambda: connection.execute("SELECT * FROM t"), "y", batch_size=50, shuffle_buffer=buffer
    )
    with pytest.raises(RuntimeError, match="check_same_thread=False"):
        MinNetRegressor(hidden_layer_sizes=(2,)).fit_stream(stream, n_epochs=3)


class AfterEpoch(Callback):
    """Calls a function after the first epoch."""

    def __init__(self, function):
        self.function = function

    def end_epoch(self, trainer):
        if len(trainer.loss_curve) == 1:
            self.function()


@pytest.mark.parametrize("change", ["vanishes", "is shorter", "is broken"])
def test_a_file_that_changes_midway_ends_the_fit_and_leaves_the_estimator(change, tmp_path):
    source, named = make("parquet", tmp_path)
    stream = BatchStream(source, **named, batch_size=100, shuffle_buffer=0)
    clf = MinNetClassifier((2,), random_state=0).fit_stream(stream, classes=["down", "up"])
    before = clf.coefs_[0].copy()
    file = tmp_path / "2.parquet"

    def spoil():
        if change == "vanishes":
            os.remove(file)
        elif change == "is shorter":
            parquet.write_table(parquet.read_table(file)[:5], file, row_group_size=130)
        else:
            file.write_bytes(b"PAR1" + bytes(3000) + b"PAR1")

    clf.set_callbacks(AfterEpoch(spoil))
    with pytest.raises((FileNotFoundError, ValueError, OSError)) as raised:
        clf.fit_stream(stream, n_epochs=2, classes=["down", "up"])
    text = "\n".join([str(raised.value), *getattr(raised.value, "__notes__", [])])
    assert "2.parquet, row group 0" in text
    np.testing.assert_array_equal(clf.coefs_[0], before)


@pytest.mark.parametrize("kind", ["numpy", "zarr", "dask_arrays"])
@pytest.mark.parametrize("place", ["X", "y", "sample_weight"])
def test_arrays_with_missing_values_are_named(kind, place, tmp_path):
    X, _, w = drawn()
    y = X[:, 1].astype("f8")
    {"X": X[:, 0], "y": y, "sample_weight": w}[place][577] = np.nan
    stream = BatchStream(MAKERS[kind](X, y, w, tmp_path), batch_size=100, shuffle_buffer=0)
    with pytest.raises(ValueError, match=f"batch [45]: .*{place}"):
        MinNetRegressor(hidden_layer_sizes=(2,)).fit_stream(stream)


def test_partitions_of_a_folder_are_columns(tmp_path):
    table = pa.table({"a": np.arange(6.0), "year": [2020, 2021] * 3, "y": np.arange(6) % 3})
    parquet.write_to_dataset(table, tmp_path / "of=all", partition_cols=["year"])
    stream = BatchStream(tmp_path / "of=all", "y", shuffle_buffer=0)
    [(X, _)] = stream
    assert stream.feature_names == ["a", "year"]
    assert sorted(X.values.tolist()) == [[a, 2020 + a % 2] for a in range(6)]


def test_a_folder_without_files_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"source must have files, there are none in '.*'"):
        BatchStream(tmp_path, "y")


def test_no_rows_at_all():
    table = pa.table({"a": [1.0], "y": [1]})[:0]
    with pytest.raises(ValueError, match="batches must have at least one batch, got none"):
        MinNetRegressor(hidden_layer_sizes=(2,)).fit_stream(BatchStream(table, "y"))
    with pytest.raises(ValueError, match="source must have at least one row, got none"):
        BatchStream(table, "y").classes()
