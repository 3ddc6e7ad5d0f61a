"""What came after the paper, on the same axes: does any of it beat tanh N?"""

from examples.glorot2010 import error_curves, figure11, table1
from examples.glorot2010.protocol import PAPER_ROWS, ROWS

TITLE = "Test error of what came after the paper, 5 hidden layers"
PAPER = ""  # it could say nothing of it
LATER = tuple(row for row in ROWS if row not in (*PAPER_ROWS, "sigmoid-pretrained"))


def measure(source):
    """Return the curves, and each row beside tanh N; None without tanh N and a later row.

    A row is compared after as many updates as both it and tanh N have a test error.
    """
    found = table1.chosen(source.curves, width=source.width)
    rows = {row: found[row] for row in ("tanh-n", *LATER) if row in found}
    pairs, scattered = {}, table1.scatter(source.curves)
    for row in LATER:
        if {"tanh-n", row} <= set(rows):
            pair = table1.summarize({one: rows[one] for one in ("tanh-n", row)}, scattered)
            if pair["compared_at"] is not None:
                pairs[row] = pair
    if not pairs:
        return None
    kept = {row: rows[row] for row in ("tanh-n", *pairs)}
    doubts = {row: source.doubt(rows[row][0].run) for row in pairs}
    numbers = {"pairs": pairs, "curves": figure11.listed(kept), "label": source.label}
    return numbers | {"doubts": doubts}


def draw(numbers):
    """Draw the curves, as far as the later rows got."""
    until = max(pair["compared_at"] for pair in numbers["pairs"].values())
    return error_curves.draw(figure11.unlisted(numbers["curves"]), until=until).figure


def tables(numbers):
    """Return a table of each row beside tanh N, as rows of texts."""
    rows = [["row", "from Tanh N, points", "test error, %", "Tanh N there, %", "updates", "seeds",
             "learning rate", "its choice"]]  # fmt: skip
    for row, pair in numbers["pairs"].items():
        own, plain = pair["rows"][row], pair["rows"]["tanh-n"]
        against, seeds = own["against"], [str(len(entry["seeds"])) for entry in (own, plain)]
        cells = [own["name"], table1.difference_words(against)]
        cells += [f"{entry['mean']:.2f} ± {entry['half_width']:.2f}" for entry in (own, plain)]
        made = f"{pair['compared_at']:,}"
        doubt = numbers["doubts"][row] or "inside the grid"
        rows.append([*cells, made, " and ".join(seeds), f"{own['rate']:g}", doubt])
    return [rows]


def remarks(numbers):
    """Return what the table's intervals are, and which rows are better than tanh N.

    Rows whose rate was chosen at the edge of the grid, or where nothing had been learned, are not ranked.
    """
    said = {"better than": [], "not told apart from": [], "worse than": []}
    unranked = []
    for row, pair in numbers["pairs"].items():
        against = pair["rows"][row]["against"]
        if numbers["doubts"][row]:
            unranked.append(f"{ROWS[row][0]} ({numbers['doubts'][row]})")
            continue
        kind = "not told apart from"
        if against["significant"]:
            kind = "better than" if against["difference"] < 0 else "worse than"
        said[kind].append(f"{ROWS[row][0]} ({against['difference']:+.2f})")
    # Rows differ in how long they were trained.
    parts = [f"{kind} Tanh N: {'; '.join(names)}" for kind, names in said.items() if names]
    parts += [f"not ranked, for the choice of their rates: {'; '.join(unranked)}"] * bool(unranked)
    text = ". ".join(part[0].upper() + part[1:] for part in parts)
    how = "Told apart: p < 0.005, by the intervals above; differences in points."
    return [table1.NOTE, f"{text}. {how}"]


def verdicts(numbers):
    """Return none: the paper could not claim anything of it."""
    return []
