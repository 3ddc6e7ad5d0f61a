"""Fits by processes that gloo connects: as by one, and one error for all where one of them is lost."""

import resource
import time
import warnings

import numpy as np
import pytest
from fits import EPOCHS, LBFGS, LOST, STEPS, Fails, classifier, digest, fitted, rows, shard, sizes
from in_processes import outcomes

from minnet import load_model
from minnet.callbacks import Callback, Checkpoint
from minnet.distributed import Gloo, Shards, together

pytest.importorskip("torch.distributed")
pytestmark = pytest.mark.cluster


def values(found):
    """Return what the ranks returned."""
    for outcome in found:
        assert outcome.error is None, outcome.error
        assert outcome.status is None, outcome
    return [outcome.value for outcome in found]


def _fit(rank, size, address, arguments):
    with together(Gloo(address, rank, size)):
        model = fitted(*shard(rank, size), **arguments)
    return digest(model), model.network_.params, model.n_iter_


@pytest.mark.parametrize("arguments", [{}, LBFGS])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_fit_is_that_of_one_process(size, arguments):
    first, *others = values(outcomes(size, _fit, arguments))
    assert all(other[0] == first[0] for other in others)
    with together(Shards(sizes(size))):
        alone = fitted(*rows(), **arguments)
    assert first[2] == alone.n_iter_
    assert np.abs(first[1] - alone.network_.params).max() < 1e-10
    if arguments != LBFGS:
        assert alone.t_ >= STEPS >= 300


# ---- a rank that is lost


def _survive(rank, size, address, again, failing, how):
    """Fit, lose a rank in the second fit, and fit again with who is left."""
    model = fitted(*rows())
    before = digest(model)
    ranks = Fails(address, rank, size, timeout=3 if how == "stops" else 60)
    if rank == failing:
        ranks.what, ranks.at = how, STEPS // 3
    began = time.monotonic()
    with pytest.raises((OSError, MemoryError)) as caught, together(ranks):
        fitted(*shard(rank, size), model=model)
    seconds = time.monotonic() - began
    assert digest(model) == before, "a failed fit leaves what was there"
    alive = [r for r in range(size) if r != failing or how == "raises"]
    with together(Gloo(again, alive.index(rank), len(alive))):
        model = fitted(*shard(alive.index(rank), len(alive)))
    return type(caught.value), str(caught.value), seconds, digest(model)


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("how", LOST)
def test_a_rank_that_is_lost_is_one_error_on_the_others_and_the_next_fit_works(how, failing):
    from minnet.distributed import free_address

    stopped = [failing] if how == "stops" else []
    again = free_address("127.0.0.1")
    found = outcomes(3, _survive, again, failing, how, stopped=stopped)
    if how in ("exits", "is killed"):
        assert found[failing].status == {"exits": 3, "is killed": -9}[how]
    alive = [o for rank, o in enumerate(found) if rank != failing or how == "raises"]
    assert len({one[3] for one in values(alive)}) == 1
    for rank, (kind, said, seconds, _) in zip(range(3), values(alive), strict=False):
        own = how == "raises" and rank == failing
        assert issubclass(kind, MemoryError if own else OSError), said
        assert seconds < 20
        assert "\n" not in said


# ---- what one rank raises, and all are told


class _RaisesLate(Callback):
    def end_epoch(self, trainer):
        if trainer.n_epochs == 3:
            raise KeyError("the callback's own")


class _Unreadable:
    """Rows that cannot be read."""

    shape = (10, 6)

    def __array__(self, dtype=None, copy=None):
        raise ValueError("the file ends too early")


