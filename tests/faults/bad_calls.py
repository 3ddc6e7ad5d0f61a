"""Calls with hostile arguments, of everything public; run alone it makes as many as it is told to.

    python tests/faults/bad_calls.py --calls 500 --seed 0
    python tests/faults/bad_calls.py --sweep            every function, argument and hostile value
    python tests/faults/bad_calls.py --sweep --only Trainer.fit

A call may work, but not with what cannot stand for the argument (a date for a number), or raise one of
``ALLOWED`` with a sentence; a call that raises must leave what it was
called on as it was. The exit code is the number of calls that did otherwise, at most 100.
"""

import argparse
import contextlib
import dataclasses
import functools
import io
import itertools
import os
import pickle
import random
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter

import numpy as np
from hostile_values import HOSTILE, HUGE, NO_FLAG, NO_NAME, NO_NUMBER, NO_NUMBERS
from public_things import public
from sklearn.exceptions import NotFittedError
from valid_calls import CALLS, WITHOUT

import minnet

ALLOWED = (ValueError, TypeError, NotFittedError)
MINNET = os.path.dirname(minnet.__file__) + os.sep
MOST_FRAMES = 4  # of it in a traceback
SECONDS_A_CALL = 300  # of the processor, so that other work on the machine does not count
SECONDS_WAITING = 900  # of the clock, for a call that waits for what never comes
TICKS = 30  # in which both are counted
BYTES_OF_MEMORY = 3 * 2**30  # on top of what the imports take


class TooLongError(BaseException):
    """A call took too long."""


def make_call(name, replaced):
    """Make a call with some arguments replaced; return None or what is wrong with what happened.

    Parameters
    ----------
    name : str
        In ``valid_calls.CALLS``.
    replaced : dict from argument names to names in ``hostile_values.HOSTILE``
    """
    call = CALLS[name]()
    arguments = dict(call.arguments)
    for argument, hostile in replaced.items():
        with contextlib.suppress(Exception):  # not everything can be made of every value
            arguments[argument] = HOSTILE[hostile](arguments[argument])
    before = pickle.dumps(call.watched)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with (
                _in_time(signal.SIGPROF, signal.ITIMER_PROF, SECONDS_A_CALL),
                _in_time(signal.SIGALRM, signal.ITIMER_REAL, SECONDS_WAITING),
            ):
                call.function(**arguments)
    except Exception as error:
        allowed = ALLOWED + ((MemoryError,) if HUGE & set(replaced.values()) else ())
        # Files, and other processes: a rank may never come.
        outside = {"path", "folder", "source", "address", "size", "timeout"}
        allowed += (OSError,) if outside & set(replaced) else ()
        if name.endswith(".score"):  # what scikit-learn's metrics make of a hostile y is theirs
            allowed += (UnboundLocalError, OverflowError, NotImplementedError)
        if not isinstance(error, allowed):
            where = traceback.extract_tb(error.__traceback__)[-1]
            short = " ".join(str(error).split())[:120]
            return f"{type(error).__name__}: {short} ({where.filename}:{where.lineno})"
        if frames := long_traceback(error):
            return f"{len(frames)} frames: {' > '.join(frames)}"
        if error.__cause__ is None and error.__context__ and not error.__suppress_context__:
            return f"it came during the handling of another: {error!r:.120}"
        if len(str(error).split()) < 3 and not isinstance(error, MemoryError):
            return f"no sentence: {error!r}"
        if len(str(error)) > 5000:
            return f"a sentence of {len(str(error))} characters: {str(error)[:200]} ..."
        if not _may_change(name, replaced, error) and pickle.dumps(call.watched) != before:
            return f"the state changed, though it raised {error!r:.200}"
    except TooLongError:
        return f"it took more than {SECONDS_A_CALL} s, or waited for {SECONDS_WAITING} s"
    else:
        nonsense = [
            f"{argument}={hostile}"
            for argument, hostile in replaced.items()
            if is_nonsense(name, argument, call.arguments[argument], hostile)
        ]
        if nonsense and len(nonsense) == len(replaced):
            return f"accepted nonsense: {', '.join(nonsense)}"
    return None


