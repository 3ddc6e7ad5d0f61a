"""scoring="refinement" and calibrate=True: the log loss at the best temperature, by SciPy's minimizer."""

import itertools
import pickle
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.datasets import make_classification

from minnet import MinNetClassifier, MinNetRegressor, load_model, save_model
from minnet.callbacks import Callback
from minnet.export import to_numpy_source
from minnet.optimizers import Adam


def data(kind):
    if kind == "multilabel":
        rng = np.random.default_rng(0)
        X = rng.normal(size=(160, 6))
        return X, (X[:, :3] + rng.normal(size=(160, 3)) > 0).astype(int)
    n_classes = 2 if kind == "binary" else 3
    return make_classification(
        160, 6, n_informative=3, n_classes=n_classes, flip_y=0.2, random_state=0
    )


def log_loss(Z, y, temperature, weights):
    """Return the mean log loss of logits that are divided by a temperature; y as 0, 1, ..."""
    Z = Z / temperature
    if Z.shape[1] > 1 and y.ndim == 1:
        of_rows = -log_softmax(Z, axis=1)[np.arange(len(y)), y]
    else:
        T = y.reshape(len(y), -1)
        of_rows = -(T * log_expit(Z) + (1 - T) * log_expit(-Z)).sum(axis=1)
    return np.average(of_rows, weights=weights)


def at_best(Z, y, weights):
    """Return the best temperature and the loss there."""
    found = minimize_scalar(
        lambda log: log_loss(Z, y, np.exp(log), weights), bounds=(-5, 5), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    return np.exp(found.x), found.fun


class Logits(Callback):
    """Notes the logits of the validated rows after each epoch."""

    def __init__(self, X):
        self.X, self.seen = X, []

    def end_epoch(self, trainer):
        self.seen.append(trainer.network.forward(self.X))


OPTIONS = {
    "solver": Adam(0.02),
    "batch_size": 20,
    "max_iter": 25,
    "keep": "best",
    "random_state": 0,
}
KINDS = ["binary", "multiclass", "multilabel"]


def fit(kind, weighted=False, dtype="float64", **options):
    X, y = data(kind)
    X = X.astype(dtype)
    weights = np.linspace(0, 2, 60) if weighted else None
    clf = MinNetClassifier(
        (40,), **OPTIONS | {"scoring": "refinement", "calibrate": True} | options
    )
    logits = Logits(X[100:])
    clf.set_callbacks(logits)
    held = {"X_val": X[100:], "y_val": y[100:], "sample_weight_val": weights}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit(X[:100], y[:100], **held)
    return clf.set_callbacks(), X[100:], y[100:], weights, logits.seen


@pytest.mark.parametrize(
    ("kind", "weighted", "dtype"), itertools.product(KINDS, [False, True], ["float64", "float32"])
)
def test_score_temperature_and_probabilities(kind, weighted, dtype):
    clf, X, y, weights, seen = fit(kind, weighted, dtype)
    rtol = 1e-6 if dtype == "float64" else 1e-4
    expected = [-at_best(Z.astype(float), y, weights)[1] for Z in seen]
    np.testing.assert_allclose(clf.validation_scores_, expected, rtol=rtol)
    losses = [log_loss(Z.astype(float), y, 1.0, weights) for Z in seen]
    np.testing.assert_allclose(clf.validation_loss_curve_, losses, rtol=rtol)
    assert np.add(expected, losses).max() > 1e-3, "the two would not be told apart"
    Z = clf.network_.forward(X).astype(float)
    np.testing.assert_allclose(Z, seen[np.argmax(expected)], rtol=rtol, atol=rtol)
    assert clf.temperature_ == pytest.approx(at_best(Z, y, weights)[0], rel=1e-3)
    assert clf.temperature_ != 1
    P = clf.predict_proba(X)
    if kind == "multiclass":
        expected = softmax(Z / clf.temperature_, axis=1)
    else:
        expected = expit(Z / clf.temperature_)
        expected = np.hstack([1 - expected, expected]) if kind == "binary" else expected
    np.testing.assert_allclose(P, expected, rtol=rtol, atol=1e-6)
    np.testing.assert_allclose(np.exp(clf.predict_log_proba(X)), P, rtol=1e-5, atol=1e-7)
    plain = fit(kind, weighted, dtype, calibrate=False)[0]
    np.testing.assert_array_equal(plain.predict(X), clf.predict(X))
    assert not hasattr(plain, "temperature_")


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_kept_in_files_pickles_and_exports(kind, tmp_path):
    clf, X, *_ = fit(kind)
    P = clf.predict_proba(X)
    save_model(clf, tmp_path / "m.safetensors")
    for other in (load_model(tmp_path / "m.safetensors"), pickle.loads(pickle.dumps(clf))):
        assert other.temperature_ == clf.temperature_
        np.testing.assert_array_equal(other.predict_proba(X), P)
    assert not hasattr(clone(clf), "temperature_")
    module = {}
    exec(to_numpy_source(clf), module)
    np.testing.assert_allclose(module["predict_proba"](X), P, rtol=1e-9, atol=1e-12)
    pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    from minnet.export import to_onnx

    session = ort.InferenceSession(to_onnx(clf, dtype="float32").SerializeToString())
    found = session.run(None, {session.get_inputs()[0].name: X.astype("float32")})[1]
    np.testing.assert_allclose(found, P, rtol=1e-3, atol=1e-4)


def test_a_set_without_an_error_does_not_make_sure():
    X = np.linspace(-3, 3, 60)[:, np.newaxis]
    y = (X[:, 0] > 0).astype(int)
    clf = MinNetClassifier(calibrate=True, **OPTIONS).fit(X, y, X_val=X[::7] * 2, y_val=y[::7])
    assert clf.score(X[::7] * 2, y[::7]) == 1
    assert clf.temperature_ == 1.0
    scored = MinNetClassifier(scoring="refinement", **OPTIONS).fit(
        X, y, X_val=X[::7] * 2, y_val=y[::7]
    )
    assert np.isfinite(scored.validation_scores_).all()
    assert -1e-6 < scored.best_validation_score_ <= 0


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 0, 1]])
def test_few_rows_and_one_class(labels):
    X = np.arange(4.0)[:, np.newaxis]
    clf = MinNetClassifier(scoring="refinement", calibrate=True, **OPTIONS)
    clf.fit(X, labels, X_val=X, y_val=labels)
    assert np.isfinite(clf.predict_proba(X)).all()
    assert np.isfinite(clf.validation_scores_).all()


