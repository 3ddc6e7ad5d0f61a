"""Does ``diagnose`` name what is wrong, does its advice help, is it silent on what trains? A table.

    python -m benchmarks.diagnosis                       # minutes: writes DIAGNOSIS.md
    python -m benchmarks.diagnosis --only 'dropout*'     # names or kinds: prints, writes nothing
    python -m benchmarks.diagnosis --list                # their names

The situations are those of the tests (``tests/lab/broken_*.py``, ``healthy.py``): models that do not
train, rebuilt from what people ask in public, and models that do, most of them diagnosed both before their
fit and after it. For each broken one: the first finding, whether it names the cause, whether its remedy
could be applied, and score and loss of a fit without it and with it. For each healthy one: false alarms.
"""

import argparse
import contextlib
import fnmatch
import re
import shlex
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from benchmarks.machine import describe, load

sys.path.append(str(Path(__file__).parents[1] / "tests" / "lab"))

from broken_data import DATA
from broken_networks import NETWORKS
from broken_training import TRAINING
from healthy import HEALTHY
from situations import judge

HERE = Path(__file__).parent
PACKAGES = ("minnet-learn", "numpy", "scipy", "scikit-learn")
BROKEN = [*TRAINING, *NETWORKS, *DATA]


def chosen(situations, patterns):
    """Return those whose name or kind matches one of the patterns; all if there are none."""
    return [
        (i, s)
        for i, s in enumerate(situations)
        if not patterns or any(fnmatch.fnmatch(t, p) for p in patterns for t in (s.name, s.kind))
    ]


def pairs(rows):
    """Return groups of rows that share a fit."""
    groups = {}
    for i, situation in rows:
        groups.setdefault(id(situation.make), []).append(i)
    return list(groups.values())


def judged(kind, group):
    """Return verdicts and seconds of situations, by their places in a list; for another process."""
    situations = HEALTHY if kind == "healthy" else BROKEN
    found = []
    with threadpool_limits(1):
        for i in group:
            began = time.perf_counter()
            found.append((i, judge(situations[i]), time.perf_counter() - began))
    return found


def verdicts(kind, rows, jobs):
    parallel = Parallel(n_jobs=jobs, batch_size=1)
    found = parallel(delayed(judged)(kind, group) for group in pairs(rows))
    return {i: (verdict, seconds) for group in found for i, verdict, seconds in group}


def number(value):
    return "-" if not np.isfinite(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:.0e}"


def arrow(before, after, place):
    return f"{number(before[place])} → {number(after[place])}"


def line(text):
    return re.sub(r"\s+", " ", str(text)).replace("|", "/")


def first_of(verdict):
    """Return the code of the first finding, or of the first remark."""
    if verdict.codes:
        return verdict.codes[0]
    return f"remark: {verdict.remarks[0].code}" if verdict.remarks else "silent"


def broken_table(rows, found, sentences):
    """Return the table of what is broken, and how often it was right."""
    lines, counts = [], dict.fromkeys(("named", "remarked", "applied", "trains", "goal"), 0)
    for i, s in rows:
        v, _ = found[i]
        counts["named"] += v.right
        counts["remarked"] += v.right and not v.codes
        counts["applied"] += v.applied is True
        counts["goal"] += s.goal is not None
        counts["trains"] += v.trains
        named = "yes" if v.right else "**no**"
        trains = "" if s.goal is None else "yes" if v.trains else "**no**"
        applied = "yes" if v.applied is True else "no" if v.applied is False else line(v.applied)
        lines.append(
            f"| {s.kind} | {s.name} | {first_of(v)} | {named} | {applied} | "
            f"{arrow(v.before, v.after, 0)} | {arrow(v.before, v.after, 1)} | {trains} |"
            + (f" {line(v.sentence)} |" if sentences else "")
        )
    head = "| kind | situation | first finding | named | applied | score | loss | trains |"
    head += " its sentence |" if sentences else ""
    rule = "| " + " | ".join(["---"] * (head.count("|") - 1)) + " |"
    return "\n".join([head, rule, *lines]), counts


