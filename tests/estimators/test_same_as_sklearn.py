"""What is shared with scikit-learn's MLP: arguments, attributes, numbers, stopping, messages."""

import inspect
import re
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from versions import since

from minnet import MinNetClassifier, MinNetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4))
R = X @ [1.0, -1.0, 0.5, 2.0] / 2
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
PAIRS = [(MinNetClassifier, MLPClassifier), (MinNetRegressor, MLPRegressor)]
both = pytest.mark.parametrize("make", [MinNetClassifier, MinNetRegressor])
pairs = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=["classifier", "regressor"])


def target(cls):
    return R if "Regressor" in cls.__name__ else Y


# ---- names


def parameters(function):
    """The parameters of a signature by name, without annotations, which scikit-learn has none of."""
    found = inspect.signature(function).parameters
    return {name: p.replace(annotation=p.empty) for name, p in found.items()}


@since((1, 7), "the loss of MLPRegressor, its first argument")
@pairs
def test_every_argument_in_its_place(ours, theirs):
    mine, known = parameters(ours), parameters(theirs)
    assert list(mine)[: len(known)] == list(known)
    for name, parameter in known.items():
        assert mine[name] == parameter, name
    assert all(p.kind is p.KEYWORD_ONLY for p in list(mine.values())[len(known) :])


def shown(constraint):
    return str(sorted(constraint.options) if hasattr(constraint, "options") else constraint)


@pairs
def test_every_argument_takes_what_it_takes_there(ours, theirs):
    for name, constraints in theirs._parameter_constraints.items():
        if name not in ("loss", "activation", "solver"):
            mine = ours._parameter_constraints[name]
            assert {shown(c) for c in constraints} <= {shown(c) for c in mine}, name
    for activation in ("identity", "logistic", "tanh", "relu"):
        ours(activation=activation, max_iter=1).fit(X, target(ours))
    for solver in ("lbfgs", "sgd", "adam"):
        ours(solver=solver, max_iter=1).fit(X, target(ours))


@pairs
@pytest.mark.parametrize(
    "options", [{}, {"solver": "sgd"}, {"solver": "lbfgs"}, {"early_stopping": True}], ids=str
)
def test_every_method_and_fitted_attribute(ours, theirs, options):
    y = target(ours)
    one = ours(max_iter=3, **options).fit(X, y)
    two = theirs(max_iter=3, **options).fit(X, y)
    public = {name for name in dir(two) if not name.startswith("_")}
    if options.get("solver") == "lbfgs":
        public -= {"partial_fit"}  # which the regressor there forgets to hide
    assert public <= set(dir(one))
    for name in public:
        mine, known = getattr(one, name), getattr(two, name)
        if name.endswith("_") and not isinstance(known, np.ndarray):
            assert isinstance(mine, float if isinstance(known, float) else type(known)), name
        if isinstance(known, int | str | None) and name.endswith("_"):
            assert mine == known, name
    for method in ("fit", "partial_fit", "predict", "predict_proba", "score"):
        if hasattr(one, method):
            mine, known = (list(parameters(getattr(est, method)).values()) for est in (one, two))
            if not any(p.name == "sample_weight" for p in known):  # there since 1.7
                mine = [p for p in mine if p.name != "sample_weight"]
            assert mine[: len(known)] == known, method
            assert all(p.kind is p.KEYWORD_ONLY for p in mine[len(known) :]), method


# ---- numbers: from the same weights the same training


def same_start(ours, theirs, y, **options):
    """Fit both from the weights that scikit-learn draws."""
    start = theirs(random_state=0, **options, solver="sgd", learning_rate_init=1e-300)
    start.partial_fit(X, y, **({"classes": np.unique(y)} if ours is MinNetClassifier else {}))
    return [W.copy() for W in start.coefs_], [b.copy() for b in start.intercepts_]


CASES = {
    "numbers": (MinNetRegressor, MLPRegressor, R, {}),
    "counts": (MinNetRegressor, MLPRegressor, np.round(np.exp(R)), {"loss": "poisson"}),
    "several": (MinNetClassifier, MLPClassifier, Y, {}),
    "two": (MinNetClassifier, MLPClassifier, (Y > 0).astype(int), {}),
    "labels": (MinNetClassifier, MLPClassifier, np.c_[Y > 0, Y > 1].astype(int), {}),
}
SINCE = {"counts": since((1, 7), "Poisson's loss of MLPRegressor")}
cases = pytest.mark.parametrize(
    "case", [pytest.param(case, marks=SINCE.get(case, ())) for case in CASES]
)
SOLVERS = [
    {"momentum": 0},
    {"nesterovs_momentum": False},
    {"nesterovs_momentum": True, "alpha": 1.0},
    {"momentum": 0, "learning_rate": "invscaling", "power_t": 0.3},
    {"momentum": 0, "learning_rate": "adaptive", "tol": 0.01, "n_iter_no_change": 2},
]


