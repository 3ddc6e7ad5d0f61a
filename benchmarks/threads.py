"""Threads: minnet with two against minnet with one."""

from dataclasses import asdict

import numpy as np

from benchmarks.report import quartile_text, ratio_text, table
from benchmarks.runner import Job, alternate, ratios
from benchmarks.workloads import VARIANTS, WORKLOADS

__all__ = ["ROWS", "render"]

GOALS = {"paper": "≥ 1.7", "wide": "≥ 1.7"}


def _row(workload):
    def run(options):
        jobs = [
            Job(
                f"{n} thread{'s' * (n > 1)}",
                "benchmarks.training:prepare",
                {
                    "contestant": "minnet",
                    "workload": asdict(workload),
                    "variant": asdict(VARIANTS["sgd"]),
                    "threads": n,
                },
                threads=n,
            )
            for n in (1, options.threads)
        ]
        return alternate(jobs, options)

    return run


ROWS = {f"threads-{w.name}": _row(w) for w in WORKLOADS.values()}


def render(results, ceilings):
    lines = []
    for workload in WORKLOADS.values():
        records = list(results.get(f"threads-{workload.name}", {}).values())
        if not records or not all(record.bursts for record in records):
            continue
        one, many = records
        others = np.median([np.median(record.values("others")) for record in records])
        lines.append(
            [workload.name, quartile_text(one.values()), quartile_text(many.values()),
             ratio_text(ratios(one, many)), GOALS.get(workload.name, "≥ 1"), f"{others:.2f}"]
        )  # fmt: skip
    text = (
        "The same fit under `OMP_NUM_THREADS=1` and with all threads of this run, plain SGD in float32. "
        "Where a step is too small to share, minnet keeps to one thread by itself."
    )
    head = ["workload", "one thread", "all threads", "ratio", "goal", "CPUs used by others"]
    return f"## Threads\n\n{text}\n\n{table(head, lines)}" if lines else ""