def test_another_loss_and_a_stream():
    X, y = data("multiclass")
    for loss in ("squared_error", "log_loss"):
        clf = MinNetClassifier(loss=loss, scoring="refinement", calibrate=True, **OPTIONS)
        clf.fit_stream([(X, y)], n_epochs=9, classes=[0, 1, 2], X_val=X[::3], y_val=y[::3])
        Z = clf.network_.forward(X[::3])
        score = -at_best(Z, y[::3], None)[1]
        assert clf.best_validation_score_ == pytest.approx(score, rel=1e-5)


X4, Y4 = np.arange(4.0)[:, np.newaxis], [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: MinNetClassifier(calibrate=True).fit(X4, Y4),
            "calibrate must be False without a valid",
        ),
        (
            lambda: MinNetClassifier(calibrate=True, solver="lbfgs").fit(X4, Y4),
            "calibrate must be False without a validation set, got True: take another solver",
        ),
        (
            lambda: MinNetClassifier(calibrate=True).partial_fit(X4, Y4, classes=[0, 1]),
            "partial_fit does not support calibrate=True",
        ),
        (
            lambda: MinNetClassifier(calibrate=1).fit(X4, Y4),
            "The 'calibrate' parameter of MinNetClass",
        ),
        (
            lambda: MinNetRegressor(scoring="refinement").fit(X4, Y4),
            "The 'scoring' parameter of MinNetRegressor must be",
        ),
    ],
)
def test_what_it_refuses(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_initialize_passes_over_it():
    assert not hasattr(MinNetClassifier(calibrate=True).initialize(X4, Y4), "temperature_")


def test_a_fit_without_it_leaves_none_behind():
    clf = fit("binary")[0]
    X, y = data("binary")
    clf.set_params(calibrate=False).fit(X, y, X_val=X, y_val=y)
    assert not hasattr(clf, "temperature_")
