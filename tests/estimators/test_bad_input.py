"""Bad input gets one sentence, and the estimator stays as it was."""

import contextlib
import copy
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError
from versions import ALL_ZERO

from minnet import BatchNorm, Dense, MinNetClassifier, MinNetRegressor
from minnet.losses import Poisson, SigmoidCrossEntropy, SoftmaxCrossEntropy

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
Y = np.arange(30) % 3
R = X @ [1.0, 2.0, -1.0, 0.5]
INDICATOR = np.column_stack([Y > 0, Y > 1]).astype(int)


def classifier(**arguments):
    return MinNetClassifier(**{"hidden_layer_sizes": (5,), "max_iter": 2, **arguments})


def regressor(**arguments):
    return MinNetRegressor(**{"hidden_layer_sizes": (5,), "max_iter": 2, **arguments})


def altered(array, value):
    array = np.array(array, dtype=float)
    array.flat[3] = value
    return array


ARGUMENTS = [
    (
        {"init": "glorto"},
        "init must be the name of an initializer, got 'glorto': did you mean 'glorot'?",
    ),
    (
        {"init": ["glorot", "heee"]},
        "init[1] must be the name of an initializer, got 'heee': did you mean",
    ),
    (
        {"init": {"name": "gloro"}},
        "init must be the name of an initializer, got 'gloro': did you mean",
    ),
    (
        {"init": {"name": "glorot", "gian": 2}},
        "init must be a dictionary with parameters of GlorotUniform, got 'gian': did you mean 'gain'?",
    ),
    (
        {"bias_init": "zeross"},
        "bias_init must be the name of an initializer, got 'zeross': did you",
    ),
    (
        {"hidden_layer_sizes": (100,), "layers": [Dense(3, init="ortogonal")]},
        "layers[0].W must be the name of an initializer, got 'ortogonal': did you mean 'orthogonal'?",
    ),
    (
        {"output_layer": [0.1]},
        "The 'output_layer' parameter of MinNetClassifier must be an instance",
    ),
    (
        {"output_layer": {"lr_facto": 0.1}},
        "output_layer must be a dict with arguments of Dense, got 'lr_facto': did you mean 'lr_factor'?",
    ),
    (
        {"output_layer": {"units": 3}},
        "output_layer must be a dict with arguments of Dense, got 'units'",
    ),
    (
        {"output_layer": {"lr_factor": -1}},
        "output_layer: lr_factor of Dense must be at least 0, got -1",
    ),
    (
        {"output_layer": {"init": "heee"}},
        "layers[1].W must be the name of an initializer, got 'heee'",
    ),
    ({"init": True}, "init must be the name of an initializer, "),
    ({"init": ["glorot"]}, "init must have one entry per weight matrix, the output's included: 2"),
    ({"init": ["glorot"] * 3}, "init must have one entry per weight matrix, the output's"),
    (
        {"bias_init": ["zeros"]},
        "bias_init must have one entry per bias, the output's included: 2, got 1",
    ),
    (
        {"init": [np.ones((4, 5)), np.ones((5, 2))]},
        "layers[1].W (Dense): FromArray must give an array of shape (5, 3), got (5, 2)",
    ),
    ({"init": np.full((4, 5), np.nan)}, "init: array must give finite numbers"),
    ({"init": lambda shape: np.ones(3)}, "layers[0].W (Dense): FromFunction must give an array of"),
    ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes must be > 0, got [0]."),
    ({"hidden_layer_sizes": (-1,)}, "hidden_layer_sizes must be > 0, got [-1]."),
    ({"hidden_layer_sizes": 0}, "The 'hidden_layer_sizes' parameter of MinNetClassifier must be"),
    ({"hidden_layer_sizes": 2.5}, "The 'hidden_layer_sizes' parameter of MinNetClassifier must be"),
    ({"hidden_layer_sizes": "abc"}, "The 'hidden_layer_sizes' parameter of MinNetClassifier must"),
    ({"hidden_layer_sizes": (2.5,)}, "hidden_layer_sizes must be whole numbers, got [2.5]."),
    ({"hidden_layer_sizes": [[1, 2]]}, "hidden_layer_sizes must be whole numbers, got [[1, 2]]."),
    (
        {"hidden_layer_sizes": True},
        "The 'hidden_layer_sizes' parameter of MinNetClassifier must be",
    ),
    ({"learning_rate_init": -1.0}, "The 'learning_rate_init' parameter of MinNetClassifier must"),
    ({"learning_rate": lambda step: -1}, "learning_rate must return a finite number of at least 0"),
    ({"alpha": -1.0}, "The 'alpha' parameter of MinNetClassifier must be"),
    ({"alpha": np.nan}, "The 'alpha' parameter of MinNetClassifier must be"),
    ({"weight_decay": -1.0}, "The 'weight_decay' parameter of MinNetClassifier must be"),
    ({"clip_norm": 0}, "The 'clip_norm' parameter of MinNetClassifier must be"),
    ({"dropout": 1.0}, "The 'dropout' parameter of MinNetClassifier must be"),
    ({"activation": "relo"}, "The 'activation' parameter of MinNetClassifier must be"),
    ({"solver": "adamm"}, "The 'solver' parameter of MinNetClassifier must be"),
    ({"backend": "gpu"}, "The 'backend' parameter of MinNetClassifier must be"),
    ({"n_threads": 0}, "The 'n_threads' parameter of MinNetClassifier must be"),
    ({"layers": [Dense(3)]}, "hidden_layer_sizes must be left at its default (100,) where layers="),
    (
        {"hidden_layer_sizes": (100,), "layers": [Dense(3, "tanh")], "activation": "tanh"},
        "activation must be left at its default 'relu' where each layer in layers= names its own",
    ),
    (
        {"hidden_layer_sizes": (100,), "layers": [Dense(3)], "dropout": 0.5},
        "dropout must be left at its default 0.0 where",
    ),
    (
        {"hidden_layer_sizes": (100,), "layers": [Dense(3)], "batch_norm": True},
        "batch_norm must be left at its default False where",
    ),
    (
        {"hidden_layer_sizes": np.array([3, 4]), "layers": [Dense(3)]},
        "hidden_layer_sizes must be left at its default (100,) where",
    ),
    ({"hidden_layer_sizes": (100,), "layers": Dense(3)}, "layers must be a list of layers, got De"),
    ({"hidden_layer_sizes": (100,), "layers": 5}, "layers must be a list of layers, got 5"),
    ({"hidden_layer_sizes": (100,), "layers": "abc"}, "layers must be a list of layers, got 'abc'"),
    ({"hidden_layer_sizes": (100,), "layers": [3]}, "layers[0] must be a Layer such as Dense(64)"),
    (
        {"dropout": 0.5, "solver": "lbfgs"},
        "solver must be 'adam', 'sgd', 'adamw', 'rmsprop' or an optimizer for a network with Drop",
    ),
    (
        {"batch_norm": True, "solver": "lbfgs"},
        "solver must be 'adam', 'sgd', 'adamw', 'rmsprop' or an optimizer for a network with ",
    ),
    ({"loss": SigmoidCrossEntropy()}, "loss must have the output 'softmax' for multiclass targets"),
    ({"class_weight": {5: 1.0}}, "class_weight must have labels of [0, 1, 2] as keys, got {5: 1.0"),
    ({"class_weight": {0: -1.0}}, "class_weight must have finite values of at least 0, got {0: -1"),
    ({"class_weight": {0: "a"}}, "class_weight must have finite values of at least 0, got {0: 'a'"),
    ({"class_weight": {0: 0, 1: 0, 2: 0}}, "sample_weight must not be all zero"),
    ({"class_weight": "even"}, "The 'class_weight' parameter of MinNetClassifier must be"),
]


