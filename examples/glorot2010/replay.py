"""The numbers of Figures 2 to 12 for the page that replays them: ``python -m examples.glorot2010.replay``.

What changes through training is that of the committed curves: all that was measured, nothing in between.
Figures 5 to 8 are of networks that are not trained. They are made and measured here.
"""

import argparse
import json
from pathlib import Path

from examples.glorot2010 import (
    figure02,
    figure03,
    figure04,
    figure05,
    figure07,
    figure09,
    figure10,
    figure11,
    figure12,
    initial,
)
from examples.glorot2010.curves import plain, read_curves
from examples.glorot2010.protocol import (
    DATA,
    PAPER,
    PAPER_ROWS,
    PAPER_UPDATES,
    PRIOR_ERROR,
)
from examples.glorot2010.records import RECORDS
from examples.glorot2010.source import Source
from examples.glorot2010.trained import record
from minnet.common.atomic import write_atomically

__all__ = ["PAGE", "as_text", "replay"]

#: The file, which is part of the page.
PAGE = Path(__file__).parents[2] / "minnet" / "playground" / "static" / "paper.json"

_DIGITS = 4
_PRETRAINED = "sigmoid-pretrained"
_BEFORE = {"6": "Y", "7": "dZ", "8": "dW"}  # what these figures show of networks before training


def replay():
    """Return what the page shows.

    Returns
    -------
    dict
        ``updates``, how many the paper made; ``prior``, the error in percent of always the same answer;
        and ``figures``, of each its ``panels`` and how its ``claims`` were judged.
    """
    source = Source(read_curves(DATA))
    trained = {
        "2": figure02.measure(source), "3": figure03.measure(source), "4": figure04.measure(source),
        "9": figure09.measure(source), "10": figure10.measure(source),
    }  # fmt: skip
    before, surfaces = figure07.measure(source), figure05.measure(source)
    errors = figure11.measure(source)
    panels = {
        "2": [_layers(trained["2"][depth][0], "Y_mean", "Y_sd") for depth in "45"],
        "3": [_layers(trained["3"][row][0], "Y_p98", "Y_sd") for row in figure03.ROWS],
        "4": [_at_the_end(trained["4"][row][0], row) for row in figure03.ROWS],
        "5": [_surface(surfaces)],
        **{number: _at_start(before, source, name) for number, name in _BEFORE.items()},
        "9": [_layers(trained["9"][init][0], "dW_sd") for init in initial.INITS],
        "10": [_layers(trained["10"]["tanh-n"][0], "Y_p98", "Y_sd")],
        "11": [_errors(source)],
        "12": [_other_data(name, found) for name, found in _record_of_12().items()],
    }
    c1, c2 = figure07.verdicts(before)
    c7, c8 = figure09.verdicts(trained["9"])
    verdicts = {
        "2": figure02.verdicts(trained["2"]), "3": figure03.verdicts(trained["3"]),
        "4": figure04.verdicts(trained["4"]), "5": figure05.verdicts(surfaces), "6": [c1, c2],
        "7": [c1, c2, c7], "8": [c1], "9": [c8], "11": figure11.verdicts(errors),
    }  # fmt: skip
    figures = {
        number: {
            "panels": of_figure,
            "claims": [[v.claim, v.outcome] for v in verdicts.get(number, ())],
        }
        for number, of_figure in panels.items()
    }
    return {"updates": PAPER_UPDATES, "prior": plain(PRIOR_ERROR, _DIGITS), "figures": figures}


def _run(entry):
    """Return what was trained, of an entry of :func:`examples.glorot2010.trained.record`."""
    return {key: entry[key] for key in ("row", "depth", "rate", "seed")}


def _layers(entry, middle, second=None):
    """Return a panel of layers through training, as a probe on 300 images saw them."""
    names = [name for name in (middle, second) if name]
    values = {name: [plain(row, _DIGITS) for row in entry[name]] for name in names}
    return {"kind": "layers", "run": _run(entry), "updates": entry["updates"], "values": values}


