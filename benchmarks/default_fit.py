"""Whole fits with default arguments, which are what most fits are: a table, and digits."""

import warnings

import numpy as np

from benchmarks.comparison import render as render_rows
from benchmarks.comparison import repeated, row
from benchmarks.runner import Job
from benchmarks.workloads import WORKLOADS

__all__ = ["ROWS", "prepare", "render"]

#: Workload, and epochs of a fit.
CASES = {"table": ("table", 20), "digits": ("digits-100", 50)}
CONTESTANTS = ("minnet", "scikit-learn")


def prepare(contestant, case, early_stopping, threads):
    name, epochs = CASES[case]
    X, y = WORKLOADS[name].data()
    arguments = {
        "max_iter": epochs,
        "n_iter_no_change": epochs,  # all have the same number of epochs
        "early_stopping": early_stopping,
        "random_state": 0,
    }
    if contestant == "minnet":
        from minnet import MinNetClassifier

        model = MinNetClassifier(n_threads=threads, **arguments)
    else:
        from sklearn.neural_network import MLPClassifier

        model = MLPClassifier(**arguments)

    def fit():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)

    fit()
    if model.n_iter_ != epochs or not np.isfinite(model.loss_):
        raise RuntimeError(f"the fit made {model.n_iter_} epochs of {epochs}")
    return repeated(fit), {}


def _row(case, early_stopping, goal):
    name, epochs = CASES[case]

    def jobs(options):
        return [
            Job(contestant, "benchmarks.default_fit:prepare",
                {"contestant": contestant, "case": case, "early_stopping": early_stopping,
                 "threads": options.threads})
            for contestant in CONTESTANTS
        ]  # fmt: skip

    stopping = ", early_stopping" if early_stopping else ""
    return row(jobs, f"{WORKLOADS[name].shape}, {epochs} epochs{stopping}", goal)


ROWS = {
    f"default-fit-{case}{'-early-stopping' * early_stopping}": _row(case, early_stopping, goal)
    for case, goal in (("table", "≥ 9"), ("digits", "≥ 6"))
    for early_stopping in (False, True)
}


def render(results, ceilings):
    text = (
        "`MinNetClassifier()` and `MLPClassifier()`: Adam, batches of 200, one hidden layer of 100, "
        "float32 data; the whole call of `fit`."
    )
    return render_rows("Fits with default arguments", text, ROWS, results)