def assert_refused(est, call, message):
    """The call fails with the message, and leaves a fitted and a fresh estimator as they were."""
    before = copy.copy(vars(est))
    with pytest.raises((TypeError, ValueError)) as caught:
        call(est)
    text = str(caught.value)
    assert text.startswith(message), text
    assert vars(est).keys() == before.keys()
    assert all(vars(est)[name] is value for name, value in before.items())


@pytest.mark.parametrize(("arguments", "message"), ARGUMENTS, ids=[m[:40] for _, m in ARGUMENTS])
@pytest.mark.parametrize("fitted", [False, True])
def test_arguments(arguments, message, fitted):
    est = classifier()
    if fitted:
        expected = est.fit(X, Y).predict_proba(X)
    est.set_params(**arguments)
    assert_refused(est, lambda est: est.fit(X, Y), message)
    if arguments.keys().isdisjoint({"solver", "learning_rate"}) and not fitted:
        assert_refused(est, lambda est: est.partial_fit(X, Y, classes=[0, 1, 2]), message)
    if fitted and arguments.keys().isdisjoint({"backend", "n_threads"}):  # predict reads these too
        np.testing.assert_array_equal(est.predict_proba(X), expected)


INPUTS = [
    (altered(X, np.nan), "Input X contains NaN."),
    (altered(X, np.inf), "Input X contains infinity or a value too large"),
    (sparse.csr_array(altered(X, np.nan)), "Input X contains NaN."),
    (X[None], "Found array with dim 3"),
    (X[:, 0], "Expected 2D array, got 1D array instead"),
    (X[:20], "Found input variables with inconsistent numbers of samples: [20, 30]"),
    (X[:0], "Found array with 0 sample(s)"),
    (X[:, :0], "Found array with 0 feature(s)"),
    (
        np.full(X.shape, "a"),
        "X must be real numbers, got strings in column 0, such as 'a' (could not ",
    ),
    (
        X + 1j,
        "X must be real numbers, got complex numbers in column 0 (Complex data not supported)",
    ),
    ([[1, 2], [3]], "setting an array element with a sequence."),
    (None, "Expected 2D array, got scalar array instead"),
]


