"""Many threads at once give what each gives alone, bit by bit."""

import copy
import importlib.util
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from minnet import BatchNorm, Dense, Dropout, MinNetClassifier, MinNetRegressor, Network
from minnet.lab import diagnose, probe

BACKENDS = [
    name
    for name, module in (("cython", "minnet_ext"), ("numba", "numba"), ("numpy", "numpy"))
    if importlib.util.find_spec(module)
]
N_THREADS = 8
ROUNDS = 20

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 20))
y = np.arange(600) % 4
X_OTHER, Y_OTHER = RNG.normal(size=(300, 12)), RNG.normal(size=(300, 2))


def _model(backend="cython", **arguments):
    arguments = {"hidden_layer_sizes": (30, 20), "max_iter": 5, **arguments}
    return MinNetClassifier(random_state=0, backend=backend, **arguments)


def _at_once(functions):
    """Run functions in a thread each, all from the same moment; return what they return."""
    barrier = threading.Barrier(len(functions))

    def run(function):
        barrier.wait(600)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        futures = [pool.submit(run, function) for function in functions]
        return [future.result(1200) for future in futures]


def _parameters(estimator):
    return estimator.network_.params.copy()


INPUTS = {
    "one row": X[:1],
    "many rows": X,
    "one sparse row": sparse.csr_matrix(X[:1] * (X[:1] > 0)),
    "sparse": sparse.csr_matrix(X * (X > 0)),
    "float32": X.astype(np.float32),
    "read in steps": X[::2],
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n_threads", [None, 2])
def test_predictions_are_those_of_one_thread_while_another_fits(backend, n_threads):
    model = _model(backend, n_threads=n_threads).fit(X, y)
    expected = {name: model.predict_proba(given) for name, given in INPUTS.items()}
    done, n_fits = threading.Event(), 0

    def fit():
        nonlocal n_fits
        other = MinNetRegressor(
            hidden_layer_sizes=(30,), max_iter=3, random_state=0, backend=backend
        )
        first = _parameters(other.fit(X_OTHER, Y_OTHER))
        while not done.is_set() or n_fits < 3:
            assert_array_equal(_parameters(other.fit(X_OTHER, Y_OTHER)), first)
            n_fits += 1

    def predict(names):
        for i in range(ROUNDS):
            name = names[i % len(names)]
            assert_array_equal(model.predict_proba(INPUTS[name]), expected[name], err_msg=name)

    def predict_all(start):
        names = list(INPUTS)
        predict(names[start % len(names) :] + names[: start % len(names)])

    fitting = threading.Thread(target=fit)
    fitting.start()
    try:
        _at_once([lambda i=i: predict_all(i) for i in range(N_THREADS)])
    finally:
        done.set()
        fitting.join(1200)
    assert n_fits >= 3


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", INPUTS)
def test_the_first_prediction_ever_may_be_made_by_eight_threads(backend, name):
    model = _model(backend).fit(X, y)
    expected = model.predict_proba(INPUTS[name])
    for _ in range(5):
        fresh = pickle.loads(pickle.dumps(model))  # nothing is kept of earlier calls
        results = _at_once([partial(fresh.predict_proba, INPUTS[name])] * N_THREADS)
        for result in results:
            assert_array_equal(result, expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_estimators_that_are_fitted_in_threads_are_those_fitted_one_by_one(backend):
    def estimators():
        return [
            _model(backend),
            _model(backend, solver="sgd", learning_rate_init=0.1),
            _model(backend, solver="lbfgs"),
            _model(backend, early_stopping=True),
            _model(backend, dropout=0.3, batch_norm=True),
            _model(backend, activation="gelu", n_threads=2),
            MinNetRegressor(hidden_layer_sizes=(20,), max_iter=5, random_state=1, backend=backend),
            MinNetRegressor(
                hidden_layer_sizes=(20,),
                max_iter=5,
                random_state=1,
                backend=backend,
                loss="poisson",
            ),
        ]

    def fit(estimator):
        target = y if isinstance(estimator, MinNetClassifier) else (y + 1.0)
        return _parameters(estimator.fit(X, target))

    alone = [fit(estimator) for estimator in estimators()]
    together = _at_once([lambda e=estimator: fit(e) for estimator in estimators()])
    for one, other in zip(together, alone, strict=True):
        assert_array_equal(one, other)


def test_what_looks_into_a_network_may_be_called_in_threads():
    layers = [Dense(30, "tanh"), BatchNorm(), Dropout(0.2), Dense(4)]
    network = Network(layers).initialize(20, random_state=0)
    before = pickle.dumps(network)

    def look():
        measured = probe(network, X, y)
        traced = network.trace(X[:50], y[:50])
        loss, gradient = network.loss_and_grad(X, y)
        report = str(diagnose(network, X, y))
        numbers = [measured["Y", "sd"], traced.layers[0]["dW"], gradient, network.forward(X)]
        return loss, report, numbers

    expected = look()
    for loss, report, numbers in _at_once([look] * N_THREADS):
        assert (loss, report) == expected[:2]
        for one, other in zip(numbers, expected[2], strict=True):
            assert_array_equal(one, other)
    assert pickle.dumps(network) == before


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("given", [X, sparse.csr_matrix(X * (X > 0))], ids=["dense", "sparse"])
def test_predictions_during_partial_fit_of_the_same_model_are_numbers(backend, given):
    model = _model(backend, solver="sgd", learning_rate_init=0.01).partial_fit(
        given, y, classes=range(4)
    )
    alone = copy.deepcopy(model)
    done = threading.Event()

    def train():
        for _ in range(30):
            model.partial_fit(given, y)
        done.set()

    def predict():
        rounds = 0
        while not done.is_set() or rounds < 3:
            P = model.predict_proba(given)
            assert P.shape == (600, 4)
            np.testing.assert_allclose(P.sum(axis=1), 1)
            rounds += 1

    _at_once([train, *[predict] * 4])
    # Whoever reads changes nothing: training went as it goes alone.
    for _ in range(30):
        alone.partial_fit(given, y)
    assert_array_equal(_parameters(model), _parameters(alone))


def test_fit_of_the_same_model_swaps_the_network_as_a_whole():
    narrow, wide = X[:, :5], X[:, :5] * 2
    model = _model(hidden_layer_sizes=(10,)).fit(narrow, y % 2)
    states = []
    for size, target in ((10, y % 2), (25, y)):
        fitted = _model(hidden_layer_sizes=(size,)).fit(narrow, target)
        states.append(fitted.network_.forward(wide))
    done = threading.Event()

    def refit():
        for i in range(10):
            size, target = ((25, y), (10, y % 2))[i % 2]
            model.set_params(hidden_layer_sizes=(size,)).fit(narrow, target)
        done.set()

    def forward():
        rounds = 0
        while not done.is_set() or rounds < 3:
            Z = model.network_.forward(wide)
            assert any(Z.shape == state.shape and (state == Z).all() for state in states)
            rounds += 1

    _at_once([refit, forward, forward])
