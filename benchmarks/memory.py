"""Memory: the peak that fitting and predicting add, each in a fresh process; of labels the time, too."""

import gc
import os
import warnings
from pathlib import Path

import numpy as np

from benchmarks.contestants import CONTESTANTS
from benchmarks.report import table
from benchmarks.runner import Record, Worker
from benchmarks.workloads import VARIANTS, WORKLOADS

__all__ = ["ROWS", "fit_peak", "predict_peak", "render"]


def _status(field):
    """Return a field of /proc/self/status in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


class Peak:
    """Measures the peak of resident memory within a ``with``, above what there was before."""

    def __enter__(self):
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        self.before = _status("VmRSS")
        return self

    def __exit__(self, *_):
        self.added = _status("VmHWM") - self.before


def fit_peak(contestant, n_epochs, threads):
    """Return what training on the mnist-shaped workload adds, input and code being there already."""
    from dataclasses import replace

    # A small training loads the code, starts the threads and fills their arenas.
    workload = WORKLOADS["mnist-shaped"]
    small = replace(workload, name="small", n_samples=1_000)
    CONTESTANTS[contestant](small, VARIANTS["sgd"], threads).train(1)
    trainee = CONTESTANTS[contestant](workload, VARIANTS["sgd"], threads)
    with Peak() as peak:
        trainee.train(n_epochs)
    return None, {
        "added": peak.added,
        "input": workload.n_samples * workload.n_features * 4 / 2**20,
    }


def predict_peak(contestant, n_rows, threads):
    """Return what ``predict_proba`` of many rows adds to its input and its output."""
    n_features, n_classes = 20, 3
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1_000, n_features), dtype=np.float32)
    if contestant == "minnet":
        from minnet import MinNetClassifier as Classifier
    else:
        from sklearn.neural_network import MLPClassifier as Classifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Classifier((64,), max_iter=1).fit(X, np.arange(1_000) % n_classes)
    model.predict_proba(X)
    many = np.tile(X, (n_rows // len(X), 1))
    with Peak() as peak:
        out = model.predict_proba(many)
    return None, {"added": peak.added - out.nbytes / 2**20, "input": many.nbytes / 2**20}


def labels_peak(contestant, early_stopping, threads):
    """Return what an epoch on sparse multilabel targets adds, and its seconds.

    The floor: 6 operations (3 products and sums) for each row, unit and label, a sigmoid and a softplus
    for each row and label; the logits of a batch of 200 rows and their gradient are 10 MB.
    """
    from scipy import sparse

    from minnet import MinNetClassifier

    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 10))
    Y = sparse.random(20_000, 3_000, 0.0005, "csr", random_state=0) > 0
    options = {"early_stopping": early_stopping, "random_state": 0, "n_threads": threads}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MinNetClassifier((16,), max_iter=1, **options).fit(X[:100], Y[:100])
        with Peak() as peak:
            one = MinNetClassifier((16,), max_iter=1, **options).fit(X, Y)
        two = MinNetClassifier((16,), max_iter=3, tol=0, **options).fit(X, Y)
    seconds = (two.fit_info_["seconds"] - one.fit_info_["seconds"]) / 2
    megabytes = (X.nbytes + Y.data.nbytes + Y.indices.nbytes + Y.indptr.nbytes) / 2**20
    return None, {"added": peak.added, "input": megabytes, "seconds": seconds}


def _ask(options, name, function, arguments):
    arguments = {"contestant": name, "threads": options.threads} | arguments
    try:
        with Worker(name, options.threads) as worker:
            return worker.prepare(f"benchmarks.memory:{function}", arguments)
    except RuntimeError as error:
        return {"error": str(error)}


def _fit(options):
    if not os.path.exists("/proc/self/clear_refs"):
        return {}
    return {
        f"{name}, {n} epoch{'s' * (n > 1)}": Record(
            _ask(options, name, "fit_peak", {"n_epochs": n})
        )
        for name in CONTESTANTS
        for n in ((1, 4) if name == "minnet" else (1,))
    }


def _predict(options):
    if not os.path.exists("/proc/self/clear_refs"):
        return {}
    return {
        name: Record(_ask(options, name, "predict_peak", {"n_rows": 10_000_000}))
        for name in ("minnet", "scikit-learn")
    }


def _labels(options):
    if not os.path.exists("/proc/self/clear_refs"):
        return {}
    return {
        "minnet" + ", early stopping" * stopping: Record(
            _ask(options, "minnet", "labels_peak", {"early_stopping": stopping})
        )
        for stopping in (False, True)
    }


ROWS = {"memory-fit": _fit, "memory-predict": _predict, "memory-labels": _labels}
_TITLES = {
    "memory-fit": ("training, mnist-shaped", "minnet ≤ 16 MB, no growth with epochs"),
    "memory-predict": ("`predict_proba`, 10,000,000 rows of 20 → 64 → 3", "bounded"),
    "memory-labels": (
        "an epoch, 20,000 rows of 10 → 16 → 3,000, 30,000 ones, sparse",
        "≤ 100 MB; dense 480 MB",
    ),
}


def render(results, ceilings):
    lines = []
    for name, (title, goal) in _TITLES.items():
        for i, (contestant, record) in enumerate(results.get(name, {}).items()):
            cells = [record.info.get("error", "")[-80:], ""]
            if "added" in record.info:
                cells = [f"{record.info['added']:.1f} MB", f"{record.info['input']:.0f} MB"]
            if "seconds" in record.info:
                cells[0] += f", {record.info['seconds']:.2f} s"
            lines.append(
                [f"{title} (`{name}`)" if i == 0 else "", contestant, *cells, "" if i else goal]
            )
    text = (
        "Peak of resident memory above what the process held with its input (and, when predicting, "
        "its output), after a small run that loaded the code."
    )
    head = ["what", "contestant", "added", "input", "goal"]
    return f"## Memory\n\n{text}\n\n{table(head, lines)}" if lines else ""