@pytest.mark.parametrize(("bad", "message"), INPUTS, ids=[m[:30] for _, m in INPUTS])
def test_inputs(bad, message):
    for est, y in ((classifier(), Y), (regressor(), R)):
        assert_refused(est, lambda est, y=y: est.fit(bad, y), message)
        est.fit(X, y)
        assert_refused(est, lambda est, y=y: est.fit(bad, y), message)
        assert_refused(est, lambda est, y=y: est.partial_fit(bad, y), message)
        if not message.startswith(("Found input", "Found array with 0 f")):
            assert_refused(est, lambda est: est.predict(bad), message)


TARGETS = [
    (altered(Y, np.nan), "Input y contains NaN."),
    (R, "Unknown label type: continuous."),
    (Y[:20], "Found input variables with inconsistent numbers of samples: [30, 20]"),
    (Y[None, None], "Found array with dim 3"),
    (np.column_stack([Y, Y]), "y must have one column of labels or be a multilabel indicator of"),
    (np.column_stack([R, R]), "Unknown label type: continuous-multioutput."),
    (np.array([1, "a", 2] * 10, dtype=object), "y must have labels of one type, got int and str"),
    (np.array([1, None, 2] * 10, dtype=object), "y must have no missing labels, got None"),
    (None, "This MinNetClassifier estimator requires y to be passed, but the target y is None."),
]


@pytest.mark.parametrize(("bad", "message"), TARGETS, ids=[m[:30] for _, m in TARGETS])
def test_labels(bad, message):
    assert_refused(classifier(), lambda est: est.fit(X, bad), message)
    assert_refused(classifier().fit(X, Y), lambda est: est.fit(X, bad), message)
    assert_refused(classifier().fit(X, Y), lambda est: est.partial_fit(X, bad), message)


NUMBERS = [
    (altered(R, np.nan), {}, "Input y contains NaN."),
    (altered(R, np.inf), {}, "Input y contains infinity"),
    (np.full(30, "a"), {}, "y must be numbers, got strings, such as 'a'"),
    (R + 1j, {}, "y must be numbers, got complex128"),
    (sparse.csr_array(R[:, np.newaxis]), {}, "y must be a dense array of numbers, got csr_array"),
    (R, {"loss": "poisson"}, "y must be at least 0 for the loss 'poisson', got -"),
    (R, {"loss": Poisson()}, "y must be at least 0 for the loss 'poisson', got -"),
    (R, {"loss": SigmoidCrossEntropy()}, "y must lie between 0 and 1, got values from"),
    (R, {"loss": SoftmaxCrossEntropy()}, "loss must not be one on a softmax for numbers, got "),
    (R, {"loss": "log_loss"}, "The 'loss' parameter of MinNetRegressor must be"),
]


@pytest.mark.parametrize(
    ("bad", "arguments", "message"), NUMBERS, ids=[m[:30] for *_, m in NUMBERS]
)
def test_numbers(bad, arguments, message):
    assert_refused(regressor(**arguments), lambda est: est.fit(X, bad), message)
    est = regressor().fit(X, R).set_params(**arguments)
    assert_refused(est, lambda est: est.fit(X, bad), message)
    assert_refused(est, lambda est: est.partial_fit(X, bad), message)


def test_numbers_too_large_for_the_dtype_of_the_fit():
    message = "y must be finite in float32, got 1e+300"
    assert_refused(
        regressor(), lambda est: est.fit(X.astype(np.float32), altered(R, 1e300)), message
    )


