"""Parameters of what an estimator is given, set through it: as if it had been made with them."""

import itertools
import pickle
import re
import warnings
from inspect import Parameter

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import (
    BatchNorm,
    Dense,
    Dropout,
    LayerNorm,
    MinNetClassifier,
    MinNetRegressor,
    MinNetTransformer,
    Residual,
    activations,
    losses,
    optimizers,
    schedules,
)
from minnet.common.configurable import Configurable, parameters
from minnet.initializers import FromArray, GlorotUniform, HeNormal, Initializer, spec
from minnet.optimizers import SGD, Cosine, WarmUp

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 6))
Y = np.arange(30) % 2
R = np.abs(X @ RNG.normal(size=(6, 6)))  # with a column for each unit: any initializer fits

SCHEDULES = [getattr(schedules, name) for name in schedules.__all__ if name[0].isupper()]
#: Each registered class, and where an estimator takes its objects.
PLACES = [
    *[(cls, "init") for cls in spec._BY_NAME.values()],
    *[(cls, "init__1") for cls in spec._BY_NAME.values()],
    *[(cls, "layers__0__init") for cls in spec._BY_NAME.values()],
    *[(cls, "activation") for cls in activations._BY_NAME.values()],
    *[(cls, "layers__0__activation") for cls in activations._BY_NAME.values()],
    *[(cls, "loss") for cls in losses._BY_NAME.values()],
    *[(cls, "solver") for cls in optimizers._BY_NAME.values()],
    *[(cls, "learning_rate") for cls in SCHEDULES],
    *[(cls, "learning_rate__then") for cls in SCHEDULES if issubclass(cls, schedules.ByStep)],
    *[(cls, "layers__0") for cls in (Dense, Dropout, BatchNorm, LayerNorm, Residual)],
]
CANDIDATES = [
    -3,
    0.3,
    0.6,
    2,
    3,
    6,
    False,
    True,
    "fan_out",
    "uniform",
    "qr",
    "svd",
    "tanh",
    "zeros",
]
CANDIDATES += [
    "logistic",
    "identity",
    "softmax",
    np.ones((6, 6)),
    None,
    Cosine(3),
    lambda step: 0.01,
    lambda step: 0.02,
    [Dense(6)],
    [Dense(6, "tanh")],
]


def taken(cls):
    """Yield a fresh object, a parameter, and another value that the class takes for it."""
    required = {n: p for n, p in parameters(cls).items() if p.default is Parameter.empty}
    for name in parameters(cls):
        for values in itertools.product(CANDIDATES, repeat=len(required)):
            base = dict(zip(required, values, strict=True))
            try:
                one = cls(**base)
            except (TypeError, ValueError):
                continue
            break
        for value in CANDIDATES:
            try:
                other = cls(**base | {name: value})
            except (TypeError, ValueError):
                continue
            if other != one:
                yield one, name, value, other
                break
        else:
            pytest.fail(f"no candidate is a value of {name} of {cls.__name__}")


def estimator(place, value):
    """Return an estimator that has the object at the place."""
    first, *rest = place.split("__")
    fixed = {"hidden_layer_sizes": (6,), "max_iter": 2, "batch_size": 10, "random_state": 0}
    if place.startswith("init__"):
        return MinNetRegressor(init=["he", value], **fixed)
    if place.startswith("layers"):
        layer = Dense(6, **{rest[1]: value}) if rest[1:] else value
        return MinNetRegressor(layers=[layer, Dense(6)], **fixed | {"hidden_layer_sizes": (100,)})
    if place.endswith("then"):
        return MinNetRegressor(learning_rate=WarmUp(2, then=value), **fixed)
    return MinNetRegressor(**fixed | {first: value})


def fitted(est):
    """Return the weights after a fit, or what was wrong with it."""
    try:
        return est.fit(X, R).network_.params.tobytes()
    except (TypeError, ValueError) as error:
        return str(error)


def same(one, other):
    assert repr(one) == repr(other)
    assert one.get_params(deep=True).keys() == other.get_params(deep=True).keys()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert fitted(one) == fitted(other)


@pytest.mark.parametrize(("cls", "place"), PLACES, ids=lambda x: getattr(x, "__name__", x))
def test_every_parameter_of_everything_that_is_registered(cls, place):
    for one, name, value, other in taken(cls):
        before = estimator(place, one)
        assert (
            before.get_params()[f"{place}__{name}"] is before.get_params()[place].get_config()[name]
        )
        shared = clone(before).set_params(**before.get_params(deep=False))  # holds the same objects
        changed = clone(before).set_params(**{f"{place}__{name}": value})
        expected = estimator(place, other)
        same(changed, expected)
        assert repr(clone(changed)) == repr(expected)
        before.set_params(**{f"{place}__{name}": value})
        assert shared.get_params()[place] == one  # it was not changed in place
        assert repr(before) == repr(expected)


