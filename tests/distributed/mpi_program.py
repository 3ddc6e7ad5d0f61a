"""What tests have ``mpiexec`` run: ``mpi_program.py what``; the last rank is the one that fails."""

import json
import os
import signal
import sys
import threading
import time

import numpy as np

from minnet.distributed import MPI, together

ranks = MPI()
LAST = ranks.rank == ranks.size - 1


def report(found):
    """Print what rank 0 has found."""
    if ranks.rank == 0:
        print(json.dumps(found))


def sums():
    """Sums and exchanges: what is wrong of them."""
    wrong = []
    for _ in range(2):
        with together(ranks):
            for dtype in ("float32", "float64"):
                for n in (0, 1, 7, 20_000_000 // np.dtype(dtype).itemsize):
                    ones = np.arange(n, dtype=dtype) % 1000
                    numbers = ones * (ranks.rank + 1)
                    ranks.sum(numbers)
                    ranks.sum(numbers)
                    if not (
                        numbers == ones * (ranks.size * (ranks.size + 1) // 2) * ranks.size
                    ).all():
                        wrong.append([n, dtype])
            if ranks.gather([ranks.rank] * ranks.rank) != [[r] * r for r in range(ranks.size)]:
                wrong.append("gather")
            numbers = np.random.default_rng(ranks.rank).standard_normal(1001)
            ranks.sum(numbers)
            if len({one.tobytes() for one in ranks.gather(numbers)}) > 1:
                wrong.append("bits")
    report(sum(ranks.gather(wrong), []))


def waits(fails):
    """Wait for the last rank, which fails."""
    ranks.sum(np.ones(3))
    if LAST:
        time.sleep(0.2)
        fails()
    ranks.sum(np.ones(3))
    ranks.gather(None)


def _raises():
    raise KeyError("this rank alone raises")


def _raises_together():
    with together(ranks):
        _raises()


def _exits_together():
    with together(ranks):
        sys.exit("this rank alone leaves")


def _aborts():
    try:
        _raises()
    except KeyError:
        ranks.abort()


def _interrupts_itself():
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    time.sleep(60)


def caught():
    """All raise, all catch it, all go on: the job ends well."""
    for _ in range(2):
        try:
            with together(ranks):
                raise ValueError("on all ranks")
        except ValueError:
            pass
    report(len(ranks.gather(None)))


DO = {
    "sums": sums,
    "caught": caught,
    "raises": lambda: waits(_raises),
    "raises together": lambda: waits(_raises_together),
    "exits together": lambda: waits(_exits_together),
    "aborts": lambda: waits(_aborts),
    "is interrupted": lambda: waits(_interrupts_itself),
    "ends": lambda: waits(lambda: os._exit(3)),
    "is killed": lambda: waits(lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "waits for ever": lambda: waits(lambda: time.sleep(1000)),
}

if __name__ == "__main__":
    DO[sys.argv[1]]()
