"""The paper's figures, each as a picture, its numbers and verdicts, and a report of all.

``python -m examples.glorot2010.figures --figure 6,7`` makes some of them, without ``--figure`` all. What
needs trained networks is drawn from the curve files of the repository's long runs, and, with
``--updates N``, from those of shorter ones, too, which are trained first. The documentation draws what
takes long to measure from records, which ``--records keep`` writes.
"""

import argparse
import dataclasses
import importlib
import inspect
import io
import json
import os
import shutil
import signal
import sys
import textwrap
import time
from pathlib import Path

from examples.glorot2010 import inventory, rate_choices, report, wording
from examples.glorot2010.curves import duration, machine, read_curves, versions
from examples.glorot2010.depths import DEPTHS
from examples.glorot2010.earlier_rules import EARLIER_RULES
from examples.glorot2010.fixed_set import N_FIXED
from examples.glorot2010.protocol import PAPER_ROWS, Run
from examples.glorot2010.records import RECORDS
from examples.glorot2010.runs import run_all
from examples.glorot2010.source import Source
from examples.glorot2010.table1 import COMMITTED, chosen
from minnet.common.atomic import write_atomically
from minnet.common.plotting import pyplot
from minnet.datasets import load_cifar10, load_image_folder, load_mnist

__all__ = ["NEEDED", "PARTS", "RECORDED", "make"]

