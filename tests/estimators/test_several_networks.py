"""n_networks: each network has the bits of a fit of its own, and predictions are their mean."""

import itertools
import pickle
import warnings
import zlib

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    MinNetClassifier,
    MinNetRegressor,
    MinNetTransformer,
    copy_weights,
    load_model,
    save_model,
)
from minnet.callbacks import Callback, Checkpoint, History
from minnet.estimators.several import FitSeveral
from minnet.export import to_numpy_source
from minnet.schedules import Cosine

K = 3
rng = np.random.default_rng(0)
X = rng.normal(size=(90, 5))
Z = X[:, :3] + rng.normal(size=(90, 3))
TARGETS = {
    "binary": (MinNetClassifier, np.where(Z[:, 0] > 0, "yes", "no")),
    "multiclass": (MinNetClassifier, Z.argmax(axis=1)),
    "multilabel": (MinNetClassifier, (Z > 0).astype(int)),
    "sparse indicator": (MinNetClassifier, sparse.csr_matrix((Z > 0).astype(int))),
    "a number": (MinNetRegressor, Z[:, 0] + 0.5),
    "numbers": (MinNetRegressor, Z + 0.5),
}
#: Those that are trained at the same time, as far as solver and data allow, and others.
ENDS = [
    ({"keep": "last"}, False),
    ({"keep": "last", "early_stopping": True, "scoring": "loss"}, False),
    ({"keep": "best", "early_stopping": True, "scoring": "loss"}, False),
    ({"keep": "best", "scoring": "loss"}, True),
    ({"keep": "best", "early_stopping": True}, False),
    ({"early_stopping": True, "n_iter_no_change": 1, "tol": 0.01}, False),
    ({}, False),
    ({}, True),
]
SOLVERS = [
    {"solver": "adam"},
    {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 0.5},
    {"solver": "adamw", "learning_rate": Cosine()},
    {"solver": "lbfgs"},
]
WEIGHTS = rng.integers(0, 3, size=len(X))


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", ".*(has no effect|no row of these labels)")
        yield


def estimator(cls, **options):
    layers = [Dense(6, "tanh"), BatchNorm(), Dropout(0.2)]
    if options.get("solver") == "lbfgs":
        layers = layers[:1]
    return cls(
        layers=layers, batch_size=16, learning_rate_init=0.02, max_iter=4, random_state=0, **options
    )


def bits(network):
    return network.params.tobytes() + network.state.tobytes()


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda one: one["solver"])
@pytest.mark.parametrize("kind", TARGETS)
def test_each_network_is_that_of_a_fit_of_its_own_and_predictions_are_the_mean(kind, solver):
    cls, y = TARGETS[kind]
    n = zlib.crc32(repr((kind, solver)).encode())
    for (end, held), weighted, narrow in itertools.product(ENDS, [False, True], [False, True]):
        n += 1
        if n % 7:  # a part of the product, another one for each case
            continue
        if solver["solver"] == "lbfgs" and (held or "keep" in end):
            continue
        data = X.astype(np.float32) if narrow else X
        options = solver | end
        if cls is MinNetRegressor:
            options["scale_targets"] = weighted
        elif weighted and kind != "sparse indicator":
            options["class_weight"] = "balanced"
        given = {"X_val": data[60:], "y_val": y[60:]} if held else {}
        given |= {"sample_weight": WEIGHTS[:60]} if weighted else {}
        several = estimator(cls, n_networks=K, **options).fit(data[:60], y[:60], **given)
        assert len(several.networks_) == len(set(several.seeds_)) == K
        assert several.networks_[0] is several.network_
        single = [
            estimator(cls, **options).set_params(random_state=seed).fit(data[:60], y[:60], **given)
            for seed in several.seeds_
        ]
        for network, one in zip(several.networks_, single, strict=True):
            assert bits(network) == bits(one.network_), (end, held, weighted, narrow)
        check_records(several, single[0])
        check_predictions(several, single, data)


