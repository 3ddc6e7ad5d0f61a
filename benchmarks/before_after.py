"""Measure two builds of minnet side by side, to see whether a change made a step slower.

    python -m benchmarks.before_after BEFORE/bin/python AFTER/bin/python                # all training rows
    python -m benchmarks.before_after BEFORE/bin/python AFTER/bin/python --only 'training-tiny*' import
    python -m benchmarks.before_after ../before . --only 'step-*' --threads 1

Each of the two is the interpreter of an environment in which a wheel of minnet is installed, or a checkout
in which the extension was built, whose minnet this interpreter then runs. Each row trains in a process for
each build; they take turns, one at a time. ``step-`` are the steps of narrow.py, of few outputs and of few
rows, without a fit around them. The ratio is the time before over the time after, round by round: median
(quartiles); above 1 the new build is faster.
"""

import argparse
import fnmatch
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks import imports, narrow, training
from benchmarks.report import figure, quartile_text, ratio_text, table
from benchmarks.runner import Job, Options, Record, alternate, environment, ratios

ROWS = [name for name in training.ROWS if "shapeset" not in name] + list(narrow.STEPS)


def train(name, builds, options):
    """Return the records of one row of steps, by build."""
    jobs = []
    for build, place in builds.items():
        if name in narrow.STEPS:
            asked = {"name": name, "threads": options.threads}
            jobs.append(Job(build, "benchmarks.narrow:prepare", asked, **place))
        else:
            about = training.ROWS[name].about
            (job,) = training.jobs_for(*about, ["minnet"], options.threads)
            jobs.append(Job(build, job.prepare, job.arguments, job.threads, **place))
    return alternate(jobs, options)


def start(builds, options):
    """Return the records of `import minnet` in fresh processes, by build."""
    records = {build: Record({}) for build in builds}
    code = imports.timed(imports.IMPORTS["minnet"])
    for turn in range(-1, options.rounds):  # the first round reads the files from the disk
        for build, place in builds.items():
            checkout = place["checkout"]
            first = f"import sys; sys.path.insert(0, {checkout!r})\n" if checkout else ""
            done = subprocess.run(
                [place["python"], "-P", "-c", first + code],
                env=environment(options.threads), capture_output=True, text=True, check=True,
            )  # fmt: skip
            if turn >= 0:
                records[build].bursts[turn] = {"seconds": float(done.stdout)}
    return records


def place_of(build):
    """Return interpreter and checkout of a build."""
    if not Path(build).is_dir():
        return {"python": build, "checkout": None}
    checkout = Path(build).resolve()
    if not [*checkout.glob("minnet_ext/_train.*.so"), *checkout.glob("minnet_ext/_train.*.pyd")]:
        sys.exit(f"{build} is no checkout in which the extension was built")
    return {"python": sys.executable, "checkout": str(checkout)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("before", help="the build before the change")
    parser.add_argument("after", help="the build after it")
    parser.add_argument("--only", nargs="+", metavar="ROW", default=["*"], help="rows or wildcards")
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--seconds", type=float, default=Options.seconds, help="of a burst")
    parser.add_argument("--threads", type=int, default=Options.threads)
    arguments = parser.parse_args()
    options = Options(arguments.rounds, arguments.seconds, threads=arguments.threads)
    builds = {"before": place_of(arguments.before), "after": place_of(arguments.after)}
    rows = []
    for name in [*ROWS, "import"]:
        if not any(fnmatch.fnmatch(name, pattern) for pattern in arguments.only):
            continue
        records = start(builds, options) if name == "import" else train(name, builds, options)
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