@cases
@pytest.mark.parametrize("options", SOLVERS, ids=str)
@pytest.mark.parametrize(
    "weighted", [False, pytest.param(True, marks=since((1, 7), "sample_weight of the MLP"))]
)
def test_sgd_in_full_batch(case, options, weighted):
    ours, theirs, y, loss = CASES[case]
    common = {"hidden_layer_sizes": (5, 4), "activation": "tanh", **loss}
    coefs, intercepts = same_start(ours, theirs, y, **common)
    common |= {"solver": "sgd", "batch_size": 50, "max_iter": 60, "learning_rate_init": 0.05}
    weights = {"sample_weight": RNG.uniform(size=50)} if weighted else {}
    mlp = theirs(**{**common, **options, "warm_start": True, "random_state": 0})
    mlp.set_params(max_iter=1, learning_rate_init=1e-300).fit(X, y, **weights)
    for old, new in zip(mlp.coefs_ + mlp.intercepts_, coefs + intercepts, strict=True):
        old[...] = new
    mlp.loss_curve_, mlp.t_, mlp.best_loss_, mlp._no_improvement_count = [], 0, np.inf, 0
    mlp.set_params(**{**common, **options}).fit(X, y, **weights)
    net = ours(**{**common, **options}, init=coefs, bias_init=intercepts, random_state=0)
    net.fit(X, y, **weights)
    assert net.n_iter_ == mlp.n_iter_
    assert net._no_improvement_count == mlp._no_improvement_count
    np.testing.assert_allclose(net.loss_curve_, mlp.loss_curve_, rtol=1e-10)
    for one, two in zip(net.coefs_ + net.intercepts_, mlp.coefs_ + mlp.intercepts_, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-11)
    assert net.best_loss_ == pytest.approx(mlp.best_loss_)
    assert net._optimizer.learning_rate == pytest.approx(mlp._optimizer.learning_rate)


@cases
def test_lbfgs_from_the_same_weights_finds_the_same_minimum(case):
    ours, theirs, y, loss = CASES[case]
    common = {"hidden_layer_sizes": (3,), "activation": "tanh", "alpha": 2.0, **loss}
    coefs, intercepts = same_start(ours, theirs, y, **common)
    common |= {"solver": "lbfgs", "tol": 1e-7, "max_iter": 2000}
    mlp = theirs(**{**common, "max_iter": 1}, warm_start=True).fit(X, y)
    mlp.coefs_, mlp.intercepts_ = [W.copy() for W in coefs], [b.copy() for b in intercepts]
    mlp.set_params(max_iter=2000).fit(X, y)
    net = ours(**common, init=coefs, bias_init=intercepts).fit(X, y)
    assert net.loss_ == pytest.approx(mlp.loss_, rel=1e-6)
    assert not hasattr(net, "loss_curve_")
    np.testing.assert_allclose(net.coefs_[0], mlp.coefs_[0], atol=1e-3)