class Laplace(Initializer):
    """A user's own, with an array and an object inside."""

    def __init__(self, scale=0.1, of=None, shape=None):
        self.scale, self.of, self.shape = scale, of, shape

    def draw(self, shape, stream, dtype, fans):
        return stream.generator().laplace(scale=self.scale, size=shape)


def test_a_class_of_the_user_s_own():
    reg = MinNetRegressor((6,), init=Laplace(of=HeNormal(), shape=np.arange(3.0)), max_iter=2)
    reg.set_params(random_state=0, init__scale=0.2, init__of__negative_slope=0.3)
    made = Laplace(0.2, HeNormal(negative_slope=0.3), np.arange(3.0))
    same(reg, MinNetRegressor((6,), init=made, max_iter=2, random_state=0))
    assert clone(reg).init == reg.init
    assert clone(reg).init is not reg.init


class WithItsOwn(MinNetClassifier):
    def __init__(
        self, hidden_layer_sizes=(6,), *, of_its_own=1, layers=None, max_iter=2, random_state=0
    ):
        super().__init__(
            hidden_layer_sizes, layers=layers, max_iter=max_iter, random_state=random_state
        )
        self.of_its_own = of_its_own


class HandsOn(MinNetRegressor):
    def __init__(self, of_its_own=1, **others):
        self.of_its_own = of_its_own
        super().__init__(**others)


class HandsAllOn(HandsOn):
    def __init__(self, *args, **others):
        super().__init__(*args, **others)


@pytest.mark.parametrize("cls", [WithItsOwn, HandsOn, HandsAllOn])
def test_an_estimator_of_the_user_s_own_with_arguments_of_its_own(cls):
    base = MinNetClassifier if cls is WithItsOwn else MinNetRegressor
    given = {"layers": [Dense(5, "tanh")], "max_iter": 2, "random_state": 0}
    own = cls(of_its_own=[1], **given)
    own.set_params(layers__0__units=6, max_iter=3)
    plain = base(**given).set_params(layers__0__units=6, max_iter=3)
    for made in own, clone(own), clone(clone(own)), pickle.loads(pickle.dumps(own)):
        assert made.get_params()["of_its_own"] == [1]
        assert repr(made) == repr(own)
        assert "of_its_own=[1]" in repr(made)
        assert np.array_equal(made.fit(X, Y).predict(X), plain.fit(X, Y).predict(X))
    search = GridSearchCV(own, {"layers__0__units": [2], "of_its_own": [3]}, cv=2).fit(X, Y)
    assert search.best_estimator_.layers == [Dense(2, "tanh")]
    assert search.best_estimator_.of_its_own == 3
    assert search.best_estimator_.max_iter == 3
    with pytest.raises(ValueError, match="max_iter"):
        own.set_params(max_iter=0).fit(X, Y)


def test_objects_lists_and_parts_of_them_at_once():
    clf = MinNetClassifier(layers=[Dense(5), Dropout(0.1)])
    clf.set_params(layers=[Dense(3), Dense(4)], layers__1=BatchNorm(), layers__1__activation="tanh",
                   layers__0__units=7, init={"name": "glorot"}, init__gain=2.0)  # fmt: skip
    assert clf.layers == [Dense(7), BatchNorm("tanh")]
    assert clf.init == {"name": "glorot", "gain": 2.0}
    tuples = MinNetClassifier(init=("he", GlorotUniform())).set_params(
        init__0="lecun", init__1__gain=2
    )
    assert tuples.init == ("lecun", GlorotUniform(2))


@pytest.mark.parametrize(
    "plain",
    [{}, {"hidden_layer_sizes": [3, 4]}, {"init": [[1.0], [2.0]]}, {"class_weight": {"a": 1, "b": 2}},
     {"init": np.ones(3)}, {"learning_rate": abs}],
    ids=str,
)  # fmt: skip
def test_what_has_no_parameters_lists_none(plain):
    clf = MinNetClassifier(**plain)
    assert clf.get_params(deep=True) == clf.get_params(deep=False)


def test_a_list_that_holds_itself():
    layers = [Dense(3)]
    layers.append(layers)
    assert MinNetClassifier(layers=layers).get_params()["layers__0__units"] == 3


