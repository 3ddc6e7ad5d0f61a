"""Importing minnet and fitting imports nothing that is optional."""

import subprocess
import sys

import pytest

from minnet import MinNetClassifier
from minnet.callbacks import TensorBoard

OPTIONAL = [
    "IPython", "matplotlib", "numba", "onnx", "onnxruntime", "pandas", "polars", "rich", "skl2onnx",
    "skops", "tensorboard", "tensorboardX", "torch", "tqdm",
]  # fmt: skip

CODE = f"""
import sys
import numpy as np
import sklearn.base, sklearn.metrics, sklearn.model_selection
import contextlib, importlib
with contextlib.suppress(ImportError):
    importlib.import_module("sklearn.callback")  # since 1.9
before = set(sys.modules)  # what scikit-learn imports is its own affair
import minnet, minnet.callbacks
from minnet.callbacks import History, TensorBoard, TimeLimit
X = np.random.default_rng(0).normal(size=(100, 3))
callbacks = [History(), TimeLimit(100)]
TensorBoard("nowhere")
for solver in ("adam", "lbfgs"):
    clf = minnet.MinNetClassifier((5,), solver=solver, max_iter=2, n_iter_no_change=9)
    clf.set_callbacks(*callbacks if solver == "adam" else ()).fit(X, X[:, 0] > 0).predict_proba(X)
minnet.MinNetRegressor(hidden_layer_sizes=(5,), max_iter=2, verbose=0).fit(X, X[:, 0])
minnet.MinNetRegressor(hidden_layer_sizes=(5,), max_iter=2, verbose=1).fit(X, X[:, 0])  # short: no bar
import minnet.lab
print("IMPORTED", sorted(set({OPTIONAL}) & (set(sys.modules) - before)))
"""


def test_in_a_fresh_process():
    command = [sys.executable, "-W", "ignore", "-c", CODE]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "IMPORTED []"


def test_a_missing_package_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    clf = MinNetClassifier((2,)).set_callbacks(TensorBoard(tmp_path))
    with pytest.raises(ImportError, match=r"minnet-learn\[tensorboard\]") as caught:
        clf.fit([[0.0], [1.0]], [0, 1])
    assert caught.value.__cause__ is None
    assert sum("minnet" in str(entry.path) for entry in caught.traceback[1:]) <= 4
