"""Fits of several processes: the estimator of one that has all rows, on each, or one sentence on each."""

import pickle
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from in_threads import outcomes, run_ranks
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor
from minnet.distributed import Shards, together

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")

N = 121
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
CLASSES = np.argmax(X[:, :3] + RNG.normal(scale=0.5, size=(N, 3)), axis=1)
CLASSES = CLASSES[np.argsort(CLASSES[:100], kind="stable").tolist() + list(range(100, N))]
INDICATOR = (X + RNG.normal(scale=0.5, size=(N, 4)) > 0.3).astype(int)
NUMBERS = X @ RNG.normal(size=(4, 2)) * 30 + 200
WEIGHTS = RNG.uniform(0, 2, size=N)
WEIGHTS[:30] = 0

#: Of ranks: one, equal, unequal, without rows (which one?), with a single class, with weights of 0 alone.
SIZES = [[121], [61, 60], [30, 0, 91], [0, 100, 21], [20, 1, 70, 30]]


def parts(data, sizes):
    """Return the rows of each rank; None of what is not there."""
    ends = np.cumsum([0, *sizes])
    rows = [np.arange(first, last) for first, last in pairwise(ends)]
    return [None if data is None else _safe_indexing(data, part) for part in rows]


def on_ranks(estimator, sizes, X, y, weights=None, *, method="fit", held=None, fit=run_ranks):
    """Return the estimators, or the errors, of ranks that have so many rows each."""
    given = [parts(data, sizes) for data in (X, y, weights)]

    def call(communicator):
        own = clone(estimator)
        of_rank = [data[communicator.rank] for data in given]
        held_of_rank = {} if held is None else held(communicator.rank)
        return getattr(own, method)(*of_rank, **held_of_rank)

    return fit(len(sizes), call)


def alone(estimator, sizes, X, y, weights=None, *, method="fit", **held):
    """Return the estimator of one process that takes the same batches."""
    with together(Shards(sizes)):
        return getattr(clone(estimator), method)(X, y, weights, **held)


def facts(fitted):
    """Return all that a fit has found out."""
    names = ("classes_", "target_mean_", "target_scale_", "n_iter_", "t_", "loss_curve_", "seeds_",
             "validation_scores_", "validation_loss_curve_", "temperature_", "n_features_in_",
             "feature_names_in_", "best_loss_", "best_validation_score_", "n_outputs_")  # fmt: skip
    found = {name: getattr(fitted, name, None) for name in names}
    network = fitted.network_
    return found | {"key": network.key, "params": network.params, "state": network.state}


def assert_equal(fitted, others, tolerance):
    """Check that others are equal to one fitted estimator: but for rounding, or to the bit."""
    for other in others:
        for name, value in facts(fitted).items():
            there = facts(other)[name]
            if value is None or getattr(value, "dtype", np.dtype(float)).kind not in "f":
                np.testing.assert_array_equal(there, value, err_msg=name)
            else:
                np.testing.assert_allclose(
                    there, value, rtol=tolerance, atol=tolerance, err_msg=name
                )


def check(estimator, sizes, X, y, weights=None, *, method="fit", held=None, tolerance=1e-10):
    """Check that all ranks get the estimator that one process gets."""
    first, *others = on_ranks(estimator, sizes, X, y, weights, method=method, held=held)
    assert_equal(first, others, 0)
    for other in others:
        assert bits(other) == bits(first)
    whole = {} if held is None else held(None)
    assert_equal(alone(estimator, sizes, X, y, weights, method=method, **whole), [first], tolerance)
    return first


def bits(fitted):
    """Return the pickle of an estimator without what may differ: time and threads."""
    fitted = pickle.loads(pickle.dumps(fitted))
    fitted.fit_info_ |= {"seconds": 0.0}
    return pickle.dumps(pickle.loads(pickle.dumps(fitted)))


GIVEN = {"hidden_layer_sizes": (6,), "batch_size": 10, "max_iter": 25, "random_state": 0, "tol": 0,
         "n_iter_no_change": 99}  # fmt: skip


def classifier(**arguments):
    """Return one that takes some 300 steps of 10 rows."""
    return MinNetClassifier(**GIVEN | arguments)


def regressor(**arguments):
    """Return one that takes some 300 steps of 10 rows."""
    return MinNetRegressor(**GIVEN | arguments)


def of_parts(sizes, X, y, weights=None):
    """Return what gives each rank its part of a validation set, and one process all of it."""

    def held(rank):
        names = ("X_val", "y_val", "sample_weight_val")
        given = (X, y, weights)
        if rank is None:
            return dict(zip(names, given, strict=True))
        of_rank = [parts(data, sizes)[rank] for data in given]
        return dict(zip(names, of_rank, strict=True)) if len(of_rank[0]) else {}

    return held


