"""Estimators for tables in files: all that a fit leaves comes back, and predicts the same to the bit."""

import copy

import hostile
import models
import numpy as np
import pytest
from hostile import DELETE, build, changed, parts
from models import difference, table, tabular

from minnet import TabularClassifier, TabularRegressor, load_model, save_model

KINDS = ["binary", "multiclass", "multilabel", "one class", "number", "numbers"]


def predictions(model, X):
    return getattr(model, "predict_proba", model.predict)(X), model.predict(X)


@pytest.fixture
def saved(tmp_path):
    """Return what a model is after it was saved and loaded."""

    def there_and_back(model):
        save_model(model, tmp_path / "model")
        return load_model(tmp_path / "model")

    return there_and_back


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_members": 1, "hidden_layer_sizes": [3], "dropout": 0.0, "bins": np.int64(3)},
        {
            "n_members": 3,
            "hidden_layer_sizes": 4,
            "weight_decay": np.float64(0.1),
            "backend": "numpy",
        },
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_estimator_comes_back(kind, options, saved):
    model = tabular(kind, **options)
    other = saved(model)
    assert difference(model, other) is None
    assert difference(predictions(model, table()), predictions(other, table())) is None
    assert {"oof_score_", "oof_prediction_", "networks_", "best_epoch_"} <= set(vars(other))
    assert difference(other, saved(other)) is None


@pytest.mark.parametrize("kind", ["multiclass", "number"])
def test_other_fits_come_back(kind, saved):
    X = np.random.default_rng(0).normal(size=(40, 2))
    constant = tabular(kind, np.ones((20, 3)))
    assert difference(constant, saved(constant)) is None
    few = tabular(kind, X[:8])
    assert difference(few, saved(few)) is None
    model = tabular(kind, X, categorical_features=None, time_limit=60)
    y = model.predict(X)
    with_set = models.fitted(copy.deepcopy(model), X, y)
    assert difference(with_set, saved(with_set)) is None
    with_set.fit(X, y, X_val=X[:9], y_val=y[:9], sample_weight=np.arange(40) % 3)
    assert not hasattr(with_set, "oof_prediction_")
    assert difference(with_set, saved(with_set)) is None


def test_arguments_without_a_fit_come_back(saved):
    for model in (
        TabularClassifier("best", class_weight={"a": 2.0}, calibrate=True, random_state=3),
        TabularRegressor(categorical_features=["a"], hidden_layer_sizes=np.array([4])),
    ):
        other = saved(model)
        assert difference(model, other) is None
        assert not hasattr(other, "networks_")


def test_a_calibrated_classifier_comes_back(saved):
    model = tabular("binary", calibrate=True)
    assert saved(model).temperature_ == model.temperature_ != 1


def test_members_cost_no_more_than_their_weights(tmp_path):
    sizes = []
    for n_members in (2, 20):
        model = tabular("binary", n_members=n_members)
        save_model(model, tmp_path / "model")
        header, record, _ = parts((tmp_path / "model").read_bytes())
        sizes.append(len(str(record)))
        assert len(header) < 40 + 6 * n_members
    assert sizes[1] < 2 * sizes[0]


def test_members_that_are_not_alike_are_refused(tmp_path):
    model = tabular("binary")
    model.networks_[1] = tabular("binary", hidden_layer_sizes=(3, 4)).networks_[0]
    with pytest.raises(
        ValueError, match=r"networks_\[1\] must be as networks_\[0\] but for its numbers"
    ):
        save_model(model, tmp_path / "model")
    model.networks_[1] = model.networks_[0]
    model.networks_[0].params[3] = np.nan
    with pytest.raises(ValueError, match="of finite numbers only, got nan"):
        save_model(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


# ---- what is no estimator


@pytest.fixture(scope="module")
def raws(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model"
    found = {}
    for kind in ("binary", "numbers"):
        save_model(tabular(kind), path)
        found[kind] = path.read_bytes()
    return found


def outcome(raw, path):
    """Return the model of a file, or the error that refuses it in a sentence."""
    path.write_bytes(raw)
    try:
        return load_model(path)
    except ValueError as error:
        found = error
    assert found.__cause__ is None, found
    assert "cannot be read as a model: " in str(found)
    assert "\n" not in str(found)
    return found


WRONG = [DELETE, None, [], {}, -1, 0, 2**62, 10**30, 0.5, "x", "__class__", {"float": "nan"}]
WRONG += [{"array": "members.0.layers.1.W"}, {"tuple": [1]}, [[]], [3], {"dict": [[1, 2]]}]


def keys_of(record, path=()):
    """Yield the path and value of every key of a description, but not into values and parameters."""
    for key, value in record.items():
        yield (*path, key), value
        if isinstance(value, dict) and key not in ("params", "requests"):
            yield from keys_of(value, (*path, key))


@pytest.mark.parametrize("kind", ["binary", "numbers"])
def test_every_key_with_every_wrong_value(kind, raws, tmp_path):
    """It is refused in a sentence, or makes an estimator that predicts."""
    _, record, _ = parts(raws[kind])
    n_refused = 0
    for path, before in keys_of(record["model"]["fitted"], ("model", "fitted")):
        for value in WRONG:
            if value == before:
                continue
            read = outcome(changed(raws[kind], path, value), tmp_path / "model")
            if isinstance(read, ValueError):
                n_refused += 1
                continue
            assert len(read.predict(table())) == len(table())
    assert n_refused > 400


@pytest.mark.parametrize("kind", ["binary", "numbers"])
@pytest.mark.parametrize("change", ["missing", "shorter", "another dtype", "nan"])
def test_every_array_missing_shorter_or_wrong(change, kind, raws, tmp_path):
    header, record, data = parts(raws[kind])
    names = [name for name, entry in header.items() if name[:2] != "__" and entry["shape"] != [0]]
    assert len(names) > 20
    for name in names:
        broken, broken_data = copy.deepcopy(header), data
        entry, (start, end) = broken[name], header[name]["data_offsets"]
        size = (end - start) // int(np.prod(entry["shape"]))
        if change == "missing":
            broken[f"{name}x"] = broken.pop(name)
        elif change == "shorter":
            n = (end - start) // size
            broken["rest"] = entry | {"shape": [1], "data_offsets": [end - size, end]}
            broken[name] = entry | {"shape": [n - 1], "data_offsets": [start, end - size]}
        elif change == "another dtype":
            entry["dtype"] = {8: "U64", 4: "I32", 1: "I8"}[size]
        elif entry["dtype"][0] != "F" or name in (
            "oof_prediction_",
            "loss_curves_",
            "validation_scores_",
        ):
            continue  # which may have some
        else:
            nan = np.array(np.nan, {8: "<f8", 4: "<f4"}[size]).tobytes()
            broken_data = data[:start] + nan + data[start + size :]
        assert isinstance(
            outcome(build(broken, record, broken_data), tmp_path / "model"), ValueError
        ), name


def test_numbers_of_members_that_are_huge_make_nothing_large(raws, tmp_path):
    path = ("model", "fitted", "networks", "keys")
    for keys in ([1] * 50_000, [2**64], [-1], [], [1, 2, 3], [1]):
        found = outcome(changed(raws["binary"], path, keys), tmp_path / "model")
        assert isinstance(found, ValueError), keys
    for value in hostile.HUGE:
        for key in ("n_iter_", "best_epoch_"):
            found = outcome(
                changed(raws["binary"], ("model", "fitted", key), value), tmp_path / "model"
            )
            assert isinstance(found, ValueError) or value < 2**53
