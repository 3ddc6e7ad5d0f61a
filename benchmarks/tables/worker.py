"""One fit in a process of its own: ``python -m benchmarks.tables.worker '{"table": ..., ...}'``.

Imports and a first fit on a table of 200 made rows come before the clock starts, the same for all: what
a library loads at its first call is not counted. The clock of ``fit`` counts the encoding; that of
prediction the mean of several calls on all rows of the test part, and of more on its first row. The
answer is a line of JSON.
"""

import gc
import json
import os
import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.tables.contestants import CONTESTANTS, Setting
from benchmarks.tables.data import load, splits
from benchmarks.worker import busy_seconds

__all__ = ["main", "measures"]

_LEAST = 1e-7  # probabilities are clipped here: a zero must not make a mean infinite


def measures(task, y, predicted, n_classes=0):
    """Return log loss, error rate and AUC of probabilities; or RMSE / sd of predictions."""
    if task == "reg":
        return {"rmse": float(np.sqrt(np.mean((predicted - y) ** 2)) / np.std(y))}
    P = np.clip(np.asarray(predicted, dtype=float), _LEAST, 1.0)
    P = P / P.sum(axis=1, keepdims=True)
    found = {
        "log_loss": float(-np.log(P[np.arange(len(y)), y]).mean()),
        "error": float(np.mean(P.argmax(axis=1) != y)),
    }
    if len(np.unique(y)) == n_classes:  # else a class has no curve
        scores = P[:, 1] if n_classes == 2 else P
        found["auc"] = float(roc_auc_score(y, scores, multi_class="ovr"))
    return found


def _setting(X, task, threads, seed):
    categories = [c for c in X if str(X[c].dtype) == "category"]
    numbers = [c for c in X if c not in categories]
    return Setting(task, numbers, categories, bool(X[numbers].isna().any(axis=None)), threads, seed)


def _probabilities(model, X, n_classes):
    """Return a column for each class; 0 for one that was not among the rows of training."""
    P = model.predict_proba(X)
    full = np.zeros((len(P), n_classes))
    full[:, np.asarray(model.classes_, dtype=int)] = P
    return full


def _warm_up(make, task, threads, seed):
    """Fit and predict 200 made rows: libraries load and start what they need."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    X["d"] = pd.Categorical(rng.choice(["x", "y", "z"], 200))
    signal = X["a"].to_numpy() + rng.normal(size=200)
    y = (signal > 0).astype(int) if task == "class" else signal
    model = make(_setting(X, task, threads, seed)).fit(X, y)
    model.predict(X)


def _clock():
    """Return wall seconds and CPU seconds of this process and of those it started."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array(
        [time.perf_counter(), time.process_time() + children.ru_utime + children.ru_stime]
    )


def _time_prediction(predict, X):
    """Return wall and CPU seconds of a call: of many, since CPU time may be counted in ticks of 4 ms."""
    n_calls, began, spent = 0, _clock(), np.zeros(2)
    while n_calls < 3 or (n_calls < 500 and spent[0] < 1.0):
        predict(X)
        n_calls, spent = n_calls + 1, _clock() - began
    return spent / n_calls


def measure(table, model, split, threads):
    """Fit one model on one split; return what came out."""
    data = load(table)
    train, test = splits(data)[split]
    X, y = data.X.iloc[train].reset_index(drop=True), data.y[train]
    X_test, y_test = data.X.iloc[test].reset_index(drop=True), data.y[test]
    n_classes = int(data.y.max()) + 1 if data.task == "class" else 0
    make = CONTESTANTS[model].make
    _warm_up(make, data.task, threads, split)
    made = make(_setting(data.X, data.task, threads, split))
    gc.collect()
    busy, began = busy_seconds(), _clock()
    made.fit(X, y)
    wall, cpu = _clock() - began
    others = (busy_seconds() - busy - cpu) / wall if busy is not None else float("nan")
    predict = made.predict_proba if data.task == "class" else made.predict
    found = _probabilities(made, X_test, n_classes) if data.task == "class" else predict(X_test)
    predict_wall, predict_cpu = _time_prediction(predict, X_test)
    _, predict_one_cpu = _time_prediction(predict, X_test.iloc[:1])
    answer = measures(
        data.task, y_test, np.asarray(found).reshape(len(test), -1).squeeze(), n_classes
    )
    return answer | {
        "task": data.task, "n_train": len(train), "n_test": len(test), "n_columns": X.shape[1],
        "n_classes": n_classes, "wall": wall, "cpu": cpu, "predict_wall": predict_wall,
        "predict_cpu": predict_cpu, "predict_one_cpu": predict_one_cpu, "others": max(0.0, others),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the error stream
    request = json.loads(sys.argv[1])
    limit = int(request.pop("limit"))
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    warnings.simplefilter("ignore")
    answers.write(json.dumps(measure(**request)) + "\n")
    answers.close()


if __name__ == "__main__":
    main()
