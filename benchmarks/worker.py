"""A contestant's process: prepares once, then works for a moment whenever it is asked to.

It reads requests from its standard input and answers on its standard output, a line of JSON each:

    {"prepare": "module:function", "arguments": {...}}   imports and calls it, keeps the burst it returns
    {"burst": seconds}                                   works for about so long, returns what was timed

``prepare`` functions return ``burst, information``; ``burst(seconds)`` returns a dictionary with the
time of a unit of work under "seconds", and with whatever else it noted.
"""

import gc
import importlib
import json
import os
import sys
import time
import traceback

__all__ = ["busy_seconds", "main"]


def busy_seconds():
    """Return the CPU time that the machine has spent on anything so far; None where it does not say."""
    try:
        with open("/proc/stat") as file:
            user, nice, system, _idle, _wait, *other = map(int, file.readline().split()[1:9])
    except (OSError, ValueError):
        return None
    return (user + nice + system + sum(other)) / os.sysconf("SC_CLK_TCK")


_ended = {}


def watched(burst, seconds):
    """Run a burst; note wall and CPU time, and how many CPUs others kept busy meanwhile.

    "idle" is the CPU time that this process took between bursts, while it was to be silent.
    """
    idle = time.process_time() - _ended.get("cpu", time.process_time())
    gc.collect()
    busy, cpu, wall = busy_seconds(), time.process_time(), time.perf_counter()
    answer = burst(seconds)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    answer |= {"wall": wall, "cpu": cpu, "idle": idle}
    if busy is not None:
        answer["others"] = max(0.0, (busy_seconds() - busy - cpu) / wall)
    _ended["cpu"] = time.process_time()
    return answer


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to the error stream
    burst = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "prepare" in request:
                burst = None  # frees what the last one held
                gc.collect()
                module, _, name = request["prepare"].partition(":")
                function = getattr(importlib.import_module(module), name)
                burst, answer = function(**request["arguments"])
            else:
                answer = watched(burst, request["burst"])
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