def healthy_table(rows, found):
    """Return the table of false alarms, and how many models raise one."""
    lines = []
    alarmed = 0
    for i, s in rows:
        v, _ = found[i]
        alarmed += bool(v.codes)
        low = " **(not healthy)**" if s.goal is not None and v.before[0] < s.goal else ""
        remarks = "; ".join(line(remark) for remark in v.remarks)
        if v.codes or remarks or low:
            alarm = f"**{', '.join(v.codes)}**: {line(v.sentence)}" if v.codes else ""
            lines.append(f"| {s.name} | {number(v.before[0])}{low} | {alarm} | {remarks} |")
    head = ["| model | score | alarm | remarks |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *lines]), alarmed


def machine(options):
    """Return when, where and with what this was measured, in lines that are not too long."""
    lines = describe(options.jobs, [], PACKAGES).splitlines()
    kept = [line.split("; minnet from")[0] for line in lines if not line.startswith("- Threads")]
    commit = ["git", "-C", HERE, "describe", "--always", "--dirty"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):  # no checkout
        kept.append(f"- Commit: {subprocess.check_output(commit, text=True).strip()}")
    return "".join(textwrap.fill(line, 110, subsequent_indent="  ") + "\n" for line in kept)


def report(broken, healthy, found_broken, found_healthy, options):
    """Return the page, in Markdown."""
    broken_rows, counts = broken_table(broken, found_broken, options.sentences)
    healthy_rows, alarmed = healthy_table(healthy, found_healthy)
    kinds = []
    for kind in dict.fromkeys(s.kind for _, s in broken):
        of = [(i, s) for i, s in broken if s.kind == kind]
        named = sum(found_broken[i][0].right for i, _ in of)
        goals = [i for i, s in of if s.goal is not None]
        trains = sum(found_broken[i][0].trains for i in goals)
        kinds.append(
            f"| {kind} | {named} of {len(of)} | {f'{trains} of {len(goals)}' if goals else ''} |"
        )
    command = shlex.join(["python", "-m", "benchmarks.diagnosis", *sys.argv[1:]])
    return f"""# What `diagnose` finds, and what its advice is worth

Situations that do not train, rebuilt from what people ask in public, and models that do.
The *score* is accuracy (balanced for rare classes), R², or for a Network the share of the best constant's
loss that it saves; the *loss* is that of the data over the loss of the best constant answer; in
*overfitting* both are of the rows held out. Both are of a fit without the first finding's remedy → of one
with it. *Trains*: the score reaches what the situation asks for; there is no such figure where no change
of the model can help. Diagnosed before the fit, or *fitted*; where such a fit has learned something, a
remark may say it.

{machine(options)}- `{command}`

| | |
| --- | --- |
| broken situations | {len(broken)} |
| cause named first | {counts["named"]}, {counts["remarked"]} of them in a remark |
| the first advice applied | {counts["applied"]} |
| ... and the network trains | {counts["trains"]} of {counts["goal"]} |
| healthy models | {len(healthy)} |
| with a false alarm | {alarmed} |

## By kind

| kind | cause named first | trains as advised |
| --- | --- | --- |
{chr(10).join(kinds)}

## Broken

{broken_rows}

## Healthy

Those with an alarm or a remark.

{healthy_rows}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="*", default=[], help="names or kinds, as a shell matches")
    parser.add_argument("--list", action="store_true", help="print names and kinds")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--skip", choices=("broken", "healthy"), default=None)
    parser.add_argument("--sentences", action="store_true", help="print the first findings in full")
    parser.add_argument(
        "--to", type=Path, default=None, help="where to write, instead of DIAGNOSIS.md"
    )
    options = parser.parse_args()
    broken = [] if options.skip == "broken" else chosen(BROKEN, options.only)
    healthy = [] if options.skip == "healthy" else chosen(HEALTHY, options.only)
    if options.list:
        print("\n".join(f"{s.kind:45} {s.name}" for _, s in broken + healthy))
        return
    print(f"load of the last minute before: {load():.1f}", file=sys.stderr)
    began = time.perf_counter()
    found_broken = verdicts("broken", broken, options.jobs)
    found_healthy = verdicts("healthy", healthy, options.jobs)
    page = report(broken, healthy, found_broken, found_healthy, options)
    if options.to or not (options.only or options.skip or options.sentences):
        (options.to or HERE / "DIAGNOSIS.md").write_text(page, encoding="utf-8")
    else:
        print(page)
    slow = [(seconds, BROKEN[i].name) for i, (_, seconds) in found_broken.items()]
    slow += [(seconds, HEALTHY[i].name) for i, (_, seconds) in found_healthy.items()]
    for seconds, name in sorted(slow, reverse=True)[:5]:
        print(f"{seconds:6.1f} s  {name}", file=sys.stderr)
    print(f"{time.perf_counter() - began:.0f} s in all", file=sys.stderr)


if __name__ == "__main__":
    main()
