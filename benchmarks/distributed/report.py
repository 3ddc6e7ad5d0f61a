"""The report of what was measured, and a picture of what a model says beyond it."""

import csv
import datetime
import platform
from pathlib import Path

import numpy as np

from benchmarks.machine import cpu_name
from benchmarks.scaling_law import LINKS, OF_THE_LINE

__all__ = ["CSV", "REPORT", "draw", "render"]

HERE = Path(__file__).parent
CSV = HERE.parent / "results" / "distributed.csv"
REPORT = HERE.parent / "DISTRIBUTED.md"
PICTURE = HERE.parent / "results" / "distributed.png"

WITHIN = 0.20  # how far a step may be from what is predicted
SMALL = (
    1e-2  # seconds of a step: in a longer one what is beside computing and sum is lost in its noise
)
LBFGS_GOAL = 1.7
EFFICIENCY = 0.85
NODES = 4, 8, 16, 32, 64
#: Seconds of a message, of the links of the law: assumed, not measured.
LATENCIES = {"1 GbE": 50e-6, "10 GbE": 30e-6, "25 GbE": 20e-6, "100 Gb RDMA": 3e-6}

HEAD = """# Training by two processes of one machine

`python -m benchmarks.distributed` measures and writes this. Each rank has one thread; float32, Adam, ReLU.
A time is the median over epochs, without the first.

- Date: {date}, Python {python}
- Machine: {cpu}
- Load of the machine before the processes of each began: {load}

## A step

*computing*: a step with this rank's half of the rows, both ranks at once, whose sums do nothing. *sum*: of
as many bytes as the gradient has, one sum after the other. *predicted* is the two, *measured* the step as
it is. *one process* takes the same step with one thread, without any of it.

"""
COLUMNS = (
    "network, rows of a step, gradient", "engine", "computing", "sum", "predicted", "measured",
    "measured / predicted", "one process", "times as fast",
)  # fmt: skip

TAIL = """
## Beyond two ranks: a model

![A model of the efficiency of 4 to 64 nodes](results/distributed.png)

Nothing in this picture is measured but the rate of one core, {rate:.0f} GF/s in "{network}".
Computing takes 6 operations a parameter and row, a ring sends 2 (n - 1) / n gradients at
{line:.0%} of a link's rate
in 2 (n - 1) messages of an assumed latency; nobody waits for the slowest: things are worse, never better.
The line is at {efficiency:.0%}.
"""


def micro(seconds):
    """Return microseconds, or milliseconds, in words."""
    return f"{seconds * 1e6:,.0f} us" if seconds < 1e-2 else f"{seconds * 1e3:,.1f} ms"


def rows_of(kind, path):
    """Return the rows of the table of a kind, by engine and network."""
    with path.open(newline="", encoding="utf-8") as file:
        return {
            (row["engine"], row["network"]): row
            for row in csv.DictReader(file)
            if row["kind"] == kind
        }


def step_lines(steps):
    """Return the lines of the table of steps, and how many are as predicted."""
    kept = 0
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    ranks = {key: row for key, row in steps.items() if key[0] != "alone"}
    for (engine, network), row in sorted(
        ranks.items(), key=lambda item: list(steps).index(item[0])
    ):
        computing, summing, step = (float(row[name]) for name in ("compute", "sum", "step"))
        alone = float(steps["alone", network]["step"])
        ratio = step / (computing + summing)
        kept += abs(ratio - 1) <= WITHIN
        size = float(row["bytes"])
        about = f"{network}, {row['batch']}, " + (
            f"{size / 1e6:,.1f} MB" if size > 1e5 else f"{size / 1e3:,.0f} kB"
        )
        cells = [about, engine, *map(micro, (computing, summing, computing + summing, step))]
        lines.append(f"| {' | '.join(cells)} | {ratio:.2f} | {micro(alone)} | {alone / step:.2f} |")
    lines += ["", f"{kept} of {len(ranks)} are within {WITHIN:.0%} of what is predicted."]
    most = beside(ranks)
    excess = ", ".join(f"{micro(seconds)} with {engine}" for engine, seconds in most.items())
    least = ", ".join(
        f"{micro(seconds / WITHIN)} with {engine}" for engine, seconds in most.items()
    )
    lines += [
        "",
        f"Small steps, of less than {micro(SMALL)}, take up to so much longer than predicted: {excess}.",
        f"That is {WITHIN:.0%} of a step of {least}: above, the prediction holds.",
    ]
    return lines