WEIGHTS = [
    (np.ones(3), "sample_weight.shape == (3,), expected (30,)!"),
    (np.zeros(30), ALL_ZERO),
    (altered(np.ones(30), -1), "Negative values in data passed to `sample_weight`."),
    (altered(np.ones(30), np.nan), "Input sample_weight contains NaN."),
    (altered(np.ones(30), np.inf), "Input sample_weight contains infinity"),
    (np.ones((30, 1)), "Sample weights must be 1D array or scalar"),
]


@pytest.mark.parametrize(("bad", "message"), WEIGHTS, ids=[m[:30] for _, m in WEIGHTS])
def test_weights(bad, message):
    for est, y in ((classifier(), Y), (regressor(), R)):
        assert_refused(est, lambda est, y=y: est.fit(X, y, sample_weight=bad), message)
        est.fit(X, y)
        assert_refused(est, lambda est, y=y: est.partial_fit(X, y, sample_weight=bad), message)


@pytest.mark.parametrize(("seed", "part"), [(0, "training"), (2, "validation")])
def test_weights_that_vanish_in_one_part_of_the_split(seed, part):
    est = classifier(early_stopping=True, random_state=seed)
    message = f"sample_weight must not be all zero in the {part} part"
    weights = np.eye(30)[0]
    assert_refused(est, lambda est: est.fit(X, Y > 1, sample_weight=weights), message)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (None, "classes must be passed on the first call to partial_fit."),
        ([0, 1], "`y` has classes not in `self.classes_`."),
        (["a", "b", "c"], "`y` has classes not in `self.classes_`."),
        ("abc", "classes: Expected array-like"),
        (5, "classes: Expected array-like"),
        ([0, 1, 2.5], "classes: Unknown label type"),
        ([[0, 1, 2]], "classes: Unknown label type"),
        ([[0], [1, 2]], "classes: "),
    ],
)
def test_classes_of_the_first_partial_fit(classes, message):
    assert_refused(classifier(), lambda est: est.partial_fit(X, Y, classes=classes), message)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y + 1, "`y` has classes not in `self.classes_`. `self.classes_` has [0 1 2]. 'y' has [1"),
        (np.array(list("012" * 10)), "`y` has classes not in `self.classes_`."),
        (INDICATOR, "y must be one column of labels as in the previous call, got a multilabel"),
    ],
)
def test_labels_of_a_later_partial_fit(y, message):
    est = classifier().partial_fit(X, Y, classes=[0, 1, 2])
    assert_refused(est, lambda est: est.partial_fit(X, y), message)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y, "y must be a multilabel indicator as in the previous call, got one column of labels"),
        (INDICATOR[:, [0, 1, 1]], "y must have 2 columns, as in the previous call, got 3"),
        (np.column_stack([R, R]), "Unknown label type: continuous-multioutput."),
        (np.column_stack([Y, Y]), "y must have one column of labels or be a multilabel indicator"),
    ],
)
def test_multilabel_of_a_later_partial_fit(y, message):
    est = classifier().partial_fit(X, INDICATOR, classes=["a", "b"])
    assert list(est.classes_) == ["a", "b"]
    assert_refused(est, lambda est: est.partial_fit(X, y), message)
    assert_refused(
        classifier(),
        lambda est: est.partial_fit(X, INDICATOR, classes=[0, 1, 2]),
        "classes must name the 2 columns of y, got [0, 1, 2]",
    )


def test_class_weight_where_it_cannot_be():
    est = classifier(class_weight="balanced")
    message = (
        "class_weight must be a dict or None in partial_fit and fit_stream, which do not see all"
    )
    assert_refused(est, lambda est: est.partial_fit(X, Y, classes=[0, 1, 2]), message)
    est = classifier(class_weight={0: 2.0})
    message = "class_weight must be 'balanced' or None for multilabel y, got {0: 2.0}"
    assert_refused(est, lambda est: est.fit(X, INDICATOR), message)


def test_outputs_of_a_later_partial_fit():
    est = regressor().partial_fit(X, R)
    message = "y must have 1 column, as in the previous call, got 2; to start anew set warm_start"
    assert_refused(est, lambda est: est.partial_fit(X, np.column_stack([R, R])), message)
    message = "X has 2 features, but MinNetRegressor is expecting 4 features as input."
    assert_refused(est, lambda est: est.partial_fit(X[:, :2], R), message)
    assert_refused(est, lambda est: est.predict(X[:, :2]), message)


