"""Fits of several processes: the estimator of one that has all rows, on each, or one sentence on each."""

import pickle
import re
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from in_threads import outcomes, run_ranks
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetRegressor,
    Network,
    TableEncoder,
    TabularClassifier,
    TabularRegressor,
    pretrain,
)  # fmt: skip
from minnet.common.communicator import in_use
from minnet.distributed import Shards, together
from minnet.estimators import agreement
from minnet.estimators.agreement import agree
from minnet.initializers import Constant, MetaInit
from minnet.lab import find_learning_rate

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
        regressor(scale_targets=True, scoring="loss", keep="last", dropout=0.1, init=MetaInit(3)),
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
    if sizes != [61, 60]:  # where it is 300 steps
        estimator = clone(estimator).set_params(max_iter=4)
    held = of_parts(HELD[len(sizes)], X[::-1] + 0.1, y, weights) if is_held else None
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


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        (("a",) * 99, ("a",) * 98 + ("b",), "'a' on rank 0 and 'b' on rank 1 at 98"),
        (("a", "b"), ("b", "a"), "'a' on rank 0 and 'b' on rank 1 at 0"),
        ((), ("a",), r"\(\) on rank 0 and \('a',\) on rank 1"),
        ("a" * 101, "a" * 102, "another one on rank 1 than on rank 0"),
        (1, 2, "1 on rank 0 and 2 on rank 1"),
    ],
)
def test_what_differs_is_named(first, second, sentence):
    with pytest.raises(ValueError, match=f"names must be the same on all ranks, got {sentence}$"):
        agree("names", [first, second])


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


@pytest.mark.parametrize("empty", [X[:0], []], ids=str)
def test_a_preset_goes_by_the_rows_of_all(empty):
    """For 121 rows it takes another rate of dropout than for 1500."""
    for estimator, y in (
        (MinNetClassifier(preset="tables", random_state=0), STRINGS),
        (MinNetRegressor(preset="tables", random_state=0), NUMBERS),
    ):
        sizes, many = [13, 0, 1500], np.resize(np.arange(N), 1513)
        given = [parts(data[many], sizes) for data in (X, y)]
        given[0][1] = empty
        first, *others = run_ranks(
            3,
            lambda c: clone(estimator).initialize(*(data[c.rank] for data in given)),  # noqa: B023
        )
        assert_equal(first, others, 0)
        assert_equal(clone(estimator).initialize(X[many], y[many]), [first], 1e-10)
        assert first.network_.layers[1].rate == others[0].network_.layers[1].rate == 0.1
        assert first.preset == "tables"
    estimator = MinNetClassifier(preset="tables", random_state=0, max_iter=3)
    said = failing(estimator, halves(X), halves(CLASSES))
    assert all("max_iter must be left at its default" in str(error) for error in said)


@pytest.mark.parametrize(("method", "what"), [("fit", "preset"), ("partial_fit", "the call")])
def test_a_preset_is_that_of_all(method, what):
    both = [MinNetClassifier(preset="tables"), classifier()]
    data = halves(X), halves(CLASSES)

    def call(communicator):
        rank = communicator.rank
        return getattr(both[rank], ("fit", method)[rank])(*(each[rank] for each in data))

    said = outcomes(2, call)
    assert all(f"{what} must be the same on all ranks" in str(error) for error in said), said


# ---- calls that go on


def in_a_row(estimator, calls, sizes, X, y, weights=None):
    """Check several calls of one estimator, each a method and its keywords."""
    given = [parts(data, sizes) for data in (X, y, weights)]

    def run(own, data):
        own = clone(own)
        for method, keywords in calls:
            getattr(own, method)(*data, **keywords)
        return own

    first, *others = run_ranks(
        len(sizes), lambda c: run(estimator, [data[c.rank] for data in given])
    )
    assert_equal(first, others, 0)
    assert all(bits(other) == bits(first) for other in others)
    with together(Shards(sizes)):
        assert_equal(run(estimator, (X, y, weights)), [first], 1e-10)


