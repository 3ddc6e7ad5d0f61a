"""The paper's figures, each as a picture, its numbers and verdicts, and a report of all.

``python -m examples.glorot2010.figures --figure 6,7`` makes some of them, without ``--figure`` all. What
needs trained networks is drawn from the curve files of the repository's long runs, and, with
``--updates N``, from those of shorter ones, too, which are trained first.
"""

import argparse
import dataclasses
import importlib
import json
import os
import time
from pathlib import Path

from examples.glorot2010 import report
from examples.glorot2010.curves import read_curves
from examples.glorot2010.depths import DEPTHS
from examples.glorot2010.fixed_set import N_FIXED
from examples.glorot2010.protocol import PAPER_ROWS, Run
from examples.glorot2010.runs import run_all
from examples.glorot2010.source import Source
from examples.glorot2010.table1 import COMMITTED, chosen
from minnet.datasets import load_cifar10, load_mnist

__all__ = ["NEEDED", "PARTS", "make"]

#: Module of each part.
PARTS = {
    "2": "figure02",
    "3": "figure03",
    "4": "figure04",
    "5": "figure05",
    "6": "figure06",
    "7": "figure07",
    "8": "figure08",
    "9": "figure09",
    "10": "figure10",
    "11": "figure11",
    "12": "figure12",
    "jacobians": "jacobians",
    "fixed": "fixed_set",
    "depths": "depths",
    "shapes": "layer_shapes",
}
#: Of those that need trained networks, which; learning rates are for where nothing better is known.
NEEDED = {
    "2": [Run("sigmoid", depth=4), Run("sigmoid")],
    "3": [Run("tanh"), Run("softsign")],
    "4": [Run("tanh"), Run("softsign")],
    "9": [Run("tanh"), Run("tanh-n")],
    "10": [Run("tanh-n")],
    "11": [Run(row) for row in PAPER_ROWS],
    "fixed": [Run("tanh-n"), Run("tanh-n", fixed=N_FIXED)],
    "depths": [
        Run(row, depth=depth)
        for depth in DEPTHS
        for row in ("sigmoid", "tanh", "tanh-n", "softsign")
    ],
}


def make(part, source, folder, suffix=""):
    """Measure and draw a part: a picture and a file of numbers in a folder.

    Parameters
    ----------
    part : str
        Of :data:`PARTS`.
    source : Source
    folder : path-like
    suffix : str, default=""
        Of the files' names.

    Returns
    -------
    dict
        ``part``, ``title``, ``paper``, ``picture`` (its file name), ``caption`` (what was measured),
        ``table`` (rows of texts, or None) and ``verdicts``; ``picture`` is None where curves are missing.
    """
    module = importlib.import_module(f"examples.glorot2010.{PARTS[part]}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = {"part": part, "title": module.TITLE, "paper": module.PAPER, "picture": None}
    record |= {"caption": source.label if part in NEEDED else ""}
    record |= {"verdicts": [], "table": None}
    numbers = module.measure(source)
    if numbers is None:
        return record
    import matplotlib.pyplot as plt

    name = PARTS[part] + suffix
    figure = module.draw(numbers)
    figure.savefig(folder / f"{name}.png", dpi=120)
    plt.close(figure)
    record["picture"] = f"{name}.png"
    record["table"] = module.table(numbers) if hasattr(module, "table") else None
    record["verdicts"] = [verdict.record() for verdict in module.verdicts(numbers)]
    (folder / f"{name}.json").write_text(json.dumps(record | {"numbers": numbers}) + "\n")
    return record


def train_short(parts, updates, width, jobs, committed, folder):
    """Train what parts need, one seed of each; return the curves.

    Learning rates are those of the long runs.
    """
    runs = []
    needed = dict.fromkeys(each for part in parts for each in NEEDED.get(part, ()))
    # The longest first: no core is to wait for one at the end.
    for run in sorted(needed, key=lambda each: -each.depth):
        of_row = chosen(committed, run.depth).get(run.row) or chosen(committed).get(run.row)
        rate = of_row[0].run["rate"] if of_row else run.rate
        runs.append(dataclasses.replace(run, width=width, rate=rate))
    found = run_all(runs, updates, folder, jobs=jobs, every=5000, per_epoch=1000)
    return list(found.values())


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--figure", default=",".join(PARTS), help="of %(default)s")
    add("--table", choices=["1"], help="the table and Figure 11 only, of which it is the end")
    add("--curves", default=COMMITTED, help="folder of curve files (default: %(default)s)")
    add("--updates", type=int, help="train networks for so many updates, too")
    add("--width", type=int, default=1000, help="units of a layer (default: %(default)s)")
    add("--seeds", type=int, default=5, help="networks before training (default: %(default)s)")
    add("--mnist", help="folder with MNIST's files, for figure 12 (default: digits)")
    add("--cifar10", help="folder with CIFAR-10's files, for figure 12")
    add("--epochs", type=int, default=10, help="on these (default: %(default)s)")
    add("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    add("--out", default="glorot2010_report", help="folder (default: %(default)s)")
    given = parser.parse_args(arguments)
    parts = ["11"] if given.table else given.figure.split(",")
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        parser.error(f"--figure must be of {', '.join(PARTS)}, got {', '.join(unknown)}")
    if given.updates is not None and (given.updates < 1000 or given.updates % 1000):
        parser.error(f"--updates must be a multiple of 1000, got {given.updates}")
    seeds = tuple(range(given.seeds))
    committed = read_curves(given.curves)
    loaders = ((load_mnist, given.mnist), (load_cifar10, given.cifar10))
    sets = [load(folder) for load, folder in loaders if folder]
    shared = {"width": given.width, "seeds": seeds, "sets": tuple(sets), "epochs": given.epochs}
    shared["jobs"] = given.jobs
    long = Source(committed, "long runs", **shared)
    sources = {"": long}
    if given.updates is not None and set(parts) & set(NEEDED):
        folder = Path(given.out) / "runs"
        curves = train_short(parts, given.updates, given.width, given.jobs, committed, folder)
        short = Source(curves, "reduced protocol", **shared)
        sources = {"": short, "_long": long} if committed else {"": short}
    records = []
    for part in parts:
        began = time.perf_counter()
        for suffix, source in sources.items() if part in NEEDED else [("", long)]:
            records.append(make(part, source, given.out, suffix))
            for verdict in records[-1]["verdicts"]:
                print(f"    {verdict['claim']} {verdict['outcome']}: {verdict['measured']}")
        missing = "" if records[-1]["picture"] else ": no curves for it"
        print(f"{part}: {time.perf_counter() - began:.1f} s{missing}", flush=True)
    report.write(records, given.out)
    print(f"{Path(given.out) / 'report.html'}")


if __name__ == "__main__":
    main()