@pytest.mark.parametrize("end", ENDS, ids=str)
@pytest.mark.parametrize("solver", SOLVERS[:3], ids=lambda one: one["solver"])
def test_those_that_no_stall_ends_are_trained_at_the_same_time(solver, end, monkeypatch):
    calls, (options, held) = [], end
    train = FitSeveral.train_together
    monkeypatch.setattr(
        FitSeveral, "train_together", lambda self, *data: calls.append(1) or train(self, *data)
    )
    y = TARGETS["binary"][1]
    given = {"X_val": X, "y_val": y} if held else {}
    estimator(MinNetClassifier, n_networks=2, **solver | options).fit(X, y, **given)
    together = end in ENDS[:4] and solver.get("learning_rate") != "adaptive"
    assert len(calls) == together


def check_records(several, first):
    for name in (
        "loss_curve_", "loss_", "best_loss_", "n_iter_", "t_", "_no_improvement_count", "init_",
    ):  # fmt: skip
        assert getattr(several, name, None) == getattr(first, name, None), name
    for name in ("validation_scores_", "validation_loss_curve_", "best_validation_score_"):
        ours, theirs = getattr(several, name, None), getattr(first, name, None)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            np.testing.assert_allclose(
                ours, theirs, rtol=1e-5 if first.network_.dtype == "f4" else 1e-11
            )
    several_info, info = several.fit_info_, first.fit_info_
    assert several_info["random_key"] == info["random_key"]
    assert several_info["backend"] == info["backend"]


def check_predictions(several, single, data):
    methods = ["predict"] if isinstance(several, MinNetRegressor) else ["predict_proba"]
    for method in methods:
        of_each = [getattr(one, method)(data) for one in single]
        mean = np.mean([each.astype(np.float64) for each in of_each], axis=0)
        found = getattr(several, method)(data)
        assert found.dtype == of_each[0].dtype
        assert np.array_equal(found, mean.astype(found.dtype))
    if isinstance(several, MinNetRegressor):
        return
    np.testing.assert_allclose(
        several.predict_log_proba(data), np.log(found), rtol=1e-4 if found.dtype == "f4" else 1e-10
    )
    labels = several.predict(data)
    if several._labels.kind == "multilabel":
        assert sparse.issparse(labels) == several._labels.sparse
        labels = labels.toarray() if sparse.issparse(labels) else labels
        assert np.array_equal(labels, found > 0.5)
    else:
        assert np.array_equal(labels, several.classes_[found.argmax(axis=1)])


def test_logarithms_are_finite_where_probabilities_are_0():
    y = TARGETS["multiclass"][1]
    clf = MinNetClassifier((6,), n_networks=2, max_iter=2, keep="last", random_state=0).fit(X, y)
    far = 1e6 * X[:5]
    assert (clf.predict_proba(far) == 0).any()
    assert np.isfinite(clf.predict_log_proba(far)).all()


def test_blocks_of_rows_give_the_same_means(monkeypatch):
    clf = estimator(MinNetClassifier, n_networks=2, keep="last").fit(
        X, TARGETS["sparse indicator"][1]
    )
    whole = clf.predict_proba(X), clf.predict(X).toarray()
    monkeypatch.setattr("minnet.estimators.prediction._BLOCK_BYTES", 7 * 24)
    monkeypatch.setattr("minnet.estimators.prediction._ROW_STEP", 14)
    assert np.array_equal(clf.predict_proba(X), whole[0])
    assert np.array_equal(clf.predict(X).toarray(), whole[1])


def test_one_network_is_in_a_list_too():
    clf = estimator(MinNetClassifier).fit(X, TARGETS["binary"][1])
    assert clf.networks_ == [clf.network_]
    assert not hasattr(clf, "seeds_")
    with pytest.raises(AttributeError, match="networks_ before it is fitted"):
        clone(clf).networks_  # noqa: B018


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("options", [{"keep": "last"}, {}, {"solver": "lbfgs"}], ids=str)
def test_files_pickles_and_copies_have_all_networks(kind, options, tmp_path):
    cls, y = TARGETS[kind]
    model = estimator(cls, n_networks=K, **options)
    model.fit(X, y)
    save_model(model, tmp_path / "model.minnet")
    dense = lambda Y: Y.toarray() if sparse.issparse(Y) else Y  # noqa: E731
    for copy in (load_model(tmp_path / "model.minnet"), pickle.loads(pickle.dumps(model))):
        assert copy.seeds_ == model.seeds_
        assert copy.n_networks == K
        for ours, theirs in zip(copy.networks_, model.networks_, strict=True):
            assert bits(ours) == bits(theirs)
            assert ours.key == theirs.key
        assert np.array_equal(dense(copy.predict(X)), dense(model.predict(X)))