def test_a_worked_example():
    # One sample, one tanh unit, plain SGD: Z = 0.5 x + 0.1, p = sigmoid(2 tanh(Z) - 0.3).
    h = np.tanh(0.5 * 0.8 + 0.1)
    p = 1 / (1 + np.exp(-(2 * h - 0.3)))
    d = p - 1
    net = MinNetClassifier(1, activation="tanh", solver="sgd", momentum=0, learning_rate_init=0.1)
    net.set_params(init=[[[0.5]], [[2.0]]], bias_init=[[0.1], [-0.3]], alpha=0.01)
    net.partial_fit([[0.8]], [1], classes=[0, 1])
    dz = d * 2.0 * (1 - h**2)
    np.testing.assert_allclose(net.coefs_[1], [[2 - 0.1 * (d * h + 0.01 * 2)]], rtol=1e-14)
    np.testing.assert_allclose(net.intercepts_[1], [-0.3 - 0.1 * d], rtol=1e-14)
    np.testing.assert_allclose(net.coefs_[0], [[0.5 - 0.1 * (dz * 0.8 + 0.01 * 0.5)]], rtol=1e-14)
    np.testing.assert_allclose(net.intercepts_[0], [0.1 - 0.1 * dz], rtol=1e-14)
    assert net.loss_ == pytest.approx(-np.log(p) + 0.005 * (0.25 + 4), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_poisson_without_a_hidden_layer_is_the_glm(seed):
    counts = np.random.default_rng(seed).poisson(np.exp(1 + X[:, 0]))
    glm = PoissonRegressor(alpha=0, tol=1e-8).fit(X, counts)
    net = MinNetRegressor("poisson", (), solver="lbfgs", alpha=0, tol=1e-8, random_state=seed)
    np.testing.assert_allclose(net.fit(X, counts).predict(X), glm.predict(X), rtol=1e-4)


# ---- stopping


@both
def test_larger_alpha_smaller_weights(make):
    sizes = []
    for alpha in (0.0, 1.0, 10.0):
        net = make(hidden_layer_sizes=8, alpha=alpha, random_state=1, learning_rate_init=0.01)
        sizes.append(sum(np.square(W).sum() for W in net.fit(X, target(make)).coefs_))
    assert (np.diff(sizes) < 0).all()


@both
@pytest.mark.parametrize("n", [1, 3, 10])
def test_n_iter_no_change(make, n):
    net = make(tol=1e9, max_iter=100, n_iter_no_change=n, solver="sgd").fit(X, target(make))
    # The first epoch always counts as an improvement.
    assert net._no_improvement_count == n + 1
    assert net.n_iter_ == n + 2


@both
def test_n_iter_no_change_may_be_infinite(make):
    net = make(tol=1e9, max_iter=30, n_iter_no_change=np.inf, solver="sgd")
    with pytest.warns(UserWarning, match=r"^tol=.* has no effect with n_iter_no_change=inf"):
        net.fit(X, target(make))
    assert net.n_iter_ == 30
    assert net._no_improvement_count == 29


@both
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_max_iter_is_the_number_of_epochs_and_warns(make, solver):
    net = make(solver=solver, max_iter=4, warm_start=True, tol=0)
    for _ in range(2):
        with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(4\) reached"):
            net.fit(X, target(make))
        assert net.n_iter_ == 4
    assert len(net.loss_curve_) == 8


@both
def test_lbfgs_warns_at_its_limits(make):
    for limits in ({"max_iter": 3}, {"max_fun": 5}):
        net = make(solver="lbfgs", hidden_layer_sizes=20, tol=0, activation="tanh", **limits)
        with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after"):
            net.fit(X, target(make))
        assert net.n_iter_ <= 5


def test_adaptive_rate_falls_below_one_millionth():
    net = MinNetClassifier(tol=0.5, max_iter=3000, solver="sgd", learning_rate="adaptive")
    net.fit(X[:2], [1, 0])
    assert net.n_iter_ < 3000
    assert net._optimizer.learning_rate < 1e-6


@pytest.mark.parametrize("learning_rate", ["invscaling", "constant"])
def test_rate_goes_on_in_a_warm_start(learning_rate):
    net = MinNetRegressor(solver="sgd", learning_rate=learning_rate, max_iter=1, warm_start=True)
    net.fit(X, R).fit(X, R)
    expected = 0.001 / (101**0.5 if learning_rate == "invscaling" else 1)
    assert net._optimizer.learning_rate == pytest.approx(expected, rel=1e-12)


@both
def test_early_stopping(make):
    y = target(make)
    net = make(tol=0.2, max_iter=3000, solver="sgd", early_stopping=True).fit(X, y)
    assert net.n_iter_ < 3000
    assert net.best_loss_ is None
    assert len(net.validation_scores_) == net.n_iter_
    assert net.best_validation_score_ == max(net.validation_scores_)
    assert net.validation_scores_[-1] < net.best_validation_score_ + 0.2
    net.set_params(early_stopping=False, max_iter=5).fit(X, y)
    assert net.validation_scores_ is None
    assert net.best_validation_score_ is None
    assert net.best_loss_ == min(net.loss_curve_)


@both
def test_early_stopping_in_a_warm_start(make):
    net = make(max_iter=5, random_state=0, warm_start=True, early_stopping=True)
    net.fit(X, target(make))
    first = list(net.validation_scores_)
    net.set_params(max_iter=8).fit(X, target(make))
    assert net.validation_scores_[: len(first)] == first
    assert len(net.validation_scores_) > len(first)


@both
def test_ones_as_weights_change_nothing_under_early_stopping(make):
    options = {"early_stopping": True, "batch_size": 10, "random_state": 2, "max_iter": 20}
    one = make(**options).fit(X, target(make), sample_weight=np.ones(50))
    two = make(**options).fit(X, target(make))
    np.testing.assert_allclose(one.predict(X), two.predict(X), rtol=1e-9)


def test_a_class_with_one_member_is_trained_on():
    # MLPClassifier refuses two classes of which one has one member, and takes three.
    rows, y = np.arange(60.0).reshape(30, 2), np.r_[np.zeros(29), 1]
    for seed in range(20):
        net = MinNetClassifier((3,), early_stopping=True, max_iter=2, random_state=seed)
        with pytest.warns(
            UserWarning, match="the validation set has no row of these labels: 1.0; "
        ):
            net.fit(rows, y)
    with pytest.raises(ValueError, match="only 1 member"):
        MLPClassifier((3,), early_stopping=True).fit(rows, y)


def test_partial_fit_refuses_early_stopping():
    net = MinNetRegressor(early_stopping=True, max_iter=2).fit(X, R)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        net.partial_fit(X, R)


def test_partial_fit_with_classes_to_come():
    net = MinNetClassifier(random_state=0, learning_rate_init=0.05)
    net.partial_fit([[1], [2], [3]], ["a", "b", "c"], classes=["a", "b", "c", "d"])
    for _ in range(200):
        net.partial_fit([[4]], ["d"])
    assert net.predict([[4]]) == ["d"]
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit, was: "):
        net.partial_fit([[4]], ["d"], classes=["a", "d"])


def test_warm_start_names_both_sets_of_classes():
    net = MinNetClassifier((2,), warm_start=True, max_iter=2).fit(X, Y)
    message = (
        "warm_start can only be used where `y` has the same classes as in the previous call to "
        "fit. Previously got [0 1 2], `y` has [0 1]"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        net.fit(X, np.minimum(Y, 1))


# ---- what is printed


@both
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_verbose(make, solver, capsys):
    net = make(solver=solver, max_iter=3, verbose=2, random_state=0).fit(X, target(make))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", loss = ")[0] for line in lines] == [
        f"Iteration {i}" for i in range(1, net.n_iter_ + 1)
    ]
    assert re.fullmatch(r"Iteration 3, loss = \d+\.\d{8}", lines[2])
    assert float(lines[2].split("= ")[1]) == pytest.approx(net.loss_, abs=1e-7)
    make(solver=solver, max_iter=3).fit(X, target(make))
    assert not capsys.readouterr().out


