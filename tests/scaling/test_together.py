"""One network by the ranks of Ray and Spark: the programs of docs/scaling.rst."""

import os
import runpy
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from minnet import MinNetClassifier
from minnet.callbacks import Callback
from minnet.distributed import Shards, together

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings(
        "ignore::UserWarning", "ignore::FutureWarning", "ignore:The copy keyword"
    ),
]
PROGRAMS = Path(__file__).parents[2] / "examples" / "scaling"


def program(engine):
    """Return ``main`` of a program."""
    pytest.importorskip({"ray": "ray", "spark": "pyspark"}[engine])
    pytest.importorskip("torch.distributed")
    return runpy.run_path(str(PROGRAMS / f"train_{engine}.py"))["main"]


def net(**arguments):
    """Return what is fitted in moments."""
    return MinNetClassifier(max_iter=8, n_iter_no_change=100, random_state=0, **arguments)


@pytest.fixture(autouse=True)
def _workers_find_minnet(monkeypatch):
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[2]), *sys.path]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_ray_fits_what_one_process_fits():
    X, y = load_digits(return_X_y=True)
    found = program("ray")(model=net())
    order = np.concatenate([np.arange(len(X))[rank::2] for rank in range(2)])
    with together(Shards([899, 898])):
        alone = net().fit(X[order] / 16, y[order])
    assert np.abs(found.network_.params - alone.network_.params).max() < 1e-10


def test_spark_fits_all_rows():
    found = program("spark")(model=net(learning_rate_init=0.01))
    X, y = load_digits(return_X_y=True, as_frame=True)
    assert found.t_ == 8 * len(X)
    assert list(found.feature_names_in_) == list(X.columns)
    assert found.score(X / 16, y) > 0.9


class Ends(Callback):
    """Ends rank 0 in the midst of a fit."""

    def __init__(self, how):
        self.how = how

    def end_epoch(self, trainer):
        if trainer.n_epochs == 3:
            if self.how == "raises":
                raise KeyError("a callback raises")
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("how", ["raises", "is killed"])
@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_a_rank_that_fails_is_an_error_of_the_program_and_the_next_fit_works(engine, how):
    main = program(engine)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - Ray's, Spark's
        main(model=net().set_callbacks(Ends(how)))
    assert "TimeoutError" not in str(caught.value), "nobody had to wait for so long"
    if how == "raises":
        assert "a callback raises" in str(caught.value)
    assert main(model=net()).n_iter_ == 8
