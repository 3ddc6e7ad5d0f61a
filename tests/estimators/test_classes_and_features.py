"""Each cell of the table "Changed data between calls" of docs/estimators.rst.

Rows: what the second call's data have that the first call's had not. Columns: fit, fit of a warm start,
partial_fit. A cell is what happens: anew (the result is that of a fresh estimator), on (the first call's
network learns on), or the beginning of the error, after which all is as it was.
"""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.neural_network import MLPClassifier

from minnet import MinNetClassifier, MinNetRegressor, load_model, save_model

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:The number of unique classes is greater"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4))
Y = np.arange(40) % 3
TWO, ONE, FOUR = Y % 2, np.zeros(40, dtype=int), np.arange(40) % 4
NAMES = np.array(["ant", "bee", "cat", "dog"])
BITS = np.c_[TWO, Y > 0, FOUR > 1].astype(int)
R = X @ [1.0, -1.0, 0.5, 2.0]
SEVERAL = np.c_[R, -R]
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0, "batch_size": 16}
ON, ANEW = "on", "anew"


def frame(*names):
    return pd.DataFrame(X[:, : len(names)], columns=list(names))


def warm(new=None, missing=None):
    parts = [f"{w}: {v}" for w, v in (("new", new), ("missing", missing)) if v]
    tail = f"({'; '.join(parts)}); to start anew set warm_start=False"
    tail += "" if new else ", or use partial_fit, whose batches may lack classes"
    return "warm_start can only be used where `y` has the same classes", tail


def unseen(new):
    tail = f"(new: {new}); to start anew call fit, or partial_fit of a new estimator with all in classes"
    return "`y` has classes not in `self.classes_`.", tail


def kind(name, got):
    return f"y must be {name} as in the previous call, got {got}", ""


def columns(n, got):
    names = "1 column" if n == 1 else f"{n} columns"
    return f"y must have {names}, as in the previous call, got {got}; to start anew ", ""


def features(n):
    return f"X has {n} features, but MinNet", "is expecting 4 features as input."


def renamed(text):
    return "The feature names should match those that were passed during fit.", text


INSECTS = "'ant', 'bee', 'cat'"
LABELS, INDICATOR = "one column of labels", "a multilabel indicator"
UNKNOWN = ("Unknown label type: continuous.", "")
OUTPUTS = "y must have one column of labels or be a multilabel indicator", ""