def _at_the_end(entry, row):
    """Return a panel of the histograms that were kept: those of the last measurement."""
    run = {key: entry[key] for key in ("seed", "updates")} | {
        "row": row,
        "depth": len(entry["density"]),
    }
    return _histograms(run, "Y", entry["density"], entry["edges"])


def _histograms(run, quantity, density, edges):
    ranges = [[row[0], row[-1]] for row in edges]  # bins of equal width
    return {
        "kind": "histograms",
        "run": run,
        "quantity": quantity,
        "density": [plain(row, _DIGITS) for row in density],
        "range": [plain(row, _DIGITS) for row in ranges],
    }


def _at_start(before, source, name):
    """Return the paper's two panels, and below them how the layers' sizes go on through training."""
    panels = []
    for init, row in initial.INITS.items():
        run = {"row": row, "depth": before["depth"], "seed": before["seeds"][0], "updates": 0}
        panels.append(_histograms(run, name, *before[init]["histograms"][name]))
    for row in initial.INITS.values():
        entry = record(source.longest(row), (f"{name}_sd",))[0]
        panels.append(_layers(entry, f"{name}_sd"))
    return panels


def _surface(numbers):
    return {
        "kind": "surfaces",
        "x": plain(numbers["x"], _DIGITS),
        "y": plain(numbers["y"], _DIGITS),
        "costs": {name: plain(values, _DIGITS) for name, values in numbers["losses"].items()},
        "flat": {name: plain(values[0], _DIGITS) for name, values in numbers["flat"].items()},
    }


def _errors(source):
    """Return a panel of the test errors of Table 1's rows and the pre-trained one, the longest of each."""
    lines = []
    for row in (*PAPER_ROWS, _PRETRAINED):
        curve = source.longest(row)[0]
        tested = [p for p in curve.points if p["test_error"] is not None]
        validated = [p for p in curve.points if p["validation_error"] is not None]
        lines.append(
            {
                "run": _run(curve.run),
                "updates": [p["updates"] for p in tested],
                "errors": plain([p["test_error"] for p in tested], _DIGITS),
                "validated": [p["updates"] for p in validated],
                "validation": plain([p["validation_error"] for p in validated], _DIGITS),
                "paper": PAPER.get(row),
            }
        )
    return {"kind": "errors", "data": "shapeset", "lines": lines}


def _record_of_12():
    return json.loads((RECORDS / "figure12.json").read_text())["numbers"]


def _other_data(name, found):
    """Return a panel of test errors on another data set, the first seed's."""
    lines = [
        {
            "run": {"row": row, "depth": 5, "rate": of_row["rate"], "seed": of_row["seeds"][0]},
            "updates": found["updates"],
            "errors": plain(of_row["test_error"][0], _DIGITS),
            "validated": [],
            "validation": [],
            "paper": figure12.FINAL.get(name, {}).get(row),
        }
        for row, of_row in found["rows"].items()
    ]
    return {"kind": "errors", "data": name, "lines": lines}


def as_text(numbers):
    """Return the file: a line for each panel."""
    head = {key: value for key, value in numbers.items() if key != "figures"}
    lines = [f'"{key}": {json.dumps(value)},' for key, value in head.items()]
    figures = []
    for number, figure in numbers["figures"].items():
        panels = ",\n ".join(json.dumps(panel, separators=(",", ":")) for panel in figure["panels"])
        claims = json.dumps(figure["claims"])
        figures.append(f'"{number}": {{"claims": {claims}, "panels": [\n {panels}]}}')
    lines.append('"figures": {\n' + ",\n".join(figures) + "}")
    return "{" + "\n".join(lines) + "}\n"


def main(arguments=None):
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(arguments)
    text = as_text(replay())
    with write_atomically(PAGE) as file:
        file.write(text.encode())
    print(f"{PAGE}: {len(text):,} bytes")


if __name__ == "__main__":
    main()