INVALID = "^Invalid parameter "
REFUSED = [
    ({"init__gian": 2}, INVALID + r"'init__gian' for init GlorotUniform\(\): did you mean 'init__gain'"),
    ({"layrs": []}, INVALID + r"'layrs' for estimator MinNetClassifier.*: did you mean 'layers'\?"),
    ({"layers__2__units": 3}, INVALID + r"'layers__2__units' for layers \[Dense\(5\), 'x'\]: did"),
    ({"layers__0__units": 0}, r"^layers__0__units: units of Dense must be a whole number .*, got 0$"),
    ({"layers__0__init__gain": 2}, r"^layers__0__init__gain must be .* and layers__0__init is None"),
    ({"init__gain": -1}, r"^init__gain: gain must be .*, got -1$"),
    ({"bias_init__gain": 2}, r"and bias_init is 'he': give bias_init=HeNormal\(gain=\.\.\.\) instead$"),
    ({"bias_init": {"name": "he"}, "bias_init__gian": 2}, "^bias_init must .*, got 'gian': did"),
    ({"solver__learning_rate": "x"}, "^solver__learning_rate: learning_rate must be .*, got 'x'$"),
    ({"activation__alpha": 1}, r"^activation__alpha must be .*, and activation is 'relu', which has no"),
    ({"alpha__x": 1}, r"^alpha__x must be a parameter of an object, and alpha is 0\.0001$"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "sentence"), REFUSED, ids=[str(wrong) for wrong, _ in REFUSED])
def test_a_wrong_name_or_value_changes_nothing(wrong, sentence):
    clf = MinNetClassifier(
        init=GlorotUniform(), layers=[Dense(5), "x"], solver=SGD(), bias_init="he"
    )
    before = vars(clf).copy()
    with pytest.raises(ValueError, match=sentence):
        clf.set_params(max_iter=7, solver__momentum=0.5, **wrong)
    assert vars(clf) == before
    assert clf.solver == SGD()


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_searches_in_a_pipeline(search):
    clf = MinNetClassifier(layers=[Dense(5, "tanh", init=HeNormal()), Dropout(0.1)], max_iter=2,
                           solver=SGD(0.1), learning_rate=Cosine(10), random_state=0)  # fmt: skip
    grid = {
        "layers__0__units": [3, 9],
        "layers__0__init__negative_slope": [0.5],
        "layers__1": [Dropout(0.3), BatchNorm()],
        "solver__momentum": [0.5],
        "learning_rate__n_steps": [5],
    }
    names = {f"minnetclassifier__{name}": values for name, values in grid.items()}
    options = {"n_iter": 2, "random_state": 0} if search is RandomizedSearchCV else {}
    found = search(make_pipeline(StandardScaler(), clf), names, cv=2, **options).fit(X, Y)
    best = found.best_estimator_[-1]
    of_best = {name: found.best_params_[f"minnetclassifier__{name}"] for name in grid}
    expected = clone(clf).set_params(**of_best).fit(StandardScaler().fit_transform(X), Y)
    np.testing.assert_array_equal(best.network_.params, expected.network_.params)
    assert clf.layers == [Dense(5, "tanh", init=HeNormal()), Dropout(0.1)]


def test_the_picture_in_a_notebook():
    def shown(clf):
        return re.sub(r"id-\d+", "id", clf._repr_html_())

    expected = MinNetClassifier(layers=[Dense(7, "tanh")], init=GlorotUniform(2.0))
    changed = MinNetClassifier(layers=[Dense(5, "tanh")], init=GlorotUniform())
    assert shown(changed) != shown(expected)
    assert shown(changed.set_params(init__gain=2.0, layers__0__units=7)) == shown(expected)


def test_through_the_transformer():
    features = MinNetTransformer(MinNetClassifier(init=GlorotUniform(), max_iter=2, random_state=0))
    assert features.get_params()["estimator__init__gain"] == 1.0
    features.set_params(estimator__init__gain=2.0)
    assert clone(features).estimator.init == GlorotUniform(2.0)
    grid = {"minnettransformer__estimator__init": [HeNormal(), GlorotUniform(3.0)]}
    search = GridSearchCV(make_pipeline(features, MinNetClassifier(max_iter=2)), grid, cv=2)
    assert np.isfinite(search.fit(X, Y).cv_results_["mean_test_score"]).all()


def test_arrays_are_kept_and_copied():
    W = np.eye(6)
    reg = MinNetRegressor((6,), init=FromArray(W), random_state=0, max_iter=2)
    assert clone(reg).init == reg.init
    reg.set_params(init__array=2 * W)
    same(reg, MinNetRegressor((6,), init=FromArray(2 * W), random_state=0, max_iter=2))


def test_every_class_of_a_configuration_is_in_the_product():
    """A new one that an estimator takes must be reached by its parameters too."""
    leaves = {cls for cls in _subclasses(Configurable) if not cls.__subclasses__()}
    own = {cls for cls in leaves if cls.__module__.startswith("minnet.") and parameters(cls)}
    own = {cls for cls in own if not cls.__module__.startswith("minnet.pytorch.")}  # of its modules
    left = {cls.__name__ for cls in own - {cls for cls, _ in PLACES}}
    left = {name for name in left if not name.startswith("_")}  # which no estimator takes
    # Blocks become Adds; the columns of PiecewiseLinear are those of one table.
    assert left <= {"Add", "FromArray", "FromFunction", "PiecewiseLinear", "UserActivation"}


def _subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)