def test_what_is_for_one_network_says_so(tmp_path):
    y = TARGETS["multiclass"][1]
    model = estimator(MinNetClassifier, n_networks=K, keep="last").fit(X, y)
    before = bits(model.network_)
    several = clone(model)
    calls = [
        lambda: several.initialize(X, y),
        lambda: clone(several).set_params(warm_start=True).fit(X, y),
        lambda: clone(several).set_params(calibrate=True).fit(X, y, X_val=X, y_val=y),
        lambda: to_numpy_source(model),
        lambda: copy_weights(model, estimator(MinNetClassifier).fit(X, y)),
        lambda: copy_weights(estimator(MinNetClassifier).fit(X, y), model),
        lambda: MinNetTransformer(several).fit(X, y),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"one network|n_networks"):
            call()
    for method in ("partial_fit", "fit_stream"):  # hidden, as with solver="lbfgs"
        with pytest.raises(AttributeError, match=method) as error:
            getattr(several, method)
        assert "for one network, got n_networks=3" in str(error.value.__cause__)
    for callback in (Checkpoint(tmp_path / "checkpoint.minnet"),):
        with pytest.raises(TypeError, match="callbacks must be minnet's, and no Checkpoint"):
            clone(several).set_callbacks(callback).fit(X, y)
    for wrong in (0, True, 1.5, "two", None):
        with pytest.raises((TypeError, ValueError), match="n_networks"):
            model.set_params(n_networks=wrong).fit(X, y)
    assert bits(model.network_) == before
    assert len(model.networks_) == K
    # One network of several goes on alone.
    model.set_params(n_networks=1).partial_fit(X, y)
    assert model.networks_ == [model.network_]


def test_callbacks_are_called_by_each_network_the_first_one_last():
    seen = []

    class Note(Callback):
        def end_epoch(self, trainer):
            seen.append(trainer.network)

    y = TARGETS["binary"][1]
    history = History()
    model = estimator(MinNetClassifier, n_networks=K, keep="last").set_callbacks(Note(), history)
    model.fit(X, y)
    assert len(seen) == 4 * K
    assert seen[-1] is model.network_
    plain = estimator(MinNetClassifier, n_networks=K, keep="last").fit(X, y)
    assert [bits(n) for n in model.networks_] == [bits(n) for n in plain.networks_]


def test_a_scorer_gets_one_network():
    def scorer(model, X, y):
        assert len(model.networks_) == 1
        return model.score(X, y)

    options = {"n_networks": K, "early_stopping": True}
    y = TARGETS["multiclass"][1]
    own = estimator(MinNetClassifier, scoring=scorer, **options).fit(X, y)
    plain = estimator(MinNetClassifier, **options).fit(X, y)
    assert [bits(n) for n in own.networks_] == [bits(n) for n in plain.networks_]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_between_networks_leaves_the_estimator_as_it_was(solver, monkeypatch):
    import signal

    y = TARGETS["binary"][1]
    model = estimator(MinNetClassifier, n_networks=K, solver=solver).fit(X, y)
    networks = model.networks_
    monkeypatch.setattr("minnet.training.interrupts._last_heard", -np.inf)
    from minnet.estimators import fit

    of_one = fit.Fit.train

    def interrupted(self, *data):
        signal.raise_signal(signal.SIGINT) if solver == "lbfgs" else None
        return of_one(self, *data)

    if solver == "lbfgs":
        monkeypatch.setattr(fit.Fit, "train", interrupted)
    else:

        class Press(Callback):
            def end_epoch(self, trainer):
                signal.raise_signal(signal.SIGINT)

        model.set_callbacks(Press())
    warnings.simplefilter("ignore")  # within the fixture's block
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.networks_ == networks