@pytest.mark.parametrize("sizes", [[61, 60], [100, 0, 21]], ids=str)
def test_parts_of_epochs_and_warm_starts(sizes):
    classes = {"classes": ["one", "two", "three", "four"]}
    epochs = [("partial_fit", classes), ("partial_fit", {}), ("partial_fit", {})]
    in_a_row(classifier(), epochs, sizes, X, STRINGS, WEIGHTS)
    in_a_row(regressor(scale_targets=True), [("partial_fit", {})] * 3, sizes, X, NUMBERS)
    warm = {"warm_start": True, "max_iter": 2}
    begun = [("initialize", {}), ("fit", {}), ("fit", {})]
    in_a_row(classifier(early_stopping=True, **warm), begun, sizes, X, STRINGS)
    in_a_row(regressor(**warm, solver="lbfgs", tol=1e-9), begun, sizes, X, NUMBERS / 100, WEIGHTS)


def test_a_fit_goes_on_from_one_network():
    fitted = [classifier(warm_start=True, max_iter=1, random_state=seed).fit(X, CLASSES)
              for seed in (0, 1)]  # fmt: skip
    fitted[1].random_state = 0
    new = classifier(warm_start=True, max_iter=1)
    for both in (fitted, [fitted[0], new], [new, fitted[0]]):
        copies = [pickle.loads(pickle.dumps(one)) for one in both]
        said = outcomes(2, lambda c: copies[c.rank].fit(halves(X)[c.rank], halves(CLASSES)[c.rank]))  # noqa: B023
        assert all("the fitted network must be the same on all ranks" in str(e) for e in said)


# ---- validation


def f1_and_more(estimator, X, y, sample_weight=None):
    """Return a score, after a fit of its own, in which no other rank takes part."""
    other = MinNetClassifier((2,), max_iter=1, random_state=0).fit(X, y)
    return estimator.score(X, y, sample_weight) + 0 * other.n_iter_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("who", [[0], [0, 1], [1], [], "parts"], ids=str)
@pytest.mark.parametrize("scoring", ["f1_macro", f1_and_more])
def test_scorers_see_all_rows_in_one_place(scoring, who):
    estimator = classifier(early_stopping=True, scoring=scoring, max_iter=3)
    whole = {"X_val": X[::2], "y_val": CLASSES[::2], "sample_weight_val": WEIGHTS[::2]}

    def held(rank):
        if rank is None:
            return whole
        if who == "parts":
            return {"X_val": halves(X)[rank], "y_val": halves(CLASSES)[rank]}
        return whole if rank in who else {}

    if who in ([0], [0, 1]):
        check(estimator, [60, 61], X, CLASSES, held=held)
        return
    said = failing(estimator, halves(X), halves(CLASSES), held_of=[held(0), held(1)])
    assert all("rank 0 alone" in str(error) for error in said)


#: X_val, y_val and sample_weight_val of rank 1 in the place of its own, and what is said.
UNEQUAL_HELD = {
    "X": ({"X_val": X[60:, :3]}, "X_val.*3 features"),
    "NaN": ({"X_val": np.where(X[70, 2] == X, np.nan, X)[60:]}, "X_val.*NaN"),
    "y": ({"y_val": CLASSES[60:] + 1}, "y_val.*new: 3"),
    "indicator": ({"y_val": INDICATOR[60:]}, "y_val"),
    "rows": ({"y_val": CLASSES[61:]}, "y_val.*inconsistent"),
    "one alone": ({"X_val": None}, "must be given together, got only y_val"),
    "weights": ({"sample_weight_val": np.ones(61)}, "sample_weight_val must be the same on all"),
}


@pytest.mark.parametrize("what", UNEQUAL_HELD)
def test_what_is_wrong_with_a_validation_set_is_said_on_all(what):
    changed, sentence = UNEQUAL_HELD[what]
    held = [{"X_val": each, "y_val": y} for each, y in zip(halves(X), halves(CLASSES), strict=True)]
    held[1] |= changed
    said = failing(classifier(max_iter=1), halves(X), halves(CLASSES), held_of=held)
    assert all(re.search(sentence, str(error)) for error in said), said