# what changes: (X, y) of the first call, (X, y) of the second, warm start, partial_fit
CLASSIFIER = {
    "nothing": ((X, Y), (X, Y), ON, ON),
    "other rows": ((X, Y), (X[:20], Y[:20]), ON, ON),
    "fewer classes": ((X, Y), (X, TWO), warm(missing="2"), ON),
    "one class": ((X, Y), (X, ONE), warm(missing="1, 2"), ON),
    "one class of two": ((X, TWO), (X, ONE), warm(missing="1"), ON),
    "more classes": ((X, Y), (X, FOUR), warm(new="3"), unseen("3")),
    "more classes than one": ((X, ONE), (X, TWO), warm(new="1"), unseen("1")),
    "more classes than two": ((X, TWO), (X, Y), warm(new="2"), unseen("2")),
    "other classes": ((X, Y), (X, Y + 1), warm("3", "0"), unseen("3")),
    "many others": (
        (X, Y), (X, np.arange(40)), warm("3, 4, 5, 6, 7 and 32 more"), unseen("3, 4, 5, 6, 7 and 32 more"),
    ),
    "equal floats": ((X, Y), (X, Y.astype(float)), ON, ON),
    "equal bools": ((X, TWO), (X, TWO == 1), ON, ON),
    "names": ((X, Y), (X, NAMES[Y]), warm(INSECTS, "0, 1, 2"), unseen(INSECTS)),
    "names as objects": ((X, NAMES[Y]), (X, NAMES[Y].astype(object)), ON, ON),
    "a new name": ((X, NAMES[Y]), (X, NAMES[FOUR]), warm(new="'dog'"), unseen("'dog'")),
    "an indicator": ((X, Y), (X, BITS), kind(LABELS, INDICATOR), kind(LABELS, INDICATOR)),
    "a single column": ((X, BITS), (X, TWO), kind(INDICATOR, LABELS), kind(INDICATOR, LABELS)),
    "the same labels": ((X, BITS), (X, BITS[::-1]), ON, ON),
    "a label never set": ((X, BITS), (X, BITS * [1, 1, 0]), ON, ON),
    "a sparse indicator": ((X, BITS), (X, sparse.csr_array(BITS)), ON, ON),
    "fewer labels": ((X, BITS), (X, BITS[:, :2]), columns(3, 2), columns(3, 2)),
    "more labels": ((X, BITS), (X, BITS[:, [0, 1, 2, 0]]), columns(3, 4), columns(3, 4)),
    "numbers": ((X, Y), (X, R), UNKNOWN, UNKNOWN),
    "columns of classes": ((X, Y), (X, np.c_[Y, Y]), OUTPUTS, OUTPUTS),
}  # fmt: skip
REGRESSOR = {
    "nothing": ((X, R), (X, R), ON, ON),
    "whole numbers": ((X, R), (X, Y), ON, ON),
    "a column": ((X, R), (X, R[:, np.newaxis]), ON, ON),
    "the same outputs": ((X, SEVERAL), (X, SEVERAL[::-1]), ON, ON),
    "more outputs than one": ((X, R), (X, SEVERAL), columns(1, 2), columns(1, 2)),
    "more outputs": ((X, SEVERAL), (X, np.c_[R, R, R]), columns(2, 3), columns(2, 3)),
    "fewer outputs": ((X, SEVERAL), (X, R), columns(2, 1), columns(2, 1)),
}
SEEN = "Feature names seen at fit time, yet now missing:\n- "
UNSEEN = "Feature names unseen at fit time:\n- "
FEATURES = {
    "fewer": (X, X[:, :3], features(3)),
    "more": (X, np.c_[X, X[:, 0]], features(5)),
    "sparse": (X, sparse.csr_array(X), ON),
    "of float32": (X, X.astype(np.float32), ON),
    "the same names": (frame(*"abcd"), frame(*"abcd"), ON),
    "fewer names": (frame(*"abcd"), frame(*"abc"), renamed(SEEN + "d")),
    "more names": (frame(*"abcd"), frame(*"abcd").assign(e=0.0), renamed(UNSEEN + "e")),
    "other names": (frame(*"abcd"), frame(*"abce"), renamed(UNSEEN + "e\n" + SEEN + "d")),
    "another order": (
        frame(*"abcd"),
        frame(*"abdc"),
        renamed("must be in the same order as they were"),
    ),
    "names no more": (frame(*"abcd"), X, ON),
    "names now": (X, frame(*"abcd"), ON),
}
CASES = [
    *[(MinNetClassifier, *case) for case in CLASSIFIER.values()],
    *[(MinNetRegressor, *case) for case in REGRESSOR.values()],
    *[
        (make, (before, y), (after, y), cell, cell)
        for before, after, cell in FEATURES.values()
        for make, y in ((MinNetClassifier, Y), (MinNetRegressor, R))
    ],
]
IDS = [
    *[f"classifier-{name}" for name in CLASSIFIER],
    *[f"regressor-{name}" for name in REGRESSOR],
    *[f"{name}-{make}" for name in FEATURES for make in ("classifier", "regressor")],
]
cells = pytest.mark.parametrize(("make", "first", "then", "warm", "partial"), CASES, ids=IDS)


def assert_refused(est, call, expected):
    """The error begins and goes on as expected; every bit of the estimator is as before."""
    before, state = dict(vars(est)), pickle.dumps(est)
    with pytest.raises(ValueError, match=re.escape(expected[0])) as caught:
        call()
    assert str(caught.value).startswith(expected[0])
    assert expected[1] in str(caught.value)
    assert list(vars(est)) == list(before)
    assert all(vars(est)[name] is value for name, value in before.items())
    assert pickle.dumps(est) == state


def assert_went_on(est, call, first):
    """The first call's network has learned on; what is known of the labels and features stays."""
    known = ("classes_", "n_features_in_", "n_outputs_", "feature_names_in_")
    known = {name: getattr(est, name) for name in known if hasattr(est, name)}
    params, key, curve = est.network_.params.copy(), est.network_.key, list(est.loss_curve_)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* feature names", category=UserWarning)
        warnings.filterwarnings("ignore", message="A column-vector y")
        call()
    assert est.network_.key == key
    assert not np.array_equal(est.network_.params, params)
    assert est.loss_curve_[: len(curve)] == curve
    for name, value in known.items():
        np.testing.assert_array_equal(getattr(est, name), value)
    assert hasattr(est, "feature_names_in_") == ("feature_names_in_" in known)
    est.predict(first[0])


@cells
def test_fit_starts_anew(make, first, then, warm, partial):
    est = make(**SMALL).fit(*first)
    if (then[1] is R and make is MinNetClassifier) or (
        then[1].shape == (40, 2) and warm is OUTPUTS
    ):
        assert_refused(est, lambda: est.fit(*then), warm)  # no labels
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="A column-vector y")
        est.fit(*then)
        fresh = make(**SMALL).fit(*then)
    np.testing.assert_array_equal(est.network_.params, fresh.network_.params)
    assert est.loss_curve_ == fresh.loss_curve_
    assert vars(est).keys() == vars(fresh).keys()
    assert est.n_features_in_ == then[0].shape[1]
    if make is MinNetClassifier:
        np.testing.assert_array_equal(est.classes_, fresh.classes_)