def test_early_stopping_needs_rows_to_validate_on():
    message = "The validation set is too small."
    for rows, fraction in ((2, 0.1), (30, 0.0)):
        est = regressor(early_stopping=True, validation_fraction=fraction)
        assert_refused(est, lambda est, rows=rows: est.fit(X[:rows], R[:rows]), message)
    est = regressor(early_stopping=True, validation_fraction=0.9)
    message = "validation_fraction must leave rows to train on, got 0.9 for 3 rows"
    assert_refused(est, lambda est: est.fit(X[:3], R[:3]), message)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "score"])
def test_not_fitted(method):
    arguments = (X, Y) if method == "score" else (X,)
    with pytest.raises(NotFittedError):
        getattr(classifier(), method)(*arguments)
    if hasattr(MinNetRegressor, method):
        with pytest.raises(NotFittedError):
            getattr(regressor(), method)(*arguments)


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize(
    "weights",
    [0, 0.0, [0] * 30, np.zeros(30), np.zeros(30, "f4"), np.zeros(30, bool)]
    + [np.repeat([1.0, -1.0], 15), [1, -1] * 15],
)
def test_weights_of_a_score_that_add_up_to_nothing(make, weights):
    y = Y if make is classifier else R
    est = make(max_iter=1).fit(X, y)
    message = "sample_weight must not add up to 0: no mean of the rows can be taken with it"
    assert_refused(est, lambda est: est.score(X, y, weights), message)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_huge_values_give_an_error_or_finite_numbers(solver):
    for est, y in ((classifier(solver=solver), Y), (regressor(solver=solver), R)):
        for scale in (1e150, 1e300):
            try:
                est.fit(X * scale, y)
            except ValueError as error:
                text = str(error)
            else:
                assert all(np.isfinite(W).all() for W in est.coefs_)
                continue
            assert re.match(
                r"Solver produced non-finite (parameter weights|losses)\..* scale", text
            )


# ---- any mixture of bad arguments of a call

ODD = st.one_of(
    st.none(),
    st.integers(-2, 3),
    st.floats(),
    st.text(max_size=3),
    st.booleans(),
    st.lists(
        st.one_of(st.none(), st.floats(), st.text(max_size=2), st.integers(-2, 5)), max_size=4
    ),
    st.sampled_from(
        [X, X[:3], X[0], X[None], Y, R, INDICATOR, X.astype(object), np.full((30, 4), "a")]
        + [sparse.csr_array(X), sparse.csr_array(INDICATOR), np.array(3.0), np.array([]), {}, {1}]
        + [X * 1e300, X.astype("f2"), -X, X > 0, np.full(30, None), len, Dense(3), BatchNorm]
    ),
)
CALLS = {
    "fit": ("X", "y", "sample_weight", "X_val", "y_val", "sample_weight_val"),
    "partial_fit": ("X", "y", "sample_weight"),
    "score": ("X", "y", "sample_weight"),
    "predict": ("X",),
    "predict_proba": ("X",),
    "predict_log_proba": ("X",),
}


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("method", CALLS)
def test_odd_calls_raise_nothing_else(make, method):
    good = {"X": X, "y": Y if make is classifier else R, "sample_weight": None}
    good |= {"X_val": X[:9], "y_val": good["y"][:9], "sample_weight_val": None}
    if not hasattr(make(), method):
        return

    @settings(
        max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(
        odd=st.dictionaries(st.sampled_from(CALLS[method]), ODD, min_size=1),
        fitted=st.booleans(),
    )
    def run(odd, fitted):
        est = make(max_iter=1)
        if fitted:
            est.fit(X, good["y"])
        arguments = {name: odd.get(name, good[name]) for name in CALLS[method]}
        if method == "partial_fit" and make is classifier:
            arguments["classes"] = [0, 1, 2]
        with contextlib.suppress(TypeError, ValueError, NotFittedError):
            getattr(est, method)(**arguments)

    run()


@pytest.mark.parametrize("make", [classifier, regressor])
def test_odd_arguments_of_the_constructor_raise_nothing_else(make):
    @settings(
        max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(odd=st.dictionaries(st.sampled_from(list(make().get_params())), ODD, max_size=2))
    def run(odd):
        with contextlib.suppress(TypeError, ValueError):
            make(**{"max_iter": 1, **odd}).fit(X, Y if make is classifier else R)

    run()
