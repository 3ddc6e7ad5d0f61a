"""Floors: the least time that a step of each workload can take on this machine.

    python -m benchmarks.floors                       # float32, on one thread and on two
    python -m benchmarks.floors --dtype float64 --threads 8

A step cannot be faster than its multiplications and additions at the processor's peak (peak.c), nor than
its weights are moved (bandwidth.c): read once by the forward pass, then read and updated in place by the
backward pass. The rates of moving are those of the largest array measured that is not larger than all
weights, so that the floor is below what can be had, not above. Caches may keep more, so the second is a
floor only where weights pass through one between the two passes.
"""

import argparse
import sys

from benchmarks import ceilings, machine
from benchmarks.report import figure, table
from benchmarks.runner import Options, dropped
from benchmarks.workloads import WORKLOADS

__all__ = ["arithmetic", "floor", "moving", "render"]

BYTES = {"float32": 4, "float64": 8, "bf16": 4}  # of a weight; with bf16 products it is a float32


def arithmetic(workload, ceilings, dtype="float32"):
    """Return the seconds of a step's multiplications and additions at the peak."""
    return workload.flops / ceilings[dtype]


def moving(workload, ceilings, dtype="float32"):
    """Return the seconds in which a step's weights are read, then updated; 0 if no rate is known."""
    if not ceilings["bandwidth"]:
        return 0.0
    held = workload.n_weights * BYTES[dtype]
    smaller = [rates for size, *rates in ceilings["bandwidth"] if size <= held]
    read, update = smaller[-1] if smaller else ceilings["bandwidth"][0][1:]
    each = workload.weight_bytes(BYTES[dtype]) / 3
    return each / read + 2 * each / update


def floor(workload, ceilings, dtype="float32"):
    """Return the roofline: the larger of the two."""
    return max(arithmetic(workload, ceilings, dtype), moving(workload, ceilings, dtype))


def render(ceilings, dtype="float32"):
    """Return the floors of all workloads, on one thread and on all, as a Markdown table."""
    counts = {1: ceilings["one thread"], ceilings["threads"]: ceilings}
    lines = []
    for workload in WORKLOADS.values():
        mean = workload.n_samples / workload.n_steps
        moved = workload.weight_bytes(BYTES[dtype])
        line = [workload.name, f"{mean:.1f}", f"{workload.flops / 1e6:.3g}", f"{workload.n_weights:,}",
                f"{moved / 1e6:.3g} MB"]  # fmt: skip
        for of in counts.values():
            times = [time(workload, of, dtype) for time in (arithmetic, moving, floor)]
            line += [figure(t) if t else "?" for t in times]
        lines.append(line)
    head = ["workload", "mean batch", "Mflop a step", "weights", "moved a step"]
    for count in counts:
        threads = f"{count} thread{'s' * (count > 1)}"
        head += [f"{what}, {threads}" for what in ("arithmetic", "moving", "floor")]
    return table(head, lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--dtype", choices=tuple(BYTES), default="float32")
    parser.add_argument("--threads", type=int, default=Options.threads)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    before = machine.load()
    best = ceilings.measured(Options(rounds=arguments.rounds, threads=arguments.threads))
    if arguments.dtype not in best:
        sys.exit(f"no peak of {arguments.dtype} could be measured here")
    print(machine.describe(arguments.threads, best["blas"], ("numpy",)) + dropped() + "\n")
    one, all_threads = (of[arguments.dtype] / 1e9 for of in (best["one thread"], best))
    print(
        f"Peak, {arguments.dtype}: {one:.0f} Gflop/s with one thread, {all_threads:.0f} with all."
    )
    print(f"Load average before {before:.2f}, after {machine.load():.2f}.\n")
    if not best["compiled"]:
        print(ceilings.NO_COMPILER + "\n")
    print(render(best, arguments.dtype))


if __name__ == "__main__":
    main()
