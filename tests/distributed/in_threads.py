"""Ranks that are threads of one process: what needs no engine is tested with these."""

import contextvars
import threading

import numpy as np

from minnet.distributed import Communicator, together


class _Place:
    """Where the threads meet."""

    def __init__(self, size):
        self.size, self.barrier = size, threading.Barrier(size, timeout=30)
        self.things = [None] * size


class OfThreads(Communicator):
    """A communicator of threads; sums go by the order of the ranks."""

    def __init__(self, rank, place):
        self.rank, self.size, self.place = rank, place.size, place

    def sum(self, numbers):
        assert numbers.ndim == 1
        assert numbers.flags.c_contiguous
        everyone = self.gather(numbers.copy())
        assert len({(one.shape, one.dtype) for one in everyone}) == 1, "ranks sum different things"
        numbers[...] = np.sum(everyone, axis=0, dtype=numbers.dtype)

    def gather(self, thing):
        place = self.place
        place.things[self.rank] = thing
        place.barrier.wait()
        everyone = list(place.things)
        place.barrier.wait()
        return everyone

    def abort(self):
        self.place.barrier.abort()


def outcomes(size, function):
    """Return what ``function(communicator)`` returned, or raised, on each of so many ranks."""
    place, results = _Place(size), [None] * size

    def run(rank):
        try:
            with together(OfThreads(rank, place)) as communicator:
                results[rank] = function(communicator)
        except BaseException as error:
            results[rank] = error

    threads = [
        threading.Thread(target=contextvars.Context().run, args=(run, rank)) for rank in range(size)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def run_ranks(size, function):
    """Return what each rank returned; raise what the first one raised by itself."""
    results = outcomes(size, function)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in sorted(errors, key=lambda e: isinstance(e, RuntimeError)):
        raise error
    return results
