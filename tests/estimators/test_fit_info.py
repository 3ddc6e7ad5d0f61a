"""fit_info_: what ran the fit, in numbers and strings."""

import json
import time

import numpy as np
import pytest
import scipy
import sklearn

import minnet
from minnet import Dense, MinNetClassifier, MinNetRegressor
from minnet.backends import list_backends
from minnet.layers import Layer
from minnet.random import Stream

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
R = X @ [1.0, -2.0, 0.5]
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}


class Same(Layer):
    def forward(self, X, ctx):
        return X

    def backward(self, dY, ctx):
        return dY


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_contents(solver, dtype):
    began = time.perf_counter()
    est = MinNetRegressor(**SMALL, solver=solver).fit(X.astype(dtype), R)
    took = time.perf_counter() - began
    info = est.fit_info_
    assert info["dtype"] == dtype
    assert 0 < info["seconds"] <= took
    assert info["versions"] == {
        "minnet": minnet.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }
    assert json.loads(json.dumps(info)) == info


def test_the_key_is_that_of_the_random_streams():
    rows = []

    class Spy(Same):
        def forward(self, X, ctx):
            if ctx.training:
                rows.extend(X[:, 0])
            return X

    est = MinNetRegressor(layers=[Spy()], max_iter=1, random_state=0).fit(X, R)
    key = est.fit_info_["random_key"]
    order = Stream(key, "shuffle", 0).permutation(40)
    np.testing.assert_array_equal(rows, X[order, 0])
    again = MinNetRegressor(**SMALL).fit(X, R)
    assert again.fit_info_["random_key"] == key
    other = MinNetRegressor(**{**SMALL, "random_state": 1}).fit(X, R)
    assert other.fit_info_["random_key"] != key


@pytest.mark.parametrize("backend", list_backends())
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_backend_that_ran(backend, solver):
    est = MinNetRegressor(**SMALL, backend=backend, solver=solver, n_threads=1).fit(X, R)
    info = est.fit_info_
    lbfgs_of_numba = backend == "numba" and solver == "lbfgs"
    assert info["backend"] == ("numpy" if lbfgs_of_numba else backend)
    assert info["n_threads"] == 1
    if backend == "cython":
        import minnet_ext

        assert info["cpu_level"] == minnet_ext.cpu_level
    else:
        assert info["cpu_level"] is None


@pytest.mark.parametrize("backend", list_backends())
def test_what_is_left_to_numpy_says_so(backend):
    arguments = {"layers": [Dense(4), Same()], "max_iter": 1, "backend": backend}
    info = MinNetRegressor(**arguments).fit(X, R).fit_info_
    assert info["backend"] == "numpy"
    assert info["n_threads"] is None


def test_it_is_that_of_the_last_call():
    y = (R > 0).astype(int)
    est = MinNetClassifier(**SMALL, warm_start=True).fit(X, y)
    first = est.fit_info_
    est.fit(X, y)
    assert est.fit_info_ is not first
    assert est.fit_info_["random_key"] == first["random_key"]
    second = est.fit_info_
    est.partial_fit(X, y)
    assert est.fit_info_ is not second
    with pytest.raises(ValueError, match="NaN"):
        est.fit(X * np.nan, y)
    assert est.fit_info_["random_key"] == first["random_key"]