def _bad(rank, size, address, how):
    X, y = shard(rank, size)
    model = fitted(*rows())
    before, seconds = digest(model), time.monotonic()
    if how == "callback":
        model.set_callbacks(*[_RaisesLate()] * (rank == 0))
    elif rank == size - 1:
        X, y = {
            "NaN": (np.where(X > 2, np.nan, X), y),
            "columns": (X[:, :4], y),
            "rows": (X, y[:-1]),
            "unreadable": (_Unreadable(), y),
            "dtype": (X.astype(np.float32), y),
        }[how]
    ranks = Gloo(address, rank, size)
    with together(ranks):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - of any kind
            fitted(X, y, model=model)
        seconds = time.monotonic() - seconds
        assert digest(model) == before
        model = fitted(*shard(rank, size), model=model.set_callbacks())
    return str(caught.value), seconds, digest(model)


@pytest.mark.parametrize("how", ["callback", "NaN", "columns", "rows", "unreadable", "dtype"])
def test_what_one_rank_raises_all_raise_and_go_on(how):
    found = values(outcomes(3, _bad, how))
    failing = 0 if how == "callback" else 2
    assert len({one[2] for one in found}) == 1
    for rank, (said, seconds, _) in enumerate(found):
        assert seconds < 20
        if rank != failing and how not in ("columns", "dtype"):  # these no rank is alone with
            assert f"rank {failing} failed: " in said, said


def _leave(rank, size, address):
    ranks = Gloo(address, rank, size)
    with pytest.raises((FileNotFoundError, OSError)) as caught, together(ranks):
        fitted(*_read(rank, size))
    return str(caught.value), time.sleep(3)


def _read(rank, size):
    if rank == 1:
        raise FileNotFoundError("no such shard")
    return shard(rank, size)


def test_a_rank_that_cannot_read_its_shard_is_an_error_on_the_others():
    found = outcomes(3, _leave)
    assert all(one[0] for one in values(found))
    assert max(one.seconds for one in found) < 20


def _interrupted(rank, size, address, failing):
    ranks = Fails(address, rank, size)
    if rank == failing:
        ranks.what, ranks.at = "is interrupted", STEPS // 3
    model = fitted(*rows())
    before = digest(model)
    with together(ranks):
        # As in any worker that something else has started: see test_mpi.py for a program of the user's.
        with pytest.raises(KeyboardInterrupt):
            fitted(*shard(rank, size), model=model)
        assert digest(model) == before
        return digest(fitted(*shard(rank, size)))


@pytest.mark.parametrize("failing", [0, 2])
def test_ctrl_c_on_one_rank_ends_the_fit_of_all_and_the_next_works(failing):
    assert len(set(values(outcomes(3, _interrupted, failing)))) == 1


# ---- checkpoints


def _with_checkpoint(rank, size, address, path, how, full=False):
    ranks = Fails(address, rank, size, timeout=60)
    if rank == size - 1 and how is not None:
        ranks.what, ranks.at = how, STEPS // 3
    if full and rank == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    model = classifier().set_callbacks(*[Checkpoint(path, every=1e-9)] * (rank == 0))
    with warnings.catch_warnings(record=True) as caught, together(ranks):
        warnings.simplefilter("always")
        model = fitted(*shard(rank, size), model=model)
    return digest(model), [str(warning.message) for warning in caught]


@pytest.mark.parametrize("how", ["is killed", "raises"])
def test_the_checkpoint_of_rank_0_takes_the_fit_up_again(tmp_path, how):
    path = tmp_path / "night"
    lost = outcomes(2, _with_checkpoint, path, how)
    assert isinstance(lost[0].error, ConnectionError)
    epochs = load_model(path).n_iter_
    assert 0 < epochs < EPOCHS
    resumed = values(outcomes(2, _with_checkpoint, path, None))
    whole = values(outcomes(2, _fit, {}))
    assert {one[0] for one in resumed} == {one[0] for one in whole}


def test_a_full_disk_of_rank_0_is_told_and_ends_no_fit(tmp_path):
    found = values(outcomes(2, _with_checkpoint, tmp_path / "night", None, True))
    assert found[0][0] == found[1][0]
    assert found[0][1]
