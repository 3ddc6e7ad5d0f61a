"""Gloo: sums and exchanges of processes, and what they say when one of them is lost."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from in_processes import outcomes, stop_for_ever

from minnet.distributed import Gloo, free_address, together

pytest.importorskip("torch.distributed")
pytestmark = pytest.mark.cluster

#: What a rank that waits for the others says after so many seconds.
TIMEOUT = 3


def values(found):
    """Return what the ranks returned."""
    for outcome in found:
        assert outcome.error is None, outcome.error
        assert outcome.status is None, outcome
    return [outcome.value for outcome in found]


def _sums(rank, size, address):
    done = []
    for _ in range(2):  # one after the other, at one address
        with together(Gloo(address, rank, size, timeout=60)) as ranks:
            for dtype in ("float32", "float64"):
                for n in (0, 1, 7, 20_000_000 // np.dtype(dtype).itemsize):
                    numbers = np.arange(n, dtype=dtype) % 1000 * (rank + 1)
                    ranks.sum(numbers)
                    ranks.sum(numbers)
                    done.append((n, dtype, (numbers == _expected(n, dtype, size)).all()))
            done.append(ranks.gather({"rank": rank, "rows": np.full(rank * 1000, rank)}))
            done.append(ranks.gather(None))
    return done


def _expected(n, dtype, size):
    return np.arange(n, dtype=dtype) % 1000 * (size * (size + 1) // 2) * size


@pytest.mark.parametrize("size", [1, 2, 3])
def test_sums_and_exchanges_reach_all_ranks(size):
    for done in values(outcomes(size, _sums)):
        for one in done:
            if isinstance(one, tuple):
                assert one[2], one
            elif one[0] is None:
                assert one == [None] * size
            else:
                assert [thing["rank"] for thing in one] == list(range(size))
                assert [thing["rows"].sum() for thing in one] == [r * r * 1000 for r in range(size)]


def _bits(rank, size, address):
    rng = np.random.default_rng(rank)
    ranks = Gloo(address, rank, size)
    found = []
    for n in (1, 3, 1000, 100_003):
        numbers = rng.standard_normal(n) * 10.0 ** rng.integers(-8, 8, n)
        ranks.sum(numbers)
        found.append(numbers.tobytes())
    return found


def test_all_ranks_get_the_same_bits():
    first, *others = values(outcomes(4, _bits))
    assert all(other == first for other in others)


def _lost(rank, size, address, how, by):
    ranks = Gloo(address, rank, size, timeout=TIMEOUT if how == "stops" else 60)
    ranks.sum(np.ones(3))
    if rank == size - 1:
        time.sleep(0.1)  # the others wait by now
        return _LOST[how](ranks)
    with pytest.raises(OSError, match=f"^rank {rank} of {size} has ") as caught:
        ranks.sum(np.ones(300_000)) if by == "sum" else ranks.gather("I am here")
    with pytest.raises(ConnectionError, match="make another Gloo"):
        ranks.sum(np.ones(3))
    return caught.value


def _leave_by_error(ranks):
    with pytest.raises(KeyError), together(ranks):
        raise KeyError("no such file")
    time.sleep(20)  # the process lives on


def _abort(ranks):
    ranks.abort()
    time.sleep(20)


def _cannot_be_pickled(ranks):
    with pytest.raises(Exception, match="pickle"):
        ranks.gather(lambda: None)
    time.sleep(20)


_LOST = {
    "exits": lambda ranks: os._exit(3),
    "ends": lambda ranks: None,
    "is killed": lambda ranks: os.kill(os.getpid(), signal.SIGKILL),
    "stops": lambda ranks: stop_for_ever(),
    "aborts and lives on": _abort,
    "leaves the block by an error and lives on": _leave_by_error,
    "gives what cannot be pickled and lives on": _cannot_be_pickled,
}


@pytest.mark.parametrize("by", ["sum", "gather"])
@pytest.mark.parametrize("how", _LOST)
@pytest.mark.parametrize("size", [2, 3])
def test_a_lost_rank_is_an_error_on_the_others(size, how, by):
    *others, _ = outcomes(size, _lost, how, by, stopped=[size - 1])
    for outcome, error in zip(others, values(others), strict=True):
        # Of three, the one that has not waited for the lost one itself hears that from the other.
        assert isinstance(error, TimeoutError | ConnectionError)
        assert outcome.seconds < 15, "not by the timeout of 60 seconds"
        assert "\n" not in str(error)
    if how == "stops":
        assert any(isinstance(outcome.value, TimeoutError) for outcome in others)
        assert min(outcome.seconds for outcome in others) >= TIMEOUT


def _meet(rank, size, address, taken, told, late=0.0):
    if taken is None:
        return None
    time.sleep(late)
    began = time.monotonic()
    with pytest.raises((OSError, ValueError)) as caught:
        Gloo(address, taken, told, timeout=1)
    return str(caught.value), time.monotonic() - began


def _pair(rank, size, address, first, second):
    return _meet(rank, size, address, *(first, second)[rank])


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ((0, 3), (1, 3), r"no rank 2 of 3 has come to 127.0.0.1:\d+ within 1 seconds \(timeout\)"),
        ((0, 2), (None, 2), r"no rank 1 of 2 has come"),
        ((1, 2), (None, 2), r"no rank 0 is at 127.0.0.1:\d+ within 1 seconds \(timeout\)"),
        ((0, 3), (0, 3), r"(?i)address already in use"),
        ((0, 3), (1, 2), r"size must be the same on all ranks, got [23] and [23]"),
    ],
)
def test_ranks_that_do_not_meet_say_why(first, second, said):
    found = [one for one in values(outcomes(2, _pair, first, second)) if one is not None]
    assert any(re.search(said, text) for text, _ in found), found
    assert all(seconds < 10 for _, seconds in found)


def _twice(rank, size, address):
    with pytest.raises((OSError, ValueError)) as caught:
        Gloo(address, min(rank, 1), size, timeout=1)
    return str(caught.value)


def test_a_rank_that_is_there_twice_is_refused():
    found = values(outcomes(3, _twice))
    assert sum("rank must be another one in each process, got 1 twice" in one for one in found) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", 0, 1), 'address must be "host:port" with a port from 1 to 65535'),
        ((":80", 0, 1), "address must be"),
        (("here:0", 0, 1), "address must be"),
        (("here:x", 0, 1), "address must be"),
        ((80, 0, 1), "address must be"),
        (("here:80", 2, 2), "rank must be a whole number of at least 0 and at most 1"),
        (("here:80", 0, 0), "size must be"),
        (("here:80", 0, 1, 0), "timeout must be above 0"),
        (("here:80", 0, 1, float("nan")), "timeout must be above 0"),
        (("here:80", 0, 1, 1e300), "timeout must be above 0"),
        (("here:80", 0, 1, 60, 3), "interface must be"),
        (("no-such-machine.invalid:80", 1, 2, 0.1), "no rank 0 is at no-such-machine.invalid:80"),
        (("a..b:80", 1, 2), "address must have the name of a machine, got 'a..b'"),
        (("127.0.0.1:1", 1, 2, 0.1, None), "no rank 0 is at 127.0.0.1:1"),
        (("192.0.2.1:29999", 1, 2, 0.1, None), "no rank 0 is at 192.0.2.1:29999"),
    ],
)
def test_arguments_that_cannot_be(arguments, said):
    with pytest.raises((ValueError, TypeError, OSError), match=said):
        Gloo(*arguments)


def _by_interface(rank, size, address, interface):
    try:
        return Gloo(address, rank, size, 20, interface).gather(rank)
    except (OSError, ValueError) as error:
        return str(error)


def test_the_interface_can_be_told():
    assert values(outcomes(2, _by_interface, "lo")) == [[0, 1], [0, 1]]
    found = values(outcomes(2, _by_interface, "no0"))
    assert any("no0" in one for one in found), "the other may have heard only that this one is lost"


def test_a_free_address_is_one_that_can_be_bound():
    for towards in (None, "localhost", "::1"):
        try:
            host, port = free_address(towards).rsplit(":", 1)
        except OSError:  # no IPv6 here
            continue
        family = socket.AF_INET6 if "[" in host else socket.AF_INET
        with socket.socket(family) as bound:
            bound.bind((host.strip("[]"), int(port)))
    for towards in ("no-such-machine.invalid", "a" * 70, "a\0b", ""):
        with pytest.raises(
            ValueError, match="towards must be the name or address of a machine, got"
        ):
            free_address(towards)


def test_import_of_minnet_imports_no_engine():
    lines = """import sys, minnet, minnet.distributed
assert not {"torch", "mpi4py", "dask", "distributed", "ray", "pyspark"} & set(sys.modules)
sys.modules["torch"] = sys.modules["mpi4py"] = None
for make in (lambda: minnet.distributed.Gloo("here:80", 0, 1), minnet.distributed.MPI):
    try:
        make()
    except ImportError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert "pip install 'minnet-learn[gloo]'" in first
    assert "pip install 'minnet-learn[mpi]'" in second