LAYERS = [Dense(6, "tanh"), BatchNorm(), Dropout(0.2), Dense(5, "relu", init="lsuv")]
STRINGS = np.array(["one", "three", "two"])[CLASSES]
HELD = {4: [50, 0, 0, 71], 3: [0, 121, 0], 2: [121, 0], 1: [121]}

#: Estimator, targets, weights, and whether there is a validation set of the user's.
CASES = {
    "classes": (classifier(solver="sgd", shuffle=False), CLASSES, None, False),
    "layers": (
        classifier(solver="sgd", hidden_layer_sizes=(100,), layers=LAYERS, class_weight="balanced"),
        STRINGS, WEIGHTS, False,
    ),
    "two classes": (
        classifier(early_stopping=True, clip_norm=0.1, solver="adamw"), CLASSES == 1, None, False
    ),
    "set aside": (
        classifier(early_stopping=True, keep="best", scoring="refinement", calibrate=True),
        STRINGS, WEIGHTS, False,
    ),
    "last rows": (
        classifier(early_stopping=True, shuffle=False, class_weight={"one": 2}),
        STRINGS.astype(object), None, False,
    ),
    "held": (
        classifier(early_stopping=True, calibrate=True, class_weight="balanced", bias_init="hull"),
        CLASSES, WEIGHTS, True,
    ),
    "labels": (
        classifier(class_weight="balanced", bias_init="output_prior", early_stopping=True),
        INDICATOR, WEIGHTS, False,
    ),
    "sparse labels": (classifier(batch_norm=True, solver="sgd"), sparse.csr_array(INDICATOR), None, True),
    "newton": (classifier(solver="lbfgs", class_weight="balanced"), STRINGS, WEIGHTS, False),
    "numbers": (
        regressor(scale_targets=True, init="unit_variance", early_stopping=True), NUMBERS, None, False
    ),
    "one number": (regressor(loss="huber", solver="lbfgs"), NUMBERS[:, 0] / 100, WEIGHTS, False),
    "held numbers": (
        regressor(scale_targets=True, scoring="loss", keep="last", dropout=0.1, init="metainit"),
        NUMBERS, WEIGHTS, True,
    ),
    "priors": (
        regressor(loss="poisson", bias_init="output_prior"), np.abs(NUMBERS[:, :1]), None, False
    ),
}  # fmt: skip


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:lbfgs failed", "ignore:A column-vector")
def test_the_estimator_of_one_process(case, sizes):
    estimator, y, weights, is_held = CASES[case]
    held = None
    if is_held:
        held = of_parts(HELD[len(sizes)][: len(sizes)], X[::-1] + 0.1, y, weights)
    check(estimator, sizes, X, y, weights, held=held)


@pytest.mark.parametrize("case", ["layers", "set aside", "held", "labels", "newton", "numbers"])
def test_one_rank_has_the_bits_of_a_process(case):
    estimator, y, weights, is_held = CASES[case]
    held = of_parts([N], X, y, weights) if is_held else None
    [fitted] = on_ranks(estimator, [N], X, y, weights, held=held)
    whole = held(None) if is_held else {}
    assert bits(clone(estimator).fit(X, y, weights, **whole)) == bits(fitted)


# ---- what differs between ranks


def failing(estimator, X_of, y_of, weights_of=None, *, method="fit", held_of=None):
    """Return what is raised on each rank, which the estimators have to survive unchanged."""

    def call(communicator):
        i = communicator.rank
        own = clone(estimator[i] if isinstance(estimator, list) else estimator)
        before = dict(vars(own))
        weights = None if weights_of is None else weights_of[i]
        held = {} if held_of is None else held_of[i]
        try:
            getattr(own, method)(X_of[i], y_of[i], weights, **held)
        except Exception as error:
            assert vars(own) == before
            return error
        return None

    return outcomes(len(X_of), call)


HALF = [slice(0, 60), slice(60, N)]
NAMES = [f"x{i}" for i in range(4)]
FRAME = pd.DataFrame(X, columns=NAMES)


def halves(data):
    return [data[half] for half in HALF]


