"""Measure two builds of minnet side by side, to see whether a change made a step slower.

    python -m benchmarks.before_after BEFORE/bin/python AFTER/bin/python                # all training rows
    python -m benchmarks.before_after BEFORE/bin/python AFTER/bin/python --only 'training-tiny*' import

The two interpreters are those of environments in which one wheel of minnet each is installed. Each row
trains in a process for each build; they take turns, one at a time. The ratio is the time before over the
time after, round by round: median (quartiles); above 1 the new build is faster.
"""

import argparse
import fnmatch
import subprocess
import sys

import numpy as np

from benchmarks import imports, training
from benchmarks.report import figure, quartile_text, ratio_text, table
from benchmarks.runner import Job, Options, Record, alternate, environment, ratios

ROWS = [name for name in training.ROWS if "shapeset" not in name]


def train(name, pythons, options):
    """Return the records of one training row, by build."""
    jobs = []
    for build, python in pythons.items():
        (job,) = training.jobs_for(*training.ROWS[name].about, ["minnet"], options.threads)
        jobs.append(Job(build, job.prepare, job.arguments, job.threads, python))
    return alternate(jobs, options)


def start(pythons, options):
    """Return the records of `import minnet` in fresh processes, by build."""
    records = {build: Record({}) for build in pythons}
    code = imports.timed(imports.IMPORTS["minnet"])
    for turn in range(-1, options.rounds):  # the first round reads the files from the disk
        for build, python in pythons.items():
            done = subprocess.run(
                [python, "-P", "-c", code],
                env=environment(options.threads), capture_output=True, text=True, check=True,
            )  # fmt: skip
            if turn >= 0:
                records[build].bursts[turn] = {"seconds": float(done.stdout)}
    return records


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("before", help="interpreter with the build before the change")
    parser.add_argument("after", help="interpreter with the build after it")
    parser.add_argument("--only", nargs="+", metavar="ROW", default=["*"], help="rows or wildcards")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--seconds", type=float, default=Options.seconds, help="of a burst")
    parser.add_argument("--threads", type=int, default=Options.threads)
    arguments = parser.parse_args()
    options = Options(arguments.rounds, arguments.seconds, threads=arguments.threads)
    pythons = {"before": arguments.before, "after": arguments.after}
    rows = []
    for name in [*ROWS, "import"]:
        if not any(fnmatch.fnmatch(name, pattern) for pattern in arguments.only):
            continue
        records = start(pythons, options) if name == "import" else train(name, pythons, options)
        before, after = records["before"], records["after"]
        if not (before.bursts and after.bursts):
            rows.append([name, "failed", "failed", "", "", ""])
            continue
        once = [figure(float(np.median(r.values("one epoch")))) if len(r.values("one epoch")) else ""
                for r in (before, after)]  # fmt: skip
        times = [quartile_text(record.values()) for record in (before, after)]
        rows.append([name, *times, f"**{ratio_text(ratios(before, after))}**", *once])
        print(*rows[-1], file=sys.stderr)
    head = [
        "row",
        "before: median (quartiles)",
        "after",
        "ratio",
        "fit of one epoch before",
        "after",
    ]
    print(table(head, rows))


if __name__ == "__main__":
    main()