def long_traceback(error):
    """Return the frames of minnet that an error of its checks came through, if they are more than four.

    Where a function of the user's took part, all of them help.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(MINNET)]
    others = any("hostile" in frame.filename or "makers" in frame.filename for frame in frames)
    if others or len(ours) <= MOST_FRAMES:
        return []
    return [f"{frame.filename.removeprefix(MINNET)}:{frame.name}" for frame in ours]


@contextlib.contextmanager
def _in_time(signal_number, timer, seconds):
    """Raise after so many seconds; a machine that stands still meanwhile costs one tick of them.

    Afterwards the timer is what it was before: that of the clock is pytest-timeout's.
    """
    ticks = itertools.count(1)

    def tick(*_):
        if next(ticks) >= TICKS:
            raise TooLongError

    handler = signal.signal(signal_number, tick)
    before = signal.setitimer(timer, seconds / TICKS, seconds / TICKS)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(signal_number, handler)
        signal.setitimer(timer, *before)


def is_nonsense(name, argument, good, hostile):
    """Say whether to take a value is a fault: it is nothing that stands for what the argument is.

    What the argument is, is told by the good value. Results and other records keep what they are given,
    and scikit-learn's parameters are checked by ``fit``.
    """
    if name in KEEPS or f"{name}.{argument}" in KEEPS or ".set_params" in name:
        return False
    if isinstance(good, bool | np.bool_):
        return hostile in NO_FLAG - ({"7"} if argument == "verbose" else set())
    if isinstance(good, int | float | np.number):
        return hostile in NO_NUMBER
    if isinstance(good, str):
        numbers = {"7", "0.01", "-2", "frame", "series"} if argument in OR_NUMBERS else set()
        return hostile in NO_NAME - numbers
    # What is masked in a table is missing there.
    missing = {"masked array", "one masked"} if name.startswith(TABLES) else set()
    return (
        isinstance(good, np.ndarray) and good.dtype.kind == "f" and hostile in NO_NUMBERS - missing
    )


#: What takes tables.
TABLES = ("TableEncoder", "Tabular", "BaseTabular")

#: Names that may be numbers as well.
OR_NUMBERS = {"init", "bias_init", "batch_size", "initializer", "spec", "layer", "gain",
              "min_frequency"}  # fmt: skip

#: What keeps what it is given as it is: records of results, and names that only a message says.
KEEPS = {
    *(name for name, value in public().items() if dataclasses.is_dataclass(value)),
    "Context", "Measurement", "MinNetTransformer", "Parameter", "Initializer.variance",
    "copy_weights.layers", "ParametersMixin.get_params", "PhaseDiagramDisplay", "Recipe",
    "Recipe.with_given",
} - {"MeanField", "Stream"}  # fmt: skip


def _may_change(name, replaced, error):
    """Say whether an error came after steps of training that stay made.

    partial_fit and Trainer.fit check before their first step. A divergence comes out after it, and so
    do a user's functions that answer with what they must not.
    """
    functions = any("function" in hostile for hostile in replaced.values())
    return "Solver produced non-finite" in str(error) or (
        name.startswith("Trainer.fit") and functions
    )


@functools.cache  # to make some of the calls takes a fit
def replaceable(name):
    """Return the names of the arguments of a call that may be replaced."""
    return tuple(CALLS[name]().arguments)


def random_calls(n_calls, seed):
    """Return bad calls, each a name and what is replaced; the same for the same seed."""
    rng, names = (
        random.Random(seed),
        sorted(name for name in CALLS if name not in WITHOUT and replaceable(name)),
    )
    calls = []
    for i in range(n_calls):
        name = names[i % len(names)] if i < len(names) else rng.choice(names)
        arguments = replaceable(name)
        n_replaced = min(rng.choice([1, 1, 2, 3]), len(arguments))
        chosen = rng.sample(arguments, n_replaced)
        calls.append((name, {argument: rng.choice(list(HOSTILE)) for argument in chosen}))
    return calls


def prepare():
    """Bound the process's memory and time, and work in an empty folder."""
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES_OF_MEMORY,) * 2)
    os.chdir(tempfile.mkdtemp(prefix="minnet-bad-calls-"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sweep", action="store_true", help="one argument at a time, all values")
    parser.add_argument("--part", default="0/1", help="of the sweep: every n-th function")
    parser.add_argument("--only", default="", help="functions whose name contains this")
    options = parser.parse_args()
    prepare()
    if options.sweep:
        part, n_parts = map(int, options.part.split("/"))
        calls = [
            (name, {argument: hostile})
            for name in sorted(set(CALLS) - WITHOUT)[part::n_parts]
            if options.only in name
            for argument, hostile in itertools.product(replaceable(name), HOSTILE)
        ]
    else:
        calls = [c for c in random_calls(options.calls, options.seed) if options.only in c[0]]
    wrong, seen = 0, Counter()
    for name, replaced in calls:
        print(f"{name} {replaced}", file=sys.stderr)  # the last line says what ended the process
        fault = make_call(name, replaced)
        if fault:
            wrong += 1
            key = name, tuple(replaced), fault.split(":")[0], fault.rpartition("(")[2]
            seen[key] += 1
            if seen[key] <= 3:
                print(f"{name} {replaced}\n    {fault}", flush=True)
    print(f"{len(calls)} bad calls of {len({name for name, _ in calls})} functions, {wrong} faults")
    return min(wrong, 100)


if __name__ == "__main__":
    sys.exit(main())
