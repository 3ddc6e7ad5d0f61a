"""Errors instead of hangs: what fails on one rank fails on all."""

import threading

import numpy as np
import pytest

from minnet.common.communicator import abort_on_error, exchange, fail_together
from tests.distributed.in_threads import outcomes, run_ranks


class WordlessError(Exception):
    """One whose text cannot be had."""

    def __str__(self):
        raise ValueError


def test_facts_come_in_the_order_of_the_ranks_and_are_copies():
    facts = run_ranks(3, lambda c: exchange(c, lambda: [c.rank]))
    assert facts == [[[0], [1], [2]]] * 3
    assert facts[0][1] is not facts[1][1]


@pytest.mark.parametrize(
    "raised",
    [ValueError("X is bad"), KeyboardInterrupt(), SystemExit(3), WordlessError()],
    ids=repr,
)
@pytest.mark.parametrize(
    "where",
    ["in an exchange", "before one within", "within", "between two", "after the last", "in all"],
)
@pytest.mark.parametrize("nested", [False, True])
def test_what_fails_on_one_rank_fails_on_all_and_the_next_block_works(raised, where, nested):
    def fit(communicator):
        def within():
            if communicator.rank == 1 and where == "within":
                raise raised

        def fact():
            if communicator.rank == 1 and where in ("in an exchange", "before one within"):
                raise raised
            if where in ("before one within", "within"):
                exchange(communicator, within)

        with fail_together(communicator):
            exchange(communicator, lambda: None)
            exchange(communicator, fact)
            if where == "in all" or (communicator.rank == 1 and where == "between two"):
                raise raised
            exchange(communicator, lambda: None)
            if communicator.rank == 1 and where == "after the last":
                raise raised

    def twice(communicator):
        try:
            if nested:
                with fail_together(communicator):
                    fit(communicator)
            else:
                fit(communicator)
        except BaseException as error:
            with fail_together(communicator):
                return error, exchange(communicator, lambda: communicator.rank)

    errors = run_ranks(3, twice)
    assert [again for _, again in errors] == [[0, 1, 2]] * 3
    assert errors[1][0] is raised
    for rank in 0, 2:
        error = errors[rank][0]
        if where == "in all":
            assert error is raised
        else:
            assert type(error) is RuntimeError
            assert str(error).startswith("rank 1 failed: ")
            assert type(raised).__name__ in str(error)


def test_an_error_where_others_wait_for_a_sum_ends_the_connection():
    def fit(communicator):
        with fail_together(communicator):
            exchange(communicator, lambda: None)
            with abort_on_error(communicator):
                if communicator.rank == 1:
                    raise ValueError("no room")
                communicator.sum(np.zeros(3))

    got = outcomes(3, fit)
    assert str(got[1]) == "no room"
    assert all(isinstance(got[rank], threading.BrokenBarrierError) for rank in (0, 2))


def test_what_cannot_be_pickled_is_an_error_on_all():
    got = outcomes(2, lambda c: exchange(c, lambda: (lambda: c) if c.rank else 0))
    assert "rank 1 failed" in str(got[0])
    assert not isinstance(got[1], list)


@pytest.mark.parametrize("thing", [None, "done", (True, b"done"), ["done"], 3], ids=repr)
def test_a_rank_that_calls_something_else_is_a_sentence_on_the_others(thing):
    def calls(communicator):
        if communicator.rank == 1:
            return communicator.gather(thing)[1]
        with fail_together(communicator):
            return exchange(communicator, lambda: communicator.rank)

    got = outcomes(3, calls)
    assert got[1] == thing
    for rank in 0, 2:
        assert type(got[rank]) is RuntimeError
        assert "same calls in the same order, got another one on rank 1" in str(got[rank])
