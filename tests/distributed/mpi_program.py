"""What tests have ``mpiexec`` run: ``mpi_program.py what``; the last rank is the one that fails."""

import json
import os
import signal
import sys
import threading
import time
import warnings

import numpy as np
from fits import STEPS, Failing, classifier, digest, fitted, shard

from minnet.callbacks import Checkpoint
from minnet.distributed import MPI, together

if __name__ == "__main__":  # doctests are looked for here, where there need not be any MPI
    ranks = MPI()
    LAST = ranks.rank == ranks.size - 1


class Fails(Failing, MPI):
    """A rank of MPI's that fails."""


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
    report([one for of_rank in ranks.gather(wrong) for one in of_rank])


def waits(fails, by="sum", timeout=None):
    """Wait for the last rank, which fails."""
    those = MPI(timeout=timeout)
    those.sum(np.ones(3))
    if LAST:
        time.sleep(0.2)
        fails()
    those.sum(np.ones(3)) if by == "sum" else those.gather(None)


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


def _stops():
    os.kill(os.getpid(), signal.SIGSTOP)


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


def fit():
    """Fit: the parameters, and their digest."""
    with together(ranks):
        model = fitted(*shard(ranks.rank, ranks.size))
    report({"digest": digest(model), "params": model.network_.params.tolist()})


def _failing(how):
    """Return ranks of which the last fails."""
    fails = Fails()
    if LAST:
        fails.what, fails.at = how, STEPS // 3
    return fails


def fit_that_is_interrupted():
    """Fit until Ctrl-C comes to the last rank alone: what rank 0 warns of."""
    with warnings.catch_warnings(record=True) as caught, together(_failing("is interrupted")):
        warnings.simplefilter("always")
        model = classifier().fit(*shard(ranks.rank, ranks.size))
    digests = ranks.gather(digest(model))
    report(
        {
            "equal": len(set(digests)) == 1,
            "epochs": model.n_iter_,
            "warned": [str(warning.message) for warning in caught],
        }
    )


def fit_with_a_checkpoint():
    """Fit, and lose the last rank after a third of the steps."""
    path, how = sys.argv[2:]
    model = classifier()
    if ranks.rank == 0:
        model.set_callbacks(Checkpoint(path, every=1e-9))
    with together(ranks if how == "none" else _failing(how)):
        fitted(*shard(ranks.rank, ranks.size), model=model)
    report({"digest": digest(model)})


DO = {
    "fit": fit,
    "fit that is interrupted": fit_that_is_interrupted,
    "fit with a checkpoint": fit_with_a_checkpoint,
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
    "is stopped": lambda: waits(_stops, timeout=2),
    "is stopped, and waited for to speak": lambda: waits(_stops, by="gather", timeout=2),
    "does something else": lambda: waits(lambda: time.sleep(1000), timeout=2),
}

if __name__ == "__main__":
    DO[sys.argv[1]]()
