"""The law of training on several machines: what share of a step is communication.

Arithmetic, no measurement. A step of a dense network with P parameters costs each rank 6 P flops a row,
whatever the layers: 2 P forward, 4 P backward. Summing the gradients of n ranks in a ring sends
2 (n - 1) / n of its 4 P bytes (float32) from each. P cancels: what a step gains depends on the rows of
each rank, its speed and its link alone. Latency, waiting for the slowest and what engines cost are not in
it: things are worse, never better.

    python -m benchmarks.scaling_law             # writes SCALING_LAW.md
    python -m benchmarks.scaling_law --flops 2e11 --gigabits 50 --batch 5000 --ranks 16    # yours: prints
"""

import argparse
from pathlib import Path

__all__ = ["rows_for", "speed_up"]

REPORT = Path(__file__).with_name("SCALING_LAW.md")
LINKS = {"1 GbE": 1, "10 GbE": 10, "25 GbE": 25, "100 Gb RDMA": 100}
CORES = {"one core a rank (80 GF/s)": 80e9, "16 cores a rank (1 TF/s)": 1e12}
BATCHES = 200, 2_000, 20_000, 200_000
FLOPS_A_ROW, BYTES = 6, 4  # for each parameter
OF_THE_LINE = 0.94  # what a line's rate carries of the numbers themselves


def seconds_sent(gigabits, ranks=None):
    """Return what summing takes, in seconds a parameter; of very many ranks if ``ranks`` is None."""
    share = 2.0 if ranks is None else 2 * (ranks - 1) / ranks
    return share * BYTES / (gigabits * 1e9 / 8 * OF_THE_LINE)


def rows_for(efficiency, flops, gigabits):
    """Return the rows a step that each of many ranks needs to compute for this share of the time."""
    return seconds_sent(gigabits) * efficiency / (1 - efficiency) * flops / FLOPS_A_ROW


def speed_up(batch, ranks, flops, gigabits):
    """Return how many times as fast as one rank ``ranks`` take a step of ``batch`` rows in all."""
    alone = batch * FLOPS_A_ROW / flops
    return alone / (alone / ranks + seconds_sent(gigabits, ranks))


def rounded(number):
    """Return two digits of a number of rows."""
    return f"{float(f'{number:.2g}'):,.0f}"


def render():
    """Return the report."""
    text = __doc__.partition("\n\n")[2].partition("    python")[0].strip()
    lines = ["# The law of training on several machines", "", *text.splitlines(), ""]
    lines += ["`python -m benchmarks.scaling_law` writes this file.", ""]
    lines += ["## Rows of each rank for 85 %", ""]
    lines += ["Rows a rank and step for 85 % of the time to be computing, with many ranks:", ""]
    lines += [f"| link | {' | '.join(CORES)} |", "|---|---|---|"]
    for name, gigabits in LINKS.items():
        rows = [rounded(rows_for(0.85, flops, gigabits)) for flops in CORES.values()]
        lines.append(f"| {name} | {' | '.join(rows)} |")
    lines += ["", "## A step on 8 machines", ""]
    lines += [
        "A step of eight machines of 16 cores, times as fast as of one, by the rows of all:",
        "",
    ]
    lines += [f"| link | {' | '.join(f'{batch:,} rows' for batch in BATCHES)} |", "|---" * 5 + "|"]
    for name, gigabits in LINKS.items():
        cells = [f"{speed_up(batch, 8, 1e12, gigabits):.2g}" for batch in BATCHES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main():
    """Write the report, or answer for one machine and link."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flops", type=float, help="of a rank, in a second")
    parser.add_argument("--gigabits", type=float, default=10, help="of its link (default: 10)")
    parser.add_argument(
        "--batch", type=int, default=200, help="rows of a step, in all (default: 200)"
    )
    parser.add_argument("--ranks", type=int, default=8, help="(default: 8)")
    own = parser.parse_args()
    if own.flops is None:
        REPORT.write_text(render(), encoding="utf-8")
        return
    times = speed_up(own.batch, own.ranks, own.flops, own.gigabits)
    print(f"{own.ranks} ranks take a step of {own.batch:,} rows {times:.2g} times as fast as one.")
    rows = rounded(rows_for(0.85, own.flops, own.gigabits))
    print(f"Each rank needs {rows} rows a step for 85 % of the time to be computing.")


if __name__ == "__main__":
    main()
