"""What is promised of bits: on the cython backend they depend on no number of threads, BLAS's included."""

import threading
import warnings

import numpy as np
import pytest
from joblib import Parallel, delayed
from threadpoolctl import threadpool_info, threadpool_limits

from minnet import MinNetClassifier, MinNetRegressor
from minnet.backends import list_backends
from minnet.common.blas import one_blas_thread

pytestmark = pytest.mark.skipif("cython" not in list_backends(), reason="of the compiled backend")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3000, 60))  # large enough for BLAS to take two threads
Y = np.abs(X @ RNG.normal(size=(60, 3)))
WEIGHTS = RNG.random(3000)


def bits(threads, n_threads, classifies=False, **params):
    """Return the bits of a fit and of its predictions, where BLAS has so many threads."""
    given = {"hidden_layer_sizes": (300,), "max_iter": 2, "random_state": 0, "n_threads": n_threads}
    with threadpool_limits(threads, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if classifies:
            model = MinNetClassifier(**given | params).fit(X, Y.argmax(axis=1), WEIGHTS)
            answers = model.predict_proba(X)
        else:
            model = MinNetRegressor(**given | params).fit(X, Y, WEIGHTS)
            answers = model.predict(X)
    return model.network_.params.tobytes(), np.ascontiguousarray(answers).tobytes()


KINDS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 1e-3},
    "lbfgs": {"solver": "lbfgs", "max_iter": 4},
    "lbfgs of classes": {"solver": "lbfgs", "max_iter": 4, "classifies": True},
    "classes": {"classifies": True, "early_stopping": True},
    "orthogonal": {"init": "orthogonal", "max_iter": 1},
    "svd": {"init": {"name": "orthogonal", "method": "svd"}, "max_iter": 1},
    "lsuv": {"init": "lsuv", "batch_norm": True, "max_iter": 1},
    "per unit": {"init": "unit_variance", "bias_init": "hull", "max_iter": 1},
    "means": {"bias_init": "output_prior", "scale_targets": True, "max_iter": 1},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bits_for_any_number_of_threads(kind):
    found = {bits(*each, **KINDS[kind]) for each in ((1, 1), (2, 2), (2, 3), (3, None))}
    assert len(found) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bits_in_a_worker(kind):
    here = bits(2, None, **KINDS[kind])
    calls = [delayed(bits)(threads, None, **KINDS[kind]) for threads in (1, None)]
    assert Parallel(n_jobs=2)(calls) == [here, here]


def n_threads():
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


def test_overlapping_blocks_put_back_what_was_there():
    with threadpool_limits(2, user_api="blas"):
        before = n_threads()
        one, other = one_blas_thread(), one_blas_thread()
        one.__enter__()
        other.__enter__()
        one.__exit__(None, None, None)
        assert set(n_threads()) == {1}
        other.__exit__(None, None, None)
        assert n_threads() == before


def test_many_threads_enter_and_leave():
    def work():
        for _ in range(50):
            with one_blas_thread():
                seen.extend(n_threads())

    with threadpool_limits(2, user_api="blas"):
        seen, before = [], n_threads()
        threads = [threading.Thread(target=work) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert set(seen) == {1}
        assert n_threads() == before


def test_an_error_puts_back_what_was_there():
    with threadpool_limits(2, user_api="blas"):
        before = n_threads()
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            1 / 0  # noqa: B018
        assert n_threads() == before
