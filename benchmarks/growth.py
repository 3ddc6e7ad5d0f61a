"""Growth: the time of a step against batch, width and depth, beside the peers and the roofline."""

from dataclasses import replace

import numpy as np

from benchmarks.contestants import CONTESTANTS
from benchmarks.floors import floor
from benchmarks.report import figure, table
from benchmarks.runner import Worker, alternate
from benchmarks.training import jobs_for
from benchmarks.workloads import VARIANTS, growth

__all__ = ["AXES", "ROWS", "render"]

AXES = {
    "batch": (1, 4, 16, 64, 256, 1024, 4096),
    "width": (16, 64, 256, 1024, 4096),
    "depth": (1, 2, 5, 10, 20),
}
TITLES = {
    "batch": "batch, 256 → 256, 256 → 10 (ReLU)",
    "width": "width of two hidden layers, 256 → width, width → 10 (ReLU), batch 64",
    "depth": "depth, 256 → 256 × depth → 10 (tanh), batch 64",
}


def _row(axis):
    def run(options):
        options = replace(options, rounds=max(3, options.rounds // 2), budget=options.budget / 6)
        with_all = {name: Worker(name, options.threads) for name in CONTESTANTS}
        try:
            return {
                str(size): alternate(
                    jobs_for(growth(axis, size), VARIANTS["sgd"], threads=options.threads),
                    options,
                    with_all,
                )
                for size in AXES[axis]
            }
        finally:
            for worker in with_all.values():
                worker.close()

    return run


ROWS = {f"growth-{axis}": _row(axis) for axis in AXES}


def render(results, ceilings):
    parts = []
    for axis, sizes in AXES.items():
        points = results.get(f"growth-{axis}")
        if not points:
            continue
        lines = []
        for size in sizes:
            records = points[str(size)]
            medians = {n: np.median(r.values()) for n, r in records.items() if r.bursts}
            peers = [m for n, m in medians.items() if n != "minnet"]
            ratio = min(peers) / medians["minnet"] if peers and "minnet" in medians else np.nan
            roof = figure(floor(growth(axis, size), ceilings)) if "float32" in ceilings else ""
            times = [figure(medians[n]) if n in medians else "" for n in CONTESTANTS]
            lines.append([size, *times, f"{ratio:.2f}", roof])
        head = [axis, *CONTESTANTS, "best peer over minnet", "roofline"]
        parts.append(
            f"### {TITLES[axis]}\n\n![](results/growth-{axis}.png)\n\n{table(head, lines)}"
        )
    text = (
        "Median time of a step, plain SGD in float32, measured as above. *Roofline*: its arithmetic at "
        "the peak of all threads, or the time in which its weights are moved, whichever is longer "
        "(`floors.py`).\n\n"
    )
    return "## Growth\n\n" + text + "\n".join(parts) if parts else ""
