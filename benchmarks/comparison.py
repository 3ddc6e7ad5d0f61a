"""Rows that time one call beside the same call of others."""

import time

import numpy as np

from benchmarks.report import figure, quartile_text, ratio_text, table
from benchmarks.runner import alternate, ratios

__all__ = ["render", "repeated", "row"]


def repeated(function):
    """Return a burst that calls a function over and over and gives the mean time of a call."""
    function()
    began = time.perf_counter()
    function()
    estimate = time.perf_counter() - began

    def burst(seconds):
        nonlocal estimate
        n = max(1, int(seconds / max(estimate, 1e-7)))
        began = time.perf_counter()
        for _ in range(n):
            function()
        mean = (time.perf_counter() - began) / n
        estimate = min(estimate, mean)
        return {"seconds": mean, "calls": n}

    return burst


def row(make_jobs, title, goal=""):
    """Return the function of a row: it runs the jobs that ``make_jobs(options)`` returns."""

    def run(options):
        return alternate(make_jobs(options), options)

    run.title, run.goal = title, goal
    return run


def render(heading, text, rows, results, ours="minnet"):
    """Return a section: the times of every contestant, and theirs over minnet's."""
    lines = []
    for name, run in rows.items():
        records = results.get(name, {})
        own = [n for n, r in records.items() if n.startswith(ours) and r.bursts]
        base = records[own[0]] if own else None
        for contestant, record in records.items():
            first = contestant == next(iter(records))
            head = [f"{run.title} (`{name}`)" if first else "", contestant]
            if not record.bursts:
                reason = record.info.get("error", "").strip().rsplit("\n", 1)[-1]
                lines.append([*head, f"failed: {reason}", "", "", "", ""])
                continue
            times = record.values()
            ratio = ""
            if base is not None and not contestant.startswith(ours):
                ratio = ratio_text(ratios(record, base))
            others = record.values("others")
            lines.append(
                [*head, quartile_text(times), figure(float(times.min())), ratio,
                 run.goal if first else "", f"{np.median(others):.2f}" if len(others) else "?"]
            )  # fmt: skip
    head = ["what", "contestant", "median (quartiles)", "least", "over minnet's", "goal",
            "CPUs used by others"]  # fmt: skip
    return f"## {heading}\n\n{text}\n\n{table(head, lines)}" if lines else ""