#: X, y and weights of rank 1 in the place of its own, and what is said.
UNEQUAL = {
    "NaN": ({"X": np.where(X[70, 2] == X, np.nan, X)[60:]}, "NaN"),
    "columns": ({"X": X[60:, :3]}, "the number of columns of X"),
    "float32": ({"X": X[60:].astype("float32")}, "the dtype of X.*float64 on rank 0.*float32 on rank 1"),
    "sparse": ({"X": sparse.csr_array(X[60:])}, "the form of X"),
    "names": ({"X": FRAME[60:]}, "the names of the columns of X"),
    "rows": ({"y": CLASSES[61:]}, "inconsistent numbers of samples"),
    "strings": ({"y": STRINGS[60:]}, "the kind of the labels.*whole numbers on rank 0.*strings"),
    "floats": ({"y": CLASSES[60:].astype(float)}, "the kind of the labels"),
    "booleans": ({"y": CLASSES[60:] > 0}, "the kind of the labels"),
    "unsigned": ({"y": CLASSES[60:].astype("uint64")}, "labels of one type.*int64 and uint64"),
    "indicator": ({"y": INDICATOR[60:]}, "the number of columns of y"),
    "missing": ({"y": [None, *CLASSES[61:]]}, "missing"),
    "no y": ({"y": None}, "y"),
    "weights": ({"weights": np.ones(61)}, "sample_weight must be the same.*None on rank 0"),
    "negative": ({"weights": -np.ones(61)}, "sample_weight|egative"),
    "text": ({"X": "text"}, "X"),
    "too many": ({"X": X[:0], "y": CLASSES[:1]}, "rows, got 0 and 1"),
}  # fmt: skip


@pytest.mark.parametrize("method", ["fit", "initialize"])
@pytest.mark.parametrize("what", UNEQUAL)
def test_what_is_wrong_or_different_on_one_rank_is_said_on_all(what, method):
    changed, sentence = UNEQUAL[what]
    X_of, y_of, weights_of = halves(X), halves(CLASSES), [None, None]
    for name, of in (("X", X_of), ("y", y_of), ("weights", weights_of)):
        if name in changed:
            of[1] = changed[name]
    said = failing(classifier(max_iter=1), X_of, y_of, weights_of, method=method)
    assert all(isinstance(error, ValueError | TypeError | RuntimeError) for error in said)
    assert all(re.search(sentence, str(error)) for error in said), said


#: Arguments of rank 1 in the place of those of both.
ARGUMENTS = {
    "alpha": 0.1, "hidden_layer_sizes": (7,), "solver": "sgd", "max_iter": 2, "class_weight": {0: 2},
    "init": "he", "layers": [Dense(3)], "random_state": 1, "early_stopping": True, "n_networks": 2,
    "learning_rate": max, "activation": 3, "batch_size": 11, "dropout": 0.1, "backend": "numpy",
    "bias_init": np.ones(3), "warm_start": True,
}  # fmt: skip


@pytest.mark.parametrize("name", ARGUMENTS)
def test_unequal_arguments_are_named(name):
    both = [classifier(), classifier(**{name: ARGUMENTS[name]})]
    for error in failing(both, halves(X), halves(CLASSES)):
        assert re.match(f"{name} must be the same on all ranks, got .* on rank [01]", str(error))
        assert type(error) is ValueError


def test_arguments_that_may_differ_do():
    def call(communicator):
        drawn = np.random.RandomState(communicator.rank)
        arguments = {"n_threads": 1 + communicator.rank, "random_state": drawn}
        return classifier(verbose=0, **arguments).initialize(*parts_of[communicator.rank])

    parts_of = list(zip(halves(X), halves(CLASSES), strict=True))
    first, second = run_ranks(2, call)
    expected = classifier(random_state=np.random.RandomState(0)).initialize(X, CLASSES)
    for fitted in (first, second):
        np.testing.assert_array_equal(fitted.network_.params, expected.network_.params)


#: What is equal for the estimator, in another form on each rank.
FORMS = {
    "lists": (X.tolist(), CLASSES.tolist()),
    "narrow": (X.astype(">f8"), CLASSES.astype("int8")),
    "frame": (FRAME, pd.Series(CLASSES)),
    "column": (X, CLASSES[:, np.newaxis]),
    "csc": (sparse.csc_array(X), CLASSES),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("empty", [[], np.empty((0, 4)), np.empty((0, 4), "float32"), FRAME[:0]])
@pytest.mark.filterwarnings("ignore:A column-vector")
def test_no_rows_in_any_form_take_that_of_the_others(form, empty):
    """The rank without rows is the first, so that the others decide."""
    given_X, given_y = FORMS[form]

    def call(communicator):
        data = (empty, np.empty(0)) if communicator.rank == 0 else (given_X, given_y)
        return classifier().initialize(*data)

    if isinstance(empty, pd.DataFrame) and form != "frame":
        assert all(isinstance(error, ValueError) for error in outcomes(2, call))
        return
    first, second = run_ranks(2, call)
    expected = classifier().initialize(given_X, given_y)
    for fitted in (first, second):
        np.testing.assert_array_equal(fitted.network_.params, expected.network_.params)
        assert list(getattr(fitted, "feature_names_in_", [])) == (NAMES if form == "frame" else [])


def test_no_rows_at_all():
    said = failing(classifier(), [X[:0]] * 2, [CLASSES[:0]] * 2)
    assert all("at least one row on some rank" in str(error) for error in said)
