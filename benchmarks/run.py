"""Measure minnet beside its peers.

    make bench                                        # makes the environment, runs all of it
    python -m benchmarks.run --only training-tiny     # one row: prints its tables, writes nothing
    python -m benchmarks.run --only 'training-*-adam' threads gemm
    python -m benchmarks.run --list                   # the names of the rows

Only a run of all rows writes: RESULTS.md and results/*.png, beside this file, wholly from that run.
"""

import argparse
import fnmatch
import sys
import time
from pathlib import Path

from benchmarks import (
    ceilings,
    default_fit,
    gemm,
    growth,
    imports,
    inference,
    initialization,
    machine,
    memory,
    threads,
    training,
)
from benchmarks.report import wrapped
from benchmarks.runner import Options, dropped

HERE = Path(__file__).parent
SECTIONS = (
    ceilings,
    training,
    default_fit,
    growth,
    threads,
    initialization,
    gemm,
    inference,
    imports,
    memory,
)
ROWS = {name: run for section in SECTIONS for name, run in section.ROWS.items()}

HOW = """
Every contestant has a process of its own, warmed up (JAX compiled, data and code in memory, the loss
seen to fall). Then they take turns, one at a time, in bursts of about {seconds} s, {rounds} rounds; a
contestant whose burst takes long sits out some rounds, but has at least three. Times are medians over
bursts with lower and upper quartile; ratios are taken within a round, and the median and quartiles of
these are given. *CPUs used by others* is the median over bursts of what all other processes of the machine
used meanwhile: at more than a few hundredths, times are too high and ratios uncertain.

PyTorch has the number of threads, one or all, with which its step is faster. With two classes all
networks have one logistic output.
"""


def chosen(patterns):
    """Return the rows that patterns name: a row, a group such as "training", or with wildcards."""
    if not patterns:
        return dict(ROWS)
    names = []
    for pattern in patterns:
        found = fnmatch.filter(ROWS, pattern)
        found = found or [name for name in ROWS if name.split("-")[0] == pattern]
        if not found:
            sys.exit(f"no row {pattern!r}; there are: {', '.join(ROWS)}")
        names += found
    return {name: ROWS[name] for name in ROWS if name in names}


def measure(rows, options):
    """Return the results of some rows; one that fails is reported and left out."""
    results = {}
    for i, (name, run) in enumerate(rows.items(), 1):
        began = time.perf_counter()
        print(f"[{i}/{len(rows)}] {name} ", end="", flush=True, file=sys.stderr)
        try:
            results[name] = run(options)
        except Exception as error:
            print(f"failed: {error}", file=sys.stderr)
            continue
        print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    return results


def report(results, options, seconds, load):
    """Return RESULTS.md."""
    best = ceilings.summary(results)
    how = HOW.format(seconds=options.seconds, rounds=options.rounds)
    parts = ["# Results\n", machine.describe(options.threads, best.get("blas", []))]
    parts.append(
        f"{dropped()}\n- Load average before the run {load:.2f}, after it {machine.load():.2f}; it took "
        f"{seconds / 60:.0f} minutes\n{how}"
    )
    parts += [text for section in SECTIONS if (text := section.render(results, best))]
    return wrapped("\n".join(parts))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="ROW", help="rows, groups or wildcards")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--seconds", type=float, default=Options.seconds, help="of a burst")
    parser.add_argument("--budget", type=float, default=Options.budget,
                        help="seconds of a slow contestant in a row")  # fmt: skip
    parser.add_argument("--threads", type=int, default=Options.threads)
    parser.add_argument(
        "--output", type=Path, help="folder to write to (default: here, if all rows)"
    )
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(ROWS))
        return
    options = Options(arguments.rounds, arguments.seconds, arguments.budget, arguments.threads)
    rows, load, began = chosen(arguments.only), machine.load(), time.perf_counter()
    results = measure(rows, options)
    text = report(results, options, time.perf_counter() - began, load)
    folder = arguments.output or (None if arguments.only else HERE)
    if folder is None:
        print(text)
        return
    from benchmarks import pictures

    (folder / "results").mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text(text)
    pictures.draw(results, ceilings.summary(results), folder / "results")
    print(f"wrote {folder / 'RESULTS.md'}", file=sys.stderr)


if __name__ == "__main__":
    main()
