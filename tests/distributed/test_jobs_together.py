"""n_jobs in a block of several processes: what it would start is outside of the block."""

import warnings

import joblib
import numpy as np
import pytest
from in_threads import OfThreads, _Place, run_ranks
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.model_selection import cross_val_score

from minnet import MinNetClassifier
from minnet.distributed import Shards, together

X, y = load_iris(return_X_y=True)
SAID = "n_jobs is taken as 1 in a block of together, got {}: "


def classifier():
    return MinNetClassifier((4,), max_iter=3, tol=0, random_state=0)


def said(caught):
    """Return what was warned of that is of n_jobs."""
    return [str(one.message) for one in caught if "n_jobs" in str(one.message)]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("n_jobs", [2, -1])
def test_fits_of_n_jobs_are_those_of_all_ranks(n_jobs):
    def scores(n_jobs):
        def of_rank(communicator):
            mine = slice(communicator.rank, None, 2)
            options = {"cv": 3, "n_jobs": n_jobs, "scoring": "neg_log_loss"}
            return cross_val_score(classifier(), X[mine], y[mine], **options)

        return run_ranks(2, of_rank)

    expected = scores(None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = scores(n_jobs)
    np.testing.assert_array_equal(found, expected)
    [one] = said(caught)  # of rank 0 alone
    assert one.startswith(SAID.format(n_jobs))


def test_what_is_no_network_is_fitted_as_well_and_there_is_one_warning():
    models = [BaggingClassifier(n_jobs=2), RandomForestClassifier(20, n_jobs=2)]
    for model in models:
        expected = model.set_params(random_state=0).fit(X, y).predict_proba(X)
        with warnings.catch_warnings(record=True) as caught, together(Shards([150])):
            warnings.simplefilter("always")
            found = model.fit(X, y).predict_proba(X)
        np.testing.assert_array_equal(found, expected)
        [one] = [one for one in caught if "n_jobs" in str(one.message)]
        assert one.filename == __file__


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_after_the_block_all_is_as_before(backend):
    with joblib.parallel_config(backend, n_jobs=3):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(ValueError, match="n_jobs == 0"), together(Shards([150])):
                joblib.effective_n_jobs(joblib.effective_n_jobs(None) - 1)
        assert said(caught)[0].startswith(SAID.format(3))
        assert joblib.effective_n_jobs(None) == 3
        assert type(joblib.parallel.get_active_backend()[0]).__name__.lower().startswith(backend)


def test_one_job_is_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with together(Shards([150])):
            RandomForestClassifier(5, n_jobs=1).fit(X, y)
            RandomForestClassifier(5).fit(X, y)
        with together(OfThreads(1, _Place(2))):  # rank 0 says it
            RandomForestClassifier(5, n_jobs=2).fit(X, y)


def test_no_jobs_are_refused_as_elsewhere():
    with together(Shards([150])), pytest.raises(ValueError, match="n_jobs == 0"):
        joblib.Parallel(n_jobs=0)(joblib.delayed(abs)(n) for n in range(2))
