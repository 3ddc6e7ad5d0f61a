"""Behaviours that the public tests of scikit-learn's MLP, skorch and Keras describe and minnet shares.

The tests are minnet's own; the name of each says the behaviour, and the headings whose tests describe
it. More of them are elsewhere: test_same_as_sklearn (the rest of scikit-learn's), test_fit_state
(copies, pickles, warm starts, Ctrl-C), test_validation_set and test_scoring (validation data and
their weights, best weights), test_own_callbacks, test_sklearn_callbacks, test_checks (scikit-learn's
estimator checks).
"""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor
from minnet.losses import SquaredError
from minnet.schedules import FunctionOfStep, StepDecay

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:.* has no effect with solver='lbfgs'",  # options that all solvers are given
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
R = X @ [1.0, -1.0, 0.5, 2.0] / 2
BITS = np.c_[Y > 0, Y > 1, X[:, 2] > 0].astype(int)
PAIRS = [(MinNetClassifier, Y), (MinNetRegressor, R)]
both = pytest.mark.parametrize(("make", "y"), PAIRS, ids=["classifier", "regressor"])
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0}


def params(est):
    return est.network_.params.copy()


# ---- scikit-learn's MLP: learning


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_lbfgs_learns_digits_and_keeps_the_type_of_labels(activation, n_classes):
    rows, labels = load_digits(n_class=n_classes, return_X_y=True)
    clf = MinNetClassifier(50, solver="lbfgs", max_iter=150, activation=activation, random_state=1)
    predicted = clf.fit(rows[:150] / 16, labels[:150]).predict(rows[150:] / 16)
    assert clf.score(rows[:150] / 16, labels[:150]) > 0.95
    assert predicted.shape == (len(rows) - 150,)
    assert predicted.dtype.kind == labels.dtype.kind


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_lbfgs_fits_a_table_of_numbers(activation):
    rows, t = load_diabetes(return_X_y=True)
    rows, t = StandardScaler().fit_transform(rows[:200]), (t[:200] - t.mean()) / t.std()
    reg = MinNetRegressor(
        hidden_layer_sizes=50, solver="lbfgs", activation=activation, random_state=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = reg.fit(rows, t).score(rows, t)
    assert score > (0.45 if activation == "identity" else 0.9)


def test_partial_fit_learns_what_fit_learns():
    rows, labels = load_digits(n_class=3, return_X_y=True)
    rows, labels = rows[:200] / 16, labels[:200]
    options = {"solver": "sgd", "alpha": 1e-5, "learning_rate_init": 0.2, "random_state": 1}
    fit = MinNetClassifier(**options, tol=0, max_iter=50, n_iter_no_change=50).fit(rows, labels)
    steps = MinNetClassifier(**options)
    for _ in range(fit.n_iter_):
        steps.partial_fit(rows, labels, classes=[0, 1, 2])
    np.testing.assert_array_equal(steps.predict_proba(rows), fit.predict_proba(rows))
    assert steps.score(rows, labels) > 0.95


def test_multilabel_by_fit_by_partial_fit_and_with_early_stopping():
    by_fit = MinNetClassifier(50, solver="lbfgs", alpha=1e-5, max_iter=150, random_state=0)
    assert by_fit.fit(X, BITS).score(X, BITS) > 0.97
    steps = MinNetClassifier(50, learning_rate_init=0.02, random_state=0)
    for _ in range(100):
        steps.partial_fit(X, BITS, classes=[0, 1, 2])
    assert steps.score(X, BITS) > 0.9
    assert MinNetClassifier(early_stopping=True).fit(X, BITS).predict(X).shape == (60, 3)


def test_a_loaded_model_is_tuned_to_new_targets(tmp_path):
    reg = MinNetRegressor(hidden_layer_sizes=(42,), learning_rate_init=0.01, random_state=42)
    joblib.dump(reg.fit([[2]], [4]), tmp_path / "model")
    before = reg.predict([[2]])
    loaded = joblib.load(tmp_path / "model")
    for _ in range(400):
        loaded.partial_fit([[2]], [1])
    np.testing.assert_allclose(loaded.predict([[2]]), 1, rtol=1e-3)
    np.testing.assert_array_equal(reg.predict([[2]]), before)


@both
@pytest.mark.parametrize("shuffle", [True, False])
def test_shuffling_decides_the_result_and_the_seed_the_shuffling(make, y, shuffle):
    one, two = (make(**SMALL, batch_size=1, shuffle=shuffle).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(params(one), params(two))
    other = make(**SMALL, batch_size=1, shuffle=not shuffle).fit(X, y)
    assert not np.array_equal(params(one), params(other))


def test_a_tolerance_ends_training():
    clf = MinNetClassifier(tol=0.5, max_iter=3000, solver="sgd").fit(X, Y)
    assert clf.n_iter_ < 100


@both
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_max_iter_is_counted_anew_in_each_warm_start(make, y, solver):
    est = make(solver=solver, warm_start=True, max_iter=5, n_iter_no_change=np.inf)
    est.set_params(random_state=0)
    for n in (5, 5, 8):
        assert est.set_params(max_iter=n).fit(X, y).n_iter_ == n


# ---- scikit-learn's MLP: predictions and data


@pytest.mark.parametrize("y", [Y > 0, Y], ids=["binary", "multiclass"])
def test_probabilities_their_logarithms_and_labels_agree(y):
    clf = MinNetClassifier((10,), solver="lbfgs", alpha=0.1, random_state=1).fit(X, y)
    P, logs = clf.predict_proba(X), clf.predict_log_proba(X)
    assert P.shape == (60, len(np.unique(y)))
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(logs, np.log(P), rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(clf.classes_[P.argmax(axis=1)], clf.predict(X))
    if P.shape[1] == 2:
        assert roc_auc_score(y, P[:, 1]) == 1


def test_probabilities_of_labels_need_not_sum_to_one():
    clf = MinNetClassifier((30,), solver="lbfgs", alpha=0.1, random_state=0).fit(X, BITS)
    P = clf.predict_proba(X)
    assert P.shape == BITS.shape
    np.testing.assert_array_equal(P > 0.5, clf.predict(X))
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(P), rtol=1e-9, atol=1e-14)
    assert np.abs(P.sum(axis=1) - 1).max() > 0.5


@both
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
def test_sparse_rows_give_what_dense_rows_give(make, y, solver, form):
    rows = np.where(np.abs(X) > 0.5, X, 0)
    dense = make(**SMALL, solver=solver).fit(rows, y)
    thin = make(**SMALL, solver=solver).fit(form(rows), y)
    np.testing.assert_allclose(thin.predict(form(rows)), dense.predict(rows), rtol=1e-6)
    np.testing.assert_allclose(params(thin), params(dense), rtol=1e-5, atol=1e-8)


@both
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_the_rows_is_that_of_weights_and_predictions(make, y, dtype):
    est = make(hidden_layer_sizes=(5, 3), random_state=1, max_iter=20).fit(X.astype(dtype), y)
    assert {a.dtype for a in [*est.coefs_, *est.intercepts_]} == {np.dtype(dtype)}
    numbers = est.predict_proba if make is MinNetClassifier else est.predict
    assert numbers(X.astype(dtype)).dtype == dtype
    double = make(hidden_layer_sizes=(5, 3), random_state=1, max_iter=20).fit(X, y)
    other = double.predict_proba if make is MinNetClassifier else double.predict
    np.testing.assert_allclose(numbers(X.astype(dtype)), other(X), rtol=1e-3, atol=1e-4)


@both
@pytest.mark.parametrize("y_of", [np.asarray, pd.Series])
def test_early_stopping_keeps_feature_names_and_warns_of_nothing(make, y, y_of):
    frame = pd.DataFrame(X, columns=list("abcd"))
    options = {"early_stopping": True, "validation_fraction": 0.2, "tol": 1.0, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        est = make(**options).fit(frame, y_of(y))
        est.predict(frame)
    assert list(est.feature_names_in_) == list("abcd")


@pytest.mark.parametrize("dtype", [object, str])
def test_early_stopping_scores_labels_that_are_strings(dtype):
    labels = np.array(["low", "middle", "high"]).astype(dtype)[Y]
    for scoring in (None, "accuracy", "loss", "f1_macro"):
        clf = MinNetClassifier(early_stopping=True, scoring=scoring, max_iter=20, random_state=0)
        clf.fit(X, labels)
        assert len(clf.validation_scores_) == clf.n_iter_
        assert np.isfinite(clf.validation_scores_).all()


# ---- skorch: the estimator


@both
def test_unknown_arguments_are_refused(make, y):
    with pytest.raises(TypeError, match="unexpected keyword argument 'mxa_iter'"):
        make(mxa_iter=3)
    with pytest.raises(ValueError, match="Invalid parameter 'foo' for estimator MinNet"):
        make().set_params(foo=1)


@both
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_copies_train_on_by_themselves(make, y, duplicate):
    est = make(**SMALL).fit(X, y)
    other, before = duplicate(est), params(est)
    np.testing.assert_array_equal(params(other), before)
    other.partial_fit(X, y)
    assert other.loss_curve_[-1] != other.loss_curve_[-2]
    assert not np.array_equal(params(other), before)
    np.testing.assert_array_equal(params(est), before)
    unfitted = duplicate(make(**SMALL))
    np.testing.assert_array_equal(params(unfitted.fit(X, y)), before)


@both
def test_a_clone_is_not_fitted(make, y):
    est = make(**SMALL, layers=None).fit(X, y)
    other = clone(est)
    assert not [name for name in vars(other) if name.endswith("_")]
    assert other.get_params() == est.get_params()


def test_layers_are_copied_in_fit_and_in_clones():
    layers = [Dense(5, "tanh"), BatchNorm(), Dropout(0.1)]
    clf = MinNetClassifier(layers=layers, max_iter=2, random_state=0).fit(X, Y)
    assert not hasattr(layers[0], "W") or layers[0].W is None
    assert clf.network_.layers[0] is not layers[0]
    again = clone(clf).fit(X, Y)
    np.testing.assert_array_equal(params(clf), params(again))


@both
def test_fit_begins_anew_and_partial_fit_goes_on(make, y):
    est = make(**SMALL).fit(X, y)
    first, curve = params(est), list(est.loss_curve_)
    est.partial_fit(X, y)
    assert est.loss_curve_[:4] == curve
    assert len(est.loss_curve_) == 5
    assert not np.array_equal(params(est), first)
    est.fit(X, y)
    assert est.loss_curve_ == curve
    np.testing.assert_array_equal(params(est), first)


@both
def test_weights_go_from_one_model_into_another(make, y):
    est, other = make(**SMALL).fit(X, y), make(**{**SMALL, "random_state": 1}).fit(X, y)
    assert not np.allclose(other.predict(X), est.predict(X))
    other.coefs_, other.intercepts_ = est.coefs_, est.intercepts_
    np.testing.assert_array_equal(other.predict(X), est.predict(X))


@both
def test_a_grid_search_reaches_every_argument_of_a_pipeline(make, y):
    pipe = Pipeline([("scale", StandardScaler()), ("net", make(**SMALL))])
    grid = {
        "net__hidden_layer_sizes": [(3,), (4, 4)],
        "net__learning_rate_init": [0.01, 0.1],
        "net__init": ["he", "orthogonal"],
    }
    search = GridSearchCV(pipe, grid, cv=2).fit(X, y)
    assert search.best_estimator_["net"].n_iter_ == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    layers = {
        "net__layers": [[Dense(3, "tanh")], [Dense(4), Dropout(0.1)]],
        "net__hidden_layer_sizes": [(100,)],
    }
    search = GridSearchCV(pipe, layers, cv=2).fit(X, y)
    assert type(search.best_estimator_["net"].network_.layers[0]) is Dense


def test_text_through_tfidf_is_learned_without_densifying():
    texts = [
        "a cat and a dog",
        "two cats",
        "the dog barks",
        "red roses",
        "a rose",
        "violets, roses",
    ] * 10
    labels = np.array(["animal"] * 3 + ["flower"] * 3)[np.arange(60) % 6]
    net = MinNetClassifier((8,), learning_rate_init=0.05, random_state=0)
    pipe = Pipeline([("tfidf", TfidfVectorizer(dtype=np.float32)), ("net", net)]).fit(texts, labels)
    assert pipe.score(texts, labels) == 1
    assert net.loss_curve_[0] > 1.25 * net.loss_curve_[-1]
    assert net.coefs_[0].dtype == np.float32


def test_dropout_acts_in_training_only():
    still = MinNetClassifier(**{**SMALL, "max_iter": 1}, dropout=0.5, solver="sgd").fit(X, Y)
    np.testing.assert_array_equal(still.predict_proba(X), still.predict_proba(X))
    hidden = np.maximum(X @ still.coefs_[0] + still.intercepts_[0], 0)
    by_hand = softmax(hidden @ still.coefs_[1] + still.intercepts_[1], axis=1)
    np.testing.assert_allclose(still.predict_proba(X), by_hand)  # nothing is left out, nor scaled
    without = MinNetClassifier(**{**SMALL, "max_iter": 1}, solver="sgd").fit(X, Y)
    assert not np.allclose(without.coefs_[1], still.coefs_[1])


@pytest.mark.parametrize("threshold", [0, 0.25, 0.5, 0.75, 1])
def test_a_threshold_comes_from_scikit_learn(threshold):
    net = MinNetClassifier(**SMALL)
    clf = FixedThresholdClassifier(net, threshold=threshold, response_method="predict_proba")
    clf.fit(X, Y > 0)
    expected = clf.estimator_.predict_proba(X)[:, 1] >= threshold
    np.testing.assert_array_equal(clf.predict(X), expected)


def test_one_number_for_each_row_needs_no_column():
    assert MinNetRegressor(**SMALL).fit(X, R).predict(X).shape == (60,)
    assert MinNetRegressor(**SMALL).fit(X, np.c_[R, -R]).predict(X).shape == (60, 2)


def test_whole_numbers_and_float16_become_floats():
    for dtype, expected in (
        (np.int32, np.float64),
        (np.uint8, np.float64),
        (np.float16, np.float64),
    ):
        rows = np.abs(10 * X).astype(dtype)
        reg = MinNetRegressor(**SMALL).fit(rows, R)
        assert reg.coefs_[0].dtype == expected
        np.testing.assert_array_equal(reg.predict(rows), reg.predict(rows.astype(float)))


# ---- skorch and Keras: steps and batches


@pytest.mark.parametrize(
    ("batch_size", "n_steps"), [(16, 4), (20, 3), (60, 1), (7, 9), ("auto", 1)]
)
def test_an_epoch_ends_with_a_shorter_batch(batch_size, n_steps):
    reg = MinNetRegressor(**{**SMALL, "max_iter": 1}, batch_size=batch_size).fit(X, R)
    assert reg._optimizer.step == n_steps
    assert reg.t_ == 60


def test_a_batch_larger_than_the_data_is_all_of_them():
    with pytest.warns(UserWarning, match="larger than sample size"):
        large = MinNetRegressor(**SMALL, batch_size=1000).fit(X, R)
    np.testing.assert_array_equal(
        params(large), params(MinNetRegressor(**SMALL, batch_size=60).fit(X, R))
    )


@both
def test_predictions_do_not_depend_on_the_rows_beside(make, y):
    est = make(hidden_layer_sizes=(7, 5), batch_norm=True, max_iter=5, random_state=0).fit(X, y)
    numbers = est.predict_proba if make is MinNetClassifier else est.predict
    one_by_one = np.concatenate([numbers(X[i : i + 1]) for i in range(60)])
    np.testing.assert_allclose(one_by_one, numbers(X), rtol=1e-12, atol=1e-14)


def test_the_first_loss_is_the_loss_of_the_initial_weights():
    options = {"batch_size": 60, "alpha": 0.0, "random_state": 0}
    clf = MinNetClassifier((6,), **options, max_iter=1).fit(X, Y)
    start = MinNetClassifier((6,), **options, max_iter=1, learning_rate_init=1e-300).fit(X, Y)
    assert clf.loss_curve_[0] == pytest.approx(log_loss(Y, start.predict_proba(X)))


def test_the_rate_of_each_step_is_that_of_the_schedule():
    # With plain SGD on one weight and constant gradient the steps are the rates.
    rates = []
    of_step = FunctionOfStep(lambda step: 0.1 / (1 + step))
    for schedule, start in ((of_step, 0.001), (StepDecay(2, 0.5), 0.1), ("constant", 0.1)):
        reg = MinNetRegressor(
            "absolute_error", (), solver="sgd", momentum=0, alpha=0, learning_rate_init=start,
            learning_rate=schedule, shuffle=False, batch_size=1, init="zeros", bias_init="zeros",
        )  # fmt: skip
        weights = [0.0]
        for _ in range(4):
            reg.partial_fit([[1.0]], [100.0])
            weights.append(reg.coefs_[0][0, 0])
        rates.append(np.diff(weights))
    np.testing.assert_allclose(rates[0], 0.1 / np.arange(1, 5))
    np.testing.assert_allclose(rates[1], [0.1, 0.1, 0.05, 0.05])
    np.testing.assert_allclose(rates[2], [0.1] * 4)


# ---- skorch and Keras: frozen layers, groups of rates


def test_a_frozen_layer_keeps_its_weights_and_the_rest_learns():
    layers = [Dense(6, "tanh", trainable=False), Dense(5, "tanh")]
    for solver in ("sgd", "adam", "lbfgs"):
        clf = MinNetClassifier(layers=layers, solver=solver, max_iter=3, random_state=0).fit(X, Y)
        start = MinNetClassifier(
            layers=layers, max_iter=1, learning_rate_init=1e-300, random_state=0
        )
        start.fit(X, Y)
        np.testing.assert_array_equal(clf.coefs_[0], start.coefs_[0])
        np.testing.assert_array_equal(clf.intercepts_[0], start.intercepts_[0])
        assert not np.allclose(clf.coefs_[1], start.coefs_[1])


def test_a_layer_has_its_own_rate():
    step = {}
    for factor in (1.0, 0.5):
        layers = [Dense(6, "tanh", lr_factor=factor)]
        fixed = {
            "solver": "sgd",
            "momentum": 0.0,
            "max_iter": 1,
            "batch_size": 60,
            "random_state": 0,
        }
        clf = MinNetClassifier(layers=layers, **fixed, learning_rate_init=0.1).fit(X, Y)
        start = MinNetClassifier(layers=layers, **fixed, learning_rate_init=1e-300).fit(X, Y)
        step[factor] = [a - b for a, b in zip(clf.coefs_, start.coefs_, strict=True)]
    np.testing.assert_allclose(step[0.5][0], step[1.0][0] / 2, rtol=1e-9)
    np.testing.assert_allclose(step[0.5][1], step[1.0][1])


# ---- Keras: weights of samples and classes


@both
def test_a_whole_number_as_weight_is_a_row_so_many_times(make, y):
    weights = RNG.integers(0, 4, size=60)
    options = {"hidden_layer_sizes": (6,), "max_iter": 20, "alpha": 0.1, "random_state": 0}
    weighted = make(**options, batch_size=60).fit(X, y, sample_weight=weights)
    rows = np.repeat(np.arange(60), weights)
    repeated = make(**options, batch_size=len(rows)).fit(X[rows], y[rows])
    np.testing.assert_allclose(params(weighted), params(repeated), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("labels", [[0, 1, 2], ["a", "b", "c"]])
def test_class_weights_are_sample_weights_and_multiply_with_them(labels):
    # Keras refuses the two together.
    y, of_class = np.array(labels)[Y], dict(zip(labels, [0.5, 1.0, 3.0], strict=True))
    own = RNG.uniform(0.5, 2, size=60)
    by_class = MinNetClassifier(**SMALL, class_weight=of_class).fit(X, y, sample_weight=own)
    by_sample = MinNetClassifier(**SMALL).fit(X, y, sample_weight=own * np.array([0.5, 1, 3])[Y])
    np.testing.assert_array_equal(params(by_class), params(by_sample))


@pytest.mark.filterwarnings("ignore:X is far from unit scale")
def test_rows_of_weight_zero_teach_nothing():
    weights = (np.arange(60) < 40).astype(float)
    spoilt = X.copy()
    spoilt[40:] = 1e6
    for batch_size in (60, 7):
        options = {**SMALL, "batch_size": batch_size}
        one = MinNetRegressor(**options).fit(X, R, sample_weight=weights)
        two = MinNetRegressor(**options).fit(spoilt, R, sample_weight=weights)
        np.testing.assert_array_equal(params(one), params(two))


@both
def test_lengths_that_do_not_fit_are_refused(make, y):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make().fit(X, y[:50])
    with pytest.raises(ValueError, match="sample_weight"):
        make().fit(X, y, sample_weight=np.ones(50))


# ---- Keras and skorch: what is recorded, and when training ends


@both
def test_the_history_has_an_entry_for_each_epoch(make, y):
    est = make(**SMALL).fit(X, y, X_val=X[:10], y_val=y[:10])
    for history in (est.loss_curve_, est.validation_loss_curve_, est.validation_scores_):
        assert len(history) == 4
        assert np.isfinite(history).all()


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_patience_and_the_best_weights(patience):
    # Keras counts an epoch less: it stops once `patience` epochs were no better.
    losses = [10.0, 9.0, 8.0, 9.0, 8.9, 8.8, 8.7, 8.6, 8.5]
    states = []

    def scorer(estimator, X, y):
        states.append(params(estimator))
        return -losses[len(states) - 1]

    clf = MinNetClassifier((6,), early_stopping=True, scoring=scorer, n_iter_no_change=patience)
    clf.set_params(tol=0, random_state=0).fit(X, Y)
    assert clf.n_iter_ == 3 + patience + 1
    assert clf.best_validation_score_ == -8
    np.testing.assert_array_equal(params(clf), states[2])


def test_early_stopping_begins_anew_with_each_fit():
    # What another fit reached is no measure for this one.
    clf = MinNetClassifier((6,), early_stopping=True, scoring="loss", random_state=0, max_iter=15)
    clf.fit(X, Y)
    scores = list(clf.validation_scores_)
    clf.fit(X, np.roll(Y, 1))  # harder
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    assert clf.fit(X, Y).validation_scores_ == scores


def test_a_loss_of_ones_own_is_an_argument():
    class Half(SquaredError):  # noqa: N818
        def value(self, Z, T):
            return super().value(Z, T) / 2

        def gradient(self, Z, T):
            return super().gradient(Z, T) / 2

    options = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "max_iter": 3, "random_state": 0}
    own = MinNetRegressor(Half(), (5,), learning_rate_init=0.02, backend="numpy", **options)
    known = MinNetRegressor(
        "squared_error", (5,), learning_rate_init=0.01, backend="numpy", **options
    )
    own.fit(X, R)
    known.fit(X, R)
    np.testing.assert_allclose(params(own), params(known))
    np.testing.assert_allclose(2 * np.array(own.loss_curve_), known.loss_curve_)
