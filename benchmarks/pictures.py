"""Pictures of the results."""

import numpy as np

from benchmarks import growth
from benchmarks.contestants import CONTESTANTS
from benchmarks.floors import floor
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads import growth as workload_at

__all__ = ["draw"]

COLOURS = {"minnet": "#c1272d", "scikit-learn": "#f7931e", "PyTorch": "#7b5ea7", "JAX": "#0071bc"}


def draw(results, ceilings, folder):
    """Write growth-*.png and training.png into the folder."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    for axis in growth.AXES:
        points = results.get(f"growth-{axis}")
        if points:
            figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
            _curves(axes, axis, points, ceilings)
            figure.savefig(folder / f"growth-{axis}.png", dpi=150)
            plt.close(figure)
    if any(f"training-{name}" in results for name in WORKLOADS):
        figure, axes = plt.subplots(figsize=(11, 4.4), layout="constrained")
        _bars(axes, results)
        figure.savefig(folder / "training.png", dpi=150)
        plt.close(figure)


def _curves(axes, axis, points, ceilings):
    sizes = growth.AXES[axis]
    for name in CONTESTANTS:
        drawn = [(s, points[str(s)][name].values()) for s in sizes if points[str(s)][name].bursts]
        if not drawn:
            continue
        x = [size for size, _ in drawn]
        low, middle, high = np.array([np.percentile(v, [25, 50, 75]) for _, v in drawn]).T
        axes.plot(x, middle, "o-", color=COLOURS[name], label=name, markersize=4)
        axes.fill_between(x, low, high, color=COLOURS[name], alpha=0.2, linewidth=0)
    if "float32" in ceilings:
        roof = [floor(workload_at(axis, size), ceilings) for size in sizes]
        axes.plot(sizes, roof, "k--", linewidth=1, label="roofline")
    axes.set(xscale="log", yscale="log", xlabel=axis, ylabel="seconds a step")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_title(growth.TITLES[axis], fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def _bars(axes, results):
    """Draw the time of a step over minnet's for every workload with plain SGD."""
    names = [name for name in WORKLOADS if f"training-{name}" in results]
    for i, contestant in enumerate(CONTESTANTS):
        heights = []
        for name in names:
            records = results[f"training-{name}"]
            ours, theirs = (records[n].values() for n in ("minnet", contestant))
            known = len(ours) and len(theirs)
            heights.append(np.median(theirs) / np.median(ours) if known else np.nan)
        bars = axes.bar(
            np.arange(len(names)) + 0.2 * (i - 1.5), heights, 0.2, bottom=0,
            color=COLOURS[contestant], label=contestant,
        )  # fmt: skip
        axes.bar_label(bars, [f"{h:.2f}" if h < 2 else f"{h:.3g}" for h in heights], fontsize=7)
    axes.set(yscale="log", ylabel="time of a step, minnet = 1", ylim=(0.5, None))
    axes.set_xticks(np.arange(len(names)), names)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_title("Training, plain SGD in float32", fontsize=10)
    axes.legend(frameon=False)