def beside(steps):
    """Return the most that a small step takes beside its computing and its sum, by engine."""
    most = {}
    for (engine, _), row in steps.items():
        predicted, step = float(row["compute"]) + float(row["sum"]), float(row["step"])
        if predicted < SMALL:
            most[engine] = max(most.get(engine, 0.0), step - predicted)
    return most


def lbfgs_lines(found):
    """Return the section on L-BFGS."""
    alone = found["alone", ""]
    lines = ["", "## L-BFGS", ""]
    rows, n_iter = alone["rows"], alone["n_iter"]
    lines += [
        f"The mnist network, {int(rows):,} rows, {n_iter} iterations, beside one thread:",
        "",
    ]
    lines += ["| | seconds | objective | times as fast |", "|---|---|---|---|"]
    for (engine, _), row in found.items():
        times = float(alone["seconds"]) / float(row["seconds"])
        lines.append(
            f"| {engine} | {float(row['seconds']):.2f} | {float(row['loss']):.6f} | {times:.2f} |"
        )
        if row["n_iter"] != n_iter:
            lines[-1] += f" after {row['n_iter']} iterations"
    best = max(float(alone["seconds"]) / float(row["seconds"]) for row in found.values())
    lines += ["", f"The goal is {LBFGS_GOAL}; the better engine reached {best:.2f}."]
    return lines


def fastest(steps):
    """Return the network whose steps take longest, its parameters, and operations a second of a core."""
    (_, network), row = max(
        (item for item in steps.items() if item[0][0] != "alone"),
        key=lambda item: float(item[1]["compute"]),
    )
    n_parameters = int(float(row["bytes"])) // 4
    return network, n_parameters, 6 * n_parameters * float(row["batch"]) / 2 / float(row["compute"])


def render(path=CSV):
    """Return the report of what a file has."""
    steps, found = rows_of("step", path), rows_of("lbfgs", path)
    loads = {engine: row["load"] for (engine, _), row in steps.items()}
    text = HEAD.format(
        date=f"{datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC):%Y-%m-%d}",
        cpu=cpu_name(),
        python=platform.python_version(),
        load=", ".join(f"{engine} {load}" for engine, load in loads.items()),
    )
    text += "\n".join([*step_lines(steps), *lbfgs_lines(found)]) + "\n"
    network, _, rate = fastest(steps)
    return text + TAIL.format(
        rate=rate / 1e9, network=network, line=OF_THE_LINE, efficiency=EFFICIENCY
    )


def draw(path=CSV):
    """Draw the efficiency that the model gives, by rows of a rank and step."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    _, n_parameters, rate = fastest(rows_of("step", path))
    rows = np.geomspace(10, 1e5, 200)
    figure, axes = plt.subplots(1, len(LINKS), figsize=(13, 3.6), sharey=True, layout="constrained")
    for axis, (link, gigabits) in zip(axes, LINKS.items(), strict=True):
        for shade, n in zip(np.linspace(0.25, 0.9, len(NODES)), NODES, strict=True):
            sending = 2 * (n - 1) / n * 4 * n_parameters / (gigabits * 1e9 / 8 * OF_THE_LINE)
            sending += 2 * (n - 1) * LATENCIES[link]
            computing = 6 * n_parameters * rows / rate
            share = 100 * computing / (computing + sending)
            axis.semilogx(rows, share, color=plt.cm.viridis(shade), label=f"{n} nodes")
        axis.axhline(100 * EFFICIENCY, color="black", linestyle="--", linewidth=1)
        axis.set(title=link, xlabel="rows of a rank and step", ylim=(0, 100))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("efficiency, %")
    axes[0].text(12, 100 * EFFICIENCY + 2, f"{EFFICIENCY:.0%}", fontsize=9)
    axes[-1].legend(fontsize=8, loc="lower right")
    of = f"one core a node, {rate / 1e9:.0f} GF/s, {n_parameters:,} parameters"
    figure.suptitle(f"A model, not measured: {of}")
    figure.savefig(PICTURE, dpi=110)