#: Module of each part.
PARTS = {
    "1": "figure01",
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
    "later": "later",
    "batches": "batch_sizes",
    "forecast": "forecast",
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
#: Those whose numbers are of curves; of the long runs alone for the last one, whose rows are too many.
FROM_CURVES = (*NEEDED, "later", "forecast")
#: Those that take minutes to measure, and where their records are kept.
RECORDED = ("12", "jacobians")


def make(part, source, folder, suffix="", records=None):
    """Measure and draw a part: a picture and a file of numbers in a folder.

    Parameters
    ----------
    part : str
        Of :data:`PARTS`.
    source : Source
    folder : path-like
    suffix : str, default=""
        Of the files' names.
    records : path-like, optional
        A folder with files of numbers of earlier calls: if it has one of the part, this is drawn and
        nothing measured; parts of :data:`RECORDED` are not measured without one either.

    Returns
    -------
    dict
        ``part``, ``title``, ``paper``, ``picture`` (its file name), ``caption`` (what was measured),
        ``tables`` (rows of texts each), ``remarks`` (sentences), ``verdicts``, ``kept`` (whether it is
        drawn from a record), ``measured`` (seconds, versions and machine) and ``rule`` (by which it is
        judged). ``picture`` is None where curves or a record are missing, and ``missing`` says so.
    """
    plt = pyplot()  # or say how to get it, before anything is measured
    module = importlib.import_module(f"examples.glorot2010.{PARTS[part]}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = {"part": part, "title": module.TITLE, "paper": module.PAPER, "picture": None}
    record |= {"caption": source.label if part in FROM_CURVES else "", "kept": False}
    record |= {"verdicts": [], "tables": [], "remarks": [], "measured": None, "missing": None}
    record["rule"] = _rule(getattr(module, "RULES", module.verdicts))
    kept = None if records is None else Path(records) / f"{PARTS[part]}.json"
    if kept is not None and kept.exists():
        before = json.loads(kept.read_text())
        record |= {key: before[key] for key in ("caption", "measured")} | {"kept": True}
        numbers = before["numbers"]
    elif kept is not None and part in RECORDED:
        return record | {"missing": "No record of it."}
    else:
        began = time.perf_counter()
        numbers = module.measure(source)
        if numbers is None:
            return record | {"missing": f"No curves for it ({source.label})."}
        seconds = round(time.perf_counter() - began, 2)
        record["measured"] = {"seconds": seconds, "versions": versions(), "machine": machine()}
    name = PARTS[part] + suffix
    figure, drawn = module.draw(numbers), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=120)
    plt.close(figure)
    with write_atomically(folder / f"{name}.png") as file:
        file.write(drawn.getvalue())
    record["picture"] = f"{name}.png"
    record["tables"] = module.tables(numbers) if hasattr(module, "tables") else []
    record["remarks"] = module.remarks(numbers) if hasattr(module, "remarks") else []
    record["verdicts"] = _verdicts(module, numbers)
    with write_atomically(folder / f"{name}.json") as file:
        file.write((json.dumps(record | {"numbers": numbers}) + "\n").encode())
    return record


def _verdicts(module, numbers):
    """Return verdicts with those by earlier rules, and by the same rule where nothing was trained."""
    found = module.verdicts(numbers)
    if not found:
        return []
    nothing = module.untrained(numbers)
    by_claim = {verdict.claim: verdict.outcome for verdict in module.verdicts(nothing)}
    records = []
    for verdict in found:
        rules = EARLIER_RULES.get(verdict.claim, ())
        earlier = [[said, rule(numbers), rule(nothing)] for said, rule in rules]
        more = {"earlier": earlier, "untrained": by_claim[verdict.claim]}
        records.append(verdict.record() | more)
    return records


def _rule(function):
    """Return what a docstring says after its first paragraph, on a line."""
    _, _, rest = inspect.getdoc(function).partition("\n\n")
    return " ".join(rest.replace("``", "").split())


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
    print("\n".join(textwrap.wrap(announced(runs, updates, jobs, committed), 79)), flush=True)
    found = run_all(runs, updates, folder, jobs=jobs, every=5000, per_epoch=1000)
    return list(found.values())


def announced(runs, updates, jobs, committed):
    """Return a sentence on what will be trained, and how long it took where the long runs were made."""
    jobs = min(jobs, len(runs))
    side = f", {jobs} side by side" * (jobs > 1)
    said = f"Training {len(runs)} networks for {updates:,} updates each{side}"
    seconds = 0.0
    for run in runs:
        known = chosen(committed, run.depth, run.width, run.fixed).get(run.row)
        if not known:
            return f"{said}."
        seconds += updates / max(curve.pace for curve in known)
    where = sorted({s["processor"] for curve in committed for s in curve.sessions})
    return f"{said}: about {duration(seconds / jobs)} at the pace of the long runs ({', '.join(where)})."


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
    add("--images", help="folder with a subfolder of images for each class, for figure 1")
    add("--epochs", type=int, default=10, help="on these (default: %(default)s)")
    add("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    add("--out", default="glorot2010_report", help="folder (default: %(default)s)")
    kept = ", ".join(RECORDED)
    add("--records", choices=["keep", "draw"], help=f"keep {kept} for the documentation; draw "
        f"from what was kept, not measuring {kept}")  # fmt: skip
    given = parser.parse_args(arguments)
    parts = ["11"] if given.table else list(dict.fromkeys(given.figure.split(",")))
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        parser.error(f"--figure must be of {', '.join(PARTS)}, got {', '.join(unknown)}")
    if given.updates is not None and (given.updates < 1000 or given.updates % 1000):
        parser.error(f"--updates must be a multiple of 1000, got {given.updates}")
    for name in ("width", "seeds", "epochs", "jobs"):
        if getattr(given, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(given, name)}")
    if given.records == "keep" and given.updates is not None:
        parser.error("--records keep is for the long runs, not for --updates")
    if not Path(given.curves).is_dir():
        parser.error(f"--curves must be a folder, got {str(given.curves)!r}")
    pyplot()  # before anything is trained
    seeds = tuple(range(given.seeds))
    committed = read_curves(given.curves)
    loaders = ((load_mnist, given.mnist), (load_cifar10, given.cifar10))
    sets = [load(folder) for load, folder in loaders if folder]
    shared = {"width": given.width, "seeds": seeds, "sets": tuple(sets), "epochs": given.epochs}
    shared["jobs"] = given.jobs
    shared["images"] = load_image_folder(given.images) if given.images else None
    shared["doubts"] = rate_choices.doubts(given.curves)
    long = Source(committed, "long runs", **shared)
    sources = {"": long}
    if given.updates is not None and set(parts) & set(NEEDED):
        folder = Path(given.out) / "runs"
        curves = train_short(parts, given.updates, given.width, given.jobs, committed, folder)
        longest = max((curve.updates for curve in committed), default=0)
        is_short = given.updates < longest or not committed
        own = Source(curves, "reduced protocol" if is_short else "own runs", **shared)
        # The last verdict on a claim counts: that of the longer trainings.
        sources = {"": own, "_long": long} if is_short else {"_long": long, "": own}
        if not committed:
            del sources["_long"]
    records = []
    for part in parts:
        for suffix, source in sources.items() if part in NEEDED else [("", long)]:
            drawn = RECORDS if given.records == "draw" else None
            kept = RECORDS / f"{PARTS[part]}.json"
            if part in RECORDED and drawn is None and kept.exists():
                took = json.loads(kept.read_text())["measured"]["seconds"]
                print(
                    f"Measuring {part}: it took {duration(took)} for the record kept.", flush=True
                )
            records.append(make(part, source, given.out, suffix, drawn))
            if given.records == "keep" and part in RECORDED and records[-1]["picture"]:
                RECORDS.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(given.out) / f"{PARTS[part]}.json", RECORDS)
            print("\n".join(wording.terminal_lines(records[-1])), flush=True)
    curves = [curve for source in sources.values() for curve in source.curves]
    report.write(records, given.out, inventory.tables(curves, given.curves))
    where = f"The report, for a browser: {Path(given.out) / 'report.html'}"
    print("\n".join([*wording.terminal_summary(records), "", where]))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # let trainings end, too
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("ended; what was trained is not trained again")
    except (ImportError, OSError, RuntimeError, ValueError) as error:  # what a user can mend
        sys.exit(str(error))
