"""Tools that take an estimator take X in every form in which its fit takes it."""

import warnings

import numpy as np
import pytest
from forms import CLASSES, FORMS, FRAME, A, pd
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier
from minnet.lab import Probe, diagnose, find_learning_rate, jacobians, probe
from minnet.lab.displays import SaturationDisplay
from minnet.lab.subject import subject_of
from minnet.lab.theory import predict_variances

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
plt = pytest.importorskip("matplotlib.pyplot")
FEW = ["pandas", "polars", "arrow batch", "list", "array coo"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def classifier():
    return MinNetClassifier((4, 3), "tanh", max_iter=2, random_state=0)


def watched(model, X, *y):
    watch = Probe(X, *y, steps=1)
    clone(model).set_callbacks(watch).fit(X, CLASSES)
    assert repr(watch).startswith("<Probe of 40 rows")
    return watch.recording[-1]["Z", "sd"]


TOOLS = {
    "probe": lambda model, X: probe(model, X, CLASSES)["dW", "sd"],
    "Probe": lambda model, X: watched(model, X),
    "Probe with y": lambda model, X: watched(model, X, CLASSES),
    "diagnose": lambda model, X: [f.code for f in diagnose(model, X, CLASSES).findings],
    "find_learning_rate": lambda model, X: find_learning_rate(model, X, CLASSES, n_steps=10).losses,
    "jacobians": lambda model, X: jacobians(model, X, CLASSES, random_state=0).means,
    "predict_variances": lambda model, X: predict_variances(model, X, CLASSES).variances,
    "saturation": lambda model, X: SaturationDisplay.from_estimator(model, X, CLASSES).values["sd"],
}


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_data_of_a_subject(form, fitted):
    X = FORMS[form]
    model = classifier().fit(X, CLASSES) if fitted else classifier()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="X (does not have|has) .*feature names")
        subject = subject_of(model, X, CLASSES)
        rows = subject.X.toarray() if hasattr(subject.X, "toarray") else subject.X
        np.testing.assert_array_equal(rows, A)
        assert subject_of(model.fit(X, CLASSES), X).T is None


@pytest.mark.parametrize("form", FEW)
@pytest.mark.parametrize("tool", TOOLS)
def test_tools(tool, form):
    expected = TOOLS[tool](classifier(), A)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="X (does not have|has) .*feature names")
        found = TOOLS[tool](classifier(), FORMS[form])
        if form in ("pandas", "polars"):
            library = {"transform": form}
            pipe = make_pipeline(StandardScaler(), classifier()).set_output(**library)
            if not tool.startswith("Probe"):  # which is a callback of the last step
                TOOLS[tool](pipe.fit(FORMS[form], CLASSES), FORMS[form])
    if tool == "diagnose":
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_first_rows_whatever_the_index():
    # df[:300] chooses by the labels of an index of floats.
    frame = pd.concat([FRAME] * 10).set_axis(np.linspace(0, 1e4, 400))
    y = np.tile(CLASSES, 10)
    one = SaturationDisplay.from_estimator(classifier(), frame, y).values["sd"]
    two = SaturationDisplay.from_estimator(classifier(), frame.to_numpy(), y).values["sd"]
    np.testing.assert_array_equal(one, two)
