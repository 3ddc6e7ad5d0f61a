"""pickle, joblib and skops: they work, and the first two run what a file says."""

import pickle
import warnings

import joblib
import models
import numpy as np
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


# ---- skops


@pytest.fixture
def skops():
    return pytest.importorskip("skops.io")


def test_skops_gives_the_same_model_where_its_types_are_trusted(model, skops):
    raw = skops.dumps(model)
    asked = skops.get_untrusted_types(data=raw)
    # What docs/saving.rst says may be trusted.
    assert all(name.startswith("minnet.") or name == "numpy.dtype" for name in asked)
    other = skops.loads(raw, trusted=asked)
    assert difference(other, model) is None
    for net in (getattr(other, name, None) for name in ("network_", "network")):
        if net is not None:
            assert np.shares_memory(net.layers[-1].W, net.params)


def test_training_goes_on_after_skops(skops):
    model, (X, y) = models.small_models()["adam"], data("multiclass")
    raw = skops.dumps(model)
    other = skops.loads(raw, trusted=skops.get_untrusted_types(data=raw))
    for each in (other, model):
        each.partial_fit(X, y).fit_info_["seconds"] = 0.0  # no two are the same
    assert difference(other, model) is None


def test_skops_asks_before_it_makes_a_model(model, skops):
    from skops.io.exceptions import UntrustedTypesFoundException

    with pytest.raises(UntrustedTypesFoundException, match="minnet"):
        skops.loads(skops.dumps(model))


def test_skops_asks_about_a_function_by_its_own_name(skops):
    """So a list of minnet's names lets none through."""
    model = MinNetClassifier(init=models.data)
    asked = skops.get_untrusted_types(data=skops.dumps(model))
    assert not all(name.startswith("minnet.") for name in asked)
