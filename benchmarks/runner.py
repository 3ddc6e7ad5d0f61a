"""Runs contestants in turn, each in a process of its own, and gathers what they timed."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

__all__ = [
    "Job",
    "Options",
    "Worker",
    "alternate",
    "dropped",
    "environment",
    "quartiles",
    "ratios",
    "restart_without_settings",
    "without_settings",
]

ROOT = Path(__file__).resolve().parents[1]

# Installed packages come before the repository, so that the minnet that was installed is measured;
# but not for `benchmarks`, as there are packages that install one of their own.
_START = (
    "import sys; sys.path.insert(0, {!r}); from benchmarks.worker import main; "
    "sys.path.append(sys.path.pop(0)); {}; main()"
)

# Settings of these libraries are the benchmark's to make: with OPENBLAS_CORETYPE=Haswell, for one,
# scikit-learn is slower than it is on the processor that is there.
_PREFIXES = (
    "OPENBLAS_",
    "GOTO_",
    "NVPL_",
    "MKL_",
    "BLIS_",
    "VECLIB_",
    "DNNL_",
    "ONEDNN_",
    "ATEN_",
    "NPY_",
    "OMP_",
    "GOMP_",
    "KMP_",
    "MINNET_",
    "XLA_",
    "JAX_",
)


@dataclass(frozen=True)
class Options:
    """How long to measure, and with how many threads."""

    rounds: int = 11
    seconds: float = 0.2  # of a burst
    budget: float = 60.0  # seconds a slow contestant may take in all, beyond its three bursts
    threads: int = 2
    verbose: bool = True


@dataclass
class Job:
    """A contestant: what its process calls first, and in which environment."""

    name: str
    prepare: str
    arguments: dict
    threads: int | None = None  # None: those of the options
    python: str = sys.executable
    checkout: str | None = None  # whose minnet it has; None: that of the interpreter


def without_settings():
    """Return the environment without what would change how fast a library is."""
    return {k: v for k, v in os.environ.items() if not k.startswith(_PREFIXES)}


_STARTED_ANEW = "MINNET_STARTED_ANEW"


def restart_without_settings():
    """Start a script that times in its own process anew without them, where any are set.

    The number of threads stays, which is the caller's to choose. Libraries read the others when they are
    loaded: before a script could take them away. Once: scikit-learn sets some when it is loaded.
    """
    threads = {k: v for k, v in os.environ.items() if k == "OMP_NUM_THREADS"}
    kept = without_settings() | threads
    if kept != dict(os.environ) and _STARTED_ANEW not in os.environ:
        os.execve(sys.executable, sys.orig_argv, kept | {_STARTED_ANEW: "1"})


def dropped():
    """Return a line of a report: which settings were there, and are not in the contestants' processes."""
    names = ", ".join(f"`{name}`" for name in sorted(os.environ) if name.startswith(_PREFIXES))
    return (
        "- Environment: `OPENBLAS_CORETYPE` and all other settings of BLAS, OpenMP, XLA and the like are "
        "unset in every process that is timed, but for the number of threads; set outside were "
        f"{names or 'none'}"
    )


def environment(threads):
    """Return the environment of a contestant's process."""
    kept = {k: v for k, v in without_settings().items() if not k.startswith("PYTHON")}
    return kept | {"OMP_NUM_THREADS": str(threads), "JAX_PLATFORMS": "cpu"}


class Worker:
    """A process of benchmarks/worker.py; used by ``with``."""

    def __init__(self, name, threads, cpus=None, python=sys.executable, checkout=None):
        self.name = name
        # The benchmarks are those of here, which are loaded by then.
        first = f"sys.path.insert(0, {checkout!r})" if checkout else "pass"
        self._process = subprocess.Popen(
            [python, "-P", "-c", _START.format(str(ROOT), first)],
            env=environment(threads), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: _pin(cpus or threads),
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the process."""
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def ask(self, **request):
        """Send a request, wait for the answer."""
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.name} ended: {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return answer

    def prepare(self, function, arguments):
        """Let the process make what it is to time; return what it says about it."""
        return self.ask(prepare=function, arguments=arguments)

    def burst(self, seconds):
        """Let the process work for about so long; return what it timed."""
        return self.ask(burst=seconds)


def _pin(cpus):
    """Leave a process so many CPUs: not every library can be told a number of threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cpus])


@dataclass
class Record:
    """What a contestant said when it was ready, and its bursts by round."""

    info: dict
    bursts: dict = field(default_factory=dict)

    def values(self, key="seconds"):
        return np.array([burst[key] for burst in self.bursts.values() if key in burst])


def alternate(jobs, options, workers=None):
    """Prepare all jobs, then let them work in turn, one at a time; return a dict of Records.

    A job that is too slow for the budget sits out most rounds, but has at least three. A job that
    fails is left out, with the reason in its record's ``info``.
    """
    made = workers is None
    if made:
        workers = {
            job.name: Worker(
                job.name, job.threads or options.threads, options.threads, job.python, job.checkout
            )
            for job in jobs
        }
    try:
        records = {}
        for job in jobs:
            began = time.perf_counter()
            try:
                info = workers[job.name].prepare(job.prepare, job.arguments)
            except RuntimeError as error:
                info = {"error": str(error)}
                print(f"    {job.name}: {error}", file=sys.stderr)
            records[job.name] = Record(info | {"prepared in": time.perf_counter() - began})
        strides = {}
        for turn in range(options.rounds):
            for job in jobs:
                record = records[job.name]
                if "error" in record.info or turn % strides.get(job.name, 1):
                    continue
                time.sleep(0.15)  # the last one's threads go to sleep: OpenBLAS's spin for 0.1 s
                burst = workers[job.name].burst(options.seconds)
                record.bursts[turn] = burst
                if turn == 0:
                    enough = int(np.ceil(burst["wall"] * options.rounds / options.budget))
                    strides[job.name] = max(1, min(enough, (options.rounds - 1) // 2))
        return records
    finally:
        if made:
            for worker in workers.values():
                worker.close()


def quartiles(values):
    """Return lower quartile, median and upper quartile."""
    return [float(q) for q in np.percentile(values, [25, 50, 75])]


def ratios(theirs, ours, key="seconds"):
    """Return the quartiles of their time over ours, taken round by round."""
    common = [turn for turn in ours.bursts if turn in theirs.bursts]
    return quartiles([theirs.bursts[turn][key] / ours.bursts[turn][key] for turn in common])
