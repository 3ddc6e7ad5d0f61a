"""A whole life in each form of X: what fit takes, all else takes, without a false word about names."""

import pickle
import warnings

import numpy as np
import pytest
from forms import CLASSES, FORMS, FRAME, A
from sklearn import config_context
from sklearn.inspection import permutation_importance
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from versions import SKLEARN, since

from minnet import MinNetClassifier, MinNetRegressor, MinNetTransformer

UNSLICED = {"arrow batch", *(form for form in FORMS if form.split()[-1] in ("coo", "dia", "bsr"))}


def classifier(**options):
    return MinNetClassifier((4,), max_iter=2, random_state=0, **options)


@pytest.fixture(autouse=True)
def no_false_warnings():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Stochastic Optimizer")
        warnings.filterwarnings("error", message="X (does not have|has) .*feature names")
        yield


def life(X):
    """Return all that a classifier, a regressor and a transformer make of inputs, by name."""
    clf = classifier().fit(X, CLASSES)
    found = {
        "proba": clf.predict_proba(X),
        "log_proba": clf.predict_log_proba(X),
        "labels": clf.predict(X),
        "score": clf.score(X, CLASSES),
        "activations": clf.activations(X),
        "fit": clf.network_.params.copy(),
        "partial_fit": clf.partial_fit(X, CLASSES).network_.params.copy(),
    }
    found["warm start"] = clf.set_params(warm_start=True).fit(X, CLASSES).predict_proba(X)
    found["initialize"] = classifier().initialize(X, CLASSES).predict_proba(X)
    stream = classifier().fit_stream([(X, CLASSES)] * 2, classes=[0, 1, 2], X_val=X, y_val=CLASSES)
    found["fit_stream"] = stream.predict_proba(X)
    found["watched"] = stream.validation_loss_curve_
    stopped = classifier(early_stopping=True, scoring="loss").fit(
        X, CLASSES, X_val=X, y_val=CLASSES
    )
    found["stopped"] = stopped.validation_scores_
    reg = MinNetRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(X, A)
    kept = pickle.loads(pickle.dumps(reg))
    np.testing.assert_array_equal(kept.predict(X), reg.predict(X))
    found["numbers"], found["r2"] = reg.predict(X), reg.score(X, A)
    features = MinNetTransformer(classifier()).fit(X, CLASSES)
    found["transform"] = features.transform(X)
    return found


@pytest.fixture(scope="module")
def expected():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return life(A)


@pytest.mark.parametrize("form", FORMS)
def test_a_life(expected, form):
    X = FORMS[form]
    found = life(X)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("form", sorted(FORMS.keys() - UNSLICED))
def test_tools_of_scikit_learn(form):
    if form.startswith("arrow") and SKLEARN < (1, 7):
        pytest.skip("scikit-learn takes rows of Arrow's data since 1.7")
    X = FORMS[form]
    for scoring in (None, "f1_macro"):
        scores = cross_val_score(classifier(), X, CLASSES, scoring=scoring, cv=2)
        np.testing.assert_allclose(
            scores, cross_val_score(classifier(), A, CLASSES, scoring=scoring, cv=2)
        )
    if hasattr(X, "iloc") and X.columns.nlevels == 1:
        found = permutation_importance(classifier().fit(X, CLASSES), X, CLASSES, random_state=0)
        wanted = permutation_importance(classifier().fit(A, CLASSES), A, CLASSES, random_state=0)
        np.testing.assert_allclose(found.importances, wanted.importances)


@since((1, 9), "sklearn.callback")
@pytest.mark.parametrize("form", FORMS)
def test_callbacks_of_scikit_learn(form):
    from sklearn.callback import ScoringMonitor

    X = FORMS[form]
    monitor = ScoringMonitor(scoring=["accuracy", "f1_macro"])
    clf = classifier().set_callbacks(monitor).fit(X, CLASSES)
    assert monitor.get_logs().data[-1]["accuracy"] == clf.score(X, CLASSES)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    "form", ["pandas", "pandas nullable", "polars", "arrow table", "list", "array csr"]
)
def test_features_as_a_frame(form, library):
    X = FORMS[form]
    features = MinNetTransformer(classifier()).set_output(transform=library)
    out = features.fit(X, CLASSES).transform(X)
    assert type(out).__module__.startswith(library)
    assert list(out.columns) == list(features.get_feature_names_out())
    if library == "pandas" and hasattr(X, "iloc"):
        assert list(out.index) == list(X.index)
    deeper = classifier(early_stopping=True, scoring="accuracy").fit(out, CLASSES)
    assert list(deeper.feature_names_in_) == list(out.columns)


def test_a_pipeline_hands_on_the_names_of_a_validation_set():
    seen = []

    def scorer(estimator, X, y):
        seen.append(X)
        return estimator.score(X, y)

    with config_context(enable_metadata_routing=True):
        clf = classifier(early_stopping=True, scoring=scorer)
        pipe = make_pipeline(
            StandardScaler(), clf.set_fit_request(X_val=True, y_val=True), transform_input=["X_val"]
        ).set_output(transform="pandas")
        pipe.fit(FRAME, CLASSES, X_val=FRAME[:9], y_val=CLASSES[:9])
    assert list(seen[0].columns) == ["age", "income"]
    assert list(seen[0].index) == list(FRAME.index[:9])