def test_a_validation_set_has_rows():
    held = [{"X_val": X[:0], "y_val": CLASSES[:0]}] * 2
    said = failing(classifier(), halves(X), halves(CLASSES), held_of=held)
    assert all("X_val must have at least one row on some rank" in str(error) for error in said)


# ---- what is of one process


def test_what_trains_in_one_process_refuses():
    calls = {
        "fit_stream": lambda: classifier().fit_stream([(X, CLASSES)], classes=[0, 1, 2]),
        "TabularClassifier.fit": lambda: TabularClassifier().fit(X, CLASSES),
        "TabularRegressor.fit": lambda: TabularRegressor().fit(X, CLASSES),
        "TableEncoder.fit": lambda: TableEncoder().fit(X),
        "pretrain": lambda: pretrain(Network([Dense(3), Dense(2)]).initialize(4), X),
    }
    for name, call in calls.items():
        with (
            together(Shards([N])),
            pytest.raises(RuntimeError, match=f"{name} must be called outside"),
        ):
            call()
    said = failing(classifier(n_networks=2), halves(X), halves(CLASSES))
    assert all("n_networks must be 1" in str(error) for error in said)


def test_rank_0_alone_may_look_at_a_model():
    def call(communicator):
        estimator = classifier(init="lsuv", class_weight="balanced", max_iter=1)
        if communicator.rank == 0:
            find_learning_rate(estimator, X, CLASSES, n_steps=10)
        return estimator.fit(halves(X)[communicator.rank], halves(CLASSES)[communicator.rank])

    first, second = run_ranks(2, call)
    assert bits(first) == bits(second)


@pytest.mark.parametrize("empty", [0, 1])
def test_one_rank_warns_of_what_all_rows_show(empty):
    """The rows that are far from unit scale are those of one rank, and rank 0 warns."""
    sizes = [0, N] if empty == 0 else [N, 0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        on_ranks(regressor(), sizes, X * 1e4, NUMBERS[:, 0] * 1e4, method="initialize")
    said = sorted(str(each.message) for each in caught)
    with warnings.catch_warnings(record=True) as expected:
        warnings.simplefilter("always")
        regressor().initialize(X * 1e4, NUMBERS[:, 0] * 1e4)
    assert said == sorted(str(each.message) for each in expected)
    assert len(said) == 2


def test_kernels_of_unequal_cpu_levels_are_refused(monkeypatch):
    levels = ("v4", "v3", "scalar")
    monkeypatch.setattr(agreement, "_cpu_level", lambda backend: levels[in_use().rank])
    said = failing(classifier(), [X] * 3, [CLASSES] * 3)
    assert all("got v4 on rank 0 and v3 on rank 1" in str(error) for error in said)
    assert all("MINNET_CPU=scalar on all" in str(error) for error in said)


class _Means(Constant):
    """Biases at the mean of the targets: of one's own, which has to be given them all."""

    names = ("means",)
    needs_X = False

    def adapt(self, network, layer_index, X, T, sample_weight):
        """Set the biases of any layer."""
        assert X is None
        network.layers[layer_index].b = np.average(T, axis=0, weights=sample_weight)


def test_an_initializer_of_ones_own_sees_the_targets_of_all():
    estimator = regressor(hidden_layer_sizes=(), bias_init=_Means())
    check(estimator, [50, 0, 71], X, NUMBERS / 100, WEIGHTS, method="initialize")


def test_a_network_adapts_to_the_rows_of_all():
    def network():
        layers = [Dense(5, "tanh", init="lsuv"), Dense(3, bias_init="output_prior")]
        return Network(layers).initialize(4, random_state=0)

    expected = network().adapt(X, CLASSES, WEIGHTS).params
    given = [parts(data, [40, 0, 81]) for data in (X, CLASSES, WEIGHTS)]
    for adapted in run_ranks(3, lambda c: network().adapt(*(data[c.rank] for data in given))):
        np.testing.assert_allclose(adapted.params, expected, rtol=1e-12, atol=1e-12)
    said = outcomes(2, lambda c: network().adapt(X if c.rank else X[:, :2], CLASSES))
    assert all("X must have shape" in str(error) for error in said)
