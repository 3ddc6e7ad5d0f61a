"""pickle, joblib and skops: they work, and the first two run what a file says."""

import pickle
import warnings

import joblib
import models
import pytest
from models import data, difference

from minnet import MinNetClassifier


@pytest.fixture(params=list(models.small_models()))
def model(request):
    return models.small_models()[request.param]


@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_pickle_gives_the_same_model(model, protocol):
    other = pickle.loads(pickle.dumps(model, protocol))
    assert difference(other, model) is None


@pytest.mark.parametrize("options", [{}, {"compress": 3}, {"mmap_mode": "r"}], ids=str)
def test_joblib_gives_the_same_model(model, options, tmp_path):
    mmap = options.pop("mmap_mode", None)
    joblib.dump(model, tmp_path / "model", **options)
    other = joblib.load(tmp_path / "model", mmap_mode=mmap)
    if mmap is None:
        assert difference(other, model) is None
    if hasattr(model, "predict_proba") and hasattr(model, "network_"):
        X, _ = data("multiclass", model.network_.dtype)
        assert other.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_a_pickle_runs_code_and_a_saved_model_cannot():
    """What docs/saving.rst says about the risk."""

    class Harmful:
        def __reduce__(self):
            return warnings.warn, ("this ran",)

    with pytest.warns(UserWarning, match="this ran"):
        pickle.loads(pickle.dumps(Harmful()))


def trusted(raw):
    """Return the types that a skops file asks its reader to trust."""
    import skops.io

    return skops.io.get_untrusted_types(data=raw)


def test_skops_gives_a_model_that_predicts_the_same(model):
    skops_io = pytest.importorskip("skops.io")
    raw = skops_io.dumps(model)
    asked = trusted(raw)
    assert all(name.startswith(("minnet.", "sklearn.")) for name in asked), asked
    other = skops_io.loads(raw, trusted=asked)
    if hasattr(model, "network_") and hasattr(model, "predict_proba"):
        X, _ = data("multiclass", model.network_.dtype)
        assert other.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_the_types_that_skops_asks_about():
    """The list of docs/saving.rst."""
    skops_io = pytest.importorskip("skops.io")
    print(trusted(skops_io.dumps(MinNetClassifier())))
    print(trusted(skops_io.dumps(models.small_models()["adam"])))
    print(trusted(skops_io.dumps(models.small_models()["lbfgs"])))