@cells
def test_warm_start(make, first, then, warm, partial):
    est = make(**SMALL, warm_start=True).fit(*first)
    if warm is ON:
        assert_went_on(est, lambda: est.fit(*then), first)
    else:
        assert_refused(est, lambda: est.fit(*then), warm)
        est.set_params(warm_start=False)  # the advice


@cells
@pytest.mark.parametrize("fitted_by", ["fit", "partial_fit"])
def test_partial_fit(make, first, then, warm, partial, fitted_by):
    est = make(**SMALL)
    if fitted_by == "fit":
        est.fit(*first)
    elif make is MinNetRegressor:
        est.partial_fit(*first)
    else:
        y = first[1]
        est.partial_fit(*first, classes=np.unique(y) if y.ndim == 1 else range(y.shape[1]))
    if partial is ON:
        assert_went_on(est, lambda: est.partial_fit(*then), first)
    else:
        assert_refused(est, lambda: est.partial_fit(*then), partial)


# ---- classes named beforehand


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([0, 1, 2], ON),
        ([2, 1, 0], ON),
        (None, ON),
        (
            [0, 1],
            "`classes=array([0, 1])` is not the same as on last call to partial_fit, was: array(",
        ),
        ([0, 1, 2, 3], "`classes=array([0, 1, 2, 3])` is not the same as on last call"),
    ],
)
@pytest.mark.parametrize("fitted_by", ["fit", "partial_fit"])
def test_classes_named_again(classes, expected, fitted_by):
    est = MinNetClassifier(**SMALL)
    est = est.fit(X, Y) if fitted_by == "fit" else est.partial_fit(X, Y, classes=[0, 1, 2])

    def call():
        est.partial_fit(X, TWO, classes=classes)

    if expected is ON:
        assert_went_on(est, call, (X, Y))
    else:
        assert_refused(est, call, (expected, "; leave classes out, or begin with a new estimator"))


def test_the_first_batch():
    est = MinNetClassifier(**SMALL)
    message = "classes must be passed on the first call to partial_fit.", ""
    assert_refused(est, lambda: est.partial_fit(X, Y), message)
    assert_refused(est, lambda: est.partial_fit(X, Y, classes=[0, 1]), unseen("2"))
    est.partial_fit(X, ONE, classes=[0, 1, 2])
    assert est.predict_proba(X).shape == (40, 3)
    assert_went_on(est, lambda: est.partial_fit(X, Y), (X, Y))


def test_names_of_columns_stay_in_the_order_of_the_columns(tmp_path):
    names = ["striped", "big", "tame"]  # not sorted
    est = MinNetClassifier(**SMALL).partial_fit(X, BITS, classes=names)
    save_model(est, tmp_path / "named.safetensors")
    for clf in (est, load_model(tmp_path / "named.safetensors")):
        assert clf.classes_.tolist() == names
        assert_went_on(clf, lambda clf=clf: clf.partial_fit(X, BITS, classes=names), (X, BITS))
        with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
            clf.partial_fit(X, BITS, classes=sorted(names))
    with pytest.raises(ValueError, match="classes must name the 3 columns of y"):
        MinNetClassifier(**SMALL).partial_fit(X, BITS, classes=["big", "tame", "big"])


def test_a_warm_start_after_partial_fit_wants_all_classes_that_were_named():
    est = MinNetClassifier(**SMALL, warm_start=True).partial_fit(X, Y, classes=[0, 1, 2, 3])
    assert_refused(est, lambda: est.fit(X, Y), warm(missing="3"))
    assert_went_on(est, lambda: est.fit(X, FOUR), (X, FOUR))


# ---- the network itself


@pytest.mark.parametrize("sizes", [(6,), (5, 5), ()])
def test_another_architecture_is_named_where_scikit_learn_says_nothing_or_crashes(sizes):
    est = MinNetClassifier(**SMALL, warm_start=True).fit(X, Y).set_params(hidden_layer_sizes=sizes)
    expected = (
        "the architecture must stay as it was fitted, "
        "[Dense(5, activation=Relu()), Dense(3, activation=Identity())], got"
    )
    for call in (est.fit, est.partial_fit):
        assert_refused(
            est,
            lambda call=call: call(X, Y),
            (expected, "set warm_start=False and call fit to start"),
        )


# ---- where the two libraries part, and where not


@pytest.mark.parametrize("y", [TWO, FOUR, Y + 1])
def test_the_sentence_begins_as_in_scikit_learn(y):
    messages = []
    for make in (MinNetClassifier, MLPClassifier):
        for change in (
            lambda est, y: est.set_params(warm_start=True).fit(X, y),
            lambda est, y: est.partial_fit(X, y),
        ):
            est = make(**SMALL).fit(X, Y)
            try:
                change(est, y)
                messages.append("")
            except ValueError as error:
                messages.append(str(error))
    ours, theirs = messages[:2], messages[2:]
    for mine, known in zip(ours, theirs, strict=True):
        assert mine.startswith(known.rstrip("."))
        assert bool(mine) == bool(known)
