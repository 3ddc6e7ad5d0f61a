"""Training by two processes of one machine: measured, and beside what computing and sums predict.

    python -m benchmarks.distributed             # measures, in minutes on two quiet cores, and reports
    python -m benchmarks.distributed --report    # reports anew what was measured

Needs mpi4py with an mpiexec, and PyTorch for gloo; matplotlib draws the picture. What is measured goes to
results/distributed.csv, the report to DISTRIBUTED.md, the picture to results/distributed.png.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.distributed.rank import N_RANKS
from benchmarks.distributed.report import CSV, REPORT, draw, render
from benchmarks.machine import load
from benchmarks.runner import without_settings
from minnet.distributed import free_address

LONGEST = 900  # seconds of a job
#: One thread a rank; as root too, as in a container.
SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}
FIELDS = [
    "engine", "kind", "network", "batch", "bytes", "compute", "sum", "step", "seconds", "n_iter", "loss",
    "rows", "load",
]  # fmt: skip


def commands(engine, *options):
    """Return the commands whose processes measure an engine."""
    rank = [sys.executable, "-m", "benchmarks.distributed.rank", *options, engine]
    if engine == "mpi":
        beside = Path(sys.executable).with_name("mpiexec")
        mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec")
        return [[mpiexec, "-n", str(N_RANKS), *rank]]
    if engine == "gloo":
        address = free_address("127.0.0.1")
        return [[*rank, address, str(number)] for number in range(N_RANKS)]
    return [rank]


def measured(engine, *options):
    """Return the rows of a table that an engine's processes print."""
    before = load()
    processes = [
        subprocess.Popen(
            ["timeout", "-k", "5", str(LONGEST), *command],
            stdout=subprocess.PIPE,
            text=True,
            env={**without_settings(), **SETTINGS},
        )
        for command in commands(engine, *options)
    ]
    printed = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit(f"{engine}: a process failed, see above")
    return [
        {**json.loads(line), "load": round(before, 2)}
        for text in printed
        for line in text.splitlines()
    ]


def measure(path, *options):
    """Measure all engines into a file."""
    rows = [row for engine in ("alone", "mpi", "gloo") for row in measured(engine, *options)]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, FIELDS, restval="")
        table.writeheader()
        table.writerows(rows)


def main():
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--report", action="store_true", help="measure nothing")
    parser.add_argument(
        "--quick", action="store_true", help="to see that it runs: prints, and writes nothing"
    )
    own = parser.parse_args()
    if own.quick:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder) / "quick.csv", "--quick")
            print(render(Path(folder) / "quick.csv"))
        return
    if not own.report:
        measure(CSV)
    REPORT.write_text(render(), encoding="utf-8")
    try:
        draw()
    except ImportError:
        print("no picture: matplotlib is not installed; --report draws it where it is")


if __name__ == "__main__":
    main()