@both
def test_verbose_validation_and_stopping(make, capsys):
    options = {"tol": 10.0, "n_iter_no_change": 2, "verbose": 10, "solver": "sgd"}
    net = make(**options, early_stopping=True).fit(X, target(make))
    out = capsys.readouterr().out
    assert f"Validation score: {net.validation_scores_[0]:f}\n" in out
    assert out.endswith(
        "Validation score did not improve more than tol=10.000000 for 2 consecutive epochs. "
        "Stopping.\n"
    )
    make(**options).fit(X, target(make))
    assert capsys.readouterr().out.endswith(
        "Training loss did not improve more than tol=10.000000 for 2 consecutive epochs. "
        "Stopping.\n"
    )
    make(**options, learning_rate="adaptive").fit(X, target(make))
    out = capsys.readouterr().out
    assert "consecutive epochs. Setting learning rate to 0.000200\n" in out
    assert out.endswith("epochs. Learning rate too small. Stopping.\n")


# ---- real data


def test_scores_like_scikit_learn_on_real_data(iris, digits):
    diabetes = load_diabetes(return_X_y=True)
    diabetes = [(a - a.mean(axis=0)) / a.std(axis=0) for a in diabetes]
    for ours, theirs, (data, y), solver in (
        (*PAIRS[0], iris, "lbfgs"),
        (*PAIRS[0], digits, "adam"),
        (*PAIRS[1], diabetes, "sgd"),
    ):
        options = {"hidden_layer_sizes": (16,), "solver": solver, "max_iter": 40}
        options |= {"learning_rate_init": 0.01, "alpha": 0.1}
        scores = []
        for cls in (ours, theirs):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fits = [cls(**options, random_state=seed).fit(data, y) for seed in range(2)]
            scores.append(np.mean([fit.score(data, y) for fit in fits]))
        assert scores[0] > scores[1] - 0.03
