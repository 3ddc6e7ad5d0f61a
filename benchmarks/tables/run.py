"""Fit every contestant on every table and split; append what came out to results/tables.csv.

    python -m benchmarks.tables.run                                # all that are fast, five splits
    python -m benchmarks.tables.run --models RealMLP TabM --splits 0
    python -m benchmarks.tables.run --tables german geo --models Tabular HGB --threads 2

One process at a time, one fit a process; all contestants of a table follow one another, so that they
meet the same load. What is in the file is not run again, whether it succeeded or not, but for
``--again``: what was stopped goes on. A fit that fails or takes more CPU seconds than ``--limit`` is a
line too.
"""

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from benchmarks.machine import commit, cpu_name
from benchmarks.runner import ROOT, environment
from benchmarks.tables.contestants import CONTESTANTS, names
from benchmarks.tables.data import GROUPS, TABLES, load

__all__ = ["RESULTS", "main"]

RESULTS = ROOT / "benchmarks" / "results" / "tables.csv"
KEY = ("table", "model", "split", "threads")
COLUMNS = (
    *KEY, "status", "log_loss", "error", "auc", "rmse", "cpu", "wall", "predict_cpu", "predict_wall",
    "predict_one_cpu", "peak_mb", "others", "task", "n_train", "n_test", "n_columns", "n_classes",
    "version", "machine",
)  # fmt: skip

# Installed packages come before the repository, so that the minnet that was installed is measured.
_START = "import sys; sys.path.append({!r}); from benchmarks.tables.worker import main; main()"


def read(path):
    """Return the lines of a file of results."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(path, line):
    new = not path.exists()
    path.parent.mkdir(exist_ok=True)
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(line)


def forget(path, keys):
    """Leave the lines with these keys out of a file of results."""
    kept = [line for line in read(path) if key_of(line) not in keys]
    path.unlink(missing_ok=True)
    for line in kept:
        append(path, line)


def key_of(line):
    return (line["table"], line["model"], int(line["split"]), int(line["threads"]))


def version(model):
    package = CONTESTANTS[model].package
    text = f"{package} {metadata.version(package)}"
    return f"{text} {commit()}" if package == "minnet-learn" else text


def _cpus(threads):
    """Leave the process its last CPUs: not every library can be told a number of threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def fit(table, model, split, threads, limit):
    """Return the line of one fit."""
    request = {"table": table, "model": model, "split": split, "threads": threads, "limit": limit}
    ended = subprocess.run(
        [sys.executable, "-P", "-c", _START.format(str(ROOT)), json.dumps(request)],
        env=environment(threads), capture_output=True, text=True, check=False,
        preexec_fn=lambda: _cpus(threads),
    )  # fmt: skip
    line = dict(zip(KEY, (table, model, split, threads), strict=True))
    line |= {"version": version(model), "machine": cpu_name()}
    if ended.returncode == 0:
        return line | {"status": "ok"} | rounded(json.loads(ended.stdout))
    if ended.returncode == -signal.SIGXCPU:
        return line | {"status": f"more than {limit} CPU seconds"}
    print(ended.stderr[-2000:], file=sys.stderr)
    reason = (ended.stderr.strip() or f"exit status {ended.returncode}").splitlines()[-1]
    return line | {"status": f"failed: {reason[:200]}"}


def rounded(answer):
    """Return measures with six digits: more are noise, and make a file long."""
    return {name: float(f"{value:.6g}") if isinstance(value, float) else value
            for name, value in answer.items()}  # fmt: skip


def sizes(tables):
    """Return the tables, those with few numbers first."""
    return sorted(tables, key=lambda name: load(name).X.size)


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", nargs="+", default=["development"], metavar="NAME",
                        help="names or groups: " + ", ".join(GROUPS))  # fmt: skip
    parser.add_argument("--models", nargs="+", default=names(slow=False), choices=CONTESTANTS,
                        metavar="NAME", help=", ".join(CONTESTANTS))  # fmt: skip
    parser.add_argument("--splits", nargs="+", type=int, default=list(range(5)), choices=range(5))
    parser.add_argument("--threads", type=int, default=1, help="of each fit (default: 1)")
    parser.add_argument("--limit", type=int, default=1800, help="CPU seconds of a fit's process")
    parser.add_argument("--again", action="store_true", help="run also what is in the file")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    tables = [table for name in options.tables for table in GROUPS.get(name, (name,))]
    if unknown := set(tables) - set(TABLES):
        parser.error(f"no such table: {', '.join(sorted(unknown))}; known: {', '.join(TABLES)}")
    options.tables = list(dict.fromkeys(tables))
    return options


def main():
    options = parse()
    wanted = [(table, model, split, options.threads) for split in options.splits
              for table in sizes(options.tables) for model in options.models]  # fmt: skip
    if options.again:
        forget(options.output, set(wanted))
    done = {key_of(line) for line in read(options.output)}
    for key in wanted:
        if key not in done:
            line = fit(*key, options.limit)
            append(options.output, line)
            loss = line.get("log_loss", line.get("rmse", float("nan")))
            print(f"{key[0]:18} {key[1]:13} split {key[2]}  {line['status'][:60]:4} {loss:8.4f} "
                  f"{line.get('cpu', float('nan')):8.2f} s", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
